//! Why a metric alarm is in its state: the sentence for people and the JSON for programs.
//!
//! Sentences as AWS writes them (User Guide, EventBridge and SNS samples; state reasons quoted in public reports).

use std::fmt::Write as _;

use base::Timestamp;
use serde::Serialize;

use super::evaluate::{Against, Evaluation, Threshold};
use super::number::java;
use super::settings::{Comparison, Metric, Treatment, Watched};
use super::state::State;
use super::time::{offset, short};
use super::window::Window;
use crate::anomaly::Edges;
use crate::metric::Point;

/// Characters of a reason. Source: API Reference, `StateReason`.
pub const REASON_CHARS_MAX: usize = 1023;
/// Characters of reason data. Source: API Reference, `StateReasonData`.
pub const REASON_DATA_CHARS_MAX: usize = 4000;
/// Points that a sentence names; the newest. Chosen so that it stays below [`REASON_CHARS_MAX`].
const NAMED_MAX: usize = 10;
/// The same where the edges of a band at each of them are named too.
const NAMED_OF_BAND_MAX: usize = 5;
/// Periods that the data tell of; the newest. Chosen so that it stays below [`REASON_DATA_CHARS_MAX`].
const TOLD_MAX: usize = 24;
/// The same with the edges of a band.
const TOLD_OF_BAND_MAX: usize = 16;

/// The reason of an alarm that nothing has evaluated.
pub const CREATED: &str = "Unchecked: Initial alarm creation";

/// The sentence.
#[must_use]
pub fn sentence(threshold: &Threshold, found: &Evaluation, from: State, to: State) -> String {
    if to == State::InsufficientData {
        let n = threshold.periods;
        return format!("Insufficient Data: {} unknown.", were(n, "datapoint"));
    }
    if found.filled > 0 {
        return filled(threshold, found);
    }
    let is_alarm = to == State::Alarm;
    let named = found.counted.iter().rev();
    let named = named.filter(|point| threshold.breaks(point) == is_alarm);
    let named: Vec<_> = named.collect();
    let count = named.len();
    let listed = listed(&named, named_max(threshold));
    let crossed = crossed(threshold);
    let verb = match (count == 1, is_alarm) {
        (true, true) => "was",
        (true, false) => "was not",
        (false, true) => "were",
        (false, false) => "were not",
    };
    let beyond = format!("{verb} {}", beyond(threshold, &named, is_alarm));
    if from == State::InsufficientData || from == to {
        let points = many(count, "datapoint");
        return format!("{crossed}: {points} [{listed}] {beyond}.");
    }
    let least = match is_alarm {
        true => threshold.to_alarm,
        false => threshold.periods.saturating_sub(threshold.to_alarm) + 1,
    };
    format!(
        "{crossed}: {count} out of the last {} datapoints [{listed}] {beyond} (minimum {} for {from} -> {to} transition).",
        threshold.periods,
        many(least as usize, "datapoint")
    )
}

/// AWS speaks of the edges of a band as of several thresholds.
const fn crossed(threshold: &Threshold) -> &'static str {
    match threshold.against {
        Against::Value(_) => "Threshold Crossed",
        Against::Band(_) => "Thresholds Crossed",
    }
}

const fn named_max(threshold: &Threshold) -> usize {
    match threshold.against {
        Against::Value(_) => NAMED_MAX,
        Against::Band(_) => NAMED_OF_BAND_MAX,
    }
}

/// `greater than the threshold (50.0)`, or the same of the edges of a band at each of `named`.
fn beyond(threshold: &Threshold, named: &[&Point], is_alarm: bool) -> String {
    if let Against::Value(value) = threshold.against {
        return format!(
            "{} the threshold ({})",
            words(threshold.comparison),
            java(value)
        );
    }
    let edges = |of: fn(Edges) -> f64| {
        let points = named.iter().take(NAMED_OF_BAND_MAX);
        let edges = points.filter_map(|point| threshold.edges(point));
        let edges: Vec<_> = edges.map(|edges| java(of(edges))).collect();
        let more = if named.len() > NAMED_OF_BAND_MAX {
            ", ..."
        } else {
            ""
        };
        format!("[{}{more}]", edges.join(", "))
    };
    let lower = || format!("less than the lower thresholds {}", edges(|it| it.lower));
    let upper = || format!("greater than the upper thresholds {}", edges(|it| it.upper));
    match threshold.comparison {
        Comparison::LessThanLowerThreshold => lower(),
        Comparison::GreaterThanUpperThreshold => upper(),
        _ => {
            let or = if is_alarm { "or" } else { "or not" };
            format!("{} {or} {}", lower(), upper())
        }
    }
}

