//! Metrics of all hosts with some tags: a graph for each metric, and for each value of what splits them.
//!
//! Source: CloudWatch API Reference, "Dashboard Body Structure and Syntax", explorer widget.
//!
//! Of the same key any value counts, of different keys all must. Instances are known here, other resources are not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::metric::{Graph, METRICS_MAX};
use super::{Content, Kind, by_fields};
use crate::dashboard::check::{Fields, Is};
use crate::dashboard::read;
use crate::dashboard::row::{Row, Side, Source};
use crate::metric::{Dimension, Identity, Statistic};

/// Instances, as `resourceType` calls them.
pub const INSTANCES: &str = "AWS::EC2::Instance";
/// Metrics, and tags, of one widget. Chosen: AWS's bound is not known.
const ITEMS_MAX: usize = 100;
/// Graphs of one widget. Chosen: more are not read.
const GRAPHS_MAX: usize = 500;
/// Graphs beside one another where the widget says nothing. Chosen.
const COLUMNS: u32 = 2;
/// The most that it may say. Chosen.
const COLUMNS_MAX: u32 = 24;
/// Stands for the value of a key that a host does not have.
const NO_VALUE: &str = "-";

pub(super) const KIND: Kind = Kind {
    name: "explorer",
    check: |report, path, properties| by_fields(report, path, properties, &FIELDS),
    read: |properties| Content::Explorer(Box::new(Explorer::of(properties))),
};

static FIELDS: Fields = Fields {
    known: &[
        ("metrics", list(&Is::Fields(&METRIC))),
        ("labels", list(&Is::Fields(&LABEL))),
        ("aggregateBy", Is::Fields(&AGGREGATE)),
        ("splitBy", Is::Text),
        ("widgetOptions", Is::Fields(&OPTIONS)),
        ("period", Is::Number),
        ("title", Is::Text),
        ("region", Is::Text),
    ],
    required: &["metrics", "labels"],
};

static METRIC: Fields = Fields {
    known: &[
        ("metricName", Is::Text),
        ("resourceType", Is::Text),
        ("stat", Is::Text),
    ],
    required: &["metricName", "resourceType"],
};

static LABEL: Fields = Fields {
    known: &[("key", Is::Text), ("value", Is::Text)],
    required: &["key"],
};

static AGGREGATE: Fields = Fields {
    known: &[
        ("key", Is::Text),
        ("func", Is::OneOf(&["AVG", "MAX", "MIN", "SUM"])),
    ],
    required: &["key", "func"],
};

static OPTIONS: Fields = Fields {
    known: &[
        ("view", Is::OneOf(&["timeSeries", "bar", "pie"])),
        ("stacked", Is::Flag),
        ("legend", Is::Any),
        ("rowsPerPage", Is::Number),
        ("widgetsPerRow", Is::Number),
    ],
    required: &[],
};

const fn list(items: &'static Is) -> Is {
    Is::List {
        items,
        min: 0,
        max: ITEMS_MAX,
    }
}

/// A host, as widgets choose it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Its id, by which its metrics know it.
    pub id: String,
    /// Its properties, such as `AvailabilityZone`, and its tags, which stand over them.
    pub tags: BTreeMap<String, String>,
}

impl Host {
    /// What people read: its Name, or its id.
    fn name(&self) -> &str {
        let name = self.tags.get("Name").filter(|name| !name.is_empty());
        name.unwrap_or(&self.id)
    }

    fn value(&self, key: &str) -> &str {
        self.tags.get(key).map_or(NO_VALUE, String::as_str)
    }
}

/// An explorer widget.
#[derive(Clone, Debug, PartialEq)]
pub struct Explorer {
    /// What stands over it.
    pub title: String,
    /// How many graphs stand beside one another.
    pub columns: u32,
    metrics: Vec<Measured>,
    /// The values that are wanted of each key; any where there are none.
    labels: BTreeMap<String, BTreeSet<String>>,
    aggregate: Option<Aggregate>,
    split_by: Option<String>,
    /// What all graphs look like.
    look: Graph,
}

