//! Whether the ledger balances, asked now and then, so that a drift raises an alarm without anybody asking.
//!
//! Compared is what is at hand: the sums of all states and the counts of the queues, at one position of the journal, and
//! what the journal could not read. The stored results are compared by `shukuba ledger` alone, which reads them.

use std::time::Duration;

use delivery::ledger::balance::{Drift, drifts_at_hand};
use parking_lot::Mutex;

use super::log::Log;

/// How often it is asked. Chosen: soon enough for an alarm, and its cost does not show.
pub(super) const EVERY: Duration = Duration::from_secs(60);

/// How many drifts there were when it was asked last.
#[derive(Debug, Default)]
pub(super) struct Drifts(Mutex<Option<usize>>);

impl Drifts {
    /// How many there were; `None` before it was asked.
    pub(super) fn known(&self) -> Option<usize> {
        *self.0.lock()
    }

    /// Asks, and logs when it turns.
    pub(super) async fn ask(&self, log: &Log) {
        let (mut drifts, is_whole) = drifts_at_hand(&log.ledger, log).await;
        let unreadable = log.queues.journal().unreadable();
        drifts.extend(unreadable.into_iter().map(|place| Drift::Unreadable {
            file: place.file,
            offset: place.offset,
        }));
        let before = {
            let mut known = self.0.lock();
            let before = *known;
            // What was found by a whole comparison is not taken back by less.
            if is_whole || !drifts.is_empty() || before.is_none() {
                *known = Some(drifts.len());
            }
            before
        };
        match (before.unwrap_or(0), drifts.first()) {
            (0, Some(first)) => {
                let count = drifts.len();
                tracing::warn!(drifts = count, %first, "the ledger does not balance: see `shukuba ledger`");
            }
            (1.., None) if is_whole => tracing::info!("the ledger balances again"),
            _ => {}
        }
    }
}
