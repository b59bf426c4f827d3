//! The loop: each interval a plan for every route.
//!
//! A round reads the state, plans, keeps the state with those that are about to be started, and then starts them: of two
//! processes that plan at once one is overtaken, and plans anew with what the other has started. Who dies between keeping and
//! starting leaves notifiers that are believed in until nothing is heard of them, or their deadline comes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tracing::{info, warn};

use super::state::{Start, State};
use super::{Inputs, Plan, RouteState, Scaler, usable};
use crate::config::{self, Policy};
use crate::port::{
    Error, Figures, Invoker, Memory, MetricSource, Receiver, Saved, StartEvent, Version,
};
use crate::share::Share;

/// How often a round is tried that somebody else overtakes. Chosen.
const TRIES: u32 = 3;

/// A route that is scaled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteScale {
    /// Its name.
    pub route: String,
    /// Most notifiers, where the route says so.
    pub notifiers_max: Option<u32>,
}

/// What plans are made by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The settings.
    pub settings: config::Scaler,
    /// How long each notifier lives.
    pub life: Duration,
    /// The last part of it, in which they take nothing new ([`winds_down`](crate::notifier::winds_down)).
    pub winds_down: Duration,
    /// Sends of each at once.
    pub slots: u32,
    /// The routes.
    pub routes: Vec<RouteScale>,
}

/// A plan, and those that it starts.
#[derive(Debug)]
struct Draft {
    plan: Plan,
    events: Vec<StartEvent>,
}

/// Plans and starts notifiers for all routes of a process.
#[derive(Debug)]
pub struct Loop {
    rules: watch::Sender<Rules>,
    metrics: Arc<dyn MetricSource>,
    invoker: Arc<dyn Invoker>,
    memory: Arc<dyn Memory>,
    clock: Arc<dyn Clock>,
    /// One round at a time, so that none counts those that another is about to start.
    turn: Semaphore,
    history: Mutex<VecDeque<Plan>>,
}

