//! Keeping the processes of a host alive.
//!
//! Each has its cycle. What takes long (stopping, and starting again) goes on beside the cycles of the others; meanwhile its own and
//! those of what depends on it are passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{info, warn};

use super::engine::{Act, Phase, Seen, Service, again_text};
use super::process::{self, Look, Usage};
use super::{Kept, check_name};
use crate::check::Outcome;
use crate::check::config::{Keep, Settings};
use crate::datum::{KEEP, Measured, Unit};
use crate::procfs::Proc;

/// How often what a process takes is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(60);
/// The dimension that says which process.
const PROCESS: &str = "Process";

/// What somebody says of a kept process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Keep it alive (again).
    Watch(String),
    /// Leave it alone.
    Unwatch(String),
    /// Restart it.
    Restart(String),
}

/// What the keeper tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The name of the check that the process is; see [`check_name`].
    pub check: String,
    /// When.
    pub at: Timestamp,
    /// What it is in now; `None` where only its metrics are told.
    pub outcome: Option<Outcome>,
    /// What it takes.
    pub metrics: Vec<Measured>,
}

/// Keeps processes alive until it is told to stop; they live on then.
#[derive(Debug)]
pub struct Keeper {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The kernel's files.
    pub proc: Proc,
    /// Folders that are looked in for commands first.
    pub folders: Vec<PathBuf>,
    /// What is kept alive; a change holds at once.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// What somebody says.
    pub orders: mpsc::Receiver<Order>,
    /// Where it tells what happened.
    pub told: mpsc::Sender<Told>,
    /// What is known of each, for who wants to look.
    pub states: Arc<Mutex<BTreeMap<String, Kept>>>,
}

struct Entry {
    keep: Keep,
    service: Service,
    due: Instant,
    usage: Usage,
    /// The start that is under way: which one, and until when it may take.
    starting: Option<(u64, Instant)>,
    /// Whether it is being stopped and started.
    is_busy: bool,
    measured: Option<Instant>,
    /// What was told last.
    told: Option<(Phase, String)>,
}

/// What ended beside the cycles.
enum Ended {
    /// A command that started `name`.
    Start(String, u64),
    /// A stop, after which `name` is started, or has been by its own command.
    Stopped {
        name: String,
        held: Vec<String>,
        is_started: bool,
        result: Result<(), String>,
    },
}

