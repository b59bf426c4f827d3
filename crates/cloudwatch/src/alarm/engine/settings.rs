//! What an alarm is told to do, as it was put: a put overwrites all of it, and a description gives all of it back.
//!
//! Texts are kept as they came (`tm90` stays `tm90`), so that what is described is what was put.

use serde::{Deserialize, Serialize};

use super::data;
use super::state::State;
use crate::anomaly::Edges;
use crate::metric::{Dimension, Identity, Query, Source, Stat, Statistic, Unit};

/// Everything about an alarm that its owner decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Unique in the region; 1 to 255 characters without control characters.
    pub name: String,
    /// At most 1,024 characters.
    pub description: Option<String>,
    /// Whether actions run at all.
    pub actions_enabled: bool,
    /// ARNs of what runs when it becomes `OK`; at most 5.
    pub ok_actions: Vec<String>,
    /// ARNs of what runs when it becomes `ALARM`; at most 5.
    pub alarm_actions: Vec<String>,
    /// ARNs of what runs when it becomes `INSUFFICIENT_DATA`; at most 5.
    pub insufficient_data_actions: Vec<String>,
    /// Of which kind it is.
    pub kind: Kind,
}

/// The kinds of alarms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// It watches a metric or an expression.
    Metric(Metric),
    /// It watches other alarms.
    Composite(Composite),
}

/// What a metric alarm is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// What it watches.
    pub watched: Watched,
    /// How a value is held against the threshold.
    pub comparison: Comparison,
    /// What a value is held against.
    pub threshold: Limit,
    /// N: how many periods are looked at.
    pub evaluation_periods: u32,
    /// M: how many of them must breach; none means all.
    pub datapoints_to_alarm: Option<u32>,
    /// What becomes of periods without data; none is [`Treatment::Missing`].
    pub treatment: Option<Treatment>,
    /// What becomes of percentiles of few values; none evaluates them.
    pub low_samples: Option<LowSamples>,
}

/// What a value is held against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Limit {
    /// A number; finite.
    Value(f64),
    /// The edges of a band: the id of the `ANOMALY_DETECTION_BAND`.
    Band(String),
}

/// What a composite alarm is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Composite {
    /// The rule, as it was put; [`super::rule::Rule`] reads it.
    pub rule: String,
    /// What keeps its actions back.
    pub suppressor: Option<Suppressor>,
}

/// An alarm that keeps the actions of a composite alarm back while it is in `ALARM`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suppressor {
    /// Its name or ARN, as it was put.
    pub alarm: String,
    /// Seconds that the composite waits for it.
    pub wait_secs: u32,
    /// Seconds that the composite waits after it.
    pub extension_secs: u32,
}

/// What a metric alarm watches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Watched {
    /// A statistic of a metric.
    One {
        /// Of what, and how.
        stat: StatText,
        /// Whether the statistic was given as `ExtendedStatistic`.
        is_extended: bool,
    },
    /// One of several metrics and expressions.
    Many(Vec<QueryText>),
}

/// A statistic of a metric, in the words in which it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatText {
    /// The namespace.
    pub namespace: String,
    /// The metric's name.
    pub metric: String,
    /// Names and values, in the order in which they came.
    pub dimensions: Vec<(String, String)>,
    /// Such as `Average` or `p99.9`.
    pub statistic: String,
    /// Seconds.
    pub period_secs: u32,
    /// Such as `Percent`.
    pub unit: Option<String>,
}

/// A metric or expression of an alarm on an expression, in the words in which it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryText {
    /// Such as `m1`.
    pub id: String,
    /// The metric, or
    pub stat: Option<StatText>,
    /// the expression.
    pub expression: Option<String>,
    /// What people read.
    pub label: Option<String>,
    /// Whether it is what is watched; none means so.
    pub is_returned: Option<bool>,
    /// Seconds of an expression's period.
    pub period_secs: Option<u32>,
    /// The account of the metric.
    pub account: Option<String>,
}

/// How a value is held against a threshold, or against the edges of a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    GreaterThanOrEqualToThreshold,
    GreaterThanThreshold,
    LessThanThreshold,
    LessThanOrEqualToThreshold,
    LessThanLowerOrGreaterThanUpperThreshold,
    LessThanLowerThreshold,
    GreaterThanUpperThreshold,
}

