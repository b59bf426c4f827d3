//! `ANOMALY_DETECTION_BAND`: learns what a series is expected to be, and gives the edges.
//!
//! The band of a moment is learned of what lies before it, never of itself: of the two weeks before the last full hour, or
//! before the last of [`MODELS_MAX`] equal parts of the time that is looked at, where those are longer than an hour.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use base::Timestamp;

use super::check::Kind;
use super::evaluate::{Evaluator, floor};
use super::plan::{Plan, Step, Work};
use super::problem::{Invalid, Problem};
use super::run::{Failed, Window};
use super::series::{Origin, Points, Series, Value};
use super::tree::{Expr, Function};
use crate::anomaly::model::LEARNED;
use crate::anomaly::{Bands, DEVIATIONS, Edges, Key, Model, Taught};
use crate::metric::{Query, Source, Stat};

/// Models that one band is made of. Chosen: a picture of two days has one for each hour.
const MODELS_MAX: u64 = 48;
const HOUR_SECS: u64 = 3600;
/// Bytes of a name; what is longer has none. Chosen: more than alarms have.
const NAME_BYTES_MAX: usize = 16 * 1024;

/// Whether a name tells metrics of several units apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// It does.
    Told,
    /// It does not: detectors name no units.
    LeftOut,
}

/// Whether `query` is a band, and nothing else.
#[must_use]
pub fn is_band(query: &Query) -> bool {
    match &query.source {
        Source::Metric(_) => false,
        Source::Expression { text, .. } => {
            let expr = super::parse(text);
            expr.is_ok_and(|expr| matches!(expr, Expr::Call(Function::AnomalyDetectionBand, _)))
        }
    }
}

/// The kind of a band. Text of operands: as recorded from AWS.
pub(super) fn check(
    arguments: &[Expr],
    of: &dyn Fn(&str) -> Option<Kind>,
) -> Result<Kind, Problem> {
    let function = Function::AnomalyDetectionBand;
    let (series, deviations) = match arguments {
        [series] => (series, &Expr::Number(DEVIATIONS)),
        [series, deviations] => (series, deviations),
        _ => {
            let takes = "one time series, and maybe a number of deviations";
            return Err(Problem::Arguments { function, takes });
        }
    };
    match (
        super::check::kind(series, of)?,
        super::check::kind(deviations, of)?,
    ) {
        (Kind::Series, Kind::Scalar) => {}
        (left, right) => {
            let operator = "ANOMALY_DETECTION_BAND";
            return Err(Problem::Operands {
                operator,
                left,
                right,
            });
        }
    }
    match deviations {
        Expr::Number(number) if *number > 0.0 => Ok(Kind::Array),
        _ => {
            let takes = "a number of deviations above 0";
            Err(Problem::Arguments { function, takes })
        }
    }
}

impl Plan {
    /// What the query `id` is called, whatever ids there are: bands over the same are learned once, and detectors are found by
    /// it. None where that is too long, or uses `METRICS`.
    #[must_use]
    pub fn name(&self, id: &str, units: Units) -> Option<String> {
        let mut name = String::new();
        self.write_query(id, units, &mut name)?;
        Some(name)
    }

    /// What kind of thing the query `id` gives.
    #[must_use]
    pub fn kind(&self, id: &str) -> Option<Kind> {
        self.step_of(id).map(|step| step.kind)
    }

    /// Whether the query `id` is a band, and nothing else.
    #[must_use]
    pub fn is_band(&self, id: &str) -> bool {
        let step = self.step_of(id);
        step.is_some_and(|step| {
            matches!(
                &step.work,
                Work::Expression(Expr::Call(Function::AnomalyDetectionBand, _))
            )
        })
    }

