//! `P2DT12H` and its like.

use std::time::Duration;

/// The least. Source: API Reference, `Schedule`.
const LEAST: Duration = Duration::from_secs(60);
/// The most. Source: as above.
const MOST: Duration = Duration::from_secs(15 * 86_400);

/// Reads an ISO 8601 duration of weeks, days, hours, minutes and seconds within the bounds.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (rest, ""),
    };
    let days = sum(date, &[('W', 7 * 86_400), ('D', 86_400)])?;
    let secs = sum(time, &[('H', 3600), ('M', 60), ('S', 1)])?;
    let length = Duration::from_secs(days.checked_add(secs)?);
    (LEAST..=MOST).contains(&length).then_some(length)
}

/// Numbers with their units, each at most once and in order.
fn sum(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    for (unit, secs) in units {
        let Some((number, tail)) = rest.split_once(*unit) else {
            continue;
        };
        let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| is_plain)?;
        total = total.checked_add(number.checked_mul(*secs)?)?;
        rest = tail;
    }
    rest.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_within_bounds() {
        for (text, expected) in [
            ("PT1M", Some(60)),
            ("PT4H", Some(14_400)),
            ("P2DT12H", Some(216_000)),
            ("P1W", Some(604_800)),
            ("P15D", Some(1_296_000)),
            ("PT90M", Some(5400)),
            ("PT90S", Some(90)),
            ("PT59S", None),
            ("P15DT1S", None),
            ("P", None),
            ("PT", None),
            ("P1DT", None),
            ("PT1M1H", None),
            ("P-1D", None),
            ("4H", None),
            ("PT99999999999999999999H", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
