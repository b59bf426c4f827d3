//! Conditions: an operator, a context key, and values to compare with.
//!
//! All conditions of a statement must hold. Within one, any value may match; for a negated operator none may. A key that
//! the request does not have fits no value: a positive operator fails, a negated one holds, `…IfExists` holds,
//! `ForAllValues:` holds, `ForAnyValue:` fails.
//!
//! Source: the IAM user guide, "Condition operators", "Conditions with multiple context keys or values".

pub(crate) mod address;
pub(crate) mod arn;
pub(crate) mod date;
pub(crate) mod number;
pub(crate) mod operator;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::document::Effect;
use crate::request::Fact;
use crate::template::{Asker, Key, Pattern, Wildcards};
use address::Range;
use arn::ArnPattern;
use date::Date;
use number::Number;
use operator::{Operator, Order, Qualifier, Test};

/// One key under one operator.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) key: Key,
    values: Values,
    /// A value cannot be read as what its operator compares. It fits nothing.
    has_unreadable: bool,
}

/// The values that could be read, as their operator compares them.
#[derive(Clone, Debug)]
enum Values {
    Exact(Box<[Pattern]>),
    IgnoreCase(Box<[Pattern]>),
    Like(Box<[Pattern]>),
    Numbers(Order, Box<[Number]>),
    Dates(Order, Box<[Date]>),
    Bools(Box<[bool]>),
    Binaries(Box<[Vec<u8>]>),
    Ranges(Box<[Range]>),
    Arns(Box<[ArnPattern]>),
    Nulls(Box<[bool]>),
}

impl Condition {
    /// `values` as written; `parts` reads one that may hold variables.
    pub(crate) fn new(
        operator: Operator,
        key: &str,
        values: &[&str],
        parts: impl Fn(&str, Wildcards) -> Vec<crate::template::Part>,
    ) -> Self {
        let patterns = |wildcards| {
            values
                .iter()
                .map(|value| Pattern::new(parts(value, wildcards)))
                .collect::<Box<[_]>>()
        };
        let read = match operator.test {
            Test::Exact => Values::Exact(patterns(Wildcards::Literal)),
            Test::IgnoreCase => Values::IgnoreCase(patterns(Wildcards::Literal)),
            Test::Like => Values::Like(patterns(Wildcards::Meant)),
            Test::Number(order) => Values::Numbers(order, read(values, Number::parse)),
            Test::Date(order) => Values::Dates(order, read(values, Date::parse)),
            Test::Bool => Values::Bools(read(values, boolean)),
            Test::Null => Values::Nulls(read(values, boolean)),
            Test::Binary => Values::Binaries(read(values, binary)),
            Test::Address => Values::Ranges(read(values, Range::parse)),
            Test::Arn => Values::Arns(
                values
                    .iter()
                    .map(|value| ArnPattern::new(parts(value, Wildcards::Meant)))
                    .collect(),
            ),
        };
        Self {
            operator,
            key: Key::new(key),
            has_unreadable: read.len() < values.len(),
            values: read,
        }
    }

