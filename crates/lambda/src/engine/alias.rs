//! Names of versions.

use super::check;
use super::error::{Error, Missing, Stale};
use super::record::{Alias, Function};
use super::state::{Command, Edit, Stamp, is_current};
use crate::function::{FunctionName, Qualifier};

/// Most aliases of a function. Chosen: they are kept with it in one row.
pub const ALIASES_MAX: usize = 1_000;

/// Makes an alias.
#[derive(Clone, Debug)]
pub struct CreateAlias {
    /// Of which function.
    pub name: FunctionName,
    /// How it is called.
    pub alias: String,
    /// Which version it is.
    pub version: Qualifier,
    /// For people.
    pub description: String,
}

impl Command for CreateAlias {
    type Outcome = Alias;

    fn run(self, edit: &mut Edit<'_>, stamp: &Stamp) -> Result<Alias, Error> {
        let mut function = edit.function(&self.name)?;
        check::description(&self.description)?;
        if !matches!(self.alias.parse(), Ok(Qualifier::Alias(_))) {
            return Err(check::unfit(
                "name",
                &self.alias,
                "(?!^[0-9]+$)([a-zA-Z0-9-_]+)",
            ));
        }
        let number = number(&function, &self.version)?;
        if function.aliases.contains_key(&self.alias) {
            return Err(Error::AliasExists {
                name: self.name,
                alias: self.alias,
            });
        }
        if function.aliases.len() >= ALIASES_MAX {
            return Err(Error::TooMany {
                what: "aliases of the function",
                limit: ALIASES_MAX,
            });
        }
        let alias = Alias {
            number,
            description: self.description,
            revision_id: stamp.revision_id.clone(),
        };
        function.aliases.insert(self.alias, alias.clone());
        edit.put(function);
        Ok(alias)
    }
}

/// Changes an alias; what is `None` stays.
#[derive(Clone, Debug)]
pub struct UpdateAlias {
    /// Of which function.
    pub name: FunctionName,
    /// Which one.
    pub alias: String,
    /// Which version it is.
    pub version: Option<Qualifier>,
    /// For people.
    pub description: Option<String>,
    /// Only if this is its revision.
    pub revision_id: Option<String>,
}

impl Command for UpdateAlias {
    type Outcome = Alias;

    fn run(self, edit: &mut Edit<'_>, stamp: &Stamp) -> Result<Alias, Error> {
        let mut function = edit.function(&self.name)?;
        let mut alias = alias(&function, &self.alias)?.clone();
        is_current(
            self.revision_id.as_deref(),
            &alias.revision_id,
            Stale::Alias,
        )?;
        if let Some(version) = &self.version {
            alias.number = number(&function, version)?;
        }
        if let Some(description) = self.description {
            check::description(&description)?;
            alias.description = description;
        }
        alias.revision_id = stamp.revision_id.clone();
        function.aliases.insert(self.alias, alias.clone());
        edit.put(function);
        Ok(alias)
    }
}

/// Removes an alias, if there is one, with what was said of it.
#[derive(Clone, Debug)]
pub struct DeleteAlias {
    /// Of which function.
    pub name: FunctionName,
    /// Which one.
    pub alias: String,
}

impl Command for DeleteAlias {
    type Outcome = ();

    fn run(self, edit: &mut Edit<'_>, _: &Stamp) -> Result<(), Error> {
        let mut function = edit.function(&self.name)?;
        if function.aliases.remove(&self.alias).is_some() {
            function.policies.remove(&self.alias);
            function.events.remove(&self.alias);
            edit.put(function);
        }
        Ok(())
    }
}

/// An alias that must be there.
///
/// # Errors
/// [`Error::NotFound`].
pub fn alias<'a>(function: &'a Function, alias: &str) -> Result<&'a Alias, Error> {
    function.aliases.get(alias).ok_or_else(|| {
        Error::NotFound(Missing::Alias {
            name: function.name.clone(),
            alias: alias.to_owned(),
        })
    })
}

/// The number of a version that an alias may point to.
fn number(function: &Function, version: &Qualifier) -> Result<Option<u64>, Error> {
    match version {
        Qualifier::Latest => Ok(None),
        Qualifier::Number(number) if function.versions.contains_key(number) => Ok(Some(*number)),
        Qualifier::Number(number) => {
            Err(Error::no_version(&function.name, Some(number.to_string())))
        }
        Qualifier::Alias(text) => Err(check::unfit("functionVersion", text, "(\\$LATEST|[0-9]+)")),
    }
}
