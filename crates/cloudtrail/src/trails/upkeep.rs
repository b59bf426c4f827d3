//! What is done once a second beside the calls: making records survive a power loss, letting old ones go, and saying
//! what was lost.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::Timestamp;
use serde_json::json;
use tokio::sync::watch;

use super::heads::{self, Heads};
use super::{Error, Trails};
use crate::engine::{Event, Trail};
use crate::spool::Stream;

/// How often it is done. Chosen: so much may be lost by a power loss.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// How long data records that every trail has are kept for searches. Chosen.
const DATA_KEEP: Duration = Duration::from_secs(86_400);

/// How often the count of records that were not kept becomes a record. Chosen.
const UNPROVEN_EVERY_TICKS: u32 = 60;

impl Trails {
    /// Does it every second, and once more at the end.
    pub async fn keep_up(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut tick = 0u32;
        loop {
            let is_stopping = tokio::select! {
                () = tokio::time::sleep(EVERY) => false,
                _ = stop.wait_for(|is_stopping| *is_stopping) => true,
            };
            tick = tick.wrapping_add(1);
            let trails = Arc::clone(&self);
            let is_minute = is_stopping || tick.is_multiple_of(UNPROVEN_EVERY_TICKS);
            let done = tokio::task::spawn_blocking(move || {
                if is_minute {
                    trails.say_unproven();
                }
                trails.upkeep()
            });
            match done.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(error = shown(&error), "the trail's upkeep failed");
                }
                Err(error) => tracing::error!(%error, "the trail's upkeep failed"),
            }
            if is_stopping {
                return;
            }
        }
    }

    /// One round. Blocks on the disk.
    ///
    /// # Errors
    /// When the disk refuses; the next round tries again.
    pub fn upkeep(&self) -> Result<(), Error> {
        self.say_unkept();
        self.say_dropped()?;
        let now = self.now();
        let keep = self.parts.options.keep;
        for (stream, keep) in [(Stream::Management, keep), (Stream::Data, DATA_KEEP)] {
            let not_wanted = self.first_wanted(stream);
            let spool = self.spools.of(stream);
            spool
                .trim(now.minus(keep), not_wanted)
                .map_err(Error::NotWritten)?;
        }
        self.sync()
    }

    /// Makes all records so far survive a power loss, and keeps the heads that say so.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&self) -> Result<(), Error> {
        let (management, data) = (&self.spools.management, &self.spools.data);
        let current = Heads {
            management: management.head(),
            data: data.head(),
        };
        if *self.kept.lock() == Some(current) {
            return Ok(());
        }
        let synced = Heads {
            management: management.sync().map_err(Error::NotWritten)?,
            data: data.sync().map_err(Error::NotWritten)?,
        };
        heads::write(&*self.parts.disk, &self.parts.master, &synced).map_err(Error::NotWritten)?;
        *self.kept.lock() = Some(synced);
        for stream in Stream::ALL {
            let spool = self.spools.of(stream);
            spool
                .remove_left(synced.of(stream))
                .map_err(Error::NotWritten)?;
        }
        self.history
            .write_full(&synced.management)
            .map_err(Error::NotWritten)
    }

    /// The number of the first record of `stream` that some trail still has to deliver.
    fn first_wanted(&self, stream: Stream) -> u64 {
        let state = self.state();
        let wanted = state.all().filter_map(|trail| {
            let is_planned = trail
                .file
                .as_ref()
                .is_some_and(|plan| plan.stream() == stream);
            let waits = self.waiting.of(stream, trail.slot).oldest.is_some();
            let is_active = trail.is_logging || trail.is_closing;
            (is_active && (is_planned || waits)).then(|| trail.delivered.of(stream))
        });
        wanted.min().unwrap_or(u64::MAX)
    }

    /// Records that could not be kept become a record, once there is room.
    fn say_unkept(&self) {
        self.say_count(&self.unkept, "TrailRecordsLost");
    }

    /// Calls without a proven caller that were too many to keep become one record.
    fn say_unproven(&self) {
        self.say_count(&self.unproven, "TrailUnprovenCallsNotRecorded");
    }

    fn say_count(&self, of: &AtomicU64, name: &'static str) {
        let count = of.load(Ordering::Relaxed);
        if count > 0 && self.note(name, &json!({ "count": count })).is_ok() {
            tracing::warn!(count, name, "the trail has no record of some calls");
            of.fetch_sub(count, Ordering::Relaxed);
        }
    }

    /// Records that went from a spool although a trail wanted them are said to be lost to it.
    fn say_dropped(&self) -> Result<(), Error> {
        let dropped = std::mem::take(&mut *self.dropped.lock());
        for (stream, range) in dropped {
            let lost = self.lost(stream, &range);
            if lost.is_empty() {
                continue;
            }
            let (first, last) = (range.start, range.end.saturating_sub(1));
            let names: Vec<&str> = lost.iter().map(|(trail, _)| trail.name.as_str()).collect();
            let stream_name = stream.as_str();
            tracing::error!(stream = stream_name, first, last, trails = ?names, "records went before they were delivered: the spool is full");
            let details =
                json!({ "stream": stream_name, "first": first, "last": last, "trails": names });
            self.note("TrailRecordsDropped", &details)
                .map_err(Error::NotWritten)?;
            let events = lost.iter().map(|(trail, records)| Event::Lost {
                id: trail.id,
                records: *records,
            });
            let events: Vec<Event> = events.collect();
            self.change(|_| Ok(((), events)))?;
            self.count_waiting()?;
        }
        Ok(())
    }

    /// The trails that still wanted some of the records that are gone, with how many at most.
    fn lost(&self, stream: Stream, gone: &Range<u64>) -> Vec<(Trail, u64)> {
        let state = self.state();
        let of = |trail: &Trail| {
            let waits = self.waiting.of(stream, trail.slot).oldest.is_some();
            let left = gone
                .end
                .saturating_sub(gone.start.max(trail.delivered.of(stream)));
            (waits && left > 0).then(|| (trail.clone(), left))
        };
        state.all().filter_map(of).collect()
    }

    /// How long ago `at` was.
    pub(super) fn since(&self, at: Timestamp) -> Duration {
        self.now().since(at)
    }
}

/// An error with its sources.
pub(crate) fn shown(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
