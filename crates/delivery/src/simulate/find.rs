//! Settings that keep a delay: the fewest notifier-minutes with which 99 of 100 notifications are sent in time.
//!
//! A ladder of `notifiers_min`, and on each rung the largest `notifier_per_minute` (with `proportional`) or the smallest
//! `headroom` (with `backlog`) that keeps the target, found by halving: the tighter, the shorter the delay. A fixed fleet is
//! found by halving alone.
//!
//! A simulation is given up as soon as more than one of a hundred were late, or its notifiers have run for longer than those of the
//! best one: what is tighter costs still more, so the looser half is tried next.

use std::time::Duration;

use super::engine::{GiveUp, GivenUp};
use super::number::{float, whole};
use super::{FIXED_MAX, Model, Outcome, Policy, Traffic, run, run_unless};
use crate::config;

/// Least notifiers that are tried.
const LADDER: [u32; 9] = [0, 1, 2, 3, 4, 6, 8, 12, 16];
/// What of the largest `notifier_per_minute` is tried, in steps of this part of it.
const FINE: u32 = 16;
/// The headroom that is tried: each of these.
const HEADROOMS: [f64; 9] = [0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0];

/// What is looked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Settings of the scaler with the law that these have; everything that is not looked for is kept.
    Scaled(config::Scaler),
    /// The size of a fleet.
    Fixed,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The cheapest policy that keeps the target; where none does, the tightest that was tried.
    pub policy: Policy,
    /// What it comes to.
    pub outcome: Outcome,
    /// Whether the target is kept.
    pub is_kept: bool,
    /// Simulations that were made.
    pub tried: u32,
}

/// Looks for the cheapest policy of a kind that keeps `p99`.
#[must_use]
pub fn find(traffic: &Traffic, model: &Model, kind: &Kind, p99: Duration) -> Found {
    let mut search = Search {
        traffic,
        model,
        target_ms: whole(p99.as_secs_f64() * 1_000.0),
        best: None,
        tightest: Policy::Fixed(1),
        tried: 0,
    };
    match kind {
        Kind::Fixed => search.halve(FIXED_MAX, |size| Policy::Fixed(size + 1)),
        Kind::Scaled(settings) => search.climb(settings, p99),
    }
    let is_kept = search.best.is_some();
    let (policy, outcome) = search.best.unwrap_or_else(|| {
        let outcome = run(traffic, model, &search.tightest);
        (search.tightest, outcome)
    });
    Found {
        policy,
        outcome,
        is_kept,
        tried: search.tried,
    }
}

struct Search<'a> {
    traffic: &'a Traffic,
    model: &'a Model,
    target_ms: u64,
    /// The cheapest that keeps the target.
    best: Option<(Policy, Outcome)>,
    /// The last that did not.
    tightest: Policy,
    tried: u32,
}

impl Search<'_> {
    fn climb(&mut self, settings: &config::Scaler, p99: Duration) {
        for min in LADDER
            .into_iter()
            .filter(|min| *min <= settings.notifiers_max)
        {
            // Those that always run cost more than the best already.
            let least = f64::from(min) * float(self.traffic.len_ms()) / 60_000.0;
            if self.minutes_max() <= least {
                return;
            }
            let rung = config::Scaler {
                notifiers_min: min,
                ..settings.clone()
            };
            match settings.policy {
                config::Policy::Proportional => {
                    let model = self.model;
                    self.halve(FINE, |tight| proportional(&rung, model, tight));
                }
                config::Policy::Backlog => {
                    let rungs = u32::try_from(HEADROOMS.len()).unwrap_or(1);
                    self.halve(rungs, |tight| backlog(&rung, tight, p99));
                }
            }
        }
    }

    /// Tries the loosest of `0..count` that keeps the target, by halving.
    fn halve(&mut self, count: u32, policy: impl Fn(u32) -> Policy) {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            // The last is tried only where all before failed.
            let middle = middle.min(count.saturating_sub(1));
            if self.try_out(policy(middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
    }

    /// What the best one runs for.
    fn minutes_max(&self) -> f64 {
        let best = self.best.as_ref();
        best.map_or(f64::INFINITY, |(_, best)| best.notifier_minutes)
    }

    /// Whether nothing tighter need be tried: it keeps the target, or costs more than one that does.
    fn try_out(&mut self, policy: Policy) -> bool {
        self.tried += 1;
        let give_up = GiveUp {
            p99_ms: self.target_ms,
            minutes: self.minutes_max(),
        };
        let outcome = match run_unless(self.traffic, self.model, &policy, give_up) {
            Ok(outcome) => outcome,
            Err(GivenUp::Dear) => return true,
            Err(GivenUp::Late) => {
                self.tightest = policy;
                return false;
            }
        };
        if outcome.left > 0 || outcome.delay.p99_ms > self.target_ms {
            self.tightest = policy;
            return false;
        }
        if outcome.notifier_minutes < self.minutes_max() {
            self.best = Some((policy, outcome));
        }
        true
    }
}

/// From what a notifier manages down to a sixteenth of it.
fn proportional(rung: &config::Scaler, model: &Model, tight: u32) -> Policy {
    let part = f64::from(FINE - tight.min(FINE - 1)) / f64::from(FINE);
    let per_minute = whole((model.per_minute() * part).max(1.0)).min(100_000_000);
    Policy::Scaled(config::Scaler {
        notifier_per_minute: u32::try_from(per_minute).unwrap_or(u32::MAX),
        ..rung.clone()
    })
}

/// From nothing to spare to five times what comes; the oldest may become half as old as the target.
fn backlog(rung: &config::Scaler, tight: u32, p99: Duration) -> Policy {
    let place = usize::try_from(tight).unwrap_or(usize::MAX);
    let target = whole(p99.as_secs_f64() * 500.0).clamp(1_000, 86_400_000);
    Policy::Scaled(config::Scaler {
        headroom: HEADROOMS.get(place).copied().unwrap_or(4.0),
        target_age: config::Span::millis(target),
        ..rung.clone()
    })
}
