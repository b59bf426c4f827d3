//! One file of the spool: a head that says where its chain begins, then frames, then zeros.
//!
//! # Format
//! ```text
//! 0   8  "SHKTRAIL"
//! 8   2  version, 1
//! 10  2  which records: 1 management, 2 data
//! 12  4  zeros
//! 16  8  number of the first record
//! 24  32 chain before it
//! 56  4  CRC32C of the 56 bytes before
//! 60  4  zeros
//! 64  …  frames, see [`super::frame`]
//! ```
//! A file is called `management-00000000000000000001.trail` after its records and the number of the first. It is made at
//! its full length, so that a full disk shows when it is made and not in the middle of a record.

use std::io;

use parking_lot::Mutex;
use store::disk::{Disk, FileRef};

use super::frame::{Chain, Frame, NoFrame};
use super::window::Window;

/// Bytes before the first frame.
pub(crate) const HEAD_BYTES: u64 = 64;

/// How far apart the places are that are remembered. Chosen: as much as is read at once anyway.
const MARK_EVERY_BYTES: u64 = 128 << 10;

const MAGIC: &[u8; 8] = b"SHKTRAIL";
const VERSION: u16 = 1;
const ENDING: &str = ".trail";

/// Which records a spool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Of management calls: the event history.
    Management,
    /// Of data calls, until every trail that wanted them has them.
    Data,
}

impl Stream {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Management, Self::Data];

    /// `management` or `data`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Management => "management",
            Self::Data => "data",
        }
    }

    const fn code(self) -> u16 {
        match self {
            Self::Management => 1,
            Self::Data => 2,
        }
    }

    /// The name of the file whose first record has `number`.
    pub(crate) fn file_name(self, number: u64) -> String {
        format!("{}-{number:020}{ENDING}", self.as_str())
    }

    /// The number in a file's name; `None` for other files.
    pub(crate) fn number_of(self, name: &str) -> Option<u64> {
        let digits = name
            .strip_prefix(self.as_str())?
            .strip_prefix('-')?
            .strip_suffix(ENDING)?;
        let are_digits = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        are_digits.then(|| digits.parse().ok())?
    }
}

/// Where a chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) first: u64,
    pub(crate) before: Chain,
}

/// A file of the spool.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) begin: Begin,
    file: FileRef,
    /// Where some of its records lie, in their order, so that none is looked for from the beginning.
    marks: Mutex<Vec<Mark>>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    number: u64,
    offset: u64,
}

impl Segment {
    const fn of(begin: Begin, file: FileRef) -> Self {
        Self {
            begin,
            file,
            marks: Mutex::new(Vec::new()),
        }
    }

    /// Makes the file of `begin`, `bytes` long.
    pub(crate) fn create(
        disk: &dyn Disk,
        stream: Stream,
        begin: Begin,
        bytes: u64,
    ) -> io::Result<Self> {
        let name = stream.file_name(begin.first);
        let file = disk.create(&name)?;
        let made = file
            .allocate(bytes)
            .and_then(|()| file.write_at(0, &head(stream, begin)));
        if let Err(error) = made {
            // It holds nothing; if it stays, the next one of that name empties it.
            let _ = disk.remove(&name);
            return Err(error);
        }
        Ok(Self::of(begin, file))
    }

    /// Opens the file whose first record has the number `first`; `None` when its head is none.
    pub(crate) fn open(disk: &dyn Disk, stream: Stream, first: u64) -> io::Result<Option<Self>> {
        let file = disk.open(&stream.file_name(first))?;
        let mut bytes = [0; HEAD_BYTES as usize];
        let is_whole = file.read_at(0, &mut bytes)? == bytes.len();
        let begin = parse_head(&bytes, stream).filter(|begin| is_whole && begin.first == first);
        Ok(begin.map(|begin| Self::of(begin, file)))
    }

    /// Writes `bytes` at `offset`.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    /// Remembers that the record `number` lies at `offset`, if none is remembered near it.
    pub(crate) fn mark(&self, number: u64, offset: u64) {
        let mut marks = self.marks.lock();
        let last = marks.last().map_or(HEAD_BYTES, |mark| mark.offset);
        if offset >= last + MARK_EVERY_BYTES {
            marks.push(Mark { number, offset });
        }
    }

