//! What kind of thing an expression gives, before any data is read.

use std::fmt;

use super::problem::Problem;
use super::search::Search;
use super::tree::{Expr, Function, Operator};

/// The three kinds of values. Source: CloudWatch User Guide, "Data type abbreviations".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `S`: a number.
    Scalar,
    /// `TS`: a time series.
    Series,
    /// `TS[]`: an array of time series.
    Array,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "Scalar",
            Self::Series => "TimeSeries",
            Self::Array => "Array[TimeSeries]",
        })
    }
}

/// The kind of what `expr` gives, where `of` knows the kinds of ids.
///
/// # Errors
/// [`Problem`], where the expression cannot be evaluated whatever the data.
pub(super) fn kind(expr: &Expr, of: &dyn Fn(&str) -> Option<Kind>) -> Result<Kind, Problem> {
    match expr {
        Expr::Number(_) => Ok(Kind::Scalar),
        Expr::Id(id) => of(id).ok_or_else(|| Problem::Unknown { id: id.clone() }),
        Expr::Text(_) | Expr::Word(_) => Err(Problem::NoValue {
            text: expr.to_string(),
        }),
        Expr::List(parts) => list(parts, of),
        Expr::Negate(inner) => kind(inner, of),
        Expr::Binary(operator, left, right) => joined(*operator, kind(left, of)?, kind(right, of)?),
        Expr::Call(function, arguments) => call(*function, arguments, of),
    }
}

fn list(parts: &[Expr], of: &dyn Fn(&str) -> Option<Kind>) -> Result<Kind, Problem> {
    for part in parts {
        if kind(part, of)? == Kind::Scalar {
            return Err(Problem::List);
        }
    }
    match parts {
        [] => Err(Problem::List),
        _ => Ok(Kind::Array),
    }
}

/// Two arrays have no operator; the guide's table has all other pairs.
fn joined(operator: Operator, left: Kind, right: Kind) -> Result<Kind, Problem> {
    match (left, right) {
        (Kind::Array, Kind::Array) => Err(Problem::Operands {
            operator: operator.sign(),
            left,
            right,
        }),
        (Kind::Scalar, Kind::Scalar) => Ok(Kind::Scalar),
        (Kind::Array, _) | (_, Kind::Array) => Ok(Kind::Array),
        _ => Ok(Kind::Series),
    }
}

/// The words that `SORT` sorts by.
pub(super) const SORT_BY: [&str; 4] = ["AVG", "MIN", "MAX", "SUM"];

fn call(
    function: Function,
    arguments: &[Expr],
    of: &dyn Fn(&str) -> Option<Kind>,
) -> Result<Kind, Problem> {
    use Function as F;
    let wrong = |takes| Err(Problem::Arguments { function, takes });
    let is = |expr: &Expr, wanted: &[Kind]| Ok::<_, Problem>(wanted.contains(&kind(expr, of)?));
    match function {
        F::AnomalyDetectionBand => super::band::check(arguments, of),
        F::DbPerfInsights | F::InsightRuleMetric | F::Lambda | F::ServiceQuota => {
            Err(Problem::Unsupported { function })
        }
        F::Metrics => match arguments {
            [] | [Expr::Text(_)] => Ok(Kind::Array),
            _ => wrong("nothing or a text"),
        },
        F::Search => search(arguments),
        F::If => condition(arguments, of),
        F::Fill => filled(arguments, of),
        F::Sort => match arguments {
            [array, Expr::Word(by), Expr::Word(order), limit @ ..]
                if SORT_BY.contains(&by.as_str())
                    && ["ASC", "DESC"].contains(&order.as_str())
                    && limit.len() <= 1
                    && is(array, &[Kind::Array])?
                    && limit
                        .iter()
                        .all(|limit| kind(limit, of) == Ok(Kind::Scalar)) =>
            {
                Ok(Kind::Array)
            }
            _ => wrong(
                "an array, one of AVG, MIN, MAX and SUM, one of ASC and DESC, and maybe a number",
            ),
        },
        F::Slice => match arguments {
            [array, bounds @ ..]
                if (1..=2).contains(&bounds.len())
                    && is(array, &[Kind::Array])?
                    && bounds
                        .iter()
                        .all(|bound| kind(bound, of) == Ok(Kind::Scalar)) =>
            {
                Ok(Kind::Array)
            }
            _ => wrong("an array and one or two numbers"),
        },
        _ => {
            let [argument] = arguments else {
                return wrong("one argument");
            };
            of_one(function, kind(argument, of)?)
        }
    }
}

