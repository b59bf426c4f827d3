//! Shapes that several operations answer with, and how they are made of what there is.

use base::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wire::{Blob, List, Shape};

use crate::engine::{self, Grants, Kind, State};
use crate::managed::Managed;

/// What RFC 3986 leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A policy's text as IAM answers it: URL-encoded.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, ENCODED).to_string()
}

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Tag {
    #[shape(required)]
    pub(super) key: String,
    #[shape(required)]
    pub(super) value: String,
}

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct User {
    #[shape(required)]
    pub(super) path: String,
    #[shape(required)]
    pub(super) user_name: String,
    #[shape(required)]
    pub(super) user_id: String,
    #[shape(required)]
    pub(super) arn: String,
    #[shape(required)]
    pub(super) create_date: Timestamp,
    pub(super) password_last_used: Option<Timestamp>,
    pub(super) permissions_boundary: Option<AttachedPermissionsBoundary>,
    pub(super) tags: Vec<Tag>,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Group {
    #[shape(required)]
    pub(super) path: String,
    #[shape(required)]
    pub(super) group_name: String,
    #[shape(required)]
    pub(super) group_id: String,
    #[shape(required)]
    pub(super) arn: String,
    #[shape(required)]
    pub(super) create_date: Timestamp,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Role {
    #[shape(required)]
    pub(super) path: String,
    #[shape(required)]
    pub(super) role_name: String,
    #[shape(required)]
    pub(super) role_id: String,
    #[shape(required)]
    pub(super) arn: String,
    #[shape(required)]
    pub(super) create_date: Timestamp,
    pub(super) assume_role_policy_document: Option<String>,
    pub(super) description: Option<String>,
    pub(super) max_session_duration: Option<i32>,
    pub(super) permissions_boundary: Option<AttachedPermissionsBoundary>,
    pub(super) tags: Vec<Tag>,
    pub(super) role_last_used: Option<RoleLastUsed>,
    pub(super) source_role_template: Option<SourceRoleTemplate>,
}

/// When a role was used last.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RoleLastUsed {
    pub(super) last_used_date: Option<Timestamp>,
    pub(super) region: Option<String>,
}

/// From what a role was made; never from anything here.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct SourceRoleTemplate {
    #[shape(required)]
    pub(super) template_arn: String,
    #[shape(required)]
    pub(super) template_minor_version: i32,
}

/// A managed policy.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Policy {
    pub(super) policy_name: Option<String>,
    pub(super) policy_id: Option<String>,
    pub(super) arn: Option<String>,
    pub(super) path: Option<String>,
    pub(super) default_version_id: Option<String>,
    pub(super) attachment_count: Option<i32>,
    pub(super) permissions_boundary_usage_count: Option<i32>,
    pub(super) is_attachable: Option<bool>,
    pub(super) description: Option<String>,
    pub(super) create_date: Option<Timestamp>,
    pub(super) update_date: Option<Timestamp>,
    pub(super) tags: Vec<Tag>,
}

/// A version of a managed policy.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PolicyVersion {
    pub(super) document: Option<String>,
    pub(super) version_id: Option<String>,
    pub(super) is_default_version: Option<bool>,
    pub(super) create_date: Option<Timestamp>,
}

/// A managed policy that is attached.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AttachedPolicy {
    pub(super) policy_name: Option<String>,
    pub(super) policy_arn: Option<String>,
}

/// A boundary.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AttachedPermissionsBoundary {
    pub(super) permissions_boundary_type: Option<String>,
    pub(super) permissions_boundary_arn: Option<String>,
}

/// An inline policy.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PolicyDetail {
    pub(super) policy_name: Option<String>,
    pub(super) policy_document: Option<String>,
}

/// An instance profile.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstanceProfile {
    #[shape(required)]
    pub(super) path: String,
    #[shape(required)]
    pub(super) instance_profile_name: String,
    #[shape(required)]
    pub(super) instance_profile_id: String,
    #[shape(required)]
    pub(super) arn: String,
    #[shape(required)]
    pub(super) create_date: Timestamp,
    #[shape(required)]
    pub(super) roles: List<Role>,
    pub(super) tags: Vec<Tag>,
}

/// A login profile.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct LoginProfile {
    #[shape(required)]
    pub(super) user_name: String,
    #[shape(required)]
    pub(super) create_date: Timestamp,
    pub(super) password_reset_required: Option<bool>,
}

/// An access key without its secret.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AccessKeyMetadata {
    pub(super) user_name: Option<String>,
    pub(super) access_key_id: Option<String>,
    pub(super) status: Option<String>,
    pub(super) create_date: Option<Timestamp>,
}

