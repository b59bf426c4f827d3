//! Which objects others stand for.
//!
//! Of objects with journal positions the names say it: a span within another, or the same one in a lower generation. Those of
//! lone notifiers are known by a name each, and may be stored again under it after an answer was lost. So what compaction
//! makes of them has a list beside it:
//!
//! ```text
//! route=s2s/dt=2026-11-23/hour=05/1795410190250-m-5b1c….ndjson.zst     results of many objects
//! route=s2s/dt=2026-11-23/hour=05/1795410190250-m-5b1c….replaces.zst   the names that it stands for, one a line
//! ```
//!
//! The list is stored first and counts when its object stands. What it names stays for [`GRACE`], so that whoever lists the
//! folder meanwhile sees at least one of the two; then the next compaction removes it, also when it comes again later.
//! Lists are read only where a folder holds more than the object that they belong to.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use base::Timestamp;
use sha2::{Digest, Sha256};

use super::name::{DATA, ObjectName, Range};
use super::set::{Entry, Results, Window};
use super::{Error, set};
use crate::port::{self, StoredObject};

/// The ending of a list.
const LIST: &str = ".replaces.zst";

/// How long replaced objects of lone notifiers stay. Chosen: listing a folder takes less.
const GRACE: Duration = Duration::from_secs(60);

/// The largest list that is read, decompressed: an hour of a thousand notifiers.
const LIST_BYTES_MAX: usize = 256 << 20;

/// How often a place is listed again because it moved.
const TRIES: usize = 3;

/// The objects of a place.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Those that count, in order.
    pub(super) counting: Vec<Entry>,
    /// Those that others stand for, with the time since when where there is a list.
    pub(super) replaced: Vec<(ObjectName, Option<Timestamp>)>,
}

impl ObjectName {
    /// Its list, the same in every generation.
    #[must_use]
    pub fn replaces(&self) -> String {
        let first = Self {
            generation: 0,
            ..self.clone()
        };
        format!("{first}{LIST}")
    }

    /// The object that stands for `names`, of one hour: always the same for the same ones.
    pub(super) fn standing_for(names: &[&Self]) -> Option<Self> {
        let first = names.first()?;
        let mut hash = Sha256::new();
        for name in names {
            hash.update(name.range.to_string());
            hash.update(b"\n");
        }
        let digest: [u8; 32] = hash.finalize().into();
        let id = hex::encode(digest.first_chunk::<10>().copied().unwrap_or_default());
        let text = first.range.to_string();
        let time = text.split('-').next().unwrap_or_default();
        let range = Range::Named(format!("{time}-m-{id}"));
        Some(Self::new(&first.route, first.hour, range))
    }
}

