//! The ledger: where every accepted notification is, at one position of the journal (contracts 4 to 6).
//!
//! It is a fold over the journal's records: it changes only in [`Ledger::applied`], under the lock of the queues, so all
//! its counts stand at one position and survive restarts through the snapshots.
//!
//! # States
//! accepted (sent + moved-in + replayed + corrected) =
//!
//! | state | entered by | meaning |
//! |---|---|---|
//! | open | `Enqueued`, `Moved` to here, carries | still in the queue: unread, waiting, delayed, retry-wait, in-flight |
//! | delivered, dead | `Settled` | a result says so |
//! | expired | `Settled`, `Expired` | own deadline or the queue's retention; a result says so |
//! | taken | `Deleted` | deleted by a caller who is not a notifier |
//! | purged | `Purged`, `QueueDeleted` | removed with everything in the queue |
//! | moved-out | `Moved` | went to another queue, which booked it as moved-in |
//! | lost | `MessagesLost`, a settlement that does not add up | lay in a damaged stretch that was cut out; the only unbalanced state |
//!
//! How *open* divides depends on the clock (a delay or a lease ends without a record), so the queue engine answers that, at
//! the same position: see [`balance()`]. *corrected* is what a message's declared number of lines was wrong by.
//!
//! Booked by the minute in which a notification was first accepted; a retry, however late, does not move it. Retries go on
//! inside the same book. Dead notifications of a route are dead there, and moved-in and open in its dead queue; tried again by
//! an operator they are moved-out of the dead queue, and replayed in the route's queue, in the minute of their new life.
//!
//! INVARIANT: for every queue and every minute, accepted = open + all other states.
//!
//! - [`cell`]: the counts; [`history`]: by minute, hour and day; [`book`]: one queue
//! - [`failures`]: why they failed; [`period`]: the sums of some days
//! - [`requests`]: what the same work is in requests of SQS, for its cost
//! - [`report`]: for showing; [`balance`](mod@balance): does it hold, and if not, where
//! - [`manifest`]: what `ship` had accepted by a queue elsewhere; [`elsewhere`]: that against the stored results

pub mod balance;
pub mod book;
pub mod cell;
pub mod elsewhere;
pub mod failures;
pub mod history;
pub mod manifest;
mod pauses;
pub mod period;
pub mod report;
pub mod requests;
#[cfg(test)]
mod simulation;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Write};

use base::Timestamp;
use parking_lot::Mutex;
use store::Capture;
use store::Position;
use store::record::codec::{Malformed, Reader, put_bytes, put_varint};
use store::record::{
    CarryKind, Cause, LineState, Next, Observer, QueueId, Record, Settlement, Touched,
};

pub use balance::{Balance, Drift, LiveCounts, LiveQueues, balance};
use book::Book;
pub use cell::{Cell, Outcomes};
pub use pauses::Pause;
use pauses::Pauses;
pub use report::{Detail, QueueReport, Report};
pub use requests::Requests;

/// Books of deleted queues that are kept; the one deleted first goes first.
pub const CLOSED_BOOKS_MAX: usize = 1000;

const VERSION: u64 = 3;

/// What older builds wrote; still read.
const VERSION_WITHOUT_REQUESTS: u64 = 2;
const VERSION_WITHOUT_FAILURES: u64 = 1;

/// The ledger of one data directory.
#[derive(Debug, Default)]
pub struct Ledger {
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    /// The position of the last applied record.
    position: Position,
    at: Timestamp,
    sealed_up_to: Position,
    names: HashMap<QueueId, String, foldhash::fast::FixedState>,
    books: BTreeMap<String, Book>,
    pauses: Pauses,
    /// Stretches of the journal that were cut out.
    lost: Vec<(Position, Position)>,
    /// Since when failures are counted by class; the epoch: since ever.
    failures_since: Timestamp,
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The position of the last record that it holds.
    #[must_use]
    pub fn position(&self) -> Position {
        self.state.lock().position
    }

    /// Up to where results are sealed.
    #[must_use]
    pub fn sealed_up_to(&self) -> Position {
        self.state.lock().sealed_up_to
    }

    /// What is paused, in order of kind and name.
    #[must_use]
    pub fn pauses(&self) -> Vec<Pause> {
        self.state.lock().pauses.list()
    }

