//! The port `Invoker`: notifiers as tasks on threads of this process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::Clock;
use delivery::allot;
use delivery::ledger::Ledger;
use delivery::making;
use delivery::notifier::{
    self, Directives, Handle, LIMITS_TOLD_MAX, LimitState, Notifier, Parts, summed,
};
use delivery::places::Places;
use delivery::port::{Error, Invoker, Receiver, Running as Seen, StartEvent};
use delivery::result::{Salt, SentBy, Writer};
use delivery::sender::Senders;
use delivery::share::Share;
use futures_util::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use sqs::Queues;
use tokio::task::JoinHandle;

use super::counts::Receivers;
use super::demand::Demand;
use super::live::Live;
use super::promises::{Promised, Promises};
use super::recalls::Recalls;
use super::route_queue::RouteQueue;
use super::routes::{self, LiveRoute, Routes};
use super::runtimes::Runtimes;

/// How long those that are told to leave may take until they take nothing new. Chosen: a round takes some 100 us.
const RENEWED_WITHIN: Duration = Duration::from_secs(1);

/// What notifiers are made of, and those that run.
#[derive(Debug)]
pub(super) struct Notifiers {
    pub(super) live: Arc<Live>,
    pub(super) routes: Arc<RwLock<Routes>>,
    pub(super) queues: Arc<Queues>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) demand: Arc<Demand>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) runtimes: Runtimes,
    pub(super) salt: Salt,
    pub(super) host: String,
    pub(super) started: AtomicU64,
    pub(super) promises: Arc<Promises>,
    pub(super) recalls: Recalls,
    pub(super) running: Mutex<BTreeMap<u64, Running>>,
    /// The places at receivers with an in-flight bound, by route.
    pub(super) places: Mutex<BTreeMap<String, Arc<Places>>>,
}

/// A notifier that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) route: String,
    handle: Handle,
    share: Share,
    task: JoinHandle<()>,
}

impl Invoker for Notifiers {
    fn start(&self, event: StartEvent) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move { self.start_one(&event) })
    }

    fn running<'a>(&'a self, route: &'a str) -> BoxFuture<'a, Result<Seen, Error>> {
        Box::pin(async move { Ok(Seen::Count(self.count(route))) })
    }

    fn share_out<'a>(&'a self, route: &'a str, count: u32) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let mut running = self.running.lock();
            let of_route = running.values_mut().filter(|one| one.works_for(route));
            for (index, one) in (0..).zip(of_route) {
                one.share = Share::part(index, count);
                let share = one.share;
                one.handle.modify(|directives| directives.share = share);
            }
            Ok(true)
        })
    }
}

impl Receivers for Notifiers {
    fn receivers(&self, route: &str) -> Vec<Receiver> {
        let limits = self.limits(route);
        if limits.len() >= LIMITS_TOLD_MAX {
            return Vec::new();
        }
        let now = self.live.now();
        // One that nothing limits has use for any number of notifiers.
        let free = self.meets_free(route).then(Receiver::default);
        let receiver = |state: &LimitState| Receiver::of(now.destinations.find(&state.destination));
        limits.iter().map(receiver).chain(free).collect()
    }
}

impl Running {
    /// Whether it takes what comes for `route`; one that leaves only ends what it has in flight.
    fn works_for(&self, route: &str) -> bool {
        self.route == route && self.works()
    }

    fn works(&self) -> bool {
        !self.task.is_finished() && !self.handle.is_leaving()
    }
}

