//! The port through which alarms, expressions, dashboards and operations read metrics.

use std::fmt;
use std::sync::Arc;

use base::Timestamp;

use super::{Identity, Statistic, Summary, Unit};
use crate::anomaly::{Bands, NoBands};

/// Reads metrics. Calls may read the disk: call them where a thread may block.
pub trait Read: Send + Sync + fmt::Debug {
    /// One statistic of one metric, a point for each period that has data.
    ///
    /// # Errors
    /// [`Unreadable`] when the disk cannot be read.
    fn series(&self, wanted: &Wanted<'_>) -> Result<Found, Unreadable>;

    /// What is known of each period of one metric and unit, for several statistics at once; `wanted.statistic` counts for
    /// nothing. Points are given for each unit apart where `wanted.unit` is none.
    ///
    /// # Errors
    /// As [`Read::series`].
    fn summaries(&self, wanted: &Wanted<'_>) -> Result<Vec<Summaries>, Unreadable>;

    /// The metrics that `listing` asks for, sorted.
    fn list(&self, listing: &Listing<'_>) -> Vec<Arc<Identity>>;

    /// How bands over metrics are learned. Without detectors: as by default, and nothing is kept of what was learned.
    fn bands(&self) -> &dyn Bands {
        &NoBands
    }
}

/// What is known of the periods of one metric in one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Summaries {
    /// The unit.
    pub unit: Unit,
    /// The start of each period that has data, oldest first, and what is known of it.
    pub periods: Vec<(Timestamp, Summary)>,
}

/// Which series.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Of which metric.
    pub identity: &'a Identity,
    /// In which unit; none takes the one that there is, or the first of several.
    pub unit: Option<Unit>,
    /// How the values of a period become one.
    pub statistic: Statistic,
    /// Seconds of a period: 1, 5, 10, 20, 30 or a multiple of 60. Periods begin at multiples of it since 1970.
    pub period_secs: u32,
    /// From this moment on: the start of a period.
    pub from: Timestamp,
    /// Before this moment.
    pub to: Timestamp,
}

/// A series that was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The points that there are, oldest first.
    pub points: Vec<Point>,
    /// The units that there are in that time: more than one where the metric was sent in several.
    pub units: Vec<Unit>,
}

/// One point of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The start of its period.
    pub at: Timestamp,
    /// The statistic's value.
    pub value: f64,
    /// How many values it is made of.
    pub samples: f64,
}

/// Which metrics to list. What is none does not narrow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listing<'a> {
    /// Of this namespace.
    pub namespace: Option<&'a str>,
    /// With this name.
    pub name: Option<&'a str>,
    /// With these dimensions, of this value where there is one, and maybe others.
    pub dimensions: &'a [(&'a str, Option<&'a str>)],
    /// With data at this time or later.
    pub since: Option<Timestamp>,
}

/// Metrics cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be read")]
pub struct Unreadable(#[from] pub store::tables::Error);
