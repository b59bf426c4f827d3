//! WireGuard for many peers, without sockets and devices: packets and datagrams come in, datagrams and packets go out.
//!
//! The noise protocol (handshakes, sessions, replay windows, cookies) is gotatun's [`Tunn`], one for each peer and key of
//! ours. What is here is around it: whose a datagram is, which peer a packet is for, whether a peer may have a packet's
//! source, when a peer was heard of, and how keys change without a gap.
//!
//! INVARIANT: a packet leaves [`Engine::incoming`] only if its source is in the ranges of the peer whose key authenticated
//! it.
//!
//! Locks are taken in the order table, keys, peer, sessions, and are not held while anything waits.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::time::Clock;
use bytes::BytesMut;
use gotatun::noise::TunnResult;
use gotatun::noise::handshake::parse_handshake_anon;
use gotatun::noise::index_table::IndexTable;
use gotatun::packet::{Packet, WgKind};
use gotatun::tun::MtuWatcher;
use net::PublicKey;
use parking_lot::{Mutex, RwLock};

use super::keys::{Budget, INITIATIONS_PER_SECOND, Keys, ROTATION_GRACE, Ring};
use super::peer::{Known, Peer, PeerState, Tunnel};
use super::route::Routes;
use crate::key::PrivateKey;
use crate::packet::{self, Direction, Ends, MTU, PacketFilter};

/// Packets in a second that are answered by an error because nobody is there to take them; more are dropped in silence.
/// The kernel's own bound for such errors is as large (`net.ipv4.icmp_msgs_per_sec`).
pub(crate) const REFUSALS_PER_SECOND: u64 = 1000;

/// How often [`Engine::tick`] wants to be called.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// Datagrams and where they go.
pub(crate) type Outbox = Vec<(Packet, SocketAddr)>;

/// WireGuard for many peers.
pub(crate) struct Engine {
    clock: Arc<dyn Clock>,
    filter: Arc<dyn PacketFilter>,
    indices: IndexTable,
    table: RwLock<Table>,
    keys: RwLock<Keys>,
    sessions: RwLock<HashMap<u32, Session>>,
    initiations: Mutex<Budget>,
    refusals: Mutex<Budget>,
    next_era: AtomicU64,
    /// Packets whose source was not behind their peer.
    spoofed: AtomicU64,
}

/// By what a peer gets another's place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Word,
    Time,
}

#[derive(Default)]
struct Table {
    peers: HashMap<PublicKey, Arc<Known>>,
    routes: Routes<Arc<Known>>,
}

/// Which tunnel of which peer an index of ours belongs to.
#[derive(Clone)]
struct Session {
    peer: Arc<Known>,
    era: u64,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peers = self.table.read().peers.len();
        f.debug_struct("Engine").field("peers", &peers).finish()
    }
}

impl Engine {
    pub(crate) fn new(
        key: &PrivateKey,
        filter: Arc<dyn PacketFilter>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let keys = Keys {
            rings: vec![Ring::new(0, key)],
            changed: clock.monotonic(),
        };
        Self {
            clock,
            filter,
            indices: IndexTable::from_os_rng(),
            table: RwLock::default(),
            keys: RwLock::new(keys),
            sessions: RwLock::default(),
            initiations: Mutex::new(Budget::new(INITIATIONS_PER_SECOND)),
            refusals: Mutex::new(Budget::new(REFUSALS_PER_SECOND)),
            next_era: AtomicU64::new(1),
            spoofed: AtomicU64::new(0),
        }
    }

    /// Packets whose source was not behind the peer that they came from.
    pub(crate) fn spoofed(&self) -> u64 {
        self.spoofed.load(Ordering::Relaxed)
    }

    /// The key that we are known by.
    pub(crate) fn key(&self) -> Option<PublicKey> {
        let keys = self.keys.read();
        keys.rings.first().map(|ring| ring.private.public())
    }

