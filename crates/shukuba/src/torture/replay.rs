//! Dead notifications are replayed while the server is killed: each is put into the queue again exactly once.
//!
//! A receiver answers 404 until all are dead; another one, at the same name, takes them. The replay is begun by command and
//! resumed after each kill, as an operator would do it.
//!
//! What *exactly once* says: for each dead notification one new message is booked as replayed, and one result ends it. The
//! receiver sees each at least once; what was in hand at a kill may be seen again, with the same id.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use base::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::account::IN_HAND_MAX;
use super::child::{Child, Directory, QUEUE, SLOTS, book, ledger};
use super::replay_account::{Ends, seen};
use super::{Random, load};

/// Notifications in one message.
const LINES: u64 = 1000;

/// The name of the receivers.
const HOST: &str = "receiver.torture.test";

/// For how long nothing may change. Chosen: a slow disk, and a server that recovers.
const STILL_MAX: Duration = Duration::from_secs(120);

/// How often is looked how far a replay is.
const LOOK: Duration = Duration::from_millis(10);

/// What a run is made of.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Dead notifications.
    pub(crate) count: u64,
    /// Sent again at most so many a second; 0: as fast as it goes.
    pub(crate) rate: u32,
    /// How often the server is killed while it replays.
    pub(crate) kills: u32,
    /// Chooses the moments.
    pub(crate) seed: u64,
    /// An empty directory; it holds everything that the run makes.
    pub(crate) dir: PathBuf,
}

/// How long a part of the run took.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Phase {
    /// Seconds.
    pub(crate) secs: f64,
}

impl Phase {
    fn since(clock: &SystemClock, began: Duration) -> Self {
        Self {
            secs: clock.monotonic().saturating_sub(began).as_secs_f64(),
        }
    }

    /// How many of `count` that is a second.
    pub(crate) fn per_sec(self, count: u64) -> u64 {
        (count as f64 / self.secs.max(0.001)) as u64
    }
}

/// What was found.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(crate) struct Verdict {
    /// Dead notifications before the replay.
    pub(crate) dead: u64,
    /// How many the replay said it would send.
    pub(crate) planned: u64,
    /// SIGKILLs while it ran.
    pub(crate) kills: u32,
    /// What the ledger booked as replayed. Must be the same.
    pub(crate) replayed: u64,
    /// Notifications that one result of this replay ends, and no second one. Must be the same.
    pub(crate) once: u64,
    /// Notifications that the receiver saw. Must be the same.
    pub(crate) received: u64,
    /// Requests that it saw beyond the first for a notification.
    pub(crate) duplicates: u64,
    /// The most that the kills can explain: what a notifier may have in hand, for each.
    pub(crate) duplicates_max: u64,
    /// What the ledger says at the end.
    pub(crate) balanced: bool,
    /// From the first send until all were dead.
    pub(crate) dying: Phase,
    /// From the command until the plan stood.
    pub(crate) planning: Phase,
    /// From then until all were sent again, with the kills.
    pub(crate) sending: Phase,
    /// From then until all were delivered.
    pub(crate) delivering: Phase,
    /// The most memory that a server of the run held, MiB.
    pub(crate) rss_max_mib: u64,
}

impl Verdict {
    /// Whether every promise was kept.
    pub(crate) fn is_good(&self) -> bool {
        let counts = [self.planned, self.replayed, self.once, self.received];
        counts.iter().all(|count| *count == self.dead)
            && self.balanced
            && self.duplicates <= self.duplicates_max
    }
}

/// Runs the plan. `progress` is told in a few words what is being done.
///
/// # Errors
/// When a process does not start, or nothing moves for too long.
pub(crate) async fn run(plan: &Plan, progress: &dyn Fn(&str)) -> anyhow::Result<Verdict> {
    let directory = Directory::make(&plan.dir)?;
    let again_log = directory.path().join("sink-again.log");
    let refuses = Child::sink_answering(&directory, "/status/404", &directory.sink_log()).await?;
    let takes = Child::sink_answering(&directory, "/ok", &again_log).await?;
    directory.write(&settings(refuses.host()?))?;
    let mut run = Run {
        plan,
        progress,
        server: Child::server(&directory).await?,
        directory,
        clock: SystemClock::new(),
        random: Random(plan.seed),
        verdict: Verdict::default(),
    };
    run.make_dead().await?;
    run.directory.write(&settings(takes.host()?))?;
    run.replace_server().await?;
    let id = run.begin().await?;
    run.replay(&id).await?;
    run.deliver().await?;
    let mut verdict = run.verdict;
    let ends = Ends::read(&run.directory, &id, plan.count)?;
    verdict.once = ends.once();
    let seen = seen(&again_log, plan.count)?;
    verdict.received = seen.iter().filter(|times| **times > 0).count() as u64;
    verdict.duplicates = seen
        .iter()
        .map(|times| u64::from(times.saturating_sub(1)))
        .sum();
    verdict.duplicates_max = u64::from(verdict.kills) * IN_HAND_MAX;
    Ok(verdict)
}

