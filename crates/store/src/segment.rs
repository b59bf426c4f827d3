//! Segment files: pieces of the log of one size each.
//!
//! `<base as 16 hex digits>.seg` holds the positions from `base` to `base + capacity`; a position's offset in the file
//! is `position - base`. The first 64 bytes are the segment's header, frames follow. They end in a
//! seal frame, for which [`SEAL_BYTES`] are always kept free, or, in the growing segment, where no valid frame starts: in
//! zeros, or in what a reused file held before, which is never valid at its new position.
//!
//! # Header
//! Little-endian: `0` magic `SHUKUJNL`, `8` format version u32, `12` zero u32, `16` base u64, `24` capacity u64,
//! `32` gap u64, `60` CRC32C u32 of the 60 bytes before.
//!
//! The gap says how much of the log right before this segment was dropped on purpose. It is written in place, and
//! synced, before the files go: it takes no room on a full disk, and a file that goes in another way is missed at the
//! next start. Version 1 has no gap; frames are the same in both.

use std::io;

use crate::disk::{Disk, DiskFile, FileRef, read_exact_at};
use crate::frame::HEADER_BYTES;
use crate::walk::{Step, Walk};

/// The version of the segment and frame format.
pub const FORMAT_VERSION: u32 = 2;
/// The version whose headers say nothing of what was dropped.
const WITHOUT_GAP: u32 = 1;
/// Bytes of a segment's header.
pub const SEGMENT_HEADER_BYTES: u64 = 64;
/// Kept free at a segment's end for its seal.
pub const SEAL_BYTES: u64 = HEADER_BYTES as u64;

const MAGIC: &[u8; 8] = b"SHUKUJNL";
const HEADER: usize = SEGMENT_HEADER_BYTES as usize;

/// Where a segment lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) base: u64,
    pub(crate) capacity: u64,
}

impl Span {
    pub(crate) const fn end(self) -> u64 {
        self.base.saturating_add(self.capacity)
    }

    /// The first frame's position.
    pub(crate) const fn first(self) -> u64 {
        self.base.saturating_add(SEGMENT_HEADER_BYTES)
    }

    pub(crate) fn name(self) -> String {
        name(self.base)
    }

    /// The header of a segment that goes on where the one before ends.
    pub(crate) fn header(self) -> [u8; HEADER] {
        let gap = Some(0);
        SegmentHeader { span: self, gap }.encode()
    }
}

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) span: Span,
    /// Bytes of the log right before it that were dropped; `None` when nobody knows.
    pub(crate) gap: Option<u64>,
}

impl SegmentHeader {
    pub(crate) fn encode(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let version = self.gap.map_or(WITHOUT_GAP, |_| FORMAT_VERSION);
        let words = [
            u64::from_le_bytes(*MAGIC),
            u64::from(version),
            self.span.base,
            self.span.capacity,
            self.gap.unwrap_or(0),
            0,
            0,
        ];
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        let crc = crc32c::crc32c(bytes.get(..HEADER - 4).unwrap_or_default());
        if let Some(place) = bytes.last_chunk_mut::<4>() {
            *place = crc.to_le_bytes();
        }
        bytes
    }
}

/// The stretches of the log before and between `segments` (in order) that were not dropped and are not there.
/// `snapshot`: what lies before it is replayed no more.
pub(crate) fn missing(segments: &[SegmentHeader], snapshot: u64) -> Vec<(u64, u64)> {
    let ends = segments.iter().map(|header| header.span.end());
    let ends = std::iter::once(0).chain(ends);
    let mut found = Vec::new();
    // A crash may bring back some of the files that were dropped together: the one behind them all knows of them.
    let mut dropped = u64::MAX;
    let pairs: Vec<_> = segments.iter().zip(ends).collect();
    for (header, end) in pairs.into_iter().rev() {
        let base = header.span.base;
        dropped = dropped.min(base.saturating_sub(header.gap.unwrap_or(0)));
        let from = header.gap.map_or(end.max(snapshot), |_| end);
        let to = base.min(dropped);
        if from < to {
            found.push((from, to));
        }
    }
    found.reverse();
    found
}

/// Whether the log goes on from `from` through `segments` (in order), but for what is `missing`: elsewhere something was dropped,
/// and only a snapshot knows what was in it.
pub(crate) fn is_joined(segments: &[SegmentHeader], missing: &[(u64, u64)], from: u64) -> bool {
    let mut end = from;
    let behind = segments.iter().filter(|header| header.span.end() > from);
    behind.fold(true, |is_joined, header| {
        let base = header.span.base;
        let is_missing = missing.iter().any(|(from, to)| *from <= end && base <= *to);
        let goes_on = base <= end || is_missing;
        end = header.span.end();
        is_joined && goes_on
    })
}

pub(crate) fn name(base: u64) -> String {
    format!("{base:016x}.seg")
}

/// The base in a segment's file name.
pub(crate) fn base_of(name: &str) -> Option<u64> {
    position_in(name, ".seg")
}

