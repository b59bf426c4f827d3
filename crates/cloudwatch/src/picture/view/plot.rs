//! The frame of a graph over time: axes, ticks, levels, moments; and the paths of lines.

use base::Timestamp;

use super::super::canvas::{Anchor, BASE, Canvas, GRID, PALE, Rect, Style, short};
use super::super::scale::Scale;
use super::super::{Chart, Series, hours, palette, words};
use super::SMALL;
use crate::dashboard::row::Side;
use crate::dashboard::widget::{Axis, Fill, Horizontal, Vertical};

/// Where values and times stand.
pub(super) struct Plot<'a> {
    chart: &'a Chart,
    pub(super) area: Rect,
    left: Scale,
    right: Option<Scale>,
}

/// From ticks to their numbers.
const GAP: f64 = 6.0;
/// Room for the words below and above.
const TIMES: f64 = 20.0;
const UNITS: f64 = 24.0;

impl<'a> Plot<'a> {
    /// Draws the frame in `area`. `values`: the least and greatest of an axis, as far as lines are concerned.
    pub(super) fn new(
        canvas: &mut Canvas,
        chart: &'a Chart,
        area: Rect,
        values: impl Fn(Side) -> Option<(f64, f64)>,
    ) -> Self {
        let names = [unit(chart, Side::Left), unit(chart, Side::Right)];
        let top = if names.iter().all(String::is_empty) {
            8.0
        } else {
            UNITS
        };
        let inner = area.without(0.0, top, 0.0, TIMES);
        let count = (inner.height / 42.0).clamp(2.0, 6.0);
        let scale = |side, axis: &Axis| {
            Scale::new(
                with_levels(chart, side, values(side)),
                (axis.min, axis.max),
                count,
            )
        };
        let has_right = chart.series.iter().any(|it| it.side == Side::Right)
            || chart.bands.iter().any(|it| it.side == Side::Right)
            || chart.horizontal.iter().any(|it| it.side == Side::Right);
        let left = scale(Side::Left, &chart.left);
        let right = has_right.then(|| scale(Side::Right, &chart.right));
        let room = |scale: &Scale| {
            scale
                .ticks
                .iter()
                .map(|it| words::width(&scale.tick(*it), SMALL))
                .fold(0.0, f64::max)
        };
        // Half of the last time's words stick out.
        let behind = right.as_ref().map_or(16.0, |scale| room(scale) + GAP + 2.0);
        let plot = Self {
            chart,
            area: inner.without(room(&left) + GAP + 2.0, 0.0, behind, 0.0),
            left,
            right,
        };
        plot.units(canvas, area, &names);
        plot.axes(canvas);
        plot
    }

    fn units(&self, canvas: &mut Canvas, area: Rect, [left, right]: &[String; 2]) {
        let (y, room, style) = (area.y + SMALL, area.width / 2.0, Style::new(SMALL, PALE));
        canvas.text((area.x, y), &words::fitted(left, SMALL, room), style);
        let right = words::fitted(right, SMALL, room);
        canvas.text((area.right(), y), &right, style.at(Anchor::End));
    }

    fn axes(&self, canvas: &mut Canvas) {
        let area = self.area;
        for tick in &self.left.ticks {
            let y = crisp(self.y(Side::Left, *tick));
            canvas.line((area.x, y), (area.right(), y), GRID, "");
            let at = (area.x - GAP, y + SMALL * 0.36);
            canvas.text(
                at,
                &self.left.tick(*tick),
                Style::new(SMALL, PALE).at(Anchor::End),
            );
        }
        for (scale, tick) in self
            .right
            .iter()
            .flat_map(|it| it.ticks.iter().map(move |tick| (it, tick)))
        {
            let y = crisp(self.y(Side::Right, *tick));
            canvas.text(
                (area.right() + GAP, y + SMALL * 0.36),
                &scale.tick(*tick),
                Style::new(SMALL, PALE),
            );
        }
        let base = crisp(area.bottom());
        canvas.line((area.x, base), (area.right(), base), BASE, "");
        for (at, text) in hours::ticks(
            self.chart.range,
            self.chart.zone_minutes,
            wanted(area.width),
        ) {
            let x = crisp(self.x(at));
            canvas.line((x, base), (x, base + 4.0), BASE, "");
            canvas.text(
                (x, base + 5.0 + SMALL),
                &text,
                Style::new(SMALL, PALE).at(Anchor::Middle),
            );
        }
    }

