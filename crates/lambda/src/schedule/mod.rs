//! When a schedule fires: `rate(5 minutes)` and `cron(0 18 ? * MON-FRI *)`, as EventBridge reads them. Pure.
//!
//! - [`rate`]: every so often, counted from an anchor
//! - [`cron`]: at certain minutes of the calendar, in UTC
//! - `field`: one field of a cron expression
//!
//! INVARIANT: [`Schedule::next`] is later than the moment that it is given, and nothing that the schedule means lies between.
//!
//! Source: EventBridge User Guide, "Setting a schedule pattern for scheduled rules (legacy)".

pub mod cron;
mod field;
pub mod rate;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use base::Timestamp;
use serde::{Deserialize, Serialize};

pub use cron::Cron;
pub use rate::Rate;

/// Longest expression. Source: EventBridge API Reference, PutRule, `ScheduleExpression`.
pub const EXPRESSION_CHARS_MAX: usize = 256;

/// When something is to happen, again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Schedule {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Rate(Rate),
    Cron(Box<Cron>),
}

/// An expression that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is longer than [`EXPRESSION_CHARS_MAX`].
    #[error("a schedule has at most {EXPRESSION_CHARS_MAX} characters")]
    TooLong,
    /// It is neither of the two forms.
    #[error("`{given}` is neither `rate(value unit)` nor `cron(fields)`")]
    Form {
        /// What was given.
        given: String,
    },
    /// What stands in `rate(…)` is no rate.
    #[error(
        "`{given}` is not a number of 1 or more with `minute`, `hour` or `day` (with `s` behind any but 1)"
    )]
    Rate {
        /// What was given.
        given: String,
    },
    /// There are not six fields.
    #[error(
        "a cron expression has six fields (minutes, hours, day of month, month, day of week, year), and this has {count}"
    )]
    Fields {
        /// How many there are.
        count: usize,
    },
    /// One field holds what it cannot.
    #[error("`{given}` cannot stand for {field}: {why}")]
    Field {
        /// Such as `hours`.
        field: &'static str,
        /// What was given.
        given: String,
        /// Why not.
        why: &'static str,
    },
    /// Neither or both of the day's fields are left open.
    #[error("one of day of month and day of week is `?`, and the other is not")]
    Days,
}

impl Schedule {
    /// The expression as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first moment after `after`; none where there is no further one.
    ///
    /// `anchor`: from when a rate is counted, such as when it was set. The calendar does not care.
    #[must_use]
    pub fn next(&self, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Rate(rate) => rate.next(anchor, after),
            Kind::Cron(cron) => cron.next(after),
        }
    }

    /// The last moment at or before `now` and after `after`; none where there is none. What lies between is left out.
    #[must_use]
    pub fn latest(&self, anchor: Timestamp, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Rate(rate) => rate.latest(anchor, after, now),
            Kind::Cron(cron) => cron.latest(after, now),
        }
    }
}

impl FromStr for Schedule {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() > EXPRESSION_CHARS_MAX {
            return Err(Invalid::TooLong);
        }
        let within = |name: &str| text.strip_prefix(name)?.strip_suffix(')');
        let kind = if let Some(rate) = within("rate(") {
            Kind::Rate(rate.parse()?)
        } else if let Some(cron) = within("cron(") {
            Kind::Cron(Box::new(cron.parse()?))
        } else {
            return Err(Invalid::Form {
                given: text.to_owned(),
            });
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }
}

impl TryFrom<String> for Schedule {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.text
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
