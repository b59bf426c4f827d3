//! The trails' own book: what happened to them, written down before it counts.
//!
//! # Format
//! One file, `trails.log`, of frames: length and CRC32C (4 bytes each, little-endian), then JSON, `{"State":…}` or
//! `{"Events":[…]}`. The first frame is a state. A frame that is torn is the last, and was not acknowledged. When the
//! events have grown to several times the state, the file is replaced by one that holds the state alone.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::disk::{Disk, FileRef};

use crate::engine::{Event, State, event};

const FILE: &str = "trails.log";
const NEW_FILE: &str = "trails.log.new";

/// Bytes of events below which the file is never replaced. Chosen: read in a millisecond.
const REPLACE_BYTES: u64 = 1 << 20;

/// The most bytes of a frame that is read. Chosen: a thousand times what states have.
const FRAME_BYTES_MAX: usize = 256 << 20;

/// The book.
#[derive(Debug)]
pub(crate) struct Ledger {
    disk: Arc<dyn Disk>,
    file: FileRef,
    offset: u64,
    /// The length of the state that the file begins with.
    state_bytes: u64,
    /// A write failed: what the file holds behind `offset` is not known.
    is_unsure: bool,
}

#[derive(Serialize, Deserialize)]
enum Frame {
    State(State),
    Events(Vec<Event>),
}

