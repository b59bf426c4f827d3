//! One peer: what it is to be, what is known of it, and its tunnels, one for each key of ours that it may still know us by.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use gotatun::noise::index_table::IndexTable;
use gotatun::noise::{TimerParams, Tunn};
use gotatun::packet::{Packet, WgKind};
use gotatun::x25519;
use ipnet::Ipv4Net;
use net::PublicKey;
use parking_lot::Mutex;

use super::keys::{ROTATION_GRACE, Ring};

/// A peer answers what it got within this time even if it has nothing to say, so that silence means something. The noise
/// protocol's own value is 10 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// When a handshake's first message is sent again: one that is lost must not cost five seconds, which is what the noise
/// protocol's own value is. Spread, so that two ends do not begin at once forever.
const HELLO_AGAIN: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_millis(1333);

/// How long a peer that is to be kept up may say nothing before it counts as gone: two words of [`KEEPALIVE`] may be lost.
pub const SILENCE: Duration = Duration::from_secs(13);

/// What is said at least this often stays within 15 s of being noticed when it stops, and keeps the mappings of NATs (30 s with
/// many) open.
pub const KEEPALIVE: Duration = Duration::from_secs(5);

/// A handshake with a silent peer begins again after this time (the noise protocol's REKEY_TIMEOUT).
const RETRY: Duration = Duration::from_secs(5);

/// How long a datagram may be under way that was sent by the key before. Chosen.
const UNDER_WAY: Duration = Duration::from_secs(5);

/// What is to be known of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its key.
    pub key: PublicKey,
    /// Where it is, if that is known; it is learnt from what it sends.
    pub endpoint: Option<SocketAddr>,
    /// The addresses that are behind it. No two peers have the same range: the last that is given one has it.
    pub ranges: Vec<Ipv4Net>,
    /// After how long without a word one is sent. Then [`SILENCE`] of the peer means that it is gone, and handshakes are tried
    /// until it is back. `None`: only traffic is sent.
    pub keepalive: Option<Duration>,
}

/// What is known of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerState {
    /// Its key.
    pub key: PublicKey,
    /// Where it was last.
    pub endpoint: Option<SocketAddr>,
    /// How long ago the last handshake was; `None` if there is no session.
    pub handshake: Option<Duration>,
    /// How long ago it was last heard of: any datagram that its key authenticated. `None`: never.
    pub heard: Option<Duration>,
    /// Bytes from it, without headers of ours.
    pub received: u64,
    /// Bytes to it.
    pub sent: u64,
    /// Whose place it will have as soon as it is heard of.
    pub replaces: Option<PublicKey>,
}

pub(crate) struct Known {
    pub(crate) key: PublicKey,
    pub(crate) keepalive: Option<Duration>,
    pub(crate) added: Duration,
    pub(crate) state: Mutex<State>,
    /// When it was last heard of, in milliseconds of the monotonic clock, plus one; 0 is never.
    pub(crate) heard_ms: AtomicU64,
    /// Whether it is to take another's place at its first word.
    pub(crate) is_heir: AtomicBool,
}

pub(crate) struct State {
    pub(crate) endpoint: Option<SocketAddr>,
    pub(crate) ranges: Vec<Ipv4Net>,
    /// What speaks for us, by the key in use.
    pub(crate) tunnel: Tunnel,
    /// What will, as soon as it has a session.
    pub(crate) next: Option<Tunnel>,
    /// What did, and since when it does no more: what was under way by it is still taken.
    pub(crate) previous: Option<(Tunnel, Duration)>,
    /// Whose place it takes, and when that was said.
    pub(crate) replaces: Option<(PublicKey, Duration)>,
    pub(crate) retry_at: Duration,
    /// When something was last sent to it, or was to be.
    pub(crate) sent_at: Duration,
    /// Bytes that tunnels before the present one carried.
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

pub(crate) struct Tunnel {
    pub(crate) era: u64,
    /// 10 KB of sessions and their replay windows: boxed, since most peers have one tunnel of three.
    pub(crate) noise: Box<Tunn>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("key", &self.key).finish()
    }
}

impl Known {
    pub(crate) fn new(peer: &Peer, ring: &Ring, indices: &IndexTable, now: Duration) -> Self {
        let state = State {
            endpoint: peer.endpoint,
            ranges: Vec::new(),
            tunnel: Tunnel::new(peer.key, ring, indices),
            next: None,
            previous: None,
            replaces: None,
            retry_at: Duration::ZERO,
            sent_at: now,
            received: 0,
            sent: 0,
        };
        Self {
            key: peer.key,
            keepalive: peer.keepalive,
            added: now,
            state: Mutex::new(state),
            heard_ms: AtomicU64::new(0),
            is_heir: AtomicBool::new(false),
        }
    }

