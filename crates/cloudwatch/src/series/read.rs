//! What is asked of the store: the port [`Read`].
//!
//! Of each time there is what the finest tier has that is left of it. A period takes the tiers whose resolution divides
//! it: old data have no answer for periods that are finer than they are kept.

use std::sync::Arc;

use base::Timestamp;
use store::tables::{self, View};
use tracing::error;

use super::Store;
use super::block::{self, Entry};
use super::keys::{self, POINTS};
use super::retention::Tier;
use crate::metric::distribution::Detail;
use crate::metric::read::{Found, Listing, Point, Read, Summaries, Unreadable, Wanted};
use crate::metric::{Identity, Summary, Unit};

/// The view of the tables, and what the open hours have beside it.
struct Moment {
    view: View,
    series: Vec<Open>,
}

/// What open hours have of a series.
struct Open {
    unit: Unit,
    id: u32,
    points: Vec<(u64, Summary)>,
}

impl Read for Store {
    fn series(&self, wanted: &Wanted<'_>) -> Result<Found, Unreadable> {
        let detail = match wanted.statistic.is_extended() {
            true => Detail::ANSWER,
            false => Detail::NONE,
        };
        let mut all = self.periods(wanted, detail)?;
        all.sort_by_key(|of_unit| of_unit.unit.preference());
        let mut all = all.into_iter();
        let Some(first) = all.next() else {
            return Ok(Found::default());
        };
        let units = std::iter::once(first.unit).chain(all.map(|other| other.unit));
        let units = units.collect();
        let points = first.periods.into_iter().filter_map(|(at, summary)| {
            let value = summary.statistic(wanted.statistic)?;
            let samples = summary.count;
            Some(Point { at, value, samples })
        });
        Ok(Found {
            points: points.collect(),
            units,
        })
    }

    fn summaries(&self, wanted: &Wanted<'_>) -> Result<Vec<Summaries>, Unreadable> {
        Ok(self.periods(wanted, Detail::ANSWER)?)
    }

    fn list(&self, listing: &Listing<'_>) -> Vec<Arc<Identity>> {
        self.core.lock().catalogue.list(listing)
    }
}

impl Store {
    /// The periods of each unit that has some.
    fn periods(
        &self,
        wanted: &Wanted<'_>,
        detail: Detail,
    ) -> Result<Vec<Summaries>, tables::Error> {
        let period = u64::from(wanted.period_secs.max(1));
        let from = wanted.from.as_secs() / period * period;
        // What lies ahead of now by more than may be put is not there.
        let end = self.clock.now().plus(super::EARLY_MAX).as_secs() + 3600;
        let to = wanted.to.as_millis().div_ceil(1000).min(end);
        if from >= to {
            return Ok(Vec::new());
        }
        let moment = self.moment(wanted, from, to)?;
        let mut all = Vec::new();
        for Open {
            unit,
            id,
            mut points,
        } in moment.series
        {
            for tier in [Tier::Seconds, Tier::Minutes, Tier::Fives, Tier::Hours] {
                if is_asked(tier, period) {
                    read_tier(&moment.view, tier, id, from, to, &mut points)?;
                }
            }
            points.sort_by_key(|(secs, _)| *secs);
            let periods = folded(points, period, detail);
            if !periods.is_empty() {
                all.push(Summaries { unit, periods });
            }
        }
        Ok(all)
    }

    /// What is known of the series at one moment.
    fn moment(&self, wanted: &Wanted<'_>, from: u64, to: u64) -> Result<Moment, tables::Error> {
        let core = self.core.lock();
        let view = self.tables.view();
        let tier = match u64::from(wanted.period_secs) < Tier::Minutes.step_secs() {
            true => Tier::Seconds,
            false => Tier::Minutes,
        };
        let hours = (from / 3600) as u32..=((to - 1) / 3600) as u32;
        let mut heads = Vec::new();
        for (hour, (head, end)) in core.heads.sealing.range(hours.clone()) {
            let key = keys::numbered(keys::OF_COVERED, *hour);
            let covered = view.get(keys::SERIES, &key)?;
            let covered = covered.and_then(|bytes| keys::little(&bytes));
            if covered.is_none_or(|covered| covered < *end) {
                heads.push((*hour, head.as_ref()));
            }
        }
        heads.extend(
            core.heads
                .open
                .range(hours)
                .map(|(hour, head)| (*hour, head)),
        );
        let ids = core.catalogue.units(wanted.identity).iter();
        let ids = ids.filter(|(unit, _)| wanted.unit.is_none_or(|it| it == *unit));
        let series = ids.map(|(unit, id)| {
            let mut points = Vec::new();
            for (hour, head) in &heads {
                place(tier, *hour, head.entries(*id, tier), from, to, &mut points);
            }
            Open {
                unit: *unit,
                id: *id,
                points,
            }
        });
        let series = series.collect();
        drop(core);
        Ok(Moment { view, series })
    }
}

/// Whether periods of so many seconds are made of points of a tier. Seconds are in the minutes too.
fn is_asked(tier: Tier, period: u64) -> bool {
    match tier {
        Tier::Seconds => period < Tier::Minutes.step_secs(),
        other => period.is_multiple_of(other.step_secs()),
    }
}

/// Reads the points of a tier from `from` to before `to`.
fn read_tier(
    view: &View,
    tier: Tier,
    series: u32,
    from: u64,
    to: u64,
    into: &mut Vec<(u64, Summary)>,
) -> Result<(), tables::Error> {
    let mut all = view.prefix(POINTS, &[tier as u8]);
    let Some(oldest) = all.next().transpose()? else {
        return Ok(());
    };
    let newest = all.next_back().transpose()?;
    let span = |key: &[u8]| keys::parts(key).map(|(span, _)| span);
    let newest = newest.as_ref().unwrap_or(&oldest);
    let (Some(oldest), Some(newest)) = (span(&oldest.0), span(&newest.0)) else {
        return Ok(());
    };
    let first = ((from / tier.span_secs()) as u32).max(oldest);
    let last = (((to - 1) / tier.span_secs()) as u32).min(newest);
    for span in first..=last {
        let Some(found) = view.get(POINTS, &keys::block(tier, span, series))? else {
            continue;
        };
        match block::decode(&found) {
            Ok(entries) => place(tier, span, entries, from, to, into),
            Err(_) => error!(
                ?tier,
                span, series, "a block of metrics is damaged; it is left out"
            ),
        }
    }
    Ok(())
}

/// Gives entries of a span their time.
fn place(
    tier: Tier,
    span: u32,
    entries: Vec<Entry>,
    from: u64,
    to: u64,
    into: &mut Vec<(u64, Summary)>,
) {
    let start = u64::from(span) * tier.span_secs();
    for (place, summary) in entries {
        let secs = start + u64::from(place) * tier.step_secs();
        if (from..to).contains(&secs) {
            into.push((secs, summary));
        }
    }
}

/// Makes periods of points in the order of time.
fn folded(points: Vec<(u64, Summary)>, period: u64, detail: Detail) -> Vec<(Timestamp, Summary)> {
    let mut periods: Vec<(Timestamp, Summary)> = Vec::new();
    for (secs, summary) in points {
        let at = Timestamp::from_secs(secs / period * period);
        match periods.last_mut() {
            Some((last, all)) if *last == at => all.merge(&summary, detail),
            _ => periods.push((at, summary)),
        }
    }
    periods
}
