//! All functions, and how commands change them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Timestamp;

use super::error::{Error, Stale};
use super::record::{Function, Version};
use crate::function::{CodeId, FunctionName, Qualifier};

/// Most bytes of all packages, each version counted. Source: Lambda quotas, "Storage for uploaded functions".
pub const CODE_BYTES_MAX: u64 = 75 * 1024 * 1024 * 1024;

/// Most versions of all functions, each function's `$LATEST` counted. Chosen: they are kept in memory.
pub const VERSIONS_MAX: usize = 10_000;

/// When a command is applied, and what is drawn for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The time.
    pub at: Timestamp,
    /// A new id for the revision that comes of it, and of nothing else.
    pub revision_id: String,
}

/// What is done to functions.
pub trait Command {
    /// What its caller is told.
    type Outcome;

    /// Checks and does it. What is to be changed is taken from [`Edit`]; a refused command leaves it alone.
    ///
    /// # Errors
    /// [`Error`].
    fn run(self, edit: &mut Edit<'_>, stamp: &Stamp) -> Result<Self::Outcome, Error>;
}

/// What came of a command.
#[derive(Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// For whoever asked.
    pub outcome: T,
    /// Functions whose rows have changed or are gone.
    pub functions: BTreeSet<FunctionName>,
    /// Versions whose rows are new or gone.
    pub versions: BTreeSet<(FunctionName, u64)>,
}

/// All functions.
#[derive(Clone, Debug)]
pub struct State {
    functions: BTreeMap<FunctionName, Arc<Function>>,
    last_revision: u64,
    code_bytes_max: u64,
    /// Invocations at once of the account.
    concurrency: u32,
    /// What must be left for functions that reserve nothing.
    unreserved_min: u32,
}

/// The state while a command changes it: what it has put takes effect when the command has gone well.
#[derive(Debug)]
pub struct Edit<'a> {
    state: &'a State,
    changed: BTreeMap<FunctionName, Option<Function>>,
    last_revision: u64,
}

impl State {
    /// The state of `functions`, of which `concurrency` may run at once. Reserving leaves `unreserved_min` of them.
    #[must_use]
    pub fn new(functions: Vec<Function>, concurrency: u32, unreserved_min: u32) -> Self {
        let versions = |of: &Function| {
            let published = of.versions.values().map(|version| version.revision);
            published.chain([of.latest.revision]).max()
        };
        Self {
            last_revision: functions.iter().filter_map(versions).max().unwrap_or(0),
            functions: functions
                .into_iter()
                .map(|function| (function.name.clone(), Arc::new(function)))
                .collect(),
            code_bytes_max: CODE_BYTES_MAX,
            concurrency,
            unreserved_min,
        }
    }

    /// The same with another bound on packages.
    #[must_use]
    pub const fn with_code_bytes_max(mut self, bytes: u64) -> Self {
        self.code_bytes_max = bytes;
        self
    }

    /// Applies a command.
    ///
    /// # Errors
    /// What the command refuses; nothing has changed then.
    pub fn apply<C: Command>(
        &mut self,
        stamp: &Stamp,
        command: C,
    ) -> Result<Done<C::Outcome>, Error> {
        let mut edit = Edit {
            state: self,
            changed: BTreeMap::new(),
            last_revision: self.last_revision,
        };
        let outcome = command.run(&mut edit, stamp)?;
        let Edit {
            changed,
            last_revision,
            ..
        } = edit;
        self.last_revision = last_revision;
        let mut done = Done {
            outcome,
            functions: BTreeSet::new(),
            versions: BTreeSet::new(),
        };
        for (name, function) in changed {
            let before = self.functions.get(&name).map(|it| it.versions.clone());
            let numbers =
                |of: &BTreeMap<u64, Arc<Version>>| of.keys().copied().collect::<BTreeSet<_>>();
            let before = before.as_ref().map(numbers).unwrap_or_default();
            let after = function
                .as_ref()
                .map(|it| numbers(&it.versions))
                .unwrap_or_default();
            let touched = before.symmetric_difference(&after);
            done.versions
                .extend(touched.map(|number| (name.clone(), *number)));
            done.functions.insert(name.clone());
            match function {
                Some(function) => self.functions.insert(name, Arc::new(function)),
                None => self.functions.remove(&name),
            };
        }
        Ok(done)
    }

