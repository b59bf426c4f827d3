//! One receiver as the dispatcher sees it: what it may have in flight, when it may be sent to, and what waits.
//!
//! Four things hold a receiver back: its in-flight bound, its rate (configured, or learned from refusals: [`adaptive`]), the
//! pause it asked for (429, `Retry-After`), and failing all the time ([`breaker`]). What cannot start within [`HOLD`] is put off to its
//! turn on a virtual schedule, and who comes anew stands behind those whose turn was given, so that a limited receiver costs each
//! message few trips. Where only its latency holds it back, more notifiers bring more: there what is put off comes again before it
//! is much older, and stands before what came later. A receiver that would work off the whole prefetch within [`HOLD`] is busy, not
//! slow: see [`super::probing`].

mod adaptive;
mod breaker;
mod ready;
mod turns;
mod weight;

use std::sync::Arc;
use std::time::Duration;

use self::adaptive::Adaptive;
use self::breaker::Breaker;
pub use self::breaker::BreakerState;
pub(super) use self::ready::{Ready, ReadyLines};
use self::turns::Often;
pub(super) use self::turns::Waiter;
use self::weight::Turn;
pub(super) use self::weight::Weights;
use super::action::{Counts, JobKey, Moment};
use super::limits::LimitState;
use crate::config::DestinationRules;
use crate::places::{Seat, next_look};
use crate::port::{FailureClass, Timings, Tried};
use crate::random::Random;

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

/// Sends in flight before the first answer; each success lets one more follow, up to the bound. A receiver then meets
/// no storm of new connections, which overflows its backlog and costs those that are dropped a second. Chosen.
const WINDOW_FIRST: f64 = 16.0;

/// What is in flight beyond so many, and beyond so many times what the receiver's own latency asks for, only waits there or with
/// us: the windows of 16 notifiers came to 4,000 connections, which overflowed the backlog of one quick receiver (the
/// gradient of Netflix's concurrency limits). The first pair holds while this thread is loaded, since what waits then waits
/// for us, and costs a third more CPU. Chosen.
const ENOUGH_LOADED: (f64, f64) = (32.0, 2.0);
const ENOUGH: (f64, f64) = (64.0, 4.0);

/// What is in flight at least where a rate is known, over what it comes to by the mean latency; chosen: answers come in lumps.
const PACED: f64 = 2.0;

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

/// How a send ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    pub(super) job: JobKey,
    pub(super) timings: &'a Timings,
    /// The class of its failure.
    pub(super) class: Option<FailureClass>,
    /// Whether the receiver said by 503 that it has too much to do, or by silence.
    pub(super) is_busy: bool,
    /// The pause that the receiver asked for.
    pub(super) asked: Option<Duration>,
}

/// A receiver.
#[derive(Debug)]
pub(super) struct Unit {
    /// The name in results.
    pub(super) name: Arc<str>,
    pub(super) rules: Arc<DestinationRules>,
    /// Its place among the buckets, where it has a rate.
    pub(super) bucket: Option<usize>,
    /// Where it takes its places, where it has an in-flight bound that others share.
    pub(super) seat: Option<Seat>,
    pub(super) ready: ReadyLines,
    pub(super) in_flight: u32,
    pub(super) is_paused: bool,
    /// Whether it stands in the ring of those that may start.
    pub(super) is_in_ring: bool,
    pub(super) counts: Counts,
    /// Refusals in its life here.
    refused: u64,
    cap: u32,
    /// This notifier's part of its limits.
    share: f64,
    /// What part of its route's limits is here now; the share where nobody says otherwise.
    part: f64,
    window: f64,
    /// Up to here the window grows by one each success, above by one each round.
    calm: f64,
    latency_secs: Option<f64>,
    latency_least_secs: f64,
    adaptive: Adaptive,
    failures: u32,
    is_failing: bool,
    /// While it is open.
    breaker: Option<Box<Breaker>>,
    /// How often it had come back when that was last told.
    heard: u64,
    paced_until: Duration,
    /// When a send last ended, or the first one started.
    moved_at: Duration,
    blocked_until: Duration,
    next_turn: Duration,
    put_off_at: Option<Duration>,
    away_often: Often,
    turn: Turn,
}

