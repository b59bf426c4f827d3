//! One receiver as the dispatcher sees it: what it may have in flight, when it may be sent to, and what waits.
//!
//! Four things hold a receiver back: its in-flight bound, its rate, the pause it asked for (429, `Retry-After`),
//! and failing all the time. What cannot start within [`HOLD`] is put off to its turn on a virtual schedule, and who
//! comes anew stands behind those whose turn was given, so that a limited receiver costs each message few trips. A
//! receiver that would work off the whole prefetch within [`HOLD`] is busy, not slow: see [`super::probing`].

mod ready;
mod turns;

use std::sync::Arc;
use std::time::Duration;

pub(super) use self::ready::{Ready, ReadyLines};
use self::turns::Often;
pub(super) use self::turns::Waiter;
use super::action::{Counts, Moment};
use crate::config::DestinationRules;
use crate::port::{FailureClass, Timings};

/// What waits for one receiver must be able to start within this time; chosen: short against a lease, long
/// against a receive.
pub(super) const HOLD: Duration = Duration::from_secs(1);

/// The same where notifiers share a rate: chance brings one of them more than its part and another less, and who holds too
/// little is soon idle. Chosen.
const HOLD_SHARED: Duration = Duration::from_secs(3);

/// Failures in a row, without a success between them, after which a receiver counts as failing; chosen: 16 in a
/// row are 1 in 65,000 where every second send fails.
const FAILING_AFTER: u32 = 16;

/// A failing receiver gets a quarter of its in-flight bound, and no more than 100 sends a second: every notification
/// must be tried once before it may be given up, so probing alone would never end. Chosen.
const FAILING_PART: u32 = 4;
const FAILING_GAP: Duration = Duration::from_millis(10);

/// What can start within this time always has room; chosen: a receive of real SQS takes about as long.
const HOLD_QUICK: Duration = Duration::from_millis(100);

/// How long a receiver is left alone that answers 429 without saying how long.
const LIMITED_PAUSE: Duration = Duration::from_secs(1);

/// Sends in flight before the first answer; each success lets one more follow, up to the bound. A receiver then meets
/// no storm of new connections, which overflows its backlog and costs those that are dropped a second. Chosen.
const WINDOW_FIRST: f64 = 16.0;

/// What is in flight beyond so many, and beyond so many times what the receiver's own latency asks for, only waits there or with
/// us: the windows of 16 notifiers came to 4,000 connections, which overflowed the backlog of one quick receiver (the
/// gradient of Netflix's concurrency limits). The first pair holds while this thread is loaded, since what waits then waits
/// for us, and costs a third more CPU. Chosen.
const ENOUGH_LOADED: (f64, f64) = (32.0, 2.0);
const ENOUGH: (f64, f64) = (64.0, 4.0);

/// By what part of the difference the least latency follows the mean with each send, while no more is in flight than is always
/// enough; chosen: a receiver that became slower is known as such after some ten thousand sends.
const LEAST_FOLLOWS: f64 = 1.0 / 16_384.0;

/// The latency that is assumed before the first answer; chosen.
const LATENCY_ASSUMED_SECS: f64 = 0.1;

/// Whether a send may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// It may.
    Open,
    /// When one of its own sends has ended.
    Full,
    /// When any send has ended: the slots are scarce.
    Scarce,
    /// At this monotonic time.
    At(Duration),
    /// Not soon: put it off.
    Shut,
}

/// A receiver.
#[derive(Debug)]
pub(super) struct Unit {
    /// The name in results.
    pub(super) name: Arc<str>,
    pub(super) rules: Arc<DestinationRules>,
    /// Its place among the buckets, where it has a rate.
    pub(super) bucket: Option<usize>,
    pub(super) ready: ReadyLines,
    pub(super) in_flight: u32,
    pub(super) is_paused: bool,
    /// Whether it stands in the ring of those that may start.
    pub(super) is_in_ring: bool,
    pub(super) counts: Counts,
    cap: u32,
    /// This notifier's part of its limits.
    share: f64,
    window: f64,
    /// Up to here the window grows by one each success, above by one each round.
    calm: f64,
    latency_secs: Option<f64>,
    latency_least_secs: f64,
    failures: u32,
    is_failing: bool,
    paced_until: Duration,
    /// When a send last ended, or the first one started.
    moved_at: Duration,
    blocked_until: Duration,
    last_cut: Duration,
    next_turn: Duration,
    put_off_at: Option<Duration>,
    away_often: Often,
}

impl Unit {
    pub(super) fn new(name: Arc<str>, rules: Arc<DestinationRules>) -> Self {
        Self {
            name,
            rules,
            bucket: None,
            ready: ReadyLines::default(),
            in_flight: 0,
            is_paused: false,
            is_in_ring: false,
            counts: Counts::default(),
            cap: 0,
            share: 1.0,
            window: WINDOW_FIRST,
            calm: f64::INFINITY,
            latency_secs: None,
            latency_least_secs: f64::INFINITY,
            failures: 0,
            is_failing: false,
            paced_until: Duration::ZERO,
            moved_at: Duration::ZERO,
            blocked_until: Duration::ZERO,
            last_cut: Duration::ZERO,
            next_turn: Duration::ZERO,
            put_off_at: None,
            away_often: Often::default(),
        }
    }

