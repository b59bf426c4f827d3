//! The circuit breaker of a receiver that does not answer.
//!
//! ```text
//!            `failures` in a row                  the wait is over
//!   closed ───────────────────────▶ open ───────────────────────────▶ half open
//!     ▲                              ▲     one send, the probe           │  │
//!     │                              └──────── it fails: twice the wait ─┘  │
//!     └──────────────── it is answered: from one send upwards ──────────────┘
//! ```
//!
//! While it is open nothing is sent but probes, one at a time, and last tries: what has reached its age has its one try, at a
//! bounded pace, and ends. All else is put off untried, which changes no attempt number and no backoff.
//!
//! A probe that fails counts as an attempt of its notification: it went over the wire, so the receiver may have it, and results
//! are told apart by the number. It cannot end a notification early, since giving up goes by age.

use std::time::Duration;

use base::Timestamp;

use super::super::action::{JobKey, Moment};
use super::{FAILING_AFTER, FAILING_PART, Gate, HOLD, Unit, Waiter};
use crate::config::BreakerRules;
use crate::random::Random;

/// So many that wait for a broken receiver come back each second to see whether it is still broken, as long as each does
/// within the longest time that it is put off; the notifiers of a route have their part of it. Chosen: a twentieth of a percent of a core.
const TRIPS_PER_SEC: f64 = 20.0;

/// The longest time that something is put off: as long as it is open, or an eighth of what the message has waited, between
/// these. So an outage is over for what waited after as long again at most, and trips grow with its logarithm. Chosen; SQS delays
/// 15 minutes at most.
const AWAY_MIN: Duration = Duration::from_secs(15);
const AWAY_MAX: Duration = Duration::from_secs(600);

/// How a breaker stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum BreakerState {
    /// Sends go as they may.
    #[default]
    Closed,
    /// A probe is under way.
    HalfOpen,
    /// Nothing is sent until the next probe.
    Open,
}

impl BreakerState {
    /// The name in `status`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }
}

/// A breaker that is open.
#[derive(Debug)]
pub(super) struct Breaker {
    /// When it opened.
    pub(super) since: Timestamp,
    opened_at: Duration,
    wait: Duration,
    probe_at: Duration,
    probe: Option<JobKey>,
    next_trip: Duration,
}

impl Breaker {
    /// One that opens now.
    pub(super) fn open(at: Moment, rules: BreakerRules, random: &mut Random) -> Self {
        let mut breaker = Self {
            since: at.wall,
            opened_at: at.mono,
            wait: rules.wait,
            probe_at: Duration::ZERO,
            probe: None,
            next_trip: Duration::ZERO,
        };
        breaker.plan(at.mono, random);
        breaker
    }

    /// The next probe: after half the wait or more, so that several notifiers do not probe together.
    fn plan(&mut self, mono: Duration, random: &mut Random) {
        self.probe_at = mono + self.wait / 2 + random.span(self.wait / 2);
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.probe {
            Some(_) => BreakerState::HalfOpen,
            None => BreakerState::Open,
        }
    }

    /// Whether the answer to a send that began at `began` may close it: it was sent since it is open.
    pub(super) fn is_told_by(&self, began: Duration) -> bool {
        began >= self.opened_at
    }

    /// When a probe may start; `None` while one is under way.
    pub(super) fn probe_at(&self) -> Option<Duration> {
        self.probe.is_none().then_some(self.probe_at)
    }

    /// A send starts; whether it is the probe.
    pub(super) fn started(&mut self, mono: Duration, job: JobKey) -> bool {
        let is_probe = self.probe.is_none() && mono >= self.probe_at;
        if is_probe {
            self.probe = Some(job);
        }
        is_probe
    }

    /// A send failed, or was given up: the next probe comes later if it was this one.
    pub(super) fn failed(
        &mut self,
        mono: Duration,
        job: JobKey,
        rules: BreakerRules,
        random: &mut Random,
    ) {
        if self.probe == Some(job) {
            self.probe = None;
            self.wait = (self.wait * 2).min(rules.wait_max);
            self.plan(mono, random);
        }
    }

