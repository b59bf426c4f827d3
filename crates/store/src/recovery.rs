//! Opening a log: newest snapshot, the records after it, and the end of the log.
//!
//! A kill leaves a torn tail: part of the one commit group that was being written. It was never acknowledged and is cut
//! off. A place that does not check although a *later* group lies behind it had been synced and has been damaged
//! since: recovery refuses it and names it, and `check-data`, which reads all of it, says what can be done.
//! The last group is written and synced once more before anything counts as durable: it may stand in the kernel's
//! memory only, after a kill or after a failed sync.

use std::io;

use base::Timestamp;
use tracing::{info, warn};

use crate::disk::{Disk, FileRef};
use crate::segment::{self, BadHeader, SegmentHeader, Span, is_stub};
use crate::walk::{Step, Walk, erase, look_behind};
use crate::{BoxError, Fold, Position, snapshot};

/// Rewritten at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Why a journal does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk refused.
    #[error("could not {what}")]
    Disk {
        /// The step that failed.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A record that had been acknowledged is damaged.
    #[error(
        "`{file}` is corrupt at offset {offset} (log position {position}); `shukuba check-data` says what is damaged and what can be done"
    )]
    Corrupt {
        /// The segment file.
        file: String,
        /// Where in the file.
        offset: u64,
        /// Where in the log.
        position: Position,
    },
    /// The files were written by another version.
    #[error("`{file}` has format version {found}, this program reads {supported}")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
        /// Ours.
        supported: u32,
    },
    /// A segment that nobody dropped is not there.
    #[error(
        "`{file}` is missing: the log from position {from} to {} is not there; put the file back; `shukuba check-data` says what else can be done",
        to.map_or_else(|| "its end".to_owned(), |to| to.to_string())
    )]
    Missing {
        /// The first segment file that is missing.
        file: String,
        /// The first position that is missing.
        from: Position,
        /// One past the last; `None` when nothing follows.
        to: Option<Position>,
    },
    /// No snapshot is whole and part of the log is gone, most likely dropped.
    #[error(
        "{}, and the log does not go back to its beginning; `shukuba check-data` says what can be done",
        newest.as_ref().map_or_else(
            || "there is no snapshot".to_owned(),
            |newest| format!("no snapshot is whole (the newest is `{newest}`)")
        )
    )]
    NoSnapshot {
        /// The newest snapshot's file.
        newest: Option<String>,
    },
    /// A whole snapshot was not understood.
    #[error("the state in `{file}` was not understood")]
    Restore {
        /// The snapshot.
        file: String,
        /// Why.
        source: BoxError,
    },
    /// A record was not understood.
    #[error("the record at {position} (`{file}`, offset {offset}) was not understood")]
    Fold {
        /// Where in the log.
        position: Position,
        /// The segment file.
        file: String,
        /// Where in the file.
        offset: u64,
        /// Why.
        source: BoxError,
    },
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
    /// Records of a torn, never acknowledged tail that were whole and cut off, as one before them was not.
    pub cut: u64,
    /// Bytes that were cut out by an earlier quarantine, after the snapshot.
    pub lost: u64,
    /// The time of the last record replayed; durable deadlines use the later of this, the fold's own, and the clock.
    pub last_at: Timestamp,
}

/// The log as it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) segments: Vec<(Span, FileRef)>,
    /// The last segment, unless it is sealed or there is none.
    pub(crate) tail: Option<(Span, FileRef)>,
    /// Where the log ends.
    pub(crate) end: u64,
    pub(crate) snapshots: Vec<(u64, u64)>,
    pub(crate) recovery: Recovery,
}

fn disk_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> OpenError {
    let what = what.into();
    |source| OpenError::Disk { what, source }
}

fn corrupt(span: Span, position: u64) -> OpenError {
    OpenError::Corrupt {
        file: span.name(),
        offset: position.saturating_sub(span.base),
        position: Position::new(position),
    }
}

/// Reads the log into `fold` and puts its end in order.
pub(crate) fn recover(disk: &dyn Disk, fold: &mut dyn Fold) -> Result<Found, OpenError> {
    remove_unfinished(disk).map_err(disk_error("remove unfinished files"))?;
    let headers = segments(disk)?;
    let segments: Vec<_> = headers
        .iter()
        .map(|(header, file)| (header.span, file.clone()))
        .collect();
    let (snapshots, start) = restore(disk, fold, &segments)?;
    check_gaps(disk, &headers, start)?;
    let mut replay = Replay {
        fold,
        recovery: Recovery {
            snapshot: start.map(Position::new),
            ..Recovery::default()
        },
        group: None,
        end: start.unwrap_or(0),
    };
    let tail = replay.run(&segments, start.is_some())?;
    replay.settle(&segments, tail)?;
    disk.sync_names()
        .map_err(disk_error("sync the directory"))?;
    let (recovery, end) = (replay.recovery, replay.end);
    info!(?recovery, end, "the journal is recovered");
    Ok(Found {
        tail: tail.and_then(|index| segments.get(index).cloned()),
        segments,
        end,
        snapshots,
        recovery,
    })
}

