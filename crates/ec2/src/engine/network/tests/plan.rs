//! What gateways and hosts are told, and what they say.

use net::filter::{Flow, Verdict, Zone};
use net::plan::PeerReport;
use net::refusal::RECENT_MAX;
use net::rule::Opening;
use net::{GatewayPlan, GatewayReport, HostPlan, HostReport, PublicKey, Refusal, RefusedFlow, Way};

use super::super::classic::{ADDRESS_OF_NETWORK, ADDRESS_TAG, Attach, Detach, SetClassicLink};
use super::super::peering::{NewOptions, SetOptions};
use super::super::report::{GATEWAY_PATIENCE, GatewaySays, HostSays};
use super::*;

fn key(n: u8) -> PublicKey {
    PublicKey::new([n; 32])
}

impl World {
    /// A network at `172.16.N.0/24` that is enabled, with a subnet as large, and a group that lets HTTP in.
    fn net(&mut self, n: u8) -> Net {
        let range = format!("172.16.{n}.0/24");
        let vpc = self.vpc(&range).id.clone();
        let subnet = self.subnet(&vpc, &range).id.clone();
        let group = self.group(&vpc, "web").id.clone();
        let allow = self.allow(&group, &[tcp(80, "0.0.0.0/0")]);
        self.ok(allow);
        self.ok(SetClassicLink {
            vpc: vpc.clone(),
            is_on: true,
        });
        Net { vpc, subnet, group }
    }

    fn attach(&mut self, id: &InstanceId, net: &Net) {
        self.ok(Attach {
            id: id.clone(),
            vpc: net.vpc.clone(),
            groups: set(&[&net.group]),
        });
    }

    fn plan(&self, net: &Net) -> GatewayPlan {
        self.inventory.gateway_plan(&net.vpc).unwrap()
    }

    fn host_plan(&self, id: &InstanceId) -> HostPlan {
        self.inventory.host_plan(id).unwrap()
    }

    fn gateway(&mut self, net: &Net, key: PublicKey) {
        let report = GatewayReport {
            generation: self.plan(net).generation,
            ..report(net, key)
        };
        self.says(net, report).unwrap();
    }

    fn says(&mut self, net: &Net, report: GatewayReport) -> Result<(), engine::Error> {
        let vpc = net.vpc.clone();
        let says = GatewaySays { vpc, report };
        if self.inventory.gateway_again(self.at, &says) {
            return Ok(());
        }
        self.inventory.apply(self.at, says).map(drop)
    }

    fn host_says(&mut self, name: &str, id: &InstanceId, key: PublicKey) -> HostSays {
        HostSays {
            id: id.clone(),
            access_key_id: format!("key-{name}"),
            report: HostReport {
                key,
                generation: self.host_plan(id).generation,
                problem: None,
                handshake_ms_ago: None,
            },
        }
    }
}

struct Net {
    vpc: VpcId,
    subnet: SubnetId,
    group: GroupId,
}

fn report(net: &Net, key: PublicKey) -> GatewayReport {
    GatewayReport {
        network: net.vpc.to_string(),
        key,
        endpoint: "203.0.113.1:51820".to_owned(),
        inside: Some("172.16.1.2".parse().unwrap()),
        generation: 0,
        problem: None,
        peers: Vec::new(),
        refused: 0,
        refusals: net::Refusals::default(),
        recent: Vec::new(),
    }
}

fn decide(plan: &GatewayPlan, source: &str, destination: &str, port: u16) -> Verdict {
    plan.filter.decide(Flow {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        opening: Opening::Tcp(port),
    })
}

