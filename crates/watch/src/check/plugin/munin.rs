//! The output of Munin plugins.
//!
//! # Format
//!
//! `plugin config` describes the graph, `plugin` gives the values:
//!
//! ```text
//! graph_title Load average          load.value 0.06
//! graph_vlabel load
//! load.label load
//! load.type GAUGE
//! load.warning 10
//! load.critical 120
//! ```
//!
//! What is said of graphs becomes [`Graph`]s. Of `cdef`s only `field,NUMBER,*` and `field,NUMBER,/` are done; a field that is another's
//! `negative` is shown beside it, not below the axis.
//!
//! `multigraph NAME` begins another graph. A GAUGE is what it is; DERIVE, COUNTER and ABSOLUTE become a rate a second. `warning`
//! and `critical` are `max`, `min:`, `:max` or `min:max`. Source: Munin documentation, "Plugin reference", "Advanced plugin".

use std::collections::BTreeMap;

use base::Timestamp;

use super::graph::is_color;
use super::{Graph, Series, VALUES_MAX};
use crate::check::Status;
use crate::check::range::Range;
use crate::datum::{MUNIN, Measured, Unit};

/// The dimension that says which graph.
pub const GRAPH: &str = "Graph";

/// What a plugin says of its graphs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    graphs: BTreeMap<String, Graph>,
    fields: BTreeMap<(String, String), Field>,
    /// Which field is drawn below the axis for which other, by graph.
    negatives: BTreeMap<(String, String), String>,
}

/// One field of a graph.
#[derive(Clone, Debug, Default, PartialEq)]
struct Field {
    kind: Kind,
    min: Option<f64>,
    max: Option<f64>,
    warning: Option<Range>,
    critical: Option<Range>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Gauge,
    Derive,
    Counter,
    Absolute,
}

/// The last raw values, of which rates are made.
#[derive(Clone, Debug, Default)]
pub struct Last(BTreeMap<(String, String), (Timestamp, f64)>);

/// The values of one fetch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    /// The values.
    pub metrics: Vec<Measured>,
    /// Fields that are over their own limits, such as `load.load is 12`, the worst first said.
    pub alerts: Vec<(Status, String)>,
    /// Lines that are no values.
    pub unread: usize,
}

/// Reads what `plugin config` wrote. `name`: the plugin's, which is the first graph's.
#[must_use]
pub fn config(name: &str, output: &str) -> Config {
    let mut config = Config::default();
    let mut graph = name.to_owned();
    for line in output.lines().map(str::trim) {
        let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match key {
            "multigraph" => value.trim().clone_into(&mut graph),
            _ if key.starts_with('#') || key.is_empty() => {}
            _ => config.take(&graph, key, value.trim()),
        }
    }
    config
}

impl Config {
    /// What is known of the graphs.
    #[must_use]
    pub fn graphs(&self) -> Vec<Graph> {
        let mut graphs: Vec<Graph> = self.graphs.values().cloned().collect();
        for graph in &mut graphs {
            self.show_negatives(graph);
        }
        graphs
    }

    /// Fields that are drawn below the axis there are shown as any other here; their labels alone do not tell them apart.
    fn show_negatives(&self, graph: &mut Graph) {
        let pairs: Vec<(&String, &String)> = self
            .negatives
            .iter()
            .filter(|((name, _), _)| *name == graph.name)
            .map(|((_, above), below)| (above, below))
            .collect();
        for series in &mut graph.series {
            let is_below = pairs.iter().any(|(_, below)| **below == series.name);
            let is_above = pairs.iter().any(|(above, _)| **above == series.name);
            if is_below {
                series.is_hidden = false;
            }
            if is_below || is_above {
                series.label = format!("{}: {}", series.name, series.label);
            }
        }
    }

    /// Reads what `plugin` wrote at `at`, after the fetch whose raw values are in `last`.
    #[must_use]
    pub fn fetch(&self, name: &str, output: &str, at: Timestamp, last: &mut Last) -> Fetched {
        let mut fetched = Fetched::default();
        let mut graph = name.to_owned();
        for line in output.lines().map(str::trim) {
            let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            if key == "multigraph" {
                value.trim().clone_into(&mut graph);
            } else if !key.starts_with('#') && !key.is_empty() {
                let taken = fetched.metrics.len() < VALUES_MAX
                    && self.value(&graph, key, value.trim(), at, last, &mut fetched);
                fetched.unread += usize::from(!taken);
            }
        }
        fetched
            .alerts
            .sort_by_key(|(status, _)| std::cmp::Reverse(status.weight()));
        fetched
    }

