//! Random requests with policies, drawn from few enough words that they meet.

use std::sync::Arc;

use policy::{Attached, Context, Document, Kind, Policies, Principal, Request};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

/// A request and all that bears on it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) caller: Caller,
    pub(crate) action: String,
    pub(crate) resource: String,
    /// The resource's account.
    pub(crate) owner: &'static str,
    pub(crate) context: Vec<(String, Known)>,
    pub(crate) identity: Vec<Value>,
    pub(crate) boundary: Option<Value>,
    pub(crate) session: Vec<Value>,
    /// The resource's policy; a trust policy when `is_trust`.
    pub(crate) resource_policy: Option<Value>,
    pub(crate) is_trust: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Caller {
    Root,
    User(String),
    Session(String),
    Service(String),
    Anonymous,
}

#[derive(Clone, Debug)]
pub(crate) enum Known {
    One(String),
    Many(Vec<String>),
}

const ACTIONS: &[&str] = &[
    "sqs:SendMessage",
    "SQS:receivemessage",
    "s3:GetObject",
    "iam:GetUser",
    "sts:AssumeRole",
];

const ACTION_PATTERNS: &[&str] = &[
    "*",
    "*:*",
    "sqs:*",
    "SQS:sendmessage",
    "sqs:*Message",
    "s3:Get*",
    "*:Get*",
    "iam:Get?ser",
    "sts:AssumeRole",
    "sts:*",
    "sqs:Send",
];

const RESOURCES: &[&str] = &[
    "*",
    "arn:aws:sqs:eu-west-1:111122223333:q",
    "arn:aws:sqs:eu-west-1:999999999999:q",
    "arn:aws:s3:::b/bob/x",
    "arn:aws:s3:::b/*/x",
    "arn:aws:s3:::b/?",
    "arn:aws:s3:::b/anyone/x",
    "arn:aws:iam::111122223333:role/deploy",
];

const RESOURCE_PATTERNS: &[&str] = &[
    "*",
    "arn:aws:sqs:*",
    "arn:aws:sqs:*:111122223333:q",
    "arn:aws:s3:::b/${aws:username}/*",
    "arn:aws:s3:::b/${*}/x",
    "arn:aws:s3:::b/?",
    "arn:aws:s3:::b/${?}",
    "arn:aws:s3:::b/${aws:userid, 'anyone'}/*",
    "arn:aws:s3:::*",
    "arn:aws:s3:::b/${aws:TagKeys}/x",
    "arn:*:iam::111122223333:role/*",
    "arn:aws:s3:::b/b?b*",
];

const NAMES: &[&str] = &["bob", "*", "?", "eve"];

const PRINCIPALS: &[&str] = &[
    "*",
    "111122223333",
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:user/bob",
    "arn:aws:iam::111122223333:user/eve",
    "arn:aws:iam::111122223333:role/deploy",
    "arn:aws:sts::111122223333:assumed-role/deploy/bob",
    "999999999999",
];

const SERVICES: &[&str] = &["cloudtrail.amazonaws.com", "events.amazonaws.com"];

/// Operators by what their values look like.
const TEXT_OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
];
const TEXTS: &[&str] = &[
    "bob",
    "BOB",
    "b*",
    "?",
    "*",
    "${aws:username}",
    "${aws:userid, 'eve'}",
    "${aws:nothing}",
    "${*}",
    "",
];
const NUMBER_OPERATORS: &[&str] = &[
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
];
const NUMBERS: &[&str] = &["10", "300", "3600", "-1"];
const DATE_OPERATORS: &[&str] = &[
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
];
const DATES: &[&str] = &[
    "2026-01-01T00:00:00Z",
    "2026-03-07T12:00:00Z",
    "2027-01-01T00:00:00Z",
];
const ARN_OPERATORS: &[&str] = &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"];
const ARNS: &[&str] = &[
    "arn:aws:sns:*:111122223333:t",
    "arn:aws:sns:eu-west-1:111122223333:*",
    "arn:aws:sns:*:t",
    "*",
    "arn:aws:sns:*",
    "arn:aws:iam::111122223333:user/${aws:username}",
    "${aws:SourceArn}",
];
const ADDRESSES: &[&str] = &["203.0.113.0/24", "203.0.113.9", "10.0.0.0/8", "0.0.0.0/0"];

fn word(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(words).prop_map(str::to_owned)
}

/// One word as a text, or some in a list.
fn words(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        word(words).prop_map(Value::from),
        vec(word(words), 1..4).prop_map(Value::from),
    ]
}

fn operator_with(
    operators: &'static [&'static str],
    keys: &'static [&'static str],
    values: &'static [&'static str],
) -> impl Strategy<Value = (String, String, Value)> {
    let set = select(&["", "", "", "ForAllValues:", "ForAnyValue:"][..]);
    let suffix = select(&["", "", "IfExists"][..]);
    (set, word(operators), suffix, word(keys), words(values)).prop_map(
        |(set, operator, suffix, key, values)| (format!("{set}{operator}{suffix}"), key, values),
    )
}

