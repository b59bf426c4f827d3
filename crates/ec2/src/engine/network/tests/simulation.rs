//! Networks from a seed: people who make, change and delete all there is of them, hosts that come, report, stop and go,
//! gateways, time, and a process that is restarted.
//!
//! What must hold: an instance is in one network or linked to one, with groups of that network; none that does not run is
//! linked; no two links share an address; a refused command changes nothing; what is written down is all that there is; a
//! plan that has changed has a higher generation, and no generation goes back.

use std::collections::BTreeMap;

use net::{GatewayReport, HostReport, PublicKey};
use proptest::prelude::*;

use super::super::classic::{Attach, Detach, SetClassicLink};
use super::super::group::DeleteGroup;
use super::super::peering::{CreatePeering, MovePeering, Step};
use super::super::place::{SetGroups, Wanted};
use super::super::report::{GatewaySays, HostSays};
use super::super::route::{Put, PutRoute};
use super::super::subnet::DeleteSubnet;
use super::super::vpc::DeleteVpc;
use super::*;
use crate::engine::State;
use crate::engine::command::{Start, Stop, Terminate};
use crate::engine::tick::Tick;

/// A step: what, and which of what there is.
type Choice = (u8, u8, u8, u8);

struct Sim {
    world: World,
    rows: BTreeMap<String, Vec<u8>>,
    instances: BTreeMap<InstanceId, Vec<u8>>,
    /// By network: its plan without generation and endpoints, and the generation that it had.
    plans: BTreeMap<VpcId, (String, u64)>,
    hosts: BTreeMap<InstanceId, u64>,
}

fn pick<T: Clone>(all: impl Iterator<Item = T>, which: u8) -> Option<T> {
    let all: Vec<_> = all.collect();
    all.get(usize::from(which) % all.len().max(1)).cloned()
}

impl Sim {
    /// Two networks that are peered and enabled, with subnets and groups, a host inside each, and two that are linked.
    fn new() -> Self {
        let mut sim = Self {
            world: World::new(),
            rows: BTreeMap::new(),
            instances: BTreeMap::new(),
            plans: BTreeMap::new(),
            hosts: BTreeMap::new(),
        };
        for which in 0..2 {
            sim.step((0, which, 0, 0));
            let range = format!("172.{}.0.0/16", 16 + which);
            let at = sim.position(&range);
            let vpc = sim.vpc(at).unwrap();
            let start = [
                (1, at, 0, 0),
                (2, at, 0, 0),
                (10, at, 1, 0),
                (17, at, 1 + which, 0),
                // One that is outside.
                (12, 1 + which * 2, 50, 0),
            ];
            for choice in start {
                sim.step(choice);
            }
            sim.settle(&vpc, which);
        }
        sim.peer();
        sim.check();
        sim
    }

    /// The place of the network with a range, by id.
    fn position(&self, range: &str) -> u8 {
        let all = self.world.inventory.networks.vpcs.iter();
        let mut all = all.map(|it| it.range.to_string());
        u8::try_from(all.position(|it| it == range).unwrap()).unwrap()
    }

    /// Links all that may be linked to a network, and lets one be inside.
    fn settle(&mut self, vpc: &VpcId, which: u8) {
        let networks = self.world.inventory.networks();
        let group = networks.default_group(vpc).unwrap().id.clone();
        let subnet = networks.subnets_of(vpc).next().unwrap().id.clone();
        let all: Vec<_> = self
            .world
            .inventory
            .iter()
            .map(|it| it.id.clone())
            .collect();
        for id in all {
            let (vpc, groups) = (vpc.clone(), set(&[&group]));
            self.apply(Attach { id, vpc, groups });
        }
        let (id, draw) = (self.world.instance_id(), self.world.draw());
        let groups = BTreeSet::new();
        let inside = Some((Wanted { subnet, groups }, draw));
        self.apply(run(vec![id], inside));
        self.join(which * 2, 7);
    }

    /// Peers the two, with routes on both sides.
    fn peer(&mut self) {
        self.step((7, 0, 1, 0));
        self.step((8, 0, 0, 0));
        let tables = self.world.inventory.networks.tables.iter();
        let tables: Vec<_> = tables.map(|it| it.id.clone()).collect();
        for table in tables {
            let peering = self.peering(0).unwrap();
            let to = "172.16.0.0/12".to_owned();
            let put = Put::New;
            self.apply(PutRoute {
                table,
                to,
                peering,
                put,
            });
        }
    }

    fn vpc(&self, which: u8) -> Option<VpcId> {
        let all = self.world.inventory.networks.vpcs.iter();
        pick(all.map(|it| it.id.clone()), which)
    }

