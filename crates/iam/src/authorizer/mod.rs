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
use policy::{Policies, Request};

use crate::ground::Ground;
use facts::CallFacts;

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
    fn refusal(&self, ctx: &Ctx, wanted: &Access) -> Option<String> {
        let caller = &*ctx.caller;
        let action = wanted.action;
        if implied::is_open(caller, action) {
            return None;
        }
        if let Some(reason) = implied::refusal(caller, action) {
            return Some(reason.to_owned());
        }
        if implied::is_of_billing(action) && self.is_billing_closed(caller) {
            return Some(implied::BILLING_IS_CLOSED.to_owned());
        }
        let (arn, resource) = (caller.arn.to_string(), wanted.resource.to_string());
        let issuer = issuer(caller);
        let facts = CallFacts::new(ctx, wanted);
        let request = Request {
            principal: principal(caller, &arn, &issuer),
            action,
            resource: &resource,
            resource_account: &wanted.resource.account,
            facts: &facts,
        };
        let policies = Policies {
            resource: wanted.resource_policy.as_deref(),
            ..of_caller(caller)
        };
        let decision = policy::decide(&request, &policies);
        (!decision.is_allowed()).then(|| decision.reason(action))
    }

    fn is_billing_closed(&self, caller: &Caller) -> bool {
        caller.principal != Principal::Root
            && self.ground.state().account().billing == crate::engine::account::BillingIs::Closed
    }
}

impl api::Authorizer for Authorizer {
    fn decide(&self, ctx: &Ctx, access: &[Access]) -> Decision {
        let first = access
            .iter()
            .find_map(|wanted| Some((wanted, self.refusal(ctx, wanted)?)));
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

/// The ARN of what a session is of, or nothing.
fn issuer(caller: &Caller) -> String {
    match &caller.principal {
        Principal::AssumedRole { role_arn, .. } => role_arn.to_string(),
        Principal::Federated { user_arn, .. } => user_arn.to_string(),
        _ => String::new(),
    }
}

fn principal<'a>(caller: &'a Caller, arn: &'a str, issuer: &'a str) -> policy::Principal<'a> {
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
