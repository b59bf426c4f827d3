//! `replay` where notifiers run alone: the plans lie beside the results, the run is this process, the queue any SQS queue.

use anyhow::Context;
use base::{Clock, SystemClock, Timestamp};
use delivery::ledger::manifest::{self, IDS_MAX, ManifestBuilder};
use delivery::replay::{Replay, Replays};
use serde::Deserialize;
use tokio::sync::watch;

use super::{Place, given, last_part};
use crate::answers::replay::{Plan, shown};
use crate::answers::{Answer, no_replay, only_route, refuse, write};
use crate::app::App;
use crate::data;
use crate::signal::Stop;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Which {
    id: Option<String>,
}

/// How a replay is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) id: &'a str,
    pub(crate) rate: u32,
    /// In place of the route's.
    pub(crate) queue: Option<&'a str>,
}

impl Place {
    pub(super) fn replays(&self) -> Replays {
        Replays::new(self.known.results.clone(), None)
    }

    pub(super) async fn plan(&self, input: &[u8]) -> anyhow::Result<Answer> {
        let plan: Plan = given(input)?;
        let route = match plan.routes_of_ids(&self.known).await {
            Err(fault) => return Ok(Err(fault)),
            Ok(None) => self.route_or_only(plan.route().map(str::to_owned)).await?,
            Ok(Some(found)) => match only_route(&found) {
                Err(fault) => return Ok(Err(fault)),
                Ok(route) => route.to_owned(),
            },
        };
        let now = SystemClock::new().now();
        Ok(plan.of(&route, &self.replays(), now).await)
    }

    pub(super) async fn list_replays(&self, input: &[u8]) -> anyhow::Result<Answer> {
        let Which { id } = given(input)?;
        let all = match id {
            None => self.replays().list().await?,
            Some(id) => match self.replays().get(&id).await? {
                Some(replay) => vec![replay],
                None => return Ok(Err(no_replay(&id))),
            },
        };
        let shown: Vec<_> = all.iter().map(|replay| shown(replay, None, None)).collect();
        Ok(write(&shown))
    }

    pub(super) async fn discard(&self, input: &[u8]) -> anyhow::Result<Answer> {
        let Which { id } = given(input)?;
        let Some(id) = id else {
            return Ok(Err(refuse("say which replay: `id`")));
        };
        if !self.replays().discard(&id).await? {
            return Ok(Err(no_replay(&id)));
        }
        Ok(write(&serde_json::json!({ "discarded": id })))
    }

    /// Sends what is left of a replay, until it is done or a signal stops it. `progress` is told how far it is.
    pub(crate) async fn run(
        &self,
        app: &App,
        run: Run<'_>,
        mut progress: impl FnMut(&Replay) + Send,
    ) -> anyhow::Result<serde_json::Value> {
        let replays = self.replays();
        let replay = replays.get(run.id).await?;
        let replay = replay.with_context(|| format!("there is no replay `{}`", run.id))?;
        let target = self.target(app, &replay.filter.route, run.queue).await?;
        let (stop, stopped) = watch::channel(false);
        let mut signals = Stop::new()?;
        let clock = SystemClock::new();
        let begun = clock.now();
        let error = {
            let sending = replays.run(
                run.id,
                target.as_ref(),
                &clock,
                run.rate,
                &mut progress,
                &stopped,
            );
            tokio::pin!(sending);
            loop {
                tokio::select! {
                    done = &mut sending => break done.err(),
                    () = signals.wait() => { stop.send_replace(true); }
                }
            }
        };
        let replay = replays.get(run.id).await?.unwrap_or(replay);
        self.name_new_ids(&replay, run.queue, begun).await?;
        let error = error.map(|error| format!("{:#}", anyhow::Error::new(error)));
        Ok(shown(&replay, Some(false), error))
    }

    /// New ids are of nobody else's manifests: without one of their own they would be of unknown origin.
    async fn name_new_ids(
        &self,
        replay: &Replay,
        queue: Option<&str>,
        at: Timestamp,
    ) -> anyhow::Result<()> {
        let queue = last_part(&self.queue_of(&replay.filter.route, queue)?);
        let planned = Timestamp::from_millis(replay.planned_at_ms);
        let ids: Vec<String> = replay.new_ids(replay.sent).collect();
        for (part, ids) in ids.chunks(IDS_MAX).enumerate() {
            let name = manifest::name(&queue, planned, &format!("{}-{part}", replay.id));
            let source = format!("replay {}", replay.id);
            let mut builder = ManifestBuilder::new(&queue, &data::host(), &source);
            ids.iter().for_each(|id| builder.add(at, id));
            let store = self.known.results.store();
            store.put(&name, builder.finish()?).await?;
        }
        Ok(())
    }
}
