//! TagQueue: adds tags to a queue or replaces their values.
//!
//! Source: SQS API Reference, TagQueue.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::state::State;
use crate::Error;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "TagQueueRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required, query = "Tag", flattened, map = "Key/Value")]
    tags: BTreeMap<String, String>,
}

impl Act<State> for Request {
    type Output = Nothing;
    const ACTION: &'static str = "sqs:TagQueue";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let queue = state.queue(&self.queue_url)?;
        if self.tags.is_empty() {
            return Err(Error::MissingParameter { name: "Tags" }.into());
        }
        state.queues.tag(&queue, &self.tags).await?;
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
