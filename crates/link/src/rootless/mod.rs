//! A linked host without privileges: a network stack in this process takes the place of the tunnel's device.
//!
//! ```text
//!   program ── 127.0.0.1:PORT ── forward ─┐
//!   program ── SOCKS5 ────────────────────┤ stack ── channel ── tunnel ── the network
//!   service ── 127.0.0.1:PORT ── publish ─┘
//! ```
//! The host's kernel knows nothing of the link, so programs reach it through listeners on loopback: a forward leads to one
//! address of the network, SOCKS5 to any; a published port leads from the host's private address to a service on loopback. Only
//! TCP is carried, and pings are answered. Whoever may use loopback on this host may use the forwards: users of one host are
//! not told apart. What may pass is decided at the network's gateway, as for any linked host.
//!
//! - [`stack`]: the stack: connections out and in, by smoltcp
//! - [`device`]: the stack's end of the channel
//! - [`stream`]: [`stream::Stream`], one connection, as tokio reads and writes
//! - [`pump`]: bytes both ways between a connection here and one there
//! - [`forward`], [`publish`], [`socks`]: the three ways in and out
//! - [`settings`]: what is to be, with bounds
//!
//! INVARIANT: nothing listens but on loopback, and nothing connects but to the network's ranges or, for published ports, loopback.

mod accept;
mod device;
mod forward;
mod ingress;
mod publish;
mod pump;
mod settings;
mod socks;
mod stack;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

use base::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use settings::{Forward, Limits, Publish, Settings, Unfit};
pub use socks::{Resolve, SystemResolver};
pub use stack::Stack;
pub use stream::Stream;

use crate::packet::StackEnd;

#[cfg(test)]
mod tests;

/// Why a host's part in the network could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings do not fit together.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// An address could not be listened at.
    #[error("`{listen}` could not be listened at")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A linked host's part in the network. It ends when this is dropped.
#[derive(Debug)]
pub struct Rootless {
    tasks: JoinSet<()>,
    stack: Stack,
    forwards: Vec<SocketAddr>,
    socks: Option<SocketAddr>,
}

impl Rootless {
    /// Starts all that `settings` say behind `end`; `resolver` finds the addresses of names for SOCKS5.
    ///
    /// # Errors
    /// [`Error`]; then nothing was started.
    pub async fn start(
        settings: Settings,
        end: StackEnd,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, Error> {
        settings.check()?;
        let mut listeners = Vec::new();
        for forward in &settings.forwards {
            listeners.push((listen(forward.listen).await?, forward.to));
        }
        let socks = match settings.socks {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let (stack, driver) = Stack::new(settings.address, settings.limits, end, clock);
        let mut own = Self {
            tasks: JoinSet::new(),
            stack: stack.clone(),
            forwards: Vec::new(),
            socks: socks.as_ref().map(|(_, at)| *at),
        };
        for publish in &settings.publishes {
            if let Some(inbound) = stack.listen(publish.port) {
                let (to, limits) = (publish.to, settings.limits);
                own.tasks.spawn(publish::run(inbound, to, limits));
            }
        }
        own.tasks.spawn(driver.run());
        for ((listener, at), to) in listeners {
            own.forwards.push(at);
            let forwarded = forward::run(listener, to, stack.clone(), settings.limits);
            own.tasks.spawn(forwarded);
        }
        if let Some((listener, _)) = socks {
            let proxy = socks::Proxy {
                stack,
                ranges: settings.ranges.into(),
                resolver,
                limits: settings.limits,
            };
            own.tasks.spawn(socks::run(listener, proxy));
        }
        Ok(own)
    }

    /// Where the forwards listen, in the order of the settings: for a port 0, the one that was found.
    #[must_use]
    pub fn forwards(&self) -> &[SocketAddr] {
        &self.forwards
    }

    /// Where SOCKS5 listens.
    #[must_use]
    pub const fn socks(&self) -> Option<SocketAddr> {
        self.socks
    }

    /// The stack, for connections of this process's own.
    #[must_use]
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Ends it, with all connections.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn listen(at: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { listen: at, source };
    let listener = TcpListener::bind(at).await.map_err(failed)?;
    let found = listener.local_addr().map_err(failed)?;
    Ok((listener, found))
}
