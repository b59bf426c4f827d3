//! `shukuba-agent`: `shukuba agent` as a program of its own.
//!
//! Exit codes: 0 done; 1 failed; 2 the arguments are wrong.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use shukuba_agent::command::{self, Args, Usage};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[derive(Debug, Parser)]
#[command(name = "shukuba-agent", version, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn main() -> ExitCode {
    // What waits and the key are for the owner alone: files 0600, folders 0700.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let cli = Cli::parse();
    start_log();
    match command::run(cli.args) {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            let is_usage = error.downcast_ref::<Usage>().is_some();
            ExitCode::from(if is_usage { 2 } else { 1 })
        }
    }
}

/// Starts the log on standard error: `SHUKUBA_LOG` or `RUST_LOG` decide (levels, by target where wanted), else `info`.
fn start_log() {
    let mut wanted = ["SHUKUBA_LOG", "RUST_LOG"].iter();
    let wanted = wanted.find_map(|name| std::env::var(name).ok());
    let filter = wanted.and_then(|text| text.parse::<Targets>().ok());
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO));
    let is_json = std::env::var("SHUKUBA_LOG_FORMAT").is_ok_and(|form| form == "json");
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    let registry = tracing_subscriber::registry().with(filter);
    let started = match is_json {
        true => registry.with(lines.json()).try_init(),
        false => registry.with(lines.with_target(false)).try_init(),
    };
    if let Err(error) = started {
        complain(&format!("warning: no log: {error}"));
    }
}

/// Says something on standard error. Where that is closed there is nobody to tell.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
