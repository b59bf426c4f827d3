//! The journal.

use std::path::Path;
use std::time::Duration;

use base::{ByteCount, Timestamp};
use bytes::Bytes;

use crate::{Appended, Capture, Class, Fold, Poisoned, Position, Room};

/// Why a record was not appended. Nothing of it is in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk is full: sends wait for room, settles have used up the reserve.
    #[error("the disk has no room for this record (room: {room:?})")]
    Full {
        /// The room there is.
        room: Room,
    },
    /// More is waiting for the disk than the bound allows; try again in a moment.
    #[error("{pending} wait for the disk already")]
    Busy {
        /// What waits.
        pending: ByteCount,
    },
    /// The record does not fit.
    #[error("a record of {bytes} is larger than the {limit} a record may have")]
    TooLarge {
        /// Its size.
        bytes: ByteCount,
        /// The bound.
        limit: ByteCount,
    },
    /// The journal has stopped.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
}

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
        source: std::io::Error,
    },
}

/// Sizes and bounds. [`Options::default`] is right for a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of a segment file; 64 MiB.
    pub segment: ByteCount,
    /// What is kept back for settles on a full disk; 64 MiB, rounded up to whole segments.
    pub reserve: ByteCount,
    /// Largest payload of one record; 16 MiB.
    pub record_max: ByteCount,
    /// Most that may wait for the disk; 64 MiB for sends, twice that for settles.
    pub pending_max: ByteCount,
    /// How long the committer lets a group gather before it writes; 0 = at once.
    pub gather: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment: ByteCount::mib(64),
            reserve: ByteCount::mib(64),
            record_max: ByteCount::mib(16),
            pending_max: ByteCount::mib(64),
            gather: Duration::ZERO,
        }
    }
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

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The position of the snapshot that was restored.
    pub snapshot: Option<Position>,
    /// Records replayed after it.
    pub records: u64,
    /// Bytes of log read for that.
    pub bytes: u64,
    /// Bytes of a torn, never acknowledged tail that were cut off.
    pub cut: u64,
    /// The time of the last record; durable deadlines use the later of this and the clock.
    pub last_at: Timestamp,
}

/// The log of one data directory. Shared by reference or `Arc`; dropping it ends its threads after a last commit.
#[derive(Debug)]
pub struct Journal {}

/// A segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its first position.
    pub base: Position,
    /// One past its last position (its capacity, filled or not).
    pub end: Position,
}

impl Journal {
    /// Opens the journal in `DIR/journal`, replays it into `fold`, and starts its threads.
    pub fn open(
        _dir: &Path,
        _options: Options,
        _fold: &mut dyn Fold,
    ) -> std::io::Result<(Self, Recovery)> {
        Ok((Self {}, Recovery::default()))
    }
    /// Puts a record (the slices one after the other) at the end of the log. It takes microseconds and never waits
    /// for the disk; the caller's lock gives the order.
    pub fn append(
        &self,
        _class: Class,
        _at: Timestamp,
        _payload: &[&[u8]],
    ) -> Result<Appended, AppendError> {
        Err(AppendError::Full { room: Room::Full })
    }
    /// Everything before this survives a crash.
    pub fn durable(&self) -> Position {
        Position::ZERO
    }
    /// Where the next record goes (or later): the position of the state in which all that was appended is applied.
    pub fn end(&self) -> Position {
        Position::ZERO
    }
    /// Resolves when everything before `end` is durable.
    pub async fn committed(&self, _end: Position) -> Result<(), Poisoned> {
        Ok(())
    }
    /// [`Journal::committed`], for callers without a runtime. Blocks.
    pub fn wait(&self, _end: Position) -> Result<(), Poisoned> {
        Ok(())
    }
    /// Has `call` called on the committer's thread after each commit, with the new durable position. Must be quick.
    pub fn on_commit(&self, _call: Box<dyn Fn(Position) + Send + Sync>) {}
    /// Resolves when the journal is poisoned; the process should then exit.
    pub async fn poisoned(&self) -> Poisoned {
        std::future::pending().await
    }
    /// Up to `bytes_max` bytes from `position` on: less at the end of a segment or of the log, never none.
    /// One `pread` when written. Not checked against the CRC; see [`Journal::record`].
    pub fn read(&self, position: Position, _bytes_max: usize) -> Result<Bytes, ReadError> {
        Err(ReadError::Gone { position })
    }
    /// The whole record that starts at `position`, checked.
    pub fn record(&self, position: Position) -> Result<Record, ReadError> {
        Err(ReadError::Gone { position })
    }
    /// The records from `from` (a record's start, or any segment's base) up to what is durable now, in order.
    pub fn scan(
        &self,
        _from: Position,
    ) -> Box<dyn Iterator<Item = Result<Record, ReadError>> + Send> {
        Box::new(std::iter::empty())
    }
    /// How much room there is.
    pub fn room(&self) -> Room {
        Room::Normal
    }
    /// The segments there are, in order; gaps where some were dropped.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        Vec::new()
    }
    /// Whether it is time for a snapshot (a segment was sealed, and enough log has gathered since the last).
    pub fn snapshot_due(&self) -> bool {
        false
    }
    /// Writes the state captured at `position` (= [`Journal::end`] under the same lock) as a snapshot. Blocks; waits
    /// until the log is durable up to there.
    pub fn snapshot(&self, _position: Position, _capture: Capture) -> std::io::Result<ByteCount> {
        Ok(ByteCount::new(0))
    }
    /// Drops the sealed segments that lie before the snapshots and `sealed_up_to`, and of which `occupied(base, end)`
    /// says that nothing in them lives. Returns what was dropped.
    pub fn reclaim(
        &self,
        _sealed_up_to: Position,
        _occupied: &dyn Fn(Position, Position) -> bool,
    ) -> std::io::Result<Vec<SegmentInfo>> {
        Ok(Vec::new())
    }
}
