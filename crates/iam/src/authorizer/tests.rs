//! Callers and what they may do.

use std::sync::Arc;

use api::{Access, Authorizer as _, Caller, Ctx, Decision, KeyLookup, SessionKind};
use base::Arn;
use policy::{Document, Kind};

use super::Authorizer;
use crate::engine::{Holder, grant, password};
use crate::ground::Ground;
use crate::ground::memory::{ACCOUNT, Memory};
use crate::session::{self, Keys, Token};

struct Bench {
    memory: Arc<Memory>,
    keys: Keys,
    authorizer: Authorizer,
}

fn bench() -> Bench {
    let memory = Memory::new();
    let ground = Arc::clone(&memory) as Arc<dyn Ground>;
    Bench {
        keys: Keys::new(Arc::clone(&ground), &"ap-northeast-1".parse().unwrap()),
        authorizer: Authorizer::new(ground),
        memory,
    }
}

const QUEUE: &str = "arn:aws:sqs:ap-northeast-1:123456789012:s2s";

fn wanted(action: &'static str, resource: &str) -> Access {
    Access::new(action, resource.parse::<Arn>().unwrap())
}

impl Bench {
    fn caller(&self, name: &str) -> Arc<Caller> {
        let key = self.keys.find(&format!("AKIA{name}"), None).unwrap();
        Arc::clone(&key.caller)
    }

    fn session(
        &self,
        holder: session::Holder,
        kind: SessionKind,
        policy: Option<&str>,
    ) -> Arc<Caller> {
        let now = self.memory.now();
        let token = Token {
            holder,
            kind,
            secret: "s".to_owned(),
            issued: now,
            expires: now.plus(std::time::Duration::from_secs(900)),
            mfa: None,
            policy: policy.map(str::to_owned),
            managed: Vec::new(),
            tags: Vec::new(),
            carried: api::Carried::default(),
        };
        let given = token.issue(&*self.memory);
        let key = self.keys.find(&given.key_id, Some(&given.token)).unwrap();
        Arc::clone(&key.caller)
    }

    /// Nothing when allowed, else the reason.
    fn refusal(&self, caller: &Arc<Caller>, access: Access) -> String {
        let ctx = Ctx::inside(Arc::clone(caller), self.memory.now());
        match self.authorizer.decide(&ctx, &[access]) {
            Decision::Allow => String::new(),
            Decision::Deny { reason, .. } => reason,
        }
    }

    fn asked(&self, name: &str, action: &'static str, resource: &str) -> String {
        self.refusal(&self.caller(name), wanted(action, resource))
    }

    fn allow(&self, holder: Holder, document: &str) {
        self.memory.put(holder, "own", document);
    }
}

fn user(name: &str) -> Holder {
    Holder::User(name.to_owned())
}

fn of_user(name: &str) -> session::Holder {
    session::Holder::User {
        id: crate::engine::Id::new(format!("AIDA{name}")),
    }
}

const SEND: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}}"#;
const DENY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

#[test]
fn own_attached_and_group_policies_allow_and_any_denies() {
    let bench = bench();
    for name in ["own", "member", "attached", "none", "denied"] {
        bench.memory.user(name);
    }
    bench.memory.group("senders", &["member", "denied"]);
    bench.allow(user("own"), SEND);
    bench.allow(Holder::Group("senders".to_owned()), SEND);
    bench.allow(user("denied"), DENY_ALL);
    bench.memory.run(grant::Attach {
        holder: user("attached"),
        arn: crate::managed::SENDER.to_owned(),
    });
    for name in ["own", "member", "attached"] {
        assert_eq!(bench.asked(name, "sqs:SendMessage", QUEUE), "", "{name}");
    }
    let missing = "because no identity-based policy allows the sqs:SendMessage action";
    assert_eq!(bench.asked("none", "sqs:SendMessage", QUEUE), missing);
    let denied = "with an explicit deny in an identity-based policy";
    assert_eq!(bench.asked("denied", "sqs:SendMessage", QUEUE), denied);
    // Changed at the very next call.
    bench.memory.run(grant::Detach {
        holder: user("attached"),
        arn: crate::managed::SENDER.to_owned(),
    });
    assert_eq!(bench.asked("attached", "sqs:SendMessage", QUEUE), missing);
}

