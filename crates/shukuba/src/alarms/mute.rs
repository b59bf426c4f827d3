//! Schedules of mute rules.
//!
//! Source: CloudWatch API Reference, PutAlarmMuteRule: `cron(…)` of five fields or `at(yyyy-MM-ddThh:mm)`, and a duration in
//! ISO 8601 from PT1M to P15D.

use std::time::Duration;

use base::Timestamp;

/// Alarms of a rule. Source: as above.
pub(crate) const ALARMS_MAX: usize = 100;
const MINUTE: u64 = 60;
/// The longest time. Source: as above.
const SPAN_MAX: Duration = Duration::from_secs(15 * 86_400);

/// From now on for so long: the moment and the duration. Begins at the minute that has begun, and ends not before its time.
pub(crate) fn from_now(now: Timestamp, span: Duration) -> (String, String) {
    let begun = now.as_secs() / MINUTE * MINUTE;
    let end = now
        .as_secs()
        .saturating_add(span.as_secs())
        .div_ceil(MINUTE)
        * MINUTE;
    let longest = SPAN_MAX.as_secs();
    let moment = Timestamp::from_secs(begun).rfc3339();
    let moment = moment.get(.."2026-11-29T17:05".len()).unwrap_or_default();
    (
        format!("at({moment})"),
        duration(end.saturating_sub(begun).min(longest)),
    )
}

/// The expression of a time that comes again: `0 2 * * *`, with or without `cron(…)` around it.
pub(crate) fn again(text: &str) -> Result<String, String> {
    let inside = text.trim();
    let inside = inside
        .strip_prefix("cron(")
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(inside);
    let fields: Vec<_> = inside.split_whitespace().collect();
    match fields.len() {
        5 => Ok(format!("cron({})", fields.join(" "))),
        _ => Err(format!(
            "`{text}` is not five fields: minutes, hours, day of month, month, day of week, such as `0 2 * * SUN`"
        )),
    }
}

/// Refuses what is shorter than a minute, not of whole minutes, or longer than fifteen days.
pub(crate) fn check(span: Duration) -> Result<(), String> {
    let is_whole = span.subsec_nanos() == 0 && span.as_secs().is_multiple_of(MINUTE);
    match is_whole && (MINUTE..=SPAN_MAX.as_secs()).contains(&span.as_secs()) {
        true => Ok(()),
        false => Err("alarms are muted for whole minutes, from `1m` to `15d`".to_owned()),
    }
}

/// Seconds as `P1DT2H30M`; whole minutes.
pub(crate) fn duration(secs: u64) -> String {
    let minutes = secs / MINUTE;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let part = |count: u64, letter: char| match count {
        0 => String::new(),
        count => format!("{count}{letter}"),
    };
    let time = format!("{}{}", part(hours, 'H'), part(minutes, 'M'));
    match time.as_str() {
        "" => format!("P{days}D"),
        time => format!("P{}T{time}", part(days, 'D')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_iso_8601() {
        for (minutes, expected) in [
            (1, "PT1M"),
            (60, "PT1H"),
            (90, "PT1H30M"),
            (1440, "P1D"),
            // The API's own example.
            (2 * 1440 + 12 * 60, "P2DT12H"),
            (15 * 1440, "P15D"),
        ] {
            assert_eq!(duration(minutes * 60), expected);
        }
    }

    #[test]
    fn from_now_on_the_whole_time_is_muted() {
        let hour = Duration::from_secs(3600);
        for (now, moment, lasts) in [
            ("2026-11-29T17:05:00Z", "at(2026-11-29T17:05)", "PT1H"),
            ("2026-11-29T17:05:40Z", "at(2026-11-29T17:05)", "PT1H1M"),
        ] {
            let now = Timestamp::parse_rfc3339(now).unwrap();
            assert_eq!(from_now(now, hour), (moment.to_owned(), lasts.to_owned()));
        }
        let now = Timestamp::parse_rfc3339("2026-11-29T17:05:40Z").unwrap();
        assert_eq!(from_now(now, SPAN_MAX).1, "P15D");
    }

    #[test]
    fn times_that_come_again_have_five_fields() {
        assert_eq!(again("0 2 * * SUN").unwrap(), "cron(0 2 * * SUN)");
        assert_eq!(again(" cron(0  2 * * *) ").unwrap(), "cron(0 2 * * *)");
        for wrong in ["", "0 2 * *", "0 2 * * * *", "at(2026-11-29T17:05)"] {
            assert!(again(wrong).unwrap_err().contains("0 2 * * SUN"), "{wrong}");
        }
    }

    #[test]
    fn a_rule_lasts_a_minute_to_fifteen_days() {
        for (secs, is_right) in [
            (0, false),
            (59, false),
            (60, true),
            (90, false),
            (1_296_000, true),
            (1_296_060, false),
        ] {
            assert_eq!(check(Duration::from_secs(secs)).is_ok(), is_right, "{secs}");
        }
    }
}
