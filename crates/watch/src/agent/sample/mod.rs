//! What is measured of the host itself.
//!
//! Read from `/proc` and of the mounted file systems, without a library: a sample costs less than a millisecond.
//!
//! | namespace | metrics | dimensions |
//! |---|---|---|
//! | `AWS/EC2` | `CPUUtilization`, `NetworkIn`/`Out`, `NetworkPacketsIn`/`Out`, `DiskReadOps`/`WriteOps`, `DiskReadBytes`/`WriteBytes`, `StatusCheckFailed`, `…_Instance`, `…_System` | `InstanceId` |
//! | `CWAgent` | `mem_used_percent`, `swap_used_percent`, `load1`, `load5`, `load15` | `InstanceId` |
//! | `CWAgent` | `disk_used_percent`, `disk_inodes_used_percent` | `InstanceId`, `path`, `device`, `fstype` |
//!
//! Counters are told as what they grew by since the sample before, as EC2 does; the first sample has none. Sources: EC2 User Guide,
//! "CloudWatch metrics that are available for your instances"; CloudWatch User Guide, "Metrics collected by the CloudWatch agent".

pub mod disk;
pub mod kernel;

use std::time::Duration;

use base::{Clock, Timestamp};

use crate::datum::{Datum, Measured, Unit};
use crate::procfs::Proc;
use kernel::{Blocks, Cpu, Network};

/// The namespace of what EC2 itself measures.
const EC2: &str = "AWS/EC2";
/// The namespace of what the CloudWatch agent measures.
const AGENT: &str = "CWAgent";

/// Counters of one moment.
#[derive(Clone, Debug, Default)]
struct Counters {
    cpu: Option<Cpu>,
    network: Option<Network>,
    blocks: Option<Blocks>,
}

/// Samples the host.
#[derive(Debug)]
pub struct Sampler {
    proc: Proc,
    /// The devices of `/sys/block`.
    sys: std::path::PathBuf,
    last: Option<Counters>,
}

impl Sampler {
    /// Samples the host whose kernel this is.
    #[must_use]
    pub fn new(proc: Proc) -> Self {
        Self {
            proc,
            sys: "/sys/block".into(),
            last: None,
        }
    }

    /// Measures now. What cannot be read is left out.
    pub fn sample(&mut self, instance: &str, clock: &dyn Clock, every: Duration) -> Vec<Datum> {
        let mut measured = self.counted();
        measured.extend(self.memory());
        measured.extend(self.load());
        measured.extend(disk::used(&self.proc));
        // That the agent can say it at all: while it cannot, the server says 1.
        for name in [
            "StatusCheckFailed",
            "StatusCheckFailed_Instance",
            "StatusCheckFailed_System",
        ] {
            measured.push(Measured::new(EC2, name, Unit::Count, 0.0));
        }
        let (at, resolution) = when(clock, every);
        let data = measured.into_iter();
        data.filter_map(|one| one.of(instance, at, resolution))
            .collect()
    }

    fn counted(&mut self) -> Vec<Measured> {
        let read = |name: &str| self.proc.read(name).ok();
        let now = Counters {
            cpu: read("stat").and_then(|text| Cpu::parse(&text)),
            network: read("net/dev").map(|text| Network::parse(&text)),
            blocks: read("diskstats")
                .map(|text| Blocks::parse(&text, |device| self.sys.join(device).exists())),
        };
        let Some(before) = self.last.replace(now.clone()) else {
            return Vec::new();
        };
        let mut measured = Vec::new();
        let busy = now
            .cpu
            .zip(before.cpu)
            .and_then(|(now, before)| now.busy_since(before));
        measured.extend(busy.map(|busy| Measured::new(EC2, "CPUUtilization", Unit::Percent, busy)));
        if let Some((now, before)) = now.network.zip(before.network) {
            measured.extend(grown(&Network::NAMES, now.since(&before)));
        }
        if let Some((now, before)) = now.blocks.zip(before.blocks) {
            measured.extend(grown(&Blocks::NAMES, now.since(&before)));
        }
        measured
    }

    fn memory(&self) -> Vec<Measured> {
        let text = self.proc.read("meminfo").unwrap_or_default();
        let percent = |name: &str, part: Option<f64>| {
            part.map(|part| Measured::new(AGENT, name, Unit::Percent, part))
        };
        let memory = kernel::Memory::parse(&text);
        let used = [
            percent("mem_used_percent", memory.used_percent()),
            percent("swap_used_percent", memory.swap_used_percent()),
        ];
        used.into_iter().flatten().collect()
    }

