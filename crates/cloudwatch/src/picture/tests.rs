//! Pictures of every view: their colours as pixels, their words as text, and that nothing of what people send breaks them.

use std::sync::Arc;

use proptest::prelude::*;
use resvg::tiny_skia::Pixmap;
use serde_json::{Value, json};

use super::*;
use crate::dashboard::widget::{Content, Graph, Host, INSTANCES};
use crate::dashboard::{Body, tests::any_json};
use crate::metric::{
    Found, Identity, Listing, Point, Query, Read, Source, Stat, Statistic, Summaries, Unreadable,
    Wanted,
};
use crate::ops::Place;

const NOW: u64 = 1_795_433_400;

fn now() -> Timestamp {
    Timestamp::from_secs(NOW)
}

/// Metrics that are waves; `Lost` has a hole, `Nothing` has none.
#[derive(Debug)]
struct Waves;

impl Read for Waves {
    fn series(&self, wanted: &Wanted<'_>) -> Result<Found, Unreadable> {
        let period = u64::from(wanted.period_secs);
        let seed: f64 = wanted.identity.to_string().bytes().map(f64::from).sum();
        let value = |at: u64| match wanted.statistic {
            Statistic::SampleCount => 2.0,
            _ => {
                30.0 + seed % 40.0
                    + 20.0 * ((at as f64) / 2400.0 + seed).sin()
                    + 4.0 * ((at as f64) / 300.0 + seed).sin()
            }
        };
        let starts = (wanted.from.as_secs() / period..)
            .map(|it| it * period)
            .take_while(|at| *at < wanted.to.as_secs());
        let is_there = |at: &u64| match wanted.identity.name.as_str() {
            "Nothing" => false,
            "Lost" => at % 7200 < 3600,
            _ => true,
        };
        let point = |at: u64| Point {
            at: Timestamp::from_secs(at),
            value: value(at),
            samples: 2.0,
        };
        let unit = if wanted.identity.name == "NetworkIn" {
            Unit::Bytes
        } else {
            Unit::Percent
        };
        Ok(Found {
            points: starts.filter(is_there).map(point).collect(),
            units: vec![unit],
        })
    }

    fn summaries(&self, _: &Wanted<'_>) -> Result<Vec<Summaries>, Unreadable> {
        Ok(Vec::new())
    }

    fn list(&self, _: &Listing<'_>) -> Vec<Arc<Identity>> {
        Vec::new()
    }
}

/// Alarms that are called as they are asked for, one of each state.
#[derive(Debug)]
struct States;

impl Alarms for States {
    fn find(&self, arns: &[String]) -> Result<Vec<Alarm>, Failed> {
        let states = [
            AlarmState::Ok,
            AlarmState::Alarm,
            AlarmState::InsufficientData,
        ];
        let alarm = |(index, arn): (usize, &String)| Alarm {
            name: arn.clone(),
            state: states[index % 3],
            since: Timestamp::from_secs(NOW - 600 * (index as u64 + 1)),
            queries: Vec::new(),
            threshold: Some(60.0),
        };
        Ok(arns.iter().enumerate().map(alarm).collect())
    }
}

/// Five web servers in two zones.
#[derive(Debug)]
struct Servers;

impl Hosts for Servers {
    fn all(&self) -> Vec<Host> {
        let tag = |name: &str, value: String| (name.to_owned(), value);
        let host = |n: usize| Host {
            id: format!("i-0{n}"),
            tags: [
                tag("Name", format!("web-{n}")),
                tag("Zone", format!("1{}", if n < 3 { 'a' } else { 'c' })),
            ]
            .into(),
        };
        (1..=5).map(host).collect()
    }
}

pub(crate) fn data() -> Computed {
    Computed {
        read: Arc::new(Waves),
        alarms: Arc::new(States),
        hosts: Arc::new(Servers),
        place: Place {
            region: "ap-northeast-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
        },
    }
}

fn drawn(properties: &Value) -> Drawing {
    let content = Content::Graph(Box::new(Graph::of(properties)));
    super::draw(&content, &data(), Around::at(now()))
}

fn charted(properties: &Value) -> Chart {
    chart(&Graph::of(properties), &data(), Around::at(now())).unwrap()
}

fn pixels(svg: &str) -> Pixmap {
    let png = png(svg).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    Pixmap::decode_png(&png).unwrap()
}

