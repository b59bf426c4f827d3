//! The event of a batch, and what the function answers to it.
//!
//! ```text
//! {"Records":[{"messageId":"059f36b4-87a3-44ab-83d2-661975830a7d","receiptHandle":"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
//!   "body":"Test message.","attributes":{"ApproximateReceiveCount":"1",…},"messageAttributes":{},
//!   "md5OfBody":"e4e68fb7bd0e697a0ae8f1bb342846b3","eventSource":"aws:sqs",
//!   "eventSourceARN":"arn:aws:sqs:us-east-2:123456789012:my-queue","awsRegion":"us-east-2"}]}
//! ```
//!
//! Source: Lambda Developer Guide, "Using Lambda with Amazon SQS", "Handling errors for an SQS event source".

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::port::{QueueAttribute, QueueMessage};
use crate::rules::pattern::Pattern;

/// One message as the function sees it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) receipt: String,
    pub(super) json: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    attributes: BTreeMap<&'a str, &'a str>,
    message_attributes: BTreeMap<&'a str, Attribute<'a>>,
    #[serde(rename = "md5OfBody")]
    md5_of_body: String,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    string_list_values: [(); 0],
    binary_list_values: [(); 0],
    data_type: &'a str,
}

impl<'a> Attribute<'a> {
    fn of(attribute: &'a QueueAttribute) -> Self {
        Self {
            string_value: attribute.string.as_deref(),
            binary_value: attribute
                .binary
                .as_ref()
                .map(|bytes| BASE64_STANDARD.encode(bytes)),
            string_list_values: [],
            binary_list_values: [],
            data_type: &attribute.data_type,
        }
    }
}

/// A message of `queue` as the function sees it; none where no filter is for it.
pub(super) fn record(
    message: QueueMessage,
    queue: &str,
    region: &str,
    filters: &[Pattern],
) -> Result<Record, QueueMessage> {
    let attributes = message.attributes.iter();
    let own = message.message_attributes.iter();
    let written = Written {
        message_id: &message.id,
        receipt_handle: &message.receipt,
        body: &message.body,
        attributes: attributes
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect(),
        message_attributes: own
            .map(|(name, value)| (name.as_str(), Attribute::of(value)))
            .collect(),
        md5_of_body: hex::encode(Md5::digest(message.body.as_bytes())),
        event_source: "aws:sqs",
        event_source_arn: queue,
        aws_region: region,
    };
    if !filters.is_empty() {
        let mut value = serde_json::to_value(&written).unwrap_or_default();
        if let (Some(body), Ok(parsed)) = (
            value.get_mut("body"),
            serde_json::from_str::<Value>(&message.body),
        ) && parsed.is_object()
        {
            *body = parsed;
        }
        if !filters.iter().any(|filter| filter.matches(&value)) {
            return Err(message);
        }
    }
    let json = serde_json::to_string(&written).unwrap_or_default();
    Ok(Record {
        id: message.id,
        receipt: message.receipt,
        json,
    })
}

/// The event of a batch.
pub(super) fn payload(records: &[Record]) -> String {
    let records: Vec<_> = records.iter().map(|record| record.json.as_str()).collect();
    format!("{{\"Records\":[{}]}}", records.join(","))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    batch_item_failures: Option<Vec<Item>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    item_identifier: Option<String>,
}

