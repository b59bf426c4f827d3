//! Runs a plan: reads metrics, evaluates expressions, names what came of them.

use std::collections::BTreeSet;

use base::Timestamp;

use super::evaluate::Evaluator;
use super::label::Facts;
use super::plan::{Plan, Step};
use super::series::{Series, Value};
use super::{ANSWERS_MAX, RUN_POINTS_MAX};
use crate::metric::{Read, Stat, Unreadable};

/// The time that a run looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From this moment on; the period that has begun by then counts whole.
    pub from: Timestamp,
    /// Before this moment.
    pub to: Timestamp,
    /// The time of day: what is not yet, is not filled, and metrics are searched by it.
    pub now: Timestamp,
}

/// What labels say of the place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Such as `eu-west-1`, for `${PROP('Region')}`.
    pub region: String,
    /// Such as `123456789012`, for `${PROP('AccountId')}`.
    pub account: String,
    /// Seconds that the times in labels are ahead of UTC.
    pub utc_offset_secs: i32,
}

/// What a run gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// The series of the queries that are returned, in the order of queries; one query may give none or many.
    pub answers: Vec<Answer>,
    /// What is to be said of the whole.
    pub messages: Vec<Message>,
}

/// One series that a query gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Of which query.
    pub id: String,
    /// How people call it.
    pub label: String,
    /// The starts of periods and their values, oldest first.
    pub points: Vec<(Timestamp, f64)>,
    /// Seconds of its periods.
    pub period_secs: u32,
    /// The metric, where it is one, or made of one alone.
    pub stat: Option<Stat>,
    /// What is to be said of it.
    pub messages: Vec<Message>,
    /// Whether there are series that are not among the answers.
    pub is_partial: bool,
}

/// Something to be said of a result. Source: the service model, `MessageData`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `MultipleUnits` or `MaxMetricsExceeded`.
    pub code: &'static str,
    /// For people.
    pub value: String,
}

impl Message {
    /// There is more than is given. Text: the API Reference's example of a message of `GetMetricData`.
    pub(super) fn too_many() -> Self {
        Self {
            code: "MaxMetricsExceeded",
            value: "Maximum number of allowed metrics exceeded".to_owned(),
        }
    }
}

/// A run that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Metrics cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// More than [`RUN_POINTS_MAX`] points.
    #[error(
        "more than {RUN_POINTS_MAX} points: ask for less time, longer periods or fewer metrics"
    )]
    TooMuch,
}

impl Plan {
    /// Runs the queries that are returned, and those that they need. Reads metrics, so it may block.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn run(
        &self,
        read: &dyn Read,
        window: &Window,
        options: &Options,
    ) -> Result<Results, Failed> {
        let mut evaluator = Evaluator::new(self, read, window);
        let needed = self.needed();
        for index in self.order.iter().filter(|index| needed.contains(index)) {
            evaluator.step(*index)?;
        }
        let done = evaluator.done();
        let mut messages = done.messages;
        let mut answers = Vec::new();
        for (index, (step, value)) in self.steps.iter().zip(done.values).enumerate() {
            let Some(value) = value.filter(|_| step.is_returned) else {
                continue;
            };
            let mut found = self::answers(step, value, window, options);
            for answer in &mut found {
                answer.is_partial = done.cut.contains(&index);
            }
            answers.append(&mut found);
            if answers.len() > ANSWERS_MAX {
                answers.truncate(ANSWERS_MAX);
                messages = vec![Message::too_many()];
                break;
            }
        }
        Ok(Results { answers, messages })
    }

    /// All that the query at `index` needs, and what those need, in the order in which they are evaluated.
    pub(super) fn needed_by(&self, index: usize) -> Vec<usize> {
        let mut needed = BTreeSet::from([index]);
        for other in self.order.iter().rev() {
            if let Some(step) = self.steps.get(*other).filter(|_| needed.contains(other)) {
                needed.extend(&step.needs);
            }
        }
        needed.remove(&index);
        let order = self.order.iter().copied();
        order.filter(|index| needed.contains(index)).collect()
    }

    fn needed(&self) -> BTreeSet<usize> {
        let mut needed = BTreeSet::new();
        // Backwards, so that whoever needs a query has been seen before it.
        for index in self.order.iter().rev() {
            let step = self.steps.get(*index);
            let Some(step) = step.filter(|step| step.is_returned || needed.contains(index)) else {
                continue;
            };
            needed.insert(*index);
            needed.extend(&step.needs);
        }
        needed
    }
}

fn answers(step: &Step, value: Value, window: &Window, options: &Options) -> Vec<Answer> {
    let is_array = matches!(value, Value::Array(_));
    let series = value.into_array().into_iter();
    let answer = |series: Series| Answer {
        id: step.id.clone(),
        label: label(step, is_array, &series, window, options),
        period_secs: series.period_secs,
        messages: messages(&series),
        stat: series.origin.as_ref().and_then(|it| it.stat.clone()),
        points: series.points.into_iter().map(unsigned_zero).collect(),
        is_partial: false,
    };
    series.map(answer).collect()
}

/// Nobody wants to read `-0`.
fn unsigned_zero((at, value): (Timestamp, f64)) -> (Timestamp, f64) {
    (at, value + 0.0)
}

/// A label of its own, filled in; in front of the metric's name where it is of many and says nothing of each.
/// Source: CloudWatch User Guide, "the legend captions are in the format Expression-Label Metric-Label".
fn label(
    step: &Step,
    is_array: bool,
    series: &Series,
    window: &Window,
    options: &Options,
) -> String {
    let origin = series.origin.as_ref().map(|origin| origin.name.as_str());
    let name = match step.stat().is_some() || is_array {
        true => origin.unwrap_or(&step.id),
        false => &step.id,
    };
    let facts = Facts {
        name,
        series,
        now: window.now,
        options,
    };
    match &step.label {
        None => name.to_owned(),
        Some(label) => match label.plain().filter(|_| is_array) {
            Some(text) => format!("{text} {name}"),
            None => label.fill(&facts),
        },
    }
}

/// Text: as recorded from AWS.
fn messages(series: &Series) -> Vec<Message> {
    let units = series.origin.as_ref().map(|origin| origin.units.join(", "));
    let units = units.filter(|units| !units.is_empty());
    let message = |units| Message {
        code: "MultipleUnits",
        value: format!("Multiple units returned: '[{units}]'"),
    };
    units.map(message).into_iter().collect()
}
