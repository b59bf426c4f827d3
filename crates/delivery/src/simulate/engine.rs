//! The steps of a simulation with notifiers, planned or always there.

use std::sync::Arc;
use std::time::Duration;

use base::{ManualClock, Timestamp};

use super::board::{BEGIN, Board, ROUTE};
use super::fleet::Works;
use super::lane::Lane;
use super::latency::Spread;
use super::number::{divide, float, floor, whole};
use super::outcome::{Delay, Minute, Outcome};
use super::planner::Planner;
use super::slots::{Slots, Wish};
use super::tally::Tally;
use super::traffic::{Arrivals, Traffic};
use super::usage::{BATCH, LONG_POLL_SECS, RESULTS_MAX, Usage, requests};
use super::{DRAIN_MAX, FIXED_MAX, Model, Place};
use crate::config;
use crate::port::StartEvent;
use crate::random::Random;
use crate::scaler::{InMemory, Loop, RouteScale, Rules};
use crate::share::Share;

/// As the server does: the least time between a plan and one that is made early.
const EARLY_PLANS_APART_MS: u64 = 1_000;

/// With the scaler, by these settings.
pub(super) fn scaled(traffic: &Traffic, model: &Model, settings: &config::Scaler) -> Engine {
    let board = Arc::new(Board::new(model));
    let clock = Arc::new(ManualClock::at(BEGIN));
    let rules = Rules {
        settings: settings.clone(),
        life: model.notifier.life,
        winds_down: model.notifier.winds_down,
        slots: model.notifier.slots,
        routes: vec![RouteScale {
            route: ROUTE.to_owned(),
            notifiers_max: None,
        }],
    };
    let memory = Arc::new(InMemory::default());
    let plans = Loop::new(rules, board.clone(), board.clone(), memory, clock.clone());
    let planner = Planner::new(plans, clock, settings.interval.get());
    Engine::new(traffic, model.clone(), board, Some(planner))
}

/// With so many notifiers, always.
pub(super) fn fixed(traffic: &Traffic, model: &Model, count: u32) -> Engine {
    let board = Arc::new(Board::new(model));
    let count = count.clamp(1, FIXED_MAX);
    // Servers do not end, and are there from the first moment.
    let mut always = model.clone();
    always.notifier.start_latency = Duration::ZERO;
    always.notifier.deaths = 0.0;
    always.notifier.winds_down = Duration::ZERO;
    for index in 0..count {
        let event = StartEvent {
            route: ROUTE.to_owned(),
            plan: 0,
            index,
            count,
            share: Share::part(index, count),
            deadline_ms: u64::MAX,
        };
        let random = &mut Random::of_seed(0);
        board
            .seen
            .lock()
            .fleet
            .start(&event, BEGIN, &always.notifier, random, Duration::ZERO);
    }
    Engine::new(traffic, always, board, None)
}

pub(super) fn at(ms: u64) -> Timestamp {
    BEGIN.plus(Duration::from_millis(ms))
}

/// Counts of a second, a minute, and all.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) delays: Tally,
    pub(super) of_minute: Tally,
    minutes: Vec<Minute>,
    pub(super) minute: Minute,
    /// Ended since results were stored, and how long that was ago.
    done_unstored: u64,
    gathered: Duration,
    /// Sums over steps.
    pub(super) in_flight: f64,
    waiting: f64,
    /// Seconds that notifiers waited for a message.
    idle_secs: f64,
    pub(super) notifiers_max: u32,
}

/// When a simulation need not go on, since it is not the one that is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct GiveUp {
    /// More than one of a hundred are later than this.
    pub(super) p99_ms: u64,
    /// Notifiers have run for longer.
    pub(super) minutes: f64,
}

/// Why it did not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    Late,
    Dear,
}