    fn step_of(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    fn write_query(&self, id: &str, units: Units, out: &mut String) -> Option<()> {
        let step = self.step_of(id)?;
        match &step.work {
            Work::Metric(stat) => write_stat(stat, units, out),
            Work::Select(select) => write!(out, "{select:?}").ok()?,
            Work::Expression(expr) => self.write(expr, units, out)?,
        }
        (out.len() <= NAME_BYTES_MAX).then_some(())
    }

    /// The expression with what ids stand for in their places.
    fn write(&self, expr: &Expr, units: Units, out: &mut String) -> Option<()> {
        let (name, parts): (&str, Vec<&Expr>) = match expr {
            Expr::Call(Function::Metrics, _) => return None,
            Expr::Id(id) => return self.write_query(id, units, out),
            Expr::Number(_) | Expr::Text(_) | Expr::Word(_) => {
                return write!(out, "{expr}").ok();
            }
            Expr::List(parts) => ("", parts.iter().collect()),
            Expr::Negate(inner) => ("-", vec![inner]),
            Expr::Binary(operator, left, right) => (operator.sign(), vec![left, right]),
            Expr::Call(function, arguments) => {
                write!(out, "{function}").ok()?;
                ("", arguments.iter().collect())
            }
        };
        out.push_str(name);
        out.push('(');
        for part in parts {
            self.write(part, units, out)?;
            out.push(',');
        }
        out.push(')');
        (out.len() <= NAME_BYTES_MAX).then_some(())
    }

    /// Refuses a band over what is made of a band: it would be learned of what was learned of what was learned.
    pub(super) fn check_bands(&self) -> Result<(), Invalid> {
        // `order` has a step behind what it needs.
        let mut is_banded = vec![false; self.steps.len()];
        for index in &self.order {
            let Some(step) = self.steps.get(*index) else {
                continue;
            };
            let needs_band = step
                .needs
                .iter()
                .any(|need| is_banded.get(*need) == Some(&true));
            let bands = match &step.work {
                Work::Expression(expr) => bands(expr),
                Work::Metric(_) | Work::Select(_) => 0,
            };
            let is_nested = matches!(&step.work, Work::Expression(expr) if has_nested(expr));
            if is_nested || (bands > 0 && needs_band) {
                return Err(Invalid::Expression {
                    id: step.id.clone(),
                    problem: Problem::Arguments {
                        function: Function::AnomalyDetectionBand,
                        takes: "a time series that is made of no band",
                    },
                });
            }
            if let Some(it) = is_banded.get_mut(*index) {
                *it = bands > 0 || needs_band;
            }
        }
        Ok(())
    }
}

fn bands(expr: &Expr) -> usize {
    let mut count = 0;
    expr.visit(&mut |part| {
        count += usize::from(matches!(
            part,
            Expr::Call(Function::AnomalyDetectionBand, _)
        ));
    });
    count
}

fn has_nested(expr: &Expr) -> bool {
    let mut is_found = false;
    expr.visit(&mut |part| {
        if let Expr::Call(Function::AnomalyDetectionBand, arguments) = part {
            is_found |= arguments.iter().any(|argument| bands(argument) > 0);
        }
    });
    is_found
}

fn write_stat(stat: &Stat, units: Units, out: &mut String) {
    let identity = &stat.identity;
    let _ = write!(out, "{:?}.{:?}[", identity.namespace, identity.name);
    for dimension in identity.dimensions() {
        let _ = write!(out, "{:?}={:?},", dimension.name, dimension.value);
    }
    let _ = write!(out, "]{}", stat.statistic);
    if let (Units::Told, Some(unit)) = (units, stat.unit) {
        let _ = write!(out, " {}", unit.as_str());
    }
}

/// What is to be learned for a band.
struct Lesson<'a> {
    series: &'a Expr,
    period_secs: u32,
    taught: Arc<Taught>,
    /// None where nothing is kept of it.
    name: Option<String>,
}

impl Lesson<'_> {
    fn key(&self, until: Timestamp) -> Option<Key> {
        Some(Key {
            until,
            name: self.name.clone()?,
            period_secs: self.period_secs,
            revision: self.taught.revision,
        })
    }
}

