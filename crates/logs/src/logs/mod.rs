//! All groups on disk.
//!
//! The tables are all there is: who changes them decides by what they hold ([`Tables::change`]), who reads has a view of them. In memory
//! is but the sum of all groups' bytes.
//!
//! - `open`: a group while it is changed
//! - `search`: events of a group that somebody looks for

mod open;
mod search;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{AccountId, Arn, ByteCount, Clock, Region};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::poison::Poisoned;
use store::tables::{self, Changes, Table, Tables, View};

use crate::event::Spot;
use crate::group::{Group, Stream, TAGS_MAX};
use crate::keys::{self, DELETED, EVENTS, Erased, GROUPS, NAMES, STREAMS, stream};
pub(crate) use open::{Open, Trim};
pub use search::{Found, Named, Order, SCAN_BYTES, SCAN_EVENTS, Search};

/// Where the logs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Their account.
    pub account: AccountId,
    /// Their region.
    pub region: Region,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Groups. AWS has a million.
    pub groups: usize,
    /// Streams of a group; AWS sets no bound.
    pub streams: u64,
    /// Bytes of a group's events: beyond it the oldest go.
    pub group: ByteCount,
    /// Bytes of all events: beyond it a group that grows loses its own oldest, down to `least`.
    pub all: ByteCount,
    /// What every group may have.
    pub least: ByteCount,
}

/// Chosen: together at most 5 GiB.
impl Default for Bounds {
    fn default() -> Self {
        Self {
            groups: 1_000,
            streams: 10_000,
            group: ByteCount::mib(256),
            all: ByteCount::mib(4096),
            least: ByteCount::mib(1),
        }
    }
}

/// What cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such group.
    #[error("there is no such group")]
    NoGroup,
    /// There is such a group.
    #[error("there is such a group")]
    GroupExists,
    /// There is no such stream.
    #[error("there is no such stream")]
    NoStream,
    /// There is such a stream.
    #[error("there is such a stream")]
    StreamExists,
    /// No more groups or streams have room.
    #[error("there is no room for more")]
    TooMany,
    /// No more tags have room.
    #[error("a group has at most {TAGS_MAX} tags")]
    TooManyTags,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It may not be on disk.
    #[error("the change cannot be kept")]
    Kept(#[from] Poisoned),
    /// The tables cannot be read.
    #[error("the logs cannot be read")]
    Read(#[from] tables::Error),
}

/// An event that somebody puts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// When it happened, in milliseconds.
    pub at: u64,
    /// What it says.
    pub message: String,
}

/// All groups.
#[derive(Debug)]
pub struct Logs {
    pub(crate) tables: Arc<Tables>,
    place: Place,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    /// Bytes of all groups.
    total: Arc<AtomicU64>,
}

