//! The connections that the kernel tracks: read, and ended one by one, by netlink.
//!
//! ```text
//! nlmsghdr    length u32, type u16, flags u16, sequence u32, port u32      of this machine's byte order
//! nfgenmsg    family u8, version u8, resource u16
//! attributes  length u16, type u16, value, padded to four bytes; numbers in network byte order
//! ```
//! Source: Linux, `include/uapi/linux/netfilter/nfnetlink_conntrack.h`.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use net::Flow;
use net::rule::{Opening, TCP, UDP};
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto,
    setsockopt, socket,
};
use nix::sys::time::TimeVal;

const CONNTRACK: u16 = 1 << 8;
const NEW: u16 = CONNTRACK;
const GET: u16 = CONNTRACK | 1;
const DELETE: u16 = CONNTRACK | 2;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
const ACKNOWLEDGED: u16 = 4;
const IPV4: u8 = 2;
const HEADER_BYTES: usize = 20;
/// What an attribute's type is without the marks of its form.
const TYPE: u16 = 0x3fff;
const TUPLE: u16 = 1;
const ID: u16 = 12;
const ZONE: u16 = 18;
/// The kernel sends at most half as much at a time.
const RECEIVE_BYTES: usize = 64 * 1024;
/// How long the kernel may take to answer, in seconds. Chosen.
const ANSWER_SECS: i64 = 5;

/// A tracked connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    /// Its first packet.
    pub(super) flow: Flow,
    /// What names it to the kernel.
    name: Vec<u8>,
}

/// The way to the kernel.
#[derive(Debug)]
pub(super) struct Conntrack(OwnedFd);

impl Conntrack {
    pub(super) fn open() -> io::Result<Self> {
        let (family, kind) = (AddressFamily::Netlink, SockType::Raw);
        let protocol = SockProtocol::NetlinkNetFilter;
        let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, protocol)?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::new(ANSWER_SECS, 0))?;
        Ok(Self(socket))
    }

    /// All connections of IPv4.
    pub(super) fn list(&self) -> io::Result<Vec<Connection>> {
        self.send(GET, REQUEST | DUMP, &[])?;
        let mut connections = Vec::new();
        let mut buffer = vec![0; RECEIVE_BYTES];
        loop {
            for (kind, body) in self.receive(&mut buffer)? {
                match kind {
                    NEW => connections.extend(connection(body)),
                    DONE => return Ok(connections),
                    ERROR => said(body)?,
                    _ => {}
                }
            }
        }
    }

    /// Ends a connection, if it is still that one.
    pub(super) fn end(&self, connection: &Connection) -> io::Result<()> {
        self.send(DELETE, REQUEST | ACKNOWLEDGED, &connection.name)?;
        let mut buffer = vec![0; RECEIVE_BYTES];
        for (kind, body) in self.receive(&mut buffer)? {
            if kind == ERROR {
                return match said(body) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    result => result,
                };
            }
        }
        Ok(())
    }

    fn send(&self, kind: u16, flags: u16, attributes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(HEADER_BYTES + attributes.len()).unwrap_or(u32::MAX);
        let mut message = Vec::from(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend([0; 8]);
        message.extend([IPV4, 0, 0, 0]);
        message.extend(attributes);
        let kernel = NetlinkAddr::new(0, 0);
        sendto(self.0.as_raw_fd(), &message, &kernel, MsgFlags::empty())?;
        Ok(())
    }

    fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Vec<(u16, &'a [u8])>> {
        let count = recv(self.0.as_raw_fd(), buffer, MsgFlags::empty())?;
        Ok(messages(buffer.get(..count).unwrap_or_default()))
    }
}

/// Types and bodies of the messages in `bytes`.
fn messages(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut messages = Vec::new();
    while let Some(&[l0, l1, l2, l3, t0, t1]) = bytes.first_chunk::<6>() {
        let length = u32::from_ne_bytes([l0, l1, l2, l3]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(body) = bytes.get(16..length) else {
            break;
        };
        messages.push((u16::from_ne_bytes([t0, t1]), body));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    messages
}

/// What an error's message says; 0 is that all is well.
fn said(body: &[u8]) -> io::Result<()> {
    let code = body
        .first_chunk()
        .map_or(0, |code| i32::from_ne_bytes(*code));
    if code == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(code.saturating_neg()))
    }
}

/// Types, values and whole bytes of attributes.
fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8], &[u8])> {
    let mut attributes = Vec::new();
    while let Some(&[l0, l1, t0, t1]) = bytes.first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let padded = length.next_multiple_of(4).min(bytes.len());
        let (Some(value), Some(whole)) = (bytes.get(4..length), bytes.get(..padded)) else {
            break;
        };
        attributes.push((u16::from_ne_bytes([t0, t1]) & TYPE, value, whole));
        bytes = bytes.get(padded..).unwrap_or_default();
    }
    attributes
}

fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    let all = attributes(bytes).into_iter();
    all.filter(|one| one.0 == kind).map(|one| one.1).next()
}

fn connection(body: &[u8]) -> Option<Connection> {
    let all = body.get(4..)?;
    let name = attributes(all).into_iter();
    let name = name.filter(|(kind, ..)| matches!(*kind, TUPLE | ID | ZONE));
    let name = name.flat_map(|(.., whole)| whole).copied().collect();
    let flow = flow(find(all, TUPLE)?)?;
    Some(Connection { flow, name })
}

fn flow(tuple: &[u8]) -> Option<Flow> {
    let (ip, protocol) = (find(tuple, 1)?, find(tuple, 2)?);
    let address = |kind| {
        let bytes: [u8; 4] = find(ip, kind)?.try_into().ok()?;
        Some(Ipv4Addr::from(bytes))
    };
    let byte = |kind| find(protocol, kind)?.first().copied();
    let port = || Some(u16::from_be_bytes(find(protocol, 3)?.try_into().ok()?));
    let opening = match byte(1)? {
        TCP => Opening::Tcp(port()?),
        UDP => Opening::Udp(port()?),
        net::rule::ICMP => Opening::Icmp(byte(5)?, byte(6)?),
        other => Opening::Other(other),
    };
    Some(Flow {
        source: address(1)?,
        destination: address(2)?,
        opening,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 10.64.0.4:4000 to 172.16.0.10:6001 and an id, put together by hand after the kernel's header; little endian.
    #[cfg(target_endian = "little")]
    const BODY: &[u8] = &[
        2, 0, 0, 0, 0x34, 0, 1, 0x80, 0x14, 0, 1, 0x80, 8, 0, 1, 0, 10, 64, 0, 4, 8, 0, 2, 0, 172,
        16, 0, 10, 0x1c, 0, 2, 0x80, 5, 0, 1, 0, 6, 0, 0, 0, 6, 0, 2, 0, 0x0f, 0xa0, 0, 0, 6, 0, 3,
        0, 0x17, 0x71, 0, 0, 8, 0, 12, 0, 1, 2, 3, 4,
    ];

    #[test]
    #[cfg(target_endian = "little")]
    fn a_connection_is_read_with_its_name() {
        let connection = connection(BODY).unwrap();
        let expected = Flow {
            source: [10, 64, 0, 4].into(),
            destination: [172, 16, 0, 10].into(),
            opening: Opening::Tcp(6001),
        };
        assert_eq!(connection.flow, expected);
        assert_eq!(connection.name, &BODY[4..]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_messages_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for (_, body) in messages(&bytes) {
                let _ = connection(body);
            }
            let _ = connection(&bytes);
        }
    }
}
