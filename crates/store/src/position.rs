//! Addresses in the log.
//!
//! The log is one endless run of bytes; a [`Position`] is an offset in it and is never used twice. Segment
//! files hold pieces of it. The engine keys messages by positions, so they outlive restarts and snapshots.

use std::fmt;

use crate::frame::HEADER_BYTES;

/// A byte offset in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// The first byte of the log.
    pub const ZERO: Self = Self(0);

    /// The position `offset` bytes after the log's first.
    #[must_use]
    pub const fn new(offset: u64) -> Self {
        Self(offset)
    }

    /// Bytes since the log's first.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The position `bytes` later.
    #[must_use]
    pub const fn plus(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// How many bytes `self` lies after `earlier`; zero when it does not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Where the payload of the record that starts here begins.
    #[must_use]
    pub const fn payload(self) -> Self {
        self.plus(HEADER_BYTES as u64)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Where an appended record went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The record's position, as [`Fold::apply`](crate::Fold::apply) and [`Journal::scan`](crate::Journal::scan) give it.
    pub start: Position,
    /// Where its payload begins, for [`Journal::read`](crate::Journal::read).
    pub payload: Position,
    /// One past its last byte: what to wait for with [`Journal::committed`](crate::Journal::committed).
    pub end: Position,
}
