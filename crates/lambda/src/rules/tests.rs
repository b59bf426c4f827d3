//! Rules whole: by their operations, with their task and tables.

use std::time::Duration;

use serde_json::{Value, json};

use super::testing::{Bench, START};
use crate::port::Trouble;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:scaler";
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:q";

async fn scheduled(bench: &Bench, target: Value) {
    bench
        .ok(
            "PutRule",
            json!({"Name": "tick", "ScheduleExpression": "rate(1 minute)"}),
        )
        .await;
    bench
        .ok("PutTargets", json!({"Rule": "tick", "Targets": [target]}))
        .await;
}

#[tokio::test]
async fn a_schedule_starts_a_function_once_a_minute() {
    let bench = Bench::new();
    scheduled(&bench, json!({"Id": "1", "Arn": FUNCTION})).await;
    bench.pass(59).await;
    assert!(bench.others.told.lock().is_empty());
    bench.pass(1).await;
    bench.pass(1).await;
    let told = bench.others.told.lock().clone();
    assert_eq!(told.len(), 1);
    let event: Value = serde_json::from_str(&told[0].2).unwrap();
    assert_eq!(told[0].0, "scaler");
    assert_eq!(
        (&event["detail-type"], &event["source"]),
        (&json!("Scheduled Event"), &json!("aws.events"))
    );
    assert_eq!(event["time"], "2027-01-15T08:01:00Z");
    assert_eq!(
        event["resources"],
        json!(["arn:aws:events:us-east-1:123456789012:rule/tick"])
    );
    bench.pass(60).await;
    assert_eq!(bench.others.told.lock().len(), 2);
    for name in ["TriggeredRules", "Invocations"] {
        assert_eq!(bench.others.count(name), 2, "{name}");
    }
    bench.ok("DisableRule", json!({"Name": "tick"})).await;
    bench.pass(600).await;
    assert_eq!(bench.others.told.lock().len(), 2);
}

#[tokio::test]
async fn what_was_missed_while_the_process_was_away_is_not_made_up_for() {
    let bench = Bench::new();
    scheduled(&bench, json!({"Id": "1", "Arn": FUNCTION})).await;
    bench.pass(60).await;
    let bench = bench.restart(Duration::from_secs(3_600)).await;
    bench.settle().await;
    assert_eq!(bench.others.told.lock().len(), 1);
    bench.pass(60).await;
    assert_eq!(bench.others.told.lock().len(), 2);
}

#[tokio::test]
async fn what_could_not_be_delivered_is_tried_again_after_a_restart() {
    let bench = Bench::new();
    scheduled(&bench, json!({"Id": "1", "Arn": FUNCTION})).await;
    *bench.others.trouble.lock() = Some(Trouble::Passing("busy".to_owned()));
    bench.pass(60).await;
    assert_eq!(
        (bench.rules.waiting(), bench.others.told.lock().len()),
        (1, 0)
    );
    *bench.others.trouble.lock() = None;
    let bench = bench.restart(Duration::from_secs(10)).await;
    bench.settle().await;
    assert_eq!(
        (bench.rules.waiting(), bench.others.told.lock().len()),
        (0, 1)
    );
    assert_eq!(bench.others.count("FailedInvocations"), 0);
    // It is not there any more.
    let bench = bench.restart(Duration::from_secs(1)).await;
    bench.settle().await;
    assert_eq!(bench.others.told.lock().len(), 1);
}

/// Killed after more and more steps: before the moment counts as fired nothing is delivered, and after that it is, under one id.
#[tokio::test]
async fn a_moment_that_counts_as_fired_is_delivered_whenever_the_process_ends() {
    for steps in (0..60).step_by(3) {
        let bench = Bench::new();
        scheduled(&bench, json!({"Id": "1", "Arn": FUNCTION})).await;
        bench.clock.advance(Duration::from_secs(60));
        bench.rules.wake();
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
        let bench = bench.kill().await;
        bench.settle().await;
        let told = bench.others.told.lock().clone();
        let is_fired = bench.rules.bus().rule("tick").unwrap().fired > START;
        assert_eq!(is_fired, !told.is_empty(), "{steps}");
        let ids = told
            .iter()
            .map(|(.., body)| serde_json::from_str::<Value>(body).unwrap()["id"].to_string());
        assert!(
            ids.collect::<std::collections::BTreeSet<_>>().len() <= 1,
            "{steps}"
        );
    }
}

