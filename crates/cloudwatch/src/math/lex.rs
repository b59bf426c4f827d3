//! The words of an expression.

use super::problem::{Problem, Syntax};

/// A word and where it begins, in characters from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) what: What,
    pub(super) at: usize,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// `5`, `0.5`, `1e6`.
    Number(f64),
    /// `m1`: begins with a small letter.
    Id(String),
    /// `SUM`, `AND`, `ASC`: begins with a capital letter.
    Word(String),
    /// `'…'` or `"…"`, without the quotes, with its backslashes.
    Text(String),
    /// `+`, `(`, `==`, …
    Sign(&'static str),
}

impl What {
    /// As an error shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Id(text) | Self::Word(text) => text.clone(),
            Self::Text(text) => format!("'{text}'"),
            Self::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// Longer signs before those that they begin with.
const SIGNS: [&str; 19] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",",
    ";",
];

/// The words of `text`.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let mut tokens = Vec::new();
    let (mut rest, mut at) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else {
            let (what, length) = token(rest, first).map_err(|why| Problem::Syntax { at, why })?;
            tokens.push(Token { what, at });
            length
        };
        let (word, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        at += word.chars().count();
        rest = behind;
    }
    Ok(tokens)
}

/// The word that `rest` begins with, and its length in bytes.
fn token(rest: &str, first: char) -> Result<(What, usize), Syntax> {
    if first.is_ascii_digit() || first == '.' {
        return number(rest);
    }
    if first.is_ascii_alphabetic() {
        let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let word = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let what = match first.is_ascii_lowercase() {
            true => What::Id(word.to_owned()),
            false => What::Word(word.to_owned()),
        };
        return Ok((what, word.len()));
    }
    if first == '\'' || first == '"' {
        return quoted(rest, first);
    }
    let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
    let sign = sign.ok_or(Syntax::Letter(first))?;
    Ok((What::Sign(sign), sign.len()))
}

fn number(rest: &str) -> Result<(What, usize), Syntax> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let after = |length: usize| rest.get(length..).unwrap_or_default();
    let mut length = digits(rest);
    if after(length).starts_with('.') {
        length += 1 + digits(after(length + 1));
    }
    if after(length).starts_with(['e', 'E']) {
        let sign = usize::from(after(length + 1).starts_with(['+', '-']));
        let exponent = digits(after(length + 1 + sign));
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    let text = rest.get(..length).unwrap_or_default();
    let number: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite());
    let number = number.ok_or_else(|| Syntax::Number(text.to_owned()))?;
    Ok((What::Number(number), length))
}

fn quoted(rest: &str, quote: char) -> Result<(What, usize), Syntax> {
    let mut is_escaped = false;
    for (index, letter) in rest.char_indices().skip(1) {
        if letter == quote && !is_escaped {
            let text = rest.get(1..index).unwrap_or_default();
            return Ok((What::Text(text.to_owned()), index + 1));
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    Err(Syntax::OpenText)
}
