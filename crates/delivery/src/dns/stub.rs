//! Asks the machine's DNS servers ourselves, so that an answer comes with its time to live.
//!
//! Files first, then the servers of `/etc/resolv.conf` over UDP, over TCP what is truncated. The files are read anew for each
//! question: they are small, and a question is asked once for many notifications. Source port and id are random, and the
//! socket takes datagrams of its server alone (RFC 5452).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::machine::{self, Files, Resolv};
use super::wire::{self, Answer, Code, Data, Kind};
use super::{Found, Missing, Resolve};

/// The other family's addresses are waited for so long (RFC 8305, section 3).
const OTHER_FAMILY_WAIT: Duration = Duration::from_millis(50);

/// Aliases behind one another (chosen: twice what is seen).
const ALIASES_MAX: usize = 16;

/// Datagrams that are no answer, read while one is waited for (chosen).
const STRAYS_MAX: usize = 64;

/// An answer over UDP; we ask for no more than RFC 1035 allows.
const DATAGRAM_BYTES: usize = 1232;

/// Asks the servers of `/etc/resolv.conf`.
#[derive(Clone, Debug, Default)]
pub(super) struct Stub {
    files: Files,
    /// In place of those of the file.
    servers: Vec<SocketAddr>,
}

impl Stub {
    pub(super) fn new(servers: Vec<SocketAddr>) -> Self {
        Self {
            files: Files::default(),
            servers,
        }
    }
}

impl Resolve for Stub {
    fn resolve(&self, host: &str) -> BoxFuture<'static, Result<Found, Missing>> {
        let (stub, host) = (self.clone(), host.to_ascii_lowercase());
        async move { stub.find(&host).await }.boxed()
    }
}

impl Stub {
    async fn find(&self, host: &str) -> Result<Found, Missing> {
        let files = self.files.clone();
        let own = host.to_owned();
        let read = tokio::task::spawn_blocking(move || {
            let found = machine::in_hosts(&machine::read(&files.hosts), &own);
            (found, Resolv::parse(&machine::read(&files.resolv)))
        });
        let (in_hosts, mut conf) = read.await.map_err(io::Error::other)?;
        if !in_hosts.is_empty() {
            return Ok(Found::from(in_hosts));
        }
        // RFC 6761, section 6.3: never asked for.
        let whole = host.strip_suffix('.').unwrap_or(host);
        if whole == "localhost" || whole.ends_with(".localhost") {
            return Ok(Found::from(vec![
                IpAddr::from(Ipv4Addr::LOCALHOST),
                Ipv6Addr::LOCALHOST.into(),
            ]));
        }
        if !self.servers.is_empty() {
            conf.servers.clone_from(&self.servers);
        }
        let mut last = Missing::unknown("no such name");
        for name in conf.candidates(host) {
            match both(&conf, &name).await {
                Err(missing) if !missing.is_away => last = missing,
                ended => return ended,
            }
        }
        Err(last)
    }
}

/// The addresses of both families.
async fn both(conf: &Resolv, name: &str) -> Result<Found, Missing> {
    let four = chain(conf, name, Kind::A);
    let six = chain(conf, name, Kind::Aaaa);
    tokio::pin!(four, six);
    let (four, six) = tokio::select! {
        four = &mut four => {
            let patience = wait_after(&four);
            (Some(four), within(patience, six).await)
        }
        six = &mut six => {
            let patience = wait_after(&six);
            (within(patience, four).await, Some(six))
        }
    };
    let mut found = Found::default();
    let mut missing = None;
    for half in [six, four].into_iter().flatten() {
        match half {
            Ok(half) => {
                found.ttl = found.ttl.into_iter().chain(half.ttl).min();
                found.addresses.extend(half.addresses);
            }
            // A family that could not be asked for leaves open whether there are addresses.
            Err(half) if half.is_away => missing = Some(half),
            Err(half) => missing = missing.or(Some(half)),
        }
    }
    if found.addresses.is_empty() {
        return Err(missing.unwrap_or_else(|| Missing::away("no answer")));
    }
    // Those that can be reached first, IPv6 before IPv4 (RFC 6724, rules 1 and 6, in short).
    found.addresses.sort_by_key(|address| !has_route(*address));
    Ok(found)
}

/// How long the other family is waited for; to the end where this one has nothing.
fn wait_after(half: &Result<Found, Missing>) -> Option<Duration> {
    half.is_ok().then_some(OTHER_FAMILY_WAIT)
}

