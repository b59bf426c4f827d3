//! Writes shapes as a form, for our own clients.

use base::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Style;
use crate::form;
use crate::schema::{Member, Schema, TimestampForm};
use crate::shape::Sink;
use crate::values::Document;

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A form being written.
#[derive(Debug)]
pub struct QuerySink {
    style: Style,
    out: String,
    prefix: String,
    member: Option<&'static Member>,
    timestamp: TimestampForm,
    frames: Vec<Frame>,
}

/// Something open; `base` is the prefix's length outside of it, `stem` that before an item's number.
#[derive(Debug)]
enum Frame {
    Structure {
        base: usize,
    },
    List {
        base: usize,
        stem: usize,
        count: usize,
    },
    Map {
        base: usize,
        stem: usize,
        count: usize,
        names: (&'static str, &'static str),
    },
}

impl QuerySink {
    /// A form that begins with `Action` and `Version`.
    #[must_use]
    pub fn new(style: Style, operation: &str, version: &str) -> Self {
        Self {
            style,
            out: format!("Action={operation}&Version={version}"),
            prefix: String::new(),
            member: None,
            timestamp: TimestampForm::Iso8601,
            frames: Vec::new(),
        }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    fn descend(&mut self, name: &str) {
        if !self.prefix.is_empty() {
            self.prefix.push('.');
        }
        self.prefix.push_str(name);
    }

    fn pair(&mut self, value: &str) {
        self.out.push('&');
        self.out.extend(utf8_percent_encode(&self.prefix, RESERVED));
        self.out.push('=');
        self.out.extend(utf8_percent_encode(value, RESERVED));
    }

    fn close(&mut self) {
        let frame = self.frames.pop();
        if let Some(
            Frame::Structure { base } | Frame::List { base, .. } | Frame::Map { base, .. },
        ) = frame
        {
            self.prefix.truncate(base);
        }
    }
}

impl Sink for QuerySink {
    fn begin_structure(&mut self, _schema: &'static Schema) {
        let base = self.prefix.len();
        self.frames.push(Frame::Structure { base });
    }

    fn member(&mut self, member: &'static Member) {
        if let Some(Frame::Structure { base }) = self.frames.last() {
            self.prefix.truncate(*base);
        }
        self.descend(&self.style.name(member));
        self.timestamp = member.timestamp.unwrap_or(TimestampForm::Iso8601);
        self.member = Some(member);
    }

    fn end_structure(&mut self) {
        self.close();
    }

    fn begin_list(&mut self) {
        let base = self.prefix.len();
        let member = self.member.take();
        if let Some(item) = self.style.item(member) {
            self.descend(item);
        }
        let stem = self.prefix.len();
        self.frames.push(Frame::List {
            base,
            stem,
            count: 0,
        });
    }

    fn item(&mut self) {
        if let Some(Frame::List { stem, count, .. }) = self.frames.last_mut() {
            *count += 1;
            let number = count.to_string();
            self.prefix.truncate(*stem);
            self.descend(&number);
        }
    }

    fn end_list(&mut self) {
        self.close();
    }

    fn begin_map(&mut self) {
        let base = self.prefix.len();
        let member = self.member.take();
        if member.is_none_or(|member| !member.is_flattened) {
            self.descend("entry");
        }
        let stem = self.prefix.len();
        let names = member.map_or(("key", "value"), |member| (member.key, member.value));
        self.frames.push(Frame::Map {
            base,
            stem,
            count: 0,
            names,
        });
    }

    fn key(&mut self, key: &str) {
        if let Some(Frame::Map {
            stem, count, names, ..
        }) = self.frames.last_mut()
        {
            *count += 1;
            let (number, names) = (count.to_string(), *names);
            self.prefix.truncate(*stem);
            self.descend(&number);
            let entry = self.prefix.len();
            self.descend(names.0);
            self.pair(key);
            self.prefix.truncate(entry);
            self.descend(names.1);
        }
    }

    fn end_map(&mut self) {
        self.close();
    }

    fn string(&mut self, text: &str) {
        self.pair(text);
    }

    fn boolean(&mut self, truth: bool) {
        self.pair(if truth { "true" } else { "false" });
    }

    fn integer(&mut self, number: i64) {
        self.pair(&number.to_string());
    }

    fn double(&mut self, number: f64) {
        self.pair(&form::write_double(number));
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.pair(&form::write_blob(bytes));
    }

    fn timestamp(&mut self, at: Timestamp) {
        self.pair(&form::write_timestamp(at, self.timestamp));
    }

    fn document(&mut self, document: &Document) {
        self.pair(&document.0);
    }
}
