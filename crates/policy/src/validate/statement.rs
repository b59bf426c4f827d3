//! What a whole statement allows: roles to pass, service-linked roles to make, principals without bound.

use super::{Checker, Location};
use crate::action::{Actions, Wanted};
use crate::document::codes::{
    ALLOW_WITH_NOT_PRINCIPAL, CREATE_SLR_WITH_NOT_ACTION_AND_NOT_RESOURCE,
    CREATE_SLR_WITH_NOT_RESOURCE, CREATE_SLR_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE,
    CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE, CREATE_SLR_WITH_STAR_IN_RESOURCE,
    CREATE_SLR_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION, Code, DEPRECATED_ACTION,
    INVALID_ROLE_REFERENCE, INVALID_USER_REFERENCE, MISMATCHED_ACTION_FOR_PRINCIPAL,
    PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE, PASS_ROLE_WITH_NOT_RESOURCE,
    PASS_ROLE_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE, PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE,
    PASS_ROLE_WITH_STAR_IN_RESOURCE, PASS_ROLE_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION,
};
use crate::document::draft::{DraftStatement, PrincipalSort, Written};
use crate::document::values::is_unique_id;
use crate::document::{Effect, Kind};

/// An action that opens the way to others, and the codes for the ways to allow it too widely.
struct Gate {
    /// In lower case.
    action: &'static str,
    shown: &'static str,
    risk: &'static str,
    /// A condition key that limits it enough.
    limited_by: &'static str,
    /// By how the resource and then the action are written.
    codes: [(Wide, How, Code); 6],
}

/// How widely a statement gives resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wide {
    Star,
    NotResource,
}

/// How a statement gives an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Named,
    Star,
    NotAction,
}

const GATES: &[Gate] = &[
    Gate {
        action: "iam:passrole",
        shown: "iam:PassRole",
        risk: "can be overly permissive",
        limited_by: "iam:passedtoservice",
        codes: [
            (Wide::Star, How::Named, PASS_ROLE_WITH_STAR_IN_RESOURCE),
            (
                Wide::Star,
                How::Star,
                PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE,
            ),
            (
                Wide::Star,
                How::NotAction,
                PASS_ROLE_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION,
            ),
            (Wide::NotResource, How::Named, PASS_ROLE_WITH_NOT_RESOURCE),
            (
                Wide::NotResource,
                How::Star,
                PASS_ROLE_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE,
            ),
            (
                Wide::NotResource,
                How::NotAction,
                PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE,
            ),
        ],
    },
    Gate {
        action: "iam:createservicelinkedrole",
        shown: "iam:CreateServiceLinkedRole",
        risk: "can allow creation of unintended service-linked roles",
        limited_by: "iam:awsservicename",
        codes: [
            (Wide::Star, How::Named, CREATE_SLR_WITH_STAR_IN_RESOURCE),
            (
                Wide::Star,
                How::Star,
                CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE,
            ),
            (
                Wide::Star,
                How::NotAction,
                CREATE_SLR_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION,
            ),
            (Wide::NotResource, How::Named, CREATE_SLR_WITH_NOT_RESOURCE),
            (
                Wide::NotResource,
                How::Star,
                CREATE_SLR_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE,
            ),
            (
                Wide::NotResource,
                How::NotAction,
                CREATE_SLR_WITH_NOT_ACTION_AND_NOT_RESOURCE,
            ),
        ],
    },
];

impl Checker {
    pub(super) fn statement(&mut self, statement: &DraftStatement, kind: Kind) {
        if statement.effect == Some(Effect::Allow) && kind == Kind::Identity {
            for gate in GATES {
                self.gate(gate, statement);
            }
        }
        self.actions(statement);
        self.principals(statement);
        if kind == Kind::Trust {
            self.trust(statement);
        }
    }

    fn gate(&mut self, gate: &Gate, statement: &DraftStatement) {
        let is_limited = |key: &str| key.eq_ignore_ascii_case(gate.limited_by);
        if statement
            .conditions
            .iter()
            .any(|condition| is_limited(&condition.key.text))
        {
            return;
        }
        let (Some((how, by)), Some((wide, on))) = (how(statement, gate.action), wide(statement))
        else {
            return;
        };
        let code = gate.codes.iter().find(|(w, h, _)| (*w, *h) == (wide, how));
        if let Some((_, _, code)) = code {
            let details = gate_details(gate, how, wide);
            self.add(*code, vec![by.clone(), on.clone()], details);
        }
    }

    fn actions(&mut self, statement: &DraftStatement) {
        for action in statement.actions.iter().flat_map(|actions| &actions.values) {
            let service = action.text.split(':').next().unwrap_or_default();
            if service.eq_ignore_ascii_case("aws-portal") {
                let details = format!(
                    "The action {} belongs to the aws-portal namespace, whose standard support ended in July 2023. \
                     It still opens the cost view here; on AWS, add account:Get*, billing:Get*, ce:Get* and their \
                     like.",
                    action.text
                );
                self.add(DEPRECATED_ACTION, vec![action.at.clone()], details);
            }
        }
    }

