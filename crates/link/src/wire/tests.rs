//! Two or three tunnels without sockets: what one sends is handed to the other, or kept, changed and sent again.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::time::{ManualClock, Timestamp};
use bytes::BytesMut;
use gotatun::noise::Tunn;
use gotatun::noise::index_table::IndexTable;
use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::packet::Packet;
use gotatun::x25519;
use net::PublicKey;
use proptest::prelude::*;

use super::engine::{Engine, Outbox, REFUSALS_PER_SECOND};
use super::{INITIATIONS_PER_SECOND, KEEPALIVE, Peer, PeerState, ROTATION_GRACE, SILENCE};
use crate::key::PrivateKey;
use crate::packet::{Direction, Open, PacketFilter};

const LINKED: &str = "10.64.0.4";
const INSIDE: &str = "10.77.0.10";

/// One end.
struct End {
    engine: Engine,
    at: SocketAddr,
    got: Vec<BytesMut>,
    /// What its device got back.
    refused: RefCell<Vec<BytesMut>>,
}

type Datagram = (Vec<u8>, SocketAddr, SocketAddr);

impl End {
    fn new(key: &PrivateKey, at: &str, clock: &Arc<ManualClock>) -> Self {
        Self::filtered(key, at, clock, Arc::new(Open))
    }

    fn filtered(
        key: &PrivateKey,
        at: &str,
        clock: &Arc<ManualClock>,
        filter: Arc<dyn PacketFilter>,
    ) -> Self {
        Self {
            engine: Engine::new(key, filter, clock.clone()),
            at: at.parse().unwrap(),
            got: Vec::new(),
            refused: RefCell::default(),
        }
    }

    /// What it sends for a packet of its device.
    fn send(&self, packet: BytesMut) -> Vec<Datagram> {
        let mut out = Outbox::new();
        let mut back = Vec::new();
        self.engine.outgoing(&mut vec![packet], &mut out, &mut back);
        self.refused.borrow_mut().append(&mut back);
        self.sent(out)
    }

    fn sent(&self, out: Outbox) -> Vec<Datagram> {
        out.into_iter()
            .map(|(packet, to)| (packet.to_vec(), self.at, to))
            .collect()
    }

    /// What it answers to a datagram.
    fn take(&mut self, bytes: &[u8], from: SocketAddr) -> Vec<Datagram> {
        let mut out = Outbox::new();
        let mut datagrams = vec![(BytesMut::from(bytes), from)];
        self.engine
            .incoming(&mut datagrams, &mut self.got, &mut out);
        self.sent(out)
    }

    fn peer(&self, key: &PublicKey) -> PeerState {
        let mut peers = self.engine.peers().into_iter();
        peers.find(|peer| peer.key == *key).unwrap()
    }
}

/// A host that is linked, and a gateway.
struct World {
    clock: Arc<ManualClock>,
    host: End,
    gateway: End,
    host_key: PrivateKey,
    gateway_key: PrivateKey,
    /// All that went over the network.
    seen: Vec<Datagram>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
        let host_key = PrivateKey::generate().unwrap();
        let gateway_key = PrivateKey::generate().unwrap();
        let host = End::new(&host_key, "198.51.100.2:1000", &clock);
        let gateway = End::new(&gateway_key, "203.0.113.2:2000", &clock);
        host.engine
            .set(peer(&gateway_key, Some(gateway.at), "10.77.0.0/24"));
        gateway.engine.set(peer(&host_key, None, "10.64.0.4/32"));
        Self {
            clock,
            host,
            gateway,
            host_key,
            gateway_key,
            seen: Vec::new(),
        }
    }

    /// Carries datagrams, and what is answered to them, until nothing is under way.
    fn carry(&mut self, datagrams: Vec<Datagram>) {
        let mut under_way = std::collections::VecDeque::from(datagrams);
        while let Some((bytes, from, to)) = under_way.pop_front() {
            let ends = [&mut self.host, &mut self.gateway];
            if let Some(end) = ends.into_iter().find(|end| end.at == to) {
                under_way.extend(end.take(&bytes, from));
            }
            self.seen.push((bytes, from, to));
            assert!(self.seen.len() < 10_000, "it does not come to rest");
        }
    }

    fn out(&mut self, text: &str) {
        let datagrams = self.host.send(packet(LINKED, INSIDE, text));
        self.carry(datagrams);
    }

    fn back(&mut self, text: &str) {
        let datagrams = self.gateway.send(packet(INSIDE, LINKED, text));
        self.carry(datagrams);
    }

    /// A world whose handshake is done and whose packets have arrived.
    fn joined() -> Self {
        let mut world = Self::new();
        world.out("hello");
        world.back("welcome");
        assert_eq!(texts(&mut world.gateway), ["hello"]);
        assert_eq!(texts(&mut world.host), ["welcome"]);
        world
    }

    /// Lets time pass, and both do what is due by it.
    fn pass(&mut self, span: Duration) {
        self.clock.advance(span);
        let mut out = Outbox::new();
        self.host.engine.tick(&mut out);
        let datagrams = self.host.sent(out);
        self.carry(datagrams);
        let mut out = Outbox::new();
        self.gateway.engine.tick(&mut out);
        let datagrams = self.gateway.sent(out);
        self.carry(datagrams);
    }

    fn known(&self) -> PeerState {
        self.gateway.peer(&self.host_key.public())
    }
}

