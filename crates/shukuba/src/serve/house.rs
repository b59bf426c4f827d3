//! Everything that runs, opened in the order in which it needs each other, ended in the other.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context;
use api::{CountingRecorder, Pages};
use base::{Clock, SystemClock};
use delivery::ledger::Ledger;
use delivery::port::ResultStore;
use delivery::results::{ObjectResults, Results};
use delivery::scaler::{InMemory, Loop};
use delivery::sender::Tools;
use gateway::{Door, DoorParts, Limits, Proxies, Registry};
use parking_lot::{Mutex, RwLock};
use sqs::Queues;
use store::{DataDir, Use};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::admin::{Desk, Runs};
use super::archiving::Archiving;
use super::buckets::Buckets;
use super::console::Closed;
use super::counts::Counts;
use super::demand::Demand;
use super::functions::{Parts, Workshop};
use super::gauges;
use super::identities::Identities;
use super::live::{Live, Now};
use super::log::Log;
use super::metering::Metering;
use super::notifiers::Notifiers;
use super::recalls::Recalls;
use super::routes;
use super::runtimes::Runtimes;
use super::trail::Trail;
use super::watching::Watching;
use super::watching::tasks::Around;
use super::work::{self, Work};
use crate::config::Server;
use crate::{check, data};

/// What runs.
#[derive(Debug)]
pub(super) struct House {
    live: Arc<Live>,
    queues: Arc<Queues>,
    buckets: Buckets,
    identities: Identities,
    door: Arc<Door>,
    address: SocketAddr,
    notifiers: Arc<Notifiers>,
    desk: Desk,
    work: Work,
    trail: Trail,
    archiving: Option<Arc<Archiving>>,
    watching: Option<Watching>,
    workshop: Option<Workshop>,
    metering: Option<Metering>,
    registry: Arc<Registry>,
    stop: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
    // Last: the lock goes when all else is closed.
    _dir: DataDir,
}

