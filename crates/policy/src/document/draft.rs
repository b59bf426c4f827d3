//! A policy as it is written, each part with its place, before it is judged or compiled.
//!
//! Reading never stops at the first fault: it collects issues. [`Document::parse`](super::Document::parse) refuses a
//! policy that has one which [`Issue::is_refused`]; `validate` reports them all and then looks for more.

use crate::condition::operator::{Operator, Qualifier};
use crate::document::codes::Code;
use crate::document::{Effect, Kind};
use crate::json::{self, Node};
use crate::position::{Position, Problem, Span};
use crate::validate::{Finding, Location, PathElement};

/// A policy as it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) version: Option<Version>,
    pub(crate) statements: Vec<DraftStatement>,
    /// Of the whole document.
    pub(crate) at: Location,
}

/// The version of the language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Version {
    /// 2008-10-17, also when none is given: variables are plain text.
    #[default]
    Old,
    /// 2012-10-17.
    New,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct DraftStatement {
    pub(crate) at: Location,
    pub(crate) sid: Option<Written>,
    pub(crate) effect: Option<Effect>,
    pub(crate) principal: Option<Element<DraftPrincipal>>,
    pub(crate) actions: Option<Element<Written>>,
    pub(crate) resources: Option<Element<Written>>,
    pub(crate) conditions: Vec<DraftCondition>,
}

/// `Action` or `NotAction`, and their like.
#[derive(Clone, Debug)]
pub(crate) struct Element<T> {
    /// It is the `Not…` form.
    pub(crate) is_not: bool,
    pub(crate) at: Location,
    pub(crate) values: Vec<T>,
}

/// A text where it stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) at: Location,
}

/// One principal.
#[derive(Clone, Debug)]
pub(crate) struct DraftPrincipal {
    pub(crate) sort: PrincipalSort,
    pub(crate) name: Written,
}

/// The key under which a principal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrincipalSort {
    Aws,
    Service,
    Federated,
    CanonicalUser,
}

#[derive(Clone, Debug)]
pub(crate) struct DraftCondition {
    pub(crate) operator: Operator,
    pub(crate) operator_name: String,
    pub(crate) key: Written,
    pub(crate) values: Vec<Written>,
}

/// Something that was noticed while reading.
#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) finding: Finding,
    /// A policy with this is not taken.
    pub(crate) is_refused: bool,
}

/// Reads `text`, as far as it can be read.
pub(crate) fn read(text: &str, kind: Kind) -> (Draft, Vec<Issue>) {
    let mut reader = Reader {
        kind,
        version: Version::Old,
        issues: Vec::new(),
        path: Vec::new(),
    };
    let draft = match json::parse(text) {
        Ok(node) => reader.document(&node),
        Err(problem) => {
            reader.syntax(&problem);
            Draft::default()
        }
    };
    (draft, reader.issues)
}

impl Draft {
    pub(crate) fn version(&self) -> Version {
        self.version.unwrap_or_default()
    }
}

impl DraftCondition {
    pub(crate) fn has_qualifier(&self) -> bool {
        self.operator.qualifier != Qualifier::None
    }
}

/// Reads values into a [`Draft`]; the steps from the root to where it reads are its path.
pub(super) struct Reader {
    pub(super) kind: Kind,
    pub(super) version: Version,
    issues: Vec<Issue>,
    path: Vec<PathElement>,
}

impl Reader {
    /// Notices something that a policy may have.
    pub(super) fn note(&mut self, code: Code, span: Span, details: impl Into<String>) {
        self.issue(code, span, details.into(), false);
    }

    /// Notices something that a policy may not have.
    pub(super) fn refuse(&mut self, code: Code, span: Span, details: impl Into<String>) {
        self.issue(code, span, details.into(), true);
    }

    fn issue(&mut self, code: Code, span: Span, details: String, is_refused: bool) {
        let location = self.at(span);
        self.issues.push(Issue {
            finding: Finding {
                kind: code.kind,
                code: code.name,
                details,
                locations: vec![location],
            },
            is_refused,
        });
    }

    fn syntax(&mut self, problem: &Problem) {
        let at = Position {
            offset: problem.offset,
            line: problem.line,
            column: problem.column,
        };
        let details = format!(
            "Fix the JSON syntax error at index {} line {} column {}: {}.",
            at.offset, at.line, at.column, problem.message
        );
        self.refuse(
            super::codes::JSON_SYNTAX_ERROR,
            Span { start: at, end: at },
            details,
        );
    }

    /// Where something stands that is reached by the path.
    pub(super) fn at(&self, span: Span) -> Location {
        Location {
            path: self.path.clone(),
            span,
        }
    }

    /// Goes one step down the path while `read` reads.
    pub(super) fn within<T>(&mut self, step: PathElement, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let result = read(self);
        self.path.pop();
        result
    }

    /// Goes to the value of `key` while `read` reads.
    pub(super) fn value_of<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.within(PathElement::Value(key.to_owned()), read)
    }

    pub(super) fn mismatch(&mut self, node: &Node, wanted: &str) {
        let details = format!(
            "The text does not match the expected JSON data type: {wanted} is expected, {} is given.",
            node.value.name()
        );
        self.refuse(super::codes::DATA_TYPE_MISMATCH, node.span, details);
    }
}
