//! An expression as a tree, and its text.

use std::fmt;

/// An expression.
///
/// Its text (`Display`) has parentheses around every operation and is read again as the same tree, unless it is longer or
/// deeper than what is read.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `5`. Never negative: that is a [`Expr::Negate`].
    Number(f64),
    /// `m1`.
    Id(String),
    /// `'…'`, with its backslashes.
    Text(String),
    /// `ASC`, `REPEAT`, or the name of a function without parentheses.
    Word(String),
    /// `[m1, m2]`.
    List(Vec<Expr>),
    /// `-m1`.
    Negate(Box<Expr>),
    /// `m1 + m2`.
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `SUM(m1)`.
    Call(Function, Vec<Expr>),
}

/// What stands between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Equal,
    Unequal,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    And,
    Or,
}

/// Every operator with its sign.
pub(super) const OPERATORS: [(&str, Operator); 13] = [
    ("+", Operator::Add),
    ("-", Operator::Subtract),
    ("*", Operator::Multiply),
    ("/", Operator::Divide),
    ("^", Operator::Power),
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("AND", Operator::And),
    ("OR", Operator::Or),
];

impl Operator {
    /// As it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        let found = OPERATORS.iter().find(|(_, operator)| *operator == self);
        found.map_or("", |(sign, _)| sign)
    }
}

/// The functions. Source: CloudWatch User Guide, "Functions supported for metric math".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the guide says it")]
pub enum Function {
    Abs,
    AnomalyDetectionBand,
    Avg,
    Ceil,
    DatapointCount,
    Date,
    Day,
    DbPerfInsights,
    Diff,
    DiffTime,
    Epoch,
    Fill,
    First,
    Floor,
    Hour,
    If,
    InsightRuleMetric,
    Lambda,
    Last,
    Log,
    Log10,
    Max,
    MetricCount,
    Metrics,
    Min,
    Minute,
    Month,
    Period,
    Rate,
    RemoveEmpty,
    RunningSum,
    Search,
    ServiceQuota,
    Slice,
    Sort,
    Stddev,
    Sum,
    TimeSeries,
    Year,
}

/// Every function with its name.
pub(super) const FUNCTIONS: [(&str, Function); 39] = [
    ("ABS", Function::Abs),
    ("ANOMALY_DETECTION_BAND", Function::AnomalyDetectionBand),
    ("AVG", Function::Avg),
    ("CEIL", Function::Ceil),
    ("DATAPOINT_COUNT", Function::DatapointCount),
    ("DATE", Function::Date),
    ("DAY", Function::Day),
    ("DB_PERF_INSIGHTS", Function::DbPerfInsights),
    ("DIFF", Function::Diff),
    ("DIFF_TIME", Function::DiffTime),
    ("EPOCH", Function::Epoch),
    ("FILL", Function::Fill),
    ("FIRST", Function::First),
    ("FLOOR", Function::Floor),
    ("HOUR", Function::Hour),
    ("IF", Function::If),
    ("INSIGHT_RULE_METRIC", Function::InsightRuleMetric),
    ("LAMBDA", Function::Lambda),
    ("LAST", Function::Last),
    ("LOG", Function::Log),
    ("LOG10", Function::Log10),
    ("MAX", Function::Max),
    ("METRIC_COUNT", Function::MetricCount),
    ("METRICS", Function::Metrics),
    ("MIN", Function::Min),
    ("MINUTE", Function::Minute),
    ("MONTH", Function::Month),
    ("PERIOD", Function::Period),
    ("RATE", Function::Rate),
    ("REMOVE_EMPTY", Function::RemoveEmpty),
    ("RUNNING_SUM", Function::RunningSum),
    ("SEARCH", Function::Search),
    ("SERVICE_QUOTA", Function::ServiceQuota),
    ("SLICE", Function::Slice),
    ("SORT", Function::Sort),
    ("STDDEV", Function::Stddev),
    ("SUM", Function::Sum),
    ("TIME_SERIES", Function::TimeSeries),
    ("YEAR", Function::Year),
];

impl Function {
    /// The function of this name, in capital letters.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = FUNCTIONS.iter().find(|(known, _)| *known == name);
        found.map(|(_, function)| *function)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = FUNCTIONS.iter().find(|(_, function)| function == self);
        f.write_str(found.map_or("", |(name, _)| name))
    }
}

impl Expr {
    /// Calls `visit` for this expression and everything within.
    pub(super) fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::List(parts) | Self::Call(_, parts) => {
                parts.iter().for_each(|part| part.visit(visit));
            }
            Self::Negate(inner) => inner.visit(visit),
            Self::Binary(_, left, right) => {
                left.visit(visit);
                right.visit(visit);
            }
            Self::Number(_) | Self::Id(_) | Self::Text(_) | Self::Word(_) => {}
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Id(text) | Self::Word(text) => f.write_str(text),
            Self::Text(text) => quoted(text, f),
            Self::List(parts) => {
                f.write_str("[")?;
                joined(parts, f)?;
                f.write_str("]")
            }
            Self::Negate(inner) => write!(f, "(-{inner})"),
            Self::Binary(operator, left, right) => {
                write!(f, "({left} {} {right})", operator.sign())
            }
            Self::Call(function, arguments) => {
                write!(f, "{function}(")?;
                joined(arguments, f)?;
                f.write_str(")")
            }
        }
    }
}

/// In the quote that it does not hold, or that it holds behind backslashes only.
fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut is_escaped = false;
    let has_open_quote = text.chars().any(|letter| {
        let is_open = letter == '\'' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        is_open
    });
    let quote = if has_open_quote { '"' } else { '\'' };
    write!(f, "{quote}{text}{quote}")
}

fn joined(parts: &[Expr], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{part}")?;
    }
    Ok(())
}
