use std::sync::Arc;
use std::time::Duration;

use base::{Clock, ManualClock, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use store::tables::Tables;

use super::kept::{More, Tags};
use super::*;
use crate::ops::Place;

fn messages(body: &Value) -> Vec<(String, String)> {
    match Body::read(&body.to_string()) {
        Ok((_, warnings)) => pairs(warnings),
        Err(Refused::Invalid(errors)) => pairs(errors),
        Err(other) => panic!("{other}"),
    }
}

fn pairs(messages: Vec<Message>) -> Vec<(String, String)> {
    messages.into_iter().map(|it| (it.path, it.text)).collect()
}

fn metric(properties: &Value) -> Value {
    json!({"widgets": [{"type": "metric", "properties": properties}]})
}

const NO_SOURCE: &str =
    "The metric widget should have specified a region and a data source or an alarm annotation";
const ROW: &str = "Field \"metrics\" has to be an array of array of strings, with an optional metricRenderer object as last element";

// The first four answers were recorded from AWS by others, in aws-samples/aws-eda-slurm-cluster#116 and aws/aws-cdk#20024
// among others; the rest are ajv 5's sentences.
#[test]
fn what_is_wrong_is_said_in_awss_sentences() {
    let right = json!([["N", "M"]]);
    for (body, path, texts) in [
        (
            metric(&json!({})),
            "/widgets/0/properties",
            vec![
                "Should have required property 'metrics'",
                NO_SOURCE,
                "Should have required property 'annotations'",
            ],
        ),
        (
            metric(&json!({"metrics": "x", "region": "r"})),
            "/widgets/0/properties/metrics",
            vec!["Should be array"],
        ),
        (
            metric(&json!({"metrics": [["N", "M", {"color": "red"}]], "region": "r"})),
            "/widgets/0/properties/metrics/0",
            vec![ROW],
        ),
        (
            json!({"widgets": [{"type": "alarm", "properties": {"alarms": []}}]}),
            "/widgets/0/properties/alarms",
            vec!["Should NOT have less than 1 items"],
        ),
        (
            metric(&json!({"metrics": right})),
            "/widgets/0/properties",
            vec![NO_SOURCE],
        ),
        (
            json!({}),
            "",
            vec!["Should have required property 'widgets'"],
        ),
        (
            json!({"widgets": [{"type": "picture", "properties": {}}]}),
            "/widgets/0/type",
            vec!["Should be equal to one of the allowed values"],
        ),
        (
            json!({"widgets": [{"type": "text", "width": 25, "properties": {"markdown": ""}}]}),
            "/widgets/0/width",
            vec!["Should be <= 24"],
        ),
        (
            json!({"widgets": [{"type": "text", "x": -1, "properties": {"markdown": ""}}]}),
            "/widgets/0/x",
            vec!["Should be >= 0"],
        ),
        (
            json!({"widgets": [{"type": "text", "properties": {"markdown": 1}}]}),
            "/widgets/0/properties/markdown",
            vec!["Should be string"],
        ),
        (
            metric(
                &json!({"metrics": right, "region": "r", "view": "gauge", "yAxis": {"left": {"min": 0}}}),
            ),
            "/widgets/0/properties/yAxis/left",
            vec!["Should have required property 'max'"],
        ),
        (
            json!({"widgets": [], "end": "P0D"}),
            "",
            vec!["Should have required property 'start'"],
        ),
        (
            json!({"widgets": [], "periodOverride": "none"}),
            "/periodOverride",
            vec!["Should be equal to one of the allowed values"],
        ),
        // Warnings: the dashboard is kept.
        (
            json!({"widgets": [], "colour/s": 1}),
            "/colour~1s",
            vec!["Should NOT have additional properties"],
        ),
    ] {
        let expected: Vec<_> = texts
            .into_iter()
            .map(|text| (path.to_owned(), text.to_owned()))
            .collect();
        assert_eq!(messages(&body), expected, "{body}");
    }
}

#[test]
fn what_is_right_has_no_messages() {
    for body in [
        json!({"widgets": []}),
        json!({"start": "-PT6H", "end": "2026-11-23T00:00:00.000Z", "periodOverride": "inherit", "widgets": [
            {"type": "metric", "x": 0, "y": 0, "width": 24, "height": 1000, "properties": {
                "metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", "i-1", {"id": "m1", "stat": "p99.9", "color": "#d62728",
                    "yAxis": "right", "visible": false}], ["...", "i-2"], [{"expression": "m1*2", "id": "e1"}]],
                "annotations": {
                    "horizontal": [{"value": 80, "label": "高い", "fill": "above"}, [{"value": 1}, {"value": 2, "label": "b"}]],
                    "vertical": [{"value": "2026-11-23T00:00:00.000Z", "label": "deploy", "fill": "after"}]},
                "view": "table", "stacked": true, "stat": "Sum", "period": 300, "region": "ap-northeast-1",
                "yAxis": {"left": {"min": 0, "max": 100, "label": "%", "showUnits": false}},
                "legend": {"position": "right"}, "liveData": true, "setPeriodToTimeRange": true, "sparkline": true,
                "singleValueFullPrecision": true, "timezone": "+0900", "start": "-P1D", "end": "P0D",
                "table": {"layout": "vertical", "showTimeSeriesData": false, "stickySummary": true, "summaryColumns": ["MIN", "AVG"]}}},
            {"type": "metric", "properties": {"annotations": {"alarms": ["arn:aws:cloudwatch:r:1:alarm:a"]}}},
            {"type": "text", "properties": {"markdown": "# a", "background": "transparent"}},
            {"type": "log", "properties": {"query": "SOURCE 'a'", "region": "r"}},
            {"type": "alarm", "properties": {"alarms": ["a"], "sortBy": "stateUpdatedTimestamp", "states": ["ALARM"]}},
            {"type": "explorer", "properties": {"metrics": [], "labels": []}},
            {"type": "custom", "properties": {"endpoint": "arn", "updateOn": {"refresh": true}}},
            {"type": "chart", "properties": {"data": {"queries": []}}}],
            "variables": [{"type": "property", "property": "region", "inputType": "select", "id": "r", "label": "R",
                "defaultValue": "ap-northeast-1", "visible": true, "values": [{"value": "a", "label": "A"}]}]}),
    ] {
        assert_eq!(messages(&body), [], "{body}");
    }
}

