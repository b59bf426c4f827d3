//! Writes the elements of an SVG.

use std::fmt::Write;

use super::Size;

/// Ink of words.
pub(super) const INK: &str = "#16191f";
/// Ink of what explains.
pub(super) const PALE: &str = "#545b64";
/// Lines behind a graph.
pub(super) const GRID: &str = "#e9ebed";
/// The line that a graph stands on.
pub(super) const BASE: &str = "#aab7b8";

const FAMILY: &str = "'Noto Sans CJK JP','Noto Sans JP','Hiragino Sans','Yu Gothic UI',sans-serif";

/// A part of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    pub(super) const fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }

    pub(super) fn right(self) -> f64 {
        self.x + self.width
    }

    pub(super) fn bottom(self) -> f64 {
        self.y + self.height
    }

    pub(super) fn middle(self) -> (f64, f64) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// What is left when so much is taken off each side; never less than nothing.
    pub(super) fn without(self, left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self {
            x: self.x + left,
            y: self.y + top,
            width: (self.width - left - right).max(0.0),
            height: (self.height - top - bottom).max(0.0),
        }
    }
}

/// Where words stand by their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How words look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style<'a> {
    pub(super) size: f64,
    pub(super) fill: &'a str,
    pub(super) anchor: Anchor,
    pub(super) weight: Weight,
}

/// How strong words are. There is one weight of the font: the others are drawn with an outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Plain,
    Bold,
    /// With a white edge, to be read over lines.
    Edged,
}

impl<'a> Style<'a> {
    pub(super) const fn new(size: f64, fill: &'a str) -> Self {
        Self {
            size,
            fill,
            anchor: Anchor::Start,
            weight: Weight::Plain,
        }
    }

    pub(super) const fn at(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(super) const fn edged(self) -> Self {
        Self {
            weight: Weight::Edged,
            ..self
        }
    }

    pub(super) const fn bold(self) -> Self {
        Self {
            weight: Weight::Bold,
            ..self
        }
    }
}

/// An SVG that is being written.
#[derive(Debug)]
pub(super) struct Canvas(String);

/// Writes to a string, which takes everything.
macro_rules! put {
    ($canvas:expr, $($what:tt)+) => {
        let _ = write!($canvas.0, $($what)+);
    };
}

impl Canvas {
    pub(super) fn new(size: Size, title: &str, description: &str) -> Self {
        let Size { width, height } = size;
        let mut canvas = Self(String::with_capacity(4096));
        let name = if title.is_empty() { "graph" } else { title };
        let (name, description) = (escaped(name), escaped(description));
        put!(
            canvas,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" xml:space=\"preserve\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FAMILY}\"><title>{name}</title><desc>{description}</desc>\n"
        );
        canvas
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    pub(super) fn rect(&mut self, area: Rect, fill: &str) {
        put!(self, "<rect {} fill=\"{fill}\"/>\n", sides(area));
    }

    pub(super) fn shade(&mut self, area: Rect, fill: &str, opacity: f64) {
        put!(
            self,
            "<rect {} fill=\"{fill}\" fill-opacity=\"{opacity}\"/>\n",
            sides(area)
        );
    }

    /// A rectangle with round corners and maybe a frame.
    pub(super) fn card(&mut self, area: Rect, fill: &str, stroke: &str, radius: f64) {
        put!(
            self,
            "<rect {} rx=\"{radius}\" fill=\"{fill}\" stroke=\"{stroke}\"/>\n",
            sides(area)
        );
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, dash: &str) {
        let dash = match dash {
            "" => String::new(),
            dash => format!(" stroke-dasharray=\"{dash}\""),
        };
        let (x1, y1, x2, y2) = (short(from.0), short(from.1), short(to.0), short(to.1));
        put!(
            self,
            "<path d=\"M{x1} {y1}L{x2} {y2}\" stroke=\"{stroke}\" fill=\"none\"{dash}/>\n"
        );
    }

    pub(super) fn stroke(&mut self, path: &str, stroke: &str, width: f64) {
        if !path.is_empty() {
            put!(
                self,
                "<path d=\"{path}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"{width}\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n"
            );
        }
    }

    pub(super) fn fill(&mut self, path: &str, fill: &str, opacity: f64) {
        if !path.is_empty() {
            put!(
                self,
                "<path d=\"{path}\" fill=\"{fill}\" fill-opacity=\"{opacity}\"/>\n"
            );
        }
    }

    pub(super) fn dot(&mut self, (x, y): (f64, f64), radius: f64, fill: &str) {
        let (x, y) = (short(x), short(y));
        put!(
            self,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{fill}\"/>\n"
        );
    }

    /// Words with their base line at `y`.
    pub(super) fn text(&mut self, (x, y): (f64, f64), text: &str, style: Style<'_>) {
        if text.is_empty() {
            return;
        }
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let fill = style.fill;
        let edge = match style.weight {
            Weight::Plain => String::new(),
            Weight::Bold => format!(" stroke=\"{fill}\" stroke-width=\"{}\"", short(style.size / 32.0)),
            Weight::Edged => " stroke=\"#ffffff\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\"".to_owned(),
        };
        let (x, y, size, text) = (short(x), short(y), short(style.size), escaped(text));
        put!(
            self,
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{fill}\"{edge}{anchor}>{text}</text>\n"
        );
    }

    /// Begins a link; ends with [`Canvas::end_link`].
    pub(super) fn link(&mut self, to: &str) {
        put!(self, "<a href=\"{}\">", escaped(to));
    }

    pub(super) fn end_link(&mut self) {
        self.0.push_str("</a>\n");
    }

    /// What `draw` draws, cut off at the sides of `area`.
    pub(super) fn cut(&mut self, area: Rect, draw: impl FnOnce(&mut Self)) {
        if area.width < 1.0 || area.height < 1.0 {
            return;
        }
        let [x, y, width, height] = [area.x, area.y, area.width, area.height].map(short);
        put!(
            self,
            "<svg {} viewBox=\"{x} {y} {width} {height}\">\n",
            sides(area)
        );
        draw(self);
        self.0.push_str("</svg>\n");
    }
}

fn sides(area: Rect) -> String {
    let [x, y, width, height] =
        [area.x, area.y, area.width.max(0.0), area.height.max(0.0)].map(short);
    format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
}

/// A number with at most two digits behind the point, for paths.
pub(super) fn short(number: f64) -> String {
    let rounded = (number * 100.0).round() / 100.0;
    match rounded.is_finite() {
        // A zero has no sign.
        true => (rounded + 0.0).to_string(),
        false => "0".to_owned(),
    }
}

/// Text as XML takes it; signs that XML does not know are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            letter if letter.is_control() => {}
            letter => out.push(letter),
        }
    }
    out
}
