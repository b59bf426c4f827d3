//! How things may be called.
//!
//! Source: IAM API Reference (the patterns of the parameters) and IAM User Guide, "IAM and AWS STS quotas": names are
//! unique without regard to case within one kind.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Error;

/// Something that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A person or a program, `AIDA…`.
    User,
    /// Users together, `AGPA…`.
    Group,
    /// A principal that is assumed, `AROA…`.
    Role,
    /// A managed policy of the account, `ANPA…`.
    Policy,
    /// What gives a role to a machine, `AIPA…`.
    Profile,
    /// A virtual MFA device.
    Device,
}

impl Kind {
    /// The letters that a unique id of this kind begins with.
    #[must_use]
    pub const fn id_prefix(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Group => "AGPA",
            Self::Role => "AROA",
            Self::Policy => "ANPA",
            Self::Profile => "AIPA",
            Self::Device => "",
        }
    }

    /// What stands in an ARN before the path.
    #[must_use]
    pub const fn arn_type(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
            Self::Policy => "policy",
            Self::Profile => "instance-profile",
            Self::Device => "mfa",
        }
    }

    /// The parameter that carries a name of this kind, such as `userName`.
    #[must_use]
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::User => "userName",
            Self::Group => "groupName",
            Self::Role => "roleName",
            Self::Policy => "policyName",
            Self::Profile => "instanceProfileName",
            Self::Device => "virtualMFADeviceName",
        }
    }

    /// The most characters of a name.
    #[must_use]
    pub const fn name_chars_max(self) -> usize {
        match self {
            Self::User | Self::Role => 64,
            Self::Group | Self::Policy | Self::Profile => 128,
            Self::Device => 226,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
            Self::Policy => "policy",
            Self::Profile => "instance profile",
            Self::Device => "virtual MFA device",
        })
    }
}

/// A unique id, such as `AIDAQ3EGR4T6YX2L5KCMA`. Never given again, unlike a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// An id that was drawn elsewhere.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The pattern of names.
pub const NAME_PATTERN: &str = r"[\w+=,.@-]+";
/// The pattern of paths.
pub const PATH_PATTERN: &str = r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)";
/// The most characters of a path.
pub const PATH_CHARS_MAX: usize = 512;

/// A name as it is compared: names that differ in case alone are the same.
#[must_use]
pub fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Whether `text` is made of `[\w+=,.@-]` alone.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// Refuses what no `kind` may be called.
///
/// # Errors
/// [`Error::Pattern`] or [`Error::TooLong`].
pub fn check(kind: Kind, name: &str) -> Result<(), Error> {
    check_as(kind.parameter(), name, kind.name_chars_max())
}

/// Refuses `text` as the name given in `parameter`.
///
/// # Errors
/// As [`check`].
pub fn check_as(parameter: &'static str, text: &str, chars_max: usize) -> Result<(), Error> {
    if !is_name(text) {
        return Err(Error::Pattern {
            parameter,
            value: text.to_owned(),
            pattern: NAME_PATTERN,
        });
    }
    check_length(parameter, text, chars_max)
}

/// Refuses a text of more than `chars_max` characters.
///
/// # Errors
/// [`Error::TooLong`].
pub fn check_length(parameter: &'static str, text: &str, chars_max: usize) -> Result<(), Error> {
    if text.chars().count() <= chars_max {
        return Ok(());
    }
    Err(Error::TooLong {
        parameter,
        value: text.to_owned(),
        limit: chars_max,
    })
}

/// Refuses what is no path: `/`, or something printable between slashes.
///
/// # Errors
/// As [`check`].
pub fn check_path(path: &str) -> Result<(), Error> {
    let is_printable = path.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    let has_slashes =
        path == "/" || (path.len() > 2 && path.starts_with('/') && path.ends_with('/'));
    if !is_printable || !has_slashes {
        return Err(Error::Pattern {
            parameter: "path",
            value: path.to_owned(),
            pattern: PATH_PATTERN,
        });
    }
    check_length("path", path, PATH_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_the_documented_letters_and_length() {
        for name in ["a", "ADS-1", "o.k_@x,=+", &"a".repeat(64)] {
            assert_eq!(check(Kind::User, name), Ok(()), "{name}");
        }
        for name in ["", "a b", "a/b", "é", "a*", &"a".repeat(65)] {
            assert!(check(Kind::User, name).is_err(), "{name}");
        }
        assert_eq!(check(Kind::Group, &"a".repeat(128)), Ok(()));
        assert!(check(Kind::Group, &"a".repeat(129)).is_err());
    }

    #[test]
    fn a_path_stands_between_slashes() {
        for path in ["/", "/a/", "/a/b/", "//a/"] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        let long = format!("/{}/", "a".repeat(511));
        for path in ["", "a", "/a", "a/", "/a b/", "//", &long] {
            assert!(check_path(path).is_err(), "{path}");
        }
    }
}
