//! Lines over time, beside each other or stacked.

use std::collections::BTreeMap;

use base::Timestamp;

use super::super::canvas::{Canvas, PALE, Rect, Style};
use super::super::{Chart, Series};
use super::plot::{Plot, is_next, path, unbroken};
use super::{legend, text};
use crate::dashboard::row::Side;

pub(super) fn draw(canvas: &mut Canvas, chart: &Chart, area: Rect) {
    let area = legend::draw(canvas, chart, area);
    match chart.is_stacked {
        true => stacked(canvas, chart, area),
        false => beside(canvas, chart, area),
    }
}

fn beside(canvas: &mut Canvas, chart: &Chart, area: Rect) {
    let values = |side| {
        let lines = chart.series.iter().filter(move |it| it.side == side);
        let lines = lines.flat_map(|it| it.points.iter().map(|(_, value)| *value));
        ends(lines.chain(edges(chart, side)))
    };
    let plot = Plot::new(canvas, chart, area, values);
    plot.shades(canvas);
    canvas.cut(plot.area, |canvas| {
        bands(canvas, &plot, chart);
        chart
            .series
            .iter()
            .for_each(|series| line(canvas, &plot, series))
    });
    plot.marks(canvas);
    if chart.series.iter().all(|series| series.points.is_empty()) {
        text::centred(
            canvas,
            chart.language.no_data(),
            plot.area,
            Style::new(13.0, PALE),
        );
    }
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let both = values.filter(|it| it.is_finite()).map(|it| (it, it));
    both.reduce(|(low, high), (value, _)| (low.min(value), high.max(value)))
}

/// The edges of the bands of one side.
fn edges(chart: &Chart, side: Side) -> impl Iterator<Item = f64> {
    let bands = chart.bands.iter().filter(move |it| it.side == side);
    let points = bands.flat_map(|it| &it.points);
    points.flat_map(|(_, lower, upper)| [*lower, *upper])
}

/// What is expected, behind the lines.
fn bands(canvas: &mut Canvas, plot: &Plot<'_>, chart: &Chart) {
    for band in &chart.bands {
        let follows = |one: &Edge, other: &Edge| is_next(band.period_secs, one.0, other.0);
        for part in band.points.chunk_by(follows) {
            let at = |at, value| (plot.x(at), plot.y(band.side, value));
            let upper: Vec<_> = part.iter().map(|it| at(it.0, it.2)).collect();
            let lower: Vec<_> = part.iter().rev().map(|it| at(it.0, it.1)).collect();
            let (upper, lower) = (path(&upper), path(&lower));
            let whole = format!("{upper}{}Z", lower.replacen('M', "L", 1));
            canvas.fill(&whole, &band.colour, 0.3);
        }
    }
}

type Edge = (Timestamp, f64, f64);

fn line(canvas: &mut Canvas, plot: &Plot<'_>, series: &Series) {
    for part in unbroken(series) {
        let at = |(at, value): &(Timestamp, f64)| (plot.x(*at), plot.y(series.side, *value));
        let points: Vec<_> = part.iter().map(at).collect();
        match points.as_slice() {
            [alone] => canvas.dot(*alone, 2.5, &series.colour),
            points => canvas.stroke(&path(points), &series.colour, 1.75),
        }
    }
}

/// The lines of one side on each other. What a line lacks at a moment that others have counts as nothing.
fn stacked(canvas: &mut Canvas, chart: &Chart, area: Rect) {
    let left = stack(chart, Side::Left);
    let right = stack(chart, Side::Right);
    let values = |side| {
        let stack = if side == Side::Left { &left } else { &right };
        ends(
            stack
                .iter()
                .flat_map(|(_, tops)| tops.iter().map(|(_, _, top)| *top))
                .chain(edges(chart, side))
                .chain(std::iter::once(0.0)),
        )
    };
    let plot = Plot::new(canvas, chart, area, values);
    plot.shades(canvas);
    canvas.cut(plot.area, |canvas| {
        bands(canvas, &plot, chart);
        for (series, tops) in left.iter().chain(&right) {
            layer(canvas, &plot, series, tops);
        }
    });
    plot.marks(canvas);
    if left.is_empty() && right.is_empty() {
        text::centred(
            canvas,
            chart.language.no_data(),
            plot.area,
            Style::new(13.0, PALE),
        );
    }
}

/// Moments with the lower and upper edge of a layer.
type Edges = Vec<(Timestamp, f64, f64)>;

fn stack(chart: &Chart, side: Side) -> Vec<(&Series, Edges)> {
    let lines: Vec<_> = chart
        .series
        .iter()
        .filter(|it| it.side == side && !it.points.is_empty())
        .collect();
    let moments = lines
        .iter()
        .flat_map(|it| it.points.iter().map(|(at, _)| (*at, 0.0)));
    let mut tops: BTreeMap<Timestamp, f64> = moments.collect();
    let layer = |series: &'_ Series, tops: &mut BTreeMap<Timestamp, f64>| -> Edges {
        let own: BTreeMap<Timestamp, f64> = series.points.iter().copied().collect();
        let edge = |(at, top): (&Timestamp, &mut f64)| {
            let bottom = *top;
            *top += own.get(at).copied().unwrap_or(0.0);
            (*at, bottom, *top)
        };
        tops.iter_mut().map(edge).collect()
    };
    lines
        .into_iter()
        .map(|series| (series, layer(series, &mut tops)))
        .collect()
}

fn layer(canvas: &mut Canvas, plot: &Plot<'_>, series: &Series, edges: &Edges) {
    let top: Vec<_> = edges
        .iter()
        .map(|(at, _, top)| (plot.x(*at), plot.y(series.side, *top)))
        .collect();
    let bottom: Vec<_> = edges
        .iter()
        .rev()
        .map(|(at, bottom, _)| (plot.x(*at), plot.y(series.side, *bottom)))
        .collect();
    let (top, bottom) = (path(&top), path(&bottom));
    canvas.fill(
        &format!("{top}{}Z", bottom.replacen('M', "L", 1)),
        &series.colour,
        0.55,
    );
    canvas.stroke(&top, &series.colour, 1.25);
}
