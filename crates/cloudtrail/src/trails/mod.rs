//! The trail of an account: spools, history and trails together, and what runs in the background.
//!
//! INVARIANT: a record is handed to the operating system before what [`Trails::record`] returns resolves; nothing of it waits for a
//! bucket. What could not be kept or had to go undelivered is counted, logged, and becomes a record itself.
//!
//! - [`mod@record`]: taking records; [`group`]: those that are written together
//! - [`upkeep`]: syncing, letting go, saying what was lost
//! - [`deliver`]: log files and digests into buckets; [`file`]: what a log file is made of
//! - [`heads`]: how far the spools go
//! - [`waiting`]: what waits for each trail

mod deliver;
mod file;
mod group;
pub mod heads;
mod record;
#[cfg(test)]
pub(crate) mod simulation;
mod throttle;
mod upkeep;
mod waiting;

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use base::{Clock, MetricSink, Timestamp};
use parking_lot::{Mutex, RwLock};
use serde_json::json;
use store::disk::Disk;
use store::seal::MasterKey;
use tokio::sync::Notify;

use crate::bucket;
use crate::engine::state::{Delivered, FilePlan};
use crate::engine::{self, Event, Rules, State, TrailId, event};
use crate::history::History;
use crate::ledger::{Ledger, LedgerError};
use crate::record::Place;
use crate::spool::{self, Opened, ReadError, SEGMENT_BYTES, Spool, Stream};
use file::Made;
use group::Gathering;
use heads::{Heads, Kept};
use record::Selection;
use throttle::Throttle;
pub(crate) use upkeep::shown;
use waiting::Waiting;

/// What may be set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The length of a spool's file.
    pub segment_bytes: u64,
    /// The most bytes of management records that are kept.
    pub history_bytes: u64,
    /// The most bytes of data records that are kept.
    pub data_bytes: u64,
    /// How long management records are kept and can be looked up.
    pub keep: Duration,
    /// How often is delivered.
    pub rules: Rules,
    /// How many lookups a second are answered; the rest is told to come later.
    pub lookups_per_second: f64,
}

impl Default for Options {
    /// The days and the rate of lookups by AWS; sizes are chosen: some five million management records.
    fn default() -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES,
            history_bytes: 4 << 30,
            data_bytes: 1 << 30,
            keep: Duration::from_secs(90 * 86_400),
            rules: Rules::default(),
            lookups_per_second: 2.0,
        }
    }
}

/// Records of calls whose signature was not taken: at first so many, then so many a second. Chosen: a stranger must not
/// be able to push out the history of those who are known. The rest is counted, and the count becomes a record.
const UNPROVEN_AT_ONCE: f64 = 1000.0;
/// See [`UNPROVEN_AT_ONCE`].
const UNPROVEN_PER_SECOND: f64 = 1.0;

/// What the trail is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Account and region.
    pub place: Place,
    /// A directory of its own.
    pub disk: Arc<dyn Disk>,
    /// Seals the keys that sign digests, and the heads.
    pub master: Arc<MasterKey>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where counts go.
    pub metrics: Arc<dyn MetricSink>,
    /// What may be set.
    pub options: Options,
}

/// The trail of an account.
#[derive(Debug)]
pub struct Trails {
    parts: Parts,
    spools: Spools,
    history: History,
    book: Mutex<Ledger>,
    state: RwLock<Arc<State>>,
    selection: RwLock<Arc<Selection>>,
    waiting: Waiting,
    gathering: Gathering,
    /// Trails that end with a call whose own record is still to come, by the id of that call.
    ending: Mutex<HashMap<String, Ending>>,
    /// Records that had to go from a spool.
    dropped: Mutex<Vec<(Stream, Range<u64>)>>,
    /// Records that could not be kept.
    unkept: AtomicU64,
    /// Records of calls without a proven caller that were too many to keep.
    unproven: AtomicU64,
    unproven_throttle: Throttle,
    lookups: Throttle,
    /// What was kept of the heads last.
    kept: Mutex<Option<Heads>>,
    wake: Notify,
    retries: Mutex<HashMap<TrailId, deliver::Retry>>,
    /// The log file that was made for the last plan, until it is put. Where there is none, it is made again.
    made: Mutex<Option<(FilePlan, Made)>>,
}

/// A trail that ends with a call.
#[derive(Clone, Copy, Debug)]
struct Ending {
    trail: TrailId,
    slot: u8,
    since: Timestamp,
}

/// Both spools.
#[derive(Clone, Debug)]
struct Spools {
    management: Arc<Spool>,
    data: Arc<Spool>,
}

