//! The sidecar of an object, which lies at its end, and once lay beside it (`whole`).
//!
//! # Format
//! ```text
//! "SKIX" 01          magic and version
//! first_ms last_ms   varints: earliest and latest time of settling
//! data src           varints: bytes of the object's frames and of its sources (0 = none)
//! kept, forgotten    two tables: varint count, then per destination: bytes name, varints delivered retry dead expired late
//! frames             varint count, then per frame: varints data_len raw_len src_len results bloom_len
//! blooms             one after the other
//! sum                u64 LE, FNV-1a of everything before
//! ```
//! Frames lie one after the other, so their offsets are the sums of the lengths before.

use std::collections::BTreeMap;
use std::ops::Range;

use base::Timestamp;
use bytes::Bytes;
use store::record::codec::{Malformed, Reader, put_bytes, put_varint};

use super::bloom;
use crate::result::{Decision, Head};

const MAGIC: &[u8; 5] = b"SKIX\x01";

/// How many results say what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Delivered.
    pub delivered: u64,
    /// To be tried again.
    pub retry: u64,
    /// Given up.
    pub dead: u64,
    /// Expired.
    pub expired: u64,
    /// Any of these from a lost lease; not in the four above.
    pub late: u64,
}

impl Counts {
    fn list(self) -> [u64; 5] {
        [
            self.delivered,
            self.retry,
            self.dead,
            self.expired,
            self.late,
        ]
    }

    /// Adds one result.
    pub fn add(&mut self, decision: Decision, is_late: bool) {
        let count = match decision {
            _ if is_late => &mut self.late,
            Decision::Delivered => &mut self.delivered,
            Decision::Retry => &mut self.retry,
            Decision::Dead => &mut self.dead,
            Decision::Expired => &mut self.expired,
        };
        *count += 1;
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.retry += other.retry;
        self.dead += other.dead;
        self.expired += other.expired;
        self.late += other.late;
    }

    /// Notifications that ended, each counted once.
    #[must_use]
    pub fn finals(self) -> u64 {
        self.delivered + self.dead + self.expired
    }

    /// All results.
    #[must_use]
    pub fn results(self) -> u64 {
        self.list().iter().sum()
    }
}

/// Counts by destination.
pub type CountTable = BTreeMap<String, Counts>;

/// Adds one table to another.
pub fn merge_tables(into: &mut CountTable, other: &CountTable) {
    for (destination, counts) in other {
        into.entry(destination.clone()).or_default().merge(*counts);
    }
}

/// What holds the raw lines of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The object itself.
    Within,
    /// One beside it, as it was once.
    Beside,
}

/// One frame of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where its compressed bytes lie in the object.
    pub data: Range<u64>,
    /// Its bytes when decompressed.
    pub raw_bytes: u64,
    /// Where the compressed lines lie in what holds the sources; empty when there are none.
    pub source: Range<u64>,
    /// What holds the sources.
    pub sources: Holder,
    /// How many results it holds.
    pub results: u64,
    /// Its filter, in the sidecar's bytes.
    bloom: Range<usize>,
}

/// A sidecar that was read.
#[derive(Clone, Debug)]
pub struct Index {
    /// Earliest time of settling.
    pub first_at: Timestamp,
    /// Latest time of settling.
    pub last_at: Timestamp,
    /// Bytes of the object's frames.
    pub data_bytes: u64,
    /// Bytes of its sources; 0 when there are none.
    pub source_bytes: u64,
    /// The results that it holds.
    pub kept: CountTable,
    /// The results that were taken out of it.
    pub forgotten: CountTable,
    /// Its frames.
    pub frames: Vec<Frame>,
    bytes: Bytes,
}

impl Index {
    /// Reads a sidecar.
    ///
    /// # Errors
    /// [`Malformed`] when it is not one.
    pub fn read(bytes: Bytes) -> Result<Self, Malformed> {
        let (content, sum) = bytes.split_last_chunk::<8>().ok_or(Malformed {
            what: "a sidecar is too short",
            left: bytes.len(),
        })?;
        let mut reader = Reader::new(content);
        if reader.array::<5>()? != *MAGIC {
            return Err(reader.malformed("it is no sidecar of version 1"));
        }
        if u64::from_le_bytes(*sum) != sum_of(content) {
            return Err(reader.malformed("a sidecar's sum does not fit"));
        }
        let first_at = Timestamp::from_millis(reader.varint()?);
        let last_at = Timestamp::from_millis(reader.varint()?);
        let (data_bytes, source_bytes) = (reader.varint()?, reader.varint()?);
        let kept = take_table(&mut reader)?;
        let forgotten = take_table(&mut reader)?;
        let frames = take_frames(&mut reader, content.len())?;
        Ok(Self {
            first_at,
            last_at,
            data_bytes,
            source_bytes,
            kept,
            forgotten,
            frames,
            bytes: bytes.clone(),
        })
    }

    /// The same, of an object whose sources lie in it, `gap` bytes behind its frames.
    pub(super) fn with_sources_within(mut self, gap: u64) -> Self {
        let begin = self.data_bytes.saturating_add(gap);
        for frame in &mut self.frames {
            let source = &frame.source;
            frame.source = begin.saturating_add(source.start)..begin.saturating_add(source.end);
            frame.sources = Holder::Within;
        }
        self
    }

