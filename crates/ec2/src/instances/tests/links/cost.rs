//! What one link more costs where there are as many as a gateway carries.

use super::*;
use crate::engine::network::classic::LINKS_MAX;
use crate::engine::network::report::GatewaySays;

/// `cargo test -p shukuba-ec2 --lib -- --ignored --nocapture cost_of_a_change`: what one link more costs where there are as
/// many as a gateway carries, all of which wait for their plans.
#[tokio::test]
#[ignore = "a measurement"]
async fn cost_of_a_change_of_a_network() {
    for links in [100, LINKS_MAX] {
        let busy = Busy::new(links).await;
        busy.measure().await;
    }
}

/// A network with so many linked hosts that have keys, but for the last, which is not linked yet.
struct Busy {
    world: World,
    vpc: VpcId,
    group: GroupId,
    hosts: Vec<JoinAnswer>,
    clock: base::SystemClock,
}

impl Busy {
    async fn new(links: usize) -> Self {
        let world = World::new();
        let key = world.key().await;
        let (vpc, group) = world.network().await;
        let mut hosts = Vec::new();
        for n in 0..links {
            let joined = world.join(&key, &format!("web-{n}")).await.unwrap();
            world.report(&joined, &[]).await.unwrap();
            if n + 1 < links {
                world.attach(&joined.instance, &vpc, &group).await;
            }
            hosts.push(joined);
        }
        let busy = Self {
            world,
            vpc,
            group,
            hosts,
            clock: base::SystemClock::new(),
        };
        for n in 0..links {
            busy.ask(n, 0, Duration::ZERO).await;
        }
        busy
    }

    /// A host's question for its plan.
    async fn ask(&self, n: usize, generation: u64, wait: Duration) -> Option<net::HostPlan> {
        let own = self.hosts.get(n).unwrap();
        let report = HostReport {
            key: key_of(n),
            ..host(generation)
        };
        let (id, key) = (&own.instance, &own.access_key_id);
        let plan = self.world.instances.serve_host(id, key, report, wait).await;
        plan.unwrap()
    }

    /// What the gateway says of all of them.
    fn report(&self, generation: u64) -> GatewayReport {
        let peer = |n: usize| net::plan::PeerReport {
            key: key_of(n),
            endpoint: Some("192.0.2.1:9500".parse().unwrap()),
            handshake_ms_ago: Some(1_000),
            is_up: true,
            received: 1,
            sent: 1,
        };
        GatewayReport {
            peers: (0..self.hosts.len()).map(peer).collect(),
            ..gateway(&self.vpc, generation)
        }
    }

    async fn measure(&self) {
        let instances = &self.world.instances;
        serve(instances, self.report(0)).await.unwrap();
        let before = serve(instances, self.report(0)).await.unwrap();
        let linked = self.hosts.len() - 1;
        let mut waiting = Vec::new();
        for n in 0..linked {
            let plan = self.ask(n, 0, Duration::ZERO).await.unwrap();
            waiting.push(self.ask(n, plan.generation, WAIT));
        }
        let waiting = futures_util::future::join_all(waiting);
        let gateway = async {
            let plan = serve(instances, self.report(before.generation)).await;
            (plan.unwrap(), self.clock.monotonic())
        };
        let hosts = async {
            let plans = waiting.await;
            (plans, self.clock.monotonic())
        };
        let attach = async {
            tokio::task::yield_now().await;
            let began = self.clock.monotonic();
            let last = &self.hosts.last().unwrap().instance;
            self.world.attach(last, &self.vpc, &self.group).await;
            (began, self.clock.monotonic())
        };
        let ((plan, told), (_, all_told), (began, done)) = tokio::join!(gateway, hosts, attach);
        assert_eq!(plan.links.len(), linked + 1);
        println!(
            "{} links: a plan of {} bytes; done after {:?}, its gateway told after {:?}, all hosts after {:?}",
            plan.links.len(),
            serde_json::to_vec(&plan).unwrap().len(),
            done - began,
            told - began,
            all_told - began,
        );
        let span = |name: &str, what: &dyn Fn()| {
            let began = self.clock.monotonic();
            (0..10).for_each(|_| what());
            println!("  {name}: {:?}", (self.clock.monotonic() - began) / 10);
        };
        span("a plan computed", &|| {
            let plan = instances.inventory.lock().gateway_plan(&self.vpc);
            assert!(plan.is_ok());
        });
        let last = &self.hosts.last().unwrap().instance;
        span("a host's plan computed", &|| {
            assert!(instances.inventory.lock().host_plan(last).is_ok());
        });
        let says = GatewaySays {
            vpc: self.vpc.clone(),
            report: self.report(plan.generation),
        };
        span("a gateway's report taken", &|| {
            let at = instances.now();
            instances.inventory.lock().gateway_again(at, &says);
        });
    }
}

fn key_of(n: usize) -> PublicKey {
    let mut bytes = [9; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    PublicKey::new(bytes)
}
