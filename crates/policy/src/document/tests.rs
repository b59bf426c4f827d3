use proptest::prelude::*;

use super::*;

fn problems(text: &str, kind: Kind) -> Vec<String> {
    match Document::parse(text, kind) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// A policy for identities with one statement.
fn with(statement: &str) -> String {
    format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{statement}]}}")
}

#[test]
fn what_the_grammar_has_is_read() {
    for (text, kind) in [
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
            Kind::Identity,
        ),
        (
            r#"{"Version":"2008-10-17","Id":"x","Statement":[{"Effect":"Deny","NotAction":["iam:*"],"NotResource":["*"]}]}"#,
            Kind::Identity,
        ),
        (
            r#"{"Statement":{"Sid":"A1","Effect":"Allow","Action":["s3:Get?bject*"],"Resource":["arn:aws:s3:::b/${aws:username}/*","arn:aws:sqs:*"]}}"#,
            Kind::Identity,
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}}"#,
            Kind::Resource,
        ),
        (
            r#"{"Statement":{"Sid":"a b-c","Effect":"Deny","NotPrincipal":{"AWS":["123456789012","arn:aws:iam::123456789012:root","AIDACKCEVSQ6C2EXAMPLE"],"Service":"cloudtrail.amazonaws.com","CanonicalUser":"79a5"},"Action":"sqs:*","Resource":"*"}}"#,
            Kind::Resource,
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}}"#,
            Kind::Trust,
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"s3:max-keys":[10,"20"]}}}}"#,
            Kind::Identity,
        ),
    ] {
        assert_eq!(problems(text, kind), [""; 0], "{text}");
    }
}

