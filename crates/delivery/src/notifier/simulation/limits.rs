//! Receivers that limit us, break, slow down and come back: what gets through, and what it costs.

use super::receiver::{Kind, Receiver};
use super::scenes::scene;
use super::told::TELL_EVERY;
use super::*;

/// The receiver of these scenes.
const ONE: u64 = 100;

const MINUTE: Duration = Duration::from_secs(60);

/// A world with one receiver of a kind and so many notifications for it at times.
fn world(
    traits: QueueTraits,
    notifiers: usize,
    kind: Kind,
    arrivals: &[(Duration, usize)],
) -> World {
    let scene = Scene {
        has_bad: false,
        notifiers,
        life: Duration::from_secs(86_400),
        retry_for: Duration::from_secs(86_400),
        ..scene(traits)
    };
    let mut world = World::new(scene, TICK);
    world.receivers.insert(ONE, Receiver::new(kind));
    world.arrivals_left = arrivals.len();
    if world.recall.is_some() {
        world.after(TELL_EVERY, Event::Tell);
    }
    for (at, count) in arrivals {
        world.after(*at, Event::Arrive(ONE, *count));
    }
    world
}

fn window(says_when: bool) -> Kind {
    Kind::Window {
        limit: 1000,
        span: MINUTE,
        says_when,
    }
}

fn tokens(per_sec: f64, burst: f64) -> Kind {
    Kind::Tokens(crate::limit::Bucket::new(per_sec, burst, Duration::ZERO))
}

/// The part of the limit that gets through and the part of sends that is refused, from the third minute to the tenth, of a
/// receiver that is sent a fifth more than it takes.
fn settled(traits: QueueTraits, notifiers: usize, kind: Kind) -> (f64, f64) {
    let arrivals: Vec<_> = (0..600).map(|at| (Duration::from_secs(at), 20)).collect();
    let world = world(traits, notifiers, kind.clone(), &arrivals);
    let world = play_until(world, MINUTE * 10);
    let one = &world.receivers[&ONE];
    let goodput = one.per_sec(MINUTE * 3, MINUTE * 10) * 60.0 / 1000.0;
    let refused = one.refused_part(MINUTE * 3, MINUTE * 10);
    let first = one.refused_part(ms(0), MINUTE * 3);
    println!(
        "{:?} {notifiers} notifiers, {kind:?}: {goodput:.3} of the limit, refused {refused:.4}, in the first three minutes {first:.4}, receives {}",
        traits.retry_wait, world.receives
    );
    (goodput, refused)
}

#[test]
fn a_limit_that_shows_only_by_429_is_learned() {
    for (traits, notifiers, kind) in [
        (EMBEDDED, 1, window(false)),
        (EMBEDDED, 3, tokens(1000.0 / 60.0, 20.0)),
        (SQS, 3, window(true)),
    ] {
        let (goodput, refused) = settled(traits, notifiers, kind);
        assert!(goodput >= 0.9, "{goodput}");
        assert!(refused <= 0.02, "{refused}");
    }
}

#[test]
#[ignore = "a measurement: 24 times ten minutes"]
fn all_limiters() {
    let per_sec = 1000.0 / 60.0;
    for traits in [EMBEDDED, SQS] {
        for notifiers in [1, 3, 16] {
            for burst in [20.0, 200.0] {
                settled(traits, notifiers, tokens(per_sec, burst));
            }
            settled(traits, notifiers, window(false));
            settled(traits, notifiers, window(true));
        }
    }
}

/// Whatever a receiver answers, no more is sent than the settings say.
#[test]
fn no_ceiling_is_exceeded() {
    let secs = Duration::from_secs;
    for (seed, kind) in [
        window(false),
        tokens(5.0, 5.0),
        Kind::Places(2),
        Kind::Flaps {
            down: secs(7),
            up: secs(9),
        },
        Kind::Sometimes { each: 3 },
    ]
    .into_iter()
    .enumerate()
    {
        let mut world = world(EMBEDDED, 2, kind, &[(ms(1), 600)]);
        world.random = Random::of_seed(seed as u64);
        let own = config::Destination {
            rate: Some(config::Rate::per_sec_of(20)),
            in_flight_max: Some(3),
            ..config::Destination::default()
        };
        let host = format!("h{ONE}.example");
        world.settings.destinations.insert(host, own);
        // A whole share each: twice the settings together.
        let world = play_until(world, secs(90));
        let one = &world.receivers[&ONE];
        assert!(one.peak <= 6, "{}", one.peak);
        let mut sent: Vec<_> = one.taken.iter().chain(&one.refused).collect();
        sent.sort_unstable();
        for (first, last) in sent.iter().zip(sent.iter().skip(46)) {
            assert!(
                **last - **first >= secs(1),
                "47 within a second at {first:?}"
            );
        }
    }
}

