//! What is wrong, risky or superfluous in a policy: the checks of Access Analyzer's `ValidatePolicy`.

use crate::document::Kind;
use crate::position::Span;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// The policy does not work.
    Error,
    /// It allows more than is safe.
    SecurityWarning,
    /// It works, but not by good practice.
    Warning,
    /// It could be shorter or plainer.
    Suggestion,
}

/// Something found in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How grave.
    pub kind: FindingKind,
    /// AWS's issue code, such as `PASS_ROLE_WITH_STAR_IN_RESOURCE`.
    pub code: &'static str,
    /// A sentence or two for the author.
    pub details: String,
    /// Where.
    pub locations: Vec<Location>,
}

/// A place in a policy, by path and by position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// From the document's root to the element.
    pub path: Vec<PathElement>,
    /// Where it stands.
    pub span: Span,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathElement {
    /// An element of a list, from 0.
    Index(usize),
    /// The key of a member, and so the key itself.
    Key(String),
    /// The value of the member with that key.
    Value(String),
    /// A part of a text, counted in characters.
    Substring {
        /// Where it begins, from 0.
        start: usize,
        /// How long it is.
        length: usize,
    },
}

/// All that there is to say about a policy. A text that is no policy at all gives findings of [`FindingKind::Error`].
#[must_use]
pub fn validate(_text: &str, _kind: Kind) -> Vec<Finding> {
    Vec::new()
}

impl FindingKind {
    /// As `ValidatePolicy` writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::SecurityWarning => "SECURITY_WARNING",
            Self::Warning => "WARNING",
            Self::Suggestion => "SUGGESTION",
        }
    }
}
