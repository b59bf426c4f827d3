//! How series are called.

use super::{
    START, expression, invalid, labelled, metric, minutes, options, run, shown, some, stat,
};
use crate::math::{Options, Plan};
use crate::metric::memory::{Memory, identity};
use crate::metric::{Query, Source, Stat, Statistic, Unit};

fn of(id: &str, change: impl FnOnce(&mut Stat)) -> Query {
    let mut stat = stat("metric1");
    change(&mut stat);
    Query {
        source: Source::Metric(stat),
        ..shown(metric(id))
    }
}

fn labels(queries: &[Query]) -> Vec<String> {
    let results = run(queries, &Memory::default(), &minutes(1));
    results.answers.into_iter().map(|it| it.label).collect()
}

/// The first three: as recorded from AWS.
#[test]
fn a_metric_without_a_label_has_its_name_and_what_tells_it_apart() {
    let sum = |stat: &mut Stat| stat.statistic = Statistic::Sum;
    let minimum = |stat: &mut Stat| {
        stat.statistic = Statistic::Minimum;
        stat.period_secs = 30;
    };
    let short = |stat: &mut Stat| stat.period_secs = 30;
    let host = |name: &'static str| {
        move |stat: &mut Stat| {
            stat.identity = identity("Own", "metric1", &[("Host", name), ("Az", "1")])
        }
    };
    let unit = |stat: &mut Stat| stat.unit = Some(Unit::Bytes);
    assert_eq!(
        labels(&[of("a", sum), of("b", minimum)]),
        ["metric1 Sum 60", "metric1 Minimum 30"]
    );
    assert_eq!(
        labels(&[of("a", |_| ()), of("b", short)]),
        ["metric1 60", "metric1 30"]
    );
    assert_eq!(
        labels(&[of("a", |_| ()), of("b", |_| ())]),
        ["metric1", "metric1"]
    );
    assert_eq!(
        labels(&[of("a", unit), of("b", |_| ())]),
        ["metric1 Bytes", "metric1"]
    );
    assert_eq!(
        labels(&[of("a", host("x")), of("b", host("y"))]),
        ["metric1 x", "metric1 y"]
    );
}

#[test]
fn an_array_has_the_labels_of_its_series_behind_its_own() {
    let (errors, calls) = (labelled(metric("m1"), "Errors"), metric("m2"));
    let filled = expression("e1", "FILL(METRICS(), 0)");
    let all = |filled: Query| labels(&[errors.clone(), calls.clone(), filled]);
    assert_eq!(
        all(labelled(filled.clone(), "Filled With 0:")),
        ["Filled With 0: Errors", "Filled With 0: m2"]
    );
    assert_eq!(all(filled.clone()), ["Errors", "m2"]);
    assert_eq!(all(labelled(filled.clone(), "")), ["Errors", "m2"]);
    assert_eq!(all(labelled(filled, "[${LABEL}]")), ["[Errors]", "[m2]"]);
    assert_eq!(labels(&[calls.clone(), expression("e1", "m2 * 2")]), ["e1"]);
    assert_eq!(
        labels(&[calls, labelled(expression("e1", "m2 * 2"), "twice")]),
        ["twice"]
    );
}

#[test]
fn dynamic_labels_say_what_the_series_is() {
    let memory = Memory::default();
    let host = identity("Own", "load", &[("Host", "web-1")]);
    memory.put_all(&host, START, 60, &some(&[2.0, 7.5, 0.25, 3.0]));
    let query = Query {
        source: Source::Metric(Stat {
            identity: host,
            ..stat("load")
        }),
        ..shown(metric("m1"))
    };
    let label = |query: &Query, label: &str, options: &Options| {
        let plan = Plan::new(&[labelled(query.clone(), label)]).unwrap();
        let mut window = minutes(4);
        window.now = window.to.plus(std::time::Duration::from_secs(3600));
        let results = plan.run(&memory, &window, options).unwrap();
        results.answers[0].label.clone()
    };
    for (text, expected) in [
        ("[max: ${MAX} of ${LABEL}]", "[max: 7.5 of load]"),
        ("${AVG}", "3.188"),
        ("${MIN}", "0.25"),
        ("${SUM}", "12.75"),
        ("${FIRST}", "2"),
        ("${LAST}", "3"),
        ("${DATAPOINT_COUNT}", "4"),
        ("${FIRST_LAST_RANGE}", "1"),
        ("${FIRST_LAST_TIME_RANGE}", "3m"),
        ("${FIRST_TIME}", "2026-11-29 06:40:00 +0000"),
        ("${FIRST_TIME_RELATIVE}", "1h 4m"),
        ("${LAST_TIME}", "2026-11-29 06:43:00 +0000"),
        ("${LAST_TIME_RELATIVE}", "1h 1m"),
        ("${MAX_TIME}", "2026-11-29 06:41:00 +0000"),
        ("${MAX_TIME_RELATIVE}", "1h 3m"),
        ("${MIN_TIME}", "2026-11-29 06:42:00 +0000"),
        ("${MIN_TIME_RELATIVE}", "1h 2m"),
        ("${MIN_MAX_RANGE}", "7.25"),
        ("${MIN_MAX_TIME_RANGE}", "1m"),
        ("${PROP('AccountId')}", "123456789012"),
        ("${PROP('Dim.Host')}", "web-1"),
        ("${PROP('Dim.Other')}", "--"),
        ("${PROP('MetricName')}", "load"),
        ("${PROP('Namespace')}", "Own"),
        ("${PROP('Period')}", "60"),
        ("${PROP('Region')}", "eu-west-1"),
        ("${PROP('Stat')}", "Average"),
        (
            "${OTHER} ${PROP('Other')} ${",
            "${OTHER} ${PROP('Other')} ${",
        ),
    ] {
        assert_eq!(label(&query, text, &options()), expected, "{text}");
    }
    let tokyo = Options {
        utc_offset_secs: 9 * 3600,
        ..options()
    };
    assert_eq!(
        label(&query, "${LAST_TIME}", &tokyo),
        "2026-11-29 15:43:00 +0900"
    );
    let empty = shown(metric("m1"));
    assert_eq!(
        label(
            &empty,
            "${MAX} ${AVG} ${LAST_TIME} ${DATAPOINT_COUNT}",
            &options()
        ),
        "-- -- -- 0"
    );
}

#[test]
fn labels_that_say_too_much_are_refused() {
    let six = "${MAX}${MAX}${MAX}${MAX}${MAX}${MAX}";
    let error = invalid(&[labelled(metric("m1"), six)]).to_string();
    assert_eq!(error, "the label of `m1` has more than five dynamic values");
    let error = invalid(&[labelled(metric("m1"), "${LABEL} ${LABEL}")]).to_string();
    assert_eq!(error, "the label of `m1` has `${LABEL}` more than once");
}

/// Text: as recorded from AWS.
#[test]
fn several_units_are_said() {
    let memory = Memory::default();
    let metric1 = identity("Own", "m1", &[]);
    memory.put_with(&metric1, Unit::Seconds, START, 1.0);
    memory.put_with(&metric1, Unit::Milliseconds, START, 1000.0);
    let results = run(&[shown(metric("m1"))], &memory, &minutes(1));
    let message = &results.answers[0].messages[0];
    assert_eq!(message.code, "MultipleUnits");
    assert_eq!(
        message.value,
        "Multiple units returned: '[Milliseconds, Seconds]'"
    );
}
