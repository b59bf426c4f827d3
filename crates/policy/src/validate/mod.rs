//! What is wrong, risky or superfluous in a policy: the checks of Access Analyzer's `ValidatePolicy`.

mod conditions;
mod keys;
mod redundant;
mod resources;
mod statement;

use crate::document::codes::{Code, MISSING_VERSION, POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA};
use crate::document::draft::{Draft, read};
use crate::document::{Kind, size};
use crate::position::Span;

/// Characters of a customer's managed policy without white space: IAM's quota.
const MANAGED_POLICY_SIZE_MAX: usize = 6_144;

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
    /// The key itself of the member with that key.
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

/// All that there is to say about a policy, the gravest first. A text that is no policy at all gives findings of
/// [`FindingKind::Error`].
///
/// A policy of [`Kind::Resource`] in which every statement is about `sts:` actions and none has a `Resource` is taken for
/// a trust policy, which `ValidatePolicy` does not tell apart.
#[must_use]
pub fn validate(text: &str, kind: Kind) -> Vec<Finding> {
    let kind = if kind == Kind::Resource && is_trust(&read(text, kind).0) {
        Kind::Trust
    } else {
        kind
    };
    let (draft, issues) = read(text, kind);
    let mut findings = issues
        .into_iter()
        .map(|issue| issue.finding)
        .collect::<Vec<_>>();
    let mut checker = Checker::default();
    if !draft.statements.is_empty() {
        checker.document(&draft, text, kind);
    }
    findings.append(&mut checker.findings);
    findings.sort_by_key(|finding| (finding.kind, finding.offset()));
    findings
}

fn is_trust(draft: &Draft) -> bool {
    let is_sts = |action: &str| action.to_ascii_lowercase().starts_with("sts:");
    draft.statements.iter().all(|statement| {
        let mut actions = statement.actions.iter().flat_map(|actions| &actions.values);
        statement.resources.is_none() && actions.all(|action| is_sts(&action.text))
    })
}

/// Looks for what no reading can show.
#[derive(Debug, Default)]
struct Checker {
    findings: Vec<Finding>,
}

impl Checker {
    fn add(&mut self, code: Code, locations: Vec<Location>, details: impl Into<String>) {
        self.findings.push(Finding {
            kind: code.kind,
            code: code.name,
            details: details.into(),
            locations,
        });
    }

    fn document(&mut self, draft: &Draft, text: &str, kind: Kind) {
        if draft.version.is_none() {
            let details = "We recommend that you specify the Version element to help you with debugging permission issues.";
            self.add(MISSING_VERSION, vec![draft.at.clone()], details);
        }
        let size = size(text);
        if kind == Kind::Identity && size > MANAGED_POLICY_SIZE_MAX {
            let details = format!(
                "The {size} characters in the identity policy, excluding whitespace, exceed the {MANAGED_POLICY_SIZE_MAX} \
                 character maximum for inline and managed policies. We recommend that you use multiple granular \
                 policies."
            );
            self.add(
                POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA,
                vec![draft.at.clone()],
                details,
            );
        }
        for statement in &draft.statements {
            self.statement(statement, kind);
            self.resources(statement);
            self.variables(statement, draft.version());
            for condition in &statement.conditions {
                self.condition(condition, statement);
            }
            self.condition_keys(statement);
        }
        self.redundant_statements(&draft.statements);
    }
}

impl Finding {
    /// The page that explains it.
    #[must_use]
    pub fn learn_more(&self) -> String {
        let kind = match self.kind {
            FindingKind::Error => "error",
            FindingKind::SecurityWarning => "security-warning",
            FindingKind::Warning => "general-warning",
            FindingKind::Suggestion => "suggestion",
        };
        let code = self.code.to_ascii_lowercase().replace('_', "-");
        format!(
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-\
             analyzer-reference-policy-checks-{kind}-{code}"
        )
    }

    fn offset(&self) -> usize {
        self.locations
            .first()
            .map_or(0, |location| location.span.start.offset)
    }
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

#[cfg(test)]
mod tests;
