//! Who calls, and whose a key is.
//!
//! Source: STS API Reference, GetCallerIdentity, GetAccessKeyInfo and DecodeAuthorizationMessage.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::give::{self, account};
use crate::Iam;
use crate::session::token::KEY_PREFIX;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetCallerIdentityRequest {}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetCallerIdentityResponse {
    user_id: Option<String>,
    account: Option<String>,
    arn: Option<String>,
}

impl Act<Iam> for GetCallerIdentityRequest {
    type Output = GetCallerIdentityResponse;
    const ACTION: &'static str = "sts:GetCallerIdentity";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![account(&iam.state())]
    }

    async fn act(self, _iam: &Arc<Iam>, ctx: &Ctx) -> Result<GetCallerIdentityResponse, Fault> {
        let caller = &ctx.caller;
        Ok(GetCallerIdentityResponse {
            user_id: Some(caller.unique_id()),
            account: Some(caller.account.to_string()),
            arn: Some(caller.arn.to_string()),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccessKeyInfoRequest {
    #[shape(required)]
    access_key_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetAccessKeyInfoResponse {
    account: Option<String>,
}

impl Act<Iam> for GetAccessKeyInfoRequest {
    type Output = GetAccessKeyInfoResponse;
    const ACTION: &'static str = "sts:GetAccessKeyInfo";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![account(&iam.state())]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<GetAccessKeyInfoResponse, Fault> {
        let id = &self.access_key_id;
        let state = iam.state();
        // Of a session only its token says whose it is; its key was given out here or nowhere that is known.
        if state.key(id).is_none() && !id.starts_with(KEY_PREFIX) {
            let text = format!("Invalid length or value for AccessKeyId: {id}");
            return Err(Fault::sender("ValidationError", text));
        }
        Ok(GetAccessKeyInfoResponse {
            account: Some(state.account_id().to_string()),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DecodeAuthorizationMessageRequest {
    #[shape(required)]
    encoded_message: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DecodeAuthorizationMessageResponse {
    decoded_message: Option<String>,
}

impl Act<Iam> for DecodeAuthorizationMessageRequest {
    type Output = DecodeAuthorizationMessageResponse;
    const ACTION: &'static str = "sts:DecodeAuthorizationMessage";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![account(&iam.state())]
    }

    /// Refusals of this server say their reason in the open, so that none of them has such a message.
    async fn act(
        self,
        _iam: &Arc<Iam>,
        _ctx: &Ctx,
    ) -> Result<DecodeAuthorizationMessageResponse, Fault> {
        let chars = self.encoded_message.chars().count();
        if !(1..=10_240).contains(&chars) {
            return Err(give::validation(format!(
                "1 validation error detected: Value at 'encodedMessage' failed to satisfy constraint: Member must have length between 1 and 10240; it has {chars}"
            )));
        }
        Err(Fault::sender(
            "InvalidAuthorizationMessageException",
            "The message was not encoded by this server, whose refusals say their reason in the open.",
        ))
    }
}