impl Unit {
    pub(super) fn new(name: Arc<str>, rules: Arc<DestinationRules>) -> Self {
        Self {
            name,
            rules,
            bucket: None,
            seat: None,
            ready: ReadyLines::default(),
            in_flight: 0,
            is_paused: false,
            is_in_ring: false,
            counts: Counts::default(),
            refused: 0,
            cap: 0,
            share: 1.0,
            part: 1.0,
            window: WINDOW_FIRST,
            calm: f64::INFINITY,
            latency_secs: None,
            latency_least_secs: f64::INFINITY,
            adaptive: Adaptive::default(),
            failures: 0,
            is_failing: false,
            breaker: None,
            heard: 0,
            paced_until: Duration::ZERO,
            moved_at: Duration::ZERO,
            blocked_until: Duration::ZERO,
            next_turn: Duration::ZERO,
            put_off_at: None,
            away_often: Often::default(),
            turn: Turn::default(),
        }
    }

    /// Changes the in-flight bound, the share of all limits, and what part of its route's limits is here now.
    pub(super) fn set_limits(&mut self, cap: u32, share: f64, part: f64) {
        self.share = share;
        self.part = part;
        if self.cap == 0 {
            self.window = WINDOW_FIRST;
        }
        self.cap = cap;
        self.window = match self.rules.adaptive {
            true => self.window.min(f64::from(self.cap)),
            false => f64::from(self.cap),
        };
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

    /// How its limits stand; `None` where there is nothing to tell. `rate_per_sec`: this notifier's part of the configured rate.
    pub(super) fn limits(&self, rate_per_sec: Option<f64>) -> Option<LimitState> {
        let has_limit = rate_per_sec.is_some() || self.rules.in_flight_max.is_some();
        let is_cut = self.calm.is_finite() || !self.adaptive.is_new();
        if !has_limit && !is_cut && self.breaker.is_none() {
            return None;
        }
        let breaker = self.breaker.as_ref();
        Some(LimitState {
            destination: self.name.clone(),
            in_flight: self.in_flight,
            window: u32::try_from(to_count(self.window.max(1.0))).unwrap_or(u32::MAX),
            window_max: self.cap,
            learned_per_sec: self.adaptive.per_sec(),
            rate_per_sec,
            breaker: breaker.map_or(BreakerState::Closed, |breaker| breaker.state()),
            open_since: breaker.map(|breaker| breaker.since),
            refused: self.refused,
        })
    }

    /// Whether nothing is known of it that a new one would not know.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.ready.is_empty() && !self.is_failing && self.adaptive.is_new()
    }

    /// Whether a send may start, the configured rate aside. `free`: slots of the notifier that are free. `is_last`: what would be
    /// sent has reached its age.
    pub(super) fn gate(&self, mono: Duration, free: u32, is_last: bool) -> Gate {
        if self.is_shut() {
            return Gate::Shut;
        }
        let learned = self.adaptive.due();
        let not_before = self.blocked_until.max(self.paced_until).max(learned);
        if mono < not_before {
            return Gate::At(not_before);
        }
        if let Some(gate) = self.gate_of_breaker(mono, is_last) {
            return gate;
        }
        if self.adaptive.is_refusing() && self.in_flight > 0 {
            return Gate::Full;
        }
        if f64::from(self.in_flight) + 1.0 > self.window.max(1.0) {
            return Gate::Full;
        }
        // No receiver takes more than is left free, so that something is always left for the others
        // (dynamic thresholds, Choudhury and Hahne 1998).
        if self.in_flight > 0 && self.in_flight >= self.part_of(free) {
            return Gate::Scarce;
        }
        Gate::Open
    }

