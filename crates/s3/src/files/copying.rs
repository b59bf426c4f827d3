//! Copying all files that are part of something at one moment.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::tables::View;

use super::{FOLDER_FILES, Files, file_name, folder_name, make_dir, sync_dir};
use crate::error::Error;
use crate::rows::{FILES, Id};

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Files of objects and parts.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// All files are kept while this lives.
#[derive(Debug)]
pub(crate) struct Held(Arc<Files>);

impl Drop for Held {
    fn drop(&mut self) {
        let mut pins = self.0.pins.lock();
        pins.holders -= 1;
        if std::mem::take(&mut pins.is_awaited) {
            self.0.told_of_trash();
        }
    }
}

impl Files {
    /// Keeps every file from being deleted that a view from now on names.
    pub(crate) fn hold(self: &Arc<Self>) -> Held {
        self.pins.lock().holders += 1;
        Held(Arc::clone(self))
    }
}

impl Held {
    /// Where the file `id` lies.
    pub(super) fn path(&self, id: Id) -> PathBuf {
        self.0.path(id)
    }

    /// Copies the files that `view` names into `to`, durably. Blocks.
    pub(crate) fn copy(&self, view: &View, to: &Path) -> Result<Copied, Error> {
        let mut copied = Copied::default();
        let mut last = None;
        make_dir(to).map_err(Error::disk("making a folder of the copy"))?;
        for row in view.prefix(FILES, b"") {
            let (key, _) = row?;
            let Ok(id) = <[u8; 8]>::try_from(key.as_ref()).map(Id::from_be_bytes) else {
                continue;
            };
            let folder = to.join(folder_name(id / FOLDER_FILES));
            if last.as_ref() != Some(&folder) {
                finish(last.as_deref())?;
                make_dir(&folder).map_err(Error::disk("making a folder of the copy"))?;
            }
            let target = folder.join(file_name(id % FOLDER_FILES));
            copied.bytes += copy_file(&self.path(id), &target)
                .map_err(Error::disk("copying a file of an object"))?;
            copied.files += 1;
            last = Some(folder);
        }
        finish(last.as_deref())?;
        finish(Some(to))?;
        Ok(copied)
    }
}

fn copy_file(from: &Path, to: &Path) -> std::io::Result<u64> {
    let bytes = fs::copy(from, to)?;
    let copied = File::open(to)?;
    copied.set_permissions(Permissions::from_mode(0o600))?;
    copied.sync_all()?;
    Ok(bytes)
}

fn finish(folder: Option<&Path>) -> Result<(), Error> {
    folder.map_or(Ok(()), |folder| {
        sync_dir(folder).map_err(Error::disk("syncing the copy"))
    })
}