#[test]
fn a_gateway_is_told_of_links_and_of_who_may_talk_with_whom() {
    let mut world = World::new();
    let net = world.net(1);
    let web = world.host("web");
    world.inside("db", &net.subnet, &[&net.group], "172.16.1.7");
    world.attach(&web, &net);
    let plan = world.plan(&net);
    let [link] = plan.links.as_slice() else {
        panic!("{:?}", plan.links);
    };
    assert_eq!((link.instance.as_str(), link.key), (web.as_str(), None));
    let linked = link.address.to_string();
    let (db, other) = ("172.16.1.7", "172.16.1.8");
    assert_eq!(decide(&plan, &linked, db, 80), Verdict::Allowed);
    assert_eq!(decide(&plan, &linked, db, 81), Verdict::NoIngress);
    assert_eq!(decide(&plan, db, &linked, 80), Verdict::Allowed);
    // Any other address has the default group, whose members alone may talk with it.
    assert_eq!(decide(&plan, &linked, other, 80), Verdict::NoIngress);
    assert_eq!(decide(&plan, other, &linked, 80), Verdict::Allowed);
    assert_eq!(decide(&plan, &linked, "8.8.8.8", 80), Verdict::Unknown);
}

#[test]
fn a_plan_has_another_generation_when_it_has_changed_and_no_other() {
    let mut world = World::new();
    let (net, other) = (world.net(1), world.net(2));
    let web = world.host("web");
    let mut seen = world.plan(&net);
    let mut changed = |world: &World, is_changed: bool, what: &str| {
        let now = world.plan(&net);
        let (before, after) = (seen.generation, now.generation);
        assert_eq!(after > before, is_changed, "{what}: {before} {after}");
        seen = now;
    };
    changed(&world, false, "nothing");
    let group = world.group(&other.vpc, "elsewhere").id.clone();
    changed(&world, false, "a group elsewhere");
    let allow = world.allow(&group, &[tcp(22, "0.0.0.0/0")]);
    world.ok(allow);
    changed(&world, false, "a rule elsewhere");
    let allow = world.allow(&net.group, &[tcp(22, "0.0.0.0/0")]);
    world.ok(allow);
    changed(&world, true, "a rule");
    world.ok(AddTags {
        targets: vec![Target::Group(net.group.clone())],
        tags: vec![("a".to_owned(), String::new())],
    });
    changed(&world, false, "a tag");
    world.attach(&web, &net);
    changed(&world, true, "a link");
    let says = world.host_says("web", &web, key(7));
    world.ok(says);
    changed(&world, true, "a key");
    world.gateway(&net, key(1));
    changed(&world, true, "its gateway");
    let endpoint = GatewayReport {
        peers: vec![PeerReport {
            key: key(7),
            endpoint: Some("198.51.100.9:9000".parse().unwrap()),
            handshake_ms_ago: Some(5),
            is_up: true,
            received: 1,
            sent: 2,
        }],
        ..report(&net, key(1))
    };
    world.says(&net, endpoint).unwrap();
    let told = world.plan(&net).links[0].endpoint;
    assert_eq!(told, Some("198.51.100.9:9000".parse().unwrap()));
    changed(
        &world,
        false,
        "an endpoint that the gateway itself has told",
    );
    let db = world.inside("db", &net.subnet, &[], "172.16.1.7");
    changed(&world, true, "an instance inside");
    world.report("db", &db, facts("db", &["172.16.1.9"]));
    changed(&world, true, "its address");
    world.ok(Detach {
        id: web.clone(),
        vpc: net.vpc.clone(),
    });
    changed(&world, true, "the end of a link");
}

#[test]
fn no_plan_goes_back_over_a_restart() {
    let mut world = World::new();
    let net = world.net(1);
    let web = world.host("web");
    world.attach(&web, &net);
    world.ok(Detach {
        id: web.clone(),
        vpc: net.vpc.clone(),
    });
    let (plan, host) = (world.plan(&net), world.host_plan(&web));
    let instances = world
        .inventory
        .iter()
        .map(|it| Instance::clone(it))
        .collect();
    let mut rows = Vec::new();
    rows.extend(
        world
            .inventory
            .networks
            .vpcs
            .iter()
            .map(|it| Vpc::clone(it).row()),
    );
    rows.extend(
        world
            .inventory
            .networks
            .groups
            .iter()
            .map(|it| Group::clone(it).row()),
    );
    rows.extend(
        world
            .inventory
            .networks
            .subnets
            .iter()
            .map(|it| Subnet::clone(it).row()),
    );
    let tables = world.inventory.networks.tables.iter();
    rows.extend(tables.map(|it| super::super::route::RouteTable::clone(it).row()));
    let networks = Networks::of(rows);
    let (rules, heard) = (Rules::default(), BTreeMap::new());
    world.inventory = Inventory::new(rules, instances, Vec::new(), networks, heard, world.at);
    assert_eq!(
        (world.plan(&net), world.host_plan(&web)),
        (plan.clone(), host.clone())
    );
    world.report("web", &web, facts("web", &["192.168.9.1"]));
    world.attach(&web, &net);
    assert!(world.plan(&net).generation > plan.generation);
    assert!(world.host_plan(&web).generation > host.generation);
}

