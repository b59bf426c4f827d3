//! Messages in: checked and encoded outside the lock, one record a call.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use store::record::{Cause, MessageKey, NewMessage, Record, encode};
use store::{Class, Position};

use super::{Queue, Queues};
use crate::batch::check_bytes;
use crate::engine::Engine;
use crate::engine::decide::{Duplicate, dedup_of};
use crate::engine::ids;
use crate::message::{LINES_ATTRIBUTE, Outgoing, Sender, Sent, check_body};
use crate::settings::Settings;
use crate::{Error, attributes};

/// Longest delay of a message that a caller sends.
const DELAY_MAX: Duration = Duration::from_secs(900);
/// Most notifications of a message: one for each byte.
const LINES_MAX: u32 = 1 << 20;

/// A checked message: what of it has to be made for the journal.
#[derive(Debug)]
pub(super) struct Checked {
    attributes: Vec<u8>,
    lines: u32,
    delay_until: Option<Timestamp>,
}

/// Where the messages of a call went.
struct Accepted {
    keys: Vec<Option<MessageKey>>,
    end: Position,
}

impl Queues {
    /// Sends 1 to 10 messages in one record. One outcome each, in order; the outer error refuses all.
    ///
    /// # Errors
    /// [`Error::BatchTooLong`] beyond 1 MiB together, and what the journal refuses.
    pub async fn send(
        &self,
        queue: &Arc<Queue>,
        sender: Sender<'_>,
        messages: Vec<Outgoing>,
    ) -> Result<Vec<Result<Sent, Error>>, Error> {
        check_together(&messages)?;
        let sent_at = self.now();
        let settings = queue.settings();
        let checked: Vec<Result<Checked, Error>> = messages
            .iter()
            .map(|message| check(&settings, message, sent_at))
            .collect();
        let sender_number = self.sender_number(sender.id)?;
        let mut new = Vec::with_capacity(messages.len());
        let mut outcomes = Vec::with_capacity(messages.len());
        for (message, checked) in messages.iter().zip(&checked) {
            let made = checked.as_ref().map_err(Clone::clone).and_then(|checked| {
                let dedup = dedup_of(&settings, message.dedup_id.as_deref(), &message.body)?;
                let message = new_message(message, checked, sent_at, sender_number);
                Ok(NewMessage { dedup, ..message })
            });
            outcomes.push(made.map(|message| new.push(message)));
        }
        if new.is_empty() {
            return Ok(outcomes
                .into_iter()
                .map(|outcome| outcome.and(Err(Error::BatchEmpty)))
                .collect());
        }
        let count = new.len();
        let accepted = self.accept(queue, sender.cause, new)?;
        self.journal.committed(accepted.end).await?;
        self.count(queue, "NumberOfMessagesSent", count);
        let taken = messages.iter().zip(&outcomes);
        self.measure_sizes(
            queue,
            taken
                .filter(|(_, outcome)| outcome.is_ok())
                .map(|(message, _)| message),
        );
        let mut keys = accepted.keys.into_iter().flatten();
        let mut sent = || {
            keys.next()
                .map(|key| self.sent(queue, key))
                .ok_or(Error::Busy)
        };
        Ok(outcomes
            .into_iter()
            .map(|outcome| outcome.and_then(|()| sent()))
            .collect())
    }