fn peer(key: &PrivateKey, endpoint: Option<SocketAddr>, range: &str) -> Peer {
    Peer {
        key: key.public(),
        endpoint,
        ranges: vec![range.parse().unwrap()],
        keepalive: Some(KEEPALIVE),
    }
}

fn packet(source: &str, destination: &str, text: &str) -> BytesMut {
    let address = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
    let length = u16::try_from(20 + text.len()).unwrap().to_be_bytes();
    let mut packet = BytesMut::from(&[0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 17, 0, 0][..]);
    packet.extend_from_slice(&address(source));
    packet.extend_from_slice(&address(destination));
    packet.extend_from_slice(text.as_bytes());
    packet
}

fn texts(end: &mut End) -> Vec<String> {
    let got = std::mem::take(&mut end.got);
    let text = |packet: BytesMut| String::from_utf8(packet[20..].to_vec()).unwrap();
    got.into_iter().map(text).collect()
}

#[test]
fn the_first_packet_waits_for_the_handshake_and_arrives_whole() {
    let mut world = World::new();
    world.out("odd length");
    assert_eq!(world.gateway.got, [packet(LINKED, INSIDE, "odd length")]);
    world.back("back");
    assert_eq!(world.host.got, [packet(INSIDE, LINKED, "back")]);
    let kinds: Vec<u8> = world.seen.iter().map(|(bytes, ..)| bytes[0]).collect();
    assert_eq!(kinds, [1, 2, 4, 4, 4], "initiation, response, data");
    assert!(world.known().handshake.is_some());
    assert_eq!(world.known().endpoint, Some(world.host.at));
}

#[test]
fn a_source_that_is_not_the_peers_is_dropped() {
    let mut world = World::joined();
    for source in ["10.77.0.50", "10.64.0.5", "10.77.0.10", "127.0.0.1"] {
        let datagrams = world.host.send(packet(source, INSIDE, "spoofed"));
        world.carry(datagrams);
    }
    assert!(world.gateway.got.is_empty());
    assert_eq!(world.gateway.engine.spoofed(), 4);
}

#[test]
fn what_is_no_whole_packet_of_ipv4_is_dropped_on_both_sides() {
    let world = World::joined();
    let mut v6 = packet(LINKED, INSIDE, "x");
    v6[0] = 0x65;
    let mut too_long = packet(LINKED, INSIDE, "x");
    too_long[3] += 1;
    for bad in [
        BytesMut::new(),
        BytesMut::from(&[0x45; 19][..]),
        v6,
        too_long,
    ] {
        assert!(world.host.send(bad).is_empty());
    }
    assert!(world.gateway.got.is_empty());
}

#[test]
fn a_datagram_that_is_sent_again_brings_nothing_from_wherever() {
    let mut world = World::joined();
    let datagrams = world.host.send(packet(LINKED, INSIDE, "once"));
    world.carry(datagrams.clone());
    assert_eq!(texts(&mut world.gateway), ["once"]);
    let before = world.known();
    let other = "198.51.100.66:9".parse().unwrap();
    for (bytes, from, _) in &datagrams {
        for from in [*from, other] {
            assert!(world.gateway.take(bytes, from).is_empty());
        }
    }
    assert!(world.gateway.got.is_empty());
    let after = world.known();
    assert_eq!(
        (after.endpoint, after.received),
        (before.endpoint, before.received)
    );
}

