//! The store of metrics within this process: 1,000 hosts that put 20 metrics each, once a minute, over 15 days.
//!
//! Half of the series are noisy gauges of two decimals, a quarter counters of small steps, a quarter constant. Time is a
//! clock that is turned, so the 15 days take minutes. CPU time is that of all threads, without making the values; memory
//! is the process's, with the 20,000 data that it puts again and again.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use base::{Clock, ManualClock, Timestamp};
use cloudwatch::metric::{Dimension, Identity, Read, Statistic, Unit, Wanted};
use cloudwatch::series::{Datum, Sample, Settings, Store, TABLES};
use store::Tables;
use store::disk::RealDisk;

use super::show;
use crate::Size;

const HOSTS: usize = 1000;
const METRICS: usize = 20;
const DAY_MINUTES: u64 = 1440;

/// The store blocks: it runs on a thread of its own.
pub(crate) async fn run(size: Size) -> Result<()> {
    tokio::task::spawn_blocking(move || run_here(size)).await?
}

fn run_here(size: Size) -> Result<()> {
    let minutes = size.of(15 * DAY_MINUTES);
    let dir = crate::server::parent().join(format!("bench-metrics-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let measured = measure(&dir, minutes);
    std::fs::remove_dir_all(&dir)?;
    measured
}

fn measure(dir: &Path, minutes: u64) -> Result<()> {
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(
        1_790_000_000 / 3600 * 3600,
    )));
    let tables = Arc::new(Tables::open(&dir.join("tables"), TABLES)?);
    let log = Arc::new(RealDisk::at(&dir.join("log"))?);
    let open = || {
        Store::open(
            tables.clone(),
            log.clone(),
            clock.clone(),
            Settings::default(),
        )
    };
    let (store, _) = open()?;
    let mut hosts = Hosts::new();
    let making = cpu(|| {
        (0..200).for_each(|_| hosts.make(clock.now()));
        Ok(())
    })? / 200.0;
    // The first minute names the series.
    hosts.put(&store, clock.now())?;
    let (mut putting, mut keeping) = (0.0, 0.0);
    for minute in 1..minutes {
        clock.advance(Duration::from_secs(60));
        let now = clock.now();
        putting += cpu_fine(|| hosts.put(&store, now))?;
        if minute % 60 == 6 {
            keeping += cpu(|| Ok(store.upkeep()?).map(|_| ()))?;
            store.sync()?;
        }
    }
    let per_minute = 1000.0 / minutes as f64;
    show(
        "metrics: put, CPU a minute",
        putting * per_minute - making * 1000.0,
        "ms",
        "",
    );
    show(
        "metrics: seal and roll up, CPU a minute",
        keeping * per_minute,
        "ms",
        "",
    );
    show(
        "metrics: together",
        (putting + keeping) * per_minute - making * 1000.0,
        "ms",
        "<= 5",
    );
    show("metrics: VmRSS", status("VmRSS")?, "MB", "<= 100");
    show("metrics: VmHWM", status("VmHWM")?, "MB", "");
    let days = minutes as f64 / DAY_MINUTES as f64;
    let bytes = disk_bytes(dir)? as f64;
    show("metrics: on the disk", bytes / 1e9, "GB", "");
    show(
        "metrics: of 15 days",
        bytes / 1e9 / days * 15.0,
        "GB",
        "<= 1.5, 0.7",
    );
    show(
        "metrics: bytes a point",
        bytes / (minutes * 20_000) as f64,
        "B",
        "",
    );
    let now = clock.now();
    for (what, period_secs, back) in [
        ("metrics: today's graph of 20 series, by 5 minutes", 300, 0),
        ("metrics: today's graph of 20 series, by the minute", 60, 0),
        (
            "metrics: a past day's graph of 20 series, by the minute",
            60,
            days as u64 / 2,
        ),
    ] {
        let end = now.minus(Duration::from_secs(86_400 * back));
        let begun = Instant::now();
        let points = hosts.graph(&store, end, period_secs)?;
        let millis = begun.elapsed().as_secs_f64() * 1000.0;
        show(what, millis, &format!("ms, {points} points"), "<= 20");
    }
    drop(store);
    let begun = Instant::now();
    let (store, recovered) = open()?;
    let millis = begun.elapsed().as_secs_f64() * 1000.0;
    show(
        "metrics: opening after a kill",
        millis,
        &format!("ms, {} puts", recovered.puts),
        "",
    );
    drop(store);
    Ok(())
}

