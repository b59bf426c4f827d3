//! Any body under rules of every kind: recorded or a reason, never a panic.
#![no_main]

use std::sync::LazyLock;

use delivery::config::{BodyRule, SuccessRules};
use delivery::recorded::{Read, Recorded};
use libfuzzer_sys::fuzz_target;

/// One rule of each kind, each alone, so that none hides the next.
static RULES: LazyLock<Vec<Recorded>> = LazyLock::new(|| {
    let at = |pointer: &str| BodyRule { pointer: Some(pointer.to_owned()), ..BodyRule::default() };
    let rules = [
        BodyRule { is: Some("ok".into()), ..at("/status") },
        BodyRule { is: Some(0.into()), ..at("/0/a~1b") },
        BodyRule { matches: Some("^[0-9]+$".to_owned()), ..at("/a/b") },
        BodyRule { exists: Some(false), ..at("") },
        BodyRule { null: Some(true), ..at("/a") },
        BodyRule { matches: Some("(?i)error".to_owned()), not: true, ..BodyRule::default() },
    ];
    let alone = |rule| SuccessRules { body: vec![rule], ..SuccessRules::default() };
    rules.map(|rule| Recorded::new(&alone(rule)).expect("the rules are right")).into()
});

fuzz_target!(|body: &[u8]| {
    for rules in &*RULES {
        let _ = rules.judge_body(body, Read::Whole);
    }
});
