//! Measures the filter in this process: ns a packet, for 1,000 linked hosts that share three groups.
//!
//! ```text
//! cargo run --release -p shukuba-link --example filter
//! ```
//! - `flow`: packets of 10,000 open connections, in an order that no cache foresees
//! - `one`: packets of one open connection
//! - `open`: the first packets of connections that are allowed, the table full
//! - `refuse`: first packets that no rule allows
//! - `replace`: ms to put a filter in place of another, with a full table
//!
//! Every figure is the median of five turns.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a measuring tool"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use link::Direction;
use link::filter::{Limits, Tracker};
use net::{Area, Filter, Group, Host, Peer, Ports, Rule, Traffic, Zone};

const HOSTS: u32 = 1000;
const PACKETS: usize = 1_000_000;
const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;

fn main() {
    let now = Duration::from_secs(1);
    let median = |name: &str, unit: &str, mut turn: Box<dyn FnMut() -> f64>| {
        let mut turns: Vec<f64> = (0..5).map(|_| turn()).collect();
        turns.sort_by(f64::total_cmp);
        println!(
            "{name:8} {:8.1} {unit}   ({:.1} to {:.1})",
            turns[2], turns[0], turns[4]
        );
    };
    for (name, connections) in [("one", 1), ("flow", 10_000)] {
        let mut tracker = tracker();
        let packets: Vec<Vec<u8>> = (0..connections)
            .map(|number| open(&mut tracker, now, number))
            .collect();
        let order: Vec<usize> = (0..PACKETS).map(|at| at * 7919 % packets.len()).collect();
        median(
            name,
            "ns",
            Box::new(move || {
                each(&order, |&at| {
                    tracker
                        .check(now, Direction::FromTunnel, &packets[at])
                        .unwrap();
                })
            }),
        );
    }
    for (name, port) in [("open", 6001), ("refuse", 6002)] {
        let mut tracker = tracker();
        let packets: Vec<Vec<u8>> = (0..100_000)
            .map(|number| tcp(linked(number), inside(number), source(number), port, SYN))
            .collect();
        median(
            name,
            "ns",
            Box::new(move || {
                each(&packets, |packet| {
                    let result = tracker.check(now, Direction::FromTunnel, packet);
                    assert_eq!(result.is_ok(), port == 6001);
                })
            }),
        );
    }
    let mut full = tracker();
    for number in 0..70_000 {
        open(&mut full, now, number);
    }
    let filter = filter();
    median(
        "replace",
        "ms",
        Box::new(move || {
            let start = Instant::now();
            full.replace(&filter);
            start.elapsed().as_secs_f64() * 1e3
        }),
    );
}

fn each<T>(all: &[T], mut act: impl FnMut(&T)) -> f64 {
    let start = Instant::now();
    for one in all {
        act(one);
    }
    start.elapsed().as_secs_f64() * 1e9 / all.len() as f64
}

fn tracker() -> Tracker {
    let mut tracker = Tracker::new(Limits::default());
    tracker.replace(&filter());
    tracker
}

/// Opens a connection and gives a packet of it.
fn open(tracker: &mut Tracker, now: Duration, number: u32) -> Vec<u8> {
    let (from, to, port) = (linked(number), inside(number), source(number));
    let mut check = |direction, packet: Vec<u8>| tracker.check(now, direction, &packet).unwrap();
    check(Direction::FromTunnel, tcp(from, to, port, 6001, SYN));
    check(Direction::ToTunnel, tcp(to, from, 6001, port, SYN_ACK));
    tcp(from, to, port, 6001, ACK)
}

fn linked(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a40_0000 + number % HOSTS)
}

fn inside(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0xac10_0000 + number % 250)
}

fn source(number: u32) -> u16 {
    u16::try_from(1024 + number / HOSTS).unwrap()
}

fn tcp(source: Ipv4Addr, destination: Ipv4Addr, from: u16, to: u16, flags: u8) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0];
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(from.to_be_bytes());
    packet.extend(to.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    packet
}

fn filter() -> Filter {
    let open = Rule {
        traffic: Traffic::All,
        peer: Peer::Range("0.0.0.0/0".parse().unwrap()),
    };
    let tcp = |port| {
        Traffic::Tcp(Ports {
            from: port,
            to: port,
        })
    };
    let rule = |port, peer: &str| Rule {
        traffic: tcp(port),
        peer: Peer::Group(peer.to_owned()),
    };
    let group = |ingress| Group {
        ingress,
        egress: vec![open.clone()],
    };
    let rules = (1..=19).map(|port| rule(port, "sg-0")).collect::<Vec<_>>();
    let inside = [
        rules,
        vec![rule(6001, "sg-0"), rule(6001, "sg-1"), rule(6001, "sg-2")],
    ]
    .concat();
    let groups = BTreeMap::from([
        ("sg-0".to_owned(), group(Vec::new())),
        ("sg-1".to_owned(), group(Vec::new())),
        ("sg-2".to_owned(), group(Vec::new())),
        ("sg-in".to_owned(), group(inside)),
    ]);
    let host = |zone, group: String| Host {
        zone,
        groups: BTreeSet::from([group]),
    };
    Filter {
        groups,
        hosts: (0..HOSTS)
            .map(|number| {
                (
                    linked(number),
                    host(Zone::Linked, format!("sg-{}", number % 3)),
                )
            })
            .collect(),
        areas: vec![Area {
            range: "172.16.0.0/16".parse().unwrap(),
            host: host(Zone::Inside, "sg-in".to_owned()),
        }],
        paths: BTreeSet::from([(Zone::Linked, Zone::Inside), (Zone::Inside, Zone::Linked)]),
    }
}
