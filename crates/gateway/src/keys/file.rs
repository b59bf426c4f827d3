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

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

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

/// Replaces a file by one that only its owner can read; after a crash the old or the new one is there, whole.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("tmp{}", std::process::id()));
    let written = write_draft(&draft, content).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // The draft holds nothing that is needed; the first error is the one to tell.
        let _ = fs::remove_file(&draft);
    }
    written?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Waits until nobody else holds `lock`; dropping it lets the next one.
pub(crate) fn take_turn_at(lock: &Path) -> io::Result<fs::File> {
    let turn = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(lock)?;
    turn.lock()?;
    Ok(turn)
}

fn write_draft(draft: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(draft)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()
}
