//! Values while an expression is evaluated, and what is done point by point.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Timestamp;

use super::check::Kind;
use crate::metric::Stat;

/// The points of a series, oldest first: the start of a period, and a finite value.
pub(super) type Points = Vec<(Timestamp, f64)>;

/// What a series takes beside its points. Chosen: more than its 48 bytes.
const SERIES_POINTS: usize = 8;

/// What an expression gives.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A number; none (NaN) where there was nothing to make it of.
    Scalar(f64),
    Series(Series),
    Array(Vec<Series>),
}

/// A time series.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    pub(super) points: Points,
    pub(super) period_secs: u32,
    /// Of what it was made, as long as that is one thing.
    pub(super) origin: Option<Arc<Origin>>,
}

/// Of what a series was made.
#[derive(Debug)]
pub(super) struct Origin {
    /// The metric, where it is one.
    pub(super) stat: Option<Stat>,
    /// How people call it.
    pub(super) name: String,
    /// The names of the units that there were, sorted, where there were several.
    pub(super) units: Vec<&'static str>,
}

impl Value {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Scalar(_) => Kind::Scalar,
            Self::Series(_) => Kind::Series,
            Self::Array(_) => Kind::Array,
        }
    }

    /// What it takes, in points: an empty series is counted too, so that arrays of them have a bound.
    pub(super) fn size(&self) -> usize {
        let of_series = |series: &Series| SERIES_POINTS + series.points.len();
        match self {
            Self::Scalar(_) => 0,
            Self::Series(series) => of_series(series),
            Self::Array(array) => array.iter().map(of_series).sum(),
        }
    }

    /// The series in it.
    pub(super) fn into_array(self) -> Vec<Series> {
        match self {
            Self::Scalar(_) => Vec::new(),
            Self::Series(series) => vec![series],
            Self::Array(array) => array,
        }
    }

    /// The number that it is, or none.
    pub(super) fn into_scalar(self) -> f64 {
        match self {
            Self::Scalar(number) => number,
            Self::Series(_) | Self::Array(_) => f64::NAN,
        }
    }

    /// The same done to each series in it.
    pub(super) fn each(self, run: impl Fn(Series) -> Series) -> Self {
        match self {
            Self::Scalar(number) => Self::Scalar(number),
            Self::Series(series) => Self::Series(run(series)),
            Self::Array(array) => Self::Array(array.into_iter().map(run).collect()),
        }
    }
}

impl Series {
    /// The same with each value made another; what is no number is dropped.
    pub(super) fn map(self, run: impl Fn(f64) -> f64) -> Self {
        let points = self.points.into_iter();
        let points = points.map(|(at, value)| (at, run(value)));
        Self {
            points: points.filter(|(_, value)| value.is_finite()).collect(),
            ..self
        }
    }

    /// The same with a value of each point and the one before it.
    pub(super) fn pairs(self, run: impl Fn((Timestamp, f64), (Timestamp, f64)) -> f64) -> Self {
        let before = self.points.iter();
        let pairs = before.zip(self.points.iter().skip(1));
        let points = pairs.map(|(before, this)| (this.0, run(*before, *this)));
        Self {
            points: points.filter(|(_, value)| value.is_finite()).collect(),
            ..self
        }
    }

    /// Joins two at every time that one of them has; what is missing is 0, and what is no number is dropped.
    pub(super) fn zip(&self, other: &Self, run: impl Fn(f64, f64) -> f64) -> Self {
        let mut points = Vec::with_capacity(self.points.len().max(other.points.len()));
        let (mut left, mut right) = (
            self.points.iter().copied().peekable(),
            other.points.iter().copied().peekable(),
        );
        loop {
            let (ours, theirs) = (left.peek().copied(), right.peek().copied());
            let at = match (ours, theirs) {
                (Some(ours), Some(theirs)) => ours.0.min(theirs.0),
                (Some(one), None) | (None, Some(one)) => one.0,
                (None, None) => break,
            };
            let ours = left.next_if(|point| point.0 == at);
            let theirs = right.next_if(|point| point.0 == at);
            let value = |point: Option<(Timestamp, f64)>| point.map_or(0.0, |(_, value)| value);
            points.push((at, run(value(ours), value(theirs))));
        }
        points.retain(|(_, value)| value.is_finite());
        Self {
            points,
            period_secs: finer(self.period_secs, other.period_secs),
            origin: None,
        }
    }

    pub(super) fn by_time(&self) -> BTreeMap<Timestamp, f64> {
        self.points.iter().copied().collect()
    }

    /// Everything that is known of its values.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.points.iter().for_each(|(_, value)| tally.add(*value));
        tally
    }
}

/// The shorter of two periods, where 0 is none.
pub(super) fn finer(one: u32, other: u32) -> u32 {
    match (one, other) {
        (0, period) | (period, 0) => period,
        _ => one.min(other),
    }
}

/// What is known of some values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) count: f64,
    pub(super) sum: f64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
}

impl Tally {
    pub(super) fn add(&mut self, value: f64) {
        let is_first = self.count == 0.0;
        self.count += 1.0;
        self.sum += value;
        // Welford's: without the loss of digits that a difference of squares has.
        let step = value - self.mean;
        self.mean += step / self.count;
        self.squares += step * (value - self.mean);
        self.min = if is_first { value } else { self.min.min(value) };
        self.max = if is_first { value } else { self.max.max(value) };
    }

    pub(super) fn average(self) -> f64 {
        self.sum / self.count
    }

    pub(super) fn min(self) -> f64 {
        self.unless_empty(self.min)
    }

    pub(super) fn max(self) -> f64 {
        self.unless_empty(self.max)
    }

    /// That of a whole population. AWS does not say which; chosen.
    pub(super) fn deviation(self) -> f64 {
        (self.squares / self.count).max(0.0).sqrt()
    }

    fn unless_empty(self, value: f64) -> f64 {
        if self.count == 0.0 { f64::NAN } else { value }
    }
}

/// The tallies of several series at each time that one of them has.
pub(super) fn tallies(array: &[Series]) -> BTreeMap<Timestamp, Tally> {
    let mut tallies = BTreeMap::<_, Tally>::new();
    for (at, value) in array.iter().flat_map(|series| &series.points) {
        tallies.entry(*at).or_default().add(*value);
    }
    tallies
}
