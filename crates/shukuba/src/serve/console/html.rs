//! The elements that pages are made of. Everything that is not ours is escaped.

use std::fmt::Write;

use super::lang::Language;

/// A text between tags or in quotation marks.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A text that users or machines wrote, in whatever language; nothing of an empty one.
pub(super) fn data(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("<span class=\"data\">{}</span>", escaped(text))
}

/// A text that the platform writes in English alone, as AWS does; marked as such where the page is not.
pub(super) fn english(text: &str, language: Language) -> String {
    match language {
        Language::En => escaped(text),
        Language::Ja => format!("<span lang=\"en\">{}</span>", escaped(text)),
    }
}

/// A part of a path: letters, digits and `-_~` stay, also dots within; the rest becomes `%2F`.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => {
                out.push(char::from(byte));
            }
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

/// The text that such a part stands for; nothing where it is no text.
pub(super) fn unsegmented(part: &str) -> Option<String> {
    let mut bytes = part.bytes();
    let mut out = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

/// What a state looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Good,
    Warn,
    Bad,
    Dim,
}

/// A state in a word, never in colour alone.
pub(super) fn badge(look: Look, text: &str) -> String {
    let class = match look {
        Look::Good => "good",
        Look::Warn => "warn",
        Look::Bad => "bad",
        Look::Dim => "dim",
    };
    format!("<span class=\"badge {class}\">{}</span>", escaped(text))
}

/// What was done, or is wrong.
pub(super) fn said(text: Option<&str>) -> String {
    let paragraph = |text: &str| format!("<p class=\"said\" role=\"alert\">{}</p>", escaped(text));
    text.map(paragraph).unwrap_or_default()
}

/// A table. The first cell of a row names it; on a phone each row is a card, and cells say their columns. Cells are HTML.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// What it lists, for those who do not see it.
    pub(super) caption: &'a str,
    /// The columns.
    pub(super) heads: &'a [&'a str],
    /// The cells.
    pub(super) rows: Vec<Vec<String>>,
}

impl Table<'_> {
    /// Its HTML. Roles stand on everything, because browsers drop those of tables that are shown as blocks.
    pub(super) fn html(&self) -> String {
        let mut out = format!(
            "<table role=\"table\"><caption class=\"unseen\">{}</caption><thead role=\"rowgroup\"><tr role=\"row\">",
            escaped(self.caption)
        );
        for head in self.heads {
            let _ = write!(
                out,
                "<th role=\"columnheader\" scope=\"col\">{}</th>",
                escaped(head)
            );
        }
        out.push_str("</tr></thead><tbody role=\"rowgroup\">");
        for row in &self.rows {
            out.push_str("<tr role=\"row\">");
            for (index, (cell, head)) in row.iter().zip(self.heads).enumerate() {
                let head = escaped(head);
                let _ = match index {
                    0 => write!(out, "<th role=\"rowheader\" scope=\"row\">{cell}</th>"),
                    _ => write!(out, "<td role=\"cell\" data-label=\"{head}\">{cell}</td>"),
                };
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table>");
        out
    }
}

/// Terms with what they are; empty ones are left out. The values are HTML.
pub(super) fn facts(pairs: &[(&str, String)]) -> String {
    let mut out = String::from("<dl class=\"facts\">");
    for (term, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(out, "<dt>{}</dt><dd>{value}</dd>", escaped(term));
    }
    out.push_str("</dl>");
    out
}

/// Figures with their names. The values are HTML.
pub(super) fn figures(pairs: &[(&str, String)]) -> String {
    let mut out = String::from("<dl class=\"figures\">");
    for (term, value) in pairs {
        let _ = write!(out, "<div><dt>{}</dt><dd>{value}</dd></div>", escaped(term));
    }
    out.push_str("</dl>");
    out
}

/// A number for people: at most so many digits behind the point, none that say nothing.
pub(super) fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A small line of values, described by `text`. Nothing of fewer than two.
pub(super) fn sparkline(values: &[f64], text: &str) -> String {
    let (low, high) = values
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(*value), high.max(*value))
        });
    if values.len() < 2 {
        return String::new();
    }
    let span = if high > low { high - low } else { 1.0 };
    let mut points = String::new();
    let last = values.len().saturating_sub(1);
    for (index, value) in values.iter().enumerate() {
        let (index, last) = (share(index), share(last));
        let _ = write!(
            points,
            "{:.1},{:.1} ",
            index / last * 100.0,
            22.0 - (value - low) / span * 20.0
        );
    }
    let text = escaped(text);
    format!(
        "<svg class=\"spark\" role=\"img\" viewBox=\"0 0 100 24\" preserveAspectRatio=\"none\" aria-label=\"{text}\"><polyline points=\"{}\"/></svg>",
        points.trim_end()
    )
}

fn share(index: usize) -> f64 {
    u32::try_from(index).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_escaped() {
        let hostile = "\"><script>alert('x')&";
        let table = Table {
            caption: hostile,
            heads: &[hostile, hostile],
            rows: vec![vec![data(hostile), badge(Look::Bad, hostile)]],
        };
        let all = [
            table.html(),
            said(Some(hostile)),
            english(hostile, Language::Ja),
            sparkline(&[1.0, 2.0], hostile),
            facts(&[(hostile, data(hostile))]),
        ];
        for html in all {
            assert!(
                !html.contains("<script") && !html.contains("\"\""),
                "{html}"
            );
            assert!(
                html.contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&amp;"),
                "{html}"
            );
        }
    }

    #[test]
    fn parts_of_paths_come_back_as_they_were() {
        for text in ["web-1", "a/b?c#d", "日本 語", "100%", "", "a+b", ".."] {
            assert_eq!(unsegmented(&segment(text)).as_deref(), Some(text));
            assert!(!segment(text).contains(['/', '?', '#', ' ', '+']));
        }
        for broken in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(unsegmented(broken), None, "{broken}");
        }
    }

    #[test]
    fn numbers_and_lines_are_short() {
        for (value, digits, expected) in [
            (1.0, 1, "1"),
            (0.25, 1, "0.2"),
            (99.95, 2, "99.95"),
            (1200.0, 0, "1200"),
            (100.0, 1, "100"),
        ] {
            assert_eq!(number(value, digits), expected);
        }
        assert_eq!(sparkline(&[1.0], "x"), "");
        assert!(
            sparkline(&[1.0, 3.0, 2.0], "x").contains("points=\"0.0,22.0 50.0,2.0 100.0,12.0\"")
        );
    }
}
