//! Verifying a whole log that nobody has open, and cutting out what is damaged.
//!
//! [`check`] reads every byte of every segment and snapshot. [`quarantine`] puts a filler frame (or a new seal, header or
//! segment) where something is damaged, so that the journal opens again; the damaged bytes are kept beside it in
//! `<position>.lost`. What was in there is lost, and whoever owns the records must book it so: the ranges are returned.

use std::io;

use base::Timestamp;

use crate::disk::{Disk, DiskFile, FileRef};
use crate::frame::{HEADER_BYTES, Header, Kind};
use crate::recovery::has_begun;
use crate::segment::{
    self, BadHeader, SEAL_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, Span, is_stub,
};
use crate::walk::{Step, Walk, look_behind};
use crate::{Position, snapshot};

/// Copied at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// What is damaged in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// The segment's header, or the file's length behind the seal; no record is touched.
    SegmentHeader,
    /// Frames between two good ones.
    Frames,
    /// Frames up to the end of a segment, with its seal.
    SegmentEnd,
    /// Whole segments are missing.
    Missing,
}

/// One damaged place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What it is.
    pub kind: DamageKind,
    /// The segment file.
    pub file: String,
    /// Where in the file it begins.
    pub offset: u64,
    /// Where in the log it begins.
    pub from: Position,
    /// Where in the log it ends.
    pub to: Position,
}

/// What [`check`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments read.
    pub segments: u64,
    /// Good records.
    pub records: u64,
    /// Their bytes, with frames.
    pub bytes: u64,
    /// The time of the latest record.
    pub last_at: Timestamp,
    /// Positions of whole snapshots, oldest first.
    pub snapshots: Vec<Position>,
    /// Snapshots that fail their check; the next older one is used.
    pub bad_snapshots: Vec<String>,
    /// Damaged places, in order.
    pub damage: Vec<Damage>,
    /// Bytes cut out by earlier quarantines.
    pub filler: u64,
    /// Where the log ends, and whether a torn tail follows (which opening cuts off; nothing acknowledged is in it).
    pub end: Position,
    /// See `end`.
    pub has_torn_tail: bool,
    /// Why only a backup helps, where it does.
    pub beyond_repair: Option<BeyondRepair>,
}

/// Why cutting out does not help: what is left says nothing of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BeyondRepair {
    /// The records behind a snapshot are no state without it.
    #[error("no snapshot is whole, and the log does not go back to its beginning")]
    NoSnapshot,
    /// Nobody knows how it went on.
    #[error("the log ends before the newest snapshot, and how it went on is gone")]
    NoEnd,
    /// Nothing of it is there.
    #[error("the log is gone")]
    NoLog,
}

impl Report {
    /// Whether the journal opens with everything that was ever acknowledged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.beyond_repair.is_none()
    }
}

/// Reads and checks everything. The caller holds the directory's lock.
///
/// # Errors
/// When the disk refuses, or the files have another format version.
pub fn check(disk: &dyn Disk) -> io::Result<Report> {
    let mut report = Report::default();
    check_snapshots(disk, &mut report)?;
    let mut bases: Vec<u64> = disk
        .list()?
        .iter()
        .filter_map(|name| segment::base_of(name))
        .collect();
    bases.sort_unstable();
    let replayed_from = report.snapshots.last().copied().unwrap_or_default();
    let mut headers = Vec::new();
    for base in &bases {
        let is_last = Some(base) == bases.last();
        headers.push(check_segment(disk, *base, is_last, &mut report)?);
    }
    let missing = segment::missing(&headers, replayed_from.get());
    for (from, to) in &missing {
        report.note(DamageKind::Missing, *from, *from, *to);
    }
    report.damage.sort_by_key(|damage| damage.from);
    report.beyond_repair = beyond_repair(disk, &report, &headers, &missing)?;
    Ok(report)
}

