//! `shukuba link …`: hosts outside in private networks. A file each.

use std::process::ExitCode;

use clap::Subcommand;

use crate::app::App;
use crate::client::admin::{Admin, SERVICE};
use crate::client::ec2;
use crate::client::http::Http;
use crate::client::service::{Forms, Name, Service, Where};
use crate::links::state::Links;

mod attach;
mod detach;
mod doctor;
mod gateway;
mod status;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Attach(attach::Args),
    Status(status::Args),
    Detach(detach::Args),
    Doctor(doctor::Args),
    Gateway(gateway::Args),
}

impl Args {
    /// Whether it works on until it is stopped.
    pub(super) fn serves(&self) -> bool {
        matches!(self.what, What::Gateway(_))
    }
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Attach(args) => attach::run(app, &args),
        What::Status(args) => status::run(app, &args),
        What::Detach(args) => detach::run(app, &args),
        What::Doctor(args) => doctor::run(app, &args),
        What::Gateway(args) => gateway::run(app, args),
    }
}

/// EC2's calls.
fn ec2(app: &App, at: &Where) -> anyhow::Result<Forms> {
    Ok(Forms::new(Service::open(app, at, Name::Ec2)?, ec2::VERSION))
}

/// All links as the server knows them.
fn links(app: &App, at: &Where) -> anyhow::Result<Links> {
    let admin = Admin::new(Http::new(at.for_operator(app)?, SERVICE)?);
    let answer = crate::app::block_on(admin.call("link-list", &serde_json::json!({})))??;
    Ok(serde_json::from_value(answer)?)
}
