//! One HTTP/2 connection: who may use it, how much it may say, and the task that drives it.
//!
//! INVARIANT: what a receiver may make us read is bounded by what we asked for. Each stream adds to an allowance what its
//! answer can need; floods of settings, pings, interim answers and the like end the connection when that is used up.
//!
//! The task ends with the connection: when nobody holds a [`Link`] any more and its streams have ended (a GOAWAY is sent then),
//! when the receiver closes, or when it has not said a word for two [`PING_AFTER`] while streams wait.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use h2::client::{Builder, SendRequest};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::super::answer::HEAD_BYTES_LIMIT;
use super::super::connection::{Connection, Stream};
use super::super::pool::LIFE;
use super::super::tls;

/// Streams of one connection at once, where the receiver allows more (chosen; RFC 9113 advises receivers to allow 100).
pub(super) const STREAMS_MAX: u32 = 100;

/// What a receiver may send on a stream before we have taken any of it; what it sends of a body that we cut.
const WINDOW_BYTES: u32 = 64 * 1024;

/// The same for all streams of a connection together (chosen: sixteen streams' worth).
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// What a connection may say beside its answers: settings, pings, window updates (chosen: thousands of them).
const TALK_BYTES: u64 = 256 * 1024;

/// A connection on which streams wait and nothing came for so long is asked whether it lives; it has as long to answer.
const PING_AFTER: Duration = Duration::from_secs(10);

/// Requests on one connection.
#[derive(Debug)]
pub(super) struct Link {
    send: SendRequest<Bytes>,
    /// The address that it is pinned to.
    pub(super) peer: SocketAddr,
    made: Instant,
    state: Arc<State>,
}

/// What the users of a connection and its task know in common.
#[derive(Debug)]
pub(super) struct State {
    streams: AtomicU32,
    /// Set when it may take no more requests.
    is_closing: AtomicBool,
    bytes_read: AtomicU64,
    bytes_allowed: AtomicU64,
    /// The receiver did not take our certificate.
    is_refused: AtomicBool,
    idle_since: Mutex<Instant>,
}

impl State {
    /// Whether more came than all answers together can need.
    pub(super) fn is_flooded(&self) -> bool {
        self.bytes_read.load(Ordering::Relaxed) > self.bytes_allowed.load(Ordering::Relaxed)
    }

    /// Whether the receiver ended TLS because of who we are.
    pub(super) fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }

    /// Bytes that have come so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// Lets no more requests begin on it.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }
}

/// The right to one stream, given back when it is dropped.
#[derive(Debug)]
pub(in super::super) struct Slot {
    pub(super) send: SendRequest<Bytes>,
    pub(super) peer: SocketAddr,
    pub(super) state: Arc<State>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.state.streams.fetch_sub(1, Ordering::Relaxed) == 1 {
            *self.state.idle_since.lock() = Instant::now();
        }
    }
}

