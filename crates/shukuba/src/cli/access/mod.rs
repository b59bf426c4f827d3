//! `shukuba access …`: who may do what. A file each.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use super::operator::At;
use crate::access::reports::Reports;
use crate::app::App;
use crate::{account, answers, data};

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
        What::WhoCan(args) => who_can::run(app, args),
        What::Explain(args) => explain::run(app, args),
        What::Idle(args) => idle::run(app, &args),
        What::Billing(args) => billing::run(app, &args),
    }
}

/// A report: of a server, of a data directory that none has open, or of identities that none has ever had.
fn report(app: &App, at: &At, name: &str, input: &impl Serialize) -> anyhow::Result<Value> {
    if at.is_elsewhere() || !data::was_never_served(app) {
        return at.call(app, name, input);
    }
    let server = app.server();
    let reports = Reports {
        iam: &Arc::new(account::open_kept(&app.data_dir(), &server)?),
        region: &server.region,
    };
    match reports.alone(name, &serde_json::to_vec(input)?.into()) {
        Some(Ok(answer)) => Ok(serde_json::from_slice(&answer)?),
        Some(Err(fault)) => Err(answers::told(&fault)),
        None => at.call(app, name, input),
    }
}
