//! The order of evaluation.
//!
//! 1. A matching deny in any policy denies, and nothing else is looked at.
//! 2. The account's root is allowed the rest.
//! 3. The resource's policy may allow by itself: a user, a session or everyone without further limit, a role within
//!    boundary and session policies. When it names the account, the account's own policies decide. A role's trust policy
//!    must allow in one of these ways.
//! 4. Some policy of the principal must allow, then the boundary, then the session policies.
//!
//! A principal of another account needs both its own policies and the resource's. Nobody's policies speak for an
//! anonymous caller or a service: only the resource's does.
//!
//! Source: the IAM user guide, "Policy evaluation logic".

use std::slice;

use super::{Attached, Decision, Explanation, Layer, Matched, Policies, RESOURCE_POLICY, Verdict};
use crate::action::Wanted;
use crate::document::{Document, Effect, Kind};
use crate::principal::Grant;
use crate::request::{Principal, Request};
use crate::template::Asker;

/// Whether somebody wants to know more than the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// Stop where the decision is known.
    Closed,
    /// Look at every statement and note what matched and what was missing.
    Open,
}

/// A statement that matched, and how much it gives.
#[derive(Clone, Copy, Debug)]
struct Found<'a> {
    matched: Matched<'a>,
    grant: Grant,
}

/// One decision in the making.
#[derive(Debug)]
pub(super) struct Judge<'r, 'a> {
    request: &'r Request<'r>,
    wanted: Wanted<'r>,
    policies: Policies<'a>,
    asker: Asker<'r, 'a>,
    /// The resource belongs to another account than the principal.
    is_foreign: bool,
    log: Log,
    /// Of [`Log::Open`].
    matched: Vec<(Effect, Matched<'a>)>,
    boundary_allows: Option<bool>,
    session_allows: Option<bool>,
    identity_allows: bool,
}

impl<'r, 'a> Judge<'r, 'a> {
    pub(super) fn new(
        request: &'r Request<'r>,
        action: &'r str,
        policies: &Policies<'a>,
        log: Log,
    ) -> Self {
        let owner = request.resource_account;
        Self {
            request,
            is_foreign: !owner.is_empty() && owner != request.principal.account(),
            wanted: Wanted::new(action),
            policies: *policies,
            asker: Asker {
                facts: request.facts,
                missing: (log == Log::Open).then(Vec::new),
            },
            log,
            matched: Vec::new(),
            boundary_allows: None,
            session_allows: None,
            identity_allows: false,
        }
    }

    pub(super) fn explain(mut self) -> Explanation<'a> {
        let decision = self.judge();
        let shown = match decision.verdict {
            Verdict::ExplicitDeny => Effect::Deny,
            Verdict::Allowed | Verdict::ImplicitDeny => Effect::Allow,
        };
        let matched = self.matched.iter().filter(|(effect, _)| *effect == shown);
        Explanation {
            decision,
            matched: matched.map(|(_, matched)| *matched).collect(),
            missing: self
                .asker
                .missing
                .unwrap_or_default()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            boundary_allows: self.boundary_allows,
            session_allows: self.session_allows,
            identity_allows: self.identity_allows,
        }
    }