    /// Emits the sizes of messages: as so many of the mean, so that their sum and count are right at the cost of one.
    #[expect(
        clippy::cast_precision_loss,
        reason = "bytes of a batch, far below 2^53"
    )]
    fn measure_sizes<'m>(&self, queue: &Queue, messages: impl Iterator<Item = &'m Outgoing>) {
        let (bytes, count) = messages.fold((0, 0_u64), |(bytes, count), message| {
            (bytes + message.size(), count + 1)
        });
        if count > 0 {
            let mean = bytes as f64 / count as f64;
            let of_queue = [("QueueName", queue.name())];
            self.metrics
                .record_many("AWS/SQS", "SentMessageSize", &of_queue, mean, count);
        }
    }

    fn accept(
        &self,
        queue: &Arc<Queue>,
        cause: Cause,
        messages: Vec<NewMessage<'_>>,
    ) -> Result<Accepted, Error> {
        let bytes_about: usize = messages
            .iter()
            .map(|message| message.body.len() + message.attributes.len() + 64)
            .sum();
        let count = messages.len();
        let mut bytes = Vec::with_capacity(bytes_about);
        let mut record = Record::Enqueued {
            queue: queue.id(),
            cause,
            messages,
        };
        encode(&mut record, &mut bytes);
        let mut engine = self.engine.lock();
        engine.queue(queue.id()).map_err(|_| queue.not_found())?;
        let at = engine.time(self.now());
        engine.check_room(queue.id(), count, at)?;
        if !queue.is_fifo() {
            let appended = self.append(&mut engine, Class::Send, at, &record, &bytes)?;
            drop(engine);
            self.wake_at(queue, appended.end);
            let Record::Enqueued { messages, .. } = &record else {
                return Err(Error::Busy);
            };
            let keys = messages
                .iter()
                .map(|message| Some(MessageKey::of(appended.start, message.offset)))
                .collect();
            return Ok(Accepted {
                keys,
                end: appended.end,
            });
        }
        let Record::Enqueued { messages, .. } = record else {
            return Err(Error::Busy);
        };
        self.accept_fifo(&mut engine, queue, cause, messages, at)
    }

    /// Leaves out what was sent before.
    fn accept_fifo(
        &self,
        engine: &mut Engine,
        queue: &Arc<Queue>,
        cause: Cause,
        messages: Vec<NewMessage<'_>>,
        at: Timestamp,
    ) -> Result<Accepted, Error> {
        let state = engine.queue(queue.id())?;
        let duplicates = engine.duplicates(state, &messages, at);
        let fresh: Vec<NewMessage<'_>> = messages
            .into_iter()
            .zip(&duplicates)
            .filter(|(_, duplicate)| duplicate.is_none())
            .map(|(new, _)| new)
            .collect();
        let mut fresh_keys = Vec::new().into_iter();
        let mut end = self.journal.end();
        if !fresh.is_empty() {
            let mut record = Record::Enqueued {
                queue: queue.id(),
                cause,
                messages: fresh,
            };
            let appended = self.write(engine, Class::Send, at, &mut record)?;
            if let Record::Enqueued { messages, .. } = &record {
                let keys = messages
                    .iter()
                    .map(|message| MessageKey::of(appended.start, message.offset));
                fresh_keys = keys.collect::<Vec<_>>().into_iter();
            }
            end = appended.end;
            self.wake_at(queue, end);
        }
        let mut keys: Vec<Option<MessageKey>> = Vec::with_capacity(duplicates.len());
        for duplicate in duplicates {
            keys.push(match duplicate {
                None => fresh_keys.next(),
                Some(Duplicate::Of(key)) => Some(key),
                Some(Duplicate::InCall(index)) => keys.get(index).copied().flatten(),
            });
        }
        Ok(Accepted { keys, end })
    }

    fn sent(&self, queue: &Queue, key: MessageKey) -> Sent {
        Sent {
            key,
            message_id: ids::message_id(self.seed, key),
            sequence_number: queue.is_fifo().then(|| ids::sequence_number(key.0)),
        }
    }

    /// The number of a caller, which is journaled when it is new.
    pub(super) fn sender_number(&self, id: &str) -> Result<u32, Error> {
        if id.is_empty() {
            return Ok(0);
        }
        if let Some(number) = self.views.read().sender_numbers.get(id) {
            return Ok(*number);
        }
        let mut engine = self.engine.lock();
        if let Some(number) = engine.sender_number(id) {
            return Ok(number);
        }
        let number = engine.next_sender();
        // Those that are too many are unknown senders.
        if number > engine.limits.senders {
            return Ok(0);
        }
        let at = engine.time(self.now());
        self.write(
            &mut engine,
            Class::Send,
            at,
            &mut Record::SenderNamed { number, id },
        )?;
        self.views.write().name_sender(number, id.into());
        Ok(number)
    }
}

/// A message as it goes into the journal, without its deduplication id.
pub(super) fn new_message<'a>(
    message: &'a Outgoing,
    checked: &'a Checked,
    sent_at: Timestamp,
    sender: u32,
) -> NewMessage<'a> {
    NewMessage {
        offset: 0,
        sent_at,
        sender,
        delay_until: checked.delay_until,
        lines: checked.lines,
        attempt: message.attempt,
        group: message.group.as_deref(),
        dedup: None,
        attributes: &checked.attributes,
        system: message
            .trace_header
            .as_deref()
            .unwrap_or_default()
            .as_bytes(),
        origin: &message.origin,
        body: &message.body,
    }
}

