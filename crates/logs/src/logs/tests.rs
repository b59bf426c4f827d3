//! What is kept, for how long, and how much of it.

use base::{ByteCount, Timestamp};
use serde_json::json;
use std::sync::Arc;

use super::Bounds;
use crate::keys::{DELETED, EVENTS, NAMES, STREAMS};
use crate::printed::Printed;
use crate::testing::{Bench, START};

/// Rows of a table.
fn rows(bench: &Bench, table: &'static str) -> usize {
    bench.logs.tables.view().prefix(table, b"").count()
}

const DAY: u64 = 86_400;

#[tokio::test]
async fn what_was_put_is_there_after_another_start() {
    let bench = Bench::new();
    bench.group("g", &["s"]).await;
    bench.put("g", "s", &["one", "two"]).await;
    let bytes = bench.logs.bytes();
    assert_eq!(bytes, 2 * (3 + 26));
    let bench = bench.reopened();
    assert_eq!(
        bench.found(json!({"logGroupName": "g"})).await,
        ["one", "two"]
    );
    assert_eq!(bench.logs.bytes(), bytes);
}

#[tokio::test]
async fn events_go_by_the_retention_of_their_group() {
    let bench = Bench::new();
    bench.group("g", &["old", "both", "empty"]).await;
    let days = json!({"logGroupName": "g", "retentionInDays": 3});
    bench.ok("PutRetentionPolicy", days).await;
    bench.put("g", "old", &["a"]).await;
    bench.put("g", "both", &["b"]).await;
    bench.pass(2 * DAY);
    bench.put("g", "both", &["c"]).await;
    bench.pass(DAY);
    // Three days old, and not older.
    assert_eq!(
        bench.found(json!({"logGroupName": "g"})).await,
        ["a", "b", "c"]
    );
    bench.pass(1);
    assert_eq!(bench.found(json!({"logGroupName": "g"})).await, ["c"]);
    assert_eq!(rows(&bench, EVENTS), 3);
    // Streams that are empty are found once their events have gone.
    bench.logs.tidy().await.unwrap();
    bench.logs.tidy().await.unwrap();
    assert_eq!(rows(&bench, EVENTS), 1);
    let streams = bench.logs.streams("g", "").unwrap();
    let names: Vec<_> = streams.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["both", "empty"]);
    assert_eq!(bench.logs.bytes(), 27);
    assert_eq!(bench.logs.group("g").unwrap().bytes, 27);
    // An event of the past is found, and goes, by its own time.
    let late = json!([{"timestamp": bench.now() - 1000 * DAY, "message": "late"}]);
    let input = json!({"logGroupName": "g", "logStreamName": "both", "logEvents": late});
    bench.ok("PutLogEvents", input).await;
    assert_eq!(
        bench.found(json!({"logGroupName": "g"})).await,
        ["c", "late"]
    );
    bench.pass(3 * DAY);
    bench.logs.tidy().await.unwrap();
    assert_eq!((rows(&bench, EVENTS), bench.logs.bytes()), (0, 0));
}

#[tokio::test]
async fn what_is_deleted_is_not_found_again_and_leaves_the_disk() {
    let bench = Bench::new();
    bench.group("g", &["s", "t"]).await;
    bench.put("g", "s", &["one", "two"]).await;
    bench.put("g", "t", &["other"]).await;
    let stream = json!({"logGroupName": "g", "logStreamName": "s"});
    bench.ok("DeleteLogStream", stream.clone()).await;
    assert_eq!(bench.found(json!({"logGroupName": "g"})).await, ["other"]);
    // One of the same name does not see what the last one had.
    bench.ok("CreateLogStream", stream.clone()).await;
    assert_eq!(bench.ok("GetLogEvents", stream).await["events"], json!([]));
    assert_eq!((rows(&bench, EVENTS), rows(&bench, DELETED)), (3, 1));
    bench.logs.tidy().await.unwrap();
    assert_eq!((rows(&bench, EVENTS), rows(&bench, DELETED)), (1, 0));
    let group = json!({"logGroupName": "g"});
    bench.ok("DeleteLogGroup", group.clone()).await;
    bench.ok("CreateLogGroup", group.clone()).await;
    assert!(bench.found(group).await.is_empty());
    assert_eq!(
        (
            bench.logs.bytes(),
            rows(&bench, STREAMS),
            rows(&bench, NAMES)
        ),
        (0, 0, 0)
    );
    bench.logs.tidy().await.unwrap();
    assert_eq!((rows(&bench, EVENTS), rows(&bench, DELETED)), (0, 0));
}

