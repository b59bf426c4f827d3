//! Events as targets see them.
//!
//! ```text
//! {"version":"0","id":"53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa","detail-type":"Scheduled Event","source":"aws.events",
//!  "account":"123456789012","time":"2015-10-08T16:53:06Z","region":"us-east-1",
//!  "resources":["arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule"],"detail":{}}
//! ```
//!
//! Source: EventBridge User Guide, "Events reference"; Lambda Developer Guide, "Invoke a Lambda function on a schedule".

use base::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One event. Its members are written in AWS's order.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Event<'a> {
    version: &'static str,
    id: &'a str,
    #[serde(rename = "detail-type")]
    detail_type: &'a str,
    source: &'a str,
    account: &'a str,
    time: String,
    region: &'a str,
    resources: &'a [String],
    detail: &'a RawValue,
}

/// What differs from event to event.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) id: &'a str,
    pub(super) detail_type: &'a str,
    pub(super) source: &'a str,
    pub(super) time: Timestamp,
    pub(super) resources: &'a [String],
    /// JSON of an object.
    pub(super) detail: &'a RawValue,
}

/// The event as JSON.
pub(super) fn text(facts: &Facts<'_>, place: &super::Place) -> String {
    let event = Event {
        version: "0",
        id: facts.id,
        detail_type: facts.detail_type,
        source: facts.source,
        account: place.account.as_str(),
        time: facts.time.rfc3339_secs(),
        region: place.region.as_str(),
        resources: facts.resources,
        detail: facts.detail,
    };
    serde_json::to_string(&event).unwrap_or_default()
}

/// The event of a schedule's moment.
pub(super) fn scheduled(
    id: &str,
    rule_arn: String,
    time: Timestamp,
    place: &super::Place,
) -> String {
    let Ok(detail) = RawValue::from_string("{}".to_owned()) else {
        return String::new();
    };
    let facts = Facts {
        id,
        detail_type: "Scheduled Event",
        source: "aws.events",
        time,
        resources: &[rule_arn],
        detail: &detail,
    };
    text(&facts, place)
}

/// The event as patterns and paths look at it.
pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduled_event_is_as_the_guide_shows_it() {
        let place = super::super::Place {
            account: "123456789012".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
        };
        let arn = "arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule".to_owned();
        let time = Timestamp::parse_rfc3339("2015-10-08T16:53:06Z").unwrap();
        let text = scheduled("53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", arn, time, &place);
        assert_eq!(
            text,
            "{\"version\":\"0\",\"id\":\"53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa\",\"detail-type\":\"Scheduled Event\",\
             \"source\":\"aws.events\",\"account\":\"123456789012\",\"time\":\"2015-10-08T16:53:06Z\",\"region\":\"us-east-1\",\
             \"resources\":[\"arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule\"],\"detail\":{}}"
        );
    }
}
