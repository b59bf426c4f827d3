//! A bar for each line.

use super::super::canvas::{Anchor, Canvas, GRID, INK, PALE, Rect, Style};
use super::super::scale::Scale;
use super::super::{Chart, Series, palette, words};
use super::{SMALL, told};

/// The least height of a bar with the room beside it.
const ROW_MIN: f64 = 18.0;
/// The greatest.
const ROW_MAX: f64 = 58.0;
const TICKS: f64 = 20.0;

/// The bars that find room, and where they stand.
struct Bars<'a> {
    chart: &'a Chart,
    shown: &'a [Series],
    plot: Rect,
    /// The room for names.
    names: f64,
    /// The height of a bar with the room beside it.
    row: f64,
    scale: Scale,
}

pub(super) fn draw(canvas: &mut Canvas, chart: &Chart, area: Rect) {
    let bars = Bars::of(chart, area);
    bars.ticks(canvas);
    for (index, series) in (0_u32..).zip(bars.shown) {
        bars.bar(canvas, f64::from(index) * bars.row, series);
    }
    bars.levels(canvas);
    let rest = chart.series.len() - bars.shown.len();
    if rest > 0 {
        let base = (bars.bottom() + TICKS + SMALL).min(area.bottom());
        canvas.text(
            (area.x, base),
            &format!("+{rest} more"),
            Style::new(SMALL, PALE),
        );
    }
}

impl<'a> Bars<'a> {
    fn of(chart: &'a Chart, area: Rect) -> Self {
        let room = area.height - TICKS;
        let shown = fitting(chart.series.len(), room);
        // What is left out is told in a row of its own.
        let rows = if shown < chart.series.len() {
            shown + 1
        } else {
            shown
        };
        let shown = chart.series.get(..shown).unwrap_or_default();
        let widest = |widths: &mut dyn Iterator<Item = f64>| widths.fold(0.0, f64::max);
        let names = widest(&mut shown.iter().map(|it| words::width(&it.label, SMALL)))
            .min(area.width * 0.35);
        let numbers = widest(&mut shown.iter().map(|it| words::width(&told(it, chart), SMALL)));
        let plot = area.without(names + 8.0, 0.0, numbers + 10.0, TICKS);
        let values = shown
            .iter()
            .filter_map(|it| it.value)
            .chain([0.0])
            .map(|it| (it, it));
        let values = values.reduce(|(low, high), (value, _)| (low.min(value), high.max(value)));
        Self {
            chart,
            shown,
            plot,
            // One more, for what sums of parts lose.
            names: names + 1.0,
            row: (room / rows.max(1) as f64).clamp(4.0, ROW_MAX),
            scale: Scale::new(
                values,
                (chart.left.min, chart.left.max),
                (plot.width / 80.0).clamp(2.0, 8.0),
            ),
        }
    }

    fn bottom(&self) -> f64 {
        self.plot.y + self.row * self.shown.len() as f64
    }

    fn x(&self, value: f64) -> f64 {
        self.plot.x + self.scale.part(value).clamp(0.0, 1.0) * self.plot.width
    }

    fn ticks(&self, canvas: &mut Canvas) {
        let bottom = self.bottom();
        for tick in &self.scale.ticks {
            let at = self.x(*tick).floor() + 0.5;
            canvas.line((at, self.plot.y), (at, bottom), GRID, "");
            let style = Style::new(SMALL, PALE).at(Anchor::Middle);
            canvas.text((at, bottom + SMALL + 4.0), &self.scale.tick(*tick), style);
        }
    }

    fn bar(&self, canvas: &mut Canvas, below: f64, series: &Series) {
        let top = self.plot.y + below;
        let base = top + self.row / 2.0 + SMALL * 0.36;
        let style = Style::new(SMALL, INK);
        let label = words::fitted(&series.label, SMALL, self.names);
        canvas.text((self.plot.x - 8.0, base), &label, style.at(Anchor::End));
        let zero = self.x(0.0);
        let end = series.value.map_or(zero, |value| self.x(value));
        let (left, right) = (zero.min(end), zero.max(end));
        canvas.rect(
            Rect::new(left, top + self.row * 0.15, right - left, self.row * 0.7),
            &series.colour,
        );
        canvas.text((right + 5.0, base), &told(series, self.chart), style);
    }

    fn levels(&self, canvas: &mut Canvas) {
        for level in &self.chart.horizontal {
            let at = self.x(level.level.value).floor() + 0.5;
            let colour = level.colour.as_deref().unwrap_or(palette::ANNOTATION);
            canvas.line((at, self.plot.y), (at, self.bottom()), colour, "5 3");
        }
    }
}

/// How many of `count` bars find room.
fn fitting(count: usize, room: f64) -> usize {
    let fit = (1..=count)
        .take_while(|number| *number as f64 * ROW_MIN <= room)
        .last()
        .unwrap_or(1);
    if fit < count {
        fit.saturating_sub(1).max(1)
    } else {
        count
    }
}