    /// Whether a route rests.
    #[must_use]
    pub fn is_route_paused(&self, route: &str) -> bool {
        self.state.lock().pauses.has_route(route)
    }

    /// Whether a destination rests.
    #[must_use]
    pub fn is_destination_paused(&self, destination: &str) -> bool {
        self.state.lock().pauses.has_destination(destination)
    }

    /// The books of all queues, or of one, at one position.
    #[must_use]
    pub fn report(&self, queue: Option<&str>, detail: Detail) -> Report {
        let state = self.state.lock();
        let books = state
            .books
            .iter()
            .filter(|(name, _)| queue.is_none_or(|wanted| wanted == *name));
        Report {
            position: state.position,
            at: state.at,
            queues: books
                .map(|(name, book)| QueueReport::of(name, book, detail))
                .collect(),
            lost: state.lost.clone(),
        }
    }
}

impl Observer for Ledger {
    fn applied(&self, position: Position, at: Timestamp, record: &Record<'_>) {
        self.state.lock().apply(position, at, record);
    }

    fn capture(&self) -> Capture {
        let state = self.state.lock().clone();
        Box::new(move |out: &mut dyn Write| {
            let mut bytes = Vec::new();
            state.put(&mut bytes);
            out.write_all(&bytes)
        })
    }

    fn restore(&self, from: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let state = State::take(&mut Reader::new(&bytes))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        *self.state.lock() = state;
        Ok(())
    }
}

fn minute_of(at: Timestamp) -> u32 {
    u32::try_from(at.as_minutes()).unwrap_or(u32::MAX)
}

impl State {
    fn apply(&mut self, position: Position, at: Timestamp, record: &Record<'_>) {
        self.position = position;
        self.at = self.at.max(at);
        match record {
            Record::QueueCreated { queue, name, .. } => self.create(*queue, name),
            Record::QueueDeleted { queue } => self.delete(*queue),
            Record::Enqueued {
                queue,
                cause,
                messages,
            } => {
                let now = minute_of(self.at);
                if let Some(book) = self.book(*queue) {
                    for message in messages {
                        book.accept(now, minute_of(message.sent_at), *cause, message.lines);
                    }
                    if *cause != Cause::MovedIn {
                        book.asked(now, |requests| requests.sent(messages));
                    }
                }
            }
            Record::Deleted { queue, messages } => {
                self.each(*queue, messages, |cell, lines| cell.taken += lines);
                self.asked(*queue, |requests| requests.deleted(messages.len()));
            }
            Record::Received {
                queue, messages, ..
            } if !messages.is_empty() => {
                self.asked(*queue, |requests| requests.received(messages.len()));
            }
            Record::VisibilityChanged { queue, changes } => {
                self.asked(*queue, |requests| requests.changed(changes.len()));
            }
            Record::Released { queue, messages } => {
                self.asked(*queue, |requests| requests.changed(messages.len()));
            }
            Record::Expired { queue, messages } => {
                self.each(*queue, messages, |cell, lines| cell.expired += lines);
            }
            Record::MessagesLost { queue, messages } => {
                self.each(*queue, messages, |cell, lines| {
                    cell.lost += lines.cast_signed();
                });
            }
            Record::Purged { queue } => {
                if let Some(book) = self.book(*queue) {
                    book.purge();
                }
            }
            Record::Moved {
                from, to, messages, ..
            } => self.move_all(*from, *to, messages),
            Record::Settled { queue, settlements } => {
                for settlement in settlements {
                    self.settle(*queue, settlement);
                }
                self.asked(*queue, |requests| requests.settled(settlements));
            }
            Record::Sealed { up_to } => self.sealed_up_to = self.sealed_up_to.max(*up_to),
            Record::Paused { subject } => self.pauses.pause(subject, at),
            Record::Resumed { subject } => self.pauses.resume(subject),
            Record::Lost { from, to } => self.lost.push((*from, *to)),
            Record::Started { .. }
            | Record::SenderNamed { .. }
            | Record::QueueChanged { .. }
            | Record::Received { .. }
            | Record::TaskChanged { .. }
            | Record::Relocated { .. } => {}
        }
    }

    fn create(&mut self, queue: QueueId, name: &str) {
        self.names.insert(queue, name.to_owned());
        self.books.entry(name.to_owned()).or_default().closed_at = None;
    }

