//! The growing end of the log: what has been appended and is not on the disk yet.
//!
//! INVARIANT: groups are in log order and never cross a segment; the committer syncs them one after the other.

use std::collections::VecDeque;
use std::sync::Arc;

use base::{ByteCount, Timestamp};

use super::{AppendError, Options};
use crate::disk::FileRef;
use crate::frame::{HEADER_BYTES, Header, Kind};
use crate::segment::{SEAL_BYTES, Span};
use crate::{Class, Room};

/// Buffers larger than this are not kept for the next group.
const BUFFER_KEPT_BYTES: usize = 4 << 20;
/// Spares beside the reserve. Chosen: sends fill one while the next is allocated, and one more where that takes long.
const SPARES_FREE: usize = 2;
/// Less than this in the reserve counts as nothing: the largest settle must fit.
const RESERVE_LEAST_BYTES: u64 = 1 << 10;

/// An allocated file that is no segment yet.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) name: String,
    pub(crate) file: FileRef,
    pub(crate) capacity: u64,
}

/// Frames that are written and synced together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) span: Span,
    pub(crate) file: FileRef,
    /// The file's name while it is no segment yet; the group then begins with the segment's header.
    pub(crate) spare: Option<String>,
    pub(crate) start: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Group {
    pub(crate) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// A group that the committer has, still readable.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) start: u64,
    pub(crate) bytes: Arc<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) span: Span,
    pub(crate) file: FileRef,
    pub(crate) end: u64,
    pub(crate) groups: VecDeque<Group>,
    pub(crate) flights: Vec<Flight>,
    /// Bytes in groups and flights.
    pub(crate) pending: u64,
    buffers: Vec<Vec<u8>>,
    pub(crate) spares: VecDeque<Spare>,
    pub(crate) spares_made: u64,
    /// Of the spares, how many are the reserve.
    pub(crate) reserve: usize,
    /// The last try to allocate a spare failed.
    pub(crate) is_short: bool,
    /// Only the reserve is left, or part of it; over when all spares are there again.
    pub(crate) sends_stopped: bool,
    pub(crate) sealed: u64,
    pub(crate) last_at: Timestamp,
    pub(crate) committer: Committer,
    /// Something in the groups is to be committed at once.
    pub(crate) is_hurried: bool,
    pub(crate) stopping: bool,
}

/// What the committer is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committer {
    Works,
    /// Waits for anything.
    Idle,
    /// Waits for company of what is unhurried.
    Lingers,
}

impl Tail {
    pub(crate) fn new(span: Span, file: FileRef, end: u64, reserve: usize) -> Self {
        Self {
            span,
            file,
            end,
            groups: VecDeque::new(),
            flights: Vec::new(),
            pending: 0,
            buffers: Vec::new(),
            spares: VecDeque::new(),
            spares_made: 0,
            reserve,
            is_short: false,
            sends_stopped: false,
            sealed: 0,
            last_at: Timestamp::EPOCH,
            committer: Committer::Works,
            is_hurried: false,
            stopping: false,
        }
    }

    /// How many spares there ought to be.
    pub(crate) const fn spares_wanted(&self) -> usize {
        self.reserve + SPARES_FREE
    }

    pub(crate) fn spare_name(&mut self) -> String {
        self.spares_made += 1;
        format!("spare-{}", self.spares_made)
    }

    pub(crate) fn wants_spare(&self) -> bool {
        self.spares.len() < self.spares_wanted()
    }

    pub(crate) fn lacks_reserve(&self) -> bool {
        self.spares.len() < self.reserve
    }

    /// Refuses sends from now on when part of the reserve is gone and nothing replaces it.
    pub(crate) fn keep_reserve(&mut self) {
        self.sends_stopped |= self.is_short && self.lacks_reserve();
    }

    /// Refuses a send while only the reserve is left, and anybody while too much waits.
    pub(crate) fn admit(&self, class: Class, options: &Options) -> Result<(), AppendError> {
        if class == Class::Send && self.sends_stopped {
            return Err(self.full());
        }
        let limit = match class {
            Class::Send => options.pending_max.get(),
            Class::Settle | Class::Unhurried => options.pending_max.get().saturating_mul(2),
        };
        if self.pending >= limit {
            return Err(self.busy());
        }
        Ok(())
    }

    fn full(&self) -> AppendError {
        AppendError::Full { room: self.room() }
    }

    fn busy(&self) -> AppendError {
        AppendError::Busy {
            pending: ByteCount::new(self.pending),
        }
    }

