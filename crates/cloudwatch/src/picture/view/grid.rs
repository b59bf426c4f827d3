//! Graphs beside one another, each with its title; those without room are counted.

use super::super::canvas::{Canvas, Rect};
use super::super::{Chart, Language};
use super::{left_out, of_chart, tile, titled};

/// The least width and height of a graph that can be read.
const WIDTH_MIN: f64 = 150.0;
const HEIGHT_MIN: f64 = 130.0;
const GAP: f64 = 12.0;

pub(super) fn draw(
    canvas: &mut Canvas,
    charts: &[Chart],
    columns: u32,
    language: Language,
    area: Rect,
) {
    let room = ((area.width + GAP) / (WIDTH_MIN + GAP)).floor().max(1.0);
    let across = f64::from(columns).min(room).min(charts.len() as f64);
    let wanted = (charts.len() as f64 / across).ceil();
    let room = ((area.height + GAP) / (HEIGHT_MIN + GAP)).floor().max(1.0);
    let down = wanted.min(room);
    let width = (area.width - GAP * (across - 1.0)) / across;
    let height = (area.height - GAP * (down - 1.0)) / down;
    let shown = charts.len().min((across * down) as usize);
    for (index, chart) in (0_u32..).zip(charts.iter().take(shown)) {
        let cell = tile(area, index, across, (width, height), GAP);
        let inner = titled(canvas, &chart.title, cell);
        of_chart(canvas, chart, inner);
    }
    left_out(canvas, charts.len() - shown, language, area);
}
