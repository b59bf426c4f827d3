//! What operators and functions make of values.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use base::Timestamp;

use super::evaluate::operate;
use super::series::{Points, Series, Tally, Value, tallies};
use super::tree::{Function, Operator};

/// Joins two values, series by series and point by point. A division by zero drops the point.
pub(super) fn join(operator: Operator, left: Value, right: Value) -> Value {
    let run = |left, right| operate(operator, left, right);
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => Value::Scalar(run(left, right)),
        (Value::Scalar(left), right) => {
            right.each(|series| series.map(|value| kept(left, run(left, value))))
        }
        (left, Value::Scalar(right)) => {
            left.each(|series| series.map(|value| kept(right, run(value, right))))
        }
        (Value::Series(left), Value::Series(right)) => Value::Series(left.zip(&right, run)),
        (Value::Array(left), Value::Series(right)) => Value::Array(
            left.into_iter()
                .map(|it| zip_of_array(it, &right, run))
                .collect(),
        ),
        (Value::Series(left), Value::Array(right)) => {
            let turned = |right, left| run(left, right);
            Value::Array(
                right
                    .into_iter()
                    .map(|it| zip_of_array(it, &left, turned))
                    .collect(),
            )
        }
        // The check has refused it.
        (Value::Array(_), Value::Array(_)) => Value::Array(Vec::new()),
    }
}

/// Nothing comes of a number that is none: `m1 > AVG(m2)` where `m2` is empty.
fn kept(scalar: f64, result: f64) -> f64 {
    if scalar.is_nan() { f64::NAN } else { result }
}

/// Each series of an array stays what it was of.
fn zip_of_array(of_array: Series, other: &Series, run: impl Fn(f64, f64) -> f64) -> Series {
    Series {
        origin: of_array.origin.clone(),
        ..of_array.zip(other, run)
    }
}

/// A function of one argument.
pub(super) fn of_one(function: Function, argument: Value) -> Value {
    match function {
        Function::Abs => argument.each(|series| series.map(f64::abs)),
        Function::Ceil => argument.each(|series| series.map(f64::ceil)),
        Function::Floor => argument.each(|series| series.map(f64::floor)),
        Function::Log => argument.each(|series| series.map(f64::ln)),
        Function::Log10 => argument.each(|series| series.map(f64::log10)),
        Function::Diff => argument.each(|series| series.pairs(|before, this| this.1 - before.1)),
        Function::DiffTime => argument.each(|series| series.pairs(secs_between)),
        Function::Rate => argument.each(|series| {
            series.pairs(|before, this| (this.1 - before.1) / secs_between(before, this))
        }),
        Function::RunningSum => argument.each(running_sum),
        Function::Avg
        | Function::Sum
        | Function::Min
        | Function::Max
        | Function::Stddev
        | Function::DatapointCount => summed_up(function, argument),
        Function::First => {
            Value::Series(argument.into_array().into_iter().next().unwrap_or_default())
        }
        Function::Last => Value::Series(argument.into_array().pop().unwrap_or_default()),
        Function::MetricCount => Value::Scalar(argument.into_array().len() as f64),
        Function::RemoveEmpty => {
            let mut array = argument.into_array();
            array.retain(|series| !series.points.is_empty());
            Value::Array(array)
        }
        // The check has refused all others.
        _ => argument,
    }
}

fn secs_between(before: (Timestamp, f64), this: (Timestamp, f64)) -> f64 {
    this.0.since(before.0).as_secs_f64()
}

fn running_sum(series: Series) -> Series {
    let mut sum = 0.0;
    let points = series.points.into_iter().map(|(at, value)| {
        sum += value;
        (at, sum)
    });
    let points: Points = points.filter(|(_, sum)| sum.is_finite()).collect();
    Series { points, ..series }
}

/// A number of one series, one series of an array.
fn summed_up(function: Function, argument: Value) -> Value {
    let array = match argument {
        Value::Series(series) => {
            let tally = series.tally();
            return Value::Scalar(of_tally(function, tally, tally.count));
        }
        other => other.into_array(),
    };
    let count = array.len() as f64;
    let tallies = tallies(&array).into_iter();
    let points = tallies.map(|(at, tally)| (at, of_tally(function, tally, count)));
    Value::Series(Series {
        points: points.filter(|(_, value)| value.is_finite()).collect(),
        period_secs: array
            .iter()
            .fold(0, |period, it| super::series::finer(period, it.period_secs)),
        origin: None,
    })
}

/// `count`: how many values there would be if none were missing.
fn of_tally(function: Function, tally: Tally, count: f64) -> f64 {
    match function {
        Function::Avg => tally.sum / count,
        Function::Sum => tally.sum,
        Function::Min => tally.min(),
        Function::Max => tally.max(),
        Function::Stddev => tally.deviation(),
        _ => tally.count,
    }
}

/// `IF` with a series for its condition. Source: the guide, "Using IF expressions".
pub(super) fn choose(condition: Value, then: Value, otherwise: Option<Value>) -> Value {
    let mut condition = condition.into_array();
    let condition = condition.pop().unwrap_or_default();
    let branch = |value: Value| match value {
        Value::Scalar(number) => Branch::Number(number),
        series => Branch::Series(series.into_array().pop().unwrap_or_default().by_time()),
    };
    let (then, otherwise) = (branch(then), otherwise.map(branch));
    let points = condition.points.iter().filter_map(|(at, truth)| {
        let value = match *truth != 0.0 {
            true => then.at(*at).unwrap_or(0.0),
            false => otherwise.as_ref()?.at(*at)?,
        };
        value.is_finite().then_some((*at, value))
    });
    Value::Series(Series {
        points: points.collect(),
        period_secs: condition.period_secs,
        origin: None,
    })
}

