//! What values a metric is expected to have, found in those that it had.
//!
//! # The model
//!
//! Of the two weeks before a moment, for each hour of the week:
//!
//! - **expected** is the mean of the values of that hour of the week, where there are values of two such hours; else of
//!   that hour of the day, where there are values of two days; else of all. Newer values weigh more ([`Speed`]).
//! - Before that, values far from the median of their hours are moved towards it ([`Filtering`]), so that one incident does
//!   not make the next one expected.
//! - **deviation** is that of the values from what is expected for them, as if [`POOLED_VALUES`] more were in each hour that
//!   deviate as all do together: an hour of few values is not taken for a calm one. It grows a little where the mean is of
//!   few values, and is at least a thousandth of the mean.
//!
//! A band is what is expected, give or take so many deviations. Where no value was below zero, no band is.
//!
//! This is not AWS's model, which is not published: it learns trends and adapts its periods, and its bands differ.

use std::collections::BTreeSet;
use std::time::Duration;

use base::Timestamp;
use jiff::tz::TimeZone;

/// How long before a moment values are looked at. Source: CloudWatch User Guide, "Using CloudWatch anomaly detection",
/// "the past two weeks".
pub const LEARNED: Duration = Duration::from_secs(14 * 86_400);
/// Without so many values nothing is expected. Chosen: an hour of five minutes each.
pub const VALUES_MIN: usize = 12;
/// Nor without values in so many different hours. Chosen: what AWS's training takes at most.
pub const HOURS_MIN: usize = 3;
/// Values that each hour borrows from all. Chosen: as [`VALUES_MIN`].
const POOLED_VALUES: f64 = 12.0;
/// The least deviation, as a part of the mean: less is noise of counting. Chosen.
const DEVIATION_MIN: f64 = 0.001;
/// A median's deviation times this is a normal one's. Source: Iglewicz and Hoaglin, "How to Detect and Handle Outliers".
const OF_MEDIAN: f64 = 1.4826;
/// A mean absolute deviation times this is a normal one's. Source: as above.
const OF_MEAN: f64 = 1.253_314;

const HOURS: usize = 168;
const DAY_HOURS: usize = 24;
const HOUR_SECS: u64 = 3600;

/// How fast old values lose weight. Source of the names: the service model, `AnomalyDetectorConfiguration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speed {
    /// By half in two days.
    Fast,
    /// By half in a week.
    #[default]
    Normal,
    /// Hardly: by half in four weeks.
    Slow,
}

/// How far from the median a value may be before it is moved, in deviations. Source of the names: as for [`Speed`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filtering {
    /// Ten.
    Minimal,
    /// Five.
    #[default]
    Moderate,
    /// Three.
    Strict,
    /// None is moved: spikes are expected.
    None,
}

/// How a model is to learn.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// In which hours of days and weeks are told apart.
    pub zone: TimeZone,
    /// Times, from and before, whose values do not count.
    pub excluded: Vec<(Timestamp, Timestamp)>,
    /// How fast old values lose weight.
    pub speed: Speed,
    /// What becomes of values that are far out.
    pub filtering: Filtering,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            excluded: Vec::new(),
            speed: Speed::default(),
            filtering: Filtering::default(),
        }
    }
}

/// What is expected at each hour of the week.
#[derive(Clone, Debug)]
pub struct Model {
    zone: TimeZone,
    hours: Vec<Expected>,
    has_negative: bool,
}

/// What is expected at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// The value.
    pub value: f64,
    /// How far values usually are from it.
    pub deviation: f64,
}

/// The edges of a band at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edges {
    /// Less is not expected.
    pub lower: f64,
    /// More is not expected.
    pub upper: f64,
}

/// A value of the past.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Of the week: 0 is Monday, from midnight to one.
    hour: usize,
    /// Since 1970, of the zone.
    day: i64,
    value: f64,
    weight: f64,
}

impl Model {
    /// Learns of the values of [`LEARNED`] before `until`. `points`: the start of periods and values, oldest first; others are
    /// left out. None where there are too few: [`VALUES_MIN`], [`HOURS_MIN`].
    #[must_use]
    pub fn learn(
        points: &[(Timestamp, f64)],
        until: Timestamp,
        training: &Training,
    ) -> Option<Self> {
        let samples = samples(points, until, training);
        let mut hours: Vec<_> = samples.iter().map(|it| (it.day, it.hour)).collect();
        hours.dedup();
        if samples.len() < VALUES_MIN || hours.len() < HOURS_MIN {
            return None;
        }
        let groups = Groups::of(&samples, training.filtering);
        let pooled = groups.pooled();
        let expected = |hour| groups.chosen(hour).map(|group| group.expected(pooled));
        Some(Self {
            zone: training.zone.clone(),
            hours: (0..HOURS).filter_map(expected).collect(),
            has_negative: samples.iter().any(|it| it.value < 0.0),
        })
    }

