//! Words that break into lines, and a text in Markdown.

use super::super::canvas::{Anchor, BASE, Canvas, GRID, INK, PALE, Rect, Style};
use super::super::markdown::{Block, Kind, Span, blocks};
use super::super::words;

const LINK: &str = "#0073bb";
const LEADING: f64 = 1.5;

/// Words in the middle of `area`, in as many lines as they need.
pub(super) fn centred(canvas: &mut Canvas, text: &str, area: Rect, style: Style<'_>) {
    let spans = [Span::plain(text)];
    let lines = broken(&spans, style.size, area.width * 0.9);
    let height = style.size * LEADING;
    let mut y = area.middle().1 - height * (lines.len() as f64 - 1.0) / 2.0 + style.size * 0.36;
    for line in lines.iter().filter(|_| area.height >= style.size) {
        let text: String = line.iter().map(|piece| piece.text.as_str()).collect();
        canvas.text((area.middle().0, y), text.trim(), style.at(Anchor::Middle));
        y += height;
    }
}

/// Draws a text; what does not fit is cut off below.
pub(super) fn draw(canvas: &mut Canvas, markdown: &str, area: Rect) {
    let mut y = area.y;
    for block in blocks(markdown) {
        if y > area.bottom() {
            return;
        }
        y = match &block {
            Block::Words { kind, spans } => words_of(canvas, *kind, spans, area, y),
            Block::Rule => {
                canvas.line((area.x, y + 8.5), (area.right(), y + 8.5), BASE, "");
                y + 18.0
            }
            Block::Table(rows) => table(canvas, rows, area, y),
        };
    }
}

fn words_of(canvas: &mut Canvas, kind: Kind, spans: &[Span], area: Rect, y: f64) -> f64 {
    let (size, indent, below) = match kind {
        Kind::Heading(1) => (20.0, 0.0, 8.0),
        Kind::Heading(2) => (17.0, 0.0, 6.0),
        Kind::Heading(_) => (14.5, 0.0, 4.0),
        Kind::Item { depth, .. } => (13.0, 18.0 + 16.0 * f64::from(depth), 2.0),
        Kind::Paragraph => (13.0, 0.0, 6.0),
        Kind::Code => (12.0, 8.0, 0.0),
    };
    let is_bold = matches!(kind, Kind::Heading(_));
    let area = area.without(indent, 0.0, 0.0, 0.0);
    let mut y = y;
    for (index, line) in broken(spans, size, area.width).iter().enumerate() {
        let base = y + size * 1.05;
        if index == 0 {
            marker(canvas, kind, (area.x, base), size);
        }
        if kind == Kind::Code {
            canvas.rect(
                Rect::new(area.x - 8.0, y, area.width + 8.0, size * LEADING),
                "#f2f3f3",
            );
        }
        pieces(canvas, line, (area.x, base), size, is_bold);
        y += size * LEADING;
    }
    y + below
}

fn marker(canvas: &mut Canvas, kind: Kind, (x, base): (f64, f64), size: f64) {
    match kind {
        Kind::Item {
            number: Some(number),
            ..
        } => {
            canvas.text(
                (x - 5.0, base),
                &format!("{number}."),
                Style::new(size, INK).at(Anchor::End),
            );
        }
        Kind::Item { number: None, .. } => canvas.dot((x - 9.0, base - size * 0.36), 2.0, INK),
        _ => {}
    }
}

fn pieces(canvas: &mut Canvas, line: &[Span], (mut x, base): (f64, f64), size: f64, is_bold: bool) {
    for piece in line {
        let width = words::width(&piece.text, size);
        if piece.is_code {
            canvas.card(
                Rect::new(x - 1.0, base - size, width + 2.0, size * 1.3),
                "#f2f3f3",
                GRID,
                2.0,
            );
        }
        let fill = if piece.link.is_some() { LINK } else { INK };
        let style = Style::new(size, fill);
        let style = if is_bold || piece.is_bold {
            style.bold()
        } else {
            style
        };
        if let Some(link) = &piece.link {
            canvas.link(link);
        }
        canvas.text((x, base), &piece.text, style);
        if piece.link.is_some() {
            canvas.end_link();
            canvas.line((x, base + 2.5), (x + width, base + 2.5), LINK, "");
        }
        x += width;
    }
}

fn table(canvas: &mut Canvas, rows: &[Vec<Vec<Span>>], area: Rect, y: f64) -> f64 {
    const ROW: f64 = 23.0;
    let columns = rows.iter().map(Vec::len).max().unwrap_or(1).max(1);
    let width = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index));
        cells
            .map(|cell| {
                cell.iter()
                    .map(|it| words::width(&it.text, 12.0))
                    .sum::<f64>()
            })
            .fold(20.0, f64::max)
            + 20.0
    };
    let widths: Vec<f64> = (0..columns).map(width).collect();
    let shrink = (area.width / widths.iter().sum::<f64>()).min(1.0);
    let whole = widths.iter().sum::<f64>() * shrink;
    let mut y = y + 2.0;
    for (index, row) in rows.iter().enumerate() {
        let mut x = area.x;
        for (cell, width) in row.iter().zip(&widths) {
            canvas.cut(Rect::new(x, y, width * shrink - 4.0, ROW), |canvas| {
                pieces(canvas, cell, (x + 2.0, y + 16.0), 12.0, index == 0);
            });
            x += width * shrink;
        }
        let base = (y + ROW).floor() + 0.5;
        canvas.line(
            (area.x, base),
            (area.x + whole, base),
            if index == 0 { PALE } else { GRID },
            "",
        );
        y += ROW;
    }
    y + 10.0
}

/// Breaks words into lines of at most `room`: at blanks, and between any two letters of Japanese. A word that is wider than
/// a line is cut.
fn broken(spans: &[Span], size: f64, room: f64) -> Vec<Vec<Span>> {
    let mut lines: Vec<Vec<Span>> = vec![Vec::new()];
    let mut used = 0.0;
    for span in spans {
        for word in split(&span.text) {
            let width = words::width(word.trim_end(), size);
            if used > 0.0 && used + width > room {
                lines.push(Vec::new());
                used = 0.0;
            }
            let word = if used == 0.0 { word.trim_start() } else { word };
            let piece = Span {
                text: words::fitted(word, size, room.max(size)),
                ..span.clone()
            };
            used += words::width(&piece.text, size);
            if let Some(line) = lines.last_mut() {
                line.push(piece);
            }
        }
    }
    lines.into_iter().map(joined).collect()
}

/// Pieces of the same kind become one again.
fn joined(line: Vec<Span>) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::new();
    for piece in line {
        match out.last_mut() {
            Some(last) if last.is_like(&piece) => last.text.push_str(&piece.text),
            _ => out.push(piece),
        }
    }
    out
}

/// Words with the blanks behind them, and letters of Japanese alone.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    let mut before = None;
    for (at, letter) in text.char_indices() {
        let may_end = before.is_some_and(|before: char| {
            (before == ' ' && letter != ' ') || words::is_wide(before) || words::is_wide(letter)
        });
        if may_end && !matches!(letter, '、' | '。' | '」' | '）' | '・' | 'ー' | ' ') {
            parts.extend(text.get(from..at));
            from = at;
        }
        before = Some(letter);
    }
    parts.extend(text.get(from..).filter(|rest| !rest.is_empty()));
    parts
}
