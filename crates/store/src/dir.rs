//! The data directory: one process at a time, and a format version.
//!
//! `LOCK` is locked by the process that has the directory open (the kernel lets go when it ends, however it ends); its
//! text says which one and what for.
//! `FORMAT` holds the version of everything inside as text, `shukuba-data 1`. `journal/` is the [`Journal`](crate::Journal)'s.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The version of the data directory.
pub const DATA_VERSION: u32 = 1;

const FORMAT: &str = "shukuba-data";

/// What holds bodies.
const PRIVATE: [&str; 3] = ["journal", "results", "objects"];

/// Why a data directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// Another process has it.
    #[error("`{path}` is in use by process {by}")]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Its id and what it does, such as `4711 (serve)`.
        by: String,
    },
    /// It was written by another version.
    #[error("`{path}` holds `{found}`, this program reads `{FORMAT} {DATA_VERSION}`")]
    Version {
        /// The directory.
        path: PathBuf,
        /// What `FORMAT` says.
        found: String,
    },
    /// It has a journal but no `FORMAT`.
    #[error("`{path}` has a journal but no file `FORMAT`; it may be part of a backup")]
    NoFormat {
        /// The directory.
        path: PathBuf,
    },
    /// The disk refused.
    #[error("could not open the data directory `{path}`")]
    Disk {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A data directory that this process has to itself until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// What a process does with a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It serves, for as long as it likes. Waits a moment for those that only read.
    Serve,
    /// It reads or copies, and is gone soon.
    Read,
}

impl Use {
    fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Read => "reading",
        }
    }
}

/// How long a server waits for a reader: reading back a large journal takes seconds. Chosen.
const READER_WAIT: Duration = Duration::from_secs(30);
/// How long it waits for one that says to serve: a command may be looking whether it does. Chosen.
const LOOK_WAIT: Duration = Duration::from_millis(500);
const LOCK_POLL: Duration = Duration::from_millis(10);

impl DataDir {
    /// Opens `path`, creates it (mode 0700) when there is none, and locks it. What holds bodies in it, `journal`, `results` and `objects`,
    /// is closed to other users, whatever mode `path` itself came with.
    ///
    /// # Errors
    /// See [`DirError`].
    pub fn open(path: &Path, to: Use) -> Result<Self, DirError> {
        let failed = |source| DirError::Disk {
            path: path.to_owned(),
            source,
        };
        create(path).map_err(failed)?;
        let mut lock = open_lock(path).map_err(failed)?;
        let mut waited = Duration::ZERO;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) => {}
            }
            let by = fs::read_to_string(path.join("LOCK")).unwrap_or_default();
            let patience = match to {
                Use::Serve if by.contains(Use::Read.name()) => READER_WAIT,
                _ => LOOK_WAIT,
            };
            if waited >= patience {
                return Err(DirError::InUse {
                    path: path.to_owned(),
                    by: by.trim_end().to_owned(),
                });
            }
            std::thread::sleep(LOCK_POLL);
            waited += LOCK_POLL;
        }
        if find_format(path)? == Format::None {
            write_format(path, &our_format()).map_err(failed)?;
        }
        for name in PRIVATE {
            make_private(&path.join(name)).map_err(failed)?;
        }
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{} ({})", std::process::id(), to.name()))
            .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Whether this program reads what `path` holds. Nothing is opened or made; there may be nothing yet.
    ///
    /// # Errors
    /// [`DirError::Version`], [`DirError::NoFormat`], or when the disk refuses.
    pub fn check(path: &Path) -> Result<(), DirError> {
        find_format(path).map(drop)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal lies, for [`Journal::open`](crate::Journal::open).
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }
}

fn create(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Takes away what others may do with a directory, if it is there.
fn make_private(path: &Path) -> io::Result<()> {
    let mode = match fs::metadata(path) {
        Ok(data) => data.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & 0o077 == 0 {
        return Ok(());
    }
    // Some file systems know no modes, and refuse.
    if let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(0o700)) {
        tracing::warn!(path = %path.display(), %error, "other users may read what lies here: its mode stays as it is");
    }
    Ok(())
}

fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path.join("LOCK"))
}