impl Link {
    /// Begins HTTP/2 on a connection; the second is the task that drives it.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(super) async fn open(
        connection: Connection,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>), h2::Error> {
        let peer = connection.peer;
        let (stream, early) = connection.into_parts();
        let state = Arc::new(State {
            streams: AtomicU32::new(0),
            is_closing: AtomicBool::new(false),
            bytes_read: AtomicU64::new(0),
            bytes_allowed: AtomicU64::new(TALK_BYTES),
            is_refused: AtomicBool::new(false),
            idle_since: Mutex::new(Instant::now()),
        });
        let metered = Metered {
            stream,
            early,
            state: Arc::clone(&state),
        };
        let (send, connection) = Builder::new()
            .enable_push(false)
            .initial_window_size(WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(HEAD_BYTES_LIMIT as u32)
            // Until the receiver has said how many it takes.
            .initial_max_send_streams(STREAMS_MAX as usize)
            .handshake(metered)
            .await?;
        let driver = drive(connection, Arc::clone(&state));
        let link = Self {
            send,
            peer,
            made: Instant::now(),
            state,
        };
        Ok((link, driver))
    }

    /// A stream, unless the connection is full or ends.
    pub(super) fn slot(&self, now: Instant) -> Option<Slot> {
        if self.is_over(now) {
            return None;
        }
        let theirs = u32::try_from(self.send.current_max_send_streams()).unwrap_or(u32::MAX);
        let max = STREAMS_MAX.min(theirs);
        let take = |streams: u32| (streams < max).then_some(streams + 1);
        let streams = &self.state.streams;
        streams
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .ok()?;
        let mut slot = Slot {
            send: self.send.clone(),
            peer: self.peer,
            state: Arc::clone(&self.state),
        };
        // A GOAWAY or the end of the connection is seen here.
        match poll_fn(|cx| slot.send.poll_ready(cx)).now_or_never() {
            Some(Ok(())) => Some(slot),
            Some(Err(_)) | None => {
                self.state.close();
                None
            }
        }
    }

    /// Whether it takes no more requests: it is closing, or has lived its time.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.state.is_closing.load(Ordering::Relaxed) || now - self.made >= LIFE
    }

    /// How long nobody has used it.
    pub(super) fn idle_for(&self, now: Instant) -> Option<Duration> {
        let is_idle = self.state.streams.load(Ordering::Relaxed) == 0;
        is_idle.then(|| now - *self.state.idle_since.lock())
    }
}

impl Slot {
    /// Allows the receiver what an answer can need whose body is read up to `body_bytes`.
    pub(super) fn allow(&self, body_bytes: usize) {
        let bytes = HEAD_BYTES_LIMIT as u64 + u64::from(WINDOW_BYTES) + 2 * body_bytes as u64;
        self.state.bytes_allowed.fetch_add(bytes, Ordering::Relaxed);
    }
}

async fn drive(mut connection: h2::client::Connection<Metered, Bytes>, state: Arc<State>) {
    let mut pings = connection.ping_pong();
    let (mut known, mut is_asked, mut is_left) = (0, false, false);
    loop {
        tokio::select! {
            _ = &mut connection => break,
            () = tokio::time::sleep(PING_AFTER) => {}
        }
        // This task and the meter are the last: the receiver does not even take our last words.
        if std::mem::replace(&mut is_left, Arc::strong_count(&state) <= 2) {
            break;
        }
        let read = state.bytes_read();
        let is_waiting = state.streams.load(Ordering::Relaxed) > 0;
        if read != known || !is_waiting {
            (known, is_asked) = (read, false);
            // Rare words in a long life are no flood.
            let allowed = &state.bytes_allowed;
            allowed.fetch_add(TALK_BYTES / 64, Ordering::Relaxed);
            continue;
        }
        if std::mem::replace(&mut is_asked, true) {
            // Nothing came, not even the answer to a ping: it is dead. Its streams end with it.
            break;
        }
        if let Some(pings) = &mut pings {
            let _ = poll_fn(|cx| pings.poll_pong(cx)).now_or_never();
            let _ = pings.send_ping(h2::Ping::opaque());
        }
    }
    state.close();
}

/// A connection that counts what comes.
#[derive(Debug)]
struct Metered {
    stream: Stream,
    /// What was read before.
    early: BytesMut,
    state: Arc<State>,
}

impl AsyncRead for Metered {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.early.is_empty() {
            let count = this.early.len().min(buffer.remaining());
            buffer.put_slice(&this.early.split_to(count));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = std::task::ready!(Pin::new(&mut this.stream).poll_read(cx, buffer));
        if let Err(error) = &read
            && tls::is_refusal(error)
        {
            this.state.is_refused.store(true, Ordering::Relaxed);
        }
        let count = buffer.filled().len() - before;
        this.state
            .bytes_read
            .fetch_add(count as u64, Ordering::Relaxed);
        if this.state.is_flooded() {
            return Poll::Ready(Err(io::Error::other("more came than was asked for")));
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
