//! How alarms read what they watch.
//!
//! Statistics that follow from count, sum, least and greatest are read by minutes (or ten seconds) and put together, so
//! that buckets may slide; percentiles and their like, and expressions, are read in buckets that begin at multiples of
//! their period, as they cannot be put together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;

use super::engine::data::Watched;
use super::engine::window::{Window, range, step_secs, window};
use crate::metric::{Point, Query, Read, Stat, Statistic, Summary, Unreadable, Wanted};

/// Reads what alarms watch. Calls may read the disk: call them where a thread may block.
pub trait Data: Send + Sync + fmt::Debug {
    /// The points of the periods that an evaluation at `now` looks at, oldest first, and those periods.
    ///
    /// # Errors
    /// [`Unread`].
    fn points(
        &self,
        watched: &Watched,
        period_secs: u32,
        evaluation_periods: u32,
        now: Timestamp,
    ) -> Result<(Vec<Point>, Window), Unread>;

    /// Whether expressions can be evaluated; the error says what is wrong, for whoever puts them.
    ///
    /// # Errors
    /// A sentence.
    fn check(&self, queries: &[Query]) -> Result<(), String>;
}

/// Evaluates expressions. Whoever knows expressions implements it.
pub trait Math: Send + Sync + fmt::Debug {
    /// Whether expressions can be evaluated; exactly one of them returns data.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    fn check(&self, queries: &[Query]) -> Result<(), String>;

    /// The points of the one query that returns data, in periods of `period_secs` that begin from `from` on and before
    /// `to`, both multiples of it; oldest first.
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
    ) -> Result<Vec<Point>, Unread>;
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
    ) -> Result<(Vec<Point>, Window), Unread> {
        let sliding = window(now, period_secs, evaluation_periods);
        match watched {
            Watched::Metric(stat) if !stat.statistic.is_extended() => {
                let points = match step_secs(period_secs) == period_secs {
                    true => self.fixed(stat, &sliding)?,
                    false => self.sliding(stat, &sliding)?,
                };
                Ok((points, sliding))
            }
            Watched::Metric(stat) => {
                let window = aligned(now, period_secs, evaluation_periods);
                Ok((self.fixed(stat, &window)?, window))
            }
            Watched::Math(queries) => {
                let window = aligned(now, period_secs, evaluation_periods);
                let (from, to) = (window.from, window.to);
                let read = self.read.as_ref();
                let points = self.math.points(read, queries, period_secs, from, to)?;
                Ok((points, window))
            }
        }
    }

    fn check(&self, queries: &[Query]) -> Result<(), String> {
        self.math.check(queries)
    }
}

impl Math for NoMath {
    fn check(&self, _: &[Query]) -> Result<(), String> {
        Err("Expressions are not supported here.".to_owned())
    }

    fn points(
        &self,
        _: &dyn Read,
        _: &[Query],
        _: u32,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Vec<Point>, Unread> {
        Err(Unread::Expression("there are none here".to_owned()))
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
