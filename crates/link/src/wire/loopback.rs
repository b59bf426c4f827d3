//! Two tunnels with their tasks and sockets, on loopback, with channels in the place of devices.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::time::SystemClock;
use bytes::BytesMut;

use super::{KEEPALIVE, Peer, Wire};
use crate::io::{Device, Socket};
use crate::key::PrivateKey;
use crate::packet::{Open, StackEnd, channel};

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const A: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 4);
const B: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 10);

struct End {
    wire: Wire,
    stack: StackEnd,
    at: SocketAddr,
}

fn end(key: &PrivateKey) -> End {
    let socket = Socket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let at = socket.local_address().unwrap();
    let (tunnel, stack) = channel();
    let clock = Arc::new(SystemClock::new());
    let wire = Wire::start(key, socket, Device::Stack(tunnel), Arc::new(Open), clock);
    End { wire, stack, at }
}

fn know(end: &End, key: &PrivateKey, endpoint: Option<SocketAddr>, ip: Ipv4Addr) {
    end.wire.set(Peer {
        key: key.public(),
        endpoint,
        ranges: vec![ip.into()],
        keepalive: Some(KEEPALIVE),
    });
}

/// A packet with a number, as long as that and more.
fn packet(from: Ipv4Addr, to: Ipv4Addr, number: u16) -> BytesMut {
    let length = 22 + number % 1390;
    let mut packet = BytesMut::zeroed(length.into());
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet[12..16].copy_from_slice(&from.octets());
    packet[16..20].copy_from_slice(&to.octets());
    packet[20..22].copy_from_slice(&number.to_be_bytes());
    packet
}

async fn next(end: &mut End) -> BytesMut {
    let packet = tokio::time::timeout(PATIENCE, end.stack.from_tunnel.recv());
    packet.await.unwrap().unwrap()
}

/// Sends packets one way, as many at once as the channel holds without loss, and expects all of them, in order.
async fn cross(from: &mut End, to: &mut End, (source, destination): (Ipv4Addr, Ipv4Addr)) {
    for first in (0..2000).step_by(250) {
        for number in first..first + 250 {
            let packet = packet(source, destination, number);
            from.stack.to_tunnel.send(packet).await.unwrap();
        }
        for number in first..first + 250 {
            assert_eq!(next(to).await, packet(source, destination, number));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_cross_whole_and_in_order_and_a_changed_key_loses_none() {
    let keys = [(); 3].map(|()| PrivateKey::generate().unwrap());
    let [first, gateway, second] = &keys;
    let (mut a, mut b) = (end(first), end(gateway));
    know(&a, gateway, Some(b.at), B);
    know(&b, first, None, A);
    cross(&mut a, &mut b, (A, B)).await;
    cross(&mut b, &mut a, (B, A)).await;

    b.wire.succeed(
        first.public(),
        Peer {
            key: second.public(),
            endpoint: None,
            ranges: vec![A.into()],
            keepalive: Some(KEEPALIVE),
        },
    );
    a.wire.set_key(second).await;
    cross(&mut a, &mut b, (A, B)).await;
    cross(&mut b, &mut a, (B, A)).await;
    let peers = b.wire.peers();
    assert_eq!(peers.len(), 1);
    assert_eq!(
        (peers[0].key, peers[0].endpoint),
        (second.public(), Some(a.at))
    );
    assert!(
        peers[0].received > 1_000_000 && peers[0].sent > 1_000_000,
        "{peers:?}"
    );
}

#[tokio::test]
async fn a_greeting_makes_a_session_without_traffic() {
    let keys = [(); 2].map(|()| PrivateKey::generate().unwrap());
    let (a, b) = (end(&keys[0]), end(&keys[1]));
    know(&a, &keys[1], Some(b.at), B);
    know(&b, &keys[0], None, A);
    a.wire.greet(&keys[1].public()).await;
    let is_joined = async {
        while b.wire.peers()[0].heard.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, is_joined).await.unwrap();
    assert!(a.wire.peers()[0].handshake.is_some());
}

#[tokio::test]
async fn a_tunnel_says_when_its_device_is_gone_and_ends_when_it_is_stopped() {
    let key = PrivateKey::generate().unwrap();
    let End { wire, stack, at } = end(&key);
    let rest = std::net::UdpSocket::bind(at).unwrap_err();
    assert_eq!(rest.kind(), std::io::ErrorKind::AddrInUse);
    drop(stack);
    tokio::time::timeout(PATIENCE, wire.failed()).await.unwrap();

    let End {
        wire,
        mut stack,
        at,
    } = end(&key);
    wire.stop().await;
    assert!(stack.from_tunnel.recv().await.is_none());
    drop(wire);
    std::net::UdpSocket::bind(at).unwrap();
}
