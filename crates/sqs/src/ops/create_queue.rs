//! CreateQueue: makes a queue, or finds one of the same name and attributes.
//!
//! Source: SQS API Reference, CreateQueue.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::state::State;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "CreateQueueRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_name: String,
    #[shape(query = "Attribute", flattened, map = "Name/Value")]
    attributes: BTreeMap<String, String>,
    #[shape(name = "tags", query = "Tag", flattened, map = "Key/Value")]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "CreateQueueResult")]
pub(super) struct Response {
    queue_url: Option<String>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:CreateQueue";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        let mut access = vec![state.access_to(Self::ACTION, &self.queue_name)];
        if !self.tags.is_empty() {
            access.push(state.access_to("sqs:TagQueue", &self.queue_name));
        }
        access
    }

    async fn act(self, state: &Arc<State>, ctx: &Ctx) -> Result<Response, Fault> {
        let queue = state
            .queues
            .create(&self.queue_name, &self.attributes, &self.tags)
            .await?;
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
    async fn the_same_queue_again_is_the_same_queue() {
        let bench = Bench::new();
        let input = json!({"QueueName": "s2s", "Attributes": {"DelaySeconds": "5"}, "tags": {"team": "ads"}});
        let url = json!({"QueueUrl": bench.url("s2s")});
        assert_eq!(bench.ok("CreateQueue", input.clone()).await, url);
        assert_eq!(bench.ok("CreateQueue", input).await, url);
        assert_eq!(
            bench.ok("CreateQueue", json!({"QueueName": "s2s"})).await,
            url
        );
        let other = json!({"QueueName": "s2s", "Attributes": {"DelaySeconds": "6"}});
        let fault = bench.fault("CreateQueue", other).await;
        assert_eq!(
            (fault.code, fault.query_code),
            ("QueueNameExists", "QueueAlreadyExists")
        );
        assert_eq!(
            fault.message,
            "A queue already exists with the same name and a different value for attribute DelaySeconds"
        );
    }

    #[tokio::test]
    async fn names_and_attributes_are_checked() {
        let bench = Bench::new();
        for (input, code) in [
            (json!({"QueueName": ""}), "InvalidParameterValue"),
            (json!({"QueueName": "a b"}), "InvalidParameterValue"),
            (
                json!({"QueueName": "x".repeat(81)}),
                "InvalidParameterValue",
            ),
            (json!({"QueueName": "a.fifo"}), "InvalidParameterValue"),
            (
                json!({"QueueName": "a", "Attributes": {"FifoQueue": "true"}}),
                "InvalidParameterValue",
            ),
            (
                json!({"QueueName": "a", "Attributes": {"FifoQueue": "false"}}),
                "InvalidAttributeValue",
            ),
            (
                json!({"QueueName": "a", "Attributes": {"Foo": "1"}}),
                "InvalidAttributeName",
            ),
            (
                json!({"QueueName": "a", "Attributes": {"ContentBasedDeduplication": "true"}}),
                "InvalidAttributeName",
            ),
            (
                json!({"QueueName": "a", "Attributes": {"DelaySeconds": "901"}}),
                "InvalidAttributeValue",
            ),
            (
                json!({"QueueName": "a", "Attributes": {"MaximumMessageSize": "1048577"}}),
                "InvalidAttributeValue",
            ),
            (
                json!({"QueueName": "a", "Attributes": {"MessageRetentionPeriod": "59"}}),
                "InvalidAttributeValue",
            ),
            (
                json!({"QueueName": "a", "Attributes": {"ReceiveMessageWaitTimeSeconds": "x"}}),
                "InvalidAttributeValue",
            ),
            (
                json!({"QueueName": "a", "Attributes": {"VisibilityTimeout": "-1"}}),
                "InvalidAttributeValue",
            ),
            (
                json!({"QueueName": "a", "Attributes": {"RedrivePolicy": "x"}}),
                "InvalidAttributeValue",
            ),
            (
                json!({"QueueName": "a", "Attributes": {"RedrivePolicy": "{}"}}),
                "InvalidParameterValue",
            ),
        ] {
            let fault = bench.fault("CreateQueue", input.clone()).await;
            assert_eq!(fault.query_code, code, "{input} {fault}");
        }
    }

    #[test]
    fn tags_need_their_own_permission() {
        let access = |input| Bench::access("CreateQueue", input);
        let arn = "arn:aws:sqs:ap-northeast-1:123456789012:s2s";
        assert_eq!(
            access(json!({"QueueName": "s2s"})),
            [format!("sqs:CreateQueue {arn}")]
        );
        assert_eq!(
            access(json!({"QueueName": "s2s", "tags": {"a": "b"}})),
            [
                format!("sqs:CreateQueue {arn}"),
                format!("sqs:TagQueue {arn}")
            ]
        );
    }
}
