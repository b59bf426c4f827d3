//! What is to be delivered, and when it is tried again.
//!
//! A delivery that failed for a passing reason is tried again after 1, 2, 4, … seconds, at most [`PAUSE_SECS_MAX`], a part of each left
//! to chance; until it has no further try or is too old. One that failed for a lasting reason is given up at once, as AWS does.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::rule::Target;

/// Deliveries that wait or run. Chosen.
pub const DELIVERIES_MAX: usize = 10_000;
/// Their bytes. Chosen.
pub const DELIVERIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest pause between two tries. Chosen so that 185 tries fill the day that AWS gives them.
pub const PAUSE_SECS_MAX: u64 = 480;

/// One event on its way to one target, with what the target was when the event happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// `EVENT-ID/RULE/TARGET-ID`.
    pub id: String,
    /// The rule's name.
    pub rule: String,
    /// The target.
    pub target: Target,
    /// The event, for the dead letter queue.
    pub event: String,
    /// What the target is given.
    pub body: String,
    /// When the event happened here.
    pub accepted: Timestamp,
    /// Tries that failed.
    pub tries: u32,
    /// When it is tried.
    pub due: Timestamp,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The target has it.
    Delivered,
    /// It may work later.
    Passing(String),
    /// It will not.
    Lasting(String),
}

/// What follows from a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is over, and well.
    Delivered,
    /// It is tried again.
    Again(Delivery),
    /// It is over, and the target does not have it.
    GivenUp(Delivery, Reason, String),
}

/// Why a delivery was given up. Source: EventBridge User Guide, "Using dead-letter queues", `EXHAUSTED_RETRY_CONDITION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It would not have worked at any time.
    Lasting,
    /// There is no further try.
    MaximumRetryAttempts,
    /// It is too old.
    MaximumEventAgeInSeconds,
}

/// All deliveries.
#[derive(Debug, Default)]
pub struct Backlog {
    deliveries: BTreeMap<String, Delivery>,
    waiting: BTreeSet<(Timestamp, String)>,
    bytes: usize,
}

impl Delivery {
    fn bytes(&self) -> usize {
        self.event.len() + self.body.len()
    }

    /// What follows from a try that ended at `now`.
    #[must_use]
    pub fn after(mut self, now: Timestamp, tried: Tried) -> Verdict {
        let why = match tried {
            Tried::Delivered => return Verdict::Delivered,
            Tried::Lasting(why) => return Verdict::GivenUp(self, Reason::Lasting, why),
            Tried::Passing(why) => why,
        };
        if self.tries >= self.target.retries() {
            return Verdict::GivenUp(self, Reason::MaximumRetryAttempts, why);
        }
        self.tries += 1;
        self.due = now.plus(self.pause());
        if self.due > self.accepted.plus(self.target.age()) {
            self.tries -= 1;
            return Verdict::GivenUp(self, Reason::MaximumEventAgeInSeconds, why);
        }
        Verdict::Again(self)
    }

    /// Half of the pause is fixed, half follows from the delivery's id and try.
    fn pause(&self) -> Duration {
        let secs = 1_u64
            .checked_shl(self.tries.saturating_sub(1))
            .unwrap_or(PAUSE_SECS_MAX)
            .min(PAUSE_SECS_MAX);
        let mut hasher = DefaultHasher::new();
        (&self.id, self.tries).hash(&mut hasher);
        let half_ms = secs * 500;
        Duration::from_millis(half_ms + hasher.finish() % (half_ms + 1))
    }
}

impl Backlog {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// How many of them wait.
    #[cfg(test)]
    pub(crate) fn waiting_len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// Whether there is room for `more`.
    #[must_use]
    pub fn has_room(&self, more: &[Delivery]) -> bool {
        let bytes: usize = more.iter().map(Delivery::bytes).sum();
        self.deliveries.len() + more.len() <= DELIVERIES_MAX
            && self.bytes + bytes <= DELIVERIES_BYTES_MAX
    }

    /// Adds one, or puts back one that was tried.
    pub fn add(&mut self, delivery: Delivery) {
        self.remove(&delivery.id.clone());
        self.bytes += delivery.bytes();
        self.waiting.insert((delivery.due, delivery.id.clone()));
        self.deliveries.insert(delivery.id.clone(), delivery);
    }

    /// Takes one away.
    pub fn remove(&mut self, id: &str) {
        if let Some(delivery) = self.deliveries.remove(id) {
            self.bytes = self.bytes.saturating_sub(delivery.bytes());
            self.waiting.remove(&(delivery.due, delivery.id));
        }
    }

    /// At most `max` that are due; they run until they are added again or removed.
    pub fn start(&mut self, now: Timestamp, max: usize) -> Vec<Delivery> {
        let mut started = Vec::new();
        while started.len() < max
            && let Some((due, id)) = self.waiting.pop_first()
        {
            if due > now {
                self.waiting.insert((due, id));
                break;
            }
            started.extend(self.deliveries.get(&id).cloned());
        }
        started
    }

    /// When the next one is due.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.waiting.first().map(|(due, _)| *due)
    }
}
