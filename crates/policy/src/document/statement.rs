//! A statement, compiled: does it match a request?

use crate::action::{Actions, Wanted};
use crate::condition::Condition;
use crate::document::Effect;
use crate::document::draft::{DraftPrincipal, DraftStatement, Element, PrincipalSort, Version};
use crate::position::Span;
use crate::principal::{Grant, Principals};
use crate::request::Request;
use crate::template::{Asker, Key, Part, Pattern, Wildcards, parse, plain};

/// A statement, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    pub(crate) span: Span,
    /// With whether it is `NotPrincipal`.
    principals: Option<(bool, Principals)>,
    /// With whether it is `NotAction`.
    actions: (bool, Actions),
    /// With whether it is `NotResource`; none in trust policies, which are about their role.
    resources: Option<(bool, Box<[Pattern]>)>,
    conditions: Box<[Condition]>,
}

impl Statement {
    pub(crate) fn new(draft: DraftStatement, version: Version) -> Self {
        let read = |text: &str, wildcards| match version {
            Version::New => parse(text, wildcards).unwrap_or_else(|_| plain(text, wildcards)),
            Version::Old => plain(text, wildcards),
        };
        let actions = draft.actions.map_or_else(Default::default, |element| {
            let patterns = element.values.iter().map(|action| &*action.text);
            (element.is_not, Actions::new(patterns))
        });
        let resources = draft.resources.map(|element| {
            let patterns = element
                .values
                .iter()
                .map(|resource| Pattern::new(read(&resource.text, Wildcards::Meant)));
            (element.is_not, patterns.collect())
        });
        let conditions = draft.conditions.iter().map(|condition| {
            let values = condition
                .values
                .iter()
                .map(|value| &*value.text)
                .collect::<Vec<_>>();
            Condition::new(condition.operator, &condition.key.text, &values, read)
        });
        Self {
            sid: draft.sid.map(|sid| sid.text.into()),
            effect: draft.effect.unwrap_or(Effect::Deny),
            span: draft.at.span,
            conditions: conditions.collect(),
            principals: draft.principal.map(principals),
            actions,
            resources,
        }
    }

    /// Whether it concerns the action, wherever and under whatever circumstances.
    pub(crate) fn is_about(&self, wanted: Wanted<'_>) -> bool {
        let (is_not, actions) = &self.actions;
        actions.contains(wanted) != *is_not
    }

    /// Whether it concerns every resource, under all circumstances.
    pub(crate) fn is_unlimited(&self) -> bool {
        let is_everywhere = self.resources.as_ref().is_none_or(|(is_not, patterns)| {
            !is_not
                && patterns
                    .iter()
                    .any(|pattern| matches!(pattern, Pattern::All))
        });
        is_everywhere && self.conditions.is_empty()
    }

    /// Whether it matches, and how much an allow then gives.
    pub(crate) fn matches<'a>(
        &'a self,
        request: &Request<'_>,
        wanted: Wanted<'_>,
        asker: &mut Asker<'_, 'a>,
    ) -> Option<Grant> {
        if !self.is_about(wanted) {
            return None;
        }
        let grant = self.grant(request)?;
        let fits = self.is_on(request.resource, asker) && self.hold(asker);
        fits.then_some(grant)
    }

    fn grant(&self, request: &Request<'_>) -> Option<Grant> {
        let principal = &request.principal;
        match (&self.principals, self.effect) {
            (None, _) => Some(Grant::Direct),
            (Some((false, principals)), _) => principals.grant(principal),
            (Some((true, principals)), Effect::Allow) => principals
                .grant(principal)
                .is_none()
                .then_some(Grant::Direct),
            (Some((true, principals)), Effect::Deny) => {
                (!principals.except(principal)).then_some(Grant::Direct)
            }
        }
    }

    fn is_on<'a>(&'a self, resource: &str, asker: &mut Asker<'_, 'a>) -> bool {
        let Some((is_not, patterns)) = &self.resources else {
            return true;
        };
        let mut is_unknown = false;
        for pattern in patterns {
            match pattern.matches(resource, asker) {
                Some(true) => return !is_not,
                Some(false) => {}
                None => is_unknown = true,
            }
        }
        // All but a resource whose name nobody knows: an allow gives nothing, a deny takes everything.
        *is_not && (!is_unknown || self.effect == Effect::Deny)
    }

    fn hold<'a>(&'a self, asker: &mut Asker<'_, 'a>) -> bool {
        let mut conditions = self.conditions.iter();
        let holds = conditions.all(|condition| condition.holds(self.effect, asker));
        if asker.missing.is_some() {
            // Somebody wants to know all that is missing, not only the first.
            conditions.for_each(|condition| {
                condition.holds(self.effect, asker);
            });
        }
        holds
    }

    pub(crate) fn uses_facts(&self) -> bool {
        let has_variable =
            |(_, patterns): &(bool, Box<[Pattern]>)| patterns.iter().any(Pattern::has_variable);
        !self.conditions.is_empty() || self.resources.as_ref().is_some_and(has_variable)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        let resources = self.resources.iter().flat_map(|(_, patterns)| patterns);
        let values = self.conditions.iter().flat_map(Condition::patterns);
        let arns = self.conditions.iter().flat_map(Condition::arns);
        let parts = resources
            .chain(values)
            .flat_map(Pattern::template)
            .chain(arns.flat_map(|arn| arn.template()));
        let variables = parts.filter_map(|part| match part {
            Part::Variable { key, .. } => Some(key),
            _ => None,
        });
        self.conditions
            .iter()
            .map(|condition| &condition.key)
            .chain(variables)
    }
}

fn principals(element: Element<DraftPrincipal>) -> (bool, Principals) {
    let mut named = Principals::default();
    for principal in element.values {
        let name = principal.name.text;
        let list = match principal.sort {
            PrincipalSort::Service => &mut named.services,
            PrincipalSort::Federated => &mut named.federated,
            PrincipalSort::CanonicalUser => continue,
            PrincipalSort::Aws if name == "*" => {
                named.everyone = true;
                continue;
            }
            PrincipalSort::Aws => {
                aws_principal(&mut named, &name);
                continue;
            }
        };
        list.push(name.into());
    }
    (element.is_not, named)
}

fn aws_principal(named: &mut Principals, name: &str) {
    let root = name
        .strip_suffix(":root")
        .and_then(|arn| arn.rsplit(':').next());
    if !name.starts_with("arn:") && name.bytes().all(|byte| byte.is_ascii_digit()) {
        named.accounts.push(name.into());
    } else if let Some(account) = root.filter(|_| name.contains(":iam::")) {
        named.accounts.push(account.into());
    } else if name.starts_with("arn:") {
        named.arns.push(name.into());
    } else {
        named.ids.push(name.into());
    }
}
