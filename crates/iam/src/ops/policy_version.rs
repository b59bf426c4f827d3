//! Versions of managed policies.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::{List, Shape};

use super::page::page;
use super::reach;
use super::shape::{AnyPolicy, PolicyVersion, shown};
use crate::Iam;
use crate::engine::policy::{self as command, Becomes};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreatePolicyVersionRequest {
    #[shape(required)]
    policy_arn: String,
    #[shape(required)]
    policy_document: String,
    set_as_default: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreatePolicyVersionResponse {
    policy_version: Option<PolicyVersion>,
}

impl Act<Iam> for CreatePolicyVersionRequest {
    type Output = CreatePolicyVersionResponse;
    const ACTION: &'static str = "iam:CreatePolicyVersion";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::policy(&iam.state(), &self.policy_arn)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<CreatePolicyVersionResponse, Fault> {
        let becomes = match self.set_as_default.unwrap_or(false) {
            true => Becomes::Default,
            false => Becomes::Another,
        };
        let make = command::CreateVersion {
            arn: self.policy_arn,
            document: self.policy_document,
            becomes,
        };
        let made = iam.change(make).await?;
        Ok(CreatePolicyVersionResponse {
            policy_version: Some(PolicyVersion {
                document: None,
                version_id: Some(format!("v{}", made.number)),
                is_default_version: Some(becomes == Becomes::Default),
                create_date: Some(shown(made.created)),
            }),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetPolicyVersionRequest {
    #[shape(required)]
    policy_arn: String,
    #[shape(required)]
    version_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetPolicyVersionResponse {
    policy_version: Option<PolicyVersion>,
}

impl Act<Iam> for GetPolicyVersionRequest {
    type Output = GetPolicyVersionResponse;
    const ACTION: &'static str = "iam:GetPolicyVersion";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::policy(&iam.state(), &self.policy_arn)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<GetPolicyVersionResponse, Fault> {
        let state = iam.state();
        let found = AnyPolicy::get(&state, &self.policy_arn)?;
        Ok(GetPolicyVersionResponse {
            policy_version: Some(found.version(&state, &self.version_id)?),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListPolicyVersionsRequest {
    #[shape(required)]
    policy_arn: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListPolicyVersionsResponse {
    versions: List<PolicyVersion>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListPolicyVersionsRequest {
    type Output = ListPolicyVersionsResponse;
    const ACTION: &'static str = "iam:ListPolicyVersions";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::policy(&iam.state(), &self.policy_arn)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListPolicyVersionsResponse, Fault> {
        let state = iam.state();
        let versions = AnyPolicy::get(&state, &self.policy_arn)?.versions();
        // Newest first: the place of a version is what its number lacks to the greatest.
        let number = |version: &PolicyVersion| {
            let id = version.version_id.as_deref().unwrap_or_default();
            id.trim_start_matches('v')
                .parse::<u32>()
                .unwrap_or_default()
        };
        let place = |version: &PolicyVersion| format!("{:010}", u32::MAX - number(version));
        let page = page(
            versions.into_iter(),
            place,
            self.marker.as_ref(),
            self.max_items,
        )?;
        Ok(ListPolicyVersionsResponse {
            versions: page.items.into_iter().collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct SetDefaultPolicyVersionRequest {
    #[shape(required)]
    policy_arn: String,
    #[shape(required)]
    version_id: String,
}

impl Act<Iam> for SetDefaultPolicyVersionRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:SetDefaultPolicyVersion";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::policy(&iam.state(), &self.policy_arn)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let set = command::SetDefault {
            arn: self.policy_arn,
            version: self.version_id,
        };
        iam.change(set).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeletePolicyVersionRequest {
    #[shape(required)]
    policy_arn: String,
    #[shape(required)]
    version_id: String,
}

impl Act<Iam> for DeletePolicyVersionRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeletePolicyVersion";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::policy(&iam.state(), &self.policy_arn)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let delete = command::DeleteVersion {
            arn: self.policy_arn,
            version: self.version_id,
        };
        iam.change(delete).await?;
        Ok(Nothing {})
    }
}
