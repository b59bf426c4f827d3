//! A tunnel of WireGuard: one key and one socket, a device behind it, any number of peers.
//!
//! - [`Wire`]: the tunnel; its tasks end with it
//! - [`Peer`], [`PeerState`]: what is to be known of a peer, and what is

mod engine;
mod keys;
mod peer;
mod route;

#[cfg(test)]
mod loopback;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base::time::Clock;
use net::PublicKey;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use engine::{Engine, Outbox, TICK};
pub use keys::{INITIATIONS_PER_SECOND, ROTATION_GRACE};
pub use peer::{KEEPALIVE, Peer, PeerState, SILENCE};

use crate::io::udp::Receiving;
use crate::io::{BATCH, Device, Socket, device};
use crate::key::PrivateKey;
use crate::packet::PacketFilter;

/// A tunnel. When it is dropped it stops, and its device goes.
#[derive(Debug)]
pub struct Wire {
    engine: Arc<Engine>,
    socket: Arc<Socket>,
    /// Why it has stopped by itself, if it has.
    failure: watch::Receiver<Option<String>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Wire {
    /// Starts a tunnel without peers between `socket` and `device`. Packets pass `filter` on their way.
    ///
    /// Must be called within a runtime of tokio.
    #[must_use]
    pub fn start(
        key: &PrivateKey,
        socket: Socket,
        device: Device,
        filter: Arc<dyn PacketFilter>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let engine = Arc::new(Engine::new(key, filter, clock));
        let socket = Arc::new(socket);
        let (reader, back, writer) = device.split();
        let (said, failure) = watch::channel(None);
        let said = Arc::new(said);
        let mut tasks = JoinSet::new();
        let both = || (Arc::clone(&engine), Arc::clone(&socket), Arc::clone(&said));
        let (own, via, say) = both();
        tasks.spawn(async move { tell(&say, outgoing(own, via, reader, back).await) });
        let (own, via, say) = both();
        tasks.spawn(async move { tell(&say, incoming(own, via, writer).await) });
        let (own, via, _) = both();
        tasks.spawn(timers(own, via));
        Self {
            engine,
            socket,
            failure,
            tasks: Mutex::new(tasks),
        }
    }

    /// The key that it is known by.
    #[must_use]
    pub fn key(&self) -> Option<PublicKey> {
        self.engine.key()
    }

    /// Where its socket is bound.
    ///
    /// # Errors
    /// The system's.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_address()
    }

    /// What is known of the peers, in no order.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerState> {
        self.engine.peers()
    }

    /// Packets that were dropped since it began because their source was not behind the peer that they came from.
    #[must_use]
    pub fn spoofed(&self) -> u64 {
        self.engine.spoofed()
    }

    /// Adds a peer, or changes the one of this key, whose sessions go on. `None` as endpoint leaves the one that is known.
    pub fn set(&self, peer: Peer) {
        self.engine.set(peer);
    }

    /// Adds `peer` in the place of the one with the key `old`: as soon as `peer` is heard of, it gets its own ranges and the old
    /// one goes. Until then, [`ROTATION_GRACE`] at most, the old one has them.
    pub fn succeed(&self, old: PublicKey, peer: Peer) {
        self.engine.succeed(old, peer);
    }

    /// Removes a peer: from now on it is a stranger.
    pub fn remove(&self, key: &PublicKey) {
        self.engine.remove(key);
    }

    /// Begins a handshake with a peer whose endpoint is known, unless there is a fresh session.
    pub async fn greet(&self, key: &PublicKey) {
        let mut out = Outbox::new();
        self.engine.greet(key, &mut out);
        self.socket.send(&mut out).await;
    }

    /// Makes `key` its own. Each peer is met with the old one until a handshake with the new one is done.
    pub async fn set_key(&self, key: &PrivateKey) {
        let mut out = Outbox::new();
        self.engine.set_key(key, &mut out);
        self.socket.send(&mut out).await;
    }

    /// Stops it. When this comes back its device is gone.
    pub async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        tasks.shutdown().await;
    }

    /// Waits until it stops by itself, because its device or socket is gone, and says why.
    pub async fn failed(&self) -> String {
        let mut failure = self.failure.clone();
        match failure.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => "its tasks have ended".to_owned(),
        }
    }
}

fn tell(say: &watch::Sender<Option<String>>, end: io::Result<()>) {
    if let Err(error) = end {
        tracing::error!(%error, "the tunnel has stopped");
        say.send_replace(Some(error.to_string()));
    }
}

/// Packets of the device become datagrams.
async fn outgoing(
    engine: Arc<Engine>,
    socket: Arc<Socket>,
    mut device: device::Reader,
    mut refused: device::Writer,
) -> io::Result<()> {
    let mut packets = Vec::with_capacity(2 * BATCH);
    let mut back = Vec::new();
    let mut out = Outbox::with_capacity(2 * BATCH);
    loop {
        device.read(&mut packets).await?;
        engine.outgoing(&mut packets, &mut out, &mut back);
        socket.send(&mut out).await;
        if !back.is_empty() {
            refused.write(&mut back).await?;
        }
        tokio::task::coop::consume_budget().await;
    }
}

/// Datagrams become packets of the device.
async fn incoming(
    engine: Arc<Engine>,
    socket: Arc<Socket>,
    mut device: device::Writer,
) -> io::Result<()> {
    let mut with = Receiving::default();
    let mut datagrams = Vec::with_capacity(2 * BATCH);
    let mut packets = Vec::with_capacity(2 * BATCH);
    let mut out = Outbox::new();
    loop {
        if let Err(error) = socket.receive(&mut with, &mut datagrams).await {
            // What one peer's network says must not stop the others'.
            tracing::debug!(%error, "receiving failed");
            tokio::task::yield_now().await;
            continue;
        }
        engine.incoming(&mut datagrams, &mut packets, &mut out);
        if !out.is_empty() {
            socket.send(&mut out).await;
        }
        if !packets.is_empty() {
            device.write(&mut packets).await?;
        }
        tokio::task::coop::consume_budget().await;
    }
}

async fn timers(engine: Arc<Engine>, socket: Arc<Socket>) {
    let mut out = Outbox::new();
    loop {
        engine.tick(&mut out);
        socket.send(&mut out).await;
        tokio::time::sleep(TICK).await;
    }
}
