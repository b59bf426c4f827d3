//! The port `Queue` over SQS.
//!
//! INVARIANT (contract 7): results are stored first, then the messages that carry lines on are sent and acknowledged, then
//! the originals are deleted. A crash in between costs a second delivery, never a notification.
//!
//! Messages come from the queue and from its retry queue ([`crate::sources`]); each is settled where it came from.
//! Waits up to 12 h are visibility, as the notifier asks for them; carries are sent to the retry queue with a delay of at
//! most 15 minutes (what is longer chains through the attribute that [`delivery::travel`] writes). What was settled half
//! may be settled again: carries that went out are remembered until their message is gone.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use base::{Clock, Timestamp};
use bytes::Bytes;
use delivery::port::{
    Ask, Carry, Error, Lease, Next, Outcome, Queue, QueueTraits, Received, RetryWait,
};
use delivery::results::direct::DirectResults;
use delivery::travel;
use futures_util::future::BoxFuture;
use futures_util::stream::{StreamExt, TryStreamExt};

use crate::account::{self, Account};
use crate::leases::Leases;
use crate::outbox::{entry, entry_failed, size_of};
use crate::sources::{Source, Sources};
use crate::{batch, failure};

/// The longest long poll. Source: SQS quotas.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The longest visibility timeout. Source: SQS quotas.
const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 3600);

/// The longest delay of a message. Source: SQS quotas.
const DELAY_MAX: Duration = Duration::from_secs(15 * 60);

/// Messages in flight at which SQS delivers nothing more. Source: SQS quotas.
const IN_FLIGHT_MAX: f64 = 120_000.0;

/// Batch calls under way at once. Chosen: ten messages each, so 80 per round trip.
const CALLS_AT_ONCE: usize = 8;

/// An answer is at most so late: a lease counts from that much before its arrival. Chosen; the notifier keeps 30 s more.
const ANSWER_LATE_MAX: Duration = Duration::from_secs(2);

/// A queue of any SQS endpoint, and the place for the results of its route.
pub struct SqsQueue {
    client: Client,
    sources: Sources,
    results: Arc<DirectResults>,
    clock: Arc<dyn Clock>,
    leases: Leases,
    gather: Duration,
}

impl fmt::Debug for SqsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsQueue")
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

