//! What a FIFO queue remembers for five minutes: deduplication ids and receive request attempts.

use std::collections::{HashMap, VecDeque};

use store::record::MessageKey;

/// How long: five minutes.
pub(crate) const REMEMBERED_MS: u64 = 300_000;

/// A fingerprint of an id, made with the journal's seed.
pub(crate) type Fingerprint = [u8; 16];

/// Values by fingerprint for five minutes from when they were put.
#[derive(Clone, Debug)]
pub(crate) struct Memory<T> {
    values: HashMap<Fingerprint, (u64, T), foldhash::fast::RandomState>,
    order: VecDeque<(u64, Fingerprint)>,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self {
            values: HashMap::default(),
            order: VecDeque::new(),
        }
    }
}

impl<T> Memory<T> {
    /// What was put under this fingerprint in the five minutes before `at`.
    pub(crate) fn get(&self, fingerprint: &Fingerprint, at: u64) -> Option<&T> {
        let (put_at, value) = self.values.get(fingerprint)?;
        (at < put_at.saturating_add(REMEMBERED_MS)).then_some(value)
    }

    /// Remembers a value and forgets what is too old. `at` never goes back.
    pub(crate) fn put(&mut self, fingerprint: Fingerprint, at: u64, value: T) {
        self.forget(at);
        self.values.insert(fingerprint, (at, value));
        self.order.push_back((at, fingerprint));
    }

    /// How much is held, what is too old and not forgotten yet included.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Forgets what is too old.
    pub(crate) fn forget(&mut self, at: u64) {
        while let Some((put_at, fingerprint)) = self.order.front().copied() {
            if at < put_at.saturating_add(REMEMBERED_MS) {
                return;
            }
            self.order.pop_front();
            // It may have been put again since.
            if self
                .values
                .get(&fingerprint)
                .is_some_and(|(latest, _)| *latest == put_at)
            {
                self.values.remove(&fingerprint);
            }
        }
    }

    /// Everything that is remembered, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Fingerprint, u64, &T)> {
        self.order.iter().filter_map(|(at, fingerprint)| {
            let (latest, value) = self.values.get(fingerprint)?;
            (latest == at).then_some((*fingerprint, *at, value))
        })
    }
}

/// What a receive request attempt gave: the messages and which receive of each it was.
pub(crate) type Attempt = Vec<(MessageKey, u16)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_remembered_for_five_minutes() {
        let mut memory = Memory::default();
        memory.put([1; 16], 1000, "a");
        assert_eq!(memory.get(&[1; 16], 300_999), Some(&"a"));
        assert_eq!(memory.get(&[1; 16], 301_000), None);
        memory.put([1; 16], 301_000, "b");
        memory.put([2; 16], 302_000, "c");
        assert_eq!(memory.get(&[1; 16], 600_999), Some(&"b"));
        assert_eq!(memory.iter().count(), 2);
        memory.forget(601_999);
        assert_eq!(
            memory
                .iter()
                .map(|(_, _, value)| *value)
                .collect::<Vec<_>>(),
            ["c"]
        );
    }
}
