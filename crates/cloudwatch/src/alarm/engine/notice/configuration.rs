//! What an alarm is told to do, as history items and functions get it.

use serde_json::{Map, Value, json};

use super::super::book::Alarm;
use super::super::settings::{Composite, Kind, Metric, QueryText, StatText, Watched};
use super::super::time::offset;
use crate::ops::Place;
use base::Timestamp;

/// An alarm as a history item has it.
#[must_use]
pub fn whole(alarm: &Alarm, place: &Place) -> Value {
    let (settings, status) = (&alarm.settings, &alarm.status);
    let mut members = json!({
        "alarmName": settings.name,
        "alarmArn": place.alarm(&settings.name).to_string(),
        "alarmDescription": settings.description,
        "alarmConfigurationUpdatedTimestamp": offset(Timestamp::from_millis(status.configured_ms)),
        "actionsEnabled": settings.actions_enabled,
        "okactions": settings.ok_actions,
        "alarmActions": settings.alarm_actions,
        "insufficientDataActions": settings.insufficient_data_actions,
        "stateValue": status.now.state.as_str(),
        "stateUpdatedTimestamp": offset(Timestamp::from_millis(status.now.at_ms)),
    });
    if let Some(members) = members.as_object_mut() {
        match &settings.kind {
            Kind::Metric(metric) => of_metric(metric, members),
            Kind::Composite(composite) => members.extend(of_composite(composite)),
        }
        members.retain(|_, value| !value.is_null());
    }
    members
}

fn of_metric(metric: &Metric, members: &mut Map<String, Value>) {
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("comparisonOperator", json!(metric.comparison.as_str()));
    add("threshold", json!(metric.threshold.value()));
    add("thresholdMetricId", json!(metric.threshold.band()));
    add("evaluationPeriods", json!(metric.evaluation_periods));
    add("datapointsToAlarm", json!(metric.datapoints_to_alarm));
    add(
        "treatMissingData",
        json!(metric.treatment.map(|it| it.as_str())),
    );
    add(
        "evaluateLowSampleCountPercentile",
        json!(metric.low_samples.map(|it| it.as_str())),
    );
    match &metric.watched {
        Watched::One { stat, is_extended } => {
            let statistic = if *is_extended {
                "extendedStatistic"
            } else {
                "statistic"
            };
            let pair = |(name, value): &(String, String)| json!({"name": name, "value": value});
            let dimensions: Vec<_> = stat.dimensions.iter().map(pair).collect();
            add("namespace", json!(stat.namespace));
            add("metricName", json!(stat.metric));
            add("dimensions", json!(dimensions));
            add(statistic, json!(stat.statistic));
            add("period", json!(stat.period_secs));
            add("unit", json!(stat.unit));
        }
        Watched::Many(queries) => {
            add(
                "metrics",
                json!(queries.iter().map(query).collect::<Vec<_>>()),
            );
        }
    }
}

/// What a composite alarm is told.
#[must_use]
pub fn of_composite(composite: &Composite) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("alarmRule".to_owned(), json!(composite.rule));
    if let Some(suppressor) = &composite.suppressor {
        let rows = [
            ("actionsSuppressor", json!(suppressor.alarm)),
            ("actionsSuppressorWaitPeriod", json!(suppressor.wait_secs)),
            (
                "actionsSuppressorExtensionPeriod",
                json!(suppressor.extension_secs),
            ),
        ];
        members.extend(rows.map(|(name, value)| (name.to_owned(), value)));
    }
    members
}

/// The metrics that an alarm watches, as functions get them.
#[must_use]
pub fn metrics(watched: &Watched) -> Value {
    match watched {
        Watched::One { stat, .. } => json!([{
            "id": "m1",
            "metricStat": metric_stat(stat),
            "returnData": true,
        }]),
        Watched::Many(queries) => json!(queries.iter().map(query).collect::<Vec<_>>()),
    }
}

fn query(query: &QueryText) -> Value {
    let mut members = Map::new();
    members.insert("id".to_owned(), json!(query.id));
    if let Some(stat) = &query.stat {
        members.insert("metricStat".to_owned(), metric_stat(stat));
    }
    let rows = [
        ("expression", json!(query.expression)),
        ("label", json!(query.label)),
        ("period", json!(query.period_secs)),
        ("returnData", json!(query.is_watched())),
    ];
    let rows = rows.into_iter().filter(|(_, value)| !value.is_null());
    members.extend(rows.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(members)
}

fn metric_stat(stat: &StatText) -> Value {
    let dimensions = stat.dimensions.iter();
    let dimensions: Map<_, _> = dimensions
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let mut members = json!({
        "metric": {"namespace": stat.namespace, "name": stat.metric, "dimensions": dimensions},
        "period": stat.period_secs,
        "stat": stat.statistic,
    });
    if let (Some(members), Some(unit)) = (members.as_object_mut(), &stat.unit) {
        members.insert("unit".to_owned(), json!(unit));
    }
    members
}
