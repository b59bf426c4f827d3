//! The account: its number, its alias, its root, and the switches that only root has.

use std::sync::Arc;

use base::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Command, Decided, Error, Event, Login, State};

/// The account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its number.
    #[serde(with = "account_id")]
    pub id: AccountId,
    /// When it was made.
    pub created: Timestamp,
    /// Its alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The password of root, for signing in alone: root has no access key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_password: Option<Login>,
    /// Whether root may do more than look at the account and the bill.
    #[serde(default)]
    pub root: RootIs,
    /// Whether users may see the bill where their policies allow it.
    #[serde(default)]
    pub billing: BillingIs,
    /// Sessions of root that began before this are over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_sessions_from: Option<Timestamp>,
    /// The key under which secrets are sealed, itself sealed under the master key; under two while that one is replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_key: Vec<String>,
}

/// What root may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootIs {
    /// Look at the account and the bill.
    #[default]
    Locked,
    /// Everything.
    Unlocked,
}

/// Who may see the bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillingIs {
    /// Root alone, whatever policies say.
    #[default]
    Closed,
    /// Users whose policies allow it.
    Open,
}

impl Account {
    /// A new account.
    #[must_use]
    pub fn new(id: AccountId, created: Timestamp) -> Self {
        Self {
            id,
            created,
            alias: None,
            root_password: None,
            root: RootIs::default(),
            billing: BillingIs::default(),
            root_sessions_from: None,
            data_key: Vec::new(),
        }
    }
}

/// Gives the account an alias, in the place of the one that it has.
#[derive(Clone, Debug)]
pub struct SetAlias {
    /// 3 to 63 of a-z, 0-9 and `-`, neither first nor last nor twice in a row.
    pub alias: String,
}

/// Takes the account's alias away.
#[derive(Clone, Debug)]
pub struct DeleteAlias {
    /// The one that it has.
    pub alias: String,
}

/// Sets or takes away the password of root.
#[derive(Clone, Debug)]
pub struct SetRootPassword {
    /// Its hash.
    pub hash: Option<String>,
}

/// Locks or unlocks root.
#[derive(Clone, Copy, Debug)]
pub struct SetRoot(pub RootIs);

/// Opens or closes the bill to users.
#[derive(Clone, Copy, Debug)]
pub struct SetBilling(pub BillingIs);

/// Ends all sessions of root.
#[derive(Clone, Copy, Debug)]
pub struct EndRootSessions;

/// Replaces the sealed forms of the data key.
#[derive(Clone, Debug)]
pub struct SetDataKey {
    /// The data key, sealed under each master key that shall open it.
    pub sealed: Vec<String>,
}

/// The pattern of aliases.
const ALIAS_PATTERN: &str = r"^[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?$";

fn check_alias(alias: &str) -> Result<(), Error> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_right = (3..=63).contains(&alias.len())
        && alias.bytes().all(is_allowed)
        && !alias.starts_with('-')
        && !alias.ends_with('-')
        && !alias.contains("--");
    if is_right {
        return Ok(());
    }
    Err(Error::Pattern {
        parameter: "accountAlias",
        value: alias.to_owned(),
        pattern: ALIAS_PATTERN,
    })
}

fn changed(state: &State, change: impl FnOnce(&mut Account)) -> Decided<()> {
    let mut account = Account::clone(state.account());
    change(&mut account);
    Ok((vec![Event::Account(Arc::new(account))], ()))
}

impl Command for SetAlias {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        check_alias(&self.alias)?;
        changed(state, |account| account.alias = Some(self.alias))
    }
}

impl Command for DeleteAlias {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        if state.account().alias.as_ref() != Some(&self.alias) {
            return Err(Error::AliasNotFound { alias: self.alias });
        }
        changed(state, |account| account.alias = None)
    }
}

impl Command for SetRootPassword {
    type Outcome = ();

    fn decide(self, state: &State, at: Timestamp) -> Decided<()> {
        changed(state, |account| {
            account.root_password = self.hash.map(|hash| match &account.root_password {
                Some(before) => before.with(hash, at),
                None => Login::new(hash, at),
            });
        })
    }
}

impl Command for SetRoot {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        changed(state, |account| account.root = self.0)
    }
}

impl Command for SetBilling {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        changed(state, |account| account.billing = self.0)
    }
}

impl Command for EndRootSessions {
    type Outcome = ();

    fn decide(self, state: &State, at: Timestamp) -> Decided<()> {
        changed(state, |account| account.root_sessions_from = Some(at))
    }
}

impl Command for SetDataKey {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        changed(state, |account| account.data_key = self.sealed)
    }
}

mod account_id {
    use base::AccountId;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(id: &AccountId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(id.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<AccountId, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