fn count_of(pixels: &Pixmap, colour: &str) -> usize {
    let part = |at: usize| u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
    let wanted = (part(1), part(3), part(5));
    let is_wanted =
        |it: &&resvg::tiny_skia::PremultipliedColorU8| (it.red(), it.green(), it.blue()) == wanted;
    pixels.pixels().iter().filter(is_wanted).count()
}

fn rows(count: usize) -> Value {
    let row = |n| {
        json!([
            "AWS/EC2",
            "CPUUtilization",
            "InstanceId",
            format!("i-0{n}2345678{n}")
        ])
    };
    Value::from((0..count).map(row).collect::<Vec<_>>())
}

/// Each view with what belongs to it.
fn samples() -> Vec<(&'static str, Value)> {
    let region = |mut it: Value| {
        it["region"] = json!("ap-northeast-1");
        it
    };
    let all = vec![
        (
            "lines",
            json!({"metrics": rows(3), "title": "ウェブサーバーのCPU使用率", "period": 60, "timezone": "+0900",
            "annotations": {"horizontal": [{"value": 85, "label": "警告 (Warning)", "fill": "above"}],
                "vertical": [{"value": "2026-11-23T10:30:00Z", "label": "Deploy v1.2.3", "color": "#9467bd"}]}}),
        ),
        (
            "axes",
            json!({"metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"],
            ["AWS/EC2", "NetworkIn", "InstanceId", "i-1", {"yAxis": "right"}], ["AWS/EC2", "Lost", "InstanceId", "i-1"]],
            "title": "CPU and network", "legend": {"position": "right"}, "yAxis": {"left": {"min": 0, "max": 100}}}),
        ),
        (
            "stacked",
            json!({"metrics": rows(4), "title": "Stacked", "stacked": true, "start": "-P3D"}),
        ),
        (
            "number",
            json!({"metrics": rows(4), "view": "singleValue", "title": "現在値", "sparkline": true}),
        ),
        (
            "plain",
            json!({"metrics": rows(1), "view": "singleValue", "title": "CPU", "setPeriodToTimeRange": true}),
        ),
        (
            "gauge",
            json!({"metrics": rows(2), "view": "gauge", "title": "Gauge", "yAxis": {"left": {"min": 0, "max": 100}},
            "annotations": {"horizontal": [{"value": 80, "fill": "above", "color": "#d62728"},
                [{"value": 50, "color": "#ff7f0e"}, {"value": 80}], {"value": 50, "fill": "below", "color": "#2ca02c"}]}}),
        ),
        (
            "bars",
            json!({"metrics": rows(6), "view": "bar", "title": "Bars"}),
        ),
        (
            "pie",
            json!({"metrics": rows(5), "view": "pie", "title": "配信の内訳"}),
        ),
        (
            "table",
            json!({"metrics": rows(5), "view": "table", "title": "Table", "table": {"summaryColumns": ["MIN", "MAX", "AVG"]}}),
        ),
        (
            "many",
            json!({"metrics": rows(40), "title": "Many lines with a title that is much longer than there is room for in a picture of this width, truly"}),
        ),
        (
            "empty",
            json!({"metrics": [["N", "Nothing"]], "title": "Nothing here"}),
        ),
    ];
    all.into_iter()
        .map(|(name, it)| (name, region(it)))
        .collect()
}

const MARKDOWN: &str = "# 運用\nThis is **all** and `code`; see the [runbook](https://example.com/runbook). 日本語の長い文章。\n\n- a\n  - b\n1. c\n\n---\n| Host | Role |\n|---|---|\n| web-1 | **front** |\n";

/// Two metrics of hosts by their tags, and more.
fn explorer(more: &Value) -> Value {
    let metric =
        |name: &str| json!({"metricName": name, "resourceType": INSTANCES, "stat": "Average"});
    let mut all = json!({"metrics": [metric("CPUUtilization"), metric("mem_used_percent")],
        "labels": [{"key": "Zone", "value": "1a"}, {"key": "Zone", "value": "1c"}],
        "region": "ap-northeast-1"});
    let more = more.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(more);
    all
}

fn explored(properties: &Value, around: Around) -> Drawing {
    let body = json!({"widgets": [{"type": "explorer", "properties": properties}]});
    let body = Body::read(&body.to_string()).unwrap().0;
    dashboard(&body, &data(), around).remove(0).1
}

