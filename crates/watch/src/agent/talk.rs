//! Telling the server what was found, and doing what it says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use parking_lot::Mutex;
use sha2::Digest as _;
use tokio::sync::{Notify, mpsc, watch};
use tracing::{info, warn};

use super::buffer::Buffer;
use super::collect::blocking;
use super::protocol::{
    Batch, Command, Definitions, Done, Failed, Goodbye, Joined, RESULTS_MAX, Server, SyncAnswer,
    SyncRequest, VERSION, What,
};
use super::run::{Agent, Config, End, Error, Graphs, KeptStates};
use super::state::StateDir;
use crate::check::board::Report;
use crate::check::config::Settings;
use crate::check::plugin::Graph;
use crate::check::state::Rules;
use crate::datum::Datum;
use crate::keep::{Order, check_name};

/// The longest that is waited between two questions, whatever the server says.
const EVERY_MAX: Duration = Duration::from_secs(3600);
/// The shortest wait after news: what comes together is told together.
const NEWS_WAIT: Duration = Duration::from_millis(200);
/// Bytes of graphs that the server is told of. Chosen: a host with all plugins of Munin has a tenth of it.
const GRAPHS_BYTES_MAX: usize = 1 << 20;
/// Commands whose ids are remembered.
const COMMANDS_MAX: usize = 1_000;

/// What the server's words go to, and what it is told of.
pub(super) struct Heard {
    pub(super) settings: watch::Sender<Arc<Settings>>,
    pub(super) now: mpsc::Sender<String>,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) is_paused: watch::Sender<bool>,
    pub(super) results: Arc<Mutex<Buffer>>,
    pub(super) metrics: Arc<Mutex<Buffer>>,
    pub(super) kept: KeptStates,
    pub(super) graphs: Graphs,
}

/// Talks to the server.
pub(super) struct Talker {
    config: Config,
    state: StateDir,
    own: Settings,
    own_hash: String,
    own_problems: Vec<String>,
    server: Arc<dyn Server>,
    clock: Arc<dyn Clock>,
    who: Joined,
    definitions: Definitions,
    definitions_problems: Vec<String>,
    heard: Option<Heard>,
    every: Duration,
    has_told_facts: bool,
    /// The hash of the rules that the server knows.
    told_hash: Option<String>,
    /// The hash of the graphs that the server knows.
    told_graphs: Option<String>,
    done: Vec<Done>,
    commands: VecDeque<String>,
    metrics_refused: u64,
    results_refused: u64,
    end: Option<End>,
}

impl Talker {
    pub(super) fn new(agent: Agent, who: Joined, definitions: Definitions) -> Self {
        let (config, state, own, server, clock) = agent.into_parts();
        Self {
            every: config.sync_every,
            own_hash: config
                .settings
                .as_deref()
                .map(file_hash)
                .unwrap_or_default(),
            config,
            state,
            own,
            own_problems: Vec::new(),
            server,
            clock,
            who,
            definitions,
            definitions_problems: Vec::new(),
            heard: None,
            has_told_facts: false,
            told_hash: None,
            told_graphs: None,
            done: Vec::new(),
            commands: VecDeque::new(),
            metrics_refused: 0,
            results_refused: 0,
            end: None,
        }
    }

    /// Connects it with those who do what it hears; checks begin.
    pub(super) fn connect(&mut self, heard: Heard) {
        self.heard = Some(heard);
        self.apply();
    }

