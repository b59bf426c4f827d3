//! What owners ask for: put, delete, set a state, switch actions on and off.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::book::{Alarm, Entry, Known, Status, Tags};
use super::super::check;
use super::super::error::Error;
use super::super::history::{self, Edit};
use super::super::reason;
use super::super::rule::Rule;
use super::super::settings::{Composite, Settings};
use super::super::state::State;
use super::super::suppress::{Now, Phase, Suppression};
use super::super::target;
use super::{Cause, Draft};

/// Alarms that there may be. Chosen: four times the default quota of an account.
pub const ALARMS_MAX: usize = 20_000;
/// Rules that an alarm may be in. Source: `PutCompositeAlarm`.
pub const PARENTS_MAX: usize = 150;

impl Draft<'_> {
    /// Makes an alarm, or puts all of its settings anew; then `tags` count for nothing and the state stays.
    ///
    /// # Errors
    /// [`Error::Wrong`], [`Error::OtherKind`], [`Error::NoChildren`], [`Error::NoSuppressor`], [`Error::TooMany`].
    pub fn put(&mut self, settings: Settings, tags: Tags) -> Result<(), Error> {
        check::check(&settings, self.place)?;
        if let Some(composite) = settings.composite() {
            self.check_composite(&settings.name, composite)?;
        }
        match self.book.alarm(&settings.name).cloned() {
            Some(known) => self.update(&known, settings),
            None => self.create(settings, tags),
        }
    }

    fn create(&mut self, settings: Settings, tags: Tags) -> Result<(), Error> {
        if self.book.alarms_count() >= ALARMS_MAX {
            return Err(Error::TooMany(format!(
                "The maximum of {ALARMS_MAX} alarms has been reached"
            )));
        }
        super::muting::check_tags(&tags)?;
        let at_ms = self.at.as_millis();
        let alarm = Alarm {
            status: Status {
                revision: self.next(),
                now: Known {
                    state: State::InsufficientData,
                    reason: reason::CREATED.to_owned(),
                    data: None,
                    at_ms,
                },
                before: None,
                transitioned_ms: at_ms,
                configured_ms: at_ms,
                suppression: Suppression::default(),
                told_before_mute: None,
                scaled_ms: None,
            },
            settings,
            tags,
        };
        self.have(alarm, Edit::Created, Cause::Created);
        Ok(())
    }

    fn update(&mut self, known: &Entry, settings: Settings) -> Result<(), Error> {
        if known.alarm.settings.kind_name() != settings.kind_name() {
            return Err(Error::OtherKind {
                name: settings.name,
                kind: known.alarm.settings.kind_name(),
            });
        }
        let name = settings.name.clone();
        let has_other = known.suppressor != self.suppressor(&settings).map(|(name, ..)| name);
        let mut alarm = known.alarm.clone();
        alarm.settings = settings;
        alarm.status.revision = self.next();
        alarm.status.configured_ms = self.at.as_millis();
        let now = match has_other {
            true => self.suppressed_anew(&mut alarm),
            false => Now::Keep,
        };
        self.have(alarm, Edit::Updated, Cause::Updated);
        // Where the put changed the state too, the actions of that change have run, and stand for those kept back.
        let is_as_before = self.book.alarm(&name).map(|entry| entry.state()) == Some(known.state());
        if now == Now::Run && is_as_before {
            self.act(&name, &[]);
        }
        Ok(())
    }

    /// The suppressor is another: what the one before kept back is kept back by the new one, or runs.
    fn suppressed_anew(&self, alarm: &mut Alarm) -> Now {
        let is_owed = alarm.status.suppression.is_owed;
        let is_suppressing = self
            .suppressor(&alarm.settings)
            .is_some_and(|(name, ..)| self.is_in_alarm(&name));
        alarm.status.suppression = match is_suppressing {
            true => Suppression {
                phase: Phase::Alarm,
                is_owed,
            },
            false => Suppression::default(),
        };
        match is_owed && !is_suppressing {
            true => Now::Run,
            false => Now::Keep,
        }
    }

    fn have(&mut self, alarm: Alarm, edit: Edit, cause: Cause) {
        let name: Arc<str> = Arc::from(alarm.settings.name.as_str());
        let kind = alarm.settings.kind_name();
        let is_composite = alarm.settings.composite().is_some();
        let told = history::edited(edit, &alarm, self.place);
        let first = match self.suppressor(&alarm.settings) {
            Some((suppressor, ..)) if edit == Edit::Created && self.is_in_alarm(&suppressor) => {
                let mut alarm = alarm;
                alarm.status.suppression.suppressor_came();
                alarm
            }
            _ => alarm,
        };
        self.keep(first);
        self.remember(&name, kind, history::Kind::ConfigurationUpdate, told);
        match is_composite {
            true => {
                self.unsettled.insert(Arc::clone(&name), cause);
                self.settle();
            }
            false => {
                self.written.fresh.insert(Arc::clone(&name));
            }
        }
        self.written.timed.insert(name);
    }

    fn check_composite(&self, name: &str, composite: &Composite) -> Result<(), Error> {
        let rule = Rule::parse(&composite.rule).map_err(check::Wrong::Rule)?;
        let is_there = |reference: &str| {
            target::alarm_name(reference, self.place)
                .is_some_and(|child| child == name || self.book.alarm(&child).is_some())
        };
        let gone = rule.children().iter().filter(|child| !is_there(child));
        let gone: Vec<_> = gone.cloned().collect();
        if !gone.is_empty() {
            return Err(Error::NoChildren(gone));
        }
        if let Some(suppressor) = &composite.suppressor
            && !is_there(&suppressor.alarm)
        {
            return Err(Error::NoSuppressor(suppressor.alarm.clone()));
        }
        for child in rule.children() {
            let child = target::alarm_name(child, self.place).unwrap_or_default();
            let others = self
                .book
                .parents(&child)
                .filter(|parent| &***parent != name);
            if others.count() >= PARENTS_MAX {
                return Err(Error::TooMany(format!(
                    "The alarm {child} is in the rules of {PARENTS_MAX} composite alarms already"
                )));
            }
        }
        Ok(())
    }

    /// Takes alarms away; names of none are passed over. What is remembered of them stays.
    ///
    /// # Errors
    /// [`Error::ManyComposites`], [`Error::Needed`]; then all stay.
    pub fn delete(&mut self, names: &BTreeSet<String>) -> Result<(), Error> {
        let entries = names.iter().filter_map(|name| self.book.alarm(name));
        let entries: Vec<_> = entries.cloned().collect();
        let composites = entries.iter().filter(|entry| entry.rule.is_some());
        if composites.count() > 1 {
            return Err(Error::ManyComposites);
        }
        let needed = entries
            .iter()
            .filter(|entry| self.is_needed(entry.name(), names));
        let needed: Vec<_> = needed.map(|entry| entry.name().to_owned()).collect();
        if !needed.is_empty() {
            return Err(Error::Needed(needed));
        }
        for entry in entries {
            self.remove(&entry);
        }
        Ok(())
    }

    /// Whether a composite alarm depends on it that is not deleted with it. One that depends on itself always does.
    fn is_needed(&self, name: &str, deleted: &BTreeSet<String>) -> bool {
        let mut dependants = self.book.parents(name).chain(self.book.suppressed(name));
        dependants.any(|dependant| &**dependant == name || !deleted.contains(&**dependant))
    }

    fn remove(&mut self, entry: &Entry) {
        let name: Arc<str> = Arc::from(entry.name());
        self.book.remove(&name);
        self.unsettled.remove(&name);
        self.written.alarms.insert(Arc::clone(&name), None);
        self.written.timed.insert(Arc::clone(&name));
        let told = history::edited(Edit::Deleted, &entry.alarm, self.place);
        let kind = entry.alarm.settings.kind_name();
        self.remember(&name, kind, history::Kind::ConfigurationUpdate, told);
    }

    /// Gives an alarm a state until its next evaluation.
    ///
    /// # Errors
    /// [`Error::NoAlarm`], [`Error::Wrong`].
    pub fn set_state(
        &mut self,
        name: &str,
        state: State,
        reason: String,
        data: Option<String>,
    ) -> Result<(), Error> {
        check::length("stateReason", &reason, 0, reason::REASON_CHARS_MAX)?;
        if let Some(data) = &data {
            check::length("stateReasonData", data, 0, reason::REASON_DATA_CHARS_MAX)?;
        }
        if self.book.alarm(name).is_none() {
            return Err(Error::NoAlarm(name.to_owned()));
        }
        self.change(name, state, reason, data, &[]);
        self.settle();
        Ok(())
    }

    /// Switches the actions of alarms on or off; names of none are passed over.
    pub fn switch_actions(&mut self, names: &BTreeSet<String>, is_on: bool) {
        for name in names {
            let Some(mut alarm) = self.alarm(name) else {
                continue;
            };
            if alarm.settings.actions_enabled == is_on {
                continue;
            }
            alarm.settings.actions_enabled = is_on;
            alarm.status.configured_ms = self.at.as_millis();
            let told = history::edited(Edit::Updated, &alarm, self.place);
            let kind = alarm.settings.kind_name();
            self.keep(alarm);
            self.remember(name, kind, history::Kind::ConfigurationUpdate, told);
        }
    }
}
