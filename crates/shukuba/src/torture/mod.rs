//! `shukuba torture`: kills servers and notifiers under load and shows that nothing that was acknowledged is lost.
//!
//! Children of this very binary run on a directory of their own: a sink that logs every request, a server, and with
//! `--lone` a notifier. Senders send numbered notifications and remember which were acknowledged; the victim is
//! killed with SIGKILL at random moments and started again. At the end everything is drained, and three accounts
//! are compared: the acknowledgements, the stored results, and what the sink saw.
//!
//! - [`child`]: the processes
//! - [`hostile`]: receivers that misbehave
//! - [`load`]: numbered sends and their acknowledgements
//! - [`account`]: stored results, the sink's log, the comparison
//! - [`replay`]: another run: dead notifications are replayed while the server is killed

mod account;
mod child;
mod hostile;
mod load;
pub(crate) mod replay;
mod replay_account;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use base::{Clock, SystemClock};

use self::account::Account;
use self::child::{Child, Directory};

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// `shukuba serve` with its embedded notifiers.
    Server,
    /// `shukuba notifier` beside a server that stays.
    Notifier,
}

impl Victim {
    /// For how long nothing may leave the queue or be stored at the end. Chosen by the lease (66 s, see [`child`]): what a killed
    /// server held must not wait for it, what a killed notifier held does.
    fn still_max(self) -> Duration {
        Duration::from_secs(match self {
            Self::Server => 30,
            Self::Notifier => 100,
        })
    }
}

/// What a run is made of.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Who is killed.
    pub(crate) victim: Victim,
    /// How often, 1 to 100,000.
    pub(crate) kills: u32,
    /// Chooses the moments; the same seed chooses the same ones.
    pub(crate) seed: u64,
    /// An empty directory; it holds everything that the run makes.
    pub(crate) dir: PathBuf,
    /// Connections that send.
    pub(crate) senders: usize,
}

/// What was found.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Verdict {
    /// SIGKILLs.
    pub(crate) kills: u32,
    /// Notifications whose send was acknowledged.
    pub(crate) acknowledged: u64,
    /// Those of them that went to receivers which hang, drip, reset, answer garbage or 10 GB: they are tried for 5 s and end dead.
    pub(crate) hostile: u64,
    /// Acknowledged, and neither the sink nor the results know them. Must be 0.
    pub(crate) lost: u64,
    /// Acknowledged or sent, without a stored result that says what became of it in the end. Must be 0.
    pub(crate) without_result: u64,
    /// Requests that the sink saw beyond the first for a notification.
    pub(crate) duplicates: u64,
    /// The most duplicates that the kills can explain: what a notifier may have in hand, for each kill.
    pub(crate) duplicates_max: u64,
    /// What the ledger says at the end.
    pub(crate) balanced: bool,
}

impl Verdict {
    /// Whether every promise was kept.
    pub(crate) fn is_good(&self) -> bool {
        self.lost == 0
            && self.without_result == 0
            && self.balanced
            && self.duplicates <= self.duplicates_max
    }
}

/// Runs the plan. `progress` is told in a few words what is being done.
///
/// # Errors
/// When a process does not start, or nothing leaves the queue for too long at the end.
pub(crate) async fn run(plan: &Plan, progress: &dyn Fn(&str)) -> anyhow::Result<Verdict> {
    let directory = Directory::make(&plan.dir)?;
    let sink = Child::sink(&directory).await?;
    directory.write_config(plan.victim, sink.host()?)?;
    let mut server = Child::server(&directory).await?;
    let load = load::Load::start(server.access(&directory)?, sink.host()?, plan.senders).await?;
    let mut random = Random(plan.seed);
    match plan.victim {
        Victim::Server => {
            kill_server(plan, &directory, &mut server, &load, &mut random, progress).await?
        }
        Victim::Notifier => kill_notifier(plan, &directory, &server, &mut random, progress).await?,
    }
    let sent = load.stop().await?;
    progress("draining");
    let balanced = drain(plan.victim, &directory, &server).await?;
    let account = Account::take(&directory, &sink).await?;
    Ok(account.compare(plan.kills, &sent, balanced))
}

