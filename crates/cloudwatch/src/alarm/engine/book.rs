//! All alarms and mute rules at one moment, with who depends on whom.
//!
//! INVARIANT: a book is never changed while others read it: a [`super::draft::Draft`] works on a copy, which becomes the
//! book when it is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::data::Watched;
use super::mute;
use super::rule::Rule;
use super::settings::{Metric, Settings};
use super::state::State;
use super::suppress::Suppression;
use super::target::{self, Target};
use crate::ops::Place;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// An alarm as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// What its owner decided.
    pub settings: Settings,
    /// What became of it.
    pub status: Status,
    /// Its tags.
    pub tags: Tags,
}

/// What became of an alarm. Moments are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Changes with every put, so that what was found for an earlier one is not taken for this one.
    pub revision: u64,
    /// Its state, and why.
    pub now: Known,
    /// The state before, and why.
    pub before: Option<Known>,
    /// When the state last became another.
    pub transitioned_ms: u64,
    /// When it was last put.
    pub configured_ms: u64,
    /// What keeps the actions of a composite alarm back.
    pub suppression: Suppression,
    /// The state that people know of, where actions were muted since.
    pub told_before_mute: Option<State>,
    /// When scaling actions last ran.
    pub scaled_ms: Option<u64>,
}

/// A state and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The state.
    pub state: State,
    /// A sentence.
    pub reason: String,
    /// JSON.
    pub data: Option<String>,
    /// Since when.
    pub at_ms: u64,
}

/// A mute rule as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredMute {
    /// What its owner decided.
    pub settings: mute::Settings,
    /// Its tags.
    pub tags: Tags,
    /// When it was last put.
    pub updated_ms: u64,
}

/// An alarm with what follows from its settings.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The alarm.
    pub alarm: Alarm,
    /// What it watches, of a metric alarm.
    pub source: Option<Arc<Watched>>,
    /// Its rule with names, of a composite alarm.
    pub rule: Option<Arc<Rule>>,
    /// The name of what suppresses it.
    pub suppressor: Option<String>,
}

/// A mute rule with its windows.
#[derive(Clone, Debug)]
pub struct Mute {
    /// The rule.
    pub stored: StoredMute,
    /// Its windows.
    pub schedule: mute::Schedule,
}

type Names = BTreeSet<Arc<str>>;

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Book {
    alarms: BTreeMap<Arc<str>, Arc<Entry>>,
    mutes: BTreeMap<Arc<str>, Arc<Mute>>,
    parents: BTreeMap<Arc<str>, Names>,
    suppressed: BTreeMap<Arc<str>, Names>,
    muted_by: BTreeMap<Arc<str>, Names>,
    /// The number that was last given to an item of history, an action or a revision.
    pub sequence: u64,
    /// Actions that wait.
    pub waiting: u64,
}

impl Entry {
    /// What follows from an alarm's settings. Rules and sources that cannot be read any more are none: such an alarm keeps
    /// its state.
    #[must_use]
    pub fn of(alarm: Alarm, place: &Place) -> Self {
        let name_of = |reference: &str| {
            target::alarm_name(reference, place).unwrap_or_else(|| reference.to_owned())
        };
        let composite = alarm.settings.composite();
        let rule = composite.and_then(|composite| Rule::parse(&composite.rule).ok());
        let suppressor = composite.and_then(|composite| composite.suppressor.as_ref());
        Self {
            source: alarm
                .settings
                .metric()
                .and_then(Metric::source)
                .map(Arc::new),
            rule: rule.map(|rule| Arc::new(rule.renamed(&name_of))),
            suppressor: suppressor.map(|suppressor| name_of(&suppressor.alarm)),
            alarm,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.alarm.settings.name
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.alarm.status.now.state
    }

    /// Since when it has it, or when it was last set.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        Timestamp::from_millis(self.alarm.status.now.at_ms)
    }

    /// The alarms that its state depends on.
    pub fn children(&self) -> impl Iterator<Item = &str> {
        let children = self.rule.iter().flat_map(|rule| rule.children());
        children.map(String::as_str)
    }

    /// Whether the actions of its state are such as run again while the state lasts.
    #[must_use]
    pub fn scales(&self) -> bool {
        let settings = &self.alarm.settings;
        settings.actions_enabled
            && settings
                .actions(self.state())
                .iter()
                .any(|arn| Target::of(arn) == Ok(Target::Scaling))
    }
}

impl Book {
    /// The alarm `name`.
    #[must_use]
    pub fn alarm(&self, name: &str) -> Option<&Arc<Entry>> {
        self.alarms.get(name)
    }

