//! One end of a tunnel on a TUN device, with one peer: what `bench/compare/link.py` and a look at packets by hand need.
//!
//! ```text
//! wire DEVICE PORT KEY_FILE PEER_KEY PEER_ENDPOINT|- RANGE…
//! ```
//! Addresses and routes are left to whoever starts it.

use std::sync::Arc;
use std::time::Duration;

use base::time::SystemClock;
use link::packet::Open;
use link::{Device, Peer, PrivateKey, Socket, Tun, Wire};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, port, key, peer, endpoint, ranges @ ..] = arguments.as_slice() else {
        return Err("wire DEVICE PORT KEY_FILE PEER_KEY PEER_ENDPOINT|- RANGE…".into());
    };
    let key = PrivateKey::read(&std::fs::read_to_string(key)?)?;
    let device = Device::Tun(Tun::make(name)?);
    let socket = Socket::any(port.parse()?)?;
    let clock = Arc::new(SystemClock::new());
    let wire = Wire::start(&key, socket, device, Arc::new(Open), clock);
    let peer = Peer {
        key: peer.parse()?,
        endpoint: (endpoint != "-").then(|| endpoint.parse()).transpose()?,
        ranges: ranges
            .iter()
            .map(|range| range.parse())
            .collect::<Result<_, _>>()?,
        keepalive: Some(Duration::from_secs(3)),
    };
    wire.set(peer);
    Err(wire.failed().await.into())
}
