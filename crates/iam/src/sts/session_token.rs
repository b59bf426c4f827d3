//! Temporary credentials of a user for itself, mostly to show a second factor.
//!
//! Source: STS API Reference, GetSessionToken.

use std::sync::Arc;

use api::{Access, Act, Caller, Carried, Ctx, Fault, Principal, SessionKind};
use wire::Shape;

use super::give::{self, Credentials};
use crate::Iam;
use crate::engine::Id;
use crate::session::{self, Holder, Token};

/// 36 hours at most, 12 where nothing is said; of root one.
const SECS: (i32, i32) = (43_200, 129_600);
const ROOT_SECS: (i32, i32) = (3600, 3600);

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetSessionTokenRequest {
    duration_seconds: Option<i32>,
    serial_number: Option<String>,
    #[shape(sensitive)]
    token_code: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetSessionTokenResponse {
    credentials: Option<Credentials>,
}

impl Act<Iam> for GetSessionTokenRequest {
    type Output = GetSessionTokenResponse;
    const ACTION: &'static str = "sts:GetSessionToken";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![give::account(&iam.state())]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<GetSessionTokenResponse, Fault> {
        let caller = &*ctx.caller;
        let cannot = "Cannot call GetSessionToken with session credentials";
        let (holder, (default, longest)) = match &caller.principal {
            _ if caller.session.is_some() => return Err(give::denied(cannot)),
            Principal::Root => (Holder::Root, ROOT_SECS),
            Principal::User { id, .. } => (
                Holder::User {
                    id: Id::new(id.clone()),
                },
                SECS,
            ),
            _ => return Err(give::denied(cannot)),
        };
        let lasts = give::duration(self.duration_seconds, default, longest)?;
        let mfa = give::second_factor(iam, caller, self.serial_number, self.token_code).await?;
        let issued = iam.clock().now();
        let token = Token {
            holder,
            kind: SessionKind::Token,
            secret: session::new_secret(),
            issued,
            expires: give::whole_secs(issued.plus(lasts)),
            mfa,
            policy: None,
            managed: Vec::new(),
            tags: Vec::new(),
            carried: Carried::default(),
        };
        Ok(GetSessionTokenResponse {
            credentials: Some(give::issue(iam, token)),
        })
    }
}
