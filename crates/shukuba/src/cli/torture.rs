//! `shukuba torture`: kill -9 under load, then the accounts are compared.

use std::process::ExitCode;

use crate::app::{self, App};
use crate::output;
use crate::torture::{Plan, Verdict, Victim, replay, run as run_plan};

/// Arguments of `torture`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the victim is killed, 1 to 100000
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    kills: u32,
    /// Kill a notifier of its own instead of the server
    #[arg(long)]
    lone: bool,
    /// Chooses the moments of the kills
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    seed: u64,
    /// Kill the server while so many dead notifications are replayed, 1 to 10000000
    #[arg(long, value_name = "N", conflicts_with_all = ["lone", "senders"], value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    replay: Option<u64>,
    /// With --replay: at most so many a second; 0: as fast as it goes
    #[arg(long, value_name = "N", default_value_t = 0, requires = "replay")]
    rate: u32,
    /// Connections that send, 1 to 64
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    senders: u8,
    /// An empty directory for everything that the run makes [default: a new one, removed when all is well]
    #[arg(long, value_name = "DIR")]
    dir: Option<std::path::PathBuf>,
}

/// Runs it: exit code 0 when every promise was kept.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let own = args.dir.is_none();
    let dir = args.dir.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("shukuba-torture-{}", std::process::id()))
    });
    let is_good = match args.replay {
        Some(count) => {
            let plan = replay::Plan {
                count,
                rate: args.rate,
                kills: args.kills,
                seed: args.seed,
                dir: dir.clone(),
            };
            let verdict = app::block_on(replay::run(&plan, &|what| output::complain(what)))??;
            output::show(app.output(), &verdict, replayed);
            verdict.is_good()
        }
        None => under_load(app, args, dir.clone())?,
    };
    if own && is_good {
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(ExitCode::from(u8::from(!is_good)))
}

/// Kills while senders send; whether every promise was kept.
fn under_load(app: &App, args: &Args, dir: std::path::PathBuf) -> anyhow::Result<bool> {
    let plan = Plan {
        victim: if args.lone {
            Victim::Notifier
        } else {
            Victim::Server
        },
        kills: args.kills,
        seed: args.seed,
        dir,
        senders: usize::from(args.senders),
    };
    let verdict = app::block_on(run_plan(&plan, &|what| output::complain(what)))??;
    output::show(app.output(), &verdict, table);
    Ok(verdict.is_good())
}

fn table(verdict: &Verdict) -> String {
    let good = if verdict.is_good() {
        "every promise was kept"
    } else {
        "A PROMISE WAS BROKEN"
    };
    output::pairs(&[
        ("kills", output::count(u64::from(verdict.kills))),
        ("acknowledged", output::count(verdict.acknowledged)),
        (
            "of these, to hostile receivers",
            output::count(verdict.hostile),
        ),
        ("lost", output::count(verdict.lost)),
        ("without a result", output::count(verdict.without_result)),
        (
            "sent more than once",
            format!(
                "{} (at most {} can be explained)",
                output::count(verdict.duplicates),
                output::count(verdict.duplicates_max)
            ),
        ),
        (
            "ledger",
            (if verdict.balanced {
                "balanced"
            } else {
                "NOT BALANCED"
            })
            .to_owned(),
        ),
        ("verdict", good.to_owned()),
    ])
}

fn replayed(verdict: &replay::Verdict) -> String {
    let count = |value: u64| output::count(value);
    let phase = |phase: replay::Phase| {
        format!(
            "{:.1} s, {}/s",
            phase.secs,
            count(phase.per_sec(verdict.dead))
        )
    };
    output::pairs(&[
        ("dead", count(verdict.dead)),
        ("planned", count(verdict.planned)),
        ("kills", count(u64::from(verdict.kills))),
        ("booked as replayed", count(verdict.replayed)),
        ("ended exactly once", count(verdict.once)),
        ("received", count(verdict.received)),
        (
            "received more than once",
            format!(
                "{} (at most {} can be explained)",
                count(verdict.duplicates),
                count(verdict.duplicates_max)
            ),
        ),
        ("balanced", verdict.balanced.to_string()),
        ("until all were dead", phase(verdict.dying)),
        ("until they were planned", phase(verdict.planning)),
        ("until all were sent again", phase(verdict.sending)),
        ("until all were delivered", phase(verdict.delivering)),
        (
            "memory at most",
            format!("{} MiB", count(verdict.rss_max_mib)),
        ),
        (
            "verdict",
            (if verdict.is_good() {
                "every promise was kept"
            } else {
                "A PROMISE WAS BROKEN"
            })
            .to_owned(),
        ),
    ])
}
