//! May a call happen, and which record says so? Nothing changes here but what is due ([`QueueState::advance`]).
//!
//! Outcomes are in the order of what was asked. A record is `None` when there is nothing to say.

use base::Timestamp;
use store::record::{By, Dedup, MessageKey, MoveCause, NewMessage, QueueId, Record, Touched};

use super::apply::{attempt_fingerprint, fingerprint};
use super::hot::{Entry, State};
use super::ids::Handle;
use super::pick::Bounds;
use super::state::QueueState;
use super::{DELETED_MS, Engine};
use crate::Error;
use crate::settings::Settings;

/// Most messages in flight of a queue. Source: API Reference, ChangeMessageVisibility.
pub(crate) const IN_FLIGHT_MAX: u32 = 120_000;
/// Most seconds that a message is invisible after a receive.
const VISIBILITY_SECS_MAX: u64 = 43_200;
/// After a purge the next one has to wait this long.
const PURGE_MS: u64 = 60_000;

/// What a creation leads to.
#[derive(Debug)]
pub(crate) enum Creation {
    /// The queue is there with the same attributes.
    Exists(QueueId),
    /// It may be created under this number.
    New(QueueId, Settings),
}

/// Whether the name of a deleted queue rests before there is another of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// As callers know it from SQS.
    Kept,
    /// For queues that the server itself needs.
    Skipped,
}

/// A receive.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveCall<'a> {
    pub(crate) max: usize,
    pub(crate) until: Timestamp,
    pub(crate) by: By,
    pub(crate) attempt_id: Option<&'a str>,
    /// Only messages before this are durable.
    pub(crate) durable: u64,
}

/// What a receive leads to: the records in order, and whose leases it returns.
#[derive(Debug, Default)]
pub(crate) struct Receiving {
    pub(crate) records: Vec<Record<'static>>,
    pub(crate) keys: Vec<MessageKey>,
}

/// What a received message is besides what lies in the journal.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) key: MessageKey,
    /// Its place in its group, on a FIFO queue.
    pub(crate) turn: u64,
    pub(crate) location: u64,
    pub(crate) nonce: u16,
    pub(crate) until: Timestamp,
    pub(crate) first_received: Timestamp,
    pub(crate) receive_count: u32,
    pub(crate) lines: u32,
    pub(crate) attempt: u32,
    /// Instead of the time in the journal.
    pub(crate) restamped: Option<Timestamp>,
    /// The queue that it came from as a dead letter.
    pub(crate) source: Option<QueueId>,
}

/// Outcomes for each handle, and the messages that they concern.
type Outcomes<T> = (Vec<Result<(), Error>>, Vec<T>);

impl Engine {
    pub(crate) fn decide_create(
        &self,
        name: &str,
        wanted: Settings,
        given: &[&str],
        rest: Rest,
        at: Timestamp,
    ) -> Result<Creation, Error> {
        if let Some(id) = self.names.get(name) {
            let is_tag = |name: &&str| *name != "FifoQueue";
            let differs = self
                .queue(*id)?
                .settings
                .differs_in(&wanted, given.iter().copied().filter(is_tag));
            return match differs {
                None => Ok(Creation::Exists(*id)),
                Some(attribute) => Err(Error::QueueNameExists {
                    name: name.to_owned(),
                    attribute: attribute.to_owned(),
                }),
            };
        }
        if rest == Rest::Kept
            && let Some(deleted_at) = self.deleted.get(name)
        {
            let ago = at.since(*deleted_at);
            if ago.as_millis() < u128::from(DELETED_MS) {
                return Err(Error::QueueDeletedRecently {
                    name: name.to_owned(),
                    ago_secs: ago.as_secs(),
                });
            }
        }
        let limit = self.limits.queues;
        if self.names.len() >= limit {
            return Err(Error::TooManyQueues { limit });
        }
        self.check_redrive(name, &wanted)?;
        Ok(Creation::New(QueueId(self.next_queue), wanted))
    }

