//! What goes in and out of the dispatcher.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;

use crate::config::DestinationRules;
use crate::port::{Ask, Lease, Notification, Outcome};

/// Now, on both clocks: the wall's for what is stored, the monotonic one for what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of day.
    pub wall: Timestamp,
    /// Monotonic time.
    pub mono: Duration,
}

impl Moment {
    /// The time of day that is `span` later.
    #[must_use]
    pub fn wall_after(self, span: Duration) -> Timestamp {
        self.wall.plus(span)
    }

    /// How long until `at` of the wall; zero when it is over.
    #[must_use]
    pub fn until(self, at: Timestamp) -> Duration {
        at.since(self.wall)
    }
}

/// A message that the dispatcher holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// A line of a message that the dispatcher holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobKey {
    pub(super) message: MessageKey,
    pub(super) line: u32,
}

/// A send to be started; its end is told by `Dispatcher::finished`.
#[derive(Clone, Debug)]
pub struct Send {
    /// Which line.
    pub job: JobKey,
    /// What to send.
    pub notification: Arc<Notification>,
    /// By which rules.
    pub rules: Arc<DestinationRules>,
    /// How long it may take at most.
    pub budget: Duration,
}

/// Something to be done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Start a send.
    Send(Send),
    /// Receive; its end is told by `Dispatcher::received` or `Dispatcher::receive_failed`.
    Receive(Ask),
    /// Extend leases; its end is told by `Dispatcher::extended`.
    Extend {
        /// The messages.
        keys: Vec<MessageKey>,
        /// Their leases, in the same order.
        leases: Vec<Lease>,
        /// For how long from now.
        span: Duration,
    },
    /// Give messages back; nobody waits for its end.
    Release {
        /// Their leases.
        leases: Vec<Lease>,
        /// When they may come again.
        wait: Duration,
    },
    /// Store results and let messages go; its end is told by `Dispatcher::settled`. After a failure the same
    /// outcomes are settled again.
    Settle {
        /// The messages.
        keys: Vec<MessageKey>,
        /// What became of them, in the same order.
        outcomes: Vec<Outcome>,
    },
    /// Drop every send that is in flight: the life is over and they are accounted for.
    CancelSends,
}

/// What an operator or the scaler may change while a notifier runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Directives {
    /// The share of every limit, over 0.0 to 1.0 (contract 15).
    pub share: f64,
    /// Whether the route is paused: nothing is received, what is held is handed back.
    pub is_paused: bool,
    /// Destinations that are paused, by their name in results.
    pub paused: Arc<BTreeSet<String>>,
    /// Whether new sends may start; `false` when the disk is almost full (contract 20).
    pub may_start: bool,
}

impl Default for Directives {
    fn default() -> Self {
        Self {
            share: 1.0,
            is_paused: false,
            paused: Arc::default(),
            may_start: true,
        }
    }
}

/// What happened to one destination since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sends that ended.
    pub attempts: u64,
    /// Notifications delivered.
    pub delivered: u64,
    /// Attempts that will be followed by another.
    pub retried: u64,
    /// Notifications given up.
    pub dead: u64,
    /// Notifications whose own deadline passed.
    pub expired: u64,
    /// Notifications put off untried.
    pub later: u64,
    /// Milliseconds that the attempts took together.
    pub attempt_ms: u64,
}

impl Counts {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.delivered += other.delivered;
        self.retried += other.retried;
        self.dead += other.dead;
        self.expired += other.expired;
        self.later += other.later;
        self.attempt_ms += other.attempt_ms;
    }
}
