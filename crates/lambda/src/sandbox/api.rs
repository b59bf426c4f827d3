//! The runtime API: how a function's process is given invocations and answers them.
//!
//! One listener on loopback for each environment, since all that a runtime is told is an authority
//! (`AWS_LAMBDA_RUNTIME_API`). Whatever runs on this machine can connect to it, as to any loopback port.
//!
//! ```text
//! GET  /2018-06-01/runtime/invocation/next
//! POST /2018-06-01/runtime/invocation/ID/response
//! POST /2018-06-01/runtime/invocation/ID/error
//! POST /2018-06-01/runtime/init/error
//! ```
//!
//! Source: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::debug;

use super::desk::{Desk, Refusal, Said, Task};

/// Largest answer: 6 MiB and 100 bytes. Source: AWS's error text names 6291556 bytes.
pub(super) const ANSWER_BYTES_MAX: usize = 6 * 1024 * 1024 + 100;
/// Connections of one environment at once; a runtime needs one or two. Chosen.
const CONNECTIONS_MAX: usize = 8;
/// Version of the API in its paths.
const VERSION: &str = "/2018-06-01/runtime/";
/// Header by which a runtime names the type of an error; also a trailer of an answer that broke off.
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

type Answer = Response<Full<Bytes>>;

/// Serves the runtime that connects to `listener`, until it is dropped.
pub(super) async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                match accepted {
                    Ok((stream, _)) => {
                        // Small answers must not wait for acknowledgements.
                        let _ = stream.set_nodelay(true);
                        connections.spawn(connection(stream, Arc::clone(&desk)));
                    }
                    Err(error) => {
                        debug!(%error, "a runtime's connection was not taken");
                        tokio::task::yield_now().await;
                    }
                }
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: tokio::net::TcpStream, desk: Arc<Desk>) {
    let service = service_fn(|request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(answer(request, &desk).await) }
    });
    let served = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        debug!(%error, "a runtime's connection ended");
    }
}

async fn answer(request: Request<Incoming>, desk: &Desk) -> Answer {
    let path = request.uri().path().to_owned();
    let Some(path) = path.strip_prefix(VERSION) else {
        return not_found();
    };
    let is_post = request.method() == Method::POST;
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["invocation", "next"] if request.method() == Method::GET => next(desk).await,
        ["invocation", id, "response"] if is_post => response(request, desk, id).await,
        ["invocation", id, "error"] if is_post => error(request, desk, id).await,
        ["init", "error"] if is_post => init_error(request, desk).await,
        ["invocation", "next"] | ["invocation", _, "response" | "error"] | ["init", "error"] => {
            said_wrong(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "Method not allowed",
            )
        }
        _ => not_found(),
    }
}

async fn next(desk: &Desk) -> Answer {
    match desk.next().await {
        Ok(task) => handed_out(task),
        Err(refusal) => refused(refusal),
    }
}

