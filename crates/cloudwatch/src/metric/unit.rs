//! The units of CloudWatch. Source: CloudWatch API Reference, `MetricDatum`, `Unit`.

use std::fmt;
use std::str::FromStr;

/// A unit of a metric's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unit {
    Seconds,
    Microseconds,
    Milliseconds,
    Bytes,
    Kilobytes,
    Megabytes,
    Gigabytes,
    Terabytes,
    Bits,
    Kilobits,
    Megabits,
    Gigabits,
    Terabits,
    Percent,
    Count,
    BytesPerSecond,
    KilobytesPerSecond,
    MegabytesPerSecond,
    GigabytesPerSecond,
    TerabytesPerSecond,
    BitsPerSecond,
    KilobitsPerSecond,
    MegabitsPerSecond,
    GigabitsPerSecond,
    TerabitsPerSecond,
    CountPerSecond,
    #[default]
    None,
}

/// Every unit, in the API's order.
pub const ALL: [Unit; 27] = [
    Unit::Seconds,
    Unit::Microseconds,
    Unit::Milliseconds,
    Unit::Bytes,
    Unit::Kilobytes,
    Unit::Megabytes,
    Unit::Gigabytes,
    Unit::Terabytes,
    Unit::Bits,
    Unit::Kilobits,
    Unit::Megabits,
    Unit::Gigabits,
    Unit::Terabits,
    Unit::Percent,
    Unit::Count,
    Unit::BytesPerSecond,
    Unit::KilobytesPerSecond,
    Unit::MegabytesPerSecond,
    Unit::GigabytesPerSecond,
    Unit::TerabytesPerSecond,
    Unit::BitsPerSecond,
    Unit::KilobitsPerSecond,
    Unit::MegabitsPerSecond,
    Unit::GigabitsPerSecond,
    Unit::TerabitsPerSecond,
    Unit::CountPerSecond,
    Unit::None,
];

/// The order in which one of several units is taken where none is asked for.
///
/// Observed: the order of recorded answers of AWS, as localstack's tests have them (`test_get_metric_data_different_units_no_unit_in_query`).
const PREFERENCE: [Unit; 27] = [
    Unit::Megabits,
    Unit::Terabits,
    Unit::Gigabits,
    Unit::Count,
    Unit::Bytes,
    Unit::Gigabytes,
    Unit::GigabytesPerSecond,
    Unit::Kilobytes,
    Unit::KilobitsPerSecond,
    Unit::Terabytes,
    Unit::TerabitsPerSecond,
    Unit::BytesPerSecond,
    Unit::Percent,
    Unit::Megabytes,
    Unit::MegabitsPerSecond,
    Unit::Milliseconds,
    Unit::Microseconds,
    Unit::KilobytesPerSecond,
    Unit::GigabitsPerSecond,
    Unit::MegabytesPerSecond,
    Unit::Bits,
    Unit::BitsPerSecond,
    Unit::CountPerSecond,
    Unit::Seconds,
    Unit::Kilobits,
    Unit::TerabytesPerSecond,
    Unit::None,
];

/// A text that is no unit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no unit")]
pub struct NotUnit(pub String);

impl Unit {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "Seconds",
            Self::Microseconds => "Microseconds",
            Self::Milliseconds => "Milliseconds",
            Self::Bytes => "Bytes",
            Self::Kilobytes => "Kilobytes",
            Self::Megabytes => "Megabytes",
            Self::Gigabytes => "Gigabytes",
            Self::Terabytes => "Terabytes",
            Self::Bits => "Bits",
            Self::Kilobits => "Kilobits",
            Self::Megabits => "Megabits",
            Self::Gigabits => "Gigabits",
            Self::Terabits => "Terabits",
            Self::Percent => "Percent",
            Self::Count => "Count",
            Self::BytesPerSecond => "Bytes/Second",
            Self::KilobytesPerSecond => "Kilobytes/Second",
            Self::MegabytesPerSecond => "Megabytes/Second",
            Self::GigabytesPerSecond => "Gigabytes/Second",
            Self::TerabytesPerSecond => "Terabytes/Second",
            Self::BitsPerSecond => "Bits/Second",
            Self::KilobitsPerSecond => "Kilobits/Second",
            Self::MegabitsPerSecond => "Megabits/Second",
            Self::GigabitsPerSecond => "Gigabits/Second",
            Self::TerabitsPerSecond => "Terabits/Second",
            Self::CountPerSecond => "Count/Second",
            Self::None => "None",
        }
    }

    /// Its place among several of which one is taken: the least is.
    #[must_use]
    pub fn preference(self) -> usize {
        let place = PREFERENCE.iter().position(|unit| *unit == self);
        place.unwrap_or(PREFERENCE.len())
    }

    /// From the number that it is kept as (`self as u8`).
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Unit {
    type Err = NotUnit;

    fn from_str(text: &str) -> Result<Self, NotUnit> {
        let found = ALL.into_iter().find(|unit| unit.as_str() == text);
        found.ok_or_else(|| NotUnit(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_go_there_and_back() {
        for unit in ALL {
            assert_eq!(unit.as_str().parse(), Ok(unit));
            assert_eq!(Unit::from_number(unit as u8), Some(unit));
            assert!(unit.preference() < ALL.len());
        }
        assert_eq!(Unit::from_number(27), None);
        assert!("percent".parse::<Unit>().is_err());
    }
}
