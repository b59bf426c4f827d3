//! Calls that a trial signs itself: to S3 for the bucket, to IAM, Lambda and CloudWatch Logs, for which a crate of the SDK each
//! would be built.

use std::fmt;

use ::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use delivery::port::Error;
use http_body_util::{BodyExt, Limited};
use url::Url;

use super::Trial;
use crate::signing::{self, Scope};
use crate::{failure, functions};

/// Answers that are read at most: an error is some hundred bytes, a scaler's plan some thousand. Chosen.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// IAM is one for all regions, and its calls are signed for this one. Source: AWS General Reference, "IAM endpoints and quotas".
const GLOBAL: &str = "us-east-1";

/// What was answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// The error of a service that answers in JSON.
    pub(super) fn refused(&self, what: &str) -> Error {
        let code = self.headers.get("x-amzn-errortype");
        let code = code.and_then(|code| code.to_str().ok());
        functions::refused(what, self.status, code, &self.body)
    }

    /// The error of a service that answers in XML.
    pub(super) fn refused_in_xml(&self, what: &str) -> Error {
        let code = self.element("Code").unwrap_or_else(|| "Unknown".to_owned());
        let message = self.element("Message");
        let message = message.unwrap_or_else(|| "no message".to_owned());
        let detail = format!("{} {code}: {message}", self.status.as_u16());
        let passes = self.status.is_server_error()
            || self.status == StatusCode::TOO_MANY_REQUESTS
            || failure::is_passing(&code);
        match passes {
            true => Error::unavailable(what, detail),
            false => Error::refused(what, detail),
        }
    }

    /// What stands in the first element of that name.
    pub(super) fn element(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body);
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0.to_owned())
    }
}

impl Trial {
    /// A call to `service` at `url`, and what is answered, whatever that is.
    pub(super) async fn signed(
        &self,
        what: &str,
        service: &str,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Error> {
        let refused = |error: &dyn fmt::Display| Error::refused(what, error);
        let mut request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header("host", url.authority());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).map_err(|error| refused(&error))?;
        let key = self.account.key().await.map_err(|error| refused(&error))?;
        let region = match service {
            "iam" => GLOBAL,
            _ => &self.region,
        };
        let scope = Scope {
            service,
            region,
            at: self.clock.now(),
        };
        let request = signing::signed(request, &key, scope).map_err(|error| refused(&error))?;
        let answer = self.account.http.call(request).await;
        let answer = answer.map_err(|error| Error::unavailable(what, error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes);
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.unwrap_or_default(),
        })
    }

    /// Where a service is: what `variable` says, the account's endpoint, or Amazon's place.
    pub(super) fn endpoint(&self, variable: &str, amazons: &str) -> Result<Url, Error> {
        let own = std::env::var(variable).ok().filter(|url| !url.is_empty());
        let given = self.account.config.endpoint_url().map(str::to_owned);
        let place = own.or(given).unwrap_or_else(|| amazons.to_owned());
        let wrong = |error| Error::refused(&format!("endpoint `{place}`"), error);
        Url::parse(&place).map_err(wrong)
    }
}
