//! One receiver as the dispatcher sees it: what it may have in flight, when it may be sent to, and what waits.
//!
//! Four things hold a receiver back: its in-flight bound, its rate, the pause it asked for (429, `Retry-After`),
//! and failing all the time (then one probe at a time, ever more seldom). What cannot start within [`HOLD`] is put
//! off to its turn on a virtual schedule, so that a limited receiver costs each message one trip, not many.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::action::{Counts, JobKey, Moment};
use crate::config::DestinationRules;
use crate::port::FailureClass;
use crate::random::Random;

/// What waits for one receiver must be able to start within this time; chosen: short against a lease, long
/// against a receive.
pub(super) const HOLD: Duration = Duration::from_secs(1);

/// Failures in a row, without a success between them, after which a receiver counts as failing; chosen: 16 in a
/// row are 1 in 65,000 where every second send fails.
const FAILING_AFTER: u32 = 16;

/// The shortest and the longest time between probes of a failing receiver; chosen.
const PROBE_MIN: Duration = Duration::from_millis(500);
const PROBE_MAX: Duration = Duration::from_secs(15);

/// The shortest and the longest time that a message of a failing receiver is put off; chosen.
const AWAY_MIN: Duration = Duration::from_secs(5);
const AWAY_MAX: Duration = Duration::from_secs(300);

/// The furthest turn on the virtual schedule; beyond it turns are drawn at random. SQS delays 15 minutes at most.
const TURN_MAX: Duration = Duration::from_secs(600);

/// How long a receiver is left alone that answers 429 without saying how long.
const LIMITED_PAUSE: Duration = Duration::from_secs(1);

/// How long what waits for a paused destination is put off: the time after which a resume shows at the latest.
const PAUSED_AWAY: Duration = Duration::from_secs(60);

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

/// A line that waits for its receiver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) job: JobKey,
    /// Whether it waits beside the prefetch.
    pub(super) is_parked: bool,
}

/// A receiver.
#[derive(Debug)]
pub(super) struct Unit {
    /// The name in results.
    pub(super) name: Arc<str>,
    pub(super) rules: Arc<DestinationRules>,
    /// Its place among the buckets, where it has a rate.
    pub(super) bucket: Option<usize>,
    pub(super) ready: VecDeque<Ready>,
    pub(super) in_flight: u32,
    pub(super) is_paused: bool,
    /// Whether it stands in the ring of those that may start.
    pub(super) is_in_ring: bool,
    pub(super) counts: Counts,
    cap: u32,
    window: f64,
    /// Up to here the window grows by one each success, above by one each round.
    calm: f64,
    latency_secs: Option<f64>,
    failures: u32,
    failing: Option<Failing>,
    blocked_until: Duration,
    last_cut: Duration,
    next_turn: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    since: Duration,
    probe_at: Duration,
    gap: Duration,
}

impl Unit {
    pub(super) fn new(name: Arc<str>, rules: Arc<DestinationRules>, cap: u32) -> Self {
        Self {
            name,
            rules,
            bucket: None,
            ready: VecDeque::new(),
            in_flight: 0,
            is_paused: false,
            is_in_ring: false,
            counts: Counts::default(),
            cap: cap.max(1),
            window: f64::from(cap.max(1)),
            calm: f64::INFINITY,
            latency_secs: None,
            failures: 0,
            failing: None,
            blocked_until: Duration::ZERO,
            last_cut: Duration::ZERO,
            next_turn: Duration::ZERO,
        }
    }

    /// Changes the in-flight bound.
    pub(super) fn set_cap(&mut self, cap: u32) {
        self.cap = cap.max(1);
        self.window = self.window.min(f64::from(self.cap));
        if self.calm.is_infinite() && self.failing.is_none() {
            self.window = f64::from(self.cap);
        }
    }

