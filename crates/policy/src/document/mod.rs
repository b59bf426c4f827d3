//! A policy, read once and compiled.

pub(crate) mod codes;
pub(crate) mod draft;
mod read;
mod statement;
pub(crate) mod values;

use crate::position::{Position, Problem, Span};
use crate::template::Key;
use draft::{Issue, read};
pub(crate) use statement::Statement;

/// Bytes of a policy's text. AWS's largest, ReadOnlyAccess, has 82,974; quotas for one's own are far below.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;

/// What a policy is attached to. It decides which elements the policy must and must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// To a user, group or role, or as a permissions boundary or a session policy: no `Principal`.
    Identity,
    /// To a resource such as a queue or a bucket: with `Principal`.
    Resource,
    /// To a role, saying who may assume it: with `Principal`, without `Resource`.
    Trust,
}

/// What a statement does with the requests that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Allows them, unless something else denies.
    Allow,
    /// Denies them, whatever else allows.
    Deny,
}

/// A policy, read once and compiled. Cheap to ask, immutable, shared behind an `Arc`.
#[derive(Clone, Debug)]
pub struct Document {
    kind: Kind,
    text: String,
    statements: Vec<Statement>,
    uses_facts: bool,
}

impl Document {
    /// Reads a policy as strictly as IAM does when one is saved.
    ///
    /// # Errors
    /// All that is wrong, in the order of the text.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, Vec<Problem>> {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!(
                "the policy has {} bytes; at most {TEXT_BYTES_MAX} are read",
                text.len()
            );
            return Err(vec![Problem::new(Position::default(), message)]);
        }
        let (draft, issues) = read(text, kind);
        let mut problems = issues
            .iter()
            .filter(|issue| issue.is_refused)
            .map(Issue::problem)
            .collect::<Vec<_>>();
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.offset);
            return Err(problems);
        }
        let version = draft.version();
        let statements = draft
            .statements
            .into_iter()
            .map(|statement| Statement::new(statement, version))
            .collect::<Vec<_>>();
        Ok(Self {
            kind,
            text: text.to_owned(),
            uses_facts: statements.iter().any(Statement::uses_facts),
            statements,
        })
    }

    /// What it is attached to.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The text as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Characters without the white space between the elements, which is what IAM's quotas count.
    #[must_use]
    pub fn size(&self) -> usize {
        size(&self.text)
    }

    /// Whether a decision may ask for facts: some statement has a condition or a variable.
    #[must_use]
    pub fn uses_facts(&self) -> bool {
        self.uses_facts
    }

    /// How many statements it has.
    #[must_use]
    pub fn statements(&self) -> usize {
        self.statements.len()
    }

    /// Where statement `index`, counted from 0, stands in the text.
    #[must_use]
    pub fn statement_span(&self, index: usize) -> Option<Span> {
        self.statements.get(index).map(|statement| statement.span)
    }

    pub(crate) fn all(&self) -> &[Statement] {
        &self.statements
    }

    /// Every context key that a statement asks for, as often as it does.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.statements.iter().flat_map(Statement::keys)
    }
}

/// Characters of `text` without the white space outside of strings.
pub(crate) fn size(text: &str) -> usize {
    let mut is_within = false;
    let mut is_escaped = false;
    text.chars()
        .filter(|c| {
            let counts = is_within || !c.is_ascii_whitespace();
            match c {
                '"' if !is_escaped => is_within = !is_within,
                '\\' if is_within && !is_escaped => {
                    is_escaped = true;
                    return counts;
                }
                _ => {}
            }
            is_escaped = false;
            counts
        })
        .count()
}

impl Issue {
    fn problem(&self) -> Problem {
        let at = self
            .finding
            .locations
            .first()
            .map(|location| location.span.start)
            .unwrap_or_default();
        Problem::new(at, self.finding.details.trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests;
