//! What policies could do, without a request.

use std::slice;

use crate::action::{Wanted, lowered};
use crate::decide::{Attached, Layer, Matched, Policies};
use crate::document::{Document, Effect};

/// An action that a principal could use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usable<'a, 'b> {
    /// As it was asked, such as `sqs:SendMessage`.
    pub action: &'b str,
    /// The first statement that allows it.
    pub by: Matched<'a>,
}

/// Which of `actions` the principal could use on some resource under some circumstances, in the order asked.
///
/// An action is left out when nothing allows it on anything, when the boundary or the session policies never allow it,
/// or when a statement without condition denies it on every resource. The resource's policy is not asked.
#[must_use]
pub fn could_use<'a, 'b>(policies: &Policies<'a>, actions: &[&'b str]) -> Vec<Usable<'a, 'b>> {
    let usable = |action: &&'b str| {
        let by = lowered(action, |lower| allowing(policies, Wanted::new(lower)))?;
        Some(Usable { action, by })
    };
    actions.iter().filter_map(usable).collect()
}

/// The context keys that `documents` ask for, in conditions and variables; each once, as first written, sorted.
pub fn context_keys<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Vec<String> {
    let keys = documents.into_iter().flat_map(Document::keys);
    let mut keys = keys
        .map(|key| (&*key.name, &*key.written))
        .collect::<Vec<_>>();
    keys.sort_by_key(|(name, _)| *name);
    keys.dedup_by_key(|(name, _)| *name);
    keys.into_iter()
        .map(|(_, written)| written.to_owned())
        .collect()
}

fn allowing<'a>(policies: &Policies<'a>, wanted: Wanted<'_>) -> Option<Matched<'a>> {
    let by = find(policies.identity, Layer::Identity, wanted)?;
    let boundary = policies.boundary.map_or(&[][..], slice::from_ref);
    let is_allowed =
        |limit: &'a [Attached], layer| limit.is_empty() || find(limit, layer, wanted).is_some();
    let limits = [
        (policies.identity, Layer::Identity),
        (boundary, Layer::Boundary),
        (policies.session, Layer::Session),
    ];
    let may = limits
        .iter()
        .all(|(limit, layer)| is_allowed(limit, *layer) && !is_forbidden(limit, wanted));
    may.then_some(by)
}

/// The first statement that allows the action on something.
fn find<'a>(policies: &'a [Attached], layer: Layer, wanted: Wanted<'_>) -> Option<Matched<'a>> {
    policies.iter().find_map(|policy| {
        let mut statements = policy.document.all().iter().enumerate();
        let (index, statement) = statements.find(|(_, statement)| {
            statement.effect == Effect::Allow && statement.is_about(wanted)
        })?;
        Some(Matched {
            layer,
            source: &policy.id,
            sid: statement.sid.as_deref(),
            index,
            span: statement.span,
        })
    })
}

/// Whether a statement denies the action everywhere and always.
fn is_forbidden(policies: &[Attached], wanted: Wanted<'_>) -> bool {
    let mut statements = policies.iter().flat_map(|policy| policy.document.all());
    statements.any(|statement| {
        statement.effect == Effect::Deny && statement.is_unlimited() && statement.is_about(wanted)
    })
}
