//! From a URL to a connection: resolve, check every address, connect, proxy, TLS.
//!
//! INVARIANT: the connection goes to an address that was checked; the name is not resolved a second time. An
//! answer of which one address is refused is refused whole, so that a name cannot be mixed with a private
//! address and tried until that one is taken.
//!
//! `connect_to` and `proxy` are the operator's own lines and their addresses are not checked. A proxy resolves
//! the names itself: only addresses written in the URL are checked then.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use super::connection::{Connection, Stream};
use super::eyeballs::{self, NoneAnswered};
use super::request::literal;
use super::tls::{self, Peer};
use crate::config::DestinationRules;
use crate::config::transport::{HttpVersion, Source};
use crate::dns;
use crate::port::{ErrorClass, Timings};
use crate::ssrf;

/// Why there is no connection.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) class: ErrorClass,
    pub(super) detail: String,
    pub(super) address: Option<SocketAddr>,
}

impl Failure {
    fn new(class: ErrorClass, detail: impl ToString) -> Self {
        Self {
            class,
            detail: detail.to_string(),
            address: None,
        }
    }

    fn at(self, address: SocketAddr) -> Self {
        Self {
            address: Some(address),
            ..self
        }
    }
}

/// Makes connections.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) dns: Arc<dns::Cache>,
    pub(super) tls: tls::Configs,
}

impl Dialer {
    /// Connects to the receiver of `url`, or to what the rules put in its place, and notes how long each part took.
    pub(super) async fn dial(
        &self,
        url: &Url,
        rules: &DestinationRules,
        version: HttpVersion,
        total: Instant,
        timings: &mut Timings,
    ) -> Result<Connection, Failure> {
        let clock = Phase { total };
        let (limit, begun) = clock.begin(rules.timeout_connect);
        let addresses = timeout_at(limit, addresses(&self.dns, url, rules)).await;
        timings.dns = begun.elapsed();
        let addresses = addresses.unwrap_or_else(|_| {
            Err(clock.expired(ErrorClass::Dns, "the name did not resolve in time"))
        })?;

        let (limit, begun) = clock.begin(rules.timeout_connect);
        let connected = eyeballs::connect(&addresses, rules.transport.source, limit).await;
        timings.connect += begun.elapsed();
        let (stream, peer) = connected.map_err(|none| not_connected(clock, &none))?;
        let stream = Stream::Plain(stream);
        let connection = match &rules.proxy {
            Some(proxy) => {
                let through = self.through(stream, peer, proxy, url, rules, version);
                timeout_at(limit, through)
                    .await
                    .unwrap_or_else(|_| Err("no tunnel in time".to_owned()))
                    .map_err(|detail| {
                        Failure::new(ErrorClass::Proxy, format!("proxy: {detail}")).at(peer)
                    })?
            }
            None => Connection::new(stream, peer),
        };
        if url.scheme() != "https" {
            return Ok(connection);
        }
        let (stream, early) = connection.into_parts();
        if !early.is_empty() {
            let detail = "proxy: bytes before the TLS handshake";
            return Err(Failure::new(ErrorClass::Proxy, detail).at(peer));
        }
        let (limit, begun) = clock.begin(rules.timeout_tls);
        let secured = timeout_at(limit, self.secure(stream, url, rules, version)).await;
        timings.tls = begun.elapsed();
        let stream = secured
            .unwrap_or_else(|_| {
                Err(clock.expired(ErrorClass::TlsTimeout, "no TLS handshake in time"))
            })
            .map_err(|failure| failure.at(peer))?;
        Ok(Connection::new(stream, peer))
    }

    /// TLS with the proxy where it is to be, and a tunnel for all but plain HTTP/1.1.
    async fn through(
        &self,
        mut stream: Stream,
        peer: SocketAddr,
        proxy: &Url,
        url: &Url,
        rules: &DestinationRules,
        version: HttpVersion,
    ) -> Result<Connection, String> {
        if proxy.scheme() == "https" {
            let config = self.tls.get(rules, Peer::Proxy).await?;
            let host = proxy.host_str().unwrap_or_default();
            let name = literal(proxy).map_or_else(|| server_name(host), |ip| Ok(ip.into()))?;
            stream = handshake(config, name, stream)
                .await
                .map_err(|error| format!("TLS with `{host}` failed: {error}"))?;
        }
        if url.scheme() == "https" || version == HttpVersion::Http2 {
            return super::proxy::tunnel(stream, peer, proxy, url).await;
        }
        Ok(Connection::new(stream, peer))
    }

    async fn secure(
        &self,
        stream: Stream,
        url: &Url,
        rules: &DestinationRules,
        version: HttpVersion,
    ) -> Result<Stream, Failure> {
        let failed = |detail: String| Failure::new(ErrorClass::Tls, detail);
        let peer = Peer::Receiver(version);
        let config = self.tls.get(rules, peer).await.map_err(failed)?;
        let host = url.host_str().unwrap_or_default();
        let name = match (&rules.transport.tls_server_name, literal(url)) {
            (Some(own), _) => server_name(own),
            (None, Some(address)) => Ok(ServerName::from(address)),
            (None, None) => server_name(host.trim_end_matches('.')),
        };
        let secured = handshake(config, name.map_err(failed)?, stream).await;
        secured.map_err(|error| failed(format!("TLS with `{host}` failed: {error}")))
    }
}

