//! A network stack in this process: one address, connections of TCP out and in, by smoltcp.
//!
//! All of it stands under one lock, which is never held over an `.await`. A driver moves packets: it is woken by packets, by
//! streams that have read or written, and by the stack's own timers. Congestion is controlled as Linux does (CUBIC).

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use base::Clock;
use bytes::BytesMut;
use parking_lot::Mutex;
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::Socket;
use smoltcp::socket::tcp::{self, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use tokio::sync::{Notify, mpsc};

use super::device::Device;
use super::ingress::{Listening, Unreachable};
use super::settings::Limits;
use super::stream::Stream;
use crate::packet::{CHANNEL_PACKETS, StackEnd};

/// Packets that are taken in one turn. Chosen: a turn takes some 0.1 ms.
const BATCH: usize = 64;
/// How long data may stay unacknowledged before a connection is given up. Chosen.
pub(super) const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(120);
/// How long a connection may take to end properly after both sides here have let it go. Chosen.
const LINGER_MAX: Duration = Duration::from_secs(30);
/// Connections that may be ending at a time; more of them end at once. Chosen.
const LINGERING_MAX: usize = 128;
/// The first port that connections out come from. Source: RFC 6335, dynamic ports.
const FIRST_OWN_PORT: u16 = 49_152;

/// A network stack. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Stack {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) core: Mutex<Core>,
    /// There is something for the driver to do.
    pub(super) work: Notify,
    clock: Arc<dyn Clock>,
}

