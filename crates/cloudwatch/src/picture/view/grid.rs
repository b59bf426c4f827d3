//! Graphs beside one another, each with its title; those without room are counted.

use super::super::canvas::{Anchor, Canvas, PALE, Rect, Style};
use super::super::{Chart, Language};
use super::{SMALL, of_chart, titled};

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
        let (row, column) = (
            (f64::from(index) / across).floor(),
            f64::from(index) % across,
        );
        let cell = Rect::new(
            area.x + column * (width + GAP),
            area.y + row * (height + GAP),
            width,
            height,
        );
        let inner = titled(canvas, &chart.title, cell);
        of_chart(canvas, chart, inner);
    }
    let rest = charts.len() - shown;
    if rest > 0 {
        let at = (area.right(), area.y - 8.0);
        let style = Style::new(SMALL, PALE).at(Anchor::End);
        canvas.text(at, &language.more(rest), style);
    }
}
