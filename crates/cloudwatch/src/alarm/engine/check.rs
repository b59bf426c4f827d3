//! What an alarm must keep to in order to be put.
//!
//! Texts are AWS's where they are recorded (moto's and localstack's tests against AWS, Terraform reports); others say what
//! is right.

use super::rule;
use super::settings::{Kind, Limit, Metric, QueryText, Settings, StatText, Watched};
use super::target;
use crate::metric::identity::DIMENSIONS_MAX;
use crate::metric::{Statistic, Unit};
use crate::ops::Place;

/// Characters of a name. Source: API Reference, `AlarmName`.
pub const NAME_CHARS_MAX: usize = 255;
/// Characters of a description. Source: API Reference, `AlarmDescription`.
pub const DESCRIPTION_CHARS_MAX: usize = 1024;
/// Metrics and expressions of an alarm. Source: CloudWatch quotas.
pub const QUERIES_MAX: usize = 10;
/// Characters of an expression. Source: API Reference, `MetricExpression`.
const EXPRESSION_CHARS_MAX: usize = 2048;
/// Seconds that all periods last together, of less than an hour each and else. Source: API Reference, `Period`.
const SPAN_SECS_MAX: u64 = 86_400;
const LONG_SPAN_SECS_MAX: u64 = 604_800;

/// Bytes of all that an alarm is told. Source: `PutMetricAlarm`.
const BYTES_MAX: usize = 120 * 1024;

