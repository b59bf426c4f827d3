//! Why a destination's notifications failed, by the day in which they were accepted.
//!
//! The class stands in the result that a settlement carries. Older builds did not count it: what is dead beyond the sum of the
//! classes was settled by one.

use std::collections::BTreeMap;

use serde::Deserialize;
use store::record::codec::{Malformed, Reader, put_varint};

use crate::result::Packed;

/// Days that are kept: as the days of a [`super::history::History`], and the one that is not over.
pub const DAYS_MAX: u32 = 401;

const DAY_MINUTES: u32 = 24 * 60;

/// Classes that are counted by name; what is in none of them is `other`. A new one goes to the end: the order is that of what is
/// stored.
pub const CLASSES: [&str; 11] = [
    "network",
    "timeout",
    "server",
    "limited",
    "client",
    "redirect",
    "policy",
    UNPARSABLE,
    "unrecorded",
    "unresolved",
    "other",
];

/// Its reason begins with this word too.
const UNPARSABLE: &str = "unparsable";

/// The place of `other`.
const OTHER: usize = CLASSES.len() - 1;

/// Counts of one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Given up, by the place of the class in [`CLASSES`].
    pub by_class: [u64; CLASSES.len()],
    /// Given up without an attempt that ended them.
    pub unsent: u64,
}

/// What is read of a result.
#[derive(Debug, Deserialize)]
struct Ended<'a> {
    #[serde(borrow, default)]
    class: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    reason: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    sent_at: Option<std::borrow::Cow<'a, str>>,
}

impl Ended<'_> {
    /// A line that no format knows has no class in its result, only a reason.
    fn class(&self) -> Option<&str> {
        let is_unparsable = self
            .reason
            .as_deref()
            .is_some_and(|reason| reason.starts_with(UNPARSABLE));
        self.class
            .as_deref()
            .or(is_unparsable.then_some(UNPARSABLE))
    }
}

impl Failures {
    /// That of one result.
    #[must_use]
    pub fn of(result: &[u8]) -> Self {
        let ended = Packed::of(result)
            .and_then(|packed| serde_json::from_slice::<Ended<'_>>(packed.json).ok());
        let class = ended.as_ref().and_then(Ended::class);
        let is_sent = ended.as_ref().is_some_and(|ended| ended.sent_at.is_some());
        let known = class.and_then(|class| CLASSES.iter().position(|known| *known == class));
        let place = known.unwrap_or(OTHER);
        let mut failures = Self {
            unsent: u64::from(!is_sent),
            ..Self::default()
        };
        if let Some(count) = failures.by_class.get_mut(place) {
            *count = 1;
        }
        failures
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        for (into, from) in self.by_class.iter_mut().zip(other.by_class) {
            *into += from;
        }
        self.unsent += other.unsent;
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_class.iter().sum()
    }
}

/// Failures by day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FailureDays(BTreeMap<u32, Failures>);

impl FailureDays {
    /// Books one that was accepted in `minute`. The oldest days go when there are too many.
    pub fn add(&mut self, minute: u32, failures: &Failures) {
        self.0
            .entry(minute / DAY_MINUTES)
            .or_default()
            .merge(failures);
        while self.0.len() > DAYS_MAX as usize {
            self.0.pop_first();
        }
    }

    /// The sum of the days that begin in `from..to`, minutes since the epoch.
    #[must_use]
    pub fn sum(&self, from: u32, to: u32) -> Failures {
        let days = from.div_ceil(DAY_MINUTES)..to.div_ceil(DAY_MINUTES);
        let mut sum = Failures::default();
        if !days.is_empty() {
            self.0.range(days).for_each(|(_, day)| sum.merge(day));
        }
        sum
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0.len() as u64);
        for (day, failures) in &self.0 {
            put_varint(out, u64::from(*day));
            put_varint(out, failures.unsent);
            // How many there are: another version may know more.
            put_varint(out, failures.by_class.len() as u64);
            failures
                .by_class
                .iter()
                .for_each(|count| put_varint(out, *count));
        }
    }

    pub(super) fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut days = Self::default();
        for _ in 0..reader.varint()? {
            let day = reader.varint_u32()?;
            let mut failures = Failures {
                unsent: reader.varint()?,
                ..Failures::default()
            };
            for place in 0..reader.varint()? {
                let count = reader.varint()?;
                let place = usize::try_from(place).unwrap_or(OTHER).min(OTHER);
                if let Some(known) = failures.by_class.get_mut(place) {
                    *known += count;
                }
            }
            days.0.insert(day, failures);
        }
        Ok(days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Reason;

    fn of(class: &str, sent: &str) -> Failures {
        Failures::of(format!(r#"{{"v":1,"verdict":"dead"{class}{sent}}}{}"#, "\nsource").as_bytes())
    }

    #[test]
    fn a_result_says_its_class_and_whether_it_was_sent() {
        for (place, name) in CLASSES.iter().enumerate() {
            let failures = of(&format!(r#","class":"{name}""#), r#","sent_at":"2026""#);
            assert_eq!((failures.by_class[place], failures.unsent), (1, 0));
            assert_eq!(failures.total(), 1);
        }
        let reason = Reason::Unparsable {
            detail: "no URL".into(),
        };
        let unparsable = of(&format!(r#","reason":"{reason}""#), "");
        assert_eq!((unparsable.by_class[7], unparsable.unsent), (1, 1));
        let other = of(r#","class":"of tomorrow""#, "");
        assert_eq!((other.by_class[OTHER], other.unsent), (1, 1));
        for none in [of("", ""), Failures::of(b""), Failures::of(b"{")] {
            assert_eq!((none.by_class[OTHER], none.unsent, none.total()), (1, 1, 1));
        }
    }

    #[test]
    fn days_are_summed_and_the_oldest_go() {
        let mut days = FailureDays::default();
        for day in 0..DAYS_MAX + 10 {
            days.add(day * DAY_MINUTES + 17, &of("", ""));
        }
        assert_eq!(days.0.len(), DAYS_MAX as usize);
        assert_eq!(days.sum(0, u32::MAX).total(), u64::from(DAYS_MAX));
        assert_eq!(days.sum(50 * DAY_MINUTES, 52 * DAY_MINUTES).total(), 2);
        assert_eq!(days.sum(52 * DAY_MINUTES, 50 * DAY_MINUTES).total(), 0);
        let mut bytes = Vec::new();
        days.put(&mut bytes);
        assert_eq!(FailureDays::take(&mut Reader::new(&bytes)).unwrap(), days);
    }
}
