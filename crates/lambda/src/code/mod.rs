//! The code of functions: packages on disk under their hashes, and folders into which they are unpacked when somebody runs them.
//!
//! ```text
//! DIR/packages/2c26b46b….zip    as it was given; on disk before anybody is told
//! DIR/unpacked/2c26b46b…/       made when it is first run; gone with the process
//! DIR/drafts/…                  what is being made or removed
//! ```
//!
//! INVARIANT: a package that some version uses is never removed: who puts one holds it ([`Held`]) until the version that uses it
//! is known, and [`Store::collect`] asks what is used while nobody can begin to hold. A folder is never seen half unpacked, and is
//! not removed while somebody has what [`Packages::unpacked`] returned.
//!
//! - [`package`] reads packages

pub mod package;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use tracing::{debug, warn};

use crate::function::CodeId;
use crate::port::{Packages, Trouble};
pub use package::Unfit;

/// Largest package that comes within a request. Source: Lambda quotas, "Deployment package size".
pub const PACKAGE_BYTES_MAX: u64 = 50 * 1024 * 1024;
/// Largest package that comes from a bucket: unpacked it may not be larger. Source: as above.
pub const OBJECT_BYTES_MAX: u64 = package::UNPACKED_BYTES_MAX;

/// Why a package was not kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no package that functions are run from.
    #[error("the package is not fit")]
    Unfit(#[from] Unfit),
    /// It cannot be written or read.
    #[error("code cannot be kept")]
    Io(#[from] io::Error),
}

/// All packages.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    shelf: Mutex<Shelf>,
    drafts: AtomicU64,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Those on disk.
    packages: BTreeMap<CodeId, Folder>,
    /// By how many each is held that may not be removed now.
    held: BTreeMap<CodeId, usize>,
}

/// Where it is unpacked, once it is.
type Folder = Arc<OnceCell<Arc<Path>>>;

/// A package that is not removed while this lives.
#[derive(Debug)]
pub struct Held {
    store: Arc<Store>,
    id: CodeId,
    bytes: u64,
}

impl Held {
    /// Its hash.
    #[must_use]
    pub const fn id(&self) -> CodeId {
        self.id
    }

    /// Its bytes, packed.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut shelf = self.store.shelf.lock();
        if let Some(count) = shelf.held.get_mut(&self.id) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                shelf.held.remove(&self.id);
            }
        }
    }
}

