//! Labels against patterns: `Name = "web-*"`, `severity = "!info"`.

use std::collections::BTreeMap;

use policy::glob::{Glob, tokens};
use serde::{Deserialize, Serialize};

/// The most conditions of one matcher. Chosen.
pub const CONDITIONS_MAX: usize = 32;

/// Conditions on labels, all of which must hold; without any it matches everything.
///
/// A pattern may hold `*` (any text) and `?` (any letter); with `!` before it the label must not match. A label that is
/// not there counts as empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Matcher(pub BTreeMap<String, String>);

impl Matcher {
    /// Whether all conditions hold.
    #[must_use]
    pub fn is_match(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(name, pattern)| {
            let value = labels.get(name).map_or("", String::as_str);
            match pattern.strip_prefix('!') {
                Some(pattern) => !is_like(value, pattern),
                None => is_like(value, pattern),
            }
        })
    }
}

/// Whether `text` is as `pattern` says, with `*` and `?`.
#[must_use]
pub fn is_like(text: &str, pattern: &str) -> bool {
    Glob::new(&tokens(pattern)).matches(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_people_expect() {
        for (text, pattern, expected) in [
            ("web-1", "web-*", true),
            ("web-1", "web-?", true),
            ("web-10", "web-?", false),
            ("web", "web", true),
            ("web", "WEB", false),
            ("", "*", true),
            ("", "?", false),
            ("abcabd", "*ab?", true),
            ("aXbXc", "a*b*d", false),
            ("名前", "名?", true),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{text} {pattern}");
        }
    }

    #[test]
    fn all_conditions_must_hold_and_a_missing_label_is_empty() {
        let labels = BTreeMap::from([("Name".to_owned(), "web-1".to_owned())]);
        let matcher = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            Matcher(
                pairs
                    .map(|(name, pattern)| ((*name).to_owned(), (*pattern).to_owned()))
                    .collect(),
            )
        };
        assert!(matcher(&[]).is_match(&labels));
        assert!(matcher(&[("Name", "web-*"), ("role", "!db")]).is_match(&labels));
        assert!(!matcher(&[("Name", "!web-*")]).is_match(&labels));
        assert!(!matcher(&[("role", "?*")]).is_match(&labels));
    }

    /// The plain definition, exponential.
    fn naive(text: &[char], pattern: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => {
                naive(text, &pattern[1..]) || (!text.is_empty() && naive(&text[1..], pattern))
            }
            (Some('?'), Some(_)) => naive(&text[1..], &pattern[1..]),
            (Some(one), Some(other)) if one == other => naive(&text[1..], &pattern[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_is_the_plain_definition(text in "[ab]{0,8}", pattern in "[ab*?]{0,6}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(is_like(&text, &pattern), naive(&letters(&text), &letters(&pattern)));
        }
    }
}
