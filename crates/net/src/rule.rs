//! One rule of a security group: rules only allow.
//!
//! Source: EC2 API Reference, `IpPermission`, and the VPC User Guide, "Security group rules".

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// The number of ICMP among the protocols of IP.
pub const ICMP: u8 = 1;
/// The number of TCP.
pub const TCP: u8 = 6;
/// The number of UDP.
pub const UDP: u8 = 17;

/// Ports from `from` to `to`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ports {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

impl Ports {
    /// All of them.
    pub const ALL: Self = Self {
        from: 0,
        to: u16::MAX,
    };

    /// Whether `port` is one of them.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.from <= port && port <= self.to
    }
}

/// What a rule allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// Anything (protocol `-1`).
    All,
    /// TCP to these ports.
    Tcp(Ports),
    /// UDP to these ports.
    Udp(Ports),
    /// ICMP of a type and code; `None` is any.
    Icmp {
        /// The type.
        kind: Option<u8>,
        /// The code.
        code: Option<u8>,
    },
    /// Another protocol of IP, by its number.
    Other(u8),
}

/// The other side that a rule allows it with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// Addresses.
    Range(Ipv4Net),
    /// Whoever has this group.
    Group(String),
}

/// A rule of a security group, for one direction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// What it allows.
    pub traffic: Traffic,
    /// With whom.
    pub peer: Peer,
}

/// What kind of packet opens a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opening {
    /// To a port of TCP.
    Tcp(u16),
    /// To a port of UDP.
    Udp(u16),
    /// An ICMP message of this type and code.
    Icmp(u8, u8),
    /// Another protocol, by its number.
    Other(u8),
}

impl Traffic {
    /// Whether it allows a flow that opens so.
    #[must_use]
    pub fn covers(self, opening: Opening) -> bool {
        match (self, opening) {
            (Self::All, _) => true,
            (Self::Tcp(ports), Opening::Tcp(port)) | (Self::Udp(ports), Opening::Udp(port)) => {
                ports.contains(port)
            }
            (Self::Icmp { kind, code }, Opening::Icmp(own_kind, own_code)) => {
                kind.is_none_or(|kind| kind == own_kind) && code.is_none_or(|code| code == own_code)
            }
            (Self::Other(number), Opening::Other(own)) => number == own,
            _ => false,
        }
    }
}

impl Rule {
    /// Whether it allows a flow that opens so with `address`, which has the groups `groups`.
    #[must_use]
    pub fn allows<'a>(
        &self,
        opening: Opening,
        address: Ipv4Addr,
        mut groups: impl Iterator<Item = &'a String>,
    ) -> bool {
        self.traffic.covers(opening)
            && match &self.peer {
                Peer::Range(range) => range.contains(&address),
                Peer::Group(id) => groups.any(|group| group == id),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_covers_its_ports_types_and_protocol() {
        let web = Traffic::Tcp(Ports { from: 80, to: 443 });
        assert!(web.covers(Opening::Tcp(80)) && web.covers(Opening::Tcp(443)));
        assert!(!web.covers(Opening::Tcp(79)) && !web.covers(Opening::Tcp(444)));
        assert!(!web.covers(Opening::Udp(80)));
        let echo = Traffic::Icmp {
            kind: Some(8),
            code: None,
        };
        assert!(echo.covers(Opening::Icmp(8, 3)) && !echo.covers(Opening::Icmp(0, 0)));
        assert!(Traffic::Other(47).covers(Opening::Other(47)));
        assert!(!Traffic::Other(47).covers(Opening::Other(50)));
        for opening in [
            Opening::Tcp(1),
            Opening::Udp(1),
            Opening::Icmp(3, 4),
            Opening::Other(2),
        ] {
            assert!(Traffic::All.covers(opening));
        }
    }
}
