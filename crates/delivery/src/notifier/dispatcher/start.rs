//! What goes out: whose turn it is, what may start, and what is decided about a line and its message.

use super::*;
use crate::limit::Bucket;

/// Sends.
impl Dispatcher {
    /// Lets a receiver stand in the ring if something waits for it.
    pub(super) fn wake(&mut self, id: UnitId) {
        if let Some(unit) = self.units.get_mut(id)
            && !unit.is_in_ring
            && !unit.ready.is_empty()
        {
            unit.is_in_ring = true;
            self.ring.push_back(id);
        }
    }

    /// Lets a receiver that has just sent stand in the ring again: in front while its turn lasts.
    fn stand_again(&mut self, id: UnitId) {
        let Some(unit) = self.units.get_mut(id) else {
            return;
        };
        if unit.goes_on() {
            unit.is_in_ring = true;
            self.ring.push_front(id);
        } else {
            self.wake(id);
        }
    }

    pub(super) fn wake_timers(&mut self, mono: Duration) {
        while let Some(Reverse((at, id))) = self.timers.peek().copied() {
            if at > mono {
                break;
            }
            self.timers.pop();
            self.wake(id);
        }
    }

    pub(super) fn start_all(&mut self, at: Moment) {
        while self.in_flight < self.setup.notifier.slots {
            let Some(id) = self.ring.pop_front() else {
                return;
            };
            self.start_one(at, id);
        }
    }

    /// Starts at most one send of a receiver, and lets it stand in line again where more may follow.
    pub(super) fn start_one(&mut self, at: Moment, id: UnitId) {
        let free = self.setup.notifier.slots - self.in_flight;
        let Some(unit) = self.units.get_mut(id) else {
            return;
        };
        unit.is_in_ring = false;
        if unit.ready.is_empty() {
            return;
        }
        let is_last = unit.is_failing() && self.is_last_ready(at, id);
        let Some((unit, bucket)) = self.units.with_bucket(id) else {
            return;
        };
        let mut gate = unit.gate(at.mono, free, is_last);
        if gate == Gate::Open {
            gate = unit.take_place(at.mono);
        }
        if gate == Gate::Open
            && let Some(bucket) = bucket
            && let Err(next) = bucket.take(at.mono)
        {
            unit.give_place_back();
            gate = Gate::At(next);
        }
        match gate {
            Gate::Open => {
                let Some(ready) = unit.ready.pop_front() else {
                    return unit.give_place_back();
                };
                self.left_line(ready);
                if !self.start(at, ready.job)
                    && let Some((unit, bucket)) = self.units.with_bucket(id)
                {
                    unit.give_place_back();
                    bucket.into_iter().for_each(Bucket::give_back);
                }
                self.stand_again(id);
            }
            Gate::Full => {}
            Gate::Scarce => self.scarce.push_back(id),
            Gate::At(time) => self.timers.push(Reverse((time, id))),
            Gate::Shut => self.shed_waiting(at, id),
        }
    }

    /// Whether what waits first for a receiver has reached its age.
    fn is_last_ready(&self, at: Moment, id: UnitId) -> bool {
        let ready = self.units.get(id).and_then(|unit| unit.ready.front());
        ready.is_some_and(|ready| self.waiter(at, ready.job).is_last)
    }