    /// Adds a peer, or changes the one of this key; its sessions go on, and so does its waiting for another's place.
    pub(crate) fn set(&self, peer: Peer) {
        let mut table = self.table.write();
        let known = table.peers.get(&peer.key);
        let known = known.filter(|known| known.keepalive == peer.keepalive);
        let known = match known.cloned() {
            Some(known) => known,
            None => {
                self.forget(&mut table, &peer.key);
                let Some(known) = self.make(&peer) else {
                    return;
                };
                table.peers.insert(peer.key, Arc::clone(&known));
                known
            }
        };
        let mut state = known.state.lock();
        if peer.endpoint.is_some() {
            state.endpoint = peer.endpoint;
        }
        if state.ranges != peer.ranges {
            table.routes.retain(|to| !Arc::ptr_eq(to, &known));
            state.ranges.clone_from(&peer.ranges);
        }
        if state.replaces.is_some() {
            return;
        }
        drop(state);
        for range in peer.ranges {
            table.routes.insert(range, Arc::clone(&known));
        }
    }

    /// Adds `peer`, which takes the place of the one with the key `old` as soon as it is heard of. Until then what is for its
    /// ranges goes to the old one.
    pub(crate) fn succeed(&self, old: PublicKey, peer: Peer) {
        let now = self.clock.monotonic();
        let mut table = self.table.write();
        self.forget(&mut table, &peer.key);
        let Some(known) = self.make(&peer) else {
            return;
        };
        {
            let mut state = known.state.lock();
            state.ranges = peer.ranges;
            state.replaces = Some((old, now));
        }
        known.is_heir.store(true, Ordering::Release);
        table.peers.insert(peer.key, known);
    }

    /// Removes a peer: from now on it is a stranger.
    pub(crate) fn remove(&self, key: &PublicKey) {
        self.forget(&mut self.table.write(), key);
    }

    fn forget(&self, table: &mut Table, key: &PublicKey) {
        if let Some(known) = table.peers.remove(key) {
            table.routes.retain(|to| !Arc::ptr_eq(to, &known));
            let mut sessions = self.sessions.write();
            sessions.retain(|_, session| !Arc::ptr_eq(&session.peer, &known));
        }
    }

    /// Makes `key` ours. Each peer is met with the old one until a handshake with the new one is done.
    pub(crate) fn set_key(&self, key: &PrivateKey, out: &mut Outbox) {
        let table = self.table.read();
        let mut keys = self.keys.write();
        if (keys.rings.first()).is_some_and(|ring| ring.private.public() == key.public()) {
            return;
        }
        let ring = Ring::new(self.next_era.fetch_add(1, Ordering::Relaxed), key);
        keys.rings.insert(0, ring.clone());
        keys.rings.truncate(2);
        let now = self.clock.monotonic();
        keys.changed = now;
        drop(keys);
        for peer in table.peers.values() {
            let mut state = peer.state.lock();
            let mut next = Tunnel::new(peer.key, &ring, &self.indices);
            let hello = next.noise.format_handshake_initiation(false);
            if state.tunnel.noise.time_since_last_handshake().is_none() {
                state.take_over(next, now);
            } else {
                state.next = Some(next);
            }
            if let (Some(hello), Some(endpoint)) = (hello, state.endpoint) {
                let hello = WgKind::HandshakeInit(hello);
                self.register(&hello, peer, ring.era);
                out.push((hello.into(), endpoint));
            }
        }
    }

    /// Begins a handshake with a peer whose endpoint is known, unless one is under way or there is a fresh session.
    pub(crate) fn greet(&self, key: &PublicKey, out: &mut Outbox) {
        let table = self.table.read();
        let Some(peer) = table.peers.get(key) else {
            return;
        };
        let mut state = peer.state.lock();
        let Some(endpoint) = state.endpoint else {
            return;
        };
        let tunnel = &mut state.tunnel;
        if tunnel.noise.has_active_session() {
            return;
        }
        let era = tunnel.era;
        if let Some(hello) = tunnel.noise.format_handshake_initiation(false) {
            let hello = WgKind::HandshakeInit(hello);
            self.register(&hello, peer, era);
            out.push((hello.into(), endpoint));
        }
    }

