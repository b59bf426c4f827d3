//! A change of alarms in the making: commands on a copy of the book, with the history and the actions that follow.
//!
//! INVARIANT: a transition, its history items and its actions are in one [`Written`], which is kept wholly or not at all;
//! so none is lost and none is done twice.
//!
//! - [`command`]: what owners ask for: put, delete, set a state, switch actions
//! - [`muting`]: mute rules and tags
//! - this file: what follows: transitions, composite alarms, suppression, actions

pub mod command;
pub mod muting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use serde_json::json;

use super::book::{Alarm, Book, Entry, Known, StoredMute};
use super::history::{self, Item, Told};
use super::notice::sns::{Child, ChildState};
use super::notice::{self, ActionCall, Occasion, Outcome};
use super::settings::Settings;
use super::state::State;
use super::suppress::Now;
use super::target::Target;
use super::time::{long, offset};
use crate::ops::Place;

/// Actions that wait for being run. Chosen: a day of an alarm storm; later ones are recorded as failed.
pub const ACTIONS_MAX: u64 = 100_000;
/// How often scaling actions run again while the state lasts. Source: User Guide, "Alarm actions".
const SCALING_EVERY: Duration = Duration::from_secs(60);

/// A change in the making.
#[derive(Debug)]
pub struct Draft<'a> {
    book: Book,
    place: &'a Place,
    at: Timestamp,
    /// What each change is told to beside the alarm's own actions.
    also: Option<&'a str>,
    written: Written,
    /// Composite alarms to be looked at, and the child because of which; none where the put is why.
    unsettled: BTreeMap<Arc<str>, Cause>,
}

/// What a change writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// Alarms that were put in, changed or, where none, taken out.
    pub alarms: BTreeMap<Arc<str>, Option<Alarm>>,
    /// Mute rules that were put in or, where none, taken out.
    pub mutes: BTreeMap<Arc<str>, Option<StoredMute>>,
    /// Alarms that are to be evaluated at once: those that were put.
    pub fresh: BTreeSet<Arc<str>>,
    /// Alarms for which [`Book::timer`] may have changed.
    pub timed: BTreeSet<Arc<str>>,
    /// Items of history.
    pub history: Vec<Item>,
    /// Actions to run.
    pub actions: Vec<ActionCall>,
    /// Numbers of actions that have run.
    pub done: Vec<u64>,
    /// The number that was last given.
    pub sequence: u64,
}

/// Why a composite alarm is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Created,
    Updated,
    Child(Arc<str>),
}

/// What an evaluation found of an alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Of which.
    pub alarm: Arc<str>,
    /// The revision that was evaluated.
    pub revision: u64,
    /// The state.
    pub state: State,
    /// Why.
    pub reason: String,
    /// JSON.
    pub data: String,
}

impl Written {
    /// Whether nothing is to be kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.alarms.is_empty()
            && self.mutes.is_empty()
            && self.history.is_empty()
            && self.actions.is_empty()
            && self.done.is_empty()
    }
}

impl<'a> Draft<'a> {
    /// A change of `book` at `at`.
    #[must_use]
    pub fn new(book: &Book, place: &'a Place, at: Timestamp) -> Self {
        Self {
            book: book.clone(),
            place,
            at,
            also: None,
            written: Written::default(),
            unsettled: BTreeMap::new(),
        }
    }

    /// The same, in which each change is told to `target` too, as if it were an action of every state of every alarm.
    #[must_use]
    pub const fn telling(mut self, target: Option<&'a str>) -> Self {
        self.also = target;
        self
    }

    /// The book as it becomes.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Settles what is left and gives the book and what is to be kept.
    #[must_use]
    pub fn finish(mut self) -> (Book, Written) {
        self.settle();
        self.written.sequence = self.book.sequence;
        (self.book, self.written)
    }

    /// Takes over what an evaluation found, if the alarm is still the one that was evaluated.
    pub fn found(&mut self, finding: Finding) {
        let Some(entry) = self.book.alarm(&finding.alarm).cloned() else {
            return;
        };
        if entry.alarm.status.revision != finding.revision {
            return;
        }
        if entry.state() != finding.state {
            self.change(
                &finding.alarm,
                finding.state,
                finding.reason,
                Some(finding.data),
                &[],
            );
            self.settle();
        } else if entry.scales() {
            self.scale_again(&entry);
        }
    }

