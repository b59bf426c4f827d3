//! ReceiveMessage: takes up to ten messages, waiting for the first if asked to.
//!
//! Source: SQS API Reference, ReceiveMessage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::{Access, Act, Audit, Caller, Ctx, Fault};
use wire::Shape;

use super::attribute::{self, MessageAttributeValue};
use super::state::{State, capacity};
use crate::attributes::{self, Attributes};
use crate::{Error, Message, Receive};

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ReceiveMessageRequest")]
pub(super) struct Request {
    #[shape(required)]
    queue_url: String,
    #[shape(query = "AttributeName", flattened)]
    attribute_names: Vec<String>,
    #[shape(query = "MessageSystemAttributeName", flattened)]
    message_system_attribute_names: Vec<String>,
    #[shape(query = "MessageAttributeName", flattened)]
    message_attribute_names: Vec<String>,
    max_number_of_messages: Option<i32>,
    visibility_timeout: Option<i32>,
    wait_time_seconds: Option<i32>,
    receive_request_attempt_id: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ReceiveMessageResult")]
pub(super) struct Response {
    #[shape(query = "Message", flattened)]
    messages: Vec<WireMessage>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "Message")]
pub(super) struct WireMessage {
    message_id: Option<String>,
    receipt_handle: Option<String>,
    #[shape(name = "MD5OfBody")]
    md5_of_body: Option<String>,
    #[shape(sensitive)]
    body: Option<String>,
    #[shape(query = "Attribute", flattened, map = "Name/Value")]
    attributes: BTreeMap<String, String>,
    #[shape(name = "MD5OfMessageAttributes")]
    md5_of_message_attributes: Option<String>,
    #[shape(query = "MessageAttribute", flattened, map = "Name/Value")]
    message_attributes: BTreeMap<String, MessageAttributeValue>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:ReceiveMessage";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        state.access_to_messages(Self::ACTION, &self.queue_url)
    }

    async fn act(self, state: &Arc<State>, ctx: &Ctx) -> Result<Response, Fault> {
        let queue = state.queue(&self.queue_url)?;
        let system = SystemNames::new(&self.attribute_names, &self.message_system_attribute_names)?;
        let receive = Receive {
            max: number(
                "MaxNumberOfMessages",
                self.max_number_of_messages,
                1,
                10,
                "Must be between 1 and 10, if provided",
            )?
            .unwrap_or(1),
            wait: seconds(
                "WaitTimeSeconds",
                self.wait_time_seconds,
                20,
                "Must be >= 0 and <= 20, if provided",
            )?,
            visibility: seconds(
                "VisibilityTimeout",
                self.visibility_timeout,
                43_200,
                "Must be >= 0 and <= 43200, if provided",
            )?,
            attempt_id: self.receive_request_attempt_id,
            access: capacity(ctx),
        };
        let messages = state.queues.receive(&queue, receive).await?;
        let wired = messages
            .into_iter()
            .map(|message| wire_message(message, &system, &self.message_attribute_names));
        Ok(Response {
            messages: wired.collect(),
        })
    }
}

fn number(
    name: &'static str,
    given: Option<i32>,
    low: u32,
    high: u32,
    right: &str,
) -> Result<Option<u32>, Error> {
    let Some(given) = given else {
        return Ok(None);
    };
    let number = u32::try_from(given)
        .ok()
        .filter(|number| (low..=high).contains(number));
    match number {
        Some(number) => Ok(Some(number)),
        None => Err(Error::parameter(name, given.to_string(), right)),
    }
}

fn seconds(
    name: &'static str,
    given: Option<i32>,
    high: u32,
    right: &str,
) -> Result<Option<Duration>, Error> {
    let secs = number(name, given, 0, high, right)?;
    Ok(secs.map(|secs| Duration::from_secs(u64::from(secs))))
}

fn wire_message(message: Message, system: &SystemNames, wanted: &[String]) -> WireMessage {
    let attributes = chosen(&message, wanted);
    WireMessage {
        attributes: system.of(&message),
        md5_of_body: Some(message.body_md5()),
        body: Some(message.text().into_owned()),
        message_id: Some(message.message_id),
        receipt_handle: Some(message.receipt_handle),
        // Of those that are answered, so that the receiver can check them.
        md5_of_message_attributes: attributes::md5_hex(&attributes),
        message_attributes: attribute::of_answer(attributes),
    }
}

/// The message attributes that are asked for: by name, all (`All`, `.*`), or by prefix (`foo.*`).
fn chosen(message: &Message, wanted: &[String]) -> Attributes {
    if wanted.is_empty() {
        return Attributes::new();
    }
    let mut attributes = message.attributes();
    attributes.retain(|name, _| wanted.iter().any(|wanted| is_wanted(name, wanted)));
    attributes
}

fn is_wanted(name: &str, wanted: &str) -> bool {
    match wanted.strip_suffix(".*") {
        Some(prefix) => name.starts_with(prefix),
        None => wanted == "All" || wanted == name,
    }
}

