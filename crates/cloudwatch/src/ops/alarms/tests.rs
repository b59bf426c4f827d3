//! Requests and answers as clients send and read them.

use serde_json::{Value, json};

use super::testing::Bench;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:ops";

fn cpu(name: &str) -> Value {
    json!({
        "AlarmName": name, "MetricName": "CPUUtilization", "Namespace": "AWS/EC2", "Statistic": "Average",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}], "Period": 60, "EvaluationPeriods": 5,
        "DatapointsToAlarm": 3, "Threshold": 80.5, "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [TOPIC],
    })
}

/// The same with some members replaced; null takes one away.
fn with(mut input: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => input.as_object_mut().unwrap().remove(name),
            value => input
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    input
}

fn names(answer: &Value, list: &str) -> Vec<String> {
    let alarms = answer[list].as_array().unwrap().iter();
    alarms
        .map(|alarm| alarm["AlarmName"].as_str().unwrap().to_owned())
        .collect()
}

async fn describe(bench: &Bench, input: Value) -> Vec<String> {
    let answer = bench.ok("DescribeAlarms", input).await;
    let mut all = names(&answer, "MetricAlarms");
    all.extend(names(&answer, "CompositeAlarms"));
    all
}

#[tokio::test]
async fn what_is_described_is_what_was_put() {
    let bench = Bench::new();
    let put = with(
        cpu("web"),
        json!({
            "AlarmDescription": "busy", "TreatMissingData": "missing", "Unit": "Percent",
            "ActionsEnabled": false, "OKActions": [TOPIC, "arn:aws:automate:eu-west-1:ec2:recover"],
        }),
    );
    bench.ok("PutMetricAlarm", put.clone()).await;
    let answer = bench
        .ok("DescribeAlarms", json!({"AlarmNames": ["web"]}))
        .await;
    let expected = with(
        put,
        json!({
            "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:web",
            "InsufficientDataActions": [],
            "StateValue": "INSUFFICIENT_DATA",
            "StateReason": "Unchecked: Initial alarm creation",
            "AlarmConfigurationUpdatedTimestamp": 1_795_410_000,
            "StateUpdatedTimestamp": 1_795_410_000,
            "StateTransitionedTimestamp": 1_795_410_000,
        }),
    );
    assert_eq!(
        answer,
        json!({"MetricAlarms": [expected], "CompositeAlarms": []})
    );
}

#[tokio::test]
async fn alarms_on_expressions_and_percentiles_come_back_as_they_were() {
    let bench = Bench::new();
    let metrics = json!([
        {"Id": "e1", "Expression": "m1 / m2", "Label": "rate", "ReturnData": true},
        {"Id": "m1", "ReturnData": false, "MetricStat": {
            "Metric": {"Namespace": "App", "MetricName": "Errors", "Dimensions": [{"Name": "Host", "Value": "a"}]},
            "Period": 300, "Stat": "p99.9", "Unit": "Count"}},
        {"Id": "m2", "ReturnData": false, "MetricStat": {
            "Metric": {"Namespace": "App", "MetricName": "Requests"}, "Period": 300, "Stat": "tm90"}},
    ]);
    let put = json!({
        "AlarmName": "rate", "Metrics": metrics, "EvaluationPeriods": 2, "Threshold": 0.01,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    });
    bench.ok("PutMetricAlarm", put).await;
    let percentile = with(
        cpu("late"),
        json!({
            "Statistic": null, "ExtendedStatistic": "p99", "EvaluateLowSampleCountPercentile": "ignore",
        }),
    );
    bench.ok("PutMetricAlarm", percentile).await;
    let answer = bench.ok("DescribeAlarms", json!({})).await;
    let late = &answer["MetricAlarms"][0];
    assert_eq!(late["ExtendedStatistic"], "p99");
    assert_eq!(late["Statistic"], Value::Null);
    assert_eq!(late["EvaluateLowSampleCountPercentile"], "ignore");
    let rate = &answer["MetricAlarms"][1];
    assert_eq!(rate["Metrics"], metrics);
    assert_eq!(rate["Period"], Value::Null);
}

