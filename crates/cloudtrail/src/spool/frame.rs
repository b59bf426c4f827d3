//! How a record lies in a segment of the spool.
//!
//! # Format
//! Little-endian, no padding between frames:
//! ```text
//! 0   4  length of the record, 1 to 262,144; 0 = nothing more
//! 4   4  CRC32C of all that follows and of the length
//! 8   8  number, counted from 1
//! 16  8  time, ms since 1970
//! 24  4  which trails shall have it, a bit each
//! 28  32 chain: SHA-256 of the chain before, number, time, trails and record
//! 60  …  the record, JSON
//! ```
//! The check tells a torn frame; the chain tells one that was changed, left out or put in by somebody who knows how to
//! make checks: whatever happens to one record, every chain behind it is another.

use std::fmt;

use base::Timestamp;
use sha2::{Digest, Sha256};

use crate::record::EVENT_BYTES_MAX;

/// Bytes before a record.
pub const HEADER_BYTES: usize = 60;

/// What all records up to one add up to.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Chain(pub [u8; 32]);

/// A record with what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number, counted from 1.
    pub number: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Which trails shall have it.
    pub wanted: Slots,
    /// The chain with it.
    pub chain: Chain,
    /// The record.
    pub record: Vec<u8>,
}

/// A set of trails: one bit for the place that each has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots(pub u32);

/// The number of places that trails can have: those there are, and those that are gone but not finished.
pub const SLOTS: u8 = 32;

impl Slots {
    /// No trail.
    pub const NONE: Self = Self(0);

    /// With the trail in place `slot`.
    #[must_use]
    pub const fn with(self, slot: u8) -> Self {
        Self(self.0 | 1u32.wrapping_shl(slot as u32))
    }

    /// With those of `others`.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether the trail in place `slot` is among them.
    #[must_use]
    pub const fn has(self, slot: u8) -> bool {
        self.0 & 1u32.wrapping_shl(slot as u32) != 0
    }

    /// The places, the lowest first.
    pub fn each(self) -> impl Iterator<Item = u8> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let lowest = left.trailing_zeros();
            left &= left.checked_sub(1)?;
            u8::try_from(lowest).ok()
        })
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Chain {
    /// The chain with one more record.
    #[must_use]
    pub fn with(&self, number: u64, at: Timestamp, wanted: Slots, record: &[u8]) -> Self {
        let hash = Sha256::new()
            .chain_update(self.0)
            .chain_update(number.to_le_bytes())
            .chain_update(at.as_millis().to_le_bytes())
            .chain_update(wanted.0.to_le_bytes())
            .chain_update(record)
            .finalize();
        Self(hash.into())
    }

    /// From 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Frame {
    /// The frame that follows `before` in the chain.
    #[must_use]
    pub fn after(
        before: &Chain,
        number: u64,
        at: Timestamp,
        wanted: Slots,
        record: Vec<u8>,
    ) -> Self {
        Self {
            number,
            at,
            wanted,
            chain: before.with(number, at, wanted, &record),
            record,
        }
    }

    /// Its length in a segment.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        HEADER_BYTES + self.record.len()
    }

    /// As it lies in a segment.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes());
        push(
            &mut out,
            self.number,
            (self.at, self.wanted, &self.record),
            &self.chain,
        );
        out
    }

    /// Reads the frame at the beginning of `bytes`.
    ///
    /// # Errors
    /// [`NoFrame`]: what stands there instead.
    pub fn decode(bytes: &[u8]) -> Result<Self, NoFrame> {
        let (header, behind) = bytes.split_first_chunk().ok_or(NoFrame::Cut)?;
        let header = Header::read(header)?;
        let record = behind.get(..header.length).ok_or(NoFrame::Cut)?;
        let whole = bytes.get(..HEADER_BYTES + header.length);
        if whole.map(check) != Some(header.check) {
            return Err(NoFrame::Broken);
        }
        Ok(Self {
            number: header.number,
            at: header.at,
            wanted: header.wanted,
            chain: header.chain,
            record: record.to_vec(),
        })
    }
}

/// What stands where a frame should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFrame {
    /// Nothing: the segment ends here, or is filled up to here.
    #[error("nothing more")]
    End,
    /// The beginning of one.
    #[error("a record that breaks off")]
    Cut,
    /// Bytes that are none.
    #[error("bytes that are no record")]
    Broken,
}

/// What stands before a record.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) length: usize,
    check: u32,
    pub(super) number: u64,
    at: Timestamp,
    wanted: Slots,
    chain: Chain,
}

