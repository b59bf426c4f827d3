//! The log of what was put and is in no block yet.
//!
//! Segments `metrics-<base>.log`, the base in 16 hexadecimal digits: the position in the log at which the segment begins.
//! A frame is acknowledged when it was handed to the operating system: a killed process loses nothing. [`Log::unsynced`]
//! is what a power loss could still take; it is synced within a second ([`super::Store::sync`]).
//!
//! # Format
//! A segment begins with `cwlog`, the version 1 and two zero bytes. Frames follow without gaps:
//! ```text
//! 0   4  length of the payload, little-endian
//! 4   4  CRC32C of the payload
//! 8   4  CRC32C of the frame's position (8 bytes) and the 8 bytes before this field
//! 12  …  payload
//! ```
//! The position in the check keeps what was left of a failed write from ever passing.
//!
//! # Damage
//! A frame that does not pass is skipped: reading goes on at the next one that does, and what lies between is told loudly
//! ([`Recovered::skipped`]). One damaged sector must not cost an hour of all hosts, and no other data rest on the lost.
//! Where none follows, it is the torn end of a write that was never acknowledged ([`Recovered::cut`]). Nothing is ever
//! written behind such an end: every opening begins a segment.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use store::disk::{Disk, DiskFile, FileRef, read_exact_at};
use tracing::{error, warn};

/// What a segment begins with.
const MAGIC: [u8; 8] = *b"cwlog\x01\0\0";
const HEADER_BYTES: usize = 12;
/// From how many bytes on a new segment is begun. Chosen: a quarter of an hour of 20,000 points a minute.
const SEGMENT_BYTES: u64 = 4 << 20;
/// The most that a payload may have: far more than a put of 1,000 datums with 150 values each.
pub(super) const PAYLOAD_BYTES_MAX: usize = 8 << 20;

/// What an opening found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Puts that were read back.
    pub puts: u64,
    /// Bytes within the log that could not be read.
    pub skipped: u64,
    /// Bytes at ends of segments that were no whole put.
    pub cut: u64,
    /// Data of metrics that are not known because the put that named them first could not be read.
    pub unknown: u64,
}

#[derive(Debug)]
pub(super) struct Log {
    disk: Arc<dyn Disk>,
    /// The bases of all segments, ascending.
    bases: VecDeque<u64>,
    file: Option<FileRef>,
    /// Where the next frame goes.
    end: u64,
    /// What was written since it was last synced.
    dirty: Vec<FileRef>,
    /// Whether segments came or went since names were last synced.
    has_new_names: bool,
    /// No segment that ends here or before can come back after a power loss.
    durable_start: u64,
    frame: Vec<u8>,
}

/// What a sync has to do.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    pub(super) files: Vec<FileRef>,
    pub(super) has_new_names: bool,
    /// Where the log begins, once names are synced.
    pub(super) start: u64,
}

