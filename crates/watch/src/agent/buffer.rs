//! What waits until the server has it.
//!
//! A folder of files, one for each thing handed in, named by its number. A file is written and synced before it is sent, and removed
//! after the server's answer. Beyond a bound the oldest are thrown away and counted. On a full disk new ones are kept in memory.
//!
//! INVARIANT: what is taken is in the order in which it was handed in, and is the same each time until it is removed.
//! INVARIANT: a number is never used twice, over restarts and jumps of the clock too: numbers are taken from a file in blocks.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use store::private::write_private;
use tracing::warn;

/// Numbers that are taken from the file at once.
const BLOCK: u64 = 100;

/// A bounded, durable line of things. Writes and reads the disk: call it where a thread may block.
#[derive(Debug)]
pub struct Buffer {
    folder: PathBuf,
    bytes_max: u64,
    /// What waits, by number.
    waiting: BTreeMap<u64, Waiting>,
    bytes: u64,
    next: u64,
    reserved: u64,
    lost: u64,
}

#[derive(Debug)]
enum Waiting {
    /// In its file.
    Stored(u64),
    /// In memory, because the disk did not take it.
    Held(Vec<u8>),
}

impl Waiting {
    fn bytes(&self) -> u64 {
        match self {
            Self::Stored(bytes) => *bytes,
            Self::Held(text) => u64::try_from(text.len()).unwrap_or(u64::MAX),
        }
    }
}

