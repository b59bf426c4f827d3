//! TagQueue: adds tags to a queue or replaces their values.
//!
//! Source: SQS API Reference, TagQueue.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Audit, Ctx, Fault, Operation};
use wire::Shape;

use super::Nothing;
use super::state::State;
use crate::Error;

#[derive(Debug)]
pub(super) struct TagQueue;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "TagQueueRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required, query = "Tag", flattened, map = "Key/Value")]
    tags: BTreeMap<String, String>,
}

impl Operation<State> for TagQueue {
    type Input = Request;
    type Output = Nothing;
    const NAME: &'static str = "TagQueue";

    fn access(&self, state: &State, input: &Request) -> Vec<Access> {
        state.access("sqs:TagQueue", &input.queue_url)
    }

    fn audit(&self) -> Audit {
        Audit::Management
    }

    async fn call(&self, state: &Arc<State>, _ctx: Ctx, input: Request) -> Result<Nothing, Fault> {
        let queue = state.queue(&input.queue_url)?;
        if input.tags.is_empty() {
            return Err(Error::MissingParameter { name: "Tags" }.into());
        }
        state.queues.tag(&queue, &input.tags).await?;
        Ok(Nothing {})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn tags_are_added_and_replaced() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        bench
            .ok(
                "TagQueue",
                json!({"QueueUrl": url, "Tags": {"a": "1", "b": ""}}),
            )
            .await;
        bench
            .ok("TagQueue", json!({"QueueUrl": url, "Tags": {"a": "2"}}))
            .await;
        let answer = bench.ok("ListQueueTags", json!({"QueueUrl": url})).await;
        assert_eq!(answer, json!({"Tags": {"a": "2", "b": ""}}));
        let fault = bench
            .fault("TagQueue", json!({"QueueUrl": url, "Tags": {"aws:a": "1"}}))
            .await;
        assert_eq!(fault.query_code, "InvalidParameterValue");
        let fault = bench
            .fault("TagQueue", json!({"QueueUrl": url, "Tags": {}}))
            .await;
        assert_eq!(fault.query_code, "MissingParameter");
    }
}
