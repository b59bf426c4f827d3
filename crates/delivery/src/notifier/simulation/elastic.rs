//! The scaler and the dispatchers themselves, through a push and back, in virtual time, beside what `simulate` says of it: how far
//! the model can be trusted where no processor is in the way.

use std::sync::Mutex;

use base::ManualClock;
use futures_util::FutureExt;

use super::receiver::{Kind, Receiver};
use super::scenes::scene;
use super::*;
use crate::config::{Policy as Law, Span};
use crate::scaler::{InMemory, Loop, RouteScale, Rules};
use crate::{notifier, port, simulate};

const TOOK: Duration = Duration::from_millis(400);
const LIFE: Duration = Duration::from_secs(30);
const ATTEMPT: Duration = Duration::from_secs(3);
const SLOTS: u32 = 16;
const RECEIVERS: u64 = 4;
const ROUTE: &str = "elastic";
/// How often it is looked who leaves, and whether somebody must come early.
const LOOK: Duration = Duration::from_millis(100);

/// Notifications a second, for so many seconds: 31 a notifier.
const TRAFFIC: [(u64, u64); 6] = [
    (20, 60),
    (20, 220),
    (20, 120),
    (10, 360),
    (20, 180),
    (30, 20),
];

fn seconds() -> impl Iterator<Item = u64> {
    let each = |(length, rate): (u64, u64)| std::iter::repeat_n(rate, length as usize);
    TRAFFIC.into_iter().flat_map(each)
}

/// The ports of the scaler, on what the world has come to.
#[derive(Debug, Default)]
struct Ports(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    now: Timestamp,
    /// When each was sent, and when each was answered.
    sent: Vec<Timestamp>,
    done: Vec<Timestamp>,
    waits: u64,
    oldest: Option<Duration>,
    living: u32,
    started: u32,
}

impl MetricSource for Ports {
    fn sent_in<'a>(
        &'a self,
        _: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        let seen = self.0.lock().unwrap();
        let count = seen
            .sent
            .iter()
            .filter(|at| (from..to).contains(*at))
            .count();
        Box::pin(std::future::ready(Ok(count as u64)))
    }

    fn backlog<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(std::future::ready(Ok(self.0.lock().unwrap().waits)))
    }

    fn figures<'a>(
        &'a self,
        _: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<port::Figures, Error>> {
        let seen = self.0.lock().unwrap();
        let stretch = |all: &[Timestamp]| port::Stretch {
            count: all.iter().filter(|at| (from..to).contains(*at)).count() as u64,
            from,
            to,
        };
        let figures = port::Figures {
            sent: Some(stretch(&seen.sent)),
            done: Some(stretch(&seen.done)),
            backlog: Some(port::Figure {
                value: seen.waits,
                at: to,
            }),
            oldest: seen.oldest.map(|value| port::Figure { value, at: to }),
            receivers: vec![port::Receiver::default(); RECEIVERS as usize],
        };
        Box::pin(std::future::ready(Ok(figures)))
    }

    fn is_paused(&self, _: &str) -> bool {
        false
    }
}

impl Invoker for Ports {
    fn start(&self, _: StartEvent) -> BoxFuture<'_, Result<(), Error>> {
        let mut seen = self.0.lock().unwrap();
        seen.started += 1;
        seen.living += 1;
        Box::pin(std::future::ready(Ok(())))
    }

    fn running<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<port::Running, Error>> {
        let living = self.0.lock().unwrap().living;
        Box::pin(std::future::ready(Ok(port::Running::Count(living))))
    }

    fn share_out<'a>(&'a self, _: &'a str, _: u32) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(std::future::ready(Ok(true)))
    }
}

fn settings(law: Law) -> config::Scaler {
    config::Scaler {
        policy: law,
        interval: Span::secs(5),
        // A tenth less than what one manages, so that a part of a send does not decide.
        notifier_per_minute: 1_700,
        notifiers_max: 40,
        target_age: Span::secs(5),
        drain_within: Span::secs(20),
        cool_down: Span::secs(10),
        ..config::Scaler::default()
    }
}

fn world(seed: u64) -> World {
    let scene = Scene {
        seed,
        has_bad: false,
        notifiers: 0,
        life: LIFE,
        slots: SLOTS,
        lines_per_tick: 0,
        ..scene(EMBEDDED)
    };
    let mut world = World::new(scene, TICK);
    let all = config::Destination {
        timeout_total: Some(Span::secs(ATTEMPT.as_secs())),
        ..config::Destination::default()
    };
    world.settings.destinations.insert("*".to_owned(), all);
    for number in 0..RECEIVERS {
        let kind = Kind::Slow {
            from: ms(0),
            to: ms(0),
            usual: TOOK,
            slow: TOOK,
        };
        world.receivers.insert(100 + number, Receiver::new(kind));
    }
    let mut number = 0;
    for (second, rate) in (0_u64..).zip(seconds()) {
        for place in 0..rate {
            number += 1;
            world.arrivals_left += 1;
            let at = ms(second * 1_000 + place * 1_000 / rate);
            world.after(at, Event::Arrive(100 + number % RECEIVERS, 1));
        }
    }
    world
}

