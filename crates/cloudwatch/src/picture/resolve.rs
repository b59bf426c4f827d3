//! Asks for what a widget shows: periods, statistics, labels and times that it does not say are found here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base::Timestamp;

use super::data::{Alarm, Asked, Data, Failed, Line};
use super::explored::explored;
use super::{Band, Chart, Drawing, Language, Series, palette};
use crate::dashboard::body::Body;
use crate::dashboard::layout::Area;
use crate::dashboard::row::{Row, Side, Source as Shown};
use crate::dashboard::time::{Range, latest, range};
use crate::dashboard::widget::{Alarms, Content, Fill, Graph, Horizontal, Level, View};
use crate::math;
use crate::metric::{Query, Source, Stat, Statistic};

/// The period where neither row nor widget says one. Source: CloudWatch API Reference, "Metric Widget Structure and Syntax".
const PERIOD_SECS: u32 = 300;
/// Points of a line; a longer time has longer periods. Source: the bound of `GetMetricStatistics`.
const POINTS_MAX: u64 = 1440;
/// The same in a dashboard whose periods stand (`"periodOverride": "inherit"`): a week of minutes. Chosen.
const POINTS_KEPT_MAX: u64 = 7 * 1440;
/// The longest period that metrics have: a longer one of a widget is a day.
const PERIOD_SECS_MAX: u32 = 86_400;
/// Lines of a widget: what an expression gives beyond is left out. Source: the bound on metrics of a widget.
const LINES_MAX: usize = 500;
/// Periods that a line may be given instead of its own.
const PERIODS_SECS: [u32; 7] = [60, 300, 900, 3600, 6 * 3600, 12 * 3600, 86_400];

/// What stands around a widget.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// When it is drawn.
    pub now: Timestamp,
    /// The time that its dashboard shows; a widget's own stands over it.
    pub range: Option<Range>,
    /// Minutes east of Greenwich of times where the widget says nothing.
    pub zone_minutes: i32,
    /// The most points of a line: periods become longer for a time that has more.
    pub points_max: u64,
    /// Of words that the widget does not say itself.
    pub language: Language,
}

impl Around {
    /// Nothing: the last three hours, in UTC.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self {
            now,
            range: None,
            zone_minutes: 0,
            points_max: POINTS_MAX,
            language: Language::English,
        }
    }
}

/// All widgets of a dashboard with their places. A widget that fails is a note; none keeps the others from being drawn.
#[must_use]
pub fn dashboard(body: &Body, data: &dyn Data, around: Around) -> Vec<(Area, Drawing)> {
    let own = range(body.start.as_deref(), body.end.as_deref(), around.now);
    let around = Around {
        range: around.range.or(own),
        points_max: if body.keeps_periods {
            POINTS_KEPT_MAX
        } else {
            around.points_max
        },
        ..around
    };
    let widgets = body.widgets.iter();
    widgets
        .map(|widget| (widget.area, draw(&widget.content, data, around)))
        .collect()
}

/// One widget.
#[must_use]
pub fn draw(content: &Content, data: &dyn Data, around: Around) -> Drawing {
    let drawn = match content {
        Content::Graph(graph) => {
            chart(graph, data, around).map(|chart| Drawing::Chart(Box::new(chart)))
        }
        Content::Text(text) => Ok(Drawing::Text(text.markdown.clone())),
        Content::Alarms(alarms) => states(alarms, data, around),
        Content::Explorer(explorer) => explored(explorer, data, around),
        Content::Other {
            kind,
            title,
            region,
        } => Ok(Drawing::Note {
            title: title.clone(),
            text: around.language.not_drawn(kind, region.as_deref()),
        }),
    };
    drawn.unwrap_or_else(|failed| Drawing::Note {
        title: content.title().to_owned(),
        text: failed.to_string(),
    })
}

fn states(wanted: &Alarms, data: &dyn Data, around: Around) -> Result<Drawing, Failed> {
    let mut alarms = data.alarms(&wanted.arns)?;
    alarms.retain(|alarm| {
        wanted.states.is_empty() || wanted.states.iter().any(|it| it == alarm.state.as_str())
    });
    match wanted.is_newest_first {
        true => alarms.sort_by_key(|alarm| std::cmp::Reverse(alarm.since)),
        false => alarms.sort_by_key(|alarm| alarm.state),
    }
    Ok(Drawing::Alarms {
        title: wanted.title.clone(),
        alarms,
        zone_minutes: around.zone_minutes,
        language: around.language,
    })
}