impl SqsQueue {
    /// The queue at `url`; what must be tried again goes to `retry_url`, and comes from there. It may be the same.
    ///
    /// # Errors
    /// [`account::Error::QueueUrl`] when `url` is none.
    pub fn new(
        account: &Account,
        url: &str,
        retry_url: &str,
        results: Arc<DirectResults>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, account::Error> {
        Ok(Self {
            client: account.sqs(url)?,
            sources: Sources::new(url, retry_url),
            results,
            clock,
            leases: Leases::default(),
            gather: Duration::from_secs(1),
        })
    }

    /// The same, which gathers results for so long before it stores them: fewer objects, and more that is sent again after a kill.
    #[must_use]
    pub fn gathering(mut self, span: Duration) -> Self {
        self.gather = span;
        self
    }

    fn what(&self, source: Source) -> String {
        format!("queue `{}`", self.sources.url(source))
    }

    fn is_fifo(&self) -> bool {
        self.sources.url(Source::Own).ends_with(".fifo")
    }

    async fn receive_batch(&self, ask: Ask) -> Result<Vec<Received>, Error> {
        let begun = self.clock.now();
        let wait = ask.wait.min(WAIT_MAX);
        let max = ask.max.clamp(1, batch::ENTRIES_MAX);
        let poll = self.sources.poll();
        let source = poll.source;
        let answer = self
            .client
            .receive_message()
            .queue_url(self.sources.url(source))
            .max_number_of_messages(i32::try_from(max).unwrap_or(1))
            .wait_time_seconds(whole_secs(wait))
            .visibility_timeout(whole_secs(ask.lease.min(VISIBILITY_MAX)))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .send()
            .await
            .map_err(|error| failure::of(&self.what(source), &error))?;
        let now = self.clock.now();
        let until = begun.max(now.minus(ANSWER_LATE_MAX)).plus(ask.lease);
        let messages = answer.messages.unwrap_or_default();
        poll.ended(messages.len() >= max);
        let received: Vec<Received> = messages
            .into_iter()
            .filter_map(|message| received(message, now, until))
            .collect();
        let leases = received.iter().map(|message| message.lease.clone());
        self.leases
            .hold(now, source, leases.map(|lease| (lease, until)));
        Ok(received)
    }

    /// The items whose leases last at `now`, by the queue that they are of.
    fn by_source<T>(
        &self,
        items: Vec<T>,
        lease: impl Fn(&T) -> &Lease,
        now: Timestamp,
    ) -> Vec<(Source, Vec<T>)> {
        let mut own = Vec::new();
        let mut retry = Vec::new();
        for item in items {
            match self.leases.source(lease(&item), now) {
                Some(Source::Own) => own.push(item),
                Some(Source::Retry) => retry.push(item),
                None => {}
            }
        }
        vec![(Source::Own, own), (Source::Retry, retry)]
    }

    /// Sets visibility; gives back what failed as a lost lease.
    async fn set_visibility(
        &self,
        entries: Vec<(Lease, Duration)>,
        now: Timestamp,
    ) -> Result<Vec<Lease>, Error> {
        let entries = self.by_source(entries, |(lease, _)| lease, now);
        let batches = entries.into_iter().flat_map(|(source, entries)| {
            let batches = batch::cut(entries, |_| 0);
            batches.into_iter().map(move |batch| (source, batch))
        });
        let calls = batches.map(|(source, batch)| async move {
            let mut call = self
                .client
                .change_message_visibility_batch()
                .queue_url(self.sources.url(source));
            for (index, (lease, span)) in batch.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&*lease.0)
                    .visibility_timeout(whole_secs((*span).min(VISIBILITY_MAX)));
                call = call.entries(
                    entry
                        .build()
                        .map_err(|error| Error::refused(&self.what(source), error))?,
                );
            }
            let answer = call
                .send()
                .await
                .map_err(|error| failure::of(&self.what(source), &error))?;
            let leases: Vec<Lease> = batch.into_iter().map(|(lease, _)| lease).collect();
            self.lost(source, &leases, answer.failed())
        });
        let lost: Vec<Vec<Lease>> = futures_util::stream::iter(calls.collect::<Vec<_>>())
            .buffered(CALLS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(lost.concat())
    }

    /// Which of a batch's leases are lost; an error when an entry failed for another reason.
    fn lost(
        &self,
        source: Source,
        leases: &[Lease],
        failed: &[BatchResultErrorEntry],
    ) -> Result<Vec<Lease>, Error> {
        let mut lost = Vec::new();
        for entry in failed {
            let lease = entry
                .id
                .parse()
                .ok()
                .and_then(|index: usize| leases.get(index));
            match lease {
                Some(lease) if failure::is_lost(&entry.code) => lost.push(lease.clone()),
                _ => return Err(entry_failed(&self.what(source), entry)),
            }
        }
        Ok(lost)
    }

    async fn settle_all(&self, outcomes: &[Outcome]) -> Result<(), Error> {
        let now = self.clock.now();
        let stored = self.results.store(now, outcomes).await;
        stored.map_err(|error| Error::unavailable("results", error))?;
        let (held, over): (Vec<&Outcome>, Vec<&Outcome>) = outcomes
            .iter()
            .partition(|outcome| self.is_held(&outcome.lease, now));
        self.send_carries(&held, now).await?;
        let mut gone = Vec::new();
        let mut waiting = Vec::new();
        for outcome in held {
            match outcome.next {
                Next::Gone => gone.push(outcome.lease.clone()),
                Next::VisibleAfter { wait } => waiting.push((outcome.lease.clone(), wait)),
                Next::RetryAt { at, .. } => waiting.push((outcome.lease.clone(), at.since(now))),
            }
        }
        futures_util::try_join!(self.delete(gone, now), self.set_visibility(waiting, now))?;
        self.leases
            .forget(outcomes.iter().map(|outcome| &outcome.lease));
        if !over.is_empty() {
            tracing::warn!(queue = %self.sources.url(Source::Own), count = over.len(), "leases ended before their messages were settled");
        }
        Ok(())
    }

    fn is_held(&self, lease: &Lease, now: Timestamp) -> bool {
        self.leases.source(lease, now).is_some()
    }