    /// Changes the in-flight bound, and the part of all limits that it comes of.
    pub(super) fn set_limits(&mut self, cap: u32, share: f64) {
        self.share = share;
        if self.cap == 0 {
            self.window = WINDOW_FIRST;
        }
        self.cap = cap;
        self.window = self.window.min(f64::from(self.cap));
    }

    /// Whether nothing may be sent to it here: it is paused, or other notifiers have all of its in-flight bound.
    pub(super) fn is_shut(&self) -> bool {
        self.is_paused || self.cap == 0
    }

    /// Whether other notifiers have parts of its limits.
    pub(super) fn is_shared(&self) -> bool {
        self.share < 1.0
    }

    /// Whether it failed so often that it gets little.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// Whether nothing is known of it that a new one would not know.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.ready.is_empty() && !self.is_failing
    }

    /// Whether a send may start, the rate aside. `free`: slots of the notifier that are free.
    pub(super) fn gate(&self, mono: Duration, free: u32) -> Gate {
        if self.is_shut() {
            return Gate::Shut;
        }
        let not_before = self.blocked_until.max(self.paced_until);
        if mono < not_before {
            return Gate::At(not_before);
        }
        if f64::from(self.in_flight) + 1.0 > self.window.max(1.0) {
            return Gate::Full;
        }
        // No receiver takes more than is left free, so that something is always left for the others
        // (dynamic thresholds, Choudhury and Hahne 1998).
        if self.in_flight > 0 && self.in_flight >= free {
            return Gate::Scarce;
        }
        Gate::Open
    }

    /// Sends a second that it takes, as far as is known.
    fn rate_per_sec(&self, mono: Duration, bucket_per_sec: Option<f64>) -> f64 {
        let mut latency = self.latency_secs.unwrap_or(LATENCY_ASSUMED_SECS).max(1e-5);
        // Nothing ended for so long: it takes at least that long.
        latency = latency.max(self.silent_for(mono).as_secs_f64());
        let mut rate = self.window.max(1.0) / latency;
        if self.is_failing {
            rate = rate.min(1.0 / FAILING_GAP.as_secs_f64());
        }
        bucket_per_sec.map_or(rate, |per_sec| per_sec.min(rate))
    }

    /// How many may wait here; more are put off. `left`: places of the prefetch that are left.
    pub(super) fn room(&self, mono: Duration, bucket_per_sec: Option<f64>, left: usize) -> usize {
        if self.is_shut() {
            return 0;
        }
        let blocked = self.blocked_until.saturating_sub(mono);
        let rate = self.rate_per_sec(mono, bucket_per_sec);
        let within = |hold: Duration| to_count(rate * hold.saturating_sub(blocked).as_secs_f64());
        let quick = match self.latency_secs {
            Some(_) => within(HOLD_QUICK),
            None => 0,
        };
        let hold = match bucket_per_sec {
            Some(_) if self.is_shared() => HOLD_SHARED,
            _ => HOLD,
        };
        // Beyond the quick ones, no receiver holds more of the prefetch than it leaves to the others.
        quick
            .max(within(hold).min(left))
            .max(usize::from(self.in_flight == 0))
    }

    /// Whether turns were given that have not come: who comes anew stands behind them.
    pub(super) fn has_queue(&self, mono: Duration) -> bool {
        self.next_turn > mono + HOLD
    }

    /// Whether it surely takes too little for `lines` to start within [`HOLD`]: paused, asked to wait, failing, or limited
    /// by its rate. That latency says so is no proof: our own load may be the cause.
    pub(super) fn is_held_back(
        &self,
        mono: Duration,
        bucket_per_sec: Option<f64>,
        lines: usize,
    ) -> bool {
        self.is_shut()
            || self.is_failing
            || self.blocked_until > mono
            || bucket_per_sec.is_some_and(|rate| rate * HOLD.as_secs_f64() < to_f64(lines))
    }

    /// Whether a line that comes now starts at once, and nothing of this receiver was put off lately: what was looked
    /// for behind others.
    pub(super) fn is_find(&self, mono: Duration) -> bool {
        let was_put_off = self.put_off_at.is_some_and(|at| at + HOLD > mono);
        self.ready.is_empty()
            && f64::from(self.in_flight) * 4.0 < self.window
            && !self.is_failing
            && !was_put_off
    }

    /// For how long nothing has ended, though something is in flight.
    fn silent_for(&self, mono: Duration) -> Duration {
        match self.in_flight {
            0 => Duration::ZERO,
            _ => mono.saturating_sub(self.moved_at),
        }
    }

    /// A send started.
    pub(super) fn started(&mut self, mono: Duration) {
        if self.in_flight == 0 {
            self.moved_at = mono;
        }
        self.in_flight += 1;
        if self.is_failing {
            self.paced_until = mono + FAILING_GAP;
        }
    }

    /// A send ended. `is_loaded`: this thread is. `class`: of its failure. `asked`: the pause that the receiver asked for.
    pub(super) fn ended(
        &mut self,
        at: Moment,
        is_loaded: bool,
        timings: &Timings,
        class: Option<FailureClass>,
        asked: Option<Duration>,
    ) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.moved_at = at.mono;
        self.counts.attempts += 1;
        self.counts.durations.push(timings.total);
        class.inspect(|class| self.counts.fail(*class));
        // A connection serves many requests: what it costs to make says little of the next one.
        let set_up = timings.dns + timings.connect + timings.tls;
        let took = timings.total.saturating_sub(set_up);
        match class {
            Some(FailureClass::Network | FailureClass::Timeout | FailureClass::Server) => {
                self.learn_latency(timings.total);
                self.failed();
            }
            Some(FailureClass::Limited) => self.limited(at.mono, timings.total, asked),
            // It answers, so it is not broken; but an endpoint that records nothing is no reason to send more at once.
            Some(FailureClass::Unrecorded) => self.learn_latency(took),
            // Nothing was sent: it tells nothing of the receiver.
            Some(FailureClass::Policy | FailureClass::Unresolved) => {}
            Some(FailureClass::Client | FailureClass::Redirect) | None => {
                self.learn_latency(took);
                self.answered(is_loaded);
            }
        }
    }

    fn learn_latency(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        let latency = match self.latency_secs {
            Some(known) => known + (took - known) / 16.0,
            None => took,
        };
        self.latency_secs = Some(latency);
        let least = self.latency_least_secs.min(took);
        let (always, _) = ENOUGH;
        let follows = if self.window <= always {
            LEAST_FOLLOWS
        } else {
            0.0
        };
        self.latency_least_secs = least + (latency - least) * follows;
    }

    /// What in flight keeps the receiver busy, as far as one can tell.
    fn enough(&self, is_loaded: bool) -> f64 {
        let (always, times) = if is_loaded { ENOUGH_LOADED } else { ENOUGH };
        let latency = self.latency_secs.unwrap_or(LATENCY_ASSUMED_SECS);
        let own = (self.latency_least_secs / latency.max(1e-6)).min(1.0);
        always + times * own * self.window
    }

    fn answered(&mut self, is_loaded: bool) {
        self.failures = 0;
        if std::mem::take(&mut self.is_failing) {
            // It is back: upwards again, doubling each round; what waits need not keep its turns.
            self.calm = f64::INFINITY;
            self.latency_secs = None;
            self.next_turn = Duration::ZERO;
        }
        if self.window > self.enough(is_loaded) {
            self.window -= 1.0;
            return;
        }
        let step = if self.window < self.calm {
            1.0
        } else {
            1.0 / self.window
        };
        self.window = (self.window + step).min(f64::from(self.cap));
    }

    fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILING_AFTER && !self.is_failing {
            self.is_failing = true;
            self.window = f64::from((self.cap / FAILING_PART).max(1));
        }
    }

    fn limited(&mut self, mono: Duration, took: Duration, asked: Option<Duration>) {
        let pause = asked.unwrap_or(LIMITED_PAUSE);
        self.blocked_until = self.blocked_until.max(mono + pause);
        // The answers to one round of sends tell the same thing: cut once.
        if mono.saturating_sub(took) >= self.last_cut {
            self.last_cut = mono;
            self.window = (self.window / 2.0).max(1.0);
            self.calm = self.window;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and the value is not negative"
)]
fn to_count(value: f64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window of a receiver that answers within a millisecond, and then some rounds within `millis`.
    fn window(millis: u64, is_loaded: bool) -> f64 {
        let mut unit = Unit::new("a".into(), Arc::default());
        unit.set_limits(256, 1.0);
        let at = Moment {
            wall: base::Timestamp::EPOCH,
            mono: Duration::ZERO,
        };
        let mut ended = |millis, is_loaded| {
            let timings = Timings {
                total: Duration::from_millis(millis),
                ..Timings::default()
            };
            unit.started(at.mono);
            unit.ended(at, is_loaded, &timings, None, None);
        };
        (0..300).for_each(|_| ended(1, false));
        (0..1000).for_each(|_| ended(millis, is_loaded));
        unit.window
    }

    #[test]
    fn no_more_is_kept_in_flight_than_brings_something() {
        let (loaded, calm) = (window(50, true), window(50, false));
        assert!((32.0..48.0).contains(&loaded), "{loaded}");
        assert!((64.0..96.0).contains(&calm), "{calm}");
        // What the receiver itself takes is no reason to hold back, nor is a little more under load.
        assert_eq!((window(1, true), window(3, false)), (256.0, 256.0));
    }
}
