//! Temporary credentials that a user gives to somebody else.
//!
//! Source: STS API Reference, GetFederationToken.

use std::sync::Arc;

use api::{Access, Act, Caller, Carried, Ctx, Fault, Principal, SessionKind};
use wire::Shape;

use super::give::{self, Credentials, PolicyDescriptor, Tag};
use crate::Iam;
use crate::engine::Id;
use crate::session::{self, Holder, Token};

/// 36 hours at most, 12 where nothing is said.
const SECS: (i32, i32) = (43_200, 129_600);

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetFederationTokenRequest {
    #[shape(required)]
    name: String,
    policy: Option<String>,
    policy_arns: Vec<PolicyDescriptor>,
    duration_seconds: Option<i32>,
    tags: Vec<Tag>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetFederationTokenResponse {
    credentials: Option<Credentials>,
    federated_user: Option<FederatedUser>,
    packed_policy_size: Option<i32>,
}

/// Who it is.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct FederatedUser {
    #[shape(required)]
    federated_user_id: String,
    #[shape(required)]
    arn: String,
}

impl Act<Iam> for GetFederationTokenRequest {
    type Output = GetFederationTokenResponse;
    const ACTION: &'static str = "sts:GetFederationToken";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        let access = give::on(
            &iam.state(),
            "sts",
            &format!("federated-user/{}", self.name),
        );
        vec![give::tagged(access, &self.tags)]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<GetFederationTokenResponse, Fault> {
        let state = iam.state();
        let caller = &*ctx.caller;
        let id = match &caller.principal {
            Principal::User { id, .. } if caller.session.is_none() => Id::new(id.clone()),
            _ => {
                return Err(give::denied(
                    "Cannot call GetFederationToken with session credentials",
                ));
            }
        };
        give::check_name("name", &self.name, 32)?;
        let lasts = give::duration(self.duration_seconds, SECS.0, SECS.1)?;
        let limits = give::limits(&state, self.policy, self.policy_arns)?;
        let issued = iam.clock().now();
        let account = state.account_id();
        let user = FederatedUser {
            federated_user_id: format!("{account}:{}", self.name),
            arn: format!("arn:aws:sts::{account}:federated-user/{}", self.name),
        };
        let token = Token {
            holder: Holder::Federated {
                id,
                name: self.name,
            },
            kind: SessionKind::Federation,
            secret: session::new_secret(),
            issued,
            expires: give::whole_secs(issued.plus(lasts)),
            mfa: None,
            policy: limits.policy,
            managed: limits.managed,
            tags: give::tags(self.tags)?,
            carried: Carried::default(),
        };
        Ok(GetFederationTokenResponse {
            credentials: Some(give::issue(iam, token)),
            federated_user: Some(user),
            packed_policy_size: Some(limits.packed_percent),
        })
    }
}
