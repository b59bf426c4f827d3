//! The journal: one segmented, append-only log per data directory, with group commit, snapshots and recovery.
//!
//! - [`position`]: [`Position`], addresses in the log
//! - [`frame`]: how a record lies in a segment
//! - [`fold`]: [`Fold`], what the records add up to
//! - [`journal`]: the [`Journal`] itself
//! - [`disk`]: [`disk::Disk`], the operating system's or one that fails from a seed
//! - [`segment`]: segment files
//! - [`check`], [`backup`]: verifying, quarantine, copies
//! - [`archive`]: the log in an object store, continuously, and back
//! - [`dir`]: [`DataDir`], the lock and the version of the data directory
//! - [`recovery`]: how a journal opens, what it refuses
//! - [`record`]: what the records of the queues are, as typed facts in a compact form
//! - [`room`]: [`Room`], what happens on a full disk
//! - [`changes`]: [`changes::Changes`], a small state that several processes share and change
//! - [`seal`]: [`seal::MasterKey`], under which secrets lie
//! - [`private`]: small files that only their owner reads
//! - [`tables`]: [`Tables`], ordered keys by name beside the journal
//! - [`poison`]: [`Poisoned`], what happens when the disk fails

pub mod archive;
pub mod backup;
pub mod changes;
pub mod check;
pub mod dir;
pub mod disk;
pub mod fold;
pub mod frame;
pub mod journal;
pub mod poison;
pub mod position;
pub mod private;
pub mod record;
pub mod recovery;
pub mod room;
pub mod seal;
pub mod segment;
mod shelf;
mod snapshot;
pub mod tables;
mod walk;

pub use dir::{DataDir, Use};
pub use fold::{BoxError, Capture, Fold};
pub use journal::{
    AppendError, Committed, Journal, Options, Place, ReadError, Record, Scan, SegmentInfo,
};
pub use poison::Poisoned;
pub use position::{Appended, Position};
pub use recovery::{OpenError, Recovery};
pub use room::{Class, Room};
pub use tables::Tables;

#[cfg(test)]
mod tests {
    /// Lower-case hexadecimal, for goldens.
    pub(crate) fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
