//! Delays, counted: within 0.1 % of what they were.

use super::number::{float, floor, index};

/// Delays below are counted exactly; above, a thousandth of their size is lost.
const EXACT: u64 = 2_048;

/// Counts of delays, in steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    counts: Vec<u64>,
    all: u64,
    sum: f64,
    most: u64,
    /// Those of so many steps and more are counted as late.
    late_from: Option<u64>,
    late: u64,
}

impl Tally {
    /// From now on counts those that are surely later than `steps`, however exactly that is kept.
    pub(super) fn count_late(&mut self, steps: f64) {
        self.late_from = Some(floor(steps * (1.0 + 1.0 / 512.0)) + 2);
    }

    pub(super) fn late(&self) -> u64 {
        self.late
    }

    pub(super) fn add(&mut self, steps: u64, count: u64) {
        if count == 0 {
            return;
        }
        let place = index(place(steps));
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        if let Some(sum) = self.counts.get_mut(place) {
            *sum += count;
        }
        self.all += count;
        self.sum += float(steps) * float(count);
        self.most = self.most.max(steps);
        if self.late_from.is_some_and(|from| steps >= from) {
            self.late += count;
        }
    }

    /// The delay that `part` of all do not exceed.
    pub(super) fn quantile(&self, part: f64) -> u64 {
        let wanted = float(self.all) * part;
        let mut sum = 0;
        let found = self.counts.iter().position(|count| {
            sum += count;
            float(sum) >= wanted
        });
        found.map_or(0, |place| {
            value(u64::try_from(place).unwrap_or(0)).min(self.most)
        })
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum / float(self.all.max(1))
    }

    pub(super) fn most(&self) -> u64 {
        self.most
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all == 0
    }

    pub(super) fn clear(&mut self) {
        self.counts.clear();
        (self.all, self.sum, self.most) = (0, 0.0, 0);
    }
}

fn place(steps: u64) -> u64 {
    if steps < EXACT {
        return steps;
    }
    let shift = u64::from(EXACT.leading_zeros() - steps.leading_zeros()) + 1;
    EXACT + (shift - 1) * (EXACT / 2) + (steps >> shift) - EXACT / 2
}

fn value(place: u64) -> u64 {
    let Some(beyond) = place.checked_sub(EXACT) else {
        return place;
    };
    let shift = beyond / (EXACT / 2) + 1;
    ((beyond % (EXACT / 2) + EXACT / 2) << shift) + (1 << (shift - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_delay_is_found_again_within_a_thousandth(steps in 0u64..1 << 40) {
            let found = value(place(steps));
            prop_assert!(found.abs_diff(steps) <= steps / 1_000, "{} for {}", found, steps);
        }
    }

    #[test]
    fn quantiles_of_a_hundred() {
        let mut tally = Tally::default();
        (1..=100).for_each(|steps| tally.add(steps, 1));
        assert_eq!(
            (tally.quantile(0.5), tally.quantile(0.99), tally.most()),
            (50, 99, 100)
        );
        assert!((tally.mean() - 50.5).abs() < 1e-9);
        assert_eq!(Tally::default().quantile(0.99), 0);
    }
}
