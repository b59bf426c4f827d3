//! What receivers do to a message: take it, keep it longer, give it back, let it wait for a retry.

use base::Timestamp;
use store::record::{By, MessageKey, ReceivedMessage};

use super::dedup::Fingerprint;
use super::hot::{Entry, Slot, State};
use super::state::QueueState;

impl QueueState {
    /// Applies a receive; without messages it repeats what its attempt gave.
    pub(crate) fn receive_all(
        &mut self,
        at: Timestamp,
        until: Timestamp,
        by: By,
        attempt: Option<&Fingerprint>,
        messages: &[ReceivedMessage],
    ) {
        if let (Some(attempt), []) = (attempt, messages) {
            self.repeat(attempt, at, until);
            return;
        }
        self.turn = self.turn.wrapping_add(1);
        for each in messages {
            self.receive(each.message.key, at, until, by);
        }
        if let Some(attempt) = attempt {
            let given = messages.iter().filter_map(|each| {
                let slot = self.hot.find(each.message.key)?;
                Some((each.message.key, self.hot.get(slot)?.nonce))
            });
            let given = given.collect();
            self.attempts.put(*attempt, at.as_millis(), given);
        }
    }

    /// Applies a receive to one message.
    fn receive(&mut self, key: MessageKey, at: Timestamp, until: Timestamp, by: By) {
        let Some(slot) = self.detached(key) else {
            return;
        };
        let Some(entry) = self.hot.get_mut(slot) else {
            return;
        };
        let group = entry.group;
        entry.receive_count = entry.receive_count.saturating_add(1);
        entry.nonce = entry.nonce.wrapping_add(1);
        let is_first = entry.first_received().is_none();
        if is_first {
            entry.set_first_received(Some(at));
        }
        entry.mark_retry(false);
        entry.mark_changed(false);
        entry.mark_receiver(by);
        entry.set_state(State::InFlight);
        entry.set_until(until.as_millis());
        self.attach(slot);
        if !is_first {
            self.keep_received(slot, Some(at));
        }
        if group != 0 && !self.is_fifo() {
            self.groups.rotate(group);
        }
    }

    /// Notes again when a message was received, for as long as it is in flight.
    fn keep_received(&mut self, slot: Slot, at: Option<Timestamp>) {
        let entry = self.hot.get(slot);
        let in_flight = entry.filter(|entry| entry.state() == State::InFlight);
        if let (Some(entry), Some(at)) = (in_flight, at) {
            self.again.insert(entry.key, at);
        }
    }

    /// When a message in flight was received.
    pub(crate) fn received_at(&self, entry: &Entry) -> Timestamp {
        let again = self.again.get(&entry.key).copied();
        again.or(entry.first_received()).unwrap_or_default()
    }

    /// Applies another visibility to a message in flight.
    pub(crate) fn set_visibility(&mut self, key: MessageKey, until: Timestamp) {
        self.change(key, |entry| {
            entry.set_state(State::InFlight);
            entry.mark_changed(true);
            entry.set_until(until.as_millis());
        });
    }

    /// Applies the repetition of a receive request attempt: what it gave is held until another time.
    fn repeat(&mut self, attempt: &Fingerprint, at: Timestamp, until: Timestamp) {
        let given = self.attempts.get(attempt, at.as_millis());
        for (key, _) in given.cloned().unwrap_or_default() {
            self.change(key, |entry| entry.set_until(until.as_millis()));
        }
    }

    /// Applies a release: visible at once, the receive does not count, and its handle is spent.
    pub(crate) fn release(&mut self, key: MessageKey) {
        self.change(key, |entry| {
            entry.receive_count = entry.receive_count.saturating_sub(1);
            entry.nonce = entry.nonce.wrapping_add(1);
            if entry.receive_count == 0 {
                entry.set_first_received(None);
            }
            entry.set_state(State::Ready);
        });
    }

    /// Applies a wait for a retry; the handle of the receive is spent. `rests`: until its destination goes on, at most.
    pub(crate) fn retry_at(
        &mut self,
        key: MessageKey,
        at: Timestamp,
        attempt: u32,
        lines: Option<u32>,
        rests: bool,
    ) {
        self.change(key, |entry| {
            entry.mark_rest(rests);
            entry.attempt = u16::try_from(attempt).unwrap_or(u16::MAX);
            entry.nonce = entry.nonce.wrapping_add(1);
            entry.lines = lines.unwrap_or(entry.lines);
            entry.set_state(State::Retry);
            entry.set_until(at.as_millis());
        });
    }

    /// A message that was carried on waits until its destination goes on, at most.
    pub(crate) fn mark_rest(&mut self, key: MessageKey, rests: bool) {
        let slot = self.hot.find(key).filter(|_| rests);
        if let Some(entry) = slot.and_then(|slot| self.hot.get_mut(slot)) {
            entry.mark_rest(true);
        }
    }

    /// Makes due what waits because its destination rests.
    pub(crate) fn end_rests(&mut self) {
        let resting = self.hot.iter().filter(|(_, entry)| entry.rests());
        let mut keys: Vec<MessageKey> = resting.map(|(_, entry)| entry.key).collect();
        keys.sort_unstable();
        for key in keys {
            self.change(key, |entry| {
                entry.mark_rest(false);
                entry.mark_retry(true);
                entry.set_state(State::Ready);
            });
        }
    }

    /// Makes due what waits for a retry, before its time: those waits alone that are still the same, by their nonces. Answers how many
    /// those were.
    ///
    /// No record says so, as none does when time passes: after a crash they come at the time that was recorded.
    pub(crate) fn hasten(&mut self, waits: &[(MessageKey, u16)]) -> usize {
        let mut count = 0;
        for (key, nonce) in waits {
            let entry = self.hot.find(*key).and_then(|slot| self.hot.get(slot));
            let waits = |entry: &&Entry| entry.state() == State::Retry && entry.nonce == *nonce;
            if entry.filter(waits).is_none() {
                continue;
            }
            count += 1;
            self.change(*key, |entry| {
                entry.mark_rest(false);
                entry.mark_retry(true);
                entry.set_state(State::Ready);
            });
        }
        count
    }

    pub(super) fn change(&mut self, key: MessageKey, change: impl FnOnce(&mut Entry)) {
        let received = self.again.get(&key).copied();
        let Some(slot) = self.detached(key) else {
            return;
        };
        if let Some(entry) = self.hot.get_mut(slot) {
            change(entry);
        }
        self.attach(slot);
        self.keep_received(slot, received);
    }
}