    fn load(&self) -> Vec<Measured> {
        let text = self.proc.read("loadavg").unwrap_or_default();
        let loads = ["load1", "load5", "load15"]
            .into_iter()
            .zip(text.split_whitespace());
        let measured = loads.filter_map(|(name, load)| {
            Some(Measured::new(AGENT, name, Unit::None, load.parse().ok()?))
        });
        measured.collect()
    }
}

fn grown<const N: usize>(names: &[(&str, Unit); N], by: [f64; N]) -> Vec<Measured> {
    let measured = names.iter().zip(by);
    measured
        .map(|((name, unit), by)| Measured::new(EC2, name, *unit, by))
        .collect()
}

/// The moment that a sample is of, and its resolution: a minute's is of the minute.
fn when(clock: &dyn Clock, every: Duration) -> (Timestamp, u32) {
    let resolution = if every < Duration::from_secs(60) {
        1
    } else {
        60
    };
    (Timestamp::from_secs(clock.now().as_secs()), resolution)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base::{ManualClock, SystemClock};

    use super::*;

    fn write(dir: &std::path::Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn counters_are_told_as_what_they_grew_by() {
        let dir = tempfile::tempdir().unwrap();
        write(
            dir.path(),
            &[
                ("stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1\n"),
                (
                    "net/dev",
                    "Inter-| Receive\n face |bytes\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0:1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n",
                ),
                (
                    "diskstats",
                    "   8 0 sda 10 0 80 0 20 0 160 0 0 0 0\n   8 1 sda1 10 0 80 0 20 0 160 0 0 0 0\n",
                ),
                (
                    "meminfo",
                    "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
                ),
                ("loadavg", "0.50 1.00 2.00 1/100 4242\n"),
                ("block/sda/x", ""),
            ],
        );
        let clock = ManualClock::at(Timestamp::from_millis(60_500));
        let mut sampler = Sampler::new(Proc::at(dir.path()));
        sampler.sys = dir.path().join("block");
        let minute = Duration::from_secs(60);
        let first = sampler.sample("i-1", &clock, minute);
        assert!(first.iter().all(|datum| datum.name != "CPUUtilization"));
        write(
            dir.path(),
            &[
                ("stat", "cpu  150 0 125 800 125 0 0 0 0 0\n"),
                (
                    "net/dev",
                    "a\nb\n    lo: 99 99 0 0 0 0 0 0 99 99 0 0 0 0 0 0\n  eth0: 1500 15 0 0 0 0 0 0 2100 21 0 0 0 0 0 0\n",
                ),
                (
                    "diskstats",
                    "   8 0 sda 12 0 90 0 25 0 162 0 0 0 0\n   8 1 sda1 99 0 99 0 99 0 999 0 0 0 0\n",
                ),
            ],
        );
        let second = sampler.sample("i-1", &clock, Duration::from_secs(10));
        let values: BTreeMap<_, _> = second
            .iter()
            .map(|datum| (datum.name.as_str(), datum.value))
            .collect();
        for (name, value) in [
            // 75 of 200 ticks were neither idle nor waiting.
            ("CPUUtilization", 37.5),
            ("NetworkIn", 500.0),
            ("NetworkOut", 100.0),
            ("NetworkPacketsIn", 5.0),
            ("NetworkPacketsOut", 1.0),
            ("DiskReadOps", 2.0),
            ("DiskWriteOps", 5.0),
            ("DiskReadBytes", 5120.0),
            ("DiskWriteBytes", 1024.0),
            ("StatusCheckFailed", 0.0),
            ("mem_used_percent", 75.0),
            ("load5", 1.0),
        ] {
            assert_eq!(values.get(name), Some(&value), "{name}");
        }
        assert!(!values.contains_key("swap_used_percent"));
        assert_eq!(
            (second[0].at, second[0].resolution_secs),
            (Timestamp::from_secs(60), 1)
        );
        assert_eq!(first[0].resolution_secs, 60);
        assert_eq!(
            second[0].dimensions,
            BTreeMap::from([("InstanceId".to_owned(), "i-1".to_owned())])
        );
    }

    #[test]
    fn this_host_is_measured() {
        let clock = SystemClock::new();
        let mut sampler = Sampler::new(Proc::default());
        sampler.sample("i-1", &clock, Duration::from_secs(60));
        let data = sampler.sample("i-1", &clock, Duration::from_secs(60));
        for name in [
            "NetworkIn",
            "mem_used_percent",
            "load1",
            "disk_used_percent",
        ] {
            assert!(
                data.iter().any(|datum| datum.name == name),
                "{name} in {data:?}"
            );
        }
    }

    #[test]
    fn a_kernel_that_says_nothing_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let clock = SystemClock::new();
        let data =
            Sampler::new(Proc::at(dir.path())).sample("i-1", &clock, Duration::from_secs(60));
        assert_eq!(data.len(), 3, "the status checks alone");
    }
}