    fn subnet(&self, which: u8) -> Option<SubnetId> {
        let all = self.world.inventory.networks.subnets.iter();
        pick(all.map(|it| it.id.clone()), which)
    }

    fn group(&self, which: u8) -> Option<GroupId> {
        let all = self.world.inventory.networks.groups.iter();
        pick(all.map(|it| it.id.clone()), which)
    }

    fn peering(&self, which: u8) -> Option<PeeringId> {
        let all = self.world.inventory.networks.peerings.iter();
        pick(all.map(|it| it.id.clone()), which)
    }

    fn instance(&self, which: u8) -> Option<InstanceId> {
        pick(self.world.inventory.iter().map(|it| it.id.clone()), which)
    }

    /// Does it, and writes down what has changed; a refused command has changed nothing.
    fn apply<C: Command>(&mut self, command: C) -> Option<C::Outcome> {
        let before = self.world.inventory.clone();
        match self.world.inventory.apply(self.world.at, command) {
            Ok(done) => {
                for (id, row) in &done.networks {
                    match row {
                        Some(row) => self
                            .rows
                            .insert(id.clone(), serde_json::to_vec(row).unwrap()),
                        None => self.rows.remove(id),
                    };
                }
                for id in &done.instances {
                    match self.world.inventory.get(id) {
                        Some(it) => {
                            let row = serde_json::to_vec(it.as_ref()).unwrap();
                            self.instances.insert(id.clone(), row)
                        }
                        None => self.instances.remove(id),
                    };
                }
                Some(done.outcome)
            }
            Err(_) => {
                let after = &self.world.inventory;
                assert!(before.iter().eq(after.iter()));
                let (before, after) = (&before.networks, &after.networks);
                assert!(before.vpcs.iter().eq(after.vpcs.iter()));
                assert!(before.groups.iter().eq(after.groups.iter()));
                assert!(before.tables.iter().eq(after.tables.iter()));
                assert!(before.peerings.iter().eq(after.peerings.iter()));
                None
            }
        }
    }

    fn step(&mut self, (what, a, b, c): Choice) -> Option<()> {
        match what % 20 {
            0 => {
                let ranges = [
                    "172.16.0.0/16",
                    "172.17.0.0/16",
                    "10.9.0.0/16",
                    "172.16.1.0/24",
                ];
                let create = self.world.create_vpc(ranges[usize::from(a) % 4]);
                self.apply(create).map(drop)
            }
            1 => {
                let vpc = self.vpc(a)?;
                let range = self.world.inventory.networks.vpcs.get(&vpc).ok()?.range;
                let base = u32::from(range.network()) + u32::from(b % 4) * 16;
                let range = format!("{}/28", Ipv4Addr::from(base));
                let create = self.world.create_subnet(&vpc, &range);
                self.apply(create).map(drop)
            }
            2 => {
                let create = self
                    .world
                    .create_group(&self.vpc(a)?, &format!("g{}", b % 4));
                self.apply(create).map(drop)
            }
            3 => {
                let (group, other) = (self.group(a)?, self.group(b)?);
                let allow = self
                    .world
                    .allow(&group, &[tcp(u16::from(c), other.as_str())]);
                self.apply(allow).map(drop)
            }
            4 => self.apply(DeleteVpc(self.vpc(a)?)),
            5 => self.apply(DeleteSubnet(self.subnet(a)?)),
            6 => self.apply(DeleteGroup(self.group(a)?)),
            7 => {
                let (vpc, peer) = (self.vpc(a)?, self.vpc(b)?);
                let ask: CreatePeering = self.world.ask(&vpc, &peer);
                self.apply(ask).map(drop)
            }
            8 => {
                let id = self.peering(a)?;
                let step = [Step::Accept, Step::Accept, Step::Reject, Step::Delete];
                let step = step[usize::from(b) % 4];
                self.apply(MovePeering { id, step }).map(drop)
            }
            9 => {
                let table = pick(self.world.inventory.networks.tables.iter(), a)?
                    .id
                    .clone();
                let to = ["172.16.0.0/12", "10.0.0.0/16", "192.168.0.0/16"][usize::from(c) % 3];
                let to = to.to_owned();
                let peering = self.peering(b)?;
                let put = Put::New;
                self.apply(PutRoute {
                    table,
                    to,
                    peering,
                    put,
                })
            }
            10 => {
                let vpc = self.vpc(a)?;
                let is_on = b % 4 != 0;
                self.apply(SetClassicLink { vpc, is_on })
            }
            11 => {
                let id = self.world.instance_id();
                let draw = self.world.draw();
                let inside = self.subnet(a).filter(|_| b % 3 != 0).map(|subnet| {
                    let groups = self.group(c).filter(|_| b % 2 == 0).into_iter().collect();
                    (Wanted { subnet, groups }, draw)
                });
                self.apply(run(vec![id], inside)).map(drop)
            }
            12 => self.join(a, b),
            13 | 14 => {
                let (id, vpc) = (self.instance(a)?, self.vpc(b)?);
                let groups = set(&[&self.group(c)?]);
                self.apply(Attach { id, vpc, groups })
            }
            15 => {
                let (id, vpc) = (self.instance(a)?, self.vpc(b)?);
                self.apply(Detach { id, vpc })
            }
            16 => {
                let ids = vec![self.instance(a)?];
                match b % 3 {
                    0 => self.apply(Start(ids)).map(drop),
                    1 => self
                        .apply(Stop {
                            ids,
                            is_forced: c % 2 == 0,
                        })
                        .map(drop),
                    _ => self
                        .apply(Terminate {
                            ids,
                            is_forced: c % 2 == 0,
                        })
                        .map(drop),
                }
            }
            17 => {
                let vpc = self.vpc(a)?;
                let plan = self.world.inventory.gateway_plan(&vpc).unwrap();
                let report = GatewayReport {
                    network: vpc.to_string(),
                    key: PublicKey::new([b % 4; 32]),
                    endpoint: "203.0.113.1:1".to_owned(),
                    inside: None,
                    generation: plan.generation,
                    problem: None,
                    peers: Vec::new(),
                    refused: 0,
                    refusals: net::Refusals::default(),
                    recent: Vec::new(),
                };
                self.apply(GatewaySays { vpc, report })
            }
            18 => {
                let id = self.instance(a)?;
                let own = self.world.get(&id).member.clone()?.access_key_id?;
                let report = HostReport {
                    key: PublicKey::new([b % 8; 32]),
                    generation: 0,
                    problem: None,
                    handshake_ms_ago: None,
                };
                let access_key_id = own;
                self.apply(HostSays {
                    id,
                    access_key_id,
                    report,
                })
            }
            _ => {
                self.world.advance(u64::from(a) * 600);
                let id = self.instance(b)?;
                let groups = set(&[&self.group(c)?]);
                self.apply(SetGroups { id, groups });
                self.apply(Tick)
            }
        }
    }

