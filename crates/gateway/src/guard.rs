//! A connection's stream with time limits.
//!
//! hyper waits for ever for a client that is slow; this ends the stream instead: a head that does not become complete,
//! a rest that is too long, an answer that is not read. One timer serves all limits, and it is touched only when
//! the stream has nothing to give, so a busy connection pays for none of it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits::Limits;
use crate::peers::{Peer, Phase};

/// A stream that ends when its client is too slow.
pub(crate) struct Guard<T> {
    stream: T,
    peer: Arc<Peer>,
    limits: Limits,
    seen: Phase,
    since: Instant,
    write_stalled: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<T> Guard<T> {
    pub(crate) fn new(stream: T, peer: Arc<Peer>, limits: Limits) -> Self {
        let seen = peer.phase();
        Self {
            stream,
            peer,
            limits,
            seen,
            since: Instant::now(),
            write_stalled: None,
            timer: None,
        }
    }

    /// How long the stream may stay in the phase that it is in; `None` while a call runs.
    fn read_limit(&self) -> Option<Duration> {
        match self.seen {
            Phase::InCall => None,
            Phase::Resting if self.peer.is_proven() => Some(self.limits.idle_time),
            Phase::Resting | Phase::InHead => Some(self.limits.header_time),
        }
    }

    fn follow(&mut self, phase: Phase) {
        if self.seen != phase {
            self.seen = phase;
            self.since = Instant::now();
        }
    }

    fn on_bytes(&mut self) {
        if self.peer.phase() == Phase::Resting {
            self.peer.set_phase(Phase::InHead);
            // Not `follow`: on a busy connection the phases in between are never looked at.
            self.seen = Phase::InHead;
            self.since = Instant::now();
        }
    }

    /// Fails once `deadline` has passed, and wakes the task by then.
    fn check(&mut self, deadline: Instant, cx: &mut Context<'_>) -> io::Result<()> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            timer.as_mut().reset(deadline);
        }
        Ok(())
    }

    fn check_read(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.follow(self.peer.phase());
        match self.read_limit() {
            Some(limit) => self.check(self.since + limit, cx),
            None => Ok(()),
        }
    }

    fn check_write<R>(
        &mut self,
        written: Poll<io::Result<R>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.write_stalled = None;
            return written;
        }
        let since = *self.write_stalled.get_or_insert_with(Instant::now);
        match self.check(since + self.limits.write_time, cx) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guard<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Pending => {
                this.check_read(cx)?;
                Poll::Pending
            }
            ready => {
                if buf.filled().len() > before {
                    this.on_bytes();
                }
                ready
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guard<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.check_write(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.check_write(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.check_write(flushed, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = ready!({
            let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
            this.check_write(shut, cx)
        });
        Poll::Ready(done)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::peers::{Peers, Seat};

    /// A stream that has bytes while `is_ready`, and takes none.
    struct Script {
        is_ready: bool,
    }

    impl AsyncRead for Script {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if !self.is_ready {
                return Poll::Pending;
            }
            buf.put_slice(b"GET");
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Script {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn guarded() -> (Guard<Script>, Seat) {
        let addr = SocketAddr::from(([127, 0, 0, 1], 1));
        let seat = Peers::new(1).admit(addr, "http").unwrap();
        let guard = Guard::new(
            Script { is_ready: true },
            Arc::clone(&seat.peer),
            Limits::default(),
        );
        (guard, seat)
    }

    async fn read(guard: &mut Guard<Script>, is_ready: bool) -> Poll<io::Result<()>> {
        guard.stream.is_ready = is_ready;
        std::future::poll_fn(|cx| {
            let mut space = [0; 16];
            Poll::Ready(Pin::new(&mut *guard).poll_read(cx, &mut ReadBuf::new(&mut space)))
        })
        .await
    }

    async fn pass(secs: u64) {
        tokio::time::advance(Duration::from_secs(secs)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_head_begins_anew_with_each_request() {
        let (mut guard, seat) = guarded();
        for _ in 0..5 {
            assert!(read(&mut guard, true).await.is_ready());
            seat.peer.set_phase(Phase::InCall);
            seat.peer.set_proven();
            seat.peer.set_phase(Phase::Resting);
            pass(8).await;
        }
        assert!(read(&mut guard, true).await.is_ready());
        pass(9).await;
        assert!(read(&mut guard, false).await.is_pending());
        pass(1).await;
        assert!(matches!(read(&mut guard, false).await, Poll::Ready(Err(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_its_time_and_then_the_rest_begins() {
        let (mut guard, seat) = guarded();
        assert!(read(&mut guard, true).await.is_ready());
        seat.peer.set_phase(Phase::InCall);
        seat.peer.set_proven();
        pass(1000).await;
        assert!(read(&mut guard, false).await.is_pending());
        seat.peer.set_phase(Phase::Resting);
        assert!(read(&mut guard, false).await.is_pending());
        pass(89).await;
        assert!(read(&mut guard, false).await.is_pending());
        pass(1).await;
        assert!(matches!(read(&mut guard, false).await, Poll::Ready(Err(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_proven_nothing_rests_no_longer_than_a_head_takes() {
        let (mut guard, _seat) = guarded();
        assert!(read(&mut guard, false).await.is_pending());
        pass(10).await;
        assert!(matches!(read(&mut guard, false).await, Poll::Ready(Err(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_ends_the_stream() {
        let (mut guard, _seat) = guarded();
        let write = async |guard: &mut Guard<Script>| {
            std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *guard).poll_write(cx, b"x"))).await
        };
        assert!(write(&mut guard).await.is_pending());
        pass(30).await;
        assert!(matches!(write(&mut guard).await, Poll::Ready(Err(_))));
    }
}
