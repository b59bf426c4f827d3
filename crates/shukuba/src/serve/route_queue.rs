//! The port `Queue` over the queues of this process: results and settles are one journal record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use bytes::Bytes;
use delivery::dead;
use delivery::destinations::Destinations;
use delivery::port::{
    self, Ask, Carry, Lease, LineOutcome, Next, Outcome, QueueTraits, Received, RetryWait, Verdict,
};
use delivery::result::Writer;
use delivery::travel;
use futures_util::future::BoxFuture;
use sqs::attributes::{Attribute, Attributes, Value};
use sqs::message::{Carried, SettledLine};
use sqs::{Access, Message, Outgoing, Queue, Queues, Receive, Settle};
use store::record::{CarryKind, LineState};

use super::promises::Promised;
use super::recalls::RouteRecall;

#[cfg(test)]
mod tests;

/// Messages that one receive gives.
const RECEIVE_MAX: usize = sqs::EMBEDDED_RECEIVE_MAX as usize;
/// Outcomes in one journal record. Chosen: a record of some 100 KiB.
const SETTLE_MAX: usize = 100;
/// How long outcomes gather. Chosen: as long as the journal lets them wait for others.
const SETTLE_WITHIN: Duration = Duration::from_millis(5);
/// How often a notifier looks whether there is room for results. Chosen.
const ROOM_EVERY: Duration = Duration::from_secs(1);
/// The longest delay of a carry: the longest that a notification is tried.
const DELAY_MAX: Duration = Duration::from_secs(14 * 86_400);

/// One route's queue, for one notifier.
#[derive(Debug)]
pub(super) struct RouteQueue {
    pub(super) queues: Arc<Queues>,
    pub(super) queue: Arc<Queue>,
    pub(super) dead: Arc<Queue>,
    pub(super) writer: Writer,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) promised: Promised,
    pub(super) destinations: Arc<Destinations>,
    pub(super) recall: Arc<RouteRecall>,
}

impl port::Queue for RouteQueue {
    fn traits(&self) -> QueueTraits {
        QueueTraits {
            retry_wait: RetryWait::Native,
            receive_max: RECEIVE_MAX,
            is_fifo: self.queue.is_fifo(),
            sources: 1,
            settle_max: SETTLE_MAX,
            settle_within: SETTLE_WITHIN,
            delay_max: DELAY_MAX,
        }
    }

    fn receive(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Received>, port::Error>> {
        Box::pin(async move {
            if !self.promised.has_room(self.queues.journal().room()) {
                tokio::time::sleep(ROOM_EVERY).await;
                return Ok(Vec::new());
            }
            let receive = Receive {
                max: u32::try_from(ask.max.clamp(1, RECEIVE_MAX)).unwrap_or(1),
                wait: Some(ask.wait),
                visibility: Some(ask.lease),
                attempt_id: None,
                access: Access::Embedded,
            };
            let messages = self.queues.receive(&self.queue, receive).await;
            let messages = messages.map_err(|error| self.failed(&error))?;
            let mut messages = messages.into_iter().map(received).collect();
            let room = self.queues.journal().room();
            let without = self.promised.promise(room, &mut messages);
            if !without.is_empty()
                && let Err(error) = self.release(&without, Duration::ZERO).await
            {
                tracing::warn!(%error, count = without.len(), "messages come back only when their leases end");
            }
            if messages.is_empty() && !without.is_empty() {
                tokio::time::sleep(ROOM_EVERY).await;
            }
            Ok(messages)
        })
    }

    fn extend<'a>(
        &'a self,
        leases: &'a [Lease],
        span: Duration,
    ) -> BoxFuture<'a, Result<Vec<Lease>, port::Error>> {
        Box::pin(async move {
            let outcomes = self.change(leases, span).await?;
            let lost = leases
                .iter()
                .zip(outcomes)
                .filter(|(_, outcome)| outcome.is_err());
            Ok(lost.map(|(lease, _)| lease.clone()).collect())
        })
    }

    fn release<'a>(
        &'a self,
        leases: &'a [Lease],
        wait: Duration,
    ) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            if wait.is_zero() {
                let handles: Vec<&str> = leases.iter().map(|lease| lease.0.as_ref()).collect();
                let released = self.queues.release(&self.queue, &handles).await;
                released.map_err(|error| self.failed(&error))?;
            } else {
                self.change(leases, wait).await?;
            }
            self.promised.end(leases.iter());
            Ok(())
        })
    }

    fn settle<'a>(&'a self, outcomes: &'a [Outcome]) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            self.settle_all(outcomes).await?;
            self.promised.end(outcomes.iter().map(|one| &one.lease));
            Ok(())
        })
    }
}

