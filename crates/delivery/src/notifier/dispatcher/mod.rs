//! The state machine: messages and ended attempts in, actions out.
//!
//! Every input comes with its [`Moment`]; after one or more inputs [`Dispatcher::act`] gives what is to be done and
//! [`Dispatcher::wake_at`] says when to call it again at the latest.

mod admit;
mod ask;
mod due;
mod fill;
mod group;
mod life;
mod start;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use foldhash::fast::FixedState;

use super::action::{Action, Counts, Directives, JobKey, MessageKey, Moment, Send};
use super::leases::Leases;
use super::limits::{Limits, TOLD_MAX, Told};
use super::message::{Conclusion, Line, LineState, Message, MessageState, Messages, Waiting};
use super::parking;
use super::probing::{Pace, Probing};
use super::settling::Settling;
use super::unit::{End, Gate, Ready, Unit, Waiter, Weights};
use super::units::{UnitId, Units};
use crate::config;
use crate::destinations::Destinations;
use crate::format::{Format, Parsed, split_lines};
use crate::port::{
    Ask, Attempt, ErrorClass, FailureClass, Lease, LineOutcome, Notification, QueueTraits, Reason,
    Received, RetryWait, Sender, Timings, Tried, Verdict,
};
use crate::random::Random;
use crate::{allot, travel, verdict};

pub use life::winds_down;

/// What a dispatcher is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How lines are read.
    pub format: Format,
    /// How long a notification is tried.
    pub retry_for: Duration,
    /// What one that failed does to its group on a FIFO queue.
    pub on_failure: config::OnFailure,
    /// How the notifier works.
    pub notifier: config::Notifier,
    /// The rules for receivers.
    pub destinations: Arc<Destinations>,
    /// What the queue can do.
    pub traits: QueueTraits,
    /// Says whether a request can be sent.
    pub sender: Arc<dyn Sender>,
    /// Decides the jitter.
    pub seed: u64,
    /// When everything must have ended, in monotonic time.
    pub deadline: Duration,
}

/// The wait after a receive that failed.
const RECEIVE_BACKOFF: Duration = Duration::from_secs(1);

/// Receives that run at once while each comes back full.
const RECEIVES_MAX: u32 = 16;

/// The most messages of the first receive, before it is known how many lines they have and who is slow.
const FIRST_ASK_MAX: usize = 10;

/// How often it is looked whether slow receivers fill the prefetch; chosen.
const TRIM_EVERY: Duration = Duration::from_millis(5);

/// Messages held for each slot, those aside that are only to be settled; beyond it nothing is received. Chosen: what waits for
/// slow receivers must not fill the in-flight bound of a queue elsewhere.
const HELD_MAX: usize = 8;

/// The in-flight share of the queue from which on nothing more is received.
const IN_FLIGHT_SHARE_MAX: f64 = 0.95;

/// The share of its time that a thread may work before latencies tell more of it than of the receivers; chosen.
const LOADED: f64 = 0.7;

/// The share from which on latencies may tell of this thread, so that what waits for a receiver that only seems slow is looked at
/// again soon: at the end of a burst nobody should wait for a turn that was made of the burst. Chosen.
const BUSY: f64 = 0.3;

/// Lines of packed messages may wait so many times longer than single ones; chosen. Where the rate is known, and not a
/// failing receiver's, a minute: what is split comes back in lumps, between which the receiver would be idle. Not where other
/// notifiers have parts of that rate, which only split lines reach, and splitting costs no requests.
const PARK_FACTOR_KNOWN: usize = 60;
const PARK_FACTOR_SHARED: usize = 1;
const PARK_FACTOR: usize = 10;

/// Parked lines at most, for each slot; chosen.
const PARKED_MAX: u32 = 16;

/// What a lease must outlast beyond the send: flush and then some (contract 7).
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// Attempt numbers that are remembered for messages that wait by visibility; chosen.
const HINTS_MAX: usize = 10_000;

/// The destination of a line that could not be read.
pub const UNKNOWN_DESTINATION: &str = "(unknown)";

/// The group of a FIFO queue: its messages in order; only the first one is worked on.
#[derive(Debug, Default)]
struct Group {
    messages: VecDeque<MessageKey>,
}

