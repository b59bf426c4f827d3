//! Where in a policy's text something stands, and what is wrong there.

use std::fmt;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Bytes before it.
    pub offset: usize,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, counted in characters.
    pub column: usize,
}

/// From the first character of something to just behind its last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// Just behind the last character.
    pub end: Position,
}

/// Why a text is not a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// Bytes before it.
    pub offset: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Default for Position {
    /// The first character of a text.
    fn default() -> Self {
        Self {
            offset: 0,
            line: 1,
            column: 1,
        }
    }
}

impl Span {
    /// Line and column of start and end as `SimulateCustomPolicy` counts them: a statement starts behind its brace.
    ///
    /// Observed in the examples of AWS's command line reference: a statement whose brace is the 37th character starts
    /// at column 38, and ends at the column behind its last brace.
    #[must_use]
    pub fn simulated(self) -> [(usize, usize); 2] {
        let start = (self.start.line, self.start.column.saturating_add(1));
        [start, (self.end.line, self.end.column)]
    }
}

impl Problem {
    /// A problem that begins at `at`.
    #[must_use]
    pub fn new(at: Position, message: impl Into<String>) -> Self {
        Self {
            line: at.line,
            column: at.column,
            offset: at.offset,
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
            ..
        } = self;
        write!(f, "line {line}, column {column}: {message}")
    }
}

impl std::error::Error for Problem {}
