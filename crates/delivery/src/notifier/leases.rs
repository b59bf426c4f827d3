//! When leases are extended: at half time, all messages of one receive together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::action::MessageKey;

/// The cohorts of messages by the time at which they are due.
#[derive(Debug, Default)]
pub(super) struct Leases {
    due: BinaryHeap<Reverse<Cohort>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cohort {
    at: Duration,
    keys: Vec<MessageKey>,
}

impl Leases {
    /// Remembers messages whose leases are to be extended at `at`.
    pub(super) fn push(&mut self, at: Duration, keys: Vec<MessageKey>) {
        if !keys.is_empty() {
            self.due.push(Reverse(Cohort { at, keys }));
        }
    }

    /// The messages of one cohort that is due.
    pub(super) fn pop(&mut self, mono: Duration) -> Option<Vec<MessageKey>> {
        let is_due = self
            .due
            .peek()
            .is_some_and(|Reverse(cohort)| cohort.at <= mono);
        is_due
            .then(|| self.due.pop())
            .flatten()
            .map(|Reverse(cohort)| cohort.keys)
    }

    /// When the next cohort is due.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.due.peek().map(|Reverse(cohort)| cohort.at)
    }
}
