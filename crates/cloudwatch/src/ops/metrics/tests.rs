//! The operations together.

use serde_json::{Value, json};

use super::testing::Bench;
use crate::series::Settings;

/// 2026-11-23T05:00:00Z.
const NOW: f64 = 1_795_410_000.0;

fn metric(name: &str, more: Value) -> Value {
    let mut datum = json!({"MetricName": name});
    merge(&mut datum, more);
    datum
}

fn merge(into: &mut Value, more: Value) {
    let (Value::Object(into), Value::Object(more)) = (into, more) else {
        panic!("no objects");
    };
    into.extend(more);
}

fn put(data: &[Value]) -> Value {
    json!({"Namespace": "Test", "MetricData": data})
}

fn ask(name: &str, more: Value) -> Value {
    let mut input = json!({
        "Namespace": "Test", "MetricName": name, "StartTime": NOW - 600.0, "EndTime": NOW + 60.0,
        "Period": 60, "Statistics": ["SampleCount", "Sum", "Average", "Minimum", "Maximum"],
    });
    merge(&mut input, more);
    input
}

#[tokio::test]
async fn every_form_of_data_is_put_and_answered() {
    let bench = Bench::new();
    let at = |back: f64| NOW - back;
    let data = [
        metric("m", json!({"Value": 5.0, "Unit": "Percent"})),
        metric(
            "m",
            json!({"Values": [1.0, 2.0], "Unit": "Percent", "Timestamp": at(60.0)}),
        ),
        metric(
            "m",
            json!({"Values": [1.0, 2.0], "Counts": [3.0, 1.0], "Unit": "Percent", "Timestamp": at(120.0)}),
        ),
        metric(
            "m",
            json!({
                "StatisticValues": {"SampleCount": 4.0, "Sum": 10.0, "Minimum": 1.0, "Maximum": 4.0},
                "Unit": "Percent", "Timestamp": at(180.0),
            }),
        ),
    ];
    assert_eq!(bench.ok("PutMetricData", put(&data)).await, json!({}));
    let answer = bench.ok("GetMetricStatistics", ask("m", json!({}))).await;
    let point = |back: f64, count: f64, sum: f64, min: f64, max: f64| {
        json!({
            "Timestamp": NOW - back, "SampleCount": count, "Sum": sum, "Average": sum / count,
            "Minimum": min, "Maximum": max, "Unit": "Percent",
        })
    };
    let expected = json!({"Label": "m", "Datapoints": [
        point(180.0, 4.0, 10.0, 1.0, 4.0),
        point(120.0, 4.0, 5.0, 1.0, 2.0),
        point(60.0, 2.0, 3.0, 1.0, 2.0),
        point(0.0, 1.0, 5.0, 5.0, 5.0),
    ]});
    assert_eq!(as_floats(&answer), as_floats(&expected));
}

/// Numbers alike, however they are written.
fn as_floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(as_floats).collect(),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), as_floats(value)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

