//! Segment files: pieces of the log of one size each.
//!
//! `<base as 16 hex digits>.seg` holds the positions from `base` to `base + capacity`; a position's offset in the file
//! is `position - base`. The first 64 bytes are the segment's header, frames follow. They end in a
//! seal frame, for which [`SEAL_BYTES`] are always kept free, or, in the growing segment, where no valid frame starts: in
//! zeros, or in what a reused file held before, which is never valid at its new position.
//!
//! # Header
//! Little-endian: `0` magic `SHUKUJNL`, `8` format version u32, `12` zero u32, `16` base u64, `24` capacity u64,
//! `60` CRC32C u32 of the 60 bytes before.

use std::io;

use crate::disk::{Disk, DiskFile, FileRef, read_exact_at};
use crate::frame::HEADER_BYTES;

/// The version of the segment and frame format.
pub const FORMAT_VERSION: u32 = 1;
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

    /// The header's bytes.
    pub(crate) fn header(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let words = [
            u64::from_le_bytes(*MAGIC),
            u64::from(FORMAT_VERSION),
            self.base,
            self.capacity,
            0,
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
pub(crate) fn read_header(file: &dyn DiskFile, base: u64) -> io::Result<Result<Span, BadHeader>> {
    let mut bytes = [0; HEADER];
    if let Err(error) = read_exact_at(file, 0, &mut bytes) {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(Err(BadHeader::Corrupt)),
            _ => Err(error),
        };
    }
    Ok(check_header(&bytes, base))
}

fn check_header(bytes: &[u8; HEADER], base: u64) -> Result<Span, BadHeader> {
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
    if version != FORMAT_VERSION {
        return Err(BadHeader::Version(version));
    }
    if span.base != base || span.header() != *bytes {
        return Err(BadHeader::Corrupt);
    }
    Ok(span)
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
        assert_eq!(check_header(&SPAN.header(), 4096), Ok(SPAN));
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
    fn names_hold_positions() {
        assert_eq!(base_of(&SPAN.name()), Some(4096));
        for wrong in ["1000.seg", "spare-1", "000000000000zzzz.seg"] {
            assert_eq!(base_of(wrong), None, "{wrong}");
        }
    }
}