async fn kill_server(
    plan: &Plan,
    directory: &Directory,
    server: &mut Child,
    load: &load::Load,
    random: &mut Random,
    progress: &dyn Fn(&str),
) -> anyhow::Result<()> {
    for kill in 1..=plan.kills {
        tokio::time::sleep(random.pause()).await;
        server.kill().await?;
        *server = Child::server(directory).await?;
        load.go_to(server.access(directory)?);
        progress(&format!("kill {kill} of {}", plan.kills));
    }
    Ok(())
}

async fn kill_notifier(
    plan: &Plan,
    directory: &Directory,
    server: &Child,
    random: &mut Random,
    progress: &dyn Fn(&str),
) -> anyhow::Result<()> {
    for kill in 1..=plan.kills {
        let mut notifier = Child::notifier(directory, server, "5m").await?;
        // A notifier needs longer than a server to have something in hand.
        tokio::time::sleep(random.pause() * 3).await;
        notifier.kill().await?;
        progress(&format!("kill {kill} of {}", plan.kills));
    }
    Ok(())
}

/// Waits until nothing waits any more and all that is settled has its result stored; says whether the ledger balances then.
/// Results that do not come are left to the comparison.
async fn drain(victim: Victim, directory: &Directory, server: &Child) -> anyhow::Result<bool> {
    let mut notifier = match victim {
        Victim::Server => None,
        Victim::Notifier => Some(Child::notifier(directory, server, "5m").await?),
    };
    let clock = SystemClock::new();
    let (mut before, mut changed_at) = (None, clock.monotonic());
    loop {
        let (standing, stored) = (
            server.standing(directory)?,
            account::results_stored(directory)?,
        );
        if standing.waiting == 0 && stored >= standing.settled {
            break;
        }
        if before.replace((standing, stored)) != Some((standing, stored)) {
            changed_at = clock.monotonic();
        }
        let still = clock.monotonic().saturating_sub(changed_at);
        if still > victim.still_max() && standing.waiting == 0 {
            break;
        }
        if still > victim.still_max() {
            bail!(
                "{} notifications wait, and nothing has moved for {} s; everything is left in {}",
                standing.waiting,
                still.as_secs(),
                directory.path().display()
            );
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    if let Some(notifier) = &mut notifier {
        notifier.stop().await?;
    }
    server.is_balanced(directory)
}

/// The path of this binary, which the children run too.
fn this_binary() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("finding this binary")
}

/// A small generator (SplitMix64): the moments of the kills need no more.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 5 to 260 ms, mostly short: many kills fall into recovery and the first commits.
    fn pause(&mut self) -> Duration {
        let short = self.next() % 60;
        let long = if self.next().is_multiple_of(4) {
            self.next() % 200
        } else {
            0
        };
        Duration::from_millis(5 + short + long)
    }
}

/// Makes sure that `dir` is there and empty.
fn require_empty(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let is_empty = std::fs::read_dir(dir)?.next().is_none();
    if !is_empty {
        bail!(
            "{} is not empty: torture needs a directory of its own",
            dir.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_chooses_the_same_moments() {
        let pauses = |seed| {
            (0..50)
                .scan(Random(seed), |random, _| Some(random.pause()))
                .collect::<Vec<_>>()
        };
        assert_eq!(pauses(7), pauses(7));
        assert_ne!(pauses(7), pauses(8));
        assert!(
            pauses(7)
                .iter()
                .all(|pause| (5..=265).contains(&pause.as_millis()))
        );
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(require_empty(dir.path()).is_ok());
        std::fs::write(dir.path().join("x"), "").unwrap();
        assert!(
            require_empty(dir.path())
                .unwrap_err()
                .to_string()
                .contains("not empty")
        );
    }
}
