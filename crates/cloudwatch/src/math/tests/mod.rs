//! Expressions over metrics in memory. Expected values are the guide's, or follow from its sentences.

mod bands;
mod functions;
mod labels;
mod laws;
mod plans;
mod selects;

use base::Timestamp;

use super::{Failed, Invalid, Options, Plan, Results, Window};
use crate::metric::memory::{Memory, identity};
use crate::metric::{Query, Source, Stat, Statistic};

/// 2026-11-29T06:40:00Z, a Sunday: the beginning of all windows here.
const START: u64 = 1_795_934_400;

/// Points of one metric, a minute apart; none is a gap.
type Values = Vec<Option<f64>>;

fn some(values: &[f64]) -> Values {
    values.iter().copied().map(Some).collect()
}

/// A metric of [`bench`].
fn metric(id: &str) -> Query {
    Query {
        id: id.to_owned(),
        source: Source::Metric(stat(id)),
        label: None,
        is_returned: false,
    }
}

fn stat(name: &str) -> Stat {
    Stat {
        identity: identity("Own", name, &[]),
        statistic: Statistic::Average,
        period_secs: 60,
        unit: None,
    }
}

fn expression(id: &str, text: &str) -> Query {
    Query {
        id: id.to_owned(),
        source: Source::Expression {
            text: text.to_owned(),
            period_secs: None,
        },
        label: None,
        is_returned: true,
    }
}

fn labelled(query: Query, label: &str) -> Query {
    Query {
        label: Some(label.to_owned()),
        ..query
    }
}

fn shown(query: Query) -> Query {
    Query {
        is_returned: true,
        ..query
    }
}

/// So many minutes from [`START`].
fn minutes(count: u64) -> Window {
    let to = Timestamp::from_secs(START + count * 60);
    Window {
        from: Timestamp::from_secs(START),
        to,
        now: to,
    }
}

fn options() -> Options {
    Options {
        region: "eu-west-1".to_owned(),
        account: "123456789012".to_owned(),
        utc_offset_secs: 0,
    }
}

fn run(queries: &[Query], memory: &Memory, window: &Window) -> Results {
    let plan = Plan::new(queries).unwrap();
    plan.run(memory, window, &options()).unwrap()
}

fn invalid(queries: &[Query]) -> Invalid {
    Plan::new(queries).unwrap_err()
}

/// What `text` gives of metrics: the values of each series at each of `count` minutes.
fn evaluated(text: &str, metrics: &[(&str, Values)], count: usize) -> Vec<Values> {
    let memory = Memory::default();
    let mut queries = Vec::new();
    for (id, values) in metrics {
        memory.put_all(&identity("Own", id, &[]), START, 60, values);
        queries.push(metric(id));
    }
    queries.push(expression("e1", text));
    let window = minutes(count as u64);
    let results = run(&queries, &memory, &window);
    results
        .answers
        .into_iter()
        .map(|answer| by_minute(&answer.points, count))
        .collect()
}

fn by_minute(points: &[(Timestamp, f64)], count: usize) -> Values {
    let at = |index: usize| Timestamp::from_secs(START + 60 * index as u64);
    let value = |index: usize| points.iter().find(|it| it.0 == at(index)).map(|it| it.1);
    let values: Values = (0..count).map(value).collect();
    assert_eq!(values.iter().flatten().count(), points.len());
    values
}

#[test]
fn the_guides_tables_hold() {
    let vectors = include_str!("../vectors.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let values = |list: &serde_json::Value| -> Values {
        let list = list.as_array().unwrap().iter();
        list.map(serde_json::Value::as_f64).collect()
    };
    for case in vectors["metric_math"].as_array().unwrap() {
        let metrics = case["in"].as_object().unwrap().iter();
        let metrics: Vec<_> = metrics
            .map(|(id, list)| (id.as_str(), values(list)))
            .collect();
        let expected = values(&case["out"]);
        let text = case["expr"].as_str().unwrap();
        assert_eq!(
            evaluated(text, &metrics, expected.len()),
            [expected],
            "{text}"
        );
    }
}

#[test]
fn too_many_points_are_an_error() {
    let plan = Plan::new(&[expression("e1", "TIME_SERIES(1)")]).unwrap();
    let window = Window {
        from: Timestamp::EPOCH,
        ..minutes(1)
    };
    let failed = plan.run(&Memory::default(), &window, &options());
    assert!(matches!(failed, Err(Failed::TooMuch)));
}

#[test]
fn arrays_of_nothing_have_a_bound() {
    let all = |id: usize| format!("[{}]", vec![format!("e{id}"); 500].join(","));
    let mut queries = vec![expression("e0", "[TIME_SERIES(1)]")];
    queries.extend((0..4).map(|id| expression(&format!("e{}", id + 1), &all(id))));
    let plan = Plan::new(&queries).unwrap();
    let failed = plan.run(&Memory::default(), &minutes(0), &options());
    assert!(matches!(failed, Err(Failed::TooMuch)));
    let results = run(&queries[..3], &Memory::default(), &minutes(0));
    assert_eq!(results.answers.len(), super::ANSWERS_MAX);
    assert_eq!(results.messages[0].code, "MaxMetricsExceeded");
}

#[test]
fn zero_has_no_sign() {
    let found = evaluated("-a", &[("a", some(&[0.0]))], 1);
    assert_eq!(found[0][0].map(f64::to_bits), Some(0.0_f64.to_bits()));
}
