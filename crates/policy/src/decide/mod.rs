//! The decision, and why.

mod judge;

use std::fmt;
use std::sync::Arc;

use crate::action::lowered;
use crate::document::Document;
use crate::position::Span;
use crate::request::Request;
use judge::{Judge, Log};

/// A policy with the name under which an answer mentions it.
#[derive(Clone, Debug)]
pub struct Attached {
    /// Such as the policy's ARN, or `user_alice_inline` for an inline policy.
    pub id: Arc<str>,
    /// The policy.
    pub document: Arc<Document>,
}

/// All policies that bear on a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policies<'a> {
    /// The principal's own, inline and attached, and those of its groups.
    pub identity: &'a [Attached],
    /// The principal's permissions boundary.
    pub boundary: Option<&'a Attached>,
    /// Policies given when the session was made; none of them means that nothing more is limited.
    pub session: &'a [Attached],
    /// The policy of the resource: of [`Kind::Resource`](crate::Kind::Resource), or a role's of
    /// [`Kind::Trust`](crate::Kind::Trust).
    pub resource: Option<&'a Document>,
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Something allows it and nothing denies it.
    Allowed,
    /// A statement denies it.
    ExplicitDeny,
    /// Nothing denies it, but something that must allow it does not.
    ImplicitDeny,
}

/// A kind of policy that a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Policies of the user, its groups, or the role.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// Session policies.
    Session,
    /// The policy of the resource.
    Resource,
    /// The trust policy of the role.
    Trust,
    /// No policy: the account's root is allowed what nothing denies.
    Root,
}

/// A statement that matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched<'a> {
    /// In which kind of policy.
    pub layer: Layer,
    /// The [`Attached::id`], or [`RESOURCE_POLICY`].
    pub source: &'a str,
    /// The statement's `Sid`.
    pub sid: Option<&'a str>,
    /// Which statement, from 0.
    pub index: usize,
    /// Where it stands.
    pub span: Span,
}

/// The [`Matched::source`] of a resource's policy.
pub const RESOURCE_POLICY: &str = "ResourcePolicy";

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// What is decided.
    pub verdict: Verdict,
    /// The kind of policy that allowed, that denied, or that lacked an allow.
    pub layer: Layer,
    /// The statement that allowed or denied; none where an allow was missing, or for the root.
    pub by: Option<Matched<'a>>,
}

/// A decision with all that bore on it, for simulation and reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// What [`decide`] answers to the same request.
    pub decision: Decision<'a>,
    /// Every statement that matched: the denying ones if there are any, else the allowing ones. After an implicit deny
    /// these are the statements that did not suffice; a simulation leaves them out.
    pub matched: Vec<Matched<'a>>,
    /// Context keys that were asked for and that the request does not have; each once, as the policy writes them.
    pub missing: Vec<String>,
    /// Whether the permissions boundary allows it, when there is one and the principal is no root.
    pub boundary_allows: Option<bool>,
    /// Whether the session policies allow it, when there are some.
    pub session_allows: Option<bool>,
    /// Whether the policies of the principal allow it.
    pub identity_allows: bool,
}

/// Decides on a request.
///
/// Allocates nothing where no condition and no variable asks for a fact, beyond what [`Facts`](crate::Facts) does.
#[must_use]
pub fn decide<'a>(request: &Request<'_>, policies: &Policies<'a>) -> Decision<'a> {
    lowered(request.action, |action| {
        Judge::new(request, action, policies, Log::Closed).judge()
    })
}

/// Decides on a request as [`decide`] does, and tells everything that bore on it.
#[must_use]
pub fn explain<'a>(request: &Request<'_>, policies: &Policies<'a>) -> Explanation<'a> {
    lowered(request.action, |action| {
        Judge::new(request, action, policies, Log::Open).explain()
    })
}

impl Decision<'_> {
    /// Whether the call may go on.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allowed
    }

    /// AWS's words for a refusal: `because no identity-based policy allows the sqs:SendMessage action` or
    /// `with an explicit deny in a permissions boundary`. Empty when allowed.
    #[must_use]
    pub fn reason(&self, action: &str) -> String {
        let layer = self.layer;
        match self.verdict {
            Verdict::Allowed => String::new(),
            Verdict::ImplicitDeny => format!("because no {layer} allows the {action} action"),
            Verdict::ExplicitDeny => {
                let article = match layer {
                    Layer::Identity => "an",
                    Layer::Trust => "the",
                    _ => "a",
                };
                format!("with an explicit deny in {article} {layer}")
            }
        }
    }

    /// AWS's whole sentence: `User: ARN is not authorized to perform: ACTION on resource: ARN because …`.
    #[must_use]
    pub fn message(&self, request: &Request<'_>) -> String {
        format!(
            "User: {} is not authorized to perform: {} on resource: {} {}",
            request.principal.name(),
            request.action,
            request.resource,
            self.reason(request.action),
        )
    }
}

impl Policies<'_> {
    /// Whether a decision may ask for facts; when not, the request's facts need not be gathered.
    #[must_use]
    pub fn uses_facts(&self) -> bool {
        let attached = self
            .identity
            .iter()
            .chain(self.boundary)
            .chain(self.session);
        attached
            .map(|policy| &*policy.document)
            .chain(self.resource)
            .any(Document::uses_facts)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Resource => "resource-based policy",
            Self::Trust => "role trust policy",
            Self::Root => "root",
        })
    }
}
