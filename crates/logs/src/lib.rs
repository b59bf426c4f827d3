//! Log events in groups and streams, as CloudWatch Logs shows them: what functions print, and what anybody puts.
//!
//! INVARIANT: an event is on disk before its put is answered, and goes by its group's retention, by the bound on a group's bytes,
//! or with its stream or group; nothing else takes it.
//!
//! - [`group`]: what a group and a stream are
//! - [`event`]: an event, and its place in the order of its group
//! - [`pattern`]: which events a filter pattern is for
//! - [`keys`]: the tables
//! - [`logs`]: [`Logs`], all groups on disk: changed and read
//! - [`upkeep`]: what is past its retention, and what was deleted, leaves the disk
//! - [`printed`]: lines of programs on their way into streams, in batches
//! - [`ops`]: the operations on the wire

pub mod event;
pub mod group;
pub mod keys;
pub mod logs;
pub mod ops;
pub mod pattern;
pub mod printed;
pub mod upkeep;

#[cfg(test)]
mod testing;

pub use keys::TABLES;
pub use logs::{Bounds, Logs, Place};
pub use printed::Printed;
