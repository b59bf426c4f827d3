//! What simulation answers is what calls meet: 10,000 generated pairs of action and resource, asked both ways.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use api::{Access, Authorizer as _, Caller, Ctx, Decision, Fault, KeyLookup, Masked, Service};
use base::{Clock, ManualClock, Timestamp};
use policy::{Document, Kind};
use proptest::prelude::*;
use serde_json::{Value, json};
use store::seal::MasterKeySource;
use wire::Protocol;

use crate::authorizer::Authorizer;
use crate::engine::account::{BillingIs, SetBilling};
use crate::engine::grant::{PutInline, SetBoundary};
use crate::engine::{Holder, group, policy as managed, user};
use crate::ground::Ground;
use crate::session::Keys;
use crate::{Iam, new_id};

/// So many worlds of so many pairs make 10,000 cases.
const WORLDS: u32 = 100;
const ACTIONS: [&str; 10] = [
    "sqs:SendMessage",
    "sqs:ReceiveMessage",
    "sqs:DeleteQueue",
    "s3:GetObject",
    "s3:PutObject",
    "iam:CreateUser",
    "aws-portal:ViewBilling",
    "billing:UpdateIAMAccessPreference",
    "sts:GetCallerIdentity",
    "sts:AssumeRole",
];
const RESOURCES: [&str; 10] = [
    "arn:aws:sqs:ap-northeast-1:123456789012:q",
    "arn:aws:sqs:ap-northeast-1:123456789012:q2",
    "arn:aws:sqs:us-east-1:123456789012:q",
    "arn:aws:sqs:ap-northeast-1:210987654321:q",
    "arn:aws:s3:::bucket",
    "arn:aws:s3:::bucket/home/USER/a",
    "arn:aws:s3:::bucket/home/other/a",
    "arn:aws:iam::123456789012:user/USER",
    "arn:aws:iam::123456789012:role/deploy",
    "arn:aws:iam::123456789012:*",
];
const PATTERNS: [&str; 9] = [
    "*",
    "sqs:*",
    "sqs:Send*",
    "SQS:receivemessage",
    "s3:Get*",
    "s3:?utObject",
    "iam:*",
    "aws-portal:*",
    "sts:*",
];
const PLACES: [&str; 7] = [
    "*",
    "arn:aws:sqs:*:*:q",
    "arn:aws:sqs:ap-northeast-1:123456789012:*",
    "arn:aws:s3:::bucket/home/${aws:username}/*",
    "arn:aws:s3:::bucket*",
    "arn:aws:iam::*:user/${aws:PrincipalTag/team, 'USER'}",
    "arn:aws:iam::123456789012:role/deploy",
];
const CONDITIONS: [&str; 9] = [
    "",
    "",
    r#""StringEquals":{"aws:RequestTag/team":["a","b"]}"#,
    r#""StringNotEqualsIfExists":{"aws:RequestTag/team":"a"}"#,
    r#""StringLike":{"aws:username":"user*"}"#,
    r#""Null":{"aws:TokenIssueTime":"true"}"#,
    r#""ForAllValues:StringEquals":{"aws:TagKeys":["team"]}"#,
    r#""IpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#,
    r#""DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"},"StringEquals":{"aws:RequestedRegion":"ap-northeast-1"}"#,
];
const PRINCIPALS: [&str; 4] = [
    r#""*""#,
    r#"{"AWS":"arn:aws:iam::123456789012:user/USER"}"#,
    r#"{"AWS":"123456789012"}"#,
    r#"{"AWS":"arn:aws:iam::123456789012:user/somebody"}"#,
];

/// A policy: of indices into what there is to choose from.
type Parts = Vec<(bool, bool, usize, bool, usize, usize, usize)>;

fn parts() -> impl Strategy<Value = Parts> {
    let statement = (
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.8),
        0..PATTERNS.len(),
        prop::bool::weighted(0.8),
        0..PLACES.len(),
        0..CONDITIONS.len(),
        0..PRINCIPALS.len(),
    );
    prop::collection::vec(statement, 1..4)
}