/// All of them, in the order of the service model.
const COMPARISONS: [Comparison; 7] = [
    Comparison::GreaterThanOrEqualToThreshold,
    Comparison::GreaterThanThreshold,
    Comparison::LessThanThreshold,
    Comparison::LessThanOrEqualToThreshold,
    Comparison::LessThanLowerOrGreaterThanUpperThreshold,
    Comparison::LessThanLowerThreshold,
    Comparison::GreaterThanUpperThreshold,
];

/// What becomes of periods without data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Treatment {
    /// They count as beyond the threshold.
    Breaching,
    /// They count as within it.
    NotBreaching,
    /// The state stays.
    Ignore,
    /// Without any data the state is not known.
    Missing,
}

/// What becomes of percentiles of few values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LowSamples {
    /// They count as all others.
    Evaluate,
    /// The state stays.
    Ignore,
}

impl Settings {
    /// What runs when the alarm enters `state`.
    #[must_use]
    pub fn actions(&self, state: State) -> &[String] {
        match state {
            State::Ok => &self.ok_actions,
            State::Alarm => &self.alarm_actions,
            State::InsufficientData => &self.insufficient_data_actions,
        }
    }

    /// What it is told as a metric alarm, if it is one.
    #[must_use]
    pub const fn metric(&self) -> Option<&Metric> {
        match &self.kind {
            Kind::Metric(metric) => Some(metric),
            Kind::Composite(_) => None,
        }
    }

    /// What it is told as a composite alarm, if it is one.
    #[must_use]
    pub const fn composite(&self) -> Option<&Composite> {
        match &self.kind {
            Kind::Metric(_) => None,
            Kind::Composite(composite) => Some(composite),
        }
    }

    /// `MetricAlarm` or `CompositeAlarm`.
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Metric(_) => "MetricAlarm",
            Kind::Composite(_) => "CompositeAlarm",
        }
    }
}

impl Metric {
    /// M: how many of the periods must breach.
    #[must_use]
    pub fn to_alarm(&self) -> u32 {
        self.datapoints_to_alarm.unwrap_or(self.evaluation_periods)
    }

    /// What becomes of periods without data. Those of `AWS/DynamoDB` are always ignored (`PutMetricAlarm`).
    #[must_use]
    pub fn treats_missing(&self) -> Treatment {
        let is_dynamo = |stat: &StatText| stat.namespace == "AWS/DynamoDB";
        let ignores = match &self.watched {
            Watched::One { stat, .. } => is_dynamo(stat),
            Watched::Many(queries) => queries
                .iter()
                .filter_map(|query| query.stat.as_ref())
                .any(is_dynamo),
        };
        match ignores {
            true => Treatment::Ignore,
            false => self.treatment.unwrap_or(Treatment::Missing),
        }
    }
}

impl From<f64> for Limit {
    fn from(value: f64) -> Self {
        Self::Value(value)
    }
}

impl Limit {
    /// The number, where it is one.
    #[must_use]
    pub const fn value(&self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Band(_) => None,
        }
    }

    /// The id of the band, where it is one.
    #[must_use]
    pub fn band(&self) -> Option<&str> {
        match self {
            Self::Value(_) => None,
            Self::Band(id) => Some(id),
        }
    }
}

impl Metric {
    /// What is watched, as what reads metrics takes it; none where a statistic or unit is none.
    #[must_use]
    pub fn source(&self) -> Option<data::Watched> {
        match (self.threshold.band(), &self.watched) {
            (Some(band), Watched::Many(queries)) => Some(data::Watched::Band {
                queries: queries
                    .iter()
                    .map(QueryText::query)
                    .collect::<Option<_>>()?,
                band: band.to_owned(),
            }),
            _ => self.watched.source(),
        }
    }
}

impl Watched {
    /// Seconds of the alarm's period: that of what is watched, or the longest of the metrics where an expression says
    /// nothing.
    #[must_use]
    pub fn period_secs(&self) -> u32 {
        match self {
            Self::One { stat, .. } => stat.period_secs,
            Self::Many(queries) => {
                let watched = queries.iter().find(|query| query.is_watched());
                let own = watched.and_then(QueryText::own_period_secs);
                let longest = || queries.iter().filter_map(QueryText::own_period_secs).max();
                own.or_else(longest).unwrap_or(PERIOD_SECS_DEFAULT)
            }
        }
    }