    /// A dead-letter queue must exist, be of the same kind, and allow it.
    pub(crate) fn check_redrive(&self, name: &str, settings: &Settings) -> Result<(), Error> {
        let Some(redrive) = &settings.redrive else {
            return Ok(());
        };
        let given = || serde_json::to_string(redrive).unwrap_or_default();
        let refuse = |right: &str| Err(Error::parameter("RedrivePolicy", given(), right));
        let Some(target) = self
            .queue_of_arn(&redrive.target)
            .and_then(|id| self.queues.get(&id))
        else {
            return refuse("Dead letter target does not exist");
        };
        if target.name == name {
            return refuse("a queue cannot be its own dead-letter queue");
        }
        if target.is_fifo() != settings.is_fifo {
            return refuse("Dead-letter queue must be same type of queue as the source");
        }
        if target
            .settings
            .redrive_allow
            .as_ref()
            .is_some_and(|allow| !allow.allows(&self.arn(name)))
        {
            return refuse("the dead-letter queue's RedriveAllowPolicy does not allow this queue");
        }
        Ok(())
    }

    /// For each message of a FIFO queue, that which it repeats: an earlier message, or an earlier one of the call.
    pub(crate) fn duplicates(
        &self,
        queue: &QueueState,
        messages: &[NewMessage<'_>],
        at: Timestamp,
    ) -> Vec<Option<Duplicate>> {
        let Some(seed) = self.seed.filter(|_| queue.is_fifo()) else {
            return vec![None; messages.len()];
        };
        let mut seen: Vec<Option<[u8; 16]>> = Vec::with_capacity(messages.len());
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            let print = fingerprint(seed, &queue.settings, message.dedup, message.group);
            let earlier = print.and_then(|print| queue.dedup.get(&print, at.as_millis()));
            let in_call =
                || print.and_then(|print| seen.iter().position(|other| *other == Some(print)));
            outcomes.push(match earlier {
                Some(key) => Some(Duplicate::Of(*key)),
                None => in_call().map(Duplicate::InCall),
            });
            seen.push(print);
        }
        outcomes
    }

    /// Refuses new messages while memory holds as much of their queue as it shall.
    pub(crate) fn check_room(
        &mut self,
        id: QueueId,
        count: usize,
        at: Timestamp,
    ) -> Result<(), Error> {
        let limits = self.limits;
        let queue = self.queue_mut(id)?;
        let full = |what, limit| Err(Error::QueueFull { what, limit });
        if queue.hot.len() >= limits.hot {
            return full(
                "messages that are in flight, delayed, grouped, or to be tried again",
                limits.hot,
            );
        }
        if !queue.is_fifo() {
            return Ok(());
        }
        if queue.groups.len() >= limits.groups {
            return Err(Error::Unsupported {
                why: format!(
                    "{} message groups have messages in the queue, which is the most there can be",
                    limits.groups
                ),
            });
        }
        queue.dedup.forget(at.as_millis());
        if queue.dedup.len() + count > limits.dedup {
            return full("deduplication ids of the last five minutes", limits.dedup);
        }
        Ok(())
    }

