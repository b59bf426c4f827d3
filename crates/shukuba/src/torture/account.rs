//! Three accounts of the same notifications: acknowledgements, stored results, and what the sink saw.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use super::Verdict;
use super::child::{Child, Directory, SLOTS};
use super::hostile;
use super::load::Sent;

/// What one notifier may have in hand when it is killed: its slots and twice as many received ahead (the default prefetch).
/// Each may be sent once more.
pub(super) const IN_HAND_MAX: u64 = SLOTS * 3;

/// What is known at the end.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Stored results of each number that say what became of it in the end.
    results: HashMap<u64, u64>,
    /// Requests of each number that reached the sink and were to be answered 200.
    seen: HashMap<u64, u64>,
}

impl Account {
    /// Reads the result objects and the sink's log.
    pub(super) async fn take(directory: &Directory, sink: &Child) -> anyhow::Result<Self> {
        sink.host()?;
        // The sink writes its log at most this late.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let mut account = Self::default();
        for path in result_objects(directory.path())? {
            for number in numbers_of_object(&path)? {
                *account.results.entry(number).or_default() += 1;
            }
        }
        let log =
            std::fs::read_to_string(directory.sink_log()).context("reading the sink's log")?;
        for number in log.lines().filter_map(number_of_request) {
            *account.seen.entry(number).or_default() += 1;
        }
        Ok(account)
    }

    pub(super) fn compare(&self, kills: u32, sent: &Sent, balanced: bool) -> Verdict {
        let acknowledged = &sent.acknowledged;
        let is_unknown =
            |number: &&u64| !self.seen.contains_key(number) && !self.results.contains_key(number);
        let has_no_result = |number: &&u64| !self.results.contains_key(number);
        let sent_without = self
            .seen
            .keys()
            .filter(|number| !acknowledged.contains(number))
            .filter(has_no_result)
            .count();
        let acknowledged_without = acknowledged.iter().filter(has_no_result).count();
        Verdict {
            kills,
            acknowledged: acknowledged.len() as u64,
            hostile: acknowledged
                .iter()
                .filter(|n| hostile::is_hostile(**n))
                .count() as u64,
            lost: acknowledged.iter().filter(is_unknown).count() as u64,
            without_result: (sent_without + acknowledged_without) as u64,
            duplicates: self.seen.values().map(|times| times - 1).sum(),
            duplicates_max: u64::from(kills) * IN_HAND_MAX,
            balanced,
        }
    }
}

/// How many notifications have a stored result so far.
pub(super) fn results_stored(directory: &Directory) -> anyhow::Result<u64> {
    let mut numbers = std::collections::HashSet::new();
    for path in result_objects(directory.path())? {
        numbers.extend(numbers_of_object(&path)?);
    }
    Ok(numbers.len() as u64)
}

pub(super) fn result_objects(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        // Compaction may remove what was just listed.
        let Ok(listing) = std::fs::read_dir(&folder) else {
            continue;
        };
        for path in listing.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(".ndjson.zst") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// The numbers whose last result lies here.
fn numbers_of_object(path: &Path) -> anyhow::Result<Vec<u64>> {
    let Ok(bytes) = std::fs::read(path) else {
        return Ok(Vec::new());
    };
    let text = zstd::stream::decode_all(bytes.as_slice())
        .with_context(|| format!("reading {}", path.display()))?;
    let number = |line: &[u8]| {
        let result: Value = serde_json::from_slice(line).ok()?;
        if result.get("verdict")? == "retry" {
            return None;
        }
        result
            .get("notification_id")?
            .as_str()?
            .strip_prefix('n')?
            .parse()
            .ok()
    };
    Ok(text
        .split(|byte| *byte == b'\n')
        .filter_map(number)
        .collect())
}

/// The number in the target of a line of the sink's log: time, method, target, id.
fn number_of_request(line: &str) -> Option<u64> {
    line.split('\t')
        .nth(2)?
        .strip_prefix("/ok?n=")?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(results: &[u64], seen: &[u64]) -> Account {
        let mut account = Account::default();
        for number in results {
            *account.results.entry(*number).or_default() += 1;
        }
        for number in seen {
            *account.seen.entry(*number).or_default() += 1;
        }
        account
    }

    fn sent(numbers: &[u64]) -> Sent {
        Sent {
            acknowledged: numbers.iter().copied().collect(),
        }
    }

    #[test]
    fn all_is_well_when_every_acknowledged_number_has_a_result() {
        let verdict = account(&[1, 2, 3], &[1, 2, 2, 3]).compare(1, &sent(&[1, 2]), true);
        assert!(verdict.is_good(), "{verdict:?}");
        assert_eq!(verdict.duplicates, 1);
    }

    #[test]
    fn what_is_missing_is_counted() {
        let verdict = account(&[1], &[1, 2, 9]).compare(1, &sent(&[1, 2, 3]), true);
        assert_eq!((verdict.lost, verdict.without_result), (1, 3));
        assert!(!verdict.is_good());
    }

    #[test]
    fn the_sinks_log_names_the_number() {
        assert_eq!(
            number_of_request("2026-11-23T00:00:00.000Z\tGET\t/ok?n=17\tn17"),
            Some(17)
        );
        assert_eq!(number_of_request("garbage"), None);
    }
}
