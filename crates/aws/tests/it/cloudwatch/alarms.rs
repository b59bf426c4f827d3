//! Alarms of metrics and of alarms, their history, tags and mute rules.

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::client::Waiters;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::operation::delete_alarms::DeleteAlarmsError;
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsError;
use aws_sdk_cloudwatch::operation::get_alarm_mute_rule::GetAlarmMuteRuleError;
use aws_sdk_cloudwatch::operation::list_tags_for_resource::ListTagsForResourceError;
use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;
use aws_sdk_cloudwatch::operation::set_alarm_state::SetAlarmStateError;
use aws_sdk_cloudwatch::types::{
    AlarmMuteRuleStatus, AlarmType, ComparisonOperator, HistoryItemType, Metric, MetricAlarm,
    MetricDataQuery, MetricStat, MuteTargets, Rule, ScanBy, Schedule, StateValue, Statistic,
};

use super::{client, pairs, tag, until};
use crate::server::Server;

/// An alarm that stays as it is set: its metric has no data, and that is ignored.
fn quiet(client: &Client, name: &str) -> PutMetricAlarmFluentBuilder {
    client
        .put_metric_alarm()
        .alarm_name(name)
        .namespace("Sdk/Test")
        .metric_name("none")
        .statistic(Statistic::Average)
        .period(86_400)
        .evaluation_periods(1)
        .threshold(1.5)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .treat_missing_data("ignore")
}

async fn set(client: &Client, name: &str, state: StateValue) {
    let set = client.set_alarm_state().alarm_name(name).state_value(state);
    set.state_reason("set").send().await.unwrap();
}

async fn state(client: &Client, name: &str) -> StateValue {
    let asked = client.describe_alarms().alarm_names(name);
    let asked = asked
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm);
    let answer = asked.send().await.unwrap();
    let metric = answer.metric_alarms().iter().map(MetricAlarm::state_value);
    let composite = answer
        .composite_alarms()
        .iter()
        .map(|one| one.state_value());
    metric.chain(composite).next().unwrap().unwrap().clone()
}