/// A system attribute: its name, and how a message shows it.
type SystemAttribute = (&'static str, fn(&Message) -> Option<String>);

const SYSTEM: [SystemAttribute; 9] = [
    ("SenderId", |message| Some(message.sender_id.to_string())),
    ("SentTimestamp", |message| {
        Some(message.sent_at.as_millis().to_string())
    }),
    ("ApproximateReceiveCount", |message| {
        Some(message.receive_count.to_string())
    }),
    ("ApproximateFirstReceiveTimestamp", |message| {
        Some(message.first_received_at.as_millis().to_string())
    }),
    ("SequenceNumber", |message| message.sequence_number.clone()),
    ("MessageDeduplicationId", |message| message.dedup_id.clone()),
    ("MessageGroupId", |message| message.group.clone()),
    ("AWSTraceHeader", |message| message.trace_header.clone()),
    ("DeadLetterQueueSourceArn", |message| {
        message.dead_letter_source.clone()
    }),
];

/// The system attributes that are asked for.
#[derive(Debug)]
struct SystemNames(Vec<SystemAttribute>);

impl SystemNames {
    fn new(old: &[String], new: &[String]) -> Result<Self, Error> {
        let wanted = || old.iter().chain(new).map(String::as_str);
        let is_known = |name: &str| name == "All" || SYSTEM.iter().any(|(known, _)| *known == name);
        if let Some(unknown) = wanted().find(|name| !is_known(name)) {
            return Err(Error::UnknownAttribute {
                name: unknown.chars().take(256).collect(),
            });
        }
        let is_wanted = |known: &str| wanted().any(|name| name == "All" || name == known);
        Ok(Self(
            SYSTEM
                .into_iter()
                .filter(|(known, _)| is_wanted(known))
                .collect(),
        ))
    }

    fn of(&self, message: &Message) -> BTreeMap<String, String> {
        let shown = self.0.iter();
        shown
            .filter_map(|(name, show)| Some(((*name).to_owned(), show(message)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::ops::testing::Bench;

    async fn sent() -> Bench {
        let bench = Bench::with_queue("s2s").await;
        let text = |value: &str| json!({"DataType": "String", "StringValue": value});
        bench
            .ok("SendMessage", json!({
                "QueueUrl": bench.url("s2s"), "MessageBody": "hello \"world\"",
                "MessageAttributes": {"foo.a": text("1"), "foo.b": text("2"), "bar": {"DataType": "Binary", "BinaryValue": "aGVsbG8="}},
                "MessageSystemAttributes": {"AWSTraceHeader": text("Root=1")},
            }))
            .await;
        bench
    }

    fn keys(value: &Value) -> Vec<&str> {
        value
            .as_object()
            .map(|object| object.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    #[tokio::test]
    async fn a_message_comes_with_what_is_asked_for() {
        let bench = sent().await;
        let answer = bench
            .ok(
                "ReceiveMessage",
                json!({
                    "QueueUrl": bench.url("s2s"), "AttributeNames": ["SentTimestamp"],
                    "MessageSystemAttributeNames": ["ApproximateReceiveCount", "AWSTraceHeader"],
                    "MessageAttributeNames": ["foo.*", "none"],
                }),
            )
            .await;
        let message = &answer["Messages"][0];
        assert_eq!(message["Body"], "hello \"world\"");
        // printf 'hello "world"' | md5sum
        assert_eq!(message["MD5OfBody"], "b25ea0182bf88bf6c47daaf2e4da5cac");
        assert_eq!(
            keys(&message["Attributes"]),
            ["AWSTraceHeader", "ApproximateReceiveCount", "SentTimestamp"]
        );
        assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
        assert_eq!(keys(&message["MessageAttributes"]), ["foo.a", "foo.b"]);
        assert_eq!(
            message["MessageAttributes"]["foo.a"],
            json!({"StringValue": "1", "DataType": "String"})
        );
        assert_eq!(
            message["MD5OfMessageAttributes"].as_str().map(str::len),
            Some(32)
        );
        assert!(message["ReceiptHandle"].is_string());
    }

    #[tokio::test]
    async fn a_message_comes_bare_when_nothing_is_asked_for() {
        let bench = sent().await;
        let url = bench.url("s2s");
        let answer = bench.ok("ReceiveMessage", json!({"QueueUrl": url})).await;
        let message = &answer["Messages"][0];
        assert_eq!(
            keys(message),
            ["Body", "MD5OfBody", "MessageId", "ReceiptHandle"]
        );
        assert_eq!(
            bench.ok("ReceiveMessage", json!({"QueueUrl": url})).await,
            json!({})
        );
    }

    #[tokio::test]
    async fn all_shows_all() {
        let bench = sent().await;
        let answer = bench
            .ok("ReceiveMessage", json!({
                "QueueUrl": bench.url("s2s"), "AttributeNames": ["All"], "MessageAttributeNames": [".*"],
            }))
            .await;
        let message = &answer["Messages"][0];
        assert_eq!(
            keys(&message["MessageAttributes"]),
            ["bar", "foo.a", "foo.b"]
        );
        let expected = [
            "AWSTraceHeader",
            "ApproximateFirstReceiveTimestamp",
            "ApproximateReceiveCount",
            "SenderId",
            "SentTimestamp",
        ];
        assert_eq!(keys(&message["Attributes"]), expected);
    }

    #[tokio::test]
    async fn numbers_and_names_are_checked() {
        let bench = Bench::with_queue("s2s").await;
        for (input, message) in [
            (
                json!({"MaxNumberOfMessages": 0}),
                "Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
            ),
            (
                json!({"MaxNumberOfMessages": 11}),
                "Value 11 for parameter MaxNumberOfMessages is invalid.",
            ),
            (
                json!({"WaitTimeSeconds": 21}),
                "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
            ),
            (
                json!({"VisibilityTimeout": 43201}),
                "Value 43201 for parameter VisibilityTimeout is invalid.",
            ),
            (
                json!({"VisibilityTimeout": -1}),
                "Value -1 for parameter VisibilityTimeout is invalid.",
            ),
            (json!({"AttributeNames": ["Foo"]}), "Unknown Attribute Foo."),
        ] {
            let mut input = input;
            input["QueueUrl"] = bench.url("s2s").into();
            let fault = bench.fault("ReceiveMessage", input).await;
            assert!(fault.message.starts_with(message), "{fault}");
        }
    }
}