    pub(crate) fn decide_receive(
        &mut self,
        id: QueueId,
        at: Timestamp,
        call: &ReceiveCall<'_>,
    ) -> Result<Receiving, Error> {
        let queue = self.queue_mut(id)?;
        queue.advance(at);
        queue.attempts.forget(at.as_millis());
        let attempt = self.attempt_of(id, call);
        if let Some(again) = self.repeat_attempt(id, at, call, attempt)? {
            return Ok(again);
        }
        let queue = self.queue(id)?;
        let room = IN_FLIGHT_MAX.saturating_sub(queue.in_flight);
        match room {
            // Source: as the limit. A FIFO queue gives nothing then.
            0 if queue.is_fifo() => return Ok(Receiving::default()),
            0 => {
                let limit = IN_FLIGHT_MAX;
                return Err(Error::OverLimit { limit });
            }
            _ => {}
        }
        let dead_to = queue
            .dead_letters
            .as_ref()
            .and_then(|(name, max)| Some((*self.names.get(name)?, *max)));
        let mut picked = queue.pick(Bounds {
            at,
            durable: call.durable,
            max: call.max.min(room as usize),
            dead_after: dead_to.map(|(_, max)| max),
        });
        let mut receiving = Receiving::default();
        receiving.records.extend(picked.expired_record(id));
        if let (Some((to, _)), false) = (dead_to, picked.dead.is_empty()) {
            let cause = MoveCause::DeadLetter;
            receiving.records.push(Record::Moved {
                from: id,
                to,
                cause,
                messages: picked.dead,
            });
        }
        if !picked.messages.is_empty() {
            receiving.keys = picked
                .messages
                .iter()
                .map(|each| each.message.key)
                .collect();
            let (until, by, messages) = (call.until, call.by, picked.messages);
            // One more is not remembered, so that its repetition receives anew.
            let attempt = attempt.filter(|_| queue.attempts.len() < self.limits.dedup);
            receiving.records.push(Record::Received {
                queue: id,
                until,
                by,
                attempt,
                messages,
            });
        }
        Ok(receiving)
    }

    fn attempt_of(&self, id: QueueId, call: &ReceiveCall<'_>) -> Option<[u8; 16]> {
        let is_fifo = self.queues.get(&id).is_some_and(QueueState::is_fifo);
        Some(attempt_fingerprint(
            self.seed.filter(|_| is_fifo)?,
            call.attempt_id?,
        ))
    }

    /// A receive request attempt that was made before gives the same messages again, as long as all are in flight and
    /// nobody changed their visibility. Source: API Reference, ReceiveMessage, ReceiveRequestAttemptId.
    fn repeat_attempt(
        &self,
        id: QueueId,
        at: Timestamp,
        call: &ReceiveCall<'_>,
        attempt: Option<[u8; 16]>,
    ) -> Result<Option<Receiving>, Error> {
        let queue = self.queue(id)?;
        let Some(given) = attempt.and_then(|attempt| queue.attempts.get(&attempt, at.as_millis()))
        else {
            return Ok(None);
        };
        let is_held = |(key, nonce): &(MessageKey, u16)| {
            let (key, nonce) = (*key, *nonce);
            held(
                queue,
                Handle {
                    queue: id,
                    key,
                    nonce,
                },
            )
            .is_some_and(|entry| !entry.is_changed())
        };
        if given.is_empty() || !given.iter().all(is_held) {
            return Ok(None);
        }
        let keys: Vec<MessageKey> = given.iter().map(|(key, _)| *key).collect();
        let again = Record::Received {
            queue: id,
            until: call.until,
            by: call.by,
            attempt,
            messages: Vec::new(),
        };
        Ok(Some(Receiving {
            records: vec![again],
            keys,
        }))
    }

    /// What the receiver gets of a message that was just received.
    pub(crate) fn lease(&self, id: QueueId, key: MessageKey) -> Option<Lease> {
        let queue = self.queues.get(&id)?;
        let entry = find(queue, key)?;
        let restamped = entry
            .is_restamped()
            .then(|| Timestamp::from_secs(u64::from(entry.sent_secs)));
        Some(Lease {
            key,
            turn: queue.turn_of(key),
            location: queue.location(key),
            nonce: entry.nonce,
            until: Timestamp::from_millis(entry.until()),
            first_received: entry.first_received().unwrap_or_default(),
            receive_count: entry.receive_count,
            lines: entry.lines,
            attempt: u32::from(entry.attempt),
            restamped,
            source: if queue.sources.is_empty() {
                None
            } else {
                queue.sources.get(&key).map(|source| source.queue)
            },
        })
    }

