//! The port that widgets' lines and alarms come through.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;

use crate::dashboard::widget::Host;
use crate::math::{self, Answer, Options, Plan, Window};
use crate::metric::{Query, Read, Stat, Statistic, Unit, Unreadable, Wanted};
use crate::ops::Place;

/// Answers what widgets ask. Calls may read the disk: call them where a thread may block.
pub trait Data: Send + Sync + fmt::Debug {
    /// The lines of all queries that are returned, in the order of the queries. An expression may give several, with its id;
    /// a query without data gives one without points, or none.
    ///
    /// A label is the query's, with what stands in `${...}` put in; where the query has none, it is what tells the line from
    /// the others: of an expression its id, of what a search found what it found.
    ///
    /// # Errors
    /// [`Failed::Expression`] for what cannot be computed, [`Failed::Unreadable`].
    fn answer(&self, asked: &Asked<'_>) -> Result<Vec<Line>, Failed>;

    /// The alarms with these ARNs, in their order; those that do not exist are left out.
    ///
    /// # Errors
    /// [`Failed::Unreadable`].
    fn alarms(&self, arns: &[String]) -> Result<Vec<Alarm>, Failed>;

    /// All hosts that were not terminated, by id.
    ///
    /// # Errors
    /// Where they cannot be had.
    fn hosts(&self) -> Result<Vec<Host>, Failed>;
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Queries that belong together: expressions may name the others by id.
    pub queries: &'a [Query],
    /// From this moment on.
    pub from: Timestamp,
    /// Before this moment.
    pub to: Timestamp,
    /// When it is asked.
    pub now: Timestamp,
    /// Minutes east of Greenwich of times in labels.
    pub zone_minutes: i32,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The id of its query.
    pub id: String,
    /// What people read.
    pub label: String,
    /// The unit of its values, where it is known.
    pub unit: Option<Unit>,
    /// Seconds of a period.
    pub period_secs: u32,
    /// The start of each period with its value, oldest first.
    pub points: Vec<(Timestamp, f64)>,
}

/// What is shown of an alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: AlarmState,
    /// Since when.
    pub since: Timestamp,
    /// What it watches, for a graph; nothing for a composite one.
    pub queries: Vec<Query>,
    /// Where it begins, where that is a number.
    pub threshold: Option<f64>,
}

/// How an alarm is; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmState {
    /// `ALARM`.
    Alarm,
    /// `INSUFFICIENT_DATA`.
    InsufficientData,
    /// `OK`.
    Ok,
}

impl AlarmState {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
            Self::Ok => "OK",
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// An expression cannot be computed: why, for people.
    #[error("{0}")]
    Expression(String),
    /// The disk cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// Where the states of alarms come from.
pub trait Alarms: Send + Sync + fmt::Debug {
    /// As [`Data::alarms`].
    ///
    /// # Errors
    /// As [`Data::alarms`].
    fn find(&self, arns: &[String]) -> Result<Vec<Alarm>, Failed>;
}

/// No alarms.
#[derive(Clone, Copy, Debug)]
pub struct NoAlarms;

impl Alarms for NoAlarms {
    fn find(&self, _arns: &[String]) -> Result<Vec<Alarm>, Failed> {
        Ok(Vec::new())
    }
}

/// Where hosts come from.
pub trait Hosts: Send + Sync + fmt::Debug {
    /// As [`Data::hosts`].
    fn all(&self) -> Vec<Host>;
}

/// Metrics and expressions as metric math computes them.
#[derive(Clone, Debug)]
pub struct Computed {
    /// The metrics.
    pub read: Arc<dyn Read>,
    /// The alarms.
    pub alarms: Arc<dyn Alarms>,
    /// The hosts.
    pub hosts: Arc<dyn Hosts>,
    /// Where they are, for labels.
    pub place: Place,
}

impl Data for Computed {
    fn answer(&self, asked: &Asked<'_>) -> Result<Vec<Line>, Failed> {
        let plan = Plan::new(asked.queries).map_err(|why| Failed::Expression(why.to_string()))?;
        let window = Window {
            from: asked.from,
            to: asked.to,
            now: asked.now,
        };
        let options = Options {
            region: self.place.region.to_string(),
            account: self.place.account.to_string(),
            utc_offset_secs: asked.zone_minutes.saturating_mul(60),
        };
        let results =
            plan.run(self.read.as_ref(), &window, &options)
                .map_err(|failed| match failed {
                    math::Failed::Unreadable(error) => Failed::Unreadable(error),
                    failed => Failed::Expression(failed.to_string()),
                })?;
        results
            .answers
            .into_iter()
            .map(|answer| self.line(answer))
            .collect()
    }

    fn alarms(&self, arns: &[String]) -> Result<Vec<Alarm>, Failed> {
        match arns {
            [] => Ok(Vec::new()),
            arns => self.alarms.find(arns),
        }
    }

    fn hosts(&self) -> Result<Vec<Host>, Failed> {
        Ok(self.hosts.all())
    }
}

impl Computed {
    fn line(&self, answer: Answer) -> Result<Line, Failed> {
        let last = answer.points.last().map(|(at, _)| *at);
        let unit = match (&answer.stat, last) {
            (Some(stat), Some(last)) => self.unit(stat, last)?,
            _ => None,
        };
        Ok(Line {
            id: answer.id,
            label: answer.label,
            unit,
            period_secs: answer.period_secs,
            points: answer.points,
        })
    }

    /// The unit of a metric's latest period: of what is computed of it nothing else is known.
    fn unit(&self, stat: &Stat, at: Timestamp) -> Result<Option<Unit>, Failed> {
        if stat.unit.is_some() || stat.statistic == Statistic::SampleCount {
            return Ok(stat.unit);
        }
        let found = self.read.series(&Wanted {
            identity: &stat.identity,
            unit: None,
            statistic: stat.statistic,
            period_secs: stat.period_secs,
            from: at,
            to: at.plus(Duration::from_secs(u64::from(stat.period_secs))),
        })?;
        Ok(found.units.first().copied())
    }
}
