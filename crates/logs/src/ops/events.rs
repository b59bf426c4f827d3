//! PutLogEvents, GetLogEvents.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Access, Act, Audit, Caller, Ctx, Fault};
use wire::Shape;

use super::check::EVENTS_MAX;
use super::group::long;
use super::{check, fault};
use crate::Logs;
use crate::event::{Event, Spot, cost};
use crate::logs::{Found, New, Order, Refusal, Search};
use crate::pattern::Pattern;

/// Bytes of the events of one call, each with its overhead, at most. Source: API reference, PutLogEvents.
const BATCH_BYTES_MAX: u64 = 1_048_576;
/// Bytes of the events of a page, at most. Source: API reference, GetLogEvents, FilterLogEvents.
pub(super) const PAGE_BYTES_MAX: u64 = 1_048_576;
/// How far in the future an event may be, in milliseconds. Source: API reference, PutLogEvents.
const EARLY_MAX: u64 = 2 * 60 * 60 * 1000;
/// How far in the past. Source: the same.
const LATE_MAX: u64 = 14 * DAY;
/// How long the time may be that the events of one call span. Source: the same.
const DAY: u64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutLogEventsRequest {
    #[shape(required, name = "logGroupName")]
    group: String,
    #[shape(required, name = "logStreamName")]
    stream: String,
    #[shape(required, name = "logEvents")]
    events: Vec<InputLogEvent>,
    /// As AWS does since 2023.
    #[shape(ignored, name = "sequenceToken")]
    sequence_token: Option<String>,
    /// What the events are about; nothing here looks at it.
    #[shape(ignored, name = "entity")]
    entity: Option<Entity>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Entity {
    #[shape(name = "keyAttributes")]
    key_attributes: BTreeMap<String, String>,
    #[shape(name = "attributes")]
    attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct InputLogEvent {
    #[shape(required, name = "timestamp")]
    timestamp: i64,
    #[shape(required, sensitive, name = "message")]
    message: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutLogEventsResponse {
    #[shape(name = "nextSequenceToken")]
    next_sequence_token: Option<String>,
    #[shape(name = "rejectedLogEventsInfo")]
    rejected: Option<RejectedLogEventsInfo>,
    #[shape(name = "rejectedEntityInfo")]
    rejected_entity: Option<RejectedEntityInfo>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Shape)]
pub(super) struct RejectedLogEventsInfo {
    #[shape(name = "tooNewLogEventStartIndex")]
    too_new: Option<i32>,
    #[shape(name = "tooOldLogEventEndIndex")]
    too_old: Option<i32>,
    #[shape(name = "expiredLogEventEndIndex")]
    expired: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct RejectedEntityInfo {
    #[shape(required, name = "errorType")]
    error_type: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetLogEventsRequest {
    #[shape(name = "logGroupName")]
    group: Option<String>,
    #[shape(name = "logGroupIdentifier")]
    identifier: Option<String>,
    #[shape(required, name = "logStreamName")]
    stream: String,
    #[shape(name = "startTime")]
    start: Option<i64>,
    #[shape(name = "endTime")]
    end: Option<i64>,
    #[shape(name = "nextToken")]
    next_token: Option<String>,
    #[shape(name = "limit")]
    limit: Option<i32>,
    #[shape(name = "startFromHead")]
    from_head: Option<bool>,
    /// Nothing is masked.
    #[shape(ignored, name = "unmask")]
    unmask: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetLogEventsResponse {
    #[shape(name = "events")]
    events: Option<Vec<OutputLogEvent>>,
    #[shape(name = "nextForwardToken")]
    forward: Option<String>,
    #[shape(name = "nextBackwardToken")]
    backward: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct OutputLogEvent {
    #[shape(name = "timestamp")]
    timestamp: Option<i64>,
    #[shape(sensitive, name = "message")]
    message: Option<String>,
    #[shape(name = "ingestionTime")]
    put: Option<i64>,
}

/// Events that are taken, and what is said of the others.
#[derive(Debug, Default)]
struct Sifted {
    taken: Vec<New>,
    rejected: Option<RejectedLogEventsInfo>,
}

impl PutLogEventsRequest {
    /// The events as they may be put at all.
    fn checked(&self) -> Result<Vec<New>, Fault> {
        let count = self.events.len();
        let most = usize::try_from(EVENTS_MAX).unwrap_or(usize::MAX);
        if !(1..=most).contains(&count) {
            return Err(fault::invalid(format!(
                "logEvents holds 1 to {EVENTS_MAX} events, and these are {count}."
            )));
        }
        let bytes: u64 = self.events.iter().map(|it| cost(it.message.len())).sum();
        if bytes > BATCH_BYTES_MAX {
            return Err(fault::invalid(format!(
                "Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES_MAX}"
            )));
        }
        let mut all: Vec<New> = Vec::with_capacity(count);
        for event in &self.events {
            if event.message.is_empty() {
                let must = "Member must have length greater than or equal to 1";
                return Err(fault::constraint("logEvents.member.message", "", must));
            }
            let at = check::time("logEvents.member.timestamp", Some(event.timestamp))?;
            let at = at.unwrap_or_default();
            if all.last().is_some_and(|last| at < last.at) {
                return Err(fault::invalid(
                    "Log events in a single PutLogEvents request must be in chronological order.",
                ));
            }
            all.push(New {
                at,
                message: event.message.clone(),
            });
        }
        Ok(all)
    }
}

/// Which events are neither too new nor too old. They are in order.
fn sift(all: Vec<New>, now: u64, kept_from: u64) -> Result<Sifted, Fault> {
    let end = |before: u64| all.partition_point(|event| event.at < before);
    let (too_old, expired) = (end(now.saturating_sub(LATE_MAX)), end(kept_from));
    let too_new = end(now + EARLY_MAX + 1);
    let index = |index: usize| i32::try_from(index).ok();
    let rejected = RejectedLogEventsInfo {
        too_new: (too_new < all.len()).then(|| index(too_new)).flatten(),
        too_old: (too_old > 0).then(|| index(too_old)).flatten(),
        expired: (expired > too_old).then(|| index(expired)).flatten(),
    };
    let from = too_old.max(expired);
    let taken: Vec<New> = all.into_iter().take(too_new).skip(from).collect();
    if let (Some(first), Some(last)) = (taken.first(), taken.last())
        && last.at - first.at > DAY
    {
        return Err(fault::invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    let is_any = rejected != RejectedLogEventsInfo::default();
    Ok(Sifted {
        taken,
        rejected: is_any.then_some(rejected),
    })
}

impl Act<Logs> for PutLogEventsRequest {
    type Output = PutLogEventsResponse;
    const ACTION: &'static str = "logs:PutLogEvents";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on(&self.group, &self.stream)]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<PutLogEventsResponse, Fault> {
        check::group("logGroupName", &self.group)?;
        check::stream("logStreamName", &self.stream)?;
        let all = self.checked()?;
        let group = logs.group(&self.group).map_err(fault::of)?;
        let now = logs.now();
        let sifted = sift(all, now.as_millis(), group.kept_from(now))?;
        // Even where nothing is taken, so that one that is not there is told of.
        let put = logs.put(&self.group, &self.stream, sifted.taken).await;
        put.map_err(fault::of)?;
        Ok(PutLogEventsResponse {
            // Clients of old send it with the next call, where it is ignored.
            next_sequence_token: Some(format!("{:056}", now.as_millis())),
            rejected: sifted.rejected,
            rejected_entity: None,
        })
    }
}

/// Runs a search where blocking is no harm.
pub(super) async fn find(logs: &Arc<Logs>, search: Search) -> Result<Found, Fault> {
    let logs = logs.clone();
    let found = tokio::task::spawn_blocking(move || logs.search(&search)).await;
    found
        .map_err(|error| {
            tracing::error!(%error, "a search of log events broke");
            Fault::internal()
        })?
        .map_err(fault::of)
}

impl GetLogEventsRequest {
    fn named(&self) -> Result<String, Fault> {
        check::named(self.group.as_deref(), self.identifier.as_deref())
    }

    /// Where to look: what the token says stands over where nothing was read yet.
    fn within(&self) -> Result<(Spot, Spot, Order), Fault> {
        let start = check::time("startTime", self.start)?;
        let end = check::time("endTime", self.end)?;
        let from = start.map_or(Spot::FIRST, Spot::at);
        // "Events with a timestamp equal to or later than this time are not included."
        let to = end.map_or(Spot::LAST, Spot::at);
        Ok(match self.next_token.as_deref() {
            None if self.from_head == Some(true) => (from, to, Order::Forward),
            None => (from, to, Order::Backward),
            Some(token) => match check::spot_of_token(token)? {
                ('f', spot) => (from.max(spot), to, Order::Forward),
                (_, spot) => (from, to.min(spot), Order::Backward),
            },
        })
    }
}

/// The tokens of the pages behind and before what was found: `f/` and a place to read from on, `b/` and one to read until.
fn tokens(found: &Found, from: Spot, to: Spot, order: Order) -> (Spot, Spot) {
    let spots = || found.events.iter().map(|(_, event)| event.spot);
    let (first, last) = (spots().min(), spots().max());
    match order {
        // Nothing new: the token that came goes back, which tells that this is the end.
        Order::Forward => {
            let end = last.map_or(from, Spot::after);
            (found.rest.unwrap_or(end), first.unwrap_or(from))
        }
        Order::Backward => {
            let end = first.unwrap_or(to);
            let forward = match to {
                // What comes later than now is what is asked for next.
                Spot::LAST => last.map_or(from, Spot::after),
                to => last.map_or(to, Spot::after),
            };
            (forward, found.rest.unwrap_or(end))
        }
    }
}

impl Act<Logs> for GetLogEventsRequest {
    type Output = GetLogEventsResponse;
    const ACTION: &'static str = "logs:GetLogEvents";
    const AUDIT: Audit = Audit::Data;

    fn touches(&self, logs: &Logs, _caller: &Caller) -> Vec<Access> {
        vec![logs.on(&self.named().unwrap_or_default(), &self.stream)]
    }

    async fn act(self, logs: &Arc<Logs>, _ctx: &Ctx) -> Result<GetLogEventsResponse, Fault> {
        let group = self.named()?;
        check::stream("logStreamName", &self.stream)?;
        let events_max = check::limit(self.limit, EVENTS_MAX)?;
        let (from, to, order) = self.within()?;
        let streams = logs.streams(&group, &self.stream).map_err(fault::of)?;
        let stream = streams.iter().find(|(name, _)| *name == self.stream);
        let (_, stream) = stream.ok_or_else(|| fault::of(Refusal::NoStream.into()))?;
        // Events of one stream lie between its first and its last.
        let put = stream.put.map_or((0, 0), |put| (put.first, put.last));
        let search = Search {
            group,
            streams: Some(BTreeSet::from([stream.number])),
            from: from.max(Spot::at(put.0)),
            to: to.min(Spot::new(put.1, u64::MAX)),
            order,
            pattern: Pattern::default(),
            events_max,
            bytes_max: PAGE_BYTES_MAX,
        };
        let mut found = find(logs, search).await?;
        let (forward, backward) = tokens(&found, from, to, order);
        found.events.sort_by_key(|(_, event)| event.spot);
        let shown = found.events.into_iter().map(|(_, event)| shown(event));
        Ok(GetLogEventsResponse {
            events: Some(shown.collect()),
            forward: Some(check::token_of_spot('f', forward)),
            backward: Some(check::token_of_spot('b', backward)),
        })
    }
}

fn shown(event: Event) -> OutputLogEvent {
    OutputLogEvent {
        timestamp: Some(long(event.spot.millis())),
        message: Some(event.message),
        put: Some(long(event.put)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn sifted(times: &[i64], kept_from: u64) -> Result<(usize, RejectedLogEventsInfo), Fault> {
        let new = |at: &i64| New {
            at: NOW.saturating_add_signed(*at),
            message: "x".to_owned(),
        };
        let sifted = sift(times.iter().map(new).collect(), NOW, kept_from)?;
        Ok((sifted.taken.len(), sifted.rejected.unwrap_or_default()))
    }

    #[test]
    fn what_is_too_new_or_too_old_is_rejected_and_the_rest_taken() {
        let (old, new) = (-14 * 86_400_000, 2 * 3_600_000);
        let none = RejectedLogEventsInfo::default();
        assert_eq!(sifted(&[-1, 0, new], 0).unwrap(), (3, none));
        let (taken, rejected) = sifted(&[old - 2, old - 1, -1, 0, new + 1], 0).unwrap();
        assert_eq!(
            (taken, rejected.too_old, rejected.too_new),
            (2, Some(2), Some(4))
        );
        let (taken, rejected) = sifted(&[-100, -50, -1], NOW - 50).unwrap();
        assert_eq!((taken, rejected.expired), (2, Some(1)));
        let (taken, rejected) = sifted(&[old - 1, old + 1, -1], NOW - 50).unwrap();
        assert_eq!(
            (taken, rejected.too_old, rejected.expired),
            (1, Some(1), Some(2))
        );
        assert!(sifted(&[-86_400_001, 0], 0).is_err());
        assert!(sifted(&[-86_400_000, 0], 0).is_ok());
    }
}
