//! Values of settings that every part reads: spans, sizes, and what is wrong with a file of them.
//!
//! All are written as text (`"250ms"`, `"64KiB"`), so that no number stands without its unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A text that is not the value it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {right}")]
pub struct NotValue {
    /// What was given.
    pub text: String,
    /// What would be right.
    pub right: &'static str,
}

impl NotValue {
    /// `text` is not `right`.
    #[must_use]
    pub fn new(text: &str, right: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            right,
        }
    }
}

/// A span of time: a whole number and `ms`, `s`, `m`, `h` or `d`, such as `250ms`, `30s`, `24h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

const SPAN: &str = "a span of time such as `250ms`, `30s`, `5m`, `24h` or `7d`";

const SPAN_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Span {
    /// A span of milliseconds.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// A span of seconds.
    #[must_use]
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// The span.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = NotValue;

    fn from_str(text: &str) -> Result<Self, NotValue> {
        let trimmed = text.trim();
        let digits_end = trimmed
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(|| NotValue::new(text, SPAN))?;
        let (digits, unit) = trimmed.split_at(digits_end);
        let count: u64 = digits.parse().map_err(|_| NotValue::new(text, SPAN))?;
        let factor = SPAN_UNITS
            .iter()
            .find(|(name, _)| *name == unit.trim())
            .map(|(_, factor)| *factor)
            .ok_or_else(|| NotValue::new(text, SPAN))?;
        count
            .checked_mul(factor)
            .map(Self::millis)
            .ok_or_else(|| NotValue::new(text, SPAN))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        match SPAN_UNITS
            .iter()
            .find(|(_, factor)| millis > 0 && millis.is_multiple_of(*factor))
        {
            Some((unit, factor)) => write!(f, "{}{unit}", millis / factor),
            None => write!(f, "{millis}ms"),
        }
    }
}

/// A number of bytes, such as `64KiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub crate::ByteCount);

impl Size {
    /// The number of bytes.
    #[must_use]
    pub fn get(self) -> usize {
        self.0.as_usize()
    }
}

impl FromStr for Size {
    type Err = NotValue;

    fn from_str(text: &str) -> Result<Self, NotValue> {
        text.parse()
            .map(Self)
            .map_err(|_| NotValue::new(text, "a number of bytes such as `16KiB` or `1MiB`"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Makes settings read and written as text, by their `FromStr` and `Display`.
#[macro_export]
macro_rules! setting_as_text {
    ($($name:ty),*) => {$(
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    )*};
}

setting_as_text!(Span, Size);

/// A setting that cannot be used: which one, what is wrong, what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {detail}")]
pub struct Invalid {
    /// The key as written in the file, such as `routes.s2s.retry_for`.
    pub key: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Invalid {
    /// An invalid setting.
    #[must_use]
    pub fn new(key: &str, detail: impl fmt::Display) -> Self {
        Self {
            key: key.to_owned(),
            detail: detail.to_string(),
        }
    }
}

/// What is wrong with settings, gathered.
#[derive(Clone, Debug, Default)]
pub struct Problems(pub Vec<Invalid>);

impl Problems {
    /// Adds those of `found` whose key is not in `before`.
    pub fn add_new(&mut self, found: Vec<Invalid>, before: &Self) {
        let is_said = |invalid: &Invalid| before.0.iter().any(|other| other.key == invalid.key);
        self.0
            .extend(found.into_iter().filter(|invalid| !is_said(invalid)));
    }

    /// Adds one.
    pub fn push(&mut self, key: &str, detail: impl fmt::Display) {
        self.0.push(Invalid::new(key, detail));
    }

    /// Adds one where a span is out of range.
    pub fn span(&mut self, key: &str, span: Option<Span>, min: Duration, max: Duration) {
        if let Some(value) = span.filter(|span| span.get() < min || span.get() > max) {
            let (min, max) = (Span(min), Span(max));
            self.push(key, format!("{value} is out of range: {min} to {max}"));
        }
    }

    /// Adds one where a number is out of range.
    pub fn count(&mut self, key: &str, count: Option<u32>, min: u32, max: u32) {
        if let Some(value) = count.filter(|count| !(min..=max).contains(count)) {
            self.push(key, format!("{value} is out of range: {min} to {max}"));
        }
    }

    /// Adds one where a size is beyond `max` bytes.
    pub fn size(&mut self, key: &str, size: Option<Size>, max: u64) {
        if let Some(value) = size.filter(|size| size.0.get() > max) {
            let max = crate::ByteCount::new(max);
            self.push(key, format!("{value} is out of range: 0B to {max}"));
        }
    }

    /// Adds one where a share is not above 0 and at most 1.
    pub fn share(&mut self, key: &str, share: f64) {
        if !(share > 0.0 && share <= 1.0) {
            self.push(key, format!("{share} is out of range: over 0.0 to 1.0"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_there_and_back() {
        for text in ["250ms", "30s", "5m", "24h", "7d", "0ms", "1500ms"] {
            assert_eq!(
                text.parse::<Span>().unwrap().to_string(),
                text.replace("24h", "1d")
            );
        }
    }

    #[test]
    fn wrong_spans_say_what_is_right() {
        for text in ["", "5", "5 years", "-1s", "1.5s", "99999999999999999999d"] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains("30s"), "{error}");
        }
    }
}
