//! Writes shapes as the trail records them: names with a small first letter, sensitive members hidden.

use base::Timestamp;

use super::JsonSink;
use crate::schema::{Member, Schema};
use crate::shape::Sink;
use crate::values::Document;

const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// A JSON text being written, in which sensitive members stand as `HIDDEN_DUE_TO_SECURITY_REASONS`.
#[derive(Debug)]
pub struct MaskedSink {
    inner: JsonSink,
    hiding: Hiding,
}

/// Whether what comes is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hiding {
    No,
    /// The next value is.
    Next,
    /// All is, until so many brackets are closed.
    Within(usize),
}

impl MaskedSink {
    /// An empty text with room for `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            inner: JsonSink::new(bytes),
            hiding: Hiding::No,
        }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.inner.into_bytes()
    }

    fn open(&mut self, write: impl FnOnce(&mut JsonSink)) {
        self.hiding = match self.hiding {
            Hiding::No => {
                write(&mut self.inner);
                Hiding::No
            }
            Hiding::Next => Hiding::Within(1),
            Hiding::Within(depth) => Hiding::Within(depth + 1),
        };
    }

    fn close(&mut self, write: impl FnOnce(&mut JsonSink)) {
        self.hiding = match self.hiding {
            Hiding::Within(1) => {
                self.inner.string(HIDDEN);
                Hiding::No
            }
            Hiding::Within(depth) => Hiding::Within(depth.saturating_sub(1)),
            _ => {
                write(&mut self.inner);
                Hiding::No
            }
        };
    }

    fn scalar(&mut self, write: impl FnOnce(&mut JsonSink)) {
        match self.hiding {
            Hiding::No => write(&mut self.inner),
            Hiding::Next => {
                self.inner.string(HIDDEN);
                self.hiding = Hiding::No;
            }
            Hiding::Within(_) => {}
        }
    }

    fn within(&mut self, write: impl FnOnce(&mut JsonSink)) {
        if self.hiding == Hiding::No {
            write(&mut self.inner);
        }
    }
}

impl Sink for MaskedSink {
    fn begin_structure(&mut self, schema: &'static Schema) {
        self.open(|inner| inner.begin_structure(schema));
    }

    fn member(&mut self, member: &'static Member) {
        if self.hiding != Hiding::No {
            return;
        }
        self.inner.member_as(member, &camel_case(member.name));
        if member.is_masked() {
            self.hiding = Hiding::Next;
        }
    }

    fn end_structure(&mut self) {
        self.close(JsonSink::end_structure);
    }

    fn begin_list(&mut self) {
        self.open(JsonSink::begin_list);
    }

    fn item(&mut self) {
        self.within(JsonSink::item);
    }

    fn end_list(&mut self) {
        self.close(JsonSink::end_list);
    }

    fn begin_map(&mut self) {
        self.open(JsonSink::begin_map);
    }

    fn key(&mut self, key: &str) {
        self.within(|inner| inner.key(key));
    }

    fn end_map(&mut self) {
        self.close(JsonSink::end_map);
    }

    fn string(&mut self, text: &str) {
        self.scalar(|inner| inner.string(text));
    }

    fn boolean(&mut self, truth: bool) {
        self.scalar(|inner| inner.boolean(truth));
    }

    fn integer(&mut self, number: i64) {
        self.scalar(|inner| inner.integer(number));
    }

    fn double(&mut self, number: f64) {
        self.scalar(|inner| inner.double(number));
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.scalar(|inner| inner.blob(bytes));
    }

    fn timestamp(&mut self, at: Timestamp) {
        self.scalar(|inner| inner.timestamp(at));
    }

    fn document(&mut self, document: &Document) {
        self.scalar(|inner| inner.document(document));
    }
}

/// `QueueUrl` becomes `queueUrl`.
fn camel_case(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}
