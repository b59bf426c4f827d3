//! `serve`: opens the data directory, wires the parts together, and keeps them running until a signal ends it.
//!
//! - [`house`]: everything that runs, opened in order
//! - [`console`]: pages for people
//! - [`identities`]: who may do what
//! - [`live`]: the settings that hold now, and reading them again
//! - [`routes`], [`route_queue`], [`log`], [`counts`], [`notifiers`], [`runtimes`]: delivery's ports over the queues of this process
//! - [`trail`]: the record of every call; [`trail_buckets`]: where its trails deliver
//! - [`buckets`]: objects, at the door and kept in order beside it
//! - [`promises`]: room for results while the disk is full; [`recalls`]: who is called back when a receiver answers again
//! - [`functions`]: functions and rules
//! - [`watching`]: hosts, metrics, alarms, dashboards, checks and notices
//! - [`work`]: what runs beside the door; [`gauges`]: what the metrics show of it
//! - [`admin`]: the operator's API
//! - [`notify`]: what the service manager is told

mod admin;
mod archiving;
pub(crate) mod buckets;
mod console;
mod counts;
mod demand;
mod drift;
pub(crate) mod functions;
mod gauges;
mod house;
mod identities;
mod live;
mod log;
mod metering;
mod notifiers;
mod notify;
mod promises;
mod recalls;
mod route_queue;
mod routes;
mod runtimes;
mod trail;
mod trail_buckets;
mod waiting;
pub(crate) mod watching;
mod work;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use delivery::config::Invalid;
use gateway::{Listen, PlainHttp, Server, Tls};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{App, usage};
use crate::config::{self, Config};
use crate::data;
pub(crate) use admin::{Coming, CostInput, StatementInput};
pub(crate) use gauges::HELP;
use house::House;
use live::Live;
use notify::ServiceManager;
use store::Use;
pub(crate) use trail::DIR as TRAIL_DIR;

/// Arguments that stand over the settings.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Over {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:5310]
    #[arg(
        long,
        env = "SHUKUBA_LISTEN",
        value_name = "ADDR:PORT",
        hide_env_values = true
    )]
    listen: Option<SocketAddr>,

    /// Offer plain HTTP beyond loopback: somebody else encrypts, or nobody listens
    #[arg(long)]
    insecure_http: bool,
}

impl Over {
    pub(crate) fn apply(self, config: &mut Config) {
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        config.server.insecure_http |= self.insecure_http;
    }
}

/// Where and how the settings, with `over` applied, say to listen; the certificate is read. What cannot be is said with its line.
pub(crate) fn listening(loaded: &config::Loaded, over: Over) -> anyhow::Result<Listen> {
    let server = &loaded.config.server;
    let wrong = |key: &str, error: anyhow::Error| {
        usage(config::wrong(loaded, &[Invalid::new(key, format!("{error:#}"))]).to_string())
    };
    let tls = match (&server.tls_certificate, &server.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::open(certificate, key).map_err(|error| {
            let key = match error.is_of_key() {
                true => "server.tls_key",
                false => "server.tls_certificate",
            };
            wrong(key, error.into())
        })?),
        _ => None,
    };
    let listen = Listen {
        addr: server.listen,
        tls: tls.map(Arc::new),
        plain_http: match server.insecure_http {
            true => PlainHttp::Anywhere,
            false => PlainHttp::LoopbackOnly,
        },
        limits: house::limits(server),
    };
    match (listen.check(), over.listen) {
        (Ok(()), _) => Ok(listen),
        (Err(error), Some(_)) => Err(usage(format!("--listen: {error}"))),
        (Err(error), None) => Err(wrong("server.listen", error.into())),
    }
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(app: &App, over: Over) -> anyhow::Result<()> {
    let mut loaded = app.config_to_serve()?;
    over.apply(&mut loaded.config);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let threads = loaded
        .config
        .server
        .threads
        .and_then(|count| usize::try_from(count).ok());
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    let runtime = builder
        .enable_all()
        .thread_name("shukuba")
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(serve(app, over, loaded))
}

/// Does an operator's call on the data directory, which no server has open; `None` where the call makes no sense then.
/// Opening reads the journal as a start does.
pub(crate) fn offline(app: &App, name: &str, input: Vec<u8>) -> anyhow::Result<Option<Vec<u8>>> {
    let loaded = app.config_to_read()?;
    let over = Over {
        listen: None,
        insecure_http: false,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let address = loaded.config.server.listen;
        let live = Live::new(app.clone(), over, loaded)?;
        let house = House::open(&app.data_dir(), live, address, Use::Read).await?;
        let answer = house.desk().offline(name, input.into()).await;
        house.end().await;
        match answer {
            None => Ok(None),
            Some(Ok(answer)) => Ok(Some(answer)),
            Some(Err(fault)) => Err(crate::answers::told(&fault)),
        }
    })
}

async fn serve(app: &App, over: Over, loaded: config::Loaded) -> anyhow::Result<()> {
    let dir = app.data_dir();
    let manager = ServiceManager::from_environment();
    let listen = listening(&loaded, over)?;
    let live = Live::new(app.clone(), over, loaded)?;
    let tls = listen.tls.clone();
    let server = Server::bind(listen).await?;
    let house = House::open(&dir, live, server.local_addr(), Use::Serve).await?;
    let url = server.url();
    data::write_endpoint(&dir, &url)?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let door = house.door();
    let mut serving = tokio::spawn(server.serve(door, async move {
        // A dropped sender ends the server as well.
        let _ = stopped.await;
    }));
    house.begin();
    // Before anybody is told to send signals.
    let signals = Signals::new()?;
    manager.ready(&url);
    tracing::info!(%url, data = %dir.display(), "serving");
    let outcome = watch(&house, &manager, signals, tls.as_deref(), &mut serving).await;
    manager.stopping();
    tracing::info!("draining");
    house.stop_work().await;
    let _ = stop.send(());
    house.end_waits();
    if !serving.is_finished() {
        serving.await.context("the server stopped")?;
    }
    data::remove_endpoint(&dir);
    house.end().await;
    outcome
}

/// The signals that a server takes.
struct Signals {
    stop: crate::signal::Stop,
    reload: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            stop: crate::signal::Stop::new()?,
            reload: signal(SignalKind::hangup()).context("cannot take SIGHUP")?,
        })
    }
}

/// Waits for a signal that ends it or for something that must; handles the others.
async fn watch(
    house: &House,
    manager: &ServiceManager,
    mut signals: Signals,
    tls: Option<&gateway::Tls>,
    serving: &mut tokio::task::JoinHandle<()>,
) -> anyhow::Result<()> {
    let every = manager
        .alive_every()
        .unwrap_or(std::time::Duration::from_secs(3600));
    let mut alive = tokio::time::interval(every);
    let poisoned = house.poisoned();
    tokio::pin!(poisoned);
    loop {
        tokio::select! {
            () = signals.stop.wait() => return Ok(()),
            _ = alive.tick() => manager.alive(),
            ended = &mut *serving => return ended.context("the server stopped"),
            detail = &mut poisoned => anyhow::bail!("the journal cannot be written any more ({detail}); it is read again at the next start"),
            _ = signals.reload.recv() => {
                manager.reloading();
                house.reload().await;
                if let Some(Err(error)) = tls.map(gateway::Tls::reload) {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::error!(error, "the certificate was not read again; the old one stays");
                }
                manager.ready(&house.url());
            }
        }
    }
}
