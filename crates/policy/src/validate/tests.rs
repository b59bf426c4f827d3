//! Expected codes are from the user guide's reference of policy checks; its examples where it has some.

use super::*;

fn codes(text: &str, kind: Kind) -> Vec<&'static str> {
    validate(text, kind)
        .iter()
        .map(|finding| finding.code)
        .collect()
}

/// A policy with one statement.
fn with(statement: &str) -> String {
    format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{{{statement}}}]}}")
}

fn allow(rest: &str) -> String {
    with(&format!("\"Effect\":\"Allow\",{rest}"))
}

/// The example of `aws accessanalyzer validate-policy help`, with its places; its third finding needs a catalogue of
/// which action has which condition key.
#[test]
fn the_example_of_the_command_line() {
    let text = r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "",
            "Effect": "Allow",
            "Principal": {
                "Federated": "cognito-identity.amazonaws.com"
            },
            "Action": [
                "sts:AssumeRole",
                "sts:TagSession"
            ],
            "Condition": {
                "StringEquals": {
                    "cognito-identity.amazonaws.com:aud": "us-west-2_EXAMPLE"
                }
            }
        }
    ]
}"#;
    let findings = validate(text, Kind::Resource);
    let codes = findings
        .iter()
        .map(|finding| (finding.kind, finding.code))
        .collect::<Vec<_>>();
    let expected = [
        (FindingKind::Error, "MISMATCHED_ACTION_FOR_PRINCIPAL"),
        (FindingKind::Suggestion, "EMPTY_SID_VALUE"),
    ];
    assert_eq!(codes, expected);
    let sid = &findings[1];
    assert_eq!(
        sid.learn_more(),
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-suggestion-empty-sid-value"
    );
    let value = |key: &str| PathElement::Value(key.to_owned());
    let location = &sid.locations[0];
    assert_eq!(
        location.path,
        [value("Statement"), PathElement::Index(0), value("Sid")]
    );
    let (start, end) = (location.span.start, location.span.end);
    assert_eq!((start.line, start.column - 1, start.offset), (5, 19, 79));
    assert_eq!((end.line, end.column - 1, end.offset), (5, 21, 81));
    let [action, principal] = &findings[0].locations[..] else {
        panic!("{findings:?}");
    };
    assert_eq!(action.path[2..], [value("Action"), PathElement::Index(0)]);
    assert_eq!(
        (action.span.start.offset, action.span.end.offset),
        (258, 274)
    );
    assert_eq!(
        principal.path[2..],
        [value("Principal"), value("Federated")]
    );
    assert_eq!(
        (principal.span.start.offset, principal.span.end.offset),
        (170, 202)
    );
}

