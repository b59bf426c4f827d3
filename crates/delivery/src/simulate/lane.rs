//! What goes to one receiver: waiting in order, in flight, done.

use std::collections::VecDeque;

use super::latency::Spread;
use super::number::{divide, float, floor, index};
use super::tally::Tally;
use crate::random::Random;

/// One receiver's notifications.
#[derive(Debug)]
pub(super) struct Lane {
    /// The step of their coming, and how many came; the oldest first.
    waiting: VecDeque<(u64, u64)>,
    pub(super) waits: u64,
    pub(super) in_flight: u64,
    /// How many end in each step from now on, as a ring.
    ends: Vec<u64>,
    spread: Spread,
    tokens: f64,
}

impl Lane {
    pub(super) fn new(spread: Spread) -> Self {
        Self {
            waiting: VecDeque::new(),
            waits: 0,
            in_flight: 0,
            ends: vec![0; spread.up_to().len() + 1],
            spread,
            // As the notifier's bucket: a start gives no burst.
            tokens: 1.0,
        }
    }

    pub(super) fn come(&mut self, step: u64, count: u64) {
        if count > 0 {
            self.waiting.push_back((step, count));
            self.waits += count;
        }
    }

    /// The step in which the oldest that waits came.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.waiting.front().map(|(step, _)| *step)
    }

    /// Takes those that end in this step.
    pub(super) fn end(&mut self, step: u64) -> u64 {
        let place = self.place(step);
        let ended = self.ends.get_mut(place).map_or(0, std::mem::take);
        self.in_flight -= ended;
        ended
    }

    fn place(&self, step: u64) -> usize {
        index(step) % self.ends.len().max(1)
    }

    /// Fills the bucket of a rate that `per_step` comes to.
    pub(super) fn fill(&mut self, per_step: f64) {
        // One step's worth more may lie in it: what is due comes in this step.
        self.tokens = (self.tokens + per_step).min(per_step.max(1.0) + 1.0);
    }

    /// What the rate lets through now.
    pub(super) fn let_through(&self) -> u64 {
        floor(self.tokens)
    }

    pub(super) fn spend(&mut self, count: u64) {
        self.tokens -= float(count);
    }

    /// Sends the `count` oldest. Those whose latency is no step long end at once: answers how many.
    pub(super) fn send(
        &mut self,
        step: u64,
        count: u64,
        random: &mut Random,
        delays: &mut [&mut Tally],
    ) -> u64 {
        let mut left = count.min(self.waits);
        let sent = left;
        while let Some((came, here)) = self.waiting.front_mut() {
            let taken = left.min(*here);
            for tally in &mut *delays {
                tally.add(step - *came, taken);
            }
            *here -= taken;
            left -= taken;
            if *here > 0 {
                break;
            }
            self.waiting.pop_front();
        }
        self.waits -= sent;
        self.in_flight += sent;
        self.fly(step, sent, random);
        self.end(step)
    }

    fn fly(&mut self, step: u64, count: u64, random: &mut Random) {
        if count == 0 {
            return;
        }
        let size = self.ends.len();
        let first = self.place(step);
        for (later, part) in divide(count, self.spread.up_to(), random.next_unit()).enumerate() {
            if let Some(ends) = self.ends.get_mut((first + later) % size) {
                *ends += part;
            }
        }
    }
}
