//! A notifier of its own: the same work as in `serve`, on any SQS endpoint, its results stored by itself (contract 7).
//!
//! Credentials and endpoint, first found: the usual variables; the data directory, where the queue is a bare name or
//! lies on that directory's server; the rest of the usual chain (profile, web identity, container, instance).
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
use delivery::notifier::{Directives, Notifier, Parts, Summary};
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
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let account = account(
        app,
        &config.server,
        order.queue.as_deref().unwrap_or(&route.queue),
    )
    .await?;
    let queue = queue(app, order, route, &settings, &account, &clock).await?;
    let counts: Arc<dyn MetricSink> = match order.metrics {
        Some(address) => metrics::show(address).await?,
        None => Arc::new(NoMetrics),
    };
    let secrets = app.secrets();
    let destinations = Arc::new(destinations(&settings, &secrets)?);
    let format = reader(order, route, &settings, &secrets)?;
    let parts = parts(
        order,
        route,
        &settings,
        queue,
        clock,
        counts,
        (format, destinations),
    );
    let life = order.life.unwrap_or_else(|| settings.notifier.life.get());
    let longest = parts.destinations.longest_attempt();
    if longest * 2 > life {
        tracing::warn!(?life, timeout_total = ?longest, "it works for less than two timeouts: sends near its end are cut off early");
    }
    let (notifier, handle) = Notifier::new(
        parts,
        Directives {
            share: order.share,
            ..Directives::default()
        },
    );
    tracing::info!(route = %order.route, life = ?life, "notifying");
    let work = notifier.run(life);
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

async fn queue(
    app: &App,
    order: &Order,
    route: &Route,
    settings: &Settings,
    account: &Account,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<SqsQueue> {
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
    let place = order.results.as_deref().or(settings.results.url.as_deref()).ok_or_else(|| {
        usage("nothing says where results go: give --results s3://bucket/prefix or file:///folder, or set results.url")
    })?;
    let objects = aws::results_at(place)
        .await
        .map_err(|error| usage(error.to_string()))?;
    let salt = salt(app, &objects).await?;
    let writer = writer(order, route, settings, salt, &app.secrets())?;
    let name = route.results.as_deref().unwrap_or(&order.route);
    let results = Results::new(Arc::new(objects));
    if let Ok(aws::Place::Folder(_)) = aws::Place::parse(place) {
        let upkeep = Upkeep {
            results: results.clone(),
            route: name.to_owned(),
            every: settings.results.compact_interval.get(),
            keep: settings.retention_of(name),
        };
        upkeep
            .start()
            .context("cannot start the upkeep of the results")?;
    }
    let results = DirectResults::new(results, name, writer);
    Ok(SqsQueue::new(
        account,
        &url,
        &retry_url,
        Arc::new(results),
        clock.clone(),
    )?)
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

fn writer(
    order: &Order,
    route: &Route,
    settings: &Settings,
    salt: Salt,
    secrets: &dyn Secrets,
) -> anyhow::Result<Writer> {
    let host = data::host();
    let notifier = format!("{host}-{}-{}", order.route, std::process::id());
    let sent_by = SentBy {
        notifier,
        host,
        ..SentBy::default()
    };
    let name = route.results.as_deref().unwrap_or(&order.route);
    let format = reader(order, route, settings, secrets)?;
    let hidden = making::secrets(&format, &destinations(settings, secrets)?);
    Ok(Writer::new(name, &sent_by, route.masking(), salt).hiding(hidden))
}

fn reader(
    order: &Order,
    route: &Route,
    settings: &Settings,
    secrets: &dyn Secrets,
) -> anyhow::Result<Format> {
    route
        .reader(&order.route, &settings.secrets, secrets)
        .map_err(|error| usage(error.to_string()))
}

fn destinations(settings: &Settings, secrets: &dyn Secrets) -> anyhow::Result<Destinations> {
    Destinations::new(settings, secrets).map_err(|error| usage(error.to_string()))
}

fn parts(
    order: &Order,
    route: &Route,
    settings: &Settings,
    queue: SqsQueue,
    clock: Arc<dyn Clock>,
    metrics: Arc<dyn MetricSink>,
    (format, destinations): (Format, Arc<Destinations>),
) -> Parts {
    Parts {
        route: Arc::from(order.route.as_str()),
        queue: Arc::new(queue),
        sender: Arc::new(Senders::new(Tools::of(clock.clone(), &settings.dns))),
        clock,
        metrics,
        format,
        retry_for: route.retry_for.get(),
        on_failure: route.on_failure.unwrap_or_default(),
        notifier: settings.notifier.clone(),
        destinations,
        seed: u64::from_le_bytes(base::id::random_bytes()),
    }
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
