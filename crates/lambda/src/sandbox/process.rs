//! The process of an environment: a group of its own, which is ended as a whole.
//!
//! INVARIANT: when a [`Process`] is dropped nothing of its group runs any more.
//!
//! Between invocations the group is stopped (SIGSTOP), as AWS freezes environments. When the server is killed the kernel sends SIGHUP to
//! a group that is stopped and that nobody of its session takes over; a group that runs finds its runtime API gone; what is left of
//! either is killed at the next start (`stray`). A child cannot be made to die with its parent without unsafe code.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::warn;

use super::cgroup::Cgroup;
use super::desk::Desk;
use super::memory::{Gauge, Over, high_water};
use super::output::{Journal, Output};
use super::report::Fault;
use super::{Account, House, api};

/// How long a killed process may take to be gone. Chosen; the kernel needs microseconds unless a disk hangs.
const GONE_WITHIN: Duration = Duration::from_secs(5);
/// How often a program that is still open for writing somewhere is started again. Chosen.
const BUSY_TRIES: u32 = 20;
/// How long is waited in between.
const BUSY_WAIT: Duration = Duration::from_millis(5);

/// What a process is started with.
pub(super) struct Start<'a> {
    pub(super) house: &'a House,
    /// The environment's id.
    pub(super) id: &'a str,
    /// The package.
    pub(super) task: &'a Path,
    /// Its space for files.
    pub(super) tmp: &'a Path,
    pub(super) memory_max: u64,
    pub(super) storage_max: u64,
}

/// A process that runs, or has ended unseen.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Group,
    output: Output,
    desk: Arc<Desk>,
    api: JoinHandle<()>,
    gauge: Arc<Gauge>,
    cgroup: Option<Cgroup>,
    has_ended: bool,
}

/// What came first.
pub(super) enum Seen<T> {
    /// What was waited for.
    Done(T),
    /// The end of the process.
    Exit(ExitStatus),
    /// More memory or files than it has.
    Over(Over),
    /// The end of the time.
    Late,
}

impl Process {
    /// Starts `bootstrap`. `variables` makes its variables from where its runtime API is.
    pub(super) async fn start(
        start: &Start<'_>,
        variables: impl FnOnce(&str) -> BTreeMap<OsString, OsString>,
    ) -> Result<Self, Fault> {
        let bootstrap = start.task.join("bootstrap");
        if !bootstrap.is_file() {
            return Err(Fault::NoBootstrap);
        }
        let failed = Fault::CannotStart;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let authority = listener.local_addr().map_err(failed)?.to_string();
        let (reader, writer) = io::pipe().map_err(failed)?;
        let mut command = Command::new(bootstrap);
        command
            .env_clear()
            .envs(variables(&authority))
            .current_dir(start.task)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true);
        if let Some(Account { uid, gid }) = start.house.account {
            // Further groups are dropped with root's own.
            command.uid(uid).gid(gid);
        }
        let spawning = tokio::task::spawn_blocking(move || spawn(command));
        let joined = spawning.await.map_err(io::Error::other).map_err(failed)?;
        let child = joined.map_err(failed)?;
        let group = Group::of(&child);
        let cgroup = bounded(start, group.id());
        let memory_max = cgroup.is_none().then_some(start.memory_max);
        let gauge = Gauge::new(group.id(), memory_max, start.tmp, start.storage_max);
        let desk = Arc::new(Desk::default());
        Ok(Self {
            output: Output::new(OwnedFd::from(reader)).map_err(failed)?,
            api: tokio::spawn(api::serve(listener, Arc::clone(&desk))),
            gauge: Arc::new(gauge),
            has_ended: false,
            child,
            group,
            desk,
            cgroup,
        })
    }

    /// Where its runtime is met.
    pub(super) fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk)
    }

    /// What it takes.
    pub(super) fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }

    /// Waits for `wanted` until `deadline`, while what it prints is written.
    pub(super) async fn attend<T>(
        &mut self,
        journal: &mut Journal,
        deadline: Instant,
        wanted: impl Future<Output = T>,
    ) -> Seen<T> {
        let mut wanted = std::pin::pin!(wanted);
        loop {
            tokio::select! {
                biased;
                done = &mut wanted => return Seen::Done(done),
                over = self.gauge.over() => return Seen::Over(over),
                status = self.child.wait() => return self.exited(status),
                () = tokio::time::sleep_until(deadline) => return Seen::Late,
                () = self.output.fill(journal) => {}
            }
        }
    }

    fn exited<T>(&mut self, status: io::Result<ExitStatus>) -> Seen<T> {
        self.has_ended = true;
        let status = status.unwrap_or_else(|error| {
            warn!(%error, "a function's process cannot be waited for");
            ExitStatus::default()
        });
        let is_killed = std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
        let is_bounded = self.cgroup.as_ref().is_some_and(Cgroup::is_out_of_memory);
        match is_killed && is_bounded {
            true => Seen::Over(Over::Memory),
            false => Seen::Exit(status),
        }
    }

    /// Waits for its end, while it has nothing to do.
    pub(super) async fn died(&mut self) {
        let status = self.child.wait().await;
        let _ = self.exited::<()>(status);
    }

    /// Whether it has ended.
    pub(super) fn has_died(&mut self) -> bool {
        self.has_ended |= matches!(self.child.try_wait(), Ok(Some(_)));
        self.has_ended
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) {
        self.group.signal(Signal::CONT);
    }

    /// Stops it where it is.
    pub(super) fn freeze(&self) {
        self.group.signal(Signal::STOP);
    }

    /// Writes what it has printed.
    pub(super) fn drain(&mut self, journal: &mut Journal) {
        self.output.drain(journal);
    }

    /// Most memory so far, in bytes.
    pub(super) fn memory_peak(&self) -> u64 {
        let counted = self.cgroup.as_ref().and_then(Cgroup::peak);
        counted.unwrap_or_else(|| {
            let own = match self.has_ended {
                true => 0,
                false => high_water(self.group.id()),
            };
            own.max(self.gauge.peak())
        })
    }

    /// Whether the kernel bounds it, and so knows all that it began.
    pub(super) fn is_bounded(&self) -> bool {
        self.cgroup.is_some()
    }

    /// Kills it and all of its group, and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill();
        }
        self.group.end();
        self.has_ended = true;
        if tokio::time::timeout(GONE_WITHIN, self.child.wait())
            .await
            .is_err()
        {
            warn!(
                pid = self.group.id(),
                "a function's process was killed and is still there"
            );
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.api.abort();
        self.group.end();
    }
}

/// A program that was unpacked a moment ago may be open in a process that is about to become another one.
fn spawn(mut command: Command) -> io::Result<Child> {
    for _ in 0..BUSY_TRIES {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(BUSY_WAIT);
            }
            spawned => return spawned,
        }
    }
    command.spawn()
}

fn bounded(start: &Start<'_>, pid: i32) -> Option<Cgroup> {
    let tree = start.house.cgroups.as_ref()?;
    let made = tree.make(start.id, start.memory_max, pid);
    made.inspect_err(
        |error| warn!(%error, "a function's memory is not bounded by the kernel, but sampled"),
    )
    .ok()
}

/// A process group that is killed when it is dropped.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    /// Its number, which is that of its first process; 0 once it has ended.
    fn id(&self) -> i32 {
        self.0.map_or(0, |pid| pid.as_raw_nonzero().get())
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It is an error that nothing is left of it; who waits for it hears of that.
            let _ = kill_process_group(group, signal);
        }
    }

    fn end(&mut self) {
        self.signal(Signal::KILL);
        self.0 = None;
    }
}
