//! Links of hosts outside, and instances inside.

use std::collections::BTreeSet;

use super::super::classic::{
    ADDRESS_OF_NETWORK, ADDRESS_TAG, Attach, Detach, LINKS_MAX, SetClassicLink,
};
use super::super::group::DeleteGroup;
use super::super::place::{INSTANCE_GROUPS_MAX, SetGroups, Wanted};
use super::super::subnet::DeleteSubnet;
use super::super::vpc::DeleteVpc;
use super::*;
use crate::engine::State;
use crate::engine::command::{Reboot, Stop, Terminate};
use crate::engine::sync::Goodbye;
use crate::engine::tick::Tick;

fn enable(vpc: &VpcId) -> SetClassicLink {
    SetClassicLink {
        vpc: vpc.clone(),
        is_on: true,
    }
}

fn attach(id: &InstanceId, vpc: &VpcId, groups: &[&GroupId]) -> Attach {
    Attach {
        id: id.clone(),
        vpc: vpc.clone(),
        groups: set(groups),
    }
}

/// A network that is enabled, with a group.
fn network(world: &mut World, range: &str) -> (VpcId, GroupId) {
    let vpc = world.vpc(range).id.clone();
    let group = world.group(&vpc, "app").id.clone();
    world.ok(enable(&vpc));
    (vpc, group)
}

fn why(error: Error) -> String {
    match error {
        Error::NotLinkable { why, .. } => why,
        other => panic!("{other}"),
    }
}

#[test]
fn a_network_among_the_addresses_of_hosts_outside_is_not_enabled_but_in_two_ranges() {
    let mut world = World::new();
    // Source: EnableVpcClassicLink: but for 10.0.0.0/16 and 10.1.0.0/16.
    for (range, is_right) in [
        ("10.0.0.0/16", true),
        ("10.1.0.0/16", true),
        ("10.1.128.0/20", true),
        ("10.2.0.0/16", false),
        ("10.9.0.0/24", false),
        ("172.16.0.0/16", true),
        ("192.168.0.0/16", true),
    ] {
        let vpc = world.vpc(range).id.clone();
        let done = world.inventory.apply(world.at, enable(&vpc));
        assert_eq!(done.is_ok(), is_right, "{range}");
    }
}

#[test]
fn a_network_that_gives_its_own_addresses_is_enabled_anywhere() {
    let mut world = World::new();
    let vpc = world.vpc("10.9.0.0/24").id.clone();
    let subnet = world.subnet(&vpc, "10.9.0.0/28").id.clone();
    let group = world.group(&vpc, "app").id.clone();
    world.ok(AddTags {
        targets: vec![Target::Vpc(vpc.clone())],
        tags: vec![(ADDRESS_TAG.to_owned(), ADDRESS_OF_NETWORK.to_owned())],
    });
    world.ok(enable(&vpc));
    world.inside("db", &subnet, &[], "10.9.0.14");
    let (one, two) = (world.host("one"), world.host("two"));
    for (id, address) in [(&one, "10.9.0.13"), (&two, "10.9.0.12")] {
        world.ok(attach(id, &vpc, &[&group]));
        let place = &world.get(id).place;
        let link = place.link.clone().unwrap();
        assert_eq!(
            (link.address.to_string().as_str(), link.is_proxied),
            (address, true)
        );
        assert_eq!(place.outside, None);
    }
}

#[test]
fn an_instance_is_linked_to_one_network_with_groups_of_it() {
    let mut world = World::new();
    let (one, app) = network(&mut world, "172.16.0.0/16");
    let (other, stranger) = network(&mut world, "172.17.0.0/16");
    let closed = world.vpc("172.18.0.0/16").id.clone();
    let door = world.group(&closed, "door").id.clone();
    let host = world.host("web");
    let refused = world.err(attach(&host, &closed, &[&door]));
    assert_eq!(why(refused), "the network is not enabled for ClassicLink");
    let refused = world.err(attach(&host, &one, &[&app, &stranger]));
    assert!(matches!(refused, Error::GroupForeign { .. }));
    let refused = world.err(attach(&host, &one, &[]));
    assert_eq!(
        refused,
        Error::GroupCount {
            limit: INSTANCE_GROUPS_MAX
        }
    );
    world.ok(attach(&host, &one, &[&app]));
    // The same again changes nothing, anything else is refused.
    let before = world.get(&host);
    world.advance(1);
    world.ok(attach(&host, &one, &[&app]));
    assert_eq!(world.get(&host), before);
    let default = world
        .inventory
        .networks()
        .default_group(&one)
        .unwrap()
        .id
        .clone();
    let refused = world.err(attach(&host, &one, &[&default]));
    assert!(why(refused).contains("groups that stay as long as the link"));
    let refused = world.err(attach(&host, &other, &[&stranger]));
    assert!(why(refused).starts_with(&format!("it is linked to {one}")));
    let detach = |vpc: &VpcId| Detach {
        id: host.clone(),
        vpc: vpc.clone(),
    };
    assert!(matches!(world.err(detach(&other)), Error::NotLinked { .. }));
    world.ok(detach(&one));
    assert!(matches!(world.err(detach(&one)), Error::NotLinked { .. }));
    world.ok(attach(&host, &other, &[&stranger]));
}

