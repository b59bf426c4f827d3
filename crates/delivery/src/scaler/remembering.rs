//! The state between plans: who lives, what holds over, and two scalers at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Clock, ManualClock, Timestamp};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::tests::rules;
use super::*;
use crate::config::Policy;
use crate::port::{
    Error, Figure, Figures, Invoker, Life, Memory, MetricSource, Receiver, Report, Running, Saved,
    StartEvent, Stretch, Version,
};

/// Says what it is told to say.
#[derive(Debug, Default)]
pub(super) struct Says(Mutex<Figures>);

impl MetricSource for Says {
    fn sent_in<'a>(
        &'a self,
        _: &'a str,
        _: Timestamp,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        unreachable!("the loop asks for figures")
    }
    fn backlog<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        unreachable!("the loop asks for figures")
    }
    fn figures<'a>(
        &'a self,
        _: &'a str,
        _: Timestamp,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, Error>> {
        let figures = self.0.lock().clone();
        Box::pin(std::future::ready(Ok(figures)))
    }
    fn is_paused(&self, _: &str) -> bool {
        false
    }
}

/// Notifiers that nobody can count, such as functions.
#[derive(Debug, Default)]
pub(super) struct Functions {
    started: Mutex<Vec<StartEvent>>,
    heard: Mutex<Option<Vec<Report>>>,
    /// How many may still be started.
    room: Mutex<Option<usize>>,
}

impl Invoker for Functions {
    fn start(&self, event: StartEvent) -> BoxFuture<'_, Result<(), Error>> {
        let mut room = self.room.lock();
        let answer = match room.as_mut() {
            Some(0) => Err(Error::unavailable("the function", "too many requests")),
            room => {
                room.into_iter().for_each(|left| *left -= 1);
                self.started.lock().push(event);
                Ok(())
            }
        };
        Box::pin(std::future::ready(answer))
    }
    fn running<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Running, Error>> {
        let heard = self.heard.lock().clone();
        let running = heard.map_or(Running::Unknown, Running::Reports);
        Box::pin(std::future::ready(Ok(running)))
    }
}

/// A place that another process wrote to as well.
#[derive(Debug, Default)]
struct Shared {
    kept: InMemory,
    /// Who comes between the next load and save.
    between: Mutex<Option<State>>,
}

impl Memory for Shared {
    fn load(&self) -> BoxFuture<'_, Result<(State, Version), Error>> {
        self.kept.load()
    }
    fn save<'a>(
        &'a self,
        state: &'a State,
        instead_of: &'a Version,
    ) -> BoxFuture<'a, Result<Saved, Error>> {
        Box::pin(async move {
            let between = self.between.lock().take();
            if let Some(other) = between {
                self.kept.save(&other, instead_of).await?;
            }
            self.kept.save(state, instead_of).await
        })
    }
}

struct Bench {
    says: Arc<Says>,
    functions: Arc<Functions>,
    memory: Arc<Shared>,
    clock: Arc<ManualClock>,
    rules: Rules,
}

impl Bench {
    fn new(policy: Policy) -> Self {
        let mut rules = rules(0, &["s2s"]);
        rules.settings.policy = policy;
        rules.settings.headroom = 0.0;
        rules.settings.notifier_per_minute = 1_000;
        Self {
            says: Arc::default(),
            functions: Arc::default(),
            memory: Arc::default(),
            clock: Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000))),
            rules,
        }
    }

    /// A scaler that has just begun, as a scheduled function does each time.
    async fn plan(&self) -> Plan {
        let looping = Loop::new(
            self.rules.clone(),
            self.says.clone(),
            self.functions.clone(),
            self.memory.clone(),
            self.clock.clone(),
        );
        looping.plan_all().await.pop().unwrap()
    }

    fn wait(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    /// The figures of the minute that ended `late` seconds ago.
    fn say(&self, sent: u64, backlog: u64, late: u64) {
        let now = self.clock.now();
        let to = now.minus(Duration::from_secs(late));
        let from = to.minus(Duration::from_secs(60));
        *self.says.0.lock() = Figures {
            sent: Some(Stretch {
                count: sent,
                from,
                to,
            }),
            backlog: Some(Figure {
                value: backlog,
                at: now,
            }),
            ..Figures::default()
        };
    }

    fn hear(&self, of: &[(u64, u32)], life: Life) {
        let at = self.clock.now();
        let report = |(plan, index): &(u64, u32)| Report {
            plan: *plan,
            index: *index,
            at,
            life,
        };
        let mut heard = self.functions.heard.lock();
        heard.get_or_insert_default().extend(of.iter().map(report));
    }
}

