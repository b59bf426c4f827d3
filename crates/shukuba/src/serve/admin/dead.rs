//! `dead-*`: what was given up, and what is to become of it.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use bytes::Bytes;
use delivery::dead::{self, Bounds, DeadQueue, Done, Filter};
use delivery::port::{Carry, Error, Lease, Received};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use sqs::message::SettledLine;
use sqs::{Access, Queue, Queues, Receive, Settle};
use store::record::{CarryKind, LineState, Next};

use super::{Answer, Desk, failed, read, refuse, write};
use crate::serve::route_queue::{carried, failed as queue_failed, received};
use crate::serve::routes::LiveRoute;

/// Letters in one answer.
const LIST_MAX: usize = 1000;
/// How long one call sends or drops; then the caller calls again. Chosen: often enough to show how far it is and to stop.
const WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Input {
    route: Option<String>,
    ids: Vec<String>,
    destination: Option<String>,
    reason: Option<String>,
    from_ms: Option<u64>,
    to_ms: Option<u64>,
    /// With `dead-list`: at most so many.
    max: Option<usize>,
    /// With `dead-retry`: at most so many a second; 0: as fast as it goes.
    rate: u32,
    /// With `dead-retry` and `dead-drop`: when the command began, as the first answer said; what died later is left alone.
    began_ms: Option<u64>,
}

impl Input {
    fn filter(&self) -> Filter {
        Filter {
            ids: self.ids.clone(),
            destination: self.destination.clone(),
            reason: self.reason.clone(),
            from: self.from_ms.map(Timestamp::from_millis),
            to: self.to_ms.map(Timestamp::from_millis),
        }
    }
}

pub(super) async fn list(desk: &Desk, input: Bytes) -> Answer {
    let (input, queue) = open(desk, &input)?;
    let max = input.max.unwrap_or(100).min(LIST_MAX);
    let letters = dead::list(&queue, &input.filter(), max).await;
    write(&letters.map_err(|error| failed("the dead letters cannot be read", &error))?)
}

pub(super) async fn count(desk: &Desk, input: Bytes) -> Answer {
    let (input, queue) = open(desk, &input)?;
    let count = dead::count(&queue, &input.filter()).await;
    let count = count.map_err(|error| failed("the dead letters cannot be counted", &error))?;
    write(&serde_json::json!({ "count": count }))
}

pub(super) async fn retry(desk: &Desk, input: Bytes) -> Answer {
    let (input, queue) = open(desk, &input)?;
    let bounds = bounds(desk, &input).await;
    let done = dead::retry(&queue, &input.filter(), bounds).await;
    let done = done.map_err(|error| failed("not all dead letters could be sent again", &error))?;
    write(&went(done, bounds))
}

pub(super) async fn drop(desk: &Desk, input: Bytes) -> Answer {
    let (input, queue) = open(desk, &input)?;
    let bounds = bounds(desk, &input).await;
    let done = dead::drop_letters(&queue, &input.filter(), bounds).await;
    let done = done.map_err(|error| failed("not all dead letters could be dropped", &error))?;
    write(&went(done, bounds))
}

/// How many dead notifications bear an id, by route.
pub(super) async fn bearing(desk: &Desk, id: &str) -> Result<Vec<(String, u64)>, api::Fault> {
    let routes: Vec<_> = desk.notifiers.routes.read().values().cloned().collect();
    let filter = Filter {
        ids: vec![id.to_owned()],
        ..Filter::default()
    };
    let mut found = Vec::new();
    for route in routes {
        let name = route.name.to_string();
        let letters = Letters {
            queues: desk.queues.clone(),
            route,
            clock: desk.work.clock.clone(),
        };
        let count = dead::count(&letters, &filter).await;
        let count = count.map_err(|error| failed("the dead letters cannot be counted", &error))?;
        if count > 0 {
            found.push((name, count));
        }
    }
    Ok(found)
}

async fn bounds(desk: &Desk, input: &Input) -> Bounds {
    let began = match input.began_ms {
        Some(at) => Timestamp::from_millis(at),
        None => {
            // Times of death are in milliseconds: what died just now shall have died before.
            tokio::time::sleep(Duration::from_millis(2)).await;
            desk.work.clock.now()
        }
    };
    Bounds {
        began,
        rate: input.rate,
        within: WITHIN,
    }
}

fn went(done: Done, bounds: Bounds) -> serde_json::Value {
    serde_json::json!({
        "count": done.count, "more": done.more, "began_ms": bounds.began.as_millis(),
    })
}

fn open(desk: &Desk, input: &Bytes) -> Result<(Input, Letters), api::Fault> {
    let input: Input = read(input)?;
    if input.max == Some(0) {
        return Err(refuse("`max` is 0; give 1 to 1000"));
    }
    let route = desk.route_or_only(input.route.as_deref())?;
    let letters = Letters {
        queues: desk.queues.clone(),
        route,
        clock: desk.work.clock.clone(),
    };
    Ok((input, letters))
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
        10
    }

    fn receive(&self, max: usize, hold: Duration) -> BoxFuture<'_, Result<Vec<Received>, Error>> {
        Box::pin(async move {
            let receive = Receive {
                max: u32::try_from(max.clamp(1, 10)).unwrap_or(1),
                wait: Some(Duration::ZERO),
                visibility: Some(hold),
                attempt_id: None,
                access: Access::Embedded,
            };
            let messages = self
                .queues
                .receive(self.dead(), receive)
                .await
                .map_err(|error| self.failed(&error))?;
            Ok(messages.into_iter().map(received).collect())
        })
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
            let at = self.clock.now();
            let settles = letters
                .iter()
                .map(|(lease, carry)| self.settle(at, lease, carry))
                .collect();
            let outcomes = self
                .queues
                .settle(self.dead(), settles)
                .await
                .map_err(|error| self.failed(&error))?;
            outcomes
                .into_iter()
                .collect::<Result<(), _>>()
                .map_err(|error| self.failed(&error))
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
