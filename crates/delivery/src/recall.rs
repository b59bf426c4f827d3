//! What was put off for receivers that do not answer, and who is called back when one does.
//!
//! What waits for a broken receiver comes back by itself within some minutes (`notifier/unit/breaker.rs`). Where the queue can make
//! a message due before its time, nobody need wait for that: what is put off is noted here, the oldest first, and each answer of its
//! receiver calls back more, so that what comes grows as its answers do and never is all that waits at once.
//!
//! INVARIANT: nothing depends on what is noted here. It is lost when the process ends, and bounded by [`NOTED_MAX`]; what is
//! not noted comes at its time.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::destinations::Destinations;
use crate::port::{LineOutcome, Next, Outcome, Verdict};

/// Messages that are noted at once, for all receivers of a route. Chosen: some 20 MB.
pub const NOTED_MAX: usize = 1_000_000;

/// Messages that the first answer calls back. Chosen: as many as a receiver is met with that is not known.
const FIRST: u32 = 16;

/// Messages that were called back and not answered for, at most. Chosen: as many as a notifier's slots.
const OUT_MAX: u32 = 1_024;

/// How often each receiver has come back that is being called back for. Who finds another number than before need not wait any
/// longer before it looks itself whether that receiver answers.
pub type Answering = Arc<BTreeMap<Arc<str>, u64>>;

/// What waits for the receivers of one route. `K`: which message, older ones first; `V`: which of its waits.
#[derive(Debug)]
pub struct Recall<K, V> {
    receivers: HashMap<Arc<str>, Held<K, V>>,
    noted: usize,
    returns: u64,
    answering: Answering,
    /// Whether `answering` is not what holds.
    is_stale: bool,
}

#[derive(Debug)]
struct Held<K, V> {
    waiting: BTreeMap<K, V>,
    /// Called back, and not answered for.
    out: u32,
    /// How many may be.
    goal: u32,
    /// Which return of a receiver it was; `None` while it does not answer.
    returned: Option<u64>,
}

impl<K: Ord + Copy, V> Default for Recall<K, V> {
    fn default() -> Self {
        Self {
            receivers: HashMap::new(),
            noted: 0,
            returns: 0,
            answering: Answering::default(),
            is_stale: false,
        }
    }
}

impl<K: Ord + Copy, V> Recall<K, V> {
    /// Whether nothing is noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.receivers.is_empty()
    }

    /// Those that answer again and for which something waits still.
    pub fn answering(&mut self) -> Answering {
        if std::mem::take(&mut self.is_stale) {
            let receivers = self.receivers.iter();
            let returned =
                receivers.filter_map(|(name, held)| Some((name.clone(), held.returned?)));
            self.answering = Arc::new(returned.collect());
        }
        self.answering.clone()
    }

    /// Notes what was settled. `wait`: the wait that a message that stays in its queue is in now. Answers the messages that are
    /// to be made due.
    pub fn settled(
        &mut self,
        destinations: &Destinations,
        outcome: &Outcome,
        wait: impl FnOnce() -> Option<(K, V)>,
    ) -> Vec<(K, V)> {
        let mut receiver = String::new();
        let mut name = |line: &LineOutcome| {
            let request = &line.request.as_ref()?.request;
            destinations.write_receiver(&request.url, &mut receiver);
            Some(receiver.clone())
        };
        if let Some(broken) = broken(outcome) {
            if let (Some(receiver), Some((message, wait))) = (name(broken), wait()) {
                self.put_off(&receiver, message, wait);
            }
            return Vec::new();
        }
        let mut called = Vec::new();
        for line in outcome.lines.iter().filter(|line| has_answered(line)) {
            if let Some(receiver) = name(line) {
                called.extend(self.answered(&receiver));
            }
        }
        called
    }

    /// A message is put off, since `receiver` does not answer.
    pub fn put_off(&mut self, receiver: &str, message: K, wait: V) {
        if !self.receivers.contains_key(receiver) {
            self.receivers.insert(Arc::from(receiver), Held::new());
        }
        let Some(held) = self.receivers.get_mut(receiver) else {
            return;
        };
        let is_known = held.waiting.contains_key(&message);
        if is_known || self.noted < NOTED_MAX {
            held.waiting.insert(message, wait);
            self.noted += usize::from(!is_known);
        }
        held.out = held.out.saturating_sub(1);
        held.goal = FIRST;
        self.is_stale |= held.returned.take().is_some();
    }

    /// `receiver` has answered one notification: those that are to be made due now.
    pub fn answered(&mut self, receiver: &str) -> Vec<(K, V)> {
        let Some(held) = self.receivers.get_mut(receiver) else {
            return Vec::new();
        };
        if held.returned.is_none() {
            self.returns += 1;
            held.returned = Some(self.returns);
            self.is_stale = true;
        }
        let called = held.call();
        self.noted -= called.len();
        if held.waiting.is_empty() {
            self.receivers.remove(receiver);
            self.is_stale = true;
        }
        called
    }
}

