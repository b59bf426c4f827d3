//! The second law, what is learned, and what the receivers can use: by tables and properties.

use proptest::prelude::*;

use super::tests::inputs;
use super::*;
use crate::config::Policy;
use crate::port::Receiver;
use base::Timestamp;

/// 3,000 sent a minute, 1,000 a minute each.
fn asked() -> Inputs {
    Inputs {
        policy: Policy::Backlog,
        ..inputs(3_000)
    }
}

fn plan(inputs: Inputs) -> Plan {
    Scaler::plan("r", 1, Timestamp::EPOCH, inputs)
}

#[test]
fn a_table_of_the_second_law() {
    let cases = [
        ("the rate alone", asked(), 3),
        (
            "a quarter to spare",
            Inputs {
                headroom: 0.25,
                ..asked()
            },
            4,
        ),
        // 1,000 in 30 s are 2 notifiers more.
        (
            "what waits is gone within the target",
            Inputs {
                backlog: Some(1_000),
                ..asked()
            },
            5,
        ),
        // 10 s are left: 6 more.
        (
            "its oldest has little time",
            Inputs {
                backlog: Some(1_000),
                oldest_ms: Some(20_000),
                ..asked()
            },
            9,
        ),
        // A quarter of the target is left at least: 8 more.
        (
            "its oldest is late",
            Inputs {
                backlog: Some(1_000),
                oldest_ms: Some(3_600_000),
                ..asked()
            },
            11,
        ),
        // 1,000 came in 20 s.
        (
            "nobody knows how old the oldest is",
            Inputs {
                backlog: Some(1_000),
                oldest_ms: None,
                ..asked()
            },
            9,
        ),
        (
            "what waits is younger than a late figure says",
            Inputs {
                backlog: Some(1_000),
                oldest_ms: Some(60_000),
                oldest_late_ms: 60_000,
                ..asked()
            },
            9,
        ),
        (
            "drain_within is shorter",
            Inputs {
                backlog: Some(1_000),
                drain_within_ms: 15_000,
                ..asked()
            },
            7,
        ),
        // 2,000 a minute beyond what one manages, for 2 minutes: 4,000 wait, 8 more.
        (
            "it has grown since it was seen",
            Inputs {
                running: 1,
                backlog_late_ms: 120_000,
                ..asked()
            },
            11,
        ),
        (
            "that it has shrunk is not guessed",
            Inputs {
                running: 9,
                backlog: Some(1_000),
                backlog_late_ms: 120_000,
                ..asked()
            },
            5,
        ),
        (
            "the receivers take no more",
            Inputs {
                usable: Some(2),
                ..asked()
            },
            2,
        ),
        (
            "receivers that take nothing are asked by one",
            Inputs {
                usable: Some(0),
                ..asked()
            },
            1,
        ),
        ("held from before", Inputs { held: 7, ..asked() }, 7),
        (
            "bounded above",
            Inputs {
                held: 7,
                max: 4,
                ..asked()
            },
            4,
        ),
        (
            "nothing to do",
            Inputs {
                sent: Some(0),
                ..asked()
            },
            0,
        ),
        (
            "nothing to do, but some always run",
            Inputs {
                sent: Some(0),
                min: 2,
                ..asked()
            },
            2,
        ),
        (
            "one waits",
            Inputs {
                sent: Some(0),
                backlog: Some(1),
                ..asked()
            },
            1,
        ),
        (
            "paused",
            Inputs {
                is_paused: true,
                held: 7,
                ..asked()
            },
            0,
        ),
        (
            "a figure that is missing is not zero",
            Inputs {
                sent: None,
                known_per_minute: Some(3_000.0),
                ..asked()
            },
            3,
        ),
        (
            "nothing is known: one looks",
            Inputs {
                sent: None,
                backlog: None,
                ..asked()
            },
            1,
        ),
        (
            "nothing waits, and nobody knows what was sent",
            Inputs {
                sent: None,
                ..asked()
            },
            0,
        ),
    ];
    for (case, inputs, wanted) in cases {
        let plan = plan(inputs);
        assert_eq!(plan.wanted, wanted, "{case}: {}", plan.reason);
    }
}

#[test]
fn the_first_law_takes_no_missing_figure_for_zero_either() {
    let missing = |known| Inputs {
        sent: None,
        known_per_minute: known,
        ..inputs(0)
    };
    assert_eq!(plan(missing(Some(3_500.0))).wanted, 4);
    let blind = Inputs {
        backlog: None,
        ..missing(None)
    };
    assert_eq!(plan(blind).wanted, 1);
    assert_eq!(
        plan(blind).reason,
        "what was sent is not known, what waits is not known (1000/min each): 1 wanted, 0 running, 1 started"
    );
}