    /// All alarms, by name.
    pub fn alarms(&self) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        self.alarms.values()
    }

    /// The alarms whose names come after `name`.
    pub fn alarms_after<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<Entry>> {
        use std::ops::Bound;
        let bounds = (Bound::Excluded(name), Bound::Unbounded);
        self.alarms.range::<str, _>(bounds).map(|(_, entry)| entry)
    }

    /// How many alarms there are.
    #[must_use]
    pub fn alarms_count(&self) -> usize {
        self.alarms.len()
    }

    /// The mute rule `name`.
    #[must_use]
    pub fn mute(&self, name: &str) -> Option<&Arc<Mute>> {
        self.mutes.get(name)
    }

    /// All mute rules, by name.
    pub fn mutes(&self) -> impl Iterator<Item = &Arc<Mute>> {
        self.mutes.values()
    }

    /// The composite alarms whose rules name `name`.
    pub fn parents(&self, name: &str) -> impl Iterator<Item = &Arc<str>> {
        self.parents.get(name).into_iter().flatten()
    }

    /// The composite alarms that `name` suppresses.
    pub fn suppressed(&self, name: &str) -> impl Iterator<Item = &Arc<str>> {
        self.suppressed.get(name).into_iter().flatten()
    }

    /// When the windows end that mute the alarm `name` at `at`; none where none does.
    #[must_use]
    pub fn muted_until(&self, name: &str, at: Timestamp) -> Option<Timestamp> {
        let rules = self.muted_by.get(name).into_iter().flatten();
        let schedules = rules.filter_map(|rule| self.mutes.get(rule));
        schedules
            .filter_map(|mute| mute.schedule.muted_until(at))
            .max()
    }

    /// When something is to be done with the alarm `name` though nothing changes: an end of a wait, extension or mute.
    #[must_use]
    pub fn timer(&self, name: &str, at: Timestamp) -> Option<Timestamp> {
        let status = &self.alarms.get(name)?.alarm.status;
        let muted = status
            .told_before_mute
            .map(|_| self.muted_until(name, at).unwrap_or(at));
        [status.suppression.due(), muted]
            .into_iter()
            .flatten()
            .min()
    }

    /// Puts an alarm in, and over one of its name.
    pub fn insert(&mut self, entry: Entry) {
        let name: Arc<str> = Arc::from(entry.name());
        let before = self.alarms.get(&name).cloned();
        if let Some(before) = before {
            let is_same = before.rule == entry.rule && before.suppressor == entry.suppressor;
            if is_same {
                self.alarms.insert(name, Arc::new(entry));
                return;
            }
            self.unlink(&before);
        }
        for child in entry.children() {
            link(&mut self.parents, child, &name);
        }
        if let Some(suppressor) = &entry.suppressor {
            link(&mut self.suppressed, suppressor, &name);
        }
        self.alarms.insert(name, Arc::new(entry));
    }

    /// Takes an alarm out.
    pub fn remove(&mut self, name: &str) -> Option<Arc<Entry>> {
        let entry = self.alarms.remove(name)?;
        self.unlink(&entry);
        Some(entry)
    }

    fn unlink(&mut self, entry: &Entry) {
        for child in entry.children() {
            unlink(&mut self.parents, child, entry.name());
        }
        if let Some(suppressor) = &entry.suppressor {
            unlink(&mut self.suppressed, suppressor, entry.name());
        }
    }

    /// Puts a mute rule in, and over one of its name.
    pub fn insert_mute(&mut self, mute: Mute) {
        let name: Arc<str> = Arc::from(mute.stored.settings.name.as_str());
        self.remove_mute(&name);
        for target in mute.stored.settings.targets.iter().flatten() {
            link(&mut self.muted_by, target, &name);
        }
        self.mutes.insert(name, Arc::new(mute));
    }

    /// Takes a mute rule out.
    pub fn remove_mute(&mut self, name: &str) -> Option<Arc<Mute>> {
        let mute = self.mutes.remove(name)?;
        for target in mute.stored.settings.targets.iter().flatten() {
            unlink(&mut self.muted_by, target, name);
        }
        Some(mute)
    }

    /// How far above metric alarms the composite alarm `name` stands: more than each of its children. None where it, or
    /// something that it depends on, depends on itself.
    #[must_use]
    pub fn rank(&self, name: &str) -> Option<u32> {
        let mut done: BTreeMap<&str, u32> = BTreeMap::new();
        let mut path: Vec<(&str, Vec<&str>)> = vec![(name, self.children_of(name))];
        loop {
            let (current, left) = path.last_mut()?;
            let current = *current;
            let Some(child) = left.pop() else {
                let rank = self.above(current, &done);
                done.insert(current, rank);
                path.pop();
                if path.is_empty() {
                    return Some(rank);
                }
                continue;
            };
            if path.iter().any(|(above, _)| *above == child) {
                return None;
            }
            if !done.contains_key(child) {
                path.push((child, self.children_of(child)));
            }
        }
    }

    fn children_of<'a>(&'a self, name: &str) -> Vec<&'a str> {
        let entry = self.alarms.get(name);
        entry.map_or_else(Vec::new, |entry| entry.children().collect())
    }

    fn above(&self, name: &str, done: &BTreeMap<&str, u32>) -> u32 {
        let ranks = self.children_of(name).into_iter();
        let ranks = ranks.filter_map(|child| done.get(child));
        ranks.max().map_or(0, |rank| rank + 1)
    }
}

fn link(links: &mut BTreeMap<Arc<str>, Names>, from: &str, to: &Arc<str>) {
    let names = links.entry(Arc::from(from)).or_default();
    names.insert(Arc::clone(to));
}

fn unlink(links: &mut BTreeMap<Arc<str>, Names>, from: &str, to: &str) {
    if let Some(names) = links.get_mut(from) {
        names.remove(to);
        if names.is_empty() {
            links.remove(from);
        }
    }
}
