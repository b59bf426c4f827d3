//! The service, for the gateway: hands a request to s3s and its answer back.

use std::sync::Arc;

use api::{Audit, Fault, FaultCtx, RestAnswer, RestBody, RestCall, RestService};
use base::{AccountId, Region};
use futures_util::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, Uri};
use http_body_util::BodyExt;
use s3s::auth::SecretKey;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};

use super::{Calls, Known, fault};
use crate::limits::XML_BYTES_MAX;
use crate::objects::Objects;

/// Bytes of an answer beyond which it is no error's. Chosen.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// Characters of a parameter that go into a record. Chosen.
const RECORDED_CHARS_MAX: usize = 1024;

/// S3 over [`Objects`].
#[derive(Debug)]
pub struct Service {
    objects: Arc<Objects>,
    region: Region,
    account: AccountId,
    config: Arc<StaticConfigProvider>,
}

impl Service {
    /// S3 in `region`, with all buckets owned by `account`.
    #[must_use]
    pub fn new(objects: Arc<Objects>, region: Region, account: AccountId) -> Self {
        let mut config = S3Config::default();
        config.xml_max_body_size = XML_BYTES_MAX;
        // Forms are refused before their fields are read; see `answer`.
        config.post_object_max_file_size = 0;
        Self {
            objects,
            region,
            account,
            config: Arc::new(StaticConfigProvider::new(Arc::new(config))),
        }
    }
}

impl RestService for Service {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn takes_unsigned(&self) -> bool {
        true
    }

    fn call(&self, call: RestCall) -> BoxFuture<'static, RestAnswer> {
        let RestCall {
            ctx,
            secret,
            gate,
            request,
        } = call;
        let fault_ctx = FaultCtx {
            request_id: ctx.request_id,
            region: self.region.clone(),
        };
        let known = Known {
            key_id: key_id(request.headers(), request.uri()).unwrap_or_default(),
            secret: secret.map(|secret| SecretKey::from(secret.expose())),
        };
        let calls = Calls {
            objects: Arc::clone(&self.objects),
            ctx,
            gate,
            region: self.region.clone(),
            account: self.account.clone(),
            found: Arc::default(),
            context: Arc::default(),
            asked: Arc::default(),
        };
        let mut builder = S3ServiceBuilder::new(calls.clone());
        builder.set_auth(known);
        builder.set_access(calls.clone());
        builder.set_config(Arc::clone(&self.config) as _);
        Box::pin(answer(builder.build(), calls, fault_ctx, request))
    }

    fn fault(&self, head: &Parts, ctx: &FaultCtx, fault: &Fault) -> Response<RestBody> {
        let mut response = fault::answer(head.uri.path(), ctx, fault);
        sign_off(&mut response, ctx);
        response
    }
}

async fn answer(
    service: S3Service,
    calls: Calls,
    ctx: FaultCtx,
    request: http::Request<RestBody>,
) -> RestAnswer {
    let input = recorded(request.uri(), request.headers());
    let path = request.uri().path().to_owned();
    let refused = refused_form(request.headers(), request.uri());
    let (mut response, outcome) = match refused {
        Some(fault) => (fault::answer(&path, &ctx, &fault), Err(fault)),
        None => {
            let request = request.map(s3s::Body::http_body_unsync);
            match service.call(request).await {
                Ok(response) => told(response, &path, &ctx).await,
                Err(error) => {
                    tracing::error!(?error, "an answer could not be written");
                    let fault = Fault::internal();
                    (fault::answer(&path, &ctx, &fault), Err(fault))
                }
            }
        }
    };
    sign_off(&mut response, &ctx);
    let line = *calls.found.lock();
    RestAnswer {
        response,
        operation: line.map_or("Unknown", |line| line.name),
        audit: line.map_or(Audit::Management, |line| line.audit),
        access: std::mem::take(&mut *calls.asked.lock()),
        input: Some(input),
        outcome,
    }
}