impl Header {
    pub(super) fn read(bytes: &[u8; HEADER_BYTES]) -> Result<Self, NoFrame> {
        let mut rest = bytes.as_slice();
        let length = u32::from_le_bytes(take(&mut rest)?);
        if length == 0 {
            return Err(NoFrame::End);
        }
        let length = usize::try_from(length).map_err(|_| NoFrame::Broken)?;
        if length > EVENT_BYTES_MAX {
            return Err(NoFrame::Broken);
        }
        Ok(Self {
            length,
            check: u32::from_le_bytes(take(&mut rest)?),
            number: u64::from_le_bytes(take(&mut rest)?),
            at: Timestamp::from_millis(u64::from_le_bytes(take(&mut rest)?)),
            wanted: Slots(u32::from_le_bytes(take(&mut rest)?)),
            chain: Chain(take(&mut rest)?),
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], NoFrame> {
    let (first, behind) = rest.split_first_chunk().ok_or(NoFrame::Cut)?;
    *rest = behind;
    Ok(*first)
}

/// Adds a frame to the end of `out`.
pub(super) fn push(
    out: &mut Vec<u8>,
    number: u64,
    (at, wanted, record): (Timestamp, Slots, &[u8]),
    chain: &Chain,
) {
    let begin = out.len();
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&at.as_millis().to_le_bytes());
    out.extend_from_slice(&wanted.0.to_le_bytes());
    out.extend_from_slice(&chain.0);
    out.extend_from_slice(record);
    let check = check(out.get(begin..).unwrap_or_default());
    if let Some(place) = out.get_mut(begin + 4..begin + 8) {
        place.copy_from_slice(&check.to_le_bytes());
    }
}

/// The check of a whole frame; the place of the check itself does not count.
fn check(frame: &[u8]) -> u32 {
    let length = frame.get(..4).unwrap_or_default();
    let behind = frame.get(8..).unwrap_or_default();
    crc32c::crc32c_append(crc32c::crc32c(length), behind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(record: &[u8]) -> Frame {
        Frame::after(
            &Chain::default(),
            7,
            Timestamp::from_millis(1_795_934_530_900),
            Slots::NONE.with(0).with(31),
            record.to_vec(),
        )
    }

    /// The bytes were put together by hand from the drawing; the sums by Python's hashlib and crc32c.
    #[test]
    fn a_frame_is_as_it_is_drawn() {
        let frame = frame(b"{}");
        let bytes = frame.encode();
        assert_eq!(hex::encode(&bytes[..4]), "02000000");
        assert_eq!(
            hex::encode(&bytes[8..28]),
            "0700000000000000542d0a26a201000001000080"
        );
        assert_eq!(
            frame.chain.to_string(),
            "e2ef928a5ae7b13792e3de5c63fc9e4fc1407b490a7274da7f93faaf3ff78d4d"
        );
        assert_eq!(hex::encode(&bytes[4..8]), "6bf5c48d");
        assert_eq!(&bytes[60..], b"{}");
        assert_eq!(Frame::decode(&bytes), Ok(frame));
    }

    #[test]
    fn slots_are_bits() {
        let slots = Slots::NONE.with(3);
        assert!(slots.has(3) && !slots.has(4) && !slots.is_empty());
        let many = slots.with(0).and(Slots::NONE.with(31));
        assert_eq!(many.each().collect::<Vec<_>>(), [0, 3, 31]);
        assert_eq!(Slots::NONE.each().next(), None);
    }

    proptest! {
        #[test]
        fn frames_go_there_and_back(record in prop::collection::vec(any::<u8>(), 1..300), more in any::<Vec<u8>>()) {
            let frame = frame(&record);
            let mut bytes = frame.encode();
            prop_assert_eq!(bytes.len(), frame.bytes());
            bytes.extend(more);
            prop_assert_eq!(Frame::decode(&bytes), Ok(frame));
        }

        #[test]
        fn a_changed_or_cut_frame_is_none(record in prop::collection::vec(any::<u8>(), 1..60), at in any::<prop::sample::Index>(), mask in 1u8..) {
            let bytes = frame(&record).encode();
            let at = at.index(bytes.len());
            prop_assert!(Frame::decode(&bytes[..at]).is_err());
            let mut changed = bytes;
            changed[at] ^= mask;
            prop_assert!(Frame::decode(&changed).is_err());
        }

        #[test]
        fn anything_is_read_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = Frame::decode(&bytes);
        }
    }
}
