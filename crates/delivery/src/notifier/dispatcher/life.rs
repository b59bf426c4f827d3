//! Leases and the end: extending, handing back, asking for more, and closing within the life.

use super::*;

/// Leases, receives and the end.
impl Dispatcher {
    pub(super) fn extend(&mut self, mono: Duration) {
        while let Some(mut keys) = self.leases.pop(mono) {
            keys.retain(|key| {
                self.messages
                    .get(*key)
                    .is_some_and(|message| message.state != MessageState::Lost)
            });
            let leases: Vec<Lease> = keys
                .iter()
                .filter_map(|key| self.messages.get(*key))
                .map(|message| message.received.lease.clone())
                .collect();
            if !keys.is_empty() {
                let span = self.lease;
                self.actions.push(Action::Extend { keys, leases, span });
            }
        }
    }

    pub(super) fn release(&mut self) {
        if !self.releases.is_empty() {
            let leases = std::mem::take(&mut self.releases);
            self.actions.push(Action::Release {
                leases,
                wait: Duration::ZERO,
            });
        }
        for (lease, wait) in self.releases_later.drain(..) {
            self.actions.push(Action::Release {
                leases: vec![lease],
                wait,
            });
        }
    }

    /// Receives as much as the prefetch allows.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of messages, small and not negative"
    )]
    pub(super) fn ask(&mut self, at: Moment) {
        let slots = usize::try_from(self.setup.notifier.slots).unwrap_or(usize::MAX);
        if self.must_hand_back()
            || at.mono < self.receive_after
            || self.settling.is_behind()
            || self.messages.len() >= slots.saturating_mul(HELD_MAX)
            || self.in_flight_share >= IN_FLIGHT_SHARE_MAX
        {
            return;
        }
        self.receive_after = Duration::ZERO;
        let free = self.setup.notifier.slots.saturating_sub(self.in_flight) as usize;
        let lines = self.prefetch_left();
        // Asking for little by little costs more than it brings.
        if lines < free.div_ceil(2).max(1) {
            return;
        }
        let mean = self.lines_mean.unwrap_or(1.0).max(1.0);
        let mut messages = ((to_f64(lines) / mean).ceil() as usize).min(self.ask_max);
        // Each source gets its part of what there is room for, and one at least: what waits at one of them must not
        // take the turn of the others.
        let sources = self.setup.traits.sources.max(1);
        let max = self.setup.traits.receive_max.max(1);
        let max = max.min(messages.div_ceil(sources as usize)).max(1);
        messages = messages.saturating_sub(self.receives as usize * max);
        while (messages > 0 || self.receives < sources) && self.receives < self.receives_goal {
            let ask = Ask {
                max: messages.clamp(1, max),
                wait: self.receive_wait(at.mono),
                lease: self.lease,
            };
            self.receives += 1;
            messages = messages.saturating_sub(ask.max);
            self.actions.push(Action::Receive(ask));
        }
    }

    /// A receive does not wait beyond the end of receiving.
    pub(super) fn receive_wait(&self, mono: Duration) -> Duration {
        let left = self
            .drain_from(self.setup.destinations.default_attempt())
            .saturating_sub(mono);
        self.setup.notifier.receive_wait.get().min(left)
    }

    pub(super) fn must_hand_back(&self) -> bool {
        let directives = self.units.directives();
        self.is_closing || directives.is_paused || !directives.may_start
    }

    /// When sends that are still in flight are given up, so that their results can be stored in time.
    pub(super) fn cancel_at(&self) -> Duration {
        let life = self.deadline.saturating_sub(self.started_at);
        let margin = margin(life, self.setup.traits.retry_wait);
        self.deadline.saturating_sub(margin)
    }

    /// From when on no send may start that takes `attempt` at most.
    pub(super) fn drain_from(&self, attempt: Duration) -> Duration {
        let life = self.deadline.saturating_sub(self.started_at);
        self.cancel_at()
            .saturating_sub(start::time_for(life, attempt))
    }

    pub(super) fn end_life(&mut self, at: Moment) {
        if !self.is_closing && at.mono >= self.drain_from(self.setup.destinations.default_attempt())
        {
            self.close(at);
        }
        if self.is_closing && !self.is_cancelled && at.mono >= self.cancel_at() {
            self.is_cancelled = true;
            if self.in_flight > 0 {
                self.cancel(at);
            }
        }
    }

    pub(super) fn close(&mut self, at: Moment) {
        self.is_closing = true;
        self.hand_back(at);
    }

    /// Gives back everything that waits.
    pub(super) fn hand_back(&mut self, at: Moment) {
        for (_, unit) in self.units.iter_mut() {
            unit.ready.clear();
        }
        self.waiting = 0;
        self.parked = 0;
        for key in self.messages.keys() {
            let is_held = self
                .messages
                .get(key)
                .is_some_and(|message| message.state == MessageState::Held);
            if is_held {
                self.put_off_waiting(at, key);
            }
        }
    }

    /// Accounts for every send in flight as an attempt that was given up: the receiver may have it.
    pub(super) fn cancel(&mut self, at: Moment) {
        self.actions.push(Action::CancelSends);
        for key in self.messages.keys() {
            let Some(message) = self.messages.get(key) else {
                continue;
            };
            let number = message.attempts + 1;
            for line in message.places(LineState::InFlight) {
                let job = JobKey { message: key, line };
                self.finished(at, job, cancelled(at, number));
            }
        }
    }
}

/// How much of a life is kept for what must be settled after its last send.
fn margin(life: Duration, retry_wait: RetryWait) -> Duration {
    let margin = match retry_wait {
        RetryWait::Native => Duration::from_millis(500),
        RetryWait::Resend => Duration::from_secs(5),
    };
    margin.min(life / 10)
}

/// The last part of a notifier's life, in which it takes nothing new: sends may take `attempt`, and are settled on a queue with
/// `retry_wait`.
#[must_use]
pub fn winds_down(life: Duration, attempt: Duration, retry_wait: RetryWait) -> Duration {
    margin(life, retry_wait) + start::time_for(life, attempt)
}
