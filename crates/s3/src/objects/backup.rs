//! A copy of everything, while puts and deletes go on.

use std::path::Path;

use store::tables;

use super::Objects;
use crate::error::Error;
use crate::files::Copied;
use crate::rows::{self, TRASH};

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
        let kept: Vec<_> = rows::ALL
            .iter()
            .copied()
            .filter(|table| *table != TRASH)
            .collect();
        tables::copy(&view, &kept, rows::ALL, &to.join("tables"))?;
        Ok(copied)
    }
}
