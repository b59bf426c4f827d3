//! `shukuba alarm show` and `shukuba alarm history`.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::list::watches;
use super::{cloudwatch, dated};
use crate::access::calls::Failure;
use crate::alarms::apply::{is_composite, of_page, text};
use crate::alarms::plan::shown;
use crate::app::App;
use crate::client::cloudwatch::{CloudWatch, set};
use crate::client::service::Where;
use crate::output;

/// Items of a page. Source: DescribeAlarmHistory.
const PAGE_MAX: usize = 100;
/// Items under an alarm that is shown. Chosen.
const SHOWN: usize = 10;

/// Show an alarm: what it watches, how it is and why, and what happened to it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The alarm's name
    name: String,
    #[command(flatten)]
    at: Where,
}

/// Show what happened to an alarm, newest first; also to one that was deleted, as long as it is kept
#[derive(Debug, clap::Args)]
pub(crate) struct HistoryArgs {
    /// The alarm's name
    name: String,
    /// At most so many items
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let cloudwatch = cloudwatch(app, &args.at)?;
    let input =
        json!({ "AlarmNames": [args.name], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] });
    let page = cloudwatch.call("DescribeAlarms", &input)?;
    let alarm = of_page(&page).into_iter().next().map(dated);
    let Some(alarm) = alarm else {
        anyhow::bail!("no alarm is called `{}`", args.name);
    };
    let tags = (&cloudwatch as &dyn CloudWatch).tags(text(&alarm, "AlarmArn"))?;
    let items = items(&cloudwatch, &args.name, SHOWN)?;
    let whole = json!({ "Alarm": alarm, "Tags": tags, "History": items });
    output::show(app.output(), &whole, |_| {
        let alarm = described(&alarm, &tags);
        format!("{alarm}\n\n{}", table(&items))
    });
    Ok(ExitCode::SUCCESS)
}

pub(super) fn history(app: &App, args: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let cloudwatch = cloudwatch(app, &args.at)?;
    let items = items(&cloudwatch, &args.name, args.limit)?;
    output::show(app.output(), &items, |items| table(items));
    Ok(ExitCode::SUCCESS)
}

/// The newest items of an alarm's history.
fn items(cloudwatch: &dyn CloudWatch, name: &str, limit: usize) -> Result<Vec<Value>, Failure> {
    let mut items: Vec<Value> = Vec::new();
    let mut input = json!({
        "AlarmName": name,
        "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
        "ScanBy": "TimestampDescending",
        "MaxRecords": limit.clamp(1, PAGE_MAX),
    });
    while items.len() < limit {
        let page = cloudwatch.call("DescribeAlarmHistory", &input)?;
        let found = page.get("AlarmHistoryItems").and_then(Value::as_array);
        items.extend(found.into_iter().flatten().cloned().map(dated));
        match page.get("NextToken").filter(|next| next.is_string()) {
            Some(next) => set(&mut input, "NextToken", next.clone()),
            None => break,
        }
    }
    items.truncate(limit);
    Ok(items)
}

fn described(alarm: &Value, tags: &Map<String, Value>) -> String {
    let member = |name: &str| {
        alarm
            .get(name)
            .filter(|it| !it.is_null())
            .map(shown)
            .unwrap_or_default()
    };
    let tags: Vec<_> = tags
        .iter()
        .map(|(name, value)| format!("{name}={}", shown(value)))
        .collect();
    let mut rows = vec![
        ("alarm", member("AlarmName")),
        ("arn", member("AlarmArn")),
        ("description", member("AlarmDescription")),
        ("state", member("StateValue")),
        ("reason", member("StateReason")),
        ("since", member("StateTransitionedTimestamp")),
        ("watches", watches(alarm)),
    ];
    if !is_composite(alarm) {
        rows.extend([
            ("namespace", member("Namespace")),
            ("queries", member("Metrics")),
            ("lasts", lasts(alarm)),
            ("missing data", member("TreatMissingData")),
        ]);
    }
    rows.extend([
        ("acts", member("ActionsEnabled")),
        ("on ALARM", member("AlarmActions")),
        ("on OK", member("OKActions")),
        ("on no data", member("InsufficientDataActions")),
        ("suppressed by", member("ActionsSuppressor")),
        ("tags", tags.join(", ")),
        ("set", member("AlarmConfigurationUpdatedTimestamp")),
    ]);
    rows.retain(|(_, value)| !value.is_empty());
    output::pairs(&rows)
}

fn lasts(alarm: &Value) -> String {
    let number = |name: &str| alarm.get(name).and_then(Value::as_u64);
    let Some(periods) = number("EvaluationPeriods") else {
        return String::new();
    };
    let points = number("DatapointsToAlarm").unwrap_or(periods);
    // An alarm on queries has its periods in them.
    match number("Period") {
        Some(secs) => format!("{points} of {periods} periods of {secs} s"),
        None => format!("{points} of {periods} periods"),
    }
}

fn table(items: &[Value]) -> String {
    let row = |item: &Value| {
        ["Timestamp", "HistoryItemType", "HistorySummary"].map(|name| text(item, name).to_owned())
    };
    output::table(&["at", "what", ""], items.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::cloudwatch::tests::Told;

    #[test]
    fn history_is_read_page_by_page_up_to_the_limit() {
        let page = |from: u64, next: Value| {
            let items: Vec<_> = (from..from + 2)
                .map(|it| json!({"HistorySummary": it.to_string()}))
                .collect();
            json!({ "AlarmHistoryItems": items, "NextToken": next })
        };
        let pages = || {
            Told::new([
                ("DescribeAlarmHistory", page(0, json!("a"))),
                ("DescribeAlarmHistory", page(2, json!("b"))),
                ("DescribeAlarmHistory", page(4, json!(null))),
            ])
        };
        for (limit, found, calls) in [(3, 3, 2), (100, 6, 3), (0, 0, 0)] {
            let told = pages();
            assert_eq!(items(&told, "a", limit).unwrap().len(), found);
            assert_eq!(told.asked("DescribeAlarmHistory").len(), calls);
        }
    }

    #[test]
    fn an_alarm_is_described_without_what_it_has_not() {
        let alarm = json!({"AlarmName": "a", "StateValue": "OK", "EvaluationPeriods": 5, "Period": 60, "MetricName": "m",
            "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1.0, "Unit": null, "AlarmActions": []});
        let text = described(&alarm, &Map::new());
        assert!(text.contains("5 of 5 periods of 60 s"), "{text}");
        assert!(
            !text.contains("on ALARM") && !text.contains("tags"),
            "{text}"
        );
    }
}
