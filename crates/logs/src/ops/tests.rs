//! The operations, by JSON as clients write it. Texts of errors are those that moto's tests expect of AWS.

use serde_json::json;

use crate::testing::{Bench, START, messages};

#[tokio::test]
async fn a_group_is_made_shown_changed_and_taken_away() {
    let bench = Bench::new();
    let input = json!({"logGroupName": "/aws/lambda/f", "tags": {"team": "ads"}});
    bench.ok("CreateLogGroup", input.clone()).await;
    let (code, text) = bench.fault("CreateLogGroup", input).await;
    assert_eq!(code, "ResourceAlreadyExistsException");
    assert_eq!(text, "The specified log group already exists");
    let group = json!({"logGroupName": "/aws/lambda/f"});
    let days = json!({"logGroupName": "/aws/lambda/f", "retentionInDays": 30});
    bench.ok("PutRetentionPolicy", days).await;
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f";
    let shown = bench.ok("DescribeLogGroups", json!({})).await;
    let expected = json!({
        "logGroupName": "/aws/lambda/f", "creationTime": START, "retentionInDays": 30, "metricFilterCount": 0,
        "arn": format!("{arn}:*"), "logGroupArn": arn, "storedBytes": 0, "logGroupClass": "STANDARD",
    });
    assert_eq!(shown, json!({"logGroups": [expected]}));
    bench.ok("DeleteRetentionPolicy", group.clone()).await;
    let shown = bench.ok("DescribeLogGroups", json!({})).await;
    assert_eq!(shown["logGroups"][0].get("retentionInDays"), None);
    bench.ok("DeleteLogGroup", group.clone()).await;
    let (code, text) = bench.fault("DeleteLogGroup", group).await;
    assert_eq!(code, "ResourceNotFoundException");
    assert_eq!(text, "The specified log group does not exist.");
}

#[tokio::test]
async fn tags_are_changed_by_either_way() {
    let bench = Bench::new();
    bench.group("g", &[]).await;
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    let tags = json!({"resourceArn": arn, "tags": {"a": "1", "b": "2"}});
    bench.ok("TagResource", tags).await;
    let older = json!({"logGroupName": "g", "tags": {"c": "3"}});
    bench.ok("TagLogGroup", older).await;
    let gone = json!({"resourceArn": format!("{arn}:*"), "tagKeys": ["a"]});
    bench.ok("UntagResource", gone).await;
    let gone = json!({"logGroupName": "g", "tags": ["c"]});
    bench.ok("UntagLogGroup", gone).await;
    let listed = bench
        .ok("ListTagsForResource", json!({"resourceArn": arn}))
        .await;
    assert_eq!(listed, json!({"tags": {"b": "2"}}));
    let older = json!({"logGroupName": "g"});
    assert_eq!(bench.ok("ListTagsLogGroup", older).await, listed);
    let many: serde_json::Map<_, _> = (0..50).map(|key| (format!("k{key}"), json!(""))).collect();
    let input = json!({"resourceArn": arn, "tags": many});
    assert_eq!(
        bench.fault("TagResource", input).await.0,
        "TooManyTagsException"
    );
    let wrong = json!({"resourceArn": "arn:aws:sqs:us-east-1:123456789012:g"});
    let (code, _) = bench.fault("ListTagsForResource", wrong).await;
    assert_eq!(code, "InvalidParameterException");
}

