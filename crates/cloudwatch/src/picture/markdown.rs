//! A part of Markdown: headings, paragraphs, lists, tables, rules, code; bold, code and links within words.
//!
//! Everything else is words as they stand. HTML is words too. A link goes to `http:`, `https:`, `/` or `#`, or it is no link.
//! `[button:text](url)` is a link.

/// Blocks of a text; what comes behind is left out. Chosen.
const BLOCKS_MAX: usize = 500;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Words { kind: Kind, spans: Vec<Span> },
    Rule,
    Table(Vec<Vec<Vec<Span>>>),
}

/// What words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of level 1 to 6.
    Heading(u8),
    Paragraph,
    Item {
        depth: u8,
        number: Option<u32>,
    },
    Code,
}

/// Words of one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) is_bold: bool,
    pub(super) is_code: bool,
    pub(super) link: Option<String>,
}

impl Span {
    pub(super) fn plain(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.is_bold, self.is_code, &self.link) == (other.is_bold, other.is_code, &other.link)
    }
}

/// Letters of a text; what comes behind is left out. Chosen: a widget as large as a dashboard has no room for more.
const CHARS_MAX: usize = 20_000;

/// The blocks of a text.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let end_of = text.char_indices().nth(CHARS_MAX).map(|(at, _)| at);
    let text = end_of.and_then(|at| text.get(..at)).unwrap_or(text);
    let mut blocks = Vec::new();
    let mut lines = text.lines().peekable();
    let mut paragraph = String::new();
    let mut is_code = false;
    while let Some(line) = lines.next() {
        if blocks.len() >= BLOCKS_MAX {
            break;
        }
        if line.trim_start().starts_with("```") {
            end(&mut paragraph, &mut blocks);
            is_code = !is_code;
            continue;
        }
        if is_code {
            blocks.push(words(Kind::Code, vec![Span::plain(line)]));
        } else if line.trim().is_empty() {
            end(&mut paragraph, &mut blocks);
        } else if let Some(block) = of_line(line) {
            end(&mut paragraph, &mut blocks);
            blocks.push(block);
        } else if line.trim_start().starts_with('|') {
            end(&mut paragraph, &mut blocks);
            let mut rows = vec![line];
            while let Some(next) = lines.next_if(|next| next.trim_start().starts_with('|')) {
                rows.push(next);
            }
            blocks.push(Block::Table(
                rows.into_iter()
                    .filter(|row| !is_rule_of_table(row))
                    .map(cells)
                    .collect(),
            ));
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.trim());
        }
    }
    end(&mut paragraph, &mut blocks);
    blocks
}

fn words(kind: Kind, spans: Vec<Span>) -> Block {
    Block::Words { kind, spans }
}

fn end(paragraph: &mut String, blocks: &mut Vec<Block>) {
    if !paragraph.is_empty() {
        blocks.push(words(Kind::Paragraph, spans(paragraph)));
        paragraph.clear();
    }
}

/// A heading, a rule or an item, which are a line.
fn of_line(line: &str) -> Option<Block> {
    let text = line.trim_start();
    let indent = line.len() - text.len();
    let text = text.trim_end();
    let marks = text.bytes().take_while(|byte| *byte == b'#').count();
    if let (1..=6, Some(rest)) = (
        marks,
        text.get(marks..).and_then(|rest| rest.strip_prefix(' ')),
    ) {
        return Some(words(
            Kind::Heading(u8::try_from(marks).unwrap_or(6)),
            spans(rest.trim()),
        ));
    }
    let is_rule = |mark: char| text.len() >= 3 && text.chars().all(|letter| letter == mark);
    if is_rule('-') || is_rule('*') || is_rule('_') {
        return Some(Block::Rule);
    }
    let depth = u8::try_from(indent / 2).unwrap_or(4).min(4);
    let bullet = ["- ", "* ", "+ "]
        .into_iter()
        .find_map(|mark| text.strip_prefix(mark));
    if let Some(rest) = bullet {
        return Some(words(
            Kind::Item {
                depth,
                number: None,
            },
            spans(rest.trim()),
        ));
    }
    let (number, rest) = text.split_once(". ")?;
    let number = number.parse().ok()?;
    Some(words(
        Kind::Item {
            depth,
            number: Some(number),
        },
        spans(rest.trim()),
    ))
}

