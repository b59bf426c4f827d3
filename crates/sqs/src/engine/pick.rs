//! Which messages a receive takes, and in which order.
//!
//! FIFO: group by group, as many of each as may be, in order. Standard: in turns from the messages that are ready, the
//! cold ones, and the tenants one after the other, so that none of them waits for all of another.

use std::collections::VecDeque;

use base::Timestamp;
use store::record::{ReceivedMessage, Touched, Was};

use super::hot::{Entry, Slot};
use super::state::QueueState;

/// How many dead letters one receive moves at most.
const DEAD_MAX: usize = 100;
/// How many messages that may not be received yet one receive looks past.
const SKIPPED_MAX: usize = 1000;

/// What a receive would take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picked {
    /// Messages that were received too often and go to the dead-letter queue.
    pub(crate) dead: Vec<Touched>,
    pub(crate) messages: Vec<ReceivedMessage>,
}

/// What bounds a receive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) at: Timestamp,
    /// Only messages before this are durable.
    pub(crate) durable: u64,
    pub(crate) max: usize,
    /// Messages received this often from this queue are dead letters.
    pub(crate) dead_after: Option<u32>,
}

impl QueueState {
    /// What a receive would take now. [`QueueState::advance`] must have run.
    pub(crate) fn pick(&self, bounds: Bounds) -> Picked {
        let mut picking = Picking {
            state: self,
            bounds,
            expired: self.expired_before(bounds.at),
            picked: Picked::default(),
        };
        if self.is_fifo() {
            picking.fifo()
        } else {
            picking.standard()
        }
        picking.picked
    }
}

/// One receive that looks for messages.
struct Picking<'s> {
    state: &'s QueueState,
    bounds: Bounds,
    expired: u32,
    picked: Picked,
}

impl Picking<'_> {
    fn is_full(&self) -> bool {
        self.picked.messages.len() >= self.bounds.max
    }

    fn may_take(&self, entry: &Entry) -> bool {
        entry.key.0 < self.bounds.durable && entry.sent_secs > self.expired
    }

    /// Takes a hot message, as dead letter when it was received too often; whether it counts as received.
    fn take(&mut self, entry: &Entry) -> bool {
        let message = entry.touched();
        let is_dead = self
            .bounds
            .dead_after
            .is_some_and(|max| self.state.receives_here(entry) >= max);
        if is_dead {
            if self.picked.dead.len() < DEAD_MAX {
                self.picked.dead.push(message);
            }
            return false;
        }
        let was = match () {
            () if entry.comes_from_retry() => Was::Retry,
            () if entry.nonce > 0 || entry.receive_count > 0 => Was::Returned,
            () => Was::Fresh,
        };
        self.picked.messages.push(ReceivedMessage { message, was });
        true
    }

    /// As many of each group as may be, group by group.
    fn fifo(&mut self) {
        let state = self.state;
        for group in state.groups.ring() {
            if group.locked > 0 {
                continue;
            }
            for (_, entry) in state.hot.walk(group.list) {
                if self.is_full() {
                    return;
                }
                // Nothing overtakes a message that may not be received yet.
                if !self.may_take(entry) {
                    break;
                }
                self.take(entry);
            }
        }
    }

    /// In turns from the ready messages, the cold ones and the tenants.
    fn standard(&mut self) {
        let state = self.state;
        let expired_minute = self.expired;
        let (bounds, expired) = (self.bounds, self.expired);
        let is_open =
            move |entry: &Entry| entry.key.0 < bounds.durable && entry.sent_secs > expired;
        let mut ready = state
            .hot
            .walk(state.ready)
            .take(self.bounds.max.saturating_add(SKIPPED_MAX + DEAD_MAX))
            .map(|(_, entry)| entry)
            .filter(|entry| is_open(entry));
        let mut cold = state.cold.iter().take_while(move |(key, minute)| {
            key.0 < bounds.durable && minute * 60 + 59 > expired_minute
        });
        let mut tenants = Tenants::new(state);
        let mut turn = state.turn % 3;
        let mut idle = 0;
        while idle < 3 && !self.is_full() {
            let found = match turn {
                0 => ready.next().map(|entry| self.take(entry)),
                1 => cold.next().map(|(key, sent_minute)| {
                    let message = Touched {
                        key,
                        sent_minute,
                        lines: 1,
                    };
                    self.picked.messages.push(ReceivedMessage {
                        message,
                        was: Was::Fresh,
                    });
                    true
                }),
                _ => tenants.next(&is_open).map(|entry| self.take(entry)),
            };
            idle = if found.is_some() { 0 } else { idle + 1 };
            turn = (turn + 1) % 3;
        }
    }
}

/// One message of each tenant a turn.
struct Tenants<'s> {
    state: &'s QueueState,
    /// How many of the ring have had their first turn.
    begun: usize,
    /// The next entry of each that had a turn.
    heads: VecDeque<Slot>,
    skipped: usize,
}

impl<'s> Tenants<'s> {
    fn new(state: &'s QueueState) -> Self {
        Self {
            state,
            begun: 0,
            heads: VecDeque::new(),
            skipped: 0,
        }
    }

    fn next(&mut self, is_open: &impl Fn(&Entry) -> bool) -> Option<&'s Entry> {
        while let Some(slot) = self.next_head() {
            let entry = self.state.hot.get(slot)?;
            let is_open = is_open(entry);
            match entry.next_in_list() {
                Some(next) if is_open => self.heads.push_back(next),
                // What lies behind may have come back and be older.
                Some(next) if self.skipped < SKIPPED_MAX => {
                    self.skipped += 1;
                    self.heads.push_front(next);
                }
                _ => {}
            }
            if is_open {
                return Some(entry);
            }
        }
        None
    }

    /// First each tenant once in the order of the ring, then again those that have more.
    fn next_head(&mut self) -> Option<Slot> {
        while let Some(group) = self.state.groups.in_ring_at(self.begun) {
            self.begun += 1;
            if let Some(head) = group.list.head() {
                return Some(head);
            }
        }
        self.heads.pop_front()
    }
}