    /// When something that is put off comes back: for a probe, with others one after the other. `part`: this notifier's.
    pub(super) fn turn(
        &mut self,
        mono: Duration,
        age: Duration,
        part: f64,
        random: &mut Random,
    ) -> Duration {
        let probe_at = match self.probe {
            Some(_) => mono + self.wait,
            None => self.probe_at,
        };
        let step = Duration::from_secs_f64(1.0 / (TRIPS_PER_SEC * part).clamp(0.1, TRIPS_PER_SEC));
        self.next_trip = self.next_trip.max(probe_at.max(mono)) + step;
        let wait = self.next_trip.saturating_sub(mono);
        let open_for = mono.saturating_sub(self.opened_at);
        let away = open_for.max(age / 8).clamp(AWAY_MIN, AWAY_MAX);
        let away = away.max(probe_at.saturating_sub(mono));
        if wait <= away {
            return wait;
        }
        self.next_trip = mono + away;
        away / 2 + random.span(away / 2)
    }
}

/// What its breaker does to a receiver.
impl Unit {
    /// Whether it is open.
    pub(in super::super) fn is_broken(&self) -> bool {
        self.breaker.is_some()
    }

    /// It answers others again, for the so many-th time: this notifier need not wait any longer before it looks too.
    pub(in super::super) fn answers_others(&mut self, mono: Duration, times: u64) {
        if self.breaker.is_none() || std::mem::replace(&mut self.heard, times) == times {
            return;
        }
        if let Some(breaker) = &mut self.breaker {
            breaker.probe_at = breaker.probe_at.min(mono);
        }
    }

    /// What the breaker says of a send, where it has something to say.
    pub(super) fn gate_of_breaker(&self, mono: Duration, is_last: bool) -> Option<Gate> {
        match self.breaker.as_ref()?.probe_at() {
            Some(at) if at <= mono => Some(Gate::Open),
            _ if is_last => None,
            Some(at) if at <= mono + HOLD => Some(Gate::At(at)),
            _ => Some(Gate::Shut),
        }
    }

    /// How many may wait here as far as the breaker goes: last tries, and one that will be the probe.
    pub(in super::super) fn room_of_breaker(&self, mono: Duration, waiter: Waiter) -> usize {
        let Some(breaker) = &self.breaker else {
            return usize::MAX;
        };
        let is_soon = breaker.probe_at().is_some_and(|at| at <= mono + HOLD);
        match waiter.is_last {
            true => usize::MAX,
            false => usize::from(is_soon),
        }
    }

    /// When something comes back that the breaker holds off; `None` where it is not the one that does.
    pub(super) fn turn_of_breaker(
        &mut self,
        mono: Duration,
        waiter: Waiter,
        random: &mut Random,
    ) -> Option<Duration> {
        let part = self.share;
        let breaker = self.breaker.as_mut().filter(|_| !waiter.is_last)?;
        Some(breaker.turn(mono, waiter.age, part, random))
    }

    /// A send failed as of a receiver that does not answer.
    pub(super) fn failed(&mut self, at: Moment, job: JobKey, random: &mut Random) {
        self.probe_over(at.mono, job, random);
        self.failures = self.failures.saturating_add(1);
        let rules = self.rules.breaker;
        let after = rules.map_or(FAILING_AFTER, |rules| rules.failures);
        let may_fail = rules.is_some() || self.rules.adaptive;
        if self.failures < after || self.is_failing || !may_fail {
            return;
        }
        self.is_failing = true;
        if let Some(rules) = rules {
            self.calm = (self.window / 2.0).max(1.0);
            self.breaker = Some(Box::new(Breaker::open(at, rules, random)));
            self.counts.opened += 1;
        }
        self.window = f64::from((self.cap / FAILING_PART).max(1));
    }

    /// If this was the probe, it did not close the breaker.
    pub(in super::super) fn probe_over(
        &mut self,
        mono: Duration,
        job: JobKey,
        random: &mut Random,
    ) {
        if let (Some(breaker), Some(rules)) = (&mut self.breaker, self.rules.breaker) {
            breaker.failed(mono, job, rules, random);
        }
    }

