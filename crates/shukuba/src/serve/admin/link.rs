//! Private networks: what gateways and hosts say and are told, and how links are.

use std::collections::BTreeMap;
use std::time::Duration;

use api::Ctx;
use bytes::Bytes;
use cloudwatch::metric::Unit;
use ec2::engine::network::place::Place;
use ec2::engine::network::vpc::{self, Vpc};
use ec2::engine::network::{ResourceId as _, VpcId, refused};
use ec2::engine::{Instance, network::report::Heard};
use net::plan::PeerReport;
use net::refusal::Cause;
use net::{GatewayReport, PublicKey, Way};
use watch::agent::protocol::{LinkAnswer, LinkRequest};

use super::Desk;
use super::agent::{check_version, fault, instance};
use crate::answers::{Answer, read, write};
use crate::links::gate;
use crate::links::state::{Gateway, Link, Links, Network, Recent, Refusal, State};
use crate::serve::watching::{Watching, own};

/// How long a question waits for news. Chosen: below what proxies between wait for an answer.
const WAIT: Duration = Duration::from_secs(25);
/// The metric of packets that were refused.
const REFUSED: &str = "PacketsRefused";
/// A gateway that was not heard of for so long is not there. Chosen: twice the wait.
const GATEWAY_SILENCE: Duration = Duration::from_secs(50);

/// A host tells what part it has, and hears what it is to have.
pub(super) async fn host(desk: &Desk, ctx: &Ctx, input: Bytes) -> Answer {
    let input: LinkRequest = read(&input)?;
    check_version(input.version)?;
    let id = instance(&input.instance)?;
    let key = &ctx.caller.access_key_id;
    let instances = &desk.watching()?.instances;
    let plan = instances.serve_host(&id, key, input.report, WAIT).await;
    let plan = plan.map_err(fault)?;
    write(&LinkAnswer { plan })
}

/// A gateway tells how it is, and hears what it is to carry.
pub(super) async fn gateway(desk: &Desk, input: Bytes) -> Answer {
    let report: GatewayReport = read(&input)?;
    measure(desk.watching()?, &report);
    let plan = desk.watching()?.instances.serve_network(report, WAIT).await;
    let plan = plan.map_err(fault)?;
    write(&gate::Answer { plan })
}

/// Puts what a gateway counts, where there is such a network.
fn measure(watching: &Watching, report: &GatewayReport) {
    let Ok(vpc) = report.network.parse::<VpcId>() else {
        return;
    };
    let instances = &watching.instances;
    if instances.networks(|networks| networks.vpcs.get(&vpc).is_err()) {
        return;
    }
    let before = instances.gateway_report(&vpc);
    let before = before.as_ref().map(|heard| &heard.report);
    let at = instances.now();
    let data =
        counted(vpc.as_str(), before, report)
            .into_iter()
            .map(|(name, dimensions, value)| {
                own::standing("Shukuba/Link", name, dimensions, Unit::Count, at, value)
            });
    if let Err(error) = watching.put_good(data.collect()) {
        tracing::warn!(%error, network = %vpc, "what a gateway counts is not kept");
    }
}

/// A name, dimensions and a value.
type Counted<'a> = (&'static str, Vec<(&'a str, &'a str)>, f64);

/// What a gateway has counted since its report before.
fn counted<'a>(
    vpc: &'a str,
    before: Option<&GatewayReport>,
    now: &GatewayReport,
) -> Vec<Counted<'a>> {
    // It counts from its own start on.
    let before = before.filter(|before| before.refused <= now.refused);
    let refused = before.map_or(0, |before| before.refused);
    let up = now.peers.iter().filter(|peer| peer.is_up).count();
    let network = ("VpcId", vpc);
    let mut all = vec![
        (REFUSED, vec![network], (now.refused - refused) as f64),
        ("PeersUp", vec![network], up as f64),
    ];
    // One of an earlier version does not say which way.
    let ways = Way::ALL.into_iter().filter(|_| !now.refusals.is_empty());
    all.extend(ways.map(|way| {
        let before = before.map_or(0, |before| before.refusals.going(way));
        let packets = now.refusals.going(way).saturating_sub(before);
        let dimensions = vec![network, ("Direction", way.name())];
        (REFUSED, dimensions, packets as f64)
    }));
    all
}

