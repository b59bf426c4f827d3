//! The one place where what is wrong with queries becomes codes on the wire.
//!
//! Texts are AWS's where they are known (from answers that the issues of botocore and Terraform show), and say what is
//! wrong where AWS's are not.

use api::Fault;

use crate::math::{Failed, Invalid, QUERIES_MAX};
use crate::metric::unit;

/// What can be wrong with a query before it is planned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Wrong {
    /// Both a metric and an expression.
    #[error(
        "The parameters MetricDataQuery Expression and MetricStat are mutually exclusive and you have specified both."
    )]
    Both,
    /// Neither of them.
    #[error("The parameters MetricDataQuery Expression and MetricStat must not both be null.")]
    Neither,
    /// Another account's.
    #[error("The account {account} is not linked to this one.")]
    Account {
        /// Whose.
        account: String,
    },
    /// Something that must be there.
    #[error("The parameter {path} is required.")]
    Missing {
        /// Where.
        path: String,
    },
    /// Too long, or nothing.
    #[error("The parameter {path} must have a length from 1 to {max}.")]
    Length {
        /// Where.
        path: String,
        /// Characters that it may have.
        max: usize,
    },
    /// Too many.
    #[error("The collection {path} must not have a size greater than {max}.")]
    Many {
        /// Where.
        path: String,
        /// How many there may be.
        max: usize,
    },
    /// A value that may not be.
    #[error("The value {value} for parameter {path} is invalid.")]
    Value {
        /// Where.
        path: String,
        /// As it was given.
        value: String,
    },
    /// No statistic.
    #[error("The value {value} for parameter {path} is not supported.")]
    Statistic {
        /// Where.
        path: String,
        /// As it was given.
        value: String,
    },
    /// No period.
    #[error(
        "The parameter {path} must be one of 1, 5, 10, 20 and 30, or a multiple of 60 up to 86400."
    )]
    Period {
        /// Where.
        path: String,
    },
    /// No unit.
    #[error(
        "1 validation error detected: Value '{value}' at 'unit' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
        units()
    )]
    Unit {
        /// As it was given.
        value: String,
    },
    /// No order of points.
    #[error(
        "1 validation error detected: Value '{value}' at 'scanBy' failed to satisfy constraint: Member must satisfy enum value set: [TimestampDescending, TimestampAscending]"
    )]
    ScanBy {
        /// As it was given.
        value: String,
    },
    /// A time that ends before it begins.
    #[error("The parameter StartTime must be less than the parameter EndTime.")]
    Times,
    /// No query.
    #[error("The collection MetricDataQueries must not be empty.")]
    NoQuery,
    /// No number of points.
    #[error("The parameter MaxDatapoints must be from 1 to {max}.", max = super::page::POINTS_MAX)]
    MaxDatapoints,
    /// No time zone.
    #[error(
        "The value {value} for parameter LabelOptions.Timezone is not + or - and four digits of hours and minutes."
    )]
    Timezone {
        /// As it was given.
        value: String,
    },
}

fn units() -> String {
    unit::ALL.map(unit::Unit::as_str).join(", ")
}

impl From<Wrong> for Fault {
    fn from(wrong: Wrong) -> Self {
        validation(wrong.to_string())
    }
}

fn validation(text: String) -> Fault {
    Fault::sender("ValidationError", text)
}

/// Queries that are refused, of `GetMetricData` and of alarms.
pub(crate) fn of_invalid(invalid: &Invalid) -> Fault {
    validation(match invalid {
        Invalid::TooMany { .. } => format!(
            "The collection MetricDataQueries must not have a size greater than {QUERIES_MAX}."
        ),
        Invalid::Id { .. } => "The values for parameter id in MetricDataQueries are not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.".to_owned(),
        Invalid::Repeated { .. } => {
            "The values for parameter id in MetricDataQueries are not unique.".to_owned()
        }
        Invalid::Period { id, secs } => format!("The period {secs} of {id} must be one of 1, 5, 10, 20 and 30, or a multiple of 60 up to 86400."),
        Invalid::Label { id, what } => format!("The label of {id} has {what}."),
        Invalid::Expression { id, problem } => format!("Error in expression '{id}': {problem}"),
        Invalid::Cycle { id } => format!("Error in expression '{id}': it needs its own result"),
    })
}

/// A run that came to nothing.
pub(super) fn of_failed(failed: &Failed) -> Fault {
    match failed {
        Failed::TooMuch => {
            let text = failed.to_string();
            Fault::sender("LimitExceeded", text)
        }
        Failed::Unreadable(error) => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, cause, "metrics could not be read");
            Fault::internal()
        }
    }
}

/// A token that no page gave.
pub(super) fn token() -> Fault {
    Fault::sender(
        "InvalidNextToken",
        "NextToken is not one that a request with the same queries and times gave.",
    )
}
