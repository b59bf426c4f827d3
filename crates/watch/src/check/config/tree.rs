//! The tree of a file with the places of its keys and values, of TOML and of JSON, for [`base::place`].
//!
//! JSON is read into the same tree as TOML, with the places of its keys and values, so that all that follows is one.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A text that cannot be read at all: at which byte, and why.
pub(super) type Broken = (usize, String);

/// Reads TOML.
pub(super) fn toml(text: &str) -> Result<Spanned<DeTable<'_>>, Broken> {
    DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (at, error.message().to_owned())
    })
}

/// Reads JSON whose outermost value is an object.
pub(super) fn json(text: &str) -> Result<Spanned<DeTable<'_>>, Broken> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let before: usize = text
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1))
            .map(str::len)
            .sum();
        let said = error.to_string();
        let said = said
            .rsplit_once(" at line ")
            .map_or(said.as_str(), |(said, _)| said);
        return Err((before + error.column().saturating_sub(1), said.to_owned()));
    }
    let mut reader = Json { text, at: 0 };
    let root = reader.value()?;
    let span = root.span();
    match root.into_inner() {
        DeValue::Table(table) => Ok(Spanned::new(span, table)),
        _ => Err((
            0,
            "an object is expected: `{ \"checks\": { … } }`".to_owned(),
        )),
    }
}

/// Reads JSON that is known to be right in form.
struct Json<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Json<'a> {
    fn value(&mut self) -> Result<Spanned<DeValue<'a>>, Broken> {
        self.skip(|b| b.is_ascii_whitespace());
        let start = self.at;
        let value = match self.peek() {
            b'{' => self.object()?,
            b'[' => self.array()?,
            b'"' => DeValue::String(self.string()?),
            _ => self.word()?,
        };
        Ok(Spanned::new(start..self.at, value))
    }

    fn object(&mut self) -> Result<DeValue<'a>, Broken> {
        let mut table = DeTable::new();
        self.at += 1;
        while self.next_item() != b'}' {
            let start = self.at;
            let name = self.string()?;
            let span = start..self.at;
            self.skip(|b| b.is_ascii_whitespace() || b == b':');
            let value = self.value()?;
            if table.contains_key(&*name) {
                return Err((start, format!("`{name}` is there twice")));
            }
            table.insert(Spanned::new(span, name), value);
        }
        self.at += 1;
        Ok(DeValue::Table(table))
    }

    fn array(&mut self) -> Result<DeValue<'a>, Broken> {
        let mut array = DeArray::new();
        self.at += 1;
        while self.next_item() != b']' {
            array.push(self.value()?);
        }
        self.at += 1;
        Ok(DeValue::Array(array))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Broken> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while !matches!(self.peek(), b'"' | 0) {
            self.at += 1 + usize::from(bytes.get(self.at) == Some(&b'\\'));
        }
        self.at += 1;
        let quoted = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str::<String>(quoted)
            .map(Cow::Owned)
            .map_err(|error| (start, error.to_string()))
    }

    fn word(&mut self) -> Result<DeValue<'a>, Broken> {
        let start = self.at;
        self.skip(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        let word = self.text.get(start..self.at).unwrap_or_default();
        match word {
            "true" => Ok(DeValue::Boolean(true)),
            "false" => Ok(DeValue::Boolean(false)),
            "null" => Err((
                start,
                "leave out what has no value instead of `null`".to_owned(),
            )),
            number => DeValue::parse(number)
                .map(Spanned::into_inner)
                .map_err(|error| (start, error.message().to_owned())),
        }
    }

    /// Goes to the next item or to the end, and says what is there.
    fn next_item(&mut self) -> u8 {
        self.skip(|b| b.is_ascii_whitespace() || b == b',');
        match self.peek() {
            // The end of the text: what is open is closed.
            0 => self.text.as_bytes().last().copied().unwrap_or(b'}'),
            byte => byte,
        }
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn skip(&mut self, is_skipped: impl Fn(u8) -> bool) {
        while self.peek() != 0 && is_skipped(self.peek()) {
            self.at += 1;
        }
    }
}
