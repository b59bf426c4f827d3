//! DeleteQueue: deletes a queue and everything in it.
//!
//! Source: SQS API Reference, DeleteQueue.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::state::State;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "DeleteQueueRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
}

impl Act<State> for Request {
    type Output = Nothing;
    const ACTION: &'static str = "sqs:DeleteQueue";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let queue = state.queue(&self.queue_url)?;
        state.queues.delete_queue(&queue).await?;
        Ok(Nothing {})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn a_deleted_queue_is_gone_and_its_name_rests_for_a_minute() {
        let bench = Bench::with_queue("s2s").await;
        let input = json!({"QueueUrl": bench.url("s2s")});
        assert_eq!(bench.ok("DeleteQueue", input.clone()).await, json!({}));
        assert_eq!(
            bench.fault("DeleteQueue", input).await.code,
            "QueueDoesNotExist"
        );
        let fault = bench
            .fault("CreateQueue", json!({"QueueName": "s2s"}))
            .await;
        assert_eq!(
            fault.query_code,
            "AWS.SimpleQueueService.QueueDeletedRecently"
        );
        bench.advance_secs(61).await;
        bench.ok("CreateQueue", json!({"QueueName": "s2s"})).await;
    }
}