fn settings(sink: &str) -> String {
    format!(
        r#"[routes.{QUEUE}]
queue = "{QUEUE}"
format = {{ kind = "ltsv" }}

[scaler]
interval = "1s"
notifiers_min = 1

[notifier]
slots = {SLOTS}
receive_wait = "1s"

[destinations."{HOST}"]
connect_to = "{sink}"
allow_cidrs = ["127.0.0.1/32"]
"#
    )
}

/// A run that goes on.
struct Run<'a> {
    plan: &'a Plan,
    progress: &'a dyn Fn(&str),
    directory: Directory,
    server: Child,
    clock: SystemClock,
    random: Random,
    verdict: Verdict,
}

impl Run<'_> {
    /// Sends all, packed, and waits until each is dead.
    async fn make_dead(&mut self) -> anyhow::Result<()> {
        let began = self.clock.monotonic();
        let mut connection = None;
        let name = json!({ "QueueName": QUEUE });
        let created = self.call(&mut connection, "CreateQueue", &name).await?;
        let url = created.get("QueueUrl").cloned().unwrap_or_default();
        for first in (0..self.plan.count).step_by(LINES as usize) {
            let end = (first + LINES).min(self.plan.count);
            let lines: Vec<String> = (first..end)
                .map(|n| format!("url:http://{HOST}/r?n={n}\tid:n{n}"))
                .collect();
            let count = json!({ "DataType": "Number", "StringValue": lines.len().to_string() });
            let message = json!({
                "QueueUrl": url,
                "MessageBody": lines.join("\n"),
                "MessageAttributes": { "shukuba.lines": count },
            });
            self.call(&mut connection, "SendMessage", &message).await?;
        }
        (self.progress)(&format!(
            "{} sent; waiting until all are dead",
            self.plan.count
        ));
        let count = self.plan.count;
        self.wait_for(|total| total("dead") == count).await?;
        self.verdict.dead = count;
        self.verdict.dying = Phase::since(&self.clock, began);
        Ok(())
    }

    async fn call(
        &self,
        connection: &mut Option<TcpStream>,
        operation: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let access = self.server.access(&self.directory)?;
        let request = load::request(&access, operation, &body.to_string(), self.clock.now())?;
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => TcpStream::connect(&access.host).await?,
        };
        tokio::io::AsyncWriteExt::write_all(&mut stream, &request).await?;
        let answer = load::answer(&mut stream).await?;
        *connection = Some(stream);
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Waits until the book of the queue shows what is wanted.
    async fn wait_for(
        &mut self,
        is_there: impl Fn(&dyn Fn(&str) -> u64) -> bool,
    ) -> anyhow::Result<bool> {
        let (mut before, mut changed_at) = (Value::Null, self.clock.monotonic());
        loop {
            let asked_at = self.clock.monotonic();
            let answer = ledger(&self.directory)?;
            let total = book(&answer)?.get("total").cloned().unwrap_or_default();
            if is_there(&|name| total.get(name).and_then(Value::as_u64).unwrap_or(0)) {
                return Ok(answer.get("balanced") == Some(&Value::Bool(true)));
            }
            let now = self.clock.monotonic();
            if before != total {
                (before, changed_at) = (total, now);
            } else if now.saturating_sub(changed_at) > STILL_MAX {
                bail!(
                    "nothing has moved for {} s: {before}; everything is left in {}",
                    STILL_MAX.as_secs(),
                    self.directory.path().display()
                );
            }
            // The ledger compares the stored results each time: let it not be the load.
            let pause = now.saturating_sub(asked_at) * 4;
            tokio::time::sleep(pause.max(Duration::from_millis(100))).await;
        }
    }

    /// Kills the server and starts it again.
    async fn replace_server(&mut self) -> anyhow::Result<()> {
        self.note_memory()?;
        self.server.kill().await?;
        self.server = Child::server(&self.directory).await?;
        Ok(())
    }

    /// The most memory that this server has held.
    fn note_memory(&mut self) -> anyhow::Result<()> {
        let path = format!("/proc/{}/status", self.server.pid()?);
        // Not on every system.
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        let mib = kib.unwrap_or(0) / 1024;
        self.verdict.rss_max_mib = self.verdict.rss_max_mib.max(mib);
        Ok(())
    }

    /// Begins the replay by command and waits until it stands; its id.
    async fn begin(&mut self) -> anyhow::Result<String> {
        let began = self.clock.monotonic();
        let rate = self.plan.rate.to_string();
        let mut command = self.replay_command()?;
        command.args([
            "--route",
            QUEUE,
            "--verdict",
            "dead",
            "--yes",
            "--rate",
            &rate,
        ]);
        let mut command = command.spawn().context("starting the replay")?;
        let id = loop {
            if let Some(one) = self.replays()?.first() {
                let total = one.pointer("/replay/total").and_then(Value::as_u64);
                self.verdict.planned = total.unwrap_or(0);
                let id = one.pointer("/replay/id").and_then(Value::as_str);
                break id.context("a replay without an id")?.to_owned();
            }
            if let Some(status) = command.try_wait()? {
                bail!("the replay ended before it began: {status}");
            }
            tokio::time::sleep(LOOK).await;
        };
        self.verdict.planning = Phase::since(&self.clock, began);
        (self.progress)(&format!("replay {id}: {} planned", self.verdict.planned));
        self.follow(&id, command).await?;
        Ok(id)
    }

    /// Resumes it until it is done.
    async fn replay(&mut self, id: &str) -> anyhow::Result<()> {
        while !self.is_done(id)? {
            let rate = self.plan.rate.to_string();
            let mut command = self.replay_command()?;
            command.args(["--resume", id, "--rate", &rate]);
            let command = command.spawn().context("resuming the replay")?;
            self.follow(id, command).await?;
        }
        Ok(())
    }

    /// Waits until it is done, or until it is time for the next kill.
    async fn follow(&mut self, id: &str, mut command: tokio::process::Child) -> anyhow::Result<()> {
        let began = self.clock.monotonic();
        let kills = self.verdict.kills;
        // Each kill has its share of the way.
        let share = self.plan.count / u64::from(self.plan.kills + 1);
        let at = share * u64::from(kills) + self.random.next() % share.max(1);
        let ended = loop {
            if let Some(status) = command.try_wait()? {
                break Some(status);
            }
            if kills < self.plan.kills && self.sent(id)? >= at.max(1) {
                break None;
            }
            tokio::time::sleep(LOOK).await;
        };
        match ended {
            Some(status) if !status.success() => bail!("the replay ended with {status}"),
            Some(_) => {}
            None => {
                self.replace_server().await?;
                // It cannot reach the server that it followed.
                command.wait().await?;
                self.verdict.kills += 1;
                let (far, all) = (self.sent(id)?, self.plan.kills);
                (self.progress)(&format!("kill {} of {all}, at {far}", kills + 1));
            }
        }
        self.verdict.sending.secs += Phase::since(&self.clock, began).secs;
        Ok(())
    }

    fn replay_command(&self) -> anyhow::Result<Command> {
        self.directory.command("replay")
    }

    fn replays(&self) -> anyhow::Result<Vec<Value>> {
        let text = self
            .directory
            .output(&["replay", "--list", "--output", "json"])?;
        serde_json::from_str(&text).context("reading the list of replays")
    }

    fn one(&self, id: &str) -> anyhow::Result<Value> {
        let all = self.replays()?;
        let is_it = |one: &Value| one.pointer("/replay/id").and_then(Value::as_str) == Some(id);
        all.into_iter().find(is_it).context("the replay is gone")
    }

    fn sent(&self, id: &str) -> anyhow::Result<u64> {
        let one = self.one(id)?;
        Ok(one
            .pointer("/replay/sent")
            .and_then(Value::as_u64)
            .unwrap_or(0))
    }

    fn is_done(&self, id: &str) -> anyhow::Result<bool> {
        Ok(self.one(id)?.get("state").and_then(Value::as_str) == Some("done"))
    }

    /// Waits until all are delivered, and notes what the ledger says then.
    async fn deliver(&mut self) -> anyhow::Result<()> {
        (self.progress)("all are sent again; waiting until they are delivered");
        let began = self.clock.monotonic();
        let balanced = self.wait_for(|total| total("open") == 0).await?;
        self.verdict.delivering = Phase::since(&self.clock, began);
        self.verdict.balanced = balanced;
        let answer = ledger(&self.directory)?;
        let replayed = book(&answer)?.pointer("/total/replayed");
        self.verdict.replayed = replayed.and_then(Value::as_u64).unwrap_or(0);
        self.note_memory()?;
        // Results are sealed, and the sink's log is written, when both have ended.
        self.server.stop().await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_missing_or_twice_breaks_the_promise() {
        let good = Verdict {
            dead: 3,
            planned: 3,
            replayed: 3,
            once: 3,
            received: 3,
            balanced: true,
            ..Verdict::default()
        };
        assert!(good.is_good());
        let changes: [fn(&mut Verdict); 6] = [
            |v| v.planned = 2,
            |v| v.replayed = 4,
            |v| v.once = 2,
            |v| v.received = 2,
            |v| v.balanced = false,
            |v| v.duplicates = 1,
        ];
        for change in changes {
            let mut bad = good.clone();
            change(&mut bad);
            assert!(!bad.is_good(), "{bad:?}");
        }
    }
}
