//! `SEARCH`: the metrics that a text describes.
//!
//! ```text
//! SEARCH(' {AWS/EC2,InstanceId} MetricName="CPUUtilization" NOT i-1 ', 'Average', 300)
//!          schema              term                          term
//! ```
//!
//! Source: CloudWatch User Guide, "CloudWatch search expression syntax".

mod terms;
mod tokens;

#[cfg(test)]
mod tests;

use crate::metric::{Identity, Statistic};

use super::is_period;
use super::problem::Problem;
use super::tree::{Expr, Function};
use terms::{Condition, Schema};

/// Characters of a search. Source: the guide, "Search expression limits".
pub const SEARCH_CHARS_MAX: usize = 1024;

/// What a search is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    schema: Option<Schema>,
    condition: Option<Condition>,
}

/// Why a search cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than [`SEARCH_CHARS_MAX`].
    #[error("a search has at most {SEARCH_CHARS_MAX} characters")]
    Length,
    /// Neither schema nor term.
    #[error("a search has a schema, a term or both")]
    Empty,
    /// A quote without its second.
    #[error("a text without its end")]
    OpenText,
    /// A schema that cannot be read.
    #[error("a schema is `{{namespace, dimension, …}}`")]
    Schema,
    /// Something else than what must stand here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What must stand here.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// Parentheses in more than [`super::DEPTH_MAX`] others.
    #[error("parentheses deeper than {max}", max = super::DEPTH_MAX)]
    Depth,
}

impl Terms {
    /// Reads the text of a search.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        terms::parse(text)
    }

    /// Whether a metric is searched for.
    #[must_use]
    pub fn has(&self, metric: &Identity) -> bool {
        let has_schema = self.schema.as_ref().is_none_or(|schema| schema.has(metric));
        has_schema && self.condition.as_ref().is_none_or(|it| it.has(metric))
    }

    /// The only namespace that metrics can have.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.schema.as_ref().map(|schema| schema.namespace.as_str())
    }
}

/// A call of `SEARCH`.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) terms: Terms,
    pub(super) statistic: Statistic,
    /// None in the form of two arguments, which takes that of its query.
    pub(super) period_secs: Option<u32>,
}

impl Search {
    /// What the arguments say.
    pub(super) fn of(arguments: &[Expr]) -> Result<Self, Problem> {
        let (Some(Expr::Text(terms)), Some(Expr::Text(statistic)), 2..=3) =
            (arguments.first(), arguments.get(1), arguments.len())
        else {
            return Err(Problem::Arguments {
                function: Function::Search,
                takes: "a search and a statistic in quotes, and maybe a period",
            });
        };
        let period_secs = match arguments.get(2) {
            None => None,
            Some(Expr::Number(number)) => Some(period(*number)?),
            Some(_) => return Err(Problem::Period(f64::NAN)),
        };
        Ok(Self {
            terms: Terms::parse(terms)?,
            statistic: statistic.trim().parse()?,
            period_secs,
        })
    }
}

fn period(number: f64) -> Result<u32, Problem> {
    let whole = number.to_string().parse().ok();
    whole
        .filter(|secs| is_period(*secs))
        .ok_or(Problem::Period(number))
}
