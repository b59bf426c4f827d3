//! The body of a dashboard.
//!
//! ```json
//! {"start": "-PT6H", "widgets": [
//!   {"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": {
//!     "metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", "i-0123456789abcdef0"]],
//!     "region": "ap-northeast-1", "title": "CPU"}}]}
//! ```
//!
//! Source: CloudWatch API Reference, "Dashboard Body Structure and Syntax".

use serde_json::Value;

use super::check::{self, Fields, Is, Message, Report, child};
use super::layout::{self, Area, Wish};
use super::variable;
use super::widget::{Content, WIDGETS};
use super::{read, widget};

/// Widgets of a dashboard. Source: CloudWatch User Guide, "CloudWatch service quotas".
pub const WIDGETS_MAX: usize = 500;
/// Metrics of all widgets of a dashboard. Source: as above.
pub const METRICS_MAX: usize = 2500;
/// Bytes of a body. Chosen.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A dashboard's body, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// As written, such as `-PT6H`.
    pub start: Option<String>,
    /// As written.
    pub end: Option<String>,
    /// Whether the periods of widgets stand, however long a time is shown (`inherit`).
    pub keeps_periods: bool,
    /// The widgets, in the order of the body.
    pub widgets: Vec<Widget>,
}

/// One widget.
#[derive(Clone, Debug, PartialEq)]
pub struct Widget {
    /// Where it stands.
    pub area: Area,
    /// What it shows.
    pub content: Content,
}

/// A body that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no JSON object.
    #[error("the body of a dashboard is a JSON object")]
    NotObject,
    /// It is too long.
    #[error("the body of a dashboard has at most {BODY_BYTES_MAX} bytes, not {bytes}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Something in it is wrong.
    #[error("the body of a dashboard is wrong in {} places", .0.len())]
    Invalid(Vec<Message>),
}

static BODY: Fields = Fields {
    known: &[
        (
            "widgets",
            Is::List {
                items: &Is::Told(check_widget),
                min: 0,
                max: WIDGETS_MAX,
            },
        ),
        ("start", widget::TIME),
        ("end", widget::TIME),
        ("periodOverride", Is::OneOf(&["auto", "inherit"])),
        ("variables", variable::VARIABLES),
    ],
    required: &["widgets"],
};

static WIDGET: Fields = Fields {
    known: &[
        ("type", Is::Any),
        ("x", Is::Whole { min: 0, max: 23 }),
        (
            "y",
            Is::Whole {
                min: 0,
                max: layout::Y_MAX as i64,
            },
        ),
        ("width", Is::Whole { min: 1, max: 24 }),
        (
            "height",
            Is::Whole {
                min: 1,
                max: layout::HEIGHT_MAX as i64,
            },
        ),
        ("properties", Is::Any),
    ],
    required: &["type", "properties"],
};

impl Body {
    /// Reads and checks a body; gives the warnings with it.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn read(text: &str) -> Result<(Self, Vec<Message>), Refused> {
        let (value, warnings) = taken(text)?;
        Ok((Self::of(&value), warnings))
    }

    /// Reads a value; what is wrong in it counts as not said.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let value = &variable::applied(value);
        let widgets = read::list(value, "widgets");
        let widgets = widgets.get(..WIDGETS_MAX).unwrap_or(widgets);
        let wishes: Vec<Wish> = widgets.iter().map(wish).collect();
        let areas = layout::placed(&wishes);
        Self {
            start: read::text(value, "start"),
            end: read::text(value, "end"),
            keeps_periods: value.get("periodOverride").and_then(Value::as_str) == Some("inherit"),
            widgets: widgets.iter().zip(areas).filter_map(of_widget).collect(),
        }
    }
}

/// A body as JSON with its warnings, where it has no errors.
pub(super) fn taken(text: &str) -> Result<(Value, Vec<Message>), Refused> {
    if text.len() > BODY_BYTES_MAX {
        return Err(Refused::TooLong { bytes: text.len() });
    }
    let value: Option<Value> = serde_json::from_str(text).ok();
    let value = value.filter(Value::is_object).ok_or(Refused::NotObject)?;
    let report = checked(&value);
    match report.errors.is_empty() {
        true => Ok((value, report.warnings)),
        false => Err(Refused::Invalid(report.errors)),
    }
}

fn checked(body: &Value) -> Report {
    let mut report = Report::default();
    check::check(&mut report, "", body, &Is::Fields(&BODY));
    if body.get("end").is_some() && body.get("start").is_none() {
        report.error("", "Should have required property 'start'");
    }
    let widgets = read::list(body, "widgets").iter();
    let metrics: usize = widgets
        .map(|widget| {
            widget
                .pointer("/properties/metrics")
                .and_then(Value::as_array)
                .map_or(0, Vec::len)
        })
        .sum();
    if metrics > METRICS_MAX {
        report.error(
            "/widgets",
            format!("Should NOT have more than {METRICS_MAX} metrics"),
        );
    }
    report
}

fn check_widget(report: &mut Report, path: &str, value: &Value) {
    check::check(report, path, value, &Is::Fields(&WIDGET));
    let Some(kind) = value.get("type") else {
        return;
    };
    let known = WIDGETS
        .iter()
        .find(|known| kind.as_str() == Some(known.name));
    match (known, value.get("properties")) {
        (None, _) => report.error(
            &child(path, "type"),
            "Should be equal to one of the allowed values",
        ),
        (Some(known), Some(properties)) => {
            (known.check)(report, &child(path, "properties"), properties)
        }
        (Some(_), None) => {}
    }
}

fn wish(widget: &Value) -> Wish {
    let place = |name, max| read::whole(widget, name, max);
    let at = place("x", 23).zip(place("y", layout::Y_MAX));
    Wish {
        at,
        width: place("width", 24).unwrap_or(layout::SIDE_DEFAULT).max(1),
        height: place("height", layout::HEIGHT_MAX)
            .unwrap_or(layout::SIDE_DEFAULT)
            .max(1),
    }
}

fn of_widget((value, area): (&Value, Area)) -> Option<Widget> {
    let kind = value.get("type")?.as_str()?;
    let known = WIDGETS.iter().find(|known| known.name == kind)?;
    Some(Widget {
        area,
        content: (known.read)(value.get("properties").unwrap_or(&Value::Null)),
    })
}
