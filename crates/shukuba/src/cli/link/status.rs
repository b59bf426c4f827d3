//! `shukuba link status`.

use std::process::ExitCode;
use std::time::Duration;

use super::links;
use crate::app::App;
use crate::client::service::Where;
use crate::links::state::{Link, Network};
use crate::output;

/// Show which hosts are linked to which networks, and whether packets pass (exit code 1 where a link is not up)
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only links of this host, by its Name or id
    host: Option<String>,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let mut links = links(app, &args.at)?;
    if let Some(host) = &args.host {
        let is_meant = |link: &Link| link.name == *host || link.instance == *host;
        for network in &mut links.networks {
            network.links.retain(is_meant);
        }
        links.networks.retain(|network| !network.links.is_empty());
        anyhow::ensure!(!links.networks.is_empty(), "`{host}` is not linked");
    }
    let all = || links.networks.iter().flat_map(|network| &network.links);
    let is_bad = all().any(|link| link.state != crate::links::state::State::Up);
    output::show(app.output(), &serde_json::to_value(&links)?, |_| {
        table(&links.networks)
    });
    Ok(ExitCode::from(u8::from(is_bad)))
}

fn table(networks: &[Network]) -> String {
    let rows = networks.iter().flat_map(|network| {
        network.links.iter().map(|link| {
            [
                link.name_or_id().to_owned(),
                network.name_or_id().to_owned(),
                link.address.to_string(),
                link.groups.join(" "),
                link.state.name().to_owned(),
                link.handshake_ms_ago.map_or_else(String::new, ago),
                format!(
                    "{} / {}",
                    output::bytes(link.received),
                    output::bytes(link.sent)
                ),
            ]
        })
    });
    let head = [
        "host",
        "network",
        "address",
        "groups",
        "state",
        "handshake",
        "received / sent",
    ];
    output::table(&head, rows)
}

/// Such as `12s ago`.
fn ago(ms: u64) -> String {
    format!("{}s ago", Duration::from_millis(ms).as_secs())
}
