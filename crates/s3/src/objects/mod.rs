//! Buckets and objects, without wire, callers or permissions.
//!
//! - [`Objects`]: opening, and what all share
//! - `bucket`: making and deleting buckets, and what is set for them
//! - `put`, `get`, `copy`, `delete`: objects
//! - `upload`: uploads in parts
//! - `list`: pages of keys, of uploads, of parts
//! - `expire`: what goes by its age
//! - `backup`: a copy of everything
//! - `check`: reading everything, and comparing it with what was put
//!
//! A put goes: bytes into a file, fdatasync, fsync of the folder; then one change of the tables that checks the conditions, names
//! the file and takes the object before it out; then the answer. See [`crate::files`] for what a crash in between leaves.

mod backup;
mod bucket;
mod check;
mod condition;
mod copy;
mod delete;
mod expire;
mod get;
mod list;
mod put;
mod tag;
mod upload;

use std::path::Path;
use std::sync::Arc;

use base::Clock;
use store::Tables;
use store::tables::{Changes, View};

use crate::error::Error;
use crate::files::Files;
use crate::limits::{KEY_BYTES_MAX, Limits};
use crate::policy::Shelf;
use crate::rows::{
    self, BUCKETS, Bucket, Content, FILES, Id, OBJECTS, Object, PIECES, Piece, TRASH,
};

pub use check::{Checked, Damaged};
pub use condition::{Match, Matches, ReadConditions};
pub use copy::{Copy, From};
pub use delete::{Delete, Gone};
pub use expire::{Expired, abort_time, expiry};
pub use get::{Found, Opened, Select};
pub use list::{Page, Paging, PartPage, UploadEntry, UploadPage};
pub use put::{Digests, Put};
pub use tag::check_tags;
pub use upload::{Chosen, Complete, NewUpload, PutPart};

/// All buckets of a data directory.
#[derive(Debug)]
pub struct Objects {
    tables: Arc<Tables>,
    files: Arc<Files>,
    clock: Arc<dyn Clock>,
    policies: Shelf,
}

impl Objects {
    /// Opens the buckets in `dir`, makes it when there is none, and deletes what a crash left of puts that were not
    /// answered. Blocks.
    ///
    /// # Errors
    /// When the disk or the tables refuse.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>, limits: Limits) -> Result<Arc<Self>, Error> {
        let tables = Arc::new(Tables::open(&dir.join("tables"), rows::ALL)?);
        let files = Files::open(&dir.join("files"), Arc::clone(&tables), limits)?;
        Ok(Arc::new(Self {
            tables,
            files,
            clock,
            policies: Shelf::default(),
        }))
    }

    /// Deletes the files of what was deleted or replaced, for ever. Without it they stay, and nothing else happens.
    pub async fn reap(self: Arc<Self>) {
        Arc::clone(&self.files).reap_for_ever().await;
    }

    /// Why nothing can be changed any more, if so.
    #[must_use]
    pub fn poisoned(&self) -> Option<store::Poisoned> {
        self.tables.poisoned()
    }

    /// Reads what is durable, on a thread that may wait for the disk.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&View) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let view = self.tables.view();
        tokio::task::spawn_blocking(move || look(&view))
            .await
            .map_err(|_| Error::Ended)?
    }

    /// Changes the tables; the answer is durable.
    async fn change<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&View, &mut Changes) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.tables.change(decide).await?
    }
}

/// The bucket `name`.
fn bucket(view: &View, name: &str) -> Result<Bucket, Error> {
    rows::get(view, BUCKETS, name.as_bytes())?.ok_or_else(|| Error::BucketNotFound {
        bucket: name.to_owned(),
    })
}

/// The object `key` of the bucket with this id.
fn object(view: &View, bucket: Id, key: &str) -> Result<Object, Error> {
    find(view, bucket, key)?.ok_or_else(|| Error::KeyNotFound {
        key: key.to_owned(),
    })
}

fn find(view: &View, bucket: Id, key: &str) -> Result<Option<Object>, Error> {
    rows::get(view, OBJECTS, &rows::object_key(bucket, key))
}

fn check_key(key: &str) -> Result<(), Error> {
    match key.len() {
        0 => Err(Error::argument(
            "key",
            "is empty; a key has at least one character",
        )),
        bytes if bytes > KEY_BYTES_MAX => Err(Error::KeyTooLong { bytes }),
        _ => Ok(()),
    }
}

/// Puts `object` in the place of what is there.
fn replace(
    view: &View,
    changes: &mut Changes,
    bucket: Id,
    key: &str,
    object: &Object,
) -> Result<(), Error> {
    if let Some(old) = find(view, bucket, key)? {
        discard(view, changes, old.content)?;
    }
    rows::put(changes, OBJECTS, rows::object_key(bucket, key), object)
}

/// Takes the files of `content` out of use.
fn discard(view: &View, changes: &mut Changes, content: Content) -> Result<(), Error> {
    match content {
        Content::None => {}
        Content::File(id) => discard_file(changes, id),
        Content::Parts { id, .. } => {
            for piece in pieces(view, id)? {
                discard_piece(changes, &piece);
            }
            changes.remove(PIECES, id.to_be_bytes());
        }
    }
    Ok(())
}

fn discard_piece(changes: &mut Changes, piece: &Piece) {
    if let Some(id) = piece.file {
        discard_file(changes, id);
    }
}

fn discard_file(changes: &mut Changes, id: Id) {
    changes.remove(FILES, id.to_be_bytes());
    changes.put(TRASH, id.to_be_bytes(), "");
}

/// The parts that an object was made of.
fn pieces(view: &View, id: Id) -> Result<Vec<Piece>, Error> {
    Ok(rows::get(view, PIECES, &id.to_be_bytes())?.unwrap_or_default())
}

/// Makes a file part of something.
fn name_file(changes: &mut Changes, id: Id, bytes: u64) {
    changes.put(FILES, id.to_be_bytes(), bytes.to_be_bytes());
}

#[cfg(test)]
mod tests;
