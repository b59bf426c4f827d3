//! How functions come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{Error, Missing};
use super::publish::{Shown, publish};
use super::record::{Function, Version, key};
use super::state::{Command, Edit, Stamp};
use super::{check, tag};
use crate::function::{CodeId, FunctionName, Qualifier, Settings};

/// Makes a function.
#[derive(Clone, Debug)]
pub struct Create {
    /// Its name.
    pub name: FunctionName,
    /// What its owner says of it.
    pub settings: Settings,
    /// The architecture of this machine.
    pub architecture: &'static str,
    /// Its package.
    pub code: CodeId,
    /// The package's bytes.
    pub code_bytes: u64,
    /// Whether it is published at once.
    pub is_published: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Command for Create {
    type Outcome = Shown;

    fn run(self, edit: &mut Edit<'_>, stamp: &Stamp) -> Result<Shown, Error> {
        check::settings(&self.settings, self.architecture)?;
        tag::check(&self.tags)?;
        if edit.before().get(&self.name).is_some() {
            return Err(Error::FunctionExists { name: self.name });
        }
        let copies = 1 + u64::from(self.is_published);
        edit.has_room_for_version(self.code_bytes.saturating_mul(copies))?;
        let mut function = Function {
            latest: Version {
                settings: Arc::new(self.settings),
                described: None,
                code: self.code,
                code_bytes: self.code_bytes,
                modified: stamp.at,
                revision_id: stamp.revision_id.clone(),
                revision: edit.revision(stamp),
            },
            name: self.name,
            next_number: 1,
            versions: BTreeMap::new(),
            aliases: BTreeMap::new(),
            policies: BTreeMap::new(),
            reserved: None,
            events: BTreeMap::new(),
            tags: self.tags,
        };
        let shown = match self.is_published {
            true => publish(&mut function, None, edit, stamp)?,
            false => Shown::latest(&function),
        };
        edit.put(function);
        Ok(shown)
    }
}

/// Removes a function with all its versions, or one version.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Of which function.
    pub name: FunctionName,
    /// Which version.
    pub qualifier: Option<Qualifier>,
}

impl Command for Delete {
    type Outcome = ();

    fn run(self, edit: &mut Edit<'_>, _: &Stamp) -> Result<(), Error> {
        let mut function = edit.function(&self.name)?;
        let number = match &self.qualifier {
            None => {
                edit.remove(&self.name);
                return Ok(());
            }
            Some(Qualifier::Number(number)) => *number,
            Some(Qualifier::Latest) => {
                let text = "$LATEST version cannot be deleted without deleting the function.";
                return Err(Error::Invalid(text.to_owned()));
            }
            Some(Qualifier::Alias(_)) => {
                let text = "Deletion of aliases is not currently supported.";
                return Err(Error::Invalid(text.to_owned()));
            }
        };
        let pointing = function
            .aliases
            .iter()
            .filter(|(_, it)| it.number == Some(number));
        let aliases: Vec<String> = pointing.map(|(alias, _)| alias.clone()).collect();
        if !aliases.is_empty() {
            return Err(Error::Referenced { aliases });
        }
        if function.versions.remove(&number).is_none() {
            return Err(Error::NotFound(Missing::Function {
                name: self.name,
                qualifier: Some(number.to_string()),
            }));
        }
        let key = key(self.qualifier.as_ref());
        function.policies.remove(&key);
        function.events.remove(&key);
        edit.put(function);
        Ok(())
    }
}
