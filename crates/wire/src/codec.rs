//! The door to the codecs: protocol and bytes to a shape, and back.
//!
//! These functions are generic only in the shape; the codecs behind them are not.

use crate::cbor::{CborSink, CborSource};
use crate::error::{DecodeError, Problem};
use crate::json::{JsonSink, JsonSource, MaskedSink};
use crate::protocol::Protocol;
use crate::query::{QuerySink, QuerySource, Style};
use crate::shape::Shape;
use crate::xml::XmlSink;

/// What a protocol writes around a shape.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The operation's name, such as `SendMessage`.
    pub operation: &'a str,
    /// The API's version, such as `2012-11-05`.
    pub version: &'a str,
    /// The XML namespace of answers, such as `http://queue.amazonaws.com/doc/2012-11-05/`.
    pub xml_namespace: &'a str,
    /// The request's id; answers only.
    pub request_id: &'a str,
}

/// Reads a request's body. An empty body is a shape without members.
///
/// # Errors
/// [`DecodeError`] at the first thing that is not as the schema says.
pub fn decode_request<S: Shape>(protocol: Protocol, body: &[u8]) -> Result<S, DecodeError> {
    match protocol {
        Protocol::Json10 | Protocol::Json11 => decode_json(body),
        Protocol::Query => S::read(&mut QuerySource::new(Style::Aws, body)?),
        Protocol::Ec2Query => S::read(&mut QuerySource::new(Style::Ec2, body)?),
        Protocol::RpcV2Cbor => decode_cbor(body),
        _ => Err(DecodeError::new(
            String::new(),
            Problem::NoCodec { protocol },
        )),
    }
}

/// Reads the body of a successful answer; JSON and CBOR only, since our own clients read no XML.
///
/// # Errors
/// As [`decode_request`].
pub fn decode_response<S: Shape>(protocol: Protocol, body: &[u8]) -> Result<S, DecodeError> {
    match protocol {
        Protocol::Json10 | Protocol::Json11 => decode_json(body),
        Protocol::RpcV2Cbor => decode_cbor(body),
        _ => Err(DecodeError::new(
            String::new(),
            Problem::NoCodec { protocol },
        )),
    }
}

fn decode_json<S: Shape>(body: &[u8]) -> Result<S, DecodeError> {
    let mut source = JsonSource::new(if body.is_empty() { b"{}" } else { body })?;
    let shape = S::read(&mut source)?;
    source.end()?;
    Ok(shape)
}

fn decode_cbor<S: Shape>(body: &[u8]) -> Result<S, DecodeError> {
    let mut source = CborSource::new(if body.is_empty() { EMPTY_MAP } else { body });
    let shape = S::read(&mut source)?;
    source.end()?;
    Ok(shape)
}

/// A map without entries in CBOR.
const EMPTY_MAP: &[u8] = &[0xa0];

/// Writes a request's body. Protocols without a codec write JSON.
#[must_use]
pub fn encode_request<S: Shape>(protocol: Protocol, shape: &S, envelope: &Envelope<'_>) -> Vec<u8> {
    match protocol {
        Protocol::Query => encode_form(Style::Aws, shape, envelope),
        Protocol::Ec2Query => encode_form(Style::Ec2, shape, envelope),
        Protocol::RpcV2Cbor => encode_cbor(shape),
        _ => encode_json(shape),
    }
}

/// Writes the body of a successful answer; CBOR has none for an operation without an output. Protocols without a codec
/// write JSON.
#[must_use]
pub fn encode_response<S: Shape>(
    protocol: Protocol,
    shape: &S,
    envelope: &Envelope<'_>,
) -> Vec<u8> {
    match protocol {
        Protocol::Query => encode_xml(Style::Aws, shape, envelope),
        Protocol::Ec2Query => encode_xml(Style::Ec2, shape, envelope),
        Protocol::RpcV2Cbor if !S::SCHEMA.is_output() => Vec::new(),
        Protocol::RpcV2Cbor => encode_cbor(shape),
        _ => encode_json(shape),
    }
}

fn encode_form<S: Shape>(style: Style, shape: &S, envelope: &Envelope<'_>) -> Vec<u8> {
    let mut sink = QuerySink::new(style, envelope.operation, envelope.version);
    shape.write(&mut sink);
    sink.into_bytes()
}

fn encode_xml<S: Shape>(style: Style, shape: &S, envelope: &Envelope<'_>) -> Vec<u8> {
    let mut sink = XmlSink::answer(style, envelope, S::SCHEMA.is_output());
    shape.write(&mut sink);
    sink.into_answer(envelope)
}

/// Bytes that an answer mostly fits into, chosen so that a batch of ten grows it at most once or twice.
const ANSWER_BYTES: usize = 1024;

fn encode_json<S: Shape>(shape: &S) -> Vec<u8> {
    let mut sink = JsonSink::new(ANSWER_BYTES);
    shape.write(&mut sink);
    sink.into_bytes()
}

fn encode_cbor<S: Shape>(shape: &S) -> Vec<u8> {
    let mut sink = CborSink::new(ANSWER_BYTES);
    shape.write(&mut sink);
    sink.into_bytes()
}

/// A shape as the trail records it: JSON, names with a small first letter, sensitive members masked.
///
/// Example: `{"queueUrl":"http://…/s2s","messageBody":"HIDDEN_DUE_TO_SECURITY_REASONS"}`.
#[must_use]
pub fn encode_masked<S: Shape>(shape: &S) -> Vec<u8> {
    let mut sink = MaskedSink::new(ANSWER_BYTES);
    shape.write(&mut sink);
    sink.into_bytes()
}
