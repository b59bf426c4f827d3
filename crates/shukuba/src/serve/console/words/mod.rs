//! All words of the pages, a table for each, English and Japanese side by side: neither can be left out.

pub(super) mod alarms;
pub(super) mod boards;
pub(super) mod cost;
pub(super) mod door;
pub(super) mod frame;
pub(super) mod hosts;
pub(super) mod links;
pub(super) mod overview;

/// A table of words: `NAME: "English", "日本語";`.
macro_rules! words {
    ($($name:ident: $en:literal, $ja:literal;)*) => {
        $(pub(in crate::serve::console) const $name: crate::serve::console::lang::Word =
            crate::serve::console::lang::Word { en: $en, ja: $ja };)*

        /// All of them.
        #[cfg(test)]
        pub(in crate::serve::console) const ALL: &[(&str, crate::serve::console::lang::Word)] =
            &[$((stringify!($name), $name)),*];
    };
}
use words;

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that both languages write alike.
    const ALIKE: &[&str] = &["CPU", "Shukuba", "ID"];

    #[test]
    fn every_word_is_there_in_both_languages_and_each_in_its_own() {
        let is_japanese =
            |letter: char| matches!(letter, '\u{3000}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}');
        let tables = [
            alarms::ALL,
            boards::ALL,
            cost::ALL,
            door::ALL,
            frame::ALL,
            hosts::ALL,
            links::ALL,
            overview::ALL,
        ];
        for (name, word) in tables.concat() {
            assert!(!word.en.is_empty() && !word.ja.is_empty(), "{name}");
            assert!(!word.en.chars().any(is_japanese), "{name}: {}", word.en);
            let is_alike = ALIKE.contains(&word.ja);
            assert!(is_alike || word.ja.chars().any(is_japanese), "{name}");
            let places = |text: &str| text.matches("{}").count();
            assert_eq!(places(word.en), places(word.ja), "{name}");
            // Names of calls and settings stay; sentences do not.
            let words = word.ja.split_whitespace();
            let plain =
                words.filter(|it| it.len() > 1 && it.bytes().all(|byte| byte.is_ascii_lowercase()));
            assert!(plain.count() < 3, "{name}: {}", word.ja);
        }
    }
}
