//! What is refused before any data is read, and what alarms may watch.

use super::{expression, invalid, metric, run, shown, stat};
use crate::math::alarm::ALARM_METRICS_MAX;
use crate::math::tests::{START, minutes};
use crate::math::{Kind, NotForAlarms, Plan, QUERIES_MAX, SERIES_MAX, Watched};
use crate::metric::memory::{Memory, identity};
use crate::metric::{Query, Source, Stat};

/// The problem of an expression next to the metrics `m1` and `m2`.
fn problem(text: &str) -> String {
    let error = invalid(&[metric("m1"), metric("m2"), expression("e1", text)]);
    let text = error.to_string();
    text.strip_prefix("error in expression `e1`: ")
        .unwrap()
        .to_owned()
}

#[test]
fn expressions_that_cannot_be_read_say_where() {
    for (text, expected) in [
        ("", "an expression has 1 to 2048 characters"),
        (" ", "an expression has 1 to 2048 characters"),
        ("m1 +", "expected a value, found the end at character 5"),
        (
            "m1 m2",
            "expected an operator or the end, found `m2` at character 4",
        ),
        (
            "(m1",
            "expected an operator or `)`, found the end at character 4",
        ),
        ("m1 = 2", "unexpected `=` at character 4"),
        (
            "SUM(m1",
            "expected an operator, a comma or the closing parenthesis, found the end at character 7",
        ),
        (
            "SUM(m1;m2)",
            "expected an operator, a comma or the closing parenthesis, found `;` at character 7",
        ),
        ("MEDIAN(m1)", "there is no function `MEDIAN` at character 1"),
        ("é", "unexpected `é` at character 1"),
        ("'m1", "a text without its end at character 1"),
        (
            "1.2.3",
            "expected an operator or the end, found `0.3` at character 4",
        ),
        (".", "`.` is no number at character 1"),
        ("1e999", "`1e999` is no number at character 1"),
    ] {
        assert_eq!(problem(text), expected, "{text}");
    }
    let deep = "(".repeat(65) + "m1" + &")".repeat(65);
    assert_eq!(problem(&deep), "parentheses deeper than 64 at character 66");
    let signs = "-".repeat(2000);
    assert_eq!(
        problem(&signs),
        "parentheses deeper than 64 at character 66"
    );
    let long = "m1+".repeat(700);
    assert_eq!(problem(&long), "an expression has 1 to 2048 characters");
    let most = format!("m1{}", "+m1".repeat(682));
    assert!(Plan::new(&[metric("m1"), expression("e1", &most)]).is_ok());
}

