//! `dead-*`: what was given up, and what is to become of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use bytes::Bytes;
use delivery::dead::{self, Count, DeadQueue, Letter, page};
use delivery::ledger::LiveQueues as _;
use delivery::port::{Carry, Error, Lease, Received};
use futures_util::future::{BoxFuture, join_all};
use sqs::message::SettledLine;
use sqs::{Access, Queue, Queues, Receive, Settle};
use store::record::{CarryKind, LineState, Next};

use super::{Answer, Desk, failed, read, refuse, write};
use crate::answers::dead::{Ask, Input, Shown};
use crate::answers::only_route;
use crate::serve::route_queue::{carried, failed as queue_failed, received};
use crate::serve::routes::LiveRoute;

/// How long one call sends or drops. Chosen: often enough to show how far it is and to stop.
const WITHIN: Duration = Duration::from_secs(2);

/// Letters that are looked at together. Chosen: so many share a commit, which settles wait for.
const PAGE: usize = 1000;
/// Letters in one record. Chosen: a record of as many as one send can bring fits wherever their sends did.
const RECORD: usize = 10;

/// Those of a route; where none is named, of all.
pub(super) async fn list(desk: &Desk, input: Bytes) -> Answer {
    let input: Input = read(&input)?;
    let most = input.most()?;
    let routes = match &input.route {
        None => desk.notifiers.routes.read().values().cloned().collect(),
        Some(name) => vec![desk.route(name)?],
    };
    let mut shown = Vec::new();
    for route in routes {
        let left = most.saturating_sub(shown.len());
        if left == 0 {
            break;
        }
        let queue = letters(desk, route.clone());
        let found = input.letters(&queue, left).await?;
        shown.extend(found.into_iter().map(|mut letter| {
            letter.url = url_of(&route, &letter);
            letter.reason = route.masking().text(&letter.reason).into_owned();
            Shown {
                route: route.name.to_string(),
                letter,
            }
        }));
    }
    write(&shown)
}

/// Where a letter should have gone, as results would show it; `None` when its line says no URL.
fn url_of(route: &LiveRoute, letter: &Letter) -> Option<String> {
    let line = Bytes::copy_from_slice(letter.line.as_bytes());
    let parsed = route.format.bearing(&line)?;
    let url = route.format.hide(parsed.request.url.as_str());
    Some(route.masking().url(&url).into_owned())
}

/// All letters are as many as the queue's messages, however many: they need not be looked at.
pub(super) async fn count(desk: &Desk, input: Bytes) -> Answer {
    let asked: Input = read(&input)?;
    if asked.is_of_all() {
        let route = route_of(desk, &asked).await?;
        let live = desk.log.live(route.dead.name());
        let (count, is_cut) = (live.unwrap_or_default().visible, false);
        return write(&Count { count, is_cut });
    }
    answer(desk, Ask::Count, &input).await
}

pub(super) async fn retry(desk: &Desk, input: Bytes) -> Answer {
    answer(desk, Ask::Retry, &input).await
}

pub(super) async fn drop(desk: &Desk, input: Bytes) -> Answer {
    answer(desk, Ask::Drop, &input).await
}

async fn answer(desk: &Desk, ask: Ask, input: &Bytes) -> Answer {
    let input: Input = read(input)?;
    if input.queue.is_some() {
        return Err(refuse(
            "`queue` is for stored results: a server sends to the queue of the route",
        ));
    }
    let queue = letters(desk, route_of(desk, &input).await?);
    let clock = desk.work.clock.as_ref();
    ask.answer(&queue, &input, clock, WITHIN).await
}

/// The route that is named, or that of the ids, or the only one.
async fn route_of(desk: &Desk, input: &Input) -> Result<Arc<LiveRoute>, api::Fault> {
    if input.route.is_some() || input.ids.is_empty() {
        return desk.route_or_only(input.route.as_deref());
    }
    let found = bearing(desk, &input.ids).await?;
    let mut names: Vec<String> = found.routes.into_keys().collect();
    if names.is_empty() {
        // None of any route: the first one says so.
        let routes = desk.notifiers.routes.read();
        names.extend(routes.keys().next().cloned());
    }
    only_route(&names).and_then(|name| desk.route(name))
}

