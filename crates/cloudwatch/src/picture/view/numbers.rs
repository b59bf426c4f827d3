//! The latest number of each line, large, maybe with a small line under it.

use super::super::canvas::{Anchor, Canvas, INK, PALE, Rect, Style};
use super::super::{Chart, Series, words};
use super::plot::path;
use super::{SMALL, told};

pub(super) fn draw(canvas: &mut Canvas, chart: &Chart, area: Rect) {
    for (series, cell) in chart
        .series
        .iter()
        .zip(cells(area, chart.series.len(), 2.2))
    {
        number(canvas, chart, series, cell);
    }
}

/// The height of a label under a number.
const LABEL: f64 = 22.0;
/// Cells in a row.
const COLUMNS_MAX: u32 = 50;

/// So many cells of about the same shape, row by row. `shape`: the width of a good cell by its height.
pub(super) fn cells(area: Rect, count: usize, shape: f64) -> Vec<Rect> {
    let count = u32::try_from(count).unwrap_or(1).max(1);
    let rows = |columns: f64| (f64::from(count) / columns).ceil();
    let good = |columns: f64| (area.width / columns / shape).min(area.height / rows(columns));
    let tried = (1..=count.min(COLUMNS_MAX)).map(f64::from);
    let columns = tried
        .max_by(|a, b| good(*a).total_cmp(&good(*b)))
        .unwrap_or(1.0);
    let rows = rows(columns);
    let (width, height) = (area.width / columns, area.height / rows);
    let cell = |index: u32| {
        let (row, column) = (
            (f64::from(index) / columns).floor(),
            f64::from(index) % columns,
        );
        Rect::new(
            area.x + column * width,
            area.y + row * height,
            width,
            height,
        )
    };
    (0..count).map(cell).collect()
}

fn number(canvas: &mut Canvas, chart: &Chart, series: &Series, cell: Rect) {
    let cell = cell.without(6.0, 4.0, 6.0, 4.0);
    let text = told(series, chart);
    let has_label = cell.height > 28.0;
    let room = if has_label {
        cell.height - LABEL
    } else {
        cell.height
    };
    let size = fitting(
        &text,
        cell.width,
        (cell.height * 0.42).min(room).clamp(8.0, 56.0),
    );
    let (middle, centre) = cell.middle();
    let has_line = chart.has_sparkline && cell.height > 70.0;
    let block = if has_label { size + LABEL } else { size };
    let base = match has_line {
        true => cell.y + cell.height * 0.42,
        false => centre - block / 2.0 + size * 0.88,
    };
    canvas.text(
        (middle, base),
        &text,
        Style::new(size, INK).at(Anchor::Middle),
    );
    let label = words::fitted(&series.label, SMALL, cell.width - 16.0);
    let width = words::width(&label, SMALL) + 15.0;
    let y = base + SMALL + 8.0;
    if has_label {
        let left = middle - width / 2.0;
        canvas.rect(Rect::new(left, y - 9.0, 10.0, 10.0), &series.colour);
        canvas.text((left + 15.0, y), &label, Style::new(SMALL, PALE));
    }
    if has_line {
        spark(
            canvas,
            chart,
            series,
            cell.without(4.0, y + 8.0 - cell.y, 4.0, 2.0),
        );
    }
}

/// The greatest size up to `most` at which `text` fits.
pub(super) fn fitting(text: &str, room: f64, most: f64) -> f64 {
    (room / words::width(text, 1.0).max(0.1)).min(most)
}

fn spark(canvas: &mut Canvas, chart: &Chart, series: &Series, area: Rect) {
    let values = || series.points.iter().map(|(_, value)| *value);
    let (low, high) = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    );
    let span = if high > low { high - low } else { 1.0 };
    let time = chart.range.span().as_secs_f64().max(0.001);
    let at = |(at, value): &(base::Timestamp, f64)| {
        let x = area.x + at.since(chart.range.from).as_secs_f64() / time * area.width;
        (
            x.min(area.right()),
            area.bottom() - (value - low) / span * area.height,
        )
    };
    let points: Vec<_> = series.points.iter().map(at).collect();
    let line = path(&points);
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        let base = area.bottom();
        canvas.fill(
            &format!("{line}L{:.1} {base:.1}L{:.1} {base:.1}Z", last.0, first.0),
            &series.colour,
            0.15,
        );
    }
    canvas.stroke(&line, &series.colour, 1.5);
}
