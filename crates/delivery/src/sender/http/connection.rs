//! One connection, plain or TLS, and one exchange at a time on it.
//!
//! The task that sends drives the connection itself: no task per connection, no channel between them, and one
//! write and one read for the usual request. Reading goes on while a large request is still being written, so
//! that an early answer is seen.
//!
//! INVARIANT: after an exchange that did not end cleanly the connection is never used again.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use futures_util::FutureExt;
use http::Method;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::answer::{self, Body, Head, Malformed, Progress};

/// Room for what one read gives; grows while a long head is read.
const INBOX_BYTES: usize = 2048;

/// A buffer larger than this is not kept by an idle connection.
const KEPT_BUFFER_BYTES: usize = 16 * 1024;

/// Plain TCP, TLS over it, or TLS within the TLS of a proxy.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Nested(Box<TlsStream<Box<TlsStream<TcpStream>>>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Nested(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Nested(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Nested(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Nested(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Nested(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Why an exchange broke.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the connection was closed before the answer {0}")]
    Closed(&'static str),
    #[error("the connection broke: {0}")]
    Io(io::Error),
    #[error("{0}")]
    Malformed(#[from] Malformed),
}

/// How a body was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Whole,
    Capped,
    /// With the connection, of which TLS did not say the end: whole as far as one can tell.
    Unsure,
}

/// A connection to a checked address.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    /// The address that it is pinned to.
    pub(super) peer: SocketAddr,
    /// When it was made.
    pub(super) made: Instant,
    /// The head to be written, made by the caller before [`Connection::request`].
    pub(super) outbox: Vec<u8>,
    /// Whether the bytes of the answer's head are wanted.
    pub(super) keeps_head: bool,
    /// They, when they are.
    pub(super) head_bytes: BytesMut,
    inbox: BytesMut,
    written: usize,
    is_written: bool,
    is_flushed: bool,
    received: usize,
    /// Exchanges that ended cleanly.
    served: u32,
}

impl Connection {
    pub(super) fn new(stream: Stream, peer: SocketAddr) -> Self {
        Self {
            stream,
            peer,
            made: Instant::now(),
            outbox: Vec::new(),
            keeps_head: false,
            head_bytes: BytesMut::new(),
            inbox: BytesMut::new(),
            written: 0,
            is_written: false,
            is_flushed: false,
            received: 0,
            served: 0,
        }
    }

    /// Whether it served before.
    pub(super) fn is_reused(&self) -> bool {
        self.served > 0
    }

    /// The stream inside and what was read and not used.
    pub(super) fn into_parts(self) -> (Stream, BytesMut) {
        (self.stream, self.inbox)
    }

