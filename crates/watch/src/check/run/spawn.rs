//! Running a command: as a group, within a time, with a bounded output, in a clean environment.
//!
//! INVARIANT: when [`run`] is over, or given up, nothing of what the command began in its group runs any more.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::check::config::{NotValue, words};
use crate::check::plugin::OUTPUT_MAX;

/// Where commands are looked for that are given without a folder. The last four are where distributions put plugins.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/nagios/plugins:/usr/lib64/nagios/plugins:/usr/lib/monitoring-plugins:/usr/share/munin/plugins";
/// How long output may still come after a command ended, from what it left behind.
const LATE_OUTPUT: Duration = Duration::from_millis(500);

/// A command to run.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The command line.
    pub line: &'a str,
    /// Words after it.
    pub arguments: &'a [&'a str],
    /// Whether it is given to `/bin/sh -c`.
    pub is_shell: bool,
    /// The user that it runs as; none for the agent's own.
    pub user: Option<&'a str>,
    /// Variables beside the clean environment's.
    pub env: &'a BTreeMap<String, String>,
    /// Folders that are looked in before [`PATH`].
    pub folders: &'a [PathBuf],
}

/// What a command wrote and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; 128 and the signal's number where a signal ended it.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output, at most [`OUTPUT_MAX`] bytes.
    pub output: String,
    /// Its standard error, as long.
    pub error: String,
}

/// Why a command did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// It is no command line.
    #[error(transparent)]
    Line(#[from] NotValue),
    /// There is no such command.
    #[error("command `{0}` is not found; give its whole path, or put it into one of {PATH}")]
    NotFound(String),
    /// There is no such user.
    #[error("user `{0}` is not known on this host")]
    NoUser(String),
    /// The agent may not become that user.
    #[error("only an agent that runs as root can run commands as `{0}`")]
    NotRoot(String),
    /// It cannot be started.
    #[error("`{program}` cannot be started: {source}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long and was ended, with all that it had begun.
    #[error("did not end within {}; ended it", crate::check::config::Span(*.0))]
    TimedOut(Duration),
    /// Its end cannot be waited for.
    #[error("cannot be waited for: {0}")]
    Wait(#[source] io::Error),
}

/// Runs a command to its end, or ends it after `timeout`.
///
/// # Errors
/// [`Failed`].
pub async fn run(job: &Job<'_>, timeout: Duration) -> Result<Ended, Failed> {
    let (mut command, program) = prepare(job)?;
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|source| Failed::Start { program, source })?;
    let mut group = Group::of(&child);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ending = async {
        let reading = async { tokio::join!(read(stdout), read(stderr)) };
        tokio::pin!(reading);
        let mut outputs = None;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                both = &mut reading, if outputs.is_none() => outputs = Some(both),
            }
        };
        let outputs = match outputs {
            Some(outputs) => outputs,
            // What it left behind may hold the pipe open.
            None => tokio::time::timeout(LATE_OUTPUT, reading)
                .await
                .unwrap_or_default(),
        };
        (status, outputs)
    };
    let Ok((status, (output, error))) = tokio::time::timeout(timeout, ending).await else {
        return Err(Failed::TimedOut(timeout));
    };
    group.end();
    let status = status.map_err(Failed::Wait)?;
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    Ok(Ended {
        code: status.code().unwrap_or(128 + signal.unwrap_or_default()),
        signal,
        output,
        error,
    })
}

/// Starts a command that is not waited for: it lives on when the agent ends. Its output goes nowhere.
///
/// # Errors
/// [`Failed`].
pub fn start(job: &Job<'_>) -> Result<tokio::process::Child, Failed> {
    let (mut command, program) = prepare(job)?;
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
        .spawn()
        .map_err(|source| Failed::Start { program, source })
}

fn prepare(job: &Job<'_>) -> Result<(Command, String), Failed> {
    let words = match job.is_shell {
        true => vec!["/bin/sh".to_owned(), "-c".to_owned(), job.line.to_owned()],
        false => words(job.line)?,
    };
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default();
    let program = look_up(&name, job.folders).ok_or_else(|| Failed::NotFound(name.clone()))?;
    let mut command = Command::new(program);
    // A program may go by the name that it is called by, and people look for it by that.
    command.arg0(&name).args(words).args(job.arguments);
    command
        .env_clear()
        .envs([("PATH", PATH), ("LANG", "C"), ("LC_ALL", "C")]);
    command.env("HOME", "/").current_dir("/");
    if let Some(user) = job.user {
        become_user(&mut command, user)?;
    }
    command.envs(job.env).stdin(Stdio::null()).process_group(0);
    Ok((command, name))
}

fn look_up(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    if name.contains('/') {
        let path = PathBuf::from(name);
        return path.is_file().then_some(path);
    }
    let known = PATH.split(':').map(Path::new);
    let mut places = folders.iter().map(PathBuf::as_path).chain(known);
    places.find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file()))
}

