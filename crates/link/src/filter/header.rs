//! What the headers of a packet say: IPv4, and as much of TCP, UDP and ICMP as a filter needs.
//!
//! Whatever bytes come, the answer is a [`Packet`] or [`Malformed`]; nothing is trusted that was not looked at. Checksums are
//! not verified: the receiver does that, and a packet of the tunnel has been authenticated.
//!
//! Sources: RFC 791, 792, 768, 9293; RFC 1858 and 5722 for fragments; which flags of TCP may stand together, from Linux,
//! `nf_conntrack_proto_tcp.c`.

use std::net::Ipv4Addr;

use net::rule::{ICMP, TCP, UDP};

use super::tcp::Segment;

/// The shortest header of IPv4 and of TCP, in bytes.
const HEADER_BYTES: usize = 20;
/// The header of UDP and of ICMP, in bytes, and what an ICMP error holds at least of the packet that it is about.
const SHORT_HEADER_BYTES: usize = 8;
/// The largest packet of IPv4, in bytes.
const PACKET_BYTES_MAX: u32 = 65_535;
/// Options of IPv4 by which a packet chooses its own way: loose and strict source route.
const SOURCE_ROUTES: [u8; 2] = [131, 137];

/// A packet that no receiver should get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a packet of IPv4 that makes sense")]
pub struct Malformed;

/// A packet of IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// From.
    pub source: Ipv4Addr,
    /// To.
    pub destination: Ipv4Addr,
    /// The number of its protocol.
    pub protocol: u8,
    /// Which piece it is, where it is one.
    pub fragment: Option<Fragment>,
    /// What it holds.
    pub content: Content,
}

/// A piece of a packet: bytes `start..end` of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Names the packet, together with its addresses and protocol.
    pub id: u16,
    /// The first byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
    /// Whether nothing comes behind it.
    pub is_last: bool,
}

/// What a packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A segment of TCP between these ports.
    Tcp {
        /// From.
        source: u16,
        /// To.
        destination: u16,
        /// What kind of segment.
        segment: Segment,
    },
    /// A datagram of UDP between these ports.
    Udp {
        /// From.
        source: u16,
        /// To.
        destination: u16,
    },
    /// A request of ICMP, or the answer to one.
    Query {
        /// The type of the request, in both.
        kind: u8,
        /// The code.
        code: u8,
        /// What request and answer have in common.
        id: u16,
        /// Which of the two.
        is_answer: bool,
    },
    /// An error of ICMP about another packet.
    Error(Tuple),
    /// Another protocol.
    Other,
    /// A piece that does not hold the beginning.
    Rest,
}

/// What tells the packets of a flow, both ways, from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// From.
    pub source: Ipv4Addr,
    /// To.
    pub destination: Ipv4Addr,
    /// The number of the protocol.
    pub protocol: u8,
    /// The ports, from and to; of a query of ICMP, its id twice.
    pub ports: (u16, u16),
    /// Of a query: the type of the request, and whether this is the answer.
    pub query: Option<(u8, bool)>,
}

impl Packet {
    /// Reads the headers of `bytes`, which begin with IPv4's.
    ///
    /// # Errors
    /// [`Malformed`]: not IPv4, cut off, a source route, a piece that cannot be one, a first piece without the whole header of
    /// what it holds, flags of TCP that never stand together, or a kind of ICMP that belongs to no flow.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let ip = Ip::read(bytes)?;
        let total = usize::from(ip.total_bytes);
        let payload = bytes.get(ip.header_bytes..total).ok_or(Malformed)?;
        let fragment = ip.fragment(payload.len())?;
        let content = match fragment {
            Some(piece) if piece.start > 0 => Content::Rest,
            _ => content(ip.protocol, payload, fragment.is_some())?,
        };
        Ok(Self {
            source: ip.source,
            destination: ip.destination,
            protocol: ip.protocol,
            fragment,
            content,
        })
    }

    /// Which flow it belongs to; `None` for errors, which are about another's, and for pieces that do not say.
    #[must_use]
    pub const fn tuple(&self) -> Option<Tuple> {
        let (ports, query) = match self.content {
            Content::Tcp {
                source,
                destination,
                ..
            }
            | Content::Udp {
                source,
                destination,
            } => ((source, destination), None),
            Content::Query {
                kind,
                id,
                is_answer,
                ..
            } => ((id, id), Some((kind, is_answer))),
            Content::Other => ((0, 0), None),
            Content::Error(_) | Content::Rest => return None,
        };
        Some(Tuple {
            source: self.source,
            destination: self.destination,
            protocol: self.protocol,
            ports,
            query,
        })
    }
}

/// The header of IPv4.
struct Ip {
    header_bytes: usize,
    total_bytes: u16,
    id: u16,
    /// Three flags and the offset in units of 8 bytes.
    offset: u16,
    protocol: u8,
    source: Ipv4Addr,
    destination: Ipv4Addr,
}

