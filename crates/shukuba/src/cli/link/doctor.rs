//! `shukuba link doctor`.

use std::process::ExitCode;

use serde::Serialize;

use super::links;
use crate::app::App;
use crate::client::service::Where;
use crate::links::state::{Gateway, Link, Links, Network, Recent, Refusal, State};
use crate::output;

/// Say what keeps links from working, and what to do (exit code 1 where something does)
///
/// What the server knows of networks, gateways and hosts, and whether this machine can be a gateway or carry a link.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this host's link, by its Name or id
    host: Option<String>,
    #[command(flatten)]
    at: Where,
}

/// Something that was looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    what: String,
    is_right: bool,
    says: String,
}

impl Finding {
    fn right(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            is_right: true,
            says: says.into(),
        }
    }

    fn wrong(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self {
            is_right: false,
            ..Self::right(what, says)
        }
    }
}

/// All that was looked at, for programs.
#[derive(Serialize)]
struct Findings {
    links: Vec<Finding>,
    machine: Vec<Finding>,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let links = of_links(&links(app, &args.at)?, args.host.as_deref());
    let is_wrong = links.iter().any(|finding| !finding.is_right);
    let findings = Findings {
        links,
        machine: of_machine(),
    };
    output::show(app.output(), &findings, |findings| {
        format!(
            "{}\n\nthis machine, where it is to be a gateway or to carry a link by the kernel:\n\n{}",
            table(&findings.links),
            table(&findings.machine)
        )
    });
    Ok(ExitCode::from(u8::from(is_wrong)))
}

fn table(findings: &[Finding]) -> String {
    let rows = findings.iter().map(|finding| {
        let mark = if finding.is_right { "ok" } else { "wrong" };
        [finding.what.clone(), mark.to_owned(), finding.says.clone()]
    });
    output::table(&["what", "", "says"], rows)
}

/// What the server knows.
fn of_links(links: &Links, host: Option<&str>) -> Vec<Finding> {
    let is_meant = |link: &Link| host.is_none_or(|host| link.name == host || link.instance == host);
    let mut found = Vec::new();
    for network in &links.networks {
        let own: Vec<_> = network.links.iter().filter(|link| is_meant(link)).collect();
        if own.is_empty() && (host.is_some() || !network.is_enabled) {
            continue;
        }
        found.extend(of_gateway(network));
        found.extend(own.into_iter().map(of_link));
    }
    if found.is_empty() {
        found.push(match host {
            Some(host) => Finding::wrong(
                host,
                "is not linked: shukuba link attach HOST --vpc V --group G",
            ),
            None => Finding::right("links", "there are none, and no network takes any"),
        });
    }
    found
}

fn of_gateway(network: &Network) -> Vec<Finding> {
    let what = format!("gateway of {}", network.name_or_id());
    let Some(gateway) = &network.gateway else {
        return vec![Finding::wrong(what, State::NoGateway.advice())];
    };
    let mut found = Vec::new();
    let heard = gateway
        .heard
        .as_deref()
        .unwrap_or("never since the server's start");
    found.push(match gateway.is_up {
        true => Finding::right(&what, format!("heard of {heard}, at {}", gateway.endpoint)),
        false => Finding::wrong(
            &what,
            format!("not heard of since {heard}: is it running, and does it reach this server?"),
        ),
    });
    if gateway.is_up && !gateway.is_current {
        let says = "has not carried out the newest plan yet";
        found.push(Finding::wrong(&what, says));
    }
    if let Some(problem) = &gateway.problem {
        found.push(Finding::wrong(&what, problem));
    }
    if gateway.refused > 0 {
        found.push(Finding::right(&what, refused(gateway)));
    }
    if !gateway.recent.is_empty() {
        let flows: Vec<_> = gateway.recent.iter().map(flow).collect();
        let says = format!("refused last: {}", flows.join(", "));
        found.push(Finding::right(&what, says));
    }
    found
}

/// Such as `7 packets refused since its start: inbound no_ingress 5, path spoofed 2`.
fn refused(gateway: &Gateway) -> String {
    let all = format!(
        "{} packets refused since its start",
        output::count(gateway.refused)
    );
    let of = |it: &Refusal| {
        let packets = output::count(it.packets);
        format!(
            "{} {} {packets}",
            it.way.name().to_lowercase(),
            it.why.name()
        )
    };
    let causes: Vec<_> = gateway.refusals.iter().map(of).collect();
    match causes.is_empty() {
        true => all,
        false => format!("{all}: {}", causes.join(", ")),
    }
}

/// Such as `10.2.0.4 to 172.31.0.10 tcp 9090 (3)`.
fn flow(recent: &Recent) -> String {
    let (flow, service) = (&recent.flow, recent.service());
    let (from, to, packets) = (flow.source, flow.destination, output::count(flow.packets));
    format!("{from} to {to} {service} ({packets})")
}