    pub(super) fn x(&self, at: Timestamp) -> f64 {
        let range = self.chart.range;
        let span = range.span().as_secs_f64().max(0.001);
        let after = match at >= range.from {
            true => at.since(range.from).as_secs_f64(),
            false => -range.from.since(at).as_secs_f64(),
        };
        self.area.x + (after / span).clamp(-2.0, 3.0) * self.area.width
    }

    pub(super) fn y(&self, side: Side, value: f64) -> f64 {
        let scale = match side {
            Side::Right => self.right.as_ref().unwrap_or(&self.left),
            Side::Left => &self.left,
        };
        self.area.bottom() - scale.part(value) * self.area.height
    }

    /// Draws what lies behind the lines: what levels and moments shade.
    pub(super) fn shades(&self, canvas: &mut Canvas) {
        let area = self.area;
        canvas.cut(area, |canvas| {
            for level in &self.chart.horizontal {
                let (top, bottom) = self.shaded(level);
                let shade = Rect::new(area.x, top, area.width, bottom - top);
                canvas.shade(shade, level_colour(level), 0.13);
            }
            for moment in &self.chart.vertical {
                let (left, right) = self.shaded_times(moment);
                let shade = Rect::new(left, area.y, right - left, area.height);
                canvas.shade(shade, moment_colour(moment), 0.13);
            }
        });
    }

    fn shaded(&self, level: &Horizontal) -> (f64, f64) {
        let y = self.y(level.side, level.level.value);
        let (top, bottom) = match (&level.to, level.fill) {
            (Some(to), _) => (y, self.y(level.side, to.value)),
            (None, Fill::Above) => (self.area.y, y),
            (None, Fill::Below) => (y, self.area.bottom()),
            (None, Fill::None) => (y, y),
        };
        (top.min(bottom), top.max(bottom))
    }

    fn shaded_times(&self, moment: &Vertical) -> (f64, f64) {
        let x = self.x(moment.mark.at);
        let (left, right) = match (&moment.to, moment.fill) {
            (Some(to), _) => (x, self.x(to.at)),
            (None, Fill::Above) => (x, self.area.right()),
            (None, Fill::Below) => (self.area.x, x),
            (None, Fill::None) => (x, x),
        };
        (left.min(right), left.max(right))
    }

    /// Draws what lies over the lines: levels and moments with their names.
    pub(super) fn marks(&self, canvas: &mut Canvas) {
        canvas.cut(self.area, |canvas| {
            self.chart
                .horizontal
                .iter()
                .for_each(|level| self.level(canvas, level));
            self.chart
                .vertical
                .iter()
                .for_each(|moment| self.moment(canvas, moment));
        });
    }

    fn level(&self, canvas: &mut Canvas, level: &Horizontal) {
        let area = self.area;
        let colour = level_colour(level);
        for it in std::iter::once(&level.level).chain(&level.to) {
            let y = crisp(self.y(level.side, it.value));
            canvas.line((area.x, y), (area.right(), y), colour, "5 3");
            let label = words::fitted(
                it.label.as_deref().unwrap_or_default(),
                SMALL,
                area.width - 8.0,
            );
            // Above the line, or below it where the line is the top.
            let base = if y - area.y < SMALL + 6.0 {
                y + SMALL + 2.0
            } else {
                y - 4.0
            };
            let style = Style::new(SMALL, colour).at(Anchor::End).edged();
            canvas.text((area.right() - 4.0, base), &label, style);
        }
    }

    fn moment(&self, canvas: &mut Canvas, moment: &Vertical) {
        let area = self.area;
        for mark in std::iter::once(&moment.mark).chain(&moment.to) {
            let x = crisp(self.x(mark.at));
            canvas.line(
                (x, area.y),
                (x, area.bottom()),
                moment_colour(moment),
                "5 3",
            );
            let label = mark.label.as_deref().unwrap_or_default();
            self.named(canvas, x, label, moment_colour(moment));
        }
    }

