//! How sealing stands, for those who wait for it or are asked about it.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Shared between the sealer and those who look.
#[derive(Debug, Default)]
pub struct Sealing(Mutex<Stand>);

#[derive(Debug, Default)]
struct Stand {
    /// The rounds that were begun, and the last that sealed all it found.
    begun: u64,
    done: u64,
    failing: Option<Failing>,
}

/// Results cannot be stored now; they wait in the journal.
#[derive(Clone, Debug)]
pub struct Failing {
    /// For how long.
    pub lasts: Duration,
    /// The last error.
    pub error: String,
    since: Instant,
    round: u64,
}

/// A round of sealing that begins after somebody asked: all that was durable then is sealed with it.
#[derive(Clone, Copy, Debug)]
pub struct Round(u64);

impl Sealing {
    pub(super) fn begin(&self) {
        self.0.lock().begun += 1;
    }

    pub(super) fn done(&self) {
        let mut stand = self.0.lock();
        stand.done = stand.begun;
        stand.failing = None;
    }

    pub(super) fn failed(&self, error: String) {
        let mut stand = self.0.lock();
        let now = Instant::now();
        stand.failing = Some(Failing {
            lasts: Duration::ZERO,
            error,
            since: stand.failing.as_ref().map_or(now, |known| known.since),
            round: stand.begun,
        });
    }

    /// Since when, and why, results are not stored.
    #[must_use]
    pub fn failing(&self) -> Option<Failing> {
        let failing = self.0.lock().failing.clone()?;
        Some(Failing {
            lasts: failing.since.elapsed(),
            ..failing
        })
    }

    /// The next round.
    #[must_use]
    pub fn next_round(&self) -> Round {
        Round(self.0.lock().begun + 1)
    }

    /// Whether `round` is over, and how.
    #[must_use]
    pub fn outcome(&self, round: Round) -> Option<Result<(), Failing>> {
        let stand = self.0.lock();
        if stand.done >= round.0 {
            return Some(Ok(()));
        }
        let failing = stand.failing.clone()?;
        (failing.round >= round.0).then_some(Err(failing))
    }
}