    /// What is known of the peers.
    pub(crate) fn peers(&self) -> Vec<PeerState> {
        let now = self.clock.monotonic();
        let table = self.table.read();
        let states = table.peers.values().map(|peer| peer.describe(now));
        states.collect()
    }

    #[cfg(test)]
    pub(crate) fn session_count(&self) -> usize {
        self.sessions.read().len()
    }

    /// Takes packets from the device. What is to be sent for them goes to `out`. Who sends to an address that no peer is
    /// behind, or whose peer is silent, gets an error at once: it goes `back` to the device. What the filter refuses is dropped.
    pub(crate) fn outgoing(
        &self,
        packets: &mut Vec<BytesMut>,
        out: &mut Outbox,
        back: &mut Vec<BytesMut>,
    ) {
        let now = self.clock.monotonic();
        let table = self.table.read();
        for packet in packets.drain(..) {
            let Some(ends) = Ends::of(&packet) else {
                continue;
            };
            if !self.filter.pass(Direction::ToTunnel, &packet) {
                continue;
            }
            let peer = table.routes.find(ends.destination);
            let Some(peer) = peer.filter(|peer| !peer.is_silent(now)) else {
                back.extend(self.refuse(&packet, now));
                continue;
            };
            let mut state = peer.state.lock();
            let Some(endpoint) = state.endpoint else {
                back.extend(self.refuse(&packet, now));
                continue;
            };
            state.sent_at = now;
            let mut mtu = MtuWatcher::new(MTU);
            let tunnel = &mut state.tunnel;
            let packet = Packet::from_bytes(packet);
            let Some(kind) = tunnel.noise.handle_outgoing_packet(packet, Some(&mut mtu)) else {
                continue;
            };
            self.register(&kind, peer, tunnel.era);
            out.push((kind.into(), endpoint));
        }
    }

    fn refuse(&self, packet: &[u8], now: Duration) -> Option<BytesMut> {
        let may = self.refusals.lock().take(now);
        may.then(|| packet::unreachable(packet)).flatten()
    }

    /// Takes datagrams from the network. Packets that they carried go to `packets`, what is to be answered to `out`.
    pub(crate) fn incoming(
        &self,
        datagrams: &mut Vec<(BytesMut, SocketAddr)>,
        packets: &mut Vec<BytesMut>,
        out: &mut Outbox,
    ) {
        let mut table = self.table.read();
        for (datagram, from) in datagrams.drain(..) {
            let Some((heir, packet)) = self.accept(&table, datagram, from, packets, out) else {
                continue;
            };
            drop(table);
            self.inherit(&heir, By::Word);
            table = self.table.read();
            self.admit(&table, &heir, packet, packets);
        }
    }

    /// Returns the peer if it is one that is to take another's place now, and its packet, which is to be admitted after that.
    fn accept(
        &self,
        table: &Table,
        datagram: BytesMut,
        from: SocketAddr,
        packets: &mut Vec<BytesMut>,
        out: &mut Outbox,
    ) -> Option<(Arc<Known>, BytesMut)> {
        let (peer, era, kind) = match *datagram.first()? {
            DATA => self.of_session(datagram, DATA_RECEIVER)?,
            COOKIE => self.of_session(datagram, COOKIE_RECEIVER)?,
            INITIATION | RESPONSE => self.of_handshake(table, datagram, from, out)?,
            _ => return None,
        };
        let mut state = peer.state.lock();
        let tunnel = state.of_era(era)?;
        // The first message of a handshake may be an old one that somebody sends again, which shows only when what follows
        // does not come: it moves nothing. A response is to a message of ours, and is answered by a keepalive.
        let packet = match tunnel.noise.handle_incoming_packet(kind) {
            TunnResult::Done | TunnResult::Err(_) => return None,
            TunnResult::WriteToNetwork(answer) => {
                let is_live = matches!(answer, WgKind::Data(_));
                self.register(&answer, &peer, era);
                out.push((answer.into(), from));
                let mut mtu = MtuWatcher::new(MTU);
                let queued = tunnel.noise.get_queued_packets(&mut mtu);
                out.extend(queued.map(|kind| (kind.into(), from)));
                is_live.then(BytesMut::new)
            }
            TunnResult::WriteToTunnel(mut packet) => Some(std::mem::take(packet.buf_mut())),
        };
        let Some(packet) = packet else {
            state.endpoint.get_or_insert(from);
            return None;
        };
        let now = self.clock.monotonic();
        state.settle(era, now);
        state.endpoint = Some(from);
        drop(state);
        peer.hear(now);
        if peer.is_heir.load(Ordering::Acquire) {
            return Some((peer, packet));
        }
        self.admit(table, &peer, packet, packets);
        None
    }

