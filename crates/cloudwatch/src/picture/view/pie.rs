//! A slice for each line, with its share.

use std::f64::consts::TAU;

use super::super::canvas::{Anchor, Canvas, INK, PALE, Rect, Style, short};
use super::super::{Chart, Series, words};
use super::{SMALL, told};

const ROW: f64 = 19.0;

pub(super) fn draw(canvas: &mut Canvas, chart: &Chart, area: Rect) {
    let slices: Vec<_> = chart
        .series
        .iter()
        .filter(|it| it.value.is_some_and(|value| value > 0.0))
        .collect();
    let total: f64 = slices.iter().filter_map(|it| it.value).sum();
    if slices.is_empty() || !total.is_finite() {
        return super::note(canvas, chart.language.no_data(), area);
    }
    let is_wide = area.width > area.height * 1.2;
    let room = if is_wide {
        (area.width * 0.45).min(area.height)
    } else {
        (area.height * 0.6).min(area.width)
    };
    let radius = (room / 2.0 - 2.0).max(2.0);
    let middle = match is_wide {
        true => (
            area.x + radius + (area.width * 0.45 - room).max(0.0) / 2.0,
            area.middle().1,
        ),
        false => (area.middle().0, area.y + radius + 2.0),
    };
    let mut from = 0.0;
    for series in &slices {
        let to = from + series.value.unwrap_or(0.0) / total;
        canvas.fill(&slice(middle, radius, from, to), &series.colour, 1.0);
        from = to;
    }
    let names = match is_wide {
        true => area.without(area.width * 0.45 + 16.0, 0.0, 0.0, 0.0),
        false => area.without(0.0, radius * 2.0 + 12.0, 0.0, 0.0),
    };
    list(canvas, chart, &slices, total, names);
}

/// Names, numbers and shares.
fn list(canvas: &mut Canvas, chart: &Chart, slices: &[&Series], total: f64, area: Rect) {
    let fit = (1..=slices.len())
        .take_while(|count| *count as f64 * ROW <= area.height)
        .last()
        .unwrap_or(0);
    let shown = if fit < slices.len() {
        fit.saturating_sub(1)
    } else {
        fit
    };
    let mut y = area.y + ((area.height - fit as f64 * ROW) / 2.0).max(0.0) + ROW * 0.7;
    for series in slices.iter().take(shown) {
        let share = series.value.unwrap_or(0.0) / total * 100.0;
        let told = format!("{}  ({share:.1}%)", told(series, chart));
        let room = area.width - 15.0 - words::width(&told, SMALL) - 10.0;
        canvas.rect(Rect::new(area.x, y - 9.0, 10.0, 10.0), &series.colour);
        canvas.text(
            (area.x + 15.0, y),
            &words::fitted(&series.label, SMALL, room),
            Style::new(SMALL, INK),
        );
        canvas.text(
            (area.right(), y),
            &told,
            Style::new(SMALL, PALE).at(Anchor::End),
        );
        y += ROW;
    }
    if shown < slices.len() {
        canvas.text(
            (area.x, y),
            &format!("+{} more", slices.len() - shown),
            Style::new(SMALL, PALE),
        );
    }
}

/// A slice of a ring, each end a part of the whole turn from the top on.
fn slice(middle: (f64, f64), radius: f64, from: f64, to: f64) -> String {
    if to - from > 0.99 {
        // A whole turn would end where it begins, and be nothing.
        let half = from + 0.5;
        return slice(middle, radius, from, half) + &slice(middle, radius, half, to);
    }
    let hole = radius * 0.55;
    let at = |part: f64, radius: f64| {
        let angle = part * TAU;
        format!(
            "{} {}",
            short(middle.0 + radius * angle.sin()),
            short(middle.1 - radius * angle.cos())
        )
    };
    let large = i32::from(to - from > 0.5);
    let (outer, inner) = (short(radius), short(hole));
    format!(
        "M{}A{outer} {outer} 0 {large} 1 {}L{}A{inner} {inner} 0 {large} 0 {}Z",
        at(from, radius),
        at(to, radius),
        at(to, hole),
        at(from, hole)
    )
}
