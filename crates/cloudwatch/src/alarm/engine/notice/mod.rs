//! What an action is given: whom, what happened, and the bodies that topics and functions get.
//!
//! - [`sns`]: the JSON that a topic's subscribers get
//! - [`lambda`]: the event that a function gets
//! - [`configuration`]: what an alarm watches, in both and in the history

pub mod configuration;
pub mod lambda;
pub mod region;
pub mod sns;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::book::Alarm;
use super::settings::Watched;
use super::state::State;
use super::target;
use crate::ops::Place;

/// An action that is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionCall {
    /// The same each time that the action is asked for, and of no other action.
    pub id: String,
    /// Actions run in the order of their numbers.
    pub number: u64,
    /// When the state changed, in milliseconds since 1970.
    pub at_ms: u64,
    /// The ARN of what is to act.
    pub target: String,
    /// The alarm.
    pub alarm: String,
    /// Its ARN.
    pub alarm_arn: String,
    /// `MetricAlarm` or `CompositeAlarm`.
    pub alarm_kind: String,
    /// The state that it has now.
    pub state: State,
    /// The state that it had.
    pub old_state: State,
    /// Why, for people.
    pub reason: String,
    /// What routes tell apart: `alarm`, `state`, `old_state`, `namespace`, `metric`, and each dimension and tag by its name.
    pub labels: BTreeMap<String, String>,
    /// The instance of the alarm's metric, for EC2's actions.
    pub instance: Option<String>,
    /// The title that a topic's mails have.
    pub subject: String,
    /// The JSON for a topic.
    pub sns_body: String,
    /// The JSON for a function.
    pub lambda_body: String,
}

/// What became of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran.
    Done,
    /// It cannot run; it is not tried again.
    Failed(String),
    /// It is to be tried again later.
    Later,
}

/// What an action is told of the change.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// Where.
    pub place: &'a Place,
    /// Whether it was muted, and runs because the window is over.
    pub is_after_mute: bool,
    /// Its number.
    pub number: u64,
    /// The children that made a composite alarm change, with their states.
    pub children: &'a [sns::Child],
}

/// The action of `alarm` on `target`.
#[must_use]
pub fn call(alarm: &Alarm, target: &str, occasion: &Occasion<'_>) -> ActionCall {
    let status = &alarm.status;
    let name = &alarm.settings.name;
    let old = status
        .before
        .as_ref()
        .map_or(status.now.state, |known| known.state);
    let metric = alarm.settings.metric();
    ActionCall {
        id: format!("{:013}-{}", status.now.at_ms, occasion.number),
        number: occasion.number,
        at_ms: status.now.at_ms,
        target: target.to_owned(),
        alarm: name.clone(),
        alarm_arn: occasion.place.alarm(name).to_string(),
        alarm_kind: alarm.settings.kind_name().to_owned(),
        state: status.now.state,
        old_state: old,
        reason: status.now.reason.clone(),
        labels: labels(alarm, old),
        instance: metric
            .and_then(|metric| target::instance(&metric.watched))
            .map(str::to_owned),
        subject: format!(
            "{}: \"{name}\" in {}",
            status.now.state,
            region::long(occasion.place.region.as_str())
        ),
        sns_body: sns::body(alarm, old, occasion),
        lambda_body: lambda::body(alarm, occasion),
    }
}

/// Names that are ours stand over tags and dimensions of the same name.
fn labels(alarm: &Alarm, old: State) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<_, _> = alarm.tags.clone();
    let watched = alarm.settings.metric().map(|metric| &metric.watched);
    if let Some(Watched::One { stat, .. }) = watched {
        labels.extend(stat.dimensions.iter().cloned());
        labels.insert("namespace".to_owned(), stat.namespace.clone());
        labels.insert("metric".to_owned(), stat.metric.clone());
    }
    labels.insert("alarm".to_owned(), alarm.settings.name.clone());
    labels.insert("state".to_owned(), alarm.status.now.state.to_string());
    labels.insert("old_state".to_owned(), old.to_string());
    labels
}

#[cfg(test)]
mod tests;
