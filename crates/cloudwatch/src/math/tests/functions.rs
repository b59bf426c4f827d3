//! Operators and functions, each by what the guide says of it.

use super::{Values, evaluated, some};

const NONE: Option<f64> = None;

/// `a` is whole, `b` has a gap, `c` is empty.
fn metrics() -> Vec<(&'static str, Values)> {
    vec![
        ("a", some(&[1.0, 4.0, 9.0, 16.0])),
        ("b", vec![Some(2.0), NONE, Some(-6.5), Some(0.0)]),
        ("c", Vec::new()),
    ]
}

fn check(cases: &[(&str, Vec<Values>)]) {
    for (text, expected) in cases {
        assert_eq!(&evaluated(text, &metrics(), 4), expected, "{text}");
    }
}

#[test]
fn arithmetic_takes_what_is_missing_for_nothing_and_drops_divisions_by_zero() {
    check(&[
        ("a + b", vec![some(&[3.0, 4.0, 2.5, 16.0])]),
        ("b - a", vec![some(&[1.0, -4.0, -15.5, -16.0])]),
        ("a * b", vec![some(&[2.0, 0.0, -58.5, 0.0])]),
        ("a / b", vec![vec![Some(0.5), NONE, Some(9.0 / -6.5), NONE]]),
        (
            "10 / b",
            vec![vec![Some(5.0), NONE, Some(10.0 / -6.5), NONE]],
        ),
        ("b / 0", vec![vec![NONE; 4]]),
        ("a ^ 0.5", vec![some(&[1.0, 2.0, 3.0, 4.0])]),
        ("-b", vec![vec![Some(-2.0), NONE, Some(6.5), Some(-0.0)]]),
        ("2 * a + 1", vec![some(&[3.0, 9.0, 19.0, 33.0])]),
        ("2 + a * 2 ^ 2 ^ 0", vec![some(&[4.0, 10.0, 20.0, 34.0])]),
        (
            "-a ^ 2 + TIME_SERIES(0)",
            vec![some(&[-1.0, -16.0, -81.0, -256.0])],
        ),
        ("(a - 1) * -1", vec![some(&[-0.0, -3.0, -8.0, -15.0])]),
        (
            "100 / [a, b] ",
            vec![
                some(&[100.0, 25.0, 100.0 / 9.0, 6.25]),
                vec![Some(50.0), NONE, Some(100.0 / -6.5), NONE],
            ],
        ),
        (
            "a - [a, c]",
            vec![some(&[0.0; 4]), some(&[1.0, 4.0, 9.0, 16.0])],
        ),
        ("c + 1", vec![vec![NONE; 4]]),
    ]);
}

#[test]
fn comparisons_and_logic_give_zero_or_one() {
    check(&[
        ("a > 4", vec![some(&[0.0, 0.0, 1.0, 1.0])]),
        ("a == 4 OR a == 9", vec![some(&[0.0, 1.0, 1.0, 0.0])]),
        (
            "a == 4 || a == 9 && a == 1",
            vec![some(&[0.0, 1.0, 0.0, 0.0])],
        ),
        ("a >= b", vec![some(&[0.0, 1.0, 1.0, 1.0])]),
        ("a != b", vec![some(&[1.0; 4])]),
        ("b AND a", vec![some(&[1.0, 0.0, 1.0, 0.0])]),
        ("b <= 0", vec![vec![Some(0.0), NONE, Some(1.0), Some(1.0)]]),
        ("a * (2 < 3)", vec![some(&[1.0, 4.0, 9.0, 16.0])]),
        (
            "[a, b] > 3",
            vec![
                some(&[0.0, 1.0, 1.0, 1.0]),
                vec![Some(0.0), NONE, Some(0.0), Some(0.0)],
            ],
        ),
    ]);
}

#[test]
fn conditions_choose_point_by_point() {
    check(&[
        ("IF(a < 5, a)", vec![vec![Some(1.0), Some(4.0), NONE, NONE]]),
        ("IF(a < 5, 10, 2)", vec![some(&[10.0, 10.0, 2.0, 2.0])]),
        (
            "IF(1, b, a)",
            vec![vec![Some(2.0), NONE, Some(-6.5), Some(0.0)]],
        ),
        ("IF(0, b, a)", vec![some(&[1.0, 4.0, 9.0, 16.0])]),
        ("IF(0, b)", vec![vec![NONE; 4]]),
        ("IF(-2, 3, b)", vec![some(&[3.0; 4])]),
        (
            "a + IF(MAX(a) > 15, 1, 0)",
            vec![some(&[2.0, 5.0, 10.0, 17.0])],
        ),
        ("IF(c, 1, 2)", vec![vec![NONE; 4]]),
    ]);
}

