//! Cold messages: standard, never received, not delayed, without group, one notification each. Four bytes a message.
//!
//! They lie in runs, each of one minute and at most 4,096 messages, as offsets from the run's first. Receiving takes
//! from the front; whatever else takes a message leaves a gap ([`GONE`]) that is skipped later.

use std::collections::VecDeque;
use std::sync::Arc;

use store::record::MessageKey;

/// Most messages of a run: a copy of one for a snapshot in progress costs at most 16 KiB.
const RUN_MESSAGES_MAX: usize = 4096;
/// Marks an offset whose message has left. Offsets stay below it.
const GONE: u32 = 1 << 31;

/// Messages of one minute, in the order of keys.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    base: u64,
    minute: u32,
    /// How many at the front have left.
    head: u32,
    /// Shared with snapshots that are being written.
    offsets: Arc<Vec<u32>>,
}

/// The cold messages of a queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cold {
    runs: VecDeque<Run>,
    len: u64,
}

impl Run {
    fn new(key: MessageKey, minute: u32) -> Self {
        Self {
            base: key.0,
            minute,
            head: 0,
            offsets: Arc::default(),
        }
    }

    fn takes(&self, key: MessageKey, minute: u32) -> bool {
        let fits = key
            .0
            .checked_sub(self.base)
            .is_some_and(|offset| offset < u64::from(GONE));
        fits && minute == self.minute && self.offsets.len() < RUN_MESSAGES_MAX
    }

    fn remaining(&self) -> &[u32] {
        self.offsets.get(self.head as usize..).unwrap_or_default()
    }

    /// The messages that are there.
    pub(crate) fn keys(&self) -> impl Iterator<Item = MessageKey> + '_ {
        let live = self
            .remaining()
            .iter()
            .filter(|offset| **offset & GONE == 0);
        live.map(|offset| MessageKey(self.base + u64::from(*offset)))
    }

    /// Whether messages may begin in a stretch of log.
    pub(crate) fn overlaps(&self, log: &std::ops::Range<u64>) -> bool {
        let last = self.base + u64::from(self.offsets.last().map_or(0, |offset| offset & !GONE));
        self.base < log.end && last >= log.start
    }

    /// The minute in which they were sent.
    pub(crate) fn minute(&self) -> u32 {
        self.minute
    }

    /// Drops the gaps at the front; whether nothing is left.
    fn skip_gaps(&mut self) -> bool {
        let gaps = self
            .remaining()
            .iter()
            .take_while(|offset| **offset & GONE != 0)
            .count();
        self.head += gaps as u32;
        self.remaining().is_empty()
    }
}

impl Cold {
    /// How many messages there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Adds a message behind all others; `false` when its key is not larger than theirs.
    pub(crate) fn push(&mut self, key: MessageKey, minute: u32) -> bool {
        if self.last_key().is_some_and(|last| last >= key) {
            return false;
        }
        if !self.runs.back().is_some_and(|run| run.takes(key, minute)) {
            if let Some(full) = self
                .runs
                .back_mut()
                .and_then(|run| Arc::get_mut(&mut run.offsets))
            {
                full.shrink_to_fit();
            }
            self.runs.push_back(Run::new(key, minute));
        }
        if let Some(run) = self.runs.back_mut() {
            let offset = u32::try_from(key.0 - run.base).unwrap_or(GONE - 1);
            Arc::make_mut(&mut run.offsets).push(offset);
            self.len += 1;
        }
        true
    }

    fn last_key(&self) -> Option<MessageKey> {
        let run = self.runs.back()?;
        let last = run.offsets.last()?;
        Some(MessageKey(run.base + u64::from(*last & !GONE)))
    }

