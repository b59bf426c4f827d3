//! Certain minutes of the calendar, in UTC: `0 18 ? * MON-FRI *`.
//!
//! ```text
//! minutes hours day-of-month month day-of-week year
//! 0-59    0-23  1-31 L 3W    1-12  1-7 L 6L 2#1 1970-2199
//! ```
//!
//! Where AWS's page is silent, Quartz's rules hold, whose form this is: `L` of the week is Saturday, `6L` the month's last Friday,
//! `3W` the weekday nearest to the third that lies in the same month.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::str::FromStr;

use base::Timestamp;
use jiff::civil::Date;

use super::Invalid;
use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, HOURS, MINUTES, MONTH, YEAR, number};

const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: u64 = 24 * 60;
/// Saturday, the last day of the week.
const WEEK_END: u16 = 7;

/// A cron expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: BTreeSet<u16>,
    hours: BTreeSet<u16>,
    days: Days,
    months: BTreeSet<u16>,
    years: BTreeSet<u16>,
}

/// Which days of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    /// Those with one of the numbers, and others.
    OfMonth {
        numbers: BTreeSet<u16>,
        /// The weekday nearest to each of these.
        near: BTreeSet<u16>,
        has_last: bool,
    },
    /// Those of the week; Sunday is 1.
    OfWeek {
        numbers: BTreeSet<u16>,
        /// The last of each of these in the month.
        last: BTreeSet<u16>,
    },
    /// The n-th of one day of the week, from 1 to 5.
    Nth { day: u16, nth: u16 },
}

impl Cron {
    /// The first minute that is meant after `after`.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let first = (after.as_millis() / MINUTE_MS).checked_add(1)?;
        let mut from = u16::try_from(first % DAY_MINUTES).ok()?;
        let mut date = date_of(first / DAY_MINUTES)?;
        loop {
            if !self.has_month(date) {
                date = self.next_month(date)?;
                from = 0;
            }
            if self.days.holds(date)
                && let Some(minute) = self.first_minute(from)
            {
                return at(date, minute);
            }
            date = date.tomorrow().ok()?;
            from = 0;
        }
    }

    /// The last minute that is meant after `after` and at or before `now`.
    pub(super) fn latest(&self, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let last = now.as_millis() / MINUTE_MS;
        let mut until = u16::try_from(last % DAY_MINUTES).ok()?;
        let mut date = date_of(last / DAY_MINUTES)?;
        let first = date_of(after.as_millis() / MINUTE_MS / DAY_MINUTES)?;
        while date >= first {
            if self.has_month(date)
                && self.days.holds(date)
                && let Some(minute) = self.last_minute(until)
            {
                return at(date, minute).filter(|moment| *moment > after);
            }
            date = date.yesterday().ok()?;
            until = u16::MAX;
        }
        None
    }

    /// Whether `at` lies in a minute that is meant.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        let minutes = at.as_millis() / MINUTE_MS;
        let Some(date) = date_of(minutes / DAY_MINUTES) else {
            return false;
        };
        let (hour, minute) = (minutes % DAY_MINUTES / 60, minutes % 60);
        let has = |set: &BTreeSet<u16>, value: u64| {
            u16::try_from(value).is_ok_and(|value| set.contains(&value))
        };
        has(&self.minutes, minute)
            && has(&self.hours, hour)
            && self.has_month(date)
            && self.days.holds(date)
    }

    fn has_month(&self, date: Date) -> bool {
        self.years.contains(&year(date)) && self.months.contains(&unsigned(date.month()))
    }

    /// The first day of the next month that is meant.
    fn next_month(&self, date: Date) -> Option<Date> {
        let later = (Bound::Excluded(unsigned(date.month())), Bound::Unbounded);
        let (year, month) = match self.months.range(later).next() {
            Some(month) if self.years.contains(&year(date)) => (year(date), *month),
            _ => {
                let later = (Bound::Excluded(year(date)), Bound::Unbounded);
                (*self.years.range(later).next()?, *self.months.first()?)
            }
        };
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok()
    }

    /// The first minute of a day that is meant, from `from` on.
    fn first_minute(&self, from: u16) -> Option<u16> {
        let (hour, minute) = (from / 60, from % 60);
        if self.hours.contains(&hour)
            && let Some(minute) = self.minutes.range(minute..).next()
        {
            return Some(hour * 60 + minute);
        }
        let hour = self.hours.range(hour.saturating_add(1)..).next()?;
        Some(hour * 60 + self.minutes.first()?)
    }

    /// The last minute of a day that is meant, up to `until`.
    fn last_minute(&self, until: u16) -> Option<u16> {
        let (hour, minute) = (until / 60, until % 60);
        if self.hours.contains(&hour)
            && let Some(minute) = self.minutes.range(..=minute).next_back()
        {
            return Some(hour * 60 + minute);
        }
        let hour = self.hours.range(..hour).next_back()?;
        Some(hour * 60 + self.minutes.last()?)
    }
}