#[tokio::test]
async fn data_of_entities_are_kept_without_their_entities() {
    let bench = Bench::new();
    let input = json!({
        "Namespace": "Test", "StrictEntityValidation": true,
        "EntityMetricData": [{
            "Entity": {"KeyAttributes": {"Type": "Service", "Name": "web"}},
            "MetricData": [metric("m", json!({"Value": 1.0}))],
        }],
    });
    bench.ok("PutMetricData", input).await;
    let answer = bench.ok("GetMetricStatistics", ask("m", json!({}))).await;
    assert_eq!(answer["Datapoints"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn wrong_data_are_refused_in_cloudwatch_s_words() {
    let bench = Bench::new();
    let value = "InvalidParameterValue";
    let missing = "MissingParameter";
    let combination = "InvalidParameterCombination";
    let set = |more: Value| {
        let mut set = json!({"SampleCount": 1.0, "Sum": 1.0, "Minimum": 1.0, "Maximum": 1.0});
        merge(&mut set, more);
        json!({"StatisticValues": set})
    };
    let m = "MetricData.member.1";
    for (datum, code, text) in [
        (
            json!({"Value": 1.0, "Values": [1.0]}),
            combination,
            format!(
                "The parameters {m}.Value and {m}.Values are mutually exclusive and you have specified both."
            ),
        ),
        (
            json!({"Values": [1.0, 2.0], "Counts": [1.0]}),
            value,
            format!("The parameters {m}.Values and {m}.Counts must be of the same size."),
        ),
        (
            json!({}),
            missing,
            format!(
                "At least one of the parameters {m}.Value, {m}.Values or {m}.StatisticValues must be specified."
            ),
        ),
        (
            json!({"Value": 3e108}),
            value,
            format!("The value 3E108 for parameter {m}.Value is invalid."),
        ),
        (
            json!({"Value": "NaN"}),
            value,
            format!("The value NaN for parameter {m}.Value is invalid."),
        ),
        (
            json!({"Value": 1.0, "StorageResolution": 300}),
            value,
            format!("The parameter {m}.StorageResolution must be a value in the set [ 1, 60 ]."),
        ),
        (
            json!({"Value": 1.0, "Timestamp": NOW - 14.0 * 86_400.0 - 1.0}),
            value,
            format!("The parameter {m}.Timestamp must specify a time within the past two weeks."),
        ),
        (
            json!({"Value": 1.0, "Timestamp": NOW + 7201.0}),
            value,
            format!(
                "The parameter {m}.Timestamp must specify a time no more than two hours in the future."
            ),
        ),
        (
            json!({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]}),
            value,
            "No metric may specify the same dimension name twice.".to_owned(),
        ),
        (
            json!({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": ""}]}),
            missing,
            format!("The parameter {m}.Dimensions.member.1.Value is required."),
        ),
        (
            json!({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "x".repeat(1025)}]}),
            value,
            format!(
                "The parameter {m}.Dimensions.member.1.Value must be shorter than 1025 characters."
            ),
        ),
        (
            json!({"Value": 1.0, "Dimensions": vec![json!({"Name": "a", "Value": "b"}); 31]}),
            value,
            format!(
                "The collection {m}.Dimensions must not have a size greater than 30.\nNo metric may specify the same dimension name twice."
            ),
        ),
        (
            json!({"Values": vec![1.0; 151]}),
            value,
            format!("The collection {m}.Values must not have a size greater than 150."),
        ),
        (
            set(json!({"SampleCount": 0.0})),
            value,
            format!("The parameter {m}.StatisticValues.SampleCount must not equal 0."),
        ),
        (
            set(json!({"Minimum": 2.0})),
            value,
            format!(
                "The parameter {m}.StatisticValues.Maximum must be greater than {m}.StatisticValues.Minimum."
            ),
        ),
    ] {
        let shown = datum.to_string();
        let fault = bench
            .fault("PutMetricData", put(&[metric("m", datum)]))
            .await;
        assert_eq!(
            (fault.query_code, &*fault.message),
            (code, text.as_str()),
            "{shown}"
        );
    }
    let fault = bench
        .fault(
            "PutMetricData",
            put(&[metric("m", json!({"Value": 1.0, "Unit": "percent"}))]),
        )
        .await;
    assert!(fault.message.starts_with(&format!(
        "The parameter {m}.Unit must be a value in the set [ Seconds, Microseconds,"
    )));
    assert!(fault.message.ends_with("Count/Second, None ]."));
    let both = [
        metric("m", json!({"Value": 1.0, "StorageResolution": 2})),
        metric("", json!({"Value": 1.0})),
        metric("n", json!({"Value": 1.0, "StorageResolution": 3})),
    ];
    let fault = bench.fault("PutMetricData", put(&both)).await;
    assert_eq!(
        fault.message,
        "The parameter MetricData.member.1.StorageResolution must be a value in the set [ 1, 60 ].\nThe parameter MetricData.member.3.StorageResolution must be a value in the set [ 1, 60 ]."
    );
    for (namespace, data, text) in [
        (":x", 1, "The value :x for parameter Namespace is invalid."),
        ("x", 0, "The parameter MetricData is required."),
        (
            "x",
            1001,
            "The collection MetricData must not have a size greater than 1000.",
        ),
    ] {
        let data = vec![metric("m", json!({"Value": 1.0})); data];
        let input = json!({"Namespace": namespace, "MetricData": data});
        assert_eq!(bench.fault("PutMetricData", input).await.message, text);
    }
    assert_eq!(bench.store.series_count(), 0);
}

#[tokio::test]
async fn a_full_disk_refuses_and_then_takes_again() {
    let bench = Bench::new();
    bench.disk.set_size(0);
    let one = || put(&[metric("m", json!({"Value": 1.0}))]);
    let fault = bench.fault("PutMetricData", one()).await;
    assert_eq!((fault.code, fault.status), ("ServiceUnavailable", 503));
    let answer = bench.ok("GetMetricStatistics", ask("m", json!({}))).await;
    assert_eq!(answer["Datapoints"], json!([]));
    bench.disk.set_size(1 << 20);
    bench.ok("PutMetricData", one()).await;
    let answer = bench.ok("GetMetricStatistics", ask("m", json!({}))).await;
    assert_eq!(answer["Datapoints"][0]["SampleCount"].as_f64(), Some(1.0));
}

#[tokio::test]
async fn a_hundred_of_the_faults_of_a_request_are_named() {
    let bench = Bench::new();
    let wrong = json!([{"Name": "a", "Value": "あ"}]);
    let data = (0..1000).map(|_| metric("m", json!({"Value": 1.0, "Dimensions": wrong})));
    let data: Vec<Value> = data.collect();
    let fault = bench.fault("PutMetricData", put(&data)).await;
    assert_eq!(fault.query_code, "InvalidParameterValue");
    let lines: Vec<&str> = fault.message.lines().collect();
    let of = |n: usize| {
        format!(
            "The value あ for parameter MetricData.member.{n}.Dimensions.member.1.Value is invalid."
        )
    };
    assert_eq!(lines.len(), 100);
    assert_eq!((lines[0], lines[99]), (&*of(1), &*of(100)));
}

#[tokio::test]
async fn more_metrics_than_may_be_are_refused() {
    let bench = Bench::with(Settings {
        series_max: 1,
        ..Settings::default()
    });
    bench
        .ok("PutMetricData", put(&[metric("m", json!({"Value": 1.0}))]))
        .await;
    let fault = bench
        .fault("PutMetricData", put(&[metric("n", json!({"Value": 1.0}))]))
        .await;
    assert_eq!(fault.query_code, "LimitExceeded");
    bench
        .ok("PutMetricData", put(&[metric("m", json!({"Value": 1.0}))]))
        .await;
}

#[tokio::test]
async fn wrong_questions_are_refused_in_cloudwatch_s_words() {
    let bench = Bench::new();
    let value = "InvalidParameterValue";
    let combination = "InvalidParameterCombination";
    for (more, code, text) in [
        (
            json!({"StartTime": NOW, "EndTime": NOW}),
            value,
            "The parameter StartTime must be less than the parameter EndTime.",
        ),
        (
            json!({"StartTime": NOW - 86_400.0, "EndTime": NOW, "Period": 1}),
            combination,
            "You have requested up to 86400 datapoints, which exceeds the limit of 1440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
        ),
        (
            json!({"Period": 0}),
            value,
            "The parameter Period must not equal 0.",
        ),
        (
            json!({"Period": -60}),
            value,
            "The parameter Period must be greater than 0.",
        ),
        (
            json!({"Period": 90}),
            value,
            "The parameter Period must be a multiple of 60.",
        ),
        (
            json!({"Period": 86_460}),
            value,
            "The parameter Period must be less than or equal to 86400.",
        ),
        (
            json!({"Statistics": []}),
            combination,
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        ),
        (
            json!({"ExtendedStatistics": ["p50"]}),
            combination,
            "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both.",
        ),
        (
            json!({"Statistics": ["p50"]}),
            value,
            "The parameter Statistics.member.1 must be a value in the set [ Average, Maximum, Minimum, SampleCount, Sum ].",
        ),
        (
            json!({"Statistics": [], "ExtendedStatistics": ["p101"]}),
            value,
            "The value p101 for parameter ExtendedStatistics.member.1 is not supported.",
        ),
    ] {
        let fault = bench
            .fault("GetMetricStatistics", ask("m", more.clone()))
            .await;
        assert_eq!((fault.query_code, &*fault.message), (code, text), "{more}");
    }
}

#[tokio::test]
async fn units_are_answered_apart_and_periods_begin_with_the_start() {
    let bench = Bench::new();
    for minute in 0..10 {
        let at = NOW - f64::from(minute) * 60.0;
        let seconds = metric(
            "m",
            json!({"Value": 1.0, "Unit": "Seconds", "Timestamp": at}),
        );
        let percent = metric(
            "m",
            json!({"Value": 2.0, "Unit": "Percent", "Timestamp": at}),
        );
        bench.ok("PutMetricData", put(&[seconds, percent])).await;
    }
    let more = json!({"StartTime": NOW - 540.0 + 13.0, "EndTime": NOW, "Period": 300, "Statistics": ["Sum"]});
    let answer = bench
        .ok("GetMetricStatistics", ask("m", more.clone()))
        .await;
    let point = |back: f64, sum: f64, unit: &str| json!({"Timestamp": NOW - back, "Sum": sum, "Unit": unit});
    let expected = json!([
        point(540.0, 5.0, "Seconds"),
        point(540.0, 10.0, "Percent"),
        point(240.0, 4.0, "Seconds"),
        point(240.0, 8.0, "Percent"),
    ]);
    assert_eq!(as_floats(&answer["Datapoints"]), as_floats(&expected));
    let mut of_one = ask("m", more);
    merge(&mut of_one, json!({"Unit": "Percent"}));
    let answer = bench.ok("GetMetricStatistics", of_one).await;
    assert_eq!(answer["Datapoints"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn extended_statistics_are_answered_by_the_name_that_was_asked() {
    let bench = Bench::new();
    let values: Vec<f64> = (1..=100).map(f64::from).collect();
    bench
        .ok(
            "PutMetricData",
            put(&[metric("m", json!({"Values": values}))]),
        )
        .await;
    let more = json!({"Statistics": [], "ExtendedStatistics": ["p99", "tm90", "PR(:25)"]});
    let answer = bench.ok("GetMetricStatistics", ask("m", more)).await;
    let found = as_floats(&answer["Datapoints"][0]["ExtendedStatistics"]);
    assert_eq!(found, json!({"p99": 99.0, "tm90": 45.5, "PR(:25)": 25.0}));
    let negative = [metric("n", json!({"Value": -1.0}))];
    bench.ok("PutMetricData", put(&negative)).await;
    let more = json!({"Statistics": [], "ExtendedStatistics": ["p99"]});
    let answer = bench.ok("GetMetricStatistics", ask("n", more)).await;
    assert_eq!(answer["Datapoints"], json!([]));
}

#[tokio::test]
async fn seconds_are_answered_where_they_were_kept() {
    let bench = Bench::new();
    for second in 0..30 {
        let at = NOW - 60.0 + f64::from(second);
        let fine = metric(
            "fine",
            json!({"Value": 1.0, "Timestamp": at, "StorageResolution": 1}),
        );
        let coarse = metric("coarse", json!({"Value": 1.0, "Timestamp": at}));
        bench.ok("PutMetricData", put(&[fine, coarse])).await;
    }
    let more = |period: u32| json!({"Period": period, "Statistics": ["Sum"]});
    for (name, period, sums) in [
        ("fine", 10, vec![10.0, 10.0, 10.0]),
        ("fine", 60, vec![30.0]),
        ("coarse", 10, vec![]),
        ("coarse", 60, vec![30.0]),
    ] {
        let answer = bench
            .ok("GetMetricStatistics", ask(name, more(period)))
            .await;
        let points = answer["Datapoints"].as_array().unwrap();
        let found: Vec<_> = points
            .iter()
            .map(|it| it["Sum"].as_f64().unwrap())
            .collect();
        assert_eq!(found, sums, "{name} {period}");
    }
}

#[tokio::test]
async fn metrics_are_listed_by_pages_and_filters() {
    let bench = Bench::new();
    for first in [0, 600] {
        let data: Vec<_> = (first..first + 600)
            .map(|n| metric(&format!("m{:04}", n / 2), json!({"Value": 1.0, "Dimensions": [{"Name": "host", "Value": format!("{}", n % 2)}]})))
            .collect();
        bench.ok("PutMetricData", put(&data)).await;
    }
    let (mut token, mut names, mut pages) = (Value::Null, Vec::new(), Vec::new());
    loop {
        let mut input = json!({"Namespace": "Test"});
        if !token.is_null() {
            merge(&mut input, json!({"NextToken": token}));
        }
        let answer = bench.ok("ListMetrics", input).await;
        let page = answer["Metrics"].as_array().unwrap();
        pages.push(page.len());
        names.extend(
            page.iter()
                .map(|it| format!("{} {}", it["MetricName"], it["Dimensions"][0]["Value"])),
        );
        token = answer["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(pages, [500, 500, 200]);
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
    for (input, count) in [
        (json!({"MetricName": "m0007"}), 2),
        (
            json!({"MetricName": "m0007", "Dimensions": [{"Name": "host", "Value": "1"}]}),
            1,
        ),
        (
            json!({"MetricName": "m0007", "Dimensions": [{"Name": "host"}]}),
            2,
        ),
        (
            json!({"MetricName": "m0007", "Dimensions": [{"Name": "other"}]}),
            0,
        ),
        (json!({"Namespace": "Tes"}), 0),
        (json!({"Namespace": "Test", "MetricName": "m000"}), 0),
        (
            json!({"MetricName": "m0007", "IncludeLinkedAccounts": true, "OwningAccount": "123456789012"}),
            2,
        ),
        (
            json!({"MetricName": "m0007", "IncludeLinkedAccounts": true, "OwningAccount": "210987654321"}),
            0,
        ),
    ] {
        let answer = bench.ok("ListMetrics", input.clone()).await;
        assert_eq!(
            answer["Metrics"].as_array().unwrap().len(),
            count,
            "{input}"
        );
    }
    let linked = json!({"MetricName": "m0007", "IncludeLinkedAccounts": true});
    let answer = bench.ok("ListMetrics", linked).await;
    assert_eq!(
        answer["OwningAccounts"],
        json!(["123456789012", "123456789012"])
    );
    let first = bench.ok("ListMetrics", json!({"Namespace": "Test"})).await;
    for input in [
        json!({"NextToken": "!"}),
        // One of another question.
        json!({"NextToken": first["NextToken"]}),
        json!({"RecentlyActive": "PT4H"}),
        json!({"OwningAccount": "123456789012"}),
        json!({"Dimensions": vec![json!({"Name": "a"}); 11]}),
    ] {
        let fault = bench.fault("ListMetrics", input.clone()).await;
        assert_eq!(fault.query_code, "InvalidParameterValue", "{input}");
    }
}

#[tokio::test]
async fn metrics_are_listed_while_data_come() {
    let bench = Bench::new();
    bench
        .ok("PutMetricData", put(&[metric("m", json!({"Value": 1.0}))]))
        .await;
    let count = async |input: Value| {
        let answer = bench.ok("ListMetrics", input).await;
        answer["Metrics"].as_array().unwrap().len()
    };
    let recently = || json!({"RecentlyActive": "PT3H"});
    assert_eq!(count(recently()).await, 1);
    bench.advance_secs(3 * 3600 + 1);
    assert_eq!((count(recently()).await, count(json!({})).await), (0, 1));
    bench.advance_secs(14 * 86_400);
    assert_eq!(count(json!({})).await, 0);
}

#[test]
fn actions_carry_the_namespace_that_policies_ask_for() {
    let bench = Bench::new();
    let access = bench.access("PutMetricData", &put(&[]));
    assert!(
        access.starts_with(
            "cloudwatch:PutMetricData arn:aws:cloudwatch:ap-northeast-1:123456789012:*"
        ),
        "{access}"
    );
    assert!(
        access.contains("cloudwatch:namespace") && access.contains("Test"),
        "{access}"
    );
    let access = bench.access("ListMetrics", &json!({}));
    assert!(access.starts_with("cloudwatch:ListMetrics "), "{access}");
    let access = bench.access("GetMetricStatistics", &ask("m", json!({})));
    assert!(
        access.starts_with("cloudwatch:GetMetricStatistics "),
        "{access}"
    );
}
