//! Reading a range of an object from the files that it lies in.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use tokio::task::JoinHandle;

use super::{Files, Pinned};
use crate::rows::Id;

/// Bytes that are read at a time. Chosen.
const CHUNK: u64 = 256 * 1024;

/// A range of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) file: Id,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// A body on its way out. Its files stay until it ends.
#[derive(Debug)]
pub struct Reading {
    hand: Option<Hand>,
    under_way: Option<JoinHandle<(Hand, io::Result<Bytes>)>>,
}

/// What reads: one chunk after the other, each on a thread that may wait for the disk.
#[derive(Debug)]
struct Hand {
    files: Arc<Files>,
    left: VecDeque<Extent>,
    open: Option<(Id, File)>,
    first: Option<Bytes>,
    _pinned: Pinned,
}

impl Reading {
    /// Opens the first file and reads its first bytes, so that what is not there is known before it is promised. Blocks.
    pub(crate) fn begin(
        files: Arc<Files>,
        extents: Vec<Extent>,
        pinned: Pinned,
    ) -> io::Result<Self> {
        let mut hand = Hand {
            files,
            left: extents
                .into_iter()
                .filter(|extent| extent.bytes > 0)
                .collect(),
            open: None,
            first: None,
            _pinned: pinned,
        };
        if !hand.left.is_empty() {
            hand.first = Some(hand.read()?);
        }
        Ok(Self {
            hand: Some(hand),
            under_way: None,
        })
    }
}

impl Hand {
    /// The next chunk, at most up to the end of a file.
    fn read(&mut self) -> io::Result<Bytes> {
        let Some(extent) = self.left.front_mut() else {
            return Ok(Bytes::new());
        };
        let file = match self.open.take() {
            Some((id, file)) if id == extent.file => file,
            _ => File::open(self.files.path(extent.file))?,
        };
        let count = extent.bytes.min(CHUNK);
        let mut bytes = vec![0; usize::try_from(count).unwrap_or_default()];
        file.read_exact_at(&mut bytes, extent.offset)?;
        extent.offset += count;
        extent.bytes -= count;
        if extent.bytes == 0 {
            self.left.pop_front();
        } else {
            self.open = Some((extent.file, file));
        }
        Ok(bytes.into())
    }
}

impl Stream for Reading {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(mut hand) = this.hand.take() {
            if let Some(first) = hand.first.take() {
                this.hand = Some(hand);
                return Poll::Ready(Some(Ok(first)));
            }
            if hand.left.is_empty() {
                return Poll::Ready(None);
            }
            this.under_way = Some(tokio::task::spawn_blocking(move || {
                let read = hand.read();
                (hand, read)
            }));
        }
        let Some(under_way) = &mut this.under_way else {
            return Poll::Ready(None);
        };
        let ended = std::task::ready!(Pin::new(under_way).poll(cx));
        this.under_way = None;
        match ended {
            Ok((hand, Ok(bytes))) => {
                this.hand = Some(hand);
                Poll::Ready(Some(Ok(bytes)))
            }
            Ok((_, Err(error))) => {
                tracing::error!(%error, "an object cannot be read to its end");
                Poll::Ready(Some(Err(error)))
            }
            Err(_) => Poll::Ready(Some(Err(io::Error::other("the task that reads ended")))),
        }
    }
}
