//! What goes in and out of the dispatcher.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base::{HISTOGRAM_BOUNDS, Timestamp};

use crate::allot::Allotments;
use crate::apportion::Parts;
use crate::config::DestinationRules;
use crate::places::Places;
use crate::port::{Ask, FailureClass, Lease, Notification, Outcome};
use crate::recall::Answering;
use crate::share::Share;

/// Now, on both clocks: the wall's for what is stored, the monotonic one for what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of day.
    pub wall: Timestamp,
    /// Monotonic time.
    pub mono: Duration,
}

impl Moment {
    /// The time of day that is `span` later.
    #[must_use]
    pub fn wall_after(self, span: Duration) -> Timestamp {
        self.wall.plus(span)
    }

    /// How long until `at` of the wall; zero when it is over.
    #[must_use]
    pub fn until(self, at: Timestamp) -> Duration {
        at.since(self.wall)
    }
}

/// A message that the dispatcher holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// A line of a message that the dispatcher holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobKey {
    pub(super) message: MessageKey,
    pub(super) line: u32,
}

/// A send to be started; its end is told by `Dispatcher::finished`.
#[derive(Clone, Debug)]
pub struct Send {
    /// Which line.
    pub job: JobKey,
    /// What to send.
    pub notification: Arc<Notification>,
    /// By which rules.
    pub rules: Arc<DestinationRules>,
    /// How long it may take at most.
    pub budget: Duration,
}

/// Something to be done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Start a send.
    Send(Send),
    /// Receive; its end is told by `Dispatcher::received` or `Dispatcher::receive_failed`.
    Receive(Ask),
    /// Extend leases; its end is told by `Dispatcher::extended`.
    Extend {
        /// The messages.
        keys: Vec<MessageKey>,
        /// Their leases, in the same order.
        leases: Vec<Lease>,
        /// For how long from now.
        span: Duration,
    },
    /// Give messages back; nobody waits for its end.
    Release {
        /// Their leases.
        leases: Vec<Lease>,
        /// When they may come again.
        wait: Duration,
    },
    /// Store results and let messages go; its end is told by `Dispatcher::settled`. After a failure the same
    /// outcomes are settled again.
    Settle {
        /// The messages.
        keys: Vec<MessageKey>,
        /// What became of them, in the same order.
        outcomes: Vec<Outcome>,
    },
    /// Drop every send that is in flight: the life is over and they are accounted for.
    CancelSends,
}

/// What an operator or the scaler may change while a notifier runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Directives {
    /// The share of every limit (contract 15).
    pub share: Share,
    /// What part of a destination's limits its route has, where other routes send there too.
    pub parts: Parts,
    /// Whether its parts of rates follow what it holds, as [`crate::allot`] gives them; else they are its share.
    pub allots: bool,
    /// What it has of the rates of single destinations, where that is not its share of them.
    pub allotments: Allotments,
    /// Where it takes places at receivers with an in-flight bound; else its share of the bound is its own.
    pub places: Option<Arc<Places>>,
    /// What part of the heaviest's turn on its thread it has, where routes weigh differently; see [`super::turns`].
    pub turn: Option<f64>,
    /// Whether the route is paused: nothing is received, what is held is handed back.
    pub is_paused: bool,
    /// Destinations that are paused, by their name in results.
    pub paused: Arc<BTreeSet<String>>,
    /// Receivers that answer again, where others have found that out.
    pub answering: Answering,
    /// Whether new sends may start; `false` when the disk is almost full (contract 20).
    pub may_start: bool,
}

impl Default for Directives {
    fn default() -> Self {
        Self {
            share: Share::WHOLE,
            parts: Parts::default(),
            allots: false,
            allotments: Allotments::default(),
            places: None,
            turn: None,
            is_paused: false,
            paused: Arc::default(),
            answering: Answering::default(),
            may_start: true,
        }
    }
}

