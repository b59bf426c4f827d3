//! From memory to blocks: sealing hours, and finding out at the opening what is sealed.
//!
//! An hour is sealed in three steps, and a crash between any two is harmless: its data are set aside ([`Store::begin`]),
//! its blocks and the position of the log up to which it is covered are written in one change, what was set aside is
//! forgotten and segments of the log that nobody needs are removed ([`Store::finish`]).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use store::disk::Disk;
use store::tables::{self, Changes, Tables, View};
use tracing::{debug, error};

use super::block::{self, Encoder, Entry};
use super::head::{Head, merged};
use super::keys::{self, POINTS, ROW, SERIES};
use super::log::{Log, Recovered};
use super::retention::Tier;
use super::{Core, Error, Store, record};
use crate::series::catalogue::Catalogue;
use crate::series::head::Heads;

/// How long after its end, and after its first datum, an hour is sealed. Chosen: clients send within a minute or two; what
/// comes later costs reading a block again.
pub(super) const SEAL_AFTER: Duration = Duration::from_secs(300);

/// What an upkeep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Hours that were sealed.
    pub hours: usize,
    /// Blocks that became coarser ones, or were let go.
    pub blocks: usize,
    /// Series that were forgotten.
    pub series: usize,
}

/// Keys and what is written there.
pub(super) type Writes = Vec<(Vec<u8>, Vec<u8>)>;

/// An hour that is being sealed.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) hour: u32,
    head: Arc<Head>,
    /// The hour is covered up to here.
    end: u64,
    /// New series that go into the table with it.
    unkept: Vec<u32>,
    writes: Writes,
    removes: Vec<[u8; 5]>,
}

impl Store {
    /// Seals the hours that are over, rolls up and lets go what is old enough. To be called every minute or so, by one
    /// thread that may block; nothing is lost when it is not called for long.
    ///
    /// # Errors
    /// [`Error`] where the disk fails. What was done stays done; what was not is done by a later call.
    pub fn upkeep(&self) -> Result<Done, Error> {
        let _one_writer = self.upkeep.lock();
        let now = self.clock.now();
        let mut done = Done::default();
        while let Some(hour) = self.ripe(now) {
            self.seal(hour, now)?;
            done.hours += 1;
        }
        done.blocks = self.roll_up(now)?;
        done.series = self.forget(now)?;
        Ok(done)
    }

    /// Seals everything that is in memory, so that the next opening reads no log; for a clean end. Then syncs.
    ///
    /// # Errors
    /// As [`Store::upkeep`].
    pub fn close(&self) -> Result<(), Error> {
        let _one_writer = self.upkeep.lock();
        let now = self.clock.now();
        loop {
            let hour = {
                let core = self.core.lock();
                let sealing = core.heads.sealing.keys().next();
                sealing.or_else(|| core.heads.open.keys().next()).copied()
            };
            match hour {
                Some(hour) => self.seal(hour, now)?,
                None => return self.sync(),
            }
        }
    }

    /// An hour that is to be sealed.
    fn ripe(&self, now: Timestamp) -> Option<u32> {
        let core = self.core.lock();
        if let Some(left) = core.heads.sealing.keys().next() {
            return Some(*left);
        }
        let is_much = core.points > self.settings.open_points_max / 2;
        let ripe = core.heads.open.iter().find(|(hour, head)| {
            let over = Timestamp::from_secs((u64::from(**hour) + 1) * 3600);
            is_much || (over.plus(SEAL_AFTER) <= now && head.opened.plus(SEAL_AFTER) <= now)
        });
        ripe.map(|(hour, _)| *hour)
    }

    fn seal(&self, hour: u32, now: Timestamp) -> Result<(), Error> {
        let Some(begun) = self.begin(hour) else {
            return Ok(());
        };
        let begun = self.commit(begun, now)?;
        self.finish(begun)
    }

    /// Sets aside what came of an hour.
    pub(super) fn begin(&self, hour: u32) -> Option<Begun> {
        let mut core = self.core.lock();
        let core = &mut *core;
        let end = core.log.end();
        // What an earlier attempt left comes first.
        if !core.heads.sealing.contains_key(&hour) {
            let head = Arc::new(core.heads.open.remove(&hour)?);
            core.heads.sealing.insert(hour, (head, end));
        }
        let (head, end) = core.heads.sealing.get(&hour)?.clone();
        let mut begun = Begun {
            hour,
            head,
            end,
            unkept: core.unkept.clone(),
            writes: Vec::new(),
            removes: Vec::new(),
        };
        begun.note(core);
        Some(begun)
    }

