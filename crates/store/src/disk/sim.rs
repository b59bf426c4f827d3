//! A disk in memory that fails from a seed.
//!
//! [`SimDisk::crash`] is a power loss: of the writes since the last sync some arrive, some do not, some only in part
//! (by 512-byte sectors), in any order; of the names changed since the last [`Disk::sync_names`] a random number of
//! the first changes arrive. A failed sync drops part of the writes for good and leaves them readable until the
//! crash, as Linux does. [`SimDisk::stop_after`] lets every operation fail after the next `n`, so that a test can crash
//! at every boundary.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile, FileRef};

const SECTOR_BYTES: usize = 512;

/// Which faults come on their own. All off by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// One in so many syncs fails; 0 = none.
    pub sync_fails_one_in: u64,
    /// One in so many writes fails for want of room; 0 = none.
    pub write_full_one_in: u64,
}

/// A disk in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: u64,
    faults: Faults,
    size: u64,
    operations_left: Option<u64>,
    names: BTreeMap<String, u64>,
    names_synced: BTreeMap<String, u64>,
    name_changes: Vec<Change>,
    files: BTreeMap<u64, Content>,
    next_file: u64,
    generation: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Set(String, u64),
    Rename(String, String),
    Remove(String),
}

#[derive(Debug, Default)]
struct Content {
    seen: Vec<u8>,
    kept: Vec<u8>,
    unsynced: Vec<Write>,
}

#[derive(Clone, Debug)]
struct Write {
    offset: usize,
    bytes: Vec<u8>,
}

impl SimDisk {
    /// An empty disk of `size` bytes; all its chances come from `seed`.
    #[must_use]
    pub fn new(seed: u64, size: u64) -> Self {
        let state = State {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            faults: Faults::default(),
            size,
            operations_left: None,
            names: BTreeMap::new(),
            names_synced: BTreeMap::new(),
            name_changes: Vec::new(),
            files: BTreeMap::new(),
            next_file: 0,
            generation: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Sets the faults that come on their own.
    pub fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }

    /// Makes the disk so large; what lies on it stays.
    pub fn set_size(&self, size: u64) {
        self.state.lock().size = size;
    }

    /// Lets the next `operations` that change something work and every later one fail, until the next crash or restart.
    pub fn stop_after(&self, operations: u64) {
        self.state.lock().operations_left = Some(operations);
    }

    /// The process ends and starts again: files stay as they were seen, open ones are closed.
    pub fn restart(&self) {
        let mut state = self.state.lock();
        state.generation += 1;
        state.operations_left = None;
    }

    /// Power loss and start.
    pub fn crash(&self) {
        let mut state = self.state.lock();
        state.generation += 1;
        state.operations_left = None;
        state.lose_names();
        let files: Vec<u64> = state.files.keys().copied().collect();
        for file in files {
            state.lose_writes(file);
        }
    }

    /// Turns over the bits of `mask` in one byte, as a bad medium does. Nothing happens beyond the file's end.
    pub fn flip(&self, name: &str, offset: u64, mask: u8) {
        let mut state = self.state.lock();
        let Some(content) = state.named(name) else {
            return;
        };
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        for bytes in [&mut content.seen, &mut content.kept] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= mask;
            }
        }
    }

    /// Cuts a file off after `bytes`, as a careless copy does.
    pub fn truncate(&self, name: &str, bytes: usize) {
        let mut state = self.state.lock();
        if let Some(content) = state.named(name) {
            content.seen.truncate(bytes);
            content.kept.truncate(bytes);
        }
    }

    fn locked<T>(&self, run: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        run(&mut self.state.lock())
    }

    fn file(&self, file: u64, generation: u64) -> FileRef {
        Arc::new(SimFile {
            disk: self.clone(),
            file,
            generation,
        })
    }
}

