//! A host and a gateway without privileges, joined over loopback: what drivers bring about without a kernel's device.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use base::time::SystemClock;
use net::plan::{self, Gateway, HostLink};
use net::{Area, Filter, GatewayPlan, Group, Host, HostPlan, Ports, PublicKey, Traffic, Way, Zone};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::gateway::{self, GatewayDriver};
use super::host::{self, HostDriver, Ways};
use super::outside::Reach;
use crate::PrivateKey;
use crate::filter::{Limits, Userspace};
use crate::packet::channel;
use crate::rootless::{self, Forward, Publish, Rootless, SystemResolver};

const LINKED: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 4);
const INSIDE: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 10);

/// A service that says who it is.
async fn service(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(name.as_bytes()).await;
        }
    });
    at
}

async fn ask(at: SocketAddr) -> std::io::Result<String> {
    let mut text = String::new();
    let reading = async {
        let mut stream = TcpStream::connect(at).await?;
        stream.read_to_string(&mut text).await
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await??;
    Ok(text)
}

fn plan(key: PublicKey, ports: &[u16]) -> GatewayPlan {
    let open = |peer: &str, port: Option<u16>| net::Rule {
        traffic: port.map_or(Traffic::All, |port| {
            Traffic::Tcp(Ports {
                from: port,
                to: port,
            })
        }),
        peer: net::Peer::Range(peer.parse().unwrap()),
    };
    let group = |ingress| Group {
        ingress,
        egress: vec![open("0.0.0.0/0", None)],
    };
    let inward = ports.iter().map(|&port| open("10.64.0.0/16", Some(port)));
    let host = |zone, group: &str| Host {
        zone,
        groups: BTreeSet::from([group.to_owned()]),
    };
    GatewayPlan {
        generation: 1,
        network: "vpc-1".to_owned(),
        ranges: vec!["172.31.0.0/24".parse().unwrap()],
        links: vec![plan::Link {
            instance: "i-1".to_owned(),
            address: LINKED,
            is_proxied: false,
            key: Some(key),
            endpoint: None,
        }],
        peerings: Vec::new(),
        filter: Filter {
            groups: BTreeMap::from([
                (
                    "app".to_owned(),
                    group(vec![open("172.31.0.0/24", Some(9000))]),
                ),
                ("in".to_owned(), group(inward.collect())),
            ]),
            hosts: BTreeMap::from([(LINKED, host(Zone::Linked, "app"))]),
            areas: vec![Area {
                range: "172.31.0.0/24".parse().unwrap(),
                host: host(Zone::Inside, "in"),
            }],
            paths: BTreeSet::from([(Zone::Linked, Zone::Inside), (Zone::Inside, Zone::Linked)]),
        },
    }
}

/// A gateway whose network is one address, with ports that lead to a service.
async fn gateway(inside: SocketAddr, key: &PrivateKey) -> (GatewayDriver, Rootless) {
    let clock = Arc::new(SystemClock::new());
    let (tunnel, end) = channel();
    let publish = |port| Publish { port, to: inside };
    let settings = rootless::Settings {
        address: INSIDE,
        ranges: vec!["0.0.0.0/0".parse().unwrap()],
        forwards: vec![Forward {
            listen: "127.0.0.1:0".parse().unwrap(),
            to: SocketAddrV4::new(LINKED, 9000),
        }],
        publishes: vec![publish(80), publish(81)],
        socks: None,
        limits: rootless::Limits::default(),
    };
    let stack = Rootless::start(settings, end, clock.clone(), Arc::new(SystemResolver));
    let stack = stack.await.unwrap();
    let driver = GatewayDriver::start(gateway::Settings {
        key: key.clone(),
        listen: "127.0.0.1:0".parse().unwrap(),
        behind: gateway::Behind::Stack(tunnel),
        guard: Box::new(Userspace::new(clock.clone(), Limits::default())),
        clock,
    });
    (driver.await.unwrap(), stack)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_privileges_both_ways_are_open_to_what_rules_name_and_end_with_the_plan() {
    let (inside, outside) = (service("inside").await, service("outside").await);
    let key = PrivateKey::generate().unwrap();
    let (gate, gate_stack) = gateway(inside, &key).await;
    let folder = tempfile::tempdir().unwrap();
    let listen = |port: u16| Forward {
        // A port that is free now; the stack's own choice would not be known here.
        listen: std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap(),
        to: SocketAddrV4::new(INSIDE, port),
    };
    let (open, closed) = (listen(80), listen(81));
    let host = HostDriver::new(host::Settings {
        folder: folder.path().to_owned(),
        behind: host::Behind::Stack(Ways {
            forwards: vec![open, closed],
            publishes: vec![Publish {
                port: 9000,
                to: outside,
            }],
            socks: None,
        }),
        reach: Reach::Hosts,
        clock: Arc::new(SystemClock::new()),
    });
    let host = host.unwrap();
    gate.apply(&plan(host.key(), &[80])).await.unwrap();
    let link = HostPlan {
        generation: 1,
        link: Some(HostLink {
            network: "vpc-1".to_owned(),
            address: LINKED,
            key: Some(host.key()),
            gateway: Some(Gateway {
                key: key.public(),
                endpoint: gate.local_address().unwrap().to_string(),
            }),
            ranges: vec!["172.31.0.0/24".parse().unwrap()],
        }),
        ..HostPlan::default()
    };
    host.apply(&link).await.unwrap();
    assert_eq!(ask(open.listen).await.unwrap(), "inside");
    assert_eq!(ask(gate_stack.forwards()[0]).await.unwrap(), "outside");
    let refused = tokio::time::timeout(Duration::from_secs(1), ask(closed.listen)).await;
    assert!(
        refused.is_err() || refused.unwrap().is_err(),
        "no rule names this port"
    );
    assert!(gate.refused().await.counts.going(Way::Inbound) > 0);

    host.apply(&HostPlan::default()).await.unwrap();
    assert!(
        TcpStream::connect(open.listen).await.is_err(),
        "nothing is left"
    );
    host.stop().await;
    gate.stop().await.unwrap();
}
