//! Mappings whole: what becomes of messages, and of requests.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::port::Ran;
use super::testing::{BASE, Bench, OPERATIONS, QUEUE};

#[test]
fn the_shapes_are_those_of_the_service_model() {
    let model = include_str!("../../models/event-source-mappings-2015-03-31.txt");
    api::model::check_shapes(api::operation::shapes(OPERATIONS), model);
    api::model::check_table(api::operation::shapes(OPERATIONS), model);
}

fn uuid(answer: &Value) -> String {
    answer["UUID"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn messages_are_deleted_after_the_function_has_dealt_with_them() {
    let bench = Bench::new(false, 30);
    (0..25).for_each(|index| bench.others.send(&format!("m{index:02}"), None));
    let made = bench.create(json!({})).await.unwrap();
    assert_eq!(
        (&made["State"], &made["BatchSize"]),
        (&json!("Creating"), &json!(10))
    );
    bench.until_state(&uuid(&made), "Enabled").await;
    bench.until(|| bench.others.bodies().is_empty()).await;
    let ran = bench.others.ran.lock().clone();
    assert!(ran.iter().all(|batch| batch.len() <= 10));
    let mut all: Vec<_> = ran.into_iter().flatten().collect();
    all.sort();
    assert_eq!(all.len(), 25);
    let got = bench
        .call("GET", &format!("{BASE}/{}", uuid(&made)), "", json!({}))
        .await
        .unwrap();
    assert_eq!(
        (&got["State"], &got["LastProcessingResult"]),
        (&json!("Enabled"), &json!("OK"))
    );
    bench.stop.send_replace(true);
    bench.task.await.unwrap();
}

#[tokio::test]
async fn a_batch_that_failed_comes_again_when_its_timeout_ends() {
    let bench = Bench::new(false, 30);
    bench.others.answers.lock().push(Ran::Failed);
    bench.others.send("m", None);
    bench.create(json!({})).await.unwrap();
    bench.until(|| bench.others.ran.lock().len() == 1).await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        (bench.others.ran.lock().len(), bench.others.bodies().len()),
        (1, 1)
    );
    bench.clock.advance(Duration::from_secs(30));
    bench.until(|| bench.others.bodies().is_empty()).await;
    assert_eq!(bench.others.ran.lock().len(), 2);
}

#[tokio::test]
async fn only_what_failed_stays_where_the_function_says_so() {
    let bench = Bench::new(false, 30);
    let answer = Bytes::from_static(br#"{"batchItemFailures": [{"itemIdentifier": "b"}]}"#);
    bench.others.answers.lock().push(Ran::Answered(answer));
    ["a", "b", "c"]
        .iter()
        .for_each(|body| bench.others.send(body, None));
    bench
        .create(json!({"FunctionResponseTypes": ["ReportBatchItemFailures"]}))
        .await
        .unwrap();
    bench.until(|| bench.others.bodies() == ["b"]).await;
    bench.clock.advance(Duration::from_secs(30));
    bench.until(|| bench.others.bodies().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_waited_out_and_deletes_nothing() {
    let bench = Bench::new(false, 180);
    bench
        .others
        .answers
        .lock()
        .extend([Ran::Throttled, Ran::Throttled]);
    bench.others.send("m", None);
    bench.create(json!({})).await.unwrap();
    bench.until(|| bench.others.answers.lock().len() == 1).await;
    assert_eq!(bench.others.bodies(), ["m"]);
    // The pauses are tokio's; its clock is turned.
    for _ in 0..10 {
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    bench.until(|| bench.others.bodies().is_empty()).await;
    assert_eq!(bench.others.ran.lock().clone(), [["m"]]);
}

#[tokio::test]
async fn groups_of_a_fifo_queue_stay_in_order() {
    let bench = Bench::new(true, 30);
    for index in 0..20 {
        bench.others.send(&format!("a{index:02}"), Some("a"));
        bench.others.send(&format!("b{index:02}"), Some("b"));
    }
    bench.create(json!({"BatchSize": 3})).await.unwrap();
    bench.until(|| bench.others.bodies().is_empty()).await;
    let all: Vec<_> = bench
        .others
        .ran
        .lock()
        .clone()
        .into_iter()
        .flatten()
        .collect();
    for group in ["a", "b"] {
        let own: Vec<_> = all.iter().filter(|body| body.starts_with(group)).collect();
        assert!(own.is_sorted() && own.len() == 20, "{own:?}");
    }
}

#[tokio::test]
async fn what_no_filter_is_for_is_deleted_and_not_run() {
    let bench = Bench::new(false, 30);
    bench.others.send("{\"kind\":\"a\"}", None);
    bench.others.send("{\"kind\":\"b\"}", None);
    let pattern = "{\"body\": {\"kind\": [\"a\"]}}";
    let made = bench
        .create(json!({"FilterCriteria": {"Filters": [{"Pattern": pattern}]}}))
        .await
        .unwrap();
    assert_eq!(made["FilterCriteria"]["Filters"][0]["Pattern"], pattern);
    bench.until(|| bench.others.bodies().is_empty()).await;
    assert_eq!(bench.others.ran.lock().clone(), [["{\"kind\":\"a\"}"]]);
}

#[tokio::test]
async fn a_mapping_is_disabled_changed_listed_and_deleted() {
    let bench = Bench::new(false, 30);
    let made = bench
        .create(json!({"Enabled": false, "ScalingConfig": {"MaximumConcurrency": 2}}))
        .await
        .unwrap();
    let (uuid, path) = (uuid(&made), format!("{BASE}/{}", uuid(&made)));
    assert_eq!(
        made["FunctionArn"],
        "arn:aws:lambda:us-east-1:123456789012:function:notifier"
    );
    assert_eq!(
        made["EventSourceMappingArn"],
        format!("arn:aws:lambda:us-east-1:123456789012:event-source-mapping:{uuid}")
    );
    bench.until_state(&uuid, "Disabled").await;
    bench.others.send("m", None);
    let changed = bench.call("PUT", &path, "", json!({"Enabled": true, "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0, "ScalingConfig": {}})).await;
    assert!(
        changed
            .unwrap_err()
            .message
            .contains("Maximum batch window")
    );
    assert_eq!(bench.others.bodies(), ["m"]);
    let changed = bench
        .call(
            "PUT",
            &path,
            "",
            json!({"Enabled": true, "ScalingConfig": {}}),
        )
        .await
        .unwrap();
    assert_eq!(
        (&changed["State"], &changed["ScalingConfig"]),
        (&json!("Enabling"), &Value::Null)
    );
    bench.until(|| bench.others.bodies().is_empty()).await;
    let listed = bench
        .call("GET", BASE, "FunctionName=notifier&MaxItems=1", json!({}))
        .await
        .unwrap();
    assert_eq!(
        (
            listed["EventSourceMappings"][0]["UUID"].as_str(),
            &listed["NextMarker"]
        ),
        (Some(uuid.as_str()), &Value::Null)
    );
    let none = bench
        .call("GET", BASE, "FunctionName=other", json!({}))
        .await
        .unwrap();
    assert_eq!(none["EventSourceMappings"], json!([]));
    assert_eq!(
        bench.call("DELETE", &path, "", json!({})).await.unwrap()["State"],
        "Deleting"
    );
    bench
        .until(|| bench.mappings.book().get(&uuid).is_err())
        .await;
    let gone = bench.call("GET", &path, "", json!({})).await.unwrap_err();
    assert_eq!((gone.code, gone.status), ("ResourceNotFoundException", 404));
}

#[tokio::test]
async fn mappings_poll_again_after_a_restart_and_lose_nothing() {
    for (steps, is_killed) in (0..40)
        .step_by(4)
        .flat_map(|steps| [(steps, false), (steps, true)])
    {
        let bench = Bench::new(false, 30);
        for index in 0..12 {
            bench.others.send(&format!("m{index:02}"), None);
        }
        bench.create(json!({})).await.unwrap();
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
        let bench = bench.restart(is_killed).await;
        if is_killed {
            bench.clock.advance(Duration::from_secs(30));
        }
        bench.until(|| bench.others.bodies().is_empty()).await;
        let ran = bench.others.ran.lock().clone().into_iter().flatten();
        let mut ran: Vec<_> = ran.collect();
        ran.sort();
        // Who was asked to end has given back what was not tried, and runs nothing twice.
        assert!(is_killed || ran.len() == 12, "{steps}: {ran:?}");
        ran.dedup();
        assert_eq!(ran.len(), 12, "{steps}");
    }
}

#[tokio::test]
async fn nothing_is_received_for_a_role_that_may_not() {
    let bench = Bench::new(false, 30);
    let made = bench.create(json!({"Enabled": false})).await.unwrap();
    let path = format!("{BASE}/{}", uuid(&made));
    bench
        .call("PUT", &path, "", json!({"Enabled": true}))
        .await
        .unwrap();
    *bench.others.may.lock() = false;
    bench.others.send("m", None);
    let problem = "PROBLEM: Function's role may not call ReceiveMessage on SQS";
    bench
        .until(|| bench.mappings.result(&uuid(&made)) == problem)
        .await;
    assert_eq!(
        (bench.others.bodies().len(), bench.others.ran.lock().len()),
        (1, 0)
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused_as_aws_refuses_it() {
    let bench = Bench::new(false, 30);
    bench.create(json!({"Enabled": false})).await.unwrap();
    let cases = [
        (
            json!({}),
            "ResourceConflictException",
            409,
            "An event source mapping with SQS arn (\" arn:aws:sqs:us-east-1:123456789012:q \") and function (\" notifier \") already exists.",
        ),
        (
            json!({"FunctionName": "x"}),
            "ResourceNotFoundException",
            404,
            "Function not found: arn:aws:lambda:us-east-1:123456789012:function:x",
        ),
        (
            json!({"FunctionName": "a b"}),
            "InvalidParameterValueException",
            400,
            "functionName",
        ),
        (
            json!({"EventSourceArn": null}),
            "InvalidParameterValueException",
            400,
            "required",
        ),
        (
            json!({"EventSourceArn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"}),
            "InvalidParameterValueException",
            400,
            "Unrecognized event source",
        ),
        (
            json!({"EventSourceArn": format!("{QUEUE}x")}),
            "InvalidParameterValueException",
            400,
            "AWS.SimpleQueueService.NonExistentQueue",
        ),
        (
            json!({"BatchSize": 10_001}),
            "ValidationException",
            400,
            "less than or equal to 10000",
        ),
        (
            json!({"BatchSize": 0}),
            "ValidationException",
            400,
            "greater than or equal to 1",
        ),
        (
            json!({"BatchSize": 11}),
            "InvalidParameterValueException",
            400,
            "Maximum batch window in seconds must be greater than 0",
        ),
        (
            json!({"MaximumBatchingWindowInSeconds": 301}),
            "ValidationException",
            400,
            "less than or equal to 300",
        ),
        (
            json!({"ScalingConfig": {"MaximumConcurrency": 1}}),
            "ValidationException",
            400,
            "greater than or equal to 2",
        ),
        (
            json!({"FunctionResponseTypes": ["x"]}),
            "InvalidParameterValueException",
            400,
            "ReportBatchItemFailures",
        ),
        (
            json!({"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}),
            "InvalidParameterValueException",
            400,
            "Invalid filter pattern definition.",
        ),
    ];
    for (more, code, status, text) in cases {
        let fault = bench.create(more.clone()).await.unwrap_err();
        assert_eq!(
            (fault.code, fault.status),
            (code, status),
            "{more}: {fault}"
        );
        assert!(fault.message.contains(text), "{more}: {fault}");
    }
    *bench.others.may.lock() = false;
    let fault = bench.create(json!({})).await.unwrap_err();
    assert_eq!(
        fault.message,
        "The provided execution role does not have permissions to call ReceiveMessage on SQS"
    );
}

#[tokio::test]
async fn a_queue_that_hides_for_less_than_the_function_takes_is_refused() {
    let bench = Bench::new(false, 29);
    let fault = bench.create(json!({})).await.unwrap_err();
    assert_eq!(
        fault.message,
        "Queue visibility timeout: 29 seconds is less than Function timeout: 30 seconds"
    );
    let bench = Bench::new(true, 30);
    let fault = bench
        .create(json!({"MaximumBatchingWindowInSeconds": 1}))
        .await
        .unwrap_err();
    assert!(fault.message.contains("FIFO"));
}
