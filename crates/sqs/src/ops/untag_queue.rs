//! UntagQueue: removes tags from a queue.
//!
//! Source: SQS API Reference, UntagQueue.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::state::State;
use crate::Error;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "UntagQueueRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required, query = "TagKey", flattened)]
    tag_keys: Vec<String>,
}

impl Act<State> for Request {
    type Output = Nothing;
    const ACTION: &'static str = "sqs:UntagQueue";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let queue = state.queue(&self.queue_url)?;
        if self.tag_keys.is_empty() {
            return Err(Error::MissingParameter { name: "TagKeys" }.into());
        }
        state.queues.untag(&queue, &self.tag_keys).await?;
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
