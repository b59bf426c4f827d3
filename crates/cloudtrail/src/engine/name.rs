//! Names and ARNs of trails.
//!
//! Source: CloudTrail API Reference, CreateTrail; texts as moto's tests recorded them from AWS.

use base::{AccountId, Region};

use super::Error;

/// Letters of a trail's name. Source: CreateTrail.
pub const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=128;

/// Checks the name of a trail.
///
/// # Errors
/// [`Error::TrailName`]: what is wrong with it.
pub fn check(name: &str) -> Result<(), Error> {
    let wrong = |why: String| Err(Error::TrailName { why });
    let count = name.chars().count();
    if count < *NAME_CHARS.start() {
        return wrong(format!(
            "Trail name too short. Minimum allowed length: 3 characters. Specified name length: {count} characters."
        ));
    }
    if count > *NAME_CHARS.end() {
        return wrong(format!(
            "Trail name too long. Maximum allowed length: 128 characters. Specified name length: {count} characters."
        ));
    }
    let is_alphanumeric =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    if !is_alphanumeric(name.chars().next()) {
        return wrong("Trail name must starts with a letter or number.".to_owned());
    }
    if !is_alphanumeric(name.chars().next_back()) {
        return wrong("Trail name must ends with a letter or number.".to_owned());
    }
    let is_mark = |letter: char| matches!(letter, '.' | '-' | '_');
    if !name
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || is_mark(letter))
    {
        return wrong(
            "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_)."
                .to_owned(),
        );
    }
    let letters: Vec<char> = name.chars().collect();
    if letters
        .windows(2)
        .any(|pair| pair.iter().all(|letter| is_mark(*letter)))
    {
        return wrong("Trail name cannot have adjacent periods, underscores or dashes.".to_owned());
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return wrong("Trail name cannot be in IP address format.".to_owned());
    }
    Ok(())
}

/// The ARN of the trail `name`.
#[must_use]
pub fn arn(region: &Region, account: &AccountId, name: &str) -> String {
    format!("arn:aws:cloudtrail:{region}:{account}:trail/{name}")
}

/// The name in what a request calls a trail: a name, or the ARN of a trail of this account and region.
///
/// # Errors
/// [`Error::TrailName`], [`Error::TrailArn`], or [`Error::TrailNotFound`] for the ARN of another account or region.
pub fn named<'a>(region: &Region, account: &AccountId, given: &'a str) -> Result<&'a str, Error> {
    if !given.starts_with("arn:") {
        check(given)?;
        return Ok(given);
    }
    let arn_invalid = || Error::TrailArn {
        given: given.chars().take(256).collect(),
    };
    let mut parts = given.splitn(6, ':');
    let (Some(_), Some(_), Some("cloudtrail"), Some(its_region), Some(its_account), Some(resource)) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return Err(arn_invalid());
    };
    let name = resource.strip_prefix("trail/").ok_or_else(arn_invalid)?;
    check(name).map_err(|_| arn_invalid())?;
    if its_region != region.as_str() || its_account != account.as_str() {
        return Err(Error::TrailNotFound {
            arn: given.to_owned(),
        });
    }
    Ok(name)
}

/// Checks the name of a bucket.
///
/// Source: Amazon S3 user guide, bucket naming rules.
///
/// # Errors
/// [`Error::BucketName`].
pub fn check_bucket(name: &str) -> Result<(), Error> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let is_valid = (3..=63).contains(&name.len())
        && bytes
            .iter()
            .all(|byte| is_letter(*byte) || matches!(byte, b'-' | b'.'))
        && bytes.first().is_some_and(|byte| is_letter(*byte))
        && bytes.last().is_some_and(|byte| is_letter(*byte))
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err();
    match is_valid {
        true => Ok(()),
        false => Err(Error::BucketName {
            name: name.chars().take(256).collect(),
        }),
    }
}

/// Checks the prefix of keys: at most 200 letters, without `/` at its ends. Source: CreateTrail for the length.
///
/// # Errors
/// [`Error::Prefix`].
pub fn check_prefix(prefix: &str) -> Result<(), Error> {
    let wrong = |why| Err(Error::Prefix { why });
    if prefix.chars().count() > 200 {
        return wrong("is longer than 200 characters");
    }
    if prefix.starts_with('/') || prefix.ends_with('/') {
        return wrong("begins or ends with `/`");
    }
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "!-_.*'()/".contains(letter);
    if !prefix.chars().all(is_allowed) {
        return wrong("has characters other than letters, digits and !-_.*'()/");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_and_refused_as_documented() {
        for name in ["abc", "my-trail", "A.b_c-9", &"a".repeat(128)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for (name, why) in [
            ("ab", "too short"),
            (&*"a".repeat(129), "too long"),
            ("-abc", "must starts"),
            ("abc-", "must ends"),
            ("a bc", "can only contain"),
            ("my-_namespace", "adjacent"),
            ("my--namespace", "adjacent"),
            ("192.168.5.4", "IP address"),
            ("äbc", "must starts"),
        ] {
            let error = check(name).unwrap_err().to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
    }

    #[test]
    fn a_trail_is_named_by_its_name_or_its_arn() {
        let (region, account) = (
            "eu-west-1".parse().unwrap(),
            "123456789012".parse().unwrap(),
        );
        let arn = arn(&region, &account, "main");
        assert_eq!(arn, "arn:aws:cloudtrail:eu-west-1:123456789012:trail/main");
        assert_eq!(named(&region, &account, &arn), Ok("main"));
        assert_eq!(named(&region, &account, "main"), Ok("main"));
        for wrong in [
            "arn:aws:cloudtrail:eu-west-1:123456789012:channel/x",
            "arn:aws:sqs:eu-west-1:123456789012:trail/main",
            "arn:aws:cloudtrail",
            "arn:aws:cloudtrail:eu-west-1:123456789012:trail/a",
        ] {
            let error = named(&region, &account, wrong).unwrap_err();
            assert!(matches!(error, Error::TrailArn { .. }), "{wrong}: {error}");
        }
        let elsewhere = "arn:aws:cloudtrail:us-east-1:123456789012:trail/main";
        let error = named(&region, &account, elsewhere).unwrap_err();
        assert!(matches!(error, Error::TrailNotFound { .. }), "{error}");
    }

    #[test]
    fn buckets_and_prefixes_follow_the_rules() {
        for name in ["logs", "my.logs-1"] {
            assert_eq!(check_bucket(name), Ok(()), "{name}");
        }
        for name in [
            "lo",
            "Logs",
            "-logs",
            "logs-",
            "a..b",
            "192.168.5.4",
            "lo_gs",
            &"a".repeat(64),
        ] {
            assert!(check_bucket(name).is_err(), "{name}");
        }
        for prefix in ["a", "a/b", "It's-fine_(really)!"] {
            assert_eq!(check_prefix(prefix), Ok(()), "{prefix}");
        }
        for prefix in ["/a", "a/", "a b", "a?", &"a".repeat(201)] {
            assert!(check_prefix(prefix).is_err(), "{prefix}");
        }
    }
}
