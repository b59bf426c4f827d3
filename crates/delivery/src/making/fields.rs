//! The fields of a line by the names that macros give them.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::format::{json_members, json_text};
use crate::template::{Path, Value};

/// The fields of a line. What cannot be read has none: the reader of the format has said so.
#[derive(Debug)]
pub(crate) enum Fields<'l> {
    /// A line that is a URL has none.
    None,
    /// Members of an object.
    Json(Vec<(Cow<'l, str>, &'l RawValue)>),
    /// Labelled tab-separated values.
    Ltsv(&'l [u8]),
    /// Groups of a regular expression.
    Regex(regex::bytes::Captures<'l>),
}

impl Fields<'_> {
    /// The value of the field at `path`; the last one where there are several.
    pub(crate) fn value(&self, path: &Path) -> Option<Value<'_>> {
        match self {
            Self::None => None,
            Self::Json(members) => in_members(members, path.as_str()),
            Self::Ltsv(line) => in_labels(line, path.as_str()).map(Value::bytes),
            Self::Regex(captures) => {
                let found = captures.name(path.as_str())?;
                Some(Value::bytes(found.as_bytes()))
            }
        }
    }
}

/// A member of that very name comes first; else the name before a `.` and what is in it.
fn in_members<'a>(members: &[(Cow<'_, str>, &'a RawValue)], path: &str) -> Option<Value<'a>> {
    let member = |name: &str| {
        let mut found = members.iter().rev();
        found.find(|(own, _)| own == name).map(|(_, value)| *value)
    };
    if let Some(value) = member(path) {
        return as_value(value);
    }
    let (first, rest) = path.split_once('.')?;
    within(member(first)?, rest)
}

fn within<'a>(value: &'a RawValue, path: &str) -> Option<Value<'a>> {
    let text = value.get();
    if text.starts_with('{') {
        return in_members(&json_members(text)?, path);
    }
    let items: Vec<&'a RawValue> = serde_json::from_str(text).ok()?;
    let (index, rest) = match path.split_once('.') {
        Some((index, rest)) => (index, Some(rest)),
        None => (path, None),
    };
    let item = items.get(index.parse::<usize>().ok()?)?;
    match rest {
        Some(rest) => within(item, rest),
        None => as_value(item),
    }
}

fn as_value(value: &RawValue) -> Option<Value<'_>> {
    let text = value.get();
    if !text.starts_with('"') {
        return Some(Value::Json(Cow::Borrowed(text)));
    }
    Some(match json_text(text)? {
        Cow::Borrowed(text) => Value::text(text),
        Cow::Owned(text) => Value::owned(text),
    })
}

fn in_labels<'l>(line: &'l [u8], name: &str) -> Option<&'l [u8]> {
    let value = |part: &'l [u8]| part.strip_prefix(name.as_bytes())?.strip_prefix(b":");
    line.rsplit(|byte| *byte == b'\t').find_map(value)
}
