//! SOCKS5 on loopback: programs that speak it reach any address of the network.
//!
//! What is spoken: CONNECT without authentication, to an address of IPv4 or a name. A name is resolved by this host, as its other
//! programs would; of its addresses only those count that are reached through the link, and where there are none the connection is
//! not allowed: the proxy never leads elsewhere. BIND, UDP and IPv6 are refused.
//!
//! Source: RFC 1928.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use async_trait::async_trait;
use ipnet::Ipv4Net;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::accept::serve;
use super::pump::pump;
use super::settings::{Limits, is_within};
use super::stack::Stack;
use super::stream::Stream;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
/// Addresses of a name that are tried, one after the other. Chosen.
const TRIES_MAX: usize = 3;

/// Finds the addresses of names.
#[async_trait]
pub trait Resolve: std::fmt::Debug + Send + Sync {
    /// The addresses of `name`, best first.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// This host's own resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// What a proxy needs.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    pub(super) stack: Stack,
    pub(super) ranges: Arc<[Ipv4Net]>,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) limits: Limits,
}

/// What is said where nothing was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Failure = 1,
    NotAllowed = 2,
    NetworkUnreachable = 3,
    HostUnreachable = 4,
    Refused = 5,
    CommandUnknown = 7,
    AddressUnknown = 8,
}

/// Why a program gets no connection.
enum Fault {
    /// It is told so.
    Told(Reply),
    /// It does not speak SOCKS5, or is gone.
    Silent,
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Self::Silent
    }
}

/// Where a program wants to go.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Address(Ipv4Addr),
    Name(String),
}

/// Serves programs on `listener`.
pub(super) async fn run(listener: TcpListener, proxy: Proxy) {
    let connections_max = proxy.limits.connections;
    let each = |here| {
        let proxy = proxy.clone();
        async move { proxy.serve(here).await }
    };
    serve(listener, connections_max, each).await;
}

impl Proxy {
    async fn serve(&self, mut here: TcpStream) {
        match self.open(&mut here).await {
            Ok(there) => pump(here, there, self.limits.idle).await,
            Err(Fault::Told(reply)) => {
                let answer = answer(reply as u8);
                let _ = here.write_all(&answer).await;
                let _ = here.shutdown().await;
            }
            Err(Fault::Silent) => {}
        }
    }

    async fn open(&self, here: &mut TcpStream) -> Result<Stream, Fault> {
        let asked = timeout(self.limits.connect, ask(here)).await;
        let (target, port) = asked.unwrap_or(Err(Fault::Silent))?;
        let there = self.connect(target, port).await.map_err(Fault::Told)?;
        here.write_all(&answer(0)).await?;
        Ok(there)
    }

    async fn connect(&self, target: Target, port: u16) -> Result<Stream, Reply> {
        let addresses = self.addresses(target).await?;
        let mut last = Reply::NotAllowed;
        let inside = addresses.into_iter();
        let inside = inside.filter(|address| is_within(&self.ranges, *address));
        for address in inside.take(TRIES_MAX) {
            match self.stack.connect(SocketAddrV4::new(address, port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = reply(&error),
            }
        }
        Err(last)
    }

    async fn addresses(&self, target: Target) -> Result<Vec<Ipv4Addr>, Reply> {
        let name = match target {
            Target::Address(address) => return Ok(vec![address]),
            Target::Name(name) => name,
        };
        let resolved = timeout(self.limits.connect, self.resolver.resolve(&name)).await;
        let found = resolved.map_err(|_| Reply::HostUnreachable)?;
        let found = found.map_err(|_| Reply::HostUnreachable)?;
        let v4 = found.into_iter().filter_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(address) => address.to_ipv4_mapped(),
        });
        Ok(v4.collect())
    }
}

/// Reads what a program asks for.
///
/// ```text
/// program  05 01 00                          version, one method: none
/// proxy    05 00
/// program  05 01 00 03 03 'd' 'b' '1' 17 70  version, connect, reserved, a name of 3 bytes, port 6000
/// ```
async fn ask(here: &mut TcpStream) -> Result<(Target, u16), Fault> {
    let [version, count] = bytes(here).await?;
    if version != VERSION {
        return Err(Fault::Silent);
    }
    let mut methods = vec![0; usize::from(count)];
    here.read_exact(&mut methods).await?;
    if !methods.contains(&NO_AUTHENTICATION) {
        here.write_all(&[VERSION, NO_METHOD]).await?;
        return Err(Fault::Silent);
    }
    here.write_all(&[VERSION, NO_AUTHENTICATION]).await?;

    let [version, command, _, kind] = bytes(here).await?;
    if version != VERSION {
        return Err(Fault::Silent);
    }
    let target = match kind {
        IPV4 => Target::Address(Ipv4Addr::from(bytes::<4>(here).await?)),
        NAME => {
            let [length] = bytes(here).await?;
            let mut name = vec![0; usize::from(length)];
            here.read_exact(&mut name).await?;
            named(name)
        }
        IPV6 => {
            let _: [u8; 18] = bytes(here).await?;
            return Err(Fault::Told(Reply::AddressUnknown));
        }
        _ => return Err(Fault::Told(Reply::AddressUnknown)),
    };
    let port = u16::from_be_bytes(bytes(here).await?);
    if command != CONNECT {
        return Err(Fault::Told(Reply::CommandUnknown));
    }
    Ok((target, port))
}

/// A name that is an address in text is that address.
fn named(name: Vec<u8>) -> Target {
    let name = String::from_utf8(name).unwrap_or_default();
    name.parse()
        .map_or_else(|_| Target::Name(name), Target::Address)
}

async fn bytes<const N: usize>(here: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    here.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Version, reply, reserved, and an address and port that say nothing.
const fn answer(reply: u8) -> [u8; 10] {
    [VERSION, reply, 0, IPV4, 0, 0, 0, 0, 0, 0]
}

fn reply(error: &io::Error) -> Reply {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reply::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::TimedOut => Reply::HostUnreachable,
        io::ErrorKind::NetworkDown => Reply::NetworkUnreachable,
        _ => Reply::Failure,
    }
}
