//! `replay-*`: notifications sent again; a plan first, then a run that goes on beside the calls and can be stopped.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use delivery::ledger::Detail;
use delivery::ledger::book::OTHER;
use delivery::port;
use delivery::replay::{Again, Replay, Replays, Target};
use delivery::results::ResultLog;
use delivery::travel;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde::Deserialize;
use sqs::attributes::{Attribute, Value};
use sqs::{Outgoing, Sender};
use store::Position;
use store::record::Cause;
use tokio::sync::watch;

use super::{Answer, Desk, failed, read, refuse, write};
use crate::answers::only_route;
use crate::answers::replay::{Plan, shown};
use crate::answers::{no_replay, not_now};
use crate::serve::route_queue::failed as queue_failed;
use crate::serve::routes::LiveRoute;

/// Messages sent at once. Chosen: each batch is two writes to the disk, and a million should take minutes.
const BATCH: usize = 500;
/// Names that a refusal lists.
const SHOWN_MAX: usize = 20;

/// The runs of this process: those that go on, and those that ended in an error, until they are run again.
#[derive(Debug, Default)]
pub(in crate::serve) struct Runs(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    /// By the replay's id.
    by_id: BTreeMap<String, Run>,
    is_ending: bool,
}

#[derive(Debug)]
struct Run {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
    error: Option<String>,
}

impl Run {
    fn goes_on(&self) -> bool {
        self.error.is_none() && !self.task.is_finished()
    }
}

impl Runs {
    /// Stops all, waits until each has noted how far it came, and lets none begin from here on.
    pub(in crate::serve) async fn end(&self) {
        let all = {
            let mut runs = self.0.lock();
            runs.is_ending = true;
            std::mem::take(&mut runs.by_id)
        };
        for run in all.values() {
            run.stop.send_replace(true);
        }
        for (replay, run) in all {
            if let Err(error) = run.task.await {
                tracing::error!(%replay, %error, "a replay failed; run it again to resume");
            }
        }
    }

    /// Tells those that go on to stop, of this id or all; which these were.
    fn stop(&self, id: Option<&str>) -> Vec<String> {
        let runs = self.0.lock();
        let is_chosen = |known: &str| id.is_none_or(|id| id == known);
        let chosen = runs.by_id.iter();
        let chosen = chosen.filter(|(known, run)| is_chosen(known) && run.goes_on());
        chosen
            .map(|(known, run)| {
                run.stop.send_replace(true);
                known.clone()
            })
            .collect()
    }

    fn goes_on(&self, id: &str) -> bool {
        self.0.lock().by_id.get(id).is_some_and(Run::goes_on)
    }

    /// What is kept of a run that ended.
    fn ended(&self, id: &str, error: Option<String>) {
        let mut runs = self.0.lock();
        match (error, runs.by_id.get_mut(id)) {
            (Some(error), Some(run)) => run.error = Some(error),
            _ => drop(runs.by_id.remove(id)),
        }
    }
}

pub(super) async fn plan(desk: &Desk, input: Bytes) -> Answer {
    let plan: Plan = read(&input)?;
    let route = match plan.routes_of_ids(&desk.known()).await? {
        None => desk.route_or_only(plan.route())?,
        Some(found) => {
            let routes = desk.notifiers.routes.read();
            let is_found = |route: &&Arc<LiveRoute>| found.contains(&route.results);
            let names: Vec<String> = routes
                .values()
                .filter(is_found)
                .map(|route| route.name.to_string())
                .collect();
            drop(routes);
            desk.route(only_route(&names)?)?
        }
    };
    check_destination(desk, &route, plan.filter.destination.as_deref())?;
    let now = desk.work.clock.now();
    plan.of(&route.results, &replays(desk), now).await
}