    fn principals(&mut self, statement: &DraftStatement) {
        let Some(principal) = &statement.principal else {
            return;
        };
        if principal.is_not && statement.effect == Some(Effect::Allow) {
            let details = "Using Allow with NotPrincipal can be overly permissive. We recommend that you use Principal instead.";
            self.add(
                ALLOW_WITH_NOT_PRINCIPAL,
                vec![principal.at.clone()],
                details,
            );
        }
        for named in &principal.values {
            let (code, what) = match &*named.name.text {
                text if !is_unique_id(text) => continue,
                text if text.starts_with("AROA") => (INVALID_ROLE_REFERENCE, "role"),
                _ => (INVALID_USER_REFERENCE, "user"),
            };
            let details = format!(
                "The Principal element includes the IAM {what} ID. We recommend that you use a {what} ARN instead."
            );
            self.add(code, vec![named.name.at.clone()], details);
        }
    }

    /// `sts:AssumeRole` is not how people of an identity provider come in.
    fn trust(&mut self, statement: &DraftStatement) {
        let principals = statement
            .principal
            .iter()
            .flat_map(|principal| &principal.values);
        let federated = principals
            .filter(|principal| principal.sort == PrincipalSort::Federated)
            .map(|principal| &principal.name)
            .collect::<Vec<_>>();
        let mut actions = statement.actions.iter().flat_map(|actions| &actions.values);
        let assume = actions.find(|action| action.text.eq_ignore_ascii_case("sts:AssumeRole"));
        let Some(assume) = assume.filter(|_| !federated.is_empty()) else {
            return;
        };
        let names = federated
            .iter()
            .map(|name| &*name.text)
            .collect::<Vec<_>>()
            .join(", ");
        let details = format!(
            "The sts:AssumeRole action is invalid with the following principal(s): {names}. Use a SAML provider \
             principal with the sts:AssumeRoleWithSAML action or use an OIDC provider principal with the \
             sts:AssumeRoleWithWebIdentity action. Ensure the provider is Federated if you use either of the two \
             options."
        );
        let mut locations = vec![assume.at.clone()];
        locations.extend(federated.iter().map(|name| name.at.clone()));
        self.add(MISMATCHED_ACTION_FOR_PRINCIPAL, locations, details);
    }
}

/// How the statement allows `action`, if it does, and by what.
fn how<'d>(statement: &'d DraftStatement, action: &str) -> Option<(How, &'d Location)> {
    let element = statement.actions.as_ref()?;
    let covers = |written: &&Written| Actions::new([&*written.text]).contains(Wanted::new(action));
    let mut covering = element.values.iter().filter(covers);
    if element.is_not {
        return covering
            .next()
            .is_none()
            .then_some((How::NotAction, &element.at));
    }
    let named = element
        .values
        .iter()
        .find(|written| written.text.eq_ignore_ascii_case(action));
    match named {
        Some(named) => Some((How::Named, &named.at)),
        None => covering.next().map(|written| (How::Star, &written.at)),
    }
}

/// How widely the statement gives roles, if it gives more than named ones.
fn wide(statement: &DraftStatement) -> Option<(Wide, &Location)> {
    let element = statement.resources.as_ref()?;
    if element.is_not {
        return Some((Wide::NotResource, &element.at));
    }
    let star = element
        .values
        .iter()
        .find(|resource| gives_any_role(&resource.text));
    star.map(|resource| (Wide::Star, &resource.at))
}

/// Whether it is `*`, or an ARN that fits a role of any name. `role/Service*` names the service that it is for.
fn gives_any_role(resource: &str) -> bool {
    let name = resource.splitn(6, ':').nth(5);
    resource == "*"
        || name.is_some_and(|name| {
            ["*", "role*", "role/*"]
                .iter()
                .any(|any| name.starts_with(any))
        })
}

fn gate_details(gate: &Gate, how: How, wide: Wide) -> String {
    let using = match (how, wide) {
        (How::Named, Wide::Star) => format!(
            "the {} action with wildcards (*) in the resource",
            gate.shown
        ),
        (How::Named, Wide::NotResource) => format!("the {} action with NotResource", gate.shown),
        (How::Star, Wide::Star) => "wildcards (*) in the action and the resource".to_owned(),
        (How::Star, Wide::NotResource) => {
            "an action with a wildcard (*) and NotResource".to_owned()
        }
        (How::NotAction, Wide::Star) => "a resource with wildcards (*) and NotAction".to_owned(),
        (How::NotAction, Wide::NotResource) => "NotAction with NotResource".to_owned(),
    };
    let passed = if gate.action == "iam:passrole" && wide == Wide::Star {
        " or add the iam:PassedToService condition key to your statement"
    } else {
        " instead"
    };
    format!(
        "Using {using} {} because it allows {} permissions on multiple resources. We recommend that you specify \
         resource ARNs{passed}.",
        gate.risk, gate.shown
    )
}
