//! Counts and measurements of this process, as Prometheus text.
//!
//! INVARIANT: at most [`SERIES_LIMIT`] series exist, and one more for each metric of the program's own: what comes after is
//! counted there, all its dimensions `(other)`, so that no caller can fill the memory with names.
//!
//! Source: Prometheus text exposition format 0.0.4.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{HISTOGRAM_BOUNDS as BOUNDS, MetricSink};
use parking_lot::{Mutex, RwLock};

/// The most series of a process, those of `(other)` aside. Chosen: 10,000 take about 4 MB.
pub const SERIES_LIMIT: usize = 10_000;

/// Takes counts from the whole process and shows them.
pub struct Registry {
    hasher: foldhash::fast::RandomState,
    series: RwLock<HashMap<u64, Vec<Arc<Series>>, foldhash::fast::RandomState>>,
    count: AtomicU64,
    gauges: Mutex<Vec<Gauge>>,
    help: RwLock<&'static [Help]>,
}

/// The name of a metric in the text, and what it says.
pub type Help = (&'static str, &'static str);

/// Reads one or more gauges at the moment of asking.
type Gauge = Box<dyn Fn(&mut GaugeWriter<'_>) + Send + Sync>;

/// What a series shows at one moment: all of it since the process began.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Such as `AWS/SQS`.
    pub namespace: &'static str,
    /// Such as `NumberOfMessagesSent`.
    pub name: &'static str,
    /// Names and values.
    pub dimensions: Vec<(&'static str, String)>,
    /// The sum of a counter, or of all measurements.
    pub sum: f64,
    /// How many measurements lie in each bucket of [`HISTOGRAM_BOUNDS`](base::HISTOGRAM_BOUNDS), and beyond the last one;
    /// none where it is a counter.
    pub buckets: Option<Vec<u64>>,
}

#[derive(Debug)]
struct Series {
    namespace: &'static str,
    name: &'static str,
    dimensions: Vec<(&'static str, String)>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Counter(AtomicF64),
    Histogram {
        buckets: [AtomicU64; BOUNDS.len()],
        count: AtomicU64,
        sum: AtomicF64,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Counter,
    Histogram,
}

/// A sum that many threads add to.
#[derive(Debug, Default)]
struct AtomicF64(AtomicU64);

impl AtomicF64 {
    fn add(&self, value: f64) {
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // The function never answers `None`, so this never fails.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Value {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter(AtomicF64::default()),
            Kind::Histogram => Self::Histogram {
                buckets: std::array::from_fn(|_| AtomicU64::new(0)),
                count: AtomicU64::new(0),
                sum: AtomicF64::default(),
            },
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Histogram { .. } => Kind::Histogram,
        }
    }

    /// Takes `times` measurements of `value`; a counter takes one.
    #[expect(
        clippy::cast_precision_loss,
        reason = "measurements of some seconds, far below 2^53"
    )]
    fn take(&self, value: f64, times: u64) {
        match self {
            Self::Counter(sum) => sum.add(value),
            Self::Histogram {
                buckets,
                count,
                sum,
            } => {
                let place = BOUNDS.partition_point(|bound| *bound < value);
                if let Some(bucket) = buckets.get(place) {
                    bucket.fetch_add(times, Ordering::Relaxed);
                }
                count.fetch_add(times, Ordering::Relaxed);
                sum.add(value * times as f64);
            }
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            hasher: foldhash::fast::RandomState::default(),
            series: RwLock::default(),
            count: AtomicU64::new(0),
            gauges: Mutex::default(),
            help: RwLock::default(),
        }
    }
}

impl Registry {
    /// A registry without series.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds gauges that are read whenever the text is asked for. Must be quick.
    pub fn gauges(&self, read: impl Fn(&mut GaugeWriter<'_>) + Send + Sync + 'static) {
        self.gauges.lock().push(Box::new(read));
    }

    /// Says what metrics mean, for the lines `# HELP`.
    pub fn describe(&self, help: &'static [Help]) {
        *self.help.write() = help;
    }

    /// What each series shows now, in no order.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let all: Vec<Arc<Series>> = self.series.read().values().flatten().cloned().collect();
        all.iter().map(|series| series.reading()).collect()
    }

