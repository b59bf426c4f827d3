//! An object with its sources and its sidecar in it: one PUT stores all of a set.
//!
//! # Format
//! ```text
//! frames                          results; what `zstdcat` shows
//! 5B 2A 4D 18  len  frames        sources: a skippable frame of zstd, which `zstdcat` passes over; absent where none are kept
//! 5C 2A 4D 18  len  sidecar end   the sidecar, in another one
//! ```
//! `len`: u32 LE, bytes of the skippable frame behind it. `end`: u32 LE, bytes of the sidecar, then "SKEND\x01\0\0", the object's last
//! bytes, by which the sidecar is found from behind. Source: RFC 8878, 3.1.2, "Skippable Frames".
//!
//! A set was three objects once (`….ndjson.zst`, `….idx`, `sources/….src.zst`): their `.ndjson.zst` has no such end.

use bytes::Bytes;

use super::index::Index;

/// How many last bytes of an object are read for its sidecar at first. Chosen: the sidecar of some ten thousand results.
pub(super) const TAIL_BYTES: u64 = 64 << 10;

const SOURCES: [u8; 4] = [0x5B, 0x2A, 0x4D, 0x18];
const SIDECAR: [u8; 4] = [0x5C, 0x2A, 0x4D, 0x18];
/// A skippable frame's magic and length.
const HEAD_BYTES: usize = 8;
const END: &[u8] = b"SKEND\x01\0\0";
/// The length of the sidecar, and [`END`].
const END_BYTES: usize = 4 + END.len();

/// Joins the parts of an object. `None`: one of them is of 4 GiB.
pub(super) fn join(data: Vec<u8>, sources: &[u8], sidecar: &[u8]) -> Option<Bytes> {
    let mut out = data;
    out.reserve_exact(2 * HEAD_BYTES + sources.len() + sidecar.len() + END_BYTES);
    if !sources.is_empty() {
        head(&mut out, SOURCES, sources.len())?;
        out.extend_from_slice(sources);
    }
    head(&mut out, SIDECAR, sidecar.len() + END_BYTES)?;
    out.extend_from_slice(sidecar);
    out.extend_from_slice(&u32::try_from(sidecar.len()).ok()?.to_le_bytes());
    out.extend_from_slice(END);
    Some(out.into())
}

fn head(out: &mut Vec<u8>, magic: [u8; 4], bytes: usize) -> Option<()> {
    out.extend_from_slice(&magic);
    out.extend_from_slice(&u32::try_from(bytes).ok()?.to_le_bytes());
    Some(())
}

/// What an object's last bytes say.
pub(super) enum Tail {
    /// The sidecar.
    Sidecar(Index),
    /// The sidecar is longer: so many last bytes hold it.
    Longer(u64),
    /// There is none that can be read.
    None,
}

/// Reads the sidecar from the last bytes of an object.
pub(super) fn read(tail: &Bytes) -> Tail {
    let Some((content, end)) = tail.split_last_chunk::<END_BYTES>() else {
        return Tail::None;
    };
    let Some((len, END)) = end.split_first_chunk::<4>() else {
        return Tail::None;
    };
    let len = u32::from_le_bytes(*len) as usize;
    match content.len().checked_sub(len) {
        None => Tail::Longer(len as u64 + END_BYTES as u64),
        Some(from) => match Index::read(tail.slice(from..content.len())) {
            Ok(index) => Tail::Sidecar(index.with_sources_within(HEAD_BYTES as u64)),
            Err(_) => Tail::None,
        },
    }
}

/// The length of a skippable frame that `bytes` begin with; `None` where they begin with none.
pub(super) fn skippable(bytes: &[u8]) -> Option<usize> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let len = rest.first_chunk::<4>()?;
    (*magic == SOURCES || *magic == SIDECAR)
        .then(|| HEAD_BYTES.saturating_add(u32::from_le_bytes(*len) as usize))
}
