//! What can be wrong with queries, and with one expression of them.

use super::check::Kind;
use super::tree::Function;

/// Queries that cannot be answered, whatever the data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// More than [`super::QUERIES_MAX`].
    #[error("{count} queries are more than {max}", max = super::QUERIES_MAX)]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// An id that is none.
    #[error("`{id}` is no id: a small letter, then letters, digits and `_`")]
    Id {
        /// As it was given.
        id: String,
    },
    /// Two queries with one id.
    #[error("the id `{id}` is used twice")]
    Repeated {
        /// The id.
        id: String,
    },
    /// A period that no metric has.
    #[error("{secs} is no period: 1, 5, 10, 20, 30 or a multiple of 60 up to 86400, in seconds")]
    Period {
        /// Whose.
        id: String,
        /// As it was given.
        secs: u32,
    },
    /// A label that says too much.
    #[error("the label of `{id}` has {what}")]
    Label {
        /// Whose.
        id: String,
        /// Of what there is too much.
        what: &'static str,
    },
    /// An expression that cannot be evaluated.
    #[error("error in expression `{id}`: {problem}")]
    Expression {
        /// Whose.
        id: String,
        /// What is wrong.
        problem: Problem,
    },
    /// Expressions that need each other.
    #[error("the expression `{id}` needs its own result")]
    Cycle {
        /// One of them.
        id: String,
    },
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Longer than [`super::EXPRESSION_CHARS_MAX`], or nothing.
    #[error("an expression has 1 to {max} characters", max = super::EXPRESSION_CHARS_MAX)]
    Length,
    /// It cannot be read.
    #[error("{why} at character {at}")]
    Syntax {
        /// Characters from 1.
        at: usize,
        /// What is wrong there.
        why: Syntax,
    },
    /// An id that no query has.
    #[error("there is no query `{id}`")]
    Unknown {
        /// The id.
        id: String,
    },
    /// A function of AWS's that is not here.
    #[error("{function} is not supported here")]
    Unsupported {
        /// Its name.
        function: Function,
    },
    /// An operator between things that it cannot join.
    #[error("unsupported operand type(s) for {operator}: '[{left}, {right}]'")]
    Operands {
        /// Such as `+`.
        operator: &'static str,
        /// What stands before it.
        left: Kind,
        /// What stands behind it.
        right: Kind,
    },
    /// A function with arguments that it does not take.
    #[error("{function} takes {takes}")]
    Arguments {
        /// Its name.
        function: Function,
        /// What it takes.
        takes: &'static str,
    },
    /// Something that is no value in the place of one.
    #[error("`{text}` is no value")]
    NoValue {
        /// As it is written.
        text: String,
    },
    /// A list of something else than series.
    #[error("a list holds time series")]
    List,
    /// A result that is one number.
    #[error("the result is a number, and must be a time series or an array of them")]
    Scalar,
    /// The text of a `SEARCH`.
    #[error("in the search: {0}")]
    Search(#[from] super::search::Error),
    /// A statistic of a `SEARCH`.
    #[error(transparent)]
    Statistic(#[from] crate::metric::statistic::NotStatistic),
    /// A period of a `SEARCH`.
    #[error("{0} is no period: 1, 5, 10, 20, 30 or a multiple of 60 up to 86400, in seconds")]
    Period(f64),
    /// A `SELECT` that cannot be read.
    #[error(transparent)]
    Select(#[from] super::select::Error),
}

/// Why an expression cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Syntax {
    /// A letter that nothing begins with.
    #[error("unexpected `{0}`")]
    Letter(char),
    /// Digits that are no number.
    #[error("`{0}` is no number")]
    Number(String),
    /// A quote without its second.
    #[error("a text without its end")]
    OpenText,
    /// Something else than what must stand here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What must stand here.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A function that there is not.
    #[error("there is no function `{0}`")]
    Function(String),
    /// Parentheses in more than [`super::DEPTH_MAX`] others.
    #[error("parentheses deeper than {max}", max = super::DEPTH_MAX)]
    Depth,
}
