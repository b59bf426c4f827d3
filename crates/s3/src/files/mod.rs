//! The files that hold the bytes of objects.
//!
//! A file is named by a number, never by a key: `files/000000000a/0c3f` is file `0xac3f` (4096 files a folder). It is
//! written once, as a [`Draft`], and becomes part of something by a change of the tables. Then it never changes, until it is
//! part of nothing any more and its number lies in `trash`.
//!
//! INVARIANT: a file that the tables name is whole and durable. A draft that no change took is deleted; after a crash it is
//! found by its folder: only folders from `from` on can hold one (`meta`).
//! INVARIANT: a file that somebody reads is not deleted ([`Pinned`]).

mod comparing;
mod copying;
mod reading;
mod writing;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::Tables;
use tokio::sync::{Notify, Semaphore};

use crate::error::Error;
use crate::limits::Limits;
use crate::rows::{self, FILES, Id, META, TRASH};

pub(crate) use comparing::Problem;
pub use copying::Copied;
pub(crate) use copying::Held;
pub(crate) use reading::Extent;
pub use reading::Reading;
pub use writing::Source;
pub(crate) use writing::{Written, blocking};

/// Files of one folder.
const FOLDER_FILES: u64 = 4096;
/// Files that are deleted before their numbers are taken out of `trash`, together.
const REAP_MAX: usize = 1000;
/// The row of `meta`.
const FOLDERS: &str = "folders";

/// All files of a store.
#[derive(Debug)]
pub(crate) struct Files {
    dir: PathBuf,
    limits: Limits,
    tables: Arc<Tables>,
    numbers: Mutex<Numbers>,
    writes: Arc<Semaphore>,
    pins: Mutex<Pins>,
    /// Told when there is something in `trash` that can be deleted.
    trashed: Notify,
}

#[derive(Debug, Default)]
struct Pins {
    counts: HashMap<Id, usize>,
    /// Who keeps everything.
    holders: usize,
    /// Whether something in `trash` was not deleted because of them.
    is_awaited: bool,
}

#[derive(Debug)]
struct Numbers {
    next: Id,
    /// Drafts by folder; the newest folder is always there.
    drafts: BTreeMap<u64, usize>,
}

/// Which folders there are.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Folders {
    /// The first that may hold a file of no use.
    from: u64,
    /// The first that was never used.
    next: u64,
}

impl Files {
    /// Opens the files in `dir` and deletes what a crash left there. Blocks.
    pub(crate) fn open(
        dir: &Path,
        tables: Arc<Tables>,
        limits: Limits,
    ) -> Result<Arc<Self>, Error> {
        make_dir(dir).map_err(Error::disk("making the folder of the files"))?;
        let view = tables.view();
        let folders: Folders = rows::get(&view, META, FOLDERS.as_bytes())?.unwrap_or_default();
        for folder in folders.from..folders.next {
            sweep(&dir.join(folder_name(folder)), folder, &view)?;
        }
        let files = Self {
            dir: dir.to_owned(),
            limits,
            tables,
            numbers: Mutex::new(Numbers {
                next: folders.next * FOLDER_FILES,
                drafts: BTreeMap::new(),
            }),
            writes: Arc::new(Semaphore::new(limits.writes)),
            pins: Mutex::default(),
            trashed: Notify::new(),
        };
        Ok(Arc::new(files))
    }