/// How many dead notifications bear one of these ids, by route.
pub(super) async fn bearing(desk: &Desk, ids: &[String]) -> Result<Bearing, api::Fault> {
    let (waiting, ids) = (desk.waiting(), ids.to_vec());
    let search = tokio::task::spawn_blocking(move || waiting.dead_bearing(&ids));
    let found = search.await;
    let (found, is_cut) = found.map_err(|error| failed("the dead cannot be searched", &error))?;
    let mut routes = BTreeMap::new();
    for (route, _) in found {
        *routes.entry(route).or_insert(0) += 1;
    }
    Ok(Bearing { routes, is_cut })
}

/// Dead notifications that bear an id.
pub(super) struct Bearing {
    /// How many, by route.
    pub(super) routes: BTreeMap<String, u64>,
    /// Whether there was more than is looked through.
    pub(super) is_cut: bool,
}

fn letters(desk: &Desk, route: Arc<LiveRoute>) -> Letters {
    Letters {
        queues: desk.queues.clone(),
        route,
        clock: desk.work.clock.clone(),
    }
}

/// A route's dead queue on this server.
#[derive(Debug)]
struct Letters {
    queues: Arc<Queues>,
    route: Arc<LiveRoute>,
    clock: Arc<dyn Clock>,
}

impl Letters {
    fn dead(&self) -> &Arc<Queue> {
        &self.route.dead
    }

    fn failed(&self, error: &sqs::Error) -> Error {
        queue_failed(self.dead(), error)
    }

    async fn receive_some(&self, max: usize, hold: Duration) -> Result<Vec<Received>, Error> {
        let receive = Receive {
            max: u32::try_from(max.clamp(1, RECORD)).unwrap_or(1),
            wait: Some(Duration::ZERO),
            visibility: Some(hold),
            attempt_id: None,
            access: Access::Embedded,
        };
        let messages = self.queues.receive(self.dead(), receive).await;
        let messages = messages.map_err(|error| self.failed(&error))?;
        Ok(messages.into_iter().map(received).collect())
    }

    async fn retry_some(&self, letters: &[(Lease, Carry)]) -> Result<(), Error> {
        let at = self.clock.now();
        let settles = letters
            .iter()
            .map(|(lease, carry)| self.settle(at, lease, carry))
            .collect();
        let outcomes = self.queues.settle(self.dead(), settles).await;
        let outcomes = outcomes.map_err(|error| self.failed(&error))?;
        outcomes
            .into_iter()
            .collect::<Result<(), _>>()
            .map_err(|error| self.failed(&error))
    }

    fn settle(&self, at: Timestamp, lease: &Lease, carry: &Carry) -> Settle {
        let line = |line| SettledLine {
            line,
            destination: carry
                .attributes
                .get(dead::DESTINATION)
                .map_or_else(Arc::default, |name| Arc::from(name.as_str())),
            state: LineState::Later,
            result: Bytes::new(),
        };
        Settle {
            receipt_handle: Arc::clone(&lease.0),
            sent_at: carry.sent_at,
            lines: (0..carry.lines).map(line).collect(),
            next: Next::Gone,
            carries: vec![carried(&self.route.queue, CarryKind::Replayed, at, carry)],
        }
    }
}

impl DeadQueue for Letters {
    fn receive_max(&self) -> usize {
        PAGE
    }

    fn receive(&self, max: usize, hold: Duration) -> BoxFuture<'_, Result<Vec<Received>, Error>> {
        Box::pin(page::fill(max, move |most| {
            Box::pin(self.receive_some(most, hold))
        }))
    }

    fn release<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let handles: Vec<&str> = leases.iter().map(|lease| lease.0.as_ref()).collect();
            let released = self.queues.release(self.dead(), &handles).await;
            released.map(|_| ()).map_err(|error| self.failed(&error))
        })
    }

    fn retry<'a>(&'a self, letters: &'a [(Lease, Carry)]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let records = letters
                .chunks(RECORD)
                .map(|letters| self.retry_some(letters));
            // All of them end, so that none is handed back while it is sent.
            join_all(records).await.into_iter().collect()
        })
    }

    fn delete<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let handles: Vec<&str> = leases.iter().map(|lease| lease.0.as_ref()).collect();
            let deleted = self
                .queues
                .delete(self.dead(), Access::Administrator, &handles)
                .await;
            let outcomes = deleted.map_err(|error| self.failed(&error))?;
            outcomes
                .into_iter()
                .collect::<Result<(), _>>()
                .map_err(|error| self.failed(&error))
        })
    }
}
