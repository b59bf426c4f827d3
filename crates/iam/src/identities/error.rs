//! Why identities cannot be opened, and why something with them did not come about.

use std::path::PathBuf;

use base::AccountId;
use store::changes::{self, ChangeError};
use store::seal::{MasterKeyError, NotOpened};

use crate::engine;

/// Why identities cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file cannot be read or written.
    #[error("`{}` cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The log cannot be used.
    #[error(transparent)]
    Log(changes::Error),
    /// `keys.json` of an earlier version is not in form.
    #[error("`{}` is not in form: {what}", path.display())]
    Keys {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The master key is not there or not in form.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The data key does not open.
    #[error(
        "the master key does not open the key of the account's secrets: give the one that was there when they were made"
    )]
    DataKey,
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
}

/// Why something did not come about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It may not be.
    #[error(transparent)]
    Refused(#[from] engine::Error),
    /// The log cannot be used.
    #[error(transparent)]
    Log(changes::Error),
    /// A secret does not open.
    #[error("the secret of `{whose}` does not open")]
    Secret {
        /// Whose.
        whose: String,
        /// Why.
        source: NotOpened,
    },
    /// A password cannot be hashed, or a hash that is kept is none.
    #[error("the password of `{whose}` cannot be checked")]
    Hash {
        /// Whose.
        whose: String,
    },
    /// The old password is not the one that is set.
    #[error("the old password is not right")]
    WrongPassword,
    /// Too many wrong guesses for the moment.
    #[error("too many wrong passwords; try again in {secs} s")]
    TooManyGuesses {
        /// When.
        secs: u64,
    },
    /// More passwords wait to be checked than may.
    #[error("too many passwords are being checked at once; try again")]
    Busy,
    /// A file beside the log cannot be used.
    #[error("`{}` cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The master key is not there or not in form.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The process ends.
    #[error("the server is stopping")]
    Stopped,
}

impl From<ChangeError<engine::Error>> for Error {
    fn from(error: ChangeError<engine::Error>) -> Self {
        match error {
            ChangeError::Refused(refused) => Self::Refused(refused),
            ChangeError::Log(log) => Self::Log(log),
        }
    }
}
