//! What is old becomes coarser, and goes in the end.
//!
//! A day of minutes becomes a block of five minutes a series when all of it is as old as minutes are kept, a day of those
//! a block of hours. What came by the second is in the minutes from the beginning, so seconds only go. Each step writes
//! the coarser blocks and removes the finer in one change: a point is in one tier, never in two or none.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;

use base::Timestamp;
use store::tables::View;
use tracing::error;

use super::block::{self, Entry};
use super::head::merged;
use super::keys::{self, POINTS, SERIES};
use super::retention::Tier;
use super::seal::{Packing, write};
use super::{Error, Store};
use crate::metric::Distribution;

/// Series that are rolled up in one change, a day of each. Chosen: a change of some 300 KB, memory of some 20 MB at most.
const SERIES_AT_ONCE: u32 = 256;
/// Blocks that are let go in one change.
const BLOCKS_AT_ONCE: usize = 4096;
/// Series that are forgotten in one change.
const FORGOTTEN_AT_ONCE: usize = 1024;

impl Store {
    /// Rolls up and lets go what is old enough. Returns how many blocks that were.
    pub(super) fn roll_up(&self, now: Timestamp) -> Result<usize, Error> {
        let mut blocks = 0;
        for tier in [Tier::Minutes, Tier::Fives] {
            while let Some(span) = self.oldest_over(tier, now)? {
                let day = (u64::from(span) * tier.span_secs() / 86_400) as u32;
                blocks += self.roll_up_day(tier, day)?;
            }
        }
        for tier in [Tier::Seconds, Tier::Hours] {
            while self.oldest_over(tier, now)?.is_some() {
                blocks += self.let_go(tier, now)?;
            }
        }
        Ok(blocks)
    }

    /// The oldest span of a tier, when all of its day is older than the tier is kept; of its hour where it only goes.
    fn oldest_over(&self, tier: Tier, now: Timestamp) -> Result<Option<u32>, Error> {
        let oldest = self.tables.view().prefix(POINTS, &[tier as u8]).next();
        let Some(oldest) = oldest.transpose()? else {
            return Ok(None);
        };
        let span = keys::parts(&oldest.0).map(|(span, _)| span);
        Ok(span.filter(|span| self.is_over(tier, *span, now)))
    }

    fn is_over(&self, tier: Tier, span: u32, now: Timestamp) -> bool {
        let unit = match tier.next() {
            Some(_) => 86_400,
            None => tier.span_secs(),
        };
        let end = (u64::from(span) * tier.span_secs() / unit + 1) * unit;
        Timestamp::from_secs(end).plus(self.settings.retention.of(tier)) <= now
    }

    fn roll_up_day(&self, tier: Tier, day: u32) -> Result<usize, Error> {
        let mut blocks = 0;
        let next = self.core.lock().catalogue.next();
        for first in (0..next).step_by(SERIES_AT_ONCE as usize) {
            blocks +=
                self.roll_up_series(tier, day, first, first.saturating_add(SERIES_AT_ONCE))?;
        }
        // Of series that nobody knows.
        let spans = (86_400 / tier.span_secs()) as u32;
        let from = keys::block(tier, day * spans, 0);
        let to = keys::block(tier, (day + 1) * spans, 0);
        Ok(blocks + self.remove_range(&from, &to)?)
    }

    /// Rolls up a day of the series from `first` to before `end`.
    fn roll_up_series(&self, tier: Tier, day: u32, first: u32, end: u32) -> Result<usize, Error> {
        let Some(coarser) = tier.next() else {
            return Ok(0);
        };
        let view = self.tables.view();
        let (found, removed) = gather(&view, tier, coarser, day, first, end)?;
        let count = removed.len();
        if count == 0 {
            return Ok(0);
        }
        let mut packing = Packing::of(&view, coarser, day);
        for (series, entries) in found {
            packing.pack(series, coarse(entries, coarser))?;
        }
        let blocks = packing.blocks;
        let written: Result<(), Infallible> = self.tables.change_blocking(move |_, changes| {
            write(changes, POINTS, blocks);
            removed
                .into_iter()
                .for_each(|key| changes.remove(POINTS, key));
            Ok(())
        })?;
        let Ok(()) = written;
        Ok(count)
    }

