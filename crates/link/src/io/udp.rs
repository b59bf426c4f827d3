//! Datagrams, many with one call: the kernel segments what is sent (UDP_SEGMENT) and joins what is received (UDP_GRO).
//!
//! A path may refuse a segmented send: where its MTU has sunk below a segment, the kernel answers EMSGSIZE or EINVAL instead of fragmenting. Then
//! the same datagrams go one by one, which the kernel fragments. Measured: without this a transfer stands still when the MTU
//! of the underlay sinks.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use bytes::BytesMut;
use gotatun::packet::Packet;
use nix::sys::socket::{
    self, ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, setsockopt, sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::BATCH;

/// The socket's buffer of what has come, in bytes: what several connections may have under way at a time (Linux gives each a window of
/// up to 6 MiB, `net.ipv4.tcp_rmem`), since whoever receives may have to wait for the processor. Measured with four connections on two
/// cores: at the kernel's default of 208 KiB a sixth is lost (`RcvbufErrors`), at 4 MiB some pieces in most runs of 4 s, at this none; a
/// ping meanwhile takes as long with either.
const RECEIVE_BUFFER_BYTES: usize = 16 << 20;

/// … of what is to be sent.
const SEND_BUFFER_BYTES: usize = 4 << 20;

/// The most that one segmented send may hold, in bytes: what a datagram of IPv4 or IPv6 may.
const SEND_BYTES: usize = 65_000;

/// The most that one receive gives, in bytes.
const RECEIVE_BYTES: usize = 65_536;

/// What WireGuard pads a packet to, so that it grows in place.
const PADDING: usize = 16;

/// A socket for datagrams. It is kept for the life of a tunnel, through changes of its keys.
#[derive(Debug)]
pub struct Socket {
    socket: UdpSocket,
    is_dual: bool,
}

/// What one direction of receiving needs from call to call.
#[derive(Debug)]
pub(crate) struct Receiving {
    bytes: Vec<u8>,
    control: Vec<u8>,
}

impl Default for Receiving {
    fn default() -> Self {
        Self {
            bytes: vec![0; RECEIVE_BYTES],
            control: nix::cmsg_space!(i32),
        }
    }
}

impl Socket {
    /// A socket on `port` (0: any) of all addresses, of IPv6 and IPv4 where the system has both.
    ///
    /// # Errors
    /// The system's, e.g. where the port is taken.
    pub fn any(port: u16) -> io::Result<Self> {
        let both = Self::bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port));
        match both {
            Err(error) if is_without_v6(&error) => {
                Self::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
            }
            other => other,
        }
    }

    /// A socket on this address; on that of all addresses of IPv6 it takes IPv4 too.
    ///
    /// # Errors
    /// The system's.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
        socket.set_nonblocking(true)?;
        let is_dual = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        if address.is_ipv6() {
            socket.set_only_v6(!is_dual)?;
        }
        enlarge(&socket)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        if let Err(error) = setsockopt(&socket, sockopt::UdpGroSegment, &true) {
            tracing::info!(%error, "the kernel does not join datagrams: receiving takes more of the processor");
        }
        Ok(Self { socket, is_dual })
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// The system's.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends all of `out`, in its order, and empties it. What cannot be sent is lost, as datagrams are.
    pub(crate) async fn send(&self, out: &mut Vec<(Packet, SocketAddr)>) {
        let mut rest = out.as_slice();
        while let Some((packet, to)) = rest.first() {
            let run = run(rest, packet.len(), *to);
            let (now, later) = rest.split_at_checked(run).unwrap_or((rest, &[]));
            rest = later;
            if let Err(error) = self.send_run(now, packet.len(), *to).await {
                if run > 1 {
                    for one in now {
                        let _ = self
                            .send_run(std::slice::from_ref(one), one.0.len(), *to)
                            .await;
                    }
                }
                tracing::trace!(%error, %to, run, "datagrams were not sent at once");
            }
        }
        out.clear();
    }

    async fn send_run(
        &self,
        run: &[(Packet, SocketAddr)],
        segment: usize,
        to: SocketAddr,
    ) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); BATCH];
        for (slice, (packet, _)) in slices.iter_mut().zip(run) {
            *slice = IoSlice::new(packet.as_ref());
        }
        let slices = slices.get(..run.len()).unwrap_or(&slices);
        let segment = u16::try_from(segment).unwrap_or(u16::MAX);
        let control = [ControlMessage::UdpGsoSegments(&segment)];
        let control = if run.len() > 1 { &control[..] } else { &[] };
        let to = SockaddrStorage::from(self.outward(to));
        let fd = self.socket.as_raw_fd();
        let send = || {
            let sent = socket::sendmsg(fd, slices, control, MsgFlags::MSG_DONTWAIT, Some(&to));
            sent.map_err(io::Error::from)
        };
        self.socket.async_io(Interest::WRITABLE, send).await?;
        Ok(())
    }

    /// Waits for datagrams and adds as many as are there, up to about [`BATCH`], to `into`.
    pub(crate) async fn receive(
        &self,
        with: &mut Receiving,
        into: &mut Vec<(BytesMut, SocketAddr)>,
    ) -> io::Result<()> {
        let read = || self.read(with, into);
        self.socket.async_io(Interest::READABLE, read).await?;
        while into.len() < BATCH {
            let more = self
                .socket
                .try_io(Interest::READABLE, || self.read(with, into));
            if more.is_err() {
                break;
            }
        }
        Ok(())
    }

    fn read(&self, with: &mut Receiving, into: &mut Vec<(BytesMut, SocketAddr)>) -> io::Result<()> {
        let mut slices = [IoSliceMut::new(&mut with.bytes)];
        let got = socket::recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut slices,
            Some(&mut with.control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let bytes = got.bytes;
        let mut controls = got.cmsgs()?;
        let joined = controls.find_map(|control| match control {
            ControlMessageOwned::UdpGroSegments(size) => usize::try_from(size).ok(),
            _ => None,
        });
        let Some(from) = got.address.as_ref().and_then(address) else {
            return Ok(());
        };
        let segment = joined.filter(|&size| size > 0).unwrap_or(bytes).max(1);
        let all = with.bytes.get(..bytes).unwrap_or_default();
        into.extend(all.chunks(segment).map(|segment| {
            let mut datagram = BytesMut::with_capacity(segment.len() + PADDING);
            datagram.extend_from_slice(segment);
            (datagram, inward(from))
        }));
        Ok(())
    }

    /// An address as this socket wants it.
    fn outward(&self, to: SocketAddr) -> SocketAddr {
        match to.ip() {
            IpAddr::V4(ip) if self.is_dual => {
                SocketAddr::new(ip.to_ipv6_mapped().into(), to.port())
            }
            _ => to,
        }
    }
}