#[test]
fn a_datagram_with_any_byte_changed_brings_nothing() {
    let mut world = World::joined();
    let (bytes, ..) = world.host.send(packet(LINKED, INSIDE, "whole")).remove(0);
    let other = "198.51.100.66:9".parse().unwrap();
    for at in 0..bytes.len() {
        // Three bytes after the first are reserved and not authenticated; who changes them has the packet anyway.
        if (1..4).contains(&at) {
            continue;
        }
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(world.gateway.take(&changed, other).is_empty(), "byte {at}");
    }
    assert!(world.gateway.got.is_empty());
    assert_eq!(world.known().endpoint, Some(world.host.at));
    world.gateway.take(&bytes, world.host.at);
    assert_eq!(texts(&mut world.gateway), ["whole"]);
}

#[test]
fn old_and_forged_handshakes_change_nothing() {
    let mut world = World::joined();
    let (hello, ..) = world
        .seen
        .iter()
        .find(|(bytes, ..)| bytes[0] == 1)
        .unwrap()
        .clone();
    let (response, ..) = world
        .seen
        .iter()
        .find(|(bytes, ..)| bytes[0] == 2)
        .unwrap()
        .clone();
    let before = world.known();
    let other = "198.51.100.66:9".parse().unwrap();
    for _ in 0..5 {
        assert!(world.gateway.take(&hello, other).is_empty(), "replayed");
        assert!(world.host.take(&response, other).is_empty(), "replayed");
        let mut forged = hello.clone();
        forged[50] ^= 1;
        assert!(world.gateway.take(&forged, other).is_empty(), "forged");
    }
    let stranger = PrivateKey::generate().unwrap();
    let stranger = End::new(&stranger, "198.51.100.66:9", &world.clock);
    let gateway = peer(&world.gateway_key, Some(world.gateway.at), "10.77.0.0/24");
    stranger.engine.set(gateway);
    for (bytes, from, _) in stranger.send(packet(LINKED, INSIDE, "stranger")) {
        assert!(world.gateway.take(&bytes, from).is_empty(), "a stranger's");
    }
    assert_eq!(world.known().endpoint, before.endpoint);
    world.out("still");
    assert_eq!(texts(&mut world.gateway), ["still"]);
}

#[test]
fn an_old_initiation_moves_no_endpoint_of_a_gateway_that_was_restarted() {
    let mut world = World::joined();
    let (hello, ..) = world
        .seen
        .iter()
        .find(|(bytes, ..)| bytes[0] == 1)
        .unwrap()
        .clone();
    world.gateway = End::new(&world.gateway_key, "203.0.113.2:2000", &world.clock);
    let remembered = peer(&world.host_key, Some(world.host.at), "10.64.0.4/32");
    world.gateway.engine.set(remembered);
    world
        .gateway
        .take(&hello, "198.51.100.66:9".parse().unwrap());
    assert_eq!(world.known().endpoint, Some(world.host.at));
    assert_eq!(world.known().heard, None);
}

#[test]
fn a_restarted_gateway_that_remembers_the_endpoint_is_back_with_its_greeting() {
    let mut world = World::joined();
    world.gateway = End::new(&world.gateway_key, "203.0.113.2:2000", &world.clock);
    let remembered = peer(&world.host_key, Some(world.host.at), "10.64.0.4/32");
    world.gateway.engine.set(remembered);
    let mut out = Outbox::new();
    world
        .gateway
        .engine
        .greet(&world.host_key.public(), &mut out);
    let greeting = world.gateway.sent(out);
    world.carry(greeting);
    world.out("again");
    world.back("and back");
    assert_eq!(texts(&mut world.gateway), ["again"]);
    assert_eq!(texts(&mut world.host), ["and back"]);
}

