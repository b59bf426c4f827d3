//! A journal made of the objects of an archive, for [`Journal::open`](crate::Journal::open).
//!
//! The newest base, the segments that belong to it, and all pieces behind it for as long as each goes on where the one
//! before ended. Every object is checked. The restored log goes on [`RESTORE_GAP`] behind its end: what the lost server
//! appended there and nobody stored has positions, and so message ids and names of results, that are never used again.

use std::collections::VecDeque;
use std::io;
use std::thread;

use base::{ByteCount, Timestamp};
use bytes::Bytes;

use super::base_backup::{self, Base};
use super::object::{self, Broken, Head, Kind};
use super::ship::frames;
use super::{Error, Generation, Objects};
use crate::disk::{Disk, FileRef};
use crate::frame::{self, HEADER_BYTES, Header};
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, Span};
use crate::{Position, snapshot};

/// How far behind its end a restored log goes on. Chosen: more than a server can have appended while its archive was away;
/// as a segment without content it takes no room.
pub const RESTORE_GAP: u64 = 1 << 40;

/// Pieces that are read at once, and lie in memory. Chosen: a quiet server's archive is tens of thousands of small objects, and
/// each takes a round trip.
const AHEAD: usize = 16;

/// Why a journal was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no whole base.
    #[error("generation {generation} holds no whole base{}: nothing can be restored from it", until.map_or_else(String::new, |until| format!(" of {} or before", until.rfc3339())))]
    NoBase {
        /// The generation.
        generation: Generation,
        /// The time that was asked for.
        until: Option<Timestamp>,
    },
    /// An object is damaged.
    #[error("`{object}` is damaged: {broken}; {}", whole_up_to(*end))]
    Broken {
        /// The object.
        object: String,
        /// How.
        broken: Broken,
        /// How far the log is whole before it; `None` when nothing can be restored without it.
        end: Option<Position>,
    },
    /// Objects are missing.
    #[error("the log from {from} to {to} is missing below `{folder}`; {}", whole_up_to(*end))]
    Missing {
        /// The first position that is missing.
        from: Position,
        /// The first that is there again.
        to: Position,
        /// Where the objects should be.
        folder: String,
        /// As in [`RestoreError::Broken`].
        end: Option<Position>,
    },
    /// The object store refused.
    #[error(transparent)]
    Store(#[from] Error),
    /// The disk refused.
    #[error("could not write the journal")]
    Disk(#[from] io::Error),
}

fn whole_up_to(end: Option<Position>) -> String {
    match end {
        Some(end) => format!("the log is whole up to {end}, and `--partial` restores that"),
        None => "nothing can be restored without it".to_owned(),
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Nothing that was appended later.
    pub until: Option<Timestamp>,
    /// Whether the log may end before a missing or damaged object.
    pub is_partial: bool,
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The base.
    pub base: Base,
    /// Where the log ends: what was appended behind it is not known.
    pub end: Position,
    /// Where it goes on.
    pub resumes: Position,
    /// When the last record was appended.
    pub last_at: Timestamp,
    /// Segments.
    pub segments: u64,
    /// Objects that were read.
    pub objects: u64,
    /// Bytes of the log and the snapshot.
    pub bytes: ByteCount,
    /// What was missing or damaged behind the end.
    pub left_out: Option<String>,
}

/// The generations in the store, oldest first.
///
/// # Errors
/// When the store refuses.
pub fn generations(objects: &dyn Objects) -> Result<Vec<Generation>, Error> {
    let listed = objects.list(object::BEGUN);
    let names = listed.map_err(Error::store("list", object::BEGUN))?;
    let mut found: Vec<Generation> = names
        .iter()
        .filter_map(|name| object::begun_in(name))
        .collect();
    found.sort_unstable();
    Ok(found)
}

/// The whole bases of a generation, oldest first.
///
/// # Errors
/// When the store refuses.
pub fn bases(objects: &dyn Objects, generation: Generation) -> Result<Vec<Base>, Error> {
    let folder = object::base_folder(&generation);
    let names = objects
        .list(&folder)
        .map_err(Error::store("list", &folder))?;
    let whole = names.iter().filter_map(|name| {
        let (position, is_last) = object::base_in(&generation, name)?;
        is_last.then_some(position)
    });
    whole
        .map(|position| base_backup::read(objects, generation, position))
        .collect()
}

/// The newest small files that were taken at `until` or before, and when.
///
/// # Errors
/// [`RestoreError::Broken`] when they are damaged: older ones may hold keys that were taken away since.
pub fn files(
    objects: &dyn Objects,
    generation: Generation,
    until: Option<Timestamp>,
) -> Result<Option<(Timestamp, Bytes)>, RestoreError> {
    let folder = object::files_folder(&generation);
    let names = objects
        .list(&folder)
        .map_err(Error::store("list", &folder))?;
    let taken = names
        .iter()
        .filter_map(|name| object::files_in(&generation, name));
    let Some(at) = taken
        .filter(|at| until.is_none_or(|until| *at <= until))
        .max()
    else {
        return Ok(None);
    };
    let name = object::files(&generation, at);
    let (_, bytes) = get(objects, generation, &name, Kind::Files, None)?;
    Ok(Some((at, bytes)))
}

/// Makes a journal on the empty `disk` of what `generation` holds.
///
/// # Errors
/// See [`RestoreError`]; `disk` is then to be emptied.
pub fn restore(
    objects: &dyn Objects,
    generation: Generation,
    wanted: Wanted,
    disk: &dyn Disk,
) -> Result<Restored, RestoreError> {
    let until = wanted.until;
    let fits = |base: &Base| until.is_none_or(|until| base.at() <= until);
    let base = bases(objects, generation)?.into_iter().rfind(fits);
    let base = base.ok_or(RestoreError::NoBase { generation, until })?;
    let mut builder = Builder {
        objects,
        generation,
        pieces: Pieces {
            objects,
            generation,
            wanted: Vec::new(),
            read: VecDeque::new(),
        },
        disk,
        file: None,
        from: base.position,
        prior_end: 0,
        restored: Restored {
            end: Position::ZERO,
            resumes: Position::ZERO,
            last_at: Timestamp::EPOCH,
            segments: 0,
            objects: 0,
            bytes: ByteCount::new(0),
            left_out: None,
            base,
        },
    };
    builder.run(wanted)?;
    Ok(builder.restored)
}

/// Reads an object and checks it.
fn get(
    objects: &dyn Objects,
    generation: Generation,
    name: &str,
    kind: Kind,
    end: Option<Position>,
) -> Result<(Head, Bytes), RestoreError> {
    let object = objects.get(name).map_err(Error::store("read", name))?;
    checked(object, generation, name, kind, end)
}

fn checked(
    object: Option<Bytes>,
    generation: Generation,
    name: &str,
    kind: Kind,
    end: Option<Position>,
) -> Result<(Head, Bytes), RestoreError> {
    let broken = |broken| RestoreError::Broken {
        object: name.to_owned(),
        broken,
        end,
    };
    let missing = Broken::Length {
        found: 0,
        wanted: object::HEAD_BYTES as u64,
    };
    let object = object.ok_or_else(|| broken(missing))?;
    Head::read(&object, generation, kind).map_err(broken)
}

/// What reading an object gives.
type Found = io::Result<Option<Bytes>>;

/// The pieces that are wanted, of which some are read ahead.
struct Pieces<'a> {
    objects: &'a dyn Objects,
    generation: Generation,
    /// Segment and beginning, in order.
    wanted: Vec<(u64, u64)>,
    read: VecDeque<((u64, u64), Found)>,
}

impl Pieces<'_> {
    fn get(&mut self, piece: (u64, u64)) -> Found {
        if self.read.front().is_none_or(|(next, _)| *next != piece) {
            self.read_ahead(piece);
        }
        self.read.pop_front().map_or(Ok(None), |(_, found)| found)
    }

    fn read_ahead(&mut self, piece: (u64, u64)) {
        let at = self.wanted.partition_point(|wanted| *wanted < piece);
        let ahead = self.wanted.get(at..).unwrap_or_default();
        let (objects, generation) = (self.objects, self.generation);
        let get = |(segment, from): (u64, u64)| {
            move || objects.get(&object::piece(&generation, segment, from))
        };
        self.read = thread::scope(|scope| {
            let ahead = ahead.iter().take(AHEAD);
            let reading: Vec<_> = ahead.map(|it| (*it, scope.spawn(get(*it)))).collect();
            let found = reading.into_iter().map(|(piece, reading)| {
                let found = reading.join();
                (
                    piece,
                    found.unwrap_or_else(|_| Err(io::Error::other("the read panicked"))),
                )
            });
            found.collect()
        });
    }
}

