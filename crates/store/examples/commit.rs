//! Measures the journal: group commit against the disk's floor, and recovery with a cold cache.
//!
//! ```text
//! cargo run --release -p shukuba-store --example commit -- commit DIR [SECONDS]    appends/s at W = 1, 16, 64, 256
//! cargo run --release -p shukuba-store --example commit -- reuse DIR [SECONDS]     new segments against used ones
//! cargo run --release -p shukuba-store --example commit -- paced DIR [SECONDS]     latency at 200/s
//! cargo run --release -p shukuba-store --example commit -- recover DIR [MILLIONS]  fill, evict, open
//! cargo run --release -p shukuba-store --example commit -- read DIR [MILLIONS]     one pread against many
//! ```
//! A record is 10 messages of 300 bytes. DIR must not exist; it is removed at the end. Every line is one run; the floor is
//! measured in the same minute.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a measuring tool"
)]

extern crate shukuba_store as store;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::Timestamp;
use store::{BoxError, Capture, Class, Fold, Journal, Options, Position};

const MESSAGES: u64 = 10;
const MESSAGE_BYTES: u64 = 300;
const RECORD_BYTES: usize = (MESSAGES * MESSAGE_BYTES) as usize;

/// 4 bytes a message, as the queue's index of cold messages.
#[derive(Default)]
struct Index(Vec<u32>);

impl Fold for Index {
    fn apply(&mut self, position: Position, _: Timestamp, payload: &[u8]) -> Result<(), BoxError> {
        let offset = position.get() as u32;
        let messages = payload.len() as u64 / MESSAGE_BYTES;
        self.0
            .extend((0..messages as u32).map(|n| offset + n * MESSAGE_BYTES as u32));
        Ok(())
    }

    fn capture(&self) -> Capture {
        let state = self.0.clone();
        Box::new(move |to| {
            for chunk in state.chunks(1024) {
                let bytes: Vec<u8> = chunk
                    .iter()
                    .flat_map(|offset| offset.to_le_bytes())
                    .collect();
                to.write_all(&bytes)?;
            }
            Ok(())
        })
    }

    fn restore(&mut self, from: &mut dyn Read) -> Result<(), BoxError> {
        self.0.clear();
        let mut bytes = vec![0; 1 << 16];
        loop {
            let mut filled = 0;
            while filled < bytes.len() {
                match from.read(&mut bytes[filled..])? {
                    0 => break,
                    count => filled += count,
                }
            }
            if filled == 0 {
                return Ok(());
            }
            let words = bytes[..filled].chunks_exact(4);
            self.0
                .extend(words.map(|word| u32::from_le_bytes(word.try_into().unwrap())));
        }
    }
}

/// CPU seconds and bytes written by this process so far.
fn used() -> (f64, u64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    let io = fs::read_to_string("/proc/self/io").unwrap();
    let written = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    (ticks / 100.0, written.unwrap().parse().unwrap())
}

fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let lines = status
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("RssAnon"));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Raw durable writes into a file that grows, is allocated, or is written over.
fn floor(dir: &Path, bytes: usize, kind: &str) {
    const ROUNDS: u64 = 300;
    let path = dir.join("floor");
    let file = File::create(&path).unwrap();
    let block = vec![0x5a; bytes];
    let whole = ROUNDS * bytes as u64;
    match kind {
        "append" => {}
        "allocated" => {
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, whole).unwrap()
        }
        _ => (0..ROUNDS).for_each(|n| file.write_all_at(&block, n * bytes as u64).unwrap()),
    }
    file.sync_all().unwrap();
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|n| {
            let start = Instant::now();
            file.write_all_at(&block, n * bytes as u64).unwrap();
            file.sync_data().unwrap();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    fs::remove_file(path).unwrap();
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    times.sort_by(f64::total_cmp);
    println!(
        "floor: {kind:<9} + fdatasync of {:>3} KiB: median {:.3} ms, p99 {:.3} ms, mean {mean:.3} ms = {:.0}/s",
        bytes / 1024,
        times[150],
        times[296],
        1e3 / mean
    );
}

