//! The state machine: messages and ended attempts in, actions out.
//!
//! Every input comes with its [`Moment`]; after one or more inputs [`Dispatcher::act`] gives what is to be done and
//! [`Dispatcher::wake_at`] says when to call it again at the latest.

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
use super::message::{Conclusion, Line, LineState, Message, MessageState, Messages, Waiting};
use super::settling::Settling;
use super::unit::{Gate, Ready, Unit};
use super::units::{UnitId, Units};
use crate::config;
use crate::destinations::Destinations;
use crate::format::{Format, Parsed, split_lines};
use crate::port::{
    Ask, Attempt, ErrorClass, Lease, LineOutcome, Notification, QueueTraits, Reason, Received,
    RetryWait, Sender, Timings, Verdict,
};
use crate::random::Random;
use crate::{travel, verdict};

/// What a dispatcher is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How lines are read.
    pub format: Format,
    /// How long a notification is tried.
    pub retry_for: Duration,
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

/// Messages held in any state, for each slot; beyond it nothing is received. Chosen: settles that take a second
/// must not fill the in-flight bound of a queue elsewhere.
const HELD_MAX: usize = 8;

/// The in-flight share of the queue from which on nothing more is received.
const IN_FLIGHT_SHARE_MAX: f64 = 0.95;

