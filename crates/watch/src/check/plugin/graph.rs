//! What plugins say of their graphs, for people: titles, labels, lines that lie on one another, limits.
//!
//! Every check has graphs, so that nobody writes any: those that its plugin describes, else one for each unit that it measures.
//! A graph becomes the properties of a dashboard's widget. Source: CloudWatch, "Dashboard body structure and syntax".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::check::cut;
use crate::datum::{CHECK, INSTANCE, Measured, Unit};

/// Graphs of one check. Chosen: a plugin of many disks has dozens.
pub const GRAPHS_MAX: usize = 100;
/// Lines of one graph. Chosen: more cannot be told apart.
pub const SERIES_MAX: usize = 100;
/// Bytes of a name, a title or a label. Source: names of CloudWatch's metrics.
const TEXT_MAX: usize = 255;
/// Limits that are drawn, of each kind. Chosen: more hide what they are for.
const LIMITS_MAX: usize = 4;
/// Seconds of a period where nobody says otherwise. Source: the default of widgets.
const PERIOD_SECS: u32 = 300;

/// A graph of what a check measures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Graph {
    /// Its name, such as `load` or `memcached.cmd`; each once in a check.
    pub name: String,
    /// Its title; empty where there is none.
    pub title: String,
    /// What its values are, such as `bytes`.
    pub unit: String,
    /// The namespace of its metrics.
    pub namespace: String,
    /// Dimensions of its metrics beside host and check.
    pub dimensions: BTreeMap<String, String>,
    /// Its lines.
    pub series: Vec<Series>,
    /// The least value of the axis.
    pub low: Option<f64>,
    /// What the plugin asks for and is not done here, such as `user.cdef`.
    pub ignored: Vec<String>,
}

/// One line of a graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// The metric's name.
    pub name: String,
    /// What people read.
    pub label: String,
    /// Whether it stands on the line before.
    pub is_stacked: bool,
    /// Whether it is measured and not shown.
    pub is_hidden: bool,
    /// `#rrggbb`, where the plugin says so.
    pub color: Option<String>,
    /// What values are multiplied with to be shown.
    pub factor: Option<f64>,
    /// The values at which a warning begins.
    pub warning: Vec<f64>,
    /// The values from which on it is critical.
    pub critical: Vec<f64>,
}

impl Graph {
    /// Graphs of what a check without graphs of its own measures: one for each unit.
    #[must_use]
    pub fn of_metrics(check: &str, metrics: &[Measured]) -> Vec<Self> {
        let mut graphs: Vec<Self> = Vec::new();
        for metric in metrics {
            let unit = match metric.unit {
                Unit::None => "",
                unit => unit.as_str(),
            };
            let mut dimensions = metric.dimensions.clone();
            dimensions.remove(CHECK);
            let place = graphs.iter().position(|graph| {
                graph.unit == unit
                    && graph.dimensions == dimensions
                    && graph.namespace == metric.namespace
            });
            let series = Series {
                name: metric.name.clone(),
                label: metric.name.clone(),
                ..Series::default()
            };
            match place.and_then(|place| graphs.get_mut(place)) {
                Some(graph) => graph.series.push(series),
                None => graphs.push(Self {
                    name: format!("{check}-{}", graphs.len() + 1),
                    title: check.to_owned(),
                    unit: unit.to_owned(),
                    namespace: metric.namespace.clone(),
                    dimensions,
                    series: vec![series],
                    ..Self::default()
                }),
            }
        }
        graphs
    }

