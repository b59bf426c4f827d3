//! Notifiers that nobody sees, of which some are killed and some reports are lost: a simulation by seeds.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, ManualClock, Timestamp};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::tests::rules;
use super::*;
use crate::config::Policy;
use crate::port::{
    Error, Figure, Figures, Invoker, Life, MetricSource, Report, Running, StartEvent, Stretch,
};
use crate::random::Random;

/// So many are needed all the time.
const WANTED: u32 = 4;
/// How often a report is lost.
const LOST: f64 = 0.4;
/// How many are killed in their lives.
const KILLED: f64 = 0.3;

#[derive(Debug)]
struct One {
    event: StartEvent,
    /// When its reports reach the store.
    heard: Vec<Timestamp>,
    killed_at: Option<Timestamp>,
}

impl One {
    fn deadline(&self) -> Timestamp {
        Timestamp::from_millis(self.event.deadline_ms)
    }

    fn lives(&self, now: Timestamp) -> bool {
        now < self.deadline() && self.killed_at.is_none_or(|at| now < at)
    }

    fn last_heard(&self, now: Timestamp) -> Option<Timestamp> {
        self.heard.iter().copied().rfind(|at| *at <= now)
    }
}

#[derive(Debug)]
struct World {
    clock: Arc<ManualClock>,
    random: Mutex<Random>,
    all: Mutex<Vec<One>>,
    is_mute: bool,
}

impl World {
    fn count(&self, matches: impl Fn(&One) -> bool) -> u32 {
        let count = self.all.lock().iter().filter(|one| matches(one)).count();
        u32::try_from(count).unwrap()
    }
}

impl Invoker for World {
    fn start(&self, event: StartEvent) -> BoxFuture<'_, Result<(), Error>> {
        let now = self.clock.now();
        let mut random = self.random.lock();
        // It waits for a place, and begins cold.
        let begins = now.plus(random.span(Duration::from_secs(10)));
        let killed_at = (random.next_unit() < KILLED)
            .then(|| begins.plus(random.span(Duration::from_secs(280))));
        let mut one = One {
            event,
            heard: Vec::new(),
            killed_at,
        };
        let mut at = begins;
        while one.lives(at) {
            let mut wait = TELL_AGAIN;
            if random.next_unit() >= LOST && !self.is_mute {
                one.heard.push(at);
                wait = REPORT_EVERY;
            }
            // It ends by itself where it is not heard any more.
            if let Some(end) = one.heard.last().map(|heard| heard.plus(TELL_MAX))
                && at.plus(wait) >= end
            {
                let killed_at = one.killed_at.unwrap_or(end);
                one.killed_at = Some(killed_at.min(end));
            }
            at = at.plus(wait);
        }
        self.all.lock().push(one);
        Box::pin(std::future::ready(Ok(())))
    }

    fn running<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Running, Error>> {
        let now = self.clock.now();
        let report = |one: &One| {
            Some(Report {
                plan: one.event.plan,
                index: one.event.index,
                at: one.last_heard(now)?,
                life: Life::Lives,
            })
        };
        let reports = self.all.lock().iter().filter_map(report).collect();
        Box::pin(std::future::ready(Ok(Running::Reports(reports))))
    }
}

impl MetricSource for World {
    fn sent_in<'a>(
        &'a self,
        _: &'a str,
        _: Timestamp,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(std::future::ready(Ok(0)))
    }
    fn backlog<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(std::future::ready(Ok(0)))
    }
    fn figures<'a>(
        &'a self,
        _: &'a str,
        _: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, Error>> {
        let figures = Figures {
            sent: Some(Stretch {
                count: u64::from(WANTED) * 1_000,
                from: to.minus(Duration::from_secs(60)),
                to,
            }),
            backlog: Some(Figure { value: 0, at: to }),
            ..Figures::default()
        };
        Box::pin(std::future::ready(Ok(figures)))
    }
    fn is_paused(&self, _: &str) -> bool {
        false
    }
}

fn world(seed: u64, is_mute: bool) -> (Arc<World>, Loop) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
    let world = Arc::new(World {
        clock: clock.clone(),
        random: Mutex::new(Random::of_seed(seed)),
        all: Mutex::default(),
        is_mute,
    });
    let mut rules = rules(0, &["s2s"]);
    rules.settings.policy = Policy::Proportional;
    rules.settings.notifier_per_minute = 1_000;
    let memory = Arc::new(InMemory::default());
    let looping = Loop::new(rules, world.clone(), world.clone(), memory, clock);
    (world, looping)
}

#[tokio::test]
async fn whoever_is_killed_is_followed_by_the_first_plan_after_a_minute_of_silence() {
    let (mut killed, mut lost) = (0, 0);
    for seed in 0..64 {
        let (world, looping) = world(seed, false);
        for minute in 0..60 {
            let now = world.clock.now();
            let plan = looping.plan_all().await.pop().unwrap();
            let is_fresh = |at: Timestamp| now.since(at) <= SILENT_MAX;
            let started = |one: &One| one.event.plan < plan.number;
            let lives = world.count(|one| started(one) && one.lives(now));
            // Killed so lately that a report of it is not missed yet.
            let unseen = world.count(|one| {
                started(one)
                    && !one.lives(now)
                    && now < one.deadline()
                    && one.killed_at.is_some_and(is_fresh)
            });
            let what = format!("seed {seed}, minute {minute}: {}", plan.reason);
            assert_eq!(plan.wanted, WANTED, "{what}");
            assert!(
                plan.inputs.running <= lives + unseen,
                "{lives} + {unseen}; {what}"
            );
            assert!(
                lives + plan.start + unseen >= WANTED,
                "{lives} + {unseen}; {what}"
            );
            // Who is heard of is never taken for dead.
            let heard = |one: &One| one.last_heard(now).is_some_and(is_fresh);
            let heard = world.count(|one| started(one) && one.lives(now) && heard(one));
            assert!(plan.inputs.running >= heard, "{heard}; {what}");
            let shares = world.all.lock();
            let shares = shares.iter().filter(|one| one.lives(now));
            let sum: f64 = shares.map(|one| one.event.share.size()).sum();
            assert!(sum <= 1.0 + 1e-9, "a limit was given twice: {sum}; {what}");
            lost += plan.inputs.lost;
            world.clock.advance(Duration::from_secs(60));
        }
        killed += world.count(|one| one.killed_at.is_some());
    }
    assert!(killed > 1_000 && lost > 0, "{killed} killed, {lost} missed");
}

#[tokio::test]
async fn where_no_one_is_heard_of_no_one_is_replaced_before_its_deadline() {
    let (world, looping) = world(7, true);
    for _ in 0..60 {
        let plan = looping.plan_all().await.pop().unwrap();
        assert_eq!(plan.inputs.lost, 0, "{}", plan.reason);
        world.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(world.count(|_| true), WANTED * 12);
}
