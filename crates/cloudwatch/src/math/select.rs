//! Metrics Insights: one statistic over many metrics at once.
//!
//! ```text
//! SELECT AVG(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId) WHERE InstanceId != 'i-1'
//!   GROUP BY InstanceId ORDER BY MAX() DESC LIMIT 5
//! ```
//!
//! `FROM "AWS/EC2"` is all metrics of the namespace, whatever their dimensions. A metric without a dimension that `WHERE` or
//! `GROUP BY` names is left out. Keys of tags and accounts are not known here.
//!
//! Source: CloudWatch User Guide, "Query your metrics with CloudWatch Metrics Insights".

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;

use super::SERIES_MAX;
use super::check::Kind;
use super::evaluate::floor;
use super::run::{Failed, Window};
use super::series::{Origin, Series, Tally, Value};
use crate::metric::{Identity, Listing, Read, Statistic, Summary, Wanted};

mod read;

/// Metrics that one query reads. Source: the guide, "Metrics Insights limits".
pub const SELECT_METRICS_MAX: usize = 10_000;
/// How far back a query looks. Source: the guide, "the most recent three hours".
pub const SELECT_REACH: Duration = Duration::from_secs(3 * 3600);

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    function: Over,
    metric: String,
    namespace: String,
    /// Exactly these dimensions, sorted.
    schema: Option<Vec<String>>,
    conditions: Vec<Condition>,
    group_by: Vec<String>,
    order_by: Option<(Over, Order)>,
    limit: usize,
}

/// What is made of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Avg,
    Count,
    Max,
    Min,
    Sum,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    key: String,
    value: String,
    is_equal: bool,
}

/// Why a query cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found} at character {at}")]
pub struct Error {
    /// What must stand here.
    pub expected: &'static str,
    /// What does.
    pub found: String,
    /// Characters from 1.
    pub at: usize,
}

/// What came of a query.
pub(super) struct Run {
    pub(super) value: Value,
    /// How many points were read.
    pub(super) points: usize,
    /// Whether there were more metrics or series than there may be.
    pub(super) is_cut: bool,
}

type Periods = BTreeMap<Timestamp, Summary>;

impl Select {
    /// Whether a text is to be read as such a query.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        let word = text.split_whitespace().next().unwrap_or_default();
        word.eq_ignore_ascii_case("SELECT")
    }

    /// Reads a query.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        read::parse(text)
    }

    /// One series, or one for each group.
    pub(super) fn kind(&self) -> Kind {
        match self.group_by.is_empty() {
            true => Kind::Series,
            false => Kind::Array,
        }
    }

    pub(super) fn run(
        &self,
        read: &dyn Read,
        window: &Window,
        period_secs: u32,
    ) -> Result<Run, Failed> {
        let mut metrics = read.list(&Listing {
            namespace: Some(&self.namespace),
            name: Some(&self.metric),
            dimensions: &[],
            since: Some(window.now.minus(SELECT_REACH)),
        });
        metrics.retain(|metric| self.has(metric));
        metrics.sort_unstable();
        let mut is_cut = metrics.len() > SELECT_METRICS_MAX;
        metrics.truncate(SELECT_METRICS_MAX);
        let from = window.from.max(window.now.minus(SELECT_REACH));
        let mut groups = BTreeMap::<Vec<String>, Periods>::new();
        let mut points = 0;
        for metric in &metrics {
            let summaries = read.summaries(&Wanted {
                identity: metric,
                unit: None,
                statistic: Statistic::Average,
                period_secs,
                from: floor(from, period_secs),
                to: window.to,
            })?;
            let group = groups.entry(self.group(metric)).or_default();
            for (at, summary) in summaries.iter().flat_map(|unit| &unit.periods) {
                points += 1;
                let slot = group.entry(*at);
                slot.and_modify(|it| merge(it, summary))
                    .or_insert_with(|| summary.clone());
            }
            if points > super::RUN_POINTS_MAX {
                return Err(Failed::TooMuch);
            }
        }
        let groups = groups.into_iter();
        let series = groups.map(|(group, periods)| self.series(&group, &periods, period_secs));
        let mut series: Vec<Series> = series.collect();
        self.sort(&mut series);
        is_cut |= series.len() > self.limit && self.limit == SERIES_MAX;
        series.truncate(self.limit);
        let value = match self.kind() {
            Kind::Array => Value::Array(series),
            _ => Value::Series(series.pop().unwrap_or_default()),
        };
        Ok(Run {
            value,
            points,
            is_cut,
        })
    }

    fn has(&self, metric: &Identity) -> bool {
        let names = metric.dimensions().iter().map(|dimension| &dimension.name);
        let has_schema = self.schema.as_ref().is_none_or(|schema| names.eq(schema));
        let is_so = |condition: &Condition| {
            let value = metric.dimension(&condition.key);
            value.is_some_and(|value| (value == condition.value) == condition.is_equal)
        };
        let has_key = |key: &String| metric.dimension(key).is_some();
        has_schema && self.conditions.iter().all(is_so) && self.group_by.iter().all(has_key)
    }

    fn group(&self, metric: &Identity) -> Vec<String> {
        let values = self.group_by.iter().filter_map(|key| metric.dimension(key));
        values.map(str::to_owned).collect()
    }

    fn series(&self, group: &[String], periods: &Periods, period_secs: u32) -> Series {
        let points = periods.iter();
        let points = points.map(|(at, summary)| (*at, self.function.of_summary(summary)));
        let origin = (!group.is_empty()).then(|| {
            Arc::new(Origin {
                stat: None,
                name: group.join(" "),
                units: Vec::new(),
            })
        });
        Series {
            points: points.filter(|(_, value)| value.is_finite()).collect(),
            period_secs,
            origin,
        }
    }

    fn sort(&self, series: &mut [Series]) {
        let Some((function, order)) = self.order_by else {
            return;
        };
        let key = |series: &Series| function.of_tally(series.tally());
        series.sort_by(|one, other| {
            let (one, other) = (key(one), key(other));
            let by_key = match order {
                Order::Ascending => one.total_cmp(&other),
                Order::Descending => other.total_cmp(&one),
            };
            one.is_nan().cmp(&other.is_nan()).then(by_key)
        });
    }
}

impl Over {
    fn of_summary(self, summary: &Summary) -> f64 {
        match self {
            Self::Avg => summary.sum / summary.count,
            Self::Count => summary.count,
            Self::Max => summary.max,
            Self::Min => summary.min,
            Self::Sum => summary.sum,
        }
    }

    fn of_tally(self, tally: Tally) -> f64 {
        match self {
            Self::Avg => tally.average(),
            Self::Count => tally.count,
            Self::Max => tally.max(),
            Self::Min => tally.min(),
            Self::Sum => tally.sum,
        }
    }
}

fn merge(into: &mut Summary, other: &Summary) {
    into.count += other.count;
    into.sum += other.sum;
    into.min = into.min.min(other.min);
    into.max = into.max.max(other.max);
}
