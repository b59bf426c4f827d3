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
    /// What is hidden in its results: the usual names and those of its rules.
    pub(super) fn masking(&self) -> Masking {
        let mask = &self.rules.mask;
        let names = mask.query.iter().chain(&mask.fields);
        Masking::with(names.map(String::as_str), std::iter::empty())
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
        queue.bind(rules.notifier.then(|| name.clone()));
        let format = Format::new(&rules.format)
            .map_err(|detail| crate::app::usage(format!("routes.{name}.format: {detail}")))?;
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
    Ok(routes)
}

/// Lets go of queues that no route has any more.
pub(super) fn unbind(old: &Routes, new: &Routes) {
    for route in old.values() {
        let is_kept = new
            .values()
            .any(|other| other.queue.id() == route.queue.id());
        if !is_kept {
            route.queue.bind(None);
        }
    }
}

async fn find_or_make(queues: &Queues, name: &str) -> anyhow::Result<Arc<Queue>> {
    if let Ok(queue) = queues.queue(name) {
        return Ok(queue);
    }
    let mut attributes = BTreeMap::from([(
        "MessageRetentionPeriod".to_owned(),
        RETENTION_SECS.to_owned(),
    )]);
    if name.ends_with(".fifo") {
        attributes.insert("FifoQueue".to_owned(), "true".to_owned());
    }
    let made = queues.create(name, &attributes, &BTreeMap::new()).await;
    made.with_context(|| format!("cannot make the queue `{name}`"))
}
