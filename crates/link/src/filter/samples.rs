//! Filters and packets for tests: one network by hand, and random ones.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use net::rule::Opening;
use net::{Area, Filter, Flow, Group, Host, Peer, Ports, Rule, Traffic, Zone};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

fn rule(traffic: Traffic, peer: &str) -> Rule {
    let peer = match peer.parse() {
        Ok(range) => Peer::Range(range),
        Err(_) => Peer::Group(peer.to_owned()),
    };
    Rule { traffic, peer }
}

fn host(zone: Zone, groups: &[&str]) -> Host {
    let groups = groups.iter().map(|&id| id.to_owned()).collect();
    Host { zone, groups }
}

pub(crate) const fn port(port: u16) -> Ports {
    Ports {
        from: port,
        to: port,
    }
}

/// Two linked hosts with `sg-app`, a database at 172.16.0.10 that lets this group in at port 6001, others inside that let in SSH
/// from the peered network and anything of their own group, and the peered network 192.168.0.0/16. Everybody may open anything.
pub(crate) fn filter() -> Filter {
    let open = vec![rule(Traffic::All, "0.0.0.0/0")];
    let group = |ingress: Vec<Rule>| Group {
        ingress,
        egress: open.clone(),
    };
    let echo = Traffic::Icmp {
        kind: Some(8),
        code: None,
    };
    let groups = [
        ("sg-app", group(vec![rule(echo, "172.16.0.0/16")])),
        (
            "sg-db",
            group(vec![
                rule(Traffic::Tcp(port(6001)), "sg-app"),
                rule(Traffic::Udp(port(53)), "sg-app"),
                rule(Traffic::Other(47), "sg-app"),
            ]),
        ),
        (
            "sg-default",
            group(vec![
                rule(Traffic::All, "sg-default"),
                rule(Traffic::Tcp(port(22)), "192.168.0.0/24"),
            ]),
        ),
    ];
    let remote = Zone::Remote("pcx-1".to_owned());
    let area = |range: &str, host| Area {
        range: range.parse().unwrap(),
        host,
    };
    let both = |a: &Zone, b: &Zone| [(a.clone(), b.clone()), (b.clone(), a.clone())];
    Filter {
        groups: groups.map(|(id, group)| (id.to_owned(), group)).into(),
        hosts: BTreeMap::from([
            ([10, 64, 0, 4].into(), host(Zone::Linked, &["sg-app"])),
            ([10, 64, 0, 5].into(), host(Zone::Linked, &["sg-app"])),
            ([172, 16, 0, 10].into(), host(Zone::Inside, &["sg-db"])),
        ]),
        areas: vec![
            area("172.16.0.0/16", host(Zone::Inside, &["sg-default"])),
            area("192.168.0.0/16", host(remote.clone(), &[])),
        ],
        paths: [
            both(&Zone::Linked, &Zone::Inside),
            both(&Zone::Inside, &remote),
        ]
        .concat()
        .into_iter()
        .collect(),
    }
}

pub(crate) fn flow(source: &str, destination: &str, opening: Opening) -> Flow {
    Flow {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        opening,
    }
}

/// Addresses that are often somebody's: ranges of the private networks, close together.
pub(crate) fn any_address() -> impl Strategy<Value = Ipv4Addr> {
    let byte = || prop_oneof![0u8..4, Just(255)];
    prop_oneof![
        (byte(), byte()).prop_map(|(c, d)| Ipv4Addr::new(172, 16, c, d)),
        (byte(), byte()).prop_map(|(c, d)| Ipv4Addr::new(10, 64, c, d)),
        (byte(), byte()).prop_map(|(c, d)| Ipv4Addr::new(192, 168, c, d)),
    ]
}

fn any_range() -> impl Strategy<Value = Ipv4Net> {
    let length = prop_oneof![Just(0u8), Just(8), Just(16), Just(24), 24u8..=32];
    (any_address(), length).prop_map(|(address, length)| Ipv4Net::new(address, length).unwrap())
}

