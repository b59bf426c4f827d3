//! The port `Queue` over SQS.
//!
//! INVARIANT (contract 7): results are stored first, then the messages that carry lines on are sent and acknowledged, then
//! the originals are deleted. A crash in between costs a second delivery, never a notification.
//!
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
use parking_lot::Mutex;

use crate::account::{self, Account};
use crate::outbox::{entry, entry_failed, size_of};
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
    url: String,
    retry_url: String,
    results: Arc<DirectResults>,
    clock: Arc<dyn Clock>,
    /// Leases that are held: when they end, and how many carries of theirs have been sent.
    held: Mutex<HashMap<Lease, Held>>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    until: Timestamp,
    carried: usize,
}

impl fmt::Debug for SqsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsQueue")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl SqsQueue {
    /// The queue at `url`; what must be tried again goes to `retry_url`, which may be the same.
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
            url: url.to_owned(),
            retry_url: retry_url.to_owned(),
            results,
            clock,
            held: Mutex::default(),
        })
    }

    fn what(&self) -> String {
        format!("queue `{}`", self.url)
    }

    fn is_fifo(&self) -> bool {
        self.url.ends_with(".fifo")
    }

    async fn receive_batch(&self, ask: Ask) -> Result<Vec<Received>, Error> {
        let begun = self.clock.now();
        let wait = ask.wait.min(WAIT_MAX);
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(
                i32::try_from(ask.max.clamp(1, batch::ENTRIES_MAX)).unwrap_or(1),
            )
            .wait_time_seconds(whole_secs(wait))
            .visibility_timeout(whole_secs(ask.lease.min(VISIBILITY_MAX)))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .send()
            .await
            .map_err(|error| failure::of(&self.what(), &error))?;
        let counted_from = begun.max(self.clock.now().minus(ANSWER_LATE_MAX));
        let until = counted_from.plus(ask.lease);
        let messages = answer.messages.unwrap_or_default();
        let received: Vec<Received> = messages
            .into_iter()
            .filter_map(|message| received(message, until))
            .collect();
        let mut held = self.held.lock();
        for message in &received {
            held.insert(message.lease.clone(), Held { until, carried: 0 });
        }
        Ok(received)
    }

    /// Sets visibility; gives back what failed as a lost lease.
    async fn set_visibility(&self, entries: Vec<(Lease, Duration)>) -> Result<Vec<Lease>, Error> {
        let batches = batch::cut(entries, |_| 0);
        let calls = batches.into_iter().map(|batch| async move {
            let mut call = self
                .client
                .change_message_visibility_batch()
                .queue_url(&self.url);
            for (index, (lease, span)) in batch.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&*lease.0)
                    .visibility_timeout(whole_secs((*span).min(VISIBILITY_MAX)));
                call = call.entries(
                    entry
                        .build()
                        .map_err(|error| Error::refused(&self.what(), error))?,
                );
            }
            let answer = call
                .send()
                .await
                .map_err(|error| failure::of(&self.what(), &error))?;
            let leases: Vec<Lease> = batch.into_iter().map(|(lease, _)| lease).collect();
            self.lost(&leases, answer.failed())
        });
        let lost: Vec<Vec<Lease>> = futures_util::stream::iter(calls)
            .buffered(CALLS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(lost.concat())
    }

    /// Which of a batch's leases are lost; an error when an entry failed for another reason.
    fn lost(
        &self,
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
                _ => return Err(entry_failed(&self.what(), entry)),
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
        futures_util::try_join!(self.delete(gone), self.set_visibility(waiting))?;
        let mut leases = self.held.lock();
        for outcome in outcomes {
            leases.remove(&outcome.lease);
        }
        drop(leases);
        if !over.is_empty() {
            tracing::warn!(queue = %self.url, count = over.len(), "leases ended before their messages were settled");
        }
        Ok(())
    }

    fn is_held(&self, lease: &Lease, now: Timestamp) -> bool {
        self.held
            .lock()
            .get(lease)
            .is_some_and(|held| held.until > now)
    }

    /// Sends what goes on, but for what a settle that failed half-way had sent.
    async fn send_carries(&self, outcomes: &[&Outcome], now: Timestamp) -> Result<(), Error> {
        let mut carries = Vec::new();
        for outcome in outcomes {
            let sent = self
                .held
                .lock()
                .get(&outcome.lease)
                .map_or(0, |held| held.carried);
            let left = outcome.carries.iter().enumerate().skip(sent);
            carries.extend(left.map(|(index, carry)| (*outcome, index, carry)));
        }
        for batch in batch::cut(carries, |(_, _, carry)| {
            size_of(&carry.body, &carry.attributes)
        }) {
            let mut call = self.client.send_message_batch().queue_url(&self.retry_url);
            for (entry, (outcome, index, carry)) in batch.iter().enumerate() {
                call = call.entries(self.entry(entry, outcome, *index, carry, now)?);
            }
            let answer = call
                .send()
                .await
                .map_err(|error| failure::of(&self.what(), &error))?;
            // In order, so that the count of what was sent says which.
            for (entry, (outcome, index, _)) in batch.iter().enumerate() {
                let id = entry.to_string();
                if answer.successful().iter().any(|sent| sent.id == id) {
                    self.note_carried(&outcome.lease, *index);
                }
            }
            if let Some(failed) = answer.failed().first() {
                return Err(entry_failed(&self.what(), failed));
            }
        }
        Ok(())
    }

    fn note_carried(&self, lease: &Lease, index: usize) {
        if let Some(held) = self.held.lock().get_mut(lease)
            && held.carried == index
        {
            held.carried += 1;
        }
    }

    fn entry(
        &self,
        id: usize,
        outcome: &Outcome,
        index: usize,
        carry: &Carry,
        now: Timestamp,
    ) -> Result<SendMessageBatchRequestEntry, Error> {
        let refused = |detail: &dyn fmt::Display| Error::refused(&self.what(), detail);
        let mut entry = entry(&self.what(), id, &carry.body, &carry.attributes)?;
        if self.retry_url.ends_with(".fifo") {
            // FIFO queues take no delay for one message; the attributes keep the time not to try before.
            let group = carry.group.as_deref().unwrap_or(&outcome.message_id);
            let once = format!("{}.{}.{index}", outcome.message_id, carry.attempt);
            entry = entry.message_group_id(group).message_deduplication_id(once);
        } else {
            let delay = carry.not_before.since(now).min(DELAY_MAX);
            entry = entry.delay_seconds(whole_secs(delay));
        }
        entry.build().map_err(|error| refused(&error))
    }

    async fn delete(&self, leases: Vec<Lease>) -> Result<(), Error> {
        let calls = batch::cut(leases, |_| 0)
            .into_iter()
            .map(|batch| async move {
                let mut call = self.client.delete_message_batch().queue_url(&self.url);
                for (index, lease) in batch.iter().enumerate() {
                    let entry = DeleteMessageBatchRequestEntry::builder()
                        .id(index.to_string())
                        .receipt_handle(&*lease.0);
                    call = call.entries(
                        entry
                            .build()
                            .map_err(|error| Error::refused(&self.what(), error))?,
                    );
                }
                let answer = call
                    .send()
                    .await
                    .map_err(|error| failure::of(&self.what(), &error))?;
                // A lost lease deletes nothing: the message comes again.
                self.lost(&batch, answer.failed()).map(|_| ())
            });
        futures_util::stream::iter(calls)
            .buffered(CALLS_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await
            .map(|_| ())
    }

    async fn share(&self) -> Result<f64, Error> {
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .send()
            .await
            .map_err(|error| failure::of(&self.what(), &error))?;
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
            is_fifo: self.is_fifo(),
            settle_max: 1_000,
            settle_within: Duration::from_secs(1),
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
            lost.extend(self.set_visibility(entries).await?);
            let mut known = self.held.lock();
            for lease in &held {
                if let Some(held) = known.get_mut(lease) {
                    held.until = until;
                }
            }
            for lease in &lost {
                known.remove(lease);
            }
            Ok(lost)
        })
    }

    fn release<'a>(
        &'a self,
        leases: &'a [Lease],
        wait: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let now = self.clock.now();
            let held = leases.iter().filter(|lease| self.is_held(lease, now));
            let entries = held.map(|lease| (lease.clone(), wait)).collect();
            self.set_visibility(entries).await?;
            let mut known = self.held.lock();
            for lease in leases {
                known.remove(lease);
            }
            Ok(())
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
fn received(message: Message, until: Timestamp) -> Option<Received> {
    let system = message.attributes.unwrap_or_default();
    let number = |name: MessageSystemAttributeName| {
        system.get(&name).and_then(|text| text.parse::<u64>().ok())
    };
    let count = number(MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or(1);
    let sent = number(MessageSystemAttributeName::SentTimestamp).unwrap_or_default();
    let attributes = texts(message.message_attributes.unwrap_or_default());
    Some(Received {
        lease: Lease(Arc::from(message.receipt_handle?)),
        message_id: Arc::from(message.message_id?),
        body: Bytes::from(message.body?),
        origin: attributes
            .get(travel::ORIGIN)
            .map(|origin| Arc::from(origin.as_str())),
        attributes,
        sent_at: Timestamp::from_millis(sent),
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
