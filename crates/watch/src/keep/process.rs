//! Looking at a kept process, starting and stopping it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use base::Clock;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;
use tokio::process::Child;
use tracing::warn;

use crate::check::config::Keep;
use crate::check::run::spawn::{self, Failed, Job};
use crate::procfs::{Found, Proc, TICKS_PER_SEC};

/// How long a port has to take a connection.
const PORT_WITHIN: Duration = Duration::from_secs(2);
/// How often it is looked whether a process has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is seen of a kept process at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// The processes, the oldest first.
    pub(super) found: Vec<Found>,
    /// Whether the port takes connections.
    pub(super) port: Option<bool>,
}

/// Looks. A pid file that cannot be read counts as no process.
pub(super) async fn look(keep: &Keep, proc: &Proc) -> io::Result<Look> {
    let found = find(keep, proc).await?;
    let port = match (&keep.port, found.is_empty()) {
        (Some(address), false) => {
            let connected = tokio::time::timeout(PORT_WITHIN, TcpStream::connect(address)).await;
            Some(matches!(connected, Ok(Ok(_))))
        }
        _ => None,
    };
    Ok(Look { found, port })
}

async fn find(keep: &Keep, proc: &Proc) -> io::Result<Vec<Found>> {
    let (wanted, proc) = (keep.process.clone(), proc.clone());
    let looking = tokio::task::spawn_blocking(move || proc.find(&wanted));
    let mut found = looking.await.map_err(io::Error::other)??;
    found.sort_by_key(|process| (process.started, process.pid));
    Ok(found)
}

/// The processor time of the last cycle.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    at: Duration,
    ticks: BTreeMap<(u32, u64), u64>,
}

impl Usage {
    /// The share of one core in percent since the last look, of those that were seen then.
    #[expect(clippy::cast_precision_loss, reason = "ticks of one cycle")]
    pub(super) fn percent(&mut self, found: &[Found], now: Duration) -> Option<f64> {
        let ticks: BTreeMap<_, _> = found
            .iter()
            .map(|one| ((one.pid, one.started), one.ticks))
            .collect();
        let before = std::mem::replace(&mut self.ticks, ticks);
        let span = now.saturating_sub(std::mem::replace(&mut self.at, now));
        let known = self
            .ticks
            .iter()
            .filter_map(|(id, ticks)| Some(ticks.saturating_sub(*before.get(id)?)));
        let deltas: Vec<u64> = known.collect();
        let is_known = !deltas.is_empty() && !span.is_zero();
        is_known.then(|| {
            deltas.iter().sum::<u64>() as f64 * 100.0 / TICKS_PER_SEC as f64 / span.as_secs_f64()
        })
    }
}

/// Starts it. What comes back is the command, which may be the process itself.
pub(super) fn start(keep: &Keep, folders: &[PathBuf]) -> Result<Child, Failed> {
    let line = keep
        .start
        .as_deref()
        .or(keep.restart.as_deref())
        .unwrap_or_default();
    spawn::start(&job(keep, line, folders))
}

/// Stops it, by its command or by signals, and waits until it is gone.
pub(super) async fn stop(
    keep: &Keep,
    proc: &Proc,
    folders: &[PathBuf],
    clock: &dyn Clock,
) -> Result<(), String> {
    let timeout = keep.timeout().get();
    let began = clock.monotonic();
    let is_running = find(keep, proc).await.map(|found| !found.is_empty());
    match (&keep.stop, is_running.map_err(|error| error.to_string())?) {
        (_, false) => return Ok(()),
        (Some(line), true) => {
            // Whether it worked is seen by whether the process is gone.
            match spawn::run(&job(keep, line, folders), timeout).await {
                Ok(ended) if ended.code == 0 => {}
                Ok(ended) => warn!(command = %line, code = ended.code, "what stops it failed"),
                Err(failed) => warn!(command = %line, %failed, "what stops it failed"),
            }
        }
        (None, true) => signal(keep, proc, Signal::TERM).await?,
    }
    loop {
        let found = find(keep, proc).await.map_err(|error| error.to_string())?;
        if found.is_empty() {
            return Ok(());
        }
        if clock.monotonic().saturating_sub(began) >= timeout {
            return signal(keep, proc, Signal::KILL).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Runs the command that restarts it.
pub(super) async fn restart(keep: &Keep, line: &str, folders: &[PathBuf]) -> Result<(), String> {
    let ended = spawn::start(&job(keep, line, folders)).map_err(|failed| failed.to_string())?;
    let mut child = ended;
    match tokio::time::timeout(keep.timeout().get(), child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("`{line}` ended with {status}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("`{line}` did not end within {}", keep.timeout())),
    }
}

/// SIGTERM goes to the oldest, which tells its children; SIGKILL to all.
async fn signal(keep: &Keep, proc: &Proc, signal: Signal) -> Result<(), String> {
    let found = find(keep, proc).await.map_err(|error| error.to_string())?;
    let count = if signal == Signal::KILL {
        found.len()
    } else {
        1
    };
    for process in found.iter().take(count) {
        let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let sent = pid.map_or(Ok(()), |pid| kill_process(pid, signal));
        match sent {
            // It has ended meanwhile.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(format!("process {} cannot be ended: {error}", process.pid)),
        }
    }
    Ok(())
}

fn job<'a>(keep: &'a Keep, line: &'a str, folders: &'a [PathBuf]) -> Job<'a> {
    Job {
        line,
        arguments: &[],
        is_shell: keep.shell,
        user: keep.user.as_deref(),
        env: &keep.env,
        folders,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_of_those_that_were_seen_before() {
        let found = |pid, ticks| Found {
            pid,
            memory: 0,
            ticks,
            started: 1,
        };
        let mut usage = Usage::default();
        assert_eq!(
            usage.percent(&[found(1, 100)], Duration::from_secs(10)),
            None
        );
        // 150 ticks are 1.5 s of 2 s.
        assert_eq!(
            usage.percent(&[found(1, 250), found(2, 900)], Duration::from_secs(12)),
            Some(75.0)
        );
        assert_eq!(usage.percent(&[], Duration::from_secs(14)), None);
    }
}
