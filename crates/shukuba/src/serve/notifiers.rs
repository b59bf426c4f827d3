//! The port `Invoker`: notifiers as threads of this process, each with a runtime of its own.
//!
//! A thread each, so that a notifier shares nothing hot with the door or with another notifier.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::{Clock, MetricSink};
use delivery::dns;
use delivery::ledger::Ledger;
use delivery::notifier::{Directives, Handle, Notifier, Parts, Summary};
use delivery::port::{Error, Invoker, StartEvent};
use delivery::result::{Salt, SentBy, Writer};
use delivery::sender::{Senders, Tools};
use futures_util::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use sqs::Queues;
use store::Room;

use super::live::Live;
use super::route_queue::RouteQueue;
use super::routes::{LiveRoute, Routes};

/// What notifiers are made of, and those that run.
#[derive(Debug)]
pub(super) struct Notifiers {
    pub(super) live: Arc<Live>,
    pub(super) routes: Arc<RwLock<Routes>>,
    pub(super) queues: Arc<Queues>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) metrics: Arc<dyn MetricSink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dns: Arc<dns::Cache>,
    pub(super) salt: Salt,
    pub(super) host: String,
    pub(super) started: AtomicU64,
    pub(super) running: Mutex<BTreeMap<u64, Running>>,
}

/// A notifier that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) route: String,
    handle: Handle,
    share: f64,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Invoker for Notifiers {
    fn start(&self, event: StartEvent) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move { self.start_one(&event) })
    }

    fn running<'a>(&'a self, route: &'a str) -> BoxFuture<'a, Result<u32, Error>> {
        Box::pin(async move { Ok(self.count(route)) })
    }

    fn share<'a>(&'a self, route: &'a str, share: f64) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            for running in self.running.lock().values_mut().filter(|running| running.route == route) {
                running.share = share;
                running.handle.modify(|directives| directives.share = share);
            }
            Ok(true)
        })
    }
}

impl Notifiers {
    fn count(&self, route: &str) -> u32 {
        let running = self.running.lock();
        let count = running.values().filter(|running| running.route == route && !running.is_finished()).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn start_one(&self, event: &StartEvent) -> Result<(), Error> {
        self.reap();
        let what = format!("route `{}`", event.route);
        let route = self.routes.read().get(&event.route).cloned();
        let route = route.ok_or_else(|| Error::refused(&what, "there is no such route"))?;
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let directives = self.directives(&event.route, event.share);
        let life = base::Timestamp::from_millis(event.deadline_ms).since(self.clock.now());
        let parts = self.parts(&route, &format!("{}-{}-{number}", self.host, event.route));
        let (notifier, handle) = Notifier::new(parts, directives);
        let thread = std::thread::Builder::new()
            .name("notifier".to_owned())
            .spawn(move || run(notifier, life))
            .map_err(|error| Error::unavailable(&what, format!("cannot start a thread: {error}")))?;
        let running = Running { route: event.route.clone(), handle, share: event.share, thread: Some(thread) };
        self.running.lock().insert(number, running);
        Ok(())
    }

    fn parts(&self, route: &LiveRoute, id: &str) -> Parts {
        let now = self.live.now();
        let sent_by = SentBy { notifier: id.to_owned(), host: self.host.clone(), ..SentBy::default() };
        let excerpt = now.destinations.find("").response_excerpt_bytes;
        let writer = Writer::new(&route.results, &sent_by, route.masking(), self.salt).with_excerpt_max(excerpt);
        let queue = RouteQueue {
            queues: self.queues.clone(),
            queue: route.queue.clone(),
            dead: route.dead.clone(),
            writer,
            clock: self.clock.clone(),
        };
        Parts {
            route: route.name.clone(),
            queue: Arc::new(queue),
            // Connections belong to the thread's runtime; names are resolved for all.
            sender: Arc::new(Senders::new(Tools { clock: self.clock.clone(), dns: self.dns.clone() })),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            format: route.format.clone(),
            retry_for: route.rules.retry_for.get(),
            notifier: now.settings.notifier.clone(),
            destinations: now.destinations.clone(),
            seed: u64::from_le_bytes(base::id::random_bytes()),
        }
    }

    fn directives(&self, route: &str, share: f64) -> Directives {
        let pauses = self.ledger.pauses();
        let paused = pauses.iter().filter(|pause| pause.kind == "destination").map(|pause| pause.name.clone());
        Directives {
            share,
            is_paused: self.ledger.is_route_paused(route),
            paused: Arc::new(paused.collect::<BTreeSet<_>>()),
            may_start: may_start(self.queues.journal().room()),
        }
    }

    /// Tells all that run what rests and whether the disk has room.
    pub(super) fn direct(&self) {
        self.reap();
        for running in self.running.lock().values() {
            running.handle.direct(self.directives(&running.route, running.share));
        }
    }

    /// Ends those that run by old settings; the scaler starts others.
    pub(super) fn renew(&self, grace: Duration) {
        for running in self.running.lock().values() {
            running.handle.stop(grace);
        }
    }

    /// Ends all and waits for them. What is in flight may take `grace`.
    pub(super) fn stop(&self, grace: Duration) {
        self.renew(grace);
        let all = std::mem::take(&mut *self.running.lock());
        for (_, mut running) in all {
            running.join();
        }
    }

    fn reap(&self) {
        let mut running = self.running.lock();
        let ended: Vec<u64> = running.iter().filter(|(_, one)| one.is_finished()).map(|(number, _)| *number).collect();
        for number in ended {
            if let Some(mut one) = running.remove(&number) {
                one.join();
            }
        }
    }
}

impl Running {
    fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(std::thread::JoinHandle::is_finished)
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(route = %self.route, "a notifier failed; its messages come back when their leases end");
        }
    }
}

fn run(notifier: Notifier, life: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let summary: Summary = runtime.block_on(notifier.run(life));
            tracing::debug!(?summary, "notifier ended");
        }
        Err(error) => tracing::error!(%error, "a notifier could not start"),
    }
}

/// Results must find room: no new notification when half of the reserve is gone.
fn may_start(room: Room) -> bool {
    match room {
        Room::Normal | Room::Low { .. } => true,
        Room::Reserve { left, size } => left.get() >= size.get() / 2,
        Room::Full => false,
    }
}