fn check_together(messages: &[Outgoing]) -> Result<(), Error> {
    match messages {
        [] => Err(Error::BatchEmpty),
        // One message alone is held to its queue's limit, with that error.
        [_] => Ok(()),
        _ => check_bytes(messages),
    }
}

fn check(settings: &Settings, message: &Outgoing, sent_at: Timestamp) -> Result<Checked, Error> {
    let (bytes, limit) = (message.size(), u64::from(settings.message_bytes_max));
    if bytes > limit {
        return Err(Error::MessageTooLong { bytes, limit });
    }
    check_group(settings, message)?;
    let delay = match (message.delay, settings.is_fifo) {
        (Some(delay), false) if delay > DELAY_MAX => {
            let right = "it is an integer from 0 to 900";
            return Err(Error::parameter(
                "DelaySeconds",
                delay.as_secs().to_string(),
                right,
            ));
        }
        (Some(delay), true) if !delay.is_zero() => {
            let right = "the request include parameter that is not valid for this queue type";
            return Err(Error::parameter(
                "DelaySeconds",
                delay.as_secs().to_string(),
                right,
            ));
        }
        (Some(delay), false) => delay,
        (None, _) | (Some(_), true) => Duration::from_secs(u64::from(settings.delay_secs)),
    };
    check_content(message, delay, sent_at)
}

/// What every sent message has to be like, however long it waits.
fn check_content(
    message: &Outgoing,
    delay: Duration,
    sent_at: Timestamp,
) -> Result<Checked, Error> {
    check_body(&message.body)?;
    attributes::check(&message.attributes)?;
    Ok(checked(message, delay, sent_at))
}

fn checked(message: &Outgoing, delay: Duration, sent_at: Timestamp) -> Checked {
    let mut encoded = Vec::new();
    attributes::encode(&message.attributes, &mut encoded);
    Checked {
        attributes: encoded,
        lines: lines(message),
        delay_until: (!delay.is_zero()).then(|| sent_at.plus(delay)),
    }
}

fn lines(message: &Outgoing) -> u32 {
    let declared = || match &message.attributes.get(LINES_ATTRIBUTE)?.value {
        attributes::Value::Text(text) => text.parse().ok(),
        attributes::Value::Binary(_) => None,
    };
    message
        .lines
        .or_else(declared)
        .unwrap_or(1)
        .clamp(1, LINES_MAX)
}

fn check_group(settings: &Settings, message: &Outgoing) -> Result<(), Error> {
    match (&message.group, settings.is_fifo) {
        (None, true) => {
            return Err(Error::MissingParameter {
                name: "MessageGroupId",
            });
        }
        (Some(group), _) => check_id("MessageGroupId", group)?,
        (None, false) => {}
    }
    match (&message.dedup_id, settings.is_fifo) {
        (Some(id), false) => Err(Error::parameter(
            "MessageDeduplicationId",
            id,
            "the request includes a parameter that is not valid for this queue type",
        )),
        (Some(id), true) => check_id("MessageDeduplicationId", id),
        (None, _) => Ok(()),
    }
}

/// 1 to 128 letters, digits and punctuation of ASCII.
pub(super) fn check_id(parameter: &'static str, id: &str) -> Result<(), Error> {
    if (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::parameter(
        parameter,
        id,
        "it has 1 to 128 alphanumeric characters and punctuation",
    ))
}

impl Queues {
    /// A carried message as it goes into the journal. What it is made of was accepted once, and what is added (why it is dead,
    /// which line it was) must not be the reason that a settle is refused and the message sent for ever: an empty line is a
    /// letter without a body, and a line of 1 MiB a longer one.
    pub(super) fn check_carried(
        &self,
        to: &Queue,
        message: &Outgoing,
        at: Timestamp,
    ) -> Result<Checked, Error> {
        if to.settings().is_fifo && message.group.is_none() {
            return Err(Error::MissingParameter {
                name: "MessageGroupId",
            });
        }
        Ok(checked(message, message.delay.unwrap_or_default(), at))
    }
}
