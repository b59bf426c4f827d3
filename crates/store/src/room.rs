//! How much room the disk has for the log.
//!
//! Segments are preallocated, so a full disk shows when one is to be made, not when records are written.

use base::ByteCount;

/// What a record is for; decides whether it may use the reserve, and how soon it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Brings new data in (send, replay). Refused when only the reserve is left.
    Send,
    /// Finishes or frees what is in (delete, move, expire). May use the reserve.
    Settle,
    /// As [`Class::Settle`], for what no caller's answer waits for (receives, a notifier's own settles): may wait
    /// [`crate::Options::linger`] for others to share its commit.
    Unhurried,
}

/// How much room is left, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// The next segment and the reserve are allocated.
    Normal,
    /// The next segment or the reserve could not be allocated; `left` bytes until sends are refused. Time for an alarm.
    Low {
        /// Bytes left outside of the reserve.
        left: ByteCount,
        /// The reserve's size; all of it is there.
        reserve: ByteCount,
    },
    /// Sends are refused; settles go on in the reserve.
    Reserve {
        /// Bytes left of the reserve.
        left: ByteCount,
        /// Its whole size. Notifiers keep to what `left` has beyond half of it.
        size: ByteCount,
    },
    /// Everything is refused.
    Full,
}