/// The text of a policy, of a resource where it names `principals`.
fn text(parts: &Parts, user: &str, kind: Kind) -> String {
    let mut text = r#"{"Version":"2012-10-17","Statement":["#.to_owned();
    for (index, (allows, action, pattern, resource, place, condition, principal)) in
        parts.iter().enumerate()
    {
        let comma = if index == 0 { "" } else { "," };
        let effect = if *allows { "Allow" } else { "Deny" };
        let action = if *action { "Action" } else { "NotAction" };
        let resource = if *resource { "Resource" } else { "NotResource" };
        let (pattern, place) = (PATTERNS[*pattern], PLACES[*place]);
        write!(
            text,
            r#"{comma}{{"Effect":"{effect}","{action}":"{pattern}","{resource}":"{place}","Condition":{{{}}}"#,
            CONDITIONS[*condition]
        )
        .unwrap();
        if kind == Kind::Resource {
            write!(text, r#","Principal":{}"#, PRINCIPALS[*principal]).unwrap();
        }
        text.push('}');
    }
    text.push_str("]}");
    text.replace("USER", user)
}

/// One user with all that may bear on it.
#[derive(Clone, Debug)]
struct World {
    own: Parts,
    group: Parts,
    boundary: Option<Parts>,
    resource: Option<Parts>,
    team: Option<usize>,
    tag_keys: Option<Vec<usize>>,
    from_inside: Option<bool>,
    is_billing_open: bool,
}

fn world() -> impl Strategy<Value = World> {
    (
        parts(),
        parts(),
        prop::option::weighted(0.4, parts()),
        prop::option::weighted(0.5, parts()),
        prop::option::of(0..3_usize),
        prop::option::of(prop::collection::vec(0..3_usize, 0..3)),
        prop::option::of(any::<bool>()),
        any::<bool>(),
    )
        .prop_map(
            |(own, group, boundary, resource, team, tag_keys, from_inside, is_billing_open)| {
                World {
                    own,
                    group,
                    boundary,
                    resource,
                    team,
                    tag_keys,
                    from_inside,
                    is_billing_open,
                }
            },
        )
}

impl World {
    /// What both ways are told of the call.
    fn context(&self) -> Vec<(&'static str, bool, Vec<String>)> {
        let words = ["a", "team", "z"];
        let word = |index: &usize| words[*index].to_owned();
        let mut context = Vec::new();
        if let Some(team) = &self.team {
            context.push(("aws:RequestTag/team", false, vec![word(team)]));
        }
        if let Some(keys) = &self.tag_keys {
            context.push(("aws:TagKeys", true, keys.iter().map(word).collect()));
        }
        if let Some(is_inside) = self.from_inside {
            let ip = if is_inside { "10.1.2.3" } else { "192.0.2.1" };
            context.push(("aws:SourceIp", false, vec![ip.to_owned()]));
        }
        context
    }
}

struct Bench {
    iam: Arc<Iam>,
    keys: Keys,
    authorizer: Authorizer,
    service: Arc<dyn Service>,
    made: AtomicU32,
    runtime: tokio::runtime::Runtime,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let account = "123456789012".parse().unwrap();
        let source = MasterKeySource::BesideTheData;
        let iam = Arc::new(Iam::open(dir.path(), &source, Some(&account), clock).unwrap());
        let ground: Arc<dyn Ground> = iam.clone();
        Self {
            keys: Keys::new(ground.clone(), &"ap-northeast-1".parse().unwrap()),
            authorizer: Authorizer::new(ground),
            service: crate::ops::service(iam.clone()),
            iam,
            made: AtomicU32::new(0),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            _dir: dir,
        }
    }

    /// Makes the user of a world; gives its name and who it is when it calls.
    fn make(&self, world: &World) -> (String, Arc<Caller>) {
        let name = format!("user{}", self.made.fetch_add(1, Ordering::Relaxed));
        let iam = &self.iam;
        let make = |name: &str| {
            iam.run(user::Create {
                id: new_id(crate::engine::Kind::User),
                name: name.to_owned(),
                path: "/".to_owned(),
                boundary: None,
                tags: Vec::new(),
            })
            .unwrap();
        };
        make(&name);
        let put = |holder: Holder, parts: &Parts| {
            iam.run(PutInline {
                holder,
                name: "p".to_owned(),
                document: text(parts, &name, Kind::Identity),
            })
            .unwrap();
        };
        put(Holder::User(name.clone()), &world.own);
        iam.run(group::Create {
            id: new_id(crate::engine::Kind::Group),
            name: name.clone(),
            path: "/".to_owned(),
        })
        .unwrap();
        put(Holder::Group(name.clone()), &world.group);
        iam.run(user::Join {
            user: name.clone(),
            group: name.clone(),
        })
        .unwrap();
        if let Some(parts) = &world.boundary {
            iam.run(managed::Create {
                id: new_id(crate::engine::Kind::Policy),
                name: name.clone(),
                path: "/".to_owned(),
                description: String::new(),
                document: text(parts, &name, Kind::Identity),
                tags: Vec::new(),
            })
            .unwrap();
            iam.run(SetBoundary {
                holder: Holder::User(name.clone()),
                arn: format!("arn:aws:iam::123456789012:policy/{name}"),
            })
            .unwrap();
        }
        iam.run(SetBilling(match world.is_billing_open {
            true => BillingIs::Open,
            false => BillingIs::Closed,
        }))
        .unwrap();
        let key = iam.create_key(&name).unwrap();
        let caller = self.keys.find(&key.key.id, None).unwrap().caller.clone();
        (name, caller)
    }

    fn call(&self, operation: &str, input: &Value) -> Value {
        self.try_call(operation, input).unwrap()
    }

    fn try_call(&self, operation: &str, input: &Value) -> Result<Value, Fault> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes())
            .unwrap()
            .unwrap();
        let nobody = Caller::anonymous(&self.iam.account_id(), "");
        let ctx = Ctx::inside(Arc::new(nobody), self.iam.clock().now());
        let answered = self.runtime.block_on(call.run(ctx, Masked::Unwanted))?;
        Ok(serde_json::from_slice(&answered.body).unwrap())
    }

    /// Whether each pair would be allowed, and what refuses.
    fn simulated(&self, world: &World, name: &str) -> Vec<bool> {
        let entries: Vec<Value> = world
            .context()
            .into_iter()
            .map(|(key, is_many, values)| {
                let kind = if is_many { "stringList" } else { "string" };
                json!({"ContextKeyName": key, "ContextKeyValues": values, "ContextKeyType": kind})
            })
            .collect();
        let resources = RESOURCES.map(|resource| resource.replace("USER", name));
        let mut input = json!({
            "PolicySourceArn": format!("arn:aws:iam::123456789012:user/{name}"),
            "ActionNames": ACTIONS, "ResourceArns": resources, "ContextEntries": entries,
        });
        if let Some(parts) = &world.resource {
            input["ResourcePolicy"] = json!(text(parts, name, Kind::Resource));
        }
        let answer = self.call("SimulatePrincipalPolicy", &input);
        let results = answer["EvaluationResults"].as_array().unwrap();
        results
            .iter()
            .map(|result| result["EvalDecision"] == "allowed")
            .collect()
    }

    /// Whether each pair is allowed when it is called.
    fn enforced(&self, world: &World, name: &str, caller: &Arc<Caller>) -> Vec<bool> {
        let policy = world.resource.as_ref().map(|parts| {
            let text = text(parts, name, Kind::Resource);
            Arc::new(Document::parse(&text, Kind::Resource).unwrap())
        });
        let ctx = Ctx::inside(Arc::clone(caller), self.iam.clock().now());
        let pairs = ACTIONS
            .iter()
            .flat_map(|action| RESOURCES.iter().map(move |resource| (*action, *resource)));
        let is_allowed = |(action, resource): (&'static str, &str)| {
            let resource = resource.replace("USER", name).parse().unwrap();
            let mut access = Access::new(action, resource).with_policy(policy.clone());
            for (key, is_many, mut values) in world.context() {
                access = match is_many {
                    true => access.with_many(key, values),
                    false => access.with(key, values.remove(0)),
                };
            }
            self.authorizer.decide(&ctx, &[access]) == Decision::Allow
        };
        pairs.map(is_allowed).collect()
    }
}

