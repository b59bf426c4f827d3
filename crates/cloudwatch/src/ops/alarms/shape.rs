//! Shapes that several operations share, and how alarms become them.

use api::Fault;
use base::Timestamp;
use wire::Shape;

use super::fault;
use crate::alarm::engine::Entry;
use crate::alarm::engine::book::Tags;
use crate::alarm::engine::settings::{Metric as MetricSettings, QueryText, StatText, Watched};
use crate::alarm::engine::suppress::Phase;
use crate::ops::Place;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Tag {
    #[shape(required)]
    pub(super) key: String,
    #[shape(required)]
    pub(super) value: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(in crate::ops) struct Dimension {
    #[shape(required)]
    pub(in crate::ops) name: String,
    #[shape(required)]
    pub(in crate::ops) value: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(in crate::ops) struct MetricDataQuery {
    #[shape(required)]
    pub(in crate::ops) id: String,
    pub(in crate::ops) metric_stat: Option<MetricStat>,
    pub(in crate::ops) expression: Option<String>,
    pub(in crate::ops) label: Option<String>,
    pub(in crate::ops) return_data: Option<bool>,
    pub(in crate::ops) period: Option<i32>,
    pub(in crate::ops) account_id: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(in crate::ops) struct MetricStat {
    #[shape(required)]
    pub(super) metric: Metric,
    #[shape(required)]
    pub(super) period: i32,
    #[shape(required)]
    pub(super) stat: String,
    pub(super) unit: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(in crate::ops) struct Metric {
    pub(super) namespace: Option<String>,
    pub(super) metric_name: Option<String>,
    pub(super) dimensions: Vec<Dimension>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct EvaluationWindow {
    #[shape(refused = "windows slide: give SlidingWindow, or leave EvaluationWindow out")]
    wall_clock_window: Option<WallClockWindow>,
    sliding_window: Option<SlidingWindow>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct WallClockWindow {
    timezone: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct SlidingWindow {}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct WarmUpConfiguration {
    #[shape(required)]
    warm_up_period_duration_in_minutes: i32,
    only_start_evaluating_after_warm_up_period_ends: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct EvaluationCriteria {
    #[shape(name = "PromQLCriteria")]
    promql_criteria: Option<AlarmPromQlCriteria>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "AlarmPromQLCriteria")]
pub(super) struct AlarmPromQlCriteria {
    #[shape(required)]
    query: String,
    pending_period: Option<i32>,
    recovery_period: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ActionConfiguration {
    alarm_tags_propagation: Option<AlarmTagsPropagation>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct AlarmTagsPropagation {
    #[shape(required)]
    enabled: bool,
    included_tag_keys: Vec<String>,
    excluded_tag_keys: Vec<String>,
}

/// An alarm on a metric or an expression. Lists that AWS always writes are there when they are empty.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct MetricAlarm {
    alarm_name: Option<String>,
    alarm_arn: Option<String>,
    alarm_description: Option<String>,
    alarm_configuration_updated_timestamp: Option<Timestamp>,
    actions_enabled: Option<bool>,
    #[shape(name = "OKActions")]
    ok_actions: Option<Vec<String>>,
    alarm_actions: Option<Vec<String>>,
    insufficient_data_actions: Option<Vec<String>>,
    state_value: Option<String>,
    state_reason: Option<String>,
    state_reason_data: Option<String>,
    state_updated_timestamp: Option<Timestamp>,
    metric_name: Option<String>,
    namespace: Option<String>,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    dimensions: Option<Vec<Dimension>>,
    period: Option<i32>,
    unit: Option<String>,
    evaluation_periods: Option<i32>,
    datapoints_to_alarm: Option<i32>,
    threshold: Option<f64>,
    comparison_operator: Option<String>,
    treat_missing_data: Option<String>,
    evaluate_low_sample_count_percentile: Option<String>,
    metrics: Option<Vec<MetricDataQuery>>,
    threshold_metric_id: Option<String>,
    evaluation_state: Option<String>,
    state_transitioned_timestamp: Option<Timestamp>,
    evaluation_window: Option<EvaluationWindow>,
    warm_up_configuration: Option<WarmUpConfiguration>,
    evaluation_criteria: Option<EvaluationCriteria>,
    evaluation_interval: Option<i32>,
    action_configuration: Option<ActionConfiguration>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct CompositeAlarm {
    actions_enabled: Option<bool>,
    alarm_actions: Option<Vec<String>>,
    alarm_arn: Option<String>,
    alarm_configuration_updated_timestamp: Option<Timestamp>,
    alarm_description: Option<String>,
    alarm_name: Option<String>,
    alarm_rule: Option<String>,
    insufficient_data_actions: Option<Vec<String>>,
    #[shape(name = "OKActions")]
    ok_actions: Option<Vec<String>>,
    state_reason: Option<String>,
    state_reason_data: Option<String>,
    state_updated_timestamp: Option<Timestamp>,
    state_value: Option<String>,
    state_transitioned_timestamp: Option<Timestamp>,
    actions_suppressed_by: Option<String>,
    actions_suppressed_reason: Option<String>,
    actions_suppressor: Option<String>,
    actions_suppressor_wait_period: Option<i32>,
    actions_suppressor_extension_period: Option<i32>,
    action_configuration: Option<ActionConfiguration>,
}

impl MetricAlarm {
    /// All that is known of a metric alarm; nothing of one of another kind.
    pub(super) fn of(entry: &Entry, place: &Place) -> Option<Self> {
        let (settings, status) = (&entry.alarm.settings, &entry.alarm.status);
        let metric = settings.metric()?;
        let mut alarm = Self {
            alarm_description: settings.description.clone(),
            alarm_configuration_updated_timestamp: moment(status.configured_ms),
            actions_enabled: Some(settings.actions_enabled),
            ok_actions: Some(settings.ok_actions.clone()),
            alarm_actions: Some(settings.alarm_actions.clone()),
            insufficient_data_actions: Some(settings.insufficient_data_actions.clone()),
            state_reason: Some(status.now.reason.clone()),
            state_reason_data: status.now.data.clone(),
            state_transitioned_timestamp: moment(status.transitioned_ms),
            ..Self::child(entry, place)?
        };
        alarm.watch(metric);
        Some(alarm)
    }

    /// What is said of a child: name, ARN, state and since when.
    pub(super) fn child(entry: &Entry, place: &Place) -> Option<Self> {
        let status = &entry.alarm.status;
        Some(Self {
            state_value: Some(status.now.state.to_string()),
            state_updated_timestamp: moment(status.now.at_ms),
            ..Self::parent(entry, place)?
        })
    }

    /// What is said of a parent: name and ARN.
    pub(super) fn parent(entry: &Entry, place: &Place) -> Option<Self> {
        entry.alarm.settings.metric()?;
        Some(Self {
            alarm_name: Some(entry.name().to_owned()),
            alarm_arn: Some(place.alarm(entry.name()).to_string()),
            ..Self::default()
        })
    }

    fn watch(&mut self, metric: &MetricSettings) {
        self.evaluation_periods = Some(whole(metric.evaluation_periods));
        self.datapoints_to_alarm = metric.datapoints_to_alarm.map(whole);
        self.threshold = metric.threshold.value();
        self.threshold_metric_id = metric.threshold.band().map(str::to_owned);
        self.comparison_operator = Some(metric.comparison.as_str().to_owned());
        self.treat_missing_data = metric.treatment.map(|it| it.as_str().to_owned());
        self.evaluate_low_sample_count_percentile =
            metric.low_samples.map(|it| it.as_str().to_owned());
        match &metric.watched {
            Watched::One { stat, is_extended } => {
                self.metric_name = Some(stat.metric.clone());
                self.namespace = Some(stat.namespace.clone());
                self.dimensions = Some(dimensions(stat));
                self.period = Some(whole(stat.period_secs));
                self.unit.clone_from(&stat.unit);
                match is_extended {
                    true => self.extended_statistic = Some(stat.statistic.clone()),
                    false => self.statistic = Some(stat.statistic.clone()),
                }
            }
            Watched::Many(queries) => {
                self.dimensions = Some(Vec::new());
                self.metrics = Some(queries.iter().map(MetricDataQuery::of).collect());
            }
        }
    }
}

impl CompositeAlarm {
    /// All that is known of a composite alarm; nothing of one of another kind.
    pub(super) fn of(entry: &Entry, place: &Place) -> Option<Self> {
        let (settings, status) = (&entry.alarm.settings, &entry.alarm.status);
        let composite = settings.composite()?;
        let suppressor = composite.suppressor.as_ref();
        let by = status.suppression.by();
        Some(Self {
            actions_enabled: Some(settings.actions_enabled),
            alarm_actions: Some(settings.alarm_actions.clone()),
            alarm_configuration_updated_timestamp: moment(status.configured_ms),
            alarm_description: settings.description.clone(),
            alarm_rule: Some(composite.rule.clone()),
            insufficient_data_actions: Some(settings.insufficient_data_actions.clone()),
            ok_actions: Some(settings.ok_actions.clone()),
            state_reason: Some(status.now.reason.clone()),
            state_reason_data: status.now.data.clone(),
            state_transitioned_timestamp: moment(status.transitioned_ms),
            actions_suppressed_by: by.map(str::to_owned),
            actions_suppressed_reason: by.map(|_| why(status.suppression.phase, entry)),
            actions_suppressor: suppressor.map(|it| it.alarm.clone()),
            actions_suppressor_wait_period: suppressor.map(|it| whole(it.wait_secs)),
            actions_suppressor_extension_period: suppressor.map(|it| whole(it.extension_secs)),
            ..Self::child(entry, place)?
        })
    }

    /// As [`MetricAlarm::child`].
    pub(super) fn child(entry: &Entry, place: &Place) -> Option<Self> {
        let status = &entry.alarm.status;
        Some(Self {
            state_value: Some(status.now.state.to_string()),
            state_updated_timestamp: moment(status.now.at_ms),
            ..Self::parent(entry, place)?
        })
    }

    /// As [`MetricAlarm::parent`].
    pub(super) fn parent(entry: &Entry, place: &Place) -> Option<Self> {
        entry.alarm.settings.composite()?;
        Some(Self {
            alarm_name: Some(entry.name().to_owned()),
            alarm_arn: Some(place.alarm(entry.name()).to_string()),
            ..Self::default()
        })
    }
}

/// Why actions are kept back; a suppressor that is in `ALARM` is named.
fn why(phase: Phase, entry: &Entry) -> String {
    let suppressor = entry.suppressor.as_deref().unwrap_or_default();
    match phase {
        Phase::Alarm => format!("Actions suppressed by {suppressor}"),
        Phase::Wait(_) => format!("Actions suppressed by wait period for {suppressor}"),
        Phase::Extension(_) | Phase::None => {
            format!("Actions suppressed by extension period after {suppressor}")
        }
    }
}

impl MetricDataQuery {
    pub(in crate::ops) fn of(query: &QueryText) -> Self {
        Self {
            id: query.id.clone(),
            metric_stat: query.stat.as_ref().map(|stat| MetricStat {
                metric: Metric {
                    namespace: Some(stat.namespace.clone()),
                    metric_name: Some(stat.metric.clone()),
                    dimensions: dimensions(stat),
                },
                period: whole(stat.period_secs),
                stat: stat.statistic.clone(),
                unit: stat.unit.clone(),
            }),
            expression: query.expression.clone(),
            label: query.label.clone(),
            return_data: query.is_returned,
            period: query.period_secs.map(whole),
            account_id: query.account.clone(),
        }
    }

    /// The same as it is kept.
    pub(in crate::ops) fn kept(self) -> Result<QueryText, Fault> {
        Ok(QueryText {
            stat: self.metric_stat.map(MetricStat::kept).transpose()?,
            period_secs: self
                .period
                .map(|period| natural("period", period))
                .transpose()?,
            id: self.id,
            expression: self.expression,
            label: self.label,
            is_returned: self.return_data,
            account: self.account_id,
        })
    }
}

impl MetricStat {
    fn kept(self) -> Result<StatText, Fault> {
        let metric = self.metric;
        Ok(StatText {
            namespace: metric
                .namespace
                .ok_or_else(|| fault::missing("Namespace"))?,
            metric: metric
                .metric_name
                .ok_or_else(|| fault::missing("MetricName"))?,
            dimensions: pairs(metric.dimensions),
            statistic: self.stat,
            period_secs: natural("period", self.period)?,
            unit: self.unit,
        })
    }
}

fn dimensions(stat: &StatText) -> Vec<Dimension> {
    let pairs = stat.dimensions.iter().cloned();
    pairs
        .map(|(name, value)| Dimension { name, value })
        .collect()
}

/// Names and values of dimensions.
pub(in crate::ops) fn pairs(dimensions: Vec<Dimension>) -> Vec<(String, String)> {
    dimensions
        .into_iter()
        .map(|pair| (pair.name, pair.value))
        .collect()
}

/// Tags as they are kept. Of a key that is given twice the last counts.
pub(super) fn as_tags(tags: Vec<Tag>) -> Tags {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// A number from 1 on.
pub(super) fn natural(member: &str, number: i32) -> Result<u32, Fault> {
    let natural = u32::try_from(number).ok().filter(|number| *number > 0);
    natural.ok_or_else(|| {
        let constraint = "Member must have value greater than or equal to 1";
        fault::constraint(&number.to_string(), member, constraint)
    })
}

pub(super) fn moment(at_ms: u64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(at_ms))
}

fn whole(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
