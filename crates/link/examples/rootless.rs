//! Measures a host without privileges: Gbit/s of TCP from a program through a forward, two stacks back to back and a published port to
//! a service, all in this process. No tunnel between: what WireGuard costs comes on top.
//!
//! ```text
//! cargo run --release -p shukuba-link --example rootless -- [SECONDS]
//! ```
//! Beside it stands the same over loopback alone, measured in turns. Every figure is the median of five turns.

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
use link::packet::{CHANNEL_PACKETS, StackEnd};
use link::rootless::{Forward, Limits, Publish, Rootless, Settings, SystemResolver};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const CHUNK: usize = 64 * 1024;

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1);
    let seconds = seconds.map_or(2.0, |text| text.parse().unwrap());
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service_at = service.local_addr().unwrap();
    let (end_a, end_b) = ends();
    let local: SocketAddr = "127.0.0.1:0".parse().unwrap();
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
        listen: local,
        to: "172.16.0.10:6001".parse().unwrap(),
    });
    let mut b = settings([172, 16, 0, 10]);
    b.publishes.push(Publish {
        port: 6001,
        to: service_at,
    });
    let start = |settings, end| {
        Rootless::start(
            settings,
            end,
            Arc::new(SystemClock::new()),
            Arc::new(SystemResolver),
        )
    };
    let a = start(a, end_a).await.unwrap();
    let _b = start(b, end_b).await.unwrap();
    let (mut through, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        through.push(turn(&service, a.forwards()[0], seconds).await);
        bare.push(turn(&service, service_at, seconds).await);
    }
    for (name, mut turns) in [("rootless", through), ("loopback", bare)] {
        turns.sort_by(f64::total_cmp);
        println!(
            "{name}  {:6.2} Gbit/s   ({:.2} to {:.2})",
            turns[2], turns[0], turns[4]
        );
    }
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

fn ends() -> (StackEnd, StackEnd) {
    let (to_b, from_a) = mpsc::channel(CHANNEL_PACKETS);
    let (to_a, from_b) = mpsc::channel(CHANNEL_PACKETS);
    let a = StackEnd {
        from_tunnel: from_b,
        to_tunnel: to_b,
    };
    let b = StackEnd {
        from_tunnel: from_a,
        to_tunnel: to_a,
    };
    (a, b)
}
