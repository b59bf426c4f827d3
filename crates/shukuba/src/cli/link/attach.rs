//! `shukuba link attach`.

use std::process::ExitCode;
use std::time::Duration;

use base::setting::Span;
use base::{Clock, SystemClock};
use serde::Serialize;

use super::{ec2, links};
use crate::access::calls::{Calls, Failure};
use crate::app::App;
use crate::client::service::Where;
use crate::links::find::{self, Named};
use crate::links::state::{Link, Links, State};
use crate::output;

/// How often is asked how the link is.
const EVERY: Duration = Duration::from_millis(200);
/// The tag of a network that says whose addresses its links have.
const ADDRESS_TAG: &str = "shukuba:link-address";

/// Link a host outside to a private network, under groups of it (EC2's AttachClassicLinkVpc)
///
/// The host talks with the network's hosts as if on the same LAN, by its private address, until it is detached or stops. The
/// groups cannot be changed while it is linked. Where the network does not take links yet, it is made to
/// (EnableVpcClassicLink).
///
///   shukuba link attach web-1 --vpc tokyo --group app
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The host, by its Name or id
    host: String,
    /// The network, by its Name or id
    #[arg(long, value_name = "VPC")]
    vpc: String,
    /// A group of the network, by name or id; repeatable
    #[arg(long = "group", value_name = "GROUP", required = true)]
    groups: Vec<String>,
    /// Links of this network get addresses of its own range, which the gateway answers for on their LAN: for networks whose
    /// hosts carry no agent that could set a route
    #[arg(long)]
    address_from_network: bool,
    /// How long to wait until packets pass; 0s does not wait
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    wait: Span,
    #[command(flatten)]
    at: Where,
}

/// What was done, for programs.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome<'a> {
    instance_id: &'a str,
    vpc_id: &'a str,
    groups: Vec<&'a str>,
    link: Option<&'a Link>,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let calls = ec2(app, &args.at)?;
    let host = find::host(&calls, &args.host)?;
    let network = find::network(&calls, &args.vpc)?;
    let groups = find::groups(&calls, &network, &args.groups)?;
    if args.address_from_network {
        let tag = [
            ("ResourceId.1", network.id.as_str()),
            ("Tag.1.Key", ADDRESS_TAG),
            ("Tag.1.Value", "network"),
        ];
        calls.call("CreateTags", &tag)?;
    }
    enable(&calls, &network)?;
    attach(&calls, &host, &network, &groups)?;
    let link = wait(app, args, &host)?;
    let outcome = Outcome {
        instance_id: &host.id,
        vpc_id: &network.id,
        groups: groups.iter().map(|group| group.id.as_str()).collect(),
        link: link.as_ref(),
    };
    output::show(app.output(), &serde_json::to_value(&outcome)?, |_| {
        said(&host, &network, link.as_ref())
    });
    let is_up = link.is_some_and(|link| link.state == State::Up);
    Ok(ExitCode::from(u8::from(
        !is_up && !args.wait.get().is_zero(),
    )))
}

/// Lets the network take links, unless it does.
fn enable(calls: &dyn Calls, network: &Named) -> Result<(), Failure> {
    let of = [("VpcId.1", network.id.as_str())];
    let answer = calls.call("DescribeVpcClassicLink", &of)?;
    let is_on = |it: &crate::access::answer::Node| it.text("classicLinkEnabled") == "true";
    if !answer.items("vpcSet").any(is_on) {
        calls.call("EnableVpcClassicLink", &[("VpcId", &network.id)])?;
        output::complain(&format!("{} takes links from now on", network.shown()));
    }
    Ok(())
}

fn attach(
    calls: &dyn Calls,
    host: &Named,
    network: &Named,
    groups: &[Named],
) -> Result<(), Failure> {
    let names: Vec<_> = (1..=groups.len())
        .map(|number| format!("SecurityGroupId.{number}"))
        .collect();
    let mut form = vec![
        ("InstanceId", host.id.as_str()),
        ("VpcId", network.id.as_str()),
    ];
    let groups = groups.iter().map(|group| group.id.as_str());
    form.extend(names.iter().map(String::as_str).zip(groups));
    calls.call("AttachClassicLinkVpc", &form)?;
    Ok(())
}

/// The link, once it is up or the time is over; none where it is not there any more.
fn wait(app: &App, args: &Args, host: &Named) -> anyhow::Result<Option<Link>> {
    let clock = SystemClock::new();
    let until = clock.monotonic() + args.wait.get();
    loop {
        let link = of(links(app, &args.at)?, host);
        let is_done = link.as_ref().is_none_or(|link| link.state == State::Up);
        if is_done || clock.monotonic() >= until {
            return Ok(link);
        }
        std::thread::sleep(EVERY);
    }
}

fn of(links: Links, host: &Named) -> Option<Link> {
    let mut all = links.networks.into_iter().flat_map(|it| it.links);
    all.find(|link| link.instance == host.id)
}

fn said(host: &Named, network: &Named, link: Option<&Link>) -> String {
    let Some(link) = link else {
        return format!(
            "{} was linked and is not any more: it has stopped",
            host.shown()
        );
    };
    let head = format!(
        "{} is linked to {} as {}",
        host.shown(),
        network.shown(),
        link.address
    );
    match link.state {
        State::Up => format!("{head}: up"),
        other => format!(
            "{head}, but not up yet ({}): {}",
            other.name(),
            other.advice()
        ),
    }
}
