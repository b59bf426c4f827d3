//! Walking over the frames of one segment, in order, in big sequential reads.
//!
//! Recovery, scans and check-data all see the log through a [`Walk`], so they agree on where it ends.

use std::io;

use base::Timestamp;

use crate::disk::{DiskFile, FileRef};
use crate::frame::{HEADER_BYTES, Header, Kind};
use crate::segment::{SEGMENT_HEADER_BYTES, Span};

/// Read at once; grows where a frame is larger.
const CHUNK_BYTES: usize = 1 << 20;
/// Passed over at once where nothing is.
const BLOCK_BYTES: usize = 4096;
static ZEROS: [u8; BLOCK_BYTES + HEADER_BYTES] = [0; BLOCK_BYTES + HEADER_BYTES];
/// Announced to the disk ahead of the chunk that is being read.
const AHEAD_BYTES: u64 = 8 << 20;

/// One thing in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Record(Seen<'a>),
    /// Cut out by quarantine, up to `end`.
    Filler {
        end: u64,
    },
    /// The log goes on in the next segment.
    Seal {
        end: u64,
        group: u64,
    },
    /// No valid frame starts here: the log's end, a torn tail or a corrupt place.
    Stop {
        position: u64,
    },
}

/// A record as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen<'a> {
    pub(crate) position: u64,
    pub(crate) at: Timestamp,
    pub(crate) payload: &'a [u8],
    pub(crate) end: u64,
    /// Where its commit group starts.
    pub(crate) group: u64,
}

/// A walk over one segment, from a frame's position up to `limit`.
#[derive(Debug)]
pub(crate) struct Walk {
    file: FileRef,
    span: Span,
    limit: u64,
    /// Position of the next frame.
    at: u64,
    /// Position of the first byte in `chunk`.
    chunk_at: u64,
    chunk: Vec<u8>,
    filled: usize,
    announced: u64,
}

impl Walk {
    pub(crate) fn new(file: FileRef, span: Span, from: u64, limit: u64) -> Self {
        Self {
            file,
            span,
            limit: limit.min(span.end()),
            at: from.max(span.first()),
            chunk_at: 0,
            chunk: Vec::new(),
            filled: 0,
            announced: 0,
        }
    }

    /// The next step. After [`Step::Seal`] or [`Step::Stop`] it repeats itself.
    pub(crate) fn step(&mut self) -> io::Result<Step<'_>> {
        let position = self.at;
        let stop = Ok(Step::Stop { position });
        if !self.load(HEADER_BYTES)? {
            return stop;
        }
        let Some(header) = Header::decode(position, self.loaded(HEADER_BYTES)) else {
            return stop;
        };
        let end = position + u64::from(header.bytes);
        let group = position - u64::from(header.back);
        match header.kind {
            Kind::Seal => return Ok(Step::Seal { end, group }),
            Kind::Filler if end <= self.span.end() => {
                self.at = end;
                return Ok(Step::Filler { end });
            }
            Kind::Filler => return stop,
            Kind::Record => {}
        }
        let bytes = header.bytes as usize;
        if !self.load(bytes)? {
            return stop;
        }
        let is_good = self
            .loaded(bytes)
            .get(HEADER_BYTES..)
            .is_some_and(|payload| header.fits(payload));
        if !is_good {
            return stop;
        }
        self.at = end;
        let from = self.offset_in_chunk(position);
        let payload = self.chunk.get(from + HEADER_BYTES..from + bytes);
        Ok(Step::Record(Seen {
            position,
            at: header.at,
            payload: payload.unwrap_or_default(),
            end,
            group,
        }))
    }

    fn offset_in_chunk(&self, position: u64) -> usize {
        usize::try_from(position.saturating_sub(self.chunk_at)).unwrap_or(usize::MAX)
    }

    /// The next `bytes` bytes, as far as they are loaded.
    fn loaded(&self, bytes: usize) -> &[u8] {
        let from = self.offset_in_chunk(self.at);
        let filled = self.chunk.get(..self.filled).unwrap_or_default();
        filled.get(from..from + bytes).unwrap_or_default()
    }

    /// Has the next `bytes` bytes in the chunk; `false` when the walk's limit comes before.
    fn load(&mut self, bytes: usize) -> io::Result<bool> {
        if self.at + bytes as u64 > self.limit {
            return Ok(false);
        }
        if !self.loaded(bytes).is_empty() {
            return Ok(true);
        }
        self.announce();
        let left = usize::try_from(self.limit - self.at).unwrap_or(usize::MAX);
        let want = CHUNK_BYTES.max(bytes).min(left);
        if self.chunk.len() < want {
            self.chunk.resize(want, 0);
        }
        let into = self.chunk.get_mut(..want).unwrap_or_default();
        self.filled = self.file.read_at(self.at - self.span.base, into)?;
        self.chunk_at = self.at;
        Ok(self.filled >= bytes)
    }

    /// Keeps the disk reading ahead of us.
    fn announce(&mut self) {
        let wanted = (self.at + AHEAD_BYTES).min(self.limit);
        let from = self.announced.max(self.at);
        if wanted > from {
            self.file.read_ahead(from - self.span.base, wanted - from);
            self.announced = wanted;
        }
    }
}