    /// A function.
    #[must_use]
    pub fn get(&self, name: &FunctionName) -> Option<&Arc<Function>> {
        self.functions.get(name)
    }

    /// A function that must be there.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn function(&self, name: &FunctionName) -> Result<&Arc<Function>, Error> {
        self.get(name).ok_or_else(|| Error::no_function(name))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Function>> {
        self.functions.values()
    }

    /// How many invocations functions have reserved together.
    #[must_use]
    pub fn reserved(&self) -> u32 {
        let reserved = self.iter().filter_map(|function| function.reserved);
        reserved.fold(0, u32::saturating_add)
    }

    /// Bytes of all packages; each version counts.
    #[must_use]
    pub fn code_bytes(&self) -> u64 {
        let bytes = self.iter().map(|function| function.code_bytes());
        bytes.fold(0, u64::saturating_add)
    }

    /// All packages that some version needs.
    #[must_use]
    pub fn packages(&self) -> BTreeSet<CodeId> {
        self.iter()
            .flat_map(|function| function.packages())
            .collect()
    }

    /// How many invocations may run at once.
    #[must_use]
    pub const fn concurrency(&self) -> u32 {
        self.concurrency
    }

    /// What must be left for functions that reserve nothing.
    #[must_use]
    pub const fn unreserved_min(&self) -> u32 {
        self.unreserved_min
    }
}

impl Edit<'_> {
    /// The state as it was.
    #[must_use]
    pub const fn before(&self) -> &State {
        self.state
    }

    /// A copy of a function, to be changed and [`Edit::put`].
    pub(super) fn function(&self, name: &FunctionName) -> Result<Function, Error> {
        self.state
            .function(name)
            .map(|function| Function::clone(function))
    }

    pub(super) fn put(&mut self, function: Function) {
        self.changed.insert(function.name.clone(), Some(function));
    }

    pub(super) fn remove(&mut self, name: &FunctionName) {
        self.changed.insert(name.clone(), None);
    }

    /// The number of a new revision: greater than all before, those of functions that are gone too, since it follows the time.
    pub(super) fn revision(&mut self, stamp: &Stamp) -> u64 {
        self.last_revision = self
            .last_revision
            .saturating_add(1)
            .max(stamp.at.as_millis());
        self.last_revision
    }

    /// Whether one version more fits, and `bytes` more of packages.
    pub(super) fn has_room_for_version(&self, bytes: u64) -> Result<(), Error> {
        let counts = self.state.iter().map(|it| it.versions.len() + 1);
        match counts.sum::<usize>() >= VERSIONS_MAX {
            true => Err(Error::TooMany {
                what: "versions of functions",
                limit: VERSIONS_MAX,
            }),
            false => self.has_room(bytes),
        }
    }

    /// Whether `bytes` more of packages fit.
    pub(super) fn has_room(&self, bytes: u64) -> Result<(), Error> {
        let limit = self.state.code_bytes_max;
        match self.state.code_bytes().saturating_add(bytes) > limit {
            true => Err(Error::CodeStorage { limit }),
            false => Ok(()),
        }
    }
}

/// Whether the revision that a caller knows is the one that there is.
pub(super) fn is_current(asked: Option<&str>, is: &str, of: Stale) -> Result<(), Error> {
    match asked.is_some_and(|asked| asked != is) {
        true => Err(Error::Stale(of)),
        false => Ok(()),
    }
}

/// The version that `qualifier` means.
///
/// # Errors
/// [`Error::NotFound`] with alias or version where the function has none such.
pub fn version<'a>(
    function: &'a Function,
    qualifier: Option<&Qualifier>,
) -> Result<(Option<u64>, &'a Version), Error> {
    function.version(qualifier).ok_or_else(|| match qualifier {
        Some(Qualifier::Alias(alias)) => Error::NotFound(super::Missing::Alias {
            name: function.name.clone(),
            alias: alias.clone(),
        }),
        other => Error::no_version(&function.name, other.map(ToString::to_string)),
    })
}