#[test]
fn functions_of_values_work_on_each() {
    check(&[
        ("ABS(b)", vec![vec![Some(2.0), NONE, Some(6.5), Some(0.0)]]),
        (
            "CEIL(b)",
            vec![vec![Some(2.0), NONE, Some(-6.0), Some(0.0)]],
        ),
        (
            "FLOOR([b])",
            vec![vec![Some(2.0), NONE, Some(-7.0), Some(0.0)]],
        ),
        ("LOG10(10 ^ a)", vec![some(&[1.0, 4.0, 9.0, 16.0])]),
        ("LOG(a * 0 + 1)", vec![some(&[0.0; 4])]),
        ("LOG(b * 0)", vec![vec![NONE; 4]]),
    ]);
}

#[test]
fn functions_of_neighbours_leave_out_the_first() {
    check(&[
        ("DIFF(a)", vec![vec![NONE, Some(3.0), Some(5.0), Some(7.0)]]),
        ("DIFF(b)", vec![vec![NONE, NONE, Some(-8.5), Some(6.5)]]),
        (
            "DIFF_TIME(b)",
            vec![vec![NONE, NONE, Some(120.0), Some(60.0)]],
        ),
        (
            "RATE(a)",
            vec![vec![NONE, Some(0.05), Some(5.0 / 60.0), Some(7.0 / 60.0)]],
        ),
        (
            "RATE([b, c])",
            vec![
                vec![NONE, NONE, Some(-8.5 / 120.0), Some(6.5 / 60.0)],
                vec![NONE; 4],
            ],
        ),
        (
            "RUNNING_SUM(b)",
            vec![vec![Some(2.0), NONE, Some(-4.5), Some(-4.5)]],
        ),
    ]);
}

#[test]
fn a_series_sums_up_to_a_number_and_an_array_to_a_series() {
    check(&[
        ("a * 0 + AVG(a)", vec![some(&[7.5; 4])]),
        ("a * 0 + AVG(b)", vec![some(&[-1.5; 4])]),
        ("a * 0 + SUM(b)", vec![some(&[-4.5; 4])]),
        ("a * 0 + MIN(b)", vec![some(&[-6.5; 4])]),
        ("a * 0 + MAX(b)", vec![some(&[2.0; 4])]),
        ("a * 0 + DATAPOINT_COUNT(b)", vec![some(&[3.0; 4])]),
    ]);
    check(&[
        ("AVG([a, b])", vec![some(&[1.5, 2.0, 1.25, 8.0])]),
        ("SUM(METRICS())", vec![some(&[3.0, 4.0, 2.5, 16.0])]),
        ("SUM(METRICS(\"a\"))", vec![some(&[1.0, 4.0, 9.0, 16.0])]),
        (
            "SUM([METRICS('a'), METRICS('b')])",
            vec![some(&[3.0, 4.0, 2.5, 16.0])],
        ),
        ("MIN([a, b])", vec![some(&[1.0, 4.0, -6.5, 0.0])]),
        ("MAX([a, b])", vec![some(&[2.0, 4.0, 9.0, 16.0])]),
        ("STDDEV([a, b])", vec![some(&[0.5, 0.0, 7.75, 8.0])]),
        (
            "DATAPOINT_COUNT(METRICS())",
            vec![some(&[2.0, 1.0, 2.0, 2.0])],
        ),
        (
            "a * METRIC_COUNT(METRICS())",
            vec![some(&[3.0, 12.0, 27.0, 48.0])],
        ),
        ("a - AVG(c)", vec![vec![NONE; 4]]),
        ("a > AVG(c)", vec![vec![NONE; 4]]),
        ("a + SUM(c)", vec![some(&[1.0, 4.0, 9.0, 16.0])]),
    ]);
}

#[test]
fn the_deviation_is_that_of_all_values() {
    let metrics = [("a", some(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]))];
    let found = evaluated("a * 0 + STDDEV(a)", &metrics, 8);
    assert_eq!(found, [some(&[2.0; 8])]);
}

