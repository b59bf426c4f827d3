//! Access keys with their secrets.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Error, Iam, SecretKey};
use crate::engine::grant::{Attach, Holder};
use crate::engine::{AccessKey, Id, Kind, State, key, quota, user};
use crate::{engine, managed, new_id};

/// Secrets that were opened, by key id, with the sealed form that they were opened from.
pub(super) type Opened = HashMap<String, (String, Arc<SecretKey>)>;

/// A key with its secret, for its owner, this once.
#[derive(Debug)]
pub struct NewKey {
    /// The key.
    pub key: AccessKey,
    /// Its secret: 40 characters; not shown by `Debug`.
    pub secret: SecretKey,
}

impl Iam {
    /// Gives a user a key. Blocks.
    ///
    /// # Errors
    /// As [`Iam::run`].
    pub fn create_key(&self, user: &str) -> Result<NewKey, Error> {
        let user_id = self.newest().user(user)?.id.clone();
        let (key_id, secret) = draw();
        let sealed_secret = self
            .data_key
            .seal(&secret, &AccessKey::belongs_to(&key_id, &user_id));
        let key = self.run(key::Create {
            user: user.to_owned(),
            user_id,
            key_id,
            sealed_secret,
        })?;
        Ok(NewKey {
            key,
            secret: SecretKey::new(&secret),
        })
    }

    /// Makes a user with one managed policy, unless there is one of that name that has it, and gives it a key. Blocks.
    ///
    /// # Errors
    /// As [`Iam::run`].
    pub fn create_key_with(&self, user: &str, policy_arn: &str) -> Result<NewKey, Error> {
        if self.newest().user(user).is_err() {
            self.run(user::Create {
                id: new_id(Kind::User),
                name: user.to_owned(),
                path: "/".to_owned(),
                boundary: None,
                tags: Vec::new(),
            })?;
        }
        self.run(Attach {
            holder: Holder::User(user.to_owned()),
            arn: policy_arn.to_owned(),
        })?;
        self.create_key(user)
    }

    /// The secret of a key of the user with `user_id`. Opened once and remembered.
    ///
    /// # Errors
    /// [`Error::Secret`].
    pub fn secret(&self, key: &AccessKey, user_id: &Id) -> Result<Arc<SecretKey>, Error> {
        let known = self.opened.read().get(&key.id).cloned();
        if let Some((_, secret)) = known.filter(|(sealed, _)| *sealed == key.sealed_secret) {
            return Ok(secret);
        }
        let belongs_to = AccessKey::belongs_to(&key.id, user_id);
        let secret = self.data_key.open(&key.sealed_secret, &belongs_to);
        let secret = secret.map_err(|source| Error::Secret {
            whose: key.id.clone(),
            source,
        })?;
        let secret = Arc::new(SecretKey::new(&secret));
        let mut opened = self.opened.write();
        if opened.len() >= OPENED_LIMIT {
            opened.clear();
        }
        opened.insert(
            key.id.clone(),
            (key.sealed_secret.clone(), Arc::clone(&secret)),
        );
        Ok(secret)
    }

    /// The oldest active key of a user to whom AdministratorAccess is attached, for the owner of the data directory.
    ///
    /// # Errors
    /// When there is none, or its secret does not open.
    pub fn administrator(&self) -> Result<NewKey, Error> {
        let state = self.newest();
        let found = administrators(&state)
            .flat_map(|user| user.keys.iter().map(move |key| (user, key)))
            .filter(|(_, key)| key.status == key::Status::Active)
            .min_by_key(|(_, key)| key.created);
        let Some((user, key)) = found else {
            return Err(engine::Error::KeyNotFound {
                key_id: "of an administrator".to_owned(),
            }
            .into());
        };
        let secret = self.secret(key, &user.id)?;
        Ok(NewKey {
            key: key.clone(),
            secret: SecretKey::new(secret.expose()),
        })
    }
}

/// Secrets that are remembered: those of all keys that there may be.
const OPENED_LIMIT: usize = quota::USERS * quota::KEYS_PER_USER;

fn administrators(state: &State) -> impl Iterator<Item = &Arc<engine::User>> {
    let is_administrator =
        |user: &&Arc<engine::User>| user.grants.attached.contains(managed::ADMINISTRATOR);
    state.users().iter().filter(is_administrator)
}

/// An id and a secret, drawn.
pub(super) fn draw() -> (String, String) {
    let secret = STANDARD.encode(base::id::random_bytes::<30>());
    (base::id::aws_id("AKIA", 16), secret)
}
