//! What holds of all expressions.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{START, Values, evaluated, expression, metric, minutes, options, shown};
use crate::math::label::Template;
use crate::math::search::Terms;
use crate::math::select::Select;
use crate::math::tree::{FUNCTIONS, OPERATORS};
use crate::math::{Expr, Plan, parse};
use crate::metric::memory::{Memory, identity};

fn trees() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        (0_u32..100_000).prop_map(|it| Expr::Number(f64::from(it) / 64.0)),
        "[a-z][A-Za-z0-9_]{0,5}".prop_map(Expr::Id),
        "[^'\"\\\\]{0,8}".prop_map(Expr::Text),
        prop::sample::select(vec!["AVG", "DESC", "LINEAR"])
            .prop_map(|it| Expr::Word(it.to_owned())),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        let operator = prop::sample::select(OPERATORS.to_vec()).prop_map(|it| it.1);
        let function = prop::sample::select(FUNCTIONS.to_vec()).prop_map(|it| it.1);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Expr::List),
            inner.clone().prop_map(|it| Expr::Negate(Box::new(it))),
            (operator, inner.clone(), inner.clone()).prop_map(|(it, left, right)| Expr::Binary(
                it,
                Box::new(left),
                Box::new(right)
            )),
            (function, vec(inner, 0..4)).prop_map(|(it, arguments)| Expr::Call(it, arguments)),
        ]
    })
}

/// Expressions of which many are of the right kind.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["a", "b", "[a, b]", "METRICS()", "2", "0.5"]);
    leaf.prop_map(str::to_owned)
        .prop_recursive(5, 30, 3, |inner| {
            let operator = prop::sample::select(OPERATORS.to_vec()).prop_map(|it| it.0);
            let function = prop::sample::select(FUNCTIONS.to_vec()).prop_map(|it| it.0);
            prop_oneof![
                (inner.clone(), operator, inner.clone())
                    .prop_map(|(a, it, b)| format!("({a} {it} {b})")),
                (function, inner.clone()).prop_map(|(it, a)| format!("{it}({a})")),
                (inner.clone(), inner.clone(), inner.clone())
                    .prop_map(|(a, b, c)| format!("IF({a}, {b}, {c})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("FILL({a}, {b})")),
                inner.clone().prop_map(|a| format!("FILL({a}, LINEAR)")),
                inner.clone().prop_map(|a| format!("SORT({a}, MAX, DESC)")),
                (inner.clone(), inner).prop_map(|(a, b)| format!("SLICE({a}, {b})")),
            ]
        })
}

fn values() -> impl Strategy<Value = Values> {
    vec(option::of((-1000_i32..1000).prop_map(f64::from)), 6)
}

proptest! {
    #[test]
    fn a_printed_tree_is_read_again(tree in trees()) {
        let text = tree.to_string();
        prop_assume!(text.chars().count() <= crate::math::EXPRESSION_CHARS_MAX);
        prop_assert_eq!(parse(&text), Ok(tree), "{}", text);
    }

    #[test]
    fn no_text_is_too_much(text in ".{0,80}", rest in "[-m1eE.+(){}\\[\\]'\",=&| ANDORSUM$]{0,80}") {
        for text in [&text, &rest] {
            if let Ok(tree) = parse(text) {
                prop_assert_eq!(parse(&tree.to_string()), Ok(tree));
            }
            let _ = Terms::parse(text);
            let _ = Template::parse(text);
            let _ = Select::parse(&format!("SELECT AVG(x) FROM {text}"));
        }
    }

    #[test]
    fn what_is_planned_runs(text in expressions(), a in values(), b in values()) {
        let memory = Memory::default();
        memory.put_all(&identity("Own", "a", &[]), START, 60, &a);
        memory.put_all(&identity("Own", "b", &[]), START, 60, &b);
        let queries = [shown(metric("a")), metric("b"), expression("e1", &text)];
        if let Ok(plan) = Plan::new(&queries) {
            let results = plan.run(&memory, &minutes(6), &options()).unwrap();
            for answer in results.answers {
                prop_assert!(answer.points.iter().all(|(_, value)| value.is_finite()), "{}", text);
                prop_assert!(answer.points.is_sorted_by(|one, next| one.0 < next.0), "{}", text);
            }
        }
    }

    #[test]
    fn arithmetic_has_its_laws(a in values(), b in values()) {
        let metrics = [("a", a.clone()), ("b", b.clone())];
        let of = |text: &str| evaluated(text, &metrics, 6);
        let plain = vec![a.clone()];
        for text in ["a + 0", "0 + a", "a * 1", "a - 0", "-(-a)", "a ^ 1", "a / 1", "FIRST([a, b])"] {
            prop_assert_eq!(of(text), plain.clone(), "{}", text);
        }
        prop_assert_eq!(of("a + b"), of("b + a"));
        prop_assert_eq!(of("a + b"), of("SUM([a, b])"));
        prop_assert_eq!(of("a > b"), of("b < a"));
        prop_assert_eq!(of("(a > b) + (a <= b)"), of("(a == b) + (a != b)"));
    }

    #[test]
    fn conditions_and_fillers_have_their_laws(a in values(), b in values()) {
        let metrics = [("a", a.clone()), ("b", b.clone())];
        let of = |text: &str| evaluated(text, &metrics, 6);
        prop_assert_eq!(of("IF(1, a, b)"), vec![a.clone()]);
        prop_assert_eq!(of("IF(0, a, b)"), vec![b.clone()]);
        prop_assert_eq!(of("IF(a, a, a)"), vec![a.clone()]);
        prop_assert_eq!(of("IF(a > b, 1, 0)"), of("a > b"));
        prop_assert_eq!(of("IF(a, 1, 1)"), of("a * 0 + 1"));
        let filled = of("FILL(a, 0)");
        prop_assert!(filled[0].iter().all(Option::is_some));
        let expected: Values = a.iter().map(|it| Some(it.unwrap_or(0.0))).collect();
        prop_assert_eq!(filled, vec![expected]);
        prop_assert_eq!(of("FILL(a, b)").concat().iter().flatten().count(),
            a.iter().zip(&b).filter(|(a, b)| a.is_some() || b.is_some()).count());
    }
}
