//! Peerings and the routes to what is behind them.

use super::super::classic::SetClassicLink;
use super::super::id::AssociationId;
use super::super::peering::{
    CreatePeering, EXPIRED_FOR, MovePeering, NewOptions, OVER_FOR, PEERINGS_MAX, PENDING_FOR,
    Peering, SetOptions, Stage, Step,
};
use super::super::route::{
    Associate, CreateTable, DeleteRoute, DeleteTable, Disassociate, Put, PutRoute, ROUTES_MAX,
    Reassociate, RouteTable, TABLES_MAX,
};
use super::super::vpc::DeleteVpc;
use super::*;
use crate::engine::tick::Tick;

impl World {
    pub(super) fn ask(&mut self, vpc: &VpcId, peer: &VpcId) -> CreatePeering {
        CreatePeering {
            draw: self.draw(),
            vpc: vpc.clone(),
            peer: peer.to_string(),
            peer_owner: "123456789012".to_owned(),
            owner: "123456789012".to_owned(),
            is_elsewhere: false,
            tags: Tags::default(),
        }
    }

    pub(super) fn step(&mut self, id: &PeeringId, step: Step) -> Arc<Peering> {
        let id = id.clone();
        self.ok(MovePeering { id, step })
    }

    /// A peering that is there.
    pub(super) fn peered(&mut self, vpc: &VpcId, peer: &VpcId) -> PeeringId {
        let ask = self.ask(vpc, peer);
        let id = self.ok(ask).id.clone();
        self.step(&id, Step::Accept);
        id
    }

    pub(super) fn main_table(&self, vpc: &VpcId) -> Arc<RouteTable> {
        let mut all = self.inventory.networks().tables_of(vpc);
        Arc::clone(all.find(|table| table.is_main()).unwrap())
    }

    pub(super) fn route(&mut self, vpc: &VpcId, to: &str, peering: &PeeringId) {
        let table = self.main_table(vpc).id.clone();
        self.ok(put(&table, to, peering, Put::New));
    }

    fn table(&mut self, vpc: &VpcId) -> TableId {
        let create = CreateTable {
            draw: self.draw(),
            vpc: vpc.clone(),
            tags: Tags::default(),
        };
        self.ok(create).id.clone()
    }

    fn two(&mut self) -> (VpcId, VpcId) {
        let one = self.vpc("172.16.0.0/16").id.clone();
        (one, self.vpc("172.17.0.0/16").id.clone())
    }
}

fn put(table: &TableId, to: &str, peering: &PeeringId, put: Put) -> PutRoute {
    PutRoute {
        table: table.clone(),
        to: to.to_owned(),
        peering: peering.clone(),
        put,
    }
}

#[test]
fn a_peering_waits_for_the_other_side_for_seven_days() {
    let mut world = World::new();
    let (one, other) = world.two();
    let ask = world.ask(&one, &other);
    let asked = world.ok(ask);
    assert_eq!(asked.stage, Stage::PendingAcceptance);
    assert_eq!(asked.until, world.at.plus(PENDING_FOR));
    let again = world.ask(&other, &one);
    let duplicate = Error::PeeringDuplicate {
        id: asked.id.clone(),
    };
    assert_eq!(world.err(again), duplicate);
    world.advance(PENDING_FOR.as_secs());
    let late = world.err(MovePeering {
        id: asked.id.clone(),
        step: Step::Accept,
    });
    assert!(matches!(late, Error::Stage { .. }));
    world.ok(Tick);
    let stage = |world: &World| {
        let found = world.inventory.networks().peerings.get(&asked.id);
        found.map(|it| it.stage).ok()
    };
    assert_eq!(stage(&world), Some(Stage::Expired));
    world.advance(EXPIRED_FOR.as_secs() - 1);
    assert!(!world.inventory.is_due(world.at));
    world.advance(1);
    world.ok(Tick);
    assert_eq!(stage(&world), None);
}

