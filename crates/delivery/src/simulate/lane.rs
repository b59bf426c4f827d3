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
    /// For each number of steps: how many of those that were sent in each of so many steps have ended, over how many in each.
    ended_by: Vec<f64>,
    tokens: f64,
}

/// What became of what was sent evenly over some steps.
#[derive(Debug)]
pub(super) struct Flow {
    /// How many had ended by the end of each step that was asked for.
    pub(super) ended: Vec<u64>,
    /// The sum of what was in flight at the end of each step.
    pub(super) in_flight: f64,
}

impl Lane {
    pub(super) fn new(spread: Spread) -> Self {
        let mut sum = 0.0;
        let ended_by = spread.up_to().iter().map(|up_to| {
            sum += up_to;
            sum
        });
        Self {
            ended_by: ended_by.collect(),
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

    /// The most in flight at the end of a step, if from `step` on as many are sent in each, at once.
    pub(super) fn most_in_flight(&self, step: u64, each: f64) -> f64 {
        let (mut old, mut most) = (float(self.in_flight), 0.0_f64);
        for (steps, ended) in (0_u64..).zip(&self.ended_by) {
            let place = self.place(step + steps);
            old -= float(self.ends.get(place).copied().unwrap_or(0));
            most = most.max(old + each * (float(steps + 1) - ended));
        }
        most
    }

    /// Sends `count` evenly over `steps` steps from `step` on, all at once when they come. `marks`: the steps, from 0, by whose end
    /// it is to be said how many have ended, rising; the last step is always the last of them.
    pub(super) fn flow(
        &mut self,
        step: u64,
        steps: u64,
        count: u64,
        unit: f64,
        marks: &[u64],
    ) -> Flow {
        let each = float(count) / float(steps.max(1));
        let size = u64::try_from(self.ends.len()).unwrap_or(1);
        let mut sum = 0;
        let old: Vec<u64> = (0..size)
            .map(|later| {
                sum += self
                    .ends
                    .get(self.place(step + later))
                    .copied()
                    .unwrap_or(0);
                sum
            })
            .collect();
        let old_by = |later: u64| old.get(index(later.min(size - 1))).copied().unwrap_or(0);
        // Of those that are sent in these steps: all of a flow without an end, less those that would have been sent afterwards.
        let endless = |later: u64| {
            let known = u64::try_from(self.ended_by.len()).unwrap_or(1);
            let within = self.ended_by.get(index(later.min(known - 1)));
            within.copied().unwrap_or(0.0) + float(later.saturating_sub(known - 1))
        };
        let new =
            |later: u64| each * (endless(later) - later.checked_sub(steps).map_or(0.0, endless));
        let new_by = |later: u64| match later + 1 >= steps + size {
            true => count,
            false => floor(new(later) + unit).min(count),
        };
        let by = |later: u64| old_by(later) + new_by(later);
        let held = |later: u64| {
            float(self.in_flight) - float(old_by(later)) + each * float(later + 1) - new(later)
        };
        let first = steps.min(size);
        let in_flight = (0..first).map(held).sum::<f64>() + float(steps - first) * held(size);
        // Rounded sums never fall.
        let mut most = 0;
        let mut by_each = |later: u64| {
            most = by(later).max(most);
            most
        };
        let ended: Vec<u64> = marks.iter().map(|mark| by_each(*mark)).collect();
        let mut before = by_each(steps - 1);
        let ended = ended.into_iter().chain([before]).collect();
        let left = self.in_flight + count - before;
        let later: Vec<u64> = (steps..steps + size)
            .map(by_each)
            .map(|ended| ended - std::mem::replace(&mut before, ended))
            .collect();
        for (place, ends) in (step + steps..).zip(later) {
            let place = self.place(place);
            if let Some(known) = self.ends.get_mut(place) {
                *known = ends;
            }
        }
        self.in_flight = left;
        debug_assert_eq!(self.in_flight, self.ends.iter().sum::<u64>());
        Flow { ended, in_flight }
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