/// Plays it; the delay of 99 of 100, and the minutes that notifiers ran.
fn played(law: Law, seed: u64) -> (Duration, f64) {
    let mut world = world(seed);
    let ports = Arc::new(Ports::default());
    let clock = Arc::new(ManualClock::at(START));
    let rules = Rules {
        settings: settings(law),
        life: LIFE,
        winds_down: notifier::winds_down(LIFE, ATTEMPT, RetryWait::Native),
        slots: SLOTS,
        routes: vec![RouteScale {
            route: ROUTE.to_owned(),
            notifiers_max: None,
        }],
    };
    let memory = Arc::new(InMemory::default());
    let plans = Loop::new(rules, ports.clone(), ports.clone(), memory, clock.clone());
    let (mut minutes, mut living, mut planned) = (0.0, 0, Duration::ZERO);
    let (mut look, mut told) = (Duration::ZERO, Vec::new());
    while !world.is_over() {
        world = play_until(world, look);
        world.now = world.now.max(look);
        clock.jump_to(START.plus(look));
        see(&world, &ports);
        let now = ports.0.lock().unwrap().living;
        let is_due = look.as_millis().is_multiple_of(5_000);
        let waits = ports.0.lock().unwrap().waits > 0;
        let is_early = now == 0 && waits && look >= planned + Duration::from_secs(1);
        if !is_due && now < living {
            plans.plan_left().now_or_never().unwrap();
        } else if is_due || is_early {
            planned = look;
            plans.plan_all().now_or_never().unwrap();
        }
        for _ in 0..std::mem::take(&mut ports.0.lock().unwrap().started) {
            world.running.push(Running {
                dispatcher: None,
                life: 0,
                wake: Duration::MAX,
            });
            world.start(world.running.len() - 1);
        }
        told = share_out(&mut world, told);
        living = ports.0.lock().unwrap().living;
        let running = world.running.iter().filter(|one| one.dispatcher.is_some());
        minutes += running.count() as f64 * LOOK.as_secs_f64() / 60.0;
        look += LOOK;
    }
    // Those that are left have nothing to do until they end.
    for one in world
        .running
        .iter()
        .filter_map(|one| one.dispatcher.as_ref())
    {
        assert_eq!(one.in_flight(), 0);
    }
    let sent = |story: &Story| story.answered.unwrap() - story.sent_at - TOOK;
    let mut all: Vec<Duration> = world.stories.values().map(sent).collect();
    all.sort_unstable();
    (all[all.len() * 99 / 100], minutes)
}

/// As in the server: each has an equal part of what the route may use. Tells it where others work than `before`.
fn share_out(world: &mut World, before: Vec<usize>) -> Vec<usize> {
    let all: Vec<usize> = (0..world.running.len())
        .filter(|n| {
            world.running[*n]
                .dispatcher
                .as_ref()
                .is_some_and(|one| !one.is_closing())
        })
        .collect();
    if all == before {
        return all;
    }
    let count = all.len() as u32;
    for (index, n) in (0..).zip(&all) {
        let n = *n;
        let told = Directives {
            share: Share::part(index, count),
            places: world.places[0].clone(),
            ..Directives::default()
        };
        let life = world.running[n].life;
        world.with(n, life, |dispatcher, at| dispatcher.direct(at, told));
    }
    all
}

/// As in the server: when the first of the last `waits` was sent.
fn first_of_the_last(sent: &[Timestamp], waits: u64) -> Option<Timestamp> {
    let place = sent.len().checked_sub(waits as usize)?;
    let mut sent = sent.to_vec();
    (place < sent.len()).then(|| *sent.select_nth_unstable(place).1)
}

/// What the scaler is told.
fn see(world: &World, ports: &Ports) {
    let mut seen = ports.0.lock().unwrap();
    let at = |after: Duration| START.plus(after);
    seen.now = at(world.now);
    seen.sent = world
        .stories
        .values()
        .map(|story| at(story.sent_at))
        .collect();
    let done = world.stories.values().filter_map(|story| story.answered);
    let done = done.filter(|answered| *answered <= world.now);
    seen.done = done.map(at).collect();
    // As in the server: what was put off is not seen.
    seen.waits = world.model.visible() as u64;
    seen.oldest = first_of_the_last(&seen.sent, seen.waits).map(|sent| at(world.now).since(sent));
    let living = world
        .running
        .iter()
        .filter_map(|one| one.dispatcher.as_ref());
    seen.living = living.filter(|one| !one.is_closing()).count() as u32;
}

/// The same as it is simulated.
fn simulated(law: Law) -> simulate::Outcome {
    let receiver = simulate::Receiver {
        weight: 1,
        latency: simulate::Latency::fixed(TOOK),
        rate_per_sec: None,
        in_flight_max: None,
    };
    let own = config::Notifier {
        slots: SLOTS,
        life: Span::secs(LIFE.as_secs()),
        ..config::Notifier::default()
    };
    let model = simulate::Model {
        receivers: vec![receiver; RECEIVERS as usize],
        notifier: simulate::Notifier::of(&own, ATTEMPT),
        place: simulate::Place::Embedded,
        lines_per_message: 1,
        line_bytes: 300,
        bytes_out: 1_000,
        seed: 1,
    };
    let rows: Vec<(u64, u64)> = (0..).map(|second| second * 1_000).zip(seconds()).collect();
    let traffic = simulate::Traffic::of_rows(&rows, 1_000).unwrap();
    simulate::run(&traffic, &model, &simulate::Policy::Scaled(settings(law)))
}

#[test]
fn what_is_simulated_is_near_what_comes() {
    for law in [Law::Proportional, Law::Backlog] {
        let model = simulated(law);
        let said = Duration::from_millis(model.delay.p99_ms);
        for seed in 1..=2 {
            let (p99, minutes) = played(law, seed);
            println!(
                "{law:?} seed {seed}: p99 {p99:?}, simulated {said:?}; notifier-minutes {minutes:.2}, simulated {:.2}",
                model.notifier_minutes
            );
            let apart = minutes / model.notifier_minutes;
            assert!((0.9..1.1).contains(&apart), "{apart}");
            let apart = p99.as_secs_f64() / said.as_secs_f64();
            assert!((0.9..1.1).contains(&apart), "{apart}");
        }
    }
}
