//! What can be wrong with a document, and how a fault looks on the wire.

use std::fmt;

use crate::cbor::CborSink;
use crate::json::JsonSink;
use crate::protocol::Protocol;
use crate::shape::Sink;
use crate::xml;

/// A document that is not what the schema says: where, what is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    path: String,
    problem: Problem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A required member is not there.
    #[error("is missing")]
    Missing,
    /// A member or key stands there twice.
    #[error("is given twice, once is right")]
    Duplicate,
    /// The API knows the member, this server does not.
    #[error("is not supported here; {instead}")]
    Unsupported {
        /// What is right instead, such as `leave it out`.
        instead: &'static str,
    },
    /// Something else stands where `expected` should.
    #[error("is {found}, {expected} is right")]
    WrongType {
        /// What stands there, such as `a string`.
        found: &'static str,
        /// What should, such as `a whole number`.
        expected: &'static str,
    },
    /// A number that its type cannot hold.
    #[error("is out of range, {low} to {high} is right")]
    OutOfRange {
        /// The least.
        low: i64,
        /// The most.
        high: i64,
    },
    /// A text that is not of the form it should have.
    #[error("is not {expected}")]
    Malformed {
        /// The form, such as `base64`.
        expected: &'static str,
    },
    /// The document breaks off or goes on wrongly.
    #[error("is malformed at byte {offset}: {expected} is right")]
    Syntax {
        /// Bytes before the fault.
        offset: usize,
        /// What may stand there.
        expected: &'static str,
    },
    /// Nested beyond the bound.
    #[error("is nested deeper than {limit} levels")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// More entries than the bound.
    #[error("has more than {limit} entries")]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// More bytes than the bound.
    #[error("is longer than {limit} bytes")]
    TooLong {
        /// The bound.
        limit: usize,
    },
    /// There is no codec for the protocol.
    #[error("cannot be read: protocol {protocol:?} is not spoken here")]
    NoCodec {
        /// Which.
        protocol: Protocol,
    },
}

impl DecodeError {
    /// An error at `path`, such as `Entries[2].MessageBody`; an empty path is the document itself.
    #[must_use]
    pub fn new(path: String, problem: Problem) -> Self {
        Self(Box::new(Inner { path, problem }))
    }

    /// The same problem at the member `name` of the place where it was found.
    #[must_use]
    pub fn under(mut self, name: &str) -> Self {
        if !self.0.path.is_empty() {
            self.0.path.push('.');
        }
        self.0.path.push_str(name);
        self
    }

    /// Where, such as `Entries[2].MessageBody`; empty for the document itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.path.is_empty() {
            return write!(f, "the document {}", self.0.problem);
        }
        write!(f, "`{}` {}", self.0.path, self.0.problem)
    }
}

impl std::error::Error for DecodeError {}

/// A member that a modelled error has besides its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A string.
    Text(String),
    /// A list of structures, whose members are strings.
    List(Vec<Vec<(&'static str, String)>>),
    /// A string that travels in the header of that name, over REST; no body has it.
    Header(String),
}

/// A fault, in the words that the wire has for it.
#[derive(Clone, Copy, Debug)]
pub struct ErrorForm<'a> {
    /// The namespace of the service's shapes, such as `com.amazonaws.sqs`.
    pub namespace: &'a str,
    /// The XML namespace of the service's answers, such as `http://queue.amazonaws.com/doc/2012-11-05/`.
    pub xml_namespace: &'a str,
    /// The shape's name, such as `QueueDoesNotExist`.
    pub code: &'a str,
    /// The code in the query protocol, such as `AWS.SimpleQueueService.NonExistentQueue`.
    pub query_code: &'a str,
    /// Whether the sender is at fault, not the server.
    pub is_sender: bool,
    /// The text for people.
    pub message: &'a str,
    /// Further members of the shape, by name.
    pub details: &'a [(&'static str, Detail)],
    /// The request's id.
    pub request_id: &'a str,
}

impl ErrorForm<'_> {
    /// The full name that `__type` of JSON and CBOR and the header `x-amzn-errortype` carry: `com.amazonaws.sqs#QueueDoesNotExist`.
    #[must_use]
    pub fn type_name(&self) -> String {
        format!("{}#{}", self.namespace, self.code)
    }

    /// The header `x-amzn-query-error`: `AWS.SimpleQueueService.NonExistentQueue;Sender`.
    #[must_use]
    pub fn query_error_header(&self) -> String {
        format!("{};{}", self.query_code, self.fault_type())
    }

    fn fault_type(&self) -> &'static str {
        if self.is_sender { "Sender" } else { "Receiver" }
    }
}

