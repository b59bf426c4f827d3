//! The secrets that settings name, from where this machine has them: environment, files, and sealed in the data directory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use delivery::config::{Secrets, SystemSecrets};
use gateway::secrets::{Error, has_secrets};

use crate::account;
use crate::config::Loaded;

type All = BTreeMap<String, Result<String, Error>>;

/// Secrets as they are now. Sealed ones are opened at the first that is asked for, so that who names none needs no master key.
#[derive(Debug)]
pub(crate) struct OwnSecrets {
    dir: PathBuf,
    sealed: OnceLock<Result<All, String>>,
}

impl OwnSecrets {
    /// Those of this machine and of a data directory, which need not be there.
    pub(crate) fn of(dir: PathBuf) -> Self {
        Self {
            dir,
            sealed: OnceLock::new(),
        }
    }

    /// A line for each name of the table `[secrets]` that hides a sealed secret.
    pub(crate) fn shadowed(&self, loaded: &Loaded) -> Vec<String> {
        let table = &loaded.config.secrets;
        if table.is_empty() || !has_secrets(&self.dir) {
            return Vec::new();
        }
        let Ok(known) = account::secrets(&self.dir).and_then(|store| store.list()) else {
            return Vec::new();
        };
        let both = known.iter().filter(|info| table.contains_key(&info.name));
        both.map(|info| {
            format!(
                "secrets.{0}: stands over the sealed secret `{0}`, which is not used: remove the line, or `shukuba secret remove {0}`",
                info.name
            )
        })
        .collect()
    }

    fn open(&self) -> Result<All, String> {
        if !has_secrets(&self.dir) {
            return Ok(All::new());
        }
        let all = account::secrets(&self.dir).and_then(|store| store.all());
        all.map_err(|error| with_source(&error))
    }
}

impl Secrets for OwnSecrets {
    fn env(&self, name: &str) -> Result<String, String> {
        SystemSecrets.env(name)
    }

    fn file(&self, path: &str) -> Result<String, String> {
        SystemSecrets.file(path)
    }

    fn sealed(&self, name: &str) -> Result<Option<String>, String> {
        let all = self.sealed.get_or_init(|| self.open());
        match all.as_ref().map_err(Clone::clone)?.get(name) {
            // Those of the server itself are no business of settings.
            Some(Ok(value)) if !name.starts_with('@') => Ok(Some(value.clone())),
            Some(Err(error)) => Err(with_source(error)),
            Some(Ok(_)) | None => Ok(None),
        }
    }
}

fn with_source(error: &Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
