//! Evaluates the queries of a plan, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Timestamp;

use super::functions::{self, Filler, Grid};
use super::label::Template;
use super::plan::{Plan, Work, metrics};
use super::run::{Failed, Message, Window};
use super::search::Search;
use super::select::Select;
use super::series::{Origin, Series, Value};
use super::tree::{Expr, Function, Operator};
use super::{RUN_POINTS_MAX, SERIES_MAX, label};
use crate::metric::{Listing, Read, Stat, Unit, Wanted};

/// How long a metric without data is searched for: two weeks. Source: the guide, "Using search expressions in graphs".
pub(super) const SEARCHED_FOR: std::time::Duration = std::time::Duration::from_secs(14 * 86_400);

pub(super) struct Evaluator<'a> {
    pub(super) plan: &'a Plan,
    pub(super) read: &'a dyn Read,
    pub(super) window: &'a Window,
    values: Vec<Option<Value>>,
    /// Where queries are, by their ids.
    indexes: BTreeMap<&'a str, usize>,
    /// The names of metrics without a label.
    names: Vec<String>,
    /// The queries that miss series, because there were too many.
    cut: BTreeSet<usize>,
    messages: Vec<Message>,
    /// The query in work.
    pub(super) index: usize,
    pub(super) points_left: usize,
    /// That of the query in work, for what says none.
    pub(super) period_secs: u32,
}

/// What the queries of a plan gave.
pub(super) struct Done {
    /// Of each query that was evaluated.
    pub(super) values: Vec<Option<Value>>,
    /// Indexes of those that miss series.
    pub(super) cut: BTreeSet<usize>,
    pub(super) messages: Vec<Message>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(plan: &'a Plan, read: &'a dyn Read, window: &'a Window) -> Self {
        Self {
            plan,
            read,
            window,
            values: vec![None; plan.steps.len()],
            indexes: plan
                .steps
                .iter()
                .map(|step| step.id.as_str())
                .zip(0..)
                .collect(),
            names: label::of_queries(&plan.steps),
            cut: BTreeSet::new(),
            messages: Vec::new(),
            index: 0,
            points_left: RUN_POINTS_MAX,
            period_secs: plan.period_secs(),
        }
    }

    /// What the queries gave.
    pub(super) fn done(self) -> Done {
        Done {
            values: self.values,
            cut: self.cut,
            messages: self.messages,
        }
    }

    /// Evaluates one query; what it needs has been.
    pub(super) fn step(&mut self, index: usize) -> Result<(), Failed> {
        let plan = self.plan;
        let Some(step) = plan.steps.get(index) else {
            return Ok(());
        };
        self.index = index;
        if step.needs.iter().any(|need| self.cut.contains(need)) {
            self.cut.insert(index);
        }
        self.period_secs = step.period_secs.unwrap_or_else(|| plan.period_secs());
        let value = match &step.work {
            Work::Metric(stat) => Value::Series(self.metric(index, stat)?),
            Work::Expression(expr) => self.value(expr)?,
            Work::Select(select) => self.select(select)?,
        };
        debug_assert_eq!(value.kind(), step.kind, "{}", step.id);
        if let Some(slot) = self.values.get_mut(index) {
            *slot = Some(value);
        }
        Ok(())
    }

    /// Counts points that are read or made.
    pub(super) fn spend(&mut self, points: usize) -> Result<(), Failed> {
        let left = self.points_left.checked_sub(points);
        self.points_left = left.ok_or(Failed::TooMuch)?;
        Ok(())
    }

    fn metric(&mut self, index: usize, stat: &Stat) -> Result<Series, Failed> {
        let label = self
            .plan
            .steps
            .get(index)
            .and_then(|step| step.label.as_ref());
        let name = label.and_then(Template::plain);
        let name = name.or_else(|| self.names.get(index).cloned());
        self.series(stat, name.unwrap_or_default())
    }

    fn series(&mut self, stat: &Stat, name: String) -> Result<Series, Failed> {
        let found = self.read.series(&Wanted {
            identity: &stat.identity,
            unit: stat.unit,
            statistic: stat.statistic,
            period_secs: stat.period_secs,
            from: floor(self.window.from, stat.period_secs),
            to: self.window.to,
        })?;
        self.spend(found.points.len())?;
        let points = found.points.iter().map(|point| (point.at, point.value));
        let units = match found.units.as_slice() {
            [] | [_] => Vec::new(),
            many => {
                let mut units: Vec<_> = many.iter().map(|unit: &Unit| unit.as_str()).collect();
                units.sort_unstable();
                units
            }
        };
        Ok(Series {
            points: points.filter(|(_, value)| value.is_finite()).collect(),
            period_secs: stat.period_secs,
            origin: Some(Arc::new(Origin {
                stat: Some(stat.clone()),
                name,
                units,
            })),
        })
    }

