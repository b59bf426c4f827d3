//! Rules and their targets.

use std::collections::BTreeMap;
use std::time::Duration;

use base::{Arn, Timestamp};
use serde::{Deserialize, Serialize};

use crate::function::{FunctionName, Qualifier};
use crate::rules::input::Input;
use crate::rules::pattern::Pattern;
use crate::schedule::Schedule;

/// Tries after the first, at most and where nothing is said. Source: EventBridge API Reference, RetryPolicy.
pub const RETRIES_MAX: u32 = 185;
/// How old an event may become, in seconds; the last where nothing is said. Source: as above.
pub const AGE_SECS: std::ops::RangeInclusive<u32> = 60..=86_400;

/// Whether a rule does anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It does.
    #[default]
    Enabled,
    /// It does not.
    Disabled,
}

/// A rule of the default bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// When it fires.
    pub schedule: Option<Schedule>,
    /// Which events it is for.
    pub pattern: Option<Pattern>,
    /// Whether it does anything.
    pub state: State,
    /// The role of targets that have none of their own.
    pub role: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Where its events go, by id.
    pub targets: BTreeMap<String, Target>,
    /// From when its rate is counted.
    pub anchor: Timestamp,
    /// The last moment that was dealt with: fired, or not to be fired any more.
    pub fired: Timestamp,
}

/// Where a rule's events go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its ARN as it was given.
    pub arn: String,
    /// The role that it is reached with instead of its own policy.
    pub role: Option<String>,
    /// What it is given.
    pub input: Input,
    /// The group of messages to a FIFO queue.
    pub group: Option<String>,
    /// Where events go that cannot be delivered.
    pub dead_letters: Option<String>,
    /// Tries after the first; [`RETRIES_MAX`] where nothing is said.
    pub retries: Option<u32>,
    /// Seconds until an event is given up; a day where nothing is said.
    pub age_secs: Option<u32>,
}

/// What an ARN of a target means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A function, or one version of it.
    Function(FunctionName, Option<Qualifier>),
    /// A queue.
    Queue {
        /// Whether it is FIFO.
        is_fifo: bool,
    },
}

impl TargetKind {
    /// What `arn` means; none where it is neither a function nor a queue.
    #[must_use]
    pub fn of(arn: &Arn) -> Option<Self> {
        match arn.service.as_str() {
            "lambda" => {
                let named = arn.resource.strip_prefix("function:")?;
                let (name, qualifier) = match named.split_once(':') {
                    Some((name, qualifier)) => (name, Some(qualifier.parse().ok()?)),
                    None => (named, None),
                };
                Some(Self::Function(name.parse().ok()?, qualifier))
            }
            "sqs" => Some(Self::Queue {
                is_fifo: arn.resource.to_lowercase().ends_with(".fifo"),
            }),
            _ => None,
        }
    }
}

impl Target {
    /// Tries after the first.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.retries.unwrap_or(RETRIES_MAX)
    }

    /// How old an event may become.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_secs(self.age_secs.unwrap_or(*AGE_SECS.end()).into())
    }
}

impl Rule {
    /// When it fires next, where nothing before `from` counts.
    #[must_use]
    pub fn next(&self, from: Timestamp) -> Option<Timestamp> {
        let schedule = self.active_schedule()?;
        schedule.next(self.anchor, self.fired.max(from))
    }

    /// The moment that is due at `now`, where nothing before `from` counts. Of several that have passed it is the last.
    #[must_use]
    pub fn due(&self, from: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let schedule = self.active_schedule()?;
        schedule.latest(self.anchor, self.fired.max(from), now)
    }

    fn active_schedule(&self) -> Option<&Schedule> {
        let is_active = self.state == State::Enabled;
        self.schedule.as_ref().filter(|_| is_active)
    }
}
