//! GetMetricStatistics: statistics of one metric over time, for each unit apart.
//!
//! Periods begin with the start that was asked for, rounded down: to a minute within 15 days, to five within 63, to an hour
//! before; for periods below a minute to a multiple of them. The order of points is not promised; here it is time's.
//!
//! Source: CloudWatch API Reference, GetMetricStatistics; User Guide, "Get statistics for a specific resource", whose points
//! lie at the start's minute.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use wire::Shape;

use super::Desk;
use super::check::{Code, Wrongs, as_dimensions};
use super::fault;
use super::shape::Dimension;
use crate::metric::{Detail, Identity, Read, Statistic, Summaries, Summary, Unit, Wanted};

/// Points of an answer. Source: GetMetricStatistics.
const POINTS_MAX: u64 = 1440;
/// Statistics of a request. Source: the service model.
const STATISTICS_MAX: usize = 5;
/// Extended ones. Source: the service model.
const EXTENDED_MAX: usize = 10;
/// Seconds of the longest period: a day.
const PERIOD_SECS_MAX: i32 = 86_400;
const DAY_SECS: u64 = 86_400;

const PLAIN: [&str; 5] = ["Average", "Maximum", "Minimum", "SampleCount", "Sum"];

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetMetricStatisticsInput {
    #[shape(required)]
    namespace: String,
    #[shape(required)]
    metric_name: String,
    dimensions: Vec<Dimension>,
    #[shape(required)]
    start_time: Timestamp,
    #[shape(required)]
    end_time: Timestamp,
    #[shape(required)]
    period: i32,
    statistics: Vec<String>,
    extended_statistics: Vec<String>,
    unit: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetMetricStatisticsOutput {
    label: Option<String>,
    datapoints: Option<Vec<Datapoint>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Datapoint {
    timestamp: Option<Timestamp>,
    sample_count: Option<f64>,
    average: Option<f64>,
    sum: Option<f64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    unit: Option<String>,
    extended_statistics: BTreeMap<String, f64>,
}

impl Act<Desk> for GetMetricStatisticsInput {
    type Output = GetMetricStatisticsOutput;
    const ACTION: &'static str = "cloudwatch:GetMetricStatistics";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        desk.everything(Self::ACTION)
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<GetMetricStatisticsOutput, Fault> {
        desk.blocking(move |desk| self.answer(desk)).await
    }
}

impl GetMetricStatisticsInput {
    fn answer(self, desk: &Desk) -> Result<GetMetricStatisticsOutput, Fault> {
        let statistics = self.statistics()?;
        let unit = self.checked()?;
        let period = u64::try_from(self.period).unwrap_or(1);
        let from = rounded(self.start_time.as_secs(), period, desk.clock.now());
        let dimensions = as_dimensions(self.dimensions);
        let identity = Identity::new(&self.namespace, &self.metric_name, dimensions);
        let wanted = Wanted {
            identity: &identity,
            unit,
            statistic: Statistic::SampleCount,
            period_secs: u32::try_from(step(period, from)).unwrap_or(60),
            from: Timestamp::from_secs(from),
            to: self.end_time,
        };
        let found = desk.store.summaries(&wanted);
        let found = found.map_err(|error| fault::internal(&error))?;
        let points = found.into_iter().flat_map(|of_unit| {
            let unit = of_unit.unit;
            let periods = periods(of_unit, from, period).into_iter();
            let points = periods.map(|(at, summary)| point(at, unit, &summary, &statistics));
            points.flatten().collect::<Vec<_>>()
        });
        let mut points: Vec<Datapoint> = points.collect();
        points.sort_by_key(|point| point.timestamp);
        Ok(GetMetricStatisticsOutput {
            label: Some(self.metric_name),
            datapoints: Some(points),
        })
    }

    /// Checks everything but the statistics.
    fn checked(&self) -> Result<Option<Unit>, Fault> {
        let mut wrongs = Wrongs::default();
        wrongs.namespace(&self.namespace);
        wrongs.metric_name("MetricName", &self.metric_name);
        wrongs.dimensions("Dimensions", &self.dimensions);
        let unit = wrongs.unit("Unit", self.unit.as_deref());
        match self.period {
            0 => wrongs.add(Code::Value, "The parameter Period must not equal 0."),
            ..0 => wrongs.add(Code::Value, "The parameter Period must be greater than 0."),
            1 | 5 | 10 | 20 | 30 => {}
            period if period % 60 != 0 => {
                wrongs.add(
                    Code::Value,
                    "The parameter Period must be a multiple of 60.",
                );
            }
            period if period > PERIOD_SECS_MAX => wrongs.add(
                Code::Value,
                format!("The parameter Period must be less than or equal to {PERIOD_SECS_MAX}."),
            ),
            _ => {}
        }
        if self.start_time >= self.end_time {
            let text = "The parameter StartTime must be less than the parameter EndTime.";
            wrongs.add(Code::Value, text);
        }
        wrongs.check()?;
        let span = self.end_time.since(self.start_time).as_secs();
        let points = span / u64::try_from(self.period).unwrap_or(1);
        if points > POINTS_MAX {
            let text = format!(
                "You have requested up to {points} datapoints, which exceeds the limit of {POINTS_MAX}. You may reduce the datapoints requested by increasing Period, or decreasing the time range."
            );
            return Err(fault::sender(Code::Combination, text));
        }
        Ok(unit)
    }

    /// The statistics, by the name that they were asked for.
    fn statistics(&self) -> Result<Vec<(String, Statistic)>, Fault> {
        let mut wrongs = Wrongs::default();
        match (self.statistics.is_empty(), self.extended_statistics.is_empty()) {
            (true, true) => wrongs.add(
                Code::Combination,
                "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
            ),
            (false, false) => wrongs.add(
                Code::Combination,
                "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both.",
            ),
            _ => {}
        }
        wrongs.size("Statistics", self.statistics.len(), STATISTICS_MAX);
        let extended = self.extended_statistics.len();
        wrongs.size("ExtendedStatistics", extended, EXTENDED_MAX);
        let mut all = Vec::new();
        for (number, name) in (1..).zip(&self.statistics) {
            match name.parse() {
                Ok(statistic) if PLAIN.contains(&name.as_str()) => {
                    all.push((name.clone(), statistic));
                }
                _ => wrongs.set(&format!("Statistics.member.{number}"), &PLAIN),
            }
        }
        for (number, name) in (1..).zip(&self.extended_statistics) {
            match name.parse::<Statistic>() {
                Ok(statistic) if statistic.is_extended() => all.push((name.clone(), statistic)),
                _ => wrongs.add(
                    Code::Value,
                    format!("The value {name} for parameter ExtendedStatistics.member.{number} is not supported."),
                ),
            }
        }
        wrongs.check()?;
        Ok(all)
    }
}

/// The start as CloudWatch rounds it, in seconds.
fn rounded(start: u64, period: u64, now: Timestamp) -> u64 {
    if period < 60 {
        return start / period * period;
    }
    let days = |days: u64| now.minus(Duration::from_secs(days * DAY_SECS)).as_secs();
    let step = if start > days(15) {
        60
    } else if start > days(63) {
        300
    } else {
        3600
    };
    start / step * step
}

/// Seconds of the longest periods since 1970 of which periods from `from` on can be made.
fn step(period: u64, from: u64) -> u64 {
    if period < 60 || from.is_multiple_of(period) {
        return period;
    }
    let fits = |step: &u64| period.is_multiple_of(*step) && from.is_multiple_of(*step);
    [3600, 300].into_iter().find(fits).unwrap_or(60)
}

/// Makes periods that begin with `from`.
fn periods(found: Summaries, from: u64, period: u64) -> BTreeMap<u64, Summary> {
    let mut periods: BTreeMap<u64, Summary> = BTreeMap::new();
    for (at, summary) in found.periods {
        let start = from + (at.as_secs().saturating_sub(from)) / period * period;
        match periods.get_mut(&start) {
            Some(all) => all.merge(&summary, Detail::ANSWER),
            None => {
                periods.insert(start, summary);
            }
        }
    }
    periods
}

/// A point with those statistics that are known; none where none is.
fn point(
    at: u64,
    unit: Unit,
    summary: &Summary,
    statistics: &[(String, Statistic)],
) -> Option<Datapoint> {
    let mut point = Datapoint {
        timestamp: Some(Timestamp::from_secs(at)),
        unit: Some(unit.to_string()),
        ..Datapoint::default()
    };
    let mut has_any = false;
    for (name, statistic) in statistics {
        let value = summary.statistic(*statistic);
        has_any |= value.is_some();
        match statistic {
            Statistic::SampleCount => point.sample_count = value,
            Statistic::Sum => point.sum = value,
            Statistic::Average => point.average = value,
            Statistic::Minimum => point.minimum = value,
            Statistic::Maximum => point.maximum = value,
            _ => {
                let named = value.map(|value| (name.clone(), value));
                point.extended_statistics.extend(named);
            }
        }
    }
    has_any.then_some(point)
}
