//! How packets go between a tunnel and what is behind it: a device of the kernel, or a network stack in this process.
//!
//! ```text
//!   outside ── UDP ── tunnel ── filter ── device (TUN) or stack (channels)
//!                          FromTunnel →
//!                          ← ToTunnel
//! ```
//!
//! A packet is one of IP, whole, from its first header on: never longer than [`MTU`] towards the tunnel.

use std::net::Ipv4Addr;

use bytes::BytesMut;
use tokio::sync::mpsc;

/// The largest packet of IP that a tunnel carries, in bytes: 1,500 of Ethernet, less 40 of IPv6, 8 of UDP and 32 of
/// WireGuard. It is WireGuard's customary value.
pub const MTU: u16 = 1420;

/// Packets that a stack's channel holds in each direction before the sender waits. Chosen: 1.4 MB each way, so that a
/// receive window of a megabyte fits.
pub const CHANNEL_PACKETS: usize = 1024;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Out of the tunnel, to the device: from a peer, whose key has proved that it may have this source.
    FromTunnel,
    /// Into the tunnel, from the device.
    ToTunnel,
}

/// Looks at each packet between a tunnel and its device. It is asked from several tasks at once, once for a packet, and
/// must not wait.
pub trait PacketFilter: std::fmt::Debug + Send + Sync {
    /// Whether a packet may go on. What is not a packet of IPv4 must be refused.
    fn pass(&self, direction: Direction, packet: &[u8]) -> bool;
}

/// Lets everything through: where nftables filters, or the other end does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open;

impl PacketFilter for Open {
    fn pass(&self, _direction: Direction, _packet: &[u8]) -> bool {
        true
    }
}

/// The tunnel's end of a channel: what takes a device's place.
#[derive(Debug)]
pub struct TunnelEnd {
    /// Packets from the stack.
    pub from_stack: mpsc::Receiver<BytesMut>,
    /// Packets to the stack.
    pub to_stack: mpsc::Sender<BytesMut>,
}

/// The stack's end of a channel: a network stack in this process, or a test.
#[derive(Debug)]
pub struct StackEnd {
    /// Packets from the tunnel.
    pub from_tunnel: mpsc::Receiver<BytesMut>,
    /// Packets to the tunnel.
    pub to_tunnel: mpsc::Sender<BytesMut>,
}

/// Joins a tunnel and a stack by two channels of [`CHANNEL_PACKETS`] each. A packet for a stack that does not keep up is
/// dropped, as a device drops it.
#[must_use]
pub fn channel() -> (TunnelEnd, StackEnd) {
    let (to_stack, from_tunnel) = mpsc::channel(CHANNEL_PACKETS);
    let (to_tunnel, from_stack) = mpsc::channel(CHANNEL_PACKETS);
    let tunnel = TunnelEnd {
        from_stack,
        to_stack,
    };
    let stack = StackEnd {
        from_tunnel,
        to_tunnel,
    };
    (tunnel, stack)
}

/// Where a packet of IPv4 comes from and goes to, and how long it is.
pub(crate) struct Ends {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) length: usize,
}

impl Ends {
    /// `None` for what is no whole packet of IPv4.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        let header: &[u8; 20] = packet.first_chunk()?;
        let [version, _, long, short, .., s1, s2, s3, s4, d1, d2, d3, d4] = *header;
        let length = usize::from(u16::from_be_bytes([long, short]));
        let is_whole = version >> 4 == 4 && length >= header.len() && length <= packet.len();
        is_whole.then_some(Self {
            source: Ipv4Addr::new(s1, s2, s3, s4),
            destination: Ipv4Addr::new(d1, d2, d3, d4),
            length,
        })
    }
}
