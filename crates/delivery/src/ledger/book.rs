//! The book of one queue.

use std::collections::BTreeMap;

use base::Timestamp;
use store::record::codec::{Malformed, Reader, put_bytes, put_signed, put_varint};

use super::cell::{Cell, Outcomes, Tally};
use super::failures::{FailureDays, Failures};
use super::history::History;
use super::requests::Requests;
use super::{
    CarryKind, LineState, Next, QueueId, Settlement, VERSION_WITHOUT_FAILURES,
    VERSION_WITHOUT_REQUESTS, minute_of,
};
use store::record::Cause;

/// Destinations with a line of their own; the rest share [`OTHER`].
pub const DESTINATIONS_MAX: usize = 1000;

/// The name of the rest.
pub const OTHER: &str = "(other)";

/// Single minutes that one destination keeps; older ones go into hours early when there are many destinations.
const DESTINATION_MINUTES: usize = 200_000;

/// The counts of a queue of one name; a queue made again under that name goes on in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    /// All there ever was.
    pub total: Cell,
    /// The same by time of acceptance.
    pub history: History<Cell>,
    /// What was asked of it, by the time of asking.
    pub requests: History<Requests>,
    /// What the destinations' notifications came to.
    pub destinations: BTreeMap<String, Destination>,
    /// Messages in the queue, whatever they wait for; to be compared with the engine.
    pub open_messages: i64,
    /// Results of lost leases, booked nowhere else.
    pub late: u64,
    /// When the queue was deleted.
    pub closed_at: Option<Timestamp>,
    /// The minute that the histories were rolled to.
    rolled_to: u32,
}

/// The counts of one destination.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Destination {
    /// All there ever was.
    pub total: Outcomes,
    /// The same by time of acceptance.
    pub history: History<Outcomes>,
    /// Why those that are dead failed, by day of acceptance.
    pub failures: FailureDays,
}

impl Book {
    fn roll(&mut self, now: u32) {
        if now <= self.rolled_to {
            return;
        }
        self.rolled_to = now;
        self.history.roll(now);
        self.requests.roll(now);
        let minutes_each = DESTINATION_MINUTES / self.destinations.len().max(1);
        for destination in self.destinations.values_mut() {
            destination.history.roll(now);
            destination.history.shorten(minutes_each);
        }
    }

    fn change(&mut self, minute: u32, change: impl Fn(&mut Cell)) {
        change(&mut self.total);
        change(self.history.at(minute));
    }

    /// Counts what is asked now.
    pub(super) fn asked(&mut self, now: u32, count: impl FnOnce(&mut Requests)) {
        self.roll(now);
        count(self.requests.at(now));
    }

    /// A message enters.
    pub(super) fn accept(&mut self, now: u32, minute: u32, cause: Cause, lines: u32) {
        self.roll(now);
        let lines = u64::from(lines);
        self.change(minute, |cell| {
            match cause {
                Cause::Sent => cell.sent += lines,
                Cause::MovedIn => cell.moved_in += lines,
                Cause::Replayed => cell.replayed += lines,
            }
            cell.open += lines.cast_signed();
        });
        self.open_messages += 1;
    }

    /// A message enters from another queue or book.
    pub(super) fn take_in(&mut self, now: u32, minute: u32, lines: u32) {
        self.accept(now, minute, Cause::MovedIn, lines);
    }

    /// A message leaves for another state.
    pub(super) fn leave(&mut self, now: u32, minute: u32, lines: u32, book_as: fn(&mut Cell, u64)) {
        self.roll(now);
        let lines = u64::from(lines);
        self.change(minute, |cell| {
            book_as(cell, lines);
            cell.open -= lines.cast_signed();
        });
        self.open_messages -= 1;
    }

    /// Everything leaves.
    pub(super) fn purge(&mut self) {
        let purge = |cell: &mut Cell| {
            cell.purged += cell.open.max(0).unsigned_abs();
            cell.open -= cell.open.max(0);
        };
        purge(&mut self.total);
        self.history.each(purge);
        self.open_messages = 0;
    }

