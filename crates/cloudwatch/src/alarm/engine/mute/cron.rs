//! `minutes hours day-of-month month day-of-week`, with `*`, `-`, `,` and English names.
//!
//! Where both days are restricted, a day of either is one, as cron has always had it.

use jiff::civil::Date;

use super::Wrong;

/// The moments of a cron expression. Each field is a set of numbers as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    are_days_free: bool,
    are_weekdays_free: bool,
}

struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        least: 0,
        most: 59,
        names: &[],
    },
    Field {
        name: "hour",
        least: 0,
        most: 23,
        names: &[],
    },
    Field {
        name: "day of the month",
        least: 1,
        most: 31,
        names: &[],
    },
    Field {
        name: "month",
        least: 1,
        most: 12,
        names: &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
    },
    Field {
        name: "day of the week",
        least: 0,
        most: 7,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    },
];

impl Cron {
    /// Reads the five fields.
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let texts: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = texts.as_slice() else {
            return Err(Wrong::Expression(format!("cron({text})")));
        };
        let [minute, hour, day, month, weekday] = &FIELDS;
        let sunday_is_7 = weekday.set(weekdays)?;
        Ok(Self {
            minutes: minute.set(minutes)?,
            hours: hour.set(hours)?,
            days: day.set(days)?,
            months: month.set(months)?,
            weekdays: sunday_is_7 | (sunday_is_7 >> 7),
            are_days_free: *days == "*",
            are_weekdays_free: *weekdays == "*",
        })
    }

    /// Whether some moment lies on `date`.
    pub(super) fn has_day(&self, date: Date) -> bool {
        let is_day = has(self.days, date.day());
        let is_weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        let is_right = match (self.are_days_free, self.are_weekdays_free) {
            (true, _) => is_weekday,
            (_, true) => is_day,
            (false, false) => is_day || is_weekday,
        };
        is_right && has(self.months, date.month())
    }

    /// The hours and minutes, latest first.
    pub(super) fn times_backwards(&self) -> impl Iterator<Item = (i8, i8)> {
        let (hours, minutes) = (self.hours, self.minutes);
        (0..24_i8)
            .rev()
            .filter(move |hour| has(hours, *hour))
            .flat_map(move |hour| {
                let minutes = (0..60_i8).rev().filter(move |minute| has(minutes, *minute));
                minutes.map(move |minute| (hour, minute))
            })
    }
}

fn has(set: u64, number: i8) -> bool {
    u32::try_from(number).is_ok_and(|number| set.checked_shr(number).unwrap_or(0) & 1 == 1)
}

impl Field {
    /// Such as `*`, `5`, `1-5`, `MON-FRI` or `0,15,30`.
    fn set(&self, text: &str) -> Result<u64, Wrong> {
        let parts = text.split(',').map(|part| self.part(part));
        parts
            .reduce(|all, part| Some(all? | part?))
            .flatten()
            .ok_or_else(|| Wrong::Field {
                field: self.name,
                text: text.to_owned(),
            })
    }

    fn part(&self, text: &str) -> Option<u64> {
        let (low, high) = match text.split_once('-') {
            _ if text == "*" => (self.least, self.most),
            Some((low, high)) => (self.number(low)?, self.number(high)?),
            None => (self.number(text)?, self.number(text)?),
        };
        (low <= high).then(|| (low..=high).fold(0, |set, number| set | (1 << number)))
    }

    fn number(&self, text: &str) -> Option<u32> {
        let is_named = |name: &&str| name.eq_ignore_ascii_case(text);
        if let Some(index) = self.names.iter().position(is_named) {
            return Some(u32::try_from(index).ok()? + self.least);
        }
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: u32 = text.parse().ok().filter(|_| is_plain)?;
        (self.least..=self.most).contains(&number).then_some(number)
    }
}
