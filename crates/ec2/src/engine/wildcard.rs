//! Texts with wildcards, as filters have them: `*` is any text, `?` one character, and a backslash before `*`, `?` or `\`
//! takes it as it stands.
//!
//! Source: EC2 User Guide, "Filtering": `\*amazon\?\\` searches for the literal string `*amazon?\`. Upper and lower case differ.

/// A text with wildcards, such as `web-*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Any text, none too.
    Any,
    /// One character.
    One,
    /// This character.
    Letter(char),
}

impl Pattern {
    /// Reads a pattern. Every text is one; a backslash that escapes nothing stands for itself.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            let part = match letter {
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => {
                    let escaped = letters.next_if(|next| matches!(next, '*' | '?' | '\\'));
                    Part::Letter(escaped.unwrap_or('\\'))
                }
                letter => Part::Letter(letter),
            };
            // Two in a row say no more than one.
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        Self(parts)
    }

    /// Whether the whole of `text` is as the pattern says.
    ///
    /// Costs at most the product of both lengths: only the last `*` is ever tried again, since what an earlier one could
    /// take more of, the last one can too.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.as_slice();
        let mut rest = text;
        let mut last: Option<(&[Part], &str)> = None;
        loop {
            if let [Part::Any, after @ ..] = parts {
                parts = after;
                last = Some((after, rest));
                continue;
            }
            let next = rest.chars().next();
            match (parts, next) {
                ([], None) => return true,
                ([part, after @ ..], Some(letter)) if part.takes(letter) => {
                    parts = after;
                    rest = behind(rest, letter);
                    continue;
                }
                _ => {}
            }
            // Not so: the last `*` takes one character more.
            let Some((after, from)) = last else {
                return false;
            };
            let Some(letter) = from.chars().next() else {
                return false;
            };
            rest = behind(from, letter);
            parts = after;
            last = Some((after, rest));
        }
    }
}

impl Part {
    fn takes(self, letter: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Letter(own) => own == letter,
        }
    }
}

fn behind(text: &str, letter: char) -> &str {
    text.get(letter.len_utf8()..).unwrap_or_default()
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

    /// As the definition says, and as slow.
    fn naive(parts: &[Part], text: &[char]) -> bool {
        match (parts, text) {
            ([], text) => text.is_empty(),
            ([Part::Any, after @ ..], text) => {
                (0..=text.len()).any(|taken| naive(after, &text[taken..]))
            }
            ([part, after @ ..], [letter, rest @ ..]) => part.takes(*letter) && naive(after, rest),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_match_is_what_the_definition_says(pattern in "[ab*?\\\\]{0,8}", text in "[ab*?\\\\]{0,10}") {
            let pattern = Pattern::new(&pattern);
            let letters: Vec<_> = text.chars().collect();
            prop_assert_eq!(pattern.matches(&text), naive(&pattern.0, &letters));
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
