//! Writes shapes as CBOR, all lengths definite.

use base::Timestamp;

use crate::schema::{Member, Schema};
use crate::shape::Sink;
use crate::values::Document;

const UNSIGNED: u8 = 0x00;
const NEGATIVE: u8 = 0x20;
const BYTES: u8 = 0x40;
const TEXT: u8 = 0x60;
const LIST: u8 = 0x80;
const MAP: u8 = 0xa0;
/// Tag 1: seconds since 1970.
const EPOCH: u8 = 0xc1;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const DOUBLE: u8 = 0xfb;

/// A CBOR document being written.
///
/// How many entries a list or map has is known at its end: its head gets one byte at first, and more only from 24 entries on.
#[derive(Debug)]
pub struct CborSink {
    out: Vec<u8>,
    open: Vec<Open>,
}

/// A list or map that is open.
#[derive(Debug)]
struct Open {
    /// Where its head is.
    at: usize,
    major: u8,
    count: u64,
}

impl CborSink {
    /// An empty document with room for `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
            open: Vec::new(),
        }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn begin(&mut self, major: u8) {
        let at = self.out.len();
        self.out.push(major);
        self.open.push(Open {
            at,
            major,
            count: 0,
        });
    }

    fn count(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.count += 1;
        }
    }

    fn end(&mut self) {
        let Some(Open { at, major, count }) = self.open.pop() else {
            return;
        };
        let (head, length) = head(major, count);
        self.out
            .splice(at..=at, head.into_iter().take(length))
            .for_each(drop);
    }

    fn head(&mut self, major: u8, argument: u64) {
        let (head, length) = head(major, argument);
        self.out.extend(head.into_iter().take(length));
    }
}

/// An item's head: the major type and the shortest form of its argument, in so many bytes.
fn head(major: u8, argument: u64) -> ([u8; 9], usize) {
    let digits = argument.to_be_bytes();
    let (info, width) = match argument {
        0..24 => (digits[7], 0),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    let mut head = [major | info; 9];
    let digits = digits.into_iter().skip(8 - width);
    for (place, digit) in head.iter_mut().skip(1).zip(digits) {
        *place = digit;
    }
    (head, 1 + width)
}

impl Sink for CborSink {
    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.begin(MAP);
    }

    fn member(&mut self, member: &'static Member) {
        self.key(member.name);
    }

    fn end_structure(&mut self) {
        self.end();
    }

    fn begin_list(&mut self) {
        self.begin(LIST);
    }

    fn item(&mut self) {
        self.count();
    }

    fn end_list(&mut self) {
        self.end();
    }

    fn begin_map(&mut self) {
        self.begin(MAP);
    }

    fn key(&mut self, key: &str) {
        self.count();
        self.string(key);
    }

    fn end_map(&mut self) {
        self.end();
    }

    fn string(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn boolean(&mut self, truth: bool) {
        self.out.push(if truth { TRUE } else { FALSE });
    }

    fn integer(&mut self, number: i64) {
        match u64::try_from(number) {
            Ok(number) => self.head(UNSIGNED, number),
            // `-1 - n` has the bits of `n` turned over.
            Err(_) => self.head(NEGATIVE, (!number).unsigned_abs()),
        }
    }

    fn double(&mut self, number: f64) {
        self.out.push(DOUBLE);
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.head(BYTES, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn timestamp(&mut self, at: Timestamp) {
        self.out.push(EPOCH);
        #[expect(
            clippy::cast_precision_loss,
            reason = "moments up to the year 9999 in milliseconds lie within 2^53"
        )]
        self.double(at.as_millis() as f64 / 1000.0);
    }

    fn document(&mut self, document: &Document) {
        self.string(&document.0);
    }
}