    /// What is expected at `at`.
    #[must_use]
    pub fn expected(&self, at: Timestamp) -> Option<Expected> {
        let (_, hour) = place(at, &self.zone)?;
        self.hours.get(hour).copied()
    }

    /// The band of `deviations` at `at`.
    #[must_use]
    pub fn edges(&self, at: Timestamp, deviations: f64) -> Option<Edges> {
        let expected = self.expected(at)?;
        let wide = expected.deviation * deviations;
        let lower = expected.value - wide;
        let edges = Edges {
            lower: if self.has_negative {
                lower
            } else {
                lower.max(0.0)
            },
            upper: expected.value + wide,
        };
        (edges.lower.is_finite() && edges.upper.is_finite()).then_some(edges)
    }
}

fn samples(points: &[(Timestamp, f64)], until: Timestamp, training: &Training) -> Vec<Sample> {
    let from = until.minus(LEARNED);
    let half_life_secs = match training.speed {
        Speed::Fast => 2.0 * 86_400.0,
        Speed::Normal => 7.0 * 86_400.0,
        Speed::Slow => 28.0 * 86_400.0,
    };
    let mut zone = Hours::new(&training.zone);
    let sample = |(at, value): &(Timestamp, f64)| {
        let is_excluded = |(begin, end): &(Timestamp, Timestamp)| (*begin..*end).contains(at);
        let is_in = (from..until).contains(at) && value.is_finite();
        if !is_in || training.excluded.iter().any(is_excluded) {
            return None;
        }
        let (day, hour) = zone.place(*at)?;
        Some(Sample {
            hour,
            day,
            value: *value,
            weight: 0.5_f64.powf(until.since(*at).as_secs_f64() / half_life_secs),
        })
    };
    points.iter().filter_map(sample).collect()
}

/// The day and hour of the week of moments that come in order: those of the same hour are looked up once.
struct Hours<'a> {
    zone: &'a TimeZone,
    /// Since 1970, and what was found for it. Quarters of hours, since zones differ by those.
    last: Option<(u64, Option<(i64, usize)>)>,
}

impl<'a> Hours<'a> {
    const fn new(zone: &'a TimeZone) -> Self {
        Self { zone, last: None }
    }

    fn place(&mut self, at: Timestamp) -> Option<(i64, usize)> {
        let quarter = at.as_secs() / (HOUR_SECS / 4);
        match self.last {
            Some((known, found)) if known == quarter => found,
            _ => {
                let found = place(at, self.zone);
                self.last = Some((quarter, found));
                found
            }
        }
    }
}

/// The day since 1970 and the hour of the week.
fn place(at: Timestamp, zone: &TimeZone) -> Option<(i64, usize)> {
    let secs = i64::try_from(at.as_secs()).ok()?;
    let offset = zone.to_offset(jiff::Timestamp::from_second(secs).ok()?);
    let local = secs + i64::from(offset.seconds());
    let day = local.div_euclid(86_400);
    let hour = usize::try_from(local.rem_euclid(86_400) / 3600).ok()?;
    // The first day of 1970 was a Thursday.
    let weekday = usize::try_from((day + 3).rem_euclid(7)).ok()?;
    Some((day, weekday * DAY_HOURS + hour))
}

/// Values by hours of the week, hours of the day, and all; with the one of them that counts for each hour.
struct Groups {
    weekly: Vec<Option<Group>>,
    daily: Vec<Option<Group>>,
    all: Group,
    samples: Vec<Sample>,
}

/// Values that are expected to be alike.
#[derive(Clone, Copy, Debug)]
struct Group {
    low: f64,
    high: f64,
    mean: f64,
    variance: f64,
    /// How many values of equal weight would say as much.
    count: f64,
}