/// Why an alarm is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A member breaks its own rule.
    #[error(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    )]
    Constraint {
        /// What was given.
        value: String,
        /// Where, such as `alarmName`.
        member: &'static str,
        /// What is right, as AWS says it.
        constraint: String,
    },
    /// A value that is none of those that there are (`InvalidParameterValue`).
    #[error("The value {value} for parameter {parameter} is not supported.")]
    Value {
        /// What was given.
        value: String,
        /// For which parameter.
        parameter: &'static str,
    },
    /// Two members that do not go together (`InvalidParameterCombination`).
    #[error("{0}")]
    Combination(&'static str),
    /// Something else, in its own words.
    #[error("{0}")]
    Other(String),
    /// An action.
    #[error(transparent)]
    Target(#[from] target::Wrong),
    /// The rule of a composite alarm.
    #[error(transparent)]
    Rule(#[from] rule::Wrong),
}

/// Checks all of an alarm that can be checked without others.
///
/// # Errors
/// [`Wrong`].
pub fn check(settings: &Settings, place: &Place) -> Result<(), Wrong> {
    name("alarmName", &settings.name)?;
    if let Some(description) = &settings.description {
        length("alarmDescription", description, 0, DESCRIPTION_CHARS_MAX)?;
    }
    match &settings.kind {
        Kind::Metric(metric) => check_metric(metric, place)?,
        Kind::Composite(composite) => {
            rule::Rule::parse(&composite.rule)?;
        }
    }
    check_size(settings)?;
    check_scaling(settings)?;
    Ok(target::check(settings, place)?)
}

/// Source: `PutMetricAlarm`, `ThresholdMetricId`: "it cannot have Auto Scaling actions".
fn check_scaling(settings: &Settings) -> Result<(), Wrong> {
    let band = settings.metric().and_then(|metric| metric.threshold.band());
    let mut actions = settings
        .alarm_actions
        .iter()
        .chain(&settings.ok_actions)
        .chain(&settings.insufficient_data_actions);
    match band.is_some()
        && actions.any(|arn| target::Target::of(arn) == Ok(target::Target::Scaling))
    {
        true => Err(Wrong::Other(
            "An alarm with ThresholdMetricId cannot have Auto Scaling actions.".to_owned(),
        )),
        false => Ok(()),
    }
}

fn check_size(settings: &Settings) -> Result<(), Wrong> {
    let bytes = serde_json::to_vec(settings).map_or(usize::MAX, |json| json.len());
    match bytes > BYTES_MAX {
        true => Err(Wrong::Other(format!(
            "An alarm must not be larger than 120 KB, this one is of {bytes} bytes."
        ))),
        false => Ok(()),
    }
}

/// Checks a name: 1 to 255 characters, no control characters of ASCII.
///
/// # Errors
/// [`Wrong::Constraint`], [`Wrong::Other`].
pub fn name(member: &'static str, name: &str) -> Result<(), Wrong> {
    length(member, name, 1, NAME_CHARS_MAX)?;
    match name.chars().any(|letter| letter.is_ascii_control()) {
        true => Err(Wrong::Other(format!(
            "The {member} must contain only UTF-8 characters, and can't contain ASCII control characters"
        ))),
        false => Ok(()),
    }
}

/// Checks that `text` has so many characters.
///
/// # Errors
/// [`Wrong::Constraint`].
pub fn length(member: &'static str, text: &str, least: usize, most: usize) -> Result<(), Wrong> {
    let chars = text.chars().count();
    let constraint = match chars {
        _ if chars < least => format!("Member must have length greater than or equal to {least}"),
        _ if chars > most => format!("Member must have length less than or equal to {most}"),
        _ => return Ok(()),
    };
    let value = text.chars().take(most).collect();
    Err(Wrong::Constraint {
        value,
        member,
        constraint,
    })
}

fn check_metric(metric: &Metric, place: &Place) -> Result<(), Wrong> {
    at_least_one("evaluationPeriods", metric.evaluation_periods)?;
    if let Some(points) = metric.datapoints_to_alarm {
        at_least_one("datapointsToAlarm", points)?;
        if points > metric.evaluation_periods {
            return Err(Wrong::Other(
                "DatapointsToAlarm must be less than or equal to EvaluationPeriods.".to_owned(),
            ));
        }
    }
    check_threshold(metric)?;
    match &metric.watched {
        Watched::One { stat, is_extended } => check_one(stat, *is_extended)?,
        Watched::Many(queries) => check_many(queries, metric.threshold.band(), place)?,
    }
    check_span(metric.watched.period_secs(), metric.evaluation_periods)
}

/// A number for comparisons with one, a band for those with its edges.
fn check_threshold(metric: &Metric) -> Result<(), Wrong> {
    let comparison = metric.comparison.as_str();
    let other = |text: String| Err(Wrong::Other(text));
    match (&metric.threshold, metric.comparison.is_of_band()) {
        (Limit::Value(value), false) if !value.is_finite() => {
            other("Threshold must be a finite number.".to_owned())
        }
        (Limit::Value(_), false) => Ok(()),
        (Limit::Value(_), true) => other(format!(
            "The ComparisonOperator {comparison} needs ThresholdMetricId, the id of an ANOMALY_DETECTION_BAND, instead of Threshold."
        )),
        (Limit::Band(_), false) => other(format!(
            "The ComparisonOperator {comparison} needs Threshold: ThresholdMetricId goes with LessThanLowerOrGreaterThanUpperThreshold, LessThanLowerThreshold and GreaterThanUpperThreshold."
        )),
        (Limit::Band(id), true) => {
            let is_band = |query: &QueryText| query.id == *id && query.is_watched();
            match &metric.watched {
                Watched::Many(queries) if queries.iter().any(is_band) => Ok(()),
                _ => other(format!(
                    "ThresholdMetricId {id} must be the Id of an element of Metrics that returns data."
                )),
            }
        }
    }
}

fn at_least_one(member: &'static str, number: u32) -> Result<(), Wrong> {
    match number {
        0 => Err(Wrong::Constraint {
            value: "0".to_owned(),
            member,
            constraint: "Member must have value greater than or equal to 1".to_owned(),
        }),
        _ => Ok(()),
    }
}

fn check_span(period_secs: u32, periods: u32) -> Result<(), Wrong> {
    let span = u64::from(period_secs) * u64::from(periods);
    let most = match period_secs {
        0..3600 => SPAN_SECS_MAX,
        _ => LONG_SPAN_SECS_MAX,
    };
    match span > most {
        true => Err(Wrong::Other(format!(
            "Metrics cannot be checked across more than {} (EvaluationPeriods * Period must be <= {most}).",
            if most == SPAN_SECS_MAX {
                "a day"
            } else {
                "a week"
            }
        ))),
        false => Ok(()),
    }
}

fn check_one(stat: &StatText, is_extended: bool) -> Result<(), Wrong> {
    check_stat(stat)?;
    let statistic: Option<Statistic> = stat.statistic.parse().ok();
    match (statistic, is_extended) {
        (Some(statistic), _) if statistic.is_extended() == is_extended => Ok(()),
        (_, true) => Err(Wrong::Value {
            value: stat.statistic.clone(),
            parameter: "ExtendedStatistic",
        }),
        (_, false) => Err(Wrong::Constraint {
            value: stat.statistic.clone(),
            member: "statistic",
            constraint:
                "Member must satisfy enum value set: [Maximum, SampleCount, Sum, Minimum, Average]"
                    .to_owned(),
        }),
    }
}

fn check_stat(stat: &StatText) -> Result<(), Wrong> {
    length("namespace", &stat.namespace, 1, 255)?;
    length("metricName", &stat.metric, 1, 255)?;
    if stat.namespace.starts_with(':') {
        return Err(Wrong::Constraint {
            value: stat.namespace.clone(),
            member: "namespace",
            constraint: "Member must satisfy regular expression pattern: [^:].*".to_owned(),
        });
    }
    if stat.dimensions.len() > DIMENSIONS_MAX {
        return Err(Wrong::Constraint {
            value: format!("{} dimensions", stat.dimensions.len()),
            member: "dimensions",
            constraint: format!("Member must have length less than or equal to {DIMENSIONS_MAX}"),
        });
    }
    for (name, value) in &stat.dimensions {
        length("dimensions.member.name", name, 1, 255)?;
        length("dimensions.member.value", value, 1, 1024)?;
    }
    if let Some(unit) = stat
        .unit
        .as_ref()
        .filter(|unit| unit.parse::<Unit>().is_err())
    {
        let units: Vec<_> = crate::metric::unit::ALL
            .iter()
            .map(|unit| unit.as_str())
            .collect();
        return Err(Wrong::Constraint {
            value: unit.clone(),
            member: "unit",
            constraint: format!("Member must satisfy enum value set: [{}]", units.join(", ")),
        });
    }
    check_period(stat.period_secs)
}

fn check_period(period_secs: u32) -> Result<(), Wrong> {
    match period_secs {
        10 | 20 | 30 => Ok(()),
        secs if secs > 0 && secs.is_multiple_of(60) => Ok(()),
        _ => Err(Wrong::Other(
            "Period must be 10, 20, 30 or a multiple of 60".to_owned(),
        )),
    }
}

fn check_many(queries: &[QueryText], band: Option<&str>, place: &Place) -> Result<(), Wrong> {
    if queries.len() > QUERIES_MAX {
        return Err(Wrong::Other(format!(
            "The Metrics list must not have more than {QUERIES_MAX} elements."
        )));
    }
    let is_other = |query: &&QueryText| query.is_watched() && Some(query.id.as_str()) != band;
    if queries.iter().filter(is_other).count() != 1 {
        return Err(Wrong::Other(
            "Exactly one element of the metrics list should return data.".to_owned(),
        ));
    }
    for (index, query) in queries.iter().enumerate() {
        check_query(query, place)?;
        let earlier = queries.iter().take(index);
        if earlier.into_iter().any(|other| other.id == query.id) {
            return Err(Wrong::Other(format!(
                "The values for parameter Id in Metrics are not unique: {}",
                query.id
            )));
        }
    }
    Ok(())
}

fn check_query(query: &QueryText, place: &Place) -> Result<(), Wrong> {
    check_id(&query.id)?;
    match (&query.stat, &query.expression) {
        (Some(_), Some(_)) | (None, None) => {
            return Err(Wrong::Other(format!(
                "The element {} of Metrics must have exactly one of MetricStat and Expression.",
                query.id
            )));
        }
        (Some(stat), None) => {
            check_stat(stat)?;
            if stat.statistic.parse::<Statistic>().is_err() {
                return Err(Wrong::Value {
                    value: stat.statistic.clone(),
                    parameter: "Stat",
                });
            }
        }
        (None, Some(expression)) => length("expression", expression, 1, EXPRESSION_CHARS_MAX)?,
    }
    if let Some(period) = query.period_secs {
        check_period(period)?;
    }
    match &query.account {
        Some(account) if account != place.account.as_str() => Err(Wrong::Other(format!(
            "Metrics of the account {account} cannot be read here: this is {}.",
            place.account
        ))),
        _ => Ok(()),
    }
}

/// A small letter, then letters, digits and `_`.
fn check_id(id: &str) -> Result<(), Wrong> {
    length("metrics.member.id", id, 1, 255)?;
    let is_begun = id.starts_with(|letter: char| letter.is_ascii_lowercase());
    let is_plain = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match is_begun && is_plain {
        true => Ok(()),
        false => Err(Wrong::Value {
            value: id.to_owned(),
            parameter: "Id",
        }),
    }
}