    /// Whose session a datagram belongs to.
    fn of_session(
        &self,
        datagram: BytesMut,
        receiver_at: usize,
    ) -> Option<(Arc<Known>, u64, WgKind)> {
        let receiver = datagram.get(receiver_at..receiver_at + 4)?;
        let receiver = u32::from_le_bytes(receiver.try_into().ok()?);
        let session = self.sessions.read().get(&receiver).cloned()?;
        let kind = Packet::from_bytes(datagram).try_into_wg().ok()?;
        Some((session.peer, session.era, kind))
    }

    /// Whether a handshake's message is for this key of ours, and may cost us a handshake: where too many begin, only from who has
    /// proved that it is where it says it is. Else there may be a cookie to answer with, by which it can.
    fn is_welcome(
        &self,
        ring: &Ring,
        datagram: &BytesMut,
        from: SocketAddr,
    ) -> Result<WgKind, TunnResult> {
        let packet = || Packet::from_bytes(datagram.clone());
        let kind = ring.limiter.verify_packet(from, packet())?;
        match self.initiations.lock().take(self.clock.monotonic()) {
            true => Ok(kind),
            false => ring.strict.verify_packet(from, packet()),
        }
    }

    /// Whose handshake a datagram belongs to, and with which key of ours.
    fn of_handshake(
        &self,
        table: &Table,
        datagram: BytesMut,
        from: SocketAddr,
        out: &mut Outbox,
    ) -> Option<(Arc<Known>, u64, WgKind)> {
        let keys = self.keys.read();
        for ring in &keys.rings {
            let kind = match self.is_welcome(ring, &datagram, from) {
                Ok(kind) => kind,
                Err(TunnResult::WriteToNetwork(cookie)) => {
                    out.push((cookie.into(), from));
                    return None;
                }
                Err(_) => continue,
            };
            let (peer, era) = match &kind {
                WgKind::HandshakeInit(hello) => {
                    let half = parse_handshake_anon(ring.private.secret(), &ring.public, hello);
                    let key = PublicKey::new(half.ok()?.peer_static_public);
                    (table.peers.get(&key)?.clone(), ring.era)
                }
                WgKind::HandshakeResp(answer) => {
                    let sessions = self.sessions.read();
                    let session = sessions.get(&answer.receiver_idx.get())?;
                    (session.peer.clone(), session.era)
                }
                _ => return None,
            };
            return Some((peer, era, kind));
        }
        None
    }

