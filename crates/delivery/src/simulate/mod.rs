//! What a day of traffic would have been like: the real scaler, and models of everything around it.
//!
//! Time goes in steps of [`Model::step`], or in stretches of them in which nothing has to wait (`stretch`). In each, notifications arrive as the [`Traffic`] says, slots that have become free take
//! from the queues in order, and what is sent ends after a latency drawn from its receiver's [`Latency`]. Each interval
//! [`scaler::Loop`](crate::scaler::Loop) itself plans, through the ports by which it plans in earnest: what it is told is as late
//! and as full of holes as its [`Place`] makes it.
//!
//! Chosen over an event for each notification, since a day may have a hundred million of them, and over flows without
//! quantities, since slots, limits and the last notification of a day are whole numbers. Counts are never rounded:
//!
//! INVARIANT: what was sent is what waits, what is in flight and what has ended, at every step.
//!
//! What the model leaves out: failures and retries, the order of FIFO groups, the processor (but for a bound of sends a second
//! of each notifier), and that a limited receiver may hold up to a quarter of a notifier's slots for a moment.
//!
//! - [`run`] simulates one [`Policy`]; [`find()`] looks for settings that keep a target
//! - [`traffic`]: when how much comes; [`latency`]: how long receivers take
//! - `board`: the ports as the scaler sees them; `engine`: the steps; `planner`: the scaler's; `slots`: who gets them; `pollers`: Lambda's own scaling
//! - [`outcome`]: what came out; [`usage`]: what it used, to be priced by others

mod board;
mod engine;
pub mod find;
mod fleet;
mod lane;
pub mod latency;
mod number;
pub mod outcome;
mod planner;
mod pollers;
mod slots;
mod stretch;
mod tally;
pub mod traffic;
pub mod usage;

use std::time::Duration;

use crate::config;
use crate::notifier::winds_down;
use crate::port::RetryWait;

pub use find::{Found, Kind, find};
pub use latency::Latency;
pub use outcome::{Delay, Minute, Outcome};
pub use pollers::CONCURRENCY_MAX;
pub use traffic::Traffic;
pub use usage::Usage;

#[cfg(test)]
mod tests;

/// The most notifiers of a fixed fleet. Chosen: as many as the settings allow a route.
pub const FIXED_MAX: u32 = 1_000;
/// How long a simulation goes on after the traffic has ended, at most, for what still waits. Chosen.
pub const DRAIN_MAX: Duration = Duration::from_secs(3_600);

/// A receiver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Receiver {
    /// Its part of the traffic, beside the others' parts.
    pub weight: u32,
    /// How long it takes to answer.
    pub latency: Latency,
    /// Notifications a second that it takes; none where it has no limit.
    pub rate_per_sec: Option<f64>,
    /// Sends to it at once; none where it has no limit.
    pub in_flight_max: Option<u32>,
}

/// A notifier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Notifier {
    /// Its sends at once.
    pub slots: u32,
    /// The part of them that one receiver without a bound of its own may take.
    pub destination_share: f64,
    /// Sends a second that its processor manages; none where the slots are what bounds it.
    pub per_sec_max: Option<f64>,
    /// From its start to its first receive.
    pub start_latency: Duration,
    /// From a message's being there to its first send, when a slot is free.
    pub pickup: Duration,
    /// How long it lives.
    pub life: Duration,
    /// The last part of it, in which it takes nothing new.
    pub winds_down: Duration,
    /// The chance that it dies at some moment of its life, 0.0 to 1.0.
    pub deaths: f64,
    /// How long it gathers results before it stores them.
    pub gather: Duration,
    /// Its memory, for GB-seconds.
    pub memory_mb: u32,
}

impl Notifier {
    /// As the settings say. `attempt`: how long a send may take.
    #[must_use]
    pub fn of(settings: &config::Notifier, attempt: Duration) -> Self {
        Self {
            slots: settings.slots,
            destination_share: settings.destination_share,
            per_sec_max: None,
            start_latency: Duration::ZERO,
            pickup: Duration::from_millis(2),
            life: settings.life.get(),
            winds_down: winds_down(settings.life.get(), attempt, RetryWait::Native),
            deaths: 0.0,
            gather: Duration::from_secs(1),
            memory_mb: 128,
        }
    }
}

/// Where the scaler is, and so what it sees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// In the process of the queue and the notifiers: figures are true now, who leaves is followed at once, and the first
    /// notifications after a rest are not left until the next plan.
    Embedded,
    /// A scheduled function beside a queue service: figures are of whole minutes, late, and missing at times; what waits is
    /// asked of the queue itself. It knows whom it started and what these tell.
    Functions {
        /// How long after its end a minute's figures are there.
        late: Duration,
        /// The chance that those of a minute never come, 0.0 to 1.0.
        missing: f64,
    },
}

