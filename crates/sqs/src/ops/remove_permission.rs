//! RemovePermission: removes a statement from a queue's policy.
//!
//! Source: SQS API Reference, RemovePermission.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::state::State;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "RemovePermissionRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required)]
    label: String,
}

impl Act<State> for Request {
    type Output = Nothing;
    const ACTION: &'static str = "sqs:RemovePermission";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let queue = state.queue(&self.queue_url)?;
        state.queues.remove_permission(&queue, &self.label).await?;
        Ok(Nothing {})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn a_permission_is_removed_by_its_label() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        let add = json!({"QueueUrl": url, "Label": "l", "AWSAccountIds": ["111122223333"], "Actions": ["*"]});
        bench.ok("AddPermission", add).await;
        let remove = json!({"QueueUrl": url, "Label": "l"});
        bench.ok("RemovePermission", remove.clone()).await;
        let fault = bench.fault("RemovePermission", remove).await;
        assert_eq!(fault.query_code, "InvalidParameterValue");
        assert_eq!(
            fault.message,
            "Value l for parameter Label is invalid. Reason: can't find label."
        );
    }
}
