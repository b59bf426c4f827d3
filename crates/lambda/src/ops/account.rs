//! What the account may have, and what of it functions use; signing, of which there is none.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;
use wire::rest::Http;

use super::Lambda;
use crate::code::{PACKAGE_BYTES_MAX, package::UNPACKED_BYTES_MAX};
use crate::engine::state::CODE_BYTES_MAX;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccountSettingsRequest {}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccountSettingsResponse {
    account_limit: Option<AccountLimit>,
    account_usage: Option<AccountUsage>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AccountLimit {
    total_code_size: Option<i64>,
    code_size_unzipped: Option<i64>,
    code_size_zipped: Option<i64>,
    concurrent_executions: Option<i32>,
    unreserved_concurrent_executions: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AccountUsage {
    total_code_size: Option<i64>,
    function_count: Option<i64>,
}

impl Act<Lambda> for GetAccountSettingsRequest {
    type Output = GetAccountSettingsResponse;
    const ACTION: &'static str = "lambda:GetAccountSettings";
    const HTTP: Option<Http> = Some(Http::get("/2016-08-19/account-settings"));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on_all(Self::ACTION)]
    }

    async fn act(self, lambda: &Arc<Lambda>, _: &Ctx) -> Result<GetAccountSettingsResponse, Fault> {
        let long = |bytes: u64| i64::try_from(bytes).ok();
        let (concurrency, reserved, bytes, count) = lambda.functions.with(|state| {
            let count = state.iter().count();
            (
                state.concurrency(),
                state.reserved(),
                state.code_bytes(),
                count,
            )
        });
        Ok(GetAccountSettingsResponse {
            account_limit: Some(AccountLimit {
                total_code_size: long(CODE_BYTES_MAX),
                code_size_unzipped: long(UNPACKED_BYTES_MAX),
                code_size_zipped: long(PACKAGE_BYTES_MAX),
                concurrent_executions: i32::try_from(concurrency).ok(),
                unreserved_concurrent_executions: i32::try_from(
                    concurrency.saturating_sub(reserved),
                )
                .ok(),
            }),
            account_usage: Some(AccountUsage {
                total_code_size: long(bytes),
                function_count: i64::try_from(count).ok(),
            }),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetFunctionCodeSigningConfigRequest {
    #[shape(uri, required)]
    function_name: String,
}

/// What AWS answers for a function without signing: an empty ARN.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetFunctionCodeSigningConfigResponse {
    #[shape(required)]
    code_signing_config_arn: String,
    #[shape(required)]
    function_name: String,
}

impl Act<Lambda> for GetFunctionCodeSigningConfigRequest {
    type Output = GetFunctionCodeSigningConfigResponse;
    const ACTION: &'static str = "lambda:GetFunctionCodeSigningConfig";
    const HTTP: Option<Http> = Some(Http::get(
        "/2020-06-30/functions/{FunctionName}/code-signing-config",
    ));

    fn touches(&self, lambda: &Lambda, _: &Caller) -> Vec<Access> {
        vec![lambda.on(Self::ACTION, &self.function_name, None)]
    }

    async fn act(
        self,
        lambda: &Arc<Lambda>,
        _: &Ctx,
    ) -> Result<GetFunctionCodeSigningConfigResponse, Fault> {
        let (named, ..) = lambda.find(&self.function_name, None)?;
        Ok(GetFunctionCodeSigningConfigResponse {
            code_signing_config_arn: String::new(),
            function_name: named.name.to_string(),
        })
    }
}