/// What IAM answers with MalformedPolicyDocument; its words where they are known.
#[test]
fn what_the_grammar_has_not_is_refused_with_its_place() {
    let allow = |rest: &str| with(&format!("{{\"Effect\":\"Allow\",{rest}}}"));
    for (text, kind, expected) in [
        (
            "[]".to_owned(),
            Kind::Identity,
            "line 1, column 1: The text does not match",
        ),
        (
            "{}".to_owned(),
            Kind::Identity,
            "line 1, column 1: Add a statement",
        ),
        (
            r#"{"Statement":[]}"#.to_owned(),
            Kind::Identity,
            "line 1, column 14: Add a statement",
        ),
        (
            r#"{"Version":"2015-01-01","Statement":[]}"#.to_owned(),
            Kind::Identity,
            "column 12: The version is not valid",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Effect":"Deny"}}"#
                .to_owned(),
            Kind::Identity,
            "column 60: Fix the JSON syntax error at index 59 line 1 column 60: the key `Effect` is given twice; its first stands on line 1, column 15",
        ),
        (
            r#"{"statement":[]}"#.to_owned(),
            Kind::Identity,
            "The policy element `statement` is not valid",
        ),
        (
            with(r#"{"Effect":"allow","Action":"*","Resource":"*"}"#),
            Kind::Identity,
            "column 48: The effect is not valid",
        ),
        (
            with(r#"{"Action":"*","Resource":"*"}"#),
            Kind::Identity,
            "Add an Effect element",
        ),
        (
            allow(r#""Resource":"*""#),
            Kind::Identity,
            "Add an Action or NotAction",
        ),
        (
            allow(r#""Action":"*""#),
            Kind::Identity,
            "Add a Resource or NotResource",
        ),
        (
            allow(r#""Action":"*","NotAction":"*","Resource":"*""#),
            Kind::Identity,
            "can not be used in the same statement",
        ),
        (
            allow(r#""Action":[],"Resource":"*""#),
            Kind::Identity,
            "includes no actions",
        ),
        (
            allow(r#""Action":"*","Resource":[]"#),
            Kind::Identity,
            "includes no resources",
        ),
        (
            allow(r#""Action":"SendMessage","Resource":"*""#),
            Kind::Identity,
            "must be prefaced by a vendor",
        ),
        (
            allow(r#""Action":"sqs:a:b","Resource":"*""#),
            Kind::Identity,
            "can contain only one colon",
        ),
        (
            allow(r#""Action":"s?s:a","Resource":"*""#),
            Kind::Identity,
            "Vendor s?s is not valid",
        ),
        (
            allow(r#""Action":"s qs:a","Resource":"*""#),
            Kind::Identity,
            "Vendor s qs is not valid",
        ),
        (
            allow(r#""Action":"sqs:","Resource":"*""#),
            Kind::Identity,
            "has no name",
        ),
        (
            allow(r#""Action":"sqs:${aws:username}","Resource":"*""#),
            Kind::Identity,
            "Remove the policy variable",
        ),
        (
            allow(r#""Action":"*","Resource":"s2s""#),
            Kind::Identity,
            "must be in ARN format",
        ),
        (
            allow(r#""Action":"*","Resource":"arn:azure:sqs:::x""#),
            Kind::Identity,
            "Partition \"azure\" is not valid",
        ),
        (
            allow(r#""Action":"*","Resource":"arn:aws:s*s:::x""#),
            Kind::Identity,
            "cannot contain regexes",
        ),
        (
            allow(r#""Action":"*","Resource":"arn:aws:sqs:${aws:RequestedRegion}:1:x""#),
            Kind::Identity,
            "behind the fifth colon",
        ),
        (
            allow(r#""Action":"*","Resource":"arn:aws:s3:::${aws:username""#),
            Kind::Identity,
            "missing a closing curly brace",
        ),
        (
            allow(r#""Action":"*","Resource":"*","Sid":"a-b""#),
            Kind::Identity,
            "Update the characters in the Sid",
        ),
        (
            allow(r#""Action":"*","Resource":"*","Principal":"*""#),
            Kind::Identity,
            "does not support the Principal element",
        ),
        (
            allow(r#""Action":"*","Resource":"*""#),
            Kind::Resource,
            "Add a Principal element",
        ),
        (
            allow(r#""Action":"*","Resource":"*","Principal":"bob""#),
            Kind::Resource,
            "contents are not valid",
        ),
        (
            allow(r#""Action":"*","Resource":"*","Principal":{"Aws":"*"}"#),
            Kind::Resource,
            "principal key is not valid",
        ),
        (
            allow(r#""Action":"*","Resource":"*","Principal":{"AWS":[]}"#),
            Kind::Resource,
            "includes no principals",
        ),
        (
            allow(r#""Action":"*","Resource":"*","Principal":{"AWS":"bob"}"#),
            Kind::Resource,
            "Invalid principal in policy",
        ),
        (
            allow(
                r#""Action":"*","Resource":"*","Principal":{"AWS":"arn:aws:iam::123456789012:user/*"}"#,
            ),
            Kind::Resource,
            "Wildcards (*, ?) are not supported",
        ),
        (
            allow(r#""Action":"sts:AssumeRole","Resource":"*","Principal":"*""#),
            Kind::Trust,
            "Has prohibited field Resource",
        ),
        (
            allow(r#""Action":"sqs:SendMessage","Principal":"*""#),
            Kind::Trust,
            "only specify STS AssumeRole actions",
        ),
        (
            allow(r#""Action":"*","Resource":"*","Condition":[]"#),
            Kind::Identity,
            "an object of operators",
        ),
        (
            allow(r#""Action":"*","Resource":"*","Condition":{"StringSame":{"a:b":"c"}}"#),
            Kind::Identity,
            "`StringSame` is not valid",
        ),
        (
            allow(r#""Action":"*","Resource":"*","Condition":{"NullIfExists":{"a:b":"true"}}"#),
            Kind::Identity,
            "cannot be used with the IfExists suffix",
        ),
        (
            allow(r#""Action":"*","Resource":"*","Condition":{"Bool":{"SecureTransport":"true"}}"#),
            Kind::Identity,
            "Use the format service:keyname",
        ),
        (
            allow(r#""Action":"*","Resource":"*","Condition":{"Bool":{"a:b":null}}"#),
            Kind::Identity,
            "null is given",
        ),
        (
            allow(r#""Action":["*",1],"Resource":"*""#),
            Kind::Identity,
            "a string is expected, a number is given",
        ),
    ] {
        let found = problems(&text, kind);
        assert!(
            found.iter().any(|problem| problem.contains(expected)),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn all_problems_are_told_in_the_order_of_the_text() {
    let text = "{\n \"Statement\": [\n  {\"Effect\": \"Allow\", \"Resource\": \"x\", \"Action\": \"y\"},\n  {}\n ]\n}";
    let places = Document::parse(text, Kind::Identity).unwrap_err();
    let places = places
        .iter()
        .map(|problem| (problem.line, problem.column))
        .collect::<Vec<_>>();
    assert_eq!(places, [(3, 35), (3, 50), (4, 3), (4, 3), (4, 3)]);
}

#[test]
fn sids_are_unique_in_iam() {
    let twice = r#"{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}"#;
    assert!(problems(&with(twice), Kind::Identity)[0].contains("Duplicate statement IDs"));
}

#[test]
fn the_text_has_a_bound() {
    let text = " ".repeat(TEXT_BYTES_MAX + 1);
    assert!(problems(&text, Kind::Identity)[0].contains("262144"));
}

#[test]
fn size_counts_no_white_space_between_elements() {
    // By hand: {"a":"b c\" d"} has 15 characters.
    assert_eq!(size(" {\n \"a\" :\t\"b c\\\" d\" }\n"), 15);
    assert_eq!(size("{\"é\": 1}"), 7);
    // The backslash of an escaped backslash does not escape the quote behind it.
    assert_eq!(size(r#"{"a\\" : 1}"#), 9);
}

proptest! {
    #[test]
    fn size_is_that_of_the_compact_form(texts in prop::collection::vec(any::<String>(), 0..4)) {
        let json = serde_json::json!({ "Statement": texts });
        let pretty = serde_json::to_string_pretty(&json).unwrap();
        prop_assert_eq!(size(&pretty), json.to_string().chars().count());
    }

    #[test]
    fn nothing_makes_it_panic(text in any::<String>()) {
        for kind in [Kind::Identity, Kind::Resource, Kind::Trust] {
            let _ = Document::parse(&text, kind);
            let _ = crate::validate(&text, kind);
        }
    }

    #[test]
    fn nothing_like_a_policy_makes_it_panic(
        key in "Version|Statement|Effect|Action|NotAction|Resource|Principal|Condition|Sid|Id",
        value in "\"[*a:${}', ?]{0,12}\"|\\[\\]|\\{\\}|null|1|\\{\"(Bool|AWS|StringLike)\":(\"\\*\"|\\{\"a:b\":\\[\"\\$\\{\"\\]\\})\\}",
    ) {
        let statement = format!("{{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"{key}\":{value}}}");
        for kind in [Kind::Identity, Kind::Resource, Kind::Trust] {
            for text in [with(&statement), with(&format!("{{\"{key}\":{value}}}")), format!("{{\"{key}\":{value}}}")] {
                let _ = Document::parse(&text, kind);
                let _ = crate::validate(&text, kind);
            }
        }
    }

    #[test]
    fn validate_has_an_error_where_parse_refuses(key in "Version|Effect|Action|Resource|Condition|Sid", value in "\"[*a:]{0,4}\"|\\[\\]|\\{\\}|null") {
        let text = with(&format!("{{\"{key}\":{value}}}"));
        let is_refused = Document::parse(&text, Kind::Identity).is_err();
        let findings = crate::validate(&text, Kind::Identity);
        prop_assert!(is_refused);
        prop_assert!(!findings.is_empty());
    }
}
