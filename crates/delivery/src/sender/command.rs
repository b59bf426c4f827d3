//! `command`: a notification as the standard input of a program on this machine.
//!
//! # Format
//! `command://HOST/`, where the rules of the destination `HOST` name the program: `command = "/usr/local/bin/page"`. A line
//! never names one, so that whoever may send cannot choose what runs. `*` gives none either: each program stands
//! under a name of its own.
//!
//! The program gets the request's body on its standard input and `SHUKUBA_NOTIFICATION_ID` and `SHUKUBA_ATTEMPT` in its
//! environment, which else holds `PATH`, `HOME` and `LANG` alone. Exit code 0 means taken (status 200 in results); 65
//! (`EX_DATAERR`) means that this will never be taken ([`ErrorClass::Rejected`]); any other is tried again
//! ([`ErrorClass::Deferred`]). What it writes is kept as the excerpt of an answer.
//!
//! INVARIANT: when an attempt is over, or given up, nothing of its process group runs any more.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use super::{Tools, blank, not_sendable};
use crate::config::DestinationRules;
use crate::port::{Attempt, ErrorClass, NotSendable, Notification, Request, Sender, Way};

/// The schemes for [`super::SENDERS`].
pub(super) const SCHEMES: &[&str] = &["command"];

/// The sender for [`super::SENDERS`].
pub(super) fn sender(tools: &Tools) -> Arc<dyn Sender> {
    Arc::new(CommandSender {
        clock: Arc::clone(&tools.clock),
    })
}

/// The variables that a program gets of ours.
const INHERITED: [&str; 3] = ["PATH", "HOME", "LANG"];
/// What a program ends with when what it got will never be taken. Source: sysexits.h, `EX_DATAERR`.
const NEVER: i32 = 65;

/// Whether a `command` is a program's path.
///
/// # Errors
/// Words for the operator.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let is_right = Path::new(text).is_absolute() && !text.contains('\0');
    is_right
        .then_some(())
        .ok_or_else(|| format!("`{text}` is not an absolute path of a program"))
}

/// Runs programs.
struct CommandSender {
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for CommandSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSender").finish_non_exhaustive()
    }
}

impl Sender for CommandSender {
    fn schemes(&self) -> &'static [&'static str] {
        SCHEMES
    }

    fn check(&self, request: &Request, rules: &DestinationRules) -> Result<(), NotSendable> {
        if request.body.len() > rules.request_bytes_max {
            let limit = rules.request_bytes_max;
            return Err(not_sendable(format!(
                "the body is longer than request_bytes_max, {limit} bytes"
            )));
        }
        program(rules).map(|_| ())
    }

    fn send<'a>(
        &'a self,
        notification: &'a Notification,
        rules: &'a DestinationRules,
        budget: Duration,
    ) -> BoxFuture<'a, Attempt> {
        Box::pin(async move {
            let mut attempt = blank(notification.attempt, self.clock.now());
            let begun = Instant::now();
            let end = begun + rules.timeout_total.min(budget);
            if let Err((class, detail)) = run(notification, rules, end, &mut attempt).await {
                attempt.error = Some(class);
                attempt.detail = detail;
            }
            attempt.timings.total = begun.elapsed();
            attempt
        })
    }

    fn way<'a>(
        &'a self,
        _: &'a Request,
        rules: &'a DestinationRules,
    ) -> BoxFuture<'a, Result<Way, NotSendable>> {
        Box::pin(std::future::ready(program(rules).map(|_| Way::default())))
    }
}

fn program(rules: &DestinationRules) -> Result<&str, NotSendable> {
    rules.command.as_deref().ok_or_else(|| {
        let name = &rules.name;
        not_sendable(format!(
            "no program: add `command = \"/path/of/program\"` under [destinations.\"{name}\"]"
        ))
    })
}

/// What ended an attempt early.
type Failure = (ErrorClass, String);

async fn run(
    notification: &Notification,
    rules: &DestinationRules,
    end: Instant,
    attempt: &mut Attempt,
) -> Result<(), Failure> {
    let path = program(rules).map_err(|refused| (ErrorClass::Refused, refused.detail))?;
    if notification.request.body.len() > rules.request_bytes_max {
        let detail = "the body is longer than request_bytes_max";
        return Err((ErrorClass::Refused, detail.to_owned()));
    }
    let mut group = Group::start(path, notification)
        .map_err(|error| (ErrorClass::Connect, format!("`{path}`: {error}")))?;
    attempt.sent = true;
    let begun = Instant::now();
    let talked = timeout_at(end, talk(&mut group.child, notification, rules)).await;
    attempt.timings.first_byte = begun.elapsed();
    let late = || {
        let detail = format!("`{path}` did not end before the attempt's time was over");
        (ErrorClass::TotalTimeout, detail)
    };
    let (status, said) = talked
        .map_err(|_| late())?
        .map_err(|error| (ErrorClass::Closed, format!("`{path}`: {error}")))?;
    attempt.excerpt = Bytes::from(said);
    judge(path, status, attempt)
}

