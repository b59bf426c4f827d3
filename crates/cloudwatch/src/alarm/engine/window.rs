//! Which periods are looked at, and how often.
//!
//! Documented is only that an alarm of 3 periods looks at 5; for other counts we take N + max(2, N / 3), as localstack
//! guesses. Buckets slide: the newest ends at the last whole minute (or ten seconds), not at a multiple of the period, as
//! AWS's own reasons show (a 300 s bucket of 16:59:00 queried at 17:04:40; EventBridge sample in the CloudWatch User
//! Guide).

use std::time::Duration;

use base::Timestamp;

/// Periods below this are of high resolution.
const MINUTE_SECS: u32 = 60;
/// How often alarms of high resolution are evaluated.
const FAST_SECS: u32 = 10;
const HOUR_SECS: u32 = 3600;
const DAY_SECS: u64 = 86_400;

/// The periods of one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The start of the newest period.
    pub newest: Timestamp,
    /// The start of the oldest period.
    pub from: Timestamp,
    /// The end of the newest period.
    pub to: Timestamp,
    /// Seconds of a period.
    pub period_secs: u32,
}

/// How many periods are looked at for `evaluation_periods`.
#[must_use]
pub fn range(evaluation_periods: u32) -> u32 {
    evaluation_periods.saturating_add((evaluation_periods / 3).max(2))
}

/// Seconds to which buckets of a period slide: 60, or 10 for those of high resolution.
#[must_use]
pub const fn step_secs(period_secs: u32) -> u32 {
    if period_secs < MINUTE_SECS {
        FAST_SECS
    } else {
        MINUTE_SECS
    }
}

/// Seconds from one evaluation to the next: 10, 60, or 3,600 where the periods together are longer than a day.
#[must_use]
pub const fn cadence_secs(period_secs: u32, evaluation_periods: u32) -> u32 {
    if period_secs < MINUTE_SECS {
        FAST_SECS
    } else if period_secs as u64 * evaluation_periods as u64 > DAY_SECS {
        HOUR_SECS
    } else {
        MINUTE_SECS
    }
}

/// The periods that an evaluation at `now` looks at.
#[must_use]
pub fn window(now: Timestamp, period_secs: u32, evaluation_periods: u32) -> Window {
    let step = u64::from(step_secs(period_secs));
    let to = Timestamp::from_secs(now.as_secs() / step * step);
    let period = Duration::from_secs(u64::from(period_secs));
    Window {
        newest: to.minus(period),
        from: to.minus(period.saturating_mul(range(evaluation_periods))),
        to,
        period_secs,
    }
}

/// The next moment after `now` at which an alarm is evaluated: each alarm has its own second within the cadence, by a hash
/// of its name, so that they do not all come at once.
#[must_use]
pub fn next(now: Timestamp, name: &str, cadence_secs: u32) -> Timestamp {
    let cadence = u64::from(cadence_secs.max(1)) * 1000;
    let offset = hash(name) % cadence;
    let now = now.as_millis();
    let passed = now.saturating_sub(offset) / cadence * cadence + offset;
    Timestamp::from_millis(if now < offset {
        offset
    } else {
        passed + cadence
    })
}

/// FNV-1a: the same on every machine and in every version.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_periods_look_at_five() {
        let ranges: Vec<_> = [1, 2, 3, 5, 6, 9, 12].into_iter().map(range).collect();
        assert_eq!(ranges, [3, 4, 5, 7, 8, 12, 16]);
    }

    #[test]
    fn the_newest_period_is_the_last_whole_one_and_slides() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let window = window(at("2019-10-02T17:04:40.985Z"), 300, 1);
        assert_eq!(window.newest, at("2019-10-02T16:59:00Z"));
        assert_eq!(window.from, at("2019-10-02T16:49:00Z"));
        assert_eq!(window.to, at("2019-10-02T17:04:00Z"));
    }

    #[test]
    fn cadence_follows_the_length() {
        assert_eq!(cadence_secs(10, 3), 10);
        assert_eq!(cadence_secs(60, 3), 60);
        assert_eq!(cadence_secs(3600, 24), 60);
        assert_eq!(cadence_secs(3600, 25), 3600);
    }

    #[test]
    fn the_next_moment_is_later_and_within_the_cadence() {
        for name in ["a", "web-1-CPUUtilization", "ウェブ"] {
            let mut at = Timestamp::from_millis(1_795_410_190_250);
            for _ in 0..5 {
                let next = next(at, name, 60);
                assert!(next > at && next <= at.plus(Duration::from_secs(60)));
                at = next;
            }
        }
        assert!(next(Timestamp::EPOCH, "a", 60) <= Timestamp::from_secs(60));
    }
}
