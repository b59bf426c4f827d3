//! One field of a cron expression: values, ranges, steps, names.
//!
//! ```text
//! field = part *("," part)
//! part  = "*" | value | value "-" value, each with "/" step or without
//! ```
//!
//! A range may go over the end and begin anew (`20-2` of hours, `FRI-MON`). `5/10` is every tenth from 5 on.

use std::collections::BTreeSet;

use super::Invalid;

/// A field of the six.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) low: u16,
    pub(super) high: u16,
    /// Names of the values from [`Field::low`] on.
    pub(super) names: &'static [&'static str],
}

pub(super) const MINUTES: Field = Field {
    name: "minutes",
    low: 0,
    high: 59,
    names: &[],
};
pub(super) const HOURS: Field = Field {
    name: "hours",
    low: 0,
    high: 23,
    names: &[],
};
pub(super) const DAY_OF_MONTH: Field = Field {
    name: "day of month",
    low: 1,
    high: 31,
    names: &[],
};
pub(super) const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
};
pub(super) const DAY_OF_WEEK: Field = Field {
    name: "day of week",
    low: 1,
    high: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
pub(super) const YEAR: Field = Field {
    name: "year",
    low: 1970,
    high: 2199,
    names: &[],
};

impl Field {
    /// All values that `text` means.
    pub(super) fn values(&self, text: &str) -> Result<BTreeSet<u16>, Invalid> {
        let mut values = BTreeSet::new();
        for part in text.split(',') {
            values.extend(self.part(part)?);
        }
        Ok(values)
    }

    /// The values of one part.
    pub(super) fn part(&self, part: &str) -> Result<Vec<u16>, Invalid> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            None if range == "*" => (self.low, self.high),
            None => {
                let from = self.value(range)?;
                (from, if step.is_some() { self.high } else { from })
            }
        };
        Ok(self.walk(from, to).step_by(step.unwrap_or(1)).collect())
    }

    /// From `from` up to `to`, over the end if need be.
    fn walk(&self, from: u16, to: u16) -> impl Iterator<Item = u16> {
        let (first, rest) = match from <= to {
            true => (from..=to, None),
            false => (from..=self.high, Some(self.low..=to)),
        };
        first.chain(rest.into_iter().flatten())
    }

    /// One value, as a number or a name.
    pub(super) fn value(&self, text: &str) -> Result<u16, Invalid> {
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        if let Some(index) = named.and_then(|index| u16::try_from(index).ok()) {
            return Ok(self.low + index);
        }
        let value = number(text).ok_or_else(|| self.invalid(text, "it is no value"))?;
        match (self.low..=self.high).contains(&value) {
            true => Ok(value),
            false => Err(self.invalid(text, "it is out of bounds")),
        }
    }

    fn step(&self, text: &str) -> Result<usize, Invalid> {
        let step = number(text).filter(|step| *step > 0 && *step <= self.high);
        step.map(usize::from)
            .ok_or_else(|| self.invalid(text, "it is no step"))
    }

    pub(super) fn invalid(&self, given: &str, why: &'static str) -> Invalid {
        Invalid::Field {
            field: self.name,
            given: given.to_owned(),
            why,
        }
    }
}

/// Digits alone: no sign, no space.
pub(super) fn number(text: &str) -> Option<u16> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}