#[test]
fn a_linked_host_is_told_of_its_gateway_and_one_inside_of_the_links() {
    let mut world = World::new();
    let net = world.net(1);
    let web = world.host("web");
    let db = world.inside("db", &net.subnet, &[], "172.16.1.7");
    assert_eq!(world.host_plan(&web), HostPlan::default());
    world.attach(&web, &net);
    let without = world.host_plan(&web);
    let link = without.link.unwrap();
    assert_eq!((link.gateway, link.key), (None, None));
    assert_eq!(link.ranges, ["172.16.1.0/24".parse().unwrap()]);
    assert!(world.host_plan(&db).routes.is_empty());
    let before = world.host_plan(&db).generation;
    world.gateway(&net, key(1));
    let plan = world.host_plan(&web);
    let gateway = plan.link.unwrap().gateway.unwrap();
    assert_eq!(
        (gateway.key, gateway.endpoint.as_str()),
        (key(1), "203.0.113.1:51820")
    );
    let told = world.host_plan(&db);
    let [route] = told.routes.as_slice() else {
        panic!("{:?}", told.routes);
    };
    assert_eq!(route.range.to_string(), format!("{}/32", link.address));
    assert_eq!(route.via, "172.16.1.2".parse::<Ipv4Addr>().unwrap());
    let outside = told.outside.unwrap();
    assert_eq!(outside.range, "10.0.0.0/8".parse().unwrap());
    assert_eq!(
        (outside.via, outside.own),
        (route.via, vec!["172.16.1.0/24".parse().unwrap()])
    );
    assert_eq!(plan.outside, None);
    assert!(told.generation > before);
    world.ok(Detach {
        id: web.clone(),
        vpc: net.vpc.clone(),
    });
    assert_eq!(world.host_plan(&web).link, None);
    assert!(world.host_plan(&web).generation > plan.generation);
    assert!(world.host_plan(&db).routes.is_empty());
}

/// Source: "ClassicLink": the route to all instances outside is there while the network is enabled.
#[test]
fn those_inside_have_a_way_to_all_outside_while_their_network_takes_links() {
    let mut world = World::new();
    let net = world.net(1);
    world.gateway(&net, key(1));
    let db = world.inside("db", &net.subnet, &[], "172.16.1.7");
    let gate = world.inside("gate", &net.subnet, &[], "172.16.1.2");
    let has = |world: &World, id| world.host_plan(id).outside.is_some();
    assert!(has(&world, &db), "before any host is linked");
    assert!(!has(&world, &gate), "it is the way itself");
    let before = world.host_plan(&db).generation;
    let mut set = |is_on| {
        let vpc = net.vpc.clone();
        world.ok(SetClassicLink { vpc, is_on });
        (has(&world, &db), world.host_plan(&db).generation)
    };
    let (is_there, off) = set(false);
    assert!(!is_there && off > before);
    let (is_there, on) = set(true);
    assert!(is_there && on > off);
    // A network whose links have addresses of its own needs none.
    world.ok(AddTags {
        targets: vec![Target::Vpc(net.vpc.clone())],
        tags: vec![(ADDRESS_TAG.to_owned(), ADDRESS_OF_NETWORK.to_owned())],
    });
    assert!(!has(&world, &db) && world.host_plan(&db).generation > on);
}