    /// The messages with their minutes, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (MessageKey, u32)> + '_ {
        self.runs
            .iter()
            .flat_map(|run| run.keys().map(|key| (key, run.minute)))
    }

    /// The first `max` messages whose key is not below `from`.
    pub(crate) fn from(
        &self,
        from: MessageKey,
        max: usize,
    ) -> impl Iterator<Item = MessageKey> + '_ {
        let first = self.runs.partition_point(|run| run.base <= from.0);
        let runs = self.runs.iter().skip(first.saturating_sub(1));
        runs.flat_map(Run::keys)
            .skip_while(move |key| *key < from)
            .take(max)
    }

    /// The runs, oldest first.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter()
    }

    /// The minute of a message, or `None` when it is not here.
    pub(crate) fn minute_of(&self, key: MessageKey) -> Option<u32> {
        let run = self.runs.get(
            self.runs
                .partition_point(|run| run.base <= key.0)
                .checked_sub(1)?,
        )?;
        let offset = u32::try_from(key.0 - run.base).ok()?;
        let index = run
            .remaining()
            .binary_search_by_key(&offset, |offset| offset & !GONE)
            .ok()?;
        (run.remaining().get(index)? & GONE == 0).then_some(run.minute)
    }

    /// Takes one message out; its minute, or `None` when it is not here.
    pub(crate) fn take(&mut self, key: MessageKey) -> Option<u32> {
        let at = self
            .runs
            .partition_point(|run| run.base <= key.0)
            .checked_sub(1)?;
        let run = self.runs.get_mut(at)?;
        let offset = u32::try_from(key.0 - run.base).ok()?;
        // The front is what receives take; all else is rare.
        let index = match run.remaining().first() {
            Some(first) if *first == offset => run.head as usize,
            _ => {
                run.head as usize
                    + run
                        .remaining()
                        .binary_search_by_key(&offset, |offset| offset & !GONE)
                        .ok()?
            }
        };
        if run.offsets.get(index)? & GONE != 0 {
            return None;
        }
        let minute = run.minute;
        if index == run.head as usize {
            run.head += 1;
        } else if let Some(offset) = Arc::make_mut(&mut run.offsets).get_mut(index) {
            *offset |= GONE;
        }
        self.len -= 1;
        if run.skip_gaps() {
            self.runs.remove(at);
        }
        Some(minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(cold: &Cold) -> Vec<u64> {
        cold.iter().map(|(key, _)| key.0).collect()
    }

    #[test]
    fn messages_come_in_order_and_leave_from_anywhere() {
        let mut cold = Cold::default();
        for key in 0..10_000u64 {
            assert!(cold.push(MessageKey(1000 + key * 300), (key / 6000) as u32));
        }
        assert!(!cold.push(MessageKey(1000), 9));
        assert_eq!(cold.runs.len(), 3);
        assert_eq!(cold.take(MessageKey(1000)), Some(0));
        assert_eq!(cold.take(MessageKey(1000)), None);
        assert_eq!(cold.take(MessageKey(1001)), None);
        assert_eq!(cold.take(MessageKey(1600)), Some(0));
        assert_eq!(cold.take(MessageKey(1600)), None);
        assert_eq!(keys(&cold)[..2], [1300, 1900]);
        assert_eq!(cold.take(MessageKey(1000 + 9999 * 300)), Some(1));
        assert_eq!((cold.len(), keys(&cold).len()), (9997, 9997));
        for key in keys(&cold) {
            assert!(cold.take(MessageKey(key)).is_some());
        }
        assert_eq!((cold.len(), cold.runs.len()), (0, 0));
    }

    #[test]
    fn a_walk_goes_on_from_any_key() {
        let mut cold = Cold::default();
        for key in 0..9000u64 {
            cold.push(MessageKey(1000 + key * 300), (key / 6000) as u32);
        }
        cold.take(MessageKey(1300));
        let mut walked = Vec::new();
        let mut from = MessageKey(0);
        loop {
            let slice: Vec<MessageKey> = cold.from(from, 700).collect();
            let Some(last) = slice.last() else { break };
            from = MessageKey(last.0 + 1);
            walked.extend(slice.iter().map(|key| key.0));
        }
        assert_eq!(walked, keys(&cold));
        assert_eq!(
            cold.from(MessageKey(1001), 1).next(),
            Some(MessageKey(1600))
        );
    }

    #[test]
    fn a_copy_does_not_change_with_the_original() {
        let mut cold = Cold::default();
        for key in 1..=5 {
            cold.push(MessageKey(key), 0);
        }
        let copy = cold.clone();
        cold.take(MessageKey(3));
        cold.push(MessageKey(6), 0);
        assert_eq!(
            (keys(&copy), keys(&cold)),
            (vec![1, 2, 3, 4, 5], vec![1, 2, 4, 5, 6])
        );
    }
}
