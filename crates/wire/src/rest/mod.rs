//! REST with JSON (restJson1): method and path say the operation, members travel in path, query string, headers and body.
//!
//! ```text
//! POST /2015-03-31/functions/resize/invocations?Qualifier=live     uri FunctionName, querystring Qualifier
//! X-Amz-Invocation-Type: Event                                     header InvocationType
//!
//! {"width": 100}                                                   payload Payload
//! ```
//!
//! Where a member travels, its attribute says (`uri`, `querystring`, `header`, `headers`, `payload`, `statuscode`); all others
//! stand in one JSON object, the body. Here are both directions of both: a server reads requests and writes answers, a client
//! the reverse. A parameter or header that no member has is passed over, as an unknown member of a body is.
//!
//! Source: Smithy, "AWS restJson1 protocol" and "HTTP bindings"; botocore's `RestJSONSerializer` and `RestJSONParser`.

mod gather;
mod header;
mod percent;
mod routes;
mod sink;
mod source;

use base::ByteCount;
use bytes::Bytes;
use http::HeaderMap;

use crate::error::DecodeError;
use crate::shape::Shape;

use self::sink::RestSink;
use self::source::RestSource;

pub use self::routes::Routes;
pub use self::sink::Unsendable;

/// How an operation is asked for over HTTP.
///
/// ```
/// # use shukuba_wire::rest::Http;
/// const HTTP: Http = Http::post("/2015-03-31/functions/{FunctionName}/policy").with_status(201);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http {
    /// Such as `POST`.
    pub method: &'static str,
    /// The path: labels are `{Name}` for one segment and `{Name+}` for one or more. What stands behind a `?` must stand in the
    /// query string, such as `?find=LayerVersion`.
    pub path: &'static str,
    /// The status of an answer whose shape has no status: 200 to 299.
    pub status: u16,
    /// The content type of an answer whose payload is bytes as they are.
    pub payload_type: &'static str,
    /// The most bytes of a request's body where that is not the server's bound for all.
    pub body_bytes: Option<ByteCount>,
}

impl Http {
    /// A `GET` of `path`, answered with 200 and, where the answer is bytes, as `application/octet-stream`; so for all below.
    #[must_use]
    pub const fn get(path: &'static str) -> Self {
        Self::new("GET", path)
    }

    /// A `POST` to `path`.
    #[must_use]
    pub const fn post(path: &'static str) -> Self {
        Self::new("POST", path)
    }

    /// A `PUT` to `path`.
    #[must_use]
    pub const fn put(path: &'static str) -> Self {
        Self::new("PUT", path)
    }

    /// A `DELETE` of `path`.
    #[must_use]
    pub const fn delete(path: &'static str) -> Self {
        Self::new("DELETE", path)
    }

    /// A request with any method.
    #[must_use]
    pub const fn new(method: &'static str, path: &'static str) -> Self {
        Self {
            method,
            path,
            status: 200,
            payload_type: "application/octet-stream",
            body_bytes: None,
        }
    }

    /// The same, answered with `status`.
    #[must_use]
    pub const fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same, whose bytes are of the type `payload_type`.
    #[must_use]
    pub const fn with_payload_type(mut self, payload_type: &'static str) -> Self {
        self.payload_type = payload_type;
        self
    }

    /// The same with a bound of its own on a request's body.
    #[must_use]
    pub const fn with_body_bytes(mut self, bytes: ByteCount) -> Self {
        self.body_bytes = Some(bytes);
        self
    }
}

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The path as sent, such as `/2017-03-31/tags/arn%3Aaws%3Alambda…`.
    pub path: &'a str,
    /// The query string as sent, without the `?`.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a Bytes,
}

/// A request to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Such as `POST`.
    pub method: &'static str,
    /// Encoded, with the query string where there is one: `/2017-03-31/tags/arn%3Aaws…?tagKeys=team`.
    pub target: String,
    /// Those of members, and the content type of the body where there is one.
    pub headers: HeaderMap,
    /// The body; empty where there is none.
    pub body: Bytes,
}

/// An answer: what the server writes and the client reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200 to 299.
    pub status: u16,
    /// Those of members.
    pub headers: HeaderMap,
    /// The type of a payload that is bytes or a text; `None` where the body is JSON or empty.
    pub content_type: Option<&'static str>,
    /// The body; empty where there is none.
    pub body: Bytes,
}

/// Reads a request of the operation at `http`.
///
/// # Errors
/// [`DecodeError`] at the first thing that is not as the schema says.
pub fn decode_request<S: Shape>(http: &Http, request: &Request<'_>) -> Result<S, DecodeError> {
    let message = gather::Message {
        labels: routes::labels(http.path, request.path).unwrap_or_default(),
        query: request.query,
        headers: request.headers,
        status: None,
    };
    S::read(&mut RestSource::new(S::SCHEMA, &message, request.body)?)
}

/// Reads a successful answer.
///
/// # Errors
/// As [`decode_request`].
pub fn decode_answer<S: Shape>(
    status: u16,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<S, DecodeError> {
    let message = gather::Message {
        labels: Vec::new(),
        query: "",
        headers,
        status: Some(status),
    };
    S::read(&mut RestSource::new(S::SCHEMA, &message, body)?)
}

/// Writes a request of the operation at `http`.
///
/// # Errors
/// [`Unsendable`] where a label is missing or empty, or a header cannot hold its value.
pub fn encode_request<S: Shape>(http: &Http, shape: &S) -> Result<Sent, Unsendable> {
    let mut sink = RestSink::new(S::SCHEMA.has_body());
    shape.write(&mut sink);
    sink.into_request(http)
}

/// Writes a successful answer of the operation at `http`: JSON, or the payload as it is; nothing where the shape has neither, or
/// the status is 204. A header's value that headers cannot hold has `?` in place of what is wrong.
#[must_use]
pub fn encode_answer<S: Shape>(http: &Http, shape: &S) -> Answer {
    let schema = S::SCHEMA;
    let is_empty_output = schema.members.is_empty() && schema.is_output();
    let mut sink = RestSink::new(schema.has_body() || is_empty_output);
    shape.write(&mut sink);
    sink.into_answer(http)
}
