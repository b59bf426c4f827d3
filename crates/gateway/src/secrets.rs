//! Secrets that an operator gives the server for its receivers: `secrets.json` in the data directory, sealed under the
//! master key (see [`MasterKey`]).
//!
//! ```json
//! {
//!   "format": 1,
//!   "secrets": {
//!     "ADJUST": { "set": "2026-11-29T00:05:03.250Z", "sealed": "dGhpcyBpcyBub3QgYSBzZWNyZXQ=" }
//!   }
//! }
//! ```
//!
//! Whoever changes it holds `secrets.lock` and replaces the file whole, so that a kill leaves the old one or the new one.
//! Names that begin with `@` belong to the server itself: the commands neither list nor change them.
//!
//! INVARIANT: the file never holds a value in clear, and a value opens only under the name that it was sealed for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base::Timestamp;
use serde::{Deserialize, Serialize};

use store::private::{take_turn_at, write_private};
use store::seal::{MasterKey, MasterKeyError, MasterKeySource, NotOpened};

/// The file's name in the data directory.
pub const SECRETS_FILE: &str = "secrets.json";
/// The most secrets of a data directory. Chosen: as many as there may be destinations.
pub const SECRETS_LIMIT: usize = 10_000;
/// The longest secret. Chosen: a chain of certificates with its key fits.
pub const SECRET_BYTES_MAX: usize = 64 << 10;
/// The longest name. Chosen.
pub const NAME_BYTES_MAX: usize = 64;
/// What is put behind the name of a secret for the value that was replaced and is still taken.
pub const PREVIOUS: &str = ".previous";

const FORMAT: u32 = 1;

/// Why secrets cannot be used, each with what would be right.
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
    /// `secrets.json` is not in form.
    #[error("`{}` is not in form", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Written by another version.
    #[error("`{}` has format {format}, and this version reads {FORMAT}", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What it says.
        format: u32,
    },
    /// The master key is not there or not in form.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// A secret does not open.
    #[error(
        "secret `{name}` does not open: set it again with `shukuba secret set {name}`, or give the right master key"
    )]
    Sealed {
        /// Which.
        name: String,
        /// Why.
        source: NotOpened,
    },
    /// A name out of form.
    #[error("`{name}` is not a secret's name: 1 to {NAME_BYTES_MAX} of a-z, A-Z, 0-9 and _.-")]
    Name {
        /// What was given.
        name: String,
    },
    /// A value that is no secret.
    #[error("the value of secret `{name}` has {bytes} bytes; 1 to {SECRET_BYTES_MAX} are taken")]
    Value {
        /// Whose.
        name: String,
        /// Its length.
        bytes: usize,
    },
    /// No such secret.
    #[error("secret `{name}` does not exist; `shukuba secret list` shows those that do")]
    NotFound {
        /// Which.
        name: String,
    },
    /// A secret of that name has another value.
    #[error("secret `{name}` is there with another value")]
    Taken {
        /// Which.
        name: String,
    },
    /// Too many secrets.
    #[error("there are {SECRETS_LIMIT} secrets already, which is the most")]
    TooMany,
}

/// What may be told of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its name.
    pub name: String,
    /// When its value was set, in RFC 3339.
    pub set: String,
}

/// The sealed secrets of a data directory. Reads the file anew each time: it is asked when settings are read.
#[derive(Debug)]
pub struct SecretStore {
    path: PathBuf,
    master: MasterKey,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretsFile {
    format: u32,
    secrets: BTreeMap<String, Stored>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    set: String,
    sealed: String,
}

/// Whether `data_dir` has secrets; when not, no master key is needed to say so.
#[must_use]
pub fn has_secrets(data_dir: &Path) -> bool {
    data_dir.join(SECRETS_FILE).exists()
}

impl SecretStore {
    /// The secrets of a data directory, whose master key must be there already: it is made with the account.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn open(data_dir: &Path, master: &MasterKeySource) -> Result<Self, Error> {
        Ok(Self {
            path: data_dir.join(SECRETS_FILE),
            master: MasterKey::load(data_dir, master)?,
        })
    }

