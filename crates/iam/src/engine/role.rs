//! Roles: principals that others assume for a while.

use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::document;
use super::error::Left;
use super::grant::Grants;
use super::table::Named;
use super::{Command, Decided, Error, Event, Id, Kind, State, Tags, name, quota};

/// The shortest and the longest that a session's longest time may be: 1 to 12 hours.
const SESSION_SECS: (u32, u32) = (3600, 43_200);
/// The most characters of a description.
pub(super) const DESCRIPTION_CHARS_MAX: usize = 1000;

/// A principal that others assume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The unique id.
    pub id: Id,
    /// The name, which does not change.
    pub name: String,
    /// The path, `/` or `/…/`.
    pub path: String,
    /// When it was made.
    pub created: Timestamp,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who may assume it.
    pub trust: String,
    /// The longest that a session may last, in seconds.
    pub session_secs_max: u32,
    /// What its sessions may do.
    #[serde(default)]
    pub grants: Grants,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Sessions that began before this are over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_from: Option<Timestamp>,
}

impl Named for Role {
    fn id(&self) -> &Id {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Makes a role.
#[derive(Clone, Debug)]
pub struct Create {
    /// The unique id, drawn.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// For people.
    pub description: Option<String>,
    /// Who may assume it.
    pub trust: String,
    /// The longest session, in seconds; an hour if nothing is said.
    pub session_secs_max: Option<i32>,
    /// The managed policy that bounds what it may do.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// Changes what is said about a role.
#[derive(Clone, Debug)]
pub struct Update {
    /// Which.
    pub role: String,
    /// For people; `None` leaves it.
    pub description: Option<String>,
    /// The longest session, in seconds; `None` leaves it.
    pub session_secs_max: Option<i32>,
}

/// Changes who may assume a role.
#[derive(Clone, Debug)]
pub struct SetTrust {
    /// Which.
    pub role: String,
    /// The trust policy.
    pub trust: String,
}

/// Deletes a role on which nothing hangs any more.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Which.
    pub role: String,
}

/// Ends all sessions of a role that began before now.
#[derive(Clone, Debug)]
pub struct EndSessions {
    /// Which.
    pub role: String,
}

fn check_session_secs(secs: Option<i32>) -> Result<Option<u32>, Error> {
    let (low, high) = SESSION_SECS;
    let Some(given) = secs else {
        return Ok(None);
    };
    let right = u32::try_from(given)
        .ok()
        .filter(|secs| (low..=high).contains(secs));
    right.map(Some).ok_or(Error::Range {
        parameter: "maxSessionDuration",
        value: i64::from(given),
        low: i64::from(low),
        high: i64::from(high),
    })
}

fn check_trust(trust: &str) -> Result<(), Error> {
    document::check(trust, policy::Kind::Trust)?;
    if document::chars(trust) > quota::TRUST_CHARS {
        return Err(Error::Quota {
            quota: "ACLSizePerRole",
            limit: quota::TRUST_CHARS,
        });
    }
    Ok(())
}

impl Command for Create {
    type Outcome = Arc<Role>;

    fn decide(self, state: &State, at: Timestamp) -> Decided<Arc<Role>> {
        name::check(Kind::Role, &self.name)?;
        name::check_path(&self.path)?;
        name::check_length(
            "description",
            self.description.as_deref().unwrap_or_default(),
            DESCRIPTION_CHARS_MAX,
        )?;
        let session_secs_max = check_session_secs(self.session_secs_max)?;
        check_trust(&self.trust)?;
        let mut grants = Grants::default();
        grants.bound(state, self.boundary)?;
        let most = ("RolesPerAccount", quota::ROLES);
        state.roles().check_new(Kind::Role, &self.name, most)?;
        let role = Arc::new(Role {
            id: self.id,
            name: self.name,
            path: self.path,
            created: at,
            description: self.description,
            trust: self.trust,
            session_secs_max: session_secs_max.unwrap_or(SESSION_SECS.0),
            grants,
            tags: Tags::new(self.tags)?,
            sessions_from: None,
        });
        Ok((vec![Event::Role(Arc::clone(&role))], role))
    }
}

impl Command for Update {
    type Outcome = Arc<Role>;

    fn decide(self, state: &State, _at: Timestamp) -> Decided<Arc<Role>> {
        let mut role = Role::clone(state.role(&self.role)?);
        if let Some(description) = self.description {
            name::check_length("description", &description, DESCRIPTION_CHARS_MAX)?;
            role.description = Some(description);
        }
        if let Some(secs) = check_session_secs(self.session_secs_max)? {
            role.session_secs_max = secs;
        }
        let role = Arc::new(role);
        Ok((vec![Event::Role(Arc::clone(&role))], role))
    }
}

impl Command for SetTrust {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut role = Role::clone(state.role(&self.role)?);
        check_trust(&self.trust)?;
        role.trust = self.trust;
        Ok((vec![Event::Role(Arc::new(role))], ()))
    }
}

impl Command for Delete {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let role = state.role(&self.role)?;
        let checks = [
            (state.profiles_of(role).next().is_some(), Left::Profiles),
            (!role.grants.inline.is_empty(), Left::Inline),
            (!role.grants.attached.is_empty(), Left::Attached),
        ];
        if let Some((_, left)) = checks.into_iter().find(|(is_left, _)| *is_left) {
            return Err(Error::Conflict {
                kind: Kind::Role,
                name: self.role,
                left,
            });
        }
        Ok((vec![Event::RoleGone(role.id.clone())], ()))
    }
}

impl Command for EndSessions {
    type Outcome = ();

    fn decide(self, state: &State, at: Timestamp) -> Decided<()> {
        let mut role = Role::clone(state.role(&self.role)?);
        role.sessions_from = Some(at);
        Ok((vec![Event::Role(Arc::new(role))], ()))
    }
}