    /// Starts a send; `false` when the line cannot be sent now.
    pub(super) fn start(&mut self, at: Moment, job: JobKey) -> bool {
        let cancel_at = self.cancel_at();
        let life = self.deadline.saturating_sub(self.started_at);
        let Some(message) = self.messages.get_mut(job.message) else {
            return false;
        };
        let lease_end = message.lease_end;
        let accepted_at = message.accepted_at;
        let is_held = message.state == MessageState::Held;
        let Some(line) = message
            .line_mut(job)
            .filter(|line| line.state == LineState::Waiting && is_held)
        else {
            return false;
        };
        let unit_id = line.unit;
        let request = line.outcome.request.clone();
        let Some(notification) = request else {
            return false;
        };
        if let Some(expired) = self.expired(at, unit_id, accepted_at, notification.expires_at) {
            self.expire(at, unit_id, job, expired);
            return false;
        }
        let Some(unit) = self.units.get_mut(unit_id) else {
            return false;
        };
        let timeout = unit.rules.timeout_total;
        let budget = timeout.min(cancel_at.saturating_sub(at.mono));
        // INVARIANT: no send starts unless its worst end precedes the lease's end, and the life's.
        let is_too_late = budget < time_for(life, timeout);
        if is_too_late || at.mono + budget + self.setup.traits.settle_within >= lease_end {
            let wait = if is_too_late {
                Duration::ZERO
            } else {
                Duration::from_secs(1)
            };
            self.put_off(at, job, wait);
            return false;
        }
        let tried = unit.started(at.mono, job);
        let rules = unit.rules.clone();
        self.in_flight += 1;
        if let Some(line) = self
            .messages
            .get_mut(job.message)
            .and_then(|message| message.line_mut(job))
        {
            line.state = LineState::InFlight;
            line.outcome.tried = tried;
        }
        self.actions.push(Action::Send(Send {
            job,
            notification,
            rules,
            budget,
        }));
        true
    }

    /// Puts off everything that waits for a receiver which will not take it soon.
    pub(super) fn shed_waiting(&mut self, at: Moment, id: UnitId) {
        let Some(unit) = self.units.get_mut(id) else {
            return;
        };
        for ready in std::mem::take(&mut unit.ready) {
            self.left_line(ready);
            let waiter = self.waiter(at, ready.job);
            let Some((unit, bucket)) = self.units.with_bucket(id) else {
                return;
            };
            let per_sec = bucket.map(|bucket| bucket.pace());
            let wait = unit.turn(at, waiter, per_sec, &mut self.random);
            self.put_off(at, ready.job, wait);
        }
    }

    /// What a line that may have to be put off has been through.
    pub(super) fn waiter(&self, at: Moment, job: JobKey) -> Waiter {
        let message = self.messages.get(job.message);
        let age = message.map_or(Duration::ZERO, |message| at.wall.since(message.accepted_at));
        Waiter {
            age,
            is_last: age >= self.setup.retry_for,
            is_returning: message.is_some_and(|message| {
                message.received.receive_count > 1 || message.retry != travel::Retry::default()
            }),
            is_busy: self.is_busy,
        }
    }

    /// Decides a waiting line: later, untried.
    pub(super) fn put_off(&mut self, at: Moment, job: JobKey, wait: Duration) {
        let Some(wait) = self.wait_within_deadline(at, job, wait) else {
            return;
        };
        let unit = self
            .messages
            .get(job.message)
            .and_then(|message| message.line(job))
            .map(|line| line.unit);
        let later = at.wall_after(wait);
        let mut verdict = Verdict::Later { at: later };
        if let Some(unit) = unit.and_then(|id| self.units.get_mut(id)) {
            unit.counts.later += 1;
            if unit.is_paused {
                verdict = Verdict::Paused { at: later };
            } else if unit.is_broken() {
                verdict = Verdict::Broken { at: later };
            }
        }
        self.decide(at, job, verdict);
    }

    /// Decides a line; concludes its message when it was the last.
    pub(super) fn decide(&mut self, at: Moment, job: JobKey, verdict: Verdict) {
        let rest = match verdict {
            Verdict::RetryAt { at, .. } | Verdict::Later { at } => Some(Verdict::Later { at }),
            Verdict::Broken { at } => Some(Verdict::Broken { at }),
            Verdict::Paused { at } => Some(Verdict::Paused { at }),
            _ => None,
        };
        let steps_aside =
            self.setup.on_failure == config::OnFailure::Park && parking::has_failed(&verdict);
        let Some(message) = self.messages.get_mut(job.message) else {
            return;
        };
        let Some(mut is_last) = message.decide(job.line, verdict) else {
            return;
        };
        let is_ordered = message.is_ordered;
        if is_ordered
            && !steps_aside
            && let Some(rest) = rest
        {
            // The rest of a FIFO message waits with the line that must be tried again.
            for place in message.waiting() {
                is_last |= message.decide(place, rest.clone()) == Some(true);
            }
        }
        if is_last {
            self.conclude(at, job.message);
        } else if is_ordered {
            self.next_in_group(at, job.message);
        }
    }

