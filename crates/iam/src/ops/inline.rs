//! Inline policies of users, groups and roles.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::{List, Shape};

use super::page::page;
use super::reach;
use super::shape::encoded;
use crate::Iam;
use crate::engine::grant::{DeleteInline, Holder, PutInline};
use crate::engine::{Error, State};

/// The operations of users, groups and roles differ in whose name they carry alone.
macro_rules! puts {
    ($($request:ident: $action:literal, $holder:ident by $name:ident;)+) => {$(
        impl Act<Iam> for $request {
            type Output = Nothing;
            const ACTION: &'static str = $action;

            fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
                vec![reach::holder(&iam.state(), &Holder::$holder(self.$name.clone()))]
            }

            async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
                let put = PutInline {
                    holder: Holder::$holder(self.$name),
                    name: self.policy_name,
                    document: self.policy_document,
                };
                iam.change(put).await?;
                Ok(Nothing {})
            }
        }
    )+};
}

macro_rules! gets {
    ($($request:ident: $action:literal, $response:ident of $holder:ident by $name:ident;)+) => {$(
        impl Act<Iam> for $request {
            type Output = $response;
            const ACTION: &'static str = $action;

            fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
                vec![reach::holder(&iam.state(), &Holder::$holder(self.$name.clone()))]
            }

            async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<$response, Fault> {
                let holder = Holder::$holder(self.$name.clone());
                Ok($response {
                    policy_document: document(&iam.state(), holder, &self.policy_name)?,
                    $name: self.$name,
                    policy_name: self.policy_name,
                })
            }
        }
    )+};
}

macro_rules! deletes {
    ($($request:ident: $action:literal, $holder:ident by $name:ident;)+) => {$(
        impl Act<Iam> for $request {
            type Output = Nothing;
            const ACTION: &'static str = $action;

            fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
                vec![reach::holder(&iam.state(), &Holder::$holder(self.$name.clone()))]
            }

            async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
                let delete = DeleteInline {
                    holder: Holder::$holder(self.$name),
                    name: self.policy_name,
                };
                iam.change(delete).await?;
                Ok(Nothing {})
            }
        }
    )+};
}

macro_rules! lists {
    ($($request:ident: $action:literal, $response:ident of $holder:ident by $name:ident;)+) => {$(
        impl Act<Iam> for $request {
            type Output = $response;
            const ACTION: &'static str = $action;

            fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
                vec![reach::holder(&iam.state(), &Holder::$holder(self.$name.clone()))]
            }

            async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<$response, Fault> {
                let state = iam.state();
                let holder = Holder::$holder(self.$name);
                let names = holder.grants(&state)?.inline.keys().cloned();
                let page = page(names, String::clone, self.marker.as_ref(), self.max_items)?;
                Ok($response {
                    policy_names: List(page.items),
                    is_truncated: page.is_truncated,
                    marker: page.marker,
                })
            }
        }
    )+};
}

puts! {
    PutUserPolicyRequest: "iam:PutUserPolicy", User by user_name;
    PutGroupPolicyRequest: "iam:PutGroupPolicy", Group by group_name;
    PutRolePolicyRequest: "iam:PutRolePolicy", Role by role_name;
}

gets! {
    GetUserPolicyRequest: "iam:GetUserPolicy", GetUserPolicyResponse of User by user_name;
    GetGroupPolicyRequest: "iam:GetGroupPolicy", GetGroupPolicyResponse of Group by group_name;
    GetRolePolicyRequest: "iam:GetRolePolicy", GetRolePolicyResponse of Role by role_name;
}

deletes! {
    DeleteUserPolicyRequest: "iam:DeleteUserPolicy", User by user_name;
    DeleteGroupPolicyRequest: "iam:DeleteGroupPolicy", Group by group_name;
    DeleteRolePolicyRequest: "iam:DeleteRolePolicy", Role by role_name;
}

lists! {
    ListUserPoliciesRequest: "iam:ListUserPolicies", ListUserPoliciesResponse of User by user_name;
    ListGroupPoliciesRequest: "iam:ListGroupPolicies", ListGroupPoliciesResponse of Group by group_name;
    ListRolePoliciesRequest: "iam:ListRolePolicies", ListRolePoliciesResponse of Role by role_name;
}

/// What an inline policy says, URL-encoded.
fn document(state: &State, holder: Holder, name: &str) -> Result<String, Error> {
    match holder.grants(state)?.inline.get(name) {
        Some(text) => Ok(encoded(text)),
        None => Err(Error::InlineNotFound {
            holder,
            name: name.to_owned(),
        }),
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PutUserPolicyRequest {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    policy_name: String,
    #[shape(required)]
    policy_document: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PutGroupPolicyRequest {
    #[shape(required)]
    group_name: String,
    #[shape(required)]
    policy_name: String,
    #[shape(required)]
    policy_document: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PutRolePolicyRequest {
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    policy_name: String,
    #[shape(required)]
    policy_document: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetUserPolicyRequest {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    policy_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetUserPolicyResponse {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    policy_name: String,
    #[shape(required)]
    policy_document: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetGroupPolicyRequest {
    #[shape(required)]
    group_name: String,
    #[shape(required)]
    policy_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetGroupPolicyResponse {
    #[shape(required)]
    group_name: String,
    #[shape(required)]
    policy_name: String,
    #[shape(required)]
    policy_document: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetRolePolicyRequest {
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    policy_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetRolePolicyResponse {
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    policy_name: String,
    #[shape(required)]
    policy_document: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteUserPolicyRequest {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    policy_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteGroupPolicyRequest {
    #[shape(required)]
    group_name: String,
    #[shape(required)]
    policy_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteRolePolicyRequest {
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    policy_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListUserPoliciesRequest {
    #[shape(required)]
    user_name: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListUserPoliciesResponse {
    #[shape(required)]
    policy_names: List<String>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListGroupPoliciesRequest {
    #[shape(required)]
    group_name: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListGroupPoliciesResponse {
    #[shape(required)]
    policy_names: List<String>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListRolePoliciesRequest {
    #[shape(required)]
    role_name: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListRolePoliciesResponse {
    #[shape(required)]
    policy_names: List<String>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}
