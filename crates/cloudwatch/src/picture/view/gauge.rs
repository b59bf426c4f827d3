//! A half ring for each line, from the least to the greatest value of the axis; shaded levels are an outer ring.

use std::f64::consts::PI;

use super::super::canvas::{Anchor, Canvas, GRID, INK, PALE, Rect, Style, short};
use super::super::scale::{Precision, number};
use super::super::{Chart, Series, palette, words};
use super::numbers::{cells, fitting};
use super::{SMALL, told};
use crate::dashboard::widget::{Fill, Horizontal};

pub(super) fn draw(canvas: &mut Canvas, chart: &Chart, area: Rect) {
    for (series, cell) in chart
        .series
        .iter()
        .zip(cells(area, chart.series.len(), 1.5))
    {
        dial(canvas, chart, series, cell);
    }
}

/// A ring's middle, its outer and its inner edge.
#[derive(Clone, Copy)]
struct Ring {
    middle: (f64, f64),
    outer: f64,
    inner: f64,
}

fn dial(canvas: &mut Canvas, chart: &Chart, series: &Series, cell: Rect) {
    let cell = cell.without(8.0, 4.0, 8.0, 4.0);
    let below = SMALL * 2.0 + 16.0;
    let outer = (cell.width / 2.0).min(cell.height - below).max(4.0);
    let top = cell.y + ((cell.height - below - outer) / 2.0).max(0.0);
    let middle = (cell.middle().0, top + outer);
    let (low, high) = (
        chart.left.min.unwrap_or(0.0),
        chart.left.max.unwrap_or(100.0),
    );
    let part = |value: f64| match high > low {
        true => ((value - low) / (high - low)).clamp(0.0, 1.0),
        false => 0.0,
    };
    let levels = Ring {
        middle,
        outer,
        inner: outer * 0.95,
    };
    let ring = Ring {
        middle,
        outer: outer * 0.92,
        inner: outer * 0.66,
    };
    canvas.fill(&arc(ring, 0.0, 1.0), GRID, 1.0);
    let value = series.value.unwrap_or(low);
    let colour = chart
        .horizontal
        .iter()
        .filter(|level| holds(level, value))
        .find_map(|it| it.colour.as_deref());
    canvas.fill(
        &arc(ring, 0.0, part(value)),
        colour.unwrap_or(&series.colour),
        1.0,
    );
    for level in &chart.horizontal {
        let (from, to) = span(level, low, high);
        canvas.fill(
            &arc(levels, part(from), part(to)),
            level.colour.as_deref().unwrap_or(palette::ANNOTATION),
            1.0,
        );
    }
    let text = told(series, chart);
    let size = fitting(&text, ring.inner * 1.7, outer * 0.4).max(8.0);
    canvas.text(
        (middle.0, middle.1 - 2.0),
        &text,
        Style::new(size, INK).at(Anchor::Middle),
    );
    let ends = Style::new(SMALL, PALE).at(Anchor::Middle);
    let across = (ring.outer + ring.inner) / 2.0;
    canvas.text(
        (middle.0 - across, middle.1 + SMALL + 4.0),
        &number(low, Precision::Short),
        ends,
    );
    canvas.text(
        (middle.0 + across, middle.1 + SMALL + 4.0),
        &number(high, Precision::Short),
        ends,
    );
    let label = words::fitted(&series.label, SMALL, cell.width);
    canvas.text(
        (middle.0, middle.1 + SMALL * 2.0 + 10.0),
        &label,
        Style::new(SMALL, INK).at(Anchor::Middle),
    );
}

/// The values that a level shades.
fn span(level: &Horizontal, low: f64, high: f64) -> (f64, f64) {
    let value = level.level.value;
    match (&level.to, level.fill) {
        (Some(to), _) => (value.min(to.value), value.max(to.value)),
        (None, Fill::Below) => (low, value),
        (None, Fill::Above) => (value, high),
        (None, Fill::None) => (value - (high - low) * 0.004, value + (high - low) * 0.004),
    }
}

fn holds(level: &Horizontal, value: f64) -> bool {
    let (from, to) = span(level, f64::NEG_INFINITY, f64::INFINITY);
    (level.to.is_some() || level.fill != Fill::None) && (from..=to).contains(&value)
}

/// A part of a half ring, each end from 0 at the left to 1 at the right.
fn arc(ring: Ring, from: f64, to: f64) -> String {
    if to <= from {
        return String::new();
    }
    let at = |part: f64, radius: f64| {
        let angle = PI * (1.0 - part);
        let (x, y) = (
            ring.middle.0 + radius * angle.cos(),
            ring.middle.1 - radius * angle.sin(),
        );
        format!("{} {}", short(x), short(y))
    };
    let (outer, inner) = (short(ring.outer), short(ring.inner));
    format!(
        "M{}A{outer} {outer} 0 0 1 {}L{}A{inner} {inner} 0 0 0 {}Z",
        at(from, ring.outer),
        at(to, ring.outer),
        at(to, ring.inner),
        at(from, ring.inner)
    )
}