/// Lines of packed messages may wait so many times longer than single ones; chosen.
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
    receives: u32,
    receives_goal: u32,
    receive_after: Duration,
    /// The most messages that are asked for: from a few upwards, until lines and latencies are known.
    ask_max: usize,
    /// Lines a message, as far as is known.
    lines_mean: Option<f64>,
    in_flight_share: f64,
    hints: HashMap<Arc<str>, u32, FixedState>,
    is_closing: bool,
    is_cancelled: bool,
    unknown: Arc<str>,
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
            receives: 0,
            receives_goal: 1,
            receive_after: Duration::ZERO,
            ask_max: FIRST_ASK_MAX,
            lines_mean: None,
            in_flight_share: 0.0,
            hints: HashMap::default(),
            is_closing: false,
            is_cancelled: false,
            unknown: Arc::from(UNKNOWN_DESTINATION),
            id_scratch: String::new(),
            setup,
        }
    }

    /// A receive ended with these messages.
    pub fn received(&mut self, at: Moment, batch: Vec<Received>, asked: usize) {
        self.receives = self.receives.saturating_sub(1);
        if !batch.is_empty() {
            self.ask_max = self.ask_max.saturating_mul(2);
        }
        self.receives_goal = match batch.len() {
            len if len >= asked => (self.receives_goal * 2).min(RECEIVES_MAX),
            _ => 1,
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
    pub fn receive_failed(&mut self, at: Moment) {
        self.receives = self.receives.saturating_sub(1);
        self.receives_goal = 1;
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
            unit.in_flight = unit.in_flight.saturating_sub(1);
        } else {
            unit.ended(at, attempt.timings.total, class, asked);
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
            line.outcome.attempt = Some(Box::new(attempt));
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
        let paused: Vec<UnitId> = self
            .units
            .iter_mut()
            .filter(|(_, unit)| unit.is_paused && !unit.ready.is_empty())
            .map(|(id, _)| id)
            .collect();
        for id in paused {
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
            self.leases.next_at(),
            self.settling.next_at(),
            receive.filter(|at| !at.is_zero()),
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

    /// Hands out and resets what happened to each destination.
    pub fn take_counts(&mut self, mut each: impl FnMut(&Arc<str>, &Counts)) {
        for (_, unit) in self.units.iter_mut() {
            let counts = std::mem::take(&mut unit.counts);
            if counts != Counts::default() {
                each(&unit.name, &counts);
            }
        }
    }
}

/// Messages in.
impl Dispatcher {
    /// Takes a message; `None` when it went straight back.
    fn admit(&mut self, at: Moment, received: Received) -> Option<MessageKey> {
        let attribute = |name: &str| received.attributes.get(name);
        let retry = attribute(travel::RETRY)
            .map_or_else(travel::Retry::default, |text| travel::Retry::parse(text));
        let base = attribute(travel::ID).map_or_else(
            || received.message_id.clone(),
            |text| Arc::from(text.as_str()),
        );
        let hint = if self.hints.is_empty() {
            None
        } else {
            self.hints.remove(&received.message_id)
        };
        let attempts = received.attempt.max(retry.attempt).max(hint.unwrap_or(0));
        let accepted_at = retry.first.unwrap_or(received.sent_at);
        let not_before = retry.not_before.filter(|time| *time > at.wall);
        let message = Message {
            lease_end: at.mono + at.until(received.lease_until),
            accepted_at,
            base,
            attempts,
            retry,
            lines: Vec::with_capacity(1),
            open: 0,
            state: MessageState::Held,
            received,
        };
        let key = self.messages.insert(message);
        if self.setup.traits.is_fifo {
            self.join_group(key);
        }
        self.read_lines(at, key, not_before);
        self.messages.get(key).map(|_| key)
    }

    fn read_lines(&mut self, at: Moment, key: MessageKey, not_before: Option<Timestamp>) {
        let Some(message) = self.messages.get(key) else {
            return;
        };
        let body = message.received.body.clone();
        let mut lines: Vec<Line> = Vec::with_capacity(1);
        let mut jobs = 0;
        for (index, raw) in split_lines(&body).enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let line = self.read_line(at, key, index, raw, not_before);
            jobs += u32::from(line.state == LineState::Waiting);
            lines.push(line);
        }
        self.learn_lines(to_f64(lines.len()));
        let Some(message) = self.messages.get_mut(key) else {
            return;
        };
        message.lines = lines;
        message.open = jobs;
        if jobs == 0 {
            self.conclude(at, key);
        } else if self.setup.traits.is_fifo {
            self.next_in_group(at, key);
        } else {
            self.queue_lines(at, key);
        }
    }

    /// Follows more lines a message at once, fewer slowly: the prefetch must not overshoot.
    fn learn_lines(&mut self, lines: f64) {
        let known = self.lines_mean.unwrap_or(lines);
        let weight = if lines > known { 0.5 } else { 1.0 / 32.0 };
        self.lines_mean = Some(known + (lines - known) * weight);
    }

    fn read_line(
        &mut self,
        at: Moment,
        key: MessageKey,
        index: u32,
        raw: Bytes,
        not_before: Option<Timestamp>,
    ) -> Line {
        let (unit, request, verdict) = match not_before {
            Some(at) => (None, None, Some(Verdict::Later { at })),
            None => match self.setup.format.parse(&raw) {
                Ok(parsed) => self.judge_line(at, key, index, parsed),
                Err(error) => {
                    let reason = Reason::from(error);
                    (None, None, Some(Verdict::Dead { reason }))
                }
            },
        };
        let (number, attempts) = self.number_of(key, index);
        let notification = match &request {
            Some(request) => request.id.clone(),
            None => self.id_of(key, number, None),
        };
        let destination = unit
            .and_then(|id| self.units.get(id))
            .map_or(&self.unknown, |unit| &unit.name)
            .clone();
        if let (Some(unit), Some(verdict)) = (unit.and_then(|id| self.units.get_mut(id)), &verdict)
        {
            count(&mut unit.counts, verdict);
        }
        Line {
            unit: unit.unwrap_or(UnitId::MAX),
            state: if verdict.is_some() {
                LineState::Done
            } else {
                LineState::Waiting
            },
            outcome: LineOutcome {
                line: number,
                notification,
                destination,
                verdict: verdict.unwrap_or(Verdict::Later {
                    at: Timestamp::EPOCH,
                }),
                number: attempts,
                raw,
                request,
                attempt: None,
            },
        }
    }

    /// The receiver, the request, and the verdict where there is one already.
    fn judge_line(
        &mut self,
        at: Moment,
        key: MessageKey,
        index: u32,
        parsed: Parsed,
    ) -> (Option<UnitId>, Option<Arc<Notification>>, Option<Verdict>) {
        let unit = self.units.of_url(&parsed.request.url, at.mono);
        let (number, attempts) = self.number_of(key, index);
        let id = self.id_of(key, number, parsed.id.as_deref());
        let message = self.messages.get(key);
        let request = Arc::new(Notification {
            id,
            request: parsed.request,
            attempt: attempts + 1,
            expires_at: parsed.expires_at,
            line: number,
            message_id: message.map_or_else(
                || self.unknown.clone(),
                |message| message.received.message_id.clone(),
            ),
            origin: message.and_then(|message| message.received.origin.clone()),
            replay: message.and_then(Message::replay),
        });
        let Some(unit_id) = unit else {
            let later = at.wall_after(Duration::from_secs(30));
            return (None, Some(request), Some(Verdict::Later { at: later }));
        };
        let verdict = if request.expires_at.is_some_and(|end| end <= at.wall) {
            Some(Verdict::Expired)
        } else {
            let refused = self
                .units
                .get(unit_id)
                .and_then(|unit| self.setup.sender.check(&request.request, &unit.rules).err());
            refused.map(|refused| Verdict::Dead {
                reason: Reason::Refused {
                    detail: refused.detail,
                },
            })
        };
        (unit, Some(request), verdict)
    }

    /// A line's number as first sent, and the attempts made.
    fn number_of(&self, key: MessageKey, index: u32) -> (u32, u32) {
        self.messages.get(key).map_or((index + 1, 0), |message| {
            let number = message
                .retry
                .lines
                .get(index as usize)
                .copied()
                .unwrap_or(index + 1);
            (number, message.attempts)
        })
    }

    fn id_of(&mut self, key: MessageKey, number: u32, own: Option<&str>) -> Arc<str> {
        if let Some(own) = own {
            return Arc::from(own);
        }
        self.id_scratch.clear();
        if let Some(message) = self.messages.get(key) {
            self.id_scratch.push_str(&message.base);
        }
        let _ = write!(self.id_scratch, "/{number}");
        Arc::from(self.id_scratch.as_str())
    }

    /// Lets all waiting lines of a message stand in line before their receivers, or puts them off.
    fn queue_lines(&mut self, at: Moment, key: MessageKey) {
        let Some(message) = self.messages.get(key) else {
            return;
        };
        if message.lines.len() == 1 {
            return self.queue_line(
                at,
                JobKey {
                    message: key,
                    line: 0,
                },
            );
        }
        for line in message.waiting() {
            self.queue_line(at, JobKey { message: key, line });
        }
    }

    fn queue_line(&mut self, at: Moment, job: JobKey) {
        let Some(message) = self.messages.get(job.message) else {
            return;
        };
        let is_packed = message.lines.len() > 1;
        let is_returning =
            message.received.receive_count > 1 || message.retry != travel::Retry::default();
        let left = self.prefetch_left();
        let Some(unit_id) = message.line(job).map(|line| line.unit) else {
            return;
        };
        let Some((unit, bucket)) = self.units.with_bucket(unit_id) else {
            return;
        };
        let per_sec = bucket.map(|bucket| bucket.per_sec());
        let room = unit.room(at.mono, per_sec, left);
        let has_room = unit.ready.len() < room && (is_returning || !unit.has_queue(at.mono));
        // Splitting a packed message costs a new one: its lines may wait longer, beside the prefetch.
        let may_park = is_packed
            && unit.ready.len() < room.saturating_mul(PARK_FACTOR)
            && self.parked < self.setup.notifier.slots.saturating_mul(PARKED_MAX);
        if !has_room && !may_park {
            let wait = unit.turn(at, per_sec, &mut self.random);
            return self.put_off(at, job, wait);
        }
        unit.ready.push_back(Ready {
            job,
            is_parked: !has_room,
        });
        if has_room {
            self.waiting += 1;
        } else {
            self.parked += 1;
        }
        self.wake(unit_id);
    }

    /// Places of the prefetch that are left.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of lines, small and not negative"
    )]
    fn prefetch_left(&self) -> usize {
        let free = self.setup.notifier.slots.saturating_sub(self.in_flight);
        let budget = (f64::from(free) * self.setup.notifier.prefetch) as usize;
        budget.saturating_sub(self.waiting as usize)
    }

    /// Puts off what waits for receivers that turned out to be slower than thought, when it fills the prefetch.
    fn trim(&mut self, at: Moment) {
        let free = self.setup.notifier.slots.saturating_sub(self.in_flight);
        if self.waiting < free / 2 || at.mono < self.trim_after {
            return;
        }
        self.trim_after = at.mono + TRIM_EVERY;
        let with_ready = |(id, unit): (UnitId, &mut Unit)| (!unit.ready.is_empty()).then_some(id);
        let ids: Vec<UnitId> = self.units.iter_mut().filter_map(with_ready).collect();
        for id in ids {
            self.trim_one(at, id);
        }
    }

    fn trim_one(&mut self, at: Moment, id: UnitId) {
        let left = self.prefetch_left();
        let Some((unit, bucket)) = self.units.with_bucket(id) else {
            return;
        };
        let per_sec = bucket.map(|bucket| bucket.per_sec());
        let room = unit.room(at.mono, per_sec, left);
        if unit.ready.len() <= room {
            return;
        }
        let kept = std::mem::take(&mut unit.ready);
        for (place, ready) in kept.into_iter().enumerate() {
            let message = self.messages.get(ready.job.message);
            let is_packed = message.is_some_and(|message| message.lines.len() > 1);
            let may_park = is_packed && place < room.saturating_mul(PARK_FACTOR);
            let Some((unit, bucket)) = self.units.with_bucket(id) else {
                return;
            };
            if place < room || may_park {
                let is_parked = ready.is_parked || place >= room;
                unit.ready.push_back(Ready { is_parked, ..ready });
                if is_parked && !ready.is_parked {
                    self.waiting = self.waiting.saturating_sub(1);
                    self.parked += 1;
                }
                continue;
            }
            let per_sec = bucket.map(|bucket| bucket.per_sec());
            let wait = unit.turn(at, per_sec, &mut self.random);
            self.left_line(ready);
            self.put_off(at, ready.job, wait);
        }
    }

    /// Something no longer waits.
    fn left_line(&mut self, ready: Ready) {
        let count = if ready.is_parked {
            &mut self.parked
        } else {
            &mut self.waiting
        };
        *count = count.saturating_sub(1);
    }
}