impl Results {
    /// What counts and what does not.
    pub(super) async fn standing(&self, window: &Window) -> Result<Standing, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            if let Some(standing) = self.try_standing(window).await? {
                return Ok(standing);
            }
            if tries == TRIES {
                let detail = "they are replaced all the while; ask again";
                return Err(port::Error::unavailable("the results", detail).into());
            }
        }
    }

    /// `None` when a list went away between listing and reading.
    async fn try_standing(&self, window: &Window) -> Result<Option<Standing>, Error> {
        let removing = self.retired().await?.removing;
        let listed = self.store.list(&window.prefix()).await?;
        let lists: BTreeMap<&str, Timestamp> = listed
            .iter()
            .filter(|object| object.name.ends_with(LIST))
            .map(|object| (object.name.as_str(), object.written_at))
            .collect();
        let mut entries: Vec<Entry> = listed
            .iter()
            .filter(|object| object.name.ends_with(DATA) && !removing.contains(&object.name))
            .filter_map(entry)
            .filter(|entry| window.holds(&entry.name))
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let mut standing = Standing::default();
        let (entries, replaced) = by_name(entries);
        let replaced = replaced.into_iter().map(|name| (name, None));
        standing.replaced.extend(replaced);
        let is_of_hour = |a: &Entry, b: &Entry| hour_of(a) == hour_of(b);
        for hour in entries.chunk_by(is_of_hour) {
            let Some(named) = self.replaced_in(hour, &lists).await? else {
                return Ok(None);
            };
            for entry in hour {
                match named.get(&entry.name.range) {
                    Some(since) => standing.replaced.push((entry.name.clone(), Some(*since))),
                    None => standing.counting.push(entry.clone()),
                }
            }
        }
        Ok(Some(standing))
    }

    /// What lists name in one hour, and since when; `None` when one is gone by now.
    async fn replaced_in(
        &self,
        hour: &[Entry],
        lists: &BTreeMap<&str, Timestamp>,
    ) -> Result<Option<BTreeMap<Range, Timestamp>>, Error> {
        let mut named = BTreeMap::new();
        let alone = hour.len() < 2;
        for entry in hour.iter().filter(|_| !alone) {
            let list = entry.name.replaces();
            let Some(since) = lists.get(list.as_str()) else {
                continue;
            };
            let Some(names) = self.read_list(&entry.name).await? else {
                return Ok(None);
            };
            let ranges = names.into_iter().map(|name| (Range::Named(name), *since));
            named.extend(ranges);
        }
        Ok(Some(named))
    }

    /// The names on an object's list; `None` where there is none.
    async fn read_list(&self, name: &ObjectName) -> Result<Option<Vec<String>>, Error> {
        let Some(bytes) = self.store.get(&name.replaces(), None).await? else {
            return Ok(None);
        };
        let damaged = |error: &dyn std::fmt::Display| Error::Damaged {
            name: name.replaces(),
            detail: error.to_string(),
        };
        let raw =
            zstd::bulk::decompress(&bytes, LIST_BYTES_MAX).map_err(|error| damaged(&error))?;
        let text = String::from_utf8(raw).map_err(|error| damaged(&error))?;
        Ok(Some(text.lines().map(str::to_owned).collect()))
    }

    /// Stores the list of `name`: all of `group`, and what those stand for.
    pub(super) async fn put_list(&self, name: &ObjectName, group: &[Entry]) -> Result<(), Error> {
        let mut seen = HashSet::new();
        let mut text = String::new();
        for entry in group {
            let older = self.read_list(&entry.name).await?.unwrap_or_default();
            for one in older.into_iter().chain([entry.name.range.to_string()]) {
                if !seen.contains(&one) {
                    text.push_str(&one);
                    text.push('\n');
                    seen.insert(one);
                }
            }
        }
        let bytes = zstd::bulk::compress(text.as_bytes(), 3).map_err(Error::Compress)?;
        Ok(self.store.put(&name.replaces(), bytes.into()).await?)
    }

    /// Removes what others stand for; of lone notifiers only what did so for a while before `now`, all without it.
    pub(super) async fn remove_replaced(
        &self,
        window: &Window,
        now: Option<Timestamp>,
    ) -> Result<(), Error> {
        let standing = self.standing(window).await?;
        let kept: BTreeSet<Range> = standing
            .counting
            .into_iter()
            .map(|entry| entry.name.range)
            .collect();
        for (name, since) in standing.replaced {
            let is_fresh = match (since, now) {
                (Some(since), Some(now)) => since.plus(GRACE) > now,
                _ => false,
            };
            if !is_fresh {
                self.remove(&name).await?;
                // Another generation of it may count.
                if since.is_some() && !kept.contains(&name.range) {
                    self.store.delete(&name.replaces()).await?;
                }
            }
        }
        Ok(())
    }
}

fn hour_of(entry: &Entry) -> (&str, u64) {
    (entry.name.route.as_str(), entry.name.hour)
}

fn entry(object: &StoredObject) -> Option<set::Entry> {
    Some(Entry {
        name: ObjectName::parse(&object.name)?,
        bytes: object.bytes,
    })
}

/// The entries that no name replaces, and the others. `entries` are in order.
fn by_name(entries: Vec<Entry>) -> (Vec<Entry>, Vec<ObjectName>) {
    let (mut kept, mut replaced): (Vec<Entry>, Vec<ObjectName>) = Default::default();
    for entry in entries {
        while let Some(last) = kept.pop_if(|last| last.name.is_replaced_by(&entry.name)) {
            replaced.push(last.name);
        }
        match kept.last() {
            Some(last) if entry.name.is_replaced_by(&last.name) => replaced.push(entry.name),
            _ => kept.push(entry),
        }
    }
    (kept, replaced)
}
