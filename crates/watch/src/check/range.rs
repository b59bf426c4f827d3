//! Nagios' ranges of values: when is a value worth a warning.
//!
//! # Format
//!
//! ```text
//! 10        outside 0 to 10
//! 10:       below 10
//! ~:10      above 10
//! 10:20     outside 10 to 20
//! @10:20    inside 10 to 20, its ends too
//! ```
//!
//! Source: Monitoring Plugins Development Guidelines, "Threshold and Ranges".

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A range; a value that lies outside of it (inside, with `@`) alerts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    low: f64,
    high: f64,
    is_inside: bool,
}

/// A text that is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a range such as `10`, `10:`, `~:10`, `10:20` or `@10:20`, its first number not above its second"
)]
pub struct NotRange(pub String);

impl Range {
    /// Alerts outside of `low` to `high`, either of which may be infinite.
    #[must_use]
    pub const fn outside(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            is_inside: false,
        }
    }

    /// The values between which it alerts and does not.
    #[must_use]
    pub fn edges(self) -> Vec<f64> {
        let ends = [self.low, self.high].into_iter();
        ends.filter(|end| end.is_finite()).collect()
    }

    /// Whether `value` alerts. What is no number does.
    #[must_use]
    pub fn alerts(self, value: f64) -> bool {
        let is_within = value >= self.low && value <= self.high;
        is_within == self.is_inside
    }
}

impl FromStr for Range {
    type Err = NotRange;

    fn from_str(text: &str) -> Result<Self, NotRange> {
        let refused = || NotRange(text.to_owned());
        let trimmed = text.trim();
        let (rest, is_inside) = match trimmed.strip_prefix('@') {
            Some(rest) => (rest, true),
            None => (trimmed, false),
        };
        let number = |text: &str| {
            let value = text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
            value.ok_or_else(refused)
        };
        let (low, high) = match rest.split_once(':') {
            None => (0.0, number(rest)?),
            Some((low, high)) => (
                match low.trim() {
                    "~" => f64::NEG_INFINITY,
                    "" => 0.0,
                    low => number(low)?,
                },
                match high.trim() {
                    "" => f64::INFINITY,
                    high => number(high)?,
                },
            ),
        };
        (low <= high)
            .then_some(Self {
                low,
                high,
                is_inside,
            })
            .ok_or_else(refused)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_inside {
            f.write_str("@")?;
        }
        match self.low == f64::NEG_INFINITY {
            true => f.write_str("~:")?,
            false if self.low == 0.0 && self.high.is_finite() => {}
            false => write!(f, "{}:", self.low)?,
        }
        match self.high.is_finite() {
            true => write!(f, "{}", self.high),
            false => Ok(()),
        }
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Range;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a range such as `10`, `10:`, `~:10`, `10:20` or `@10:20`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Range, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, high: i64) -> Result<Range, E> {
                self.visit_str(&high.to_string())
            }

            fn visit_u64<E: serde::de::Error>(self, high: u64) -> Result<Range, E> {
                self.visit_str(&high.to_string())
            }

            fn visit_f64<E: serde::de::Error>(self, high: f64) -> Result<Range, E> {
                self.visit_str(&high.to_string())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_alert_as_the_guidelines_say() {
        // The table of the guidelines.
        for (text, alerting, quiet) in [
            ("10", vec![-0.5, 10.5], vec![0.0, 10.0]),
            ("10:", vec![9.5], vec![10.0, 1e9]),
            ("~:10", vec![10.5], vec![10.0, -1e9]),
            ("10:20", vec![9.5, 20.5], vec![10.0, 20.0]),
            ("@10:20", vec![10.0, 15.0, 20.0], vec![9.5, 20.5]),
            (":5", vec![-1.0, 6.0], vec![0.0, 5.0]),
        ] {
            let range: Range = text.parse().unwrap();
            for value in alerting {
                assert!(range.alerts(value), "{text} alerts at {value}");
            }
            for value in quiet {
                assert!(!range.alerts(value), "{text} is quiet at {value}");
            }
            assert_eq!(range.to_string().parse(), Ok(range), "{text}");
        }
        assert!("10".parse::<Range>().unwrap().alerts(f64::NAN));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "x", "20:10", "10:x", "@", "1:2:3", "inf"] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
    }
}
