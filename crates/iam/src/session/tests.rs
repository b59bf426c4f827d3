//! Keys and sessions, from being given out to being refused.

use std::sync::Arc;

use api::{KeyLookup, Principal, SessionKind};
use wire::sigv4::Refusal;

use super::{Credentials, Holder, Keys, Token};
use crate::engine::key::{SetStatus, Status};
use crate::engine::{Id, user};
use crate::ground::Ground;
use crate::ground::memory::{Memory, NOW};

fn house() -> (Arc<Memory>, Keys) {
    let memory = Memory::new();
    let keys = Keys::new(
        Arc::clone(&memory) as Arc<dyn Ground>,
        &"ap-northeast-1".parse().unwrap(),
    );
    (memory, keys)
}

fn session(memory: &Memory, holder: Holder, kind: SessionKind) -> Credentials {
    let token = Token {
        holder,
        kind,
        secret: "secret".to_owned(),
        issued: memory.now(),
        expires: memory.now().plus(std::time::Duration::from_secs(900)),
        mfa: None,
        policy: None,
        managed: Vec::new(),
        tags: vec![("team".to_owned(), "a".to_owned())],
        carried: api::Carried::default(),
    };
    token.issue(memory)
}

fn of(name: &str) -> Holder {
    Holder::User {
        id: Id::new(format!("AIDA{name}")),
    }
}

#[test]
fn a_key_that_is_off_is_refused_at_the_very_next_call() {
    let (memory, keys) = house();
    let id = memory.user("alice");
    let key = keys.find(&id, None).unwrap();
    assert_eq!(key.secret.expose(), "alice");
    assert_eq!(key.caller.access_key_id, id);
    assert_eq!(
        key.caller.arn.to_string(),
        "arn:aws:iam::123456789012:user/alice"
    );
    let set = |status| SetStatus {
        user: "alice".to_owned(),
        key_id: id.clone(),
        status,
    };
    memory.run(set(Status::Inactive));
    assert_eq!(keys.find(&id, None).unwrap_err(), Refusal::UnknownKey);
    memory.run(set(Status::Active));
    assert!(keys.find(&id, None).is_ok());
    assert_eq!(
        keys.find("AKIAnobody", None).unwrap_err(),
        Refusal::UnknownKey
    );
    assert_eq!(
        keys.find(&id, Some("token")).unwrap_err(),
        Refusal::UnknownKey
    );
}

#[test]
fn a_session_holds_until_its_time_and_for_its_own_key_alone() {
    let (memory, keys) = house();
    memory.user("alice");
    let first = session(&memory, of("alice"), SessionKind::Token);
    let second = session(&memory, of("alice"), SessionKind::Token);
    let key = keys.find(&first.key_id, Some(&first.token)).unwrap();
    assert_eq!(key.secret.expose(), "secret");
    assert!(matches!(&key.caller.principal, Principal::User { name, .. } if name == "alice"));
    assert_eq!(key.caller.tag("team"), Some("a"));
    let issued = key.caller.session.as_ref().map(|session| session.issued);
    assert_eq!(issued, Some(NOW));
    for (key_id, token) in [
        (&first.key_id, Some(second.token.as_str())),
        (&first.key_id, Some("")),
        (&first.key_id, Some("AAAA")),
        (&first.key_id, None),
    ] {
        assert_eq!(keys.find(key_id, token).unwrap_err(), Refusal::UnknownKey);
    }
    memory.advance_secs(899);
    assert!(keys.find(&first.key_id, Some(&first.token)).is_ok());
    memory.advance_secs(1);
    for credentials in [&first, &second] {
        let found = keys.find(&credentials.key_id, Some(&credentials.token));
        assert_eq!(found.unwrap_err(), Refusal::ExpiredToken);
    }
}

#[test]
fn sessions_end_with_their_principal_or_all_at_once() {
    let (memory, keys) = house();
    memory.user("alice");
    memory.role(
        "deploy",
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#,
    );
    let of_role = Holder::Role {
        id: Id::new("AROAdeploy"),
        session: "s".to_owned(),
    };
    let user = session(&memory, of("alice"), SessionKind::Token);
    let role = session(&memory, of_role, SessionKind::Role);
    let find = |credentials: &Credentials| keys.find(&credentials.key_id, Some(&credentials.token));
    let arn = find(&role).unwrap().caller.arn.to_string();
    assert_eq!(arn, "arn:aws:sts::123456789012:assumed-role/deploy/s");
    memory.advance_secs(1);
    memory.run(user::EndSessions {
        user: "alice".to_owned(),
    });
    assert_eq!(find(&user).unwrap_err(), Refusal::ExpiredToken);
    assert!(find(&role).is_ok());
    // One that begins afterwards holds.
    let again = session(&memory, of("alice"), SessionKind::Token);
    assert!(find(&again).is_ok());
    memory.run(crate::engine::role::Delete {
        role: "deploy".to_owned(),
    });
    assert_eq!(find(&role).unwrap_err(), Refusal::UnknownKey);
}

#[test]
fn a_use_is_noted_once_in_a_quarter_of_an_hour() {
    let (memory, keys) = house();
    let id = memory.user("alice");
    let key = keys.find(&id, None).unwrap();
    for (secs, count) in [(0, 1), (1, 1), (898, 1), (1, 2), (899, 2)] {
        memory.advance_secs(secs);
        keys.used(&key, "sqs", memory.now());
        assert_eq!(memory.uses.lock().len(), count, "{secs}");
    }
    assert_eq!(memory.uses.lock()[0], "AKIAalice sqs");
}

#[test]
fn no_more_sessions_are_kept_than_the_bound() {
    let (memory, keys) = house();
    memory.user("alice");
    for _ in 0..=super::keys::SESSIONS_MAX {
        let credentials = session(&memory, of("alice"), SessionKind::Token);
        keys.find(&credentials.key_id, Some(&credentials.token))
            .unwrap();
        assert!(keys.sessions() <= super::keys::SESSIONS_MAX);
    }
}

#[test]
fn a_state_that_was_read_anew_is_none_that_was_known() {
    let state = crate::engine::State::new(crate::engine::Account::new(
        crate::ground::memory::ACCOUNT.parse().unwrap(),
        NOW,
    ));
    let text = serde_json::to_string(&state).unwrap();
    let read = || serde_json::from_str::<crate::engine::State>(&text).unwrap();
    let (one, other) = (read(), read());
    assert_eq!(one, other);
    assert_ne!(one.generation(), other.generation());
    // Not after so many changes of the one, either.
    assert!(one.generation().abs_diff(other.generation()) >= 1 << 32);
}
