//! Two evaluators, one answer.

use policy::{Verdict, decide, explain};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::cases::case;
use crate::naive::{Answer, answer};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn both_evaluators_agree(case in case()) {
        let prepared = case.prepare();
        let decision = decide(&prepared.request(), &prepared.policies());
        let found = match decision.verdict {
            Verdict::Allowed => Answer::Allowed,
            Verdict::ExplicitDeny => Answer::ExplicitDeny,
            Verdict::ImplicitDeny => Answer::ImplicitDeny,
        };
        prop_assert_eq!(found, answer(&case), "{:#?}", decision);
        let explanation = explain(&prepared.request(), &prepared.policies());
        prop_assert_eq!(explanation.decision, decision);
    }
}

/// Agreement would say little if all cases were refused.
#[test]
fn the_cases_have_every_answer() {
    let mut runner = TestRunner::deterministic();
    let answers = (0..1_000)
        .map(|_| answer(&case().new_tree(&mut runner).unwrap().current()))
        .collect::<Vec<_>>();
    let all = answers.len();
    for (wanted, least) in [
        (Answer::Allowed, 15),
        (Answer::ExplicitDeny, 15),
        (Answer::ImplicitDeny, 15),
    ] {
        let count = answers.iter().filter(|answer| **answer == wanted).count();
        assert!(count * 100 >= all * least, "{wanted:?}: {count} of {all}");
    }
}