impl Keeper {
    /// Keeps.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut entries = BTreeMap::new();
        let mut beside: JoinSet<Ended> = JoinSet::new();
        let mut number = 0;
        let (mut has_settings, mut has_orders) = (true, true);
        self.take_settings(&mut entries);
        loop {
            let next = entries.values().map(|entry: &Entry| entry.due).min();
            tokio::select! {
                biased;
                () = crate::stopped(&mut stop) => break,
                changed = self.settings.changed(), if has_settings => match changed {
                    Ok(()) => self.take_settings(&mut entries),
                    Err(_) => has_settings = false,
                },
                order = self.orders.recv(), if has_orders => match order {
                    Some(order) => self.obey(&order, &mut entries, &mut beside),
                    None => has_orders = false,
                },
                Some(ended) = beside.join_next() => match ended {
                    Ok(ended) => self.after(ended, &mut entries, &mut beside, &mut number).await,
                    Err(error) => warn!(%error, "keeping a process broke"),
                },
                () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    let due = entries.iter().filter(|(_, entry)| entry.due <= Instant::now());
                    let Some(name) = due.min_by_key(|(_, entry)| entry.due).map(|(name, _)| name.clone()) else {
                        continue;
                    };
                    self.cycle(&name, &mut entries, &mut beside, &mut number).await;
                }
            }
        }
    }

    fn take_settings(&mut self, entries: &mut BTreeMap<String, Entry>) {
        let settings = Arc::clone(&self.settings.borrow_and_update());
        entries.retain(|name, _| settings.keep.contains_key(name));
        self.states
            .lock()
            .retain(|name, _| settings.keep.contains_key(name));
        for (name, keep) in &settings.keep {
            let is_as_before = entries.get(name).is_some_and(|entry| entry.keep == *keep);
            if !is_as_before {
                entries.insert(name.clone(), Entry::new(keep.clone()));
            }
        }
    }

    /// One cycle of one process.
    async fn cycle(
        &self,
        name: &str,
        entries: &mut BTreeMap<String, Entry>,
        beside: &mut JoinSet<Ended>,
        number: &mut u64,
    ) {
        let Some(entry) = entries.get_mut(name) else {
            return;
        };
        entry.due = Instant::now() + entry.keep.every().get();
        if entry.is_busy {
            return;
        }
        let look = match process::look(&entry.keep, &self.proc).await {
            Ok(look) => look,
            Err(error) => {
                warn!(process = %name, %error, "cannot be looked for");
                Look::default()
            }
        };
        let needs = entry.keep.depends_on.to_vec();
        let is_up = |need: &String| {
            entries
                .get(need)
                .is_none_or(|entry| entry.service.phase() == Phase::Up && !entry.is_busy)
        };
        let are_needs_up = needs.iter().all(is_up);
        let Some(entry) = entries.get_mut(name) else {
            return;
        };
        let act = entry.step(&look, are_needs_up, self.clock.monotonic());
        match act {
            Act::Nothing => {}
            Act::Start if below(name, entries).is_empty() => {
                self.start(name, entries, beside, number)
            }
            Act::Start | Act::Restart => self.restart(name, entries, beside),
        }
        self.tell(name, entries, &look).await;
    }

    fn start(
        &self,
        name: &str,
        entries: &mut BTreeMap<String, Entry>,
        beside: &mut JoinSet<Ended>,
        number: &mut u64,
    ) {
        let Some(entry) = entries.get_mut(name) else {
            return;
        };
        info!(process = %name, why = entry.service.why(), "is started");
        match process::start(&entry.keep, &self.folders) {
            Err(failed) => entry.service.failed(&failed.to_string()),
            Ok(mut child) => {
                *number += 1;
                let (name, id) = (name.to_owned(), *number);
                entry.starting = Some((id, Instant::now() + entry.keep.timeout().get()));
                beside.spawn(async move {
                    match child.wait().await {
                        Ok(status) if !status.success() => {
                            warn!(process = %name, %status, "what started it ended")
                        }
                        Ok(_) => {}
                        Err(error) => {
                            warn!(process = %name, %error, "what started it cannot be waited for")
                        }
                    }
                    Ended::Start(name, id)
                });
            }
        }
    }

    /// Stops what depends on it, then it; it is started afterwards, and they are in their own cycles.
    fn restart(
        &self,
        name: &str,
        entries: &mut BTreeMap<String, Entry>,
        beside: &mut JoinSet<Ended>,
    ) {
        let held = below(name, entries);
        let mut stops = Vec::new();
        for other in held.iter().map(String::as_str).chain([name]) {
            if let Some(entry) = entries.get_mut(other) {
                entry.is_busy = true;
                entry.starting = None;
                if other != name {
                    entry.service.hold();
                }
                stops.push(entry.keep.clone());
            }
        }
        let (clock, proc, folders) = (
            Arc::clone(&self.clock),
            self.proc.clone(),
            self.folders.clone(),
        );
        let name = name.to_owned();
        info!(process = %name, "is restarted");
        beside.spawn(async move {
            let own_command = stops.last().and_then(|keep| keep.restart.clone());
            let count = stops.len();
            let mut result = Ok(());
            for (index, keep) in stops.iter().enumerate() {
                result = match &own_command {
                    Some(line) if index + 1 == count => {
                        process::restart(keep, line, &folders).await
                    }
                    _ => process::stop(keep, &proc, &folders, &*clock).await,
                };
                // That another one did not stop does not keep this one from being started.
                if let Err(why) = &result {
                    warn!(process = %name, %why, "cannot be stopped");
                }
            }
            Ended::Stopped {
                name,
                held,
                is_started: own_command.is_some(),
                result,
            }
        });
    }

    async fn after(
        &self,
        ended: Ended,
        entries: &mut BTreeMap<String, Entry>,
        beside: &mut JoinSet<Ended>,
        number: &mut u64,
    ) {
        match ended {
            Ended::Start(name, id) => {
                if let Some(entry) = entries
                    .get_mut(&name)
                    .filter(|entry| entry.starting.is_some_and(|(known, _)| known == id))
                {
                    entry.starting = None;
                }
            }
            Ended::Stopped {
                name,
                held,
                is_started,
                result,
            } => {
                for other in held.iter().chain([&name]) {
                    if let Some(entry) = entries.get_mut(other) {
                        entry.is_busy = false;
                    }
                }
                match (result, is_started) {
                    (Ok(()), false) => self.start(&name, entries, beside, number),
                    (Ok(()), true) => {}
                    (Err(why), _) => {
                        warn!(process = %name, %why, "cannot be restarted");
                        entries
                            .entry(name.clone())
                            .and_modify(|entry| entry.service.failed(&why));
                    }
                }
                self.tell(&name, entries, &Look::default()).await;
            }
        }
    }

    fn obey(
        &self,
        order: &Order,
        entries: &mut BTreeMap<String, Entry>,
        beside: &mut JoinSet<Ended>,
    ) {
        let (Order::Watch(name) | Order::Unwatch(name) | Order::Restart(name)) = order;
        let Some(entry) = entries.get_mut(name) else {
            warn!(process = %name, "is not kept here");
            return;
        };
        entry.due = Instant::now();
        match order {
            Order::Watch(_) => entry.service.watch(),
            Order::Unwatch(_) => entry.service.unwatch(),
            Order::Restart(_) if entry.is_busy => {}
            Order::Restart(_) => {
                entry.service.watch();
                self.restart(name, entries, beside);
            }
        }
    }

    async fn tell(&self, name: &str, entries: &mut BTreeMap<String, Entry>, look: &Look) {
        let Some(entry) = entries.get_mut(name) else {
            return;
        };
        let (phase, pid) = (
            entry.service.phase(),
            look.found.first().map(|found| found.pid),
        );
        let text = match (phase, pid) {
            (Phase::Up, Some(pid)) => format!("process {pid} runs"),
            (Phase::GivenUp, _) => format!("{}{}", entry.service.why(), again_text(&entry.keep)),
            _ => entry.service.why().to_owned(),
        };
        self.states.lock().insert(
            name.to_owned(),
            Kept {
                name: name.to_owned(),
                phase,
                pid,
                restarts: entry.service.restarts(),
                text: text.clone(),
            },
        );
        let now = Some((phase, text.clone()));
        let is_new = entry.told != now;
        let metrics = entry.measure(name, look);
        if is_new || !metrics.is_empty() {
            let told = Told {
                check: check_name(name),
                at: self.clock.now(),
                outcome: is_new.then(|| Outcome::of(phase.status(), text)),
                metrics,
            };
            entry.told = now;
            // Nobody listens when the agent ends.
            let _ = self.told.send(told).await;
        }
    }
}