impl Notifiers {
    /// How many run for `route` and take what comes.
    pub(super) fn count(&self, route: &str) -> u32 {
        let running = self.running.lock();
        let count = running
            .values()
            .filter(|running| running.works_for(route))
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// How many run for each route, with those that only end what they have in flight.
    pub(super) fn alive(&self) -> BTreeMap<String, u64> {
        let mut alive = BTreeMap::new();
        let running = self.running.lock();
        for one in running.values().filter(|one| !one.task.is_finished()) {
            *alive.entry(one.route.clone()).or_default() += 1;
        }
        alive
    }

    /// How the limits of a route's destinations stand, the worst first; those of notifiers that leave aside.
    pub(super) fn limits(&self, route: &str) -> Vec<LimitState> {
        let running = self.running.lock();
        let of_route = running.values().filter(|one| one.works_for(route));
        summed(of_route.flat_map(|one| one.handle.limits().states.clone()))
    }

    /// Whether a notifier of the route sends to a destination that nothing limits.
    fn meets_free(&self, route: &str) -> bool {
        let running = self.running.lock();
        let mut of_route = running.values().filter(|one| one.works_for(route));
        of_route.any(|one| one.handle.limits().has_free)
    }

    fn start_one(&self, event: &StartEvent) -> Result<(), Error> {
        self.reap();
        let what = format!("route `{}`", event.route);
        let route = self.routes.read().get(&event.route).cloned();
        let route = route.ok_or_else(|| Error::refused(&what, "there is no such route"))?;
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let directives = self.directives(&event.route, event.share);
        let life = base::Timestamp::from_millis(event.deadline_ms).since(self.clock.now());
        let (runtime, senders) = self
            .runtimes
            .next()
            .ok_or_else(|| Error::refused(&what, "no thread runs"))?;
        let parts = self.parts(
            &route,
            senders,
            &format!("{}-{}-{number}", self.host, event.route),
        );
        let (notifier, handle) = Notifier::new(parts, directives);
        let task = runtime.spawn(async move {
            let summary = notifier.run(life).await;
            tracing::debug!(?summary, "notifier ended");
        });
        let running = Running {
            route: event.route.clone(),
            handle,
            share: event.share,
            task,
        };
        self.running.lock().insert(number, running);
        Ok(())
    }

    fn parts(&self, route: &LiveRoute, senders: Senders, id: &str) -> Parts {
        let now = self.live.now();
        let sent_by = SentBy {
            notifier: id.to_owned(),
            host: self.host.clone(),
            ..SentBy::default()
        };
        let hidden = making::secrets(&route.format, &now.destinations);
        let writer =
            Writer::new(&route.results, &sent_by, route.masking(), self.salt).hiding(hidden);
        let queue = RouteQueue {
            queues: self.queues.clone(),
            queue: route.queue.clone(),
            dead: route.dead.clone(),
            writer,
            clock: self.clock.clone(),
            promised: Promised::new(self.promises.clone(), now.destinations.longest_excerpt()),
            destinations: now.destinations.clone(),
            recall: self.recalls.of(&route.name),
        };
        Parts {
            route: route.name.clone(),
            queue: Arc::new(queue),
            sender: Arc::new(senders),
            clock: self.clock.clone(),
            metrics: self.demand.clone(),
            format: route.format.clone(),
            retry_for: route.rules.retry_for.get(),
            on_failure: route.rules.on_failure.unwrap_or_default(),
            notifier: now.settings.notifier.clone(),
            destinations: now.destinations.clone(),
            seed: u64::from_le_bytes(base::id::random_bytes()),
        }
    }

    fn directives(&self, route: &str, share: Share) -> Directives {
        let pauses = self.ledger.pauses();
        let paused = pauses
            .iter()
            .filter(|pause| pause.kind == "destination")
            .map(|pause| pause.name.clone());
        Directives {
            share,
            parts: self.demand.parts_of(route),
            allots: true,
            places: Some(self.places_of(route)),
            is_paused: self.ledger.is_route_paused(route),
            paused: Arc::new(paused.collect::<BTreeSet<_>>()),
            answering: self.recalls.answering(route),
            may_start: self.promises.may_start(self.queues.journal().room()),
            ..Directives::default()
        }
    }

    fn places_of(&self, route: &str) -> Arc<Places> {
        let mut all = self.places.lock();
        all.entry(route.to_owned()).or_default().clone()
    }

    /// Tells all that run what rests, what their routes have of each limit, and whether the disk has room.
    pub(super) fn direct(&self) {
        self.reap();
        self.follow();
        let at = self.clock.monotonic();
        let now = self.live.now();
        let weight = |route: &str| {
            now.settings
                .routes
                .get(route)
                .map_or(1, |route| route.weight)
        };
        self.recalls.call_on(&self.queues, |route| {
            let routes = self.routes.read();
            routes.get(route).map(|route| route.queue.clone())
        });
        let all = self.running.lock();
        let waiting = all.values();
        let waiting = waiting.map(|one| (one.route.as_str(), one.handle.waiting()));
        self.demand.decide(at, &now.destinations, waiting, weight);
        let of_one = |one: &Running| (weight(&one.route), one.share.size());
        let weights: Vec<(u32, f64)> = all.values().map(of_one).collect();
        let mut turns = notifier::turns(&weights).into_iter();
        for running in all.values() {
            let new = self.directives(&running.route, running.share);
            let turn = turns.next().flatten();
            running.handle.modify(|directives| {
                // These are decided more often.
                let allotments = std::mem::take(&mut directives.allotments);
                *directives = Directives {
                    allotments,
                    turn,
                    ..new
                };
            });
        }
    }

    /// Gives those of a route their parts of the rates that they share, by what waits with each.
    pub(super) fn allot(&self) {
        let running = self.running.lock();
        let mut by_route: BTreeMap<&str, Vec<&Handle>> = BTreeMap::new();
        for one in running.values().filter(|one| one.works()) {
            by_route.entry(&one.route).or_default().push(&one.handle);
        }
        let now = self.live.now();
        for of_route in by_route.into_values() {
            let waiting: Vec<_> = of_route.iter().map(|one| one.waiting()).collect();
            let told = allot::allot(&waiting, &now.destinations);
            for (one, told) in of_route.into_iter().zip(told) {
                one.allot(told);
            }
        }
    }

    /// Where the queue of a route was created again, notifiers that know the old one end; the scaler starts others.
    fn follow(&self) {
        // A statement of its own, so that the routes are let go before the notifiers are locked.
        let changed = routes::follow(&self.queues, &mut self.routes.write());
        if changed.is_empty() {
            return;
        }
        let is_old = |one: &&Running| changed.iter().any(|route| **route == *one.route);
        let all = self.running.lock();
        all.values()
            .filter(is_old)
            .for_each(|one| one.handle.retire());
    }

    fn handles(&self) -> Vec<Handle> {
        let running = self.running.lock();
        running.values().map(|one| one.handle.clone()).collect()
    }

    /// Ends those that run by old settings: what they have in flight keeps the time that its rules give. Returns when they take
    /// nothing new, so that the next plan starts others, or after [`RENEWED_WITHIN`].
    pub(super) async fn renew(&self) {
        let handles = self.handles();
        handles.iter().for_each(Handle::retire);
        let all_left = futures_util::future::join_all(handles.iter().map(Handle::left));
        if tokio::time::timeout(RENEWED_WITHIN, all_left)
            .await
            .is_err()
        {
            tracing::warn!("a notifier is slow to leave; its successor comes when it has");
        }
    }

    /// Ends all and waits for them. What is in flight may take `grace`.
    pub(super) async fn stop(&self, grace: Duration) {
        loop {
            let all = std::mem::take(&mut *self.running.lock());
            // A plan that was under way may have started one more.
            if all.is_empty() {
                return;
            }
            all.values().for_each(|one| one.handle.stop(grace));
            for (_, running) in all {
                if running.task.await.is_err() {
                    tracing::error!(route = %running.route, "a notifier failed; its messages come back when their leases end");
                }
            }
        }
    }

    fn reap(&self) {
        self.running.lock().retain(|_, one| !one.task.is_finished());
    }
}

#[cfg(test)]
mod tests {
    use base::{ByteCount, NoMetrics, SystemClock};
    use delivery::contract::{InvokerHarness, invoker};
    use delivery::sender::Tools;

