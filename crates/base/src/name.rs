//! Names of accounts, regions and resources.

use std::fmt;
use std::str::FromStr;

/// A 12-digit account number, such as `123456789012`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(String);

/// A region's name, such as `ap-northeast-1`: 1 to 32 of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

/// Why a text is not the name that it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not 12 digits.
    #[error("account id `{text}` is not 12 digits, such as `123456789012`")]
    AccountId {
        /// What was given.
        text: String,
    },
    /// Not a region's name.
    #[error("region `{text}` is not 1 to 32 of a-z, 0-9 and `-`, such as `ap-northeast-1`")]
    Region {
        /// What was given.
        text: String,
    },
    /// Not an ARN.
    #[error("`{text}` is not an ARN of the form `arn:aws:service:region:account:resource`")]
    Arn {
        /// What was given.
        text: String,
    },
}

impl AccountId {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Region {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_valid = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_valid
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| Error::AccountId {
                text: text.to_owned(),
            })
    }
}

impl FromStr for Region {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_valid = (1..=32).contains(&text.len()) && text.bytes().all(is_allowed);
        is_valid
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| Error::Region {
                text: text.to_owned(),
            })
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a resource: `arn:aws:service:region:account:resource`.
///
/// `region` and `account` are empty where the service has none there (IAM has no region, S3 neither).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn {
    /// The service's prefix, such as `sqs`.
    pub service: String,
    /// The region or nothing.
    pub region: String,
    /// The account or nothing.
    pub account: String,
    /// The rest, which may hold `:` and `/`.
    pub resource: String,
}

impl Arn {
    /// An ARN of a resource that has a region and an account.
    #[must_use]
    pub fn new(service: &str, region: &Region, account: &AccountId, resource: &str) -> Self {
        Self {
            service: service.to_owned(),
            region: region.0.clone(),
            account: account.0.clone(),
            resource: resource.to_owned(),
        }
    }
}

impl Arn {
    /// As [`Arn`]'s `Display` has it, without the detour over a formatter: the trail writes three of them for each call.
    #[must_use]
    pub fn text(&self) -> String {
        let parts = [
            "arn:aws",
            &self.service,
            &self.region,
            &self.account,
            &self.resource,
        ];
        parts.join(":")
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl FromStr for Arn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        match (next(), next(), next(), next(), next(), next()) {
            (
                Some("arn"),
                Some("aws"),
                Some(service),
                Some(region),
                Some(account),
                Some(resource),
            ) if !service.is_empty() && !resource.is_empty() => Ok(Self {
                service: service.to_owned(),
                region: region.to_owned(),
                account: account.to_owned(),
                resource: resource.to_owned(),
            }),
            _ => Err(Error::Arn {
                text: text.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_goes_there_and_back() {
        for text in [
            "arn:aws:sqs:ap-northeast-1:123456789012:s2s",
            "arn:aws:iam::123456789012:user/a:b",
        ] {
            assert_eq!(text.parse::<Arn>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn names_that_are_wrong_are_refused_with_what_is_right() {
        assert!(
            "12345678901"
                .parse::<AccountId>()
                .unwrap_err()
                .to_string()
                .contains("12 digits")
        );
        assert!("Tokyo".parse::<Region>().is_err());
        assert!("arn:aws:sqs::".parse::<Arn>().is_err());
    }
}
