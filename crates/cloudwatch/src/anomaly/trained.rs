//! Metrics with their detectors.

use std::sync::Arc;

use super::{Bands, Detectors};
use crate::metric::{Found, Identity, Listing, Read, Summaries, Unreadable, Wanted};

/// Reads metrics, and knows how bands over them are learned.
#[derive(Clone, Debug)]
pub struct Trained {
    read: Arc<dyn Read>,
    detectors: Arc<Detectors>,
}

impl Trained {
    /// `read` with `detectors`.
    #[must_use]
    pub fn new(read: Arc<dyn Read>, detectors: Arc<Detectors>) -> Self {
        Self { read, detectors }
    }
}

impl Read for Trained {
    fn series(&self, wanted: &Wanted<'_>) -> Result<Found, Unreadable> {
        self.read.series(wanted)
    }

    fn summaries(&self, wanted: &Wanted<'_>) -> Result<Vec<Summaries>, Unreadable> {
        self.read.summaries(wanted)
    }

    fn list(&self, listing: &Listing<'_>) -> Vec<Arc<Identity>> {
        self.read.list(listing)
    }

    fn bands(&self) -> &dyn Bands {
        self.detectors.as_ref()
    }
}