    /// Lets a packet out of the tunnel if its source is behind the peer that it came from.
    fn admit(
        &self,
        table: &Table,
        peer: &Arc<Known>,
        mut packet: BytesMut,
        packets: &mut Vec<BytesMut>,
    ) {
        let Some(ends) = Ends::of(&packet) else {
            return;
        };
        let owner = table.routes.find(ends.source);
        if !owner.is_some_and(|owner| Arc::ptr_eq(owner, peer)) {
            self.spoofed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        packet.truncate(ends.length);
        if self.filter.pass(Direction::FromTunnel, &packet) {
            packets.push(packet);
        }
    }

    /// Gives a peer the place of the one that it replaces. If it has spoken, what is under way from that one is still taken for a
    /// while.
    fn inherit(&self, heir: &Arc<Known>, by: By) {
        let now = self.clock.monotonic();
        let mut table = self.table.write();
        let mut state = heir.state.lock();
        heir.is_heir.store(false, Ordering::Release);
        let Some((old, _)) = state.replaces.take() else {
            return;
        };
        for &range in &state.ranges {
            table.routes.insert(range, Arc::clone(heir));
        }
        if by == By::Time {
            return self.forget(&mut table, &old);
        }
        let Some(old) = table.peers.remove(&old) else {
            return;
        };
        table.routes.retain(|to| !Arc::ptr_eq(to, &old));
        // Its tunnel becomes one of the heir's, by a number that is no other's.
        let era = self.next_era.fetch_add(1, Ordering::Relaxed);
        let Some(empty) = self.empty(&old) else {
            return;
        };
        state.adopt(&mut old.state.lock(), empty, era, now);
        let mut sessions = self.sessions.write();
        sessions.retain(|_, session| {
            if Arc::ptr_eq(&session.peer, &old) {
                (session.peer, session.era) = (Arc::clone(heir), era);
            }
            true
        });
    }

    fn empty(&self, peer: &Known) -> Option<Tunnel> {
        let keys = self.keys.read();
        let ring = keys.rings.first()?;
        Some(Tunnel::new(peer.key, ring, &self.indices))
    }

    /// Does what is due by time: keepalives, handshakes, what a change of keys has left behind. To be called each [`TICK`].
    pub(crate) fn tick(&self, out: &mut Outbox) {
        let now = self.clock.monotonic();
        let table = self.table.read();
        let is_over = self.retire_keys(&table, now);
        for peer in table.peers.values() {
            let mut state = peer.state.lock();
            if is_over && let Some(next) = state.next.take() {
                state.take_over(next, now);
            }
            state.forget_previous(now);
            let due = state.due(peer.keepalive, peer.is_silent(now), now);
            let Some(endpoint) = state.endpoint else {
                continue;
            };
            for (era, kind) in due {
                self.register(&kind, peer, era);
                out.push((kind.into(), endpoint));
            }
        }
        let expired = table.peers.values().filter(|peer| peer.is_overdue(now));
        let expired: Vec<_> = expired.cloned().collect();
        drop(table);
        for heir in expired {
            self.inherit(&heir, By::Time);
        }
        let indices = &self.indices;
        let mut sessions = self.sessions.write();
        sessions.retain(|&index, _| indices.in_use(index));
    }

    /// Forgets keys before the newest when no peer needs them any more, or their time is over; says whether it is.
    fn retire_keys(&self, table: &Table, now: Duration) -> bool {
        let keys = self.keys.read();
        for ring in &keys.rings {
            ring.limiter.try_reset_count();
            ring.strict.try_reset_count();
        }
        if keys.rings.len() < 2 {
            return false;
        }
        let is_over = now.saturating_sub(keys.changed) >= ROTATION_GRACE;
        drop(keys);
        let mut peers = table.peers.values();
        if is_over || peers.all(|peer| peer.state.lock().next.is_none()) {
            self.keys.write().rings.truncate(1);
        }
        is_over
    }

    /// Remembers whose an index of ours is, if `kind` is the first that has it.
    fn register(&self, kind: &WgKind, peer: &Arc<Known>, era: u64) {
        let index = match kind {
            WgKind::HandshakeInit(hello) => hello.sender_idx.get(),
            WgKind::HandshakeResp(answer) => answer.sender_idx.get(),
            _ => return,
        };
        let session = Session {
            peer: Arc::clone(peer),
            era,
        };
        self.sessions.write().insert(index, session);
    }

    fn make(&self, peer: &Peer) -> Option<Arc<Known>> {
        let keys = self.keys.read();
        let ring = keys.rings.first()?;
        let now = self.clock.monotonic();
        Some(Arc::new(Known::new(peer, ring, &self.indices, now)))
    }
}

// The first byte of each kind of datagram, and where it names the receiver's index. Source: the WireGuard paper, section 5.4.
const INITIATION: u8 = 1;
const RESPONSE: u8 = 2;
const COOKIE: u8 = 3;
const DATA: u8 = 4;
const COOKIE_RECEIVER: usize = 4;
const DATA_RECEIVER: usize = 4;