/// From an exit status to what became of the attempt.
fn judge(path: &str, status: ExitStatus, attempt: &mut Attempt) -> Result<(), Failure> {
    match (status.code(), status.signal()) {
        (Some(0), _) => {
            attempt.status = Some(200);
            Ok(())
        }
        (Some(NEVER), _) => Err((
            ErrorClass::Rejected,
            format!("`{path}` ended with {NEVER}: it will never take this"),
        )),
        (Some(code), _) => Err((ErrorClass::Deferred, format!("`{path}` ended with {code}"))),
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            let detail = format!("`{path}` was ended by signal {signal}");
            Err((ErrorClass::Deferred, detail))
        }
    }
}

/// Gives the program its input and takes what it says, until it ends.
async fn talk(
    child: &mut Child,
    notification: &Notification,
    rules: &DestinationRules,
) -> std::io::Result<(ExitStatus, Vec<u8>)> {
    let (input, out, error) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let give = async {
        if let Some(mut input) = input {
            // One that does not read its input is not wrong for that.
            let _ = input.write_all(&notification.request.body).await;
        }
    };
    let limit = rules.response_excerpt_bytes;
    let ((), out, error, status) =
        tokio::join!(give, listen(out, limit), listen(error, limit), child.wait());
    let mut said = out;
    said.extend(error);
    said.truncate(limit);
    Ok((status?, said))
}

/// The first bytes of what is said; the rest is read and dropped, so that nobody waits for a full pipe.
async fn listen(from: Option<impl AsyncRead + Unpin>, limit: usize) -> Vec<u8> {
    let mut said = Vec::new();
    let Some(mut from) = from else { return said };
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut part).await {
        let room = limit.saturating_sub(said.len()).min(count);
        said.extend_from_slice(part.get(..room).unwrap_or_default());
    }
    said
}

/// A program and all that it starts.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    fn start(path: &str, notification: &Notification) -> std::io::Result<Self> {
        let inherited = INHERITED
            .iter()
            .filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let child = Command::new(path)
            .env_clear()
            .envs(inherited)
            .env("SHUKUBA_NOTIFICATION_ID", &*notification.id)
            .env("SHUKUBA_ATTEMPT", notification.attempt.to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let id = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Self { child, id })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // The group is gone where all of it has ended.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::contract;
    use super::*;

    fn script(dir: &Path, name: &str, text: &str) -> DestinationRules {
        let path = dir.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        rules(Some(path.to_str().unwrap()))
    }

    fn rules(command: Option<&str>) -> DestinationRules {
        DestinationRules {
            command: command.map(str::to_owned),
            ..DestinationRules::default()
        }
    }

    fn request() -> Request {
        contract::request("command://page/", http::Method::POST, "hello")
    }

    #[tokio::test]
    async fn it_keeps_to_the_contract() {
        let dir = tempfile::tempdir().unwrap();
        let good = script(dir.path(), "good", "cat");
        let silent = script(dir.path(), "silent", "sleep 60");
        let absent = rules(Some("/nowhere/page"));
        contract::holds(
            (&request(), &good),
            (&request(), &silent),
            (&request(), &absent),
            (&request(), &rules(None)),
        )
        .await;
    }

    #[tokio::test]
    async fn a_program_gets_the_body_and_who_it_is_about() {
        let dir = tempfile::tempdir().unwrap();
        let text =
            "cat; echo; echo \"$SHUKUBA_NOTIFICATION_ID $SHUKUBA_ATTEMPT\"; env | grep -c CARGO";
        let rules = script(dir.path(), "page", &format!("{text}\nexit 0"));
        let attempt = contract::send_once(request(), rules).await;
        assert_eq!(attempt.status, Some(200));
        assert_eq!(attempt.excerpt, "hello\nn-1 3\n0\n");
    }

    #[tokio::test]
    async fn exit_codes_say_whether_to_try_again() {
        let dir = tempfile::tempdir().unwrap();
        for (text, expected, detail) in [
            ("exit 1", ErrorClass::Deferred, "ended with 1"),
            ("exit 65", ErrorClass::Rejected, "ended with 65"),
            ("kill -9 $$", ErrorClass::Deferred, "by signal 9"),
        ] {
            let rules = script(dir.path(), "code", text);
            let attempt = contract::send_once(request(), rules).await;
            assert_eq!((attempt.error, attempt.status), (Some(expected), None));
            assert!(attempt.detail.contains(detail), "{}", attempt.detail);
        }
    }

    #[tokio::test]
    async fn what_a_program_started_ends_with_its_time_and_much_output_stops_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("pid");
        let text = format!(
            "head -c 1000000 /dev/zero; sleep 600 & echo $! > {}; wait",
            mark.display()
        );
        let mut rules = script(dir.path(), "tree", &text);
        rules.timeout_total = Duration::from_secs(2);
        let attempt = contract::send_once(request(), rules).await;
        assert_eq!(attempt.error, Some(ErrorClass::TotalTimeout));
        let id = std::fs::read_to_string(&mark).unwrap();
        // Gone, or a zombie that nobody has waited for yet; the kernel may take a moment for it.
        let is_over = || {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", id.trim()));
            state.map_or(true, |state| state.contains(") Z "))
        };
        let over = async {
            while !is_over() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let within = Duration::from_secs(10);
        tokio::time::timeout(within, over).await.unwrap();
    }

    #[test]
    fn only_absolute_paths_are_programs() {
        assert!(check("/bin/cat").is_ok());
        for wrong in ["cat", "./cat", ""] {
            assert!(check(wrong).unwrap_err().contains("absolute path"));
        }
    }
}
