//! Messages as callers give and get them.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use md5::{Digest, Md5};
use store::record::{Cause, MessageKey};

use crate::attributes::Attributes;
use crate::{Error, Queue};

/// Largest message with its attributes: 1 MiB.
pub const BYTES_MAX: u64 = 1_048_576;
/// The attribute by which a sender says how many notifications the body holds.
pub const LINES_ATTRIBUTE: &str = "shukuba.lines";

/// A message to send.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// 1 byte to 1 MiB of UTF-8.
    pub body: Bytes,
    /// At most 10.
    pub attributes: Attributes,
    /// 0 s to 15 min; `None` = the queue's. Not on FIFO queues. An embedded retry may wait longer.
    pub delay: Option<Duration>,
    /// `MessageGroupId`: needed on FIFO queues; on standard queues the tenant for fair queues.
    pub group: Option<String>,
    /// `MessageDeduplicationId`, on FIFO queues.
    pub dedup_id: Option<String>,
    /// The message system attribute `AWSTraceHeader`.
    pub trace_header: Option<String>,
    /// How many notifications it holds; `None` = what its attribute [`LINES_ATTRIBUTE`] says, else 1.
    pub lines: Option<u32>,
    /// How many attempts were made to send its lines, for messages that go on.
    pub attempt: u32,
    /// Where its lines come from, as the notifier wrote it.
    pub origin: Bytes,
}

impl Outgoing {
    /// Bytes of body and attributes, as SQS counts them.
    pub(crate) fn size(&self) -> u64 {
        (self.body.len() + crate::attributes::size(&self.attributes)) as u64
    }
}

/// Why messages enter a queue and who sends them.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The caller's id, as the attribute `SenderId` shows it.
    pub id: &'a str,
    /// Why.
    pub cause: Cause,
}

/// An accepted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Which message.
    pub key: MessageKey,
    /// A UUID; that of the first when this is a duplicate (FIFO).
    pub message_id: String,
    /// 20 digits, on FIFO queues.
    pub sequence_number: Option<String>,
}

/// What to receive.
#[derive(Clone, Debug)]
pub struct Receive {
    /// 1 to 10 messages.
    pub max: u32,
    /// How long to wait when there is none, up to 20 s; `None` = the queue's.
    pub wait: Option<Duration>,
    /// 0 s to 12 h; `None` = the queue's.
    pub visibility: Option<Duration>,
    /// `ReceiveRequestAttemptId`, on FIFO queues.
    pub attempt_id: Option<String>,
    /// Who asks.
    pub access: Access,
}

impl Default for Receive {
    fn default() -> Self {
        Self {
            max: 1,
            wait: None,
            visibility: None,
            attempt_id: None,
            access: Access::Outside,
        }
    }
}

/// In which capacity a caller receives and deletes: a queue that is bound to a route refuses outsiders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Any caller.
    Outside,
    /// The administrator.
    Administrator,
    /// A notifier elsewhere. Its receives are booked as such.
    Notifier,
    /// This process itself, such as its own notifiers. What it holds ends with it: see [`crate::Queues::end_leases`].
    Embedded,
}

/// A received message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Which message.
    pub key: MessageKey,
    /// A UUID.
    pub message_id: String,
    /// For this receive.
    pub receipt_handle: String,
    /// The body, a slice of what was read from the journal.
    pub body: Bytes,
    /// In the journal's form; see [`Message::attributes`].
    pub(crate) attributes: Bytes,
    /// When it was sent; when it was moved back by a move task, then.
    pub sent_at: Timestamp,
    /// When it was first received.
    pub first_received_at: Timestamp,
    /// How often it was received, this time included. Releases do not count.
    pub receive_count: u32,
    /// Until when it is invisible to others.
    pub lease_until: Timestamp,
    /// Who sent it.
    pub sender_id: Arc<str>,
    /// `MessageGroupId`.
    pub group: Option<String>,
    /// `MessageDeduplicationId`: the sender's or SHA-256 of the body in hex.
    pub dedup_id: Option<String>,
    /// 20 digits, on FIFO queues.
    pub sequence_number: Option<String>,
    /// `AWSTraceHeader`.
    pub trace_header: Option<String>,
    /// The queue that it came from as a dead letter, as ARN (`DeadLetterQueueSourceArn`).
    pub dead_letter_source: Option<String>,
    /// How many notifications it is booked as.
    pub lines: u32,
    /// How many attempts were made before.
    pub attempt: u32,
    /// Where its lines come from, as the notifier wrote it.
    pub origin: Bytes,
}