impl Evaluator<'_> {
    /// The lower edge, then the upper one. Where too little is known there is none.
    pub(super) fn band(&mut self, arguments: &[Expr]) -> Result<Value, Failed> {
        let (Some(series), deviations) = (arguments.first(), arguments.get(1)) else {
            return Ok(Value::Array(Vec::new()));
        };
        let deviations = match deviations {
            Some(Expr::Number(number)) => *number,
            _ => DEVIATIONS,
        };
        let value = self.value(series)?;
        let period_secs = self.period_of(&value);
        let grid: Vec<_> = self.grid(period_secs, self.window.to)?.times().collect();
        let models = self.models(series, period_secs, &grid)?;
        let edges = grid.into_iter().filter_map(|at| {
            let (_, model) = models.range(..=at).next_back()?;
            Some((at, model.as_ref()?.edges(at, deviations)?))
        });
        let edges: Vec<_> = edges.collect();
        self.spend(2 * edges.len())?;
        Ok(self.edges(&edges, period_secs))
    }

    fn edges(&self, edges: &[(Timestamp, Edges)], period_secs: u32) -> Value {
        let step = self.plan.steps.get(self.index);
        let has_label = step.is_some_and(|step| step.label.is_some());
        let edge = |name: &str, of: fn(&Edges) -> f64| Series {
            points: edges.iter().map(|(at, edges)| (*at, of(edges))).collect(),
            period_secs,
            origin: Some(Arc::new(Origin {
                stat: None,
                name: match step {
                    Some(step) if !has_label => format!("{} {name}", step.id),
                    _ => name.to_owned(),
                },
                units: Vec::new(),
            })),
        };
        Value::Array(vec![
            edge("Low", |it| it.lower),
            edge("High", |it| it.upper),
        ])
    }

    /// The models of a band, each from the moment on until which it has learned.
    fn models(
        &mut self,
        series: &Expr,
        period_secs: u32,
        grid: &[Timestamp],
    ) -> Result<BTreeMap<Timestamp, Option<Arc<Model>>>, Failed> {
        let named = |units| match series {
            Expr::Id(id) => self.plan.name(id, units),
            other => {
                let mut name = String::new();
                self.plan.write(other, units, &mut name).map(|()| name)
            }
        };
        let bands = self.read.bands();
        let lesson = Lesson {
            series,
            period_secs,
            taught: named(Units::LeftOut).map_or_else(Arc::default, |name| bands.training(&name)),
            name: named(Units::Told),
        };
        let step_secs = step_secs(self.window);
        let mut models = BTreeMap::new();
        for at in grid {
            models.entry(until(*at, step_secs)).or_insert(None);
        }
        for (until, model) in &mut models {
            *model = lesson.key(*until).and_then(|key| bands.known(&key));
        }
        let missing: Vec<_> = models
            .iter()
            .filter(|(_, model)| model.is_none())
            .map(|(until, _)| *until)
            .collect();
        self.learn(&lesson, &missing, bands, &mut models)?;
        Ok(models)
    }

    fn learn(
        &mut self,
        lesson: &Lesson<'_>,
        missing: &[Timestamp],
        bands: &dyn Bands,
        models: &mut BTreeMap<Timestamp, Option<Arc<Model>>>,
    ) -> Result<(), Failed> {
        let (Some(first), Some(last)) = (missing.first(), missing.last()) else {
            return Ok(());
        };
        let past = self.past(lesson.series, first.minus(LEARNED), *last)?;
        for until in missing {
            let known = past.partition_point(|(at, _)| at < until);
            let from = past.partition_point(|(at, _)| *at < until.minus(LEARNED));
            let known = past.get(from..known).unwrap_or_default();
            self.spend(known.len())?;
            let model = Model::learn(known, *until, &lesson.taught.training).map(Arc::new);
            if let (Some(model), Some(key)) = (&model, lesson.key(*until)) {
                bands.keep(key, Arc::clone(model));
            }
            models.insert(*until, model);
        }
        Ok(())
    }

    /// What a series was from `from` on and before `to`: everything that it needs is evaluated for that time.
    fn past(&mut self, series: &Expr, from: Timestamp, to: Timestamp) -> Result<Points, Failed> {
        let window = Window {
            from,
            to,
            now: self.window.now,
        };
        let mut wide = Evaluator::new(self.plan, self.read, &window);
        wide.points_left = self.points_left;
        for index in self.plan.needed_by(self.index) {
            wide.step(index)?;
        }
        wide.index = self.index;
        wide.period_secs = self.period_secs;
        let value = wide.value(series)?;
        self.points_left = wide.points_left;
        Ok(value.into_array().pop().unwrap_or_default().points)
    }
}

/// Seconds from one model to the next.
fn step_secs(window: &Window) -> u64 {
    let hours = window.to.since(window.from).as_secs().div_ceil(HOUR_SECS);
    hours.div_ceil(MODELS_MAX).max(1) * HOUR_SECS
}

/// Until when the model of a moment has learned.
fn until(at: Timestamp, step_secs: u64) -> Timestamp {
    floor(at, u32::try_from(step_secs).unwrap_or(u32::MAX))
}
