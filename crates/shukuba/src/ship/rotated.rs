//! The files beside a log that a rotation made of it, and which of them nobody has read.
//!
//! A rotated file bears the log's name with a number (`log.1`) or a date (`log-20261123`, `log.2026-11-23`,
//! `app-20261123.log`), and `.gz` or `.zst` behind it. Other names are other logs: `app-error.log` is none of `app`'s.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::source::{self, Node, Packing, Source, Tail};
use super::state::{FileState, State};

/// Looks at a directory in which files are renamed just now. Chosen.
const LOOKS: usize = 10;
/// Digits from which a number is a date.
const DATE_DIGITS: usize = 8;

/// A rotated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rotated {
    pub(crate) path: PathBuf,
    pub(crate) node: Node,
    /// Its last change in nanoseconds since 1970.
    pub(crate) written: u64,
    order: Order,
}

/// What a name says of its age, where the time does not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// The higher the older.
    Number(std::cmp::Reverse<u64>),
    Date(String),
}

/// The last change in nanoseconds since 1970.
pub(crate) fn written(metadata: &fs::Metadata) -> u64 {
    let seconds = u64::try_from(metadata.mtime()).unwrap_or(0);
    let rest = u64::try_from(metadata.mtime_nsec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// Files in the same directory that may hold what `path` held.
pub(crate) fn siblings(path: &Path) -> Vec<PathBuf> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Vec::new();
    };
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    let is_sibling = |other: &PathBuf| {
        other != path
            && other
                .file_name()
                .and_then(|other| other.to_str())
                .is_some_and(|other| other.starts_with(name) || order(name, other).is_some())
            && other.is_file()
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(is_sibling)
        .collect()
}

/// What was rotated away from `path` and changed at `since` or later, the oldest first.
pub(crate) fn rotated_since(path: &Path, since: u64) -> Vec<Rotated> {
    let mut last = look(path, since);
    for _ in 1..LOOKS {
        let again = look(path, since);
        if again == last {
            break;
        }
        last = again;
    }
    last
}

fn look(path: &Path, since: u64) -> Vec<Rotated> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Vec::new();
    };
    let all = siblings(path);
    let mut found: Vec<Rotated> = all
        .iter()
        // Both are there while one is compressed into the other.
        .filter(|path| {
            Packing::of(path) == Packing::Plain || !all.contains(&path.with_extension(""))
        })
        .filter_map(|path| {
            let metadata = fs::metadata(path).ok()?;
            let rotated = Rotated {
                path: path.clone(),
                node: Node::of(&metadata),
                written: written(&metadata),
                order: order(name, path.file_name()?.to_str()?)?,
            };
            is_since(rotated.written, since).then_some(rotated)
        })
        .collect();
    found.sort_by(|a, b| (a.written, &a.order).cmp(&(b.written, &b.order)));
    found
}

/// Some compressors keep the time of the original in whole seconds.
fn is_since(written: u64, since: u64) -> bool {
    const SECOND: u64 = 1_000_000_000;
    written >= since || (written.is_multiple_of(SECOND) && written == since - since % SECOND)
}

/// What `other` says of its age as a rotated file of `name`; `None` when it is none.
fn order(name: &str, other: &str) -> Option<Order> {
    let plain = other
        .strip_suffix(".gz")
        .or_else(|| other.strip_suffix(".zst"))
        .unwrap_or(other);
    if let Some(rest) = plain.strip_prefix(name) {
        let number = rest.strip_prefix('.').filter(|rest| {
            rest.len() < DATE_DIGITS && rest.bytes().all(|byte| byte.is_ascii_digit())
        });
        return match number.and_then(|rest| rest.parse().ok()) {
            Some(number) => Some(Order::Number(std::cmp::Reverse(number))),
            None => date(rest),
        };
    }
    // The date before the extension: a number there may be another process's log, `worker-1.log`.
    let (stem, extension) = name.rsplit_once('.')?;
    date(
        plain
            .strip_prefix(stem)?
            .strip_suffix(extension)?
            .strip_suffix('.')?,
    )
}

fn date(rest: &str) -> Option<Order> {
    let date = rest.strip_prefix(['.', '-', '_'])?;
    let digits = date.bytes().filter(u8::is_ascii_digit).count();
    let is_date = digits >= DATE_DIGITS
        && date.starts_with(|letter: char| letter.is_ascii_digit())
        && date
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"-._:+TZ".contains(&byte));
    is_date.then(|| Order::Date(date.to_owned()))
}

/// The known file that `rotated` is, being read or not: the one of which it holds the most.
pub(crate) fn known(state: &State, rotated: &Rotated, print: &str) -> Option<usize> {
    let is_same = |file: &FileState| match file.proof() {
        Some((at, tail)) => text_tail(&rotated.path, at).as_ref() == Some(tail),
        None => file.node == rotated.node,
    };
    let same = state
        .files
        .iter()
        .enumerate()
        .filter(|(_, file)| file.fingerprint == print && is_same(file));
    same.max_by_key(|(_, file)| file.offset)
        .map(|(index, _)| index)
}

/// Whether the plain file holds what is known of `file`, up to where it was read.
pub(crate) fn goes_on(open: &File, file: &FileState) -> bool {
    let is_long_enough = open
        .metadata()
        .is_ok_and(|metadata| metadata.len() >= file.offset);
    is_long_enough
        && file.proof().is_none_or(|(at, tail)| {
            source::tail_of(open, at).ok().flatten().as_ref() == Some(tail)
        })
}

/// The hash of the text before an offset, whatever the packing.
pub(crate) fn text_tail(path: &Path, offset: u64) -> Option<Tail> {
    Source::open(path, 1 << 20).ok()?.skip_to(offset).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_files_are_told_from_other_logs() {
        for other in [
            "app.log.1",
            "app.log.12.gz",
            "app.log-20261123",
            "app.log.2026-11-23.zst",
        ] {
            assert!(order("app.log", other).is_some(), "{other}");
        }
        for other in ["app-20261123.log", "app.2026-11-23T10:00:00.log.gz"] {
            assert!(order("app.log", other).is_some(), "{other}");
        }
        for other in [
            "app.log.err",
            "app.log-1",
            "app-1.log",
            "app.log.bak",
            "app.log.gz",
            "app.log2",
        ] {
            assert!(order("app.log", other).is_none(), "{other}");
        }
        assert!(order("app", "app-error.log").is_none());
        assert!(order("l", "l.2") < order("l", "l.1"));
        assert!(order("l", "l-20261122.gz") < order("l", "l-20261123"));
    }

    #[test]
    fn a_time_in_whole_seconds_counts_as_that_second() {
        assert!(is_since(7_000_000_000, 7_300_000_000));
        assert!(!is_since(7_100_000_000, 7_300_000_000));
        assert!(!is_since(6_000_000_000, 7_300_000_000));
    }
}