#[test]
fn policies_of_aws_are_everybodys_and_what_is_anothers_is_not() {
    let bench = bench();
    bench.memory.user("reader");
    bench.allow(user("reader"), ALL);
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    assert_eq!(bench.asked("reader", "iam:GetPolicy", arn), "");
    let foreign = "arn:aws:iam::999999999999:policy/own";
    let refusal = "because no resource-based policy allows the iam:GetPolicy action";
    assert_eq!(bench.asked("reader", "iam:GetPolicy", foreign), refusal);
}

#[test]
fn a_boundary_and_a_session_policy_take_away() {
    let bench = bench();
    bench.memory.user("alice");
    bench.allow(user("alice"), ALL);
    let receive =
        r#"{"Statement":{"Effect":"Allow","Action":"sqs:ReceiveMessage","Resource":"*"}}"#;
    let limited = bench.session(of_user("alice"), SessionKind::Token, Some(receive));
    assert_eq!(
        bench.refusal(&limited, wanted("sqs:ReceiveMessage", QUEUE)),
        ""
    );
    assert_eq!(
        bench.refusal(&limited, wanted("sqs:SendMessage", QUEUE)),
        "because no session policy allows the sqs:SendMessage action"
    );
    bench.memory.run(grant::SetBoundary {
        holder: user("alice"),
        arn: crate::managed::SENDER.to_owned(),
    });
    assert_eq!(bench.asked("alice", "sqs:SendMessage", QUEUE), "");
    assert_eq!(
        bench.asked("alice", "sqs:ReceiveMessage", QUEUE),
        "because no permissions boundary allows the sqs:ReceiveMessage action"
    );
}

#[test]
fn a_resource_policy_opens_to_whom_it_names() {
    let bench = bench();
    bench.memory.user("alice");
    bench.memory.user("bob");
    let open = |principal: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sqs:SendMessage","Resource":"*"}}}}"#
        );
        Some(Arc::new(Document::parse(&text, Kind::Resource).unwrap()))
    };
    let nobody = Arc::new(Caller::anonymous(&ACCOUNT.parse().unwrap(), ""));
    let send = |principal| wanted("sqs:SendMessage", QUEUE).with_policy(open(principal));
    let alice = r#"{"AWS":"arn:aws:iam::123456789012:user/alice"}"#;
    assert_eq!(bench.refusal(&bench.caller("alice"), send(alice)), "");
    assert_ne!(bench.refusal(&bench.caller("bob"), send(alice)), "");
    assert_ne!(bench.refusal(&nobody, send(alice)), "");
    assert_eq!(bench.refusal(&nobody, send("\"*\"")), "");
    // The account alone decides nothing: its own policies do.
    let account = r#"{"AWS":"123456789012"}"#;
    assert_ne!(bench.refusal(&bench.caller("bob"), send(account)), "");
}

#[test]
fn the_password_policy_lets_users_change_their_own_password() {
    let bench = bench();
    bench.memory.user("alice");
    bench.memory.user("bob");
    let own = "arn:aws:iam::123456789012:user/alice";
    assert_ne!(bench.asked("alice", "iam:ChangePassword", own), "");
    bench.memory.run(password::Set(password::PasswordPolicy {
        may_users_change: true,
        ..password::PasswordPolicy::default()
    }));
    assert_eq!(bench.asked("alice", "iam:ChangePassword", own), "");
    assert_eq!(
        bench.asked(
            "alice",
            "iam:GetAccountPasswordPolicy",
            "arn:aws:iam::123456789012:*"
        ),
        ""
    );
    assert_ne!(bench.asked("bob", "iam:ChangePassword", own), "");
    bench.allow(user("alice"), DENY_ALL);
    assert_ne!(bench.asked("alice", "iam:ChangePassword", own), "");
}

#[test]
fn some_calls_need_no_policy_and_some_credentials_are_never_enough() {
    let bench = bench();
    bench.memory.user("alice");
    let sts = "arn:aws:sts::123456789012:*";
    bench.allow(user("alice"), DENY_ALL);
    for action in ["sts:GetCallerIdentity", "sts:GetSessionToken"] {
        assert_eq!(bench.asked("alice", action, sts), "", "{action}");
    }
    bench.allow(user("alice"), ALL);
    let token = bench.session(of_user("alice"), SessionKind::Token, None);
    assert_eq!(bench.refusal(&token, wanted("sqs:SendMessage", QUEUE)), "");
    assert_eq!(bench.refusal(&token, wanted("sts:AssumeRole", sts)), "");
    assert_eq!(
        bench.refusal(&token, wanted("sts:GetCallerIdentity", sts)),
        ""
    );
    for (action, text) in [
        ("sts:GetSessionToken", "nothing of STS but AssumeRole"),
        ("iam:ListUsers", "without MFA cannot call IAM"),
    ] {
        let reason = bench.refusal(&token, wanted(action, sts));
        assert!(reason.contains(text), "{action}: {reason}");
    }
    let named = session::Holder::Federated {
        id: crate::engine::Id::new("AIDAalice"),
        name: "app".to_owned(),
    };
    let federated = bench.session(named.clone(), SessionKind::Federation, Some(SEND));
    assert_eq!(
        bench.refusal(&federated, wanted("sqs:SendMessage", QUEUE)),
        ""
    );
    assert_ne!(
        bench.refusal(&federated, wanted("sqs:ReceiveMessage", QUEUE)),
        ""
    );
    assert_ne!(bench.refusal(&federated, wanted("iam:ListUsers", sts)), "");
    let without = bench.session(named, SessionKind::Federation, None);
    assert_ne!(
        bench.refusal(&without, wanted("sqs:SendMessage", QUEUE)),
        ""
    );
}

