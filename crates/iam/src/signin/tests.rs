//! People at the door, with a clock that only the test turns.

use std::sync::Arc;
use std::time::Duration;

use api::{Caller, Ctx};
use base::{Clock, ManualClock, Timestamp};
use store::seal::MasterKeySource;

use super::{ROOT_SESSION, Refused, SESSION, Shown, SignIn, Who};
use crate::authorizer::Authorizer;
use crate::engine::account::EndRootSessions;
use crate::engine::grant::PutInline;
use crate::engine::login::Reset;
use crate::engine::{Holder, Kind, device, user};
use crate::ground::Ground;
use crate::guess;
use crate::session::Keys;
use crate::{Iam, new_id, totp};

const NOW: u64 = 1_795_000_000;
const FIRST: &str = "First-password-1";
const SECOND: &str = "Second-password-2";

struct Bench {
    iam: Arc<Iam>,
    page: SignIn,
    clock: Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(NOW)));
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let source = MasterKeySource::BesideTheData;
        let account = "123456789012".parse().unwrap();
        let iam = Arc::new(Iam::open(dir.path(), &source, Some(&account), shared).unwrap());
        let ground: Arc<dyn Ground> = iam.clone();
        let keys = Arc::new(Keys::new(ground.clone(), &"us-east-1".parse().unwrap()));
        let authorizer = Arc::new(Authorizer::new(ground));
        Self {
            page: SignIn::new(iam.clone(), keys, authorizer),
            iam,
            clock,
            _dir: dir,
        }
    }

    async fn user(&self, name: &str, policy: Option<&str>, reset: Reset) {
        self.iam
            .run(user::Create {
                id: new_id(Kind::User),
                name: name.to_owned(),
                path: "/".to_owned(),
                boundary: None,
                tags: Vec::new(),
            })
            .unwrap();
        if let Some(policy) = policy {
            self.iam
                .run(PutInline {
                    holder: Holder::User(name.to_owned()),
                    name: "p".to_owned(),
                    document: policy.to_owned(),
                })
                .unwrap();
        }
        self.iam.create_login(name, FIRST, reset).await.unwrap();
    }

    fn from(&self, address: &str) -> Ctx {
        let nobody = Caller::anonymous(&self.iam.account_id(), "");
        Ctx {
            client: Some(format!("{address}:4000").parse().unwrap()),
            ..Ctx::inside(Arc::new(nobody), self.clock.now())
        }
    }

    async fn sign_in(&self, who: &str, password: &str) -> Result<String, Refused> {
        let signed = self
            .page
            .sign_in(&self.from("192.0.2.1"), &shown(who, password, None))
            .await;
        signed.map(|signed| signed.ticket)
    }

    async fn change(&self, who: &str, password: &str, new: &str) -> Result<(), Refused> {
        let ctx = self.from("192.0.2.1");
        let shown = shown(who, password, None);
        let changed = self.page.change_password(&ctx, &shown, new).await;
        changed.map(|_| ())
    }
}

fn shown(who: &str, password: &str, code: Option<String>) -> Shown {
    Shown {
        who: match who {
            "root" => Who::Root,
            name => Who::User(name.to_owned()),
        },
        password: password.to_owned(),
        code,
    }
}

const MAY_CHANGE: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ChangePassword","Resource":"arn:aws:iam::*:user/${aws:username}"}}"#;

#[tokio::test]
async fn a_first_password_opens_nothing_but_its_change() {
    let bench = Bench::new();
    bench.user("alice", Some(MAY_CHANGE), Reset::Required).await;
    bench.user("bob", None, Reset::Required).await;
    assert_eq!(
        bench.sign_in("alice", FIRST).await,
        Err(Refused::MustChange)
    );
    // Which of the two refuses, policy or password rule, is told.
    let refused = bench.change("alice", FIRST, "short").await.unwrap_err();
    assert!(matches!(refused, Refused::NewPassword(_)), "{refused:?}");
    let refused = bench.change("bob", FIRST, SECOND).await.unwrap_err();
    assert_eq!(
        refused,
        Refused::NotAllowed {
            action: "iam:ChangePassword",
            reason: "because no identity-based policy allows the iam:ChangePassword action"
                .to_owned(),
        }
    );
    bench.change("alice", FIRST, SECOND).await.unwrap();
    assert_eq!(bench.sign_in("alice", FIRST).await, Err(Refused::Wrong));
    let ticket = bench.sign_in("alice", SECOND).await.unwrap();
    let caller = bench.page.caller(&ticket).unwrap();
    assert_eq!(
        caller.arn.to_string(),
        "arn:aws:iam::123456789012:user/alice"
    );
    bench.clock.advance(SESSION);
    assert!(bench.page.caller(&ticket).is_none());
}