fn commit(dir: &Path, writers: usize, span: Duration, reuse: Option<usize>) {
    let path = dir.join("journal");
    let options = Options {
        used_kept: reuse.unwrap_or(0),
        ..Options::default()
    };
    let (journal, _) = Journal::open(&path, options, &mut Index::default()).unwrap();
    let journal = Arc::new(journal);
    let groups = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&groups);
    journal.on_commit(Box::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let (cpu, written) = used();
    let start = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let journal = Arc::clone(&journal);
            runtime.spawn(async move {
                let payload = vec![0x61; RECORD_BYTES];
                let mut times = Vec::new();
                while start.elapsed() < span {
                    let began = Instant::now();
                    match journal.append(Class::Send, Timestamp::from_millis(1), &[&payload]) {
                        Ok(appended) => {
                            journal.committed(appended.end).await.unwrap();
                            times.push(began.elapsed().as_secs_f64() * 1e3);
                        }
                        Err(_) => tokio::task::yield_now().await,
                    }
                }
                times
            })
        })
        .collect();
    if reuse.is_some() {
        // Nothing lives: every sealed segment goes.
        while start.elapsed() < span {
            std::thread::sleep(Duration::from_millis(20));
            if journal.snapshot_due() {
                journal
                    .snapshot(journal.end(), Index::default().capture())
                    .unwrap();
                journal.reclaim(journal.durable(), &|_, _| false).unwrap();
            }
        }
    }
    let mut times: Vec<f64> = tasks
        .into_iter()
        .flat_map(|task| runtime.block_on(task).unwrap())
        .collect();
    let seconds = start.elapsed().as_secs_f64();
    let (cpu_end, written_end) = used();
    times.sort_by(f64::total_cmp);
    let messages = times.len() as f64 * MESSAGES as f64;
    let groups = groups.load(Ordering::Relaxed) as f64;
    println!(
        "W={writers:<3}: {:>7.0} msgs/s, {:>6.0} groups/s, {:>5.1} msgs/group, ack median {:.3} p99 {:.3} ms, CPU {:.2} s per 1M, {:.3} disk bytes per byte",
        messages / seconds,
        groups / seconds,
        messages / groups,
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        (cpu_end - cpu) / messages * 1e6,
        (written_end - written) as f64 / (messages * MESSAGE_BYTES as f64),
    );
    drop(runtime);
    drop(journal);
    fs::remove_dir_all(path).unwrap();
}

