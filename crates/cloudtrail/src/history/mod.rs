//! The event history: management records, found by what they are, newest first.
//!
//! Records are indexed as they are written. Of a file of the spool that is full the index goes into a file beside it, and
//! a filter stays in memory, so that memory is bounded by the number of files (16 KiB each) and a lookup reads only where
//! something may be. An index that is missing or damaged is made again from the spool.
//!
//! - [`entry`]: [`Attribute`], what can be looked up by
//! - [`sidecar`]: the files

mod entry;
mod sidecar;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use base::Timestamp;
use parking_lot::Mutex;
use store::disk::{Disk, read_exact_at};

pub use entry::Attribute;

use crate::record::Attributes;
use crate::spool::{Appended, Frame, Head, ReadError, Spool};
use entry::Entry;
use sidecar::Summary;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// What records must have.
    pub attribute: Option<Attribute>,
    /// From which time on, in whole seconds.
    pub from: Timestamp,
    /// Up to which time, in whole seconds.
    pub to: Timestamp,
    /// Only records with lower numbers.
    pub before: u64,
    /// How many at most.
    pub max: usize,
}

/// A page of what was found.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Newest first.
    pub records: Vec<Found>,
    /// The [`Query::before`] of the next page; `None` when there is nothing more.
    pub next: Option<u64>,
}

/// A record that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// As it lies in the spool.
    pub frame: Frame,
    /// What it tells.
    pub attributes: Attributes,
}

/// The history over the spool of management records.
#[derive(Debug)]
pub struct History {
    disk: Arc<dyn Disk>,
    spool: Arc<Spool>,
    /// By the number of the file's first record.
    files: Mutex<BTreeMap<u64, Index>>,
}

#[derive(Debug)]
enum Index {
    /// In memory: the file is written to, or was a moment ago.
    Whole(Vec<Entry>),
    /// In a file.
    Summed(Summary),
}

/// A record that the index names.
struct Candidate {
    number: u64,
    file: u64,
    offset: u64,
}

