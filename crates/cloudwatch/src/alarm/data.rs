//! How alarms read what they watch.
//!
//! Statistics that follow from count, sum, least and greatest are read by minutes (or ten seconds) and put together, so
//! that buckets may slide; percentiles and their like, and expressions, are read in buckets that begin at multiples of
//! their period, as they cannot be put together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;

use super::engine::data::Watched;
use super::engine::window::{Window, range, step_secs, window};
use crate::anomaly::Edges;
use crate::metric::{Point, Query, Read, Stat, Statistic, Summary, Unreadable, Wanted};

/// Reads what alarms watch. Calls may read the disk: call them where a thread may block.
pub trait Data: Send + Sync + fmt::Debug {
    /// What an evaluation at `now` looks at.
    ///
    /// # Errors
    /// [`Unread`].
    fn points(
        &self,
        watched: &Watched,
        period_secs: u32,
        evaluation_periods: u32,
        now: Timestamp,
    ) -> Result<Seen, Unread>;

    /// Whether expressions can be evaluated; the error says what is wrong, for whoever puts them. `band`: the id of the band
    /// that the one that returns data is held against.
    ///
    /// # Errors
    /// A sentence.
    fn check(&self, queries: &[Query], band: Option<&str>) -> Result<(), String>;
}

/// What an evaluation looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The points of its periods, oldest first. Of an alarm on a band, those for which there is one.
    pub points: Vec<Point>,
    /// The band at those points, of an alarm on one.
    pub edges: BTreeMap<Timestamp, Edges>,
    /// Its periods.
    pub window: Window,
}

/// Points of the queries that return data, by id. A band has two: the lower edge, then the upper one.
pub type Answers = Vec<(String, Vec<Point>)>;

/// Evaluates expressions. Whoever knows expressions implements it.
pub trait Math: Send + Sync + fmt::Debug {
    /// Whether expressions can be evaluated; exactly one of them returns data, beside the one that is the `band`.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    fn check(&self, queries: &[Query], band: Option<&str>) -> Result<(), String>;

    /// The points of the queries that return data, in periods of `period_secs` that begin from `from` on and before `to`, both
    /// multiples of it; oldest first.
    ///
    /// # Errors
    /// [`Unread`].
    fn points(
        &self,
        read: &dyn Read,
        queries: &[Query],
        period_secs: u32,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Answers, Unread>;
}

/// Why what is watched was not read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// Metrics cannot be read.
    #[error(transparent)]
    Metrics(#[from] Unreadable),
    /// An expression cannot be evaluated.
    #[error("an expression cannot be evaluated: {0}")]
    Expression(String),
}

/// What alarms watch, out of the metrics.
#[derive(Debug)]
pub struct Metrics {
    read: Arc<dyn Read>,
    math: Arc<dyn Math>,
}

/// No expressions: alarms on them are refused.
#[derive(Clone, Copy, Debug)]
pub struct NoMath;

impl Metrics {
    /// Over metrics and what evaluates expressions of them.
    #[must_use]
    pub fn new(read: Arc<dyn Read>, math: Arc<dyn Math>) -> Self {
        Self { read, math }
    }

    /// Buckets that slide, put together of smaller ones.
    fn sliding(&self, stat: &Stat, window: &Window) -> Result<Vec<Point>, Unread> {
        let found = self.read.summaries(&Wanted {
            identity: &stat.identity,
            unit: stat.unit,
            statistic: stat.statistic,
            period_secs: step_secs(window.period_secs),
            from: window.from,
            to: window.to,
        })?;
        // Of several units the alarm's is not defined (`PutMetricAlarm`, `Unit`); the first is taken.
        let periods = found.into_iter().next().map(|first| first.periods);
        let mut points: Vec<(Timestamp, Summary)> = Vec::new();
        for (at, summary) in periods.unwrap_or_default() {
            let bucket = bucket(window, at);
            match points.last_mut() {
                Some((last, sum)) if *last == bucket => add(sum, &summary),
                _ => points.push((bucket, summary)),
            }
        }
        let points = points.into_iter();
        Ok(points
            .filter_map(|(at, summary)| point(stat.statistic, at, &summary))
            .collect())
    }