fn handed_out(task: Task) -> Answer {
    let mut headers = HeaderMap::with_capacity(8);
    let mut put = |name: &'static str, text: &str| {
        // A JSON text stays what it is with blanks for its line ends.
        let line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if let Ok(value) = HeaderValue::from_bytes(line.as_bytes()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("content-type", "application/json");
    put("lambda-runtime-aws-request-id", &task.request_id);
    put(
        "lambda-runtime-deadline-ms",
        &task.deadline.as_millis().to_string(),
    );
    put("lambda-runtime-invoked-function-arn", &task.arn);
    put("lambda-runtime-trace-id", &task.trace);
    if let Some(context) = &task.client_context {
        put("lambda-runtime-client-context", context);
    }
    let mut answer = Response::new(Full::new(task.payload));
    *answer.headers_mut() = headers;
    answer
}

async fn response(request: Request<Incoming>, desk: &Desk, id: &str) -> Answer {
    if let Err(refusal) = desk.expects(id) {
        return refused(refusal);
    }
    let said = match body(request).await {
        Body::Whole(bytes, None) => Said::Answer(bytes),
        // The function streamed its answer and broke off.
        Body::Whole(body, kind) => Said::Error { kind, body },
        Body::TooLarge => {
            return match desk.answer(id, Said::TooLarge) {
                Ok(()) => too_large(),
                Err(refusal) => refused(refusal),
            };
        }
        Body::Broken => return broken(),
    };
    taken(desk.answer(id, said))
}

async fn error(request: Request<Incoming>, desk: &Desk, id: &str) -> Answer {
    if let Err(refusal) = desk.expects(id) {
        return refused(refusal);
    }
    match failure(request).await {
        Ok(said) => taken(desk.answer(id, said)),
        Err(answer) => *answer,
    }
}

async fn init_error(request: Request<Incoming>, desk: &Desk) -> Answer {
    match failure(request).await {
        Ok(said) => taken(desk.init_failed(said)),
        Err(answer) => *answer,
    }
}

async fn failure(request: Request<Incoming>) -> Result<Said, Box<Answer>> {
    let kind = error_type(request.headers());
    match body(request).await {
        Body::Whole(body, _) => Ok(Said::Error { kind, body }),
        Body::TooLarge => Err(Box::new(too_large())),
        Body::Broken => Err(Box::new(broken())),
    }
}

enum Body {
    /// All of it, and the error that its trailers tell of.
    Whole(Bytes, Option<String>),
    TooLarge,
    Broken,
}

async fn body(request: Request<Incoming>) -> Body {
    match Limited::new(request.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
    {
        Ok(collected) => {
            let kind = collected.trailers().and_then(error_type);
            Body::Whole(collected.to_bytes(), kind)
        }
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Body::TooLarge,
        Err(_) => Body::Broken,
    }
}

/// Longest type of an error that is kept. Chosen.
const ERROR_TYPE_CHARS_MAX: usize = 256;

fn error_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(ERROR_TYPE)?.to_str().ok()?;
    Some(value.chars().take(ERROR_TYPE_CHARS_MAX).collect())
}

fn taken(result: Result<(), Refusal>) -> Answer {
    match result {
        Ok(()) => json(StatusCode::ACCEPTED, r#"{"status":"OK"}"#.to_owned()),
        Err(refusal) => refused(refusal),
    }
}

fn refused(refusal: Refusal) -> Answer {
    let (status, kind) = match refusal {
        Refusal::Transition { .. } => (StatusCode::FORBIDDEN, "InvalidStateTransition"),
        Refusal::RequestId => (StatusCode::BAD_REQUEST, "InvalidRequestID"),
    };
    said_wrong(status, kind, &refusal.to_string())
}

fn too_large() -> Answer {
    let text = format!("Exceeded maximum allowed payload size ({ANSWER_BYTES_MAX} bytes).");
    said_wrong(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        &text,
    )
}

fn broken() -> Answer {
    said_wrong(
        StatusCode::BAD_REQUEST,
        "InvalidRequest",
        "the body did not come wholly",
    )
}

fn not_found() -> Answer {
    said_wrong(
        StatusCode::NOT_FOUND,
        "NotFound",
        "there is no such resource",
    )
}

fn said_wrong(status: StatusCode, kind: &str, text: &str) -> Answer {
    let body = serde_json::json!({ "errorMessage": text, "errorType": kind });
    json(status, body.to_string())
}

fn json(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert("content-type", kind);
    answer
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn status(port: u16, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, body.to_owned())
    }

    #[tokio::test]
    async fn what_is_out_of_place_is_refused_with_its_code() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(serve(listener, Arc::new(Desk::default())));
        let runtime = "/2018-06-01/runtime";
        for (method, path, code, kind) in [
            ("GET", "/".to_owned(), 404, "NotFound"),
            ("GET", format!("{runtime}/invocation"), 404, "NotFound"),
            (
                "POST",
                format!("{runtime}/invocation/next"),
                405,
                "MethodNotAllowed",
            ),
            (
                "POST",
                format!("{runtime}/invocation/1/response"),
                403,
                "InvalidStateTransition",
            ),
            (
                "POST",
                format!("{runtime}/invocation/1/error"),
                403,
                "InvalidStateTransition",
            ),
        ] {
            let (status, body) = status(port, method, &path, "{}").await;
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!((status, body["errorType"].as_str()), (code, Some(kind)));
        }
        let init_error = format!("{runtime}/init/error");
        let accepted = status(port, "POST", &init_error, "{}").await;
        assert_eq!(accepted, (202, r#"{"status":"OK"}"#.to_owned()));
        assert_eq!(status(port, "POST", &init_error, "{}").await.0, 403);
        let next = format!("{runtime}/invocation/next");
        assert_eq!(status(port, "GET", &next, "").await.0, 403);
        serving.abort();
    }
}
