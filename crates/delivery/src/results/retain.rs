//! Removal by age.
//!
//! The counts of what goes stay in `retired.json`, so that the ledger still balances: first the counts and the names are
//! written, then the objects are removed, then the names are struck out. A crash in between is made good by the next call.

use std::time::Duration;

use base::Timestamp;

use super::index::merge_tables;
use super::set::{RETIRED, Results, Retired, Window};
use super::{Error, ObjectName};

impl Results {
    /// Removes the objects whose hour ended longer ago than `keep(route)`. Answers how many results that were.
    ///
    /// # Errors
    /// What the store says; [`Error::Damaged`] when an object cannot be read.
    pub async fn retain(
        &self,
        window: &Window,
        now: Timestamp,
        keep: &(dyn Fn(&str) -> Duration + Sync),
    ) -> Result<u64, Error> {
        let _upkeep = self.upkeep().await?;
        let mut retired = self.retired().await?;
        self.finish_removing(&mut retired).await?;
        // With the object that stands for them gone, they would count.
        self.remove_replaced(window, None).await?;
        let mut results = 0;
        for entry in self.entries(window).await? {
            let end = entry.name.begins().plus(Duration::from_secs(3600));
            if end.plus(keep(&entry.name.route)) > now {
                continue;
            }
            let Some(index) = self.index(&entry).await? else {
                continue;
            };
            results += index.results();
            let table = retired.routes.entry(entry.name.route.clone()).or_default();
            merge_tables(table, &index.kept);
            merge_tables(table, &index.forgotten);
            retired.removing.insert(entry.name.data());
            let before = retired
                .before_hour
                .entry(entry.name.route.clone())
                .or_default();
            *before = (*before).max(entry.name.hour + 1);
        }
        if results > 0 || !retired.removing.is_empty() {
            self.put_retired(&retired).await?;
            self.finish_removing(&mut retired).await?;
        }
        Ok(results)
    }

    async fn finish_removing(&self, retired: &mut Retired) -> Result<(), Error> {
        if retired.removing.is_empty() {
            return Ok(());
        }
        for name in retired
            .removing
            .iter()
            .filter_map(|name| ObjectName::parse(name))
        {
            self.remove(&name).await?;
            self.store.delete(&name.replaces()).await?;
        }
        retired.removing.clear();
        self.put_retired(retired).await
    }

    async fn put_retired(&self, retired: &Retired) -> Result<(), Error> {
        let bytes = serde_json::to_vec(retired).map_err(|error| Error::Damaged {
            name: RETIRED.to_owned(),
            detail: error.to_string(),
        })?;
        Ok(self.store.put(RETIRED, bytes.into()).await?)
    }
}
