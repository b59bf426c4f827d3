//! What `ship` had accepted by a queue elsewhere: the *accepted* of the ledger where there is no journal (contract 5).
//!
//! # Format
//! A zstd frame of text, readable by `zstdcat`: a JSON head, then the ids in the order of acceptance, and before those of
//! each minute a line with `@` and the minute. Ids of one file share a beginning and rise, so each takes a few bytes.
//!
//! ```text
//! {"v":1,"queue":"s2s","host":"web-1","file":"/var/log/s2s.log"}
//! @2026-11-23T05:03:00.000Z
//! 4f1d20aa-1048576
//! 4f1d20aa-1048803
//! ```
//!
//! Stored as `manifests/queue=Q/dt=…/hour=HH/PART.ids.zst`; PART is the caller's: made of the file's fingerprint and the first
//! offset it is the same after a crash, and the object replaces itself.

use std::collections::BTreeSet;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::port::ResultStore;
use crate::results::{Error, ObjectName};

/// The folder of all manifests.
pub const FOLDER: &str = "manifests/";

/// Ids that one manifest takes; then it is to be finished.
pub const IDS_MAX: usize = 100_000;

/// How much later than its name says a manifest's ids may have been accepted. Chosen.
const LATE_MAX: Duration = Duration::from_secs(24 * 3600);

/// The largest manifest that is read, decompressed.
const BYTES_MAX: usize = 64 << 20;

/// What a manifest says of its ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestHead {
    /// Version, 1.
    pub v: u32,
    /// The queue that accepted them.
    pub queue: String,
    /// The host that shipped them.
    pub host: String,
    /// The file that they come from.
    pub file: String,
}

/// Gathers accepted ids.
#[derive(Clone, Debug)]
pub struct ManifestBuilder {
    text: String,
    minute: Option<u64>,
    ids: usize,
}

impl ManifestBuilder {
    /// An empty manifest.
    #[must_use]
    pub fn new(queue: &str, host: &str, file: &str) -> Self {
        let head = ManifestHead {
            v: 1,
            queue: queue.to_owned(),
            host: host.to_owned(),
            file: file.to_owned(),
        };
        let text = serde_json::to_string(&head).unwrap_or_default() + "\n";
        Self {
            text,
            minute: None,
            ids: 0,
        }
    }

    /// Adds an id that was accepted at `at`. Ids hold no newline; one that does is cut there.
    pub fn add(&mut self, at: Timestamp, id: &str) {
        if self.minute != Some(at.as_minutes()) {
            self.minute = Some(at.as_minutes());
            let minute = Timestamp::from_secs(at.as_minutes() * 60);
            self.text.push_str(&format!("@{minute}\n"));
        }
        self.text.push_str(id.lines().next().unwrap_or_default());
        self.text.push('\n');
        self.ids += 1;
    }

    /// How many ids it holds.
    #[must_use]
    pub fn ids(&self) -> usize {
        self.ids
    }

    /// The object.
    ///
    /// # Errors
    /// [`Error::Compress`] when it cannot be compressed.
    pub fn finish(&self) -> Result<Bytes, Error> {
        let bytes = zstd::bulk::compress(self.text.as_bytes(), 3).map_err(Error::Compress)?;
        Ok(bytes.into())
    }
}

/// The name of a manifest whose first id was accepted at `at`. `part`: of `a-z`, `0-9` and `-`.
#[must_use]
pub fn name(queue: &str, at: Timestamp, part: &str) -> String {
    let folder = ObjectName::folder(queue, at.as_secs() / 3600).replacen("route=", "queue=", 1);
    format!("{FOLDER}{folder}/{part}.ids.zst")
}

/// A manifest that was read: its head, and each id with the minute of its acceptance.
pub type Manifest = (ManifestHead, Vec<(Timestamp, String)>);