/// 512 bytes at a fixed pace: a raw append and an acknowledged record by turns, so that both meet the same disk.
fn paced(dir: &Path, span: Duration) {
    const PACE: Duration = Duration::from_micros(2500);
    let path = dir.join("journal");
    let (journal, _) = Journal::open(&path, Options::default(), &mut Index::default()).unwrap();
    let file = File::create(dir.join("floor")).unwrap();
    let block = [0x5a; 512];
    let (mut raw, mut acked) = (Vec::new(), Vec::new());
    let start = Instant::now();
    for n in 0u64.. {
        let due = start + PACE * 2 * n as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let began = Instant::now();
        file.write_all_at(&block, n * 512).unwrap();
        file.sync_data().unwrap();
        raw.push(began.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep((due + PACE).saturating_duration_since(Instant::now()));
        let began = Instant::now();
        let appended = journal
            .append(Class::Send, Timestamp::from_millis(n), &[&block])
            .unwrap();
        journal.wait(appended.end).unwrap();
        acked.push(began.elapsed().as_secs_f64() * 1e3);
        if start.elapsed() > span {
            break;
        }
    }
    for (what, times) in [
        ("raw append + fdatasync", &mut raw),
        ("append to acknowledgement", &mut acked),
    ] {
        times.sort_by(f64::total_cmp);
        println!(
            "200/s of 512 bytes, {what}: median {:.3} ms, p99 {:.3} ms",
            times[times.len() / 2],
            times[times.len() * 99 / 100]
        );
    }
    drop(journal);
    fs::remove_dir_all(path).unwrap();
}

fn evict(path: &Path) {
    for entry in fs::read_dir(path).unwrap() {
        let file = File::open(entry.unwrap().path()).unwrap();
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    }
}

fn fill(path: &Path, millions: u64, snapshots: bool) -> Journal {
    let mut index = Index::default();
    let (journal, _) = Journal::open(path, Options::default(), &mut index).unwrap();
    let payload = vec![0x61; RECORD_BYTES];
    for n in 0..millions * 1_000_000 / MESSAGES {
        let appended = loop {
            match journal.append(Class::Send, Timestamp::from_millis(n), &[&payload]) {
                Ok(appended) => break appended,
                Err(_) => std::thread::yield_now(),
            }
        };
        index
            .apply(appended.start, Timestamp::EPOCH, &payload)
            .unwrap();
        if n % 1000 == 0 {
            journal.wait(appended.end).unwrap();
        }
        if snapshots && n % 1000 == 0 && journal.snapshot_due() {
            journal.snapshot(journal.end(), index.capture()).unwrap();
        }
    }
    journal
}

fn recover(dir: &Path, millions: u64, snapshots: bool) {
    let path = dir.join("journal");
    drop(fill(&path, millions, snapshots));
    for is_cold in [true, false, true] {
        if is_cold {
            evict(&path);
        }
        let mut index = Index::default();
        let (cpu, _) = used();
        let start = Instant::now();
        let (journal, recovery) = Journal::open(&path, Options::default(), &mut index).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(index.0.len() as u64, millions * 1_000_000);
        println!(
            "{millions} M messages, {} {}: {seconds:.3} s (CPU {:.2} s), {} MB of log replayed, snapshot at {:?}, {}",
            if snapshots { "snapshots" } else { "log alone" },
            if is_cold { "cold" } else { "warm" },
            used().0 - cpu,
            recovery.bytes / 1_000_000,
            recovery.snapshot.map(Position::get),
            memory(),
        );
        drop(journal);
    }
    fs::remove_dir_all(path).unwrap();
}

fn read(dir: &Path, millions: u64) {
    let path = dir.join("journal");
    let journal = fill(&path, millions, false);
    let positions: Vec<Position> = journal
        .scan(Position::ZERO)
        .map(|record| record.unwrap().position)
        .collect();
    for bytes in [MESSAGE_BYTES as usize, RECORD_BYTES, 64 << 10] {
        let start = Instant::now();
        for position in &positions {
            assert!(!journal.read(position.payload(), bytes).unwrap().is_empty());
        }
        let micros = start.elapsed().as_secs_f64() * 1e6 / positions.len() as f64;
        println!("read of {bytes} bytes in the page cache: {micros:.2} us");
    }
    drop(journal);
    fs::remove_dir_all(path).unwrap();
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (what, dir) = (arguments[0].as_str(), Path::new(&arguments[1]));
    let number = arguments.get(2).map(|text| text.parse::<u64>().unwrap());
    fs::create_dir(dir).unwrap();
    let span = Duration::from_secs(number.unwrap_or(3));
    match what {
        "commit" => {
            for bytes in [4, 32, 256] {
                for kind in ["append", "allocated", "overwrite"] {
                    floor(dir, bytes << 10, kind);
                }
            }
            for writers in [1, 16, 64, 256] {
                commit(dir, writers, span, None);
            }
        }
        "reuse" => {
            for _ in 0..5 {
                for writers in [1, 16, 64, 256] {
                    for used_kept in [0, 2] {
                        print!("used segments kept: {used_kept}; ");
                        commit(dir, writers, span, Some(used_kept));
                    }
                }
            }
        }
        "paced" => paced(dir, span),
        "recover" => {
            recover(dir, number.unwrap_or(1), false);
            recover(dir, number.unwrap_or(1), true);
        }
        "read" => read(dir, number.unwrap_or(1)),
        other => println!("`{other}` is none of commit, reuse, paced, recover, read"),
    }
    fs::remove_dir_all(dir).unwrap();
}