    /// Does what time alone brings: ends of waits, extensions and mutes.
    pub fn tick(&mut self, name: &str) {
        let Some(mut alarm) = self.alarm(name) else {
            return;
        };
        if alarm
            .status
            .suppression
            .due()
            .is_some_and(|due| due <= self.at)
        {
            let now = alarm.status.suppression.tick(self.at);
            self.keep(alarm);
            if now == Now::Run {
                self.act(name, &[]);
            }
        }
        self.unmute(name);
        self.written.timed.insert(Arc::from(name));
    }

    /// Records what became of an action, and takes it away; [`Outcome::Later`] leaves it. `call` must be one that waits.
    pub fn done(&mut self, call: &ActionCall, outcome: &Outcome) {
        let error = match outcome {
            Outcome::Later => return,
            Outcome::Done => None,
            Outcome::Failed(error) => Some(error.as_str()),
        };
        self.written.done.push(call.number);
        self.book.waiting = self.book.waiting.saturating_sub(1);
        let at = Timestamp::from_millis(call.at_ms);
        // What is told of every change is no action of the alarm's.
        if Some(call.target.as_str()) != self.also {
            let told = history::acted(&call.target, at, &call.id, error);
            self.remember(&call.alarm, &call.alarm_kind, history::Kind::Action, told);
        }
    }

    /// Gives an alarm a state. `children`: those because of which, of a composite alarm.
    fn change(
        &mut self,
        name: &str,
        to: State,
        reason: String,
        data: Option<String>,
        children: &[Child],
    ) {
        let Some(mut alarm) = self.alarm(name) else {
            return;
        };
        let known = Known {
            state: to,
            reason,
            data,
            at_ms: self.at.as_millis(),
        };
        let before = std::mem::replace(&mut alarm.status.now, known);
        let from = before.state;
        if from == to {
            self.keep(alarm);
            return;
        }
        let told = history::changed(&before, &alarm.status.now);
        alarm.status.before = Some(before);
        alarm.status.transitioned_ms = self.at.as_millis();
        let kind = alarm.settings.kind_name();
        let runs = self.runs(&mut alarm);
        self.keep(alarm);
        self.remember(name, kind, history::Kind::StateUpdate, told);
        if runs == Now::Run {
            self.act(name, children);
        }
        self.tell_others(name, from, to);
    }

    /// Whether the actions of a new state run at once.
    fn runs(&self, alarm: &mut Alarm) -> Now {
        let Some((suppressor, wait, _)) = self.suppressor(&alarm.settings) else {
            return Now::Run;
        };
        let is_suppressing = self.is_in_alarm(&suppressor);
        let suppression = &mut alarm.status.suppression;
        suppression.composite_changed(self.at, is_suppressing, wait)
    }

    /// The name of what suppresses an alarm, the wait and the extension.
    fn suppressor(&self, settings: &Settings) -> Option<(String, Duration, Duration)> {
        let suppressor = settings.composite()?.suppressor.as_ref()?;
        let name = super::target::alarm_name(&suppressor.alarm, self.place)?;
        let secs = |secs: u32| Duration::from_secs(u64::from(secs));
        Some((
            name,
            secs(suppressor.wait_secs),
            secs(suppressor.extension_secs),
        ))
    }

    fn is_in_alarm(&self, name: &str) -> bool {
        self.book
            .alarm(name)
            .is_some_and(|entry| entry.state() == State::Alarm)
    }

    /// Composite alarms above, and those that it suppresses.
    fn tell_others(&mut self, name: &str, from: State, to: State) {
        let name: Arc<str> = Arc::from(name);
        let parents: Vec<_> = self.book.parents(&name).cloned().collect();
        for parent in parents {
            self.unsettled
                .insert(parent, Cause::Child(Arc::clone(&name)));
        }
        let suppressed: Vec<_> = self.book.suppressed(&name).cloned().collect();
        for composite in suppressed {
            self.suppress(&composite, from, to);
        }
    }

