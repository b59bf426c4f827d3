//! A notifier's part of every limit (contract 15), as a stretch of the whole from 0.0 to 1.0.
//!
//! INVARIANT: stretches that do not overlap give whole numbers whose sum is never more than the limit, and the limit itself
//! where they cover the whole: each rounds at its two ends, and neighbours round the end that they share alike.

use serde::{Deserialize, Serialize};

/// What is less than this is an error of rounding.
const EPSILON: f64 = 1e-9;

/// A stretch of every limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    from: f64,
    to: f64,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { from: 0.0, to: 1.0 };

    /// Nothing of it.
    pub const NONE: Self = Self { from: 0.0, to: 0.0 };

    /// The stretch from one place of the whole to another.
    #[must_use]
    pub fn between(from: f64, to: f64) -> Self {
        let from = from.clamp(0.0, 1.0);
        let to = to.clamp(from, 1.0);
        Self { from, to }
    }

    /// The same stretch of `outer` as this is of the whole.
    #[must_use]
    pub fn within(self, outer: Self) -> Self {
        let place = |end: f64| outer.from + end * outer.size();
        Self {
            from: place(self.from),
            to: place(self.to),
        }
    }

    /// Part number `index`, from 0, of `count` equal ones; nothing when there is no such part.
    #[must_use]
    pub fn part(index: u32, count: u32) -> Self {
        let end = |index: u32| f64::from(index.min(count)) / f64::from(count.max(1));
        Self {
            from: end(index),
            to: end(index.saturating_add(1)),
        }
    }

    /// How much of the whole it is.
    #[must_use]
    pub fn size(self) -> f64 {
        (self.to - self.from).max(0.0)
    }

    /// The whole number that it gives of a limit; 0 where there are more parts than there is to share out.
    #[must_use]
    pub fn of(self, limit: u32) -> u32 {
        up_to(self.to, limit).saturating_sub(up_to(self.from, limit))
    }

    /// Stretches for `count` more, each `size` long at most, of what is left between those that are given already.
    #[must_use]
    pub fn left(given: &[Self], count: u32, size: f64) -> Vec<Self> {
        let mut gaps = gaps(given);
        let all: f64 = gaps.iter().map(|gap| gap.size()).sum();
        let size = size.min(all / f64::from(count.max(1)));
        (0..count).map(|_| take(&mut gaps, size)).collect()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most the limit, and not negative"
)]
fn up_to(end: f64, limit: u32) -> u32 {
    (f64::from(limit) * end.clamp(0.0, 1.0) + EPSILON).floor() as u32
}

/// What lies between the given stretches.
fn gaps(given: &[Share]) -> Vec<Share> {
    let mut given = given.to_vec();
    given.sort_by(|a, b| a.from.total_cmp(&b.from));
    let mut gaps = Vec::new();
    let mut from: f64 = 0.0;
    for share in given.into_iter().chain([Share { from: 1.0, to: 1.0 }]) {
        if share.from - from > EPSILON {
            let to = share.from;
            gaps.push(Share { from, to });
        }
        from = from.max(share.to);
    }
    gaps
}

/// Cuts `size` from the first gap that has so much, or else takes the largest.
fn take(gaps: &mut [Share], size: f64) -> Share {
    let fits = gaps.iter().position(|gap| gap.size() + EPSILON >= size);
    let by_size = |a: &(usize, &Share), b: &(usize, &Share)| a.1.size().total_cmp(&b.1.size());
    let place = fits.or_else(|| gaps.iter().enumerate().max_by(by_size).map(|(at, _)| at));
    let Some(gap) = place.and_then(|place| gaps.get_mut(place)) else {
        return Share { from: 1.0, to: 1.0 };
    };
    let is_all = gap.size() - size < EPSILON;
    let to = if is_all { gap.to } else { gap.from + size };
    let from = std::mem::replace(&mut gap.from, to);
    Share { from, to }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_among_five_are_three() {
        let parts: Vec<u32> = (0..5).map(|index| Share::part(index, 5).of(3)).collect();
        assert_eq!(parts, [0, 1, 0, 1, 1]);
        assert_eq!(Share::part(5, 5).of(3), 0);
        assert_eq!(Share::WHOLE.of(3), 3);
    }

    proptest! {
        #[test]
        fn equal_parts_sum_to_the_limit(count in 1u32..2_000, limit in 0u32..10_001) {
            let parts = || (0..count).map(|index| Share::part(index, count));
            prop_assert_eq!(parts().map(|part| part.of(limit)).sum::<u32>(), limit);
            let fair = limit / count;
            prop_assert!(parts().all(|part| (fair..=fair + 1).contains(&part.of(limit))));
            let rates: f64 = parts().map(|part| part.size() * f64::from(limit)).sum();
            prop_assert!((rates - f64::from(limit)).abs() <= 1e-6);
        }

        /// Notifiers that cannot be told of a new share come and go.
        #[test]
        fn what_is_given_never_exceeds_a_limit(steps in prop::collection::vec((1u32..20, 1u32..30, any::<u64>()), 1..20), limit in 0u32..10_001) {
            let mut given: Vec<Share> = Vec::new();
            for (count, all, leave) in steps {
                let more = Share::left(&given, count, 1.0 / f64::from(all.max(count)));
                prop_assert_eq!(more.len(), count as usize);
                given.extend(more);
                let whole: u32 = given.iter().map(|share| share.of(limit)).sum();
                prop_assert!(whole <= limit, "{} of {}", whole, limit);
                prop_assert!(given.iter().map(|share| share.size()).sum::<f64>() <= 1.0 + 1e-6);
                let mut place = 0;
                given.retain(|_| { place += 1; leave >> (place % 64) & 1 == 0 });
            }
        }
    }
}
