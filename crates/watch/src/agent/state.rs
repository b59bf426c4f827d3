//! What the agent knows across its own restarts, in a folder of its own.
//!
//! | file | what |
//! |---|---|
//! | `identity.json` | its id and its key, mode 0600 |
//! | `join` | the id of the attempt to join that is under way |
//! | `definitions.json` | the server's checks, for starts while it is away |
//! | `metrics/`, `results/` | what waits for the server |
//! | `link.json` | what private networks the host has part in, for starts while the server is away |
//! | `checks/` | how far logs were read, and the plugins' own states |
//! | `lock` | held by the one agent that uses the folder |

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use store::private::write_private;

use super::protocol::{Definitions, Joined};

/// The folder. INVARIANT: one agent uses it at a time.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    _lock: fs::File,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another agent uses it.
    #[error("another agent uses `{0}`")]
    InUse(PathBuf),
    /// A file of it cannot be read or written.
    #[error("`{path}`: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}

impl StateDir {
    /// Opens the folder, and makes it where it is not there.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        for folder in [
            path.to_owned(),
            path.join("metrics"),
            path.join("results"),
            path.join("checks"),
        ] {
            let made = fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder);
            made.map_err(failed(&folder))?;
        }
        let lock = path.join("lock");
        let mut options = fs::OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock);
        let file = file.map_err(failed(&lock))?;
        match file.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: file,
            }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::InUse(path.to_owned())),
            Err(fs::TryLockError::Error(source)) => Err(failed(&lock)(source)),
        }
    }

    /// A folder of it.
    #[must_use]
    pub fn folder(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Who this host is, once it has joined.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn identity(&self) -> Result<Option<Joined>, Error> {
        self.read("identity.json")
    }

    /// It has joined.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn set_identity(&self, joined: &Joined) -> Result<(), Error> {
        self.write("identity.json", joined)?;
        self.remove("join")
    }

    /// It is known no more.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn forget(&self) -> Result<(), Error> {
        self.remove("identity.json")?;
        self.remove("definitions.json")
    }

    /// The id of the attempt to join: the same until it has joined, over restarts too.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn join_id(&self) -> Result<String, Error> {
        if let Some(id) = self.read::<String>("join")? {
            return Ok(id);
        }
        let id = hex::encode(base::id::random_bytes::<32>());
        self.write("join", &id)?;
        Ok(id)
    }

    /// The server's checks as they were last.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn definitions(&self) -> Result<Option<Definitions>, Error> {
        self.read("definitions.json")
    }

    /// Keeps the server's checks.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn set_definitions(&self, definitions: &Definitions) -> Result<(), Error> {
        self.write("definitions.json", definitions)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| failed(&path)(io::Error::other(error))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path)(error)),
        }
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Error> {
        let path = self.path.join(name);
        let text =
            serde_json::to_vec(value).map_err(|error| failed(&path)(io::Error::other(error)))?;
        write_private(&path, &text).map_err(failed(&path))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&path)(error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_identity_stays_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let state = StateDir::open(&path).unwrap();
        assert_eq!(state.identity().unwrap(), None);
        let attempt = state.join_id().unwrap();
        drop(state);
        let state = StateDir::open(&path).unwrap();
        assert_eq!(state.join_id().unwrap(), attempt);
        let joined = Joined {
            instance_id: "i-1".to_owned(),
            access_key_id: "AKIA1".to_owned(),
            secret_access_key: "secret".to_owned(),
        };
        state.set_identity(&joined).unwrap();
        assert_eq!(state.identity().unwrap(), Some(joined));
        let mode = fs::metadata(path.join("identity.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_ne!(
            state.join_id().unwrap(),
            attempt,
            "the next host is another"
        );
        state.forget().unwrap();
        assert_eq!(state.identity().unwrap(), None);
    }

    #[test]
    fn one_agent_uses_a_folder_and_a_broken_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        assert!(matches!(StateDir::open(dir.path()), Err(Error::InUse(_))));
        fs::write(dir.path().join("identity.json"), "{").unwrap();
        let error = state.identity().unwrap_err().to_string();
        assert!(error.contains("identity.json"), "{error}");
    }
}
