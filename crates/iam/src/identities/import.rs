//! The first state of a data directory: a new account with an administrator, or what `keys.json` of an earlier version
//! says.
//!
//! A key of before had a name and a role. It becomes a key of a user of that name with the policy that stands for the
//! role; where a name has keys of several roles, or more than a user may have, further users get a number behind it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base::{AccountId, Timestamp};
use serde::Deserialize;
use store::seal::{DataKey, MasterKey, MasterKeySource};

use super::{OpenError, data_key_belongs_to, keys};
use crate::engine::grant::{Attach, Holder};
use crate::engine::{AccessKey, Account, Command, Kind, Login, State, key, name, quota, user};
use crate::{engine, managed, new_id};

/// The keys of an earlier version.
pub const KEYS_FILE: &str = "keys.json";
/// The same once they were taken over.
pub const IMPORTED_FILE: &str = "keys.json.imported";
/// The name of the first user.
const ADMINISTRATOR: &str = "administrator";
/// The form that is read.
const FORMAT: u32 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    format: u32,
    account_id: String,
    #[serde(default)]
    root_password: Option<String>,
    keys: Vec<StoredKey>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    id: String,
    name: String,
    role: String,
    status: key::Status,
    created: String,
    sealed_secret: String,
}

/// The state of a directory that has none. Called by one process at a time.
pub(super) fn first_state(
    dir: &Path,
    master: &MasterKeySource,
    account: Option<&AccountId>,
    at: Timestamp,
) -> Result<State, OpenError> {
    let path = dir.join(KEYS_FILE);
    match fs::read(&path) {
        Ok(text) => {
            let master = MasterKey::load(dir, master)?;
            let wrong = |what: String| OpenError::Keys {
                path: path.clone(),
                what,
            };
            let file: KeysFile =
                serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
            imported(&file, &master, at).map_err(wrong)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let master = MasterKey::load_or_make(dir, master)?;
            let id = account.cloned().unwrap_or_else(random_account);
            let mut new = New::account(id, &master, at);
            let (key_id, secret) = keys::draw();
            let made = new.key(
                ADMINISTRATOR,
                managed::ADMINISTRATOR,
                &key_id,
                &secret,
                key::Status::Active,
                at,
            );
            made.map_err(|error| OpenError::Keys {
                path,
                what: error.to_string(),
            })?;
            Ok(new.state)
        }
        Err(source) => Err(OpenError::File { path, source }),
    }
}

/// Puts `keys.json` aside once it was taken over: nobody reads it any more.
pub(super) fn leave_aside(dir: &Path) -> Result<(), OpenError> {
    let path = dir.join(KEYS_FILE);
    if !path.exists() {
        return Ok(());
    }
    let moved = fs::rename(&path, dir.join(IMPORTED_FILE));
    moved.map_err(|source| OpenError::File { path, source })?;
    tracing::info!(
        file = IMPORTED_FILE,
        "the keys were taken over as users with policies; the file is no longer read"
    );
    Ok(())
}

fn imported(file: &KeysFile, master: &MasterKey, at: Timestamp) -> Result<State, String> {
    if file.format != FORMAT {
        return Err(format!(
            "format {}, and this version reads {FORMAT}",
            file.format
        ));
    }
    let id: AccountId = file
        .account_id
        .parse()
        .map_err(|error| format!("{error}"))?;
    let mut new = New::account(id, master, at);
    if let Some(hash) = &file.root_password {
        let account = Account {
            root_password: Some(Login::new(hash.clone(), at)),
            ..Account::clone(new.state.account())
        };
        new.state.apply(&engine::Event::Account(account.into()));
    }
    let mut users: BTreeMap<String, (&str, usize)> = BTreeMap::new();
    for stored in &file.keys {
        let policy = policy_of(&stored.role)
            .ok_or_else(|| format!("key `{}` has the role `{}`", stored.id, stored.role))?;
        let belongs_to = format!(
            "shukuba key 1/{}/{}/{}",
            stored.id, stored.name, stored.role
        );
        let secret = master.open(&stored.sealed_secret, &belongs_to);
        let secret =
            secret.map_err(|error| format!("the secret of key `{}`: {error}", stored.id))?;
        let user = user_for(&mut users, &stored.name, &stored.role);
        let created = Timestamp::parse_rfc3339(&stored.created).unwrap_or(at);
        new.key(&user, policy, &stored.id, &secret, stored.status, created)
            .map_err(|error| format!("key `{}`: {error}", stored.id))?;
    }
    Ok(new.state)
}

