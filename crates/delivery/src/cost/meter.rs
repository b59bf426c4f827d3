//! What a server did that its ledger does not know: kept by the hour, durable, compact.
//!
//! Whoever did something adds it ([`Meter::add`]), which is cheap. Every [`FLUSH_EVERY`] what was added goes into the tables,
//! each row in one change that reads and writes it: what a kill loses is what was not flushed, and nothing counts twice.
//!
//! Hours are kept for [`HOURS_KEPT`], then days for [`DAYS_KEPT`].

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::tables::{Changes, Table, Tables, View};

/// How often what was added is kept. Chosen: what a kill may lose.
pub const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// Rows that wait for a flush at most; what comes then is added to [`OTHER`]. Chosen: as many series as a process counts.
pub const WAITING_MAX: usize = 10_000;
/// Who has no row of its own.
pub const OTHER: &str = "(other)";
/// How long hours are kept apart.
pub const HOURS_KEPT: u32 = 15 * 24;
/// How long days are kept.
pub const DAYS_KEPT: u32 = 400;

const ROWS: Table = "cost-meter";
/// Its tables.
pub const TABLES: &[Table] = &[ROWS];

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// The notifiers of a route, for a destination.
    Destination {
        /// The route.
        route: String,
        /// The destination.
        destination: String,
    },
    /// A route.
    Route {
        /// Its name.
        route: String,
    },
    /// A function.
    Function {
        /// Its name.
        name: String,
    },
}

impl Who {
    fn other(&self) -> Self {
        let other = OTHER.to_owned();
        match self {
            Self::Destination { route, .. } => Self::Destination {
                route: route.clone(),
                destination: other,
            },
            Self::Route { .. } => Self::Route { route: other },
            Self::Function { .. } => Self::Function { name: other },
        }
    }
}

/// What was done in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Done {
    /// Sends that ended.
    pub attempts: u64,
    /// How long they took together, in milliseconds.
    pub send_ms: u64,
    /// Bytes of their requests.
    pub bytes_out: u64,
    /// How long notifiers ran, in milliseconds.
    pub notifier_ms: u64,
    /// Result objects that were written.
    pub objects: u64,
    /// Their bytes, with all that belongs to them.
    pub object_bytes: u64,
    /// Starts of a function.
    pub starts: u64,
    /// Milliseconds that are billed for it.
    pub billed_ms: u64,
    /// These times its memory: MiB-milliseconds.
    pub mib_ms: u64,
}

impl Done {
    fn fields(&mut self) -> [&mut u64; 9] {
        [
            &mut self.attempts,
            &mut self.send_ms,
            &mut self.bytes_out,
            &mut self.notifier_ms,
            &mut self.objects,
            &mut self.object_bytes,
            &mut self.starts,
            &mut self.billed_ms,
            &mut self.mib_ms,
        ]
    }

    /// Adds what another did.
    pub fn merge(&mut self, other: &Self) {
        let mut other = *other;
        for (into, from) in self.fields().into_iter().zip(other.fields()) {
            *into = into.saturating_add(*from);
        }
    }

    /// GB-seconds, as functions are billed.
    #[must_use]
    pub fn gb_secs(&self) -> f64 {
        super::float(self.mib_ms) / 1_024.0 / 1_000.0
    }
}

