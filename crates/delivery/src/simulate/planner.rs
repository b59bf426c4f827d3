//! The scaler's loop in simulated time: when it plans, how often it has, and why.

use std::sync::Arc;
use std::time::Duration;

use base::ManualClock;
use futures_util::FutureExt;

use super::engine::at;
use super::number::whole;
use crate::scaler::{Loop, Plan};

/// When plans are made.
pub(super) struct Planner {
    plans: Loop,
    clock: Arc<ManualClock>,
    pub(super) interval_ms: u64,
    pub(super) next_ms: u64,
    pub(super) last_ms: u64,
    pub(super) made: u64,
    pub(super) reasons: Vec<Plan>,
}

impl Planner {
    pub(super) fn new(plans: Loop, clock: Arc<ManualClock>, interval: Duration) -> Self {
        Self {
            plans,
            clock,
            interval_ms: whole(interval.as_secs_f64() * 1_000.0),
            next_ms: 0,
            last_ms: 0,
            made: 0,
            reasons: Vec::new(),
        }
    }

    /// All futures of a simulation's ports are ready: a plan is made when it is asked for.
    pub(super) fn plan(&mut self, ms: u64) {
        self.clock.jump_to(at(ms));
        let plans = self.plans.plan_all().now_or_never().unwrap_or_default();
        self.note(plans, ms);
    }

    pub(super) fn follow(&mut self, ms: u64) {
        self.clock.jump_to(at(ms));
        let before = self
            .plans
            .history(None)
            .last()
            .map_or(0, |plan| plan.number);
        let _ = self.plans.plan_left().now_or_never();
        let new = self.plans.history(None).into_iter();
        self.note(new.filter(|plan| plan.number > before).collect(), ms);
    }

    fn note(&mut self, plans: Vec<Plan>, ms: u64) {
        for plan in plans {
            self.made += 1;
            self.last_ms = ms;
            // Of one minute the last.
            let minute = |plan: &Plan| plan.at_ms / 60_000;
            if self
                .reasons
                .last()
                .is_some_and(|last| minute(last) == minute(&plan))
            {
                self.reasons.pop();
            }
            self.reasons.push(plan);
        }
    }
}
