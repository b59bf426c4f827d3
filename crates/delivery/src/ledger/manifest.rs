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

use std::collections::HashMap;

use base::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::port::ResultStore;
use crate::result::{Decision, Head};
use crate::results::index::Counts;
use crate::results::set::{Window, lines_of};
use crate::results::{Error, ObjectName, Results, bloom};

/// The folder of all manifests.
pub const FOLDER: &str = "manifests/";

/// Ids that one manifest takes; then it is to be finished.
pub const IDS_MAX: usize = 100_000;

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

/// The balance of a queue elsewhere. Never `balanced` where something has an unknown origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// Ids in the manifests, each once.
    pub accepted: u64,
    /// Of these, with a final result.
    pub settled: Counts,
    /// Of these, without one: in the queue, or expired there.
    pub open: u64,
    /// Notifications with a final result that are in no manifest.
    pub unknown_origin: u64,
    /// Final results beyond the first of a notification: second sends after a crash.
    pub doubles: u64,
}

/// Counts the manifests of `queue` against the final results of `route`. Reads all of both; 16 bytes of memory an id.
///
/// # Errors
/// What the store says; [`Error::Damaged`] for what cannot be read.
pub async fn elsewhere(
    store: &dyn ResultStore,
    results: &Results,
    queue: &str,
    route: &str,
) -> Result<Elsewhere, Error> {
    let mut seen: HashMap<u64, bool, foldhash::fast::FixedState> = HashMap::default();
    for object in store.list(&format!("{FOLDER}queue={queue}/")).await? {
        if let Some(bytes) = store.get(&object.name, None).await? {
            let (_, ids) = read(&object.name, &bytes)?;
            seen.extend(ids.iter().map(|(_, id)| (bloom::id_key(id), false)));
        }
    }
    let mut answer = Elsewhere {
        accepted: seen.len() as u64,
        ..Elsewhere::default()
    };
    let mut unknown: HashMap<u64, (), foldhash::fast::FixedState> = HashMap::default();
    let window = Window {
        route: Some(route.to_owned()),
        ..Window::default()
    };
    for entry in results.entries(&window).await? {
        let Some(index) = results.index(&entry).await? else {
            continue;
        };
        for frame in &index.frames {
            let lines = results.lines(&entry, frame).await?.unwrap_or_default();
            for head in lines_of(&lines).filter_map(Head::read).filter(is_final) {
                let key = bloom::id_key(&head.notification_id);
                match seen.get_mut(&key) {
                    Some(is_settled) if *is_settled => answer.doubles += 1,
                    Some(is_settled) => {
                        *is_settled = true;
                        answer.settled.add(head.decision, head.is_late);
                    }
                    None if unknown.insert(key, ()).is_some() => answer.doubles += 1,
                    None => {}
                }
            }
        }
    }
    answer.unknown_origin = unknown.len() as u64;
    answer.open = answer.accepted - answer.settled.finals();
    Ok(answer)
}

fn is_final(head: &Head<'_>) -> bool {
    head.decision != Decision::Retry && !head.is_late
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::results::tests::{FakeLog, at, result};
    use crate::results::{ObjectResults, Sealer};

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
    async fn what_others_sent_is_of_unknown_origin() {
        let store = Arc::new(ObjectResults::new(Arc::new(InMemory::new()), ""));
        let results = Results::new(store.clone());
        let mut manifest = ManifestBuilder::new("q", "h", "f");
        (0..5).for_each(|number| manifest.add(at(0), &format!("own-{number}")));
        store
            .put(&name("q", at(0), "a"), manifest.finish().unwrap())
            .await
            .unwrap();
        let log = Arc::new(FakeLog::default());
        let of = |number, decision| result(at(1), number, decision, "");
        log.settle(
            at(1),
            &[
                of(0, Decision::Retry),
                of(0, Decision::Delivered),
                of(0, Decision::Delivered),
            ],
        );
        log.settle(
            at(1),
            &[
                of(1, Decision::Dead),
                of(2, Decision::Retry),
                of(77, Decision::Delivered),
            ],
        );
        Sealer::new(log, results.clone()).all().await.unwrap();
        let answer = elsewhere(store.as_ref(), &results, "q", "r").await.unwrap();
        assert_eq!(
            (
                answer.accepted,
                answer.open,
                answer.unknown_origin,
                answer.doubles
            ),
            (5, 3, 1, 1)
        );
        assert_eq!((answer.settled.delivered, answer.settled.dead), (1, 1));
    }
}
