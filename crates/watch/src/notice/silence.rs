//! When nobody is told: silences that people set, and windows of maintenance that stand in the settings.

use std::collections::BTreeMap;

use base::Timestamp;
use base::setting::{Problems, Span};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::matching::Matcher;

/// The longest silence. Chosen: whoever wants longer changes the settings.
pub const SILENCE_MAX: std::time::Duration = std::time::Duration::from_secs(400 * 86_400);

/// Nobody is told of what matches, from one moment to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// What it silences.
    #[serde(rename = "match")]
    pub matcher: Matcher,
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who set it.
    pub by: String,
    /// Why.
    pub comment: String,
}

impl Silence {
    /// Whether it silences something with these labels now.
    #[must_use]
    pub fn covers(&self, labels: &BTreeMap<String, String>, now: Timestamp) -> bool {
        self.from <= now && now < self.until && self.matcher.is_match(labels)
    }
}

/// `[[notices.maintenance]]`: a window of maintenance, weekly or once, in which nobody is told of what matches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Maintenance {
    /// What it is for.
    pub name: String,
    /// Labels and their patterns, such as `{ Name = "db-*" }`. Default everything.
    pub r#match: Matcher,
    /// The days on which it begins, `mon` to `sun`. Default every day.
    pub days: Vec<String>,
    /// When it begins, such as `02:00`, in `time_zone`.
    pub at: Option<String>,
    /// How long it lasts. 1m to 7d; default 1h.
    pub lasts: Option<Span>,
    /// Instead of `at`: from this moment on, such as `2026-12-31T22:00:00+09:00`.
    pub from: Option<String>,
    /// With `from`: until this moment.
    pub until: Option<String>,
    /// The time zone of `at`, such as `Asia/Tokyo`. Default that of `[notices]`.
    pub time_zone: Option<String>,
}

/// A window that has been read.
#[derive(Clone, Debug)]
pub struct Window {
    matcher: Matcher,
    when: When,
}

#[derive(Clone, Debug)]
enum When {
    Once(Timestamp, Timestamp),
    Weekly {
        /// Empty: every day.
        days: Vec<Weekday>,
        at: Time,
        lasts: std::time::Duration,
        zone: TimeZone,
    },
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl Maintenance {
    /// Reads it; what is wrong goes to `problems`, under `key`.
    pub fn read(&self, key: &str, zone: &TimeZone, problems: &mut Problems) -> Option<Window> {
        let when = match (&self.at, &self.from, &self.until) {
            (Some(at), None, None) => self.weekly(key, at, zone, problems),
            (None, Some(from), Some(until)) => once(key, from, until, problems),
            _ => {
                let right = "give either `at` (and `days`, `lasts`), or `from` and `until`";
                problems.push(key, right);
                None
            }
        };
        Some(Window {
            matcher: self.r#match.clone(),
            when: when?,
        })
    }

    fn weekly(
        &self,
        key: &str,
        at: &str,
        zone: &TimeZone,
        problems: &mut Problems,
    ) -> Option<When> {
        let hour = std::time::Duration::from_secs(3600);
        let (min, max) = (hour / 60, hour * 24 * 7);
        problems.span(&format!("{key}.lasts"), self.lasts, min, max);
        let days: Option<Vec<Weekday>> = self.days.iter().map(|day| weekday(day)).collect();
        if days.is_none() {
            problems.push(
                &format!("{key}.days"),
                "a day is one of mon, tue, wed, thu, fri, sat, sun",
            );
        }
        let time = Time::strptime("%H:%M", at).ok();
        if time.is_none() {
            problems.push(&format!("{key}.at"), "a time of day is such as `02:00`");
        }
        let zone = match &self.time_zone {
            None => Some(zone.clone()),
            Some(name) => zone_named(&format!("{key}.time_zone"), name, problems),
        };
        Some(When::Weekly {
            days: days?,
            at: time?,
            lasts: self.lasts.map_or(hour, Span::get),
            zone: zone?,
        })
    }
}

fn weekday(name: &str) -> Option<Weekday> {
    let found = DAYS.iter().find(|(known, _)| *known == name)?;
    Some(found.1)
}

fn once(key: &str, from: &str, until: &str, problems: &mut Problems) -> Option<When> {
    let mut moment = |name: &str, text: &str| {
        let found = Timestamp::parse_rfc3339(text);
        if found.is_none() {
            let right = "a moment is such as `2026-12-31T22:00:00+09:00`";
            problems.push(&format!("{key}.{name}"), right);
        }
        found
    };
    let (from, until) = (moment("from", from), moment("until", until));
    let (from, until) = (from?, until?);
    if until <= from {
        problems.push(&format!("{key}.until"), "is not after `from`");
        return None;
    }
    Some(When::Once(from, until))
}

/// The time zone of that name.
pub(super) fn zone_named(key: &str, name: &str, problems: &mut Problems) -> Option<TimeZone> {
    let found = TimeZone::get(name).ok();
    if found.is_none() {
        let detail = format!("`{name}` is no time zone; they are such as `Asia/Tokyo` or `UTC`");
        problems.push(key, detail);
    }
    found
}

impl Window {
    /// Whether it is open now for something with these labels.
    #[must_use]
    pub fn covers(&self, labels: &BTreeMap<String, String>, now: Timestamp) -> bool {
        self.is_open(now) && self.matcher.is_match(labels)
    }