#[tokio::test]
async fn what_must_not_be_is_refused_with_its_reason() {
    let bench = Bench::new();
    bench.group("g", &["s"]).await;
    let long = "x".repeat(513);
    let invalid = |value: &str, member: &str, must: &str| {
        format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {must}"
        )
    };
    for (operation, input, expected) in [
        (
            "CreateLogGroup",
            json!({"logGroupName": long}),
            invalid(
                &long,
                "logGroupName",
                "have length less than or equal to 512",
            ),
        ),
        (
            "CreateLogGroup",
            json!({"logGroupName": "a b"}),
            invalid(
                "a b",
                "logGroupName",
                r"satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+",
            ),
        ),
        (
            "CreateLogStream",
            json!({"logGroupName": "g", "logStreamName": "a:b"}),
            invalid(
                "a:b",
                "logStreamName",
                "satisfy regular expression pattern: [^:*]*",
            ),
        ),
        (
            "DescribeLogGroups",
            json!({"limit": 51}),
            invalid("51", "limit", "have value less than or equal to 50"),
        ),
        (
            "DescribeLogStreams",
            json!({"logGroupName": "g", "limit": 0}),
            invalid("0", "limit", "have value greater than or equal to 1"),
        ),
        (
            "DescribeLogStreams",
            json!({"logGroupName": "g", "orderBy": "sth"}),
            invalid(
                "sth",
                "orderBy",
                "satisfy enum value set: [LogStreamName, LastEventTime]",
            ),
        ),
        (
            "DescribeLogStreams",
            json!({"logGroupName": "g", "orderBy": "LastEventTime", "logStreamNamePrefix": "s"}),
            "Cannot order by LastEventTime with a logStreamNamePrefix.".to_owned(),
        ),
        (
            "FilterLogEvents",
            json!({"logGroupName": "g", "limit": 10_001}),
            invalid("10001", "limit", "have value less than or equal to 10000"),
        ),
        (
            "GetLogEvents",
            json!({"logGroupName": "g", "logStreamName": "s", "nextToken": "not-existing"}),
            "The specified nextToken is invalid.".to_owned(),
        ),
        (
            "PutLogEvents",
            json!({"logGroupName": "g", "logStreamName": "s", "logEvents": [
                {"timestamp": START, "message": "b"}, {"timestamp": START - 1, "message": "a"}]}),
            "Log events in a single PutLogEvents request must be in chronological order."
                .to_owned(),
        ),
        (
            "CreateLogGroup",
            json!({"logGroupName": "p", "deletionProtectionEnabled": true}),
            "deletionProtectionEnabled is not supported here.".to_owned(),
        ),
    ] {
        let (code, text) = bench.fault(operation, input).await;
        assert_eq!(
            (code.as_str(), text),
            ("InvalidParameterException", expected),
            "{operation}"
        );
    }
    let input = json!({"logGroupName": "g", "retentionInDays": 2});
    let (_, text) = bench.fault("PutRetentionPolicy", input).await;
    assert!(
        text.contains("Value '2' at 'retentionInDays'") && text.contains("[1, 3, 5, 7, 14,"),
        "{text}"
    );
    for (operation, input) in [
        (
            "PutLogEvents",
            json!({"logGroupName": "g", "logStreamName": "none", "logEvents": [{"timestamp": START, "message": "a"}]}),
        ),
        (
            "GetLogEvents",
            json!({"logGroupName": "g", "logStreamName": "none"}),
        ),
        (
            "FilterLogEvents",
            json!({"logGroupName": "g", "logStreamNames": ["none"]}),
        ),
        (
            "DeleteLogStream",
            json!({"logGroupName": "g", "logStreamName": "none"}),
        ),
    ] {
        let (code, text) = bench.fault(operation, input).await;
        assert_eq!(code, "ResourceNotFoundException", "{operation}");
        assert_eq!(
            text, "The specified log stream does not exist.",
            "{operation}"
        );
    }
}

#[tokio::test]
async fn a_batch_has_so_many_events_and_bytes() {
    let bench = Bench::new();
    bench.group("g", &["s"]).await;
    let put = |count: usize, message: &str| {
        let event = json!({"timestamp": START, "message": message});
        json!({"logGroupName": "g", "logStreamName": "s", "logEvents": vec![event; count]})
    };
    bench.ok("PutLogEvents", put(10_000, "x")).await;
    bench.fault("PutLogEvents", put(10_001, "x")).await;
    bench.fault("PutLogEvents", put(0, "x")).await;
    bench.fault("PutLogEvents", put(1, "")).await;
    // 26 bytes count with each.
    let half = "x".repeat(524_288 - 26);
    bench.ok("PutLogEvents", put(2, &half)).await;
    let (_, text) = bench
        .fault("PutLogEvents", put(2, &format!("{half}x")))
        .await;
    assert_eq!(
        text,
        "Upload too large: 1048578 bytes exceeds limit of 1048576"
    );
}

