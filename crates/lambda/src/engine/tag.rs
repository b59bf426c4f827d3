//! Tags of functions.

use std::collections::BTreeMap;

use super::error::Error;
use super::state::{Command, Edit, Stamp};
use crate::function::FunctionName;

/// Most tags of a function. Source: Lambda Developer Guide, "Using tags", "Tag restrictions"; so for the others.
pub const TAGS_MAX: usize = 50;
/// Longest key, in characters.
pub const KEY_CHARS_MAX: usize = 128;
/// Longest value, in characters.
pub const VALUE_CHARS_MAX: usize = 256;

/// Adds tags, or changes their values.
#[derive(Clone, Debug)]
pub struct Tag {
    /// Of which function.
    pub name: FunctionName,
    /// Key and value.
    pub tags: BTreeMap<String, String>,
}

impl Command for Tag {
    type Outcome = ();

    fn run(self, edit: &mut Edit<'_>, _: &Stamp) -> Result<(), Error> {
        let mut function = edit.function(&self.name)?;
        function.tags.extend(self.tags);
        check(&function.tags)?;
        edit.put(function);
        Ok(())
    }
}

/// Removes tags, those that are there.
#[derive(Clone, Debug)]
pub struct Untag {
    /// Of which function.
    pub name: FunctionName,
    /// Their keys.
    pub keys: Vec<String>,
}

impl Command for Untag {
    type Outcome = ();

    fn run(self, edit: &mut Edit<'_>, _: &Stamp) -> Result<(), Error> {
        let mut function = edit.function(&self.name)?;
        function.tags.retain(|key, _| !self.keys.contains(key));
        edit.put(function);
        Ok(())
    }
}

/// Checks all tags of a function.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.len() > TAGS_MAX {
        return Err(Error::Invalid(
            "The number of tags exceeds the limit of 50.".to_owned(),
        ));
    }
    for (key, value) in tags {
        let wrong = match key {
            key if key.is_empty() => "The tag key cannot be empty.",
            key if key.to_lowercase().starts_with("aws:") => {
                "aws: prefixed tag key names are not allowed for external use."
            }
            key if key.chars().count() > KEY_CHARS_MAX => {
                "The tag key exceeds the maximum length of 128 characters."
            }
            _ if value.chars().count() > VALUE_CHARS_MAX => {
                "The tag value exceeds the maximum length of 256 characters."
            }
            _ => continue,
        };
        return Err(Error::Invalid(wrong.to_owned()));
    }
    Ok(())
}
