//! Histograms: their buckets, what is new in them since an earlier time, and values that stand for what they counted.
//!
//! A bucket says how many values lie in an interval, not which. Each bucket becomes one value in its interval, all at the same
//! share of the way from its lower to its upper end; the share is chosen so that the sum of all values is the histogram's own.
//! Where the least and the greatest value are known they are there as they are.
//!
//! Source: OpenTelemetry, "Metrics Data Model", Histogram and ExponentialHistogram.

/// Buckets of a histogram.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Buckets {
    /// Between bounds: one bucket more than there are bounds, the first and the last open. An upper bound belongs to its bucket.
    Explicit { bounds: Vec<f64>, counts: Vec<u64> },
    /// Between powers of 2^(2^-scale).
    Exponential {
        /// [`SCALE_MIN`] to [`SCALE_MAX`].
        scale: i32,
        /// Zero, or as good as it.
        zero: u64,
        /// By index, ascending; bucket `i` has what is above the power `i` and up to the power `i + 1`.
        positive: Vec<(i64, u64)>,
        /// The same of values below zero, without their sign.
        negative: Vec<(i64, u64)>,
    },
}

/// The coarsest scale that is taken: one bucket from 1 to 2^1024. Source: the SDK specification, "scale", has -10 as least.
pub(super) const SCALE_MIN: i32 = -10;
/// The finest scale that is taken. Source: the same, 20 as `MaxScale`.
pub(super) const SCALE_MAX: i32 = 20;

/// What else is known of a histogram's values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Known {
    /// Of all values.
    pub(super) sum: Option<f64>,
    /// The least and the greatest value.
    pub(super) extremes: Option<(f64, f64)>,
}

impl Buckets {
    /// What this has beyond `earlier`; `None` where that is no earlier state of it.
    pub(super) fn since(&self, earlier: &Self) -> Option<Self> {
        match (self, earlier) {
            (
                Self::Explicit { bounds, counts },
                Self::Explicit {
                    bounds: known,
                    counts: before,
                },
            ) if bounds == known && counts.len() == before.len() => {
                let differences = counts.iter().zip(before);
                let counts: Option<Vec<u64>> = differences
                    .map(|(now, then)| now.checked_sub(*then))
                    .collect();
                Some(Self::Explicit {
                    bounds: bounds.clone(),
                    counts: counts?,
                })
            }
            (
                Self::Exponential {
                    scale,
                    zero,
                    positive,
                    negative,
                },
                Self::Exponential {
                    scale: scale_then,
                    zero: zero_then,
                    positive: positive_then,
                    negative: negative_then,
                },
            ) => {
                let common = *scale.min(scale_then);
                let difference = |now: &[(i64, u64)], then: &[(i64, u64)]| {
                    subtracted(
                        coarser(now, scale - common),
                        &coarser(then, scale_then - common),
                    )
                };
                Some(Self::Exponential {
                    scale: common,
                    zero: zero.checked_sub(*zero_then)?,
                    positive: difference(positive, positive_then)?,
                    negative: difference(negative, negative_then)?,
                })
            }
            _ => None,
        }
    }

    /// How many numbers it keeps.
    pub(super) fn cells(&self) -> usize {
        match self {
            Self::Explicit { bounds, counts } => bounds.len() + counts.len(),
            Self::Exponential {
                positive, negative, ..
            } => 2 * (positive.len() + negative.len()),
        }
    }

    /// How many values were counted.
    pub(super) fn count(&self) -> f64 {
        self.intervals().iter().map(|interval| interval.count).sum()
    }

    /// Values with how often they came; nothing where nothing was counted, or where nothing says where values lie.
    pub(super) fn values(&self, known: Known) -> Vec<(f64, f64)> {
        let intervals = self.intervals();
        let count: f64 = intervals.iter().map(|interval| interval.count).sum();
        match known.sum {
            #[expect(clippy::float_cmp, reason = "a count of one is exactly that")]
            Some(sum) if count == 1.0 => vec![(sum, 1.0)],
            _ => Placing::new(intervals, known).values(),
        }
    }

    /// Intervals with something in them, ascending.
    fn intervals(&self) -> Vec<Interval> {
        match self {
            Self::Explicit { bounds, counts } => {
                let lows = std::iter::once(f64::NEG_INFINITY).chain(bounds.iter().copied());
                let highs = bounds.iter().copied().chain([f64::INFINITY]);
                let all = lows.zip(highs).zip(counts);
                all.filter_map(|((low, high), count)| Interval::new(low, high, *count))
                    .collect()
            }
            Self::Exponential {
                scale,
                zero,
                positive,
                negative,
            } => {
                let power = |index: i64| (index as f64 * f64::from(-scale).exp2()).exp2();
                let below = negative.iter().rev();
                let below = below.filter_map(|(index, count)| {
                    Interval::new(-power(index + 1), -power(*index), *count)
                });
                let above = positive.iter();
                let above = above.filter_map(|(index, count)| {
                    Interval::new(power(*index), power(index + 1), *count)
                });
                below
                    .chain(Interval::new(0.0, 0.0, *zero))
                    .chain(above)
                    .collect()
            }
        }
    }
}