    /// Sends a second that it takes, as far as is known.
    fn rate_per_sec(&self, mono: Duration, bucket_per_sec: Option<f64>) -> f64 {
        let mut latency = self.latency_secs.unwrap_or(LATENCY_ASSUMED_SECS).max(1e-5);
        // Nothing ended for so long: it takes at least that long.
        latency = latency.max(self.silent_for(mono).as_secs_f64());
        // A window that still grows says little of one whose rate is known, and turns by it are given for minutes ahead.
        let is_growing = bucket_per_sec.is_some() && self.calm.is_infinite();
        let most = if is_growing {
            f64::from(self.cap)
        } else {
            self.window
        };
        let mut rate = most.max(1.0) / latency;
        // Of one that has not answered yet nothing is known but its rate: what came in the first moments would get turns by a guess
        // that is too low, and the receiver would be idle until then.
        if let (None, Some(per_sec)) = (self.latency_secs, bucket_per_sec)
            && self.silent_for(mono).as_secs_f64() < LATENCY_ASSUMED_SECS
        {
            rate = per_sec;
        }
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
        let bucket_per_sec = self.least_rate(bucket_per_sec);
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
        // Beyond the quick ones, no receiver holds more of the prefetch than it leaves to the others, by their weights.
        quick
            .max(within(hold).min(self.part_of_places(left)))
            .max(usize::from(self.in_flight == 0))
    }

    /// Whether turns were given that have not come: who comes anew stands behind them.
    pub(super) fn has_queue(&self, mono: Duration) -> bool {
        // Turns that were given while a learned rate was lower leave it unused now.
        let is_unused = self.ready.is_empty() && self.adaptive.is_unused(mono);
        self.next_turn > mono + HOLD && !is_unused
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
            || self
                .least_rate(bucket_per_sec)
                .is_some_and(|rate| rate * HOLD.as_secs_f64() < to_f64(lines))
    }

