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

/// What plans are made by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The settings.
    pub settings: config::Scaler,
    /// How long each notifier lives.
    pub life: Duration,
    /// The routes.
    pub routes: Vec<RouteScale>,
}

/// The last plan of a route.
#[derive(Clone, Copy, Debug)]
struct Planned {
    at: Timestamp,
    /// How many ran after it.
    running: u32,
}

#[derive(Debug, Default)]
struct State {
    number: u64,
    planned: BTreeMap<String, Planned>,
    grants: BTreeMap<String, Vec<Grant>>,
    history: VecDeque<Plan>,
}

/// Plans and starts notifiers for all routes of a process.
#[derive(Debug)]
pub struct Loop {
    rules: watch::Sender<Rules>,
    metrics: Arc<dyn MetricSource>,
    invoker: Arc<dyn Invoker>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Loop {
    /// A loop that has not planned yet.
    #[must_use]
    pub fn new(
        rules: Rules,
        metrics: Arc<dyn MetricSource>,
        invoker: Arc<dyn Invoker>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            rules: watch::Sender::new(rules),
            metrics,
            invoker,
            clock,
            state: Mutex::default(),
        }
    }

    /// Plans by other rules from now on; what is known of routes that stay is kept.
    pub fn set_rules(&self, rules: Rules) {
        {
            let mut state = self.state.lock();
            let stays = |route: &str| rules.routes.iter().any(|scale| scale.route == route);
            state.planned.retain(|route, _| stays(route));
            state.grants.retain(|route, _| stays(route));
        }
        self.rules.send_replace(rules);
    }

    /// The last plans, the newest last; those of one route where one is named.
    #[must_use]
    pub fn history(&self, route: Option<&str>) -> Vec<Plan> {
        let state = self.state.lock();
        let matches = |plan: &&Plan| route.is_none_or(|route| plan.route == route);
        state.history.iter().filter(matches).cloned().collect()
    }

    /// Plans each interval, and when the rules change, until `stop` says true or its sender is gone.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut changes = self.rules.subscribe();
        let mut back = Duration::ZERO;
        loop {
            let interval = changes.borrow_and_update().settings.interval.get();
            self.plan_each(back).await;
            tokio::select! {
                () = tokio::time::sleep(interval) => back = Duration::ZERO,
                _ = changes.changed() => back = interval,
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
        self.plan_each(Duration::ZERO).await;
    }

    /// `back`: how far plans look back at least. What was sent in a moment says little of an interval.
    async fn plan_each(&self, back: Duration) {
        let rules = self.rules.borrow().clone();
        for scale in &rules.routes {
            self.plan(&rules, scale, back).await;
        }
    }

    /// Plans for those routes that notifiers have left since their last plan, so that others take over at once.
    pub async fn plan_left(&self) {
        let rules = self.rules.borrow().clone();
        for scale in &rules.routes {
            let planned = self.planned(&scale.route);
            let running = self.invoker.running(&scale.route).await;
            if let (Some(planned), Ok(running)) = (planned, running)
                && running < planned.running
            {
                let interval = rules.settings.interval.get();
                self.plan(&rules, scale, interval).await;
            }
        }
    }

    async fn plan(&self, rules: &Rules, scale: &RouteScale, back: Duration) {
        match self.plan_one(rules, scale, back).await {
            Ok(plan) => self.keep(rules, plan),
            Err(error) => warn!(route = scale.route, %error, "no plan"),
        }
    }

    async fn plan_one(
        &self,
        rules: &Rules,
        scale: &RouteScale,
        back: Duration,
    ) -> Result<Plan, Error> {
        let settings = &rules.settings;
        let route = scale.route.as_str();
        let now = self.clock.now();
        let from = match self.planned(route) {
            Some(planned) => planned.at.min(now.minus(back)),
            None => now.minus(settings.interval.get()),
        };
        let sent = self.metrics.sent_in(route, from, now).await?;
        let backlog = self.metrics.backlog(route).await?;
        let running = self.invoker.running(route).await?;
        let inputs = Inputs {
            sent,
            interval_ms: millis(now.since(from).max(Duration::from_millis(1))),
            backlog,
            notifier_per_minute: u64::from(settings.notifier_per_minute),
            drain_within_ms: millis(settings.drain_within.get()),
            running,
            granted: self
                .grants(route, now)
                .iter()
                .map(|share| share.size())
                .sum(),
            min: settings.notifiers_min,
            is_paused: self.metrics.is_paused(route),
            max: scale.notifiers_max.unwrap_or(settings.notifiers_max),
        };
        let number = self.begin(route, now, running);
        let mut plan = Scaler::plan(route, number, now, inputs);
        match self.start(rules, &mut plan, now).await {
            Ok(()) => self.began(route, plan.start),
            Err(error) => plan.failure = Some(error.to_string()),
        }
        Ok(plan)
    }

    /// Starts what the plan says. Where running notifiers can be told, all get equal parts.
    async fn start(&self, rules: &Rules, plan: &mut Plan, now: Timestamp) -> Result<(), Error> {
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
        let until = now.plus(rules.life);
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

    fn planned(&self, route: &str) -> Option<Planned> {
        self.state.lock().planned.get(route).copied()
    }

    fn begin(&self, route: &str, at: Timestamp, running: u32) -> u64 {
        let mut state = self.state.lock();
        state.number += 1;
        let planned = Planned { at, running };
        state.planned.insert(route.to_owned(), planned);
        state.number
    }

    fn began(&self, route: &str, started: u32) {
        if let Some(planned) = self.state.lock().planned.get_mut(route) {
            planned.running += started;
        }
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

    fn keep(&self, rules: &Rules, plan: Plan) {
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
        let bound = usize::try_from(rules.settings.history).unwrap_or(usize::MAX);
        while state.history.len() > bound {
            state.history.pop_front();
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