#[test]
fn expressions_of_the_wrong_kind_say_what_is_wrong() {
    for (text, expected) in [
        (
            "AVG(m1)",
            "the result is a number, and must be a time series or an array of them",
        ),
        (
            "5",
            "the result is a number, and must be a time series or an array of them",
        ),
        ("m3 + 1", "there is no query `m3`"),
        (
            "[m1] + [m2]",
            "unsupported operand type(s) for +: '[Array[TimeSeries], Array[TimeSeries]]'",
        ),
        ("[m1, 2]", "a list holds time series"),
        ("[]", "a list holds time series"),
        ("m1 + ASC", "`ASC` is no value"),
        ("m1 + 'a'", "`'a'` is no value"),
        ("SUM(m1, m2)", "SUM takes one argument"),
        ("SUM(5)", "SUM takes time series, not a number"),
        ("TIME_SERIES(m1)", "TIME_SERIES takes a number"),
        ("FIRST(m1)", "FIRST takes an array"),
        ("HOUR([m1])", "HOUR takes one time series"),
        ("m1 / PERIOD([m1])", "PERIOD takes one time series"),
        (
            "FILL(m1, NEXT)",
            "FILL takes time series and a number, one time series, REPEAT or LINEAR",
        ),
        (
            "FILL(m1)",
            "FILL takes time series and a number, one time series, REPEAT or LINEAR",
        ),
        (
            "SORT([m1], COUNT, ASC)",
            "SORT takes an array, one of AVG, MIN, MAX and SUM, one of ASC and DESC, and maybe a number",
        ),
        (
            "SLICE([m1], m1)",
            "SLICE takes an array and one or two numbers",
        ),
        (
            "IF(m1)",
            "IF takes a condition and one or two values, none of them an array",
        ),
        (
            "IF([m1], 1, 2)",
            "IF takes a condition and one or two values, none of them an array",
        ),
        ("METRICS(m1)", "METRICS takes nothing or a text"),
        ("LAMBDA('f')", "LAMBDA is not supported here"),
        (
            "DB_PERF_INSIGHTS('RDS', 'db-1', 'x')",
            "DB_PERF_INSIGHTS is not supported here",
        ),
        (
            "INSIGHT_RULE_METRIC('r', 'Sum')",
            "INSIGHT_RULE_METRIC is not supported here",
        ),
        ("SERVICE_QUOTA(m1)", "SERVICE_QUOTA is not supported here"),
        ("LAMBDA('f')", "LAMBDA is not supported here"),
        (
            "SEARCH('{A} b')",
            "SEARCH takes a search and a statistic in quotes, and maybe a period",
        ),
        (
            "SEARCH('{A} (b', 'Sum', 60)",
            "in the search: expected `)`, found the end",
        ),
        ("SEARCH('{A} b', 'Mean', 60)", "`Mean` is no statistic"),
        (
            "SEARCH('{A} b', 'Sum', 61)",
            "61 is no period: 1, 5, 10, 20, 30 or a multiple of 60 up to 86400, in seconds",
        ),
        (
            "SELECT AVG(x)",
            "expected FROM, found the end at character 14",
        ),
    ] {
        assert_eq!(problem(text), expected, "{text}");
    }
}

#[test]
fn queries_that_do_not_belong_together_are_refused() {
    for id in ["M1", "", "1a", "m-1", "_m", &"m".repeat(256)] {
        let error = invalid(&[metric(id)]).to_string();
        assert_eq!(
            error,
            format!("`{id}` is no id: a small letter, then letters, digits and `_`")
        );
    }
    let twice = invalid(&[metric("m1"), metric("m1")]).to_string();
    assert_eq!(twice, "the id `m1` is used twice");
    let circle = invalid(&[expression("e1", "e2 + 1"), expression("e2", "e1")]).to_string();
    assert_eq!(circle, "the expression `e1` needs its own result");
    let itself = invalid(&[expression("e1", "e1")]).to_string();
    assert_eq!(itself, "the expression `e1` needs its own result");
    let many: Vec<_> = (0..=QUERIES_MAX)
        .map(|it| metric(&format!("m{it}")))
        .collect();
    assert_eq!(invalid(&many).to_string(), "501 queries are more than 500");
    let odd = Query {
        source: Source::Metric(Stat {
            period_secs: 45,
            ..stat("m1")
        }),
        ..metric("m1")
    };
    assert_eq!(
        invalid(&[odd]).to_string(),
        "45 is no period: 1, 5, 10, 20, 30 or a multiple of 60 up to 86400, in seconds"
    );
}

#[test]
fn the_order_of_queries_does_not_matter() {
    let memory = Memory::default();
    memory.put(&identity("Own", "m1", &[]), START, 3.0);
    let hidden = Query {
        is_returned: false,
        ..expression("e2", "MAX(m1)")
    };
    let queries = [expression("e1", "m1 * e2"), hidden, metric("m1")];
    let results = run(&queries, &memory, &minutes(1));
    assert_eq!(results.answers.len(), 1);
    assert_eq!(results.answers[0].id, "e1");
    assert_eq!(results.answers[0].points.len(), 1);
    assert_eq!(results.answers[0].points[0].1, 9.0);
}

