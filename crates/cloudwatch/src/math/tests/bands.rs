//! `ANOMALY_DETECTION_BAND`. What is expected is tested with [`crate::anomaly::model`].

use super::*;
use crate::anomaly::detectors::{Configuration, Detectors, Of, TABLES};
use crate::anomaly::{Bands, Trained};
use crate::math::{Answer, Units, is_band};
use crate::metric::Read;
use std::sync::Arc;
use store::tables::Tables;

/// Monday, 2026-11-23T00:00:00Z.
const MONDAY: u64 = 1_795_392_000;
const DAY: u64 = 86_400;

/// Two weeks of values around 50 in five minutes each, and a day of 90 behind them.
fn metrics() -> Memory {
    let memory = Memory::default();
    let metric = identity("N", "M", &[("Host", "a")]);
    let values = |count: u64, middle: f64| {
        let value = move |index| Some(middle + if index % 2 == 0 { 1.0 } else { -1.0 });
        (0..count).map(value).collect::<Vec<_>>()
    };
    memory.put_all(&metric, MONDAY - 14 * DAY, 300, &values(14 * 288, 50.0));
    memory.put_all(&metric, MONDAY, 300, &values(288, 90.0));
    memory
}

fn stat(period_secs: u32) -> Stat {
    Stat {
        identity: identity("N", "M", &[("Host", "a")]),
        statistic: Statistic::Average,
        period_secs,
        unit: None,
    }
}

fn queries(text: &str) -> Vec<Query> {
    vec![
        Query {
            id: "m1".to_owned(),
            source: Source::Metric(stat(300)),
            label: None,
            is_returned: false,
        },
        Query {
            id: "e1".to_owned(),
            source: expression("m1 * 2"),
            label: None,
            is_returned: false,
        },
        Query {
            id: "ad1".to_owned(),
            source: expression(text),
            label: None,
            is_returned: true,
        },
    ]
}

fn expression(text: &str) -> Source {
    Source::Expression {
        text: text.to_owned(),
        period_secs: None,
    }
}

fn window(from: u64, to: u64) -> Window {
    Window {
        from: Timestamp::from_secs(from),
        to: Timestamp::from_secs(to),
        now: Timestamp::from_secs(to),
    }
}

fn run(read: &dyn Read, text: &str, window: &Window) -> Vec<Answer> {
    let plan = Plan::new(&queries(text)).unwrap();
    plan.run(read, window, &Options::default()).unwrap().answers
}

#[test]
fn a_band_has_a_lower_and_an_upper_edge() {
    let window = window(MONDAY, MONDAY + 3600);
    for (text, middle, wide) in [
        ("ANOMALY_DETECTION_BAND(m1, 3)", 50.0, 3.0),
        ("ANOMALY_DETECTION_BAND(m1)", 50.0, 2.0),
        ("ANOMALY_DETECTION_BAND(e1, 1)", 100.0, 2.0),
        ("ANOMALY_DETECTION_BAND(m1 + 10, 1)", 60.0, 1.0),
    ] {
        let answers = run(&metrics(), text, &window);
        let labels: Vec<_> = answers.iter().map(|it| it.label.as_str()).collect();
        assert_eq!(labels, ["ad1 Low", "ad1 High"]);
        let [low, high] = answers.as_slice() else {
            panic!("{answers:?}");
        };
        assert_eq!((low.points.len(), high.points.len()), (12, 12), "{text}");
        for ((_, low), (_, high)) in low.points.iter().zip(&high.points) {
            // 24 values of an hour of the week: the deviation is of some more than 1.
            assert!((low - (middle - wide)).abs() < 0.2 * wide, "{text}: {low}");
            assert!(
                (high - (middle + wide)).abs() < 0.2 * wide,
                "{text}: {high}"
            );
        }
    }
}

#[test]
fn a_band_is_learned_of_what_lies_before_it() {
    // At the end of the day of 90 the hours before it are among what is expected.
    let last = |hour: u64| {
        let window = window(MONDAY + hour * 3600, MONDAY + (hour + 1) * 3600);
        let high = run(&metrics(), "LAST(ANOMALY_DETECTION_BAND(m1, 3))", &window).remove(0);
        high.points[0].1
    };
    // Nothing of the day is known at its begin. Later its hours make all hours somewhat less sure, and none expect 90.
    assert!(last(0) < 54.0, "{}", last(0));
    assert!(last(23) < 70.0, "{}", last(23));
    // A long time has a model for each of its parts, each learned of what lies before that part.
    let whole = run(
        &metrics(),
        "ANOMALY_DETECTION_BAND(m1, 3)",
        &window(MONDAY - 14 * DAY, MONDAY + DAY),
    );
    assert_eq!(whole[0].points.len(), whole[1].points.len());
    // The first hours have nothing before them, the last have all.
    let first = whole[0].points.first().unwrap().0;
    let known_after_secs = first.as_secs() - (MONDAY - 14 * DAY);
    assert!(
        (3 * 3600..=16 * 3600).contains(&known_after_secs),
        "{known_after_secs}"
    );
    assert_eq!(
        whole[0].points.last().unwrap().0.as_secs(),
        MONDAY + DAY - 300
    );
}

#[test]
fn without_data_there_is_no_band() {
    let answers = run(
        &Memory::default(),
        "ANOMALY_DETECTION_BAND(m1)",
        &window(MONDAY, MONDAY + 3600),
    );
    assert_eq!(answers.len(), 2);
    assert!(answers.iter().all(|it| it.points.is_empty()));
}

