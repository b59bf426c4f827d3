//! What commands print: tables for people, JSON for programs.
//!
//! Results go to standard output and everything else to standard error, so that a pipe holds results alone.
//! A reader that goes away (`| head`) ends the printing, not the program.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use serde::Serialize;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

/// The form of a command's result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people; their layout may change.
    #[default]
    Table,
    /// One JSON document; its keys are stable.
    Json,
    /// Of a statement: a row for each value.
    Csv,
    /// Of a statement: a page for people.
    Html,
}

/// Writes `text` and a newline to standard output.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed pipe is the reader's choice.
    let _ = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
}

/// Writes bytes as they are to standard output, for a program that takes them; on a terminal nothing may steer it.
pub(crate) fn print_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let shown = match out.is_terminal() {
        true => Cow::Owned(
            plain(&String::from_utf8_lossy(bytes), &['\n', '\r', '\t'])
                .into_owned()
                .into_bytes(),
        ),
        false => Cow::Borrowed(bytes),
    };
    let _ = out.write_all(&shown).and_then(|()| out.flush());
}

/// `text` with its control characters written out (`\u{1b}`), and with those that turn the direction of text: what others
/// wrote must not steer a terminal. Those in `but` stay.
pub(crate) fn plain<'a>(text: &'a str, but: &[char]) -> Cow<'a, str> {
    let steers = |c: char| steers(c) && !but.contains(&c);
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            _ if !steers(c) => out.push(c),
            '\n' | '\r' | '\t' => out.extend(c.escape_default()),
            _ => out.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(out)
}

/// Writes a question to standard error, without a newline.
pub(crate) fn ask(question: &str) {
    // Nobody is there to read it: then nobody answers either.
    let _ = std::io::stderr().write_all(question.as_bytes());
}

/// Writes `text` and a newline to standard error.
pub(crate) fn complain(text: &str) {
    let text = plain(text, &['\n', '\t']);
    let mut out = std::io::stderr().lock();
    let _ = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"));
}

/// Prints `value` as JSON, or what `table` makes of it.
pub(crate) fn show<T: Serialize>(format: Format, value: &T, table: impl FnOnce(&T) -> String) {
    match format {
        Format::Json => print(&json(value)),
        _ => print(plain(table(value).trim_end(), &['\n', '\t']).as_ref()),
    }
}

/// `value` as indented JSON, in which nothing steers a terminal either: JSON writes most control characters as `\u001b`, and
/// may write any character so.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    let steers = |c: char| steers(c) && c != '\n';
    if !text.contains(steers) {
        return text;
    }
    let written = |c: char| match steers(c) {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    text.chars().map(written).collect()
}

/// Whether it is a control character or turns the direction of text.
fn steers(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns
}

/// Rows under a head, in aligned columns.
pub(crate) fn table<R, C>(head: &[&str], rows: R) -> String
where
    R: IntoIterator<Item = C>,
    C: IntoIterator<Item = String>,
{
    let mut builder = Builder::default();
    builder.push_record(head.iter().map(|name| (*name).to_owned()));
    for row in rows {
        let cells = row.into_iter();
        builder.push_record(cells.map(|cell| plain(&cell, &[]).into_owned()));
    }
    let mut table = builder.build();
    table.with(Style::empty()).with(Padding::new(0, 2, 0, 0));
    let text = table.to_string();
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Names and values, one to a line, in two columns.
pub(crate) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    rows.iter()
        .map(|(name, value)| format!("{name:width$}  {}", plain(value, &['\t'])))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A long value as a table shows it; JSON has the whole.
pub(crate) fn cut(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A count with thousands apart: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of things: `1 route`, `2,000 routes`.
pub(crate) fn of(number: u64, thing: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {thing}{end}", count(number))
}

/// A number of bytes for people: `12.3 MiB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn bytes(number: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or("B");
    if unit == 0 {
        format!("{number} B")
    } else {
        format!("{value:.1} {name}")
    }
}

/// A span for people: `450ms`, `12s`, `3m20s`, `2h05m`, `4d03h`.
pub(crate) fn span(span: std::time::Duration) -> String {
    let secs = span.as_secs();
    match secs {
        0 if span.subsec_millis() > 0 => format!("{}ms", span.subsec_millis()),
        0..60 => format!("{secs}s"),
        60..3600 => format!("{}m{:02}s", secs / 60, secs % 60),
        3600..86_400 => format!("{}h{:02}m", secs / 3600, secs % 3600 / 60),
        _ => format!("{}d{:02}h", secs / 86_400, secs % 86_400 / 3600),
    }
}

/// Whether somebody looks at standard output.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn numbers_are_shown_for_people() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(of(1, "route"), "1 route");
        assert_eq!(of(2000, "route"), "2,000 routes");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(12_897_485), "12.3 MiB");
        assert_eq!(span(Duration::from_millis(450)), "450ms");
        assert_eq!(span(Duration::from_secs(200)), "3m20s");
        assert_eq!(span(Duration::from_secs(93_600 * 4)), "4d08h");
    }

    #[test]
    fn what_others_wrote_steers_no_terminal() {
        assert_eq!(plain("a é 日本\t\n", &['\n', '\t']), "a é 日本\t\n");
        let evil = "\u{1b}]0;x\u{7}\u{9b}2J\u{7f}\r\u{202e}";
        let shown = "\\u{1b}]0;x\\u{7}\\u{9b}2J\\u{7f}\\r\\u{202e}";
        assert_eq!(plain(evil, &['\n', '\t']), shown);
        assert_eq!(
            pairs(&[("line", format!("{evil}\na\tb"))]),
            format!("line  {shown}\\na\tb")
        );
        assert_eq!(
            table(&["url"], [[evil.to_owned()]]),
            format!("url\n{shown}")
        );
    }

    #[test]
    fn a_table_is_aligned_and_has_no_trailing_blanks() {
        let text = table(
            &["host", "sent"],
            [
                ["a.example".to_owned(), "1".to_owned()],
                ["b".to_owned(), "20".to_owned()],
            ],
        );
        assert_eq!(text, "host       sent\na.example  1\nb          20");
    }
}
