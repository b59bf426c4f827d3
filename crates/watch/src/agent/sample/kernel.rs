//! What the kernel counts: processors, memory, network, block devices. Source: proc(5).

use crate::datum::Unit;

/// Bytes of a sector of `/proc/diskstats`, whatever the device's are. Source: Linux, Documentation/admin-guide/iostats.rst.
const SECTOR: u64 = 512;
/// Interfaces that carry nothing of their own: the loopback, and what containers and bridges add, which `eth0` and its like count
/// as well.
const INNER: [&str; 7] = ["lo", "veth", "docker", "br-", "virbr", "cni", "flannel"];

/// Ticks of all processors together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    busy: u64,
    all: u64,
}

impl Cpu {
    /// Of `/proc/stat`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line
            .split_whitespace()
            .map_while(|word| word.parse().ok())
            .collect();
        // user nice system idle iowait irq softirq steal; guests are in user.
        let all: u64 = ticks.iter().take(8).sum();
        let at = |index: usize| ticks.get(index).copied().unwrap_or(0);
        let unused = at(3) + at(4) + at(7);
        Some(Self {
            busy: all.saturating_sub(unused),
            all,
        })
    }

    /// How busy they were since, in percent; none where no time passed. Time stolen by other guests is not theirs.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "ticks of one interval")]
    pub fn busy_since(self, before: Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        let busy = self.busy.saturating_sub(before.busy);
        Some((busy as f64 * 100.0 / all as f64).min(100.0))
    }
}

/// Bytes and packets of all interfaces together: in, out, packets in, packets out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network([u64; 4]);

impl Network {
    /// The metrics, in the order of the counters.
    pub const NAMES: [(&'static str, Unit); 4] = [
        ("NetworkIn", Unit::Bytes),
        ("NetworkOut", Unit::Bytes),
        ("NetworkPacketsIn", Unit::Count),
        ("NetworkPacketsOut", Unit::Count),
    ];

    /// Of `/proc/net/dev`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut sum = [0_u64; 4];
        for (name, counts) in text.lines().filter_map(|line| line.split_once(':')) {
            if INNER.iter().any(|inner| name.trim().starts_with(inner)) {
                continue;
            }
            let counts: Vec<u64> = counts
                .split_whitespace()
                .map_while(|word| word.parse().ok())
                .collect();
            for (sum, index) in sum.iter_mut().zip([0, 8, 1, 9]) {
                *sum = sum.saturating_add(counts.get(index).copied().unwrap_or(0));
            }
        }
        Self(sum)
    }

    /// What they grew by. Counters that went back, as when an interface was removed, did not grow.
    #[must_use]
    pub fn since(&self, before: &Self) -> [f64; 4] {
        grown(self.0, before.0)
    }
}

/// Reads, writes and their bytes of all block devices together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks([u64; 4]);

impl Blocks {
    /// The metrics, in the order of the counters.
    pub const NAMES: [(&'static str, Unit); 4] = [
        ("DiskReadOps", Unit::Count),
        ("DiskWriteOps", Unit::Count),
        ("DiskReadBytes", Unit::Bytes),
        ("DiskWriteBytes", Unit::Bytes),
    ];

    /// Of `/proc/diskstats`. `is_whole` tells devices from their partitions; what is made of other devices is not counted again.
    #[must_use]
    pub fn parse(text: &str, is_whole: impl Fn(&str) -> bool) -> Self {
        let mut sum = [0_u64; 4];
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let Some(device) = words.get(2) else { continue };
            let is_made_of_others = ["loop", "ram", "dm-", "md", "zram", "sr"]
                .iter()
                .any(|kind| device.starts_with(kind));
            if is_made_of_others || !is_whole(device) {
                continue;
            }
            let at = |index: usize| {
                words
                    .get(index)
                    .and_then(|word| word.parse::<u64>().ok())
                    .unwrap_or(0)
            };
            let counts = [
                at(3),
                at(7),
                at(5).saturating_mul(SECTOR),
                at(9).saturating_mul(SECTOR),
            ];
            for (sum, count) in sum.iter_mut().zip(counts) {
                *sum = sum.saturating_add(count);
            }
        }
        Self(sum)
    }

    /// What they grew by.
    #[must_use]
    pub fn since(&self, before: &Self) -> [f64; 4] {
        grown(self.0, before.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "what one interval adds")]
fn grown(now: [u64; 4], before: [u64; 4]) -> [f64; 4] {
    let mut grown = [0.0; 4];
    for (grown, (now, before)) in grown.iter_mut().zip(now.into_iter().zip(before)) {
        *grown = now.saturating_sub(before) as f64;
    }
    grown
}

/// Memory and swap, in kB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    total: f64,
    available: f64,
    swap_total: f64,
    swap_free: f64,
}

impl Memory {
    /// Of `/proc/meminfo`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let value = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let word = line.and_then(|line| line.split_whitespace().next());
            word.and_then(|word| word.parse().ok()).unwrap_or(0.0)
        };
        Self {
            total: value("MemTotal"),
            available: value("MemAvailable"),
            swap_total: value("SwapTotal"),
            swap_free: value("SwapFree"),
        }
    }

    /// Bytes of memory.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "kB of memory, never negative"
    )]
    pub fn total_bytes(&self) -> u64 {
        (self.total.max(0.0) * 1024.0) as u64
    }

    /// What programs cannot have, in percent: all but what the kernel says is available.
    #[must_use]
    pub fn used_percent(&self) -> Option<f64> {
        percent(self.total, self.available)
    }

    /// Swap that is used, in percent; none without swap.
    #[must_use]
    pub fn swap_used_percent(&self) -> Option<f64> {
        percent(self.swap_total, self.swap_free)
    }
}

fn percent(total: f64, free: f64) -> Option<f64> {
    (total > 0.0).then(|| (total - free) * 100.0 / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_went_back_did_not_grow() {
        assert_eq!(Network([1; 4]).since(&Network([2; 4])), [0.0; 4]);
        let cpu = |text| Cpu::parse(text).unwrap();
        assert_eq!(cpu("cpu  1 1 1 1").busy_since(cpu("cpu  1 1 1 1")), None);
        assert_eq!(cpu("cpu  0 0 0 9").busy_since(cpu("cpu  1 1 1 10")), None);
        assert_eq!(Cpu::parse("intr 5"), None);
    }

    #[test]
    fn what_is_made_of_other_devices_is_counted_once() {
        let text =
            " 8 0 sda 1 0 2 0 3 0 4 0\n 253 0 dm-0 1 0 2 0 3 0 4 0\n 7 0 loop0 1 0 2 0 3 0 4 0\n";
        assert_eq!(Blocks::parse(text, |_| true), Blocks([1, 3, 1024, 2048]));
        let net = "a: 1 1 0 0 0 0 0 0 1 1\nveth1: 9 9 0 0 0 0 0 0 9 9\n";
        assert_eq!(Network::parse(net), Network([1; 4]));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([a-z:0-9 ]{0,40}\n){0,8}") {
            let _ = Cpu::parse(&text);
            let _ = Network::parse(&text);
            let _ = Blocks::parse(&text, |_| true);
            let _ = Memory::parse(&text).used_percent();
        }
    }
}
