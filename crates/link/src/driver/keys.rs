//! A host's keys, in files that only their owner reads.
//!
//! There are two while the key changes: the one in use, and the one that the gateway is told of. The second becomes the first
//! when the gateway knows it, whatever happens to the process in between.

use std::io;
use std::path::{Path, PathBuf};

use net::PublicKey;
use store::private::write_private;

use super::Problem;
use crate::key::PrivateKey;

/// The file of the key in use.
pub const CURRENT: &str = "link.key";
/// The file of the key that is to be.
const NEXT: &str = "link.key.next";

/// A host's keys.
#[derive(Debug)]
pub struct Keys {
    folder: PathBuf,
    current: PrivateKey,
    next: Option<PrivateKey>,
}

impl Keys {
    /// Reads the keys in `folder`, and makes the first if there is none.
    ///
    /// # Errors
    /// [`Problem`] when a file cannot be read or written, or holds no key.
    pub fn open(folder: &Path) -> Result<Self, Problem> {
        let next = read(&folder.join(NEXT))?;
        let current = match read(&folder.join(CURRENT))? {
            Some(key) => key,
            None => {
                let key = PrivateKey::generate()?;
                write(&folder.join(CURRENT), &key)?;
                key
            }
        };
        Ok(Self {
            folder: folder.to_owned(),
            current,
            next,
        })
    }

    /// The key that the gateway is told of: the newest.
    #[must_use]
    pub fn told(&self) -> PublicKey {
        self.next.as_ref().unwrap_or(&self.current).public()
    }

    /// Makes the key that is to be.
    ///
    /// # Errors
    /// [`Problem`] when it cannot be made or kept; then all stays as it is.
    pub fn rotate(&mut self) -> Result<PublicKey, Problem> {
        let key = PrivateKey::generate()?;
        write(&self.folder.join(NEXT), &key)?;
        let public = key.public();
        self.next = Some(key);
        Ok(public)
    }

    /// The private key of `known`, by which the gateway knows us; `None` if it is none of ours. What was to be and is known is in
    /// use from then on.
    ///
    /// # Errors
    /// [`Problem`] when that cannot be kept.
    pub fn take(&mut self, known: PublicKey) -> Result<Option<&PrivateKey>, Problem> {
        let is_next = |next: &mut PrivateKey| next.public() == known;
        if let Some(next) = self.next.take_if(is_next) {
            let (from, to) = (self.folder.join(NEXT), self.folder.join(CURRENT));
            let moved = std::fs::rename(&from, &to);
            self.current = next;
            moved.map_err(|source| Problem::KeyFile { path: from, source })?;
        }
        Ok(Some(&self.current).filter(|key| key.public() == known))
    }
}

fn read(path: &Path) -> Result<Option<PrivateKey>, Problem> {
    let path = path.to_owned();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Problem::KeyFile { path, source }),
    };
    let key = PrivateKey::read(&text);
    key.map(Some)
        .map_err(|source| Problem::KeyMalformed { path, source })
}

fn write(path: &Path, key: &PrivateKey) -> Result<(), Problem> {
    let text = format!("{}\n", key.reveal());
    write_private(path, text.as_bytes()).map_err(|source| Problem::KeyFile {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_and_its_successor_takes_over_when_it_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let first = Keys::open(folder.path()).unwrap().told();
        let mut keys = Keys::open(folder.path()).unwrap();
        assert_eq!(keys.told(), first);

        let second = keys.rotate().unwrap();
        assert_eq!(
            keys.take(first).unwrap().map(PrivateKey::public),
            Some(first)
        );
        let mut keys = Keys::open(folder.path()).unwrap();
        assert_eq!(keys.told(), second, "a change survives a restart");
        assert_eq!(
            keys.take(first).unwrap().map(PrivateKey::public),
            Some(first)
        );
        assert_eq!(
            keys.take(second).unwrap().map(PrivateKey::public),
            Some(second)
        );
        assert!(keys.take(first).unwrap().is_none(), "it is no more");

        let mut keys = Keys::open(folder.path()).unwrap();
        assert_eq!(keys.told(), second);
        assert_eq!(
            keys.take(second).unwrap().map(PrivateKey::public),
            Some(second)
        );
    }

    #[test]
    fn only_the_owner_reads_a_key_and_a_broken_one_is_not_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Keys::open(folder.path()).unwrap();
        let path = folder.path().join(CURRENT);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, "torn").unwrap();
        let said = Keys::open(folder.path()).unwrap_err().to_string();
        assert!(
            said.contains("link.key") && said.contains("44 characters"),
            "{said}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "torn");
    }
}
