//! How many values lie in each of a row of intervals that grow by a factor: a quantile within 1 % in few bytes.
//!
//! This is DDSketch with the uniform collapse of UDDSketch: where there are too many intervals, each two neighbours
//! become one and the error doubles, for all of them alike. What comes out does not depend on the order in which values
//! and sketches are put together.
//!
//! Sources: Masson, Rim, Lee, "DDSketch", VLDB 2019; Epicoco et al., "UDDSketch", IEEE Access 2020.

/// Relative error before anything is made coarser. Chosen, as DDSketch's own default.
const ERROR: f64 = 0.01;
/// How often all may be made coarser: then everything lies in at most two intervals.
pub const LEVEL_MAX: u8 = 20;

/// How many values lie in each of a row of intervals. Values are not negative.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketch {
    /// How often neighbours became one.
    pub(crate) level: u8,
    /// How many values are zero.
    pub(crate) zeros: f64,
    /// The intervals that hold something, ascending: number `i` reaches from `g^(i-1)` exclusive to `g^i` inclusive.
    pub(crate) bins: Vec<(i32, f64)>,
}

impl Sketch {
    /// The sketch of values and how often each came, of at most `bins_max` intervals.
    pub(crate) fn of(pairs: &[(f64, f64)], bins_max: usize) -> Self {
        let mut sketch = Self::default();
        sketch.add(pairs, bins_max);
        sketch
    }

    /// Takes in values, ascending.
    pub(crate) fn add(&mut self, pairs: &[(f64, f64)], bins_max: usize) {
        let mut more = Self {
            level: self.level,
            ..Self::default()
        };
        for (value, count) in pairs {
            match value.partial_cmp(&0.0) {
                Some(std::cmp::Ordering::Greater) => {
                    push(&mut more.bins, coarser(number(*value), self.level), *count);
                }
                _ => more.zeros += count,
            }
        }
        self.merge(&more, bins_max);
    }

    /// Takes in another sketch.
    pub(crate) fn merge(&mut self, other: &Self, bins_max: usize) {
        let mut other = other.clone();
        while other.level < self.level {
            other.halve();
        }
        while self.level < other.level {
            self.halve();
        }
        self.zeros += other.zeros;
        self.bins.append(&mut other.bins);
        self.bins.sort_by_key(|(number, _)| *number);
        let mut bins = Vec::with_capacity(self.bins.len());
        for (number, count) in &self.bins {
            push(&mut bins, *number, *count);
        }
        self.bins = bins;
        self.shrink(bins_max);
    }

    /// Makes it coarser until it has at most `bins_max` intervals.
    pub(crate) fn shrink(&mut self, bins_max: usize) {
        while self.bins.len() > bins_max && self.level < LEVEL_MAX {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let mut bins = Vec::with_capacity(self.bins.len());
        for (number, count) in &self.bins {
            push(&mut bins, coarser(*number, 1), *count);
        }
        self.bins = bins;
        self.level += 1;
    }

    /// A value of each interval and how many lie there, ascending; none less than `min` or more than `max`.
    pub(crate) fn pairs(&self, min: f64, max: f64) -> Vec<(f64, f64)> {
        let growth = growth() * f64::from(1_u32 << self.level.min(LEVEL_MAX));
        let zeros = (self.zeros > 0.0).then_some((0.0, self.zeros));
        let middle = |number: i32| {
            // The value with the same relative error to both ends.
            let end = (f64::from(number) * growth).exp();
            2.0 * end / (growth.exp() + 1.0)
        };
        let bins = self.bins.iter();
        let bins = bins.map(|(number, count)| (middle(*number).max(min).min(max), *count));
        zeros.into_iter().chain(bins).collect()
    }
}

/// The logarithm of the factor between the ends of an interval.
fn growth() -> f64 {
    ((1.0 + ERROR) / (1.0 - ERROR)).ln()
}

/// In which interval a value above zero lies, nothing made coarser.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the logarithm of a double is less than 800"
)]
fn number(value: f64) -> i32 {
    (value.ln() / growth()).ceil() as i32
}

/// The interval that holds the interval `number` after neighbours became one `levels` times.
fn coarser(number: i32, levels: u8) -> i32 {
    let ceil = (i64::from(number) + (1_i64 << levels) - 1) >> levels;
    i32::try_from(ceil).unwrap_or(number)
}

/// Adds to the last interval, or behind it.
fn push(bins: &mut Vec<(i32, f64)>, number: i32, count: f64) {
    match bins.last_mut() {
        Some((last, sum)) if *last == number => *sum += count,
        _ => bins.push((number, count)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(values: &[u16]) -> Vec<(f64, f64)> {
        let mut values: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
        values.sort_by(f64::total_cmp);
        values.into_iter().map(|value| (value, 1.0)).collect()
    }

    #[test]
    fn an_interval_answers_within_one_per_cent() {
        for value in [1e-9, 0.5, 1.0, 99.99, 1e12] {
            let [(near, _)] = Sketch::of(&[(value, 1.0)], 8).pairs(0.0, f64::MAX)[..] else {
                panic!("{value}");
            };
            assert!((near - value).abs() <= value * 0.010_001, "{value}: {near}");
        }
    }

    proptest! {
        #[test]
        fn the_order_does_not_matter(one: Vec<u16>, other: Vec<u16>, bins_max in 2_usize..64) {
            let mut there = Sketch::of(&pairs(&one), bins_max);
            there.merge(&Sketch::of(&pairs(&other), bins_max), bins_max);
            let mut back = Sketch::of(&pairs(&other), bins_max);
            back.add(&pairs(&one), bins_max);
            prop_assert_eq!(&there, &back);
            let all: Vec<u16> = one.into_iter().chain(other).collect();
            prop_assert_eq!(&there, &Sketch::of(&pairs(&all), bins_max));
            prop_assert!(there.bins.len() <= bins_max);
        }
    }
}
