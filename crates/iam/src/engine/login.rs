//! Passwords of users and of root, as hashes.

use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Command, Decided, Error, Event, State, User, quota};

/// A login profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The password's hash, such as `$argon2id$v=19$m=19456,t=2,p=1$…`.
    pub hash: String,
    /// When the login profile was made.
    pub created: Timestamp,
    /// When the password was set.
    pub changed: Timestamp,
    /// Whether the password must be changed before anything else is possible.
    #[serde(default)]
    pub reset: Reset,
    /// The hashes of earlier passwords, newest first, at most [`quota::PASSWORDS_REMEMBERED`] with the present one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
}

/// Whether a password must be changed at the next sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// It may be used.
    #[default]
    NotNeeded,
    /// Nothing but changing it is possible.
    Required,
}

impl Login {
    /// A first password.
    #[must_use]
    pub fn new(hash: String, at: Timestamp) -> Self {
        Self {
            hash,
            created: at,
            changed: at,
            reset: Reset::NotNeeded,
            earlier: Vec::new(),
        }
    }

    /// The same with another password; the one until now is remembered.
    #[must_use]
    pub fn with(&self, hash: String, at: Timestamp) -> Self {
        let mut earlier = Vec::with_capacity(self.earlier.len() + 1);
        earlier.push(self.hash.clone());
        earlier.extend(self.earlier.iter().cloned());
        earlier.truncate(quota::PASSWORDS_REMEMBERED - 1);
        Self {
            hash,
            created: self.created,
            changed: at,
            reset: Reset::NotNeeded,
            earlier,
        }
    }

    /// The hashes of the last `count` passwords, newest first.
    pub fn last(&self, count: usize) -> impl Iterator<Item = &str> {
        std::iter::once(&self.hash)
            .chain(&self.earlier)
            .take(count)
            .map(String::as_str)
    }
}

/// Gives a user a password. Whether the password policy takes it was asked before: it needs the password itself.
#[derive(Clone, Debug)]
pub struct Create {
    /// Who.
    pub user: String,
    /// The password's hash.
    pub hash: String,
    /// Whether it must be changed.
    pub reset: Reset,
}

/// Sets a user's password or what must be done with it.
#[derive(Clone, Debug)]
pub struct Update {
    /// Who.
    pub user: String,
    /// The new password's hash; `None` leaves it.
    pub hash: Option<String>,
    /// Whether it must be changed; `None` leaves that.
    pub reset: Option<Reset>,
}

/// Takes a user's password away.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Who.
    pub user: String,
}

/// Changes the hash of the same password, when it was made with parameters of before.
#[derive(Clone, Debug)]
pub struct Rehash {
    /// Who.
    pub user: String,
    /// The hash that stands there.
    pub before: String,
    /// The one that shall.
    pub hash: String,
}

impl Command for Create {
    type Outcome = Login;

    fn decide(self, state: &State, at: Timestamp) -> Decided<Login> {
        let mut user = User::clone(state.user(&self.user)?);
        if user.login.is_some() {
            return Err(Error::LoginExists { user: user.name });
        }
        let login = Login {
            reset: self.reset,
            ..Login::new(self.hash, at)
        };
        user.login = Some(login.clone());
        Ok((vec![Event::User(Arc::new(user))], login))
    }
}

impl Command for Update {
    type Outcome = ();

    fn decide(self, state: &State, at: Timestamp) -> Decided<()> {
        let mut user = User::clone(state.user(&self.user)?);
        let login = user
            .login
            .take()
            .ok_or(Error::NoLogin { user: self.user })?;
        let reset = self.reset.unwrap_or(login.reset);
        let changed = match self.hash {
            Some(hash) => login.with(hash, at),
            None => login,
        };
        user.login = Some(Login { reset, ..changed });
        Ok((vec![Event::User(Arc::new(user))], ()))
    }
}

impl Command for Delete {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut user = User::clone(state.user(&self.user)?);
        if user.login.take().is_none() {
            return Err(Error::NoLogin { user: user.name });
        }
        Ok((vec![Event::User(Arc::new(user))], ()))
    }
}

impl Command for Rehash {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut user = User::clone(state.user(&self.user)?);
        // Whoever changed the password in between knows better.
        match user
            .login
            .as_mut()
            .filter(|login| login.hash == self.before)
        {
            Some(login) => login.hash = self.hash,
            None => return Ok((Vec::new(), ())),
        }
        Ok((vec![Event::User(Arc::new(user))], ()))
    }
}
