//! What a scaler keeps between plans, and what it makes of it: who lives, what one manages, what holds over.
//!
//! INVARIANT: the shares of the starts whose deadline has not come never overlap, so that no limit is given twice: one that was never
//! heard of keeps its share until then, since it may live. One that was heard ends by itself before it is taken for dead
//! ([`TELL_MAX`](super::TELL_MAX)), and its successor has its share.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::learned::Learned;
use super::{KNOWN_FOR, Plan};
use crate::port::{Life, Report, Running, StartEvent, Stretch};
use crate::share::Share;

/// How long nothing may be heard of a notifier that should tell of itself, before it is taken for dead. Chosen: three times
/// what a report each 20 s needs.
pub const SILENT_MAX: Duration = Duration::from_secs(60);
/// How many moments are kept of who ran. Chosen: two hours of plans each minute.
pub const RAN_MAX: usize = 120;

/// What a scaler knows. Serialised as JSON where it is kept outside of the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The number of the last plan.
    pub number: u64,
    /// By route.
    pub routes: BTreeMap<String, RouteState>,
}

/// What a scaler knows of a route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteState {
    /// When it was last planned for.
    pub planned_at: Option<Timestamp>,
    /// How many ran after that.
    pub running: u32,
    /// Those that were started with a fixed share and whose deadline has not come.
    pub starts: Vec<Start>,
    /// What one notifier manages.
    pub learned: Learned,
    /// Up to when.
    pub learned_to: Option<Timestamp>,
    /// Notifications a minute as last known, and when that was.
    pub known: Option<(Timestamp, f64)>,
    /// How many were wanted, and until when that holds.
    pub held: Option<(Timestamp, u32)>,
    /// Who ran, the newest last; at most [`RAN_MAX`].
    pub ran: Vec<Ran>,
    /// When any of its notifiers was last heard of.
    pub heard_at: Option<Timestamp>,
}

/// A notifier that was started with a fixed share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The plan that started it.
    pub plan: u64,
    /// Its place there.
    pub index: u32,
    /// Its share of every limit.
    pub share: Share,
    /// When it was started.
    pub at: Timestamp,
    /// Its deadline.
    pub until: Timestamp,
    /// When it was last heard of.
    #[serde(default)]
    pub heard_at: Option<Timestamp>,
    /// Whether it is gone before its deadline.
    #[serde(default)]
    pub gone: Option<Gone>,
}

/// How a notifier went before its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gone {
    /// It said so: its share is free.
    Ended,
    /// Nothing is heard of it: its share is free where it was heard before.
    Silent,
}

/// Who ran from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// From then on.
    pub at: Timestamp,
    /// So many.
    pub count: u32,
    /// Whether more waited then than they take in a second.
    pub is_busy: bool,
}

impl State {
    /// Forgets the routes that are no more.
    pub fn keep_only(&mut self, stays: impl Fn(&str) -> bool) {
        self.routes.retain(|route, _| stays(route));
    }

    /// The state of a route, fresh where it is new.
    pub fn route(&mut self, route: &str) -> &mut RouteState {
        self.routes.entry(route.to_owned()).or_default()
    }
}

impl RouteState {
    /// Notes what was heard, and answers how many run and how many are newly taken for dead. Those that cannot be counted run
    /// until `ahead` of their deadline.
    pub fn hear(&mut self, running: &Running, now: Timestamp, ahead: Duration) -> (u32, u32) {
        self.starts.retain(|start| start.until > now);
        let before = self.count_gone();
        match running {
            Running::Count(count) => return (*count, 0),
            Running::Unknown => {}
            Running::Reports(reports) => self.listen(reports, now),
        }
        let lost = self.count_gone().saturating_sub(before);
        let runs = |start: &&Start| start.gone.is_none() && start.until > now.plus(ahead);
        (count(self.starts.iter().filter(runs)), lost)
    }

    fn count_gone(&self) -> u32 {
        count(self.starts.iter().filter(|start| start.gone.is_some()))
    }

    fn listen(&mut self, reports: &[Report], now: Timestamp) {
        for report in reports {
            let is_it =
                |start: &&mut Start| (start.plan, start.index) == (report.plan, report.index);
            if let Some(start) = self.starts.iter_mut().find(is_it) {
                start.hear(report);
                self.heard_at = self.heard_at.max(Some(report.at));
            }
        }
        // Where no one is ever heard of, it is the ear that is deaf: functions that may not put reports, or of an older version,
        // would else be replaced each minute.
        let is_deaf = self.heard_at.is_none_or(|at| now.since(at) > KNOWN_FOR);
        for start in &mut self.starts {
            let heard_at = start.heard_at.unwrap_or(start.at);
            let could_be_heard = start.heard_at.is_some() || !is_deaf;
            if start.gone.is_none() && could_be_heard && now.since(heard_at) > SILENT_MAX {
                start.gone = Some(Gone::Silent);
            }
        }
    }

