//! AddPermission: adds a statement to a queue's policy.
//!
//! Source: SQS API Reference, AddPermission.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::state::State;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "AddPermissionRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required)]
    label: String,
    #[shape(required, name = "AWSAccountIds", query = "AWSAccountId", flattened)]
    aws_account_ids: Vec<String>,
    #[shape(required, query = "ActionName", flattened)]
    actions: Vec<String>,
}

impl Act<State> for Request {
    type Output = Nothing;
    const ACTION: &'static str = "sqs:AddPermission";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let queue = state.queue(&self.queue_url)?;
        let (accounts, actions) = (&self.aws_account_ids, &self.actions);
        state
            .queues
            .add_permission(&queue, &self.label, accounts, actions)
            .await?;
        Ok(Nothing {})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn a_permission_stands_in_the_policy() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        let input = json!({"QueueUrl": url, "Label": "l", "AWSAccountIds": ["111122223333"], "Actions": ["SendMessage"]});
        bench.ok("AddPermission", input.clone()).await;
        let answer = bench
            .ok(
                "GetQueueAttributes",
                json!({"QueueUrl": url, "AttributeNames": ["Policy"]}),
            )
            .await;
        let policy: serde_json::Value =
            serde_json::from_str(answer["Attributes"]["Policy"].as_str().unwrap()).unwrap();
        let statement = match &policy["Statement"] {
            serde_json::Value::Array(statements) => &statements[0],
            one => one,
        };
        assert_eq!(statement["Sid"], "l");
        assert_eq!(statement["Effect"], "Allow");
        assert_eq!(statement["Action"], "SQS:SendMessage");
        let principal = "arn:aws:iam::111122223333:root";
        assert_eq!(statement["Principal"]["AWS"], principal);
        assert_eq!(
            bench.fault("AddPermission", input).await.message,
            "Value l for parameter Label is invalid. Reason: Already exists."
        );
    }

    #[tokio::test]
    async fn up_to_seven_actions_that_can_be_granted_are_permitted() {
        let bench = Bench::with_queue("s2s").await;
        let input = |label: &str, actions: &[&str]| json!({"QueueUrl": bench.url("s2s"), "Label": label, "AWSAccountIds": ["111122223333"], "Actions": actions});
        let actions = ["PurgeQueue", "ListDeadLetterSourceQueues", "*"];
        bench.ok("AddPermission", input("a", &actions)).await;
        let fault = bench
            .fault("AddPermission", input("b", &["Send", "SendMessage"]))
            .await;
        assert_eq!(fault.query_code, "InvalidParameterValue");
        assert!(
            fault
                .message
                .starts_with("Value SQS:Send for parameter ActionName"),
            "{fault}"
        );
        for owners in ["CreateQueue", "TagQueue", "StartMessageMoveTask"] {
            let fault = bench
                .fault("AddPermission", input("b", &["SendMessage", owners]))
                .await;
            assert_eq!(fault.query_code, "InvalidParameterValue");
            assert_eq!(
                fault.message,
                format!(
                    "Value SQS:{owners} for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action."
                )
            );
        }
        let eight = ["SendMessage"; 8];
        let fault = bench.fault("AddPermission", input("b", &eight)).await;
        assert_eq!((fault.query_code, fault.status), ("OverLimit", 403));
        assert_eq!(fault.message, "8 Actions were found, maximum allowed is 7.");
        let fault = bench
            .fault("AddPermission", input("", &["SendMessage"]))
            .await;
        assert!(fault.message.contains("parameter Label"), "{fault}");
    }
}