#[test]
fn only_an_instance_that_runs_outside_is_linked() {
    let mut world = World::new();
    let (vpc, app) = network(&mut world, "172.16.0.0/16");
    let subnet = world.subnet(&vpc, "172.16.1.0/24").id.clone();
    let inside = world.inside("db", &subnet, &[], "172.16.1.7");
    let refused = world.err(attach(&inside, &vpc, &[&app]));
    assert_eq!(why(refused), format!("it is in {vpc}"));
    let waiting = world.instance_id();
    world.ok(run(vec![waiting.clone()], None));
    let refused = world.err(attach(&waiting, &vpc, &[&app]));
    assert_eq!(why(refused), "it is pending, not running");
    let gone: InstanceId = "i-0f1e2d3c4b5a69788".parse().unwrap();
    let refused = world.refused(attach(&gone, &vpc, &[&app]));
    assert!(matches!(refused, engine::Error::NotFound { .. }));
}

#[test]
fn a_link_is_lost_on_stop_and_kept_over_silence_and_a_reboot_of_the_agent() {
    let mut world = World::new();
    let (vpc, app) = network(&mut world, "172.16.0.0/16");
    let host = world.host("web");
    let is_linked = |world: &World| world.get(&host).place.link.is_some();
    let link = |world: &mut World| world.ok(attach(&host, &vpc, &[&app]));
    let back = |world: &mut World| world.report("web", &host, facts("web", &["192.168.9.1"]));
    link(&mut world);
    world.ok(Reboot(vec![host.clone()]));
    assert!(is_linked(&world));
    world.advance(3600);
    world.ok(Tick);
    assert!(world.get(&host).silent_since.is_some() && is_linked(&world));
    back(&mut world);
    assert!(is_linked(&world));
    let bye = Goodbye {
        id: host.clone(),
        access_key_id: "key-web".to_owned(),
        run: "run-web".to_owned(),
    };
    world.ok(bye);
    assert!(!is_linked(&world) && world.get(&host).state == State::Stopped);
    back(&mut world);
    assert!(!is_linked(&world));
    link(&mut world);
    let rebooted = Facts {
        boot_id: "boot-2".to_owned(),
        ..facts("web", &["192.168.9.1"])
    };
    world.report("web", &host, rebooted.clone());
    assert!(!is_linked(&world), "it was started anew, so it had stopped");
    link(&mut world);
    world.report("web", &host, rebooted);
    assert!(is_linked(&world));
    let stop = Stop {
        ids: vec![host.clone()],
        is_forced: true,
    };
    world.ok(stop);
    assert!(!is_linked(&world));
}

#[test]
fn an_address_outside_is_for_life() {
    let mut world = World::new();
    let (one, app) = network(&mut world, "172.16.0.0/16");
    let (other, stranger) = network(&mut world, "10.1.0.0/16");
    // Never in the two ranges that networks may have, nor where a network is.
    world.vpc("10.2.0.0/16");
    let (web, db) = (world.host("web"), world.host("db"));
    world.ok(attach(&web, &one, &[&app]));
    world.ok(attach(&db, &one, &[&app]));
    let outside = |world: &World, id| world.get(id).place.outside.unwrap().to_string();
    assert_eq!(outside(&world, &web), "10.3.0.4");
    assert_eq!(outside(&world, &db), "10.3.0.5");
    assert_eq!(
        world.get(&web).private_address(),
        Some("10.3.0.4".parse().unwrap())
    );
    let detach = Detach {
        id: web.clone(),
        vpc: one.clone(),
    };
    world.ok(detach);
    world.ok(attach(&web, &other, &[&stranger]));
    assert_eq!(outside(&world, &web), "10.3.0.4");
    let terminate = Terminate {
        ids: vec![web.clone()],
        is_forced: true,
    };
    world.ok(terminate);
    let third = world.host("third");
    world.ok(attach(&third, &one, &[&app]));
    assert_eq!(outside(&world, &third), "10.3.0.6");
}

#[test]
fn there_is_room_for_as_many_links_as_one_gateway_carries() {
    let mut world = World::new();
    let (vpc, app) = network(&mut world, "172.16.0.0/16");
    let host = world.host("web");
    let link = place::Link {
        vpc: vpc.clone(),
        groups: set(&[&app]),
        address: Ipv4Addr::LOCALHOST,
        is_proxied: false,
        since: world.at,
    };
    for n in 0..LINKS_MAX {
        let mut bytes = [0xee; 9];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        let id = InstanceId::from_random(bytes);
        let mut instance = Instance::clone(&world.get(&host));
        instance.id = id.clone();
        instance.place.link = Some(link.clone());
        world.inventory.instances.insert(id, Arc::new(instance));
    }
    let limit = Error::Limit {
        kind: "link",
        limit: LINKS_MAX,
    };
    assert_eq!(world.err(attach(&host, &vpc, &[&app])), limit);
}

