//! `archive.json` in the data directory: which generation of the archive this directory writes, or continues.
//!
//! It is in no backup: a directory that is restored, from a backup as from an archive, begins a generation of its own.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use store::archive::Parent;

/// Its name.
pub(crate) const FILE: &str = "archive.json";

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// The generation that is written.
    #[serde(default)]
    pub(crate) generation: Option<String>,
    /// What the next generation continues.
    #[serde(default)]
    pub(crate) parent: Option<Parent>,
}

impl Memory {
    /// What the data directory remembers; nothing where there is no file.
    pub(crate) fn read(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!(
                    "`{}` is not in form; remove it to begin a new generation",
                    path.display()
                )
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        }
    }

    /// Remembers it durably.
    pub(crate) fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let (path, unfinished) = (dir.join(FILE), dir.join("archive.json.new"));
        let write = || {
            fs::write(&unfinished, serde_json::to_vec_pretty(self)?)?;
            fs::File::open(&unfinished)?.sync_all()?;
            fs::rename(&unfinished, &path)?;
            fs::File::open(dir)?.sync_all()
        };
        write().with_context(|| format!("cannot write `{}`", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_there_and_nothing_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Memory::read(dir.path()).unwrap(), Memory::default());
        let memory = Memory {
            generation: Some("a".to_owned()),
            parent: Some(Parent {
                generation: "b".to_owned(),
                position: Some(7),
            }),
        };
        memory.write(dir.path()).unwrap();
        assert_eq!(Memory::read(dir.path()).unwrap(), memory);
        fs::write(dir.path().join(FILE), "{").unwrap();
        let error = Memory::read(dir.path()).unwrap_err();
        assert!(error.to_string().contains("remove it to begin"), "{error}");
    }
}
