//! The journal in an object store: what is durable goes there continuously, so that a lost disk loses a known little.
//!
//! A *generation* is one run of a log, from the first start with an archive to the next restore. Nobody ever writes over an
//! object: whoever finds another's bytes where its own should be begins a generation of its own.
//!
//! - [`object`]: what an object holds, and how it is called
//! - [`ship`]: [`Shipper`], what is to be stored next
//! - [`base_backup`]: [`Base`], from where a log can be read back
//! - [`retain`]: what may go
//! - [`restore`]: a journal made of objects
//!
//! Nothing of this is on the way of an append: the shipper reads what is durable, and the journal does not wait for it. Segments
//! are dropped whether they were stored or not; a log that was dropped ahead of the shipper goes on behind a new base.

mod base_backup;
mod object;
mod restore;
mod retain;
mod ship;

use std::fmt::Debug;
use std::io;

use base::id::random_bytes;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use base_backup::Base;
pub use object::{Broken, Generation, PIECE_BYTES_MAX};
pub use restore::{
    RESTORE_GAP, RestoreError, Restored, Wanted, bases, files, generations, is_restored_gap,
    restore,
};
pub use ship::{Shipped, Shipper, lag_bytes};

use crate::{Position, ReadError};

/// An object store, as far as an archive needs one. Calls block.
pub trait Objects: Send + Sync + Debug {
    /// Stores an object unless there is one of that name; whether it was stored. Durable when it returns.
    ///
    /// # Errors
    /// When the store refuses or is away; the object may be there or not.
    fn put_new(&self, name: &str, bytes: Bytes) -> io::Result<bool>;

    /// Reads an object; `None` when there is none.
    ///
    /// # Errors
    /// When the store refuses or is away.
    fn get(&self, name: &str) -> io::Result<Option<Bytes>>;

    /// The names that begin with `prefix`, in order.
    ///
    /// # Errors
    /// When the store refuses or is away.
    fn list(&self, prefix: &str) -> io::Result<Vec<String>>;

    /// Removes an object; no error when there is none.
    ///
    /// # Errors
    /// When the store refuses or is away.
    fn delete(&self, name: &str) -> io::Result<()>;
}

/// Why nothing was stored. What the journal holds stays; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object store refused or is away.
    #[error("could not {what} `{name}`")]
    Store {
        /// The step that failed.
        what: &'static str,
        /// The object or folder.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Somebody else writes to this generation, or the log here is another than the one that was stored.
    #[error(
        "`{name}` does not hold what the journal holds there: the generation belongs to another log"
    )]
    Forked {
        /// The object.
        name: String,
    },
    /// The journal holds something that is no record.
    #[error(
        "the journal is damaged at {position}: what follows is not stored; stop the server and run `shukuba check-data`"
    )]
    Damaged {
        /// Where in the log.
        position: Position,
    },
    /// The journal could not be read.
    #[error("could not read the journal")]
    Journal(#[from] ReadError),
    /// A snapshot could not be read.
    #[error("could not read the journal's snapshot")]
    Snapshot(#[source] io::Error),
}

impl Error {
    fn store(what: &'static str, name: &str) -> impl FnOnce(io::Error) -> Self {
        let name = name.to_owned();
        move |source| Self::Store { what, name, source }
    }
}

/// Who began a generation; an object below `generations/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The version of the archive's format.
    pub format: u32,
    /// The account whose log it is.
    pub account: String,
    /// The host it ran on.
    pub host: String,
    /// The generation that it continues, and from where: a restored server's, or one that another server went on with.
    pub parent: Option<Parent>,
}

/// The generation that another one continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its name.
    pub generation: String,
    /// Where its log ends for the one that continues it; unknown after a fork.
    pub position: Option<u64>,
}

/// The version of the archive's format.
pub const FORMAT: u32 = 1;

/// Begins a generation at `begun_ms` and says so in the store.
///
/// # Errors
/// When the store refuses.
pub fn begin(objects: &dyn Objects, begun_ms: u64, who: &Begun) -> Result<Generation, Error> {
    let generation = Generation::new(begun_ms, u64::from_le_bytes(random_bytes()));
    let name = object::begun(&generation);
    let bytes = serde_json::to_vec_pretty(who).unwrap_or_default();
    match objects.put_new(&name, bytes.into()) {
        Ok(true) => Ok(generation),
        Ok(false) => Err(Error::Forked { name }),
        Err(source) => Err(Error::store("store", &name)(source)),
    }
}

/// Who began `generation`; `None` where there is no such generation.
///
/// # Errors
/// When the store refuses.
pub fn begun(objects: &dyn Objects, generation: &Generation) -> Result<Option<Begun>, Error> {
    let name = object::begun(generation);
    let found = objects.get(&name).map_err(Error::store("read", &name))?;
    let Some(bytes) = found else {
        return Ok(None);
    };
    let parsed = serde_json::from_slice(&bytes).map_err(io::Error::other);
    parsed.map(Some).map_err(Error::store("understand", &name))
}