/// Sends.
impl Dispatcher {
    /// Lets a receiver stand in the ring if something waits for it.
    fn wake(&mut self, id: UnitId) {
        if let Some(unit) = self.units.get_mut(id)
            && !unit.is_in_ring
            && !unit.ready.is_empty()
        {
            unit.is_in_ring = true;
            self.ring.push_back(id);
        }
    }

    fn wake_timers(&mut self, mono: Duration) {
        while let Some(Reverse((at, id))) = self.timers.peek().copied() {
            if at > mono {
                break;
            }
            self.timers.pop();
            self.wake(id);
        }
    }

    fn start_all(&mut self, at: Moment) {
        while self.in_flight < self.setup.notifier.slots {
            let Some(id) = self.ring.pop_front() else {
                return;
            };
            self.start_one(at, id);
        }
    }

    /// Starts at most one send of a receiver, and lets it stand in line again where more may follow.
    fn start_one(&mut self, at: Moment, id: UnitId) {
        let free = self.setup.notifier.slots - self.in_flight;
        let Some((unit, bucket)) = self.units.with_bucket(id) else {
            return;
        };
        unit.is_in_ring = false;
        if unit.ready.is_empty() {
            return;
        }
        let mut gate = unit.gate(at.mono, free);
        if gate == Gate::Open
            && let Some(bucket) = bucket
            && let Err(next) = bucket.take(at.mono)
        {
            gate = Gate::At(next);
        }
        match gate {
            Gate::Open => {
                let Some(ready) = unit.ready.pop_front() else {
                    return;
                };
                self.left_line(ready);
                if !self.start(at, ready.job)
                    && let Some((_, Some(bucket))) = self.units.with_bucket(id)
                {
                    bucket.give_back();
                }
                self.wake(id);
            }
            Gate::Full => {}
            Gate::Scarce => self.scarce.push_back(id),
            Gate::At(time) => self.timers.push(Reverse((time, id))),
            Gate::Shut => self.shed_waiting(at, id),
        }
    }

