//! From a key to where it stands in the file, in TOML and in JSON.
//!
//! JSON is read into the same tree as TOML, with the places of its keys and values, so that all that follows is one.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A place in a file, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The place of a byte of `text`.
pub(super) fn of_byte(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Place { line, column }
}

/// The byte where `key` stands, such as `checks."a b".every`; of its nearest parent that is written where it is not.
pub(super) fn of_key(root: &DeTable<'_>, key: &str) -> Option<usize> {
    let mut table = root;
    let mut found = None;
    for part in parts(key) {
        let mut entries = table.iter();
        let Some((name, value)) = entries.find(|(name, _)| name.get_ref().as_ref() == part) else {
            break;
        };
        found = Some(name.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}

/// The keys down to the value that spans the byte `at`.
pub(super) fn path_of(root: &DeTable<'_>, at: usize) -> Vec<String> {
    for (name, value) in root.iter() {
        let inner = match value.get_ref() {
            DeValue::Table(inner) => path_of(inner, at),
            _ => Vec::new(),
        };
        // The span of a table of its own is its head, not what stands under it.
        if !inner.is_empty() || name.span().contains(&at) || value.span().contains(&at) {
            let mut path = vec![name.get_ref().to_string()];
            path.extend(inner);
            return path;
        }
    }
    Vec::new()
}

/// Takes the value at `path` out.
pub(super) fn remove(table: &mut DeTable<'_>, path: &[String]) {
    match path {
        [] => {}
        [last] => {
            table.remove(last.as_str());
        }
        [first, rest @ ..] => {
            for (name, value) in table.iter_mut() {
                if name.get_ref() == first.as_str()
                    && let DeValue::Table(inner) = value.get_mut()
                {
                    remove(inner, rest);
                }
            }
        }
    }
}

/// A key as it is written: parts that are not plain are quoted.
pub(super) fn dotted(path: &[String]) -> String {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_plain = |part: &str| !part.is_empty() && part.bytes().all(is_letter);
    let parts = path.iter().map(|part| match is_plain(part) {
        true => part.clone(),
        false => format!("\"{part}\""),
    });
    parts.collect::<Vec<_>>().join(".")
}

fn parts(key: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    for letter in key.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(String::new()),
            _ => parts
                .last_mut()
                .into_iter()
                .for_each(|last| last.push(letter)),
        }
    }
    parts
}

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
