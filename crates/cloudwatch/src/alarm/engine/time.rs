//! Moments in the forms that alarms write them in.

use base::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;

/// As reason data and notices have it: `2019-10-02T17:04:40.985+0000`.
#[must_use]
pub fn offset(at: Timestamp) -> String {
    let text = at.rfc3339();
    match text.strip_suffix('Z') {
        Some(head) => format!("{head}+0000"),
        None => text,
    }
}

/// As reasons have it: `02/10/19 16:59:00`.
#[must_use]
pub fn short(at: Timestamp) -> String {
    let time = civil(at);
    format!(
        "{:02}/{:02}/{:02} {:02}:{:02}:{:02}",
        time.day(),
        time.month(),
        time.year().rem_euclid(100),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// As reasons of composite alarms have it: `Friday 22 July, 2022 15:14:21 UTC`.
#[must_use]
pub fn long(at: Timestamp) -> String {
    let time = civil(at);
    format!(
        "{} {} {}, {} {:02}:{:02}:{:02} UTC",
        weekday(time.weekday()),
        time.day(),
        month(time.month()),
        time.year(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

fn civil(at: Timestamp) -> DateTime {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    TimeZone::UTC.to_datetime(time)
}

const fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

const fn month(number: i8) -> &'static str {
    match number {
        1 => "January",
        2 => "February",
        3 => "March",
        4 => "April",
        5 => "May",
        6 => "June",
        7 => "July",
        8 => "August",
        9 => "September",
        10 => "October",
        11 => "November",
        _ => "December",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_aws_writes_them() {
        let at = Timestamp::parse_rfc3339("2022-07-22T15:14:21.127Z").unwrap();
        assert_eq!(offset(at), "2022-07-22T15:14:21.127+0000");
        assert_eq!(short(at), "22/07/22 15:14:21");
        assert_eq!(long(at), "Friday 22 July, 2022 15:14:21 UTC");
    }
}