    fn take(&mut self, graph: &str, key: &str, value: &str) {
        if self.graphs.len() >= VALUES_MAX || self.fields.len() >= VALUES_MAX {
            return;
        }
        let known = self.graphs.entry(graph.to_owned()).or_default();
        if known.name.is_empty() {
            graph.clone_into(&mut known.name);
            MUNIN.clone_into(&mut known.namespace);
            known.dimensions.insert(GRAPH.to_owned(), graph.to_owned());
        }
        let Some((name, attribute)) = key.rsplit_once('.') else {
            match key {
                "graph_title" => value.clone_into(&mut known.title),
                // What is counted is a rate a second here, whatever the plugin asks for.
                "graph_vlabel" => known.unit = value.replace("${graph_period}", "second"),
                "graph_args" => known.low = lower_limit(value),
                // How it is drawn and where it stands is the dashboard's.
                "graph_category" | "graph_info" | "graph_scale" | "graph_order"
                | "graph_printf" | "graph_width" | "graph_height" | "host_name" | "update" => {}
                other => known.ignored.push(other.to_owned()),
            }
            return;
        };
        let field = self
            .fields
            .entry((graph.to_owned(), name.to_owned()))
            .or_default();
        match attribute {
            "label" => series(known, name).label = value.to_owned(),
            "draw" => {
                let stands = matches!(
                    value,
                    "STACK" | "AREASTACK" | "LINESTACK1" | "LINESTACK2" | "LINESTACK3"
                );
                series(known, name).is_stacked = stands;
            }
            "colour" => {
                series(known, name).color = Some(format!("#{value}")).filter(|it| is_color(it))
            }
            "graph" => series(known, name).is_hidden = value == "no",
            "negative" => {
                let pair = (graph.to_owned(), name.to_owned());
                self.negatives.insert(pair, value.to_owned());
            }
            "cdef" => match factor(name, value) {
                Some(factor) => series(known, name).factor = Some(factor),
                None => known.ignored.push(key.to_owned()),
            },
            "type" => field.kind = Kind::of(value),
            "min" => field.min = value.parse().ok(),
            "max" => field.max = value.parse().ok(),
            "warning" => {
                field.warning = limits(value);
                series(known, name).warning = edges(field.warning);
            }
            "critical" => {
                field.critical = limits(value);
                series(known, name).critical = edges(field.critical);
            }
            "info" | "extinfo" | "skipdraw" | "line" | "value" => {}
            _ => known.ignored.push(key.to_owned()),
        }
    }

    fn value(
        &self,
        graph: &str,
        key: &str,
        value: &str,
        at: Timestamp,
        last: &mut Last,
        fetched: &mut Fetched,
    ) -> bool {
        let Some(name) = key.strip_suffix(".value").filter(|name| !name.is_empty()) else {
            return key.ends_with(".extinfo");
        };
        let (at, value) = match value.split_once(':') {
            Some(("N", value)) => (at, value),
            Some((secs, value)) => match secs.parse() {
                Ok(secs) => (Timestamp::from_secs(secs), value),
                Err(_) => return false,
            },
            None => (at, value),
        };
        if value == "U" {
            return true;
        }
        let Some(raw) = value.parse::<f64>().ok().filter(|raw| raw.is_finite()) else {
            return false;
        };
        let id = (graph.to_owned(), name.to_owned());
        let field = self.fields.get(&id).cloned().unwrap_or_default();
        let before = last.0.insert(id, (at, raw));
        let Some(value) = field
            .rate(raw, at, before)
            .filter(|value| field.allows(*value))
        else {
            return true;
        };
        let status = field.judge(value);
        if status != Status::Ok {
            fetched
                .alerts
                .push((status, format!("{graph}.{name} is {value}")));
        }
        let mut measured = Measured::new(MUNIN, name, Unit::None, value).with(GRAPH, graph);
        measured.at = Some(at);
        fetched.metrics.push(measured);
        true
    }
}

fn series<'a>(graph: &'a mut Graph, name: &str) -> &'a mut Series {
    let index = graph.series.iter().position(|series| series.name == name);
    let index = index.unwrap_or_else(|| {
        graph.series.push(Series {
            name: name.to_owned(),
            ..Series::default()
        });
        graph.series.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "found or pushed, above")]
    &mut graph.series[index]
}

