//! Snapshots: the fold's state at a position, so that recovery replays only what came after.
//!
//! # Format
//! `<position as 16 hex digits>.snap`, little-endian: `0` magic `SHUKUSNP`, `8` version u32, `12` zero u32,
//! `16` position u64, then the state, then its length u64 and the CRC32C u32 of all before. Written under another name,
//! synced, renamed: a snapshot is whole or absent.

use std::io::{self, Read, Write};

use crate::Capture;
use crate::disk::{Disk, FileRef};
use crate::segment::position_in;

const MAGIC: &[u8; 8] = b"SHUKUSNP";
const VERSION: u32 = 1;
const HEADER_BYTES: u64 = 24;
const TRAILER_BYTES: u64 = 12;
const BUFFER_BYTES: usize = 256 << 10;
/// Synced in pieces of this size, so that no commit waits behind one big write-back.
const SYNC_BYTES: u64 = 4 << 20;
/// Kept, the newest first; an older one stands in when the newest is damaged.
const KEPT: usize = 2;
/// Log bytes since the last snapshot, per byte of it, before the next is due.
const LOG_PER_SNAPSHOT_BYTE: u64 = 8;
/// A snapshot is due after so much log in any case.
const LOG_BYTES_MAX: u64 = 1 << 30;

/// The snapshots there are.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// Position and size, oldest first.
    pub(crate) kept: Vec<(u64, u64)>,
    /// How many segments had been sealed when the last was written.
    pub(crate) sealed: u64,
}

impl Snapshots {
    /// Whether the log has grown enough since the last.
    pub(crate) fn is_due(&self, end: u64, sealed: u64) -> bool {
        let (last, bytes) = self.kept.last().copied().unwrap_or_default();
        let grown = end.saturating_sub(last);
        let enough = bytes
            .saturating_mul(LOG_PER_SNAPSHOT_BYTE)
            .min(LOG_BYTES_MAX);
        sealed > self.sealed && grown >= enough
    }

    /// Segments that end at or before this are in every kept snapshot.
    pub(crate) fn covered(&self) -> u64 {
        self.kept.first().map_or(0, |(position, _)| *position)
    }

    /// Takes in a new one and removes those that are no longer kept.
    pub(crate) fn add(&mut self, disk: &dyn Disk, position: u64, bytes: u64) -> io::Result<()> {
        self.kept.retain(|(other, _)| *other != position);
        self.kept.push((position, bytes));
        while self.kept.len() > KEPT {
            self.give_way(disk)?;
        }
        Ok(())
    }

    /// Removes the oldest, if it is not the last one.
    pub(crate) fn give_way(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.kept.len() < 2 {
            return Ok(());
        }
        let (oldest, _) = self.kept.remove(0);
        disk.remove(&name(oldest))
    }
}

pub(crate) fn name(position: u64) -> String {
    format!("{position:016x}.snap")
}

/// The positions of the snapshots on the disk, oldest first.
pub(crate) fn list(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    let names = disk.list()?;
    let mut positions: Vec<u64> = names
        .iter()
        .filter_map(|name| position_in(name, ".snap"))
        .collect();
    positions.sort_unstable();
    Ok(positions)
}

/// Writes a snapshot durably; returns its size.
pub(crate) fn write(disk: &dyn Disk, position: u64, capture: Capture) -> io::Result<u64> {
    let unfinished = format!("{}.tmp", name(position));
    let file = disk.create(&unfinished)?;
    let bytes = fill(&file, position, capture);
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => {
            // Frees what was taken; it failing changes nothing.
            let _ = disk.remove(&unfinished);
            return Err(error);
        }
    };
    disk.rename(&unfinished, &name(position))?;
    disk.sync_names()?;
    Ok(bytes)
}

fn fill(file: &FileRef, position: u64, capture: Capture) -> io::Result<u64> {
    let mut writer = Writer::new(file.clone());
    writer.write_all(MAGIC)?;
    writer.write_all(&u64::from(VERSION).to_le_bytes())?;
    writer.write_all(&position.to_le_bytes())?;
    capture(&mut writer)?;
    let state_bytes = writer.bytes() - HEADER_BYTES;
    writer.write_all(&state_bytes.to_le_bytes())?;
    let crc = writer.crc();
    writer.write_all(&crc.to_le_bytes())?;
    writer.flush()?;
    file.sync()?;
    Ok(writer.written)
}

struct Writer {
    file: FileRef,
    buffer: Vec<u8>,
    written: u64,
    synced: u64,
    crc: u32,
}

impl Writer {
    fn new(file: FileRef) -> Self {
        Self {
            file,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            written: 0,
            synced: 0,
            crc: 0,
        }
    }

