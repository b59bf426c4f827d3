//! JSON with positions.
//!
//! Where `serde_json` keeps the last of two equal keys in silence, this refuses the second: in a policy, the one that
//! is lost may be the one that denies. Numbers stay as they are written. Nothing here knows what a policy is.
//!
//! Source: RFC 8259.

use crate::position::{Position, Problem, Span};

/// How deep values may nest. A policy needs five.
pub(crate) const DEPTH_MAX: usize = 32;

/// A value and where it stands; the quotes of a text belong to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Value {
    /// What it is, for messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

/// Reads one value and nothing behind it.
pub(crate) fn parse(text: &str) -> Result<Node, Problem> {
    let mut reader = Reader {
        rest: text,
        at: Position::default(),
    };
    let node = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(node),
        Some(found) => Err(reader.wrong(format!("`{found}` stands behind the end of the value"))),
    }
}

struct Reader<'t> {
    rest: &'t str,
    at: Position,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let c = rest.next()?;
        self.rest = rest.as_str();
        self.at.offset = self.at.offset.saturating_add(c.len_utf8());
        if c == '\n' {
            self.at.line = self.at.line.saturating_add(1);
            self.at.column = 1;
        } else {
            self.at.column = self.at.column.saturating_add(1);
        }
        Some(c)
    }

    fn wrong(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.at, message)
    }

    fn unexpected(&self, wanted: &str) -> Problem {
        match self.peek() {
            Some(found) => self.wrong(format!(
                "`{}` where {wanted} should be",
                found.escape_debug()
            )),
            None => self.wrong(format!("the text ends where {wanted} should be")),
        }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.next();
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), Problem> {
        self.space();
        if self.peek() == Some(wanted) {
            self.next();
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{wanted}`")))
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Problem> {
        self.space();
        if depth > DEPTH_MAX {
            return Err(self.wrong(format!("values nest deeper than {DEPTH_MAX}")));
        }
        let start = self.at;
        let value = match self.peek() {
            Some('{') => self.map(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Text(self.text()?),
            Some('-' | '0'..='9') => Value::Number(self.number()?),
            Some('t') => self.word("true", Value::Bool(true))?,
            Some('f') => self.word("false", Value::Bool(false))?,
            Some('n') => self.word("null", Value::Null)?,
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Node {
            value,
            span: self.since(start),
        })
    }

    fn since(&self, start: Position) -> Span {
        Span {
            start,
            end: self.at,
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Problem> {
        if !self.rest.starts_with(word) {
            return Err(self.unexpected("a value"));
        }
        for _ in word.chars() {
            self.next();
        }
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Value, Problem> {
        self.expect('[')?;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(']') {
            self.next();
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth.saturating_add(1))?);
            if !self.goes_on(']')? {
                return Ok(Value::List(items));
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Problem> {
        self.expect('{')?;
        let mut members = Vec::new();
        self.space();
        if self.peek() == Some('}') {
            self.next();
            return Ok(Value::Map(members));
        }
        loop {
            let member = self.member(depth)?;
            refuse_second(&members, &member)?;
            members.push(member);
            if !self.goes_on('}')? {
                return Ok(Value::Map(members));
            }
        }
    }

    fn member(&mut self, depth: usize) -> Result<Member, Problem> {
        self.space();
        let start = self.at;
        if self.peek() != Some('"') {
            return Err(self.unexpected("a key in double quotes"));
        }
        let key = self.text()?;
        let key_span = self.since(start);
        self.expect(':')?;
        let value = self.value(depth.saturating_add(1))?;
        Ok(Member {
            key,
            key_span,
            value,
        })
    }

    /// Whether a comma follows; else the closing sign must.
    fn goes_on(&mut self, close: char) -> Result<bool, Problem> {
        self.space();
        match self.peek() {
            Some(',') => {
                self.next();
                Ok(true)
            }
            Some(found) if found == close => {
                self.next();
                Ok(false)
            }
            _ => Err(self.unexpected(&format!("`,` or `{close}`"))),
        }
    }

    fn text(&mut self) -> Result<String, Problem> {
        let mut text = String::new();
        self.next();
        loop {
            match self.peek() {
                None => return Err(self.wrong("the text ends within a string")),
                Some('"') => {
                    self.next();
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                Some(c) if c < ' ' => {
                    let shown = c.escape_debug();
                    return Err(self.wrong(format!("a string holds `{shown}` unescaped")));
                }
                Some(c) => {
                    self.next();
                    text.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Problem> {
        let start = self.at;
        self.next();
        match self.next() {
            Some(c @ ('"' | '\\' | '/')) => Ok(c),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('u') => self.unicode(start),
            _ => Err(Problem::new(
                start,
                "no such escape; these exist: \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX",
            )),
        }
    }

    fn unicode(&mut self, start: Position) -> Result<char, Problem> {
        let first = self.four_digits(start)?;
        let code = match first {
            0xD800..=0xDBFF => {
                let second = if self.next() == Some('\\') && self.next() == Some('u') {
                    self.four_digits(start)?
                } else {
                    0
                };
                pair(first, second)
            }
            other => Some(other),
        };
        code.and_then(char::from_u32)
            .ok_or_else(|| Problem::new(start, "half a surrogate pair is no character"))
    }

    fn four_digits(&mut self, start: Position) -> Result<u32, Problem> {
        let mut code = 0_u32;
        for _ in 0..4 {
            let digit = self.next().and_then(|c| c.to_digit(16));
            let digit = digit.ok_or_else(|| Problem::new(start, "`\\u` needs four hex digits"))?;
            code = (code << 4) | digit;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<String, Problem> {
        let mut text = String::new();
        if self.peek() == Some('-') {
            text.extend(self.next());
        }
        if self.peek() == Some('0') {
            text.extend(self.next());
        } else {
            self.digits(&mut text)?;
        }
        if self.peek() == Some('.') {
            text.extend(self.next());
            self.digits(&mut text)?;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            text.extend(self.next());
            if matches!(self.peek(), Some('+' | '-')) {
                text.extend(self.next());
            }
            self.digits(&mut text)?;
        }
        Ok(text)
    }

    fn digits(&mut self, text: &mut String) -> Result<(), Problem> {
        if !matches!(self.peek(), Some('0'..='9')) {
            return Err(self.unexpected("a digit"));
        }
        while matches!(self.peek(), Some('0'..='9')) {
            text.extend(self.next());
        }
        Ok(())
    }
}

fn refuse_second(members: &[Member], member: &Member) -> Result<(), Problem> {
    let Some(first) = members.iter().find(|known| known.key == member.key) else {
        return Ok(());
    };
    let Position { line, column, .. } = first.key_span.start;
    let key = member.key.escape_debug();
    Err(Problem::new(
        member.key_span.start,
        format!("the key `{key}` is given twice; its first stands on line {line}, column {column}"),
    ))
}

/// The character of a surrogate pair.
fn pair(first: u32, second: u32) -> Option<u32> {
    let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
    let high = first.checked_sub(0xD800)?;
    Some(0x1_0000 + (high << 10) + low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_knows_where_it_stands() {
        let node = parse("{\n  \"é\": [\"a\", 12]\n}").unwrap();
        let Value::Map(members) = &node.value else {
            panic!("{node:?}");
        };
        let Value::List(items) = &members[0].value.value else {
            panic!("{node:?}");
        };
        let span = items[1].span;
        assert_eq!((span.start.line, span.start.column), (2, 14));
        assert_eq!((span.end.line, span.end.column), (2, 16));
        assert_eq!(span.start.offset, 16);
        assert_eq!(node.span.end.line, 3);
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (text, line, column, words) in [
            ("", 1, 1, "ends"),
            ("{", 1, 2, "a key"),
            ("{\"a\":1,}", 1, 8, "a key"),
            ("{\"a\" 1}", 1, 6, "`:`"),
            ("[1,]", 1, 4, "a value"),
            ("[1 2]", 1, 4, "`,` or `]`"),
            ("[01]", 1, 3, "`,` or `]`"),
            ("[1.]", 1, 4, "a digit"),
            ("[-]", 1, 3, "a digit"),
            ("[tru]", 1, 2, "a value"),
            ("\"a", 1, 3, "within a string"),
            ("\"a\nb\"", 1, 3, "unescaped"),
            ("\"\\x\"", 1, 2, "escape"),
            ("\"\\u12\"", 1, 2, "four hex digits"),
            ("\"\\ud800\"", 1, 2, "surrogate"),
            ("\"\\udc00\"", 1, 2, "surrogate"),
            ("{} {}", 1, 4, "behind the end"),
            ("{\"a\":1,\n\"a\":2}", 2, 1, "twice"),
            ("{\"a\":1,\"\\u0061\":2}", 1, 8, "line 1, column 2"),
        ] {
            let problem = parse(text).unwrap_err();
            assert_eq!((problem.line, problem.column), (line, column), "{text}");
            assert!(problem.message.contains(words), "{text}: {problem}");
        }
    }

    #[test]
    fn nesting_has_a_bound() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(&deep(DEPTH_MAX)).is_ok());
        assert!(parse(&deep(DEPTH_MAX + 2)).is_err());
        assert!(parse(&deep(1_000_000)).is_err());
    }

    /// The same value as `serde_json` has it, which lies outside of this crate.
    fn to_serde(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(text) => serde_json::from_str(text).unwrap(),
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(to_serde).collect(),
            Value::Map(members) => members
                .iter()
                .map(|member| (member.key.clone(), to_serde(&member.value)))
                .collect(),
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_json_writes(value in json(), pretty in any::<bool>()) {
            let text = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            prop_assert_eq!(to_serde(&parse(&text).unwrap()), value);
        }

        #[test]
        fn it_refuses_what_serde_json_refuses(text in "[\\[\\]{}\",:0-9eE+.tfnul a\\\\-]{0,24}") {
            if parse(&text).is_ok() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