pub(super) struct Engine {
    pub(super) model: Model,
    pub(super) board: Arc<Board>,
    pub(super) planner: Option<Planner>,
    pub(super) lanes: Vec<Lane>,
    /// Parts of the traffic, rising to 1.0.
    pub(super) weights: Vec<f64>,
    pub(super) random: Random,
    pub(super) step_ms: u64,
    pub(super) works: Works,
    pub(super) sums: Sums,
    usage: Usage,
    pub(super) sent: u64,
    /// Those that come in this step.
    come_now: u64,
    pub(super) done: u64,
    /// Sends that the processors still manage in this step.
    budget: f64,
    first: usize,
    /// Whether stretches in which nothing waits are taken at once.
    pub(super) takes_stretches: bool,
}

impl Engine {
    fn new(traffic: &Traffic, model: Model, board: Arc<Board>, planner: Option<Planner>) -> Self {
        let step = model.step();
        let lane = |one: &super::Receiver| Lane::new(Spread::of(&[(1, one.latency)], step));
        let all: f64 = model
            .receivers
            .iter()
            .map(|one| f64::from(one.weight))
            .sum();
        let mut sum = 0.0;
        let weights = model.receivers.iter().map(|one| {
            sum += f64::from(one.weight);
            sum / all.max(1.0)
        });
        let (lines, bytes) = (model.lines_per_message, model.line_bytes);
        let works = board.seen.lock().fleet.works(BEGIN);
        Self {
            lanes: model.receivers.iter().map(lane).collect(),
            weights: weights.collect(),
            random: Random::of_seed(model.seed),
            step_ms: whole(step.as_secs_f64() * 1_000.0).max(1),
            works,
            sums: Sums::default(),
            usage: Usage::of_sent(traffic.count(), lines, bytes),
            sent: 0,
            come_now: 0,
            done: 0,
            budget: 0.0,
            first: 0,
            takes_stretches: true,
            model,
            board,
            planner,
        }
    }

    /// Simulates it to its end.
    pub(super) fn run(mut self, traffic: &Traffic, name: String) -> Outcome {
        let (steps, _) = self.play(traffic, None);
        self.finish(steps, traffic, name)
    }

    /// The same, unless it is given up.
    pub(super) fn run_unless(
        mut self,
        traffic: &Traffic,
        name: String,
        give_up: GiveUp,
    ) -> Result<Outcome, GivenUp> {
        match self.play(traffic, Some(give_up)) {
            (steps, None) => Ok(self.finish(steps, traffic, name)),
            (_, Some(why)) => Err(why),
        }
    }

    /// Plays the steps; how many there were.
    fn play(&mut self, traffic: &Traffic, give_up: Option<GiveUp>) -> (u64, Option<GivenUp>) {
        let mut arrivals = traffic.arrivals();
        let end_ms = traffic.len_ms();
        let last_ms = end_ms + whole(DRAIN_MAX.as_secs_f64() * 1_000.0);
        if let Some(give_up) = give_up {
            let late_ms = (float(give_up.p99_ms) - self.more_ms()).max(0.0);
            self.sums.delays.count_late(late_ms / float(self.step_ms));
        }
        let late_max = float(traffic.count()) / 100.0 + 1.0;
        let mut step = 0;
        loop {
            let ms = step * self.step_ms;
            if ms >= last_ms || (ms >= end_ms && self.open() == 0) {
                return (step, None);
            }
            step += match self.stretch(step, ms, &mut arrivals) {
                Some(steps) => steps,
                None => {
                    self.step(step, ms, &mut arrivals);
                    1
                }
            };
            let Some(give_up) = give_up else {
                continue;
            };
            if float(self.sums.delays.late()) > late_max {
                return (step, Some(GivenUp::Late));
            }
            let now = step * self.step_ms;
            if now / 60_000 != ms / 60_000 && self.minutes(now) > give_up.minutes {
                return (step, Some(GivenUp::Dear));
            }
        }
    }

    /// The minutes that notifiers have run.
    fn minutes(&self, ms: u64) -> f64 {
        let fleet = &self.board.seen.lock().fleet;
        fleet.minutes(at(ms), self.model.notifier.start_latency)
    }

