//! Queries that belong together, checked before any data is read.

use std::collections::BTreeMap;

use super::check::{self, Kind};
use super::label::Template;
use super::parse::parse;
use super::problem::{Invalid, Problem};
use super::select::Select;
use super::tree::{Expr, Function};
use super::{EXPRESSION_CHARS_MAX, ID_CHARS_MAX, PERIOD_SECS, QUERIES_MAX, is_period};
use crate::metric::{Query, Source, Stat};

/// Queries that belong together, ready to run.
///
/// INVARIANT: every id in an expression is a query's, and `order` has a query behind all that it needs.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
    /// Indexes into `steps`.
    pub(super) order: Vec<usize>,
}

/// One query.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) id: String,
    pub(super) work: Work,
    pub(super) period_secs: Option<u32>,
    pub(super) label: Option<Template>,
    pub(super) is_returned: bool,
    /// Of what it gives.
    pub(super) kind: Kind,
    /// Indexes of the queries that it needs itself.
    pub(super) needs: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Work {
    Metric(Stat),
    Expression(Expr),
    Select(Select),
}

impl Plan {
    /// Checks queries: ids, periods, labels, expressions, what they need of each other, and what kind of thing each gives.
    ///
    /// # Errors
    /// [`Invalid`]: the first thing that is wrong.
    pub fn new(queries: &[Query]) -> Result<Self, Invalid> {
        if queries.len() > QUERIES_MAX {
            let count = queries.len();
            return Err(Invalid::TooMany { count });
        }
        let mut steps = Vec::with_capacity(queries.len());
        let mut indexes = BTreeMap::new();
        for (index, query) in queries.iter().enumerate() {
            steps.push(step(query)?);
            if indexes.insert(query.id.clone(), index).is_some() {
                let id = query.id.clone();
                return Err(Invalid::Repeated { id });
            }
        }
        let needs = steps.iter().map(|step| needs(step, &steps, &indexes));
        let needs = needs.collect::<Result<Vec<_>, _>>()?;
        for (step, needs) in steps.iter_mut().zip(needs) {
            step.needs = needs;
        }
        let order = order(&steps)?;
        let mut plan = Self { steps, order };
        plan.find_kinds()?;
        plan.check_bands()?;
        Ok(plan)
    }

    /// Whether a search is in one of the expressions.
    #[must_use]
    pub fn has_search(&self) -> bool {
        self.steps.iter().any(Step::has_search)
    }

    /// The period of what says none: the shortest of the metrics.
    pub(super) fn period_secs(&self) -> u32 {
        let periods = self.steps.iter().filter_map(|step| match &step.work {
            Work::Metric(stat) => Some(stat.period_secs),
            Work::Expression(_) | Work::Select(_) => step.period_secs,
        });
        periods.min().unwrap_or(PERIOD_SECS)
    }

    fn find_kinds(&mut self) -> Result<(), Invalid> {
        let mut kinds = BTreeMap::<String, Kind>::new();
        for index in &self.order {
            let Some(step) = self.steps.get_mut(*index) else {
                continue;
            };
            step.kind = match &step.work {
                Work::Metric(_) => Kind::Series,
                Work::Select(select) => select.kind(),
                Work::Expression(expr) => {
                    let kind = check::kind(expr, &|id| kinds.get(id).copied());
                    let kind = kind.map_err(|problem| of_expression(&step.id, problem))?;
                    if kind == Kind::Scalar && step.is_returned {
                        return Err(of_expression(&step.id, Problem::Scalar));
                    }
                    kind
                }
            };
            kinds.insert(step.id.clone(), step.kind);
        }
        Ok(())
    }
}

impl Step {
    fn has_search(&self) -> bool {
        let Work::Expression(expr) = &self.work else {
            return false;
        };
        let mut is_found = false;
        expr.visit(&mut |part| {
            is_found |= matches!(part, Expr::Call(Function::Search, _));
        });
        is_found
    }

    pub(super) fn stat(&self) -> Option<&Stat> {
        match &self.work {
            Work::Metric(stat) => Some(stat),
            Work::Expression(_) | Work::Select(_) => None,
        }
    }
}

