//! `shukuba function …`: functions of a server or of AWS. A file each.

use std::process::ExitCode;

use clap::Subcommand;

use crate::app::App;

mod logs;
mod tail;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Logs(logs::Args),
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Logs(args) => logs::run(app, &args),
    }
}
