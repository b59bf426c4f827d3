//! The loop: each interval a plan for every route.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Inputs, Plan, Scaler};
use crate::config;
use crate::port::{Error, Invoker, MetricSource, StartEvent};
use crate::share::Share;

/// A route that is scaled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteScale {
    /// Its name.
    pub route: String,
    /// Most notifiers, where the route says so.
    pub notifiers_max: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Grant {
    share: Share,
    until: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    number: u64,
    planned_to: BTreeMap<String, Timestamp>,
    grants: BTreeMap<String, Vec<Grant>>,
    history: VecDeque<Plan>,
}

/// Plans and starts notifiers for all routes of a process.
#[derive(Debug)]
pub struct Loop {
    settings: config::Scaler,
    life: Duration,
    metrics: Arc<dyn MetricSource>,
    invoker: Arc<dyn Invoker>,
    clock: Arc<dyn Clock>,
    routes: Mutex<Vec<RouteScale>>,
    state: Mutex<State>,
}

impl Loop {
    /// A loop that has not planned yet. `life`: of each notifier.
    #[must_use]
    pub fn new(
        settings: config::Scaler,
        life: Duration,
        routes: Vec<RouteScale>,
        metrics: Arc<dyn MetricSource>,
        invoker: Arc<dyn Invoker>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            settings,
            life,
            metrics,
            invoker,
            clock,
            routes: Mutex::new(routes),
            state: Mutex::default(),
        }
    }

    /// Scales these routes from the next plan on.
    pub fn set_routes(&self, routes: Vec<RouteScale>) {
        *self.routes.lock() = routes;
    }

    /// The last plans, the newest last; those of one route where one is named.
    #[must_use]
    pub fn history(&self, route: Option<&str>) -> Vec<Plan> {
        let state = self.state.lock();
        let matches = |plan: &&Plan| route.is_none_or(|route| plan.route == route);
        state.history.iter().filter(matches).cloned().collect()
    }

    /// Plans each interval until `stop` says true or its sender is gone.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        loop {
            self.plan_all().await;
            let pause = tokio::time::sleep(self.settings.interval.get());
            tokio::select! {
                () = pause => {}
                changed = stop.changed() => {
                    if changed.is_err() || *stop.borrow() {
                        return;
                    }
                }
            }
        }
    }

    /// One plan for every route, and the notifiers that it starts.
    pub async fn plan_all(&self) {
        let routes = self.routes.lock().clone();
        for route in routes {
            match self.plan_one(&route).await {
                Ok(plan) => self.keep(plan),
                Err(error) => warn!(route = route.route, %error, "no plan"),
            }
        }
    }

    async fn plan_one(&self, scale: &RouteScale) -> Result<Plan, Error> {
        let route = scale.route.as_str();
        let now = self.clock.now();
        let interval = self.settings.interval.get();
        let from = self
            .planned_to(route)
            .unwrap_or_else(|| now.minus(interval));
        let sent = self.metrics.sent_in(route, from, now).await?;
        let backlog = self.metrics.backlog(route).await?;
        let running = self.invoker.running(route).await?;
        let inputs = Inputs {
            sent,
            interval_ms: millis(now.since(from).max(Duration::from_millis(1))),
            backlog,
            notifier_per_minute: u64::from(self.settings.notifier_per_minute),
            drain_within_ms: millis(self.settings.drain_within.get()),
            running,
            granted: self
                .grants(route, now)
                .iter()
                .map(|share| share.size())
                .sum(),
            min: self.settings.notifiers_min,
            is_paused: self.metrics.is_paused(route),
            max: scale.notifiers_max.unwrap_or(self.settings.notifiers_max),
        };
        let number = self.begin(route, now);
        let mut plan = Scaler::plan(route, number, now, inputs);
        if let Err(error) = self.start(&mut plan, now).await {
            plan.failure = Some(error.to_string());
        }
        Ok(plan)
    }

    /// Starts what the plan says. Where running notifiers can be told, all get equal parts.
    async fn start(&self, plan: &mut Plan, now: Timestamp) -> Result<(), Error> {
        let running = plan.inputs.running;
        let all = running + plan.start;
        let is_live = all > 0 && self.invoker.share_out(&plan.route, all).await?;
        let shares = if is_live {
            let parts = running..all;
            parts.map(|index| Share::part(index, all)).collect()
        } else {
            Share::left(&self.grants(&plan.route, now), plan.start, plan.share)
        };
        plan.share = match is_live {
            true => Share::part(0, all).size(),
            false => plan.share,
        };
        let until = now.plus(self.life);
        for (index, share) in (0..).zip(shares) {
            let event = StartEvent {
                route: plan.route.clone(),
                plan: plan.number,
                index,
                count: plan.start,
                share,
                deadline_ms: until.as_millis(),
            };
            self.invoker.start(event).await?;
            if !is_live {
                let mut state = self.state.lock();
                let grants = state.grants.entry(plan.route.clone()).or_default();
                grants.push(Grant { share, until });
            }
        }
        Ok(())
    }

    fn planned_to(&self, route: &str) -> Option<Timestamp> {
        self.state.lock().planned_to.get(route).copied()
    }

    fn begin(&self, route: &str, now: Timestamp) -> u64 {
        let mut state = self.state.lock();
        state.number += 1;
        state.planned_to.insert(route.to_owned(), now);
        state.number
    }

    /// The shares of notifiers that cannot be told another.
    fn grants(&self, route: &str, now: Timestamp) -> Vec<Share> {
        let mut state = self.state.lock();
        let Some(grants) = state.grants.get_mut(route) else {
            return Vec::new();
        };
        grants.retain(|grant| grant.until > now);
        grants.iter().map(|grant| grant.share).collect()
    }

    fn keep(&self, plan: Plan) {
        if plan.start > 0 || plan.failure.is_some() {
            info!(
                route = plan.route,
                start = plan.start,
                reason = plan.reason,
                failure = plan.failure,
                "plan"
            );
        }
        let mut state = self.state.lock();
        state.history.push_back(plan);
        let bound = usize::try_from(self.settings.history).unwrap_or(usize::MAX);
        while state.history.len() > bound {
            state.history.pop_front();
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
