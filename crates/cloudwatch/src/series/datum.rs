//! What is put: one value, several, or a statistic set, of one metric at one time.

use base::Timestamp;

use crate::metric::distribution::Detail;
use crate::metric::{Identity, Summary, Unit};

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// Of which metric.
    pub identity: Identity,
    /// In which unit.
    pub unit: Unit,
    /// When. Kept to the minute, or the second with [`Resolution::Second`].
    pub at: Timestamp,
    /// How finely it is kept.
    pub resolution: Resolution,
    /// What.
    pub sample: Sample,
}

/// How finely a datum is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolution {
    /// By the second for as long as seconds are kept, then by the minute. `StorageResolution` 1.
    Second,
    /// By the minute. `StorageResolution` 60.
    #[default]
    Minute,
}

/// The values of a datum. They are finite, counts more than zero.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// One.
    Value(f64),
    /// Several, each with how often it came; at least one.
    Values(Vec<(f64, f64)>),
    /// What is known of several.
    Set {
        /// How many.
        count: f64,
        /// Their sum.
        sum: f64,
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
}

impl Datum {
    /// One value of a minute, as the platform measures itself.
    #[must_use]
    pub const fn new(identity: Identity, unit: Unit, at: Timestamp, value: f64) -> Self {
        Self {
            identity,
            unit,
            at,
            resolution: Resolution::Minute,
            sample: Sample::Value(value),
        }
    }
}

impl Sample {
    /// What is kept of it.
    pub(super) fn summary(&self, detail: Detail) -> Summary {
        match self {
            Self::Value(value) => Summary::of(*value),
            Self::Values(pairs) => Summary::of_values(pairs, detail)
                .unwrap_or_else(|| Summary::of_set(0.0, 0.0, 0.0, 0.0)),
            Self::Set {
                count,
                sum,
                min,
                max,
            } => Summary::of_set(*count, *sum, *min, *max),
        }
    }

    /// Whether every number is one that can be kept.
    pub(super) fn is_sound(&self) -> bool {
        let is_count = |count: f64| count.is_finite() && count > 0.0;
        match self {
            Self::Value(value) => value.is_finite(),
            Self::Values(pairs) => {
                !pairs.is_empty()
                    && pairs
                        .iter()
                        .all(|(value, count)| value.is_finite() && is_count(*count))
            }
            Self::Set {
                count,
                sum,
                min,
                max,
            } => {
                is_count(*count)
                    && [sum, min, max].into_iter().all(|it| it.is_finite())
                    && min <= max
            }
        }
    }
}

impl Resolution {
    /// Seconds of the bucket.
    pub(super) const fn secs(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
        }
    }
}
