//! What must hold of every simulation, whatever the traffic.

use proptest::prelude::*;

use super::*;
use crate::config::{Policy as Law, Span};

fn receiver(median_ms: u64, p99_ms: u64) -> Receiver {
    Receiver {
        weight: 1,
        latency: Latency {
            median: Duration::from_millis(median_ms),
            p99: Duration::from_millis(p99_ms),
        },
        rate_per_sec: None,
        in_flight_max: None,
    }
}

/// Notifiers of 32 slots at one receiver that takes 100 ms and leaves half of them free: 160 a second, 9,600 a minute each.
fn model(place: Place) -> Model {
    Model {
        receivers: vec![receiver(100, 100)],
        notifier: Notifier {
            slots: 32,
            destination_share: 1.0,
            life: Duration::from_secs(60),
            winds_down: Duration::from_secs(2),
            pickup: Duration::ZERO,
            ..Notifier::of(&config::Notifier::default(), Duration::from_secs(15))
        },
        place,
        lines_per_message: 1,
        line_bytes: 300,
        bytes_out: 1_000,
        seed: 7,
    }
}

fn scaler(law: Law) -> config::Scaler {
    config::Scaler {
        policy: law,
        interval: Span::secs(10),
        notifier_per_minute: 9_600,
        notifiers_max: 50,
        ..config::Scaler::default()
    }
}

const FUNCTIONS: Place = Place::Functions {
    late: Duration::from_secs(60),
    missing: 0.2,
};

fn policies() -> Vec<Policy> {
    vec![
        Policy::Scaled(scaler(Law::Proportional)),
        Policy::Scaled(scaler(Law::Backlog)),
        Policy::Fixed(3),
        Policy::EventSource {
            concurrency_max: 1_250,
        },
    ]
}

fn within(one: f64, other: f64, part: f64) -> bool {
    (one - other).abs() <= other.abs() * part
}

#[test]
fn a_notifier_manages_its_slots_by_the_latency() {
    assert!(within(model(Place::Embedded).per_minute(), 9_600.0, 1e-6));
    let mut two = model(Place::Embedded);
    two.receivers = vec![receiver(100, 100), receiver(300, 300)];
    assert!(within(two.per_minute(), 6_400.0, 1e-6));
    two.notifier.destination_share = 0.25;
    assert!(within(two.per_minute(), 4_800.0, 1e-6));
    two.notifier.per_sec_max = Some(10.0);
    assert!(within(two.per_minute(), 600.0, 1e-6));
    assert_eq!(two.step(), Duration::from_millis(50));
}

#[test]
fn a_fleet_takes_what_its_slots_can_and_no_more() {
    // 320 a second come, two manage just so many; one is left with half.
    let traffic = Traffic::even(19_200, 10);
    let model = model(Place::Embedded);
    let two = run(&traffic, &model, &Policy::Fixed(2));
    assert_eq!((two.done, two.left), (192_000, 0));
    assert!(two.delay.p99_ms <= 100, "{:?}", two.delay);
    let one = run(&traffic, &model, &Policy::Fixed(1));
    assert!(within(one.secs, 1_200.0, 0.01), "{}", one.secs);
    // The last came at 600 s and is sent at 1,200 s.
    assert!(within(
        f64::from(u32::try_from(one.delay.max_ms).unwrap()),
        600_000.0,
        0.01
    ));
    assert!(within(
        f64::from(u32::try_from(one.delay.p50_ms).unwrap()),
        300_000.0,
        0.01
    ));
    assert!(within(one.notifier_minutes, 20.0, 0.01));
}

#[test]
fn a_day_goes_through_the_real_scaler() {
    let traffic = Traffic::of_rows(
        &[(0, 60_000), (300_000, 600_000), (600_000, 0), (900_000, 1)],
        300_000,
    )
    .unwrap();
    for law in [Law::Proportional, Law::Backlog] {
        let outcome = run(
            &traffic,
            &model(Place::Embedded),
            &Policy::Scaled(scaler(law)),
        );
        assert_eq!(outcome.left, 0);
        // 120,000 a minute need 12.5.
        assert!(
            (13..=26).contains(&outcome.notifiers_max),
            "{law:?} {}",
            outcome.notifiers_max
        );
        let idle = outcome
            .minutes
            .iter()
            .filter(|minute| minute.notifiers == 0.0);
        assert!(
            idle.count() > 0,
            "{law:?}: nobody runs when nothing is to do"
        );
        assert!(
            outcome
                .reasons
                .iter()
                .any(|plan| plan.reason.contains("sent in 10 s need"))
        );
        assert!(outcome.plans >= outcome.reasons.len() as u64 && outcome.plans >= 90);
    }
}