    /// The same within its bounds, as it is taken from others.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        for text in [
            &mut self.name,
            &mut self.title,
            &mut self.unit,
            &mut self.namespace,
        ] {
            shorten(text);
        }
        self.series.truncate(SERIES_MAX);
        self.ignored.truncate(SERIES_MAX);
        self.ignored.iter_mut().for_each(shorten);
        self.dimensions
            .retain(|name, value| name.len() <= TEXT_MAX && value.len() <= TEXT_MAX);
        self.low = self.low.filter(|low| low.is_finite());
        for series in &mut self.series {
            shorten(&mut series.name);
            shorten(&mut series.label);
            series.color = series.color.take().filter(|color| is_color(color));
            series.factor = series.factor.filter(|factor| factor.is_finite());
            for limits in [&mut series.warning, &mut series.critical] {
                limits.truncate(LIMITS_MAX);
                limits.retain(|limit| limit.is_finite());
            }
        }
        self
    }

    /// Whether there is something to draw.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.series.iter().any(|series| !series.is_hidden)
    }

    /// What people call it.
    #[must_use]
    pub fn shown_title(&self) -> &str {
        match self.title.as_str() {
            "" => &self.name,
            title => title,
        }
    }

    /// The properties of a widget that shows it of the check `check` of the host `host`, without a region.
    #[must_use]
    pub fn properties(&self, host: &str, check: &str) -> Value {
        let mut metrics = Vec::new();
        let shown = self.series.iter().filter(|series| !series.is_hidden);
        for (index, series) in shown.take(SERIES_MAX).enumerate() {
            self.lines(index, series, (host, check), &mut metrics);
        }
        let mut axis = Map::new();
        if !self.unit.is_empty() {
            axis.insert("label".to_owned(), json!(self.unit));
        }
        axis.insert("showUnits".to_owned(), json!(false));
        if let Some(low) = self.low {
            axis.insert("min".to_owned(), json!(low));
        }
        let mut properties = json!({
            "title": self.shown_title(),
            "view": "timeSeries",
            "stacked": self.series.iter().any(|series| series.is_stacked && !series.is_hidden),
            "stat": "Average",
            "period": PERIOD_SECS,
            "metrics": metrics,
            "yAxis": { "left": axis },
        });
        let limits = self.limits();
        if let Some(object) = properties.as_object_mut().filter(|_| !limits.is_empty()) {
            object.insert("annotations".to_owned(), json!({ "horizontal": limits }));
        }
        properties
    }

    fn lines(
        &self,
        index: usize,
        series: &Series,
        (host, check): (&str, &str),
        into: &mut Vec<Value>,
    ) {
        let mut shown = Map::new();
        let label = match series.label.as_str() {
            "" => &series.name,
            label => label,
        };
        // In labels of CloudWatch `${…}` is more than text.
        shown.insert("label".to_owned(), json!(label.replace("${", "$ {")));
        if let Some(color) = &series.color {
            shown.insert("color".to_owned(), json!(color));
        }
        let mut metric = vec![json!(self.namespace), json!(series.name)];
        let own = self.dimensions.iter();
        let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain([(CHECK, check), (INSTANCE, host)]) {
            metric.extend([json!(name), json!(value)]);
        }
        match series.factor {
            None => metric.push(Value::Object(shown)),
            Some(factor) => {
                let id = format!("m{index}");
                metric.push(json!({ "id": id, "visible": false }));
                shown.insert("expression".to_owned(), json!(format!("{id} * {factor}")));
                shown.insert("id".to_owned(), json!(format!("e{index}")));
                into.push(json!([shown]));
            }
        }
        into.push(Value::Array(metric));
    }

    fn limits(&self) -> Vec<Value> {
        let of = |label: &str, color: &str, limits: fn(&Series) -> &[f64]| {
            let shown = self.series.iter().filter(|series| !series.is_hidden);
            let scaled = shown.flat_map(|series| {
                let factor = series.factor.unwrap_or(1.0);
                limits(series).iter().map(move |limit| limit * factor)
            });
            let mut values: Vec<f64> = scaled.filter(|limit| limit.is_finite()).collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            values.truncate(LIMITS_MAX);
            let line = |value| json!({ "label": label, "value": value, "color": color });
            values.into_iter().map(line).collect::<Vec<Value>>()
        };
        let mut lines = of("warning", "#ff9900", |series| &series.warning);
        lines.extend(of("critical", "#d13212", |series| &series.critical));
        lines
    }
}

