//! What policies could do, without a request.

use crate::decide::{Matched, Policies};
use crate::document::Document;

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
pub fn could_use<'a, 'b>(_policies: &Policies<'a>, _actions: &[&'b str]) -> Vec<Usable<'a, 'b>> {
    Vec::new()
}

/// The context keys that `documents` ask for, in conditions and variables; each once, as first written, sorted.
pub fn context_keys<'a>(_documents: impl IntoIterator<Item = &'a Document>) -> Vec<String> {
    Vec::new()
}