/// TLS over a stream, which may be TLS already.
async fn handshake(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    stream: Stream,
) -> io::Result<Stream> {
    let connector = TlsConnector::from(config);
    match stream {
        Stream::Plain(plain) => {
            let stream = connector.connect(name, plain).await?;
            Ok(Stream::Tls(Box::new(stream)))
        }
        Stream::Tls(outer) => {
            let stream = connector.connect(name, outer).await?;
            Ok(Stream::Nested(Box::new(stream)))
        }
        Stream::Nested(_) => Err(io::Error::other(
            "a third layer of TLS is none that is made",
        )),
    }
}

/// The parts of one attempt share its end.
#[derive(Clone, Copy)]
struct Phase {
    total: Instant,
}

impl Phase {
    fn begin(self, limit: Duration) -> (Instant, Instant) {
        let now = Instant::now();
        (self.total.min(now + limit), now)
    }

    fn expired(self, class: ErrorClass, detail: &str) -> Failure {
        if Instant::now() >= self.total {
            return Failure::new(
                ErrorClass::TotalTimeout,
                format!("{detail}: the whole attempt's time is over"),
            );
        }
        Failure::new(class, detail)
    }
}

/// A name that a certificate can bear.
///
/// # Errors
/// Words for the operator.
pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(name.to_owned())
        .map_err(|error| format!("`{name}` cannot stand in a certificate: {error}"))
}

fn not_connected(clock: Phase, none: &NoneAnswered) -> Failure {
    let failure = match none.is_late() {
        true => clock.expired(ErrorClass::ConnectTimeout, &none.to_string()),
        false => Failure::new(ErrorClass::Connect, none),
    };
    Failure {
        address: none.first(),
        ..failure
    }
}

/// Every address that may be connected to, in order, all of them checked.
pub(super) async fn addresses(
    dns: &dns::Cache,
    url: &Url,
    rules: &DestinationRules,
) -> Result<Vec<SocketAddr>, Failure> {
    let found = all_addresses(dns, url, rules).await?;
    match rules.transport.source {
        None => Ok(found),
        Some(source) => of_families(found, source),
    }
}

/// Those whose family `source_address` has.
fn of_families(mut found: Vec<SocketAddr>, source: Source) -> Result<Vec<SocketAddr>, Failure> {
    let first = found.first().copied();
    found.retain(|address| source.for_peer(address.ip()).is_some());
    match (first, found.is_empty()) {
        (Some(first), true) => {
            let family = if first.is_ipv4() { "IPv4" } else { "IPv6" };
            let detail = format!(
                "no connection to {first}: source_address has no {family} address, and the receiver has no other"
            );
            Err(Failure::new(ErrorClass::Connect, detail).at(first))
        }
        _ => Ok(found),
    }
}

async fn all_addresses(
    dns: &dns::Cache,
    url: &Url,
    rules: &DestinationRules,
) -> Result<Vec<SocketAddr>, Failure> {
    let port = url.port_or_known_default().unwrap_or_default();
    if let Some(target) = &rules.connect_to {
        return resolve_own(dns, target, rules.transport.dns).await;
    }
    if let Some(address) = literal(url) {
        ssrf::check(url, address, rules)
            .map_err(|refused| Failure::new(ErrorClass::Address, refused))?;
    }
    if let Some(proxy) = &rules.proxy {
        let port = proxy.port_or_known_default().unwrap_or_default();
        return resolve_own(
            dns,
            &format!("{}:{port}", proxy.host_str().unwrap_or_default()),
            rules.transport.dns,
        )
        .await;
    }
    if let Some(address) = literal(url) {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = dns
        .lookup(url.host_str().unwrap_or_default(), rules.transport.dns)
        .await
        .map_err(|error| Failure::new(ErrorClass::Dns, error))?;
    for address in found.iter() {
        ssrf::check(url, *address, rules).map_err(|refused| {
            Failure::new(ErrorClass::Address, refused).at(SocketAddr::new(*address, port))
        })?;
    }
    Ok(found
        .iter()
        .map(|address| SocketAddr::new(ssrf::unmapped(*address), port))
        .collect())
}

/// The addresses of `host:port` from the operator's own settings.
async fn resolve_own(
    dns: &dns::Cache,
    target: &str,
    bounds: dns::Bounds,
) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = target.parse() {
        return Ok(vec![address]);
    }
    let parts = target
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let Some((host, port)) = parts else {
        return Err(Failure::new(
            ErrorClass::Connect,
            format!("`{target}` is not `host:port`"),
        ));
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = dns
        .lookup(host, bounds)
        .await
        .map_err(|error| Failure::new(ErrorClass::Dns, error))?;
    Ok(found
        .iter()
        .map(|address| SocketAddr::new(*address, port))
        .collect())
}

/// Host and port of a URL, the port always written.
pub(super) fn authority(url: &Url) -> String {
    let host = &url[Position::BeforeHost..Position::AfterHost];
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}
