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
use net::Way;
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

impl Direction {
    /// The same as people say it.
    #[must_use]
    pub const fn way(self) -> Way {
        match self {
            Self::FromTunnel => Way::Inbound,
            Self::ToTunnel => Way::Outbound,
        }
    }
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

/// Joins two stacks by such channels, without a tunnel between: for tests and measurements.
#[must_use]
pub fn back_to_back() -> (StackEnd, StackEnd) {
    let (tunnel, one) = channel();
    let other = StackEnd {
        from_tunnel: tunnel.from_stack,
        to_tunnel: tunnel.to_stack,
    };
    (one, other)
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

/// The most of a refused packet that the answer to it holds, in bytes (RFC 1812, 4.3.2.3: the whole answer has at most 576).
const QUOTE_BYTES: usize = 548;

/// The answer to a packet whose destination is not there: "host unreachable" of ICMP, in the destination's own name, so that
/// it comes from where the sender expects it. `None` where none may be sent (RFC 1122, 3.2.2): for errors of ICMP, later
/// fragments, and what does not come from one host.
pub(crate) fn unreachable(packet: &[u8]) -> Option<BytesMut> {
    let ends = Ends::of(packet)?;
    let header_bytes = usize::from(packet.first()? & 0xf) * 4;
    let is_later_fragment = u16::from_be_bytes([*packet.get(6)? & 0x1f, *packet.get(7)?]) != 0;
    let is_of_one =
        !(ends.source.is_multicast() || ends.source.is_broadcast() || ends.source.is_unspecified());
    let is_to_one = !(ends.destination.is_multicast() || ends.destination.is_broadcast());
    let asks = [0, 8, 13, 14, 15, 16, 17, 18];
    let is_error = *packet.get(9)? == net::rule::ICMP && !asks.contains(packet.get(header_bytes)?);
    if is_later_fragment || is_error || !is_of_one || !is_to_one {
        return None;
    }
    let quote = packet.get(..ends.length.min(QUOTE_BYTES))?;
    let length = u16::try_from(20 + 8 + quote.len()).ok()?;
    let [long, short] = length.to_be_bytes();
    let mut answer = BytesMut::with_capacity(length.into());
    let mut header = [
        0x45,
        0,
        long,
        short,
        0,
        0,
        0,
        0,
        64,
        net::rule::ICMP,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ];
    let (_, addresses) = header.split_at_mut(12);
    let ends = [ends.destination.octets(), ends.source.octets()];
    addresses.copy_from_slice(ends.as_flattened());
    let [high, low] = checksum(&header).to_be_bytes();
    answer.extend_from_slice(&header);
    set(&mut answer, 10, [high, low]);
    // Type 3, code 1; a checksum; four bytes of nothing.
    let mut body = BytesMut::from(&[3, 1, 0, 0, 0, 0, 0, 0][..]);
    body.extend_from_slice(quote);
    let sum = checksum(&body).to_be_bytes();
    set(&mut body, 2, sum);
    answer.extend_from_slice(&body);
    Some(answer)
}

fn set(bytes: &mut BytesMut, at: usize, value: [u8; 2]) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&value);
    }
}

/// The internet checksum (RFC 1071) of bytes whose own is zero.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(u16::from_be_bytes([high, 0])),
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An echo request from 10.77.0.10 to 10.64.0.4.
    fn request() -> Vec<u8> {
        let mut packet = vec![
            0x45, 0, 0, 28, 0, 1, 0x40, 0, 64, 1, 0, 0, 10, 77, 0, 10, 10, 64, 0, 4,
        ];
        packet.extend([8, 0, 0xf7, 0xfd, 0, 1, 0, 1]);
        packet
    }

    #[test]
    fn a_checksum_is_that_of_rfc_1071() {
        let example = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&example), !0xddf2);
    }

    #[test]
    fn who_asks_for_what_is_not_there_is_told_at_once() {
        let answer = unreachable(&request()).unwrap();
        assert_eq!(answer.len(), 20 + 8 + 28);
        assert_eq!(answer[12..20], [10, 64, 0, 4, 10, 77, 0, 10]);
        assert_eq!((answer[9], answer[20], answer[21]), (1, 3, 1));
        assert_eq!(answer[28..], request());
        assert_eq!(checksum(&answer[..20]), 0, "of the header");
        assert_eq!(checksum(&answer[20..]), 0, "of the message");
        let mut long = [&request()[..], &[0; 1000]].concat();
        long[2..4].copy_from_slice(&1028u16.to_be_bytes());
        assert_eq!(unreachable(&long).unwrap().len(), 576);
    }

    #[test]
    fn nobody_is_told_where_it_might_go_round_in_circles() {
        let changed = |changes: &[(usize, u8)]| {
            let mut packet = request();
            for &(at, byte) in changes {
                packet[at] = byte;
            }
            unreachable(&packet)
        };
        assert!(changed(&[]).is_some());
        for kind in [3, 4, 5, 11, 12] {
            assert_eq!(changed(&[(20, kind)]), None, "an error of ICMP");
        }
        assert_eq!(changed(&[(7, 1)]), None, "a later fragment");
        assert_eq!(changed(&[(12, 224)]), None, "from many");
        assert_eq!(
            changed(&[(12, 0), (13, 0), (14, 0), (15, 0)]),
            None,
            "from nobody"
        );
        assert_eq!(changed(&[(16, 224)]), None, "to many");
        assert_eq!(unreachable(&[0x45; 10]), None);
    }
}