impl<K: Ord + Copy, V> Held<K, V> {
    fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            out: 0,
            goal: FIRST,
            returned: None,
        }
    }

    fn call(&mut self) -> Vec<(K, V)> {
        self.out = self.out.saturating_sub(1);
        let count = self.goal.saturating_sub(self.out);
        self.goal = (self.goal + 1).min(OUT_MAX);
        let mut called = Vec::new();
        while (called.len() as u64) < u64::from(count)
            && let Some(one) = self.waiting.pop_first()
        {
            called.push(one);
            self.out += 1;
        }
        called
    }
}

/// Whether an outcome is to be told to [`Recall::settled`]. `has_noted`: whether anything is noted.
#[must_use]
pub fn is_about(outcome: &Outcome, has_noted: bool) -> bool {
    broken(outcome).is_some() || (has_noted && outcome.lines.iter().any(has_answered))
}

/// The line for whose receiver a message waits in its queue, because that does not answer.
fn broken(outcome: &Outcome) -> Option<&LineOutcome> {
    let is_broken = |line: &&LineOutcome| matches!(line.verdict, Verdict::Broken { .. });
    match outcome.next {
        Next::RetryAt { .. } => outcome.lines.iter().find(is_broken),
        Next::Gone | Next::VisibleAfter { .. } => None,
    }
}

/// Whether a line shows that its receiver answers: it was taken, or refused for a reason of its own.
fn has_answered(line: &LineOutcome) -> bool {
    let status = line.attempt.as_ref().and_then(|attempt| attempt.status);
    let is_refused = status.is_some_and(|status| status < 500 && status != 429);
    is_refused || (line.verdict == Verdict::Delivered && line.attempt.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(waiting: u64) -> Recall<u64, u64> {
        let mut recall = Recall::default();
        (0..waiting).for_each(|n| recall.put_off("a", n, 1));
        recall
    }

    #[test]
    fn each_answer_calls_back_more_and_the_oldest_first() {
        let mut recall = of(10_000);
        recall.put_off("b", 0, 1);
        let first = recall.answered("a");
        assert_eq!(first.len(), 16);
        assert!(first.iter().map(|(n, _)| *n).eq(0..16));
        let mut out = first.len();
        let mut most = 0;
        while recall.receivers.contains_key("a") {
            out = out + recall.answered("a").len() - 1;
            most = most.max(out);
        }
        assert_eq!(most, 1_024, "never more than a notifier has slots");
        assert!(recall.answered("a").is_empty());
        assert_eq!((recall.noted, recall.answered("b").len()), (1, 1));
        assert!(recall.is_empty());
    }

    #[test]
    fn who_breaks_again_is_met_with_few_and_returns_anew() {
        let mut recall = of(1_000);
        let called: usize = (0..100).map(|_| recall.answered("a").len()).sum();
        // Of the first answer 16, of each more two: its own place and one more.
        assert_eq!(called, 16 + 99 * 2);
        let first = recall.answering()["a"];
        recall.put_off("a", 3, 2);
        assert!(recall.answering().is_empty());
        assert_eq!(recall.noted, 1_000 - 214 + 1);
        // It was put off again: its last wait counts.
        assert!(recall.answered("a").len() <= 1);
        assert!(recall.answering()["a"] > first);
    }

    #[test]
    fn what_is_not_noted_is_no_more_than_late() {
        let mut recall = Recall::default();
        for n in 0..NOTED_MAX + 10 {
            recall.put_off("a", n, ());
        }
        assert_eq!(recall.noted, NOTED_MAX);
        // What is known is noted with its new wait all the same.
        recall.put_off("a", 0, ());
        assert_eq!(recall.noted, NOTED_MAX);
    }
}
