//! Writes shapes as the XML of the answers of AWS query and EC2's variant of it.
//!
//! # Format
//! ```xml
//! <SendMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><SendMessageResult><MessageId>…</MessageId>
//! </SendMessageResult><ResponseMetadata><RequestId>…</RequestId></ResponseMetadata></SendMessageResponse>
//! ```
//! EC2's has the id first, and neither result nor metadata:
//! ```xml
//! <DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>…</requestId><reservationSet>
//! <item>…</item></reservationSet></DescribeInstancesResponse>
//! ```

use base::Timestamp;

use crate::codec::Envelope;
use crate::form;
use crate::query::Style;
use crate::schema::{Member, Schema, TimestampForm};
use crate::shape::Sink;
use crate::values::Document;

const PROLOGUE: &[u8] = b"<?xml version=\"1.0\"?>";
/// EC2's, which names the encoding.
pub(crate) const EC2_PROLOGUE: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// An answer being written.
#[derive(Debug)]
pub(crate) struct XmlSink {
    style: Style,
    out: Vec<u8>,
    /// The element that the next value gets.
    name: &'static str,
    member: Option<&'static Member>,
    frames: Vec<Frame>,
    has_result: bool,
}

/// An element or a run of elements that is open.
#[derive(Debug)]
enum Frame {
    /// The structure of the answer; the envelope is its element.
    Root,
    Structure {
        element: &'static str,
    },
    List {
        element: Option<&'static str>,
        item: &'static str,
    },
    Map {
        element: Option<&'static str>,
        entry: &'static str,
        names: (&'static str, &'static str),
        is_open: bool,
    },
}

impl XmlSink {
    /// An answer in its envelope. `has_result`: whether the operation has an output at all.
    pub(crate) fn answer(style: Style, envelope: &Envelope<'_>, has_result: bool) -> Self {
        let mut out = Vec::with_capacity(1024);
        out.extend_from_slice(match style {
            Style::Aws => PROLOGUE,
            Style::Ec2 => EC2_PROLOGUE,
        });
        out.extend_from_slice(format!("<{}Response xmlns=\"", envelope.operation).as_bytes());
        escape(envelope.xml_namespace, &mut out);
        out.extend_from_slice(b"\">");
        match style {
            Style::Ec2 => {
                element("requestId", envelope.request_id, &mut out);
                if !has_result {
                    element("return", "true", &mut out);
                }
            }
            Style::Aws if has_result => {
                out.extend_from_slice(format!("<{}Result>", envelope.operation).as_bytes());
            }
            Style::Aws => {}
        }
        Self {
            style,
            out,
            name: "",
            member: None,
            frames: Vec::new(),
            has_result,
        }
    }

    /// Closes the envelope.
    pub(crate) fn into_answer(mut self, envelope: &Envelope<'_>) -> Vec<u8> {
        if self.style == Style::Aws {
            self.end_result(envelope);
        }
        self.out
            .extend_from_slice(format!("</{}Response>", envelope.operation).as_bytes());
        self.out
    }

    fn end_result(&mut self, envelope: &Envelope<'_>) {
        if self.has_result {
            self.out
                .extend_from_slice(format!("</{}Result>", envelope.operation).as_bytes());
        }
        self.out.extend_from_slice(b"<ResponseMetadata>");
        element("RequestId", envelope.request_id, &mut self.out);
        self.out.extend_from_slice(b"</ResponseMetadata>");
    }

