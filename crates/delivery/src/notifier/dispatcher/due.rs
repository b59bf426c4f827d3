//! Deadlines: what passed its own ends as expired where it waits, and no wait goes beyond one.

use super::super::unit::HOLD;
use super::*;

/// Deadlines.
impl Dispatcher {
    /// The verdict on a line whose deadline passed.
    pub(super) fn expired(
        &self,
        at: Moment,
        unit: UnitId,
        accepted_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Option<Verdict> {
        let end = expires_at.filter(|end| *end <= at.wall)?;
        let deadline = self.units.get(unit)?.rules.deadline;
        let deadline = deadline.set_by(end, accepted_at);
        Some(Verdict::Expired { deadline })
    }

    /// Decides a waiting line whose deadline passed.
    pub(super) fn expire(&mut self, at: Moment, unit: UnitId, job: JobKey, expired: Verdict) {
        if let Some(unit) = self.units.get_mut(unit) {
            unit.counts.expired += 1;
        }
        self.decide(at, job, expired);
    }

    /// What is known of a line whose message is not to be tried before `later`: only whether its deadline passed meanwhile.
    pub(super) fn judge_early(
        &mut self,
        at: Moment,
        key: MessageKey,
        index: u32,
        raw: &Bytes,
        later: Timestamp,
    ) -> (Option<UnitId>, Option<Arc<Notification>>, Option<Verdict>) {
        if let Ok(parsed) = self.parse_line(at, key, index, raw)
            && let (unit, request, Some(expired @ Verdict::Expired { .. })) =
                self.judge_line(at, key, index, Some(raw), parsed)
        {
            return (unit, request, Some(expired));
        }
        (None, None, Some(Verdict::Later { at: later }))
    }

    /// A line as it waits for its receiver.
    pub(super) fn ready_of(
        &self,
        at: Moment,
        job: JobKey,
        line: &Line,
        message: &Message,
    ) -> Ready {
        let request = line.outcome.request.as_ref();
        let expires_at = request.and_then(|request| request.expires_at);
        Ready {
            job,
            is_parked: false,
            due: expires_at.unwrap_or_else(|| message.accepted_at.plus(self.setup.retry_for)),
            is_dated: expires_at.is_some(),
            since: match message.attempts {
                0 => message.accepted_at,
                _ => at.wall,
            },
        }
    }

    /// Sees to it that it is looked at a receiver's lines when the first deadline passes.
    pub(super) fn look_at_deadline(&mut self, at: Moment, id: UnitId) {
        let Some(unit) = self.units.get_mut(id) else {
            return;
        };
        let Some(due) = unit.ready.first_due() else {
            return;
        };
        let looks_at = at.mono + at.until(due);
        if unit.ready.must_look(looks_at) {
            self.dues.push(Reverse((looks_at, id)));
        }
    }

    /// Lets lines end whose deadline passed while they waited for their receiver.
    pub(super) fn expire_due(&mut self, at: Moment) {
        while let Some(Reverse((time, id))) = self.dues.peek().copied() {
            if time > at.mono {
                return;
            }
            self.dues.pop();
            let looks = |unit: &mut Unit| unit.ready.looks(time);
            if self.units.get_mut(id).is_some_and(looks) {
                self.expire_passed(at, id);
                self.look_at_deadline(at, id);
            }
        }
    }

    fn expire_passed(&mut self, at: Moment, id: UnitId) {
        let passed = |unit: &mut Unit| unit.ready.pop_passed(at.wall);
        while let Some(ready) = self.units.get_mut(id).and_then(passed) {
            self.left_line(ready);
            // Its wait is over: it ends, since its deadline passed.
            self.put_off(at, ready.job, Duration::ZERO);
        }
    }

    /// Puts off a line that finds no room.
    pub(super) fn put_off_in_turn(&mut self, at: Moment, id: UnitId, job: JobKey) {
        let waiter = self.waiter(at, job);
        let Some((unit, bucket)) = self.units.with_bucket(id) else {
            return;
        };
        let per_sec = bucket.map(|bucket| bucket.pace());
        let wait = unit.turn(at, waiter, per_sec, &mut self.random);
        self.look_at_deadline(at, id);
        self.put_off(at, job, wait);
    }

    /// How long a line is put off that has a deadline: no further than that, and half of the time that is left where it may be
    /// sent meanwhile, so that it can take the place of one that is due later. `None` when it ended, its deadline being over.
    pub(super) fn wait_within_deadline(
        &mut self,
        at: Moment,
        job: JobKey,
        wait: Duration,
    ) -> Option<Duration> {
        let message = self.messages.get(job.message);
        let line = message.and_then(|message| Some((message.accepted_at, message.line(job)?)));
        let Some((accepted_at, line)) = line else {
            return Some(wait);
        };
        let request = line.outcome.request.as_ref();
        let Some(end) = request.and_then(|request| request.expires_at) else {
            return Some(wait);
        };
        let (unit, state) = (line.unit, line.state);
        if let Some(expired) = self.expired(at, unit, accepted_at, Some(end)) {
            if state == LineState::Waiting {
                self.expire(at, unit, job, expired);
            }
            return None;
        }
        let left = at.until(end);
        let is_shut = self.units.get(unit).is_none_or(Unit::is_shut);
        let look = if is_shut { left } else { (left / 2).max(HOLD) };
        Some(wait.min(look).min(left))
    }
}