/// Whether lines that are given up go to the dead queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Letters {
    Kept,
    Dropped,
}

impl RouteQueue {
    async fn settle_all(&self, outcomes: &[Outcome]) -> Result<(), port::Error> {
        let refused = self.settle_with(outcomes, Letters::Kept).await?;
        if refused.is_empty() {
            return Ok(());
        }
        // Without its result a message would come again and be sent for ever; the result says why it is dead.
        for (outcome, error) in &refused {
            tracing::error!(message = %outcome.message_id, %error, "a dead letter cannot be kept: settled without it");
        }
        let outcomes: Vec<Outcome> = refused.into_iter().map(|(one, _)| one).collect();
        for (outcome, error) in self.settle_with(&outcomes, Letters::Dropped).await? {
            tracing::error!(message = %outcome.message_id, %error, "not settled: it comes again when its lease ends");
        }
        Ok(())
    }

    /// Settles; returns those outcomes that the queue refuses, and why.
    async fn settle_with(
        &self,
        outcomes: &[Outcome],
        letters: Letters,
    ) -> Result<Vec<(Outcome, sqs::Error)>, port::Error> {
        let at = self.clock.now();
        let mut results = self.writer.packed_all(at, outcomes);
        let settles = outcomes
            .iter()
            .map(|outcome| self.settlement(at, outcome, letters, &mut results))
            .collect();
        let settled = self
            .queues
            .settle(&self.queue, settles)
            .await
            .map_err(|error| self.failed(&error))?;
        let mut refused = Vec::new();
        for (outcome, settled) in outcomes.iter().zip(settled) {
            match settled {
                Ok(()) => {
                    self.recall
                        .settled(&self.queues, &self.queue, &self.destinations, outcome);
                }
                // Somebody else has the message by now and answers for it. The results are kept, marked as late.
                Err(error @ sqs::Error::HandleExpired) => {
                    tracing::warn!(message = %outcome.message_id, %error, "a lease was lost before its result");
                }
                Err(error) => refused.push((outcome.clone(), error)),
            }
        }
        Ok(refused)
    }

    async fn change(
        &self,
        leases: &[Lease],
        span: Duration,
    ) -> Result<Vec<Result<(), sqs::Error>>, port::Error> {
        let changes: Vec<(&str, Duration)> = leases
            .iter()
            .map(|lease| (lease.0.as_ref(), span))
            .collect();
        let changed = self
            .queues
            .change_visibility(&self.queue, Access::Embedded, &changes)
            .await;
        changed.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &sqs::Error) -> port::Error {
        failed(&self.queue, error)
    }

    /// `results` holds those of this outcome's lines next.
    fn settlement(
        &self,
        at: Timestamp,
        outcome: &Outcome,
        letters: Letters,
        results: &mut impl Iterator<Item = Bytes>,
    ) -> Settle {
        let dead = outcome
            .lines
            .iter()
            .filter(|_| letters == Letters::Kept)
            .filter_map(|line| dead::carry(at, outcome, line));
        let dead = dead.map(|carry| carried(&self.dead, CarryKind::Dead, at, &carry));
        let retries = outcome
            .carries
            .iter()
            .map(|carry| carried(&self.queue, CarryKind::Retry, at, carry));
        Settle {
            receipt_handle: Arc::clone(&outcome.lease.0),
            sent_at: outcome.sent_at,
            lines: outcome
                .lines
                .iter()
                .zip(results)
                .map(|(line, result)| settled(line, result))
                .collect(),
            next: next(at, outcome.next),
            carries: retries.chain(dead).collect(),
        }
    }
}

