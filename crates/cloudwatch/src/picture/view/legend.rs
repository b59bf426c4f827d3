//! The names of lines, with their colours.

use super::super::canvas::{Canvas, INK, PALE, Rect, Style};
use super::super::{Chart, words};
use super::SMALL;
use crate::dashboard::widget::Legend;

const ROW: f64 = 17.0;
const SWATCH: f64 = 10.0;
/// From a swatch's left to its name; `GAP` is from a name to the next swatch.
const NAME: f64 = 15.0;
const GAP: f64 = 16.0;

/// Draws the names and gives what is left for the graph.
pub(super) fn draw(canvas: &mut Canvas, chart: &Chart, area: Rect) -> Rect {
    match chart.legend {
        _ if entries(chart).is_empty() || area.height < 90.0 => area,
        Legend::Hidden => area,
        Legend::Bottom => bottom(canvas, chart, area),
        Legend::Right => right(canvas, chart, area),
    }
}

/// A name with its colour.
type Entry<'a> = (&'a str, &'a str);

/// The names of lines, then those of bands.
fn entries(chart: &Chart) -> Vec<Entry<'_>> {
    let lines = chart.series.iter();
    let lines = lines.map(|it| (it.label.as_str(), it.colour.as_str()));
    let bands = chart.bands.iter();
    let bands = bands.map(|it| (it.label.as_str(), it.colour.as_str()));
    lines.chain(bands).collect()
}

fn bottom(canvas: &mut Canvas, chart: &Chart, area: Rect) -> Rect {
    let rows_max = ((area.height * 0.3) / ROW).floor().clamp(1.0, 6.0);
    // Where each name stands: row and place. Those that find no row are counted.
    let (mut row, mut x, mut places) = (0.0, 0.0, Vec::new());
    let entries = entries(chart);
    for (label, colour) in &entries {
        let text = words::fitted(label, SMALL, area.width - NAME);
        let width = NAME + words::width(&text, SMALL);
        if x > 0.0 && x + width > area.width {
            (row, x) = (row + 1.0, 0.0);
        }
        if row >= rows_max {
            break;
        }
        places.push((row, x, text, *colour));
        x += width + GAP;
    }
    let more = |rest| chart.language.more(rest);
    let hidden = hide_for_more(&mut places, entries.len(), (rows_max, area.width), &more);
    let rows = places.last().map_or(0.0, |(row, ..)| row + 1.0);
    let top = area.bottom() - rows * ROW;
    for (row, x, text, colour) in &places {
        name(canvas, (area.x + x, top + row * ROW), text, colour);
    }
    if let Some((x, more)) = hidden {
        let y = top + (rows - 1.0) * ROW + SWATCH + 1.0;
        canvas.text((area.x + x, y), &more, Style::new(SMALL, PALE));
    }
    area.without(0.0, 0.0, 0.0, rows * ROW + 8.0)
}

type Place<'a> = (f64, f64, String, &'a str);

/// Takes names off the end until `+3 more` fits, if any are missing.
fn hide_for_more(
    places: &mut Vec<Place<'_>>,
    count: usize,
    (rows_max, width): (f64, f64),
    more: &dyn Fn(usize) -> String,
) -> Option<(f64, String)> {
    if places.len() == count {
        return None;
    }
    loop {
        let more = more(count - places.len());
        let (row, x, text, _) = places.last()?;
        let from = x + NAME + words::width(text, SMALL) + GAP;
        let is_last_row = row + 1.0 >= rows_max;
        if is_last_row && from + words::width(&more, SMALL) > width && places.len() > 1 {
            places.pop();
            continue;
        }
        return Some((from, more));
    }
}

fn right(canvas: &mut Canvas, chart: &Chart, area: Rect) -> Rect {
    let entries = entries(chart);
    let widths = entries.iter().map(|(label, _)| words::width(label, SMALL));
    let widest = widths.fold(0.0, f64::max);
    // One more, for what sums of parts lose.
    let width = (NAME + widest + 1.0).min(area.width * 0.35);
    let left = area.right() - width;
    let fit = (area.height / ROW).floor().max(1.0);
    let mut y = area.y + 4.0;
    for (index, (label, colour)) in (0_u32..).zip(&entries) {
        let rest = entries.len() - usize::try_from(index).unwrap_or(0);
        if f64::from(index) + 1.0 >= fit && rest > 1 {
            canvas.text(
                (left, y + SWATCH),
                &chart.language.more(rest),
                Style::new(SMALL, PALE),
            );
            break;
        }
        name(
            canvas,
            (left, y),
            &words::fitted(label, SMALL, width - NAME),
            colour,
        );
        y += ROW;
    }
    area.without(0.0, 0.0, width + GAP, 0.0)
}

fn name(canvas: &mut Canvas, (x, y): (f64, f64), text: &str, colour: &str) {
    canvas.rect(Rect::new(x, y + 1.0, SWATCH, SWATCH), colour);
    canvas.text((x + NAME, y + SWATCH), text, Style::new(SMALL, INK));
}