#[test]
fn hosts_by_tags_are_graphs_beside_one_another() {
    let Drawing::Grid {
        charts, columns, ..
    } = explored(&explorer(&json!({"splitBy": "Zone"})), Around::at(now()))
    else {
        panic!("no graphs");
    };
    let shown: Vec<_> = charts
        .iter()
        .map(|chart| (chart.title.as_str(), chart.series.len()))
        .collect();
    assert_eq!(
        shown,
        [
            ("1a: CPUUtilization (Average)", 2),
            ("1a: mem_used_percent (Average)", 2),
            ("1c: CPUUtilization (Average)", 3),
            ("1c: mem_used_percent (Average)", 3),
        ]
    );
    assert_eq!((columns, charts[0].series[0].label.as_str()), (2, "web-1"));
}

#[test]
fn hosts_that_are_put_together_have_the_value_of_their_lines() {
    let of = |more: Value| match explored(&explorer(&more), Around::at(now())) {
        Drawing::Grid { mut charts, .. } => charts.remove(0).series,
        other => panic!("{other:?}"),
    };
    let single = of(json!({}));
    let together = of(json!({"aggregateBy": {"key": "Zone", "func": "MAX"}}));
    let greatest = |of: &[Series]| {
        let values = of.iter().filter_map(|series| series.value);
        values.fold(f64::MIN, f64::max)
    };
    let labels: Vec<_> = together.iter().map(|it| it.label.as_str()).collect();
    assert_eq!(labels, ["1a", "1c"]);
    assert_eq!(together[0].value, Some(greatest(&single[..2])));
    assert_eq!(together[1].value, Some(greatest(&single[2..])));
}

#[test]
fn graphs_without_room_are_counted_and_none_is_said() {
    let drawing = explored(&explorer(&json!({"splitBy": "Name"})), Around::at(now()));
    let size = |width, height| Size { width, height };
    let small = svg(&drawing, size(358, 330));
    assert!(small.contains("+6 more"), "{small}");
    assert!(!svg(&drawing, size(1200, 900)).contains("more"));
    let japanese = Around {
        language: Language::Japanese,
        ..Around::at(now())
    };
    let none = explorer(&json!({"labels": [{"key": "Zone", "value": "9z"}], "title": "T"}));
    let Drawing::Note { text, .. } = explored(&none, japanese) else {
        panic!("no note");
    };
    assert_eq!(text, "これらのタグを持つホストはありません。");
    let other = json!({"metrics": [{"metricName": "M", "resourceType": "AWS::RDS::DBInstance"}], "labels": []});
    let Drawing::Note { text, .. } = explored(&other, Around::at(now())) else {
        panic!("no note");
    };
    assert!(
        text.contains("`AWS::RDS::DBInstance` is not known"),
        "{text}"
    );
}

/// A dashboard of all views and kinds.
fn whole() -> Body {
    let mut all: Vec<(Value, &str)> = samples()
        .into_iter()
        .map(|(_, it)| (it, "metric"))
        .collect();
    all.push((json!({"markdown": MARKDOWN}), "text"));
    all.push((
        json!({"title": "アラーム", "alarms": ["web-CPUUtilization", "queue-age", "配信の失敗"]}),
        "alarm",
    ));
    all.push((
        json!({"title": "Logs", "query": "x", "region": "eu-west-1"}),
        "log",
    ));
    all.push((explorer(&json!({"title": "チームのホスト"})), "explorer"));
    let widget = |(properties, kind)| json!({"type": kind, "width": 8, "properties": properties});
    let widgets: Vec<_> = all.into_iter().map(widget).collect();
    Body::read(&json!({"widgets": widgets}).to_string())
        .unwrap()
        .0
}

#[test]
fn every_view_shows_the_colours_of_its_lines() {
    for (name, properties) in samples() {
        let drawing = drawn(&properties);
        let Drawing::Chart(chart) = &drawing else {
            panic!("{name} is no chart");
        };
        let pixels = pixels(&svg(&drawing, Size::default()));
        assert_eq!((pixels.width(), pixels.height()), (600, 400), "{name}");
        // Those of lines that are covered, stacked or shaded are not pure.
        if matches!(name, "stacked" | "gauge" | "many" | "empty") {
            continue;
        }
        for series in &chart.series {
            assert!(
                count_of(&pixels, &series.colour) >= 60,
                "{name}: {}",
                series.colour
            );
        }
    }
}