    /// All series as Prometheus text, sorted.
    #[must_use]
    pub fn text(&self) -> String {
        let mut all: Vec<Arc<Series>> = self.series.read().values().flatten().cloned().collect();
        all.sort_by(|a, b| {
            (a.namespace, a.name, &a.dimensions).cmp(&(b.namespace, b.name, &b.dimensions))
        });
        let help = *self.help.read();
        let mut text = String::with_capacity(256 * all.len());
        let mut last = String::new();
        for series in &all {
            let name = series.text_name();
            if name != last {
                let kind = if series.value.kind() == Kind::Counter {
                    "counter"
                } else {
                    "histogram"
                };
                let otherwise = format!("{} of {}", series.name, series.namespace);
                push_head(&mut text, help, (&name, &otherwise), kind);
            }
            series.write(&name, &mut text);
            last = name;
        }
        let mut writer = GaugeWriter {
            text: &mut text,
            help,
            last: String::new(),
        };
        for read in self.gauges.lock().iter() {
            read(&mut writer);
        }
        text
    }

    fn take(
        &self,
        kind: Kind,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        (value, times): (f64, u64),
    ) {
        let hash = self.hash(kind, namespace, name, dimensions);
        let is_wanted = |series: &&Arc<Series>| series.is(kind, namespace, name, dimensions);
        if let Some(found) = self
            .series
            .read()
            .get(&hash)
            .and_then(|same| same.iter().find(is_wanted))
        {
            found.value.take(value, times);
            return;
        }
        self.take_new(kind, namespace, name, dimensions, (value, times));
    }

