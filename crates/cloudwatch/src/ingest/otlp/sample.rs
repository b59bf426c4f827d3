//! What a point becomes: its value, or what of its running total is new, as a sample.

use super::model::{
    CUMULATIVE, DELTA, Exponential, Head, Histogram, Indexed, Number, Points, Summary,
};
use crate::ingest::batch::Batch;
use crate::ingest::ledger::{Key, New, Span, Total};
use crate::ingest::skipped::Reason;
use crate::ingest::spread::{Buckets, Known, SCALE_MAX, SCALE_MIN};
use crate::series::Sample;

/// Buckets of a histogram. Chosen: SDKs have 160 at most by default.
const BUCKETS_MAX: usize = 4096;

/// A point of one of the kinds.
pub(super) trait Point: Sized {
    fn head(&self) -> &Head;

    /// What it says.
    fn total(&self) -> Result<Total, Reason>;

    /// How what it says is meant, in the metric that it is a point of.
    fn meaning(of: &Points<Self>) -> Result<Meaning, Reason>;

    /// The least and the greatest value since the point before, where that is known.
    fn extremes(&self, _: &Total) -> Option<(f64, f64)> {
        None
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It stands for itself.
    Plain,
    /// It has run up since the start.
    Running,
}

/// What a point says, and how that is meant.
pub(super) struct Reading {
    total: Total,
    meaning: Meaning,
}

/// Part of a total that is to be kept.
pub(super) struct Part {
    total: Total,
    meaning: Meaning,
}

pub(super) fn reading<P: Point>(of: &Points<P>, point: &P) -> Result<Reading, Reason> {
    Ok(Reading {
        meaning: P::meaning(of)?,
        total: point.total()?,
    })
}

impl Reading {
    /// What of it is new; `None` where that is not known yet.
    pub(super) fn part(
        self,
        batch: &mut Batch<'_>,
        key: Key,
        span: Span,
    ) -> Result<Option<Part>, Reason> {
        let Self { total, meaning } = self;
        if meaning == Meaning::Plain {
            return Ok(Some(Part { total, meaning }));
        }
        match batch.ledger.take(key, span, total, batch.now) {
            New::Part(total) => Ok(Some(Part { total, meaning })),
            New::First => Ok(None),
            New::OutOfOrder => Err(Reason::OutOfOrder),
            New::NoRoom => Err(Reason::TooManySeries),
        }
    }
}

/// The sample of what is new in `point`; `None` where nothing was measured.
pub(super) fn of<P: Point>(part: Part, point: &P) -> Option<Sample> {
    let Part { total, meaning } = part;
    let extremes = match (&total, meaning) {
        // Of what has run up they are since its start, but those of a summary are of late.
        (Total::Set { .. }, _) | (_, Meaning::Plain) => point.extremes(&total),
        _ => None,
    };
    let extremes = extremes.filter(|(min, max)| min <= max);
    match total {
        Total::Number(value) => Some(Sample::Value(value)),
        Total::Set { count, sum } => set(count, sum, extremes),
        Total::Histogram { buckets, sum } => match &buckets {
            Buckets::Explicit { bounds, .. } if bounds.is_empty() => {
                set(buckets.count(), sum?, extremes)
            }
            _ => {
                let values = buckets.values(Known { sum, extremes });
                (!values.is_empty()).then_some(Sample::Values(values))
            }
        },
    }
}

fn set(count: f64, sum: f64, extremes: Option<(f64, f64)>) -> Option<Sample> {
    let mean = sum / count;
    let (min, max) = extremes.unwrap_or((mean, mean));
    (count > 0.0).then_some(Sample::Set {
        count,
        sum,
        min,
        max,
    })
}

/// The same in a unit that is `factor` smaller.
pub(super) fn scaled(sample: Sample, factor: f64) -> Sample {
    match sample {
        Sample::Value(value) => Sample::Value(value * factor),
        Sample::Values(mut pairs) => {
            pairs.iter_mut().for_each(|(value, _)| *value *= factor);
            Sample::Values(pairs)
        }
        Sample::Set {
            count,
            sum,
            min,
            max,
        } => Sample::Set {
            count,
            sum: sum * factor,
            min: min * factor,
            max: max * factor,
        },
    }
}

fn temporality<P>(of: &Points<P>) -> Result<Meaning, Reason> {
    match of.aggregation_temporality {
        DELTA => Ok(Meaning::Plain),
        CUMULATIVE => Ok(Meaning::Running),
        _ => Err(Reason::Unsupported),
    }
}

impl Point for Number {
    fn head(&self) -> &Head {
        &self.head
    }

