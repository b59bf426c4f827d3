//! What an alarm watches, as what reads metrics takes it.

use crate::metric::{Query, Stat, Statistic};

/// What is watched, in types.
#[derive(Clone, Debug, PartialEq)]
pub enum Watched {
    /// A statistic of a metric.
    Metric(Stat),
    /// The one of several metrics and expressions that returns data.
    Math(Vec<Query>),
}

impl Watched {
    /// The statistic of the metric, if it is one.
    #[must_use]
    pub const fn statistic(&self) -> Option<Statistic> {
        match self {
            Self::Metric(stat) => Some(stat.statistic),
            Self::Math(_) => None,
        }
    }
}