    /// Whether it failed so long that it is only probed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// Whether nothing is known of it that a new one would not know.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.ready.is_empty() && self.failing.is_none()
    }

    /// Whether a send may start, the rate aside. `free`: slots of the notifier that are free.
    pub(super) fn gate(&self, mono: Duration, free: u32) -> Gate {
        if self.is_paused {
            return Gate::Shut;
        }
        if let Some(failing) = self.failing {
            return if self.in_flight > 0 {
                Gate::Full
            } else if mono < failing.probe_at {
                Gate::At(failing.probe_at)
            } else {
                Gate::Open
            };
        }
        if mono < self.blocked_until {
            return Gate::At(self.blocked_until);
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
    fn rate_per_sec(&self, bucket_per_sec: Option<f64>) -> f64 {
        let latency = self.latency_secs.unwrap_or(LATENCY_ASSUMED_SECS).max(1e-5);
        let by_window = self.window.max(1.0) / latency;
        bucket_per_sec.map_or(by_window, |rate| rate.min(by_window))
    }

    /// How many may wait here; more are put off.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and the value is not negative"
    )]
    pub(super) fn room(&self, mono: Duration, bucket_per_sec: Option<f64>) -> usize {
        if self.is_paused {
            return 0;
        }
        if self.failing.is_some() {
            return usize::from(self.in_flight == 0);
        }
        let hold = HOLD.saturating_sub(self.blocked_until.saturating_sub(mono));
        let held = self.rate_per_sec(bucket_per_sec) * hold.as_secs_f64();
        (held as usize).max(1)
    }

    /// How long a message is put off that finds no room: its turn on the virtual schedule.
    pub(super) fn turn(
        &mut self,
        at: Moment,
        bucket_per_sec: Option<f64>,
        random: &mut Random,
    ) -> Duration {
        if self.is_paused {
            return PAUSED_AWAY / 2 + random.span(PAUSED_AWAY / 2);
        }
        if let Some(failing) = self.failing {
            let away = at
                .mono
                .saturating_sub(failing.since)
                .clamp(AWAY_MIN, AWAY_MAX);
            return away / 2 + random.span(away);
        }
        let step = 1.0 / self.rate_per_sec(bucket_per_sec);
        let queued = Duration::from_secs_f64((step * to_f64(self.ready.len() + 1)).min(3600.0));
        let earliest = at.mono.max(self.blocked_until) + queued;
        self.next_turn = self.next_turn.max(earliest) + Duration::from_secs_f64(step.min(3600.0));
        let wait = self.next_turn.saturating_sub(at.mono);
        if wait <= TURN_MAX {
            return wait;
        }
        self.next_turn = at.mono + TURN_MAX;
        TURN_MAX / 2 + random.span(TURN_MAX / 2)
    }

    /// A send started.
    pub(super) fn started(&mut self) {
        self.in_flight += 1;
    }

    /// A send ended. `class`: of its failure. `asked`: the pause that the receiver asked for.
    pub(super) fn ended(
        &mut self,
        at: Moment,
        took: Duration,
        class: Option<FailureClass>,
        asked: Option<Duration>,
    ) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.counts.attempts += 1;
        self.counts.attempt_ms += u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match class {
            Some(FailureClass::Network | FailureClass::Timeout | FailureClass::Server) => {
                self.learn_latency(took);
                self.failed(at.mono);
            }
            Some(FailureClass::Limited) => self.limited(at.mono, took, asked),
            // Nothing was sent: it tells nothing of the receiver.
            Some(FailureClass::Policy) => {}
            Some(FailureClass::Client | FailureClass::Redirect) | None => {
                self.learn_latency(took);
                self.answered();
            }
        }
    }

    fn learn_latency(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        self.latency_secs = Some(match self.latency_secs {
            Some(known) => known + (took - known) / 16.0,
            None => took,
        });
    }

    fn answered(&mut self) {
        self.failures = 0;
        if self.failing.take().is_some() {
            // It is back: from four upwards, doubling each round.
            self.window = 4.0;
            self.calm = f64::INFINITY;
            self.latency_secs = None;
        }
        let step = if self.window < self.calm {
            1.0
        } else {
            1.0 / self.window
        };
        self.window = (self.window + step).min(f64::from(self.cap));
    }

    fn failed(&mut self, mono: Duration) {
        self.failures = self.failures.saturating_add(1);
        match &mut self.failing {
            Some(failing) => {
                failing.gap = (failing.gap * 2).min(PROBE_MAX);
                failing.probe_at = mono + failing.gap;
            }
            None if self.failures >= FAILING_AFTER => {
                self.failing = Some(Failing {
                    since: mono,
                    probe_at: mono + PROBE_MIN,
                    gap: PROBE_MIN,
                });
            }
            None => {}
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