    /// The value of a secret; `None` where there is none of that name.
    ///
    /// # Errors
    /// When the file cannot be read or the secret does not open.
    pub fn get(&self, name: &str) -> Result<Option<String>, Error> {
        let file = self.read()?;
        let stored = file.secrets.get(name);
        stored.map(|stored| self.unseal(name, stored)).transpose()
    }

    /// The values of all secrets, the file read once; one that does not open says so by itself.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn all(&self) -> Result<BTreeMap<String, Result<String, Error>>, Error> {
        let all = self.read()?.secrets.into_iter();
        Ok(all
            .map(|(name, stored)| {
                let value = self.unseal(&name, &stored);
                (name, value)
            })
            .collect())
    }

    /// All secrets of the operator's by name, without their values.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn list(&self) -> Result<Vec<SecretInfo>, Error> {
        let all = self.read()?.secrets.into_iter();
        let theirs = all.filter(|(name, _)| !name.starts_with('@'));
        Ok(theirs
            .map(|(name, stored)| SecretInfo {
                name,
                set: stored.set,
            })
            .collect())
    }

    /// Sets a secret, in the place of the one of that name. On an error the old one stays.
    ///
    /// # Errors
    /// When name or value are out of form, there are too many, or the file cannot be written.
    pub fn set(&self, name: &str, value: &str, at: Timestamp) -> Result<(), Error> {
        let stored = self.seal(name, value, at)?;
        self.change(|file| put(file, name, stored))
    }

    /// Sets all of these secrets or none of them, in one step. One that has the value already stays as it is, with its time.
    ///
    /// # Errors
    /// As [`SecretStore::set`], and [`Error::Taken`] where one has another value and `replace` is false.
    pub fn set_all(
        &self,
        all: &BTreeMap<String, String>,
        replace: bool,
        at: Timestamp,
    ) -> Result<(), Error> {
        let sealed: Vec<_> = all
            .iter()
            .map(|(name, value)| Ok((name, value, self.seal(name, value, at)?)))
            .collect::<Result<_, Error>>()?;
        self.change(|file| {
            for (name, value, stored) in sealed {
                let old = file.secrets.get(name).map(|old| self.unseal(name, old));
                match old {
                    Some(Ok(old)) if old == *value => continue,
                    Some(Ok(_) | Err(_)) if !replace => {
                        return Err(Error::Taken { name: name.clone() });
                    }
                    _ => put(file, name, stored)?,
                }
            }
            Ok(())
        })
    }

    /// Sets a secret and keeps the one that it replaces as `NAME.previous`, both in one step.
    ///
    /// # Errors
    /// As [`SecretStore::set`], and when there is none to keep or it does not open.
    pub fn rotate(&self, name: &str, value: &str, at: Timestamp) -> Result<(), Error> {
        let stored = self.seal(name, value, at)?;
        let previous = format!("{name}{PREVIOUS}");
        self.change(|file| {
            let old = file.secrets.get(name).ok_or_else(|| Error::NotFound {
                name: name.to_owned(),
            })?;
            let opened = self.unseal(name, old)?;
            let kept = Stored {
                set: old.set.clone(),
                sealed: self.master.seal(&opened, &belongs_to(&previous)),
            };
            put(file, &previous, kept)?;
            put(file, name, stored)
        })
    }

    /// Removes a secret for ever.
    ///
    /// # Errors
    /// When there is none of that name or the file cannot be written.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.change(|file| match file.secrets.remove(name) {
            Some(_) => Ok(()),
            None => Err(Error::NotFound {
                name: name.to_owned(),
            }),
        })
    }

    fn seal(&self, name: &str, value: &str, at: Timestamp) -> Result<Stored, Error> {
        check_name(name)?;
        let bytes = value.len();
        if !(1..=SECRET_BYTES_MAX).contains(&bytes) {
            let name = name.to_owned();
            return Err(Error::Value { name, bytes });
        }
        Ok(Stored {
            set: at.rfc3339(),
            sealed: self.master.seal(value, &belongs_to(name)),
        })
    }

    fn unseal(&self, name: &str, stored: &Stored) -> Result<String, Error> {
        let opened = self.master.open(&stored.sealed, &belongs_to(name));
        opened.map_err(|source| Error::Sealed {
            name: name.to_owned(),
            source,
        })
    }

    fn change(
        &self,
        edit: impl FnOnce(&mut SecretsFile) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let failed = |path: PathBuf| move |source| Error::File { path, source };
        let lock = self.path.with_extension("lock");
        let _turn = take_turn_at(&lock).map_err(failed(lock))?;
        let mut file = self.read()?;
        edit(&mut file)?;
        let text = serde_json::to_vec_pretty(&file).map_err(|source| Error::Form {
            path: self.path.clone(),
            source,
        })?;
        write_private(&self.path, &text).map_err(failed(self.path.clone()))
    }

    fn read(&self) -> Result<SecretsFile, Error> {
        let path = || self.path.clone();
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(SecretsFile {
                    format: FORMAT,
                    secrets: BTreeMap::new(),
                });
            }
            Err(source) => {
                return Err(Error::File {
                    path: path(),
                    source,
                });
            }
        };
        let file: SecretsFile = serde_json::from_slice(&text).map_err(|source| Error::Form {
            path: path(),
            source,
        })?;
        match file.format {
            FORMAT => Ok(file),
            format => Err(Error::Format {
                path: path(),
                format,
            }),
        }
    }
}

