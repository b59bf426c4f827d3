//! The store of metrics: what is put is kept, packed, rolled up, found again.
//!
//! A put goes into the [`log`] and into the open hours in memory ([`head`]); it is answered when the operating system has
//! it, so that a killed process loses nothing. [`Store::sync`], called every second, is what a power loss needs: it may
//! take the last second. When an hour is over it is sealed ([`seal`]): packed to one [`block`] a series and written into
//! the tables, in one change that also says up to where in the log the hour is in blocks. What comes late for a sealed
//! hour is sealed again, into the block that is there. Old tiers are rolled up and let go ([`roll_up`]).
//!
//! INVARIANT: every datum that was put counts exactly once in what is read: it lies in an open hour, or in an hour that is
//! being sealed and whose change is not in the tables yet, or in a block. A crash at any point changes nothing of that.
//! INVARIANT: a put is there wholly or not at all.
//!
//! Memory: about 0.5 KB a series, and 10 bytes a point of the open hours (a bit more than an hour of them).
//!
//! - [`datum`]: what is put; [`retention`]: how long it stays
//! - [`log`], [`record`]: the log; [`catalogue`], [`forms`]: which series there are; [`keys`]: the tables
//! - [`block`], [`column`], [`bits`]: the packed form
//! - [`head`], [`open_minutes`], [`open_seconds`], [`seal`], [`roll_up`]: from memory to blocks to coarser ones
//! - [`read`]: the answers, [`crate::metric::Read`]

mod bits;
mod block;
mod catalogue;
mod column;
mod datum;
mod forms;
mod head;
mod keys;
mod log;
mod open_minutes;
mod open_seconds;
mod read;
mod record;
mod retention;
mod roll_up;
mod seal;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use base::{Clock, Timestamp};
use parking_lot::Mutex;
use store::Poisoned;
use store::disk::Disk;
use store::tables::{self, Tables};
use tracing::error;

use crate::metric::Identity;
pub use bits::Damaged;
use catalogue::Catalogue;
pub use datum::{Datum, Resolution, Sample};
use head::{Head, Heads};
pub use keys::TABLES;
use log::Log;
pub use log::Recovered;
use record::{Item, Kept};
use retention::Tier;
pub use retention::{EARLY_MAX, LATE_MAX, Retention, Unusable};
pub use seal::Done;

/// What an operator sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long points are kept.
    pub retention: Retention,
    /// Series that there may be: metrics, once for each unit. Default: 500,000, which take 250 MB (chosen).
    pub series_max: usize,
    /// Points of hours that are not sealed yet. From half of it on hours are sealed early, above it puts are refused.
    /// Default: 4,000,000 (chosen), which take 40 MB where series that are put together were first put together, and
    /// 540 MB at worst, where no two of sixteen have data in the same minute.
    pub open_points_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention: Retention::default(),
            series_max: 500_000,
            open_points_max: 4_000_000,
        }
    }
}

/// Why data were not put.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// A datum is too old.
    #[error("datum {index} is older than may be put")]
    TooLate {
        /// Which, from 0.
        index: usize,
    },
    /// A datum lies too far in the future.
    #[error("datum {index} is more than two hours ahead")]
    TooEarly {
        /// Which, from 0.
        index: usize,
    },
    /// A number of a datum cannot be kept.
    #[error("datum {index} has a number that is not finite, or a count that is not above zero")]
    Unsound {
        /// Which, from 0.
        index: usize,
    },
    /// There are as many series as may be.
    #[error("there are {limit} series already, and more are not kept")]
    TooManySeries {
        /// How many may be.
        limit: usize,
    },
    /// Too much waits to be sealed.
    #[error("{points} points wait to be sealed, and more are not taken")]
    TooMuchOpen {
        /// How many wait.
        points: usize,
    },
    /// It is too much at once.
    #[error(
        "a put takes {bytes} bytes in the log, and {} are the most",
        log::PAYLOAD_BYTES_MAX
    )]
    TooLarge {
        /// How many it takes.
        bytes: usize,
    },
    /// The log cannot be written, for example because the disk is full. Nothing was put; it may go well again later.
    #[error("the log of metrics cannot be written")]
    Log(#[source] io::Error),
    /// The log or the tables do not take anything any more.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
}