    /// Sends what goes on, but for what a settle that failed half-way had sent.
    async fn send_carries(&self, outcomes: &[&Outcome], now: Timestamp) -> Result<(), Error> {
        let mut carries = Vec::new();
        for outcome in outcomes {
            let sent = self.leases.carried(&outcome.lease);
            let left = outcome.carries.iter().enumerate().skip(sent);
            carries.extend(left.map(|(index, carry)| (*outcome, index, carry)));
        }
        for batch in batch::cut(carries, |(_, _, carry)| {
            size_of(&carry.body, &carry.attributes)
        }) {
            let what = self.what(Source::Retry);
            let mut call = self
                .client
                .send_message_batch()
                .queue_url(self.sources.url(Source::Retry));
            for (entry, (outcome, index, carry)) in batch.iter().enumerate() {
                call = call.entries(self.entry(entry, outcome, *index, carry, now)?);
            }
            let answer = call
                .send()
                .await
                .map_err(|error| failure::of(&what, &error))?;
            // In order, so that the count of what was sent says which.
            for (entry, (outcome, index, _)) in batch.iter().enumerate() {
                let id = entry.to_string();
                if answer.successful().iter().any(|sent| sent.id == id) {
                    self.leases.note_carried(&outcome.lease, *index);
                }
            }
            if let Some(failed) = answer.failed().first() {
                return Err(entry_failed(&what, failed));
            }
        }
        Ok(())
    }

    fn entry(
        &self,
        id: usize,
        outcome: &Outcome,
        index: usize,
        carry: &Carry,
        now: Timestamp,
    ) -> Result<SendMessageBatchRequestEntry, Error> {
        let what = self.what(Source::Retry);
        let mut entry = entry(&what, id, &carry.body, &carry.attributes)?;
        if self.sources.url(Source::Retry).ends_with(".fifo") {
            // FIFO queues take no delay for one message; the attributes keep the time not to try before.
            let group = carry.group.as_deref().unwrap_or(&outcome.message_id);
            let once = format!("{}.{}.{index}", outcome.message_id, carry.attempt);
            entry = entry.message_group_id(group).message_deduplication_id(once);
        } else {
            let delay = carry.not_before.since(now).min(DELAY_MAX);
            entry = entry.delay_seconds(whole_secs(delay));
        }
        entry.build().map_err(|error| Error::refused(&what, error))
    }

    async fn delete(&self, leases: Vec<Lease>, now: Timestamp) -> Result<(), Error> {
        let leases = self.by_source(leases, |lease| lease, now);
        let batches = leases.into_iter().flat_map(|(source, leases)| {
            let batches = batch::cut(leases, |_| 0);
            batches.into_iter().map(move |batch| (source, batch))
        });
        let calls = batches.map(|(source, batch)| async move {
            let mut call = self
                .client
                .delete_message_batch()
                .queue_url(self.sources.url(source));
            for (index, lease) in batch.iter().enumerate() {
                let entry = DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&*lease.0);
                call = call.entries(
                    entry
                        .build()
                        .map_err(|error| Error::refused(&self.what(source), error))?,
                );
            }
            let answer = call
                .send()
                .await
                .map_err(|error| failure::of(&self.what(source), &error))?;
            // A lost lease deletes nothing: the message comes again.
            self.lost(source, &batch, answer.failed()).map(|_| ())
        });
        futures_util::stream::iter(calls.collect::<Vec<_>>())
            .buffered(CALLS_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await
            .map(|_| ())
    }

    /// Of the queue that is nearest to its limit.
    async fn share(&self) -> Result<f64, Error> {
        let shares = self
            .sources
            .all()
            .iter()
            .map(|source| self.share_of(*source));
        let shares = futures_util::future::try_join_all(shares).await?;
        Ok(shares.into_iter().fold(0.0, f64::max))
    }

    async fn share_of(&self, source: Source) -> Result<f64, Error> {
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(self.sources.url(source))
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .send()
            .await
            .map_err(|error| failure::of(&self.what(source), &error))?;
        let count = answer
            .attributes()
            .and_then(|all| all.get(&QueueAttributeName::ApproximateNumberOfMessagesNotVisible))
            .and_then(|text| text.parse::<f64>().ok());
        Ok((count.unwrap_or_default() / IN_FLIGHT_MAX).clamp(0.0, 1.0))
    }
}

