//! A service that speaks HTTP itself: gives back what it gets.

use api::{Access, Audit, BodyError, Fault, FaultCtx, RestAnswer, RestBody, RestCall, RestService};
use base::{Arn, Region};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Response;
use http::request::Parts;
use http_body_util::{BodyExt, Full};

/// What the paths do: `/back` gives the body back, `/unread` answers without reading it, `/denied` asks for what only an
/// administrator may, `/broken` panics.
#[derive(Debug)]
pub(crate) struct Mirror;

impl RestService for Mirror {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn takes_unsigned(&self) -> bool {
        true
    }

    fn call(&self, call: RestCall) -> BoxFuture<'static, RestAnswer> {
        Box::pin(answer(call))
    }

    fn fault(&self, _: &Parts, ctx: &FaultCtx, fault: &Fault) -> Response<RestBody> {
        said(fault, &ctx.request_id.to_string())
    }
}

async fn answer(call: RestCall) -> RestAnswer {
    let RestCall {
        ctx, gate, request, ..
    } = call;
    let outcome = match request.uri().path() {
        _ if ctx.caller.is_anonymous() => Err(Fault::sender("AccessDenied", "").with_status(403)),
        "/back" => request
            .into_body()
            .collect()
            .await
            .map_err(|error| slow(&error)),
        "/denied" => {
            let region: Region = "ap-northeast-1".parse().unwrap();
            let resource = Arn::new("s3", &region, &ctx.caller.account, "b");
            let access = [Access::new("s3:DeleteBucket", resource)];
            match gate.decide(&ctx, &access) {
                Ok(()) => Ok(http_body_util::Collected::default()),
                Err(fault) => Err(fault),
            }
        }
        "/broken" => panic!("a service with a fault of its own"),
        _ => Err(Fault::sender("Unread", "nobody reads this")),
    };
    let (response, outcome) = match outcome {
        Ok(body) => (Response::new(whole(body.to_bytes())), Ok(())),
        Err(fault) => (said(&fault, ""), Err(fault)),
    };
    RestAnswer {
        response,
        operation: "Mirror",
        audit: Audit::Data,
        access: Vec::new(),
        input: None,
        outcome,
    }
}

fn slow(error: &BodyError) -> Fault {
    Fault::sender("RequestTimeout", error.to_string())
}

fn said(fault: &Fault, request_id: &str) -> Response<RestBody> {
    let text = format!(
        "<Code>{}</Code>{}<Id>{request_id}</Id>",
        fault.query_code, fault.message
    );
    let mut response = Response::new(whole(text.into()));
    *response.status_mut() = fault.status.try_into().unwrap();
    response
}

fn whole(bytes: Bytes) -> RestBody {
    Full::new(bytes).map_err(BodyError::from).boxed_unsync()
}