    fn take_new(
        &self,
        kind: Kind,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        (value, times): (f64, u64),
    ) {
        let mut series = self.series.write();
        let is_full = self.count.load(Ordering::Relaxed) >= SERIES_LIMIT as u64;
        let other: Vec<(&'static str, &str)> = dimensions
            .iter()
            .map(|(key, _)| (*key, "(other)"))
            .collect();
        let dimensions = if is_full {
            other.as_slice()
        } else {
            dimensions
        };
        let same = series
            .entry(self.hash(kind, namespace, name, dimensions))
            .or_default();
        if let Some(found) = same
            .iter()
            .find(|one| one.is(kind, namespace, name, dimensions))
        {
            found.value.take(value, times);
            return;
        }
        let new = Series {
            namespace,
            name,
            dimensions: dimensions
                .iter()
                .map(|(key, value)| (*key, (*value).to_owned()))
                .collect(),
            value: Value::of(kind),
        };
        new.value.take(value, times);
        same.push(Arc::new(new));
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn hash(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        dimensions: &[(&'static str, &str)],
    ) -> u64 {
        self.hasher.hash_one((kind, namespace, name, dimensions))
    }
}

impl MetricSink for Registry {
    fn add(
        &self,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        value: f64,
    ) {
        self.take(Kind::Counter, namespace, name, dimensions, (value, 1));
    }

    fn record(
        &self,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        value: f64,
    ) {
        self.record_many(namespace, name, dimensions, value, 1);
    }

    fn record_many(
        &self,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        value: f64,
        count: u64,
    ) {
        self.take(Kind::Histogram, namespace, name, dimensions, (value, count));
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("series", &self.count)
            .finish_non_exhaustive()
    }
}

impl Series {
    fn is(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        dimensions: &[(&'static str, &str)],
    ) -> bool {
        let is_same = |(mine, theirs): (&(&str, String), &(&str, &str))| {
            mine.0 == theirs.0 && mine.1 == theirs.1
        };
        self.value.kind() == kind
            && self.name == name
            && self.namespace == namespace
            && self.dimensions.len() == dimensions.len()
            && self.dimensions.iter().zip(dimensions).all(is_same)
    }

    fn reading(&self) -> Reading {
        let (sum, buckets) = match &self.value {
            Value::Counter(sum) => (sum.get(), None),
            Value::Histogram {
                buckets,
                count,
                sum,
            } => {
                let mut counts: Vec<u64> = buckets
                    .iter()
                    .map(|bucket| bucket.load(Ordering::Relaxed))
                    .collect();
                let within: u64 = counts.iter().sum();
                counts.push(count.load(Ordering::Relaxed).saturating_sub(within));
                (sum.get(), Some(counts))
            }
        };
        Reading {
            namespace: self.namespace,
            name: self.name,
            dimensions: self.dimensions.clone(),
            sum,
            buckets,
        }
    }

    /// Such as `aws_sqs_number_of_messages_sent_total`.
    fn text_name(&self) -> String {
        let mut name = format!("{}_{}", snake(self.namespace), snake(self.name));
        if self.value.kind() == Kind::Counter && !name.ends_with("_total") {
            name.push_str("_total");
        }
        name
    }

    fn write(&self, name: &str, text: &mut String) {
        let dimensions: Vec<(&str, &str)> = self
            .dimensions
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        match &self.value {
            Value::Counter(sum) => push_sample(text, name, &dimensions, sum.get()),
            Value::Histogram {
                buckets,
                count,
                sum,
            } => {
                let mut below = 0;
                let bucket_name = format!("{name}_bucket");
                for (bound, bucket) in BOUNDS.iter().zip(buckets) {
                    below += bucket.load(Ordering::Relaxed);
                    push_bucket(text, &bucket_name, &dimensions, &bound.to_string(), below);
                }
                let count = count.load(Ordering::Relaxed);
                push_bucket(text, &bucket_name, &dimensions, "+Inf", count);
                push_sample(text, &format!("{name}_sum"), &dimensions, sum.get());
                push_line(
                    text,
                    format_args!("{name}_count{} {count}", labels(&dimensions)),
                );
            }
        }
    }
}

/// Writes gauges into the text.
#[derive(Debug)]
pub struct GaugeWriter<'a> {
    text: &'a mut String,
    help: &'static [Help],
    /// The name of the value before.
    last: String,
}

impl GaugeWriter<'_> {
    /// Writes one gauge, such as `shukuba_backlog{queue="s2s"} 12`.
    ///
    /// Write all values of one `name` one after the other.
    pub fn gauge(&mut self, name: &str, dimensions: &[(&str, &str)], value: f64) {
        if self.last != name {
            push_head(
                self.text,
                self.help,
                (name, &name.replace('_', " ")),
                "gauge",
            );
            name.clone_into(&mut self.last);
        }
        push_sample(self.text, name, dimensions, value);
    }
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = text.write_fmt(line);
    text.push('\n');
}

/// The head of a metric. `otherwise`: what its help says where nobody has described it; `promtool check metrics` wants some.
fn push_head(text: &mut String, help: &[Help], (name, otherwise): (&str, &str), kind: &str) {
    let known = help.iter().find(|(known, _)| *known == name);
    let help = known.map_or(otherwise, |(_, help)| help);
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    push_line(text, format_args!("# HELP {name} {help}"));
    push_line(text, format_args!("# TYPE {name} {kind}"));
}

fn push_sample(text: &mut String, name: &str, dimensions: &[(&str, &str)], value: f64) {
    push_line(text, format_args!("{name}{} {value}", labels(dimensions)));
}

fn push_bucket(
    text: &mut String,
    name: &str,
    dimensions: &[(&str, &str)],
    bound: &str,
    count: u64,
) {
    let mut with_bound = dimensions.to_vec();
    with_bound.push(("le", bound));
    push_line(text, format_args!("{name}{} {count}", labels(&with_bound)));
}

fn labels(dimensions: &[(&str, &str)]) -> String {
    if dimensions.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = dimensions
        .iter()
        .map(|(key, value)| format!("{}=\"{}\"", snake(key), escaped(value)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// `AWS/SQS` becomes `aws_sqs`, `NumberOfMessagesSent` becomes `number_of_messages_sent`.
fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 8);
    let mut was_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && was_lower {
            text.push('_');
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        text.push(if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_histograms_are_shown_as_prometheus_reads_them() {
        let registry = Registry::new();
        registry.add(
            "AWS/SQS",
            "NumberOfMessagesSent",
            &[("QueueName", "a\"b")],
            2.0,
        );
        registry.add(
            "AWS/SQS",
            "NumberOfMessagesSent",
            &[("QueueName", "a\"b")],
            3.0,
        );
        registry.record("shukuba", "call_seconds", &[], 0.003);
        registry.record("shukuba", "call_seconds", &[], 1000.0);
        registry.gauges(|out| {
            out.gauge("shukuba_backlog", &[("queue", "s2s")], 12.0);
            out.gauge("shukuba_backlog", &[("queue", "other")], 3.0);
        });
        registry.describe(&[
            ("shukuba_call_seconds", "How long calls took"),
            ("shukuba_backlog", "What waits\nin \\queues"),
        ]);
        let text = registry.text();
        for line in [
            "# HELP aws_sqs_number_of_messages_sent_total NumberOfMessagesSent of AWS/SQS",
            "# TYPE aws_sqs_number_of_messages_sent_total counter",
            "aws_sqs_number_of_messages_sent_total{queue_name=\"a\\\"b\"} 5",
            "# HELP shukuba_call_seconds How long calls took",
            "# TYPE shukuba_call_seconds histogram",
            "# HELP shukuba_backlog What waits\\nin \\\\queues",
            "shukuba_call_seconds_bucket{le=\"0.0025\"} 0",
            "shukuba_call_seconds_bucket{le=\"0.005\"} 1",
            "shukuba_call_seconds_bucket{le=\"100\"} 1",
            "shukuba_call_seconds_bucket{le=\"+Inf\"} 2",
            "shukuba_call_seconds_sum 1000.003",
            "shukuba_call_seconds_count 2",
            "# TYPE shukuba_backlog gauge",
            "shukuba_backlog{queue=\"s2s\"} 12",
            "shukuba_backlog{queue=\"other\"} 3",
        ] {
            let times = text.lines().filter(|one| *one == line).count();
            assert_eq!(times, 1, "{line} in\n{text}");
        }
    }

    #[test]
    fn many_measurements_at_once_count_as_many() {
        let registry = Registry::new();
        registry.record_many("shukuba", "attempt_seconds", &[], 0.003, 40);
        registry.record_many("shukuba", "attempt_seconds", &[], 0.5, 2);
        let text = registry.text();
        for line in [
            "shukuba_attempt_seconds_bucket{le=\"0.0025\"} 0",
            "shukuba_attempt_seconds_bucket{le=\"0.005\"} 40",
            "shukuba_attempt_seconds_bucket{le=\"0.5\"} 42",
            "shukuba_attempt_seconds_sum 1.12",
            "shukuba_attempt_seconds_count 42",
        ] {
            assert!(
                text.lines().any(|one| one == line),
                "{line} is not in\n{text}"
            );
        }
    }

    #[test]
    fn series_beyond_the_limit_are_counted_together() {
        let registry = Registry::new();
        for index in 0..SERIES_LIMIT + 50 {
            registry.add("shukuba", "calls", &[("queue", &index.to_string())], 1.0);
        }
        let text = registry.text();
        assert_eq!(text.lines().count(), SERIES_LIMIT + 3);
        assert!(
            text.contains("shukuba_calls_total{queue=\"(other)\"} 50"),
            "the rest is in one series"
        );
    }
}
