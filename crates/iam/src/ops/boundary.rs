//! Permissions boundaries of users and roles.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::reach;
use crate::Iam;
use crate::engine::grant::{DeleteBoundary, Holder, SetBoundary};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PutUserPermissionsBoundaryRequest {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    permissions_boundary: String,
}

impl Act<Iam> for PutUserPermissionsBoundaryRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:PutUserPermissionsBoundary";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        let access = reach::user(&iam.state(), &self.user_name);
        vec![reach::policy_arn(
            access,
            "iam:PermissionsBoundary",
            Some(&self.permissions_boundary),
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let set = SetBoundary {
            holder: Holder::User(self.user_name),
            arn: self.permissions_boundary,
        };
        iam.change(set).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteUserPermissionsBoundaryRequest {
    #[shape(required)]
    user_name: String,
}

impl Act<Iam> for DeleteUserPermissionsBoundaryRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeleteUserPermissionsBoundary";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::user(&iam.state(), &self.user_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let holder = Holder::User(self.user_name);
        iam.change(DeleteBoundary { holder }).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PutRolePermissionsBoundaryRequest {
    #[shape(required)]
    role_name: String,
    #[shape(required)]
    permissions_boundary: String,
}

impl Act<Iam> for PutRolePermissionsBoundaryRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:PutRolePermissionsBoundary";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        let access = reach::role(&iam.state(), &self.role_name);
        vec![reach::policy_arn(
            access,
            "iam:PermissionsBoundary",
            Some(&self.permissions_boundary),
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let set = SetBoundary {
            holder: Holder::Role(self.role_name),
            arn: self.permissions_boundary,
        };
        iam.change(set).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteRolePermissionsBoundaryRequest {
    #[shape(required)]
    role_name: String,
}

impl Act<Iam> for DeleteRolePermissionsBoundaryRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeleteRolePermissionsBoundary";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::role(&iam.state(), &self.role_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let holder = Holder::Role(self.role_name);
        iam.change(DeleteBoundary { holder }).await?;
        Ok(Nothing {})
    }
}