#[test]
fn functions_see_late_and_are_late() {
    let rows = [(0, 60_000), (300_000, 600_000), (600_000, 60_000)];
    let traffic = Traffic::of_rows(&rows, 300_000).unwrap();
    for law in [Law::Proportional, Law::Backlog] {
        let policy = Policy::Scaled(scaler(law));
        let near = run(&traffic, &model(Place::Embedded), &policy);
        let far = run(&traffic, &model(FUNCTIONS), &policy);
        assert_eq!((near.left, far.left), (0, 0));
        assert!(
            far.delay.p99_ms > near.delay.p99_ms,
            "{:?} {:?}",
            far.delay,
            near.delay
        );
        let late = far
            .reasons
            .iter()
            .filter(|plan| plan.inputs.late_ms >= 60_000);
        assert!(late.count() > 0);
        assert!(far.usage.scaler_invocations == far.plans && far.usage.state_writes == far.plans);
    }
}

#[test]
fn figures_that_are_all_missing_stop_nobody() {
    let place = Place::Functions {
        late: Duration::from_secs(60),
        missing: 1.0,
    };
    for law in [Law::Proportional, Law::Backlog] {
        let outcome = run(
            &Traffic::even(6_000, 30),
            &model(place),
            &Policy::Scaled(scaler(law)),
        );
        assert_eq!(outcome.left, 0, "{law:?}");
        assert!(
            outcome
                .reasons
                .iter()
                .all(|plan| plan.inputs.sent.is_none())
        );
    }
}

#[test]
fn the_dead_are_replaced() {
    let traffic = Traffic::even(60_000, 20);
    for place in [Place::Embedded, FUNCTIONS] {
        let mut model = model(place);
        model.notifier.life = Duration::from_secs(300);
        let policy = Policy::Scaled(scaler(Law::Backlog));
        let all_live = run(&traffic, &model, &policy);
        model.notifier.deaths = 0.5;
        let half_die = run(&traffic, &model, &policy);
        assert_eq!(half_die.left, 0);
        let started = |outcome: &Outcome| outcome.usage.notifier_invocations;
        assert!(started(&half_die) > started(&all_live), "{place:?}");
    }
}

#[test]
fn limits_of_receivers_hold() {
    let mut model = model(Place::Embedded);
    model.receivers = vec![
        Receiver {
            rate_per_sec: Some(50.0),
            ..receiver(100, 200)
        },
        Receiver {
            in_flight_max: Some(4),
            ..receiver(100, 100)
        },
    ];
    let traffic = Traffic::even(12_000, 10);
    for policy in [
        Policy::Fixed(3),
        Policy::Scaled(scaler(Law::Proportional)),
        Policy::Scaled(scaler(Law::Backlog)),
    ] {
        let outcome = run(&traffic, &model, &policy);
        // 50 a second, and 4 at once for 100 ms each are 40 a second.
        let most = outcome
            .minutes
            .iter()
            .map(|minute| minute.done)
            .max()
            .unwrap();
        assert!(most <= 90 * 60 + 60, "{} {most}", policy.name());
        assert!(
            within(most as f64, 5_400.0, 0.03),
            "{} {most}",
            policy.name()
        );
    }
    // The second law starts no more than these can use: half a notifier.
    let limited = run(&traffic, &model, &Policy::Scaled(scaler(Law::Backlog)));
    let free = run(&traffic, &model, &Policy::Scaled(scaler(Law::Proportional)));
    assert_eq!(limited.notifiers_max, 1);
    assert!(free.notifiers_max > 1 && free.notifier_minutes > limited.notifier_minutes);
}

#[test]
fn an_event_source_begins_with_five_and_adds_three_hundred_a_minute() {
    let mut model = model(FUNCTIONS);
    model.receivers = vec![receiver(1_000, 1_000)];
    let traffic = Traffic::even(6_000_000, 3);
    let outcome = run(
        &traffic,
        &model,
        &Policy::EventSource {
            concurrency_max: 1_250,
        },
    );
    let minutes: Vec<f64> = outcome
        .minutes
        .iter()
        .map(|minute| minute.notifiers)
        .collect();
    // From 5 to 305, to 605, to 905: the means of the minutes.
    for (minute, mean) in [155.0, 455.0, 755.0].into_iter().enumerate() {
        assert!(within(minutes[minute], mean, 0.03), "{minutes:?}");
    }
    assert_eq!(outcome.notifiers_max, 1_250);
    let few = run(
        &traffic,
        &model,
        &Policy::EventSource { concurrency_max: 2 },
    );
    assert_eq!(few.notifiers_max, 2);
}

