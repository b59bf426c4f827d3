//! Groups and who is in them.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::{List, Shape};

use super::page::page;
use super::reach;
use super::shape::{Group, User, group, user_in_list};
use crate::engine::{Kind, group as command, name, user};
use crate::{Iam, new_id};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateGroupRequest {
    path: Option<String>,
    #[shape(required)]
    group_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateGroupResponse {
    #[shape(required)]
    group: Group,
}

impl Act<Iam> for CreateGroupRequest {
    type Output = CreateGroupResponse;
    const ACTION: &'static str = "iam:CreateGroup";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::new(
            &iam.state(),
            Kind::Group,
            self.path.as_ref(),
            &self.group_name,
            &[],
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<CreateGroupResponse, Fault> {
        let make = command::Create {
            id: new_id(Kind::Group),
            name: self.group_name,
            path: self.path.unwrap_or_else(|| "/".to_owned()),
        };
        let made = iam.change(make).await?;
        Ok(CreateGroupResponse {
            group: group(&iam.state(), &made),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetGroupRequest {
    #[shape(required)]
    group_name: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetGroupResponse {
    #[shape(required)]
    group: Group,
    #[shape(required)]
    users: List<User>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for GetGroupRequest {
    type Output = GetGroupResponse;
    const ACTION: &'static str = "iam:GetGroup";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::group(&iam.state(), &self.group_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<GetGroupResponse, Fault> {
        let state = iam.state();
        let found = state.group(&self.group_name)?;
        let members = state.members_of(found);
        let page = page(
            members,
            |user| name::folded(&user.name),
            self.marker.as_ref(),
            self.max_items,
        )?;
        Ok(GetGroupResponse {
            group: group(&state, found),
            users: page
                .items
                .iter()
                .map(|user| user_in_list(&state, user))
                .collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateGroupRequest {
    #[shape(required)]
    group_name: String,
    new_path: Option<String>,
    new_group_name: Option<String>,
}

impl Act<Iam> for UpdateGroupRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:UpdateGroup";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::group(&iam.state(), &self.group_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let update = command::Update {
            group: self.group_name,
            name: self.new_group_name,
            path: self.new_path,
        };
        iam.change(update).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteGroupRequest {
    #[shape(required)]
    group_name: String,
}

impl Act<Iam> for DeleteGroupRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeleteGroup";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::group(&iam.state(), &self.group_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let group = self.group_name;
        iam.change(command::Delete { group }).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListGroupsRequest {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListGroupsResponse {
    #[shape(required)]
    groups: List<Group>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListGroupsRequest {
    type Output = ListGroupsResponse;
    const ACTION: &'static str = "iam:ListGroups";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::all(
            &iam.state(),
            Kind::Group,
            self.path_prefix.as_ref(),
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListGroupsResponse, Fault> {
        let state = iam.state();
        let prefix = self.path_prefix.unwrap_or_default();
        let found = state
            .groups()
            .iter()
            .filter(|group| group.path.starts_with(&prefix));
        let page = page(
            found,
            |group| name::folded(&group.name),
            self.marker.as_ref(),
            self.max_items,
        )?;
        Ok(ListGroupsResponse {
            groups: page
                .items
                .iter()
                .map(|found| group(&state, found))
                .collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListGroupsForUserRequest {
    #[shape(required)]
    user_name: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListGroupsForUserResponse {
    #[shape(required)]
    groups: List<Group>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListGroupsForUserRequest {
    type Output = ListGroupsForUserResponse;
    const ACTION: &'static str = "iam:ListGroupsForUser";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::user(&iam.state(), &self.user_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListGroupsForUserResponse, Fault> {
        let state = iam.state();
        let found = state.groups_of(state.user(&self.user_name)?);
        let page = page(
            found,
            |group| name::folded(&group.name),
            self.marker.as_ref(),
            self.max_items,
        )?;
        Ok(ListGroupsForUserResponse {
            groups: page
                .items
                .iter()
                .map(|found| group(&state, found))
                .collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AddUserToGroupRequest {
    #[shape(required)]
    group_name: String,
    #[shape(required)]
    user_name: String,
}

impl Act<Iam> for AddUserToGroupRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:AddUserToGroup";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::group(&iam.state(), &self.group_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let join = user::Join {
            user: self.user_name,
            group: self.group_name,
        };
        iam.change(join).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RemoveUserFromGroupRequest {
    #[shape(required)]
    group_name: String,
    #[shape(required)]
    user_name: String,
}

impl Act<Iam> for RemoveUserFromGroupRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:RemoveUserFromGroup";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::group(&iam.state(), &self.group_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let leave = user::Leave {
            user: self.user_name,
            group: self.group_name,
        };
        iam.change(leave).await?;
        Ok(Nothing {})
    }
}
