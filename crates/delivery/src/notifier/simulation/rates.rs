//! A rate and packed messages: each second uses it up, whatever the latency was when turns were given.

use super::receiver::{Kind, Receiver};
use super::scenes::scene;
use super::*;

const PER_SEC: u64 = 1_000;
const SECONDS: u64 = 14;

/// What came in each second, over the rate, at a receiver whose answers take longer for some seconds from `slow_from` on.
fn by_second(traits: QueueTraits, notifiers: usize, slow_from: Duration) -> Vec<f64> {
    let limited = Limited {
        backlog: usize::try_from(PER_SEC * (SECONDS + 4)).unwrap(),
        per_sec: Some(PER_SEC),
        in_flight_max: None,
        took: None,
    };
    let scene = Scene {
        has_bad: false,
        lines: 200,
        notifiers,
        life: Duration::from_secs(3600),
        limited: Some(limited),
        // Enough in flight for the rate, and 8 s of it held.
        slots: 512,
        load: 0.8,
        ..scene(traits)
    };
    let mut world = World::new(scene, TICK);
    let kind = Kind::Slow {
        from: slow_from,
        to: slow_from + Duration::from_secs(4),
        usual: ms(1),
        slow: ms(60),
    };
    world.receivers.insert(LIMITED, Receiver::new(kind));
    let world = play_until(world, Duration::from_secs(SECONDS));
    let taken = &world.receivers[&LIMITED].taken;
    let in_second = |second| taken.iter().filter(|at| at.as_secs() == second).count();
    let used = (0..SECONDS).map(|second| in_second(second) as f64 / PER_SEC as f64);
    let used: Vec<f64> = used.collect();
    println!(
        "{:?} {notifiers} notifiers, slow from {slow_from:?}: {used:.3?}, put off {}",
        traits.retry_wait, world.sheds
    );
    used
}

#[test]
fn packed_messages_use_a_rate_up_in_each_second() {
    for (notifiers, slow_from) in [(1, 0), (1, 3), (3, 0)] {
        let used = by_second(EMBEDDED, notifiers, Duration::from_secs(slow_from));
        // A burst is what comes in a tenth of a second.
        let is_kept = |used: &f64| (0.98..=1.1).contains(used);
        assert!(used[0] <= 1.1 && used[1..].iter().all(is_kept), "{used:?}");
    }
}