    /// A place at or before that of the record `number`.
    pub(crate) fn place_before(&self, number: u64) -> u64 {
        let marks = self.marks.lock();
        let at = marks.partition_point(|mark| mark.number <= number);
        let mark = at.checked_sub(1).and_then(|at| marks.get(at));
        mark.map_or(HEAD_BYTES, |mark| mark.offset)
    }

    /// Reads what lies from `offset` on; returns how much there is.
    pub(crate) fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, bytes)
    }

    /// Reads one frame at `offset`.
    pub(crate) fn frame_at(&self, offset: u64) -> io::Result<Result<Frame, NoFrame>> {
        Window::new().frame_at(self, offset)
    }

    /// Overwrites everything from `offset` on with zeros; returns how many bytes were something else.
    pub(crate) fn clear_from(&self, offset: u64) -> io::Result<u64> {
        const STEP: usize = 1 << 16;
        let (mut at, end, mut cleared) = (offset, self.file.size()?, 0);
        let mut bytes = vec![0; STEP];
        while let Some(data) = self.file.next_data(at)? {
            at = data.max(at);
            if at >= end {
                break;
            }
            let count = self.file.read_at(at, &mut bytes)?;
            let read = bytes.get(..count).unwrap_or_default();
            let dirty = read.iter().filter(|byte| **byte != 0).count();
            if dirty > 0 {
                self.file.write_at(at, &vec![0; count])?;
                cleared += dirty as u64;
            }
            at += count.max(1) as u64;
        }
        Ok(cleared)
    }
}

fn head(stream: Stream, begin: Begin) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&stream.code().to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&begin.first.to_le_bytes());
    out.extend_from_slice(&begin.before.0);
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out
}

fn parse_head(bytes: &[u8], stream: Stream) -> Option<Begin> {
    let first = u64::from_le_bytes(bytes.get(16..24)?.try_into().ok()?);
    let before = Chain(bytes.get(24..56)?.try_into().ok()?);
    let begin = Begin { first, before };
    (head(stream, begin) == bytes).then_some(begin)
}

#[cfg(test)]
mod tests {
    use store::disk::SimDisk;

    use super::*;

    fn made(first: u64) -> Segment {
        let begin = Begin {
            first,
            before: Chain::default(),
        };
        let disk = SimDisk::new(1, 1 << 20);
        Segment::create(&disk, Stream::Data, begin, 1 << 18).unwrap()
    }

    #[test]
    fn a_head_is_as_it_is_drawn_and_of_one_stream_only() {
        let begin = Begin {
            first: 7,
            before: Chain([9; 32]),
        };
        let bytes = head(Stream::Data, begin);
        assert_eq!(bytes.len() as u64, HEAD_BYTES);
        assert_eq!(&bytes[..12], b"SHKTRAIL\x01\0\x02\0");
        assert_eq!(parse_head(&bytes, Stream::Data), Some(begin));
        assert_eq!(parse_head(&bytes, Stream::Management), None);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(parse_head(&changed, Stream::Data), None, "{at}");
        }
    }

    #[test]
    fn names_go_there_and_back() {
        let name = Stream::Data.file_name(7);
        assert_eq!(name, "data-00000000000000000007.trail");
        assert_eq!(Stream::Data.number_of(&name), Some(7));
        assert_eq!(Stream::Management.number_of(&name), None);
        assert_eq!(Stream::Data.number_of("data-7.trail"), None);
        assert_eq!(
            Stream::Data.number_of("data-+0000000000000000007.trail"),
            None
        );
    }

    #[test]
    fn the_place_before_a_record_is_near_it() {
        let segment = made(10);
        let offset = |number: u64| HEAD_BYTES + (number - 10) * 1000;
        for number in 10..510 {
            segment.mark(number, offset(number));
        }
        assert_eq!(segment.place_before(0), HEAD_BYTES);
        assert_eq!(segment.place_before(10), HEAD_BYTES);
        for number in 10..600 {
            let place = segment.place_before(number);
            let near = offset(number.min(509)) - place;
            assert!(near <= MARK_EVERY_BYTES + 1000, "{number}: {near}");
        }
        assert!(segment.marks.lock().len() < 5);
    }

    #[test]
    fn what_is_behind_a_place_is_cleared_and_counted() {
        let segment = made(1);
        segment.write(100, &[1; 10]).unwrap();
        segment.write(200_000, &[2; 7]).unwrap();
        assert_eq!(segment.clear_from(105).unwrap(), 12);
        assert_eq!(segment.clear_from(105).unwrap(), 0);
        assert_eq!(segment.clear_from(100).unwrap(), 5);
    }
}