#[test]
fn a_good_policy_has_no_findings() {
    for text in [
        allow(
            r#""Action":["sqs:SendMessage","sqs:GetQueueUrl"],"Resource":"arn:aws:sqs:ap-northeast-1:123456789012:s2s""#,
        ),
        allow(
            r#""Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:username}/*","Condition":{"Bool":{"aws:SecureTransport":"true"},"StringLike":{"s3:prefix":"a*"}}"#,
        ),
        allow(r#""Action":"iam:PassRole","Resource":"arn:aws:iam::*:role/Service*""#),
        allow(
            r#""Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}"#,
        ),
    ] {
        assert_eq!(codes(&text, Kind::Identity), [""; 0], "{text}");
    }
}

#[test]
fn each_check_finds_what_it_is_for() {
    for (text, expected) in [
        (r#"{"Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}"#.to_owned(), &["MISSING_VERSION"][..]),
        (r#"{"Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:s3:::${aws:username}"}}"#.to_owned(), &["VARIABLE_UNSUPPORTED_IN_VERSION", "MISSING_VERSION"]),
        (with(r#""Effect":"allow","Action":"sqs:*","Resource":"*""#), &["INVALID_EFFECT"]),
        // The documents that AWS names for these two.
        (allow(r#""Action":"*","Resource":"*""#), &["PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE", "CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE"]),
        (allow(r#""Action":"iam:CreateServiceLinkedRole","Resource":"*""#), &["CREATE_SLR_WITH_STAR_IN_RESOURCE"]),
        (allow(r#""Action":"iam:PassRole","Resource":"*""#), &["PASS_ROLE_WITH_STAR_IN_RESOURCE"]),
        (allow(r#""Action":"iam:passrole","Resource":"arn:aws:iam::123456789012:role/*""#), &["PASS_ROLE_WITH_STAR_IN_RESOURCE"]),
        (allow(r#""Action":"iam:PassRole","NotResource":"arn:aws:iam::123456789012:role/x""#), &["PASS_ROLE_WITH_NOT_RESOURCE"]),
        (allow(r#""Action":"iam:Pass*","NotResource":"arn:aws:iam::123456789012:role/x""#), &["PASS_ROLE_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE"]),
        (allow(r#""NotAction":"s3:*","NotResource":"arn:aws:iam::123456789012:role/x""#), &["PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE", "CREATE_SLR_WITH_NOT_ACTION_AND_NOT_RESOURCE"]),
        (allow(r#""NotAction":"s3:*","Resource":"*""#), &["PASS_ROLE_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION", "CREATE_SLR_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION"]),
        (allow(r#""NotAction":"iam:*","Resource":"*""#), &[]),
        (allow(r#""Action":["aws-portal:ViewAccount","aws-portal:ViewBilling"],"Resource":"*""#), &["DEPRECATED_ACTION", "DEPRECATED_ACTION"]),
        (allow(r#""Action":["iam:Get*","iam:List*","iam:GetCredentialReport"],"Resource":"*""#), &["REDUNDANT_ACTION"]),
        (allow(r#""Action":["iam:Get*","iam:List*","iam:*CredentialReport"],"Resource":"*""#), &[]),
        (allow(r#""Action":["sqs:GetQueueUrl","SQS:getqueueurl"],"Resource":"*""#), &["REDUNDANT_ACTION"]),
        (allow(r#""Action":"iam:GetRole","Resource":["arn:aws:iam::111122223333:role/jane-admin","arn:aws:iam::111122223333:role/jane-s3only","arn:aws:iam::111122223333:role/jane*"]"#), &["REDUNDANT_RESOURCE", "REDUNDANT_RESOURCE"]),
        (allow(r#""Action":[],"Resource":"*""#), &["EMPTY_ARRAY_ACTION"]),
        (allow(r#""Action":"sqs:*","Resource":[]"#), &["EMPTY_ARRAY_RESOURCE"]),
        (allow(r#""Action":"sqs:*","Resource":"arn:aws:sqs:ap-northeast-1:1234:q""#), &["INVALID_ARN_ACCOUNT"]),
        (allow(r#""Action":"sqs:*","Resource":"arn:aws:sqs::123456789012:q""#), &["MISSING_ARN_REGION"]),
        (allow(r#""Action":"sqs:*","Resource":"arn:aws:sqs:*""#), &["MISSING_ARN_FIELD"]),
        (allow(r#""Action":"s3:*","Resource":"arn:aws:s3::123456789012:b""#), &["ARN_ACCOUNT_NOT_ALLOWED"]),
        (allow(r#""Action":"iam:GetUser","Resource":"arn:aws:iam:us-east-1:123456789012:user/x""#), &["ARN_REGION_NOT_ALLOWED"]),
        (allow(r#""Action":"sqs:*","Resource":"arn:aws:SQS:us-east-1:123456789012:x""#), &["INVALID_ARN_SERVICE_CASE"]),
    ] {
        assert_eq!(codes(&text, Kind::Identity), expected, "{text}");
    }
}

#[test]
fn conditions_are_checked() {
    for (condition, expected) in [
        (
            r#"{"StringSame":{"a:b":"c"}}"#,
            &["INVALID_CONDITION_OPERATOR"][..],
        ),
        (r#"{}"#, &["EMPTY_OBJECT_CONDITION"]),
        (r#"{"Bool":{}}"#, &["EMPTY_OBJECT_CONDITION"]),
        (r#"{"StringEquals":{"a:b":[]}}"#, &["EMPTY_ARRAY_CONDITION"]),
        (
            r#"{"ForAllValues:StringEquals":{"a:b":[]}}"#,
            &["EMPTY_ARRAY_CONDITION_FORALLVALUES"],
        ),
        (
            r#"{"ForAnyValue:StringEquals":{"a:b":[]}}"#,
            &["EMPTY_ARRAY_CONDITION_FORANYVALUE"],
        ),
        (
            r#"{"StringEqualsIfExists":{"a:b":[]}}"#,
            &["EMPTY_ARRAY_CONDITION_IFEXISTS"],
        ),
        (
            r#"{"StringEquals":{"a:b":"c*"}}"#,
            &["WILDCARD_WITHOUT_LIKE_OPERATOR"],
        ),
        (r#"{"StringEquals":{"a:b":"c${*}"}}"#, &[]),
        (
            r#"{"Bool":{"aws:SecureTransport":"yes"}}"#,
            &["TYPE_MISMATCH_BOOLEAN"],
        ),
        (
            r#"{"Bool":{"aws:SecureTransport":["true","false"]}}"#,
            &["INVALID_CONDITION_MULTIPLE_BOOLEAN"],
        ),
        (
            r#"{"NumericEquals":{"s3:max-keys":"ten"}}"#,
            &["TYPE_MISMATCH_NUMBER"],
        ),
        (
            r#"{"NumericLessThan":{"aws:MultiFactorAuthAge":["2700","3600"]}}"#,
            &["REDUNDANT_CONDITION_VALUE_NUM"],
        ),
        (
            r#"{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}"#,
            &["TYPE_MISMATCH_DATE"],
        ),
        (
            r#"{"DateLessThan":{"aws:CurrentTime":"1772852400"}}"#,
            &["INVALID_DATE_VALUE"],
        ),
        (
            r#"{"IpAddress":{"aws:SourceIp":"here"}}"#,
            &["TYPE_MISMATCH_IP_RANGE"],
        ),
        (
            r#"{"IpAddress":{"aws:SourceIp":"203.0.113.7/24"}}"#,
            &["IMPROVE_IP_RANGE"],
        ),
        (r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#, &[]),
        (r#"{"BinaryEquals":{"a:b":"?"}}"#, &["TYPE_MISMATCH_STRING"]),
        (
            r#"{"ForAllValues:Null":{"aws:TagKeys":"true"}}"#,
            &["NULL_WITH_QUALIFIER"],
        ),
        (
            r#"{"StringEquals":{"aws:TagKeys":"a"}}"#,
            &["MISSING_QUALIFIER"],
        ),
        (
            r#"{"ForAllValues:StringEquals":{"aws:username":"a"}}"#,
            &["FORALLVALUES_WITH_SINGLE_VALUED_KEY"],
        ),
        (
            r#"{"StringEquals":{"aws:ResourceTag":"a"}}"#,
            &["MISSING_TAG_KEY_IN_CONDITION"],
        ),
        (
            r#"{"StringEquals":{"aws:RequestTag/":"a"}}"#,
            &["MISSING_TAG_KEY_IN_CONDITION"],
        ),
        (r#"{"StringEquals":{"aws:RequestTag/Team":"a"}}"#, &[]),
        (
            r#"{"ArnEquals":{"aws:ARN":"arn:aws:iam::1:x"}}"#,
            &["UNSUPPORTED_GLOBAL_CONDITION_KEY"],
        ),
        (
            r#"{"StringEquals":{"aws:user":"a"}}"#,
            &["INVALID_GLOBAL_CONDITION_KEY"],
        ),
        (
            r#"{"StringEquals":{"aws:SourceIp":"203.0.113.7"}}"#,
            &["TYPE_MISMATCH"],
        ),
        (
            r#"{"IpAddress":{"aws:VpcSourceIp":"10.0.0.1"}}"#,
            &["MISSING_PAIRED_CONDITION_KEYS"],
        ),
        (
            r#"{"StringEquals":{"aws:username":"a","AWS:UserName":"b"}}"#,
            &["DUPLICATE_KEYS_WITH_DIFFERENT_CASE"],
        ),
        (
            r#"{"Bool":{"a:b":"${aws:username}"}}"#,
            &["INVALID_VARIABLE_FOR_OPERATOR", "TYPE_MISMATCH_BOOLEAN"],
        ),
    ] {
        let text = allow(&format!(
            r#""Action":"sqs:*","Resource":"*","Condition":{condition}"#
        ));
        assert_eq!(codes(&text, Kind::Identity), expected, "{condition}");
    }
}

#[test]
fn resource_policies_are_checked() {
    for (principal, expected) in [
        (r#""Principal":"*""#, &[][..]),
        (
            r#""NotPrincipal":{"AWS":"123456789012"}"#,
            &["ALLOW_WITH_NOT_PRINCIPAL"],
        ),
        (
            r#""Principal":{"AWS":"AIDACKCEVSQ6C2EXAMPLE"}"#,
            &["INVALID_USER_REFERENCE"],
        ),
        (
            r#""Principal":{"AWS":"AROACKCEVSQ6C2EXAMPLE"}"#,
            &["INVALID_ROLE_REFERENCE"],
        ),
        (r#""Principal":{}"#, &["EMPTY_OBJECT_PRINCIPAL"]),
        (r#""Principal":{"AWS":[]}"#, &["EMPTY_ARRAY_PRINCIPAL"]),
        (
            r#""Principal":{"AWS":"arn:aws:iam::123456789012:user/*"}"#,
            &["UNSUPPORTED_WILDCARD_IN_PRINCIPAL"],
        ),
    ] {
        let text = allow(&format!(r#""Action":"sqs:*","Resource":"*",{principal}"#));
        assert_eq!(codes(&text, Kind::Resource), expected, "{principal}");
    }
    let twice = r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"},{"Sid":"A","Effect":"Allow","Principal":"*","Action":["sqs:*"],"Resource":["*"]}]}"#;
    assert_eq!(
        codes(twice, Kind::Resource),
        ["UNIQUE_SIDS_RECOMMENDED", "REDUNDANT_STATEMENT"]
    );
}

#[test]
fn a_long_policy_is_told_so() {
    let actions = (0..350)
        .map(|n| format!("\"sqs:Action{n:03}\""))
        .collect::<Vec<_>>()
        .join(", ");
    let text = allow(&format!(r#""Action":[{actions}],"Resource":"*""#));
    assert_eq!(codes(&text, Kind::Identity), [""; 0]);
    let text = allow(&format!(
        r#""Action":[{}],"Resource":"*""#,
        actions.replace("Action", "LongerAction")
    ));
    assert_eq!(
        codes(&text, Kind::Identity),
        ["POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA"]
    );
}

#[test]
fn a_syntax_error_is_a_finding_with_its_place() {
    let findings = validate("{\n  \"Version\": }", Kind::Identity);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].code, "JSON_SYNTAX_ERROR");
    assert!(
        findings[0].details.contains("index 15 line 2 column 14"),
        "{findings:?}"
    );
}