/// Why a store was not opened or kept up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The retention cannot be kept.
    #[error("the retention of metrics cannot be kept")]
    Retention(#[from] Unusable),
    /// The log cannot be read or written.
    #[error("the log of metrics cannot be read or written")]
    Log(#[source] io::Error),
    /// The tables cannot be read.
    #[error("metrics cannot be read")]
    Tables(#[from] tables::Error),
    /// A series of the table cannot be read.
    #[error("series {id} of `cw-series` is damaged")]
    Series {
        /// Which.
        id: u32,
    },
    /// The log or the tables do not take anything any more.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
}

/// The store of metrics. One for each pair of tables and log; shared between threads, each call may block on the disk.
#[derive(Debug)]
pub struct Store {
    tables: Arc<Tables>,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    core: Mutex<Core>,
    /// Held by whoever seals and rolls up: blocks have one writer.
    upkeep: Mutex<()>,
}

/// What a put changes.
#[derive(Debug)]
struct Core {
    log: Log,
    catalogue: Catalogue,
    heads: Heads,
    /// Series that are in the log only, and where the oldest of them lies.
    unkept: Vec<u32>,
    unkept_first: Option<u64>,
    /// Up to which position of the log hours are in blocks.
    covered: BTreeMap<u32, u64>,
    poisoned: Option<Poisoned>,
    payload: Vec<u8>,
    /// The packed form of the series that is looked up.
    form: Vec<u8>,
    /// Points of the open hours.
    points: usize,
}

impl Store {
    /// Opens the store: its tables are [`TABLES`], its log lies in `log`, a directory of its own. Reads back what the last
    /// process left, and says what that was.
    ///
    /// # Errors
    /// [`Error`] where something cannot be read.
    pub fn open(
        tables: Arc<Tables>,
        log: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Result<(Self, Recovered), Error> {
        settings.retention.check()?;
        let (core, recovered) = seal::recover(&tables, Arc::clone(&log))?;
        let store = Self {
            tables,
            disk: log,
            clock,
            settings,
            core: Mutex::new(core),
            upkeep: Mutex::new(()),
        };
        Ok((store, recovered))
    }

    /// What an operator set.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Keeps `data`: all or none. Answered when the operating system has them: they survive the end of this process.
    ///
    /// # Errors
    /// [`PutError`] says which datum is wrong, or what stands in the way; nothing was kept then.
    pub fn put(&self, data: &[Datum]) -> Result<(), PutError> {
        let now = self.clock.now();
        self.check(data, now)?;
        let mut core = self.core.lock();
        if let Some(poisoned) = core.poisoned.clone().or_else(|| self.tables.poisoned()) {
            return Err(poisoned.into());
        }
        if core.points > self.settings.open_points_max {
            return Err(PutError::TooMuchOpen {
                points: core.points,
            });
        }
        core.put(data, now, self.settings.series_max)
    }

    fn check(&self, data: &[Datum], now: Timestamp) -> Result<(), PutError> {
        let first = now.minus(self.settings.retention.late_max());
        let last = now.plus(EARLY_MAX);
        for (index, datum) in data.iter().enumerate() {
            if datum.at < first {
                return Err(PutError::TooLate { index });
            }
            if datum.at > last {
                return Err(PutError::TooEarly { index });
            }
            if !datum.sample.is_sound() {
                return Err(PutError::Unsound { index });
            }
        }
        Ok(())
    }

    /// Makes what was put so far survive a power loss. To be called every second.
    ///
    /// # Errors
    /// [`Error::Poisoned`] when that failed: nothing is put any more until the store is opened anew.
    pub fn sync(&self) -> Result<(), Error> {
        let unsynced = {
            let mut core = self.core.lock();
            if let Some(poisoned) = core.poisoned.clone() {
                return Err(poisoned.into());
            }
            core.log.unsynced()
        };
        let mut files = unsynced.files.iter();
        files
            .try_for_each(|file| file.sync())
            .and_then(|()| match unsynced.has_new_names {
                true => self.disk.sync_names(),
                false => Ok(()),
            })
            .map_err(|error| self.poison(&format!("sync of the log of metrics: {error}")))?;
        if unsynced.has_new_names {
            self.core.lock().log.names_are_synced(unsynced.start);
        }
        Ok(())
    }

    fn poison(&self, reason: &str) -> Poisoned {
        error!(reason, "metrics are not taken any more");
        let poisoned = Poisoned::new(reason);
        self.core.lock().poisoned = Some(poisoned.clone());
        poisoned
    }

    /// How many series there are.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.core.lock().catalogue.len()
    }

    /// How many points are in memory only, beside the log.
    #[must_use]
    pub fn open_points(&self) -> usize {
        self.core.lock().points
    }
}

impl Core {
    fn put(&mut self, data: &[Datum], now: Timestamp, series_max: usize) -> Result<(), PutError> {
        let mut payload = std::mem::take(&mut self.payload);
        let put = self.put_in(&mut payload, data, now, series_max);
        // A great put must not keep its memory.
        payload.shrink_to(1 << 16);
        self.payload = payload;
        put
    }

    fn put_in(
        &mut self,
        payload: &mut Vec<u8>,
        data: &[Datum],
        now: Timestamp,
        series_max: usize,
    ) -> Result<(), PutError> {
        payload.clear();
        record::begin(payload, now);
        let mut new: Vec<(&Datum, u32)> = Vec::new();
        let mut ids = Vec::with_capacity(data.len());
        for datum in data {
            self.form.clear();
            record::put_series(&mut self.form, &datum.identity, datum.unit);
            let guess = ids.last().map_or(0, |last: &u32| last.saturating_add(1));
            let id = match self.id(datum, guess, &new) {
                Some(id) => id,
                None => {
                    if self.catalogue.len() + new.len() >= series_max {
                        return Err(PutError::TooManySeries { limit: series_max });
                    }
                    let id = self.catalogue.next() + new.len() as u32;
                    record::put_new(payload, id, &self.form);
                    new.push((datum, id));
                    id
                }
            };
            ids.push(id);
            record::put_datum(payload, now, id, datum.at, datum.resolution, &datum.sample);
        }
        if payload.len() > log::PAYLOAD_BYTES_MAX {
            let bytes = payload.len();
            return Err(PutError::TooLarge { bytes });
        }
        let position = self.log.append(payload).map_err(PutError::Log)?;
        for (datum, id) in new {
            self.add(id, datum.identity.clone(), datum.unit, position);
        }
        for (datum, id) in data.iter().zip(ids) {
            let secs = datum.at.as_secs();
            self.take(id, secs, datum.resolution, &datum.sample, position, now);
        }
        Ok(())
    }

    fn id(&self, datum: &Datum, guess: u32, new: &[(&Datum, u32)]) -> Option<u32> {
        let known = self.catalogue.id(&self.form, guess);
        known.or_else(|| {
            let is_it =
                |(it, _): &&(&Datum, u32)| it.unit == datum.unit && it.identity == datum.identity;
            new.iter().find(is_it).map(|(_, id)| *id)
        })
    }

    fn add(&mut self, id: u32, identity: Identity, unit: crate::metric::Unit, position: u64) {
        self.catalogue.add(id, identity, unit);
        self.unkept.push(id);
        self.unkept_first.get_or_insert(position);
    }

    /// Takes a datum that lies at `position` of the log into its open hour. Returns whether its series is known.
    fn take(
        &mut self,
        series: u32,
        secs: u64,
        resolution: Resolution,
        sample: &Sample,
        position: u64,
        came: Timestamp,
    ) -> bool {
        if !self.catalogue.see(series, came) {
            return false;
        }
        let hour = (secs / 3600) as u32;
        if self.covered.get(&hour).is_some_and(|to| position < *to) {
            return true;
        }
        let new = || Head::new(position, came);
        let head = self.heads.open.entry(hour).or_insert_with(new);
        let summary = sample.summary(Tier::Minutes.detail());
        let is_new = head.add(series, (secs % 3600) as u16, resolution, summary);
        self.points += usize::from(is_new);
        true
    }

    /// Takes in what was read back from the log.
    fn replay(&mut self, position: u64, payload: &[u8], recovered: &mut Recovered) {
        let read = record::read(payload, |came, item| match item {
            Item::Series { id, identity, unit } => {
                if self.catalogue.get(id).is_none() {
                    self.add(id, identity, unit, position);
                }
            }
            Item::Datum(Kept {
                series,
                secs,
                resolution,
                sample,
            }) => {
                if !self.take(series, secs, resolution, &sample, position, came) {
                    self.catalogue.keep_below(series.saturating_add(1));
                    recovered.unknown += 1;
                }
            }
        });
        if read.is_err() {
            error!(
                position,
                "a put in the log of metrics cannot be read; the rest of it is lost"
            );
            recovered.skipped += payload.len() as u64;
        }
    }
}
