//! How series are called: labels with `${…}`, and the names of metrics that have no label.
//!
//! ```text
//! [max: ${MAX} of ${PROP('Dim.InstanceId')}]
//! ```
//!
//! Source: CloudWatch User Guide, "Using dynamic labels". How AWS writes numbers and times there is not documented: numbers
//! have at most three digits behind the point, times are `2026-11-29 16:13:25 +0000`, spans `1h 5m`, and what there is not is `--`.

use std::collections::BTreeSet;
use std::fmt::Write;

use base::Timestamp;

use super::plan::Step;
use super::run::Options;
use super::series::Series;
use crate::metric::Stat;

/// Statistics in a label. Source: the guide, "up to five dynamic statistical values".
pub const DYNAMIC_MAX: usize = 5;

/// What stands for a value that there is not.
const NOTHING: &str = "--";

/// A label, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `${LABEL}`.
    Name,
    Dynamic(Dynamic),
    Property(Property),
}

/// What of a series a label says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dynamic {
    Avg,
    DatapointCount,
    Sum,
    Value(Which),
    Time(Which),
    TimeRelative(Which),
    FirstLastRange,
    FirstLastTimeRange,
    MinMaxRange,
    MinMaxTimeRange,
}

/// One point of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    First,
    Last,
    Max,
    Min,
}

/// What of a metric a label says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Property {
    AccountId,
    Dimension(String),
    MetricName,
    Namespace,
    Period,
    Region,
    Stat,
}

const DYNAMIC: [(&str, Dynamic); 19] = [
    ("AVG", Dynamic::Avg),
    ("DATAPOINT_COUNT", Dynamic::DatapointCount),
    ("FIRST", Dynamic::Value(Which::First)),
    ("FIRST_LAST_RANGE", Dynamic::FirstLastRange),
    ("FIRST_LAST_TIME_RANGE", Dynamic::FirstLastTimeRange),
    ("FIRST_TIME", Dynamic::Time(Which::First)),
    ("FIRST_TIME_RELATIVE", Dynamic::TimeRelative(Which::First)),
    ("LAST", Dynamic::Value(Which::Last)),
    ("LAST_TIME", Dynamic::Time(Which::Last)),
    ("LAST_TIME_RELATIVE", Dynamic::TimeRelative(Which::Last)),
    ("MAX", Dynamic::Value(Which::Max)),
    ("MAX_TIME", Dynamic::Time(Which::Max)),
    ("MAX_TIME_RELATIVE", Dynamic::TimeRelative(Which::Max)),
    ("MIN", Dynamic::Value(Which::Min)),
    ("MIN_MAX_RANGE", Dynamic::MinMaxRange),
    ("MIN_MAX_TIME_RANGE", Dynamic::MinMaxTimeRange),
    ("MIN_TIME", Dynamic::Time(Which::Min)),
    ("MIN_TIME_RELATIVE", Dynamic::TimeRelative(Which::Min)),
    ("SUM", Dynamic::Sum),
];

/// What a label is filled in with.
pub(super) struct Facts<'a> {
    /// The name without a label.
    pub(super) name: &'a str,
    pub(super) series: &'a Series,
    pub(super) now: Timestamp,
    pub(super) options: &'a Options,
}

impl Template {
    /// Reads a label. What is in `${…}` and not known stays as it is.
    ///
    /// # Errors
    /// Of what there is too much.
    pub fn parse(label: &str) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut rest = label;
        while let Some((text, (inner, behind))) = rest
            .split_once("${")
            .and_then(|(text, behind)| Some((text, behind.split_once('}')?)))
        {
            let known = part(inner.trim());
            parts.push(Part::Text(text.to_owned()));
            parts.push(known.unwrap_or_else(|| Part::Text(format!("${{{inner}}}"))));
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        let count = |is: fn(&Part) -> bool| parts.iter().filter(|part| is(part)).count();
        if count(|part| matches!(part, Part::Dynamic(_))) > DYNAMIC_MAX {
            return Err("more than five dynamic values");
        }
        if count(|part| matches!(part, Part::Name)) > 1 {
            return Err("`${LABEL}` more than once");
        }
        Ok(Self(parts))
    }

