//! PutMetricAlarm.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::Desk;
use super::desk::with_request_tags;
use super::fault;
use super::shape::{
    ActionConfiguration, Dimension, EvaluationCriteria, EvaluationWindow, MetricDataQuery, Tag,
    WarmUpConfiguration, as_tags, natural, pairs,
};
use crate::alarm::engine::Settings;
use crate::alarm::engine::settings::{
    Comparison, Kind, Limit, LowSamples, Metric, StatText, Treatment, Watched,
};

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutMetricAlarmInput {
    #[shape(required)]
    alarm_name: String,
    alarm_description: Option<String>,
    actions_enabled: Option<bool>,
    #[shape(name = "OKActions")]
    ok_actions: Vec<String>,
    alarm_actions: Vec<String>,
    insufficient_data_actions: Vec<String>,
    metric_name: Option<String>,
    namespace: Option<String>,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    dimensions: Vec<Dimension>,
    period: Option<i32>,
    unit: Option<String>,
    evaluation_periods: Option<i32>,
    datapoints_to_alarm: Option<i32>,
    threshold: Option<f64>,
    comparison_operator: Option<String>,
    treat_missing_data: Option<String>,
    evaluate_low_sample_count_percentile: Option<String>,
    metrics: Vec<MetricDataQuery>,
    tags: Vec<Tag>,
    threshold_metric_id: Option<String>,
    evaluation_window: Option<EvaluationWindow>,
    #[shape(refused)]
    warm_up_configuration: Option<WarmUpConfiguration>,
    #[shape(refused = "alarms by PromQL are not kept: give MetricName, or Metrics")]
    evaluation_criteria: Option<EvaluationCriteria>,
    #[shape(
        refused = "leave it out: alarms are evaluated each minute, those of periods below one every ten seconds"
    )]
    evaluation_interval: Option<i32>,
    #[shape(refused)]
    action_configuration: Option<ActionConfiguration>,
}

impl Act<Desk> for PutMetricAlarmInput {
    type Output = Nothing;
    const ACTION: &'static str = "cloudwatch:PutMetricAlarm";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        let actions = [
            &self.ok_actions,
            &self.alarm_actions,
            &self.insufficient_data_actions,
        ];
        let actions: Vec<String> = actions.into_iter().flatten().cloned().collect();
        let on = |action| with_request_tags(desk.on_alarm(action, &self.alarm_name), &self.tags);
        let put = on(Self::ACTION);
        let put = match actions.is_empty() {
            true => put,
            false => put.with_many("cloudwatch:AlarmActions", actions),
        };
        let is_new = desk.alarms.book().alarm(&self.alarm_name).is_none();
        match self.tags.is_empty() || !is_new {
            true => vec![put],
            false => vec![put, on("cloudwatch:TagResource")],
        }
    }

    async fn act(mut self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let tags = as_tags(std::mem::take(&mut self.tags));
        let settings = self.settings()?;
        desk.blocking(move |alarms| alarms.put(settings, tags))
            .await?;
        Ok(Nothing {})
    }
}

impl PutMetricAlarmInput {
    fn settings(self) -> Result<Settings, Fault> {
        let metric = Metric {
            comparison: self.comparison()?,
            threshold: self.limit()?,
            evaluation_periods: {
                let periods = self.evaluation_periods;
                let periods = periods.ok_or_else(|| fault::missing("EvaluationPeriods"))?;
                natural("evaluationPeriods", periods)?
            },
            datapoints_to_alarm: self
                .datapoints_to_alarm
                .map(|points| natural("datapointsToAlarm", points))
                .transpose()?,
            treatment: self.treatment()?,
            low_samples: self.low_samples()?,
            watched: match self.metrics.is_empty() {
                true => self.one()?,
                false => self.many()?,
            },
        };
        Ok(Settings {
            name: self.alarm_name,
            description: self.alarm_description,
            actions_enabled: self.actions_enabled.unwrap_or(true),
            ok_actions: self.ok_actions,
            alarm_actions: self.alarm_actions,
            insufficient_data_actions: self.insufficient_data_actions,
            kind: Kind::Metric(metric),
        })
    }

