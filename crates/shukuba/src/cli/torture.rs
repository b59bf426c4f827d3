//! `shukuba torture`: kill -9 under load, then the accounts are compared.

use std::process::ExitCode;

use crate::app::{self, App};
use crate::output;
use crate::torture::{Plan, Verdict, Victim, run as run_plan};

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
    /// Connections that send, 1 to 64
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    senders: u8,
    /// An empty directory for everything that the run makes [default: a new one, removed when all is well]
    #[arg(long, value_name = "DIR")]
    dir: Option<std::path::PathBuf>,
}

/// Runs it: exit code 0 when every promise was kept.
pub(crate) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let own = args.dir.is_none();
    let dir = args.dir.unwrap_or_else(|| {
        std::env::temp_dir().join(format!("shukuba-torture-{}", std::process::id()))
    });
    let plan = Plan {
        victim: if args.lone {
            Victim::Notifier
        } else {
            Victim::Server
        },
        kills: args.kills,
        seed: args.seed,
        dir: dir.clone(),
        senders: usize::from(args.senders),
    };
    let verdict = app::block_on(run_plan(&plan, &|what| output::complain(what)))??;
    output::show(app.output(), &verdict, table);
    if own && verdict.is_good() {
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(if verdict.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
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
