//! What the disk itself can do, and forgetting what it has cached.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The times of `count` appends of `bytes` bytes, each followed by fdatasync, one every `pace`; sorted.
pub(crate) fn append_times(
    directory: &Path,
    bytes: usize,
    count: u64,
    pace: Duration,
) -> Result<Vec<Duration>> {
    let path = directory.join(format!("shukuba-bench-disk-{}", std::process::id()));
    let mut file = File::create(&path)?;
    let block = vec![0xa5_u8; bytes];
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(begun.elapsed());
        std::thread::sleep(pace.saturating_sub(begun.elapsed()));
    }
    std::fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times)
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
