//! What names, numbers, tokens and tags may be. The bounds are the service model's.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use api::Fault;

use super::fault::{constraint, invalid};
use crate::event::Spot;
use crate::group::RETENTIONS;

/// Characters of a group's or stream's name, at most.
const NAME_CHARS_MAX: usize = 512;
/// Groups and streams of a page, at most and where nothing is said.
pub(super) const PAGE_MAX: u32 = 50;
/// Events of a page, at most and where nothing is said.
pub(super) const EVENTS_MAX: u32 = 10_000;

/// The name of a group, or the beginning of one.
pub(super) fn group(of: &str, given: &str) -> Result<(), Fault> {
    length(of, given, 1..=NAME_CHARS_MAX)?;
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/#".contains(&byte);
    match given.bytes().all(is_fine) {
        true => Ok(()),
        false => Err(constraint(
            of,
            given,
            r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+",
        )),
    }
}

/// The name of a stream, or the beginning of one.
pub(super) fn stream(of: &str, given: &str) -> Result<(), Fault> {
    length(of, given, 1..=NAME_CHARS_MAX)?;
    match given.contains([':', '*']) {
        false => Ok(()),
        true => Err(constraint(
            of,
            given,
            "Member must satisfy regular expression pattern: [^:*]*",
        )),
    }
}

/// The group that a call names by its name or by its ARN.
pub(super) fn named(name: Option<&str>, identifier: Option<&str>) -> Result<String, Fault> {
    match (name, identifier) {
        (Some(name), None) => {
            group("logGroupName", name)?;
            Ok(name.to_owned())
        }
        (None, Some(identifier)) => {
            let name = of_arn(identifier).unwrap_or(identifier);
            group("logGroupIdentifier", name)?;
            Ok(name.to_owned())
        }
        (Some(_), Some(_)) => Err(invalid(
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        )),
        (None, None) => Err(invalid("Log group name or ARN must be given.")),
    }
}

/// The name of the group whose ARN it is, with or without `:*`.
pub(super) fn of_arn(arn: &str) -> Option<&str> {
    let resource = arn.strip_prefix("arn:")?.splitn(5, ':').nth(4)?;
    let name = resource.strip_prefix("log-group:")?;
    Some(name.strip_suffix(":*").unwrap_or(name))
}

/// Characters of a value.
pub(super) fn length(of: &str, given: &str, within: RangeInclusive<usize>) -> Result<(), Fault> {
    let (least, most) = (within.start(), within.end());
    let count = given.chars().count();
    let must = match count {
        _ if count < *least => format!("greater than or equal to {least}"),
        _ if count > *most => format!("less than or equal to {most}"),
        _ => return Ok(()),
    };
    let must = format!("Member must have length {must}");
    Err(constraint(of, given, &must))
}

/// How many a page may have: `max` where nothing is said.
pub(super) fn limit(given: Option<i32>, max: u32) -> Result<usize, Fault> {
    let number = match given {
        None => max,
        Some(given) => match u32::try_from(given) {
            Ok(0) | Err(_) => {
                let must = "Member must have value greater than or equal to 1";
                return Err(constraint("limit", given, must));
            }
            Ok(number) if number > max => {
                let must = format!("Member must have value less than or equal to {max}");
                return Err(constraint("limit", given, &must));
            }
            Ok(number) => number,
        },
    };
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

/// A time in milliseconds.
pub(super) fn time(of: &str, given: Option<i64>) -> Result<Option<u64>, Fault> {
    let Some(given) = given else {
        return Ok(None);
    };
    let must = "Member must have value greater than or equal to 0";
    let time = u64::try_from(given).map_err(|_| constraint(of, given, must))?;
    Ok(Some(time))
}

/// Days that a group may keep its events.
pub(super) fn retention(given: i32) -> Result<u32, Fault> {
    let days = u32::try_from(given).ok();
    days.filter(|days| RETENTIONS.contains(days))
        .ok_or_else(|| {
            let all: Vec<_> = RETENTIONS.iter().map(u32::to_string).collect();
            let must = format!("Member must satisfy enum value set: [{}]", all.join(", "));
            constraint("retentionInDays", given, &must)
        })
}

/// Tags that may be.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    for (key, value) in tags {
        length("tags.key", key, 1..=128)?;
        length("tags.value", value, 0..=256)?;
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("A tag's key must not begin with aws:."));
        }
    }
    Ok(())
}

/// The token of a page that begins behind `name`.
pub(super) fn token_of_name(name: &str) -> String {
    hex::encode(name)
}

/// What [`token_of_name`] made.
pub(super) fn name_of_token(token: Option<&str>) -> Result<Option<String>, Fault> {
    let Some(token) = token else {
        return Ok(None);
    };
    let name = hex::decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    name.map(Some).ok_or_else(bad_token)
}

/// The token of a page: its direction and a place.
pub(super) fn token_of_spot(direction: char, spot: Spot) -> String {
    format!("{direction}/{}", hex::encode(spot.bytes()))
}

/// What [`token_of_spot`] made.
pub(super) fn spot_of_token(token: &str) -> Result<(char, Spot), Fault> {
    let read = || {
        let (direction, spot) = token.split_once('/')?;
        let spot = Spot::read(&hex::decode(spot).ok()?)?;
        Some((direction.parse::<char>().ok()?, spot))
    };
    read()
        .filter(|(direction, _)| ['f', 'b'].contains(direction))
        .ok_or_else(bad_token)
}

fn bad_token() -> Fault {
    invalid("The specified nextToken is invalid.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_named_by_name_or_arn() {
        let arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/f";
        let with_star = format!("{arn}:*");
        for given in [arn, &with_star, "/aws/lambda/f"] {
            assert_eq!(
                named(None, Some(given)).unwrap(),
                "/aws/lambda/f",
                "{given}"
            );
        }
        assert_eq!(of_arn("arn:aws:sqs:eu-west-1:123456789012:f"), None);
        assert!(named(None, None).is_err() && named(Some("a"), Some("a")).is_err());
    }

    #[test]
    fn tokens_are_read_as_they_were_written() {
        let spot = Spot::new(1_800_000_000_000, 7);
        let token = token_of_spot('f', spot);
        assert_eq!(spot_of_token(&token).unwrap(), ('f', spot));
        for wrong in ["", "f/", "x/00", "f/zz", &token[1..], "ff/00"] {
            assert!(spot_of_token(wrong).is_err(), "{wrong}");
        }
        let token = token_of_name("a/b");
        assert_eq!(name_of_token(Some(&token)).unwrap().as_deref(), Some("a/b"));
        assert!(name_of_token(Some("g")).is_err());
    }
}
