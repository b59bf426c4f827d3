//! A notifier of its own: the same work as in `serve`, on any SQS endpoint, its results stored by itself (contract 7).
//!
//! Credentials and endpoint, first found: the usual variables; the data directory, where the queue is a bare name or
//! lies on that directory's server; the rest of the usual chain (profile, web identity, container, instance).
//!
//! A function is the same ([`prepare`]), with what it stands on given ([`Ground`]) and no signals.
//!
//! A pause of a route or a destination is known to the server alone: pause a lone notifier by not starting it.

mod metrics;
mod upkeep;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws::{Account, SqsQueue};
use base::{Clock, MetricSink, NoMetrics, SystemClock};
use delivery::config::{OnFailure, Route, Secrets, Settings};
use delivery::destinations::Destinations;
use delivery::format::Format;
use delivery::making;
use delivery::notifier::{Directives, Handle, Notifier, Parts, Summary};
use delivery::result::{Salt, SentBy, Writer};
use delivery::results::direct::DirectResults;
use delivery::results::{ObjectResults, Results};
use delivery::sender::{Senders, Tools};
use delivery::share::Share;

use crate::app::{App, usage};
use crate::config::Server;
use crate::{account, data};
use upkeep::Upkeep;

/// What sends in flight may take after a signal. Chosen: half of what service managers wait before they kill.
const STOP_GRACE: Duration = Duration::from_secs(20);

/// What a lone notifier is asked to do.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// A route of the settings.
    pub(crate) route: String,
    /// In place of the route's queue: a URL or a name.
    pub(crate) queue: Option<String>,
    /// In place of the settings' `results.url`.
    pub(crate) results: Option<String>,
    /// How long it works; `None`: as the settings say.
    pub(crate) life: Option<Duration>,
    /// Where its counts are shown.
    pub(crate) metrics: Option<SocketAddr>,
    /// Its share of every limit (contract 15).
    pub(crate) share: Share,
}

/// What a notifier stands on.
pub(crate) struct Ground<'a> {
    pub(crate) settings: &'a Settings,
    /// Whose queues.
    pub(crate) account: &'a Account,
    /// Where results go.
    pub(crate) objects: ObjectResults,
    /// That of the results.
    pub(crate) salt: Salt,
    pub(crate) secrets: &'a dyn Secrets,
    pub(crate) counts: Arc<dyn MetricSink>,
    pub(crate) clock: Arc<dyn Clock>,
    /// As its results name it.
    pub(crate) sent_by: SentBy,
}

/// A notifier that has not begun.
#[derive(Debug)]
pub(crate) struct Ready {
    notifier: Notifier,
    handle: Handle,
    longest_attempt: Duration,
}

/// Works until the life is over or a signal ends it; everything is then settled or handed back.
pub(crate) async fn run(app: &App, order: &Order) -> anyhow::Result<Summary> {
    let mut stop = crate::signal::Stop::new()?;
    let loaded = app.config_to_serve()?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let config = loaded.config;
    let settings = config.delivery();
    let route = route_of(&settings, &order.route)?;
    let queue = order.queue.as_deref().unwrap_or(&route.queue);
    let account = account(app, &config.server, queue).await?;
    let objects = results(order, route, &settings).await?;
    let ground = Ground {
        settings: &settings,
        account: &account,
        salt: salt(app, &objects).await?,
        objects,
        secrets: &app.secrets(),
        counts: match order.metrics {
            Some(address) => metrics::show(address).await?,
            None => Arc::new(NoMetrics),
        },
        clock: Arc::new(SystemClock::new()),
        sent_by: sent_by(order),
    };
    let ready = prepare(&ground, order).await?;
    let life = order.life.unwrap_or_else(|| settings.notifier.life.get());
    tracing::info!(route = %order.route, ?life, "notifying");
    let handle = ready.handle.clone();
    let work = ready.run(life);
    tokio::pin!(work);
    tokio::select! {
        summary = &mut work => return Ok(summary),
        () = stop.wait() => {}
    }
    tracing::info!("ending: what is in flight may finish, the rest goes back");
    handle.stop(STOP_GRACE);
    tokio::select! {
        summary = &mut work => Ok(summary),
        () = stop.wait() => anyhow::bail!("asked twice to end: what was held comes back when its leases end"),
    }
}

