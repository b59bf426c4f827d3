//! Metrics and expressions: as lines, bars, a pie, numbers, a gauge or a table.
//!
//! Source: CloudWatch API Reference, "Dashboard Body Structure and Syntax", metric widget.

use serde_json::Value;

use super::annotation::{self, ANNOTATIONS, Horizontal, Vertical};
use super::axis::{self, AXES, Axis};
use super::{Content, Kind};
use crate::dashboard::check::{self, Fields, Is, Report, child};
use crate::dashboard::read;
use crate::dashboard::row::{self, Row};
use crate::dashboard::time;
use crate::metric::Statistic;

/// Metrics of one widget. Source: CloudWatch User Guide, "CloudWatch service quotas".
pub const METRICS_MAX: usize = 500;

pub(super) const KIND: Kind = Kind {
    name: "metric",
    check,
    read: |properties| Content::Graph(Box::new(Graph::of(properties))),
};

/// Known, kept and of no effect here: `accountId`, `region` (there is one account and one region), `liveData` (the newest
/// period is always shown), `theme`, `trend`, `labels` and `copilot`. `width` and `height` are those of a picture.
static FIELDS: Fields = Fields {
    known: &[
        ("metrics", Is::Told(metrics)),
        ("annotations", ANNOTATIONS),
        (
            "view",
            Is::OneOf(&["timeSeries", "singleValue", "gauge", "bar", "pie", "table"]),
        ),
        ("stacked", Is::Flag),
        ("stat", Is::Told(statistic)),
        ("period", Is::Told(period)),
        ("region", Is::Text),
        ("accountId", Is::Text),
        ("title", Is::Text),
        ("yAxis", AXES),
        ("legend", Is::Fields(&LEGEND)),
        ("liveData", Is::Flag),
        ("setPeriodToTimeRange", Is::Flag),
        ("singleValueFullPrecision", Is::Flag),
        ("sparkline", Is::Flag),
        ("trend", Is::Flag),
        (
            "timezone",
            Is::Form {
                pattern: "^[+-][0-9]{4}$",
                fits: |text| time::zone_minutes(text).is_some(),
            },
        ),
        ("start", TIME),
        ("end", TIME),
        ("table", Is::Fields(&TABLE)),
        ("width", Is::Number),
        ("height", Is::Number),
        ("theme", Is::OneOf(&["light", "dark"])),
        ("labels", Is::Any),
        ("copilot", Is::Any),
    ],
    required: &[],
};

/// Also of dashboards.
pub(crate) const TIME: Is = Is::Form {
    pattern: "^-?P.+$|date-time",
    fits: time::is_time,
};

static LEGEND: Fields = Fields {
    known: &[("position", Is::OneOf(&["right", "bottom", "hidden"]))],
    required: &[],
};

static TABLE: Fields = Fields {
    known: &[
        ("layout", Is::OneOf(&["horizontal", "vertical"])),
        ("showTimeSeriesData", Is::Flag),
        ("stickySummary", Is::Flag),
        (
            "summaryColumns",
            Is::List {
                items: &Is::OneOf(&["MIN", "MAX", "SUM", "AVG"]),
                min: 0,
                max: 4,
            },
        ),
    ],
    required: &[],
};

fn check(report: &mut Report, path: &str, properties: &Value) {
    sources(report, path, properties);
    check_graph(report, path, properties);
}

/// A widget needs metrics or annotations, and a region for what is not an alarm. The three sentences come as AWS gives them.
fn sources(report: &mut Report, path: &str, properties: &Value) {
    let has = |name| properties.get(name).is_some();
    let annotations = properties.get("annotations");
    let has_alarm = annotations.is_some_and(|it| it.get("alarms").is_some());
    let has_source = has("metrics") && has("region");
    let has_none = !has("metrics") && annotations.is_none();
    if !properties.is_object() {
        return;
    }
    if has_none {
        report.error(path, "Should have required property 'metrics'");
    }
    if !has_source && !has_alarm {
        report.error(
            path,
            "The metric widget should have specified a region and a data source or an alarm annotation",
        );
    }
    if has_none {
        report.error(path, "Should have required property 'annotations'");
    }
}

/// Checks what a graph says, wherever it stands.
pub(crate) fn check_graph(report: &mut Report, path: &str, properties: &Value) {
    check::check(report, path, properties, &Is::Fields(&FIELDS));
    if properties.get("view").and_then(Value::as_str) == Some("gauge") {
        gauge(report, path, properties);
    }
    if properties.get("end").is_some() && properties.get("start").is_none() {
        report.error(path, "Should have required property 'start'");
    }
}

/// A gauge needs both ends of its axis.
fn gauge(report: &mut Report, path: &str, properties: &Value) {
    let left = properties.pointer("/yAxis/left");
    let path = format!("{path}/yAxis/left");
    for end in ["min", "max"] {
        if left.and_then(|left| left.get(end)).is_none() {
            report.error(&path, format!("Should have required property '{end}'"));
        }
    }
}

fn metrics(report: &mut Report, path: &str, value: &Value) {
    let Some(rows) = value.as_array() else {
        return report.error(path, "Should be array");
    };
    if rows.is_empty() {
        // AWS's answer is not known; nothing is drawn, which harms nobody.
        report.warn(path, "Should NOT have less than 1 items");
    }
    if rows.len() > METRICS_MAX {
        return report.error(
            path,
            format!("Should NOT have more than {METRICS_MAX} items"),
        );
    }
    for (index, row) in row::rows(rows).iter().enumerate() {
        if row.is_none() {
            report.error(
                &child(path, &index.to_string()),
                "Field \"metrics\" has to be an array of array of strings, with an optional metricRenderer object as last element",
            );
        }
    }
}

