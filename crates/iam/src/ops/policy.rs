//! Managed policies: CreatePolicy, GetPolicy, DeletePolicy, ListPolicies, their tags, and who has them.
//!
//! Source: IAM API Reference, the operations of these names.

use std::collections::HashMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::{List, Shape};

use super::fault::validation;
use super::page::page;
use super::shape::{AnyPolicy, Policy, Tag, pairs, tags};
use super::{reach, tag};
use crate::engine::tags::Target;
use crate::engine::{self, Kind, State, policy as command};
use crate::{Iam, managed, new_id};

/// How often policies are attached, and how often they are boundaries, by ARN.
#[derive(Debug, Default)]
pub(super) struct Counts(HashMap<String, (i32, i32)>);

impl Counts {
    pub(super) fn of(state: &State) -> Self {
        let mut counts = Self::default();
        for (_, grants) in state.grants() {
            for arn in &grants.attached {
                counts.0.entry(arn.clone()).or_default().0 += 1;
            }
            if let Some(arn) = &grants.boundary {
                counts.0.entry(arn.clone()).or_default().1 += 1;
            }
        }
        counts
    }

    pub(super) fn get(&self, arn: &str) -> (i32, i32) {
        self.0.get(arn).copied().unwrap_or_default()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreatePolicyRequest {
    #[shape(required)]
    policy_name: String,
    path: Option<String>,
    #[shape(required)]
    policy_document: String,
    description: Option<String>,
    tags: Vec<Tag>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreatePolicyResponse {
    policy: Option<Policy>,
}

impl Act<Iam> for CreatePolicyRequest {
    type Output = CreatePolicyResponse;
    const ACTION: &'static str = "iam:CreatePolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::new(
            &iam.state(),
            Kind::Policy,
            self.path.as_ref(),
            &self.policy_name,
            &self.tags,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<CreatePolicyResponse, Fault> {
        let make = command::Create {
            id: new_id(Kind::Policy),
            name: self.policy_name,
            path: self.path.unwrap_or_else(|| "/".to_owned()),
            description: self.description.unwrap_or_default(),
            document: self.policy_document,
            tags: pairs(self.tags),
        };
        let made = iam.change(make).await?;
        Ok(CreatePolicyResponse {
            policy: Some(AnyPolicy::Own(&made).whole(&iam.state(), (0, 0))),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetPolicyRequest {
    #[shape(required)]
    policy_arn: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetPolicyResponse {
    policy: Option<Policy>,
}

impl Act<Iam> for GetPolicyRequest {
    type Output = GetPolicyResponse;
    const ACTION: &'static str = "iam:GetPolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::policy(&iam.state(), &self.policy_arn)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<GetPolicyResponse, Fault> {
        let state = iam.state();
        let found = AnyPolicy::get(&state, &self.policy_arn)?;
        let counts = Counts::of(&state).get(&self.policy_arn);
        Ok(GetPolicyResponse {
            policy: Some(found.whole(&state, counts)),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeletePolicyRequest {
    #[shape(required)]
    policy_arn: String,
}

impl Act<Iam> for DeletePolicyRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeletePolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::policy(&iam.state(), &self.policy_arn)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let arn = self.policy_arn;
        iam.change(command::Delete { arn }).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListPoliciesRequest {
    scope: Option<String>,
    only_attached: Option<bool>,
    path_prefix: Option<String>,
    policy_usage_filter: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListPoliciesResponse {
    policies: List<Policy>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListPoliciesRequest {
    type Output = ListPoliciesResponse;
    const ACTION: &'static str = "iam:ListPolicies";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::all(
            &iam.state(),
            Kind::Policy,
            self.path_prefix.as_ref(),
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListPoliciesResponse, Fault> {
        let state = iam.state();
        let counts = Counts::of(&state);
        let scope = one_of("scope", self.scope.as_deref(), &["All", "AWS", "Local"])?;
        let usages = ["PermissionsPolicy", "PermissionsBoundary"];
        let usage = one_of(
            "policyUsageFilter",
            self.policy_usage_filter.as_deref(),
            &usages,
        )?;
        let prefix = self.path_prefix.unwrap_or_default();
        let is_attached = self.only_attached.unwrap_or(false);
        let own = state.policies().iter().map(|policy| AnyPolicy::Own(policy));
        let own = own.filter(|_| scope != Some("AWS"));
        let aws = managed::all().map(AnyPolicy::Aws);
        let aws = aws.filter(|_| scope != Some("Local"));
        let is_wanted = |policy: &AnyPolicy<'_>| {
            let (attached, bounding) = counts.get(&policy.arn(&state));
            let is_used = match usage {
                Some("PermissionsBoundary") => bounding > 0,
                Some(_) => attached > 0,
                None => true,
            };
            policy.path().starts_with(&prefix)
                && is_used
                && (!is_attached || attached > 0 || bounding > 0)
        };
        let mut found: Vec<_> = own.chain(aws).filter(is_wanted).collect();
        found.sort_by_key(|policy| policy.arn(&state));
        let page = page(
            found.into_iter(),
            |policy| policy.arn(&state),
            self.marker.as_ref(),
            self.max_items,
        )?;
        let shown =
            |policy: &AnyPolicy<'_>| policy.in_list(&state, counts.get(&policy.arn(&state)));
        Ok(ListPoliciesResponse {
            policies: page.items.iter().map(shown).collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

/// One of the texts that a parameter takes.
fn one_of<'a>(
    parameter: &str,
    given: Option<&str>,
    right: &[&'a str],
) -> Result<Option<&'a str>, Fault> {
    let Some(given) = given else {
        return Ok(None);
    };
    let found = right.iter().copied().find(|known| *known == given);
    let set = right.join(", ");
    let wrong = || {
        validation(
            parameter,
            given,
            &format!("Member must satisfy enum value set: [{set}]"),
        )
    };
    found.map(Some).ok_or_else(wrong)
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListEntitiesForPolicyRequest {
    #[shape(required)]
    policy_arn: String,
    entity_filter: Option<String>,
    path_prefix: Option<String>,
    policy_usage_filter: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListEntitiesForPolicyResponse {
    policy_groups: List<PolicyGroup>,
    policy_users: List<PolicyUser>,
    policy_roles: List<PolicyRole>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

/// A group that has the policy.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PolicyGroup {
    group_name: Option<String>,
    group_id: Option<String>,
}

/// A user that has the policy.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PolicyUser {
    user_name: Option<String>,
    user_id: Option<String>,
}

/// A role that has the policy.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PolicyRole {
    role_name: Option<String>,
    role_id: Option<String>,
}

impl Act<Iam> for ListEntitiesForPolicyRequest {
    type Output = ListEntitiesForPolicyResponse;
    const ACTION: &'static str = "iam:ListEntitiesForPolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::policy(&iam.state(), &self.policy_arn)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListEntitiesForPolicyResponse, Fault> {
        let state = iam.state();
        AnyPolicy::get(&state, &self.policy_arn)?;
        let found = self.entities(&state)?;
        let place =
            |(kind, _, _, name, _): &Entity| format!("{kind}/{}", engine::name::folded(name));
        let page = page(
            found.into_iter(),
            place,
            self.marker.as_ref(),
            self.max_items,
        )?;
        let mut answer = ListEntitiesForPolicyResponse {
            is_truncated: page.is_truncated,
            marker: page.marker,
            ..ListEntitiesForPolicyResponse::default()
        };
        for (_, kind, _, name, id) in page.items {
            let (name, id) = (Some(name), Some(id));
            match kind {
                Kind::Group => answer.policy_groups.0.push(PolicyGroup {
                    group_name: name,
                    group_id: id,
                }),
                Kind::Role => answer.policy_roles.0.push(PolicyRole {
                    role_name: name,
                    role_id: id,
                }),
                _ => answer.policy_users.0.push(PolicyUser {
                    user_name: name,
                    user_id: id,
                }),
            }
        }
        Ok(answer)
    }
}

/// Place of its kind, kind, path, name and id of whoever has a policy.
type Entity = (u8, Kind, String, String, String);

impl ListEntitiesForPolicyRequest {
    /// Who has the policy and is asked for.
    fn entities(&self, state: &State) -> Result<Vec<Entity>, Fault> {
        let kinds = [
            "User",
            "Role",
            "Group",
            "LocalManagedPolicy",
            "AWSManagedPolicy",
        ];
        let wanted = one_of("entityFilter", self.entity_filter.as_deref(), &kinds)?;
        let usages = ["PermissionsPolicy", "PermissionsBoundary"];
        let usage = one_of(
            "policyUsageFilter",
            self.policy_usage_filter.as_deref(),
            &usages,
        )?;
        let prefix = self.path_prefix.clone().unwrap_or_default();
        let has = |grants: &engine::Grants| match usage {
            Some("PermissionsBoundary") => grants.boundary.as_ref() == Some(&self.policy_arn),
            _ => grants.attached.contains(&self.policy_arn),
        };
        let groups = state.groups().iter().filter(|group| has(&group.grants));
        let groups = groups.map(|group| {
            (
                0,
                Kind::Group,
                group.path.clone(),
                group.name.clone(),
                group.id.to_string(),
            )
        });
        let roles = state.roles().iter().filter(|role| has(&role.grants));
        let roles = roles.map(|role| {
            (
                1,
                Kind::Role,
                role.path.clone(),
                role.name.clone(),
                role.id.to_string(),
            )
        });
        let users = state.users().iter().filter(|user| has(&user.grants));
        let users = users.map(|user| {
            (
                2,
                Kind::User,
                user.path.clone(),
                user.name.clone(),
                user.id.to_string(),
            )
        });
        let is_wanted = |(_, kind, path, _, _): &Entity| {
            let is_kind = match wanted {
                Some("User") => *kind == Kind::User,
                Some("Role") => *kind == Kind::Role,
                Some("Group") => *kind == Kind::Group,
                Some(_) => false,
                None => true,
            };
            is_kind && path.starts_with(&prefix)
        };
        Ok(groups.chain(roles).chain(users).filter(is_wanted).collect())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TagPolicyRequest {
    #[shape(required)]
    policy_arn: String,
    #[shape(required)]
    tags: Vec<Tag>,
}

impl Act<Iam> for TagPolicyRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:TagPolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::requested(
            reach::policy(&iam.state(), &self.policy_arn),
            &self.tags,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        tag::add(iam, Target::Policy(self.policy_arn), self.tags).await
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UntagPolicyRequest {
    #[shape(required)]
    policy_arn: String,
    #[shape(required)]
    tag_keys: Vec<String>,
}

impl Act<Iam> for UntagPolicyRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:UntagPolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::untagged(
            reach::policy(&iam.state(), &self.policy_arn),
            &self.tag_keys,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        tag::remove(iam, Target::Policy(self.policy_arn), self.tag_keys).await
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListPolicyTagsRequest {
    #[shape(required)]
    policy_arn: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListPolicyTagsResponse {
    #[shape(required)]
    tags: List<Tag>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListPolicyTagsRequest {
    type Output = ListPolicyTagsResponse;
    const ACTION: &'static str = "iam:ListPolicyTags";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::policy(&iam.state(), &self.policy_arn)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListPolicyTagsResponse, Fault> {
        let state = iam.state();
        let all = match AnyPolicy::get(&state, &self.policy_arn)? {
            AnyPolicy::Own(policy) => tags(&policy.tags),
            AnyPolicy::Aws(_) => Vec::new(),
        };
        let page = tag::page_of(all, self.marker.as_ref(), self.max_items)?;
        Ok(ListPolicyTagsResponse {
            tags: List(page.items),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}
