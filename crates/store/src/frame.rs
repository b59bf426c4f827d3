//! The record frame.

/// Bytes before a record's payload.
pub const HEADER_BYTES: usize = 24;