impl Loop {
    /// A loop that has not planned yet.
    #[must_use]
    pub fn new(
        rules: Rules,
        metrics: Arc<dyn MetricSource>,
        invoker: Arc<dyn Invoker>,
        memory: Arc<dyn Memory>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            rules: watch::Sender::new(rules),
            metrics,
            invoker,
            memory,
            clock,
            turn: Semaphore::new(1),
            history: Mutex::default(),
        }
    }

    /// Plans by other rules from now on; what is known of routes that stay is kept.
    pub fn set_rules(&self, rules: Rules) {
        self.rules.send_replace(rules);
    }

    /// The last plans of this process, the newest last; those of one route where one is named.
    #[must_use]
    pub fn history(&self, route: Option<&str>) -> Vec<Plan> {
        let history = self.history.lock();
        let matches = |plan: &&Plan| route.is_none_or(|route| plan.route == route);
        history.iter().filter(matches).cloned().collect()
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

    /// One plan for every route, and the notifiers that it starts. Answers the plans.
    pub async fn plan_all(&self) -> Vec<Plan> {
        self.plan_each(Duration::ZERO).await
    }

    /// `back`: how far plans look back at least. What was sent in a moment says little of an interval.
    async fn plan_each(&self, back: Duration) -> Vec<Plan> {
        let Ok(_turn) = self.turn.acquire().await else {
            return Vec::new();
        };
        let rules = self.rules.borrow().clone();
        self.plan_for(&rules, &rules.routes, back).await
    }

    /// Plans for those routes that notifiers have left since their last plan, so that others take over at once.
    pub async fn plan_left(&self) {
        let Ok(_turn) = self.turn.acquire().await else {
            return;
        };
        let rules = self.rules.borrow().clone();
        let Ok((mut state, _)) = self.memory.load().await else {
            return;
        };
        let mut left = Vec::new();
        for scale in &rules.routes {
            let Ok(running) = self.invoker.running(&scale.route).await else {
                continue;
            };
            let route = state.route(&scale.route);
            let planned = route.planned_at.map_or(0, |_| route.running);
            if route.hear(&running, self.clock.now(), Duration::ZERO).0 < planned {
                left.push(scale.clone());
            }
        }
        if !left.is_empty() {
            let interval = rules.settings.interval.get();
            self.plan_for(&rules, &left, interval).await;
        }
    }

    async fn plan_for(&self, rules: &Rules, scales: &[RouteScale], back: Duration) -> Vec<Plan> {
        let plans = match self.round(rules, scales, back).await {
            Ok(plans) => plans,
            Err(error) => {
                warn!(%error, "no plan: the scaler's state");
                return Vec::new();
            }
        };
        plans.iter().for_each(tell);
        self.keep(rules, &plans);
        plans
    }

    /// Plans for `scales` with one state, keeps it, and starts whom the plans say.
    async fn round(
        &self,
        rules: &Rules,
        scales: &[RouteScale],
        back: Duration,
    ) -> Result<Vec<Plan>, Error> {
        for _ in 0..TRIES {
            let (mut state, version) = self.memory.load().await?;
            state.keep_only(|route| rules.routes.iter().any(|scale| scale.route == route));
            let mut drafts = Vec::new();
            for scale in scales {
                match self.draft(rules, scale, back, &mut state).await {
                    Ok(draft) => drafts.push(draft),
                    Err(error) => warn!(route = scale.route, %error, "no plan"),
                }
            }
            if let Saved::Kept(version) = self.memory.save(&state, &version).await? {
                return self.carry_out(drafts, state, &version).await;
            }
        }
        let detail = format!("others have planned {TRIES} times meanwhile");
        Err(Error::unavailable("the scaler's state", detail))
    }

    /// A plan for one route, noted in `state`.
    async fn draft(
        &self,
        rules: &Rules,
        scale: &RouteScale,
        back: Duration,
        state: &mut State,
    ) -> Result<Draft, Error> {
        let route = scale.route.as_str();
        let now = self.clock.now();
        let from = match state.route(route).planned_at {
            Some(planned) => planned.min(now.minus(back)),
            None => now.minus(rules.settings.interval.get()),
        };
        let figures = self.metrics.figures(route, from, now).await?;
        let seen = self.invoker.running(route).await?;
        state.number += 1;
        let number = state.number;
        let of_route = state.route(route);
        let (running, lost) = of_route.hear(&seen, now, ahead(rules, &figures));
        of_route.learn_from(&rules.settings, &figures, running, now);
        let mut inputs = inputs(rules, scale, &figures, of_route, now);
        inputs.running = running;
        inputs.lost = lost;
        inputs.interval_ms = match &figures.sent {
            Some(sent) => millis(sent.span()),
            None => millis(now.since(from).max(Duration::from_millis(1))),
        };
        inputs.is_paused = self.metrics.is_paused(route);
        let mut plan = Scaler::plan(route, number, now, inputs);
        of_route.hold(&plan, rules.settings.cool_down.get());
        let events = self.share_out(rules, &mut plan, of_route, now).await?;
        of_route.planned_at = Some(now);
        of_route.running = running + plan.start;
        of_route.joined(plan.start);
        Ok(Draft { plan, events })
    }

    /// Whom a plan starts. Where running notifiers can be told, all get equal parts; else their shares are fixed, and noted.
    async fn share_out(
        &self,
        rules: &Rules,
        plan: &mut Plan,
        of_route: &mut RouteState,
        now: Timestamp,
    ) -> Result<Vec<StartEvent>, Error> {
        let running = plan.inputs.running;
        let all = running + plan.start;
        let is_live = all > 0 && self.invoker.share_out(&plan.route, all).await?;
        let shares = if is_live {
            plan.share = Share::part(0, all).size();
            let parts = running..all;
            parts.map(|index| Share::part(index, all)).collect()
        } else {
            Share::left(&of_route.shares(), plan.start, plan.share)
        };
        let until = now.plus(rules.life);
        let event = |(index, share): (u32, Share)| StartEvent {
            route: plan.route.clone(),
            plan: plan.number,
            index,
            count: plan.start,
            share,
            deadline_ms: until.as_millis(),
        };
        let events: Vec<StartEvent> = (0..).zip(shares).map(event).collect();
        if !is_live {
            let starts = events.iter().map(|event| Start::of(event, now));
            of_route.starts.extend(starts);
        }
        Ok(events)
    }

    /// Starts whom the drafts say. Who could not be started is forgotten again.
    async fn carry_out(
        &self,
        drafts: Vec<Draft>,
        mut state: State,
        version: &Version,
    ) -> Result<Vec<Plan>, Error> {
        let mut plans = Vec::new();
        let mut is_changed = false;
        for Draft { mut plan, events } in drafts {
            let mut events = events.into_iter();
            while let Some(event) = events.next() {
                if let Err(error) = self.invoker.start(event.clone()).await {
                    plan.failure = Some(error.to_string());
                    let of_route = state.route(&plan.route);
                    for event in [event].into_iter().chain(events.by_ref()) {
                        of_route.forget(event.plan, event.index);
                    }
                    is_changed = true;
                }
            }
            plans.push(plan);
        }
        if is_changed && self.memory.save(&state, version).await? == Saved::Overtaken {
            warn!("notifiers that could not be started count until nothing is heard of them");
        }
        Ok(plans)
    }

    fn keep(&self, rules: &Rules, plans: &[Plan]) {
        let mut history = self.history.lock();
        history.extend(plans.iter().cloned());
        let bound = usize::try_from(rules.settings.history).unwrap_or(usize::MAX);
        while history.len() > bound {
            history.pop_front();
        }
    }
}

