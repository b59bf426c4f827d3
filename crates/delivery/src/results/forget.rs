//! Removal by id, for those who ask for their personal data to be removed.
//!
//! Objects that hold the id are written again without it, results and sources alike; counts stay. Seal first: what
//! lies in the journal only is not touched. The journal's own copy goes with its segments, and backups are the
//! operator's.

use super::Error;
use super::compact::id_keys;
use super::set::{Results, Window};

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Forgotten {
    /// Results removed, with their sources.
    pub results: u64,
    /// Objects that were written again.
    pub objects: u64,
}

impl Results {
    /// Removes every result of a message or notification id.
    ///
    /// # Errors
    /// What the store says; [`Error::Damaged`] when an object cannot be read. Call again: what is done stays done.
    pub async fn forget(&self, window: &Window, id: &str) -> Result<Forgotten, Error> {
        let _upkeep = self.upkeep().await?;
        self.remove_replaced(window, None).await?;
        let keys = id_keys(id);
        let mut forgotten = Forgotten::default();
        for entry in self.entries(window).await? {
            let Some(index) = self.index(&entry).await? else {
                continue;
            };
            if index.candidates(&keys).next().is_none() {
                continue;
            }
            let results = self.rewrite_without(&entry, id).await?;
            forgotten.results += results;
            forgotten.objects += u64::from(results > 0);
        }
        Ok(forgotten)
    }
}