fn statistic(report: &mut Report, path: &str, value: &Value) {
    let text = value.as_str();
    if text.is_none_or(|text| text.parse::<Statistic>().is_err()) {
        report.error(path, "Should be equal to one of the allowed values");
    }
}

fn period(report: &mut Report, path: &str, value: &Value) {
    if read::period(value).is_none() {
        report.error(path, "Should be 1, 5, 10, 20, 30 or a multiple of 60");
    }
}

/// How metrics are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Lines over time.
    #[default]
    TimeSeries,
    /// Numbers.
    SingleValue,
    /// A dial.
    Gauge,
    /// A bar each.
    Bar,
    /// A slice each.
    Pie,
    /// Rows and columns.
    Table,
}

/// Where the names of lines stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legend {
    /// Below.
    #[default]
    Bottom,
    /// At the right.
    Right,
    /// Nowhere.
    Hidden,
}

/// A column that sums up a row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Summary {
    Min,
    Max,
    Sum,
    Avg,
}

/// How a table looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Whether times go down, and a metric is a column.
    pub is_vertical: bool,
    /// Whether the points themselves are shown.
    pub shows_series: bool,
    /// Columns that sum up.
    pub summaries: Vec<Summary>,
}

/// A metric widget.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// What stands over it.
    pub title: String,
    /// What it shows. Rows that are not right are left out.
    pub rows: Vec<Row>,
    /// How.
    pub view: View,
    /// Whether lines stand on each other.
    pub is_stacked: bool,
    /// The statistic of rows that say none.
    pub statistic: Statistic,
    /// The period of rows that say none, in seconds.
    pub period_secs: Option<u32>,
    /// The region of its metrics.
    pub region: Option<String>,
    /// The axis at the left.
    pub left: Axis,
    /// The axis at the right.
    pub right: Axis,
    /// Where the names stand.
    pub legend: Legend,
    /// Minutes east of Greenwich of the times.
    pub zone_minutes: Option<i32>,
    /// As written, such as `-PT6H`.
    pub start: Option<String>,
    /// As written.
    pub end: Option<String>,
    /// Whether a number is of the whole time instead of the latest period.
    pub is_of_whole_range: bool,
    /// Whether numbers are written out.
    pub is_full_precision: bool,
    /// Whether a number has a small line under it.
    pub has_sparkline: bool,
    /// How a table looks.
    pub table: Table,
    /// Levels.
    pub horizontal: Vec<Horizontal>,
    /// Moments.
    pub vertical: Vec<Vertical>,
    /// ARNs of alarms whose metric and threshold are shown.
    pub alarms: Vec<String>,
}

impl Graph {
    /// Reads properties; what is wrong in them counts as not said.
    #[must_use]
    pub fn of(properties: &Value) -> Self {
        let is = |name| read::flag(properties, name).unwrap_or(false);
        let said = |name| read::text(properties, name);
        let annotations = properties.get("annotations").unwrap_or(&Value::Null);
        let alarms = read::list(annotations, "alarms").iter();
        let rows = read::list(properties, "metrics");
        let rows = row::rows(rows.get(..METRICS_MAX).unwrap_or(rows));
        Self {
            title: said("title").unwrap_or_default(),
            rows: rows.into_iter().flatten().collect(),
            view: view(properties),
            is_stacked: is("stacked"),
            statistic: said("stat")
                .and_then(|it| it.parse().ok())
                .unwrap_or(Statistic::Average),
            period_secs: properties.get("period").and_then(read::period),
            region: said("region"),
            left: axis::of(properties.pointer("/yAxis/left")),
            right: axis::of(properties.pointer("/yAxis/right")),
            legend: legend(properties),
            zone_minutes: said("timezone").and_then(|zone| time::zone_minutes(&zone)),
            start: said("start"),
            end: said("end"),
            is_of_whole_range: is("setPeriodToTimeRange"),
            is_full_precision: is("singleValueFullPrecision"),
            has_sparkline: is("sparkline"),
            table: table(properties.get("table").unwrap_or(&Value::Null)),
            horizontal: annotation::horizontal(annotations),
            vertical: annotation::vertical(annotations),
            alarms: alarms
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        }
    }
}

fn view(properties: &Value) -> View {
    match properties.get("view").and_then(Value::as_str) {
        Some("singleValue") => View::SingleValue,
        Some("gauge") => View::Gauge,
        Some("bar") => View::Bar,
        Some("pie") => View::Pie,
        Some("table") => View::Table,
        _ => View::TimeSeries,
    }
}

fn legend(properties: &Value) -> Legend {
    match properties
        .pointer("/legend/position")
        .and_then(Value::as_str)
    {
        Some("right") => Legend::Right,
        Some("hidden") => Legend::Hidden,
        _ => Legend::Bottom,
    }
}

fn table(of: &Value) -> Table {
    let summary = |name: &Value| match name.as_str()? {
        "MIN" => Some(Summary::Min),
        "MAX" => Some(Summary::Max),
        "SUM" => Some(Summary::Sum),
        "AVG" => Some(Summary::Avg),
        _ => None,
    };
    Table {
        is_vertical: of.get("layout").and_then(Value::as_str) == Some("vertical"),
        shows_series: read::flag(of, "showTimeSeriesData").unwrap_or(true),
        summaries: read::list(of, "summaryColumns")
            .iter()
            .filter_map(summary)
            .collect(),
    }
}