/// The body of an answer that carries a fault.
///
/// JSON and CBOR: `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"…"}`; query: `<ErrorResponse>`; EC2, which models
/// no errors: `<Response>`, without details; REST with JSON: `{"Type":"User","Message":"…","message":"…"}`. Protocols without a
/// codec get JSON.
#[must_use]
pub fn encode_error(protocol: Protocol, form: &ErrorForm<'_>) -> Vec<u8> {
    match protocol {
        Protocol::Query => query_error(form),
        Protocol::Ec2Query => ec2_error(form),
        Protocol::RestJson => rest_error(form),
        Protocol::RpcV2Cbor => {
            let mut sink = CborSink::new(128 + form.message.len());
            named_error(form, &mut sink);
            sink.into_bytes()
        }
        _ => {
            let mut sink = JsonSink::new(128 + form.message.len());
            named_error(form, &mut sink);
            sink.into_bytes()
        }
    }
}

fn named_error(form: &ErrorForm<'_>, sink: &mut dyn Sink) {
    sink.begin_map();
    for (key, text) in [
        ("__type", form.type_name().as_str()),
        ("message", form.message),
    ] {
        sink.key(key);
        sink.string(text);
    }
    details(form, sink);
    sink.end_map();
}

fn details(form: &ErrorForm<'_>, sink: &mut dyn Sink) {
    for (name, detail) in form.details {
        match detail {
            Detail::Text(text) => {
                sink.key(name);
                sink.string(text);
            }
            Detail::List(structures) => {
                sink.key(name);
                list(structures, sink);
            }
            Detail::Header(_) => {}
        }
    }
}

/// `{"Type":"User","Message":"…","message":"…"}`. The name of the error stands in the header `x-amzn-errortype`.
///
/// Models call the text `Message` or `message`, some of both in one service (Lambda's `ResourceNotFoundException` and
/// `InvalidParameterValueException`); written as both, every client finds its own.
fn rest_error(form: &ErrorForm<'_>) -> Vec<u8> {
    let mut sink = JsonSink::new(64 + 2 * form.message.len());
    let side = if form.is_sender { "User" } else { "Server" };
    sink.begin_map();
    for (key, text) in [
        ("Type", side),
        ("Message", form.message),
        ("message", form.message),
    ] {
        sink.key(key);
        sink.string(text);
    }
    details(form, &mut sink);
    sink.end_map();
    sink.into_bytes()
}

fn list(structures: &[Vec<(&'static str, String)>], sink: &mut dyn Sink) {
    sink.begin_list();
    for structure in structures {
        sink.item();
        sink.begin_map();
        for (name, text) in structure {
            sink.key(name);
            sink.string(text);
        }
        sink.end_map();
    }
    sink.end_list();
}

fn query_error(form: &ErrorForm<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(320 + form.message.len());
    out.extend_from_slice(b"<?xml version=\"1.0\"?><ErrorResponse xmlns=\"");
    xml::escape(form.xml_namespace, &mut out);
    out.extend_from_slice(b"\"><Error>");
    let rows = [
        ("Type", form.fault_type()),
        ("Code", form.query_code),
        ("Message", form.message),
    ];
    for (name, text) in rows {
        xml::element(name, text, &mut out);
    }
    for (name, detail) in form.details {
        query_detail(name, detail, &mut out);
    }
    out.extend_from_slice(b"<Detail/></Error>");
    xml::element("RequestId", form.request_id, &mut out);
    out.extend_from_slice(b"</ErrorResponse>");
    out
}

/// Source: Smithy, AWS query protocol, "Error responses": members are elements of `Error`.
fn query_detail(name: &str, detail: &Detail, out: &mut Vec<u8>) {
    let structures = match detail {
        Detail::Text(text) => return xml::element(name, text, out),
        Detail::List(structures) => structures,
        Detail::Header(_) => return,
    };
    tag("<", name, out);
    for structure in structures {
        tag("<", "member", out);
        for (name, text) in structure {
            xml::element(name, text, out);
        }
        tag("</", "member", out);
    }
    tag("</", name, out);
}

fn tag(begin: &str, name: &str, out: &mut Vec<u8>) {
    for part in [begin, name, ">"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Source: EC2 API Reference, "Error codes", "Example error response".
fn ec2_error(form: &ErrorForm<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + form.message.len());
    out.extend_from_slice(xml::EC2_PROLOGUE);
    out.extend_from_slice(b"<Response><Errors><Error>");
    xml::element("Code", form.query_code, &mut out);
    xml::element("Message", form.message, &mut out);
    out.extend_from_slice(b"</Error></Errors>");
    xml::element("RequestID", form.request_id, &mut out);
    out.extend_from_slice(b"</Response>");
    out
}
