//! Who may open a flow to whom in one network, as its gateway sees it.
//!
//! Rules allow and never deny; what is part of an open flow passes, whatever the rules say of its direction. So this is
//! asked of the first packet alone. Who asks it of each packet, and how fast, is the data plane's matter.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::refusal::{Refusal, RefusedFlow, Way};
use crate::rule::{ICMP, Opening, Rule, TCP, UDP};

/// Type and code of a ping. Source: RFC 792.
const PING: Opening = Opening::Icmp(8, 0);

/// Where an address is, as seen from the network's gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Zone {
    /// In the network.
    Inside,
    /// A host outside that is linked to it.
    Linked,
    /// Behind the peering of this id. Its own gateway governs it; here only our end is.
    Remote(String),
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What may be opened to its members.
    pub ingress: Vec<Rule>,
    /// What its members may open.
    pub egress: Vec<Rule>,
}

/// A host that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Where it is.
    pub zone: Zone,
    /// Its groups.
    pub groups: BTreeSet<String>,
}

/// All other addresses of a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// The range.
    pub range: Ipv4Net,
    /// What holds for each address of it.
    pub host: Host,
}

/// Who may open a flow to whom. Empty, it allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Groups by id. A group that is named and not here has no rules.
    pub groups: BTreeMap<String, Group>,
    /// Hosts by address.
    pub hosts: BTreeMap<Ipv4Addr, Host>,
    /// Ranges for addresses that are no host's; the narrowest that has an address counts.
    pub areas: Vec<Area>,
    /// From where to where flows may be opened at all.
    pub paths: BTreeSet<(Zone, Zone)>,
}

/// The first packet of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// From.
    pub source: Ipv4Addr,
    /// To.
    pub destination: Ipv4Addr,
    /// What it opens.
    pub opening: Opening,
}

/// What becomes of a flow, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be opened.
    Allowed,
    /// An address is nobody's here.
    Unknown,
    /// From the one zone nothing may be opened to the other.
    NoPath,
    /// No group of the source lets it out.
    NoEgress,
    /// No group of the destination lets it in.
    NoIngress,
}

impl Filter {
    /// Whose an address is.
    #[must_use]
    pub fn host(&self, address: Ipv4Addr) -> Option<&Host> {
        let area = || {
            let all = self.areas.iter();
            let own = all.filter(|area| area.range.contains(&address));
            own.max_by_key(|area| area.range.prefix_len())
                .map(|area| &area.host)
        };
        self.hosts.get(&address).or_else(area)
    }

    /// Whether a flow may be opened, and if not, why.
    #[must_use]
    pub fn decide(&self, flow: Flow) -> Verdict {
        let (from, to) = (self.host(flow.source), self.host(flow.destination));
        let (Some(from), Some(to)) = (from, to) else {
            return Verdict::Unknown;
        };
        if !self.has_path(&from.zone, &to.zone) {
            return Verdict::NoPath;
        }
        let lets = |own: &Host, other: &Host, address, rules: fn(&Group) -> &[Rule]| {
            let groups = own.groups.iter().filter_map(|id| self.groups.get(id));
            let mut rules = groups.flat_map(rules);
            rules.any(|rule| rule.allows(flow.opening, address, other.groups.iter()))
        };
        if !from.zone.is_remote() && !lets(from, to, flow.destination, |group| &group.egress) {
            return Verdict::NoEgress;
        }
        if !to.zone.is_remote() && !lets(to, from, flow.source, |group| &group.ingress) {
            return Verdict::NoIngress;
        }
        Verdict::Allowed
    }

