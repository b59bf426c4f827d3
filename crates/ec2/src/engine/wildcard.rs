//! Texts with wildcards, as filters have them: `*` is any text, `?` one character, and a backslash before `*`, `?` or `\`
//! takes it as it stands.
//!
//! Source: EC2 User Guide, "Filtering": `\*amazon\?\\` searches for the literal string `*amazon?\`. Upper and lower case differ.

use std::borrow::Cow;

use policy::glob::{Glob, Token};

/// A text with wildcards, such as `web-*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Glob);

impl Pattern {
    /// Reads a pattern. Every text is one; a backslash that escapes nothing stands for itself.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Glob::new(&read(text)))
    }

    /// Whether the whole of `text` is as the pattern says.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }
}

/// What a pattern is made of, letter by letter.
fn read(text: &str) -> Vec<Token<'static>> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => {
                let escaped = letters.next_if(|next| matches!(next, '*' | '?' | '\\'));
                letter_of(escaped.unwrap_or('\\'))
            }
            letter => letter_of(letter),
        });
    }
    tokens
}

/// This character and no other.
fn letter_of(letter: char) -> Token<'static> {
    Token::Text(Cow::Owned(letter.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wildcards_are_as_the_user_guide_says() {
        for (pattern, text, expected) in [
            ("web-*", "web-1", true),
            ("web-*", "web-", true),
            ("web-*", "Web-1", false),
            ("web-*", "my-web-1", false),
            ("*web*", "my-web-1", true),
            ("web-?", "web-1", true),
            ("web-?", "web-", false),
            ("web-?", "web-12", false),
            ("?", "宿", true),
            ("*場", "宿場", true),
            (r"\*amazon\?\\", r"*amazon?\", true),
            (r"\*amazon\?\\", r"xamazon?\", false),
            (r"a\b", r"a\b", true),
            (r"a\", r"a\", true),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "anything", true),
            ("a*b*c", "abbbcbc", true),
            ("a*b*c", "abbbcbcd", false),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }

    fn takes(token: &Token<'_>, letter: char) -> bool {
        match token {
            Token::Any => false,
            Token::One => true,
            Token::Text(own) => **own == *letter.to_string(),
        }
    }

    /// As the definition says, and as slow.
    fn naive(parts: &[Token<'_>], text: &[char]) -> bool {
        match (parts, text) {
            ([], text) => text.is_empty(),
            ([Token::Any, after @ ..], text) => {
                (0..=text.len()).any(|taken| naive(after, &text[taken..]))
            }
            ([part, after @ ..], [letter, rest @ ..]) => takes(part, *letter) && naive(after, rest),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_match_is_what_the_definition_says(pattern in "[ab*?\\\\]{0,8}", text in "[ab*?\\\\]{0,10}") {
            let (parts, pattern) = (read(&pattern), Pattern::new(&pattern));
            let letters: Vec<_> = text.chars().collect();
            prop_assert_eq!(pattern.matches(&text), naive(&parts, &letters));
        }
    }

    #[test]
    fn many_stars_are_not_tried_in_all_ways() {
        // With every way tried this would take longer than the sun lasts.
        let pattern = Pattern::new(&"*a".repeat(120));
        assert!(!pattern.matches(&"a".repeat(119)));
        assert!(!Pattern::new(&format!("{}b", "a*".repeat(120))).matches(&"a".repeat(5000)));
    }
}
