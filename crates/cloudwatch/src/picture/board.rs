//! A whole dashboard as one picture.

use super::canvas::{BASE, Canvas, INK, Rect, Style};
use super::{Drawing, Size, view};
use crate::dashboard::layout::{Area, COLUMNS};

/// Pixels of a column and of a row of the grid. Chosen: a widget of 6 by 6 is as wide as a card on a page.
const COLUMN: u32 = 60;
const ROW: u32 = 52;
/// Between widgets.
const GAP: f64 = 10.0;
/// The height of the title.
const TITLE: u32 = 44;
/// The greatest height; what stands lower is left out. Chosen.
const HEIGHT_MAX: u32 = 16_000;

/// Draws widgets at their places, with the dashboard's name over them.
#[must_use]
pub fn board(name: &str, widgets: &[(Area, Drawing)]) -> String {
    let rows = widgets
        .iter()
        .map(|(area, _)| area.bottom())
        .max()
        .unwrap_or(1)
        .max(1);
    let size = Size {
        width: COLUMNS * COLUMN + 10,
        height: rows
            .saturating_mul(ROW)
            .saturating_add(TITLE + 10)
            .min(HEIGHT_MAX),
    };
    let titles: Vec<_> = widgets
        .iter()
        .map(|(_, drawing)| drawing.title())
        .filter(|it| !it.is_empty())
        .take(100)
        .collect();
    let mut canvas = Canvas::new(size, name, &titles.join("; "));
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    canvas.rect(Rect::new(0.0, 0.0, width, height), "#f2f3f3");
    let style = Style::new(20.0, INK).bold();
    canvas.text(
        (GAP, 29.0),
        &super::words::fitted(name, 20.0, width - 2.0 * GAP),
        style,
    );
    for (area, drawing) in widgets {
        let place = place(*area);
        if place.bottom() <= height {
            canvas.card(place.without(0.5, 0.5, 0.5, 0.5), "#ffffff", BASE, 4.0);
            view::draw(&mut canvas, drawing, place);
        }
    }
    canvas.finish()
}

fn place(area: Area) -> Rect {
    let (column, row) = (f64::from(COLUMN), f64::from(ROW));
    Rect::new(
        f64::from(area.x) * column + GAP,
        f64::from(area.y) * row + f64::from(TITLE),
        f64::from(area.width) * column - GAP,
        f64::from(area.height) * row - GAP,
    )
}
