//! What the user guide says of its own examples.
//!
//! Sources: "Policy evaluation logic", "Permissions boundaries for IAM entities", "Principal", "NotPrincipal", "Variables
//! and tags", "Troubleshooting access denied error messages".

use std::sync::Arc;

use policy::{
    Attached, Context, Decision, Document, Kind, Layer, Policies, Principal, Request, Verdict,
    context_keys, could_use, decide, explain,
};

const ACCOUNT: &str = "123456789012";
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:queue";

const CARLOS: Principal<'_> = Principal::User {
    arn: "arn:aws:iam::123456789012:user/carlossalazar",
    id: "AIDACARLOSSALAZAR001",
};
const SESSION: Principal<'_> = Principal::Session {
    arn: "arn:aws:sts::123456789012:assumed-role/examplerole/examplerolesessionname",
    issuer: "arn:aws:iam::123456789012:role/examplerole",
    issuer_id: "AROAEXAMPLEROLE00001",
};
const ROOT: Principal<'_> = Principal::Root { account: ACCOUNT };

fn attached(id: &str, text: &str) -> Attached {
    let document = Document::parse(text, Kind::Identity).unwrap();
    Attached {
        id: id.into(),
        document: Arc::new(document),
    }
}

fn ask<'a>(
    principal: Principal<'_>,
    action: &str,
    resource: &str,
    policies: &Policies<'a>,
) -> Decision<'a> {
    ask_with(principal, action, resource, &Context::new(), policies)
}

fn ask_with<'a>(
    principal: Principal<'_>,
    action: &str,
    resource: &str,
    facts: &Context,
    policies: &Policies<'a>,
) -> Decision<'a> {
    decide(&request(principal, action, resource, facts), policies)
}

fn request<'r>(
    principal: Principal<'r>,
    action: &'r str,
    resource: &'r str,
    facts: &'r Context,
) -> Request<'r> {
    Request {
        principal,
        action,
        resource,
        resource_account: ACCOUNT,
        facts,
    }
}

