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

/// A dial's ring and its ends.
struct Dial<'a> {
    chart: &'a Chart,
    middle: (f64, f64),
    radius: f64,
    low: f64,
    high: f64,
}

fn dial(canvas: &mut Canvas, chart: &Chart, series: &Series, cell: Rect) {
    let cell = cell.without(8.0, 4.0, 8.0, 4.0);
    let below = SMALL * 2.0 + 16.0;
    let radius = (cell.width / 2.0).min(cell.height - below).max(4.0);
    let top = cell.y + ((cell.height - below - radius) / 2.0).max(0.0);
    let dial = Dial {
        chart,
        middle: (cell.middle().0, top + radius),
        radius,
        low: chart.left.min.unwrap_or(0.0),
        high: chart.left.max.unwrap_or(100.0),
    };
    dial.rings(canvas, series);
    dial.words(canvas, series, cell.width);
}

impl Dial<'_> {
    fn ring(&self, outer: f64, inner: f64) -> Ring {
        Ring {
            middle: self.middle,
            outer: self.radius * outer,
            inner: self.radius * inner,
        }
    }

    /// Where a value is, 0 at the left and 1 at the right.
    fn part(&self, value: f64) -> f64 {
        match self.high > self.low {
            true => ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0),
            false => 0.0,
        }
    }

    /// The value in the colour of the level that holds it, and the levels around it.
    fn rings(&self, canvas: &mut Canvas, series: &Series) {
        let (levels, ring) = (self.ring(1.0, 0.95), self.ring(0.92, 0.66));
        let all = &self.chart.horizontal;
        let value = series.value.unwrap_or(self.low);
        let colour = all
            .iter()
            .filter(|it| holds(it, value))
            .find_map(|it| it.colour.as_deref());
        canvas.fill(&arc(ring, 0.0, 1.0), GRID, 1.0);
        canvas.fill(
            &arc(ring, 0.0, self.part(value)),
            colour.unwrap_or(&series.colour),
            1.0,
        );
        for level in all {
            let (from, to) = span(level, self.low, self.high);
            let colour = level.colour.as_deref().unwrap_or(palette::ANNOTATION);
            canvas.fill(&arc(levels, self.part(from), self.part(to)), colour, 1.0);
        }
    }

    /// The number, the ends and the label.
    fn words(&self, canvas: &mut Canvas, series: &Series, room: f64) {
        let (x, y) = self.middle;
        let text = told(series, self.chart);
        let size = fitting(&text, self.radius * 1.12, self.radius * 0.4).max(8.0);
        canvas.text(
            (x, y - 2.0),
            &text,
            Style::new(size, INK).at(Anchor::Middle),
        );
        let ends = Style::new(SMALL, PALE).at(Anchor::Middle);
        let across = self.radius * 0.79;
        canvas.text(
            (x - across, y + SMALL + 4.0),
            &number(self.low, Precision::Short),
            ends,
        );
        canvas.text(
            (x + across, y + SMALL + 4.0),
            &number(self.high, Precision::Short),
            ends,
        );
        let label = words::fitted(&series.label, SMALL, room);
        let style = Style::new(SMALL, INK).at(Anchor::Middle);
        canvas.text((x, y + SMALL * 2.0 + 10.0), &label, style);
    }
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
