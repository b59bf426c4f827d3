//! What names, lengths and pages may be. The bounds are the service model's.

use api::Fault;

use super::fault;

/// Entries of a page at most, and where nothing is said. Source: `LimitMax100`.
pub(super) const PAGE_MAX: usize = 100;

/// A rule's name or a target's id.
pub(super) fn name(of: &str, given: &str) -> Result<(), Fault> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if !given.bytes().all(is_plain) {
        return Err(constraint(
            of,
            given,
            r"Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+",
        ));
    }
    if given.is_empty() {
        return Err(constraint(
            of,
            given,
            "Member must have length greater than or equal to 1",
        ));
    }
    length(of, given, 64)
}

/// At most `max` characters.
pub(super) fn length(of: &str, given: &str, max: usize) -> Result<(), Fault> {
    match given.chars().count() <= max {
        true => Ok(()),
        false => Err(constraint(
            of,
            given,
            &format!("Member must have length less than or equal to {max}"),
        )),
    }
}

/// A number within bounds.
pub(super) fn number(
    of: &str,
    given: Option<i32>,
    within: std::ops::RangeInclusive<u32>,
) -> Result<Option<u32>, Fault> {
    let Some(given) = given else {
        return Ok(None);
    };
    let number = u32::try_from(given)
        .ok()
        .filter(|number| within.contains(number));
    match number {
        Some(number) => Ok(Some(number)),
        None => {
            let (low, high) = (within.start(), within.end());
            Err(constraint(
                of,
                &given.to_string(),
                &format!("Member must have value between {low} and {high}"),
            ))
        }
    }
}

/// There is one bus.
pub(super) fn bus(name: Option<&str>) -> Result<(), Fault> {
    match name {
        None | Some("default") => Ok(()),
        Some(arn) if arn.starts_with("arn:") && arn.ends_with(":event-bus/default") => Ok(()),
        Some(other) => Err(Fault::sender(
            "ResourceNotFoundException",
            format!("Event bus {other} does not exist."),
        )),
    }
}

/// One page of `all`, which are in order of their names, and the token of the next.
pub(super) fn page<T>(
    all: impl Iterator<Item = T>,
    name: impl Fn(&T) -> &str,
    limit: Option<i32>,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), Fault> {
    let bounds = 1..=u32::try_from(PAGE_MAX).unwrap_or(u32::MAX);
    let limit = number("limit", limit, bounds)?;
    let limit = limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(PAGE_MAX);
    let after = match token {
        None => None,
        Some(token) => {
            let name = hex::decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            Some(name.ok_or_else(|| fault::invalid("NextToken is not valid."))?)
        }
    };
    let mut rest = all.skip_while(|one| {
        after
            .as_ref()
            .is_some_and(|after| name(one) <= after.as_str())
    });
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let is_more = rest.next().is_some();
    let next = page
        .last()
        .filter(|_| is_more)
        .map(|last| hex::encode(name(last)));
    Ok((page, next))
}

fn constraint(of: &str, given: &str, must: &str) -> Fault {
    fault::invalid(format!(
        "1 validation error detected: Value '{given}' at '{of}' failed to satisfy constraint: {must}"
    ))
}
