//! `shukuba send`: lines from standard input into a queue.

use std::process::ExitCode;
use std::sync::Arc;

use super::ship::{self as ship_command, Sending};
use crate::app::{self, App};
use crate::ship;

/// Send each line of standard input to a queue and end when all are acknowledged.
///
///   echo 'https://example.com/?event=install' | shukuba send --queue s2s
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    sending: Sending,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let report = app::block_on(async {
        let queue = args.sending.open(app).await?;
        let is_fifo = queue.is_fifo();
        let options = args.sending.options(Vec::new(), true, None, queue.url())?;
        ship_command::make_state(&options)?;
        ship::stdin::run(options, is_fifo, Arc::new(queue), std::io::stdin()).await
    })??;
    ship_command::show(app, &report);
    let is_whole = report.pending == 0 && report.totals.set_aside == 0;
    Ok(ExitCode::from(u8::from(!is_whole)))
}
