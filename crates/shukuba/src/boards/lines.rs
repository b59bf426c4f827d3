//! The lines and alarms of widgets, over CloudWatch's calls: so boards are drawn here of any server's data, and of AWS's.
//!
//! Hosts come from EC2's DescribeInstances, asked only where a widget chooses them by tags.
//!
//! One region is asked, the client's; units are known only where a query names one, because GetMetricData answers none.

use std::sync::Arc;

use base::Timestamp;
use cloudwatch::dashboard::widget::Host;
use cloudwatch::metric::{Dimension, Identity, Query, Source, Stat};
use cloudwatch::picture::{Alarm, AlarmState, Asked, Data, Failed, Line};
use serde_json::{Value, json};

use crate::alarms::apply::{NAMES_MAX, is_composite, of_page, text};
use crate::client::cloudwatch::{CloudWatch, set};
use crate::client::ec2::Inventory;

/// Queries of a call. Source: GetMetricData.
const QUERIES_MAX: usize = 500;
/// The period of an expression that says none and has fewer than two points. Source: the default of widgets.
const PERIOD_SECS: u32 = 300;

/// CloudWatch as the port of pictures.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    /// Of metrics and alarms.
    pub(crate) cloudwatch: Arc<dyn CloudWatch>,
    /// Of hosts.
    pub(crate) inventory: Arc<dyn Inventory>,
}

impl Data for Lines {
    fn answer(&self, asked: &Asked<'_>) -> Result<Vec<Line>, Failed> {
        let is_plain = asked
            .queries
            .iter()
            .all(|it| matches!(it.source, Source::Metric(_)));
        if !is_plain {
            // Expressions name other queries: they stay together, and the server says where they are too many.
            return self.some(asked.queries, asked);
        }
        let mut lines = Vec::new();
        for queries in asked.queries.chunks(QUERIES_MAX) {
            lines.extend(self.some(queries, asked)?);
        }
        Ok(lines)
    }

    fn alarms(&self, arns: &[String]) -> Result<Vec<Alarm>, Failed> {
        let mut found = Vec::new();
        let names: Vec<&str> = arns
            .iter()
            .filter_map(|arn| Some(arn.split_once(":alarm:")?.1))
            .collect();
        for names in names.chunks(NAMES_MAX) {
            let input = json!({
                "AlarmNames": names, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": NAMES_MAX,
            });
            let pages = self
                .cloudwatch
                .pages("DescribeAlarms", &input)
                .map_err(|it| failed(&it))?;
            found.extend(pages.iter().flat_map(of_page));
        }
        let of = |arn: &String| found.iter().find(|alarm| text(alarm, "AlarmArn") == arn);
        Ok(arns.iter().filter_map(of).map(alarm).collect())
    }

    fn hosts(&self) -> Result<Vec<Host>, Failed> {
        self.inventory.hosts().map_err(|it| failed(&it))
    }
}

fn failed(why: &dyn std::fmt::Display) -> Failed {
    Failed::Expression(why.to_string())
}

impl Lines {
    fn some(&self, queries: &[Query], asked: &Asked<'_>) -> Result<Vec<Line>, Failed> {
        if !queries.iter().any(|query| query.is_returned) {
            return Ok(Vec::new());
        }
        let queries_written: Vec<Value> = queries.iter().map(written).collect();
        let mut input = json!({
            "MetricDataQueries": queries_written,
            "StartTime": asked.from.as_secs(),
            "EndTime": asked.to.as_secs(),
            "ScanBy": "TimestampAscending",
        });
        if asked.zone_minutes != 0 {
            // Moments in labels, such as `${MAX_TIME}`.
            set(
                &mut input,
                "LabelOptions",
                json!({ "Timezone": zone(asked.zone_minutes) }),
            );
        }
        let pages = self
            .cloudwatch
            .pages("GetMetricData", &input)
            .map_err(|it| failed(&it))?;
        let mut lines: Vec<Line> = Vec::new();
        for result in pages.iter().flat_map(results) {
            add(&mut lines, queries, result)?;
        }
        let place = |line: &Line| queries.iter().position(|query| query.id == line.id);
        lines.sort_by_key(place);
        for line in &mut lines {
            finish(line, queries);
        }
        Ok(lines)
    }
}

/// Minutes east of Greenwich as `+0900`.
fn zone(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
}