    pub(crate) fn decide_delete(
        &mut self,
        id: QueueId,
        at: Timestamp,
        handles: &[Handle],
    ) -> Result<Outcomes<Touched>, Error> {
        let queue = self.queue_mut(id)?;
        if queue.is_fifo() {
            queue.advance(at);
        }
        let mut outcomes = Vec::with_capacity(handles.len());
        let mut messages: Vec<Touched> = Vec::with_capacity(handles.len());
        for handle in handles {
            let is_first = messages.iter().all(|message| message.key != handle.key);
            let outcome = deletable(queue, *handle);
            if let (Ok(Some(message)), true) = (&outcome, is_first) {
                messages.push(*message);
            }
            outcomes.push(outcome.map(|_| ()));
        }
        Ok((outcomes, messages))
    }

    pub(crate) fn decide_visibility(
        &mut self,
        id: QueueId,
        at: Timestamp,
        changes: &[(Handle, Timestamp)],
    ) -> Result<Outcomes<(MessageKey, Timestamp)>, Error> {
        let queue = self.queue_mut(id)?;
        queue.advance(at);
        let mut outcomes = Vec::with_capacity(changes.len());
        let mut changed = Vec::with_capacity(changes.len());
        for (handle, until) in changes {
            let outcome = match held(queue, *handle) {
                Some(entry) => check_visibility(at, queue.received_at(entry), *until),
                None if is_visible(queue, handle.key) => Err(Error::NotInFlight),
                None => Err(Error::NotHeld),
            };
            if outcome.is_ok() {
                changed.push((handle.key, *until));
            }
            outcomes.push(outcome);
        }
        Ok((outcomes, changed))
    }

    /// Which of the leases are still held, for release.
    pub(crate) fn decide_release(
        &mut self,
        id: QueueId,
        at: Timestamp,
        handles: &[Handle],
    ) -> Result<Outcomes<Touched>, Error> {
        let queue = self.queue_mut(id)?;
        queue.advance(at);
        let mut outcomes = Vec::with_capacity(handles.len());
        let mut messages: Vec<Touched> = Vec::with_capacity(handles.len());
        for handle in handles {
            let is_first = messages.iter().all(|message| message.key != handle.key);
            match held(queue, *handle).filter(|_| is_first) {
                Some(entry) => {
                    messages.push(entry.touched());
                    outcomes.push(Ok(()));
                }
                None => outcomes.push(Err(Error::HandleExpired)),
            }
        }
        Ok((outcomes, messages))
    }

    /// The leases of a process that has ended, for release, in the order of keys.
    pub(crate) fn decide_end_leases(
        &mut self,
        id: QueueId,
        at: Timestamp,
    ) -> Result<Vec<Touched>, Error> {
        let queue = self.queue_mut(id)?;
        queue.advance(at);
        let entries = queue.hot.iter().map(|(_, entry)| entry);
        let held = entries.filter(|entry| entry.is_embedded_lease());
        let mut messages: Vec<Touched> = held.map(Entry::touched).collect();
        messages.sort_unstable_by_key(|message| message.key);
        Ok(messages)
    }

    /// For each handle what its message was booked as, when nobody received it since.
    ///
    /// The lease may be over: as long as the message waits, the outcome of the attempt stands.
    pub(crate) fn decide_settle(
        &mut self,
        id: QueueId,
        at: Timestamp,
        handles: &[Handle],
    ) -> Result<Vec<Result<Touched, Error>>, Error> {
        let queue = self.queue_mut(id)?;
        queue.advance(at);
        let mut seen: Vec<MessageKey> = Vec::with_capacity(handles.len());
        let outcomes = handles.iter().map(|handle| {
            let is_first = !seen.contains(&handle.key);
            seen.push(handle.key);
            let entry =
                find(queue, handle.key).filter(|entry| entry.nonce == handle.nonce && is_first);
            let is_due = |entry: &&Entry| matches!(entry.state(), State::InFlight | State::Ready);
            entry
                .filter(is_due)
                .map(Entry::touched)
                .ok_or(Error::HandleExpired)
        });
        Ok(outcomes.collect())
    }

