//! Expected values are from the IAM user guide's pages on condition operators and multivalued keys.

use super::*;
use crate::request::Context;
use crate::template::{parse, plain};

/// Whether `operator` holds in an allowing statement.
fn holds(operator: &str, key: &str, values: &[&str], context: &Context) -> bool {
    holds_in(Effect::Allow, operator, key, values, context)
}

fn holds_in(effect: Effect, operator: &str, key: &str, values: &[&str], context: &Context) -> bool {
    let operator = Operator::parse(operator).unwrap();
    let read =
        |text: &str, wildcards| parse(text, wildcards).unwrap_or_else(|_| plain(text, wildcards));
    let condition = Condition::new(operator, key, values, read);
    let mut asker = Asker {
        facts: context,
        missing: None,
    };
    condition.holds(effect, &mut asker)
}

fn with(key: &str, value: &str) -> Context {
    let mut context = Context::new();
    context.set(key, value);
    context
}

fn with_many(key: &str, values: &[&str]) -> Context {
    let mut context = Context::new();
    context.set_many(key, values.iter().map(|value| (*value).to_owned()));
    context
}

#[test]
fn each_operator_compares_as_it_says() {
    for (operator, wanted, found, expected) in [
        ("StringEquals", "a", "a", true),
        ("StringEquals", "a", "A", false),
        ("StringEquals", "a*", "ab", false),
        ("StringNotEquals", "a", "A", true),
        ("StringNotEquals", "a", "a", false),
        ("StringEqualsIgnoreCase", "Größe", "GRÖẞE", true),
        ("StringEqualsIgnoreCase", "abc", "ABC", true),
        ("StringNotEqualsIgnoreCase", "abc", "ABC", false),
        ("StringLike", "a*c", "abbc", true),
        ("StringLike", "a?c", "abbc", false),
        ("StringNotLike", "a*c", "abbc", false),
        ("NumericEquals", "10", "10.0", true),
        ("NumericNotEquals", "10", "11", true),
        ("NumericLessThan", "10", "9", true),
        ("NumericLessThan", "10", "10", false),
        ("NumericLessThanEquals", "10", "10", true),
        ("NumericGreaterThan", "10", "9", false),
        ("NumericGreaterThan", "9", "10", true),
        ("NumericGreaterThanEquals", "10", "10", true),
        ("NumericEquals", "10", "ten", false),
        ("DateEquals", "2026-03-07T03:00:00Z", "1772852400", true),
        ("DateNotEquals", "2026-03-07T03:00:00Z", "1772852400", false),
        ("DateLessThan", "2026-03-07", "2026-03-06T23:59:59Z", true),
        ("DateLessThanEquals", "2026-03-07", "2026-03-07", true),
        (
            "DateGreaterThan",
            "2020-01-01T00:00:01Z",
            "2020-01-01T00:00:01Z",
            false,
        ),
        (
            "DateGreaterThanEquals",
            "2020-01-01T00:00:01Z",
            "2020-01-01T00:00:01Z",
            true,
        ),
        ("Bool", "false", "false", true),
        ("Bool", "false", "true", false),
        (
            "BinaryEquals",
            "QmluYXJ5VmFsdWVJbkJhc2U2NA==",
            "QmluYXJ5VmFsdWVJbkJhc2U2NA==",
            true,
        ),
        ("BinaryEquals", "QQ==", "Qg==", false),
        ("IpAddress", "203.0.113.0/24", "203.0.113.9", true),
        (
            "IpAddress",
            "2001:DB8:1234:5678::/64",
            "2001:db8:1234:5678::9",
            true,
        ),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.9", false),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.9", true),
        (
            "ArnEquals",
            "arn:aws:sns:*:123456789012:T*",
            "arn:aws:sns:us-east-1:123456789012:Topic",
            true,
        ),
        (
            "ArnLike",
            "arn:aws:sns:*:123456789012:T",
            "arn:aws:sns:us-east-1:123456789012:t",
            false,
        ),
        (
            "ArnNotEquals",
            "arn:aws:sns:*:123456789012:T",
            "arn:aws:sns:us-east-1:123456789012:T",
            false,
        ),
        (
            "ArnNotLike",
            "arn:aws:sns:*:123456789012:T",
            "arn:aws:sns:us-east-1:123456789012:U",
            true,
        ),
        ("ArnLike", "*", "arn:aws:sns:us-east-1:123456789012:T", true),
        (
            "ArnLike",
            "arn:aws:sns:*",
            "arn:aws:sns:us-east-1:123456789012:T",
            false,
        ),
    ] {
        let found_it = holds(operator, "k:v", &[wanted], &with("K:V", found));
        assert_eq!(found_it, expected, "{operator} {wanted} {found}");
    }
}