#[tokio::test]
async fn whoever_has_a_device_shows_a_code() {
    let bench = Bench::new();
    bench.user("alice", None, Reset::NotNeeded).await;
    let id = bench.iam.newest().user("alice").unwrap().id.clone();
    let (made, seed) = bench.iam.create_device("/", "alice", Vec::new()).unwrap();
    let code =
        |at: u64| totp::code(seed.expose(), totp::step_at(Timestamp::from_secs(at))).unwrap();
    bench
        .iam
        .enable_device(
            device::Owner::User(id),
            &made.serial,
            (&code(NOW - 30), &code(NOW)),
        )
        .unwrap();
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(
        bench.sign_in("alice", FIRST).await,
        Err(Refused::CodeNeeded)
    );
    // Who does not know the password does not learn of the device.
    assert_eq!(bench.sign_in("alice", SECOND).await, Err(Refused::Wrong));
    let ctx = bench.from("192.0.2.1");
    let wrong = shown("alice", FIRST, Some(code(NOW + 600)));
    let refused = bench.page.sign_in(&ctx, &wrong).await.unwrap_err();
    assert_eq!(refused, Refused::Wrong);
    let right = shown("alice", FIRST, Some(code(NOW + 60)));
    let signed = bench.page.sign_in(&ctx, &right).await.unwrap();
    assert!(signed.caller.session.as_ref().unwrap().mfa.is_some());
    let again = bench.page.sign_in(&ctx, &right).await.unwrap_err();
    assert_eq!(again, Refused::Wrong);
}

#[tokio::test]
async fn guesses_from_an_address_are_slowed_down_whoever_is_meant() {
    let bench = Bench::new();
    bench.user("alice", None, Reset::NotNeeded).await;
    let (one, other) = (bench.from("192.0.2.7"), bench.from("192.0.2.8"));
    for number in 0..=guess::FREE {
        let guessed = shown(&format!("user{number}"), "nonsense", None);
        let refused = bench.page.sign_in(&one, &guessed).await.unwrap_err();
        assert_eq!(refused, Refused::Wrong);
    }
    let right = shown("alice", FIRST, None);
    let refused = bench.page.sign_in(&one, &right).await.unwrap_err();
    assert_eq!(refused, Refused::Wait { secs: 1 });
    bench.page.sign_in(&other, &right).await.unwrap();
    bench.clock.advance(Duration::from_secs(1));
    bench.page.sign_in(&one, &right).await.unwrap();
}

#[tokio::test]
async fn root_signs_in_by_password_and_looks_at_the_account() {
    let bench = Bench::new();
    assert_eq!(bench.sign_in("root", "").await, Err(Refused::Wrong));
    let password = "correct horse battery";
    bench.iam.set_root_password(Some(password)).unwrap();
    assert_eq!(bench.sign_in("root", FIRST).await, Err(Refused::Wrong));
    let ticket = bench.sign_in("root", password).await.unwrap();
    let caller = bench.page.caller(&ticket).unwrap();
    assert_eq!(caller.arn.to_string(), "arn:aws:iam::123456789012:root");
    let refused = bench.change("root", password, SECOND).await.unwrap_err();
    assert_eq!(refused, Refused::Wrong);
    bench.clock.advance(Duration::from_secs(1));
    bench.iam.run(EndRootSessions).unwrap();
    assert!(bench.page.caller(&ticket).is_none());
    let ticket = bench.sign_in("root", password).await.unwrap();
    bench.clock.advance(ROOT_SESSION);
    assert!(bench.page.caller(&ticket).is_none());
}

#[tokio::test]
async fn a_ticket_is_one_of_the_page() {
    let bench = Bench::new();
    bench.user("alice", None, Reset::NotNeeded).await;
    let ticket = bench.sign_in("alice", FIRST).await.unwrap();
    assert!(bench.page.caller(&ticket).is_some());
    let (key_id, token) = ticket.split_once('.').unwrap();
    for none in [
        String::new(),
        ".".to_owned(),
        key_id.to_owned(),
        format!("ASIAIOSFODNN7EXAMPLE.{token}"),
        format!("{key_id}.{}", token.to_lowercase()),
    ] {
        assert!(bench.page.caller(&none).is_none(), "{none}");
    }
    let id = bench.iam.newest().user("alice").unwrap().id.clone();
    let of_a_program = super::Token {
        holder: super::Holder::User { id },
        kind: api::SessionKind::Token,
        secret: "s".to_owned(),
        issued: bench.clock.now(),
        expires: bench.clock.now().plus(SESSION),
        mfa: None,
        policy: None,
        managed: Vec::new(),
        tags: Vec::new(),
        carried: api::Carried::default(),
    };
    let given = of_a_program.issue(&*bench.iam);
    let ticket = format!("{}.{}", given.key_id, given.token);
    assert!(bench.page.caller(&ticket).is_none());
}
