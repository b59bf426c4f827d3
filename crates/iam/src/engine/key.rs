//! Access keys: two a user, the secret sealed.

use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Command, Decided, Error, Event, Id, State, User, quota};

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// `AKIA` and 16 letters.
    pub id: String,
    /// Whether it is taken.
    pub status: Status,
    /// When it was made.
    pub created: Timestamp,
    /// The secret, sealed.
    pub sealed_secret: String,
}

/// Whether a key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is.
    Active,
    /// It is not, and could be again.
    Inactive,
}

impl Status {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
        }
    }
}

impl AccessKey {
    /// What the sealed secret is bound to, so that it opens for this key of this user alone.
    #[must_use]
    pub fn belongs_to(key_id: &str, user: &Id) -> String {
        format!("shukuba access key 2/{key_id}/{user}")
    }
}

/// Gives a user a key.
#[derive(Clone, Debug)]
pub struct Create {
    /// Who.
    pub user: String,
    /// The unique id of the user for which the secret was sealed.
    pub user_id: Id,
    /// The key's id, drawn.
    pub key_id: String,
    /// Its secret, sealed.
    pub sealed_secret: String,
}

/// Switches a key on or off.
#[derive(Clone, Debug)]
pub struct SetStatus {
    /// Whose.
    pub user: String,
    /// Which.
    pub key_id: String,
    /// What it is then.
    pub status: Status,
}

/// Takes a key away for ever.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Whose.
    pub user: String,
    /// Which.
    pub key_id: String,
}

impl Command for Create {
    type Outcome = AccessKey;

    fn decide(self, state: &State, at: Timestamp) -> Decided<AccessKey> {
        let mut user = User::clone(state.user(&self.user)?);
        if user.id != self.user_id {
            // The name went to somebody else while the secret was sealed.
            return Err(Error::NotFound {
                kind: super::Kind::User,
                name: self.user,
            });
        }
        if user.keys.len() >= quota::KEYS_PER_USER {
            return Err(Error::Quota {
                quota: "AccessKeysPerUser",
                limit: quota::KEYS_PER_USER,
            });
        }
        let key = AccessKey {
            id: self.key_id,
            status: Status::Active,
            created: at,
            sealed_secret: self.sealed_secret,
        };
        user.keys.push(key.clone());
        Ok((vec![Event::User(Arc::new(user))], key))
    }
}

impl Command for SetStatus {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut user = User::clone(state.user(&self.user)?);
        let key = user.keys.iter_mut().find(|key| key.id == self.key_id);
        let not_found = Error::KeyNotFound {
            key_id: self.key_id,
        };
        key.ok_or(not_found)?.status = self.status;
        Ok((vec![Event::User(Arc::new(user))], ()))
    }
}

impl Command for Delete {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut user = User::clone(state.user(&self.user)?);
        let before = user.keys.len();
        user.keys.retain(|key| key.id != self.key_id);
        if user.keys.len() == before {
            return Err(Error::KeyNotFound {
                key_id: self.key_id,
            });
        }
        Ok((vec![Event::User(Arc::new(user))], ()))
    }
}