    fn total(&self) -> Result<Total, Reason> {
        let whole = self.as_int.map(|value| value as f64);
        let value = self.as_double.or(whole).ok_or(Reason::Unsupported)?;
        // Nothing that is not finite is remembered: all later differences would not be either.
        value
            .is_finite()
            .then_some(Total::Number(value))
            .ok_or(Reason::Unsound)
    }

    /// Only what can never go down has run up; a gauge has no temporality.
    fn meaning(of: &Points<Self>) -> Result<Meaning, Reason> {
        match of.is_monotonic {
            true => temporality(of),
            false => Ok(Meaning::Plain),
        }
    }
}

impl Point for Histogram {
    fn head(&self) -> &Head {
        &self.head
    }

    fn total(&self) -> Result<Total, Reason> {
        let (bounds, counts) = match self.explicit_bounds.as_slice() {
            // How many there were is known, not where they lie.
            [] => (Vec::new(), vec![self.count]),
            bounds => (bounds.to_vec(), self.bucket_counts.clone()),
        };
        let is_sound = counts.len() == bounds.len() + 1
            && counts.len() <= BUCKETS_MAX
            && bounds.iter().all(|bound| bound.is_finite())
            && bounds.is_sorted_by(|one, next| one < next)
            && (self.sum.is_some() || !bounds.is_empty());
        let buckets = Buckets::Explicit { bounds, counts };
        histogram(buckets, self.sum, is_sound)
    }

    fn meaning(of: &Points<Self>) -> Result<Meaning, Reason> {
        temporality(of)
    }

    fn extremes(&self, _: &Total) -> Option<(f64, f64)> {
        self.min.zip(self.max)
    }
}

impl Point for Exponential {
    fn head(&self) -> &Head {
        &self.head
    }

    fn total(&self) -> Result<Total, Reason> {
        let counts = [&self.positive.bucket_counts, &self.negative.bucket_counts];
        let is_sound = (SCALE_MIN..=SCALE_MAX).contains(&self.scale)
            && counts.iter().all(|counts| counts.len() <= BUCKETS_MAX);
        let buckets = Buckets::Exponential {
            scale: self.scale,
            zero: self.zero_count,
            positive: self.positive.pairs(),
            negative: self.negative.pairs(),
        };
        histogram(buckets, self.sum, is_sound)
    }

    fn meaning(of: &Points<Self>) -> Result<Meaning, Reason> {
        temporality(of)
    }

    fn extremes(&self, _: &Total) -> Option<(f64, f64)> {
        self.min.zip(self.max)
    }
}

fn histogram(buckets: Buckets, sum: Option<f64>, is_sound: bool) -> Result<Total, Reason> {
    if sum.is_some_and(|sum| !sum.is_finite()) {
        return Err(Reason::Unsound);
    }
    is_sound
        .then_some(Total::Histogram { buckets, sum })
        .ok_or(Reason::Inconsistent)
}

impl Indexed {
    fn pairs(&self) -> Vec<(i64, u64)> {
        let indexes = i64::from(self.offset)..;
        let pairs = indexes.zip(self.bucket_counts.iter().copied());
        pairs.filter(|(_, count)| *count > 0).collect()
    }
}

impl Point for Summary {
    fn head(&self) -> &Head {
        &self.head
    }

    fn total(&self) -> Result<Total, Reason> {
        let total = Total::Set {
            count: self.count as f64,
            sum: self.sum,
        };
        self.sum.is_finite().then_some(total).ok_or(Reason::Unsound)
    }

    fn meaning(_: &Points<Self>) -> Result<Meaning, Reason> {
        Ok(Meaning::Running)
    }

    /// The quantiles are of late, not of all: the least and the greatest of them and of the mean.
    fn extremes(&self, new: &Total) -> Option<(f64, f64)> {
        let Total::Set { count, sum } = new else {
            return None;
        };
        let mean = sum / count;
        let values = || self.quantile_values.iter().map(|it| it.value);
        Some((values().fold(mean, f64::min), values().fold(mean, f64::max)))
    }
}
