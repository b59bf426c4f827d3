//! The two axes of a graph.

use serde_json::Value;

use crate::dashboard::check::{Fields, Is};
use crate::dashboard::read;

pub(super) const AXES: Is = Is::Fields(&FIELDS);

static FIELDS: Fields = Fields {
    known: &[("left", Is::Fields(&AXIS)), ("right", Is::Fields(&AXIS))],
    required: &[],
};

static AXIS: Fields = Fields {
    known: &[
        ("min", Is::Number),
        ("max", Is::Number),
        ("label", Is::Text),
        ("showUnits", Is::Flag),
    ],
    required: &[],
};

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its lower end.
    pub min: Option<f64>,
    /// Its upper end.
    pub max: Option<f64>,
    /// What stands at it.
    pub label: Option<String>,
    /// Whether the unit stands at it where there is no label.
    pub shows_units: bool,
}

impl Default for Axis {
    fn default() -> Self {
        Self {
            min: None,
            max: None,
            label: None,
            shows_units: true,
        }
    }
}

pub(super) fn of(axis: Option<&Value>) -> Axis {
    let Some(axis) = axis else {
        return Axis::default();
    };
    Axis {
        min: read::number(axis, "min"),
        max: read::number(axis, "max"),
        label: read::text(axis, "label"),
        shows_units: read::flag(axis, "showUnits").unwrap_or(true),
    }
}
