//! The output of Mackerel's metric plugins.
//!
//! # Format
//!
//! A line for each value, its parts separated by tabs (or spaces): name, value, seconds since 1970. Run with
//! `MACKEREL_AGENT_PLUGIN_META=1` a plugin writes a head and JSON that describes its graphs:
//!
//! ```text
//! memcached.cmd.cmd_get  12.5  1790000000
//!
//! # mackerel-agent-plugin
//! {"graphs":{"memcached.cmd":{"label":"Command","unit":"integer","metrics":[{"name":"cmd_get","label":"Get"}]}}}
//! ```
//!
//! A part of a name that is `#` or `*` stands for any one part. Source: mackerel.io, "Adding custom metrics".

use std::collections::BTreeMap;

use base::Timestamp;
use serde::Deserialize;

use super::graph::{GRAPHS_MAX, SERIES_MAX};
use super::{Graph, Series, VALUES_MAX};
use crate::datum::{MACKEREL, Measured, Unit};

/// The first line of what describes the graphs.
const HEAD: &str = "# mackerel-agent-plugin";

/// The values of an output, and how many lines are none. `graphs` say in which unit they are.
#[must_use]
pub fn values(output: &str, graphs: &[Graph]) -> (Vec<Measured>, usize) {
    let (mut values, mut unread) = (Vec::new(), 0);
    for line in output.lines().filter(|line| !line.trim().is_empty()) {
        match line_of(line).filter(|_| values.len() < VALUES_MAX) {
            Some((name, value, at)) => {
                let mut measured = Measured::new(MACKEREL, name, unit_of(name, graphs), value);
                measured.at = Some(at);
                values.push(measured);
            }
            None => unread += 1,
        }
    }
    (values, unread)
}

fn line_of(line: &str) -> Option<(&str, f64, Timestamp)> {
    let mut parts = line.split_whitespace();
    let (name, value, at) = (parts.next()?, parts.next()?, parts.next()?);
    let value = value
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())?;
    let at = at
        .parse::<f64>()
        .ok()
        .filter(|at| (0.0..1e11).contains(at))?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let is_right = name.bytes().all(is_name) && parts.next().is_none();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 1e11, above"
    )]
    is_right.then_some((name, value, Timestamp::from_millis((at * 1000.0) as u64)))
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    graphs: BTreeMap<String, MetaGraph>,
}

#[derive(Deserialize)]
struct MetaGraph {
    #[serde(default)]
    label: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    metrics: Vec<MetaMetric>,
}

#[derive(Deserialize)]
struct MetaMetric {
    name: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    stacked: bool,
}

/// What a plugin says of its graphs. Empty for a plugin that does not.
#[must_use]
pub fn graphs(output: &str) -> Vec<Graph> {
    let Some((_, json)) = output.split_once(HEAD) else {
        return Vec::new();
    };
    let Ok(meta) = serde_json::from_str::<Meta>(json.trim()) else {
        return Vec::new();
    };
    let graph = |(name, graph): (String, MetaGraph)| {
        let series = graph.metrics.into_iter().map(|metric| Series {
            name: format!("{name}.{}", metric.name),
            label: metric.label,
            is_stacked: metric.stacked,
            ..Series::default()
        });
        Graph {
            title: graph.label,
            unit: graph.unit,
            series: series.take(VALUES_MAX).collect(),
            namespace: MACKEREL.to_owned(),
            name,
            ..Graph::default()
        }
    };
    meta.graphs
        .into_iter()
        .take(VALUES_MAX)
        .map(graph)
        .collect()
}

/// The graphs of these values: where a name has parts that stand for any, one graph for each that `#` stood for and a line for each
/// value, at most [`GRAPHS_MAX`] of [`SERIES_MAX`]. `%1` in a label is what the first of those parts stood for.
#[must_use]
pub fn drawn(graphs: &[Graph], values: &[Measured]) -> Vec<Graph> {
    let mut drawn: BTreeMap<String, Graph> = BTreeMap::new();
    for graph in graphs {
        for series in &graph.series {
            for value in values {
                let Some(stood) = stood_for(&value.name, &series.name) else {
                    continue;
                };
                let depth = graph.name.split('.').count();
                let parts: Vec<&str> = value.name.split('.').take(depth).collect();
                let name = parts.join(".");
                if drawn.len() >= GRAPHS_MAX && !drawn.contains_key(&name) {
                    continue;
                }
                let into = drawn.entry(name.clone()).or_insert_with(|| Graph {
                    title: filled(&graph.title, &stood),
                    series: Vec::new(),
                    name,
                    ..graph.clone()
                });
                let is_new = || into.series.iter().all(|known| known.name != value.name);
                if into.series.len() < SERIES_MAX && is_new() {
                    into.series.push(Series {
                        name: value.name.clone(),
                        label: filled(&series.label, &stood),
                        ..series.clone()
                    });
                }
            }
        }
    }
    drawn.into_values().collect()
}

