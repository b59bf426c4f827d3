//! Managed policies attached to users, groups and roles.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::{List, Shape};

use super::page::page;
use super::reach;
use super::shape::{AttachedPolicy, attached};
use crate::Iam;
use crate::engine::grant::{Attach, Detach, Holder};

/// The three operations that attach, and the three that detach, differ in whose name they carry alone.
macro_rules! acts {
    ($($request:ident: $action:literal, $command:ident of $holder:ident by $name:ident;)+) => {$(
        impl Act<Iam> for $request {
            type Output = Nothing;
            const ACTION: &'static str = $action;

            fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
                let holder = Holder::$holder(self.$name.clone());
                vec![reach::policy_arn(reach::holder(&iam.state(), &holder), "iam:PolicyARN", Some(&self.policy_arn))]
            }

            async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
                let holder = Holder::$holder(self.$name);
                let arn = self.policy_arn;
                iam.change($command { holder, arn }).await?;
                Ok(Nothing {})
            }
        }
    )+};
}

acts! {
    AttachUserPolicyRequest: "iam:AttachUserPolicy", Attach of User by user_name;
    AttachGroupPolicyRequest: "iam:AttachGroupPolicy", Attach of Group by group_name;
    AttachRolePolicyRequest: "iam:AttachRolePolicy", Attach of Role by role_name;
    DetachUserPolicyRequest: "iam:DetachUserPolicy", Detach of User by user_name;
    DetachGroupPolicyRequest: "iam:DetachGroupPolicy", Detach of Group by group_name;
    DetachRolePolicyRequest: "iam:DetachRolePolicy", Detach of Role by role_name;
}

/// So do the three that list.
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
                let prefix = self.path_prefix.unwrap_or_default();
                let all = attached(holder.grants(&state)?);
                let found = all.filter(|policy| path(policy).starts_with(&prefix));
                let place = |policy: &AttachedPolicy| policy.policy_arn.clone().unwrap_or_default();
                let page = page(found, place, self.marker.as_ref(), self.max_items)?;
                Ok($response {
                    attached_policies: List(page.items),
                    is_truncated: page.is_truncated,
                    marker: page.marker,
                })
            }
        }
    )+};
}

lists! {
    ListAttachedUserPoliciesRequest: "iam:ListAttachedUserPolicies", ListAttachedUserPoliciesResponse of User by user_name;
    ListAttachedGroupPoliciesRequest: "iam:ListAttachedGroupPolicies", ListAttachedGroupPoliciesResponse of Group by group_name;
    ListAttachedRolePoliciesRequest: "iam:ListAttachedRolePolicies", ListAttachedRolePoliciesResponse of Role by role_name;
}

/// The path in a policy's ARN: `/job-function/` of `arn:aws:iam::aws:policy/job-function/Billing`.
fn path(policy: &AttachedPolicy) -> &str {
    let arn = policy.policy_arn.as_deref().unwrap_or_default();
    let rest = arn.split_once(":policy").map_or(arn, |(_, rest)| rest);
    rest.rfind('/')
        .and_then(|last| rest.get(..=last))
        .unwrap_or(rest)
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AttachUserPolicyRequest {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    policy_arn: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AttachGroupPolicyRequest {
    #[shape(required)]
    group_name: String,
    #[shape(required)]
    policy_arn: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AttachRolePolicyRequest {
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    policy_arn: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DetachUserPolicyRequest {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    policy_arn: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DetachGroupPolicyRequest {
    #[shape(required)]
    group_name: String,
    #[shape(required)]
    policy_arn: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DetachRolePolicyRequest {
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    policy_arn: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAttachedUserPoliciesRequest {
    #[shape(required)]
    user_name: String,
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAttachedUserPoliciesResponse {
    attached_policies: List<AttachedPolicy>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAttachedGroupPoliciesRequest {
    #[shape(required)]
    group_name: String,
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAttachedGroupPoliciesResponse {
    attached_policies: List<AttachedPolicy>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAttachedRolePoliciesRequest {
    #[shape(required)]
    role_name: String,
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListAttachedRolePoliciesResponse {
    attached_policies: List<AttachedPolicy>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}
