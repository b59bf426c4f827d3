//! How long points are kept, in which resolution, and how late they may come.
//!
//! Source: CloudWatch User Guide, "Metrics retention".

use std::time::Duration;

use crate::metric::distribution::Detail;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// How much older than now a point may be. Source: PutMetricData, `Timestamp`.
pub const LATE_MAX: Duration = Duration::from_secs(14 * 86_400);
/// How much later than now a point may be. Source: the same.
pub const EARLY_MAX: Duration = Duration::from_secs(2 * 3600);

/// How long points are kept in each resolution. What one tier lets go, the next has in fewer points.
///
/// The days and hours that points lie in go as a whole, when all of them is that old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Points of a second, where they were sent with a storage resolution of 1. Default: 3 hours, AWS's.
    pub seconds: Duration,
    /// Points of a minute. Default: 15 days, AWS's. At least 2 days: late points come a day less late than this.
    pub minutes: Duration,
    /// Points of five minutes. Default: 63 days, AWS's. At least as long as minutes.
    pub fives: Duration,
    /// Points of an hour. Default: 455 days, AWS's. At least as long as five minutes.
    pub hours: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            seconds: HOUR * 3,
            minutes: DAY * 15,
            fives: DAY * 63,
            hours: DAY * 455,
        }
    }
}

/// A retention that cannot be kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Minutes go too soon.
    #[error("points of a minute are kept for 2 days or more")]
    Minutes,
    /// A coarser tier goes before a finer one.
    #[error("coarser points are kept as long as finer ones, or longer")]
    Order,
}

impl Retention {
    /// Checks the least and the order.
    ///
    /// # Errors
    /// [`Unusable`] says what is wrong.
    pub fn check(&self) -> Result<(), Unusable> {
        if self.minutes < DAY * 2 {
            return Err(Unusable::Minutes);
        }
        let is_ordered =
            self.seconds <= self.minutes && self.minutes <= self.fives && self.fives <= self.hours;
        is_ordered.then_some(()).ok_or(Unusable::Order)
    }

    /// How much older than now a point may be: 14 days, or a day less than minutes are kept, so that it comes before its
    /// day is rolled up.
    #[must_use]
    pub fn late_max(&self) -> Duration {
        LATE_MAX.min(self.minutes.saturating_sub(DAY))
    }

    /// How long a tier is kept.
    pub(super) const fn of(&self, tier: Tier) -> Duration {
        match tier {
            Tier::Seconds => self.seconds,
            Tier::Minutes => self.minutes,
            Tier::Fives => self.fives,
            Tier::Hours => self.hours,
        }
    }
}

/// In which resolution points are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Tier {
    Seconds = 0,
    Minutes = 1,
    Fives = 2,
    Hours = 3,
}

impl Tier {
    /// Seconds of a point.
    pub(super) const fn step_secs(self) -> u64 {
        match self {
            Self::Seconds => 1,
            Self::Minutes => 60,
            Self::Fives => 300,
            Self::Hours => 3600,
        }
    }

    /// Seconds of a block.
    pub(super) const fn span_secs(self) -> u64 {
        match self {
            Self::Seconds | Self::Minutes => 3600,
            Self::Fives | Self::Hours => 86_400,
        }
    }

    /// The tier that points of this one become.
    pub(super) const fn next(self) -> Option<Self> {
        match self {
            Self::Minutes => Some(Self::Fives),
            Self::Fives => Some(Self::Hours),
            // What was sent by the second is in the minutes from the beginning.
            Self::Seconds | Self::Hours => None,
        }
    }

    /// How exactly a point's distribution is kept. Chosen: 256 different values are more than a client sends at once
    /// (150); five minutes of one value each stay exact; of an hour about 16 intervals say enough, in about 20 bytes.
    pub(super) const fn detail(self) -> Detail {
        match self {
            Self::Seconds | Self::Minutes => Detail {
                exact_max: 256,
                bins_max: 256,
            },
            Self::Fives => Detail {
                exact_max: 32,
                bins_max: 64,
            },
            Self::Hours => Detail {
                exact_max: 8,
                bins_max: 16,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let retention = Retention::default();
        assert_eq!(retention.check(), Ok(()));
        assert_eq!(retention.late_max(), LATE_MAX);
        let short = Retention {
            minutes: DAY * 2,
            ..retention
        };
        assert_eq!((short.check(), short.late_max()), (Ok(()), DAY));
        let shorter = Retention {
            minutes: DAY,
            ..retention
        };
        assert_eq!(shorter.check(), Err(Unusable::Minutes));
        let mixed = Retention {
            hours: DAY,
            ..retention
        };
        assert_eq!(mixed.check(), Err(Unusable::Order));
    }
}
