//! ListDeadLetterSourceQueues: lists the queues that name a queue as their dead-letter queue.
//!
//! Source: SQS API Reference, ListDeadLetterSourceQueues.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::page::Wanted;
use super::state::State;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ListDeadLetterSourceQueuesRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    next_token: Option<String>,
    max_results: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ListDeadLetterSourceQueuesResult")]
pub(super) struct Response {
    #[shape(required, name = "queueUrls", query = "QueueUrl", flattened)]
    queue_urls: Option<Vec<String>>,
    next_token: Option<String>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:ListDeadLetterSourceQueues";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, ctx: &Ctx) -> Result<Response, Fault> {
        let queue = state.queue(&self.queue_url)?;
        let wanted = Wanted::new(self.max_results, self.next_token.as_deref())?;
        let page = state
            .queues
            .dead_letter_sources(&queue, wanted.max, wanted.from.as_deref())?;
        let urls = page.queues.iter().map(|queue| state.url(ctx, queue.name()));
        Ok(Response {
            queue_urls: Some(urls.collect()),
            next_token: wanted.token(page.next),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn the_sources_of_a_dead_letter_queue_are_listed() {
        let bench = Bench::with_queue("dead").await;
        let input = json!({"QueueUrl": bench.url("dead")});
        assert_eq!(
            bench.ok("ListDeadLetterSourceQueues", input.clone()).await,
            json!({"queueUrls": []})
        );
        let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:ap-northeast-1:123456789012:dead","maxReceiveCount":"3"}"#;
        bench
            .ok(
                "CreateQueue",
                json!({"QueueName": "s2s", "Attributes": {"RedrivePolicy": policy}}),
            )
            .await;
        assert_eq!(
            bench.ok("ListDeadLetterSourceQueues", input).await,
            json!({"queueUrls": [bench.url("s2s")]})
        );
    }
}
