//! The processes of a run: this binary as sink, server and notifier, on one directory.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use base::{Clock, SystemClock};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::{Victim, hostile, require_empty, this_binary};

/// How long a child may take to come up. Chosen: slow machines under load.
const START_SECS_MAX: u64 = 60;

/// The route and the queue of a run.
pub(super) const QUEUE: &str = "torture";

/// Sends at once of each notifier.
pub(super) const SLOTS: u64 = 256;

/// Where everything of a run lies.
#[derive(Clone, Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn make(path: &Path) -> anyhow::Result<Self> {
        require_empty(path)?;
        Ok(Self(path.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The sink's log.
    pub(super) fn sink_log(&self) -> PathBuf {
        self.0.join("sink.log")
    }

    /// The settings: one route; its receivers are on loopback, and retries come soon. The lease that a lone notifier leaves behind is
    /// twice its longest attempt and a minute, so attempts are short; what a server's own notifiers hold ends with it.
    pub(super) fn write_config(&self, victim: Victim, sink: &str) -> anyhow::Result<()> {
        let is_embedded = victim == Victim::Server;
        let text = format!(
            r#"[routes.{QUEUE}]
queue = "{QUEUE}"
format = {{ kind = "ltsv" }}
notifier = {is_embedded}
retry_for = "{retry_for}"

[scaler]
interval = "1s"
notifiers_min = 1

[notifier]
slots = {SLOTS}
lease = "10s"
receive_wait = "1s"

[destinations."*"]
allow_cidrs = ["127.0.0.1/32"]
headers = {{ "x-torture" = "{sink}" }}
timeout_total = "2s"

[destinations."*".retry]
default = ["100ms", "1s"]

{hostile}"#,
            retry_for = hostile::RETRY_FOR,
            hostile = hostile::rules(sink),
        );
        self.write(&text)
    }

    /// Stores the settings of the next start.
    pub(super) fn write(&self, settings: &str) -> anyhow::Result<()> {
        std::fs::write(self.config(), settings).context("writing the settings")
    }

    fn config(&self) -> PathBuf {
        self.0.join("shukuba.toml")
    }

    fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Where a lone notifier stores its results.
    fn lone_results(&self) -> PathBuf {
        self.0.join("lone-results")
    }

    /// A command of this binary with the run's settings; its log goes to `NAME.log`.
    pub(super) fn command(&self, name: &str) -> anyhow::Result<Command> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.0.join(format!("{name}.log")))?;
        let mut command = Command::new(this_binary()?);
        command
            .arg(name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        if name != "sink" {
            command
                .arg("--data")
                .arg(self.data())
                .arg("--config")
                .arg(self.config());
        }
        Ok(command)
    }

    /// What a command of this binary prints.
    pub(super) fn output(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = std::process::Command::new(this_binary()?)
            .args(arguments)
            .arg("--data")
            .arg(self.data())
            .arg("--config")
            .arg(self.config())
            .output()?;
        // A ledger that does not balance is printed all the same.
        if !output.status.success() && output.stdout.is_empty() {
            bail!(
                "`shukuba {}`: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// How to reach the server, as `shukuba env` says it.
#[derive(Clone, Debug)]
pub(super) struct Access {
    /// `address:port`.
    pub(super) host: String,
    pub(super) key_id: String,
    pub(super) secret: String,
    pub(super) region: String,
}

/// A running process; dropping it kills it.
#[derive(Debug)]
pub(super) struct Child {
    process: tokio::process::Child,
    /// The sink's address.
    host: Option<String>,
}

impl Child {
    /// A sink on a free port.
    pub(super) async fn sink(directory: &Directory) -> anyhow::Result<Self> {
        Self::sink_answering(directory, "/ok", &directory.sink_log()).await
    }

    /// A sink on a free port that answers as `target` does, with a log of its own.
    pub(super) async fn sink_answering(
        directory: &Directory,
        target: &str,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = directory.command("sink")?;
        command
            .args(["--listen", "127.0.0.1:0", "--default", target, "--log"])
            .arg(log)
            .stdout(Stdio::piped());
        let mut process = command.spawn().context("starting the sink")?;
        let stdout = process
            .stdout
            .take()
            .context("the sink's standard output")?;
        let line = BufReader::new(stdout)
            .lines()
            .next_line()
            .await?
            .context("the sink's address")?;
        Ok(Self {
            process,
            host: Some(line.trim_start_matches("http://").trim().to_owned()),
        })
    }

    /// A server that answers.
    pub(super) async fn server(directory: &Directory) -> anyhow::Result<Self> {
        let process = directory
            .command("serve")?
            .args(["--listen", "127.0.0.1:0"])
            .spawn()
            .context("starting serve")?;
        let mut child = Self {
            process,
            host: None,
        };
        let clock = SystemClock::new();
        while !child.is_healthy(directory).await {
            if let Some(status) = child.process.try_wait()? {
                bail!(
                    "serve ended with {status}: see {}",
                    directory.path().join("serve.log").display()
                );
            }
            if clock.monotonic() > Duration::from_secs(START_SECS_MAX) {
                bail!("serve did not come up within {START_SECS_MAX} s");
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        Ok(child)
    }

    /// A notifier of its own that works on the server's queue for `life`.
    pub(super) async fn notifier(
        directory: &Directory,
        server: &Self,
        life: &str,
    ) -> anyhow::Result<Self> {
        let access = server.access(directory)?;
        let mut command = directory.command("notifier")?;
        command
            .args([
                "--queue",
                QUEUE,
                "--route",
                QUEUE,
                "--for",
                life,
                "--results",
            ])
            .arg(format!("file://{}", directory.lone_results().display()))
            .env("AWS_ENDPOINT_URL", format!("http://{}", access.host))
            .env("AWS_ACCESS_KEY_ID", access.key_id)
            .env("AWS_SECRET_ACCESS_KEY", access.secret)
            .env("AWS_DEFAULT_REGION", access.region);
        Ok(Self {
            process: command.spawn().context("starting a notifier")?,
            host: None,
        })
    }

    /// SIGKILL, and wait for the end.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().await.context("killing")
    }

    /// SIGTERM, and wait for the end.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        let pid = self.pid()?;
        let status = Command::new("kill")
            .args(["-TERM", &pid.to_string()])
            .status()
            .await?;
        if !status.success() {
            bail!("could not stop process {pid}");
        }
        self.process.wait().await?;
        Ok(())
    }

    /// The sink's `address:port`.
    pub(super) fn host(&self) -> anyhow::Result<&str> {
        self.host
            .as_deref()
            .context("only the sink has an address of its own")
    }

    /// How to reach this server.
    pub(super) fn access(&self, directory: &Directory) -> anyhow::Result<Access> {
        let text = directory.output(&["env"])?;
        let find = |name: &str| {
            let lines = text
                .lines()
                .filter_map(|line| line.strip_prefix("export ")?.split_once('='));
            let mut found = lines
                .filter(|(known, _)| *known == name)
                .map(|(_, value)| value.trim_matches(['\'', '"']).to_owned());
            found
                .next_back()
                .with_context(|| format!("`shukuba env` says no {name}"))
        };
        let endpoint = find("AWS_ENDPOINT_URL")?;
        Ok(Access {
            host: endpoint
                .trim_start_matches("http://")
                .trim_end_matches('/')
                .to_owned(),
            key_id: find("AWS_ACCESS_KEY_ID")?,
            secret: find("AWS_SECRET_ACCESS_KEY")?,
            region: find("AWS_DEFAULT_REGION")?,
        })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> anyhow::Result<u32> {
        self.process.id().context("the process has ended")
    }

    /// How far the route is.
    pub(super) fn standing(&self, directory: &Directory) -> anyhow::Result<Standing> {
        Standing::of(&ledger(directory)?)
    }

    /// What the ledger says.
    pub(super) fn is_balanced(&self, directory: &Directory) -> anyhow::Result<bool> {
        Ok(ledger(directory)?
            .get("balanced")
            .and_then(Value::as_bool)
            .unwrap_or_default())
    }

    async fn is_healthy(&self, directory: &Directory) -> bool {
        let Ok(access) = self.access(directory) else {
            return false;
        };
        let Ok(mut stream) = TcpStream::connect(&access.host).await else {
            return false;
        };
        let request = format!(
            "GET /_shukuba/health HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            access.host
        );
        let mut answer = Vec::new();
        let is_asked = stream.write_all(request.as_bytes()).await.is_ok();
        is_asked
            && stream.read_to_end(&mut answer).await.is_ok()
            && answer.starts_with(b"HTTP/1.1 200")
    }
}

/// What the ledger says of the route's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Notifications that wait, whatever for.
    pub(super) waiting: u64,
    /// Notifications that the server's own notifiers have settled for good: a result is stored for each, or will be soon.
    pub(super) settled: u64,
}

impl Standing {
    fn of(ledger: &Value) -> anyhow::Result<Self> {
        let queue = book(ledger)?;
        let sum = |group: &str, names: &[&str]| {
            let counts = names
                .iter()
                .filter_map(|name| queue.get(group)?.get(name)?.as_u64());
            counts.sum()
        };
        Ok(Self {
            waiting: sum("live", &["visible", "delayed", "retry_wait", "in_flight"]),
            settled: sum("total", &["delivered", "dead", "expired"]),
        })
    }
}

/// The book of the route's queue.
pub(super) fn book(ledger: &Value) -> anyhow::Result<&Value> {
    let queues = ledger.get("queues").and_then(Value::as_array);
    let is_ours = |queue: &&Value| queue.get("queue").and_then(Value::as_str) == Some(QUEUE);
    let queue = queues.into_iter().flatten().find(is_ours);
    queue.context("the ledger does not know the queue")
}

pub(super) fn ledger(directory: &Directory) -> anyhow::Result<Value> {
    serde_json::from_str(&directory.output(&["ledger", "--output", "json"])?)
        .context("reading the ledger")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_ledger_says_what_waits_and_what_has_a_result() {
        let live =
            json!({ "visible": 1, "delayed": 2, "retry_wait": 4, "in_flight": 8, "unread": 0 });
        let total =
            json!({ "delivered": 100, "dead": 20, "expired": 3, "taken": 1000, "open": 15 });
        let ledger = json!({ "queues": [
            { "queue": "other" },
            { "queue": QUEUE, "live": live, "total": total },
        ] });
        let standing = Standing {
            waiting: 15,
            settled: 123,
        };
        assert_eq!(Standing::of(&ledger).unwrap(), standing);
        assert!(Standing::of(&json!({ "queues": [] })).is_err());
    }
}
