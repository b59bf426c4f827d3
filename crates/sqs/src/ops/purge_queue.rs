//! PurgeQueue: deletes everything that is in a queue.
//!
//! Source: SQS API Reference, PurgeQueue.

use std::sync::Arc;

use api::{Access, Audit, Ctx, Fault, Operation};
use wire::Shape;

use super::Nothing;
use super::state::State;

#[derive(Debug)]
pub(super) struct PurgeQueue;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "PurgeQueueRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
}

impl Operation<State> for PurgeQueue {
    type Input = Request;
    type Output = Nothing;
    const NAME: &'static str = "PurgeQueue";

    fn access(&self, state: &State, input: &Request) -> Vec<Access> {
        state.access("sqs:PurgeQueue", &input.queue_url)
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, state: &Arc<State>, _ctx: Ctx, input: Request) -> Result<Nothing, Fault> {
        let queue = state.queue(&input.queue_url)?;
        state.queues.purge(&queue).await?;
        Ok(Nothing {})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn a_queue_is_purged_once_a_minute() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        bench
            .ok("SendMessage", json!({"QueueUrl": url, "MessageBody": "x"}))
            .await;
        bench.ok("PurgeQueue", json!({"QueueUrl": url})).await;
        assert_eq!(
            bench.ok("ReceiveMessage", json!({"QueueUrl": url})).await,
            json!({})
        );
        let fault = bench.fault("PurgeQueue", json!({"QueueUrl": url})).await;
        assert_eq!(
            fault.query_code,
            "AWS.SimpleQueueService.PurgeQueueInProgress"
        );
        assert_eq!(
            fault.message,
            "Only one PurgeQueue operation on s2s is allowed every 60 seconds."
        );
        bench.advance_secs(61).await;
        bench.ok("PurgeQueue", json!({"QueueUrl": url})).await;
    }
}
