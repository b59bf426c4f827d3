//! Temporary credentials from being asked for to being refused, as the gateway asks.

use std::sync::Arc;
use std::time::Duration;

use api::{Authorizer as _, Caller, Ctx, Decision, Fault, KeyLookup, Masked, Service};
use base::{Clock, ManualClock, Timestamp};
use serde_json::{Value, json};
use store::seal::MasterKeySource;
use wire::Protocol;
use wire::sigv4::Refusal;

use crate::authorizer::Authorizer;
use crate::engine::grant::{Attach, PutInline};
use crate::engine::{Holder, Kind, device, group, role, user};
use crate::ground::Ground;
use crate::session::Keys;
use crate::{Iam, managed, new_id, totp};

const NOW: u64 = 1_795_000_000;
const TRUST_ACCOUNT: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:TagSession"]}}"#;

/// Identities behind the two questions that the gateway asks: whose key, and may it.
struct Bench {
    iam: Arc<Iam>,
    keys: Keys,
    authorizer: Authorizer,
    service: Arc<dyn Service>,
    clock: Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(NOW)));
        let account = "123456789012".parse().unwrap();
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let source = MasterKeySource::BesideTheData;
        let iam = Arc::new(Iam::open(dir.path(), &source, Some(&account), shared).unwrap());
        let ground: Arc<dyn Ground> = iam.clone();
        Self {
            keys: Keys::new(ground.clone(), &"ap-northeast-1".parse().unwrap()),
            authorizer: Authorizer::new(ground),
            service: super::service(iam.clone()),
            iam,
            clock,
            _dir: dir,
        }
    }

    fn user(&self, name: &str, policy: &str) -> Arc<Caller> {
        self.iam
            .run(user::Create {
                id: new_id(Kind::User),
                name: name.to_owned(),
                path: "/".to_owned(),
                boundary: None,
                tags: Vec::new(),
            })
            .unwrap();
        self.put(Holder::User(name.to_owned()), "own", policy);
        let key = self.iam.create_key(name).unwrap();
        self.caller(&key.key.id, None).unwrap()
    }

    fn role(&self, name: &str, trust: &str, policy: &str) {
        self.iam
            .run(role::Create {
                id: new_id(Kind::Role),
                name: name.to_owned(),
                path: "/".to_owned(),
                description: None,
                trust: trust.to_owned(),
                session_secs_max: None,
                boundary: None,
                tags: vec![("team".to_owned(), "role".to_owned())],
            })
            .unwrap();
        self.put(Holder::Role(name.to_owned()), "own", policy);
    }

    fn put(&self, holder: Holder, name: &str, document: &str) {
        self.iam
            .run(PutInline {
                holder,
                name: name.to_owned(),
                document: document.to_owned(),
            })
            .unwrap();
    }

    fn caller(&self, key_id: &str, token: Option<&str>) -> Result<Arc<Caller>, Refusal> {
        Ok(self.keys.find(key_id, token)?.caller.clone())
    }

    /// The caller that temporary credentials of an answer make.
    fn holder(&self, answer: &Value) -> Result<Arc<Caller>, Refusal> {
        let given = &answer["Credentials"];
        self.caller(
            given["AccessKeyId"].as_str().unwrap(),
            given["SessionToken"].as_str(),
        )
    }

    fn ctx(&self, caller: &Arc<Caller>) -> Ctx {
        Ctx::inside(Arc::clone(caller), self.clock.now())
    }

    /// A call as the gateway runs it: decided, then done.
    async fn call(
        &self,
        caller: &Arc<Caller>,
        operation: &str,
        input: Value,
    ) -> Result<Value, Fault> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json11, body.as_bytes())
            .unwrap()
            .unwrap();
        let ctx = self.ctx(caller);
        match self.authorizer.decide(&ctx, &call.access(caller)) {
            Decision::Allow => {}
            Decision::Deny { action, reason, .. } => {
                let text = format!("{action} {reason}");
                return Err(Fault::sender("AccessDenied", text));
            }
        }
        let answered = call.run(ctx, Masked::Unwanted).await?;
        Ok(serde_json::from_slice(&answered.body).unwrap())
    }

    async fn refused(&self, caller: &Arc<Caller>, operation: &str, input: Value) -> String {
        match self.call(caller, operation, input).await {
            Ok(answer) => panic!("{operation}: {answer}"),
            Err(fault) => format!("{}: {}", fault.query_code, fault.message),
        }
    }

    /// Why `caller` may not do something; nothing where it may.
    fn why_not(&self, caller: &Arc<Caller>, action: &'static str) -> String {
        let resource = "arn:aws:sqs:ap-northeast-1:123456789012:q".parse().unwrap();
        let access = [api::Access::new(action, resource)];
        match self.authorizer.decide(&self.ctx(caller), &access) {
            Decision::Allow => String::new(),
            Decision::Deny { reason, .. } => reason,
        }
    }
}