/// The user that gets the next key of `name` in `role`.
fn user_for<'a>(
    users: &mut BTreeMap<String, (&'a str, usize)>,
    name: &str,
    role: &'a str,
) -> String {
    let numbered = |number: usize| match number {
        1 => name.to_owned(),
        _ => format!("{}-{number}", name.chars().take(56).collect::<String>()),
    };
    let mut number = 1;
    loop {
        let candidate = numbered(number);
        let (known_role, keys) = users.entry(name::folded(&candidate)).or_insert((role, 0));
        if *known_role == role && *keys < quota::KEYS_PER_USER {
            *keys += 1;
            return candidate;
        }
        number += 1;
    }
}

fn policy_of(role: &str) -> Option<&'static str> {
    match role {
        "administrator" => Some(managed::ADMINISTRATOR),
        "sender" => Some(managed::SENDER),
        "notifier" => Some(managed::NOTIFIER),
        "reader" => Some(managed::READER),
        _ => None,
    }
}

/// A state that is being made.
struct New {
    state: State,
    data_key: DataKey,
}

impl New {
    fn account(id: AccountId, master: &MasterKey, at: Timestamp) -> Self {
        let (data_key, sealed) = master.make_data_key(&data_key_belongs_to(&id));
        let account = Account {
            data_key: vec![sealed],
            ..Account::new(id, at)
        };
        Self {
            state: State::new(account),
            data_key,
        }
    }

    fn run<C: Command>(&mut self, command: C, at: Timestamp) -> Result<C::Outcome, engine::Error> {
        let (events, outcome) = command.decide(&self.state, at)?;
        events.iter().for_each(|event| self.state.apply(event));
        Ok(outcome)
    }

    /// A key of the user `name`, which is made with `policy` when it is not there.
    fn key(
        &mut self,
        name: &str,
        policy: &str,
        key_id: &str,
        secret: &str,
        status: key::Status,
        at: Timestamp,
    ) -> Result<(), engine::Error> {
        if self.state.user(name).is_err() {
            let make = user::Create {
                id: new_id(Kind::User),
                name: name.to_owned(),
                path: "/".to_owned(),
                boundary: None,
                tags: Vec::new(),
            };
            self.run(make, at)?;
            let attach = Attach {
                holder: Holder::User(name.to_owned()),
                arn: policy.to_owned(),
            };
            self.run(attach, at)?;
        }
        let user_id = self.state.user(name)?.id.clone();
        let belongs_to = AccessKey::belongs_to(key_id, &user_id);
        let make = key::Create {
            user: name.to_owned(),
            user_id,
            key_id: key_id.to_owned(),
            sealed_secret: self.data_key.seal(secret, &belongs_to),
        };
        self.run(make, at)?;
        let switch = key::SetStatus {
            user: name.to_owned(),
            key_id: key_id.to_owned(),
            status,
        };
        self.run(switch, at)
    }
}

/// Twelve random digits, not beginning with 0, which some tools drop.
fn random_account() -> AccountId {
    let number = u64::from_le_bytes(base::id::random_bytes());
    let digits = 100_000_000_000 + number % 900_000_000_000;
    digits
        .to_string()
        .parse()
        .unwrap_or_else(|_| random_account())
}