#[test]
fn the_endpoint_follows_a_host_that_moves() {
    let mut world = World::joined();
    world.host.at = "192.0.2.77:4444".parse().unwrap();
    world.out("moved");
    world.back("found");
    assert_eq!(world.known().endpoint, Some(world.host.at));
    assert_eq!(texts(&mut world.host), ["found"]);
}

#[test]
fn who_is_removed_is_a_stranger_at_once() {
    let mut world = World::joined();
    let datagrams = world.host.send(packet(LINKED, INSIDE, "late"));
    world.gateway.engine.remove(&world.host_key.public());
    world.carry(datagrams);
    world.out("more");
    assert!(world.gateway.got.is_empty());
    assert!(world.gateway.send(packet(INSIDE, LINKED, "x")).is_empty());
    assert!(world.gateway.engine.peers().is_empty());
}

#[test]
fn a_range_is_behind_the_last_that_got_it_and_comes_back_with_none() {
    let mut world = World::joined();
    let other = PrivateKey::generate().unwrap();
    world.gateway.engine.set(peer(&other, None, "10.64.0.4/32"));
    world.out("no longer its address");
    assert!(world.gateway.got.is_empty());
    world.gateway.engine.remove(&other.public());
    world.out("still not");
    assert!(world.gateway.got.is_empty());
    world
        .gateway
        .engine
        .set(peer(&world.host_key, None, "10.64.0.4/32"));
    world.out("again");
    assert_eq!(texts(&mut world.gateway), ["again"]);
}

/// Both sides send at each step of a host's change of keys; nothing is lost, and no packet crosses by the old key after it.
#[test]
fn a_hosts_key_changes_without_a_lost_packet() {
    let mut world = World::joined();
    let new = PrivateKey::generate().unwrap();
    let successor = peer(&new, Some(world.host.at), "10.64.0.4/32");
    world
        .gateway
        .engine
        .succeed(world.host_key.public(), successor);
    both_ways(&mut world, "the gateway knows");
    let again = peer(&new, None, "10.64.0.4/32");
    world.gateway.engine.set(again);
    both_ways(&mut world, "the gateway is told again");

    let mut out = Outbox::new();
    world.host.engine.set_key(&new, &mut out);
    let hello = world.host.sent(out);
    both_ways(&mut world, "the host has begun");
    // What was sent by the old key before, and arrives after.
    let (out, back) = (
        world.host.send(packet(LINKED, INSIDE, "late")),
        world.gateway.send(packet(INSIDE, LINKED, "late")),
    );
    let mut responses = Vec::new();
    for (bytes, from, _) in &hello {
        responses.extend(world.gateway.take(bytes, *from));
    }
    both_ways(&mut world, "the gateway has answered");
    world.carry(responses);
    world.carry(out);
    assert_eq!(texts(&mut world.gateway), ["late"]);
    world.carry(back);
    assert_eq!(texts(&mut world.host), ["late"]);
    both_ways(&mut world, "done");

    assert_eq!(world.host.engine.key(), Some(new.public()));
    let keys: Vec<_> = world
        .gateway
        .engine
        .peers()
        .iter()
        .map(|peer| peer.key)
        .collect();
    assert_eq!(keys, [new.public()]);
    let thief = End::new(&world.host_key, "198.51.100.66:9", &world.clock);
    let gateway = peer(&world.gateway_key, Some(world.gateway.at), "10.77.0.0/24");
    thief.engine.set(gateway);
    for (bytes, from, _) in thief.send(packet(LINKED, INSIDE, "old key")) {
        assert!(world.gateway.take(&bytes, from).is_empty());
    }
}

/// What the host says by its new key may overtake the word that confirms it.
#[test]
fn the_first_packet_by_a_new_key_is_taken_even_if_it_comes_before_the_confirmation() {
    for is_overtaken in [false, true] {
        let mut world = World::joined();
        let new = PrivateKey::generate().unwrap();
        let successor = peer(&new, Some(world.host.at), "10.64.0.4/32");
        world
            .gateway
            .engine
            .succeed(world.host_key.public(), successor);
        let mut out = Outbox::new();
        world.host.engine.set_key(&new, &mut out);
        let (hello, ..) = world.host.sent(out).remove(0);
        let (response, ..) = world.gateway.take(&hello, world.host.at).remove(0);
        let mut datagrams = world.host.take(&response, world.gateway.at);
        datagrams.extend(world.host.send(packet(LINKED, INSIDE, "first")));
        datagrams.extend(world.host.send(packet(LINKED, INSIDE, "second")));
        if is_overtaken {
            datagrams.rotate_left(1);
        }
        let bytes = datagrams
            .iter()
            .map(|(bytes, from, _)| (BytesMut::from(&bytes[..]), *from));
        let (mut at_once, mut out) = (bytes.collect(), Outbox::new());
        let End { engine, got, .. } = &mut world.gateway;
        engine.incoming(&mut at_once, got, &mut out);
        assert_eq!(texts(&mut world.gateway), ["first", "second"]);
    }
}

