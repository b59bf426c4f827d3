//! Every statistic of what is kept of a period.
//!
//! A percentile is a value that came: the least one at or below which that part of all values lies. Trimmed statistics with
//! bounds in per cent take the values between two ranks; a value that a rank falls into counts in part. AWS does not say
//! how it rounds; where the bounds fall between values, as in its examples, all ways agree.
//!
//! Source: CloudWatch User Guide, "CloudWatch statistics definitions".

use std::borrow::Cow;

use super::distribution::Distribution;
use super::statistic::{Bounds, Statistic};
use super::summary::Summary;

impl Summary {
    /// The value of a statistic.
    ///
    /// None where it is not known: those that need the values themselves ([`Statistic::is_extended`]) have none where a
    /// value is negative, or where values came as statistic sets that were not of one value; means have none of nothing.
    #[must_use]
    pub fn statistic(&self, statistic: Statistic) -> Option<f64> {
        match statistic {
            Statistic::SampleCount => Some(self.count),
            Statistic::Sum => Some(self.sum),
            Statistic::Average => mean(self.sum, self.count),
            Statistic::Minimum => Some(self.min),
            Statistic::Maximum => Some(self.max),
            Statistic::Percentile(percent) => Some(Values::of(self)?.at(percent)),
            Statistic::TrimmedMean(bounds) => {
                let within = Values::of(self)?.within(bounds);
                mean(sum(&within), count(&within))
            }
            Statistic::WinsorizedMean(bounds) => Values::of(self)?.winsorized(bounds),
            Statistic::TrimmedCount(bounds) => Some(count(&Values::of(self)?.within(bounds))),
            Statistic::TrimmedSum(bounds) => Some(sum(&Values::of(self)?.within(bounds))),
            Statistic::PercentileRank(bounds) => {
                let values = Values::of(self)?;
                Some(100.0 * count(&values.within(bounds)) / values.count)
            }
        }
    }
}

fn mean(sum: f64, count: f64) -> Option<f64> {
    (count > 0.0).then(|| sum / count)
}

fn count(pairs: &[(f64, f64)]) -> f64 {
    pairs.iter().map(|(_, count)| count).sum()
}

fn sum(pairs: &[(f64, f64)]) -> f64 {
    pairs.iter().map(|(value, count)| value * count).sum()
}

/// The values of a period, ascending, with how often each came.
struct Values<'a> {
    pairs: Cow<'a, [(f64, f64)]>,
    count: f64,
}

impl<'a> Values<'a> {
    fn of(summary: &'a Summary) -> Option<Self> {
        if summary.min < 0.0 {
            return None;
        }
        let pairs = match &summary.distribution {
            Distribution::Same => Cow::Owned(vec![(summary.min, summary.count)]),
            Distribution::Exact(pairs) => Cow::Borrowed(pairs.as_slice()),
            Distribution::Sketch(sketch) => Cow::Owned(sketch.pairs(summary.min, summary.max)),
            Distribution::Unknown => return None,
        };
        let count = count(&pairs);
        (count > 0.0).then_some(Self { pairs, count })
    }

    /// The least value at or below which `percent` of all lie.
    fn at(&self, percent: f64) -> f64 {
        let rank = self.rank(percent);
        let mut below = 0.0;
        for (value, count) in self.pairs.iter() {
            below += count;
            if below >= rank {
                return *value;
            }
        }
        self.pairs.last().map_or(0.0, |(value, _)| *value)
    }

    /// How many values `percent` of all are. What a product of doubles is off by is no value.
    fn rank(&self, percent: f64) -> f64 {
        let rank = percent * self.count / 100.0;
        let whole = rank.round();
        match (rank - whole).abs() < 1e-9 * self.count.max(1.0) {
            true => whole,
            false => rank,
        }
    }

    /// The values within bounds, and how much of each.
    fn within(&self, bounds: Bounds) -> Vec<(f64, f64)> {
        match bounds {
            Bounds::Values(low, high) => {
                let is_within = |value: f64| {
                    low.is_none_or(|low| value > low) && high.is_none_or(|high| value <= high)
                };
                let pairs = self.pairs.iter().copied();
                pairs.filter(|(value, _)| is_within(*value)).collect()
            }
            Bounds::Percents(low, high) => {
                let (low, high) = (self.rank(low), self.rank(high));
                let mut below = 0.0;
                let mut within = Vec::new();
                for (value, count) in self.pairs.iter() {
                    let (from, to) = (below, below + count);
                    below = to;
                    let part = to.min(high) - from.max(low);
                    if part > 0.0 {
                        within.push((*value, part));
                    }
                }
                within
            }
        }
    }