    /// Writes the blocks of an hour, and that it is covered.
    pub(super) fn commit(&self, mut begun: Begun, now: Timestamp) -> Result<Begun, Error> {
        let blocks = self.pack(&begun, now)?;
        let (writes, removes) = (std::mem::take(&mut begun.writes), begun.removes.clone());
        let written: Result<(), Infallible> = self.tables.change_blocking(move |_, changes| {
            write(changes, POINTS, blocks);
            write(changes, SERIES, writes);
            removes.iter().for_each(|key| changes.remove(SERIES, *key));
            Ok(())
        })?;
        let Ok(()) = written;
        Ok(begun)
    }

    /// Forgets what was set aside and is in the tables now.
    pub(super) fn finish(&self, begun: Begun) -> Result<(), Error> {
        let mut core = self.core.lock();
        let core = &mut *core;
        core.heads.sealing.remove(&begun.hour);
        core.points = core.points.saturating_sub(begun.head.points());
        core.covered.insert(begun.hour, begun.end);
        for key in &begun.removes {
            keys::number(key).map(|hour| core.covered.remove(&hour));
        }
        core.unkept
            .drain(..begun.unkept.len().min(core.unkept.len()));
        core.unkept_first = match core.unkept.is_empty() {
            true => None,
            // Those that are left came after this hour was begun.
            false => Some(begun.end),
        };
        let needed = core
            .heads
            .first()
            .into_iter()
            .chain(core.unkept_first)
            .min();
        let needed = needed.unwrap_or(core.log.end());
        debug!(
            hour = begun.hour,
            points = begun.head.points(),
            "sealed an hour"
        );
        core.log.drop_before(needed).map_err(Error::Log)
    }

    fn pack(&self, begun: &Begun, now: Timestamp) -> Result<Writes, Error> {
        let view = self.tables.view();
        let hour = begun.hour;
        let over = Timestamp::from_secs((u64::from(hour) + 1) * 3600);
        let keeps_seconds = over.plus(self.settings.retention.seconds) > now;
        let mut minutes = Packing::of(&view, Tier::Minutes, hour);
        let mut seconds = Packing::of(&view, Tier::Seconds, hour);
        let (mut places, mut values) = (Vec::new(), Vec::new());
        for series in begun.head.series() {
            if keeps_seconds && begun.head.has_seconds(series) {
                seconds.pack(series, begun.head.entries(series, Tier::Seconds))?;
            }
            let singles = match minutes.has_blocks {
                true => None,
                false => begun.head.singles(series, &mut places, &mut values),
            };
            match singles {
                Some(()) => minutes.singles(series, &places, &values),
                _ => minutes.pack(series, begun.head.entries(series, Tier::Minutes))?,
            }
        }
        minutes.blocks.append(&mut seconds.blocks);
        Ok(minutes.blocks)
    }
}

impl Begun {
    /// Works out what the table of series takes in.
    fn note(&mut self, core: &Core) {
        for id in &self.unkept {
            if let Some((identity, unit)) = core.catalogue.get(*id) {
                let mut series = Vec::new();
                record::put_series(&mut series, identity, unit);
                let key = keys::numbered(keys::OF_SERIES, *id);
                self.writes.push((key.to_vec(), series));
            }
        }
        let next = core.catalogue.next().to_le_bytes();
        self.writes.push((keys::NEXT.to_vec(), next.to_vec()));
        let mut rows: Vec<u32> = self.head.series().iter().map(|id| id / ROW).collect();
        rows.dedup();
        for row in rows {
            let seen = core
                .catalogue
                .seen(row * ROW..(row + 1).saturating_mul(ROW));
            let seen: Vec<u8> = seen.flat_map(u32::to_le_bytes).collect();
            let key = keys::numbered(keys::OF_SEEN, row);
            self.writes.push((key.to_vec(), seen));
        }
        let start = core.log.durable_start();
        let old = core
            .covered
            .iter()
            .filter(|(hour, to)| **to <= start && **hour != self.hour);
        let old = old.map(|(hour, _)| keys::numbered(keys::OF_COVERED, *hour));
        self.removes = old.collect();
        let key = keys::numbered(keys::OF_COVERED, self.hour);
        self.writes
            .push((key.to_vec(), self.end.to_le_bytes().to_vec()));
    }
}