#[test]
fn limits_hold() {
    let text = json!({"type": "text", "properties": {"markdown": ""}});
    let body = |count: usize| json!({"widgets": vec![text.clone(); count]});
    assert_eq!(messages(&body(500)), []);
    let more = |count| format!("Should NOT have more than {count}");
    assert_eq!(
        messages(&body(501)),
        [("/widgets".to_owned(), more("500 items"))]
    );
    let graph = |count: usize| json!({"type": "metric", "properties": {"region": "r", "metrics": vec![json!(["N", "M"]); count]}});
    let path = "/widgets/0/properties/metrics".to_owned();
    assert_eq!(
        messages(&json!({"widgets": [graph(501)]})),
        [(path, more("500 items"))]
    );
    let widgets = vec![graph(500); 6];
    assert_eq!(
        messages(&json!({"widgets": widgets})),
        [("/widgets".to_owned(), more("2500 metrics"))]
    );
    let long = format!("{{\"widgets\": []{}}}", " ".repeat(body::BODY_BYTES_MAX));
    assert!(matches!(Body::read(&long), Err(Refused::TooLong { .. })));
    for text in ["", "[]", "x", "null", "{"] {
        assert_eq!(Body::read(text), Err(Refused::NotObject), "{text}");
    }
}

#[test]
fn changes_are_told_by_widget() {
    let graph = |title: &str, width: u32, id: &str| {
        json!({"type": "metric", "x": 0, "y": 0, "width": width, "height": 6,
        "properties": {"title": title, "region": "r", "metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", id]]}})
    };
    let text = |markdown: &str| json!({"type": "text", "x": 0, "y": 6, "properties": {"markdown": markdown}});
    let old = Body::of(
        &json!({"start": "-PT3H", "widgets": [graph("a", 6, "i-1"), graph("b", 6, "i-2"), text("x")]}),
    );
    let new = Body::of(
        &json!({"start": "-PT6H", "widgets": [graph("a", 12, "i-3"), graph("B", 6, "i-2"), graph("c", 6, "i-4"), text("y")]}),
    );
    let shown: Vec<_> = diff(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "~ dashboard: start -PT3H -> -PT6H",
            "~ metric `a`: size 6x6 -> 12x6; + AWS/EC2/CPUUtilization{InstanceId=i-3}; - AWS/EC2/CPUUtilization{InstanceId=i-1}",
            "~ metric `b`: title `b` -> `B`",
            "+ metric `c`",
            "~ text at 0,6: its text or properties",
        ]
    );
    assert_eq!(diff(&new, &new), []);
    let gone: Vec<_> = diff(&new, &Body::default())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(gone.len(), 5);
    assert_eq!(gone.last().unwrap(), "- text at 0,6");
}

