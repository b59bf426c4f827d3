//! Commands about networks in, resources and errors out.

mod classic;
mod peering;
mod plan;
mod simulation;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use net::{Ports, Traffic};

use super::group::{
    Authorize, CreateGroup, DeleteGroup, GROUPS_MAX, Group, ModifyRules, NewRule, Revoke,
};
use super::rule::{Direction, Peer, RULES_MAX, Rule, Spec};
use super::subnet::{CreateSubnet, DeleteSubnet, SUBNETS_MAX, Subnet};
use super::tag::{AddTags, RemoveTags, Target};
use super::vpc::{CreateVpc, DeleteVpc, VPCS_MAX, Vpc};
use super::*;
use crate::engine::command::Run;
use crate::engine::enrol::Enrol;
use crate::engine::join::{Doubt, Given, Join};
use crate::engine::state::Wish;
use crate::engine::sync::Sync;
use crate::engine::{self, Command, Facts, Instance, InstanceId, Inventory, Rules, Tags};

/// An inventory with a clock and ids of its own.
pub(super) struct World {
    pub(super) inventory: Inventory,
    pub(super) at: Timestamp,
    drawn: u8,
}

impl World {
    pub(super) fn new() -> Self {
        let at = Timestamp::from_secs(1_795_000_000);
        let (rules, heard) = (Rules::default(), BTreeMap::new());
        let networks = Networks::default();
        Self {
            inventory: Inventory::new(rules, Vec::new(), Vec::new(), networks, heard, at),
            at,
            drawn: 0,
        }
    }

    pub(super) fn draw(&mut self) -> Draw {
        self.drawn = self.drawn.wrapping_add(1);
        let mut seed = [self.drawn; 32];
        let count = self.inventory.networks.groups.len() + self.inventory.networks.subnets.len();
        let count = u32::try_from(count).unwrap().to_be_bytes();
        seed[..4].copy_from_slice(&count);
        Draw::new(seed)
    }

    pub(super) fn ok<C: Command>(&mut self, command: C) -> C::Outcome {
        self.inventory.apply(self.at, command).unwrap().outcome
    }

    /// Why a command about networks is refused.
    pub(super) fn err<C: Command<Outcome: std::fmt::Debug>>(&mut self, command: C) -> Error {
        match self.inventory.apply(self.at, command).unwrap_err() {
            engine::Error::Network(error) => error,
            other => panic!("{other}"),
        }
    }

    /// Why a command about instances is refused.
    pub(super) fn refused<C: Command<Outcome: std::fmt::Debug>>(
        &mut self,
        command: C,
    ) -> engine::Error {
        self.inventory.apply(self.at, command).unwrap_err()
    }

    pub(super) fn advance(&mut self, secs: u64) {
        self.at = self.at.plus(Duration::from_secs(secs));
    }

    pub(super) fn get(&self, id: &InstanceId) -> Arc<Instance> {
        Arc::clone(self.inventory.get(id).unwrap())
    }

    fn instance_id(&mut self) -> InstanceId {
        self.drawn += 1;
        InstanceId::from_random([self.drawn; 9])
    }

    /// A host outside that runs.
    pub(super) fn host(&mut self, name: &str) -> InstanceId {
        self.join(name, facts(name, &["192.168.9.1"]), None)
    }

    /// A host inside that runs, and says that it has this address.
    pub(super) fn inside(
        &mut self,
        name: &str,
        subnet: &SubnetId,
        groups: &[&GroupId],
        address: &str,
    ) -> InstanceId {
        let wanted = place::Wanted {
            subnet: subnet.clone(),
            groups: groups.iter().map(|id| (*id).clone()).collect(),
        };
        let (id, draw) = (self.instance_id(), self.draw());
        self.ok(run(vec![id.clone()], Some((wanted, draw))));
        self.join(name, facts(name, &["192.168.9.1", address]), Some(id))
    }

