//! One object of an archive: a head that says what it is and checks it, and bytes.
//!
//! # Names
//! ```text
//! generations/GENERATION.json      who began it, as JSON
//! GENERATION/log/SEGMENT/FROM      a piece of a segment, whole frames; positions in 16 hexadecimal digits
//! GENERATION/base/POSITION/NNNN    a piece of the snapshot at a position
//! GENERATION/base/POSITION/base    stored last: what belongs to the base, as JSON
//! GENERATION/files/MILLIS          small files beside the journal as they were then
//! ```
//! A piece is named by where it begins, not by where it ends: of two servers on one generation the second finds its name taken.
//!
//! # Format
//! Little-endian: `0` magic `SHUKUARC`, `8` version u32, `12` kind u16, `14` flags u16 (1: the segment ends with it),
//! `16` generation (begun u64, random u64), `32` segment's base u64, `40` segment's capacity u64, `48` from u64, `56` to u64,
//! `64` before u64 (where the piece before ended), `72` time of its last record in ms u64, `80` CRC32C u32 of the bytes,
//! `84` CRC32C u32 of the 84 bytes before; then the bytes. Of a snapshot's pieces base and capacity are the snapshot's
//! position and length, from and to are offsets in it.

use std::fmt;
use std::str::FromStr;

use base::Timestamp;
use bytes::Bytes;

use super::FORMAT;
use crate::segment::Span;

/// The most bytes of the log in one object, unless one record is larger. Chosen: what is held in memory, and sent again
/// after a failure.
pub const PIECE_BYTES_MAX: usize = 8 << 20;

/// Bytes of the head.
pub(super) const HEAD_BYTES: usize = 88;
const MAGIC: &[u8; 8] = b"SHUKUARC";
const ENDS_SEGMENT: u64 = 1;

/// Where all generations are named.
pub(super) const BEGUN: &str = "generations/";

/// One run of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation {
    begun_ms: u64,
    random: u64,
}

impl Generation {
    /// The generation that was begun at `begun_ms`; `random` tells it from others.
    #[must_use]
    pub const fn new(begun_ms: u64, random: u64) -> Self {
        Self { begun_ms, random }
    }

    /// When it was begun.
    #[must_use]
    pub const fn begun_at(self) -> Timestamp {
        Timestamp::from_millis(self.begun_ms)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:013}-{:016x}", self.begun_ms, self.random)
    }
}

/// Not the name of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a generation is called as `1795410190250-0123456789abcdef`")]
pub struct NotGeneration;

impl FromStr for Generation {
    type Err = NotGeneration;

    fn from_str(text: &str) -> Result<Self, NotGeneration> {
        let (begun, random) = text.split_once('-').ok_or(NotGeneration)?;
        let begun_ms = begun.parse().map_err(|_| NotGeneration)?;
        let random = u64::from_str_radix(random, 16).map_err(|_| NotGeneration)?;
        let generation = Self { begun_ms, random };
        (generation.to_string() == text)
            .then_some(generation)
            .ok_or(NotGeneration)
    }
}

/// What an object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Log,
    Snapshot,
    Base,
    Files,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Log, Self::Snapshot, Self::Base, Self::Files];

    const fn code(self) -> u64 {
        match self {
            Self::Log => 1,
            Self::Snapshot => 2,
            Self::Base => 3,
            Self::Files => 4,
        }
    }
}

/// What an object says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// Whether the segment's seal is in it.
    pub(super) ends_segment: bool,
    pub(super) generation: Generation,
    pub(super) span: Span,
    pub(super) from: u64,
    pub(super) to: u64,
    /// Where the piece before ended; 0 for the first.
    pub(super) before: u64,
    /// Of its last record; of a base and of files, when they were taken.
    pub(super) at: Timestamp,
}

/// Why an object is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It is shorter or longer than it says.
    #[error("it is {found} bytes long and should be {wanted}: it was cut short or written over")]
    Length {
        /// How long it is.
        found: u64,
        /// How long it should be.
        wanted: u64,
    },
    /// It does not begin as an object of an archive.
    #[error("its head is damaged, or it is no object of an archive")]
    Head,
    /// Another version wrote it.
    #[error("it has format version {found}, this program reads {FORMAT}")]
    Version {
        /// The version.
        found: u32,
    },
    /// Its bytes fail their check.
    #[error("its bytes fail their check")]
    Bytes,
    /// It is whole and belongs elsewhere.
    #[error("it is whole, and says to be another object")]
    Misplaced,
}