    pub(super) fn judge(&mut self) -> Decision<'a> {
        let denied = self.denied();
        if let Some(matched) = denied
            && self.log == Log::Closed
        {
            return refused(matched);
        }
        let decision = self.judge_allows();
        denied.map_or(decision, refused)
    }

    /// The first statement that denies.
    fn denied(&mut self) -> Option<Matched<'a>> {
        let Policies {
            identity,
            boundary,
            session,
            resource,
        } = self.policies;
        let layers = [
            (Layer::Identity, identity),
            (Layer::Boundary, boundary.map_or(&[][..], slice::from_ref)),
            (Layer::Session, session),
        ];
        let mut first = None;
        for (layer, policies) in layers {
            first = first.or(self.find(layer, policies, Effect::Deny));
            if first.is_some() && self.log == Log::Closed {
                return first.map(|found| found.matched);
            }
        }
        first = first.or(self.find_in_resource(resource, Effect::Deny));
        first.map(|found| found.matched)
    }

    fn judge_allows(&mut self) -> Decision<'a> {
        let Policies {
            identity,
            boundary,
            session,
            resource,
        } = self.policies;
        let by_resource = self.find_in_resource(resource, Effect::Allow);
        if self.log == Log::Closed
            && let Some(decision) = self.by_resource_alone(by_resource)
        {
            return decision;
        }
        let by_identity = self.find(Layer::Identity, identity, Effect::Allow);
        let by_boundary = boundary.map(|boundary| {
            self.find(Layer::Boundary, slice::from_ref(boundary), Effect::Allow)
                .is_some()
        });
        let by_session = self
            .is_limited_by_session()
            .then(|| self.find(Layer::Session, session, Effect::Allow).is_some());
        self.identity_allows = by_identity.is_some();
        self.boundary_allows = by_boundary;
        self.session_allows = by_session;
        if let Some(decision) = self.by_resource_alone(by_resource) {
            return decision;
        }
        self.by_all(by_resource, by_identity)
    }

    /// What the resource's policy decides without the principal's, if it does.
    fn by_resource_alone(&self, by_resource: Option<Found<'a>>) -> Option<Decision<'a>> {
        let lacks = lacking(self.resource_layer());
        match (self.request.principal, by_resource) {
            (
                Principal::Anonymous | Principal::Service { .. } | Principal::Federated { .. },
                found,
            ) => Some(found.map_or(lacks, |found| allowed(found.matched))),
            (Principal::Root { .. }, Some(found)) => Some(allowed(found.matched)),
            (Principal::Root { .. }, None) if self.is_foreign || self.is_trust() => Some(lacks),
            (Principal::Root { .. }, None) => Some(Decision {
                verdict: Verdict::Allowed,
                layer: Layer::Root,
                by: None,
            }),
            (_, Some(found)) if found.grant == Grant::Direct && !self.is_foreign => {
                Some(allowed(found.matched))
            }
            _ => None,
        }
    }

    /// What all policies together decide for a user or a session.
    fn by_all(
        &self,
        by_resource: Option<Found<'a>>,
        by_identity: Option<Found<'a>>,
    ) -> Decision<'a> {
        let is_granted =
            by_resource.is_some_and(|found| found.grant == Grant::Issuer) && !self.is_foreign;
        let by = if is_granted { by_resource } else { by_identity };
        if by_resource.is_none() && (self.is_trust() || (self.is_foreign && by_identity.is_some()))
        {
            return lacking(self.resource_layer());
        }
        let Some(by) = by else {
            return lacking(Layer::Identity);
        };
        if self.boundary_allows == Some(false) {
            return lacking(Layer::Boundary);
        }
        if self.session_allows == Some(false) {
            return lacking(Layer::Session);
        }
        allowed(by.matched)
    }

    /// The first statement of `policies` with `effect` that matches.
    fn find(
        &mut self,
        layer: Layer,
        policies: &'a [Attached],
        effect: Effect,
    ) -> Option<Found<'a>> {
        let mut first = None;
        for policy in policies {
            first = first.or(self.find_in(layer, &policy.id, &policy.document, effect));
            if first.is_some() && self.log == Log::Closed {
                break;
            }
        }
        first
    }

    fn find_in_resource(
        &mut self,
        resource: Option<&'a Document>,
        effect: Effect,
    ) -> Option<Found<'a>> {
        let document = resource?;
        self.find_in(self.resource_layer(), RESOURCE_POLICY, document, effect)
    }

    /// The first statement of `document` that denies, or that allows and gives most.
    fn find_in(
        &mut self,
        layer: Layer,
        source: &'a str,
        document: &'a Document,
        effect: Effect,
    ) -> Option<Found<'a>> {
        let mut best: Option<Found<'a>> = None;
        for (index, statement) in document.all().iter().enumerate() {
            if statement.effect != effect {
                continue;
            }
            let Some(grant) = statement.matches(self.request, self.wanted, &mut self.asker) else {
                continue;
            };
            let matched = Matched {
                layer,
                source,
                sid: statement.sid.as_deref(),
                index,
                span: statement.span,
            };
            if best.is_none_or(|best| effect == Effect::Allow && best.grant < grant) {
                best = Some(Found { matched, grant });
            }
            match self.log {
                Log::Open => self.matched.push((effect, matched)),
                Log::Closed if grant == Grant::Direct || effect == Effect::Deny => break,
                Log::Closed => {}
            }
        }
        best
    }

    fn is_trust(&self) -> bool {
        self.policies
            .resource
            .is_some_and(|document| document.kind() == Kind::Trust)
    }

    fn resource_layer(&self) -> Layer {
        if self.is_trust() {
            Layer::Trust
        } else {
            Layer::Resource
        }
    }

    /// Session policies limit when there are some; a federated user without any may do nothing of its own.
    fn is_limited_by_session(&self) -> bool {
        let is_federated_user = matches!(self.request.principal, Principal::Session { arn, .. }
            if arn.splitn(6, ':').nth(5).is_some_and(|name| name.starts_with("federated-user/")));
        !self.policies.session.is_empty() || is_federated_user
    }
}

fn allowed(matched: Matched<'_>) -> Decision<'_> {
    Decision {
        verdict: Verdict::Allowed,
        layer: matched.layer,
        by: Some(matched),
    }
}

fn refused(matched: Matched<'_>) -> Decision<'_> {
    Decision {
        verdict: Verdict::ExplicitDeny,
        layer: matched.layer,
        by: Some(matched),
    }
}

fn lacking<'a>(layer: Layer) -> Decision<'a> {
    Decision {
        verdict: Verdict::ImplicitDeny,
        layer,
        by: None,
    }
}
