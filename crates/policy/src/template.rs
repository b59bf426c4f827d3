//! Texts of a policy that may hold variables: `arn:aws:s3:::home/${aws:username}/*`.
//!
//! A variable's value is put in as text, never as a pattern: a user whose name is `*` reaches what is named `*` and
//! nothing else. `${*}`, `${?}` and `${$}` stand for the characters themselves. In a document of version 2008-10-17
//! there are no variables, and `${aws:username}` is these 15 characters.
//!
//! Source: the IAM user guide, "Policy elements: variables and tags".

use std::borrow::Cow;

use crate::glob::{Glob, Token, tokens};
use crate::request::{Fact, Facts};

/// A context key, as the policy writes it and as facts are asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// As written first.
    pub(crate) written: Box<str>,
    /// In lower case: names of keys have no case.
    pub(crate) name: Box<str>,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(Box<str>),
    One,
    Any,
    Variable { key: Key, default: Option<Box<str>> },
}

/// Whether `*` and `?` are wildcards in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wildcards {
    Meant,
    Literal,
}

/// What is wrong with a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum VariableFault {
    NoBrace,
    Empty,
    Space,
    Quote,
    Symbol,
}

/// A pattern that resources and values of conditions are compared with.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// `*` alone.
    All,
    /// No wildcards, no variables.
    Exact(Box<str>),
    Glob(Glob),
    Template(Box<[Part]>),
}

/// Asks facts and notes what is not known.
#[derive(Debug)]
pub(crate) struct Asker<'f, 'a> {
    pub(crate) facts: &'f dyn Facts,
    /// Keys that had no value; only filled when somebody wants to know.
    pub(crate) missing: Option<Vec<&'a str>>,
}

impl Key {
    pub(crate) fn new(written: &str) -> Self {
        Self {
            written: written.into(),
            name: written.to_lowercase().into(),
        }
    }
}

impl<'f, 'a> Asker<'f, 'a> {
    pub(crate) fn ask(&mut self, key: &'a Key) -> Option<Fact<'f>> {
        let fact = self.facts.get(&key.name);
        if fact.is_none() {
            self.note(key);
        }
        fact
    }

    /// The value for a variable: that of a single-valued key, or the default.
    fn value<'v>(&mut self, key: &'a Key, default: Option<&'a str>) -> Option<Cow<'v, str>>
    where
        'a: 'v,
        'f: 'v,
    {
        match self.facts.get(&key.name) {
            Some(Fact::One(value)) => return Some(value),
            None if default.is_none() => self.note(key),
            _ => {}
        }
        default.map(Cow::Borrowed)
    }

    fn note(&mut self, key: &'a Key) {
        if let Some(missing) = &mut self.missing
            && !missing
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&key.written))
        {
            missing.push(&key.written);
        }
    }
}

impl Pattern {
    /// A pattern out of the parts of a text.
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        match parts.as_slice() {
            [] => Self::Exact(Box::default()),
            [Part::Any] => Self::All,
            [Part::Text(text)] => Self::Exact(text.clone()),
            parts if parts.iter().any(Part::is_variable) => Self::Template(parts.into()),
            parts => Self::Glob(Glob::new(&fixed(parts))),
        }
    }

    pub(crate) fn has_variable(&self) -> bool {
        matches!(self, Self::Template(_))
    }

    /// The parts, where it has variables.
    pub(crate) fn template(&self) -> &[Part] {
        match self {
            Self::Template(parts) => parts,
            Self::All | Self::Exact(_) | Self::Glob(_) => &[],
        }
    }

    /// Whether `text` fits; `None` when that hangs on a variable which has no value.
    pub(crate) fn matches<'a>(&'a self, text: &str, asker: &mut Asker<'_, 'a>) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::Exact(wanted) => Some(**wanted == *text),
            Self::Glob(glob) => Some(glob.matches(text)),
            Self::Template(parts) => match resolve(parts, asker) {
                Some(tokens) => Some(Glob::new(&tokens).matches(text)),
                None => (!could_match(parts, text)).then_some(false),
            },
        }
    }

    /// The text that an operator without wildcards compares with; `None` when a variable has no value.
    pub(crate) fn text<'v, 'f, 'a>(&'a self, asker: &mut Asker<'f, 'a>) -> Option<Cow<'v, str>>
    where
        'a: 'v,
        'f: 'v,
    {
        match self {
            Self::Exact(text) => Some(Cow::Borrowed(text)),
            Self::Template(parts) => {
                let tokens = resolve(parts, asker)?;
                Some(
                    tokens
                        .iter()
                        .filter_map(Token::text)
                        .collect::<String>()
                        .into(),
                )
            }
            Self::All | Self::Glob(_) => None,
        }
    }
}