    /// A name beside an upright line, at the side where there is room.
    fn named(&self, canvas: &mut Canvas, x: f64, label: &str, colour: &str) {
        let area = self.area;
        let fits_right = x + 4.0 + words::width(label, SMALL) <= area.right();
        let (at, anchor) = if fits_right {
            (x + 4.0, Anchor::Start)
        } else {
            (x - 4.0, Anchor::End)
        };
        canvas.text(
            (at, area.y + SMALL + 1.0),
            label,
            Style::new(SMALL, colour).at(anchor).edged(),
        );
    }
}

/// The middle of a pixel, so that thin lines are sharp.
fn crisp(at: f64) -> f64 {
    at.floor() + 0.5
}

/// A time's words and the room beside them.
fn wanted(width: f64) -> u64 {
    const ROOM: f64 = 58.0;
    let count = (width / ROOM).clamp(1.0, 40.0);
    (1_u64..=40)
        .take_while(|number| *number as f64 <= count)
        .last()
        .unwrap_or(1)
}

fn level_colour(level: &Horizontal) -> &str {
    level.colour.as_deref().unwrap_or(palette::ANNOTATION)
}

fn moment_colour(moment: &Vertical) -> &str {
    moment.colour.as_deref().unwrap_or(palette::MOMENT)
}

/// What stands over an axis: its label, or the units of its lines.
fn unit(chart: &Chart, side: Side) -> String {
    let axis = match side {
        Side::Left => &chart.left,
        Side::Right => &chart.right,
    };
    if let Some(label) = &axis.label {
        return label.clone();
    }
    let mut units: Vec<&str> = Vec::new();
    let lines = chart
        .series
        .iter()
        .filter(|it| it.side == side && axis.shows_units);
    for unit in lines
        .filter_map(|it| it.unit)
        .map(crate::metric::Unit::as_str)
    {
        if unit != "None" && !units.contains(&unit) {
            units.push(unit);
        }
    }
    match units.as_slice() {
        [one] => (*one).to_owned(),
        [] => String::new(),
        _ => chart.language.various_units().to_owned(),
    }
}

/// The least and greatest of the lines and levels of an axis.
fn with_levels(chart: &Chart, side: Side, values: Option<(f64, f64)>) -> Option<(f64, f64)> {
    let levels = chart.horizontal.iter().filter(|it| it.side == side);
    let levels = levels
        .flat_map(|it| std::iter::once(&it.level).chain(&it.to))
        .map(|it| (it.value, it.value));
    values
        .into_iter()
        .chain(levels)
        .reduce(|(low, high), (other_low, other_high)| (low.min(other_low), high.max(other_high)))
}

/// The parts of a line without holes: periods that follow each other.
pub(super) fn unbroken(series: &Series) -> Vec<&[(Timestamp, f64)]> {
    let follows =
        |a: &(Timestamp, f64), b: &(Timestamp, f64)| is_next(series.period_secs, a.0, b.0);
    series.points.chunk_by(follows).collect()
}

/// Whether a period follows another.
pub(super) fn is_next(period_secs: u32, one: Timestamp, other: Timestamp) -> bool {
    let step = u64::from(period_secs.max(1)) * 1000;
    other.as_millis().saturating_sub(one.as_millis()) <= step
}

/// A path through points; many that share a pixel across become their first, least, greatest and last.
pub(super) fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = [
            column.first(),
            column.iter().min_by(by_value),
            column.iter().max_by(by_value),
            column.last(),
        ];
        let kept = if column.len() > 4 {
            ends.into_iter().flatten().collect()
        } else {
            column.iter().collect::<Vec<_>>()
        };
        for (x, y) in kept {
            path.push(if path.is_empty() { 'M' } else { 'L' });
            path.push_str(&short(*x));
            path.push(' ');
            path.push_str(&short(*y));
        }
    }
    path
}