    /// The suppressor of `composite` changed.
    fn suppress(&mut self, composite: &str, from: State, to: State) {
        let Some(mut alarm) = self.alarm(composite) else {
            return;
        };
        let Some((_, _, extension)) = self.suppressor(&alarm.settings) else {
            return;
        };
        let suppression = &mut alarm.status.suppression;
        let now = match (from, to) {
            (_, State::Alarm) => {
                suppression.suppressor_came();
                Now::Keep
            }
            (State::Alarm, _) => suppression.suppressor_left(self.at, extension),
            _ => return,
        };
        self.keep(alarm);
        if now == Now::Run {
            self.act(composite, &[]);
        }
    }

    /// Evaluates the composite alarms that are unsettled, those below before those above, so that each is evaluated once.
    /// Those in a cycle, or above one, keep their state.
    fn settle(&mut self) {
        // Rules do not change while alarms settle, and so neither do ranks.
        let mut ranks: BTreeMap<Arc<str>, Option<u32>> = BTreeMap::new();
        while let Some((rank, name)) = self.lowest(&mut ranks) {
            let cause = self.unsettled.remove(&name);
            if let (Some(_), Some(cause)) = (rank, cause) {
                self.evaluate(&name, &cause);
            }
        }
    }

    /// The unsettled alarm of the lowest rank. None comes first: what cannot be evaluated is put aside.
    fn lowest(
        &self,
        ranks: &mut BTreeMap<Arc<str>, Option<u32>>,
    ) -> Option<(Option<u32>, Arc<str>)> {
        let ranked = self.unsettled.keys().map(|name| {
            let known = ranks.entry(Arc::clone(name));
            (*known.or_insert_with(|| self.book.rank(name)), name)
        });
        ranked.min().map(|(rank, name)| (rank, Arc::clone(name)))
    }

    fn evaluate(&mut self, name: &str, cause: &Cause) {
        let Some(entry) = self.book.alarm(name).cloned() else {
            return;
        };
        let Some(rule) = &entry.rule else {
            return;
        };
        let holds = rule.holds(&|child| self.book.alarm(child).map(|child| child.state()));
        let state = if holds { State::Alarm } else { State::Ok };
        if state == entry.state() {
            return;
        }
        let (reason, children) = self.why(&entry, state, cause);
        let triggering: Vec<_> = children
            .iter()
            .map(|child| {
                let state = json!({"value": child.state.value, "timestamp": child.state.timestamp});
                json!({"arn": child.arn, "state": state})
            })
            .collect();
        let data = json!({"triggeringAlarms": triggering}).to_string();
        let data = (data.chars().count() <= super::reason::REASON_DATA_CHARS_MAX).then_some(data);
        self.change(name, state, reason, data, &children);
    }

    /// The reason of a composite alarm and the children that it names.
    fn why(&self, entry: &Entry, state: State, cause: &Cause) -> (String, Vec<Child>) {
        let own = self.place.alarm(entry.name());
        let all = || {
            entry
                .children()
                .filter_map(|child| self.child(child))
                .collect()
        };
        match cause {
            Cause::Created => (
                format!("{own} was created and its alarm rule evaluates to {state}"),
                all(),
            ),
            Cause::Updated => (
                format!("{own} was updated and its alarm rule evaluates to {state}"),
                all(),
            ),
            Cause::Child(child) => {
                let known = self.book.alarm(child).map(|child| &child.alarm.status.now);
                let (to, at) = known.map_or((State::InsufficientData, self.at), |known| {
                    (known.state, Timestamp::from_millis(known.at_ms))
                });
                let child_arn = self.place.alarm(child);
                let reason = format!("{child_arn} transitioned to {to} at {}", long(at));
                (reason, self.child(child).into_iter().collect())
            }
        }
    }

    fn child(&self, name: &str) -> Option<Child> {
        let known = &self.book.alarm(name)?.alarm.status.now;
        Some(Child {
            arn: self.place.alarm(name).to_string(),
            state: ChildState {
                value: known.state,
                timestamp: offset(Timestamp::from_millis(known.at_ms)),
            },
        })
    }

