//! Somebody comes: a user in its groups, with a password that must be changed and perhaps a key.

use super::calls::{Calls, Failure};
use super::credentials::Credentials;
use super::password;

/// Who comes.
#[derive(Clone, Debug)]
pub(crate) struct Newcomer {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
    /// Whether a key is wanted too.
    pub(crate) key: Key,
    /// Where to sign in.
    pub(crate) url: String,
}

/// Whether somebody gets a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Wanted,
    Unwanted,
}

/// What was done so far, and how to undo it.
struct Done<'a> {
    calls: &'a dyn Calls,
    undo: Vec<(&'static str, Vec<(&'static str, String)>)>,
}

/// Makes the user and all that belongs to it, and hands it over; where any of this fails, nothing is left.
pub(crate) fn add(
    calls: &dyn Calls,
    who: &Newcomer,
    hand_over: impl FnOnce(&Credentials) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for group in &who.groups {
        if calls.find("GetGroup", &[("GroupName", group)])?.is_none() {
            return Err(crate::app::usage(format!(
                "--group: there is no group `{group}`; `shukuba access init` makes Admin, Developers and Operators"
            )));
        }
    }
    let mut done = Done {
        calls,
        undo: Vec::new(),
    };
    let made = done.make(who).map_err(anyhow::Error::from);
    let ended = made.and_then(|credentials| hand_over(&credentials));
    if ended.is_err() {
        done.undo();
    }
    ended
}

impl Done<'_> {
    fn make(&mut self, who: &Newcomer) -> Result<Credentials, Failure> {
        let user = &who.user;
        let policy = self.calls.find("GetAccountPasswordPolicy", &[])?;
        let chars_min = policy.map(|policy| policy.text("MinimumPasswordLength").parse());
        let password = password::make(chars_min.and_then(Result::ok).unwrap_or(0));
        self.calls.call("CreateUser", &[("UserName", user)])?;
        self.then("DeleteUser", &[("UserName", user)]);
        for group in &who.groups {
            let form = [("GroupName", group.as_str()), ("UserName", user)];
            self.calls.call("AddUserToGroup", &form)?;
            self.then("RemoveUserFromGroup", &form);
        }
        let form = [
            ("UserName", user.as_str()),
            ("Password", &password),
            ("PasswordResetRequired", "true"),
        ];
        self.calls.call("CreateLoginProfile", &form)?;
        self.then("DeleteLoginProfile", &[("UserName", user)]);
        let key = match who.key {
            Key::Wanted => Some(self.key(user)?),
            Key::Unwanted => None,
        };
        Ok(Credentials {
            user: user.clone(),
            password,
            key,
            url: who.url.clone(),
        })
    }

    fn key(&mut self, user: &str) -> Result<(String, String), Failure> {
        let made = self.calls.call("CreateAccessKey", &[("UserName", user)])?;
        let id = made.text("AccessKeyId").to_owned();
        self.then(
            "DeleteAccessKey",
            &[("UserName", user), ("AccessKeyId", &id)],
        );
        Ok((id, made.text("SecretAccessKey").to_owned()))
    }

    /// Notes how to undo what was just done.
    fn then(&mut self, operation: &'static str, form: &[(&'static str, &str)]) {
        let form = form
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        self.undo.push((operation, form.collect()));
    }

    fn undo(self) {
        for (operation, form) in self.undo.into_iter().rev() {
            let form: Vec<_> = form
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            if let Err(failure) = self.calls.call(operation, &form) {
                crate::output::complain(&format!("warning: this is left: {failure}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing::here;
    use iam::engine::login::Reset;

    fn alice(groups: &[&str], key: Key) -> Newcomer {
        Newcomer {
            user: "alice".to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            key,
            url: "http://127.0.0.1/".to_owned(),
        }
    }

    #[test]
    fn a_newcomer_has_groups_a_first_password_and_a_key() {
        let (place, _dir) = here();
        let calls = place.calls();
        calls.call("CreateGroup", &[("GroupName", "Ops")]).unwrap();
        let mut handed = None;
        add(calls, &alice(&["Ops"], Key::Wanted), |credentials| {
            let (id, secret) = credentials.key.clone().unwrap();
            handed = Some((credentials.password.clone(), id, secret));
            Ok(())
        })
        .unwrap();
        let (password, id, secret) = handed.unwrap();
        let iam = place.inside().unwrap().iam();
        let state = iam.newest();
        let user = state.user("alice").unwrap();
        let login = user.login.as_ref().unwrap();
        assert_eq!(login.reset, Reset::Required);
        assert!(iam::password::is_right(&password, &login.hash));
        let groups: Vec<_> = state.groups_of(user).map(|group| &*group.name).collect();
        assert_eq!(groups, ["Ops"]);
        let (_, key) = state.key(&id).unwrap();
        assert_eq!(iam.secret(key, &user.id).unwrap().expose(), secret);
    }

    #[test]
    fn where_something_fails_nothing_is_left() {
        let (place, _dir) = here();
        let calls = place.calls();
        calls.call("CreateGroup", &[("GroupName", "Ops")]).unwrap();
        let full = |_: &Credentials| Err(anyhow::anyhow!("the disk is full"));
        let error = add(calls, &alice(&["Ops"], Key::Wanted), full).unwrap_err();
        assert!(error.to_string().contains("disk is full"), "{error}");
        let error = add(calls, &alice(&["Ops", "Nobody"], Key::Unwanted), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("no group `Nobody`"), "{error}");
        let state = place.inside().unwrap().iam().newest();
        assert!(state.user("alice").is_err());
    }

    #[test]
    fn nobody_is_made_twice_or_undone_by_the_second_try() {
        let (place, _dir) = here();
        let calls = place.calls();
        add(calls, &alice(&[], Key::Unwanted), |_| Ok(())).unwrap();
        let error = add(calls, &alice(&[], Key::Unwanted), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("EntityAlreadyExists"), "{error}");
        let state = place.inside().unwrap().iam().newest();
        assert!(state.user("alice").unwrap().login.is_some());
    }
}