impl Ip {
    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let fixed: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(Malformed)?;
        let [
            first,
            _,
            l0,
            l1,
            i0,
            i1,
            o0,
            o1,
            _,
            protocol,
            _,
            _,
            rest @ ..,
        ] = *fixed;
        let [s0, s1, s2, s3, d0, d1, d2, d3] = rest;
        let header_bytes = usize::from(first & 0x0f) * 4;
        if first >> 4 != 4 || header_bytes < HEADER_BYTES {
            return Err(Malformed);
        }
        if has_source_route(bytes.get(HEADER_BYTES..header_bytes).ok_or(Malformed)?) {
            return Err(Malformed);
        }
        Ok(Self {
            header_bytes,
            total_bytes: u16::from_be_bytes([l0, l1]),
            id: u16::from_be_bytes([i0, i1]),
            offset: u16::from_be_bytes([o0, o1]),
            protocol,
            source: Ipv4Addr::new(s0, s1, s2, s3),
            destination: Ipv4Addr::new(d0, d1, d2, d3),
        })
    }

    fn start(&self) -> u32 {
        u32::from(self.offset & 0x1fff) * 8
    }

    fn fragment(&self, payload_bytes: usize) -> Result<Option<Fragment>, Malformed> {
        let is_last = self.offset & 0x2000 == 0;
        let start = self.start();
        if is_last && start == 0 {
            return Ok(None);
        }
        let bytes = u32::try_from(payload_bytes).map_err(|_| Malformed)?;
        let end = start + bytes;
        let is_even = is_last || bytes.is_multiple_of(8);
        if bytes == 0 || !is_even || end > PACKET_BYTES_MAX {
            return Err(Malformed);
        }
        Ok(Some(Fragment {
            id: self.id,
            start,
            end,
            is_last,
        }))
    }
}

/// Whether options hold a source route, or cannot be read.
fn has_source_route(mut options: &[u8]) -> bool {
    while let Some((&kind, rest)) = options.split_first() {
        match kind {
            0 => return false,
            1 => options = rest,
            kind if SOURCE_ROUTES.contains(&kind) => return true,
            _ => {
                let bytes = rest.first().map_or(0, |&bytes| usize::from(bytes));
                match options.get(bytes..) {
                    Some(behind) if bytes >= 2 => options = behind,
                    _ => return true,
                }
            }
        }
    }
    false
}

fn content(protocol: u8, payload: &[u8], is_piece: bool) -> Result<Content, Malformed> {
    match protocol {
        TCP => tcp(payload),
        UDP => udp(payload, is_piece),
        ICMP => icmp(payload),
        _ => Ok(Content::Other),
    }
}

fn tcp(payload: &[u8]) -> Result<Content, Malformed> {
    let fixed: &[u8; HEADER_BYTES] = payload.first_chunk().ok_or(Malformed)?;
    let [s0, s1, d0, d1, _, _, _, _, _, _, _, _, offset, flags, ..] = *fixed;
    let header_bytes = usize::from(offset >> 4) * 4;
    if header_bytes < HEADER_BYTES || header_bytes > payload.len() {
        return Err(Malformed);
    }
    Ok(Content::Tcp {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        segment: Segment::of(flags).ok_or(Malformed)?,
    })
}

fn udp(payload: &[u8], is_piece: bool) -> Result<Content, Malformed> {
    let fixed: &[u8; SHORT_HEADER_BYTES] = payload.first_chunk().ok_or(Malformed)?;
    let [s0, s1, d0, d1, l0, l1, ..] = *fixed;
    let bytes = usize::from(u16::from_be_bytes([l0, l1]));
    if bytes < SHORT_HEADER_BYTES || (!is_piece && bytes > payload.len()) {
        return Err(Malformed);
    }
    Ok(Content::Udp {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
    })
}

fn icmp(payload: &[u8]) -> Result<Content, Malformed> {
    let fixed: &[u8; SHORT_HEADER_BYTES] = payload.first_chunk().ok_or(Malformed)?;
    let [kind, code, _, _, i0, i1, ..] = *fixed;
    if let Some((kind, is_answer)) = query(kind) {
        let id = u16::from_be_bytes([i0, i1]);
        return Ok(Content::Query {
            kind,
            code,
            id,
            is_answer,
        });
    }
    // Unreachable, source quench, time exceeded, parameter problem. A redirect would turn a host's traffic elsewhere.
    match kind {
        3 | 4 | 11 | 12 => about(payload.get(SHORT_HEADER_BYTES..).unwrap_or_default()),
        _ => Err(Malformed),
    }
}

/// The type of the request that `kind` is or answers, and whether it answers: echo, timestamp, information, address mask.
const fn query(kind: u8) -> Option<(u8, bool)> {
    match kind {
        8 | 13 | 15 | 17 => Some((kind, false)),
        0 => Some((8, true)),
        14 | 16 | 18 => Some((kind - 1, true)),
        _ => None,
    }
}

