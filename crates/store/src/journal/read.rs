//! Reading the log: bytes at a position, one record, all records in order.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use base::Timestamp;
use bytes::Bytes;

use super::core::{Core, UNREADABLE_MAX};
use crate::Position;
use crate::disk::FileRef;
use crate::frame::{HEADER_BYTES, Header, Kind};
use crate::segment::Span;
use crate::walk::{Step, Walk, look_behind};

/// Why bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing was ever there, or its segment has been dropped.
    #[error("the log holds nothing at {position}")]
    Gone {
        /// Where.
        position: Position,
    },
    /// The record fails its check.
    #[error("the record at {position} in `{file}` offset {offset} is corrupt")]
    Corrupt {
        /// Where in the log.
        position: Position,
        /// The segment file.
        file: String,
        /// Where in the file.
        offset: u64,
    },
    /// The disk refused.
    #[error("could not read `{file}`")]
    Disk {
        /// The segment file.
        file: String,
        /// Why.
        source: io::Error,
    },
}

/// A place in the log that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where in the log.
    pub position: Position,
    /// The segment file.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
}

/// One record as it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it starts.
    pub position: Position,
    /// When it was appended.
    pub at: Timestamp,
    /// Its payload.
    pub payload: Bytes,
    /// One past its end.
    pub end: Position,
}

impl Core {
    pub(crate) fn read(&self, position: Position, bytes_max: usize) -> Result<Bytes, ReadError> {
        let at = position.get();
        if at >= self.waiters.durable() {
            if let Some(bytes) = self.tail.lock().read(at, bytes_max) {
                return Ok(bytes.into());
            }
            // It may have been committed between the two looks.
            if at >= self.waiters.durable() {
                return Err(ReadError::Gone { position });
            }
        }
        self.read_file(at, bytes_max)
    }

    fn read_file(&self, at: u64, bytes_max: usize) -> Result<Bytes, ReadError> {
        let position = Position::new(at);
        let found = self.shelf.find(at).map_err(|source| ReadError::Disk {
            file: format!("the segment of {position}"),
            source,
        })?;
        let (span, file) = found.ok_or(ReadError::Gone { position })?;
        let end = span.end().min(self.waiters.durable());
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; bytes_max.min(left)];
        let read = file.read_at(at - span.base, &mut bytes);
        let count = read.map_err(|source| ReadError::Disk {
            file: span.name(),
            source,
        })?;
        bytes.truncate(count);
        // INVARIANT: a segment leaves the shelf before its file is used again, so what was read is what lay there.
        if !self.shelf.holds(span.base) {
            return Err(ReadError::Gone { position });
        }
        Ok(bytes.into())
    }

    pub(crate) fn record(&self, position: Position) -> Result<Record, ReadError> {
        let at = position.get();
        let header = self.read(position, HEADER_BYTES)?;
        let header = Header::decode(at, &header).filter(|header| header.kind == Kind::Record);
        let header = header.ok_or_else(|| self.corrupt(position))?;
        let payload_bytes = header.bytes as usize - HEADER_BYTES;
        let payload = match payload_bytes {
            0 => Bytes::new(),
            _ => self.read(position.payload(), payload_bytes)?,
        };
        if payload.len() != payload_bytes || !header.fits(&payload) {
            return Err(self.corrupt(position));
        }
        Ok(Record {
            position,
            at: header.at,
            payload,
            end: position.plus(u64::from(header.bytes)),
        })
    }

    fn corrupt(&self, position: Position) -> ReadError {
        self.note_unreadable(position);
        match self.place(position) {
            Some(place) => ReadError::Corrupt {
                position,
                file: place.file,
                offset: place.offset,
            },
            None => ReadError::Gone { position },
        }
    }

    fn place(&self, position: Position) -> Option<Place> {
        let spans = self.shelf.spans();
        let holds = |span: &&Span| (span.base..span.end()).contains(&position.get());
        spans.iter().find(holds).map(|span| Place {
            position,
            file: span.name(),
            offset: position.get() - span.base,
        })
    }

    pub(crate) fn note_unreadable(&self, position: Position) {
        let Some(place) = self.place(position) else {
            return;
        };
        let mut unreadable = self.unreadable.lock();
        if unreadable.len() >= UNREADABLE_MAX || !unreadable.insert(position.get()) {
            return;
        }
        tracing::error!(
            file = place.file,
            offset = place.offset,
            "the journal is damaged: what lives here cannot be read; stop the server and run `shukuba check-data`"
        );
    }

    pub(crate) fn unreadable(&self) -> Vec<Place> {
        let unreadable = self.unreadable.lock();
        let places = unreadable.iter();
        places
            .filter_map(|position| self.place(Position::new(*position)))
            .collect()
    }

    pub(crate) fn scan(self: &Arc<Self>, from: Position) -> Scan {
        let limit = self.waiters.durable();
        let spans = self.shelf.spans();
        let ahead = spans
            .into_iter()
            .filter(|span| span.end() > from.get() && span.base < limit);
        Scan {
            core: Arc::clone(self),
            ahead: ahead.collect(),
            walk: None,
            from: from.get(),
            limit,
        }
    }
}