impl Message {
    /// The attributes. Those of a damaged message are none.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        if self.attributes.is_empty() {
            return Attributes::new();
        }
        crate::attributes::decode(&self.attributes).unwrap_or_default()
    }

    /// The body as text; replacement characters where it is not UTF-8, which no accepted body is.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// MD5 of the body in hex.
    #[must_use]
    pub fn body_md5(&self) -> String {
        body_md5(&self.body)
    }
}

/// MD5 of a body in hex, as `MD5OfMessageBody` shows it.
#[must_use]
pub fn body_md5(body: &[u8]) -> String {
    // `hex::encode` goes letter by letter, and this is a tenth of a small send.
    let mut digits = [0; 32];
    let _ = hex::encode_to_slice(Md5::digest(body), &mut digits);
    std::str::from_utf8(&digits).unwrap_or_default().to_owned()
}

/// A notifier's outcome of one message.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The handle of the receive.
    pub receipt_handle: Arc<str>,
    /// When the message was sent.
    pub sent_at: Timestamp,
    /// Its lines with their results.
    pub lines: Vec<SettledLine>,
    /// What becomes of it.
    pub next: store::record::Next,
    /// New messages made of its lines; durable in the same step.
    pub carries: Vec<Carried>,
}

/// One line of a settled message.
#[derive(Clone, Debug)]
pub struct SettledLine {
    /// Its number in the message, from 0.
    pub line: u32,
    /// The destination as the ledger names it.
    pub destination: Arc<str>,
    /// What became of it.
    pub state: store::record::LineState,
    /// The stored result.
    pub result: Bytes,
}

/// A message made of lines of a settled one. Its delay may be of any length.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The queue that takes it.
    pub queue: Arc<Queue>,
    /// Why.
    pub kind: store::record::CarryKind,
    /// The message.
    pub message: Outgoing,
}

/// Whether a body consists of characters that SQS takes.
#[must_use]
pub(crate) fn has_allowed_characters(text: &str) -> bool {
    // Everything but these is allowed, and they all begin with a control byte or EF BF.
    let is_suspect = |byte: &u8| (*byte < 0x20 && !matches!(*byte, 9 | 10 | 13)) || *byte == 0xef;
    !text.as_bytes().iter().any(is_suspect) || text.chars().all(is_allowed)
}

fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Checks a body and gives it as bytes that go into the journal.
pub(crate) fn check_body(body: &Bytes) -> Result<(), Error> {
    if body.is_empty() {
        return Err(Error::MissingParameter {
            name: "MessageBody",
        });
    }
    let text = std::str::from_utf8(body).map_err(|_| Error::InvalidCharacters)?;
    if has_allowed_characters(text) {
        Ok(())
    } else {
        Err(Error::InvalidCharacters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_take_the_characters_that_the_reference_lists() {
        for allowed in [
            "a",
            "\t\n\r",
            "\u{d7ff}\u{e000}\u{fffd}",
            "\u{10000}\u{10ffff}",
            "宿場\u{ff01}",
        ] {
            assert_eq!(check_body(&Bytes::from(allowed)), Ok(()), "{allowed:?}");
        }
        for refused in [
            "\u{0}",
            "\u{8}",
            "\u{b}",
            "\u{1f}",
            "a\u{fffe}",
            "\u{ffff}b",
        ] {
            assert_eq!(
                check_body(&Bytes::from(refused)),
                Err(Error::InvalidCharacters),
                "{refused:?}"
            );
        }
        assert_eq!(
            check_body(&Bytes::from_static(b"\xff")),
            Err(Error::InvalidCharacters)
        );
        assert!(matches!(
            check_body(&Bytes::new()),
            Err(Error::MissingParameter { .. })
        ));
    }

    #[test]
    fn the_md5_of_a_body_is_in_hex() {
        // RFC 1321, appendix A.5.
        assert_eq!(
            body_md5(b"message digest"),
            "f96b697d7cb7938d525a2f31aaf161d0"
        );
    }
}