impl House {
    /// Opens the data directory and everything in it.
    pub(super) async fn open(
        path: &Path,
        live: Arc<Live>,
        address: SocketAddr,
        to: Use,
    ) -> anyhow::Result<Self> {
        let now = live.now();
        let dir = DataDir::open(path, to)?;
        check::ensure_booked(path)?;
        // A server that was killed left it behind.
        data::remove_endpoint(path);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let region: base::Region = now.config.server.region.parse().context("server.region")?;
        let identities = Identities::open(path, &now.config.server, &region)?;
        let account = identities.account();
        let metrics = Arc::new(Registry::new());
        let ledger = Arc::new(Ledger::new());
        let queues = open_queues(&dir, &now.config, &account, &clock, &metrics, &ledger)?;
        let buckets = Buckets::open(path, to, &now.config, clock.clone())?;
        let routes = Arc::new(RwLock::new(routes::open(&queues, &now).await?));
        let results = Results::new(open_results(path, &now).await?);
        let notifiers = Arc::new(Notifiers {
            live: live.clone(),
            routes: routes.clone(),
            queues: queues.clone(),
            ledger: ledger.clone(),
            demand: Arc::new(Demand::new(metrics.clone())),
            clock: clock.clone(),
            runtimes: Runtimes::start(
                threads(&now.config.server),
                &Tools::of(clock.clone(), &now.config.dns),
            )?,
            salt: data::salt(path)?,
            host: data::host(),
            started: AtomicU64::new(0),
            promises: Arc::default(),
            recalls: Recalls::default(),
            running: Mutex::default(),
            places: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let log = Log {
            queues: queues.clone(),
            ledger: ledger.clone(),
            routes: routes.clone(),
        };
        let ledger_of_gauges = ledger.clone();
        let counts = Arc::new(Counts {
            ledger,
            queues: queues.clone(),
            routes: routes.clone(),
            receivers: notifiers.clone(),
            samples: Mutex::default(),
        });
        let plans = Loop::new(
            work::rules(&now, &routes.read()),
            counts.clone(),
            notifiers.clone(),
            // Notifiers end with this process: so does what is known of them.
            Arc::new(InMemory::default()),
            clock.clone(),
        );
        let work = Work {
            live: live.clone(),
            notifiers: notifiers.clone(),
            counts,
            log: Arc::new(log),
            results,
            sealing: Arc::default(),
            drifts: Arc::default(),
            plans: Arc::new(plans),
            clock: clock.clone(),
            stop: stopped,
        };
        let archive = &now.config.archive;
        let archiving = match to {
            Use::Read => None,
            _ => Archiving::of(archive, path, &account, &queues, &clock),
        };
        gauges::show(
            &metrics,
            &notifiers,
            &queues,
            &ledger_of_gauges,
            &work.sealing,
            &work.drifts,
            archiving.as_ref(),
        );
        let trail = Trail::open(
            (path, to),
            buckets.of_trail(),
            &now.config.trail,
            (&account, &region),
            &clock,
            metrics.clone(),
        )?;
        let place = (&account, &region);
        let watching = match to {
            Use::Read => None,
            _ => Some(Watching::open(
                path,
                &now.config,
                place,
                &clock,
                &identities.iam,
            )?),
        };
        let workshop = match &watching {
            Some(watching) if now.config.functions.enabled => {
                let parts = Parts {
                    data: path,
                    settings: &now.config.functions,
                    account: &account,
                    region: &region,
                    endpoint: url_of(&now.config.server, address),
                    clock: &clock,
                    metrics: metrics.clone(),
                    watching,
                    identities: &identities,
                    queues: &queues,
                    buckets: &buckets,
                    meter: &watching.meter,
                };
                Some(Workshop::open(parts).await?)
            }
            _ => None,
        };
        let metering = watching.as_ref().map(|watching| {
            let meter = watching.meter.clone();
            let sealing = work.sealing.clone();
            Metering::new(meter, metrics.clone(), notifiers.clone(), sealing)
        });
        let desk = Desk {
            archiving: archiving.clone(),
            metering: metering.clone(),
            watching: watching.clone(),
            packages: workshop.as_ref().map(Workshop::packages),
            dir: path.to_owned(),
            trail: trail.clone(),
            iam: identities.iam.clone(),
            live: live.clone(),
            queues: queues.clone(),
            buckets: buckets.clone(),
            ledger: notifiers.ledger.clone(),
            log: work.log.clone(),
            notifiers: notifiers.clone(),
            work: work.clone(),
            salt: notifiers.salt,
            replays: Arc::new(Runs::default()),
        };
        let mut services = identities.services();
        services.push(sqs::ops::service(
            queues.clone(),
            region.clone(),
            account.clone(),
        ));
        services.push(trail.service());
        services.extend(watching.iter().flat_map(Watching::services));
        services.extend(workshop.iter().flat_map(Workshop::services));
        let pages: Arc<dyn Pages> = match &watching {
            Some(watching) => {
                let desk = Arc::new(desk.clone());
                Arc::new(identities.console(desk, watching.clone()))
            }
            None => Arc::new(Closed),
        };
        let registry = metrics.clone();
        let door = Door::new(DoorParts {
            services,
            rest: buckets.services(&region, &account),
            intakes: watching
                .iter()
                .flat_map(|watching| watching.intakes(&registry))
                .collect(),
            keys: identities.keys.clone(),
            authorizer: identities.authorizer.clone(),
            recorder: trail
                .recorder(identities.noting(Arc::new(CountingRecorder::new(metrics.clone())))),
            admin: Arc::new(desk.clone()),
            pages,
            metrics,
            clock,
            account,
            region,
            public_url: now
                .config
                .server
                .public_url
                .as_deref()
                .map(|url| Arc::from(url.trim_end_matches('/'))),
            proxies: Proxies::new(now.config.server.trusted_proxies.clone()),
            limits: limits(&now.config.server),
        });
        Ok(Self {
            live,
            queues,
            buckets,
            identities,
            door,
            address,
            notifiers,
            desk,
            work,
            trail,
            archiving,
            watching,
            workshop,
            metering,
            registry,
            stop,
            tasks: Mutex::new(JoinSet::new()),
            _dir: dir,
        })
    }

    /// The operator's calls.
    pub(super) fn desk(&self) -> &Desk {
        &self.desk
    }

    pub(super) fn door(&self) -> Arc<Door> {
        self.door.clone()
    }

    /// How clients on this machine reach it.
    pub(super) fn url(&self) -> String {
        url_of(&self.live.now().config.server, self.address)
    }

    /// How people reach a page.
    fn pages_url(&self, page: &str) -> String {
        let public = self.live.now().config.server.public_url.clone();
        let base = public.unwrap_or_else(|| self.url());
        format!("{}/_shukuba/{page}", base.trim_end_matches('/'))
    }

    /// Starts what runs beside the door.
    pub(super) fn begin(&self) {
        self.end_leases();
        let mut tasks = self.tasks.lock();
        let work = || self.work.clone();
        tasks.spawn(until_stopped(
            self.work.stop.clone(),
            self.queues.clone().run(),
        ));
        tasks.spawn(
            self.buckets
                .clone()
                .keep(self.live.clone(), self.work.stop.clone()),
        );
        tasks.spawn(self.identities.keep_uses(self.work.stop.clone()));
        tasks.spawn(work().direct());
        tasks.spawn(work().allot());
        tasks.spawn(work().scale());
        tasks.spawn(work().seal());
        tasks.spawn(work().upkeep());
        tasks.spawn(work().balance());
        if let Some(metering) = &self.metering {
            tasks.spawn(metering.clone().run(self.work.stop.clone()));
        }
        self.trail.begin(&mut tasks, &self.work.stop);
        if let Some(archiving) = &self.archiving {
            tasks.spawn(archiving.clone().run(self.work.stop.clone()));
        }
        if let Some(watching) = &self.watching {
            let around = Around {
                live: self.live.clone(),
                queues: self.queues.clone(),
                registry: self.registry.clone(),
                workshop: self.workshop.clone(),
                archiving: self.archiving.clone(),
                url: self.pages_url("alarms"),
            };
            watching.begin(&mut tasks, around, &self.work.stop);
        }
        if let Some(workshop) = &self.workshop {
            workshop.begin(&mut tasks, &self.work.stop);
        }
    }

    /// The notifiers of a server that was killed are gone: nobody waits for their leases. The data directory's lock says
    /// that it has ended, and notifiers of this one have not begun.
    fn end_leases(&self) {
        match self.queues.end_leases() {
            Ok(0) => {}
            Ok(messages) => tracing::info!(messages, "what the last server held is there again"),
            Err(error) => {
                tracing::warn!(%error, "what the last server held comes back when its leases end");
            }
        }
    }

    /// Reads the settings again.
    pub(super) async fn reload(&self) {
        let needing = match self.live.reload() {
            Ok(needing) => needing,
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the settings are wrong; the old ones stay"
                );
                return;
            }
        };
        match routes::open(&self.queues, &self.live.now()).await {
            Ok(new) => *self.notifiers.routes.write() = new,
            Err(error) => tracing::error!(
                error = format!("{error:#}"),
                "the new routes cannot be opened; the old ones stay"
            ),
        }
        // Those that run know the old rules; they end what is in flight, and others take over at once.
        let tools = Tools::of(self.notifiers.clock.clone(), &self.live.now().config.dns);
        self.notifiers.runtimes.renew(&tools);
        self.notifiers.renew().await;
        let notices = self.live.now().config.notices.clone();
        if let Some(watching) = &self.watching {
            watching.router.set_settings(notices).await;
        }
        let rules = work::rules(&self.live.now(), &self.notifiers.routes.read());
        self.work.plans.set_rules(rules);
        if needing.is_empty() {
            tracing::info!("settings read again");
        } else {
            tracing::warn!(
                changed = needing.join(", "),
                "settings read again; these changes need a restart"
            );
        }
    }

