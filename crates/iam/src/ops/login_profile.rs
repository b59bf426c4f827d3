//! Passwords of users: login profiles, and ChangePassword for their owners.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::reach;
use super::shape::{LoginProfile, shown};
use crate::Iam;
use crate::engine::login::{self, Login, Reset};
use crate::engine::{self};

fn profile(user: &str, login: &Login) -> LoginProfile {
    LoginProfile {
        user_name: user.to_owned(),
        create_date: shown(login.created),
        password_reset_required: Some(login.reset == Reset::Required),
    }
}

fn reset(is_required: bool) -> Reset {
    match is_required {
        true => Reset::Required,
        false => Reset::NotNeeded,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateLoginProfileRequest {
    user_name: Option<String>,
    #[shape(sensitive)]
    password: Option<String>,
    password_reset_required: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateLoginProfileResponse {
    #[shape(required)]
    login_profile: LoginProfile,
}

impl Act<Iam> for CreateLoginProfileRequest {
    type Output = CreateLoginProfileResponse;
    const ACTION: &'static str = "iam:CreateLoginProfile";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(
            &iam.state(),
            self.user_name.as_ref(),
            caller,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<CreateLoginProfileResponse, Fault> {
        let user = reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?;
        // The API needs a password from everybody but root, who gives itself one by `AssumeRoot` alone.
        let password = self.password.ok_or_else(|| {
            super::fault::validation("password", "null", "Member must not be null")
        })?;
        let reset = reset(self.password_reset_required.unwrap_or(false));
        let login = iam.create_login(&user, &password, reset).await?;
        Ok(CreateLoginProfileResponse {
            login_profile: profile(&user, &login),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetLoginProfileRequest {
    user_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetLoginProfileResponse {
    #[shape(required)]
    login_profile: LoginProfile,
}

impl Act<Iam> for GetLoginProfileRequest {
    type Output = GetLoginProfileResponse;
    const ACTION: &'static str = "iam:GetLoginProfile";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(
            &iam.state(),
            self.user_name.as_ref(),
            caller,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<GetLoginProfileResponse, Fault> {
        let name = reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?;
        let state = iam.state();
        let user = state.user(&name)?;
        let login = user
            .login
            .as_ref()
            .ok_or_else(|| engine::Error::NoLogin { user: name.clone() })?;
        Ok(GetLoginProfileResponse {
            login_profile: profile(&user.name, login),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateLoginProfileRequest {
    #[shape(required)]
    user_name: String,
    #[shape(sensitive)]
    password: Option<String>,
    password_reset_required: Option<bool>,
}

impl Act<Iam> for UpdateLoginProfileRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:UpdateLoginProfile";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::user(&iam.state(), &self.user_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let reset = self.password_reset_required.map(reset);
        iam.update_login(&self.user_name, self.password.as_deref(), reset)
            .await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteLoginProfileRequest {
    user_name: Option<String>,
}

impl Act<Iam> for DeleteLoginProfileRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeleteLoginProfile";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(
            &iam.state(),
            self.user_name.as_ref(),
            caller,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<Nothing, Fault> {
        let user = reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?;
        iam.change(login::Delete { user }).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ChangePasswordRequest {
    #[shape(required, sensitive)]
    old_password: String,
    #[shape(required, sensitive)]
    new_password: String,
}

impl Act<Iam> for ChangePasswordRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:ChangePassword";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(&iam.state(), None, caller)]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<Nothing, Fault> {
        let Some(user) = reach::own_name(&ctx.caller) else {
            return Err(Fault::sender(
                "InvalidUserType",
                "Only IAM Users can change their own password.",
            ));
        };
        iam.change_password(user, &self.old_password, &self.new_password)
            .await?;
        Ok(Nothing {})
    }
}
