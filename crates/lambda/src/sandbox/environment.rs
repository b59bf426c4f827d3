//! The life of one environment: starts, calls, its end.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use tokio::time::Instant;
use tracing::warn;

use super::desk::Task;
use super::ending::{Ending, init_error};
use super::house::{House, remove};
use super::output::Journal;
use super::process::{Process, Seen, Start};
use super::report::{Fault, Report, end_line, init_report_line, report_line, start_line};
use super::{Account, Call, Outcome, environ};
use crate::function::Runnable;
use crate::port::RoleKeys;

/// Bytes in a MiB.
const MIB: u64 = 1024 * 1024;

/// One environment.
#[derive(Debug)]
pub(crate) struct Environment {
    house: Arc<House>,
    runnable: Runnable,
    task: Arc<Path>,
    keys: RoleKeys,
    id: String,
    group: String,
    stream: String,
    folder: PathBuf,
    journal: Journal,
    process: Option<Process>,
    /// Most memory of processes that are gone, in bytes.
    peak: u64,
    /// Whether all that it began was in a group of the kernel's.
    is_bounded: bool,
}

/// A start of the process.
struct Init {
    took: Duration,
    fault: Option<Fault>,
}

impl Environment {
    /// An environment that has not begun yet.
    pub(crate) fn new(
        house: Arc<House>,
        runnable: Runnable,
        task: Arc<Path>,
        keys: RoleKeys,
    ) -> Self {
        let id = base::id::uuid().replace('-', "");
        let name = &runnable.name;
        let named = runnable.settings.log_group.clone();
        let group = named.unwrap_or_else(|| format!("/aws/lambda/{name}"));
        let stream = stream(house.clock.now(), &runnable.version, &id);
        let journal = Journal::new(
            Arc::clone(&house.lines),
            Arc::clone(&house.clock),
            group.clone(),
            stream.clone(),
        );
        Self {
            folder: house.work.join(&id),
            house,
            runnable,
            task,
            keys,
            id,
            group,
            stream,
            journal,
            process: None,
            peak: 0,
            is_bounded: true,
        }
    }

    /// Takes note of how the next caller names the function.
    pub(crate) fn named(&mut self, arn: &str) {
        if self.runnable.invoked_arn != arn {
            arn.clone_into(&mut self.runnable.invoked_arn);
        }
    }