/// The answer with its error, if it is one, written as S3 does.
async fn told(
    response: http::Response<s3s::Body>,
    path: &str,
    ctx: &FaultCtx,
) -> (Response<RestBody>, Result<(), Fault>) {
    let status = response.status();
    let is_fine = status.is_success();
    if is_fine {
        return (response.map(BodyExt::boxed_unsync), Ok(()));
    }
    let (mut head, body) = response.into_parts();
    let limited = http_body_util::Limited::new(body, ERROR_BYTES_MAX);
    // An error's body is in memory already.
    let xml = limited
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let fault = fault::read(status, &xml.unwrap_or_default());
    let shown = fault::answer(path, ctx, &fault);
    head.headers.remove(http::header::CONTENT_LENGTH);
    head.headers.remove(CONTENT_TYPE);
    let (shown_head, body) = shown.into_parts();
    head.headers.extend(shown_head.headers);
    (Response::from_parts(head, body), Err(fault))
}

fn sign_off(response: &mut Response<RestBody>, ctx: &FaultCtx) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(ctx.request_id.to_string()) {
        headers.insert("x-amz-request-id", id);
    }
    headers.insert("x-amz-id-2", HeaderValue::from_static("shukuba"));
    headers.insert("server", HeaderValue::from_static("AmazonS3"));
}

/// What s3s would take and this server does not: forms, whose file it would hold in memory, and signatures of version 2, which do not
/// cover what a request means.
fn refused_form(headers: &HeaderMap, uri: &Uri) -> Option<Fault> {
    let starts = |name: http::HeaderName, text: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.to_ascii_lowercase().starts_with(text))
    };
    if starts(CONTENT_TYPE, "multipart/form-data") {
        let text = "uploads by form are not one of this server's operations; use PUT";
        return Some(Fault::sender("NotImplemented", text).with_status(501));
    }
    let is_old = |pair: &str| pair.starts_with("AWSAccessKeyId=") || pair.starts_with("Signature=");
    let query = uri.query().unwrap_or_default();
    if starts(AUTHORIZATION, "aws ") || query.split('&').any(is_old) {
        let text = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
        return Some(Fault::sender("InvalidRequest", text));
    }
    None
}

/// The id of the key that signed, which the gateway has proven.
fn key_id(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let in_header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let credential = match in_header.and_then(|text| text.split_once("Credential=")) {
        Some((_, rest)) => rest.to_owned(),
        None => {
            let pairs = uri.query()?.split('&');
            let value = pairs
                .filter_map(|pair| pair.strip_prefix("X-Amz-Credential="))
                .next()?;
            percent_encoding::percent_decode_str(value)
                .decode_utf8_lossy()
                .into_owned()
        }
    };
    credential.split('/').next().map(str::to_owned)
}

/// Headers that say what is to be done.
const RECORDED: &[&str] = &["x-amz-acl", "x-amz-copy-source", "x-amz-metadata-directive"];

/// The parameters of a request for its record: where, what, and nothing that signs.
fn recorded(uri: &Uri, headers: &HeaderMap) -> Vec<u8> {
    let short = |text: &str| text.chars().take(RECORDED_CHARS_MAX).collect::<String>();
    let decoded =
        |text: &str| short(&percent_encoding::percent_decode_str(text).decode_utf8_lossy());
    let mut input = serde_json::Map::new();
    let path = uri.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    for (name, value) in [("bucketName", bucket), ("key", key)] {
        if !value.is_empty() {
            input.insert(name.to_owned(), decoded(value).into());
        }
    }
    let host = headers.get("host").and_then(|value| value.to_str().ok());
    input.insert("Host".to_owned(), short(host.unwrap_or_default()).into());
    for pair in uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !name.to_ascii_lowercase().starts_with("x-amz-") && name != "x-id" {
            input.insert(decoded(name), decoded(value).into());
        }
    }
    for name in RECORDED {
        if let Some(value) = headers.get(*name).and_then(|value| value.to_str().ok()) {
            input.insert((*name).to_owned(), short(value).into());
        }
    }
    serde_json::to_vec(&input).unwrap_or_default()
}