#[tokio::test]
async fn more_events_at_one_moment_than_one_change_takes_are_erased_too() {
    let bench = Bench::new();
    bench.group("g", &["s", "t"]).await;
    for stream in ["t", "s", "t"] {
        let event = json!({"timestamp": START, "message": "x"});
        let input =
            json!({"logGroupName": "g", "logStreamName": stream, "logEvents": vec![event; 6_000]});
        bench.ok("PutLogEvents", input).await;
    }
    let stream = json!({"logGroupName": "g", "logStreamName": "s"});
    bench.ok("DeleteLogStream", stream).await;
    bench.logs.tidy().await.unwrap();
    assert_eq!((rows(&bench, EVENTS), rows(&bench, DELETED)), (12_000, 0));
}

#[tokio::test]
async fn a_group_that_is_full_loses_its_oldest() {
    let bench = Bench::with(Bounds {
        group: ByteCount::new(300),
        ..Bounds::default()
    });
    bench.group("g", &["s", "t"]).await;
    // 30 bytes each.
    for number in 0..20 {
        let stream = if number % 2 == 0 { "s" } else { "t" };
        bench.put("g", stream, &[&format!("n{number:03}")]).await;
        bench.pass(1);
    }
    let found = bench.found(json!({"logGroupName": "g"})).await;
    assert_eq!((found.len(), found.first().unwrap().as_str()), (10, "n010"));
    assert_eq!(bench.logs.bytes(), 300);
    let of_streams: u64 = bench
        .logs
        .streams("g", "")
        .unwrap()
        .iter()
        .map(|(_, it)| it.bytes)
        .sum();
    assert_eq!(of_streams, 300);
}

#[tokio::test]
async fn an_event_of_the_past_goes_first_even_if_it_came_when_the_group_was_full() {
    let bench = Bench::with(Bounds {
        group: ByteCount::new(90),
        ..Bounds::default()
    });
    bench.group("g", &["s"]).await;
    // 30 bytes each.
    bench.put("g", "s", &["new1", "new2", "new3"]).await;
    let late = json!([{"timestamp": START - 60_000, "message": "late"}]);
    let input = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": late});
    bench.ok("PutLogEvents", input).await;
    let all = json!({"logGroupName": "g"});
    assert_eq!(bench.found(all.clone()).await, ["late", "new2", "new3"]);
    bench.pass(1);
    bench.put("g", "s", &["new4"]).await;
    assert_eq!(bench.found(all.clone()).await, ["new2", "new3", "new4"]);
    // One put with more than there is room for stays until the next.
    bench.pass(1);
    bench.put("g", "s", &["big1", "big2", "big3", "big4"]).await;
    assert_eq!(bench.found(all.clone()).await.len(), 4);
    bench.pass(1);
    bench.put("g", "s", &["new5"]).await;
    assert_eq!(bench.found(all).await, ["big3", "big4", "new5"]);
}

#[tokio::test]
async fn where_all_is_full_a_group_keeps_what_it_has_and_the_least() {
    let bench = Bench::with(Bounds {
        group: ByteCount::new(900),
        all: ByteCount::new(600),
        least: ByteCount::new(90),
        ..Bounds::default()
    });
    for group in ["a", "b"] {
        bench.group(group, &["s"]).await;
        for number in 0..30 {
            bench.put(group, "s", &[&format!("n{number:03}")]).await;
            bench.pass(1);
        }
    }
    assert_eq!(bench.logs.group("a").unwrap().bytes, 600);
    assert_eq!(bench.logs.group("b").unwrap().bytes, 90);
}

