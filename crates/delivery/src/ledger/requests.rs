//! What the work of a queue would be in requests of SQS, by the time at which it was done: what its cost is made of.
//!
//! A record of the journal may hold more than one request of SQS takes; it counts as the requests that it would need there,
//! of [`BATCH`] messages. So what a notifier of this process does counts as it would elsewhere, and what a client asks by
//! SQS's own protocol as it asked.

use std::collections::BTreeMap;

use base::Timestamp;
use store::record::codec::{Malformed, Reader, put_varint};
use store::record::{NewMessage, Next, Settlement};

use super::cell::Tally;
use super::{CarryKind, Ledger, minute_of};

/// Messages of a request at most. Source: SQS API Reference, SendMessageBatch and ReceiveMessage.
pub const BATCH: u64 = 10;
/// Bytes of a request that are billed as one. Source: Amazon SQS pricing, "every 64 KB chunk of a payload is billed as 1
/// request".
pub const CHUNK_BYTES: u64 = 64 << 10;

/// Requests in one span, and what they bore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Notifications that were accepted.
    pub notifications: u64,
    /// Messages that bore them.
    pub messages: u64,
    /// Their bytes, bodies and attributes.
    pub bytes: u64,
    /// Requests that sent them.
    pub sends: u64,
    /// The same as they are billed, by [`CHUNK_BYTES`].
    pub sends_billed: u64,
    /// Messages that were received, each time.
    pub received: u64,
    /// Requests that received them.
    pub receives: u64,
    /// Requests that deleted messages, with those that ended a message by its results.
    pub deletes: u64,
    /// Messages sent on to be tried again.
    pub retried: u64,
    /// Requests that sent these on, or changed when messages are visible.
    pub retries: u64,
    /// Results.
    pub results: u64,
    /// Their bytes.
    pub result_bytes: u64,
}

impl Requests {
    fn fields(&mut self) -> [&mut u64; 12] {
        [
            &mut self.notifications,
            &mut self.messages,
            &mut self.bytes,
            &mut self.sends,
            &mut self.sends_billed,
            &mut self.received,
            &mut self.receives,
            &mut self.deletes,
            &mut self.retried,
            &mut self.retries,
            &mut self.results,
            &mut self.result_bytes,
        ]
    }