    /// Notes that its key has authenticated something.
    pub(crate) fn hear(&self, now: Duration) {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX - 1);
        self.heard_ms.store(now_ms + 1, Ordering::Relaxed);
    }

    pub(crate) fn describe(&self, now: Duration) -> PeerState {
        let heard = self.heard_ms.load(Ordering::Relaxed).checked_sub(1);
        let state = self.state.lock();
        let (received, sent) = state.tunnel.counts();
        PeerState {
            key: self.key,
            endpoint: state.endpoint,
            handshake: state.tunnel.noise.time_since_last_handshake(),
            heard: heard.map(|at| now.saturating_sub(Duration::from_millis(at))),
            received: state.received + received,
            sent: state.sent + sent,
            replaces: state.replaces.map(|(old, _)| old),
        }
    }

    /// Whether it keeps silent although it is to say something from time to time. One that was just added is given the time.
    pub(crate) fn is_silent(&self, now: Duration) -> bool {
        let heard = self.heard_ms.load(Ordering::Relaxed).checked_sub(1);
        let last = heard.map_or(self.added, Duration::from_millis);
        self.keepalive.is_some() && now.saturating_sub(last) >= SILENCE
    }

    /// Whether the peer that this one replaces has had its time.
    pub(crate) fn is_overdue(&self, now: Duration) -> bool {
        let state = self.state.lock();
        let said = state.replaces.map(|(_, said)| said);
        said.is_some_and(|said| now.saturating_sub(said) >= ROTATION_GRACE)
    }
}

impl State {
    pub(crate) fn of_era(&mut self, era: u64) -> Option<&mut Tunnel> {
        if self.tunnel.era == era {
            return Some(&mut self.tunnel);
        }
        let previous = self.previous.as_mut().map(|(tunnel, _)| tunnel);
        let mut others = self.next.as_mut().into_iter().chain(previous);
        others.find(|tunnel| tunnel.era == era)
    }

    /// Changes to the next tunnel if it is the one of `era` and has a session.
    pub(crate) fn settle(&mut self, era: u64, now: Duration) {
        let is_ready =
            |next: &mut Tunnel| next.era == era && next.noise.time_since_last_handshake().is_some();
        if let Some(next) = self.next.take_if(is_ready) {
            self.take_over(next, now);
        }
    }

    pub(crate) fn take_over(&mut self, next: Tunnel, now: Duration) {
        let (received, sent) = self.tunnel.counts();
        self.received += received;
        self.sent += sent;
        self.previous = Some((std::mem::replace(&mut self.tunnel, next), now));
    }

    /// Takes over the tunnel of the peer whose place this one has got, and leaves it an empty one.
    pub(crate) fn adopt(&mut self, old: &mut Self, empty: Tunnel, era: u64, now: Duration) {
        let mut tunnel = std::mem::replace(&mut old.tunnel, empty);
        let (received, sent) = tunnel.counts();
        self.received += old.received + received;
        self.sent += old.sent + sent;
        tunnel.era = era;
        self.previous = Some((tunnel, now));
    }

    pub(crate) fn forget_previous(&mut self, now: Duration) {
        let is_old = |(_, since): &mut (Tunnel, Duration)| now.saturating_sub(*since) >= UNDER_WAY;
        self.previous.take_if(is_old);
    }

    /// What is due by time: by the noise protocol's, and by ours if it is to be kept up.
    pub(crate) fn due(
        &mut self,
        keepalive: Option<Duration>,
        is_silent: bool,
        now: Duration,
    ) -> Vec<(u64, WgKind)> {
        let mut due = Vec::new();
        let tunnels = std::iter::once(&mut self.tunnel).chain(self.next.as_mut());
        for tunnel in tunnels {
            if let Ok(Some(kind)) = tunnel.noise.update_timers() {
                due.push((tunnel.era, kind));
            }
        }
        let Some(keepalive) = keepalive else {
            return due;
        };
        let tunnel = &mut self.tunnel;
        if is_silent && now >= self.retry_at {
            // It may have started anew and not know our session, or our handshakes may have come to nothing for so long that
            // the noise protocol has given up.
            self.retry_at = now + RETRY;
            let hello = tunnel.noise.format_handshake_initiation(false);
            due.extend(hello.map(|hello| (tunnel.era, WgKind::HandshakeInit(hello))));
        } else if now.saturating_sub(self.sent_at) >= keepalive {
            self.sent_at = now;
            let nothing = Packet::from_bytes(BytesMut::new());
            let kind = tunnel.noise.handle_outgoing_packet(nothing, None);
            due.extend(kind.map(|kind| (tunnel.era, kind)));
        }
        due
    }
}

impl Tunnel {
    pub(crate) fn new(peer: PublicKey, ring: &Ring, indices: &IndexTable) -> Self {
        let mut noise = Tunn::new(
            ring.private.secret().clone(),
            x25519::PublicKey::from(peer.bytes()),
            None,
            // Its own keepalives are put off by what is received, so that of two ends only one would say something.
            None,
            indices.clone(),
            Arc::clone(&ring.limiter),
        );
        noise.dangerously_set_timer_params(TimerParams {
            keepalive_timeout: ANSWER_WITHIN..=ANSWER_WITHIN,
            rekey_timeout: HELLO_AGAIN,
            ..TimerParams::default()
        });
        Self {
            era: ring.era,
            noise: Box::new(noise),
        }
    }

    /// Bytes received and sent.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let (_, sent, received, ..) = self.noise.stats();
        (received as u64, sent as u64)
    }
}
