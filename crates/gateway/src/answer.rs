//! Answers in the caller's protocol.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use api::{Answered, BodyError, Fault, RequestId, RestBody, ServiceFacts, Side};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Frame, SizeHint};
use wire::sigv4::{Dialect, Refusal};
use wire::{DecodeError, Detail, ErrorForm, Problem, Protocol};

use crate::peers::Peer;
use crate::rest::Streamed;
use crate::route;

/// What goes back.
pub(crate) type Answer = Response<Body>;

/// An answer's body: in one piece, but for services that stream theirs.
pub(crate) enum Body {
    Whole(Full<Bytes>),
    Streamed(Streamed),
}

impl Body {
    /// Keeps `peer` at work until the body has been given.
    pub(crate) fn streamed(body: RestBody, peer: Arc<Peer>) -> Self {
        Self::Streamed(Streamed::new(body, peer))
    }

    pub(crate) fn is_streamed(&self) -> bool {
        matches!(self, Self::Streamed(_))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Streamed(streamed) => streamed.body().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Streamed(streamed) => streamed.as_body().is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Streamed(streamed) => streamed.as_body().size_hint(),
        }
    }
}

/// Ends the connection after the answer: whether a body still comes, only that makes clear.
pub(crate) fn close_after(answer: &mut Answer) {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
}

/// The namespace of errors that no service makes.
const FRONT: &str = "com.amazon.coral.service";
/// The XML namespace of errors that no service makes.
const FRONT_XML: &str = "http://webservices.amazon.com/AWSFault/2005-15-09";

/// In which form to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tongue {
    pub(crate) protocol: Protocol,
    pub(crate) facts: Option<&'static ServiceFacts>,
}

impl Tongue {
    /// The operator's API.
    pub(crate) const ADMIN: Self = Self {
        protocol: Protocol::Json10,
        facts: None,
    };
}

/// A successful answer.
pub(crate) fn success(protocol: Protocol, request_id: RequestId, answered: Answered) -> Answer {
    let is_untyped = answered.body.is_empty()
        && answered.content_type.is_none()
        && matches!(protocol, Protocol::RpcV2Cbor | Protocol::RestJson);
    let kind = answered.content_type.unwrap_or(protocol.response_type());
    let kind = HeaderValue::from_static(kind);
    let status = answered
        .status
        .and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::OK);
    let mut answer = with_body(status, kind, request_id, answered.body);
    name_protocol(&mut answer, protocol);
    if is_untyped {
        answer.headers_mut().remove(header::CONTENT_TYPE);
    }
    answer.headers_mut().extend(answered.headers);
    answer
}

/// Says in which protocol the answer is, where the protocol wants that said.
///
/// Source: Smithy RPC v2 CBOR protocol, "Responses".
fn name_protocol(answer: &mut Answer, protocol: Protocol) {
    if protocol == Protocol::RpcV2Cbor {
        let name = HeaderValue::from_static(route::RPC_V2_CBOR);
        answer.headers_mut().insert(route::SMITHY_PROTOCOL, name);
    }
}

/// A fault in the caller's protocol.
pub(crate) fn fault(tongue: Tongue, request_id: RequestId, fault: &Fault) -> Answer {
    let id = request_id.to_string();
    let form = ErrorForm {
        namespace: fault
            .namespace
            .or_else(|| tongue.facts.map(|facts| facts.error_namespace))
            .unwrap_or(FRONT),
        xml_namespace: tongue.facts.map_or(FRONT_XML, |facts| facts.xml_namespace),
        code: fault.code,
        query_code: fault.query_code,
        is_sender: fault.side == Side::Sender,
        message: &fault.message,
        details: &fault.details,
        request_id: &id,
    };
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = HeaderValue::from_static(tongue.protocol.response_type());
    let mut answer = with_body(
        status,
        kind,
        request_id,
        wire::encode_error(tongue.protocol, &form).into(),
    );
    name_protocol(&mut answer, tongue.protocol);
    if tongue.protocol == Protocol::RestJson
        && let Ok(name) = HeaderValue::from_str(fault.code)
    {
        answer.headers_mut().insert("x-amzn-errortype", name);
        answer.headers_mut().extend(detail_headers(fault));
    }
    let is_told_twice =
        !is_query(tongue.protocol) && tongue.facts.is_some_and(|facts| facts.is_query_compatible);
    if is_told_twice && let Ok(value) = HeaderValue::from_str(&form.query_error_header()) {
        answer.headers_mut().insert("x-amzn-query-error", value);
    }
    answer
}

/// What a fault says in headers.
fn detail_headers(fault: &Fault) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    fault
        .details
        .iter()
        .filter_map(|(name, detail)| match detail {
            Detail::Header(text) => Some((name.parse().ok()?, text.parse().ok()?)),
            Detail::Text(_) | Detail::List(_) => None,
        })
}