/// The position in a name such as `00000000000000ff.snap`.
pub(crate) fn position_in(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
    (digits.len() == 16)
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

/// What is wrong with a segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    Corrupt,
    Version(u32),
}

/// Reads and checks the header of the segment that is named after `base`.
pub(crate) fn read_header(
    file: &dyn DiskFile,
    base: u64,
) -> io::Result<Result<SegmentHeader, BadHeader>> {
    let mut bytes = [0; HEADER];
    if let Err(error) = read_exact_at(file, 0, &mut bytes) {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(Err(BadHeader::Corrupt)),
            _ => Err(error),
        };
    }
    Ok(check_header(&bytes, base))
}

/// Whether it holds nothing but its seal, as quarantine makes one where a segment is missing; it may be shorter than
/// others.
pub(crate) fn is_stub(file: &FileRef, span: Span) -> io::Result<bool> {
    let mut walk = Walk::new(file.clone(), span, span.first(), span.end());
    Ok(matches!(walk.step()?, Step::Seal { .. }))
}

fn check_header(bytes: &[u8; HEADER], base: u64) -> Result<SegmentHeader, BadHeader> {
    let word = |at: usize| {
        let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    let span = Span {
        base: word(16),
        capacity: word(24),
    };
    let version = (word(8) & 0xffff_ffff) as u32;
    if word(0) != u64::from_le_bytes(*MAGIC) {
        return Err(BadHeader::Corrupt);
    }
    // A later version may check its header in another way: say so before looking further.
    if !(WITHOUT_GAP..=FORMAT_VERSION).contains(&version) {
        return Err(BadHeader::Version(version));
    }
    let gap = (version != WITHOUT_GAP).then_some(word(32));
    let header = SegmentHeader { span, gap };
    if span.base != base || header.encode() != *bytes {
        return Err(BadHeader::Corrupt);
    }
    Ok(header)
}

/// A new file of `capacity` bytes under a passing name, durable but for its name.
pub(crate) fn prepare(disk: &dyn Disk, name: &str, capacity: u64) -> io::Result<FileRef> {
    let file = disk.create(name)?;
    let prepared = file.allocate(capacity).and_then(|()| file.sync());
    if let Err(error) = prepared {
        // Frees what was taken; the disk may be full. It failing changes nothing.
        let _ = disk.remove(name);
        return Err(error);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span {
        base: 4096,
        capacity: 4096,
    };

    #[test]
    fn a_header_goes_there_and_back() {
        for gap in [None, Some(0), Some(4096)] {
            let header = SegmentHeader { span: SPAN, gap };
            assert_eq!(check_header(&header.encode(), 4096), Ok(header));
        }
        assert_eq!(check_header(&SPAN.header(), 8192), Err(BadHeader::Corrupt));
    }

    #[test]
    fn another_version_is_named() {
        let mut header = SPAN.header();
        header[8] = 9;
        assert_eq!(check_header(&header, 4096), Err(BadHeader::Version(9)));
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_seen() {
        for bit in 0..HEADER * 8 {
            let mut header = SPAN.header();
            header[bit / 8] ^= 1 << (bit % 8);
            assert!(check_header(&header, 4096).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_was_dropped_is_not_missing() {
        let (old, none) = (None, Some(0));
        for (segments, snapshot, expected) in [
            (&[(0, none), (1, none)][..], 0, &[][..]),
            (&[(1, none), (2, none)], 0, &[(0, 1)]),
            (&[(1, none), (2, none)], 3, &[(0, 1)]),
            (&[(1, Some(1)), (2, none)], 0, &[]),
            (&[(0, none), (3, Some(1))], 0, &[(1, 2)]),
            (&[(0, none), (3, Some(2)), (5, none)], 0, &[(4, 5)]),
            (&[(2, none), (4, Some(4))], 0, &[]),
            (&[(2, none), (5, Some(4))], 0, &[(0, 1)]),
            (&[(2, old), (5, old)], 5, &[]),
            (&[(2, old), (5, old)], 4, &[(4, 5)]),
        ] {
            let header = |(base, gap): &(u64, Option<u64>)| SegmentHeader {
                span: Span {
                    base: base * 4096,
                    capacity: 4096,
                },
                gap: gap.map(|gap| gap * 4096),
            };
            let headers: Vec<_> = segments.iter().map(header).collect();
            let scaled: Vec<_> = expected
                .iter()
                .map(|(from, to)| (from * 4096, to * 4096))
                .collect();
            assert_eq!(missing(&headers, snapshot * 4096), scaled, "{segments:?}");
        }
    }

    #[test]
    fn names_hold_positions() {
        assert_eq!(base_of(&SPAN.name()), Some(4096));
        for wrong in ["1000.seg", "spare-1", "000000000000zzzz.seg"] {
            assert_eq!(base_of(wrong), None, "{wrong}");
        }
    }
}