/// Gives a socket its buffers: beyond the system's bound where this process may (CAP_NET_ADMIN on the machine, not in a namespace of
/// users), else as much as that allows, and says if it is little.
fn enlarge(socket: &socket2::Socket) -> io::Result<()> {
    if setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    }
    if setsockopt(socket, sockopt::SndBufForce, &SEND_BUFFER_BYTES).is_err() {
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    }
    // The kernel keeps twice what is asked for, for what it needs itself.
    let got = socket.recv_buffer_size()?;
    if got < 2 * RECEIVE_BUFFER_BYTES {
        tracing::info!(
            got,
            wanted = 2 * RECEIVE_BUFFER_BYTES,
            "a small buffer loses what comes fast: `sysctl -w net.core.rmem_max={RECEIVE_BUFFER_BYTES} net.core.wmem_max={SEND_BUFFER_BYTES}`"
        );
    }
    Ok(())
}

/// An address as the rest of the world writes it.
fn inward(from: SocketAddr) -> SocketAddr {
    SocketAddr::new(from.ip().to_canonical(), from.port())
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage
        .as_sockaddr_in()
        .map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| {
        storage
            .as_sockaddr_in6()
            .map(|v6| SocketAddr::V6((*v6).into()))
    })
}

/// How many of `packets`, from the first on, go with one send: to one place, of one length but for the last, which may be
/// shorter.
fn run(packets: &[(Packet, SocketAddr)], segment: usize, to: SocketAddr) -> usize {
    let most = BATCH.min(SEND_BYTES / segment.max(1)).max(1);
    let mut count = 0;
    for (packet, own_to) in packets.iter().take(most) {
        if *own_to != to || packet.len() > segment {
            break;
        }
        count += 1;
        if packet.len() < segment {
            break;
        }
    }
    count
}