#[test]
fn what_is_simulated_is_what_is_enforced() {
    let bench = Bench::new();
    let config = ProptestConfig {
        cases: WORLDS,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    let allowed = AtomicU32::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&world(), |world| {
            let (name, caller) = bench.make(&world);
            let (simulated, enforced) = (
                bench.simulated(&world, &name),
                bench.enforced(&world, &name, &caller),
            );
            prop_assert_eq!(simulated.len(), ACTIONS.len() * RESOURCES.len());
            prop_assert_eq!(&simulated, &enforced);
            let count = enforced.iter().filter(|is_allowed| **is_allowed).count();
            allowed.fetch_add(u32::try_from(count).unwrap(), Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
    let allowed = allowed.into_inner();
    // A test in which nothing or everything is allowed shows nothing.
    assert!(
        (500..9500).contains(&allowed),
        "{allowed} of 10000 are allowed"
    );
}

#[test]
fn what_cannot_be_simulated_is_refused_with_what_is_wrong() {
    let bench = Bench::new();
    let plain = json!({"PolicyInputList": [r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#], "ActionNames": ["sqs:SendMessage"]});
    let answer = bench.call("SimulateCustomPolicy", &plain);
    assert_eq!(answer["EvaluationResults"][0]["EvalDecision"], "allowed");
    let resource_policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#;
    for (member, value, said) in [
        ("ActionNames", json!(["SendMessage"]), "is not an action"),
        ("ActionNames", json!(["sqs:Send*"]), "is not an action"),
        ("PolicyInputList", json!(["{"]), "PolicyInputList.1: "),
        (
            "PermissionsBoundaryPolicyInputList",
            json!([resource_policy]),
            "PermissionsBoundaryPolicyInputList.1: ",
        ),
        (
            "ResourcePolicy",
            json!(resource_policy),
            "needs a CallerArn",
        ),
        ("CallerArn", json!("alice"), "does not clearly define"),
        (
            "ContextEntries",
            json!([{"ContextKeyName": "aws:a", "ContextKeyValues": ["1", "2"], "ContextKeyType": "string"}]),
            "has not one value",
        ),
        (
            "ContextEntries",
            json!([{"ContextKeyName": "aws:a", "ContextKeyValues": ["1"], "ContextKeyType": "text"}]),
            "which is none",
        ),
        (
            "OrderedOrganizationPolicyInputList",
            json!([{}]),
            "no organizations",
        ),
    ] {
        let mut input = plain.clone();
        input[member] = value;
        let fault = bench.try_call("SimulateCustomPolicy", &input).unwrap_err();
        assert_eq!(fault.query_code, "InvalidInput", "{member}: {fault}");
        assert!(fault.message.contains(said), "{member}: {fault}");
    }
    let mut input = plain.clone();
    input["ActionNames"] = json!(vec!["sqs:SendMessage"; 1001]);
    input["ResourceArns"] = json!(vec!["*"; 100]);
    let fault = bench.try_call("SimulateCustomPolicy", &input).unwrap_err();
    assert!(fault.message.contains("more than 100000 pairs"), "{fault}");
    for (arn, code) in [
        ("arn:aws:iam::123456789012:user/nobody", "NoSuchEntity"),
        ("arn:aws:iam::123456789012:policy/p", "InvalidInput"),
    ] {
        let input = json!({"PolicySourceArn": arn, "ActionNames": ["sqs:SendMessage"]});
        let fault = bench
            .try_call("SimulatePrincipalPolicy", &input)
            .unwrap_err();
        assert_eq!(fault.query_code, code, "{fault}");
    }
}