/// An answer of the gateway's own pages.
pub(crate) fn page(
    status: StatusCode,
    kind: &'static str,
    request_id: RequestId,
    body: impl Into<Bytes>,
) -> Answer {
    with_body(
        status,
        HeaderValue::from_static(kind),
        request_id,
        body.into(),
    )
}

fn with_body(status: StatusCode, kind: HeaderValue, request_id: RequestId, body: Bytes) -> Answer {
    let mut answer = Response::new(Body::Whole(Full::new(body)));
    *answer.status_mut() = status;
    // Ours and those that hyper adds.
    answer.headers_mut().reserve(6);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    if let Ok(id) = HeaderValue::from_maybe_shared(Bytes::from(request_id.to_string())) {
        answer.headers_mut().insert("x-amzn-requestid", id);
    }
    answer
}

/// An error of the gateway itself, which knows no modelled shape.
pub(crate) fn front(code: &'static str, status: u16, message: impl Into<String>) -> Fault {
    front_with_query_code(code, code, status, message)
}

pub(crate) fn front_with_query_code(
    code: &'static str,
    query_code: &'static str,
    status: u16,
    message: impl Into<String>,
) -> Fault {
    let side = if status < 500 {
        Side::Sender
    } else {
        Side::Receiver
    };
    Fault {
        code,
        query_code,
        status,
        message: message.into().into(),
        side,
        namespace: Some(FRONT),
        details: Vec::new(),
    }
}

fn is_query(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Query | Protocol::Ec2Query)
}

/// `AccessDenied` as a service says it.
///
/// Query services and SQS, whose errors still are those of its query form, answer 403; the other JSON services 400.
/// Over REST it is 403 too. Source: Common Errors of the IAM, SQS, CloudTrail and Lambda API references; EC2's, "Error codes", has a code of its own.
pub(crate) fn denied(tongue: Tongue, fault: Fault) -> Fault {
    match tongue.protocol {
        Protocol::Query => return fault,
        Protocol::Ec2Query => {
            return Fault {
                code: "UnauthorizedOperation",
                query_code: "UnauthorizedOperation",
                ..fault
            };
        }
        _ => {}
    }
    let is_own = tongue.protocol == Protocol::RestJson
        || tongue.facts.is_none_or(|facts| facts.is_query_compatible);
    Fault {
        code: "AccessDeniedException",
        status: if is_own { 403 } else { 400 },
        ..fault
    }
}

/// The fault for a signature that is not taken.
pub(crate) fn refused(protocol: Protocol, refusal: &Refusal) -> Fault {
    let dialect = match protocol {
        Protocol::Query => Dialect::Query,
        Protocol::Ec2Query => Dialect::Ec2,
        _ => Dialect::Json,
    };
    let codes = refusal.codes(dialect);
    front_with_query_code(
        codes.code,
        codes.query_code,
        codes.status,
        refusal.to_string(),
    )
}

/// The fault for an input that is not what the operation takes.
///
/// Source: Common Errors of the SQS API Reference; EC2's, "Error codes"; `SerializationException` is what AWS's JSON services
/// answer, `ValidationException` those over REST where a value is not one that the member can have.
pub(crate) fn undecodable(protocol: Protocol, error: &DecodeError) -> Fault {
    match error.problem() {
        Problem::Missing | Problem::OutOfRange { .. } | Problem::Malformed { .. }
            if protocol == Protocol::RestJson && !error.path().is_empty() =>
        {
            let message = format!("1 validation error detected: {error}");
            front("ValidationException", 400, message)
        }
        Problem::Missing => {
            let message = format!("The request must contain the parameter {}.", error.path());
            front_with_query_code(
                "MissingRequiredParameterException",
                "MissingParameter",
                400,
                message,
            )
        }
        Problem::Unsupported { .. } => front_with_query_code(
            "UnsupportedOperation",
            "UnsupportedOperation",
            400,
            error.to_string(),
        ),
        _ if protocol == Protocol::Query => front("MalformedInput", 400, error.to_string()),
        _ if protocol == Protocol::Ec2Query => {
            let is_form = error.path().is_empty();
            let code = if is_form {
                "MalformedQueryString"
            } else {
                "InvalidParameterValue"
            };
            front(code, 400, error.to_string())
        }
        Problem::OutOfRange { .. } => front_with_query_code(
            "InvalidParameterValueException",
            "InvalidParameterValue",
            400,
            error.to_string(),
        ),
        _ => front_with_query_code(
            "SerializationException",
            "MalformedInput",
            400,
            error.to_string(),
        ),
    }
}
