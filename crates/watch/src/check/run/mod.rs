//! Running the checks of a host.
//!
//! - commands: [`spawn`], whose output is read as a plugin's in `plugins`
//! - checks that need no command: `http`, `tls`, `ping`, `dns`, `local`, `log`
//! - when each is due: `schedule`
//!
//! At most [`JOBS_MAX`] run at once, and they begin spread over their interval. A bad answer is asked again after `retry_every` while
//! its state is soft, by the same rules as the server's.

mod dns;
mod http;
mod local;
mod log;
mod ping;
mod plugins;
mod schedule;
pub mod spawn;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;

use base::{Clock, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, warn};

pub use log::Found;
pub use tls::Tls;

use super::Outcome;
use super::config::{Check, Kind, Settings};
use super::plugin::Graph;
use super::state::{Answer, State};
use crate::datum::CHECK;
use crate::procfs::Proc;
use plugins::Plugins;
use schedule::Schedule;

/// Checks that run at once. Chosen: a host of one core runs them beside its own work.
pub const JOBS_MAX: usize = 8;

/// What checks need of the host.
#[derive(Debug)]
pub struct Tools {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// TLS for pages.
    pub tls: Tls,
    /// The kernel's files.
    pub proc: Proc,
    /// Folders that are looked in for plugins first.
    pub folders: Vec<PathBuf>,
    /// A folder of the agent's own, which is there: how far logs were read.
    pub state: PathBuf,
    plugins: Mutex<Plugins>,
}

/// One run of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// Which.
    pub check: String,
    /// Tells its result from all others.
    pub id: String,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took_ms: u64,
    /// What it found.
    pub outcome: Outcome,
}

impl Tools {
    /// What checks need, with the host's own authorities and kernel.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, state: PathBuf) -> Self {
        Self {
            clock,
            tls: Tls::default(),
            proc: Proc::default(),
            folders: Vec::new(),
            state,
            plugins: Mutex::default(),
        }
    }

    /// Runs a check once.
    pub async fn run(self: &Arc<Self>, name: &str, check: &Check) -> Ran {
        let (at, began, id) = (self.clock.now(), self.clock.monotonic(), base::id::uuid());
        let limit = check.timeout().get();
        let mut outcome = match tokio::time::timeout(limit, self.look(name, check, &id, at)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::of(
                super::Status::Critical,
                format!("no answer within {}", check.timeout()),
            ),
        };
        for metric in &mut outcome.metrics {
            metric.dimensions.insert(CHECK.to_owned(), name.to_owned());
        }
        if outcome.graphs.is_empty() {
            outcome.graphs = Graph::of_metrics(name, &outcome.metrics);
        }
        let took = self.clock.monotonic().saturating_sub(began);
        Ran {
            check: name.to_owned(),
            id,
            at,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            outcome,
        }
    }

    async fn look(self: &Arc<Self>, name: &str, check: &Check, id: &str, at: Timestamp) -> Outcome {
        match check.kind() {
            Some(Kind::Plugin(line)) => self.nagios(check, line).await,
            Some(Kind::Mackerel(line)) => self.mackerel(name, check, line).await,
            Some(Kind::Munin(line)) => self.munin(name, check, line, at).await,
            Some(Kind::Http(page)) => http::http(check, page, &self.tls, &*self.clock).await,
            Some(Kind::Tcp(port)) => http::tcp(check, port, &*self.clock).await,
            Some(Kind::Tls(port)) => tls::check(check, port, &self.tls, &*self.clock).await,
            Some(Kind::Ping(host)) => ping::check(check, host, &*self.clock).await,
            Some(Kind::Dns(name)) => dns::check(check, name, &*self.clock).await,
            Some(Kind::Process(wanted)) => {
                let (tools, check, wanted) = (Arc::clone(self), check.clone(), wanted.clone());
                blocking(move || local::process(&check, &wanted, &tools.proc)).await
            }
            Some(Kind::File(file)) => {
                let (check, file) = (check.clone(), file.clone());
                blocking(move || local::file(&check, &file, at)).await
            }
            Some(Kind::Log(file)) => {
                let (file, state, id) = (file.clone(), self.log_state(name), id.to_owned());
                blocking(move || log::check(&file, &state, &id, at)).await
            }
            Some(Kind::Expect(_)) => Outcome::unknown("is reported by others and not run"),
            None => Outcome::unknown("says nothing to check"),
        }
    }

    /// The results of logs that may not have been handed on before the last end of this program.
    #[must_use]
    pub fn left_over(&self, settings: &Settings) -> Vec<Ran> {
        let logs = settings
            .checks
            .iter()
            .filter(|(_, check)| check.log.is_some());
        let found = logs.filter_map(|(name, _)| match log::last(&self.log_state(name)) {
            // What it counted was measured then, most likely; the result is known by its id.
            Ok(found) => found.map(|Found { id, at, outcome }| Ran {
                check: name.clone(),
                id,
                at,
                took_ms: 0,
                outcome: Outcome {
                    metrics: Vec::new(),
                    ..outcome
                },
            }),
            Err(error) => {
                warn!(check = %name, %error, "cannot read how far a log was read");
                None
            }
        });
        found.collect()
    }

    fn log_state(&self, name: &str) -> PathBuf {
        self.state.join(format!("log-{name}.json"))
    }
}