    /// What has not ended.
    pub(super) fn open(&self) -> u64 {
        self.lanes
            .iter()
            .map(|lane| lane.waits + lane.in_flight)
            .sum()
    }

    fn step(&mut self, step: u64, ms: u64, arrivals: &mut Arrivals<'_>) {
        self.come(step, arrivals.up_to(ms + self.step_ms));
        self.end(step);
        self.change(step, ms);
        self.send(step);
        self.count(step, ms);
        debug_assert_eq!(self.sent, self.done + self.open());
    }

    fn come(&mut self, step: u64, count: u64) {
        self.come_now = count;
        let unit = self.random.next_unit();
        for (lane, part) in self
            .lanes
            .iter_mut()
            .zip(divide(count, &self.weights, unit))
        {
            lane.come(step, part);
        }
        self.sent += count;
        self.sums.minute.sent += count;
    }

    fn end(&mut self, step: u64) {
        let ended = self.lanes.iter_mut().map(|lane| lane.end(step)).sum();
        self.ended(ended);
    }

    pub(super) fn ended(&mut self, count: u64) {
        self.done += count;
        self.sums.minute.done += count;
        self.sums.done_unstored += count;
    }

    /// Notifiers come and go, and plans are made.
    fn change(&mut self, step: u64, ms: u64) {
        let now = at(ms);
        let is_changed = self.works.until <= now;
        let is_due = self
            .planner
            .as_ref()
            .is_some_and(|planner| planner.next_ms <= ms);
        let is_early = self.may_plan_early(ms);
        if !is_changed && !is_due && !is_early {
            return;
        }
        self.tell(step, now);
        if let Some(planner) = &mut self.planner {
            if is_due {
                planner.plan(ms);
                planner.next_ms += planner.interval_ms.max(1);
            } else if is_early {
                planner.plan(ms);
            } else if self.model.place == Place::Embedded {
                planner.follow(ms);
            }
        }
        let mut seen = self.board.seen.lock();
        seen.fleet.reap(now, self.model.notifier.start_latency);
        self.works = seen.fleet.works(now);
    }

    /// As the server does: who comes after a rest is not left until the next plan.
    fn may_plan_early(&self, ms: u64) -> bool {
        let Some(planner) = &self.planner else {
            return false;
        };
        self.model.place == Place::Embedded
            && self.works.count == 0
            && ms >= planner.last_ms + EARLY_PLANS_APART_MS
            && self.lanes.iter().any(|lane| lane.waits > 0)
            && self.board.seen.lock().fleet.living(at(ms)) == 0
    }

    /// Writes on the board what the scaler sees.
    fn tell(&self, step: u64, now: Timestamp) {
        let mut seen = self.board.seen.lock();
        seen.now = now;
        // What comes in this step comes after its beginning.
        seen.all_sent = self.sent - self.come_now;
        seen.all_done = self.done;
        seen.waits = self.lanes.iter().map(|lane| lane.waits).sum();
        seen.oldest = self.oldest(step);
    }

    fn oldest(&self, step: u64) -> Option<Duration> {
        let came = self.lanes.iter().filter_map(Lane::oldest).min()?;
        Some(Duration::from_millis((step - came) * self.step_ms))
    }

    /// Free slots take what waits.
    fn send(&mut self, step: u64) {
        let workers = u64::from(self.works.count);
        let mut budget = u64::MAX;
        if let Some(per_sec) = self.model.notifier.per_sec_max {
            let in_a_step = float(workers) * per_sec * float(self.step_ms) / 1_000.0;
            self.budget = (self.budget + in_a_step).min(in_a_step.max(1.0));
            budget = floor(self.budget);
        }
        let slots = Slots {
            slots: workers * u64::from(self.model.notifier.slots),
            workers,
            budget,
        };
        let wishes = self.wishes();
        self.first = (self.first + 1) % self.lanes.len().max(1);
        let shares = slots.share_out(&wishes, self.first);
        let taken = shares.iter().sum();
        for (place, share) in shares.into_iter().enumerate() {
            self.send_to(step, place, share);
        }
        self.budget -= float(taken);
        self.received(taken);
    }