/// Makes the notifier of `order`: asks for its queues, and receives nothing yet.
pub(crate) async fn prepare(ground: &Ground<'_>, order: &Order) -> anyhow::Result<Ready> {
    let route = route_of(ground.settings, &order.route)?;
    let queue = queue(ground, order, route).await?;
    let parts = parts(ground, order, route, queue)?;
    let longest_attempt = parts.destinations.longest_attempt();
    let directives = Directives {
        share: order.share,
        ..Directives::default()
    };
    let (notifier, handle) = Notifier::new(parts, directives);
    Ok(Ready {
        notifier,
        handle,
        longest_attempt,
    })
}

impl Ready {
    /// To look at it and to end it while it works.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Works for `life`, unless its handle stops it; everything is then settled or handed back.
    pub(crate) async fn run(self, life: Duration) -> Summary {
        let longest = self.longest_attempt;
        if longest * 2 > life {
            tracing::warn!(?life, timeout_total = ?longest, "it works for less than two timeouts: sends near its end are cut off early");
        }
        self.notifier.run(life).await
    }
}

/// What a notifier did, in JSON.
pub(crate) fn json(summary: &Summary) -> serde_json::Value {
    let counts = &summary.counts;
    serde_json::json!({
        "received": summary.received, "attempts": counts.attempts, "delivered": counts.delivered,
        "retried": counts.retried, "dead": counts.dead, "unresolved": counts.unresolved, "expired": counts.expired, "later": counts.later,
        "unsettled": summary.unsettled,
    })
}

