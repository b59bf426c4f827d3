//! The views, one file each.

mod alarms;
mod bars;
mod gauge;
mod grid;
mod legend;
mod lines;
mod numbers;
mod pie;
mod plot;
mod table;
mod text;

use super::canvas::{Anchor, Canvas, INK, PALE, Rect, Style};
use super::scale::{Precision, number, sign};
use super::{Chart, Drawing, Language, Series, words};
use crate::dashboard::widget::View;

/// Between the sides of a picture and what is drawn.
const MARGIN: f64 = 12.0;
/// The height of a title.
const TITLE: f64 = 26.0;
/// The size of a title's words.
const TITLE_SIZE: f64 = 15.0;
/// The size of small words.
const SMALL: f64 = 11.0;

/// Draws into `area`.
pub(super) fn draw(canvas: &mut Canvas, drawing: &Drawing, area: Rect) {
    let inner = titled(
        canvas,
        drawing.title(),
        area.without(MARGIN, MARGIN * 0.75, MARGIN, MARGIN * 0.75),
    );
    match drawing {
        Drawing::Chart(chart) => of_chart(canvas, chart, inner),
        Drawing::Text(markdown) => canvas.cut(area, |canvas| text::draw(canvas, markdown, inner)),
        Drawing::Alarms {
            alarms,
            zone_minutes,
            language,
            ..
        } => alarms::draw(canvas, alarms, (*zone_minutes, *language), inner),
        Drawing::Grid {
            columns,
            charts,
            language,
            ..
        } => grid::draw(canvas, charts, *columns, *language, inner),
        Drawing::Note { text, .. } => note(canvas, text, inner),
    }
}

fn of_chart(canvas: &mut Canvas, chart: &Chart, area: Rect) {
    let has_data = chart.series.iter().any(|series| !series.points.is_empty());
    match chart.view {
        View::TimeSeries => lines::draw(canvas, chart, area),
        _ if chart.series.is_empty() || (chart.view == View::Pie && !has_data) => {
            note(canvas, chart.language.no_data(), area)
        }
        View::SingleValue => numbers::draw(canvas, chart, area),
        View::Gauge => gauge::draw(canvas, chart, area),
        View::Bar => bars::draw(canvas, chart, area),
        View::Pie => pie::draw(canvas, chart, area),
        View::Table => table::draw(canvas, chart, area),
    }
}

/// Writes a title and gives what is left below it.
fn titled(canvas: &mut Canvas, title: &str, area: Rect) -> Rect {
    // A very low picture has no room for it.
    if title.is_empty() || area.height < TITLE * 2.0 {
        return area;
    }
    let text = words::fitted(title, TITLE_SIZE, area.width);
    canvas.text(
        (area.x, area.y + TITLE_SIZE),
        &text,
        Style::new(TITLE_SIZE, INK).bold(),
    );
    area.without(0.0, TITLE, 0.0, 0.0)
}

/// The place of the one with this index among so many `across`, each of a size, with a gap between them.
fn tile(area: Rect, index: u32, across: f64, (width, height): (f64, f64), gap: f64) -> Rect {
    let (row, column) = (
        (f64::from(index) / across).floor(),
        f64::from(index) % across,
    );
    Rect::new(
        area.x + column * (width + gap),
        area.y + row * (height + gap),
        width,
        height,
    )
}

/// Says beside the title how many had no room.
fn left_out(canvas: &mut Canvas, rest: usize, language: Language, area: Rect) {
    if rest > 0 {
        let at = (area.right(), area.y - 8.0);
        let style = Style::new(SMALL, PALE).at(Anchor::End);
        canvas.text(at, &language.more(rest), style);
    }
}

/// Words in the middle.
fn note(canvas: &mut Canvas, text: &str, area: Rect) {
    text::centred(canvas, text, area, Style::new(13.0, PALE));
}

/// A line's number with its unit.
fn told(series: &Series, chart: &Chart) -> String {
    let precision = if chart.is_full_precision {
        Precision::Full
    } else {
        Precision::Short
    };
    match series.value.filter(|value| value.is_finite()) {
        Some(value) => with_sign(number(value, precision), sign(series.unit)),
        None => "--".to_owned(),
    }
}

fn with_sign(number: String, sign: &str) -> String {
    match sign {
        "" => number,
        "%" | "/s" => number + sign,
        sign => format!("{number} {sign}"),
    }
}

/// Lines of a description.
const DESCRIBED_MAX: usize = 20;

/// For those who do not see the picture.
pub(super) fn described(drawing: &Drawing) -> String {
    match drawing {
        Drawing::Chart(chart) => described_chart(chart),
        Drawing::Grid { charts, .. } => {
            let charts = charts.iter().take(DESCRIBED_MAX);
            let charts: Vec<_> = charts
                .map(|chart| format!("{}: {}", chart.title, described_chart(chart)))
                .collect();
            charts.join(". ")
        }
        Drawing::Alarms { alarms, .. } => {
            let alarms = alarms.iter().take(DESCRIBED_MAX);
            let alarms: Vec<_> = alarms
                .map(|alarm| format!("{}: {}", alarm.name, alarm.state.as_str()))
                .collect();
            alarms.join("; ")
        }
        Drawing::Text(text) | Drawing::Note { text, .. } => text.chars().take(1000).collect(),
    }
}

fn described_chart(chart: &Chart) -> String {
    let lines = chart.series.iter().take(DESCRIBED_MAX);
    let lines: Vec<_> = lines
        .map(|series| format!("{}: {}", series.label, told(series, chart)))
        .collect();
    lines.join("; ")
}
