use proptest::prelude::*;

use super::*;

fn states(alarm: &str) -> Option<State> {
    match alarm {
        "a" | "alarm one" | "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a" => {
            Some(State::Alarm)
        }
        "o" | "q\"uote" => Some(State::Ok),
        "i" => Some(State::InsufficientData),
        _ => None,
    }
}

#[test]
fn rules_are_read_as_the_api_describes_them() {
    for (rule, expected) in [
        ("TRUE", true),
        ("false", false),
        ("ALARM(a)", true),
        ("ALARM(\"a\")", true),
        ("ALARM( a )", true),
        ("ALARM(\"alarm one\")", true),
        ("ALARM(alarm one)", true),
        ("OK(\"q\\\"uote\")", true),
        (
            "ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a)",
            true,
        ),
        ("OK(a)", false),
        ("INSUFFICIENT_DATA(i)", true),
        ("ALARM(gone) OR OK(gone) OR INSUFFICIENT_DATA(gone)", false),
        ("NOT ALARM(a)", false),
        ("NOT NOT ALARM(a)", true),
        ("ALARM(a) AND OK(o)", true),
        ("ALARM(a) AND NOT ALARM(o)", true),
        // AND binds before OR: TRUE OR (TRUE AND FALSE).
        ("TRUE OR TRUE AND FALSE", true),
        ("(TRUE OR TRUE) AND FALSE", false),
        ("NOT FALSE AND FALSE", false),
        ("(ALARM(a) OR ALARM(i)) AND OK(o)", true),
        ("ALARM(a)\n AND\tOK(o)", true),
        ("AT_LEAST(1, ALARM, (a, o, i))", true),
        ("AT_LEAST(2, ALARM, (a, o, i))", false),
        ("AT_LEAST(2, NOT ALARM, (a, \"o\", i))", true),
        ("AT_LEAST(33%, ALARM, (a, o, i))", true),
        ("AT_LEAST(34%, ALARM, (a, o, i))", false),
        ("AT_LEAST(60%, NOT OK, (a, o, i))", true),
        ("NOT AT_LEAST(2, OK, (a, o))", true),
    ] {
        let read = Rule::parse(rule).unwrap_or_else(|wrong| panic!("{rule}: {wrong}"));
        assert_eq!(read.holds(&states), expected, "{rule}");
    }
}

#[test]
fn what_is_no_rule_is_told_where() {
    for (rule, expected) in [
        (
            "",
            "AlarmRule must not contain leading or trailing whitespace or be null",
        ),
        (
            " TRUE",
            "AlarmRule must not contain leading or trailing whitespace or be null",
        ),
        (
            "ALARM(a) ALARM(o)",
            "Error in AlarmRule at character 10: AND, OR or the end is expected",
        ),
        (
            "ALARM(a",
            "Error in AlarmRule at character 8: ) is expected",
        ),
        (
            "ALARM()",
            "Error in AlarmRule at character 7: the name or ARN of an alarm is expected",
        ),
        ("(TRUE", "Error in AlarmRule at character 6: ) is expected"),
        (
            "AT_LEAST(3, ALARM, (a, o))",
            "Error in AlarmRule at character 27: AT_LEAST of 1 to as many alarms as it names, or 1% to 100%, is expected",
        ),
        (
            "AT_LEAST(0, ALARM, (a))",
            "Error in AlarmRule at character 24: AT_LEAST of 1 to as many alarms as it names, or 1% to 100%, is expected",
        ),
        (
            "ALARM(\"a)",
            "Error in AlarmRule at character 8: the name or ARN of an alarm, and a double quote is expected",
        ),
        (
            "TRUEST",
            "Error in AlarmRule at character 1: ALARM(, OK(, INSUFFICIENT_DATA(, AT_LEAST(, TRUE, FALSE, NOT or ( is expected",
        ),
    ] {
        assert_eq!(
            Rule::parse(rule).unwrap_err().to_string(),
            expected,
            "{rule}"
        );
    }
}

#[test]
fn limits_are_those_of_the_api() {
    let of = |count: usize| {
        (0..count)
            .map(|i| format!("ALARM(a{i})"))
            .collect::<Vec<_>>()
            .join(" OR ")
    };
    assert_eq!(Rule::parse(&of(100)).unwrap().children().len(), 100);
    assert_eq!(Rule::parse(&of(101)), Err(Wrong::TooManyChildren(101)));
    let constants = |count: usize| vec!["TRUE"; count].join(" OR ");
    assert!(Rule::parse(&constants(500)).is_ok());
    assert_eq!(Rule::parse(&constants(501)), Err(Wrong::TooManyElements));
    let long = format!("ALARM({})", "a".repeat(10_240));
    assert_eq!(Rule::parse(&long), Err(Wrong::TooLong(10_247)));
    let deep = format!("{}TRUE{}", "(".repeat(400), ")".repeat(400));
    assert!(Rule::parse(&deep).is_err());
    let negated = format!("{}TRUE", "NOT ".repeat(2_000));
    assert!(Rule::parse(&negated).unwrap().holds(&states));
}

#[test]
fn names_are_replaced_everywhere() {
    let rule = Rule::parse("ALARM(x:a) AND NOT OK(b) OR AT_LEAST(1, OK, (x:c, d))").unwrap();
    let renamed = rule.renamed(&|name| name.trim_start_matches("x:").to_owned());
    let names: Vec<_> = renamed.children().iter().map(String::as_str).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!(
        renamed,
        Rule::parse("ALARM(a) AND NOT OK(b) OR AT_LEAST(1, OK, (c, d))").unwrap()
    );
}

/// A rule as text, and what it must be.
fn rules() -> impl Strategy<Value = (String, bool)> {
    let leaf = prop_oneof![
        Just(("TRUE".to_owned(), true)),
        Just(("FALSE".to_owned(), false)),
        Just(("ALARM(a)".to_owned(), true)),
        Just(("OK(\"a\")".to_owned(), false)),
        Just(("INSUFFICIENT_DATA(i)".to_owned(), true)),
        Just(("AT_LEAST(50%, ALARM, (a, o))".to_owned(), true)),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|(text, is)| (format!("NOT ({text})"), !is)),
            (inner.clone(), inner.clone())
                .prop_map(|((a, x), (b, y))| (format!("({a}) AND ({b})"), x && y)),
            (inner.clone(), inner)
                .prop_map(|((a, x), (b, y))| (format!("( {a} ) OR ({b})"), x || y)),
        ]
    })
}

proptest! {
    #[test]
    fn a_rule_holds_as_its_parts_say((text, expected) in rules()) {
        prop_assert_eq!(Rule::parse(&text).unwrap().holds(&states), expected);
    }

    #[test]
    fn no_text_makes_the_reader_fail(text in "[ -~\n]{0,200}") {
        let _ = Rule::parse(&text);
    }

    #[test]
    fn no_words_make_the_reader_fail(
        words in proptest::collection::vec(
            prop::sample::select(vec![
                "ALARM", "OK", "(", ")", "\"", "a", "AND", "OR", "NOT", "AT_LEAST", "2", "%", ",", "TRUE", "é",
            ]),
            0..60,
        ),
    ) {
        let _ = Rule::parse(&words.join(" "));
        let _ = Rule::parse(&words.concat());
    }
}
