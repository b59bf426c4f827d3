//! Metrics in memory, for the tests of whatever reads them.
//!
//! Every value is kept as it was put. Percentiles are of the nearest rank; the statistics behind them answer nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Timestamp;
use parking_lot::Mutex;

use super::{
    Detail, Dimension, Found, Identity, Listing, Point, Read, Statistic, Summaries, Summary, Unit,
    Unreadable, Wanted,
};

/// Metrics in memory.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<Arc<Identity>, Vec<Value>>>);

type Value = (Timestamp, Unit, f64);

/// The metric `name` of `namespace` with these dimensions.
#[must_use]
pub fn identity(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Identity {
    let dimensions = dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| Dimension::new(name, value));
    Identity::new(namespace, name, dimensions.collect())
}

impl Memory {
    /// Puts a value without unit at `secs` since 1970.
    pub fn put(&self, identity: &Identity, secs: u64, value: f64) {
        self.put_with(identity, Unit::None, secs, value);
    }

    /// Puts a value in a unit.
    pub fn put_with(&self, identity: &Identity, unit: Unit, secs: u64, value: f64) {
        let mut metrics = self.0.lock();
        let values = metrics.entry(Arc::new(identity.clone())).or_default();
        values.push((Timestamp::from_secs(secs), unit, value));
    }

    /// Puts a value at each multiple of `period_secs` from `secs` on; none leaves a gap.
    pub fn put_all(
        &self,
        identity: &Identity,
        secs: u64,
        period_secs: u64,
        values: &[Option<f64>],
    ) {
        for (value, index) in values.iter().zip(0..) {
            if let Some(value) = value {
                self.put(identity, secs + index * period_secs, *value);
            }
        }
    }

    /// The values in a time and unit, by the start of their period.
    fn periods(&self, wanted: &Wanted<'_>, unit: Unit) -> BTreeMap<Timestamp, Vec<f64>> {
        let metrics = self.0.lock();
        let values = metrics.get(wanted.identity).map(Vec::as_slice);
        let mut periods = BTreeMap::<_, Vec<f64>>::new();
        for (at, _, value) in values.unwrap_or_default().iter().filter(|it| it.1 == unit) {
            if *at >= wanted.from && *at < wanted.to {
                let period = u64::from(wanted.period_secs);
                let start = Timestamp::from_secs(at.as_secs() / period * period);
                periods.entry(start).or_default().push(*value);
            }
        }
        periods
    }

    fn units(&self, wanted: &Wanted<'_>) -> Vec<Unit> {
        let metrics = self.0.lock();
        let values = metrics.get(wanted.identity).map(Vec::as_slice);
        let values = values.unwrap_or_default().iter();
        let values = values.filter(|it| it.0 >= wanted.from && it.0 < wanted.to);
        let units: BTreeSet<Unit> = values.map(|it| it.1).collect();
        let is_wanted = |unit: &Unit| wanted.unit.is_none_or(|wanted| wanted == *unit);
        let mut units: Vec<Unit> = units.into_iter().filter(is_wanted).collect();
        units.sort_by_key(|unit| unit.preference());
        units
    }
}

impl Read for Memory {
    fn series(&self, wanted: &Wanted<'_>) -> Result<Found, Unreadable> {
        let units = self.units(wanted);
        let unit = units.first().copied().unwrap_or_default();
        let periods = self.periods(wanted, unit).into_iter();
        let points = periods.filter_map(|(at, values)| {
            Some(Point {
                at,
                value: statistic(wanted.statistic, &values)?,
                samples: summary(&values).count,
            })
        });
        Ok(Found {
            points: points.collect(),
            units,
        })
    }

    fn summaries(&self, wanted: &Wanted<'_>) -> Result<Vec<Summaries>, Unreadable> {
        let of = |unit| {
            let periods = self.periods(wanted, unit).into_iter();
            let periods = periods.map(|(at, values)| (at, summary(&values)));
            let periods = periods.collect();
            Summaries { unit, periods }
        };
        Ok(self.units(wanted).into_iter().map(of).collect())
    }

    fn list(&self, listing: &Listing<'_>) -> Vec<Arc<Identity>> {
        let metrics = self.0.lock();
        let is_wanted = |identity: &Identity| {
            let has = |(name, value): &(&str, Option<&str>)| {
                let found = identity.dimension(name);
                found.is_some_and(|found| value.is_none_or(|value| value == found))
            };
            listing.namespace.is_none_or(|it| it == identity.namespace)
                && listing.name.is_none_or(|it| it == identity.name)
                && listing.dimensions.iter().all(has)
        };
        let is_recent = |values: &[Value]| {
            let since = listing.since;
            since.is_none_or(|since| values.iter().any(|(at, ..)| *at >= since))
        };
        let found = metrics.iter();
        let found = found.filter(|(identity, values)| is_wanted(identity) && is_recent(values));
        found.map(|(identity, _)| Arc::clone(identity)).collect()
    }
}

fn summary(values: &[f64]) -> Summary {
    let pairs: Vec<_> = values.iter().map(|value| (*value, 1.0)).collect();
    let summary = Summary::of_values(&pairs, Detail::ANSWER);
    summary.unwrap_or_else(|| Summary::of_set(0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY))
}

fn statistic(of: Statistic, values: &[f64]) -> Option<f64> {
    let summary = summary(values);
    match of {
        Statistic::SampleCount => Some(summary.count),
        Statistic::Sum => Some(summary.sum),
        Statistic::Average => Some(summary.sum / summary.count),
        Statistic::Minimum => Some(summary.min),
        Statistic::Maximum => Some(summary.max),
        Statistic::Percentile(percent) => {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            let rank = (percent / 100.0 * summary.count).ceil().max(1.0);
            sorted.get(rank as usize - 1).copied()
        }
        _ => None,
    }
}