/// The state machine of a notifier.
#[derive(Debug)]
pub struct Dispatcher {
    setup: Setup,
    lease: Duration,
    started_at: Duration,
    deadline: Duration,
    messages: Messages,
    units: Units,
    groups: HashMap<Arc<str>, Group, FixedState>,
    /// Receivers that may start a send, in turn.
    ring: VecDeque<UnitId>,
    /// Receivers that wait for slots to become less scarce.
    scarce: VecDeque<UnitId>,
    /// Receivers that wait for a time.
    timers: BinaryHeap<Reverse<(Duration, UnitId)>>,
    /// Receivers for which a line waits whose deadline comes.
    dues: BinaryHeap<Reverse<(Duration, UnitId)>>,
    leases: Leases,
    settling: Settling,
    /// Messages to give back now, and those to give back after a wait.
    releases: Vec<Lease>,
    releases_later: Vec<(Lease, Duration)>,
    actions: Vec<Action>,
    random: Random,
    in_flight: u32,
    waiting: u32,
    parked: u32,
    trim_after: Duration,
    probing: Probing,
    weights: Weights,
    receives: u32,
    receives_goal: u32,
    /// Messages that receives under way ask for.
    asked: usize,
    /// Since when there has been room for some messages, and it is waited for more.
    room_since: Option<Duration>,
    receive_after: Duration,
    /// The most messages that are asked for: from a few upwards, until lines and latencies are known.
    ask_max: usize,
    /// Lines a message, as far as is known.
    lines_mean: Option<f64>,
    in_flight_share: f64,
    is_loaded: bool,
    is_busy: bool,
    hints: HashMap<Arc<str>, u32, FixedState>,
    is_closing: bool,
    is_cancelled: bool,
    unknown: Arc<str>,
    /// What became of lines whose receiver is not known.
    unknown_counts: Counts,
    id_scratch: String,
}

impl Dispatcher {
    /// A dispatcher that begins its life now.
    #[must_use]
    pub fn new(setup: Setup, at: Moment) -> Self {
        let slots = setup.notifier.slots.max(1);
        let units = Units::new(
            setup.destinations.clone(),
            slots,
            setup.notifier.destination_share,
        );
        let worst =
            setup.destinations.longest_attempt() + setup.traits.settle_within + LEASE_MARGIN;
        Self {
            lease: setup.notifier.lease.get().max(worst * 2),
            started_at: at.mono,
            deadline: setup.deadline,
            messages: Messages::default(),
            units,
            groups: HashMap::default(),
            ring: VecDeque::new(),
            scarce: VecDeque::new(),
            timers: BinaryHeap::new(),
            dues: BinaryHeap::new(),
            leases: Leases::default(),
            settling: Settling::new(&setup.traits),
            releases: Vec::new(),
            releases_later: Vec::new(),
            actions: Vec::new(),
            random: Random::of_seed(setup.seed),
            in_flight: 0,
            waiting: 0,
            parked: 0,
            trim_after: Duration::ZERO,
            probing: Probing::new(at.mono),
            weights: Weights::default(),
            receives: 0,
            asked: 0,
            room_since: None,
            receives_goal: setup.traits.sources,
            receive_after: Duration::ZERO,
            ask_max: FIRST_ASK_MAX,
            lines_mean: None,
            in_flight_share: 0.0,
            is_loaded: false,
            is_busy: false,
            hints: HashMap::default(),
            is_closing: false,
            is_cancelled: false,
            unknown: Arc::from(UNKNOWN_DESTINATION),
            unknown_counts: Counts::default(),
            id_scratch: String::new(),
            setup,
        }
    }

    /// A receive ended with these messages.
    pub fn received(&mut self, at: Moment, batch: Vec<Received>, asked: usize) {
        self.receive_over(asked);
        if !batch.is_empty() {
            self.ask_max = self.ask_max.saturating_mul(2);
        }
        self.receives_goal = match batch.len() {
            len if len >= asked => (self.receives_goal * 2).min(RECEIVES_MAX),
            _ => self.setup.traits.sources,
        };
        if self.must_hand_back() {
            self.releases
                .extend(batch.into_iter().map(|received| received.lease));
            return;
        }
        let mut keys = Vec::with_capacity(batch.len());
        let mut half = Duration::MAX;
        for received in batch {
            half = half.min(at.until(received.lease_until) / 2);
            if let Some(key) = self.admit(at, received) {
                keys.push(key);
            }
        }
        self.leases.push(at.mono + half.min(self.lease), keys);
    }

