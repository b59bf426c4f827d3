//! LookupEvents: the event history, newest first.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::Shape;

use super::Desk;
use crate::digest::sha256;
use crate::history::{Attribute, Found, Query};
use crate::record::Named;

/// Events of a page, and how many come without `MaxResults`. Source: LookupEvents.
const RESULTS_MAX: i32 = 50;
/// Letters of a value that is looked up. Source: LookupAttribute.
const VALUE_CHARS_MAX: usize = 2000;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct LookupEventsRequest {
    lookup_attributes: Vec<LookupAttribute>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    event_category: Option<String>,
    max_results: Option<i32>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct LookupAttribute {
    #[shape(required)]
    attribute_key: String,
    #[shape(required)]
    attribute_value: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct LookupEventsResponse {
    events: Option<Vec<Event>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Event {
    event_id: Option<String>,
    event_name: Option<String>,
    read_only: Option<String>,
    access_key_id: Option<String>,
    event_time: Option<Timestamp>,
    event_source: Option<String>,
    username: Option<String>,
    resources: Option<Vec<Resource>>,
    cloud_trail_event: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Resource {
    resource_type: Option<String>,
    resource_name: Option<String>,
}

impl Act<Desk> for LookupEventsRequest {
    type Output = LookupEventsResponse;
    const ACTION: &'static str = "cloudtrail:LookupEvents";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        desk.everything(Self::ACTION)
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<LookupEventsResponse, Fault> {
        let Some(query) = self.query(desk)? else {
            return Ok(LookupEventsResponse {
                events: Some(Vec::new()),
                next_token: None,
            });
        };
        if !desk.trails.may_look_up() {
            return Err(Fault::sender("ThrottlingException", "Rate exceeded"));
        }
        let page = desk
            .blocking(move |trails| Ok(trails.history().look_up(&query)?))
            .await?;
        let next_token = page.next.map(|before| self.token(before));
        Ok(LookupEventsResponse {
            events: Some(page.records.into_iter().map(shown).collect()),
            next_token,
        })
    }
}

impl LookupEventsRequest {
    /// What is looked for; `None` where there can be nothing.
    fn query(&self, desk: &Desk) -> Result<Option<Query>, Fault> {
        let max = self.max_results.unwrap_or(RESULTS_MAX);
        let max_count = usize::try_from(max).ok();
        let max_count = max_count.filter(|_| (1..=RESULTS_MAX).contains(&max));
        let Some(max) = max_count else {
            return Err(Fault::sender(
                "InvalidMaxResultsException",
                format!("MaxResults is 1 to {RESULTS_MAX}, not {max}."),
            ));
        };
        match self.event_category.as_deref() {
            None => {}
            // None are made.
            Some("insight") => return Ok(None),
            Some(_) => {
                return Err(Fault::sender(
                    "InvalidEventCategoryException",
                    "EventCategory can only be insight; without it management events are looked up.",
                ));
            }
        }
        let now = desk.trails.now();
        let (from, to) = (
            self.start_time.unwrap_or(Timestamp::EPOCH),
            self.end_time.unwrap_or(Timestamp::MAX),
        );
        if from > to {
            return Err(Fault::sender(
                "InvalidTimeRangeException",
                "StartTime is after EndTime.",
            ));
        }
        Ok(Some(Query {
            attribute: self.attribute()?,
            from: from.max(now.minus(desk.trails.keep())),
            to,
            before: self.before()?,
            max,
        }))
    }

    fn attribute(&self) -> Result<Option<Attribute>, Fault> {
        let wrong = |text: String| Err(Fault::sender("InvalidLookupAttributesException", text));
        let attribute = match self.lookup_attributes.as_slice() {
            [] => return Ok(None),
            [one] => one,
            many => {
                return wrong(format!(
                    "LookupAttributes can hold one attribute only, and these are {}.",
                    many.len()
                ));
            }
        };
        let (key, value) = (&attribute.attribute_key, &attribute.attribute_value);
        if !(1..=VALUE_CHARS_MAX).contains(&value.chars().count()) {
            return wrong(format!(
                "An AttributeValue has 1 to {VALUE_CHARS_MAX} characters."
            ));
        }
        match Attribute::named(key, value.clone()) {
            Some(found) => Ok(Some(found)),
            None => wrong(
                "AttributeKey is EventId, EventName, ReadOnly, Username, ResourceType, ResourceName, EventSource or AccessKeyId."
                    .to_owned(),
            ),
        }
    }

    /// What a token is bound to: everything that says which events are looked for.
    fn sum(&self) -> String {
        let asked = format!(
            "{:?} {:?} {:?}",
            self.lookup_attributes, self.start_time, self.end_time
        );
        sha256(asked.as_bytes()).chars().take(16).collect()
    }

    fn token(&self, before: u64) -> String {
        URL_SAFE_NO_PAD.encode(format!("{before}.{}", self.sum()))
    }

    /// Below which number the page that the token asks for begins.
    fn before(&self) -> Result<u64, Fault> {
        let Some(token) = self.next_token.as_deref().filter(|token| !token.is_empty()) else {
            return Ok(u64::MAX);
        };
        let text = URL_SAFE_NO_PAD.decode(token).ok();
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        let parts = text.as_deref().and_then(|text| text.split_once('.'));
        let before = parts.and_then(|(before, sum)| {
            let before = before.parse().ok()?;
            (sum == self.sum()).then_some(before)
        });
        before.ok_or_else(|| {
            Fault::sender(
                "InvalidNextTokenException",
                "NextToken is not one that a lookup with the same attributes and times gave.",
            )
        })
    }
}

fn shown(found: Found) -> Event {
    let attributes = found.attributes;
    let resource = |named: Named| Resource {
        resource_type: named.kind,
        resource_name: Some(named.name),
    };
    Event {
        event_id: Some(attributes.event_id),
        event_name: Some(attributes.event_name),
        read_only: attributes.read_only.map(|it| it.to_string()),
        access_key_id: attributes.access_key_id,
        event_time: Some(attributes.event_time),
        event_source: Some(attributes.event_source),
        username: attributes.username,
        resources: Some(attributes.resources.into_iter().map(resource).collect()),
        cloud_trail_event: Some(String::from_utf8_lossy(&found.frame.record).into_owned()),
    }
}
