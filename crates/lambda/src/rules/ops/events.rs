//! PutEvents, TestEventPattern.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;
use wire::Shape;

use super::{check, fault};
use crate::rules::pattern::Pattern;
use crate::rules::{NewEvent, Rules};

/// Events of one request. Source: the service model, `PutEventsRequestEntryList`.
const ENTRIES_MAX: usize = 10;
/// Bytes of all events of a request. Source: EventBridge User Guide, "Calculating PutEvents event entry size".
const BYTES_MAX: usize = 256 * 1024;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutEventsRequest {
    #[shape(required)]
    entries: Vec<PutEventsRequestEntry>,
    #[shape(refused)]
    endpoint_id: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutEventsRequestEntry {
    time: Option<Timestamp>,
    source: Option<String>,
    resources: Vec<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
    /// Nothing is traced.
    #[shape(ignored)]
    trace_header: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutEventsResponse {
    failed_entry_count: Option<i32>,
    entries: Option<Vec<PutEventsResultEntry>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutEventsResultEntry {
    event_id: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct TestEventPatternRequest {
    #[shape(required)]
    event_pattern: String,
    #[shape(required)]
    event: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct TestEventPatternResponse {
    result: Option<bool>,
}

/// Why one event was not taken: code and text.
type Why = (&'static str, String);

impl PutEventsRequestEntry {
    /// As AWS counts.
    fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let time = if self.time.is_some() { 14 } else { 0 };
        let resources: usize = self.resources.iter().map(String::len).sum();
        time + text(&self.source) + text(&self.detail_type) + text(&self.detail) + resources
    }

    fn event(self) -> Result<NewEvent, Why> {
        if let Err(fault) = check::bus(self.event_bus_name.as_deref()) {
            return Err((fault.code, fault.message.into_owned()));
        }
        let source = needed("Source", self.source)?;
        let detail_type = needed("DetailType", self.detail_type)?;
        let detail = needed("Detail", self.detail)?;
        if source.starts_with("aws.") {
            return Err((
                "NotAuthorizedForSourceException",
                "Not authorized for the source.".to_owned(),
            ));
        }
        let malformed = || ("MalformedDetail", "Detail is malformed.".to_owned());
        let detail = RawValue::from_string(detail).map_err(|_| malformed())?;
        if !detail.get().trim_start().starts_with('{') {
            return Err(malformed());
        }
        Ok(NewEvent {
            time: self.time,
            source,
            detail_type,
            detail,
            resources: self.resources,
        })
    }
}

fn needed(name: &str, given: Option<String>) -> Result<String, Why> {
    given.filter(|text| !text.is_empty()).ok_or_else(|| {
        let text = format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
        ("InvalidArgument", text)
    })
}

impl Act<Rules> for PutEventsRequest {
    type Output = PutEventsResponse;
    const ACTION: &'static str = "events:PutEvents";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        let sources = self.entries.iter().filter_map(|entry| entry.source.clone());
        let types = self
            .entries
            .iter()
            .filter_map(|entry| entry.detail_type.clone());
        let access = rules.on_bus();
        vec![
            access
                .with_many("events:source", sources)
                .with_many("events:detail-type", types),
        ]
    }

    async fn act(self, rules: &Arc<Rules>, _ctx: &Ctx) -> Result<PutEventsResponse, Fault> {
        let count = self.entries.len();
        if !(1..=ENTRIES_MAX).contains(&count) {
            return Err(fault::invalid(format!(
                "1 validation error detected: Value '[PutEventsRequestEntry]' at 'entries' failed to satisfy constraint: Member must have \
                 length between 1 and {ENTRIES_MAX}"
            )));
        }
        if self
            .entries
            .iter()
            .map(PutEventsRequestEntry::bytes)
            .sum::<usize>()
            > BYTES_MAX
        {
            return Err(fault::invalid(
                "Total size of the entries in the request is over the limit.",
            ));
        }
        let (mut entries, mut failed) = (Vec::new(), 0);
        for entry in self.entries {
            let put = match entry.event() {
                Err(why) => Err(why),
                Ok(event) => rules.put_event(&event).await.map_err(|error| {
                    let fault = fault::of(error);
                    (fault.code, fault.message.into_owned())
                }),
            };
            entries.push(match put {
                Ok(id) => PutEventsResultEntry {
                    event_id: Some(id),
                    ..PutEventsResultEntry::default()
                },
                Err((code, text)) => {
                    failed += 1;
                    PutEventsResultEntry {
                        event_id: None,
                        error_code: Some(code.to_owned()),
                        error_message: Some(text),
                    }
                }
            });
        }
        Ok(PutEventsResponse {
            failed_entry_count: Some(failed),
            entries: Some(entries),
        })
    }
}

impl Act<Rules> for TestEventPatternRequest {
    type Output = TestEventPatternResponse;
    const ACTION: &'static str = "events:TestEventPattern";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![rules.on_all()]
    }

    async fn act(self, _rules: &Arc<Rules>, _ctx: &Ctx) -> Result<TestEventPatternResponse, Fault> {
        let pattern: Pattern = self
            .event_pattern
            .parse()
            .map_err(|why| fault::pattern(&why))?;
        let event: Value = serde_json::from_str(&self.event)
            .map_err(|_| fault::invalid("Parameter Event is not valid. Reason: it is no JSON."))?;
        Ok(TestEventPatternResponse {
            result: Some(pattern.matches(&event)),
        })
    }
}
