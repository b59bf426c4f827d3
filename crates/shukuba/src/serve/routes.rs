//! The routes of the settings with their queues on this server.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use delivery::config::Route;
use delivery::format::Format;
use delivery::masking::Masking;
use sqs::{Queue, Queues};

use super::live::Now;

/// How long messages of routes and dead letters stay in their queues: the longest that SQS has.
const RETENTION_SECS: &str = "1209600";

/// A route whose queue is here.
#[derive(Clone, Debug)]
pub(super) struct LiveRoute {
    pub(super) name: Arc<str>,
    /// Its name among the results.
    pub(super) results: String,
    pub(super) rules: Route,
    pub(super) format: Format,
    pub(super) queue: Arc<Queue>,
    /// Keeps what was given up.
    pub(super) dead: Arc<Queue>,
}

impl LiveRoute {
    /// The names of its queues that were deleted: until they are created again it delivers nothing, or keeps no dead letters.
    pub(super) fn missing<'a>(&'a self, queues: &'a Queues) -> impl Iterator<Item = &'a str> {
        let both = [&self.queue, &self.dead].into_iter();
        both.map(|queue| queue.name())
            .filter(|name| queues.queue(name).is_err())
    }

    /// What is hidden in its results.
    pub(super) fn masking(&self) -> Masking {
        self.rules.masking()
    }
}

/// The routes by name.
pub(super) type Routes = BTreeMap<String, Arc<LiveRoute>>;

/// Makes the queues that routes need and binds them.
pub(super) async fn open(queues: &Queues, now: &Now) -> anyhow::Result<Routes> {
    let mut routes = Routes::new();
    for (name, rules) in &now.settings.routes {
        let Some(dead_name) = rules.dead_queue() else {
            tracing::info!(route = %name, queue = %rules.queue, "the route's queue is elsewhere: start `shukuba notifier` for it");
            continue;
        };
        let queue = find_or_make(queues, &rules.queue).await?;
        let dead = find_or_make(queues, &dead_name).await?;
        let Some(format) = now.readers.get(name).cloned() else {
            continue;
        };
        let route = LiveRoute {
            name: Arc::from(name.as_str()),
            results: rules.results.clone().unwrap_or_else(|| name.clone()),
            rules: rules.clone(),
            format,
            queue,
            dead,
        };
        routes.insert(name.clone(), Arc::new(route));
    }
    queues.bind(bindings(&routes));
    Ok(routes)
}

/// The routes whose notifiers receive alone, by the name of their queue.
fn bindings(routes: &Routes) -> BTreeMap<String, String> {
    let alone = routes.values().filter(|route| route.rules.notifier);
    alone
        .map(|route| (route.queue.name().to_owned(), route.name.to_string()))
        .collect()
}

/// Has routes go on with the queues that now have the names of theirs, where those were deleted and created again.
/// Gives the names of these routes.
pub(super) fn follow(queues: &Queues, routes: &mut Routes) -> Vec<Arc<str>> {
    let mut changed = Vec::new();
    for route in routes.values_mut() {
        let (queue, dead) = (current(queues, &route.queue), current(queues, &route.dead));
        if queue.id() != route.queue.id() || dead.id() != route.dead.id() {
            tracing::info!(route = %route.name, "its queue was created again: the route goes on with it");
            changed.push(Arc::clone(&route.name));
            *route = Arc::new(LiveRoute {
                queue,
                dead,
                ..LiveRoute::clone(route)
            });
        }
    }
    changed
}

/// The queue that has the name of `queue` now; `queue` itself while there is none.
fn current(queues: &Queues, queue: &Arc<Queue>) -> Arc<Queue> {
    let found = queues.queue(queue.name());
    found.unwrap_or_else(|_| Arc::clone(queue))
}

async fn find_or_make(queues: &Queues, name: &str) -> anyhow::Result<Arc<Queue>> {
    let mut attributes = BTreeMap::from([(
        "MessageRetentionPeriod".to_owned(),
        RETENTION_SECS.to_owned(),
    )]);
    if name.ends_with(".fifo") {
        attributes.insert("FifoQueue".to_owned(), "true".to_owned());
    }
    let made = queues.find_or_create(name, &attributes).await;
    made.with_context(|| format!("cannot make the queue `{name}`"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base::{ByteCount, ManualClock, NoMetrics, Timestamp};

    use delivery::config::SystemSecrets;

    use super::*;

    /// The routes of these settings, on a server whose time is `clock`.
    async fn routes_of(
        settings: &str,
        clock: &Arc<ManualClock>,
    ) -> (Arc<Queues>, Routes, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let options = sqs::Options {
            journal: store::Options {
                segment: ByteCount::mib(4),
                reserve: ByteCount::mib(4),
                ..store::Options::default()
            },
            account: "123456789012".parse().unwrap(),
            region: "ap-northeast-1".parse().unwrap(),
            are_results_sealed: true,
            expire_interval: Duration::from_secs(10),
        };
        let (queues, _) = Queues::open(
            dir.path(),
            options,
            clock.clone(),
            Arc::new(NoMetrics),
            Arc::new(delivery::ledger::Ledger::new()),
        )
        .unwrap();
        let now = Now::of(toml::from_str(settings).unwrap(), &SystemSecrets).unwrap();
        let routes = open(&queues, &now).await.unwrap();
        (queues, routes, dir)
    }

    #[tokio::test]
    async fn a_route_goes_on_with_its_queues_when_they_are_created_again() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let (queues, mut routes, _dir) = routes_of("[routes.r]\nqueue = \"q\"\n", &clock).await;
        let none = BTreeMap::new();
        for (name, bound_to) in [("q", Some("r")), ("q-dead", None)] {
            assert!(routes["r"].missing(&queues).next().is_none());
            queues
                .delete_queue(&queues.queue(name).unwrap())
                .await
                .unwrap();
            assert!(follow(&queues, &mut routes).is_empty());
            assert!(routes["r"].missing(&queues).eq([name]));
            clock.advance(Duration::from_secs(60));
            let again = queues.create(name, &none, &none).await.unwrap();
            assert_eq!(again.route().as_deref(), bound_to);
            assert_eq!(follow(&queues, &mut routes), ["r".into()]);
            let route = &routes["r"];
            assert!(
                [&route.queue, &route.dead]
                    .iter()
                    .any(|queue| queue.id() == again.id())
            );
            assert!(follow(&queues, &mut routes).is_empty());
        }
    }

    #[tokio::test]
    async fn a_deleted_queue_of_a_route_is_there_when_the_settings_are_read() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let settings = "[routes.r]\nqueue = \"q\"\n";
        let (queues, routes, _dir) = routes_of(settings, &clock).await;
        queues.delete_queue(&routes["r"].queue).await.unwrap();
        let now = Now::of(toml::from_str(settings).unwrap(), &SystemSecrets).unwrap();
        let routes = open(&queues, &now).await.unwrap();
        assert_eq!(routes["r"].queue.route().as_deref(), Some("r"));
        let now = Now::of(toml::from_str("").unwrap(), &SystemSecrets).unwrap();
        assert!(open(&queues, &now).await.unwrap().is_empty());
        assert_eq!(queues.queue("q").unwrap().route(), None);
    }
}