    /// Starts a send; `false` when the line cannot be sent now.
    fn start(&mut self, at: Moment, job: JobKey) -> bool {
        let cancel_at = self.cancel_at();
        let Some(message) = self.messages.get_mut(job.message) else {
            return false;
        };
        let lease_end = message.lease_end;
        let is_held = message.state == MessageState::Held;
        let Some(line) = message
            .line_mut(job)
            .filter(|line| line.state == LineState::Waiting && is_held)
        else {
            return false;
        };
        let unit_id = line.unit;
        let request = line.outcome.request.clone();
        let (Some(notification), Some(unit)) = (request, self.units.get_mut(unit_id)) else {
            return false;
        };
        if notification.expires_at.is_some_and(|end| end <= at.wall) {
            unit.counts.expired += 1;
            self.decide(at, job, Verdict::Expired);
            return false;
        }
        let timeout = unit.rules.timeout_total;
        let life = self.deadline.saturating_sub(self.started_at);
        let budget = timeout.min(cancel_at.saturating_sub(at.mono));
        // INVARIANT: no send starts unless its worst end precedes the lease's end, and the life's.
        let is_too_late = budget < timeout.min(life / 4);
        if is_too_late || at.mono + budget + self.setup.traits.settle_within >= lease_end {
            let wait = if is_too_late {
                Duration::ZERO
            } else {
                Duration::from_secs(1)
            };
            self.put_off(at, job, wait);
            return false;
        }
        unit.started(at.mono);
        let rules = unit.rules.clone();
        self.in_flight += 1;
        if let Some(line) = self
            .messages
            .get_mut(job.message)
            .and_then(|message| message.line_mut(job))
        {
            line.state = LineState::InFlight;
        }
        self.actions.push(Action::Send(Send {
            job,
            notification,
            rules,
            budget,
        }));
        true
    }

