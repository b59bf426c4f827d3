//! Dates and times: ISO 8601 as the W3C narrows it, or seconds since 1970.
//!
//! Source: W3C NOTE-datetime. A text with neither `-` nor `T` is a number of seconds, so a lone year is none, as
//! IAM has it.

/// A moment: seconds since 1970 and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    seconds: i64,
    nanos: u32,
}

impl Date {
    /// Reads `2026-03-07`, `2026-03-07T12:00Z`, `2026-03-07T12:00:00.5+09:00` or `1772841600`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if !text.contains(['-', 'T', 't']) {
            return Self::epoch(text);
        }
        let (date, time) = match text.split_once(['T', 't']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut fields = date.split('-');
        let year = digits(fields.next()?, 4)?;
        let month = fields.next().map_or(Some(1), |field| digits(field, 2))?;
        let day = fields.next().map_or(Some(1), |field| digits(field, 2))?;
        if fields.next().is_some()
            || !(1..=12).contains(&month)
            || day < 1
            || day > length(year, month)
        {
            return None;
        }
        let midnight = days(year, month, day).checked_mul(86_400)?;
        let Some(time) = time else {
            return Some(Self {
                seconds: midnight,
                nanos: 0,
            });
        };
        let (seconds, nanos) = clock(time)?;
        Some(Self {
            seconds: midnight.checked_add(seconds)?,
            nanos,
        })
    }

    fn epoch(text: &str) -> Option<Self> {
        let (whole, nanos) = fraction(text)?;
        Some(Self {
            seconds: digits(whole, whole.len().clamp(1, 18))?,
            nanos,
        })
    }
}

/// Seconds since midnight UTC, which may lie outside of the day, and nanoseconds.
fn clock(time: &str) -> Option<(i64, u32)> {
    let (time, offset) = zone(time)?;
    let mut fields = time.split(':');
    let hour = digits(fields.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = digits(fields.next()?, 2).filter(|minute| *minute < 60)?;
    let (second, nanos) = match fields.next() {
        Some(field) => {
            let (whole, nanos) = fraction(field)?;
            (digits(whole, 2).filter(|second| *second < 61)?, nanos)
        }
        None => (0, 0),
    };
    let is_over = fields.next().is_none();
    is_over.then_some((hour * 3_600 + minute * 60 + second - offset, nanos))
}

/// The time without its zone, and the zone's seconds east of UTC. A time without zone is UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = time.find(['+', '-']) else {
        return Some((time, 0));
    };
    let (time, zone) = time.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let zone = zone.get(1..)?;
    let (hours, minutes) = zone.split_once(':').or_else(|| zone.split_at_checked(2))?;
    let hours = digits(hours, 2).filter(|hours| *hours < 24)?;
    let minutes = if minutes.is_empty() {
        0
    } else {
        digits(minutes, 2).filter(|minutes| *minutes < 60)?
    };
    Some((time, sign * (hours * 3_600 + minutes * 60)))
}

/// A number's whole part, and its fraction in nanoseconds; finer digits are dropped.
fn fraction(text: &str) -> Option<(&str, u32)> {
    let Some((whole, fraction)) = text.split_once('.') else {
        return Some((text, 0));
    };
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some((
        whole,
        nanos.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')),
    ))
}

/// Exactly `count` digits, as a number.
fn digits(text: &str, count: usize) -> Option<i64> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar: whole years, then months of the year that begins in March, so that
/// the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days_before_month = (153 * month + 2) / 5;
    year * 365 + leap_days + days_before_month + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_the_same_moment() {
        // `date -u -d 2026-03-07T03:00:00Z +%s` says 1772852400.
        let moment = Date::parse("1772852400").unwrap();
        for text in [
            "2026-03-07T03:00:00Z",
            "2026-03-07T03:00Z",
            "2026-03-07t03:00:00z",
            "2026-03-07T03:00:00",
            "2026-03-07T12:00:00+09:00",
            "2026-03-07T12:00:00+0900",
            "2026-03-07T12:00:00+09",
            "2026-03-06T22:30:00-04:30",
            "2026-03-07T03:00:00.000000000Z",
        ] {
            assert_eq!(Date::parse(text), Some(moment), "{text}");
        }
        assert!(Date::parse("2026-03-07T03:00:00.1Z").unwrap() > moment);
        assert!(Date::parse("2026-03-07").unwrap() < moment);
    }

    #[test]
    fn calendar_days() {
        // Each by `date -u -d DATE +%s`.
        for (date, seconds) in [
            ("1970-01-01", "0"),
            ("1972-02-29", "68169600"),
            ("2000-03-01", "951868800"),
            ("2026-03", "1772323200"),
            ("2100-03-01", "4107542400"),
        ] {
            assert_eq!(Date::parse(date), Date::parse(seconds), "{date}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-02-29",
            "2026-00-01",
            "2026-03-07T24:00Z",
            "2026-03-07T12Z",
            "2026-03-07T12:60Z",
            "2026-3-7",
            "2026-03-07-01",
            "2026-03-07T12:00:00.Z",
            "2026-03-07T12:00+9",
            "1.2.3",
            "-5",
            "9999999999999999999",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }
}
