//! How full the mounted file systems are. Source: proc(5), `/proc/self/mounts`; statvfs(3).

use std::collections::BTreeSet;

use crate::datum::{Measured, Unit};
use crate::procfs::Proc;

use super::AGENT;

/// File systems that are looked at: those on a disk of the host's. Those of the network may not answer, those of the kernel have no
/// disk.
const ON_DISK: [&str; 13] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "vfat", "exfat", "ntfs3", "jfs",
    "reiserfs", "overlay",
];
/// File systems that are told. Chosen.
const MAX: usize = 64;

/// One mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Such as `sda1`, or `overlay`.
    pub device: String,
    /// Where.
    pub path: String,
    /// Such as `ext4`.
    pub kind: String,
}

/// The file systems on disks. A device that is mounted several times is told once, where it was first.
#[must_use]
pub fn mounts(text: &str) -> Vec<Mount> {
    let mut seen = BTreeSet::new();
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, path, kind) = (words.next()?, words.next()?, words.next()?);
        let is_told = ON_DISK.contains(&kind) && seen.insert(device.to_owned());
        is_told.then(|| Mount {
            device: unescaped(device.strip_prefix("/dev/").unwrap_or(device)),
            path: unescaped(path),
            kind: kind.to_owned(),
        })
    });
    lines.take(MAX).collect()
}

/// How full they are, in percent.
pub(super) fn used(proc: &Proc) -> Vec<Measured> {
    let text = proc.read("self/mounts").unwrap_or_default();
    mounts(&text).iter().flat_map(measure).collect()
}

fn measure(mount: &Mount) -> Vec<Measured> {
    let Ok(found) = rustix::fs::statvfs(mount.path.as_str()) else {
        return Vec::new();
    };
    // Of what a user can have: what is kept back for root counts as neither used nor free. Source: df(1).
    let used = found.f_blocks.saturating_sub(found.f_bfree);
    let inodes = found.f_files.saturating_sub(found.f_ffree);
    let values = [
        ("disk_used_percent", percent(used, found.f_bavail)),
        ("disk_inodes_used_percent", percent(inodes, found.f_favail)),
    ];
    let measured = values.into_iter().filter_map(|(name, value)| {
        let measured = Measured::new(AGENT, name, Unit::Percent, value?);
        let of = measured
            .with("path", &mount.path)
            .with("device", &mount.device);
        Some(of.with("fstype", &mount.kind))
    });
    measured.collect()
}

#[expect(clippy::cast_precision_loss, reason = "blocks of a disk")]
fn percent(used: u64, free: u64) -> Option<f64> {
    let all = used.saturating_add(free);
    (all > 0).then(|| used as f64 * 100.0 / all as f64)
}

/// The kernel writes spaces as `\040`.
fn unescaped(text: &str) -> String {
    let known = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    known.iter().fold(text.to_owned(), |text, (code, letter)| {
        text.replace(code, letter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_told_once_and_nothing_else() {
        let text = "/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/sda1 /bind ext4 rw 0 0\nserver:/x /nfs nfs4 rw 0 0\n/dev/sdb1 /my\\040disk xfs rw 0 0\ntmpfs /run tmpfs rw 0 0\nshort\n";
        let mounts = mounts(text);
        let told: Vec<_> = mounts
            .iter()
            .map(|mount| {
                (
                    mount.device.as_str(),
                    mount.path.as_str(),
                    mount.kind.as_str(),
                )
            })
            .collect();
        assert_eq!(told, [("sda1", "/", "ext4"), ("sdb1", "/my disk", "xfs")]);
    }

    #[test]
    fn a_part_of_nothing_is_none() {
        assert_eq!(percent(1, 3), Some(25.0));
        assert_eq!(percent(0, 0), None);
    }
}