/// The records in order, read in big pieces. What is damaged is noted ([`Journal::unreadable`](super::Journal::unreadable))
/// and passed over: one bad place must not keep from sight what lies behind it. Ends after the first error, which
/// only the disk makes.
#[derive(Debug)]
pub struct Scan {
    core: Arc<Core>,
    ahead: VecDeque<Span>,
    walk: Option<(Span, Walk)>,
    from: u64,
    limit: u64,
}

impl Scan {
    /// Goes on to the next segment that is still there; `false` when none is left.
    fn open_next(&mut self) -> Result<bool, ReadError> {
        while let Some(span) = self.ahead.pop_front() {
            let found: Option<(Span, FileRef)> =
                self.core
                    .shelf
                    .find(span.base)
                    .map_err(|source| ReadError::Disk {
                        file: span.name(),
                        source,
                    })?;
            if let Some((span, file)) = found {
                self.walk = Some((span, Walk::new(file, span, self.from, self.limit)));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next record of the open segment; `None` at its end.
    fn step(&mut self) -> Result<Option<Record>, ReadError> {
        while let Some((span, walk)) = &mut self.walk {
            let step = walk.step().map_err(|source| ReadError::Disk {
                file: span.name(),
                source,
            })?;
            match step {
                Step::Record(seen) => {
                    return Ok(Some(Record {
                        position: Position::new(seen.position),
                        at: seen.at,
                        payload: Bytes::copy_from_slice(seen.payload),
                        end: Position::new(seen.end),
                    }));
                }
                Step::Filler { .. } => {}
                Step::Seal { .. } => return Ok(None),
                Step::Stop { position } if position >= self.limit => return Ok(None),
                Step::Stop { position } => self.pass_over(position)?,
            }
        }
        Ok(None)
    }

    /// Goes on behind the damaged place at `position`: at the next whole frame of the segment, else with the next segment.
    fn pass_over(&mut self, position: u64) -> Result<(), ReadError> {
        let Some((span, _)) = self.walk.take() else {
            return Ok(());
        };
        let failed = |source| ReadError::Disk {
            file: span.name(),
            source,
        };
        // Else dropped meanwhile, and its file perhaps used again.
        let Some((span, file)) = self.core.shelf.find(span.base).map_err(failed)? else {
            return Ok(());
        };
        let behind = look_behind(file.as_ref(), span, position).map_err(failed)?;
        self.core.note_unreadable(Position::new(position));
        let next = behind.map(|behind| behind.next);
        self.walk = next
            .filter(|next| *next < self.limit)
            .map(|next| (span, Walk::new(file, span, next, self.limit)));
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            if let Some(record) = self.step()? {
                return Ok(Some(record));
            }
            self.walk = None;
            if !self.open_next()? {
                return Ok(None);
            }
        }
    }
}

impl Iterator for Scan {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.ahead.clear();
            self.walk = None;
        }
        next
    }
}
