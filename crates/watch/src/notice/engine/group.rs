//! What one receiver is told together.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Notice, NoticeKind};
use crate::notice::event::{Event, Severity};
use crate::notice::settings::Receiver;

/// Which group: of which receiver, with which values of the labels that it groups by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKey {
    /// The receiver.
    pub receiver: String,
    /// `label=value` of each label, or the source where the receiver groups by none.
    pub of: String,
}

impl GroupKey {
    pub(super) fn of(name: &str, receiver: &Receiver, event: &Event) -> Self {
        let value = |label: &String| event.labels.get(label).map_or("", String::as_str);
        let pair = |label: &String| format!("{label}={}", value(label));
        let pairs: Vec<String> = receiver.group_by.iter().map(pair).collect();
        Self {
            receiver: name.to_owned(),
            of: match pairs.is_empty() {
                true => event.source.clone(),
                false => pairs.join(","),
            },
        }
    }
}

/// What is known of a source that has, or had, a problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is about.
    pub source: String,
    /// One line for people.
    pub title: String,
    /// Why.
    pub detail: String,
    /// How bad it is.
    pub severity: Severity,
    /// What routes, silences and groups look at.
    pub labels: BTreeMap<String, String>,
    /// Since when it has been wrong.
    pub since: Timestamp,
    /// When it was right again.
    pub ended: Option<Timestamp>,
    /// What SNS would send.
    pub sns: Option<String>,
}

/// An alert in a group, and what was told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member {
    alert: Alert,
    /// When the change came about that it is in now.
    at: Timestamp,
    /// When this receiver was first told.
    told: Option<Timestamp>,
    /// When it last changed without being told.
    changed: Option<Timestamp>,
    /// Whether its end is to be told.
    is_end_wanted: bool,
}

/// What one receiver is told together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    members: BTreeMap<String, Member>,
    /// When its first notice was decided, since when escalation counts.
    opened: Option<Timestamp>,
    last_told: Option<Timestamp>,
    /// How many notices there were; part of their ids.
    count: u64,
    /// How many steps of the escalation were taken.
    steps: usize,
    /// Who was told by escalation, and is told of the end.
    also: Vec<String>,
}

/// What a group tells now.
#[derive(Debug, Default)]
pub struct Told {
    /// The notices.
    pub notices: Vec<Notice>,
    /// Whether the group is otherwise now although nothing is told.
    pub is_changed: bool,
}

