//! Mute rules, and the tags of alarms and mute rules.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::book::{Mute, StoredMute, Tags};
use super::super::check::{self, Wrong};
use super::super::error::Error;
use super::super::mute::{Schedule, Settings, TARGETS_MAX};
use super::Draft;

/// Mute rules that there may be. Chosen.
pub const MUTES_MAX: usize = 1000;
/// Tags of an alarm or mute rule. Source: `TagResource`.
pub const TAGS_MAX: usize = 50;

/// What has tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// The alarm of this name.
    Alarm(String),
    /// The mute rule of this name.
    Mute(String),
}

/// Checks tags as a whole.
///
/// # Errors
/// [`Error::Wrong`].
pub fn check_tags(tags: &Tags) -> Result<(), Error> {
    if tags.len() > TAGS_MAX {
        return Err(Error::Wrong(Wrong::Other(format!(
            "There can be at most {TAGS_MAX} tags, these would be {}.",
            tags.len()
        ))));
    }
    for (key, value) in tags {
        check::length("tags.member.key", key, 1, 128)?;
        check::length("tags.member.value", value, 0, 256)?;
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::Wrong(Wrong::Other(format!(
                "Tag keys must not begin with aws:, as {key} does."
            ))));
        }
    }
    Ok(())
}

impl Draft<'_> {
    /// Makes a mute rule or puts all of its settings anew; then `tags` count for nothing.
    ///
    /// # Errors
    /// [`Error::Wrong`], [`Error::Mute`], [`Error::NoAlarm`], [`Error::TooMany`].
    pub fn put_mute(&mut self, settings: Settings, tags: Tags) -> Result<(), Error> {
        check::name("name", &settings.name)?;
        if let Some(description) = &settings.description {
            check::length("description", description, 0, check::DESCRIPTION_CHARS_MAX)?;
        }
        self.check_targets(&settings)?;
        let schedule = Schedule::of(&settings)?;
        let known = self.book.mute(&settings.name).cloned();
        let tags = match &known {
            Some(known) => known.stored.tags.clone(),
            None if self.book.mutes().count() >= MUTES_MAX => {
                return Err(Error::TooMany(format!(
                    "The maximum of {MUTES_MAX} alarm mute rules has been reached"
                )));
            }
            None => {
                check_tags(&tags)?;
                tags
            }
        };
        let stored = StoredMute {
            settings,
            tags,
            updated_ms: self.at.as_millis(),
        };
        let mut targets = targets(&stored);
        targets.extend(known.iter().flat_map(|known| self::targets(&known.stored)));
        self.keep_mute(Mute { stored, schedule });
        self.unmute_all(&targets);
        Ok(())
    }

    fn check_targets(&self, settings: &Settings) -> Result<(), Error> {
        let targets = settings.targets.iter().flatten();
        if targets.clone().count() > TARGETS_MAX {
            return Err(Error::Wrong(Wrong::Constraint {
                value: format!("{} names", targets.count()),
                member: "muteTargets.alarmNames",
                constraint: format!("Member must have length less than or equal to {TARGETS_MAX}"),
            }));
        }
        for target in targets {
            check::name("muteTargets.alarmNames.member", target)?;
            if self.book.alarm(target).is_none() {
                return Err(Error::NoAlarm(target.clone()));
            }
        }
        Ok(())
    }

    /// Takes a mute rule away, if it is there; alarms that it muted are not muted any more.
    pub fn delete_mute(&mut self, name: &str) {
        let Some(mute) = self.book.remove_mute(name) else {
            return;
        };
        self.written.mutes.insert(Arc::from(name), None);
        self.unmute_all(&targets(&mute.stored));
    }

    fn unmute_all(&mut self, targets: &BTreeSet<String>) {
        for target in targets {
            self.unmute(target);
            self.written.timed.insert(Arc::from(target.as_str()));
        }
    }

    fn keep_mute(&mut self, mute: Mute) {
        let name: Arc<str> = Arc::from(mute.stored.settings.name.as_str());
        self.written.mutes.insert(name, Some(mute.stored.clone()));
        self.book.insert_mute(mute);
    }

    /// Adds tags and takes others away.
    ///
    /// # Errors
    /// [`Error::NoAlarm`], [`Error::NoMute`], [`Error::Wrong`].
    pub fn tag(&mut self, of: &Tagged, add: Tags, remove: &[String]) -> Result<(), Error> {
        match of {
            Tagged::Alarm(name) => {
                let mut alarm = self
                    .alarm(name)
                    .ok_or_else(|| Error::NoAlarm(name.clone()))?;
                edit_tags(&mut alarm.tags, add, remove)?;
                self.keep(alarm);
            }
            Tagged::Mute(name) => {
                let mute = self
                    .book
                    .mute(name)
                    .ok_or_else(|| Error::NoMute(name.clone()))?;
                let mut mute = Mute::clone(mute);
                edit_tags(&mut mute.stored.tags, add, remove)?;
                self.keep_mute(mute);
            }
        }
        Ok(())
    }
}

fn edit_tags(tags: &mut Tags, add: Tags, remove: &[String]) -> Result<(), Error> {
    tags.extend(add);
    tags.retain(|key, _| !remove.contains(key));
    check_tags(tags)
}

fn targets(mute: &StoredMute) -> BTreeSet<String> {
    mute.settings.targets.iter().flatten().cloned().collect()
}
