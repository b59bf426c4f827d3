//! Why keys cannot be used, each with what would be right.

use std::path::PathBuf;

use base::AccountId;

use super::{KEYS_LIMIT, MasterKeyError, NotOpened, NotTaken};

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("`{}` cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `keys.json` is not in form.
    #[error("`{}` is not in form", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// `keys.json` says something that cannot be.
    #[error("`{}` says {what}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it says.
        what: String,
    },
    /// The master key is not there or not in form.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// A secret does not open.
    #[error("the secret of key `{key_id}` does not open")]
    Secret {
        /// Whose.
        key_id: String,
        /// Why.
        source: NotOpened,
    },
    /// The account's number cannot be changed once it is set.
    #[error(
        "account_id is `{asked}` in the configuration, but the data belongs to `{kept}`; a data directory keeps its account"
    )]
    Account {
        /// What the configuration says.
        asked: AccountId,
        /// What the data says.
        kept: AccountId,
    },
    /// No such key.
    #[error("key `{key_id}` does not exist")]
    NotFound {
        /// Which.
        key_id: String,
    },
    /// The last active key of an administrator must stay.
    #[error("key `{key_id}` is the last active one of an administrator; make another one first")]
    LastAdministrator {
        /// Which.
        key_id: String,
    },
    /// A name out of form.
    #[error("`{name}` is not a user's name: 1 to 64 of a-z, A-Z, 0-9 and +=,.@_-")]
    Name {
        /// What was given.
        name: String,
    },
    /// Too many keys.
    #[error("the account has {KEYS_LIMIT} keys already, which is the most")]
    TooMany,
    /// A password that is not taken.
    #[error(transparent)]
    Password(#[from] NotTaken),
}
