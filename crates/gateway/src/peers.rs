//! The connections that are open, and the orders to them.
//!
//! INVARIANT: there are never more than `limit`. A newcomer beyond it takes the place of the oldest connection that has
//! proven nothing, else of the oldest that rests; where all work for proven callers, the newcomer is refused.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use api::TlsFacts;
use futures_util::task::AtomicWaker;
use http::HeaderValue;
use parking_lot::Mutex;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Between requests.
    Resting = 0,
    /// A head has begun and is not complete.
    InHead = 1,
    /// A request is being answered; its body has a time limit of its own.
    InCall = 2,
}

/// What a connection is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Order {
    /// Go on.
    Serve = 0,
    /// Finish what was begun, then close.
    Drain = 1,
    /// Close now.
    Cut = 2,
}

/// One connection, as its own task, the door and the table see it.
pub(crate) struct Peer {
    id: u64,
    /// The other end.
    pub(crate) addr: SocketAddr,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    phase: AtomicU8,
    order: AtomicU8,
    is_proven: AtomicBool,
    task: AtomicWaker,
    base_url: Memory,
    user_agent: Memory,
    tls: OnceLock<TlsFacts>,
}

/// The text made of a header's last value, so that a connection that says the same again costs no new text.
type Memory = Mutex<Option<(HeaderValue, Arc<str>)>>;

fn remembered(
    memory: &Memory,
    value: &HeaderValue,
    make: impl FnOnce(Cow<'_, str>) -> Arc<str>,
) -> Arc<str> {
    let mut last = memory.lock();
    if let Some((_, text)) = last.as_ref().filter(|(of, _)| of == value) {
        return Arc::clone(text);
    }
    let text = make(String::from_utf8_lossy(value.as_bytes()));
    *last = Some((value.clone(), Arc::clone(&text)));
    text
}

impl Peer {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Resting,
            1 => Phase::InHead,
            _ => Phase::InCall,
        }
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(crate) fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Drain,
            _ => Order::Cut,
        }
    }

    fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
        self.task.wake();
    }

    /// The task that is to be woken by an order.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// Whether a request of this connection had a right signature.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_proven.load(Ordering::Relaxed)
    }

    pub(crate) fn set_proven(&self) {
        if !self.is_proven() {
            self.is_proven.store(true, Ordering::Relaxed);
        }
    }

    /// `scheme://host` for the `Host` of a request; made once for a connection that keeps asking for the same.
    pub(crate) fn base_url(&self, host: &HeaderValue) -> Arc<str> {
        remembered(&self.base_url, host, |host| {
            format!("{}://{host}", self.scheme).into()
        })
    }

    /// The text of a request's `User-Agent`; made once for a connection that keeps its own.
    pub(crate) fn user_agent(&self, sent: Option<&HeaderValue>) -> Arc<str> {
        static NOTHING: HeaderValue = HeaderValue::from_static("");
        remembered(&self.user_agent, sent.unwrap_or(&NOTHING), |text| {
            text.into()
        })
    }

    /// The encryption of the connection, where there is any.
    pub(crate) fn tls(&self) -> Option<TlsFacts> {
        self.tls.get().copied()
    }

    /// Keeps what the handshake came to.
    pub(crate) fn set_tls(&self, facts: TlsFacts) {
        // There is one handshake for each connection.
        let _ = self.tls.set(facts);
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("addr", &self.addr)
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}

/// All open connections, oldest first.
#[derive(Debug)]
pub(crate) struct Peers {
    limit: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: BTreeMap<u64, Arc<Peer>>,
}

/// A place in the table; leaving gives it back.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) peer: Arc<Peer>,
    peers: Arc<Peers>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.peers.table.lock().open.remove(&self.peer.id);
    }
}

impl Peers {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            table: Mutex::default(),
        })
    }

    /// A place for a new connection; `None` when all places work for proven callers.
    pub(crate) fn admit(self: &Arc<Self>, addr: SocketAddr, scheme: &'static str) -> Option<Seat> {
        let mut table = self.table.lock();
        if table.open.len() >= self.limit && !table.evict() {
            return None;
        }
        table.next += 1;
        let peer = Arc::new(Peer {
            id: table.next,
            addr,
            scheme,
            phase: AtomicU8::new(Phase::Resting as u8),
            order: AtomicU8::new(Order::Serve as u8),
            is_proven: AtomicBool::new(false),
            task: AtomicWaker::new(),
            base_url: Memory::default(),
            user_agent: Memory::default(),
            tls: OnceLock::new(),
        });
        table.open.insert(peer.id, Arc::clone(&peer));
        Some(Seat {
            peer,
            peers: Arc::clone(self),
        })
    }

    /// Gives an order to all.
    pub(crate) fn give_all(&self, order: Order) {
        let open: Vec<Arc<Peer>> = self.table.lock().open.values().cloned().collect();
        open.iter().for_each(|peer| peer.give(order));
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.table.lock().open.len()
    }
}

impl Table {
    fn evict(&mut self) -> bool {
        let unproven = self.open.values().find(|peer| !peer.is_proven());
        let resting = || {
            self.open
                .values()
                .find(|peer| peer.phase() == Phase::Resting)
        };
        let Some(id) = unproven.or_else(resting).map(|peer| peer.id) else {
            return false;
        };
        if let Some(peer) = self.open.remove(&id) {
            peer.give(Order::Cut);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 1))
    }

    #[test]
    fn a_newcomer_takes_the_place_of_who_has_proven_nothing_then_of_who_rests() {
        let peers = Peers::new(2);
        let first = peers.admit(addr(), "http").unwrap();
        let second = peers.admit(addr(), "http").unwrap();
        first.peer.set_proven();
        let third = peers.admit(addr(), "http").unwrap();
        assert_eq!(second.peer.order(), Order::Cut);
        third.peer.set_proven();
        third.peer.set_phase(Phase::InCall);
        let fourth = peers.admit(addr(), "http").unwrap();
        assert_eq!(first.peer.order(), Order::Cut);
        fourth.peer.set_proven();
        fourth.peer.set_phase(Phase::InCall);
        assert!(peers.admit(addr(), "http").is_none());
        drop((first, second));
        assert_eq!(
            peers.count(),
            2,
            "those that were cut do not free a place twice"
        );
        drop(fourth);
        assert_eq!(peers.count(), 1);
    }

    #[test]
    fn the_base_url_follows_the_host() {
        let peers = Peers::new(1);
        let seat = peers.admit(addr(), "https").unwrap();
        let one = HeaderValue::from_static("a:1");
        assert_eq!(&*seat.peer.base_url(&one), "https://a:1");
        assert_eq!(
            &*seat.peer.base_url(&HeaderValue::from_static("b")),
            "https://b"
        );
        assert_eq!(&*seat.peer.base_url(&one), "https://a:1");
    }
}