    /// Puts off everything that waits for a receiver which will not take it soon.
    fn shed_waiting(&mut self, at: Moment, id: UnitId) {
        let Some(unit) = self.units.get_mut(id) else {
            return;
        };
        for ready in std::mem::take(&mut unit.ready) {
            self.left_line(ready);
            let Some((unit, bucket)) = self.units.with_bucket(id) else {
                return;
            };
            let per_sec = bucket.map(|bucket| bucket.per_sec());
            let wait = unit.turn(at, per_sec, &mut self.random);
            self.put_off(at, ready.job, wait);
        }
    }

    /// Decides a waiting line: later, untried.
    fn put_off(&mut self, at: Moment, job: JobKey, wait: Duration) {
        let unit = self
            .messages
            .get(job.message)
            .and_then(|message| message.line(job))
            .map(|line| line.unit);
        if let Some(unit) = unit.and_then(|id| self.units.get_mut(id)) {
            unit.counts.later += 1;
        }
        let later = at.wall_after(wait);
        self.decide(at, job, Verdict::Later { at: later });
    }

    /// Decides a line; concludes its message when it was the last.
    fn decide(&mut self, at: Moment, job: JobKey, verdict: Verdict) {
        let later = match verdict {
            Verdict::RetryAt { at, .. } | Verdict::Later { at } => Some(at),
            _ => None,
        };
        let Some(message) = self.messages.get_mut(job.message) else {
            return;
        };
        let Some(mut is_last) = message.decide(job.line, verdict) else {
            return;
        };
        if self.setup.traits.is_fifo
            && let Some(later) = later
        {
            // The rest of a FIFO message waits with the line that must be tried again.
            for place in message.waiting() {
                is_last |= message.decide(place, Verdict::Later { at: later }) == Some(true);
            }
        }
        if is_last {
            self.conclude(at, job.message);
        } else if self.setup.traits.is_fifo {
            self.next_in_group(at, job.message);
        }
    }