impl Store {
    /// The packages in `dir`, which is made. What an earlier process unpacked or left half done is removed. Blocks.
    ///
    /// `dir` and the folders above it must let the user in that functions run as.
    ///
    /// # Errors
    /// When the folders cannot be made, read or cleared.
    pub fn open(dir: &Path) -> io::Result<Arc<Self>> {
        let store = Self {
            dir: dir.to_owned(),
            shelf: Mutex::new(Shelf::default()),
            drafts: AtomicU64::new(0),
        };
        for old in [store.unpacked_dir(), store.drafts_dir()] {
            remove(&old)?;
        }
        folder(dir, 0o755)?;
        folder(&store.packages_dir(), 0o700)?;
        folder(&store.unpacked_dir(), 0o755)?;
        folder(&store.drafts_dir(), 0o755)?;
        // What is kept below is found after a crash.
        for made in dir.parent().into_iter().chain([dir]) {
            fs::File::open(made)?.sync_all()?;
        }
        let mut packages = BTreeMap::new();
        for entry in fs::read_dir(store.packages_dir())? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            if let Some(id) = name.and_then(|name| name.parse().ok()) {
                packages.insert(id, Folder::default());
            }
        }
        store.shelf.lock().packages = packages;
        Ok(Arc::new(store))
    }

    /// Checks a package and keeps it: it is on disk when this returns.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put(self: &Arc<Self>, bytes: Bytes) -> Result<Held, Error> {
        let store = Arc::clone(self);
        blocking(move || store.put_blocking(&bytes)).await
    }

    fn put_blocking(self: Arc<Self>, bytes: &Bytes) -> Result<Held, Error> {
        package::check(bytes)?;
        let id = CodeId(Sha256::digest(bytes).into());
        let held = self.hold(id, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.shelf.lock().packages.contains_key(&id) {
            return Ok(held);
        }
        let draft = self.draft();
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        drop(file);
        let written = written.and_then(|()| fs::rename(&draft, self.package(&id)));
        if written.is_err() {
            // It holds nothing that is needed; the first error is the one to tell.
            let _ = fs::remove_file(&draft);
        }
        written?;
        fs::File::open(self.packages_dir())?.sync_all()?;
        self.shelf.lock().packages.entry(id).or_default();
        Ok(held)
    }

    fn hold(self: &Arc<Self>, id: CodeId, bytes: u64) -> Held {
        *self.shelf.lock().held.entry(id).or_default() += 1;
        Held {
            store: Arc::clone(self),
            id,
            bytes,
        }
    }

    /// Whether a package is on disk.
    #[must_use]
    pub fn has(&self, id: &CodeId) -> bool {
        self.shelf.lock().packages.contains_key(id)
    }

    /// How many packages there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shelf.lock().packages.len()
    }

    /// The bytes of a package; `None` where there is none such.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read(self: &Arc<Self>, id: CodeId) -> io::Result<Option<Bytes>> {
        let held = self.hold(id, 0);
        blocking(move || match fs::read(held.store.package(&id)) {
            Ok(bytes) => Ok(Some(Bytes::from(bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Removes packages that nobody holds, runs, or uses. Returns how many.
    ///
    /// `used`: those that some version needs; asked while the shelf is locked, so it may not call the store.
    ///
    /// # Errors
    /// When they cannot be removed; it is tried again at the next start.
    pub async fn collect(
        self: &Arc<Self>,
        used: impl FnOnce() -> BTreeSet<CodeId> + Send + 'static,
    ) -> io::Result<usize> {
        let store = Arc::clone(self);
        blocking(move || store.collect_blocking(used)).await
    }

    fn collect_blocking(&self, used: impl FnOnce() -> BTreeSet<CodeId>) -> io::Result<usize> {
        let mut drafts = Vec::new();
        let mut count = 0;
        {
            let mut shelf = self.shelf.lock();
            let used = used();
            let unused = |(id, folder): (&CodeId, &Folder)| {
                let is_run = folder.get().is_some_and(|path| Arc::strong_count(path) > 1);
                (!is_run && !shelf.held.contains_key(id) && !used.contains(id)).then_some(*id)
            };
            let unused: Vec<CodeId> = shelf.packages.iter().filter_map(unused).collect();
            for id in unused {
                // Moved while the lock is held: whoever puts the same again finds nothing, and writes it anew.
                self.put_away(&self.package(&id), &mut drafts)?;
                shelf.packages.remove(&id);
                self.put_away(&self.unpacked(&id), &mut drafts)?;
                count += 1;
                debug!(code = %id, "a package that no version uses is removed");
            }
        }
        drafts.iter().try_for_each(|draft| remove(draft))?;
        Ok(count)
    }

    /// Moves what is there to where it can be removed.
    fn put_away(&self, path: &Path, drafts: &mut Vec<PathBuf>) -> io::Result<()> {
        let draft = self.draft();
        match fs::rename(path, &draft) {
            Ok(()) => drafts.push(draft),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn unpack_blocking(&self, id: &CodeId) -> Result<Arc<Path>, Error> {
        let bytes = Bytes::from(fs::read(self.package(id))?);
        let draft = self.draft();
        let unpacked = package::unpack(&bytes, &draft);
        let unpacked = unpacked.and_then(|found| {
            // One that could not be put away.
            remove(&self.unpacked(id))?;
            fs::rename(&draft, self.unpacked(id))?;
            Ok(found)
        });
        if unpacked.is_err() {
            // As above.
            let _ = remove(&draft);
        }
        if unpacked? == package::Modes::Missing {
            warn!(code = %id, "a package was made without modes; its bootstrap was made executable, which AWS does not do");
        }
        Ok(self.unpacked(id).into())
    }

    fn packages_dir(&self) -> PathBuf {
        self.dir.join("packages")
    }

    fn unpacked_dir(&self) -> PathBuf {
        self.dir.join("unpacked")
    }

    fn drafts_dir(&self) -> PathBuf {
        self.dir.join("drafts")
    }

    fn package(&self, id: &CodeId) -> PathBuf {
        self.packages_dir().join(format!("{id}.zip"))
    }

    fn unpacked(&self, id: &CodeId) -> PathBuf {
        self.unpacked_dir().join(id.to_string())
    }

    fn draft(&self) -> PathBuf {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        self.drafts_dir().join(number.to_string())
    }
}

/// [`Packages`] of a store.
#[derive(Debug)]
pub struct Shelved(pub Arc<Store>);

#[async_trait]
impl Packages for Shelved {
    async fn unpacked(&self, code: &CodeId) -> Result<Arc<Path>, Trouble> {
        let store = &self.0;
        // Held, so that what is found is not removed before it is returned.
        let held = store.hold(*code, 0);
        let folder = store.shelf.lock().packages.get(code).cloned();
        let folder =
            folder.ok_or_else(|| Trouble::Lasting(format!("there is no package `{code}`")))?;
        let unpack = || {
            let (store, id) = (Arc::clone(store), *code);
            blocking(move || store.unpack_blocking(&id))
        };
        let unpacked = folder.get_or_try_init(unpack).await.cloned();
        drop(held);
        unpacked.map_err(|error| match error {
            Error::Unfit(unfit) => Trouble::Lasting(unfit.to_string()),
            Error::Io(error) => {
                Trouble::Passing(format!("the package `{code}` is not unpacked: {error}"))
            }
        })
    }
}

/// Runs `work` where it may block.
async fn blocking<T: Send + 'static, E: From<io::Error> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(broken) => Err(io::Error::other(broken).into()),
    }
}

/// Makes a folder with this mode, whatever the process masks.
fn folder(path: &Path, mode: u32) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(mode).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Removes a file or a folder with all that is in it, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