    fn source(&self) -> Option<data::Watched> {
        match self {
            Self::One { stat, .. } => Some(data::Watched::Metric(stat.stat()?)),
            Self::Many(queries) => match queries.as_slice() {
                // A metric alone is one, however it was given.
                [
                    QueryText {
                        stat: Some(stat), ..
                    },
                ] => Some(data::Watched::Metric(stat.stat()?)),
                several => {
                    let several: Option<Vec<_>> = several.iter().map(QueryText::query).collect();
                    Some(data::Watched::Math(several?))
                }
            },
        }
    }
}

/// The period of an expression that names none and uses no metric. Chosen.
const PERIOD_SECS_DEFAULT: u32 = 60;

impl StatText {
    /// The same as types; none where the statistic or the unit is none.
    #[must_use]
    pub fn stat(&self) -> Option<Stat> {
        let unit = match &self.unit {
            Some(unit) => Some(unit.parse::<Unit>().ok()?),
            None => None,
        };
        Some(Stat {
            identity: self.identity(),
            statistic: self.statistic.parse::<Statistic>().ok()?,
            period_secs: self.period_secs,
            unit,
        })
    }

    /// Of which metric.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let dimensions = self.dimensions.iter();
        let dimensions = dimensions.map(|(name, value)| Dimension::new(name, value));
        Identity::new(&self.namespace, &self.metric, dimensions.collect())
    }
}

impl QueryText {
    /// Whether it is what the alarm watches.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.is_returned.unwrap_or(true)
    }

    fn own_period_secs(&self) -> Option<u32> {
        let of_metric = self.stat.as_ref().map(|stat| stat.period_secs);
        of_metric.or(self.period_secs)
    }

    /// The same as types.
    #[must_use]
    pub fn query(&self) -> Option<Query> {
        let source = match (&self.stat, &self.expression) {
            (Some(stat), _) => Source::Metric(stat.stat()?),
            (None, expression) => Source::Expression {
                text: expression.clone()?,
                period_secs: self.period_secs,
            },
        };
        Some(Query {
            id: self.id.clone(),
            source,
            label: self.label.clone(),
            is_returned: self.is_watched(),
        })
    }
}

impl Comparison {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqualToThreshold => "GreaterThanOrEqualToThreshold",
            Self::GreaterThanThreshold => "GreaterThanThreshold",
            Self::LessThanThreshold => "LessThanThreshold",
            Self::LessThanOrEqualToThreshold => "LessThanOrEqualToThreshold",
            Self::LessThanLowerOrGreaterThanUpperThreshold => {
                "LessThanLowerOrGreaterThanUpperThreshold"
            }
            Self::LessThanLowerThreshold => "LessThanLowerThreshold",
            Self::GreaterThanUpperThreshold => "GreaterThanUpperThreshold",
        }
    }

    /// Whether it is with the edges of a band.
    #[must_use]
    pub const fn is_of_band(self) -> bool {
        matches!(
            self,
            Self::LessThanLowerOrGreaterThanUpperThreshold
                | Self::LessThanLowerThreshold
                | Self::GreaterThanUpperThreshold
        )
    }

    /// From what the API writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        COMPARISONS.into_iter().find(|known| known.as_str() == text)
    }

    /// Whether `value` is beyond the edges. Those of a threshold are the same.
    #[must_use]
    pub fn is_breached(self, value: f64, edges: Edges) -> bool {
        let Edges { lower, upper } = edges;
        match self {
            Self::GreaterThanOrEqualToThreshold => value >= upper,
            Self::GreaterThanThreshold | Self::GreaterThanUpperThreshold => value > upper,
            Self::LessThanThreshold | Self::LessThanLowerThreshold => value < lower,
            Self::LessThanOrEqualToThreshold => value <= lower,
            Self::LessThanLowerOrGreaterThanUpperThreshold => value < lower || value > upper,
        }
    }
}

impl Treatment {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
            Self::Ignore => "ignore",
            Self::Missing => "missing",
        }
    }

    /// From what the API writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Breaching,
            Self::NotBreaching,
            Self::Ignore,
            Self::Missing,
        ]
        .into_iter()
        .find(|known| known.as_str() == text)
    }
}

impl LowSamples {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evaluate => "evaluate",
            Self::Ignore => "ignore",
        }
    }

    /// From what the API writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Evaluate, Self::Ignore]
            .into_iter()
            .find(|known| known.as_str() == text)
    }
}