struct Bench {
    dashboards: Dashboards,
    clock: Arc<ManualClock>,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let dashboards = open(&dir, &clock);
        Self {
            dashboards,
            clock,
            dir,
        }
    }

    async fn put(&self, name: &str) {
        let body = "{ \"widgets\": [] }".to_owned();
        self.dashboards.put(name, body, Tags::new()).await.unwrap();
    }

    fn names(&self, prefix: &str, after: Option<&str>) -> Vec<String> {
        let (listed, _) = self.dashboards.list(prefix, after).unwrap();
        listed.into_iter().map(|it| it.name).collect()
    }
}

fn open(dir: &tempfile::TempDir, clock: &Arc<ManualClock>) -> Dashboards {
    let tables = Arc::new(Tables::open(dir.path(), TABLES).unwrap());
    let place = Place {
        region: "ap-northeast-1".parse().unwrap(),
        account: "123456789012".parse().unwrap(),
    };
    Dashboards::open(tables, place, Arc::clone(clock) as Arc<dyn Clock>)
}

#[tokio::test]
async fn a_body_is_kept_as_it_was_written() {
    let bench = Bench::new();
    let body = "{\n  \"widgets\" : [ ] ,\t\"start\": \"-PT3H\", \"x\": \"\\u3042あ\" }".to_owned();
    let tags: Tags = [("team".to_owned(), "a".to_owned())].into();
    let warnings = bench
        .dashboards
        .put("web", body.clone(), tags.clone())
        .await
        .unwrap();
    assert_eq!(warnings.len(), 1);
    bench.clock.advance(Duration::from_secs(60));
    bench
        .dashboards
        .put("web", body.clone(), Tags::new())
        .await
        .unwrap();
    let Bench {
        dashboards,
        clock,
        dir,
    } = bench;
    drop(dashboards);
    let dashboards = open(&dir, &clock);
    let kept = dashboards.get("web").unwrap();
    assert_eq!(
        (kept.body.as_str(), kept.modified()),
        (body.as_str(), clock.now())
    );
    assert_eq!(dashboards.tags("web").unwrap(), tags);
    dashboards
        .change_tags("web", |tags| tags.clear())
        .await
        .unwrap();
    assert_eq!(dashboards.tags("web").unwrap(), Tags::new());
    let refused = dashboards.change_tags("none", |_| ()).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
}

