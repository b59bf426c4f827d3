//! Writes shapes as parts of a message.

use base::Timestamp;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Answer, Http, Sent, header, percent, routes};
use crate::form;
use crate::json::JsonSink;
use crate::protocol::Protocol;
use crate::schema::{Kind, Location, Member, Schema, TimestampForm};
use crate::shape::Sink;
use crate::values::Document;

/// Bytes that a body mostly fits into; chosen.
const BODY_BYTES: usize = 1024;

/// Why a request cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// A label of the path has no value, or one that no path can hold: an empty one or a dot segment.
    #[error("`{label}` is missing, empty or made of dots; it is part of the path")]
    NoLabel {
        /// Its name.
        label: &'static str,
    },
    /// A header cannot hold the value.
    #[error("`{member}` has what a header cannot hold")]
    NoHeader {
        /// The member's name.
        member: &'static str,
    },
}

/// A message being written.
#[derive(Debug)]
pub(super) struct RestSink {
    parts: Parts,
    json: JsonSink,
    /// Whether the members of the body are written as a document.
    has_document: bool,
    at: At,
    is_entered: bool,
    /// Structures that are entered within the message.
    depth: usize,
}

/// What stands outside of the document.
#[derive(Debug, Default)]
struct Parts {
    labels: Vec<(&'static str, String)>,
    query: Vec<(&'static str, String)>,
    /// Name, value, and the member.
    headers: Vec<(String, String, &'static str)>,
    status: Option<u16>,
    /// The payload where it is bytes or a text.
    raw: Option<(Bytes, &'static Member)>,
}

/// Where we are.
#[derive(Debug)]
enum At {
    Json,
    /// At a member outside of the document, with the key where it is a map.
    Part(&'static Member, String),
}

impl RestSink {
    pub(super) fn new(has_document: bool) -> Self {
        Self {
            parts: Parts::default(),
            json: JsonSink::new(BODY_BYTES),
            has_document,
            at: At::Json,
            is_entered: false,
            depth: 0,
        }
    }

    pub(super) fn into_request(self, http: &Http) -> Result<Sent, Unsendable> {
        let Self { parts, json, .. } = self;
        let mut labels = parts.labels;
        let mut target = routes::fill(http.path, |name| {
            let at = labels.iter().position(|(known, _)| *known == name)?;
            Some(labels.swap_remove(at).1)
        })
        .map_err(|label| Unsendable::NoLabel { label })?;
        for (name, value) in &parts.query {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(&percent::encode(name));
            target.push('=');
            target.push_str(&percent::encode(value));
        }
        let (body, content_type) = body(parts.raw, json, "application/octet-stream");
        let mut headers = headers(&parts.headers, false)?;
        if !body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
            let kind = content_type.unwrap_or(Protocol::RestJson.response_type());
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        Ok(Sent {
            method: http.method,
            target,
            headers,
            body,
        })
    }

    pub(super) fn into_answer(self, http: &Http) -> Answer {
        let status = self.parts.status.unwrap_or(http.status);
        let (body, content_type) = match status {
            // Source: RFC 9110, 15.3.5.
            204 => (Bytes::new(), None),
            _ => body(self.parts.raw, self.json, http.payload_type),
        };
        Answer {
            status,
            headers: headers(&self.parts.headers, true).unwrap_or_default(),
            content_type,
            body,
        }
    }

    fn is_json(&self) -> bool {
        matches!(self.at, At::Json)
    }

    /// Puts a text where the member travels.
    fn put(&mut self, text: String) {
        let At::Part(member, key) = &self.at else {
            return;
        };
        let (member, name) = (*member, member.query_name());
        match member.location {
            Location::Uri => self.parts.labels.push((name, text)),
            Location::QueryString => self.parts.query.push((name, text)),
            Location::StatusCode => self.parts.status = text.parse().ok(),
            Location::Header => self.parts.put_header(member, text),
            Location::Headers => {
                let name = format!("{name}{key}");
                self.parts.headers.push((name, text, member.name));
            }
            Location::Payload => self.parts.raw = Some((Bytes::from(text), member)),
            Location::Body => {}
        }
    }

    /// The form of a moment where the member does not say another.
    fn form(&self) -> TimestampForm {
        let At::Part(member, _) = self.at else {
            return TimestampForm::EpochSeconds;
        };
        let own = match member.location {
            Location::Header | Location::Headers => TimestampForm::HttpDate,
            _ => TimestampForm::Iso8601,
        };
        member.timestamp.unwrap_or(own)
    }
}

impl Parts {
    fn put_header(&mut self, member: &'static Member, text: String) {
        let Kind::List(of) = member.kind else {
            self.headers
                .push((member.query_name().to_owned(), text, member.name));
            return;
        };
        let at = self.headers.iter().position(|(.., of)| *of == member.name);
        let at = at.unwrap_or_else(|| {
            self.headers
                .push((member.query_name().to_owned(), String::new(), member.name));
            self.headers.len() - 1
        });
        let Some((_, value, _)) = self.headers.get_mut(at) else {
            return;
        };
        match of {
            // A moment has a comma, and no quotes.
            Kind::Timestamp if value.is_empty() => *value = text,
            Kind::Timestamp => {
                value.push_str(", ");
                value.push_str(&text);
            }
            _ => header::push_item(value, &text),
        }
    }
}

/// The body, and its type where it is not JSON.
fn body(
    raw: Option<(Bytes, &'static Member)>,
    json: JsonSink,
    bytes_type: &'static str,
) -> (Bytes, Option<&'static str>) {
    match raw {
        Some((bytes, member)) => {
            let is_text = matches!(member.kind, Kind::String);
            let kind = if is_text { "text/plain" } else { bytes_type };
            (bytes, Some(kind))
        }
        None => (json.into_bytes().into(), None),
    }
}

/// The headers. Where `is_mended`, what they cannot hold is replaced, and what they cannot be called is left out.
fn headers(
    rows: &[(String, String, &'static str)],
    is_mended: bool,
) -> Result<HeaderMap, Unsendable> {
    let mut headers = HeaderMap::with_capacity(rows.len());
    for (name, text, member) in rows {
        let name = HeaderName::try_from(name.as_str()).ok();
        let value = HeaderValue::from_bytes(text.as_bytes()).ok();
        let value = value.or_else(|| is_mended.then(|| mended(text)).flatten());
        match (name, value) {
            (Some(name), Some(value)) => {
                headers.insert(name, value);
            }
            _ if is_mended => {}
            _ => return Err(Unsendable::NoHeader { member }),
        }
    }
    Ok(headers)
}

fn mended(text: &str) -> Option<HeaderValue> {
    let text = text.replace(char::is_control, "?");
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

impl Sink for RestSink {
    fn begin_structure(&mut self, schema: &'static Schema) {
        if self.is_entered {
            self.depth += 1;
            self.json.begin_structure(schema);
            return;
        }
        self.is_entered = true;
        if self.has_document {
            self.json.begin_structure(schema);
        }
    }

    fn member(&mut self, member: &'static Member) {
        let is_document = match member.location {
            Location::Payload => !member.is_raw(),
            location => location == Location::Body,
        };
        if self.depth > 0 || member.location == Location::Body {
            self.json.member(member);
        } else if !is_document {
            self.at = At::Part(member, String::new());
            return;
        }
        self.at = At::Json;
    }

    fn end_structure(&mut self) {
        if self.depth > 0 {
            self.depth -= 1;
            self.json.end_structure();
        } else if self.has_document {
            self.json.end_structure();
        }
    }

    fn begin_list(&mut self) {
        if self.is_json() {
            self.json.begin_list();
        }
    }

    fn item(&mut self) {
        if self.is_json() {
            self.json.item();
        }
    }

    fn end_list(&mut self) {
        if self.is_json() {
            self.json.end_list();
        }
    }

    fn begin_map(&mut self) {
        if self.is_json() {
            self.json.begin_map();
        }
    }

    fn key(&mut self, name: &str) {
        match &mut self.at {
            At::Json => self.json.key(name),
            At::Part(_, key) => name.clone_into(key),
        }
    }

    fn end_map(&mut self) {
        if self.is_json() {
            self.json.end_map();
        }
    }

    fn string(&mut self, text: &str) {
        match self.at {
            At::Json => self.json.string(text),
            At::Part(..) => self.put(text.to_owned()),
        }
    }

    fn boolean(&mut self, truth: bool) {
        match self.at {
            At::Json => self.json.boolean(truth),
            At::Part(..) => self.put(truth.to_string()),
        }
    }

    fn integer(&mut self, number: i64) {
        match self.at {
            At::Json => self.json.integer(number),
            At::Part(..) => self.put(number.to_string()),
        }
    }

    fn double(&mut self, number: f64) {
        match self.at {
            At::Json => self.json.double(number),
            At::Part(..) => self.put(form::write_double(number)),
        }
    }

    fn blob(&mut self, bytes: &[u8]) {
        match self.at {
            At::Json => self.json.blob(bytes),
            At::Part(member, _) if member.is_raw() => {
                self.parts.raw = Some((Bytes::copy_from_slice(bytes), member));
            }
            At::Part(..) => self.put(form::write_blob(bytes)),
        }
    }

    fn timestamp(&mut self, at: Timestamp) {
        match self.at {
            At::Json => self.json.timestamp(at),
            At::Part(..) => self.put(form::write_timestamp(at, self.form())),
        }
    }

    fn document(&mut self, document: &Document) {
        if self.is_json() {
            self.json.document(document);
        }
    }
}
