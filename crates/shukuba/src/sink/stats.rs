//! What the sink has seen. Every counter is exact; names beyond a bound are counted under `(other)`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

/// Paths counted by name. Chosen.
const PATHS_LIMIT: usize = 1000;

/// Ids remembered, 16 bytes each; beyond it an id counts as distinct. Chosen.
const IDS_LIMIT: usize = 20_000_000;

const SHARDS: usize = 16;

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Stats {
    requests: AtomicU64,
    connections: AtomicU64,
    bytes: AtomicU64,
    paths: RwLock<HashMap<String, Arc<AtomicU64>>>,
    statuses: Mutex<BTreeMap<u16, Arc<AtomicU64>>>,
    hasher: foldhash::fast::RandomState,
    ids: [Mutex<HashSet<u64, foldhash::fast::RandomState>>; SHARDS],
    duplicates: AtomicU64,
}

/// The counters as JSON.
#[derive(Debug, serde::Serialize)]
pub(super) struct Report {
    requests: u64,
    connections: u64,
    bytes_received: u64,
    paths: BTreeMap<String, u64>,
    /// `none` counts requests that got no answer.
    statuses: BTreeMap<String, u64>,
    ids_distinct: u64,
    ids_duplicate: u64,
}

/// The counters that a connection used last: the usual request touches no lock.
#[derive(Debug, Default)]
pub(super) struct Recent {
    path: Option<(String, Arc<AtomicU64>)>,
    status: Option<(u16, Arc<AtomicU64>)>,
}

impl Stats {
    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request; `status` is 0 where no answer is given.
    pub(super) fn count(
        &self,
        path: &str,
        id: &str,
        bytes: usize,
        status: u16,
        recent: &mut Recent,
    ) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.of_path(path, recent).fetch_add(1, Ordering::Relaxed);
        self.of_status(status, recent)
            .fetch_add(1, Ordering::Relaxed);
        if !id.is_empty() {
            self.count_id(id);
        }
    }

    fn of_path<'a>(&self, path: &str, recent: &'a mut Recent) -> &'a AtomicU64 {
        if recent.path.as_ref().is_none_or(|(known, _)| known != path) {
            let known = self.paths.read().get(path).cloned();
            let counter = known.unwrap_or_else(|| self.add_path(path));
            recent.path = Some((path.to_owned(), counter));
        }
        let (_, counter) = recent.path.get_or_insert_default();
        counter
    }

    fn add_path(&self, path: &str) -> Arc<AtomicU64> {
        let mut paths = self.paths.write();
        let name = if paths.len() >= PATHS_LIMIT {
            "(other)"
        } else {
            path
        };
        Arc::clone(paths.entry(name.to_owned()).or_default())
    }

    fn of_status<'a>(&self, status: u16, recent: &'a mut Recent) -> &'a AtomicU64 {
        if recent
            .status
            .as_ref()
            .is_none_or(|(known, _)| *known != status)
        {
            let counter = Arc::clone(self.statuses.lock().entry(status).or_default());
            recent.status = Some((status, counter));
        }
        let (_, counter) = recent.status.get_or_insert_default();
        counter
    }

    fn count_id(&self, id: &str) {
        let hash = self.hasher.hash_one(id);
        // The set places by the lower bits: the shard by the upper ones.
        let Some(shard) = self.ids.get((hash >> 60) as usize % SHARDS) else {
            return;
        };
        let mut ids = shard.lock();
        let is_known = ids.contains(&hash);
        if is_known {
            self.duplicates.fetch_add(1, Ordering::Relaxed);
        } else if ids.len() < IDS_LIMIT / SHARDS {
            ids.insert(hash);
        }
    }

    /// All counters now. Not one moment: requests may be counted in between.
    pub(super) fn report(&self) -> Report {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let name = |status: u16| {
            if status == 0 {
                "none".to_owned()
            } else {
                status.to_string()
            }
        };
        let paths = self.paths.read();
        let statuses = self.statuses.lock();
        Report {
            requests: value(&self.requests),
            connections: value(&self.connections),
            bytes_received: value(&self.bytes),
            paths: paths
                .iter()
                .map(|(path, counter)| (path.clone(), value(counter)))
                .collect(),
            statuses: statuses
                .iter()
                .map(|(status, counter)| (name(*status), value(counter)))
                .collect(),
            ids_distinct: self.ids.iter().map(|shard| shard.lock().len() as u64).sum(),
            ids_duplicate: value(&self.duplicates),
        }
    }

    /// Starts all counters anew.
    pub(super) fn reset(&self) {
        for counter in [
            &self.requests,
            &self.connections,
            &self.bytes,
            &self.duplicates,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        // Connections hold on to their counters: they are set to zero, not replaced.
        for counter in self.paths.read().values() {
            counter.store(0, Ordering::Relaxed);
        }
        for counter in self.statuses.lock().values() {
            counter.store(0, Ordering::Relaxed);
        }
        for shard in &self.ids {
            shard.lock().clear();
        }
    }
}
