//! Reads shapes from a form: for each member of the schema it looks whether the form has something under its name.

use base::Timestamp;

use super::{Params, Style};
use crate::error::{DecodeError, Problem};
use crate::form;
use crate::schema::{Member, Schema};
use crate::shape::Source;
use crate::values::{Blob, Document};

/// Levels of nesting; the schema bounds it too, save where a structure holds itself.
const DEPTH_LIMIT: usize = 32;
const NUMBER: Problem = Problem::Malformed {
    expected: "a list: its items are numbered from 1",
};

/// A form being read.
#[derive(Debug)]
pub struct QuerySource {
    style: Style,
    params: Params,
    /// The name under which we stand, such as `Entry.1`.
    prefix: String,
    /// The member whose value comes next; a list or map takes its form from it.
    member: Option<&'static Member>,
    frames: Vec<Frame>,
}

/// Something entered; `base` is the prefix's length outside of it.
#[derive(Debug)]
enum Frame {
    Structure {
        schema: &'static Schema,
        next: usize,
        base: usize,
    },
    List {
        /// Without a number: `AttributeName=All` for `AttributeName.1=All`, as the API's own examples have it.
        is_bare: bool,
        indexes: std::vec::IntoIter<u32>,
        stem: usize,
        base: usize,
    },
    Map {
        /// Without a number: `Attribute.Name=…&Attribute.Value=…` for one entry, as the API's own examples have it.
        is_bare: bool,
        member: Option<&'static Member>,
        indexes: std::vec::IntoIter<u32>,
        stem: usize,
        base: usize,
    },
}

