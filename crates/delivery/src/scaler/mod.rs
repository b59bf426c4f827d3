//! The scaler: reads how much was sent, and starts notifiers in proportion.
//!
//! The law: `wanted = ceil(sent a minute / what one manages a minute) + ceil(what waits from before / what one manages
//! within drain_within)`, between `notifiers_min` and `notifiers_max`, and at least one where anything was sent or
//! waits. Started are those that do not run yet; none is ever stopped: each ends by its own deadline. One that only ends
//! what it has in flight does not count as running, so that its successor comes before it is gone.
//!
//! - [`Scaler::plan`]: the law, pure; every [`Plan`] says its inputs and its reason
//! - [`Loop`]: plans each interval for every route, and keeps the last plans

mod looping;

use std::time::Duration;

use base::Timestamp;
use serde::{Deserialize, Serialize};

pub use looping::{Loop, RouteScale, Rules};

/// What a plan is made from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// Notifications sent to the queue in the interval.
    pub sent: u64,
    /// The interval's length in milliseconds.
    pub interval_ms: u64,
    /// Notifications that can be received now.
    pub backlog: u64,
    /// Notifications that one notifier manages in a minute.
    pub notifier_per_minute: u64,
    /// In how many milliseconds a backlog should be worked off.
    pub drain_within_ms: u64,
    /// Notifiers that run and take what comes.
    pub running: u32,
    /// The sum of the shares of limits that they hold, 0.0 to 1.0.
    pub granted: f64,
    /// Least notifiers.
    pub min: u32,
    /// Most notifiers.
    pub max: u32,
    /// Whether the route rests.
    #[serde(default)]
    pub is_paused: bool,
}

/// How many notifiers to start, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its number; grows by one with each plan of this process.
    pub number: u64,
    /// The route.
    pub route: String,
    /// When it was made, milliseconds since the epoch.
    pub at_ms: u64,
    /// What it was made from.
    pub inputs: Inputs,
    /// How many notifiers should run.
    pub wanted: u32,
    /// How many are to be started.
    pub start: u32,
    /// The share of every limit that each of these gets, 0.0 to 1.0 (contract 15); whole shares sum to the limit.
    pub share: f64,
    /// Why, in words.
    pub reason: String,
    /// What went wrong when they were started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The law of scaling.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scaler;

impl Scaler {
    /// How many notifiers to start.
    #[must_use]
    pub fn plan(route: &str, number: u64, at: Timestamp, inputs: Inputs) -> Plan {
        let minute = u128::from(60_000u32);
        let per_minute = u128::from(inputs.notifier_per_minute.max(1));
        let interval = u128::from(inputs.interval_ms.max(1));
        let for_sent = (u128::from(inputs.sent) * minute).div_ceil(interval * per_minute);
        // What was sent in the interval may still wait: it is counted once.
        let old = u128::from(inputs.backlog.saturating_sub(inputs.sent));
        let drain = u128::from(inputs.drain_within_ms.max(1));
        let for_backlog = (old * minute).div_ceil(drain * per_minute);
        let least = inputs.min.min(inputs.max);
        let unbounded = u32::try_from(for_sent + for_backlog).unwrap_or(u32::MAX);
        let wanted = match inputs.is_paused {
            true => 0,
            false => unbounded.clamp(least, inputs.max),
        };
        let start = wanted.saturating_sub(inputs.running);
        Plan {
            number,
            route: route.to_owned(),
            at_ms: at.as_millis(),
            inputs,
            wanted,
            start,
            share: share(&inputs, wanted, start),
            reason: reason(
                route,
                &inputs,
                for_sent,
                for_backlog,
                unbounded,
                wanted,
                start,
            ),
            failure: None,
        }
    }
}

/// The share of each started notifier: that of the plan, but never so much that all together have more than one.
fn share(inputs: &Inputs, wanted: u32, start: u32) -> f64 {
    let all = f64::from(wanted.max(inputs.running).max(1));
    let left = (1.0 - inputs.granted).max(0.0) / f64::from(start.max(1));
    (1.0 / all).min(left)
}

fn reason(
    route: &str,
    inputs: &Inputs,
    for_sent: u128,
    for_backlog: u128,
    unbounded: u32,
    wanted: u32,
    start: u32,
) -> String {
    let secs = Duration::from_millis(inputs.interval_ms).as_secs_f64();
    let bound = match unbounded {
        _ if inputs.is_paused => format!(" while it is paused (`shukuba resume route {route}`)"),
        count if count > wanted => format!(", at most {}", inputs.max),
        count if count < wanted => format!(", at least {}", inputs.min),
        _ => String::new(),
    };
    let Inputs {
        sent,
        backlog,
        notifier_per_minute,
        running,
        ..
    } = inputs;
    format!(
        "{sent} sent in {secs} s need {for_sent}, {backlog} waiting need {for_backlog} more \
         ({notifier_per_minute}/min each): {wanted} wanted{bound}, {running} running, {start} started"
    )
}

#[cfg(test)]
mod tests;