fn any_zone() -> impl Strategy<Value = Zone> {
    prop_oneof![
        3 => Just(Zone::Inside),
        3 => Just(Zone::Linked),
        1 => Just(Zone::Remote("pcx-1".to_owned())),
        1 => Just(Zone::Remote("pcx-2".to_owned())),
    ]
}

fn any_group() -> impl Strategy<Value = String> {
    (0u8..5).prop_map(|id| format!("sg-{id}"))
}

fn any_ports() -> impl Strategy<Value = Ports> {
    prop_oneof![
        (1u16..8).prop_map(port),
        (1u16..8, 1u16..8).prop_map(|(from, to)| Ports {
            from,
            to: from.max(to)
        }),
        Just(Ports::ALL),
    ]
}

fn any_traffic() -> impl Strategy<Value = Traffic> {
    let kind = || proptest::option::of(prop_oneof![Just(8u8), Just(13)]);
    prop_oneof![
        2 => Just(Traffic::All),
        4 => any_ports().prop_map(Traffic::Tcp),
        2 => any_ports().prop_map(Traffic::Udp),
        1 => (kind(), proptest::option::of(0u8..2)).prop_map(|(kind, code)| Traffic::Icmp { kind, code }),
        1 => any_protocol().prop_map(Traffic::Other),
    ]
}

/// Protocols that nobody tracks by more than their addresses.
fn any_protocol() -> impl Strategy<Value = u8> {
    prop_oneof![Just(50u8), Just(89)]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let peer = prop_oneof![
        any_range().prop_map(Peer::Range),
        any_group().prop_map(Peer::Group),
    ];
    (any_traffic(), peer).prop_map(|(traffic, peer)| Rule { traffic, peer })
}

fn any_host() -> impl Strategy<Value = Host> {
    (any_zone(), btree_set(any_group(), 0..3)).prop_map(|(zone, groups)| Host { zone, groups })
}

/// A small network of any shape: groups that are named and are not there, areas that overlap, hosts behind peerings.
pub(crate) fn any_filter() -> impl Strategy<Value = Filter> {
    let rules = || vec(any_rule(), 0..4);
    let group = (rules(), rules()).prop_map(|(ingress, egress)| Group { ingress, egress });
    let area = (any_range(), any_host()).prop_map(|(range, host)| Area { range, host });
    (
        btree_map(any_group(), group, 0..5),
        btree_map(any_address(), any_host(), 0..12),
        vec(area, 0..5),
        btree_set((any_zone(), any_zone()), 0..12),
    )
        .prop_map(
            |(groups, hosts, areas, paths): (_, _, _, BTreeSet<_>)| Filter {
                groups,
                hosts,
                areas,
                paths,
            },
        )
}

pub(crate) fn any_opening() -> impl Strategy<Value = Opening> {
    prop_oneof![
        3 => (1u16..9).prop_map(Opening::Tcp),
        2 => (1u16..9).prop_map(Opening::Udp),
        1 => (prop_oneof![Just(8u8), Just(13)], 0u8..2).prop_map(|(kind, code)| Opening::Icmp(kind, code)),
        1 => any_protocol().prop_map(Opening::Other),
    ]
}

pub(crate) fn any_flows(count: usize) -> impl Strategy<Value = Vec<Flow>> {
    let flow = (any_address(), any_address(), any_opening());
    let flow = flow.prop_map(|(source, destination, opening)| Flow {
        source,
        destination,
        opening,
    });
    vec(flow, count)
}

/// A packet of IPv4 with right checksums.
pub(crate) fn ip(source: &str, destination: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    packet(
        source.parse().unwrap(),
        destination.parse().unwrap(),
        protocol,
        payload,
    )
}

fn packet(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(payload);
    set_total(&mut packet);
    packet
}

/// Sets the total length and the checksums of header and payload.
pub(crate) fn set_total(packet: &mut [u8]) {
    let total = u16::try_from(packet.len()).unwrap();
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    set_checksums(packet);
}

/// Sets the name of a packet, for who must know it again.
pub(crate) fn set_id(packet: &mut [u8], id: u16) {
    packet[4..6].copy_from_slice(&id.to_be_bytes());
    set_checksums(packet);
}