#[tokio::test]
async fn a_function_whose_policy_does_not_let_rules_in_is_not_started() {
    let bench = Bench::new();
    bench.others.closed.lock().insert(FUNCTION.to_owned());
    scheduled(
        &bench,
        json!({"Id": "1", "Arn": FUNCTION, "DeadLetterConfig": {"Arn": QUEUE}}),
    )
    .await;
    bench.pass(60).await;
    assert!(bench.others.told.lock().is_empty());
    assert_eq!(
        (
            bench.others.count("FailedInvocations"),
            bench.others.count("InvocationsSentToDlq")
        ),
        (1, 1)
    );
    let letters = bench.others.letters.lock().clone();
    let of = |name: &str| {
        letters[0]
            .1
            .iter()
            .find(|(it, _)| it == name)
            .and_then(|(_, it)| it.string.clone())
    };
    assert_eq!(of("ERROR_CODE").as_deref(), Some("NO_PERMISSIONS"));
    assert_eq!(of("TARGET_ARN").as_deref(), Some(FUNCTION));
    assert_eq!(of("RETRY_ATTEMPTS").as_deref(), Some("0"));
    assert_eq!(of("EXHAUSTED_RETRY_CONDITION"), None);
}

#[tokio::test]
async fn a_role_opens_what_it_may() {
    let bench = Bench::new();
    bench.others.closed.lock().insert(QUEUE.to_owned());
    for (role, told) in [("weak", 0), ("untrusting", 0), ("strong", 1)] {
        let role = format!("arn:aws:iam::123456789012:role/{role}");
        scheduled(&bench, json!({"Id": "1", "Arn": QUEUE, "RoleArn": role})).await;
        bench.pass(60).await;
        assert_eq!(bench.others.told.lock().len(), told, "{role}");
    }
}

#[tokio::test]
async fn a_target_that_stays_busy_is_given_up_by_its_policy() {
    let bench = Bench::new();
    let target = json!({"Id": "1", "Arn": FUNCTION, "DeadLetterConfig": {"Arn": QUEUE}, "RetryPolicy": {"MaximumRetryAttempts": 2}});
    scheduled(&bench, target).await;
    *bench.others.trouble.lock() = Some(Trouble::Passing("busy".to_owned()));
    bench.pass(60).await;
    bench.ok("DisableRule", json!({"Name": "tick"})).await;
    for _ in 0..3 {
        bench.pass(10).await;
    }
    let letters = bench.others.letters.lock().clone();
    let of = |name: &str| {
        letters[0]
            .1
            .iter()
            .find(|(it, _)| it == name)
            .and_then(|(_, it)| it.string.clone())
    };
    assert_eq!(
        of("EXHAUSTED_RETRY_CONDITION").as_deref(),
        Some("MaximumRetryAttempts")
    );
    assert_eq!(of("RETRY_ATTEMPTS").as_deref(), Some("2"));
    assert_eq!(bench.others.count("FailedInvocations"), 1);
}