    /// Resolves when the disk failed and nothing can be acknowledged any more.
    pub(super) async fn poisoned(&self) -> String {
        self.queues.journal().poisoned().await.to_string()
    }

    /// Stops notifying and running functions; what is in flight comes to its end.
    pub(super) async fn stop_work(&self) {
        let grace = self.live.now().config.server.drain_within.get();
        // Nobody plans new ones from here on.
        self.stop.send_replace(true);
        self.desk.replays.end().await;
        let functions = async {
            if let Some(workshop) = &self.workshop {
                workshop.stop(grace).await;
            }
        };
        tokio::join!(self.notifiers.stop(grace), functions);
    }

    /// Answers those that wait for messages, or for news of links.
    pub(super) fn end_waits(&self) {
        self.queues.end_waits();
        if let Some(watching) = &self.watching {
            watching.instances.end_waits();
        }
    }

    /// Ends the rest: the last results are sealed.
    pub(super) async fn end(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task failed");
            }
        }
        if let Some(workshop) = &self.workshop {
            workshop.end().await;
        }
        if let Some(metering) = &self.metering {
            metering.keep().await;
        }
        self.trail.end().await;
        if let Some(watching) = &self.watching {
            watching.end().await;
        }
        if let Some(archiving) = &self.archiving {
            archiving.finish().await;
        }
    }
}