    fn join(&mut self, name: &str, facts: Facts, instance: Option<InstanceId>) -> InstanceId {
        let until = self.at.plus(Duration::from_secs(3600));
        let key_id = format!("enrolment-{name}");
        let new_id = self.instance_id();
        self.ok(Enrol {
            key_id: key_id.clone(),
            instance,
            subnet: None,
            until,
            is_first_only: false,
        });
        let join = Join {
            key_id,
            reservation: format!("r-{name}"),
            draw: self.draw(),
            new_id,
            secret_hash: name.to_owned(),
            run: format!("run-{name}"),
            facts: facts.clone(),
            doubt: Doubt::Refuse,
        };
        let id = self.ok(join).id;
        self.ok(Given {
            id: id.clone(),
            secret_hash: name.to_owned(),
            access_key_id: format!("key-{name}"),
        });
        self.report(name, &id, facts);
        id
    }

    pub(super) fn report(&mut self, name: &str, id: &InstanceId, facts: Facts) {
        self.ok(Sync {
            id: id.clone(),
            access_key_id: format!("key-{name}"),
            run: format!("run-{name}"),
            facts: Some(facts),
            done: Vec::new(),
        });
    }

    pub(super) fn create_vpc(&mut self, range: &str) -> CreateVpc {
        CreateVpc {
            draw: self.draw(),
            range: range.to_owned(),
            tags: Tags::default(),
        }
    }

    pub(super) fn vpc(&mut self, range: &str) -> Arc<Vpc> {
        let create = self.create_vpc(range);
        self.ok(create)
    }

    pub(super) fn create_subnet(&mut self, vpc: &VpcId, range: &str) -> CreateSubnet {
        CreateSubnet {
            draw: self.draw(),
            vpc: vpc.clone(),
            range: range.to_owned(),
            tags: Tags::default(),
        }
    }

    pub(super) fn subnet(&mut self, vpc: &VpcId, range: &str) -> Arc<Subnet> {
        let create = self.create_subnet(vpc, range);
        self.ok(create)
    }

    pub(super) fn create_group(&mut self, vpc: &VpcId, name: &str) -> CreateGroup {
        CreateGroup {
            draw: self.draw(),
            vpc: vpc.clone(),
            name: name.to_owned(),
            description: "for a test".to_owned(),
            tags: Tags::default(),
        }
    }

    pub(super) fn group(&mut self, vpc: &VpcId, name: &str) -> Arc<Group> {
        let create = self.create_group(vpc, name);
        self.ok(create)
    }

    pub(super) fn allow(&mut self, group: &GroupId, specs: &[Spec]) -> Authorize {
        let rule = |spec: &Spec| NewRule {
            spec: spec.clone(),
            description: None,
        };
        Authorize {
            draw: self.draw(),
            group: group.clone(),
            direction: Direction::Ingress,
            rules: specs.iter().map(rule).collect(),
            tags: Tags::default(),
        }
    }
}

pub(super) fn facts(name: &str, addresses: &[&str]) -> Facts {
    Facts {
        fingerprint: format!("machine-{name}"),
        hostname: name.to_owned(),
        addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
        boot_id: "boot-1".to_owned(),
        ..Facts::default()
    }
}

pub(super) fn run(ids: Vec<InstanceId>, inside: Option<(place::Wanted, Draw)>) -> Run {
    Run {
        ids,
        at_least: 1,
        reservation: "r-1".to_owned(),
        wish: Wish::default(),
        tags: Tags::default(),
        is_detailed: false,
        is_termination_protected: false,
        is_stop_protected: false,
        inside,
    }
}

pub(super) fn set(groups: &[&GroupId]) -> BTreeSet<GroupId> {
    groups.iter().map(|id| (*id).clone()).collect()
}

pub(super) fn tcp(port: u16, peer: &str) -> Spec {
    let ports = Ports {
        from: port,
        to: port,
    };
    let peer = match peer.parse() {
        Ok(range) => Peer::V4(range),
        Err(_) => Peer::Group(peer.parse().unwrap()),
    };
    Spec {
        traffic: Traffic::Tcp(ports),
        peer,
    }
}

