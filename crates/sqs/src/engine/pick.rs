//! Which messages a receive takes, and in which order.
//!
//! FIFO: group by group, as many of each as may be, in order. Standard: in turns from the messages that are ready, the
//! cold ones, and the tenants one after the other, so that none of them waits for all of another.
//!
//! What has outlived its retention is no reason to stop: it is noted, to be taken out, and what lies behind it is looked at.

use std::collections::VecDeque;

use base::Timestamp;
use store::record::{MessageKey, QueueId, ReceivedMessage, Record, Touched, Was};

use super::hot::{Entry, Slot};
use super::state::QueueState;

/// How many dead letters one receive moves at most.
const DEAD_MAX: usize = 100;
/// How many messages that may not be received one receive looks past.
pub(super) const SKIPPED_MAX: usize = 1000;
/// How many messages that have outlived their retention one receive takes out at most.
pub(super) const EXPIRED_MAX: usize = 1000;

/// What a receive would take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picked {
    /// Messages that were met and have outlived their retention.
    pub(crate) expired: Vec<Touched>,
    /// Messages that were received too often and go to the dead-letter queue.
    pub(crate) dead: Vec<Touched>,
    pub(crate) messages: Vec<ReceivedMessage>,
}

impl Picked {
    /// The record that takes out what has expired; none when nothing has.
    pub(crate) fn expired_record(&mut self, queue: QueueId) -> Option<Record<'static>> {
        let messages = std::mem::take(&mut self.expired);
        (!messages.is_empty()).then_some(Record::Expired { queue, messages })
    }
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

    fn is_durable(&self, key: MessageKey) -> bool {
        key.0 < self.bounds.durable
    }

    /// Whether a message of these may be noted as expired, when it is; none may when they are many already.
    fn has_expired(&mut self, message: Touched, last_sec: u32) -> bool {
        let has_expired = last_sec <= self.expired;
        if has_expired && !self.is_sated() {
            self.picked.expired.push(message);
        }
        has_expired
    }

    /// Whether no more expired messages are noted.
    fn is_sated(&self) -> bool {
        self.picked.expired.len() >= EXPIRED_MAX
    }

    /// Whether a hot message may be received; notes it when it has expired.
    fn is_open(&mut self, entry: &Entry) -> bool {
        self.is_durable(entry.key) && !self.has_expired(entry.touched(), entry.sent_secs)
    }

    /// Takes a hot message, as dead letter when it was received too often.
    fn take(&mut self, entry: &Entry) {
        let message = entry.touched();
        let is_dead = self
            .bounds
            .dead_after
            .is_some_and(|max| self.state.receives_here(entry) >= max);
        if is_dead {
            if self.picked.dead.len() < DEAD_MAX {
                self.picked.dead.push(message);
            }
            return;
        }
        let was = match () {
            () if entry.comes_from_retry() => Was::Retry,
            () if entry.nonce > 0 || entry.receive_count > 0 => Was::Returned,
            () => Was::Fresh,
        };
        self.picked.messages.push(ReceivedMessage { message, was });
    }

    /// As many of each group as may be, group by group.
    fn fifo(&mut self) {
        let state = self.state;
        for group in state.groups.ring() {
            if group.locked > 0 {
                continue;
            }
            for (_, entry) in state.hot.walk(group.list) {
                if self.is_full() || self.is_sated() {
                    return;
                }
                // Nothing overtakes a message that is not durable yet.
                if !self.is_durable(entry.key) {
                    break;
                }
                if self.is_open(entry) {
                    self.take(entry);
                }
            }
        }
    }

    /// In turns from the ready messages, the cold ones and the tenants.
    fn standard(&mut self) {
        let state = self.state;
        let looked_at = self.bounds.max.saturating_add(SKIPPED_MAX + DEAD_MAX);
        let ready = state.hot.walk(state.ready).take(looked_at);
        let mut ready = ready.map(|(_, entry)| entry);
        let mut cold = state.cold.iter();
        let mut tenants = Tenants::new(state);
        let mut turn = state.turn % 3;
        let mut idle = 0;
        while idle < 3 && !self.is_full() {
            let found = match turn {
                0 => {
                    let open = ready.find(|entry| self.is_open(entry));
                    open.map(|entry| self.take(entry))
                }
                1 => {
                    let fresh = self.next_cold(&mut cold);
                    fresh.map(|fresh| self.picked.messages.push(fresh))
                }
                _ => tenants.next(self).map(|entry| self.take(entry)),
            };
            idle = if found.is_some() { 0 } else { idle + 1 };
            turn = (turn + 1) % 3;
        }
    }

    /// The next cold message that may be received.
    fn next_cold(
        &mut self,
        cold: &mut impl Iterator<Item = (MessageKey, u32)>,
    ) -> Option<ReceivedMessage> {
        while !self.is_sated() {
            let (key, sent_minute) = cold.next()?;
            // Those behind it are not durable either.
            if !self.is_durable(key) {
                return None;
            }
            let message = Touched {
                key,
                sent_minute,
                lines: 1,
            };
            // Only the journal knows the second; a minute that is not over is given, and looked at again by who reads it.
            if !self.has_expired(message, sent_minute * 60 + 59) {
                let was = Was::Fresh;
                return Some(ReceivedMessage { message, was });
            }
        }
        None
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

    fn next(&mut self, picking: &mut Picking<'_>) -> Option<&'s Entry> {
        while let Some(slot) = self.next_head() {
            let entry = self.state.hot.get(slot)?;
            let is_open = picking.is_open(entry);
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