/// What a directory says of its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Ours,
    /// There is nothing in it yet.
    None,
}

fn find_format(path: &Path) -> Result<Format, DirError> {
    match fs::read_to_string(path.join("FORMAT")) {
        Ok(found) if found.trim_end() == our_format() => Ok(Format::Ours),
        Ok(found) => Err(DirError::Version {
            path: path.to_owned(),
            found: found.trim_end().chars().take(80).collect(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if path.join("journal").exists() {
                return Err(DirError::NoFormat {
                    path: path.to_owned(),
                });
            }
            Ok(Format::None)
        }
        Err(source) => Err(DirError::Disk {
            path: path.to_owned(),
            source,
        }),
    }
}

fn our_format() -> String {
    format!("{FORMAT} {DATA_VERSION}")
}

fn write_format(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.join("FORMAT.tmp");
    let mut file = File::create(&unfinished)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(unfinished, path.join("FORMAT"))?;
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("data");
        let first = DataDir::open(&path, Use::Serve).unwrap();
        let error = DataDir::open(&path, Use::Serve).unwrap_err();
        let me = format!("process {} (serve)", std::process::id());
        assert!(error.to_string().contains(&me), "{error}");
        drop(first);
        DataDir::open(&path, Use::Read).unwrap();
    }

    #[test]
    fn what_holds_bodies_is_for_its_owner_alone() {
        use crate::disk::{Disk as _, RealDisk};
        let temporary = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let data = fs::metadata(temporary.path().join(name)).unwrap();
            data.permissions().mode() & 0o777
        };
        let open = || drop(DataDir::open(temporary.path(), Use::Serve).unwrap());
        open();
        let disk = RealDisk::at(&temporary.path().join("journal")).unwrap();
        disk.create("a").unwrap();
        assert_eq!((mode("journal"), mode("journal/a")), (0o700, 0o600));
        for name in ["results", "objects"] {
            fs::create_dir(temporary.path().join(name)).unwrap();
        }
        for name in PRIVATE {
            let wide = fs::Permissions::from_mode(0o755);
            fs::set_permissions(temporary.path().join(name), wide).unwrap();
        }
        open();
        assert_eq!(PRIVATE.map(mode), [0o700; 3]);
    }

    #[test]
    fn a_server_waits_for_a_reader_and_nobody_for_a_server() {
        let temporary = tempfile::tempdir().unwrap();
        let reader = DataDir::open(temporary.path(), Use::Read).unwrap();
        let path = temporary.path().to_owned();
        let server = std::thread::spawn(move || DataDir::open(&path, Use::Serve));
        let error = DataDir::open(temporary.path(), Use::Read).unwrap_err();
        assert!(error.to_string().contains("(reading)"), "{error}");
        drop(reader);
        server.join().unwrap().unwrap();
    }

    #[test]
    fn another_version_is_refused_and_named() {
        let temporary = tempfile::tempdir().unwrap();
        fs::write(temporary.path().join("FORMAT"), "shukuba-data 2\n").unwrap();
        let looked = DataDir::check(temporary.path()).unwrap_err();
        let error = DataDir::open(temporary.path(), Use::Serve).unwrap_err();
        assert!(error.to_string().contains("shukuba-data 2"), "{error}");
        assert_eq!(looked.to_string(), error.to_string());
    }

    #[test]
    fn looking_at_a_new_directory_makes_nothing_in_it() {
        let temporary = tempfile::tempdir().unwrap();
        DataDir::check(&temporary.path().join("none")).unwrap();
        DataDir::check(temporary.path()).unwrap();
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_journal_without_format_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        fs::create_dir(temporary.path().join("journal")).unwrap();
        assert!(matches!(
            DataDir::open(temporary.path(), Use::Serve),
            Err(DirError::NoFormat { .. })
        ));
    }
}