fn both_ways(world: &mut World, when: &str) {
    world.out(when);
    world.back(when);
    assert_eq!(texts(&mut world.gateway), [when]);
    assert_eq!(texts(&mut world.host), [when]);
}

#[test]
fn a_key_that_its_successor_does_not_take_over_ends_with_its_grace() {
    let mut world = World::joined();
    let new = PrivateKey::generate().unwrap();
    let successor = peer(&new, None, "10.64.0.4/32");
    world
        .gateway
        .engine
        .succeed(world.host_key.public(), successor);
    world.pass(ROTATION_GRACE - Duration::from_secs(1));
    world.out("within");
    assert_eq!(texts(&mut world.gateway), ["within"]);
    world.pass(Duration::from_secs(1));
    world.out("after");
    assert!(world.gateway.got.is_empty());
}

#[test]
fn a_gateways_key_changes_and_the_old_one_serves_until_it_is_taken_to() {
    let mut world = World::joined();
    let new = PrivateKey::generate().unwrap();
    let mut out = Outbox::new();
    world.gateway.engine.set_key(&new, &mut out);
    both_ways(&mut world, "the host does not know yet");
    let known = peer(&new, Some(world.gateway.at), "10.77.0.0/24");
    world.host.engine.succeed(world.gateway_key.public(), known);
    let hello = world.gateway.sent(out);
    world.carry(hello);
    both_ways(&mut world, "it does now");
    world.gateway.engine.tick(&mut Outbox::new());
    both_ways(&mut world, "and the old one is forgotten");
    let keys: Vec<_> = world
        .host
        .engine
        .peers()
        .iter()
        .map(|peer| peer.key)
        .collect();
    assert_eq!(keys, [new.public()]);
}

/// The control plane refuses a key that it has seen on another host; if one is stolen nevertheless, the gateway serves one at a
/// time and both stay within the one address.
#[test]
fn one_key_on_two_hosts_is_one_peer_with_one_address() {
    let mut world = World::joined();
    let mut twin = End::new(&world.host_key, "192.0.2.9:9", &world.clock);
    let gateway = peer(&world.gateway_key, Some(world.gateway.at), "10.77.0.0/24");
    twin.engine.set(gateway);
    for (bytes, from, _) in twin.send(packet(LINKED, INSIDE, "twin")) {
        for (bytes, from, _) in world.gateway.take(&bytes, from) {
            for (bytes, from, _) in twin.take(&bytes, from) {
                world.gateway.take(&bytes, from);
            }
        }
    }
    assert_eq!(world.gateway.engine.peers().len(), 1);
    for (bytes, from, _) in twin.send(packet("10.64.0.5", INSIDE, "another's address")) {
        world.gateway.take(&bytes, from);
    }
    assert!(!texts(&mut world.gateway).contains(&"another's address".to_owned()));
}

#[test]
fn what_is_heard_of_a_peer_and_when() {
    let mut world = World::new();
    assert_eq!(world.known().heard, None);
    world.out("x");
    assert_eq!(world.known().heard, Some(Duration::ZERO));
    world.clock.advance(Duration::from_secs(7));
    assert_eq!(world.known().heard, Some(Duration::from_secs(7)));
    world.out("y");
    assert_eq!(world.known().heard, Some(Duration::ZERO));
    let (known, host) = (world.known(), world.host.peer(&world.gateway_key.public()));
    assert!(known.received >= 42 && host.sent > known.received);
}