/// A metric widget with its lines.
///
/// # Errors
/// As [`Data::answer`].
pub fn chart(graph: &Graph, data: &dyn Data, around: Around) -> Result<Chart, Failed> {
    let own = range(graph.start.as_deref(), graph.end.as_deref(), around.now);
    let range = own.or(around.range).unwrap_or_else(|| latest(around.now));
    let plan = Plan::of(graph, range, around.points_max);
    let Lines {
        mut series,
        mut bands,
    } = plan.lines(graph, data, around)?;
    let mut horizontal = graph.horizontal.clone();
    for alarm in data.alarms(&graph.alarms)? {
        let lines = watched(&alarm, data, (range, around), series.len())?;
        series.extend(lines.series);
        bands.extend(lines.bands);
        horizontal.extend(level(&alarm));
    }
    series.truncate(LINES_MAX);
    Ok(Chart {
        title: graph.title.clone(),
        view: graph.view,
        is_stacked: graph.is_stacked,
        series,
        bands,
        left: graph.left.clone(),
        right: graph.right.clone(),
        legend: graph.legend,
        range,
        zone_minutes: graph.zone_minutes.unwrap_or(around.zone_minutes),
        horizontal,
        vertical: graph.vertical.clone(),
        is_full_precision: graph.is_full_precision,
        has_sparkline: graph.has_sparkline,
        table: graph.table.clone(),
        language: around.language,
    })
}

/// What there is to draw.
#[derive(Default)]
struct Lines {
    series: Vec<Series>,
    bands: Vec<Band>,
}

/// The queries of a widget's rows.
struct Plan {
    range: Range,
    /// One for each row, in their order, then those that weigh averages.
    queries: Vec<Query>,
    /// For each row the id of the query that counts its samples, where the mean of the whole time needs it.
    counts: Vec<Option<String>>,
}

impl Plan {
    fn of(graph: &Graph, range: Range, points_max: u64) -> Self {
        let fit = Fit { range, points_max };
        let is_whole = is_whole(graph);
        let mut ids = Ids::of(&graph.rows);
        let labels = labels(graph);
        let rows = graph.rows.iter().zip(labels);
        let mut queries: Vec<Query> = rows
            .map(|(row, label)| query(graph, row, label, fit, &mut ids))
            .collect();
        let counting = |query: &Query| is_whole.then(|| counting(query, &mut ids)).flatten();
        // Where there is no room for them, periods weigh the same.
        let room = math::QUERIES_MAX.saturating_sub(queries.len());
        let mut counting: Vec<Option<Query>> = queries.iter().map(counting).collect();
        if counting.iter().flatten().count() > room {
            counting.fill(None);
        }
        let id = |query: &Option<Query>| query.as_ref().map(|query| query.id.clone());
        let counts = counting.iter().map(id).collect();
        queries.extend(counting.into_iter().flatten());
        Self {
            range,
            queries,
            counts,
        }
    }

    fn lines(&self, graph: &Graph, data: &dyn Data, around: Around) -> Result<Lines, Failed> {
        let mut lines = Lines::default();
        if self.queries.is_empty() {
            return Ok(lines);
        }
        let asked = Asked {
            queries: &self.queries,
            from: first_start(&self.queries, self.range),
            to: self.range.to,
            now: around.now,
            zone_minutes: graph.zone_minutes.unwrap_or(around.zone_minutes),
        };
        let mut found: HashMap<String, Vec<Line>> = HashMap::new();
        for line in data.answer(&asked)? {
            found.entry(line.id.clone()).or_default().push(line);
        }
        let rows = graph.rows.iter().zip(&self.queries).zip(&self.counts);
        for ((row, query), count) in rows.filter(|((row, _), _)| row.is_visible) {
            let count = count
                .as_ref()
                .and_then(|id| found.get(id)?.first().cloned());
            let found = found.remove(&query.id).unwrap_or_default();
            if math::is_band(query) {
                let colour = row.colour.as_deref().unwrap_or(palette::BAND);
                lines.bands.extend(band(found, colour, row.side));
                continue;
            }
            for line in found {
                let value = value(graph, query, &line, count.as_ref());
                let shown = shown(row, line, value, lines.series.len());
                lines.series.push(shown);
            }
        }
        Ok(lines)
    }
}

/// The start of the first period: periods begin at multiples of the longest.
fn first_start(queries: &[Query], range: Range) -> Timestamp {
    let periods = queries.iter().filter_map(|query| match &query.source {
        Source::Metric(stat) => Some(stat.period_secs),
        Source::Expression { period_secs, .. } => *period_secs,
    });
    let period = u64::from(periods.max().unwrap_or(60).max(1));
    Timestamp::from_secs(range.from.as_secs() / period * period)
}

