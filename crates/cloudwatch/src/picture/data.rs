//! The port that widgets' lines and alarms come through.

use std::fmt;
use std::sync::Arc;

use base::Timestamp;

use crate::metric::{Query, Read, Source, Stat, Unit, Unreadable, Wanted};

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

/// Plain metrics alone, without expressions and alarms.
#[derive(Clone, Debug)]
pub struct Plain(pub Arc<dyn Read>);

impl Data for Plain {
    fn answer(&self, asked: &Asked<'_>) -> Result<Vec<Line>, Failed> {
        let returned = asked.queries.iter().filter(|query| query.is_returned);
        returned.map(|query| self.line(query, asked)).collect()
    }

    fn alarms(&self, _arns: &[String]) -> Result<Vec<Alarm>, Failed> {
        Ok(Vec::new())
    }
}

impl Plain {
    fn line(&self, query: &Query, asked: &Asked<'_>) -> Result<Line, Failed> {
        let Source::Metric(stat) = &query.source else {
            return Err(Failed::Expression(format!(
                "the expression `{}` cannot be computed here",
                query.id
            )));
        };
        let found = self.0.series(&wanted(stat, asked))?;
        Ok(Line {
            id: query.id.clone(),
            label: query
                .label
                .clone()
                .unwrap_or_else(|| stat.identity.name.clone()),
            unit: stat.unit.or_else(|| found.units.first().copied()),
            period_secs: stat.period_secs,
            points: found
                .points
                .into_iter()
                .map(|point| (point.at, point.value))
                .collect(),
        })
    }
}

fn wanted<'a>(stat: &'a Stat, asked: &Asked<'_>) -> Wanted<'a> {
    Wanted {
        identity: &stat.identity,
        unit: stat.unit,
        statistic: stat.statistic,
        period_secs: stat.period_secs,
        from: asked.from,
        to: asked.to,
    }
}
