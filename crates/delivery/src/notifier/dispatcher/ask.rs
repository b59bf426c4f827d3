//! Asking for more messages: when, how many, and by how many receives at once.

use super::*;

/// Where each request costs, how long it is waited for room for a full receive, while something is at hand to be sent; chosen: a twentieth of
/// what results are gathered for.
const GATHER: Duration = Duration::from_millis(50);

impl Dispatcher {
    /// Receives as much as the prefetch allows.
    pub(super) fn ask(&mut self, at: Moment) {
        let since = self.room_since.take();
        if self.must_not_ask(at.mono) {
            return;
        }
        self.receive_after = Duration::ZERO;
        let free = self.setup.notifier.slots.saturating_sub(self.in_flight) as usize;
        let places = self.prefetch_left();
        // Asking for little by little costs more than it brings.
        if places < free.div_ceil(2).max(1) {
            return;
        }
        let sources = self.setup.traits.sources.max(1);
        let full = self.setup.traits.receive_max.max(1);
        let mut room = self.room_for_messages(places);
        if self.receives < sources && self.is_worth_waiting(room, free) {
            let since = since.unwrap_or(at.mono);
            if at.mono < since + GATHER {
                self.room_since = Some(since);
                return;
            }
        }
        while self.receives < self.receives_goal {
            let idle = sources.saturating_sub(self.receives);
            if idle == 0 && room < full {
                break;
            }
            // Each source gets its part of what there is room for, and one at least: what waits at one of them must not
            // take the turn of the others.
            let part = room.div_ceil(idle.max(1) as usize);
            let ask = Ask {
                max: part.clamp(1, full),
                wait: self.receive_wait(at.mono),
                lease: self.lease,
            };
            self.receives += 1;
            self.asked += ask.max;
            room = room.saturating_sub(ask.max);
            self.actions.push(Action::Receive(ask));
        }
    }

    fn must_not_ask(&self, mono: Duration) -> bool {
        let slots = usize::try_from(self.setup.notifier.slots).unwrap_or(usize::MAX);
        // Those that wait to be settled have bounds of their own.
        let held = self.messages.len().saturating_sub(self.settling.len());
        self.must_hand_back()
            || mono < self.receive_after
            || self.settling.is_behind()
            || held >= slots.saturating_mul(HELD_MAX)
            || self.in_flight_share >= IN_FLIGHT_SHARE_MAX
    }

    /// Messages that `places` lines have room for, beside those that were asked for.
    fn room_for_messages(&self, places: usize) -> usize {
        let messages = self.messages_of(places).min(self.ask_max);
        // A source that has nothing may have been asked for more when more was free: it counts for its part.
        let part = messages.div_ceil(self.setup.traits.sources.max(1) as usize);
        messages.saturating_sub(self.asked.min(self.receives as usize * part))
    }

    /// Messages that have so many lines.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of messages, small and not negative"
    )]
    fn messages_of(&self, lines: usize) -> usize {
        let mean = self.lines_mean.unwrap_or(1.0).max(1.0);
        (to_f64(lines) / mean).ceil() as usize
    }

    /// Whether it is better to wait for more room: where requests cost, there is room for less than a full receive and than half of what
    /// is ever held, and what is at hand lasts a while.
    fn is_worth_waiting(&self, room: usize, free: usize) -> bool {
        let is_paid = self.setup.traits.retry_wait == RetryWait::Resend;
        let half = self.messages_of(self.prefetch() / 2);
        let is_little = room < half.min(self.setup.traits.receive_max);
        is_paid && is_little && self.waiting as usize >= free.div_ceil(2).max(1)
    }

    /// When it was waited long enough for room for a full receive.
    pub(super) fn gathered_at(&self) -> Option<Duration> {
        self.room_since.map(|since| since + GATHER)
    }

    /// A receive is over.
    pub(super) fn receive_over(&mut self, asked: usize) {
        self.receives = self.receives.saturating_sub(1);
        self.asked = self.asked.saturating_sub(asked);
    }

    /// A receive does not wait beyond the end of receiving.
    fn receive_wait(&self, mono: Duration) -> Duration {
        let left = self
            .drain_from(self.setup.destinations.default_attempt())
            .saturating_sub(mono);
        self.setup.notifier.receive_wait.get().min(left)
    }
}
