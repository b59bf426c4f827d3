//! What queries must be for an alarm to watch them.

use super::check::Kind;
use super::plan::{Plan, Step, Work};

/// Metrics of an alarm on an expression. Source: CloudWatch User Guide, "Creating a CloudWatch alarm based on a metric math
/// expression".
pub const ALARM_METRICS_MAX: usize = 10;

/// What an alarm on these queries watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The query that is watched.
    pub id: String,
    /// Seconds of its periods, and so of the alarm's.
    pub period_secs: u32,
    /// [`Kind::Series`]: exactly one answer comes of a run. [`Kind::Array`]: one for each contributor, told apart by its
    /// label, up to [`super::SERIES_MAX`].
    pub kind: Kind,
}

/// Why no alarm can watch these queries. The texts are AWS's, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotForAlarms {
    /// None of the queries is returned, or several.
    #[error("Exactly one element of the metrics list should return data.")]
    Returned,
    /// More than [`ALARM_METRICS_MAX`].
    #[error(
        "Alarms on math expressions cannot contain more than {ALARM_METRICS_MAX} individual metrics"
    )]
    Metrics,
    /// A `SEARCH`.
    #[error("SEARCH is not supported on Metric Alarms.")]
    Search,
    /// Neither metric nor expression says a period.
    #[error("Period must not be null")]
    NoPeriod,
    /// Metrics of several periods.
    #[error("All metrics of an alarm must have the same period.")]
    Periods,
    /// What the alarm is held against is no band.
    #[error("ThresholdMetricId {id} must be the Id of an ANOMALY_DETECTION_BAND expression.")]
    NoBand {
        /// Its id.
        id: String,
    },
    /// Several series, and not by the `GROUP BY` of a `SELECT`.
    #[error("The expression `{id}` of an alarm must return a single time series.")]
    Many {
        /// Whose.
        id: String,
    },
}

impl Plan {
    /// What an alarm on these queries watches, and with which period.
    ///
    /// `band`: the query by whose edges the alarm's limits are, if it has such; it returns data beside what is watched.
    ///
    /// Run the plan for the alarm's range with [`Plan::run`], whose `to` is the end of the newest period that is
    /// evaluated. Functions over a whole series, such as `AVG(m1)`, then see the range that was read, as the guide warns.
    ///
    /// # Errors
    /// [`NotForAlarms`].
    pub fn alarm(&self, band: Option<&str>) -> Result<Watched, NotForAlarms> {
        if let Some(id) = band.filter(|id| !self.is_band(id)) {
            let id = id.to_owned();
            return Err(NotForAlarms::NoBand { id });
        }
        let is_watched = |step: &&Step| step.is_returned && Some(step.id.as_str()) != band;
        let mut returned = self.steps.iter().filter(is_watched);
        let (Some(watched), None) = (returned.next(), returned.next()) else {
            return Err(NotForAlarms::Returned);
        };
        if self.has_search() {
            return Err(NotForAlarms::Search);
        }
        let stats = self.steps.iter().filter_map(|step| step.stat());
        let mut periods: Vec<u32> = stats.map(|stat| stat.period_secs).collect();
        if periods.len() > ALARM_METRICS_MAX {
            return Err(NotForAlarms::Metrics);
        }
        periods.extend(watched.period_secs);
        periods.sort_unstable();
        periods.dedup();
        let period_secs = match *periods.as_slice() {
            [] => return Err(NotForAlarms::NoPeriod),
            [period] => period,
            _ => return Err(NotForAlarms::Periods),
        };
        if watched.kind == Kind::Array && !matches!(watched.work, Work::Select(_)) {
            let id = watched.id.clone();
            return Err(NotForAlarms::Many { id });
        }
        Ok(Watched {
            id: watched.id.clone(),
            period_secs,
            kind: watched.kind,
        })
    }
}