/// A receiver with few places says 503 when they are taken: it was four sends of five before rates were learned.
#[test]
fn an_overloaded_receiver_is_sent_less() {
    let world = world(EMBEDDED, 1, Kind::Places(4), &[(ms(1), 20_000)]);
    let world = play_until(world, MINUTE * 3);
    let one = &world.receivers[&ONE];
    let used = one.per_sec(MINUTE, MINUTE * 3) / 80.0;
    let refused = one.refused_part(MINUTE, MINUTE * 3);
    println!(
        "four places: {used:.3} used, refused {refused:.3}, highest attempt {}",
        one.attempts_max
    );
    assert!(used > 0.55, "{used}");
    assert!(refused < 0.2, "{refused}");
}

/// How long 6,000 take that all come at a time, to one receiver.
fn takes(traits: QueueTraits, kind: Kind, from: Duration) -> Duration {
    let world = play_until(world(traits, 1, kind, &[(from, 6_000)]), from + MINUTE * 30);
    let one = &world.receivers[&ONE];
    assert_eq!(one.taken.len(), 6_000);
    one.taken.iter().max().unwrap().saturating_sub(from)
}

/// A written rate is met from the start, after a refusal and after a slow moment, though the first turns are given before
/// anything is known.
#[test]
fn a_written_rate_is_met_whatever_the_first_moments_are() {
    let slow = |from, to| Kind::Slow {
        from: ms(from),
        to: ms(to),
        usual: ms(50),
        slow: ms(500),
    };
    for (traits, kind) in [
        (EMBEDDED, Kind::Odd(&[])),
        (EMBEDDED, Kind::Odd(&[13])),
        (EMBEDDED, slow(0, 1_000)),
        (EMBEDDED, slow(200, 2_000)),
        (SQS, Kind::Odd(&[13])),
        (SQS, slow(0, 1_000)),
    ] {
        let mut world = world(traits, 1, kind.clone(), &[(ms(1), 15_000)]);
        world.scene.slots = 1024;
        let own = config::Destination {
            rate: Some(config::Rate::per_sec_of(750)),
            ..config::Destination::default()
        };
        let host = format!("h{ONE}.example");
        world.settings.destinations.insert(host, own);
        let world = play_until(world, MINUTE * 30);
        let one = &world.receivers[&ONE];
        let took = one.taken.iter().max().unwrap();
        println!(
            "{:?} {kind:?}: 15,000 at 750 a second took {took:?}, receives {}",
            traits.retry_wait, world.receives
        );
        assert_eq!(one.taken.len(), 15_000);
        assert!(*took < Duration::from_secs(25), "{took:?}");
    }
}