    use super::super::Over;
    use super::*;
    use crate::app::{App, Global};
    use crate::config::Loaded;

    struct Harness {
        notifiers: Notifiers,
        _dir: tempfile::TempDir,
    }

    impl Harness {
        async fn new() -> Self {
            let clock = Arc::new(SystemClock::new());
            let dir = tempfile::tempdir().unwrap();
            let app = App::new(Global {
                data: Some(dir.path().into()),
                config: None,
                output: crate::output::Format::Json,
            });
            let loaded = Loaded {
                config: toml::from_str("[routes.one]\nqueue = \"q1\"\n").unwrap(),
                file: None,
                warnings: Vec::new(),
            };
            let live = Live::new(
                app,
                Over {
                    listen: None,
                    insecure_http: false,
                },
                loaded,
            )
            .unwrap();
            let ledger = Arc::new(Ledger::new());
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
            let metrics = Arc::new(NoMetrics);
            let opened = Queues::open(
                dir.path(),
                options,
                clock.clone(),
                metrics.clone(),
                ledger.clone(),
            );
            let (queues, _) = opened.unwrap();
            let routes = routes::open(&queues, &live.now()).await.unwrap();
            let tools = Tools::of(clock.clone(), &live.now().config.dns);
            let notifiers = Notifiers {
                routes: Arc::new(RwLock::new(routes)),
                live,
                queues,
                ledger,
                demand: Arc::new(Demand::new(metrics)),
                clock,
                runtimes: Runtimes::start(1, &tools).unwrap(),
                salt: Salt::new([7; 32]),
                host: "here".to_owned(),
                started: AtomicU64::new(0),
                promises: Arc::default(),
                recalls: Recalls::default(),
                running: Mutex::default(),
                places: Mutex::default(),
            };
            Self {
                notifiers,
                _dir: dir,
            }
        }
    }

    impl InvokerHarness for Harness {
        fn invoker(&self) -> &dyn Invoker {
            &self.notifiers
        }

        fn route(&self) -> &str {
            "one"
        }

        fn absent(&self) -> Option<(&dyn Invoker, &str)> {
            Some((&self.notifiers, "none"))
        }

        /// They are made of the event, and keep nothing of it.
        fn begun(&self, _: usize) -> BoxFuture<'_, Option<Vec<StartEvent>>> {
            Box::pin(std::future::ready(None))
        }

        fn now_ms(&self) -> u64 {
            self.notifiers.clock.now().as_millis()
        }
    }

    #[tokio::test]
    async fn notifiers_of_this_process_keep_the_contract_of_invokers() {
        let harness = Harness::new().await;
        invoker(&harness).await;
        harness.notifiers.stop(Duration::ZERO).await;
    }
}
