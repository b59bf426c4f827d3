//! Those that were started, and who of them works when.

use std::time::Duration;

use base::Timestamp;

use super::Notifier;
use crate::port::{Life, Report, StartEvent};
use crate::random::Random;
use crate::scaler::reports_in;
use crate::share::Share;

/// One that was started.
#[derive(Clone, Copy, Debug)]
struct One {
    plan: u64,
    index: u32,
    share: Share,
    /// When it takes its first messages.
    works_at: Timestamp,
    /// When it takes nothing new any more.
    leaves_at: Timestamp,
    /// When it ends, by its deadline or before it.
    ends_at: Timestamp,
    /// Whether it is killed, and tells nobody of its end.
    dies: bool,
}

impl One {
    /// How often it has told of itself by `now`.
    fn reported(&self, now: Timestamp) -> u64 {
        let lives = reports_in(self.ends_at.min(now).since(self.works_at));
        lives + u64::from(!self.dies && self.ends_at <= now)
    }
}

/// Who works at a moment, and until when that stays so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Works {
    pub(super) count: u32,
    /// The sum of their shares.
    pub(super) share: f64,
    pub(super) until: Timestamp,
}

/// All that live, or have died a while ago.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    all: Vec<One>,
    /// Whether all can be told new shares.
    is_told: bool,
    started: u64,
    /// The times of those that have ended.
    ended: Duration,
    /// Their reports.
    reported: u64,
}

impl Fleet {
    /// `is_told`: whether those that live can be told new shares.
    pub(super) fn new(is_told: bool) -> Self {
        Self {
            is_told,
            ..Self::default()
        }
    }

    pub(super) fn is_told(&self) -> bool {
        self.is_told
    }

    /// How many were started.
    pub(super) fn started(&self) -> u64 {
        self.started
    }

    /// `last_sends`: how long those take that are in flight when it takes nothing new any more.
    pub(super) fn start(
        &mut self,
        event: &StartEvent,
        now: Timestamp,
        model: &Notifier,
        random: &mut Random,
        last_sends: Duration,
    ) {
        let deadline = Timestamp::from_millis(event.deadline_ms);
        let dies = random.next_unit() < model.deaths;
        let life = deadline.since(now);
        let leaves_at = deadline.minus(model.winds_down);
        // It has ended when its last sends are answered, and is not paid for longer.
        let ends_at = match dies {
            true => now.plus(random.span(life)),
            false => leaves_at.plus(last_sends).min(deadline),
        };
        self.started += 1;
        self.all.push(One {
            plan: event.plan,
            index: event.index,
            share: event.share,
            works_at: now.plus(model.start_latency),
            leaves_at: leaves_at.min(ends_at),
            ends_at,
            dies,
        });
    }

    /// Those that take what comes, or are about to.
    pub(super) fn living(&self, now: Timestamp) -> u32 {
        let living = self.all.iter().filter(|one| one.leaves_at > now);
        u32::try_from(living.count()).unwrap_or(u32::MAX)
    }

    pub(super) fn works(&self, now: Timestamp) -> Works {
        let works = |one: &&One| one.works_at <= now && one.leaves_at > now;
        let (mut count, mut share) = (0, 0.0);
        for one in self.all.iter().filter(works) {
            count += 1;
            share += one.share.size();
        }
        let changes = self
            .all
            .iter()
            .flat_map(|one| [one.works_at, one.leaves_at, one.ends_at]);
        Works {
            count,
            share: match self.is_told && count > 0 {
                true => 1.0,
                false => share.min(1.0),
            },
            until: changes
                .filter(|at| *at > now)
                .min()
                .unwrap_or(Timestamp::MAX),
        }
    }

    /// What those that live say of themselves.
    pub(super) fn reports(&self, now: Timestamp) -> Vec<Report> {
        let living = self.all.iter().filter(|one| one.ends_at > now);
        let report = |one: &One| Report {
            plan: one.plan,
            index: one.index,
            at: now,
            life: Life::Lives,
        };
        living.map(report).collect()
    }

    /// Forgets those that have ended. They have run from their start to their end.
    pub(super) fn reap(&mut self, now: Timestamp, start_latency: Duration) {
        let (mut ended, mut reported) = (Duration::ZERO, 0);
        self.all.retain(|one| {
            let lives = one.ends_at > now;
            if !lives {
                ended += one.ends_at.since(one.works_at) + start_latency;
                reported += one.reported(now);
            }
            lives
        });
        self.ended += ended;
        self.reported += reported;
    }

    /// How often all have told by `now` that they live, and that they ended.
    pub(super) fn reported(&self, now: Timestamp) -> u64 {
        let living: u64 = self.all.iter().map(|one| one.reported(now)).sum();
        living + self.reported
    }

    /// The minutes that all have run by `now`.
    pub(super) fn minutes(&self, now: Timestamp, start_latency: Duration) -> f64 {
        let ran = |one: &One| one.ends_at.min(now).since(one.works_at) + start_latency;
        let all: Duration = self.all.iter().map(ran).sum();
        (all + self.ended).as_secs_f64() / 60.0
    }
}
