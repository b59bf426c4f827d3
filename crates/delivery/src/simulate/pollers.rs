//! Lambda's own scaling of a function that a queue invokes.
//!
//! "When messages are available, Lambda starts processing five batches at a time with five concurrent invocations of your
//! function. If messages are still available, Lambda increases the number of processes that are reading batches by up to 300 more
//! concurrent invokes per minute. The maximum number of invokes that an event source mapping can process simultaneously is 1,250.
//! When traffic is low, Lambda scales back the processing to five concurrent invokes." Source: Lambda Developer Guide,
//! "Configuring scaling behavior for SQS event source mappings".
//!
//! How fast it scales back is not documented: as fast as it grows, here. A batch has up to 10 messages, whose notifications the
//! function sends all at once; it ends with the longest of them. Such functions know nothing of limits: those of the receivers
//! are not kept.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::DRAIN_MAX;
use super::Model;
use super::latency::Spread;
use super::number::{divide, float, floor, index, whole};
use super::outcome::{Delay, Minute, Outcome};
use super::tally::Tally;
use super::traffic::Traffic;
use super::usage::{BATCH, LONG_POLL_SECS, Usage, requests};
use crate::random::Random;

/// Batches at once in the beginning.
const FIRST: f64 = 5.0;
/// How many more in a minute.
const MORE_PER_MINUTE: f64 = 300.0;
/// The most batches at once that AWS allows.
pub const CONCURRENCY_MAX: u32 = 1_250;
/// What a batch takes beside its sends: the poller's way to the function, and its results. Chosen.
const BESIDE_MS: f64 = 30.0;
/// Distributions of the longest of so many are made for powers of two beyond. Chosen.
const EXACT_MAX: u64 = 16;

pub(super) fn run(traffic: &Traffic, model: &Model, concurrency_max: u32, name: String) -> Outcome {
    let mut pollers = Pollers::new(traffic, model, concurrency_max);
    let mut arrivals = traffic.arrivals();
    let end_ms = traffic.len_ms();
    let last_ms = end_ms + whole(DRAIN_MAX.as_secs_f64() * 1_000.0);
    let mut step = 0;
    loop {
        let ms = step * pollers.step_ms;
        if ms >= last_ms || (ms >= end_ms && pollers.open() == 0) {
            break;
        }
        pollers.step(step, ms, arrivals.up_to(ms + pollers.step_ms));
        step += 1;
    }
    pollers.finish(step, name)
}

struct Pollers<'a> {
    model: &'a Model,
    step_ms: u64,
    spread: Spread,
    longest: BTreeMap<u64, Spread>,
    waiting: VecDeque<(u64, u64)>,
    waits: u64,
    in_flight: u64,
    busy: u64,
    /// Batches and notifications that end in each step from now on, as a ring.
    ends: Vec<(u64, u64)>,
    concurrency: f64,
    concurrency_max: f64,
    random: Random,
    usage: Usage,
    sent: u64,
    done: u64,
    busy_ms: f64,
    idle_secs: f64,
    busy_max: u64,
    in_flight_sum: f64,
    waiting_sum: f64,
    delays: Tally,
    of_minute: Tally,
    minute: Minute,
    minutes: Vec<Minute>,
}

impl<'a> Pollers<'a> {
    fn new(traffic: &Traffic, model: &'a Model, concurrency_max: u32) -> Self {
        let latencies: Vec<_> = model
            .receivers
            .iter()
            .map(|one| (one.weight, one.latency))
            .collect();
        let step = model.step();
        let spread = Spread::of(&latencies, step);
        let step_ms = whole(step.as_secs_f64() * 1_000.0).max(1);
        let beside = whole(BESIDE_MS / float(step_ms));
        let size = spread.up_to().len() + index(beside) + 1;
        Self {
            model,
            step_ms,
            spread,
            longest: BTreeMap::new(),
            waiting: VecDeque::new(),
            waits: 0,
            in_flight: 0,
            busy: 0,
            ends: vec![(0, 0); size],
            concurrency: FIRST.min(f64::from(concurrency_max)),
            concurrency_max: f64::from(concurrency_max.clamp(2, CONCURRENCY_MAX)),
            random: Random::of_seed(model.seed),
            usage: Usage::of_sent(traffic.count(), model.lines_per_message, model.line_bytes),
            sent: 0,
            done: 0,
            busy_ms: 0.0,
            idle_secs: 0.0,
            busy_max: 0,
            in_flight_sum: 0.0,
            waiting_sum: 0.0,
            delays: Tally::default(),
            of_minute: Tally::default(),
            minute: Minute::default(),
            minutes: Vec::new(),
        }
    }

    fn open(&self) -> u64 {
        self.waits + self.in_flight
    }

    fn step(&mut self, step: u64, ms: u64, come: u64) {
        if come > 0 {
            self.waiting.push_back((step, come));
            self.waits += come;
            self.sent += come;
            self.minute.sent += come;
        }
        self.end(step);
        self.take(step);
        self.scale();
        self.count(ms);
        debug_assert_eq!(self.sent, self.done + self.open());
    }

    fn end(&mut self, step: u64) {
        let place = index(step) % self.ends.len().max(1);
        let (batches, count) = self.ends.get_mut(place).map_or((0, 0), std::mem::take);
        self.busy -= batches;
        self.in_flight -= count;
        self.done += count;
        self.minute.done += count;
    }