    /// Talks every so often, and when there is news, until the server ends it.
    pub(super) async fn run(&mut self, news: &Notify) -> End {
        loop {
            self.reload();
            self.talk().await;
            if let Some(end) = self.end {
                return end;
            }
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                () = news.notified() => tokio::time::sleep(NEWS_WAIT).await,
            }
        }
    }

    /// Tells what there is still to tell, and that the host is stopped.
    pub(super) async fn goodbye(&mut self) {
        self.talk().await;
        let request = Goodbye {
            instance: self.who.instance_id.clone(),
            run: self.config.run.clone(),
        };
        match self.server.goodbye(&self.who, request).await {
            Ok(()) => info!("said goodbye"),
            Err(failed) => warn!(%failed, "the server did not hear the goodbye"),
        }
    }

    /// Keeps what follows from how it ended.
    pub(super) fn ended(&self, end: End) -> Result<(), Error> {
        match end {
            End::Terminated => Ok(self.state.forget()?),
            End::Stopped | End::Unknown => Ok(()),
        }
    }

    async fn talk(&mut self) {
        let told = self.sync().await;
        let sent = match told {
            // What is refused of one kind says nothing of the other.
            Ok(()) | Err(Failed::Refused(_)) if self.end.is_none() => self.put().await.and(told),
            told => told,
        };
        match sent {
            Ok(()) => {}
            Err(Failed::Unknown) => self.end = Some(End::Unknown),
            Err(failed) => warn!(%failed, "what was found waits"),
        }
    }

    /// Tells results until none waits.
    async fn sync(&mut self) -> Result<(), Failed> {
        loop {
            let results = self.results().await;
            let (numbers, reports): (Vec<u64>, Vec<Report>) = results.into_iter().unzip();
            let count = reports.len();
            let (request, hash, graphs_hash) = self.request(reports);
            let told = self.server.sync(&self.who, request).await;
            let wants_more = match told {
                Ok(answer) => {
                    self.has_told_facts = true;
                    self.told_hash = Some(hash).filter(|_| !answer.wants_checks);
                    // A server that does not know the checks does not know their graphs.
                    self.told_graphs = Some(graphs_hash).filter(|_| !answer.wants_checks);
                    self.done.clear();
                    self.sent(Sent::Results, numbers).await;
                    let wants_more = answer.wants_checks;
                    self.hear(answer).await;
                    wants_more
                }
                Err(Failed::Refused(why)) if count > 0 => {
                    warn!(%why, count, "the server does not take these results");
                    self.results_refused += u64::try_from(count).unwrap_or_default();
                    self.sent(Sent::Results, numbers).await;
                    continue;
                }
                Err(failed) => return Err(failed),
            };
            if self.end.is_some() || (count < RESULTS_MAX && !wants_more) {
                return Ok(());
            }
        }
    }

    /// Sends metrics until none wait.
    async fn put(&mut self) -> Result<(), Failed> {
        while let Some((number, data)) = self.batch().await {
            let count = data.len();
            let batch = Batch {
                id: format!("{}/{number}", self.who.instance_id),
                data,
            };
            match self.server.put(&self.who, batch).await {
                Ok(()) => {}
                Err(Failed::Refused(why)) => {
                    warn!(%why, count, "the server does not take these metrics");
                    self.metrics_refused += u64::try_from(count).unwrap_or_default();
                }
                Err(failed) => return Err(failed),
            }
            self.sent(Sent::Metrics, vec![number]).await;
        }
        Ok(())
    }

    fn request(&self, results: Vec<Report>) -> (SyncRequest, String, String) {
        let rules = self.rules();
        let hash = hash_of(&rules);
        let is_told = self.told_hash.as_ref() == Some(&hash);
        let heard = self.heard.as_ref();
        let lost =
            |buffer: Option<&Arc<Mutex<Buffer>>>| buffer.map_or(0, |buffer| buffer.lock().lost());
        let graphs = heard.map(|heard| within(&heard.graphs.lock(), GRAPHS_BYTES_MAX));
        let graphs = graphs.unwrap_or_default();
        let graphs_hash = hash_of(&graphs);
        let is_drawn = self.told_graphs.as_ref() == Some(&graphs_hash);
        let request = SyncRequest {
            version: VERSION,
            instance: self.who.instance_id.clone(),
            run: self.config.run.clone(),
            at: self.clock.now(),
            facts: (!self.has_told_facts).then(|| self.config.facts.clone()),
            definitions: self.definitions.hash.clone(),
            checks_hash: hash.clone(),
            checks: (!is_told).then_some(rules),
            graphs: (!is_drawn).then_some(graphs),
            results,
            kept: heard
                .map(|heard| heard.kept.lock().values().cloned().collect())
                .unwrap_or_default(),
            done: self.done.clone(),
            metrics_lost: self.metrics_refused + lost(heard.map(|heard| &heard.metrics)),
            results_lost: self.results_refused + lost(heard.map(|heard| &heard.results)),
            problems: self
                .own_problems
                .iter()
                .chain(&self.definitions_problems)
                .cloned()
                .collect(),
        };
        (request, hash, graphs_hash)
    }

    async fn hear(&mut self, answer: SyncAnswer) {
        if let Some(every) = answer.every_secs.filter(|every| *every > 0) {
            self.every = Duration::from_secs(u64::from(every)).min(EVERY_MAX);
        }
        if let Some(definitions) = answer.definitions {
            self.take_definitions(definitions).await;
        }
        for command in answer.commands {
            self.obey(command);
        }
    }

    async fn take_definitions(&mut self, definitions: Definitions) {
        if !self.config.accepts_definitions {
            self.definitions_problems =
                vec!["this host takes no checks from the server".to_owned()];
            return;
        }
        let problems = definitions.settings.problems();
        if !problems.is_empty() {
            self.definitions_problems = problems.iter().map(ToString::to_string).collect();
            return;
        }
        if let Err(error) = self.state.set_definitions(&definitions) {
            warn!(%error, "the server's checks hold until the agent is restarted");
        }
        info!(hash = %definitions.hash, "has new checks of the server");
        self.definitions_problems.clear();
        self.definitions = definitions;
        self.apply();
    }

    fn obey(&mut self, command: Command) {
        if self.commands.contains(&command.id) {
            // Its answer was lost: it is told again that it is done.
            self.done.push(Done {
                id: command.id,
                problem: None,
            });
            return;
        }
        info!(command = ?command.what, "is told");
        let problem = self.act(&command.what).err();
        self.commands.push_back(command.id.clone());
        if self.commands.len() > COMMANDS_MAX {
            self.commands.pop_front();
        }
        self.done.push(Done {
            id: command.id,
            problem,
        });
    }

    fn act(&mut self, what: &What) -> Result<(), String> {
        let settings = self.settings();
        let Some(heard) = &self.heard else {
            return Err("the agent begins or ends".to_owned());
        };
        let busy = |_| "too many commands at once".to_owned();
        let order = |process: &String, order: fn(String) -> Order| match settings
            .keep
            .contains_key(process)
        {
            true => heard
                .orders
                .try_send(order(process.clone()))
                .map_err(|_| "too many commands at once".to_owned()),
            false => Err(format!("`{process}` is not kept here")),
        };
        match what {
            What::RunCheck { check } if settings.checks.contains_key(check) => {
                heard.now.try_send(check.clone()).map_err(busy)
            }
            What::RunCheck { check } => Err(format!("`{check}` is not checked here")),
            What::Watch { process } => order(process, Order::Watch),
            What::Unwatch { process } => order(process, Order::Unwatch),
            What::Restart { process } => order(process, Order::Restart),
            What::Stop | What::Start => {
                heard.is_paused.send_replace(*what == What::Stop);
                self.apply();
                Ok(())
            }
            What::Reboot => {
                self.has_told_facts = false;
                (self.told_hash, self.told_graphs) = (None, None);
                let mut names = settings.checks.keys();
                names.try_for_each(|name| heard.now.try_send(name.clone()).map_err(busy))
            }
            What::Terminate => {
                self.end = Some(End::Terminated);
                Ok(())
            }
        }
    }

    /// Reads the host's own file again where it changed. One that is wrong changes nothing, and is told.
    fn reload(&mut self) {
        let Some(path) = self.config.settings.clone() else {
            return;
        };
        let hash = file_hash(&path);
        if hash == self.own_hash {
            return;
        }
        self.own_hash = hash;
        match Settings::read(&path) {
            Ok(own) => {
                info!(path = %path.display(), "the host's own checks were read again");
                self.own_problems.clear();
                self.own = own;
                self.apply();
            }
            Err(wrong) => {
                warn!(%wrong, "the host's own checks stay as they were");
                self.own_problems = wrong.problems;
            }
        }
    }

    /// What holds now: the server's checks of the host's roles, the host's own over them; none while it is stopped.
    fn settings(&self) -> Settings {
        let is_paused = self
            .heard
            .as_ref()
            .is_some_and(|heard| *heard.is_paused.borrow());
        match is_paused {
            true => Settings::default(),
            false => {
                let roles = &self.config.facts.roles;
                self.definitions
                    .settings
                    .clone()
                    .with(&self.own)
                    .for_roles(roles)
            }
        }
    }

    fn apply(&self) {
        if let Some(heard) = &self.heard {
            let settings = Arc::new(self.settings());
            let names: BTreeSet<&String> = settings.checks.keys().collect();
            heard.graphs.lock().retain(|name, _| names.contains(name));
            heard.settings.send_replace(Arc::clone(&settings));
        }
    }

    fn rules(&self) -> BTreeMap<String, Rules> {
        let settings = self.settings();
        let checks = settings
            .checks
            .iter()
            .map(|(name, check)| (name.clone(), check.rules()));
        let kept = settings
            .keep
            .iter()
            .map(|(name, keep)| (check_name(name), keep.rules()));
        checks.chain(kept).collect()
    }

    async fn results(&self) -> Vec<(u64, Report)> {
        match self.heard.as_ref().map(|heard| Arc::clone(&heard.results)) {
            Some(results) => blocking(move || results.lock().oldest(RESULTS_MAX))
                .await
                .unwrap_or_default(),
            None => Vec::new(),
        }
    }

    async fn batch(&self) -> Option<(u64, Vec<Datum>)> {
        let metrics = Arc::clone(&self.heard.as_ref()?.metrics);
        let oldest = blocking(move || metrics.lock().oldest(1)).await?;
        oldest.into_iter().next()
    }

    async fn sent(&self, what: Sent, numbers: Vec<u64>) {
        let buffer = self.heard.as_ref().map(|heard| match what {
            Sent::Results => Arc::clone(&heard.results),
            Sent::Metrics => Arc::clone(&heard.metrics),
        });
        if let Some(buffer) = buffer {
            blocking(move || buffer.lock().done(numbers)).await;
        }
    }
}

/// What the server has.
#[derive(Clone, Copy)]
enum Sent {
    Results,
    Metrics,
}

/// The graphs that the server is told of: those of the first checks that fit into `bytes_max`.
fn within(graphs: &BTreeMap<String, Vec<Graph>>, bytes_max: usize) -> BTreeMap<String, Vec<Graph>> {
    let mut left = bytes_max;
    let mut told = BTreeMap::new();
    for (check, graphs) in graphs {
        let bytes = serde_json::to_vec(graphs).map_or(usize::MAX, |text| text.len());
        let Some(rest) = left.checked_sub(bytes) else {
            continue;
        };
        left = rest;
        told.insert(check.clone(), graphs.clone());
    }
    told
}

fn hash_of(what: &impl serde::Serialize) -> String {
    let text = serde_json::to_vec(what).unwrap_or_default();
    hex::encode(sha2::Sha256::digest(&text))
}

/// Tells a file's content from another; empty where it cannot be read.
fn file_hash(path: &Path) -> String {
    std::fs::read(path)
        .map(|text| hex::encode(sha2::Sha256::digest(&text)))
        .unwrap_or_default()
}
