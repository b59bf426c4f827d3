//! `keys.json`: what is kept of the account and its keys.
//!
//! ```json
//! {
//!   "format": 1,
//!   "account_id": "123456789012",
//!   "root_password": null,
//!   "keys": [
//!     {
//!       "id": "AKIAQ3EGR4T6YX2L5KCM",
//!       "name": "administrator",
//!       "role": "administrator",
//!       "status": "active",
//!       "created": "2026-11-23T05:03:10.250Z",
//!       "sealed_secret": "dGhpcyBpcyBub3QgYSBzZWNyZXQ="
//!     }
//!   ]
//! }
//! ```

use serde::{Deserialize, Serialize};

/// The file's name in the data directory.
pub const KEYS_FILE: &str = "keys.json";

/// The form that is written.
pub(super) const FORMAT: u32 = 1;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysFile {
    pub(super) format: u32,
    pub(super) account_id: String,
    #[serde(default)]
    pub(super) root_password: Option<String>,
    pub(super) keys: Vec<StoredKey>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredKey {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) role: String,
    pub(super) status: Status,
    pub(super) created: String,
    pub(super) sealed_secret: String,
}

/// Whether a key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is.
    Active,
    /// It is not, but could be again.
    Inactive,
}

impl StoredKey {
    /// What the sealed secret is bound to.
    pub(super) fn belongs_to(&self) -> String {
        format!("shukuba key 1/{}/{}/{}", self.id, self.name, self.role)
    }
}