    fn select(&mut self, select: &Select) -> Result<Value, Failed> {
        let run = select.run(self.read, self.window, self.period_secs)?;
        self.spend(run.points)?;
        if run.is_cut {
            self.say_cut();
        }
        Ok(run.value)
    }

    pub(super) fn value(&mut self, expr: &Expr) -> Result<Value, Failed> {
        let value = match expr {
            Expr::Number(number) => Value::Scalar(*number),
            Expr::Id(id) => self.named(id),
            // Neither is a value; the check has refused them.
            Expr::Text(_) | Expr::Word(_) => Value::Scalar(f64::NAN),
            Expr::List(parts) => Value::Array(self.list(parts)?),
            Expr::Negate(inner) => match self.value(inner)? {
                Value::Scalar(number) => Value::Scalar(-number),
                series => series.each(|series| series.map(|value| -value)),
            },
            Expr::Binary(operator, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                functions::join(*operator, left, right)
            }
            Expr::Call(function, arguments) => self.call(*function, arguments)?,
        };
        self.spend(value.size())?;
        Ok(value)
    }

    fn named(&self, id: &str) -> Value {
        let index = self.indexes.get(id);
        let value = index.and_then(|index| self.values.get(*index)?.clone());
        value.unwrap_or(Value::Scalar(f64::NAN))
    }

    fn list(&mut self, parts: &[Expr]) -> Result<Vec<Series>, Failed> {
        let mut all = Vec::new();
        for part in parts {
            all.extend(self.value(part)?.into_array());
        }
        Ok(all)
    }

    fn call(&mut self, function: Function, arguments: &[Expr]) -> Result<Value, Failed> {
        match (function, arguments) {
            (Function::Search, _) => self.search(arguments),
            (Function::AnomalyDetectionBand, _) => self.band(arguments),
            (Function::Metrics, _) => {
                let found = metrics(&self.plan.steps, arguments).into_iter();
                let values = found.filter_map(|index| self.values.get(index)?.clone());
                Ok(Value::Array(values.flat_map(Value::into_array).collect()))
            }
            (Function::If, [condition, rest @ ..]) => self.choose(condition, rest),
            (Function::Fill, [filled, filler]) => self.fill(filled, filler),
            (Function::Sort, [array, Expr::Word(by), Expr::Word(order), limit @ ..]) => {
                let array = self.value(array)?.into_array();
                let limit = self.list_of_numbers(limit)?;
                Ok(functions::sort(array, by, order, limit.first().copied()))
            }
            (Function::Slice, [array, bounds @ ..]) => {
                let array = self.value(array)?.into_array();
                let bounds = self.list_of_numbers(bounds)?;
                Ok(functions::slice(array, &bounds))
            }
            (Function::TimeSeries, [value]) => {
                let value = self.value(value)?.into_scalar();
                let period_secs = self.period_secs;
                self.on_grid(period_secs, |_| value)
            }
            (
                Function::Minute
                | Function::Hour
                | Function::Day
                | Function::Date
                | Function::Month
                | Function::Year
                | Function::Epoch,
                [series],
            ) => {
                let series = self.value(series)?;
                let period_secs = self.period_of(&series);
                self.on_grid(period_secs, |at| functions::part_of_time(function, at))
            }
            (Function::Period, [series]) => {
                let series = self.value(series)?;
                let period_secs = self.period_of(&series);
                Ok(Value::Scalar(f64::from(period_secs)))
            }
            (_, [argument]) => Ok(functions::of_one(function, self.value(argument)?)),
            _ => Ok(Value::Scalar(f64::NAN)),
        }
    }

    fn list_of_numbers(&mut self, exprs: &[Expr]) -> Result<Vec<f64>, Failed> {
        let numbers = exprs.iter().map(|expr| Ok(self.value(expr)?.into_scalar()));
        numbers.collect()
    }

    /// The period of a series, or that of the query where it has none.
    pub(super) fn period_of(&self, value: &Value) -> u32 {
        match value {
            Value::Series(series) if series.period_secs > 0 => series.period_secs,
            _ => self.period_secs,
        }
    }

    /// The starts of the periods that begin before `end`.
    pub(super) fn grid(&mut self, period_secs: u32, end: Timestamp) -> Result<Grid, Failed> {
        let grid = Grid {
            from: floor(self.window.from, period_secs),
            to: end,
            period_secs,
        };
        self.spend(grid.len())?;
        Ok(grid)
    }

    /// A series that has a value in every period.
    fn on_grid(
        &mut self,
        period_secs: u32,
        value: impl Fn(Timestamp) -> f64,
    ) -> Result<Value, Failed> {
        let grid = self.grid(period_secs, self.window.to)?;
        let points = grid.times().map(|at| (at, value(at)));
        Ok(Value::Series(Series {
            points: points.filter(|(_, value)| value.is_finite()).collect(),
            period_secs,
            origin: None,
        }))
    }