    /// A receive failed.
    pub fn receive_failed(&mut self, at: Moment, asked: usize) {
        self.receive_over(asked);
        self.receives_goal = self.setup.traits.sources;
        self.receive_after = at.mono + RECEIVE_BACKOFF;
    }

    /// A send ended.
    pub fn finished(&mut self, at: Moment, job: JobKey, attempt: Attempt) {
        let Some(message) = self.messages.get_mut(job.message) else {
            return;
        };
        let accepted_at = message.accepted_at;
        let Some(line) = message
            .line_mut(job)
            .filter(|line| line.state == LineState::InFlight)
        else {
            return;
        };
        let unit_id = line.unit;
        let expires_at = line
            .outcome
            .request
            .as_ref()
            .and_then(|request| request.expires_at);
        line.outcome.number = attempt.number;
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(unit) = self.units.get_mut(unit_id) else {
            return;
        };
        let case = verdict::Case {
            at: at.wall,
            accepted_at,
            expires_at,
            retry_for: self.setup.retry_for,
        };
        let class = verdict::class(&attempt, &unit.rules);
        let asked = verdict::retry_after(&attempt, &unit.rules);
        let verdict = verdict::judge(&attempt, &unit.rules, &case, &mut self.random);
        let was_failing = unit.is_failing();
        if attempt.error == Some(ErrorClass::Cancelled) {
            unit.left_flight();
            unit.probe_over(at.mono, job, &mut self.random);
        } else {
            let end = End {
                job,
                timings: &attempt.timings,
                class,
                is_busy: attempt.status == Some(503) || class == Some(FailureClass::Timeout),
                asked,
            };
            unit.ended(at, self.is_loaded, &end, &mut self.random);
        }
        count(&mut unit.counts, &verdict);
        if unit.is_failing() && !was_failing {
            self.shed_waiting(at, unit_id);
        }
        if let Some(line) = self
            .messages
            .get_mut(job.message)
            .and_then(|message| message.line_mut(job))
        {
            let request = line.outcome.request.as_ref().filter(|_| attempt.sent);
            let bytes = request.map_or(0, |notification| notification.request.bytes());
            line.outcome.attempt = Some(Box::new(attempt));
            if let Some(unit) = self.units.get_mut(unit_id) {
                unit.counts.bytes_out += bytes;
            }
        }
        self.decide(at, job, verdict);
        self.wake(unit_id);
        for _ in 0..4 {
            match self.scarce.pop_front() {
                Some(id) => self.wake(id),
                None => break,
            }
        }
    }

    /// A settle ended; its messages have left.
    pub fn settled(&mut self, keys: &[MessageKey]) {
        self.settling.ended();
        self.forget(keys);
    }

    /// Messages that were settled apart from the settle that they were given to have left.
    pub fn forget(&mut self, keys: &[MessageKey]) {
        self.settling.left(keys.len());
        for key in keys {
            self.messages.remove(*key);
        }
    }

