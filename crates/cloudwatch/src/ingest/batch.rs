//! What one request comes to: data to put, and what was skipped.

use std::time::Duration;

use base::Timestamp;

use super::Refused;
use super::ledger::Ledger;
use super::names::Names;
use super::skipped::{Reason, Skipped};
use crate::metric::Unit;
use crate::series::{Datum, EARLY_MAX, Resolution, Sample};

/// The largest number, either way, as a power of 2. Source: CloudWatch API Reference, `MetricDatum`, `Value`.
const NUMBER_MAX_EXPONENT: i32 = 360;

/// A request on its way.
pub(super) struct Batch<'a> {
    pub(super) ledger: &'a mut Ledger,
    pub(super) now: Timestamp,
    pub(super) late_max: Duration,
    pub(super) data: Vec<Datum>,
    pub(super) skipped: Skipped,
    pub(super) names: Names,
}

impl<'a> Batch<'a> {
    pub(super) fn new(ledger: &'a mut Ledger, now: Timestamp, late_max: Duration) -> Self {
        Self {
            ledger,
            now,
            late_max,
            data: Vec::new(),
            skipped: Skipped::default(),
            names: Names::default(),
        }
    }

    /// The time of a point, in nanoseconds since 1970, where it may be put.
    pub(super) fn at(&self, nanos: u64) -> Result<Timestamp, Reason> {
        let at = Timestamp::from_millis(nanos / 1_000_000);
        match at {
            _ if nanos == 0 => Err(Reason::Untimed),
            _ if at < self.now.minus(self.late_max) => Err(Reason::TooOld),
            _ if at > self.now.plus(EARLY_MAX) => Err(Reason::TooNew),
            _ => Ok(at),
        }
    }

    /// Adds a datum, or says why not.
    pub(super) fn put<'n>(
        &mut self,
        namespace: &str,
        name: &str,
        dimensions: impl Iterator<Item = (&'n str, Option<&'n str>)>,
        (unit, at, sample): (Unit, Timestamp, Sample),
    ) -> Result<Result<(), Reason>, Refused> {
        if !is_sound(&sample) {
            return Ok(Err(Reason::Unsound));
        }
        let identity = self
            .names
            .identity(namespace, name, dimensions, &mut self.skipped)?;
        self.data.push(Datum {
            identity,
            unit,
            at,
            resolution: Resolution::Minute,
            sample,
        });
        Ok(Ok(()))
    }
}

fn is_sound(sample: &Sample) -> bool {
    let most = 2_f64.powi(NUMBER_MAX_EXPONENT);
    let is_number = |value: f64| value.abs() <= most;
    match sample {
        Sample::Value(value) => is_number(*value),
        Sample::Values(pairs) => pairs.iter().all(|(value, _)| is_number(*value)),
        Sample::Set { sum, min, max, .. } => [*sum, *min, *max].into_iter().all(is_number),
    }
}
