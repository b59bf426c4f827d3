//! Taking records.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use api::{Kept, RequestId};
use base::Timestamp;
use serde_json::Value;

use super::{Ending, Trails};
use crate::engine::selector::Facets;
use crate::engine::{Selectors, State, Trail};
use crate::record::{self, Attributes, Place, facts};
use crate::seen::{Class, Origin, Seen, Way, Who};
use crate::spool::{New, Slots, Stream};

/// What the trails want, as it is asked for each call.
#[derive(Debug, Default)]
pub(super) struct Selection {
    logging: Vec<Logging>,
    wants_data: bool,
}

#[derive(Debug)]
struct Logging {
    slot: u8,
    selectors: Selectors,
    wants_global: bool,
}

impl Logging {
    fn of(trail: &Trail, place: &Place) -> Self {
        let settings = &trail.settings;
        let is_leader = place.region.as_str() == facts::GLOBAL_REGION;
        Self {
            slot: trail.slot,
            selectors: trail.selectors().into_owned(),
            // Source: CreateTrail, IncludeGlobalServiceEvents.
            wants_global: settings.global && (settings.multi_region || is_leader),
        }
    }

    fn wants(&self, event: &Facets<'_>, is_global: bool) -> bool {
        (self.wants_global || !is_global) && self.selectors.want(event)
    }
}

impl Selection {
    pub(super) fn of(state: &State, place: &Place) -> Self {
        let logging: Vec<Logging> = state
            .trails
            .iter()
            .filter(|trail| trail.is_logging)
            .map(|trail| Logging::of(trail, place))
            .collect();
        Self {
            wants_data: logging.iter().any(|it| it.selectors.want_data()),
            logging,
        }
    }

    fn wanted(&self, event: &Facets<'_>, is_global: bool) -> Slots {
        self.logging
            .iter()
            .filter(|it| it.wants(event, is_global))
            .fold(Slots::NONE, |slots, it| slots.with(it.slot))
    }
}

impl Trails {
    /// Whether calls of this class may become records at all.
    #[must_use]
    pub fn wants(&self, class: Class) -> bool {
        class == Class::Management || self.selection.read().wants_data
    }

    /// Takes the record of a call. It is with the operating system when what this returns resolves or is dropped, unless
    /// it is a data call that no trail wants.
    pub fn record(self: &Arc<Self>, seen: &Seen<'_>) -> Kept {
        let event = facets(seen);
        let is_global = facts::is_global(seen.service);
        let mut wanted = Arc::clone(&self.selection.read()).wanted(&event, is_global);
        let ending = self.ended_by(seen);
        if let Some(ending) = ending {
            wanted = self.with_ended(wanted, ending, &event, is_global);
        }
        if seen.class == Class::Data && wanted.is_empty() {
            return Kept::NOW;
        }
        if seen.identity.who == Who::Unknown
            && !self.unproven_throttle.take(self.parts.clock.monotonic())
        {
            self.unproven.fetch_add(1, Ordering::Relaxed);
            return Kept::NOW;
        }
        let at = self.now();
        let record = record::event(&self.parts.place, at, &RequestId::next().text(), seen);
        if seen.class == Class::Data {
            return Kept::once(self.gather(New { at, wanted, record }));
        }
        if let Err(error) = self.keep_record(at, wanted, record) {
            self.count_unkept(Stream::Management, 1, &error);
        }
        if ending.is_some() {
            // Only now may the trail find that it has everything, and data records that it wants are on their way.
            self.write_gathered();
            self.ending.lock().remove(seen.request_id);
            self.wake.notify_one();
        }
        Kept::NOW
    }

    /// Takes the record of something that the trail itself did or found. All trails take it that take management records.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn note(&self, name: &str, details: &Value) -> io::Result<()> {
        let at = self.now();
        let event = Facets {
            class: Class::Management,
            source: "cloudtrail.amazonaws.com".into(),
            name,
            kind: "AwsServiceEvent",
            is_read_only: false,
            user: "",
            is_signed_in: false,
            resources: Vec::new(),
        };
        let wanted = Arc::clone(&self.selection.read()).wanted(&event, false);
        let id = RequestId::next().text();
        let record = record::service_event(&self.parts.place, at, &id, name, details);
        self.keep_record(at, wanted, record)
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn count_unkept(&self, stream: Stream, count: usize, error: &io::Error) {
        let counted = [("stream", stream.as_str())];
        self.parts
            .metrics
            .add("shukuba", "trail_records_lost", &counted, count as f64);
        if self.unkept.fetch_add(count as u64, Ordering::Relaxed) == 0 {
            tracing::error!(%error, "a record of the trail cannot be kept");
        }
    }

