//! The journal: one segmented, append-only log per data directory, with group commit, snapshots and recovery.
//!
//! - [`position`]: [`Position`], addresses in the log
//! - [`frame`]: how a record lies in a segment
//! - [`fold`]: [`Fold`], what the records add up to
//! - [`journal`]: [`Journal`]
//! - [`record`]: what the records of the queues are, as typed facts in a compact form
//! - [`room`]: [`Room`], what happens on a full disk
//! - [`poison`]: [`Poisoned`], what happens when the disk fails

pub mod fold;
pub mod frame;
pub mod journal;
pub mod poison;
pub mod position;
pub mod record;
pub mod room;

pub use fold::{BoxError, Capture, Fold};
pub use journal::{AppendError, Journal, Options, ReadError, Record, Recovery, SegmentInfo};
pub use poison::Poisoned;
pub use position::{Appended, Position};
pub use room::{Class, Room};
