//! Users.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::Left;
use super::grant::Grants;
use super::table::Named;
use super::{
    AccessKey, Command, Decided, Error, Event, Group, Id, Kind, Login, State, Tags, name, quota,
};

/// A person or a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The unique id.
    pub id: Id,
    /// The name, which may change.
    pub name: String,
    /// The path, `/` or `/…/`.
    pub path: String,
    /// When it was made.
    pub created: Timestamp,
    /// What it may do of itself.
    #[serde(default)]
    pub grants: Grants,
    /// The groups in which it is.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Id>,
    /// Its keys, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<AccessKey>,
    /// Its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Sessions that began before this are over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_from: Option<Timestamp>,
}

impl Named for User {
    fn id(&self) -> &Id {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Makes a user.
#[derive(Clone, Debug)]
pub struct Create {
    /// The unique id, drawn.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// The managed policy that bounds what it may do.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// Gives a user another name or path.
#[derive(Clone, Debug)]
pub struct Update {
    /// Who.
    pub user: String,
    /// The new name.
    pub name: Option<String>,
    /// The new path.
    pub path: Option<String>,
}

/// Deletes a user on which nothing hangs any more.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Who.
    pub user: String,
}

/// Puts a user into a group; one that is in it stays.
#[derive(Clone, Debug)]
pub struct Join {
    /// Who.
    pub user: String,
    /// Into which.
    pub group: String,
}

/// Takes a user out of a group; one that is not in it stays out.
#[derive(Clone, Debug)]
pub struct Leave {
    /// Who.
    pub user: String,
    /// Out of which.
    pub group: String,
}

/// Ends all sessions of a user that began before now.
#[derive(Clone, Debug)]
pub struct EndSessions {
    /// Whose.
    pub user: String,
}

/// Takes away all by which a user may do something: keys off, password and memberships gone, sessions ended.
#[derive(Clone, Debug)]
pub struct Offboard {
    /// Who.
    pub user: String,
}

impl Command for Create {
    type Outcome = Arc<User>;

    fn decide(self, state: &State, at: Timestamp) -> Decided<Arc<User>> {
        name::check(Kind::User, &self.name)?;
        name::check_path(&self.path)?;
        let mut grants = Grants::default();
        grants.bound(state, self.boundary)?;
        let most = ("UsersPerAccount", quota::USERS);
        state.users().check_new(Kind::User, &self.name, most)?;
        let user = Arc::new(User {
            id: self.id,
            name: self.name,
            path: self.path,
            created: at,
            grants,
            groups: BTreeSet::new(),
            keys: Vec::new(),
            login: None,
            tags: Tags::new(self.tags)?,
            sessions_from: None,
        });
        Ok((vec![Event::User(Arc::clone(&user))], user))
    }
}

impl Command for Update {
    type Outcome = Arc<User>;

    fn decide(self, state: &State, _at: Timestamp) -> Decided<Arc<User>> {
        let mut user = User::clone(state.user(&self.user)?);
        if let Some(name) = self.name {
            name::check(Kind::User, &name)?;
            state.users().check_renamed(Kind::User, &user.name, &name)?;
            user.name = name;
        }
        if let Some(path) = self.path {
            name::check_path(&path)?;
            user.path = path;
        }
        let user = Arc::new(user);
        Ok((vec![Event::User(Arc::clone(&user))], user))
    }
}

impl Command for Delete {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let user = state.user(&self.user)?;
        let has_devices = state
            .devices_of(&super::device::Owner::User(user.id.clone()))
            .next()
            .is_some();
        let checks = [
            (user.login.is_some(), Left::Login),
            (!user.keys.is_empty(), Left::Keys),
            (has_devices, Left::Devices),
            (!user.grants.inline.is_empty(), Left::Inline),
            (!user.grants.attached.is_empty(), Left::Attached),
            (!user.groups.is_empty(), Left::Groups),
        ];
        if let Some((_, left)) = checks.into_iter().find(|(is_left, _)| *is_left) {
            return Err(Error::Conflict {
                kind: Kind::User,
                name: self.user,
                left,
            });
        }
        Ok((vec![Event::UserGone(user.id.clone())], ()))
    }
}

impl Command for Join {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let (mut user, group) = both(state, &self.user, &self.group)?;
        if !user.groups.insert(group.id.clone()) {
            return Ok((Vec::new(), ()));
        }
        if user.groups.len() > quota::GROUPS_PER_USER {
            return Err(Error::Quota {
                quota: "GroupsPerUser",
                limit: quota::GROUPS_PER_USER,
            });
        }
        Ok((vec![Event::User(Arc::new(user))], ()))
    }
}

impl Command for Leave {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let (mut user, group) = both(state, &self.user, &self.group)?;
        if !user.groups.remove(&group.id) {
            return Ok((Vec::new(), ()));
        }
        Ok((vec![Event::User(Arc::new(user))], ()))
    }
}

fn both<'a>(state: &'a State, user: &str, group: &str) -> Result<(User, &'a Group), Error> {
    let group = state.group(group)?;
    Ok((User::clone(state.user(user)?), group))
}

impl Command for EndSessions {
    type Outcome = ();

    fn decide(self, state: &State, at: Timestamp) -> Decided<()> {
        let mut user = User::clone(state.user(&self.user)?);
        user.sessions_from = Some(at);
        Ok((vec![Event::User(Arc::new(user))], ()))
    }
}

impl Command for Offboard {
    /// The user as it was.
    type Outcome = Arc<User>;

    fn decide(self, state: &State, at: Timestamp) -> Decided<Arc<User>> {
        let before = state.user(&self.user)?;
        let mut user = User::clone(before);
        for key in &mut user.keys {
            key.status = super::key::Status::Inactive;
        }
        user.login = None;
        user.groups.clear();
        user.sessions_from = Some(at);
        Ok((vec![Event::User(Arc::new(user))], Arc::clone(before)))
    }
}