fn of_expression(id: &str, problem: Problem) -> Invalid {
    Invalid::Expression {
        id: id.to_owned(),
        problem,
    }
}

/// One query, with what can be wrong with it alone.
fn step(query: &Query) -> Result<Step, Invalid> {
    let id = &query.id;
    if !is_id(id) {
        return Err(Invalid::Id { id: id.clone() });
    }
    let (work, period_secs) = match &query.source {
        Source::Metric(stat) => (Work::Metric(stat.clone()), Some(stat.period_secs)),
        Source::Expression { text, period_secs } => {
            let work = work(text).map_err(|problem| of_expression(id, problem))?;
            (work, *period_secs)
        }
    };
    if let Some(secs) = period_secs.filter(|secs| !is_period(*secs)) {
        let id = id.clone();
        return Err(Invalid::Period { id, secs });
    }
    let label = query.label.as_deref().filter(|label| !label.is_empty());
    let label = label.map(Template::parse).transpose();
    let label = label.map_err(|what| Invalid::Label {
        id: id.clone(),
        what,
    })?;
    Ok(Step {
        id: id.clone(),
        work,
        period_secs,
        label,
        is_returned: query.is_returned,
        kind: Kind::Series,
        needs: Vec::new(),
    })
}

fn work(text: &str) -> Result<Work, Problem> {
    if !Select::is_one(text) {
        return Ok(Work::Expression(parse(text)?));
    }
    if text.chars().count() > EXPRESSION_CHARS_MAX {
        return Err(Problem::Length);
    }
    Ok(Work::Select(Select::parse(text)?))
}

fn is_id(text: &str) -> bool {
    let is_long = text.len() > ID_CHARS_MAX;
    let mut letters = text.bytes();
    let begins_small = letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase());
    begins_small && !is_long && letters.all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

/// The queries that `step` needs.
fn needs(
    step: &Step,
    steps: &[Step],
    indexes: &BTreeMap<String, usize>,
) -> Result<Vec<usize>, Invalid> {
    let Work::Expression(expr) = &step.work else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let mut unknown = None;
    expr.visit(&mut |part| match part {
        Expr::Id(id) => match indexes.get(id) {
            Some(index) => found.push(*index),
            None => unknown = unknown.take().or_else(|| Some(id.clone())),
        },
        Expr::Call(Function::Metrics, arguments) => {
            found.extend(metrics(steps, arguments));
        }
        _ => {}
    });
    match unknown {
        Some(id) => Err(of_expression(&step.id, Problem::Unknown { id })),
        None => {
            found.sort_unstable();
            found.dedup();
            Ok(found)
        }
    }
}

/// What `METRICS(…)` means: the indexes of metrics whose id holds a text.
pub(super) fn metrics(steps: &[Step], arguments: &[Expr]) -> Vec<usize> {
    let part = match arguments.first() {
        Some(Expr::Text(text)) => text.as_str(),
        _ => "",
    };
    let all = steps.iter().enumerate();
    let found = all.filter(|(_, step)| step.stat().is_some() && step.id.contains(part));
    found.map(|(index, _)| index).collect()
}

/// Everything behind what it needs.
fn order(steps: &[Step]) -> Result<Vec<usize>, Invalid> {
    let mut order = Vec::with_capacity(steps.len());
    let mut is_done = vec![false; steps.len()];
    while order.len() < steps.len() {
        let before = order.len();
        for (index, step) in steps.iter().enumerate() {
            let has_all = step
                .needs
                .iter()
                .all(|need| is_done.get(*need) == Some(&true));
            if let Some(done) = is_done.get_mut(index).filter(|done| has_all && !**done) {
                *done = true;
                order.push(index);
            }
        }
        if order.len() == before {
            let mut rest = steps.iter().zip(&is_done);
            let stuck = rest.find(|(_, is_done)| !**is_done);
            let id = stuck.map(|(step, _)| step.id.clone()).unwrap_or_default();
            return Err(Invalid::Cycle { id });
        }
    }
    Ok(order)
}