#[test]
fn gaps_are_filled() {
    check(&[
        ("FILL(b, 7)", vec![some(&[2.0, 7.0, -6.5, 0.0])]),
        ("FILL(b, MIN(b))", vec![some(&[2.0, -6.5, -6.5, 0.0])]),
        ("FILL(b, REPEAT)", vec![some(&[2.0, 2.0, -6.5, 0.0])]),
        ("FILL(b, LINEAR)", vec![some(&[2.0, -2.25, -6.5, 0.0])]),
        ("FILL(b, a)", vec![some(&[2.0, 4.0, -6.5, 0.0])]),
        (
            "FILL(METRICS(), 0)",
            vec![
                some(&[1.0, 4.0, 9.0, 16.0]),
                some(&[2.0, 0.0, -6.5, 0.0]),
                some(&[0.0; 4]),
            ],
        ),
        (
            "FILL([b, c], LINEAR)",
            vec![some(&[2.0, -2.25, -6.5, 0.0]), vec![NONE; 4]],
        ),
    ]);
    let edges = [("d", vec![NONE, Some(1.0), NONE, NONE, Some(4.0), NONE])];
    for (text, expected) in [
        (
            "FILL(d, REPEAT)",
            vec![NONE, Some(1.0), Some(1.0), Some(1.0), Some(4.0), Some(4.0)],
        ),
        (
            "FILL(d, LINEAR)",
            vec![NONE, Some(1.0), Some(2.0), Some(3.0), Some(4.0), NONE],
        ),
    ] {
        assert_eq!(evaluated(text, &edges, 6), [expected], "{text}");
    }
}

#[test]
fn arrays_are_sorted_and_cut() {
    let a = some(&[1.0, 4.0, 9.0, 16.0]);
    let b = vec![Some(2.0), NONE, Some(-6.5), Some(0.0)];
    let c = vec![NONE; 4];
    check(&[
        (
            "SORT(METRICS(), AVG, DESC)",
            vec![a.clone(), b.clone(), c.clone()],
        ),
        (
            "SORT(METRICS(), MAX, ASC)",
            vec![b.clone(), a.clone(), c.clone()],
        ),
        ("SORT(METRICS(), SUM, ASC, 1)", vec![b.clone()]),
        ("SORT(METRICS(), MIN, DESC, 2)", vec![a.clone(), b.clone()]),
        ("SLICE(METRICS(), 1, 2)", vec![b.clone()]),
        ("SLICE(METRICS(), 1)", vec![b.clone(), c.clone()]),
        ("SLICE(METRICS(), 2, 1)", vec![]),
        ("FIRST(SORT(METRICS(), AVG, DESC))", vec![a.clone()]),
        ("LAST([a, b])", vec![b.clone()]),
        ("FIRST(REMOVE_EMPTY([c]))", vec![c]),
        ("REMOVE_EMPTY(METRICS())", vec![a, b]),
    ]);
}

/// The window begins on Sunday, 2026-11-29, 06:40.
#[test]
fn time_series_are_made_of_periods() {
    check(&[
        ("TIME_SERIES(10)", vec![some(&[10.0; 4])]),
        ("TIME_SERIES(MAX(a))", vec![some(&[16.0; 4])]),
        ("MINUTE(c)", vec![some(&[40.0, 41.0, 42.0, 43.0])]),
        ("HOUR(b)", vec![some(&[6.0; 4])]),
        ("DAY(b)", vec![some(&[7.0; 4])]),
        ("DATE(b)", vec![some(&[29.0; 4])]),
        ("MONTH(b)", vec![some(&[11.0; 4])]),
        ("YEAR(b)", vec![some(&[2026.0; 4])]),
        (
            "EPOCH(b) - 1795934400",
            vec![some(&[0.0, 60.0, 120.0, 180.0])],
        ),
        ("IF(DAY(a)<6, a)", vec![vec![NONE; 4]]),
        (
            "IF((DAY(a)>6 AND (HOUR(a)>=6 AND HOUR(a)<17)),a)",
            vec![some(&[1.0, 4.0, 9.0, 16.0])],
        ),
        ("a / PERIOD(a) * 60", vec![some(&[1.0, 4.0, 9.0, 16.0])]),
    ]);
}
