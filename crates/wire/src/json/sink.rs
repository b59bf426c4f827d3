//! Writes shapes as JSON, without spaces.

use base::Timestamp;

use crate::form;
use crate::schema::{Member, Schema, TimestampForm};
use crate::shape::Sink;
use crate::values::Document;

/// A JSON text being written.
#[derive(Debug)]
pub struct JsonSink {
    out: Vec<u8>,
    timestamp: TimestampForm,
}

impl JsonSink {
    /// An empty text with room for `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
            timestamp: TimestampForm::EpochSeconds,
        }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Writes the comma between two entries. A value never ends with `{` or `[`, so the last byte says where we are.
    fn separate(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[') | None) {
            self.out.push(b',');
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        escape(text, &mut self.out);
        self.out.push(b'"');
    }

    fn name(&mut self, name: &str) {
        self.separate();
        self.quoted(name);
        self.out.push(b':');
    }

    /// Announces a member under another name than its own.
    pub(crate) fn member_as(&mut self, member: &'static Member, name: &str) {
        self.timestamp = member.timestamp.unwrap_or(TimestampForm::EpochSeconds);
        self.name(name);
    }
}

impl Sink for JsonSink {
    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.out.push(b'{');
    }

    fn member(&mut self, member: &'static Member) {
        self.timestamp = member.timestamp.unwrap_or(TimestampForm::EpochSeconds);
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(member.name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn end_structure(&mut self) {
        self.out.push(b'}');
    }

    fn begin_list(&mut self) {
        self.out.push(b'[');
    }

    fn item(&mut self) {
        self.separate();
    }

    fn end_list(&mut self) {
        self.out.push(b']');
    }

    fn begin_map(&mut self) {
        self.out.push(b'{');
    }

    fn key(&mut self, key: &str) {
        self.name(key);
    }

    fn end_map(&mut self) {
        self.out.push(b'}');
    }

    fn string(&mut self, text: &str) {
        self.quoted(text);
    }

    fn boolean(&mut self, truth: bool) {
        let text: &[u8] = if truth { b"true" } else { b"false" };
        self.out.extend_from_slice(text);
    }

    fn integer(&mut self, number: i64) {
        let mut digits = itoa::Buffer::new();
        self.out.extend_from_slice(digits.format(number).as_bytes());
    }

    fn double(&mut self, number: f64) {
        let text = form::write_double(number);
        if number.is_finite() {
            self.out.extend_from_slice(text.as_bytes());
        } else {
            self.quoted(&text);
        }
    }

    fn blob(&mut self, bytes: &[u8]) {
        let text = form::write_blob(bytes);
        self.quoted(&text);
    }

    fn timestamp(&mut self, at: Timestamp) {
        let text = form::write_timestamp(at, self.timestamp);
        if self.timestamp == TimestampForm::EpochSeconds {
            self.out.extend_from_slice(text.as_bytes());
        } else {
            self.quoted(&text);
        }
    }

    fn document(&mut self, document: &Document) {
        self.out.extend_from_slice(document.0.as_bytes());
    }
}

/// Appends `text` with `"`, `\` and control characters escaped; runs of plain bytes are copied at once.
fn escape(text: &str, out: &mut Vec<u8>) {
    // One pass that the compiler vectorises; nearly every text needs no escape.
    let needs_escape = text.bytes().fold(false, |found, byte| {
        found | (byte < 0x20) | (byte == b'"') | (byte == b'\\')
    });
    if !needs_escape {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x00..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
}