    /// An agent joins as an instance that waits, or as a new one, or is heard of again.
    fn join(&mut self, which: u8, address: u8) -> Option<()> {
        let waiting = self.world.inventory.iter().filter(|it| it.member.is_none());
        let waiting = waiting.filter(|it| it.state == State::Pending);
        let instance =
            pick(waiting.map(|it| it.id.clone()), which).filter(|_| which.is_multiple_of(2));
        let name = match &instance {
            Some(id) => id.to_string(),
            None => format!("free-{}", which % 4),
        };
        let key_id = format!("e-{name}");
        let address = format!("172.{}.0.{}", 16 + which / 2 % 2, address % 16);
        let facts = Facts {
            boot_id: format!("boot-{}", address.len()),
            ..facts(&name, &[&address])
        };
        let until = self.world.at.plus(Duration::from_secs(60));
        self.apply(Enrol {
            key_id: key_id.clone(),
            instance,
            subnet: self.subnet(which).filter(|_| which.is_multiple_of(5)),
            until,
            is_first_only: false,
        })?;
        let join = Join {
            key_id,
            reservation: "r-1".to_owned(),
            draw: self.world.draw(),
            new_id: self.world.instance_id(),
            secret_hash: name.clone(),
            run: format!("run-{name}"),
            facts: facts.clone(),
            doubt: Doubt::Refuse,
        };
        let id = self.apply(join)?.id;
        let access_key_id = format!("key-{name}");
        self.apply(Given {
            id: id.clone(),
            secret_hash: name.clone(),
            access_key_id: access_key_id.clone(),
        })?;
        self.apply(Sync {
            id,
            access_key_id,
            run: format!("run-{name}"),
            facts: Some(facts),
            done: Vec::new(),
        })
        .map(drop)
    }

