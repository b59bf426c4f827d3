//! The port `Invoker` over Lambda: a notifier is an invocation that nobody waits for (`InvocationType: Event`).
//!
//! Lambda answers 202 once the invocation is queued, so a start that is counted may still come to nothing: where the function's
//! concurrency is used up the event waits, for as long as the function's `MaximumEventAgeInSeconds`. Nobody can be asked who
//! runs ([`Running::Unknown`]): who lives is known by what notifiers tell of themselves ([`delivery::scaler::Hearing`]), else each
//! that was started counts until its deadline.
//!
//! The one call is signed here and goes through our own client: the SDK's crate for Lambda is some 70 operations, for which
//! `aws-sigv4`, which the SDK has built anyway, and a POST stand in. Not retried: the next plan starts whom it still needs.
//!
//! Source: Lambda API Reference, "Invoke"; Signature Version 4, as `aws-sigv4` has it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, StatusCode};
use base::Clock;
use bytes::Bytes;
use delivery::port::{Error, Invoker, Running, StartEvent};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Limited};
use parking_lot::Mutex;
use tokio::time::timeout;
use url::Url;

use crate::account::{Account, Key};
use crate::failure;
use crate::signing::{self, Scope};

/// The longest name of a function, with an ARN's parts and a qualifier. Source: Lambda API Reference, Invoke.
const NAME_BYTES_MAX: usize = 170;
/// The largest answer that is read; that to an event is empty, an error's a few hundred bytes. Chosen.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longest time for one call. Chosen: a plan must end within its minute.
const CALL_TIME: Duration = Duration::from_secs(10);
/// A key is asked for again so long before it ends. Chosen.
const KEY_MARGIN: Duration = Duration::from_secs(60);

/// Starts notifiers as invocations of a function.
pub struct Functions {
    account: Account,
    clock: Arc<dyn Clock>,
    function: String,
    region: String,
    url: Url,
    key: Mutex<Option<Key>>,
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Functions")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Functions {
    /// The notifiers are invocations of `function`: a name or an ARN, with or without `:qualifier`. Region: the ARN's, else the
    /// account's. Endpoint: `AWS_ENDPOINT_URL_LAMBDA`, else the account's, else Amazon's in that region.
    ///
    /// # Errors
    /// [`Error::Refused`] when that cannot be a function, no region is known, or the endpoint is no URL.
    pub fn new(account: &Account, function: &str, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let endpoint = std::env::var("AWS_ENDPOINT_URL_LAMBDA").ok();
        let endpoint = endpoint.filter(|url| !url.is_empty());
        Self::at(account, function, clock, endpoint)
    }

    fn at(
        account: &Account,
        function: &str,
        clock: Arc<dyn Clock>,
        endpoint: Option<String>,
    ) -> Result<Self, Error> {
        let what = format!("function `{function}`");
        if !is_function(function) {
            let detail = "give a function's name or ARN, such as `shukuba-notifier`";
            return Err(Error::refused(&what, detail));
        }
        let endpoint = endpoint.or_else(|| account.config.endpoint_url().map(str::to_owned));
        let region = region_of(function)
            .or_else(|| account.config.region().map(ToString::to_string))
            .or_else(|| endpoint.as_ref().map(|_| "us-east-1".to_owned()));
        let region = region.ok_or_else(|| Error::refused(&what, "no region; set AWS_REGION"))?;
        let endpoint = endpoint.unwrap_or_else(|| amazons(&region));
        let wrong = |error| Error::refused(&format!("the endpoint `{endpoint}`"), error);
        let mut url = Url::parse(&endpoint).map_err(|error| wrong(error.to_string()))?;
        let is_web = matches!(url.scheme(), "http" | "https");
        if !is_web || url.host_str().is_none() {
            return Err(wrong("not a URL of http or https".to_owned()));
        }
        // A `:` has no place in a path of a signed request.
        let name = function.replace(':', "%3A");
        url.set_path(&format!("/2015-03-31/functions/{name}/invocations"));
        url.set_query(None);
        Ok(Self {
            account: account.clone(),
            clock,
            function: function.to_owned(),
            region,
            url,
            key: Mutex::default(),
        })
    }

    fn what(&self) -> String {
        format!("function `{}`", self.function)
    }

    async fn invoke(&self, event: &StartEvent) -> Result<(), Error> {
        let payload =
            serde_json::to_vec(event).map_err(|error| Error::refused(&self.what(), error))?;
        let key = self.key().await?;
        let request = self.signed(&key, payload)?;
        let calling = async {
            let answer = self.account.http.call(request).await;
            let answer = answer.map_err(|error| Error::unavailable(&self.what(), error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map(http_body_util::Collected::to_bytes);
            Ok((head, body.unwrap_or_default()))
        };
        let late = |_| Error::unavailable(&self.what(), format!("no answer in {CALL_TIME:?}"));
        let (head, body) = timeout(CALL_TIME, calling).await.map_err(late)??;
        match head.status {
            StatusCode::ACCEPTED => Ok(()),
            status => {
                if status == StatusCode::FORBIDDEN {
                    // The next start asks the chain again.
                    *self.key.lock() = None;
                }
                let code = head.headers.get("x-amzn-errortype");
                let code = code.and_then(|code| code.to_str().ok());
                Err(refused(&self.what(), status, code, &body))
            }
        }
    }

    /// The chain's key, kept until it is about to end.
    async fn key(&self) -> Result<Key, Error> {
        let now = self.clock.now();
        let lasts = |key: &Key| key.ends_at.is_none_or(|end| end.minus(KEY_MARGIN) > now);
        if let Some(key) = self.key.lock().clone().filter(lasts) {
            return Ok(key);
        }
        let key = self.account.key().await;
        let key = key.map_err(|error| Error::refused(&self.what(), error))?;
        *self.key.lock() = Some(key.clone());
        Ok(key)
    }

    fn signed(&self, key: &Key, payload: Vec<u8>) -> Result<Request<Bytes>, Error> {
        let refused = |error: &dyn fmt::Display| Error::refused(&self.what(), error);
        let request = Request::post(self.url.as_str())
            .header("host", self.url.authority())
            .header("content-type", "application/json")
            .header("x-amz-invocation-type", "Event")
            .body(Bytes::from(payload))
            .map_err(|error| refused(&error))?;
        let scope = Scope {
            service: "lambda",
            region: &self.region,
            at: self.clock.now(),
        };
        signing::signed(request, key, scope).map_err(|error| refused(&error))
    }
}

impl Invoker for Functions {
    fn start(&self, event: StartEvent) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move { self.invoke(&event).await })
    }