#[tokio::test]
async fn a_scaler_that_begins_anew_knows_whom_others_started() {
    let bench = Bench::new(Policy::Proportional);
    bench.say(3_000, 0, 120);
    assert_eq!(bench.plan().await.start, 3);
    bench.wait(60);
    let second = bench.plan().await;
    assert_eq!(
        (second.number, second.inputs.running, second.start),
        (2, 3, 0)
    );
    assert_eq!(second.inputs.late_ms, 180_000);
    // All end together after their life of five minutes.
    bench.wait(240);
    let third = bench.plan().await;
    assert_eq!((third.inputs.running, third.start), (0, 3));
}

#[tokio::test]
async fn what_was_last_known_holds_for_a_quarter_of_an_hour() {
    let bench = Bench::new(Policy::Proportional);
    bench.say(3_000, 0, 60);
    bench.plan().await;
    bench.says.0.lock().sent = None;
    bench.wait(13 * 60);
    assert_eq!(bench.plan().await.wanted, 3);
    bench.wait(2 * 60);
    // Nothing waits, and it is too long ago.
    assert_eq!(bench.plan().await.wanted, 0);
    bench.says.0.lock().backlog = None;
    assert_eq!(bench.plan().await.wanted, 1, "nothing is known: one looks");
}

#[tokio::test]
async fn who_is_not_heard_of_or_says_that_it_ended_is_replaced() {
    let bench = Bench::new(Policy::Backlog);
    bench.say(3_000, 0, 0);
    bench.hear(&[], Life::Lives);
    assert_eq!(bench.plan().await.start, 3);
    bench.wait(60);
    bench.hear(&[(1, 0), (1, 1)], Life::Lives);
    // They have a minute to tell of themselves.
    assert_eq!(bench.plan().await.start, 0);
    bench.wait(1);
    bench.say(3_000, 0, 0);
    let lost = bench.plan().await;
    assert_eq!(
        (lost.inputs.lost, lost.inputs.running, lost.start),
        (1, 2, 1)
    );
    // The silent one was never heard of, and may live: its share is not given twice.
    assert!(
        (lost.inputs.granted - 1.0).abs() < 1e-9,
        "{}",
        lost.inputs.granted
    );
    assert!(lost.share < 1e-9);
    bench.hear(&[(1, 1)], Life::Ended);
    bench.hear(&[(1, 0), (3, 0)], Life::Lives);
    let ended = bench.plan().await;
    assert_eq!(
        (ended.inputs.lost, ended.inputs.running, ended.start),
        (1, 2, 1)
    );
    assert!((ended.share - 1.0 / 3.0).abs() < 1e-9, "{}", ended.share);
    // It speaks again: there is one too many, which nobody stops.
    bench.hear(&[(1, 2), (4, 0)], Life::Lives);
    let back = bench.plan().await;
    assert_eq!(
        (back.inputs.lost, back.inputs.running, back.start),
        (0, 4, 0)
    );
}

#[tokio::test]
async fn the_share_of_one_that_was_heard_before_it_fell_silent_is_its_successors() {
    let bench = Bench::new(Policy::Backlog);
    bench.say(3_000, 0, 0);
    bench.hear(&[], Life::Lives);
    assert_eq!(bench.plan().await.start, 3);
    bench.wait(10);
    bench.hear(&[(1, 0), (1, 1), (1, 2)], Life::Lives);
    bench.plan().await;
    bench.wait(50);
    bench.hear(&[(1, 0), (1, 1)], Life::Lives);
    bench.wait(11);
    bench.say(3_000, 0, 0);
    let lost = bench.plan().await;
    assert_eq!((lost.inputs.lost, lost.start), (1, 1), "{}", lost.reason);
    assert!((lost.share - 1.0 / 3.0).abs() < 1e-9, "{}", lost.share);
}