fn condition() -> impl Strategy<Value = (String, String, Value)> {
    prop_oneof![
        4 => operator_with(TEXT_OPERATORS, &["aws:username", "AWS:UserId", "aws:TagKeys", "s3:prefix"], TEXTS),
        2 => operator_with(NUMBER_OPERATORS, &["aws:MultiFactorAuthAge", "s3:max-keys"], NUMBERS),
        2 => operator_with(DATE_OPERATORS, &["aws:CurrentTime", "aws:TokenIssueTime"], DATES),
        1 => operator_with(&["Bool"], &["aws:SecureTransport", "aws:MultiFactorAuthPresent"], &["true", "false"]),
        2 => operator_with(ARN_OPERATORS, &["aws:SourceArn"], ARNS),
        2 => operator_with(&["IpAddress", "NotIpAddress"], &["aws:SourceIp"], ADDRESSES),
        1 => (word(&["Null", "Null", "ForAllValues:Null", "ForAnyValue:Null"]), word(&["aws:TokenIssueTime", "aws:TagKeys"]), words(&["true", "false"])),
    ]
}

fn context() -> impl Strategy<Value = Vec<(String, Known)>> {
    let one = |key: &'static str, values: &'static [&'static str]| {
        option::of(word(values))
            .prop_map(move |value| value.map(|value| (key.to_owned(), Known::One(value))))
    };
    let tags = option::of(vec(word(&["bob", "eve", "*"]), 0..3))
        .prop_map(|values| values.map(|values| ("aws:TagKeys".to_owned(), Known::Many(values))));
    let texts = (
        one("aws:username", NAMES),
        one("aws:userid", NAMES),
        one("s3:prefix", &["bob", "", "b*", "Bob"]),
        tags,
    );
    let rest = (
        one("aws:multifactorauthage", &["10", "300", "x"]),
        one("s3:max-keys", NUMBERS),
        one("aws:CurrentTime", DATES),
        one("aws:TokenIssueTime", DATES),
        one("aws:SecureTransport", &["true", "false"]),
        one(
            "aws:SourceArn",
            &[
                "arn:aws:sns:eu-west-1:111122223333:t",
                "arn:aws:iam::111122223333:user/bob",
                "x",
            ],
        ),
        one(
            "aws:SourceIp",
            &["203.0.113.9", "203.0.113.200", "10.1.2.3"],
        ),
    );
    (texts, rest).prop_map(|((a, b, c, d), (e, f, g, h, i, j, k))| {
        [a, b, c, d, e, f, g, h, i, j, k]
            .into_iter()
            .flatten()
            .collect()
    })
}

fn principals() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("*")),
        words(PRINCIPALS).prop_map(|names| json!({ "AWS": names })),
        words(SERVICES).prop_map(|names| json!({ "Service": names })),
        (words(PRINCIPALS), words(SERVICES))
            .prop_map(|(aws, service)| json!({ "AWS": aws, "Service": service })),
    ]
}

/// How often the Not… forms come: one in four.
fn form(
    name: &'static str,
    values: impl Strategy<Value = Value>,
) -> impl Strategy<Value = (String, Value)> {
    let name = prop_oneof![3 => Just(name.to_owned()), 1 => Just(format!("Not{name}"))];
    (name, values)
}

fn statement(kind: Kind) -> impl Strategy<Value = Value> {
    let effect = prop_oneof![2 => Just("Allow"), 1 => Just("Deny")];
    let actions = match kind {
        Kind::Trust => words(&["sts:AssumeRole", "sts:*"]).boxed(),
        Kind::Identity | Kind::Resource => words(ACTION_PATTERNS).boxed(),
    };
    let elements = (
        form("Action", actions),
        form("Resource", words(RESOURCE_PATTERNS)),
        form("Principal", principals()),
        prop_oneof![2 => Just(Vec::new()).boxed(), 1 => vec(condition(), 1..3).boxed()],
    );
    (effect, elements).prop_map(move |(effect, (action, resource, principal, conditions))| {
        let mut statement = Map::new();
        statement.insert("Effect".to_owned(), effect.into());
        statement.insert(action.0, action.1);
        if kind != Kind::Trust {
            statement.insert(resource.0, resource.1);
        }
        if kind != Kind::Identity {
            statement.insert(principal.0, principal.1);
        }
        let mut block = json!({});
        for (operator, key, values) in conditions {
            block[operator][key] = values;
        }
        if block != json!({}) {
            statement.insert("Condition".to_owned(), block);
        }
        Value::Object(statement)
    })
}

