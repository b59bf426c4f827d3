//! `replay-plan`: which notifications a replay takes.

use std::collections::BTreeSet;

use base::Timestamp;
use delivery::replay::{Filter, Ids, Phase, Replay, Replays};
use delivery::results::set::Window;
use delivery::why::Question;
use serde::{Deserialize, Serialize};

use super::{Answer, Known, failed, results, write};

/// What is to be planned.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    pub(crate) filter: Filter,
    /// New ids for all.
    #[serde(default)]
    pub(crate) new_ids: bool,
}

/// A replay as it is listed. `is_running`: `None` where nobody knows who else runs it.
pub(crate) fn shown(
    replay: &Replay,
    is_running: Option<bool>,
    error: Option<String>,
) -> serde_json::Value {
    let state = match (replay.phase, is_running) {
        (_, Some(true)) => "running",
        (Phase::Begun, _) if error.is_some() => "failed",
        (Phase::Begun, Some(false)) => "stopped",
        (Phase::Begun, None) => "begun",
        (Phase::Planned, _) => "planned",
        (Phase::Done, _) => "done",
    };
    serde_json::json!({
        "replay": replay, "state": state, "is_running": is_running == Some(true), "error": error,
    })
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

    /// The results' names of the routes on which its ids are, where no route was named. None: it names no ids either.
    pub(crate) async fn routes_of_ids(
        &self,
        known: &Known,
    ) -> Result<Option<Vec<String>>, api::Fault> {
        if self.route().is_some() || self.filter.ids.is_empty() {
            return Ok(None);
        }
        let (why, mut found) = (known.why(), BTreeSet::new());
        for id in &self.filter.ids {
            let answer = why.ask(&Question::Id(id.clone()), &Window::default()).await;
            let answer =
                answer.map_err(|error| failed("the results cannot be searched", &error))?;
            let attempts = answer.stories.into_iter().flat_map(|story| story.attempts);
            found.extend(attempts.map(|attempt| attempt.route));
        }
        Ok(Some(found.into_iter().collect()))
    }

    /// The route that was named.
    pub(crate) fn route(&self) -> Option<&str> {
        Some(self.filter.route.as_str()).filter(|name| !name.is_empty())
    }
}
