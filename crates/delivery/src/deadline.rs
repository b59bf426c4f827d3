//! When a notification is no longer worth sending: the deadline of its line, and those that its destination's rules give it.
//!
//! The earliest of them holds. A send that began before it may end after it; none begins after it. What outlived its
//! deadline ends as `expired`, with a result that says which deadline it was.

use std::fmt;
use std::time::Duration;

use base::Timestamp;

use crate::config::Span;

const DAY: Duration = Duration::from_secs(86_400);

/// The deadlines that a destination's rules give its notifications, counted from their acceptance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// So long after it was accepted.
    pub after: Option<Duration>,
    /// So long after the end of the UTC day in which it was accepted.
    pub after_day: Option<Duration>,
}

/// A deadline, and who set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: By,
}

/// Who set a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The line's `expires_at`.
    Line,
    /// The destination's `expires_after`.
    After(Duration),
    /// The destination's `expires_after_day`.
    AfterDay(Duration),
}

impl Rules {
    /// The earliest deadline of a notification. `own`: its line's.
    #[must_use]
    pub fn earliest(&self, own: Option<Timestamp>, accepted_at: Timestamp) -> Option<Timestamp> {
        if *self == Self::default() {
            return own;
        }
        let after = self.after.map(|span| accepted_at.plus(span));
        let after_day = self
            .after_day
            .map(|span| end_of_day(accepted_at).plus(span));
        [own, after, after_day].into_iter().flatten().min()
    }

    /// Who set the earliest deadline `at` of a notification.
    #[must_use]
    pub fn set_by(&self, at: Timestamp, accepted_at: Timestamp) -> Deadline {
        let is_after = |span: &Duration| accepted_at.plus(*span) == at;
        let is_after_day = |span: &Duration| end_of_day(accepted_at).plus(*span) == at;
        let by = match (
            self.after.filter(is_after),
            self.after_day.filter(is_after_day),
        ) {
            (Some(span), _) => By::After(span),
            (None, Some(span)) => By::AfterDay(span),
            (None, None) => By::Line,
        };
        Deadline { at, by }
    }
}

/// The midnight of UTC that ends the day of `at`.
fn end_of_day(at: Timestamp) -> Timestamp {
    let day = at.as_secs() / DAY.as_secs();
    Timestamp::from_secs(day.saturating_mul(DAY.as_secs())).plus(DAY)
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.rfc3339();
        match self.by {
            By::Line => write!(f, "its line's deadline {at} passed"),
            By::After(span) => write!(f, "deadline {at} passed: expires_after {}", Span(span)),
            By::AfterDay(span) => {
                write!(f, "deadline {at} passed: expires_after_day {}", Span(span))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn rules(after: Option<u64>, after_day: Option<u64>) -> Rules {
        Rules {
            after: after.map(Duration::from_secs),
            after_day: after_day.map(Duration::from_secs),
        }
    }

    #[test]
    fn the_days_end_is_that_of_utc() {
        let two_hours = rules(None, Some(7200));
        for (accepted, deadline) in [
            ("2026-11-23T00:00:00Z", "2026-11-24T02:00:00Z"),
            ("2026-11-23T23:59:59.999Z", "2026-11-24T02:00:00Z"),
            ("2026-11-24T00:00:00Z", "2026-11-25T02:00:00Z"),
            ("2026-11-24T08:30:00+09:00", "2026-11-24T02:00:00Z"),
            ("2028-02-28T12:00:00Z", "2028-02-29T02:00:00Z"),
            ("2026-12-31T12:00:00Z", "2027-01-01T02:00:00Z"),
        ] {
            let found = two_hours.earliest(None, time(accepted));
            assert_eq!(found, Some(time(deadline)), "{accepted}");
        }
    }

    #[test]
    fn the_earliest_holds_and_its_setter_is_known() {
        let accepted = time("2026-11-23T20:00:00Z");
        let (early, late) = (time("2026-11-23T20:30:00Z"), time("2026-11-29T00:00:00Z"));
        let own = |own: Option<Timestamp>, after: Option<u64>, after_day: Option<u64>| {
            let rules = rules(after, after_day);
            let at = rules.earliest(own, accepted)?;
            Some(rules.set_by(at, accepted).to_string())
        };
        assert_eq!(own(None, None, None), None);
        let say = |text: &str| Some(text.to_owned());
        assert_eq!(
            own(Some(early), Some(3600), Some(7200)),
            say("its line's deadline 2026-11-23T20:30:00.000Z passed")
        );
        assert_eq!(
            own(Some(late), Some(3600), Some(7200)),
            say("deadline 2026-11-23T21:00:00.000Z passed: expires_after 1h")
        );
        assert_eq!(
            own(Some(late), Some(86_400), Some(7200)),
            say("deadline 2026-11-24T02:00:00.000Z passed: expires_after_day 2h")
        );
    }

    #[test]
    fn the_end_of_time_is_no_overflow() {
        let rules = rules(Some(u64::MAX), Some(u64::MAX));
        let at = rules.earliest(None, Timestamp::MAX).unwrap();
        assert_eq!(at, Timestamp::MAX);
    }
}