#[tokio::test]
async fn who_lives_for_less_than_an_interval_counts_for_half_its_life() {
    let mut bench = Bench::new(Policy::Proportional);
    bench.rules.life = Duration::from_secs(30);
    bench.say(3_000, 0, 0);
    // Free receivers: successors come ahead of the end.
    bench.says.0.lock().receivers = vec![Receiver::default()];
    assert_eq!(bench.plan().await.start, 3);
    bench.wait(14);
    let early = bench.plan().await;
    assert_eq!((early.inputs.running, early.start), (3, 0));
    bench.wait(2);
    let late = bench.plan().await;
    assert_eq!((late.inputs.running, late.start), (0, 3));
}

#[tokio::test]
async fn of_two_scalers_at_once_one_sees_what_the_other_started() {
    let bench = Bench::new(Policy::Proportional);
    bench.say(3_000, 0, 0);
    let other = Bench::new(Policy::Proportional);
    other.say(3_000, 0, 0);
    other.plan().await;
    let (state, _) = other.memory.load().await.unwrap();
    *bench.memory.between.lock() = Some(state);
    let plan = bench.plan().await;
    assert_eq!((plan.number, plan.inputs.running, plan.start), (2, 3, 0));
    assert!(bench.functions.started.lock().is_empty());
}

#[tokio::test]
async fn who_could_not_be_started_does_not_count() {
    let bench = Bench::new(Policy::Proportional);
    bench.say(3_000, 0, 0);
    *bench.functions.room.lock() = Some(1);
    let plan = bench.plan().await;
    assert_eq!(
        plan.failure.as_deref(),
        Some("the function is not available: too many requests")
    );
    *bench.functions.room.lock() = None;
    bench.wait(1);
    let plan = bench.plan().await;
    assert_eq!((plan.inputs.running, plan.start), (1, 2));
}

#[tokio::test]
async fn what_was_wanted_is_held_until_the_cool_down_is_over() {
    let bench = Bench::new(Policy::Backlog);
    bench.say(3_000, 0, 0);
    assert_eq!(bench.plan().await.wanted, 3);
    bench.say(1_000, 0, 0);
    bench.wait(119);
    let held = bench.plan().await;
    assert_eq!((held.needed, held.wanted), (1, 3));
    bench.wait(1);
    assert_eq!(bench.plan().await.wanted, 1);
}

#[tokio::test]
async fn what_one_manages_is_learned_from_a_queue_that_does_not_get_empty() {
    let bench = Bench::new(Policy::Backlog);
    let done = |count| {
        let to = bench.clock.now();
        let from = to.minus(Duration::from_secs(60));
        bench.says.0.lock().done = Some(Stretch { count, from, to });
    };
    bench.say(3_000, 50_000, 0);
    let first = bench.plan().await;
    assert_eq!(first.inputs.notifier_per_minute, 1_000);
    // Sixteen of them manage 500 each.
    for _ in 0..20 {
        bench.wait(60);
        bench.say(3_000, 50_000, 0);
        done(u64::from(first.wanted) * 500);
        bench.plan().await;
    }
    let last = bench.plan().await.inputs.notifier_per_minute;
    assert!((500..520).contains(&last), "{last}");
    // Receivers that let no more through say nothing of it.
    bench.says.0.lock().receivers = vec![Receiver {
        rate_per_minute: Some(800.0),
        in_flight_max: None,
    }];
    bench.wait(60);
    done(800);
    let limited = bench.plan().await;
    assert_eq!(limited.inputs.notifier_per_minute, last);
    assert_eq!(limited.inputs.usable, Some(2));
}

#[tokio::test]
async fn the_state_is_read_as_it_was_written() {
    let bench = Bench::new(Policy::Backlog);
    bench.say(3_000, 10, 60);
    bench.plan().await;
    let (state, version) = bench.memory.load().await.unwrap();
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    // One of the next version may know more, one of the last less.
    assert_eq!(
        serde_json::from_str::<State>("{}").unwrap(),
        State::default()
    );
    assert_eq!(
        bench
            .memory
            .save(&state, &Version("0".to_owned()))
            .await
            .unwrap(),
        Saved::Overtaken
    );
    assert!(matches!(
        bench.memory.save(&state, &version).await.unwrap(),
        Saved::Kept(_)
    ));
    let routes: BTreeMap<_, _> = state.routes;
    assert!(routes.keys().eq(["s2s"]));
}
