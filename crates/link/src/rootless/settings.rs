//! What a linked host without privileges offers and reaches, with its bounds.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use ipnet::Ipv4Net;

/// The host's part in the network.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The host's private address.
    pub address: Ipv4Addr,
    /// What is reached through the link.
    pub ranges: Vec<Ipv4Net>,
    /// Listeners on loopback that lead to one address each.
    pub forwards: Vec<Forward>,
    /// Ports of the private address that lead to services on loopback.
    pub publishes: Vec<Publish>,
    /// Where SOCKS5 listens on loopback, if it does.
    pub socks: Option<SocketAddr>,
    /// Bounds.
    pub limits: Limits,
}

/// From a listener on loopback to an address of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where it listens; port 0 is any.
    pub listen: SocketAddr,
    /// Where it leads.
    pub to: SocketAddrV4,
}

/// From a port of the private address to a service on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The port.
    pub port: u16,
    /// The service.
    pub to: SocketAddr,
}

/// Bounds of a host's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections through the stack at a time, both ways together. Chosen.
    pub connections: usize,
    /// Of these, connections from the network to published ports, so that they never take all. Chosen.
    pub inbound: usize,
    /// Connections to one published port that are being opened. Chosen.
    pub handshakes: usize,
    /// Bytes of each of a connection's two buffers. Only what is filled takes memory: at most 64 MiB with 128 connections.
    /// Chosen: 0.5 Gbit/s at a round trip of 4 ms.
    pub buffer_bytes: usize,
    /// A connection ends after this time without a byte either way; it may take twice as long. Chosen.
    pub idle: Duration,
    /// How long it may take to connect, there or here, and to say in SOCKS5 where to. Chosen.
    pub connect: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 128,
            inbound: 96,
            handshakes: 32,
            buffer_bytes: 256 * 1024,
            idle: Duration::from_secs(3600),
            connect: Duration::from_secs(10),
        }
    }
}

/// Settings do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It would be open to others than this host.
    #[error("`{address}` is not an address of loopback: {what} must be one, as 127.0.0.1:1080")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
        /// What has it.
        what: &'static str,
    },
    /// It leads to what is not reached through the link.
    #[error("`{to}` is not in the network: a forward leads to an address in {ranges:?}")]
    OutOfRange {
        /// Where it would lead.
        to: SocketAddrV4,
        /// What is reached.
        ranges: Vec<Ipv4Net>,
    },
    /// A port leads to two services, or is 0.
    #[error(
        "port `{port}` is published twice or is no port: publish each port from 1 to 65535 once"
    )]
    Port {
        /// The port.
        port: u16,
    },
}

impl Settings {
    /// Whether they fit together.
    ///
    /// # Errors
    /// [`Unfit`]: an address that must be of loopback is not, a forward leads out of the network, a port is published twice.
    pub fn check(&self) -> Result<(), Unfit> {
        let forwards = self.forwards.iter().map(|one| (one.listen, "a forward"));
        let socks = self.socks.iter().map(|&one| (one, "SOCKS5"));
        let services = self
            .publishes
            .iter()
            .map(|one| (one.to, "a published service"));
        let mut local = forwards.chain(socks).chain(services);
        if let Some((address, what)) = local.find(|(address, _)| !address.ip().is_loopback()) {
            return Err(Unfit::NotLoopback { address, what });
        }
        let mut targets = self.forwards.iter().map(|forward| forward.to);
        if let Some(to) = targets.find(|to| !is_within(&self.ranges, *to.ip())) {
            let ranges = self.ranges.clone();
            return Err(Unfit::OutOfRange { to, ranges });
        }
        let mut ports = BTreeSet::from([0]);
        let mut published = self.publishes.iter().map(|publish| publish.port);
        if let Some(port) = published.find(|port| !ports.insert(*port)) {
            return Err(Unfit::Port { port });
        }
        Ok(())
    }
}

/// Whether an address is reached through the link.
pub(super) fn is_within(ranges: &[Ipv4Net], address: Ipv4Addr) -> bool {
    ranges.iter().any(|range| range.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            address: [10, 64, 0, 4].into(),
            ranges: vec!["172.16.0.0/16".parse().unwrap()],
            forwards: vec![Forward {
                listen: "127.0.0.1:0".parse().unwrap(),
                to: "172.16.0.10:6001".parse().unwrap(),
            }],
            publishes: vec![Publish {
                port: 80,
                to: "[::1]:8080".parse().unwrap(),
            }],
            socks: Some("127.0.0.1:0".parse().unwrap()),
            limits: Limits::default(),
        }
    }

    #[test]
    fn nothing_is_open_to_other_hosts_or_leads_out_of_the_network() {
        assert_eq!(settings().check(), Ok(()));
        let elsewhere: SocketAddr = "192.168.0.1:80".parse().unwrap();
        let cases: [fn(&mut Settings, SocketAddr); 3] = [
            |settings, at| settings.forwards[0].listen = at,
            |settings, at| settings.publishes[0].to = at,
            |settings, at| settings.socks = Some(at),
        ];
        for change in cases {
            let mut settings = settings();
            change(&mut settings, elsewhere);
            assert!(matches!(settings.check(), Err(Unfit::NotLoopback { .. })));
        }
        let mut settings = settings();
        settings.forwards[0].to = "8.8.8.8:53".parse().unwrap();
        assert!(matches!(settings.check(), Err(Unfit::OutOfRange { .. })));
    }

    #[test]
    fn a_port_is_published_once() {
        let mut settings = settings();
        settings.publishes.push(settings.publishes[0]);
        assert_eq!(settings.check(), Err(Unfit::Port { port: 80 }));
        settings.publishes = vec![Publish {
            port: 0,
            ..settings.publishes[0]
        }];
        assert_eq!(settings.check(), Err(Unfit::Port { port: 0 }));
    }
}