/// Why the meter is not kept or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tables fail.
    #[error("the meter cannot be read or kept")]
    Tables(#[from] store::tables::Error),
    /// They take no more changes.
    #[error("the meter is not kept any more")]
    Poisoned(#[from] store::Poisoned),
    /// A row is none.
    #[error("a row of the meter is not in form")]
    Row(#[from] serde_json::Error),
}

type Waiting = HashMap<(u32, Who), Done>;

/// Counts, and keeps what was counted.
#[derive(Debug)]
pub struct Meter {
    tables: Arc<Tables>,
    waiting: Mutex<Waiting>,
    /// The day that rows were last brought together on.
    rolled: Mutex<u32>,
}

impl Meter {
    /// Goes on in `tables`, which have [`TABLES`].
    #[must_use]
    pub fn new(tables: Arc<Tables>) -> Self {
        Self {
            tables,
            waiting: Mutex::default(),
            rolled: Mutex::default(),
        }
    }

    /// Counts what `who` did at `at`.
    pub fn add(&self, at: Timestamp, who: Who, done: &Done) {
        if *done == Done::default() {
            return;
        }
        let mut waiting = self.waiting.lock();
        let key = (hour_of(at), who);
        let has_room = waiting.len() < WAITING_MAX || waiting.contains_key(&key);
        let (hour, who) = key;
        let who = if has_room { who } else { who.other() };
        waiting.entry((hour, who)).or_default().merge(done);
    }

    /// Keeps what was counted.
    ///
    /// # Errors
    /// When it cannot be known whether it is kept: then it is not counted again.
    pub async fn flush(&self, now: Timestamp) -> Result<(), Error> {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        let today = hour_of(now) / 24;
        let rolls = std::mem::replace(&mut *self.rolled.lock(), today) != today;
        if waiting.is_empty() && !rolls {
            return Ok(());
        }
        let write = move |view: &View, changes: &mut Changes| {
            let mut rows = Rows {
                view,
                new: BTreeMap::new(),
            };
            for ((hour, who), done) in &waiting {
                rows.add(key(*hour, who)?, done)?;
            }
            if rolls {
                roll(&mut rows, changes, hour_of(now))?;
            }
            rows.write(changes)
        };
        self.tables.change(write).await?
    }

    /// What was done in the hours that begin at `from` or later, and before `to`, as far as it is kept.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub fn read(&self, from: Timestamp, to: Timestamp) -> Result<BTreeMap<Who, Done>, Error> {
        let from = from.as_secs().div_ceil(3600);
        let from = u32::try_from(from).unwrap_or(u32::MAX).to_be_bytes();
        let to = hour_of(to.plus(Duration::from_secs(3599))).to_be_bytes();
        let view = self.tables.view();
        let rows = view.range(ROWS, Bound::Included(&from), Bound::Excluded(&to));
        let mut all = BTreeMap::new();
        for row in rows {
            let (key, value) = row?;
            let who: Who = serde_json::from_slice(key.get(4..).unwrap_or_default())?;
            let done: Done = serde_json::from_slice(&value)?;
            all.entry(who).or_insert_with(Done::default).merge(&done);
        }
        Ok(all)
    }
}

fn hour_of(at: Timestamp) -> u32 {
    u32::try_from(at.as_secs() / 3600).unwrap_or(u32::MAX)
}

/// The hour, so that rows lie in the order of time, and who.
fn key(hour: u32, who: &Who) -> Result<Vec<u8>, Error> {
    let mut key = hour.to_be_bytes().to_vec();
    serde_json::to_writer(&mut key, who)?;
    Ok(key)
}

/// Rows that change.
struct Rows<'a> {
    view: &'a View,
    new: BTreeMap<Vec<u8>, Done>,
}

impl Rows<'_> {
    fn add(&mut self, key: Vec<u8>, done: &Done) -> Result<(), Error> {
        if !self.new.contains_key(&key) {
            let before = self.view.get(ROWS, &key)?;
            let before = before.map(|row| serde_json::from_slice(&row)).transpose()?;
            self.new.insert(key.clone(), before.unwrap_or_default());
        }
        if let Some(row) = self.new.get_mut(&key) {
            row.merge(done);
        }
        Ok(())
    }

    fn write(self, changes: &mut Changes) -> Result<(), Error> {
        for (key, done) in self.new {
            changes.put(ROWS, key, serde_json::to_vec(&done)?);
        }
        Ok(())
    }
}

