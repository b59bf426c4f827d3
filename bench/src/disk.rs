//! What the disk itself can do, and forgetting what it has cached.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The times of `count` appends of `bytes` bytes with fdatasync, one due every `pace`; sorted.
pub(crate) fn append_times(
    directory: &Path,
    bytes: usize,
    count: u64,
    pace: Duration,
) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    append_each(directory, bytes, pace, |_, took| {
        times.push(took);
        (times.len() as u64) < count
    })?;
    times.sort_unstable();
    Ok(times)
}

/// The same beside what else is measured: on a thread of its own, for as long as it is kept.
pub(crate) struct Beside {
    is_over: Arc<AtomicBool>,
    times: Arc<Mutex<Vec<(Instant, Duration)>>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Beside {
    /// Appends in a file in `directory`.
    pub(crate) fn start(directory: PathBuf, bytes: usize, pace: Duration) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let times = Arc::new(Mutex::new(Vec::new()));
        let (ends, noted) = (is_over.clone(), times.clone());
        let thread = std::thread::spawn(move || {
            append_each(&directory, bytes, pace, |due, took| {
                if let Ok(mut noted) = noted.lock() {
                    noted.push((due, took));
                }
                !ends.load(Ordering::Relaxed)
            })
        });
        Self {
            is_over,
            times,
            thread: Some(thread),
        }
    }

    /// What the appends took that were due between these times and have ended, sorted.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Vec<Duration> {
        let Ok(times) = self.times.lock() else {
            return Vec::new();
        };
        let within = times.iter().filter(|(due, _)| (from..to).contains(due));
        let mut within: Vec<Duration> = within.map(|(_, took)| *took).collect();
        within.sort_unstable();
        within
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("bench: the paced fdatasync ended early: {error:#}");
        }
    }
}

/// Appends to a file, one due every `pace`, until `each` says `false`. It is told when each was due and what it took from then on: those
/// that fall due while the disk stands still wait for it as notifications do, and share the next fdatasync.
fn append_each(
    directory: &Path,
    bytes: usize,
    pace: Duration,
    mut each: impl FnMut(Instant, Duration) -> bool,
) -> Result<()> {
    static FILES: AtomicU64 = AtomicU64::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = directory.join(format!(
        "shukuba-bench-disk-{}-{number}",
        std::process::id()
    ));
    let mut file = File::create(&path)?;
    std::fs::remove_file(&path)?;
    let block = vec![0xa5_u8; bytes];
    let mut next = Instant::now();
    loop {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        let first = next;
        let begun = Instant::now();
        while next <= begun {
            file.write_all(&block)?;
            next += pace;
        }
        file.sync_data()?;
        let ended = Instant::now();
        let mut due = first;
        while due < next {
            if !each(due, ended - due) {
                return Ok(());
            }
            due += pace;
        }
    }
}

/// The value below which `share` (0 to 1) of the sorted times lie.
pub(crate) fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let index = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

/// Asks the kernel to drop its cached pages of every file below `directory`.
pub(crate) fn evict(directory: &Path) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            evict(&path)?;
        } else {
            let file = File::open(&path)?;
            file.sync_all()?;
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
    }
    Ok(())
}
