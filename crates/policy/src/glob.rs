//! Patterns with `*` and `?`.
//!
//! A pattern is cut at its stars once. Matching then goes over the text from left to right and never goes back:
//! the first piece must begin the text, the last must end it, and each piece between is taken where it first occurs.
//! So no pattern makes a match blow up: pieces without `?` are searched in linear time, a piece with `?` costs at most
//! its length for each character of the text.

use std::borrow::Cow;

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'t> {
    /// These characters and no others, even if there is a star among them.
    Text(Cow<'t, str>),
    /// `?`: one character.
    One,
    /// `*`: any number of characters.
    Any,
}

/// A pattern that was cut at its stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    first: Piece,
    /// What stands behind each star; nothing when there is none.
    rest: Box<[Piece]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// `None` is a `?`.
    Marked(Box<[Option<char>]>),
}

/// Cuts a plain pattern, in which every `*` and `?` is meant as such.
#[must_use]
pub fn tokens(pattern: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['*', '?']) {
        let (text, marked) = rest.split_at(at);
        if !text.is_empty() {
            tokens.push(Token::Text(Cow::Borrowed(text)));
        }
        tokens.push(match marked.starts_with('*') {
            true => Token::Any,
            false => Token::One,
        });
        rest = marked.get(1..).unwrap_or_default();
    }
    if !rest.is_empty() {
        tokens.push(Token::Text(Cow::Borrowed(rest)));
    }
    tokens
}

impl Glob {
    /// Cuts `tokens` at their stars.
    #[must_use]
    pub fn new(tokens: &[Token<'_>]) -> Self {
        let mut pieces = tokens
            .split(|token| *token == Token::Any)
            .map(Piece::new)
            .collect::<Vec<_>>()
            .into_iter();
        let first = pieces.next().unwrap_or(Piece::Text(Box::default()));
        Self {
            first,
            rest: pieces.collect(),
        }
    }

    /// Whether all of `text` fits.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some(rest) = self.first.after_start(text) else {
            return false;
        };
        let Some((last, between)) = self.rest.split_last() else {
            return rest.is_empty();
        };
        between
            .iter()
            .try_fold(rest, |rest, piece| piece.after_first(rest))
            .is_some_and(|rest| last.ends(rest))
    }
}

impl Piece {
    fn new(tokens: &[Token<'_>]) -> Self {
        if tokens.contains(&Token::One) {
            return Self::Marked(tokens.iter().flat_map(marks).collect());
        }
        let text = tokens.iter().filter_map(Token::text).collect::<String>();
        Self::Text(text.into())
    }

    /// What follows when `text` begins with this.
    fn after_start<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(piece) => text.strip_prefix(&**piece),
            Self::Marked(marks) => {
                let mut rest = text.chars();
                marks
                    .iter()
                    .all(|mark| fits(*mark, rest.next()))
                    .then_some(rest.as_str())
            }
        }
    }

    /// What follows this where it first occurs in `text`.
    fn after_first<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(piece) => {
                let at = text.find(&**piece)?;
                text.get(at.checked_add(piece.len())?..)
            }
            Self::Marked(_) => text
                .char_indices()
                .filter_map(|(at, _)| text.get(at..))
                .find_map(|from| self.after_start(from)),
        }
    }

    fn ends(&self, text: &str) -> bool {
        match self {
            Self::Text(piece) => text.ends_with(&**piece),
            Self::Marked(marks) => {
                let mut rest = text.chars().rev();
                marks.iter().rev().all(|mark| fits(*mark, rest.next()))
            }
        }
    }
}

impl Token<'_> {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::One | Self::Any => None,
        }
    }
}

fn marks<'t>(token: &'t Token<'_>) -> Box<dyn Iterator<Item = Option<char>> + 't> {
    match token {
        Token::Text(text) => Box::new(text.chars().map(Some)),
        Token::One | Token::Any => Box::new(std::iter::once(None)),
    }
}

fn fits(mark: Option<char>, found: Option<char>) -> bool {
    found.is_some_and(|found| mark.is_none_or(|wanted| wanted == found))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(&tokens(pattern)).matches(text)
    }

    /// By the definition, in exponential time.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => (0..=text.len()).any(|n| naive(rest, &text[n..])),
            (Some(('?', rest)), Some((_, behind))) => naive(rest, behind),
            (Some((wanted, rest)), Some((found, behind))) => wanted == found && naive(rest, behind),
            _ => false,
        }
    }

    #[test]
    fn stars_and_marks() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("?", "é", true),
            ("?", "", false),
            ("a*", "a", true),
            ("a*a", "a", false),
            ("a*b*c", "a1b2b3c", true),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "aab", false),
            ("a?c*", "abcd", true),
            ("*?b", "b", false),
            ("*a?c*", "xxabyabc", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn no_pattern_blows_up() {
        let text = "a".repeat(100_000);
        assert!(!matches(&format!("{}b", "a*".repeat(1_000)), &text));
        assert!(!matches(&format!("{}b", "*?a".repeat(1_000)), &text));
    }

    #[test]
    fn a_star_in_a_text_is_a_star() {
        let glob = Glob::new(&[Token::Text("a*?".into()), Token::Any]);
        assert!(glob.matches("a*?b"));
        assert!(!glob.matches("axyb"));
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_definition(pattern in "[abé*?]{0,8}", text in "[abé]{0,10}") {
            let by_definition = naive(
                &pattern.chars().collect::<Vec<_>>(),
                &text.chars().collect::<Vec<_>>(),
            );
            prop_assert_eq!(matches(&pattern, &text), by_definition, "{} {}", pattern, text);
        }
    }
}
