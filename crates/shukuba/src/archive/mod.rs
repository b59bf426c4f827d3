//! The journal's archive as this program uses it: where it is, what goes there beside the log, and the way back.
//!
//! - [`place`]: [`Place`], the object store of results as `store::archive` wants one
//! - [`memory`]: which generation this data directory writes
//! - [`files`]: what of the data directory goes along
//! - [`worker`]: [`Worker`], what is to be done next
//! - [`restore`]: a data directory made of an archive

pub(crate) mod files;
pub(crate) mod memory;
pub(crate) mod place;
pub(crate) mod restore;
pub(crate) mod worker;

pub(crate) use place::Place;
pub(crate) use worker::Worker;