impl Head {
    /// The object: this head and `bytes`.
    pub(super) fn with(&self, bytes: &[u8]) -> Bytes {
        let flags = if self.ends_segment { ENDS_SEGMENT } else { 0 };
        let words = [
            u64::from_le_bytes(*MAGIC),
            u64::from(FORMAT) | self.kind.code() << 32 | flags << 48,
            self.generation.begun_ms,
            self.generation.random,
            self.span.base,
            self.span.capacity,
            self.from,
            self.to,
            self.before,
            self.at.as_millis(),
        ];
        let mut object = Vec::with_capacity(HEAD_BYTES + bytes.len());
        for word in words {
            object.extend_from_slice(&word.to_le_bytes());
        }
        object.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
        object.extend_from_slice(&crc32c::crc32c(&object).to_le_bytes());
        object.extend_from_slice(bytes);
        object.into()
    }

    /// Reads an object of `kind` in `generation`.
    pub(super) fn read(
        object: &Bytes,
        generation: Generation,
        kind: Kind,
    ) -> Result<(Self, Bytes), Broken> {
        let length = |wanted: u64| Broken::Length {
            found: object.len() as u64,
            wanted,
        };
        let head = object
            .first_chunk::<HEAD_BYTES>()
            .ok_or_else(|| length(HEAD_BYTES as u64))?;
        let (checked, crc) = head.split_at(HEAD_BYTES - 4);
        let is_whole = crc == crc32c::crc32c(checked).to_le_bytes();
        let mut words = head.chunks_exact(8).map(word);
        let mut next = || words.next().unwrap_or_default();
        let (magic, what) = (next(), next());
        if magic != u64::from_le_bytes(*MAGIC) {
            return Err(Broken::Head);
        }
        let version = (what & 0xffff_ffff) as u32;
        if version != FORMAT && is_whole {
            return Err(Broken::Version { found: version });
        }
        if !is_whole {
            return Err(Broken::Head);
        }
        let code = what >> 32 & 0xffff;
        let found = Kind::ALL.into_iter().find(|kind| kind.code() == code);
        let of = Self {
            kind: found.ok_or(Broken::Head)?,
            ends_segment: what >> 48 & ENDS_SEGMENT != 0,
            generation: Generation::new(next(), next()),
            span: Span {
                base: next(),
                capacity: next(),
            },
            from: next(),
            to: next(),
            before: next(),
            at: Timestamp::from_millis(next()),
        };
        let bytes = object.slice(HEAD_BYTES..);
        let wanted = of.to.checked_sub(of.from).ok_or(Broken::Head)?;
        if bytes.len() as u64 != wanted {
            return Err(length(wanted.saturating_add(HEAD_BYTES as u64)));
        }
        let payload_crc = (next() & 0xffff_ffff) as u32;
        if crc32c::crc32c(&bytes) != payload_crc {
            return Err(Broken::Bytes);
        }
        if of.generation != generation || of.kind != kind {
            return Err(Broken::Misplaced);
        }
        Ok((of, bytes))
    }
}

