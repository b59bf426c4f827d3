//! The small files of the data directory that a server cannot start without: identities, sealed secrets, the secret of the
//! results, region and version. The master key is never among them.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use iam::accesses::ACCESSES_FILE;
use serde::{Deserialize, Serialize};

use crate::keep::FILES;

/// The form of the bundle: each file with its bytes.
#[derive(Debug, Serialize, Deserialize)]
struct Bundle {
    files: Vec<Packed>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Packed {
    name: String,
    base64: String,
}

/// By what a change of the files is seen: name, length and time of each. Who used what last changes all the time, and goes
/// along when something else has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<(&'static str, u64, Option<SystemTime>)>);

impl Stamp {
    /// Of the files as they are.
    pub(crate) fn of(dir: &Path) -> Self {
        let names = FILES.into_iter().filter(|name| *name != ACCESSES_FILE);
        let stamps = names.filter_map(|name| {
            let found = fs::metadata(dir.join(name)).ok()?;
            Some((name, found.len(), found.modified().ok()))
        });
        Self(stamps.collect())
    }
}

/// All of them, as one.
pub(crate) fn pack(dir: &Path) -> io::Result<Vec<u8>> {
    let mut files = Vec::new();
    for name in FILES {
        match fs::read(dir.join(name)) {
            Ok(bytes) => files.push(Packed {
                name: name.to_owned(),
                base64: STANDARD.encode(bytes),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(serde_json::to_vec(&Bundle { files })?)
}

/// Writes them into `dir`, where none of them is.
pub(crate) fn unpack(bytes: &[u8], dir: &Path) -> anyhow::Result<()> {
    let bundle: Bundle = serde_json::from_slice(bytes).context("the files are not in form")?;
    for packed in bundle.files {
        // Names come from elsewhere: only those that a server knows are written.
        if !FILES.contains(&packed.name.as_str()) {
            bail!(
                "the archive holds a file `{}`, which is none of a data directory",
                packed.name
            );
        }
        let bytes = STANDARD.decode(&packed.base64);
        let bytes = bytes.with_context(|| format!("the file `{}`", packed.name))?;
        let path = dir.join(&packed.name);
        let write = || {
            let mut options = fs::File::options();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            io::Write::write_all(&mut file, &bytes)?;
            file.sync_all()
        };
        write().with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_there_and_back_without_the_master_key() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in FILES.into_iter().chain([store::seal::MASTER_KEY_FILE]) {
            fs::write(from.path().join(name), name).unwrap();
        }
        unpack(&pack(from.path()).unwrap(), to.path()).unwrap();
        for name in FILES {
            assert_eq!(fs::read_to_string(to.path().join(name)).unwrap(), name);
        }
        assert!(!to.path().join(store::seal::MASTER_KEY_FILE).exists());
    }

    #[test]
    fn no_other_name_is_written() {
        let to = tempfile::tempdir().unwrap();
        for name in ["../x", "/etc/x", "journal/x", "master.key"] {
            let bundle = format!(r#"{{"files":[{{"name":"{name}","base64":""}}]}}"#);
            let error = unpack(bundle.as_bytes(), to.path()).unwrap_err();
            assert!(
                error.to_string().contains("none of a data directory"),
                "{error}"
            );
        }
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_changed_file_is_seen_and_a_use_of_a_key_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let empty = Stamp::of(dir.path());
        fs::write(dir.path().join(ACCESSES_FILE), "x").unwrap();
        assert_eq!(Stamp::of(dir.path()), empty);
        fs::write(dir.path().join("region"), "x").unwrap();
        assert_ne!(Stamp::of(dir.path()), empty);
    }
}
