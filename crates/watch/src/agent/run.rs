//! The agent: what it is made of, from its start to its end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tracing::{error, info, warn};

use super::buffer::Buffer;
use super::collect::Collector;
use super::link::{LinkDriver, Linker};
use super::protocol::{Facts, Failed, JoinRequest, Joined, Server, VERSION};
use super::sample::Sampler;
use super::state::{self, StateDir};
use super::talk::{Heard, Talker};
use crate::check::config::{ENTRIES_MAX, Settings, Wrong};
use crate::check::plugin::Graph;
use crate::check::run::{Runner, Tools};
use crate::keep::{Keeper, Kept};

/// The first wait between two attempts to join, doubled up to [`JOIN_WAIT_MAX`].
const JOIN_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two attempts to join.
const JOIN_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long the last words may take. Chosen: well within the 90 s that systemd gives.
const GOODBYE_WITHIN: Duration = Duration::from_secs(5);
/// Results that wait to be written down.
const RESULTS_WAITING: usize = 64;

/// How an agent works.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its own folder.
    pub state: PathBuf,
    /// Names this process; drawn anew for each.
    pub run: String,
    /// Whether it joins as a new host where another one with this machine's id is alive.
    pub is_new: bool,
    /// What the host is.
    pub facts: Facts,
    /// How often the host is sampled: 10 s or 60 s.
    pub sample_every: Duration,
    /// How often the server is asked, until it says otherwise.
    pub sync_every: Duration,
    /// Bytes of metrics, and of results, that wait for the server.
    pub buffer_bytes: u64,
    /// The host's own file of checks; read again when it changes.
    pub settings: Option<PathBuf>,
    /// Whether it runs what the server gives it by role. Commands in it run as the agent's user.
    pub accepts_definitions: bool,
    /// Folders that are looked in for plugins first.
    pub folders: Vec<PathBuf>,
}

impl Config {
    /// An agent in `state` with the usual times: samples each minute, asks every 15 s, keeps 32 MiB.
    #[must_use]
    pub fn new(state: PathBuf, facts: Facts) -> Self {
        Self {
            state,
            run: base::id::uuid(),
            is_new: false,
            facts,
            sample_every: Duration::from_secs(60),
            sync_every: Duration::from_secs(15),
            buffer_bytes: 32 << 20,
            settings: None,
            accepts_definitions: true,
            folders: Vec::new(),
        }
    }
}