fn route_of<'a>(settings: &'a Settings, name: &str) -> anyhow::Result<&'a Route> {
    settings.routes.get(name).ok_or_else(|| {
        let known: Vec<&str> = settings.routes.keys().map(String::as_str).collect();
        usage(format!(
            "there is no route `{name}` in the settings; there are: {}",
            known.join(", ")
        ))
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Who calls, and where.
pub(crate) async fn account(app: &App, server: &Server, queue: &str) -> anyhow::Result<Account> {
    let endpoint = variable("AWS_ENDPOINT_URL_SQS").or_else(|| variable("AWS_ENDPOINT_URL"));
    let local = data::local_url(app, server);
    let is_local = match (&endpoint, queue.contains("://")) {
        (Some(url), _) => is_same_origin(url, &local),
        (None, true) => is_same_origin(queue, &local),
        (None, false) => true,
    };
    let has_own_key = variable("AWS_ACCESS_KEY_ID").is_some() || variable("AWS_PROFILE").is_some();
    if is_local
        && !has_own_key
        && let Some(key) = account::administrator(app)?
    {
        return Ok(Account::with_key(&key.key_id, key.secret.expose(), &server.region)?.at(&local));
    }
    let account = Account::load().await?;
    account
        .check()
        .await
        .map_err(|error| usage(format!("{error}; or give --data DIR of the server")))?;
    Ok(account)
}

fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |text: &str| url::Url::parse(text).ok().map(|url| url.origin());
    origin(one).is_some_and(|one| Some(one) == origin(other))
}

/// Where results go; a folder is kept up from now on.
async fn results(
    order: &Order,
    route: &Route,
    settings: &Settings,
) -> anyhow::Result<ObjectResults> {
    let place = order.results.as_deref().or(settings.results.url.as_deref()).ok_or_else(|| {
        usage("nothing says where results go: give --results s3://bucket/prefix or file:///folder, or set results.url")
    })?;
    let objects = aws::results_at(place)
        .await
        .map_err(|error| usage(error.to_string()))?;
    if let Ok(aws::Place::Folder(_)) = aws::Place::parse(place) {
        let name = results_name(order, route);
        let upkeep = Upkeep {
            results: Results::new(Arc::new(objects.clone())),
            route: name.to_owned(),
            every: settings.results.compact_interval.get(),
            keep: settings.retention_of(name),
        };
        upkeep
            .start()
            .context("cannot start the upkeep of the results")?;
    }
    Ok(objects)
}

fn results_name<'a>(order: &'a Order, route: &'a Route) -> &'a str {
    route.results.as_deref().unwrap_or(&order.route)
}

async fn queue(ground: &Ground<'_>, order: &Order, route: &Route) -> anyhow::Result<SqsQueue> {
    let account = ground.account;
    let url = account
        .queue_url(order.queue.as_deref().unwrap_or(&route.queue))
        .await?;
    let retry_url = match &route.retry_queue {
        Some(retry) => account
            .queue_url(retry)
            .await
            .context("the route's retry_queue")?,
        None => url.clone(),
    };
    check_order(route, &url, &retry_url)?;
    let writer = writer(ground, order, route)?;
    let results = Results::new(Arc::new(ground.objects.clone()));
    let results = DirectResults::new(results, results_name(order, route), writer);
    Ok(SqsQueue::new(
        account,
        &url,
        &retry_url,
        Arc::new(results),
        ground.clock.clone(),
    )?
    .gathering(ground.settings.results.gather.get()))
}

/// What the settings say of order, for the queues that are truly used.
fn check_order(route: &Route, url: &str, retry_url: &str) -> anyhow::Result<()> {
    match route.on_failure {
        Some(_) if !url.ends_with(".fifo") => Err(usage(format!(
            "the route's on_failure is for FIFO queues, and `{url}` keeps no order"
        ))),
        Some(OnFailure::Park) if retry_url.ends_with(".fifo") => Err(usage(
            "the route's on_failure = \"park\" needs a retry_queue that is no FIFO queue, since a FIFO queue cannot let one message wait",
        )),
        _ => Ok(()),
    }
}

/// That of the data directory, so that its server finds these results by URL as well; else the one beside the results.
async fn salt(app: &App, results: &ObjectResults) -> anyhow::Result<Salt> {
    let dir = app.data_dir();
    if dir.join("salt").exists() {
        return data::salt(&dir);
    }
    Salt::in_store(results)
        .await
        .context("the results cannot be used")
}

fn sent_by(order: &Order) -> SentBy {
    let host = data::host();
    SentBy {
        notifier: format!("{host}-{}-{}", order.route, std::process::id()),
        host,
        ..SentBy::default()
    }
}

fn writer(ground: &Ground<'_>, order: &Order, route: &Route) -> anyhow::Result<Writer> {
    let format = reader(ground, order, route)?;
    let hidden = making::secrets(&format, &destinations(ground)?);
    let name = results_name(order, route);
    Ok(Writer::new(name, &ground.sent_by, route.masking(), ground.salt).hiding(hidden))
}

fn reader(ground: &Ground<'_>, order: &Order, route: &Route) -> anyhow::Result<Format> {
    route
        .reader(&order.route, &ground.settings.secrets, ground.secrets)
        .map_err(|error| usage(error.to_string()))
}

fn destinations(ground: &Ground<'_>) -> anyhow::Result<Destinations> {
    Destinations::new(ground.settings, ground.secrets).map_err(|error| usage(error.to_string()))
}

fn parts(
    ground: &Ground<'_>,
    order: &Order,
    route: &Route,
    queue: SqsQueue,
) -> anyhow::Result<Parts> {
    let settings = ground.settings;
    let tools = Tools::of(ground.clock.clone(), &settings.dns);
    Ok(Parts {
        route: Arc::from(order.route.as_str()),
        queue: Arc::new(queue),
        sender: Arc::new(Senders::new(tools)),
        clock: ground.clock.clone(),
        metrics: ground.counts.clone(),
        format: reader(ground, order, route)?,
        retry_for: route.retry_for.get(),
        on_failure: route.on_failure.unwrap_or_default(),
        notifier: settings.notifier.clone(),
        destinations: Arc::new(destinations(ground)?),
        seed: u64::from_le_bytes(base::id::random_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origin_says_whether_a_url_is_the_local_server() {
        let local = "http://127.0.0.1:5310";
        for (url, is_local) in [
            ("http://127.0.0.1:5310/123456789012/s2s", true),
            ("http://127.0.0.1:5311/123456789012/s2s", false),
            ("https://127.0.0.1:5310/", false),
            ("s2s", false),
        ] {
            assert_eq!(is_same_origin(url, local), is_local, "{url}");
        }
    }
}