    /// Messages that a sender sent together.
    pub(super) fn sent(&mut self, messages: &[NewMessage<'_>]) {
        for batch in messages.chunks(batch()) {
            let bytes: u64 = batch.iter().map(bytes_of).sum();
            self.sends += 1;
            self.sends_billed += chunks(bytes);
            self.bytes += bytes;
        }
        self.messages += messages.len() as u64;
        let lines = messages.iter().map(|message| u64::from(message.lines));
        self.notifications += lines.sum::<u64>();
    }

    /// Messages that one receive answered with.
    pub(super) fn received(&mut self, messages: usize) {
        self.received += messages as u64;
        self.receives += batches(messages);
    }

    /// Messages that a caller deleted.
    pub(super) fn deleted(&mut self, messages: usize) {
        self.deletes += batches(messages);
    }

    /// Messages that are visible at another time.
    pub(super) fn changed(&mut self, messages: usize) {
        self.retries += batches(messages);
    }

    /// Messages that a notifier settled together.
    pub(super) fn settled(&mut self, settlements: &[Settlement<'_>]) {
        let sent_on: usize = settlements.iter().map(sent_on).sum();
        self.retried += sent_on as u64;
        self.retries += batches(sent_on);
        self.deletes += batches(settlements.len());
        let results = settlements
            .iter()
            .flat_map(|settlement| &settlement.lines)
            .filter(|line| !line.result.is_empty());
        for line in results {
            self.results += 1;
            self.result_bytes += line.result.len() as u64;
        }
    }

    /// The requests that received, as they are billed: each bears its part of what was received, at the mean size of a message.
    #[must_use]
    pub fn receives_billed(&self) -> u64 {
        let mean = self.bytes.checked_div(self.messages).unwrap_or(0);
        let each = self.received.div_ceil(self.receives.max(1)) * mean;
        self.receives * chunks(each)
    }
}

/// Messages that elsewhere would be sent to a retry queue: in this process some only wait in place.
fn sent_on(settlement: &Settlement<'_>) -> usize {
    let waits = usize::from(matches!(settlement.next, Next::RetryAt { .. }));
    let carries = settlement.carries.iter();
    waits
        + carries
            .filter(|carry| carry.kind != CarryKind::Replayed)
            .count()
}

fn bytes_of(message: &NewMessage<'_>) -> u64 {
    (message.body.len() + message.attributes.len()) as u64
}

fn batch() -> usize {
    usize::try_from(BATCH).unwrap_or(1)
}

fn batches(messages: usize) -> u64 {
    (messages as u64).div_ceil(BATCH)
}

/// How a request of so many bytes is billed.
#[must_use]
pub fn chunks(bytes: u64) -> u64 {
    bytes.div_ceil(CHUNK_BYTES).max(1)
}

impl Tally for Requests {
    fn merge(&mut self, other: &Self) {
        let mut other = *other;
        for (into, from) in self.fields().into_iter().zip(other.fields()) {
            *into += *from;
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        let mut requests = *self;
        for value in requests.fields() {
            put_varint(out, *value);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut requests = Self::default();
        for value in requests.fields() {
            *value = reader.varint()?;
        }
        Ok(requests)
    }
}

impl Ledger {
    /// The first minute from `from` on in which anything was asked of a queue; as far as minutes are kept apart, else the first
    /// of the hour or day.
    #[must_use]
    pub fn first_asked(&self, from: Timestamp) -> Option<Timestamp> {
        let state = self.state.lock();
        let spans = state.books.values().flat_map(|book| book.requests.spans());
        let begins = spans
            .filter(|span| span.minutes > 0)
            .map(|span| span.begins());
        begins.filter(|begins| *begins >= from).min()
    }

    /// The requests of each queue in the minutes that begin at `from` or later, and before `to`; older than 48 hours, those of the hours and
    /// days that begin in between.
    #[must_use]
    pub fn requests(&self, from: Timestamp, to: Timestamp) -> BTreeMap<String, Requests> {
        let end = to.plus(std::time::Duration::from_millis(59_999));
        let wanted = minute_of(from)..minute_of(end);
        let state = self.state.lock();
        let books = state.books.iter();
        let sum = |book: &super::book::Book| {
            let mut sum = Requests::default();
            let spans = book.requests.spans().into_iter();
            spans
                .filter(|span| span.minutes > 0 && wanted.contains(&span.minute))
                .for_each(|span| sum.merge(&span.counts));
            sum
        };
        books
            .map(|(name, book)| (name.clone(), sum(book)))
            .filter(|(_, sum)| *sum != Requests::default())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use store::Position;
    use store::record::{
        By, Carry, Cause, LineOutcome, LineState, MessageKey, Observer as _, QueueId,
        ReceivedMessage, Record, Touched, Was,
    };

    use super::*;

    const QUEUE: QueueId = QueueId(1);
    const AT: Timestamp = Timestamp::from_secs(20_000 * 86_400);

    fn ledger(records: &[Record<'_>]) -> Ledger {
        let ledger = Ledger::new();
        let name = "q";
        let created = Record::QueueCreated {
            queue: QUEUE,
            name,
            settings: b"{}",
        };
        ledger.applied(Position::new(1), AT, &created);
        for (position, record) in (2..).zip(records) {
            ledger.applied(Position::new(position), AT, record);
        }
        ledger
    }

    fn counted(ledger: &Ledger) -> Requests {
        let hour = std::time::Duration::from_secs(3600);
        ledger
            .requests(AT, AT.plus(hour))
            .remove("q")
            .unwrap_or_default()
    }

    fn touched(key: u64) -> Touched {
        Touched {
            key: MessageKey(key),
            sent_minute: minute_of(AT),
            lines: 200,
        }
    }

    fn settlement<'a>(key: u64, next: Next, carries: Vec<Carry<'a>>) -> Settlement<'a> {
        let line = LineOutcome {
            line: 0,
            destination: "d",
            state: LineState::Retry,
            result: b"{}",
        };
        Settlement {
            key: MessageKey(key),
            sent_at: AT,
            lines_before: 1,
            lines: vec![line],
            next,
            carries,
        }
    }

    fn all() -> Vec<Record<'static>> {
        // 25 messages of 60,000 bytes that hold 200 lines each: 10, 10 and 5 in a request.
        let message = NewMessage {
            lines: 200,
            ..NewMessage::plain(AT, &[b'x'; 60_000])
        };
        let received = |key| ReceivedMessage {
            message: touched(key),
            was: Was::Fresh,
        };
        let carry = Carry {
            queue: QueueId(1),
            kind: CarryKind::Retry,
            message: NewMessage::plain(AT, b"x"),
        };
        let retry = Next::RetryAt { at: AT, attempt: 1 };
        vec![
            Record::Enqueued {
                queue: QUEUE,
                cause: Cause::Sent,
                messages: vec![message; 25],
            },
            Record::Received {
                queue: QUEUE,
                until: AT,
                by: By::Embedded,
                attempt: None,
                messages: (1..=12).map(received).collect(),
            },
            Record::Deleted {
                queue: QUEUE,
                messages: (1..=11).map(touched).collect(),
            },
            Record::Settled {
                queue: QUEUE,
                settlements: vec![
                    settlement(12, Next::Gone, vec![carry]),
                    settlement(13, retry, Vec::new()),
                ],
            },
            Record::Released {
                queue: QUEUE,
                messages: vec![touched(14)],
            },
        ]
    }

    #[test]
    fn records_count_as_the_requests_that_they_would_need() {
        let expected = Requests {
            notifications: 5_000,
            messages: 25,
            bytes: 1_500_000,
            sends: 3,
            // 600,000 bytes are 10 chunks, 300,000 are 5.
            sends_billed: 25,
            received: 12,
            receives: 2,
            deletes: 2 + 1,
            retried: 2,
            retries: 1 + 1,
            results: 2,
            result_bytes: 4,
        };
        let ledger = ledger(&all());
        assert_eq!(counted(&ledger), expected);
        // 6 messages of 60,000 bytes a request: 6 chunks, twice.
        assert_eq!(expected.receives_billed(), 12);
    }

    #[test]
    fn what_was_killed_counts_nothing_twice() {
        let whole = ledger(&all());
        // A snapshot in between, and the records behind it again: what a start after a kill does.
        let records = all();
        let (before, after) = records.split_at(3);
        let killed = ledger(before);
        let mut bytes = Vec::new();
        killed.capture()(&mut bytes).unwrap();
        let restored = Ledger::new();
        restored.restore(&mut bytes.as_slice()).unwrap();
        for (position, record) in (5..).zip(after) {
            restored.applied(Position::new(position), AT, record);
        }
        assert_eq!(counted(&restored), counted(&whole));
    }

    #[test]
    fn what_is_outside_of_the_time_is_not_counted() {
        let ledger = ledger(&all());
        let minute = std::time::Duration::from_secs(60);
        assert!(
            ledger
                .requests(AT.plus(minute), AT.plus(minute * 9))
                .is_empty()
        );
        assert!(ledger.requests(AT.minus(minute), AT).is_empty());
        // The minute that is not over is counted.
        let moment = std::time::Duration::from_millis(1);
        assert_eq!(ledger.requests(AT, AT.plus(moment)).len(), 1);
    }
}