fn shown(row: &Row, line: Line, value: Option<f64>, index: usize) -> Series {
    let colour = row.colour.as_deref().unwrap_or(palette::colour(index));
    Series {
        label: line.label,
        colour: colour.to_owned(),
        side: row.side,
        unit: line.unit,
        period_secs: line.period_secs,
        points: line
            .points
            .into_iter()
            .filter(|(_, value)| value.is_finite())
            .collect(),
        value,
    }
}

/// The band between the lines that it was answered as, whatever their order.
fn band(lines: Vec<Line>, colour: &str, side: Side) -> Option<Band> {
    let first = lines.first()?;
    let label = first.label.strip_suffix(" Low").unwrap_or(&first.label);
    let (label, period_secs) = (label.to_owned(), first.period_secs);
    let mut edges: BTreeMap<Timestamp, (f64, f64)> = BTreeMap::new();
    let points = lines.iter().flat_map(|line| &line.points);
    for (at, value) in points.filter(|(_, value)| value.is_finite()) {
        let (lower, upper) = edges.entry(*at).or_insert((*value, *value));
        (*lower, *upper) = (lower.min(*value), upper.max(*value));
    }
    Some(Band {
        label,
        colour: colour.to_owned(),
        side,
        period_secs,
        points: edges
            .into_iter()
            .map(|(at, (lower, upper))| (at, lower, upper))
            .collect(),
    })
}

const fn is_whole(graph: &Graph) -> bool {
    graph.is_of_whole_range
        && matches!(
            graph.view,
            View::SingleValue | View::Gauge | View::Bar | View::Pie
        )
}

fn query(graph: &Graph, row: &Row, label: Option<String>, fit: Fit, ids: &mut Ids) -> Query {
    let period_secs = match is_whole(graph) {
        // Short ones, so that no value from before the range counts.
        true => fit.period(60),
        false => fit.period(row.period_secs.or(graph.period_secs).unwrap_or(PERIOD_SECS)),
    };
    Query {
        id: row.id.clone().unwrap_or_else(|| ids.next()),
        source: match &row.source {
            Shown::Expression(text) => Source::Expression {
                text: text.clone(),
                period_secs: Some(period_secs),
            },
            Shown::Metric(identity) => Source::Metric(Stat {
                identity: identity.clone(),
                statistic: row.statistic.unwrap_or(graph.statistic),
                period_secs,
                unit: None,
            }),
        },
        label,
        is_returned: row.is_visible,
    }
}

/// What periods have to fit.
#[derive(Clone, Copy)]
struct Fit {
    range: Range,
    points_max: u64,
}

impl Fit {
    /// The period itself, or a longer one that gives few enough points.
    fn period(self, wanted_secs: u32) -> u32 {
        let span = self.range.span().as_secs();
        let fits = |period: &u32| span / u64::from(*period).max(1) <= self.points_max;
        let longer = PERIODS_SECS.into_iter().filter(|it| *it > wanted_secs);
        let wanted_secs = wanted_secs.min(PERIOD_SECS_MAX);
        std::iter::once(wanted_secs)
            .chain(longer)
            .find(fits)
            .unwrap_or(wanted_secs)
    }
}

/// The count of the samples of an average.
fn counting(query: &Query, ids: &mut Ids) -> Option<Query> {
    let Source::Metric(stat) = &query.source else {
        return None;
    };
    let is_needed = stat.statistic == Statistic::Average && query.is_returned;
    is_needed.then(|| Query {
        id: ids.next(),
        source: Source::Metric(Stat {
            statistic: Statistic::SampleCount,
            ..stat.clone()
        }),
        label: None,
        is_returned: true,
    })
}

/// The number that stands for a line.
///
/// Of the whole time it is exact for the plain statistics; of percentiles, of trimmed ones and of expressions it is the mean
/// of the periods', because the values themselves are not at hand.
fn value(graph: &Graph, query: &Query, line: &Line, counts: Option<&Line>) -> Option<f64> {
    let values = || {
        line.points
            .iter()
            .map(|(_, value)| *value)
            .filter(|value| value.is_finite())
    };
    if !is_whole(graph) {
        return values().next_back();
    }
    values().next()?;
    let statistic = match &query.source {
        Source::Metric(stat) => Some(stat.statistic),
        Source::Expression { .. } => None,
    };
    Some(match statistic {
        Some(Statistic::Sum | Statistic::SampleCount) => values().sum(),
        Some(Statistic::Minimum) => values().fold(f64::INFINITY, f64::min),
        Some(Statistic::Maximum) => values().fold(f64::NEG_INFINITY, f64::max),
        _ => mean(line, counts),
    })
}