#[test]
fn the_second_law_says_its_reasons() {
    let inputs = Inputs {
        headroom: 0.25,
        backlog: Some(1_000),
        oldest_ms: Some(12_000),
        late_ms: 90_000,
        running: 2,
        lost: 1,
        usable: Some(4),
        ..asked()
    };
    assert_eq!(
        plan(inputs).reason,
        "3000 sent in 60 s until 90 s ago need 3.8 with 25 % to spare, 1000 waiting need 3.3 within 18 s, the oldest is 12 s old \
         (1000/min each): 4 wanted, more the receivers' limits cannot use (8 needed), 2 running, 1 lost, 2 started"
    );
    let held = plan(Inputs { held: 5, ..asked() });
    assert!(
        held.reason
            .contains(": 5 wanted, held from before (3 needed), "),
        "{}",
        held.reason
    );
    assert_eq!((held.needed, held.wanted), (3, 5));
}

#[test]
fn receivers_use_what_their_limits_let_through() {
    let limited = |rate: Option<f64>, places| Receiver {
        rate_per_minute: rate,
        in_flight_max: places,
    };
    let cases: [(&[Receiver], Option<u32>); 6] = [
        (&[], None),
        (&[limited(None, None)], None),
        (&[limited(Some(2_500.0), None)], Some(3)),
        (&[limited(Some(2_500.0), None), limited(None, None)], None),
        // 10 of 64 slots, and half a notifier's rate.
        (
            &[limited(Some(9_000.0), Some(10)), limited(Some(500.0), None)],
            Some(1),
        ),
        (
            &[limited(Some(2_000.0), None), limited(None, Some(128))],
            Some(6),
        ),
    ];
    for (receivers, most) in cases {
        assert_eq!(usable(receivers, 1_000.0, 64), most, "{receivers:?}");
    }
}

#[test]
fn what_one_manages_is_learned_between_bounds() {
    let fresh = Learned::default();
    assert!((fresh.per_minute(600) - 600.0).abs() < f64::EPSILON);
    // Who had nothing to do says only what it manages at least.
    assert_eq!(fresh.with(600, 100.0, false), fresh);
    assert!(fresh.with(600, 700.0, false).per_minute(600) > 600.0);
    assert!((fresh.with(600, 100.0, true).per_minute(600) - 450.0).abs() < 1e-9);
    let after = |measured: f64| {
        (0..100)
            .fold(fresh, |learned, _| learned.with(600, measured, true))
            .per_minute(600)
    };
    assert!((after(100.0) - 100.0).abs() < 1.0);
    assert!((after(1.0) - 60.0).abs() < 1.0);
    assert!((after(1e9) - 6_000.0).abs() < 1.0);
    assert!((after(f64::NAN) - 600.0).abs() < f64::EPSILON);
}

fn any_inputs() -> impl Strategy<Value = Inputs> {
    let figures = (
        prop::option::of(0u64..1_000_000),
        prop::option::of(0u64..1_000_000),
        prop::option::of(0u64..10_000_000),
        0u64..600_000,
    );
    let bounds = (
        0u32..5,
        1u32..200,
        prop::option::of(0u32..100),
        0u32..250,
        0u32..250,
    );
    (figures, bounds, 0.0f64..1.0).prop_map(
        |((sent, backlog, oldest_ms, late), bounds, granted)| {
            let (min, max, usable, held, running) = bounds;
            Inputs {
                sent,
                backlog,
                oldest_ms,
                backlog_late_ms: late,
                late_ms: late,
                min,
                max,
                usable,
                held,
                running,
                granted,
                ..asked()
            }
        },
    )
}

proptest! {
    #[test]
    fn every_plan_keeps_its_bounds(inputs in any_inputs()) {
        let plan = plan(inputs);
        prop_assert!(plan.wanted <= inputs.max);
        prop_assert!(plan.wanted >= inputs.min.min(inputs.max));
        prop_assert_eq!(plan.start, plan.wanted.saturating_sub(inputs.running));
        prop_assert!(inputs.granted + f64::from(plan.start) * plan.share <= 1.0 + 1e-9);
        prop_assert!(inputs.usable.is_none_or(|usable| plan.needed <= usable.max(1)));
    }

    #[test]
    fn more_never_wants_fewer(inputs in any_inputs(), more in 1u64..100_000) {
        let count = |inputs| plan(inputs).wanted;
        let now = count(inputs);
        if let Some(sent) = inputs.sent {
            let sent = Some(sent + more);
            let then = count(Inputs { sent, ..inputs });
            prop_assert!(then >= now);
        }
        if let Some(backlog) = inputs.backlog {
            let backlog = Some(backlog + more);
            let then = count(Inputs { backlog, ..inputs });
            prop_assert!(then >= now);
        }
        let oldest_ms = inputs.oldest_ms.map(|oldest| oldest + more);
        let then = count(Inputs { oldest_ms, ..inputs });
        prop_assert!(then >= now);
    }

    #[test]
    fn a_plan_is_read_as_it_was_written(inputs in any_inputs()) {
        let plan = plan(inputs);
        let text = serde_json::to_string(&plan).unwrap();
        let read: Plan = serde_json::from_str(&text).unwrap();
        prop_assert_eq!((read.inputs.sent, read.wanted, read.needed, read.reason), (plan.inputs.sent, plan.wanted, plan.needed, plan.reason));
    }
}
