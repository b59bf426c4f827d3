//! Pictures of widgets and dashboards: SVG by our own hand, PNG of that SVG.
//!
//! INVARIANT: one drawing serves the API, pages and mails. What stands in an SVG stands in its PNG.
//!
//! - [`data`] has [`Data`], the port that widgets' lines come through
//! - [`resolve`] asks for what a widget shows and makes a [`Drawing`] of it
//! - [`svg()`] draws one, [`board()`] draws many on the grid of a dashboard
//! - `raster` has [`png`]
//! - `says` has the words that are ours, by [`Language`]
//! - `view` has the views, one file each; `canvas` writes elements; `scale` and `hours` find ticks; `words` measures text
//!
//! An SVG has no script, no reference to anything outside, and a title and description for those who do not see it.

mod board;
mod canvas;
pub mod data;
mod explored;
mod hours;
mod markdown;
mod palette;
mod raster;
pub mod resolve;
mod says;
mod scale;
mod view;
mod words;

use base::Timestamp;

use crate::dashboard::row::Side;
use crate::dashboard::time::Range;
use crate::dashboard::widget::{Axis, Horizontal, Legend, Table, Vertical, View};
use crate::metric::Unit;
pub use board::board;
use canvas::{Canvas, Rect};
pub use data::{Alarm, AlarmState, Alarms, Asked, Computed, Data, Failed, Hosts, Line, NoAlarms};
pub use raster::{Unpaintable, png};
pub use resolve::{Around, chart, dashboard, draw};
pub use says::Language;

/// The least and greatest width and height of a picture. The greatest is AWS's for `GetMetricWidgetImage`; the least is
/// chosen, AWS's is 1.
pub const SIDE_MAX: u32 = 2000;
/// See [`SIDE_MAX`].
pub const SIDE_MIN: u32 = 1;

/// Pixels across and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Across.
    pub width: u32,
    /// Down.
    pub height: u32,
}

impl Default for Size {
    /// Source: CloudWatch API Reference, "Metric Widget Structure and Syntax".
    fn default() -> Self {
        Self {
            width: 600,
            height: 400,
        }
    }
}

/// What is drawn, with everything that it needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Drawing {
    /// Metrics.
    Chart(Box<Chart>),
    /// A text in Markdown.
    Text(String),
    /// The states of alarms.
    Alarms {
        /// What stands over them.
        title: String,
        /// They, in the order to show them in.
        alarms: Vec<Alarm>,
        /// Minutes east of Greenwich of the times.
        zone_minutes: i32,
        /// Of the states.
        language: Language,
    },
    /// Graphs beside one another.
    Grid {
        /// What stands over them.
        title: String,
        /// How many stand beside one another, where there is room.
        columns: u32,
        /// They.
        charts: Vec<Chart>,
        /// Of what is left out.
        language: Language,
    },
    /// A widget that cannot be drawn, and why.
    Note {
        /// What stands over it.
        title: String,
        /// Why.
        text: String,
    },
}

/// A metric widget with its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What stands over it.
    pub title: String,
    /// How it looks.
    pub view: View,
    /// Whether lines stand on each other.
    pub is_stacked: bool,
    /// Its lines, in the order of the names.
    pub series: Vec<Series>,
    /// Bands of what is expected, behind the lines; shown over time only.
    pub bands: Vec<Band>,
    /// The axis at the left.
    pub left: Axis,
    /// The axis at the right.
    pub right: Axis,
    /// Where the names stand.
    pub legend: Legend,
    /// The time that is shown.
    pub range: Range,
    /// Minutes east of Greenwich of the times.
    pub zone_minutes: i32,
    /// Levels.
    pub horizontal: Vec<Horizontal>,
    /// Moments.
    pub vertical: Vec<Vertical>,
    /// Whether numbers are written out.
    pub is_full_precision: bool,
    /// Whether a number has a small line under it.
    pub has_sparkline: bool,
    /// How a table looks.
    pub table: Table,
    /// Of words that it does not say itself.
    pub language: Language,
}

/// What is expected of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// What people read.
    pub label: String,
    /// Such as `#95a5a6`.
    pub colour: String,
    /// On which axis.
    pub side: Side,
    /// Seconds between points that follow each other.
    pub period_secs: u32,
    /// The lower and the upper edge, oldest first.
    pub points: Vec<(Timestamp, f64, f64)>,
}

/// A line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What people read.
    pub label: String,
    /// Such as `#1f77b4`.
    pub colour: String,
    /// On which axis.
    pub side: Side,
    /// The unit of its values, where it is known.
    pub unit: Option<Unit>,
    /// Seconds between points that follow each other.
    pub period_secs: u32,
    /// Points, oldest first.
    pub points: Vec<(Timestamp, f64)>,
    /// The number that stands for it: of the latest period, or of the whole time.
    pub value: Option<f64>,
}

/// Draws one, as a document of its own.
#[must_use]
pub fn svg(drawing: &Drawing, size: Size) -> String {
    let whole = Rect::new(0.0, 0.0, f64::from(size.width), f64::from(size.height));
    let mut canvas = Canvas::new(size, drawing.title(), &view::described(drawing));
    canvas.rect(whole, "#ffffff");
    view::draw(&mut canvas, drawing, whole);
    canvas.finish()
}

impl Drawing {
    /// What stands over it.
    #[must_use]
    pub fn title(&self) -> &str {
        match self {
            Self::Chart(chart) => &chart.title,
            Self::Alarms { title, .. } | Self::Grid { title, .. } | Self::Note { title, .. } => {
                title
            }
            Self::Text(_) => "",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
