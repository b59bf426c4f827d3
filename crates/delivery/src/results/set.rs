//! The objects that count, and reading them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use store::Position;
use zstd::zstd_safe;

use super::index::{CountTable, Frame, Holder, Index, IndexBuilder, merge_tables};
use super::name::{ObjectName, Range};
use super::whole::{self, Tail};
use super::{Built, Error, bloom};
use crate::port::{ResultStore, StoreLock};
use crate::result::Head;

/// The largest frame that is decompressed: a frame holds at most one result beyond 256 KiB, and that was one record.
const FRAME_BYTES_LIMIT: u64 = 32 << 20;

/// The object that says what was removed by age.
pub const RETIRED: &str = "retired.json";

/// Counts of results that were removed by age, and what is being removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Counts by route and destination.
    pub routes: BTreeMap<String, CountTable>,
    /// Objects that are counted above and may still be there.
    pub removing: BTreeSet<String>,
    /// By route the hour, counted from the epoch, before which something was removed.
    #[serde(default)]
    pub before_hour: BTreeMap<String, u64>,
}

/// An object of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: ObjectName,
    /// Its bytes.
    pub bytes: u64,
}

/// Which objects are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Of this route only.
    pub route: Option<String>,
    /// Settled at or after.
    pub from: Option<Timestamp>,
    /// Settled before.
    pub to: Option<Timestamp>,
    /// Objects that begin at or after are leftovers of a crash; `None` where there is no journal.
    pub sealed_up_to: Option<Position>,
    /// Of those who stored this way.
    pub whose: Whose,
}

/// Who stored an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Anybody.
    #[default]
    Any,
    /// Notifiers without a journal. How far a journal is sealed is its server's to know.
    Lone,
}

impl Whose {
    fn takes(self, range: &Range) -> bool {
        match self {
            Self::Any => true,
            Self::Lone => matches!(range, Range::Named(_)),
        }
    }
}

impl Window {
    /// Everything that is sealed.
    #[must_use]
    pub fn sealed(up_to: Option<Position>) -> Self {
        Self {
            sealed_up_to: up_to,
            ..Self::default()
        }
    }

    /// What the names of its objects begin with.
    pub(super) fn prefix(&self) -> String {
        let route = self.route.as_deref();
        route.map_or("route=".to_owned(), ObjectName::route_folder)
    }

    pub(super) fn holds(&self, name: &ObjectName) -> bool {
        let is_sealed = match (self.sealed_up_to, name.range.first()) {
            (Some(up_to), Some(first)) => first < up_to.get(),
            _ => true,
        };
        let hour_of = |at: Timestamp| at.as_secs() / 3600;
        is_sealed
            && self.whose.takes(&name.range)
            && self.route.as_ref().is_none_or(|route| *route == name.route)
            && self.from.is_none_or(|from| name.hour >= hour_of(from))
            && self.to.is_none_or(|to| name.begins() < to)
    }
}

/// The stored results of a place.
#[derive(Clone, Debug)]
pub struct Results {
    pub(super) store: Arc<dyn ResultStore>,
    /// Held by whoever replaces or removes objects.
    pub(super) upkeep: Arc<tokio::sync::Mutex<()>>,
}

/// Dropped when the upkeep is done.
pub(crate) struct Upkeep<'a> {
    _elsewhere: StoreLock,
    _here: tokio::sync::MutexGuard<'a, ()>,
}

impl Results {
    /// Reads and keeps the results in `store`. Clone it rather than making a second one: they share the lock of upkeep.
    #[must_use]
    pub fn new(store: Arc<dyn ResultStore>) -> Self {
        Self {
            store,
            upkeep: Arc::default(),
        }
    }

    /// Where the objects are.
    #[must_use]
    pub fn store(&self) -> &dyn ResultStore {
        self.store.as_ref()
    }

