//! UntagQueue: removes tags from a queue.
//!
//! Source: SQS API Reference, UntagQueue.

use std::sync::Arc;

use api::{Access, Audit, Ctx, Fault, Operation};
use wire::Shape;

use super::Nothing;
use super::state::State;
use crate::Error;

#[derive(Debug)]
pub(super) struct UntagQueue;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "UntagQueueRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required, query = "TagKey", flattened)]
    tag_keys: Vec<String>,
}

impl Operation<State> for UntagQueue {
    type Input = Request;
    type Output = Nothing;
    const NAME: &'static str = "UntagQueue";

    fn access(&self, state: &State, input: &Request) -> Vec<Access> {
        state.access("sqs:UntagQueue", &input.queue_url)
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, state: &Arc<State>, _ctx: Ctx, input: Request) -> Result<Nothing, Fault> {
        let queue = state.queue(&input.queue_url)?;
        if input.tag_keys.is_empty() {
            return Err(Error::MissingParameter { name: "TagKeys" }.into());
        }
        state.queues.untag(&queue, &input.tag_keys).await?;
        Ok(Nothing {})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn tags_are_removed_also_where_there_are_none() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        bench
            .ok(
                "TagQueue",
                json!({"QueueUrl": url, "Tags": {"a": "1", "b": "2"}}),
            )
            .await;
        bench
            .ok(
                "UntagQueue",
                json!({"QueueUrl": url, "TagKeys": ["a", "none"]}),
            )
            .await;
        assert_eq!(
            bench.ok("ListQueueTags", json!({"QueueUrl": url})).await,
            json!({"Tags": {"b": "2"}})
        );
        let fault = bench
            .fault("UntagQueue", json!({"QueueUrl": url, "TagKeys": []}))
            .await;
        assert_eq!(fault.query_code, "MissingParameter");
    }
}
