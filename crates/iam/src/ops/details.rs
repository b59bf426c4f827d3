//! GetAccountAuthorizationDetails: everybody, and all that they may do, in one list.
//!
//! Source: IAM API Reference, GetAccountAuthorizationDetails.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use wire::{List, Shape};

use super::fault::validation;
use super::page::page;
use super::policy::Counts;
use super::reach;
use super::shape::{
    AnyPolicy, AttachedPermissionsBoundary, AttachedPolicy, InstanceProfile, PolicyDetail,
    PolicyVersion, RoleLastUsed, Tag, attached, boundary, encoded, inline, profile, role_last_used,
    shown, tags,
};
use crate::engine::{self, Kind, State};
use crate::{Iam, managed};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccountAuthorizationDetailsRequest {
    filter: Vec<String>,
    max_items: Option<i32>,
    marker: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccountAuthorizationDetailsResponse {
    user_detail_list: List<UserDetail>,
    group_detail_list: List<GroupDetail>,
    role_detail_list: List<RoleDetail>,
    policies: List<ManagedPolicyDetail>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

/// A user and what it may do.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UserDetail {
    path: Option<String>,
    user_name: Option<String>,
    user_id: Option<String>,
    arn: Option<String>,
    create_date: Option<Timestamp>,
    user_policy_list: List<PolicyDetail>,
    group_list: List<String>,
    attached_managed_policies: List<AttachedPolicy>,
    permissions_boundary: Option<AttachedPermissionsBoundary>,
    tags: Vec<Tag>,
}

/// A group and what its users may do.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GroupDetail {
    path: Option<String>,
    group_name: Option<String>,
    group_id: Option<String>,
    arn: Option<String>,
    create_date: Option<Timestamp>,
    group_policy_list: List<PolicyDetail>,
    attached_managed_policies: List<AttachedPolicy>,
}

/// A role and what its sessions may do.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RoleDetail {
    path: Option<String>,
    role_name: Option<String>,
    role_id: Option<String>,
    arn: Option<String>,
    create_date: Option<Timestamp>,
    assume_role_policy_document: Option<String>,
    instance_profile_list: List<InstanceProfile>,
    role_policy_list: List<PolicyDetail>,
    attached_managed_policies: List<AttachedPolicy>,
    permissions_boundary: Option<AttachedPermissionsBoundary>,
    tags: Vec<Tag>,
    role_last_used: Option<RoleLastUsed>,
}

/// A managed policy with its versions.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ManagedPolicyDetail {
    policy_name: Option<String>,
    policy_id: Option<String>,
    arn: Option<String>,
    path: Option<String>,
    default_version_id: Option<String>,
    attachment_count: Option<i32>,
    permissions_boundary_usage_count: Option<i32>,
    is_attachable: Option<bool>,
    description: Option<String>,
    create_date: Option<Timestamp>,
    update_date: Option<Timestamp>,
    policy_version_list: List<PolicyVersion>,
}

impl Act<Iam> for GetAccountAuthorizationDetailsRequest {
    type Output = GetAccountAuthorizationDetailsResponse;
    const ACTION: &'static str = "iam:GetAccountAuthorizationDetails";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(
        self,
        iam: &Arc<Iam>,
        _ctx: &Ctx,
    ) -> Result<GetAccountAuthorizationDetailsResponse, Fault> {
        let state = iam.state();
        let counts = Counts::of(&state);
        let filter = wanted(&self.filter)?;
        let all = things(&state, &counts)
            .filter(|thing| filter.is_empty() || filter.contains(&thing.kind()));
        let page = page(
            all,
            |thing| thing.place(&state),
            self.marker.as_ref(),
            self.max_items,
        )?;
        let mut answer = GetAccountAuthorizationDetailsResponse {
            is_truncated: page.is_truncated,
            marker: page.marker,
            ..GetAccountAuthorizationDetailsResponse::default()
        };
        for thing in page.items {
            match thing {
                Thing::User(user) => answer.user_detail_list.0.push(user_detail(&state, user)),
                Thing::Group(group) => answer.group_detail_list.0.push(group_detail(&state, group)),
                Thing::Role(role) => answer.role_detail_list.0.push(role_detail(&state, role)),
                Thing::Policy(policy) => {
                    answer
                        .policies
                        .0
                        .push(policy_detail(&state, &counts, policy)?);
                }
            }
        }
        Ok(answer)
    }
}

/// What `Filter` may name, in the order of the lists.
const KINDS: [&str; 5] = [
    "User",
    "Group",
    "Role",
    "LocalManagedPolicy",
    "AWSManagedPolicy",
];

fn wanted(filter: &[String]) -> Result<Vec<usize>, Fault> {
    let place = |given: &String| {
        let place = KINDS.iter().position(|known| *known == given.as_str());
        place.ok_or_else(|| {
            let right = format!("Member must satisfy enum value set: [{}]", KINDS.join(", "));
            validation("filter", given, &right)
        })
    };
    filter.iter().map(place).collect()
}

