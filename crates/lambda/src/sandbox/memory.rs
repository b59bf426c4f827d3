//! How much memory and space for files environments take, and that it is not more than they have.
//!
//! Where the kernel bounds memory ([`super::cgroup`]), it counts it too. Elsewhere the resident memory of each process group is
//! sampled while an invocation runs, so that for at most [`SAMPLE_EVERY`] a function may have more than it is given; memory that
//! processes of a group share is counted for each of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::warn;

/// How often memory is sampled. Chosen: a pass over 300 processes costs some 2 ms.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_millis(200);
/// How many samples of memory there are for each of files.
const FILES_EVERY: u32 = 5;
/// Files and folders that are counted; whoever has more of them is over. Chosen.
const FILES_MAX: usize = 100_000;

/// What was found to be too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Memory.
    Memory,
    /// Files.
    Storage,
}

/// What one environment takes.
#[derive(Debug)]
pub(super) struct Gauge {
    group: i32,
    /// Bytes; none where the kernel counts.
    memory_max: Option<u64>,
    tmp: PathBuf,
    storage_max: u64,
    peak: AtomicU64,
    /// 0, or what is over.
    over: AtomicU8,
    told: Notify,
}

impl Gauge {
    pub(super) fn new(group: i32, memory_max: Option<u64>, tmp: &Path, storage_max: u64) -> Self {
        Self {
            group,
            memory_max,
            tmp: tmp.to_owned(),
            storage_max,
            peak: AtomicU64::new(0),
            over: AtomicU8::new(0),
            told: Notify::new(),
        }
    }

    /// Waits until something is too much.
    pub(super) async fn over(&self) -> Over {
        loop {
            match self.over.load(Ordering::Acquire) {
                1 => return Over::Memory,
                2 => return Over::Storage,
                _ => self.told.notified().await,
            }
        }
    }

    /// Most memory so far, in bytes.
    pub(super) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Takes note of a sample. Whether it is too much.
    pub(super) fn saw_memory(&self, bytes: u64) -> bool {
        self.peak.fetch_max(bytes, Ordering::Relaxed);
        let is_over = self.memory_max.is_some_and(|max| bytes > max);
        if is_over {
            self.tell(1);
        }
        is_over
    }

    fn look_at_files(&self) {
        if folder_bytes(&self.tmp) > self.storage_max {
            self.tell(2);
        }
    }

    fn tell(&self, what: u8) {
        self.over.store(what, Ordering::Release);
        self.told.notify_one();
    }
}

/// Samples the environments that have something to do.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    busy: Mutex<HashMap<i32, Arc<Gauge>>>,
    woken: Notify,
}

impl Sampler {
    /// An environment has something to do, until what is returned is dropped.
    pub(super) fn enter(self: &Arc<Self>, gauge: &Arc<Gauge>) -> Busy {
        self.busy.lock().insert(gauge.group, Arc::clone(gauge));
        self.woken.notify_one();
        Busy {
            sampler: Arc::clone(self),
            group: gauge.group,
        }
    }

    /// Samples until it is dropped; costs nothing while no environment has anything to do.
    pub(super) async fn run(self: Arc<Self>) {
        let mut turn: u32 = 0;
        loop {
            while self.busy.lock().is_empty() {
                self.woken.notified().await;
            }
            tokio::time::sleep(SAMPLE_EVERY).await;
            let busy: Vec<_> = self.busy.lock().values().cloned().collect();
            turn = turn.wrapping_add(1);
            let with_files = turn.is_multiple_of(FILES_EVERY);
            let looking = tokio::task::spawn_blocking(move || look(&busy, with_files));
            if let Err(error) = looking.await {
                warn!(%error, "the memory of functions could not be sampled");
            }
        }
    }
}

/// That an environment has something to do.
#[derive(Debug)]
pub(super) struct Busy {
    sampler: Arc<Sampler>,
    group: i32,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.sampler.busy.lock().remove(&self.group);
    }
}

fn look(busy: &[Arc<Gauge>], with_files: bool) {
    if busy.iter().any(|gauge| gauge.memory_max.is_some()) {
        let groups = resident_by_group();
        for gauge in busy.iter().filter(|gauge| gauge.memory_max.is_some()) {
            gauge.saw_memory(groups.get(&gauge.group).copied().unwrap_or_default());
        }
    }
    if with_files {
        busy.iter().for_each(|gauge| gauge.look_at_files());
    }
}

/// Resident bytes of all process groups. Source: proc(5), `/proc/PID/stat`.
fn resident_by_group() -> HashMap<i32, u64> {
    let mut groups = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_process = name
            .to_str()
            .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        if is_process
            && let Ok(stat) = std::fs::read_to_string(entry.path().join("stat"))
            && let Some((group, bytes)) = group_and_resident(&stat)
        {
            *groups.entry(group).or_insert(0) += bytes;
        }
    }
    groups
}

fn group_and_resident(stat: &str) -> Option<(i32, u64)> {
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let group = fields.nth(2)?.parse().ok()?;
    let pages: u64 = fields.nth(18)?.parse().ok()?;
    Some((group, pages.saturating_mul(page_size())))
}

fn page_size() -> u64 {
    u64::try_from(rustix::param::page_size()).unwrap_or(4096)
}

/// Most resident bytes that the process has had, or has now where the kernel does not know.
pub(super) fn high_water(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    kib("VmHWM:")
        .or_else(|| kib("VmRSS:"))
        .unwrap_or_default()
        .saturating_mul(1024)
}

/// Bytes on disk of all that lies in a folder; links are not followed.
fn folder_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let (mut bytes, mut count) = (0_u64, 0_usize);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            count += 1;
            if count > FILES_MAX {
                return u64::MAX;
            }
            let Ok(facts) = entry.metadata() else {
                continue;
            };
            bytes = bytes.saturating_add(facts.blocks().saturating_mul(512));
            if facts.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_tells_group_and_memory() {
        let stat = "2371 (a) b) S 1 77 77 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 100 9000 25 18446744073709551615 1 1";
        assert_eq!(group_and_resident(stat), Some((77, 25 * page_size())));
        assert_eq!(group_and_resident("2371 (cut"), None);
    }

    #[test]
    fn a_gauge_remembers_the_most_and_tells_what_is_too_much() {
        let gauge = Gauge::new(1, Some(100), Path::new("/"), 0);
        assert!(!gauge.saw_memory(100));
        assert!(!gauge.saw_memory(50));
        assert_eq!(gauge.peak(), 100);
        assert!(gauge.saw_memory(101));
        assert_eq!(gauge.over.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn files_are_counted_wherever_they_lie() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/b"), vec![1; 100_000]).unwrap();
        std::os::unix::fs::symlink("/usr", dir.path().join("link")).unwrap();
        let bytes = folder_bytes(dir.path());
        assert!((100_000..1_000_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn this_process_has_memory() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(high_water(own) > 100_000);
        let all: u64 = resident_by_group().values().sum();
        assert!(all > 100_000);
    }
}