/// The ids of the messages that failed by what the function answered; none where the answer says nothing that can be read, and all
/// failed.
pub(super) fn failures(answer: &[u8], records: &[Record]) -> Option<BTreeSet<String>> {
    let text = std::str::from_utf8(answer).ok()?.trim();
    if text.is_empty() || text == "null" {
        return Some(BTreeSet::new());
    }
    let value: Value = serde_json::from_str(text).ok()?;
    // A bad key within an item is a failure; an answer without the list is none.
    let answer: Answer = match value.is_object() {
        true => serde_json::from_value(value).ok()?,
        false => return None,
    };
    let known: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let ids = answer.batch_item_failures.unwrap_or_default().into_iter();
    ids.map(|item| {
        item.item_identifier
            .filter(|id| known.contains(id.as_str()))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The first message of the guide's example.
    fn message() -> QueueMessage {
        let text = |text: &str| text.to_owned();
        QueueMessage {
            id: text("059f36b4-87a3-44ab-83d2-661975830a7d"),
            receipt: text("AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a"),
            body: text("Test message."),
            attributes: vec![
                (text("ApproximateReceiveCount"), text("1")),
                (text("SentTimestamp"), text("1545082649183")),
                (text("SenderId"), text("AIDAIENQZJOLO23YVJ4VO")),
                (
                    text("ApproximateFirstReceiveTimestamp"),
                    text("1545082649185"),
                ),
            ],
            message_attributes: vec![(
                text("myAttribute"),
                QueueAttribute {
                    data_type: text("String"),
                    string: Some(text("myValue")),
                    binary: None,
                },
            )],
        }
    }

    const QUEUE: &str = "arn:aws:sqs:us-east-2:123456789012:my-queue";

    #[test]
    fn the_event_is_the_one_of_the_guide() {
        let record = record(message(), QUEUE, "us-east-2", &[]).unwrap();
        let event: Value = serde_json::from_str(&payload(&[record.clone(), record])).unwrap();
        let expected = json!({
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": "Test message.",
            "attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183", "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185"
            },
            "messageAttributes": {"myAttribute": {"stringValue": "myValue", "stringListValues": [], "binaryListValues": [], "dataType": "String"}},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": QUEUE,
            "awsRegion": "us-east-2"
        });
        assert_eq!(event, json!({"Records": [expected, expected]}));
    }

    #[test]
    fn filters_look_into_bodies_that_are_objects() {
        let passes = |body: &str, pattern: &str| {
            let message = QueueMessage {
                body: body.to_owned(),
                ..message()
            };
            record(message, QUEUE, "us-east-2", &[pattern.parse().unwrap()]).is_ok()
        };
        let pattern = "{\"body\": {\"kind\": [\"a\"]}}";
        assert!(passes("{\"kind\": \"a\"}", pattern));
        assert!(!passes("{\"kind\": \"b\"}", pattern));
        assert!(!passes("kind a", pattern));
        assert!(passes("kind a", "{\"body\": [{\"prefix\": \"kind\"}]}"));
        assert!(passes(
            "",
            "{\"messageAttributes\": {\"myAttribute\": {\"stringValue\": [\"myValue\"]}}}"
        ));
    }

    /// The guide's lists of what counts as success and failure.
    #[test]
    fn an_answer_says_what_failed() {
        let records = [record(message(), QUEUE, "r", &[]).unwrap()];
        let id = &records[0].id;
        for success in [
            "",
            "null",
            "{}",
            "{\"batchItemFailures\": []}",
            "{\"batchItemFailures\": null}",
        ] {
            assert_eq!(
                failures(success.as_bytes(), &records),
                Some(BTreeSet::new()),
                "{success}"
            );
        }
        let one = format!("{{\"batchItemFailures\": [{{\"itemIdentifier\": \"{id}\"}}]}}");
        assert_eq!(
            failures(one.as_bytes(), &records),
            Some(BTreeSet::from([id.clone()]))
        );
        let all = [
            "nonsense",
            "\"text\"",
            "{\"batchItemFailures\": [{\"itemIdentifier\": \"\"}]}",
            "{\"batchItemFailures\": [{\"itemIdentifier\": null}]}",
            "{\"batchItemFailures\": [{\"badKey\": \"a\"}]}",
            "{\"batchItemFailures\": [{\"itemIdentifier\": \"unknown\"}]}",
        ];
        for failed in all {
            assert_eq!(failures(failed.as_bytes(), &records), None, "{failed}");
        }
    }
}