#[test]
fn little_is_paid_for_little() {
    let one = run(
        &Traffic::of_rows(&[(0, 1), (3_600_000, 0)], 60_000).unwrap(),
        &model(Place::Embedded),
        &Policy::Scaled(scaler(Law::Proportional)),
    );
    assert_eq!((one.done, one.usage.notifier_invocations), (1, 1));
    assert!(
        within(one.notifier_minutes, 58.1 / 60.0, 0.01),
        "{}",
        one.notifier_minutes
    );
    assert_eq!(
        (
            one.usage.queue_sends,
            one.usage.queue_deletes,
            one.usage.result_objects
        ),
        (1, 1, 1)
    );
    // One receive that bore it, and those of a minute of long polls.
    assert_eq!(one.usage.queue_receives, 1 + 2);
}

#[test]
fn functions_pay_for_telling_that_they_live() {
    let policy = Policy::Scaled(scaler(Law::Proportional));
    let place = Place::Functions {
        late: Duration::ZERO,
        missing: 0.0,
    };
    let traffic = Traffic::of_rows(&[(0, 6_000), (60_000, 0), (600_000, 0)], 60_000).unwrap();
    let outcome = run(&traffic, &model(place), &policy);
    let (usage, started) = (outcome.usage, outcome.usage.notifier_invocations);
    // Each lives for 58.1 s: it tells at 0, 20 and 40 s and at its end, and five plans, each 10 s, find it alive.
    assert_eq!(usage.report_writes, started * 4, "{usage:?}");
    assert_eq!(usage.report_reads, started * 5, "{usage:?}");
    assert_eq!(usage.report_lists, outcome.plans);

    let near = run(&traffic, &model(Place::Embedded), &policy).usage;
    let told = (near.report_writes, near.report_lists, near.report_reads);
    assert_eq!(told, (0, 0, 0), "a server sees its own notifiers");
}

#[test]
fn settings_are_found_for_a_target() {
    let rows = [(0, 60_000), (600_000, 600_000), (900_000, 60_000)];
    let traffic = Traffic::of_rows(&rows, 600_000).unwrap();
    let target = Duration::from_secs(4);
    for kind in [
        Kind::Scaled(scaler(Law::Proportional)),
        Kind::Scaled(scaler(Law::Backlog)),
        Kind::Fixed,
    ] {
        let found = find(&traffic, &model(Place::Embedded), &kind, target);
        assert!(
            found.is_kept && found.outcome.delay.p99_ms <= 4_000,
            "{kind:?} {:?}",
            found.outcome.delay
        );
        if kind == Kind::Fixed {
            // 120,000 a minute by 9,600 each.
            assert_eq!(found.policy, Policy::Fixed(13));
        }
    }
    let never = find(
        &traffic,
        &model(Place::Embedded),
        &Kind::Fixed,
        Duration::from_millis(1),
    );
    assert!(!never.is_kept);
}

fn any_traffic() -> impl Strategy<Value = Traffic> {
    prop::collection::vec(0u64..40_000, 1..5).prop_map(|counts| {
        let rows: Vec<(u64, u64)> = (0..).map(|row| row * 60_000).zip(counts).collect();
        Traffic::of_rows(&rows, 60_000).unwrap()
    })
}

