//! One connection through the stack, as tokio reads and writes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{self, RecvError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stack::Shared;

/// A connection. Dropped before both directions have ended, it is reset, so that the other end does not take what it has for all.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    handle: SocketHandle,
    is_inbound: bool,
    /// The other end has no more to send, and all of it was read.
    is_read: bool,
    /// Nothing more will be written.
    is_written: bool,
}

impl Stream {
    pub(super) const fn new(shared: Arc<Shared>, handle: SocketHandle, is_inbound: bool) -> Self {
        Self {
            shared,
            handle,
            is_inbound,
            is_read: false,
            is_written: false,
        }
    }

    pub(super) fn poll_open(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll_open(self.handle, context)
    }

    /// Does something with the socket, and has the driver look after it where that did something.
    fn with<T>(
        &self,
        act: impl FnOnce(&mut tcp::Socket<'static>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let done = {
            let mut core = self.shared.core.lock();
            act(core.sockets.get_mut::<tcp::Socket<'static>>(self.handle))
        };
        if done.is_ready() {
            self.shared.work.notify_one();
        }
        done
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let is_ended = self.is_read && self.is_written;
        self.shared.let_go(self.handle, self.is_inbound, is_ended);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_read || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let read = self.with(
            |socket| match socket.recv_slice(buffer.initialize_unfilled()) {
                Ok(0) => {
                    socket.register_recv_waker(context.waker());
                    Poll::Pending
                }
                Ok(count) => Poll::Ready(Ok(count)),
                Err(RecvError::Finished) => Poll::Ready(Ok(0)),
                Err(RecvError::InvalidState) => {
                    Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
                }
            },
        );
        read.map_ok(|count| {
            buffer.advance(count);
            self.is_read = count == 0;
        })
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.with(|socket| match socket.send_slice(bytes) {
            Ok(0) => {
                socket.register_send_waker(context.waker());
                Poll::Pending
            }
            Ok(count) => Poll::Ready(Ok(count)),
            Err(_) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Says to the other end that nothing more comes, behind what was written; it may still send.
    fn poll_shutdown(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_written = true;
        self.with(|socket| {
            socket.close();
            Poll::Ready(Ok(()))
        })
    }
}
