//! How the values of a period become one: `Average`, `p99.9`, `TM(10%:90%)`, …
//!
//! Source: CloudWatch User Guide, "CloudWatch statistics definitions".

use std::fmt;
use std::str::FromStr;

/// One statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// How many values there were.
    SampleCount,
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// `p99.9`: the value below which so many per cent lie.
    Percentile(f64),
    /// `TM`, `tm90`: the mean of the values within bounds.
    TrimmedMean(Bounds),
    /// `WM`, `wm90`: the mean, with what lies outside the bounds drawn to them.
    WinsorizedMean(Bounds),
    /// `TC`, `tc90`: how many values lie within bounds.
    TrimmedCount(Bounds),
    /// `TS`, `ts90`: the sum of the values within bounds.
    TrimmedSum(Bounds),
    /// `PR(a:b)`: the per cent of values within bounds, which are values.
    PercentileRank(Bounds),
}

/// Bounds of values; a side that is left out has none. The lower is exclusive, the upper inclusive where they are values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bounds {
    /// Per cents of all values, such as `10%:90%`.
    Percents(f64, f64),
    /// Values, such as `80:500`.
    Values(Option<f64>, Option<f64>),
}

/// A text that is no statistic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no statistic")]
pub struct NotStatistic(pub String);

impl Statistic {
    /// Whether it needs the values themselves, not their sums: those from `Percentile` on.
    #[must_use]
    pub const fn is_extended(self) -> bool {
        !matches!(
            self,
            Self::SampleCount | Self::Sum | Self::Average | Self::Minimum | Self::Maximum
        )
    }
}

impl FromStr for Statistic {
    type Err = NotStatistic;

    fn from_str(text: &str) -> Result<Self, NotStatistic> {
        parse(text).ok_or_else(|| NotStatistic(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Statistic> {
    Some(match text {
        "SampleCount" => Statistic::SampleCount,
        "Sum" => Statistic::Sum,
        "Average" => Statistic::Average,
        "Minimum" => Statistic::Minimum,
        "Maximum" => Statistic::Maximum,
        "IQM" | "iqm" => Statistic::TrimmedMean(Bounds::Percents(25.0, 75.0)),
        _ => return extended(text),
    })
}

fn extended(text: &str) -> Option<Statistic> {
    if let Some((name, bounds)) = text.strip_suffix(')').and_then(|head| head.split_once('(')) {
        return bounded(&name.to_ascii_uppercase(), bounds);
    }
    let split = text.find(|letter: char| letter.is_ascii_digit())?;
    let (name, number) = text.split_at_checked(split)?;
    let number = percent(number)?;
    let below = Bounds::Percents(0.0, number);
    Some(match name.to_ascii_lowercase().as_str() {
        "p" => Statistic::Percentile(number),
        "tm" => Statistic::TrimmedMean(below),
        "wm" => Statistic::WinsorizedMean(below),
        "tc" => Statistic::TrimmedCount(below),
        "ts" => Statistic::TrimmedSum(below),
        _ => return None,
    })
}

fn bounded(name: &str, bounds: &str) -> Option<Statistic> {
    let bounds = self::bounds(bounds)?;
    Some(match (name, bounds) {
        ("TM", _) => Statistic::TrimmedMean(bounds),
        ("WM", _) => Statistic::WinsorizedMean(bounds),
        ("TC", _) => Statistic::TrimmedCount(bounds),
        ("TS", _) => Statistic::TrimmedSum(bounds),
        ("PR", Bounds::Values(..)) => Statistic::PercentileRank(bounds),
        _ => return None,
    })
}

/// Such as `10%:90%`, `:90%`, `80:500` or `80:`.
fn bounds(text: &str) -> Option<Bounds> {
    let (low, high) = text.split_once(':')?;
    let (low, high) = (low.trim(), high.trim());
    if low.is_empty() && high.is_empty() {
        return None;
    }
    if !(low.ends_with('%') || high.ends_with('%')) {
        let (low, high) = (value(low)?, value(high)?);
        let is_ordered = !matches!((low, high), (Some(low), Some(high)) if low >= high);
        return is_ordered.then_some(Bounds::Values(low, high));
    }
    let side = |text: &str, open: f64| match text.strip_suffix('%') {
        Some(number) => percent(number),
        None if text.is_empty() => Some(open),
        None => None,
    };
    let (low, high) = (side(low, 0.0)?, side(high, 100.0)?);
    (low < high).then_some(Bounds::Percents(low, high))
}

#[expect(clippy::option_option, reason = "no bound is not a wrong bound")]
fn value(text: &str) -> Option<Option<f64>> {
    if text.is_empty() {
        return Some(None);
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some(Some(number))
}

/// A number from 0 to 100 with at most ten digits behind the point.
fn percent(text: &str) -> Option<f64> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = text.parse().ok()?;
    (is_plain && text.len() <= 14 && number <= 100.0).then_some(number)
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SampleCount => f.write_str("SampleCount"),
            Self::Sum => f.write_str("Sum"),
            Self::Average => f.write_str("Average"),
            Self::Minimum => f.write_str("Minimum"),
            Self::Maximum => f.write_str("Maximum"),
            Self::Percentile(number) => write!(f, "p{number}"),
            Self::TrimmedMean(bounds) => write!(f, "TM({bounds})"),
            Self::WinsorizedMean(bounds) => write!(f, "WM({bounds})"),
            Self::TrimmedCount(bounds) => write!(f, "TC({bounds})"),
            Self::TrimmedSum(bounds) => write!(f, "TS({bounds})"),
            Self::PercentileRank(bounds) => write!(f, "PR({bounds})"),
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: Option<f64>| side.map_or_else(String::new, |number| number.to_string());
        match self {
            Self::Percents(low, high) => write!(f, "{low}%:{high}%"),
            Self::Values(low, high) => write!(f, "{}:{}", side(*low), side(*high)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read() {
        for (text, expected) in [
            ("Average", Some(Statistic::Average)),
            ("p99.9", Some(Statistic::Percentile(99.9))),
            (
                "tm90",
                Some(Statistic::TrimmedMean(Bounds::Percents(0.0, 90.0))),
            ),
            (
                "TM(2%:98%)",
                Some(Statistic::TrimmedMean(Bounds::Percents(2.0, 98.0))),
            ),
            (
                "TC(:0.5)",
                Some(Statistic::TrimmedCount(Bounds::Values(None, Some(0.5)))),
            ),
            (
                "PR(100:2000)",
                Some(Statistic::PercentileRank(Bounds::Values(
                    Some(100.0),
                    Some(2000.0),
                ))),
            ),
            (
                "IQM",
                Some(Statistic::TrimmedMean(Bounds::Percents(25.0, 75.0))),
            ),
            ("p101", None),
            ("PR(10%:20%)", None),
            ("TM(90%:10%)", None),
            ("TM(:)", None),
            ("p-1", None),
            ("average", None),
            ("p", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_again() {
        for text in ["Sum", "p99.9", "TM(2%:98%)", "TC(:0.5)", "PR(100:2000)"] {
            let statistic: Statistic = text.parse().unwrap();
            assert_eq!(statistic.to_string(), text);
        }
    }
}
