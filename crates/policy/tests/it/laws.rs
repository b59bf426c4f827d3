//! What holds whatever the policies are.

use policy::{Effect, Verdict, could_use, decide, explain, make};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::cases::{Caller, Case, case, document, shuffled};

fn verdict(case: &Case) -> Verdict {
    let prepared = case.prepare();
    decide(&prepared.request(), &prepared.policies()).verdict
}

fn everything(effect: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": effect, "Action": "*", "Resource": "*" }] })
}

fn statements(policy: &mut Value) -> &mut Vec<Value> {
    policy["Statement"].as_array_mut().unwrap()
}

/// All policies of a case.
fn policies(case: &mut Case) -> Vec<&mut Value> {
    let principal = case
        .identity
        .iter_mut()
        .chain(&mut case.boundary)
        .chain(&mut case.session);
    principal.chain(&mut case.resource_policy).collect()
}

fn has_policies(case: &Case) -> bool {
    matches!(case.caller, Caller::User(_) | Caller::Session(_))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn deny_wins(case in case(), layer in 0..3) {
        let mut case = case;
        prop_assume!(has_policies(&case));
        match layer {
            0 => case.identity.push(everything("Deny")),
            1 => case.boundary = Some(everything("Deny")),
            _ => case.session.push(everything("Deny")),
        }
        prop_assert_eq!(verdict(&case), Verdict::ExplicitDeny);
    }

    #[test]
    fn an_allow_more_never_takes_away(case in case(), more in document(policy::Kind::Identity)) {
        prop_assume!(has_policies(&case));
        let mut more = more;
        for statement in statements(&mut more) {
            statement["Effect"] = json!("Allow");
        }
        let before = verdict(&case);
        let mut case = case;
        case.identity.push(more);
        let after = verdict(&case);
        match before {
            Verdict::Allowed => prop_assert_eq!(after, Verdict::Allowed),
            Verdict::ExplicitDeny => prop_assert_eq!(after, Verdict::ExplicitDeny),
            Verdict::ImplicitDeny => prop_assert_ne!(after, Verdict::ExplicitDeny),
        }
    }

    #[test]
    fn without_its_denies_nothing_is_taken_away(case in case()) {
        let before = verdict(&case);
        let mut case = case;
        for policy in policies(&mut case) {
            let is_deny = |statement: &&mut Value| statement["Effect"] == "Deny";
            for deny in statements(policy).iter_mut().filter(is_deny) {
                deny.as_object_mut().unwrap().remove("NotAction");
                deny["Action"] = json!("sts:NeverCalled");
            }
        }
        let after = verdict(&case);
        prop_assert_ne!(after, Verdict::ExplicitDeny);
        if before == Verdict::Allowed {
            prop_assert_eq!(after, Verdict::Allowed);
        }
    }

    #[test]
    fn order_does_not_matter(case in case(), order in vec(any::<Index>(), 4)) {
        let before = verdict(&case);
        let mut case = case;
        shuffled(&mut case.identity, &order);
        shuffled(&mut case.session, &order);
        for policy in policies(&mut case) {
            shuffled(statements(policy), &order);
        }
        prop_assert_eq!(verdict(&case), before);
    }

    #[test]
    fn one_policy_or_one_for_each_statement(case in case()) {
        let before = verdict(&case);
        let mut case = case;
        let apart = case.identity.iter().flat_map(|policy| {
            let version = policy["Version"].clone();
            let statements = policy["Statement"].as_array().unwrap().clone();
            statements.into_iter().map(move |statement| json!({ "Version": version, "Statement": statement }))
        });
        case.identity = apart.collect();
        prop_assert_eq!(verdict(&case), before);
    }

    #[test]
    fn boundary_and_session_policies_only_narrow(case in case()) {
        let narrowed = verdict(&case);
        let mut case = case;
        case.boundary = None;
        case.session.clear();
        if narrowed == Verdict::Allowed {
            prop_assert_eq!(verdict(&case), Verdict::Allowed);
        }
    }

    #[test]
    fn a_boundary_that_allows_all_changes_nothing(case in case()) {
        prop_assume!(case.boundary.is_none());
        let before = verdict(&case);
        let mut case = case;
        case.boundary = Some(everything("Allow"));
        prop_assert_eq!(verdict(&case), before);
    }

    #[test]
    fn actions_and_keys_have_no_case(case in case()) {
        let before = verdict(&case);
        let mut case = case;
        case.action = case.action.to_uppercase();
        for (key, _) in &mut case.context {
            *key = key.to_uppercase();
        }
        prop_assert_eq!(verdict(&case), before);
    }

    #[test]
    fn every_decision_says_why(case in case()) {
        let prepared = case.prepare();
        let request = prepared.request();
        let explanation = explain(&request, &prepared.policies());
        let decision = explanation.decision;
        match decision.verdict {
            Verdict::Allowed => {
                prop_assert_eq!(decision.reason(request.action), "");
                prop_assert!(decision.by.is_some() || matches!(case.caller, Caller::Root));
            }
            Verdict::ExplicitDeny => {
                prop_assert!(explanation.matched.contains(&decision.by.unwrap()));
                prop_assert!(decision.reason(request.action).starts_with("with an explicit deny in "));
            }
            Verdict::ImplicitDeny => {
                prop_assert!(decision.by.is_none());
                prop_assert!(decision.message(&request).ends_with(" action"));
            }
        }
        if let Some(by) = decision.by {
            prop_assert!(explanation.matched.contains(&by));
        }
    }

    #[test]
    fn what_is_allowed_could_be_used(case in case()) {
        let mut case = case;
        prop_assume!(has_policies(&case));
        case.resource_policy = None;
        case.owner = "111122223333";
        case.is_trust = false;
        let prepared = case.prepare();
        let decision = decide(&prepared.request(), &prepared.policies());
        let usable = could_use(&prepared.policies(), &[&case.action]);
        if decision.is_allowed() {
            prop_assert_eq!(usable.len(), 1);
        }
        if case.identity.is_empty() {
            prop_assert!(usable.is_empty());
        }
    }

    #[test]
    fn no_facts_are_asked_where_none_are_used(case in case()) {
        let prepared = case.prepare();
        if !prepared.policies().uses_facts() {
            let mut request = prepared.request();
            request.facts = &Unasked;
            let _ = explain(&request, &prepared.policies());
        }
    }

    #[test]
    fn what_is_made_allows_what_it_says(name in "[A-Za-z]{1,8}", other in "[A-Za-z]{1,8}") {
        let action = format!("sqs:{name}");
        let text = make(Effect::Allow, &[&action], &["arn:aws:sqs:*:*:q"]).unwrap();
        let mut case = Case {
            caller: Caller::User("bob".to_owned()),
            action: action.clone(),
            resource: "arn:aws:sqs:eu-west-1:111122223333:q".to_owned(),
            owner: "111122223333",
            context: Vec::new(),
            identity: vec![serde_json::from_str(&text).unwrap()],
            boundary: None,
            session: Vec::new(),
            resource_policy: None,
            is_trust: false,
        };
        prop_assert_eq!(verdict(&case), Verdict::Allowed);
        case.action = format!("sqs:{other}");
        let is_same = name.eq_ignore_ascii_case(&other);
        prop_assert_eq!(verdict(&case) == Verdict::Allowed, is_same);
    }
}

/// Facts that nobody may ask for.
#[derive(Debug)]
struct Unasked;

impl policy::Facts for Unasked {
    fn get(&self, key: &str) -> Option<policy::Fact<'_>> {
        panic!("asked for {key}");
    }
}