/// Who refuses in its first moments and takes all afterwards is soon sent as much as if it had not.
#[test]
fn a_refusal_in_the_first_moments_is_soon_forgotten() {
    let all: &[&'static [usize]] = &[&[1], &[2], &[13], &[40], &[300], &[13, 60], &[13, 60, 300]];
    for (traits, from, numbers) in [
        (EMBEDDED, ms(1), all),
        (EMBEDDED, MINUTE * 7, &all[2..3]),
        (SQS, ms(9_000), &all[5..6]),
    ] {
        let usual = takes(traits, Kind::Odd(&[]), from);
        for numbers in numbers {
            let took = takes(traits, Kind::Odd(numbers), from);
            println!(
                "{:?} from {from:?}, {numbers:?} refused: {took:?}, usually {usual:?}",
                traits.retry_wait
            );
            assert!(
                took <= usual + Duration::from_secs(15),
                "{numbers:?}: {took:?}"
            );
        }
    }
}

/// The pauses double while it refuses, so that it is sent to again after twice the time at most.
#[test]
fn who_refused_all_for_a_while_has_its_full_rate_soon_after() {
    let secs = Duration::from_secs;
    for (traits, from, begins, lasts) in [
        (EMBEDDED, ms(1), ms(0), secs(1)),
        (EMBEDDED, ms(1), ms(0), secs(20)),
        (EMBEDDED, ms(1), ms(150), secs(5)),
        (EMBEDDED, ms(1), ms(150), secs(20)),
        (EMBEDDED, MINUTE * 7, ms(150), secs(20)),
        (SQS, ms(9_000), ms(0), secs(5)),
        (SQS, ms(9_000), secs(2), secs(20)),
    ] {
        let usual = takes(traits, Kind::Odd(&[]), from);
        let away = Kind::Away {
            from: from + begins,
            to: from + begins + lasts,
        };
        let took = takes(traits, away, from);
        println!(
            "{:?} from {from:?}, away {begins:?} later for {lasts:?}: {took:?}, usually {usual:?}",
            traits.retry_wait
        );
        assert!(took <= usual + lasts * 2 + secs(15), "{took:?}");
    }
}

/// The odd 503 slows nobody down.
#[test]
fn the_odd_503_costs_nothing() {
    let taken = |kind| {
        let world = world(EMBEDDED, 1, kind, &[(ms(1), 20_000)]);
        let world = play_until(world, Duration::from_secs(40));
        world.receivers[&ONE].taken.len() as f64
    };
    let (always, mostly) = (
        taken(Kind::Places(1000)),
        taken(Kind::Sometimes { each: 20 }),
    );
    assert!(mostly > always * 0.9, "{mostly} of {always}");
}

/// Latency that rises makes less be in flight than waits, and when it falls what waits is worked off.
#[test]
fn less_is_in_flight_while_a_receiver_is_slow() {
    let secs = Duration::from_secs;
    let (from, to) = (secs(5), secs(15));
    let kind = Kind::Slow {
        from,
        to,
        usual: ms(5),
        slow: ms(250),
    };
    let arrivals: Vec<_> = (0..1500).map(|at| (ms(at * 10), 6)).collect();
    let mut world = world(EMBEDDED, 1, kind, &arrivals);
    world.scene.slots = 1024;
    let world = play_until(world, secs(25));
    let one = &world.receivers[&ONE];
    let widest = |from, to| {
        let widths = one.widths.iter();
        let within = widths.filter(|(at, _)| (from..to).contains(at));
        within.map(|(_, width)| *width).max().unwrap_or(0)
    };
    println!(
        "5 ms and 250 ms: {} in flight at most while slow, {} in its last 3 s, {} taken",
        widest(from, to),
        widest(secs(12), to),
        one.taken.len()
    );
    assert!(widest(secs(12), to) <= 90, "{}", widest(secs(12), to));
    assert_eq!(one.taken.len(), 9000);
}

/// What an outage of an hour costs and how what waits comes back.
struct Outage {
    failed: usize,
    attempts_max: u32,
    trips: f64,
    /// After its end: when it is noticed, and when 95 in 100 are delivered.
    back: Duration,
    most: Duration,
}

fn outage(traits: QueueTraits, backlog: usize) -> Outage {
    let hour = MINUTE * 60;
    let down = Kind::Down {
        from: ms(0),
        to: hour,
    };
    let mut world = play_until(world(traits, 1, down, &[(ms(1), backlog)]), hour);
    let trips = world.receives as f64 / backlog as f64;
    world = play_until(world, hour * 2);
    let one = &world.receivers[&ONE];
    let after = |place: usize| one.taken.get(place).map_or(Duration::MAX, |at| *at - hour);
    let outage = Outage {
        failed: one.refused.len(),
        attempts_max: one.attempts_max,
        trips,
        back: after(0),
        most: after((backlog * 95 / 100).saturating_sub(1)),
    };
    println!(
        "{:?} an hour's outage, {backlog} wait: {} sends failed, highest attempt {}, {:.2} trips a message, noticed after {:?}, 95 % after {:?}, all {}",
        traits.retry_wait,
        outage.failed,
        outage.attempts_max,
        outage.trips,
        outage.back,
        outage.most,
        one.taken.len()
    );
    assert_eq!(one.taken.len(), backlog);
    outage
}

/// 16 failures, what was in flight then, and a probe each 45 s or so.
#[test]
fn an_outage_burns_no_attempts() {
    for (traits, backlog) in [(EMBEDDED, 1_500), (SQS, 300)] {
        let outage = outage(traits, backlog);
        assert!(outage.failed < 160, "{}", outage.failed);
        assert!(outage.attempts_max <= 4, "{}", outage.attempts_max);
        assert!(outage.trips < 75.0, "{}", outage.trips);
        assert!(outage.back < Duration::from_secs(75), "{:?}", outage.back);
    }
}

#[test]
#[ignore = "a measurement: up to 100,000 messages for an hour"]
fn outages() {
    for traits in [EMBEDDED, SQS] {
        for backlog in [100, 1_000, 10_000, 100_000] {
            outage(traits, backlog);
        }
    }
}

/// Who stays dead for longer than messages are tried holds none for ever: each has its one try and ends.
#[test]
fn what_reaches_its_age_has_one_try_and_ends() {
    for traits in [EMBEDDED, SQS] {
        let down = Kind::Down {
            from: ms(0),
            to: Duration::MAX,
        };
        let mut world = world(traits, 1, down, &[(ms(1), 400)]);
        world.scene.retry_for = MINUTE * 10;
        let world = world.run();
        let one = &world.receivers[&ONE];
        println!(
            "{:?} never back: {} sends for 400, over at {:?}",
            traits.retry_wait,
            one.refused.len(),
            world.now
        );
        world.check();
        let to_one = world.stories.values().filter(|story| story.delivered == 0);
        assert!(
            to_one
                .clone()
                .all(|story| story.ends == 1 && story.attempts >= 1)
        );
        assert!(one.refused.len() < 600, "{}", one.refused.len());
    }
}

/// Up and down in turn: most of what can get through does, with fewer failures than sends that wait their backoff.
#[test]
fn a_receiver_that_flaps_is_used_while_it_is_up() {
    let secs = Duration::from_secs;
    for (down, up, part) in [(10, 10, 0.9), (60, 30, 0.6)] {
        let kind = Kind::Flaps {
            down: secs(down),
            up: secs(up),
        };
        let arrivals: Vec<_> = (0..600).map(|at| (secs(at), 10)).collect();
        let world = play_until(world(EMBEDDED, 1, kind, &arrivals), MINUTE * 10);
        let one = &world.receivers[&ONE];
        println!(
            "{down} s down, {up} s up: {} of 6000 taken, {} failed, highest attempt {}",
            one.taken.len(),
            one.refused.len(),
            one.attempts_max
        );
        assert!(
            one.taken.len() as f64 > 6000.0 * part,
            "{}",
            one.taken.len()
        );
        assert!(one.attempts_max <= 6, "{}", one.attempts_max);
    }
}

/// Fifty healthy receivers do not notice what waits for a dead one, once that is known: after its first timeout.
#[test]
fn a_backlog_for_a_dead_receiver_does_not_move_the_healthy_p99() {
    let p99 = |backlog| {
        let scene = Scene {
            has_bad: false,
            dead_backlog: backlog,
            life: Duration::from_secs(86_400),
            ..scene(EMBEDDED)
        };
        let world = play_until(
            World::new(scene, Duration::from_secs(20)),
            Duration::from_secs(30),
        );
        let known = |story: &&Story| story.is_healthy && story.sent_at > Duration::from_secs(5);
        let stories = world.stories.values().filter(known);
        let mut waits: Vec<Duration> = stories
            .map(|story| story.answered.unwrap() - story.sent_at)
            .collect();
        waits.sort_unstable();
        waits[waits.len() * 99 / 100]
    };
    let (alone, beside) = (p99(0), p99(3_000));
    assert!(
        beside < alone.mul_f64(1.1),
        "{alone:?} alone, {beside:?} beside"
    );
}