/// Why an agent does not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its folder cannot be used.
    #[error(transparent)]
    State(#[from] state::Error),
    /// What waits in it cannot be read.
    #[error("what waits in `{path}` cannot be read")]
    Buffer {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The host's own file of checks is wrong.
    #[error("{0}")]
    Settings(#[from] Wrong),
    /// The server does not let it join.
    #[error("cannot join: {0}")]
    Join(#[source] Failed),
}

/// How an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was told to stop here.
    Stopped,
    /// The server terminated the host; its id is forgotten.
    Terminated,
    /// The server does not know the host. What waits is kept; to join anew is a person's decision.
    Unknown,
}

/// An agent.
#[derive(Debug)]
pub struct Agent {
    config: Config,
    state: StateDir,
    own: Settings,
    server: Arc<dyn Server>,
    clock: Arc<dyn Clock>,
    link: Option<Arc<dyn LinkDriver>>,
}

impl Agent {
    /// Opens the agent's folder and reads the host's own file.
    ///
    /// # Errors
    /// [`Error::State`], [`Error::Settings`].
    pub fn open(
        config: Config,
        server: Arc<dyn Server>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let own = match &config.settings {
            Some(path) => Settings::read(path)?,
            None => Settings::default(),
        };
        Ok(Self {
            state: StateDir::open(&config.state)?,
            config,
            own,
            server,
            clock,
            link: None,
        })
    }

    /// Lets `driver` carry the host's part of private networks. Without one the host has none.
    #[must_use]
    pub fn with_link(mut self, driver: Arc<dyn LinkDriver>) -> Self {
        self.link = Some(driver);
        self
    }

    /// Works until `stop` says that it is over, and says goodbye.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn run(self, mut stop: watch::Receiver<bool>) -> Result<End, Error> {
        let who = match self.state.identity()? {
            Some(who) => who,
            None => tokio::select! {
                joined = self.join() => joined?,
                () = crate::stopped(&mut stop) => return Ok(End::Stopped),
            },
        };
        info!(instance = %who.instance_id, "watches this host");
        self.work(who, stop).await
    }

    async fn join(&self) -> Result<Joined, Error> {
        let request = JoinRequest {
            version: VERSION,
            id: self.state.join_id()?,
            run: self.config.run.clone(),
            facts: self.config.facts.clone(),
            is_new: self.config.is_new,
        };
        let mut wait = JOIN_WAIT;
        loop {
            match self.server.join(request.clone()).await {
                Ok(joined) => {
                    self.state.set_identity(&joined)?;
                    return Ok(joined);
                }
                Err(Failed::Away(why)) => warn!(%why, "cannot join yet"),
                Err(refused) => return Err(Error::Join(refused)),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(JOIN_WAIT_MAX);
        }
    }

    async fn work(self, who: Joined, mut stop: watch::Receiver<bool>) -> Result<End, Error> {
        let (results, metrics) = (self.buffer("results")?, self.buffer("metrics")?);
        let definitions = self.state.definitions()?.unwrap_or_default();
        let (settings, watched) = watch::channel(Arc::new(Settings::default()));
        let (now, asked) = mpsc::channel(ENTRIES_MAX);
        let (orders, ordered) = mpsc::channel(RESULTS_WAITING);
        let (found, finding) = mpsc::channel(RESULTS_WAITING);
        let (told, telling) = mpsc::channel(RESULTS_WAITING);
        let (is_paused, paused) = watch::channel(false);
        let (over, ending) = watch::channel(false);
        let (kept, graphs, news) = (
            Shared::default(),
            Shared::default(),
            Arc::new(Notify::new()),
        );
        let mut tools = Tools::new(Arc::clone(&self.clock), self.state.folder("checks"));
        tools.folders.clone_from(&self.config.folders);
        let runner = Runner {
            tools: Arc::new(tools),
            host: who.instance_id.clone(),
            settings: watched.clone(),
            now: asked,
            results: found,
        };
        let keeper = Keeper {
            clock: Arc::clone(&self.clock),
            proc: crate::procfs::Proc::default(),
            folders: self.config.folders.clone(),
            settings: watched,
            orders: ordered,
            told,
            states: Arc::clone(&kept),
        };
        let collector = Collector {
            instance: who.instance_id.clone(),
            every: self.config.sample_every,
            clock: Arc::clone(&self.clock),
            sampler: Sampler::new(crate::procfs::Proc::default()),
            found: finding,
            told: telling,
            results: Arc::clone(&results),
            metrics: Arc::clone(&metrics),
            graphs: Arc::clone(&graphs),
            news: Arc::clone(&news),
            paused,
            waiting: Vec::new(),
            last: BTreeMap::new(),
        };
        let linker = self.linker(&who);
        let mut talker = Talker::new(self, who, definitions);
        talker.connect(Heard {
            settings,
            now,
            orders,
            is_paused,
            results,
            metrics,
            kept,
            graphs,
        });
        let talking = async {
            let end = tokio::select! {
                end = talker.run(&news) => end,
                () = crate::stopped(&mut stop) => End::Stopped,
            };
            // The others end, and what they found last is written down.
            over.send_replace(true);
            end
        };
        let linking = async {
            if let Some(linker) = linker {
                linker.run(ending.clone()).await;
            }
        };
        let (end, (), (), (), ()) = tokio::join!(
            talking,
            runner.run(ending.clone()),
            keeper.run(ending.clone()),
            collector.run(),
            linking
        );
        if matches!(end, End::Stopped | End::Terminated)
            && tokio::time::timeout(GOODBYE_WITHIN, talker.goodbye())
                .await
                .is_err()
        {
            error!("the server did not hear the goodbye");
        }
        talker.ended(end)?;
        Ok(end)
    }

    fn linker(&self, who: &Joined) -> Option<Linker> {
        let driver = self.link.clone()?;
        Some(Linker {
            driver,
            server: Arc::clone(&self.server),
            who: who.clone(),
            run: self.config.run.clone(),
            kept: self.state.folder("link.json"),
        })
    }

    fn buffer(&self, name: &str) -> Result<Arc<Mutex<Buffer>>, Error> {
        let path = self.state.folder(name);
        let opened = Buffer::open(path.clone(), self.config.buffer_bytes);
        let opened = opened.map_err(|source| Error::Buffer { path, source })?;
        Ok(Arc::new(Mutex::new(opened)))
    }

    /// What [`Talker`] needs of it.
    pub(super) fn into_parts(
        self,
    ) -> (Config, StateDir, Settings, Arc<dyn Server>, Arc<dyn Clock>) {
        (self.config, self.state, self.own, self.server, self.clock)
    }
}

/// The graphs of the plugins, by check.
pub(super) type Graphs = Arc<Mutex<BTreeMap<String, Vec<Graph>>>>;
/// The kept processes, by name.
pub(super) type KeptStates = Arc<Mutex<BTreeMap<String, Kept>>>;
type Shared<T> = Arc<Mutex<T>>;

#[cfg(test)]
mod tests;