async fn within<T>(wait: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
    match wait {
        Some(wait) => timeout(wait, future).await.ok(),
        None => Some(future.await),
    }
}

/// Whether the machine has a way to an address; nothing is sent.
fn has_route(address: IpAddr) -> bool {
    let own: SocketAddr = match address {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    std::net::UdpSocket::bind(own).is_ok_and(|socket| socket.connect((address, 53)).is_ok())
}

/// The addresses of one family behind all aliases.
async fn chain(conf: &Resolv, name: &str, kind: Kind) -> Result<Found, Missing> {
    let mut name = name.to_owned();
    let mut ttl_secs = u32::MAX;
    let mut aliases = 0;
    loop {
        let answer = ask(conf, &name, kind).await?;
        let begun = aliases;
        while let Some(alias) = alias_of(&answer, &name) {
            ttl_secs = ttl_secs.min(alias.1);
            name = alias.0;
            aliases += 1;
            if aliases > ALIASES_MAX {
                return Err(Missing::unknown("more than 16 aliases behind one another"));
            }
        }
        let mut addresses = Vec::new();
        for record in answer.records.iter().filter(|record| record.name == name) {
            if let Data::Address(address) = record.data
                && address.is_ipv4() == (kind == Kind::A)
                && !addresses.contains(&address)
            {
                ttl_secs = ttl_secs.min(record.ttl_secs);
                addresses.push(address);
            }
        }
        let ttl = |secs: u32| Some(Duration::from_secs(secs.into()));
        if !addresses.is_empty() {
            return Ok(Found {
                addresses,
                ttl: ttl(ttl_secs),
            });
        }
        // Servers give the whole chain; one that does not is asked for what is behind it.
        let is_cut =
            aliases > begun && answer.code == Code::NoError && answer.negative_secs.is_none();
        if !is_cut {
            let reason = match answer.code {
                Code::NoSuchName => "no such name",
                _ => "no address",
            };
            return Err(Missing {
                ttl: answer.negative_secs.and_then(ttl),
                ..Missing::unknown(reason)
            });
        }
    }
}

fn alias_of(answer: &Answer, name: &str) -> Option<(String, u32)> {
    answer.records.iter().find_map(|record| match &record.data {
        Data::Alias(to) if record.name == name => Some((to.clone(), record.ttl_secs)),
        _ => None,
    })
}

/// The first answer that a server gives, in as many rounds as the machine says.
async fn ask(conf: &Resolv, name: &str, kind: Kind) -> Result<Answer, Missing> {
    let mut last = String::new();
    for server in std::iter::repeat_n(&conf.servers, conf.attempts).flatten() {
        let mut id = [0; 2];
        getrandom::fill(&mut id).map_err(|error| Missing::away(&error.to_string()))?;
        let question = wire::question(u16::from_be_bytes(id), name, kind)
            .ok_or_else(|| Missing::unknown("it is no name that DNS can have"))?;
        let answer = match timeout(conf.timeout, by_udp(*server, &question)).await {
            Ok(Ok(answer)) if answer.is_truncated => {
                timeout(conf.timeout, by_tcp(*server, &question)).await
            }
            other => other,
        };
        last = match answer {
            Ok(Ok(answer)) => match answer.code {
                Code::NoError | Code::NoSuchName => return Ok(answer),
                Code::Failed(2) => format!("server {server} says SERVFAIL"),
                Code::Failed(5) => format!("server {server} says REFUSED"),
                Code::Failed(code) => format!("server {server} says error {code}"),
            },
            Ok(Err(error)) => format!("server {server}: {error}"),
            Err(_) => format!("server {server} gives no answer in time"),
        };
    }
    Err(Missing::away(&last))
}

async fn by_udp(server: SocketAddr, question: &[u8]) -> io::Result<Answer> {
    let own: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(own).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = [0; DATAGRAM_BYTES];
    for _ in 0..STRAYS_MAX {
        let count = socket.recv(&mut buffer).await?;
        let datagram = buffer.get(..count).unwrap_or_default();
        if let Some(answer) = wire::answer(datagram, question) {
            return Ok(answer);
        }
    }
    Err(io::Error::other("what it sends is no answer"))
}

async fn by_tcp(server: SocketAddr, question: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes(), question].concat())
        .await?;
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    let answer = wire::answer(&bytes, question).filter(|answer| !answer.is_truncated);
    answer.ok_or_else(|| io::Error::other("what it sends is no answer"))
}

#[cfg(test)]
mod tests;
