//! SetQueueAttributes: changes what a queue is set to.
//!
//! Source: SQS API Reference, SetQueueAttributes.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::state::State;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "SetQueueAttributesRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required, query = "Attribute", flattened, map = "Name/Value")]
    attributes: BTreeMap<String, String>,
}

impl Act<State> for Request {
    type Output = Nothing;
    const ACTION: &'static str = "sqs:SetQueueAttributes";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let queue = state.queue(&self.queue_url)?;
        state
            .queues
            .set_attributes(&queue, &self.attributes)
            .await?;
        Ok(Nothing {})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn a_change_is_seen_and_a_wrong_one_changes_nothing() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        bench
            .ok(
                "SetQueueAttributes",
                json!({"QueueUrl": url, "Attributes": {"DelaySeconds": "7"}}),
            )
            .await;
        let wrong =
            json!({"QueueUrl": url, "Attributes": {"DelaySeconds": "8", "VisibilityTimeout": "x"}});
        let fault = bench.fault("SetQueueAttributes", wrong).await;
        assert_eq!(fault.code, "InvalidAttributeValue");
        assert!(
            fault
                .message
                .starts_with("Invalid value for the parameter VisibilityTimeout."),
            "{fault}"
        );
        let answer = bench
            .ok(
                "GetQueueAttributes",
                json!({"QueueUrl": url, "AttributeNames": ["DelaySeconds"]}),
            )
            .await;
        assert_eq!(answer["Attributes"]["DelaySeconds"], "7");
    }
}
