//! SendMessage: puts one message into a queue.
//!
//! Source: SQS API Reference, SendMessage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::{Access, Act, Audit, Caller, Ctx, Fault};
use bytes::Bytes;
use store::record::Cause;
use wire::Shape;

use super::attribute::{self, MessageAttributeValue, MessageSystemAttributeValue};
use super::state::{State, sender_id};
use crate::message::body_md5;
use crate::{Error, Outgoing, Sender, Sent, attributes};

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "SendMessageRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(required, sensitive)]
    message_body: String,
    delay_seconds: Option<i32>,
    #[shape(query = "MessageAttribute", flattened, map = "Name/Value")]
    message_attributes: BTreeMap<String, MessageAttributeValue>,
    #[shape(query = "MessageSystemAttribute", flattened, map = "Name/Value")]
    message_system_attributes: BTreeMap<String, MessageSystemAttributeValue>,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "SendMessageResult")]
pub(super) struct Response {
    #[shape(name = "MD5OfMessageBody")]
    md5_of_message_body: Option<String>,
    #[shape(name = "MD5OfMessageAttributes")]
    md5_of_message_attributes: Option<String>,
    #[shape(name = "MD5OfMessageSystemAttributes")]
    md5_of_message_system_attributes: Option<String>,
    message_id: Option<String>,
    sequence_number: Option<String>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:SendMessage";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, ctx: &Ctx) -> Result<Response, Fault> {
        let queue = state.queue(&self.queue_url)?;
        let (message, md5s) = prepare(Draft {
            body: self.message_body,
            delay_secs: self.delay_seconds,
            attributes: self.message_attributes,
            system: self.message_system_attributes,
            dedup_id: self.message_deduplication_id,
            group: self.message_group_id,
        })?;
        let sender = Sender {
            id: sender_id(ctx),
            cause: Cause::Sent,
        };
        let sent = state.queues.send(&queue, sender, vec![message]).await?;
        let sent: Sent = sent.into_iter().next().unwrap_or(Err(Error::Busy))?;
        Ok(Response {
            md5_of_message_body: Some(md5s.body),
            md5_of_message_attributes: md5s.attributes,
            md5_of_message_system_attributes: md5s.system,
            message_id: Some(sent.message_id),
            sequence_number: sent.sequence_number,
        })
    }
}

/// A message as a request has it, alone or in a batch.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) body: String,
    pub(super) delay_secs: Option<i32>,
    pub(super) attributes: BTreeMap<String, MessageAttributeValue>,
    pub(super) system: BTreeMap<String, MessageSystemAttributeValue>,
    pub(super) dedup_id: Option<String>,
    pub(super) group: Option<String>,
}

/// What the answer says about a message, so that the sender can check what arrived.
#[derive(Debug)]
pub(super) struct Md5s {
    pub(super) body: String,
    pub(super) attributes: Option<String>,
    pub(super) system: Option<String>,
}

/// The message for the queue, whose rules it has still to pass.
pub(super) fn prepare(draft: Draft) -> Result<(Outgoing, Md5s), Error> {
    let system = attribute::system_of_request(draft.system)?;
    let attributes = attribute::of_request(draft.attributes)?;
    let md5s = Md5s {
        body: body_md5(draft.body.as_bytes()),
        attributes: attributes::md5_hex(&attributes),
        system: attributes::md5_hex(&system),
    };
    let message = Outgoing {
        body: Bytes::from(draft.body),
        delay: draft.delay_secs.map(delay).transpose()?,
        trace_header: attribute::trace_header(&system),
        attributes,
        group: draft.group,
        dedup_id: draft.dedup_id,
        ..Outgoing::default()
    };
    Ok((message, md5s))
}

