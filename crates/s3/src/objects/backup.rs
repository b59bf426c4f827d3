//! A copy of everything, while puts and deletes go on.

use std::path::Path;

use store::Tables;
use store::tables::Entry;

use super::Objects;
use crate::error::Error;
use crate::files::Copied;
use crate::rows::{self, TRASH};

/// Rows that go into the copy in one change. Chosen.
const BATCH: usize = 1000;

impl Objects {
    /// Copies all buckets as they are at one moment into `to`, durably; [`Objects::open`] opens it. Files of what is deleted meanwhile
    /// stay until it ends. Blocks; not for an asynchronous thread.
    ///
    /// # Errors
    /// When the disk or the tables refuse.
    pub fn backup(&self, to: &Path) -> Result<Copied, Error> {
        let held = self.files.hold();
        let view = self.tables.view();
        let copied = held.copy(&view, &to.join("files"))?;
        let target = Tables::open(&to.join("tables"), rows::ALL)?;
        for table in rows::ALL.iter().filter(|table| **table != TRASH) {
            let mut batch = Vec::with_capacity(BATCH);
            for row in view.prefix(table, b"") {
                batch.push(row?);
                if batch.len() == BATCH {
                    write(&target, table, std::mem::take(&mut batch))?;
                }
            }
            write(&target, table, batch)?;
        }
        Ok(copied)
    }
}

fn write(target: &Tables, table: &'static str, rows: Vec<Entry>) -> Result<(), Error> {
    target.change_blocking(move |_, changes| {
        for (key, value) in rows {
            changes.put(table, key.to_vec(), value.to_vec());
        }
        Ok::<(), Error>(())
    })?
}