    pub(super) fn conclude(&mut self, at: Moment, key: MessageKey) {
        let waiting = Waiting {
            now: at.wall,
            traits: self.setup.traits,
            on_failure: self.setup.on_failure,
            visible_max: self.visible_max(),
        };
        let Some(message) = self.messages.get_mut(key) else {
            return;
        };
        match message.conclude(&waiting) {
            Conclusion::Release { wait } => {
                if let Some(message) = self.messages.remove(key) {
                    self.leave_group(at, key, &message, true);
                    if wait.is_zero() {
                        self.releases.push(message.received.lease);
                    } else {
                        self.releases_later.push((message.received.lease, wait));
                    }
                }
            }
            Conclusion::Settle(outcome) => {
                if let (crate::port::Next::VisibleAfter { .. }, Some(attempt)) = (
                    outcome.next,
                    outcome.lines.iter().map(|line| line.number).max(),
                ) && self.hints.len() < HINTS_MAX
                {
                    self.hints.insert(outcome.message_id.clone(), attempt);
                }
                let goes_on = outcome.next != crate::port::Next::Gone;
                self.settling.push(at.mono, key, outcome);
                if let Some(group) = self
                    .messages
                    .get(key)
                    .filter(|message| message.is_ordered)
                    .and_then(|message| message.received.group.clone())
                {
                    self.leave_group_named(at, key, &group, goes_on);
                }
            }
        }
    }

    /// The longest wait by visibility that the queue's in-flight share allows.
    pub(super) fn visible_max(&self) -> Duration {
        let is_low = self.in_flight_share < self.setup.notifier.visibility_share_max;
        match self.setup.traits.retry_wait {
            RetryWait::Resend if is_low => self.setup.notifier.visibility_wait_max.get(),
            _ => Duration::ZERO,
        }
    }

    /// A message's lease is lost: what has not started is forgotten, what was tried keeps its result.
    pub(super) fn lose(&mut self, at: Moment, key: MessageKey) {
        let Some(message) = self.messages.get_mut(key) else {
            return;
        };
        if message.state != MessageState::Held {
            return;
        }
        message.state = MessageState::Lost;
        let is_untried = message
            .lines
            .iter()
            .all(|line| line.state == LineState::Waiting);
        if is_untried {
            if let Some(message) = self.messages.remove(key) {
                self.leave_group(at, key, &message, true);
            }
            return;
        }
        self.put_off_waiting(at, key);
    }

    pub(super) fn put_off_waiting(&mut self, at: Moment, key: MessageKey) {
        let waiting = self
            .messages
            .get(key)
            .map_or_else(Vec::new, Message::waiting);
        for line in waiting {
            self.put_off(at, JobKey { message: key, line }, Duration::ZERO);
        }
    }
}

/// How much of a life must be left for a send that takes `attempt` at most: all of it. A life that is shorter than twice that
/// would hardly get round to sending; there a quarter of the life must do, and its end cuts the send off.
pub(super) fn time_for(life: Duration, attempt: Duration) -> Duration {
    match attempt.saturating_mul(2) <= life {
        true => attempt,
        false => attempt.min(life / 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_has_its_whole_timeout_unless_the_life_is_shorter_than_two() {
        let secs = Duration::from_secs;
        assert_eq!(time_for(secs(300), secs(15)), secs(15));
        assert_eq!(time_for(secs(30), secs(15)), secs(15));
        assert_eq!(time_for(secs(20), secs(15)), secs(5));
        assert_eq!(time_for(secs(20), secs(900)), secs(5));
    }
}