    /// Keeps a management record, by which it can be looked up.
    fn keep_record(&self, at: Timestamp, wanted: Slots, record: Vec<u8>) -> io::Result<()> {
        let bytes = record.len();
        let attributes = Attributes::of(&record).ok();
        let stream = Stream::Management;
        let appended = self.spools.of(stream).append(at, wanted, record)?;
        self.waiting.add(stream, wanted, bytes, at);
        self.count_kept(stream, 1, appended.dropped.clone());
        if let Some(attributes) = attributes {
            self.history.add(&appended, at, &attributes);
        }
        self.wake_if_enough(stream, wanted);
        Ok(())
    }

    /// Keeps data records by as few writes as can be. Those that cannot be kept are counted.
    pub(super) fn keep_all(&self, records: &[New]) {
        let stream = Stream::Data;
        let done = self.spools.of(stream).append_all(records);
        let (kept, unkept) = records
            .split_at_checked(done.kept)
            .unwrap_or((records, &[]));
        for new in kept {
            self.waiting
                .add(stream, new.wanted, new.record.len(), new.at);
        }
        self.count_kept(stream, kept.len(), done.dropped);
        if let Some(error) = done.error {
            self.count_unkept(stream, unkept.len(), &error);
        }
        let wanted = kept.iter().map(|new| new.wanted);
        self.wake_if_enough(stream, wanted.fold(Slots::NONE, Slots::and));
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn count_kept(&self, stream: Stream, count: usize, dropped: Option<Range<u64>>) {
        let counted = [("stream", stream.as_str())];
        self.parts
            .metrics
            .add("shukuba", "trail_records", &counted, count as f64);
        if let Some(dropped) = dropped {
            self.dropped.lock().push((stream, dropped));
        }
    }

    /// Lets the trails in `wanted` deliver if one of them has enough for a file.
    fn wake_if_enough(&self, stream: Stream, wanted: Slots) {
        let file_bytes = self.parts.options.rules.file_bytes;
        let has_enough = |slot| self.waiting.of(stream, slot).bytes >= file_bytes;
        if wanted.each().any(has_enough) {
            self.wake.notify_one();
        }
    }

    /// The trail that this call ended, if it did.
    fn ended_by(&self, seen: &Seen<'_>) -> Option<Ending> {
        let may_end =
            seen.service == "cloudtrail" && matches!(seen.operation, "StopLogging" | "DeleteTrail");
        may_end.then(|| self.ending.lock().get(seen.request_id).copied())?
    }

    /// The record of the call that ended a trail is the last that it takes.
    fn with_ended(
        &self,
        wanted: Slots,
        ending: Ending,
        event: &Facets<'_>,
        is_global: bool,
    ) -> Slots {
        let state = self.state();
        let is_wanted =
            |trail: &Trail| Logging::of(trail, &self.parts.place).wants(event, is_global);
        match state.by_id(ending.trail).is_some_and(is_wanted) {
            true => wanted.with(ending.slot),
            false => wanted,
        }
    }
}

fn facets<'a>(seen: &Seen<'a>) -> Facets<'a> {
    let is_signed_in = seen
        .identity
        .session
        .is_some_and(|it| it.origin == Origin::SignIn);
    let named = |arn: &base::Arn| (facts::resource_type(arn), arn.text());
    Facets {
        class: seen.class,
        source: facts::event_source(seen.service),
        name: seen.operation,
        kind: match seen.way {
            Way::Call => "AwsApiCall",
            Way::SignIn => "AwsConsoleSignIn",
        },
        is_read_only: facts::is_read_only(seen.service, seen.operation),
        user: seen.identity.arn,
        is_signed_in,
        resources: seen.resources.iter().map(named).collect(),
    }
}
