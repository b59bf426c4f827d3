//! What is kept of the values of a period, and how two of them become one.

use super::distribution::{Detail, Distribution};

/// What is kept of the values of a period: enough for every statistic that can be answered of them
/// ([`Summary::statistic`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How many values; may be a fraction, as clients say so.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Which values, as far as that is known.
    pub distribution: Distribution,
}

impl Summary {
    /// One value.
    #[must_use]
    pub const fn of(value: f64) -> Self {
        Self {
            count: 1.0,
            sum: value,
            min: value,
            max: value,
            distribution: Distribution::Same,
        }
    }

    /// A statistic set: values of which nothing else is known, unless they are all the same.
    #[must_use]
    #[expect(
        clippy::float_cmp,
        reason = "only what is exactly the same is one value"
    )]
    pub fn of_set(count: f64, sum: f64, min: f64, max: f64) -> Self {
        let distribution = match min == max {
            true => Distribution::Same,
            false => Distribution::Unknown,
        };
        Self {
            count,
            sum,
            min,
            max,
            distribution,
        }
    }

    /// Values and how often each came; in any order, a value may be there twice. None without values.
    #[must_use]
    pub fn of_values(pairs: &[(f64, f64)], detail: Detail) -> Option<Self> {
        let mut all: Option<Self> = None;
        for (value, count) in pairs {
            let one = Self {
                count: *count,
                sum: value * count,
                ..Self::of(*value)
            };
            match &mut all {
                None => all = Some(one),
                Some(all) => all.merge(&one, detail),
            }
        }
        all
    }

    /// Takes in the values of `other`. How they are spread is kept as exactly as `detail` says.
    pub fn merge(&mut self, other: &Self, detail: Detail) {
        self.distribution = Distribution::merged(self, other, detail);
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Whether it is one value and nothing else.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "only what is exactly one value is one")]
    pub fn single(&self) -> Option<f64> {
        let is_single = self.count == 1.0
            && self.distribution == Distribution::Same
            && self.sum.to_bits() == self.min.to_bits()
            && self.min.to_bits() == self.max.to_bits();
        is_single.then_some(self.sum)
    }
}