    /// A message was settled; what it carries elsewhere is booked there by the caller.
    pub(super) fn settle(
        &mut self,
        now: u32,
        minute: u32,
        queue: QueueId,
        settlement: &Settlement<'_>,
    ) {
        self.roll(now);
        let ends = matches!(settlement.next, Next::Gone);
        let mut settled = Cell::default();
        for line in &settlement.lines {
            let state = line.state;
            let outcome: fn(&mut Outcomes) = match state {
                LineState::Delivered if ends => |outcomes| outcomes.delivered += 1,
                LineState::Dead if ends => |outcomes| outcomes.dead += 1,
                LineState::Expired if ends => |outcomes| outcomes.expired += 1,
                LineState::Retry => |outcomes| outcomes.retries += 1,
                _ => continue,
            };
            match state {
                LineState::Delivered => settled.delivered += 1,
                LineState::Dead => settled.dead += 1,
                LineState::Expired => settled.expired += 1,
                LineState::Retry | LineState::Later | LineState::Paused => {}
            }
            let destination = self.outcome(line.destination, minute, outcome);
            if let Some(destination) = destination.filter(|_| ends && state == LineState::Dead) {
                destination.failures.add(minute, &Failures::of(line.result));
            }
        }
        let lines = settlement.lines.len() as i64;
        settled.corrected = lines - i64::from(settlement.lines_before);
        settled.open = settled.corrected;
        if ends {
            self.end(&mut settled, lines, minute, queue, settlement);
        }
        self.change(minute, |cell| cell.merge(&settled));
    }

    /// Books that the message is gone and which of its lines stay in this book.
    fn end(
        &mut self,
        settled: &mut Cell,
        lines: i64,
        minute: u32,
        queue: QueueId,
        settlement: &Settlement<'_>,
    ) {
        self.open_messages -= 1;
        let (mut stay, mut move_out) = (0, 0);
        for carry in settlement
            .carries
            .iter()
            .filter(|carry| carry.kind != CarryKind::Dead)
        {
            let carried = i64::from(carry.message.lines);
            let goes_on = carry.kind == CarryKind::Retry && carry.queue == queue;
            if goes_on && minute_of(carry.message.sent_at) == minute {
                stay += carried;
                self.open_messages += 1;
            } else {
                move_out += carried;
            }
        }
        let ended = (settled.delivered + settled.dead + settled.expired).cast_signed();
        settled.moved_out = move_out.unsigned_abs();
        settled.lost = lines - ended - stay - move_out;
        settled.open = stay - i64::from(settlement.lines_before);
    }

    /// Books what a line of a destination came to; where it was booked.
    fn outcome(
        &mut self,
        name: &str,
        minute: u32,
        book_as: fn(&mut Outcomes),
    ) -> Option<&mut Destination> {
        // The name is copied the first time only.
        let is_known = self.destinations.contains_key(name);
        let name = if is_known || self.destinations.len() < DESTINATIONS_MAX {
            name
        } else {
            OTHER
        };
        if !self.destinations.contains_key(name) {
            let mut destination = Destination::default();
            destination.history.roll(self.rolled_to);
            self.destinations.insert(name.to_owned(), destination);
        }
        let destination = self.destinations.get_mut(name)?;
        book_as(&mut destination.total);
        book_as(destination.history.at(minute));
        Some(destination)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        self.total.put(out);
        self.history.put(out);
        put_varint(out, self.destinations.len() as u64);
        for (name, destination) in &self.destinations {
            put_bytes(out, name.as_bytes());
            destination.total.put(out);
            destination.history.put(out);
            destination.failures.put(out);
        }
        put_signed(out, self.open_messages);
        put_varint(out, self.late);
        put_varint(out, self.closed_at.map_or(0, |at| at.as_millis() + 1));
        put_varint(out, u64::from(self.rolled_to));
        self.requests.put(out);
    }

    pub(super) fn take(reader: &mut Reader<'_>, version: u64) -> Result<Self, Malformed> {
        let mut book = Self {
            total: Cell::take(reader)?,
            history: History::take(reader)?,
            ..Self::default()
        };
        for _ in 0..reader.varint()? {
            let name = reader.text()?.to_owned();
            let total = Outcomes::take(reader)?;
            book.destinations.insert(
                name,
                Destination {
                    total,
                    history: History::take(reader)?,
                    failures: match version {
                        VERSION_WITHOUT_FAILURES => FailureDays::default(),
                        _ => FailureDays::take(reader)?,
                    },
                },
            );
        }
        book.open_messages = reader.signed()?;
        book.late = reader.varint()?;
        book.closed_at = reader.varint()?.checked_sub(1).map(Timestamp::from_millis);
        book.rolled_to = reader.varint_u32()?;
        if version > VERSION_WITHOUT_REQUESTS {
            book.requests = History::take(reader)?;
        }
        Ok(book)
    }
}
