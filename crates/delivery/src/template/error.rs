//! What can be wrong with a template, and with what is filled in.

use std::fmt;

/// A place in a text, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub character: usize,
    /// Whether the text has only one line.
    is_only: bool,
}

impl At {
    /// The place of the byte `at` of `text`.
    pub(super) fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line_begin = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            line: before.matches('\n').count() + 1,
            character: before.get(line_begin..).unwrap_or("").chars().count() + 1,
            is_only: !text.contains('\n'),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_only {
            write!(f, "line {}, ", self.line)?;
        }
        write!(f, "character {}", self.character)
    }
}

/// Why a text is no template: what is wrong, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} (at {at})")]
pub struct Invalid {
    /// What is wrong and what would be right.
    pub detail: String,
    /// Where it begins.
    pub at: At,
}

/// Why a template cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    /// The macro gives nothing and has no default.
    #[error(
        "macro `{{{name}}}` gives nothing: {name} {why}; {would_be}, or give the macro a `default:\"…\"`"
    )]
    Nothing {
        /// The name in the macro.
        name: String,
        /// In which way.
        why: &'static str,
        /// Where it would come from.
        would_be: &'static str,
    },
    /// Its value is no UTF-8 where only text can stand.
    #[error("macro `{{{name}}}` cannot be filled in: its value is not UTF-8")]
    NotText {
        /// The name in the macro.
        name: String,
    },
    /// The filter `json` met what is no JSON.
    #[error("macro `{{{name}}}` cannot be filled in: its value is not JSON ({detail})")]
    NotJson {
        /// The name in the macro.
        name: String,
        /// What the reader says.
        detail: String,
    },
    /// A control character in a header.
    #[error(
        "macro `{{{name}}}` cannot stand in a header: its value holds CR, LF, NUL or another control character"
    )]
    Control {
        /// The name in the macro.
        name: String,
    },
    /// `.` or `..` in the path of a URL, which would be another path.
    #[error(
        "macro `{{{name}}}` cannot stand in the path of a URL: its value is `.` or `..`, which would make it another path"
    )]
    Dots {
        /// The name in the macro.
        name: String,
    },
    /// More than [`RENDERED_BYTES_MAX`](super::RENDERED_BYTES_MAX).
    #[error("the template becomes longer than {max} bytes", max = super::RENDERED_BYTES_MAX)]
    TooLarge,
}

impl Unfilled {
    /// Whether a value was missing or of the wrong form; else it asks for what is not allowed.
    #[must_use]
    pub fn is_unresolved(&self) -> bool {
        match self {
            Self::Nothing { .. } | Self::NotText { .. } | Self::NotJson { .. } => true,
            Self::Control { .. } | Self::Dots { .. } | Self::TooLarge => false,
        }
    }
}
