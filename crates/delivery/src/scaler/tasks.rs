//! Notifiers as tasks of this process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use base::{Clock, Timestamp};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::runtime;
use tokio::task::JoinHandle;

use crate::notifier::{Directives, Handle, Notifier, Summary};
use crate::port::{Error, Invoker, StartEvent};

/// Makes the notifier of a route with its directives, at each start anew, so that changed settings hold.
pub type Make = dyn Fn(&StartEvent, Directives) -> Result<(Notifier, Handle), Error> + Send + Sync;

/// Hears of each notifier that ended: its route and what it did.
pub type Ended = dyn Fn(&str, Summary) + Send + Sync;

#[derive(Debug)]
struct Running {
    id: u64,
    handle: Handle,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct RouteTasks {
    running: Vec<Running>,
    directives: Directives,
}

/// Starts notifiers as tasks. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    make: Arc<Make>,
    ended: Arc<Ended>,
    clock: Arc<dyn Clock>,
    runtimes: Arc<[runtime::Handle]>,
    routes: Arc<Mutex<BTreeMap<String, RouteTasks>>>,
    next: Arc<AtomicU64>,
    turn: Arc<AtomicUsize>,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}

impl Tasks {
    /// Runs notifiers on these runtimes in turn; a runtime of one thread for each core serves best.
    #[must_use]
    pub fn new(
        make: Arc<Make>,
        ended: Arc<Ended>,
        clock: Arc<dyn Clock>,
        runtimes: Vec<runtime::Handle>,
    ) -> Self {
        Self {
            make,
            ended,
            clock,
            runtimes: runtimes.into(),
            routes: Arc::default(),
            next: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// Changes the directives of a route, for those that run and those that will be started.
    pub fn direct(&self, route: &str, change: impl FnOnce(&mut Directives)) {
        let mut routes = self.routes.lock();
        let tasks = routes.entry(route.to_owned()).or_default();
        change(&mut tasks.directives);
        for running in &tasks.running {
            running.handle.direct(tasks.directives.clone());
        }
    }

    /// Ends all notifiers; what is in flight may take `grace`. Returns when all have ended.
    pub async fn stop_all(&self, grace: Duration) {
        let all: Vec<Running> = {
            let mut routes = self.routes.lock();
            routes
                .values_mut()
                .flat_map(|tasks| std::mem::take(&mut tasks.running))
                .collect()
        };
        for running in &all {
            running.handle.stop(grace);
        }
        for running in all {
            let _ = running.task.await;
        }
    }

    fn start_now(&self, event: &StartEvent) -> Result<(), Error> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let runtime = self
            .runtimes
            .get(turn.checked_rem(self.runtimes.len()).unwrap_or(0))
            .ok_or_else(|| {
                Error::refused("starting a notifier", "there is no runtime to run it on")
            })?;
        let life = Timestamp::from_millis(event.deadline_ms).since(self.clock.now());
        let mut routes = self.routes.lock();
        let tasks = routes.entry(event.route.clone()).or_default();
        let mut directives = tasks.directives.clone();
        directives.share = event.share;
        let (notifier, handle) = (self.make)(event, directives)?;
        let (all, route) = (self.clone(), event.route.clone());
        let task = runtime.spawn(async move {
            let summary = notifier.run(life).await;
            all.forget(&route, id);
            (all.ended)(&route, summary);
        });
        tasks.running.push(Running { id, handle, task });
        Ok(())
    }

    fn forget(&self, route: &str, id: u64) {
        if let Some(tasks) = self.routes.lock().get_mut(route) {
            tasks.running.retain(|running| running.id != id);
        }
    }
}

impl Invoker for Tasks {
    fn start(&self, event: StartEvent) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(std::future::ready(self.start_now(&event)))
    }

    fn running<'a>(&'a self, route: &'a str) -> BoxFuture<'a, Result<u32, Error>> {
        let count = self
            .routes
            .lock()
            .get(route)
            .map_or(0, |tasks| tasks.running.len());
        Box::pin(std::future::ready(Ok(
            u32::try_from(count).unwrap_or(u32::MAX)
        )))
    }

    fn share<'a>(&'a self, route: &'a str, share: f64) -> BoxFuture<'a, Result<bool, Error>> {
        self.direct(route, |directives| directives.share = share);
        Box::pin(std::future::ready(Ok(true)))
    }
}
