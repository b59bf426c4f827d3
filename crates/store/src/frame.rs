//! How a record lies in a segment.
//!
//! # Format
//! Little-endian, no padding between frames:
//! ```text
//! 0   4  length of the whole frame, 24 and up
//! 4   2  kind: 1 record, 2 seal (the log goes on in the next segment), 3 filler (cut out by quarantine)
//! 6   6  time, ms since 1970
//! 12  4  back: bytes from the start of the commit group to this frame
//! 16  4  CRC32C of the payload
//! 20  4  CRC32C of the frame's position (8 bytes) and the 20 bytes before this field
//! 24  …  payload
//! ```
//! The position in the check keeps a stale or misplaced frame from ever passing. The header's own check lets a reader
//! trust the length when only the payload is damaged, and lets recovery look for frames cheaply. `back` tells a torn
//! tail from a corrupt middle: groups are synced one after the other, so a frame of a *later* group proves that
//! everything before that group had been synced once.

use base::Timestamp;

/// Bytes before a record's payload.
pub const HEADER_BYTES: usize = 24;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A record.
    Record,
    /// The last frame of a segment; the log goes on at the base of the next.
    Seal,
    /// Bytes that were cut out by quarantine; its payload means nothing and is not checked.
    Filler,
}

impl Kind {
    const fn code(self) -> u16 {
        match self {
            Self::Record => 1,
            Self::Seal => 2,
            Self::Filler => 3,
        }
    }

    const fn from_code(code: u16) -> Option<Self> {
        match code {
            1 => Some(Self::Record),
            2 => Some(Self::Seal),
            3 => Some(Self::Filler),
            _ => None,
        }
    }
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length of the whole frame.
    pub bytes: u32,
    /// What it is.
    pub kind: Kind,
    /// When it was appended; 48 bits of milliseconds.
    pub at: Timestamp,
    /// Bytes from the start of its commit group.
    pub back: u32,
    /// CRC32C of the payload.
    pub payload_crc: u32,
}

impl Header {
    /// The header of a frame with this payload, given in slices.
    #[must_use]
    pub fn of(kind: Kind, at: Timestamp, back: u32, payload: &[&[u8]]) -> Self {
        let bytes: usize = payload.iter().map(|part| part.len()).sum();
        Self {
            bytes: u32::try_from(bytes + HEADER_BYTES).unwrap_or(u32::MAX),
            kind,
            at,
            back,
            payload_crc: payload
                .iter()
                .fold(0, |crc, part| crc32c::crc32c_append(crc, part)),
        }
    }

    /// Its bytes, at `position` of the log.
    #[must_use]
    pub fn encode(&self, position: u64) -> [u8; HEADER_BYTES] {
        let low = u64::from(self.bytes)
            | u64::from(self.kind.code()) << 32
            | (self.at.as_millis() & 0xffff) << 48;
        let middle = (self.at.as_millis() >> 16) & 0xffff_ffff | u64::from(self.back) << 32;
        let crc = header_crc(position, low, middle, self.payload_crc);
        let high = u64::from(self.payload_crc) | u64::from(crc) << 32;
        let mut encoded = [0; HEADER_BYTES];
        for (to, word) in encoded.chunks_exact_mut(8).zip([low, middle, high]) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        encoded
    }

    /// Reads a header that lies at `position` of the log; `None` when `bytes` does not begin with a valid one.
    #[must_use]
    pub fn decode(position: u64, bytes: &[u8]) -> Option<Self> {
        let (low, rest) = bytes.split_first_chunk::<8>()?;
        let (middle, rest) = rest.split_first_chunk::<8>()?;
        let high = u64::from_le_bytes(*rest.first_chunk::<8>()?);
        let (low, middle) = (u64::from_le_bytes(*low), u64::from_le_bytes(*middle));
        let kind = Kind::from_code(((low >> 32) & 0xffff) as u16)?;
        let header = Self {
            bytes: (low & 0xffff_ffff) as u32,
            kind,
            at: Timestamp::from_millis(low >> 48 | (middle & 0xffff_ffff) << 16),
            back: (middle >> 32) as u32,
            payload_crc: (high & 0xffff_ffff) as u32,
        };
        let is_sane = header.bytes as usize >= HEADER_BYTES && u64::from(header.back) <= position;
        let crc = (high >> 32) as u32;
        (is_sane && crc == header_crc(position, low, middle, header.payload_crc)).then_some(header)
    }

    /// Whether `payload` is the one this header was made for.
    #[must_use]
    pub fn fits(&self, payload: &[u8]) -> bool {
        self.kind == Kind::Filler || crc32c::crc32c(payload) == self.payload_crc
    }
}

fn header_crc(position: u64, low: u64, middle: u64, payload_crc: u32) -> u32 {
    let crc = crc32c::crc32c(&position.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &low.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &middle.to_le_bytes());
    crc32c::crc32c_append(crc, &payload_crc.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(position: u64, at: u64, back: u32, payload: &[u8]) -> Vec<u8> {
        let header = Header::of(Kind::Record, Timestamp::from_millis(at), back, &[payload]);
        [&header.encode(position)[..], payload].concat()
    }

    fn passes(position: u64, bytes: &[u8]) -> bool {
        Header::decode(position, bytes).is_some_and(|header| {
            let payload = bytes.get(HEADER_BYTES..header.bytes as usize);
            payload.is_some_and(|payload| header.fits(payload)) && header.kind != Kind::Filler
        })
    }

    #[test]
    fn the_bytes_are_golden() {
        let bytes = frame(64, 1_795_410_190_250, 7, b"hello");
        assert_eq!(
            crate::tests::hex(&bytes),
            "1d0000000100aa5fc906a201070000004cbb719ae3514e3368656c6c6f"
        );
    }

    proptest! {
        #[test]
        fn a_frame_goes_there_and_back(position in 0u64..1 << 50, at in 0u64..1 << 48, payload: Vec<u8>) {
            let back = (position % 1000) as u32;
            let bytes = frame(position, at, back, &payload);
            let header = Header::decode(position, &bytes).unwrap();
            prop_assert_eq!(header.at.as_millis(), at);
            prop_assert_eq!(header.back, back);
            prop_assert_eq!(header.bytes as usize, bytes.len());
            prop_assert!(passes(position, &bytes));
        }

        #[test]
        fn flipped_bits_never_pass(position in 0u64..1 << 50, payload: Vec<u8>, flips in prop::collection::vec(any::<u32>(), 1..4)) {
            let good = frame(position, 1000, 0, &payload);
            let mut bad = good.clone();
            for flip in flips {
                let bit = flip as usize % (bad.len() * 8);
                bad[bit / 8] ^= 1 << (bit % 8);
            }
            prop_assert_eq!(passes(position, &bad), bad == good);
        }

        #[test]
        fn a_frame_passes_at_its_own_position_only(position in 0u64..1 << 50, other in 0u64..1 << 50, payload: Vec<u8>) {
            prop_assert_eq!(passes(other, &frame(position, 1000, 0, &payload)), other == position);
        }

        #[test]
        fn any_bytes_are_survived(position: u64, bytes: Vec<u8>) {
            passes(position, &bytes);
        }
    }
}