    /// Which way a flow that was refused was going, and what of these rules keeps it from being opened; nothing where they
    /// let it. A gateway may have had others when it refused it.
    ///
    /// ICMP is taken for a ping, since a refused flow does not tell its type; what has ports and tells none is a fragment.
    #[must_use]
    pub fn judge(&self, flow: &RefusedFlow) -> (Way, Option<Refusal>) {
        let way = match self.host(flow.source).map(|host| &host.zone) {
            Some(Zone::Inside) => Way::Outbound,
            _ => Way::Inbound,
        };
        let opening = match (flow.protocol, flow.port) {
            (TCP, Some(port)) => Some(Opening::Tcp(port)),
            (UDP, Some(port)) => Some(Opening::Udp(port)),
            (TCP | UDP, None) => None,
            (ICMP, _) => Some(PING),
            (other, _) => Some(Opening::Other(other)),
        };
        let flow = |opening| Flow {
            source: flow.source,
            destination: flow.destination,
            opening,
        };
        let why = match opening {
            Some(opening) => self.decide(flow(opening)).refusal(),
            None => Some(Refusal::Fragment),
        };
        let way = why.map_or(way, |why| why.going(way).way);
        (way, why)
    }

    fn has_path(&self, from: &Zone, to: &Zone) -> bool {
        self.paths
            .iter()
            .any(|(own_from, own_to)| own_from == from && own_to == to)
    }
}

impl Verdict {
    /// Why a packet that would open the flow does not pass; nothing where it does.
    #[must_use]
    pub const fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Allowed => None,
            Self::Unknown => Some(Refusal::Unknown),
            Self::NoPath => Some(Refusal::NoPath),
            Self::NoEgress => Some(Refusal::NoEgress),
            Self::NoIngress => Some(Refusal::NoIngress),
        }
    }
}

