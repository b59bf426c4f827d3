//! ListQueueTags: shows the tags of a queue.
//!
//! Source: SQS API Reference, ListQueueTags.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::state::State;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ListQueueTagsRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ListQueueTagsResult")]
pub(super) struct Response {
    #[shape(query = "Tag", flattened, map = "Key/Value")]
    tags: Option<BTreeMap<String, String>>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:ListQueueTags";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Response, Fault> {
        let queue = state.queue(&self.queue_url)?;
        let tags = queue.settings().tags.clone();
        Ok(Response {
            tags: Some(tags).filter(|tags| !tags.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn a_queue_without_tags_shows_none() {
        let bench = Bench::with_queue("s2s").await;
        assert_eq!(
            bench
                .ok("ListQueueTags", json!({"QueueUrl": bench.url("s2s")}))
                .await,
            json!({})
        );
        bench
            .ok(
                "CreateQueue",
                json!({"QueueName": "t", "tags": {"team": "ads"}}),
            )
            .await;
        let answer = bench
            .ok("ListQueueTags", json!({"QueueUrl": bench.url("t")}))
            .await;
        assert_eq!(answer, json!({"Tags": {"team": "ads"}}));
    }
}
