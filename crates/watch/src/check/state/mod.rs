//! What the answers of one check add up to: soft and hard states, flapping, and what people are told.
//!
//! Pure: answers and times come in, changes come out.
//!
//! - A bad answer after a good one is soft and is asked again; after `attempts` bad ones in a row the state is hard. A good
//!   answer is hard at once. Source: Nagios Core, "State Types".
//! - UNKNOWN is a bad answer as others are.
//! - While a state flaps ([`flap`]) people are told that it does, once, and then that it ended, and what is then so.
//! - While something is down that the check depends on, problems are held back; what is still so afterwards is told then.
//!
//! INVARIANT: people are told of a hard state that differs from what they were told last, once. [`State::told`] is that.

pub mod flap;

use std::collections::BTreeMap;
use std::time::Duration;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Status, TEXT_MAX, cut};

/// What the states of a check go by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Bad answers in a row that make a hard state: 1 or more.
    pub attempts: u32,
    /// At or below the first percentage flapping ends, at or above the second it begins; none where it is not looked for.
    pub flapping: Option<(f64, f64)>,
    /// Hosts by name or id without which this one cannot be reached.
    pub parents: Vec<String>,
    /// Checks of the same host, or `HOST/CHECK`.
    pub depends_on: Vec<String>,
    /// Without an answer for this long the check counts as unknown; zero for never.
    pub fresh_for: Duration,
    /// Whom the router tells.
    pub notify: Vec<String>,
    /// What the router goes by.
    pub labels: BTreeMap<String, String>,
}

impl Default for Rules {
    /// One bad answer is enough, nothing is waited for.
    fn default() -> Self {
        Self {
            attempts: 1,
            flapping: None,
            parents: Vec::new(),
            depends_on: Vec::new(),
            fresh_for: Duration::ZERO,
            notify: Vec::new(),
            labels: BTreeMap::new(),
        }
    }
}

/// The state of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The last answer.
    pub status: Status,
    /// Whether it counts: good answers do, bad ones after so many attempts.
    pub is_hard: bool,
    /// Bad answers in a row, up to the rules' attempts; 1 while all is well.
    pub attempt: u32,
    /// The last hard status.
    pub hard: Status,
    /// What people were told last.
    pub told: Status,
    /// What keeps a problem from being told, such as `router`.
    pub held_by: Option<String>,
    /// The last answer's line.
    pub text: String,
    /// When the last answer came; none before the first.
    pub checked_at: Option<Timestamp>,
    /// Since when the status is what it is.
    pub since: Timestamp,
    /// Since when the hard status is what it is.
    pub hard_since: Timestamp,
    /// The last states that count for flapping.
    pub flap: flap::Flap,
    /// Who has taken the problem on.
    pub acknowledged: Option<Acknowledged>,
    /// Changes so far: with the check's name, the id of each.
    pub changes: u64,
}

/// Somebody has taken a problem on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// What they say.
    pub comment: String,
    /// Whether it holds until all is well, not only until the status changes.
    pub is_sticky: bool,
    /// When.
    pub at: Timestamp,
}

/// An answer of a check.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// What it says.
    pub status: Status,
    /// Its line.
    pub text: &'a str,
    /// When it was made.
    pub at: Timestamp,
}

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The number of the change of this check, from 1, without gaps.
    pub number: u64,
    /// What happened.
    pub kind: Kind,
    /// The hard status now.
    pub status: Status,
    /// What they were told before.
    pub was: Status,
    /// The answer's line.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A problem, or another one.
    Problem,
    /// All is well again.
    Recovery,
    /// The state changes too often to be told each time.
    FlappingStart,
    /// It does no more.
    FlappingStop,
    /// Somebody has taken the problem on.
    Acknowledged,
    /// The check, or its host, is no more; its problem with it.
    Removed,
}