fn put(file: &mut SecretsFile, name: &str, stored: Stored) -> Result<(), Error> {
    if file.secrets.len() >= SECRETS_LIMIT && !file.secrets.contains_key(name) {
        return Err(Error::TooMany);
    }
    file.secrets.insert(name.to_owned(), stored);
    Ok(())
}

fn check_name(name: &str) -> Result<(), Error> {
    let rest = name.strip_prefix('@').unwrap_or(name);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if (1..=NAME_BYTES_MAX).contains(&rest.len()) && rest.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(Error::Name {
        name: name.to_owned(),
    })
}

/// What a sealed value is bound to.
fn belongs_to(name: &str) -> String {
    format!("shukuba secret 1/{name}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const AT: Timestamp = Timestamp::from_secs(1_795_410_190);

    fn store(dir: &Path) -> SecretStore {
        MasterKey::load_or_make(dir, &MasterKeySource::BesideTheData).unwrap();
        SecretStore::open(dir, &MasterKeySource::BesideTheData).unwrap()
    }

    #[test]
    fn a_secret_is_sealed_private_and_found_again_by_its_name_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!has_secrets(dir.path()));
        let secrets = store(dir.path());
        secrets.set("ADJUST", "s3cr3t", AT).unwrap();
        secrets.set("@statement", "of the server", AT).unwrap();
        assert_eq!(secrets.get("ADJUST").unwrap().as_deref(), Some("s3cr3t"));
        assert_eq!(secrets.get("OTHER").unwrap(), None);
        let names: Vec<_> = secrets.list().unwrap();
        assert_eq!(names.len(), 1);
        assert_eq!(names[0].set, AT.rfc3339());
        let path = dir.path().join(SECRETS_FILE);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("s3cr3t"), "{text}");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Moved under another name it does not open.
        fs::write(&path, text.replace("ADJUST", "SINGULAR")).unwrap();
        let error = secrets.get("SINGULAR").unwrap_err();
        assert!(matches!(error, Error::Sealed { .. }), "{error}");
    }

    #[test]
    fn a_rotated_secret_keeps_the_value_before_until_that_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = store(dir.path());
        let rotated = secrets.rotate("A", "one", AT);
        assert!(matches!(rotated, Err(Error::NotFound { .. })));
        for value in ["one", "two"] {
            secrets.set("A", value, AT).unwrap();
        }
        assert_eq!(secrets.get("A.previous").unwrap(), None);
        secrets.rotate("A", "three", AT).unwrap();
        assert_eq!(secrets.get("A").unwrap().as_deref(), Some("three"));
        assert_eq!(secrets.get("A.previous").unwrap().as_deref(), Some("two"));
        secrets.remove("A.previous").unwrap();
        assert_eq!(secrets.list().unwrap().len(), 1);
        let again = secrets.remove("A.previous");
        assert!(matches!(again, Err(Error::NotFound { .. })));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = store(dir.path());
        let longest = "x".repeat(NAME_BYTES_MAX + 1);
        for name in ["", "a b", "a/b", "@", "é", longest.as_str()] {
            let set = secrets.set(name, "v", AT);
            assert!(matches!(set, Err(Error::Name { .. })), "{name}");
        }
        for bytes in [0, SECRET_BYTES_MAX + 1] {
            let set = secrets.set("A", &"v".repeat(bytes), AT);
            assert!(matches!(set, Err(Error::Value { .. })), "{bytes}");
        }
        assert!(!has_secrets(dir.path()));
        secrets.set("A", &"v".repeat(SECRET_BYTES_MAX), AT).unwrap();
        let mut full = secrets.read().unwrap();
        let one = full.secrets.get("A").unwrap().clone();
        for number in 1..SECRETS_LIMIT {
            put(&mut full, &format!("N{number}"), one.clone()).unwrap();
        }
        let more = put(&mut full, "MORE", one.clone());
        assert!(matches!(more, Err(Error::TooMany)));
        put(&mut full, "A", one).unwrap();
    }

    #[test]
    fn all_of_several_secrets_are_set_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = store(dir.path());
        let all = |values: &[(&str, &str)]| {
            let owned = values.iter();
            owned
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let later = AT.plus(std::time::Duration::from_secs(9));
        secrets.set("A", "one", AT).unwrap();
        for (values, says) in [
            ([("B", "two"), ("a b", "v")], "is not a secret's name"),
            ([("B", "two"), ("C", "")], "has 0 bytes"),
            ([("A", "other"), ("B", "two")], "another value"),
        ] {
            let error = secrets.set_all(&all(&values), false, later).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert_eq!(secrets.list().unwrap().len(), 1);
        }
        for _ in 0..2 {
            let both = all(&[("A", "one"), ("B", "two")]);
            secrets.set_all(&both, false, later).unwrap();
        }
        assert_eq!(secrets.list().unwrap()[0].set, AT.rfc3339());
        assert_eq!(secrets.get("B").unwrap().as_deref(), Some("two"));
        let other = all(&[("A", "other")]);
        secrets.set_all(&other, true, later).unwrap();
        assert_eq!(secrets.get("A").unwrap().as_deref(), Some("other"));
    }

    #[test]
    fn a_file_of_a_later_format_or_another_master_key_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = store(dir.path());
        secrets.set("A", "v", AT).unwrap();
        fs::remove_file(dir.path().join(store::seal::MASTER_KEY_FILE)).unwrap();
        let error = SecretStore::open(dir.path(), &MasterKeySource::BesideTheData).unwrap_err();
        assert!(matches!(error, Error::MasterKey(_)), "{error}");
        let other = store(dir.path());
        let error = other.get("A").unwrap_err().to_string();
        assert!(error.contains("shukuba secret set A"), "{error}");
        // The others stay where one is set anew.
        other.set("B", "w", AT).unwrap();
        assert_eq!(secrets.get("A").unwrap().as_deref(), Some("v"));
        let path = dir.path().join(SECRETS_FILE);
        fs::write(&path, "{\"format\":2,\"secrets\":{}}").unwrap();
        let error = secrets.set("A", "w", AT).unwrap_err().to_string();
        assert!(error.contains("format 2"), "{error}");
    }
}