impl Queue for SqsQueue {
    fn traits(&self) -> QueueTraits {
        QueueTraits {
            retry_wait: RetryWait::Resend,
            receive_max: batch::ENTRIES_MAX,
            sources: self.sources.count(),
            is_fifo: self.is_fifo(),
            settle_max: 1_000,
            settle_within: self.gather,
            delay_max: DELAY_MAX,
        }
    }

    fn receive(&self, ask: Ask) -> BoxFuture<'_, Result<Vec<Received>, Error>> {
        Box::pin(self.receive_batch(ask))
    }

    fn extend<'a>(
        &'a self,
        leases: &'a [Lease],
        span: Duration,
    ) -> BoxFuture<'a, Result<Vec<Lease>, Error>> {
        Box::pin(async move {
            let until = self.clock.now().plus(span.min(VISIBILITY_MAX));
            // A lease that ended is lost even where SQS would still take its handle: another may hold the message.
            let now = self.clock.now();
            let (held, mut lost): (Vec<Lease>, Vec<Lease>) = leases
                .iter()
                .cloned()
                .partition(|lease| self.is_held(lease, now));
            let entries = held.iter().map(|lease| (lease.clone(), span)).collect();
            lost.extend(self.set_visibility(entries, now).await?);
            self.leases.extend(held.iter(), until);
            self.leases.forget(lost.iter());
            Ok(lost)
        })
    }

    fn release<'a>(
        &'a self,
        leases: &'a [Lease],
        wait: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let entries = leases.iter().map(|lease| (lease.clone(), wait)).collect();
            let released = self.set_visibility(entries, self.clock.now()).await;
            self.leases.forget(leases.iter());
            released.map(|_| ())
        })
    }

    fn settle<'a>(&'a self, outcomes: &'a [Outcome]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.settle_all(outcomes))
    }

    fn in_flight_share(&self) -> BoxFuture<'_, Result<f64, Error>> {
        Box::pin(self.share())
    }
}

/// Seconds, rounded up: SQS knows no parts of one.
fn whole_secs(span: Duration) -> i32 {
    let secs = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    i32::try_from(secs).unwrap_or(i32::MAX)
}

/// A message as the port has it; `None` for one without the parts that SQS always gives.
fn received(message: Message, now: Timestamp, until: Timestamp) -> Option<Received> {
    let system = message.attributes.unwrap_or_default();
    let number = |name: MessageSystemAttributeName| {
        system.get(&name).and_then(|text| text.parse::<u64>().ok())
    };
    let count = number(MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or(1);
    let sent_at = number(MessageSystemAttributeName::SentTimestamp).map_or_else(
        || {
            // Not 1970, by which it would be given up as too old.
            tracing::warn!(
                message = message.message_id,
                "a message says not when it was sent: it counts from now"
            );
            now
        },
        Timestamp::from_millis,
    );
    let attributes = texts(message.message_attributes.unwrap_or_default());
    Some(Received {
        lease: Lease(Arc::from(message.receipt_handle?)),
        message_id: Arc::from(message.message_id?),
        body: Bytes::from(message.body?),
        origin: attributes
            .get(travel::ORIGIN)
            .map(|origin| Arc::from(origin.as_str())),
        attributes,
        sent_at,
        lease_until: until,
        receive_count: u32::try_from(count).unwrap_or(u32::MAX),
        attempt: 0,
        group: system
            .get(&MessageSystemAttributeName::MessageGroupId)
            .map(|group| Arc::from(group.as_str())),
    })
}

/// Attributes of type String or Number.
fn texts(attributes: HashMap<String, MessageAttributeValue>) -> BTreeMap<String, String> {
    attributes
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.string_value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_says_not_when_it_was_sent_counts_from_now() {
        let (now, until) = (Timestamp::from_millis(7_000), Timestamp::from_millis(9_000));
        for (sent, sent_at) in [(Some("5000"), 5_000), (None, 7_000), (Some("soon"), 7_000)] {
            let message = Message::builder()
                .message_id("m")
                .receipt_handle("h")
                .body("b");
            let message = match sent {
                Some(sent) => message.attributes(MessageSystemAttributeName::SentTimestamp, sent),
                None => message,
            };
            let received = received(message.build(), now, until).unwrap();
            assert_eq!(
                received.sent_at,
                Timestamp::from_millis(sent_at),
                "{sent:?}"
            );
        }
    }
}
