//! Stretches in which nothing has to wait: taken at once instead of step by step.
//!
//! While the slots are enough, what happens is known: all that comes in a step is sent in it, and ends after its latency. Only
//! counts change, evenly, until a plan is made, a notifier comes or goes, another number of notifications comes, or the minute
//! is over. The tests hold stretches to what the steps come to.

use super::engine::{Engine, at, cap};
use super::number::{divide, float};
use super::traffic::Arrivals;

/// What is shorter is not worth it. Chosen.
const STEPS_MIN: u64 = 4;
/// By how much more than on the average may be in flight, since only whole ones come and end.
const WHOLE: f64 = 2.0;

impl Engine {
    /// Plays a stretch from `step` on, which begins at `ms`; how many steps it has. `None`: something waits, or may have to.
    pub(super) fn stretch(
        &mut self,
        step: u64,
        ms: u64,
        arrivals: &mut Arrivals<'_>,
    ) -> Option<u64> {
        if !self.takes_stretches || !self.nothing_waits() {
            return None;
        }
        let steps = self.even_steps(ms, arrivals)?;
        let mut ahead = arrivals.clone();
        let marks = self.seconds(ms, steps);
        let ends = marks.iter().copied().chain([steps - 1]);
        let come: Vec<u64> = ends
            .map(|mark| ahead.up_to(ms + (mark + 1) * self.step_ms))
            .collect();
        let count: u64 = come.iter().sum();
        if !self.has_room(step, float(count) / float(steps)) {
            return None;
        }
        *arrivals = ahead;
        let ended = self.flow(step, steps, count, &marks);
        for (place, (come, ended)) in come.into_iter().zip(ended).enumerate() {
            let done = ended - self.done;
            self.sent += come;
            self.ended(done);
            if place < marks.len() {
                self.end_second();
            }
        }
        self.counted(ms, steps, count);
        debug_assert_eq!(self.sent, self.done + self.open());
        Some(steps)
    }

    /// Whether nothing waits, and nothing but slots decides what is sent.
    fn nothing_waits(&self) -> bool {
        let is_free = |receiver: &super::Receiver| receiver.rate_per_sec.is_none();
        self.model.notifier.per_sec_max.is_none()
            && self.lanes.iter().all(|lane| lane.waits == 0)
            && self.model.receivers.iter().all(is_free)
    }

    /// Steps until something changes: a plan, who works, how much comes, or the minute.
    fn even_steps(&self, ms: u64, arrivals: &Arrivals<'_>) -> Option<u64> {
        let planned = self
            .planner
            .as_ref()
            .map_or(u64::MAX, |planner| planner.next_ms);
        let changed = self
            .works
            .until
            .as_millis()
            .saturating_sub(at(0).as_millis());
        let minute = (ms / 60_000 + 1) * 60_000;
        // Before a plan and a change of those who work a step may begin that ends after it; the rest must end in time.
        let begins = planned.min(changed).min(minute).checked_sub(ms)?;
        let ends = arrivals.even_until()?.checked_sub(ms)?;
        let steps = begins.div_ceil(self.step_ms).min(ends / self.step_ms);
        (steps >= STEPS_MIN).then_some(steps)
    }

    /// The steps, from 0, with which a second ends.
    fn seconds(&self, ms: u64, steps: u64) -> Vec<u64> {
        let last = (ms + steps * self.step_ms) / 1_000;
        let seconds = ms / 1_000 + 1..=last;
        seconds
            .map(|second| (second * 1_000 - ms).div_ceil(self.step_ms) - 1)
            .collect()
    }

    /// Whether as many as come in a step find free slots at once, at any time from `step` on.
    fn has_room(&self, step: u64, each: f64) -> bool {
        if each == 0.0 {
            return true;
        }
        let slots = float(u64::from(self.works.count) * u64::from(self.model.notifier.slots));
        let mut before = 0.0;
        let most: Vec<f64> = (self.lanes.iter().zip(&self.weights))
            .map(|(lane, up_to)| {
                let part = up_to - std::mem::replace(&mut before, *up_to);
                lane.most_in_flight(step, each * part) + WHOLE
            })
            .collect();
        let free = slots - most.iter().sum::<f64>();
        // No receiver takes more than it leaves free.
        let has_room = |(most, receiver): (&f64, &super::Receiver)| {
            *most <= free && *most <= float(cap(&self.model, receiver, self.works))
        };
        most.iter().zip(&self.model.receivers).all(has_room)
    }

    /// Sends evenly to all receivers; how many have ended by the end of each of the marks, and of the last step, since the beginning.
    fn flow(&mut self, step: u64, steps: u64, count: u64, marks: &[u64]) -> Vec<u64> {
        let mut ended = vec![self.done; marks.len() + 1];
        let parts = divide(count, &self.weights, self.random.next_unit());
        for (lane, part) in self.lanes.iter_mut().zip(parts) {
            let flow = lane.flow(step, steps, part, self.random.next_unit(), marks);
            self.sums.in_flight += flow.in_flight;
            ended
                .iter_mut()
                .zip(flow.ended)
                .for_each(|(sum, more)| *sum += more);
        }
        ended
    }

    /// Counts what was sent without waiting in `steps` steps.
    fn counted(&mut self, ms: u64, steps: u64, count: u64) {
        self.sums.delays.add(0, count);
        self.sums.of_minute.add(0, count);
        self.sums.minute.sent += count;
        let (each, more) = (count / steps, count % steps);
        self.received_in(each, steps - more);
        self.received_in(each + 1, more);
        self.ran(steps);
        if (ms + steps * self.step_ms) / 60_000 != ms / 60_000 {
            self.end_minute_with(ms, None);
        }
    }
}
