//! A consistent copy of a journal, also while it runs.
//!
//! What is durable never changes in place: sealed segments and snapshots are copied whole, the growing segment up to what
//! was durable when the copy began. Recovery of the copy then sees a log that ends there. Copied, not hard-linked: a
//! backup should not share its blocks with what it protects from.

use std::io;

use base::ByteCount;

use crate::check::{check, copy};
use crate::disk::Disk;
use crate::segment::{self, Span};
use crate::{Journal, snapshot};

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Files copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: ByteCount,
}

/// Why a copy was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is a journal already.
    #[error("there is a journal already; restore into an empty directory")]
    NotEmpty,
    /// The copy is damaged.
    #[error("the backup is damaged in {places} places, the first in `{file}` at offset {offset}")]
    Damaged {
        /// How many.
        places: usize,
        /// The first one's file.
        file: String,
        /// Where in the file.
        offset: u64,
    },
    /// The disk refused.
    #[error("could not copy the journal")]
    Disk(#[from] io::Error),
}

impl Journal {
    /// Copies all that is durable now into `to`, which should be empty. Blocks; appending and committing go on, snapshots
    /// and reclaiming wait.
    ///
    /// # Errors
    /// When one of the disks refuses; `to` then holds a partial copy that does not restore.
    pub fn backup(&self, to: &dyn Disk) -> io::Result<Copied> {
        self.holding_files(|from| {
            // INVARIANT: read before the segments, so that each of its bytes lies in one of them.
            let end = self.durable();
            let mut copied = Copied::default();
            // Oldest first: a copy that ends early has a hole or no snapshot, and does not pass for whole.
            for span in self.spans() {
                if span.base < end.get() {
                    copied.add(copy_segment(from, to, span, end.get())?);
                }
            }
            for position in snapshot::list(from)? {
                copied.add(copy_file(from, to, &snapshot::name(position))?);
            }
            to.sync_names()?;
            Ok(copied)
        })
    }
}

impl Copied {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes = ByteCount::new(self.bytes.get() + bytes);
    }
}

fn copy_segment(from: &dyn Disk, to: &dyn Disk, span: Span, durable: u64) -> io::Result<u64> {
    let source = from.open(&span.name())?;
    let target = to.create(&span.name())?;
    let end = durable.min(span.end()) - span.base;
    let bytes = copy(source.as_ref(), 0, end, target.as_ref(), 0)?;
    // A segment that holds nothing but its seal is shorter than it says.
    target.allocate(span.capacity.min(source.size()?))?;
    target.sync()?;
    Ok(bytes)
}

fn copy_file(from: &dyn Disk, to: &dyn Disk, name: &str) -> io::Result<u64> {
    let source = from.open(name)?;
    let target = to.create(name)?;
    let bytes = copy(source.as_ref(), 0, source.size()?, target.as_ref(), 0)?;
    target.sync()?;
    Ok(bytes)
}

/// Copies a backup that checks in every byte into an empty directory, for [`Journal::open`].
///
/// # Errors
/// See [`RestoreError`]; `to` is then to be emptied.
pub fn restore(from: &dyn Disk, to: &dyn Disk) -> Result<Copied, RestoreError> {
    if to.list()?.iter().any(|name| is_journal(name)) {
        return Err(RestoreError::NotEmpty);
    }
    let report = check(from)?;
    if !report.is_sound() {
        let first = report.damage.first();
        return Err(RestoreError::Damaged {
            places: report.damage.len().max(1),
            file: first.map_or_else(|| "a snapshot".to_owned(), |damage| damage.file.clone()),
            offset: first.map_or(0, |damage| damage.offset),
        });
    }
    Ok(copy_at_rest(from, to)?)
}

/// Copies a journal that nobody has open into an empty directory, damaged or not: [`check`] says which.
///
/// # Errors
/// When one of the disks refuses; `to` is then to be emptied.
pub fn copy_at_rest(from: &dyn Disk, to: &dyn Disk) -> io::Result<Copied> {
    let mut copied = Copied::default();
    let mut names = from.list()?;
    names.retain(|name| is_journal(name));
    names.sort_unstable_by_key(|name| segment::base_of(name).unwrap_or(u64::MAX));
    for name in names {
        copied.add(copy_file(from, to, &name)?);
    }
    to.sync_names()?;
    Ok(copied)
}

fn is_journal(name: &str) -> bool {
    name.ends_with(".seg") || name.ends_with(".snap")
}
