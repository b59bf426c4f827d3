//! Writing a body into a file.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;

use api::BodyError;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use super::{Draft, Files};
use crate::error::Error;
use crate::sums::{Algorithm, Hashed, Hashing};

/// Where bytes come from.
pub type Source = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// A body that was written, durable, and is part of nothing yet.
#[derive(Debug)]
pub(crate) struct Written {
    /// `None` where it is empty.
    pub(crate) draft: Option<Draft>,
    pub(crate) bytes: u64,
    pub(crate) hashed: Hashed,
}

impl Files {
    /// Writes all of `source`. `expected`: how long it says to be.
    ///
    /// A client that is slow holds the memory of one chunk, and no thread.
    pub(crate) async fn write(
        self: &Arc<Self>,
        mut source: Source,
        expected: Option<u64>,
        limit: u64,
        algorithm: Algorithm,
    ) -> Result<Written, Error> {
        if expected.is_some_and(|bytes| bytes > limit) {
            return Err(Error::TooLarge { limit });
        }
        self.check_room(expected.unwrap_or_default())?;
        let _place = self.writes.try_acquire().map_err(|_| Error::Busy)?;
        let mut pen = Pen::new(Arc::clone(self), algorithm);
        let mut gathered = Gathered::default();
        while let Some(bytes) = source.next().await {
            let bytes = bytes.map_err(Error::BodyBroken)?;
            gathered.push(bytes);
            if pen.bytes + gathered.bytes > limit {
                return Err(Error::TooLarge { limit });
            }
            if gathered.bytes >= self.limits.chunk.get() {
                let chunk = std::mem::take(&mut gathered);
                pen = blocking(move || pen.write(chunk)).await?;
            }
        }
        blocking(move || pen.write(gathered)?.end()).await
    }
}

/// What has come and was not written.
#[derive(Debug, Default)]
struct Gathered {
    pieces: Vec<Bytes>,
    bytes: u64,
}

impl Gathered {
    fn push(&mut self, bytes: Bytes) {
        self.bytes += bytes.len() as u64;
        self.pieces.push(bytes);
    }
}

struct Pen {
    files: Arc<Files>,
    draft: Option<Draft>,
    hashing: Hashing,
    bytes: u64,
}

impl Pen {
    fn new(files: Arc<Files>, algorithm: Algorithm) -> Self {
        Self {
            files,
            draft: None,
            hashing: Hashing::new(algorithm),
            bytes: 0,
        }
    }

    fn write(mut self, gathered: Gathered) -> Result<Self, Error> {
        if gathered.bytes == 0 {
            return Ok(self);
        }
        self.files.check_room(gathered.bytes)?;
        let draft = match &mut self.draft {
            Some(draft) => draft,
            none => none.insert(self.files.draft()?),
        };
        for piece in gathered.pieces {
            self.hashing.update(&piece);
            self.bytes += piece.len() as u64;
            if let Some(file) = &mut draft.file {
                file.write_all(&piece)
                    .map_err(|error| refused(&self.files, error))?;
            }
        }
        Ok(self)
    }

    fn end(mut self) -> Result<Written, Error> {
        if let Some(draft) = &mut self.draft {
            draft.sync().map_err(|error| refused(&self.files, error))?;
        }
        Ok(Written {
            draft: self.draft,
            bytes: self.bytes,
            hashed: self.hashing.end(),
        })
    }
}

fn refused(files: &Files, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::NoRoom {
            reserve: files.limits.reserve,
        },
        _ => Error::disk("writing a file")(error),
    }
}

/// Runs what may wait for the disk.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Ended)?
}