#[test]
fn a_dashboard_is_one_picture() {
    let widgets = dashboard(&whole(), &data(), Around::at(now()));
    assert_eq!(widgets.len(), 15);
    let svg = board("本番", &widgets);
    let pixels = pixels(&svg);
    assert_eq!(pixels.width(), 1450);
    // The states of alarms.
    for colour in ["#d13212", "#1d8102", "#687078"] {
        assert!(count_of(&pixels, colour) > 100, "{colour}");
    }
    for words in [
        "ウェブサーバーのCPU使用率",
        "In alarm",
        "A query of logs. It is kept, but not drawn",
        "<a href=\"https://example.com/runbook\">",
    ] {
        assert!(svg.contains(words), "{words}");
    }
}

#[test]
fn japanese_words_are_drawn() {
    let title = |title: &str| {
        pixels(&svg(
            &drawn(&json!({"metrics": [["N", "Nothing"]], "title": title})),
            Size::default(),
        ))
    };
    let dark = |pixels: &Pixmap| {
        pixels
            .pixels()
            .iter()
            .take(600 * 30)
            .filter(|it| it.red() < 100)
            .count()
    };
    // Kanji of level 2, kana, half-width kana: each of its own shape, so it is not the sign for what the font lacks.
    let drawn: Vec<_> = ["鬱", "齋", "ア", "あ", "ｱ", "A"]
        .iter()
        .map(|it| title(it))
        .collect();
    for (index, one) in drawn.iter().enumerate() {
        assert!(dark(one) > 10);
        assert!(
            drawn
                .iter()
                .skip(index + 1)
                .all(|other| other.data() != one.data())
        );
    }
}

#[test]
fn an_svg_says_what_it_shows_and_runs_nothing() {
    let svg = svg(
        &drawn(
            &json!({"title": "<script>alert(1)</script>&", "metrics": [["N", "M", {"label": "\u{0}a<b>\"c"}]]}),
        ),
        Size::default(),
    );
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\""));
    assert!(
        svg.contains(
            "<title>&lt;script&gt;alert(1)&lt;/script&gt;&amp;</title><desc>a&lt;b&gt;&quot;c: "
        ),
        "{svg}"
    );
    assert!(!svg.contains("<script"));
}

#[test]
fn one_slice_is_a_whole_ring() {
    let properties = json!({"metrics": rows(1), "view": "pie"});
    let pixels = pixels(&svg(
        &drawn(&properties),
        Size {
            width: 300,
            height: 400,
        },
    ));
    let at = |x: u32, y: u32| pixels.pixel(x, y).unwrap();
    // The hole is white, the ring is blue at each side.
    let (x, y) = (150, 9 + 2 + 113);
    assert_eq!(at(x, y).red(), 255);
    for (dx, dy) in [(-90, 0), (90, 0), (0, -90), (0, 90)] {
        let found = at(x.saturating_add_signed(dx), y.saturating_add_signed(dy));
        assert_eq!((found.red(), found.blue()), (0x1f, 0xb4), "{dx} {dy}");
    }
}

#[test]
fn a_hole_breaks_a_line() {
    let paths = |metric: &str| {
        let svg = svg(
            &drawn(&json!({"metrics": [["N", metric]]})),
            Size::default(),
        );
        svg.matches("stroke=\"#1f77b4\"").count()
    };
    assert_eq!((paths("M"), paths("Lost"), paths("Nothing")), (1, 2, 0));
}

#[test]
fn lines_are_named_by_what_tells_them_apart() {
    for (metrics, expected) in [
        (json!([["N", "M", "A", "1"]]), vec!["M"]),
        (json!([["N", "M", "A", "1"], ["...", "2"]]), vec!["1", "2"]),
        (
            json!([["N", "M", "A", "1"], [".", "O", ".", "."]]),
            vec!["M", "O"],
        ),
        (
            json!([["N", "M", {"stat": "p99"}], ["...", {"stat": "Sum"}]]),
            vec!["p99", "Sum"],
        ),
        (
            json!([["N", "M", {"label": "x"}], ["N", "O"]]),
            vec!["x", "O"],
        ),
        (
            json!([["N", "M", {"period": 60}], ["...", {"period": 300}]]),
            vec!["60s", "300s"],
        ),
    ] {
        let chart = charted(&json!({"metrics": metrics}));
        let labels: Vec<_> = chart.series.iter().map(|it| it.label.as_str()).collect();
        assert_eq!(labels, expected);
    }
}

