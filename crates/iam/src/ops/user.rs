//! Users: CreateUser, GetUser, UpdateUser, DeleteUser, ListUsers, and their tags.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing, Principal};
use wire::{List, Shape};

use super::page::page;
use super::shape::{Tag, User, pairs, shown, tags, user, user_in_list};
use super::{reach, tag};
use crate::engine::tags::Target;
use crate::engine::{Kind, State, name, user as command};
use crate::{Iam, new_id};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateUserRequest {
    path: Option<String>,
    #[shape(required)]
    user_name: String,
    permissions_boundary: Option<String>,
    tags: Vec<Tag>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateUserResponse {
    user: Option<User>,
}

impl Act<Iam> for CreateUserRequest {
    type Output = CreateUserResponse;
    const ACTION: &'static str = "iam:CreateUser";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        let access = reach::new(
            &iam.state(),
            Kind::User,
            self.path.as_ref(),
            &self.user_name,
            &self.tags,
        );
        vec![reach::policy_arn(
            access,
            "iam:PermissionsBoundary",
            self.permissions_boundary.as_ref(),
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<CreateUserResponse, Fault> {
        let make = command::Create {
            id: new_id(Kind::User),
            name: self.user_name,
            path: self.path.unwrap_or_else(|| "/".to_owned()),
            boundary: self.permissions_boundary,
            tags: pairs(self.tags),
        };
        let made = iam.change(make).await?;
        Ok(CreateUserResponse {
            user: Some(user(&iam.state(), &made)),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetUserRequest {
    user_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetUserResponse {
    #[shape(required)]
    user: User,
}

impl Act<Iam> for GetUserRequest {
    type Output = GetUserResponse;
    const ACTION: &'static str = "iam:GetUser";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(
            &iam.state(),
            self.user_name.as_ref(),
            caller,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<GetUserResponse, Fault> {
        let state = iam.state();
        if self.user_name.is_none() && ctx.caller.principal == Principal::Root {
            return Ok(GetUserResponse { user: root(&state) });
        }
        let name = reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?;
        let found = state.user(&name)?;
        Ok(GetUserResponse {
            user: user(&state, found),
        })
    }
}

/// Root as GetUser shows it: its id is the account's, and it has no name.
fn root(state: &State) -> User {
    let account = state.account();
    User {
        path: "/".to_owned(),
        user_name: String::new(),
        user_id: account.id.to_string(),
        arn: format!("arn:aws:iam::{}:root", account.id),
        create_date: shown(account.created),
        password_last_used: state
            .last_use(crate::identities::ROOT)
            .map(|known| shown(known.at)),
        permissions_boundary: None,
        tags: Vec::new(),
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateUserRequest {
    #[shape(required)]
    user_name: String,
    new_path: Option<String>,
    new_user_name: Option<String>,
}

impl Act<Iam> for UpdateUserRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:UpdateUser";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::user(&iam.state(), &self.user_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let update = command::Update {
            user: self.user_name,
            name: self.new_user_name,
            path: self.new_path,
        };
        iam.change(update).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteUserRequest {
    #[shape(required)]
    user_name: String,
}

impl Act<Iam> for DeleteUserRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeleteUser";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::user(&iam.state(), &self.user_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let user = self.user_name;
        iam.change(command::Delete { user }).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListUsersRequest {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListUsersResponse {
    #[shape(required)]
    users: List<User>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListUsersRequest {
    type Output = ListUsersResponse;
    const ACTION: &'static str = "iam:ListUsers";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::all(
            &iam.state(),
            Kind::User,
            self.path_prefix.as_ref(),
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListUsersResponse, Fault> {
        let state = iam.state();
        let prefix = self.path_prefix.unwrap_or_default();
        let found = state
            .users()
            .iter()
            .filter(|user| user.path.starts_with(&prefix));
        let page = page(
            found,
            |user| name::folded(&user.name),
            self.marker.as_ref(),
            self.max_items,
        )?;
        Ok(ListUsersResponse {
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
pub(super) struct TagUserRequest {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    tags: Vec<Tag>,
}

impl Act<Iam> for TagUserRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:TagUser";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::requested(
            reach::user(&iam.state(), &self.user_name),
            &self.tags,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        tag::add(iam, Target::User(self.user_name), self.tags).await
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UntagUserRequest {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    tag_keys: Vec<String>,
}

impl Act<Iam> for UntagUserRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:UntagUser";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::untagged(
            reach::user(&iam.state(), &self.user_name),
            &self.tag_keys,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        tag::remove(iam, Target::User(self.user_name), self.tag_keys).await
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListUserTagsRequest {
    #[shape(required)]
    user_name: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListUserTagsResponse {
    #[shape(required)]
    tags: List<Tag>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListUserTagsRequest {
    type Output = ListUserTagsResponse;
    const ACTION: &'static str = "iam:ListUserTags";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::user(&iam.state(), &self.user_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListUserTagsResponse, Fault> {
        let state = iam.state();
        let all = tags(&state.user(&self.user_name)?.tags);
        let page = tag::page_of(all, self.marker.as_ref(), self.max_items)?;
        Ok(ListUserTagsResponse {
            tags: List(page.items),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}
