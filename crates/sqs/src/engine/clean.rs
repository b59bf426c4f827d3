//! Which messages keep an old segment alive, so that the cleaner can copy them to the head of the journal.

use std::ops::Range;

use store::record::{MessageKey, QueueId};

use super::Engine;

/// A message that lies in a stretch of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resident {
    pub(crate) queue: QueueId,
    pub(crate) key: MessageKey,
    pub(crate) location: u64,
}

impl Engine {
    /// The first `max` messages whose entry begins in `log`.
    pub(crate) fn residents(&self, log: Range<u64>, max: usize) -> Vec<Resident> {
        let all = self.queues.values().flat_map(|queue| {
            let cold = queue
                .cold
                .runs()
                .filter(|run| run.overlaps(&log))
                .flat_map(|run| run.keys());
            let hot = queue.hot.iter().map(|(_, entry)| entry.key);
            cold.chain(hot).map(|key| Resident {
                queue: queue.id,
                key,
                location: queue.location(key),
            })
        });
        all.filter(|resident| log.contains(&resident.location))
            .take(max)
            .collect()
    }
}
