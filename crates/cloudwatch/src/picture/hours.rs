//! The axis of time: ticks at round times of the zone, and how times are written.

use base::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::dashboard::time::Range;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// Seconds between ticks.
const STEPS: [u64; 19] = [
    1,
    5,
    10,
    30,
    60,
    2 * 60,
    5 * 60,
    10 * 60,
    15 * 60,
    30 * 60,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    28 * DAY,
    91 * DAY,
];

/// The times of ticks and their words, at most `count`.
pub(super) fn ticks(range: Range, zone_minutes: i32, count: u64) -> Vec<(Timestamp, String)> {
    let span = range.span().as_secs().max(1);
    let count = count.max(1);
    let step = STEPS
        .into_iter()
        .find(|step| span / step <= count)
        .unwrap_or(365 * DAY);
    let shift = i64::from(zone_minutes) * 60;
    let Some(from) = range.from.as_secs().checked_add_signed(shift) else {
        return Vec::new();
    };
    let first = from.div_ceil(step).saturating_mul(step);
    let at = (0..=count).filter_map(|index| {
        first
            .saturating_add(index * step)
            .checked_add_signed(-shift)
    });
    let at = at
        .map(Timestamp::from_secs)
        .filter(|at| (range.from..=range.to).contains(at));
    at.map(|at| (at, tick(at, zone_minutes, step))).collect()
}

fn tick(at: Timestamp, zone_minutes: i32, step: u64) -> String {
    let Some(time) = local(at, zone_minutes) else {
        return String::new();
    };
    let is_midnight = time.hour() == 0 && time.minute() == 0 && time.second() == 0;
    if step >= DAY || is_midnight {
        return format!("{:02}/{:02}", time.month(), time.day());
    }
    match step < 60 {
        true => format!(
            "{:02}:{:02}:{:02}",
            time.hour(),
            time.minute(),
            time.second()
        ),
        false => format!("{:02}:{:02}", time.hour(), time.minute()),
    }
}

/// A moment for people: `11/23 14:05`.
pub(super) fn moment(at: Timestamp, zone_minutes: i32) -> String {
    local(at, zone_minutes).map_or_else(String::new, |time| {
        format!(
            "{:02}/{:02} {:02}:{:02}",
            time.month(),
            time.day(),
            time.hour(),
            time.minute()
        )
    })
}

fn local(at: Timestamp, zone_minutes: i32) -> Option<DateTime> {
    let millis = i64::try_from(at.as_millis()).ok()?;
    let time = jiff::Timestamp::from_millisecond(millis).ok()?;
    Some(
        Offset::from_seconds(zone_minutes.checked_mul(60)?)
            .ok()?
            .to_datetime(time),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(from: &str, to: &str, zone: i32, count: u64) -> Vec<String> {
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        let range = Range {
            from: at(from),
            to: at(to),
        };
        ticks(range, zone, count)
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    }

    #[test]
    fn ticks_are_at_round_times_of_the_zone() {
        assert_eq!(
            shown("2026-11-23T12:07:00Z", "2026-11-23T15:07:00Z", 0, 6),
            ["12:30", "13:00", "13:30", "14:00", "14:30", "15:00"]
        );
        // Midnight in Japan.
        assert_eq!(
            shown("2026-11-23T13:00:00Z", "2026-11-23T16:00:00Z", 540, 3),
            ["22:00", "23:00", "11/24", "01:00"]
        );
        assert_eq!(
            shown("2026-11-20T00:00:00Z", "2026-11-23T00:00:00Z", 0, 4),
            ["11/20", "11/21", "11/22", "11/23"]
        );
        assert_eq!(
            shown("1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z", -60, 3),
            Vec::<String>::new()
        );
    }
}
