//! Many small objects of an hour to few large ones.
//!
//! Full frames are copied as they are; small ones are written anew. The new object stands for the old ones as soon as it is
//! there. Those of a journal are removed afterwards, and by the next compaction after a crash in between; those of lone
//! notifiers by the next one that comes a minute later ([`super::replaced`]).

use std::collections::BTreeMap;

use base::Timestamp;

use super::build::{FRAME_BYTES_FULL, ObjectBuilder};
use super::index::{CountTable, Counts, Frame, Index};
use super::name::{ObjectName, Range};
use super::set::{Entry, Results, Window, lines_of};
use super::{Error, bloom};
use crate::result::{Head, Packed};
use crate::travel;

/// A compacted object is closed when it is this large; it is built in memory.
pub const OBJECT_BYTES: u64 = 64 << 20;

/// An hour that is still going on is compacted when it has this many objects.
pub const OBJECTS_MAX: usize = 64;

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Compacted {
    /// Objects that were replaced.
    pub before: u64,
    /// Objects that replaced them.
    pub after: u64,
}

impl Results {
    /// Compacts every hour that is over, and those with many objects.
    ///
    /// # Errors
    /// What the store says; [`Error::Damaged`] when an object cannot be read. What was done by then stays done.
    pub async fn compact(&self, window: &Window, now: Timestamp) -> Result<Compacted, Error> {
        let _upkeep = self.upkeep().await?;
        self.remove_replaced(window, Some(now)).await?;
        let mut hours: BTreeMap<(String, u64, bool), Vec<Entry>> = BTreeMap::new();
        for entry in self.entries(window).await? {
            let has_journal = entry.name.range.first().is_some();
            hours
                .entry((entry.name.route.clone(), entry.name.hour, has_journal))
                .or_default()
                .push(entry);
        }
        let mut done = Compacted::default();
        for ((_, hour, _), entries) in hours {
            let is_over = now.as_secs() / 3600 > hour;
            if is_over || entries.len() > OBJECTS_MAX {
                for group in groups(entries) {
                    done.before += group.len() as u64;
                    done.after += 1;
                    self.merge(&group).await?;
                }
            }
        }
        Ok(done)
    }

    async fn merge(&self, group: &[Entry]) -> Result<(), Error> {
        let (Some(name), mut builder) = (merged_name(group), ObjectBuilder::new()?) else {
            return Ok(());
        };
        for entry in group {
            let Some(index) = self.index(entry).await? else {
                return Ok(());
            };
            let mut copied = CountTable::new();
            for frame in &index.frames {
                self.take_frame(&mut builder, entry, &index, frame, &mut copied)
                    .await?;
            }
            builder.take_over(&index, &copied);
        }
        let is_lone = name.range.first().is_none();
        if is_lone {
            self.put_list(&name, group).await?;
        }
        self.put(&name, builder.finish()?).await?;
        if is_lone {
            return Ok(());
        }
        for entry in group.iter().filter(|entry| entry.name != name) {
            self.remove(&entry.name).await?;
        }
        Ok(())
    }

    async fn take_frame(
        &self,
        builder: &mut ObjectBuilder,
        entry: &Entry,
        index: &Index,
        frame: &Frame,
        copied: &mut CountTable,
    ) -> Result<(), Error> {
        let gone = || Error::damaged(&entry.name, "it went away while it was compacted");
        let lines = self.lines(entry, frame).await?.ok_or_else(gone)?;
        if frame.raw_bytes >= FRAME_BYTES_FULL {
            let data = self
                .store
                .get(&entry.name.data(), Some(frame.data.clone()))
                .await?;
            let data = data.ok_or_else(gone)?;
            let source = self.raw_source(entry, frame).await?;
            count(copied, &lines);
            return builder.push_frame(frame, index.bloom(frame), &data, &source);
        }
        let sources = self.source_lines(entry, frame).await?;
        for (json, source) in with_sources(&lines, &sources) {
            builder.push(at_of(json, index), Packed { json, source })?;
        }
        Ok(())
    }

    /// Writes an object again without the results that bear `id`; answers how many that were.
    pub(super) async fn rewrite_without(&self, entry: &Entry, id: &str) -> Result<u64, Error> {
        let Some(index) = self.index(entry).await? else {
            return Ok(0);
        };
        let keys = id_keys(id);
        let mut builder = ObjectBuilder::new()?;
        let (mut removed, mut copied) = (0, CountTable::new());
        for frame in &index.frames {
            let filter = index.bloom(frame);
            let Some(lines) = self.lines(entry, frame).await? else {
                return Ok(0);
            };
            let holds = keys.iter().any(|key| bloom::may_hold(filter, *key))
                && lines_of(&lines).any(|line| bears(line, id));
            if !holds {
                self.take_frame(&mut builder, entry, &index, frame, &mut copied)
                    .await?;
                continue;
            }
            let sources = self.source_lines(entry, frame).await?;
            for (json, source) in with_sources(&lines, &sources) {
                match Head::read(json).filter(|_| bears(json, id)) {
                    Some(head) => {
                        builder.count_forgotten(&head);
                        removed += 1;
                    }
                    None => builder.push(at_of(json, &index), Packed { json, source })?,
                }
            }
        }
        if removed == 0 {
            return Ok(0);
        }
        builder.take_over(&index, &copied);
        let mut name = entry.name.clone();
        name.generation += 1;
        self.put(&name, builder.finish()?).await?;
        self.remove(&entry.name).await?;
        Ok(removed)
    }
}

/// The keys by which a message or notification id is found.
#[must_use]
pub fn id_keys(id: &str) -> Vec<u64> {
    let mut keys = vec![bloom::id_key(id)];
    keys.extend(travel::without_line(id).map(bloom::id_key));
    keys
}

/// Whether a result is of this message or notification.
#[must_use]
pub fn bears(json: &[u8], id: &str) -> bool {
    Head::read(json).is_some_and(|head| head.is_of(id))
}

/// Each result with its source.
pub(crate) fn with_sources<'a>(
    lines: &'a [u8],
    sources: &'a [u8],
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    lines_of(lines).zip(lines_of(sources).chain(std::iter::repeat(&[][..])))
}

fn count(table: &mut CountTable, lines: &[u8]) {
    for head in lines_of(lines).filter_map(Head::read) {
        let counts: &mut Counts = table.entry(head.destination.into_owned()).or_default();
        counts.add(head.decision, head.is_late);
    }
}

fn at_of(json: &[u8], index: &Index) -> Timestamp {
    Head::read(json)
        .and_then(|head| Timestamp::parse_rfc3339(head.at))
        .unwrap_or(index.first_at)
}

/// Neighbours that make one object together, where there are at least two.
fn groups(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut groups: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        if bytes + entry.bytes > OBJECT_BYTES || groups.is_empty() {
            groups.push(Vec::new());
            bytes = 0;
        }
        bytes += entry.bytes;
        if let Some(group) = groups.last_mut() {
            group.push(entry);
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}

fn merged_name(group: &[Entry]) -> Option<ObjectName> {
    let first = group.first()?;
    let Range::Journal { first: from, .. } = first.name.range else {
        let names: Vec<&ObjectName> = group.iter().map(|entry| &entry.name).collect();
        return ObjectName::standing_for(&names);
    };
    let Range::Journal { last: to, .. } = group.last()?.name.range else {
        return None;
    };
    let range = Range::Journal {
        first: from,
        last: to,
    };
    Some(ObjectName::new(&first.name.route, first.name.hour, range))
}