impl State {
    /// The state before the first answer, at `at`: nothing is known to be wrong.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self {
            status: Status::Ok,
            is_hard: true,
            attempt: 1,
            hard: Status::Ok,
            told: Status::Ok,
            held_by: None,
            text: String::new(),
            checked_at: None,
            since: at,
            hard_since: at,
            flap: flap::Flap::default(),
            acknowledged: None,
            changes: 0,
        }
    }

    /// Whether the next run is a retry.
    #[must_use]
    pub const fn is_soft(&self) -> bool {
        !self.is_hard
    }

    /// Takes an answer in. `held_by`: what is down that this depends on. Returns what people are told, in order.
    pub fn apply(
        &mut self,
        rules: &Rules,
        answer: Answer<'_>,
        held_by: Option<&str>,
    ) -> Vec<Change> {
        self.count(rules.attempts.max(1), answer.status);
        if answer.status != self.status {
            self.since = answer.at;
        }
        self.status = answer.status;
        cut(answer.text, TEXT_MAX).clone_into(&mut self.text);
        self.checked_at = Some(answer.at);
        if self.is_hard && self.hard != answer.status {
            self.hard = answer.status;
            self.hard_since = answer.at;
            let is_over = answer.status == Status::Ok;
            self.acknowledged = self
                .acknowledged
                .take()
                .filter(|by| by.is_sticky && !is_over);
        }
        let mut changes = Vec::new();
        // Source: Nagios Core, flapping.c: soft problems are not recorded.
        if self.is_hard {
            changes.extend(self.watch_flapping(rules.flapping, answer.at));
        }
        changes.extend(self.settle(answer.at, held_by));
        changes
    }

    /// Tells what has been held back, where nothing holds it any more.
    pub fn settle(&mut self, at: Timestamp, held_by: Option<&str>) -> Option<Change> {
        let held_by = held_by.filter(|_| self.hard != Status::Ok && self.hard != self.told);
        self.held_by = held_by.map(str::to_owned);
        if self.flap.is_on || held_by.is_some() || self.hard == self.told {
            return None;
        }
        let kind = match self.hard {
            Status::Ok => Kind::Recovery,
            _ => Kind::Problem,
        };
        let change = self.change(kind, at);
        self.told = self.hard;
        Some(change)
    }

    /// Somebody takes the problem on. `None` where there is none.
    pub fn acknowledge(&mut self, by: Acknowledged) -> Option<Change> {
        if self.hard == Status::Ok {
            return None;
        }
        let at = by.at;
        self.acknowledged = Some(by);
        Some(self.change(Kind::Acknowledged, at))
    }

    /// The check is no more. `None` where nobody was told of a problem.
    pub fn remove(&mut self, at: Timestamp) -> Option<Change> {
        let is_open = self.told != Status::Ok || self.flap.is_on;
        is_open.then(|| self.change(Kind::Removed, at))
    }

    fn count(&mut self, attempts: u32, status: Status) {
        let was_bad = self.status != Status::Ok;
        self.attempt = match (status, was_bad) {
            (Status::Ok, _) | (_, false) => 1,
            (_, true) => self.attempt.saturating_add(1).min(attempts),
        };
        let stays_hard = was_bad && self.is_hard;
        self.is_hard = status == Status::Ok || stays_hard || self.attempt >= attempts;
        if stays_hard && status != Status::Ok {
            self.attempt = attempts;
        }
    }

    fn watch_flapping(&mut self, thresholds: Option<(f64, f64)>, at: Timestamp) -> Option<Change> {
        let was_on = self.flap.is_on;
        self.flap.record(self.status, thresholds);
        match (was_on, self.flap.is_on) {
            (false, true) => Some(self.change(Kind::FlappingStart, at)),
            (true, false) => Some(self.change(Kind::FlappingStop, at)),
            _ => None,
        }
    }

    fn change(&mut self, kind: Kind, at: Timestamp) -> Change {
        self.changes += 1;
        Change {
            number: self.changes,
            kind,
            status: self.hard,
            was: self.told,
            text: self.text.clone(),
            at,
        }
    }
}

#[cfg(test)]
mod tests;