#[tokio::test]
async fn what_cannot_be_put_is_refused_by_aws_s_codes() {
    let bench = Bench::new();
    let metric =
        |id: &str, returned: bool| json!({"Id": id, "ReturnData": returned, "Expression": "1"});
    for (change, code, text) in [
        (
            json!({"Period": 45}),
            "ValidationError",
            "Period must be 10, 20, 30 or a multiple of 60",
        ),
        (
            json!({"Period": 0}),
            "ValidationError",
            "1 validation error detected: Value '0' at 'period' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            json!({"Statistic": "Mean"}),
            "ValidationError",
            "1 validation error detected: Value 'Mean' at 'statistic' failed to satisfy constraint: Member must satisfy enum value set: [Maximum, SampleCount, Sum, Minimum, Average]",
        ),
        (
            json!({"Statistic": null, "ExtendedStatistic": "90"}),
            "InvalidParameterValueException",
            "The value 90 for parameter ExtendedStatistic is not supported.",
        ),
        (
            json!({"ExtendedStatistic": "p90"}),
            "InvalidParameterCombinationException",
            "The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.",
        ),
        (
            json!({"Statistic": null}),
            "ValidationError",
            "Exactly one of Statistic or ExtendedStatistic must be specified.",
        ),
        (
            json!({"EvaluateLowSampleCountPercentile": "unknown"}),
            "ValidationError",
            "Option unknown is not supported. Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore.",
        ),
        (
            json!({"ComparisonOperator": "GreaterThanUpperThreshold"}),
            "ValidationError",
            "The ComparisonOperator GreaterThanUpperThreshold needs ThresholdMetricId, the id of an ANOMALY_DETECTION_BAND, instead of Threshold.",
        ),
        (
            json!({"ThresholdMetricId": "ad1"}),
            "InvalidParameterCombinationException",
            "The parameters Threshold and ThresholdMetricId are mutually exclusive and you have specified both.",
        ),
        (
            json!({"Threshold": null, "ThresholdMetricId": "ad1"}),
            "ValidationError",
            "The ComparisonOperator GreaterThanThreshold needs Threshold: ThresholdMetricId goes with LessThanLowerOrGreaterThanUpperThreshold, LessThanLowerThreshold and GreaterThanUpperThreshold.",
        ),
        (
            json!({"Threshold": null, "ThresholdMetricId": "ad1", "ComparisonOperator": "GreaterThanUpperThreshold"}),
            "ValidationError",
            "ThresholdMetricId ad1 must be the Id of an element of Metrics that returns data.",
        ),
        (
            json!({"Threshold": null}),
            "MissingRequiredParameterException",
            "The parameter Threshold is required.",
        ),
        (
            json!({"Namespace": null}),
            "MissingRequiredParameterException",
            "The parameter Namespace is required.",
        ),
        (
            json!({"DatapointsToAlarm": 6}),
            "ValidationError",
            "DatapointsToAlarm must be less than or equal to EvaluationPeriods.",
        ),
        (
            json!({"EvaluationPeriods": 1441, "DatapointsToAlarm": 1}),
            "ValidationError",
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).",
        ),
        (
            json!({"Period": 3600, "EvaluationPeriods": 169, "DatapointsToAlarm": 1}),
            "ValidationError",
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800).",
        ),
        (
            json!({"AlarmActions": ["ops"]}),
            "ValidationError",
            "Invalid arn syntax: ops",
        ),
        (
            json!({"AlarmActions": ["arn:aws:sns:us-east-1:123456789012:ops"]}),
            "ValidationError",
            "Invalid region us-east-1 specified. Only eu-west-1 is supported.",
        ),
        (
            json!({"AlarmActions": [TOPIC, TOPIC, TOPIC, TOPIC, TOPIC, TOPIC]}),
            "ValidationError",
            "1 validation error detected: Value at 'alarmActions' failed to satisfy constraint: Member must have length less than or equal to 5",
        ),
        (
            json!({"Dimensions": [], "AlarmActions": ["arn:aws:automate:eu-west-1:ec2:reboot"]}),
            "ValidationError",
            "Unsupported EC2 action arn:aws:automate:eu-west-1:ec2:reboot: the alarm's metric must have the dimension InstanceId",
        ),
        (
            json!({"AlarmName": "a\u{7}"}),
            "ValidationError",
            "The alarmName must contain only UTF-8 characters, and can't contain ASCII control characters",
        ),
        (
            json!({"Metrics": [metric("e1", true)]}),
            "ValidationError",
            "MetricName should not be set if list of Metrics is set.",
        ),
        (
            json!({"Metrics": [metric("e1", true), metric("e2", true)], "MetricName": null, "Namespace": null, "Dimensions": null, "Period": null, "Statistic": null}),
            "ValidationError",
            "Exactly one element of the metrics list should return data.",
        ),
        (
            json!({"TreatMissingData": "zero"}),
            "ValidationError",
            "Option zero is not supported. Supported options for parameter TreatMissingData are breaching, notBreaching, ignore and missing.",
        ),
        (
            json!({"Unit": "percent"}),
            "ValidationError",
            "1 validation error detected: Value 'percent' at 'unit' failed to satisfy constraint: Member must satisfy enum value set: [Seconds, Microseconds, Milliseconds, Bytes, Kilobytes, Megabytes, Gigabytes, Terabytes, Bits, Kilobits, Megabits, Gigabits, Terabits, Percent, Count, Bytes/Second, Kilobytes/Second, Megabytes/Second, Gigabytes/Second, Terabytes/Second, Bits/Second, Kilobits/Second, Megabits/Second, Gigabits/Second, Terabits/Second, Count/Second, None]",
        ),
    ] {
        let fault = bench.fault("PutMetricAlarm", with(cpu("x"), change)).await;
        assert_eq!(
            (fault.code, fault.message.as_ref(), fault.status),
            (code, text, 400)
        );
    }
    assert_eq!(describe(&bench, json!({})).await, Vec::<String>::new());
}

