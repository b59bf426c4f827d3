//! Filter patterns: which events a search is for.
//!
//! Of AWS's language this is the part for plain lines: `ERROR` (all terms must occur, case counts), `"two words"`, `-DEBUG` (must not
//! occur), `?ERROR ?WARN` (one of them must). Patterns for JSON (`{ $.a = 1 }`), for columns (`[a, b]`) and regular expressions (`%…%`) are
//! refused, never taken for words.
//!
//! Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live
//! Tail".

/// Which messages are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

/// Why a text is no pattern here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A kind of pattern that is not there.
    #[error(
        "patterns for JSON, for columns and regular expressions are not supported here: give terms, such as `\"two words\" -DEBUG ?ERROR`"
    )]
    Kind,
    /// A quote is not closed.
    #[error("a quote is not closed")]
    Quote,
    /// Neither plain nor in quotes.
    #[error("terms that are not of letters, digits and `_` stand in quotes: `{0}`")]
    Plain(String),
}

impl Pattern {
    /// Reads a pattern; an empty one is for all.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let mut pattern = Self::default();
        let mut rest = text.trim_start();
        if rest.starts_with(['{', '[']) {
            return Err(Invalid::Kind);
        }
        while !rest.is_empty() {
            let (list, term) = match rest.chars().next() {
                Some('?') => (&mut pattern.any, rest.get(1..)),
                Some('-') => (&mut pattern.none, rest.get(1..)),
                _ => (&mut pattern.all, Some(rest)),
            };
            let (term, after) = term.map_or(Ok((String::new(), "")), term_of)?;
            list.push(term);
            rest = after.trim_start();
        }
        Ok(pattern)
    }

    /// Whether it is for `message`.
    #[must_use]
    pub fn is_for(&self, message: &str) -> bool {
        let has = |term: &String| message.contains(term.as_str());
        // Words that must be there make those that may be there say nothing, as AWS's guide has it.
        let any = match self.all.is_empty() {
            true => self.any.is_empty() || self.any.iter().any(has),
            false => true,
        };
        any && self.all.iter().all(has) && !self.none.iter().any(has)
    }
}

/// The term that `text` begins with, and what stands behind it.
fn term_of(text: &str) -> Result<(String, &str), Invalid> {
    match text.strip_prefix('"') {
        Some(quoted) => quoted_term(quoted),
        None => plain_term(text),
    }
}

fn quoted_term(text: &str) -> Result<(String, &str), Invalid> {
    let mut term = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((term, text.get(at + 1..).unwrap_or_default())),
            '\\' => match letters.next() {
                Some((_, escaped @ ('"' | '\\'))) => term.push(escaped),
                Some((_, other)) => term.extend(['\\', other]),
                None => return Err(Invalid::Quote),
            },
            other => term.push(other),
        }
    }
    Err(Invalid::Quote)
}

fn plain_term(text: &str) -> Result<(String, &str), Invalid> {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (term, rest) = text.split_at(end);
    if term.starts_with('%') {
        return Err(Invalid::Kind);
    }
    let is_plain = |letter: char| letter.is_alphanumeric() || letter == '_';
    match !term.is_empty() && term.chars().all(is_plain) {
        true => Ok((term.to_owned(), rest)),
        false => Err(Invalid::Plain(term.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, message: &str, expected: bool) {
        let found = Pattern::parse(pattern).unwrap().is_for(message);
        assert_eq!(found, expected, "{pattern} on {message}");
    }

    /// The examples of AWS's guide, "Match terms in unstructured log events".
    #[test]
    fn patterns_mean_what_the_guide_says() {
        let messages = [
            "[ERROR 400] BAD REQUEST",
            "[ERROR 401] UNAUTHORIZED REQUEST",
            "[ERROR 419] MISSING ARGUMENTS",
            "[ERROR 420] INVALID ARGUMENTS",
        ];
        for (pattern, expected) in [
            ("ERROR", [true, true, true, true]),
            ("ERROR ARGUMENTS", [false, false, true, true]),
            ("\"INVALID ARGUMENTS\"", [false, false, false, true]),
            ("?MISSING ?UNAUTHORIZED", [false, true, true, false]),
            ("ERROR -ARGUMENTS", [true, true, false, false]),
            ("-BAD -MISSING", [false, true, false, true]),
            ("", [true, true, true, true]),
            ("error", [false; 4]),
            // "The ? is ignored when it is used with required terms."
            ("?MISSING REQUEST", [true, true, false, false]),
        ] {
            for (message, expected) in messages.iter().zip(expected) {
                check(pattern, message, expected);
            }
        }
        check("-\"a \\\"b\\\"\"", "a \"b\"", false);
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for (pattern, expected) in [
            ("{ $.status = 404 }", Invalid::Kind),
            ("[ip, user]", Invalid::Kind),
            ("%4[0-9]{2}%", Invalid::Kind),
            ("\"open", Invalid::Quote),
            ("\"open\\", Invalid::Quote),
            ("a:b", Invalid::Plain("a:b".to_owned())),
            ("?", Invalid::Plain(String::new())),
        ] {
            assert_eq!(Pattern::parse(pattern), Err(expected), "{pattern}");
        }
    }
}
