//! What one notifier was seen to manage.
//!
//! A measurement tells what one manages only while more waited than could be taken; otherwise it tells what there was to do,
//! which one manages at least. The setting `notifier_per_minute` is where it begins, and bounds it both ways.

use serde::{Deserialize, Serialize};

/// How many times the setting, and what part of it, may be learned at most. Chosen: a wrong measurement must not start a
/// hundred notifiers, nor leave one alone.
pub const LEARNED_FACTOR_MAX: f64 = 10.0;
/// How much a new measurement counts. Chosen: after five half of what is held is a sixth of the first.
const WEIGHT: f64 = 0.3;

/// What one notifier manages in a minute, as far as it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Notifications a minute; none before the first measurement.
    per_minute: Option<f64>,
}

impl Learned {
    /// What to plan with, where the setting says `prior`.
    #[must_use]
    pub fn per_minute(self, prior: u32) -> f64 {
        bounded(self.per_minute.unwrap_or(f64::from(prior)), prior)
    }

    /// Learns from `measured`, notifications a minute of each notifier. `was_busy`: more waited all the time than they took.
    #[must_use]
    pub fn with(self, prior: u32, measured: f64, was_busy: bool) -> Self {
        let known = self.per_minute(prior);
        if !measured.is_finite() || (!was_busy && measured <= known) {
            return self;
        }
        let measured = bounded(measured, prior);
        Self {
            per_minute: Some(known + WEIGHT * (measured - known)),
        }
    }
}

fn bounded(per_minute: f64, prior: u32) -> f64 {
    let prior = f64::from(prior.max(1));
    per_minute.clamp(prior / LEARNED_FACTOR_MAX, prior * LEARNED_FACTOR_MAX)
}
