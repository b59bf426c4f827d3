//! The scenes that are played, and what must be true of them.

use super::*;

pub(super) fn scene(traits: QueueTraits) -> Scene {
    Scene {
        seed: 1,
        traits,
        has_bad: true,
        lines: 1,
        dead_backlog: 0,
        in_flight_max: 120_000,
        kills: 0,
        notifiers: 3,
        life: Duration::from_secs(40),
        limited: None,
        has_deadlines: false,
        ordered: None,
        retry_for: Duration::from_secs(240),
        slots: SLOTS,
        healthy: HEALTHY,
        lines_per_tick: 2,
        hung_every: None,
        weighed: None,
        load: 0.0,
    }
}

pub(super) fn play(scene: Scene, traffic_secs: u64) -> World {
    let world = World::new(scene, Duration::from_secs(traffic_secs)).run();
    println!(
        "{:?} bad {} lines {}: {} notifications, {:?} simulated, healthy p99 {:?}, duplicates {}, put off {}, in flight at most {}, capped receives {}",
        scene.traits.retry_wait,
        scene.has_bad,
        scene.lines,
        world.stories.len(),
        world.now,
        world.healthy_p99(),
        world.duplicates,
        world.sheds,
        world.model.in_flight_peak,
        world.model.capped_receives,
    );
    world.check();
    world
}

/// Healthy receivers do not notice the bad ones: their p99 moves by less than a tenth.
fn check_isolation(scene: Scene) {
    let alone = play(
        Scene {
            has_bad: false,
            ..scene
        },
        20,
    )
    .healthy_p99();
    let beside = play(scene, 20).healthy_p99();
    assert!(
        beside < alone.mul_f64(1.1),
        "healthy p99 {alone:?} alone, {beside:?} beside bad receivers"
    );
}

#[test]
fn bad_receivers_do_not_move_the_healthy_p99_embedded() {
    check_isolation(scene(EMBEDDED));
}

#[test]
fn bad_receivers_do_not_move_the_healthy_p99_on_sqs() {
    check_isolation(scene(SQS));
}

#[test]
fn bad_lines_in_packed_messages_do_not_hold_the_healthy_ones() {
    for traits in [EMBEDDED, SQS] {
        check_isolation(Scene {
            lines: 5,
            ..scene(traits)
        });
    }
}

/// A backlog for a dead receiver far beyond the in-flight cap (scaled: 6,000 for 120,000) does not fill it.
#[test]
fn the_in_flight_cap_is_never_reached() {
    let scene = Scene {
        dead_backlog: 5_000,
        in_flight_max: 6_000,
        ..scene(SQS)
    };
    let world = play(scene, 10);
    assert_eq!(world.model.capped_receives, 0);
}

#[test]
fn killed_notifiers_lose_nothing() {
    for (seed, traits) in [(1, EMBEDDED), (2, SQS)] {
        play(
            Scene {
                seed,
                kills: 4,
                ..scene(traits)
            },
            20,
        );
    }
}

/// When the last of a backlog is answered, in times of what its limit asks for, and how often each message is put off.
fn end_of_backlog(
    traits: QueueTraits,
    notifiers: usize,
    seed: u64,
    limited: Limited,
) -> (f64, f64) {
    let scene = Scene {
        seed,
        has_bad: false,
        notifiers,
        life: Duration::from_secs(3600),
        limited: Some(limited),
        ..scene(traits)
    };
    let world = World::new(scene, TICK).run();
    world.check();
    let answered = world.stories.values().filter_map(|story| story.answered);
    let took = limited.took.unwrap_or(ms(25)).as_secs_f64();
    let per_sec = limited.per_sec.map_or_else(
        || f64::from(limited.in_flight_max.unwrap()) / took,
        |count| count as f64,
    );
    let ideal = limited.backlog as f64 / per_sec;
    let last = answered.max().unwrap().as_secs_f64() / ideal;
    let put_off = world.sheds as f64 / limited.backlog as f64;
    println!(
        "{:?} {notifiers} notifiers seed {seed}, {limited:?}: last at {last:.2}, put off {put_off:.2}",
        traits.retry_wait
    );
    (last, put_off)
}