    /// Whether a line that comes now starts at once, and nothing of this receiver was put off lately: what was looked
    /// for behind others.
    pub(super) fn is_find(&self, mono: Duration) -> bool {
        let was_put_off = self.put_off_at.is_some_and(|at| at + HOLD > mono);
        // All receivers are new to a notifier that has just started: that says nothing, unless what has no place here may have one at
        // another notifier.
        let is_known = self.latency_secs.is_some() || self.rules.in_flight_max.is_some();
        is_known
            && self.ready.is_empty()
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

    /// The least of the configured rate and the learned one.
    fn least_rate(&self, bucket_per_sec: Option<f64>) -> Option<f64> {
        match (bucket_per_sec, self.adaptive.per_sec()) {
            (Some(known), Some(learned)) => Some(known.min(learned)),
            (known, learned) => known.or(learned),
        }
    }

    /// A send started; what kind of a try it is.
    pub(super) fn started(&mut self, mono: Duration, job: JobKey) -> Tried {
        if self.in_flight == 0 {
            self.moved_at = mono;
        }
        self.in_flight += 1;
        if self.is_failing {
            self.paced_until = mono + FAILING_GAP;
        }
        self.adaptive.started(mono);
        let Some(breaker) = &mut self.breaker else {
            return Tried::Usual;
        };
        if !breaker.started(mono, job) {
            return Tried::Last;
        }
        self.counts.probes += 1;
        Tried::Probe
    }

    /// Takes a place where notifiers share them; else when to look for one again.
    pub(super) fn take_place(&self, mono: Duration) -> Gate {
        match &self.seat {
            Some(seat) if !seat.take(mono) => Gate::At(next_look(mono)),
            _ => Gate::Open,
        }
    }

    /// Gives back the place of a send that ended or did not start.
    pub(super) fn give_place_back(&self) {
        if let Some(seat) = &self.seat {
            seat.give_back();
        }
    }

    /// A send is over, whatever it came to.
    pub(super) fn left_flight(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.give_place_back();
    }

    /// A send ended. `is_loaded`: this thread is.
    pub(super) fn ended(
        &mut self,
        at: Moment,
        is_loaded: bool,
        end: &End<'_>,
        random: &mut Random,
    ) {
        let timings = end.timings;
        self.left_flight();
        self.moved_at = at.mono;
        self.counts.attempts += 1;
        self.counts.durations.push(timings.total);
        end.class.inspect(|class| self.counts.fail(*class));
        // A connection serves many requests: what it costs to make says little of the next one.
        let set_up = timings.dns + timings.connect + timings.tls;
        let took = timings.total.saturating_sub(set_up);
        let began = at.mono.saturating_sub(timings.total);
        if end.is_busy {
            self.adaptive.busy();
        }
        match end.class {
            Some(FailureClass::Network | FailureClass::Timeout | FailureClass::Server) => {
                self.learn_latency(timings.total);
                self.failed(at, end.job, random);
            }
            Some(FailureClass::Limited) => {
                self.refused += 1;
                self.counts.refused += 1;
                self.probe_over(at.mono, end.job, random);
                self.limited(at.mono, began, end.asked);
            }
            // It answers, so it is not broken; but an endpoint that records nothing is no reason to send more at once.
            Some(FailureClass::Unrecorded) => {
                self.learn_latency(took);
                self.is_there(began);
            }
            // Nothing was sent: it tells nothing of the receiver.
            Some(FailureClass::Policy | FailureClass::Unresolved) => {
                self.probe_over(at.mono, end.job, random);
            }
            Some(FailureClass::Client | FailureClass::Redirect) | None => {
                self.learn_latency(took);
                self.answered(at.mono, began, is_loaded);
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
        // What is paced does not wait there; that answers wait for us must not keep it from its rate.
        let paced = self.rules.rate_per_sec.map_or(0.0, |rate| rate * latency);
        (always + times * own * self.window).max(paced * PACED)
    }

    /// It answered what began at that time: it is not broken.
    fn is_there(&mut self, began: Duration) {
        let may_close = self
            .breaker
            .as_ref()
            .is_none_or(|open| open.is_told_by(began));
        if may_close {
            self.failures = 0;
        }
        if self.is_failing && may_close {
            self.is_back();
        }
    }

    fn answered(&mut self, mono: Duration, began: Duration, is_loaded: bool) {
        self.is_there(began);
        if !self.rules.adaptive {
            return;
        }
        if self.adaptive.taken(mono, began, !self.ready.is_empty()) {
            return self.halve();
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

    fn limited(&mut self, mono: Duration, began: Duration, asked: Option<Duration>) {
        if !self.rules.adaptive {
            let until = asked.map_or(Duration::ZERO, |asked| mono + asked);
            self.blocked_until = self.blocked_until.max(until);
            return;
        }
        let refusal = self.adaptive.refused(mono, began, asked);
        self.blocked_until = self.blocked_until.max(mono + refusal.pause);
        if refusal.is_new {
            self.halve();
        }
        // Until its limit is found it is the rate that is looked for: a narrow window would hide it.
        if refusal.is_early {
            self.calm = f64::INFINITY;
        }
    }

    /// Half as much in flight, and slowly upwards from there.
    fn halve(&mut self) {
        self.window = (self.window / 2.0).max(1.0);
        self.calm = self.window;
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
    use crate::notifier::action::MessageKey;

    pub(super) fn job() -> JobKey {
        let message = MessageKey {
            slot: 0,
            generation: 0,
        };
        JobKey { message, line: 0 }
    }

    pub(super) fn answered(timings: &Timings) -> End<'_> {
        End {
            job: job(),
            timings,
            class: None,
            is_busy: false,
            asked: None,
        }
    }

    /// The window of a receiver that answers within a millisecond, and then some rounds within `millis`.
    fn window(millis: u64, is_loaded: bool) -> f64 {
        window_at(None, millis, is_loaded)
    }

    /// The same where its rules have a rate.
    fn window_at(rate_per_sec: Option<f64>, millis: u64, is_loaded: bool) -> f64 {
        let rules = DestinationRules {
            rate_per_sec,
            ..DestinationRules::default()
        };
        let mut unit = Unit::new("a".into(), Arc::new(rules));
        unit.set_limits(256, 1.0, 1.0);
        let at = Moment {
            wall: base::Timestamp::EPOCH,
            mono: Duration::ZERO,
        };
        let mut ended = |millis, is_loaded| {
            let timings = Timings {
                total: Duration::from_millis(millis),
                ..Timings::default()
            };
            unit.started(at.mono, job());
            unit.ended(at, is_loaded, &answered(&timings), &mut Random::of_seed(1));
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

    /// 1,000 a second that take 50 ms each are 50 at once (Little's law).
    #[test]
    fn a_loaded_thread_keeps_nobody_from_its_rate() {
        let paced = window_at(Some(1_000.0), 50, true);
        assert!((50.0..128.0).contains(&paced), "{paced}");
    }
}