#[test]
fn a_peering_goes_from_state_to_state_as_it_may() {
    let mut world = World::new();
    let (one, other) = world.two();
    for (steps, last, refused) in [
        (
            &[Step::Accept][..],
            Stage::Active,
            &[Step::Accept, Step::Reject][..],
        ),
        (
            &[Step::Reject],
            Stage::Rejected,
            &[Step::Accept, Step::Reject, Step::Delete],
        ),
        (
            &[Step::Delete],
            Stage::Deleted,
            &[Step::Accept, Step::Reject, Step::Delete],
        ),
        (
            &[Step::Accept, Step::Delete],
            Stage::Deleted,
            &[Step::Accept, Step::Delete],
        ),
    ] {
        let ask = world.ask(&one, &other);
        let id = world.ok(ask).id.clone();
        for step in steps {
            world.step(&id, *step);
        }
        let peering = world.inventory.networks().peerings.get(&id).unwrap();
        assert_eq!(peering.stage, last);
        for step in refused {
            let id = id.clone();
            let step = *step;
            let refused = world.err(MovePeering { id, step });
            assert!(matches!(refused, Error::Stage { .. }), "{last:?} {step:?}");
        }
        if last == Stage::Active {
            assert!(matches!(
                world.err(DeleteVpc(one.clone())),
                Error::InUse { .. }
            ));
            world.step(&id, Step::Delete);
        }
    }
    world.advance(OVER_FOR.as_secs());
    world.ok(Tick);
    assert!(world.inventory.networks().peerings.is_empty());
}

#[test]
fn ranges_that_overlap_and_networks_that_are_not_there_fail() {
    let mut world = World::new();
    let (one, other) = world.two();
    let same = world.vpc("172.16.128.0/20").id.clone();
    let elsewhere = CreatePeering {
        is_elsewhere: true,
        ..world.ask(&one, &other)
    };
    let others = CreatePeering {
        peer_owner: "999999999999".to_owned(),
        ..world.ask(&one, &other)
    };
    for ask in [
        world.ask(&one, &same),
        world.ask(&one, &one),
        elsewhere,
        others,
    ] {
        let peering = world.ok(ask);
        assert_eq!(peering.stage, Stage::Failed);
        let step = Step::Accept;
        let id = peering.id.clone();
        assert!(matches!(
            world.err(MovePeering { id, step }),
            Error::Stage { .. }
        ));
    }
    let missing = world.ask(&one, &"vpc-1a2b3c4d".parse().unwrap());
    assert!(matches!(world.err(missing), Error::NotFound { .. }));
}

#[test]
fn a_network_has_at_most_as_many_peerings_and_tables_and_routes() {
    let mut world = World::new();
    let hub = world.vpc("172.16.0.0/16").id.clone();
    let limit = |kind, limit| Error::Limit { kind, limit };
    let mut last = None;
    for n in 0..PEERINGS_MAX {
        let spoke = world.vpc(&format!("192.168.{n}.0/24")).id.clone();
        last = Some(world.peered(&hub, &spoke));
    }
    let spoke = world.vpc("192.168.200.0/24").id.clone();
    for ask in [world.ask(&hub, &spoke), world.ask(&spoke, &hub)] {
        assert_eq!(
            world.err(ask),
            limit("vpc-peering-connection", PEERINGS_MAX)
        );
    }
    let (table, last) = (world.main_table(&hub).id.clone(), last.unwrap());
    for n in 0..ROUTES_MAX {
        world.ok(put(&table, &format!("192.168.{n}.0/24"), &last, Put::New));
    }
    let more = put(&table, "192.168.200.0/24", &last, Put::New);
    assert_eq!(world.err(more), limit("route", ROUTES_MAX));
    for _ in 1..TABLES_MAX {
        world.table(&hub);
    }
    let create = CreateTable {
        draw: world.draw(),
        vpc: hub,
        tags: Tags::default(),
    };
    assert_eq!(world.err(create), limit("route-table", TABLES_MAX));
}

#[test]
fn a_route_leads_to_a_network_that_is_peered_and_never_to_its_own() {
    let mut world = World::new();
    let (one, other) = world.two();
    let third = world.vpc("172.18.0.0/16").id.clone();
    let (pcx, foreign) = (world.peered(&one, &other), world.peered(&other, &third));
    let table = world.main_table(&one).id.clone();
    for to in ["172.16.0.0/16", "172.16.1.0/24"] {
        let refused = world.err(put(&table, to, &pcx, Put::New));
        assert!(matches!(refused, Error::RouteInside { .. }), "{to}");
    }
    let refused = world.err(put(&table, "172.18.0.0/16", &foreign, Put::New));
    assert!(matches!(refused, Error::Apart { .. }));
    let refused = world.err(put(&table, "172.17.0.0/16", &pcx, Put::Instead));
    assert!(matches!(refused, Error::RouteUnknown { .. }));
    world.ok(put(&table, "172.17.0.0/16", &pcx, Put::New));
    let refused = world.err(put(&table, "172.17.0.9/16", &pcx, Put::New));
    assert!(matches!(refused, Error::RouteDuplicate { .. }));
    world.ok(put(&table, "172.17.0.0/16", &pcx, Put::Instead));
    assert_eq!(world.main_table(&one).routes.len(), 1);
    let delete = |to: &str| DeleteRoute {
        table: table.clone(),
        to: to.to_owned(),
    };
    assert!(matches!(
        world.err(delete("172.18.0.0/16")),
        Error::RouteUnknown { .. }
    ));
    world.ok(delete("172.17.0.0/16"));
    world.step(&pcx, Step::Delete);
    let refused = world.err(put(&table, "172.17.0.0/16", &pcx, Put::New));
    assert!(matches!(refused, Error::Stage { .. }));
}

