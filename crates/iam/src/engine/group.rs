//! Groups: users with the same grants. A group is never a principal, and is in no group.

use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::Left;
use super::grant::Grants;
use super::table::Named;
use super::{Command, Decided, Error, Event, Id, Kind, State, name, quota};

/// Users with the same grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The unique id.
    pub id: Id,
    /// The name, which may change.
    pub name: String,
    /// The path, `/` or `/…/`.
    pub path: String,
    /// When it was made.
    pub created: Timestamp,
    /// What its users may do.
    #[serde(default)]
    pub grants: Grants,
}

impl Named for Group {
    fn id(&self) -> &Id {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Makes a group.
#[derive(Clone, Debug)]
pub struct Create {
    /// The unique id, drawn.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
}

/// Gives a group another name or path.
#[derive(Clone, Debug)]
pub struct Update {
    /// Which.
    pub group: String,
    /// The new name.
    pub name: Option<String>,
    /// The new path.
    pub path: Option<String>,
}

/// Deletes a group in which nobody is and that has no policies.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Which.
    pub group: String,
}

impl Command for Create {
    type Outcome = Arc<Group>;

    fn decide(self, state: &State, at: Timestamp) -> Decided<Arc<Group>> {
        name::check(Kind::Group, &self.name)?;
        name::check_path(&self.path)?;
        let most = ("GroupsPerAccount", quota::GROUPS);
        state.groups().check_new(Kind::Group, &self.name, most)?;
        let group = Arc::new(Group {
            id: self.id,
            name: self.name,
            path: self.path,
            created: at,
            grants: Grants::default(),
        });
        Ok((vec![Event::Group(Arc::clone(&group))], group))
    }
}

impl Command for Update {
    type Outcome = Arc<Group>;

    fn decide(self, state: &State, _at: Timestamp) -> Decided<Arc<Group>> {
        let mut group = Group::clone(state.group(&self.group)?);
        if let Some(name) = self.name {
            name::check(Kind::Group, &name)?;
            state
                .groups()
                .check_renamed(Kind::Group, &group.name, &name)?;
            group.name = name;
        }
        if let Some(path) = self.path {
            name::check_path(&path)?;
            group.path = path;
        }
        let group = Arc::new(group);
        Ok((vec![Event::Group(Arc::clone(&group))], group))
    }
}

impl Command for Delete {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let group = state.group(&self.group)?;
        let checks = [
            (state.members_of(group).next().is_some(), Left::Members),
            (!group.grants.inline.is_empty(), Left::Inline),
            (!group.grants.attached.is_empty(), Left::Attached),
        ];
        if let Some((_, left)) = checks.into_iter().find(|(is_left, _)| *is_left) {
            return Err(Error::Conflict {
                kind: Kind::Group,
                name: self.group,
                left,
            });
        }
        Ok((vec![Event::GroupGone(group.id.clone())], ()))
    }
}
