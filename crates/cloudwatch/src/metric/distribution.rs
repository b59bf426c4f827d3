//! How the values of a period are spread, for percentiles and trimmed statistics: the values themselves up to a number,
//! then a [`Sketch`].

use super::Summary;
use super::sketch::Sketch;

/// How the values of a period are spread.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// They are all the same, `min` and `max`.
    Same,
    /// Each value once, ascending, with how often it came. At least two.
    Exact(Vec<(f64, f64)>),
    /// How many lie in each of the sketch's intervals.
    Sketch(Box<Sketch>),
    /// That is not known: they came as statistic sets, or some are negative (AWS gives no percentiles of those).
    Unknown,
}

/// How exactly a distribution is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Different values that are kept as they are; more become a sketch.
    pub exact_max: usize,
    /// Intervals of a sketch; more are made coarser.
    pub bins_max: usize,
}

impl Detail {
    /// Nothing but whether all are the same: for what asks no percentiles.
    pub const NONE: Self = Self {
        exact_max: 0,
        bins_max: 0,
    };
    /// For answers. Chosen: a day of minutes with one value each is exact, and takes 23 KB while it is asked for.
    pub const ANSWER: Self = Self {
        exact_max: 10_000,
        bins_max: 512,
    };
}

impl Distribution {
    /// How the values of both are spread.
    #[expect(
        clippy::float_cmp,
        reason = "only what is exactly the same is one value"
    )]
    pub(super) fn merged(one: &Summary, other: &Summary, detail: Detail) -> Self {
        let are_same = matches!(
            (&one.distribution, &other.distribution),
            (Self::Same, Self::Same)
        ) && one.min == other.min;
        if are_same {
            return Self::Same;
        }
        if detail == Detail::NONE || one.min < 0.0 || other.min < 0.0 {
            return Self::Unknown;
        }
        match (one.pairs(), other.pairs()) {
            (Pairs::Unknown, _) | (_, Pairs::Unknown) => Self::Unknown,
            (Pairs::Of(one), Pairs::Of(other)) => {
                let pairs = union(one.as_slice(), other.as_slice());
                if pairs.len() <= detail.exact_max {
                    return Self::Exact(pairs);
                }
                Self::Sketch(Box::new(Sketch::of(&pairs, detail.bins_max)))
            }
            (Pairs::Sketch(sketch), Pairs::Of(pairs))
            | (Pairs::Of(pairs), Pairs::Sketch(sketch)) => {
                let mut sketch = sketch.clone();
                sketch.add(pairs.as_slice(), detail.bins_max);
                Self::Sketch(Box::new(sketch))
            }
            (Pairs::Sketch(one), Pairs::Sketch(other)) => {
                let mut sketch = one.clone();
                sketch.merge(other, detail.bins_max);
                Self::Sketch(Box::new(sketch))
            }
        }
    }

    /// The same, kept no more exactly than `detail` says.
    #[must_use]
    pub fn within(self, detail: Detail) -> Self {
        match self {
            Self::Exact(pairs) if pairs.len() > detail.exact_max => {
                Self::Sketch(Box::new(Sketch::of(&pairs, detail.bins_max)))
            }
            Self::Sketch(mut sketch) => {
                sketch.shrink(detail.bins_max);
                Self::Sketch(sketch)
            }
            other => other,
        }
    }
}

enum Pairs<'a> {
    Of(Few<'a>),
    Sketch(&'a Sketch),
    Unknown,
}

enum Few<'a> {
    One([(f64, f64); 1]),
    Many(&'a [(f64, f64)]),
}

impl Few<'_> {
    fn as_slice(&self) -> &[(f64, f64)] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}

impl Summary {
    fn pairs(&self) -> Pairs<'_> {
        match &self.distribution {
            Distribution::Same => Pairs::Of(Few::One([(self.min, self.count)])),
            Distribution::Exact(pairs) => Pairs::Of(Few::Many(pairs)),
            Distribution::Sketch(sketch) => Pairs::Sketch(sketch),
            Distribution::Unknown => Pairs::Unknown,
        }
    }
}

/// Both lists in one, ascending, each value once.
#[expect(
    clippy::float_cmp,
    reason = "only what is exactly the same is one value"
)]
fn union(one: &[(f64, f64)], other: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut both = Vec::with_capacity(one.len() + other.len());
    let (mut left, mut right) = (one.iter().peekable(), other.iter().peekable());
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if a.0 == b.0 => {
                let pair = (a.0, a.1 + b.1);
                left.next();
                right.next();
                pair
            }
            (Some(a), Some(b)) if a.0 > b.0 => {
                let pair = **b;
                right.next();
                pair
            }
            (Some(a), _) => {
                let pair = **a;
                left.next();
                pair
            }
            (None, Some(b)) => {
                let pair = **b;
                right.next();
                pair
            }
            (None, None) => return both,
        };
        both.push(next);
    }
}
