//! What an alarm watches, as what reads metrics takes it.

use crate::metric::{Query, Stat, Statistic};

/// What is watched, in types.
#[derive(Clone, Debug, PartialEq)]
pub enum Watched {
    /// A statistic of a metric.
    Metric(Stat),
    /// The one of several metrics and expressions that returns data.
    Math(Vec<Query>),
    /// The same, within a band or not.
    Band {
        /// Two return data: what is watched, and the band.
        queries: Vec<Query>,
        /// The id of the band.
        band: String,
    },
}

impl Watched {
    /// The statistic of the metric, if it is one.
    #[must_use]
    pub const fn statistic(&self) -> Option<Statistic> {
        match self {
            Self::Metric(stat) => Some(stat.statistic),
            Self::Math(_) | Self::Band { .. } => None,
        }
    }
}