fn allow(actions: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Resource":"*"}}}}"#
    )
}

fn assume(name: &str) -> Value {
    json!({"RoleArn": format!("arn:aws:iam::123456789012:role/{name}"), "RoleSessionName": "deploy"})
}

#[tokio::test]
async fn who_calls_is_told_whatever_policies_say() {
    let bench = Bench::new();
    let deny =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
    let alice = bench.user("alice", deny);
    let answer = bench
        .call(&alice, "GetCallerIdentity", json!({}))
        .await
        .unwrap();
    assert_eq!(answer["Account"], "123456789012");
    assert_eq!(answer["Arn"], "arn:aws:iam::123456789012:user/alice");
    assert_eq!(answer["UserId"], alice.unique_id());
    let key = json!({"AccessKeyId": alice.access_key_id});
    let refused = bench.refused(&alice, "GetAccessKeyInfo", key.clone()).await;
    assert!(
        refused.contains("explicit deny in an identity-based policy"),
        "{refused}"
    );
    let bob = bench.user("bob", &allow(r#""sts:*""#));
    let answer = bench.call(&bob, "GetAccessKeyInfo", key).await.unwrap();
    assert_eq!(answer["Account"], "123456789012");
    let unknown = json!({"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"});
    let refused = bench.refused(&bob, "GetAccessKeyInfo", unknown).await;
    assert!(refused.starts_with("ValidationError"), "{refused}");
}

#[tokio::test]
async fn a_role_is_assumed_by_whom_both_sides_let() {
    let bench = Bench::new();
    let alice = bench.user("alice", &allow(r#"["sts:AssumeRole","sts:TagSession"]"#));
    let bob = bench.user("bob", &allow(r#""sqs:*""#));
    bench.role("deploy", TRUST_ACCOUNT, &allow(r#""sqs:*""#));
    let named = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/bob"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x1"}}}}"#;
    bench.role("named", named, &allow(r#""sqs:*""#));

    let answer = bench
        .call(&alice, "AssumeRole", assume("deploy"))
        .await
        .unwrap();
    let arn = "arn:aws:sts::123456789012:assumed-role/deploy/deploy";
    assert_eq!(answer["AssumedRoleUser"]["Arn"], arn);
    let session = bench.holder(&answer).unwrap();
    assert_eq!(session.arn.to_string(), arn);
    assert_eq!(bench.why_not(&session, "sqs:SendMessage"), "");
    assert_eq!(session.tag("team"), Some("role"));
    // The account is named, so its own policies decide; a user that is named needs none.
    let refused = bench.refused(&bob, "AssumeRole", assume("deploy")).await;
    assert!(
        refused.contains("because no identity-based policy allows"),
        "{refused}"
    );
    let mut input = assume("named");
    let refused = bench.refused(&bob, "AssumeRole", input.clone()).await;
    assert!(refused.starts_with("AccessDenied"), "{refused}");
    input["ExternalId"] = json!("x1");
    bench.call(&bob, "AssumeRole", input).await.unwrap();
    let refused = bench.refused(&alice, "AssumeRole", assume("named")).await;
    assert!(refused.contains("no role trust policy allows"), "{refused}");
    // Whether a role exists, nobody learns.
    let refused = bench.refused(&alice, "AssumeRole", assume("none")).await;
    assert!(
        refused.starts_with("AccessDenied: User: arn:aws:iam::123456789012:user/alice is not authorized to perform: sts:AssumeRole"),
        "{refused}"
    );
}

#[tokio::test]
async fn session_policies_and_tags_are_of_the_session() {
    let bench = Bench::new();
    let alice = bench.user("alice", &allow(r#"["sts:AssumeRole","sts:TagSession"]"#));
    bench.role("deploy", TRUST_ACCOUNT, &allow(r#""sqs:*""#));
    let mut input = assume("deploy");
    input["Policy"] = json!(allow(r#""sqs:SendMessage""#));
    input["Tags"] = json!([{"Key": "Team", "Value": "session"}]);
    let answer = bench
        .call(&alice, "AssumeRole", input.clone())
        .await
        .unwrap();
    let session = bench.holder(&answer).unwrap();
    assert_eq!(bench.why_not(&session, "sqs:SendMessage"), "");
    assert_eq!(
        bench.why_not(&session, "sqs:ReceiveMessage"),
        "because no session policy allows the sqs:ReceiveMessage action"
    );
    assert_eq!(
        (session.tag("Team"), session.tag("team")),
        (Some("session"), None)
    );
    input["PolicyArns"] = json!([{"arn": managed::READER}]);
    let answer = bench
        .call(&alice, "AssumeRole", input.clone())
        .await
        .unwrap();
    let session = bench.holder(&answer).unwrap();
    assert_eq!(bench.why_not(&session, "sqs:ListQueues"), "");
    for (member, value, code) in [
        ("Policy", json!("{"), "MalformedPolicyDocument"),
        ("Policy", json!(" ".repeat(2049)), "PackedPolicyTooLarge"),
        (
            "PolicyArns",
            json!([{"arn": "arn:aws:iam::aws:policy/None"}]),
            "ValidationError",
        ),
        (
            "PolicyArns",
            json!(vec![json!({"arn": managed::READER}); 11]),
            "ValidationError",
        ),
        (
            "Tags",
            json!([{"Key": "a", "Value": "b"}, {"Key": "A", "Value": "c"}]),
            "InvalidParameterValue",
        ),
        (
            "Tags",
            json!(vec![json!({"Key": "a", "Value": "b"}); 51]),
            "ValidationError",
        ),
        ("DurationSeconds", json!(899), "ValidationError"),
        ("DurationSeconds", json!(3601), "ValidationError"),
        ("DurationSeconds", json!(43_201), "ValidationError"),
        ("RoleSessionName", json!("a"), "ValidationError"),
        ("RoleSessionName", json!("a b"), "ValidationError"),
        ("TransitiveTagKeys", json!(["a"]), "InvalidParameterValue"),
        (
            "SerialNumber",
            json!("arn:aws:iam::123456789012:mfa/x"),
            "ValidationError",
        ),
    ] {
        let mut input = input.clone();
        input[member] = value;
        let refused = bench.refused(&alice, "AssumeRole", input).await;
        assert!(refused.starts_with(code), "{member}: {refused}");
    }
}

/// Source: IAM User Guide, "Monitor and control actions taken with assumed roles".
#[tokio::test]
async fn a_source_identity_needs_leave_is_kept_along_a_chain_and_never_changes() {
    let bench = Bench::new();
    let set = r#"["sts:AssumeRole","sts:SetSourceIdentity"]"#;
    let trust = |actions: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"123456789012"}},"Action":{actions}}}}}"#
        )
    };
    let alice = bench.user("alice", &allow(set));
    let bob = bench.user("bob", &allow(r#""sts:AssumeRole""#));
    bench.role("one", &trust(set), &allow(set));
    bench.role("two", &trust(set), &allow(r#""sqs:*""#));
    bench.role("deaf", &trust(r#""sts:AssumeRole""#), &allow(set));
    let named = |role: &str, source: &str| {
        let mut input = assume(role);
        input["SourceIdentity"] = json!(source);
        input
    };
    let refused = bench
        .refused(&bob, "AssumeRole", named("one", "Alice"))
        .await;
    assert!(refused.contains("sts:SetSourceIdentity"), "{refused}");
    let refused = bench
        .refused(&alice, "AssumeRole", named("deaf", "Alice"))
        .await;
    assert!(refused.contains("sts:SetSourceIdentity"), "{refused}");
    for none in ["a", "a b", "aws:me"] {
        let refused = bench
            .refused(&alice, "AssumeRole", named("one", none))
            .await;
        assert!(refused.starts_with("ValidationError"), "{none}: {refused}");
    }
    let answer = bench
        .call(&alice, "AssumeRole", named("one", "Alice"))
        .await;
    let answer = answer.unwrap();
    assert_eq!(answer["SourceIdentity"], "Alice");
    let first = bench.holder(&answer).unwrap();
    // Not asked for again, and there all the same.
    let answer = bench
        .call(&first, "AssumeRole", assume("two"))
        .await
        .unwrap();
    assert_eq!(answer["SourceIdentity"], "Alice");
    let second = bench.holder(&answer).unwrap();
    let refused = bench
        .refused(&first, "AssumeRole", named("two", "Mallory"))
        .await;
    assert!(refused.starts_with("AccessDenied"), "{refused}");
    let refused = bench.refused(&first, "AssumeRole", assume("deaf")).await;
    assert!(refused.contains("sts:SetSourceIdentity"), "{refused}");
    let only_alice = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceIdentity":"Alice"}}}}"#;
    bench.put(Holder::Role("two".to_owned()), "only", only_alice);
    let second = bench.caller(
        &second.access_key_id,
        answer["Credentials"]["SessionToken"].as_str(),
    );
    assert_eq!(bench.why_not(&second.unwrap(), "sqs:SendMessage"), "");
    let without = bench.call(&bob, "AssumeRole", assume("two")).await.unwrap();
    assert_eq!(without["SourceIdentity"], Value::Null);
    let without = bench.holder(&without).unwrap();
    assert_eq!(
        bench.why_not(&without, "sqs:SendMessage"),
        "with an explicit deny in an identity-based policy"
    );
}

/// Source: IAM User Guide, "Chaining roles with session tags".
#[tokio::test]
async fn transitive_tags_go_on_and_cannot_be_overwritten() {
    let bench = Bench::new();
    let may = r#"["sts:AssumeRole","sts:TagSession"]"#;
    let alice = bench.user("alice", &allow(may));
    bench.role("one", TRUST_ACCOUNT, &allow(may));
    bench.role("two", TRUST_ACCOUNT, &allow(may));
    let tagged = |role: &str, tags: Value, transitive: Value| {
        let mut input = assume(role);
        input["Tags"] = tags;
        input["TransitiveTagKeys"] = transitive;
        input
    };
    let tags = json!([{"Key": "Star", "Value": "1"}, {"Key": "Heart", "Value": "2"}]);
    let input = tagged("one", tags, json!(["Star"]));
    let answer = bench.call(&alice, "AssumeRole", input).await.unwrap();
    let first = bench.holder(&answer).unwrap();
    assert_eq!(
        (first.tag("Star"), first.tag("Heart")),
        (Some("1"), Some("2"))
    );
    let input = tagged("two", json!([{"Key": "Sun", "Value": "3"}]), json!([]));
    let answer = bench.call(&first, "AssumeRole", input).await.unwrap();
    let second = bench.holder(&answer).unwrap();
    assert_eq!(
        (second.tag("Star"), second.tag("Heart"), second.tag("Sun")),
        (Some("1"), None, Some("3"))
    );
    let answer = bench
        .call(&second, "AssumeRole", assume("one"))
        .await
        .unwrap();
    let third = bench.holder(&answer).unwrap();
    assert_eq!((third.tag("Star"), third.tag("Sun")), (Some("1"), None));
    let input = tagged("two", json!([{"Key": "star", "Value": "9"}]), json!([]));
    let refused = bench.refused(&first, "AssumeRole", input).await;
    assert!(refused.starts_with("InvalidParameterValue"), "{refused}");
}

#[tokio::test]
async fn sessions_end_by_time_by_policy_and_at_once() {
    let bench = Bench::new();
    let alice = bench.user("alice", &allow(r#""sts:AssumeRole""#));
    bench.role("deploy", TRUST_ACCOUNT, &allow(r#""sqs:*""#));
    let mut input = assume("deploy");
    input["DurationSeconds"] = json!(900);
    let first = bench
        .call(&alice, "AssumeRole", input.clone())
        .await
        .unwrap();
    bench.clock.advance(Duration::from_secs(899));
    let session = bench.holder(&first).unwrap();
    // As the console's "Revoke active sessions" writes it.
    let older = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{{"DateLessThan":{{"aws:TokenIssueTime":"{}"}}}}}}}}"#,
        bench.clock.now().rfc3339()
    );
    bench.put(
        Holder::Role("deploy".to_owned()),
        "AWSRevokeOlderSessions",
        &older,
    );
    let session_after = bench.holder(&first).unwrap();
    assert_eq!(bench.why_not(&session, "sqs:SendMessage"), "");
    assert_eq!(
        bench.why_not(&session_after, "sqs:SendMessage"),
        "with an explicit deny in an identity-based policy"
    );
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.holder(&first).unwrap_err(), Refusal::ExpiredToken);
    let second = bench.call(&alice, "AssumeRole", input).await.unwrap();
    let session = bench.holder(&second).unwrap();
    assert_eq!(bench.why_not(&session, "sqs:SendMessage"), "");
    bench.clock.advance(Duration::from_millis(1));
    bench
        .iam
        .run(role::EndSessions {
            role: "deploy".to_owned(),
        })
        .unwrap();
    assert_eq!(bench.holder(&second).unwrap_err(), Refusal::ExpiredToken);
}

#[tokio::test]
async fn a_chain_of_roles_lasts_an_hour() {
    let bench = Bench::new();
    let alice = bench.user("alice", &allow(r#""sts:AssumeRole""#));
    bench.role("one", TRUST_ACCOUNT, &allow(r#""sts:*""#));
    bench.role("two", TRUST_ACCOUNT, &allow(r#""sqs:*""#));
    bench
        .iam
        .run(role::Update {
            role: "two".to_owned(),
            description: None,
            session_secs_max: Some(43_200),
        })
        .unwrap();
    let mut longest = assume("two");
    longest["DurationSeconds"] = json!(43_200);
    bench
        .call(&alice, "AssumeRole", longest.clone())
        .await
        .unwrap();
    let one = bench
        .call(&alice, "AssumeRole", assume("one"))
        .await
        .unwrap();
    let one = bench.holder(&one).unwrap();
    let refused = bench.refused(&one, "AssumeRole", longest).await;
    assert!(refused.contains("role chaining"), "{refused}");
    bench.call(&one, "AssumeRole", assume("two")).await.unwrap();
    for operation in ["GetSessionToken", "GetFederationToken"] {
        let refused = bench.refused(&one, operation, json!({"Name": "bob"})).await;
        assert!(
            refused.contains("credentials of AssumeRole can call neither"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_second_factor_opens_what_asks_for_one() {
    let bench = Bench::new();
    let with_mfa = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole"],"Resource":"*"},{"Effect":"Allow","Action":["sqs:*","iam:*"],"Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}"#;
    let alice = bench.user("alice", with_mfa);
    let id = bench.iam.newest().user("alice").unwrap().id.clone();
    let (device, seed) = bench.iam.create_device("/", "alice", Vec::new()).unwrap();
    let code = |at: Timestamp| totp::code(seed.expose(), totp::step_at(at)).unwrap();
    let (now, before) = (bench.clock.now(), Timestamp::from_secs(NOW - 30));
    bench
        .iam
        .enable_device(
            device::Owner::User(id),
            &device.serial,
            (&code(before), &code(now)),
        )
        .unwrap();
    let plain = bench
        .call(&alice, "GetSessionToken", json!({}))
        .await
        .unwrap();
    let plain = bench.holder(&plain).unwrap();
    assert_eq!(
        bench.why_not(&plain, "sqs:SendMessage"),
        "because no identity-based policy allows the sqs:SendMessage action"
    );
    assert!(
        bench
            .why_not(&plain, "iam:ListUsers")
            .contains("without MFA cannot call IAM")
    );
    let mut input = json!({"SerialNumber": device.serial, "TokenCode": "000000"});
    let refused = bench
        .refused(&alice, "GetSessionToken", input.clone())
        .await;
    assert!(
        refused.contains("invalid MFA one time pass code"),
        "{refused}"
    );
    bench.clock.advance(Duration::from_secs(60));
    input["TokenCode"] = json!(code(bench.clock.now()));
    let answer = bench
        .call(&alice, "GetSessionToken", input.clone())
        .await
        .unwrap();
    let shown = bench.holder(&answer).unwrap();
    assert_eq!(bench.why_not(&shown, "sqs:SendMessage"), "");
    assert_eq!(bench.why_not(&shown, "iam:ListUsers"), "");
    // A code is taken once.
    let refused = bench
        .refused(&alice, "GetSessionToken", input.clone())
        .await;
    assert!(
        refused.contains("invalid MFA one time pass code"),
        "{refused}"
    );

    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}"#;
    bench.role("careful", trust, &allow(r#""sqs:*""#));
    let refused = bench.refused(&alice, "AssumeRole", assume("careful")).await;
    assert!(refused.starts_with("AccessDenied"), "{refused}");
    let mut careful = assume("careful");
    careful["SerialNumber"] = json!(device.serial);
    careful["TokenCode"] = json!("000000");
    let refused = bench.refused(&alice, "AssumeRole", careful.clone()).await;
    assert!(
        refused.contains("invalid MFA one time pass code"),
        "{refused}"
    );
    bench.clock.advance(Duration::from_secs(60));
    careful["TokenCode"] = json!(code(bench.clock.now()));
    bench.call(&alice, "AssumeRole", careful).await.unwrap();
}

#[tokio::test]
async fn whoever_gets_credentials_of_a_user_may_do_what_both_may() {
    let bench = Bench::new();
    let alice = bench.user("alice", &allow(r#"["sqs:*","sts:GetFederationToken"]"#));
    let plain = bench
        .call(&alice, "GetFederationToken", json!({"Name": "bob"}))
        .await
        .unwrap();
    assert_eq!(
        plain["FederatedUser"]["FederatedUserId"],
        "123456789012:bob"
    );
    let bob = bench.holder(&plain).unwrap();
    assert!(!bench.why_not(&bob, "sqs:SendMessage").is_empty());
    let input = json!({"Name": "bob", "Policy": allow(r#"["sqs:SendMessage","s3:*"]"#)});
    let limited = bench
        .call(&alice, "GetFederationToken", input)
        .await
        .unwrap();
    let bob = bench.holder(&limited).unwrap();
    assert_eq!(bench.why_not(&bob, "sqs:SendMessage"), "");
    assert!(!bench.why_not(&bob, "s3:GetObject").is_empty());
    assert!(!bench.why_not(&bob, "sqs:ReceiveMessage").is_empty());
    let refused = bench.refused(&bob, "AssumeRole", assume("none")).await;
    assert!(
        refused.contains("credentials of GetFederationToken"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_session_of_a_user_follows_its_groups() {
    let bench = Bench::new();
    let alice = bench.user("alice", &allow(r#""sts:GetSessionToken""#));
    let answer = bench
        .call(&alice, "GetSessionToken", json!({}))
        .await
        .unwrap();
    assert!(
        !bench
            .why_not(&bench.holder(&answer).unwrap(), "sqs:SendMessage")
            .is_empty()
    );
    let name = || "Senders".to_owned();
    bench
        .iam
        .run(group::Create {
            id: new_id(Kind::Group),
            name: name(),
            path: "/".to_owned(),
        })
        .unwrap();
    bench
        .iam
        .run(Attach {
            holder: Holder::Group(name()),
            arn: managed::SENDER.to_owned(),
        })
        .unwrap();
    bench
        .iam
        .run(user::Join {
            user: "alice".to_owned(),
            group: name(),
        })
        .unwrap();
    assert_eq!(
        bench.why_not(&bench.holder(&answer).unwrap(), "sqs:SendMessage"),
        ""
    );
}