#[test]
fn a_new_key_is_used_when_the_gateway_knows_it() {
    let mut world = World::new();
    let net = world.net(1);
    let web = world.host("web");
    let says = world.host_says("web", &web, key(7));
    world.ok(says);
    world.attach(&web, &net);
    world.gateway(&net, key(1));
    let own = |world: &World| world.host_plan(&web).link.unwrap().key;
    assert_eq!(own(&world), Some(key(7)));
    let known = world.plan(&net).generation;
    let says = world.host_says("web", &web, key(8));
    world.ok(says);
    assert_eq!(world.plan(&net).links[0].key, Some(key(8)));
    assert_eq!(own(&world), Some(key(7)));
    // Reports of what was before say nothing of it.
    let old = GatewayReport {
        generation: known,
        ..report(&net, key(1))
    };
    world.says(&net, old).unwrap();
    assert_eq!(own(&world), Some(key(7)));
    let before = world.host_plan(&web).generation;
    world.gateway(&net, key(1));
    assert_eq!(own(&world), Some(key(8)));
    assert!(world.host_plan(&web).generation > before);
    // Of a host that is not linked nobody knows the old one.
    world.ok(Detach {
        id: web.clone(),
        vpc: net.vpc.clone(),
    });
    let says = world.host_says("web", &web, key(9));
    world.ok(says);
    world.attach(&web, &net);
    assert_eq!(own(&world), Some(key(9)));
}

#[test]
fn one_key_is_for_one_and_one_gateway_for_a_network() {
    let mut world = World::new();
    let (net, other) = (world.net(1), world.net(2));
    let (web, db) = (world.host("web"), world.host("db"));
    let says = world.host_says("web", &web, key(7));
    world.ok(says);
    let says = world.host_says("db", &db, key(7));
    assert_eq!(
        world.err(says),
        Error::KeyTaken {
            by: web.to_string()
        }
    );
    world.gateway(&net, key(1));
    let says = world.host_says("db", &db, key(1));
    assert_eq!(
        world.err(says),
        Error::KeyTaken {
            by: net.vpc.to_string()
        }
    );
    let taken = |key| {
        let net = Net {
            vpc: other.vpc.clone(),
            subnet: other.subnet.clone(),
            group: other.group.clone(),
        };
        report(&net, key)
    };
    for key in [key(1), key(7)] {
        assert!(world.says(&other, taken(key)).is_err());
    }
    let says = HostSays {
        access_key_id: "key-db".to_owned(),
        ..world.host_says("web", &web, key(7))
    };
    assert!(matches!(
        world.refused(says),
        engine::Error::NotYours { .. }
    ));
    // The same comes again, another has to wait until the first is silent.
    world.gateway(&net, key(1));
    let second = report(&net, key(2));
    assert!(world.says(&net, second.clone()).is_err());
    world.advance(GATEWAY_PATIENCE.as_secs() - 1);
    assert!(world.says(&net, second.clone()).is_err());
    world.advance(1);
    world.says(&net, second).unwrap();
    assert!(world.says(&net, report(&net, key(1))).is_err());
}

#[test]
fn most_reports_change_nothing_that_is_kept() {
    let mut world = World::new();
    let net = world.net(1);
    let web = world.host("web");
    let says = world.host_says("web", &web, key(7));
    assert!(!world.inventory.host_again(world.at, &says).unwrap());
    world.ok(says);
    let says = world.host_says("web", &web, key(7));
    assert!(world.inventory.host_again(world.at, &says).unwrap());
    world.gateway(&net, key(1));
    let again = GatewaySays {
        vpc: net.vpc.clone(),
        report: GatewayReport {
            refused: 5,
            problem: Some("p".repeat(5000)),
            ..report(&net, key(1))
        },
    };
    assert!(world.inventory.gateway_again(world.at, &again));
    let heard = world.inventory.reports().gateway(&net.vpc).unwrap();
    assert_eq!(heard.report.refused, 5);
    assert_eq!(heard.report.problem.as_ref().unwrap().len(), 1024);
}