    /// Whether both sides chose HTTP/2 in the handshake (ALPN, RFC 7301).
    pub(super) fn chose_http2(&self) -> bool {
        match &self.stream {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
            Stream::Nested(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    /// Whether any byte of the request has been given to the system.
    pub(super) fn has_written(&self) -> bool {
        self.written > 0
    }

    /// Whether any byte of the answer has arrived.
    pub(super) fn has_received(&self) -> bool {
        self.received > 0
    }

    /// Whether the whole request went out and nothing beyond the answer came in.
    pub(super) fn is_clean(&self) -> bool {
        self.is_written && self.is_flushed && self.inbox.is_empty()
    }

    /// Whether an idle connection is still open and silent. Costs no system call while it is.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        self.stream.read(&mut byte).now_or_never().is_none()
    }

    /// Lets large buffers go before the connection is kept.
    pub(super) fn rest(&mut self) {
        self.served = self.served.saturating_add(1);
        if self.outbox.capacity() > KEPT_BUFFER_BYTES {
            self.outbox = Vec::new();
        }
        if self.inbox.capacity() > KEPT_BUFFER_BYTES {
            self.inbox = BytesMut::new();
        }
    }

    /// Writes the outbox and `body`, and reads the head of the answer.
    ///
    /// Dropped before it ends, the connection must not be used again.
    pub(super) async fn request(&mut self, body: &[u8], method: &Method) -> Result<Head, Broken> {
        self.written = 0;
        self.received = 0;
        self.is_written = false;
        self.is_flushed = false;
        poll_fn(|cx| self.poll_request(cx, body, method)).await
    }

    fn poll_request(
        &mut self,
        cx: &mut Context<'_>,
        body: &[u8],
        method: &Method,
    ) -> Poll<Result<Head, Broken>> {
        // A receiver may answer (413, say) and close while the request is being written: read before giving up.
        let failed = match self.poll_write(cx, body) {
            Poll::Ready(Err(error)) => Some(error),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        };
        loop {
            let known = self.inbox.len();
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Broken::Closed("began"))),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::Io(error))),
                Poll::Pending => {
                    return match failed {
                        Some(error) => Poll::Ready(Err(Broken::Io(error))),
                        None => Poll::Pending,
                    };
                }
            }
            if let Some(head) = self.head_after(known, method)? {
                return Poll::Ready(Ok(head));
            }
        }
    }

    /// The head, when it is complete. Parsed only when an end of a head is among the new bytes (and while there
    /// is little), so that a peer that drips bytes costs no more than it sends.
    fn head_after(&mut self, known: usize, method: &Method) -> Result<Option<Head>, Malformed> {
        let news = self
            .inbox
            .get(known.saturating_sub(3)..)
            .unwrap_or_default();
        let has_end = news.windows(2).any(|pair| pair == b"\n\n")
            || news.windows(4).any(|four| four == b"\r\n\r\n");
        if !has_end
            && self.inbox.len() > 64
            && known > 64
            && self.inbox.len() < answer::HEAD_BYTES_LIMIT
        {
            return Ok(None);
        }
        let found = answer::read_head(&self.inbox, method)?;
        Ok(found.map(|(head, length)| {
            if self.keeps_head {
                self.head_bytes = self.inbox.split_to(length);
            } else {
                self.inbox.advance(length);
            }
            head
        }))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Poll<io::Result<()>> {
        let all = self.outbox.len() + body.len();
        while self.written < all {
            let head = self.outbox.get(self.written..).unwrap_or_default();
            let body = body
                .get(self.written.saturating_sub(self.outbox.len())..)
                .unwrap_or_default();
            let stream = Pin::new(&mut self.stream);
            // One part costs the kernel less than two.
            let count = match (head, body) {
                (one, []) | ([], one) => stream.poll_write(cx, one),
                (head, body) => {
                    stream.poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(body)])
                }
            };
            match std::task::ready!(count)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.is_written = true;
        if !self.is_flushed {
            std::task::ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.inbox.capacity() - self.inbox.len() < 512 {
            self.inbox.reserve(INBOX_BYTES);
        }
        let count = std::task::ready!(pin!(self.stream.read_buf(&mut self.inbox)).poll(cx))?;
        self.received += count;
        Poll::Ready(Ok(count))
    }

    /// Reads `body` to its end or its cap.
    pub(super) async fn body(&mut self, body: &mut Body) -> Result<Ended, Broken> {
        loop {
            match body.take(&self.inbox)? {
                Progress::Ended(used) => {
                    self.inbox.advance(used);
                    return Ok(Ended::Whole);
                }
                Progress::Capped => return Ok(Ended::Capped),
                Progress::More => self.inbox.clear(),
            }
            match poll_fn(|cx| self.poll_fill(cx)).await {
                Ok(0) if body.ends_with_connection() => return Ok(Ended::Whole),
                Ok(0) => return Err(Broken::Closed("ended")),
                Ok(_) => {}
                Err(error) if body.ends_with_connection() && is_unclean_end(&error) => {
                    return Ok(Ended::Unsure);
                }
                Err(error) => return Err(Broken::Io(error)),
            }
        }
    }
}

/// TLS without close_notify: common, and no harm where nothing but our excerpt depends on the length; who judges the body
/// is told.
fn is_unclean_end(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}