impl State {
    fn chance(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn one_in(&mut self, count: u64) -> bool {
        count > 0 && self.chance().is_multiple_of(count)
    }

    fn named(&mut self, name: &str) -> Option<&mut Content> {
        let file = self.names.get(name)?;
        self.files.get_mut(file)
    }

    /// Counts an operation that changes something; fails after the last allowed one.
    fn operate(&mut self) -> io::Result<()> {
        match &mut self.operations_left {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the disk has stopped")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.names, &change);
        self.name_changes.push(change);
    }

    fn used(&self) -> u64 {
        let named = self.names.values().filter_map(|file| self.files.get(file));
        named.map(|content| content.seen.len() as u64).sum()
    }

    fn room_for(&self, more: u64) -> io::Result<()> {
        if more == 0 || self.used() + more <= self.size {
            return Ok(());
        }
        Err(io::Error::from(ErrorKind::StorageFull))
    }

    fn lose_names(&mut self) {
        let changes = std::mem::take(&mut self.name_changes);
        let arrived = self.chance() % (changes.len() as u64 + 1);
        let arrived = usize::try_from(arrived).unwrap_or(0);
        for change in changes.iter().take(arrived) {
            apply(&mut self.names_synced, change);
        }
        self.names = self.names_synced.clone();
        let names = &self.names;
        self.files
            .retain(|file, _| names.values().any(|named| named == file));
    }

    fn lose_writes(&mut self, file: u64) {
        let Some(mut content) = self.files.remove(&file) else {
            return;
        };
        let mut writes = std::mem::take(&mut content.unsynced);
        while !writes.is_empty() {
            let pick = usize::try_from(self.chance() % writes.len() as u64).unwrap_or(0);
            let write = writes.swap_remove(pick);
            self.arrive(&mut content.kept, &write);
        }
        content.seen.clone_from(&content.kept);
        self.files.insert(file, content);
    }

    /// Lets a write arrive whole, in part, or not.
    fn arrive(&mut self, kept: &mut Vec<u8>, write: &Write) {
        let fate = self.chance() % 4;
        let mut at = 0;
        while at < write.bytes.len() {
            let to_bound = SECTOR_BYTES - (write.offset + at) % SECTOR_BYTES;
            let step = to_bound.min(write.bytes.len() - at);
            let arrives = fate == 0 || (fate > 1 && self.one_in(2));
            if let Some(sector) = write.bytes.get(at..at + step).filter(|_| arrives) {
                put(kept, write.offset + at, sector);
            }
            at += step;
        }
    }
}

fn apply(names: &mut BTreeMap<String, u64>, change: &Change) {
    match change {
        Change::Set(name, file) => {
            names.insert(name.clone(), *file);
        }
        Change::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        Change::Remove(name) => {
            names.remove(name);
        }
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, new: &[u8]) {
    if bytes.len() < offset + new.len() {
        bytes.resize(offset + new.len(), 0);
    }
    if let Some(place) = bytes.get_mut(offset..offset + new.len()) {
        place.copy_from_slice(new);
    }
}

fn missing(name: &str) -> io::Error {
    io::Error::new(ErrorKind::NotFound, format!("no file `{name}`"))
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state.lock().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<FileRef> {
        let (file, generation) = self.locked(|state| {
            let file = state.names.get(name).ok_or_else(|| missing(name))?;
            Ok((*file, state.generation))
        })?;
        Ok(self.file(file, generation))
    }

    fn create(&self, name: &str) -> io::Result<FileRef> {
        let (file, generation) = self.locked(|state| {
            state.operate()?;
            let file = state.next_file;
            state.next_file += 1;
            state.files.insert(file, Content::default());
            state.change(Change::Set(name.to_owned(), file));
            Ok((file, state.generation))
        })?;
        Ok(self.file(file, generation))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.locked(|state| {
            state.operate()?;
            if !state.names.contains_key(from) {
                return Err(missing(from));
            }
            state.change(Change::Rename(from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.locked(|state| {
            state.operate()?;
            if !state.names.contains_key(name) {
                return Err(missing(name));
            }
            state.change(Change::Remove(name.to_owned()));
            Ok(())
        })
    }

    fn sync_names(&self) -> io::Result<()> {
        self.locked(|state| {
            state.operate()?;
            state.name_changes.clear();
            state.names_synced = state.names.clone();
            Ok(())
        })
    }

    fn size(&self) -> Option<u64> {
        None
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: u64,
    generation: u64,
}

impl SimFile {
    fn with<T>(&self, run: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.disk.locked(|state| {
            if state.generation != self.generation {
                return Err(io::Error::other("opened before the last crash"));
            }
            run(state)
        })
    }

    fn read<T>(&self, run: impl FnOnce(&Content) -> T) -> io::Result<T> {
        self.with(|state| {
            let content = state.files.get(&self.file);
            content.map(run).ok_or_else(|| missing("removed"))
        })
    }

    fn write(&self, state: &mut State, write: Write) -> io::Result<()> {
        let content = state.files.get_mut(&self.file);
        let content = content.ok_or_else(|| missing("removed"))?;
        put(&mut content.seen, write.offset, &write.bytes);
        content.unsynced.push(write);
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        self.read(|content| content.seen.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.read(|content| {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let there = content.seen.get(offset..).unwrap_or_default();
            let count = there.len().min(into.len());
            for (to, from) in into.iter_mut().zip(there) {
                *to = *from;
            }
            count
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let size = self.size()?;
        self.with(|state| {
            state.operate()?;
            let full = state.faults.write_full_one_in;
            if state.one_in(full) {
                return Err(io::Error::from(ErrorKind::StorageFull));
            }
            state.room_for((offset + bytes.len() as u64).saturating_sub(size))?;
            let write = Write {
                offset: usize::try_from(offset).unwrap_or(usize::MAX),
                bytes: bytes.to_owned(),
            };
            self.write(state, write)
        })
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let size = self.size()?;
        self.with(|state| {
            state.operate()?;
            state.room_for(bytes.saturating_sub(size))?;
            let zeros = usize::try_from(bytes.saturating_sub(size)).unwrap_or(0);
            let write = Write {
                offset: usize::try_from(size).unwrap_or(usize::MAX),
                bytes: vec![0; zeros],
            };
            self.write(state, write)
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|state| {
            state.operate()?;
            let fails = state.faults.sync_fails_one_in;
            let fails = state.one_in(fails);
            let Some(mut content) = state.files.remove(&self.file) else {
                return Err(missing("removed"));
            };
            for write in std::mem::take(&mut content.unsynced) {
                if fails {
                    state.arrive(&mut content.kept, &write);
                } else {
                    put(&mut content.kept, write.offset, &write.bytes);
                }
            }
            state.files.insert(self.file, content);
            if fails {
                return Err(io::Error::other("injected I/O error"));
            }
            Ok(())
        })
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        self.read(|content| {
            let skip = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = content.seen.get(skip..).unwrap_or_default();
            let zeros = rest.iter().position(|byte| *byte != 0);
            zeros.map(|zeros| offset + zeros as u64)
        })
    }

    fn read_ahead(&self, _offset: u64, _bytes: u64) {}
}