    /// The shares that are given.
    #[must_use]
    pub fn shares(&self) -> Vec<Share> {
        let holds = |start: &&Start| match start.gone {
            None => true,
            Some(Gone::Ended) => false,
            Some(Gone::Silent) => start.heard_at.is_none(),
        };
        self.starts
            .iter()
            .filter(holds)
            .map(|start| start.share)
            .collect()
    }

    /// Notes the rate where it is known.
    pub fn know(&mut self, sent: Option<&Stretch>) {
        if let Some(sent) = sent {
            self.known = Some((sent.to, sent.per_minute()));
        }
    }

    /// The rate as last known, while that stands for what is not.
    #[must_use]
    pub fn known_per_minute(&self, now: Timestamp) -> Option<f64> {
        let is_fresh = |known: &(Timestamp, f64)| now.since(known.0) <= KNOWN_FOR;
        self.known.filter(is_fresh).map(|(_, rate)| rate)
    }

    /// Learns what one manages, where it was known all the time who ran. `is_limited`: what waits may wait for receivers, so
    /// that one manages at least what was seen.
    pub fn learn(&mut self, prior: u32, done: &Stretch, is_limited: bool) {
        let is_new = self.learned_to.is_none_or(|to| done.to > to);
        let Some((notifier_minutes, is_busy)) = self.worked(done).filter(|_| is_new) else {
            return;
        };
        if notifier_minutes <= 0.0 {
            return;
        }
        self.learned_to = Some(done.to);
        let measured = done.per_minute() * done.span().as_secs_f64() / 60.0 / notifier_minutes;
        self.learned = self.learned.with(prior, measured, is_busy && !is_limited);
    }

    /// The minutes that notifiers ran in a stretch, and whether they had enough to do throughout. None where that is not known.
    fn worked(&self, stretch: &Stretch) -> Option<(f64, bool)> {
        let first = self.ran.iter().rposition(|ran| ran.at <= stretch.from)?;
        let inside = self.ran.get(first..)?;
        let mut minutes = 0.0;
        let mut is_busy = true;
        for (place, ran) in inside.iter().enumerate() {
            if ran.at > stretch.to {
                break;
            }
            let next = inside.get(place + 1).map_or(stretch.to, |next| next.at);
            let span = next.min(stretch.to).since(ran.at.max(stretch.from));
            minutes += f64::from(ran.count) * span.as_secs_f64() / 60.0;
            is_busy &= ran.is_busy && ran.count > 0;
        }
        // What was so at its end is seen by whoever looks then.
        let ends = self.ran.iter().find(|ran| ran.at >= stretch.to);
        Some((minutes, is_busy && ends.is_some_and(|ran| ran.is_busy)))
    }

    /// Notes who runs from now on.
    pub fn ran(&mut self, at: Timestamp, count: u32, is_busy: bool) {
        self.ran.push(Ran { at, count, is_busy });
        let over = self.ran.len().saturating_sub(RAN_MAX);
        self.ran.drain(..over);
    }

    /// How many are held from before.
    #[must_use]
    pub fn held(&self, now: Timestamp) -> u32 {
        self.held
            .filter(|(until, _)| *until > now)
            .map_or(0, |(_, wanted)| wanted)
    }

    /// Notes what a plan needed: that holds for `cool_down`, unless more is held from before.
    pub fn hold(&mut self, plan: &Plan, cool_down: Duration) {
        let now = Timestamp::from_millis(plan.at_ms);
        if plan.inputs.is_paused {
            self.held = None;
        } else if plan.needed >= self.held(now) {
            self.held = Some((now.plus(cool_down), plan.needed));
        }
    }

    /// Notes that so many more run since the last plan.
    pub fn joined(&mut self, started: u32) {
        if let Some(last) = self.ran.last_mut() {
            last.count += started;
        }
    }

    /// Forgets a start that failed.
    pub fn forget(&mut self, plan: u64, index: u32) {
        self.starts
            .retain(|start| (start.plan, start.index) != (plan, index));
        self.running = self.running.saturating_sub(1);
        if let Some(last) = self.ran.last_mut() {
            last.count = last.count.saturating_sub(1);
        }
    }
}

impl Start {
    /// One that is about to be started.
    #[must_use]
    pub fn of(event: &StartEvent, at: Timestamp) -> Self {
        Self {
            plan: event.plan,
            index: event.index,
            share: event.share,
            at,
            until: Timestamp::from_millis(event.deadline_ms),
            heard_at: None,
            gone: None,
        }
    }

    fn hear(&mut self, report: &Report) {
        self.heard_at = self.heard_at.max(Some(report.at));
        // Who was taken for dead and speaks again lives; who ended does not come back.
        match report.life {
            Life::Ended => self.gone = Some(Gone::Ended),
            Life::Lives if self.gone == Some(Gone::Silent) => self.gone = None,
            Life::Lives => {}
        }
    }
}

fn count<T>(all: impl Iterator<Item = T>) -> u32 {
    u32::try_from(all.count()).unwrap_or(u32::MAX)
}