impl Groups {
    fn of(samples: &[Sample], filtering: Filtering) -> Self {
        let mut weekly = vec![Vec::new(); HOURS];
        let mut daily = vec![Vec::new(); DAY_HOURS];
        for sample in samples {
            if let Some(group) = weekly.get_mut(sample.hour) {
                group.push(*sample);
            }
            if let Some(group) = daily.get_mut(sample.hour % DAY_HOURS) {
                group.push(*sample);
            }
        }
        // Of one day alone an hour says nothing of others.
        let group = |samples: Vec<Sample>| {
            let first = samples.first()?;
            let is_many = samples.iter().any(|it| it.day != first.day);
            is_many.then(|| Group::of(&samples, filtering))
        };
        Self {
            weekly: weekly.into_iter().map(group).collect(),
            daily: daily.into_iter().map(group).collect(),
            all: Group::of(samples, filtering),
            samples: samples.to_vec(),
        }
    }

    fn chosen(&self, hour: usize) -> Option<&Group> {
        let weekly = self.weekly.get(hour)?.as_ref();
        let daily = || self.daily.get(hour % DAY_HOURS)?.as_ref();
        weekly.or_else(daily).or(Some(&self.all))
    }

    /// The variance of all values from what is expected for them.
    fn pooled(&self) -> f64 {
        let mut used = BTreeSet::new();
        let (mut squares, mut count) = (0.0, 0.0);
        for sample in &self.samples {
            let Some(group) = self.chosen(sample.hour) else {
                continue;
            };
            squares += (group.clipped(sample.value) - group.mean).powi(2);
            count += 1.0;
            used.insert(std::ptr::from_ref(group));
        }
        // Each mean takes one value's freedom.
        let free = count - used.len() as f64;
        if free > 0.0 { squares / free } else { 0.0 }
    }
}

impl Group {
    /// `samples`: at least one.
    fn of(samples: &[Sample], filtering: Filtering) -> Self {
        let (low, high) = limits(samples, filtering);
        let mut weights = (0.0, 0.0, 0.0);
        for sample in samples {
            let value = sample.value.clamp(low, high);
            weights.0 += sample.weight;
            weights.1 += sample.weight * sample.weight;
            weights.2 += sample.weight * value;
        }
        let (weight, squares, sum) = weights;
        let mean = sum / weight;
        let distance = |it: &Sample| it.weight * (it.value.clamp(low, high) - mean).powi(2);
        let count = weight * weight / squares;
        let biased = samples.iter().map(distance).sum::<f64>() / weight;
        Self {
            low,
            high,
            mean,
            variance: if count > 1.0 {
                biased * count / (count - 1.0)
            } else {
                0.0
            },
            count,
        }
    }

    fn clipped(&self, value: f64) -> f64 {
        value.clamp(self.low, self.high)
    }

    fn expected(&self, pooled: f64) -> Expected {
        let own = (self.count - 1.0).max(0.0);
        let variance = (own * self.variance + POOLED_VALUES * pooled) / (own + POOLED_VALUES);
        // What is to come deviates from a mean that is not known exactly.
        let deviation = (variance * (1.0 + 1.0 / self.count)).sqrt();
        Expected {
            value: self.mean,
            deviation: deviation.max(self.mean.abs() * DEVIATION_MIN),
        }
    }
}

/// Between which values stay as they are.
fn limits(samples: &[Sample], filtering: Filtering) -> (f64, f64) {
    let deviations = match filtering {
        Filtering::Minimal => 10.0,
        Filtering::Moderate => 5.0,
        Filtering::Strict => 3.0,
        Filtering::None => return (f64::MIN, f64::MAX),
    };
    let mut values: Vec<f64> = samples.iter().map(|it| it.value).collect();
    let middle = median(&mut values);
    let mut distances: Vec<f64> = values.iter().map(|it| (it - middle).abs()).collect();
    let mean = distances.iter().sum::<f64>() / distances.len() as f64;
    // Where most values are the same, their median's deviation is nothing.
    let deviation = match median(&mut distances) * OF_MEDIAN {
        0.0 => mean * OF_MEAN,
        deviation => deviation,
    };
    let wide = deviation * deviations;
    match wide.is_finite() {
        true => (middle - wide, middle + wide),
        false => (f64::MIN, f64::MAX),
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = values.get(half).copied().unwrap_or_default();
    match values.len() % 2 {
        0 => {
            let lower = half.checked_sub(1).and_then(|it| values.get(it));
            lower.map_or(upper, |lower| lower / 2.0 + upper / 2.0)
        }
        _ => upper,
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
