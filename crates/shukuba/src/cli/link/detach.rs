//! `shukuba link detach`.

use std::process::ExitCode;

use serde_json::json;

use super::ec2;
use crate::access::calls::Calls;
use crate::app::App;
use crate::client::service::Where;
use crate::links::find;
use crate::output;

/// End the link of a host (EC2's DetachClassicLinkVpc)
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The host, by its Name or id
    host: String,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let calls = ec2(app, &args.at)?;
    let host = find::host(&calls, &args.host)?;
    let answer = calls.call(
        "DescribeClassicLinkInstances",
        &[("InstanceId.1", &host.id)],
    )?;
    let network = answer.items("instancesSet").next();
    let network = network.map_or("", |link| link.text("vpcId"));
    anyhow::ensure!(!network.is_empty(), "{} is not linked", host.shown());
    let form = [("InstanceId", host.id.as_str()), ("VpcId", network)];
    calls.call("DetachClassicLinkVpc", &form)?;
    let outcome = json!({ "InstanceId": host.id, "VpcId": network });
    output::show(app.output(), &outcome, |_| {
        format!("{} is not linked to {network} any more", host.shown())
    });
    Ok(ExitCode::SUCCESS)
}