/// `max`, `min:`, `:max` or `min:max`; what lies outside alerts.
fn limits(text: &str) -> Option<Range> {
    let (low, high) = text.split_once(':').unwrap_or(("", text));
    let number = |text: &str, open: f64| match text.trim() {
        "" => Some(open),
        text => text.parse::<f64>().ok().filter(|number| number.is_finite()),
    };
    let (low, high) = (
        number(low, f64::NEG_INFINITY)?,
        number(high, f64::INFINITY)?,
    );
    let says_something = low.is_finite() || high.is_finite();
    says_something.then(|| Range::outside(low, high))
}

fn edges(range: Option<Range>) -> Vec<f64> {
    range.map(Range::edges).unwrap_or_default()
}

/// What the values of `name` are multiplied with by `name,NUMBER,*` or `name,NUMBER,/`. Source: RRDtool, rrdgraph_rpn.
fn factor(name: &str, cdef: &str) -> Option<f64> {
    let parts: Vec<&str> = cdef.split(',').map(str::trim).collect();
    let (number, operator) = match parts[..] {
        [of, number, operator] | [number, of, operator @ "*"] if of == name => (number, operator),
        _ => return None,
    };
    let number = number.parse::<f64>().ok()?;
    let factor = match operator {
        "*" => number,
        "/" => 1.0 / number,
        _ => return None,
    };
    factor.is_finite().then_some(factor)
}

/// The `-l NUMBER` of `graph_args`. Source: RRDtool, rrdgraph, `--lower-limit`.
fn lower_limit(args: &str) -> Option<f64> {
    let mut words = args.split_whitespace();
    while let Some(word) = words.next() {
        let value = match word.split_once('=') {
            Some(("--lower-limit", value)) => Some(value),
            None if matches!(word, "-l" | "--lower-limit") => words.next(),
            _ => None,
        };
        if let Some(value) = value {
            return value.parse::<f64>().ok().filter(|low| low.is_finite());
        }
    }
    None
}

impl Kind {
    fn of(text: &str) -> Self {
        match text.to_ascii_uppercase().as_str() {
            "DERIVE" => Self::Derive,
            "COUNTER" => Self::Counter,
            "ABSOLUTE" => Self::Absolute,
            _ => Self::Gauge,
        }
    }
}

impl Field {
    /// The value a second, where it is a rate; none for the first.
    fn rate(&self, raw: f64, at: Timestamp, before: Option<(Timestamp, f64)>) -> Option<f64> {
        if self.kind == Kind::Gauge {
            return Some(raw);
        }
        let (then, last) = before?;
        let secs = at.since(then).as_secs_f64();
        let grown = match self.kind {
            Kind::Absolute => raw,
            Kind::Counter if raw < last => around(raw, last),
            _ => raw - last,
        };
        (secs > 0.0).then(|| grown / secs)
    }

    fn allows(&self, value: f64) -> bool {
        // A DERIVE whose counter was reset is below its minimum, which is why plugins give one.
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }

    fn judge(&self, value: f64) -> Status {
        let alerts = |range: Option<Range>| range.is_some_and(|range| range.alerts(value));
        match (alerts(self.critical), alerts(self.warning)) {
            (true, _) => Status::Critical,
            (false, true) => Status::Warning,
            (false, false) => Status::Ok,
        }
    }
}