struct Hosts {
    data: Vec<Vec<Datum>>,
    random: u64,
}

impl Hosts {
    fn new() -> Self {
        let host = |host: usize| {
            let datum = |metric: usize| {
                let dimensions = vec![Dimension::new("InstanceId", &format!("i-{host:017x}"))];
                let name = format!("disk_used_percent_{metric:02}");
                let identity = Identity::new("CWAgent", &name, dimensions);
                let value = (host * 7 + metric) as f64;
                Datum::new(identity, Unit::Count, Timestamp::EPOCH, value)
            };
            (0..METRICS).map(datum).collect()
        };
        Self {
            data: (0..HOSTS).map(host).collect(),
            random: 42,
        }
    }

    fn next(&mut self, below: u64) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % below) as f64
    }

    /// New values for all.
    fn measure(&mut self, at: Timestamp) {
        let mut data = std::mem::take(&mut self.data);
        for (metric, datum) in data.iter_mut().flat_map(|host| host.iter_mut().enumerate()) {
            datum.at = at;
            let Sample::Value(value) = &mut datum.sample else {
                continue;
            };
            match metric % 4 {
                0 | 1 => *value = self.next(10_000) / 100.0,
                2 => *value += self.next(50),
                _ => {}
            }
        }
        self.data = data;
    }

    /// Puts all. Each put is made anew first, as it is when it was read from the wire.
    fn put(&mut self, store: &Store, at: Timestamp) -> Result<()> {
        self.measure(at);
        for host in &self.data {
            store.put(&host.clone())?;
        }
        Ok(())
    }

    /// All of it but the store.
    fn make(&mut self, at: Timestamp) {
        self.measure(at);
        for host in &self.data {
            std::hint::black_box(host.clone());
        }
    }

    /// The average of 20 series over a day.
    fn graph(&self, store: &Store, end: Timestamp, period_secs: u32) -> Result<usize> {
        let mut points = 0;
        for host in self.data.iter().step_by(HOSTS / 20) {
            let wanted = Wanted {
                identity: &host[0].identity,
                unit: None,
                statistic: Statistic::Average,
                period_secs,
                from: end.minus(Duration::from_secs(86_400)),
                to: end,
            };
            points += store.series(&wanted)?.points.len();
        }
        Ok(points)
    }
}

/// CPU seconds that all threads of this process take while `run` runs.
fn cpu(run: impl FnOnce() -> Result<()>) -> Result<f64> {
    let before = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    run()?;
    Ok(since(before, rustix::time::ClockId::ProcessCPUTime))
}

/// Those of this thread.
fn cpu_fine(run: impl FnOnce() -> Result<()>) -> Result<f64> {
    let before = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    run()?;
    Ok(since(before, rustix::time::ClockId::ThreadCPUTime))
}

fn since(before: rustix::time::Timespec, clock: rustix::time::ClockId) -> f64 {
    let now = rustix::time::clock_gettime(clock);
    (now.tv_sec - before.tv_sec) as f64 + (now.tv_nsec - before.tv_nsec) as f64 / 1e9
}

/// A line of /proc/self/status, in MB.
fn status(name: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.unwrap_or("0").parse::<f64>()? * 1024.0 / 1e6)
}

/// What the files of a directory take on the disk.
fn disk_bytes(dir: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += match metadata.is_dir() {
            true => disk_bytes(&entry.path())?,
            false => metadata.blocks() * 512,
        };
    }
    Ok(bytes)
}
