//! Lines and bands over a graph: at values, at times.
//!
//! Source: CloudWatch API Reference, "Dashboard Body Structure and Syntax", annotations.

use base::Timestamp;
use serde_json::Value;

use super::alarm;
use crate::dashboard::check::{self, COLOUR, Fields, Is, Report};
use crate::dashboard::read;
use crate::dashboard::row::{self, Side};

/// Annotations of one kind. Chosen.
const ANNOTATIONS_MAX: usize = 100;

pub(super) const ANNOTATIONS: Is = Is::Fields(&FIELDS);

static FIELDS: Fields = Fields {
    known: &[
        (
            "horizontal",
            of_some(&Is::Told(|report, path, value| {
                one_or_two(report, path, value, &LEVEL)
            })),
        ),
        (
            "vertical",
            of_some(&Is::Told(|report, path, value| {
                one_or_two(report, path, value, &MARK)
            })),
        ),
        ("alarms", alarm::ARNS),
    ],
    required: &[],
};

const fn of_some(items: &'static Is) -> Is {
    Is::List {
        items,
        min: 0,
        max: ANNOTATIONS_MAX,
    }
}

static LEVEL: Fields = Fields {
    known: &[
        ("value", Is::Number),
        ("label", Is::Text),
        ("color", COLOUR),
        ("fill", Is::OneOf(&["above", "below", "between", "none"])),
        ("visible", Is::Flag),
        ("yAxis", Is::OneOf(&["left", "right"])),
    ],
    required: &["value"],
};

static MARK: Fields = Fields {
    known: &[
        ("value", Is::Told(moment)),
        ("label", Is::Text),
        ("color", COLOUR),
        ("fill", Is::OneOf(&["before", "after", "between", "none"])),
        ("visible", Is::Flag),
    ],
    required: &["value"],
};

fn moment(report: &mut Report, path: &str, value: &Value) {
    let is_time = value
        .as_str()
        .is_some_and(|text| Timestamp::parse_rfc3339(text).is_some());
    if !is_time {
        report.error(path, "Should match format \"date-time\"");
    }
}

/// An annotation, or a list of the two ends of a band.
fn one_or_two(report: &mut Report, path: &str, value: &Value, fields: &'static Fields) {
    let one = Is::Fields(fields);
    match value {
        Value::Array(_) => {
            // A band's ends.
            let ends = value.as_array().map_or(0, Vec::len);
            if ends != 2 {
                return report.error(path, "Should NOT have less than 2 items");
            }
            for (index, end) in value.as_array().into_iter().flatten().enumerate() {
                check::check(report, &format!("{path}/{index}"), end, &one);
            }
        }
        value => check::check(report, path, value, &one),
    }
}

/// A level over a graph, or the band between two.
#[derive(Clone, Debug, PartialEq)]
pub struct Horizontal {
    /// The level.
    pub level: Level,
    /// The other end of a band.
    pub to: Option<Level>,
    /// On which axis.
    pub side: Side,
    /// Such as `#d62728`.
    pub colour: Option<String>,
    /// What of the graph is shaded.
    pub fill: Fill,
}

/// A value with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Where.
    pub value: f64,
    /// What people read.
    pub label: Option<String>,
}

/// A moment over a graph, or the band between two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vertical {
    /// The moment.
    pub mark: Mark,
    /// The other end of a band.
    pub to: Option<Mark>,
    /// Such as `#d62728`.
    pub colour: Option<String>,
    /// What of the graph is shaded: above is later, below is earlier.
    pub fill: Fill,
}

/// A moment with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// What people read.
    pub label: Option<String>,
}

/// What is shaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// Nothing.
    #[default]
    None,
    /// Above a level, after a moment.
    Above,
    /// Below a level, before a moment.
    Below,
}

pub(super) fn horizontal(annotations: &Value) -> Vec<Horizontal> {
    let read = |value: &Value| {
        let (first, second) = ends(value)?;
        Some(Horizontal {
            level: level(first)?,
            to: second.and_then(level),
            side: row::side(first.get("yAxis"))?,
            colour: read::text(first, "color"),
            fill: fill(first),
        })
    };
    read::list(annotations, "horizontal")
        .iter()
        .filter_map(read)
        .collect()
}

pub(super) fn vertical(annotations: &Value) -> Vec<Vertical> {
    let read = |value: &Value| {
        let (first, second) = ends(value)?;
        Some(Vertical {
            mark: mark(first)?,
            to: second.and_then(mark),
            colour: read::text(first, "color"),
            fill: fill(first),
        })
    };
    read::list(annotations, "vertical")
        .iter()
        .filter_map(read)
        .collect()
}

/// The one or two ends, if the annotation is to be seen.
fn ends(value: &Value) -> Option<(&Value, Option<&Value>)> {
    let (first, second) = match value.as_array().map(Vec::as_slice) {
        Some([first, second]) => (first, Some(second)),
        Some(_) => return None,
        None => (value, None),
    };
    let is_visible = read::flag(first, "visible").unwrap_or(true);
    is_visible.then_some((first, second))
}

fn level(of: &Value) -> Option<Level> {
    Some(Level {
        value: read::number(of, "value")?,
        label: read::text(of, "label"),
    })
}

fn mark(of: &Value) -> Option<Mark> {
    Some(Mark {
        at: Timestamp::parse_rfc3339(of.get("value")?.as_str()?)?,
        label: read::text(of, "label"),
    })
}

fn fill(of: &Value) -> Fill {
    match of.get("fill").and_then(Value::as_str) {
        Some("above" | "after") => Fill::Above,
        Some("below" | "before") => Fill::Below,
        _ => Fill::None,
    }
}