fn is_rule_of_table(row: &str) -> bool {
    row.contains('-')
        && row
            .chars()
            .all(|letter| matches!(letter, '|' | '-' | ':' | ' '))
}

fn cells(row: &str) -> Vec<Vec<Span>> {
    let row = row.trim().trim_start_matches('|');
    let row = row.strip_suffix('|').unwrap_or(row);
    row.split('|').map(|cell| spans(cell.trim())).collect()
}

/// The looks of words: `**bold**`, `` `code` ``, `[text](url)`. Emphasis by `*` is left plain.
fn spans(text: &str) -> Vec<Span> {
    let mut out = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        match marked(rest) {
            Some((span, behind)) => {
                flush(&mut plain, &mut out);
                out.push(span);
                rest = behind;
            }
            None => {
                plain.push(letter);
                rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            }
        }
    }
    flush(&mut plain, &mut out);
    out
}

fn flush(plain: &mut String, out: &mut Vec<Span>) {
    if !plain.is_empty() {
        out.push(Span::plain(plain));
        plain.clear();
    }
}

/// What begins with a mark here, and what comes behind it.
fn marked(text: &str) -> Option<(Span, &str)> {
    if let Some((inner, behind)) = text
        .strip_prefix("**")
        .and_then(|rest| rest.split_once("**"))
    {
        let span = Span {
            is_bold: true,
            ..Span::plain(inner)
        };
        return (!inner.is_empty()).then_some((span, behind));
    }
    if let Some((inner, behind)) = text.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        let span = Span {
            is_code: true,
            ..Span::plain(inner)
        };
        return (!inner.is_empty()).then_some((span, behind));
    }
    if let Some((inner, behind)) = text.strip_prefix('*').and_then(|rest| rest.split_once('*')) {
        return (!inner.is_empty() && !inner.starts_with(' '))
            .then(|| (Span::plain(inner), behind));
    }
    let (inner, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (url, behind) = rest.split_once(')')?;
    let name = inner
        .strip_prefix("button:")
        .or_else(|| inner.strip_prefix("button:primary:"))
        .unwrap_or(inner);
    let is_safe = ["https://", "http://", "/", "#"]
        .into_iter()
        .any(|start| url.starts_with(start));
    let link = is_safe.then(|| url.to_owned());
    Some((
        Span {
            link,
            ..Span::plain(name)
        },
        behind,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_looks_are_read() {
        let text = "# Title\nOne **two**\nthree `x`\n\n- a\n  - b\n2. c\n\n---\n| h | i |\n|---|:-:|\n| [j](https://k) | <b> |\n```\n# code\n```\n[bad](javascript:x)";
        let bold = Span {
            is_bold: true,
            ..Span::plain("two")
        };
        let code = Span {
            is_code: true,
            ..Span::plain("x")
        };
        let link = Span {
            link: Some("https://k".to_owned()),
            ..Span::plain("j")
        };
        let cell = |text| vec![Span::plain(text)];
        let item = |depth, number, text| words(Kind::Item { depth, number }, cell(text));
        assert_eq!(
            blocks(text),
            [
                words(Kind::Heading(1), cell("Title")),
                words(
                    Kind::Paragraph,
                    vec![Span::plain("One "), bold, Span::plain(" three "), code]
                ),
                item(0, None, "a"),
                item(1, None, "b"),
                item(0, Some(2), "c"),
                Block::Rule,
                Block::Table(vec![
                    vec![cell("h"), cell("i")],
                    vec![vec![link], cell("<b>")]
                ]),
                words(Kind::Code, cell("# code")),
                words(Kind::Paragraph, cell("bad")),
            ]
        );
    }
}
