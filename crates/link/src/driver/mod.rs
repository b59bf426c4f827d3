//! What brings about what a plan says: on a host, and at a network's gateway.
//!
//! Both compare what is to be with what is, and change the difference. Both can be given the same plan again, and one that
//! came after what is in place was left by a process that was killed.
//!
//! - [`host`]: [`HostDriver`], a host's link, or its routes if it is inside
//! - [`gateway`]: [`GatewayDriver`], a network's links and peerings
//! - [`outside`]: how a host inside finds hosts outside
//! - [`keys`]: the host's keys in its folder
//! - `stamps`: how late its handshakes have said that it is

pub mod gateway;
pub mod host;
pub mod keys;
pub mod outside;
mod stamps;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::Ipv4Net;

use crate::io::device::NoDevice;
use crate::{guard, kernel, key, rootless};

/// Something that a plan asks for and that is not so.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is no device.
    #[error(transparent)]
    Device(#[from] NoDevice),
    /// There is no socket.
    #[error("no socket for the tunnel at {at}: {source}")]
    Socket {
        /// Where it was to be.
        at: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The way to the kernel's tables is closed.
    #[error("the kernel's tables cannot be reached: {0}")]
    Netlink(std::io::Error),
    /// The kernel refused an address, a route or a proxy entry.
    #[error("the kernel refused to {0}")]
    Kernel(#[from] kernel::Refused),
    /// The rules are not in place.
    #[error(transparent)]
    Rules(#[from] guard::Refused),
    /// The gateway's kernel does not forward.
    #[error(
        "this machine forwards nothing between its networks: `sysctl -w net.ipv4.ip_forward=1`, and the same in /etc/sysctl.d"
    )]
    ForwardingOff,
    /// Two have the same key or range.
    #[error("`{first}` and `{second}` both have {what}: the second is left out")]
    Twice {
        /// The one that has it.
        first: String,
        /// The one that is left out.
        second: String,
        /// What it is.
        what: String,
    },
    /// No device has an address of the network.
    #[error(
        "no device of this machine has {}, so that nothing answers for linked hosts there: say which by `--inside ADDRESS`",
        Wanted(wanted)
    )]
    NoInside {
        /// What it was to have: an address, or one of these ranges.
        wanted: Vec<String>,
    },
    /// The gateway's name leads to no address.
    #[error("the gateway's endpoint `{endpoint}` was not found: {source}")]
    Unresolved {
        /// The endpoint.
        endpoint: String,
        /// What the resolver said.
        source: std::io::Error,
    },
    /// The gateway is behind itself.
    #[error(
        "the gateway's endpoint {endpoint} is within {range}, which is reached through it: give it another by `--reached-at`"
    )]
    Circle {
        /// The endpoint.
        endpoint: SocketAddr,
        /// The range.
        range: Ipv4Net,
    },
    /// A range is another network's that this host is in.
    #[error(
        "{range} is reached through the link, and this host has the address {address} in it by another network: one must change"
    )]
    Overlap {
        /// The range.
        range: Ipv4Net,
        /// The host's other address.
        address: Ipv4Addr,
    },
    /// What a route for all hosts outside must not take is not known.
    #[error(
        "the server `{server}` was not found, and a route for all hosts outside might take the way to it: those that are linked have a route each ({source})"
    )]
    NoServer {
        /// The server.
        server: String,
        /// What the resolver said.
        source: std::io::Error,
    },
    /// What a route for all hosts outside must not take cannot be kept from it.
    #[error(
        "{range} is reached by a way that no other route can have, and a route for all hosts outside would take it: those that are linked have a route each. Set a route for {range}, or start the agent with `--link-routes hosts`"
    )]
    NotPinned {
        /// Where to.
        range: Ipv4Net,
    },
    /// A way in or out of a stack is not there.
    #[error(transparent)]
    Stack(#[from] rootless::Error),
    /// A key is not made, kept or read.
    #[error("the link's key in {path}: {source}")]
    KeyFile {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key's file holds something else.
    #[error("the link's key in {path}: {source}")]
    KeyMalformed {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: key::Malformed,
    },
    /// No key was made.
    #[error(transparent)]
    NoRandomness(#[from] key::NoRandomness),
}

/// All that is not as a plan says; the rest of it is.
#[derive(Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Takes a problem down, if there is one.
    pub(crate) fn note<T, E: Into<Problem>>(&mut self, done: Result<T, E>) -> Option<T> {
        match done {
            Ok(value) => Some(value),
            Err(problem) => {
                self.0.push(problem.into());
                None
            }
        }
    }

    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl<E: Into<Problem>> From<E> for Problems {
    fn from(problem: E) -> Self {
        Self(vec![problem.into()])
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}{problem}")?;
        }
        Ok(())
    }
}

/// "an address in A or B", or the address itself.
struct Wanted<'a>(&'a [String]);

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an address in {}", self.0.join(" or "))
    }
}