fn remove_unfinished(disk: &dyn Disk) -> io::Result<()> {
    let names = disk.list()?;
    names
        .iter()
        .filter(|name| name.ends_with(".tmp"))
        .try_for_each(|name| disk.remove(name))
}

/// Whatever lies before a segment and is not there must have been dropped.
fn check_gaps(
    disk: &dyn Disk,
    segments: &[(SegmentHeader, FileRef)],
    snapshot: Option<u64>,
) -> Result<(), OpenError> {
    let headers: Vec<_> = segments.iter().map(|(header, _)| *header).collect();
    let from = snapshot.unwrap_or(0);
    if let Some((from, to)) = segment::missing(&headers, from).first() {
        return Err(missing(*from, Some(*to)));
    }
    if !segment::is_joined(&headers, &[], from) {
        let snapshots = snapshot::list(disk).map_err(disk_error("list snapshots"))?;
        let newest = snapshots.last().copied().map(snapshot::name);
        return Err(OpenError::NoSnapshot { newest });
    }
    let has_begun = || has_begun(disk).map_err(disk_error("list the journal"));
    if segments.is_empty() && snapshot.is_none() && has_begun()? {
        return Err(missing(0, None));
    }
    Ok(())
}

/// Whether a first segment has stood here: spares are allocated after it, but for `spare-0`, which becomes it.
pub(crate) fn has_begun(disk: &dyn Disk) -> io::Result<bool> {
    let is_later = |name: &String| name.starts_with("spare-") && name != "spare-0";
    Ok(disk.list()?.iter().any(is_later))
}

/// All segments in order, their headers and lengths checked.
fn segments(disk: &dyn Disk) -> Result<Vec<(SegmentHeader, FileRef)>, OpenError> {
    let names = disk.list().map_err(disk_error("list the journal"))?;
    let mut bases: Vec<u64> = names
        .iter()
        .filter_map(|name| segment::base_of(name))
        .collect();
    bases.sort_unstable();
    bases.into_iter().map(|base| open(disk, base)).collect()
}

fn open(disk: &dyn Disk, base: u64) -> Result<(SegmentHeader, FileRef), OpenError> {
    let name = segment::name(base);
    let read = || disk_error(format!("read `{name}`"));
    let file = disk.open(&name).map_err(read())?;
    match segment::read_header(file.as_ref(), base).map_err(read())? {
        Ok(header) => {
            let size = file.size().map_err(read())?;
            let is_short = size < header.span.capacity;
            if is_short && !is_stub(&file, header.span).map_err(read())? {
                return Err(corrupt(header.span, base + size));
            }
            Ok((header, file))
        }
        Err(BadHeader::Version(found)) => Err(OpenError::Version {
            file: name,
            found,
            supported: segment::FORMAT_VERSION,
        }),
        Err(BadHeader::Corrupt) => Err(OpenError::Corrupt {
            file: name,
            offset: 0,
            position: Position::new(base),
        }),
    }
}

/// The whole snapshots (position, size), oldest first, and the position of the one that was restored.
type Restored = (Vec<(u64, u64)>, Option<u64>);

/// Restores the newest whole snapshot.
fn restore(
    disk: &dyn Disk,
    fold: &mut dyn Fold,
    segments: &[(Span, FileRef)],
) -> Result<Restored, OpenError> {
    let mut whole = Vec::new();
    let positions = snapshot::list(disk).map_err(disk_error("list snapshots"))?;
    for position in &positions {
        let read = disk_error(format!("read `{}`", snapshot::name(*position)));
        match snapshot::verify(disk, *position).map_err(read)? {
            Some(bytes) => whole.push((*position, bytes)),
            None => warn!(
                file = snapshot::name(*position),
                "passing over a corrupt snapshot"
            ),
        }
    }
    let Some((position, _)) = whole.last().copied() else {
        let begins = segments.first().is_none_or(|(span, _)| span.base == 0);
        return match positions.last() {
            Some(newest) if !begins || segments.is_empty() => Err(OpenError::NoSnapshot {
                newest: Some(snapshot::name(*newest)),
            }),
            _ => Ok((whole, None)),
        };
    };
    let file = snapshot::name(position);
    let mut state =
        snapshot::state(disk, position).map_err(disk_error(format!("read `{file}`")))?;
    fold.restore(&mut state)
        .map_err(|source| OpenError::Restore { file, source })?;
    Ok((whole, Some(position)))
}

struct Replay<'a> {
    fold: &'a mut dyn Fold,
    recovery: Recovery,
    /// Segment index, start and end (as far as it is whole) of the commit group that was read last.
    group: Option<(usize, u64, u64)>,
    end: u64,
}

