//! From points to a state: M of N, missing data, low samples.
//!
//! Source: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data". Its ten rows of four treatments,
//! and what follows from its three bullets, are in `tests/data/alarm-vectors.json`. Where it says nothing (under `missing`,
//! only breaching points, fewer than M, the oldest younger than M periods) the state stays.

use std::collections::BTreeMap;

use base::Timestamp;

use super::settings::{Comparison, Limit, LowSamples, Metric, Treatment};
use super::state::State;
use super::window::Window;
use crate::anomaly::Edges;
use crate::metric::{Point, Statistic};

/// What points are held against.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// How.
    pub comparison: Comparison,
    /// Against what.
    pub against: Against,
    /// N: how many periods are looked at.
    pub periods: u32,
    /// M: how many of them must breach.
    pub to_alarm: u32,
    /// What becomes of periods without data.
    pub treatment: Treatment,
    /// Points of fewer values than this leave the state as it is.
    pub samples_min: Option<f64>,
}

/// A number, or the edges of a band by the start of periods.
#[derive(Clone, Debug, PartialEq)]
pub enum Against {
    /// The same at all times.
    Value(f64),
    /// Points of other periods than these are not beyond it.
    Band(BTreeMap<Timestamp, Edges>),
}

/// What an evaluation found.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The state; none leaves it as it is.
    pub state: Option<State>,
    /// The points that were counted, oldest first.
    pub counted: Vec<Point>,
    /// How many of those breach.
    pub breaching: u32,
    /// How many missing points were counted as breaching or not breaching.
    pub filled: u32,
}

impl Threshold {
    /// Of a metric alarm. `statistic`: of the metric that it watches, if it watches one; `edges`: of its band.
    #[must_use]
    pub fn of(
        metric: &Metric,
        statistic: Option<Statistic>,
        edges: BTreeMap<Timestamp, Edges>,
    ) -> Self {
        Self {
            comparison: metric.comparison,
            against: match metric.threshold {
                Limit::Value(value) => Against::Value(value),
                Limit::Band(_) => Against::Band(edges),
            },
            periods: metric.evaluation_periods,
            to_alarm: metric.to_alarm(),
            treatment: metric.treats_missing(),
            samples_min: match (metric.low_samples, statistic) {
                (Some(LowSamples::Ignore), Some(Statistic::Percentile(percent))) => {
                    samples_min(percent)
                }
                _ => None,
            },
        }
    }

    /// The edges that a point is held against.
    #[must_use]
    pub fn edges(&self, point: &Point) -> Option<Edges> {
        match &self.against {
            Against::Value(value) => Some(Edges {
                lower: *value,
                upper: *value,
            }),
            Against::Band(edges) => edges.get(&point.at).copied(),
        }
    }

    /// Whether a point is beyond.
    #[must_use]
    pub fn breaks(&self, point: &Point) -> bool {
        let edges = self.edges(point);
        edges.is_some_and(|edges| self.comparison.is_breached(point.value, edges))
    }
}

/// Values that a percentile needs in order to mean something: 10 / (1 - p) from the median on, 10 / p below. None where it
/// is the least or the greatest value, which any number has. Source: User Guide, "Percentile-based alarms and low data
/// samples".
fn samples_min(percent: f64) -> Option<f64> {
    let part = percent / 100.0;
    let rare = if part >= 0.5 { 1.0 - part } else { part };
    (rare > f64::EPSILON).then(|| 10.0 / rare)
}

/// The state that `points` give.
///
/// `points`: those of the window that there are, oldest first, at most one a period.
#[must_use]
pub fn evaluate(threshold: &Threshold, points: &[Point], window: &Window) -> Evaluation {
    let wanted = threshold.periods as usize;
    let newest = points.get(points.len().saturating_sub(wanted)..);
    let counted = newest.unwrap_or_default().to_vec();
    let breaching = counted.iter().filter(|point| threshold.breaks(point));
    let breaching = count(breaching.count());
    let missing = threshold.periods.saturating_sub(count(counted.len()));
    let mut evaluation = Evaluation {
        state: None,
        counted,
        breaching,
        filled: 0,
    };
    evaluation.state = match threshold.treatment {
        _ if is_low(threshold, &evaluation.counted) => None,
        _ if missing == 0 => Some(by_count(threshold, breaching)),
        Treatment::Breaching => {
            evaluation.filled = missing;
            Some(by_count(threshold, breaching.saturating_add(missing)))
        }
        Treatment::NotBreaching => {
            evaluation.filled = missing;
            Some(by_count(threshold, breaching))
        }
        Treatment::Missing | Treatment::Ignore => of_few(threshold, &evaluation, window),
    };
    evaluation
}

/// Where fewer points than N are there and nothing stands for the others.
fn of_few(threshold: &Threshold, evaluation: &Evaluation, window: &Window) -> Option<State> {
    let is_missing = threshold.treatment == Treatment::Missing;
    let Some(oldest) = evaluation.counted.first() else {
        return is_missing.then_some(State::InsufficientData);
    };
    if evaluation.breaching >= threshold.to_alarm {
        return Some(State::Alarm);
    }
    if evaluation.breaching < count(evaluation.counted.len()) {
        return Some(State::Ok);
    }
    let is_old = age(oldest.at, window) >= u64::from(threshold.to_alarm);
    (is_missing && is_old).then_some(State::Alarm)
}

const fn by_count(threshold: &Threshold, breaching: u32) -> State {
    if breaching >= threshold.to_alarm {
        State::Alarm
    } else {
        State::Ok
    }
}

/// Whether the newest point is of too few values.
fn is_low(threshold: &Threshold, counted: &[Point]) -> bool {
    match (threshold.samples_min, counted.last()) {
        (Some(least), Some(point)) => point.samples < least,
        _ => false,
    }
}

/// How many periods old a point is; the newest period's is 1.
fn age(at: Timestamp, window: &Window) -> u64 {
    let secs = window.newest.since(at).as_secs();
    secs / u64::from(window.period_secs.max(1)) + 1
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