async fn described(client: &Client, name: &str) -> MetricAlarm {
    let answer = client.describe_alarms().alarm_names(name).send().await;
    answer.unwrap().metric_alarms.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_read_as_it_was_put_and_its_history_tells_of_it() {
    let server = Server::start().await;
    let client = client(&server);
    let put = quiet(&client, "web 1").alarm_description("a & b < c 日本語\n");
    let put = put.tags(tag("k", "v")).datapoints_to_alarm(1);
    put.send().await.unwrap();
    let waited = client.wait_until_alarm_exists().alarm_names("web 1");
    waited.wait(Duration::from_secs(10)).await.unwrap();
    let alarm = described(&client, "web 1").await;
    assert_eq!(alarm.alarm_description(), Some("a & b < c 日本語\n"));
    assert_eq!(alarm.threshold(), Some(1.5));
    assert_eq!(alarm.period(), Some(86_400));
    assert_eq!(alarm.statistic(), Some(&Statistic::Average));
    assert_eq!(alarm.treat_missing_data(), Some("ignore"));
    assert_eq!(alarm.actions_enabled(), Some(true));
    assert_eq!(alarm.state_value(), Some(&StateValue::InsufficientData));
    // Recorded.
    let reason = "Unchecked: Initial alarm creation";
    assert_eq!(alarm.state_reason(), Some(reason));

    for (value, reason) in [(StateValue::Alarm, "a & b"), (StateValue::Ok, "あ")] {
        let set = client.set_alarm_state().alarm_name("web 1");
        let set = set.state_value(value).state_reason(reason);
        set.state_reason_data("{\"a\":1}").send().await.unwrap();
    }
    let alarm = described(&client, "web 1").await;
    assert_eq!(alarm.state_value(), Some(&StateValue::Ok));
    assert_eq!(alarm.state_reason(), Some("あ"));
    assert_eq!(alarm.state_reason_data(), Some("{\"a\":1}"));

    let mut pages = client
        .describe_alarm_history()
        .alarm_name("web 1")
        .scan_by(ScanBy::TimestampAscending)
        .max_records(2)
        .into_paginator()
        .items()
        .send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.unwrap();
        let kind = item.history_item_type().unwrap().clone();
        items.push((kind, item.history_summary().unwrap().to_owned()));
    }
    let told = [
        (
            HistoryItemType::ConfigurationUpdate,
            "Alarm \"web 1\" created",
        ),
        (
            HistoryItemType::StateUpdate,
            "Alarm updated from INSUFFICIENT_DATA to ALARM",
        ),
        (
            HistoryItemType::StateUpdate,
            "Alarm updated from ALARM to OK",
        ),
    ];
    assert_eq!(items, told.map(|(kind, text)| (kind, text.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_described_in_pages_switched_and_deleted() {
    let server = Server::start().await;
    let client = client(&server);
    let names: Vec<String> = (0..25).map(|n| format!("web-{n:02}")).collect();
    for name in &names {
        quiet(&client, name).send().await.unwrap();
    }
    quiet(&client, "other").send().await.unwrap();
    let asked = client.describe_alarms().alarm_name_prefix("web-");
    let mut pages = asked.max_records(10).into_paginator().send();
    let (mut found, mut sizes) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let alarms = page.unwrap().metric_alarms.unwrap_or_default();
        sizes.push(alarms.len());
        found.extend(alarms.into_iter().map(|alarm| alarm.alarm_name.unwrap()));
    }
    assert_eq!((found, sizes), (names.clone(), vec![10, 10, 5]));

    let off = client.disable_alarm_actions().alarm_names("web-00");
    off.send().await.unwrap();
    let of_metric = client
        .describe_alarms_for_metric()
        .namespace("Sdk/Test")
        .metric_name("none");
    let answer = of_metric.send().await.unwrap();
    let alarms = answer.metric_alarms().iter();
    let off: Vec<_> = alarms
        .filter(|alarm| alarm.actions_enabled() == Some(false))
        .map(|alarm| alarm.alarm_name().unwrap())
        .collect();
    assert_eq!((answer.metric_alarms().len(), off), (26, vec!["web-00"]));
    let on = client.enable_alarm_actions().alarm_names("web-00");
    on.send().await.unwrap();
    assert_eq!(
        described(&client, "web-00").await.actions_enabled(),
        Some(true)
    );

    // "If you specify any incorrect alarm names, the alarms you specify with correct names are still deleted."
    let delete = client.delete_alarms().set_alarm_names(Some(names));
    delete.alarm_names("unknown").send().await.unwrap();
    let left = client.describe_alarms().send().await.unwrap();
    let left: Vec<_> = left
        .metric_alarms()
        .iter()
        .map(MetricAlarm::alarm_name)
        .collect();
    assert_eq!(left, [Some("other")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_composite_alarm_follows_its_children() {
    let server = Server::start().await;
    let client = client(&server);
    for name in ["a", "b"] {
        quiet(&client, name).send().await.unwrap();
        set(&client, name, StateValue::Ok).await;
    }
    let rule = "ALARM(\"a\") AND NOT ALARM(b)";
    let put = client.put_composite_alarm().alarm_name("whole");
    put.alarm_rule(rule).send().await.unwrap();
    let waited = client
        .wait_until_composite_alarm_exists()
        .alarm_names("whole")
        .alarm_types(AlarmType::CompositeAlarm);
    waited.wait(Duration::from_secs(10)).await.unwrap();
    let is = async |expected| state(&client, "whole").await == expected;
    until("OK", async || is(StateValue::Ok).await).await;
    set(&client, "a", StateValue::Alarm).await;
    until("the alarm", async || is(StateValue::Alarm).await).await;
    set(&client, "b", StateValue::Alarm).await;
    until("OK again", async || is(StateValue::Ok).await).await;
    let children = client.describe_alarms().children_of_alarm_name("whole");
    let children = children.send().await.unwrap();
    let names = children.metric_alarms().iter().map(MetricAlarm::alarm_name);
    assert_eq!(names.collect::<Vec<_>>(), [Some("a"), Some("b")]);

    let refused = client.delete_alarms().alarm_names("a").send().await;
    let error = refused.unwrap_err().into_service_error();
    // Recorded.
    let text = "Cannot delete a as there are composite alarm(s) depending on it.";
    assert_eq!(error.code(), Some("ValidationError"));
    assert_eq!(DeleteAlarmsError::message(&error), Some(text));
    for name in ["whole", "a"] {
        let delete = client.delete_alarms().alarm_names(name);
        delete.send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_of_expressions_is_read_as_it_was_put() {
    let server = Server::start().await;
    let client = client(&server);
    let metric = Metric::builder().namespace("Sdk/Test").metric_name("m");
    let stat = MetricStat::builder()
        .metric(metric.build())
        .period(60)
        .stat("p99.9");
    let query = |id: &str| MetricDataQuery::builder().id(id);
    let metrics = [
        query("m1").metric_stat(stat.build()).return_data(false),
        query("e1")
            .expression("m1 / 2")
            .label("half")
            .return_data(true),
    ]
    .map(|query| query.build());
    let put = client
        .put_metric_alarm()
        .alarm_name("math")
        .set_metrics(Some(metrics.to_vec()))
        .evaluation_periods(3)
        .datapoints_to_alarm(2)
        .threshold(0.1)
        .comparison_operator(ComparisonOperator::LessThanOrEqualToThreshold);
    put.send().await.unwrap();
    let alarm = described(&client, "math").await;
    assert_eq!(alarm.threshold(), Some(0.1));
    assert_eq!(
        (alarm.datapoints_to_alarm(), alarm.evaluation_periods()),
        (Some(2), Some(3))
    );
    assert_eq!((alarm.period(), alarm.metric_name()), (None, None));
    let half = alarm
        .metrics()
        .iter()
        .find(|query| query.id() == Some("e1"));
    assert_eq!(half, Some(&metrics[1]));
    let source = alarm
        .metrics()
        .iter()
        .find(|query| query.id() == Some("m1"));
    let stat = source.unwrap().metric_stat().unwrap();
    assert_eq!((stat.stat(), stat.period()), (Some("p99.9"), Some(60)));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_an_alarm_are_put_over_and_taken_away() {
    let server = Server::start().await;
    let client = client(&server);
    let put = quiet(&client, "tagged").tags(tag("k", "v"));
    put.send().await.unwrap();
    let arn = described(&client, "tagged").await.alarm_arn.unwrap();
    let put = client.tag_resource().resource_arn(&arn);
    let put = put.tags(tag("k", "w")).tags(tag("team", ""));
    put.send().await.unwrap();
    let listed = client.list_tags_for_resource().resource_arn(&arn);
    let tags = listed.clone().send().await.unwrap().tags.unwrap();
    assert_eq!(pairs(&tags), [("k", "w"), ("team", "")]);
    let away = client.untag_resource().resource_arn(&arn).tag_keys("k");
    away.send().await.unwrap();
    let tags = listed.send().await.unwrap().tags.unwrap();
    assert_eq!(pairs(&tags), [("team", "")]);
    let unknown = client.list_tags_for_resource();
    let refused = unknown.resource_arn(format!("{arn}-none")).send().await;
    let error = refused.unwrap_err().into_service_error();
    assert!(
        matches!(
            error,
            ListTagsForResourceError::ResourceNotFoundException(_)
        ),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mute_rule_is_read_as_it_was_put() {
    let server = Server::start().await;
    let client = client(&server);
    quiet(&client, "web").send().await.unwrap();
    let schedule = Schedule::builder()
        .expression("cron(0 3 * * *)")
        .duration("PT1H")
        .timezone("Asia/Tokyo")
        .build();
    let put = client
        .put_alarm_mute_rule()
        .name("nightly")
        .description("夜")
        .rule(Rule::builder().schedule(schedule.clone()).build())
        .mute_targets(MuteTargets::builder().alarm_names("web").build())
        .tags(tag("k", "v"));
    put.send().await.unwrap();
    let waited = client
        .wait_until_alarm_mute_rule_exists()
        .alarm_mute_rule_name("nightly");
    waited.wait(Duration::from_secs(10)).await.unwrap();
    let asked = client.get_alarm_mute_rule().alarm_mute_rule_name("nightly");
    let rule = asked.clone().send().await.unwrap();
    assert_eq!(rule.rule().unwrap().schedule(), Some(&schedule));
    assert_eq!(rule.mute_targets().unwrap().alarm_names(), ["web"]);
    assert_eq!(rule.description(), Some("夜"));
    let states = [AlarmMuteRuleStatus::Active, AlarmMuteRuleStatus::Scheduled];
    assert!(states.contains(rule.status().unwrap()));
    let mut pages = client
        .list_alarm_mute_rules()
        .alarm_name("web")
        .into_paginator()
        .items()
        .send();
    let listed = pages.next().await.unwrap().unwrap();
    assert_eq!(
        listed.alarm_mute_rule_arn(),
        rule.alarm_mute_rule_arn(),
        "{listed:?}"
    );
    assert!(pages.next().await.is_none());
    let delete = client.delete_alarm_mute_rule();
    let delete = delete.alarm_mute_rule_name("nightly");
    delete.send().await.unwrap();
    let error = asked.send().await.unwrap_err().into_service_error();
    assert!(
        matches!(error, GetAlarmMuteRuleError::ResourceNotFoundException(_)),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_alarms_comes_as_the_errors_of_the_model() {
    let server = Server::start().await;
    let client = client(&server);
    quiet(&client, "web").send().await.unwrap();
    let set = client.set_alarm_state().state_reason("x");

    let unknown = set.clone().alarm_name("none").state_value(StateValue::Ok);
    let error = unknown.send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 404);
    let error = error.into_service_error();
    assert!(
        matches!(error, SetAlarmStateError::ResourceNotFound(_)),
        "{error:?}"
    );
    assert_eq!(error.code(), Some("ResourceNotFound"));

    let set = set.alarm_name("web");
    let no_json = set.clone().state_value(StateValue::Ok);
    let no_json = no_json.state_reason_data("{no json").send().await;
    let error = no_json.unwrap_err().into_service_error();
    assert!(
        matches!(error, SetAlarmStateError::InvalidFormatFault(_)),
        "{error:?}"
    );
    assert_eq!(error.code(), Some("InvalidFormat"));

    let invalid = set.state_value(StateValue::from("INVALID")).send().await;
    let error = invalid.unwrap_err().into_service_error();
    // Recorded.
    let text = "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]";
    assert_eq!(error.code(), Some("ValidationError"));
    assert_eq!(SetAlarmStateError::message(&error), Some(text));

    let asked = client.describe_alarms().next_token("no token");
    let error = asked.send().await.unwrap_err().into_service_error();
    assert!(
        matches!(error, DescribeAlarmsError::InvalidNextToken(_)),
        "{error:?}"
    );

    let refused = quiet(&client, "bad").period(7).send().await;
    let error = refused.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("ValidationError"), "{error:?}");
}
