//! Small files that only their owner reads: replaced whole, changed in turn.
//!
//! INVARIANT: after a crash the old content or the new one is there, whole, with mode 0600.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Replaces a file by one that only its owner can read; after a crash the old or the new one is there, whole.
///
/// # Errors
/// When the file cannot be written; the old one stays.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("tmp{}", std::process::id()));
    let written = write_draft(&draft, content).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // The draft holds nothing that is needed; the first error is the one to tell.
        let _ = fs::remove_file(&draft);
    }
    written?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Waits until nobody else holds `lock`; dropping it lets the next one.
///
/// # Errors
/// When the lock's file cannot be made or locked.
pub fn take_turn_at(lock: &Path) -> io::Result<fs::File> {
    let turn = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(lock)?;
    turn.lock()?;
    Ok(turn)
}

fn write_draft(draft: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(draft)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()
}