#[tokio::test]
async fn streams_are_shown_by_name_and_by_their_last_event() {
    let bench = Bench::new();
    bench.group("g", &["a", "b", "c"]).await;
    bench.put("g", "b", &["first"]).await;
    bench.pass(1);
    bench.put("g", "a", &["second", "third"]).await;
    let by = async |input: serde_json::Value| {
        let mut input = input;
        input["logGroupName"] = json!("g");
        input["limit"] = json!(2);
        let (mut names, mut pages) = (Vec::new(), 0);
        loop {
            let page = bench.ok("DescribeLogStreams", input.clone()).await;
            let streams = page["logStreams"].as_array().unwrap().iter();
            names.extend(streams.map(|it| it["logStreamName"].as_str().unwrap().to_owned()));
            pages += 1;
            match page.get("nextToken") {
                Some(token) => input["nextToken"] = token.clone(),
                None => return (names.join(" "), pages),
            }
        }
    };
    assert_eq!(by(json!({})).await, ("a b c".to_owned(), 2));
    assert_eq!(by(json!({"descending": true})).await.0, "c b a");
    let last = json!({"orderBy": "LastEventTime", "descending": true});
    assert_eq!(by(last).await.0, "a b c");
    assert_eq!(
        by(json!({"logStreamNamePrefix": "b"})).await,
        ("b".to_owned(), 1)
    );
    let shown = bench
        .ok(
            "DescribeLogStreams",
            json!({"logGroupIdentifier": "arn:aws:logs:us-east-1:123456789012:log-group:g:*"}),
        )
        .await;
    let expected = json!({
        "logStreamName": "a", "creationTime": START, "firstEventTimestamp": START + 1000, "lastEventTimestamp": START + 1001,
        "lastIngestionTime": START + 1000, "storedBytes": 0,
        "arn": "arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:a",
    });
    assert_eq!(shown["logStreams"][0], expected);
    assert_eq!(shown["logStreams"][2].get("lastEventTimestamp"), None);
}

#[tokio::test]
async fn groups_are_shown_in_pages() {
    let bench = Bench::new();
    for name in ["/a/1", "/a/2", "/a/3", "/b/1"] {
        bench.group(name, &[]).await;
    }
    let names = |page: &serde_json::Value| {
        let groups = page["logGroups"].as_array().unwrap().iter();
        let name = |it: &serde_json::Value| it["logGroupName"].as_str().unwrap().to_owned();
        groups.map(name).collect::<Vec<_>>().join(" ")
    };
    let mut input = json!({"logGroupNamePrefix": "/a/", "limit": 2});
    let page = bench.ok("DescribeLogGroups", input.clone()).await;
    assert_eq!(names(&page), "/a/1 /a/2");
    input["nextToken"] = page["nextToken"].clone();
    let page = bench.ok("DescribeLogGroups", input).await;
    assert_eq!(
        (names(&page).as_str(), page.get("nextToken")),
        ("/a/3", None)
    );
    for (input, expected) in [
        (json!({"logGroupNamePattern": "/1"}), "/a/1 /b/1"),
        (json!({"logGroupIdentifiers": ["/b/1"]}), "/b/1"),
        (json!({"logGroupClass": "INFREQUENT_ACCESS"}), ""),
    ] {
        let page = bench.ok("DescribeLogGroups", input).await;
        assert_eq!(names(&page), expected);
    }
}

#[tokio::test]
async fn a_stream_is_read_from_either_end_and_followed() {
    let bench = Bench::new();
    bench.group("g", &["s", "other"]).await;
    bench.put("g", "other", &["not", "of", "it"]).await;
    bench.put("g", "s", &["1", "2", "3", "4", "5"]).await;
    let ask = async |more: serde_json::Value| {
        let mut input = json!({"logGroupName": "g", "logStreamName": "s", "limit": 2});
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let page = bench.ok("GetLogEvents", input).await;
        (messages(&page).join(""), page)
    };
    let (last, page) = ask(json!({})).await;
    assert_eq!(last, "45");
    let forward = page["nextForwardToken"].clone();
    let (before, page) = ask(json!({"nextToken": page["nextBackwardToken"]})).await;
    assert_eq!(before, "23");
    let (before, page) = ask(json!({"nextToken": page["nextBackwardToken"]})).await;
    assert_eq!(before, "1");
    let end = page["nextBackwardToken"].clone();
    let (nothing, page) = ask(json!({"nextToken": end})).await;
    assert_eq!((nothing.as_str(), &page["nextBackwardToken"]), ("", &end));
    // From there the other way.
    let (first, _) = ask(json!({"nextToken": page["nextForwardToken"]})).await;
    assert_eq!(first, "12");
    let (head, page) = ask(json!({"startFromHead": true})).await;
    assert_eq!(head, "12");
    let (next, _) = ask(json!({"nextToken": page["nextForwardToken"]})).await;
    assert_eq!(next, "34");
    // What comes later is behind the end.
    let (nothing, page) = ask(json!({"nextToken": forward})).await;
    assert_eq!(
        (nothing.as_str(), &page["nextForwardToken"]),
        ("", &forward)
    );
    bench.pass(1);
    bench.put("g", "s", &["6"]).await;
    let (new, page) = ask(json!({"nextToken": forward})).await;
    assert_eq!(new, "6");
    let (before, _) = ask(json!({"nextToken": page["nextBackwardToken"]})).await;
    assert_eq!(before, "45");
    let times = json!({"startTime": START + 1, "endTime": START + 3, "limit": 10});
    assert_eq!(ask(times).await.0, "23");
}

