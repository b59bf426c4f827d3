//! Everything that runs, opened in the order in which it needs each other, ended in the other.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::{CountingRecorder, RoleAuthorizer};
use base::{Clock, SystemClock};
use gateway::{Door, DoorParts, KeyStore, Limits, NoAdmin, Registry, Tls};
use parking_lot::Mutex;
use sqs::Queues;
use store::DataDir;
use tokio::task::JoinSet;

use super::live::Live;
use crate::config::Server;
use crate::data;

/// What runs.
#[derive(Debug)]
pub(super) struct House {
    live: Arc<Live>,
    queues: Arc<Queues>,
    door: Arc<Door>,
    address: SocketAddr,
    tasks: Mutex<JoinSet<()>>,
    // Last: the lock goes when all else is closed.
    _dir: DataDir,
}

impl House {
    /// Opens the data directory and everything in it.
    pub(super) async fn open(path: &Path, live: Arc<Live>, address: SocketAddr) -> anyhow::Result<Self> {
        let now = live.now();
        let dir = DataDir::open(path)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let keys = Arc::new(data::open_keys(path, &now.config.server)?);
        let metrics = Arc::new(Registry::new());
        let queues = open_queues(&dir, &now.config, &keys, &clock, &metrics)?;
        let region: base::Region = now.config.server.region.parse().context("server.region")?;
        let service = sqs::ops::service(queues.clone(), region.clone(), keys.account().clone());
        let door = Door::new(DoorParts {
            services: vec![service],
            keys: keys.clone(),
            authorizer: Arc::new(RoleAuthorizer),
            recorder: Arc::new(CountingRecorder::new(metrics.clone())),
            admin: Arc::new(NoAdmin),
            metrics,
            clock,
            region,
            public_url: now.config.server.public_url.as_deref().map(|url| Arc::from(url.trim_end_matches('/'))),
            limits: limits(&now.config.server),
        });
        Ok(Self { live, queues, door, address, tasks: Mutex::new(JoinSet::new()), _dir: dir })
    }

    pub(super) fn door(&self) -> Arc<Door> {
        self.door.clone()
    }

    /// How clients on this machine reach it.
    pub(super) fn url(&self) -> String {
        let server = &self.live.now().config.server;
        let scheme = if server.tls_certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", data::reachable(self.address))
    }

    /// Starts what runs beside the door.
    pub(super) fn begin(&self) {
        self.tasks.lock().spawn(self.queues.clone().run());
    }

    /// Reads the settings again.
    pub(super) fn reload(&self) {
        match self.live.reload() {
            Ok(needing) if needing.is_empty() => tracing::info!("settings read again"),
            Ok(needing) => tracing::warn!(changed = needing.join(", "), "settings read again; these changes need a restart"),
            Err(error) => tracing::error!(error = format!("{error:#}"), "the settings are wrong; the old ones stay"),
        }
    }

    /// Resolves when the disk failed and nothing can be acknowledged any more.
    pub(super) async fn poisoned(&self) -> String {
        self.queues.journal().poisoned().await.to_string()
    }

    /// Stops notifying; what is under way comes to its end.
    pub(super) async fn stop_work(&self) {}

    /// Ends the rest.
    pub(super) async fn end(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        tasks.shutdown().await;
    }
}

fn open_queues(
    dir: &DataDir,
    config: &crate::config::Config,
    keys: &KeyStore,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Registry>,
) -> anyhow::Result<Arc<Queues>> {
    let journal = store::Options {
        segment: config.store.segment_bytes.0,
        reserve: config.store.reserve_bytes.0,
        ..store::Options::default()
    };
    let options = sqs::Options {
        journal,
        account: keys.account().clone(),
        region: config.server.region.parse().context("server.region")?,
        are_results_sealed: false,
    };
    let observer = Arc::new(store::record::NoObserver);
    let started = clock.monotonic();
    let (queues, recovery) = Queues::open(dir.path(), options, clock.clone(), metrics.clone(), observer)?;
    tracing::info!(?recovery, took = ?clock.monotonic().saturating_sub(started), "journal read");
    Ok(queues)
}

/// The bounds of the door.
pub(super) fn limits(server: &Server) -> Limits {
    let limits = &server.limits;
    Limits {
        header_bytes: limits.head_bytes.0,
        body_bytes: limits.body_bytes.0,
        connections: usize::try_from(limits.connections).unwrap_or(usize::MAX),
        header_time: limits.head_time.get(),
        body_time: limits.body_time.get(),
        idle_time: limits.idle_time.get(),
        drain_time: server.drain_within.get().max(Duration::from_millis(1)),
        ..Limits::default()
    }
}

/// The certificate, where the settings name one.
pub(super) fn tls(server: &Server) -> anyhow::Result<Option<Arc<Tls>>> {
    match (&server.tls_certificate, &server.tls_key) {
        (Some(certificate), Some(key)) => Ok(Some(Arc::new(Tls::open(certificate, key)?))),
        _ => Ok(None),
    }
}
