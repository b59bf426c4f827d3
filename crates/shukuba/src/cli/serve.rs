//! `shukuba serve`.

use std::process::ExitCode;

use crate::app::App;
use crate::serve;

/// Keep serving: the SQS wire, notifiers, scaler, results and the operator's API.
///
/// SIGHUP reads the settings again; SIGTERM ends it after what is under way. Everything lies in the data directory.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    over: serve::Over,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    serve::run(app, args.over)?;
    Ok(ExitCode::SUCCESS)
}
