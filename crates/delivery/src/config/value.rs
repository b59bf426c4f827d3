//! Values of the settings with their unit: rates, statuses, schedules.
//!
//! All are written as text (`"250ms"`, `"60000/min"`, `"200-299"`), so that no number stands without its unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base::setting::{NotValue, Span};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A rate of sends: a number and `/s`, `/min` or `/h`, such as `1000/s` or `60000/min`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    count: u64,
    per: RateUnit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RateUnit {
    Second,
    Minute,
    Hour,
}

const RATE: &str = "a rate such as `50/s`, `60000/min` or `100/h`, 1/h to 1000000/s";

impl Rate {
    /// So many a second.
    #[must_use]
    pub const fn per_sec_of(count: u64) -> Self {
        Self {
            count,
            per: RateUnit::Second,
        }
    }

    /// Sends a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate below 2^53")]
    pub fn per_sec(self) -> f64 {
        let count = self.count as f64;
        match self.per {
            RateUnit::Second => count,
            RateUnit::Minute => count / 60.0,
            RateUnit::Hour => count / 3600.0,
        }
    }
}

impl FromStr for Rate {
    type Err = NotValue;

    fn from_str(text: &str) -> Result<Self, NotValue> {
        let (count, unit) = text
            .split_once('/')
            .ok_or_else(|| NotValue::new(text, RATE))?;
        let count: u64 = count
            .trim()
            .parse()
            .map_err(|_| NotValue::new(text, RATE))?;
        let per = match unit.trim() {
            "s" | "sec" => RateUnit::Second,
            "m" | "min" => RateUnit::Minute,
            "h" | "hour" => RateUnit::Hour,
            _ => return Err(NotValue::new(text, RATE)),
        };
        let rate = Self { count, per };
        (count > 0 && rate.per_sec() <= 1_000_000.0)
            .then_some(rate)
            .ok_or_else(|| NotValue::new(text, RATE))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per {
            RateUnit::Second => "s",
            RateUnit::Minute => "min",
            RateUnit::Hour => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// One status or a range of them, 100 to 599: `204` or `200-299`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statuses {
    first: u16,
    last: u16,
}

const STATUSES: &str = "a status or a range of them such as `204` or `200-299`, 100 to 599";

impl Statuses {
    /// From `first` to `last`, both included.
    #[must_use]
    pub const fn range(first: u16, last: u16) -> Self {
        Self { first, last }
    }

    /// Whether `status` is one of them.
    #[must_use]
    pub fn contains(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }

    /// Whether all of `other` are among them.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// Whether all of them are 1xx, with which no answer ends.
    #[must_use]
    pub fn is_informational(self) -> bool {
        self.last < 200
    }

    /// Whether any of them is a redirect (3xx).
    #[must_use]
    pub fn has_redirects(self) -> bool {
        self.first < 400 && self.last >= 300
    }
}

impl FromStr for Statuses {
    type Err = NotValue;

    fn from_str(text: &str) -> Result<Self, NotValue> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let parse = |part: &str| {
            part.trim()
                .parse()
                .map_err(|_| NotValue::new(text, STATUSES))
        };
        let (first, last): (u16, u16) = (parse(first)?, parse(last)?);
        (first <= last && first >= 100 && last <= 599)
            .then_some(Self { first, last })
            .ok_or_else(|| NotValue::new(text, STATUSES))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// The waits after the first, second, … failure; the last one repeats. Or `"never"`: the first failure is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// No second attempt.
    Never,
    /// The upper bounds of the waits, 1 to 50 of them; the true wait is drawn from zero to the bound.
    Waits(Vec<Span>),
}

/// The most steps of a schedule.
pub const SCHEDULE_STEPS_MAX: usize = 50;

impl Schedule {
    /// A schedule of waits in seconds.
    #[must_use]
    pub fn of_secs(secs: &[u64]) -> Self {
        Self::Waits(secs.iter().copied().map(Span::secs).collect())
    }

    /// The upper bound of the wait after `attempts` failures (1 or more); `None` when there is no further attempt.
    #[must_use]
    pub fn bound(&self, attempts: u32) -> Option<Duration> {
        let Self::Waits(waits) = self else {
            return None;
        };
        let step = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        waits.get(step).or(waits.last()).map(|span| span.get())
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => serializer.serialize_str("never"),
            Self::Waits(waits) => serializer.collect_seq(waits),
        }
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Schedule;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "`\"never\"` or a list of 1 to 50 waits such as `[\"5s\", \"1m\", \"10m\"]`",
                )
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Schedule, E> {
                match text {
                    "never" => Ok(Schedule::Never),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Schedule, A::Error> {
                let mut waits: Vec<Span> = Vec::new();
                while let Some(wait) = seq.next_element()? {
                    waits.push(wait);
                }
                if waits.is_empty() || waits.len() > SCHEDULE_STEPS_MAX {
                    return Err(serde::de::Error::invalid_length(waits.len(), &self));
                }
                Ok(Schedule::Waits(waits))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

base::setting_as_text!(Rate, Statuses);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_there_and_back() {
        for text in ["50/s", "60000/min", "100/h"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["204", "200-299"] {
            assert_eq!(text.parse::<Statuses>().unwrap().to_string(), text);
        }
        assert!((Rate::per_sec_of(5).per_sec() - 5.0).abs() < f64::EPSILON);
    }

    #[test]
    fn wrong_values_say_what_is_right() {
        for text in ["5", "0/s", "5/day", "2000000/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["99", "600", "299-200", "2xx"] {
            assert!(text.parse::<Statuses>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_wait_of_a_schedule_repeats() {
        let schedule = Schedule::of_secs(&[5, 60]);
        assert_eq!(schedule.bound(1), Some(Duration::from_secs(5)));
        assert_eq!(schedule.bound(2), Some(Duration::from_secs(60)));
        assert_eq!(schedule.bound(99), Some(Duration::from_secs(60)));
        assert_eq!(Schedule::Never.bound(1), None);
    }
}