impl Logs {
    /// What an earlier process left in `tables`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn open(
        tables: Arc<Tables>,
        place: Place,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
    ) -> Result<Self, tables::Error> {
        let total = groups(&tables.view(), "")
            .map(|row| Ok(row?.1.bytes))
            .sum::<Result<u64, tables::Error>>()?;
        Ok(Self {
            tables,
            place,
            clock,
            bounds,
            total: Arc::new(AtomicU64::new(total)),
        })
    }

    /// The ARN of a group.
    #[must_use]
    pub fn arn(&self, group: &str) -> Arn {
        let Place { account, region } = &self.place;
        Arn::new("logs", region, account, &format!("log-group:{group}"))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> base::Timestamp {
        self.clock.now()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The bytes of all events.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// The group `name`.
    ///
    /// # Errors
    /// [`Refusal::NoGroup`], [`Error::Read`].
    pub fn group(&self, name: &str) -> Result<Group, Error> {
        group(&self.tables.view(), name)?.ok_or(Refusal::NoGroup.into())
    }

    /// The groups whose names begin with `prefix`, in the order of names.
    pub fn groups(
        &self,
        prefix: &str,
    ) -> impl Iterator<Item = Result<(String, Group), tables::Error>> + use<> {
        groups(&self.tables.view(), prefix)
    }

    /// The streams of a group whose names begin with `prefix`, in the order of names.
    ///
    /// # Errors
    /// [`Refusal::NoGroup`], [`Error::Read`].
    pub fn streams(&self, name: &str, prefix: &str) -> Result<Vec<(String, Stream)>, Error> {
        let view = self.tables.view();
        let group = group(&view, name)?.ok_or(Refusal::NoGroup)?;
        let all = rows(&view, STREAMS, &stream(group.number, prefix), 8);
        Ok(all.collect::<Result<_, _>>()?)
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`Refusal::GroupExists`], [`Refusal::TooMany`], [`Refusal::TooManyTags`], [`Error::Kept`].
    pub async fn create_group(
        &self,
        name: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let (name, new) = (name.to_owned(), self.new_group(tags));
        let groups_max = self.bounds.groups;
        self.change(move |view, changes| {
            if group(view, &name)?.is_some() {
                return Err(Refusal::GroupExists.into());
            }
            if new.tags.len() > TAGS_MAX {
                return Err(Refusal::TooManyTags.into());
            }
            if groups(view, "").count() >= groups_max {
                return Err(Refusal::TooMany.into());
            }
            put(changes, GROUPS, name, &new);
            Ok(())
        })
        .await
    }

    pub(crate) fn new_group(&self, tags: BTreeMap<String, String>) -> Group {
        Group {
            number: u64::from_be_bytes(base::id::random_bytes()),
            created: self.now().as_millis(),
            tags,
            oldest: u64::MAX,
            ..Group::default()
        }
    }

    /// Takes a group away with all that is in it.
    ///
    /// # Errors
    /// [`Refusal::NoGroup`], [`Error::Kept`].
    pub async fn delete_group(&self, name: &str) -> Result<(), Error> {
        let (name, total) = (name.to_owned(), self.total.clone());
        self.change(move |view, changes| {
            let group = group(view, &name)?.ok_or(Refusal::NoGroup)?;
            let prefix = group.number.to_be_bytes();
            for table in [STREAMS, NAMES] {
                for row in view.prefix(table, &prefix) {
                    changes.remove(table, row?.0.to_vec());
                }
            }
            changes.remove(GROUPS, name);
            put(changes, DELETED, prefix, &Erased::ALL);
            total.fetch_sub(group.bytes, Ordering::Relaxed);
            Ok(())
        })
        .await
    }

    /// Changes what is said of a group: its retention, its tags.
    ///
    /// # Errors
    /// [`Refusal::NoGroup`], [`Refusal::TooManyTags`], [`Error::Kept`].
    pub async fn set(
        &self,
        name: &str,
        change: impl FnOnce(&mut Group) + Send + 'static,
    ) -> Result<(), Error> {
        let name = name.to_owned();
        self.change(move |view, changes| {
            let mut group = group(view, &name)?.ok_or(Refusal::NoGroup)?;
            change(&mut group);
            if group.tags.len() > TAGS_MAX {
                return Err(Refusal::TooManyTags.into());
            }
            put(changes, GROUPS, name, &group);
            Ok(())
        })
        .await
    }

    /// Makes a stream.
    ///
    /// # Errors
    /// [`Refusal::NoGroup`], [`Refusal::StreamExists`], [`Refusal::TooMany`], [`Error::Kept`].
    pub async fn create_stream(&self, group: &str, name: &str) -> Result<(), Error> {
        let (name, streams_max) = (name.to_owned(), self.bounds.streams);
        let now = self.now().as_millis();
        self.open_group(group, move |open| {
            if open.stream(&name)?.is_some() {
                return Err(Refusal::StreamExists.into());
            }
            if open.group.streams >= streams_max {
                return Err(Refusal::TooMany.into());
            }
            open.add_stream(&name, now);
            Ok(())
        })
        .await
    }

    /// Takes a stream away with its events.
    ///
    /// # Errors
    /// [`Refusal::NoGroup`], [`Refusal::NoStream`], [`Error::Kept`].
    pub async fn delete_stream(&self, group: &str, name: &str) -> Result<(), Error> {
        let name = name.to_owned();
        self.open_group(group, move |open| {
            let number = open.stream(&name)?.ok_or(Refusal::NoStream)?;
            open.remove_stream(number)
        })
        .await
    }

    /// Puts events into a stream: they are on disk when this returns.
    ///
    /// # Errors
    /// [`Refusal::NoGroup`], [`Refusal::NoStream`], [`Error::Kept`].
    pub async fn put(&self, group: &str, stream: &str, events: Vec<New>) -> Result<(), Error> {
        let stream = stream.to_owned();
        let (now, bounds, total) = (self.now().as_millis(), self.bounds, self.bytes());
        self.open_group(group, move |open| {
            let number = open.stream(&stream)?.ok_or(Refusal::NoStream)?;
            open.add(number, events, now);
            open.trim(bounds.of(open.group_bytes_before(), total))
        })
        .await
    }

    async fn open_group(
        &self,
        name: &str,
        change: impl FnOnce(&mut Open<'_>) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let (name, total) = (name.to_owned(), self.total.clone());
        self.change(move |view, changes| {
            let mut open = Open::find(view, changes, &name)?.ok_or(Refusal::NoGroup)?;
            change(&mut open)?;
            open.close(&total);
            Ok(())
        })
        .await
    }

    /// Decides on a change of the tables and keeps it.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&View, &mut Changes) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.tables.change(decide).await?
    }

    /// As [`Logs::change`], from a thread that may block.
    pub(crate) fn change_blocking<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&View, &mut Changes) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.tables.change_blocking(decide)?
    }

    pub(crate) const fn total(&self) -> &Arc<AtomicU64> {
        &self.total
    }
}