#[test]
fn the_bill_stays_closed_until_it_is_opened() {
    let bench = bench();
    bench.memory.user("alice");
    bench.allow(user("alice"), ALL);
    let any = "arn:aws:iam::123456789012:*";
    let reason = bench.asked("alice", "aws-portal:ViewBilling", any);
    assert!(reason.contains("is not activated"), "{reason}");
    assert_eq!(
        bench.asked("alice", "billing:UpdateIAMAccessPreference", any),
        ""
    );
    let open = crate::engine::account::BillingIs::Open;
    bench.memory.run(crate::engine::account::SetBilling(open));
    assert_eq!(bench.asked("alice", "aws-portal:ViewBilling", any), "");
}

#[test]
fn a_locked_root_looks_at_account_and_bill_alone() {
    let bench = bench();
    let any = "arn:aws:iam::123456789012:*";
    let root = || bench.session(session::Holder::Root, SessionKind::SignIn, None);
    for (action, is_allowed) in [
        ("aws-portal:ViewBilling", true),
        ("account:GetAccountInformation", true),
        ("iam:CreateUser", false),
        ("sqs:SendMessage", false),
    ] {
        assert_eq!(
            bench.refusal(&root(), wanted(action, any)).is_empty(),
            is_allowed,
            "{action}"
        );
    }
    let unlocked = crate::engine::account::RootIs::Unlocked;
    bench.memory.run(crate::engine::account::SetRoot(unlocked));
    assert_eq!(bench.refusal(&root(), wanted("iam:CreateUser", any)), "");
}

#[test]
fn conditions_see_the_call() {
    let bench = bench();
    bench.memory.user("alice");
    let with = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}}}"#
        )
    };
    for (condition, is_allowed) in [
        (r#"{"StringEquals":{"aws:username":"alice"}}"#, true),
        (r#"{"StringEquals":{"aws:username":"bob"}}"#, false),
        (r#"{"StringEquals":{"aws:userid":"AIDAalice"}}"#, true),
        (r#"{"StringEquals":{"aws:PrincipalType":"User"}}"#, true),
        (
            r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/alice"}}"#,
            true,
        ),
        (
            r#"{"StringEquals":{"aws:RequestedRegion":"ap-northeast-1"}}"#,
            true,
        ),
        (
            r#"{"StringEquals":{"aws:ResourceAccount":"123456789012"}}"#,
            true,
        ),
        (r#"{"Bool":{"aws:MultiFactorAuthPresent":"false"}}"#, false),
        (
            r#"{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}"#,
            true,
        ),
        (r#"{"Null":{"aws:MultiFactorAuthPresent":"true"}}"#, true),
        (
            r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-25T00:00:00Z"}}"#,
            true,
        ),
        (
            r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-22T00:00:00Z"}}"#,
            false,
        ),
        (
            r#"{"NumericGreaterThan":{"aws:EpochTime":"1795410189"}}"#,
            true,
        ),
        (r#"{"StringEquals":{"sqs:own":"value"}}"#, true),
    ] {
        bench.allow(user("alice"), &with(condition));
        let access = wanted("sqs:SendMessage", QUEUE).with("sqs:own", "value");
        let reason = bench.refusal(&bench.caller("alice"), access);
        assert_eq!(reason.is_empty(), is_allowed, "{condition}: {reason}");
    }
}

#[test]
fn every_managed_policy_can_be_decided_by() {
    for managed in crate::managed::all() {
        let read = Document::parse(&managed.document, Kind::Identity);
        assert!(read.is_ok(), "{}: {:?}", managed.arn, read.err());
    }
}