/// A world that is flooded by a stranger, and the first message of the stranger's handshake.
fn flooded() -> (World, Vec<u8>) {
    let mut world = World::joined();
    let stranger = PrivateKey::generate().unwrap();
    let stranger = End::new(&stranger, "198.51.100.66:9", &world.clock);
    let gateway = peer(&world.gateway_key, Some(world.gateway.at), "10.77.0.0/24");
    stranger.engine.set(gateway);
    let (hello, ..) = stranger.send(packet(LINKED, INSIDE, "flood")).remove(0);
    let mut answers = Vec::new();
    for at in 0..2 * INITIATIONS_PER_SECOND {
        let [_, a, b, c] = u32::try_from(at).unwrap().to_be_bytes();
        let from = SocketAddr::from(([198, a, b, c], 1));
        for bytes in [&hello, &hello[..20], &[4; 80], &[1; 148], &[0xff; 1400]] {
            answers.extend(world.gateway.take(bytes, from));
        }
    }
    // Those within the second's bound, of which the host has had one, have no peer; the others are asked to prove where they are.
    assert_eq!(answers.len() as u64, INITIATIONS_PER_SECOND + 1);
    assert!(
        answers
            .iter()
            .all(|(bytes, ..)| bytes[0] == 3 && bytes.len() < hello.len())
    );
    (world, hello)
}

#[test]
fn a_flood_takes_neither_memory_nor_more_than_its_share_of_handshakes() {
    let (mut world, hello) = flooded();
    assert_eq!(world.gateway.engine.session_count(), 1);
    world.out("beside the flood");
    assert_eq!(texts(&mut world.gateway), ["beside the flood"]);

    // From one address, more than its share is answered by a cookie, and it costs no handshake.
    world.clock.advance(Duration::from_secs(1));
    let from = "198.51.100.66:9".parse().unwrap();
    let cookies: Vec<_> = (0..200)
        .flat_map(|_| world.gateway.take(&hello, from))
        .collect();
    assert!(cookies.len() >= 100 && cookies.iter().all(|(bytes, ..)| bytes[0] == 3));
    assert_eq!(world.gateway.engine.session_count(), 1);
}

#[test]
fn who_proves_where_it_is_gets_through_a_flood() {
    let (mut world, _) = flooded();
    let key = x25519::PublicKey::from(world.gateway_key.public().bytes());
    let limiter = Arc::new(RateLimiter::new(&key, 100));
    let private = world.host_key.secret().clone();
    let indices = IndexTable::from_os_rng();
    let mut host = Tunn::new(private, key, None, None, indices, limiter);
    let first = Packet::<[u8]>::from(host.format_handshake_initiation(true).unwrap()).to_vec();
    let (cookie, ..) = world.gateway.take(&first, world.host.at).remove(0);
    assert_eq!(cookie[0], 3);
    let cookie = Packet::from_bytes(BytesMut::from(&cookie[..]))
        .try_into_wg()
        .unwrap();
    host.handle_incoming_packet(cookie);
    let proved = Packet::<[u8]>::from(host.format_handshake_initiation(true).unwrap()).to_vec();
    let elsewhere = world
        .gateway
        .take(&proved, "198.51.100.66:9".parse().unwrap());
    assert_eq!(elsewhere[0].0[0], 3, "a cookie is for one address");
    let (response, ..) = world.gateway.take(&proved, world.host.at).remove(0);
    assert_eq!(response[0], 2);
}

#[test]
fn both_ends_say_a_word_in_time_and_know_the_other_by_it() {
    let mut world = World::joined();
    for _ in 0..20 {
        world.pass(KEEPALIVE);
        let (host, gateway) = (world.known(), world.host.peer(&world.gateway_key.public()));
        assert_eq!(
            (host.heard, gateway.heard),
            (Some(Duration::ZERO), Some(Duration::ZERO))
        );
    }
    assert!(world.host.got.is_empty() && world.gateway.got.is_empty());
}