fn results(page: &Value) -> Vec<&Value> {
    let results = page.get("MetricDataResults").and_then(Value::as_array);
    results.into_iter().flatten().collect()
}

/// Adds a result to the line that an earlier page began, or begins one.
fn add(lines: &mut Vec<Line>, queries: &[Query], result: &Value) -> Result<(), Failed> {
    let (id, label) = (text(result, "Id"), text(result, "Label"));
    if let status @ ("InternalError" | "Forbidden") = text(result, "StatusCode") {
        let messages = result.get("Messages").and_then(Value::as_array);
        let why: Vec<_> = messages
            .into_iter()
            .flatten()
            .map(|it| text(it, "Value"))
            .collect();
        return Err(failed(&format!("{status} for `{id}`: {}", why.join("; "))));
    }
    let points = points(result);
    match lines
        .iter_mut()
        .find(|line| line.id == id && line.label == label)
    {
        Some(line) => line.points.extend(points),
        None => lines.push(Line {
            id: id.to_owned(),
            label: label.to_owned(),
            unit: queries
                .iter()
                .find(|it| it.id == id)
                .and_then(|it| match &it.source {
                    Source::Metric(stat) => stat.unit,
                    Source::Expression { .. } => None,
                }),
            period_secs: 0,
            points,
        }),
    }
    Ok(())
}

fn points(result: &Value) -> Vec<(Timestamp, f64)> {
    let list = |name: &str| {
        let found = result.get(name).and_then(Value::as_array);
        found.into_iter().flatten().filter_map(Value::as_f64)
    };
    list("Timestamps").map(moment).zip(list("Values")).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is no moment of our age saturates"
)]
fn moment(secs: f64) -> Timestamp {
    Timestamp::from_millis((secs * 1000.0).round() as u64)
}

/// Puts the points in order, and finds the period.
fn finish(line: &mut Line, queries: &[Query]) {
    line.points.sort_by_key(|(at, _)| *at);
    let query = queries.iter().find(|query| query.id == line.id);
    let said = query.and_then(|query| match &query.source {
        Source::Metric(stat) => Some(stat.period_secs),
        Source::Expression { period_secs, .. } => *period_secs,
    });
    let apart = line.points.iter().zip(line.points.iter().skip(1));
    let apart =
        apart.filter_map(|((one, _), (next, _))| u32::try_from(next.since(*one).as_secs()).ok());
    line.period_secs = said.or_else(|| apart.min()).unwrap_or(PERIOD_SECS).max(1);
}

/// A query as the API takes it.
fn written(query: &Query) -> Value {
    let mut value = match &query.source {
        Source::Metric(stat) => json!({ "MetricStat": stat_written(stat) }),
        Source::Expression { text, period_secs } => {
            let mut value = json!({ "Expression": text });
            if let Some(period_secs) = period_secs {
                set(&mut value, "Period", json!(period_secs));
            }
            value
        }
    };
    set(&mut value, "Id", json!(query.id));
    set(&mut value, "ReturnData", json!(query.is_returned));
    if let Some(label) = &query.label {
        set(&mut value, "Label", json!(label));
    }
    value
}

fn stat_written(stat: &Stat) -> Value {
    let dimensions = stat.identity.dimensions().iter();
    let dimensions: Vec<_> = dimensions
        .map(|it| json!({ "Name": it.name, "Value": it.value }))
        .collect();
    let mut value = json!({
        "Metric": {
            "Namespace": stat.identity.namespace,
            "MetricName": stat.identity.name,
            "Dimensions": dimensions,
        },
        "Period": stat.period_secs,
        "Stat": stat.statistic.to_string(),
    });
    if let Some(unit) = stat.unit {
        set(&mut value, "Unit", json!(unit.as_str()));
    }
    value
}

fn alarm(alarm: &Value) -> Alarm {
    let secs = |name: &str| alarm.get(name).and_then(Value::as_f64);
    let since = secs("StateTransitionedTimestamp").or_else(|| secs("StateUpdatedTimestamp"));
    Alarm {
        name: text(alarm, "AlarmName").to_owned(),
        state: match text(alarm, "StateValue") {
            "ALARM" => AlarmState::Alarm,
            "OK" => AlarmState::Ok,
            _ => AlarmState::InsufficientData,
        },
        since: moment(since.unwrap_or(0.0)),
        queries: if is_composite(alarm) {
            Vec::new()
        } else {
            watched(alarm)
        },
        threshold: alarm.get("Threshold").and_then(Value::as_f64),
    }
}

