//! The account's password policy.
//!
//! Source: IAM API Reference, the operations of these names.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::reach;
use crate::Iam;
use crate::engine::{self, password as command};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UpdateAccountPasswordPolicyRequest {
    minimum_password_length: Option<i32>,
    require_symbols: Option<bool>,
    require_numbers: Option<bool>,
    require_uppercase_characters: Option<bool>,
    require_lowercase_characters: Option<bool>,
    allow_users_to_change_password: Option<bool>,
    max_password_age: Option<i32>,
    password_reuse_prevention: Option<i32>,
    hard_expiry: Option<bool>,
}

impl Act<Iam> for UpdateAccountPasswordPolicyRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:UpdateAccountPasswordPolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let default = engine::PasswordPolicy::default();
        let is = |given: Option<bool>| given.unwrap_or(false);
        // A number below 0 is out of range as 0 is, and the command says so.
        let number = |given: i32| u32::try_from(given).unwrap_or(0);
        let policy = engine::PasswordPolicy {
            chars_min: self
                .minimum_password_length
                .map_or(default.chars_min, number),
            needs_symbol: is(self.require_symbols),
            needs_number: is(self.require_numbers),
            needs_upper: is(self.require_uppercase_characters),
            needs_lower: is(self.require_lowercase_characters),
            may_users_change: is(self.allow_users_to_change_password),
            days_max: self.max_password_age.map(number),
            remembers: self.password_reuse_prevention.map(number),
            is_expiry_hard: is(self.hard_expiry),
        };
        iam.change(command::Set(policy)).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccountPasswordPolicyRequest {}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccountPasswordPolicyResponse {
    #[shape(required)]
    password_policy: PasswordPolicy,
}

/// The password policy.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PasswordPolicy {
    minimum_password_length: Option<i32>,
    require_symbols: Option<bool>,
    require_numbers: Option<bool>,
    require_uppercase_characters: Option<bool>,
    require_lowercase_characters: Option<bool>,
    allow_users_to_change_password: Option<bool>,
    expire_passwords: Option<bool>,
    max_password_age: Option<i32>,
    password_reuse_prevention: Option<i32>,
    hard_expiry: Option<bool>,
}

impl Act<Iam> for GetAccountPasswordPolicyRequest {
    type Output = GetAccountPasswordPolicyResponse;
    const ACTION: &'static str = "iam:GetAccountPasswordPolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(
        self,
        iam: &Arc<Iam>,
        _ctx: &Ctx,
    ) -> Result<GetAccountPasswordPolicyResponse, Fault> {
        let state = iam.state();
        let account = || state.account_id().clone();
        let policy = state
            .password_policy()
            .ok_or_else(|| engine::Error::NoPasswordPolicy { account: account() })?;
        let number = |value: u32| i32::try_from(value).ok();
        Ok(GetAccountPasswordPolicyResponse {
            password_policy: PasswordPolicy {
                minimum_password_length: number(policy.chars_min),
                require_symbols: Some(policy.needs_symbol),
                require_numbers: Some(policy.needs_number),
                require_uppercase_characters: Some(policy.needs_upper),
                require_lowercase_characters: Some(policy.needs_lower),
                allow_users_to_change_password: Some(policy.may_users_change),
                expire_passwords: Some(policy.days_max.is_some()),
                max_password_age: policy.days_max.and_then(number),
                password_reuse_prevention: policy.remembers.and_then(number),
                hard_expiry: Some(policy.is_expiry_hard),
            },
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteAccountPasswordPolicyRequest {}

impl Act<Iam> for DeleteAccountPasswordPolicyRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeleteAccountPasswordPolicy";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::account(&iam.state())]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        iam.change(command::Delete).await?;
        Ok(Nothing {})
    }
}