/// The buckets of a scale that is `steps` less.
fn coarser(buckets: &[(i64, u64)], steps: i32) -> Vec<(i64, u64)> {
    let mut merged: Vec<(i64, u64)> = Vec::with_capacity(buckets.len());
    for (index, count) in buckets {
        let index = index >> steps;
        match merged.last_mut() {
            Some((last, sum)) if *last == index => *sum = sum.saturating_add(*count),
            _ => merged.push((index, *count)),
        }
    }
    merged
}

fn subtracted(mut now: Vec<(i64, u64)>, then: &[(i64, u64)]) -> Option<Vec<(i64, u64)>> {
    for (index, count) in then.iter().filter(|(_, count)| *count > 0) {
        let place = now.binary_search_by_key(index, |(index, _)| *index).ok()?;
        let (_, here) = now.get_mut(place)?;
        *here = here.checked_sub(*count)?;
    }
    now.retain(|(_, count)| *count > 0);
    Some(now)
}

/// `count` values above `low` and up to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Interval {
    low: f64,
    high: f64,
    count: f64,
}

impl Interval {
    fn new(low: f64, high: f64, count: u64) -> Option<Self> {
        let count = count as f64;
        (count > 0.0).then_some(Self { low, high, count })
    }

    fn at(&self, share: f64) -> f64 {
        self.low + share * (self.high - self.low)
    }
}

/// Intervals whose ends are all known or guessed, and values that are known as they are.
struct Placing {
    intervals: Vec<Interval>,
    exact: Vec<(f64, f64)>,
    /// The sum of what lies in the intervals.
    sum: Option<f64>,
}

impl Placing {
    fn new(mut intervals: Vec<Interval>, known: Known) -> Self {
        let mut placing = Self {
            exact: Vec::new(),
            sum: known.sum,
            intervals: Vec::new(),
        };
        if let Some((min, max)) = known.extremes {
            for interval in &mut intervals {
                interval.low = interval.low.clamp(min, max);
                interval.high = interval.high.clamp(min, max);
            }
            placing.take_out(&mut intervals, min, max);
        }
        close_first(&mut intervals);
        placing.close_last(&mut intervals);
        placing.intervals = intervals;
        placing
    }

    /// Puts the least and the greatest value where they are.
    fn take_out(&mut self, intervals: &mut Vec<Interval>, min: f64, max: f64) {
        let count: f64 = intervals.iter().map(|interval| interval.count).sum();
        if count < 2.0 {
            return;
        }
        if let Some(first) = intervals.first_mut() {
            first.count -= 1.0;
            self.exact.push((min, 1.0));
        }
        intervals.retain(|interval| interval.count > 0.0);
        if let Some(last) = intervals.last_mut() {
            last.count -= 1.0;
            self.exact.push((max, 1.0));
        }
        intervals.retain(|interval| interval.count > 0.0);
        self.sum = self.sum.map(|sum| sum - min - max);
    }

    /// Of an interval without an upper end: what the others leave of the sum, when they lie in their middles.
    fn close_last(&self, intervals: &mut [Interval]) {
        let Some((last, others)) = intervals.split_last_mut() else {
            return;
        };
        if last.high.is_finite() {
            return;
        }
        let taken: f64 = others.iter().map(|it| it.at(0.5) * it.count).sum();
        let rest = self.sum.map(|sum| (sum - taken) / last.count);
        let point = rest.map_or(last.low, |rest| rest.max(last.low));
        (last.low, last.high) = (point, point);
    }

    fn values(self) -> Vec<(f64, f64)> {
        let all = |share: f64| -> f64 {
            self.intervals
                .iter()
                .map(|it| it.at(share) * it.count)
                .sum()
        };
        let (least, most) = (all(0.0), all(1.0));
        let share = match self.sum {
            Some(sum) if most > least => ((sum - least) / (most - least)).clamp(0.0, 1.0),
            _ => 0.5,
        };
        let placed = self.intervals.iter().map(|it| (it.at(share), it.count));
        let mut values: Vec<(f64, f64)> = self.exact.iter().copied().chain(placed).collect();
        values.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        values
    }
}

