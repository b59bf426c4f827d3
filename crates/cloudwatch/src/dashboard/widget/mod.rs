//! The kinds of widgets, one file each. To add one: its file, and a line in `WIDGETS`.

mod alarm;
mod annotation;
mod axis;
mod chart;
mod custom;
mod explorer;
mod log;
mod metric;
mod text;

use serde_json::Value;

use super::check::{Fields, Is, Report};
pub use alarm::Alarms;
pub use annotation::{Fill, Horizontal, Level, Mark, Vertical};
pub use axis::Axis;
pub use explorer::{Explorer, Host, INSTANCES};
pub use metric::{Graph, Legend, METRICS_MAX, Summary, Table, View};
pub(crate) use metric::{TIME, check_graph};
pub use text::Text;

/// A kind of widget.
pub(crate) struct Kind {
    /// As `type` says it.
    pub(crate) name: &'static str,
    /// Checks `properties`, at a path.
    pub(crate) check: fn(&mut Report, &str, &Value),
    /// Reads `properties` that were checked.
    pub(crate) read: fn(&Value) -> Content,
}

/// All kinds.
pub(crate) static WIDGETS: &[Kind] = &[
    metric::KIND,
    text::KIND,
    log::KIND,
    alarm::KIND,
    explorer::KIND,
    custom::KIND,
    chart::KIND,
];

/// What a widget shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Metrics.
    Graph(Box<Graph>),
    /// A text.
    Text(Text),
    /// The states of alarms.
    Alarms(Alarms),
    /// Metrics of hosts by their tags.
    Explorer(Box<Explorer>),
    /// What is kept but not drawn here.
    Other {
        /// Its kind, such as `log`.
        kind: &'static str,
        /// Its title.
        title: String,
        /// The region that it asks.
        region: Option<String>,
    },
}

impl Content {
    /// What stands over it; nothing for texts.
    #[must_use]
    pub fn title(&self) -> &str {
        match self {
            Self::Graph(graph) => &graph.title,
            Self::Alarms(alarms) => &alarms.title,
            Self::Explorer(explorer) => &explorer.title,
            Self::Other { title, .. } => title,
            Self::Text(_) => "",
        }
    }

    /// As `type` says it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Graph(_) => "metric",
            Self::Alarms(_) => "alarm",
            Self::Explorer(_) => "explorer",
            Self::Other { kind, .. } => kind,
            Self::Text(_) => "text",
        }
    }
}

fn other(kind: &'static str, properties: &Value) -> Content {
    Content::Other {
        kind,
        title: super::read::text(properties, "title").unwrap_or_default(),
        region: super::read::text(properties, "region"),
    }
}

fn by_fields(report: &mut Report, path: &str, properties: &Value, fields: &'static Fields) {
    super::check::check(report, path, properties, &Is::Fields(fields));
}