#[test]
fn what_links_and_instances_use_stays() {
    let mut world = World::new();
    let (vpc, app) = network(&mut world, "172.16.0.0/16");
    let subnet = world.subnet(&vpc, "172.16.1.0/24").id.clone();
    let group = world.group(&vpc, "db").id.clone();
    let db = world.inside("db", &subnet, &[&group], "172.16.1.7");
    let web = world.host("web");
    world.ok(attach(&web, &vpc, &[&app]));
    let off = SetClassicLink {
        is_on: false,
        ..enable(&vpc)
    };
    for (kind, refused) in [
        ("security-group", world.err(DeleteGroup(app.clone()))),
        ("security-group", world.err(DeleteGroup(group.clone()))),
        ("subnet", world.err(DeleteSubnet(subnet.clone()))),
        ("vpc", world.err(DeleteVpc(vpc.clone()))),
        ("vpc", world.err(off.clone())),
    ] {
        assert!(
            matches!(refused, Error::InUse { kind: it, .. } if it == kind),
            "{refused}"
        );
    }
    let terminate = Terminate {
        ids: vec![db.clone(), web],
        is_forced: true,
    };
    world.ok(terminate);
    assert_eq!(world.get(&db).place.vpc(), None);
    world.ok(off);
    world.ok(DeleteGroup(app));
    world.ok(DeleteGroup(group));
    world.ok(DeleteSubnet(subnet));
    world.ok(DeleteVpc(vpc));
}

#[test]
fn an_instance_inside_has_its_subnets_address_and_groups_of_its_network() {
    let mut world = World::new();
    let (vpc, app) = network(&mut world, "172.16.0.0/16");
    let (_, stranger) = network(&mut world, "172.17.0.0/16");
    let subnet = world.subnet(&vpc, "172.16.1.0/28").id.clone();
    let db = world.inside("db", &subnet, &[], "172.16.1.7");
    let default = world
        .inventory
        .networks()
        .default_group(&vpc)
        .unwrap()
        .id
        .clone();
    let place = &world.get(&db).place;
    assert!(place.groups().eq([&default]));
    assert_eq!(
        world.get(&db).private_address(),
        Some("172.16.1.7".parse().unwrap())
    );
    world.report("db", &db, facts("db", &["192.168.9.1"]));
    assert_eq!(world.get(&db).private_address(), None);
    let groups = |groups: &[&GroupId], id: &InstanceId| SetGroups {
        id: id.clone(),
        groups: set(groups),
    };
    world.ok(groups(&[&app, &default], &db));
    assert_eq!(world.get(&db).place.groups().count(), 2);
    assert!(matches!(
        world.err(groups(&[&stranger], &db)),
        Error::GroupForeign { .. }
    ));
    let outside = world.host("web");
    assert!(matches!(
        world.err(groups(&[&app], &outside)),
        Error::Outside { .. }
    ));
    // Source: VPC User Guide, "Subnet CIDR blocks": of a /28 hosts have 11 addresses.
    let many = |world: &mut World, count: usize| {
        let ids = (0..count).map(|_| world.instance_id()).collect();
        let wanted = Wanted {
            subnet: subnet.clone(),
            groups: BTreeSet::new(),
        };
        let draw = world.draw();
        Run {
            at_least: count,
            ..run(ids, Some((wanted, draw)))
        }
    };
    let run = many(&mut world, 11);
    assert!(matches!(world.err(run), Error::SubnetFull { .. }));
    let run = many(&mut world, 10);
    world.ok(run);
}

#[test]
fn a_key_for_a_subnet_makes_new_hosts_be_inside() {
    let mut world = World::new();
    let (vpc, app) = network(&mut world, "172.16.0.0/16");
    let subnet = world.subnet(&vpc, "172.16.1.0/24").id.clone();
    world.ok(Enrol {
        key_id: "for-subnet".to_owned(),
        instance: None,
        subnet: Some(subnet.clone()),
        until: world.at.plus(Duration::from_secs(3600)),
        is_first_only: false,
    });
    let known = world.host("web");
    world.ok(attach(&known, &vpc, &[&app]));
    for (name, is_inside) in [("db", true), ("web", false)] {
        world.advance(3600 / 4);
        let join = Join {
            key_id: "for-subnet".to_owned(),
            reservation: "r-1".to_owned(),
            draw: world.draw(),
            new_id: world.instance_id(),
            secret_hash: name.to_owned(),
            run: "another".to_owned(),
            facts: facts(name, &["172.16.1.9"]),
            doubt: Doubt::Refuse,
        };
        let id = world.ok(join).id;
        assert_eq!(world.get(&id).place.subnet().is_some(), is_inside, "{name}");
    }
    assert!(world.get(&known).place.link.is_some());
    let enrol = Enrol {
        key_id: "for-none".to_owned(),
        instance: None,
        subnet: Some("subnet-1a2b3c4d".parse().unwrap()),
        until: world.at,
        is_first_only: false,
    };
    assert!(matches!(world.err(enrol), Error::NotFound { .. }));
}
