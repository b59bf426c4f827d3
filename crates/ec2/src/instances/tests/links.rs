//! Gateways and hosts that wait for plans, over real tables.

use std::collections::BTreeSet;

use net::{GatewayPlan, GatewayReport, HostReport, PublicKey};

use super::*;
use crate::engine::network::classic::{Attach, SetClassicLink};
use crate::engine::network::group::CreateGroup;
use crate::engine::network::vpc::CreateVpc;
use crate::engine::network::{GroupId, VpcId};
use crate::instances::new_draw;

mod cost;

/// For what comes at once: as long as a test may take.
const WAIT: Duration = Duration::from_secs(25);

impl World {
    /// A network that is enabled, with a group.
    async fn network(&self) -> (VpcId, GroupId) {
        let vpc = CreateVpc {
            draw: new_draw(),
            range: "172.16.0.0/16".to_owned(),
            tags: Tags::default(),
        };
        let vpc = self.instances.change(vpc).await.unwrap().id.clone();
        let group = CreateGroup {
            draw: new_draw(),
            vpc: vpc.clone(),
            name: "web".to_owned(),
            description: "for a test".to_owned(),
            tags: Tags::default(),
        };
        let group = self.instances.change(group).await.unwrap().id.clone();
        let enable = SetClassicLink {
            vpc: vpc.clone(),
            is_on: true,
        };
        self.instances.change(enable).await.unwrap();
        (vpc, group)
    }

    async fn attach(&self, id: &InstanceId, vpc: &VpcId, group: &GroupId) {
        let attach = Attach {
            id: id.clone(),
            vpc: vpc.clone(),
            groups: BTreeSet::from([group.clone()]),
        };
        self.instances.change(attach).await.unwrap();
    }
}

fn gateway(vpc: &VpcId, generation: u64) -> GatewayReport {
    GatewayReport {
        network: vpc.to_string(),
        key: PublicKey::new([1; 32]),
        endpoint: "203.0.113.1:51820".to_owned(),
        inside: None,
        generation,
        problem: None,
        peers: Vec::new(),
        refused: 0,
        refusals: net::Refusals::default(),
        recent: Vec::new(),
    }
}

fn host(generation: u64) -> HostReport {
    HostReport {
        key: PublicKey::new([7; 32]),
        generation,
        problem: None,
        handshake_ms_ago: None,
    }
}

/// Without waiting.
async fn ask(instances: &Instances, report: GatewayReport) -> Option<GatewayPlan> {
    instances
        .serve_network(report, Duration::ZERO)
        .await
        .unwrap()
}

async fn serve(instances: &Instances, report: GatewayReport) -> Option<GatewayPlan> {
    instances.serve_network(report, WAIT).await.unwrap()
}

#[tokio::test]
async fn who_has_the_plan_waits_until_it_is_another() {
    let world = World::new();
    let key = world.key().await;
    let joined = world.join(&key, "web").await.unwrap();
    world.report(&joined, &[]).await.unwrap();
    let (vpc, group) = world.network().await;
    let first = serve(&world.instances, gateway(&vpc, 0)).await.unwrap();
    assert!(first.links.is_empty());
    let nothing = ask(&world.instances, gateway(&vpc, first.generation)).await;
    assert_eq!(nothing, None);
    let waiting = serve(&world.instances, gateway(&vpc, first.generation));
    let linking = async {
        tokio::task::yield_now().await;
        world.attach(&joined.instance, &vpc, &group).await;
    };
    let (plan, ()) = tokio::join!(waiting, linking);
    let plan = plan.unwrap();
    assert_eq!(plan.links[0].instance, joined.instance.to_string());
    assert!(plan.generation > first.generation);
}

#[tokio::test]
async fn a_server_that_stops_answers_those_that_wait() {
    let world = World::new();
    let (vpc, _) = world.network().await;
    let first = serve(&world.instances, gateway(&vpc, 0)).await.unwrap();
    let report = || gateway(&vpc, first.generation);
    let for_ever = Duration::from_secs(1_000_000);
    let waiting = world.instances.serve_network(report(), for_ever);
    let stopping = async {
        tokio::task::yield_now().await;
        world.instances.end_waits();
    };
    let (plan, ()) = tokio::join!(waiting, stopping);
    assert_eq!(plan.unwrap(), None);
    let late = world.instances.serve_network(report(), for_ever).await;
    assert_eq!(late.unwrap(), None);
}

#[tokio::test]
async fn a_host_hears_of_its_link_and_of_its_end() {
    let world = World::new();
    let key = world.key().await;
    let joined = world.join(&key, "web").await.unwrap();
    world.report(&joined, &[]).await.unwrap();
    let (vpc, group) = world.network().await;
    serve(&world.instances, gateway(&vpc, 0)).await;
    let (id, own) = (&joined.instance, &joined.access_key_id);
    world.attach(id, &vpc, &group).await;
    let ask = |generation| world.instances.serve_host(id, own, host(generation), WAIT);
    let plan = ask(0).await.unwrap().unwrap();
    let link = plan.link.unwrap();
    assert_eq!(
        (link.network, link.key),
        (vpc.to_string(), Some(PublicKey::new([7; 32])))
    );
    let stop = async {
        tokio::task::yield_now().await;
        world.instances.goodbye(id, own, "run").await.unwrap();
    };
    let (told, ()) = tokio::join!(ask(plan.generation), stop);
    let told = told.unwrap().unwrap();
    assert_eq!(told.link, None);
    assert!(told.generation > plan.generation);
    let stranger = world.instances.serve_host(id, "other", host(0), WAIT).await;
    assert!(matches!(
        stranger,
        Err(Error::Refused(engine::Error::NotYours { .. }))
    ));
}

#[tokio::test]
async fn plans_and_keys_are_there_after_a_restart() {
    let world = World::new();
    let key = world.key().await;
    let joined = world.join(&key, "web").await.unwrap();
    world.report(&joined, &[]).await.unwrap();
    let (vpc, group) = world.network().await;
    let (id, own) = (&joined.instance, &joined.access_key_id);
    world.attach(id, &vpc, &group).await;
    world
        .instances
        .serve_host(id, own, host(0), WAIT)
        .await
        .unwrap();
    serve(&world.instances, gateway(&vpc, 0)).await.unwrap();
    let plan = serve(&world.instances, gateway(&vpc, 0)).await.unwrap();
    assert_eq!(plan.links[0].key, Some(PublicKey::new([7; 32])));
    assert!(world.instances.gateway_report(&vpc).is_some());
    let world = world.restart();
    assert!(world.instances.gateway_report(&vpc).is_none());
    let again = ask(&world.instances, gateway(&vpc, plan.generation)).await;
    assert_eq!(again, None, "it is the same plan, of the same generation");
    let again = serve(&world.instances, gateway(&vpc, 0)).await.unwrap();
    assert_eq!(again, plan);
    let told = world
        .instances
        .serve_host(id, own, host(0), WAIT)
        .await
        .unwrap();
    let told = told.unwrap().link.unwrap();
    assert_eq!(told.gateway.unwrap().key, PublicKey::new([1; 32]));
    // Its agent is told to stop, and the end of its link is known with that.
    let stop = crate::engine::command::Stop {
        ids: vec![id.clone()],
        is_forced: true,
    };
    world.instances.change(stop).await.unwrap();
    let world = world.restart();
    let plan = serve(&world.instances, gateway(&vpc, 0)).await.unwrap();
    assert!(plan.links.is_empty());
}
