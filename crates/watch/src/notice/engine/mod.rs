//! Who is told what and when: events and time in, notices out. No clock, no disk.
//!
//! A [`Group`] is what one receiver is told together. An event goes into one group of each of its receivers; a group tells
//! when something in it changed and its patience is over, again while a problem lasts, and others when nobody
//! acknowledges it.
//!
//! INVARIANT: a recovery is told to whom the problem was told, and to nobody else.
//! INVARIANT: what is silenced is held, not lost: who still has the problem when the silence ends is told then.

mod group;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;
use base::setting::Problems;
use serde::{Deserialize, Serialize};

use super::event::{Event, Kind};
use super::settings::Settings;
use super::silence::{Silence, Window};
pub use group::{Alert, Group, GroupKey, Told};

/// The most problems that are known at once; those beyond are refused. Chosen: ten times the alarms of a large site.
pub const ALERTS_MAX: usize = 50_000;
/// The most silences. Chosen.
pub const SILENCES_MAX: usize = 1_000;

/// What a receiver is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id, the same however often it is sent.
    pub id: String,
    /// What all notices of a group have in common, until all of it is right again.
    pub thread: String,
    /// Who is told.
    pub receiver: String,
    /// Why.
    pub kind: NoticeKind,
    /// When it was decided.
    pub at: Timestamp,
    /// What is wrong now.
    pub firing: Vec<Alert>,
    /// What is right again.
    pub recovered: Vec<Alert>,
}

/// Why somebody is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    /// Something is wrong that was not.
    Problem,
    /// All of it is right again.
    Recovery,
    /// Some of it is right again.
    Update,
    /// It still is wrong.
    Repeat,
    /// It still is wrong, and this receiver has not acknowledged it.
    Escalation {
        /// Who was told first.
        from: String,
    },
}

/// That somebody has taken a problem upon him.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What he says.
    pub comment: String,
}

/// What has changed in a step, for whoever keeps it.
#[derive(Debug, Default, PartialEq)]
pub struct Changed {
    /// Groups that are otherwise now, or gone.
    pub groups: BTreeSet<GroupKey>,
    /// Sources whose acknowledgement is otherwise now, or gone.
    pub acknowledged: BTreeSet<String>,
    /// What is to be told.
    pub notices: Vec<Notice>,
}

/// Why something was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such problem.
    #[error("`{source_id}` has no problem now")]
    NoProblem {
        /// What was named.
        source_id: String,
    },
    /// There is no such silence.
    #[error("there is no silence `{id}`")]
    NoSilence {
        /// What was named.
        id: String,
    },
    /// It is not a time that a silence can have.
    #[error("a silence ends after it begins, and within 400 days")]
    Backwards,
    /// There are too many already.
    #[error("there are {SILENCES_MAX} silences already; remove some")]
    TooManySilences,
    /// There are too many problems already.
    #[error("{ALERTS_MAX} problems are known already; this one is not told")]
    TooManyAlerts,
}

/// The state of all problems.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    windows: Vec<Window>,
    groups: BTreeMap<GroupKey, Group>,
    acknowledged: BTreeMap<String, Acknowledgement>,
    silences: BTreeMap<String, Silence>,
}

