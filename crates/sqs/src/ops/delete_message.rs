//! DeleteMessage: deletes a message that was received.
//!
//! Source: SQS API Reference, DeleteMessage.

use std::sync::Arc;

use api::{Access, Act, Audit, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::fault;
use super::state::{State, capacity};
use crate::Error;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "DeleteMessageRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required)]
    receipt_handle: String,
}

impl Act<State> for Request {
    type Output = Nothing;
    const ACTION: &'static str = "sqs:DeleteMessage";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access_to_messages(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, ctx: &Ctx) -> Result<Nothing, Fault> {
        let queue = state.queue(&self.queue_url)?;
        let handles = [self.receipt_handle.as_str()];
        let outcomes = state.queues.delete(&queue, capacity(ctx), &handles).await?;
        let outcome: Result<(), Error> = outcomes.into_iter().collect();
        outcome.map_err(|error| fault::of_handle(error, &self.receipt_handle))?;
        Ok(Nothing {})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn a_deleted_message_stays_away_and_may_be_deleted_again() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        let handle = bench.send_and_receive("s2s", "x").await;
        let input = json!({"QueueUrl": url, "ReceiptHandle": handle});
        assert_eq!(bench.ok("DeleteMessage", input.clone()).await, json!({}));
        assert_eq!(bench.ok("DeleteMessage", input).await, json!({}));
        bench.advance_secs(60).await;
        assert_eq!(
            bench.ok("ReceiveMessage", json!({"QueueUrl": url})).await,
            json!({})
        );
    }

    #[tokio::test]
    async fn a_handle_that_is_none_is_refused() {
        let bench = Bench::with_queue("s2s").await;
        let fault = bench
            .fault(
                "DeleteMessage",
                json!({"QueueUrl": bench.url("s2s"), "ReceiptHandle": "x"}),
            )
            .await;
        assert_eq!(fault.code, "ReceiptHandleIsInvalid");
        assert_eq!(
            fault.message,
            "The input receipt handle \"x\" is not a valid receipt handle."
        );
    }
}