/// The mean, each period by its samples.
fn mean(line: &Line, counts: Option<&Line>) -> f64 {
    let weights: HashMap<Timestamp, f64> = counts
        .into_iter()
        .flat_map(|it| it.points.iter().copied())
        .collect();
    let weighed = line
        .points
        .iter()
        .map(|(at, value)| (weights.get(at).copied().unwrap_or(1.0), *value));
    let (weight, sum) = weighed.fold((0.0, 0.0), |(all, sum), (weight, value)| {
        (all + weight, sum + weight * value)
    });
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// Ids for queries that have none.
struct Ids {
    taken: BTreeSet<String>,
    last: u32,
}

impl Ids {
    fn of(rows: &[Row]) -> Self {
        Self {
            taken: rows.iter().filter_map(|row| row.id.clone()).collect(),
            last: 0,
        }
    }

    fn next(&mut self) -> String {
        loop {
            self.last = self.last.saturating_add(1);
            let id = format!("w{}", self.last);
            if !self.taken.contains(&id) {
                return id;
            }
        }
    }
}

/// What is read at each row: its label, or what tells its metric from the others.
fn labels(graph: &Graph) -> Vec<Option<String>> {
    let parts = |row: &Row| match &row.source {
        Shown::Metric(_) if row.label.is_none() => Some(parts(graph, row)),
        _ => None,
    };
    let all: Vec<_> = graph.rows.iter().map(parts).collect();
    // Of each part how many rows have it, and its values.
    let mut known: HashMap<&str, (usize, BTreeSet<&str>)> = HashMap::new();
    for (name, value) in all.iter().flatten().flatten() {
        let (count, values) = known.entry(name).or_default();
        *count += 1;
        values.insert(value);
    }
    let rows = all.iter().flatten().count();
    let is_telling = |name: &str| {
        known
            .get(name)
            .is_some_and(|(count, values)| *count < rows || values.len() > 1)
    };
    let rows = graph.rows.iter().zip(&all);
    rows.map(|(row, parts)| match (&row.label, &row.source, parts) {
        (Some(label), ..) => Some(label.clone()),
        (None, Shown::Metric(identity), Some(parts)) => {
            let told = parts.iter().filter(|(name, _)| is_telling(name));
            let told: Vec<&str> = told.map(|(_, value)| value.as_str()).collect();
            Some(if told.is_empty() {
                identity.name.clone()
            } else {
                told.join(" ")
            })
        }
        _ => None,
    })
    .collect()
}

/// The parts of a metric that may tell it from others, by name: dimensions, then the metric, then how it is counted.
fn parts(graph: &Graph, row: &Row) -> Vec<(String, String)> {
    let Shown::Metric(identity) = &row.source else {
        return Vec::new();
    };
    let part = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let dimensions = identity
        .dimensions()
        .iter()
        .map(|it| part(&format!("dimension {}", it.name), &it.value));
    let mut parts: Vec<_> = std::iter::once(part("namespace", &identity.namespace))
        .chain(dimensions)
        .collect();
    parts.push(part("metric", &identity.name));
    parts.push(part(
        "stat",
        &row.statistic.unwrap_or(graph.statistic).to_string(),
    ));
    let period = row.period_secs.or(graph.period_secs).unwrap_or(PERIOD_SECS);
    parts.push(part("period", &format!("{period}s")));
    parts
}

/// The lines that an alarm watches.
fn watched(
    alarm: &Alarm,
    data: &dyn Data,
    (range, around): (Range, Around),
    before: usize,
) -> Result<Lines, Failed> {
    let mut lines = Lines::default();
    if alarm.queries.is_empty() {
        return Ok(lines);
    }
    let asked = Asked {
        queries: &alarm.queries,
        from: first_start(&alarm.queries, range),
        to: range.to,
        now: around.now,
        zone_minutes: around.zone_minutes,
    };
    let bands = alarm.queries.iter().filter(|query| math::is_band(query));
    let ids: Vec<&str> = bands.map(|query| query.id.as_str()).collect();
    let answers = data.answer(&asked)?.into_iter();
    let (of_bands, others): (Vec<_>, Vec<_>) =
        answers.partition(|line| ids.contains(&line.id.as_str()));
    lines
        .bands
        .extend(band(of_bands, palette::BAND, Side::Left));
    let others = others.into_iter().enumerate();
    lines.series.extend(others.map(|(index, line)| Series {
        colour: palette::colour(before + index).to_owned(),
        side: Side::Left,
        value: line.points.last().map(|(_, value)| *value),
        label: line.label,
        unit: line.unit,
        period_secs: line.period_secs,
        points: line.points,
    }));
    Ok(lines)
}

fn level(alarm: &Alarm) -> Option<Horizontal> {
    Some(Horizontal {
        level: Level {
            value: alarm.threshold?,
            label: Some(alarm.name.clone()),
        },
        to: None,
        side: Side::Left,
        colour: None,
        fill: Fill::None,
    })
}