impl Engine {
    /// Nothing is wrong.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let windows = settings.windows(&mut Problems::default());
        Self {
            settings,
            windows,
            groups: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            silences: BTreeMap::new(),
        }
    }

    /// Other settings. Groups of receivers that are gone are forgotten with the next step.
    pub fn set_settings(&mut self, settings: Settings) {
        self.windows = settings.windows(&mut Problems::default());
        self.settings = settings;
    }

    /// Puts back what was kept.
    pub fn restore(
        &mut self,
        groups: impl IntoIterator<Item = (GroupKey, Group)>,
        acknowledged: impl IntoIterator<Item = (String, Acknowledgement)>,
        silences: impl IntoIterator<Item = Silence>,
    ) {
        self.groups.extend(groups);
        self.acknowledged.extend(acknowledged);
        let silences = silences.into_iter();
        self.silences
            .extend(silences.map(|silence| (silence.id.clone(), silence)));
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A group, to be kept.
    #[must_use]
    pub fn group(&self, key: &GroupKey) -> Option<&Group> {
        self.groups.get(key)
    }

    /// All groups.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupKey, &Group)> {
        self.groups.iter()
    }

    /// All silences, those that are over too until they are forgotten.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.values()
    }

    /// Who acknowledged a problem.
    #[must_use]
    pub fn acknowledgement(&self, source: &str) -> Option<&Acknowledgement> {
        self.acknowledged.get(source)
    }

    /// Whether something with these labels is silenced now, by people or maintenance.
    #[must_use]
    pub fn is_silenced(&self, labels: &BTreeMap<String, String>, now: Timestamp) -> bool {
        let by_people = self.silences.values().any(|one| one.covers(labels, now));
        by_people || self.windows.iter().any(|one| one.covers(labels, now))
    }

    /// Takes an event, and tells whom it is time to tell of what it touches.
    ///
    /// # Errors
    /// [`Refused::TooManyAlerts`].
    pub fn take(&mut self, event: &Event, now: Timestamp) -> Result<Changed, Refused> {
        let mut changed = Changed::default();
        match event.kind {
            Kind::Problem => self.begin(event, &mut changed)?,
            Kind::Recovery => self.end(event, &mut changed),
        }
        // The others wait for the next tick: a storm of events does not look at all groups for each.
        let touched = changed.groups.iter().cloned().collect();
        self.tell(touched, now, &mut changed);
        Ok(changed)
    }

    /// Lets time pass: tells whom it is time to tell.
    pub fn tick(&mut self, now: Timestamp) -> Changed {
        let mut changed = Changed::default();
        let all = self.groups.keys().cloned().collect();
        self.tell(all, now, &mut changed);
        changed
    }

    fn begin(&mut self, event: &Event, changed: &mut Changed) -> Result<(), Refused> {
        for key in self.keys(event) {
            let known: usize = self.groups.values().map(Group::len).sum();
            let group = self.groups.entry(key.clone()).or_default();
            if !group.has(&event.source) && known >= ALERTS_MAX {
                return Err(Refused::TooManyAlerts);
            }
            group.begin(event);
            changed.groups.insert(key);
        }
        Ok(())
    }

    /// The groups that an event belongs to: one of each receiver.
    fn keys(&self, event: &Event) -> BTreeSet<GroupKey> {
        let routed = self.settings.routed(&event.labels);
        let named = event.to.iter().map(String::as_str).chain(routed);
        let of = |name: &str| {
            let receiver = self.settings.receivers.get(name)?;
            Some(GroupKey::of(name, receiver, event))
        };
        named.filter_map(of).collect()
    }

    fn end(&mut self, event: &Event, changed: &mut Changed) {
        if self.acknowledged.remove(&event.source).is_some() {
            changed.acknowledged.insert(event.source.clone());
        }
        for (key, group) in &mut self.groups {
            if group.end(event) {
                changed.groups.insert(key.clone());
            }
        }
    }

    /// Tells what it is time to tell of these groups.
    fn tell(&mut self, keys: Vec<GroupKey>, now: Timestamp, changed: &mut Changed) {
        for key in keys {
            let Some(mut group) = self.groups.remove(&key) else {
                continue;
            };
            let Some(receiver) = self.settings.receivers.get(&key.receiver) else {
                changed.groups.insert(key);
                continue;
            };
            let is_held = |alert: &Alert| self.is_silenced(&alert.labels, now);
            let is_taken = |alert: &Alert| self.acknowledged.contains_key(&alert.source);
            let told = group.tell(&key, receiver, now, &is_held, &is_taken);
            if !told.notices.is_empty() || told.is_changed {
                changed.groups.insert(key.clone());
            }
            changed.notices.extend(told.notices);
            if !group.is_empty() {
                self.groups.insert(key, group);
            }
        }
    }

    /// Somebody takes a problem upon him: it is not told again nor to others until it is over.
    ///
    /// # Errors
    /// [`Refused::NoProblem`].
    pub fn acknowledge(
        &mut self,
        source: &str,
        acknowledgement: Acknowledgement,
    ) -> Result<Changed, Refused> {
        if !self.groups.values().any(|group| group.is_firing(source)) {
            return Err(Refused::NoProblem {
                source_id: source.to_owned(),
            });
        }
        self.acknowledged.insert(source.to_owned(), acknowledgement);
        Ok(Changed {
            acknowledged: BTreeSet::from([source.to_owned()]),
            ..Changed::default()
        })
    }

    /// Adds a silence.
    ///
    /// # Errors
    /// [`Refused::Backwards`] or [`Refused::TooManySilences`].
    pub fn silence(&mut self, silence: Silence) -> Result<(), Refused> {
        let lasts = silence.until.since(silence.from);
        if lasts.is_zero() || lasts > super::silence::SILENCE_MAX {
            return Err(Refused::Backwards);
        }
        if self.silences.len() >= SILENCES_MAX {
            return Err(Refused::TooManySilences);
        }
        self.silences.insert(silence.id.clone(), silence);
        Ok(())
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// [`Refused::NoSilence`].
    pub fn end_silence(&mut self, id: &str) -> Result<(), Refused> {
        let gone = self.silences.remove(id);
        gone.map(|_| ())
            .ok_or_else(|| Refused::NoSilence { id: id.to_owned() })
    }

    /// Forgets silences that ended before `before`; gives their ids.
    pub fn forget_silences(&mut self, before: Timestamp) -> Vec<String> {
        let over = self.silences.values().filter(|one| one.until < before);
        let ids: Vec<String> = over.map(|one| one.id.clone()).collect();
        for id in &ids {
            self.silences.remove(id);
        }
        ids
    }
}
