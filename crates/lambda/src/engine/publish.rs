//! Versions that stay as they are.

use std::sync::Arc;

use super::check;
use super::error::{Error, Stale};
use super::record::{Function, Version};
use super::state::{Command, Edit, Stamp, is_current};
use crate::function::{CodeId, FunctionName};

/// A version as a command has left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its number; `None` for `$LATEST`.
    pub number: Option<u64>,
    /// It.
    pub version: Version,
}

impl Shown {
    /// What `$LATEST` means.
    #[must_use]
    pub fn latest(function: &Function) -> Self {
        Self {
            number: None,
            version: function.latest.clone(),
        }
    }
}

/// Keeps what `$LATEST` means under a number of its own; the last number again where nothing has changed since.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Which function.
    pub name: FunctionName,
    /// Only if this is its package.
    pub code: Option<CodeId>,
    /// What the version is called; as `$LATEST` where that is not said.
    pub description: Option<String>,
    /// Only if this is its revision.
    pub revision_id: Option<String>,
}

impl Command for Publish {
    type Outcome = Shown;

    fn run(self, edit: &mut Edit<'_>, stamp: &Stamp) -> Result<Shown, Error> {
        let mut function = edit.function(&self.name)?;
        if let Some(description) = &self.description {
            check::description(description)?;
        }
        let latest = &function.latest;
        is_current(
            self.revision_id.as_deref(),
            &latest.revision_id,
            Stale::Function,
        )?;
        if let Some(code) = self.code.filter(|code| *code != latest.code) {
            return Err(other_code(&code, &latest.code));
        }
        let shown = publish(&mut function, self.description, edit, stamp)?;
        edit.put(function);
        Ok(shown)
    }
}

fn other_code(asked: &CodeId, is: &CodeId) -> Error {
    Error::Invalid(format!(
        "CodeSHA256 ({}) is different from current CodeSHA256 in $LATEST ({}). Please try again with the CodeSHA256 in $LATEST.",
        super::record::sha256(asked),
        super::record::sha256(is)
    ))
}

/// Publishes what `$LATEST` means, unless the last version is that.
pub(super) fn publish(
    function: &mut Function,
    description: Option<String>,
    edit: &mut Edit<'_>,
    stamp: &Stamp,
) -> Result<Shown, Error> {
    let latest = &function.latest;
    if let Some((number, last)) = function.versions.last_key_value()
        && last.code == latest.code
        && last.settings == latest.settings
    {
        return Ok(Shown {
            number: Some(*number),
            version: Version::clone(last),
        });
    }
    edit.has_room_for_version(latest.code_bytes)?;
    let version = Version {
        described: description.filter(|text| !text.is_empty()),
        modified: stamp.at,
        revision_id: stamp.revision_id.clone(),
        revision: edit.revision(stamp),
        ..latest.clone()
    };
    let number = function.next_number;
    function.next_number = number.saturating_add(1);
    function.versions.insert(number, Arc::new(version.clone()));
    Ok(Shown {
        number: Some(number),
        version,
    })
}