    fn check(&mut self) {
        let inventory = &self.world.inventory;
        let networks = inventory.networks();
        let mut addresses = BTreeSet::new();
        for instance in inventory.iter() {
            let place = &instance.place;
            assert!(place.inside.is_none() || place.link.is_none());
            for id in place.groups() {
                assert_eq!(Some(&networks.groups.get(id).unwrap().vpc), place.vpc());
            }
            if let Some(inside) = &place.inside {
                let subnet = networks.subnets.get(&inside.subnet).unwrap();
                assert_eq!((&subnet.vpc, subnet.range), (&inside.vpc, inside.range));
                assert_ne!(instance.state, State::Terminated);
            }
            if let Some(link) = &place.link {
                assert!(matches!(
                    instance.state,
                    State::Running | State::Stopping | State::ShuttingDown
                ));
                let vpc = networks.vpcs.get(&link.vpc).unwrap();
                assert!(vpc.has_classic_link && !vpc.range.contains(&link.address));
                assert!(addresses.insert(link.address), "{}", link.address);
                assert_eq!(place.outside, Some(link.address));
            }
        }
        self.check_keys();
        self.check_plans();
    }

    fn check_keys(&self) {
        let inventory = &self.world.inventory;
        let staying = inventory.iter().filter(|it| it.state != State::Terminated);
        let hosts = staying.filter_map(|it| it.place.key);
        let gateways = inventory.networks.vpcs.iter();
        let gateways = gateways.filter_map(|vpc| Some(vpc.gateway.as_ref()?.key));
        let all: Vec<_> = hosts.chain(gateways).collect();
        let once: BTreeSet<_> = all.iter().collect();
        assert_eq!(once.len(), all.len());
    }

    fn check_plans(&mut self) {
        let inventory = &self.world.inventory;
        for vpc in inventory.networks.vpcs.iter() {
            let mut plan = inventory.gateway_plan(&vpc.id).unwrap();
            plan.links.iter_mut().for_each(|link| link.endpoint = None);
            let generation = std::mem::take(&mut plan.generation);
            let plan = serde_json::to_string(&plan).unwrap();
            if let Some((before, old)) = self.plans.get(&vpc.id) {
                assert!(generation >= *old);
                assert!(plan == *before || generation > *old, "{}", vpc.id);
            }
            self.plans.insert(vpc.id.clone(), (plan, generation));
        }
        for instance in inventory.iter() {
            let generation = inventory.host_plan(&instance.id).unwrap().generation;
            let old = self.hosts.insert(instance.id.clone(), generation);
            assert!(old.is_none_or(|old| generation >= old), "{}", instance.id);
        }
    }

    /// The process is restarted: what is written down is all that there is.
    fn restart(&mut self) {
        let rows = self
            .rows
            .values()
            .map(|row| serde_json::from_slice(row).unwrap());
        let networks = Networks::of(rows.collect());
        let own = &self.world.inventory;
        assert!(networks.vpcs.iter().eq(own.networks.vpcs.iter()));
        assert!(networks.subnets.iter().eq(own.networks.subnets.iter()));
        assert!(networks.groups.iter().eq(own.networks.groups.iter()));
        assert!(networks.tables.iter().eq(own.networks.tables.iter()));
        assert!(networks.peerings.iter().eq(own.networks.peerings.iter()));
        let instances = self.instances.values();
        let instances = instances.map(|row| serde_json::from_slice::<Instance>(row).unwrap());
        let instances: Vec<_> = instances.collect();
        assert!(own.iter().map(AsRef::as_ref).eq(instances.iter()));
        let heard = own
            .iter()
            .filter_map(|it| Some((it.id.clone(), own.heard(&it.id)?)));
        let heard = heard.collect();
        let (rules, at) = (Rules::default(), self.world.at);
        let enrolments = Vec::new();
        self.world.inventory = Inventory::new(rules, instances, enrolments, networks, heard, at);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_done_networks_stay_sound(
        choices in prop::collection::vec(any::<Choice>(), 1..150),
    ) {
        let mut sim = Sim::new();
        for choice in choices {
            sim.step(choice);
            sim.check();
            if choice.1 % 16 == 0 {
                sim.restart();
                sim.check();
            }
        }
    }
}

#[test]
fn it_begins_with_links_and_a_peering() {
    let sim = Sim::new();
    let inventory = &sim.world.inventory;
    let vpcs: Vec<_> = inventory
        .networks
        .vpcs
        .iter()
        .map(|it| it.id.clone())
        .collect();
    assert_eq!(vpcs.len(), 2);
    let links = inventory.iter().filter(|it| it.place.link.is_some());
    assert!(links.count() >= 2);
    for vpc in &vpcs {
        let plan = inventory.gateway_plan(vpc).unwrap();
        assert!(!plan.peerings.is_empty(), "{plan:?}");
    }
    let inside = inventory.iter().filter(|it| it.place.inside.is_some());
    assert!(inside.filter(|it| it.private_address().is_some()).count() >= 1);
}