    /// What each receiver wants, and would take.
    fn wishes(&mut self) -> Vec<Wish> {
        let step_secs = float(self.step_ms) / 1_000.0;
        let (model, works) = (&self.model, self.works);
        // Alone at a notifier it still leaves as many free, but for the last one.
        let half = u64::from(works.count) * u64::from(model.notifier.slots).div_ceil(2);
        let lanes = self.lanes.iter_mut().zip(&model.receivers);
        let wish = |(lane, receiver): (&mut Lane, &super::Receiver)| {
            let most = cap(model, receiver, works).min(half);
            let room = most.saturating_sub(lane.in_flight);
            let mut wants = lane.waits.min(room);
            if let Some(rate) = receiver.rate_per_sec {
                lane.fill(rate * works.share * step_secs);
                wants = wants.min(lane.let_through());
            }
            Wish {
                in_flight: lane.in_flight,
                wants,
            }
        };
        lanes.map(wish).collect()
    }

    fn send_to(&mut self, step: u64, place: usize, count: u64) {
        let (Some(lane), Some(receiver)) =
            (self.lanes.get_mut(place), self.model.receivers.get(place))
        else {
            return;
        };
        if count == 0 {
            return;
        }
        if receiver.rate_per_sec.is_some() {
            lane.spend(count);
        }
        let delays = &mut [&mut self.sums.delays, &mut self.sums.of_minute];
        let ended = lane.send(step, count, &mut self.random, delays);
        self.ended(ended);
    }

    fn received(&mut self, count: u64) {
        self.received_in(count, 1);
    }

    /// Counts the requests that received so many in each of `steps` steps.
    pub(super) fn received_in(&mut self, count: u64, steps: u64) {
        let workers = u64::from(self.works.count);
        if count == 0 {
            self.sums.idle_secs += float(workers * steps * self.step_ms) / 1_000.0;
            return;
        }
        let (lines, bytes) = (self.model.lines_per_message, self.model.line_bytes);
        let messages = count.div_ceil(u64::from(lines.max(1)));
        let calls = messages.div_ceil(BATCH).max(messages.min(workers));
        self.usage.queue_receives += requests(messages, calls, lines, bytes) * steps;
        self.usage.bytes_out += count * steps * u64::from(self.model.bytes_out);
    }

    fn count(&mut self, step: u64, ms: u64) {
        let waits: u64 = self.lanes.iter().map(|lane| lane.waits).sum();
        let in_flight: u64 = self.lanes.iter().map(|lane| lane.in_flight).sum();
        let sums = &mut self.sums;
        sums.in_flight += float(in_flight);
        sums.waiting += float(waits);
        sums.minute.waiting_max = sums.minute.waiting_max.max(waits);
        self.ran(1);
        let next = ms + self.step_ms;
        if next / 1_000 != ms / 1_000 {
            self.end_second();
        }
        if next / 60_000 != ms / 60_000 {
            let oldest = self.oldest(step);
            self.end_minute_with(ms, oldest);
        }
    }

    /// Counts the time of those that worked for so many steps.
    pub(super) fn ran(&mut self, steps: u64) {
        let sums = &mut self.sums;
        let ran_ms = float(steps * self.step_ms);
        sums.minute.notifiers += f64::from(self.works.count) * ran_ms / 60_000.0;
        sums.notifiers_max = sums.notifiers_max.max(self.works.count);
    }

    /// Ends the minute in which `ms` is.
    pub(super) fn end_minute_with(&mut self, ms: u64, oldest: Option<Duration>) {
        self.board.seen.lock().oldest_by_minute.push(oldest);
        self.end_minute(ms / 60_000 * 60);
    }