enum Branch {
    Number(f64),
    Series(BTreeMap<Timestamp, f64>),
}

impl Branch {
    fn at(&self, at: Timestamp) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Series(series) => series.get(&at).copied(),
        }
    }
}

/// The starts of periods.
pub(super) struct Grid {
    /// The first of them.
    pub(super) from: Timestamp,
    /// Before this moment.
    pub(super) to: Timestamp,
    pub(super) period_secs: u32,
}

impl Grid {
    pub(super) fn len(&self) -> usize {
        let millis = self.to.as_millis().saturating_sub(self.from.as_millis());
        let period_ms = u64::from(self.period_secs).max(1) * 1000;
        usize::try_from(millis.div_ceil(period_ms)).unwrap_or(usize::MAX)
    }

    pub(super) fn times(&self) -> impl Iterator<Item = Timestamp> {
        let (from, period_secs) = (self.from.as_secs(), u64::from(self.period_secs).max(1));
        let count = u64::try_from(self.len()).unwrap_or(u64::MAX);
        (0..count).map(move |index| Timestamp::from_secs(from + index * period_secs))
    }
}

/// What stands where a value is missing.
pub(super) enum Filler {
    Number(f64),
    Series(BTreeMap<Timestamp, f64>),
    /// The newest value before it.
    Repeat,
    /// On the line between the values around it.
    Linear,
}

/// The series with a value in every period of `grid` for which the filler has one.
pub(super) fn fill(series: Series, filler: &Filler, grid: &Grid) -> Series {
    let known = series.by_time();
    let times: BTreeSet<Timestamp> = grid.times().chain(known.keys().copied()).collect();
    let mut before = None;
    let mut points = Points::with_capacity(times.len());
    for at in times {
        let value = match known.get(&at) {
            Some(value) => {
                before = Some((at, *value));
                Some(*value)
            }
            None => filled(filler, at, before, &known),
        };
        points.extend(value.filter(|it| it.is_finite()).map(|value| (at, value)));
    }
    Series { points, ..series }
}

fn filled(
    filler: &Filler,
    at: Timestamp,
    before: Option<(Timestamp, f64)>,
    known: &BTreeMap<Timestamp, f64>,
) -> Option<f64> {
    match filler {
        Filler::Number(number) => Some(*number),
        Filler::Series(series) => series.get(&at).copied(),
        Filler::Repeat => before.map(|(_, value)| value),
        Filler::Linear => {
            let before = before?;
            let mut later = known.range((Bound::Excluded(at), Bound::Unbounded));
            let after = later.next().map(|(at, value)| (*at, *value))?;
            let share = secs_between(before, (at, 0.0)) / secs_between(before, after);
            Some(before.1 + (after.1 - before.1) * share)
        }
    }
}

/// Sorted by what a function says of each series; those of which it says nothing stand last.
pub(super) fn sort(array: Vec<Series>, by: &str, order: &str, limit: Option<f64>) -> Value {
    let key = |series: &Series| {
        let tally = series.tally();
        match by {
            "AVG" => tally.average(),
            "MIN" => tally.min(),
            "MAX" => tally.max(),
            _ if tally.count == 0.0 => f64::NAN,
            _ => tally.sum,
        }
    };
    let mut keyed: Vec<(f64, Series)> = array.into_iter().map(|it| (key(&it), it)).collect();
    keyed.sort_by(|(one, _), (other, _)| {
        let by_key = match order {
            "DESC" => other.total_cmp(one),
            _ => one.total_cmp(other),
        };
        one.is_nan().cmp(&other.is_nan()).then(by_key)
    });
    let limit = limit.map_or(usize::MAX, index);
    Value::Array(keyed.into_iter().map(|(_, it)| it).take(limit).collect())
}

/// From the first bound, inclusive, to the second, exclusive.
pub(super) fn slice(array: Vec<Series>, bounds: &[f64]) -> Value {
    let from = bounds.first().copied().map_or(0, index);
    let to = bounds.get(1).copied().map_or(usize::MAX, index);
    let kept = array.into_iter().take(to).skip(from);
    Value::Array(kept.collect())
}

/// A whole number of it, nothing below 0.
fn index(number: f64) -> usize {
    number as usize
}

/// What a function of time says of a moment, in UTC. Monday is 1.
pub(super) fn part_of_time(function: Function, at: Timestamp) -> f64 {
    let secs = i64::try_from(at.as_secs()).ok();
    let time = secs.and_then(|secs| jiff::Timestamp::from_second(secs).ok());
    let Some(time) = time.map(|time| jiff::tz::Offset::UTC.to_datetime(time)) else {
        return f64::NAN;
    };
    match function {
        Function::Minute => f64::from(time.minute()),
        Function::Hour => f64::from(time.hour()),
        Function::Day => f64::from(time.weekday().to_monday_one_offset()),
        Function::Date => f64::from(time.day()),
        Function::Month => f64::from(time.month()),
        Function::Year => f64::from(time.year()),
        _ => at.as_secs() as f64,
    }
}
