//! Values of the file with their unit, beside those of all settings: shares, restarts, patterns, commands.

use std::fmt;
use std::str::FromStr;

use base::setting::NotValue;

fn refuse(text: &str, right: &'static str) -> NotValue {
    NotValue::new(text, right)
}

/// A share of one core, such as `80%`: over 0, to 10000 % for a hundred cores.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = NotValue;

    fn from_str(text: &str) -> Result<Self, NotValue> {
        let right = "a share of one core such as `80%`, at most `10000%`";
        let number = text.trim().strip_suffix('%');
        let share = number.and_then(|number| number.trim().parse::<f64>().ok());
        share
            .filter(|share| *share > 0.0 && *share <= 10_000.0)
            .map(Self)
            .ok_or_else(|| refuse(text, right))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// So many restarts in so many cycles, such as `5 in 10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Often {
    /// Restarts: 1 to 100.
    pub times: u32,
    /// Cycles: as many as restarts to 10,000.
    pub cycles: u32,
}

impl FromStr for Often {
    type Err = NotValue;

    fn from_str(text: &str) -> Result<Self, NotValue> {
        let right =
            "so many restarts (1 to 100) in as many or more cycles (to 10000), such as `5 in 10`";
        let halves = text.split_once(" in ");
        let read = halves.and_then(|(times, cycles)| {
            Some(Self {
                times: times.trim().parse().ok()?,
                cycles: cycles.trim().parse().ok()?,
            })
        });
        read.filter(|often| {
            (1..=100).contains(&often.times) && (often.times..=10_000).contains(&often.cycles)
        })
        .ok_or_else(|| refuse(text, right))
    }
}

impl fmt::Display for Often {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.times, self.cycles)
    }
}

/// A regular expression, with the text that it was read from.
#[derive(Clone, Debug)]
pub struct Pattern(regex::Regex);

/// Bytes that a compiled expression may take. Chosen: all that people write are below a tenth of it.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl Pattern {
    /// Whether it matches somewhere in `text`.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// A text that is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no regular expression: {0}")]
pub struct NotPattern(String);

impl FromStr for Pattern {
    type Err = NotPattern;

    fn from_str(text: &str) -> Result<Self, NotPattern> {
        let built = regex::RegexBuilder::new(text)
            .size_limit(PATTERN_BYTES_MAX)
            .build();
        built.map(Self).map_err(|error| {
            let said = error.to_string();
            let last = said.lines().last().unwrap_or_default();
            NotPattern(last.trim_start_matches("error: ").to_owned())
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// The words of a command line: separated by spaces, `'…'` and `"…"` keep what is in them, `\` the letter after it. Nothing else
/// is special: no variables, no `*`, no `|`.
///
/// # Errors
/// [`NotValue`] for an open quote or no words at all.
pub fn words(line: &str) -> Result<Vec<String>, NotValue> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => {
                let kept = letters.next().ok_or_else(|| refuse(line, COMMAND))?;
                word.get_or_insert_default().push(kept);
            }
            (letter, Some(open)) if letter == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    match quote.is_some() || words.first().is_none_or(String::is_empty) {
        true => Err(refuse(line, COMMAND)),
        false => Ok(words),
    }
}

const COMMAND: &str = "a command line: words, with `'…'` around what has spaces";

base::setting_as_text!(Share, Often, Pattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_there_and_back() {
        assert_eq!("5 in 10".parse::<Often>().unwrap().to_string(), "5 in 10");
        assert_eq!("80%".parse::<Share>().unwrap().to_string(), "80%");
        for text in ["5", "11 in 10", "0 in 10", "5in10"] {
            assert!(text.parse::<Often>().is_err(), "{text}");
        }
        for text in ["80", "0%", "-1%", "x%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert!("(".parse::<Pattern>().is_err());
    }

    #[test]
    fn a_command_line_is_words_without_a_shell() {
        for (line, expected) in [
            (
                "check_load -w 5 -c 10",
                vec!["check_load", "-w", "5", "-c", "10"],
            ),
            (
                "a 'b c' \"d \\\" e\" f\\ g",
                vec!["a", "b c", "d \" e", "f g"],
            ),
            ("a '' $HOME *|", vec!["a", "", "$HOME", "*|"]),
            ("a 'it'\"'\"'s'", vec!["a", "it's"]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
        for line in ["", "  ", "a 'b", "a \\", "'' b"] {
            assert!(words(line).is_err(), "{line}");
        }
    }
}