impl Log {
    /// Opens the log of a directory and reads back what is there: `each` gets every payload and its position.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        mut each: impl FnMut(u64, &[u8]),
    ) -> io::Result<(Self, Recovered)> {
        let mut bases: Vec<u64> = disk
            .list()?
            .iter()
            .filter_map(|name| base_of(name))
            .collect();
        bases.sort_unstable();
        let mut recovered = Recovered::default();
        let mut end = 0;
        let mut files = Vec::new();
        for base in &bases {
            let file = disk.open(&name(*base))?;
            let bytes = whole(file.as_ref())?;
            files.push(file);
            let read = read_segment(*base, &bytes, &mut recovered, &mut each)?;
            end = read.max(end);
        }
        let mut log = Self::none(disk);
        log.bases = bases.into();
        log.end = end;
        // Whoever wrote them may have been killed before it synced them.
        log.dirty = files;
        log.has_new_names = true;
        Ok((log, recovered))
    }

    /// A log without anything.
    pub(super) fn none(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            bases: VecDeque::new(),
            file: None,
            end: 0,
            dirty: Vec::new(),
            has_new_names: false,
            durable_start: 0,
            frame: Vec::new(),
        }
    }

    /// Lets what comes go to `position` or behind it: blocks may cover more than a power loss left of the log.
    pub(super) fn go_on_behind(&mut self, position: u64) {
        self.end = self.end.max(position);
    }

    /// Where the next frame goes.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Where the oldest segment begins.
    fn start(&self) -> u64 {
        self.bases.front().copied().unwrap_or(self.end)
    }

    /// Before which position nothing can come back, even after a power loss.
    pub(super) const fn durable_start(&self) -> u64 {
        self.durable_start
    }

    /// Notes that names were synced when the log began at `start`.
    pub(super) fn names_are_synced(&mut self, start: u64) {
        self.durable_start = self.durable_start.max(start);
    }

    /// Writes a frame and returns its position. Where that fails nothing has happened.
    pub(super) fn append(&mut self, payload: &[u8]) -> io::Result<u64> {
        let base = self.bases.back().copied();
        let (file, base) = match (&self.file, base) {
            (Some(file), Some(base)) if self.end - base < SEGMENT_BYTES => (Arc::clone(file), base),
            _ => self.begin()?,
        };
        let position = self.end;
        self.frame.clear();
        self.frame.extend_from_slice(&header(position, payload));
        self.frame.extend_from_slice(payload);
        file.write_at(position - base, &self.frame)?;
        self.end += self.frame.len() as u64;
        let is_noted = self
            .dirty
            .last()
            .is_some_and(|last| Arc::ptr_eq(last, &file));
        if !is_noted {
            self.dirty.push(file);
        }
        Ok(position)
    }

    /// Begins a segment.
    fn begin(&mut self) -> io::Result<(FileRef, u64)> {
        let base = self.end;
        let file = self.disk.create(&name(base))?;
        if let Err(error) = file.write_at(0, &MAGIC) {
            // The next attempt makes it anew.
            let _ = self.disk.remove(&name(base));
            return Err(error);
        }
        self.has_new_names = true;
        if self.bases.back() != Some(&base) {
            self.bases.push_back(base);
        }
        self.file = Some(Arc::clone(&file));
        self.end = base + MAGIC.len() as u64;
        Ok((file, base))
    }

    /// Removes the segments that end at `position` or before it.
    pub(super) fn drop_before(&mut self, position: u64) -> io::Result<()> {
        while let (Some(first), Some(second)) = (self.bases.front(), self.bases.get(1)) {
            if *second > position {
                break;
            }
            self.disk.remove(&name(*first))?;
            self.bases.pop_front();
            self.has_new_names = true;
        }
        Ok(())
    }

    /// What has to be synced; it counts as synced from now on.
    pub(super) fn unsynced(&mut self) -> Unsynced {
        Unsynced {
            files: std::mem::take(&mut self.dirty),
            has_new_names: std::mem::take(&mut self.has_new_names),
            start: self.start(),
        }
    }
}

fn name(base: u64) -> String {
    format!("metrics-{base:016x}.log")
}

fn base_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("metrics-")?.strip_suffix(".log")?;
    u64::from_str_radix(digits, 16).ok()
}

fn whole(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(file.size()?).unwrap_or(0)];
    read_exact_at(file, 0, &mut bytes)?;
    Ok(bytes)
}

fn header(position: u64, payload: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let words = [length, crc32c::crc32c(payload)];
    for (to, word) in header.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    let crc = header_crc(position, header.first_chunk().unwrap_or(&[0; 8]));
    if let Some(to) = header.last_chunk_mut() {
        *to = crc.to_le_bytes();
    }
    header
}

fn header_crc(position: u64, words: &[u8; 8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&position.to_le_bytes()), words)
}

/// The payload of the frame at `position` that `bytes` begins with.
fn frame(position: u64, bytes: &[u8]) -> Option<&[u8]> {
    let (words, rest) = bytes.split_first_chunk::<8>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    if header_crc(position, words) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (length, crc) = words.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let payload = rest.get(..length)?;
    (crc32c::crc32c(payload).to_le_bytes() == crc).then_some(payload)
}

/// Reads a segment and returns where its last frame ends.
fn read_segment(
    base: u64,
    bytes: &[u8],
    recovered: &mut Recovered,
    each: &mut impl FnMut(u64, &[u8]),
) -> io::Result<u64> {
    let magic = bytes.get(..MAGIC.len());
    match magic {
        Some(magic) if magic == MAGIC => {}
        Some(magic) if magic.starts_with(b"cwlog") && magic.get(5) != Some(&1) => {
            return Err(io::Error::other(format!(
                "`{}` is of another version",
                name(base)
            )));
        }
        // Torn at its beginning, or damaged there; frames may follow.
        _ => {}
    }
    let mut at = MAGIC.len();
    let mut end = at;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let position = base + at as u64;
        let Some(payload) = frame(position, rest) else {
            at += 1;
            continue;
        };
        if at > end {
            let skipped = (at - end) as u64;
            recovered.skipped += skipped;
            error!(
                file = name(base),
                offset = end,
                bytes = skipped,
                "the log of metrics is damaged; these bytes are lost"
            );
        }
        each(position, payload);
        recovered.puts += 1;
        at += HEADER_BYTES + payload.len();
        end = at;
    }
    let cut = bytes.len().saturating_sub(end) as u64;
    if cut > 0 {
        recovered.cut += cut;
        warn!(
            file = name(base),
            offset = end,
            bytes = cut,
            "the end of the log of metrics is no whole put"
        );
    }
    Ok(base + end as u64)
}

#[cfg(test)]
mod tests {
    use store::disk::SimDisk;