impl Zone {
    /// Whether another gateway governs what is there.
    #[must_use]
    pub const fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Peer, Ports, Traffic};

    fn rule(traffic: Traffic, peer: &str) -> Rule {
        let peer = match peer.parse() {
            Ok(range) => Peer::Range(range),
            Err(_) => Peer::Group(peer.to_owned()),
        };
        Rule { traffic, peer }
    }

    fn host(zone: Zone, groups: &[&str]) -> Host {
        let groups = groups.iter().map(|&id| id.to_owned()).collect();
        Host { zone, groups }
    }

    fn tcp(port: u16) -> Traffic {
        Traffic::Tcp(Ports {
            from: port,
            to: port,
        })
    }

    /// A linked host with the group `sg-app`, a database that lets this group in, others that have the default group, and a
    /// peered network.
    fn filter() -> Filter {
        let open = vec![rule(Traffic::All, "0.0.0.0/0")];
        let group = |ingress: Vec<Rule>| Group {
            ingress,
            egress: open.clone(),
        };
        let groups = [
            ("sg-app", group(Vec::new())),
            ("sg-db", group(vec![rule(tcp(6001), "sg-app")])),
            (
                "sg-default",
                group(vec![
                    rule(Traffic::All, "sg-default"),
                    rule(tcp(22), "192.168.0.0/24"),
                ]),
            ),
        ];
        let remote = Zone::Remote("pcx-1".to_owned());
        let area = |range: &str, host| Area {
            range: range.parse().unwrap(),
            host,
        };
        Filter {
            groups: groups.map(|(id, group)| (id.to_owned(), group)).into(),
            hosts: BTreeMap::from([
                (Ipv4Addr::new(10, 64, 0, 4), host(Zone::Linked, &["sg-app"])),
                (Ipv4Addr::new(10, 64, 0, 5), host(Zone::Linked, &["sg-app"])),
                (
                    Ipv4Addr::new(172, 16, 0, 10),
                    host(Zone::Inside, &["sg-db"]),
                ),
            ]),
            areas: vec![
                area("172.16.0.0/16", host(Zone::Inside, &["sg-default"])),
                area("192.168.0.0/16", host(remote.clone(), &[])),
            ],
            paths: BTreeSet::from([
                (Zone::Linked, Zone::Inside),
                (Zone::Inside, Zone::Linked),
                (Zone::Inside, remote.clone()),
                (remote, Zone::Inside),
            ]),
        }
    }

    fn decide(source: &str, destination: &str, port: u16) -> Verdict {
        filter().decide(Flow {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            opening: Opening::Tcp(port),
        })
    }

    #[test]
    fn both_ends_groups_must_let_a_flow_through() {
        let (linked, db, other) = ("10.64.0.4", "172.16.0.10", "172.16.0.11");
        assert_eq!(decide(linked, db, 6001), Verdict::Allowed);
        assert_eq!(decide(linked, db, 6002), Verdict::NoIngress);
        assert_eq!(decide(linked, other, 6001), Verdict::NoIngress);
        assert_eq!(decide(db, linked, 80), Verdict::NoIngress);
        assert_eq!(decide(db, other, 80), Verdict::NoPath);
    }

    #[test]
    fn nothing_passes_through_a_network_on_its_way_elsewhere() {
        assert_eq!(decide("10.64.0.4", "10.64.0.5", 80), Verdict::NoPath);
        assert_eq!(decide("10.64.0.4", "192.168.0.1", 80), Verdict::NoPath);
        assert_eq!(decide("192.168.0.1", "10.64.0.4", 80), Verdict::NoPath);
        assert_eq!(decide("10.64.0.4", "8.8.8.8", 80), Verdict::Unknown);
        assert_eq!(decide("10.64.0.9", "172.16.0.10", 6001), Verdict::Unknown);
    }

    #[test]
    fn of_a_peered_network_only_our_end_is_governed_here() {
        assert_eq!(decide("192.168.0.7", "172.16.0.11", 22), Verdict::Allowed);
        assert_eq!(decide("192.168.1.7", "172.16.0.11", 22), Verdict::NoIngress);
        assert_eq!(decide("172.16.0.11", "192.168.9.9", 80), Verdict::Allowed);
    }

    #[test]
    fn a_refused_flow_is_judged_by_the_rules_as_they_are() {
        let (linked, db, peered) = ("10.64.0.4", "172.16.0.10", "192.168.0.1");
        let judge = |source: &str, destination: &str, protocol, port| {
            filter().judge(&RefusedFlow {
                source: source.parse().unwrap(),
                destination: destination.parse().unwrap(),
                protocol,
                port,
                packets: 1,
            })
        };
        let (inbound, outbound, path) = (Way::Inbound, Way::Outbound, Way::Path);
        for (source, destination, protocol, port, said) in [
            (linked, db, TCP, Some(6001), (inbound, None)),
            (
                linked,
                db,
                TCP,
                Some(22),
                (inbound, Some(Refusal::NoIngress)),
            ),
            (
                linked,
                db,
                UDP,
                Some(6001),
                (inbound, Some(Refusal::NoIngress)),
            ),
            (linked, db, ICMP, None, (inbound, Some(Refusal::NoIngress))),
            (linked, db, 47, None, (inbound, Some(Refusal::NoIngress))),
            (linked, db, TCP, None, (inbound, Some(Refusal::Fragment))),
            (
                db,
                linked,
                TCP,
                Some(80),
                (outbound, Some(Refusal::NoIngress)),
            ),
            (db, peered, TCP, Some(80), (outbound, None)),
            (linked, peered, TCP, Some(80), (path, Some(Refusal::NoPath))),
            (
                linked,
                "8.8.8.8",
                TCP,
                Some(80),
                (path, Some(Refusal::Unknown)),
            ),
        ] {
            let found = judge(source, destination, protocol, port);
            assert_eq!(found, said, "{source} {destination} {protocol} {port:?}");
        }
    }

    #[test]
    fn a_filter_survives_its_journey_and_an_empty_one_allows_nothing() {
        let text = serde_json::to_string(&filter()).unwrap();
        assert_eq!(serde_json::from_str::<Filter>(&text).unwrap(), filter());
        let flow = Flow {
            source: Ipv4Addr::LOCALHOST,
            destination: Ipv4Addr::LOCALHOST,
            opening: Opening::Tcp(1),
        };
        assert_eq!(Filter::default().decide(flow), Verdict::Unknown);
    }
}
