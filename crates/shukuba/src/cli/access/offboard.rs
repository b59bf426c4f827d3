//! `shukuba access offboard`.

use std::process::ExitCode;

use crate::access::leaver;
use crate::access::place::{Place, Where};
use crate::access::steps::{Mode, Steps};
use crate::app::App;

/// Take from a user all by which it could do something: keys off, password and memberships gone, sessions ended. The user
/// itself stays. Repeatable
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The user's name
    name: String,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let place = Place::open(app, &args.at)?;
    let mode = match args.dry_run {
        true => Mode::Look,
        false => Mode::Do,
    };
    let mut steps = Steps::new(mode);
    let ended = leaver::offboard(&place, &args.name, &mut steps);
    steps.show(app.output());
    ended?;
    Ok(ExitCode::SUCCESS)
}
