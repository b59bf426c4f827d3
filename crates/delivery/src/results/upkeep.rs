//! What a place needs now and then where no server keeps it: compaction and ageing, by whoever comes by.
//!
//! `upkeep/route=R.json` says when it was done last, `{"at_ms":1795410190250}`. Of several who find it due, one does it and the others
//! wait for the lock and find little to do.

use std::time::Duration;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::compact::Compacted;
use super::set::{Whose, Window};
use super::{Error, ObjectName, Results};

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptUp {
    /// By compaction.
    pub compacted: Compacted,
    /// Results removed by age.
    pub removed: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Last {
    at_ms: u64,
}

impl Results {
    /// Compacts what lone notifiers stored for `route`, and removes what is older than `keep`, when that was done longer ago
    /// than `every`; `None` when it was not due.
    ///
    /// # Errors
    /// What the store says; [`Error::Damaged`] when an object cannot be read. What was done by then stays done.
    pub async fn keep_up(
        &self,
        route: &str,
        now: Timestamp,
        every: Duration,
        keep: Duration,
    ) -> Result<Option<KeptUp>, Error> {
        let name = format!(
            "upkeep/{}.json",
            ObjectName::route_folder(route).trim_end_matches('/')
        );
        let last = self.store().get(&name, None).await?;
        // One that cannot be read is written anew.
        let last: Option<Last> = last.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if last.is_some_and(|last| Timestamp::from_millis(last.at_ms).plus(every) > now) {
            return Ok(None);
        }
        let window = Window {
            route: Some(route.to_owned()),
            whose: Whose::Lone,
            ..Window::default()
        };
        let done = KeptUp {
            compacted: self.compact(&window, now).await?,
            removed: self.retain(&window, now, &|_| keep).await?,
        };
        let now = Last {
            at_ms: now.as_millis(),
        };
        let bytes = serde_json::to_vec(&now).map_err(|error| Error::Damaged {
            name: name.clone(),
            detail: error.to_string(),
        })?;
        self.store().put(&name, bytes.into()).await?;
        Ok(Some(done))
    }
}