impl Buffer {
    /// Opens the buffer in `folder`, which is there. At most `bytes_max` wait.
    ///
    /// # Errors
    /// When the folder cannot be read or its numbers not kept.
    pub fn open(folder: PathBuf, bytes_max: u64) -> io::Result<Self> {
        let mut waiting = BTreeMap::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            match name
                .strip_suffix(".json")
                .and_then(|name| u64::from_str_radix(name, 16).ok())
            {
                Some(number) => {
                    waiting.insert(number, Waiting::Stored(entry.metadata()?.len()));
                }
                // A draft of a write that did not end.
                None if name.contains(".tmp") => fs::remove_file(entry.path())?,
                None => {}
            }
        }
        let mut buffer = Self {
            bytes: waiting.values().map(Waiting::bytes).sum(),
            next: 1,
            reserved: 0,
            lost: 0,
            waiting,
            folder,
            bytes_max,
        };
        let kept = match fs::read_to_string(buffer.next_file()) {
            Ok(text) => text.trim().parse().map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 1,
            Err(error) => return Err(error),
        };
        let last = buffer.waiting.keys().next_back().copied().unwrap_or(0);
        buffer.next = u64::max(kept, last + 1);
        buffer.reserved = buffer.next;
        buffer.reserve()?;
        Ok(buffer)
    }

    /// Hands something in, made of the number that it gets, which is returned.
    ///
    /// # Errors
    /// When it cannot be written down at all, or no number can be kept; nothing is handed in then.
    pub fn push<T: Serialize>(&mut self, make: impl FnOnce(u64) -> T) -> io::Result<u64> {
        if self.next >= self.reserved {
            self.reserve()?;
        }
        let number = self.next;
        let text = serde_json::to_vec(&make(number)).map_err(io::Error::other)?;
        self.next += 1;
        let waiting = match write_private(&self.file(number), &text) {
            Ok(()) => Waiting::Stored(u64::try_from(text.len()).unwrap_or(u64::MAX)),
            Err(error) => {
                warn!(folder = %self.folder.display(), %error, "what waits is kept in memory");
                Waiting::Held(text)
            }
        };
        self.bytes += waiting.bytes();
        self.waiting.insert(number, waiting);
        self.shrink();
        Ok(number)
    }

    /// The oldest, at most `max`, with their numbers. What cannot be read is thrown away and counted.
    pub fn oldest<T: DeserializeOwned>(&mut self, max: usize) -> Vec<(u64, T)> {
        let numbers: Vec<u64> = self.waiting.keys().take(max).copied().collect();
        let mut read = Vec::with_capacity(numbers.len());
        for number in numbers {
            match self.read(number) {
                Ok(value) => read.push((number, value)),
                Err(error) => {
                    warn!(folder = %self.folder.display(), number, %error, "what waited cannot be read");
                    self.remove(number);
                    self.lost += 1;
                }
            }
        }
        read
    }

    /// The server has these.
    pub fn done(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            self.remove(number);
        }
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many were thrown away since it was opened.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    fn read<T: DeserializeOwned>(&self, number: u64) -> io::Result<T> {
        match self.waiting.get(&number) {
            Some(Waiting::Held(text)) => serde_json::from_slice(text).map_err(io::Error::other),
            _ => serde_json::from_slice(&fs::read(self.file(number))?).map_err(io::Error::other),
        }
    }

    fn shrink(&mut self) {
        while self.bytes > self.bytes_max
            && self.waiting.len() > 1
            && let Some(number) = self.waiting.keys().next().copied()
        {
            self.remove(number);
            self.lost += 1;
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(waiting) = self.waiting.remove(&number) else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(waiting.bytes());
        if let Err(error) = fs::remove_file(self.file(number))
            && error.kind() != io::ErrorKind::NotFound
        {
            // It is sent again after a restart; the server knows it by its id.
            warn!(folder = %self.folder.display(), number, %error, "what was sent cannot be removed");
        }
    }

    fn reserve(&mut self) -> io::Result<()> {
        let reserved = self.next.saturating_add(BLOCK);
        write_private(&self.next_file(), reserved.to_string().as_bytes())?;
        self.reserved = reserved;
        Ok(())
    }

    fn next_file(&self) -> PathBuf {
        self.folder.join("next")
    }

    fn file(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:016x}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &tempfile::TempDir, bytes_max: u64) -> Buffer {
        Buffer::open(dir.path().to_owned(), bytes_max).unwrap()
    }

    fn texts(buffer: &mut Buffer, max: usize) -> Vec<String> {
        buffer
            .oldest::<String>(max)
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    }

    #[test]
    fn what_waits_is_there_after_a_restart_in_its_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut buffer = open(&dir, 1 << 20);
        for text in ["a", "b", "c"] {
            buffer.push(|_| text).unwrap();
        }
        let first = buffer.oldest::<String>(1)[0].0;
        drop(buffer);
        let mut buffer = open(&dir, 1 << 20);
        assert_eq!(texts(&mut buffer, 10), ["a", "b", "c"]);
        buffer.done([first, first, 999]);
        drop(buffer);
        let mut buffer = open(&dir, 1 << 20);
        assert_eq!(texts(&mut buffer, 10), ["b", "c"]);
        assert_eq!(texts(&mut buffer, 1), ["b"]);
    }

    #[test]
    fn numbers_only_grow() {
        let dir = tempfile::tempdir().unwrap();
        let mut last = 0;
        for _ in 0..3 {
            let mut buffer = open(&dir, 1 << 20);
            for _ in 0..120 {
                let number = buffer.push(|number| number).unwrap();
                assert!(number > last);
                last = number;
                buffer.done([number]);
            }
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn beyond_its_bound_the_oldest_go_and_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        // Each takes 12 bytes, its quotes among them.
        let mut buffer = open(&dir, 36);
        for number in 0..10 {
            buffer.push(|_| format!("number {number:03}")).unwrap();
        }
        assert_eq!(buffer.lost(), 7);
        assert_eq!(
            texts(&mut buffer, 10),
            ["number 007", "number 008", "number 009"]
        );
        let files = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files, 4, "three and the next number");
    }

    #[test]
    fn what_the_disk_does_not_take_waits_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("b");
        fs::create_dir(&folder).unwrap();
        let mut buffer = Buffer::open(folder.clone(), 1 << 20).unwrap();
        buffer.push(|_| "a").unwrap();
        fs::remove_dir_all(&folder).unwrap();
        buffer.push(|_| "b").unwrap();
        assert_eq!(
            texts(&mut buffer, 10),
            ["b"],
            "the first is lost with its disk"
        );
        assert_eq!(buffer.lost(), 1);
        assert_eq!(buffer.len(), 1);
    }

    #[test]
    fn a_torn_draft_is_swept_and_a_broken_file_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("0000000000000001.json"), "{").unwrap();
        fs::write(dir.path().join("0000000000000002.tmp77"), "{").unwrap();
        let mut buffer = open(&dir, 1 << 20);
        buffer.push(|_| "a").unwrap();
        assert_eq!(texts(&mut buffer, 10), ["a"]);
        assert_eq!(buffer.lost(), 1);
        assert!(!dir.path().join("0000000000000002.tmp77").exists());
    }
}
