//! Messages that are gathered until they make a batch; pure.
//!
//! A batch goes when it is full, when its window has passed since its first message, or when the next message would make the event
//! larger than an invocation may be. Source: Lambda Developer Guide, "Batching behavior".

use std::time::Duration;

use base::Timestamp;

use super::engine::Wanted;
use super::event::Record;

/// Most bytes of an event: 6 MB, less what stands around the records. Source: Lambda quotas, "Invocation payload".
pub(super) const BYTES_MAX: usize = 6 * 1024 * 1024 - 1024;
/// Messages of one receive. Source: SQS API Reference, ReceiveMessage.
const RECEIVE_MAX: usize = 10;
/// How long is waited for a first message. Source: as above, `WaitTimeSeconds`.
const WAIT: Duration = Duration::from_secs(20);

/// What makes a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    size: usize,
    window: Duration,
}

impl Bounds {
    pub(super) fn of(wanted: &Wanted) -> Self {
        Self {
            size: usize::try_from(wanted.batch_size)
                .unwrap_or(usize::MAX)
                .max(1),
            window: Duration::from_secs(wanted.window_secs.into()),
        }
    }
}

/// What has been gathered, in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Batch {
    records: Vec<Record>,
    bytes: usize,
    first: Option<Timestamp>,
}

impl Batch {
    /// How many messages are asked for next.
    pub(super) fn room(&self, bounds: Bounds) -> u32 {
        let room = bounds.size.saturating_sub(self.records.len());
        u32::try_from(room.clamp(1, RECEIVE_MAX)).unwrap_or(1)
    }

    /// For how long is waited for them.
    pub(super) fn wait(&self, bounds: Bounds, now: Timestamp) -> Duration {
        let left = self.first.map(|first| first.plus(bounds.window).since(now));
        left.unwrap_or(WAIT).min(WAIT)
    }

    pub(super) fn add(&mut self, now: Timestamp, record: Record) {
        self.first.get_or_insert(now);
        self.bytes += record.json.len();
        self.records.push(record);
    }

    /// Whether it goes.
    pub(super) fn is_ready(&self, bounds: Bounds, now: Timestamp) -> bool {
        self.records.len() >= bounds.size
            || self.bytes >= BYTES_MAX
            || self
                .first
                .is_some_and(|first| now >= first.plus(bounds.window))
    }

    /// What goes together; what does not fit stays and goes next.
    pub(super) fn take(&mut self, bounds: Bounds) -> Vec<Record> {
        let (mut count, mut bytes) = (0, 0);
        for record in self.records.iter().take(bounds.size) {
            bytes += record.json.len() + 1;
            if bytes > BYTES_MAX && count > 0 {
                break;
            }
            count += 1;
        }
        let taken: Vec<_> = self.records.drain(..count).collect();
        self.bytes = self.records.iter().map(|record| record.json.len()).sum();
        if self.records.is_empty() {
            self.first = None;
        }
        taken
    }

    /// All that has been gathered.
    pub(super) fn take_all(&mut self) -> Vec<Record> {
        (self.bytes, self.first) = (0, None);
        std::mem::take(&mut self.records)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(id: usize, bytes: usize) -> Record {
        Record {
            id: id.to_string(),
            receipt: id.to_string(),
            json: "x".repeat(bytes),
        }
    }

    fn bounds(size: usize, window_secs: u64) -> Bounds {
        Bounds {
            size,
            window: Duration::from_secs(window_secs),
        }
    }

    fn secs(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn without_a_window_what_has_come_goes() {
        let (mut batch, bounds) = (Batch::default(), bounds(10, 0));
        assert!(!batch.is_ready(bounds, secs(0)));
        assert_eq!(
            (batch.room(bounds), batch.wait(bounds, secs(0))),
            (10, WAIT)
        );
        batch.add(secs(5), record(1, 1));
        assert!(batch.is_ready(bounds, secs(5)));
        assert_eq!(batch.take(bounds).len(), 1);
        assert!(!batch.is_ready(bounds, secs(6)));
    }

    #[test]
    fn a_window_is_counted_from_the_first_message() {
        let (mut batch, bounds) = (Batch::default(), bounds(25, 30));
        batch.add(secs(100), record(1, 1));
        assert!(!batch.is_ready(bounds, secs(129)));
        assert_eq!(batch.wait(bounds, secs(129)), Duration::from_secs(1));
        assert!(batch.is_ready(bounds, secs(130)));
        (2..=20).for_each(|id| batch.add(secs(101), record(id, 1)));
        assert_eq!(batch.room(bounds), 5);
        (21..=25).for_each(|id| batch.add(secs(101), record(id, 1)));
        assert!(batch.is_ready(bounds, secs(101)));
    }

    proptest! {
        #[test]
        fn batches_keep_order_and_bounds(sizes in prop::collection::vec(1_usize..2_000_000, 1..30), size in 1_usize..12) {
            let (mut batch, bounds) = (Batch::default(), bounds(size, 0));
            for (id, bytes) in sizes.iter().enumerate() {
                batch.add(secs(0), record(id, *bytes));
            }
            let mut ids = Vec::new();
            while batch.is_ready(bounds, secs(0)) {
                let taken = batch.take(bounds);
                let bytes: usize = taken.iter().map(|record| record.json.len() + 1).sum();
                prop_assert!(!taken.is_empty() && taken.len() <= size && bytes <= BYTES_MAX);
                ids.extend(taken.into_iter().map(|record| record.id));
            }
            prop_assert_eq!(ids, (0..sizes.len()).map(|id| id.to_string()).collect::<Vec<_>>());
        }
    }
}
