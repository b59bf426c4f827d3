//! Which batches of metrics came already: an agent sends one again when the answer was lost.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;

/// Batches that are remembered of an agent. Chosen: it sends one after the other.
const OF_ONE: usize = 16;
/// Agents whose batches are remembered; beyond them all are forgotten. Chosen: some megabytes.
const AGENTS_MAX: usize = 10_000;

/// The last batches of each agent, in memory: after a restart of the server one may count twice.
#[derive(Debug, Default)]
pub(in crate::serve) struct Batches(Mutex<HashMap<String, VecDeque<String>>>);

impl Batches {
    /// Whether the batch came already.
    pub(in crate::serve) fn is_known(&self, agent: &str, batch: &str) -> bool {
        let known = self.0.lock();
        known
            .get(agent)
            .is_some_and(|known| known.iter().any(|id| id == batch))
    }

    /// Notes that it came.
    pub(in crate::serve) fn note(&self, agent: &str, batch: &str) {
        let mut known = self.0.lock();
        if known.len() >= AGENTS_MAX && !known.contains_key(agent) {
            known.clear();
        }
        let of_agent = known.entry(agent.to_owned()).or_default();
        of_agent.push_back(batch.to_owned());
        if of_agent.len() > OF_ONE {
            of_agent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_batches_are_known_and_memory_is_bounded() {
        let batches = Batches::default();
        for number in 0..=OF_ONE {
            batches.note("a", &number.to_string());
        }
        assert!(!batches.is_known("a", "0") && batches.is_known("a", "1"));
        assert!(!batches.is_known("b", "1"));
        for number in 0..=AGENTS_MAX {
            batches.note(&number.to_string(), "1");
        }
        assert!(batches.0.lock().len() <= AGENTS_MAX);
    }
}
