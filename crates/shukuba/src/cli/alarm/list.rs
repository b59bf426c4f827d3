//! `shukuba alarm list`.

use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::{cloudwatch, dated};
use crate::alarms::apply::{NAMES_MAX, is_composite, of_page, text};
use crate::alarms::condition::sign;
use crate::alarms::plan::shown;
use crate::app::App;
use crate::client::cloudwatch::{CloudWatch, set};
use crate::client::service::Where;
use crate::output;

/// List alarms with their states, those of other alarms too
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only those in this state
    #[arg(long, value_enum, ignore_case = true, value_name = "STATE")]
    state: Option<State>,
    /// Only those whose names begin so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    #[command(flatten)]
    at: Where,
}

/// How an alarm is.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "verbatim")]
pub(super) enum State {
    #[value(name = "OK")]
    Ok,
    #[value(name = "ALARM")]
    Alarm,
    #[value(name = "INSUFFICIENT_DATA")]
    InsufficientData,
}

impl State {
    /// As the API writes it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let mut input =
        json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": NAMES_MAX });
    if let Some(state) = args.state {
        set(&mut input, "StateValue", json!(state.as_str()));
    }
    if let Some(prefix) = args.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        set(&mut input, "AlarmNamePrefix", json!(prefix));
    }
    let wire = cloudwatch(app, &args.at)?;
    let cloudwatch: &dyn CloudWatch = &wire;
    let pages = cloudwatch.pages("DescribeAlarms", &input)?;
    let mut alarms: Vec<Value> = pages.iter().flat_map(of_page).map(dated).collect();
    alarms.sort_by_cached_key(|alarm| text(alarm, "AlarmName").to_owned());
    output::show(app.output(), &alarms, |alarms| {
        output::table(
            &["alarm", "state", "since", "watches", "acts"],
            alarms.iter().map(row),
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn row(alarm: &Value) -> [String; 5] {
    let since = match text(alarm, "StateTransitionedTimestamp") {
        "" => text(alarm, "StateUpdatedTimestamp"),
        since => since,
    };
    let acts = match alarm.get("ActionsEnabled") {
        Some(Value::Bool(false)) => "no",
        _ => "yes",
    };
    [
        text(alarm, "AlarmName").to_owned(),
        text(alarm, "StateValue").to_owned(),
        since.to_owned(),
        output::cut(&watches(alarm)),
        acts.to_owned(),
    ]
}

/// What an alarm watches, in a line.
pub(super) fn watches(alarm: &Value) -> String {
    if is_composite(alarm) {
        return text(alarm, "AlarmRule").to_owned();
    }
    let member = |name: &str| {
        alarm
            .get(name)
            .filter(|it| !it.is_null())
            .map(shown)
            .unwrap_or_default()
    };
    let threshold = format!(
        "{} {}",
        sign(text(alarm, "ComparisonOperator")),
        if alarm
            .get("ThresholdMetricId")
            .is_some_and(|it| !it.is_null())
        {
            member("ThresholdMetricId")
        } else {
            member("Threshold")
        }
    );
    let queries = alarm
        .get("Metrics")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty());
    if let Some(queries) = queries {
        let band = text(alarm, "ThresholdMetricId");
        let is_watched = |it: &&Value| {
            it.get("ReturnData") != Some(&Value::Bool(false))
                && (band.is_empty() || text(it, "Id") != band)
        };
        let watched = queries.iter().find(is_watched);
        let expression = watched.map(query).unwrap_or_default();
        return format!("{expression} {threshold}");
    }
    format!(
        "{}{} {}{{{}}} {threshold}",
        member("Statistic"),
        member("ExtendedStatistic"),
        member("MetricName"),
        member("Dimensions"),
    )
}

/// The expression of a query, or its statistic and metric.
fn query(query: &Value) -> String {
    let Some(stat) = query.get("MetricStat") else {
        return text(query, "Expression").to_owned();
    };
    let metric = stat.get("Metric").map(|it| text(it, "MetricName"));
    format!("{} {}", text(stat, "Stat"), metric.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_alarm_says_what_it_watches() {
        for (alarm, expected) in [
            (
                json!({"MetricName": "CPUUtilization", "Statistic": "Average", "ComparisonOperator": "GreaterThanThreshold",
                    "Threshold": 80.0, "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}], "Metrics": []}),
                "Average CPUUtilization{InstanceId=i-1} > 80",
            ),
            (
                json!({"Metrics": [{"Id": "a", "ReturnData": false}, {"Id": "e", "Expression": "a / 2"}],
                    "ComparisonOperator": "LessThanOrEqualToThreshold", "Threshold": 0.5}),
                "a / 2 <= 0.5",
            ),
            (json!({"AlarmRule": "ALARM(a)"}), "ALARM(a)"),
        ] {
            assert_eq!(watches(&alarm), expected);
        }
    }
}
