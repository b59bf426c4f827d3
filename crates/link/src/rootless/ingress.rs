//! What comes in: packets are looked at before the stack sees them, so that a port listens exactly where a connection is asked for,
//! and a connection that cannot be is given up at once.

use std::collections::VecDeque;

use bytes::BytesMut;
use net::rule::TCP;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::Socket;
use smoltcp::socket::tcp::{self, State};
use smoltcp::time::Instant;
use smoltcp::wire::IpEndpoint;
use tokio::sync::mpsc;

use super::stack::{Core, Stack, UNACKNOWLEDGED_MAX};
use super::stream::Stream;
use crate::filter::header::{Content, Packet, Tuple};
use crate::filter::tcp::Segment;

/// A published port.
#[derive(Debug)]
pub(super) struct Listening {
    to: mpsc::Sender<Stream>,
    /// Connections that are being opened.
    handshakes: Vec<SocketHandle>,
}

/// Connections of which a router has said that they cannot be.
#[derive(Debug, Default)]
pub(super) struct Unreachable(Vec<SocketHandle>);

impl Unreachable {
    pub(super) fn has(&self, handle: SocketHandle) -> bool {
        self.0.contains(&handle)
    }

    pub(super) fn forget(&mut self, handle: SocketHandle) {
        self.0.retain(|own| *own != handle);
    }
}

impl Stack {
    /// Takes connections to `port`; `None` where somebody does.
    pub(super) fn listen(&self, port: u16) -> Option<mpsc::Receiver<Stream>> {
        let mut core = self.shared.core.lock();
        if core.listening.contains_key(&port) {
            return None;
        }
        let (to, accepted) = mpsc::channel(core.limits.handshakes.max(1));
        let handshakes = Vec::new();
        core.listening.insert(port, Listening { to, handshakes });
        Some(accepted)
    }
}

/// Who answers a SYN.
enum Answer {
    /// A socket made for it.
    Listener(SocketHandle),
    /// Whoever of the stack knows the connection; nobody: it is refused.
    Stack,
    /// Nobody, in silence: there are too many connections now, and the SYN will come again.
    Nobody,
}

impl Core {
    /// Takes packets in, as far as there is room for answers.
    pub(super) fn ingress(&mut self, at: Instant, packets: &mut VecDeque<BytesMut>) {
        while self.device.has_room() {
            let Some(packet) = packets.pop_front() else {
                return;
            };
            self.take(at, packet);
        }
    }

    fn take(&mut self, at: Instant, packet: BytesMut) {
        let answer = Packet::read(&packet).map_or(Answer::Stack, |read| self.look(&read));
        if matches!(answer, Answer::Nobody) {
            return;
        }
        self.device.put(packet);
        let (device, sockets) = (&mut self.device, &mut self.sockets);
        self.interface.poll_ingress_single(at, device, sockets);
        if let Answer::Listener(handle) = answer {
            self.keep(handle);
        }
    }

    fn look(&mut self, packet: &Packet) -> Answer {
        match packet.content {
            Content::Tcp {
                source,
                destination,
                segment: Segment::Syn,
            } if packet.destination == self.address => {
                self.answer((packet.source, source).into(), destination)
            }
            Content::Error(about) => {
                self.give_up(&about);
                Answer::Stack
            }
            _ => Answer::Stack,
        }
    }

    fn answer(&mut self, from: IpEndpoint, port: u16) -> Answer {
        let Some(listening) = self.listening.get(&port) else {
            return Answer::Stack;
        };
        let limits = self.limits;
        let is_full = self.live >= limits.connections
            || self.inbound >= limits.inbound
            || listening.handshakes.len() >= limits.handshakes;
        if self.find(port, from).is_some() {
            return Answer::Stack;
        }
        if is_full {
            return Answer::Nobody;
        }
        let mut socket = self.socket();
        socket.set_timeout(Some(limits.connect.into()));
        if socket.listen((self.address, port)).is_err() {
            return Answer::Stack;
        }
        self.live += 1;
        self.inbound += 1;
        Answer::Listener(self.sockets.add(socket))
    }

    /// The connection between an own port and another end.
    fn find(&self, port: u16, other: IpEndpoint) -> Option<SocketHandle> {
        let mut all = self.sockets.iter();
        let found = all.find(|(_, socket)| {
            let Socket::Tcp(socket) = socket;
            let is_port = socket.local_endpoint().is_some_and(|own| own.port == port);
            is_port && socket.remote_endpoint() == Some(other)
        });
        found.map(|(handle, _)| handle)
    }

    /// Keeps the socket that a SYN was for, if it took it.
    fn keep(&mut self, handle: SocketHandle) {
        let socket = self.sockets.get::<tcp::Socket<'_>>(handle);
        let own = socket.local_endpoint().map(|own| own.port);
        let listening = own.and_then(|port| self.listening.get_mut(&port));
        match listening {
            Some(listening) if socket.state() == State::SynReceived => {
                listening.handshakes.push(handle);
            }
            _ => self.drop_inbound(handle),
        }
    }

    fn drop_inbound(&mut self, handle: SocketHandle) {
        self.sockets.remove(handle);
        self.live -= 1;
        self.inbound -= 1;
    }

    /// Connections that have come to be open, for who listens.
    pub(super) fn accepted(&mut self) -> Vec<(mpsc::Sender<Stream>, SocketHandle)> {
        let (mut open, mut over) = (Vec::new(), Vec::new());
        let sockets = &mut self.sockets;
        for listening in self.listening.values_mut() {
            listening.handshakes.retain(|&handle| {
                let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
                match socket.state() {
                    State::SynReceived => return true,
                    // Refused by who asked, or not heard of again.
                    State::Closed | State::Listen => over.push(handle),
                    _ => {
                        socket.set_timeout(Some(UNACKNOWLEDGED_MAX.into()));
                        open.push((listening.to.clone(), handle));
                    }
                }
                false
            });
        }
        for handle in over {
            self.drop_inbound(handle);
        }
        open
    }

    /// Gives up the connection that is being opened and that an error is about.
    fn give_up(&mut self, about: &Tuple) {
        if about.protocol != TCP || about.source != self.address {
            return;
        }
        let (own, other) = about.ports;
        let Some(handle) = self.find(own, (about.destination, other).into()) else {
            return;
        };
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
        if socket.state() == State::SynSent {
            self.unreachable.0.push(handle);
            socket.abort();
        }
    }
}