#[test]
fn a_network_has_a_default_group_and_a_main_route_table_from_its_start() {
    let mut world = World::new();
    let vpc = world.vpc("10.0.0.0/16");
    let networks = world.inventory.networks();
    let group = networks.default_group(&vpc.id).unwrap();
    // Source: VPC User Guide, "Default security groups".
    assert_eq!(group.ingress.len(), 1);
    assert_eq!(group.ingress[0].spec.peer, Peer::Group(group.id.clone()));
    assert_eq!(group.egress[0].spec, Spec::any());
    let tables: Vec<_> = networks.tables_of(&vpc.id).collect();
    assert!(tables.len() == 1 && tables[0].is_main() && tables[0].routes.is_empty());
    world.ok(DeleteVpc(vpc.id.clone()));
    let networks = world.inventory.networks();
    assert!(networks.vpcs.is_empty() && networks.groups.is_empty() && networks.tables.is_empty());
    assert!(matches!(
        world.err(DeleteVpc(vpc.id.clone())),
        Error::NotFound { kind: "vpc", .. }
    ));
}

#[test]
fn what_is_in_a_network_keeps_it() {
    let mut world = World::new();
    let vpc = world.vpc("10.0.0.0/16");
    let subnet = world.subnet(&vpc.id, "10.0.1.0/24");
    let group = world.group(&vpc.id, "web");
    for command in [DeleteVpc(vpc.id.clone()), DeleteVpc(vpc.id.clone())] {
        assert!(matches!(world.err(command), Error::InUse { .. }));
        world
            .inventory
            .apply(world.at, DeleteSubnet(subnet.id.clone()))
            .ok();
    }
    world.ok(DeleteGroup(group.id.clone()));
    world.ok(DeleteVpc(vpc.id.clone()));
}

#[test]
fn subnets_lie_apart_in_their_network() {
    let mut world = World::new();
    let vpc = world.vpc("10.0.0.0/16");
    world.subnet(&vpc.id, "10.0.1.0/24");
    for range in ["10.0.1.0/24", "10.0.0.0/16", "10.0.1.128/25"] {
        let create = world.create_subnet(&vpc.id, range);
        assert!(
            matches!(world.err(create), Error::SubnetConflict { .. }),
            "{range}"
        );
    }
    let create = world.create_subnet(&vpc.id, "10.1.0.0/24");
    assert!(matches!(world.err(create), Error::SubnetRange { .. }));
    world.subnet(&vpc.id, "10.0.2.0/24");
}

#[test]
fn there_is_room_for_as_many_as_the_quotas_say() {
    let mut world = World::new();
    let vpc = world.vpc("10.0.0.0/16");
    for n in 0..SUBNETS_MAX {
        world.subnet(&vpc.id, &format!("10.0.{n}.0/24"));
    }
    let create = world.create_subnet(&vpc.id, "10.0.255.0/24");
    let limit = |kind, limit| Error::Limit { kind, limit };
    assert_eq!(world.err(create), limit("subnet", SUBNETS_MAX));
    for n in 1..VPCS_MAX {
        world.vpc(&format!("10.{n}.0.0/16"));
    }
    let create = world.create_vpc("192.168.0.0/16");
    assert_eq!(world.err(create), limit("vpc", VPCS_MAX));
    let group = world.group(&vpc.id, "web");
    let rules: Vec<_> = (1..=RULES_MAX)
        .map(|port| u16::try_from(port).unwrap())
        .collect();
    let rules: Vec<_> = rules
        .into_iter()
        .map(|port| tcp(port, "10.0.0.0/8"))
        .collect();
    let allow = world.allow(&group.id, &rules);
    world.ok(allow);
    let allow = world.allow(&group.id, &[tcp(1000, "10.0.0.0/8")]);
    assert_eq!(world.err(allow), limit("security-group-rule", RULES_MAX));
    let all = world.inventory.networks().vpcs.iter();
    let all: Vec<_> = all.map(|vpc| vpc.id.clone()).collect();
    for n in world.inventory.networks().groups.len()..GROUPS_MAX {
        world.group(&all[n % all.len()], &format!("group {n}"));
    }
    let create = world.create_group(&vpc.id, "one more");
    assert_eq!(world.err(create), limit("security-group", GROUPS_MAX));
}