/// A virtual MFA device.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct VirtualMFADevice {
    #[shape(required)]
    pub(super) serial_number: String,
    #[shape(sensitive)]
    pub(super) base32_string_seed: Option<Blob>,
    #[shape(name = "QRCodePNG", sensitive)]
    pub(super) qr_code_png: Option<Blob>,
    pub(super) user: Option<User>,
    pub(super) enable_date: Option<Timestamp>,
    pub(super) tags: Vec<Tag>,
}

/// Moments as IAM shows them: whole seconds.
pub(super) fn shown(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.as_secs())
}

/// Tags as the engine takes them.
pub(super) fn pairs(tags: Vec<Tag>) -> Vec<(String, String)> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// Tags as the wire has them.
pub(super) fn tags(tags: &engine::Tags) -> Vec<Tag> {
    let tag = |(key, value): (&str, &str)| Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    tags.iter().map(tag).collect()
}

/// A user as lists show it: without its tags and its boundary.
pub(super) fn user_in_list(state: &State, user: &engine::User) -> User {
    User {
        path: user.path.clone(),
        user_name: user.name.clone(),
        user_id: user.id.to_string(),
        arn: state.arn(Kind::User, &user.path, &user.name),
        create_date: shown(user.created),
        password_last_used: user
            .login
            .as_ref()
            .and_then(|_| state.last_use(user.id.as_str()))
            .map(|known| shown(known.at)),
        permissions_boundary: None,
        tags: Vec::new(),
    }
}

/// A user with its tags and its boundary.
pub(super) fn user(state: &State, user: &engine::User) -> User {
    User {
        permissions_boundary: boundary(&user.grants),
        tags: tags(&user.tags),
        ..user_in_list(state, user)
    }
}

/// A group.
pub(super) fn group(state: &State, group: &engine::Group) -> Group {
    Group {
        path: group.path.clone(),
        group_name: group.name.clone(),
        group_id: group.id.to_string(),
        arn: state.arn(Kind::Group, &group.path, &group.name),
        create_date: shown(group.created),
    }
}

/// A role as lists show it: without its tags, its boundary and its last use.
pub(super) fn role_in_list(state: &State, role: &engine::Role) -> Role {
    Role {
        path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.to_string(),
        arn: state.arn(Kind::Role, &role.path, &role.name),
        create_date: shown(role.created),
        assume_role_policy_document: Some(encoded(&role.trust)),
        description: role.description.clone(),
        max_session_duration: i32::try_from(role.session_secs_max).ok(),
        permissions_boundary: None,
        tags: Vec::new(),
        role_last_used: None,
        source_role_template: None,
    }
}

/// A role with its tags, its boundary and its last use.
pub(super) fn role(state: &State, role: &engine::Role) -> Role {
    Role {
        permissions_boundary: boundary(&role.grants),
        tags: tags(&role.tags),
        role_last_used: Some(role_last_used(state, role)),
        ..role_in_list(state, role)
    }
}

/// When a role was used last; empty when it never was.
pub(super) fn role_last_used(state: &State, role: &engine::Role) -> RoleLastUsed {
    let known = state.last_use(role.id.as_str());
    RoleLastUsed {
        last_used_date: known.map(|known| shown(known.at)),
        region: known.map(|known| known.region.clone()),
    }
}

/// The boundary of a user or role.
pub(super) fn boundary(grants: &Grants) -> Option<AttachedPermissionsBoundary> {
    let arn = grants.boundary.clone()?;
    Some(AttachedPermissionsBoundary {
        permissions_boundary_type: Some("PermissionsBoundaryPolicy".to_owned()),
        permissions_boundary_arn: Some(arn),
    })
}

/// The managed policies that are attached.
pub(super) fn attached(grants: &Grants) -> impl Iterator<Item = AttachedPolicy> {
    grants.attached.iter().map(|arn| AttachedPolicy {
        policy_name: arn.rsplit('/').next().map(str::to_owned),
        policy_arn: Some(arn.clone()),
    })
}

/// The inline policies.
pub(super) fn inline(grants: &Grants) -> List<PolicyDetail> {
    let detail = |(name, document): (&String, &String)| PolicyDetail {
        policy_name: Some(name.clone()),
        policy_document: Some(encoded(document)),
    };
    grants.inline.iter().map(detail).collect()
}

/// An instance profile with its role.
pub(super) fn profile(state: &State, profile: &engine::InstanceProfile) -> InstanceProfile {
    let role = profile.role.as_ref().and_then(|id| state.roles().get(id));
    InstanceProfile {
        path: profile.path.clone(),
        instance_profile_name: profile.name.clone(),
        instance_profile_id: profile.id.to_string(),
        arn: state.arn(Kind::Profile, &profile.path, &profile.name),
        create_date: shown(profile.created),
        roles: role
            .map(|role| role_in_list(state, role))
            .into_iter()
            .collect(),
        tags: tags(&profile.tags),
    }
}

