//! What was put off for receivers that do not answer, and who is called back when one does.
//!
//! What waits for a broken receiver comes back by itself within some minutes (`notifier/unit/breaker.rs`). Where the queue can make
//! a message due before its time, nobody need wait for that: what is put off is noted here, the oldest first, and each answer of its
//! receiver calls back more, so that what comes grows as its answers do and never is all that waits at once.
//!
//! INVARIANT: nothing depends on what is noted here. It is lost when the process ends, and bounded by [`NOTED_MAX`]; what is
//! not noted comes at its time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::destinations::Destinations;
use crate::port::{LineOutcome, Next, Outcome, Tried, Verdict};

/// Messages that are noted at once, for all receivers of a route. Chosen: some 20 MB.
pub const NOTED_MAX: usize = 1_000_000;

/// Messages that the first answer calls back. Chosen: as many as a receiver is met with that is not known.
const FIRST: usize = 16;

/// Messages that were called back and not settled since, at most. Chosen: as many as a notifier's slots.
const OUT_MAX: usize = 1_024;

/// Of a receiver that was called back for nothing was settled in so many looks: what is out is not waited for any more. Chosen: 5 s.
const IDLE_MAX: u32 = 20;

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
    /// Called back, and not settled since.
    out: BTreeSet<K>,
    /// How many may be.
    goal: usize,
    /// Looks since something of it was settled.
    idle: u32,
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

    /// Notes what was settled. `wait`: its message, and the wait that this is in now if it stays. Answers the messages that are
    /// to be made due.
    pub fn settled(
        &mut self,
        destinations: &Destinations,
        outcome: &Outcome,
        wait: impl FnOnce() -> Option<(K, V)>,
    ) -> Vec<(K, V)> {
        let Some((message, wait)) = wait() else {
            return Vec::new();
        };
        let mut receiver = String::new();
        let mut called = Vec::new();
        let waiting = waiting(outcome);
        for line in waiting.map_or(&outcome.lines[..], std::slice::from_ref) {
            let Some(request) = &line.request else {
                continue;
            };
            destinations.write_receiver(&request.request.url, &mut receiver);
            self.over(&receiver, message);
            match sign(line) {
                Sign::Answers => called.extend(self.answered(&receiver)),
                Sign::Fails => self.failed(&receiver),
                Sign::None => {}
            }
            if waiting.is_none() {
                self.forget_if_empty(&receiver);
            }
        }
        if waiting.is_some() {
            self.note(&receiver, message, wait);
        }
        called
    }

    /// A message waits, since `receiver` does not answer.
    fn note(&mut self, receiver: &str, message: K, wait: V) {
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
    }

    /// A message is settled: it is neither out any more nor in the wait that was noted.
    fn over(&mut self, receiver: &str, message: K) {
        if let Some(held) = self.receivers.get_mut(receiver) {
            held.idle = 0;
            held.out.remove(&message);
            self.noted -= usize::from(held.waiting.remove(&message).is_some());
        }
    }

    /// A send to `receiver` failed: it has not returned, or breaks again.
    fn failed(&mut self, receiver: &str) {
        if let Some(held) = self.receivers.get_mut(receiver) {
            held.goal = FIRST;
            self.is_stale |= held.returned.take().is_some();
        }
    }

    /// `receiver` has answered one notification: those that are to be made due now.
    fn answered(&mut self, receiver: &str) -> Vec<(K, V)> {
        let Some(held) = self.receivers.get_mut(receiver) else {
            return Vec::new();
        };
        if held.returned.is_none() {
            self.returns += 1;
            held.returned = Some(self.returns);
            self.is_stale = true;
        }
        let called = held.call();
        held.goal = (held.goal + 1).min(OUT_MAX);
        self.noted -= called.len();
        called
    }

    fn forget_if_empty(&mut self, receiver: &str) {
        if self.receivers.get(receiver).is_some_and(Held::is_empty) {
            self.receivers.remove(receiver);
            self.is_stale = true;
        }
    }

    /// Calls back for those that answer where nothing is out any more: what was called back came to notifiers that had not heard of the
    /// return yet, and put it off again. To be called as often as they are told.
    pub fn call_on(&mut self) -> Vec<(K, V)> {
        let mut called = Vec::new();
        for held in self.receivers.values_mut() {
            held.idle = held.idle.saturating_add(1);
            if held.idle > IDLE_MAX {
                held.out.clear();
            }
            if held.returned.is_some() && held.out.is_empty() {
                (held.goal, held.idle) = (FIRST, 0);
                called.extend(held.call());
            }
        }
        self.noted -= called.len();
        let known = self.receivers.len();
        self.receivers.retain(|_, held| !held.is_empty());
        self.is_stale |= self.receivers.len() < known;
        called
    }
}

