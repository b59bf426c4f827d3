//! What came out of a simulation.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::number::{float, whole};
use super::tally::Tally;
use super::usage::Usage;
use crate::scaler::Plan;

/// From a notification's being accepted to its send, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delay {
    /// The mean.
    pub mean_ms: f64,
    /// Half were no later.
    pub p50_ms: u64,
    /// 90 of 100 were no later.
    pub p90_ms: u64,
    /// 99 of 100 were no later.
    pub p99_ms: u64,
    /// The longest.
    pub max_ms: u64,
}

impl Delay {
    /// `more`: what is added to each, in milliseconds.
    pub(super) fn of(tally: &Tally, step: Duration, more: f64) -> Self {
        let step_ms = step.as_secs_f64() * 1_000.0;
        if tally.is_empty() {
            return Self::default();
        }
        let ms = |steps: f64| steps * step_ms + more;
        let quantile = |part| whole(ms(float(tally.quantile(part))));
        Self {
            mean_ms: ms(tally.mean()),
            p50_ms: quantile(0.5),
            p90_ms: quantile(0.9),
            p99_ms: quantile(0.99),
            max_ms: whole(ms(float(tally.most()))),
        }
    }
}

/// A minute of a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Minute {
    /// Its start, seconds from the traffic's.
    pub at_secs: u64,
    /// Notifications that were accepted.
    pub sent: u64,
    /// Notifications whose answer came.
    pub done: u64,
    /// The most that waited at once.
    pub waiting_max: u64,
    /// Notifiers, or batches at once, on the average.
    pub notifiers: f64,
    /// 99 of 100 that were sent in it were no later; none where none was.
    pub delay_p99_ms: Option<u64>,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The policy's name.
    pub policy: String,
    /// How long it was, with the time in which the last were sent.
    pub secs: f64,
    /// Notifications that were accepted.
    pub sent: u64,
    /// Notifications whose answer came.
    pub done: u64,
    /// Notifications that still waited or were in flight at the end.
    pub left: u64,
    /// How late they were sent.
    pub delay: Delay,
    /// Minutes that notifiers ran, or batches were worked on.
    pub notifier_minutes: f64,
    /// The most that ran at once.
    pub notifiers_max: u32,
    /// Sends under way, on the average.
    pub in_flight_mean: f64,
    /// Notifications that waited, on the average.
    pub waiting_mean: f64,
    /// Plans that were made.
    pub plans: u64,
    /// What was used.
    pub usage: Usage,
    /// Minute by minute.
    pub minutes: Vec<Minute>,
    /// The last plan of each minute of the scaler, with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Plan>,
}