#[tokio::test]
async fn all_streams_are_searched_at_once() {
    let bench = Bench::new();
    bench.group("g", &["a/1", "a/2", "b"]).await;
    bench.put("g", "a/1", &["ERROR one", "fine"]).await;
    bench.put("g", "b", &["ERROR two"]).await;
    bench.pass(60);
    bench.put("g", "a/2", &["ERROR three"]).await;
    let search = |more: serde_json::Value| {
        let mut input = json!({"logGroupName": "g", "limit": 1});
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        bench.found(input)
    };
    assert_eq!(search(json!({})).await.len(), 4);
    let all = ["ERROR one", "ERROR two", "ERROR three"];
    assert_eq!(search(json!({"filterPattern": "ERROR"})).await, all);
    let latest = json!({"filterPattern": "ERROR", "startFromHead": false});
    assert_eq!(
        search(latest).await,
        ["ERROR three", "ERROR two", "ERROR one"]
    );
    let prefix = json!({"logStreamNamePrefix": "a/"});
    assert_eq!(search(prefix).await, ["ERROR one", "fine", "ERROR three"]);
    assert_eq!(
        search(json!({"logStreamNames": ["b"]})).await,
        ["ERROR two"]
    );
    assert_eq!(
        search(json!({"startTime": START + 1})).await,
        ["fine", "ERROR three"]
    );
    assert_eq!(
        search(json!({"endTime": START})).await,
        ["ERROR one", "ERROR two"]
    );
    let page = bench
        .ok("FilterLogEvents", json!({"logGroupName": "g"}))
        .await;
    let event = page["events"][0].as_object().unwrap();
    assert_eq!(event["logStreamName"], "a/1");
    assert_eq!(
        (&event["timestamp"], &event["ingestionTime"]),
        (&json!(START), &json!(START))
    );
    let ids: Vec<_> = page["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["eventId"].to_string())
        .collect();
    assert!(
        ids.is_sorted() && ids.iter().all(|id| id.len() == 58),
        "{ids:?}"
    );
    assert_eq!(page["searchedLogStreams"], json!([]));
}

#[test]
fn policies_name_groups_as_they_do_on_aws() {
    let bench = Bench::new();
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    for (operation, input, expected) in [
        (
            "CreateLogGroup",
            json!({"logGroupName": "g"}),
            vec![format!("logs:CreateLogGroup {arn}:log-stream:")],
        ),
        (
            "CreateLogGroup",
            json!({"logGroupName": "g", "tags": {"a": "b"}}),
            vec![
                format!("logs:CreateLogGroup {arn}:log-stream:"),
                format!("logs:TagResource {arn}"),
            ],
        ),
        (
            "PutLogEvents",
            json!({"logGroupName": "g", "logStreamName": "s", "logEvents": []}),
            vec![format!("logs:PutLogEvents {arn}:log-stream:s")],
        ),
        (
            "FilterLogEvents",
            json!({"logGroupIdentifier": arn}),
            vec![format!("logs:FilterLogEvents {arn}:log-stream:")],
        ),
        (
            "ListTagsForResource",
            json!({"resourceArn": arn}),
            vec![format!("logs:ListTagsForResource {arn}")],
        ),
        (
            "DescribeLogGroups",
            json!({}),
            vec![
                "logs:DescribeLogGroups arn:aws:logs:us-east-1:123456789012:log-group::log-stream:"
                    .to_owned(),
            ],
        ),
    ] {
        assert_eq!(bench.touches(operation, &input), expected);
    }
}