    /// The frames that may hold one of `keys`.
    pub fn candidates<'a>(&'a self, keys: &'a [u64]) -> impl Iterator<Item = &'a Frame> {
        self.frames.iter().filter(move |frame| {
            let filter = self.bloom(frame);
            keys.iter().any(|key| bloom::may_hold(filter, *key))
        })
    }

    /// The filter of one of its frames.
    #[must_use]
    pub fn bloom(&self, frame: &Frame) -> &[u8] {
        self.bytes.get(frame.bloom.clone()).unwrap_or_default()
    }

    /// How many results the object holds.
    #[must_use]
    pub fn results(&self) -> u64 {
        self.frames.iter().map(|frame| frame.results).sum()
    }
}

/// Gathers what a sidecar says while an object is built.
#[derive(Debug, Default)]
pub(super) struct IndexBuilder {
    first_ms: Option<u64>,
    last_ms: u64,
    pub(super) kept: CountTable,
    pub(super) forgotten: CountTable,
    frames: Vec<[u64; 5]>,
    blooms: Vec<u8>,
}

impl IndexBuilder {
    pub(super) fn count(&mut self, head: &Head<'_>) {
        if let Some(counts) = self.kept.get_mut(head.destination.as_ref()) {
            counts.add(head.decision, head.is_late);
        } else {
            let counts = self
                .kept
                .entry(head.destination.clone().into_owned())
                .or_default();
            counts.add(head.decision, head.is_late);
        }
    }

    pub(super) fn spans(&mut self, first: Timestamp, last: Timestamp) {
        let (first, last) = (first.as_millis(), last.as_millis());
        self.first_ms = Some(self.first_ms.map_or(first, |earlier| earlier.min(first)));
        self.last_ms = self.last_ms.max(last);
    }

    pub(super) fn frame(&mut self, lens: [u64; 4], filter: &[u8]) {
        let [data, raw, source, results] = lens;
        self.frames
            .push([data, raw, source, results, filter.len() as u64]);
        self.blooms.extend_from_slice(filter);
    }

    pub(super) fn finish(&self, data_bytes: u64, source_bytes: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.blooms.len() + 64 * self.frames.len() + 256);
        out.extend_from_slice(MAGIC);
        for value in [
            self.first_ms.unwrap_or(0),
            self.last_ms,
            data_bytes,
            source_bytes,
        ] {
            put_varint(&mut out, value);
        }
        put_table(&mut out, &self.kept);
        put_table(&mut out, &self.forgotten);
        put_varint(&mut out, self.frames.len() as u64);
        for value in self.frames.iter().flatten() {
            put_varint(&mut out, *value);
        }
        out.extend_from_slice(&self.blooms);
        let sum = sum_of(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }
}

fn put_table(out: &mut Vec<u8>, table: &CountTable) {
    put_varint(out, table.len() as u64);
    for (destination, counts) in table {
        put_bytes(out, destination.as_bytes());
        for count in counts.list() {
            put_varint(out, count);
        }
    }
}

fn take_table(reader: &mut Reader<'_>) -> Result<CountTable, Malformed> {
    let mut table = CountTable::new();
    for _ in 0..reader.varint()? {
        let destination = reader.text()?.to_owned();
        let counts = Counts {
            delivered: reader.varint()?,
            retry: reader.varint()?,
            dead: reader.varint()?,
            expired: reader.varint()?,
            late: reader.varint()?,
        };
        table.insert(destination, counts);
    }
    Ok(table)
}

fn take_frames(reader: &mut Reader<'_>, content_bytes: usize) -> Result<Vec<Frame>, Malformed> {
    let count = reader.length()?;
    let mut frames = Vec::with_capacity(count);
    let (mut data_at, mut source_at, mut bloom_at) = (0u64, 0u64, 0usize);
    for _ in 0..count {
        let (data, raw_bytes, source) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let results = reader.varint()?;
        let bloom = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        let too_long = || Malformed {
            what: "a sidecar's lengths overflow",
            left: 0,
        };
        let data_end = data_at.checked_add(data).ok_or_else(too_long)?;
        let source_end = source_at.checked_add(source).ok_or_else(too_long)?;
        let bloom_end = bloom_at.checked_add(bloom).ok_or_else(too_long)?;
        frames.push(Frame {
            data: data_at..data_end,
            raw_bytes,
            source: source_at..source_end,
            sources: Holder::Beside,
            results,
            bloom: bloom_at..bloom_end,
        });
        (data_at, source_at, bloom_at) = (data_end, source_end, bloom_end);
    }
    if reader.left() != bloom_at {
        return Err(reader.malformed("a sidecar's filters have another length"));
    }
    let start = content_bytes - bloom_at;
    for frame in &mut frames {
        frame.bloom = start + frame.bloom.start..start + frame.bloom.end;
    }
    Ok(frames)
}

/// FNV-1a over words of 8 bytes, then the rest byte by byte; part of the format.
fn sum_of(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, word| {
        (hash ^ u64::from_le_bytes(*word))
            .wrapping_mul(PRIME)
            .rotate_left(23)
    });
    rest.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}