    /// Whether its process runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.process.is_some()
    }

    /// Whether its process has ended by itself, though nobody has waited for that yet.
    pub(crate) fn has_died(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::has_died)
    }

    /// Runs one call, after a start if there has been none.
    pub(crate) async fn invoke(&mut self, call: &Call) -> Outcome {
        let clock = Arc::clone(&self.house.clock);
        let init_max = self.house.init_max;
        let init = match self.process {
            Some(_) => {
                // What was printed after the last answer is nothing of this call's.
                self.journal.take_tail();
                None
            }
            None => Some(self.init(init_max, Fault::InitTimedOut(init_max)).await),
        };
        let has_failed = init.as_ref().is_some_and(|init| init.fault.is_some());
        self.tell_init(init.as_ref(), "init");
        let began = clock.monotonic();
        let deadline = Instant::now() + self.timeout();
        let again = match has_failed {
            true => Some(self.init(self.timeout(), self.late()).await),
            false => None,
        };
        self.tell_init(again.as_ref(), "invoke");
        let version = self.runnable.version.clone();
        self.journal.write(&start_line(&call.request_id, &version));
        let ending = match again.and_then(|init| init.fault) {
            Some(fault) => Ending::Fault(fault),
            None => self.run(call, deadline).await,
        };
        let took = clock.monotonic().saturating_sub(began);
        // A start that failed was in vain; the second one is part of the duration.
        let init = init.filter(|_| !has_failed).map(|init| init.took);
        self.close(call, ending, took, init)
    }

    /// Waits until the runtime asks for the next call, after an answer; kills it when it does not within `within`.
    pub(crate) async fn settle(&mut self, within: Duration) -> bool {
        let Some(process) = self.process.as_mut() else {
            return false;
        };
        let deadline = Instant::now() + within;
        let desk = process.desk();
        let seen = process
            .attend(&mut self.journal, deadline, desk.ready())
            .await;
        match seen {
            Seen::Done(None) => true,
            Seen::Late => false,
            Seen::Done(Some(_)) | Seen::Exit(_) | Seen::Over(_) => {
                self.stop().await;
                false
            }
        }
    }

    /// Stops its process where it is, until the next call.
    pub(crate) fn freeze(&self) {
        if let Some(process) = &self.process {
            process.freeze();
        }
    }

    /// Waits until its process ends by itself.
    pub(crate) async fn died(&mut self) {
        match self.process.as_mut() {
            Some(process) => process.died().await,
            None => std::future::pending().await,
        }
    }

    /// Ends it with all that it began, wherever that is by now, and removes its folder.
    pub(crate) async fn end(mut self) {
        self.stop().await;
        match self.is_bounded {
            // The kernel knew all of it.
            true => self.remove_folder().await,
            false => self.house.clear(self.folder.clone()).await,
        }
    }

    /// Ends its process; [`House::sweep`] does the rest for all.
    pub(crate) async fn discard(mut self) {
        self.stop().await;
    }

    async fn remove_folder(&self) {
        let folder = self.folder.clone();
        let removing = tokio::task::spawn_blocking(move || remove(&folder));
        if let Err(error) = removing.await {
            warn!(%error, "an environment's folder was not removed");
        }
    }

    async fn init(&mut self, limit: Duration, late: Fault) -> Init {
        let clock = Arc::clone(&self.house.clock);
        let began = clock.monotonic();
        let fault = self.start(limit, late).await.err();
        if fault.is_some() {
            self.stop().await;
        }
        Init {
            took: clock.monotonic().saturating_sub(began),
            fault,
        }
    }

    async fn start(&mut self, limit: Duration, late: Fault) -> Result<(), Fault> {
        let deadline = Instant::now() + limit;
        let tmp = self.folder.join("tmp");
        self.make_folder(&tmp).await.map_err(Fault::CannotStart)?;
        let settings = &self.runnable.settings;
        let start = Start {
            house: &self.house,
            id: &self.id,
            task: &self.task,
            tmp: &tmp,
            memory_max: u64::from(settings.memory_mib) * MIB,
            storage_max: u64::from(settings.storage_mib) * MIB,
        };
        let process = Process::start(&start, |authority| {
            environ::variables(&environ::Facts {
                runnable: &self.runnable,
                keys: &self.keys,
                task: &self.task,
                folder: &self.folder,
                tmp: &tmp,
                authority,
                group: &self.group,
                stream: &self.stream,
                region: &self.house.region,
                endpoint: &self.house.endpoint,
            })
        })
        .await?;
        self.is_bounded &= process.is_bounded();
        let process = self.process.insert(process);
        let _busy = self.house.sampler.enter(process.gauge());
        let desk = process.desk();
        let seen = process
            .attend(&mut self.journal, deadline, desk.ready())
            .await;
        match seen {
            Seen::Done(None) => Ok(()),
            Seen::Done(Some(said)) => Err(init_error(said)),
            Seen::Late => Err(late),
            Seen::Over(over) => Err(over.into()),
            Seen::Exit(status) => Err(desk.heard_already().map_or(Fault::Exit(status), init_error)),
        }
    }

    async fn make_folder(&self, tmp: &Path) -> std::io::Result<()> {
        let (tmp, account) = (tmp.to_owned(), self.house.account);
        let making = tokio::task::spawn_blocking(move || {
            let mut folder = std::fs::DirBuilder::new();
            let whole = tmp.parent().unwrap_or(&tmp);
            folder.recursive(true).create(whole)?;
            // Whatever the process masks: the function's user passes through.
            std::fs::set_permissions(whole, PermissionsExt::from_mode(0o711))?;
            // What the function keeps there is nobody else's to read.
            std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700).create(&tmp)?;
            match account {
                Some(Account { uid, gid }) => std::os::unix::fs::chown(&tmp, Some(uid), Some(gid)),
                None => Ok(()),
            }
        });
        making.await.map_err(std::io::Error::other)?
    }

    async fn run(&mut self, call: &Call, deadline: Instant) -> Ending {
        let late = self.late();
        let left = deadline.saturating_duration_since(Instant::now());
        let task = Task {
            request_id: call.request_id.clone(),
            payload: call.payload.clone(),
            deadline: self.house.clock.now().plus(left),
            arn: self.runnable.invoked_arn.clone(),
            trace: call
                .trace
                .clone()
                .unwrap_or_else(|| trace(self.house.clock.now())),
            client_context: call.client_context.clone(),
        };
        let Some(process) = self.process.as_mut() else {
            return Ending::Fault(Fault::NoBootstrap);
        };
        let _busy = self.house.sampler.enter(process.gauge());
        let desk = process.desk();
        process.thaw();
        desk.give(task);
        let seen = process
            .attend(&mut self.journal, deadline, desk.said())
            .await;
        let ending = match seen {
            Seen::Done(said) => said.into(),
            Seen::Exit(status) => desk
                .heard_already()
                .map_or(Ending::Fault(Fault::Exit(status)), Ending::from),
            Seen::Over(over) => Ending::Fault(over.into()),
            Seen::Late => Ending::Fault(late),
        };
        if ending.is_end() {
            self.stop().await;
        }
        ending
    }

    fn close(
        &mut self,
        call: &Call,
        ending: Ending,
        took: Duration,
        init: Option<Duration>,
    ) -> Outcome {
        if let Some(process) = self.process.as_mut() {
            process.drain(&mut self.journal);
        }
        let settings = &self.runnable.settings;
        let report = Report::new(took, init, settings.memory_mib, self.memory_used_mib());
        let mut status = None;
        if let Ending::Fault(fault) = &ending {
            status = Some(fault.status());
            for line in fault.lines(&call.request_id, &self.house.clock.now().rfc3339()) {
                self.journal.write(&line);
            }
        }
        self.journal.write(&end_line(&call.request_id));
        let line = report_line(&call.request_id, &report, status.as_deref());
        self.journal.write(&line);
        let (payload, error) = ending.told(&call.request_id);
        Outcome {
            payload,
            error,
            log_tail: self.journal.take_tail(),
            version: self.runnable.version.clone(),
            report,
        }
    }

    fn memory_used_mib(&mut self) -> u32 {
        if let Some(process) = &self.process {
            self.peak = self.peak.max(process.memory_peak());
        }
        u32::try_from(self.peak.div_ceil(MIB)).unwrap_or(u32::MAX)
    }

    fn tell_init(&mut self, init: Option<&Init>, phase: &str) {
        if let Some(Init {
            took,
            fault: Some(fault),
        }) = init
        {
            let line = init_report_line(*took, phase, &fault.status());
            self.journal.write(&line);
        }
    }

    /// Kills its process, and writes what that had printed.
    async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            self.peak = self.peak.max(process.memory_peak());
            process.kill().await;
            process.drain(&mut self.journal);
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.runnable.settings.timeout_secs))
    }

    fn late(&self) -> Fault {
        Fault::TimedOut(self.timeout())
    }
}

/// `2026/11/29/[$LATEST]0123456789abcdef0123456789abcdef`.
fn stream(at: Timestamp, version: &str, id: &str) -> String {
    let day: String = at.rfc3339().chars().take(10).collect();
    format!("{}/[{version}]{id}", day.replace('-', "/"))
}

/// A trace header that says that nothing is sampled. Source: X-Ray Developer Guide, "Tracing header".
fn trace(at: Timestamp) -> String {
    let random = base::id::uuid().replace('-', "");
    let (root, parent) = (random.get(..24), random.get(16..));
    format!(
        "Root=1-{:08x}-{};Parent={};Sampled=0",
        at.as_secs(),
        root.unwrap_or_default(),
        parent.unwrap_or_default()
    )
}