/// Functions of one argument.
fn of_one(function: Function, argument: Kind) -> Result<Kind, Problem> {
    use Function as F;
    let wrong = |takes| Err(Problem::Arguments { function, takes });
    match (function, argument) {
        (F::TimeSeries, Kind::Scalar) => Ok(Kind::Series),
        (F::TimeSeries, _) => wrong("a number"),
        (_, Kind::Scalar) => wrong("time series, not a number"),
        (
            F::Abs
            | F::Ceil
            | F::Floor
            | F::Log
            | F::Log10
            | F::Diff
            | F::DiffTime
            | F::Rate
            | F::RunningSum,
            same,
        ) => Ok(same),
        (F::Avg | F::Sum | F::Min | F::Max | F::Stddev | F::DatapointCount, Kind::Series) => {
            Ok(Kind::Scalar)
        }
        (F::Avg | F::Sum | F::Min | F::Max | F::Stddev | F::DatapointCount, Kind::Array) => {
            Ok(Kind::Series)
        }
        (F::First | F::Last, Kind::Array) => Ok(Kind::Series),
        (F::MetricCount, Kind::Array) => Ok(Kind::Scalar),
        (F::RemoveEmpty, Kind::Array) => Ok(Kind::Array),
        (F::First | F::Last | F::MetricCount | F::RemoveEmpty, _) => wrong("an array"),
        (F::Period, Kind::Series) => Ok(Kind::Scalar),
        (_, Kind::Series) => Ok(Kind::Series),
        (_, Kind::Array) => wrong("one time series"),
    }
}

/// `IF`: one time series comes of it, or a number where all of it are numbers.
fn condition(arguments: &[Expr], of: &dyn Fn(&str) -> Option<Kind>) -> Result<Kind, Problem> {
    let takes = "a condition and one or two values, none of them an array";
    if !(2..=3).contains(&arguments.len()) {
        let function = Function::If;
        return Err(Problem::Arguments { function, takes });
    }
    let mut result = Kind::Scalar;
    for argument in arguments {
        match kind(argument, of)? {
            Kind::Array => {
                let function = Function::If;
                return Err(Problem::Arguments { function, takes });
            }
            Kind::Series => result = Kind::Series,
            Kind::Scalar => {}
        }
    }
    // Without its third value a number may be nothing, which only a series can be.
    Ok(if arguments.len() == 2 {
        Kind::Series
    } else {
        result
    })
}

fn filled(arguments: &[Expr], of: &dyn Fn(&str) -> Option<Kind>) -> Result<Kind, Problem> {
    let wrong = Problem::Arguments {
        function: Function::Fill,
        takes: "time series and a number, one time series, REPEAT or LINEAR",
    };
    let [filled, filler] = arguments else {
        return Err(wrong);
    };
    let is_filler = match filler {
        Expr::Word(word) => word == "REPEAT" || word == "LINEAR",
        filler => kind(filler, of)? != Kind::Array,
    };
    match kind(filled, of)? {
        kind @ (Kind::Series | Kind::Array) if is_filler => Ok(kind),
        _ => Err(wrong),
    }
}

fn search(arguments: &[Expr]) -> Result<Kind, Problem> {
    Search::of(arguments)?;
    Ok(Kind::Array)
}
