//! Who has not been here for long: people who left without a word, and keys that nobody needs.

use std::time::Duration;

use base::Timestamp;
use iam::engine::key::Status;
use iam::engine::{State, User};
use serde::Serialize;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A user that could come in, and has not for long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Idle {
    pub(crate) user_name: String,
    pub(crate) groups: Vec<String>,
    /// When it signed in last.
    pub(crate) signed_in: Option<String>,
    /// When one of its keys signed a call last.
    pub(crate) called: Option<String>,
    /// Whole days since any of this, or since it was made.
    pub(crate) days: u64,
    pub(crate) has_password: bool,
    /// How many of its keys are on.
    pub(crate) keys: usize,
}

/// The users who have neither signed in nor called for `days` days, those away longest first. Users who could do neither
/// are left out.
pub(crate) fn idle(state: &State, now: Timestamp, days: u64) -> Vec<Idle> {
    let users = state.users().iter();
    let mut idle: Vec<_> = users
        .map(|user| standing(state, user, now))
        .filter(|user| user.days >= days && (user.has_password || user.keys > 0))
        .collect();
    idle.sort_by_key(|user| std::cmp::Reverse(user.days));
    idle
}

fn standing(state: &State, user: &User, now: Timestamp) -> Idle {
    let used = |whose: &str| state.last_use(whose).map(|known| known.at);
    let signed_in = used(user.id.as_str());
    let called = user.keys.iter().filter_map(|key| used(&key.id)).max();
    let since = signed_in.max(called).unwrap_or(user.created);
    let shown = |at: Timestamp| at.rfc3339();
    let is_on = |key: &&iam::engine::AccessKey| key.status == Status::Active;
    Idle {
        user_name: user.name.clone(),
        groups: state
            .groups_of(user)
            .map(|group| group.name.clone())
            .collect(),
        signed_in: signed_in.map(shown),
        called: called.map(shown),
        days: now.since(since).as_secs() / DAY.as_secs(),
        has_password: user.login.is_some(),
        keys: user.keys.iter().filter(is_on).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iam::engine::login::{Login, Reset};
    use iam::engine::state::Use;
    use iam::engine::{AccessKey, Account, Event, Id};
    use std::sync::Arc;

    fn day(number: u64) -> Timestamp {
        Timestamp::from_secs(1_795_000_000).plus(DAY * u32::try_from(number).unwrap())
    }

    fn user(state: &mut State, name: &str, key: Option<Status>, password: bool) {
        let key = key.map(|status| AccessKey {
            id: format!("AKIA{name}"),
            status,
            created: day(0),
            sealed_secret: String::new(),
        });
        let mut login = Login::new("hash".to_owned(), day(0));
        login.reset = Reset::NotNeeded;
        state.apply(&Event::User(Arc::new(User {
            id: Id::new(format!("AIDA{name}")),
            name: name.to_owned(),
            path: "/".to_owned(),
            created: day(0),
            grants: iam::engine::Grants::default(),
            groups: std::collections::BTreeSet::new(),
            keys: key.into_iter().collect(),
            login: password.then_some(login),
            tags: iam::engine::Tags::default(),
            sessions_from: None,
        })));
    }

    fn used(state: &mut State, whose: &str, at: Timestamp) {
        state.apply(&Event::Used {
            whose: whose.to_owned(),
            how: Use {
                at,
                service: "sqs".to_owned(),
                region: "eu-west-1".to_owned(),
            },
        });
    }

    #[test]
    fn those_are_listed_who_could_come_and_do_not() {
        let mut state = State::new(Account::new("123456789012".parse().unwrap(), day(0)));
        user(&mut state, "caller", Some(Status::Active), false);
        user(&mut state, "reader", None, true);
        user(&mut state, "never", Some(Status::Active), false);
        user(&mut state, "gone", Some(Status::Inactive), false);
        used(&mut state, "AKIAcaller", day(80));
        used(&mut state, "AIDAreader", day(50));
        let names = |days: u64| -> Vec<(String, u64)> {
            let idle = idle(&state, day(100), days).into_iter();
            idle.map(|user| (user.user_name, user.days)).collect()
        };
        let (never, reader, caller) = (
            ("never".to_owned(), 100),
            ("reader".to_owned(), 50),
            ("caller".to_owned(), 20),
        );
        assert_eq!(names(0), [never.clone(), reader.clone(), caller]);
        assert_eq!(names(50), [never.clone(), reader]);
        assert_eq!(names(51), [never]);
        assert!(names(101).is_empty());
    }
}