fn beyond_repair(
    disk: &dyn Disk,
    report: &Report,
    headers: &[SegmentHeader],
    missing: &[(u64, u64)],
) -> io::Result<Option<BeyondRepair>> {
    let has_snapshot = !report.snapshots.is_empty();
    let (Some(first), Some(last)) = (headers.first(), headers.last()) else {
        let was_there = has_snapshot || !report.bad_snapshots.is_empty() || has_begun(disk)?;
        return Ok(was_there.then_some(BeyondRepair::NoLog));
    };
    let from = report.snapshots.last().map_or(0, |position| position.get());
    // The log continues where the snapshot stands; without that segment nobody knows how it went on.
    if from >= last.span.end() {
        return Ok(Some(BeyondRepair::NoEnd));
    }
    let begins = has_snapshot || first.span.base == 0;
    let is_whole = begins && segment::is_joined(headers, missing, from);
    Ok((!is_whole).then_some(BeyondRepair::NoSnapshot))
}

fn check_snapshots(disk: &dyn Disk, report: &mut Report) -> io::Result<()> {
    for position in snapshot::list(disk)? {
        match snapshot::verify(disk, position)? {
            Some(_) => report.snapshots.push(Position::new(position)),
            None => report.bad_snapshots.push(snapshot::name(position)),
        }
    }
    Ok(())
}

impl Report {
    fn note(&mut self, kind: DamageKind, base: u64, from: u64, to: u64) {
        self.damage.push(Damage {
            kind,
            file: segment::name(base),
            offset: from - base,
            from: Position::new(from),
            to: Position::new(to),
        });
    }
}