/// A managed policy of the account or of AWS.
#[derive(Clone, Copy, Debug)]
pub(super) enum AnyPolicy<'a> {
    /// The account's.
    Own(&'a engine::Policy),
    /// AWS's, or the platform's.
    Aws(&'static Managed),
}

impl<'a> AnyPolicy<'a> {
    /// The policy with an ARN.
    ///
    /// # Errors
    /// [`engine::Error::PolicyNotFound`].
    pub(super) fn get(state: &'a State, arn: &str) -> Result<Self, engine::Error> {
        let own = state.policy(arn).map(|policy| Self::Own(policy));
        let aws = || crate::managed::get(arn).map(Self::Aws);
        own.or_else(aws)
            .ok_or_else(|| engine::Error::PolicyNotFound {
                arn: arn.to_owned(),
            })
    }

    pub(super) fn arn(self, state: &State) -> String {
        match self {
            Self::Own(policy) => state.arn(Kind::Policy, &policy.path, &policy.name),
            Self::Aws(policy) => policy.arn.clone(),
        }
    }

    pub(super) fn path(self) -> &'a str {
        match self {
            Self::Own(policy) => &policy.path,
            Self::Aws(policy) => &policy.path,
        }
    }

    /// The policy as lists show it. `counts`: how often it is attached, and is a boundary.
    pub(super) fn in_list(self, state: &State, counts: (i32, i32)) -> Policy {
        let arn = Some(self.arn(state));
        let (attachment_count, boundary_count) = (Some(counts.0), Some(counts.1));
        match self {
            Self::Own(policy) => Policy {
                policy_name: Some(policy.name.clone()),
                policy_id: Some(policy.id.to_string()),
                arn,
                path: Some(policy.path.clone()),
                default_version_id: Some(format!("v{}", policy.default)),
                attachment_count,
                permissions_boundary_usage_count: boundary_count,
                is_attachable: Some(true),
                description: None,
                create_date: Some(shown(policy.created)),
                update_date: Some(shown(policy.updated)),
                tags: Vec::new(),
            },
            Self::Aws(policy) => Policy {
                policy_name: Some(policy.name.clone()),
                policy_id: Some(policy.id.clone()),
                arn,
                path: Some(policy.path.clone()),
                default_version_id: Some(policy.version.clone()),
                attachment_count,
                permissions_boundary_usage_count: boundary_count,
                is_attachable: Some(true),
                description: None,
                create_date: Some(shown(policy.created)),
                update_date: Some(shown(policy.updated)),
                tags: Vec::new(),
            },
        }
    }

    /// The policy with its description and tags.
    pub(super) fn whole(self, state: &State, counts: (i32, i32)) -> Policy {
        let (description, tags) = match self {
            Self::Own(policy) => (policy.description.as_str(), tags(&policy.tags)),
            Self::Aws(policy) => (policy.description, Vec::new()),
        };
        Policy {
            description: Some(description.to_owned()).filter(|text| !text.is_empty()),
            tags,
            ..self.in_list(state, counts)
        }
    }

    /// Its versions, newest first, without their texts.
    pub(super) fn versions(self) -> Vec<PolicyVersion> {
        match self {
            Self::Own(policy) => policy
                .versions
                .iter()
                .rev()
                .map(|version| version_of(policy, version))
                .collect(),
            Self::Aws(policy) => vec![aws_version(policy)],
        }
    }

    /// One version with its text.
    ///
    /// # Errors
    /// [`engine::Error::VersionNotFound`].
    pub(super) fn version(self, state: &State, id: &str) -> Result<PolicyVersion, engine::Error> {
        let found = match self {
            Self::Own(policy) => policy.version(id).map(|version| PolicyVersion {
                document: Some(encoded(&version.document)),
                ..version_of(policy, version)
            }),
            Self::Aws(policy) => Some(PolicyVersion {
                document: Some(encoded(&policy.document)),
                ..aws_version(policy)
            })
            .filter(|version| version.version_id.as_deref() == Some(id)),
        };
        found.ok_or_else(|| engine::Error::VersionNotFound {
            arn: self.arn(state),
            version: id.to_owned(),
        })
    }
}

/// A version without its text.
pub(super) fn version_of(
    policy: &engine::Policy,
    version: &engine::policy::Version,
) -> PolicyVersion {
    PolicyVersion {
        document: None,
        version_id: Some(format!("v{}", version.number)),
        is_default_version: Some(version.number == policy.default),
        create_date: Some(shown(version.created)),
    }
}

fn aws_version(policy: &Managed) -> PolicyVersion {
    PolicyVersion {
        document: None,
        version_id: Some(policy.version.clone()),
        is_default_version: Some(true),
        create_date: Some(shown(policy.updated)),
    }
}
