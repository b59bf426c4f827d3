use super::*;
use crate::config;
use crate::port::{Error, Invoker, MetricSource, Running, StartEvent};
use base::{Clock, ManualClock, Timestamp};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use proptest::prelude::*;
use std::sync::Arc;

pub(super) fn inputs(sent: u64) -> Inputs {
    Inputs {
        policy: config::Policy::Proportional,
        sent: Some(sent),
        interval_ms: 60_000,
        late_ms: 0,
        known_per_minute: None,
        backlog: Some(0),
        backlog_late_ms: 0,
        oldest_ms: Some(0),
        oldest_late_ms: 0,
        target_age_ms: 30_000,
        headroom: 0.0,
        usable: None,
        held: 0,
        lost: 0,
        notifier_per_minute: 1_000,
        drain_within_ms: 300_000,
        running: 0,
        granted: 0.0,
        min: 0,
        max: 1_000,
        is_paused: false,
    }
}

fn wanted(inputs: Inputs) -> u32 {
    Scaler::plan("r", 1, Timestamp::EPOCH, inputs).wanted
}

proptest! {
    #[test]
    fn twice_the_sent_count_is_twice_the_notifiers(notifiers in 1u64..500, per_minute in 1u64..100_000, interval_s in 1u64..3_600) {
        let of = |count: u64| {
            // As much as `count` notifiers manage in the interval, to the last one.
            let sent = count * per_minute * interval_s / 60;
            let inputs = Inputs { notifier_per_minute: per_minute, interval_ms: interval_s * 1_000, ..inputs(sent) };
            (sent, wanted(inputs))
        };
        let (sent, once) = of(notifiers);
        let (sent_twice, twice) = of(notifiers * 2);
        prop_assume!(sent > 0 && sent_twice == sent * 2);
        prop_assert_eq!(twice, once * 2);
    }

    #[test]
    fn proportional_within_rounding_and_bounds(sent in 0u64..10_000_000, min in 0u32..5, max in 1u32..200) {
        let inputs = |sent| Inputs { min, max, ..inputs(sent) };
        let (once, twice) = (wanted(inputs(sent)), wanted(inputs(sent * 2)));
        prop_assert!(once >= min.min(max) && once <= max);
        prop_assert!(twice >= once && twice <= (once * 2).max(min.min(max)));
        let is_free = once > min && twice < max;
        prop_assert!(!is_free || twice >= once * 2 - 1);
    }

    #[test]
    fn no_limit_is_given_twice(running in 0u32..50, granted in 0.0f64..1.0, sent in 0u64..100_000) {
        let plan = Scaler::plan("r", 1, Timestamp::EPOCH, Inputs { running, granted, ..inputs(sent) });
        let given = f64::from(plan.start) * plan.share;
        prop_assert!(granted + given <= 1.0 + 1e-9);
    }
}

#[test]
fn a_queue_filled_once_is_drained() {
    let idle = Inputs {
        backlog: Some(1),
        ..inputs(0)
    };
    assert_eq!(wanted(idle), 1);
    // 20,000 waiting, 1,000 a minute each, within 5 minutes: 4.
    let filled = Inputs {
        backlog: Some(20_000),
        ..inputs(0)
    };
    assert_eq!(wanted(filled), 4);
    // What was sent in the interval and still waits is counted once.
    assert_eq!(
        wanted(Inputs {
            backlog: Some(3_000),
            ..inputs(3_000)
        }),
        3
    );
    assert_eq!(wanted(inputs(0)), 0);
}

#[test]
fn the_reason_says_everything() {
    let plan = Scaler::plan(
        "r",
        7,
        Timestamp::EPOCH,
        Inputs {
            running: 1,
            max: 2,
            backlog: Some(9_000),
            ..inputs(3_500)
        },
    );
    assert_eq!(
        plan.reason,
        "3500 sent in 60 s need 4, 9000 waiting need 2 more (1000/min each): 2 wanted, at most 2, 1 running, 1 started"
    );
}

#[test]
fn nothing_is_started_for_a_route_that_rests_whatever_waits() {
    let resting = Inputs {
        is_paused: true,
        min: 1,
        running: 2,
        backlog: Some(9_000),
        ..inputs(3_500)
    };
    let plan = Scaler::plan("s2s", 7, Timestamp::EPOCH, resting);
    assert_eq!((plan.wanted, plan.start), (0, 0));
    assert_eq!(
        plan.reason,
        "3500 sent in 60 s need 4, 9000 waiting need 2 more (1000/min each): 0 wanted while it is paused \
         (`shukuba resume route s2s`), 2 running, 0 started"
    );
}

#[derive(Debug)]
struct Sent(u64);

impl MetricSource for Sent {
    fn sent_in<'a>(
        &'a self,
        _: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(std::future::ready(Ok(self.0 * to.since(from).as_secs())))
    }
    fn backlog<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(std::future::ready(Ok(0)))
    }
    fn is_paused(&self, route: &str) -> bool {
        route == "rests"
    }
}

/// Notifiers elsewhere: they cannot be told a new share.
#[derive(Debug, Default)]
struct Elsewhere(Mutex<Vec<StartEvent>>);

