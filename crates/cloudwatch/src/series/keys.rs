//! The keys of the tables.
//!
//! # Format
//! `cw-points` has a block at tier (1 byte), span (4 bytes: hours or days since 1970), series (4 bytes), all big-endian: what is
//! written together lies together, and what goes together too.
//!
//! `cw-series`, by the first byte:
//! ```text
//! 0  series (4 bytes, big-endian)  the series, see `record`
//! 1  hour (4 bytes, big-endian)    up to which position of the log the hour is in blocks; 8 bytes, little-endian
//! 2  row (4 bytes, big-endian)     when data of each of 1,024 series last came; 4 bytes each, little-endian
//! 3                                the number of the next new series; 4 bytes, little-endian
//! ```

use store::tables::Table;

use super::retention::Tier;

pub(super) const SERIES: Table = "cw-series";
pub(super) const POINTS: Table = "cw-points";

/// The tables of this module.
pub const TABLES: &[Table] = &[SERIES, POINTS];

/// Series of a row of times.
pub(super) const ROW: u32 = 1024;

pub(super) const OF_SERIES: u8 = 0;
pub(super) const OF_COVERED: u8 = 1;
pub(super) const OF_SEEN: u8 = 2;
pub(super) const NEXT: [u8; 1] = [3];

pub(super) fn block(tier: Tier, span: u32, series: u32) -> [u8; 9] {
    let mut key = [0; 9];
    let (head, tail) = key.split_at_mut(5);
    head.copy_from_slice(&spanned(tier, span));
    tail.copy_from_slice(&series.to_be_bytes());
    key
}

/// What the keys of all blocks of a span begin with.
pub(super) fn spanned(tier: Tier, span: u32) -> [u8; 5] {
    numbered(tier as u8, span)
}

pub(super) fn numbered(kind: u8, number: u32) -> [u8; 5] {
    let [a, b, c, d] = number.to_be_bytes();
    [kind, a, b, c, d]
}

/// The number of a key of `cw-series`.
pub(super) fn number(key: &[u8]) -> Option<u32> {
    key.last_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Span and series of a block's key.
pub(super) fn parts(key: &[u8]) -> Option<(u32, u32)> {
    let (_, span) = key.split_first()?;
    let (span, series) = span.split_first_chunk::<4>()?;
    let series = series.first_chunk::<4>()?;
    Some((u32::from_be_bytes(*span), u32::from_be_bytes(*series)))
}

pub(super) fn little(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