fn filled(threshold: &Threshold, found: &Evaluation) -> String {
    let received = match found.counted.len() {
        0 => "no datapoints were received".to_owned(),
        1 => "1 datapoint was received".to_owned(),
        count => format!("{count} datapoints were received"),
    };
    let periods = many(threshold.periods as usize, "period");
    let missing = were(found.filled, "missing datapoint");
    let treated = match threshold.treatment {
        Treatment::Breaching => "Breaching",
        _ => "NonBreaching",
    };
    let crossed = crossed(threshold);
    format!("{crossed}: {received} for {periods} and {missing} treated as [{treated}].")
}

/// `99.5 (02/10/19 16:59:00), …`, newest first.
fn listed(points: &[&Point], most: usize) -> String {
    let mut text = String::new();
    for (index, point) in points.iter().take(most).enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let (value, at) = (java(point.value), short(point.at));
        let _ = write!(text, "{comma}{value} ({at})");
    }
    if points.len() > most {
        text.push_str(", ...");
    }
    text
}

fn many(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn were(count: u32, what: &str) -> String {
    let verb = if count == 1 { "was" } else { "were" };
    format!("{} {verb}", many(count as usize, what))
}

const fn words(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::GreaterThanOrEqualToThreshold => "greater than or equal to",
        Comparison::LessThanThreshold | Comparison::LessThanLowerThreshold => "less than",
        Comparison::LessThanOrEqualToThreshold => "less than or equal to",
        _ => "greater than",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    version: &'static str,
    query_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic: Option<&'a str>,
    period: u32,
    recent_datapoints: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recent_lower_thresholds: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recent_upper_thresholds: Option<Vec<f64>>,
    evaluated_datapoints: Vec<Evaluated>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Evaluated {
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_count: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    /// Of a band with one edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
}

/// The JSON.
#[must_use]
pub fn data(
    metric: &Metric,
    threshold: &Threshold,
    found: &Evaluation,
    window: &Window,
    at: Timestamp,
) -> String {
    let stat = match &metric.watched {
        Watched::One { stat, .. } => Some(stat),
        Watched::Many(_) => None,
    };
    let counted = &found.counted;
    let most = told_max(threshold);
    let recent = counted.get(counted.len().saturating_sub(most)..);
    let recent = recent.unwrap_or_default();
    let edges = |of: fn(Edges) -> f64| {
        let edges = recent.iter().filter_map(|point| threshold.edges(point));
        edges.map(of).collect()
    };
    let comparison = threshold.comparison;
    let has_lower = comparison.is_of_band() && comparison != Comparison::GreaterThanUpperThreshold;
    let has_upper = comparison.is_of_band() && comparison != Comparison::LessThanLowerThreshold;
    let data = Data {
        version: "1.0",
        query_date: offset(at),
        start_date: counted.first().map(|point| offset(point.at)),
        unit: stat.and_then(|stat| stat.unit.as_deref()),
        statistic: stat.map(|stat| stat.statistic.as_str()),
        period: window.period_secs,
        recent_datapoints: recent.iter().map(|point| point.value).collect(),
        threshold: metric.threshold.value(),
        recent_lower_thresholds: has_lower.then(|| edges(|it| it.lower)),
        recent_upper_thresholds: has_upper.then(|| edges(|it| it.upper)),
        evaluated_datapoints: evaluated(threshold, counted, window),
    };
    serde_json::to_string(&data).unwrap_or_default()
}

const fn told_max(threshold: &Threshold) -> usize {
    match threshold.against {
        Against::Value(_) => TOLD_MAX,
        Against::Band(_) => TOLD_OF_BAND_MAX,
    }
}

/// Recorded from AWS of a comparison with the upper edge (a public report of 2024).
fn one_edge(threshold: &Threshold, point: &Point) -> Option<f64> {
    let edges = threshold.edges(point)?;
    match threshold.comparison {
        Comparison::GreaterThanUpperThreshold => Some(edges.upper),
        Comparison::LessThanLowerThreshold => Some(edges.lower),
        _ => None,
    }
}

/// The counted points, newest first, and behind them the newest periods that have none, up to N.
fn evaluated(threshold: &Threshold, counted: &[Point], window: &Window) -> Vec<Evaluated> {
    let periods = (threshold.periods as usize).min(told_max(threshold));
    let mut told: Vec<(Timestamp, Option<&Point>)> = counted
        .iter()
        .map(|point| (point.at, Some(point)))
        .collect();
    let period = std::time::Duration::from_secs(u64::from(window.period_secs));
    let mut at = window.newest;
    while told.len() < periods && at >= window.from {
        if !counted.iter().any(|point| point.at == at) {
            told.push((at, None));
        }
        let before = at.minus(period);
        if before == at {
            break;
        }
        at = before;
    }
    told.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let told = told.into_iter().take(periods);
    told.map(|(at, point)| Evaluated {
        timestamp: offset(at),
        sample_count: point.map(|point| point.samples),
        value: point.map(|point| point.value),
        threshold: point.and_then(|point| one_edge(threshold, point)),
    })
    .collect()
}

#[cfg(test)]
#[path = "reason_tests.rs"]
mod tests;