#[derive(Clone, Debug, PartialEq)]
struct Measured {
    name: String,
    kind: String,
    statistic: Statistic,
}

/// Hosts with the same value of a tag are one line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Aggregate {
    key: String,
    /// A function of metric math.
    function: String,
}

impl Explorer {
    fn of(properties: &Value) -> Self {
        let list = |name| read::list(properties, name).iter().take(ITEMS_MAX);
        let mut options = match properties.get("widgetOptions") {
            Some(Value::Object(options)) => options.clone(),
            _ => Map::new(),
        };
        let columns = options.get("widgetsPerRow").and_then(Value::as_u64);
        let columns = columns.and_then(|columns| u32::try_from(columns).ok());
        if let Some(period) = properties.get("period") {
            options.insert("period".to_owned(), period.clone());
        }
        Self {
            title: read::text(properties, "title").unwrap_or_default(),
            columns: columns.unwrap_or(COLUMNS).clamp(1, COLUMNS_MAX),
            metrics: list("metrics").filter_map(measured).collect(),
            labels: labels(list("labels")),
            aggregate: properties.get("aggregateBy").and_then(aggregate),
            split_by: read::text(properties, "splitBy").filter(|key| !key.is_empty()),
            look: Graph::of(&Value::Object(options)),
        }
    }

    /// Of its resources those that nobody knows here.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        let mut kinds = self.metrics.iter().map(|metric| metric.kind.as_str());
        kinds.find(|kind| *kind != INSTANCES)
    }

    /// Its graphs of these hosts; none where no host has the tags.
    #[must_use]
    pub fn graphs(&self, hosts: &[Host]) -> Vec<Graph> {
        let mut hosts: Vec<_> = hosts.iter().filter(|host| self.admits(host)).collect();
        hosts.sort_by_key(|host| (host.name(), &host.id));
        let mut parts: BTreeMap<Option<&str>, Vec<&Host>> = BTreeMap::new();
        for host in hosts {
            let part = self.split_by.as_deref().map(|key| host.value(key));
            parts.entry(part).or_default().push(host);
        }
        let graphs = parts.iter().flat_map(|(part, hosts)| {
            let of = |metric: &Measured| self.graph(metric, *part, hosts);
            self.metrics.iter().map(of).collect::<Vec<_>>()
        });
        graphs.take(GRAPHS_MAX).collect()
    }

    fn admits(&self, host: &Host) -> bool {
        self.labels.iter().all(|(key, values)| {
            let value = host.tags.get(key);
            value.is_some_and(|value| values.is_empty() || values.contains(value))
        })
    }

    fn graph(&self, metric: &Measured, part: Option<&str>, hosts: &[&Host]) -> Graph {
        let title = format!("{} ({})", metric.name, metric.statistic);
        let rows = match &self.aggregate {
            None => hosts.iter().map(|host| line(metric, host)).collect(),
            Some(aggregate) => aggregated(metric, hosts, aggregate),
        };
        Graph {
            title: match part {
                None => title,
                Some(value) => format!("{value}: {title}"),
            },
            rows: rows.into_iter().take(METRICS_MAX).collect(),
            statistic: metric.statistic,
            ..self.look.clone()
        }
    }
}

fn measured(value: &Value) -> Option<Measured> {
    let statistic = read::text(value, "stat").and_then(|it| it.parse().ok());
    Some(Measured {
        name: read::text(value, "metricName")?,
        kind: read::text(value, "resourceType")?,
        statistic: statistic.unwrap_or(Statistic::Average),
    })
}

fn labels<'a>(list: impl Iterator<Item = &'a Value>) -> BTreeMap<String, BTreeSet<String>> {
    let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for label in list {
        let Some(key) = read::text(label, "key") else {
            continue;
        };
        let values = labels.entry(key).or_default();
        values.extend(read::text(label, "value"));
    }
    labels
}

