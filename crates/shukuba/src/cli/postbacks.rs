//! `shukuba postbacks`: made-up log lines (hidden; for examples and measurements).

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use crate::postbacks;

/// Prints postbacks in the forms of AppsFlyer, Adjust and Singular, made up from a seed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    lines: u64,
    /// The same seed gives the same lines
    #[arg(long, default_value_t = 53, value_name = "N")]
    seed: u64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in postbacks::generate(args.seed, args.lines) {
        out.write_all(line.as_bytes()).context("cannot write")?;
    }
    out.flush().context("cannot write")?;
    Ok(ExitCode::SUCCESS)
}