    fn limit(&self) -> Result<Limit, Fault> {
        match (self.threshold, &self.threshold_metric_id) {
            (Some(_), Some(_)) => Err(fault::both("Threshold", "ThresholdMetricId")),
            (Some(value), None) => Ok(Limit::Value(value)),
            (None, Some(id)) => Ok(Limit::Band(id.clone())),
            (None, None) => Err(fault::missing("Threshold")),
        }
    }

    fn comparison(&self) -> Result<Comparison, Fault> {
        let given = self.comparison_operator.as_deref();
        let given = given.ok_or_else(|| fault::missing("ComparisonOperator"))?;
        Comparison::parse(given).ok_or_else(|| {
            fault::constraint(
                given,
                "comparisonOperator",
                "Member must satisfy enum value set: [GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold, LessThanOrEqualToThreshold, LessThanLowerOrGreaterThanUpperThreshold, LessThanLowerThreshold, GreaterThanUpperThreshold]",
            )
        })
    }

    fn treatment(&self) -> Result<Option<Treatment>, Fault> {
        let given = self.treat_missing_data.as_deref();
        let read = |given| {
            Treatment::parse(given).ok_or_else(|| {
                fault::validation(format!(
                    "Option {given} is not supported. Supported options for parameter TreatMissingData are breaching, notBreaching, ignore and missing."
                ))
            })
        };
        given.map(read).transpose()
    }

    fn low_samples(&self) -> Result<Option<LowSamples>, Fault> {
        let given = self.evaluate_low_sample_count_percentile.as_deref();
        let read = |given| {
            LowSamples::parse(given).ok_or_else(|| {
                fault::validation(format!(
                    "Option {given} is not supported. Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore."
                ))
            })
        };
        given.map(read).transpose()
    }

    /// A statistic of a metric.
    fn one(&self) -> Result<Watched, Fault> {
        let text = |given: &Option<String>, name| given.clone().ok_or_else(|| fault::missing(name));
        let (statistic, is_extended) = match (&self.statistic, &self.extended_statistic) {
            (Some(statistic), None) => (statistic.clone(), false),
            (None, Some(statistic)) => (statistic.clone(), true),
            (Some(_), Some(_)) => return Err(fault::both("Statistic", "ExtendedStatistic")),
            (None, None) => {
                return Err(fault::validation(
                    "Exactly one of Statistic or ExtendedStatistic must be specified.",
                ));
            }
        };
        Ok(Watched::One {
            stat: StatText {
                metric: text(&self.metric_name, "MetricName")?,
                namespace: text(&self.namespace, "Namespace")?,
                dimensions: pairs(self.dimensions.clone()),
                statistic,
                period_secs: {
                    let period = self.period.ok_or_else(|| fault::missing("Period"))?;
                    natural("period", period)?
                },
                unit: self.unit.clone(),
            },
            is_extended,
        })
    }

    /// Several metrics and expressions; then none may be given beside them.
    fn many(&self) -> Result<Watched, Fault> {
        let others = [
            ("MetricName", self.metric_name.is_some()),
            ("Namespace", self.namespace.is_some()),
            ("Dimensions", !self.dimensions.is_empty()),
            ("Period", self.period.is_some()),
            ("Unit", self.unit.is_some()),
            ("Statistic", self.statistic.is_some()),
            ("ExtendedStatistic", self.extended_statistic.is_some()),
        ];
        if let Some((name, _)) = others.into_iter().find(|(_, is_given)| *is_given) {
            // Recorded of Unit (aws-cloudformation/cfn-lint, issue 1306).
            return Err(fault::validation(format!(
                "{name} should not be set if list of Metrics is set."
            )));
        }
        let queries = self.metrics.iter().cloned().map(MetricDataQuery::kept);
        Ok(Watched::Many(queries.collect::<Result<_, _>>()?))
    }
}