/// What stands under the lock.
pub(super) struct Core {
    pub(super) sockets: SocketSet<'static>,
    pub(super) interface: Interface,
    pub(super) device: Device,
    pub(super) address: Ipv4Addr,
    pub(super) limits: Limits,
    /// Streams and handshakes.
    pub(super) live: usize,
    pub(super) inbound: usize,
    pub(super) listening: HashMap<u16, Listening>,
    pub(super) unreachable: Unreachable,
    lingering: Vec<(SocketHandle, Duration)>,
    next_port: u16,
    is_down: bool,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("address", &self.address)
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

/// Moves the stack's packets until its tunnel is gone.
#[derive(Debug)]
pub(super) struct Driver {
    shared: Arc<Shared>,
    from_tunnel: mpsc::Receiver<BytesMut>,
    to_tunnel: mpsc::Sender<BytesMut>,
}

/// What follows from a turn of the driver.
struct Turn {
    /// Connections that came in, for who listens.
    accepted: Vec<(mpsc::Sender<Stream>, SocketHandle)>,
    wait: Option<Duration>,
    is_blocked: bool,
}

impl Stack {
    /// A stack with `address` behind `end`, and what drives it.
    pub(super) fn new(
        address: Ipv4Addr,
        limits: Limits,
        end: StackEnd,
        clock: Arc<dyn Clock>,
    ) -> (Self, Driver) {
        let to_tunnel = end.to_tunnel.clone();
        let core = Core::new(address, limits, end.to_tunnel, now(clock.monotonic()));
        let shared = Arc::new(Shared {
            core: Mutex::new(core),
            work: Notify::new(),
            clock,
        });
        let driver = Driver {
            shared: Arc::clone(&shared),
            from_tunnel: end.from_tunnel,
            to_tunnel,
        };
        (Self { shared }, driver)
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// `ConnectionRefused`, `HostUnreachable` where a router says so, `TimedOut`, `QuotaExceeded` where there are as many
    /// connections as there may be, `NetworkDown` where the tunnel is gone.
    pub async fn connect(&self, to: SocketAddrV4) -> io::Result<Stream> {
        let opened = self.shared.core.lock().open(to)?;
        let limit = self.shared.core.lock().limits.connect;
        // Its end ends the connection, whatever happens from here on.
        let stream = Stream::new(Arc::clone(&self.shared), opened, false);
        self.shared.work.notify_one();
        let opened = std::future::poll_fn(|context| stream.poll_open(context));
        match tokio::time::timeout(limit, opened).await {
            Ok(result) => result.map(|()| stream),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Driver {
    pub(super) async fn run(mut self) {
        let mut packets = VecDeque::with_capacity(BATCH);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            // What a device has no room for is lost; waiting would stop two ends that wait for each other.
            let room = CHANNEL_PACKETS.saturating_sub(packets.len());
            packets.extend(batch.drain(..).take(room));
            let turn = self.turn(&mut packets);
            for (listener, handle) in turn.accepted {
                let stream = Stream::new(Arc::clone(&self.shared), handle, true);
                // Where nobody takes it, it ends here.
                let _ = listener.try_send(stream);
            }
            let room = async {
                if turn.is_blocked {
                    self.to_tunnel.reserve().await.is_ok()
                } else {
                    std::future::pending().await
                }
            };
            let timer = async {
                match turn.wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            let is_up = tokio::select! {
                count = self.from_tunnel.recv_many(&mut batch, BATCH) => count > 0,
                has_room = room => has_room,
                () = self.shared.work.notified() => true,
                () = timer => true,
            };
            if !is_up {
                break;
            }
        }
        self.shared.core.lock().go_down();
    }

    fn turn(&self, packets: &mut VecDeque<BytesMut>) -> Turn {
        let monotonic = self.shared.clock.monotonic();
        let at = now(monotonic);
        let mut core = self.shared.core.lock();
        core.ingress(at, packets);
        core.egress(at);
        let accepted = core.accepted();
        core.reap(monotonic);
        let is_blocked = core.device.take_blocked();
        let Core {
            interface, sockets, ..
        } = &mut *core;
        let wait = interface.poll_delay(at, sockets).map(Duration::from);
        Turn {
            accepted,
            // What waits for room is due, and room is what it waits for.
            wait: wait.filter(|_| !is_blocked),
            is_blocked,
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.core.lock().go_down();
    }
}

fn now(monotonic: Duration) -> Instant {
    Instant::from_micros(i64::try_from(monotonic.as_micros()).unwrap_or(i64::MAX))
}

impl Core {
    fn new(
        address: Ipv4Addr,
        limits: Limits,
        to_tunnel: mpsc::Sender<BytesMut>,
        now: Instant,
    ) -> Self {
        let mut device = Device::new(to_tunnel);
        let mut config = Config::new(HardwareAddress::Ip);
        // Sequence numbers are guessed from what this is.
        config.random_seed = u64::from_ne_bytes(base::id::random_bytes());
        let mut interface = Interface::new(config, &mut device, now);
        interface.update_ip_addrs(|own| {
            // There is room for more than one.
            let _ = own.push(IpCidr::new(IpAddress::Ipv4(address), 32));
        });
        let _ = interface.routes_mut().add_default_ipv4_route(address);
        let random = u16::from_ne_bytes(base::id::random_bytes());
        Self {
            sockets: SocketSet::new(Vec::new()),
            interface,
            device,
            address,
            limits,
            live: 0,
            inbound: 0,
            listening: HashMap::new(),
            unreachable: Unreachable::default(),
            lingering: Vec::new(),
            next_port: random | FIRST_OWN_PORT,
            is_down: false,
        }
    }

    fn open(&mut self, to: SocketAddrV4) -> io::Result<SocketHandle> {
        if self.is_down {
            return Err(io::ErrorKind::NetworkDown.into());
        }
        if self.live >= self.limits.connections {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let port = self.own_port().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let from = (self.address, port);
        let mut socket = self.socket();
        let there = (*to.ip(), to.port());
        socket
            .connect(self.interface.context(), there, from)
            .map_err(|_| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
        self.live += 1;
        Ok(self.sockets.add(socket))
    }

    /// A socket with its buffers, which gives up an end that is silent.
    pub(super) fn socket(&self) -> tcp::Socket<'static> {
        let buffer = || tcp::SocketBuffer::new(vec![0; self.limits.buffer_bytes]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.set_congestion_control(tcp::CongestionControl::Cubic);
        // What is written here was gathered by who wrote it there.
        socket.set_nagle_enabled(false);
        socket.set_timeout(Some(UNACKNOWLEDGED_MAX.into()));
        socket
    }

    /// A port that no connection has; `None` where there is none.
    fn own_port(&mut self) -> Option<u16> {
        (FIRST_OWN_PORT..=u16::MAX).find_map(|_| {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_OWN_PORT);
            let is_taken = self.sockets.iter().any(|(_, socket)| {
                let Socket::Tcp(socket) = socket;
                socket.local_endpoint().is_some_and(|own| own.port == port)
            });
            (!is_taken).then_some(port)
        })
    }

    fn egress(&mut self, at: Instant) {
        while self
            .interface
            .poll_egress(at, &mut self.device, &mut self.sockets)
            == PollResult::SocketStateChanged
        {}
    }

    /// Lets go of a stream's connection: in good order where both sides have ended theirs, else by a reset.
    pub(super) fn let_go(
        &mut self,
        handle: SocketHandle,
        is_inbound: bool,
        is_ended: bool,
        at: Duration,
    ) {
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
        if is_ended {
            socket.close();
        } else {
            socket.abort();
        }
        self.live -= 1;
        self.inbound -= usize::from(is_inbound);
        self.unreachable.forget(handle);
        self.lingering.push((handle, at + LINGER_MAX));
    }

    /// Removes connections that have ended, or have had their time.
    fn reap(&mut self, at: Duration) {
        let mut surplus = self.lingering.len().saturating_sub(LINGERING_MAX);
        let sockets = &mut self.sockets;
        self.lingering.retain(|&(handle, until)| {
            let socket = sockets.get::<tcp::Socket<'_>>(handle);
            // A reset has been sent when the other end is forgotten.
            let is_over = socket.state() == State::Closed && socket.remote_endpoint().is_none();
            let stays = !is_over && at < until && surplus == 0;
            surplus = surplus.saturating_sub(1);
            if !stays {
                sockets.remove(handle);
            }
            stays
        });
    }

    /// Ends everything: the tunnel is gone.
    fn go_down(&mut self) {
        self.is_down = true;
        self.listening.clear();
        for (_, socket) in self.sockets.iter_mut() {
            let Socket::Tcp(socket) = socket;
            socket.abort();
        }
    }
}

impl Shared {
    pub(super) fn let_go(&self, handle: SocketHandle, is_inbound: bool, is_ended: bool) {
        let at = self.clock.monotonic();
        self.core.lock().let_go(handle, is_inbound, is_ended, at);
        self.work.notify_one();
    }

    /// Whether a connection is open by now.
    pub(super) fn poll_open(
        &self,
        handle: SocketHandle,
        context: &mut std::task::Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut core = self.core.lock();
        let is_unreachable = core.unreachable.has(handle);
        let is_down = core.is_down;
        let socket = core.sockets.get_mut::<tcp::Socket<'_>>(handle);
        match socket.state() {
            State::SynSent | State::SynReceived => {
                socket.register_send_waker(context.waker());
                Poll::Pending
            }
            State::Closed | State::Listen => Poll::Ready(Err(if is_down {
                io::ErrorKind::NetworkDown.into()
            } else if is_unreachable {
                io::ErrorKind::HostUnreachable.into()
            } else {
                io::ErrorKind::ConnectionRefused.into()
            })),
            _ => Poll::Ready(Ok(())),
        }
    }
}