impl Days {
    fn holds(&self, date: Date) -> bool {
        let (day, of_week) = (unsigned(date.day()), day_of_week(date));
        let length = unsigned(date.days_in_month());
        match self {
            Self::OfMonth {
                numbers,
                near,
                has_last,
            } => {
                numbers.contains(&day)
                    || (*has_last && day == length)
                    || near
                        .iter()
                        .any(|near| weekday_near(*near, date) == Some(day))
            }
            Self::OfWeek { numbers, last } => {
                numbers.contains(&of_week) || (last.contains(&of_week) && day + 7 > length)
            }
            Self::Nth { day: wanted, nth } => of_week == *wanted && day.div_ceil(7) == *nth,
        }
    }

    fn of_month(text: &str) -> Result<Self, Invalid> {
        let (mut numbers, mut near, mut has_last) = (BTreeSet::new(), BTreeSet::new(), false);
        for part in text.split(',') {
            if part == "L" {
                has_last = true;
            } else if let Some(day) = part.strip_suffix('W') {
                near.insert(DAY_OF_MONTH.value(day)?);
            } else {
                numbers.extend(DAY_OF_MONTH.part(part)?);
            }
        }
        Ok(Self::OfMonth {
            numbers,
            near,
            has_last,
        })
    }

    fn of_week(text: &str) -> Result<Self, Invalid> {
        if let Some((day, nth)) = text.split_once('#') {
            let invalid = || DAY_OF_WEEK.invalid(text, "behind one day and `#` stands 1 to 5");
            let nth = number(nth).filter(|nth| (1..=5).contains(nth));
            return Ok(Self::Nth {
                nth: nth.ok_or_else(invalid)?,
                day: DAY_OF_WEEK.value(day)?,
            });
        }
        let (mut numbers, mut last) = (BTreeSet::new(), BTreeSet::new());
        for part in text.split(',') {
            match part.strip_suffix('L') {
                Some("") => {
                    numbers.insert(WEEK_END);
                }
                Some(day) => {
                    last.insert(DAY_OF_WEEK.value(day)?);
                }
                None => numbers.extend(DAY_OF_WEEK.part(part)?),
            }
        }
        Ok(Self::OfWeek { numbers, last })
    }
}

impl FromStr for Cron {
    type Err = Invalid;

    /// Reads what stands between the brackets.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minutes, hours, of_month, month, of_week, year] = fields.as_slice() else {
            return Err(Invalid::Fields {
                count: fields.len(),
            });
        };
        let days = match (*of_month, *of_week) {
            ("?", "?") => return Err(Invalid::Days),
            ("?", of_week) => Days::of_week(of_week)?,
            (of_month, "?") => Days::of_month(of_month)?,
            _ => return Err(Invalid::Days),
        };
        Ok(Self {
            minutes: MINUTES.values(minutes)?,
            hours: HOURS.values(hours)?,
            days,
            months: MONTH.values(month)?,
            years: YEAR.values(year)?,
        })
    }
}

/// The weekday nearest to the day `near` of the month of `date`, in that month; none where the month has no such day.
fn weekday_near(near: u16, date: Date) -> Option<u16> {
    let length = unsigned(date.days_in_month());
    let day = i8::try_from(near).ok()?;
    let there = Date::new(date.year(), date.month(), day).ok()?;
    Some(match day_of_week(there) {
        1 if near == length => near - 2,
        1 => near + 1,
        WEEK_END if near == 1 => 3,
        WEEK_END => near - 1,
        _ => near,
    })
}

/// The day that is so many days after 1970-01-01.
fn date_of(days: u64) -> Option<Date> {
    let days = i32::try_from(days).ok()?;
    let epoch = Date::new(1970, 1, 1).ok()?;
    epoch
        .checked_add(jiff::Span::new().try_days(days).ok()?)
        .ok()
}

/// A minute of a day.
fn at(date: Date, minute: u16) -> Option<Timestamp> {
    let epoch = Date::new(1970, 1, 1).ok()?;
    let days = u64::try_from(epoch.until(date).ok()?.get_days()).ok()?;
    let minutes = days * DAY_MINUTES + u64::from(minute);
    Some(Timestamp::from_millis(minutes * MINUTE_MS))
}

/// Sunday is 1.
fn day_of_week(date: Date) -> u16 {
    unsigned(date.weekday().to_sunday_one_offset())
}

fn year(date: Date) -> u16 {
    u16::try_from(date.year()).unwrap_or_default()
}

fn unsigned(number: i8) -> u16 {
    u16::try_from(number).unwrap_or_default()
}
