//! ChangeMessageVisibility: sets for how long from now a received message stays invisible.
//!
//! Source: SQS API Reference, ChangeMessageVisibility.

use std::sync::Arc;
use std::time::Duration;

use api::{Access, Act, Audit, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::fault;
use super::state::{State, capacity};
use crate::Error;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ChangeMessageVisibilityRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required)]
    receipt_handle: String,
    #[shape(required)]
    visibility_timeout: i32,
}

impl Act<State> for Request {
    type Output = Nothing;
    const ACTION: &'static str = "sqs:ChangeMessageVisibility";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access_to_messages(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, ctx: &Ctx) -> Result<Nothing, Fault> {
        let queue = state.queue(&self.queue_url)?;
        let changes = [(
            self.receipt_handle.as_str(),
            timeout(Some(self.visibility_timeout))?,
        )];
        let outcomes = state
            .queues
            .change_visibility(&queue, capacity(ctx), &changes)
            .await?;
        let outcome: Result<(), Error> = outcomes.into_iter().collect();
        outcome.map_err(|error| fault::of_handle(error, &self.receipt_handle))?;
        Ok(Nothing {})
    }
}

/// 0 s to 12 h; needed here and in the batch, though the model does not say so there.
pub(super) fn timeout(secs: Option<i32>) -> Result<Duration, Error> {
    let name = "VisibilityTimeout";
    let given = secs.ok_or(Error::MissingParameter { name })?;
    let secs = u64::try_from(given).ok().filter(|secs| *secs <= 43_200);
    let right = "VisibilityTimeout must be an integer between 0 and 43200";
    secs.map(Duration::from_secs)
        .ok_or_else(|| Error::parameter(name, given.to_string(), right))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn zero_makes_a_message_visible_at_once() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        let handle = bench.send_and_receive("s2s", "x").await;
        bench
            .ok(
                "ChangeMessageVisibility",
                json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 0}),
            )
            .await;
        let answer = bench.ok("ReceiveMessage", json!({"QueueUrl": url})).await;
        assert_eq!(answer["Messages"][0]["Body"], "x");
    }

    #[tokio::test]
    async fn the_timeout_is_checked() {
        let bench = Bench::with_queue("s2s").await;
        let handle = bench.send_and_receive("s2s", "x").await;
        for timeout in [-1, 43_201] {
            let input = json!({"QueueUrl": bench.url("s2s"), "ReceiptHandle": handle, "VisibilityTimeout": timeout});
            let fault = bench.fault("ChangeMessageVisibility", input).await;
            let message = format!(
                "Value {timeout} for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and 43200."
            );
            assert_eq!(
                (fault.query_code, fault.message.as_ref()),
                ("InvalidParameterValue", message.as_str())
            );
        }
    }

    #[tokio::test]
    async fn a_message_that_is_visible_again_is_not_in_flight_and_a_deleted_one_does_not_exist() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        let handle = bench.send_and_receive("s2s", "x").await;
        let change = json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 60});
        bench.advance_secs(31).await;
        let fault = bench.fault("ChangeMessageVisibility", change.clone()).await;
        assert_eq!(
            (fault.code, fault.message.as_ref()),
            (
                "MessageNotInflight",
                "The message referred to isn't in flight."
            )
        );
        bench
            .ok(
                "DeleteMessage",
                json!({"QueueUrl": url, "ReceiptHandle": handle}),
            )
            .await;
        let fault = bench.fault("ChangeMessageVisibility", change).await;
        assert_eq!(fault.query_code, "InvalidParameterValue");
        let reason = "Message does not exist or is not available for visibility timeout change.";
        assert_eq!(
            fault.message,
            format!("Value {handle} for parameter ReceiptHandle is invalid. Reason: {reason}")
        );
    }
}