    /// Whether it holds for a request, in a statement with `effect`.
    pub(crate) fn holds<'a>(&'a self, effect: Effect, asker: &mut Asker<'_, 'a>) -> bool {
        if self.operator.is_negated && self.has_unreadable {
            // "None of the values matches" cannot be said of a value that nobody can read: nothing is allowed by it,
            // and what it denies is denied.
            return effect == Effect::Deny;
        }
        let fact = asker.ask(&self.key);
        if let Values::Nulls(wanted) = &self.values {
            return self.is_null(wanted, fact.as_ref());
        }
        let Some(fact) = fact else {
            return self.operator.if_exists
                || match self.operator.qualifier {
                    Qualifier::ForAllValues => true,
                    Qualifier::ForAnyValue => false,
                    Qualifier::None => self.operator.is_negated,
                };
        };
        self.compare(&fact, asker)
    }

    fn compare<'a>(&'a self, fact: &Fact<'_>, asker: &mut Asker<'_, 'a>) -> bool {
        let values = match fact {
            Fact::One(value) => std::slice::from_ref(value),
            Fact::Many(values) => values.as_slice(),
        };
        let is_negated = self.operator.is_negated;
        let mut fits = |value: &str| self.values.any(value, asker) != is_negated;
        let is_empty = values.is_empty() || values.iter().all(|value| value.is_empty());
        match self.operator.qualifier {
            Qualifier::ForAllValues => is_empty || values.iter().all(|value| fits(value)),
            Qualifier::ForAnyValue => !is_empty && values.iter().any(|value| fits(value)),
            Qualifier::None if is_negated => values.iter().all(|value| fits(value)),
            Qualifier::None => values.iter().any(|value| fits(value)),
        }
    }

    fn is_null(&self, wanted: &[bool], fact: Option<&Fact<'_>>) -> bool {
        let is_absent = match fact {
            None => true,
            Some(Fact::One(_)) => false,
            Some(Fact::Many(values)) => values.is_empty(),
        };
        match self.operator.qualifier {
            Qualifier::None => wanted.contains(&is_absent),
            Qualifier::ForAllValues => true,
            Qualifier::ForAnyValue => false,
        }
    }

    /// The keys of variables in its values.
    pub(crate) fn patterns(&self) -> &[Pattern] {
        match &self.values {
            Values::Exact(patterns) | Values::IgnoreCase(patterns) | Values::Like(patterns) => {
                patterns
            }
            _ => &[],
        }
    }

    /// The ARNs that it compares with.
    pub(crate) fn arns(&self) -> &[ArnPattern] {
        match &self.values {
            Values::Arns(patterns) => patterns,
            _ => &[],
        }
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Exact(values) | Self::IgnoreCase(values) | Self::Like(values) => values.len(),
            Self::Numbers(_, values) => values.len(),
            Self::Dates(_, values) => values.len(),
            Self::Bools(values) | Self::Nulls(values) => values.len(),
            Self::Binaries(values) => values.len(),
            Self::Ranges(values) => values.len(),
            Self::Arns(values) => values.len(),
        }
    }

    /// Whether a value of the request fits one of these.
    fn any<'a>(&'a self, found: &str, asker: &mut Asker<'_, 'a>) -> bool {
        match self {
            Self::Exact(values) => values
                .iter()
                .any(|value| value.text(asker).is_some_and(|wanted| wanted == found)),
            Self::IgnoreCase(values) => values.iter().any(|value| {
                value
                    .text(asker)
                    .is_some_and(|wanted| same_letters(&wanted, found))
            }),
            Self::Like(values) => values
                .iter()
                .any(|value| value.matches(found, asker).unwrap_or(false)),
            Self::Numbers(order, values) => Number::parse(found)
                .is_some_and(|found| values.iter().any(|value| order.holds(found.cmp(value)))),
            Self::Dates(order, values) => Date::parse(found)
                .is_some_and(|found| values.iter().any(|value| order.holds(found.cmp(value)))),
            Self::Bools(values) | Self::Nulls(values) => {
                boolean(found).is_some_and(|found| values.contains(&found))
            }
            Self::Binaries(values) => binary(found).is_some_and(|found| values.contains(&found)),
            Self::Ranges(values) => Range::parse_address(found)
                .is_some_and(|found| values.iter().any(|range| range.contains(found))),
            Self::Arns(values) => values.iter().any(|value| value.matches(found, asker)),
        }
    }
}

/// The values that can be read.
fn read<T>(values: &[&str], parse: impl Fn(&str) -> Option<T>) -> Box<[T]> {
    values.iter().filter_map(|value| parse(value)).collect()
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

pub(crate) fn binary(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn same_letters(one: &str, other: &str) -> bool {
    let lower = |text: &str| {
        text.chars()
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    one.eq_ignore_ascii_case(other) || (!one.is_ascii() && lower(one) == lower(other))
}

#[cfg(test)]
mod tests;
