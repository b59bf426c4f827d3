//! How functions and their versions are called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name of a function.
pub const NAME_CHARS_MAX: usize = 64;
/// Longest qualifier.
pub const QUALIFIER_CHARS_MAX: usize = 128;
/// The version that changes with the function.
pub const LATEST: &str = "$LATEST";

/// A function's name: 1 to 64 letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FunctionName(String);

/// Which version is meant: `$LATEST`, a number, or an alias.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Qualifier {
    /// The one that changes with the function.
    Latest,
    /// A published one.
    Number(u64),
    /// The one that an alias points to.
    Alias(String),
}

/// A name or qualifier that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {wanted}")]
pub struct InvalidName {
    /// What was given, cut where it is long.
    pub given: String,
    /// What would be right.
    pub wanted: &'static str,
}

impl FunctionName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FunctionName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let is_fit = (1..=NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_plain);
        match is_fit {
            true => Ok(Self(text.to_owned())),
            false => Err(invalid(text, "1 to 64 letters, digits, `-` and `_`")),
        }
    }
}

impl TryFrom<String> for FunctionName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<FunctionName> for String {
    fn from(name: FunctionName) -> Self {
        name.0
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Qualifier {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text == LATEST {
            return Ok(Self::Latest);
        }
        if let Ok(number) = text.parse()
            && number > 0
        {
            return Ok(Self::Number(number));
        }
        let is_fit = (1..=QUALIFIER_CHARS_MAX).contains(&text.len())
            && text.bytes().all(is_plain)
            && !text.bytes().all(|byte| byte.is_ascii_digit());
        match is_fit {
            true => Ok(Self::Alias(text.to_owned())),
            false => Err(invalid(
                text,
                "`$LATEST`, the number of a version, or an alias of letters, digits, `-` and `_`",
            )),
        }
    }
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str(LATEST),
            Self::Number(number) => write!(f, "{number}"),
            Self::Alias(alias) => f.write_str(alias),
        }
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn invalid(given: &str, wanted: &'static str) -> InvalidName {
    InvalidName {
        given: given.chars().take(QUALIFIER_CHARS_MAX).collect(),
        wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_what_aws_lets_them() {
        let long = "a".repeat(64);
        for fit in ["a", "notifier-b_1", long.as_str()] {
            assert!(fit.parse::<FunctionName>().is_ok(), "{fit}");
        }
        let too_long = "a".repeat(65);
        for unfit in ["", "a b", "a:b", "あ", too_long.as_str()] {
            assert!(unfit.parse::<FunctionName>().is_err(), "{unfit}");
        }
    }

    #[test]
    fn a_qualifier_is_latest_a_number_or_an_alias() {
        assert_eq!("$LATEST".parse(), Ok(Qualifier::Latest));
        assert_eq!("12".parse(), Ok(Qualifier::Number(12)));
        assert_eq!("live-1".parse(), Ok(Qualifier::Alias("live-1".to_owned())));
        for unfit in ["", "0", "99999999999999999999999", "$latest", "a.b"] {
            assert!(unfit.parse::<Qualifier>().is_err(), "{unfit}");
        }
    }
}