    /// Sees to it that a frame of `bytes` fits, in the next segment if need be. Says whether it rolled over.
    pub(crate) fn fit(&mut self, bytes: u64, class: Class) -> Result<bool, AppendError> {
        if self.end + bytes + SEAL_BYTES <= self.span.end() {
            return Ok(false);
        }
        // INVARIANT: no send takes from the reserve, not even while it is not known yet whether the disk has room for more.
        if class == Class::Send && self.spares.len() <= self.reserve {
            self.sends_stopped = self.is_short;
            return Err(if self.is_short {
                self.full()
            } else {
                self.busy()
            });
        }
        let Some(spare) = self.spares.pop_front() else {
            self.sends_stopped |= self.is_short;
            return Err(if self.is_short {
                self.full()
            } else {
                self.busy()
            });
        };
        self.keep_reserve();
        self.push(Header::of(Kind::Seal, self.last_at, 0, &[]), &[]);
        self.sealed += 1;
        let span = Span {
            base: self.span.end(),
            capacity: spare.capacity,
        };
        self.begin(span, spare);
        Ok(true)
    }

    /// Goes on in a new segment.
    pub(crate) fn begin(&mut self, span: Span, spare: Spare) {
        self.span = span;
        self.file = Arc::clone(&spare.file);
        let mut group = self.new_group(span.base);
        group.spare = Some(spare.name);
        group.bytes.extend_from_slice(&span.header());
        self.pending += group.bytes.len() as u64;
        self.end = group.end();
        self.groups.push_back(group);
    }

    fn new_group(&mut self, start: u64) -> Group {
        Group {
            span: self.span,
            file: Arc::clone(&self.file),
            spare: None,
            start,
            bytes: self.buffers.pop().unwrap_or_default(),
        }
    }

    /// Puts a frame at the end; there is room for it. Returns where it starts.
    pub(crate) fn push(&mut self, mut header: Header, payload: &[&[u8]]) -> u64 {
        let start = self.end;
        let mut group = match self.groups.pop_back() {
            Some(group) if group.span == self.span => group,
            other => {
                self.groups.extend(other);
                self.new_group(start)
            }
        };
        header.back = u32::try_from(start - group.start).unwrap_or(u32::MAX);
        group.bytes.reserve(header.bytes as usize);
        group.bytes.extend_from_slice(&header.encode(start));
        for part in payload {
            group.bytes.extend_from_slice(part);
        }
        debug_assert_eq!(group.end(), start + u64::from(header.bytes));
        self.end = group.end();
        self.last_at = self.last_at.max(header.at);
        self.pending += u64::from(header.bytes);
        self.groups.push_back(group);
        start
    }

    /// Notes that a record of `class` was put at the end; whether the committer is to be woken for it.
    pub(crate) fn hurry(&mut self, class: Class) -> bool {
        let is_hurried = class != Class::Unhurried;
        self.is_hurried |= is_hurried;
        let wakes = match self.committer {
            Committer::Works => false,
            Committer::Idle => true,
            Committer::Lingers => is_hurried,
        };
        if wakes {
            self.committer = Committer::Works;
        }
        wakes
    }

    /// The committer is done with a flight.
    pub(crate) fn landed(&mut self, start: u64) {
        let Some(index) = self.flights.iter().position(|flight| flight.start == start) else {
            return;
        };
        let flight = self.flights.swap_remove(index);
        self.pending -= flight.bytes.len() as u64;
        if let Ok(mut bytes) = Arc::try_unwrap(flight.bytes) {
            bytes.clear();
            if bytes.capacity() <= BUFFER_KEPT_BYTES && self.buffers.len() < 2 {
                self.buffers.push(bytes);
            }
        }
    }

    /// Up to `bytes_max` bytes at `position`, when they still lie here.
    pub(crate) fn read(&self, position: u64, bytes_max: usize) -> Option<Vec<u8>> {
        let flights = self.flights.iter();
        let mut pieces = flights
            .map(|flight| (flight.start, flight.bytes.as_slice()))
            .chain(
                self.groups
                    .iter()
                    .map(|group| (group.start, group.bytes.as_slice())),
            );
        let (start, bytes) = pieces
            .find(|(start, bytes)| (*start..*start + bytes.len() as u64).contains(&position))?;
        let rest = bytes.get(usize::try_from(position - start).ok()?..)?;
        Some(rest.get(..bytes_max.min(rest.len()))?.to_owned())
    }

    pub(crate) fn room(&self) -> Room {
        let here = self.span.end().saturating_sub(self.end + SEAL_BYTES);
        let more = |spares: usize| ByteCount::new(here + spares as u64 * self.span.capacity);
        let size = ByteCount::new(self.reserve as u64 * self.span.capacity);
        if self.sends_stopped {
            let left = more(self.spares.len());
            return if left.get() < RESERVE_LEAST_BYTES {
                Room::Full
            } else {
                Room::Reserve { left, size }
            };
        }
        if self.is_short {
            let left = more(self.spares.len().saturating_sub(self.reserve));
            return Room::Low {
                left,
                reserve: size,
            };
        }
        Room::Normal
    }

    /// The largest payload that a segment of this journal can hold.
    pub(crate) fn payload_max(options: &Options) -> u64 {
        let frame = options.segment.get().saturating_sub(
            crate::segment::SEGMENT_HEADER_BYTES + SEAL_BYTES + HEADER_BYTES as u64,
        );
        options.record_max.get().min(frame)
    }
}
