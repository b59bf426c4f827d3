//! Bytes both ways between a connection on loopback and one through the stack.
//!
//! An end of one direction is passed on, and the other direction goes on until it ends too. What is broken on one side is broken on
//! the other: neither end is told an orderly end that was none.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::stream::Stream;

/// Bytes that are carried at a time, each way. Chosen.
const COPY_BYTES: usize = 64 * 1024;

/// Carries bytes until both directions have ended, one side breaks, or nothing was carried for `idle`.
pub(super) async fn pump(mut here: TcpStream, there: Stream, idle: Duration) {
    let _ = here.set_nodelay(true);
    let carried = Arc::new(AtomicU64::new(0));
    let mut there = Counted {
        stream: there,
        carried: Arc::clone(&carried),
    };
    let both =
        tokio::io::copy_bidirectional_with_sizes(&mut here, &mut there, COPY_BYTES, COPY_BYTES);
    let is_whole = tokio::select! {
        result = both => result.is_ok(),
        () = until_idle(&carried, idle) => false,
    };
    if !is_whole {
        reset(&here);
    }
}

/// Has a connection end by a reset.
pub(super) fn reset(stream: &TcpStream) {
    // Where it cannot be set, the connection is over already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

async fn until_idle(carried: &AtomicU64, idle: Duration) {
    let mut before = carried.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(idle).await;
        let now = carried.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}

/// Counts what is read and written.
struct Counted {
    stream: Stream,
    carried: Arc<AtomicU64>,
}

impl Counted {
    fn count(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.carried.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.count(buffer.filled().len() - before);
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.count(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
