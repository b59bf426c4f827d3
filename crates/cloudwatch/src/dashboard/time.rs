//! Times in bodies: `-PT6H` and `P1D` before now, or a moment such as `2026-11-23T05:00:00.000Z`; and zones, `+0900`.
//!
//! Source: CloudWatch API Reference, "Dashboard Body Structure and Syntax" and "Metric Widget Structure and Syntax".

use std::time::Duration;

use base::Timestamp;

/// What is shown where nothing is said: three hours. Source: as above.
pub const SPAN_DEFAULT: Duration = Duration::from_secs(3 * 3600);
/// The longest time that is shown: as long as points are kept, 455 days. Source: CloudWatch User Guide, "Metrics retention".
pub const SPAN_MAX: Duration = Duration::from_secs(455 * 86_400);

const DAY_SECS: u64 = 86_400;

/// From when to when something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// From this moment on.
    pub from: Timestamp,
    /// Before this moment.
    pub to: Timestamp,
}

impl Range {
    /// How long it is.
    #[must_use]
    pub const fn span(self) -> Duration {
        self.to.since(self.from)
    }
}

/// The range that `start` and `end` say at `now`, or nothing where they say none or an empty one.
#[must_use]
pub fn range(start: Option<&str>, end: Option<&str>, now: Timestamp) -> Option<Range> {
    let from = moment(start?, now)?;
    let to = match end {
        Some(end) => moment(end, now)?,
        None => now,
    };
    (from < to && to.since(from) <= SPAN_MAX).then_some(Range { from, to })
}

/// The range where nothing is said.
#[must_use]
pub fn latest(now: Timestamp) -> Range {
    Range {
        from: now.minus(SPAN_DEFAULT),
        to: now,
    }
}

/// Whether `text` is a time that a body may say.
pub(crate) fn is_time(text: &str) -> bool {
    moment(text, Timestamp::MAX).is_some()
}

fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(back) = ago(text) {
        return Some(now.minus(back));
    }
    Timestamp::parse_rfc3339(text)
}

/// `-PT6H` and `PT6H` are both six hours ago.
fn ago(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix('-').unwrap_or(text).strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (rest, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let date = parts(
        date,
        &[
            ('Y', 365 * DAY_SECS),
            ('M', 30 * DAY_SECS),
            ('W', 7 * DAY_SECS),
            ('D', DAY_SECS),
        ],
    )?;
    let time = parts(time, &[('H', 3600), ('M', 60), ('S', 1)])?;
    Some(Duration::from_secs(date.checked_add(time)?))
}

/// The seconds of `1D12H`-like text, whose letters come in the order of `units`.
fn parts(mut text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut total = 0_u64;
    for (letter, secs) in units {
        let Some((number, rest)) = text.split_once(*letter) else {
            continue;
        };
        let is_number =
            (1..=9).contains(&number.len()) && number.bytes().all(|it| it.is_ascii_digit());
        let number: u64 = is_number.then(|| number.parse().ok()).flatten()?;
        total = total.checked_add(number.checked_mul(*secs)?)?;
        text = rest;
    }
    text.is_empty().then_some(total)
}

/// Minutes east of Greenwich of `+0900`, `-0330` or `+09:00`.
#[must_use]
pub fn zone_minutes(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let is_right = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, minutes) = is_right.then(|| digits.split_at_checked(2)).flatten()?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_now_and_moments_are_read() {
        let now = Timestamp::parse_rfc3339("2026-11-23T12:00:00Z").unwrap();
        for (text, expected) in [
            ("-PT6H", "2026-11-23T06:00:00.000Z"),
            ("P1D", "2026-11-22T12:00:00.000Z"),
            ("-P1DT30M", "2026-11-22T11:30:00.000Z"),
            ("-P1W", "2026-11-16T12:00:00.000Z"),
            ("-PT90S", "2026-11-23T11:58:30.000Z"),
            ("P0D", "2026-11-23T12:00:00.000Z"),
            ("2026-11-01T00:00:00.000Z", "2026-11-01T00:00:00.000Z"),
        ] {
            assert_eq!(moment(text, now).unwrap().rfc3339(), expected, "{text}");
        }
        for text in [
            "",
            "P",
            "-P",
            "PT",
            "P1",
            "PT1D",
            "P1H",
            "1D",
            "PT1S1H",
            "P-1D",
            "PT+1H",
            "now",
            "P9999999999D",
        ] {
            assert_eq!(moment(text, now), None, "{text}");
        }
    }

    #[test]
    fn a_range_is_not_empty_and_an_end_needs_a_start() {
        let now = Timestamp::from_secs(1_000_000);
        assert_eq!(range(None, Some("P0D"), now), None);
        assert_eq!(range(Some("-PT1H"), Some("-PT2H"), now), None);
        assert_eq!(
            range(Some("-PT1H"), None, now).unwrap().span(),
            Duration::from_secs(3600)
        );
    }

    #[test]
    fn zones_are_minutes() {
        for (text, expected) in [
            ("+0900", Some(540)),
            ("-0330", Some(-210)),
            ("+09:00", Some(540)),
            ("+0000", Some(0)),
            ("0900", None),
            ("+9", None),
            ("+1500", None),
            ("+0960", None),
            ("あ", None),
        ] {
            assert_eq!(zone_minutes(text), expected, "{text}");
        }
    }
}