pub(crate) fn document(kind: Kind) -> impl Strategy<Value = Value> {
    let version = prop_oneof![4 => Just("2012-10-17"), 1 => Just("2008-10-17")];
    (version, vec(statement(kind), 1..4))
        .prop_map(|(version, statements)| json!({ "Version": version, "Statement": statements }))
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let caller = prop_oneof![
        6 => word(NAMES).prop_map(Caller::User),
        4 => word(NAMES).prop_map(Caller::Session),
        1 => Just(Caller::Root),
        1 => word(SERVICES).prop_map(Caller::Service),
        1 => Just(Caller::Anonymous),
    ];
    let owner = prop_oneof![5 => Just("111122223333"), 1 => Just("999999999999")];
    let resource_policy = prop_oneof![
        2 => Just((None, false)).boxed(),
        3 => document(Kind::Resource).prop_map(|policy| (Some(policy), false)).boxed(),
        1 => document(Kind::Trust).prop_map(|policy| (Some(policy), true)).boxed(),
    ];
    let policies = (
        vec(document(Kind::Identity), 0..3),
        option::weighted(0.3, document(Kind::Identity)),
        prop_oneof![3 => Just(Vec::new()).boxed(), 1 => vec(document(Kind::Identity), 1..3).boxed()],
        resource_policy,
    );
    (
        caller,
        word(ACTIONS),
        word(RESOURCES),
        owner,
        context(),
        policies,
    )
        .prop_map(
            |(
                caller,
                action,
                resource,
                owner,
                context,
                (identity, boundary, session, (resource_policy, is_trust)),
            )| {
                let has_policies = matches!(caller, Caller::User(_) | Caller::Session(_));
                Case {
                    session: if matches!(caller, Caller::Session(_)) {
                        session
                    } else {
                        Vec::new()
                    },
                    identity: if has_policies { identity } else { Vec::new() },
                    boundary: boundary.filter(|_| has_policies),
                    caller,
                    action: if is_trust {
                        "sts:AssumeRole".to_owned()
                    } else {
                        action
                    },
                    resource,
                    owner,
                    context,
                    resource_policy,
                    is_trust,
                }
            },
        )
}

/// The same case as the crate takes it.
pub(crate) struct Prepared {
    identity: Vec<Attached>,
    boundary: Option<Attached>,
    session: Vec<Attached>,
    resource_policy: Option<Document>,
    context: Context,
    names: (String, String, &'static str),
    case: Case,
}

impl Case {
    pub(crate) fn prepare(&self) -> Prepared {
        let attach = |(index, policy): (usize, &Value)| Attached {
            id: format!("policy{index}").into(),
            document: Arc::new(parse(policy, Kind::Identity)),
        };
        let mut context = Context::new();
        for (key, value) in &self.context {
            match value {
                Known::One(value) => context.set(key, value.clone()),
                Known::Many(values) => context.set_many(key, values.clone()),
            }
        }
        let kind = if self.is_trust {
            Kind::Trust
        } else {
            Kind::Resource
        };
        let names = match &self.caller {
            Caller::User(name) => (
                format!("arn:aws:iam::111122223333:user/{name}"),
                String::new(),
                "",
            ),
            Caller::Session(name) => (
                format!("arn:aws:sts::111122223333:assumed-role/deploy/{name}"),
                "arn:aws:iam::111122223333:role/deploy".to_owned(),
                "",
            ),
            Caller::Service(name) => (name.clone(), String::new(), ""),
            Caller::Root | Caller::Anonymous => (String::new(), String::new(), ""),
        };
        Prepared {
            identity: self.identity.iter().enumerate().map(attach).collect(),
            boundary: self
                .boundary
                .iter()
                .map(|policy| attach((0, policy)))
                .next(),
            session: self.session.iter().enumerate().map(attach).collect(),
            resource_policy: self
                .resource_policy
                .as_ref()
                .map(|policy| parse(policy, kind)),
            context,
            names,
            case: self.clone(),
        }
    }
}

impl Prepared {
    pub(crate) fn request(&self) -> Request<'_> {
        let (arn, issuer, id) = (&*self.names.0, &*self.names.1, self.names.2);
        Request {
            principal: match self.case.caller {
                Caller::Root => Principal::Root {
                    account: "111122223333",
                },
                Caller::User(_) => Principal::User { arn, id },
                Caller::Session(_) => Principal::Session {
                    arn,
                    issuer,
                    issuer_id: id,
                },
                Caller::Service(_) => Principal::Service { name: arn },
                Caller::Anonymous => Principal::Anonymous,
            },
            action: &self.case.action,
            resource: &self.case.resource,
            resource_account: self.case.owner,
            facts: &self.context,
        }
    }

    pub(crate) fn policies(&self) -> Policies<'_> {
        Policies {
            identity: &self.identity,
            boundary: self.boundary.as_ref(),
            session: &self.session,
            resource: self.resource_policy.as_ref(),
        }
    }
}

fn parse(policy: &Value, kind: Kind) -> Document {
    Document::parse(&policy.to_string(), kind)
        .unwrap_or_else(|problems| panic!("{policy}: {problems:?}"))
}

/// Any permutation of `items`.
pub(crate) fn shuffled<T>(items: &mut [T], order: &[Index]) {
    for (at, index) in order.iter().enumerate().take(items.len()) {
        let other = index.index(items.len());
        items.swap(at, other);
    }
}