#[test]
fn a_groups_name_is_once_in_its_network_and_its_texts_are_in_form() {
    let mut world = World::new();
    let (one, other) = (
        world.vpc("10.0.0.0/16").id.clone(),
        world.vpc("10.1.0.0/16").id.clone(),
    );
    world.group(&one, "web");
    world.group(&other, "web");
    let create = world.create_group(&one, "web");
    assert!(matches!(world.err(create), Error::GroupDuplicate { .. }));
    let create = world.create_group(&one, "default");
    assert_eq!(world.err(create), Error::GroupReserved);
    for name in ["", "sg-web", "web?", "ウェブ", &"w".repeat(256)] {
        let create = world.create_group(&one, name);
        assert_eq!(
            world.err(create),
            Error::GroupText { what: "name" },
            "{name}"
        );
    }
    let create = CreateGroup {
        description: String::new(),
        ..world.create_group(&one, "app")
    };
    assert_eq!(
        world.err(create),
        Error::GroupText {
            what: "description"
        }
    );
}

#[test]
fn a_rule_is_there_once_and_all_are_added_or_none() {
    let mut world = World::new();
    let vpc = world.vpc("10.0.0.0/16").id.clone();
    let group = world.group(&vpc, "web").id.clone();
    let (ssh, web) = (tcp(22, "192.168.0.0/24"), tcp(80, "0.0.0.0/0"));
    let allow = world.allow(&group, std::slice::from_ref(&ssh));
    let made = world.ok(allow);
    assert_eq!(made.len(), 1);
    let allow = world.allow(&group, &[web.clone(), ssh.clone()]);
    assert!(matches!(world.err(allow), Error::RuleDuplicate { .. }));
    let allow = world.allow(&group, &[web.clone(), web.clone()]);
    assert!(matches!(world.err(allow), Error::RuleDuplicate { .. }));
    let own = |world: &World| -> Vec<Rule> {
        world
            .inventory
            .networks()
            .groups
            .get(&group)
            .unwrap()
            .ingress
            .clone()
    };
    assert_eq!(own(&world), made);
    let revoke = |specs: &[Spec], ids: &[RuleId]| Revoke {
        group: group.clone(),
        direction: Direction::Ingress,
        specs: specs.to_vec(),
        ids: ids.to_vec(),
    };
    assert_eq!(
        world.err(revoke(&[ssh.clone(), web.clone()], &[])),
        Error::RuleUnknown
    );
    assert_eq!(own(&world), made);
    let modify = |spec: &Spec| ModifyRules {
        group: group.clone(),
        rules: vec![(
            made[0].id.clone(),
            NewRule {
                spec: spec.clone(),
                description: Some("now of web".to_owned()),
            },
        )],
    };
    world.ok(modify(&web));
    let changed = own(&world);
    assert_eq!((&changed[0].id, &changed[0].spec), (&made[0].id, &web));
    assert_eq!(world.ok(revoke(&[], &[made[0].id.clone()])), changed);
    assert!(own(&world).is_empty());
    let gone = world.err(revoke(&[], &[made[0].id.clone()]));
    assert!(matches!(gone, Error::NotFound { .. }));
}

#[test]
fn a_rule_names_groups_of_its_network_and_keeps_them() {
    let mut world = World::new();
    let (one, other) = (
        world.vpc("10.0.0.0/16").id.clone(),
        world.vpc("10.1.0.0/16").id.clone(),
    );
    let app = world.group(&one, "app").id.clone();
    let db = world.group(&one, "db").id.clone();
    let stranger = world.group(&other, "app").id.clone();
    let allow = world.allow(&db, &[tcp(6001, stranger.as_str())]);
    assert!(matches!(world.err(allow), Error::RuleForeign { .. }));
    let allow = world.allow(&db, &[tcp(6001, "sg-0f1e2d3c4b5a69788")]);
    assert!(matches!(world.err(allow), Error::NotFound { .. }));
    let allow = world.allow(&db, &[tcp(6001, app.as_str()), tcp(22, db.as_str())]);
    world.ok(allow);
    let refused = world.err(DeleteGroup(app.clone()));
    let by = db.to_string();
    assert_eq!(
        refused,
        Error::InUse {
            kind: "security-group",
            id: app.to_string(),
            by
        }
    );
    // One that names itself alone is free to go.
    world.ok(DeleteGroup(db));
    world.ok(DeleteGroup(app));
    let default = world
        .inventory
        .networks()
        .default_group(&one)
        .unwrap()
        .id
        .clone();
    let refused = world.err(DeleteGroup(default.clone()));
    assert_eq!(refused, Error::GroupDefault { id: default });
}

