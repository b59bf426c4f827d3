//! What is known of a function.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::policy::Policy;
use crate::function::{CodeId, FunctionName, Qualifier, Settings};

/// A function with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: FunctionName,
    /// What `$LATEST` means.
    pub latest: Version,
    /// The number that is published next.
    pub next_number: u64,
    /// What is published, by number. A row of its own each.
    #[serde(skip)]
    pub versions: BTreeMap<u64, Arc<Version>>,
    /// Names of versions.
    pub aliases: BTreeMap<String, Alias>,
    /// Who else may use it: by alias or version, nothing for the function itself.
    pub policies: BTreeMap<String, Policy>,
    /// Most invocations at once that are its own.
    pub reserved: Option<u32>,
    /// What is done with asynchronous invocations, by `$LATEST`, version or alias.
    pub events: BTreeMap<String, EventConfig>,
    /// For people and policies.
    pub tags: BTreeMap<String, String>,
}

/// A function as it is, or was when it was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// What its owner says of it.
    #[serde(with = "shared")]
    pub settings: Arc<Settings>,
    /// What it was called when it was published, where that was said.
    pub described: Option<String>,
    /// Its package.
    pub code: CodeId,
    /// The package's bytes.
    pub code_bytes: u64,
    /// When settings or code were changed last.
    pub modified: Timestamp,
    /// A new one with each change, as clients see it.
    pub revision_id: String,
    /// Grows with each change of settings or code, over all functions and beyond their deletion.
    pub revision: u64,
}

/// A name of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Which version: `$LATEST` where there is none.
    pub number: Option<u64>,
    /// For people.
    pub description: String,
    /// A new one with each change.
    pub revision_id: String,
}

/// What is done with asynchronous invocations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventConfig {
    /// How often an event is tried again after an error, 0 to 2.
    pub retries: Option<u32>,
    /// How old an event may become, in seconds.
    pub age_secs: Option<u32>,
    /// Where a record of each event goes that was run.
    pub on_success: Option<String>,
    /// Where a record of each event goes that was given up.
    pub on_failure: Option<String>,
    /// When this was said.
    pub modified: Timestamp,
}

impl Version {
    /// Its description: that of its publication, or else its settings'.
    #[must_use]
    pub fn description(&self) -> &str {
        self.described
            .as_deref()
            .unwrap_or(&self.settings.description)
    }
}

impl Function {
    /// The version that `qualifier` means, with its number; `None` for that of `$LATEST`.
    #[must_use]
    pub fn version(&self, qualifier: Option<&Qualifier>) -> Option<(Option<u64>, &Version)> {
        let number = match qualifier {
            None | Some(Qualifier::Latest) => None,
            Some(Qualifier::Number(number)) => Some(*number),
            Some(Qualifier::Alias(alias)) => self.aliases.get(alias)?.number,
        };
        match number {
            None => Some((None, &self.latest)),
            Some(number) => Some((Some(number), self.versions.get(&number)?)),
        }
    }

    /// The policy of the function, or of one version or alias.
    #[must_use]
    pub fn policy(&self, qualifier: Option<&Qualifier>) -> Option<&Policy> {
        self.policies.get(&key(qualifier))
    }

    /// All packages that it needs.
    #[must_use]
    pub fn packages(&self) -> BTreeSet<CodeId> {
        let published = self.versions.values().map(|version| version.code);
        published.chain([self.latest.code]).collect()
    }

    /// Bytes of its packages; each version counts, as on AWS.
    #[must_use]
    pub fn code_bytes(&self) -> u64 {
        let published = self.versions.values().map(|version| version.code_bytes);
        published
            .sum::<u64>()
            .saturating_add(self.latest.code_bytes)
    }
}

/// Under which policies of a qualifier are kept: nothing for the function itself.
#[must_use]
pub fn key(qualifier: Option<&Qualifier>) -> String {
    qualifier.map(ToString::to_string).unwrap_or_default()
}

/// A package's hash as AWS shows it: base64.
#[must_use]
pub fn sha256(code: &CodeId) -> String {
    STANDARD.encode(code.0)
}

/// The package whose hash AWS shows as `text`.
#[must_use]
pub fn code_of(text: &str) -> Option<CodeId> {
    let bytes = STANDARD.decode(text).ok()?;
    bytes.try_into().ok().map(CodeId)
}

/// Settings in a row.
mod shared {
    use super::{Arc, Deserialize, Serialize, Settings};

    pub(super) fn serialize<S: serde::Serializer>(
        settings: &Arc<Settings>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        settings.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Settings>, D::Error> {
        Settings::deserialize(deserializer).map(Arc::new)
    }
}