    fn fill(&mut self, filled: &Expr, filler: &Expr) -> Result<Value, Failed> {
        let filler = match filler {
            Expr::Word(word) if word == "REPEAT" => Filler::Repeat,
            Expr::Word(_) => Filler::Linear,
            filler => match self.value(filler)? {
                Value::Scalar(number) => Filler::Number(number),
                series => Filler::Series(series.into_array().pop().unwrap_or_default().by_time()),
            },
        };
        let filled = self.value(filled)?;
        let is_array = matches!(filled, Value::Array(_));
        let end = self.window.to.min(self.window.now);
        let mut done = Vec::new();
        for series in filled.into_array() {
            let period_secs = match series.period_secs {
                0 => self.period_secs,
                period_secs => period_secs,
            };
            let grid = self.grid(period_secs, end)?;
            done.push(functions::fill(series, &filler, &grid));
        }
        Ok(match (is_array, done.pop()) {
            (false, Some(series)) => Value::Series(series),
            (_, last) => {
                done.extend(last);
                Value::Array(done)
            }
        })
    }

    /// `IF(condition, rest…)`.
    fn choose(&mut self, condition: &Expr, rest: &[Expr]) -> Result<Value, Failed> {
        let condition = self.value(condition)?;
        let then = rest.first().map(|expr| self.value(expr)).transpose()?;
        let then = then.unwrap_or(Value::Scalar(f64::NAN));
        let otherwise = rest.get(1).map(|expr| self.value(expr)).transpose()?;
        let condition = match condition {
            Value::Scalar(number) => number,
            series => return Ok(functions::choose(series, then, otherwise)),
        };
        let is_series = then.has_series() || otherwise.as_ref().is_none_or(Value::has_series);
        let chosen = match condition == 0.0 || condition.is_nan() {
            true => otherwise,
            false => Some(then),
        };
        match chosen {
            None => Ok(Value::Series(Series::default())),
            Some(Value::Scalar(number)) if is_series => {
                let period_secs = self.period_secs;
                self.on_grid(period_secs, |_| number)
            }
            Some(value) => Ok(value),
        }
    }

    fn search(&mut self, arguments: &[Expr]) -> Result<Value, Failed> {
        // The check has read it once.
        let Ok(search) = Search::of(arguments) else {
            return Ok(Value::Array(Vec::new()));
        };
        let listing = Listing {
            namespace: search.terms.namespace(),
            since: Some(self.window.now.minus(SEARCHED_FOR)),
            ..Listing::default()
        };
        let mut metrics = self.read.list(&listing);
        metrics.retain(|metric| search.terms.has(metric));
        metrics.sort_unstable();
        if metrics.len() > SERIES_MAX {
            metrics.truncate(SERIES_MAX);
            self.say_cut();
        }
        let stat = |metric: Arc<_>| Stat {
            identity: Arc::unwrap_or_clone(metric),
            statistic: search.statistic,
            period_secs: search.period_secs.unwrap_or(self.period_secs),
            unit: None,
        };
        let stats: Vec<Stat> = metrics.into_iter().map(stat).collect();
        let names = label::of_search(&stats);
        let series = stats.iter().zip(names);
        let series = series.map(|(stat, name)| self.series(stat, name));
        Ok(Value::Array(series.collect::<Result<_, _>>()?))
    }

    /// There were more metrics than there may be.
    fn say_cut(&mut self) {
        self.cut.insert(self.index);
        if self.messages.is_empty() {
            self.messages.push(Message::too_many());
        }
    }
}

impl Value {
    fn has_series(&self) -> bool {
        !matches!(self, Self::Scalar(_))
    }
}

/// The start of the period that `at` is in.
pub(super) fn floor(at: Timestamp, period_secs: u32) -> Timestamp {
    let secs = at.as_secs();
    let into = secs.checked_rem(u64::from(period_secs)).unwrap_or(0);
    Timestamp::from_secs(secs - into)
}

/// Whether an operator finds something so of two values, or what it makes of them.
pub(super) fn operate(operator: Operator, left: f64, right: f64) -> f64 {
    let is = |truth: bool| f64::from(u8::from(truth));
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
        Operator::Equal => is(left == right),
        Operator::Unequal => is(left != right),
        Operator::LessOrEqual => is(left <= right),
        Operator::GreaterOrEqual => is(left >= right),
        Operator::Less => is(left < right),
        Operator::Greater => is(left > right),
        Operator::And => is(left != 0.0 && right != 0.0),
        Operator::Or => is(left != 0.0 || right != 0.0),
    }
}
