//! Numbers in rows and columns: a row for each line, or, upright, a row for each moment.

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;

use super::super::canvas::{Anchor, BASE, Canvas, GRID, INK, PALE, Rect, Style};
use super::super::scale::{Precision, number};
use super::super::{Chart, Series, hours, words};
use super::SMALL;
use crate::dashboard::widget::Summary;

const ROW: f64 = 22.0;
/// The least width of a column of numbers.
const COLUMN: f64 = 76.0;

/// Moments that find room in the greatest picture.
const MOMENTS_MAX: usize = 100;

/// A table: names of columns, and rows of a name, a colour and cells.
struct Cells {
    head: Vec<String>,
    rows: Vec<(String, Option<String>, Vec<String>)>,
}

pub(super) fn draw(canvas: &mut Canvas, chart: &Chart, area: Rect) {
    let cells = match chart.table.is_vertical {
        true => upright(chart),
        false => level(chart),
    };
    let grid = Grid::of(&cells, area);
    grid.line(
        canvas,
        "",
        None,
        &cells.head,
        (0, Style::new(SMALL, PALE).bold()),
    );
    let fit = (area.height / ROW).floor() - 1.0;
    for (index, (name, colour, values)) in (1_u32..).zip(&cells.rows) {
        if f64::from(index) <= fit {
            grid.line(
                canvas,
                name,
                colour.as_deref(),
                values,
                (index, Style::new(SMALL, INK)),
            );
        }
    }
}

/// Where columns stand.
struct Grid {
    area: Rect,
    names: f64,
    column: f64,
    columns: usize,
}

impl Grid {
    fn of(cells: &Cells, area: Rect) -> Self {
        let widths = cells
            .rows
            .iter()
            .map(|(name, ..)| words::width(name, SMALL));
        let names = (widths.fold(40.0, f64::max) + 24.0).min(area.width * 0.45);
        let room = area.width - names;
        let fits = |count: &usize| *count as f64 * COLUMN <= room;
        let columns = (1..=cells.head.len()).take_while(fits).last().unwrap_or(1);
        Self {
            area,
            names,
            column: room / columns as f64,
            columns,
        }
    }

    /// A row: its name, the colour of its line, and as many values as find room.
    fn line(
        &self,
        canvas: &mut Canvas,
        name: &str,
        colour: Option<&str>,
        values: &[String],
        (row, style): (u32, Style<'_>),
    ) {
        let Rect { x, y, .. } = self.area;
        let top = y + ROW * f64::from(row);
        let base = top + 15.0;
        let indent = if colour.is_some() { 15.0 } else { 0.0 };
        if let Some(colour) = colour {
            canvas.rect(Rect::new(x, base - 9.0, 10.0, 10.0), colour);
        }
        let name = words::fitted(name, SMALL, self.names - indent - 8.0);
        canvas.text((x + indent, base), &name, style);
        for (index, value) in (1_u32..).zip(values.iter().take(self.columns)) {
            let right = x + self.names + self.column * f64::from(index) - 6.0;
            let value = words::fitted(value, SMALL, self.column - 10.0);
            canvas.text((right, base), &value, style.at(Anchor::End));
        }
        let below = top + ROW - 0.5;
        canvas.line(
            (x, below),
            (self.area.right(), below),
            if row == 0 { BASE } else { GRID },
            "",
        );
    }
}

fn shown(chart: &Chart, value: Option<f64>) -> String {
    let precision = if chart.is_full_precision {
        Precision::Full
    } else {
        Precision::Short
    };
    value.map_or_else(|| "-".to_owned(), |value| number(value, precision))
}

/// All moments of all lines, the newest first.
fn moments(chart: &Chart) -> Vec<Timestamp> {
    let all: BTreeSet<Timestamp> = chart
        .series
        .iter()
        .flat_map(|it| it.points.iter().map(|(at, _)| *at))
        .collect();
    match chart.table.shows_series {
        true => all.into_iter().rev().take(MOMENTS_MAX).collect(),
        false => Vec::new(),
    }
}

fn level(chart: &Chart) -> Cells {
    let moments = moments(chart);
    let summaries = &chart.table.summaries;
    let names = summaries
        .iter()
        .map(|it| chart.language.summary(*it).to_owned());
    let times = moments
        .iter()
        .map(|at| hours::moment(*at, chart.zone_minutes));
    let row = |series: &Series| {
        let points: BTreeMap<Timestamp, f64> = series.points.iter().copied().collect();
        let sums = summaries.iter().map(|it| shown(chart, summed(*it, series)));
        let values = moments
            .iter()
            .map(|at| shown(chart, points.get(at).copied()));
        (
            series.label.clone(),
            Some(series.colour.clone()),
            sums.chain(values).collect(),
        )
    };
    Cells {
        head: names.chain(times).collect(),
        rows: chart.series.iter().map(row).collect(),
    }
}

fn upright(chart: &Chart) -> Cells {
    let points: Vec<BTreeMap<Timestamp, f64>> = chart
        .series
        .iter()
        .map(|it| it.points.iter().copied().collect())
        .collect();
    let summary = |it: &Summary| {
        let values = chart
            .series
            .iter()
            .map(|series| shown(chart, summed(*it, series)));
        (
            chart.language.summary(*it).to_owned(),
            None,
            values.collect(),
        )
    };
    let row = |at: Timestamp| {
        let values = points
            .iter()
            .map(|points| shown(chart, points.get(&at).copied()));
        (
            hours::moment(at, chart.zone_minutes),
            None,
            values.collect(),
        )
    };
    Cells {
        head: chart.series.iter().map(|it| it.label.clone()).collect(),
        rows: chart
            .table
            .summaries
            .iter()
            .map(summary)
            .chain(moments(chart).into_iter().map(row))
            .collect(),
    }
}

fn summed(how: Summary, series: &Series) -> Option<f64> {
    let values = || series.points.iter().map(|(_, value)| *value);
    values().next()?;
    let sum: f64 = values().sum();
    Some(match how {
        Summary::Min => values().fold(f64::INFINITY, f64::min),
        Summary::Max => values().fold(f64::NEG_INFINITY, f64::max),
        Summary::Sum => sum,
        Summary::Avg => sum / series.points.len() as f64,
    })
}