// The first text is recorded from AWS (a report of Grafana's).
#[test]
fn what_no_band_can_be_over_is_refused() {
    for (text, expected) in [
        (
            "ANOMALY_DETECTION_BAND([m1], 2)",
            "unsupported operand type(s) for ANOMALY_DETECTION_BAND: '[Array[TimeSeries], Scalar]'",
        ),
        (
            "ANOMALY_DETECTION_BAND(5)",
            "unsupported operand type(s) for ANOMALY_DETECTION_BAND: '[Scalar, Scalar]'",
        ),
        (
            "ANOMALY_DETECTION_BAND(m1, m1)",
            "unsupported operand type(s) for ANOMALY_DETECTION_BAND: '[TimeSeries, TimeSeries]'",
        ),
        (
            "ANOMALY_DETECTION_BAND(m1, 0)",
            "ANOMALY_DETECTION_BAND takes a number of deviations above 0",
        ),
        (
            "ANOMALY_DETECTION_BAND(m1, -1)",
            "ANOMALY_DETECTION_BAND takes a number of deviations above 0",
        ),
        (
            "ANOMALY_DETECTION_BAND()",
            "ANOMALY_DETECTION_BAND takes one time series, and maybe a number of deviations",
        ),
        (
            "ANOMALY_DETECTION_BAND(FIRST(ANOMALY_DETECTION_BAND(m1)))",
            "ANOMALY_DETECTION_BAND takes a time series that is made of no band",
        ),
    ] {
        let error = Plan::new(&queries(text)).unwrap_err().to_string();
        assert_eq!(error, format!("error in expression `ad1`: {expected}"));
    }
    let mut chain = queries("ANOMALY_DETECTION_BAND(e2)");
    chain.push(Query {
        id: "e2".to_owned(),
        source: expression("FIRST(ANOMALY_DETECTION_BAND(m1))"),
        label: None,
        is_returned: false,
    });
    assert!(
        Plan::new(&chain)
            .unwrap_err()
            .to_string()
            .ends_with("made of no band")
    );
}

#[test]
fn names_are_the_same_whatever_ids_there_are() {
    let name = |queries: &[Query], id: &str| {
        Plan::new(queries)
            .unwrap()
            .name(id, Units::LeftOut)
            .unwrap()
    };
    let mut others = queries("m1");
    others[0].id = "cpu".to_owned();
    others[1].source = expression("cpu * 2");
    others[2].source = expression("cpu * 2");
    let mine = queries("m1 * 2");
    assert_eq!(name(&mine, "m1"), name(&others, "cpu"));
    assert_eq!(name(&mine, "e1"), name(&others, "e1"));
    assert_eq!(name(&mine, "e1"), name(&mine, "ad1"));
    assert_ne!(name(&mine, "e1"), name(&mine, "m1"));
    // Names that would grow without end are none.
    let double = |index: u32| Query {
        id: format!("e{index}"),
        source: expression(&format!("e{} + e{}", index - 1, index - 1)),
        label: None,
        is_returned: false,
    };
    let mut long = queries("m1");
    long.extend((2..40).map(double));
    let plan = Plan::new(&long).unwrap();
    assert_eq!(plan.name("e39", Units::Told), None);
}

#[test]
fn bands_are_told_from_other_expressions() {
    let is = |text: &str| is_band(&queries(text)[2]);
    assert!(is("ANOMALY_DETECTION_BAND(m1, 2)"));
    assert!(!is("FIRST(ANOMALY_DETECTION_BAND(m1, 2))") && !is("m1") && !is("m1 +"));
    assert!(!is_band(&queries("m1")[0]));
}

#[test]
fn a_detector_says_how_a_band_is_learned_and_models_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let tables = Arc::new(Tables::open(dir.path(), TABLES).unwrap());
    let detectors = Arc::new(Detectors::open(tables).unwrap());
    let trained = Trained::new(Arc::new(metrics()), Arc::clone(&detectors));
    let window = window(MONDAY + 7 * DAY, MONDAY + 7 * DAY + 300);
    let high = || run(&trained, "ANOMALY_DETECTION_BAND(m1, 3)", &window)[1].points[0].1;
    // The same hour of the week before was of the day of 90.
    let before = high();
    assert!(before > 80.0, "{before}");
    let plan = Plan::new(&queries("ANOMALY_DETECTION_BAND(m1, 3)")).unwrap();
    let key = |revision| crate::anomaly::Key {
        until: window.from,
        name: plan.name("m1", Units::Told).unwrap(),
        period_secs: 300,
        revision,
    };
    assert!(detectors.known(&key(0)).is_some());
    let of = Of::Metric {
        namespace: "N".to_owned(),
        metric: "M".to_owned(),
        dimensions: vec![("Host".to_owned(), "a".to_owned())],
        statistic: "Average".to_owned(),
    };
    let configuration = Configuration {
        excluded_ms: vec![(MONDAY * 1000, (MONDAY + DAY) * 1000)],
        ..Configuration::default()
    };
    detectors
        .put(of.clone(), Some(configuration), None)
        .unwrap();
    let without = high();
    assert!(without < 60.0, "{without}");
    assert!(detectors.known(&key(1)).is_some());
    detectors.delete(&of).unwrap();
    assert!((high() - before).abs() < 1e-9);
}