fn filled(label: &str, stood: &[&str]) -> String {
    let numbered = (1..).zip(stood);
    numbered.fold(label.to_owned(), |label, (number, part)| {
        let number: usize = number;
        label.replace(&format!("%{number}"), part)
    })
}

fn unit_of(name: &str, graphs: &[Graph]) -> Unit {
    let has = |graph: &&Graph| {
        graph
            .series
            .iter()
            .any(|series| is_named(name, &series.name))
    };
    match graphs.iter().find(has).map(|graph| graph.unit.as_str()) {
        Some("percentage") => Unit::Percent,
        Some("seconds") => Unit::Seconds,
        Some("milliseconds") => Unit::Milliseconds,
        Some("bytes") => Unit::Bytes,
        Some("bytes/sec") => Unit::BytesPerSecond,
        Some("bits/sec") => Unit::BitsPerSecond,
        Some("iops") => Unit::CountPerSecond,
        _ => Unit::None,
    }
}

fn is_named(name: &str, pattern: &str) -> bool {
    stood_for(name, pattern).is_some()
}

/// What the parts of `pattern` that stand for any stand for in `name`; none where it is another name.
fn stood_for<'a>(name: &'a str, pattern: &str) -> Option<Vec<&'a str>> {
    let (mut names, mut patterns) = (name.split('.'), pattern.split('.'));
    let mut stood = Vec::new();
    loop {
        match (names.next(), patterns.next()) {
            (None, None) => return Some(stood),
            (Some(part), Some("#" | "*")) => stood.push(part),
            (Some(part), Some(wanted)) if part == wanted => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r##"# mackerel-agent-plugin
{"graphs":{"memcached.cmd":{"label":"Command","unit":"integer","metrics":[{"name":"cmd_get","label":"Get"}]},
"disk.#":{"label":"Disk","unit":"bytes/sec","metrics":[{"name":"*","label":"%1","stacked":true}]}}}"##;

    #[test]
    fn values_come_with_the_units_of_their_graphs() {
        let graphs = graphs(META);
        let (values, unread) = values(
            "memcached.cmd.cmd_get\t12.5\t1790000000\ndisk.sda.read\t4096\t1790000001\nrubbish\nx\ty\tz\na b c d\n",
            &graphs,
        );
        assert_eq!(unread, 3);
        let read: Vec<_> = values
            .iter()
            .map(|value| (value.name.as_str(), value.value, value.unit))
            .collect();
        assert_eq!(
            read,
            [
                ("memcached.cmd.cmd_get", 12.5, Unit::None),
                ("disk.sda.read", 4096.0, Unit::BytesPerSecond)
            ]
        );
        assert_eq!(values[0].at, Some(Timestamp::from_secs(1_790_000_000)));
        assert!(graphs[0].series[0].is_stacked);
        assert_eq!(graphs[1].title, "Command");
    }

    #[test]
    fn parts_that_stand_for_any_become_graphs_and_lines() {
        let (values, _) = values(
            "disk.sda.read\t1\t1790000000\ndisk.sda.write\t2\t1790000000\ndisk.sdb.read\t3\t1790000000\nmemcached.cmd.cmd_get\t1\t1790000000\nother\t1\t1790000000\n",
            &[],
        );
        let shown: Vec<_> = drawn(&graphs(META), &values)
            .into_iter()
            .map(|graph| {
                let lines = graph.series.iter();
                let lines = lines.map(|line| format!("{}={}", line.name, line.label));
                (graph.name, graph.title, lines.collect::<Vec<_>>().join(" "))
            })
            .collect();
        let expected = [
            ("disk.sda", "Disk", "disk.sda.read=sda disk.sda.write=sda"),
            ("disk.sdb", "Disk", "disk.sdb.read=sdb"),
            ("memcached.cmd", "Command", "memcached.cmd.cmd_get=Get"),
        ];
        let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_plugin_without_meta_has_no_graphs() {
        assert_eq!(graphs("a\t1\t2"), []);
        assert_eq!(graphs("# mackerel-agent-plugin\nnonsense"), []);
    }

    proptest::proptest! {
        #[test]
        fn no_output_makes_it_panic(text in "[ -~\\t\\n]{0,300}") {
            let known = graphs(&format!("{HEAD}\n{text}"));
            let (read, _) = values(&text, &known);
            let _ = drawn(&known, &read);
        }
    }
}
