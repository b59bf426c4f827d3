//! What a user, group or role may do: inline policies, attached ones, and the boundary around both.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::document;
use super::{Command, Decided, Error, Event, Group, Kind, Role, State, User, name, quota};

/// What somebody may do of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// Its own policies, by name, as they were written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inline: BTreeMap<String, String>,
    /// The ARNs of its managed policies.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attached: BTreeSet<String>,
    /// The ARN of the managed policy beyond which it may do nothing. Groups have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
}

impl Grants {
    /// Sets or takes away the boundary.
    pub(super) fn bound(&mut self, state: &State, boundary: Option<String>) -> Result<(), Error> {
        if let Some(arn) = boundary.as_ref().filter(|arn| state.managed(arn).is_none()) {
            return Err(Error::NotAttachable { arn: arn.clone() });
        }
        self.boundary = boundary;
        Ok(())
    }
}

/// Who has grants, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A user.
    User(String),
    /// A group.
    Group(String),
    /// A role.
    Role(String),
}

impl Holder {
    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::User(_) => Kind::User,
            Self::Group(_) => Kind::Group,
            Self::Role(_) => Kind::Role,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::User(name) | Self::Group(name) | Self::Role(name) => name,
        }
    }

    /// How many characters its inline policies may have.
    const fn inline_chars_max(&self) -> usize {
        match self {
            Self::User(_) => quota::INLINE_USER_CHARS,
            Self::Group(_) => quota::INLINE_GROUP_CHARS,
            Self::Role(_) => quota::INLINE_ROLE_CHARS,
        }
    }

    /// Its grants.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn grants<'a>(&self, state: &'a State) -> Result<&'a Grants, Error> {
        Ok(match self {
            Self::User(name) => &state.user(name)?.grants,
            Self::Group(name) => &state.group(name)?.grants,
            Self::Role(name) => &state.role(name)?.grants,
        })
    }

    /// The event after which it has these grants.
    fn with(&self, state: &State, grants: Grants) -> Result<Event, Error> {
        Ok(match self {
            Self::User(name) => {
                let user = User::clone(state.user(name)?);
                Event::User(Arc::new(User { grants, ..user }))
            }
            Self::Group(name) => {
                let group = Group::clone(state.group(name)?);
                Event::Group(Arc::new(Group { grants, ..group }))
            }
            Self::Role(name) => {
                let role = Role::clone(state.role(name)?);
                Event::Role(Arc::new(Role { grants, ..role }))
            }
        })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind(), self.name())
    }
}

/// Writes an inline policy, in the place of one of that name.
#[derive(Clone, Debug)]
pub struct PutInline {
    /// Whose.
    pub holder: Holder,
    /// The policy's name.
    pub name: String,
    /// What it says.
    pub document: String,
}

/// Deletes an inline policy.
#[derive(Clone, Debug)]
pub struct DeleteInline {
    /// Whose.
    pub holder: Holder,
    /// Which.
    pub name: String,
}

/// Attaches a managed policy; one that is attached stays.
#[derive(Clone, Debug)]
pub struct Attach {
    /// To whom.
    pub holder: Holder,
    /// Which.
    pub arn: String,
}

/// Detaches a managed policy.
#[derive(Clone, Debug)]
pub struct Detach {
    /// From whom.
    pub holder: Holder,
    /// Which.
    pub arn: String,
}

/// Sets the boundary of a user or role.
#[derive(Clone, Debug)]
pub struct SetBoundary {
    /// Whose; no group has one.
    pub holder: Holder,
    /// The managed policy.
    pub arn: String,
}

/// Takes the boundary away.
#[derive(Clone, Debug)]
pub struct DeleteBoundary {
    /// Whose.
    pub holder: Holder,
}

impl Command for PutInline {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut grants = self.holder.grants(state)?.clone();
        name::check_as("policyName", &self.name, Kind::Policy.name_chars_max())?;
        document::check(&self.document, policy::Kind::Identity)?;
        grants.inline.insert(self.name, self.document);
        let limit = self.holder.inline_chars_max();
        let chars: usize = grants
            .inline
            .values()
            .map(|text| document::chars(text))
            .sum();
        if chars > limit {
            return Err(Error::InlineSize {
                holder: self.holder,
                limit,
            });
        }
        Ok((vec![self.holder.with(state, grants)?], ()))
    }
}

impl Command for DeleteInline {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut grants = self.holder.grants(state)?.clone();
        if grants.inline.remove(&self.name).is_none() {
            return Err(Error::InlineNotFound {
                holder: self.holder,
                name: self.name,
            });
        }
        Ok((vec![self.holder.with(state, grants)?], ()))
    }
}

impl Command for Attach {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut grants = self.holder.grants(state)?.clone();
        if state.managed(&self.arn).is_none() {
            return Err(Error::NotAttachable { arn: self.arn });
        }
        if !grants.attached.insert(self.arn) {
            return Ok((Vec::new(), ()));
        }
        if grants.attached.len() > quota::ATTACHED {
            return Err(Error::Quota {
                quota: match self.holder {
                    Holder::User(_) => "PoliciesPerUser",
                    Holder::Group(_) => "PoliciesPerGroup",
                    Holder::Role(_) => "PoliciesPerRole",
                },
                limit: quota::ATTACHED,
            });
        }
        Ok((vec![self.holder.with(state, grants)?], ()))
    }
}

impl Command for Detach {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut grants = self.holder.grants(state)?.clone();
        if !grants.attached.remove(&self.arn) {
            return Err(Error::NotAttached {
                arn: self.arn,
                holder: self.holder,
            });
        }
        Ok((vec![self.holder.with(state, grants)?], ()))
    }
}

impl Command for SetBoundary {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut grants = self.holder.grants(state)?.clone();
        grants.bound(state, Some(self.arn))?;
        Ok((vec![self.holder.with(state, grants)?], ()))
    }
}

impl Command for DeleteBoundary {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut grants = self.holder.grants(state)?.clone();
        if grants.boundary.take().is_none() {
            return Err(Error::NoBoundary {
                holder: self.holder,
            });
        }
        Ok((vec![self.holder.with(state, grants)?], ()))
    }
}