/// A packet back: addresses and ports the other way round, and the answer to a query.
pub(crate) fn answer(packet: &[u8]) -> Vec<u8> {
    let mut back = packet.to_vec();
    back[12..16].copy_from_slice(&packet[16..20]);
    back[16..20].copy_from_slice(&packet[12..16]);
    match packet[9] {
        6 | 17 => {
            back[20..22].copy_from_slice(&packet[22..24]);
            back[22..24].copy_from_slice(&packet[20..22]);
        }
        1 => back[20] = if packet[20] == 8 { 0 } else { packet[20] + 1 },
        _ => {}
    }
    set_checksums(&mut back);
    back
}

/// The same packet with other flags, if it is one of TCP.
pub(crate) fn with_flags(packet: &[u8], flags: u8) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if packet[9] == 6 {
        packet[33] = flags;
        set_checksums(&mut packet);
    }
    packet
}

fn set_checksums(packet: &mut [u8]) {
    let header = usize::from(packet[0] & 0x0f) * 4;
    packet[10..12].fill(0);
    if packet.len() < header {
        return;
    }
    let sum = checksum(&packet[..header], 0);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let at = header
        + match packet[9] {
            6 => 16,
            17 => 6,
            1 => 2,
            _ => return,
        };
    if packet.len() < at + 2 {
        return;
    }
    packet[at..at + 2].fill(0);
    let pseudo = if packet[9] == 1 {
        0
    } else {
        let length = u32::try_from(packet.len() - header).unwrap();
        words(&packet[12..20]) + u32::from(packet[9]) + length
    };
    let sum = checksum(&packet[header..], pseudo);
    packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

fn words(bytes: &[u8]) -> u32 {
    let words = bytes.chunks(2);
    words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0)))
        .sum()
}

fn checksum(bytes: &[u8], start: u32) -> u16 {
    let mut sum = words(bytes) + start;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}

fn tcp_header(from: u16, to: u16, flags: u8) -> Vec<u8> {
    let ports = [from.to_be_bytes(), to.to_be_bytes()].concat();
    let rest = [0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0];
    [ports, rest.to_vec()].concat()
}

pub(crate) fn tcp(source: &str, destination: &str, from: u16, to: u16, flags: u8) -> Vec<u8> {
    ip(source, destination, 6, &tcp_header(from, to, flags))
}

fn udp_header(from: u16, to: u16) -> Vec<u8> {
    let ports = [from.to_be_bytes(), to.to_be_bytes()].concat();
    [ports, vec![0, 8, 0, 0]].concat()
}

pub(crate) fn udp(source: &str, destination: &str, from: u16, to: u16) -> Vec<u8> {
    ip(source, destination, 17, &udp_header(from, to))
}

fn query(kind: u8, code: u8, id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    // A timestamp has 12 bytes more than an echo needs.
    [vec![kind, code, 0, 0, high, low, 0, 1], vec![0; 12]].concat()
}

pub(crate) fn echo(source: &str, destination: &str, id: u16, is_answer: bool) -> Vec<u8> {
    let kind = if is_answer { 0 } else { 8 };
    ip(source, destination, 1, &query(kind, 0, id)[..8])
}

/// An error of type `kind` about `inner`.
pub(crate) fn error(source: &str, destination: &str, kind: u8, inner: &[u8]) -> Vec<u8> {
    let payload = [&[kind, 1, 0, 0, 0, 0, 0, 0], inner].concat();
    ip(source, destination, 1, &payload)
}

/// The first packet of a flow, from `port` or with that id.
pub(crate) fn opening(flow: Flow, port: u16) -> Vec<u8> {
    let (protocol, payload) = match flow.opening {
        Opening::Tcp(to) => (6, tcp_header(port, to, SYN)),
        Opening::Udp(to) => (17, udp_header(port, to)),
        Opening::Icmp(kind, code) => (1, query(kind, code, port)),
        Opening::Other(protocol) => (protocol, vec![0; 16]),
    };
    packet(flow.source, flow.destination, protocol, &payload)
}
