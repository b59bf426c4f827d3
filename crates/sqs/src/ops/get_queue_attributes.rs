//! GetQueueAttributes: shows what a queue is set to and roughly how much is in it.
//!
//! Source: SQS API Reference, GetQueueAttributes.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::state::State;
use crate::Error;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "GetQueueAttributesRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(query = "AttributeName", flattened)]
    attribute_names: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "GetQueueAttributesResult")]
pub(super) struct Response {
    #[shape(query = "Attribute", flattened, map = "Name/Value")]
    attributes: Option<BTreeMap<String, String>>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:GetQueueAttributes";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Response, Fault> {
        let queue = state.queue(&self.queue_url)?;
        check(&self.attribute_names)?;
        let mut attributes = state.queues.attributes(&queue)?;
        attributes.retain(|name, _| {
            self.attribute_names
                .iter()
                .any(|wanted| wanted == "All" || wanted == name)
        });
        Ok(Response {
            attributes: Some(attributes),
        })
    }
}

/// All names that the API knows; those that a queue does not have are left out of the answer.
const NAMES: [&str; 22] = [
    "All",
    "Policy",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
    "ApproximateNumberOfMessagesDelayed",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

fn check(names: &[String]) -> Result<(), Error> {
    match names.iter().find(|name| !NAMES.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(Error::UnknownAttribute {
            name: unknown.chars().take(256).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn only_what_is_asked_for_is_shown() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        let get = |names: serde_json::Value| {
            bench.ok(
                "GetQueueAttributes",
                json!({"QueueUrl": url, "AttributeNames": names}),
            )
        };
        assert_eq!(get(json!([])).await, json!({"Attributes": {}}));
        let one = json!({"Attributes": {"QueueArn": "arn:aws:sqs:ap-northeast-1:123456789012:s2s", "VisibilityTimeout": "30"}});
        assert_eq!(get(json!(["QueueArn", "VisibilityTimeout"])).await, one);
        let all = get(json!(["All"])).await;
        let names: Vec<_> = all["Attributes"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let expected = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "CreatedTimestamp",
            "DelaySeconds",
            "LastModifiedTimestamp",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "QueueArn",
            "ReceiveMessageWaitTimeSeconds",
            "SqsManagedSseEnabled",
            "VisibilityTimeout",
        ];
        assert_eq!(names, expected);
        let fault = bench
            .fault(
                "GetQueueAttributes",
                json!({"QueueUrl": url, "AttributeNames": ["Foo"]}),
            )
            .await;
        assert_eq!(
            (fault.code, fault.message.as_ref()),
            ("InvalidAttributeName", "Unknown Attribute Foo.")
        );
    }

    #[tokio::test]
    async fn counts_follow_the_messages() {
        let bench = Bench::with_queue("s2s").await;
        bench.send_and_receive("s2s", "received").await;
        let url = bench.url("s2s");
        bench
            .ok(
                "SendMessage",
                json!({"QueueUrl": url, "MessageBody": "waits"}),
            )
            .await;
        bench
            .ok(
                "SendMessage",
                json!({"QueueUrl": url, "MessageBody": "later", "DelaySeconds": 60}),
            )
            .await;
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ];
        let answer = bench
            .ok(
                "GetQueueAttributes",
                json!({"QueueUrl": url, "AttributeNames": names}),
            )
            .await;
        for name in names {
            assert_eq!(answer["Attributes"][name], "1", "{name}");
        }
    }
}