/// The outcome without stretches.
fn step_by_step(traffic: &Traffic, model: &Model, policy: &Policy) -> Outcome {
    let mut engine = match policy {
        Policy::Scaled(settings) => engine::scaled(traffic, model, settings),
        Policy::Fixed(count) => engine::fixed(traffic, model, *count),
        Policy::EventSource { .. } => return run(traffic, model, policy),
    };
    engine.takes_stretches = false;
    engine.run(traffic, policy.name())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn nothing_is_lost_and_nothing_is_made(traffic in any_traffic(), seed in any::<u64>(), p99 in 100u64..800, is_far in any::<bool>()) {
        let mut model = model(if is_far { FUNCTIONS } else { Place::Embedded });
        model.seed = seed;
        model.receivers = vec![receiver(80, p99), Receiver { weight: 3, ..receiver(50, 50) }];
        for policy in policies() {
            let outcome = run(&traffic, &model, &policy);
            prop_assert_eq!(outcome.sent, traffic.count());
            prop_assert_eq!(outcome.sent, outcome.done + outcome.left);
            let by_minute = |of: fn(&Minute) -> u64| outcome.minutes.iter().map(of).sum::<u64>();
            prop_assert_eq!(by_minute(|minute| minute.sent), outcome.sent);
            prop_assert_eq!(by_minute(|minute| minute.done), outcome.done);
            prop_assert_eq!(&run(&traffic, &model, &policy), &outcome);
        }
    }

    #[test]
    fn a_stretch_is_what_its_steps_come_to(traffic in any_traffic(), p99 in 100u64..800, is_far in any::<bool>()) {
        let mut model = model(if is_far { FUNCTIONS } else { Place::Embedded });
        model.receivers = vec![receiver(100, p99), Receiver { weight: 3, ..receiver(70, 90) }];
        prop_assume!(traffic.count() > 5_000);
        let both = |policy| (run(&traffic, &model, &policy), step_by_step(&traffic, &model, &policy));
        let (quick, slow) = both(Policy::Fixed(7));
        prop_assert_eq!((quick.sent, quick.done, quick.left), (slow.sent, slow.done, slow.left));
        prop_assert_eq!(quick.minutes.len(), slow.minutes.len());
        for (quick, slow) in quick.minutes.iter().zip(&slow.minutes) {
            prop_assert_eq!(quick.sent, slow.sent);
            prop_assert!(quick.done.abs_diff(slow.done) <= slow.done / 50 + 20, "{:?} {:?}", quick, slow);
        }
        let step_ms = u64::try_from(model.step().as_millis()).unwrap();
        prop_assert!(quick.delay.p99_ms.abs_diff(slow.delay.p99_ms) <= step_ms + 1, "{:?} {:?}", quick.delay, slow.delay);
        prop_assert!(within(quick.in_flight_mean, slow.in_flight_mean, 0.03));
        let receives = |outcome: &Outcome| outcome.usage.queue_receives as f64;
        prop_assert!(within(receives(&quick), receives(&slow), 0.05), "{} {}", receives(&quick), receives(&slow));
        // Where it is planned, one that came a step sooner may start a notifier more.
        for law in [Law::Proportional, Law::Backlog] {
            let (quick, slow) = both(Policy::Scaled(scaler(law)));
            prop_assert_eq!((quick.sent, quick.left), (slow.sent, slow.left));
            let apart = (quick.notifier_minutes - slow.notifier_minutes).abs();
            prop_assert!(apart <= slow.notifier_minutes * 0.05 + 2.0, "{} {}", quick.notifier_minutes, slow.notifier_minutes);
        }
    }

    #[test]
    fn littles_law_holds(traffic in any_traffic(), p99 in 100u64..800) {
        let mut model = model(Place::Embedded);
        model.receivers = vec![receiver(100, p99)];
        prop_assume!(traffic.count() > 5_000);
        for policy in [Policy::Fixed(2), Policy::Scaled(scaler(Law::Backlog))] {
            let outcome = run(&traffic, &model, &policy);
            prop_assert_eq!(outcome.left, 0);
            let each = outcome.sent as f64 / outcome.secs;
            let latency = model.receivers[0].latency.mean_ms() / 1_000.0;
            prop_assert!(within(outcome.in_flight_mean, each * latency, 0.03), "{} {}", outcome.in_flight_mean, each * latency);
            // What is added to each delay beyond its steps is no waiting.
            let half = model.step().as_secs_f64() / 2.0;
            let waited = outcome.delay.mean_ms / 1_000.0 - half;
            prop_assert!((outcome.waiting_mean - each * waited).abs() <= 0.01 * outcome.waiting_mean + 1e-6);
        }
    }

    #[test]
    fn more_notifiers_are_never_later(traffic in any_traffic(), count in 1u32..6) {
        let model = model(Place::Embedded);
        let few = run(&traffic, &model, &Policy::Fixed(count));
        let more = run(&traffic, &model, &Policy::Fixed(count + 1));
        prop_assert!(more.delay.p99_ms <= few.delay.p99_ms && more.left <= few.left);
    }
}
