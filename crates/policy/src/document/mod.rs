//! A policy, read once and compiled.

use crate::position::{Position, Problem, Span};

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
}

impl Document {
    /// Reads a policy as strictly as IAM does when one is saved.
    ///
    /// # Errors
    /// All that is wrong, in the order of the text.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, Vec<Problem>> {
        if text.is_empty() {
            return Err(vec![Problem::new(
                Position::default(),
                "the policy is empty",
            )]);
        }
        Ok(Self {
            kind,
            text: text.to_owned(),
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
        self.text.chars().filter(|c| !c.is_whitespace()).count()
    }

    /// Whether a decision may ask for facts: some statement has a condition or a variable.
    #[must_use]
    pub fn uses_facts(&self) -> bool {
        true
    }

    /// How many statements it has.
    #[must_use]
    pub fn statements(&self) -> usize {
        0
    }

    /// Where statement `index`, counted from 0, stands in the text.
    #[must_use]
    pub fn statement_span(&self, _index: usize) -> Option<Span> {
        None
    }
}
