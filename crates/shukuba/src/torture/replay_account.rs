//! What became of each notification of a replay: its results, and what the receiver saw.

use std::collections::HashSet;
use std::io::BufRead;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::account::result_objects;
use super::child::Directory;

/// The results that end the notifications of a replay.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// How many each number has.
    of: Vec<u8>,
    /// An attempt's result may lie in two objects while one replaces the other.
    read: HashSet<String>,
}

impl Ends {
    /// Reads all stored results.
    pub(super) fn read(directory: &Directory, replay: &str, count: u64) -> anyhow::Result<Self> {
        let mut ends = Self {
            of: vec![0; usize::try_from(count)?],
            read: HashSet::new(),
        };
        for path in result_objects(directory.path())? {
            let bytes =
                std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            let text = zstd::stream::decode_all(bytes.as_slice())
                .with_context(|| format!("reading {}", path.display()))?;
            for line in text.split(|byte| *byte == b'\n') {
                ends.note(line, replay);
            }
        }
        Ok(ends)
    }

    fn note(&mut self, line: &[u8], replay: &str) {
        let Ok(result) = serde_json::from_slice::<Value>(line) else {
            return;
        };
        let text = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_end = !["retry", "unsent"].contains(&text("verdict"))
            && result.get("late") != Some(&Value::Bool(true));
        if !is_end || !text("replay").starts_with(replay) {
            return;
        }
        let number = text("notification_id").strip_prefix('n');
        let number = number.and_then(|number| number.parse::<usize>().ok());
        if let Some(count) = number.and_then(|number| self.of.get_mut(number)) {
            // Another message of the same notification has another id.
            if self.read.insert(text("message_id").to_owned()) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// How many have exactly one.
    pub(super) fn once(&self) -> u64 {
        self.of.iter().filter(|count| **count == 1).count() as u64
    }
}

/// How many requests of each number are in a sink's log.
pub(super) fn seen(log: &Path, count: u64) -> anyhow::Result<Vec<u32>> {
    let mut seen = vec![0u32; usize::try_from(count)?];
    let file = std::fs::File::open(log).context("reading the sink's log")?;
    for line in std::io::BufReader::new(file).lines() {
        let number = number_of_request(&line?);
        if let Some(times) = number.and_then(|number| seen.get_mut(number)) {
            *times += 1;
        }
    }
    Ok(seen)
}

/// The number in the target of a line of the sink's log: time, method, target, id.
fn number_of_request(line: &str) -> Option<usize> {
    line.split('\t').nth(2)?.strip_prefix("/r?n=")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(message: &str, id: &str, verdict: &str, replay: &str) -> Vec<u8> {
        serde_json::json!({
            "message_id": message, "notification_id": id, "verdict": verdict, "replay": replay,
        })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn two_messages_of_one_notification_are_two_ends() {
        let mut ends = Ends {
            of: vec![0; 4],
            read: HashSet::new(),
        };
        ends.note(&result("a", "n0", "delivered", "r-1#0."), "r-1");
        // The same result in another object, a retry, another replay.
        ends.note(&result("a", "n0", "delivered", "r-1#0."), "r-1");
        ends.note(&result("b", "n1", "retry", "r-1#1."), "r-1");
        ends.note(&result("c", "n2", "dead", ""), "r-1");
        assert_eq!(ends.of, [1, 0, 0, 0]);
        ends.note(&result("d", "n0", "delivered", "r-1#0."), "r-1");
        assert_eq!((ends.of[0], ends.once()), (2, 0));
    }

    #[test]
    fn the_sinks_log_names_the_number() {
        assert_eq!(
            number_of_request("2026-11-23T00:00:00.000Z\tGET\t/r?n=17\tn17"),
            Some(17)
        );
        assert_eq!(number_of_request("garbage"), None);
    }
}
