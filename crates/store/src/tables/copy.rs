//! A copy of tables as they were at one moment.

use std::path::Path;

use super::{Entry, Error, Table, Tables, View};

/// Rows that go into the copy in one change. Chosen.
const BATCH: usize = 1000;

/// Copies `tables` as `view` shows them into new ones in `to`, durably; [`Tables::open`] with `all` opens them. Blocks; not for an
/// asynchronous thread.
///
/// # Errors
/// When the disk refuses.
pub fn copy(view: &View, tables: &[Table], all: &[Table], to: &Path) -> Result<(), Error> {
    let target = Tables::open(to, all)?;
    for table in tables {
        let mut batch = Vec::with_capacity(BATCH);
        for row in view.prefix(table, b"") {
            batch.push(row?);
            if batch.len() == BATCH {
                write(&target, table, std::mem::take(&mut batch))?;
            }
        }
        write(&target, table, batch)?;
    }
    Ok(())
}

fn write(target: &Tables, table: Table, rows: Vec<Entry>) -> Result<(), Error> {
    target.change_blocking(move |_, changes| {
        for (key, value) in rows {
            changes.put(table, key.to_vec(), value.to_vec());
        }
        Ok::<(), Error>(())
    })?
}