/// Networks with their gateways and links.
pub(super) async fn list(desk: &Desk, _input: Bytes) -> Answer {
    let instances = &desk.watching()?.instances;
    let all = instances.all();
    let networks = instances.networks(|networks| {
        let vpcs = networks.vpcs.iter();
        vpcs.map(AsRef::as_ref).cloned().collect::<Vec<Vpc>>()
    });
    let now = instances.now();
    let network = |vpc: Vpc| {
        let heard = instances.gateway_report(&vpc.id);
        let linked = all.iter().filter(|it| {
            let link = it.place.link.as_ref();
            link.is_some_and(|link| link.vpc == vpc.id)
        });
        let peers = heard.as_ref().map(peers).unwrap_or_default();
        let is_up = heard
            .as_ref()
            .is_some_and(|heard| now.since(heard.at) < GATEWAY_SILENCE);
        let problem = |it: &Instance| {
            let said = instances.host_report(&it.id);
            said.and_then(|said| said.report.problem)
        };
        let links = linked.filter_map(|it| {
            let link = link(it, &vpc, heard.as_ref(), &peers, is_up)?;
            Some(Link {
                problem: problem(it),
                ..link
            })
        });
        Network {
            id: vpc.id.to_string(),
            name: vpc.tags.get("Name").unwrap_or_default().to_owned(),
            ranges: vec![vpc.range.to_string()],
            is_enabled: vpc.has_classic_link,
            links: links.collect(),
            gateway: vpc.gateway.as_ref().map(|it| Gateway {
                recent: recent(instances.refused_last(&vpc.id)),
                ..gateway_of(&vpc, it, heard.as_ref(), is_up)
            }),
        }
    };
    let networks = networks.into_iter().map(network).collect();
    write(&Links { networks })
}

fn recent(flows: Vec<refused::Recent>) -> Vec<Recent> {
    let flow = |it: refused::Recent| Recent {
        flow: it.flow,
        told: it.told.map(|told| told.rfc3339_secs()),
        way: Some(it.way),
        why: it.why,
    };
    flows.into_iter().map(flow).collect()
}

/// A gateway, without the flows that it refused.
fn gateway_of(
    vpc: &Vpc,
    gateway: &vpc::Gateway,
    heard: Option<&Heard<GatewayReport>>,
    is_up: bool,
) -> Gateway {
    let report = heard.map(|heard| &heard.report);
    Gateway {
        key: gateway.key.to_string(),
        endpoint: gateway.endpoint.clone(),
        inside: gateway.inside,
        heard: heard.map(|heard| heard.at.rfc3339_secs()),
        is_up,
        is_current: report.is_some_and(|report| report.generation == vpc.generation),
        problem: report.and_then(|report| report.problem.clone()),
        refused: report.map_or(0, |report| report.refused),
        refusals: report.map(refusals).unwrap_or_default(),
        recent: Vec::new(),
    }
}

fn refusals(report: &GatewayReport) -> Vec<Refusal> {
    let all = report.refusals.iter().filter(|(_, packets)| *packets > 0);
    let refusal = |(cause, packets): (Cause, u64)| Refusal {
        way: cause.way,
        why: cause.why,
        packets,
    };
    all.map(refusal).collect()
}

