//! `replay-plan`: which notifications a replay takes.

use base::Timestamp;
use delivery::replay::{Filter, Ids, Replays};
use serde::Deserialize;

use super::{Answer, failed, results, write};

/// What is to be planned.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    pub(crate) filter: Filter,
    /// New ids for all.
    #[serde(default)]
    new_ids: bool,
}

impl Plan {
    /// Plans it for the route whose results are called `route`.
    pub(crate) async fn of(self, route: &str, replays: &Replays, now: Timestamp) -> Answer {
        let mut filter = self.filter;
        results::check_class(filter.class.as_deref())?;
        route.clone_into(&mut filter.route);
        let ids = if self.new_ids { Ids::New } else { Ids::Keep };
        let replay = replays.plan(filter, ids, now).await;
        write(&replay.map_err(|error| failed("the replay cannot be planned", &error))?)
    }

    /// The route that was named.
    pub(crate) fn route(&self) -> Option<&str> {
        Some(self.filter.route.as_str()).filter(|name| !name.is_empty())
    }
}
