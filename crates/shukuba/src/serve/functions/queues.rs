//! The port `QueuePort` over the queues of this process.
//!
//! Functions receive as any other caller: a queue that is bound to a route takes what is sent and refuses the rest.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lambda::port::{QueueAttribute, QueueFacts, QueueMessage, QueuePort, Trouble};
use sqs::attributes::{Attribute, Attributes, Value};
use sqs::{Access, Error, Message, Outgoing, Queue, Queues, Receive, Sender};
use store::record::Cause;

/// Who sends, as the attribute `SenderId` shows it.
const SENDER: &str = "shukuba";

/// The queues of this process.
#[derive(Debug)]
pub(super) struct OwnQueues(pub(super) Arc<Queues>);

impl OwnQueues {
    fn find(&self, arn: &str) -> Result<Arc<Queue>, Trouble> {
        let name = arn.rsplit(':').next().unwrap_or_default();
        match self.0.queue(name) {
            Ok(queue) if self.0.arn(name) == arn => Ok(queue),
            Ok(_) => Err(Trouble::Lasting(format!("the queue `{arn}` is not here"))),
            Err(error) => Err(trouble(&error)),
        }
    }

    async fn put(&self, arn: &str, message: Outgoing) -> Result<(), Trouble> {
        let queue = self.find(arn)?;
        let sender = Sender {
            id: SENDER,
            cause: Cause::Sent,
        };
        let sent = self.0.send(&queue, sender, vec![message]).await;
        let outcomes = sent.map_err(|error| trouble(&error))?;
        first_wrong(outcomes.into_iter().map(|outcome| outcome.map(|_| ())))
    }
}

#[async_trait]
impl QueuePort for OwnQueues {
    async fn send(&self, arn: &str, body: String, group: Option<&str>) -> Result<(), Trouble> {
        let message = Outgoing {
            body: Bytes::from(body),
            group: group.map(str::to_owned),
            ..Outgoing::default()
        };
        self.put(arn, message).await
    }

    async fn send_with(
        &self,
        arn: &str,
        body: String,
        attributes: Vec<(String, QueueAttribute)>,
    ) -> Result<(), Trouble> {
        let message = Outgoing {
            body: Bytes::from(body),
            attributes: attributes.into_iter().map(sendable).collect::<Attributes>(),
            ..Outgoing::default()
        };
        self.put(arn, message).await
    }

    async fn receive(
        &self,
        arn: &str,
        max: u32,
        wait: Duration,
    ) -> Result<Vec<QueueMessage>, Trouble> {
        let queue = self.find(arn)?;
        let receive = Receive {
            max,
            wait: Some(wait),
            visibility: None,
            attempt_id: None,
            access: Access::Outside,
        };
        let messages = self.0.receive(&queue, receive).await;
        let messages = messages.map_err(|error| trouble(&error))?;
        Ok(messages.into_iter().map(received).collect())
    }

    async fn delete(&self, arn: &str, receipts: Vec<String>) -> Result<(), Trouble> {
        let queue = self.find(arn)?;
        let handles: Vec<&str> = receipts.iter().map(String::as_str).collect();
        let deleted = self.0.delete(&queue, Access::Outside, &handles).await;
        first_wrong(deleted.map_err(|error| trouble(&error))?)
    }

    async fn give_back(
        &self,
        arn: &str,
        receipts: Vec<String>,
        seconds: u32,
    ) -> Result<(), Trouble> {
        let queue = self.find(arn)?;
        let after = Duration::from_secs(u64::from(seconds));
        let changes: Vec<(&str, Duration)> = receipts
            .iter()
            .map(|receipt| (receipt.as_str(), after))
            .collect();
        let changed = self
            .0
            .change_visibility(&queue, Access::Outside, &changes)
            .await;
        first_wrong(changed.map_err(|error| trouble(&error))?)
    }

    async fn facts(&self, arn: &str) -> Option<QueueFacts> {
        let queue = self.find(arn).ok()?;
        Some(QueueFacts {
            visibility_secs: queue.settings().visibility_secs,
            is_fifo: queue.is_fifo(),
        })
    }
}

fn first_wrong(outcomes: impl IntoIterator<Item = Result<(), Error>>) -> Result<(), Trouble> {
    let wrong = outcomes.into_iter().find_map(Result::err);
    wrong.map_or(Ok(()), |error| Err(trouble(&error)))
}

/// What the disk or the moment refuses may work later; what the queue refuses will not.
fn trouble(error: &Error) -> Trouble {
    let text = error.to_string();
    match error {
        Error::OverLimit { .. }
        | Error::PurgeInProgress { .. }
        | Error::DiskFull
        | Error::ReserveSpent
        | Error::QueueFull { .. }
        | Error::Busy
        | Error::Stopped { .. }
        | Error::Unreadable { .. } => Trouble::Passing(text),
        _ => Trouble::Lasting(text),
    }
}

fn sendable((name, given): (String, QueueAttribute)) -> (String, Attribute) {
    let value = match given.binary {
        Some(bytes) => Value::Binary(bytes),
        None => Value::Text(given.string.unwrap_or_default()),
    };
    let attribute = Attribute {
        data_type: given.data_type,
        value,
    };
    (name, attribute)
}

/// A message with all that `ReceiveMessage` answers where `All` is asked for.
fn received(message: Message) -> QueueMessage {
    let own = message.attributes().into_iter().map(|(name, attribute)| {
        let (string, binary) = match attribute.value {
            Value::Text(text) => (Some(text), None),
            Value::Binary(bytes) => (None, Some(bytes)),
        };
        let attribute = QueueAttribute {
            data_type: attribute.data_type,
            string,
            binary,
        };
        (name, attribute)
    });
    let message_attributes = own.collect();
    let millis = |at: base::Timestamp| Some(at.as_millis().to_string());
    let known = [
        (
            "ApproximateReceiveCount",
            Some(message.receive_count.to_string()),
        ),
        ("SentTimestamp", millis(message.sent_at)),
        ("SenderId", Some(message.sender_id.to_string())),
        (
            "ApproximateFirstReceiveTimestamp",
            millis(message.first_received_at),
        ),
        ("SequenceNumber", message.sequence_number.clone()),
        ("MessageDeduplicationId", message.dedup_id.clone()),
        ("MessageGroupId", message.group.clone()),
        ("AWSTraceHeader", message.trace_header.clone()),
        (
            "DeadLetterQueueSourceArn",
            message.dead_letter_source.clone(),
        ),
    ];
    let attributes = known
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    QueueMessage {
        attributes: attributes.collect(),
        body: message.text().into_owned(),
        id: message.message_id,
        receipt: message.receipt_handle,
        message_attributes,
    }
}