    /// Each notifier stores what it has gathered, or more often where that is more than it may hold.
    fn store_results(&mut self) {
        self.sums.gathered = Duration::ZERO;
        let done = std::mem::take(&mut self.sums.done_unstored);
        let workers = u64::from(self.works.count).max(1);
        let most = RESULTS_MAX * u64::from(self.model.lines_per_message.max(1));
        self.usage.result_objects += done.div_ceil(most).max(done.min(workers));
    }

    pub(super) fn end_second(&mut self) {
        self.sums.gathered += Duration::from_secs(1);
        if self.sums.gathered >= self.model.notifier.gather {
            self.store_results();
        }
        let mut seen = self.board.seen.lock();
        seen.sent.push(self.sent);
        seen.done.push(self.done);
    }

    fn end_minute(&mut self, at_secs: u64) {
        let step = Duration::from_millis(self.step_ms);
        let delay = Delay::of(&self.sums.of_minute, step, self.more_ms());
        let is_any = !self.sums.of_minute.is_empty();
        let minute = std::mem::take(&mut self.sums.minute);
        self.sums.minutes.push(Minute {
            at_secs,
            delay_p99_ms: is_any.then_some(delay.p99_ms),
            ..minute
        });
        self.sums.of_minute.clear();
    }

    /// What each delay has beyond its steps: half a step, since it came within one, and the pickup.
    fn more_ms(&self) -> f64 {
        float(self.step_ms) / 2.0 + self.model.notifier.pickup.as_secs_f64() * 1_000.0
    }

    /// What functions tell of themselves, and what of it the scaler has read. Notifiers of a server need not tell it.
    fn count_reports(&mut self, ms: u64, plans: u64) {
        if self.model.place == Place::Embedded {
            return;
        }
        let seen = self.board.seen.lock();
        self.usage.report_lists = plans;
        self.usage.report_writes = seen.fleet.reported(at(ms));
        self.usage.report_reads = seen.reports_read;
    }

    fn finish(mut self, steps: u64, traffic: &Traffic, policy: String) -> Outcome {
        let ms = steps * self.step_ms;
        if !ms.is_multiple_of(60_000) {
            self.end_minute(ms / 60_000 * 60);
        }
        self.end_second();
        self.store_results();
        let notifier = self.model.notifier;
        let started = self.board.seen.lock().fleet.started();
        let minutes = self.minutes(ms);
        let step = Duration::from_millis(self.step_ms);
        let delay = Delay::of(&self.sums.delays, step, self.more_ms());
        let left = self.open();
        let planner = self.planner.as_ref();
        let plans = planner.map_or(0, |planner| planner.made);
        self.usage.queue_receives += floor(self.sums.idle_secs / LONG_POLL_SECS);
        if planner.is_some() {
            self.usage.plan(plans);
            self.count_reports(ms, plans);
            self.usage.notifier_invocations = started;
            self.usage.notifier_gb_seconds =
                minutes * 60.0 * f64::from(notifier.memory_mb) / 1_024.0;
        } else {
            self.usage.server_minutes = minutes;
        }
        debug_assert!(left > 0 || self.done == traffic.count());
        Outcome {
            policy,
            secs: float(ms) / 1_000.0,
            sent: self.sent,
            done: self.done,
            left,
            delay,
            notifier_minutes: minutes,
            notifiers_max: self.sums.notifiers_max,
            in_flight_mean: self.sums.in_flight / float(steps.max(1)),
            waiting_mean: self.sums.waiting / float(steps.max(1)),
            plans,
            usage: self.usage,
            minutes: self.sums.minutes,
            reasons: self
                .planner
                .map(|planner| planner.reasons)
                .unwrap_or_default(),
        }
    }
}

/// Sends to a receiver at once, of all notifiers together.
pub(super) fn cap(model: &Model, receiver: &super::Receiver, works: Works) -> u64 {
    let slots = f64::from(model.notifier.slots);
    match receiver.in_flight_max {
        Some(max) => whole((f64::from(max) * works.share).floor()),
        None => {
            let each = floor(slots * model.notifier.destination_share).max(1);
            each * u64::from(works.count)
        }
    }
}