    /// An extension ended. `lost`: the leases that are gone; `None`: it failed as a whole.
    pub fn extended(
        &mut self,
        at: Moment,
        keys: Vec<MessageKey>,
        asked_at: Duration,
        lost: Option<&[Lease]>,
    ) {
        let Some(lost) = lost else {
            self.leases.push(at.mono + Duration::from_secs(1), keys);
            return;
        };
        let mut kept = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(message) = self.messages.get_mut(key) else {
                continue;
            };
            if lost.contains(&message.received.lease) {
                self.lose(at, key);
            } else {
                message.lease_end = asked_at + self.lease;
                kept.push(key);
            }
        }
        self.leases.push(asked_at + self.lease / 2, kept);
    }

    /// New directives of the operator or the scaler.
    pub fn direct(&mut self, at: Moment, directives: Directives) {
        self.units.direct(directives, at.mono);
        let shut: Vec<UnitId> = self
            .units
            .iter_mut()
            .filter(|(_, unit)| unit.is_shut() && !unit.ready.is_empty())
            .map(|(id, _)| id)
            .collect();
        for id in shut {
            self.shed_waiting(at, id);
        }
        if self.must_hand_back() {
            self.hand_back(at);
        }
        let ids: Vec<UnitId> = self.units.iter_mut().map(|(id, _)| id).collect();
        ids.into_iter().for_each(|id| self.wake(id));
    }

    /// How much of the queue's in-flight bound is used; see [`crate::port::Queue::in_flight_share`].
    pub fn set_in_flight_share(&mut self, share: f64) {
        self.in_flight_share = share;
    }

    /// How much of its time the thread works, 0.0 to 1.0: while that is almost all of it, answers wait for us, and how
    /// slow receivers are cannot be told.
    pub fn set_load(&mut self, share: f64) {
        self.is_loaded = share >= LOADED;
        self.is_busy = share >= BUSY;
    }

    /// Ends the life at `deadline` if that is earlier than planned.
    pub fn stop(&mut self, deadline: Duration) {
        self.deadline = self.deadline.min(deadline);
    }

    /// Ends the life now: nothing more starts; what is in flight may end until `deadline`.
    pub fn drain(&mut self, at: Moment, deadline: Duration) {
        self.stop(deadline);
        self.close(at);
    }

    /// What is to be done now.
    pub fn act(&mut self, at: Moment, actions: &mut Vec<Action>) {
        self.end_life(at);
        self.expire_due(at);
        self.wake_timers(at.mono);
        self.extend(at.mono);
        self.trim(at);
        self.start_all(at);
        while let Some(action) = self.settling.pop(at.mono, self.is_closing) {
            self.actions.push(action);
        }
        self.release();
        self.ask(at);
        actions.append(&mut self.actions);
    }

    /// When [`Dispatcher::act`] must be called again at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Duration {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let due = self.dues.peek().map(|Reverse((at, _))| *at);
        let life = match (self.is_closing, self.is_cancelled) {
            (false, _) => self.drain_from(self.setup.destinations.default_attempt()),
            (true, false) => self.cancel_at(),
            (true, true) => Duration::MAX,
        };
        let free = self.setup.notifier.slots.saturating_sub(self.in_flight);
        let trim = (self.waiting > 0 && self.waiting >= free / 2).then_some(self.trim_after);
        let receive = (self.receives == 0 && !self.is_closing).then_some(self.receive_after);
        [
            timer,
            due,
            self.leases.next_at(),
            self.settling.next_at(),
            receive.filter(|at| !at.is_zero()),
            self.gathered_at(),
            trim,
        ]
        .into_iter()
        .flatten()
        .fold(life, Duration::min)
    }

    /// Whether the life is over: everything is settled or handed back.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_closing
            && self.messages.len() == 0
            && self.settling.is_empty()
            && self.releases.is_empty()
    }

    /// Whether nothing more is received or started.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Receives that have not ended.
    #[must_use]
    pub fn receives(&self) -> u32 {
        self.receives
    }

    /// Sends that have not ended.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// How the limits of destinations stand, of those that have something to tell.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let told = self.units.limits().flatten().take(TOLD_MAX);
        Arc::new(Told {
            states: told.collect(),
            has_free: self.units.limits().any(|told| told.is_none()),
        })
    }

    /// How many lines wait for receivers whose rate other notifiers of its route share, or other routes.
    #[must_use]
    pub fn waiting(&self) -> allot::Waiting {
        self.units.waiting()
    }

    /// Hands out and resets what happened to each destination.
    pub fn take_counts(&mut self, mut each: impl FnMut(&Arc<str>, &Counts)) {
        for (_, unit) in self.units.iter_mut() {
            let counts = std::mem::take(&mut unit.counts);
            if counts != Counts::default() {
                each(&unit.name, &counts);
            }
        }
        let unknown = std::mem::take(&mut self.unknown_counts);
        if unknown != Counts::default() {
            each(&self.unknown, &unknown);
        }
    }
}

fn cancelled(at: Moment, number: u32) -> Attempt {
    Attempt {
        number,
        started: at.wall,
        address: None,
        http: None,
        status: None,
        error: Some(ErrorClass::Cancelled),
        detail: "the notifier's life ended before the answer came".to_owned(),
        timings: Timings::default(),
        excerpt: Bytes::new(),
        retry_after: None,
        sent: true,
        beside: None,
    }
}

fn count(counts: &mut Counts, verdict: &Verdict) {
    match verdict {
        Verdict::Delivered => counts.delivered += 1,
        Verdict::RetryAt { .. } => counts.retried += 1,
        Verdict::Expired { .. } => counts.expired += 1,
        Verdict::Dead { reason } => {
            counts.dead += 1;
            counts.unresolved += u64::from(matches!(reason, Reason::Unresolved { .. }));
        }
        Verdict::Later { .. } | Verdict::Broken { .. } | Verdict::Paused { .. } => {
            counts.later += 1
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn to_f64(count: usize) -> f64 {
    count as f64
}