    /// Runs the actions of an alarm's state, unless they are switched off or muted.
    fn act(&mut self, name: &str, children: &[Child]) {
        let Some(mut alarm) = self.alarm(name) else {
            return;
        };
        if !alarm.settings.actions_enabled {
            return;
        }
        if self.book.muted_until(name, self.at).is_some() {
            let before = alarm.status.before.as_ref();
            let told = before.map_or(alarm.status.now.state, |known| known.state);
            alarm.status.told_before_mute.get_or_insert(told);
            self.keep(alarm);
            return;
        }
        if alarm.status.told_before_mute.take().is_some() {
            self.keep(alarm.clone());
        }
        self.run(alarm, children, false, |_| true);
    }

    /// After a mute: the actions of an alarm whose state is another than the one that people know of.
    fn unmute(&mut self, name: &str) {
        let Some(mut alarm) = self.alarm(name) else {
            return;
        };
        let Some(told) = alarm.status.told_before_mute else {
            return;
        };
        if self.book.muted_until(name, self.at).is_some() {
            return;
        }
        alarm.status.told_before_mute = None;
        self.keep(alarm.clone());
        if told != alarm.status.now.state && alarm.settings.actions_enabled {
            self.run(alarm, &[], true, |_| true);
        }
    }

    fn scale_again(&mut self, entry: &Entry) {
        let name = entry.name();
        let last = Timestamp::from_millis(entry.alarm.status.scaled_ms.unwrap_or_default());
        let is_due = self.at.since(last) >= SCALING_EVERY;
        if is_due && self.book.muted_until(name, self.at).is_none() {
            let is_scaling = |arn: &str| Target::of(arn) == Ok(Target::Scaling);
            self.run(entry.alarm.clone(), &[], false, is_scaling);
        }
    }

    fn run(
        &mut self,
        mut alarm: Alarm,
        children: &[Child],
        is_after_mute: bool,
        wanted: impl Fn(&str) -> bool,
    ) {
        let mut targets = alarm.settings.actions(alarm.status.now.state).to_vec();
        targets.extend(self.also.map(str::to_owned));
        let mut is_scaled = false;
        for target in targets.iter().filter(|target| wanted(target)) {
            is_scaled |= Target::of(target) == Ok(Target::Scaling);
            let occasion = Occasion {
                place: self.place,
                is_after_mute,
                number: self.next(),
                children,
            };
            let call = notice::call(&alarm, target, &occasion);
            self.hand_out(call);
        }
        if is_scaled {
            alarm.status.scaled_ms = Some(self.at.as_millis());
            self.keep(alarm);
        }
    }

    fn hand_out(&mut self, call: ActionCall) {
        if self.book.waiting < ACTIONS_MAX {
            self.book.waiting += 1;
            self.written.actions.push(call);
            return;
        }
        let at = Timestamp::from_millis(call.at_ms);
        let error = Some("too many actions wait");
        let told = history::acted(&call.target, at, &call.id, error);
        self.remember(&call.alarm, &call.alarm_kind, history::Kind::Action, told);
    }

    fn alarm(&self, name: &str) -> Option<Alarm> {
        self.book.alarm(name).map(|entry| entry.alarm.clone())
    }

    /// Puts a changed alarm into the book, and what is to be kept of it.
    fn keep(&mut self, alarm: Alarm) {
        let name: Arc<str> = Arc::from(alarm.settings.name.as_str());
        self.written.timed.insert(Arc::clone(&name));
        self.written.alarms.insert(name, Some(alarm.clone()));
        let entry = match self.book.alarm(&alarm.settings.name) {
            // What follows from the settings stays where they stay.
            Some(known) if known.alarm.settings == alarm.settings => Entry {
                alarm,
                ..Entry::clone(known)
            },
            _ => Entry::of(alarm, self.place),
        };
        self.book.insert(entry);
    }

    fn remember(&mut self, alarm: &str, alarm_kind: &str, kind: history::Kind, told: Told) {
        let (summary, data) = told;
        let item = Item {
            number: self.next(),
            at_ms: self.at.as_millis(),
            alarm: alarm.to_owned(),
            alarm_kind: alarm_kind.to_owned(),
            kind,
            summary,
            data,
        };
        self.written.history.push(item);
    }

    const fn next(&mut self) -> u64 {
        self.book.sequence += 1;
        self.book.sequence
    }
}