#[test]
fn a_route_among_hosts_outside_and_links_exclude_one_another() {
    let mut world = World::new();
    let (one, _) = world.two();
    let other = world.vpc("10.0.0.0/16").id.clone();
    let pcx = world.peered(&one, &other);
    let table = world.main_table(&one).id.clone();
    let set = |is_on| SetClassicLink {
        vpc: one.clone(),
        is_on,
    };
    world.ok(set(true));
    let refused = world.err(put(&table, "10.0.0.0/16", &pcx, Put::New));
    assert!(matches!(refused, Error::OutsideConflict { .. }));
    world.ok(set(false));
    world.ok(put(&table, "10.0.0.0/16", &pcx, Put::New));
    assert!(matches!(
        world.err(set(true)),
        Error::OutsideConflict { .. }
    ));
}

#[test]
fn one_table_counts_for_a_subnet_and_the_main_one_for_all_others() {
    let mut world = World::new();
    let (one, other) = world.two();
    let subnet = world.subnet(&one, "172.16.1.0/24").id.clone();
    let (own, stranger) = (world.table(&one), world.table(&other));
    let counts = |world: &World| {
        let table = world.inventory.networks().table_for(&one, &subnet);
        table.unwrap().id.clone()
    };
    let main = world.main_table(&one).id.clone();
    assert_eq!(counts(&world), main);
    let associate = |world: &mut World, table: &TableId| Associate {
        draw: world.draw(),
        table: table.clone(),
        subnet: subnet.clone(),
    };
    let refused = associate(&mut world, &stranger);
    assert!(matches!(world.err(refused), Error::Apart { .. }));
    let held = associate(&mut world, &own);
    let held = world.ok(held);
    assert_eq!(counts(&world), own);
    let refused = associate(&mut world, &main);
    assert!(matches!(world.err(refused), Error::Associated { .. }));
    assert!(matches!(
        world.err(DeleteTable(own.clone())),
        Error::InUse { .. }
    ));
    assert!(matches!(
        world.err(DeleteTable(main.clone())),
        Error::InUse { .. }
    ));
    let replace = |world: &mut World, id: &AssociationId, table: &TableId| Reassociate {
        draw: world.draw(),
        id: id.clone(),
        table: table.clone(),
    };
    let third = world.table(&one);
    let command = replace(&mut world, &held, &third);
    let held = world.ok(command);
    assert_eq!(counts(&world), third);
    world.ok(DeleteTable(own.clone()));
    world.ok(Disassociate(held.clone()));
    assert_eq!(counts(&world), main);
    assert!(matches!(
        world.err(Disassociate(held)),
        Error::NotFound { .. }
    ));
    let as_main = world.main_table(&one).main.clone().unwrap();
    let refused = world.err(Disassociate(as_main.clone()));
    assert!(matches!(refused, Error::MainAssociation { .. }));
    let command = replace(&mut world, &as_main, &third);
    world.ok(command);
    assert_eq!(counts(&world), third);
    world.ok(DeleteTable(main));
}

#[test]
fn options_are_for_a_peering_that_is_there() {
    let mut world = World::new();
    let (one, other) = world.two();
    let ask = world.ask(&one, &other);
    let id = world.ok(ask).id.clone();
    let set = SetOptions {
        id: id.clone(),
        requester: Some(NewOptions {
            links_out: Some(true),
            ..NewOptions::default()
        }),
        accepter: None,
    };
    assert!(matches!(
        world.err(set.clone()),
        Error::Stage { to: "modified", .. }
    ));
    world.step(&id, Step::Accept);
    let after = world.ok(set);
    assert!(after.requester.options.lets_links_out && !after.accepter.options.lets_links_out);
}