/// Refuses a destination of which the route's ledger knows nothing: a replay of none is a slip of the pen.
fn check_destination(desk: &Desk, route: &LiveRoute, name: Option<&str>) -> Result<(), api::Fault> {
    let Some(name) = name else { return Ok(()) };
    let report = desk.ledger.report(Some(route.queue.name()), Detail::Totals);
    let books = report.queues.iter().flat_map(|book| &book.destinations);
    let known: Vec<&str> = books.map(|book| book.destination.as_str()).collect();
    // Beyond the bound the ledger does not know their names.
    if known.contains(&name) || known.contains(&OTHER) {
        return Ok(());
    }
    let shown = known.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>();
    let more = if known.len() > SHOWN_MAX { ", …" } else { "" };
    Err(refuse(format!(
        "route `{}` has sent nothing to `{name}`; its destinations: {}{more}",
        route.name,
        shown.join(", ")
    )))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunInput {
    id: String,
    /// At most so many a second; 0: as fast as it goes.
    #[serde(default)]
    rate: u32,
}

pub(super) async fn run(desk: &Desk, input: Bytes) -> Answer {
    let RunInput { id, rate } = read(&input)?;
    let replay = find(desk, &id).await?;
    let route = {
        let routes = desk.notifiers.routes.read();
        routes
            .values()
            .find(|route| route.results == replay.filter.route)
            .cloned()
    };
    let route = route.ok_or_else(|| {
        not_now(format!(
            "no route has the results `{}` any more",
            replay.filter.route
        ))
    })?;
    let target = Here {
        route,
        log: desk.log.clone(),
    };
    let mut runs = desk.replays.0.lock();
    if runs.is_ending {
        return Err(not_now("the server stops; resume the replay when it runs"));
    }
    if runs.by_id.get(&id).is_some_and(Run::goes_on) {
        return Err(not_now(format!("replay `{id}` runs already")));
    }
    let (stop, stopped) = watch::channel(false);
    let (replays, clock) = (replays(desk), desk.work.clock.clone());
    let (kept, name) = (desk.replays.clone(), id.clone());
    let runtime = tokio::runtime::Handle::current();
    let task = tokio::task::spawn_blocking(move || {
        let mut progress = |_: &Replay| {};
        let done = runtime.block_on(replays.run(
            &name,
            &target,
            clock.as_ref(),
            rate,
            &mut progress,
            &stopped,
        ));
        let error = done.err().map(|error| {
            tracing::error!(replay = %name, %error, "a replay stopped; run it again to resume");
            error.to_string()
        });
        kept.ended(&name, error);
    });
    let run = Run {
        stop,
        task,
        error: None,
    };
    runs.by_id.insert(id, run);
    drop(runs);
    write(&replay)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Which {
    id: Option<String>,
}

pub(super) async fn list(desk: &Desk, input: Bytes) -> Answer {
    let Which { id } = read(&input)?;
    let all = match id {
        Some(id) => vec![find(desk, &id).await?],
        None => replays(desk)
            .list()
            .await
            .map_err(|error| failed("the replays cannot be read", &error))?,
    };
    let runs = desk.replays.0.lock();
    let shown: Vec<_> = all
        .iter()
        .map(|replay| {
            let run = runs.by_id.get(&replay.id);
            let is_running = run.is_some_and(Run::goes_on);
            shown(
                replay,
                Some(is_running),
                run.and_then(|run| run.error.clone()),
            )
        })
        .collect();
    write(&shown)
}

pub(super) async fn stop(desk: &Desk, input: Bytes) -> Answer {
    let Which { id } = read(&input)?;
    let stopped = desk.replays.stop(id.as_deref());
    write(&serde_json::json!({ "stopped": stopped }))
}

pub(super) async fn discard(desk: &Desk, input: Bytes) -> Answer {
    let Which { id } = read(&input)?;
    let id = id.ok_or_else(|| refuse("say which replay: `id`"))?;
    if desk.replays.goes_on(&id) {
        return Err(not_now(format!("replay `{id}` runs; stop it first")));
    }
    let was_there = replays(desk).discard(&id).await;
    if !was_there.map_err(|error| failed("the replay cannot be removed", &error))? {
        return Err(no_replay(&id));
    }
    desk.replays.0.lock().by_id.remove(&id);
    write(&serde_json::json!({ "discarded": id }))
}

async fn find(desk: &Desk, id: &str) -> Result<Replay, api::Fault> {
    let found = replays(desk)
        .get(id)
        .await
        .map_err(|error| failed("the replay cannot be read", &error))?;
    found.ok_or_else(|| no_replay(id))
}

fn replays(desk: &Desk) -> Replays {
    let log: Arc<dyn ResultLog> = desk.log.clone();
    Replays::new(desk.results().clone(), Some(log))
}

/// A route's queue on this server.
#[derive(Debug)]
struct Here {
    route: Arc<LiveRoute>,
    log: Arc<crate::serve::log::Log>,
}

impl Target for Here {
    fn batch_max(&self) -> usize {
        BATCH
    }

    fn send<'a>(&'a self, batch: &'a [Again]) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            let queue = &self.route.queue;
            let sender = Sender {
                id: "shukuba-replay",
                cause: Cause::Replayed,
            };
            let messages = batch
                .iter()
                .map(|again| message(again, queue.is_fifo()))
                .collect();
            let sent = self.log.queues.send(queue, sender, messages).await;
            let outcomes = sent.map_err(|error| queue_failed(queue, &error))?;
            let all: Result<Vec<_>, _> = outcomes.into_iter().collect();
            all.map(|_| ()).map_err(|error| queue_failed(queue, &error))
        })
    }

    fn journal(&self) -> Option<(Arc<dyn ResultLog>, Position)> {
        let log: Arc<dyn ResultLog> = self.log.clone();
        Some((log, self.log.queues.journal().end()))
    }
}

fn message(again: &Again, is_fifo: bool) -> Outgoing {
    let attributes = again.attributes.iter().map(|(name, value)| {
        let data_type = travel::data_type(name);
        (
            name.clone(),
            Attribute {
                data_type: data_type.to_owned(),
                value: Value::Text(value.clone()),
            },
        )
    });
    Outgoing {
        body: again.body.clone(),
        attributes: attributes.collect(),
        group: is_fifo.then(|| "replay".to_owned()),
        dedup_id: is_fifo.then(base::id::uuid),
        lines: Some(1),
        ..Outgoing::default()
    }
}