/// Reads a manifest.
///
/// # Errors
/// [`Error::Damaged`] when it is none.
pub fn read(name: &str, bytes: &[u8]) -> Result<Manifest, Error> {
    let damaged = |detail: String| Error::Damaged {
        name: name.to_owned(),
        detail,
    };
    let raw =
        zstd::bulk::decompress(bytes, BYTES_MAX).map_err(|error| damaged(error.to_string()))?;
    let text = String::from_utf8(raw).map_err(|error| damaged(error.to_string()))?;
    let mut lines = text.lines();
    let head: ManifestHead = serde_json::from_str(lines.next().unwrap_or_default())
        .map_err(|error| damaged(error.to_string()))?;
    let mut minute = Timestamp::EPOCH;
    let mut ids = Vec::new();
    for line in lines {
        match line.strip_prefix('@') {
            Some(time) => {
                minute = Timestamp::parse_rfc3339(time)
                    .ok_or_else(|| damaged(format!("`{time}` is no time")))?;
            }
            None => ids.push((minute, line.to_owned())),
        }
    }
    Ok((head, ids))
}

/// The manifests of `queue` that may hold ids accepted at or after `from`, in order of name. One that waited for its store
/// is named by its first id, which may be a day older than its last.
///
/// # Errors
/// What the store says.
pub async fn names(
    store: &dyn ResultStore,
    queue: &str,
    from: Option<Timestamp>,
) -> Result<Vec<String>, Error> {
    let prefix = format!("{FOLDER}queue={queue}/");
    // Folders sort as their times do.
    let first = from.map(|from| name(queue, from.minus(LATE_MAX), ""));
    let first = first.as_deref().and_then(|name| name.rsplit_once('/'));
    let objects = store.list(&prefix).await?.into_iter();
    let names = objects.map(|object| object.name);
    Ok(names
        .filter(|name| name.ends_with(".ids.zst"))
        .filter(|name| first.is_none_or(|(folder, _)| name.as_str() >= folder))
        .collect())
}

/// The queues that have manifests, in order of name.
///
/// # Errors
/// What the store says.
pub async fn queues(store: &dyn ResultStore) -> Result<Vec<String>, Error> {
    let queue_of = |name: &str| {
        let rest = name.strip_prefix(FOLDER)?.strip_prefix("queue=")?;
        Some(rest.split_once('/')?.0.to_owned())
    };
    let objects = store.list(FOLDER).await?;
    let names: BTreeSet<String> = objects
        .iter()
        .filter_map(|object| queue_of(&object.name))
        .collect();
    Ok(names.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::results::ObjectResults;
    use crate::results::tests::at;

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_is_small() {
        let mut manifest = ManifestBuilder::new("s2s", "web-1", "/l");
        let mut offset = 1_048_576;
        for number in 0..10_000u64 {
            offset += 180 + number * 7919 % 97;
            manifest.add(at(number * 20), &format!("4f1d20aa99b1c3d4-{offset}"));
        }
        let bytes = manifest.finish().unwrap();
        assert!(bytes.len() < 60_000, "{} bytes for 10,000 ids", bytes.len());
        let (head, ids) = read("m", &bytes).unwrap();
        assert_eq!(
            (head.queue.as_str(), ids.len(), manifest.ids()),
            ("s2s", 10_000, 10_000)
        );
        assert_eq!(
            ids[9999],
            (at(180_000), format!("4f1d20aa99b1c3d4-{offset}"))
        );
        assert!(read("m", b"x").is_err());
        assert_eq!(
            name("s2s", at(0), "4f1d-0"),
            "manifests/queue=s2s/dt=2026-11-23/hour=05/4f1d-0.ids.zst"
        );
    }

    #[tokio::test]
    async fn manifests_are_found_by_queue_and_time() {
        let store = ObjectResults::new(Arc::new(InMemory::new()), "");
        let day = Duration::from_secs(24 * 3600);
        for (queue, days) in [("q", 0), ("q", 1), ("q", 3), ("q2", 3)] {
            let name = name(queue, at(0).plus(day * days), "p");
            store.put(&name, Bytes::from_static(b"x")).await.unwrap();
        }
        assert_eq!(queues(&store).await.unwrap(), ["q", "q2"]);
        let count = async |from| names(&store, "q", from).await.unwrap().len();
        assert_eq!(count(None).await, 3);
        assert_eq!(count(Some(at(0).plus(day * 2))).await, 2);
        assert_eq!(count(Some(at(0).plus(day * 9))).await, 0);
    }
}