fn aggregate(value: &Value) -> Option<Aggregate> {
    Some(Aggregate {
        key: read::text(value, "key")?,
        function: read::text(value, "func")?,
    })
}

fn line(metric: &Measured, host: &Host) -> Row {
    Row {
        source: Source::Metric(identity(metric, host)),
        id: None,
        label: Some(host.name().to_owned()),
        statistic: None,
        period_secs: None,
        colour: None,
        side: Side::Left,
        is_visible: true,
    }
}

/// EC2's own metrics begin with a capital letter, those of the CloudWatch agent on the host do not.
fn identity(metric: &Measured, host: &Host) -> Identity {
    let is_own = metric.name.starts_with(|first: char| first.is_uppercase());
    let namespace = if is_own { "AWS/EC2" } else { "CWAgent" };
    let dimensions = vec![Dimension::new("InstanceId", &host.id)];
    Identity::new(namespace, &metric.name, dimensions)
}

/// A line for each value of a tag. Its hosts stand before it, unseen. What would be too many hosts is left out with its line, so that
/// no line is of a part of its hosts.
fn aggregated(metric: &Measured, hosts: &[&Host], by: &Aggregate) -> Vec<Row> {
    let mut groups: BTreeMap<&str, Vec<&Host>> = BTreeMap::new();
    for host in hosts {
        groups.entry(host.value(&by.key)).or_default().push(host);
    }
    let mut rows = Vec::new();
    for (value, hosts) in groups {
        if rows.len() + hosts.len() >= METRICS_MAX {
            break;
        }
        let first = rows.len();
        let ids: Vec<_> = (first..first + hosts.len())
            .map(|n| format!("h{n}"))
            .collect();
        rows.extend(hosts.iter().zip(&ids).map(|(host, id)| Row {
            id: Some(id.clone()),
            is_visible: false,
            ..line(metric, host)
        }));
        rows.extend(hosts.first().map(|host| Row {
            source: Source::Expression(format!("{}([{}])", by.function, ids.join(","))),
            label: Some(value.to_owned()),
            ..line(metric, host)
        }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hosts() -> Vec<Host> {
        let host = |id: &str, tags: &[(&str, &str)]| Host {
            id: id.to_owned(),
            tags: tags
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        };
        vec![
            host("i-1", &[("Name", "web-1"), ("Team", "ads"), ("Zone", "a")]),
            host("i-2", &[("Name", "web-2"), ("Team", "ads"), ("Zone", "b")]),
            host("i-3", &[("Team", "web"), ("Zone", "b")]),
            host("i-4", &[("Name", "db"), ("Team", "db")]),
        ]
    }

    fn shown(properties: Value) -> Vec<(String, Vec<String>)> {
        let mut whole = json!({"metrics": [{"metricName": "CPUUtilization", "resourceType": INSTANCES}], "labels": []});
        whole
            .as_object_mut()
            .unwrap()
            .extend(properties.as_object().unwrap().clone());
        let row = |row: Row| match (&row.source, row.is_visible) {
            (Source::Expression(text), true) => format!("{} = {text}", row.label.unwrap()),
            (Source::Metric(identity), is_visible) => format!(
                "{}{} {}",
                if is_visible { "" } else { "unseen " },
                row.label.unwrap(),
                identity.dimension("InstanceId").unwrap()
            ),
            other => panic!("{other:?}"),
        };
        let graphs = Explorer::of(&whole).graphs(&hosts()).into_iter();
        let graphs = graphs.map(|graph| (graph.title, graph.rows.into_iter().map(row).collect()));
        graphs.collect()
    }

    fn labels(pairs: &[(&str, Option<&str>)]) -> Value {
        let label = |(key, value): &(&str, Option<&str>)| match value {
            Some(value) => json!({"key": key, "value": value}),
            None => json!({"key": key}),
        };
        pairs.iter().map(label).collect()
    }

    #[test]
    fn of_one_key_any_value_counts_and_of_two_both_must() {
        let names = |pairs: &[(&str, Option<&str>)]| {
            let mut graphs = shown(json!({"labels": labels(pairs)}));
            graphs.pop().map(|(_, rows)| rows).unwrap_or_default()
        };
        let team = ("Team", Some("ads"));
        assert_eq!(names(&[team]), ["web-1 i-1", "web-2 i-2"]);
        assert_eq!(
            names(&[team, ("Team", Some("web"))]),
            ["i-3 i-3", "web-1 i-1", "web-2 i-2"]
        );
        assert_eq!(names(&[team, ("Zone", Some("b"))]), ["web-2 i-2"]);
        assert_eq!(names(&[("Zone", None), team]).len(), 2);
        assert_eq!(names(&[]).len(), 4);
        assert!(names(&[("Team", Some("Ads"))]).is_empty());
    }

    #[test]
    fn each_metric_and_each_part_is_a_graph() {
        let metric = |name: &str, stat: &str| json!({"metricName": name, "resourceType": INSTANCES, "stat": stat});
        let graphs = shown(
            json!({"metrics": [metric("CPUUtilization", "Maximum"), metric("mem_used_percent", "p90")], "splitBy": "Zone"}),
        );
        let titles = graphs
            .iter()
            .map(|(title, rows)| (title.as_str(), rows.len()));
        assert_eq!(
            titles.collect::<Vec<_>>(),
            [
                ("-: CPUUtilization (Maximum)", 1),
                ("-: mem_used_percent (p90)", 1),
                ("a: CPUUtilization (Maximum)", 1),
                ("a: mem_used_percent (p90)", 1),
                ("b: CPUUtilization (Maximum)", 2),
                ("b: mem_used_percent (p90)", 2),
            ]
        );
    }

    #[test]
    fn hosts_of_one_value_are_one_line() {
        let graphs = shown(json!({"aggregateBy": {"key": "Zone", "func": "MAX"}}));
        let rows = &graphs[0].1;
        assert_eq!(
            rows[..],
            [
                "unseen db i-4",
                "- = MAX([h0])",
                "unseen web-1 i-1",
                "a = MAX([h2])",
                "unseen i-3 i-3",
                "unseen web-2 i-2",
                "b = MAX([h4,h5])",
            ]
        );
    }

    #[test]
    fn no_line_is_of_a_part_of_its_hosts() {
        let host = |n: usize| Host {
            id: format!("i-{n}"),
            tags: [("Zone".to_owned(), (n / 300).to_string())].into(),
        };
        let hosts: Vec<_> = (0..700).map(host).collect();
        let explorer = Explorer::of(
            &json!({"metrics": [{"metricName": "CPUUtilization", "resourceType": INSTANCES}], "labels": [],
                "aggregateBy": {"key": "Zone", "func": "AVG"}}),
        );
        let rows = explorer.graphs(&hosts).remove(0).rows;
        assert_eq!(rows.iter().filter(|row| row.is_visible).count(), 1);
        assert_eq!(rows.len(), 301);
        let plain = Explorer {
            aggregate: None,
            ..explorer
        };
        assert_eq!(plain.graphs(&hosts)[0].rows.len(), METRICS_MAX);
    }

    #[test]
    fn what_is_no_instance_is_said() {
        let explorer = |kind: &str| {
            Explorer::of(
                &json!({"metrics": [{"metricName": "M", "resourceType": kind}], "labels": []}),
            )
        };
        assert_eq!(explorer(INSTANCES).unknown(), None);
        assert_eq!(
            explorer("AWS::RDS::DBInstance").unknown(),
            Some("AWS::RDS::DBInstance")
        );
    }
}
