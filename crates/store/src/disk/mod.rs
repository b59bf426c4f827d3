//! What the journal needs of a disk: one flat directory of files with positioned reads and writes.
//!
//! The contract is the weak one of real disks: a write may be lost, torn at sector bounds or reordered against
//! other writes until [`DiskFile::sync`] has returned; a created, renamed or removed name may come back or go until
//! [`Disk::sync_names`] has returned; after a failed sync nothing is known. [`RealDisk`] is the operating system,
//! [`SimDisk`] does all of that on purpose, from a seed.

mod real;
mod sim;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

pub use real::RealDisk;
pub use sim::{Faults, SimDisk};

/// An open file.
pub type FileRef = Arc<dyn DiskFile>;

/// A flat directory.
pub trait Disk: Send + Sync + Debug {
    /// The names of all files, in no order.
    ///
    /// # Errors
    /// When the disk refuses.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// When there is none or the disk refuses.
    fn open(&self, name: &str) -> io::Result<FileRef>;

    /// Creates an empty file; an existing one of that name is emptied.
    ///
    /// # Errors
    /// When the disk refuses.
    fn create(&self, name: &str) -> io::Result<FileRef>;

    /// Gives a file another name; an existing one of that name goes.
    ///
    /// # Errors
    /// When the disk refuses.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name. Open files stay readable.
    ///
    /// # Errors
    /// When there is none or the disk refuses.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all creations, renames and removals so far survive a crash.
    ///
    /// # Errors
    /// When the disk refuses; the names are then unknown.
    fn sync_names(&self) -> io::Result<()>;

    /// The size of the whole disk in bytes, when known.
    fn size(&self) -> Option<u64>;
}

/// A file with positioned access, shared between threads.
pub trait DiskFile: Send + Sync + Debug {
    /// Its length in bytes.
    ///
    /// # Errors
    /// When the disk refuses.
    fn size(&self) -> io::Result<u64>;

    /// Reads into `into` from `offset` on; returns how much, less only at the end of the file.
    ///
    /// # Errors
    /// When the disk refuses.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`; the file grows where needed.
    ///
    /// # Errors
    /// When the disk refuses; what was written is then unknown.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the file `bytes` long, with the space taken on the disk and reading as zeros where not written.
    ///
    /// # Errors
    /// `StorageFull` when there is not enough room.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// Makes all writes so far survive a crash.
    ///
    /// # Errors
    /// When the disk refuses; a second call then proves nothing.
    fn sync(&self) -> io::Result<()>;

    /// The first offset from `offset` on that may hold something other than zeros; `None` when all is zero.
    ///
    /// # Errors
    /// When the disk refuses.
    fn next_data(&self, offset: u64) -> io::Result<Option<u64>>;

    /// Tells the disk that `[offset, offset + bytes)` will be read soon.
    fn read_ahead(&self, offset: u64, bytes: u64);
}

/// Reads `into` full or fails with `UnexpectedEof`.
///
/// # Errors
/// When the disk refuses or the file is too short.
pub fn read_exact_at(file: &dyn DiskFile, offset: u64, into: &mut [u8]) -> io::Result<()> {
    if file.read_at(offset, into)? == into.len() {
        return Ok(());
    }
    Err(io::Error::from(io::ErrorKind::UnexpectedEof))
}
