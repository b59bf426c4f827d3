//! ListQueues: lists the queues whose names begin with a prefix.
//!
//! Source: SQS API Reference, ListQueues.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::page::Wanted;
use super::state::State;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ListQueuesRequest")]
pub(super) struct Request {
    queue_name_prefix: Option<String>,
    next_token: Option<String>,
    max_results: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ListQueuesResult")]
pub(super) struct Response {
    #[shape(query = "QueueUrl", flattened)]
    queue_urls: Vec<String>,
    next_token: Option<String>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:ListQueues";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        vec![state.access_to(Self::ACTION, "*")]
    }

    async fn act(self, state: &Arc<State>, ctx: &Ctx) -> Result<Response, Fault> {
        let wanted = Wanted::new(self.max_results, self.next_token.as_deref())?;
        let prefix = self.queue_name_prefix.unwrap_or_default();
        let page = state
            .queues
            .list(&prefix, wanted.max, wanted.from.as_deref())?;
        Ok(Response {
            queue_urls: page
                .queues
                .iter()
                .map(|queue| state.url(ctx, queue.name()))
                .collect(),
            next_token: wanted.token(page.next),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn queues_come_by_prefix_and_page() {
        let bench = Bench::new();
        assert_eq!(bench.ok("ListQueues", json!({})).await, json!({}));
        for name in ["a1", "a2", "a3", "b1"] {
            bench.ok("CreateQueue", json!({"QueueName": name})).await;
        }
        let urls =
            |names: &[&str]| json!(names.iter().map(|name| bench.url(name)).collect::<Vec<_>>());
        let all = bench.ok("ListQueues", json!({})).await;
        assert_eq!(all, json!({"QueueUrls": urls(&["a1", "a2", "a3", "b1"])}));
        let first = bench
            .ok(
                "ListQueues",
                json!({"QueueNamePrefix": "a", "MaxResults": 2}),
            )
            .await;
        assert_eq!(first["QueueUrls"], urls(&["a1", "a2"]));
        let rest =
            json!({"QueueNamePrefix": "a", "MaxResults": 2, "NextToken": first["NextToken"]});
        assert_eq!(
            bench.ok("ListQueues", rest).await,
            json!({"QueueUrls": urls(&["a3"])})
        );
        assert_eq!(
            bench
                .fault("ListQueues", json!({"MaxResults": 0}))
                .await
                .query_code,
            "InvalidParameterValue"
        );
    }
}