impl Invoker for Elsewhere {
    fn start(&self, event: StartEvent) -> BoxFuture<'_, Result<(), Error>> {
        self.0.lock().push(event);
        Box::pin(std::future::ready(Ok(())))
    }
    fn running<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Running, Error>> {
        let count = u32::try_from(self.0.lock().len()).unwrap();
        Box::pin(std::future::ready(Ok(Running::Count(count))))
    }
}

#[tokio::test]
async fn each_interval_has_a_plan_that_is_kept() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
    let invoker = Arc::new(Elsewhere::default());
    let settings = config::Scaler {
        notifier_per_minute: 600,
        history: 2,
        ..config::Scaler::default()
    };
    let scale = RouteScale {
        route: "s2s".to_owned(),
        notifiers_max: None,
    };
    let rules = Rules {
        settings,
        life: Duration::from_secs(300),
        winds_down: Duration::from_secs(20),
        slots: 64,
        routes: vec![scale],
    };
    let memory = Arc::new(InMemory::default());
    let source = Arc::new(Sent(40));
    let looping = Loop::new(rules, source, invoker.clone(), memory, clock.clone());
    for _ in 0..3 {
        looping.plan_all().await;
        clock.advance(Duration::from_secs(60));
    }
    // 2,400 a minute, 600 each: 4 are started once, and then they run.
    let plans = looping.history(Some("s2s"));
    assert_eq!(
        plans
            .iter()
            .map(|plan| (plan.number, plan.wanted, plan.start))
            .collect::<Vec<_>>(),
        [(2, 4, 0), (3, 4, 0)]
    );
    let events = invoker.0.lock().clone();
    assert_eq!(events.len(), 4);
    assert!(
        events
            .iter()
            .all(|event| (event.share.size() - 0.25).abs() < 1e-9 && event.count == 4)
    );
    assert!(looping.history(Some("other")).is_empty());
    assert_eq!(clock.now(), Timestamp::from_secs(1_000_180));
}

/// Notifiers in this process: how many take what comes, and of how many each has a part.
#[derive(Debug, Default)]
struct Here(Mutex<(u32, u32)>);

impl Invoker for Here {
    fn start(&self, _: StartEvent) -> BoxFuture<'_, Result<(), Error>> {
        self.0.lock().0 += 1;
        Box::pin(std::future::ready(Ok(())))
    }
    fn running<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Running, Error>> {
        Box::pin(std::future::ready(Ok(Running::Count(self.0.lock().0))))
    }
    fn share_out<'a>(&'a self, _: &'a str, count: u32) -> BoxFuture<'a, Result<bool, Error>> {
        self.0.lock().1 = count;
        Box::pin(std::future::ready(Ok(true)))
    }
}

pub(super) fn rules(notifiers_min: u32, routes: &[&str]) -> Rules {
    let scale = |route: &&str| RouteScale {
        route: (*route).to_owned(),
        notifiers_max: None,
    };
    Rules {
        settings: config::Scaler {
            notifiers_min,
            ..config::Scaler::default()
        },
        life: Duration::from_secs(300),
        winds_down: Duration::from_secs(20),
        slots: 64,
        routes: routes.iter().map(scale).collect(),
    }
}

#[tokio::test]
async fn who_leaves_is_followed_before_the_next_interval() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
    let here = Arc::new(Here::default());
    let source = Arc::new(Sent(0));
    let memory = Arc::new(InMemory::default());
    let looping = Loop::new(
        rules(4, &["s2s"]),
        source,
        here.clone(),
        memory,
        clock.clone(),
    );
    // Nobody has left where nothing was planned.
    looping.plan_left().await;
    assert!(looping.history(None).is_empty());
    looping.plan_all().await;
    looping.plan_left().await;
    assert_eq!((looping.history(None).len(), here.0.lock().0), (1, 4));

    here.0.lock().0 = 3;
    clock.advance(Duration::from_millis(250));
    looping.plan_left().await;
    assert_eq!((looping.history(None).len(), *here.0.lock()), (2, (4, 4)));
    // It looked back over an interval, not over a quarter of a second.
    let plan = looping.history(None).pop().unwrap();
    let interval = config::Scaler::default().interval.get();
    assert_eq!(u128::from(plan.inputs.interval_ms), interval.as_millis());

    // Who is not followed leaves its part to the others.
    looping.set_rules(rules(2, &["s2s"]));
    here.0.lock().0 = 3;
    looping.plan_left().await;
    looping.plan_left().await;
    assert_eq!((looping.history(None).len(), *here.0.lock()), (3, (3, 3)));
}

#[tokio::test]
async fn plans_go_on_when_the_rules_change() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000_000)));
    let here = Arc::new(Here::default());
    let looping = Loop::new(
        rules(1, &["a", "b"]),
        Arc::new(Sent(0)),
        here.clone(),
        Arc::new(InMemory::default()),
        clock.clone(),
    );
    looping.plan_all().await;
    looping.set_rules(rules(1, &["b", "c"]));
    looping.plan_all().await;
    let plans = looping.history(None);
    let plans: Vec<_> = plans
        .iter()
        .map(|plan| (plan.number, plan.route.as_str()))
        .collect();
    assert_eq!(plans, [(1, "a"), (2, "b"), (3, "b"), (4, "c")]);
}
