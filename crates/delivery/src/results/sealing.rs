//! How sealing stands, for those who wait for it or are asked about it.

use std::collections::BTreeMap;
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
    /// What was written since somebody asked, by route.
    written: BTreeMap<String, Written>,
}

/// Objects that were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How many, each with what belongs to it.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
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

    pub(super) fn wrote(&self, route: &str, bytes: u64) {
        let mut stand = self.0.lock();
        let written = stand.written.entry(route.to_owned()).or_default();
        written.objects += 1;
        written.bytes += bytes;
    }

    /// What was written since the last call, by route as results name it.
    #[must_use]
    pub fn take_written(&self) -> BTreeMap<String, Written> {
        std::mem::take(&mut self.0.lock().written)
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