/// "Example identity-based and resource-based policy evaluation".
#[test]
fn carlos_and_his_bucket() {
    let own = [attached(
        "carlos",
        r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "AllowS3ListRead",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:GetAccountPublicAccessBlock", "s3:ListAccessPoints", "s3:ListAllMyBuckets"],
            "Resource": "arn:aws:s3:::*"
        },
        {
            "Sid": "AllowS3Self",
            "Effect": "Allow",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::carlossalazar/*", "arn:aws:s3:::carlossalazar"]
        },
        {
            "Sid": "DenyS3Logs",
            "Effect": "Deny",
            "Action": "s3:*",
            "Resource": "arn:aws:s3:::*log*"
        }
    ]
}"#,
    )];
    let bucket = Document::parse(
        r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:user/carlossalazar"},
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::carlossalazar/*", "arn:aws:s3:::carlossalazar"]
    }]
}"#,
        Kind::Resource,
    )
    .unwrap();
    let policies = Policies {
        identity: &own,
        resource: Some(&bucket),
        ..Policies::default()
    };
    let logs = ask(
        CARLOS,
        "s3:PutObject",
        "arn:aws:s3:::carlossalazar-logs/a",
        &policies,
    );
    assert_eq!(
        (logs.verdict, logs.layer),
        (Verdict::ExplicitDeny, Layer::Identity)
    );
    let by = logs.by.unwrap();
    assert_eq!(
        (by.source, by.sid, by.index),
        ("carlos", Some("DenyS3Logs"), 2)
    );
    assert_eq!((by.span.start.line, by.span.start.column), (16, 9));
    assert_eq!((by.span.end.line, by.span.end.column), (21, 10));
    let own_bucket = ask(
        CARLOS,
        "s3:PutObject",
        "arn:aws:s3:::carlossalazar/a",
        &policies,
    );
    assert!(own_bucket.is_allowed());
    let other = ask(CARLOS, "s3:PutObject", "arn:aws:s3:::other/a", &policies);
    assert_eq!(
        (other.verdict, other.layer),
        (Verdict::ImplicitDeny, Layer::Identity)
    );
    assert!(
        ask(
            CARLOS,
            "s3:ListAllMyBuckets",
            "arn:aws:s3:::other",
            &policies
        )
        .is_allowed()
    );
}

/// "The difference between explicit and implicit denies".
#[test]
fn three_ways_to_end() {
    let own = [attached(
        "reports",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "AllowGetList", "Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*"},
            {"Sid": "DenyReports", "Effect": "Deny", "Action": "iam:*Report", "Resource": "*"}]}"#,
    )];
    let policies = Policies {
        identity: &own,
        ..Policies::default()
    };
    for (action, expected) in [
        ("iam:GetUser", Verdict::Allowed),
        ("iam:CreatePolicy", Verdict::ImplicitDeny),
        ("iam:GetOrganizationsAccessReport", Verdict::ExplicitDeny),
        ("iam:GenerateCredentialReport", Verdict::ExplicitDeny),
    ] {
        assert_eq!(
            ask(CARLOS, action, "*", &policies).verdict,
            expected,
            "{action}"
        );
    }
}

/// "Resource-based policies and implicit denies in other policy types (same account)".
#[test]
fn whom_a_resource_policy_names_decides_what_still_limits() {
    let nothing = [attached(
        "limit",
        r#"{"Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}"#,
    )];
    let all = [attached(
        "all",
        r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
    )];
    let everyone = "\"*\"";
    let user = r#"{"AWS": "arn:aws:iam::123456789012:user/carlossalazar"}"#;
    let user_id = r#"{"AWS": "AIDACARLOSSALAZAR001"}"#;
    let role = r#"{"AWS": "arn:aws:iam::123456789012:role/examplerole"}"#;
    let role_id = r#"{"AWS": "AROAEXAMPLEROLE00001"}"#;
    let session =
        r#"{"AWS": "arn:aws:sts::123456789012:assumed-role/examplerole/examplerolesessionname"}"#;
    let account = r#"{"AWS": "123456789012"}"#;
    let account_arn = r#"{"AWS": "arn:aws:iam::123456789012:root"}"#;
    let service = r#"{"Service": "cloudtrail.amazonaws.com"}"#;
    let trail = Principal::Service {
        name: "cloudtrail.amazonaws.com",
    };
    let none: &[Attached] = &[];
    for (named, principal, identity, boundary, given, expected) in [
        (user, CARLOS, none, Some(&nothing[0]), none, None),
        (user_id, CARLOS, none, None, none, None),
        (everyone, CARLOS, none, Some(&nothing[0]), none, None),
        (
            everyone,
            SESSION,
            none,
            Some(&nothing[0]),
            &nothing[..],
            None,
        ),
        (session, SESSION, none, Some(&nothing[0]), &nothing, None),
        (role, SESSION, none, None, none, None),
        (role_id, SESSION, none, None, none, None),
        (
            role,
            SESSION,
            none,
            Some(&nothing[0]),
            none,
            Some(Layer::Boundary),
        ),
        (role, SESSION, none, None, &nothing, Some(Layer::Session)),
        (role, SESSION, none, Some(&all[0]), &all, None),
        (account, CARLOS, none, None, none, Some(Layer::Identity)),
        (account_arn, CARLOS, &all, None, none, None),
        (
            account,
            SESSION,
            &all,
            Some(&nothing[0]),
            none,
            Some(Layer::Boundary),
        ),
        (user, SESSION, none, None, none, Some(Layer::Identity)),
        (user, ROOT, none, None, none, None),
        (service, trail, none, None, none, None),
        (user, trail, none, None, none, Some(Layer::Resource)),
        (everyone, Principal::Anonymous, none, None, none, None),
        (
            account,
            Principal::Anonymous,
            none,
            None,
            none,
            Some(Layer::Resource),
        ),
    ] {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Principal": {named}, "Action": "sqs:SendMessage", "Resource": "{QUEUE}"}}}}"#
        );
        let resource = Document::parse(&text, Kind::Resource).unwrap();
        let policies = Policies {
            identity,
            boundary,
            session: given,
            resource: Some(&resource),
        };
        let decision = ask(principal, "sqs:SendMessage", QUEUE, &policies);
        let lacking = (!decision.is_allowed()).then_some(decision.layer);
        assert_eq!(
            lacking, expected,
            "{named} {principal:?} {boundary:?} {given:?}"
        );
    }
}

#[test]
fn a_role_is_assumed_when_its_trust_policy_says_so() {
    let role = "arn:aws:iam::123456789012:role/examplerole";
    let may = [attached(
        "assume",
        r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}"#,
    )];
    let user = r#"{"AWS": "arn:aws:iam::123456789012:user/carlossalazar"}"#;
    let account = r#"{"AWS": "123456789012"}"#;
    let service = r#"{"Service": "ec2.amazonaws.com"}"#;
    let none: &[Attached] = &[];
    for (named, principal, identity, expected) in [
        (user, CARLOS, none, None),
        (account, CARLOS, none, Some(Layer::Identity)),
        (account, CARLOS, &may[..], None),
        (service, CARLOS, &may, Some(Layer::Trust)),
        (service, ROOT, none, Some(Layer::Trust)),
        (account, ROOT, none, None),
        (
            service,
            Principal::Service {
                name: "ec2.amazonaws.com",
            },
            none,
            None,
        ),
    ] {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {named}, "Action": "sts:AssumeRole"}}}}"#
        );
        let trust = Document::parse(&text, Kind::Trust).unwrap();
        let policies = Policies {
            identity,
            resource: Some(&trust),
            ..Policies::default()
        };
        let decision = ask(principal, "sts:AssumeRole", role, &policies);
        let lacking = (!decision.is_allowed()).then_some(decision.layer);
        assert_eq!(lacking, expected, "{named} {principal:?}");
    }
}

/// "`NotPrincipal` with `Deny`": all that the principal is must be named.
#[test]
fn all_but_bob_are_denied() {
    let all = [attached(
        "all",
        r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
    )];
    let carlos = "arn:aws:iam::123456789012:user/carlossalazar";
    let root = "arn:aws:iam::123456789012:root";
    let role = "arn:aws:iam::123456789012:role/examplerole";
    let session = "arn:aws:sts::123456789012:assumed-role/examplerole/examplerolesessionname";
    for (named, principal, is_allowed) in [
        (&[carlos, root][..], CARLOS, true),
        (&[carlos], CARLOS, false),
        (&[root], CARLOS, false),
        (&[root], ROOT, true),
        (&[carlos, root], SESSION, false),
        (&[session, role, root], SESSION, true),
        (&[role, root], SESSION, false),
        (&[carlos, root], Principal::Anonymous, false),
    ] {
        let text = serde_json::json!({ "Statement": {
            "Effect": "Deny", "NotPrincipal": { "AWS": named }, "Action": "s3:*", "Resource": "arn:aws:s3:::b/*",
        }});
        let bucket = Document::parse(&text.to_string(), Kind::Resource).unwrap();
        let policies = Policies {
            identity: &all,
            resource: Some(&bucket),
            ..Policies::default()
        };
        let decision = ask(principal, "s3:GetObject", "arn:aws:s3:::b/a", &policies);
        assert_eq!(decision.is_allowed(), is_allowed, "{named:?} {principal:?}");
    }
}

#[test]
fn another_account_needs_both_sides() {
    let all = [attached(
        "all",
        r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
    )];
    let resource = Document::parse(
        r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sqs:SendMessage", "Resource": "*"}}"#,
        Kind::Resource,
    )
    .unwrap();
    let context = Context::new();
    let mut request = request(
        CARLOS,
        "sqs:SendMessage",
        "arn:aws:sqs:us-east-1:999999999999:q",
        &context,
    );
    request.resource_account = "999999999999";
    for (identity, resource, lacking) in [
        (&all[..], Some(&resource), None),
        (&[], Some(&resource), Some(Layer::Identity)),
        (&all, None, Some(Layer::Resource)),
    ] {
        let policies = Policies {
            identity,
            resource,
            ..Policies::default()
        };
        let decision = decide(&request, &policies);
        assert_eq!((!decision.is_allowed()).then_some(decision.layer), lacking);
    }
}

/// "Where you can use policy variables": a queue of one's own name.
#[test]
fn a_queue_of_ones_own_name() {
    let own = [attached(
        "queues",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "ListForConsole", "Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"},
            {"Sid": "AllQueueActions", "Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:us-east-2:*:${aws:username}-queue"}]}"#,
    )];
    let old = [attached(
        "old",
        r#"{"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:us-east-2:*:${aws:username}-queue"}}"#,
    )];
    let mut facts = Context::new();
    facts.set("aws:username", "alice");
    let queue = |name: &str| format!("arn:aws:sqs:us-east-2:123456789012:{name}");
    for (policies, name, expected) in [
        (&own, "alice-queue", true),
        (&own, "bob-queue", false),
        (&old, "alice-queue", false),
        (&old, "${aws:username}-queue", true),
    ] {
        let policies = Policies {
            identity: policies,
            ..Policies::default()
        };
        let decision = ask_with(CARLOS, "sqs:SendMessage", &queue(name), &facts, &policies);
        assert_eq!(decision.is_allowed(), expected, "{name}");
    }
}

/// "Access denied error message examples".
#[test]
fn refusals_in_the_words_of_aws() {
    let deny = [attached(
        "deny",
        r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#,
    )];
    let all = [attached(
        "all",
        r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
    )];
    let nothing = [attached(
        "ec2",
        r#"{"Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}"#,
    )];
    let parse = |text: &str, kind| Document::parse(text, kind).unwrap();
    let resource = parse(
        r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}"#,
        Kind::Resource,
    );
    let trust = parse(
        r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "sts:*"}}"#,
        Kind::Trust,
    );
    let nobody = parse(
        r#"{"Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:*"}}"#,
        Kind::Trust,
    );
    let base = Policies::default();
    for (principal, policies, expected) in [
        (
            CARLOS,
            base,
            "because no identity-based policy allows the sts:AssumeRole action",
        ),
        (
            CARLOS,
            Policies {
                identity: &deny,
                ..base
            },
            "with an explicit deny in an identity-based policy",
        ),
        (
            CARLOS,
            Policies {
                identity: &all,
                boundary: nothing.first(),
                ..base
            },
            "because no permissions boundary allows the sts:AssumeRole action",
        ),
        (
            CARLOS,
            Policies {
                identity: &all,
                boundary: deny.first(),
                ..base
            },
            "with an explicit deny in a permissions boundary",
        ),
        (
            SESSION,
            Policies {
                identity: &all,
                session: &nothing,
                ..base
            },
            "because no session policy allows the sts:AssumeRole action",
        ),
        (
            SESSION,
            Policies {
                identity: &all,
                session: &deny,
                ..base
            },
            "with an explicit deny in a session policy",
        ),
        (
            CARLOS,
            Policies {
                identity: &all,
                resource: Some(&resource),
                ..base
            },
            "with an explicit deny in a resource-based policy",
        ),
        (
            Principal::Anonymous,
            base,
            "because no resource-based policy allows the sts:AssumeRole action",
        ),
        (
            CARLOS,
            Policies {
                identity: &all,
                resource: Some(&trust),
                ..base
            },
            "with an explicit deny in the role trust policy",
        ),
        (
            CARLOS,
            Policies {
                identity: &all,
                resource: Some(&nobody),
                ..base
            },
            "because no role trust policy allows the sts:AssumeRole action",
        ),
    ] {
        let decision = ask(principal, "sts:AssumeRole", "*", &policies);
        assert_eq!(decision.reason("sts:AssumeRole"), expected);
    }
    let context = Context::new();
    let request = request(CARLOS, "sqs:SendMessage", QUEUE, &context);
    let message = decide(&request, &base).message(&request);
    let expected = "User: arn:aws:iam::123456789012:user/carlossalazar is not authorized to perform: sqs:SendMessage on \
                    resource: arn:aws:sqs:us-east-1:123456789012:queue because no identity-based policy allows the \
                    sqs:SendMessage action";
    assert_eq!(message, expected);
}

/// The examples of `aws iam simulate-custom-policy help`.
#[test]
fn a_simulation_knows_what_matched_and_what_was_missing() {
    let own = [attached(
        "PolicyInputList.1",
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}"#,
    )];
    let policies = Policies {
        identity: &own,
        ..Policies::default()
    };
    for (now, verdict) in [
        (Some("2019-04-25T11:00:00Z"), Verdict::Allowed),
        (Some("2014-04-25T11:00:00Z"), Verdict::ImplicitDeny),
        (None, Verdict::ImplicitDeny),
    ] {
        let mut facts = Context::new();
        if let Some(now) = now {
            facts.set("aws:CurrentTime", now);
        }
        let found = explain(
            &request(CARLOS, "dynamodb:CreateBackup", "*", &facts),
            &policies,
        );
        assert_eq!(found.decision.verdict, verdict);
        let spans = found
            .matched
            .iter()
            .map(|matched| (matched.source, matched.span.simulated()));
        let expected = match verdict {
            Verdict::Allowed => vec![("PolicyInputList.1", [(1, 38), (1, 167)])],
            _ => Vec::new(),
        };
        assert_eq!(spans.collect::<Vec<_>>(), expected);
        let missing = if now.is_none() {
            vec!["aws:CurrentTime"]
        } else {
            Vec::new()
        };
        assert_eq!(found.missing, missing);
    }
}

#[test]
fn an_explanation_tells_of_every_layer() {
    let own = [attached(
        "own",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": {
                "StringEquals": {"aws:PrincipalTag/Team": "a"}, "Bool": {"aws:SecureTransport": "true"}}},
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"},
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:*:*:${aws:username}"}]}"#,
    )];
    let boundary = attached(
        "limit",
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#,
    );
    let policies = Policies {
        identity: &own,
        boundary: Some(&boundary),
        ..Policies::default()
    };
    let facts = Context::new();
    let found = explain(
        &request(CARLOS, "sqs:SendMessage", QUEUE, &facts),
        &policies,
    );
    assert_eq!(
        (found.decision.verdict, found.decision.layer),
        (Verdict::ImplicitDeny, Layer::Boundary)
    );
    assert!(found.identity_allows);
    assert_eq!(
        (found.boundary_allows, found.session_allows),
        (Some(false), None)
    );
    assert_eq!(
        found
            .matched
            .iter()
            .map(|matched| matched.index)
            .collect::<Vec<_>>(),
        [1]
    );
    assert_eq!(
        found.missing,
        [
            "aws:PrincipalTag/Team",
            "aws:SecureTransport",
            "aws:username"
        ]
    );
}

#[test]
fn keys_are_listed_once() {
    let parse = |text: &str| Document::parse(text, Kind::Identity).unwrap();
    let one = parse(
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${aws:username}/${s3:x, 'y'}",
            "Condition": {"StringLike": {"s3:prefix": "${aws:userid}/*"}, "ArnLike": {"aws:SourceArn": "arn:aws:iam::1:user/${aws:UserName}"}}}}"#,
    );
    let other = parse(
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"AWS:SecureTransport": "false"}}}}"#,
    );
    let keys = context_keys([&one, &other]);
    let expected = [
        "AWS:SecureTransport",
        "aws:SourceArn",
        "aws:userid",
        "aws:username",
        "s3:prefix",
        "s3:x",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn what_a_principal_could_use() {
    let own = [attached(
        "own",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "Q", "Effect": "Allow", "Action": ["sqs:*", "s3:Get*"], "Resource": "arn:aws:sqs:*:*:one"},
            {"Effect": "Deny", "Action": "sqs:PurgeQueue", "Resource": "*"},
            {"Effect": "Deny", "Action": "sqs:DeleteQueue", "Resource": "arn:aws:sqs:*:*:two"},
            {"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}"#,
    )];
    let boundary = attached(
        "limit",
        r#"{"Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}}"#,
    );
    let actions = [
        "sqs:SendMessage",
        "sqs:PurgeQueue",
        "sqs:DeleteQueue",
        "s3:GetObject",
        "iam:GetUser",
    ];
    let names = |boundary| {
        let policies = Policies {
            identity: &own,
            boundary,
            ..Policies::default()
        };
        could_use(&policies, &actions)
            .iter()
            .map(|usable| usable.action)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(None),
        ["sqs:SendMessage", "sqs:DeleteQueue", "s3:GetObject"]
    );
    assert_eq!(
        names(Some(&boundary)),
        ["sqs:SendMessage", "sqs:DeleteQueue"]
    );
}

/// "If there is no session policy": a federated user has nothing of its own.
#[test]
fn a_federated_user_needs_a_session_policy() {
    let all = [attached(
        "all",
        r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
    )];
    let federated = Principal::Session {
        arn: "arn:aws:sts::123456789012:federated-user/exampleuser",
        issuer: "arn:aws:iam::123456789012:user/carlossalazar",
        issuer_id: "",
    };
    let mut policies = Policies {
        identity: &all,
        ..Policies::default()
    };
    let decision = ask(federated, "sqs:SendMessage", QUEUE, &policies);
    assert_eq!(
        (decision.verdict, decision.layer),
        (Verdict::ImplicitDeny, Layer::Session)
    );
    policies.session = &all;
    assert!(ask(federated, "sqs:SendMessage", QUEUE, &policies).is_allowed());
}
