//! SendMessageBatch: puts up to ten messages into a queue, each with its own outcome.
//!
//! Source: SQS API Reference, SendMessageBatch.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Audit, Caller, Ctx, Fault};
use store::record::Cause;
use wire::Shape;

use super::attribute::{MessageAttributeValue, MessageSystemAttributeValue};
use super::entry::{self, BatchResultErrorEntry};
use super::fault;
use super::send_message::{Draft, Md5s, prepare};
use super::state::{State, sender_id};
use crate::{Error, Outgoing, Queue, Sender, Sent, batch};

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "SendMessageBatchRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required, query = "SendMessageBatchRequestEntry", flattened)]
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "SendMessageBatchRequestEntry")]
pub(super) struct Entry {
    #[shape(required)]
    id: String,
    #[shape(required, sensitive)]
    message_body: String,
    delay_seconds: Option<i32>,
    #[shape(query = "MessageAttribute", flattened, map = "Name/Value")]
    message_attributes: BTreeMap<String, MessageAttributeValue>,
    #[shape(query = "MessageSystemAttribute", flattened, map = "Name/Value")]
    message_system_attributes: BTreeMap<String, MessageSystemAttributeValue>,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "SendMessageBatchResult")]
pub(super) struct Response {
    #[shape(required, query = "SendMessageBatchResultEntry", flattened)]
    successful: Vec<ResultEntry>,
    #[shape(required, query = "BatchResultErrorEntry", flattened)]
    failed: Vec<BatchResultErrorEntry>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "SendMessageBatchResultEntry")]
pub(super) struct ResultEntry {
    #[shape(required)]
    id: String,
    #[shape(required)]
    message_id: String,
    #[shape(required, name = "MD5OfMessageBody")]
    md5_of_message_body: String,
    #[shape(name = "MD5OfMessageAttributes")]
    md5_of_message_attributes: Option<String>,
    #[shape(name = "MD5OfMessageSystemAttributes")]
    md5_of_message_system_attributes: Option<String>,
    sequence_number: Option<String>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:SendMessageBatch";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access("sqs:SendMessage", &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, ctx: &Ctx) -> Result<Response, Fault> {
        let queue = state.queue(&self.queue_url)?;
        batch::check_ids(self.entries.iter().map(|entry| entry.id.as_str()))
            .map_err(|error| fault::of_batch(error, "SendMessageBatchRequestEntry"))?;
        check_fifo(&queue, &self.entries)?;
        let (messages, prepared) = prepare_all(self.entries);
        batch::check_bytes(&messages)?;
        let sender = Sender {
            id: sender_id(ctx),
            cause: Cause::Sent,
        };
        let sent = if messages.is_empty() {
            Vec::new()
        } else {
            state.queues.send(&queue, sender, messages).await?
        };
        let (successful, failed) = entry::sort(outcomes(prepared, sent), result_entry);
        Ok(Response { successful, failed })
    }
}

/// On a FIFO queue, entries that could never be taken refuse the whole batch, as SQS does (recorded by LocalStack's
/// tests on 2023-11-14), with another code than SendMessage.
fn check_fifo(queue: &Queue, entries: &[Entry]) -> Result<(), Fault> {
    if !queue.is_fifo() {
        return Ok(());
    }
    if entries.iter().any(|entry| entry.message_group_id.is_none()) {
        return Err(fault::invalid_value(
            "The request must contain the parameter MessageGroupId.",
        ));
    }
    let has_ids = entries
        .iter()
        .all(|entry| entry.message_deduplication_id.is_some());
    if has_ids || queue.settings().has_content_dedup {
        return Ok(());
    }
    Err(fault::invalid_value(
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    ))
}

/// What was made of one entry: the MD5s of a message that goes to the queue, or why none does.
type Prepared = (String, Result<Md5s, Error>);

fn prepare_all(entries: Vec<Entry>) -> (Vec<Outgoing>, Vec<Prepared>) {
    let mut messages = Vec::with_capacity(entries.len());
    let prepared = entries.into_iter().map(|entry| {
        let draft = Draft {
            body: entry.message_body,
            delay_secs: entry.delay_seconds,
            attributes: entry.message_attributes,
            system: entry.message_system_attributes,
            dedup_id: entry.message_deduplication_id,
            group: entry.message_group_id,
        };
        let outcome = prepare(draft).map(|(message, md5s)| {
            messages.push(message);
            md5s
        });
        (entry.id, outcome)
    });
    let prepared = prepared.collect();
    (messages, prepared)
}

/// Each entry with its outcome: `sent` has one for each entry that was prepared, in order.
fn outcomes(
    prepared: Vec<Prepared>,
    sent: Vec<Result<Sent, Error>>,
) -> impl Iterator<Item = (String, Result<(Sent, Md5s), Fault>)> {
    let mut sent = sent.into_iter();
    prepared.into_iter().map(move |(id, outcome)| {
        let outcome = outcome.and_then(|md5s| {
            let sent = sent.next().unwrap_or(Err(Error::Busy))?;
            Ok((sent, md5s))
        });
        (id, outcome.map_err(Fault::from))
    })
}

