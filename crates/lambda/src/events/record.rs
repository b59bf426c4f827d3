//! What destinations and dead letter queues are told of an event that is over.
//!
//! Source: Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations", "Adding a dead-letter queue".

use base::Timestamp;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::engine::{Condition, Event};
use crate::port::QueueAttribute;
use crate::sandbox::Outcome;

/// Characters of an error's message that a dead letter bears. Source: as above, "the first 1 KB of the error message".
const MESSAGE_CHARS_MAX: usize = 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    request_payload: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: String,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    executed_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

/// The record of `event` for a destination. `arn` is that of the function, with the qualifier where there was one; `outcome` that of the
/// last try, if the function ran.
pub(super) fn record(
    event: &Event,
    condition: Condition,
    arn: &str,
    payload: &Bytes,
    outcome: Option<&Outcome>,
    at: Timestamp,
) -> String {
    let function_arn = match event.qualifier {
        Some(_) => arn.to_owned(),
        None => format!("{arn}:$LATEST"),
    };
    let record = Record {
        version: "1.0",
        timestamp: at.rfc3339(),
        request_context: RequestContext {
            request_id: &event.id,
            function_arn,
            condition: condition.name(),
            approximate_invoke_count: event.tries,
        },
        request_payload: raw(payload),
        response_context: outcome.map(|outcome| ResponseContext {
            status_code: 200,
            executed_version: &outcome.version,
            function_error: outcome.error.as_ref().map(|_| "Unhandled"),
        }),
        response_payload: outcome.map(|outcome| raw(&outcome.payload)),
    };
    serde_json::to_string(&record).unwrap_or_default()
}

/// JSON as it came; what is none as a text.
fn raw(bytes: &Bytes) -> Box<RawValue> {
    let text = String::from_utf8_lossy(bytes);
    let json = match text.is_empty() {
        true => RawValue::from_string("null".to_owned()),
        false => RawValue::from_string(text.clone().into_owned()),
    };
    json.or_else(|_| serde_json::value::to_raw_value(&text))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// The attributes of a dead letter, whose body is the event.
pub(super) fn letter(event: &Event, outcome: Option<&Outcome>) -> Vec<(String, QueueAttribute)> {
    let (code, message) = match outcome {
        Some(outcome) => ("200", message(&outcome.payload)),
        None => ("429", "Rate Exceeded.".to_owned()),
    };
    let attribute = |name: &str, data_type: &str, text: &str| {
        let attribute = QueueAttribute {
            data_type: data_type.to_owned(),
            string: Some(text.to_owned()),
            binary: None,
        };
        (name.to_owned(), attribute)
    };
    vec![
        attribute("RequestID", "String", &event.id),
        attribute("ErrorCode", "Number", code),
        attribute("ErrorMessage", "String", &message),
    ]
}

fn message(payload: &Bytes) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(payload).ok();
    let named = json
        .as_ref()
        .and_then(|json| json.get("errorMessage")?.as_str());
    let text = match named {
        Some(text) => text.to_owned(),
        None => String::from_utf8_lossy(payload).into_owned(),
    };
    let text: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
    // An attribute cannot be empty.
    match text.is_empty() {
        true => "Unhandled".to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sandbox::{FunctionError, Report};

    fn event() -> Event {
        Event {
            id: "e4b46cbf-b738-xmpl-8880-a18cdf61200e".to_owned(),
            function: "my-function".parse().unwrap(),
            qualifier: None,
            accepted: Timestamp::EPOCH,
            tries: 3,
            throttles: 0,
            due: Timestamp::EPOCH,
            bytes: 0,
            client_context: None,
            trace: None,
        }
    }

    fn failed() -> Outcome {
        Outcome {
            payload: Bytes::from_static(
                br#"{"errorMessage": "RequestId: e4b46cbf-b738-xmpl-8880-a18cdf61200e Process exited before completing request"}"#,
            ),
            error: Some(FunctionError {
                kind: "Runtime.ExitError".to_owned(),
                is_reported: false,
            }),
            log_tail: Bytes::new(),
            version: "$LATEST".to_owned(),
            report: Report::new(Duration::ZERO, None, 128, 1),
        }
    }

    /// The example of AWS's documentation, "Example invocation record".
    #[test]
    fn a_record_is_that_of_the_documentation() {
        let expected = serde_json::json!({
            "version": "1.0",
            "timestamp": "2019-11-14T18:16:05.568Z",
            "requestContext": {
                "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3
            },
            "requestPayload": { "ORDER_IDS": [ "9e07af03-ce31-4ff3-xmpl-36dce652cb4f" ] },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled"
            },
            "responsePayload": {
                "errorMessage": "RequestId: e4b46cbf-b738-xmpl-8880-a18cdf61200e Process exited before completing request"
            }
        });
        let record = record(
            &event(),
            Condition::RetriesExhausted,
            "arn:aws:lambda:us-east-2:123456789012:function:my-function",
            &Bytes::from_static(br#"{ "ORDER_IDS": ["9e07af03-ce31-4ff3-xmpl-36dce652cb4f"] }"#),
            Some(&failed()),
            Timestamp::parse_rfc3339("2019-11-14T18:16:05.568Z").unwrap(),
        );
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record, expected);
    }

    #[test]
    fn payloads_are_told_as_they_came() {
        for (payload, told) in [
            (
                "12345678901234567890.123456789",
                "12345678901234567890.123456789",
            ),
            ("not json", "\"not json\""),
            ("", "null"),
        ] {
            assert_eq!(raw(&Bytes::from(payload)).get(), told);
        }
    }

    #[test]
    fn a_dead_letter_says_what_happened() {
        let attributes = letter(&event(), Some(&failed()));
        let texts: Vec<_> = attributes
            .iter()
            .map(|(name, attribute)| {
                (
                    name.as_str(),
                    attribute.data_type.as_str(),
                    attribute.string.as_deref().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            texts,
            [
                (
                    "RequestID",
                    "String",
                    "e4b46cbf-b738-xmpl-8880-a18cdf61200e"
                ),
                ("ErrorCode", "Number", "200"),
                (
                    "ErrorMessage",
                    "String",
                    "RequestId: e4b46cbf-b738-xmpl-8880-a18cdf61200e Process exited before completing request"
                ),
            ]
        );
        assert_eq!(letter(&event(), None)[1].1.string.as_deref(), Some("429"));
    }
}