    /// The mean, with what lies outside of the bounds drawn to them.
    fn winsorized(&self, bounds: Bounds) -> Option<f64> {
        let drawn: f64 = match bounds {
            Bounds::Values(low, high) => {
                let draw = |value: f64| {
                    let value = low.map_or(value, |low| value.max(low));
                    high.map_or(value, |high| value.min(high))
                };
                let pairs = self.pairs.iter();
                pairs.map(|(value, count)| draw(*value) * count).sum()
            }
            Bounds::Percents(low, high) => {
                let within = self.within(bounds);
                let (least, most) = (within.first()?.0, within.last()?.0);
                let below = self.rank(low);
                let above = self.count - self.rank(high);
                sum(&within) + least * below + most * above
            }
        };
        mean(drawn, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Detail;

    const EXACT: Detail = Detail::ANSWER;
    const COARSE: Detail = Detail {
        exact_max: 2,
        bins_max: 512,
    };

    fn summary(values: &[f64], detail: Detail) -> Summary {
        let pairs: Vec<_> = values.iter().map(|value| (*value, 1.0)).collect();
        Summary::of_values(&pairs, detail).unwrap()
    }

    fn hundred() -> Vec<f64> {
        (1..=100).map(f64::from).collect()
    }

    /// What the User Guide's definitions say of the whole numbers from 1 to 100, worked out by hand.
    const OF_HUNDRED: &[(&str, f64)] = &[
        ("SampleCount", 100.0),
        ("Sum", 5050.0),
        ("Average", 50.5),
        ("Minimum", 1.0),
        ("Maximum", 100.0),
        ("p50", 50.0),
        ("p99", 99.0),
        ("p99.9", 100.0),
        ("p0", 1.0),
        ("p100", 100.0),
        // Without the highest ten: the mean of 1 to 90.
        ("tm90", 45.5),
        // The mean of 3 to 98.
        ("TM(2%:98%)", 50.5),
        ("IQM", 50.5),
        // The mean of 81 to 90: the lower bound is exclusive, the upper inclusive.
        ("TM(80:90)", 85.5),
        // 1 to 90, and ten times 90: (4095 + 900) / 100.
        ("wm90", 49.95),
        // Ten times 11, 11 to 90, ten times 90: (110 + 4040 + 900) / 100.
        ("WM(10%:90%)", 50.5),
        // 10 times 10, 11 to 100: (100 + 4995) / 100.
        ("WM(10:)", 50.95),
        ("tc90", 90.0),
        ("TC(80:90)", 10.0),
        ("TC(0.5:1)", 1.0),
        ("ts90", 4095.0),
        ("TS(80%:)", 1810.0),
        ("TS(:3)", 6.0),
        ("PR(:25)", 25.0),
        ("PR(90:)", 10.0),
        ("PR(200:300)", 0.0),
    ];

    #[test]
    fn statistics_are_those_of_the_definitions() {
        let summary = summary(&hundred(), EXACT);
        for (text, expected) in OF_HUNDRED {
            let value = summary.statistic(text.parse().unwrap()).unwrap();
            assert!((value - expected).abs() < 1e-9, "{text}: {value}");
        }
    }

    #[test]
    fn a_sketch_answers_percentiles_within_one_per_cent() {
        let summary = summary(&hundred(), COARSE);
        assert!(matches!(summary.distribution, Distribution::Sketch(_)));
        for (text, expected) in OF_HUNDRED.iter().filter(|(text, _)| text.starts_with('p')) {
            let value = summary.statistic(text.parse().unwrap()).unwrap();
            assert!(
                (value - expected).abs() <= expected * 0.010_001,
                "{text}: {value}"
            );
        }
    }

    #[test]
    fn what_is_not_known_has_no_extended_statistic() {
        let p50: Statistic = "p50".parse().unwrap();
        for (summary, expected) in [
            (Summary::of(5.0), Some(5.0)),
            (Summary::of(-5.0), None),
            (summary(&[-1.0, 2.0], EXACT), None),
            (Summary::of_set(4.0, 10.0, 1.0, 4.0), None),
            (Summary::of_set(4.0, 10.0, 2.5, 2.5), Some(2.5)),
            (Summary::of_set(1.0, 7.0, 7.0, 7.0), Some(7.0)),
        ] {
            assert_eq!(summary.statistic(p50), expected, "{summary:?}");
            assert!(summary.statistic(Statistic::Average).is_some());
        }
        let mut mixed = Summary::of(1.0);
        mixed.merge(&Summary::of_set(4.0, 10.0, 1.0, 4.0), EXACT);
        assert_eq!(mixed.statistic(p50), None);
        assert_eq!(mixed.statistic(Statistic::Sum), Some(11.0));
        let outside: Statistic = "TM(8:9)".parse().unwrap();
        assert_eq!(Summary::of(5.0).statistic(outside), None);
    }

    #[test]
    fn counts_weigh() {
        let pairs = [(10.0, 1.0), (1.0, 99.0)];
        let summary = Summary::of_values(&pairs, EXACT).unwrap();
        for (text, expected) in [("p99", 1.0), ("p99.5", 10.0), ("Average", 1.09)] {
            assert_eq!(summary.statistic(text.parse().unwrap()), Some(expected));
        }
    }
}