fn become_user(command: &mut Command, user: &str) -> Result<(), Failed> {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let account = account(&users, user).ok_or_else(|| Failed::NoUser(user.to_owned()))?;
    let own = rustix::process::geteuid().as_raw();
    if own != account.uid {
        if own != 0 {
            return Err(Failed::NotRoot(user.to_owned()));
        }
        // Further groups are dropped with root's own.
        command.uid(account.uid).gid(account.gid);
    }
    command.env("HOME", account.home).env("USER", user);
    Ok(())
}

struct Account<'a> {
    uid: u32,
    gid: u32,
    home: &'a str,
}

/// An account of passwd(5).
fn account<'a>(users: &'a str, user: &str) -> Option<Account<'a>> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == user).then_some(())?;
        let mut fields = fields.skip(1);
        Some(Account {
            uid: fields.next()?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
            home: fields.nth(1)?,
        })
    })
}

/// Reads to the end, and keeps the beginning.
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else {
        return String::new();
    };
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    // An error of a pipe is its end: how the command ended says more.
    while let Ok(count @ 1..) = pipe.read(&mut piece).await {
        let room = OUTPUT_MAX - kept.len();
        kept.extend(piece.iter().take(count.min(room)));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// A process group that is killed when it is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn end(&mut self) {
        if let Some(group) = self.0.take() {
            // It is an error that nothing is left of it; that is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(line: &str, timeout_ms: u64) -> Result<Ended, Failed> {
        let env = BTreeMap::from([("OWN".to_owned(), "1".to_owned())]);
        let job = Job {
            line,
            arguments: &[],
            is_shell: true,
            user: None,
            env: &env,
            folders: &[],
        };
        run(&job, Duration::from_millis(timeout_ms)).await
    }

    #[tokio::test]
    async fn a_command_ends_with_its_code_and_outputs() {
        let ended = shell("echo out; echo err >&2; exit 2", 5_000)
            .await
            .unwrap();
        assert_eq!(
            (ended.code, ended.output.as_str(), ended.error.as_str()),
            (2, "out\n", "err\n")
        );
        let killed = shell("kill -9 $$", 5_000).await.unwrap();
        assert_eq!((killed.code, killed.signal), (137, Some(9)));
    }

    #[tokio::test]
    async fn the_environment_is_clean() {
        let ended = shell(
            "env | cut -d= -f1 | grep -v ^_ | grep -v PWD | grep -v SHLVL | sort | tr '\\n' ' '",
            5_000,
        )
        .await
        .unwrap();
        assert_eq!(ended.output, "HOME LANG LC_ALL OWN PATH ");
    }

    #[tokio::test]
    async fn after_the_time_the_whole_group_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let line = format!("sleep 60 & echo $! > {}; wait", pid.display());
        let failed = shell(&line, 300).await.unwrap_err();
        assert_eq!(failed.to_string(), "did not end within 300ms; ended it");
        let child: u32 = std::fs::read_to_string(pid)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        assert_eq!(until_gone(child).await, None);
    }

    #[tokio::test]
    async fn what_a_command_leaves_behind_does_not_hold_it_up() {
        let ended = shell("sleep 60 & echo done", 5_000).await.unwrap();
        assert_eq!(ended.code, 0);
    }

    /// SIGKILL takes a moment; the process is a zombie or gone then.
    async fn until_gone(pid: u32) -> Option<crate::procfs::Found> {
        let proc = crate::procfs::Proc::default();
        for _ in 0..1_000 {
            proc.process(pid)?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        proc.process(pid)
    }

    #[tokio::test]
    async fn output_is_bounded() {
        let ended = shell("head -c 300000 /dev/zero | tr '\\0' x", 5_000)
            .await
            .unwrap();
        assert_eq!(ended.output.len(), OUTPUT_MAX);
    }

    #[tokio::test]
    async fn what_cannot_be_started_says_why() {
        let none = BTreeMap::new();
        let job = |line, user| Job {
            line,
            arguments: &[],
            is_shell: false,
            user,
            env: &none,
            folders: &[],
        };
        for (line, user, expected) in [
            (
                "no_such_check -w 5",
                None,
                "command `no_such_check` is not found",
            ),
            (
                "/etc/passwd",
                None,
                "`/etc/passwd` cannot be started: Permission denied",
            ),
            (
                "true",
                Some("nobody-knows"),
                "user `nobody-knows` is not known",
            ),
        ] {
            let failed = run(&job(line, user), Duration::from_secs(5))
                .await
                .unwrap_err();
            assert!(failed.to_string().starts_with(expected), "{failed}");
        }
    }

    #[test]
    fn accounts_are_read() {
        let users = "root:x:0:0:root:/root:/bin/bash\nmunin:x:104:111::/var/lib/munin:/bin/false\n";
        let munin = account(users, "munin").unwrap();
        assert_eq!(
            (munin.uid, munin.gid, munin.home),
            (104, 111, "/var/lib/munin")
        );
        assert!(account(users, "mun").is_none());
    }
}
