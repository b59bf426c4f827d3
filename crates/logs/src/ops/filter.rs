//! FilterLogEvents, which `aws logs tail` asks too.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Access, Act, Audit, Caller, Ctx, Fault};
use wire::Shape;

use super::check::EVENTS_MAX;
use super::events::{PAGE_BYTES_MAX, find};
use super::group::long;
use super::{check, fault};
use crate::Logs;
use crate::event::Spot;
use crate::logs::{Named, Order, Refusal, Search};
use crate::pattern::Pattern;

/// Streams that a call may name, at most. Source: the service model.
const STREAMS_MAX: usize = 100;
/// Characters of a pattern, at most. Source: the service model.
const PATTERN_CHARS_MAX: usize = 1024;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct FilterLogEventsRequest {
    #[shape(name = "logGroupName")]
    group: Option<String>,
    #[shape(name = "logGroupIdentifier")]
    identifier: Option<String>,
    #[shape(name = "logStreamNames")]
    streams: Vec<String>,
    #[shape(name = "logStreamNamePrefix")]
    prefix: Option<String>,
    #[shape(name = "startTime")]
    start: Option<i64>,
    #[shape(name = "endTime")]
    end: Option<i64>,
    #[shape(name = "filterPattern")]
    pattern: Option<String>,
    #[shape(name = "nextToken")]
    next_token: Option<String>,
    #[shape(name = "limit")]
    limit: Option<i32>,
    #[shape(name = "startFromHead")]
    from_head: Option<bool>,
    /// As AWS does since 2019: events of streams are always interleaved.
    #[shape(ignored, name = "interleaved")]
    interleaved: Option<bool>,
    /// Nothing is masked.
    #[shape(ignored, name = "unmask")]
    unmask: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct FilterLogEventsResponse {
    #[shape(name = "events")]
    events: Option<Vec<FilteredLogEvent>>,
    #[shape(name = "searchedLogStreams")]
    searched: Option<Vec<SearchedLogStream>>,
    #[shape(name = "nextToken")]
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct FilteredLogEvent {
    #[shape(name = "logStreamName")]
    stream: Option<String>,
    #[shape(name = "timestamp")]
    timestamp: Option<i64>,
    #[shape(sensitive, name = "message")]
    message: Option<String>,
    #[shape(name = "ingestionTime")]
    put: Option<i64>,
    #[shape(name = "eventId")]
    id: Option<String>,
}

/// Nothing is said of streams, as on AWS since 2020.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct SearchedLogStream {
    #[shape(name = "logStreamName")]
    stream: Option<String>,
    #[shape(name = "searchedCompletely")]
    is_complete: Option<bool>,
}

impl FilteredLogEvent {
    fn shown((stream, event): Named) -> Self {
        Self {
            stream: Some(stream.as_ref().to_owned()),
            timestamp: Some(long(event.spot.millis())),
            message: Some(event.message),
            put: Some(long(event.put)),
            id: Some(event.spot.to_string()),
        }
    }
}

impl FilterLogEventsRequest {
    fn named(&self) -> Result<String, Fault> {
        check::named(self.group.as_deref(), self.identifier.as_deref())
    }

    /// The streams that are asked for, by number; `None` for all.
    fn wanted(&self, logs: &Logs, group: &str) -> Result<Option<BTreeSet<u64>>, Fault> {
        if !self.streams.is_empty() && self.prefix.is_some() {
            return Err(fault::invalid(
                "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.",
            ));
        }
        if self.streams.len() > STREAMS_MAX {
            return Err(fault::invalid(format!(
                "logStreamNames holds at most {STREAMS_MAX} names, and these are {}.",
                self.streams.len()
            )));
        }
        if self.streams.is_empty() && self.prefix.is_none() {
            return Ok(None);
        }
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let all = logs.streams(group, prefix).map_err(fault::of)?;
        let number = |wanted: &String| {
            let found = all.iter().find(|(name, _)| name == wanted);
            let (_, stream) = found.ok_or_else(|| fault::of(Refusal::NoStream.into()))?;
            Ok(stream.number)
        };
        let numbers = match self.prefix {
            Some(_) => all.iter().map(|(_, stream)| stream.number).collect(),
            None => self
                .streams
                .iter()
                .map(number)
                .collect::<Result<_, Fault>>()?,
        };
        Ok(Some(numbers))
    }

    fn pattern(&self) -> Result<Pattern, Fault> {
        let text = self.pattern.as_deref().unwrap_or_default();
        check::length("filterPattern", text, 0..=PATTERN_CHARS_MAX)?;
        Pattern::parse(text)
            .map_err(|error| fault::invalid(format!("Invalid filter pattern: {error}")))
    }

    /// Where to look, from which end.
    fn within(&self) -> Result<(Spot, Spot, Order), Fault> {
        let start = check::time("startTime", self.start)?;
        let end = check::time("endTime", self.end)?;
        let from = start.map_or(Spot::FIRST, Spot::at);
        // "Events with a timestamp later than this time are not returned."
        let to = end.map_or(Spot::LAST, |end| Spot::at(end.saturating_add(1)));
        Ok(match self.next_token.as_deref() {
            None if self.from_head == Some(false) => (from, to, Order::Backward),
            None => (from, to, Order::Forward),
            Some(token) => match check::spot_of_token(token)? {
                ('f', spot) => (from.max(spot), to, Order::Forward),
                (_, spot) => (from, to.min(spot), Order::Backward),
            },
        })
    }
}

impl Act<Logs> for FilterLogEventsRequest {
    type Output = FilterLogEventsResponse;
    const ACTION: &'static str = "logs:FilterLogEvents";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on(&self.named().unwrap_or_default(), "")]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<FilterLogEventsResponse, Fault> {
        let group = self.named()?;
        let events_max = check::limit(self.limit, EVENTS_MAX)?;
        let pattern = self.pattern()?;
        let (from, to, order) = self.within()?;
        let search = Search {
            streams: self.wanted(logs, &group)?,
            group,
            from,
            to,
            order,
            pattern,
            events_max,
            bytes_max: PAGE_BYTES_MAX,
        };
        let found = find(logs, search).await?;
        let direction = match order {
            Order::Forward => 'f',
            Order::Backward => 'b',
        };
        let rest = found.rest;
        Ok(FilterLogEventsResponse {
            events: Some(
                found
                    .events
                    .into_iter()
                    .map(FilteredLogEvent::shown)
                    .collect(),
            ),
            searched: Some(Vec::new()),
            next_token: rest.map(|spot| check::token_of_spot(direction, spot)),
        })
    }
}