    /// Removes some of the oldest blocks of a tier. Returns how many.
    fn let_go(&self, tier: Tier, now: Timestamp) -> Result<usize, Error> {
        let mut old = Vec::new();
        for entry in self
            .tables
            .view()
            .prefix(POINTS, &[tier as u8])
            .take(BLOCKS_AT_ONCE)
        {
            let (key, _) = entry?;
            let is_over = keys::parts(&key).is_none_or(|(span, _)| self.is_over(tier, span, now));
            if !is_over {
                break;
            }
            old.push(key.to_vec());
        }
        self.remove(old)
    }

    fn remove_range(&self, from: &[u8], to: &[u8]) -> Result<usize, Error> {
        let mut removed = 0;
        loop {
            let view = self.tables.view();
            let range = view.range(POINTS, Bound::Included(from), Bound::Excluded(to));
            let keys = range
                .take(BLOCKS_AT_ONCE)
                .map(|entry| Ok(entry?.0.to_vec()));
            let keys: Vec<Vec<u8>> = keys.collect::<Result<_, Error>>()?;
            if keys.is_empty() {
                return Ok(removed);
            }
            removed += self.remove(keys)?;
        }
    }

    fn remove(&self, old: Vec<Vec<u8>>) -> Result<usize, Error> {
        let count = old.len();
        let written: Result<(), Infallible> = self.tables.change_blocking(move |_, changes| {
            old.into_iter().for_each(|key| changes.remove(POINTS, key));
            Ok(())
        })?;
        let Ok(()) = written;
        Ok(count)
    }

    /// Forgets series of which nothing is left. Returns how many.
    pub(super) fn forget(&self, now: Timestamp) -> Result<usize, Error> {
        // A point may lie ahead of the time at which it came, and blocks go by the day.
        let kept = self.settings.retention.hours + std::time::Duration::from_secs(2 * 86_400);
        let mut forgotten = 0;
        loop {
            // Held until it is durable: what comes meanwhile would be put under a number that goes.
            let mut core = self.core.lock();
            let old = core.catalogue.unseen(now.minus(kept), FORGOTTEN_AT_ONCE);
            if old.is_empty() {
                return Ok(forgotten);
            }
            let keys: Vec<_> = old
                .iter()
                .map(|id| keys::numbered(keys::OF_SERIES, *id))
                .collect();
            let next = core.catalogue.next().to_le_bytes();
            let written: Result<(), Infallible> =
                self.tables.change_blocking(move |_, changes| {
                    keys.iter().for_each(|key| changes.remove(SERIES, *key));
                    changes.put(SERIES, keys::NEXT, next);
                    Ok(())
                })?;
            let Ok(()) = written;
            old.iter().for_each(|id| core.catalogue.remove(*id));
            forgotten += old.len();
        }
    }
}

type Found = (BTreeMap<u32, Vec<Entry>>, Vec<Vec<u8>>);

/// The points of a day at their places in the coarser tier, by series, and the keys of their blocks.
fn gather(
    view: &View,
    tier: Tier,
    coarser: Tier,
    day: u32,
    first: u32,
    end: u32,
) -> Result<Found, Error> {
    let mut found: BTreeMap<u32, Vec<Entry>> = BTreeMap::new();
    let mut keys = Vec::new();
    let spans = (86_400 / tier.span_secs()) as u32;
    for span in day * spans..(day + 1) * spans {
        let from = keys::block(tier, span, first);
        let to = keys::block(tier, span, end);
        let start = u64::from(span) * tier.span_secs() % 86_400;
        for entry in view.range(POINTS, Bound::Included(&from), Bound::Excluded(&to)) {
            let (key, value) = entry?;
            let series = keys::parts(&key).map_or(first, |(_, series)| series);
            keys.push(key.to_vec());
            let Ok(points) = block::decode(&value) else {
                error!(
                    ?tier,
                    span, series, "a block of metrics is damaged; it goes"
                );
                continue;
            };
            let coarse = points.into_iter().map(|(place, summary)| {
                let secs = start + u64::from(place) * tier.step_secs();
                ((secs / coarser.step_secs()) as u16, summary)
            });
            found.entry(series).or_default().extend(coarse);
        }
    }
    Ok((found, keys))
}

fn coarse(entries: Vec<Entry>, tier: Tier) -> Vec<Entry> {
    let mut entries = merged(entries, tier);
    for (_, summary) in &mut entries {
        let distribution = std::mem::replace(&mut summary.distribution, Distribution::Unknown);
        summary.distribution = distribution.within(tier.detail());
    }
    entries
}
