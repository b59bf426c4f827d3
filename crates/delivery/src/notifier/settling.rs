//! Outcomes on their way: gathered for a moment, then settled together.

use std::collections::VecDeque;
use std::time::Duration;

use super::action::{Action, MessageKey};
use crate::port::{Outcome, QueueTraits};

/// Settles that run at once. While they run the next ones gather; chosen.
const RUNNING_MAX: u32 = 4;
/// Bytes of lines that are gathered at most; what has more is settled at once. Chosen: lines are held until then, and large ones must not fill the
/// memory of a small function.
const GATHERED_BYTES_MAX: usize = 16 << 20;

#[derive(Debug)]
pub(super) struct Settling {
    waiting: VecDeque<(MessageKey, Outcome)>,
    /// Of those that wait.
    bytes: usize,
    oldest: Duration,
    running: u32,
    /// Outcomes that were given out to be settled, and have not left.
    given: usize,
    settle_max: usize,
    within: Duration,
}

impl Settling {
    pub(super) fn new(traits: &QueueTraits) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            oldest: Duration::ZERO,
            running: 0,
            given: 0,
            settle_max: traits.settle_max.max(1),
            within: traits.settle_within,
        }
    }

    pub(super) fn push(&mut self, mono: Duration, key: MessageKey, outcome: Outcome) {
        if self.waiting.is_empty() {
            self.oldest = mono;
        }
        self.bytes += bytes(&outcome);
        self.waiting.push_back((key, outcome));
    }

    /// A settle that is due. `now`: do not gather any longer.
    pub(super) fn pop(&mut self, mono: Duration, now: bool) -> Option<Action> {
        let is_much = self.waiting.len() >= self.settle_max || self.bytes >= GATHERED_BYTES_MAX;
        let is_due = now || is_much || mono >= self.oldest + self.within;
        if self.waiting.is_empty() || !is_due || self.running >= RUNNING_MAX {
            return None;
        }
        self.running += 1;
        let count = self.waiting.len().min(self.settle_max);
        let (keys, outcomes): (_, Vec<Outcome>) = self.waiting.drain(..count).unzip();
        self.bytes -= outcomes.iter().map(bytes).sum::<usize>();
        self.given += count;
        self.oldest = mono;
        Some(Action::Settle { keys, outcomes })
    }

    pub(super) fn ended(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// So many have left, of a settle that has ended or apart from it.
    pub(super) fn left(&mut self, count: usize) {
        self.given = self.given.saturating_sub(count);
    }

    /// Outcomes that are gathered or in settles that run. Those that wait for a copy apart from theirs are not: that may take long.
    pub(super) fn len(&self) -> usize {
        let running_max = self.settle_max * self.running as usize;
        self.waiting.len() + self.given.min(running_max)
    }

    /// When the next settle is due, as far as time decides it.
    pub(super) fn next_at(&self) -> Option<Duration> {
        let can_run = !self.waiting.is_empty() && self.running < RUNNING_MAX;
        can_run.then(|| self.oldest + self.within)
    }

    /// Whether so much waits that nothing more should be received.
    pub(super) fn is_behind(&self) -> bool {
        self.waiting.len() >= self.settle_max * 4 || self.bytes >= GATHERED_BYTES_MAX * 4
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }
}

fn bytes(outcome: &Outcome) -> usize {
    outcome.lines.iter().map(|line| line.raw.len()).sum()
}