/// Of an interval without a lower end: from zero, where its upper end lies above; else all of it at that end.
fn close_first(intervals: &mut [Interval]) {
    if let Some(first) = intervals.first_mut()
        && !first.low.is_finite()
    {
        first.low = if first.high > 0.0 { 0.0 } else { first.high };
        if !first.high.is_finite() {
            first.low = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn explicit(bounds: &[f64], counts: &[u64]) -> Buckets {
        Buckets::Explicit {
            bounds: bounds.to_vec(),
            counts: counts.to_vec(),
        }
    }

    fn known(sum: f64) -> Known {
        Known {
            sum: Some(sum),
            extremes: None,
        }
    }

    fn sum(values: &[(f64, f64)]) -> f64 {
        values.iter().map(|(value, count)| value * count).sum()
    }

    #[test]
    fn values_lie_in_their_buckets_and_have_the_sum() {
        let values = explicit(&[1.0, 2.0, 4.0], &[1, 1, 2, 0]).values(known(7.5));
        // Lower ends give 0 + 1 + 4 = 5, upper ends 1 + 2 + 8 = 11: 2.5 of 6 is the share.
        let share = 2.5 / 6.0;
        assert_eq!(
            values,
            [(share, 1.0), (1.0 + share, 1.0), (2.0 + 2.0 * share, 2.0)]
        );
        assert!((sum(&values) - 7.5).abs() < 1e-12);
    }

    #[test]
    fn what_is_beyond_the_last_bound_has_what_the_others_leave() {
        let values = explicit(&[1.0], &[2, 1]).values(known(11.0));
        assert_eq!(values, [(0.5, 2.0), (10.0, 1.0)]);
    }

    #[test]
    fn least_and_greatest_are_there_as_they_are() {
        let known = Known {
            sum: Some(60.0),
            extremes: Some((0.25, 50.0)),
        };
        let values = explicit(&[1.0, 10.0], &[2, 1, 1]).values(known);
        assert_eq!(values.first(), Some(&(0.25, 1.0)));
        assert_eq!(values.last(), Some(&(50.0, 1.0)));
        assert!((sum(&values) - 60.0).abs() < 1e-12);
        assert_eq!(values.iter().map(|(_, count)| count).sum::<f64>(), 4.0);
    }

    #[test]
    fn a_single_value_is_its_sum() {
        let values = explicit(&[1.0, 10.0], &[0, 1, 0]).values(known(3.25));
        assert_eq!(values, [(3.25, 1.0)]);
    }

    #[test]
    fn powers_are_the_specifications() {
        // Scale 0: bases of 2. Bucket 1 is (2, 4], bucket -1 (0.5, 1].
        let buckets = Buckets::Exponential {
            scale: 0,
            zero: 1,
            positive: vec![(-1, 1), (1, 1)],
            negative: vec![(1, 1), (2, 1)],
        };
        let ends: Vec<(f64, f64)> = buckets
            .intervals()
            .iter()
            .map(|it| (it.low, it.high))
            .collect();
        assert_eq!(
            ends,
            [
                (-8.0, -4.0),
                (-4.0, -2.0),
                (0.0, 0.0),
                (0.5, 1.0),
                (2.0, 4.0)
            ]
        );
    }

    #[test]
    fn a_coarser_scale_is_compared_in_the_coarser_one() {
        let at = |scale, positive: &[(i64, u64)]| Buckets::Exponential {
            scale,
            zero: 0,
            positive: positive.to_vec(),
            negative: Vec::new(),
        };
        // Buckets 2 and 3 of scale 1 are bucket 1 of scale 0, -1 is -1.
        let earlier = at(1, &[(-1, 1), (2, 1), (3, 1)]);
        let later = at(0, &[(-1, 1), (1, 5)]);
        assert_eq!(later.since(&earlier), Some(at(0, &[(1, 3)])));
        assert_eq!(earlier.since(&later), None, "less than before");
    }

    #[test]
    fn other_bounds_are_no_earlier_state() {
        let one = explicit(&[1.0], &[1, 1]);
        assert_eq!(one.since(&explicit(&[2.0], &[0, 0])), None);
        assert_eq!(one.since(&explicit(&[1.0], &[2, 0])), None);
        assert_eq!(
            one.since(&explicit(&[1.0], &[1, 0])),
            Some(explicit(&[1.0], &[0, 1]))
        );
    }

    proptest! {
        #[test]
        fn the_sum_of_a_histogram_of_real_values_is_kept(
            samples in proptest::collection::vec(0.0_f64..100.0, 1..200),
            has_extremes: bool,
        ) {
            let bounds = [1.0, 5.0, 10.0, 50.0, 90.0];
            let mut counts = [0_u64; 6];
            for sample in &samples {
                counts[bounds.partition_point(|bound| bound < sample)] += 1;
            }
            let total: f64 = samples.iter().sum();
            let min = samples.iter().copied().fold(f64::INFINITY, f64::min);
            let max = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let extremes = has_extremes.then_some((min, max));
            let values = explicit(&bounds, &counts).values(Known { sum: Some(total), extremes });
            let count: f64 = values.iter().map(|(_, count)| count).sum();
            prop_assert_eq!(count, samples.len() as f64);
            prop_assert!((sum(&values) - total).abs() <= 1e-9 * total.max(1.0), "{} {}", sum(&values), total);
            prop_assert!(values.iter().all(|(value, count)| value.is_finite() && *count > 0.0));
            if has_extremes && samples.len() > 1 {
                prop_assert_eq!(values.first().unwrap().0, min);
                prop_assert_eq!(values.last().unwrap().0, max);
            }
        }
    }
}
