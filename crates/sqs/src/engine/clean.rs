//! Which messages lie in a stretch of the log: the cleaner copies those that keep an old segment alive, and what lay in
//! a stretch that was cut out is lost.

use std::ops::Range;

use store::record::{QueueId, Touched};

use super::Engine;

/// A message that lies in a stretch of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resident {
    pub(crate) queue: QueueId,
    pub(crate) message: Touched,
    pub(crate) location: u64,
}

impl Engine {
    /// The first `max` messages whose entry begins in `log`.
    pub(crate) fn residents(&self, log: Range<u64>, max: usize) -> Vec<Resident> {
        let all = self.queues.values().flat_map(|queue| {
            let runs = queue.cold.runs().filter(|run| run.overlaps(&log));
            let cold = runs.flat_map(|run| {
                run.keys().map(|key| Touched {
                    key,
                    sent_minute: run.minute(),
                    lines: 1,
                })
            });
            let hot = queue.hot.iter().map(|(_, entry)| entry.touched());
            cold.chain(hot).map(|message| Resident {
                queue: queue.id,
                message,
                location: queue.location(message.key),
            })
        });
        all.filter(|resident| log.contains(&resident.location))
            .take(max)
            .collect()
    }
}
