//! Metrics Insights.

use base::Timestamp;

use super::{START, Values, by_minute, expression, minutes, run, some};
use crate::math::select::Select;
use crate::math::{Plan, Window};
use crate::metric::memory::{Memory, identity};
use crate::metric::{Query, Source};

fn memory() -> Memory {
    let memory = Memory::default();
    for (host, az, values) in [
        ("a", "1", [1.0, 2.0]),
        ("b", "1", [5.0, 6.0]),
        ("c", "2", [3.0, 30.0]),
    ] {
        let load = identity("Own", "load", &[("Host", host), ("Az", az)]);
        memory.put_all(&load, START, 60, &some(&values));
    }
    memory.put_all(
        &identity("Own", "load", &[("Host", "d")]),
        START,
        60,
        &some(&[100.0, 100.0]),
    );
    memory
}

fn answers(text: &str) -> Vec<(String, Values)> {
    let query = Query {
        source: Source::Expression {
            text: text.to_owned(),
            period_secs: Some(60),
        },
        ..expression("q1", "x")
    };
    let results = run(&[query], &memory(), &minutes(2));
    let answers = results.answers.into_iter();
    answers
        .map(|it| (it.label, by_minute(&it.points, 2)))
        .collect()
}

#[test]
fn metrics_are_selected_grouped_sorted_and_limited() {
    let named = |name: &str, values: &[f64]| (name.to_owned(), some(values));
    for (text, expected) in [
        (
            "SELECT SUM(load) FROM Own",
            vec![named("q1", &[109.0, 138.0])],
        ),
        (
            "select max(load) from schema(Own, Az, Host)",
            vec![named("q1", &[5.0, 30.0])],
        ),
        (
            "SELECT AVG(load) FROM SCHEMA(\"Own\", Host)",
            vec![named("q1", &[100.0, 100.0])],
        ),
        (
            "SELECT COUNT(load) FROM \"Own\" WHERE Az = '1'",
            vec![named("q1", &[2.0, 2.0])],
        ),
        (
            "SELECT MIN(load) FROM Own WHERE Az != '1' AND Host != 'x'",
            vec![named("q1", &[3.0, 30.0])],
        ),
        (
            "SELECT AVG(load) FROM Own GROUP BY Az",
            vec![named("1", &[3.0, 4.0]), named("2", &[3.0, 30.0])],
        ),
        (
            "SELECT AVG(load) FROM SCHEMA(Own, Host, Az) GROUP BY Az, Host ORDER BY MAX() DESC LIMIT 2",
            vec![named("2 c", &[3.0, 30.0]), named("1 b", &[5.0, 6.0])],
        ),
        (
            "SELECT AVG(load) FROM Own GROUP BY Host ORDER BY AVG() LIMIT 1",
            vec![named("a", &[1.0, 2.0])],
        ),
        ("SELECT AVG(none) FROM Own GROUP BY Host", vec![]),
    ] {
        assert_eq!(answers(text), expected, "{text}");
    }
    let nothing: Vec<Values> = answers("SELECT AVG(none) FROM Own")
        .into_iter()
        .map(|it| it.1)
        .collect();
    assert_eq!(nothing, [vec![None, None]]);
}

#[test]
fn a_query_looks_back_three_hours() {
    let plan = Plan::new(&[expression("q1", "SELECT SUM(load) FROM Own")]).unwrap();
    let memory = memory();
    memory.put(
        &identity("Own", "load", &[("Host", "a"), ("Az", "1")]),
        START - 4 * 3600,
        1.0,
    );
    let window = Window {
        from: Timestamp::EPOCH,
        ..minutes(2)
    };
    let results = plan.run(&memory, &window, &super::options()).unwrap();
    assert_eq!(results.answers[0].points.len(), 1);
}

#[test]
fn queries_that_cannot_be_read_say_why() {
    for (text, expected) in [
        (
            "SELECT",
            "expected one of AVG, COUNT, MAX, MIN and SUM, found the end at character 7",
        ),
        (
            "SELECT MEDIAN(x) FROM a",
            "expected one of AVG, COUNT, MAX, MIN and SUM, found `MEDIAN(x)` at character 8",
        ),
        (
            "SELECT AVG(x) FROM SCHEMA(a",
            "expected ), found the end at character 28",
        ),
        (
            "SELECT AVG(x) FROM a WHERE b > 'c'",
            "expected `=` or `!=`, found `>` at character 30",
        ),
        (
            "SELECT AVG(x) FROM a WHERE b = c",
            "expected a text in single quotes, found `c` at character 32",
        ),
        (
            "SELECT AVG(x) FROM a LIMIT 501",
            "expected a number from 1 to 500, found `501` at character 28",
        ),
        (
            "SELECT AVG(x) FROM a HAVING",
            "expected the end, found `HAVING` at character 22",
        ),
    ] {
        assert_eq!(
            Select::parse(text).unwrap_err().to_string(),
            expected,
            "{text}"
        );
    }
}