/// What lies behind a place where no valid frame starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    /// The first valid frame after it.
    pub(crate) next: u64,
    /// Whether a frame of a *later* commit group follows, which proves that the place had been synced once.
    pub(crate) is_synced: bool,
    /// All valid frames after it, when it had not been synced.
    pub(crate) torn: Vec<u64>,
}

/// Looks for valid frame headers after `position`, to the segment's end.
pub(crate) fn look_behind(
    file: &dyn DiskFile,
    span: Span,
    position: u64,
) -> io::Result<Option<Behind>> {
    let mut torn = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = (position + 1).max(span.first());
    while let Some(data) = next_data(file, span, at)? {
        file.read_ahead(data - span.base, AHEAD_BYTES);
        let read = file.read_at(data - span.base, &mut chunk)?;
        let bytes = chunk.get(..read).unwrap_or_default();
        for (offset, header) in headers(data, bytes) {
            let next = data + offset as u64;
            if next - u64::from(header.back) > position {
                return Ok(Some(Behind {
                    next: torn.first().copied().unwrap_or(next),
                    is_synced: true,
                    torn: Vec::new(),
                }));
            }
            torn.push(next);
        }
        // A header may straddle two chunks.
        let step = read.saturating_sub(HEADER_BYTES - 1);
        if step == 0 {
            break;
        }
        at = data + step as u64;
    }
    Ok(torn.first().copied().map(|next| Behind {
        next,
        is_synced: false,
        torn,
    }))
}

/// Makes the frames of a torn tail invalid, durably. They must not come to life when the log has grown up to them.
pub(crate) fn erase(file: &dyn DiskFile, span: Span, frames: &[u64]) -> io::Result<()> {
    for position in frames {
        file.write_at(position - span.base, &[0; HEADER_BYTES])?;
    }
    file.sync()
}

fn next_data(file: &dyn DiskFile, span: Span, at: u64) -> io::Result<Option<u64>> {
    if at < span.first().max(span.base + SEGMENT_HEADER_BYTES) || at >= span.end() {
        return Ok(None);
    }
    Ok(file
        .next_data(at - span.base)?
        .map(|offset| offset + span.base))
}

/// Every valid header in `bytes`, which lie at `position`.
///
/// Most of a segment that is being filled is zeros, which the file system gives as data once they were read: they are
/// passed over by blocks.
fn headers(position: u64, bytes: &[u8]) -> impl Iterator<Item = (usize, Header)> + '_ {
    let blocks = (0..bytes.len()).step_by(BLOCK_BYTES).filter_map(|start| {
        // With the headers that begin in the block and end behind it.
        let end = bytes.len().min(start + BLOCK_BYTES + HEADER_BYTES - 1);
        let block = bytes.get(start..end)?;
        (ZEROS.get(..block.len()) != Some(block)).then_some((start, block))
    });
    let windows = blocks.flat_map(|(start, block)| {
        let windows = block.windows(HEADER_BYTES).enumerate();
        windows.map(move |(offset, window)| (start + offset, window))
    });
    windows
        .filter(|(_, window)| is_plausible(window))
        .filter_map(move |(offset, window)| {
            Some((offset, Header::decode(position + offset as u64, window)?))
        })
}

/// Rejects almost everything by the two bytes of the kind, before a CRC is spent on it.
fn is_plausible(window: &[u8]) -> bool {
    matches!(window, [_, _, _, _, 1..=3, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_wherever_it_lies_among_zeros() {
        let position = 1 << 20;
        let header = Header::of(Kind::Record, Timestamp::from_secs(1), 0, &[b"x"]);
        let last = 3 * BLOCK_BYTES - HEADER_BYTES;
        let near = |edge: usize| edge.saturating_sub(30)..(edge + 30).min(last + 1);
        for offset in (0..4).flat_map(|block| near(block * BLOCK_BYTES)) {
            let mut bytes = vec![0; 3 * BLOCK_BYTES];
            let encoded = header.encode(position + offset as u64);
            bytes[offset..offset + HEADER_BYTES].copy_from_slice(&encoded);
            let found: Vec<_> = headers(position, &bytes).collect();
            assert_eq!(found, [(offset, header)]);
        }
    }
}
