//! ARNs as `ArnLike` compares them: each of the six fields on its own, so that a star does not run over a colon.
//!
//! A star alone fits every ARN.

use std::borrow::Cow;

use crate::glob::{Glob, Token};
use crate::template::{Asker, Part, fixed, resolve};

#[derive(Clone, Debug)]
pub(crate) enum ArnPattern {
    All,
    /// One for each field; not six of them fit nothing.
    Fields(Box<[Glob]>),
    Template(Box<[Part]>),
}

/// Fields of an ARN; the last holds the rest.
const FIELDS: usize = 6;

impl ArnPattern {
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        if parts == [Part::Any] {
            return Self::All;
        }
        if parts
            .iter()
            .any(|part| matches!(part, Part::Variable { .. }))
        {
            return Self::Template(parts.into());
        }
        Self::Fields(fields(&fixed(&parts)))
    }

    /// The parts, where it has variables.
    pub(crate) fn template(&self) -> &[Part] {
        match self {
            Self::Template(parts) => parts,
            Self::All | Self::Fields(_) => &[],
        }
    }

    pub(crate) fn matches<'a>(&'a self, found: &str, asker: &mut Asker<'_, 'a>) -> bool {
        match self {
            Self::All => found.splitn(FIELDS, ':').count() == FIELDS,
            Self::Fields(fields) => fit(fields, found),
            Self::Template(parts) => {
                resolve(parts, asker).is_some_and(|tokens| fit(&fields(&tokens), found))
            }
        }
    }
}

fn fit(fields: &[Glob], found: &str) -> bool {
    let mut found = found.splitn(FIELDS, ':');
    let fit = fields
        .iter()
        .all(|field| found.next().is_some_and(|found| field.matches(found)));
    fit && fields.len() == FIELDS && found.next().is_none()
}

/// Cuts a pattern at its first five colons.
fn fields(tokens: &[Token<'_>]) -> Box<[Glob]> {
    let mut fields = vec![Vec::new()];
    for token in tokens {
        let Token::Text(text) = token else {
            push(&mut fields, token.clone());
            continue;
        };
        let left = FIELDS.saturating_sub(fields.len()).saturating_add(1);
        for (index, piece) in text.splitn(left, ':').enumerate() {
            if index > 0 {
                fields.push(Vec::new());
            }
            push(&mut fields, Token::Text(Cow::Borrowed(piece)));
        }
    }
    fields.iter().map(|tokens| Glob::new(tokens)).collect()
}

fn push<'t>(fields: &mut [Vec<Token<'t>>], token: Token<'t>) {
    if let Some(last) = fields.last_mut() {
        last.push(token);
    }
}