/// The queries of an alarm; one that cannot be read is left out.
fn watched(alarm: &Value) -> Vec<Query> {
    let queries = alarm
        .get("Metrics")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty());
    if let Some(queries) = queries {
        return queries.iter().filter_map(query).collect();
    }
    let stat = json!({
        "Metric": alarm,
        "Period": alarm.get("Period"),
        "Stat": alarm.get("Statistic").filter(|it| !it.is_null()).or_else(|| alarm.get("ExtendedStatistic")),
        "Unit": alarm.get("Unit"),
    });
    query(&json!({ "Id": "a1", "MetricStat": stat }))
        .into_iter()
        .collect()
}

fn query(value: &Value) -> Option<Query> {
    let period_secs = |of: &Value| u32::try_from(of.get("Period")?.as_u64()?).ok();
    let source = match value.get("MetricStat").filter(|it| it.is_object()) {
        Some(stat) => Source::Metric(Stat {
            identity: identity(stat.get("Metric")?),
            statistic: text(stat, "Stat").parse().ok()?,
            period_secs: period_secs(stat)?,
            unit: text(stat, "Unit").parse().ok(),
        }),
        None => Source::Expression {
            text: value.get("Expression")?.as_str()?.to_owned(),
            period_secs: period_secs(value),
        },
    };
    Some(Query {
        id: text(value, "Id").to_owned(),
        source,
        label: value
            .get("Label")
            .and_then(Value::as_str)
            .map(str::to_owned),
        is_returned: value.get("ReturnData") != Some(&Value::Bool(false)),
    })
}