fn word(bytes: &[u8]) -> u64 {
    let bytes = bytes.first_chunk::<8>();
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

pub(super) fn begun(generation: &Generation) -> String {
    format!("{BEGUN}{generation}.json")
}

/// The generation in the name of [`begun`].
pub(super) fn begun_in(name: &str) -> Option<Generation> {
    name.strip_prefix(BEGUN)?
        .strip_suffix(".json")?
        .parse()
        .ok()
}

pub(super) fn log_folder(generation: &Generation) -> String {
    format!("{generation}/log/")
}

/// The piece of the segment at `segment` that begins at `from`.
pub(super) fn piece(generation: &Generation, segment: u64, from: u64) -> String {
    format!("{generation}/log/{segment:016x}/{from:016x}")
}

/// Segment and beginning in the name of a piece.
pub(super) fn piece_in(generation: &Generation, name: &str) -> Option<(u64, u64)> {
    let (segment, from) = name
        .strip_prefix(&log_folder(generation))?
        .split_once('/')?;
    Some((position(segment)?, position(from)?))
}

pub(super) fn base_folder(generation: &Generation) -> String {
    format!("{generation}/base/")
}

/// What belongs to the base at `position`.
pub(super) fn base(generation: &Generation, position: u64) -> String {
    format!("{generation}/base/{position:016x}/base")
}

/// A piece of the snapshot at `position`.
pub(super) fn snapshot(generation: &Generation, position: u64, number: u64) -> String {
    format!("{generation}/base/{position:016x}/{number:04}")
}

/// The position in the name of anything of a base, and whether it is the object that is stored last.
pub(super) fn base_in(generation: &Generation, name: &str) -> Option<(u64, bool)> {
    let (at, rest) = name
        .strip_prefix(&base_folder(generation))?
        .split_once('/')?;
    Some((position(at)?, rest == "base"))
}

pub(super) fn files_folder(generation: &Generation) -> String {
    format!("{generation}/files/")
}

pub(super) fn files(generation: &Generation, at: Timestamp) -> String {
    format!("{generation}/files/{:013}", at.as_millis())
}

/// When the files were taken that lie in the object `name`.
pub(super) fn files_in(generation: &Generation, name: &str) -> Option<Timestamp> {
    let millis = name.strip_prefix(&files_folder(generation))?.parse().ok()?;
    Some(Timestamp::from_millis(millis))
}

fn position(digits: &str) -> Option<u64> {
    (digits.len() == 16)
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERATION: Generation = Generation::new(1_795_410_190_250, 0xabcd);

    fn head(bytes: &[u8]) -> Head {
        Head {
            kind: Kind::Log,
            ends_segment: true,
            generation: GENERATION,
            span: Span {
                base: 4096,
                capacity: 8192,
            },
            from: 4160,
            to: 4160 + bytes.len() as u64,
            before: 4000,
            at: Timestamp::from_millis(1_795_410_190_251),
        }
    }

    fn read(object: &[u8]) -> Result<(Head, Bytes), Broken> {
        Head::read(&Bytes::copy_from_slice(object), GENERATION, Kind::Log)
    }

    #[test]
    fn an_object_goes_there_and_back_and_is_golden() {
        let head = head(b"hello");
        let object = head.with(b"hello");
        assert_eq!(read(&object), Ok((head, Bytes::from_static(b"hello"))));
        assert!(crate::tests::hex(&object).starts_with("5348554b55415243010000000100010"));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let object = head(b"hello").with(b"hello");
        for bit in 0..object.len() * 8 {
            let mut bad = object.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&bad).is_err(), "bit {bit}");
        }
        for length in 0..object.len() {
            assert!(read(&object[..length]).is_err(), "{length} bytes");
        }
        assert!(read(&[&object[..], b"x"].concat()).is_err());
    }

    #[test]
    fn an_object_of_another_generation_or_kind_is_misplaced() {
        let object = head(b"hello").with(b"hello");
        let other = Generation::new(1, 2);
        assert_eq!(
            Head::read(&object, other, Kind::Log),
            Err(Broken::Misplaced)
        );
        assert_eq!(
            Head::read(&object, GENERATION, Kind::Files),
            Err(Broken::Misplaced)
        );
    }

    #[test]
    fn names_go_there_and_back() {
        assert_eq!(GENERATION.to_string().parse(), Ok(GENERATION));
        for wrong in ["", "1-2", "x-0123456789abcdef", "generation.json"] {
            assert_eq!(wrong.parse::<Generation>(), Err(NotGeneration), "{wrong}");
        }
        let name = piece(&GENERATION, 4096, 4160);
        assert_eq!(piece_in(&GENERATION, &name), Some((4096, 4160)));
        assert_eq!(base_in(&GENERATION, &base(&GENERATION, 7)), Some((7, true)));
        let part = snapshot(&GENERATION, 7, 3);
        assert_eq!(base_in(&GENERATION, &part), Some((7, false)));
        let at = Timestamp::from_millis(5);
        assert_eq!(files_in(&GENERATION, &files(&GENERATION, at)), Some(at));
    }
}
