//! Ids of instances.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Hexadecimal digits of an id; AWS's older ones have 8.
const DIGITS: [usize; 2] = [17, 8];

/// The id of an instance, such as `i-0f1e2d3c4b5a69788`: it stays with a host for good.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId(String);

/// A text is not the id of an instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the id of an instance, such as `i-0f1e2d3c4b5a69788`")]
pub struct Malformed {
    /// What was given.
    pub text: String,
}

impl InstanceId {
    /// An id of random bytes, of which 68 bits are taken.
    #[must_use]
    pub fn from_random(bytes: [u8; 9]) -> Self {
        Self(format!("i-{}", digits(bytes)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The 17 digits of AWS's ids from random bytes.
#[must_use]
pub fn digits(bytes: [u8; 9]) -> String {
    hex::encode(bytes).chars().take(17).collect()
}

/// Whether they are such digits.
pub(super) fn is_digits(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    DIGITS.contains(&text.len()) && text.bytes().all(is_digit)
}

impl FromStr for InstanceId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text.strip_prefix("i-").is_some_and(is_digits) {
            true => Ok(Self(text.to_owned())),
            false => Err(Malformed {
                text: text.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for InstanceId {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> Self {
        id.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_i_and_seventeen_or_eight_digits() {
        let made = InstanceId::from_random([0xab; 9]);
        assert_eq!(made.as_str(), "i-ababababababababa");
        for text in ["i-0f1e2d3c4b5a69788", "i-1a2b3c4d", made.as_str()] {
            assert_eq!(text.parse::<InstanceId>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "i-",
            "i-0F1E2D3C4B5A69788",
            "i-0f1e2d3c4b5a6978",
            "x-1a2b3c4d",
            "i-0f1e2d3c4b5a69788 ",
        ] {
            assert!(text.parse::<InstanceId>().is_err(), "{text}");
        }
    }
}
