//! The index of one file of the spool, once that is full: a file beside it.
//!
//! # Format
//! Little-endian:
//! ```text
//! 0      8      "SHKINDEX"
//! 8      4      version, 1
//! 12     4      number of entries
//! 16     16     time of the oldest and of the newest, ms since 1970
//! 32     16384  filter: four bits for each key
//! 16416  4      CRC32C of all before
//! 16420  …      entries: time (8), place (4), offset (4), number of keys (1), keys (4 each)
//! end-4  4      CRC32C of the entries
//! ```
//! It can be made again from the spool; one that is not whole is.

use base::Timestamp;

use super::entry::Entry;

const MAGIC: &[u8; 8] = b"SHKINDEX";
const VERSION: u32 = 1;
const FILTER_BYTES: usize = 16 << 10;
/// Bytes before the entries.
pub(super) const HEAD_BYTES: usize = 32 + FILTER_BYTES + 4;

/// What is kept in memory of a file's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) count: u32,
    pub(super) oldest: Timestamp,
    pub(super) newest: Timestamp,
    filter: Box<[u8]>,
}

impl Summary {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut summary = Self {
            count: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            oldest: entries.iter().map(|it| it.at).min().unwrap_or_default(),
            newest: entries.iter().map(|it| it.at).max().unwrap_or_default(),
            filter: vec![0; FILTER_BYTES].into(),
        };
        for key in entries.iter().flat_map(|entry| &entry.keys) {
            for (byte, mask) in places(*key) {
                if let Some(byte) = summary.filter.get_mut(byte) {
                    *byte |= mask;
                }
            }
        }
        summary
    }

    /// Whether a record with `key` may be in the file.
    pub(super) fn may_have(&self, key: u32) -> bool {
        places(key)
            .into_iter()
            .all(|(byte, mask)| self.filter.get(byte).is_some_and(|it| it & mask != 0))
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..HEAD_BYTES)?;
        let (body, sum) = head.split_last_chunk()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*sum) || !body.starts_with(MAGIC) {
            return None;
        }
        if word(body, 8)? != VERSION {
            return None;
        }
        Some(Self {
            count: word(body, 12)?,
            oldest: time(body, 16)?,
            newest: time(body, 24)?,
            filter: body.get(32..)?.into(),
        })
    }
}

/// Where the four bits of a key are.
fn places(key: u32) -> [(usize, u8); 4] {
    // Two mixed halves give as many places as are wanted (Kirsch and Mitzenmacher, 2006).
    let first = u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (a, b) = (first >> 32, (first & 0xffff_ffff) | 1);
    [0, 1, 2, 3].map(|n: u64| {
        let bit = (a + n * b) % (FILTER_BYTES as u64 * 8);
        (usize::try_from(bit / 8).unwrap_or(0), 1 << (bit % 8))
    })
}

pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let summary = Summary::of(entries);
    let mut out = Vec::with_capacity(HEAD_BYTES + entries.len() * 49);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&summary.count.to_le_bytes());
    out.extend_from_slice(&summary.oldest.as_millis().to_le_bytes());
    out.extend_from_slice(&summary.newest.as_millis().to_le_bytes());
    out.extend_from_slice(&summary.filter);
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    let begin = out.len();
    for entry in entries {
        out.extend_from_slice(&entry.at.as_millis().to_le_bytes());
        out.extend_from_slice(&entry.place.to_le_bytes());
        out.extend_from_slice(&entry.offset.to_le_bytes());
        out.push(u8::try_from(entry.keys.len()).unwrap_or(u8::MAX));
        for key in &entry.keys {
            out.extend_from_slice(&key.to_le_bytes());
        }
    }
    let sum = crc32c::crc32c(out.get(begin..).unwrap_or_default());
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// All entries; `None` when the file is not whole.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let summary = Summary::read(bytes)?;
    let (mut rest, sum) = bytes.get(HEAD_BYTES..)?.split_last_chunk()?;
    if crc32c::crc32c(rest) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut entries = Vec::new();
    while let Some(count) = rest.get(16) {
        let keys = rest.get(17..17 + usize::from(*count) * 4)?;
        entries.push(Entry {
            at: time(rest, 0)?,
            place: word(rest, 8)?,
            offset: word(rest, 12)?,
            keys: keys.chunks_exact(4).filter_map(|it| word(it, 0)).collect(),
        });
        rest = rest.get(17 + keys.len()..)?;
    }
    let is_whole = rest.is_empty() && entries.len() == usize::try_from(summary.count).ok()?;
    is_whole.then_some(entries)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn time(bytes: &[u8], at: usize) -> Option<Timestamp> {
    let millis = u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?);
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let entry = (
            any::<u32>(),
            any::<u32>(),
            prop::collection::vec(any::<u32>(), 0..20),
        );
        let entry = entry.prop_map(|(at, offset, keys)| Entry {
            at: Timestamp::from_secs(at.into()),
            place: offset,
            offset,
            keys: keys.into(),
        });
        prop::collection::vec(entry, 0..40)
    }

    proptest! {
        #[test]
        fn an_index_goes_there_and_back_and_forgets_no_key(entries in entries()) {
            let bytes = encode(&entries);
            prop_assert_eq!(decode(&bytes), Some(entries.clone()));
            let summary = Summary::read(&bytes).unwrap();
            prop_assert_eq!(&summary, &Summary::of(&entries));
            for key in entries.iter().flat_map(|it| &it.keys) {
                prop_assert!(summary.may_have(*key));
            }
        }

        #[test]
        fn a_changed_or_cut_index_is_none(entries in entries(), at in any::<prop::sample::Index>(), mask in 1u8..) {
            let bytes = encode(&entries);
            let at = at.index(bytes.len());
            prop_assert_eq!(decode(&bytes[..at]), None);
            let mut changed = bytes;
            changed[at] ^= mask;
            prop_assert_eq!(decode(&changed), None);
        }

        #[test]
        fn anything_is_read_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn a_filter_of_a_full_file_lets_few_through() {
        let entries: Vec<Entry> = (0..15_000)
            .map(|n: u32| Entry {
                at: Timestamp::EPOCH,
                place: n,
                offset: n,
                keys: [crc32c::crc32c(&n.to_le_bytes())].into(),
            })
            .collect();
        let summary = Summary::of(&entries);
        let wrong = (100_000..110_000u32)
            .filter(|n| summary.may_have(crc32c::crc32c(&n.to_le_bytes())))
            .count();
        assert!(wrong < 500, "{wrong} of 10,000");
    }
}