impl Spools {
    const fn of(&self, stream: Stream) -> &Arc<Spool> {
        match stream {
            Stream::Management => &self.management,
            Stream::Data => &self.data,
        }
    }
}

/// Why the trail does not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for is not right.
    #[error(transparent)]
    Refused(#[from] engine::Error),
    /// The bucket is not there or does not let the trail in.
    #[error(transparent)]
    Bucket(#[from] bucket::Error),
    /// It cannot be written down.
    #[error("the trails' book cannot be written")]
    NotWritten(#[source] io::Error),
    /// A spool cannot be read.
    #[error("the spool cannot be read")]
    NotRead(#[from] ReadError),
    /// A key for digests is missing.
    #[error("there is no key to sign digests with")]
    NoKey(#[from] crate::digest::Problem),
    /// The work was stopped.
    #[error("the work was stopped")]
    Stopped,
}

/// Why the trail does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file cannot be used.
    #[error("the trail's files cannot be used")]
    Disk(#[from] io::Error),
    /// The trails' book does not open.
    #[error("the trails' book does not open")]
    Book(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A spool cannot be read.
    #[error("the spool cannot be read")]
    Spool(#[from] ReadError),
}

impl From<LedgerError> for OpenError {
    fn from(error: LedgerError) -> Self {
        Self::Book(Box::new(error))
    }
}

impl Trails {
    /// Opens the trail. What was found wrong is logged and becomes a record.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn open(parts: Parts) -> Result<Arc<Self>, OpenError> {
        let disk = Arc::clone(&parts.disk);
        let kept = heads::read(&*disk, &parts.master)?;
        let known = match kept {
            Kept::Heads(heads) => Some(heads),
            Kept::None | Kept::Changed => None,
        };
        let open = |stream: Stream, bytes_max: u64| {
            let options = spool::Options {
                segment_bytes: parts.options.segment_bytes,
                bytes_max,
            };
            let head = known.as_ref().map(|heads| *heads.of(stream));
            Spool::open(Arc::clone(&disk), stream, options, head.as_ref())
        };
        let (management, opened) = open(Stream::Management, parts.options.history_bytes)?;
        let (data, data_opened) = open(Stream::Data, parts.options.data_bytes)?;
        let history = History::open(Arc::clone(&disk), Arc::clone(&management))?;
        let (book, state, torn) = Ledger::open(disk)?;
        if torn > 0 {
            tracing::warn!(
                bytes = torn,
                "the end of the trails' book was torn and is cut off"
            );
        }
        let trails = Arc::new(Self {
            spools: Spools { management, data },
            history,
            book: Mutex::new(book),
            selection: RwLock::new(Arc::new(Selection::of(&state, &parts.place))),
            state: RwLock::new(Arc::new(state)),
            waiting: Waiting::default(),
            gathering: Gathering::default(),
            ending: Mutex::default(),
            dropped: Mutex::default(),
            unkept: AtomicU64::new(0),
            unproven: AtomicU64::new(0),
            unproven_throttle: Throttle::new(UNPROVEN_PER_SECOND, UNPROVEN_AT_ONCE),
            lookups: Throttle::new(
                parts.options.lookups_per_second,
                parts.options.lookups_per_second.max(1.0),
            ),
            kept: Mutex::new(known),
            wake: Notify::new(),
            retries: Mutex::default(),
            made: Mutex::default(),
            parts,
        });
        trails.count_waiting()?;
        let has_records = Stream::ALL
            .iter()
            .any(|stream| trails.spool(*stream).head().next > 1);
        let is_untrue = kept == Kept::Changed || (kept == Kept::None && has_records);
        trails.say_found(is_untrue, [&opened, &data_opened]);
        if let Err(error) = trails.sync() {
            tracing::error!(error = upkeep::shown(&error), "the trail cannot be synced");
        }
        Ok(trails)
    }

    /// Account and region.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.parts.place
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// What is known of the trails now.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read())
    }

    /// The event history.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// How long records can be looked up.
    #[must_use]
    pub const fn keep(&self) -> Duration {
        self.parts.options.keep
    }

    /// How often is delivered.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.parts.options.rules
    }

    /// The heads as they are kept on the disk; `None` where there are none or they were changed.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn kept_heads(&self) -> io::Result<Option<Heads>> {
        match heads::read(&*self.parts.disk, &self.parts.master)? {
            Kept::Heads(heads) => Ok(Some(heads)),
            Kept::None | Kept::Changed => Ok(None),
        }
    }

    /// Whether a lookup may be answered now.
    #[must_use]
    pub fn may_look_up(&self) -> bool {
        self.lookups.take(self.parts.clock.monotonic())
    }

    /// The spool of `stream`.
    #[must_use]
    pub const fn spool(&self, stream: Stream) -> &Arc<Spool> {
        self.spools.of(stream)
    }

    /// The master key.
    pub(crate) fn master(&self) -> &MasterKey {
        &self.parts.master
    }

    /// The numbers of the next records.
    pub(crate) fn next_records(&self) -> Delivered {
        Delivered {
            management: self.spools.management.head().next,
            data: self.spools.data.head().next,
        }
    }

    /// Decides, writes down what follows, and applies it. Blocks until the disk has it.
    ///
    /// # Errors
    /// What `decide` refuses, or when it cannot be written down.
    pub fn change<R>(
        &self,
        decide: impl FnOnce(&State) -> Result<(R, Vec<Event>), engine::Error>,
    ) -> Result<R, Error> {
        let mut book = self.book.lock();
        let before = self.state();
        let (answer, events) = decide(&before)?;
        if events.is_empty() {
            return Ok(answer);
        }
        let mut after = State::clone(&before);
        events.iter().for_each(|it| event::apply(&mut after, it));
        book.write(&events, &after).map_err(Error::NotWritten)?;
        *self.selection.write() = Arc::new(Selection::of(&after, &self.parts.place));
        *self.state.write() = Arc::new(after);
        drop(book);
        self.wake.notify_one();
        Ok(answer)
    }

    /// As [`Trails::change`], for what ends trails by the call `request_id`, whose own record each of them still takes.
    ///
    /// # Errors
    /// As [`Trails::change`].
    pub fn end_by_call(
        &self,
        request_id: &str,
        decide: impl FnOnce(&State) -> Result<Vec<Event>, engine::Error>,
    ) -> Result<(), Error> {
        let since = self.now();
        let register = |state: &State, events: &[Event]| {
            let stopped = events.iter().find_map(|event| match event {
                Event::Stopped { id, .. } => state.by_id(*id),
                _ => None,
            });
            if let Some(trail) = stopped {
                let ending = Ending {
                    trail: trail.id,
                    slot: trail.slot,
                    since,
                };
                self.ending.lock().insert(request_id.to_owned(), ending);
            }
        };
        let ended = self.change(|state| {
            let events = decide(state)?;
            register(state, &events);
            Ok(((), events))
        });
        if ended.is_err() {
            self.ending.lock().remove(request_id);
        }
        ended
    }

    /// Counts what waits for the trails, from how far each has delivered.
    fn count_waiting(&self) -> Result<(), ReadError> {
        let state = self.state();
        for stream in Stream::ALL {
            let active = || {
                state
                    .all()
                    .filter(|trail| trail.is_logging || trail.is_closing)
            };
            for trail in active() {
                self.waiting
                    .set(stream, trail.slot, engine::Backlog::default());
            }
            let Some(from) = active().map(|trail| trail.delivered.of(stream)).min() else {
                continue;
            };
            let mut reader = self.spools.of(stream).reader(from);
            while let Some(frame) = deliver::next_whole(&mut reader)? {
                let mut wanted = spool::Slots::NONE;
                for trail in active() {
                    let is_left = frame.number >= trail.delivered.of(stream);
                    if is_left && frame.wanted.has(trail.slot) {
                        wanted = wanted.with(trail.slot);
                    }
                }
                self.waiting
                    .add(stream, wanted, frame.record.len(), frame.at);
            }
        }
        Ok(())
    }

    fn say_found(&self, are_heads_changed: bool, opened: [&Opened; 2]) {
        if are_heads_changed {
            tracing::error!("what was kept of the trail's heads is missing or was changed");
            self.note_found("TrailHeadsChanged", &json!({}));
        }
        for (stream, opened) in Stream::ALL.into_iter().zip(opened) {
            let stream = stream.as_str();
            if opened.torn_bytes > 0 {
                let bytes = opened.torn_bytes;
                tracing::warn!(
                    stream,
                    bytes,
                    "the end of the trail was torn and is cut off"
                );
                self.note_found(
                    "TrailTornTailCut",
                    &json!({ "stream": stream, "bytes": bytes }),
                );
            }
            if let Some(missing) = &opened.missing {
                let (first, last) = (missing.start, missing.end.saturating_sub(1));
                tracing::error!(stream, first, last, "records of the trail are missing");
                let details = json!({ "stream": stream, "first": first, "last": last });
                self.note_found("TrailRecordsMissing", &details);
            }
        }
    }

    fn note_found(&self, name: &str, details: &serde_json::Value) {
        if let Err(error) = self.note(name, details) {
            tracing::error!(%error, name, "what was found of the trail cannot be recorded");
        }
    }
}
