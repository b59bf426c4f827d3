//! What is remembered of an alarm: how it was put, which states it had, which actions ran.
//!
//! Forms as AWS writes them (User Guide; items quoted in public reports): summaries `Alarm "cpu" created`, `Alarm updated
//! from OK to ALARM`, `Successfully executed action <arn>`; data is JSON of version 1.0.

use base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::book::{Alarm, Known};
use super::notice::configuration;
use super::time::offset;
use crate::ops::Place;

/// Characters of an item's data. Source: API Reference, `HistoryData`.
pub const DATA_CHARS_MAX: usize = 4095;
/// Characters of an item's summary. Source: API Reference, `HistorySummary`.
pub const SUMMARY_CHARS_MAX: usize = 255;

/// One thing that is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its number; later items have greater ones.
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Of which alarm.
    pub alarm: String,
    /// `MetricAlarm` or `CompositeAlarm`.
    pub alarm_kind: String,
    /// Of which kind.
    pub kind: Kind,
    /// A line for people.
    pub summary: String,
    /// JSON.
    pub data: String,
}

/// The kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    ConfigurationUpdate,
    StateUpdate,
    Action,
}

impl Kind {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfigurationUpdate => "ConfigurationUpdate",
            Self::StateUpdate => "StateUpdate",
            Self::Action => "Action",
        }
    }
}

/// What was done to an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It was made.
    Created,
    /// It was put again.
    Updated,
    /// It was taken away.
    Deleted,
}

/// Summary and data of an item.
pub type Told = (String, String);

/// That an alarm was put or taken away.
#[must_use]
pub fn edited(edit: Edit, alarm: &Alarm, place: &Place) -> Told {
    let (word, kind, member) = match edit {
        Edit::Created => ("created", "Create", "createdAlarm"),
        Edit::Updated => ("updated", "Update", "updatedAlarm"),
        Edit::Deleted => ("deleted", "Delete", "deletedAlarm"),
    };
    let summary = format!("Alarm \"{}\" {word}", alarm.settings.name);
    let data = |alarm: Value| json!({"version": "1.0", "type": kind, member: alarm}).to_string();
    let whole = data(configuration::whole(alarm, place));
    let data = match whole.chars().count() <= DATA_CHARS_MAX {
        true => whole,
        false => data(json!({"alarmName": alarm.settings.name})),
    };
    (shortened(summary), data)
}

/// That an alarm has another state.
#[must_use]
pub fn changed(from: &Known, to: &Known) -> Told {
    let summary = format!("Alarm updated from {} to {}", from.state, to.state);
    let both = |has_data: bool| {
        let old = state(from, has_data);
        let new = state(to, has_data);
        json!({"version": "1.0", "oldState": old, "newState": new}).to_string()
    };
    let whole = both(true);
    let data = match whole.chars().count() <= DATA_CHARS_MAX {
        true => whole,
        false => both(false),
    };
    (summary, data)
}

fn state(known: &Known, has_data: bool) -> Value {
    let data = known.data.as_ref().filter(|_| has_data);
    let mut state = json!({"stateValue": known.state.as_str(), "stateReason": known.reason});
    if let (Some(members), Some(data)) = (state.as_object_mut(), data) {
        let data = serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.clone()));
        members.insert("stateReasonData".to_owned(), data);
    }
    state
}

/// That an action ran, or could not. `error`: why not.
#[must_use]
pub fn acted(target: &str, state_at: Timestamp, id: &str, error: Option<&str>) -> Told {
    let (summary, outcome) = match error {
        None => (
            format!("Successfully executed action {target}"),
            "Succeeded",
        ),
        Some(_) => (format!("Failed to execute action {target}"), "Failed"),
    };
    let data = json!({
        "actionState": outcome,
        "stateUpdateTimestamp": offset(state_at),
        "notificationResource": target,
        "actionId": id,
        "error": error.map(|text| text.chars().take(1024).collect::<String>()),
    });
    (shortened(summary), data.to_string())
}

fn shortened(summary: String) -> String {
    match summary.chars().count() <= SUMMARY_CHARS_MAX {
        true => summary,
        false => summary.chars().take(SUMMARY_CHARS_MAX).collect(),
    }
}