fn is_without_v6(error: &io::Error) -> bool {
    let without = [
        nix::errno::Errno::EAFNOSUPPORT,
        nix::errno::Errno::EADDRNOTAVAIL,
    ];
    let code = error.raw_os_error();
    without.iter().any(|&errno| code == Some(errno as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(of: &[(usize, u16)]) -> Vec<(Packet, SocketAddr)> {
        let packet = |&(bytes, port): &(usize, u16)| {
            let packet = Packet::from_bytes(BytesMut::zeroed(bytes));
            (packet, SocketAddr::from(([127, 0, 0, 1], port)))
        };
        of.iter().map(packet).collect()
    }

    fn runs(of: &[(usize, u16)]) -> Vec<usize> {
        let packets = packets(of);
        let mut rest = packets.as_slice();
        let mut runs = Vec::new();
        while let Some((packet, to)) = rest.first() {
            let run = run(rest, packet.len(), *to);
            rest = &rest[run..];
            runs.push(run);
        }
        runs
    }

    #[test]
    fn what_goes_to_one_place_in_one_size_goes_at_once() {
        assert_eq!(runs(&[(100, 1), (100, 1), (60, 1), (100, 1)]), [3, 1]);
        assert_eq!(runs(&[(100, 1), (100, 2), (200, 2)]), [1, 1, 1]);
        assert_eq!(runs(&[(32, 1); 130]), [64, 64, 2]);
        assert_eq!(runs(&[(1452, 1); 50]), [44, 6]);
        assert_eq!(runs(&[(0, 1), (0, 1)]), [2]);
    }

    #[tokio::test]
    async fn datagrams_cross_in_order_whatever_their_sizes() {
        let pairs = [
            (Socket::any(0).unwrap(), Ipv4Addr::LOCALHOST.into()),
            (
                Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap(),
                IpAddr::from(Ipv4Addr::LOCALHOST),
            ),
        ];
        for (to, ip) in pairs {
            let from = Socket::any(0).unwrap();
            let port = to.local_address().unwrap().port();
            let mut out = Vec::new();
            let sizes = [1452, 1452, 1452, 80, 32, 32, 1000, 1452, 1];
            for (at, bytes) in sizes.into_iter().enumerate() {
                let mut datagram = BytesMut::zeroed(bytes);
                datagram[0] = u8::try_from(at).unwrap();
                out.push((Packet::from_bytes(datagram), SocketAddr::new(ip, port)));
            }
            from.send(&mut out).await;
            assert!(out.is_empty());
            let (mut with, mut got) = (Receiving::default(), Vec::new());
            while got.len() < sizes.len() {
                to.receive(&mut with, &mut got).await.unwrap();
            }
            let got_sizes: Vec<_> = got.iter().map(|(datagram, _)| datagram.len()).collect();
            assert_eq!(got_sizes, sizes);
            for (at, (datagram, from)) in got.iter().enumerate() {
                assert_eq!(usize::from(datagram[0]), at);
                assert!(from.is_ipv4(), "{from}");
            }
        }
    }
}