#[test]
fn who_sends_to_a_silent_peer_or_to_nobody_is_told_at_once_until_it_is_back() {
    let mut world = World::joined();
    let back = |world: &mut World, to: &str| {
        let sent = world.gateway.send(packet(INSIDE, to, "anybody?"));
        let refused = std::mem::take(&mut *world.gateway.refused.borrow_mut());
        (
            sent.len(),
            refused
                .iter()
                .map(|packet| (packet[20], packet[21]))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(back(&mut world, LINKED), (1, vec![]));
    assert_eq!(back(&mut world, "10.64.0.9"), (0, vec![(3, 1)]));
    world.clock.advance(SILENCE - Duration::from_millis(1));
    assert_eq!(back(&mut world, LINKED), (1, vec![]));
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(back(&mut world, LINKED), (0, vec![(3, 1)]));
    world.pass(Duration::ZERO);
    assert_eq!(back(&mut world, LINKED), (1, vec![]));

    for _ in 0..2 * REFUSALS_PER_SECOND {
        back(&mut world, "10.64.0.9");
    }
    assert_eq!(
        back(&mut world, "10.64.0.9"),
        (0, vec![]),
        "too many in a second"
    );
}

#[test]
fn a_host_finds_a_gateway_that_was_restarted_and_remembers_nothing() {
    let mut world = World::joined();
    world.gateway = End::new(&world.gateway_key, "203.0.113.2:2000", &world.clock);
    world
        .gateway
        .engine
        .set(peer(&world.host_key, None, "10.64.0.4/32"));
    world.pass(KEEPALIVE);
    assert_eq!(world.known().heard, None);
    world.pass(SILENCE - KEEPALIVE);
    world.pass(Duration::ZERO);
    assert_eq!(world.known().endpoint, Some(world.host.at));
    both_ways(&mut world, "again");
}

/// A clock that was set back over a restart: what the host begins bears times that the gateway takes for old ones. Here such a handshake is
/// one that the gateway has seen a later one after.
#[test]
fn a_host_whose_handshakes_count_as_old_is_back_by_the_gateways() {
    let mut world = World::joined();
    let mut out = Outbox::new();
    world.host.engine.remove(&world.gateway_key.public());
    let known = peer(&world.gateway_key, Some(world.gateway.at), "10.77.0.0/24");
    let older = End::new(&world.host_key, "198.51.100.2:1000", &world.clock);
    older.engine.set(known.clone());
    older.engine.greet(&world.gateway_key.public(), &mut out);
    let (old, ..) = older.sent(std::mem::take(&mut out)).remove(0);
    world.host.engine.set(known.clone());
    world.out("later");
    assert_eq!(texts(&mut world.gateway), ["later"]);

    // The host as it is after its restart: all that it can begin is old.
    world.host = End::new(&world.host_key, "198.51.100.2:1000", &world.clock);
    world.host.engine.set(known);
    let at = world.host.at;
    assert!(world.gateway.take(&old, at).is_empty(), "it counts as old");
    world.clock.advance(SILENCE);
    world.gateway.engine.tick(&mut out);
    let word = world.gateway.sent(out);
    assert_eq!(word[0].0[0], 1, "the gateway begins");
    world.carry(word);
    both_ways(&mut world, "by the gateway's word");
}

#[derive(Debug)]
struct OnlyOut;

impl PacketFilter for OnlyOut {
    fn pass(&self, direction: Direction, _packet: &[u8]) -> bool {
        direction == Direction::ToTunnel
    }
}

#[test]
fn a_filter_is_asked_in_both_directions() {
    let mut world = World::new();
    let filter = Arc::new(OnlyOut);
    world.host = End::filtered(&world.host_key, "198.51.100.2:1000", &world.clock, filter);
    let gateway = peer(&world.gateway_key, Some(world.gateway.at), "10.77.0.0/24");
    world.host.engine.set(gateway);
    world.out("out");
    assert_eq!(texts(&mut world.gateway), ["out"]);
    world.back("in");
    assert!(world.host.got.is_empty());
}

proptest! {
    /// Whatever comes from the network: no packet leaves the tunnel for it, and what is under way arrives after it.
    #[test]
    fn noise_from_the_network_does_nothing(
        noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        kind in 0u8..6,
    ) {
        let mut world = World::joined();
        for mut bytes in noise {
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            world.gateway.take(&bytes, world.host.at);
        }
        prop_assert!(world.gateway.got.is_empty());
        world.out("through");
        prop_assert_eq!(texts(&mut world.gateway), ["through"]);
    }
}