    /// A new, empty file. Blocks; once in [`FOLDER_FILES`] for a commit.
    fn draft(self: &Arc<Self>) -> Result<Draft, Error> {
        let id = {
            let mut numbers = self.numbers.lock();
            if numbers.next.is_multiple_of(FOLDER_FILES) {
                self.begin_folder(&mut numbers)?;
            }
            let id = numbers.next;
            numbers.next += 1;
            *numbers.drafts.entry(id / FOLDER_FILES).or_default() += 1;
            id
        };
        let mut draft = Draft {
            files: Arc::clone(self),
            id,
            file: None,
            is_kept: false,
        };
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.path(id))
            .map_err(Error::disk("making a file"))?;
        draft.file = Some(file);
        Ok(draft)
    }

    /// Makes the next folder and remembers it durably before anything lies in it.
    fn begin_folder(&self, numbers: &mut Numbers) -> Result<(), Error> {
        let folder = numbers.next / FOLDER_FILES;
        let path = self.dir.join(folder_name(folder));
        make_dir(&path).map_err(Error::disk("making a folder"))?;
        sync_dir(&self.dir).map_err(Error::disk("syncing the folders"))?;
        numbers.drafts.retain(|_, drafts| *drafts > 0);
        let from = numbers.drafts.keys().next().copied().unwrap_or(folder);
        let row = Folders {
            from,
            next: folder + 1,
        };
        self.tables
            .change_blocking(move |_, changes| rows::put(changes, META, FOLDERS.into(), &row))??;
        numbers.drafts.insert(folder, 0);
        Ok(())
    }

    fn settle(&self, id: Id) {
        let mut numbers = self.numbers.lock();
        if let Some(drafts) = numbers.drafts.get_mut(&(id / FOLDER_FILES)) {
            *drafts = drafts.saturating_sub(1);
        }
    }

    fn path(&self, id: Id) -> PathBuf {
        self.dir
            .join(folder_name(id / FOLDER_FILES))
            .join(file_name(id % FOLDER_FILES))
    }

    /// Refuses `bytes` more where the disk has no room for them beyond the reserve.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<(), Error> {
        let reserve = self.limits.reserve;
        // A file system that does not say counts as having room; a full one then refuses the write.
        let Ok(stat) = rustix::fs::statvfs(&self.dir) else {
            return Ok(());
        };
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        match free >= reserve.get().saturating_add(bytes) {
            true => Ok(()),
            false => Err(Error::NoRoom { reserve }),
        }
    }

    /// Keeps files from being deleted. Whoever pins must look again afterwards whether they are still part of what they were:
    /// then no view that says otherwise was there before the pin.
    pub(crate) fn pin(self: &Arc<Self>, ids: Vec<Id>) -> Pinned {
        let mut pins = self.pins.lock();
        for id in &ids {
            *pins.counts.entry(*id).or_default() += 1;
        }
        Pinned {
            files: Arc::clone(self),
            ids,
        }
    }

    fn is_pinned(&self, id: Id) -> bool {
        let mut pins = self.pins.lock();
        let is_pinned = pins.holders > 0 || pins.counts.contains_key(&id);
        pins.is_awaited |= is_pinned;
        is_pinned
    }

    /// Tells the one who deletes.
    pub(crate) fn told_of_trash(&self) {
        self.trashed.notify_one();
    }

    /// Deletes what is in `trash`, for ever.
    pub(crate) async fn reap_for_ever(self: Arc<Self>) {
        loop {
            let files = Arc::clone(&self);
            let reaped = tokio::task::spawn_blocking(move || files.reap()).await;
            match reaped {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => self.trashed.notified().await,
                Ok(Err(error)) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "files of no use are not deleted"
                    );
                    self.trashed.notified().await;
                }
                Err(_) => return,
            }
        }
    }

    /// Deletes some of what is in `trash`; says whether there may be more. Blocks.
    fn reap(&self) -> Result<bool, Error> {
        let mut gone = Vec::new();
        for row in self.tables.view().prefix(TRASH, b"") {
            let (key, _) = row?;
            let Ok(id) = <[u8; 8]>::try_from(key.as_ref()).map(Id::from_be_bytes) else {
                continue;
            };
            if self.is_pinned(id) {
                continue;
            }
            remove(&self.path(id)).map_err(Error::disk("deleting a file"))?;
            gone.push(id);
            if gone.len() == REAP_MAX {
                break;
            }
        }
        if gone.is_empty() {
            return Ok(false);
        }
        self.tables.change_blocking(move |_, changes| {
            for id in gone {
                changes.remove(TRASH, id.to_be_bytes());
            }
            Ok::<(), Error>(())
        })??;
        Ok(true)
    }
}

/// A file that is part of nothing yet; deleted when it is dropped so.
#[derive(Debug)]
pub(crate) struct Draft {
    files: Arc<Files>,
    id: Id,
    file: Option<File>,
    is_kept: bool,
}

impl Draft {
    /// Its number, now part of something. Call it last in the change that says of what.
    pub(crate) fn keep(mut self) -> Id {
        self.is_kept = true;
        self.id
    }

    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Makes bytes and name durable. Blocks.
    fn sync(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            file.sync_data()?;
        }
        sync_dir(&self.files.dir.join(folder_name(self.id / FOLDER_FILES)))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            // What stays is found at the next start.
            let _ = remove(&self.files.path(self.id));
        }
        self.files.settle(self.id);
    }
}

/// Files that are kept while this lives.
#[derive(Debug)]
pub(crate) struct Pinned {
    files: Arc<Files>,
    ids: Vec<Id>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut pins = self.files.pins.lock();
        for id in &self.ids {
            if let Some(count) = pins.counts.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    pins.counts.remove(id);
                }
            }
        }
        if std::mem::take(&mut pins.is_awaited) {
            self.files.told_of_trash();
        }
    }
}

/// Deletes what lies in a folder and is part of nothing.
fn sweep(path: &Path, folder: u64, view: &store::tables::View) -> Result<(), Error> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::disk("listing a folder")(source)),
    };
    for entry in entries {
        let entry = entry.map_err(Error::disk("listing a folder"))?;
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| id_of(folder, name)) else {
            continue;
        };
        if view.get(FILES, &id.to_be_bytes())?.is_none() {
            remove(&entry.path()).map_err(Error::disk("deleting a file"))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn make_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn folder_name(folder: u64) -> String {
    format!("{folder:010x}")
}

fn file_name(in_folder: u64) -> String {
    format!("{in_folder:04x}")
}

fn id_of(folder: u64, name: &str) -> Option<Id> {
    let in_folder = u64::from_str_radix(name, 16).ok()?;
    (in_folder < FOLDER_FILES).then_some(folder * FOLDER_FILES + in_folder)
}

#[cfg(test)]
mod tests;
