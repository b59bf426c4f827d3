//! Managed policies of the account, with their versions.

use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::document;
use super::error::Left;
use super::role::DESCRIPTION_CHARS_MAX;
use super::table::Named;
use super::{Command, Decided, Error, Event, Id, Kind, State, Tags, name, quota};

/// A managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The unique id.
    pub id: Id,
    /// The name, which does not change.
    pub name: String,
    /// The path, `/` or `/…/`.
    pub path: String,
    /// For people; does not change.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// When its newest version was made.
    pub updated: Timestamp,
    /// Its versions, oldest first; never empty.
    pub versions: Vec<Version>,
    /// The number of the version that counts.
    pub default: u32,
    /// The number that the next version gets; numbers are never given again.
    pub next: u32,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// What a policy said or says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its number, from 1; `v1` in the API.
    pub number: u32,
    /// What it says, as it was written.
    pub document: String,
    /// When it was made.
    pub created: Timestamp,
}

impl Named for Policy {
    fn id(&self) -> &Id {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Policy {
    /// What the policy says now.
    #[must_use]
    pub fn document(&self) -> &str {
        let version = self
            .versions
            .iter()
            .find(|version| version.number == self.default);
        version.map_or("", |version| &version.document)
    }

    /// The version that the API calls `id`, such as `v2`.
    #[must_use]
    pub fn version(&self, id: &str) -> Option<&Version> {
        let number: u32 = id.strip_prefix('v')?.parse().ok()?;
        self.versions
            .iter()
            .find(|version| version.number == number)
    }
}

/// Makes a managed policy with its first version.
#[derive(Clone, Debug)]
pub struct Create {
    /// The unique id, drawn.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// For people.
    pub description: String,
    /// What it says.
    pub document: String,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// Deletes a managed policy that nobody has, with its default version.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Which.
    pub arn: String,
}

/// Writes another version.
#[derive(Clone, Debug)]
pub struct CreateVersion {
    /// Of which.
    pub arn: String,
    /// What it says.
    pub document: String,
    /// Whether it is what counts from now on.
    pub becomes: Becomes,
}

/// What a new version becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// The one that counts.
    Default,
    /// One beside it.
    Another,
}

/// Lets another version count.
#[derive(Clone, Debug)]
pub struct SetDefault {
    /// Of which.
    pub arn: String,
    /// Such as `v2`.
    pub version: String,
}

/// Deletes a version that does not count.
#[derive(Clone, Debug)]
pub struct DeleteVersion {
    /// Of which.
    pub arn: String,
    /// Such as `v1`.
    pub version: String,
}

fn check_document(document: &str) -> Result<(), Error> {
    document::check(document, policy::Kind::Identity)?;
    if document::chars(document) > quota::POLICY_CHARS {
        return Err(Error::Quota {
            quota: "PolicySize",
            limit: quota::POLICY_CHARS,
        });
    }
    Ok(())
}

/// A policy of the account, to be changed.
pub(super) fn own(state: &State, arn: &str) -> Result<Policy, Error> {
    if let Some(policy) = state.policy(arn) {
        return Ok(Policy::clone(policy));
    }
    let arn = arn.to_owned();
    Err(match crate::managed::get(&arn) {
        Some(_) => Error::AwsManaged { arn },
        None => Error::PolicyNotFound { arn },
    })
}

impl Command for Create {
    type Outcome = Arc<Policy>;

    fn decide(self, state: &State, at: Timestamp) -> Decided<Arc<Policy>> {
        name::check(Kind::Policy, &self.name)?;
        name::check_path(&self.path)?;
        name::check_length("description", &self.description, DESCRIPTION_CHARS_MAX)?;
        check_document(&self.document)?;
        let most = ("PoliciesPerAccount", quota::POLICIES);
        state.policies().check_new(Kind::Policy, &self.name, most)?;
        let first = Version {
            number: 1,
            document: self.document,
            created: at,
        };
        let policy = Arc::new(Policy {
            id: self.id,
            name: self.name,
            path: self.path,
            description: self.description,
            created: at,
            updated: at,
            versions: vec![first],
            default: 1,
            next: 2,
            tags: Tags::new(self.tags)?,
        });
        Ok((vec![Event::Policy(Arc::clone(&policy))], policy))
    }
}

impl Command for Delete {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let policy = own(state, &self.arn)?;
        let is_held = state.grants().any(|(_, grants)| {
            grants.attached.contains(&self.arn) || grants.boundary.as_ref() == Some(&self.arn)
        });
        let checks = [
            (is_held, Left::Holders),
            (policy.versions.len() > 1, Left::Versions),
        ];
        if let Some((_, left)) = checks.into_iter().find(|(is_left, _)| *is_left) {
            return Err(Error::Conflict {
                kind: Kind::Policy,
                name: policy.name,
                left,
            });
        }
        Ok((vec![Event::PolicyGone(policy.id)], ()))
    }
}

impl Command for CreateVersion {
    type Outcome = Version;

    fn decide(self, state: &State, at: Timestamp) -> Decided<Version> {
        let mut policy = own(state, &self.arn)?;
        check_document(&self.document)?;
        if policy.versions.len() >= quota::VERSIONS {
            return Err(Error::Quota {
                quota: "VersionsPerPolicy",
                limit: quota::VERSIONS,
            });
        }
        let version = Version {
            number: policy.next,
            document: self.document,
            created: at,
        };
        policy.versions.push(version.clone());
        policy.next += 1;
        policy.updated = at;
        if self.becomes == Becomes::Default {
            policy.default = version.number;
        }
        Ok((vec![Event::Policy(Arc::new(policy))], version))
    }
}

impl Command for SetDefault {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut policy = own(state, &self.arn)?;
        policy.default = number(&policy, self.arn, self.version)?;
        Ok((vec![Event::Policy(Arc::new(policy))], ()))
    }
}

impl Command for DeleteVersion {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let mut policy = own(state, &self.arn)?;
        let number = number(&policy, self.arn.clone(), self.version.clone())?;
        if number == policy.default {
            return Err(Error::DefaultVersion {
                arn: self.arn,
                version: self.version,
            });
        }
        policy.versions.retain(|version| version.number != number);
        Ok((vec![Event::Policy(Arc::new(policy))], ()))
    }
}

fn number(policy: &Policy, arn: String, version: String) -> Result<u32, Error> {
    match policy.version(&version) {
        Some(found) => Ok(found.number),
        None => Err(Error::VersionNotFound { arn, version }),
    }
}
