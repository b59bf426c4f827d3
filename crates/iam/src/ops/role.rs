//! Roles: made, described, trusted, deleted, listed, and their tags.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::{List, Shape};

use super::page::page;
use super::shape::{Role, Tag, pairs, role, role_in_list, tags};
use super::{reach, tag};
use crate::engine::tags::Target;
use crate::engine::{Kind, name, role as command};
use crate::{Iam, new_id};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateRoleRequest {
    path: Option<String>,
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: Option<i32>,
    permissions_boundary: Option<String>,
    tags: Vec<Tag>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateRoleResponse {
    #[shape(required)]
    role: Role,
}

impl Act<Iam> for CreateRoleRequest {
    type Output = CreateRoleResponse;
    const ACTION: &'static str = "iam:CreateRole";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        let access = reach::new(
            &iam.state(),
            Kind::Role,
            self.path.as_ref(),
            &self.role_name,
            &self.tags,
        );
        vec![reach::policy_arn(
            access,
            "iam:PermissionsBoundary",
            self.permissions_boundary.as_ref(),
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<CreateRoleResponse, Fault> {
        let make = command::Create {
            id: new_id(Kind::Role),
            name: self.role_name,
            path: self.path.unwrap_or_else(|| "/".to_owned()),
            description: self.description,
            trust: self.assume_role_policy_document,
            session_secs_max: self.max_session_duration,
            boundary: self.permissions_boundary,
            tags: pairs(self.tags),
        };
        let made = iam.change(make).await?;
        let mut role = role(&iam.state(), &made);
        role.role_last_used = None;
        Ok(CreateRoleResponse { role })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetRoleRequest {
    #[shape(required)]
    role_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetRoleResponse {
    #[shape(required)]
    role: Role,
}

impl Act<Iam> for GetRoleRequest {
    type Output = GetRoleResponse;
    const ACTION: &'static str = "iam:GetRole";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::role(&iam.state(), &self.role_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<GetRoleResponse, Fault> {
        let state = iam.state();
        let found = state.role(&self.role_name)?;
        Ok(GetRoleResponse {
            role: role(&state, found),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateRoleRequest {
    #[shape(required)]
    role_name: String,
    description: Option<String>,
    max_session_duration: Option<i32>,
}

impl Act<Iam> for UpdateRoleRequest {
    type Output = UpdateRoleResponse;
    const ACTION: &'static str = "iam:UpdateRole";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::role(&iam.state(), &self.role_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<UpdateRoleResponse, Fault> {
        let update = command::Update {
            role: self.role_name,
            description: self.description,
            session_secs_max: self.max_session_duration,
        };
        iam.change(update).await?;
        Ok(UpdateRoleResponse {})
    }
}

/// UpdateRole's answer: a result without members, unlike no result.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateRoleResponse {}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateRoleDescriptionRequest {
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    description: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateRoleDescriptionResponse {
    role: Option<Role>,
}

impl Act<Iam> for UpdateRoleDescriptionRequest {
    type Output = UpdateRoleDescriptionResponse;
    const ACTION: &'static str = "iam:UpdateRoleDescription";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::role(&iam.state(), &self.role_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<UpdateRoleDescriptionResponse, Fault> {
        let update = command::Update {
            role: self.role_name,
            description: Some(self.description),
            session_secs_max: None,
        };
        let updated = iam.change(update).await?;
        Ok(UpdateRoleDescriptionResponse {
            role: Some(role_in_list(&iam.state(), &updated)),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateAssumeRolePolicyRequest {
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    policy_document: String,
}

impl Act<Iam> for UpdateAssumeRolePolicyRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:UpdateAssumeRolePolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::role(&iam.state(), &self.role_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let set = command::SetTrust {
            role: self.role_name,
            trust: self.policy_document,
        };
        iam.change(set).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteRoleRequest {
    #[shape(required)]
    role_name: String,
}

impl Act<Iam> for DeleteRoleRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeleteRole";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::role(&iam.state(), &self.role_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let role = self.role_name;
        iam.change(command::Delete { role }).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListRolesRequest {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListRolesResponse {
    #[shape(required)]
    roles: List<Role>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListRolesRequest {
    type Output = ListRolesResponse;
    const ACTION: &'static str = "iam:ListRoles";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::all(
            &iam.state(),
            Kind::Role,
            self.path_prefix.as_ref(),
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListRolesResponse, Fault> {
        let state = iam.state();
        let prefix = self.path_prefix.unwrap_or_default();
        let found = state
            .roles()
            .iter()
            .filter(|role| role.path.starts_with(&prefix));
        let page = page(
            found,
            |role| name::folded(&role.name),
            self.marker.as_ref(),
            self.max_items,
        )?;
        Ok(ListRolesResponse {
            roles: page
                .items
                .iter()
                .map(|role| role_in_list(&state, role))
                .collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TagRoleRequest {
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    tags: Vec<Tag>,
}

impl Act<Iam> for TagRoleRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:TagRole";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::requested(
            reach::role(&iam.state(), &self.role_name),
            &self.tags,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        tag::add(iam, Target::Role(self.role_name), self.tags).await
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UntagRoleRequest {
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    tag_keys: Vec<String>,
}

impl Act<Iam> for UntagRoleRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:UntagRole";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::untagged(
            reach::role(&iam.state(), &self.role_name),
            &self.tag_keys,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        tag::remove(iam, Target::Role(self.role_name), self.tag_keys).await
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListRoleTagsRequest {
    #[shape(required)]
    role_name: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListRoleTagsResponse {
    #[shape(required)]
    tags: List<Tag>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListRoleTagsRequest {
    type Output = ListRoleTagsResponse;
    const ACTION: &'static str = "iam:ListRoleTags";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::role(&iam.state(), &self.role_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListRoleTagsResponse, Fault> {
        let state = iam.state();
        let all = tags(&state.role(&self.role_name)?.tags);
        let page = tag::page_of(all, self.marker.as_ref(), self.max_items)?;
        Ok(ListRoleTagsResponse {
            tags: List(page.items),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}