#[test]
fn what_a_gateway_says_has_bounds() {
    let mut world = World::new();
    let net = world.net(1);
    let peer = PeerReport {
        key: key(9),
        endpoint: None,
        handshake_ms_ago: None,
        is_up: false,
        received: 0,
        sent: 0,
    };
    for (endpoint, peers, is_right) in [
        ("e".repeat(259), super::super::report::PEERS_MAX, true),
        ("e".repeat(260), 0, false),
        ("e".to_owned(), super::super::report::PEERS_MAX + 1, false),
    ] {
        let said = GatewayReport {
            endpoint,
            peers: vec![peer.clone(); peers],
            ..report(&net, key(1))
        };
        assert_eq!(world.says(&net, said).is_ok(), is_right, "{peers}");
    }
    let flow = RefusedFlow {
        source: Ipv4Addr::new(10, 2, 0, 4),
        destination: Ipv4Addr::new(172, 16, 1, 7),
        protocol: 6,
        port: Some(22),
        packets: 1,
    };
    let said = GatewayReport {
        recent: vec![flow; RECENT_MAX + 1],
        ..report(&net, key(1))
    };
    world.says(&net, said).unwrap();
    let heard = world.inventory.reports().gateway(&net.vpc).unwrap();
    assert_eq!(heard.report.recent.len(), RECENT_MAX);
    assert_eq!(world.inventory.refused_last(&net.vpc).len(), RECENT_MAX);
}

#[test]
fn a_refused_flow_is_known_by_when_it_was_told_and_by_the_rules_of_now() {
    let mut world = World::new();
    let net = world.net(1);
    let web = world.host("web");
    world.inside("db", &net.subnet, &[&net.group], "172.16.1.7");
    world.attach(&web, &net);
    let source = world.plan(&net).links[0].address;
    let flow = |port, packets| RefusedFlow {
        source,
        destination: Ipv4Addr::new(172, 16, 1, 7),
        protocol: 6,
        port: Some(port),
        packets,
    };
    let start = world.at;
    let refused = |world: &mut World, secs, recent: Vec<RefusedFlow>| {
        world.at = start.plus(Duration::from_secs(secs));
        let said = GatewayReport {
            recent,
            ..report(&net, key(1))
        };
        world.says(&net, said).unwrap();
        let known = world.inventory.refused_last(&net.vpc).into_iter();
        let known = known.map(|it| {
            let told = it.told.map(|told| told.since(start).as_secs());
            (it.flow.port.unwrap(), told, it.way, it.why)
        });
        known.collect::<Vec<_>>()
    };
    let (inbound, no_ingress) = (Way::Inbound, Some(Refusal::NoIngress));
    // What a gateway had refused before the server's start is of no known time.
    assert_eq!(
        refused(&mut world, 0, vec![flow(22, 1)]),
        [(22, None, inbound, no_ingress)]
    );
    assert_eq!(
        refused(&mut world, 30, vec![flow(23, 1), flow(22, 1)]),
        [
            (23, Some(30), inbound, no_ingress),
            (22, None, inbound, no_ingress)
        ]
    );
    let allow = world.allow(&net.group, &[tcp(22, "0.0.0.0/0")]);
    world.ok(allow);
    assert_eq!(
        refused(&mut world, 60, vec![flow(22, 2), flow(23, 1)]),
        [
            (22, Some(60), inbound, None),
            (23, Some(30), inbound, no_ingress)
        ]
    );
    assert_eq!(refused(&mut world, 90, Vec::new()), []);
}

