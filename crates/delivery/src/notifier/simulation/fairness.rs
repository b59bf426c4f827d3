//! Who gets how much where there is not enough, and who notices the one that hangs.

use super::scenes::{play, scene};
use super::*;

/// The rules of receivers with weights.
pub(super) fn rules(weighed: Weighed) -> Destinations {
    let mut settings = config::Settings::default();
    for (receiver, weight) in (FIRST..).zip(weighed.weights) {
        let own = config::Destination {
            weight: Some(*weight),
            ..config::Destination::default()
        };
        let host = format!("h{receiver}.example");
        settings.destinations.insert(host, own);
    }
    Destinations::new(&settings, &config::SystemSecrets).unwrap()
}

/// The parts of what was answered from a time on, by receiver, and how much of the slots that used.
fn parts(world: &World, weighed: Weighed, from: Duration) -> (Vec<f64>, f64) {
    let to = weighed.until;
    let mut counts = vec![0.0; weighed.weights.len()];
    for story in world.stories.values() {
        let place = story.receiver.checked_sub(FIRST);
        let place = place.and_then(|place| counts.get_mut(place as usize));
        if let (Some(count), Some(at)) = (place, story.answered)
            && (from..to).contains(&at)
        {
            *count += 1.0;
        }
    }
    let sum: f64 = counts.iter().sum();
    let slots = f64::from(weighed.slots) * (to - from).as_secs_f64() / weighed.took.as_secs_f64();
    let parts = counts.iter().map(|count| count / sum).collect();
    (parts, sum / slots)
}

#[test]
fn destinations_have_the_slots_by_their_weights_while_these_are_scarce() {
    for traits in [EMBEDDED, SQS] {
        for (weights, within) in [(&[1, 1, 1][..], 0.05), (&[1, 3], 0.2), (&[1, 1, 4], 0.3)] {
            let weighed = Weighed {
                weights,
                slots: 256,
                until: Duration::from_secs(20),
                backlog: 7000,
                took: ms(500),
            };
            let scene = Scene {
                has_bad: false,
                notifiers: 1,
                life: Duration::from_secs(3600),
                weighed: Some(weighed),
                ..scene(traits)
            };
            let world = World::new(scene, TICK).run();
            let (parts, used) = parts(&world, weighed, Duration::from_secs(5));
            let all: u32 = weights.iter().sum();
            println!(
                "{:?} {weights:?}: {parts:.3?}, used {used:.3}, put off {}",
                traits.retry_wait, world.sheds
            );
            for (part, weight) in parts.iter().zip(weights) {
                let wanted = f64::from(*weight) / f64::from(all);
                assert!((part / wanted - 1.0).abs() < within, "{part} of {wanted}");
            }
        }
    }
}

/// 1,000 receivers, one of which takes connections and never answers.
#[test]
fn one_that_hangs_among_a_thousand_is_noticed_by_nobody() {
    for traits in [EMBEDDED, SQS] {
        let alone = Scene {
            has_bad: false,
            healthy: 1_000,
            lines_per_tick: 5,
            ..scene(traits)
        };
        let p99 = play(alone, 15).healthy_p99();
        for every in [200, 50] {
            let hung_every = Some(every);
            let beside = play(
                Scene {
                    hung_every,
                    ..alone
                },
                15,
            )
            .healthy_p99();
            assert!(
                beside < p99.mul_f64(1.1),
                "{p99:?} alone, {beside:?} beside one that hangs and gets a line in {every} ticks"
            );
        }
    }
}