    fn running<'a>(&'a self, _route: &'a str) -> BoxFuture<'a, Result<Running, Error>> {
        Box::pin(std::future::ready(Ok(Running::Unknown)))
    }
}

/// Letters, digits and what stands between an ARN's parts.
fn is_function(name: &str) -> bool {
    let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '$' | '.');
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(is_one)
}

/// The region of `arn:aws:lambda:REGION:…`.
fn region_of(function: &str) -> Option<String> {
    let mut parts = function.split(':');
    let is_arn = parts.next() == Some("arn") && parts.nth(1) == Some("lambda");
    parts.next().filter(|_| is_arn).map(str::to_owned)
}

fn amazons(region: &str) -> String {
    let suffix = match region.starts_with("cn-") {
        true => ".cn",
        false => "",
    };
    format!("https://lambda.{region}.amazonaws.com{suffix}")
}

/// `ThrottlingException:http://…` in the header; `{"Message": …}` or `{"message": …}` in the body.
pub(crate) fn refused(what: &str, status: StatusCode, code: Option<&str>, body: &[u8]) -> Error {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| said.get(name).and_then(serde_json::Value::as_str);
    let code = code.or_else(|| text("__type")).unwrap_or("Unknown");
    let code = code.split(':').next().unwrap_or_default();
    let message = text("Message").or_else(|| text("message"));
    let detail = format!(
        "{} {code}: {}",
        status.as_u16(),
        message.unwrap_or("no message")
    );
    let passes = status.as_u16() == 429 || status.is_server_error() || failure::is_passing(code);
    match passes {
        true => Error::unavailable(what, detail),
        false => Error::refused(what, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Timestamp;

    fn account() -> Account {
        Account::with_key("AKID", "secret", "eu-west-1").unwrap()
    }

    fn of(function: &str, endpoint: Option<&str>) -> Result<Functions, Error> {
        let clock = Arc::new(base::ManualClock::at(Timestamp::from_secs(1_795_410_190)));
        let endpoint = endpoint.map(str::to_owned);
        Functions::at(&account(), function, clock, endpoint)
    }

    #[test]
    fn a_function_is_called_where_it_is() {
        for (function, endpoint, url) in [
            (
                "notifier",
                None,
                "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/notifier/invocations",
            ),
            (
                "arn:aws:lambda:ap-northeast-1:123456789012:function:n:live",
                None,
                "https://lambda.ap-northeast-1.amazonaws.com/2015-03-31/functions/arn%3Aaws%3Alambda%3Aap-northeast-1%3A123456789012%3Afunction%3An%3Alive/invocations",
            ),
            (
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:n",
                Some("http://127.0.0.1:5310/"),
                "http://127.0.0.1:5310/2015-03-31/functions/arn%3Aaws-cn%3Alambda%3Acn-north-1%3A123456789012%3Afunction%3An/invocations",
            ),
        ] {
            assert_eq!(of(function, endpoint).unwrap().url.as_str(), url);
        }
        assert_eq!(
            amazons("cn-north-1"),
            "https://lambda.cn-north-1.amazonaws.com.cn"
        );
    }

    #[test]
    fn what_cannot_be_a_function_is_refused() {
        let long = "n".repeat(NAME_BYTES_MAX + 1);
        for (function, endpoint) in [
            ("", None),
            ("a/b", None),
            ("a b", None),
            (long.as_str(), None),
            ("n", Some("lambda")),
            ("n", Some("ftp://host")),
        ] {
            let refused = of(function, endpoint).unwrap_err();
            assert!(!refused.is_passing(), "{function}: {refused}");
        }
    }

    #[test]
    fn some_refusals_pass() {
        let of = |status: u16, code, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            refused("function `n`", status, code, body.as_bytes())
        };
        let throttled = of(
            429,
            Some("TooManyRequestsException"),
            r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#,
        );
        assert_eq!(
            throttled.to_string(),
            "function `n` is not available: 429 TooManyRequestsException: Rate Exceeded."
        );
        assert!(of(500, Some("ServiceException"), "").is_passing());
        let gone = of(
            404,
            Some("ResourceNotFoundException:http://internal.amazon.com/"),
            r#"{"Type":"User","Message":"Function not found: n"}"#,
        );
        assert!(!gone.is_passing());
        assert!(
            gone.to_string()
                .ends_with("404 ResourceNotFoundException: Function not found: n")
        );
        assert!(!of(403, Some("AccessDeniedException"), "<html>").is_passing());
    }
}
