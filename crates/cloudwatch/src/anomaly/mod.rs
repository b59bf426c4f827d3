//! Anomaly detection: bands of the values that a metric or an expression is expected to have.
//!
//! - [`model`]: what is expected, out of what was; pure
//! - [`detectors`] has [`Detectors`]: how models are to learn, durable, and the models that were learned, in memory
//! - [`trained`] has [`Trained`]: metrics with their detectors, for whatever evaluates `ANOMALY_DETECTION_BAND`
//!
//! A band needs no detector: without one it learns as a detector without configuration does.

pub mod detectors;
pub mod model;
pub mod trained;

use std::fmt;
use std::sync::Arc;

use base::Timestamp;

pub use detectors::{Configuration, Detector, Detectors, Error, Of, TABLES};
pub use model::{Edges, Filtering, Model, Speed, Training};
pub use trained::Trained;

/// Deviations of a band that names none. Source: CloudWatch User Guide, "Using CloudWatch anomaly detection".
pub const DEVIATIONS: f64 = 2.0;

/// How models learn, and those that have.
pub trait Bands: Send + Sync + fmt::Debug {
    /// How what is called `name` ([`crate::math::Plan::name`]) is to be learned.
    fn training(&self, name: &str) -> Arc<Taught>;

    /// What was learned before.
    fn known(&self, key: &Key) -> Option<Arc<Model>>;

    /// Keeps what was learned.
    fn keep(&self, key: Key, model: Arc<Model>);
}

/// How to learn, and which version of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taught {
    /// How.
    pub training: Training,
    /// Another one with each change.
    pub revision: u64,
}

/// Which model. Those that were learned of older values come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Of values before this moment.
    pub until: Timestamp,
    /// Of what, with its units.
    pub name: String,
    /// Seconds of a period.
    pub period_secs: u32,
    /// [`Taught::revision`].
    pub revision: u64,
}

/// No detectors, and nothing is kept.
#[derive(Clone, Copy, Debug)]
pub struct NoBands;

impl Bands for NoBands {
    fn training(&self, _: &str) -> Arc<Taught> {
        Arc::default()
    }

    fn known(&self, _: &Key) -> Option<Arc<Model>> {
        None
    }

    fn keep(&self, _: Key, _: Arc<Model>) {}
}