    /// It answers again: upwards, doubling each round; what waits need not keep its turns.
    pub(super) fn is_back(&mut self) {
        self.is_failing = false;
        self.adaptive.new_lot();
        self.latency_secs = None;
        self.next_turn = Duration::ZERO;
        match self.breaker.take() {
            // Doubling up to half of what it broke at.
            Some(_) if self.rules.adaptive => self.window = 1.0,
            Some(_) => self.window = f64::from(self.cap),
            None => self.calm = f64::INFINITY,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::End;
    use super::super::tests::{answered, job};
    use super::*;
    use crate::config::DestinationRules;
    use crate::port::{FailureClass, Timings};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(mono: Duration) -> Moment {
        Moment {
            wall: Timestamp::EPOCH,
            mono,
        }
    }

    /// A unit that failed `failures` times at a time.
    fn failed(rules: DestinationRules, failures: u32, mono: Duration) -> Unit {
        let mut unit = Unit::new("a".into(), Arc::new(rules));
        unit.set_limits(64, 1.0, 1.0);
        for _ in 0..failures {
            send(&mut unit, mono, Some(FailureClass::Server));
        }
        unit
    }

    fn send(unit: &mut Unit, mono: Duration, class: Option<FailureClass>) {
        unit.started(mono, job());
        let timings = Timings::default();
        let end = End {
            class,
            ..answered(&timings)
        };
        unit.ended(at(mono), false, &end, &mut Random::of_seed(1));
    }

    #[test]
    fn waits_double_up_to_the_bound_and_an_answer_closes() {
        let mut unit = failed(DestinationRules::default(), 15, SECOND);
        assert!(!unit.is_failing());
        send(&mut unit, SECOND, Some(FailureClass::Network));
        let mut mono = SECOND;
        let mut waits = Vec::new();
        for _ in 0..9 {
            let probe_at = unit.breaker.as_ref().unwrap().probe_at().unwrap();
            assert_ne!(unit.gate(mono, 64, false), Gate::Open);
            waits.push(unit.breaker.as_ref().unwrap().wait.as_secs());
            let wait = probe_at - mono;
            let bound = unit.breaker.as_ref().unwrap().wait;
            assert!(wait >= bound / 2 && wait <= bound, "{wait:?}");
            mono = probe_at;
            assert_eq!(unit.gate(mono, 64, false), Gate::Open);
            send(&mut unit, mono, Some(FailureClass::Timeout));
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        send(&mut unit, mono + SECOND * 60, None);
        assert!(!unit.is_failing() && unit.breaker.is_none());
        assert!((unit.window - 2.0).abs() < f64::EPSILON, "{}", unit.window);
    }

    #[test]
    fn what_is_put_off_comes_back_within_ten_minutes() {
        let mut unit = failed(DestinationRules::default(), 16, SECOND);
        let mut random = Random::of_seed(1);
        let day = SECOND * 86_400;
        for (age, most) in [(Duration::ZERO, AWAY_MIN), (day, AWAY_MAX)] {
            let waiter = Waiter {
                age,
                is_returning: true,
                is_busy: false,
                is_last: false,
            };
            let mut turn = || unit.turn_of_breaker(SECOND, waiter, &mut random).unwrap();
            let longest = (0..20_000).map(|_| turn()).max().unwrap();
            assert!(
                longest <= most && longest > most.mul_f64(0.9),
                "{longest:?}"
            );
        }
        let last = Waiter {
            age: day,
            is_returning: true,
            is_busy: false,
            is_last: true,
        };
        assert_eq!(unit.turn_of_breaker(SECOND, last, &mut random), None);
    }

    #[test]
    fn without_adapting_and_breaker_only_the_ceilings_hold() {
        let rules = DestinationRules {
            adaptive: false,
            breaker: None,
            ..DestinationRules::default()
        };
        let mut unit = failed(rules, 100, SECOND);
        (0..100).for_each(|_| send(&mut unit, SECOND, Some(FailureClass::Limited)));
        assert!(!unit.is_failing());
        assert_eq!(unit.gate(SECOND, 64, false), Gate::Open);
        assert!((unit.window - 64.0).abs() < f64::EPSILON);
        assert_eq!(unit.adaptive.per_sec(), None);
    }
}