impl Part {
    fn is_variable(&self) -> bool {
        matches!(self, Self::Variable { .. })
    }
}

/// The parts as tokens, with the values of variables put in; `None` when one has no value.
pub(crate) fn resolve<'v, 'f, 'a>(
    parts: &'a [Part],
    asker: &mut Asker<'f, 'a>,
) -> Option<Vec<Token<'v>>>
where
    'a: 'v,
    'f: 'v,
{
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => Some(Token::Text(Cow::Borrowed(text))),
            Part::One => Some(Token::One),
            Part::Any => Some(Token::Any),
            Part::Variable { key, default } => {
                asker.value(key, default.as_deref()).map(Token::Text)
            }
        })
        .collect()
}

/// Whether some values of the variables would make `text` fit.
fn could_match(parts: &[Part], text: &str) -> bool {
    let tokens = parts.iter().map(|part| match part {
        Part::Text(text) => Token::Text(Cow::Borrowed(text)),
        Part::One => Token::One,
        Part::Any | Part::Variable { .. } => Token::Any,
    });
    Glob::new(&tokens.collect::<Vec<_>>()).matches(text)
}

/// The parts as tokens where there are no variables.
pub(crate) fn fixed(parts: &[Part]) -> Vec<Token<'_>> {
    parts
        .iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(Token::Text(Cow::Borrowed(text))),
            Part::One => Some(Token::One),
            Part::Any => Some(Token::Any),
            Part::Variable { .. } => None,
        })
        .collect()
}

/// Reads a text without variables.
pub(crate) fn plain(text: &str, wildcards: Wildcards) -> Vec<Part> {
    let mut parts = Vec::new();
    push(&mut parts, text, wildcards);
    parts
}

/// Reads a text with variables.
pub(crate) fn parse(text: &str, wildcards: Wildcards) -> Result<Vec<Part>, VariableFault> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        push(&mut parts, before, wildcards);
        let (part, behind) = variable(behind)?;
        match part {
            Part::Text(text) => push(&mut parts, &text, Wildcards::Literal),
            part => parts.push(part),
        }
        rest = behind;
    }
    push(&mut parts, rest, wildcards);
    Ok(parts)
}

/// Reads what follows `${`.
fn variable(text: &str) -> Result<(Part, &str), VariableFault> {
    let name_end = text.find(['}', ',']).ok_or(VariableFault::NoBrace)?;
    let (name, rest) = text.split_at(name_end);
    if let Some(rest) = rest.strip_prefix('}') {
        return Ok((named(name, None)?, rest));
    }
    let default = rest.trim_start_matches(',').trim_start();
    let default = default.strip_prefix('\'').ok_or(VariableFault::Quote)?;
    let (default, rest) = default.split_once('\'').ok_or(VariableFault::Quote)?;
    let rest = rest
        .trim_start()
        .strip_prefix('}')
        .ok_or(VariableFault::NoBrace)?;
    Ok((named(name, Some(default))?, rest))
}