#[tokio::test]
async fn there_are_so_many_groups_and_streams() {
    let bench = Bench::with(Bounds {
        groups: 2,
        streams: 2,
        ..Bounds::default()
    });
    bench.group("a", &["s", "t"]).await;
    bench.group("b", &[]).await;
    let input = json!({"logGroupName": "c"});
    let (code, text) = bench.fault("CreateLogGroup", input).await;
    assert_eq!(
        (code.as_str(), text.as_str()),
        ("LimitExceededException", "Resource limit exceeded.")
    );
    let input = json!({"logGroupName": "a", "logStreamName": "u"});
    assert_eq!(
        bench.fault("CreateLogStream", input).await.0,
        "LimitExceededException"
    );
}

#[tokio::test]
async fn printed_lines_make_their_group_and_stream() {
    let bench = Bench::with(Bounds {
        streams: 2,
        ..Bounds::default()
    });
    let printed = Printed::into(Arc::clone(&bench.logs)).unwrap();
    let at = Timestamp::from_millis(START);
    for (stream, line) in [("1", "a"), ("2", "b"), ("2", ""), ("3", "c")] {
        printed.line("/aws/lambda/f", stream, at, line);
    }
    tokio::task::spawn_blocking(move || {
        printed.close();
        printed.line("/aws/lambda/f", "1", at, "too late");
        assert_eq!(printed.lost(), 1);
    })
    .await
    .unwrap();
    let streams = bench.logs.streams("/aws/lambda/f", "").unwrap();
    // One that is new takes the place of the one made longest ago, as far as that was there before.
    assert!(streams.iter().any(|(name, _)| name == "3"), "{streams:?}");
    let found = bench.found(json!({"logGroupName": "/aws/lambda/f"})).await;
    assert!(
        found.ends_with(&["c\n".to_owned()]) && found.contains(&"\n".to_owned()),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_stream_says_how_many_lines_found_no_room() {
    let bench = Bench::new();
    let printed = Printed::bounded(Arc::clone(&bench.logs), 1).unwrap();
    let (go_on, held) = std::sync::mpsc::channel::<()>();
    let (begun, is_held) = std::sync::mpsc::channel();
    let logs = Arc::clone(&bench.logs);
    // Nothing is put while this change is under way, and so what was taken first waits.
    let holding = std::thread::spawn(move || {
        logs.change_blocking(move |_, _| {
            begun.send(()).unwrap();
            let _ = held.recv();
            Ok(())
        })
    });
    is_held.recv().unwrap();
    let at = Timestamp::from_millis(START);
    for line in ["first", "second", "third"] {
        printed.line("g", "s", at, line);
    }
    drop(go_on);
    holding.join().unwrap().unwrap();
    tokio::task::spawn_blocking(move || {
        printed.close();
        assert_eq!(printed.lost(), 2);
    })
    .await
    .unwrap();
    let expected = "2 lines were left out here: more was printed than could be kept\n";
    let found = bench.found(json!({"logGroupName": "g"})).await;
    assert_eq!(found, ["first\n", expected]);
}

#[tokio::test]
async fn printed_lines_take_the_place_of_the_oldest_stream() {
    let bench = Bench::with(Bounds {
        streams: 2,
        ..Bounds::default()
    });
    bench.group("g", &["1", "2"]).await;
    bench.put("g", "1", &["a"]).await;
    let printed = Printed::into(Arc::clone(&bench.logs)).unwrap();
    printed.line("g", "3", Timestamp::from_millis(START), "c");
    tokio::task::spawn_blocking(move || printed.close())
        .await
        .unwrap();
    let streams = bench.logs.streams("g", "").unwrap();
    let names: Vec<_> = streams.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["2", "3"]);
    assert_eq!(bench.found(json!({"logGroupName": "g"})).await, ["c\n"]);
}
