//! One of the metrics and expressions that belong together: in an alarm, in a widget, in `GetMetricData`.

use super::{Identity, Statistic, Unit};

/// A metric or an expression with the id by which others name it.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Such as `m1`: a small letter, then letters, digits and `_`.
    pub id: String,
    /// What it is.
    pub source: Source,
    /// What people read; may hold `${...}`.
    pub label: Option<String>,
    /// Whether it is wanted itself, or only by expressions.
    pub is_returned: bool,
}

/// What a query is.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// One statistic of one metric.
    Metric(Stat),
    /// An expression.
    Expression {
        /// Such as `m1 / PERIOD(m1)`.
        text: String,
        /// Seconds of a period, where the expression must say so itself.
        period_secs: Option<u32>,
    },
}

/// One statistic of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Stat {
    /// Of which metric.
    pub identity: Identity,
    /// Which statistic.
    pub statistic: Statistic,
    /// Seconds of a period.
    pub period_secs: u32,
    /// In which unit; none takes what there is.
    pub unit: Option<Unit>,
}
