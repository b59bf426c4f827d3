//! An open hour: what came since it was last sealed, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base::Timestamp;

use super::block::Entry;
use super::datum::Resolution;
use super::open_minutes::Minutes;
use super::open_seconds::Seconds;
use super::retention::Tier;
use crate::metric::Summary;

/// What came of one hour and is in no block yet.
#[derive(Debug)]
pub(super) struct Head {
    /// Where in the log its oldest datum lies.
    pub(super) first: u64,
    /// When that came.
    pub(super) opened: Timestamp,
    minutes: Minutes,
    seconds: HashMap<u32, Seconds, foldhash::fast::RandomState>,
    points: usize,
}

impl Head {
    pub(super) fn new(first: u64, opened: Timestamp) -> Self {
        Self {
            first,
            opened,
            minutes: Minutes::default(),
            seconds: HashMap::default(),
            points: 0,
        }
    }

    /// Takes in what came for a series at a second of the hour. Returns whether that is a new point.
    pub(super) fn add(
        &mut self,
        series: u32,
        second: u16,
        resolution: Resolution,
        summary: Summary,
    ) -> bool {
        let is_new = match resolution {
            Resolution::Minute => self.minutes.add(series, (second / 60) as u8, summary),
            Resolution::Second => self.seconds.entry(series).or_default().add(second, summary),
        };
        self.points += usize::from(is_new);
        is_new
    }

    pub(super) const fn points(&self) -> usize {
        self.points
    }

    /// The series that have something here, each once, ascending.
    pub(super) fn series(&self) -> Vec<u32> {
        let all = self.minutes.series().chain(self.seconds.keys().copied());
        let mut series: Vec<u32> = all.collect();
        series.sort_unstable();
        series.dedup();
        series
    }

    pub(super) fn has_seconds(&self, series: u32) -> bool {
        self.seconds.contains_key(&series)
    }

    /// Writes the minutes of a series and their values, where all it has is one value in each.
    pub(super) fn singles(
        &self,
        series: u32,
        places: &mut Vec<u16>,
        values: &mut Vec<f64>,
    ) -> Option<()> {
        match self.has_seconds(series) {
            true => None,
            false => self.minutes.singles(series, places, values),
        }
    }

    /// What a tier knows of a series, minutes with what was sent by the second.
    pub(super) fn entries(&self, series: u32, tier: Tier) -> Vec<Entry> {
        let seconds = self.seconds.get(&series).map(Seconds::entries);
        if tier == Tier::Seconds {
            return seconds.unwrap_or_default();
        }
        let mut minutes = self.minutes.entries(series);
        let Some(seconds) = seconds else {
            return minutes;
        };
        minutes.extend(seconds.into_iter().map(|(at, it)| (at / 60, it)));
        merged(minutes, Tier::Minutes)
    }
}

/// The entries by place, those of one place as one.
pub(super) fn merged(mut entries: Vec<Entry>, tier: Tier) -> Vec<Entry> {
    entries.sort_by_key(|(place, _)| *place);
    entries.dedup_by(|(place, later), (before, kept)| {
        let is_same = place == before;
        if is_same {
            kept.merge(later, tier.detail());
        }
        is_same
    });
    entries
}

/// The open hours, by hours since 1970.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Those that take in what comes.
    pub(super) open: BTreeMap<u32, Head>,
    /// Those that are being sealed, and up to where in the log.
    pub(super) sealing: BTreeMap<u32, (Arc<Head>, u64)>,
}

impl Heads {
    /// Where in the log the oldest datum lies that is in no block yet.
    pub(super) fn first(&self) -> Option<u64> {
        let sealing = self.sealing.values().map(|(head, _)| head.first);
        let open = self.open.values().map(|head| head.first);
        open.chain(sealing).min()
    }
}
