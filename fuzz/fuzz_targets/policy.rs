//! Any text as a policy of each kind, asked about any action and resource: problems with their place or one decision,
//! never a panic. What is found wrong stands within the text, and the explanation says what the decision says.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use policy::{
    Attached, Context, Document, Effect, Finding, Kind, Policies, Principal, Request, context_keys,
    could_use, decide, explain, make, validate,
};

const KINDS: [Kind; 3] = [Kind::Identity, Kind::Resource, Kind::Trust];

fuzz_target!(|input: (&str, &str, &str, &str, &str)| {
    let (text, action, resource, key, value) = input;
    let mut facts = Context::new();
    facts.set(key, value);
    facts.set("aws:username", value);
    facts.set_many("aws:TagKeys", [value.to_owned()]);
    for kind in KINDS {
        let findings = validate(text, kind);
        assert!(findings.iter().all(|finding| is_within(finding, text)));
        let document = match Document::parse(text, kind) {
            Ok(document) => Arc::new(document),
            Err(problems) => {
                assert!(!problems.is_empty() && !findings.is_empty());
                continue;
            }
        };
        assert!(document.size() <= text.chars().count());
        let _ = context_keys([&*document]);
        ask(&document, action, resource, &facts);
    }
    if let Ok(made) = make(Effect::Allow, &[action], &[resource]) {
        assert!(Document::parse(&made, Kind::Identity).is_ok());
    }
});

/// Asks a document in the place where it belongs.
fn ask(document: &Arc<Document>, action: &str, resource: &str, facts: &Context) {
    let attached = [Attached {
        id: "one".into(),
        document: document.clone(),
    }];
    let mut policies = Policies::default();
    match document.kind() {
        Kind::Identity => {
            policies.identity = &attached;
            policies.boundary = attached.first();
            policies.session = &attached;
        }
        Kind::Resource | Kind::Trust => policies.resource = Some(document),
    }
    let request = Request {
        principal: Principal::User {
            arn: "arn:aws:iam::123456789012:user/a",
            id: "AIDAAAAAAAAAAAAAAAAAA",
        },
        action,
        resource,
        resource_account: "",
        facts,
    };
    let decision = decide(&request, &policies);
    assert_eq!(explain(&request, &policies).decision, decision);
    let _ = decision.message(&request);
    let usable = could_use(&policies, &[action]);
    if document.kind() == Kind::Identity && decision.is_allowed() {
        assert_eq!(usable.len(), 1);
    }
}

fn is_within(finding: &Finding, text: &str) -> bool {
    finding.locations.iter().all(|location| {
        let (start, end) = (location.span.start.offset, location.span.end.offset);
        start <= end && text.get(start..end).is_some()
    })
}