#[test]
fn tags_are_changed_from_a_thread_that_may_block() {
    let bench = Bench::new();
    let missing = bench.dashboards.change_tags_blocking("a", |_| ());
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(bench.put("a"));
    let add = |tags: &mut Tags| drop(tags.insert("k".to_owned(), "v".to_owned()));
    bench.dashboards.change_tags_blocking("a", add).unwrap();
    assert_eq!(bench.dashboards.tags("a").unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_has_a_prefix_and_goes_on() {
    let bench = Bench::new();
    for name in ["web-2", "api", "web-1", "web", "x"] {
        bench.put(name).await;
    }
    assert_eq!(bench.names("", None), ["api", "web", "web-1", "web-2", "x"]);
    assert_eq!(bench.names("web-", None), ["web-1", "web-2"]);
    assert_eq!(bench.names("web", Some("web-1")), ["web-2"]);
    assert_eq!(bench.names("web", Some("a")), ["web", "web-1", "web-2"]);
    let (listed, more) = bench.dashboards.list("x", None).unwrap();
    assert_eq!((listed.first().unwrap().bytes, more), (17, More::No));
}

#[tokio::test]
async fn a_deletion_is_of_all_or_of_none() {
    let bench = Bench::new();
    bench.put("a").await;
    bench.put("b").await;
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let refused = bench.dashboards.delete(names(&["a", "none", "b"])).await;
    assert!(matches!(refused, Err(Error::NotFound { name }) if name == "none"));
    assert_eq!(bench.names("", None), ["a", "b"]);
    bench.dashboards.delete(names(&["a", "b"])).await.unwrap();
    assert_eq!(bench.names("", None), Vec::<String>::new());
    for count in [0, 101] {
        let refused = bench.dashboards.delete(vec!["a".to_owned(); count]).await;
        assert!(matches!(refused, Err(Error::DeletedCount { .. })));
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_changes_nothing() {
    let bench = Bench::new();
    let body = || "{\"widgets\": []}".to_owned();
    assert!(matches!(
        bench.dashboards.put("a b", body(), Tags::new()).await,
        Err(Error::NameForm { .. })
    ));
    let long = "a".repeat(256);
    assert!(matches!(
        bench.dashboards.put(&long, body(), Tags::new()).await,
        Err(Error::NameLength)
    ));
    assert!(matches!(bench.dashboards.get(""), Err(Error::NameLength)));
    let many: Tags = (0..51).map(|n| (n.to_string(), String::new())).collect();
    assert!(matches!(
        bench.dashboards.put("a", body(), many).await,
        Err(Error::TooManyTags)
    ));
    let empty: Tags = [(String::new(), String::new())].into();
    assert!(matches!(
        bench.dashboards.put("a", body(), empty).await,
        Err(Error::TagForm { .. })
    ));
    let refused = bench
        .dashboards
        .put("a", "{}".to_owned(), Tags::new())
        .await;
    assert!(matches!(refused, Err(Error::Refused(_))));
    assert!(matches!(
        bench.dashboards.get("a"),
        Err(Error::NotFound { .. })
    ));
}

/// Any JSON, with the words of bodies in it.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "widgets",
        "type",
        "metric",
        "text",
        "alarm",
        "properties",
        "metrics",
        "...",
        ".",
        "view",
        "gauge",
        "pie",
        "table",
        "annotations",
        "horizontal",
        "vertical",
        "value",
        "yAxis",
        "left",
        "min",
        "max",
        "start",
        "-PT6H",
        "end",
        "width",
        "height",
        "x",
        "y",
        "period",
        "stat",
        "markdown",
        "# a\n|b|c|\n|-|-|\n|d|",
        "alarms",
        "variables",
        "pattern",
        "property",
        "defaultValue",
        "expression",
        "AWS/EC2",
        "title",
        "日本語",
        "color",
        "#fff",
        "fill",
        "above",
        "legend",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3..400_i64).prop_map(Value::from),
        words.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 96, 8, move |inner| {
        let key = words.clone().prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..8)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

#[test]
fn texts_that_would_blow_each_other_up_are_bounded() {
    let variable = json!({"type": "pattern", "pattern": "a", "inputType": "input", "id": "p", "defaultValue": "a".repeat(1000)});
    let text = json!({"type": "text", "properties": {"markdown": "a".repeat(1000)}});
    let body = Body::of(&json!({"widgets": vec![text; 20], "variables": vec![variable; 25]}));
    let lengths = body.widgets.iter().map(|it| match &it.content {
        widget::Content::Text(text) => text.markdown.len(),
        _ => 0,
    });
    assert!(lengths.sum::<usize>() <= body::BODY_BYTES_MAX + 20_000);
}

proptest! {
    #[test]
    fn no_body_panics(body in any_json(), properties in any_json(), kind in 0_usize..7) {
        let _ = Body::read(&body.to_string());
        let _ = Body::of(&body);
        let kind = ["metric", "text", "log", "alarm", "explorer", "custom", "chart"][kind];
        let wrapped = json!({"widgets": [{"type": kind, "properties": properties}], "variables": body});
        let read = Body::of(&wrapped);
        let _ = Body::read(&wrapped.to_string());
        let _ = diff(&read, &Body::of(&body));
    }
}