    pub(crate) fn decide_purge(&self, id: QueueId, at: Timestamp) -> Result<(), Error> {
        let queue = self.queue(id)?;
        match queue.purged_at {
            Some(before) if at.since(before).as_millis() < u128::from(PURGE_MS) => {
                Err(Error::PurgeInProgress {
                    name: queue.name.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// The queues whose redrive policy names this one.
    pub(crate) fn sources_of(&self, id: QueueId) -> Vec<(&str, QueueId)> {
        let Some(target) = self.queues.get(&id).map(|queue| self.arn(&queue.name)) else {
            return Vec::new();
        };
        let names_it = |queue: &QueueState| {
            queue
                .settings
                .redrive
                .as_ref()
                .is_some_and(|redrive| redrive.target == target)
        };
        let named = self
            .names
            .iter()
            .filter(|(_, id)| self.queues.get(id).is_some_and(names_it));
        named.map(|(name, id)| (name.as_str(), *id)).collect()
    }
}

/// What a message repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duplicate {
    /// A message that was sent before.
    Of(MessageKey),
    /// The message with this index in the same call.
    InCall(usize),
}

fn find(queue: &QueueState, key: MessageKey) -> Option<&Entry> {
    queue.hot.get(queue.hot.find(key)?)
}

/// The message of a lease that nobody took over.
fn held(queue: &QueueState, handle: Handle) -> Option<&Entry> {
    find(queue, handle.key)
        .filter(|entry| entry.state() == State::InFlight && entry.nonce == handle.nonce)
}

/// Whether a message of a standard queue is visible again. Its visibility does not change then, and its receiver is told
/// so as the API Reference has it (MessageNotInflight). SQS itself was seen to answer OK and to do nothing (LocalStack's
/// pull request 9632, 2023-11-14), which would leave a receiver in the belief that it holds the message.
fn is_visible(queue: &QueueState, key: MessageKey) -> bool {
    let is_ready = match find(queue, key) {
        Some(entry) => entry.state() == State::Ready,
        None => queue.cold.minute_of(key).is_some(),
    };
    is_ready && !queue.is_fifo()
}

/// From its receive on a message is invisible for 12 h at most; the second that runs does not count.
/// Source: API Reference, ChangeMessageVisibility; Developer Guide, "Amazon SQS visibility timeout".
fn check_visibility(at: Timestamp, received: Timestamp, until: Timestamp) -> Result<(), Error> {
    let secs = until.since(at).as_secs();
    if at.since(received).as_secs() + secs <= VISIBILITY_SECS_MAX {
        return Ok(());
    }
    let right = format!(
        "Total VisibilityTimeout for the message is beyond the limit [{VISIBILITY_SECS_MAX} seconds]"
    );
    Err(Error::parameter(
        "VisibilityTimeout",
        secs.to_string(),
        right,
    ))
}

/// The message that a handle may delete; `None` when it has gone already.
///
/// On a standard queue any receipt handle of the message does. On a FIFO queue only that of the receive that holds it.
fn deletable(queue: &QueueState, handle: Handle) -> Result<Option<Touched>, Error> {
    let Some(entry) = find(queue, handle.key) else {
        return Ok(queue
            .cold
            .minute_of(handle.key)
            .map(|minute| Entry::from_cold(handle.key, minute).touched()));
    };
    if queue.is_fifo() && held(queue, handle).is_none() {
        return Err(Error::HandleExpired);
    }
    Ok(Some(entry.touched()))
}

/// By what a FIFO queue is to know a message: the id given, or the body's hash when the queue does so.
pub(crate) fn dedup_of<'a>(
    settings: &Settings,
    id: Option<&'a str>,
    body: &[u8],
) -> Result<Option<Dedup<'a>>, Error> {
    use sha2::{Digest, Sha256};
    match (settings.is_fifo, id) {
        (false, _) => Ok(None),
        (true, Some(id)) => Ok(Some(Dedup::Id(id))),
        (true, None) if settings.has_content_dedup => {
            Ok(Some(Dedup::Content(Sha256::digest(body).into())))
        }
        (true, None) => Err(Error::DedupMissing),
    }
}
