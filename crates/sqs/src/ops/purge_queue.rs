//! PurgeQueue: deletes everything that is in a queue.
//!
//! Source: SQS API Reference, PurgeQueue.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::state::State;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "PurgeQueueRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
}

impl Act<State> for Request {
    type Output = Nothing;
    const ACTION: &'static str = "sqs:PurgeQueue";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let queue = state.queue(&self.queue_url)?;
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
