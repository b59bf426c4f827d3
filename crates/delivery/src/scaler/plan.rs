//! A plan: what it is made from, what it says, and the law that makes it.

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{backlog, proportional};
use crate::config::Policy;

/// What a plan is made from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// The law.
    #[serde(default)]
    pub policy: Policy,
    /// Notifications sent to the queue in the interval; none where nobody knows.
    pub sent: Option<u64>,
    /// The interval's length in milliseconds.
    pub interval_ms: u64,
    /// How long ago the interval ended, in milliseconds.
    #[serde(default)]
    pub late_ms: u64,
    /// Notifications a minute as last known, where `sent` is not known and that was at most [`KNOWN_FOR`](super::KNOWN_FOR) ago.
    #[serde(default)]
    pub known_per_minute: Option<f64>,
    /// Notifications that can be received; none where nobody knows.
    pub backlog: Option<u64>,
    /// How old that figure is, in milliseconds.
    #[serde(default)]
    pub backlog_late_ms: u64,
    /// How long the oldest of them had waited, in milliseconds; none where nobody knows.
    #[serde(default)]
    pub oldest_ms: Option<u64>,
    /// How old that figure is, in milliseconds.
    #[serde(default)]
    pub oldest_late_ms: u64,
    /// Notifications that one notifier manages in a minute: the setting, or with `backlog` what was learned.
    pub notifier_per_minute: u64,
    /// In how many milliseconds a backlog should be worked off.
    pub drain_within_ms: u64,
    /// How old the oldest should become at most, in milliseconds.
    #[serde(default)]
    pub target_age_ms: u64,
    /// What is held beyond the rate, as a part of it.
    #[serde(default)]
    pub headroom: f64,
    /// Notifiers that the receivers' limits can use; none where they are not limited.
    #[serde(default)]
    pub usable: Option<u32>,
    /// Notifiers that were wanted a moment ago, within the cool-down; 0 where it is over.
    #[serde(default)]
    pub held: u32,
    /// Notifiers that run and take what comes.
    pub running: u32,
    /// Of those that were started, how many are taken for dead since the last plan.
    #[serde(default)]
    pub lost: u32,
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

impl Inputs {
    /// Notifications sent in a minute, as far as anybody knows.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of notifications")]
    pub fn per_minute(&self) -> Option<f64> {
        let seen = self
            .sent
            .map(|sent| sent as f64 * 60_000.0 / self.interval_ms.max(1) as f64);
        seen.or(self.known_per_minute)
    }

    /// Whether anything was sent or waits, or nobody can say.
    pub(super) fn is_any(&self) -> bool {
        match (self.per_minute(), self.backlog) {
            (None, None) => true,
            (rate, backlog) => rate.is_some_and(|rate| rate > 0.0) || backlog.unwrap_or(0) > 0,
        }
    }

    /// What was sent, in words, with what it needs.
    pub(super) fn sent_in_words(&self, need: &str) -> String {
        let secs = |ms: u64| std::time::Duration::from_millis(ms).as_secs_f64();
        match (self.sent, self.known_per_minute) {
            (Some(sent), _) if self.late_ms > 0 => format!(
                "{sent} sent in {} s until {} s ago need {need}",
                secs(self.interval_ms),
                secs(self.late_ms)
            ),
            (Some(sent), _) => format!("{sent} sent in {} s need {need}", secs(self.interval_ms)),
            (None, Some(rate)) => {
                format!("what was sent is not known, {rate:.0}/min as last known need {need}")
            }
            (None, None) => "what was sent is not known".to_owned(),
        }
    }

    /// What waits, in words, with what it needs.
    pub(super) fn backlog_in_words(&self, need: &str) -> String {
        match self.backlog {
            Some(backlog) => format!("{backlog} waiting need {need}"),
            None => "what waits is not known".to_owned(),
        }
    }
}

/// How many notifiers to start, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its number; grows by one with each plan of this scaler.
    pub number: u64,
    /// The route.
    pub route: String,
    /// When it was made, milliseconds since the epoch.
    pub at_ms: u64,
    /// What it was made from.
    pub inputs: Inputs,
    /// How many what was sent and waits needs, before the bounds and what is held from before.
    #[serde(default)]
    pub needed: u32,
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

/// What a law says, before the bounds.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    pub(super) count: u32,
    /// The same, without what is only held from before.
    pub(super) needed: u32,
    /// What it is made of, in words.
    pub(super) why: String,
    /// What else bounded it, in words; empty where nothing did.
    pub(super) bounded: String,
}

/// The laws of scaling.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scaler;

impl Scaler {
    /// How many notifiers to start.
    #[must_use]
    pub fn plan(route: &str, number: u64, at: Timestamp, inputs: Inputs) -> Plan {
        let demand = match inputs.policy {
            Policy::Proportional => proportional::demand(&inputs),
            Policy::Backlog => backlog::demand(&inputs),
        };
        let least = inputs.min.min(inputs.max);
        let wanted = match inputs.is_paused {
            true => 0,
            false => demand.count.clamp(least, inputs.max),
        };
        let start = wanted.saturating_sub(inputs.running);
        Plan {
            number,
            route: route.to_owned(),
            at_ms: at.as_millis(),
            inputs,
            needed: demand.needed,
            wanted,
            start,
            share: share(&inputs, wanted, start),
            reason: reason(route, &inputs, &demand, wanted, start),
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

fn reason(route: &str, inputs: &Inputs, demand: &Demand, wanted: u32, start: u32) -> String {
    let bound = match demand.count {
        _ if inputs.is_paused => format!(" while it is paused (`shukuba resume route {route}`)"),
        count if count > wanted => format!(", at most {}", inputs.max),
        count if count < wanted => format!(", at least {}", inputs.min),
        _ => demand.bounded.clone(),
    };
    let lost = match inputs.lost {
        0 => String::new(),
        lost => format!(", {lost} lost"),
    };
    let (why, running) = (&demand.why, inputs.running);
    format!("{why}: {wanted} wanted{bound}, {running} running{lost}, {start} started")
}
