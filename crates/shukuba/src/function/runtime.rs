//! The runtime API from the function's side: asks for the next invocation, answers it, says why it cannot.
//!
//! One connection on this machine, kept between invocations; one that was closed meanwhile is made anew. What else goes wrong
//! ends the process, and Lambda begins another environment.
//!
//! Source: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".

use anyhow::Context;
use base::Timestamp;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The largest event: 6 MB for a call that waits. Source: Lambda quotas, "Invocation payload".
const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024 + 1024;
/// Version of the API, in its paths.
const BASE: &str = "/2018-06-01/runtime";

/// The runtime API of this environment.
#[derive(Debug)]
pub(super) struct Runtime {
    authority: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// One invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invocation {
    /// Its id.
    pub(super) request_id: String,
    /// When the process is killed.
    pub(super) deadline: Timestamp,
    /// The event.
    pub(super) payload: Bytes,
}

impl Runtime {
    /// The API at `authority`, such as `127.0.0.1:9001`.
    pub(super) fn new(authority: &str) -> Self {
        Self {
            authority: authority.to_owned(),
            connection: None,
        }
    }

    /// Waits for the next invocation, for as long as it takes: the process is frozen meanwhile.
    pub(super) async fn next(&mut self) -> anyhow::Result<Invocation> {
        let request = self.request(Method::GET, "/invocation/next");
        let answer = self.call(request.body(Full::default())?).await?;
        let (head, payload) = answer.into_parts();
        if head.status != StatusCode::OK {
            anyhow::bail!("the runtime API gives no invocation: {}", head.status);
        }
        Invocation::of(&head.headers, payload)
    }

    /// Answers an invocation, with what went wrong where something did.
    pub(super) async fn answer(
        &mut self,
        invocation: &Invocation,
        answer: anyhow::Result<serde_json::Value>,
    ) -> anyhow::Result<()> {
        let path = |what: &str| format!("/invocation/{}/{what}", invocation.request_id);
        match answer {
            Ok(value) => {
                let request = self.request(Method::POST, &path("response"));
                let body = Full::from(value.to_string());
                self.post(request.body(body)?).await
            }
            Err(error) => {
                let kind = "Shukuba.InvocationFailed";
                self.complain(&path("error"), kind, &error).await
            }
        }
    }

    /// Says why this environment cannot begin.
    pub(super) async fn cannot_begin(&mut self, error: &anyhow::Error) -> anyhow::Result<()> {
        self.complain("/init/error", "Shukuba.CannotBegin", error)
            .await
    }

    async fn complain(
        &mut self,
        path: &str,
        kind: &str,
        error: &anyhow::Error,
    ) -> anyhow::Result<()> {
        let body = serde_json::json!({
            "errorType": kind,
            "errorMessage": format!("{error:#}"),
            "stackTrace": [],
        });
        let request = self
            .request(Method::POST, path)
            .header("lambda-runtime-function-error-type", kind);
        self.post(request.body(Full::from(body.to_string()))?).await
    }

    async fn post(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<()> {
        let answer = self.call(request).await?;
        match answer.status() {
            StatusCode::ACCEPTED => Ok(()),
            status => anyhow::bail!(
                "the runtime API does not take the answer: {status} {}",
                String::from_utf8_lossy(answer.body())
            ),
        }
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("{BASE}{path}"))
            .header("host", &self.authority)
            .header("content-type", "application/json")
            .header("user-agent", concat!("shukuba/", env!("CARGO_PKG_VERSION")))
    }

    async fn connected(&mut self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        if let Some(mut kept) = self.connection.take()
            && kept.ready().await.is_ok()
        {
            return Ok(kept);
        }
        connect(&self.authority).await
    }

    async fn call(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>> {
        let api = format!("the runtime API at {}", self.authority);
        let lost = || api.clone();
        let mut connection = self.connected().await.with_context(lost)?;
        let answer = connection.send_request(request).await.with_context(lost)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, EVENT_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("{api}: {error}"))?;
        self.connection = Some(connection);
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

async fn connect(authority: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (connection, work) = handshake(TokioIo::new(stream)).await?;
    // Ends with the connection.
    tokio::spawn(work);
    Ok(connection)
}

impl Invocation {
    fn of(headers: &HeaderMap, payload: Bytes) -> anyhow::Result<Self> {
        let header = |name: &str| {
            let text = headers.get(name).and_then(|value| value.to_str().ok());
            text.with_context(|| format!("an invocation without the header `{name}`"))
        };
        let deadline = header("lambda-runtime-deadline-ms")?;
        let deadline = deadline
            .parse()
            .with_context(|| format!("`{deadline}` is no deadline"))?;
        Ok(Self {
            request_id: header("lambda-runtime-aws-request-id")?.to_owned(),
            deadline: Timestamp::from_millis(deadline),
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_has_an_id_and_a_deadline() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    http::HeaderValue::from_static(value),
                )
            });
            Invocation::of(&pairs.collect(), Bytes::from_static(b"{}"))
        };
        let id = ("lambda-runtime-aws-request-id", "8476a536");
        let deadline = ("lambda-runtime-deadline-ms", "1795410190000");
        let found = of(&[id, deadline]).unwrap();
        assert_eq!(found.request_id, "8476a536");
        assert_eq!(found.deadline, Timestamp::from_secs(1_795_410_190));
        assert!(of(&[id]).is_err());
        assert!(of(&[deadline]).is_err());
        assert!(of(&[id, ("lambda-runtime-deadline-ms", "soon")]).is_err());
    }
}