/// Something of the lists.
enum Thing<'a> {
    User(&'a engine::User),
    Group(&'a engine::Group),
    Role(&'a engine::Role),
    Policy(AnyPolicy<'a>),
}

impl Thing<'_> {
    /// Its place in [`KINDS`].
    const fn kind(&self) -> usize {
        match self {
            Self::User(_) => 0,
            Self::Group(_) => 1,
            Self::Role(_) => 2,
            Self::Policy(AnyPolicy::Own(_)) => 3,
            Self::Policy(AnyPolicy::Aws(_)) => 4,
        }
    }

    fn place(&self, state: &State) -> String {
        let name = match self {
            Self::User(user) => engine::name::folded(&user.name),
            Self::Group(group) => engine::name::folded(&group.name),
            Self::Role(role) => engine::name::folded(&role.name),
            Self::Policy(policy) => policy.arn(state),
        };
        format!("{}/{name}", self.kind())
    }
}

/// All, in the order of their places. Of AWS's policies those that somebody has.
fn things<'a>(state: &'a State, counts: &Counts) -> impl Iterator<Item = Thing<'a>> {
    let in_use = |policy: &&managed::Managed| counts.get(&policy.arn) != (0, 0);
    let aws: Vec<_> = managed::all().filter(in_use).collect();
    let mut own: Vec<_> = state
        .policies()
        .iter()
        .map(|policy| AnyPolicy::Own(policy))
        .collect();
    own.sort_by_key(|policy| policy.arn(state));
    let users = state.users().iter().map(|user| Thing::User(user));
    let groups = state.groups().iter().map(|group| Thing::Group(group));
    let roles = state.roles().iter().map(|role| Thing::Role(role));
    let policies = own.into_iter().chain(aws.into_iter().map(AnyPolicy::Aws));
    users
        .chain(groups)
        .chain(roles)
        .chain(policies.map(Thing::Policy))
}

fn user_detail(state: &State, user: &engine::User) -> UserDetail {
    UserDetail {
        path: Some(user.path.clone()),
        user_name: Some(user.name.clone()),
        user_id: Some(user.id.to_string()),
        arn: Some(state.arn(Kind::User, &user.path, &user.name)),
        create_date: Some(shown(user.created)),
        user_policy_list: inline(&user.grants),
        group_list: state
            .groups_of(user)
            .map(|group| group.name.clone())
            .collect(),
        attached_managed_policies: attached(&user.grants).collect(),
        permissions_boundary: boundary(&user.grants),
        tags: tags(&user.tags),
    }
}

fn group_detail(state: &State, group: &engine::Group) -> GroupDetail {
    GroupDetail {
        path: Some(group.path.clone()),
        group_name: Some(group.name.clone()),
        group_id: Some(group.id.to_string()),
        arn: Some(state.arn(Kind::Group, &group.path, &group.name)),
        create_date: Some(shown(group.created)),
        group_policy_list: inline(&group.grants),
        attached_managed_policies: attached(&group.grants).collect(),
    }
}

fn role_detail(state: &State, role: &engine::Role) -> RoleDetail {
    let profiles = state.profiles_of(role);
    RoleDetail {
        path: Some(role.path.clone()),
        role_name: Some(role.name.clone()),
        role_id: Some(role.id.to_string()),
        arn: Some(state.arn(Kind::Role, &role.path, &role.name)),
        create_date: Some(shown(role.created)),
        assume_role_policy_document: Some(encoded(&role.trust)),
        instance_profile_list: profiles.map(|found| profile(state, found)).collect(),
        role_policy_list: inline(&role.grants),
        attached_managed_policies: attached(&role.grants).collect(),
        permissions_boundary: boundary(&role.grants),
        tags: tags(&role.tags),
        role_last_used: Some(role_last_used(state, role)),
    }
}

fn policy_detail(
    state: &State,
    counts: &Counts,
    policy: AnyPolicy<'_>,
) -> Result<ManagedPolicyDetail, Fault> {
    let whole = policy.whole(state, counts.get(&policy.arn(state)));
    let ids = policy
        .versions()
        .into_iter()
        .filter_map(|version| version.version_id);
    let versions: Result<Vec<_>, _> = ids.map(|id| policy.version(state, &id)).collect();
    Ok(ManagedPolicyDetail {
        policy_name: whole.policy_name,
        policy_id: whole.policy_id,
        arn: whole.arn,
        path: whole.path,
        default_version_id: whole.default_version_id,
        attachment_count: whole.attachment_count,
        permissions_boundary_usage_count: whole.permissions_boundary_usage_count,
        is_attachable: whole.is_attachable,
        description: whole.description,
        create_date: whole.create_date,
        update_date: whole.update_date,
        policy_version_list: List(versions?),
    })
}
