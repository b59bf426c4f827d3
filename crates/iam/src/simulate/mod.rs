//! What would be decided, and why, without a call.
//!
//! INVARIANT: the answer is that of [`policy::decide`] over the policies that a caller brings, within what
//! [`authorizer::beforehand`] says: the same two functions that decide over calls. A property test holds them together.
//!
//! Source: IAM API Reference, SimulatePrincipalPolicy and SimulateCustomPolicy; IAM User Guide, "IAM policy testing with
//! the IAM policy simulator".

#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{Caller, Ctx};
use base::Arn;
use policy::{Attached, Context, Document, Explanation, Policies, Request, Span, Verdict};

use crate::authorizer::facts::CallFacts;
use crate::authorizer::{self, Beforehand};
use crate::engine::account::BillingIs;

/// Everything that bears on an answer but what is asked.
#[derive(Debug)]
pub struct Simulation {
    /// Who would call, and what it may do.
    pub ctx: Ctx,
    /// Values of context keys, over those that the caller brings.
    pub context: Context,
    /// The policy of the resource.
    pub resource_policy: Option<Arc<Document>>,
    /// The account that owns the resource; nothing for the one in its ARN.
    pub resource_owner: Option<String>,
    /// Whether the bill is open to users.
    pub billing: BillingIs,
}

/// What would be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it would be allowed.
    pub verdict: Verdict,
    /// The statements that decided.
    pub matched: Vec<Matched>,
    /// Context keys that policies ask for and that nobody gave.
    pub missing: Vec<String>,
    /// Whether the boundary allows it, where there is one.
    pub boundary_allows: Option<bool>,
    /// The end of the sentence that a call would be refused with; nothing where it would be allowed.
    pub reason: String,
}

/// A statement that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The policy, as [`crate::authorizer::grants`] calls it.
    pub source: String,
    /// Where in its text.
    pub span: Span,
}

impl Simulation {
    /// What would be decided over `action` on `resource`: an ARN, or `*`.
    #[must_use]
    pub fn ask(&self, action: &str, resource: &str) -> Answer {
        let caller = &*self.ctx.caller;
        match authorizer::beforehand(caller, action, || self.billing) {
            Beforehand::Allowed => Answer::beforehand(Verdict::Allowed, ""),
            Beforehand::Refused(reason) => Answer::beforehand(Verdict::ImplicitDeny, reason),
            Beforehand::Asked => self.explain(caller, action, resource),
        }
    }

    fn explain(&self, caller: &Caller, action: &str, resource: &str) -> Answer {
        let parsed = resource.parse::<Arn>().ok();
        let (region, named) = parsed
            .as_ref()
            .map_or(("", ""), |arn| (arn.region.as_str(), arn.account.as_str()));
        let account = self.resource_owner.as_deref().unwrap_or(named);
        let account = authorizer::owner(account);
        let (arn, issuer) = (caller.arn.to_string(), caller.issuer());
        let request = Request {
            principal: authorizer::principal(caller, &arn, &issuer),
            action,
            resource,
            resource_account: account,
            facts: &CallFacts::simulated(&self.ctx, &self.context, region, account),
        };
        let policies = Policies {
            resource: self.resource_policy.as_deref(),
            ..authorizer::of_caller(caller)
        };
        Answer::new(&policy::explain(&request, &policies), action)
    }
}

impl Answer {
    fn beforehand(verdict: Verdict, reason: &str) -> Self {
        Self {
            verdict,
            matched: Vec::new(),
            missing: Vec::new(),
            boundary_allows: None,
            reason: reason.to_owned(),
        }
    }

    fn new(explained: &Explanation<'_>, action: &str) -> Self {
        let decision = explained.decision;
        let matched = explained.matched.iter().map(|matched| Matched {
            source: matched.source.to_owned(),
            span: matched.span,
        });
        Self {
            verdict: decision.verdict,
            // What matched and did not suffice is no reason.
            matched: match decision.verdict {
                Verdict::ImplicitDeny => Vec::new(),
                Verdict::Allowed | Verdict::ExplicitDeny => matched.collect(),
            },
            missing: explained.missing.clone(),
            boundary_allows: explained.boundary_allows,
            reason: decision.reason(action),
        }
    }
}

/// Policies given as texts, called `PolicyInputList.1` and so on.
///
/// # Errors
/// The first problem of the first that is none, with its name.
pub fn given(list: &str, texts: &[String]) -> Result<Vec<Attached>, String> {
    let texts = texts.iter().enumerate();
    let read = texts.map(|(index, text)| {
        let id = format!("{list}.{}", index + 1);
        match Document::parse(text, policy::Kind::Identity) {
            Ok(document) => Ok(Attached {
                id: Arc::from(id),
                document: Arc::new(document),
            }),
            Err(problems) => {
                let first = problems.first().map(ToString::to_string);
                Err(format!("{id}: {}", first.unwrap_or_default()))
            }
        }
    });
    read.collect()
}