#[test]
fn an_alarm_watches_one_series_or_contributors() {
    let watched = |queries: &[Query]| Plan::new(queries).unwrap().alarm(None);
    let of = |id: &str, kind| {
        Ok(Watched {
            id: id.to_owned(),
            period_secs: 60,
            kind,
        })
    };
    let (m1, m2) = (metric("m1"), metric("m2"));
    assert_eq!(watched(&[shown(m1.clone())]), of("m1", Kind::Series));
    let ratio = expression("e1", "m1 / m2 * 100");
    assert_eq!(
        watched(&[m1.clone(), m2.clone(), ratio]),
        of("e1", Kind::Series)
    );
    let select = |period_secs| Query {
        source: Source::Expression {
            text: "SELECT AVG(x) FROM Own GROUP BY Host".to_owned(),
            period_secs,
        },
        ..expression("q1", "x")
    };
    assert_eq!(watched(&[select(Some(60))]), of("q1", Kind::Array));
    assert_eq!(watched(&[select(None)]), Err(NotForAlarms::NoPeriod));
    assert_eq!(
        watched(std::slice::from_ref(&m1)),
        Err(NotForAlarms::Returned)
    );
    let both = [shown(m1.clone()), shown(m2.clone())];
    assert_eq!(watched(&both), Err(NotForAlarms::Returned));
    let search = expression("e1", "SUM(SEARCH('{Own} m1', 'Sum', 60))");
    assert_eq!(watched(&[search]), Err(NotForAlarms::Search));
    let array = expression("e1", "[m1, m2]");
    let id = "e1".to_owned();
    assert_eq!(
        watched(&[m1.clone(), m2, array]),
        Err(NotForAlarms::Many { id })
    );
    let longer = Query {
        source: Source::Metric(Stat {
            period_secs: 300,
            ..stat("m2")
        }),
        ..metric("m2")
    };
    let sum = expression("e1", "m1 + m2");
    assert_eq!(watched(&[m1, longer, sum]), Err(NotForAlarms::Periods));
    let mut many: Vec<_> = (0..=ALARM_METRICS_MAX)
        .map(|it| metric(&format!("m{it}")))
        .collect();
    many.push(expression("e1", "SUM(METRICS())"));
    assert_eq!(watched(&many), Err(NotForAlarms::Metrics));
}

#[test]
fn a_search_gives_recent_metrics_in_order_and_says_what_it_leaves_out() {
    let memory = Memory::default();
    let host = |name: &str| identity("Own", "load", &[("Host", name)]);
    for (name, value) in [("b", 2.0), ("a", 1.0)] {
        memory.put(&host(name), START, value);
    }
    memory.put(&host("old"), START - 15 * 86_400, 1.0);
    let text = r#"REMOVE_EMPTY(SEARCH('{"Own","Host"} MetricName="load" "Host"=("a" OR "b" OR "old")', 'Average', 60))"#;
    let results = run(&[expression("e1", text)], &memory, &minutes(1));
    let labels: Vec<_> = results.answers.iter().map(|it| it.label.as_str()).collect();
    assert_eq!(labels, ["a", "b"]);
    assert!(results.messages.is_empty() && !results.answers[0].is_partial);
    for index in 0..SERIES_MAX {
        memory.put(&host(&format!("c{index:03}")), START, 1.0);
    }
    let queries = [
        expression("e1", "SEARCH('{Own,Host}', 'Average', 60)"),
        expression("e2", "SUM(e1)"),
        expression("e3", "TIME_SERIES(1)"),
    ];
    let results = run(&queries, &memory, &minutes(1));
    assert_eq!(results.answers.len(), SERIES_MAX + 2);
    assert_eq!(results.messages[0].code, "MaxMetricsExceeded");
    let last = &results.answers[SERIES_MAX..];
    assert!(results.answers[0].is_partial && last[0].is_partial && !last[1].is_partial);
    assert_eq!(last[0].points[0].1, 1.0 + 2.0 + 498.0);
}
