//! ChangeMessageVisibilityBatch: sets the visibility of up to ten received messages, each with its own outcome.
//!
//! Source: SQS API Reference, ChangeMessageVisibilityBatch.

use std::sync::Arc;
use std::time::Duration;

use api::{Access, Act, Audit, Caller, Ctx, Fault};
use wire::Shape;

use super::change_message_visibility::timeout;
use super::entry::{self, BatchResultErrorEntry};
use super::fault;
use super::state::{State, capacity};

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ChangeMessageVisibilityBatchRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(
        required,
        query = "ChangeMessageVisibilityBatchRequestEntry",
        flattened
    )]
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ChangeMessageVisibilityBatchRequestEntry")]
pub(super) struct Entry {
    #[shape(required)]
    id: String,
    #[shape(required)]
    receipt_handle: String,
    visibility_timeout: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ChangeMessageVisibilityBatchResult")]
pub(super) struct Response {
    #[shape(required, query = "ChangeMessageVisibilityBatchResultEntry", flattened)]
    successful: Vec<ResultEntry>,
    #[shape(required, query = "BatchResultErrorEntry", flattened)]
    failed: Vec<BatchResultErrorEntry>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:ChangeMessageVisibilityBatch";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access_to_messages("sqs:ChangeMessageVisibility", &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, ctx: &Ctx) -> Result<Response, Fault> {
        let queue = state.queue(&self.queue_url)?;
        crate::batch::check_ids(self.entries.iter().map(|entry| entry.id.as_str()))
            .map_err(|error| fault::of_batch(error, "ChangeMessageVisibilityBatchRequestEntry"))?;
        let timeouts: Vec<_> = self
            .entries
            .iter()
            .map(|entry| timeout(entry.visibility_timeout))
            .collect();
        let changes: Vec<(&str, Duration)> = self
            .entries
            .iter()
            .zip(&timeouts)
            .filter_map(|(entry, timeout)| {
                Some((entry.receipt_handle.as_str(), *timeout.as_ref().ok()?))
            })
            .collect();
        let mut changed = Vec::new();
        if !changes.is_empty() {
            changed = state
                .queues
                .change_visibility(&queue, capacity(ctx), &changes)
                .await?;
        }
        let mut changed = changed.into_iter();
        let outcomes = timeouts
            .into_iter()
            .map(|timeout| timeout.and_then(|_| changed.next().unwrap_or(Ok(()))));
        let entries = self.entries.into_iter();
        let handles = entries.map(|entry| (entry.id, entry.receipt_handle));
        let outcomes = entry::of_handles(handles, outcomes);
        let (successful, failed) = entry::sort(outcomes, |id, ()| ResultEntry { id });
        Ok(Response { successful, failed })
    }
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ChangeMessageVisibilityBatchResultEntry")]
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
        let entries = json!([
            {"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 43201},
            {"Id": "b", "ReceiptHandle": "wrong", "VisibilityTimeout": 1},
            {"Id": "c", "ReceiptHandle": handle, "VisibilityTimeout": 0},
            {"Id": "d", "ReceiptHandle": handle},
        ]);
        let input = json!({"QueueUrl": bench.url("s2s"), "Entries": entries});
        let answer = bench.ok("ChangeMessageVisibilityBatch", input).await;
        assert_eq!(answer["Successful"], json!([{"Id": "c"}]));
        let codes: Vec<_> = answer["Failed"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["Code"].as_str().unwrap())
            .collect();
        assert_eq!(
            codes,
            [
                "InvalidParameterValue",
                "ReceiptHandleIsInvalid",
                "MissingParameter"
            ]
        );
    }

    #[tokio::test]
    async fn a_failed_entry_quotes_its_handle() {
        let bench = Bench::with_queue("s2s").await;
        let handle = bench.send_and_receive("s2s", "x").await;
        let url = bench.url("s2s");
        let one = json!({"QueueUrl": url, "ReceiptHandle": handle});
        bench.ok("DeleteMessage", one).await;
        let entries = json!([{"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 1}]);
        let input = json!({"QueueUrl": url, "Entries": entries});
        let answer = bench.ok("ChangeMessageVisibilityBatch", input).await;
        let message = answer["Failed"][0]["Message"].as_str().unwrap();
        let quoted = format!("Value {handle} for parameter ReceiptHandle is invalid.");
        assert!(message.starts_with(&quoted), "{message}");
    }
}