    fn delete(&mut self, queue: QueueId) {
        let at = self.at;
        if let Some(book) = self.book(queue) {
            book.purge();
            book.closed_at = Some(at);
        }
        self.names.remove(&queue);
        let closed = self
            .books
            .iter()
            .filter_map(|(name, book)| Some((book.closed_at?, name)));
        if closed.clone().count() > CLOSED_BOOKS_MAX
            && let Some(name) = closed.min().map(|(_, name)| name.clone())
        {
            self.books.remove(&name);
        }
    }

    fn book(&mut self, queue: QueueId) -> Option<&mut Book> {
        self.books.get_mut(self.names.get(&queue)?)
    }

    /// Counts what is asked of a queue now.
    fn asked(&mut self, queue: QueueId, count: impl FnOnce(&mut Requests)) {
        let now = minute_of(self.at);
        if let Some(book) = self.book(queue) {
            book.asked(now, count);
        }
    }

    /// Messages that leave a queue for a state.
    fn each(&mut self, queue: QueueId, messages: &[Touched], book_as: fn(&mut Cell, u64)) {
        let now = minute_of(self.at);
        if let Some(book) = self.book(queue) {
            for message in messages {
                book.leave(now, message.sent_minute, message.lines, book_as);
            }
        }
    }

    fn move_all(&mut self, from: QueueId, to: QueueId, messages: &[Touched]) {
        self.each(from, messages, |cell, lines| cell.moved_out += lines);
        let now = minute_of(self.at);
        if let Some(book) = self.book(to) {
            for message in messages {
                book.take_in(now, message.sent_minute, message.lines);
            }
        }
    }

    fn settle(&mut self, queue: QueueId, settlement: &Settlement<'_>) {
        let now = minute_of(self.at);
        let minute = minute_of(settlement.sent_at);
        if let Some(book) = self.book(queue) {
            if settlement.lines_before == 0 {
                book.late += settlement.lines.len() as u64;
                return;
            }
            book.settle(now, minute, queue, settlement);
        }
        for carry in &settlement.carries {
            let accepted = minute_of(carry.message.sent_at);
            let cause = match carry.kind {
                // It goes on inside the same book.
                CarryKind::Retry if carry.queue == queue && accepted == minute => continue,
                CarryKind::Retry | CarryKind::Dead => Cause::MovedIn,
                CarryKind::Replayed => Cause::Replayed,
            };
            if let Some(book) = self.book(carry.queue) {
                book.accept(now, accepted, cause, carry.message.lines);
            }
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        for value in [
            VERSION,
            self.position.get(),
            self.at.as_millis(),
            self.sealed_up_to.get(),
        ] {
            put_varint(out, value);
        }
        put_varint(out, self.names.len() as u64);
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort();
        for (queue, name) in names {
            put_varint(out, u64::from(queue.0));
            put_bytes(out, name.as_bytes());
        }
        put_varint(out, self.books.len() as u64);
        for (name, book) in &self.books {
            put_bytes(out, name.as_bytes());
            book.put(out);
        }
        self.pauses.put(out);
        put_varint(out, self.lost.len() as u64);
        for (from, to) in &self.lost {
            put_varint(out, from.get());
            put_varint(out, to.get());
        }
        put_varint(out, self.failures_since.as_millis());
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let version = reader.varint()?;
        if !(VERSION_WITHOUT_FAILURES..=VERSION).contains(&version) {
            return Err(reader.malformed("the ledger has another version"));
        }
        let mut state = Self {
            position: Position::new(reader.varint()?),
            at: Timestamp::from_millis(reader.varint()?),
            sealed_up_to: Position::new(reader.varint()?),
            ..Self::default()
        };
        for _ in 0..reader.varint()? {
            let queue = QueueId(reader.varint_u32()?);
            state.names.insert(queue, reader.text()?.to_owned());
        }
        for _ in 0..reader.varint()? {
            let name = reader.text()?.to_owned();
            state.books.insert(name, Book::take(reader, version)?);
        }
        state.pauses = Pauses::take(reader)?;
        for _ in 0..reader.varint()? {
            state.lost.push((
                Position::new(reader.varint()?),
                Position::new(reader.varint()?),
            ));
        }
        state.failures_since = match version {
            VERSION_WITHOUT_FAILURES => state.at,
            _ => Timestamp::from_millis(reader.varint()?),
        };
        Ok(state)
    }
}
