//! DeleteMessageBatch: deletes up to ten received messages, each with its own outcome.
//!
//! Source: SQS API Reference, DeleteMessageBatch.

use std::sync::Arc;

use api::{Access, Act, Audit, Caller, Ctx, Fault};
use wire::Shape;

use super::entry::{self, BatchResultErrorEntry};
use super::fault;
use super::state::{State, capacity};

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "DeleteMessageBatchRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required, query = "DeleteMessageBatchRequestEntry", flattened)]
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "DeleteMessageBatchRequestEntry")]
pub(super) struct Entry {
    #[shape(required)]
    id: String,
    #[shape(required)]
    receipt_handle: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "DeleteMessageBatchResult")]
pub(super) struct Response {
    #[shape(required, query = "DeleteMessageBatchResultEntry", flattened)]
    successful: Vec<ResultEntry>,
    #[shape(required, query = "BatchResultErrorEntry", flattened)]
    failed: Vec<BatchResultErrorEntry>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:DeleteMessageBatch";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access_to_messages("sqs:DeleteMessage", &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, ctx: &Ctx) -> Result<Response, Fault> {
        let queue = state.queue(&self.queue_url)?;
        crate::batch::check_ids(self.entries.iter().map(|entry| entry.id.as_str()))
            .map_err(|error| fault::of_batch(error, "DeleteMessageBatchRequestEntry"))?;
        let handles: Vec<&str> = self
            .entries
            .iter()
            .map(|entry| entry.receipt_handle.as_str())
            .collect();
        let outcomes = state.queues.delete(&queue, capacity(ctx), &handles).await?;
        let entries = self.entries.into_iter();
        let handles = entries.map(|entry| (entry.id, entry.receipt_handle));
        let outcomes = entry::of_handles(handles, outcomes);
        let (successful, failed) = entry::sort(outcomes, |id, ()| ResultEntry { id });
        Ok(Response { successful, failed })
    }
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "DeleteMessageBatchResultEntry")]
pub(super) struct ResultEntry {
    #[shape(required)]
    id: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn each_entry_has_its_own_outcome() {
        let bench = Bench::with_queue("s2s").await;
        let handle = bench.send_and_receive("s2s", "x").await;
        let entries =
            json!([{"Id": "a", "ReceiptHandle": "wrong"}, {"Id": "b", "ReceiptHandle": handle}]);
        let answer = bench
            .ok(
                "DeleteMessageBatch",
                json!({"QueueUrl": bench.url("s2s"), "Entries": entries}),
            )
            .await;
        assert_eq!(answer["Successful"], json!([{"Id": "b"}]));
        assert_eq!(answer["Failed"][0]["Id"], "a");
        assert_eq!(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
        let fault = bench
            .fault(
                "DeleteMessageBatch",
                json!({"QueueUrl": bench.url("s2s"), "Entries": []}),
            )
            .await;
        assert_eq!(
            fault.message,
            "There should be at least one DeleteMessageBatchRequestEntry in the request."
        );
    }

    #[tokio::test]
    async fn a_failed_entry_quotes_its_handle() {
        let bench = Bench::with_fifo_queue("s2s.fifo").await;
        let url = bench.url("s2s.fifo");
        let message = json!({
            "QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d",
        });
        bench.ok("SendMessage", message).await;
        let received = bench.ok("ReceiveMessage", json!({"QueueUrl": url})).await;
        let handle = received["Messages"][0]["ReceiptHandle"].as_str().unwrap();
        bench.advance_secs(31).await;
        let entries = json!([{"Id": "a", "ReceiptHandle": handle}]);
        let input = json!({"QueueUrl": url, "Entries": entries});
        let answer = bench.ok("DeleteMessageBatch", input).await;
        let quoted = format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
        );
        assert_eq!(answer["Failed"][0]["Message"], quoted);
    }
}
