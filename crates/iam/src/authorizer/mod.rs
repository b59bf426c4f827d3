//! Whether a caller may do what a call wants: the policies of the caller and of the resource, and what holds without them.
//!
//! INVARIANT: every answer of "yes" comes from [`policy::decide`], but for the actions that [`implied`] opens by name.
//! Simulation asks the same function with the same policies.
//!
//! What a caller may do of itself comes with it ([`api::Grants`], read by [`grants`] once for each change of identities), so that
//! a decision looks nothing up, and gathers facts only for a statement that asks for them.

pub mod facts;
pub mod grants;
pub mod implied;

use std::sync::Arc;

use api::{Access, Caller, Ctx, Decision, Principal};
use base::Arn;
use policy::{Context, Document, Policies, Request};

use crate::engine::account::BillingIs;
use crate::ground::Ground;
use facts::CallFacts;

/// One thing that is wanted: by a call ([`Access`]), or by a question about one.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Such as `sqs:SendMessage`.
    pub action: &'a str,
    /// On what.
    pub resource: &'a Arn,
    /// Values of the context keys of this action and resource.
    pub context: &'a Context,
    /// The policy of the resource.
    pub resource_policy: Option<&'a Document>,
}

impl<'a> From<&'a Access> for Wanted<'a> {
    fn from(access: &'a Access) -> Self {
        Self {
            action: access.action,
            resource: &access.resource,
            context: &access.context,
            resource_policy: access.resource_policy.as_deref(),
        }
    }
}

/// Decides by the policies of identities and resources.
#[derive(Clone, Debug)]
pub struct Authorizer {
    ground: Arc<dyn Ground>,
}

impl Authorizer {
    /// One that asks `ground` for the switches of the account.
    #[must_use]
    pub fn new(ground: Arc<dyn Ground>) -> Self {
        Self { ground }
    }

    /// Why `ctx.caller` may not do one thing; `None` when it may.
    #[must_use]
    pub fn refusal(&self, ctx: &Ctx, wanted: Wanted<'_>) -> Option<String> {
        let caller = &*ctx.caller;
        let action = wanted.action;
        match self.beforehand(caller, action) {
            Beforehand::Allowed => return None,
            Beforehand::Refused(reason) => return Some(reason.to_owned()),
            Beforehand::Asked => {}
        }
        put(ctx, wanted, |request, policies| {
            let decision = policy::decide(request, policies);
            (!decision.is_allowed()).then(|| decision.reason(action))
        })
    }

    fn beforehand(&self, caller: &Caller, action: &str) -> Beforehand {
        // Looked up only where it bears on the action.
        beforehand(caller, action, || self.ground.state().account().billing)
    }
}

/// Puts to `ask` what `ctx.caller` wants, with all policies that bear on it: to decide, or to explain.
pub fn put<R>(
    ctx: &Ctx,
    wanted: Wanted<'_>,
    ask: impl FnOnce(&Request<'_>, &Policies<'_>) -> R,
) -> R {
    let caller = &*ctx.caller;
    let (arn, resource) = (caller.arn.to_string(), wanted.resource.to_string());
    let issuer = caller.issuer();
    let facts = CallFacts::new(ctx, wanted);
    let request = Request {
        principal: principal(caller, &arn, &issuer),
        action: wanted.action,
        resource: &resource,
        resource_account: owner(&wanted.resource.account),
        facts: &facts,
    };
    let policies = Policies {
        resource: wanted.resource_policy,
        ..of_caller(caller)
    };
    ask(&request, &policies)
}

/// What holds before any policy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beforehand {
    /// No policy is needed.
    Allowed,
    /// No policy helps, for this reason.
    Refused(&'static str),
    /// Policies decide.
    Asked,
}

/// What holds before any policy is asked. `billing`: whether the bill is open to users.
pub fn beforehand(
    caller: &Caller,
    action: &str,
    billing: impl FnOnce() -> BillingIs,
) -> Beforehand {
    if implied::is_open(caller, action) {
        return Beforehand::Allowed;
    }
    if let Some(reason) = implied::refusal(caller, action) {
        return Beforehand::Refused(reason);
    }
    let is_closed = implied::is_of_billing(action)
        && caller.principal != Principal::Root
        && billing() == BillingIs::Closed;
    match is_closed {
        true => Beforehand::Refused(implied::BILLING_IS_CLOSED),
        false => Beforehand::Asked,
    }
}

impl api::Authorizer for Authorizer {
    fn decide(&self, ctx: &Ctx, access: &[Access]) -> Decision {
        let first = access
            .iter()
            .find_map(|wanted| Some((wanted, self.refusal(ctx, wanted.into())?)));
        match first {
            None => Decision::Allow,
            Some((wanted, reason)) => Decision::Deny {
                action: wanted.action,
                resource: wanted.resource.clone(),
                reason,
            },
        }
    }
}

/// What bears on everything that `caller` does.
#[must_use]
pub fn of_caller(caller: &Caller) -> Policies<'_> {
    let session = caller.session.as_ref();
    Policies {
        identity: &caller.grants.identity,
        boundary: caller.grants.boundary.as_ref(),
        session: session.map_or(&[], |session| &session.policies),
        resource: None,
    }
}

/// Whose a resource is by the account in its ARN; nothing stands for the caller's own. AWS's managed policies, of the account
/// `aws`, are everybody's.
pub(crate) fn owner(account: &str) -> &str {
    if account == "aws" { "" } else { account }
}

pub(crate) fn principal<'a>(
    caller: &'a Caller,
    arn: &'a str,
    issuer: &'a str,
) -> policy::Principal<'a> {
    match &caller.principal {
        Principal::Root => policy::Principal::Root {
            account: caller.account.as_str(),
        },
        Principal::User { id, .. } => policy::Principal::User { arn, id },
        Principal::AssumedRole { role_id, .. } => policy::Principal::Session {
            arn,
            issuer,
            issuer_id: role_id,
        },
        Principal::Federated { user_id, .. } => policy::Principal::Session {
            arn,
            issuer,
            issuer_id: user_id,
        },
        Principal::Service { name } => policy::Principal::Service { name },
        Principal::Anonymous => policy::Principal::Anonymous,
    }
}

#[cfg(test)]
mod tests;
