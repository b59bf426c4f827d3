//! The journal: one segmented, append-only log per data directory, with group commit, snapshots and recovery.
//!
//! - [`position`]: [`Position`], addresses in the log
//! - [`frame`]: how a record lies in a segment
//! - [`fold`]: [`Fold`], what the records add up to
//! - [`journal`]: the [`Journal`] itself
//! - [`disk`]: [`disk::Disk`], the operating system's or one that fails from a seed
//! - [`segment`]: segment files
//! - [`check`], [`backup`]: verifying, quarantine, copies
//! - [`dir`]: [`DataDir`], the lock and the version of the data directory
//! - [`recovery`]: how a journal opens, what it refuses
//! - [`record`]: what the records of the queues are, as typed facts in a compact form
//! - [`room`]: [`Room`], what happens on a full disk
//! - [`tables`]: [`Tables`], ordered keys by name beside the journal