#[test]
fn expressions_are_computed_over_rows_that_are_not_shown() {
    let metrics = json!([[{"expression": "m1 * 2", "label": "twice ${LAST}", "id": "e1"}],
        ["N", "M", {"id": "m1", "visible": false}], ["N", "NetworkIn"], [{"expression": "FILL(m1, 0)"}]]);
    let chart = charted(&json!({"metrics": metrics}));
    let once = charted(&json!({"metrics": [["N", "M"]]})).series[0]
        .value
        .unwrap();
    assert_eq!(chart.series.len(), 3);
    assert_eq!(chart.series[0].value, Some(once * 2.0));
    assert!(
        chart.series[0].label.starts_with("twice "),
        "{}",
        chart.series[0].label
    );
    assert_eq!(
        (chart.series[1].unit, chart.series[1].colour.as_str()),
        (Some(Unit::Bytes), "#ff7f0e")
    );
    let whole =
        charted(&json!({"metrics": rows(500), "view": "bar", "setPeriodToTimeRange": true}));
    assert_eq!(whole.series.len(), 500);
}

#[test]
fn the_searches_of_the_platforms_dashboard_are_right() {
    let body = Body::read(&crate::dashboard::platform("ap-northeast-1"))
        .unwrap()
        .0;
    let drawn = dashboard(&body, &data(), Around::at(now()));
    let is_chart = |(_, drawing): &(_, Drawing)| matches!(drawing, Drawing::Chart(_));
    assert!(drawn.iter().all(is_chart), "{drawn:?}");
}