/// Packs the blocks of one tier and span, each with what is there of it.
pub(super) struct Packing<'a> {
    view: &'a View,
    tier: Tier,
    span: u32,
    /// Whether the tables have any block of that span.
    has_blocks: bool,
    encoder: Encoder,
    pub(super) blocks: Writes,
}

impl<'a> Packing<'a> {
    pub(super) fn of(view: &'a View, tier: Tier, span: u32) -> Self {
        let mut there = view.prefix(POINTS, &keys::spanned(tier, span));
        Self {
            view,
            tier,
            span,
            has_blocks: there.next().is_some(),
            encoder: Encoder::default(),
            blocks: Vec::new(),
        }
    }

    fn singles(&mut self, series: u32, places: &[u16], values: &[f64]) {
        let block = self.encoder.singles(places, values);
        self.push(series, block);
    }

    /// Packs entries, merged with the block that is there.
    pub(super) fn pack(
        &mut self,
        series: u32,
        mut entries: Vec<Entry>,
    ) -> Result<(), tables::Error> {
        let key = keys::block(self.tier, self.span, series);
        let there = match self.has_blocks {
            true => self.view.get(POINTS, &key)?,
            false => None,
        };
        if let Some(there) = there {
            match block::decode(&there) {
                Ok(mut before) => {
                    before.append(&mut entries);
                    entries = merged(before, self.tier);
                }
                Err(_) => {
                    error!(tier = ?self.tier, span = self.span, series, "a block of metrics is damaged; it is replaced by what came now")
                }
            }
        }
        if !entries.is_empty() {
            let block = self.encoder.block(&entries);
            self.push(series, block);
        }
        Ok(())
    }

    fn push(&mut self, series: u32, block: Vec<u8>) {
        let key = keys::block(self.tier, self.span, series);
        self.blocks.push((key.to_vec(), block));
    }
}

pub(super) fn write(changes: &mut Changes, table: tables::Table, entries: Writes) {
    for (key, value) in entries {
        changes.put(table, key, value);
    }
}

/// Reads back what the tables and the log have.
pub(super) fn recover(tables: &Tables, disk: Arc<dyn Disk>) -> Result<(Core, Recovered), Error> {
    let view = tables.view();
    let catalogue = catalogue(&view)?;
    let mut covered = std::collections::BTreeMap::new();
    for entry in view.prefix(SERIES, &[keys::OF_COVERED]) {
        let (key, value) = entry?;
        if let (Some(hour), Some(to)) = (keys::number(&key), keys::little(&value)) {
            covered.insert(hour, to);
        }
    }
    let behind = covered.values().copied().max().unwrap_or(0);
    let mut core = Core {
        log: Log::none(Arc::clone(&disk)),
        catalogue,
        heads: Heads::default(),
        unkept: Vec::new(),
        unkept_first: None,
        covered,
        poisoned: None,
        payload: Vec::new(),
        form: Vec::new(),
        points: 0,
    };
    let mut replayed = Recovered::default();
    let opened = Log::open(disk, |position, payload| {
        core.replay(position, payload, &mut replayed);
    });
    let (log, mut recovered) = opened.map_err(Error::Log)?;
    recovered.unknown = replayed.unknown;
    recovered.skipped += replayed.skipped;
    core.log = log;
    // A power loss may have left less of the log than blocks cover.
    core.log.go_on_behind(behind);
    Ok((core, recovered))
}

fn catalogue(view: &View) -> Result<Catalogue, Error> {
    let mut catalogue = Catalogue::default();
    if let Some(next) = view.get(SERIES, &keys::NEXT)? {
        let next = next.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        catalogue.keep_below(next.unwrap_or(0));
    }
    for entry in view.prefix(SERIES, &[keys::OF_SERIES]) {
        let (key, value) = entry?;
        let id = keys::number(&key).unwrap_or(0);
        let (identity, unit) = record::read_series(&value).map_err(|_| Error::Series { id })?;
        catalogue.add(id, identity, unit);
    }
    for entry in view.prefix(SERIES, &[keys::OF_SEEN]) {
        let (key, value) = entry?;
        let first = keys::number(&key).unwrap_or(0).saturating_mul(ROW);
        let times = value.chunks_exact(4).filter_map(|it| it.first_chunk());
        for (id, secs) in (first..).zip(times) {
            let secs = u64::from(u32::from_le_bytes(*secs));
            catalogue.see(id, Timestamp::from_secs(secs));
        }
    }
    Ok(catalogue)
}