    fn is_open(&self, now: Timestamp) -> bool {
        match &self.when {
            When::Once(from, until) => *from <= now && now < *until,
            When::Weekly {
                days,
                at,
                lasts,
                zone,
            } => is_in_weekly(days, *at, *lasts, zone, now).unwrap_or(false),
        }
    }
}

/// Whether a window that began today or up to seven days ago lasts now. By local days: in a change of the clocks a window
/// begins when its time is first reached.
fn is_in_weekly(
    days: &[Weekday],
    at: Time,
    lasts: std::time::Duration,
    zone: &TimeZone,
    now: Timestamp,
) -> Option<bool> {
    let instant = jiff::Timestamp::from_millisecond(i64::try_from(now.as_millis()).ok()?).ok()?;
    let today = zone.to_datetime(instant).date();
    let begins = (0..=7_i64).filter_map(|back| {
        let day = today.checked_sub(jiff::Span::new().days(back)).ok()?;
        let is_day = days.is_empty() || days.contains(&day.weekday());
        let begin = day.to_datetime(at).to_zoned_datetime(zone.clone()).ok()?;
        is_day.then(|| begin.timestamp())
    });
    let lasts = jiff::SignedDuration::try_from(lasts).ok()?;
    let is_open = begins
        .filter(|begin| *begin <= instant)
        .any(|begin| instant.duration_since(begin) < lasts);
    Some(is_open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(maintenance: &Maintenance) -> Result<Window, Vec<String>> {
        let mut problems = Problems::default();
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        let read = maintenance.read("m", &zone, &mut problems);
        let problems: Vec<_> = problems.0.iter().map(ToString::to_string).collect();
        match read {
            Some(window) if problems.is_empty() => Ok(window),
            _ => Err(problems),
        }
    }

    fn is_open(window: &Window, at: &str) -> bool {
        window.covers(&BTreeMap::new(), Timestamp::parse_rfc3339(at).unwrap())
    }

    #[test]
    fn a_weekly_window_follows_its_time_zone_and_goes_over_midnight() {
        let night = window(&Maintenance {
            days: vec!["sat".to_owned()],
            at: Some("23:00".to_owned()),
            lasts: Some(Span::secs(3 * 3600)),
            ..Maintenance::default()
        })
        .unwrap();
        // 2026-11-28 is a Saturday; 23:00 in Tokyo is 14:00 in UTC.
        for (at, expected) in [
            ("2026-11-28T13:59:59Z", false),
            ("2026-11-28T14:00:00Z", true),
            ("2026-11-28T16:59:59Z", true),
            ("2026-11-28T17:00:00Z", false),
            ("2026-11-27T14:00:00Z", false),
        ] {
            assert_eq!(is_open(&night, at), expected, "{at}");
        }
    }

    #[test]
    fn a_window_lasts_as_long_over_a_change_of_the_clocks() {
        // In New York clocks go back on 2026-11-01 at 02:00: 01:30 comes twice.
        let back = window(&Maintenance {
            at: Some("01:30".to_owned()),
            lasts: Some(Span::secs(3600)),
            time_zone: Some("America/New_York".to_owned()),
            ..Maintenance::default()
        })
        .unwrap();
        assert!(is_open(&back, "2026-11-01T05:30:00Z"));
        assert!(is_open(&back, "2026-11-01T06:29:59Z"));
        assert!(!is_open(&back, "2026-11-01T06:30:00Z"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = Maintenance {
            days: vec!["monday".to_owned()],
            at: Some("25:00".to_owned()),
            lasts: Some(Span::secs(1)),
            time_zone: Some("Asia/Edo".to_owned()),
            ..Maintenance::default()
        };
        assert_eq!(
            window(&wrong).unwrap_err(),
            [
                "m.lasts: 1s is out of range: 1m to 7d",
                "m.days: a day is one of mon, tue, wed, thu, fri, sat, sun",
                "m.at: a time of day is such as `02:00`",
                "m.time_zone: `Asia/Edo` is no time zone; they are such as `Asia/Tokyo` or `UTC`",
            ]
        );
        assert!(window(&Maintenance::default()).is_err());
        let backwards = Maintenance {
            from: Some("2026-12-02T00:00:00Z".to_owned()),
            until: Some("2026-12-01T00:00:00Z".to_owned()),
            ..Maintenance::default()
        };
        assert_eq!(
            window(&backwards).unwrap_err(),
            ["m.until: is not after `from`"]
        );
    }
}