fn identity(metric: &Value) -> Identity {
    let dimensions = metric.get("Dimensions").and_then(Value::as_array);
    let dimensions = dimensions.into_iter().flatten();
    let dimensions = dimensions.map(|it| Dimension::new(text(it, "Name"), text(it, "Value")));
    Identity::new(
        text(metric, "Namespace"),
        text(metric, "MetricName"),
        dimensions.collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::cloudwatch::tests::Told;
    use crate::client::ec2::tests::NoHosts;

    fn metric(id: &str, is_returned: bool) -> Query {
        Query {
            id: id.to_owned(),
            source: Source::Metric(Stat {
                identity: Identity::new(
                    "AWS/EC2",
                    "CPUUtilization",
                    vec![Dimension::new("InstanceId", "i-1")],
                ),
                statistic: "p99".parse().unwrap(),
                period_secs: 60,
                unit: Some("Percent".parse().unwrap()),
            }),
            label: Some("web-1".to_owned()),
            is_returned,
        }
    }

    fn lines(told: Arc<Told>) -> Lines {
        Lines {
            cloudwatch: told,
            inventory: Arc::new(NoHosts),
        }
    }

    fn expression(id: &str) -> Query {
        Query {
            id: id.to_owned(),
            source: Source::Expression {
                text: "m1 * 2".to_owned(),
                period_secs: None,
            },
            label: None,
            is_returned: true,
        }
    }

    fn answered(told: &Arc<Told>, queries: &[Query]) -> Result<Vec<Line>, Failed> {
        let lines = lines(Arc::<Told>::clone(told));
        lines.answer(&Asked {
            queries,
            from: Timestamp::from_secs(600),
            to: Timestamp::from_secs(1200),
            now: Timestamp::from_secs(1200),
            zone_minutes: -210,
        })
    }

    #[test]
    fn queries_are_written_as_the_api_takes_them() {
        let told = Arc::new(Told::default());
        answered(&told, &[metric("m1", false), expression("e")]).unwrap();
        let expected = json!({
            "MetricDataQueries": [
                {"Id": "m1", "Label": "web-1", "ReturnData": false, "MetricStat": {
                    "Metric": {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization",
                        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}]},
                    "Period": 60, "Stat": "p99", "Unit": "Percent"}},
                {"Id": "e", "Expression": "m1 * 2", "ReturnData": true},
            ],
            "StartTime": 600, "EndTime": 1200, "ScanBy": "TimestampAscending",
            "LabelOptions": {"Timezone": "-0330"},
        });
        assert_eq!(told.asked("GetMetricData"), [expected]);
    }

    #[test]
    fn lines_go_on_over_pages_and_stand_in_the_order_of_queries() {
        let result = |id: &str, timestamps: Value, values: Value| json!({"Id": id, "Label": format!("label {id}"), "Timestamps": timestamps, "Values": values, "StatusCode": "PartialData"});
        let told = Arc::new(Told::new([
            (
                "GetMetricData",
                json!({"NextToken": "n", "MetricDataResults": [
                result("e", json!([600.0, 900.0]), json!([1.0, 2.0])), result("m1", json!([660]), json!([5]))]}),
            ),
            (
                "GetMetricData",
                json!({"MetricDataResults": [
                result("e", json!([1200.0]), json!([3.0])), result("m1", json!([600]), json!([4]))]}),
            ),
        ]));
        let lines = answered(&told, &[metric("m1", true), expression("e")]).unwrap();
        let shown: Vec<_> = lines
            .iter()
            .map(|it| (it.id.as_str(), it.label.as_str(), it.period_secs))
            .collect();
        assert_eq!(shown, [("m1", "label m1", 60), ("e", "label e", 300)]);
        let at = Timestamp::from_secs;
        assert_eq!(lines[0].points, [(at(600), 4.0), (at(660), 5.0)]);
        assert_eq!(
            lines[1].points,
            [(at(600), 1.0), (at(900), 2.0), (at(1200), 3.0)]
        );
        assert_eq!(lines[0].unit.map(|it| it.as_str()), Some("Percent"));
    }

    #[test]
    fn five_hundred_metrics_go_in_a_call() {
        let queries: Vec<_> = (0..700)
            .map(|index| metric(&format!("m{index}"), true))
            .collect();
        let told = Arc::new(Told::default());
        answered(&told, &queries).unwrap();
        let counts = told.asked("GetMetricData");
        let counts: Vec<_> = counts
            .iter()
            .map(|it| it["MetricDataQueries"].as_array().unwrap().len())
            .collect();
        assert_eq!(counts, [500, 200]);
    }

    #[test]
    fn a_refusal_is_said_in_its_widget() {
        let wrong = json!({"__type": "ValidationError", "message": "Error in expression 'e'"});
        let told = Arc::new(Told::new([("GetMetricData", wrong)]));
        let failed = answered(&told, &[expression("e")]).unwrap_err();
        assert_eq!(
            failed.to_string(),
            "GetMetricData: ValidationError: Error in expression 'e'"
        );
        let result = json!({"Id": "e", "StatusCode": "Forbidden", "Messages": [{"Code": "x", "Value": "not yours"}]});
        let told = Arc::new(Told::new([(
            "GetMetricData",
            json!({"MetricDataResults": [result]}),
        )]));
        let failed = answered(&told, &[expression("e")]).unwrap_err();
        assert_eq!(failed.to_string(), "Forbidden for `e`: not yours");
    }

    #[test]
    fn alarms_come_in_the_order_of_their_arns() {
        let arn = |name: &str| format!("arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}");
        let told = Arc::new(Told::new([(
            "DescribeAlarms",
            json!({
                "MetricAlarms": [
                    {"AlarmName": "a", "AlarmArn": arn("a"), "StateValue": "OK", "StateUpdatedTimestamp": 5.5, "Threshold": 80.0,
                        "Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 60, "Metrics": []},
                    {"AlarmName": "m", "AlarmArn": arn("m"), "StateValue": "INSUFFICIENT_DATA",
                        "Metrics": [{"Id": "e", "Expression": "1 + 1", "Period": 60}]}],
                "CompositeAlarms": [{"AlarmName": "c", "AlarmArn": arn("c"), "StateValue": "ALARM", "AlarmRule": "ALARM(a)"}],
            }),
        )]));
        let lines = lines(Arc::<Told>::clone(&told));
        let found = lines
            .alarms(&[arn("c"), arn("gone"), arn("a"), arn("m")])
            .unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|it| (it.name.as_str(), it.state, it.queries.len()))
            .collect();
        assert_eq!(
            shown,
            [
                ("c", AlarmState::Alarm, 0),
                ("a", AlarmState::Ok, 1),
                ("m", AlarmState::InsufficientData, 1)
            ]
        );
        assert_eq!(found[1].since, Timestamp::from_millis(5500));
        assert_eq!(found[1].threshold, Some(80.0));
        assert_eq!(
            told.asked("DescribeAlarms")[0]["AlarmNames"],
            json!(["c", "gone", "a", "m"])
        );
    }
}
