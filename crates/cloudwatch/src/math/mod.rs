//! Metric math: queries that read metrics and make series of them, `SEARCH`, Metrics Insights, and labels.
//!
//! Pure: no clock, no wire; metrics come through [`crate::metric::Read`], which may block. Whoever has several queries
//! that belong together makes a [`Plan`] of them once and runs it as often as wanted:
//!
//! - `GetMetricData` and a widget: [`Plan::new`], then [`Plan::run`] for a [`Window`]
//! - an alarm: [`Plan::new`], then [`Plan::alarm`], which says the alarm's period and whether one series comes of it or
//!   one for each contributor; then [`Plan::run`] for the window that the alarm evaluates
//!
//! | module | holds |
//! |---|---|
//! | [`plan`] | [`Plan`]: what is checked before any data is read |
//! | [`run`] | [`Plan::run`] and its [`Answer`]s |
//! | [`alarm`] | [`Plan::alarm`] |
//! | [`tree`] | [`Expr`], an expression, and its text |
//! | [`parse()`] | reads an expression |
//! | `band` | `ANOMALY_DETECTION_BAND`, out of [`crate::anomaly`] |
//! | [`search`] | `SEARCH` |
//! | [`select`] | Metrics Insights: `SELECT … FROM …` |
//! | [`label`] | labels with `${…}`, and those of metrics that have none |
//! | [`problem`] | what can be wrong |
//!
//! # Where AWS's documentation says nothing
//!
//! Chosen: the precedence of arithmetic; `MIN`, `MAX` and `STDDEV` of an array leave out missing values where `AVG` takes
//! them for 0; the deviation is that of a whole population; series of several periods are joined at the times that they
//! have, and the result has the shorter period; `FILL` does not fill periods that have not begun; an expression that is
//! not returned may be a number. The lower edge of a band comes first, as in what users of AWS write
//! (`m1 > LAST(ANOMALY_DETECTION_BAND(m1))` for what is above it).
//!
//! Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics".

pub mod alarm;
pub mod label;
pub mod plan;
pub mod problem;
pub mod run;
pub mod search;
pub mod select;
pub mod tree;

mod band;
mod check;
mod evaluate;
mod functions;
mod lex;
mod parse;
mod series;

#[cfg(test)]
mod tests;

pub use alarm::{NotForAlarms, Watched};
pub use band::{Units, is_band};
pub use check::Kind;
pub use parse::parse;
pub use plan::Plan;
pub use problem::{Invalid, Problem, Syntax};
pub use run::{Answer, Failed, Message, Options, Results, Window};
pub use tree::{Expr, Function, Operator};

/// Queries that belong together. Source: `GetMetricData`, "a single request can include up to 500".
pub const QUERIES_MAX: usize = 500;
/// Characters of an expression. Source: the service model, `MetricExpression`.
pub const EXPRESSION_CHARS_MAX: usize = 2048;
/// Characters of an id. Source: the service model, `MetricId`.
pub const ID_CHARS_MAX: usize = 255;
/// How deep parentheses may lie. Chosen: far more than people write, far less than a thread's stack holds.
pub const DEPTH_MAX: usize = 64;
/// Series of one search or `SELECT`. Source: CloudWatch User Guide, "Search expression limits".
pub const SERIES_MAX: usize = 500;
/// Series that all queries of a run may give together. Chosen: ten searches' worth.
pub const ANSWERS_MAX: usize = 5_000;
/// Points that a run may read and make on its way, 16 bytes each. Chosen: 500 metrics over a week of minutes.
pub const RUN_POINTS_MAX: usize = 5_040_000;
/// The period of what says none where no metric has one. Chosen: that of AWS's graphs.
pub const PERIOD_SECS: u32 = 300;

/// Whether metrics have such periods: 1, 5, 10, 20, 30 or a multiple of 60 up to 86 400 seconds.
#[must_use]
pub const fn is_period(secs: u32) -> bool {
    matches!(secs, 1 | 5 | 10 | 20 | 30) || (secs > 0 && secs.is_multiple_of(60) && secs <= 86_400)
}
