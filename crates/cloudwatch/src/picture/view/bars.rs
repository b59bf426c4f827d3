//! A bar for each line.

use super::super::canvas::{Anchor, Canvas, GRID, INK, PALE, Rect, Style};
use super::super::scale::Scale;
use super::super::{Chart, palette, words};
use super::{SMALL, told};

/// The least height of a bar with the room beside it.
const ROW_MIN: f64 = 18.0;
/// The greatest.
const ROW_MAX: f64 = 58.0;
const TICKS: f64 = 20.0;

pub(super) fn draw(canvas: &mut Canvas, chart: &Chart, area: Rect) {
    let count = chart.series.len();
    let rows = (area.height - TICKS) / ROW_MIN;
    let fit = (1..=count)
        .take_while(|number| *number as f64 <= rows)
        .last()
        .unwrap_or(1);
    let shown = if fit < count {
        fit.saturating_sub(1).max(1)
    } else {
        count
    };
    let height = ((area.height - TICKS) / (shown as f64 + if shown < count { 1.0 } else { 0.0 }))
        .clamp(4.0, ROW_MAX);
    let bars: Vec<_> = chart.series.iter().take(shown).collect();
    let names = bars
        .iter()
        .map(|it| words::width(&it.label, SMALL))
        .fold(0.0, f64::max)
        .min(area.width * 0.35);
    let texts = bars
        .iter()
        .map(|it| words::width(&told(it, chart), SMALL))
        .fold(0.0, f64::max);
    let plot = area.without(names + 8.0, 0.0, texts + 10.0, TICKS);
    let values = bars.iter().filter_map(|it| it.value).chain([0.0]);
    let values = values
        .map(|it| (it, it))
        .reduce(|(low, high), (value, _)| (low.min(value), high.max(value)));
    let scale = Scale::new(
        values,
        (chart.left.min, chart.left.max),
        (plot.width / 80.0).clamp(2.0, 8.0),
    );
    let bottom = plot.y + height * shown as f64;
    let x = |value: f64| plot.x + scale.part(value).clamp(0.0, 1.0) * plot.width;
    for tick in &scale.ticks {
        let at = x(*tick).floor() + 0.5;
        canvas.line((at, plot.y), (at, bottom), GRID, "");
        canvas.text(
            (at, bottom + SMALL + 4.0),
            &scale.tick(*tick),
            Style::new(SMALL, PALE).at(Anchor::Middle),
        );
    }
    let zero = x(0.0);
    for (index, series) in (0_u32..).zip(&bars) {
        let top = plot.y + height * f64::from(index);
        let base = top + height / 2.0 + SMALL * 0.36;
        let label = words::fitted(&series.label, SMALL, names);
        canvas.text(
            (plot.x - 8.0, base),
            &label,
            Style::new(SMALL, INK).at(Anchor::End),
        );
        let end = series.value.map_or(zero, x);
        let bar = Rect::new(
            zero.min(end),
            top + height * 0.15,
            (end - zero).abs(),
            height * 0.7,
        );
        canvas.rect(bar, &series.colour);
        canvas.text(
            (zero.max(end) + 5.0, base),
            &told(series, chart),
            Style::new(SMALL, INK),
        );
    }
    for level in &chart.horizontal {
        let at = x(level.level.value).floor() + 0.5;
        canvas.line(
            (at, plot.y),
            (at, bottom),
            level.colour.as_deref().unwrap_or(palette::ANNOTATION),
            "5 3",
        );
    }
    if shown < count {
        let more = format!("+{} more", count - shown);
        canvas.text(
            (area.x, (bottom + TICKS + SMALL).min(area.bottom())),
            &more,
            Style::new(SMALL, PALE),
        );
    }
}