/// How clients on this machine reach a server that listens at `address`.
fn url_of(server: &Server, address: SocketAddr) -> String {
    let scheme = match server.tls_certificate {
        Some(_) => "https",
        None => "http",
    };
    format!("{scheme}://{}", data::reachable(address))
}

/// Runs `work` until `stop` says so.
async fn until_stopped(mut stop: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|is_stopping| *is_stopping) => {}
    }
}

fn open_queues(
    dir: &DataDir,
    config: &crate::config::Config,
    account: &base::AccountId,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Registry>,
    ledger: &Arc<Ledger>,
) -> anyhow::Result<Arc<Queues>> {
    anyhow::ensure!(
        !data::has_lost_journal(dir.path()),
        "`{}` holds no journal although a server has run here: put its files back, or restore a backup with `shukuba restore`",
        dir.journal().display()
    );
    let region: base::Region = config.server.region.parse().context("server.region")?;
    data::check_region(dir.path(), &region)?;
    let journal = store::Options {
        segment: config.store.segment_bytes.0,
        reserve: config.store.reserve_bytes.0,
        ..store::Options::default()
    };
    let options = sqs::Options {
        journal,
        account: account.clone(),
        region,
        are_results_sealed: true,
        expire_interval: config.store.expire_interval.get(),
    };
    let started = clock.monotonic();
    let (queues, recovery) = Queues::open(
        dir.path(),
        options,
        clock.clone(),
        metrics.clone(),
        ledger.clone(),
    )?;
    tracing::info!(records = recovery.records, took = ?clock.monotonic().saturating_sub(started), "journal read");
    Ok(queues)
}

/// Where results are kept.
async fn open_results(path: &Path, now: &Now) -> anyhow::Result<Arc<dyn ResultStore>> {
    match now.settings.results.url.as_deref() {
        None => Ok(Arc::new(ObjectResults::local(&path.join("results"))?)),
        Some(url) => Ok(Arc::new(aws::results_at(url).await?)),
    }
}

/// How many threads notifiers run on.
fn threads(server: &Server) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    server
        .threads
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or_else(processors)
}

/// The bounds of the door.
pub(super) fn limits(server: &Server) -> Limits {
    let limits = &server.limits;
    Limits {
        header_bytes: limits.head_bytes.0,
        body_bytes: limits.body_bytes.0,
        bodies_bytes: limits.bodies_bytes.0,
        connections: usize::try_from(limits.connections).unwrap_or(usize::MAX),
        header_time: limits.head_time.get(),
        body_time: limits.body_time.get(),
        idle_time: limits.idle_time.get(),
        drain_time: server.drain_within.get().max(Duration::from_millis(1)),
        ..Limits::default()
    }
}