#[test]
fn periods_grow_with_the_time_and_times_are_found() {
    for (start, period, expected) in [
        (None, None, 300),
        (Some("-PT3H"), Some(60), 60),
        (Some("-P1D"), Some(60), 60),
        (Some("-P2D"), Some(60), 300),
        (Some("-P30D"), Some(60), 3600),
        (Some("-P455D"), Some(1), 43_200),
    ] {
        let chart = charted(&json!({"metrics": [["N", "M"]], "start": start, "period": period}));
        assert_eq!(chart.series[0].period_secs, expected, "{start:?}");
        assert!(chart.series[0].points.len() <= 1441);
    }
    let inherit = |over: &str| {
        let graph =
            json!({"type": "metric", "properties": {"metrics": [["N", "M"]], "period": 60}});
        let body = Body::of(&json!({"start": "-P2D", "periodOverride": over, "widgets": [graph]}));
        match dashboard(&body, &data(), Around::at(now())).remove(0).1 {
            Drawing::Chart(chart) => chart.series[0].period_secs,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((inherit("auto"), inherit("inherit")), (300, 60));
    let of_dashboard = crate::dashboard::time::range(Some("-P1D"), None, now());
    let around = Around {
        range: of_dashboard,
        ..Around::at(now())
    };
    let graph = |start: Option<&str>| Graph::of(&json!({"metrics": [["N", "M"]], "start": start}));
    let span = |start| {
        chart(&graph(start), &data(), around)
            .unwrap()
            .range
            .span()
            .as_secs()
    };
    assert_eq!((span(None), span(Some("-PT1H"))), (86_400, 3600));
}

/// Two periods: 10 of one sample, 20 of three.
#[derive(Debug)]
struct Two;

impl Data for Two {
    fn answer(&self, asked: &Asked<'_>) -> Result<Vec<Line>, Failed> {
        let at = |index: u64| Timestamp::from_secs(NOW - 600 + index * 60);
        let line = |query: &Query| match &query.source {
            Source::Expression { text, .. } => {
                Err(Failed::Expression(format!("`{text}` is wrong")))
            }
            Source::Metric(stat) => Ok(Line {
                id: query.id.clone(),
                label: query.label.clone().unwrap_or_default(),
                unit: None,
                period_secs: stat.period_secs,
                points: match stat.statistic {
                    Statistic::SampleCount => vec![(at(0), 1.0), (at(1), 3.0)],
                    _ => vec![(at(0), 10.0), (at(1), 20.0)],
                },
            }),
        };
        asked.queries.iter().map(line).collect()
    }

    fn alarms(&self, _: &[String]) -> Result<Vec<Alarm>, Failed> {
        Ok(Vec::new())
    }

    fn hosts(&self) -> Result<Vec<Host>, Failed> {
        Ok(Vec::new())
    }
}

#[test]
fn a_number_is_of_the_latest_period_or_of_the_whole_time() {
    for (statistic, is_whole, expected) in [
        ("Average", false, 20.0),
        ("Average", true, 17.5),
        ("Sum", true, 30.0),
        ("SampleCount", true, 4.0),
        ("Minimum", true, 10.0),
        ("Maximum", true, 20.0),
        ("p50", true, 15.0),
    ] {
        let properties = json!({"metrics": [["N", "M", {"id": "w1"}]], "view": "singleValue", "stat": statistic, "setPeriodToTimeRange": is_whole});
        let chart = chart(&Graph::of(&properties), &Two, Around::at(now())).unwrap();
        let values: Vec<_> = chart.series.iter().map(|it| it.value).collect();
        assert_eq!(values, [Some(expected)], "{statistic} {is_whole}");
    }
}

#[test]
fn what_fails_is_a_note_and_keeps_no_other_from_being_drawn() {
    let body = Body::of(&json!({"widgets": [
        {"type": "metric", "properties": {"title": "bad", "metrics": [[{"expression": "m1 +"}]]}},
        {"type": "metric", "properties": {"title": "good", "metrics": [["N", "M"]]}}]}));
    let drawn: Vec<_> = dashboard(&body, &Two, Around::at(now()))
        .into_iter()
        .map(|(_, it)| it)
        .collect();
    let note = Drawing::Note {
        title: "bad".to_owned(),
        text: "`m1 +` is wrong".to_owned(),
    };
    assert_eq!(drawn.first(), Some(&note));
    assert!(matches!(drawn.get(1), Some(Drawing::Chart(_))));
}

/// A row with its band, and the alarm on it.
fn banded() -> Value {
    json!({"metrics": [
        ["N", "M", {"id": "m1", "label": "CPU"}],
        [{"expression": "ANOMALY_DETECTION_BAND(m1, 2)", "id": "ad1", "label": "CPU (expected)"}],
    ], "title": "異常検出", "start": "-PT12H"})
}

#[test]
fn a_band_is_an_area_behind_the_line_with_a_name() {
    let chart = charted(&banded());
    assert_eq!((chart.series.len(), chart.bands.len()), (1, 1));
    let band = &chart.bands[0];
    assert_eq!(
        (band.label.as_str(), band.points.len()),
        ("CPU (expected)", 144)
    );
    assert!(band.points.iter().all(|(_, lower, upper)| lower < upper));
    // The colour of the line is that of the first, whatever bands there are.
    assert_eq!(chart.series[0].colour, "#1f77b4");
    let svg = svg(&Drawing::Chart(Box::new(chart)), Size::default());
    let area = svg.find("fill=\"#95a5a6\"").unwrap();
    let line = svg.find("stroke=\"#1f77b4\"").unwrap();
    assert!(
        area < line && svg.contains(">CPU (expected)</text>"),
        "{svg}"
    );
    // A number is not a band.
    let mut number = banded();
    number["view"] = json!("singleValue");
    assert_eq!(charted(&number).series.len(), 1);
}

/// An alarm on a band.
#[derive(Debug)]
struct Banded;

impl Alarms for Banded {
    fn find(&self, _: &[String]) -> Result<Vec<Alarm>, Failed> {
        let query = |id: &str, source| Query {
            id: id.to_owned(),
            source,
            label: None,
            is_returned: true,
        };
        let stat = Stat {
            identity: Identity::new("N", "M", vec![]),
            statistic: Statistic::Average,
            period_secs: 60,
            unit: None,
        };
        let band = Source::Expression {
            text: "ANOMALY_DETECTION_BAND(m1, 3)".to_owned(),
            period_secs: None,
        };
        Ok(vec![Alarm {
            name: "band".to_owned(),
            state: AlarmState::Ok,
            since: now(),
            queries: vec![query("ad1", band), query("m1", Source::Metric(stat))],
            threshold: None,
        }])
    }
}

#[test]
fn an_alarm_on_a_band_is_drawn_with_it() {
    let data = Computed {
        alarms: Arc::new(Banded),
        ..data()
    };
    let graph = Graph::of(&json!({"annotations": {"alarms": ["band"]}}));
    let chart = chart(&graph, &data, Around::at(now())).unwrap();
    assert_eq!((chart.series.len(), chart.bands.len()), (1, 1));
    assert_eq!(
        (chart.bands[0].label.as_str(), chart.bands[0].points.len()),
        ("ad1", 180)
    );
    assert!(chart.horizontal.is_empty());
}

#[test]
fn words_that_are_ours_are_in_the_language_of_whoever_looks() {
    let japanese = Around {
        language: Language::Japanese,
        ..Around::at(now())
    };
    let drawn = |kind: &str, properties: Value, around: Around| {
        let body = Body::of(&json!({"widgets": [{"type": kind, "properties": properties}]}));
        let drawing = dashboard(&body, &data(), around).remove(0).1;
        svg(&drawing, Size::default())
    };
    let empty = json!({"metrics": [["N", "Nothing"]]});
    let log = json!({"query": "x", "region": "ap-northeast-1", "title": "本番のログ"});
    let states = json!({"alarms": ["a", "b", "c"], "title": "A"});
    let table =
        json!({"metrics": [["N", "M"]], "view": "table", "table": {"summaryColumns": ["AVG"]}});
    for (kind, properties, english, ours) in [
        (
            "metric",
            &empty,
            vec!["No data available."],
            vec!["データがありません。"],
        ),
        (
            "log",
            &log,
            vec!["本番のログ", "A query of logs", "ap-northeast-1"],
            vec!["本番のログ", "ログのクエリです", "ap-northeast-1"],
        ),
        (
            "chart",
            &json!({"data": [], "title": "P"}),
            vec!["PromQL", ">P<"],
            vec!["PromQL のクエリ", ">P<"],
        ),
        (
            "custom",
            &json!({"endpoint": "arn:x", "title": "F"}),
            vec!["function", ">F<"],
            vec!["関数の応答", ">F<"],
        ),
        (
            "explorer",
            &json!({"metrics": [], "labels": [], "title": "E"}),
            vec!["No host has these tags.", ">E<"],
            vec!["これらのタグを持つホスト", ">E<"],
        ),
        (
            "alarm",
            &states,
            vec!["In alarm", "Insufficient data"],
            vec!["アラーム状態", "データ不足"],
        ),
        ("metric", &table, vec![">Average<"], vec![">平均<"]),
    ] {
        for (around, words) in [(Around::at(now()), english), (japanese, ours)] {
            let svg = drawn(kind, properties.clone(), around);
            // Words are broken into lines: none is looked for across one.
            for words in words {
                assert!(svg.contains(words), "{kind} {words}: {svg}");
            }
        }
    }
}

#[test]
fn an_alarms_threshold_is_a_level() {
    let properties = json!({"annotations": {"alarms": ["web"]}});
    let svg = svg(&drawn(&properties), Size::default());
    assert!(
        svg.contains("stroke=\"#d62728\" fill=\"none\" stroke-dasharray=\"5 3\"")
            && svg.contains(">web</text>")
    );
}

#[test]
fn what_is_no_svg_is_not_painted() {
    assert!(matches!(png("<svg"), Err(Unpaintable::Svg(_))));
    assert!(matches!(png(""), Err(Unpaintable::Svg(_))));
}

#[test]
fn a_huge_picture_becomes_smaller() {
    let pixels =
        pixels("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"20000\" height=\"20000\"/>");
    assert!(pixels.width() * pixels.height() <= 16_100_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_widget_is_drawn_as_right_xml(properties in any_json(), metrics in any_json(), view in 0_usize..6, width in 1_u32..900, height in 1_u32..500) {
        let mut properties = if properties.is_object() { properties } else { json!({}) };
        let view = ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"][view];
        properties["view"] = json!(view);
        properties["metrics"] = if metrics.is_array() { metrics } else { rows(9) };
        let drawing = drawn(&properties);
        for svg in [svg(&drawing, Size { width, height }), svg(&Drawing::Text(properties.to_string()), Size { width, height })] {
            prop_assert!(resvg::usvg::roxmltree::Document::parse(&svg).is_ok());
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn any_text_is_drawn_as_right_xml(text in "[#*`|\\[\\]()\\- \n0-9.a-zあ<&\u{0}-\u{1f}]{0,80}") {
        let svg = svg(&Drawing::Text(text), Size { width: 200, height: 200 });
        prop_assert!(resvg::usvg::roxmltree::Document::parse(&svg).is_ok());
    }
}