fn named(name: &str, default: Option<&str>) -> Result<Part, VariableFault> {
    match name {
        "" => return Err(VariableFault::Empty),
        "*" | "?" | "$" => return Ok(Part::Text(name.into())),
        _ => {}
    }
    if name.contains(char::is_whitespace) {
        return Err(VariableFault::Space);
    }
    let is_allowed = |c: char| c.is_alphanumeric() || ":/-_.+=@".contains(c);
    if !name.chars().all(is_allowed) {
        return Err(VariableFault::Symbol);
    }
    Ok(Part::Variable {
        key: Key::new(name),
        default: default.map(Into::into),
    })
}

/// Adds a text; neighbouring texts become one, so that a text without wildcards is one part.
fn push(parts: &mut Vec<Part>, text: &str, wildcards: Wildcards) {
    if wildcards == Wildcards::Meant {
        for token in tokens(text) {
            match token {
                Token::Text(text) => push(parts, &text, Wildcards::Literal),
                Token::One => parts.push(Part::One),
                Token::Any => parts.push(Part::Any),
            }
        }
    } else if let Some(Part::Text(last)) = parts.last_mut() {
        *last = format!("{last}{text}").into();
    } else if !text.is_empty() {
        parts.push(Part::Text(text.into()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request::Context;

    fn matches(pattern: &str, text: &str, user: Option<&str>) -> Option<bool> {
        let mut context = Context::new();
        if let Some(user) = user {
            context.set("aws:UserName", user);
        }
        let mut asker = Asker {
            facts: &context,
            missing: Some(Vec::new()),
        };
        Pattern::new(parse(pattern, Wildcards::Meant).unwrap()).matches(text, &mut asker)
    }

    #[test]
    fn variables_are_put_in() {
        for (pattern, text, user, expected) in [
            (
                "home/${aws:username}/*",
                "home/bob/a",
                Some("bob"),
                Some(true),
            ),
            (
                "home/${AWS:UserName}/*",
                "home/eve/a",
                Some("bob"),
                Some(false),
            ),
            ("home/${aws:username}", "home/", None, None),
            ("home/${aws:username}", "house/", None, Some(false)),
            (
                "${aws:username, 'anonymous'}",
                "anonymous",
                None,
                Some(true),
            ),
            ("${aws:username,'a b'}", "a b", None, Some(true)),
            (
                "${aws:username, 'anonymous'}",
                "bob",
                Some("bob"),
                Some(true),
            ),
            ("${*}", "*", None, Some(true)),
            ("${*}", "a", None, Some(false)),
            ("a${?}*", "a?b", None, Some(true)),
            ("a${?}*", "abb", None, Some(false)),
            (
                "${$}{aws:username}",
                "${aws:username}",
                Some("bob"),
                Some(true),
            ),
            ("$5", "$5", None, Some(true)),
        ] {
            assert_eq!(matches(pattern, text, user), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_broken_variable_is_named() {
        for (text, fault) in [
            ("${aws:username", VariableFault::NoBrace),
            ("${aws:username, 'a'", VariableFault::NoBrace),
            ("${}", VariableFault::Empty),
            ("${aws: username}", VariableFault::Space),
            ("${aws:username, a}", VariableFault::Quote),
            ("${aws:username, 'a}", VariableFault::Quote),
            ("${aws:user*}", VariableFault::Symbol),
            ("${${aws:username}}", VariableFault::Symbol),
        ] {
            assert_eq!(parse(text, Wildcards::Meant), Err(fault), "{text}");
        }
    }

    #[test]
    fn a_key_with_many_values_is_no_variable() {
        let mut context = Context::new();
        context.set_many("aws:TagKeys", ["a".to_owned()]);
        let mut asker = Asker {
            facts: &context,
            missing: None,
        };
        let pattern = Pattern::new(parse("${aws:TagKeys}", Wildcards::Meant).unwrap());
        assert_eq!(pattern.matches("a", &mut asker), None);
    }

    proptest! {
        #[test]
        fn a_value_is_never_a_wildcard(value in "[ab*?$]{1,6}", text in "[ab*?$]{1,6}") {
            let found = matches("${aws:username}", &text, Some(&value));
            prop_assert_eq!(found, Some(value == text));
        }

        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text, Wildcards::Meant);
        }
    }
}