/// How long before its deadline one that cannot be seen counts no longer: where it takes nothing new any more by the next plan,
/// its successor comes with this one. Those of one plan end together, and what waits until others come would start twice as
/// many of them, as the simulator's day showed. Where receivers are limited, or not known, not before its deadline: until then it holds its share,
/// and its successor would have none for all its life. At most half a life: those of lives shorter than an interval count too.
fn ahead(rules: &Rules, figures: &Figures) -> Duration {
    let is_free = |one: &Receiver| *one == Receiver::default();
    match !figures.receivers.is_empty() && figures.receivers.iter().all(is_free) {
        true => (rules.winds_down + rules.settings.interval.get()).min(rules.life / 2),
        false => Duration::ZERO,
    }
}

fn tell(plan: &Plan) {
    if plan.start > 0 || plan.failure.is_some() {
        info!(
            route = plan.route,
            start = plan.start,
            reason = plan.reason,
            failure = plan.failure,
            "plan"
        );
    }
}

/// What is known, as inputs of a plan; who runs is not in it yet.
fn inputs(
    rules: &Rules,
    scale: &RouteScale,
    figures: &Figures,
    of_route: &RouteState,
    now: Timestamp,
) -> Inputs {
    let settings = &rules.settings;
    let each = of_route.learned.per_minute(settings.notifier_per_minute);
    let is_backlog = settings.policy == Policy::Backlog;
    Inputs {
        policy: settings.policy,
        sent: figures.sent.map(|sent| sent.count),
        interval_ms: 0,
        late_ms: figures.sent.map_or(0, |sent| millis(now.since(sent.to))),
        known_per_minute: match figures.sent {
            Some(_) => None,
            None => of_route.known_per_minute(now),
        },
        backlog: figures.backlog.map(|figure| figure.value),
        backlog_late_ms: figures
            .backlog
            .map_or(0, |figure| millis(now.since(figure.at))),
        oldest_ms: figures.oldest.map(|figure| millis(figure.value)),
        oldest_late_ms: figures
            .oldest
            .map_or(0, |figure| millis(now.since(figure.at))),
        notifier_per_minute: match is_backlog {
            true => whole(each),
            false => u64::from(settings.notifier_per_minute),
        },
        drain_within_ms: millis(settings.drain_within.get()),
        target_age_ms: millis(settings.target_age.get()),
        headroom: settings.headroom,
        usable: usable(&figures.receivers, each, rules.slots).filter(|_| is_backlog),
        held: match is_backlog {
            true => of_route.held(now),
            false => 0,
        },
        running: 0,
        lost: 0,
        // A sum of nothing is -0.0, which is no share.
        granted: 0.0 + of_route.shares().iter().map(|one| one.size()).sum::<f64>(),
        min: settings.notifiers_min,
        max: scale.notifiers_max.unwrap_or(settings.notifiers_max),
        is_paused: false,
    }
}

impl RouteState {
    /// Notes what `figures` say of the rate, of who runs, and of what one manages.
    fn learn_from(
        &mut self,
        settings: &config::Scaler,
        figures: &Figures,
        running: u32,
        now: Timestamp,
    ) {
        let prior = settings.notifier_per_minute;
        self.know(figures.sent.as_ref());
        // The other law plans by the setting alone: nothing need be kept for it.
        if settings.policy != Policy::Backlog {
            return;
        }
        let in_a_second = f64::from(running) * self.learned.per_minute(prior) / 60.0;
        let is_busy = figures
            .backlog
            .is_some_and(|figure| figure.value > whole(in_a_second));
        self.ran(now, running, is_busy);
        if let Some(done) = &figures.done {
            // Where every receiver is limited, what waits may wait for them, and says nothing of notifiers.
            let is_limited = usable(&figures.receivers, 1.0, 1).is_some();
            self.learn(prior, done, is_limited);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and far from u64's end"
)]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