    /// Its text, where it is the same for every series.
    pub(super) fn plain(&self) -> Option<String> {
        let text = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            _ => None,
        };
        self.0.iter().map(text).collect()
    }

    pub(super) fn fill(&self, facts: &Facts<'_>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Name => facts.name.to_owned(),
            Part::Dynamic(dynamic) => facts.dynamic(*dynamic).unwrap_or_else(|| NOTHING.into()),
            Part::Property(property) => facts.property(property).unwrap_or_else(|| NOTHING.into()),
        };
        self.0.iter().map(part).collect()
    }
}

fn part(inner: &str) -> Option<Part> {
    if inner == "LABEL" {
        return Some(Part::Name);
    }
    if let Some((_, dynamic)) = DYNAMIC.iter().find(|(name, _)| *name == inner) {
        return Some(Part::Dynamic(*dynamic));
    }
    let property = inner.strip_prefix("PROP(")?.strip_suffix(')')?.trim();
    let quote = property
        .chars()
        .next()
        .filter(|it| *it == '\'' || *it == '"')?;
    let property = property.strip_prefix(quote)?.strip_suffix(quote)?;
    Some(Part::Property(match property {
        "AccountId" => Property::AccountId,
        "MetricName" => Property::MetricName,
        "Namespace" => Property::Namespace,
        "Period" => Property::Period,
        "Region" => Property::Region,
        "Stat" => Property::Stat,
        other => Property::Dimension(other.strip_prefix("Dim.")?.to_owned()),
    }))
}

impl Facts<'_> {
    fn dynamic(&self, dynamic: Dynamic) -> Option<String> {
        let tally = self.series.tally();
        let (first, last) = (self.point(Which::First), self.point(Which::Last));
        let (min, max) = (self.point(Which::Min), self.point(Which::Max));
        Some(match dynamic {
            Dynamic::DatapointCount => number(tally.count),
            Dynamic::Avg => number(first.map(|_| tally.average())?),
            Dynamic::Sum => number(first.map(|_| tally.sum)?),
            Dynamic::Value(which) => number(self.point(which)?.1),
            Dynamic::Time(which) => self.time(self.point(which)?.0)?,
            Dynamic::TimeRelative(which) => span(self.point(which)?.0, self.now),
            Dynamic::FirstLastRange => number(last?.1 - first?.1),
            Dynamic::FirstLastTimeRange => span(first?.0, last?.0),
            Dynamic::MinMaxRange => number(max?.1 - min?.1),
            Dynamic::MinMaxTimeRange => span(min?.0, max?.0),
        })
    }

    fn point(&self, which: Which) -> Option<(Timestamp, f64)> {
        let mut points = self.series.points.iter().copied();
        match which {
            Which::First => points.next(),
            Which::Last => points.next_back(),
            Which::Max => points.max_by(|one, other| one.1.total_cmp(&other.1)),
            Which::Min => points.min_by(|one, other| one.1.total_cmp(&other.1)),
        }
    }

    fn time(&self, at: Timestamp) -> Option<String> {
        let time = jiff::Timestamp::from_second(i64::try_from(at.as_secs()).ok()?).ok()?;
        let secs = self.options.utc_offset_secs;
        let offset = jiff::tz::Offset::from_seconds(secs).ok()?;
        let local = offset.to_datetime(time).strftime("%Y-%m-%d %H:%M:%S");
        let (sign, minutes) = (if secs < 0 { '-' } else { '+' }, secs.abs() / 60);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        Some(format!("{local} {sign}{hours:02}{minutes:02}"))
    }

    fn property(&self, property: &Property) -> Option<String> {
        let origin = self.series.origin.as_ref();
        let stat = || origin.and_then(|origin| origin.stat.as_ref());
        Some(match property {
            Property::AccountId => self.options.account.clone(),
            Property::Region => self.options.region.clone(),
            Property::Period => self.series.period_secs.to_string(),
            Property::MetricName => stat()?.identity.name.clone(),
            Property::Namespace => stat()?.identity.namespace.clone(),
            Property::Stat => stat()?.statistic.to_string(),
            Property::Dimension(name) => stat()?.identity.dimension(name)?.to_owned(),
        })
    }
}