fn result_entry(id: String, (sent, md5s): (Sent, Md5s)) -> ResultEntry {
    ResultEntry {
        id,
        message_id: sent.message_id,
        md5_of_message_body: md5s.body,
        md5_of_message_attributes: md5s.attributes,
        md5_of_message_system_attributes: md5s.system,
        sequence_number: sent.sequence_number,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::ops::testing::Bench;

    fn ids(entries: &Value) -> Vec<&str> {
        let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| entry["Id"].as_str())
            .collect()
    }

    #[tokio::test]
    async fn each_entry_has_its_own_outcome() {
        let bench = Bench::with_queue("s2s").await;
        let answer = bench
            .ok(
                "SendMessageBatch",
                json!({"QueueUrl": bench.url("s2s"), "Entries": [
                    {"Id": "a", "MessageBody": "one"},
                    {"Id": "b", "MessageBody": "two", "DelaySeconds": 901},
                    {"Id": "c", "MessageBody": "\u{1}"},
                    {"Id": "d", "MessageBody": "four"},
                ]}),
            )
            .await;
        assert_eq!(ids(&answer["Successful"]), ["a", "d"]);
        assert_eq!(ids(&answer["Failed"]), ["b", "c"]);
        assert_eq!(answer["Failed"][0]["Code"], "InvalidParameterValue");
        assert_eq!(answer["Failed"][1]["Code"], "InvalidMessageContents");
        assert_eq!(answer["Failed"][1]["SenderFault"], true);
        // md5 -s four
        assert_eq!(
            answer["Successful"][1]["MD5OfMessageBody"],
            "8cbad96aced40b3838dd9f07f6ef5772"
        );
    }

    #[tokio::test]
    async fn a_wrong_batch_is_refused_whole() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        let entry = |id: &str| json!({"Id": id, "MessageBody": "x"});
        let large = |id: &str| json!({"Id": id, "MessageBody": "x".repeat(600_000)});
        let eleven: Vec<Value> = (0..11).map(|n| entry(&n.to_string())).collect();
        for (entries, code, message) in [
            (
                json!([]),
                "EmptyBatchRequest",
                "There should be at least one SendMessageBatchRequestEntry in the request.",
            ),
            (
                json!(eleven),
                "TooManyEntriesInBatchRequest",
                "Maximum number of entries per request are 10. You have sent 11.",
            ),
            (
                json!([entry("a"), entry("a")]),
                "BatchEntryIdsNotDistinct",
                "Id a repeated.",
            ),
            (
                json!([entry("a b")]),
                "InvalidBatchEntryId",
                "A batch entry id can only contain",
            ),
            (
                json!([large("a"), large("b")]),
                "BatchRequestTooLong",
                "Batch requests cannot be longer than 1048576 bytes. You have sent 1200000 bytes.",
            ),
            (
                json!([{"Id": "a", "MessageBody": "x".repeat(1_048_577)}]),
                "BatchRequestTooLong",
                "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
            ),
        ] {
            let fault = bench
                .fault(
                    "SendMessageBatch",
                    json!({"QueueUrl": url, "Entries": entries}),
                )
                .await;
            assert_eq!(fault.code, code);
            assert!(fault.message.contains(message), "{fault}");
            assert_eq!(fault.query_code, format!("AWS.SimpleQueueService.{code}"));
        }
    }

    #[tokio::test]
    async fn a_fifo_batch_needs_groups_and_ids() {
        let bench = Bench::with_fifo_queue("s2s.fifo").await;
        let url = bench.url("s2s.fifo");
        let send = |entry: Value| {
            bench.call(
                "SendMessageBatch",
                json!({"QueueUrl": url, "Entries": [entry]}),
            )
        };
        let fault = send(json!({"Id": "a", "MessageBody": "x"}))
            .await
            .unwrap_err();
        assert_eq!(fault.query_code, "InvalidParameterValue");
        assert_eq!(
            fault.message,
            "The request must contain the parameter MessageGroupId."
        );
        let fault = send(json!({"Id": "a", "MessageBody": "x", "MessageGroupId": "g"}))
            .await
            .unwrap_err();
        assert_eq!(fault.query_code, "InvalidParameterValue");
        assert!(
            fault
                .message
                .starts_with("The queue should either have ContentBasedDeduplication enabled"),
            "{fault}"
        );
        let entry = json!({"Id": "a", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "1"});
        let answer = send(entry).await.unwrap();
        assert_eq!(
            answer["Successful"][0]["SequenceNumber"]
                .as_str()
                .map(str::len),
            Some(20)
        );
    }
}
