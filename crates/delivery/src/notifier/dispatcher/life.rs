//! Leases and the end: extending, handing back, and closing within the life.

use super::*;

/// Leases and the end.
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
