//! Listening, connections, and the way out.
//!
//! Each connection is a task of the server's own set: [`Server::serve`] returns when all of them have ended, or were cut
//! after the time to drain.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::door::Door;
use crate::guard::Guard;
use crate::limits::Limits;
use crate::peers::{Order, Peer, Peers, Seat};
use crate::tls::{self, Tls};

/// The least that hyper reads at a time, in bytes.
const BUFFER_MIN: usize = 8192;

/// Whether plain HTTP may leave the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only on loopback.
    LoopbackOnly,
    /// Anywhere: somebody else encrypts, or nobody listens.
    Anywhere,
}

/// Where and how to listen.
#[derive(Debug)]
pub struct Listen {
    /// Port 0 takes a free one.
    pub addr: SocketAddr,
    /// With it, HTTPS; without, HTTP.
    pub tls: Option<Arc<Tls>>,
    /// Whether HTTP may be offered beyond loopback.
    pub plain_http: PlainHttp,
    /// Bounds on clients.
    pub limits: Limits,
}

/// Why the server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Plain HTTP beyond loopback.
    #[error(
        "`{addr}` is not a loopback address, and there is no certificate: set `server.tls_certificate` and `server.tls_key`, listen on 127.0.0.1, or accept plain HTTP with `server.insecure_http = true` or --insecure-http"
    )]
    Insecure {
        /// Where it should have listened.
        addr: SocketAddr,
    },
    /// The address cannot be taken.
    #[error("cannot listen on `{addr}`")]
    Bind {
        /// Where it should have listened.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

impl Listen {
    /// Refuses plain HTTP beyond loopback, unless it is accepted.
    ///
    /// # Errors
    /// [`Error::Insecure`].
    pub fn check(&self) -> Result<(), Error> {
        let is_safe = self.addr.ip().to_canonical().is_loopback() || self.tls.is_some();
        match is_safe || self.plain_http == PlainHttp::Anywhere {
            true => Ok(()),
            false => Err(Error::Insecure { addr: self.addr }),
        }
    }
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    tls: Option<Arc<Tls>>,
    limits: Limits,
    peers: Arc<Peers>,
}

impl Server {
    /// Takes the address.
    ///
    /// # Errors
    /// [`Error::Insecure`] for plain HTTP beyond loopback, [`Error::Bind`] when the address cannot be taken.
    pub async fn bind(listen: Listen) -> Result<Self, Error> {
        let asked = listen.addr;
        listen.check()?;
        let failed = |source| Error::Bind {
            addr: asked,
            source,
        };
        let listener = TcpListener::bind(asked).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let peers = Peers::new(listen.limits.connections);
        Ok(Self {
            listener,
            addr,
            tls: listen.tls,
            limits: listen.limits,
            peers,
        })
    }

    /// Where it listens, with the port that was taken.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// How a client on this machine reaches it, such as `http://127.0.0.1:5310`.
    #[must_use]
    pub fn url(&self) -> String {
        let mut addr = self.addr;
        if addr.ip().is_unspecified() {
            addr.set_ip(match addr {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("{}://{addr}", self.scheme())
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Answers until `stop` is ready, then lets the calls that run come to their end.
    ///
    /// After `limits.drain_time` what still runs is cut.
    pub async fn serve(self, door: Arc<Door>, stop: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        let peers = Arc::clone(&self.peers);
        door.show_gauge("shukuba_connections", move || peers.count());
        door.set_serving();
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, addr)) => self.begin(&mut connections, &door, stream, addr),
                    Err(error) => rest_after(&error).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
        door.set_draining();
        let Self {
            listener,
            peers,
            limits,
            ..
        } = self;
        drop(listener);
        drain(&peers, connections, limits.drain_time).await;
    }

    fn begin(
        &self,
        connections: &mut JoinSet<()>,
        door: &Arc<Door>,
        stream: TcpStream,
        addr: SocketAddr,
    ) {
        // Without it the last part of an answer may wait for an acknowledgement; a failure only costs that.
        let _ = stream.set_nodelay(true);
        let Some(seat) = self.peers.admit(addr, self.scheme()) else {
            connections.spawn(refuse(stream, self.limits.write_time));
            return;
        };
        let (door, limits) = (Arc::clone(door), self.limits);
        match self.tls.as_ref().map(|tls| tls.config()) {
            None => connections
                .spawn(async move { serve_connection(stream, &seat, door, limits).await }),
            Some(config) => connections.spawn(serve_tls(stream, config, seat, door, limits)),
        };
    }
}

async fn drain(peers: &Peers, mut connections: JoinSet<()>, limit: Duration) {
    peers.give_all(Order::Drain);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limit, all_ended).await.is_err() {
        warn!(
            connections = peers.count(),
            "calls that did not end in time are cut"
        );
    }
    connections.shutdown().await;
}

/// Out of files or the like: the ones that are open must end first.
async fn rest_after(error: &io::Error) {
    warn!(%error, "cannot accept a connection");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn refuse(mut stream: TcpStream, limit: Duration) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    // The client may be gone already; there is nobody else to tell.
    let _ = tokio::time::timeout(limit, stream.write_all(ANSWER)).await;
}

async fn serve_tls(
    stream: TcpStream,
    config: Arc<rustls::ServerConfig>,
    seat: Seat,
    door: Arc<Door>,
    limits: Limits,
) {
    let handshake = tokio_rustls::TlsAcceptor::from(config).accept(stream);
    match tokio::time::timeout(limits.header_time, until_cut(&seat.peer, handshake)).await {
        Ok(Some(Ok(stream))) => {
            if let Some(facts) = tls::facts(stream.get_ref().1) {
                seat.peer.set_tls(facts);
            }
            serve_connection(stream, &seat, door, limits).await;
        }
        Ok(Some(Err(error))) => debug!(%error, client = %seat.peer.addr, "TLS handshake failed"),
        Ok(None) | Err(_) => {}
    }
}

/// Waits for `work` unless the connection is cut first.
async fn until_cut<W: Future>(peer: &Peer, work: W) -> Option<W::Output> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        peer.listen(cx.waker());
        if peer.order() == Order::Cut {
            return Poll::Ready(None);
        }
        work.as_mut().poll(cx).map(Some)
    })
    .await
}

async fn serve_connection<T>(stream: T, seat: &Seat, door: Arc<Door>, limits: Limits)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = &seat.peer;
    let service = service_fn(|request| {
        let (door, peer) = (Arc::clone(&door), Arc::clone(peer));
        async move { Ok::<_, std::convert::Infallible>(door.answer(request, &peer).await) }
    });
    let io = TokioIo::new(Guard::new(stream, Arc::clone(peer), limits));
    let mut connection = pin!(
        http1::Builder::new()
            .header_read_timeout(None)
            .max_header_size(limits.header_bytes.as_usize())
            .max_buf_size(limits.header_bytes.as_usize().max(BUFFER_MIN))
            .serve_connection(io, service)
    );
    let mut is_draining = false;
    let ended = poll_fn(|cx| {
        peer.listen(cx.waker());
        match peer.order() {
            Order::Serve => {}
            Order::Drain if is_draining => {}
            Order::Drain => {
                is_draining = true;
                connection.as_mut().graceful_shutdown();
            }
            Order::Cut => return Poll::Ready(Ok(())),
        }
        connection.as_mut().poll(cx)
    });
    if let Err(error) = ended.await {
        debug!(%error, client = %peer.addr, "connection ended");
    }
}