/// 0 to 900 seconds.
fn delay(secs: i32) -> Result<Duration, Error> {
    let right = "DelaySeconds must be >= 0 and <= 900";
    u64::try_from(secs)
        .ok()
        .filter(|secs| *secs <= 900)
        .map(Duration::from_secs)
        .ok_or_else(|| Error::parameter("DelaySeconds", secs.to_string(), right))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn the_answer_has_id_and_md5s() {
        let bench = Bench::with_queue("s2s").await;
        let answer = bench
            .ok("SendMessage", json!({
                "QueueUrl": bench.url("s2s"),
                "MessageBody": "message digest",
                "MessageAttributes": {"timestamp": {"DataType": "Number", "StringValue": "1493147359900"}},
                "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}},
            }))
            .await;
        // RFC 1321, and the value in the tests of the AWS SDKs for Java and Go.
        assert_eq!(
            answer["MD5OfMessageBody"],
            "f96b697d7cb7938d525a2f31aaf161d0"
        );
        assert_eq!(
            answer["MD5OfMessageAttributes"],
            "235c5c510d26fb653d073faed50ae77c"
        );
        assert_eq!(
            answer["MD5OfMessageSystemAttributes"]
                .as_str()
                .map(str::len),
            Some(32)
        );
        assert!(base::id::parse_uuid(answer["MessageId"].as_str().unwrap()).is_some());
        assert!(answer.get("SequenceNumber").is_none());
    }

    #[tokio::test]
    async fn what_breaks_a_rule_is_refused_with_its_code() {
        let bench = Bench::with_queue("s2s").await;
        let url = bench.url("s2s");
        let attribute = |name: &str, value: serde_json::Value| json!({ name: value });
        for (input, code) in [
            (
                json!({"MessageBody": ""}),
                "MissingRequiredParameterException",
            ),
            (json!({"MessageBody": "a\u{1}b"}), "InvalidMessageContents"),
            (
                json!({"MessageBody": "a\u{ffff}b"}),
                "InvalidMessageContents",
            ),
            (
                json!({"MessageBody": "x".repeat(1_048_577)}),
                "InvalidParameterValueException",
            ),
            (
                json!({"MessageBody": "x", "DelaySeconds": 901}),
                "InvalidParameterValueException",
            ),
            (
                json!({"MessageBody": "x", "DelaySeconds": -1}),
                "InvalidParameterValueException",
            ),
            (
                json!({"MessageBody": "x", "MessageAttributes": attribute("AWS.x", json!({"DataType": "String", "StringValue": "v"}))}),
                "InvalidParameterValueException",
            ),
            (
                json!({"MessageBody": "x", "MessageAttributes": attribute("a", json!({"DataType": "String"}))}),
                "InvalidParameterValueException",
            ),
            (
                json!({"MessageBody": "x", "MessageAttributes": attribute("a", json!({"DataType": "Boolean", "StringValue": "v"}))}),
                "InvalidParameterValueException",
            ),
            (
                json!({"MessageBody": "x", "MessageSystemAttributes": attribute("SenderId", json!({"DataType": "String", "StringValue": "v"}))}),
                "InvalidParameterValueException",
            ),
        ] {
            let mut input = input;
            input["QueueUrl"] = url.clone().into();
            let fault = bench.fault("SendMessage", input.clone()).await;
            assert_eq!(fault.code, code, "{fault}");
        }
        for (name, value, message) in [
            (
                "Hello",
                json!({"DataType": "String", "StringValue": ""}),
                "Message (user) attribute 'Hello' must contain a non-empty value of type 'String'.",
            ),
            (
                "Hello",
                json!({"DataType": "Number", "StringValue": "world"}),
                "Can't cast the value of message (user) attribute 'Hello' to a number.",
            ),
            (
                "a",
                json!({"DataType": "InvalidType", "StringValue": "v"}),
                "The type of message (user) attribute 'a' is invalid. You must use only the following supported type prefixes: Binary, Number, String.",
            ),
            (
                "trace id",
                json!({"DataType": "String", "StringValue": "v"}),
                "Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens and underscores. ",
            ),
        ] {
            let input = json!({"QueueUrl": url, "MessageBody": "x", "MessageAttributes": attribute(name, value)});
            assert_eq!(bench.fault("SendMessage", input).await.message, message);
        }
        let fault = bench
            .fault(
                "SendMessage",
                json!({"QueueUrl": bench.url("none"), "MessageBody": "x"}),
            )
            .await;
        assert_eq!(fault.query_code, "AWS.SimpleQueueService.NonExistentQueue");
        let fault = bench
            .fault(
                "SendMessage",
                json!({"QueueUrl": "s2s", "MessageBody": "x"}),
            )
            .await;
        assert_eq!(fault.code, "InvalidAddress");
    }

    #[tokio::test]
    async fn a_fifo_queue_needs_a_group_and_gives_a_number() {
        let bench = Bench::with_fifo_queue("s2s.fifo").await;
        let url = bench.url("s2s.fifo");
        let fault = bench
            .fault(
                "SendMessage",
                json!({"QueueUrl": url, "MessageBody": "x", "MessageDeduplicationId": "1"}),
            )
            .await;
        assert_eq!(fault.query_code, "MissingParameter", "{fault}");
        let fault = bench
            .fault(
                "SendMessage",
                json!({"QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g"}),
            )
            .await;
        assert_eq!(fault.query_code, "InvalidParameterValue", "{fault}");
        let message = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";
        assert_eq!(fault.message, message);
        let input = json!({"QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "0", "DelaySeconds": 2});
        let fault = bench.fault("SendMessage", input).await;
        let message = "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.";
        assert_eq!(fault.message, message);
        let input = json!({"QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "1"});
        let first = bench.ok("SendMessage", input.clone()).await;
        let second = bench.ok("SendMessage", input).await;
        assert_eq!(first["SequenceNumber"].as_str().map(str::len), Some(20));
        assert_eq!(first["MessageId"], second["MessageId"]);
    }
}