fn settled(line: &LineOutcome, result: Bytes) -> SettledLine {
    SettledLine {
        line: line.line.saturating_sub(1),
        destination: Arc::clone(&line.destination),
        state: match line.verdict {
            Verdict::Delivered => LineState::Delivered,
            Verdict::RetryAt { .. } => LineState::Retry,
            Verdict::Dead { .. } => LineState::Dead,
            Verdict::Expired { .. } => LineState::Expired,
            Verdict::Later { .. } | Verdict::Broken { .. } => LineState::Later,
            Verdict::Paused { .. } => LineState::Paused,
        },
        result,
    }
}

/// A refusal of the engine in the words of the port. What the journal refuses may pass (a full disk).
pub(super) fn failed(queue: &Queue, error: &sqs::Error) -> port::Error {
    let what = format!("queue `{}`", queue.name());
    match error {
        sqs::Error::QueueNotFound { .. } => port::Error::refused(&what, error),
        _ => port::Error::unavailable(&what, error),
    }
}

fn next(at: Timestamp, next: Next) -> store::record::Next {
    match next {
        Next::Gone => store::record::Next::Gone,
        Next::RetryAt { at, attempt } => store::record::Next::RetryAt { at, attempt },
        // Only for queues elsewhere; here the same wait is a retry without an attempt.
        Next::VisibleAfter { wait } => store::record::Next::RetryAt {
            at: at.plus(wait),
            attempt: 0,
        },
    }
}

/// A message as the notifier gets it.
pub(super) fn received(message: Message) -> Received {
    let attributes = texts(message.attributes());
    Received {
        lease: Lease(Arc::from(message.receipt_handle.as_str())),
        message_id: Arc::from(message.message_id.as_str()),
        body: message.body,
        origin: attributes
            .get(travel::ORIGIN)
            .map(|text| Arc::from(text.as_str())),
        attributes,
        sent_at: message.sent_at,
        lease_until: message.lease_until,
        receive_count: message.receive_count,
        attempt: message.attempt,
        group: message.group.map(Arc::from),
    }
}

fn texts(attributes: Attributes) -> BTreeMap<String, String> {
    let text = |attribute: Attribute| match attribute.value {
        Value::Text(text) => Some(text),
        Value::Binary(_) => None,
    };
    attributes
        .into_iter()
        .filter_map(|(name, attribute)| Some((name, text(attribute)?)))
        .collect()
}

/// A carry as a message of `queue`.
pub(super) fn carried(
    queue: &Arc<Queue>,
    kind: CarryKind,
    at: Timestamp,
    carry: &Carry,
) -> Carried {
    Carried {
        queue: queue.clone(),
        kind,
        message: outgoing(at, carry),
    }
}

/// A carry as a message to send.
pub(super) fn outgoing(at: Timestamp, carry: &Carry) -> Outgoing {
    let attributes = travel::sendable(&carry.attributes).map(|(name, value)| {
        let data_type = travel::data_type(name);
        (
            name.clone(),
            Attribute {
                data_type: data_type.to_owned(),
                value: Value::Text(value),
            },
        )
    });
    Outgoing {
        body: carry.body.clone(),
        attributes: attributes.collect(),
        delay: Some(carry.not_before.since(at)).filter(|delay| !delay.is_zero()),
        group: carry.group.as_ref().map(ToString::to_string),
        dedup_id: None,
        trace_header: None,
        lines: Some(carry.lines),
        attempt: carry.attempt,
        origin: Bytes::new(),
    }
}