fn shorten(text: &mut String) {
    if text.len() > TEXT_MAX {
        *text = cut(text, TEXT_MAX).to_owned();
    }
}

/// Whether a text is `#rrggbb`.
pub(super) fn is_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or_default();
    digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datum::{MUNIN, PLUGINS};

    #[test]
    fn a_graph_is_the_properties_of_a_widget() {
        let graph = Graph {
            name: "if_eth0".to_owned(),
            title: "eth0 traffic".to_owned(),
            unit: "bits per second".to_owned(),
            namespace: MUNIN.to_owned(),
            dimensions: BTreeMap::from([("Graph".to_owned(), "if_eth0".to_owned())]),
            low: Some(0.0),
            series: vec![
                Series {
                    name: "down".to_owned(),
                    label: "received ${x}".to_owned(),
                    factor: Some(8.0),
                    warning: vec![100.0],
                    ..Series::default()
                },
                Series {
                    name: "up".to_owned(),
                    is_stacked: true,
                    color: Some("#00cc00".to_owned()),
                    critical: vec![900.0],
                    ..Series::default()
                },
                Series {
                    name: "max".to_owned(),
                    is_hidden: true,
                    warning: vec![1.0],
                    ..Series::default()
                },
            ],
            ..Graph::default()
        };
        let expected = json!({
            "title": "eth0 traffic",
            "view": "timeSeries",
            "stacked": true,
            "stat": "Average",
            "period": 300,
            "metrics": [
                [{ "expression": "m0 * 8", "id": "e0", "label": "received $ {x}" }],
                ["Shukuba/Munin", "down", "Graph", "if_eth0", "Check", "net", "InstanceId", "i-1", { "id": "m0", "visible": false }],
                ["Shukuba/Munin", "up", "Graph", "if_eth0", "Check", "net", "InstanceId", "i-1", { "label": "up", "color": "#00cc00" }],
            ],
            "yAxis": { "left": { "label": "bits per second", "showUnits": false, "min": 0.0 } },
            "annotations": { "horizontal": [
                { "label": "warning", "value": 800.0, "color": "#ff9900" },
                { "label": "critical", "value": 900.0, "color": "#d13212" },
            ] },
        });
        assert_eq!(graph.properties("i-1", "net"), expected);
    }

    #[test]
    fn what_has_no_graph_gets_one_for_each_unit() {
        let metric = |name: &str, unit| Measured::new(PLUGINS, name, unit, 1.0).with(CHECK, "disk");
        let metrics = [
            metric("/", Unit::Bytes),
            metric("time", Unit::Milliseconds),
            metric("/home", Unit::Bytes),
        ];
        let graphs = Graph::of_metrics("disk", &metrics);
        let shown: Vec<_> = graphs
            .iter()
            .map(|graph| (graph.name.as_str(), graph.unit.as_str(), graph.series.len()))
            .collect();
        assert_eq!(
            shown,
            [("disk-1", "Bytes", 2), ("disk-2", "Milliseconds", 1)]
        );
        assert!(graphs[0].dimensions.is_empty());
    }

    #[test]
    fn what_others_send_is_bounded() {
        let long = "あ".repeat(1000);
        let graph = Graph {
            name: long.clone(),
            low: Some(f64::NAN),
            series: vec![
                Series {
                    label: long.clone(),
                    color: Some("red\"".to_owned()),
                    warning: vec![f64::INFINITY, 1.0],
                    ..Series::default()
                };
                SERIES_MAX + 1
            ],
            ..Graph::default()
        };
        let graph = graph.bounded();
        assert_eq!((graph.name.len(), graph.series.len()), (255, SERIES_MAX));
        assert_eq!((graph.low, &graph.series[0].color), (None, &None));
        assert_eq!(graph.series[0].warning, [1.0]);
    }
}