/// How much a counter grew that went around, at 32 bits, or at 64. Source: RRDtool, rrdcreate, `COUNTER`.
fn around(raw: f64, last: f64) -> f64 {
    const BITS_32: f64 = 4_294_967_296.0;
    const BITS_64: f64 = 18_446_744_073_709_551_616.0;
    let grown = raw - last + BITS_32;
    match grown < 0.0 {
        true => raw - last + BITS_64,
        false => grown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "graph_title eth0 traffic\ngraph_vlabel bits per second\ngraph_args --base 1000 -l 0\ndown.label received\ndown.type DERIVE\ndown.min 0\ndown.graph no\ndown.cdef down,8,*\nup.label bps\nup.type COUNTER\nup.negative down\nup.sum a b\nup.colour 00cc00\nreset.type ABSOLUTE\nload.label load\nload.draw AREASTACK\nload.warning 5\nload.critical 1:10\nmultigraph other.sub\ngraph_title Other\nx.label x\n";

    fn fetch(config: &Config, last: &mut Last, secs: u64, text: &str) -> Vec<(String, f64)> {
        let fetched = config.fetch("if", text, Timestamp::from_secs(secs), last);
        assert_eq!(fetched.unread, 0);
        let named = |m: Measured| (format!("{}/{}", m.dimensions[GRAPH], m.name), m.value);
        fetched.metrics.into_iter().map(named).collect()
    }

    #[test]
    fn graphs_have_their_titles_lines_and_what_is_not_done() {
        let graphs = config("if", CONFIG).graphs();
        let (first, second) = (&graphs[0], &graphs[1]);
        assert_eq!(
            (
                first.name.as_str(),
                first.title.as_str(),
                first.unit.as_str()
            ),
            ("if", "eth0 traffic", "bits per second")
        );
        assert_eq!(first.ignored, ["up.sum"]);
        assert_eq!(first.low, Some(0.0));
        let line = |name: &str| first.series.iter().find(|it| it.name == name).unwrap();
        let (down, up, load) = (line("down"), line("up"), line("load"));
        assert_eq!(
            (down.label.as_str(), down.factor),
            ("down: received", Some(8.0))
        );
        assert!(
            !down.is_hidden,
            "it is shown beside the field that it is below"
        );
        assert_eq!(
            (up.label.as_str(), up.color.as_deref()),
            ("up: bps", Some("#00cc00"))
        );
        assert_eq!(
            (&load.warning[..], &load.critical[..]),
            (&[5.0][..], &[1.0, 10.0][..])
        );
        assert!(
            first
                .series
                .iter()
                .any(|series| series.name == "load" && series.is_stacked)
        );
        assert_eq!(
            (second.name.as_str(), second.title.as_str()),
            ("other.sub", "Other")
        );
    }

    #[test]
    fn counters_become_rates_and_gauges_stay() {
        let config = config("if", CONFIG);
        let mut last = Last::default();
        let first = fetch(
            &config,
            &mut last,
            100,
            "down.value 1000\nup.value 4294967290\nreset.value 30\nload.value 2\nmultigraph other.sub\nx.value U\n",
        );
        assert_eq!(first, [("if/load".to_owned(), 2.0)]);
        let second = fetch(
            &config,
            &mut last,
            110,
            "down.value 1500\nup.value 4\nreset.value 30\nload.value N:3\nmultigraph other.sub\nx.value 7\n",
        );
        let expected = [
            ("if/down", 50.0),
            ("if/up", 1.0),
            ("if/reset", 3.0),
            ("if/load", 3.0),
            ("other.sub/x", 7.0),
        ];
        assert_eq!(
            second,
            expected.map(|(name, value)| (name.to_owned(), value))
        );
        // After a restart of what counts a DERIVE has no value.
        assert_eq!(fetch(&config, &mut last, 120, "down.value 10\n"), []);
    }

    #[test]
    fn the_plugins_own_limits_alert() {
        let config = config("if", CONFIG);
        for (value, expected) in [
            ("3", vec![]),
            ("6", vec![Status::Warning]),
            ("11", vec![Status::Critical]),
            ("0", vec![Status::Critical]),
        ] {
            let fetched = config.fetch(
                "if",
                &format!("load.value {value}"),
                Timestamp::EPOCH,
                &mut Last::default(),
            );
            let alerts: Vec<_> = fetched
                .alerts
                .into_iter()
                .map(|(status, _)| status)
                .collect();
            assert_eq!(alerts, expected, "{value}");
        }
        assert_eq!(limits(":"), None);
        assert_eq!(factor("a", "a,8,*"), Some(8.0));
        assert_eq!(factor("a", "8,a,*"), Some(8.0));
        assert_eq!(factor("a", "a,4,/"), Some(0.25));
        for cdef in ["a,0,/", "4,a,/", "b,8,*", "a,b,+", "a,8,*,2,+", ""] {
            assert_eq!(factor("a", cdef), None, "{cdef}");
        }
        for (args, low) in [
            ("--base 1000 -l 0", Some(0.0)),
            ("--lower-limit=5 -r", Some(5.0)),
            ("--base 1000", None),
            ("-l", None),
        ] {
            assert_eq!(lower_limit(args), low, "{args}");
        }
        assert!(limits("5:").unwrap().alerts(4.0));
    }

    #[test]
    fn what_is_no_value_is_counted() {
        let fetched = config("if", "").fetch(
            "if",
            "a.value x\nb\nc.value 1\n.value 2\n",
            Timestamp::EPOCH,
            &mut Last::default(),
        );
        assert_eq!((fetched.metrics.len(), fetched.unread), (1, 3));
    }

    proptest::proptest! {
        #[test]
        fn no_output_makes_it_panic(text in "(([a-z]{1,3}\\.(value|type|warning|label|min) )?[ -~]{0,12}\n){0,20}") {
            let config = config("x", &text);
            let mut last = Last::default();
            for second in 0..3 {
                let fetched = config.fetch("x", &text, Timestamp::from_secs(second), &mut last);
                assert!(fetched.metrics.iter().all(|metric| !metric.value.is_nan()));
            }
        }
    }
}
