//! The scaler as a function: one round of plans for each invocation, whatever its event says.
//!
//! What it knows between rounds is in the bucket alone, so that any environment may make the next. There it also hears of the
//! notifiers: who lives, and whom they send to, whose limits are those of the settings. Routes are paused by not
//! running it: disable the schedule.

use std::sync::Arc;

use anyhow::Context;
use aws::{Account, Functions, QueueMetrics};
use base::{Clock, SystemClock};
use delivery::config::{Policy, Route};
use delivery::destinations::Destinations;
use delivery::notifier::winds_down;
use delivery::port::RetryWait;
use delivery::scaler::{Hearing, Loop, RouteScale, Rules};

use super::ground::Ground;
use super::needed;
use super::runtime::Invocation;
use crate::app::usage;
use crate::config::Config;

/// How much of the event is logged. Chosen: a schedule's is some 300 bytes.
const EVENT_BYTES_SHOWN: usize = 1_024;

/// A scaler that waits for its schedule.
#[derive(Debug)]
pub(super) struct Planner {
    plans: Loop,
    routes: Vec<String>,
}

impl Planner {
    pub(super) async fn begin(ground: Ground) -> anyhow::Result<Self> {
        let notifier = needed("SHUKUBA_NOTIFIER", "the notifiers' function")?;
        let place = needed(
            "SHUKUBA_MEMORY",
            "`s3://bucket/prefix` of the scaler's state",
        )?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let destinations = Destinations::new(&ground.config.delivery(), &ground.secrets());
        let destinations = destinations.map_err(|error| usage(error.to_string()))?;
        let rules = rules(&ground, &destinations)?;
        let account = &ground.account;
        let metrics = metrics(account, &ground.config, &rules).await?;
        let functions = Functions::new(account, &notifier, clock.clone())?;
        let memory = aws::memory_at(account, &place)?;
        let hearing = Arc::new(Hearing::new(
            Arc::new(metrics),
            Arc::new(functions),
            aws::reports_at(account, &place)?,
            Arc::new(destinations),
            clock.clone(),
        ));
        let routes = rules.routes.iter().map(|scale| scale.route.clone());
        Ok(Self {
            routes: routes.collect(),
            plans: Loop::new(rules, hearing.clone(), hearing, Arc::new(memory), clock),
        })
    }

    pub(super) async fn call(&self, invocation: &Invocation) -> anyhow::Result<serde_json::Value> {
        let shown = invocation.payload.len().min(EVENT_BYTES_SHOWN);
        let event = invocation.payload.get(..shown).unwrap_or_default();
        let event = String::from_utf8_lossy(event);
        tracing::info!(request_id = invocation.request_id, %event, "planning");
        let plans = self.plans.plan_all().await;
        let missing = self.routes.iter().filter(|route| {
            let mut of_routes = plans.iter().map(|plan| &plan.route);
            !of_routes.any(|planned| planned == *route)
        });
        let missing: Vec<&str> = missing.map(String::as_str).collect();
        let answer = serde_json::to_value(&plans).context("the plans cannot be written")?;
        tracing::info!(request_id = invocation.request_id, plans = %answer, "planned");
        if !missing.is_empty() {
            anyhow::bail!("no plan for {}: see the lines before", missing.join(", "));
        }
        Ok(serde_json::json!({ "plans": answer }))
    }
}

/// The routes that notifiers work for; not those of notices, which are a server's.
fn routes(config: &Config) -> impl Iterator<Item = (&String, &Route)> {
    config.routes.iter().filter(|(_, route)| route.notifier)
}

fn rules(ground: &Ground, destinations: &Destinations) -> anyhow::Result<Rules> {
    let config = &ground.config;
    let scales = routes(config).map(|(name, route)| RouteScale {
        route: name.clone(),
        notifiers_max: route.notifiers_max,
    });
    let scales: Vec<_> = scales.collect();
    if scales.is_empty() {
        return Err(usage("the settings have no route that notifiers work for"));
    }
    let life = config.notifier.life.get();
    Ok(Rules {
        settings: config.scaler.clone(),
        life,
        winds_down: winds_down(life, destinations.default_attempt(), RetryWait::Resend),
        slots: config.notifier.slots,
        routes: scales,
    })
}

/// Figures of the routes' queues, with what waits in those of their retries.
async fn metrics(
    account: &Account,
    config: &Config,
    rules: &Rules,
) -> anyhow::Result<QueueMetrics> {
    let mut urls = Vec::new();
    let mut retries = Vec::new();
    for (name, route) in routes(config) {
        let of_route = || format!("route `{name}`");
        let url = account.queue_url(&route.queue).await;
        urls.push((name.clone(), url.with_context(of_route)?));
        if let Some(retry) = &route.retry_queue {
            let url = account.queue_url(retry).await;
            retries.push((name, url.with_context(of_route)?));
        }
    }
    let mut metrics = QueueMetrics::new(account, urls, Arc::new(|_: &str| false))?;
    for (name, url) in retries {
        metrics = metrics.with_retries(name, &url);
    }
    Ok(match rules.settings.policy {
        Policy::Backlog => metrics.with_oldest(),
        Policy::Proportional => metrics,
    })
}