    use super::*;

    fn disk() -> SimDisk {
        SimDisk::new(1, 1 << 30)
    }

    fn open(disk: &SimDisk) -> (Log, Recovered, Vec<(u64, Vec<u8>)>) {
        let mut read = Vec::new();
        let opened = Log::open(Arc::new(disk.clone()), |position, payload| {
            read.push((position, payload.to_vec()));
        });
        let (log, recovered) = opened.unwrap();
        (log, recovered, read)
    }

    #[test]
    fn the_bytes_are_golden() {
        let disk = disk();
        let (mut log, ..) = open(&disk);
        assert_eq!(log.append(b"hello").unwrap(), 8);
        let bytes = whole(disk.open("metrics-0000000000000000.log").unwrap().as_ref()).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // The CRC32C of `hello` is 9a71bb4c, as the journal's golden has it.
        assert!(hex.starts_with("63776c6f67010000050000004cbb719a"), "{hex}");
        assert!(hex.ends_with("68656c6c6f"), "{hex}");
        assert_eq!(bytes.len(), 8 + 12 + 5);
    }

    #[test]
    fn a_kill_loses_nothing_and_a_new_segment_is_begun() {
        let disk = disk();
        let (mut log, ..) = open(&disk);
        log.append(b"one").unwrap();
        disk.restart();
        let (mut log, recovered, read) = open(&disk);
        assert_eq!(read, [(8, b"one".to_vec())]);
        assert_eq!(
            recovered,
            Recovered {
                puts: 1,
                ..Recovered::default()
            }
        );
        assert_eq!(log.append(b"two").unwrap(), 23 + 8);
        disk.restart();
        assert_eq!(open(&disk).2.len(), 2);
    }

    #[test]
    fn a_torn_end_is_cut_at_every_byte() {
        let disk = disk();
        let (mut log, ..) = open(&disk);
        log.append(b"one").unwrap();
        log.append(b"two").unwrap();
        disk.restart();
        for length in (23..38).rev() {
            disk.truncate("metrics-0000000000000000.log", length);
            let (_, recovered, read) = open(&disk);
            assert_eq!(read, [(8, b"one".to_vec())], "{length}");
            assert_eq!(recovered.cut, length as u64 - 23);
            assert_eq!(recovered.skipped, 0);
        }
    }

    #[test]
    fn a_damaged_put_is_skipped_and_told() {
        for offset in 23..38 {
            let disk = disk();
            let (mut log, ..) = open(&disk);
            for payload in [b"one", b"two", b"six"] {
                log.append(payload).unwrap();
            }
            disk.restart();
            disk.flip("metrics-0000000000000000.log", offset, 1);
            let (_, recovered, read) = open(&disk);
            assert_eq!(read, [(8, b"one".to_vec()), (38, b"six".to_vec())]);
            assert_eq!((recovered.skipped, recovered.cut), (15, 0));
        }
    }

    #[test]
    fn a_full_disk_refuses_and_leaves_nothing() {
        let disk = SimDisk::new(1, 40);
        let (mut log, ..) = open(&disk);
        log.append(b"one").unwrap();
        assert!(log.append(&[7; 100]).is_err());
        disk.set_size(1000);
        log.append(b"two").unwrap();
        disk.restart();
        let (_, _, read) = open(&disk);
        assert_eq!(read, [(8, b"one".to_vec()), (23, b"two".to_vec())]);
    }

    #[test]
    fn what_was_synced_survives_a_power_loss() {
        for seed in 0..50 {
            let disk = SimDisk::new(seed, 1 << 30);
            let (mut log, ..) = open(&disk);
            log.append(b"one").unwrap();
            let unsynced = log.unsynced();
            unsynced.files.iter().for_each(|file| file.sync().unwrap());
            assert!(unsynced.has_new_names);
            disk.sync_names().unwrap();
            log.append(b"two").unwrap();
            disk.crash();
            let (_, _, read) = open(&disk);
            assert_eq!(read.first(), Some(&(8, b"one".to_vec())));
        }
    }

    #[test]
    fn segments_go_when_all_of_them_is_elsewhere() {
        let disk = disk();
        let (mut log, ..) = open(&disk);
        let megabyte = vec![0; 1 << 20];
        for _ in 0..9 {
            log.append(&megabyte).unwrap();
        }
        assert_eq!(log.bases.len(), 3);
        let second = log.bases[1];
        log.drop_before(second - 1).unwrap();
        assert_eq!(log.bases.len(), 3);
        log.drop_before(second).unwrap();
        assert_eq!((log.bases.len(), log.start()), (2, second));
        log.drop_before(u64::MAX).unwrap();
        assert_eq!(log.bases.len(), 1);
        assert_eq!(disk.list().unwrap().len(), 1);
    }
}
