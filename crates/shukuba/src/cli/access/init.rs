//! `shukuba access init`.

use std::process::ExitCode;

use crate::access::init::{self, Receive};
use crate::access::place::{Place, Where};
use crate::access::steps::{Mode, Steps};
use crate::access::trail::{self, Wanted};
use crate::app::App;
use crate::output;

/// Bring an account into the end state: groups Admin, Developers and Operators with their policies, a password policy, the bill
/// open to those who may see it, and a trail with its bucket. Repeatable; removes and overwrites nothing
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: Where,
    /// Tell what would be made, and make nothing
    #[arg(long)]
    dry_run: bool,
    /// Deny Operators to take messages from queues, which ReadOnlyAccess lets them (beyond the article)
    #[arg(long)]
    deny_receive: bool,
    /// The trail's name
    #[arg(long, value_name = "NAME", default_value = "audit")]
    trail: String,
    /// The trail's bucket [default: cloudtrail-ACCOUNT]
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// Leave trail and bucket out
    #[arg(long, conflicts_with = "bucket")]
    no_trail: bool,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let place = Place::open(app, &args.at)?;
    let mode = match args.dry_run {
        true => Mode::Look,
        false => Mode::Do,
    };
    let receive = match args.deny_receive {
        true => Receive::Denied,
        false => Receive::AsAllowed,
    };
    let wanted = (!args.no_trail).then_some(Wanted {
        name: args.trail,
        bucket: args.bucket,
    });
    let mut steps = Steps::new(mode);
    let mut ended = init::identities(&place, receive, &mut steps);
    if let (Ok(()), Some(wanted)) = (&ended, wanted) {
        ended = trail::trail(&place, &wanted, &mut steps);
    }
    // What was done is told even where the next step failed.
    steps.show(app.output());
    ended?;
    if init::may_receive(place.calls(), receive, mode) {
        output::complain(&format!("note: {}", init::RECEIVE_WARNING));
    }
    Ok(ExitCode::SUCCESS)
}
