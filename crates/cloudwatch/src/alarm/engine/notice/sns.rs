//! The JSON that a topic's subscribers get. Source: answers recorded from AWS (localstack's snapshots), and samples in
//! public reports; members stand in AWS's order.

use base::Timestamp;
use serde::Serialize;

use super::super::book::Alarm;
use super::super::settings::{Kind, Metric, QueryText, StatText, Watched};
use super::super::state::State;
use super::super::time::offset;
use super::{Occasion, region};

/// A child that made a composite alarm change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Child {
    /// Its ARN.
    pub arn: String,
    /// Its state.
    pub state: ChildState,
}

/// The state of a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChildState {
    /// Which.
    pub value: State,
    /// Since when.
    pub timestamp: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    alarm_name: &'a str,
    alarm_description: Option<&'a str>,
    #[serde(rename = "AWSAccountId")]
    account: &'a str,
    alarm_configuration_updated_timestamp: String,
    new_state_value: State,
    new_state_reason: &'a str,
    state_change_time: String,
    region: &'a str,
    alarm_arn: String,
    old_state_value: State,
    action_executed_after_mute_window: bool,
    #[serde(rename = "OKActions")]
    ok_actions: &'a [String],
    alarm_actions: &'a [String],
    insufficient_data_actions: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<Trigger<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm_rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    triggering_children: Option<&'a [Child]>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Trigger<'a> {
    #[serde(flatten)]
    one: Option<One<'a>>,
    period: u32,
    evaluation_periods: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    datapoints_to_alarm: Option<u32>,
    comparison_operator: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold_metric_id: Option<&'a str>,
    treat_missing_data: &'a str,
    evaluate_low_sample_count_percentile: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Element<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct One<'a> {
    metric_name: &'a str,
    namespace: &'a str,
    statistic_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extended_statistic: Option<&'a str>,
    unit: Option<&'a str>,
    dimensions: Vec<Dimension<'a>>,
}

#[derive(Serialize)]
struct Dimension<'a> {
    value: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Element<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_stat: Option<MetricStat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u32>,
    return_data: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat<'a> {
    metric: MetricOf<'a>,
    period: u32,
    stat: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricOf<'a> {
    dimensions: Vec<Dimension<'a>>,
    metric_name: &'a str,
    namespace: &'a str,
}

/// The body of the notice that `alarm` changed from `old`.
#[must_use]
pub fn body(alarm: &Alarm, old: State, occasion: &Occasion<'_>) -> String {
    let (settings, status) = (&alarm.settings, &alarm.status);
    let composite = settings.composite();
    let body = Body {
        alarm_name: &settings.name,
        alarm_description: settings.description.as_deref(),
        account: occasion.place.account.as_str(),
        alarm_configuration_updated_timestamp: offset(Timestamp::from_millis(status.configured_ms)),
        new_state_value: status.now.state,
        new_state_reason: &status.now.reason,
        state_change_time: offset(Timestamp::from_millis(status.transitioned_ms)),
        region: region::long(occasion.place.region.as_str()),
        alarm_arn: occasion.place.alarm(&settings.name).to_string(),
        old_state_value: old,
        action_executed_after_mute_window: occasion.is_after_mute,
        ok_actions: &settings.ok_actions,
        alarm_actions: &settings.alarm_actions,
        insufficient_data_actions: &settings.insufficient_data_actions,
        trigger: match &settings.kind {
            Kind::Metric(metric) => Some(trigger(metric)),
            Kind::Composite(_) => None,
        },
        alarm_rule: composite.map(|composite| composite.rule.as_str()),
        triggering_children: composite.map(|_| occasion.children),
    };
    serde_json::to_string(&body).unwrap_or_default()
}

fn trigger(metric: &Metric) -> Trigger<'_> {
    let (one, metrics) = match &metric.watched {
        Watched::One { stat, is_extended } => (Some(one(stat, *is_extended)), Vec::new()),
        Watched::Many(queries) => (None, queries.iter().map(element).collect()),
    };
    Trigger {
        one,
        period: metric.watched.period_secs(),
        evaluation_periods: metric.evaluation_periods,
        datapoints_to_alarm: metric.datapoints_to_alarm,
        comparison_operator: metric.comparison.as_str(),
        threshold: metric.threshold.value(),
        threshold_metric_id: metric.threshold.band(),
        treat_missing_data: metric.treatment.map_or("missing", |it| it.as_str()),
        evaluate_low_sample_count_percentile: metric.low_samples.map_or("", |it| it.as_str()),
        metrics,
    }
}

fn one(stat: &StatText, is_extended: bool) -> One<'_> {
    One {
        metric_name: &stat.metric,
        namespace: &stat.namespace,
        statistic_type: if is_extended {
            "ExtendedStatistic"
        } else {
            "Statistic"
        },
        // In one word with an underscore, as AWS's own type has it.
        statistic: (!is_extended).then(|| match stat.statistic.as_str() {
            "SampleCount" => "SAMPLE_COUNT".to_owned(),
            other => other.to_ascii_uppercase(),
        }),
        extended_statistic: is_extended.then_some(stat.statistic.as_str()),
        unit: stat.unit.as_deref(),
        dimensions: dimensions(stat),
    }
}

fn dimensions(stat: &StatText) -> Vec<Dimension<'_>> {
    let pairs = stat.dimensions.iter();
    pairs
        .map(|(name, value)| Dimension { value, name })
        .collect()
}

fn element(query: &QueryText) -> Element<'_> {
    Element {
        id: &query.id,
        expression: query.expression.as_deref(),
        label: query.label.as_deref(),
        metric_stat: query.stat.as_ref().map(|stat| MetricStat {
            metric: MetricOf {
                dimensions: dimensions(stat),
                metric_name: &stat.metric,
                namespace: &stat.namespace,
            },
            period: stat.period_secs,
            stat: &stat.statistic,
            unit: stat.unit.as_deref(),
        }),
        period: query.period_secs,
        return_data: query.is_watched(),
    }
}
