//! Reading tables, and what a change writes.

use std::ops::Bound;
use std::sync::Arc;

use fjall::{Database, Keyspace, Readable, Snapshot};

use super::{Error, Table};

/// All tables as they were at one moment. Cheap to clone; keeps old files while it lives.
#[derive(Clone)]
pub struct View(Arc<Inner>);

struct Inner {
    snapshot: Snapshot,
    tables: Vec<(Table, Keyspace)>,
}

/// A key and its value.
pub type Entry = (fjall::UserKey, fjall::UserValue);

/// The entries of a part of a table, in the order of their keys.
pub struct Scan(Option<fjall::Iter>);

impl View {
    pub(super) fn of(database: &Database, tables: &[(Table, Keyspace)]) -> Self {
        Self(Arc::new(Inner {
            snapshot: database.snapshot(),
            tables: tables.to_vec(),
        }))
    }

    /// The value at `key`. A table that was not opened is empty.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<fjall::UserValue>, Error> {
        let Some(table) = self.table(table) else {
            return Ok(None);
        };
        self.0.snapshot.get(table, key).map_err(failed)
    }

    /// The entries whose keys begin with `prefix`.
    #[must_use]
    pub fn prefix(&self, table: Table, prefix: &[u8]) -> Scan {
        let table = self.table(table);
        Scan(table.map(|table| self.0.snapshot.prefix(table, prefix)))
    }

    /// The entries whose keys lie within the bounds. A range that ends before it begins is empty.
    #[must_use]
    pub fn range(&self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Scan {
        if is_empty(from, to) {
            return Scan(None);
        }
        let table = self.table(table);
        Scan(table.map(|table| self.0.snapshot.range::<&[u8], _>(table, (from, to))))
    }

    fn table(&self, name: Table) -> Option<&Keyspace> {
        let known = self.0.tables.iter().find(|(known, _)| *known == name);
        debug_assert!(known.is_some(), "the table `{name}` was not opened");
        known.map(|(_, table)| table)
    }
}

fn is_empty(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
        _ => false,
    }
}

impl Iterator for Scan {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.0.as_mut()?.next()?;
        Some(entry.into_inner().map_err(failed))
    }
}

impl DoubleEndedIterator for Scan {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entry = self.0.as_mut()?.next_back()?;
        Some(entry.into_inner().map_err(failed))
    }
}

fn failed(error: fjall::Error) -> Error {
    Error::Read(Box::new(error))
}

/// What a change writes, all or nothing. Later words about a key stand over earlier ones.
#[derive(Debug, Default)]
pub struct Changes(Vec<(Table, Vec<u8>, Option<Vec<u8>>)>);

impl Changes {
    /// Sets `key` to `value`.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.0.push((table, key.into(), Some(value.into())));
    }

    /// Takes `key` away, if it is there.
    pub fn remove(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.0.push((table, key.into(), None));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn take(self) -> Vec<(Table, Vec<u8>, Option<Vec<u8>>)> {
        self.0
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").finish_non_exhaustive()
    }
}