/// Returns its header, made up when it cannot be read.
fn check_segment(
    disk: &dyn Disk,
    base: u64,
    is_last: bool,
    report: &mut Report,
) -> io::Result<SegmentHeader> {
    let file = disk.open(&segment::name(base))?;
    report.segments += 1;
    let header = match segment::read_header(file.as_ref(), base)? {
        Ok(header) => header,
        Err(BadHeader::Version(version)) => {
            let text = format!(
                "`{}` has format version {version}, this program reads {}",
                segment::name(base),
                segment::FORMAT_VERSION
            );
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        Err(BadHeader::Corrupt) => {
            let span = span_of(file.as_ref(), base)?;
            report.note(DamageKind::SegmentHeader, base, base, span.first());
            SegmentHeader { span, gap: None }
        }
    };
    check_frames(&file, header.span, is_last, report)?;
    Ok(header)
}

/// What a segment without a readable header must have been: files have their full length from the start.
fn span_of(file: &dyn DiskFile, base: u64) -> io::Result<Span> {
    Ok(Span {
        base,
        capacity: file.size()?.max(SEGMENT_HEADER_BYTES + SEAL_BYTES),
    })
}

fn check_frames(file: &FileRef, span: Span, is_last: bool, report: &mut Report) -> io::Result<()> {
    let mut from = span.first();
    let synced = report.snapshots.last().map_or(0, |position| position.get());
    loop {
        let stop = check_run(file, span, from, report)?;
        report.end = Position::new(stop.unwrap_or(span.end()));
        let is_short = file.size()? < span.capacity;
        let Some(stop) = stop else {
            if is_short && !is_stub(file, span)? {
                report.note(DamageKind::SegmentHeader, span.base, span.base, span.base);
            }
            return Ok(());
        };
        let behind = look_behind(file.as_ref(), span, stop)?;
        let has_torn_tail = behind.is_some();
        match behind {
            Some(behind) if !is_last || behind.is_synced => {
                report.note(DamageKind::Frames, span.base, stop, behind.next);
                from = behind.next;
            }
            // The snapshot stands further on: up to there the log had been synced.
            _ if is_last && stop < synced && synced < span.end() => {
                report.note(DamageKind::Frames, span.base, stop, synced);
                from = synced;
            }
            _ if is_last && !is_short => {
                report.has_torn_tail = has_torn_tail;
                return Ok(());
            }
            _ => {
                report.note(DamageKind::SegmentEnd, span.base, stop, span.end());
                return Ok(());
            }
        }
    }
}

/// Reads good frames from `from` on; returns where they stop, `None` at a seal.
fn check_run(
    file: &FileRef,
    span: Span,
    from: u64,
    report: &mut Report,
) -> io::Result<Option<u64>> {
    let mut walk = Walk::new(file.clone(), span, from, span.end());
    let mut at = from;
    loop {
        match walk.step()? {
            Step::Record(seen) => {
                report.records += 1;
                report.bytes += seen.end - seen.position;
                report.last_at = report.last_at.max(seen.at);
                at = seen.end;
            }
            Step::Filler { end } => {
                report.filler += end - at;
                at = end;
            }
            Step::Seal { .. } => return Ok(None),
            Step::Stop { position } => return Ok(Some(position)),
        }
    }
}

/// Cuts out what `report` found, so that the journal opens. Returns the ranges of the log whose records are lost.
///
/// The caller holds the directory's lock and made `report` under it.
///
/// # Errors
/// When the disk refuses; [`check`] then still finds what was not yet cut out.
pub fn quarantine(disk: &dyn Disk, report: &Report) -> io::Result<Vec<Damage>> {
    for damage in &report.damage {
        keep_bytes(disk, damage)?;
        cut_out(disk, damage)?;
        lengthen(disk, damage)?;
    }
    disk.sync_names()?;
    let lost = report.damage.iter();
    Ok(lost
        .filter(|damage| damage.kind != DamageKind::SegmentHeader)
        .cloned()
        .collect())
}

/// Copies the damaged bytes to `<position>.lost`.
fn keep_bytes(disk: &dyn Disk, damage: &Damage) -> io::Result<()> {
    if damage.kind == DamageKind::Missing {
        return Ok(());
    }
    let from = disk.open(&damage.file)?;
    let to = disk.create(&format!("{}.lost", damage.from))?;
    let end = (damage.offset + damage.to.since(damage.from)).min(from.size()?);
    copy(from.as_ref(), damage.offset, end, to.as_ref(), 0)?;
    to.sync()
}

fn cut_out(disk: &dyn Disk, damage: &Damage) -> io::Result<()> {
    let bytes = damage.to.since(damage.from);
    let at = damage.from.get();
    let frame = |kind, bytes: u64| Header {
        bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        kind,
        at: Timestamp::EPOCH,
        back: 0,
        payload_crc: 0,
    };
    let seal = frame(Kind::Seal, HEADER_BYTES as u64);
    let put = |offset, bytes: &[u8]| {
        let file = disk.open(&damage.file)?;
        file.write_at(offset, bytes)?;
        file.sync()
    };
    match damage.kind {
        DamageKind::Frames => put(damage.offset, &frame(Kind::Filler, bytes).encode(at)),
        DamageKind::SegmentEnd => put(damage.offset, &seal.encode(at)),
        DamageKind::SegmentHeader => {
            let file = disk.open(&damage.file)?;
            match segment::read_header(file.as_ref(), at)? {
                Ok(_) => Ok(()),
                Err(_) => {
                    let span = span_of(file.as_ref(), at)?;
                    put(0, &SegmentHeader { span, gap: None }.encode())
                }
            }
        }
        DamageKind::Missing => {
            let span = Span {
                base: at,
                capacity: bytes,
            };
            let unfinished = format!("{}.tmp", damage.file);
            let file = disk.create(&unfinished)?;
            file.write_at(0, &SegmentHeader { span, gap: None }.encode())?;
            file.write_at(SEGMENT_HEADER_BYTES, &seal.encode(span.first()))?;
            file.sync()?;
            disk.rename(&unfinished, &damage.file)
        }
    }
}

/// Gives a file its full length again.
fn lengthen(disk: &dyn Disk, damage: &Damage) -> io::Result<()> {
    let file = disk.open(&damage.file)?;
    let base = segment::base_of(&damage.file).unwrap_or(0);
    let Ok(header) = segment::read_header(file.as_ref(), base)? else {
        return Ok(());
    };
    let capacity = header.span.capacity;
    if damage.kind != DamageKind::Missing && file.size()? < capacity {
        file.allocate(capacity)?;
        file.sync()?;
    }
    Ok(())
}

/// Copies `[from_offset, from_end)` of one file to another.
pub(crate) fn copy(
    from: &dyn DiskFile,
    from_offset: u64,
    from_end: u64,
    to: &dyn DiskFile,
    to_offset: u64,
) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK_BYTES as usize];
    let mut at = from_offset;
    while at < from_end {
        let want = usize::try_from((from_end - at).min(CHUNK_BYTES)).unwrap_or(0);
        let count = from.read_at(at, chunk.get_mut(..want).unwrap_or_default())?;
        if count == 0 {
            break;
        }
        let bytes = chunk.get(..count).unwrap_or_default();
        to.write_at(to_offset + (at - from_offset), bytes)?;
        at += count as u64;
    }
    Ok(at - from_offset)
}