impl Replay<'_> {
    /// Replays everything from `self.end` on. Returns the index of the segment that goes on growing.
    fn run(
        &mut self,
        segments: &[(Span, FileRef)],
        from_snapshot: bool,
    ) -> Result<Option<usize>, OpenError> {
        let holding = segments.iter().position(|(span, _)| span.end() > self.end);
        let Some(first) = holding else {
            return match segments.last() {
                None if !from_snapshot => Ok(None),
                // The file that held it goes on where the last one ends.
                last => Err(OpenError::Missing {
                    file: segment::name(last.map_or(self.end, |(span, _)| span.end())),
                    from: Position::new(self.end),
                    to: None,
                }),
            };
        };
        for (index, (span, file)) in segments.iter().enumerate().skip(first) {
            let is_next = span.base == self.end || (index == first && span.base < self.end);
            if !is_next {
                return Err(missing(self.end, Some(span.base)));
            }
            if self.segment(index, *span, file)? {
                self.end = span.end();
            } else if index + 1 < segments.len() {
                return Err(corrupt(*span, self.end));
            } else {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Replays one segment; says whether it is sealed. Else `self.end` is where it stops.
    fn segment(&mut self, index: usize, span: Span, file: &FileRef) -> Result<bool, OpenError> {
        let from = self.end.max(span.first());
        let mut walk = Walk::new(file.clone(), span, from, span.end());
        loop {
            let read = disk_error(format!("read `{}`", span.name()));
            match walk.step().map_err(read)? {
                Step::Record(seen) => {
                    self.group = Some((index, seen.group, seen.end));
                    self.recovery.records += 1;
                    self.recovery.bytes += seen.end - seen.position;
                    self.recovery.last_at = self.recovery.last_at.max(seen.at);
                    self.end = seen.end;
                    let position = Position::new(seen.position);
                    let applied = self.fold.apply(position, seen.at, seen.payload);
                    applied.map_err(|source| OpenError::Fold {
                        position,
                        file: span.name(),
                        offset: seen.position - span.base,
                        source,
                    })?;
                }
                Step::Filler { end } => {
                    self.recovery.lost += end - self.end.max(span.first());
                    self.end = end;
                }
                Step::Seal { group, end } => {
                    self.group = Some((index, group, end));
                    return Ok(true);
                }
                Step::Stop { position } => {
                    self.end = position;
                    return Ok(false);
                }
            }
        }
    }

    /// Cuts the torn tail and makes the last group durable.
    fn settle(
        &mut self,
        segments: &[(Span, FileRef)],
        tail: Option<usize>,
    ) -> Result<(), OpenError> {
        if let Some((span, file)) = tail.and_then(|index| segments.get(index)) {
            let read = disk_error(format!("read the end of `{}`", span.name()));
            let behind = look_behind(file.as_ref(), *span, self.end).map_err(read)?;
            if let Some(behind) = behind {
                if behind.is_synced {
                    return Err(corrupt(*span, self.end));
                }
                let cut = disk_error(format!("cut the end of `{}`", span.name()));
                self.recovery.cut = behind.torn.len() as u64;
                erase(file.as_ref(), *span, &behind.torn).map_err(cut)?;
            }
        }
        let Some((index, group, end)) = self.group else {
            return Ok(());
        };
        if let Some((span, file)) = segments.get(index) {
            let again = disk_error(format!("sync the end of `{}`", span.name()));
            rewrite(file, group - span.base, end - span.base).map_err(again)?;
        }
        Ok(())
    }
}

fn missing(from: u64, to: Option<u64>) -> OpenError {
    OpenError::Missing {
        file: segment::name(from),
        from: Position::new(from),
        to: to.map(Position::new),
    }
}

/// Writes what is read there once more, and syncs: after a failed sync the kernel may hold data that it believes to
/// be on the disk.
fn rewrite(file: &FileRef, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    let mut chunk = vec![0; CHUNK_BYTES];
    while at < to {
        let want = usize::try_from(to - at).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        let count = file.read_at(at, chunk.get_mut(..want).unwrap_or_default())?;
        if count == 0 {
            break;
        }
        file.write_at(at, chunk.get(..count).unwrap_or_default())?;
        at += count as u64;
    }
    file.sync()
}

/// The files that were allocated and not used yet. Those that hold anything go: it may be the first group of a segment that
/// never came to be, whose frames must not come to life later.
pub(crate) fn spares(disk: &dyn Disk, capacity: u64) -> io::Result<Vec<(String, FileRef)>> {
    let mut spares = Vec::new();
    for name in disk.list()? {
        if !name.starts_with("spare-") {
            continue;
        }
        let file = disk.open(&name)?;
        if file.size()? == capacity && file.next_data(0)?.is_none() {
            // Its allocation may not have been synced yet.
            file.sync()?;
            spares.push((name, file));
        } else {
            disk.remove(&name)?;
        }
    }
    Ok(spares)
}