/// Everything but the traffic and the policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Who is sent to; at least one.
    pub receivers: Vec<Receiver>,
    /// Who sends.
    pub notifier: Notifier,
    /// Where the scaler is.
    pub place: Place,
    /// Notifications in a message, at least 1.
    pub lines_per_message: u32,
    /// Bytes of a notification in the queue.
    pub line_bytes: u32,
    /// Bytes that go out for a notification.
    pub bytes_out: u32,
    /// Decides what is left to chance.
    pub seed: u64,
}

/// The shortest and the longest step. Chosen: a day in steps of 100 ms takes less than a second.
const STEP_MIN_MS: u64 = 2;
const STEP_MAX_MS: u64 = 100;

impl Model {
    /// How long a step is: half of what the quickest receiver takes, from 2 ms to 100 ms. Delays are as exact as that.
    #[must_use]
    pub fn step(&self) -> Duration {
        let mean = |receiver: &Receiver| receiver.latency.mean_ms();
        let least = self.receivers.iter().map(mean).fold(f64::MAX, f64::min);
        Duration::from_millis(number::whole(least / 2.0).clamp(STEP_MIN_MS, STEP_MAX_MS))
    }

    /// How long the sends take that are in flight when a notifier takes nothing new any more: 99 of 100 of the slowest receiver.
    fn last_sends(&self) -> Duration {
        let p99 = self.receivers.iter().map(|one| one.latency.p99);
        p99.max().unwrap_or_default()
    }

    /// Notifications that one notifier manages in a minute at these receivers, while all of them are sent to.
    #[must_use]
    pub fn per_minute(&self) -> f64 {
        let parts = |of: &dyn Fn(&Receiver) -> f64| {
            let weight = |one: &Receiver| f64::from(one.weight);
            let all: f64 = self.receivers.iter().map(weight).sum();
            self.receivers
                .iter()
                .map(|one| of(one) * weight(one))
                .sum::<f64>()
                / all.max(1.0)
        };
        let mean_ms = parts(&|one| one.latency.mean_ms()).max(1.0);
        let slots = f64::from(self.notifier.slots);
        // No receiver takes more than it leaves free: of so many that all want more, each has an equal part, and as much is free.
        let count = u32::try_from(self.receivers.len()).unwrap_or(u32::MAX);
        let part = slots / (f64::from(count) + 1.0);
        let most = slots * self.notifier.destination_share;
        let cap = |one: &Receiver| one.in_flight_max.map_or(most, f64::from).min(part);
        let reachable = self.receivers.iter().map(cap).sum::<f64>().max(1.0);
        let by_slots = reachable * 1_000.0 / mean_ms;
        by_slots.min(self.notifier.per_sec_max.unwrap_or(f64::MAX)) * 60.0
    }
}

/// How many notifiers run.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// As the scaler plans by these settings.
    Scaled(config::Scaler),
    /// So many, always: servers. 1 to [`FIXED_MAX`].
    Fixed(u32),
    /// As Lambda scales the function of an event source mapping of SQS, `concurrency_max` batches at once at most.
    EventSource {
        /// 2 to 1,250.
        concurrency_max: u32,
    },
}

impl Policy {
    /// Its name, as it is chosen by.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Scaled(settings) => match settings.policy {
                config::Policy::Proportional => "proportional".to_owned(),
                config::Policy::Backlog => "backlog".to_owned(),
            },
            Self::Fixed(count) => format!("fixed:{count}"),
            Self::EventSource { .. } => "sqs-event-source".to_owned(),
        }
    }
}

/// Simulates a policy. The same arguments give the same outcome.
#[must_use]
pub fn run(traffic: &Traffic, model: &Model, policy: &Policy) -> Outcome {
    let name = policy.name();
    match policy {
        Policy::Scaled(settings) => engine::scaled(traffic, model, settings).run(traffic, name),
        Policy::Fixed(count) => engine::fixed(traffic, model, *count).run(traffic, name),
        Policy::EventSource { concurrency_max } => {
            pollers::run(traffic, model, *concurrency_max, name)
        }
    }
}

/// The same, unless it is given up because it is not what is looked for.
fn run_unless(
    traffic: &Traffic,
    model: &Model,
    policy: &Policy,
    give_up: engine::GiveUp,
) -> Result<Outcome, engine::GivenUp> {
    let engine = match policy {
        Policy::Scaled(settings) => engine::scaled(traffic, model, settings),
        Policy::Fixed(count) => engine::fixed(traffic, model, *count),
        Policy::EventSource { .. } => return Ok(run(traffic, model, policy)),
    };
    engine.run_unless(traffic, policy.name(), give_up)
}
