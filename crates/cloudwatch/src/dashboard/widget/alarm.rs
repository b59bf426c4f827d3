//! The states of alarms.

use serde_json::Value;

use super::{Content, Kind, by_fields};
use crate::dashboard::check::{Fields, Is};
use crate::dashboard::read;

/// Alarms of one widget. Source: CloudWatch API Reference, "Alarm widget".
const ALARMS_MAX: usize = 100;

pub(super) const KIND: Kind = Kind {
    name: "alarm",
    check: |report, path, properties| by_fields(report, path, properties, &FIELDS),
    read: |properties| Content::Alarms(of(properties)),
};

pub(super) const ARNS: Is = Is::List {
    items: &Is::Text,
    min: 1,
    max: ALARMS_MAX,
};

static FIELDS: Fields = Fields {
    known: &[
        ("alarms", ARNS),
        (
            "sortBy",
            Is::OneOf(&["default", "stateUpdatedTimestamp", "timestamp"]),
        ),
        (
            "states",
            Is::List {
                items: &Is::OneOf(&["ALARM", "INSUFFICIENT_DATA", "OK"]),
                min: 0,
                max: 3,
            },
        ),
        ("title", Is::Text),
    ],
    required: &["alarms"],
};

/// Alarms to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    /// What stands over them.
    pub title: String,
    /// Their ARNs.
    pub arns: Vec<String>,
    /// Only those in these states; all where there are none.
    pub states: Vec<String>,
    /// Whether what changed last comes first, instead of what is worst.
    pub is_newest_first: bool,
}

fn of(properties: &Value) -> Alarms {
    let texts = |name| {
        let texts = read::list(properties, name).iter();
        texts.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let sort = properties.get("sortBy").and_then(Value::as_str);
    Alarms {
        title: read::text(properties, "title").unwrap_or_default(),
        arns: texts("alarms"),
        states: texts("states"),
        is_newest_first: matches!(sort, Some("stateUpdatedTimestamp" | "timestamp")),
    }
}
