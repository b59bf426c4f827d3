//! Plans of the networks of the lab, and who carries them out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use net::plan::{Gateway, HostLink, Link, Outside, Peering, Route};
use net::{Area, Filter, GatewayPlan, Group, Host, HostPlan, Ipv4Net, Peer, Ports, PublicKey};
use net::{Rule, Traffic, Zone};

use crate::lab::Lab;
use crate::node::Node;

pub(crate) const LINKED: &str = "10.64.0.4";
pub(crate) const PROXIED: &str = "10.77.0.200";

pub(crate) fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

pub(crate) fn range(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

/// A rule for `traffic` with a range, or a group.
pub(crate) fn rule(traffic: Traffic, peer: &str) -> Rule {
    let peer = match peer.parse() {
        Ok(range) => Peer::Range(range),
        Err(_) => Peer::Group(peer.to_owned()),
    };
    Rule { traffic, peer }
}

pub(crate) fn tcp(port: u16) -> Traffic {
    Traffic::Tcp(Ports {
        from: port,
        to: port,
    })
}

/// What anybody may do with ICMP.
pub(crate) const PING: Traffic = Traffic::Icmp {
    kind: None,
    code: None,
};

pub(crate) fn host(zone: Zone, group: &str) -> Host {
    Host {
        zone,
        groups: BTreeSet::from([group.to_owned()]),
    }
}

/// Inside, `sg-in` takes TCP 8080 and ICMP from who has `sg-app`; who has that takes TCP 7000 from inside.
pub(crate) fn filter(inside: &str) -> Filter {
    let group = |ingress| Group {
        ingress,
        egress: vec![rule(Traffic::All, "0.0.0.0/0")],
    };
    let of_app = group(vec![rule(tcp(7000), inside), rule(PING, inside)]);
    let of_inside = group(vec![rule(tcp(8080), "sg-app"), rule(PING, "sg-app")]);
    Filter {
        groups: BTreeMap::from([
            ("sg-app".to_owned(), of_app),
            ("sg-in".to_owned(), of_inside),
        ]),
        hosts: BTreeMap::new(),
        areas: vec![Area {
            range: range(inside),
            host: host(Zone::Inside, "sg-in"),
        }],
        paths: BTreeSet::from([(Zone::Linked, Zone::Inside), (Zone::Inside, Zone::Linked)]),
    }
}

/// A network with nobody linked.
pub(crate) fn empty(network: &str, inside: &str) -> GatewayPlan {
    GatewayPlan {
        generation: 1,
        network: network.to_owned(),
        ranges: vec![range(inside)],
        links: Vec::new(),
        peerings: Vec::new(),
        filter: filter(inside),
    }
}

/// Links a host to a network.
pub(crate) fn link(plan: &mut GatewayPlan, instance: &str, address: &str, key: PublicKey) {
    let is_proxied = plan.ranges.iter().any(|range| range.contains(&ip(address)));
    plan.links.push(Link {
        instance: instance.to_owned(),
        address: ip(address),
        is_proxied,
        key: Some(key),
        endpoint: None,
    });
    let hosts = &mut plan.filter.hosts;
    hosts.insert(ip(address), host(Zone::Linked, "sg-app"));
}

/// Peers a network with what is behind `ranges`.
pub(crate) fn peer(plan: &mut GatewayPlan, key: PublicKey, endpoint: &str, ranges: &[&str]) {
    let zone = Zone::Remote("pcx-1".to_owned());
    plan.peerings.push(Peering {
        id: "pcx-1".to_owned(),
        key,
        endpoint: Some(endpoint.parse().unwrap()),
        ranges: ranges.iter().map(|text| range(text)).collect(),
    });
    plan.filter.areas.extend(ranges.iter().map(|text| Area {
        range: range(text),
        host: Host {
            zone: zone.clone(),
            groups: BTreeSet::new(),
        },
    }));
    let paths = [(Zone::Inside, zone.clone()), (zone, Zone::Inside)];
    plan.filter.paths.extend(paths);
}

/// A host that is linked.
pub(crate) fn linked(
    key: PublicKey,
    address: &str,
    gateway: PublicKey,
    endpoint: &str,
) -> HostPlan {
    HostPlan {
        generation: 1,
        link: Some(HostLink {
            network: "vpc-1".to_owned(),
            address: ip(address),
            key: Some(key),
            gateway: Some(Gateway {
                key: gateway,
                endpoint: endpoint.to_owned(),
            }),
            ranges: vec![range("10.77.0.0/24")],
        }),
        ..HostPlan::default()
    }
}

/// Where agents have their server, which no test asks.
pub(crate) const SERVER: &str = "10.20.0.5:5310";

/// A host inside a network that takes links, where one is linked.
pub(crate) fn inside_enabled(via: &str) -> HostPlan {
    let via = ip(via);
    HostPlan {
        generation: 1,
        link: None,
        routes: vec![Route {
            range: range(&format!("{LINKED}/32")),
            via,
        }],
        outside: Some(Outside {
            range: range("10.0.0.0/8"),
            via,
            own: vec![range("10.77.0.0/24")],
        }),
    }
}

/// A host inside.
pub(crate) fn inside(via: &str) -> HostPlan {
    HostPlan {
        generation: 1,
        routes: vec![Route {
            range: range("10.0.0.0/8"),
            via: ip(via),
        }],
        ..HostPlan::default()
    }
}

/// A gateway, a host that is linked to its network, and an agent on the host inside.
pub(crate) struct Joined {
    pub(crate) lab: Lab,
    pub(crate) host: Node,
    pub(crate) gateway: Node,
    pub(crate) inside: Node,
    pub(crate) plan: GatewayPlan,
    pub(crate) host_plan: HostPlan,
    guard: &'static str,
}

impl Joined {
    pub(crate) fn new(guard: &'static str, address: &str) -> Self {
        Self::over(Lab::one(), guard, address, "203.0.113.2:51820")
    }

    pub(crate) fn over(lab: Lab, guard: &'static str, address: &str, endpoint: &str) -> Self {
        let folder = lab.folder.path().join("host");
        std::fs::create_dir_all(&folder).unwrap();
        let mut host = Node::start("out", &["host", "lk0", folder.to_str().unwrap()]);
        let mut gateway = start_gateway(&lab, "gw", guard);
        let folder = lab.folder.path().join("inside");
        std::fs::create_dir_all(&folder).unwrap();
        let mut inside = Node::start("priv", &["host", "lk0", folder.to_str().unwrap()]);

        let mut plan = empty("vpc-1", "10.77.0.0/24");
        link(&mut plan, "i-out", address, host.key());
        assert_eq!(gateway.gateway(&plan), "done");
        let host_plan = linked(host.key(), address, gateway.key(), endpoint);
        assert_eq!(host.host(&host_plan), "done");
        if address == LINKED {
            assert_eq!(inside.host(&self::inside("10.77.0.1")), "done");
        }
        Self {
            lab,
            host,
            gateway,
            inside,
            plan,
            host_plan,
            guard,
        }
    }

    /// Starts the gateway again, after it was killed, with its key.
    pub(crate) fn restart_gateway(&mut self) {
        self.gateway = start_gateway(&self.lab, "gw", self.guard);
    }

    /// Starts the host's agent again, after it was killed, with its keys.
    pub(crate) fn restart_host(&mut self) {
        let folder = self.lab.folder.path().join("host");
        self.host = Node::start("out", &["host", "lk0", folder.to_str().unwrap()]);
    }
}

pub(crate) fn start_gateway(lab: &Lab, name: &str, guard: &str) -> Node {
    start_gateway_by(lab, name, &[], guard)
}

/// … by another program.
pub(crate) fn start_gateway_by(lab: &Lab, name: &str, by: &[&str], guard: &str) -> Node {
    let key = lab.folder.path().join(format!("{name}.key"));
    let key = key.to_str().unwrap();
    Node::start_by(name, by, &["gateway", "lk0", "[::]:51820", key, guard])
}