#[tokio::test]
async fn events_go_to_the_rules_that_are_for_them() {
    let bench = Bench::new();
    bench.ok("PutRule", json!({"Name": "mine", "EventPattern": "{\"source\": [\"my.app\"], \"detail\": {\"n\": [{\"numeric\": [\">\", 1]}]}}"})).await;
    let fifo = format!("{QUEUE}.fifo");
    let targets = json!([
        {"Id": "f", "Arn": format!("{FUNCTION}:live"), "InputPath": "$.detail"},
        {"Id": "q", "Arn": fifo, "SqsParameters": {"MessageGroupId": "g"}, "InputTransformer": {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": "\"n is <n>\""}},
        {"Id": "c", "Arn": QUEUE, "Input": "{\"a\":1}"}
    ]);
    bench
        .ok("PutTargets", json!({"Rule": "mine", "Targets": targets}))
        .await;
    let entry =
        |source: &str, detail: &str| json!({"Source": source, "DetailType": "t", "Detail": detail});
    let answer = bench.ok("PutEvents", json!({"Entries": [
        entry("my.app", "{\"n\": 2}"), entry("my.app", "{\"n\": 1}"), entry("other", "{\"n\": 2}"),
        entry("aws.ec2", "{}"), entry("my.app", "no"), {"Source": "my.app"}
    ]})).await;
    assert_eq!(answer["FailedEntryCount"], 3);
    let codes: Vec<_> = answer["Entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["ErrorCode"].as_str())
        .collect();
    assert_eq!(
        codes,
        [
            None,
            None,
            None,
            Some("NotAuthorizedForSourceException"),
            Some("MalformedDetail"),
            Some("InvalidArgument")
        ]
    );
    bench.settle().await;
    let mut told = bench.others.told.lock().clone();
    told.sort();
    let expected = [
        (QUEUE.to_owned(), None, "{\"a\":1}".to_owned()),
        (fifo, Some("g".to_owned()), "\"n is 2\"".to_owned()),
        ("scaler:live".to_owned(), None, "{\"n\":2}".to_owned()),
    ];
    assert_eq!(told, expected);
    let names = bench
        .ok("ListRuleNamesByTarget", json!({"TargetArn": QUEUE}))
        .await;
    assert_eq!(names["RuleNames"], json!(["mine"]));
    let listed = bench.ok("ListTargetsByRule", json!({"Rule": "mine"})).await;
    assert_eq!(
        listed["Targets"][0],
        json!({"Id": "c", "Arn": QUEUE, "Input": "{\"a\":1}"})
    );
    let tested = bench
        .ok(
            "TestEventPattern",
            json!({"EventPattern": "{\"source\": [\"a\"]}", "Event": "{\"source\": \"a\"}"}),
        )
        .await;
    assert_eq!(tested["Result"], true);
}

#[tokio::test]
async fn rules_are_described_listed_tagged_and_deleted() {
    let bench = Bench::new();
    let arn = "arn:aws:events:us-east-1:123456789012:rule/tick";
    let put = bench.ok("PutRule", json!({
        "Name": "tick", "ScheduleExpression": "cron(0 18 ? * MON-FRI *)", "Description": "d", "State": "DISABLED", "Tags": [{"Key": "a", "Value": "1"}]
    })).await;
    assert_eq!(put["RuleArn"], arn);
    bench.ok("PutRule", json!({"Name": "tock", "ScheduleExpression": "rate(2 hours)", "EventBusName": "default"})).await;
    let bench = bench.restart(Duration::ZERO).await;
    let described = bench.ok("DescribeRule", json!({"Name": "tick"})).await;
    assert_eq!(
        described,
        json!({
            "Name": "tick", "Arn": arn, "ScheduleExpression": "cron(0 18 ? * MON-FRI *)", "Description": "d", "State": "DISABLED",
            "EventBusName": "default", "CreatedBy": "123456789012"
        })
    );
    let first = bench.ok("ListRules", json!({"Limit": 1})).await;
    assert_eq!(
        (
            first["Rules"].as_array().unwrap().len(),
            &first["Rules"][0]["Name"]
        ),
        (1, &json!("tick"))
    );
    let second = bench
        .ok("ListRules", json!({"NextToken": first["NextToken"]}))
        .await;
    assert_eq!(
        (&second["Rules"][0]["Name"], &second["NextToken"]),
        (&json!("tock"), &Value::Null)
    );
    assert_eq!(
        bench.ok("ListRules", json!({"NamePrefix": "ti"})).await["Rules"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    bench
        .ok(
            "TagResource",
            json!({"ResourceARN": arn, "Tags": [{"Key": "b", "Value": "2"}]}),
        )
        .await;
    bench
        .ok(
            "UntagResource",
            json!({"ResourceARN": arn, "TagKeys": ["a"]}),
        )
        .await;
    let tags = bench
        .ok("ListTagsForResource", json!({"ResourceARN": arn}))
        .await;
    assert_eq!(tags, json!({"Tags": [{"Key": "b", "Value": "2"}]}));
    bench.ok("EnableRule", json!({"Name": "tick"})).await;
    assert_eq!(
        bench.ok("DescribeRule", json!({"Name": "tick"})).await["State"],
        "ENABLED"
    );
    bench.ok("DeleteRule", json!({"Name": "tick"})).await;
    assert_eq!(
        bench
            .fault("DescribeRule", json!({"Name": "tick"}))
            .await
            .message,
        "Rule tick does not exist on EventBus default."
    );
    let bus = bench.ok("DescribeEventBus", json!({})).await;
    assert_eq!(
        bus["Arn"],
        "arn:aws:events:us-east-1:123456789012:event-bus/default"
    );
    assert_eq!(
        bench.ok("ListEventBuses", json!({})).await["EventBuses"][0]["Name"],
        "default"
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused_as_aws_refuses_it() {
    let bench = Bench::new();
    bench
        .ok(
            "PutRule",
            json!({"Name": "r", "ScheduleExpression": "rate(1 day)"}),
        )
        .await;
    bench
        .ok(
            "PutTargets",
            json!({"Rule": "r", "Targets": [{"Id": "1", "Arn": QUEUE}]}),
        )
        .await;
    let target = |target: Value| json!({"Rule": "r", "Targets": [target]});
    let six: Vec<_> = (0..6)
        .map(|id| json!({"Id": id.to_string(), "Arn": QUEUE}))
        .collect();
    let cases = [
        (
            "PutRule",
            json!({"Name": "a b", "ScheduleExpression": "rate(1 day)"}),
            "ValidationException",
            "regular expression",
        ),
        (
            "PutRule",
            json!({"Name": "a".repeat(65), "ScheduleExpression": "rate(1 day)"}),
            "ValidationException",
            "equal to 64",
        ),
        (
            "PutRule",
            json!({"Name": "a"}),
            "ValidationException",
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ),
        (
            "PutRule",
            json!({"Name": "a", "ScheduleExpression": "rate(1 minutes)"}),
            "ValidationException",
            "Parameter ScheduleExpression is not valid.",
        ),
        (
            "PutRule",
            json!({"Name": "a", "EventPattern": "{"}),
            "InvalidEventPatternException",
            "Event pattern is not valid. Reason: ",
        ),
        (
            "PutRule",
            json!({"Name": "a", "ScheduleExpression": "rate(1 day)", "EventBusName": "b"}),
            "ResourceNotFoundException",
            "Event bus b does not exist.",
        ),
        (
            "PutRule",
            json!({"Name": "a", "ScheduleExpression": "rate(1 day)", "State": "on"}),
            "ValidationException",
            "enum",
        ),
        (
            "DeleteRule",
            json!({"Name": "r"}),
            "ValidationException",
            "Rule can't be deleted since it has targets.",
        ),
        (
            "EnableRule",
            json!({"Name": "x"}),
            "ResourceNotFoundException",
            "Rule x does not exist on EventBus default.",
        ),
        (
            "PutTargets",
            json!({"Rule": "x", "Targets": [{"Id": "1", "Arn": QUEUE}]}),
            "ResourceNotFoundException",
            "Rule x",
        ),
        (
            "PutTargets",
            json!({"Rule": "r", "Targets": six}),
            "LimitExceededException",
            "exceeds the maximum number allowed",
        ),
        (
            "PutTargets",
            target(json!({"Id": "1", "Arn": "x"})),
            "ValidationException",
            "Parameter x is not valid. Reason: Provided Arn is not in correct format.",
        ),
        (
            "PutTargets",
            target(json!({"Id": "1", "Arn": "arn:aws:sns:us-east-1:123456789012:t"})),
            "ValidationException",
            "Targets are functions",
        ),
        (
            "PutTargets",
            target(json!({"Id": "1", "Arn": "arn:aws:sqs:us-east-1:999999999999:q"})),
            "ValidationException",
            "this account",
        ),
        (
            "PutTargets",
            target(json!({"Id": "1", "Arn": format!("{QUEUE}.fifo")})),
            "ValidationException",
            "Parameter(s) SqsParameters must be specified for target: 1.",
        ),
        (
            "PutTargets",
            target(json!({"Id": "1", "Arn": QUEUE, "Input": "{}", "InputPath": "$"})),
            "ValidationException",
            "Only one of",
        ),
        (
            "PutTargets",
            target(json!({"Id": "1", "Arn": QUEUE, "Input": "{"})),
            "ValidationException",
            "JSON",
        ),
        (
            "PutTargets",
            target(json!({"Id": "1", "Arn": QUEUE, "RetryPolicy": {"MaximumRetryAttempts": 186}})),
            "ValidationException",
            "between 0 and 185",
        ),
        (
            "PutTargets",
            target(json!({"Id": "1", "Arn": QUEUE, "DeadLetterConfig": {"Arn": FUNCTION}})),
            "ValidationException",
            "standard queue",
        ),
        (
            "TagResource",
            json!({"ResourceARN": "x", "Tags": []}),
            "ValidationException",
            "correct format",
        ),
        (
            "ListRules",
            json!({"Limit": 101}),
            "ValidationException",
            "between 1 and 100",
        ),
        (
            "ListRules",
            json!({"NextToken": "?"}),
            "ValidationException",
            "NextToken",
        ),
        (
            "PutEvents",
            json!({"Entries": []}),
            "ValidationException",
            "between 1 and 10",
        ),
    ];
    for (operation, input, code, text) in cases {
        let fault = bench.fault(operation, input.clone()).await;
        assert_eq!(fault.code, code, "{operation} {input}: {fault}");
        assert!(fault.message.contains(text), "{operation} {input}: {fault}");
    }
    let kinesis =
        target(json!({"Id": "1", "Arn": QUEUE, "KinesisParameters": {"PartitionKeyPath": "$"}}));
    assert!(
        bench
            .unread("PutTargets", &kinesis)
            .contains("KinesisParameters")
    );
}