fn of_link(link: &Link) -> Finding {
    let what = format!("link of {}", link.name_or_id());
    match (&link.problem, link.state) {
        (Some(problem), _) => Finding::wrong(what, problem),
        (None, State::Up) => Finding::right(what, format!("up, as {}", link.address)),
        (None, state) => Finding::wrong(what, format!("{}: {}", state.name(), state.advice())),
    }
}

/// Whether this machine can do it.
fn of_machine() -> Vec<Finding> {
    let kernel = match agent::link::may_use_kernel() {
        true => Finding::right("devices and routes", "CAP_NET_ADMIN and /dev/net/tun"),
        false => Finding::wrong(
            "devices and routes",
            "need root or CAP_NET_ADMIN, and /dev/net/tun; an agent can do without: --link rootless",
        ),
    };
    let nft = match std::process::Command::new("nft").arg("--version").output() {
        Ok(said) if said.status.success() => {
            Finding::right("nft", String::from_utf8_lossy(&said.stdout).trim())
        }
        _ => Finding::wrong(
            "nft",
            "is not there, which only a gateway needs: install nftables, or --filter userspace",
        ),
    };
    let forward = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward");
    let forward = match forward.as_deref().map(str::trim) {
        Ok("1") => Finding::right("forwarding", "net.ipv4.ip_forward=1"),
        _ => Finding::wrong(
            "forwarding",
            "is off, which only a gateway needs: sysctl -w net.ipv4.ip_forward=1",
        ),
    };
    vec![kernel, nft, forward]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(gateway: Option<Gateway>, state: State) -> Links {
        let link = Link {
            instance: "i-1".to_owned(),
            name: "web-1".to_owned(),
            address: "10.64.0.4".parse().unwrap(),
            groups: vec!["sg-1".to_owned()],
            state,
            problem: None,
            endpoint: None,
            handshake_ms_ago: None,
            received: 0,
            sent: 0,
        };
        Links {
            networks: vec![Network {
                id: "vpc-1".to_owned(),
                name: "tokyo".to_owned(),
                ranges: vec!["172.31.0.0/16".to_owned()],
                is_enabled: true,
                gateway,
                links: vec![link],
            }],
        }
    }

    fn gateway() -> Gateway {
        Gateway {
            key: String::new(),
            endpoint: "gate:51820".to_owned(),
            inside: None,
            heard: Some("2026-11-30T00:00:00Z".to_owned()),
            is_up: true,
            is_current: true,
            problem: None,
            refused: 0,
            refusals: Vec::new(),
            recent: Vec::new(),
        }
    }

    #[test]
    fn each_thing_that_is_wrong_says_what_to_do() {
        let found = of_links(&network(None, State::NoGateway), None);
        assert!(found.iter().all(|finding| !finding.is_right));
        assert!(found[0].says.contains("shukuba link gateway"), "{found:?}");
        let found = of_links(&network(Some(gateway()), State::Unreachable), Some("web-1"));
        assert!(found[0].is_right && !found[1].is_right, "{found:?}");
        assert!(found[1].says.contains("UDP port"), "{found:?}");
    }

    #[test]
    fn a_host_without_a_link_is_wrong_only_where_it_is_asked_for() {
        assert!(!of_links(&Links::default(), Some("web-1"))[0].is_right);
        assert!(of_links(&Links::default(), None)[0].is_right);
        let found = of_links(&network(Some(gateway()), State::Up), None);
        assert!(found.iter().all(|finding| finding.is_right), "{found:?}");
    }

    #[test]
    fn what_was_refused_is_said_by_way_and_reason_and_by_flow() {
        let cause = |way, why, packets| Refusal { way, why, packets };
        let flow = |protocol, port| Recent {
            flow: net::RefusedFlow {
                source: "10.64.0.4".parse().unwrap(),
                destination: "172.31.0.10".parse().unwrap(),
                protocol,
                port,
                packets: 3,
            },
            told: None,
            way: None,
            why: None,
        };
        let gateway = Gateway {
            refused: 7,
            refusals: vec![
                cause(net::Way::Inbound, net::Refusal::NoIngress, 5),
                cause(net::Way::Path, net::Refusal::Spoofed, 2),
            ],
            recent: vec![flow(6, Some(9090)), flow(47, None)],
            ..gateway()
        };
        let found = of_links(&network(Some(gateway), State::Up), None);
        let said: Vec<_> = found.iter().map(|finding| finding.says.as_str()).collect();
        let counts = "7 packets refused since its start: inbound no_ingress 5, path spoofed 2";
        let flows = "refused last: 10.64.0.4 to 172.31.0.10 tcp 9090 (3), 10.64.0.4 to 172.31.0.10 protocol 47 (3)";
        assert!(said.contains(&counts) && said.contains(&flows), "{said:?}");
    }
}
