//! `shukuba access …`: who may do what. A file each.

use std::process::ExitCode;

use clap::Subcommand;

use crate::app::App;

mod billing;
mod explain;
mod idle;
mod init;
mod offboard;
mod policy;
mod user;
mod who_can;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Init(init::Args),
    User(user::Args),
    Offboard(offboard::Args),
    Policy(policy::Args),
    WhoCan(who_can::Args),
    Explain(explain::Args),
    Idle(idle::Args),
    Billing(billing::Args),
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Init(args) => init::run(app, args),
        What::User(args) => user::run(app, args),
        What::Offboard(args) => offboard::run(app, &args),
        What::Policy(args) => policy::run(app, args),
        What::WhoCan(args) => who_can::run(app, &args),
        What::Explain(args) => explain::run(app, &args),
        What::Idle(args) => idle::run(app, &args),
        What::Billing(args) => billing::run(app, &args),
    }
}