impl History {
    /// The history of `spool`, whose index files lie on `disk` too.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(disk: Arc<dyn Disk>, spool: Arc<Spool>) -> Result<Self, ReadError> {
        let numbers = spool.files();
        let history = Self {
            disk,
            spool,
            files: Mutex::default(),
        };
        for (place, first) in numbers.iter().enumerate() {
            let is_full = place + 1 < numbers.len();
            let index = match history.read_summary(*first).filter(|_| is_full) {
                Some(summary) => Index::Summed(summary),
                None => Index::Whole(history.index(*first)?),
            };
            history.files.lock().insert(*first, index);
        }
        Ok(history)
    }

    /// Takes a record that was written.
    pub fn add(&self, appended: &Appended, at: Timestamp, attributes: &Attributes) {
        let place = appended.number - appended.segment;
        let entry = Entry::of(at, place, appended.offset, attributes);
        let mut files = self.files.lock();
        let index = files
            .entry(appended.segment)
            .or_insert_with(|| Index::Whole(Vec::new()));
        if let Index::Whole(entries) = index {
            // Two calls may come here in the other order than they were written.
            let place = entries.partition_point(|it| it.offset < entry.offset);
            entries.insert(place, entry);
        }
    }

    /// Writes the indexes of full files down, and forgets those of files that are gone. `synced`: what the last sync of
    /// the spool gave; a file that a power loss may still shorten has no index yet.
    ///
    /// # Errors
    /// When the disk refuses; they stay in memory.
    pub fn write_full(&self, synced: &Head) -> io::Result<()> {
        let numbers = self.spool.files();
        let oldest = numbers.first().copied().unwrap_or(0);
        // The first that is not followed by a file which begins within what is synced.
        let is_followed = |first: &&u64| **first <= synced.next;
        let newest = numbers.iter().rfind(is_followed).copied().unwrap_or(0);
        let full: Vec<(u64, Vec<u8>, Summary)> = {
            let mut files = self.files.lock();
            files.retain(|first, _| *first >= oldest);
            let whole = files.iter().filter(|(first, _)| **first < newest);
            whole
                .filter_map(|(first, index)| match index {
                    Index::Whole(entries) => {
                        Some((*first, sidecar::encode(entries), Summary::of(entries)))
                    }
                    Index::Summed(_) => None,
                })
                .collect()
        };
        for (first, bytes, summary) in full {
            let file = self.disk.create(&name(first))?;
            file.write_at(0, &bytes)?;
            file.sync()?;
            self.files.lock().insert(first, Index::Summed(summary));
        }
        self.remove_gone(oldest)
    }

    fn remove_gone(&self, oldest: u64) -> io::Result<()> {
        let names = self.disk.list()?;
        let gone = names
            .iter()
            .filter(|name| number(name).is_some_and(|first| first < oldest));
        gone.into_iter().try_for_each(|name| self.disk.remove(name))
    }

    /// Looks up. Reads the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn look_up(&self, query: &Query) -> Result<Page, ReadError> {
        let mut page = Page::default();
        let mut before = query.before.min(self.spool.head().next);
        while let Some((file, candidates)) = self.candidates_below(query, before)? {
            for candidate in candidates {
                let Some(found) = self.read(query, &candidate)? else {
                    continue;
                };
                if page.records.len() == query.max {
                    page.next = page.records.last().map(|last| last.frame.number);
                    return Ok(page);
                }
                page.records.push(found);
            }
            before = file;
        }
        Ok(page)
    }

    /// What may be of the query in the newest file that begins below `before`, newest first, with that file's number.
    fn candidates_below(
        &self,
        query: &Query,
        before: u64,
    ) -> Result<Option<(u64, Vec<Candidate>)>, ReadError> {
        let key = query.attribute.as_ref().map(Attribute::key);
        let is_of = |entry: &&Entry| {
            let is_wanted = key.is_none_or(|key| entry.keys.contains(&key));
            is_wanted && query.has_time(entry.at)
        };
        let files = self.files.lock();
        let Some((file, index)) = files.range(..before).next_back() else {
            return Ok(None);
        };
        let (file, below) = (*file, |number: u64| number < before);
        let found = match index {
            Index::Whole(entries) => candidates(file, entries, is_of, below),
            Index::Summed(summary) if !query.may_be_in(summary, key) => Vec::new(),
            Index::Summed(_) => {
                drop(files);
                let entries = match self.read_whole(file) {
                    Some(entries) => entries,
                    None => self.index(file)?,
                };
                candidates(file, &entries, is_of, below)
            }
        };
        Ok(Some((file, found)))
    }

    /// The record that a candidate names, if it is one.
    fn read(&self, query: &Query, candidate: &Candidate) -> Result<Option<Found>, ReadError> {
        let frame = match self.spool.read_at(candidate.file, candidate.offset) {
            Ok(Some(frame)) => frame,
            // The file went in the meantime.
            Ok(None) => return Ok(None),
            Err(ReadError::Broken {
                file,
                offset,
                problem,
            }) => {
                tracing::error!(file, offset, %problem, "a record of the event history cannot be read");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let Ok(attributes) = Attributes::of(&frame.record) else {
            return Ok(None);
        };
        let is_wanted = query
            .attribute
            .as_ref()
            .is_none_or(|it| it.is_of(&attributes));
        let is_it = frame.number == candidate.number && is_wanted && query.has_time(frame.at);
        Ok(is_it.then_some(Found { frame, attributes }))
    }

    /// Makes the index of a file from the spool.
    fn index(&self, first: u64) -> Result<Vec<Entry>, ReadError> {
        let mut entries = Vec::new();
        let mut offset = crate::spool::FIRST_OFFSET;
        loop {
            match self.spool.read_at(first, offset) {
                Ok(Some(frame)) => {
                    if let Ok(attributes) = Attributes::of(&frame.record) {
                        let place = frame.number.saturating_sub(first);
                        entries.push(Entry::of(frame.at, place, offset, &attributes));
                    }
                    offset += frame.bytes() as u64;
                }
                // What is behind a broken record cannot be found; verifying says so.
                Ok(None) | Err(ReadError::Broken { .. }) => return Ok(entries),
                Err(error) => return Err(error),
            }
        }
    }

    fn read_summary(&self, first: u64) -> Option<Summary> {
        let file = self.disk.open(&name(first)).ok()?;
        let mut bytes = vec![0; sidecar::HEAD_BYTES];
        read_exact_at(&*file, 0, &mut bytes).ok()?;
        Summary::read(&bytes)
    }

    fn read_whole(&self, first: u64) -> Option<Vec<Entry>> {
        let file = self.disk.open(&name(first)).ok()?;
        let mut bytes = vec![0; usize::try_from(file.size().ok()?).ok()?];
        read_exact_at(&*file, 0, &mut bytes).ok()?;
        sidecar::decode(&bytes)
    }
}

impl Query {
    /// Whether a time is within, by whole seconds, as records show it.
    fn has_time(&self, at: Timestamp) -> bool {
        let second = Timestamp::from_secs(at.as_secs());
        self.from <= second && second <= self.to
    }

    fn may_be_in(&self, file: &Summary, key: Option<u32>) -> bool {
        let is_older = file.newest < Timestamp::from_secs(self.from.as_secs());
        let is_newer = Timestamp::from_secs(file.oldest.as_secs()) > self.to;
        let may_have = key.is_none_or(|key| file.may_have(key));
        !is_older && !is_newer && may_have
    }
}

fn candidates(
    file: u64,
    entries: &[Entry],
    is_of: impl Fn(&&Entry) -> bool,
    below: impl Fn(u64) -> bool,
) -> Vec<Candidate> {
    let newest_first = entries.iter().rev();
    newest_first
        .filter(|entry| below(file + u64::from(entry.place)) && is_of(entry))
        .map(|entry| Candidate {
            number: file + u64::from(entry.place),
            file,
            offset: entry.offset.into(),
        })
        .collect()
}

/// The name of the index of the file whose first record has the number `first`.
fn name(first: u64) -> String {
    format!("management-{first:020}.index")
}

fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("management-")?.strip_suffix(".index")?;
    let are_digits = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| digits.parse().ok())?
}
