//! Mute rules: windows of time in which alarms are evaluated and their actions do not run.
//!
//! Source: CloudWatch API Reference, `PutAlarmMuteRule`, `Schedule`. A window begins at each moment that the expression
//! names and lasts as long as the duration says; windows that touch each other are one. Start and expiry bound them: before
//! the start none begins, and at the expiry the last one ends.

mod cron;
mod duration;

use std::time::Duration;

use base::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use cron::Cron;

/// Alarms of a rule. Source: API Reference, `MuteTargets`.
pub const TARGETS_MAX: usize = 100;
/// How far windows that touch each other are followed. Chosen: an end later than that is looked for again then.
const FOLLOWED_MAX: usize = 64;

/// A mute rule as it was put.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Unique in the region; 1 to 255 characters.
    pub name: String,
    /// At most 1,024 characters.
    pub description: Option<String>,
    /// `cron(0 2 * * *)` or `at(2026-11-23T14:00)`.
    pub expression: String,
    /// `PT1M` to `P15D`.
    pub duration: String,
    /// An IANA name, such as `Asia/Tokyo`; none is UTC.
    pub timezone: Option<String>,
    /// Names of alarms; at most [`TARGETS_MAX`]. None where the put had none.
    pub targets: Option<Vec<String>>,
    /// No window begins before.
    pub start_ms: Option<u64>,
    /// No window lasts longer.
    pub expire_ms: Option<u64>,
}

/// What is wrong with the schedule of a mute rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The expression is neither form.
    #[error(
        "Invalid schedule expression `{0}`: cron(minutes hours day-of-month month day-of-week) or at(yyyy-MM-ddThh:mm) is right"
    )]
    Expression(String),
    /// A field of a cron expression is none.
    #[error("Invalid schedule expression: `{text}` is no {field}")]
    Field {
        /// Which, such as `hour`.
        field: &'static str,
        /// What stands there.
        text: String,
    },
    /// The duration is none, or not within bounds.
    #[error("Invalid duration `{0}`: an ISO 8601 duration from PT1M to P15D is right")]
    Duration(String),
    /// There is no such time zone.
    #[error("Invalid timezone `{0}`: a name such as Asia/Tokyo is right")]
    Timezone(String),
    /// It expires before it starts.
    #[error("ExpireDate must be later than StartDate")]
    Order,
}

/// Whether a rule mutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It will.
    Scheduled,
    /// It does.
    Active,
    /// It will not any more.
    Expired,
}

impl Status {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Active => "ACTIVE",
            Self::Expired => "EXPIRED",
        }
    }
}

/// The windows of a rule.
#[derive(Clone, Debug)]
pub struct Schedule {
    begins: Begins,
    length: Duration,
    zone: TimeZone,
    start: Timestamp,
    expire: Timestamp,
}

#[derive(Clone, Debug)]
enum Begins {
    Once(DateTime),
    Often(Box<Cron>),
}

impl Schedule {
    /// Reads the schedule of a rule.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn of(settings: &Settings) -> Result<Self, Wrong> {
        let length = duration::parse(&settings.duration)
            .ok_or_else(|| Wrong::Duration(settings.duration.clone()))?;
        let zone = match &settings.timezone {
            None => TimeZone::UTC,
            Some(name) => zone(name).ok_or_else(|| Wrong::Timezone(name.clone()))?,
        };
        let start = settings
            .start_ms
            .map_or(Timestamp::EPOCH, Timestamp::from_millis);
        let expire = settings
            .expire_ms
            .map_or(Timestamp::MAX, Timestamp::from_millis);
        if expire <= start {
            return Err(Wrong::Order);
        }
        Ok(Self {
            begins: begins(&settings.expression)?,
            length,
            zone,
            start,
            expire,
        })
    }

    /// Whether it is for one window only.
    #[must_use]
    pub const fn is_once(&self) -> bool {
        matches!(self.begins, Begins::Once(_))
    }

    /// When the window that `at` lies in ends; none where it lies in none.
    #[must_use]
    pub fn muted_until(&self, at: Timestamp) -> Option<Timestamp> {
        let mut end = self.end(at)?;
        for _ in 0..FOLLOWED_MAX {
            match self.end(end) {
                Some(later) if later > end => end = later,
                _ => break,
            }
        }
        Some(end)
    }

    /// Whether it mutes at `at`.
    #[must_use]
    pub fn status(&self, at: Timestamp) -> Status {
        let is_over = match &self.begins {
            Begins::Once(begin) => self.moment(*begin).plus(self.length) <= at,
            Begins::Often(_) => false,
        };
        if at >= self.expire || is_over {
            return Status::Expired;
        }
        match self.end(at) {
            Some(_) => Status::Active,
            None => Status::Scheduled,
        }
    }

    /// The end of the newest window that `at` lies in.
    fn end(&self, at: Timestamp) -> Option<Timestamp> {
        if at < self.start || at >= self.expire {
            return None;
        }
        let begin = match &self.begins {
            Begins::Once(begin) => self.moment(*begin),
            Begins::Often(cron) => self.newest(cron, at)?,
        };
        let end = begin.plus(self.length).min(self.expire);
        (begin >= self.start && begin <= at && at < end).then_some(end)
    }

    /// The newest moment of `cron` at or before `at`, no older than the length.
    fn newest(&self, cron: &Cron, at: Timestamp) -> Option<Timestamp> {
        let local = self.zone.to_datetime(instant(at));
        let days = self.length.as_secs() / 86_400 + 2;
        let mut date = local.date();
        for _ in 0..days {
            if cron.has_day(date) {
                let times = cron.times_backwards();
                let moments = times.map(|(hour, minute)| self.moment(date.at(hour, minute, 0, 0)));
                if let Some(found) = moments.into_iter().find(|moment| *moment <= at) {
                    return Some(found);
                }
            }
            date = date.yesterday().ok()?;
        }
        None
    }

    /// A local time as a moment; what the clocks skip is later by as much, what they repeat is the first.
    fn moment(&self, local: DateTime) -> Timestamp {
        let zoned = self.zone.to_ambiguous_timestamp(local).compatible();
        let millis = zoned.map_or(i64::MAX, jiff::Timestamp::as_millisecond);
        Timestamp::from_millis(u64::try_from(millis).unwrap_or_default())
    }
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}

fn zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    jiff::tz::db().get(name).ok()
}

fn begins(expression: &str) -> Result<Begins, Wrong> {
    let wrong = || Wrong::Expression(expression.to_owned());
    let inner = |word: &str| {
        let rest = expression.strip_prefix(word)?.strip_prefix('(')?;
        rest.strip_suffix(')')
    };
    if let Some(fields) = inner("cron") {
        return Ok(Begins::Often(Box::new(Cron::parse(fields)?)));
    }
    let moment = inner("at").ok_or_else(wrong)?;
    // Such as 2024-05-10T14:00, without seconds.
    let is_in_form = moment.len() == 16 && moment.as_bytes().get(10) == Some(&b'T');
    let time: Option<DateTime> = is_in_form.then(|| moment.parse().ok()).flatten();
    Ok(Begins::Once(time.ok_or_else(wrong)?))
}

#[cfg(test)]
mod tests;
