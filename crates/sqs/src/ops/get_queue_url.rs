//! GetQueueUrl: finds the URL of a queue by its name.
//!
//! Source: SQS API Reference, GetQueueUrl.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::fault;
use super::state::State;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "GetQueueUrlRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_name: String,
    #[shape(name = "QueueOwnerAWSAccountId")]
    queue_owner_aws_account_id: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "GetQueueUrlResult")]
pub(super) struct Response {
    queue_url: Option<String>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:GetQueueUrl";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        vec![state.access_to(Self::ACTION, &self.queue_name)]
    }

    async fn act(self, state: &Arc<State>, ctx: &Ctx) -> Result<Response, Fault> {
        let owner = self.queue_owner_aws_account_id.as_deref();
        if owner.is_some_and(|owner| !state.is_ours(owner)) {
            return Err(fault::no_such_queue());
        }
        let queue = state.queues.queue(&self.queue_name)?;
        Ok(Response {
            queue_url: Some(state.url(ctx, queue.name())),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn a_queue_is_found_by_its_name_and_owner() {
        let bench = Bench::with_queue("s2s").await;
        let url = json!({"QueueUrl": bench.url("s2s")});
        assert_eq!(
            bench.ok("GetQueueUrl", json!({"QueueName": "s2s"})).await,
            url
        );
        let owned = json!({"QueueName": "s2s", "QueueOwnerAWSAccountId": "123456789012"});
        assert_eq!(bench.ok("GetQueueUrl", owned).await, url);
        for input in [
            json!({"QueueName": "none"}),
            json!({"QueueName": "s2s", "QueueOwnerAWSAccountId": "210987654321"}),
        ] {
            assert_eq!(
                bench.fault("GetQueueUrl", input).await.code,
                "QueueDoesNotExist"
            );
        }
    }
}