/// As [`Frame`], borrowed.
#[derive(Serialize)]
enum Writing<'a> {
    State(&'a State),
    Events(&'a [Event]),
}

/// Why the book does not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    /// The disk refuses.
    #[error("`{FILE}` cannot be used")]
    Disk(#[from] io::Error),
    /// It was written by a newer version, or is damaged.
    #[error("`{FILE}` holds at byte {offset} something that this version does not know")]
    Unknown {
        /// Where.
        offset: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Ledger {
    /// Opens the book, or begins one. Returns what it adds up to, and how many bytes were torn at its end.
    pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<(Self, State, u64), LedgerError> {
        let names = disk.list()?;
        if names.iter().any(|name| name == NEW_FILE) {
            disk.remove(NEW_FILE)?;
        }
        if !names.iter().any(|name| name == FILE) {
            let state = State::default();
            return Ok((Self::begin(disk, &state)?, state, 0));
        }
        let file = disk.open(FILE)?;
        let (mut state, mut offset, mut state_bytes) = (State::default(), 0, 0);
        while let Some(body) = read(&*file, offset)? {
            let frame = serde_json::from_slice(&body)
                .map_err(|source| LedgerError::Unknown { offset, source })?;
            offset += 8 + body.len() as u64;
            match frame {
                Frame::State(whole) => (state, state_bytes) = (whole, offset),
                Frame::Events(events) => events.iter().for_each(|it| event::apply(&mut state, it)),
            }
        }
        let torn = file.size()?.saturating_sub(offset);
        let ledger = Self {
            disk,
            file,
            offset,
            state_bytes,
            is_unsure: torn > 0,
        };
        Ok((ledger, state, torn))
    }

    /// Replaces the file by one that holds `state` alone.
    fn begin(disk: Arc<dyn Disk>, state: &State) -> io::Result<Self> {
        let bytes = frame(&Writing::State(state));
        let file = disk.create(NEW_FILE)?;
        file.write_at(0, &bytes)?;
        file.sync()?;
        disk.rename(NEW_FILE, FILE)?;
        disk.sync_names()?;
        Ok(Self {
            disk,
            file,
            offset: bytes.len() as u64,
            state_bytes: bytes.len() as u64,
            is_unsure: false,
        })
    }

    /// Writes `events` down, which `state` holds when they are applied. They survive a crash when this returns.
    ///
    /// # Errors
    /// When the disk refuses; the events may or may not be there then, and count only if they are written again.
    pub(crate) fn write(&mut self, events: &[Event], state: &State) -> io::Result<()> {
        let grown = self.offset.saturating_sub(self.state_bytes);
        if self.is_unsure || grown > REPLACE_BYTES.max(4 * self.state_bytes) {
            *self = Self::begin(Arc::clone(&self.disk), state)?;
            return Ok(());
        }
        let bytes = frame(&Writing::Events(events));
        self.is_unsure = true;
        self.file.write_at(self.offset, &bytes)?;
        self.file.sync()?;
        self.is_unsure = false;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

#[expect(clippy::expect_used, reason = "states and events are always JSON")]
fn frame(of: &Writing<'_>) -> Vec<u8> {
    let body = serde_json::to_vec(of).expect("it is JSON");
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(8 + body.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// The frame at `offset`; `None` at the end of what is whole.
fn read(file: &dyn store::disk::DiskFile, offset: u64) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; 8];
    if file.read_at(offset, &mut header)? < header.len() {
        return Ok(None);
    }
    let [a, b, c, d, e, f, g, h] = header;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if length == 0 || length > FRAME_BYTES_MAX || length as u64 > file.size()? {
        return Ok(None);
    }
    let mut body = vec![0; length];
    let count = file.read_at(offset + 8, &mut body)?;
    let is_whole = count == length && crc32c::crc32c(&body) == u32::from_le_bytes([e, f, g, h]);
    Ok(is_whole.then_some(body))
}

#[cfg(test)]
mod tests {
    use store::disk::SimDisk;

    use super::*;
    use crate::engine::TrailId;
    use crate::engine::state::Settings;

    fn made(id: u64) -> Event {
        Event::Created {
            id: TrailId(id),
            slot: 0,
            name: format!("trail-{id}"),
            settings: Settings {
                bucket: "logs".to_owned(),
                prefix: None,
                global: true,
                multi_region: true,
                validation: true,
            },
            tags: std::collections::BTreeMap::new(),
        }
    }

    fn open(disk: &SimDisk) -> (Ledger, State, u64) {
        Ledger::open(Arc::new(disk.clone())).unwrap()
    }

    /// Every end at every operation: what was acknowledged is there, and nothing that was not decided.
    #[test]
    fn what_was_written_survives_an_end_at_any_moment() {
        for stop in 0..40 {
            let disk = SimDisk::new(stop + 1, 1 << 20);
            let (mut ledger, mut state, _) = open(&disk);
            disk.stop_after(stop);
            let mut acknowledged = 0;
            for id in 0..12 {
                let events = [made(id)];
                let mut next = state.clone();
                event::apply(&mut next, &events[0]);
                if ledger.write(&events, &next).is_ok() {
                    acknowledged = id + 1;
                    state = next;
                } else {
                    break;
                }
            }
            disk.crash();
            let (mut ledger, found, _) = open(&disk);
            let count = found.trails.len() as u64;
            assert!(
                count == acknowledged || count == acknowledged + 1,
                "{stop}: {count} of {acknowledged}"
            );
            let mut next = found.clone();
            event::apply(&mut next, &made(100));
            ledger.write(&[made(100)], &next).unwrap();
            assert_eq!(open(&disk).1, next);
        }
    }

    #[test]
    fn a_book_that_has_grown_is_replaced_by_its_sum() {
        let disk = SimDisk::new(1, 64 << 20);
        let (mut ledger, mut state, _) = open(&disk);
        let failed = |n: u64| Event::Failed {
            id: TrailId(0),
            at: crate::engine::state::Millis(n),
            is_digest: false,
            error: "x".repeat(1000),
        };
        let mut largest = 0;
        for n in 0..3000 {
            let event = if n == 0 { made(0) } else { failed(n) };
            event::apply(&mut state, &event);
            ledger.write(&[event], &state).unwrap();
            largest = largest.max(ledger.offset);
        }
        assert!(largest < REPLACE_BYTES + 8192, "{largest}");
        assert_eq!(open(&disk).1, state);
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_place() {
        let disk = SimDisk::new(1, 1 << 20);
        drop(open(&disk));
        let file = disk.open(FILE).unwrap();
        let body = br#"{"Later":1}"#;
        let mut bytes = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend(crc32c::crc32c(body).to_le_bytes());
        bytes.extend(body);
        file.write_at(file.size().unwrap(), &bytes).unwrap();
        let error = Ledger::open(Arc::new(disk)).unwrap_err().to_string();
        assert!(
            error.contains("something that this version does not know"),
            "{error}"
        );
    }
}