    fn fixed(&self, stat: &Stat, window: &Window) -> Result<Vec<Point>, Unread> {
        let found = self.read.series(&Wanted {
            identity: &stat.identity,
            unit: stat.unit,
            statistic: stat.statistic,
            period_secs: window.period_secs,
            from: window.from,
            to: window.to,
        })?;
        Ok(found.points)
    }
}

impl Data for Metrics {
    fn points(
        &self,
        watched: &Watched,
        period_secs: u32,
        evaluation_periods: u32,
        now: Timestamp,
    ) -> Result<Seen, Unread> {
        let sliding = window(now, period_secs, evaluation_periods);
        let whole = aligned(now, period_secs, evaluation_periods);
        let answers = |queries: &[Query]| {
            let read = self.read.as_ref();
            self.math
                .points(read, queries, period_secs, whole.from, whole.to)
        };
        match watched {
            Watched::Metric(stat) if !stat.statistic.is_extended() => {
                let points = match step_secs(period_secs) == period_secs {
                    true => self.fixed(stat, &sliding)?,
                    false => self.sliding(stat, &sliding)?,
                };
                Ok(Seen::plain(points, sliding))
            }
            Watched::Metric(stat) => Ok(Seen::plain(self.fixed(stat, &whole)?, whole)),
            Watched::Math(queries) => {
                let first = answers(queries)?.into_iter().next();
                let points = first.map(|(_, points)| points).unwrap_or_default();
                Ok(Seen::plain(points, whole))
            }
            Watched::Band { queries, band } => Ok(within(answers(queries)?, band, whole)),
        }
    }

    fn check(&self, queries: &[Query], band: Option<&str>) -> Result<(), String> {
        self.math.check(queries, band)
    }
}

impl Math for NoMath {
    fn check(&self, _: &[Query], _: Option<&str>) -> Result<(), String> {
        Err("Expressions are not supported here.".to_owned())
    }

    fn points(
        &self,
        _: &dyn Read,
        _: &[Query],
        _: u32,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Answers, Unread> {
        Err(Unread::Expression("there are none here".to_owned()))
    }
}

impl Seen {
    /// Without a band.
    #[must_use]
    pub const fn plain(points: Vec<Point>, window: Window) -> Self {
        Self {
            points,
            edges: BTreeMap::new(),
            window,
        }
    }
}

/// What is watched with its band: points without one say nothing.
fn within(answers: Answers, band: &str, window: Window) -> Seen {
    let (edges, watched): (Answers, Answers) = answers.into_iter().partition(|(id, _)| id == band);
    let mut edges = edges.into_iter().map(|(_, points)| points);
    let (lower, upper) = (
        edges.next().unwrap_or_default(),
        edges.next().unwrap_or_default(),
    );
    let upper: BTreeMap<_, _> = upper.iter().map(|point| (point.at, point.value)).collect();
    let both = |lower: &Point| {
        let edges = Edges {
            lower: lower.value,
            upper: *upper.get(&lower.at)?,
        };
        Some((lower.at, edges))
    };
    let edges: BTreeMap<_, _> = lower.iter().filter_map(both).collect();
    let watched = watched.into_iter().next();
    let mut points = watched.map(|(_, points)| points).unwrap_or_default();
    points.retain(|point| edges.contains_key(&point.at));
    Seen {
        points,
        edges,
        window,
    }
}

/// The window whose newest period is the last whole one that begins at a multiple of the period.
fn aligned(now: Timestamp, period_secs: u32, evaluation_periods: u32) -> Window {
    let secs = u64::from(period_secs.max(1));
    let to = Timestamp::from_secs(now.as_secs() / secs * secs);
    let period = Duration::from_secs(secs);
    Window {
        newest: to.minus(period),
        from: to.minus(period.saturating_mul(range(evaluation_periods))),
        to,
        period_secs,
    }
}

/// The start of the period of a window that `at` lies in.
fn bucket(window: &Window, at: Timestamp) -> Timestamp {
    let period = u64::from(window.period_secs.max(1)) * 1000;
    let past = at.since(window.from).as_millis();
    let past = u64::try_from(past).unwrap_or(u64::MAX) / period * period;
    window.from.plus(Duration::from_millis(past))
}

fn add(sum: &mut Summary, other: &Summary) {
    sum.count += other.count;
    sum.sum += other.sum;
    sum.min = sum.min.min(other.min);
    sum.max = sum.max.max(other.max);
}

fn point(statistic: Statistic, at: Timestamp, summary: &Summary) -> Option<Point> {
    let value = match statistic {
        Statistic::SampleCount => summary.count,
        Statistic::Sum => summary.sum,
        Statistic::Minimum => summary.min,
        Statistic::Maximum => summary.max,
        Statistic::Average if summary.count > 0.0 => summary.sum / summary.count,
        _ => return None,
    };
    Some(Point {
        at,
        value,
        samples: summary.count,
    })
}

#[cfg(test)]
#[path = "data_tests.rs"]
mod tests;