/// With at most three digits behind the point.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// Between two moments, in either order: `1d 2h 3m 4s`.
fn span(one: Timestamp, other: Timestamp) -> String {
    let mut secs = one.since(other).max(other.since(one)).as_secs();
    let mut text = String::new();
    for (unit, length) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        let count = secs / length;
        secs %= length;
        if count > 0 {
            let space = if text.is_empty() { "" } else { " " };
            // Writing into a `String` never fails.
            let _ = write!(text, "{space}{count}{unit}");
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// The names of the metrics among queries, empty for expressions: `CPUUtilization`, and what else those differ in that are
/// shown with it, such as `metric1 Sum 60`. Source: recorded from AWS for statistic and period; dimensions are chosen.
pub(super) fn of_queries(steps: &[Step]) -> Vec<String> {
    let those = |is_returned| {
        let steps = steps.iter().filter(|it| it.is_returned == is_returned);
        Differing::of(steps.filter_map(Step::stat))
    };
    let (hidden, returned) = (those(false), those(true));
    let name = |step: &Step| {
        let differing = if step.is_returned { &returned } else { &hidden };
        let name = step.stat().map(|stat| {
            let mut parts = vec![stat.identity.name.clone()];
            parts.extend(differing.dimensions(stat));
            parts.extend(differing.rest(stat));
            parts.join(" ")
        });
        name.unwrap_or_default()
    };
    steps.iter().map(name).collect()
}

/// The names of the metrics that a search finds: what they differ in, or the metric's name where that is nothing.
/// Source: the guide, where the label of `{AWS/Lambda, FunctionName} Errors` is the function's name.
pub(super) fn of_search(found: &[Stat]) -> Vec<String> {
    let differing = Differing::of(found.iter());
    let name = |stat: &Stat| {
        let mut parts = Vec::new();
        parts.extend(
            differing
                .by_namespace
                .then(|| stat.identity.namespace.clone()),
        );
        parts.extend(differing.by_name.then(|| stat.identity.name.clone()));
        parts.extend(differing.dimensions(stat));
        match parts.is_empty() {
            true => stat.identity.name.clone(),
            false => parts.join(" "),
        }
    };
    found.iter().map(name).collect()
}

/// What some metrics differ in.
struct Differing {
    by_namespace: bool,
    by_name: bool,
    /// The dimensions that not all have, or not with the same value.
    by_dimensions: BTreeSet<String>,
    by_statistic: bool,
    by_period: bool,
    by_unit: bool,
}

impl Differing {
    fn of<'a>(stats: impl Iterator<Item = &'a Stat>) -> Self {
        let stats: Vec<&Stat> = stats.collect();
        let first = stats.first().copied();
        let differs = |is_same: &dyn Fn(&Stat, &Stat) -> bool| {
            first.is_some_and(|first| !stats.iter().all(|stat| is_same(first, stat)))
        };
        let names = stats.iter().flat_map(|stat| stat.identity.dimensions());
        let names: BTreeSet<&str> = names.map(|dimension| dimension.name.as_str()).collect();
        let by_dimensions = names.into_iter().filter(|name| {
            differs(&|one, other| one.identity.dimension(name) == other.identity.dimension(name))
        });
        Self {
            by_dimensions: by_dimensions.map(str::to_owned).collect(),
            by_namespace: differs(&|one, it| one.identity.namespace == it.identity.namespace),
            by_name: differs(&|one, it| one.identity.name == it.identity.name),
            by_statistic: differs(&|one, it| one.statistic == it.statistic),
            by_period: differs(&|one, it| one.period_secs == it.period_secs),
            by_unit: differs(&|one, it| one.unit == it.unit),
        }
    }

    fn dimensions(&self, stat: &Stat) -> Vec<String> {
        let dimensions = stat.identity.dimensions().iter();
        let differing = dimensions.filter(|it| self.by_dimensions.contains(&it.name));
        differing.map(|it| it.value.clone()).collect()
    }

    fn rest(&self, stat: &Stat) -> Vec<String> {
        let statistic = self.by_statistic.then(|| stat.statistic.to_string());
        let period = self.by_period.then(|| stat.period_secs.to_string());
        let unit = stat
            .unit
            .filter(|_| self.by_unit)
            .map(|unit| unit.to_string());
        [statistic, period, unit].into_iter().flatten().collect()
    }
}