impl Entry {
    fn new(keep: Keep) -> Self {
        Self {
            keep,
            service: Service::default(),
            due: Instant::now(),
            usage: Usage::default(),
            starting: None,
            is_busy: false,
            measured: None,
            told: None,
        }
    }

    fn step(&mut self, look: &Look, are_needs_up: bool, now: Duration) -> Act {
        let seen = Seen {
            is_running: !look.found.is_empty(),
            is_starting: self
                .starting
                .is_some_and(|(_, until)| Instant::now() < until),
            memory: look.found.iter().map(|found| found.memory).sum(),
            cpu: self.usage.percent(&look.found, now),
            port: look.port,
            are_needs_up,
            now,
        };
        self.service.step(&self.keep, &seen)
    }

    fn measure(&mut self, name: &str, look: &Look) -> Vec<Measured> {
        let now = Instant::now();
        if self.measured.is_some_and(|last| now - last < MEASURE_EVERY) {
            return Vec::new();
        }
        self.measured = Some(now);
        #[expect(clippy::cast_precision_loss, reason = "bytes of one host")]
        let memory = look.found.iter().map(|found| found.memory).sum::<u64>() as f64;
        let is_up = if self.service.phase() == Phase::Up {
            1.0
        } else {
            0.0
        };
        [
            ("Up", Unit::None, is_up),
            ("Restarts", Unit::Count, f64::from(self.service.restarts())),
            ("Memory", Unit::Bytes, memory),
        ]
        .map(|(metric, unit, value)| Measured::new(KEEP, metric, unit, value).with(PROCESS, name))
        .to_vec()
    }
}

/// What depends on `name`, directly or not, the outermost first.
fn below(name: &str, entries: &BTreeMap<String, Entry>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    collect(name, entries, &mut seen, &mut found);
    found
}

fn collect(
    name: &str,
    entries: &BTreeMap<String, Entry>,
    seen: &mut BTreeSet<String>,
    found: &mut Vec<String>,
) {
    let direct = entries
        .iter()
        .filter(|(_, entry)| entry.keep.depends_on.iter().any(|need| need == name));
    for (other, _) in direct {
        if seen.insert(other.clone()) {
            collect(other, entries, seen, found);
            found.push(other.clone());
        }
    }
}

#[cfg(test)]
mod tests;