    fn bytes(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn crc(&self) -> u32 {
        crc32c::crc32c_append(self.crc, &self.buffer)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(self.written, &self.buffer)?;
        self.crc = self.crc();
        self.written = self.bytes();
        self.buffer.clear();
        if self.written - self.synced >= SYNC_BYTES {
            self.file.sync()?;
            self.synced = self.written;
        }
        Ok(())
    }
}

/// Whether the snapshot's check holds, and how large it is. Reads all of it once.
pub(crate) fn verify(disk: &dyn Disk, position: u64) -> io::Result<Option<u64>> {
    let file = disk.open(&name(position))?;
    let size = file.size()?;
    let Some(state_bytes) = size.checked_sub(HEADER_BYTES + TRAILER_BYTES) else {
        return Ok(None);
    };
    let mut reader = Reader::new(file, 0, size);
    let mut header = [0; HEADER_BYTES as usize];
    reader.read_exact(&mut header)?;
    let words = [u64::from_le_bytes(*MAGIC), u64::from(VERSION), position];
    let is_ours = words
        .iter()
        .zip(header.chunks_exact(8))
        .all(|(word, bytes)| word.to_le_bytes() == bytes);
    io::copy(&mut (&mut reader).take(state_bytes), &mut io::sink())?;
    let mut length = [0; 8];
    reader.read_exact(&mut length)?;
    let crc = reader.crc();
    let mut stored = [0; 4];
    reader.read_exact(&mut stored)?;
    let is_whole = u64::from_le_bytes(length) == state_bytes && u32::from_le_bytes(stored) == crc;
    Ok((is_ours && is_whole).then_some(size))
}

/// Reads the state of a verified snapshot.
pub(crate) fn state(disk: &dyn Disk, position: u64) -> io::Result<impl Read + use<>> {
    let file = disk.open(&name(position))?;
    let end = file.size()?.saturating_sub(TRAILER_BYTES);
    Ok(Reader::new(file, HEADER_BYTES, end))
}

struct Reader {
    file: FileRef,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
    /// Of what has left the buffer.
    crc: u32,
}

impl Reader {
    fn new(file: FileRef, at: u64, end: u64) -> Self {
        Self {
            file,
            at,
            end,
            buffer: Vec::new(),
            used: 0,
            crc: 0,
        }
    }

    /// Of all that was read so far.
    fn crc(&self) -> u32 {
        let used = self.buffer.get(..self.used).unwrap_or_default();
        crc32c::crc32c_append(self.crc, used)
    }

    fn refill(&mut self) -> io::Result<()> {
        self.crc = self.crc();
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        self.buffer.resize(left.min(BUFFER_BYTES), 0);
        self.file
            .read_ahead(self.at + BUFFER_BYTES as u64, 2 * BUFFER_BYTES as u64);
        let count = self.file.read_at(self.at, &mut self.buffer)?;
        self.buffer.truncate(count);
        self.at += count as u64;
        self.used = 0;
        Ok(())
    }
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.used == self.buffer.len() {
            self.refill()?;
        }
        let mut rest = self.buffer.get(self.used..).unwrap_or_default();
        let count = rest.read(into)?;
        self.used += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimDisk;

    fn written(state: &[u8]) -> SimDisk {
        let disk = SimDisk::new(1, 1 << 30);
        let state = state.to_owned();
        write(&disk, 77, Box::new(move |to| to.write_all(&state))).unwrap();
        disk
    }

    #[test]
    fn a_state_goes_there_and_back() {
        for bytes in [0, 1, BUFFER_BYTES - 24, 3 * BUFFER_BYTES + 5] {
            let given: Vec<u8> = (0..bytes).map(|n| (n % 251) as u8).collect();
            let disk = written(&given);
            assert!(verify(&disk, 77).unwrap().is_some());
            let mut read = Vec::new();
            state(&disk, 77).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, given);
        }
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let size = verify(&written(b"state"), 77).unwrap().unwrap();
        for bit in 0..size * 8 {
            let disk = written(b"state");
            disk.flip(&name(77), bit / 8, 1 << (bit % 8));
            assert_eq!(verify(&disk, 77).unwrap(), None, "bit {bit}");
        }
    }

    #[test]
    fn the_next_is_due_after_a_seal_and_eight_times_its_size() {
        let snapshots = Snapshots {
            kept: vec![(100, 1000)],
            sealed: 3,
        };
        assert!(!snapshots.is_due(1 << 20, 3));
        assert!(!snapshots.is_due(8099, 4));
        assert!(snapshots.is_due(8100, 4));
        assert!(Snapshots::default().is_due(1, 1));
    }
}
