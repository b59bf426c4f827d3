//! What of a request was not kept, and why.

use std::fmt;

/// Why one point was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Reason {
    /// It is older than may be put.
    TooOld,
    /// It lies more than two hours ahead.
    TooNew,
    /// It says no time.
    Untimed,
    /// It has no name, or one longer than a metric's may be.
    Unnamed,
    /// A number is not finite, or larger than 2^360.
    Unsound,
    /// Its numbers do not fit together, such as bounds of buckets that do not rise.
    Inconsistent,
    /// It is of a kind that is not kept here.
    Unsupported,
    /// A running total that is not newer than the last one of its series.
    OutOfOrder,
    /// A running total of one series more than are remembered.
    TooManySeries,
}

/// Every reason, in order.
pub const REASONS: [Reason; 9] = [
    Reason::TooOld,
    Reason::TooNew,
    Reason::Untimed,
    Reason::Unnamed,
    Reason::Unsound,
    Reason::Inconsistent,
    Reason::Unsupported,
    Reason::OutOfOrder,
    Reason::TooManySeries,
];

/// How many points of a request were not kept, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    points: [u64; REASONS.len()],
    /// Dimensions that points were kept without: more than a metric may have, or without a value in letters.
    pub dimensions: u64,
}

impl Reason {
    /// A word for counts, such as `too_old`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::Untimed => "untimed",
            Self::Unnamed => "unnamed",
            Self::Unsound => "unsound",
            Self::Inconsistent => "inconsistent",
            Self::Unsupported => "unsupported",
            Self::OutOfOrder => "out_of_order",
            Self::TooManySeries => "too_many_series",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::TooOld => "are older than may be put",
            Self::TooNew => "lie more than two hours ahead",
            Self::Untimed => "say no time",
            Self::Unnamed => "have no name of 1 to 255 characters",
            Self::Unsound => "have numbers that are not finite or larger than 2^360",
            Self::Inconsistent => "have numbers that do not fit together",
            Self::Unsupported => "are of a kind that is not kept here",
            Self::OutOfOrder => "are running totals not newer than the last of their series",
            Self::TooManySeries => "are running totals of more series than are remembered",
        }
    }
}

impl Skipped {
    pub(super) fn add(&mut self, reason: Reason) {
        if let Some(count) = self.points.get_mut(reason as usize) {
            *count += 1;
        }
    }

    /// How many points were not kept for `reason`.
    #[must_use]
    pub fn of(&self, reason: Reason) -> u64 {
        self.points
            .get(reason as usize)
            .copied()
            .unwrap_or_default()
    }

    /// How many points were not kept.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.points.iter().sum()
    }
}

/// One sentence, such as `2 points are older than may be put; 1 dimension was left out`; nothing where all was kept.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for reason in REASONS {
            let count = self.of(reason);
            if count > 0 {
                write!(f, "{between}{count} points {}", reason.text())?;
                between = "; ";
            }
        }
        if self.dimensions > 0 {
            write!(f, "{between}{} dimensions were left out", self.dimensions)?;
        }
        Ok(())
    }
}