    fn conclude(&mut self, at: Moment, key: MessageKey) {
        let waiting = Waiting {
            now: at.wall,
            traits: self.setup.traits,
            visible_max: self.visible_max(),
        };
        let Some(message) = self.messages.get_mut(key) else {
            return;
        };
        let goes_on = message
            .lines
            .iter()
            .any(|line| super::message::goes_on(&line.outcome).is_some());
        match message.conclude(&waiting) {
            Conclusion::Release { wait } => {
                if let Some(message) = self.messages.remove(key) {
                    self.leave_group(at, key, &message, true);
                    if wait.is_zero() {
                        self.releases.push(message.received.lease);
                    } else {
                        self.releases_later.push((message.received.lease, wait));
                    }
                }
            }
            Conclusion::Settle(outcome) => {
                if let (crate::port::Next::VisibleAfter { .. }, Some(attempt)) = (
                    outcome.next,
                    outcome.lines.iter().map(|line| line.number).max(),
                ) && self.hints.len() < HINTS_MAX
                {
                    self.hints.insert(outcome.message_id.clone(), attempt);
                }
                self.settling.push(at.mono, key, outcome);
                if self.setup.traits.is_fifo
                    && let Some(group) = self
                        .messages
                        .get(key)
                        .and_then(|message| message.received.group.clone())
                {
                    self.leave_group_named(at, key, &group, goes_on);
                }
            }
        }
    }

    /// The longest wait by visibility that the queue's in-flight share allows.
    fn visible_max(&self) -> Duration {
        let is_low = self.in_flight_share < self.setup.notifier.visibility_share_max;
        match self.setup.traits.retry_wait {
            RetryWait::Resend if is_low => self.setup.notifier.visibility_wait_max.get(),
            _ => Duration::ZERO,
        }
    }

    /// A message's lease is lost: what has not started is forgotten, what was tried keeps its result.
    fn lose(&mut self, at: Moment, key: MessageKey) {
        let Some(message) = self.messages.get_mut(key) else {
            return;
        };
        if message.state != MessageState::Held {
            return;
        }
        message.state = MessageState::Lost;
        let is_untried = message
            .lines
            .iter()
            .all(|line| line.state == LineState::Waiting);
        if is_untried {
            if let Some(message) = self.messages.remove(key) {
                self.leave_group(at, key, &message, true);
            }
            return;
        }
        self.put_off_waiting(at, key);
    }

    fn put_off_waiting(&mut self, at: Moment, key: MessageKey) {
        let waiting = self
            .messages
            .get(key)
            .map_or_else(Vec::new, Message::waiting);
        for line in waiting {
            self.put_off(at, JobKey { message: key, line }, Duration::ZERO);
        }
    }
}

/// FIFO groups.
impl Dispatcher {
    fn join_group(&mut self, key: MessageKey) {
        let group = self
            .messages
            .get(key)
            .and_then(|message| message.received.group.clone());
        if let Some(group) = group {
            self.groups
                .entry(group)
                .or_default()
                .messages
                .push_back(key);
        }
    }