fn about(bytes: &[u8]) -> Result<Content, Malformed> {
    let ip = Ip::read(bytes)?;
    let payload = bytes.get(ip.header_bytes..).unwrap_or_default();
    let fixed: &[u8; SHORT_HEADER_BYTES] = payload.first_chunk().ok_or(Malformed)?;
    if ip.start() > 0 {
        return Err(Malformed);
    }
    let [b0, b1, b2, b3, b4, b5, ..] = *fixed;
    let (ports, query) = match ip.protocol {
        TCP | UDP => (
            (u16::from_be_bytes([b0, b1]), u16::from_be_bytes([b2, b3])),
            None,
        ),
        ICMP => {
            let id = u16::from_be_bytes([b4, b5]);
            ((id, id), Some(query(b0).ok_or(Malformed)?))
        }
        _ => ((0, 0), None),
    };
    Ok(Content::Error(Tuple {
        source: ip.source,
        destination: ip.destination,
        protocol: ip.protocol,
        ports,
        query,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::samples;

    fn read(bytes: &[u8]) -> Result<Content, Malformed> {
        Packet::read(bytes).map(|packet| packet.content)
    }

    #[test]
    fn headers_are_read_behind_options() {
        let mut packet = samples::udp("10.0.0.1", "10.0.0.2", 5, 7);
        // Two words of options: a record of the route, which is harmless, and an end.
        packet.splice(20..20, [7, 7, 4, 0, 0, 0, 0, 0]);
        packet[0] = 0x47;
        samples::set_total(&mut packet);
        let udp = Content::Udp {
            source: 5,
            destination: 7,
        };
        assert_eq!(read(&packet), Ok(udp));
        for route in SOURCE_ROUTES {
            packet[20] = route;
            assert_eq!(read(&packet), Err(Malformed), "option {route}");
        }
        packet[20] = 7;
        packet[21] = 0;
        assert_eq!(read(&packet), Err(Malformed), "an option of no length");
    }

    #[test]
    fn what_is_cut_off_is_malformed() {
        let packets = [
            samples::tcp("10.0.0.1", "10.0.0.2", 5, 7, samples::SYN),
            samples::udp("10.0.0.1", "10.0.0.2", 5, 7),
            samples::echo("10.0.0.1", "10.0.0.2", 5, false),
        ];
        for whole in packets {
            assert!(read(&whole).is_ok());
            for length in 0..whole.len() {
                assert_eq!(read(&whole[..length]), Err(Malformed), "{length} bytes");
                // Cut, and the total length says so.
                let mut cut = whole[..length].to_vec();
                if length >= 20 {
                    samples::set_total(&mut cut);
                    assert_eq!(read(&cut), Err(Malformed), "{length} bytes");
                }
            }
        }
    }

    #[test]
    fn a_piece_says_its_bytes_and_one_that_cannot_be_is_malformed() {
        let mut packet = samples::udp("10.0.0.1", "10.0.0.2", 5, 7);
        packet.extend([0; 8]);
        samples::set_total(&mut packet);
        let piece = |offset: u16, packet: &mut Vec<u8>| {
            packet[6..8].copy_from_slice(&offset.to_be_bytes());
            Packet::read(packet)
        };
        let first = piece(0x2000, &mut packet).unwrap();
        assert!(matches!(first.content, Content::Udp { .. }));
        let later = piece(2, &mut packet).unwrap();
        assert_eq!(later.content, Content::Rest);
        let fragment = later.fragment.unwrap();
        assert_eq!(
            (fragment.start, fragment.end, fragment.is_last),
            (16, 32, true)
        );
        assert_eq!(piece(0x1fff, &mut packet), Err(Malformed), "beyond 65,535");
        packet.pop();
        samples::set_total(&mut packet);
        assert_eq!(piece(0x2002, &mut packet), Err(Malformed), "not in eights");
    }

    #[test]
    fn an_error_names_the_packet_that_it_is_about() {
        let inner = samples::udp("10.0.0.1", "10.0.0.2", 5, 7);
        let error = samples::error("10.0.0.9", "10.0.0.1", 3, &inner);
        let about = Tuple {
            source: "10.0.0.1".parse().unwrap(),
            destination: "10.0.0.2".parse().unwrap(),
            protocol: UDP,
            ports: (5, 7),
            query: None,
        };
        assert_eq!(read(&error), Ok(Content::Error(about)));
        let redirect = samples::error("10.0.0.9", "10.0.0.1", 5, &inner);
        assert_eq!(read(&redirect), Err(Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_packet_or_malformed(bytes in proptest::collection::vec(any::<u8>(), 0..120), ip in any::<bool>()) {
            let mut bytes = bytes;
            if let (true, Some(first)) = (ip, bytes.first_mut()) {
                *first = 0x45;
            }
            if let Ok(packet) = Packet::read(&bytes) {
                prop_assert!(packet.fragment.is_none_or(|piece| piece.start < piece.end));
            }
        }
    }
}