/// How much of its limit a backlog uses until 95 in 100 of it are sent, and how often each message is put off.
fn use_of_limit(traits: QueueTraits, notifiers: usize, limited: Limited) -> (f64, f64) {
    let scene = Scene {
        has_bad: false,
        notifiers,
        life: Duration::from_secs(3600),
        limited: Some(limited),
        ..scene(traits)
    };
    let world = World::new(scene, TICK).run();
    world.check();
    let stories = world.stories.values();
    let mut answered: Vec<Duration> = stories.filter_map(|story| story.answered).collect();
    answered.sort_unstable();
    let most = answered.len() * 95 / 100;
    let per_sec = limited.per_sec.map_or_else(
        || f64::from(limited.in_flight_max.unwrap()) / 0.025,
        |count| count as f64,
    );
    let used = most as f64 / answered[most - 1].as_secs_f64() / per_sec;
    let put_off = world.sheds as f64 / answered.len() as f64;
    println!("{traits:?} {notifiers} notifiers, {limited:?}: used {used:.3}, put off {put_off:.2}");
    (used, put_off)
}

#[test]
fn a_rate_shared_out_is_used_up() {
    let limited = Limited {
        backlog: 1000,
        per_sec: Some(50),
        in_flight_max: None,
        took: None,
    };
    for traits in [EMBEDDED, SQS] {
        for notifiers in [1, 2, 3, 16] {
            let (used, put_off) = use_of_limit(traits, notifiers, limited);
            assert!((0.95..1.02).contains(&used), "{used}");
            assert!(put_off < 2.5, "{put_off}");
        }
    }
}

/// Where there are more notifiers than places, most of what is received meets one without.
#[test]
fn an_in_flight_bound_shared_out_is_used() {
    let limited = Limited {
        backlog: 1000,
        per_sec: None,
        in_flight_max: Some(4),
        took: None,
    };
    for traits in [EMBEDDED, SQS] {
        // Those of one process take places from one another.
        let of_many = match traits.retry_wait {
            RetryWait::Native => (16, 0.98, 2.0),
            RetryWait::Resend => (16, 0.5, 10.0),
        };
        for (notifiers, least, most) in [(1, 0.95, 2.0), (2, 0.95, 2.0), of_many] {
            let (used, put_off) = use_of_limit(traits, notifiers, limited);
            assert!((least..1.1).contains(&used), "{used}");
            assert!(put_off < most, "{put_off}");
        }
    }
}

/// One of four has no part of the bound, or no place: what it receives must not wait long while the others are idle.
#[test]
fn a_bound_of_fewer_than_the_notifiers_starves_nobody() {
    let limited = Limited {
        backlog: 60,
        per_sec: None,
        in_flight_max: Some(3),
        took: Some(ms(300)),
    };
    for traits in [EMBEDDED, SQS] {
        for seed in 1..=5 {
            let (last, put_off) = end_of_backlog(traits, 4, seed, limited);
            let most = match traits.retry_wait {
                RetryWait::Native => 1.03,
                RetryWait::Resend => 1.5,
            };
            assert!(last < most, "{last}");
            assert!(put_off < 5.0, "{put_off}");
        }
    }
}

/// What each holds of a rate is at most three seconds' worth of its part: so much longer takes the end, however long the backlog,
/// where parts cannot be told anew. Where they can, nobody waits while others are idle.
#[test]
fn a_rate_shared_out_is_used_almost_to_the_last() {
    let limited = Limited {
        backlog: 600,
        per_sec: Some(40),
        in_flight_max: None,
        took: None,
    };
    for traits in [EMBEDDED, SQS] {
        for seed in 1..=5 {
            let (last, put_off) = end_of_backlog(traits, 4, seed, limited);
            let most = match traits.retry_wait {
                RetryWait::Native => 1.03,
                RetryWait::Resend => 1.2,
            };
            assert!(last < most, "{last}");
            assert!(put_off < 2.5, "{put_off}");
        }
    }
}
