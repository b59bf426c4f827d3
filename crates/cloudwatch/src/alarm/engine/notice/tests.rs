//! Bodies as AWS writes them.

use serde_json::{Value, json};

use crate::alarm::State;
use crate::alarm::engine::settings::{Kind, Watched};
use crate::alarm::testing::{World, composite, metric_alarm};

fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_topic_gets_the_members_that_aws_sends_in_its_order() {
    let world = World::new();
    let mut settings = metric_alarm("web-CPU", 1, 2);
    settings.description = Some("too busy".to_owned());
    if let Kind::Metric(metric) = &mut settings.kind
        && let Watched::One { stat, .. } = &mut metric.watched
    {
        stat.namespace = "AWS/EC2".to_owned();
        stat.dimensions = vec![("InstanceId".to_owned(), "i-1".to_owned())];
    }
    settings.alarm_actions = vec!["arn:aws:automate:eu-west-1:ec2:reboot".to_owned()];
    let tags = [("team".to_owned(), "ops".to_owned())].into();
    world.alarms.put(settings, tags).unwrap();
    world
        .alarms
        .set_state(
            "web-CPU",
            State::Alarm,
            "busy".to_owned(),
            Some("{\"a\":1}".to_owned()),
        )
        .unwrap();
    let call = world.alarms.pending_actions(0, 1).unwrap().remove(0);
    assert_eq!(call.instance.as_deref(), Some("i-1"));
    assert_eq!(call.subject, "ALARM: \"web-CPU\" in EU (Ireland)");
    let labels: Vec<_> = call
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        labels,
        [
            "InstanceId=i-1",
            "alarm=web-CPU",
            "metric=web-CPU",
            "namespace=AWS/EC2",
            "old_state=INSUFFICIENT_DATA",
            "state=ALARM",
            "team=ops",
        ]
    );
    assert_eq!(
        call.sns_body,
        r#"{"AlarmName":"web-CPU","AlarmDescription":"too busy","AWSAccountId":"123456789012","AlarmConfigurationUpdatedTimestamp":"2026-11-23T05:00:00.000+0000","NewStateValue":"ALARM","NewStateReason":"busy","StateChangeTime":"2026-11-23T05:00:00.000+0000","Region":"EU (Ireland)","AlarmArn":"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:web-CPU","OldStateValue":"INSUFFICIENT_DATA","ActionExecutedAfterMuteWindow":false,"OKActions":["arn:aws:sns:eu-west-1:123456789012:ok"],"AlarmActions":["arn:aws:automate:eu-west-1:ec2:reboot"],"InsufficientDataActions":[],"Trigger":{"MetricName":"web-CPU","Namespace":"AWS/EC2","StatisticType":"Statistic","Statistic":"AVERAGE","Unit":null,"Dimensions":[{"value":"i-1","name":"InstanceId"}],"Period":60,"EvaluationPeriods":2,"DatapointsToAlarm":1,"ComparisonOperator":"GreaterThanThreshold","Threshold":50.0,"TreatMissingData":"missing","EvaluateLowSampleCountPercentile":""}}"#
    );
    let lambda = body(&call.lambda_body);
    let expected = json!({
        "source": "aws.cloudwatch",
        "alarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:web-CPU",
        "accountId": "123456789012",
        "time": "2026-11-23T05:00:00.000+0000",
        "region": "eu-west-1",
        "alarmData": {
            "alarmName": "web-CPU",
            "state": {
                "value": "ALARM", "reason": "busy", "reasonData": "{\"a\":1}",
                "timestamp": "2026-11-23T05:00:00.000+0000",
            },
            "previousState": {
                "value": "INSUFFICIENT_DATA", "reason": "Unchecked: Initial alarm creation",
                "timestamp": "2026-11-23T05:00:00.000+0000",
            },
            "configuration": {
                "description": "too busy",
                "metrics": [{
                    "id": "m1",
                    "metricStat": {
                        "metric": {
                            "namespace": "AWS/EC2", "name": "web-CPU",
                            "dimensions": {"InstanceId": "i-1"},
                        },
                        "period": 60,
                        "stat": "Average",
                    },
                    "returnData": true,
                }],
            },
        },
    });
    assert_eq!(lambda, expected);
}

#[test]
fn a_composite_alarm_tells_its_rule_and_the_child_because_of_which() {
    let world = World::new();
    world.put(metric_alarm("m", 1, 1));
    world.put(composite("c", "ALARM(m)"));
    world.drain();
    world
        .alarms
        .set_state("m", State::Alarm, String::new(), None)
        .unwrap();
    let calls = world.alarms.pending_actions(0, 10).unwrap();
    let call = calls.iter().find(|call| call.alarm == "c").unwrap();
    let sns = body(&call.sns_body);
    assert_eq!(sns["AlarmRule"], "ALARM(m)");
    assert_eq!(sns.get("Trigger"), None);
    let child = json!([{
        "Arn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:m",
        "State": {"Value": "ALARM", "Timestamp": "2026-11-23T05:00:00.000+0000"},
    }]);
    assert_eq!(sns["TriggeringChildren"], child);
    assert_eq!(
        body(&call.lambda_body)["alarmData"]["configuration"],
        json!({"alarmRule": "ALARM(m)"})
    );
}
