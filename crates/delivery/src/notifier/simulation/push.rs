//! A push that outgrows the notifiers, and those that come to help: how late it is sent, beside how late it would be in the order
//! of its coming.

use super::receiver::{Kind, Receiver};
use super::scenes::scene;
use super::*;

/// How long each receiver takes, and the slots of a notifier.
const TOOK: Duration = Duration::from_millis(100);
const SLOTS: u32 = 16;

/// What comes from this second on, in times of what one notifier manages, and who runs.
#[derive(Clone, Copy)]
struct From {
    second: u64,
    times: f64,
    notifiers: u32,
}

/// A push that one notifier would take three times as long for, and others that come after five seconds.
const PUSH: [From; 4] = [
    From {
        second: 0,
        times: 0.5,
        notifiers: 1,
    },
    From {
        second: 5,
        times: 3.0,
        notifiers: 1,
    },
    From {
        second: 10,
        times: 3.0,
        notifiers: 6,
    },
    From {
        second: 25,
        times: 0.0,
        notifiers: 6,
    },
];

/// Sends a second of one notifier: no receiver has more than a quarter of its slots, or than it leaves free.
fn per_sec(receivers: u64) -> f64 {
    let slots = f64::from(SLOTS);
    let each = (slots / 4.0).min(slots / (receivers as f64 + 1.0));
    each * receivers as f64 / TOOK.as_secs_f64()
}

fn come(tick: u64, receivers: u64) -> u64 {
    let by = |tick: u64| {
        (0..tick).map(|tick| at(tick / 20).times).sum::<f64>() * per_sec(receivers) / 20.0
    };
    by(tick + 1) as u64 - by(tick) as u64
}

fn at(second: u64) -> From {
    let begun = PUSH.iter().rev().find(|from| from.second <= second);
    *begun.unwrap()
}

/// What goes to so many receivers in the push, in delays from the shortest.
fn delays(traits: QueueTraits, receivers: u64, seed: u64) -> (Vec<Duration>, f64) {
    let most = PUSH.iter().map(|from| from.notifiers).max().unwrap();
    let scene = Scene {
        seed,
        has_bad: false,
        notifiers: most as usize,
        life: Duration::from_secs(3_600),
        slots: SLOTS,
        lines_per_tick: 0,
        ..scene(traits)
    };
    let mut world = World::new(scene, TICK);
    // Those that help come later.
    world
        .events
        .retain(|_, event| !matches!(event, Event::Start(_)));
    let end = PUSH.last().unwrap().second;
    for number in 0..receivers {
        let kind = Kind::Slow {
            from: ms(0),
            to: ms(0),
            usual: TOOK,
            slow: TOOK,
        };
        world.receivers.insert(100 + number, Receiver::new(kind));
    }
    for tick in 0..end * 20 {
        let count = come(tick, receivers);
        for number in 0..count {
            world.arrivals_left += 1;
            world.after(
                ms(tick * 50 + 1),
                Event::Arrive(100 + number % receivers, 1),
            );
        }
    }
    for from in PUSH {
        world = play_until(world, Duration::from_secs(from.second));
        world.now = world.now.max(Duration::from_secs(from.second));
        for n in 0..from.notifiers as usize {
            if world.running[n].dispatcher.is_none() {
                world.start(n);
            }
            let share = Share::part(n as u32, from.notifiers);
            let life = world.running[n].life;
            let told = Directives {
                share,
                ..Directives::default()
            };
            world.with(n, life, |dispatcher, at| dispatcher.direct(at, told));
        }
    }
    let world = play_until(world, Duration::from_secs(600));
    assert!(world.is_over());
    let sent = |story: &Story| story.answered.unwrap() - story.sent_at - TOOK;
    let mut all: Vec<Duration> = world.stories.values().map(sent).collect();
    all.sort_unstable();
    let trips = world.sheds as f64 / all.len() as f64;
    (all, trips)
}

/// The same where all is sent in the order of its coming.
fn in_order(receivers: u64) -> Vec<Duration> {
    let (mut waiting, mut all, mut may) = (std::collections::VecDeque::new(), Vec::new(), 0.0);
    for tick in 0.. {
        let second = tick / 20;
        let now = ms(tick * 50);
        let from = at(second);
        waiting.extend(std::iter::repeat_n(now, come(tick, receivers) as usize));
        let more = f64::from(from.notifiers) * per_sec(receivers) / 20.0;
        may = (may + more).min(more + 1.0);
        while may >= 1.0
            && let Some(came) = waiting.pop_front()
        {
            may -= 1.0;
            all.push(now - came);
        }
        if waiting.is_empty() && second > PUSH.last().unwrap().second {
            break;
        }
    }
    all.sort_unstable();
    all
}

#[test]
fn what_waits_is_sent_about_in_the_order_of_its_coming() {
    let part = |all: &[Duration], part: f64| all[(all.len() as f64 * part) as usize];
    for traits in [EMBEDDED, SQS] {
        for receivers in [1, 4] {
            let fair = in_order(receivers);
            let ideal = part(&fair, 0.99);
            for seed in 1..=3 {
                let (all, trips) = delays(traits, receivers, seed);
                let p99 = part(&all, 0.99);
                println!(
                    "{:?} {receivers} receivers seed {seed}: p99 {p99:?}, in order {ideal:?}; put off {trips:.2}",
                    traits.retry_wait
                );
                assert!(p99 < ideal.mul_f64(1.25), "{p99:?}, in order {ideal:?}");
                assert!(trips < 3.0, "{trips}");
            }
        }
    }
}