#[test]
fn all_kinds_of_resources_have_tags() {
    let mut world = World::new();
    let vpc = world.vpc("10.0.0.0/16").id.clone();
    let subnet = world.subnet(&vpc, "10.0.1.0/24").id.clone();
    let group = world.inventory.networks().default_group(&vpc).unwrap();
    let targets = vec![
        Target::Rule(group.ingress[0].id.clone()),
        Target::Group(group.id.clone()),
        Target::Table(
            world
                .inventory
                .networks()
                .tables_of(&vpc)
                .next()
                .unwrap()
                .id
                .clone(),
        ),
        Target::Subnet(subnet),
        Target::Vpc(vpc.clone()),
    ];
    let name = ("Name".to_owned(), "本".to_owned());
    world.ok(AddTags {
        targets: targets.clone(),
        tags: vec![name],
    });
    let mut tagged: Vec<_> = world
        .inventory
        .tagged()
        .into_iter()
        .map(|(it, _)| it)
        .collect();
    let mut expected = targets.clone();
    tagged.sort();
    expected.sort();
    assert_eq!(tagged, expected);
    for target in &targets {
        assert_eq!(target.as_str().parse(), Ok(target.clone()));
        let tags = world.inventory.tags_of(target).unwrap();
        assert_eq!(tags.get("Name"), Some("本"));
    }
    world.ok(RemoveTags {
        targets,
        tags: None,
    });
    assert!(world.inventory.tagged().is_empty());
    let gone = Target::Vpc("vpc-1a2b3c4d".parse().unwrap());
    let add = AddTags {
        targets: vec![Target::Vpc(vpc.clone()), gone],
        tags: vec![("a".to_owned(), String::new())],
    };
    assert!(matches!(world.err(add), Error::NotFound { .. }));
    assert!(world.inventory.tagged().is_empty());
}

#[test]
fn what_is_written_down_is_read_back() {
    let mut world = World::new();
    let create = world.create_vpc("10.0.0.0/16");
    let mut rows = BTreeMap::new();
    let mut write = |done: Vec<(String, Option<Row>)>| {
        for (id, row) in done {
            match row {
                Some(row) => rows.insert(id, serde_json::to_vec(&row).unwrap()),
                None => rows.remove(&id),
            };
        }
    };
    let done = world.inventory.apply(world.at, create).unwrap();
    let vpc = done.outcome.id.clone();
    write(done.networks);
    let create = world.create_subnet(&vpc, "10.0.1.0/24");
    let done = world.inventory.apply(world.at, create).unwrap();
    let subnet = done.outcome.id.clone();
    write(done.networks);
    let create = world.create_group(&vpc, "web");
    let done = world.inventory.apply(world.at, create).unwrap();
    let group = done.outcome.id.clone();
    write(done.networks);
    let allow = world.allow(&group, &[tcp(22, "192.168.0.0/24"), tcp(1, group.as_str())]);
    write(world.inventory.apply(world.at, allow).unwrap().networks);
    write(
        world
            .inventory
            .apply(world.at, DeleteSubnet(subnet))
            .unwrap()
            .networks,
    );
    let read = rows
        .values()
        .map(|row| serde_json::from_slice(row).unwrap());
    let read = Networks::of(read.collect());
    let own = world.inventory.networks();
    assert!(read.vpcs.iter().eq(own.vpcs.iter()));
    assert!(read.groups.iter().eq(own.groups.iter()));
    assert!(read.tables.iter().eq(own.tables.iter()));
    assert!(read.subnets.is_empty());
}