/// The guide's own example of where `StringLike` and `ArnLike` differ.
#[test]
fn a_star_in_an_arn_does_not_run_over_a_colon() {
    let pattern = ["arn:aws:someservice:*:111122223333:finance/*"];
    let context = with(
        "aws:SourceArn",
        "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt",
    );
    assert!(holds("StringLike", "aws:SourceArn", &pattern, &context));
    assert!(!holds("ArnLike", "aws:SourceArn", &pattern, &context));
}

#[test]
fn values_are_alternatives() {
    let context = with("k:v", "b");
    assert!(holds("StringEquals", "k:v", &["a", "b"], &context));
    assert!(!holds("StringNotEquals", "k:v", &["a", "b"], &context));
    assert!(holds("StringNotEquals", "k:v", &["a", "c"], &context));
}

#[test]
fn a_missing_key_fails_what_is_asked_and_passes_what_is_excluded() {
    let nothing = Context::new();
    for (operator, expected) in [
        ("StringEquals", false),
        ("StringNotEquals", true),
        ("StringEqualsIfExists", true),
        ("StringNotEqualsIfExists", true),
        ("ForAllValues:StringEquals", true),
        ("ForAllValues:StringNotEquals", true),
        ("ForAnyValue:StringEquals", false),
        ("ForAnyValue:StringNotEquals", false),
        ("ForAnyValue:StringEqualsIfExists", true),
        ("BoolIfExists", true),
        ("NotIpAddress", true),
        ("IpAddress", false),
    ] {
        let value = if operator.starts_with("Bool") {
            "true"
        } else {
            "a"
        };
        let value = if operator.contains("Ip") {
            "203.0.113.0/24"
        } else {
            value
        };
        assert_eq!(
            holds(operator, "k:v", &[value], &nothing),
            expected,
            "{operator}"
        );
    }
}

/// The guide's example: attributes of a table.
#[test]
fn sets_of_values() {
    let allowed = ["PostDateTime", "Message", "Tags"];
    for (operator, wanted, found, expected) in [
        (
            "ForAllValues:StringLike",
            &allowed[..],
            &["PostDateTime", "Message"][..],
            true,
        ),
        (
            "ForAllValues:StringLike",
            &allowed,
            &["PostDateTime", "UserName"],
            false,
        ),
        (
            "ForAnyValue:StringLike",
            &["ID", "PostDateTime"],
            &["UserName", "Message", "PostDateTime"],
            true,
        ),
        (
            "ForAnyValue:StringLike",
            &["ID", "PostDateTime"],
            &["UserName"],
            false,
        ),
        ("ForAllValues:StringLike", &allowed, &[], true),
        ("ForAnyValue:StringLike", &allowed, &[], false),
        ("ForAllValues:StringLike", &allowed, &[""], true),
        ("ForAnyValue:StringLike", &["*"], &[""], false),
        (
            "ForAllValues:StringNotEquals",
            &["ID"],
            &["Tags", "Message"],
            true,
        ),
        (
            "ForAllValues:StringNotEquals",
            &["ID"],
            &["Tags", "ID"],
            false,
        ),
        (
            "ForAnyValue:StringNotEquals",
            &["ID"],
            &["Tags", "ID"],
            true,
        ),
        ("StringEquals", &["ID"], &["Tags", "ID"], true),
        ("StringNotEquals", &["ID"], &["Tags", "ID"], false),
    ] {
        let context = with_many("dynamodb:attributes", found);
        let found_it = holds(operator, "dynamodb:Attributes", wanted, &context);
        assert_eq!(found_it, expected, "{operator} {wanted:?} {found:?}");
    }
}