    /// Free pollers take batches, as full as what waits makes them.
    fn take(&mut self, step: u64) {
        let free = floor(self.concurrency).saturating_sub(self.busy);
        if self.waits == 0 || free == 0 {
            return;
        }
        let lines = u64::from(self.model.lines_per_message.max(1));
        let messages = self.waits.div_ceil(lines);
        let each = messages.div_ceil(free).min(BATCH) * lines;
        let batches = self.waits.div_ceil(each).min(free);
        let count = self.waits.min(batches * each);
        self.note_delays(step, count);
        self.fly(step, batches, count);
        let (lines, bytes) = (self.model.lines_per_message, self.model.line_bytes);
        self.usage.notifier_invocations += batches;
        self.usage.queue_receives +=
            requests(count.div_ceil(u64::from(lines)), batches, lines, bytes);
        self.usage.result_objects += batches;
        self.usage.bytes_out += count * u64::from(self.model.bytes_out);
    }

    fn note_delays(&mut self, step: u64, count: u64) {
        let mut left = count;
        while let Some((came, here)) = self.waiting.front_mut() {
            let taken = left.min(*here);
            self.delays.add(step - *came, taken);
            self.of_minute.add(step - *came, taken);
            *here -= taken;
            left -= taken;
            if *here > 0 {
                break;
            }
            self.waiting.pop_front();
        }
        self.waits -= count;
    }

    fn fly(&mut self, step: u64, batches: u64, count: u64) {
        let beside = whole(BESIDE_MS / float(self.step_ms)).max(1);
        let each = count.div_ceil(batches.max(1)).max(1);
        let key = if each <= EXACT_MAX {
            each
        } else {
            each.next_power_of_two()
        };
        let spread = &self.spread;
        let longest = self
            .longest
            .entry(key)
            .or_insert_with(|| spread.longest_of(u32::try_from(key).unwrap_or(u32::MAX), beside));
        let size = self.ends.len();
        let (mut batches_left, mut left) = (batches, count);
        for (later, part) in divide(batches, longest.up_to(), self.random.next_unit()).enumerate() {
            let bears = match part == batches_left {
                true => left,
                false => (part * each).min(left),
            };
            if let Some((batches, count)) = self.ends.get_mut((index(step) + later) % size) {
                *batches += part;
                *count += bears;
            }
            batches_left -= part;
            left -= bears;
        }
        self.busy += batches;
        self.in_flight += count;
    }

    /// Five at first, 300 more a minute while messages wait, and back.
    fn scale(&mut self) {
        let change = MORE_PER_MINUTE * float(self.step_ms) / 60_000.0;
        let most = self.concurrency_max;
        self.concurrency = match self.waits > 0 {
            true => (self.concurrency + change).min(most),
            false => (self.concurrency - change).max(FIRST.min(most)),
        };
    }

    fn count(&mut self, ms: u64) {
        self.busy_ms += float(self.busy * self.step_ms);
        self.busy_max = self.busy_max.max(self.busy);
        self.in_flight_sum += float(self.in_flight);
        self.waiting_sum += float(self.waits);
        let idle = floor(self.concurrency).saturating_sub(self.busy);
        if self.waits == 0 {
            self.idle_secs += float(idle * self.step_ms) / 1_000.0;
        }
        self.minute.waiting_max = self.minute.waiting_max.max(self.waits);
        self.minute.notifiers += float(self.busy * self.step_ms) / 60_000.0;
        if (ms + self.step_ms) / 60_000 != ms / 60_000 {
            self.end_minute(ms / 60_000 * 60);
        }
    }

    fn end_minute(&mut self, at_secs: u64) {
        let step = Duration::from_millis(self.step_ms);
        let delay = Delay::of(&self.of_minute, step, self.more_ms());
        let is_any = !self.of_minute.is_empty();
        let minute = std::mem::take(&mut self.minute);
        self.minutes.push(Minute {
            at_secs,
            delay_p99_ms: is_any.then_some(delay.p99_ms),
            ..minute
        });
        self.of_minute.clear();
    }

    fn more_ms(&self) -> f64 {
        float(self.step_ms) / 2.0 + BESIDE_MS / 2.0
    }

    fn finish(mut self, steps: u64, policy: String) -> Outcome {
        let ms = steps * self.step_ms;
        if !ms.is_multiple_of(60_000) {
            self.end_minute(ms / 60_000 * 60);
        }
        let step = Duration::from_millis(self.step_ms);
        self.usage.queue_receives += floor(self.idle_secs / LONG_POLL_SECS);
        let secs = self.busy_ms / 1_000.0;
        self.usage.notifier_gb_seconds = secs * f64::from(self.model.notifier.memory_mb) / 1_024.0;
        Outcome {
            policy,
            secs: float(ms) / 1_000.0,
            sent: self.sent,
            done: self.done,
            left: self.open(),
            delay: Delay::of(&self.delays, step, self.more_ms()),
            notifier_minutes: secs / 60.0,
            notifiers_max: u32::try_from(self.busy_max).unwrap_or(u32::MAX),
            in_flight_mean: self.in_flight_sum / float(steps.max(1)),
            waiting_mean: self.waiting_sum / float(steps.max(1)),
            plans: 0,
            usage: self.usage,
            minutes: self.minutes,
            reasons: Vec::new(),
        }
    }
}