impl Group {
    /// How many alerts are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The alerts in it.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.members.values().map(|member| &member.alert)
    }

    pub(super) fn has(&self, source: &str) -> bool {
        self.members.contains_key(source)
    }

    pub(super) fn is_firing(&self, source: &str) -> bool {
        let member = self.members.get(source);
        member.is_some_and(|member| member.alert.ended.is_none())
    }

    /// A problem begins, or is another than it was.
    pub(super) fn begin(&mut self, event: &Event) {
        let known = self.members.get(&event.source);
        // A change may come twice, to the receivers that its source names and to those of routes.
        let is_known = |member: &Member| member.alert.ended.is_none() && member.at == event.at;
        if known.is_some_and(is_known) {
            return;
        }
        let lasting = known.filter(|member| member.alert.ended.is_none());
        let since = lasting.map_or(event.at, |member| member.alert.since);
        let told = known.and_then(|member| member.told);
        let alert = Alert {
            source: event.source.clone(),
            title: event.title.clone(),
            detail: event.detail.clone(),
            severity: event.severity,
            labels: event.labels.clone(),
            since,
            ended: None,
            sns: event.sns.clone(),
        };
        let member = Member {
            alert,
            at: event.at,
            told,
            changed: Some(event.at),
            is_end_wanted: false,
        };
        self.members.insert(event.source.clone(), member);
    }

    /// A problem ends; whether it was one of this group.
    pub(super) fn end(&mut self, event: &Event) -> bool {
        let Some(member) = self.members.get_mut(&event.source) else {
            return false;
        };
        if member.alert.ended.is_some() {
            return false;
        }
        member.alert.ended = Some(event.at);
        member.alert.title.clone_from(&event.title);
        member.alert.detail.clone_from(&event.detail);
        member.alert.sns.clone_from(&event.sns);
        member.changed = Some(event.at);
        member.is_end_wanted = true;
        true
    }

    /// Tells what it is time to tell. `is_held`: whether an alert is silenced; `is_taken`: whether somebody acknowledged it.
    pub(super) fn tell(
        &mut self,
        key: &GroupKey,
        receiver: &Receiver,
        now: Timestamp,
        is_held: &dyn Fn(&Alert) -> bool,
        is_taken: &dyn Fn(&Alert) -> bool,
    ) -> Told {
        let mut told = Told {
            is_changed: self.forget_untold(receiver),
            ..Told::default()
        };
        if let Some(kind) = self.due(receiver, now, is_held, is_taken) {
            let notice = self.notice(key, kind, now, is_held);
            self.settle(&notice, now);
            let ended = notice.firing.is_empty();
            for other in ended
                .then(|| std::mem::take(&mut self.also))
                .into_iter()
                .flatten()
            {
                told.notices.push(Notice {
                    id: format!("{}-{other}", notice.id),
                    receiver: other,
                    ..notice.clone()
                });
            }
            told.notices.push(notice);
        }
        told.notices
            .extend(self.escalate(key, receiver, now, is_held, is_taken));
        told
    }

    /// Whoever was never told of a problem is not told of its end, nor is who wants no ends; whether something was forgotten.
    fn forget_untold(&mut self, receiver: &Receiver) -> bool {
        let wants_ends = receiver.recovery.unwrap_or(true);
        let before = self.members.len();
        self.members.retain(|_, member| {
            member.alert.ended.is_none() || (member.told.is_some() && wants_ends)
        });
        before != self.members.len()
    }

    /// Whether it is time to tell, and why.
    fn due(
        &self,
        receiver: &Receiver,
        now: Timestamp,
        is_held: &dyn Fn(&Alert) -> bool,
        is_taken: &dyn Fn(&Alert) -> bool,
    ) -> Option<NoticeKind> {
        let is_open = |member: &&Member| member.is_end_wanted || !is_held(&member.alert);
        let waiting = self.members.values().filter(is_open);
        let first = waiting.filter_map(|member| member.changed).min();
        if let Some(first) = first {
            let ready = match self.last_told {
                None => first.plus(receiver.wait()),
                Some(last) => last.plus(receiver.interval()).max(first),
            };
            let is_problem = self.members.values().any(|member| {
                member.alert.ended.is_none() && member.changed.is_some() && !is_held(&member.alert)
            });
            let is_over = self
                .members
                .values()
                .all(|member| member.alert.ended.is_some());
            let kind = match (is_problem, is_over) {
                (true, _) => NoticeKind::Problem,
                (false, true) => NoticeKind::Recovery,
                (false, false) => NoticeKind::Update,
            };
            return (ready <= now).then_some(kind);
        }
        let again = self.last_told?.plus(receiver.repeat?.get());
        let is_due = again <= now && self.lasting(is_held, is_taken).next().is_some();
        is_due.then_some(NoticeKind::Repeat)
    }

    /// The problems that were told and that nobody has acknowledged.
    fn lasting<'a>(
        &'a self,
        is_held: &'a dyn Fn(&Alert) -> bool,
        is_taken: &'a dyn Fn(&Alert) -> bool,
    ) -> impl Iterator<Item = &'a Alert> {
        self.members
            .values()
            .filter(|member| member.told.is_some() && member.alert.ended.is_none())
            .map(|member| &member.alert)
            .filter(|alert| !is_held(alert) && !is_taken(alert))
    }

    fn notice(
        &mut self,
        key: &GroupKey,
        kind: NoticeKind,
        now: Timestamp,
        is_held: &dyn Fn(&Alert) -> bool,
    ) -> Notice {
        self.count += 1;
        let (firing, recovered): (Vec<Alert>, Vec<Alert>) = self
            .members
            .values()
            .filter(|member| member.alert.ended.is_some() || !is_held(&member.alert))
            .map(|member| member.alert.clone())
            .partition(|alert| alert.ended.is_none());
        let opened = *self.opened.get_or_insert(now);
        let thread = thread(key, opened);
        Notice {
            id: format!("{thread}-{}", self.count),
            thread,
            receiver: key.receiver.clone(),
            kind,
            at: now,
            firing,
            recovered,
        }
    }

    /// Notes what a notice told.
    fn settle(&mut self, notice: &Notice, now: Timestamp) {
        self.last_told = Some(now);
        for alert in &notice.firing {
            if let Some(member) = self.members.get_mut(&alert.source) {
                member.told.get_or_insert(now);
                member.changed = None;
            }
        }
        self.members
            .retain(|_, member| member.alert.ended.is_none());
    }

    /// The next steps whose time has come, while somebody's problem lasts.
    fn escalate(
        &mut self,
        key: &GroupKey,
        receiver: &Receiver,
        now: Timestamp,
        is_held: &dyn Fn(&Alert) -> bool,
        is_taken: &dyn Fn(&Alert) -> bool,
    ) -> Vec<Notice> {
        let mut notices = Vec::new();
        while let (Some(step), Some(opened)) = (receiver.escalate.get(self.steps), self.opened) {
            let firing: Vec<Alert> = self.lasting(is_held, is_taken).cloned().collect();
            if opened.plus(step.after.get()) > now || firing.is_empty() {
                break;
            }
            self.steps += 1;
            self.count += 1;
            if !self.also.contains(&step.to) {
                self.also.push(step.to.clone());
            }
            let thread = thread(key, opened);
            notices.push(Notice {
                id: format!("{thread}-{}", self.count),
                thread,
                receiver: step.to.clone(),
                kind: NoticeKind::Escalation {
                    from: key.receiver.clone(),
                },
                at: now,
                firing,
                recovered: Vec::new(),
            });
        }
        notices
    }
}

/// What the notices of a group have in common: a number of its key and of when it began.
fn thread(key: &GroupKey, opened: Timestamp) -> String {
    let text = format!("{}\n{}\n{}", key.receiver, key.of, opened.as_millis());
    // FNV-1a, as it needs no key and is the same in every process.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{}-{hash:016x}", key.receiver)
}
