//! How code and settings of `$LATEST` change.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check;
use super::error::{Error, Stale};
use super::publish::{Shown, publish};
use super::record::Version;
use super::state::{Command, Edit, Stamp, is_current};
use crate::function::{CodeId, FunctionName, Settings};

/// Gives a function another package.
#[derive(Clone, Debug)]
pub struct UpdateCode {
    /// Which function.
    pub name: FunctionName,
    /// The package.
    pub code: CodeId,
    /// Its bytes.
    pub code_bytes: u64,
    /// For which architecture it is, where that is said.
    pub wanted: Option<String>,
    /// The architecture of this machine.
    pub architecture: &'static str,
    /// Only if this is its revision.
    pub revision_id: Option<String>,
    /// Whether the result is published.
    pub is_published: bool,
    /// Whether it is only asked what would come of it.
    pub is_dry: bool,
}

impl Command for UpdateCode {
    type Outcome = Shown;

    fn run(self, edit: &mut Edit<'_>, stamp: &Stamp) -> Result<Shown, Error> {
        let mut function = edit.function(&self.name)?;
        let latest = &function.latest;
        is_current(
            self.revision_id.as_deref(),
            &latest.revision_id,
            Stale::Function,
        )?;
        let mut settings = Settings::clone(&latest.settings);
        if let Some(wanted) = self.wanted {
            settings.architecture = wanted;
        }
        check::settings(&settings, self.architecture)?;
        let published = match self.is_published {
            true => self.code_bytes,
            false => 0,
        };
        edit.has_room(
            self.code_bytes
                .saturating_sub(latest.code_bytes)
                .saturating_add(published),
        )?;
        function.latest = Version {
            settings: Arc::new(settings),
            described: None,
            code: self.code,
            code_bytes: self.code_bytes,
            modified: stamp.at,
            revision_id: stamp.revision_id.clone(),
            revision: edit.revision(stamp),
        };
        let shown = match self.is_published {
            true => publish(&mut function, None, edit, stamp)?,
            false => Shown::latest(&function),
        };
        if !self.is_dry {
            edit.put(function);
        }
        Ok(shown)
    }
}

/// What is to be different of settings; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// See [`Settings::runtime`]; so for the others.
    pub runtime: Option<String>,
    /// The handler.
    pub handler: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// Memory.
    pub memory_mib: Option<u32>,
    /// Time.
    pub timeout_secs: Option<u32>,
    /// Space for files.
    pub storage_mib: Option<u32>,
    /// All variables.
    pub environment: Option<BTreeMap<String, String>>,
    /// The queue of failed events; none where it is empty.
    pub dead_letters: Option<String>,
    /// Tracing.
    pub tracing: Option<String>,
    /// Where lines are kept.
    pub log_group: Option<String>,
}

impl Changed {
    /// `settings` with what is different.
    #[must_use]
    pub fn apply(self, settings: &Settings) -> Settings {
        let is = settings.clone();
        Settings {
            runtime: self.runtime.unwrap_or(is.runtime),
            handler: self.handler.unwrap_or(is.handler),
            role: self.role.unwrap_or(is.role),
            description: self.description.unwrap_or(is.description),
            memory_mib: self.memory_mib.unwrap_or(is.memory_mib),
            timeout_secs: self.timeout_secs.unwrap_or(is.timeout_secs),
            storage_mib: self.storage_mib.unwrap_or(is.storage_mib),
            architecture: is.architecture,
            environment: self.environment.unwrap_or(is.environment),
            dead_letters: match self.dead_letters {
                Some(arn) => Some(arn).filter(|arn| !arn.is_empty()),
                None => is.dead_letters,
            },
            tracing: self.tracing.unwrap_or(is.tracing),
            log_group: self.log_group.or(is.log_group),
        }
    }
}

/// Changes settings.
#[derive(Clone, Debug)]
pub struct Configure {
    /// Of which function.
    pub name: FunctionName,
    /// What is to be different.
    pub changed: Changed,
    /// The architecture of this machine.
    pub architecture: &'static str,
    /// Only if this is its revision.
    pub revision_id: Option<String>,
}

impl Command for Configure {
    type Outcome = Shown;

    fn run(self, edit: &mut Edit<'_>, stamp: &Stamp) -> Result<Shown, Error> {
        let mut function = edit.function(&self.name)?;
        let latest = &mut function.latest;
        is_current(
            self.revision_id.as_deref(),
            &latest.revision_id,
            Stale::Function,
        )?;
        let settings = self.changed.apply(&latest.settings);
        check::settings(&settings, self.architecture)?;
        latest.settings = Arc::new(settings);
        latest.modified = stamp.at;
        latest.revision_id = stamp.revision_id.clone();
        latest.revision = edit.revision(stamp);
        let shown = Shown::latest(&function);
        edit.put(function);
        Ok(shown)
    }
}