#[test]
fn null_asks_whether_there_is_a_value() {
    let nothing = Context::new();
    let issued = with("aws:TokenIssueTime", "2026-03-07T00:00:00Z");
    let none = with_many("aws:TagKeys", &[]);
    for (key, wanted, context, expected) in [
        ("aws:TokenIssueTime", "true", &nothing, true),
        ("aws:TokenIssueTime", "false", &nothing, false),
        ("aws:TokenIssueTime", "true", &issued, false),
        ("aws:TokenIssueTime", "false", &issued, true),
        ("aws:TagKeys", "true", &none, true),
    ] {
        assert_eq!(
            holds("Null", key, &[wanted], context),
            expected,
            "{key} {wanted}"
        );
    }
    assert!(holds("ForAllValues:Null", "a:b", &["false"], &nothing));
    assert!(!holds("ForAnyValue:Null", "a:b", &["true"], &nothing));
}

#[test]
fn an_empty_list_of_values_fits_nothing() {
    let context = with("k:v", "a");
    let nothing = Context::new();
    for (operator, found, missing) in [
        ("StringEquals", false, false),
        ("StringNotEquals", true, true),
        ("StringEqualsIfExists", false, true),
        ("ForAllValues:StringEquals", false, true),
        ("ForAnyValue:StringEquals", false, false),
    ] {
        assert_eq!(holds(operator, "k:v", &[], &context), found, "{operator}");
        assert_eq!(holds(operator, "k:v", &[], &nothing), missing, "{operator}");
    }
}

#[test]
fn variables_stand_in_values_of_texts_and_arns() {
    let mut context = with("aws:username", "al*ce");
    context.set("s3:prefix", "home/al*ce/");
    context.set("aws:PrincipalArn", "arn:aws:iam::123456789012:user/al*ce");
    context.set("aws:SourceArn", "arn:aws:iam::123456789012:user/alice");
    for (operator, key, wanted, expected) in [
        ("StringEquals", "s3:prefix", "home/${aws:username}/", true),
        ("StringLike", "s3:prefix", "home/${aws:username}/*", true),
        (
            "StringEqualsIgnoreCase",
            "s3:prefix",
            "HOME/${aws:username}/",
            true,
        ),
        ("StringLike", "s3:prefix", "home/${aws:userid}/*", false),
        ("StringNotLike", "s3:prefix", "home/${aws:userid}/*", true),
        ("StringEquals", "s3:prefix", "home/al${*}ce/", true),
        (
            "ArnLike",
            "aws:PrincipalArn",
            "arn:aws:iam::*:user/${aws:username}",
            true,
        ),
        (
            "ArnLike",
            "aws:SourceArn",
            "arn:aws:iam::*:user/${aws:username}",
            false,
        ),
        ("ArnLike", "aws:PrincipalArn", "${aws:PrincipalArn}", true),
        ("Bool", "s3:prefix", "${s3:prefix}", false),
    ] {
        assert_eq!(
            holds(operator, key, &[wanted], &context),
            expected,
            "{operator} {wanted}"
        );
    }
}

#[test]
fn what_cannot_be_read_fits_nothing_and_excludes_nothing() {
    let context = with("aws:SourceIp", "203.0.113.9");
    for (effect, operator, value, expected) in [
        (Effect::Allow, "IpAddress", "everywhere", false),
        (Effect::Deny, "IpAddress", "everywhere", false),
        (Effect::Allow, "NotIpAddress", "everywhere", false),
        (Effect::Deny, "NotIpAddress", "everywhere", true),
        (Effect::Allow, "NumericNotEquals", "many", false),
        (Effect::Deny, "DateNotEquals", "never", true),
    ] {
        let found = holds_in(effect, operator, "aws:SourceIp", &[value], &context);
        assert_eq!(found, expected, "{effect:?} {operator}");
    }
}

#[test]
fn names_of_operators() {
    for (name, expected) in [
        ("StringEquals", Ok(())),
        ("ForAllValues:StringLikeIfExists", Ok(())),
        ("NotIpAddressIfExists", Ok(())),
        ("Null", Ok(())),
        ("NullIfExists", Err(operator::OperatorFault::NullIfExists)),
        ("stringEquals", Err(operator::OperatorFault::Unknown)),
        ("BinaryNotEquals", Err(operator::OperatorFault::Unknown)),
        (
            "ForAllValues:ForAnyValue:Bool",
            Err(operator::OperatorFault::Unknown),
        ),
        ("", Err(operator::OperatorFault::Unknown)),
    ] {
        assert_eq!(Operator::parse(name).map(|_| ()), expected, "{name}");
    }
}