    /// Holds back whoever replaces or removes objects, in this process and, where the store can, in others, until the answer is
    /// dropped.
    pub(crate) async fn upkeep(&self) -> Result<Upkeep<'_>, Error> {
        let here = self.upkeep.lock().await;
        Ok(Upkeep {
            _elsewhere: self.store.lock().await?,
            _here: here,
        })
    }

    /// The objects that count, by route, hour and span.
    ///
    /// # Errors
    /// What the store says.
    pub async fn entries(&self, window: &Window) -> Result<Vec<Entry>, Error> {
        Ok(self.standing(window).await?.counting)
    }

    /// The routes that have objects, in order of name.
    ///
    /// # Errors
    /// What the store says.
    pub async fn routes(&self) -> Result<Vec<String>, Error> {
        let entries = self.entries(&Window::default()).await?;
        let names: BTreeSet<String> = entries.into_iter().map(|entry| entry.name.route).collect();
        Ok(names.into_iter().collect())
    }

    /// What was removed by age.
    ///
    /// # Errors
    /// What the store says; [`Error::Damaged`] when it is not what was written.
    pub async fn retired(&self) -> Result<Retired, Error> {
        let Some(bytes) = self.store.get(RETIRED, None).await? else {
            return Ok(Retired::default());
        };
        serde_json::from_slice(&bytes).map_err(|error| Error::Damaged {
            name: RETIRED.to_owned(),
            detail: error.to_string(),
        })
    }

    /// The time before which results of a route were removed by age; `None` when none were.
    ///
    /// # Errors
    /// As [`Results::retired`].
    pub async fn removed_before(&self, route: &str) -> Result<Option<Timestamp>, Error> {
        let retired = self.retired().await?;
        let hour = retired.before_hour.get(route);
        Ok(hour.map(|hour| Timestamp::from_secs(hour.saturating_mul(3600))))
    }

    /// The sidecar of an object: at its end, or beside it; made from the object when it is missing or does not fit.
    ///
    /// `Ok(None)` when the object itself is gone by now: it was replaced, list again.
    ///
    /// # Errors
    /// What the store says; [`Error::Damaged`] when the object cannot be read.
    pub async fn index(&self, entry: &Entry) -> Result<Option<Index>, Error> {
        if let Some(index) = self.index_within(entry).await? {
            return Ok(Some(index));
        }
        let sidecar = self.store.get(&entry.name.sidecar(), None).await?;
        let index = sidecar.and_then(|bytes| Index::read(bytes).ok());
        if let Some(index) = index.filter(|index| index.data_bytes == entry.bytes) {
            return Ok(Some(index));
        }
        let Some(data) = self.store.get(&entry.name.data(), None).await? else {
            return Ok(None);
        };
        // It may have been stored again since it was listed.
        if let Tail::Sidecar(index) = whole::read(&data) {
            return Ok(Some(index));
        }
        tracing::warn!(object = %entry.name, "sidecar missing or of another object: reading all of it");
        rebuilt(&entry.name, &data).map(Some)
    }

    /// The sidecar at the end of an object; `None` where there is none, or the object is gone.
    async fn index_within(&self, entry: &Entry) -> Result<Option<Index>, Error> {
        if entry.bytes == 0 {
            return Ok(None);
        }
        let mut wanted = whole::TAIL_BYTES;
        while wanted <= entry.bytes.max(whole::TAIL_BYTES) {
            let span = entry.bytes.saturating_sub(wanted)..entry.bytes;
            let Some(tail) = self.store.get(&entry.name.data(), Some(span)).await? else {
                return Ok(None);
            };
            match whole::read(&tail) {
                Tail::Sidecar(index) => return Ok(Some(index)),
                Tail::Longer(bytes) if bytes > wanted => wanted = bytes,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The results of a frame, one JSON object a line; `Ok(None)` when the object is gone.
    ///
    /// # Errors
    /// What the store says; [`Error::Damaged`] when the frame cannot be read.
    pub async fn lines(&self, entry: &Entry, frame: &Frame) -> Result<Option<Vec<u8>>, Error> {
        let Some(bytes) = self
            .store
            .get(&entry.name.data(), Some(frame.data.clone()))
            .await?
        else {
            return Ok(None);
        };
        decompressed(&entry.name, &bytes).map(Some)
    }

    /// The raw lines of a frame, one for each result, empty where none was kept.
    ///
    /// # Errors
    /// What the store says; [`Error::Damaged`] when the frame cannot be read.
    pub async fn source_lines(&self, entry: &Entry, frame: &Frame) -> Result<Vec<u8>, Error> {
        let bytes = self.raw_source(entry, frame).await?;
        match bytes.is_empty() {
            true => Ok(Vec::new()),
            false => decompressed(&entry.name, &bytes),
        }
    }

    /// The raw lines of a frame as they are stored; empty where none are.
    pub(super) async fn raw_source(&self, entry: &Entry, frame: &Frame) -> Result<Bytes, Error> {
        if frame.source.is_empty() {
            return Ok(Bytes::new());
        }
        let name = match frame.sources {
            Holder::Within => entry.name.data(),
            Holder::Beside => entry.name.sources(),
        };
        let found = self.store.get(&name, Some(frame.source.clone())).await?;
        Ok(found.unwrap_or_default())
    }

    /// How many results there are or were, by destination: those stored, those forgotten, those removed by age.
    ///
    /// # Errors
    /// What the store says; [`Error::Damaged`] when an object cannot be read.
    pub async fn tally(&self, window: &Window) -> Result<CountTable, Error> {
        let mut table = CountTable::new();
        for (route, counts) in self.retired().await?.routes {
            if window.route.as_ref().is_none_or(|wanted| *wanted == route) {
                merge_tables(&mut table, &counts);
            }
        }
        for entry in self.entries(window).await? {
            if let Some(index) = self.index(&entry).await? {
                merge_tables(&mut table, &index.kept);
                merge_tables(&mut table, &index.forgotten);
            }
        }
        Ok(table)
    }

    /// Stores an object; answers its bytes.
    pub(crate) async fn put(&self, name: &ObjectName, built: Built) -> Result<u64, Error> {
        let object = built.object()?;
        let bytes = object.len() as u64;
        self.store.put(&name.data(), object).await?;
        Ok(bytes)
    }

    /// Removes an object: itself, then what may lie beside it.
    pub(super) async fn remove(&self, name: &ObjectName) -> Result<(), Error> {
        self.store.delete(&name.data()).await?;
        self.store.delete(&name.sidecar()).await?;
        Ok(self.store.delete(&name.sources()).await?)
    }
}

fn decompressed(name: &ObjectName, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let limit = zstd_safe::get_frame_content_size(bytes).ok().flatten();
    let limit = limit
        .filter(|size| *size <= FRAME_BYTES_LIMIT)
        .ok_or_else(|| {
            Error::damaged(
                name,
                format!("a frame is none, or larger than {FRAME_BYTES_LIMIT} bytes"),
            )
        })?;
    zstd::bulk::decompress(bytes, usize::try_from(limit).unwrap_or(0))
        .map_err(|error| Error::damaged(name, error))
}

/// The sidecar that an object should have; sources are not found by it.
fn rebuilt(name: &ObjectName, data: &Bytes) -> Result<Index, Error> {
    let mut index = IndexBuilder::default();
    let mut rest = data.as_ref();
    let mut data_bytes = 0;
    if rest.is_empty() {
        return Err(Error::damaged(name, "it is empty"));
    }
    while !rest.is_empty() {
        if let Some(len) = whole::skippable(rest) {
            let after = rest.get(len..);
            rest = after.ok_or_else(|| Error::damaged(name, "it is cut off"))?;
            continue;
        }
        let len = zstd_safe::find_frame_compressed_size(rest)
            .map_err(|code| Error::damaged(name, zstd_safe::get_error_name(code)))?;
        let (frame, after) = rest
            .split_at_checked(len)
            .ok_or_else(|| Error::damaged(name, "a frame is cut off"))?;
        add_frame(&mut index, &decompressed(name, frame)?, len);
        data_bytes += len as u64;
        rest = after;
    }
    let sidecar = index.finish(data_bytes, 0);
    Index::read(sidecar.into()).map_err(|error| Error::damaged(name, error))
}

fn add_frame(index: &mut IndexBuilder, raw: &[u8], len: usize) {
    let mut keys = Vec::new();
    let mut results = 0;
    for head in lines_of(raw).filter_map(|line| {
        results += 1;
        Head::read(line)
    }) {
        index.count(&head);
        keys.extend([
            bloom::id_key(&head.message_id),
            bloom::id_key(&head.notification_id),
        ]);
        keys.push(bloom::url_key(head.url_key));
        let at = Timestamp::parse_rfc3339(head.at).unwrap_or_default();
        index.spans(at, at);
    }
    index.frame(
        [len as u64, raw.len() as u64, 0, results],
        &bloom::build(&keys),
    );
}

/// The lines of a decompressed frame, without their newlines.
pub fn lines_of(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    raw.strip_suffix(b"\n")
        .into_iter()
        .flat_map(|raw| raw.split(|byte| *byte == b'\n'))
}