impl Bounds {
    /// The bytes that a group with `bytes` may grow to where all have `total`.
    pub(crate) fn of(&self, bytes: u64, total: u64) -> u64 {
        match total < self.all.get() {
            true => self.group.get(),
            false => bytes.clamp(self.least.get(), self.group.get()),
        }
    }
}

pub(crate) fn group(view: &View, name: &str) -> Result<Option<Group>, tables::Error> {
    Ok(view
        .get(GROUPS, name.as_bytes())?
        .and_then(|row| read(GROUPS, name.as_bytes(), &row)))
}

pub(crate) fn groups(
    view: &View,
    prefix: &str,
) -> impl Iterator<Item = Result<(String, Group), tables::Error>> + use<> {
    rows(view, GROUPS, prefix.as_bytes(), 0)
}

/// The rows whose keys begin with `prefix`, by what stands behind the first `skip` bytes of their keys. One that cannot be read is
/// passed over, and logged.
pub(crate) fn rows<T: DeserializeOwned>(
    view: &View,
    table: Table,
    prefix: &[u8],
    skip: usize,
) -> impl Iterator<Item = Result<(String, T), tables::Error>> + use<T> {
    view.prefix(table, prefix).filter_map(move |row| {
        let (key, value) = match row {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        let name = String::from_utf8_lossy(key.get(skip..)?).into_owned();
        Some(Ok((name, read(table, &key, &value)?)))
    })
}

/// A row; `None` where it cannot be read, which is logged.
pub(crate) fn read<T: DeserializeOwned>(table: Table, key: &[u8], value: &[u8]) -> Option<T> {
    serde_json::from_slice(value)
        .inspect_err(|error| {
            tracing::warn!(%error, table, key = %String::from_utf8_lossy(key), "a row cannot be read, and is passed over");
        })
        .ok()
}

pub(crate) fn put<T: Serialize>(
    changes: &mut Changes,
    table: Table,
    key: impl Into<Vec<u8>>,
    value: &T,
) {
    changes.put(table, key, serde_json::to_vec(value).unwrap_or_default());
}

/// The events of a group between two places.
pub(crate) fn events(view: &View, group: u64, from: Spot, to: Spot) -> tables::Scan {
    let (from, to) = (keys::event(group, from), keys::event(group, to));
    view.range(EVENTS, Bound::Included(&from), Bound::Excluded(&to))
}