    /// Lets the next line of a message stand in line, if the message is the first of its group.
    fn next_in_group(&mut self, at: Moment, key: MessageKey) {
        let Some(message) = self.messages.get(key) else {
            return;
        };
        let group = message
            .received
            .group
            .as_ref()
            .and_then(|group| self.groups.get(group));
        let is_first = group.is_none_or(|group| group.messages.front() == Some(&key));
        let has_flight = message
            .lines
            .iter()
            .any(|line| line.state == LineState::InFlight);
        let next = message
            .lines
            .iter()
            .position(|line| line.state == LineState::Waiting);
        if let (true, false, Some(line)) = (
            is_first,
            has_flight,
            next.and_then(|line| u32::try_from(line).ok()),
        ) {
            self.queue_line(at, JobKey { message: key, line });
        }
    }

    fn leave_group(&mut self, at: Moment, key: MessageKey, message: &Message, goes_on: bool) {
        if self.setup.traits.is_fifo
            && let Some(group) = &message.received.group
        {
            self.leave_group_named(at, key, &group.clone(), goes_on);
        }
    }

    /// A message has left its group: the next one begins, or, when it must be tried again, the others go back.
    fn leave_group_named(&mut self, at: Moment, key: MessageKey, name: &Arc<str>, goes_on: bool) {
        let Some(group) = self.groups.get_mut(name) else {
            return;
        };
        let was_first = group.messages.front() == Some(&key);
        group.messages.retain(|other| *other != key);
        let Some(next) = group.messages.front().copied() else {
            self.groups.remove(name);
            return;
        };
        if was_first && goes_on {
            let others = self.groups.remove(name).unwrap_or_default().messages;
            for other in others {
                if let Some(message) = self.messages.remove(other) {
                    self.releases.push(message.received.lease);
                }
            }
        } else if was_first {
            self.next_in_group(at, next);
        }
    }
}

/// Leases, receives and the end.
impl Dispatcher {
    fn extend(&mut self, mono: Duration) {
        while let Some(mut keys) = self.leases.pop(mono) {
            keys.retain(|key| {
                self.messages
                    .get(*key)
                    .is_some_and(|message| message.state != MessageState::Lost)
            });
            let leases: Vec<Lease> = keys
                .iter()
                .filter_map(|key| self.messages.get(*key))
                .map(|message| message.received.lease.clone())
                .collect();
            if !keys.is_empty() {
                let span = self.lease;
                self.actions.push(Action::Extend { keys, leases, span });
            }
        }
    }

    fn release(&mut self) {
        if !self.releases.is_empty() {
            let leases = std::mem::take(&mut self.releases);
            self.actions.push(Action::Release {
                leases,
                wait: Duration::ZERO,
            });
        }
        for (lease, wait) in self.releases_later.drain(..) {
            self.actions.push(Action::Release {
                leases: vec![lease],
                wait,
            });
        }
    }

