//! Instance profiles: what gives a role to a machine. One role at most.

use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::Left;
use super::table::Named;
use super::{Command, Decided, Error, Event, Id, Kind, State, Tags, name, quota};

/// What gives a role to a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceProfile {
    /// The unique id.
    pub id: Id,
    /// The name, which does not change.
    pub name: String,
    /// The path, `/` or `/…/`.
    pub path: String,
    /// When it was made.
    pub created: Timestamp,
    /// The role that it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Id>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

impl Named for InstanceProfile {
    fn id(&self) -> &Id {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Makes an instance profile.
#[derive(Clone, Debug)]
pub struct Create {
    /// The unique id, drawn.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// Deletes an instance profile without a role.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Which.
    pub profile: String,
}

/// Puts a role into an instance profile that has none.
#[derive(Clone, Debug)]
pub struct AddRole {
    /// Into which.
    pub profile: String,
    /// Which.
    pub role: String,
}

/// Takes the role out of an instance profile.
#[derive(Clone, Debug)]
pub struct RemoveRole {
    /// Out of which.
    pub profile: String,
    /// Which.
    pub role: String,
}

impl Command for Create {
    type Outcome = Arc<InstanceProfile>;

    fn decide(self, state: &State, at: Timestamp) -> Decided<Arc<InstanceProfile>> {
        name::check(Kind::Profile, &self.name)?;
        name::check_path(&self.path)?;
        let most = ("InstanceProfilesPerAccount", quota::PROFILES);
        state
            .profiles()
            .check_new(Kind::Profile, &self.name, most)?;
        let profile = Arc::new(InstanceProfile {
            id: self.id,
            name: self.name,
            path: self.path,
            created: at,
            role: None,
            tags: Tags::new(self.tags)?,
        });
        Ok((vec![Event::Profile(Arc::clone(&profile))], profile))
    }
}

impl Command for Delete {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let profile = state.profile(&self.profile)?;
        if profile.role.is_some() {
            return Err(Error::Conflict {
                kind: Kind::Profile,
                name: self.profile,
                left: Left::Roles,
            });
        }
        Ok((vec![Event::ProfileGone(profile.id.clone())], ()))
    }
}

impl Command for AddRole {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut profile = InstanceProfile::clone(state.profile(&self.profile)?);
        let role = state.role(&self.role)?;
        if profile.role.is_some() {
            return Err(Error::Quota {
                quota: "InstanceSessionsPerInstanceProfile",
                limit: 1,
            });
        }
        profile.role = Some(role.id.clone());
        Ok((vec![Event::Profile(Arc::new(profile))], ()))
    }
}

impl Command for RemoveRole {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut profile = InstanceProfile::clone(state.profile(&self.profile)?);
        let role = state.role(&self.role)?;
        if profile.role.take_if(|id| *id == role.id).is_none() {
            return Err(Error::NotInProfile {
                role: self.role,
                profile: self.profile,
            });
        }
        Ok((vec![Event::Profile(Arc::new(profile))], ()))
    }
}
