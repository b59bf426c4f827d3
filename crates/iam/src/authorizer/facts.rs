//! The values of context keys that every call has, and those of the action that it brings.
//!
//! Source: IAM User Guide, "AWS global condition context keys". Keys that this server cannot know are absent.

use std::borrow::Cow;

use api::{Caller, Ctx, Principal};
use policy::{Context, Fact, Facts};

/// The region of services that have none.
const GLOBAL_REGION: &str = "us-east-1";

/// What is known of one call and one thing that it wants. Made without work: each value is made when it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct CallFacts<'a> {
    ctx: &'a Ctx,
    /// Of the action and the resource; stands over everything else.
    context: &'a Context,
    region: &'a str,
    account: &'a str,
    call: CallIs,
}

/// Whether there is a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallIs {
    /// There is.
    Real,
    /// Somebody asks what would be: nothing is known of how the call would come.
    Simulated,
}

impl<'a> CallFacts<'a> {
    /// The facts of `wanted` in the circumstances of `ctx`.
    #[must_use]
    pub fn new(ctx: &'a Ctx, wanted: super::Wanted<'a>) -> Self {
        Self {
            ctx,
            context: wanted.context,
            region: &wanted.resource.region,
            account: super::owner(&wanted.resource.account),
            call: CallIs::Real,
        }
    }

    /// The facts of a call that nobody makes, to something in `region` of `account`: what its caller brings and `context`.
    #[must_use]
    pub fn simulated(
        ctx: &'a Ctx,
        context: &'a Context,
        region: &'a str,
        account: &'a str,
    ) -> Self {
        Self {
            ctx,
            context,
            region,
            account,
            call: CallIs::Simulated,
        }
    }

    fn of_call(&self, key: &str) -> Option<Cow<'_, str>> {
        let (ctx, at) = (self.ctx, self.ctx.at);
        Some(match key {
            "aws:currenttime" => at.rfc3339().into(),
            "aws:epochtime" => at.as_secs().to_string().into(),
            "aws:requestedregion" => match self.region {
                "" => GLOBAL_REGION.into(),
                region => region.into(),
            },
            "aws:resourceaccount" => match self.account {
                "" => ctx.caller.account.as_str().into(),
                account => account.into(),
            },
            "aws:viaawsservice" => truth(false),
            _ if self.call == CallIs::Simulated => return None,
            "aws:sourceip" => ctx.client?.ip().to_canonical().to_string().into(),
            "aws:securetransport" => truth(ctx.is_secure),
            "aws:useragent" => not_empty(&ctx.user_agent)?,
            _ => return None,
        })
    }
}

impl Facts for CallFacts<'_> {
    fn get(&self, key: &str) -> Option<Fact<'_>> {
        if let Some(of_action) = self.context.get(key) {
            return Some(of_action);
        }
        let value = match key.strip_prefix("aws:") {
            Some(_) => of_caller(&self.ctx.caller, key, self.ctx).or_else(|| self.of_call(key)),
            None => None,
        };
        value.map(Fact::One)
    }
}

fn of_caller<'a>(caller: &'a Caller, key: &str, ctx: &Ctx) -> Option<Cow<'a, str>> {
    if let Some(tag) = key.strip_prefix("aws:principaltag/") {
        // IAM's tag keys differ in more than case.
        let mut tags = caller.tags.iter();
        let found = tags.find(|(known, _)| known.eq_ignore_ascii_case(tag));
        return found.map(|(_, value)| value.as_str().into());
    }
    let session = caller.session.as_ref();
    Some(match (key, &caller.principal) {
        ("aws:username", Principal::User { name, .. }) => name.as_str().into(),
        ("aws:userid", _) => caller.unique_id().into(),
        ("aws:principaltype", principal) => type_of(principal)?.into(),
        ("aws:principalisawsservice", principal) => {
            truth(matches!(principal, Principal::Service { .. }))
        }
        ("aws:principalservicename", Principal::Service { name }) => (*name).into(),
        ("aws:principalarn", Principal::AssumedRole { role_arn, .. }) => {
            role_arn.to_string().into()
        }
        (
            "aws:principalarn",
            Principal::Root | Principal::User { .. } | Principal::Federated { .. },
        ) => caller.arn.to_string().into(),
        (
            "aws:principalaccount",
            Principal::Root
            | Principal::User { .. }
            | Principal::AssumedRole { .. }
            | Principal::Federated { .. },
        ) => caller.account.as_str().into(),
        // Absent with long-term keys: a policy asks by `BoolIfExists`.
        ("aws:multifactorauthpresent", _) => truth(session?.mfa.is_some()),
        ("aws:multifactorauthage", _) => {
            let shown = session?.mfa?;
            ctx.at
                .as_secs()
                .saturating_sub(shown.as_secs())
                .to_string()
                .into()
        }
        ("aws:sourceidentity", _) => session?.carried.source_identity.as_deref()?.into(),
        ("aws:tokenissuetime", _) => session?.issued.rfc3339().into(),
        _ => return None,
    })
}

/// Source: "The principal key values" in the IAM User Guide, `aws:PrincipalType`.
fn type_of(principal: &Principal) -> Option<&'static str> {
    match principal {
        Principal::Root => Some("Account"),
        Principal::User { .. } => Some("User"),
        Principal::AssumedRole { .. } => Some("AssumedRole"),
        Principal::Federated { .. } => Some("FederatedUser"),
        Principal::Anonymous => Some("Anonymous"),
        Principal::Service { .. } => None,
    }
}

fn truth(is_so: bool) -> Cow<'static, str> {
    Cow::Borrowed(if is_so { "true" } else { "false" })
}

fn not_empty(text: &str) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(Cow::Borrowed(text))
}
