//! Measures a host without privileges: Gbit/s of TCP from a program through a forward, two stacks and a published port to a service, all
//! in this process.
//!
//! ```text
//! cargo run --release -p shukuba-link --example rootless -- [SECONDS]
//! ```
//! - `stacks`: the stacks back to back
//! - `tunnel`: the same with WireGuard between them, over UDP on loopback: both of its ends work in this process too
//! - `loopback`: program and service alone
//!
//! Measured in turns. Every figure is the median of five.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a measuring tool"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::SystemClock;
use link::packet::{Open, StackEnd, back_to_back, channel};
use link::rootless::{Forward, Limits, Publish, Rootless, Settings, SystemResolver};
use link::{Device, Peer, PrivateKey, Socket, Wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CHUNK: usize = 64 * 1024;

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1);
    let seconds = seconds.map_or(2.0, |text| text.parse().unwrap());
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service_at = service.local_addr().unwrap();
    let stacks = hosts(service_at, back_to_back()).await;
    let (ends, _wires) = ends_of_tunnel();
    let tunnel = hosts(service_at, ends).await;
    let ways = [
        ("stacks", stacks.0.forwards()[0]),
        ("tunnel", tunnel.0.forwards()[0]),
        ("loopback", service_at),
    ];
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..5 {
        for (rates, (_, to)) in rates.iter_mut().zip(ways) {
            rates.push(turn(&service, to, seconds).await);
        }
    }
    for (mut turns, (name, _)) in rates.into_iter().zip(ways) {
        turns.sort_by(f64::total_cmp);
        println!(
            "{name:8}  {:6.2} Gbit/s   ({:.2} to {:.2})",
            turns[2], turns[0], turns[4]
        );
    }
}

async fn hosts(service: SocketAddr, ends: (StackEnd, StackEnd)) -> (Rootless, Rootless) {
    let settings = |address: [u8; 4]| Settings {
        address: address.into(),
        ranges: vec!["172.16.0.0/16".parse().unwrap()],
        forwards: Vec::new(),
        publishes: Vec::new(),
        socks: None,
        limits: Limits::default(),
    };
    let mut a = settings([10, 64, 0, 4]);
    a.forwards.push(Forward {
        listen: "127.0.0.1:0".parse().unwrap(),
        to: "172.16.0.10:6001".parse().unwrap(),
    });
    let mut b = settings([172, 16, 0, 10]);
    b.publishes.push(Publish {
        port: 6001,
        to: service,
    });
    let start = |settings, end| {
        let clock = Arc::new(SystemClock::new());
        Rootless::start(settings, end, clock, Arc::new(SystemResolver))
    };
    let a = start(a, ends.0).await.unwrap();
    (a, start(b, ends.1).await.unwrap())
}

/// The stacks' ends of two tunnels that are joined.
fn ends_of_tunnel() -> ((StackEnd, StackEnd), [Wire; 2]) {
    let keys = [(); 2].map(|()| PrivateKey::generate().unwrap());
    let sockets = [(); 2].map(|()| Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap());
    let at = [0, 1].map(|own| sockets[own].local_address().unwrap());
    let [(tunnel_a, a), (tunnel_b, b)] = [channel(), channel()];
    let mut ends = sockets.into_iter().zip([tunnel_a, tunnel_b]);
    let wires = [0, 1].map(|own: usize| {
        let (socket, tunnel) = ends.next().unwrap();
        let clock = Arc::new(SystemClock::new());
        let device = Device::Stack(tunnel);
        let wire = Wire::start(&keys[own], socket, device, Arc::new(Open), clock);
        wire.set(Peer {
            key: keys[1 - own].public(),
            endpoint: Some(at[1 - own]),
            ranges: vec!["0.0.0.0/0".parse().unwrap()],
            keepalive: None,
        });
        wire
    });
    ((a, b), wires)
}

async fn turn(service: &TcpListener, to: SocketAddr, seconds: f64) -> f64 {
    let sender = tokio::spawn(async move {
        let mut stream = TcpStream::connect(to).await.unwrap();
        let chunk = vec![7; CHUNK];
        let until = Instant::now() + Duration::from_secs_f64(seconds);
        while Instant::now() < until {
            stream.write_all(&chunk).await.unwrap();
        }
    });
    let (mut stream, _) = service.accept().await.unwrap();
    let start = Instant::now();
    let mut buffer = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => break,
            count => bytes += count,
        }
    }
    sender.await.unwrap();
    bytes as f64 * 8.0 / start.elapsed().as_secs_f64() / 1e9
}