/// The link of an instance, without what its host says.
fn link(
    it: &Instance,
    vpc: &Vpc,
    heard: Option<&Heard<GatewayReport>>,
    peers: &Peers<'_>,
    is_up: bool,
) -> Option<Link> {
    let own = it.place.link.as_ref()?;
    let report = heard.map(|heard| &heard.report);
    let peer = peer(peers, &it.place);
    let is_current = report.is_some_and(|report| report.generation == vpc.generation);
    let state = match (it.place.key, is_up, peer) {
        (None, _, _) => State::NoAgent,
        (Some(_), false, _) => State::NoGateway,
        // What it said of the same host before the plan is of a link that is no more.
        (Some(_), true, _) if !is_current => State::Waiting,
        (Some(_), true, Some(peer)) if peer.is_up => State::Up,
        (Some(_), true, _) => State::Unreachable,
    };
    Some(Link {
        instance: it.id.to_string(),
        name: it.name().to_owned(),
        address: own.address,
        groups: own.groups.iter().map(ToString::to_string).collect(),
        state,
        problem: None,
        endpoint: peer.and_then(|peer| peer.endpoint).or(it.place.endpoint),
        handshake_ms_ago: peer.and_then(|peer| peer.handshake_ms_ago),
        received: peer.map_or(0, |peer| peer.received),
        sent: peer.map_or(0, |peer| peer.sent),
    })
}

/// What the gateway says of an instance: by its key, or the one that it had before.
fn peer<'a>(peers: &Peers<'a>, place: &Place) -> Option<&'a PeerReport> {
    let of = |key: PublicKey| peers.get(&key).copied();
    let before = || place.key_before.and_then(|(key, _)| of(key));
    place.key.and_then(of).or_else(before)
}

/// What a gateway says of its peers, by their keys.
type Peers<'a> = BTreeMap<PublicKey, &'a PeerReport>;

fn peers(heard: &Heard<GatewayReport>) -> Peers<'_> {
    let peers = heard.report.peers.iter();
    peers.map(|peer| (peer.key, peer)).collect()
}

#[cfg(test)]
mod tests {
    use net::{Refusal, Refusals};

    use super::*;

    fn report(counts: &[(Refusal, Way, u64)]) -> GatewayReport {
        let counts = counts.iter();
        let counts = counts.map(|(why, way, packets)| (why.going(*way), *packets));
        let refusals = Refusals::from(counts.collect::<Vec<_>>());
        GatewayReport {
            network: "vpc-1".to_owned(),
            key: PublicKey::new([1; 32]),
            endpoint: "203.0.113.1:51820".to_owned(),
            inside: None,
            generation: 1,
            problem: None,
            peers: Vec::new(),
            refused: refusals.total(),
            refusals,
            recent: Vec::new(),
        }
    }

    /// In all, then inbound, outbound and by paths.
    fn refused(before: Option<&GatewayReport>, now: &GatewayReport) -> Vec<f64> {
        let all = counted("vpc-1", before, now).into_iter();
        let own = all.filter(|(name, ..)| *name == REFUSED);
        own.map(|(_, _, value)| value).collect()
    }

    #[test]
    fn what_a_gateway_refuses_is_put_in_all_and_by_the_way_it_was_going() {
        let first = report(&[
            (Refusal::NoIngress, Way::Inbound, 3),
            (Refusal::Invalid, Way::Inbound, 1),
            (Refusal::Spoofed, Way::Inbound, 2),
        ]);
        assert_eq!(refused(None, &first), [6.0, 4.0, 0.0, 2.0]);
        let second = report(&[
            (Refusal::NoIngress, Way::Inbound, 3),
            (Refusal::NoEgress, Way::Outbound, 5),
            (Refusal::Spoofed, Way::Inbound, 2),
        ]);
        assert_eq!(refused(Some(&first), &second), [4.0, 0.0, 5.0, 0.0]);
        // It has begun anew.
        let anew = report(&[(Refusal::NoPath, Way::Inbound, 1)]);
        assert_eq!(refused(Some(&second), &anew), [1.0, 0.0, 0.0, 1.0]);
        // One of an earlier version.
        let old = GatewayReport {
            refused: 7,
            ..report(&[])
        };
        assert_eq!(refused(None, &old), [7.0]);
    }
}