    /// What a list's items are called where it has an element of its own.
    fn item_name(&self, member: Option<&'static Member>) -> &'static str {
        let said = member.map_or("member", |member| member.item);
        match self.style {
            Style::Ec2 if said == "member" => "item",
            _ => said,
        }
    }

    fn open(&mut self, name: &str) {
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    fn close(&mut self, name: &str) {
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    /// The wrapping element of a list or map: none where it is flattened.
    fn wrap(&mut self, member: Option<&'static Member>) -> Option<&'static str> {
        if member.is_some_and(|member| member.is_flattened) {
            return None;
        }
        self.open(self.name);
        Some(self.name)
    }

    fn unwrap(&mut self, element: Option<&'static str>) {
        if let Some(element) = element {
            self.close(element);
        }
    }

    fn close_entry(&mut self) {
        if let Some(Frame::Map { entry, is_open, .. }) = self.frames.last_mut()
            && std::mem::take(is_open)
        {
            let entry = *entry;
            self.close(entry);
        }
    }
}

impl Sink for XmlSink {
    fn begin_structure(&mut self, _schema: &'static Schema) {
        if self.frames.is_empty() {
            self.frames.push(Frame::Root);
            return;
        }
        let element = self.name;
        self.open(element);
        self.frames.push(Frame::Structure { element });
    }

    fn member(&mut self, member: &'static Member) {
        self.name = member.query_name();
        self.member = Some(member);
    }

    fn end_structure(&mut self) {
        if let Some(Frame::Structure { element }) = self.frames.pop() {
            self.close(element);
        }
    }

    fn begin_list(&mut self) {
        let member = self.member.take();
        let element = self.wrap(member);
        let item = match member {
            Some(member) if member.is_flattened => member.query_name(),
            member => self.item_name(member),
        };
        self.frames.push(Frame::List { element, item });
    }

    fn item(&mut self) {
        if let Some(Frame::List { item, .. }) = self.frames.last() {
            self.name = item;
            self.member = None;
        }
    }

    fn end_list(&mut self) {
        if let Some(Frame::List { element, .. }) = self.frames.pop() {
            self.unwrap(element);
        }
    }

    fn begin_map(&mut self) {
        let member = self.member.take();
        let element = self.wrap(member);
        let entry = if element.is_some() {
            "entry"
        } else {
            self.name
        };
        let names = member.map_or(("key", "value"), |member| (member.key, member.value));
        self.frames.push(Frame::Map {
            element,
            entry,
            names,
            is_open: false,
        });
    }

    fn key(&mut self, key: &str) {
        self.close_entry();
        if let Some(Frame::Map {
            entry,
            names,
            is_open,
            ..
        }) = self.frames.last_mut()
        {
            *is_open = true;
            let (entry, names) = (*entry, *names);
            self.open(entry);
            element(names.0, key, &mut self.out);
            self.name = names.1;
            self.member = None;
        }
    }

    fn end_map(&mut self) {
        self.close_entry();
        if let Some(Frame::Map { element, .. }) = self.frames.pop() {
            self.unwrap(element);
        }
    }

    fn string(&mut self, text: &str) {
        element(self.name, text, &mut self.out);
    }

    fn boolean(&mut self, truth: bool) {
        self.string(if truth { "true" } else { "false" });
    }

    fn integer(&mut self, number: i64) {
        self.string(&number.to_string());
    }

    fn double(&mut self, number: f64) {
        self.string(&form::write_double(number));
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.string(&form::write_blob(bytes));
    }

    fn timestamp(&mut self, at: Timestamp) {
        let form = self.member.and_then(|member| member.timestamp);
        let text = match (form, self.style) {
            // EC2 writes milliseconds, also those of whole seconds.
            (None, Style::Ec2) => at.rfc3339(),
            (form, _) => form::write_timestamp(at, form.unwrap_or(TimestampForm::Iso8601)),
        };
        self.string(&text);
    }

    fn document(&mut self, document: &Document) {
        self.string(&document.0);
    }
}

/// Appends `<name>text</name>`.
pub(crate) fn element(name: &str, text: &str, out: &mut Vec<u8>) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
    escape(text, out);
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

/// Appends `text` so that it stands in an element or an attribute.
///
/// A carriage return is escaped, since a parser would turn it into a line feed; characters that XML 1.0 has no form
/// for become U+FFFD.
pub(crate) fn escape(text: &str, out: &mut Vec<u8>) {
    for letter in text.chars() {
        match letter {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            '\r' => out.extend_from_slice(b"&#xD;"),
            '\t' | '\n' | '\u{20}'..='\u{FFFD}' | '\u{10000}'.. => {
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => out.extend_from_slice("\u{FFFD}".as_bytes()),
        }
    }
}