#[tokio::test]
async fn members_that_are_not_honoured_are_refused_not_dropped() {
    let bench = Bench::new();
    for (member, value) in [
        (
            "EvaluationCriteria",
            json!({"PromQLCriteria": {"Query": "up"}}),
        ),
        ("EvaluationInterval", json!(60)),
        (
            "WarmUpConfiguration",
            json!({"WarmUpPeriodDurationInMinutes": 5}),
        ),
        (
            "EvaluationWindow",
            json!({"WallClockWindow": {"Timezone": "UTC"}}),
        ),
        (
            "ActionConfiguration",
            json!({"AlarmTagsPropagation": {"Enabled": true}}),
        ),
    ] {
        let unread = bench.unread("PutMetricAlarm", &with(cpu("x"), json!({member: value})));
        assert!(
            unread.contains(member) && unread.contains("not supported here"),
            "{unread}"
        );
    }
    bench
        .ok(
            "PutMetricAlarm",
            with(cpu("x"), json!({"EvaluationWindow": {"SlidingWindow": {}}})),
        )
        .await;
    // What is right instead stands in it.
    let unread = |change| bench.unread("PutMetricAlarm", &with(cpu("x"), change));
    assert_eq!(
        unread(json!({"EvaluationCriteria": {"PromQLCriteria": {"Query": "up"}}})),
        "`EvaluationCriteria` is not supported here; alarms by PromQL are not kept: give MetricName, or Metrics"
    );
    assert_eq!(
        unread(json!({"EvaluationWindow": {"WallClockWindow": {"Timezone": "UTC"}}})),
        "`EvaluationWindow.WallClockWindow` is not supported here; windows slide: give SlidingWindow, or leave EvaluationWindow out"
    );
    assert_eq!(
        unread(json!({"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 5}})),
        "`WarmUpConfiguration` is not supported here; leave it out"
    );
    let form = "Action=PutMetricAlarm&Version=2010-08-01&AlarmName=x&EvaluationCriteria.PromQLCriteria.Query=up";
    let unread = bench.unread_form("PutMetricAlarm", form);
    assert!(
        unread.contains("EvaluationCriteria") && unread.contains("not supported here"),
        "{unread}"
    );
}

#[tokio::test]
async fn alarms_are_found_by_name_prefix_state_action_and_kind() {
    let bench = Bench::new();
    for name in ["web-1", "web-2", "db"] {
        bench.ok("PutMetricAlarm", cpu(name)).await;
    }
    let rule = json!({"AlarmName": "all", "AlarmRule": "ALARM(web-1) AND NOT ALARM(\"db\")"});
    bench.ok("PutCompositeAlarm", rule).await;
    let set = json!({"AlarmName": "web-2", "StateValue": "ALARM", "StateReason": "test"});
    bench.ok("SetAlarmState", set).await;
    for (input, expected) in [
        (json!({}), vec!["db", "web-1", "web-2"]),
        (json!({"AlarmNamePrefix": "web"}), vec!["web-1", "web-2"]),
        (json!({"AlarmNames": ["web-2", "gone"]}), vec!["web-2"]),
        (json!({"AlarmNames": ["all"]}), vec![]),
        (
            json!({"AlarmNames": ["all"], "AlarmTypes": ["CompositeAlarm"]}),
            vec!["all"],
        ),
        (
            json!({"AlarmTypes": ["CompositeAlarm", "MetricAlarm"]}),
            vec!["db", "web-1", "web-2", "all"],
        ),
        (json!({"AlarmTypes": ["LogAlarm"]}), vec![]),
        (json!({"StateValue": "ALARM"}), vec!["web-2"]),
        (
            json!({"ActionPrefix": "arn:aws:sns"}),
            vec!["db", "web-1", "web-2"],
        ),
        (json!({"ActionPrefix": "arn:aws:lambda"}), vec![]),
        (json!({"ChildrenOfAlarmName": "all"}), vec!["db", "web-1"]),
        (json!({"ParentsOfAlarmName": "db"}), vec!["all"]),
    ] {
        assert_eq!(describe(&bench, input.clone()).await, expected, "{input}");
    }
    let both = bench
        .fault(
            "DescribeAlarms",
            json!({"AlarmNames": ["a"], "AlarmNamePrefix": "a"}),
        )
        .await;
    assert_eq!(both.code, "InvalidParameterCombinationException");
    let other = bench
        .fault(
            "DescribeAlarms",
            json!({"ChildrenOfAlarmName": "all", "StateValue": "OK"}),
        )
        .await;
    assert_eq!(other.code, "InvalidParameterCombinationException");
    let child = bench
        .ok("DescribeAlarms", json!({"ChildrenOfAlarmName": "all"}))
        .await;
    assert_eq!(child["MetricAlarms"][0]["Threshold"], Value::Null);
    assert_eq!(child["MetricAlarms"][0]["StateValue"], "INSUFFICIENT_DATA");
}

#[tokio::test]
async fn pages_give_every_alarm_once() {
    let bench = Bench::new();
    for index in 0..7 {
        bench.ok("PutMetricAlarm", cpu(&format!("a{index}"))).await;
    }
    let mut all = Vec::new();
    let mut token = Value::Null;
    loop {
        let answer = bench
            .ok(
                "DescribeAlarms",
                json!({"MaxRecords": 3, "NextToken": token}),
            )
            .await;
        all.extend(names(&answer, "MetricAlarms"));
        token = answer["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(all, ["a0", "a1", "a2", "a3", "a4", "a5", "a6"]);
    let wrong = bench
        .fault("DescribeAlarms", json!({"NextToken": "x"}))
        .await;
    assert_eq!(wrong.code, "InvalidNextToken");
    let many = bench
        .fault("DescribeAlarms", json!({"MaxRecords": 101}))
        .await;
    assert_eq!(
        many.message,
        "1 validation error detected: Value '101' at 'maxRecords' failed to satisfy constraint: Member must have value less than or equal to 100"
    );
}

#[tokio::test]
async fn alarms_of_a_metric_are_those_of_exactly_its_dimensions() {
    let bench = Bench::new();
    bench.ok("PutMetricAlarm", cpu("one")).await;
    bench
        .ok(
            "PutMetricAlarm",
            with(cpu("none"), json!({"Dimensions": []})),
        )
        .await;
    let of = |more: Value| {
        with(
            json!({"MetricName": "CPUUtilization", "Namespace": "AWS/EC2"}),
            more,
        )
    };
    let dimensions = json!([{"Name": "InstanceId", "Value": "i-1"}]);
    for (input, expected) in [
        (json!({}), vec!["none"]),
        (json!({"Dimensions": dimensions}), vec!["one"]),
        (
            json!({"Dimensions": dimensions, "Statistic": "Average", "Period": 60}),
            vec!["one"],
        ),
        (
            json!({"Dimensions": dimensions, "Statistic": "Sum"}),
            vec![],
        ),
        (json!({"Dimensions": dimensions, "Period": 300}), vec![]),
        (json!({"Dimensions": dimensions, "Unit": "Percent"}), vec![]),
    ] {
        let answer = bench.ok("DescribeAlarmsForMetric", of(input.clone())).await;
        assert_eq!(names(&answer, "MetricAlarms"), expected, "{input}");
    }
    let two = json!([{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}]);
    let turned = json!([{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]);
    bench
        .ok(
            "PutMetricAlarm",
            with(cpu("two"), json!({"Dimensions": two})),
        )
        .await;
    let answer = bench
        .ok("DescribeAlarmsForMetric", of(json!({"Dimensions": turned})))
        .await;
    assert_eq!(names(&answer, "MetricAlarms"), ["two"]);
}

#[tokio::test]
async fn states_are_set_by_aws_s_rules() {
    let bench = Bench::new();
    bench.ok("PutMetricAlarm", cpu("web")).await;
    let set = |state: &str, name: &str| json!({"AlarmName": name, "StateValue": state, "StateReason": "test"});
    let wrong = bench.fault("SetAlarmState", set("INVALID", "web")).await;
    assert_eq!(wrong.code, "ValidationError");
    assert_eq!(
        wrong.message,
        "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
    );
    let gone = bench.fault("SetAlarmState", set("OK", "gone")).await;
    assert_eq!(
        (gone.code, gone.status, gone.message.as_ref()),
        ("ResourceNotFound", 404, "")
    );
    let text = with(set("OK", "web"), json!({"StateReasonData": "no json"}));
    assert_eq!(
        bench.fault("SetAlarmState", text).await.query_code,
        "InvalidFormat"
    );
    bench
        .ok(
            "SetAlarmState",
            with(
                set("ALARM", "web"),
                json!({"StateReasonData": "{\"a\": 1}"}),
            ),
        )
        .await;
    let answer = bench
        .ok(
            "DescribeAlarmHistory",
            json!({"AlarmName": "web", "HistoryItemType": "StateUpdate"}),
        )
        .await;
    let item = &answer["AlarmHistoryItems"][0];
    assert_eq!(
        item["HistorySummary"],
        "Alarm updated from INSUFFICIENT_DATA to ALARM"
    );
    assert_eq!(item["AlarmType"], "MetricAlarm");
    let data: Value = serde_json::from_str(item["HistoryData"].as_str().unwrap()).unwrap();
    assert_eq!(
        data,
        json!({
            "version": "1.0",
            "oldState": {"stateValue": "INSUFFICIENT_DATA", "stateReason": "Unchecked: Initial alarm creation"},
            "newState": {"stateValue": "ALARM", "stateReason": "test", "stateReasonData": {"a": 1}},
        })
    );
}

#[tokio::test]
async fn history_is_asked_for_by_kind_and_in_pages() {
    let bench = Bench::new();
    bench.ok("PutMetricAlarm", cpu("web")).await;
    bench
        .ok(
            "PutCompositeAlarm",
            json!({"AlarmName": "c", "AlarmRule": "TRUE"}),
        )
        .await;
    bench
        .ok("DeleteAlarms", json!({"AlarmNames": ["web", "gone"]}))
        .await;
    let summaries = |answer: &Value| -> Vec<String> {
        let items = answer["AlarmHistoryItems"].as_array().unwrap().iter();
        items
            .map(|item| item["HistorySummary"].as_str().unwrap().to_owned())
            .collect()
    };
    let newest = bench
        .ok("DescribeAlarmHistory", json!({"AlarmName": "web"}))
        .await;
    assert_eq!(
        summaries(&newest),
        ["Alarm \"web\" deleted", "Alarm \"web\" created"]
    );
    let metric_only = bench
        .ok(
            "DescribeAlarmHistory",
            json!({"ScanBy": "TimestampAscending"}),
        )
        .await;
    assert_eq!(
        summaries(&metric_only),
        ["Alarm \"web\" created", "Alarm \"web\" deleted"]
    );
    let composite =
        json!({"AlarmTypes": ["CompositeAlarm"], "MaxRecords": 1, "ScanBy": "TimestampAscending"});
    let first = bench.ok("DescribeAlarmHistory", composite.clone()).await;
    assert_eq!(summaries(&first), ["Alarm \"c\" created"]);
    let next = with(composite, json!({"NextToken": first["NextToken"]}));
    let second = bench.ok("DescribeAlarmHistory", next).await;
    assert_eq!(
        summaries(&second),
        ["Alarm updated from INSUFFICIENT_DATA to ALARM"]
    );
    let none = bench
        .ok(
            "DescribeAlarmHistory",
            json!({"HistoryItemType": "AlarmContributorAction"}),
        )
        .await;
    assert_eq!(none, json!({"AlarmHistoryItems": []}));
    let wrong = bench
        .fault("DescribeAlarmHistory", json!({"NextToken": "1-2"}))
        .await;
    assert_eq!(wrong.code, "InvalidNextToken");
}

#[tokio::test]
async fn a_composite_alarm_is_described_with_its_suppressor() {
    let bench = Bench::new();
    bench.ok("PutMetricAlarm", cpu("web")).await;
    let put = json!({
        "AlarmName": "all", "AlarmRule": "ALARM(web)", "AlarmDescription": "d", "AlarmActions": [TOPIC],
        "ActionsSuppressor": "web", "ActionsSuppressorWaitPeriod": 60, "ActionsSuppressorExtensionPeriod": 120,
        "Tags": [{"Key": "team", "Value": "a"}],
    });
    bench.ok("PutCompositeAlarm", put.clone()).await;
    let answer = bench
        .ok("DescribeAlarms", json!({"AlarmTypes": ["CompositeAlarm"]}))
        .await;
    let described = &answer["CompositeAlarms"][0];
    for (member, value) in put.as_object().unwrap() {
        if member != "Tags" {
            assert_eq!(&described[member], value, "{member}");
        }
    }
    assert_eq!(described["ActionsEnabled"], true);
    assert_eq!(described["StateValue"], "OK");
    assert_eq!(described["ActionsSuppressedBy"], "WaitPeriod");
    for (change, text) in [
        (
            json!({"ActionsSuppressorWaitPeriod": null}),
            "The parameter ActionsSuppressorWaitPeriod is required.",
        ),
        (
            json!({"ActionsSuppressor": null}),
            "ActionsSuppressorWaitPeriod is only for alarms that have an ActionsSuppressor.",
        ),
        (
            json!({"AlarmRule": "ALARM(gone)"}),
            "Could not save the composite alarm as alarms [gone] in the alarm rule do not exist",
        ),
        (
            json!({"AlarmRule": "ALARM(web"}),
            "Error in AlarmRule at character 10: ) is expected",
        ),
        (
            json!({"AlarmActions": ["arn:aws:automate:eu-west-1:ec2:stop"]}),
            "Composite alarms cannot have the action arn:aws:automate:eu-west-1:ec2:stop: SNS topics and Lambda functions are right",
        ),
    ] {
        let fault = bench
            .fault("PutCompositeAlarm", with(put.clone(), change))
            .await;
        assert_eq!(fault.message, text);
    }
    let needed = bench
        .fault("DeleteAlarms", json!({"AlarmNames": ["web"]}))
        .await;
    assert_eq!(needed.code, "ValidationError");
    bench
        .ok("DeleteAlarms", json!({"AlarmNames": ["web", "all"]}))
        .await;
}

#[tokio::test]
async fn mute_rules_are_put_listed_and_deleted() {
    let bench = Bench::new();
    bench.ok("PutMetricAlarm", cpu("web")).await;
    let put = json!({
        "Name": "night", "Description": "d",
        "Rule": {"Schedule": {"Expression": "cron(0 14 * * *)", "Duration": "PT4H", "Timezone": "Asia/Tokyo"}},
        "MuteTargets": {"AlarmNames": ["web"]}, "StartDate": 1_795_400_000, "ExpireDate": 1_799_000_000,
    });
    bench.ok("PutAlarmMuteRule", put.clone()).await;
    let once = json!({"Name": "once", "Rule": {"Schedule": {"Expression": "at(2027-01-01T00:00)", "Duration": "PT1H"}}});
    bench.ok("PutAlarmMuteRule", once.clone()).await;
    let got = bench
        .ok("GetAlarmMuteRule", json!({"AlarmMuteRuleName": "night"}))
        .await;
    let expected = with(
        put.clone(),
        json!({
            "AlarmMuteRuleArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm-mute-rule:night",
            "Status": "ACTIVE", "MuteType": "RECURRING", "LastUpdatedTimestamp": 1_795_410_000,
        }),
    );
    assert_eq!(got, expected);
    let list = |input: Value| {
        let bench = &bench;
        async move {
            let answer = bench.ok("ListAlarmMuteRules", input).await;
            let rules = answer["AlarmMuteRuleSummaries"].as_array().unwrap().clone();
            let arns = rules.iter().map(|rule| {
                rule["AlarmMuteRuleArn"]
                    .as_str()
                    .unwrap()
                    .rsplit(':')
                    .next()
                    .unwrap()
                    .to_owned()
            });
            (arns.collect::<Vec<_>>(), answer["NextToken"].clone())
        }
    };
    assert_eq!(list(json!({})).await.0, ["night", "once"]);
    assert_eq!(list(json!({"AlarmName": "web"})).await.0, ["night"]);
    assert_eq!(list(json!({"Statuses": ["SCHEDULED"]})).await.0, ["once"]);
    let (first, token) = list(json!({"MaxRecords": 1})).await;
    let (second, end) = list(json!({"MaxRecords": 1, "NextToken": token})).await;
    assert_eq!(
        ([first, second].concat(), end),
        (vec!["night".to_owned(), "once".to_owned()], Value::Null)
    );
    for (change, text) in [
        (
            json!({"MuteTargets": {"AlarmNames": ["gone"]}}),
            "The alarm gone of MuteTargets does not exist.",
        ),
        (
            json!({"Rule": {"Schedule": {"Expression": "rate(1 day)", "Duration": "PT1H"}}}),
            "Invalid schedule expression `rate(1 day)`: cron(minutes hours day-of-month month day-of-week) or at(yyyy-MM-ddThh:mm) is right",
        ),
        (
            json!({"Rule": {"Schedule": {"Expression": "cron(0 1 * * *)", "Duration": "PT1S"}}}),
            "Invalid duration `PT1S`: an ISO 8601 duration from PT1M to P15D is right",
        ),
    ] {
        let fault = bench
            .fault("PutAlarmMuteRule", with(put.clone(), change))
            .await;
        assert_eq!(
            (fault.code, fault.message.as_ref()),
            ("ValidationError", text)
        );
    }
    for _ in 0..2 {
        bench
            .ok("DeleteAlarmMuteRule", json!({"AlarmMuteRuleName": "night"}))
            .await;
    }
    let gone = bench
        .fault("GetAlarmMuteRule", json!({"AlarmMuteRuleName": "night"}))
        .await;
    assert_eq!((gone.code, gone.status), ("ResourceNotFoundException", 404));
}

#[tokio::test]
async fn tags_are_given_with_the_alarm_changed_and_listed() {
    let bench = Bench::new();
    let tags = json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]);
    bench
        .ok("PutMetricAlarm", with(cpu("web"), json!({"Tags": tags})))
        .await;
    let arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:web";
    let listed = bench
        .ok("ListTagsForResource", json!({"ResourceARN": arn}))
        .await;
    assert_eq!(listed["Tags"], tags);
    bench
        .ok(
            "TagResource",
            json!({"ResourceARN": arn, "Tags": [{"Key": "a", "Value": "2"}]}),
        )
        .await;
    bench
        .ok(
            "UntagResource",
            json!({"ResourceARN": arn, "TagKeys": ["b"]}),
        )
        .await;
    let listed = bench
        .ok("ListTagsForResource", json!({"ResourceARN": arn}))
        .await;
    assert_eq!(listed["Tags"], json!([{"Key": "a", "Value": "2"}]));
    for (arn, code) in [
        (
            "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:gone",
            "ResourceNotFoundException",
        ),
        (
            "arn:aws:cloudwatch::123456789012:dashboard/gone",
            "ResourceNotFoundException",
        ),
        (
            "arn:aws:cloudwatch:us-east-1:123456789012:alarm:web",
            "InvalidParameterValueException",
        ),
        ("web", "InvalidParameterValueException"),
    ] {
        for (operation, more) in [
            ("ListTagsForResource", json!({})),
            ("TagResource", json!({"Tags": []})),
            ("UntagResource", json!({"TagKeys": ["a"]})),
        ] {
            let fault = bench
                .fault(operation, with(json!({"ResourceARN": arn}), more))
                .await;
            assert_eq!(fault.code, code, "{operation} {arn}");
        }
    }
}

#[tokio::test]
async fn actions_are_switched_and_contributors_are_none() {
    let bench = Bench::new();
    bench.ok("PutMetricAlarm", cpu("web")).await;
    for (operation, expected) in [("DisableAlarmActions", false), ("EnableAlarmActions", true)] {
        bench
            .ok(operation, json!({"AlarmNames": ["web", "gone"]}))
            .await;
        let answer = bench.ok("DescribeAlarms", json!({})).await;
        assert_eq!(answer["MetricAlarms"][0]["ActionsEnabled"], expected);
    }
    let none = bench
        .ok("DescribeAlarmContributors", json!({"AlarmName": "web"}))
        .await;
    assert_eq!(none, json!({"AlarmContributors": []}));
    let gone = bench
        .fault("DescribeAlarmContributors", json!({"AlarmName": "gone"}))
        .await;
    assert_eq!(gone.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn the_query_protocol_speaks_the_same() {
    let bench = Bench::new();
    let form = "Action=PutMetricAlarm&Version=2010-08-01&AlarmName=web&MetricName=CPUUtilization&Namespace=AWS%2FEC2\
        &Statistic=Average&Period=60&EvaluationPeriods=2&Threshold=80&ComparisonOperator=GreaterThanThreshold\
        &Dimensions.member.1.Name=InstanceId&Dimensions.member.1.Value=i-1&TreatMissingData=missing";
    bench.query("PutMetricAlarm", form).await;
    let form = "Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1=web&AlarmTypes.member.1=MetricAlarm";
    let answer = bench.query("DescribeAlarms", form).await;
    for part in [
        "<DescribeAlarmsResult>",
        "<MetricAlarms><member>",
        "<AlarmName>web</AlarmName>",
        "<Threshold>80</Threshold>",
        "<Dimensions><member><Name>InstanceId</Name><Value>i-1</Value></member></Dimensions>",
        "<StateUpdatedTimestamp>2026-11-23T05:00:00Z</StateUpdatedTimestamp>",
        "<TreatMissingData>missing</TreatMissingData>",
    ] {
        assert!(answer.contains(part), "{part} is not in {answer}");
    }
    assert!(!answer.contains("DatapointsToAlarm"), "{answer}");
}

#[tokio::test]
async fn what_is_touched_is_named() {
    let bench = Bench::new();
    let tags = json!([{"Key": "a", "Value": "1"}]);
    let arn = "arn:aws:cloudwatch:eu-west-1:123456789012";
    for (operation, input, expected) in [
        (
            "PutMetricAlarm",
            with(cpu("web"), json!({"Tags": tags})),
            vec!["PutMetricAlarm alarm:web", "TagResource alarm:web"],
        ),
        (
            "PutCompositeAlarm",
            json!({"AlarmName": "c", "AlarmRule": "TRUE"}),
            vec!["PutCompositeAlarm *"],
        ),
        ("DescribeAlarms", json!({}), vec!["DescribeAlarms *"]),
        (
            "DescribeAlarms",
            json!({"AlarmNames": ["b", "a"]}),
            vec!["DescribeAlarms alarm:a", "DescribeAlarms alarm:b"],
        ),
        (
            "DescribeAlarms",
            json!({"AlarmNames": ["a"], "AlarmTypes": ["CompositeAlarm"]}),
            vec!["DescribeAlarms *"],
        ),
        (
            "DescribeAlarmHistory",
            json!({"AlarmName": "a"}),
            vec!["DescribeAlarmHistory alarm:a"],
        ),
        (
            "DeleteAlarms",
            json!({"AlarmNames": ["a", "b"]}),
            vec!["DeleteAlarms alarm:a", "DeleteAlarms alarm:b"],
        ),
        (
            "PutAlarmMuteRule",
            json!({"Name": "m", "Rule": {"Schedule": {"Expression": "x", "Duration": "y"}}, "MuteTargets": {"AlarmNames": ["a"]}}),
            vec![
                "PutAlarmMuteRule alarm-mute-rule:m",
                "PutAlarmMuteRule alarm:a",
            ],
        ),
        (
            "TagResource",
            json!({"ResourceARN": format!("{arn}:alarm-mute-rule:m"), "Tags": tags}),
            vec!["TagResource alarm-mute-rule:m"],
        ),
        (
            "ListAlarmMuteRules",
            json!({}),
            vec!["ListAlarmMuteRules *"],
        ),
    ] {
        let expected: Vec<_> = expected
            .iter()
            .map(|line| {
                let (action, resource) = line.split_once(' ').unwrap();
                format!("cloudwatch:{action} {arn}:{resource}")
            })
            .collect();
        assert_eq!(bench.access(operation, &input), expected, "{operation}");
    }
}

/// The API Reference's example of an alarm on an anomaly detection model.
fn banded() -> Value {
    json!({
        "AlarmName": "band", "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold", "EvaluationPeriods": 1,
        "ThresholdMetricId": "t1", "AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:ops"],
        "Metrics": [
            {"Id": "t1", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)"},
            {"Id": "m1", "ReturnData": true, "MetricStat": {"Stat": "Average", "Period": 60,
                "Metric": {"MetricName": "CPUUtilization", "Namespace": "AWS/EC2", "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}]}}},
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_on_a_band_is_put_described_evaluated_and_told() {
    let bench = Bench::new();
    bench.ok("PutMetricAlarm", banded()).await;
    let answer = bench.ok("DescribeAlarms", json!({})).await;
    let alarm = &answer["MetricAlarms"][0];
    assert_eq!(alarm["ThresholdMetricId"], "t1");
    assert_eq!(
        alarm["ComparisonOperator"],
        "LessThanLowerOrGreaterThanUpperThreshold"
    );
    assert_eq!(alarm.get("Threshold"), None);
    assert_eq!(
        alarm["Metrics"],
        json!([
            {"Id": "t1", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)"},
            {"Id": "m1", "ReturnData": true, "MetricStat": {"Stat": "Average", "Period": 60,
                "Metric": {"MetricName": "CPUUtilization", "Namespace": "AWS/EC2", "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}]}}},
        ])
    );
    // The data of these tests have a band from 10 to 20.
    let world = &bench.world;
    world.values.set("t1", world.now(), Some(25.0));
    tokio::task::block_in_place(|| world.pass(120));
    let answer = bench
        .ok("DescribeAlarms", json!({"AlarmNames": ["band"]}))
        .await;
    let alarm = &answer["MetricAlarms"][0];
    assert_eq!(alarm["StateValue"], "ALARM");
    let reason = alarm["StateReason"].as_str().unwrap();
    assert!(
        reason.starts_with("Thresholds Crossed: 1 datapoint [25.0 ("),
        "{reason}"
    );
    assert!(reason.ends_with(")] was less than the lower thresholds [10.0] or greater than the upper thresholds [20.0]."), "{reason}");
    let data = alarm["StateReasonData"].as_str().unwrap();
    assert!(data.contains(r#""recentDatapoints":[25.0],"recentLowerThresholds":[10.0],"recentUpperThresholds":[20.0]"#), "{data}");
}

#[tokio::test]
async fn an_alarm_on_a_band_does_not_scale_and_watches_one_beside_it() {
    let bench = Bench::new();
    let scaling = "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:8f6f5a3a-0000-4000-8000-000000000000:autoScalingGroupName/a:policyName/p";
    let watched_twice = {
        let mut metrics = banded()["Metrics"].clone();
        let list = metrics.as_array_mut().unwrap();
        list.push(json!({"Id": "e1", "Expression": "m1 * 2"}));
        metrics
    };
    for (change, text) in [
        (
            json!({"AlarmActions": [scaling]}),
            "An alarm with ThresholdMetricId cannot have Auto Scaling actions.",
        ),
        (
            json!({"Metrics": watched_twice}),
            "Exactly one element of the metrics list should return data.",
        ),
        (
            json!({"ThresholdMetricId": "x"}),
            "ThresholdMetricId x must be the Id of an element of Metrics that returns data.",
        ),
    ] {
        let fault = bench.fault("PutMetricAlarm", with(banded(), change)).await;
        assert_eq!(
            (fault.code, fault.message.as_ref()),
            ("ValidationError", text)
        );
    }
}
