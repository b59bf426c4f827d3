//! The rule of a composite alarm.
//!
//! ```text
//! ALARM(cpu) AND (OK("disk \"1\"") OR NOT INSUFFICIENT_DATA(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:net))
//! AT_LEAST(2, ALARM, (a, b, c)) OR AT_LEAST(60%, NOT OK, ("d", e))
//! TRUE
//! ```
//!
//! `NOT` binds before `AND`, `AND` before `OR`. Source: `PutCompositeAlarm`; `AT_LEAST` from the CDK's rule builder, as the
//! API's text has not got it.

mod parse;

use std::collections::BTreeSet;

use super::state::State;

/// Characters of a rule. Source: API Reference, `AlarmRule`.
pub const CHARS_MAX: usize = 10_240;
/// Alarms that a rule names. Source: as above.
pub const CHILDREN_MAX: usize = 100;
/// Alarms, constants and parentheses of a rule. Source: as above.
pub const ELEMENTS_MAX: usize = 500;

/// A rule that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    expression: Expression,
    children: BTreeSet<String>,
}

/// A part of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expression {
    Constant(bool),
    Is { state: State, alarm: String },
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    AtLeast(AtLeast),
}

/// That so many of some alarms are, or are not, in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AtLeast {
    /// How many.
    count: usize,
    state: State,
    is_negated: bool,
    alarms: Vec<String>,
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It begins or ends with blanks, or is empty.
    #[error("AlarmRule must not contain leading or trailing whitespace or be null")]
    Blank,
    /// It is longer than [`CHARS_MAX`].
    #[error("AlarmRule must not be longer than {CHARS_MAX} characters, it has {0}")]
    TooLong(usize),
    /// It has more elements than [`ELEMENTS_MAX`].
    #[error("AlarmRule must not have more than {ELEMENTS_MAX} elements")]
    TooManyElements,
    /// It names more alarms than [`CHILDREN_MAX`].
    #[error("AlarmRule must not name more than {CHILDREN_MAX} alarms, it names {0}")]
    TooManyChildren(usize),
    /// It is not of the form of a rule.
    #[error("Error in AlarmRule at character {at}: {expected} is expected")]
    Syntax {
        /// Characters before the fault, and one.
        at: usize,
        /// What may stand there.
        expected: &'static str,
    },
}

impl Rule {
    /// Reads a rule. The names in it are names or ARNs, as they were written.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        if text.is_empty() || text.trim() != text {
            return Err(Wrong::Blank);
        }
        let chars = text.chars().count();
        if chars > CHARS_MAX {
            return Err(Wrong::TooLong(chars));
        }
        Self::of(parse::parse(text)?)
    }

    fn of(expression: Expression) -> Result<Self, Wrong> {
        let mut children = BTreeSet::new();
        collect(&expression, &mut children);
        match children.len() {
            0..=CHILDREN_MAX => Ok(Self {
                expression,
                children,
            }),
            count => Err(Wrong::TooManyChildren(count)),
        }
    }

    /// The same rule with each name replaced, such as ARNs by names.
    #[must_use]
    pub fn renamed(&self, name: &dyn Fn(&str) -> String) -> Self {
        let mut renamed = self.clone();
        rename(&mut renamed.expression, name);
        renamed.children = self.children.iter().map(|child| name(child)).collect();
        renamed
    }

    /// The alarms that it names, each once, sorted.
    #[must_use]
    pub const fn children(&self) -> &BTreeSet<String> {
        &self.children
    }

    /// Whether it holds where `state` is the state of each alarm; an alarm that is not there is in none.
    #[must_use]
    pub fn holds(&self, state: &dyn Fn(&str) -> Option<State>) -> bool {
        holds(&self.expression, state)
    }
}

fn holds(expression: &Expression, state: &dyn Fn(&str) -> Option<State>) -> bool {
    match expression {
        Expression::Constant(value) => *value,
        Expression::Is {
            state: wanted,
            alarm,
        } => state(alarm) == Some(*wanted),
        Expression::Not(of) => !holds(of, state),
        Expression::And(all) => all.iter().all(|part| holds(part, state)),
        Expression::Or(any) => any.iter().any(|part| holds(part, state)),
        Expression::AtLeast(at_least) => {
            let is = |alarm: &&String| {
                state(alarm).is_some_and(|is| (is == at_least.state) != at_least.is_negated)
            };
            at_least.alarms.iter().filter(is).count() >= at_least.count
        }
    }
}

fn collect(expression: &Expression, children: &mut BTreeSet<String>) {
    match expression {
        Expression::Constant(_) => {}
        Expression::Is { alarm, .. } => {
            children.insert(alarm.clone());
        }
        Expression::Not(of) => collect(of, children),
        Expression::And(parts) | Expression::Or(parts) => {
            parts.iter().for_each(|part| collect(part, children));
        }
        Expression::AtLeast(at_least) => children.extend(at_least.alarms.iter().cloned()),
    }
}

fn rename(expression: &mut Expression, name: &dyn Fn(&str) -> String) {
    match expression {
        Expression::Constant(_) => {}
        Expression::Is { alarm, .. } => *alarm = name(alarm),
        Expression::Not(of) => rename(of, name),
        Expression::And(parts) | Expression::Or(parts) => {
            parts.iter_mut().for_each(|part| rename(part, name));
        }
        Expression::AtLeast(at_least) => {
            at_least
                .alarms
                .iter_mut()
                .for_each(|alarm| *alarm = name(alarm));
        }
    }
}

#[cfg(test)]
mod tests;
