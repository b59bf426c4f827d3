//! Outcomes on their way: gathered for a moment, then settled together.

use std::collections::VecDeque;
use std::time::Duration;

use super::action::{Action, MessageKey};
use crate::port::{Outcome, QueueTraits};

/// Settles that run at once. While they run the next ones gather; chosen.
const RUNNING_MAX: u32 = 4;

#[derive(Debug)]
pub(super) struct Settling {
    waiting: VecDeque<(MessageKey, Outcome)>,
    oldest: Duration,
    running: u32,
    settle_max: usize,
    within: Duration,
}

impl Settling {
    pub(super) fn new(traits: &QueueTraits) -> Self {
        Self {
            waiting: VecDeque::new(),
            oldest: Duration::ZERO,
            running: 0,
            settle_max: traits.settle_max.max(1),
            within: traits.settle_within,
        }
    }

    pub(super) fn push(&mut self, mono: Duration, key: MessageKey, outcome: Outcome) {
        if self.waiting.is_empty() {
            self.oldest = mono;
        }
        self.waiting.push_back((key, outcome));
    }

    /// A settle that is due. `now`: do not gather any longer.
    pub(super) fn pop(&mut self, mono: Duration, now: bool) -> Option<Action> {
        let is_due =
            now || self.waiting.len() >= self.settle_max || mono >= self.oldest + self.within;
        if self.waiting.is_empty() || !is_due || self.running >= RUNNING_MAX {
            return None;
        }
        self.running += 1;
        let count = self.waiting.len().min(self.settle_max);
        let (keys, outcomes) = self.waiting.drain(..count).unzip();
        self.oldest = mono;
        Some(Action::Settle { keys, outcomes })
    }

    pub(super) fn ended(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// When the next settle is due, as far as time decides it.
    pub(super) fn next_at(&self) -> Option<Duration> {
        let can_run = !self.waiting.is_empty() && self.running < RUNNING_MAX;
        can_run.then(|| self.oldest + self.within)
    }

    /// Whether so much waits that nothing more should be received.
    pub(super) fn is_behind(&self) -> bool {
        self.waiting.len() >= self.settle_max * 4
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }
}