impl<K: Ord + Copy, V> Held<K, V> {
    fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            out: BTreeSet::new(),
            goal: FIRST,
            idle: 0,
            returned: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.out.is_empty()
    }

    fn call(&mut self) -> Vec<(K, V)> {
        let mut called = Vec::new();
        while self.out.len() < self.goal
            && let Some(one) = self.waiting.pop_first()
        {
            self.out.insert(one.0);
            called.push(one);
        }
        called
    }
}

/// Whether an outcome is to be told to [`Recall::settled`]. `has_noted`: whether anything is noted.
#[must_use]
pub fn is_about(outcome: &Outcome, has_noted: bool) -> bool {
    has_noted || waiting(outcome).is_some()
}

/// The line for whose receiver a message waits in its queue, because that does not answer: it was put off untried, or was the probe.
fn waiting(outcome: &Outcome) -> Option<&LineOutcome> {
    let waits = |line: &&LineOutcome| match line.verdict {
        Verdict::Broken { .. } => true,
        Verdict::RetryAt { .. } => line.tried == Tried::Probe,
        _ => false,
    };
    match outcome.next {
        Next::RetryAt { .. } => outcome.lines.iter().find(waits),
        Next::Gone | Next::VisibleAfter { .. } => None,
    }
}

/// What a line says of its receiver.
enum Sign {
    Answers,
    Fails,
    None,
}

/// It answers where it took the line, or refused it for a reason of its own; a 429 says neither.
fn sign(line: &LineOutcome) -> Sign {
    match &line.attempt {
        Some(_) if line.verdict == Verdict::Delivered => Sign::Answers,
        Some(attempt) => match attempt.status {
            Some(429) => Sign::None,
            Some(status) if status < 500 => Sign::Answers,
            _ => Sign::Fails,
        },
        None => Sign::None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    fn of(waiting: u64) -> Recall<u64, u64> {
        let mut recall = Recall::default();
        (0..waiting).for_each(|n| recall.note("a", n, 1));
        recall
    }

    /// One of them is settled by an answer.
    fn answer(recall: &mut Recall<u64, u64>, message: u64) -> Vec<u64> {
        recall.over("a", message);
        let called = recall.answered("a");
        recall.forget_if_empty("a");
        called.into_iter().map(|(n, _)| n).collect()
    }

    #[test]
    fn each_answer_calls_back_more_and_the_oldest_first() {
        let mut recall = of(10_000);
        recall.note("b", 0, 1);
        let mut out: VecDeque<u64> = answer(&mut recall, 0).into();
        assert!(out.iter().copied().eq(1..17));
        let mut most = 0;
        while let Some(one) = out.pop_front() {
            out.extend(answer(&mut recall, one));
            most = most.max(out.len());
        }
        assert_eq!(most, 1_024, "never more than a notifier has slots");
        assert!(!recall.receivers.contains_key("a"));
        assert_eq!((recall.noted, recall.answered("b").len()), (1, 1));
        recall.over("b", 0);
        recall.forget_if_empty("b");
        assert!(recall.is_empty());
    }

    #[test]
    fn who_breaks_again_is_met_with_few_and_returns_anew() {
        let mut recall = of(1_000);
        let called: usize = (0..100).map(|n| answer(&mut recall, n).len()).sum();
        // Of the first answer 16, of each more two: its own place and one more.
        assert_eq!(called, 16 + 99 * 2);
        let first = recall.answering()["a"];
        recall.failed("a");
        assert!(recall.answering().is_empty());
        assert!(recall.call_on().is_empty(), "it does not answer");
        assert!(answer(&mut recall, 100).is_empty(), "much is out still");
        assert!(recall.answering()["a"] > first);
    }

    #[test]
    fn what_comes_to_one_that_has_not_heard_of_the_return_is_called_again() {
        let mut recall = of(17);
        let told = |recall: &mut Recall<u64, u64>| recall.answering().get("a").copied();
        let first = answer(&mut recall, 0);
        assert_eq!((first.len(), recall.noted), (16, 0), "all that waits");
        let return_of = told(&mut recall);
        for n in first {
            recall.over("a", n);
            recall.note("a", n, 2);
        }
        assert_eq!(told(&mut recall), return_of, "it answers all the same");
        let again = recall.call_on();
        assert_eq!(again, (1..17).map(|n| (n, 2)).collect::<Vec<_>>());
        // What is out is waited for, but not for ever.
        recall.note("a", 20, 2);
        for _ in 0..IDLE_MAX {
            assert!(recall.call_on().is_empty());
        }
        assert_eq!(recall.call_on(), [(20, 2)]);
        (0..=IDLE_MAX).for_each(|_| assert!(recall.call_on().is_empty()));
        assert!(recall.is_empty());
    }

    #[test]
    fn what_is_not_noted_is_no_more_than_late() {
        let mut recall = Recall::default();
        for n in 0..NOTED_MAX + 10 {
            recall.note("a", n, ());
        }
        assert_eq!(recall.noted, NOTED_MAX);
        // What is known is noted with its new wait all the same.
        recall.note("a", 0, ());
        assert_eq!(recall.noted, NOTED_MAX);
    }
}