/// What happened to one destination since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sends that ended.
    pub attempts: u64,
    /// Bytes of the requests that were sent.
    pub bytes_out: u64,
    /// Notifications delivered.
    pub delivered: u64,
    /// Attempts that will be followed by another.
    pub retried: u64,
    /// Notifications given up.
    pub dead: u64,
    /// Of these, because a macro of a template gave nothing.
    pub unresolved: u64,
    /// Notifications whose own deadline passed.
    pub expired: u64,
    /// Notifications put off untried.
    pub later: u64,
    /// Attempts that failed, by class in the order of [`FailureClass::ALL`].
    pub failed: [u64; FailureClass::ALL.len()],
    /// Sends that the receiver refused (429, `Retry-After`).
    pub refused: u64,
    /// Times a breaker opened.
    pub opened: u64,
    /// Sends to find out whether a broken receiver still is.
    pub probes: u64,
    /// How long the attempts took.
    pub durations: Durations,
}

/// How many attempts took how long, by the buckets of the metrics, so that one record per bucket tells all of them.
///
/// Counting one is a search among 18 bounds and two additions: some nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    buckets: [Bucket; BUCKETS],
}

/// Those of all bounds, and what lies beyond.
const BUCKETS: usize = HISTOGRAM_BOUNDS.len() + 1;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    count: u64,
    micros: u64,
}

impl Durations {
    /// Counts one attempt.
    pub fn push(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let seconds = took.as_secs_f64();
        let place = HISTOGRAM_BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(bucket) = self.buckets.get_mut(place) {
            bucket.add(1, micros);
        }
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            mine.add(theirs.count, theirs.micros);
        }
    }

    /// The mean in seconds of each bucket that holds attempts, and how many it holds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a second's attempts, far below 2^53 microseconds"
    )]
    pub fn seconds(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let held = self.buckets.iter().filter(|bucket| bucket.count > 0);
        held.map(|bucket| {
            let mean = bucket.micros as f64 / bucket.count as f64;
            (mean / 1e6, bucket.count)
        })
    }
}

impl Bucket {
    fn add(&mut self, count: u64, micros: u64) {
        self.count = self.count.saturating_add(count);
        self.micros = self.micros.saturating_add(micros);
    }
}

impl Counts {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.bytes_out += other.bytes_out;
        self.delivered += other.delivered;
        self.retried += other.retried;
        self.dead += other.dead;
        self.unresolved += other.unresolved;
        self.expired += other.expired;
        self.later += other.later;
        let failed = self.failed.iter_mut().zip(&other.failed);
        failed.for_each(|(own, other)| *own += other);
        self.refused += other.refused;
        self.opened += other.opened;
        self.probes += other.probes;
        self.durations.add(&other.durations);
    }

    /// Counts a failed attempt.
    pub(super) fn fail(&mut self, class: FailureClass) {
        if let Some(count) = self.failed.get_mut(class as usize) {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_their_number_their_sum_and_their_buckets() {
        let mut durations = Durations::default();
        let spans = [0, 99, 100, 101, 1500, 1700, 2_000_000, 400_000_000];
        for micros in spans {
            durations.push(Duration::from_micros(micros));
        }
        let mut twice = durations;
        twice.add(&durations);
        let seconds: Vec<_> = twice.seconds().collect();
        let counts: Vec<u64> = seconds.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [6, 2, 4, 2, 2]);
        for ((mean, _), bounds) in seconds.iter().zip([
            0.0..=0.0001,
            0.0001..=0.000_25,
            0.001..=0.0025,
            1.0..=2.5,
            100.0..=f64::MAX,
        ]) {
            assert!(bounds.contains(mean), "{mean} {bounds:?}");
        }
        let sum: f64 = seconds
            .iter()
            .map(|(mean, count)| mean * *count as f64)
            .sum();
        assert!((sum - 2.0 * 402.0035).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn a_duration_on_a_bound_stays_in_its_bucket() {
        for bound in HISTOGRAM_BOUNDS {
            let mut durations = Durations::default();
            for _ in 0..7 {
                durations.push(Duration::from_micros((bound * 1e6).round() as u64));
            }
            let seconds: Vec<_> = durations.seconds().collect();
            assert_eq!(seconds, [(bound, 7)]);
        }
    }
}