impl QuerySource {
    /// A source at the root of the form `body`.
    ///
    /// # Errors
    /// As [`Params::parse`].
    pub fn new(style: Style, body: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self {
            style,
            params: Params::parse(body)?,
            prefix: String::new(),
            member: None,
            frames: Vec::new(),
        })
    }

    fn push(&mut self, frame: Frame) -> Result<(), DecodeError> {
        if self.frames.len() >= DEPTH_LIMIT {
            return Err(self.fail(Problem::TooDeep { limit: DEPTH_LIMIT }));
        }
        self.frames.push(frame);
        Ok(())
    }

    fn leave(&mut self, base: usize) {
        self.prefix.truncate(base);
        self.frames.pop();
    }

    fn descend(&mut self, name: &str) {
        if !self.prefix.is_empty() {
            self.prefix.push('.');
        }
        self.prefix.push_str(name);
    }

    /// Whether the form has the prefix itself, or anything under it.
    fn is_there(&self) -> bool {
        let mut names = self.params.under(&self.prefix);
        names.any(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Whether the only entry of a map stands under the prefix without a number.
    fn is_bare_entry(&self, (key, value): (&str, &str)) -> Result<bool, DecodeError> {
        let stem = format!("{}.", self.prefix);
        if self.params.get(&format!("{stem}{key}")).is_none() {
            return Ok(false);
        }
        let mut names = self.params.under(&stem);
        let is_of_entry = |rest: &str| [key, value].contains(&rest.split('.').next().unwrap_or(""));
        if names.all(is_of_entry) {
            return Ok(true);
        }
        Err(self.fail(NUMBER))
    }

    /// The numbers that stand under the prefix, in order.
    fn indexes(&mut self) -> Result<Vec<u32>, DecodeError> {
        let stem = format!("{}.", self.prefix);
        let mut indexes = Vec::new();
        for rest in self.params.under(&stem) {
            let number = rest.split('.').next().unwrap_or_default();
            let number: u32 = number.parse().map_err(|_| self.fail(NUMBER))?;
            indexes.push(number);
        }
        indexes.sort_unstable();
        indexes.dedup();
        Ok(indexes)
    }

    fn text(&self, expected: &'static str) -> Result<&str, DecodeError> {
        self.params.get(&self.prefix).ok_or_else(|| {
            let found = "a structure";
            self.fail(Problem::WrongType { found, expected })
        })
    }

    fn trimmed<T>(
        &self,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, DecodeError> {
        let text = self.text(expected)?.trim();
        read(text).ok_or_else(|| self.fail(Problem::Malformed { expected }))
    }
}

/// What a map's entries call their key and their value.
fn names_of(member: Option<&'static Member>) -> (&'static str, &'static str) {
    member.map_or(("key", "value"), |member| (member.key, member.value))
}

impl Source for QuerySource {
    fn begin_structure(&mut self, schema: &'static Schema) -> Result<(), DecodeError> {
        let base = self.prefix.len();
        self.push(Frame::Structure {
            schema,
            next: 0,
            base,
        })
    }

    fn next_member(&mut self) -> Result<Option<usize>, DecodeError> {
        loop {
            let Some(Frame::Structure { schema, next, base }) = self.frames.last_mut() else {
                return Ok(None);
            };
            let (index, base) = (*next, *base);
            *next += 1;
            let member = schema.members.get(index);
            self.prefix.truncate(base);
            let Some(member) = member else {
                return Ok(None);
            };
            self.descend(&self.style.name(member));
            if self.is_there() {
                self.member = Some(member);
                return Ok(Some(index));
            }
        }
    }

    fn end_structure(&mut self) -> Result<(), DecodeError> {
        if let Some(Frame::Structure { base, .. }) = self.frames.last() {
            self.leave(*base);
        }
        Ok(())
    }

    fn begin_list(&mut self) -> Result<(), DecodeError> {
        let base = self.prefix.len();
        let bare = self.params.get(&self.prefix);
        let is_bare = bare.is_some_and(|text| !text.is_empty());
        let member = self.member.take();
        if let Some(item) = self.style.item(member) {
            self.descend(item);
        }
        let indexes = if is_bare { Vec::new() } else { self.indexes()? };
        let stem = self.prefix.len();
        self.push(Frame::List {
            is_bare,
            indexes: indexes.into_iter(),
            stem,
            base,
        })
    }

    fn next_item(&mut self) -> Result<bool, DecodeError> {
        let Some(Frame::List {
            is_bare,
            indexes,
            stem,
            base,
        }) = self.frames.last_mut()
        else {
            return Ok(false);
        };
        let (stem, base) = (*stem, *base);
        if std::mem::take(is_bare) {
            self.prefix.truncate(base);
            return Ok(true);
        }
        let Some(index) = indexes.next() else {
            self.leave(base);
            return Ok(false);
        };
        self.prefix.truncate(stem);
        self.descend(&index.to_string());
        Ok(true)
    }

    fn begin_map(&mut self) -> Result<(), DecodeError> {
        let base = self.prefix.len();
        let member = self.member.take();
        if member.is_none_or(|member| !member.is_flattened) {
            self.descend("entry");
        }
        let is_bare = self.is_bare_entry(names_of(member))?;
        let indexes = if is_bare { Vec::new() } else { self.indexes()? };
        let stem = self.prefix.len();
        self.push(Frame::Map {
            is_bare,
            member,
            indexes: indexes.into_iter(),
            stem,
            base,
        })
    }

    fn next_key(&mut self) -> Result<Option<String>, DecodeError> {
        let Some(Frame::Map {
            is_bare,
            member,
            indexes,
            stem,
            base,
        }) = self.frames.last_mut()
        else {
            return Ok(None);
        };
        let (stem, base) = (*stem, *base);
        let (key, value) = names_of(*member);
        let is_bare = std::mem::take(is_bare);
        let index = indexes.next();
        if !is_bare && index.is_none() {
            self.leave(base);
            return Ok(None);
        }
        self.prefix.truncate(stem);
        if let Some(index) = index {
            self.descend(&index.to_string());
        }
        let entry = self.prefix.len();
        self.descend(key);
        let key = self.params.get(&self.prefix).map(str::to_owned);
        let key = key.ok_or_else(|| self.fail(Problem::Missing))?;
        self.prefix.truncate(entry);
        self.descend(value);
        if !self.is_there() {
            return Err(self.fail(Problem::Missing));
        }
        Ok(Some(key))
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.text("a text").map(str::to_owned)
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        self.trimmed("`true` or `false`", |text| match text {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        })
    }

    fn integer(&mut self, low: i64, high: i64) -> Result<i64, DecodeError> {
        let number: i128 = self.trimmed("a whole number", |text| text.parse().ok())?;
        let number = i64::try_from(number).ok();
        let number = number.filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| self.fail(Problem::OutOfRange { low, high }))
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.trimmed("a number", form::read_double)
    }

    fn blob(&mut self) -> Result<Blob, DecodeError> {
        let text = self.text("a text of base64")?;
        form::read_blob(text).map_err(|problem| self.fail(problem))
    }

    fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        let text = self.text("a moment")?;
        form::read_timestamp(text).map_err(|problem| self.fail(problem))
    }

    fn document(&mut self) -> Result<Document, DecodeError> {
        self.text("a JSON text")
            .map(|text| Document(text.to_owned()))
    }

    fn has_empty(&self) -> bool {
        false
    }

    fn fail(&self, problem: Problem) -> DecodeError {
        DecodeError::new(self.prefix.clone(), problem)
    }
}