/// Brings old hours together in the first hour of their day, and drops old days.
fn roll(rows: &mut Rows<'_>, changes: &mut Changes, now: u32) -> Result<(), Error> {
    let whole = now.saturating_sub(HOURS_KEPT) / 24 * 24;
    let gone = now.saturating_sub(DAYS_KEPT * 24);
    let view = rows.view;
    let old = view.range(
        ROWS,
        Bound::Unbounded,
        Bound::Excluded(&whole.to_be_bytes()),
    );
    for row in old {
        let (key, value) = row?;
        let Some((hour, who)) = key.split_first_chunk::<4>() else {
            continue;
        };
        let hour = u32::from_be_bytes(*hour);
        if hour < gone {
            changes.remove(ROWS, key.to_vec());
        } else if !hour.is_multiple_of(24) {
            changes.remove(ROWS, key.to_vec());
            let mut day = (hour / 24 * 24).to_be_bytes().to_vec();
            day.extend_from_slice(who);
            rows.add(day, &serde_json::from_slice(&value)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_secs(20_000 * 86_400);
    const HOUR: Duration = Duration::from_secs(3600);

    struct Place {
        dir: tempfile::TempDir,
        meter: Meter,
    }

    fn open(dir: &tempfile::TempDir) -> Meter {
        Meter::new(Arc::new(Tables::open(dir.path(), TABLES).unwrap()))
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let meter = open(&dir);
            Self { dir, meter }
        }

        /// As after a kill: what was not flushed is gone.
        fn killed(self) -> Self {
            let Self { dir, meter } = self;
            drop(meter);
            let meter = open(&dir);
            Self { dir, meter }
        }

        fn starts(&self, from: Timestamp, to: Timestamp) -> u64 {
            let all = self.meter.read(from, to).unwrap();
            all.values().map(|done| done.starts).sum()
        }
    }

    fn function(name: &str) -> Who {
        Who::Function {
            name: name.to_owned(),
        }
    }

    fn starts(starts: u64) -> Done {
        Done {
            starts,
            ..Done::default()
        }
    }

    #[tokio::test]
    async fn a_kill_loses_what_was_not_flushed_and_doubles_nothing() {
        let place = Place::new();
        let (f, end) = (|| function("f"), AT.plus(HOUR * 2));
        place.meter.add(AT, f(), &starts(3));
        place.meter.flush(AT).await.unwrap();
        place.meter.add(AT, f(), &starts(4));
        place.meter.flush(AT).await.unwrap();
        place.meter.flush(AT).await.unwrap();
        place.meter.add(AT.plus(HOUR), f(), &starts(100));
        let place = place.killed();
        assert_eq!(place.starts(AT, end), 7);
        place.meter.add(AT, f(), &starts(1));
        place.meter.flush(AT).await.unwrap();
        let place = place.killed().killed();
        assert_eq!(place.starts(AT, end), 8);
    }

    #[tokio::test]
    async fn hours_become_days_and_days_end() {
        let place = Place::new();
        for hour in 0..48 {
            let at = AT.plus(HOUR * hour);
            place.meter.add(at, function("f"), &starts(1));
        }
        place.meter.flush(AT).await.unwrap();
        let (second, end) = (AT.plus(HOUR * 24), AT.plus(HOUR * 48));
        assert_eq!(place.starts(AT.plus(HOUR * 5), AT.plus(HOUR * 7)), 2);
        assert_eq!(place.starts(second, end), 24);
        let rows = || place.meter.tables.view().prefix(ROWS, b"").count();
        assert_eq!(rows(), 48);
        place.meter.flush(AT.plus(HOUR * (16 * 24))).await.unwrap();
        assert_eq!((rows(), place.starts(AT, end)), (25, 48));
        place.meter.flush(AT.plus(HOUR * (18 * 24))).await.unwrap();
        assert_eq!((rows(), place.starts(AT, end)), (2, 48));
        assert_eq!(place.starts(second, end), 24);
        place.meter.flush(AT.plus(HOUR * (401 * 24))).await.unwrap();
        assert_eq!((rows(), place.starts(AT, end)), (1, 24));
    }

    #[tokio::test]
    async fn more_than_there_is_room_for_is_counted_together() {
        let place = Place::new();
        for number in 0..=WAITING_MAX {
            place
                .meter
                .add(AT, function(&number.to_string()), &starts(1));
        }
        place.meter.add(AT, function("0"), &starts(1));
        place.meter.flush(AT).await.unwrap();
        let all = place.meter.read(AT, AT.plus(HOUR)).unwrap();
        assert_eq!(all.len(), WAITING_MAX + 1);
        assert_eq!(all[&function(OTHER)], starts(1));
        assert_eq!(all[&function("0")], starts(2));
    }
}