async fn blocking(look: impl FnOnce() -> Outcome + Send + 'static) -> Outcome {
    let looked = tokio::task::spawn_blocking(look).await;
    looked.unwrap_or_else(|error| Outcome::unknown(format!("the check broke: {error}")))
}

/// Runs the checks of a host when they are due, until `stop` says so.
#[derive(Debug)]
pub struct Runner {
    /// What checks need.
    pub tools: Arc<Tools>,
    /// Which host this is, so that not all begin at the same moment.
    pub host: String,
    /// What is checked; a change holds at once.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// Names of checks to run now.
    pub now: mpsc::Receiver<String>,
    /// Where results go.
    pub results: mpsc::Sender<Ran>,
}

/// A state for each check that is due, to know whether it is asked again soon.
type Entry = (Check, State);

impl Runner {
    /// Runs. What is running at the end is ended, with all that it began.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut schedule: Schedule<Entry> = Schedule::default();
        let mut running: JoinSet<Ran> = JoinSet::new();
        self.take_settings(&mut schedule);
        let settings = Arc::clone(&self.settings.borrow());
        let left_over = self.tools.left_over(&settings);
        for ran in left_over {
            if self.results.send(ran).await.is_err() {
                return;
            }
        }
        let (mut has_settings, mut has_now) = (true, true);
        loop {
            let next = (running.len() < JOBS_MAX)
                .then(|| schedule.next())
                .flatten();
            tokio::select! {
                biased;
                () = crate::stopped(&mut stop) => break,
                changed = self.settings.changed(), if has_settings => match changed {
                    Ok(()) => self.take_settings(&mut schedule),
                    Err(_) => has_settings = false,
                },
                name = self.now.recv(), if has_now => match name {
                    Some(name) => schedule.hurry(&name, Instant::now()),
                    None => has_now = false,
                },
                Some(ran) = running.join_next() => {
                    // A check that panicked is an error of ours; it is told by its result that is missed.
                    if let Ok(ran) = ran.inspect_err(|error| warn!(%error, "a check broke")) {
                        again(&mut schedule, &ran);
                        if self.results.send(ran).await.is_err() {
                            break;
                        }
                    }
                }
                () = tokio::time::sleep_until(next.unwrap_or_else(far)), if next.is_some() => {
                    if let Some((name, (check, _))) = schedule.start(Instant::now()) {
                        debug!(check = %name, "runs");
                        let tools = Arc::clone(&self.tools);
                        running.spawn(async move { tools.run(&name, &check).await });
                    }
                }
            }
        }
    }

    fn take_settings(&mut self, schedule: &mut Schedule<Entry>) {
        let settings = Arc::clone(&self.settings.borrow_and_update());
        let at = self.tools.clock.now();
        let runs = settings
            .checks
            .iter()
            .filter(|(_, check)| check.expect.is_none());
        let wanted = runs
            .map(|(name, check)| (name.clone(), check.clone()))
            .collect();
        schedule.set(
            &self.host,
            wanted,
            Instant::now(),
            |check| (check.every().get(), (check.clone(), State::new(at))),
            |known, check| known.0 == *check,
        );
    }
}

/// When a check that ran is due again.
fn again(schedule: &mut Schedule<Entry>, ran: &Ran) {
    schedule.done(&ran.check, Instant::now(), |(check, state)| {
        let answer = Answer {
            status: ran.outcome.status,
            text: &ran.outcome.text,
            at: ran.at,
        };
        state.apply(&check.rules(), answer, None);
        match state.is_soft() {
            true => Some(check.retry_every().get()),
            false => None,
        }
    });
}

fn far() -> Instant {
    Instant::now() + std::time::Duration::from_secs(3600)
}

#[cfg(test)]
mod tests;
