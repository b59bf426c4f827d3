//! Amounts with their unit.

use std::fmt;
use std::str::FromStr;

/// A number of bytes. Reads `512`, `64KiB`, `1 MiB`, `2GiB`, `10kB`; shows the largest binary unit that divides it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteCount(u64);

/// A text that is no number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a number of bytes, such as `64KiB` or `1MiB`")]
pub struct NotByteCount {
    /// What was given.
    pub text: String,
}

const UNITS: [(&str, u64); 8] = [
    ("gib", 1 << 30),
    ("mib", 1 << 20),
    ("kib", 1 << 10),
    ("gb", 1_000_000_000),
    ("mb", 1_000_000),
    ("kb", 1_000),
    ("b", 1),
    ("", 1),
];

impl ByteCount {
    /// A number of bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A number of KiB.
    #[must_use]
    pub const fn kib(kib: u64) -> Self {
        Self(kib << 10)
    }

    /// A number of MiB.
    #[must_use]
    pub const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of bytes as a size in memory; saturates where that is smaller.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteCount {
    type Err = NotByteCount;

    fn from_str(text: &str) -> Result<Self, NotByteCount> {
        let lower = text.trim().to_ascii_lowercase();
        let refuse = || NotByteCount {
            text: text.to_owned(),
        };
        let (suffix, factor) = UNITS
            .iter()
            .find(|(suffix, _)| lower.ends_with(suffix))
            .ok_or_else(refuse)?;
        let digits = lower.strip_suffix(suffix).unwrap_or(&lower).trim_end();
        let count: u64 = digits.parse().map_err(|_| refuse())?;
        count.checked_mul(*factor).map(Self).ok_or_else(refuse)
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units
            .iter()
            .find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size))
        {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_the_usual_forms() {
        for (text, bytes) in [
            ("512", 512),
            ("64KiB", 65_536),
            ("1 MiB", 1 << 20),
            ("10kB", 10_000),
            ("0", 0),
            ("7b", 7),
        ] {
            assert_eq!(text.parse(), Ok(ByteCount::new(bytes)), "{text}");
        }
        for text in ["", "KiB", "-1", "1.5MiB", "99999999999GiB"] {
            assert!(text.parse::<ByteCount>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_divides_them() {
        assert_eq!(ByteCount::kib(64).to_string(), "64KiB");
        assert_eq!(ByteCount::new(1025).to_string(), "1025B");
    }
}
