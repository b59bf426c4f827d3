//! The record of every call, the history that can be looked up, and log files that anyone can verify.
//!
//! - [`seen`] has [`Seen`], what the trail is told of a call
//! - [`bucket`]: the port to buckets, and whether their policies let us in
//! - [`digest`]: signed lists of log files, each naming the one before
//! - [`engine`]: trails, as a function of what happened to them
//! - [`spool`]: where records lie, chained to each other
//! - [`trails`]: [`Trails`], all of it together, and what runs in the background
//! - [`verify`]: whether everything is as it was written
//! - [`history`]: records found by what they are, newest first
//! - [`search`]: records found by several things at once, for people
//! - [`ops`]: the operations on the wire
//! - [`recorder`]: from what the gateway tells of a call to a record
//! - [`record`]: the record of a call, what never stands in it, and what it can be looked up by

pub mod bucket;
pub mod digest;
pub mod engine;
pub mod history;
mod ledger;
pub mod ops;
pub mod record;
pub mod recorder;
pub mod search;
pub mod seen;
pub mod spool;
pub mod trails;
pub mod verify;

pub use seen::Seen;
pub use trails::{Options, Parts, Trails};