    /// Receives as much as the prefetch allows.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of messages, small and not negative"
    )]
    fn ask(&mut self, at: Moment) {
        let slots = usize::try_from(self.setup.notifier.slots).unwrap_or(usize::MAX);
        if self.must_hand_back()
            || at.mono < self.receive_after
            || self.settling.is_behind()
            || self.messages.len() >= slots.saturating_mul(HELD_MAX)
            || self.in_flight_share >= IN_FLIGHT_SHARE_MAX
        {
            return;
        }
        self.receive_after = Duration::ZERO;
        let free = self.setup.notifier.slots.saturating_sub(self.in_flight) as usize;
        let lines = self.prefetch_left();
        // Asking for little by little costs more than it brings.
        if lines < free.div_ceil(2).max(1) {
            return;
        }
        let mean = self.lines_mean.unwrap_or(1.0).max(1.0);
        let mut messages = ((to_f64(lines) / mean).ceil() as usize).min(self.ask_max);
        let max = self.setup.traits.receive_max.max(1);
        messages = messages.saturating_sub(self.receives as usize * max);
        while messages > 0 && self.receives < self.receives_goal {
            let ask = Ask {
                max: messages.min(max),
                wait: self.receive_wait(at.mono),
                lease: self.lease,
            };
            self.receives += 1;
            messages -= ask.max;
            self.actions.push(Action::Receive(ask));
        }
    }

    /// A receive does not wait beyond the end of receiving.
    fn receive_wait(&self, mono: Duration) -> Duration {
        let left = self
            .drain_from(self.setup.destinations.default_attempt())
            .saturating_sub(mono);
        self.setup.notifier.receive_wait.get().min(left)
    }

    fn must_hand_back(&self) -> bool {
        let directives = self.units.directives();
        self.is_closing || directives.is_paused || !directives.may_start
    }

    /// When sends that are still in flight are given up, so that their results can be stored in time.
    fn cancel_at(&self) -> Duration {
        let life = self.deadline.saturating_sub(self.started_at);
        let margin = match self.setup.traits.retry_wait {
            RetryWait::Native => Duration::from_millis(500),
            RetryWait::Resend => Duration::from_secs(5),
        };
        self.deadline.saturating_sub(margin.min(life / 10))
    }

    /// From when on no send may start that takes `attempt` at most.
    fn drain_from(&self, attempt: Duration) -> Duration {
        let life = self.deadline.saturating_sub(self.started_at);
        self.cancel_at().saturating_sub(attempt.min(life / 4))
    }

    fn end_life(&mut self, at: Moment) {
        if !self.is_closing && at.mono >= self.drain_from(self.setup.destinations.default_attempt())
        {
            self.close(at);
        }
        if self.is_closing && !self.is_cancelled && at.mono >= self.cancel_at() {
            self.is_cancelled = true;
            if self.in_flight > 0 {
                self.cancel(at);
            }
        }
    }

    fn close(&mut self, at: Moment) {
        self.is_closing = true;
        self.hand_back(at);
    }

    /// Gives back everything that waits.
    fn hand_back(&mut self, at: Moment) {
        for (_, unit) in self.units.iter_mut() {
            unit.ready.clear();
        }
        self.waiting = 0;
        self.parked = 0;
        for key in self.messages.keys() {
            let is_held = self
                .messages
                .get(key)
                .is_some_and(|message| message.state == MessageState::Held);
            if is_held {
                self.put_off_waiting(at, key);
            }
        }
    }

    /// Accounts for every send in flight as an attempt that was given up: the receiver may have it.
    fn cancel(&mut self, at: Moment) {
        self.actions.push(Action::CancelSends);
        for key in self.messages.keys() {
            let Some(message) = self.messages.get(key) else {
                continue;
            };
            let number = message.attempts + 1;
            for line in message.places(LineState::InFlight) {
                let job = JobKey { message: key, line };
                self.finished(at, job, cancelled(at, number));
            }
        }
    }
}

fn cancelled(at: Moment, number: u32) -> Attempt {
    Attempt {
        number,
        started: at.wall,
        address: None,
        status: None,
        error: Some(ErrorClass::Cancelled),
        detail: "the notifier's life ended before the answer came".to_owned(),
        timings: Timings::default(),
        excerpt: Bytes::new(),
        retry_after: None,
        sent: true,
    }
}

fn count(counts: &mut Counts, verdict: &Verdict) {
    match verdict {
        Verdict::Delivered => counts.delivered += 1,
        Verdict::RetryAt { .. } => counts.retried += 1,
        Verdict::Dead { .. } => counts.dead += 1,
        Verdict::Expired => counts.expired += 1,
        Verdict::Later { .. } => counts.later += 1,
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn to_f64(count: usize) -> f64 {
    count as f64
}