#[test]
fn a_peering_carries_what_the_routes_of_both_sides_name() {
    let mut world = World::new();
    let (one, other) = (world.net(1), world.net(2));
    world.inside("a", &one.subnet, &[&one.group], "172.16.1.7");
    let b = world.inside("b", &other.subnet, &[&other.group], "172.16.2.7");
    let pcx = world.peered(&one.vpc, &other.vpc);
    world.gateway(&other, key(2));
    assert!(world.plan(&one).peerings.is_empty(), "no route leads there");
    world.route(&one.vpc, "172.16.2.0/25", &pcx);
    let plan = world.plan(&one);
    let [peering] = plan.peerings.as_slice() else {
        panic!("{:?}", plan.peerings);
    };
    assert_eq!(
        (peering.key, peering.ranges.as_slice()),
        (key(2), &["172.16.2.0/25".parse().unwrap()][..])
    );
    assert_eq!(peering.endpoint, Some("203.0.113.1:51820".parse().unwrap()));
    assert_eq!(
        decide(&plan, "172.16.2.7", "172.16.1.7", 80),
        Verdict::Allowed
    );
    assert_eq!(
        decide(&plan, "172.16.2.7", "172.16.1.7", 81),
        Verdict::NoIngress
    );
    assert_eq!(
        decide(&plan, "172.16.1.7", "172.16.2.200", 80),
        Verdict::Unknown
    );
    // The other side has no route back.
    assert!(world.plan(&other).peerings.is_empty());
    world.route(&other.vpc, "172.16.0.0/16", &pcx);
    world.gateway(&one, key(1));
    let back = world.plan(&other);
    assert_eq!(back.peerings[0].ranges, ["172.16.1.0/24".parse().unwrap()]);
    let routes = world.host_plan(&b).routes;
    assert!(
        routes
            .iter()
            .any(|route| route.range == "172.16.1.0/24".parse().unwrap())
    );
    // A rule may name a group of the other side.
    let allow = world.allow(&one.group, &[tcp(6001, other.group.as_str())]);
    world.ok(allow);
    let plan = world.plan(&one);
    assert_eq!(
        decide(&plan, "172.16.2.7", "172.16.1.7", 6001),
        Verdict::Allowed
    );
    assert_eq!(
        decide(&plan, "172.16.2.8", "172.16.1.7", 6001),
        Verdict::NoIngress
    );
}

#[test]
fn a_linked_host_reaches_a_peered_network_only_where_an_option_says_so() {
    let mut world = World::new();
    let (one, other) = (world.net(1), world.net(2));
    world.inside("b", &other.subnet, &[&other.group], "172.16.2.7");
    let web = world.host("web");
    world.attach(&web, &one);
    let pcx = world.peered(&one.vpc, &other.vpc);
    world.route(&one.vpc, "172.16.2.0/24", &pcx);
    world.route(&other.vpc, "172.16.1.0/24", &pcx);
    world.gateway(&one, key(1));
    world.gateway(&other, key(2));
    let linked = world
        .get(&web)
        .place
        .link
        .clone()
        .unwrap()
        .address
        .to_string();
    let there = |world: &World| decide(&world.plan(&one), &linked, "172.16.2.7", 80);
    let back = |world: &World| decide(&world.plan(&one), "172.16.2.7", &linked, 80);
    assert_eq!(
        (there(&world), back(&world)),
        (Verdict::NoPath, Verdict::NoPath)
    );
    assert_eq!(
        decide(&world.plan(&other), &linked, "172.16.2.7", 80),
        Verdict::Unknown
    );
    let out = NewOptions {
        links_out: Some(true),
        ..NewOptions::default()
    };
    world.ok(SetOptions {
        id: pcx.clone(),
        requester: Some(out),
        accepter: None,
    });
    assert_eq!(
        (there(&world), back(&world)),
        (Verdict::Allowed, Verdict::NoPath)
    );
    let plan = world.plan(&other);
    assert_eq!(decide(&plan, &linked, "172.16.2.7", 80), Verdict::Allowed);
    let own = format!("{linked}/32").parse().unwrap();
    assert!(plan.peerings[0].ranges.contains(&own));
    let reached = world.host_plan(&web).link.unwrap().ranges;
    assert!(reached.contains(&"172.16.2.0/24".parse().unwrap()));
    let inward = NewOptions {
        to_links: Some(true),
        ..NewOptions::default()
    };
    world.ok(SetOptions {
        id: pcx,
        requester: None,
        accepter: Some(inward),
    });
    assert_eq!(back(&world), Verdict::Allowed);
}

#[test]
fn of_two_that_say_they_have_one_address_the_first_has_it() {
    let mut world = World::new();
    let net = world.net(1);
    let strict = world.group(&net.vpc, "strict").id.clone();
    world.inside("first", &net.subnet, &[&strict], "172.16.1.7");
    world.advance(60);
    world.inside("second", &net.subnet, &[&net.group], "172.16.1.7");
    let plan = world.plan(&net);
    let host = plan.filter.host("172.16.1.7".parse().unwrap()).unwrap();
    assert_eq!(host.zone, Zone::Inside);
    assert!(host.groups.iter().eq([&strict.to_string()]));
}