struct Builder<'a> {
    objects: &'a dyn Objects,
    generation: Generation,
    pieces: Pieces<'a>,
    disk: &'a dyn Disk,
    /// The segment that is being written, and how far it goes.
    file: Option<(Span, FileRef, u64)>,
    /// The snapshot's position: the log is replayed from there.
    from: u64,
    /// Where the segment before ended.
    prior_end: u64,
    restored: Restored,
}

impl Builder<'_> {
    fn run(&mut self, wanted: Wanted) -> Result<(), RestoreError> {
        let folder = object::log_folder(&self.generation);
        let names = self
            .objects
            .list(&folder)
            .map_err(Error::store("list", &folder))?;
        let of = |name: &String| object::piece_in(&self.generation, name);
        let pieces: Vec<(u64, u64)> = names.iter().filter_map(of).collect();
        let segments = self.restored.base.segments.clone();
        let (old, growing) = segments
            .split_at(segments.partition_point(|(base, capacity)| base + capacity <= self.from));
        // What is not listed held nothing yet: the snapshot stands at its beginning.
        let fresh = self.from.saturating_sub(SEGMENT_HEADER_BYTES);
        let first = growing.first().map_or(fresh, |(base, _)| *base);
        let is_wanted =
            |segment: u64| segment >= first || old.iter().any(|(base, _)| *base == segment);
        self.pieces.wanted = pieces.clone();
        self.pieces
            .wanted
            .retain(|(segment, _)| is_wanted(*segment));
        for (base, capacity) in old {
            self.whole_segment(*base, base + capacity, &pieces)?;
        }
        let behind = pieces.iter().filter(|(segment, _)| *segment >= first);
        match self.follow(first, behind.copied(), wanted.until) {
            Ok(()) => {}
            Err(error) if wanted.is_partial && is_behind(&error) => {
                self.restored.left_out = Some(error.to_string());
            }
            Err(error) => return Err(error),
        }
        if self.end() < self.from {
            let Some((base, _)) = growing.first() else {
                return self.finish();
            };
            return Err(self.missing(self.end().max(*base), self.from));
        }
        self.finish()
    }

    /// How far the log goes.
    fn end(&self) -> u64 {
        self.file.as_ref().map_or(self.prior_end, |(.., end)| *end)
    }

    /// How far a log goes that is worth something: none before the snapshot's position.
    fn whole(&self) -> Option<Position> {
        (self.end() >= self.from).then(|| Position::new(self.end()))
    }

    fn missing(&self, from: u64, to: u64) -> RestoreError {
        RestoreError::Missing {
            from: Position::new(from),
            to: Position::new(to),
            folder: object::log_folder(&self.generation),
            end: self.whole(),
        }
    }

    fn piece(&mut self, segment: u64, from: u64) -> Result<(Head, Bytes), RestoreError> {
        let name = object::piece(&self.generation, segment, from);
        let end = self.whole();
        let found = self.pieces.get((segment, from));
        let object = found.map_err(Error::store("read", &name))?;
        let (head, bytes) = checked(object, self.generation, &name, Kind::Log, end)?;
        if head.span.base != segment || head.from != from {
            let broken = Broken::Misplaced;
            return Err(RestoreError::Broken {
                object: name,
                broken,
                end,
            });
        }
        self.restored.objects += 1;
        Ok((head, bytes))
    }

    /// A segment that had been sealed when the base was taken.
    fn whole_segment(
        &mut self,
        base: u64,
        end: u64,
        pieces: &[(u64, u64)],
    ) -> Result<(), RestoreError> {
        let mut at = base + SEGMENT_HEADER_BYTES;
        let mut is_sealed = false;
        for (segment, from) in pieces.iter().filter(|(segment, _)| *segment == base) {
            if *from != at {
                return Err(self.missing(at, *from));
            }
            let (head, bytes) = self.piece(*segment, *from)?;
            self.write(&head, &bytes)?;
            at = head.to;
            is_sealed = head.ends_segment;
        }
        if !is_sealed {
            return Err(self.missing(at, end));
        }
        self.seal_off()?;
        Ok(())
    }

    /// The pieces that go on from the segment that holds the snapshot's position.
    fn follow(
        &mut self,
        first: u64,
        pieces: impl Iterator<Item = (u64, u64)>,
        until: Option<Timestamp>,
    ) -> Result<(), RestoreError> {
        let mut expected = first + SEGMENT_HEADER_BYTES;
        for (segment, from) in pieces {
            let (head, bytes) = self.piece(segment, from)?;
            let last = self.restored.end.get();
            if from != expected && head.before == last && self.whole().is_some() {
                // It was dropped before it was stored, and no base was stored since.
                self.restored.left_out = Some(format!(
                    "the journal dropped its files from {} to {} before they were archived",
                    Position::new(last),
                    Position::new(from)
                ));
                return Ok(());
            }
            if from != expected {
                return Err(self.missing(expected, from));
            }
            let cut = frames(from, &bytes, until.filter(|_| head.to > self.from));
            if cut.is_damaged || cut.wanted.is_some() {
                let object = object::piece(&self.generation, segment, from);
                let (broken, end) = (Broken::Bytes, self.whole());
                return Err(RestoreError::Broken {
                    object,
                    broken,
                    end,
                });
            }
            let keep = cut
                .bytes
                .max(usize::try_from(self.from.saturating_sub(from)).unwrap_or(0));
            let is_cut = keep < bytes.len();
            let head = Head {
                ends_segment: head.ends_segment && !is_cut,
                to: from + keep.min(bytes.len()) as u64,
                at: if is_cut { cut.at } else { head.at },
                ..head
            };
            self.write(&head, bytes.get(..keep).unwrap_or(&bytes))?;
            if is_cut {
                return Ok(());
            }
            expected = head.to;
            if head.ends_segment {
                self.seal_off()?;
                expected = self.prior_end + SEGMENT_HEADER_BYTES;
            }
        }
        Ok(())
    }

    /// Writes a piece into its segment.
    fn write(&mut self, head: &Head, bytes: &[u8]) -> Result<(), RestoreError> {
        if self.file.is_none() {
            self.open(head)?;
        }
        let Some((span, file, end)) = &mut self.file else {
            return Ok(());
        };
        file.write_at(head.from - span.base, bytes)?;
        *end = head.to;
        let restored = &mut self.restored;
        restored.end = Position::new(head.to);
        restored.last_at = restored.last_at.max(head.at);
        restored.bytes = ByteCount::new(restored.bytes.get() + bytes.len() as u64);
        Ok(())
    }

    fn open(&mut self, head: &Head) -> Result<(), RestoreError> {
        let span = head.span;
        let gap = Some(span.base.saturating_sub(self.prior_end));
        let file = self.disk.create(&span.name())?;
        let is_stub = head.ends_segment && head.to - head.from == HEADER_BYTES as u64;
        if !is_stub {
            file.allocate(span.capacity)?;
        }
        file.write_at(0, &SegmentHeader { span, gap }.encode())?;
        self.restored.segments += 1;
        self.file = Some((span, file, span.first()));
        Ok(())
    }

    /// Done with a segment whose seal is written.
    fn seal_off(&mut self) -> Result<(), RestoreError> {
        if let Some((span, file, _)) = self.file.take() {
            file.sync()?;
            self.prior_end = span.end();
        }
        Ok(())
    }

    /// Seals the last segment, leaves the gap behind it, and puts the snapshot beside.
    fn finish(&mut self) -> Result<(), RestoreError> {
        let seal = Header::of(frame::Kind::Seal, self.restored.last_at, 0, &[]);
        if let Some((span, file, end)) = &self.file {
            file.write_at(end - span.base, &seal.encode(*end))?;
        }
        self.seal_off()?;
        let gap = Span {
            base: self.prior_end,
            capacity: RESTORE_GAP,
        };
        let file = self.disk.create(&gap.name())?;
        file.write_at(0, &gap.header())?;
        file.write_at(SEGMENT_HEADER_BYTES, &seal.encode(gap.first()))?;
        file.sync()?;
        self.snapshot()?;
        self.disk.sync_names()?;
        self.restored.end = Position::new(self.restored.end.get().max(self.from));
        self.restored.resumes = Position::new(gap.end());
        Ok(())
    }

    fn snapshot(&mut self) -> Result<(), RestoreError> {
        let Base {
            position,
            snapshot_bytes,
            ..
        } = self.restored.base;
        let name = snapshot::name(position);
        let unfinished = format!("{name}.tmp");
        let file = self.disk.create(&unfinished)?;
        let mut at = 0;
        let mut number = 0;
        while at < snapshot_bytes {
            let part = object::snapshot(&self.generation, position, number);
            let (head, bytes) = get(self.objects, self.generation, &part, Kind::Snapshot, None)?;
            if head.from != at || head.span.base != position || bytes.is_empty() {
                return Err(RestoreError::Broken {
                    object: part,
                    broken: Broken::Misplaced,
                    end: None,
                });
            }
            file.write_at(at, &bytes)?;
            at = head.to;
            number += 1;
        }
        file.sync()?;
        self.disk.rename(&unfinished, &name)?;
        let restored = &mut self.restored;
        restored.objects += number;
        restored.bytes = ByteCount::new(restored.bytes.get() + at);
        Ok(())
    }
}

/// Whether what is before can be restored.
fn is_behind(error: &RestoreError) -> bool {
    matches!(
        error,
        RestoreError::Broken { end: Some(_), .. } | RestoreError::Missing { end: Some(_), .. }
    )
}

/// Whether a stretch of the log is one that a restore left.
#[must_use]
pub fn is_restored_gap(from: Position, to: Position) -> bool {
    to.since(from) >= RESTORE_GAP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_from_damage() {
        let from = Position::new(100);
        assert!(is_restored_gap(from, from.plus(RESTORE_GAP)));
        assert!(!is_restored_gap(from, from.plus(1 << 30)));
    }
}
